//! Results: OBR to DiagnosticReport, OBX to Observation (HL7 v2.5.1 chapter 7).

use super::mapping::{Mapping, Typed};
use super::order::observations;
use super::reading::{read_concept, system_of};
use super::{About, Building, time};
use crate::message::{Part, Segment};
use badiano_fhir::{Value, fhir};

impl<'m> Building<'m> {
    pub(super) fn report(&mut self, role: &str, group: &[Segment<'m>], about: &About) {
        let (rest, observed) = observations(group);
        let mut report = fhir!({ "resourceType": "DiagnosticReport" });
        self.m.fill("DiagnosticReport", &rest, &mut report);
        // RE, "observations follow", says what the message is.
        if let Some(orc) = rest.iter().find(|s| s.name() == "ORC" && s.field(1).text().trim() == "RE") {
            self.m.take(orc.field(1));
            self.m.settle();
        }
        if report["status"].is_null() {
            report.set("status", "unknown");
        }
        if report["code"].is_null() {
            report.set("code", fhir!({ "text": "Resultado" }));
        }
        report.set("subject", fhir!({ "reference": (about.person.as_str()) }));
        if !about.visit.is_empty() {
            report.set("encounter", fhir!({ "reference": (about.visit.as_str()) }));
        }
        if self.m.naming.whole {
            self.answered_order(role, &rest, about, &mut report);
        }
        for (kind, url) in self.made_in(&rest) {
            if kind == "Specimen" {
                report.push("specimen", fhir!({ "reference": url }));
            }
        }
        let mut conclusions: Vec<String> = Vec::new();
        for (k, lines) in lines_of_one_text(&observed).into_iter().enumerate() {
            if let Some(document) = lines.first().and_then(|l| self.document(l)) {
                report.push("presentedForm", document);
                continue;
            }
            let Some(observation) = self.observation(lines, about) else { continue };
            if let Some(text) = observation["valueString"].as_str()
                && lines.first().is_some_and(|l| self.concludes(l))
            {
                conclusions.push(text.to_owned());
            }
            let url = self.add(&format!("observation-{role}-{k}"), observation);
            report.push("result", fhir!({ "reference": url }));
        }
        if !conclusions.is_empty() {
            report.set("conclusion", conclusions.join("\n"));
        }
        self.add(&format!("report-{role}"), report);
    }

    /// The order that a report answers, as the report's own segments tell of it: beside the clinical resources.
    fn answered_order(&mut self, role: &str, rest: &[Segment<'m>], about: &About, report: &mut Value) {
        let mut request = fhir!({ "resourceType": "ServiceRequest" });
        self.m.fill("ServiceRequest", rest, &mut request);
        if request["identifier"].items().is_empty() {
            return;
        }
        if request["status"].is_null() {
            request.set("status", "completed");
        }
        request.set("intent", "order");
        request.set("subject", fhir!({ "reference": (about.person.as_str()) }));
        let url = super::full_url(&self.m, &format!("order-{role}"));
        let mut based = report["basedOn"].at(0).clone();
        if based.is_null() {
            based = fhir!({ "type": "ServiceRequest" });
        }
        based.set("reference", url.as_str());
        match report.as_object_mut().and_then(|o| o.get_mut("basedOn")).and_then(Value::as_array_mut) {
            Some(all) if !all.is_empty() => all[0] = based,
            _ => report.push("basedOn", based),
        }
        self.m.tables.call(&mut request);
        self.aside.push((url, request));
    }

    /// The OBX behind a TXA as the content of its document: files as they are, text lines as one text.
    pub(super) fn content(&mut self, own: &[Segment<'m>], document: &mut Value) {
        let (_, observed) = observations(own);
        let mut text: Vec<String> = Vec::new();
        let mut files: Vec<Value> = Vec::new();
        for line in &observed {
            if let Some(file) = self.document(line) {
                files.push(file);
                continue;
            }
            let obx = line[0];
            for repetition in obx.field(5).repetitions() {
                let pieces: Vec<String> = repetition.components().filter_map(|c| self.m.take(c)).collect();
                text.push(pieces.join(" "));
            }
            for number in [2, 3, 4, 11] {
                self.m.take(obx.field(number));
            }
            self.m.settle();
        }
        let text = text.join("\n");
        if !text.trim().is_empty() {
            let data = base64(text.trim_matches('\n').as_bytes());
            files.insert(0, fhir!({ "contentType": "text/plain;charset=utf-8", "data": data }));
        }
        let times = document["content"].at(0)["attachment"].clone();
        let created = times["creation"].clone();
        let contents: Vec<Value> = files
            .into_iter()
            .map(|file| {
                let file = if created.is_null() { file } else { file.with("creation", created.clone()) };
                fhir!({ "attachment": file })
            })
            .collect();
        if !contents.is_empty() {
            document.set("content", Value::Array(contents));
        } else if created.is_null() {
            // A document without content is announced (MDM T01); its content is elsewhere.
            let url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
            let absent = fhir!({ "extension": [{ "url": url, "valueCode": "unknown" }] });
            document.set("content", Value::Array(vec![fhir!({ "attachment": absent })]));
        }
    }

    /// Whether an OBX holds the conclusion of its report (codes `conclusion`).
    fn concludes(&self, line: &[Segment<'m>]) -> bool {
        let Some(codes) = self.m.tables.codes("conclusion") else { return false };
        let code = line[0].field(3).component(1);
        code.subcomponents().any(|c| codes.value(c.text().trim()).is_some())
    }

    /// An OBX of type ED that is whole: type, subtype, base64.
    fn document(&mut self, line: &[Segment<'m>]) -> Option<Value> {
        let obx = line.first().filter(|s| matches!(&*s.field(2).text(), "ED" | "RP"))?;
        let field = obx.field(5).repetition(1);
        if obx.field(2).text().trim() == "RP" {
            return self.pointer(obx);
        }
        if !field.component(4).text().trim().eq_ignore_ascii_case("base64") {
            return None;
        }
        let [kind, subtype, _, data] =
            [2, 3, 4, 5].map(|n| self.m.take(field.component(n)).unwrap_or_default());
        let data: String = data.split_whitespace().collect();
        let sound = !data.is_empty()
            && data.len().is_multiple_of(4)
            && data.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        if !sound {
            self.m.refuse(field, "the document is not whole base64");
            return None;
        }
        self.m.take(obx.field(2));
        let title = read_concept(&mut self.m, obx.field(3), None);
        self.code_of_title(obx);
        let mime = mime(&kind, &subtype).unwrap_or_else(|| "application/octet-stream".to_owned());
        Some(titled(fhir!({ "contentType": mime, "data": data }), title))
    }

    /// An attachment has a title and no code.
    fn code_of_title(&mut self, obx: &Segment<'m>) {
        if !obx.field(3).component(2).is_empty() {
            for n in [1, 3] {
                self.m.refuse(obx.field(3).component(n), "a document has a title, and no code of its kind");
            }
        }
        self.m.settle();
    }

    /// An OBX of type RP: where the document is, and its type.
    fn pointer(&mut self, obx: &Segment<'m>) -> Option<Value> {
        let field = obx.field(5).repetition(1);
        let [address, kind, subtype] = [1, 3, 4].map(|n| self.m.take(field.component(n)));
        let address = address?;
        if address.contains(char::is_whitespace) || !address.contains(['/', ':', '.']) {
            self.m.refuse(field, "it is no address");
            return None;
        }
        self.m.take(obx.field(2));
        let title = read_concept(&mut self.m, obx.field(3), None);
        self.code_of_title(obx);
        let mut made = Value::object();
        if let Some(kind) = mime(&kind.unwrap_or_default(), &subtype.unwrap_or_default()) {
            made.set("contentType", kind);
        }
        made.set("url", address);
        Some(titled(made, title))
    }

    /// One Observation of one OBX, or of the lines of one text.
    pub(super) fn observation(&mut self, lines: &[Vec<Segment<'m>>], about: &About) -> Option<Value> {
        let obx = *lines.first()?.first()?;
        let all: Vec<Segment<'m>> = lines[0].iter().chain(lines[1..].iter().flatten()).copied().collect();
        let mut observation = fhir!({ "resourceType": "Observation" });
        self.m.fill("Observation", &all, &mut observation);
        if observation["status"].is_null() {
            observation.set("status", "unknown");
        }
        if observation["code"].is_null() {
            observation.set("code", fhir!({ "text": "Observación" }));
        }
        observation.set("subject", fhir!({ "reference": (about.person.as_str()) }));
        if !about.visit.is_empty() {
            observation.set("encounter", fhir!({ "reference": (about.visit.as_str()) }));
        }
        let value = if lines.len() > 1 || is_text(&obx) {
            text_of(&mut self.m, lines)
        } else if obx.field(5).repetitions().nth(1).is_some() {
            let code = observation["code"].clone();
            components_of(&mut self.m, &obx, &code).map(|parts| {
                if !parts.is_empty() {
                    observation.set("component", Value::Array(parts));
                }
                None
            })
        } else {
            value_of(&mut self.m, &obx, obx.field(5).repetition(1))
        };
        match value {
            Ok(Some(Typed { type_name, value })) => {
                let mut key = String::from("value");
                key.push_str(type_name);
                observation.set(&key, value);
                // What only names the lines (type, sub-id, status of later lines) is said by the one observation.
                for line in lines {
                    self.m.take(line[0].field(2));
                    self.m.take(line[0].field(4));
                }
                for line in &lines[1..] {
                    self.m.take(line[0].field(3));
                    if line[0].field(11).raw() == obx.field(11).raw() {
                        self.m.take(line[0].field(11));
                    }
                }
                self.m.settle();
            }
            Ok(None) => {
                self.m.take(obx.field(2));
                self.m.settle();
            }
            Err(why) => self.m.refuse(obx.field(5), why),
        }
        Some(observation)
    }
}

/// The type of a document by its type and subtype (tables 0191 and 0291).
fn mime(kind: &str, subtype: &str) -> Option<String> {
    let (kind, subtype) = (kind.to_lowercase(), subtype.to_lowercase());
    match (kind.as_str(), subtype.as_str()) {
        (_, "pdf") | ("pdf", _) => Some("application/pdf".to_owned()),
        (_, "jpeg" | "jpg") => Some("image/jpeg".to_owned()),
        (_, "png" | "gif" | "tiff") => Some(format!("image/{subtype}")),
        (_, "html" | "xml" | "rtf" | "plain") if kind != "application" => Some(format!("text/{subtype}")),
        ("application" | "text" | "image" | "audio" | "video", sub)
            if !sub.is_empty() && sub.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b)) =>
        {
            Some(format!("{kind}/{sub}"))
        }
        _ => None,
    }
}

fn titled(mut document: Value, title: Option<Value>) -> Value {
    if let Some(title) = title {
        let coding = title["coding"].at(0);
        let said = [title.str_of("text"), coding.str_of("display"), coding.str_of("code")];
        if let Some(text) = said.into_iter().find(|t| !t.is_empty()) {
            document.set("title", text);
        }
    }
    document
}

/// Base64 (RFC 4648 section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |w, b| (w << 8) | u32::from(*b)) << (8 * (3 - group.len()));
        for n in 0..4 {
            let sign = LETTERS[(word >> (18 - 6 * n)) as usize & 63];
            out.push(if n <= group.len() { char::from(sign) } else { '=' });
        }
    }
    out
}

fn is_text(obx: &Segment<'_>) -> bool {
    matches!(obx.field(2).text().trim(), "TX" | "FT" | "ST")
}

/// Text that a sender cut into one OBX a line: neighbours with the same code and sub-id are one.
fn lines_of_one_text<'v, 'm>(observed: &'v [Vec<Segment<'m>>]) -> Vec<&'v [Vec<Segment<'m>>]> {
    let same = |a: &[Segment<'_>], b: &[Segment<'_>]| {
        let lines = matches!(a[0].field(2).text().trim(), "TX" | "FT")
            && matches!(b[0].field(2).text().trim(), "TX" | "FT");
        lines && [3, 4].into_iter().all(|n| a[0].field(n).raw() == b[0].field(n).raw())
    };
    observed.chunk_by(|a, b| same(a, b)).collect()
}

fn text_of(m: &mut Mapping<'_>, lines: &[Vec<Segment<'_>>]) -> super::mapping::Answer {
    let mut text: Vec<String> = Vec::new();
    for line in lines {
        for repetition in line[0].field(5).repetitions() {
            // An empty line parts paragraphs.
            text.push(m.take(repetition).unwrap_or_default());
        }
    }
    let text = text.join("\n");
    let text = text.trim_matches('\n');
    Ok((!text.is_empty()).then(|| Typed { type_name: "String", value: text.into() }))
}

/// OBX-5 by OBX-2.
fn value_of(m: &mut Mapping<'_>, obx: &Segment<'_>, part: Part<'_>) -> super::mapping::Answer {
    let typed = |type_name: &'static str, value: Value| Ok(Some(Typed { type_name, value }));
    if part.is_empty() {
        return Ok(None);
    }
    let zone = m.naming.zone.clone();
    match &*obx.field(2).text() {
        "NM" => {
            let Some(sent) = m.take(part) else { return Ok(None) };
            match number(&sent) {
                Some(number) => {
                    let quantity = fhir!({ "value": (Value::Number(number.into())) });
                    let quantity = with_unit(m, quantity, obx.field(6));
                    typed("Quantity", quantity)
                }
                None => typed("String", sent.into()),
            }
        }
        "SN" => structured_number(m, part, obx.field(6)),
        "CE" | "CWE" | "CNE" | "IS" | "CF" | "ID" => {
            let value = read_concept(m, part, None);
            Ok(value.map(|value| Typed { type_name: "CodeableConcept", value }))
        }
        "DT" | "TS" | "DTM" => {
            let Some(sent) = m.take(part.component(1)) else { return Ok(None) };
            typed("DateTime", time::date_time(&sent, &zone).ok_or("it is no date")?.into())
        }
        "TM" => {
            let Some(sent) = m.take(part) else { return Ok(None) };
            typed("Time", time::time(&sent).ok_or("it is no time")?.into())
        }
        "NR" => {
            let [low, high] = [1, 2].map(|n| m.take(part.component(n)).and_then(|t| number(&t)));
            let mut range = Value::object();
            for (key, end) in [("low", low), ("high", high)] {
                if let Some(end) = end {
                    let end = fhir!({ "value": (Value::Number(end.into())) });
                    range.set(key, with_unit(m, end, obx.field(6)));
                }
            }
            Ok(range
                .as_object()
                .filter(|o| !o.is_empty())
                .is_some()
                .then_some(Typed { type_name: "Range", value: range }))
        }
        "DR" => {
            let mut period = Value::object();
            for (n, key) in [(1, "start"), (2, "end")] {
                if let Some(sent) = m.take(part.component(n)) {
                    period.set(key, time::date_time(&sent, &zone).ok_or("it is no date")?);
                }
            }
            Ok(period
                .as_object()
                .filter(|o| !o.is_empty())
                .is_some()
                .then_some(Typed { type_name: "Period", value: period }))
        }
        "ED" | "RP" => Err("the document is not one that can be kept"),
        // Values of other types (names, addresses, numbers with authorities) are kept as their words.
        _ => {
            let words: Vec<String> = part.components().filter_map(|c| text_of_parts(m, c)).collect();
            if words.is_empty() { Ok(None) } else { typed("String", words.join(" ").into()) }
        }
    }
}

fn text_of_parts(m: &mut Mapping<'_>, component: Part<'_>) -> Option<String> {
    let words: Vec<String> = component.subcomponents().filter_map(|s| m.take(s)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Several values of one OBX as components, each under the code of the observation.
fn components_of(m: &mut Mapping<'_>, obx: &Segment<'_>, code: &Value) -> Result<Vec<Value>, &'static str> {
    let mut made = Vec::new();
    for part in obx.field(5).repetitions() {
        if let Some(Typed { type_name, value }) = value_of(m, obx, part)? {
            made.push(fhir!({ "code": (code.clone()) }).with(&format!("value{type_name}"), value));
        }
    }
    Ok(made)
}

/// SN: comparator, number, separator, number.
fn structured_number(m: &mut Mapping<'_>, part: Part<'_>, unit: Part<'_>) -> super::mapping::Answer {
    let texts = [1, 2, 3, 4].map(|n| m.take(part.component(n)).unwrap_or_default());
    let [comparator, first, between, second] = &texts;
    let (one, other) = (number(first), number(second));
    let quantity =
        |m: &mut Mapping<'_>, n: String| with_unit(m, fhir!({ "value": (Value::Number(n.into())) }), unit);
    match (comparator.as_str(), one, between.as_str(), other) {
        ("" | "=", Some(one), "", None) => {
            let value = quantity(m, one);
            Ok(Some(Typed { type_name: "Quantity", value }))
        }
        ("<" | ">" | "<=" | ">=", Some(one), "", None) => {
            let value = quantity(m, one).with("comparator", comparator.as_str());
            Ok(Some(Typed { type_name: "Quantity", value }))
        }
        ("" | "=", Some(one), "-", Some(other)) => {
            let value = fhir!({ "low": (quantity(m, one)), "high": (quantity(m, other)) });
            Ok(Some(Typed { type_name: "Range", value }))
        }
        ("" | "=", Some(one), ":" | "/", Some(other)) => {
            let denominator = fhir!({ "value": (Value::Number(other.into())) });
            let value = fhir!({ "numerator": (quantity(m, one)), "denominator": denominator });
            Ok(Some(Typed { type_name: "Ratio", value }))
        }
        _ => Ok(Some(Typed { type_name: "String", value: texts.concat().into() })),
    }
}

/// OBX-6: a UCUM code where it says that it is one, else the unit's text.
fn with_unit(m: &mut Mapping<'_>, mut quantity: Value, unit: Part<'_>) -> Value {
    let [code, text, system] = [1, 2, 3].map(|n| m.take(unit.component(n)));
    let is_ucum = system.as_deref().is_some_and(|s| system_of(m, s) == "http://unitsofmeasure.org");
    if let Some(shown) = text.or_else(|| code.clone()) {
        quantity.set("unit", shown);
    }
    if let (true, Some(code)) = (is_ucum, code) {
        quantity.set("system", "http://unitsofmeasure.org");
        quantity.set("code", code);
    }
    quantity
}

/// A decimal as FHIR writes it; digits are never changed, only the form (`+5`, `.5`, `007`).
pub(crate) fn number(sent: &str) -> Option<String> {
    let (sign, digits) = match sent.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", sent.strip_prefix('+').unwrap_or(sent)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let sound = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !(sound(whole) && sound(fraction)) || whole.len() + fraction.len() == 0 || digits.len() > 40 {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_change_their_form_only() {
        for (sent, kept) in
            [("5", "5"), ("+5.50", "5.50"), (".5", "0.5"), ("-007.0", "-7.0"), ("0", "0"), ("5.", "5")]
        {
            assert_eq!(number(sent).as_deref(), Some(kept), "{sent}");
        }
        for wrong in ["", "1,5", "1e3", ".", "-", "abc", "1.2.3"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}

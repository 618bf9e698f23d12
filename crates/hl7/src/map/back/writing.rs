//! How FHIR's data types are written as those of v2: the way back of every reading of the tables (HL7 v2.5.1 chapter 2A).
//!
//! What is written is a list of components, escaped already; a component may hold subcomponents.

use super::Source;
use crate::map::directory::PLACES;
use crate::map::naming::{authority, urn_part};
use crate::map::person::{ASSEMBLY, EQUIPMENT, NAME_USES, NUMBER_PARTS, OTHER_FORM};
use crate::map::reading::CHECK_DIGIT;
use crate::map::tables::Row;
use crate::message::{USUAL, escape};
use badiano_fhir::Value;

pub(super) type Components = Vec<String>;
/// Fields beside the one that is written: place (`RXA-7`) and components.
pub(super) type Beside = Vec<(String, Components)>;

pub(super) fn esc(text: &str) -> String {
    escape(text, &USUAL)
}

fn joined(parts: &[String]) -> String {
    let kept = parts.iter().rposition(|p| !p.is_empty()).map_or(0, |last| last + 1);
    parts[..kept].join("&")
}

/// Puts text at a component, counted from 1.
fn at(components: &mut Components, number: usize, text: impl Into<String>) {
    if components.len() < number {
        components.resize(number, String::new());
    }
    components[number - 1] = text.into();
}

fn one(text: &str) -> Option<Components> {
    (!text.is_empty()).then(|| vec![esc(text)])
}

/// `20261122101500-0600`, `198503`, `1985`.
pub(super) fn date(text: &str) -> String {
    let Some((day, clock)) = text.split_once('T') else { return text.replace('-', "") };
    let (clock, offset) = match clock.find(['+', '-', 'Z']) {
        Some(cut) => clock.split_at(cut),
        None => (clock, ""),
    };
    let offset = if offset == "Z" { "+0000".to_owned() } else { offset.replace(':', "") };
    format!("{}{}{offset}", day.replace('-', ""), clock.replace(':', ""))
}

fn number(value: &Value) -> String {
    value.as_number().unwrap_or("").to_owned()
}

/// The value of an element whatever its type is: `valueString`, `valueCoding`.
pub(super) fn any_value(of: &Value) -> &Value {
    let found = of.as_object().and_then(|o| o.iter().find(|(key, _)| key.starts_with("value")));
    found.map_or(&Value::Null, |(_, value)| value)
}

/// The part of a value that a row would have made; nothing where it could not have made it.
fn meant<'v>(row: &Row, value: &'v Value) -> Option<&'v Value> {
    // A number made of what the segment says is made again.
    let is_derived = value.str_of("system") == crate::map::segments::DERIVED;
    if is_derived || row.with.as_ref().is_some_and(|with| !holds(value, with)) {
        return None;
    }
    let value = match (row.option("url"), row.option("wrap")) {
        (Some(url), _) if value.str_of("url") != url => return None,
        (Some(_), _) if any_value(value).is_null() => value,
        (Some(_), _) => any_value(value),
        (None, Some(key)) => &value[key],
        (None, None) => value,
    };
    (!value.is_null()).then_some(value)
}

impl Source<'_> {
    /// The components of a value as the row would read them; nothing where it could not have made such a value.
    pub(super) fn write(&self, row: &Row, value: &Value, beside: &mut Beside) -> Option<Components> {
        let value = meant(row, value)?;
        let text = value.as_str().unwrap_or("");
        match row.reading.name() {
            "string" | "XPN-text" | "XON-text" | "CX-text" | "CWE-text" | "HD-name" | "language-code" => {
                one(text)
            }
            "dateTime" | "instant" | "date" | "birth-time" | "DR-start" => one(&date(text)),
            "code" => self.coded_back(row, text),
            "coding" => self.coded_back(row, value.str_of("code")),
            "coding-text" => one(value.str_of("display")),
            "concept" => self.coded_back(row, value["coding"].at(0).str_of("code")),
            "boolean" => Some(vec![if value.as_bool()? { "Y" } else { "N" }.to_owned()]),
            "code-boolean" => {
                let codes = row.option(if value.as_bool()? { "yes" } else { "no" })?;
                one(codes.split(',').next().unwrap_or(""))
            }
            "CQ-value" => Some(vec![number(value)]).filter(|n| !n[0].is_empty()),
            "CQ-minutes" => Some(vec![number(value), "min".to_owned()]).filter(|n| !n[0].is_empty()),
            "CQ-duration" => {
                let unit = [value.str_of("code"), value.str_of("unit")].map(esc);
                Some(vec![number(&value["value"]), joined(&unit)])
            }
            "CQ-time-unit" => Some(vec![String::new(), esc(text)]),
            "time" => one(&text.replace(':', "")),
            "HD-identifier" => {
                registered_as(&Value::object().with("identifier", Value::Array(vec![value.clone()])))
                    .map(|parts| parts.to_vec())
            }
            "integer" | "code-number" => Some(vec![number(value)]).filter(|n| !n[0].is_empty()),
            "CX" => self.cx(value),
            "EI" | "prescription" => self.ei(value),
            "DLN" => Some(vec![
                esc(value.str_of("value")),
                esc(value["assigner"].str_of("display")),
                date(value["period"].str_of("end")),
            ]),
            "CWE-identifier" => Some(vec![
                esc(value.str_of("value")),
                esc(value["type"].str_of("text")),
                esc(&self.system_name(value.str_of("system"))),
            ]),
            "EI-reference" => self.ei(&value["identifier"]),
            "EIP-reference" => {
                let inner = joined(&self.ei(&value["identifier"])?);
                let filler = value["identifier"]["type"]["coding"].at(0).str_of("code") == "FILL";
                Some(if filler { vec![String::new(), inner] } else { vec![inner] })
            }
            "XPN" => self.xpn(value),
            "XPN-reference" => one(value.str_of("display")),
            "XAD" => xad(value),
            "county" => one(value.str_of("district")),
            "address-text" => one(value.str_of("text")),
            "XTN" => xtn(value),
            "XCN" => {
                self.details_of_person(row, value, beside);
                self.xcn(value)
            }
            "NDL" => self.xcn(value).map(|c| vec![joined(&c)]),
            "participant" => {
                let role = value["type"][0]["coding"].at(0).str_of("code");
                if row.option("role") != Some(role) { None } else { self.xcn(&value["individual"]) }
            }
            "PL" => self.pl(&value["location"]),
            "PL-reference" | "LA2" => self.pl(value),
            "DLD" => match self.find(value).and_then(|of| self.cwe(of["type"].at(0))) {
                Some(concept) => Some(vec![joined(&concept)]),
                None => one(value.str_of("display")),
            },
            "XON" => {
                self.details(row, self.find(value), beside);
                self.xon(value)
            }
            "HD-organization" | "HD-location" => self.hd(value),
            "HD-endpoint" => endpoint(text),
            "CWE-organization" | "CWE-reference" => self.named(value),
            "EI-device" => self.ei(&value["identifier"]),
            "insurer" => {
                self.details(row, self.find(value), beside);
                self.insurer(value, beside)
            }
            "made" => one(value.str_of("display")),
            "PLN" => Some(vec![
                esc(value.str_of("value")),
                esc(value["type"]["coding"].at(0).str_of("code")),
                esc(value["assigner"].str_of("display")),
                date(value["period"].str_of("end")),
            ]),
            "CWE-class" => Some(vec![esc(value.str_of("value")), esc(value.str_of("name"))]),
            "CWE" => self.cwe_of(value, row.option("system")),
            "text-concept" => one(value.str_of("text")),
            "language" => self.cwe_of(&value["language"], row.option("system")),
            "inner-concept" => self.cwe(&value["extension"][0]["valueCodeableConcept"]),
            "race" => self.race(value),
            _ => self.write_measured(row, value, beside),
        }
    }

    /// Annotations, inputs, quantities and timings: a part of such a value may be told beside it.
    fn write_measured(&self, row: &Row, value: &Value, beside: &mut Beside) -> Option<Components> {
        match row.reading.name() {
            "annotation" | "annotation-concept" => {
                let author = &value["authorReference"];
                if let Some(person) = self.xcn(author) {
                    beside.push(("NTE-5".to_owned(), person));
                }
                if !value.str_of("time").is_empty() {
                    beside.push(("NTE-6".to_owned(), vec![date(value.str_of("time"))]));
                }
                one(value.str_of("text"))
            }
            "reference-range" => one(value.str_of("text")),
            "input" => {
                let name = value["type"]["coding"].at(0).str_of("code");
                if row.option("name") != Some(name) {
                    return None;
                }
                let time = value.str_of("valueDateTime");
                if time.is_empty() { one(value.str_of("valueString")) } else { one(&date(time)) }
            }
            "event" => Some(value.str_of("display").split('^').map(esc).collect()),
            "quantity" => {
                if let Some(place) = row.option("unit") {
                    beside.push((place.to_owned(), unit(value)));
                }
                Some(vec![number(&value["value"])]).filter(|n| !n[0].is_empty())
            }
            "CQ" => Some(vec![number(&value["value"]), joined(&unit(value))]).filter(|n| !n[0].is_empty()),
            "money" => Some(vec![format!("{}&{}", number(&value["value"]), value.str_of("currency"))]),
            "minutes" => {
                if let Some(place) = row.option("unit") {
                    beside.push((place.to_owned(), vec!["min".to_owned()]));
                }
                Some(vec![number(value)]).filter(|n| !n[0].is_empty())
            }
            "duration-days" => Some(vec![number(&value["value"])]).filter(|n| !n[0].is_empty()),
            "TQ" => Some(timing(value, 2)),
            "RPT" => Some(timing(value, 1)),
            _ => None,
        }
    }

    /// The first code of a table that stands for a value; the value itself where the row names no table.
    fn coded_back(&self, row: &Row, text: &str) -> Option<Components> {
        match row.option("table").and_then(|t| self.tables.codes(t)) {
            Some(codes) => one(&codes.code_of(text)?),
            None => one(text),
        }
    }

    /// Namespace, universal id and its type of a system (HD).
    fn authority(&self, system: &str, shown: &str) -> [String; 3] {
        let plain = |name: String| [esc(&name), String::new(), String::new()];
        if let Some(name) = system.strip_prefix("urn:badiano:authority:") {
            // What is behind a second colon is the kind of number, which the field tells.
            let name = name.split(':').next().unwrap_or("");
            return plain(unplain(name));
        }
        if let Some((word, _)) = self.naming.authorities.iter().find(|(_, known)| known == system) {
            return plain(word.clone());
        }
        let typed = |universal: &str, kind: &str| [esc(shown), esc(universal), kind.to_owned()];
        match system.split_once(':') {
            None => plain(shown.to_owned()),
            Some(("urn", rest)) if rest.starts_with("oid:") => typed(&rest[4..], "ISO"),
            Some(("urn", rest)) if rest.starts_with("uuid:") => typed(&rest[5..], "UUID"),
            Some(_) => typed(system, "URI"),
        }
    }

    fn cx(&self, of: &Value) -> Option<Components> {
        let (system, value) = (of.str_of("system"), of.str_of("value"));
        if value.is_empty() {
            return None;
        }
        let shown = of["assigner"].str_of("display");
        let mut made = vec![esc(value)];
        let codes: Vec<&str> = of["type"]["coding"].items().iter().map(|c| c.str_of("code")).collect();
        if system == self.naming.curp_system {
            let authority = if shown.is_empty() { "CURP" } else { shown };
            at(&mut made, 4, esc(authority));
            at(&mut made, 5, codes.iter().find(|c| **c != "NI").map_or("CURP".to_owned(), |c| esc(c)));
            return Some(made);
        }
        // A number of the sender's own, by its kind, names no authority.
        let kind = codes.last().copied().unwrap_or("");
        if !self.is_own(system, kind) {
            at(&mut made, 4, joined(&self.authority_of(of)));
        }
        for (n, url) in CHECK_DIGIT.into_iter().chain([(6, "urn:badiano:identifier-facility")]) {
            let told = of["extension"].items().iter().find(|e| e.str_of("url") == url);
            if let Some(told) = told {
                at(&mut made, n, esc(told.str_of("valueString")));
            }
        }
        // What was sent stands behind the type that the field gives.
        at(&mut made, 5, codes.last().map_or(String::new(), |c| esc(c)));
        at(&mut made, 7, date(of["period"].str_of("start")));
        at(&mut made, 8, date(of["period"].str_of("end")));
        Some(made)
    }

    fn ei(&self, of: &Value) -> Option<Components> {
        let value = of.str_of("value");
        if value.is_empty() {
            return None;
        }
        let [namespace, universal, kind] = self.authority_of(of);
        Some(vec![esc(value), namespace, universal, kind])
    }

    /// Whether a system is the sender's own of a kind of number: what is read where no authority is named.
    fn is_own(&self, system: &str, kind: &str) -> bool {
        let named = |n: usize| {
            let field = self.header.fields.get(&n).and_then(|r| r.first());
            field.and_then(|c| c.first()).map_or("", String::as_str)
        };
        let sender = [named(4), named(3)].into_iter().find(|n| !n.is_empty()).unwrap_or("");
        let kind = if kind.is_empty() { String::new() } else { format!(":{}", urn_part(kind)) };
        !sender.is_empty() && system == format!("{}{kind}", authority(sender))
    }

    /// Namespace, universal id and its type of who gave a number: of its organisation, else of its system.
    fn authority_of(&self, of: &Value) -> [String; 3] {
        let assigner = self.find(&of["assigner"]).and_then(registered_as);
        assigner.unwrap_or_else(|| self.authority(of.str_of("system"), of["assigner"].str_of("display")))
    }

    /// A coding's system as a message names it.
    fn system_name(&self, uri: &str) -> String {
        let own = |rest: &str| unplain(rest.rsplit(':').next().unwrap_or(rest));
        if let Some(rest) = uri.strip_prefix("urn:badiano:codes:") {
            return own(rest);
        }
        if let Some(number) = uri.strip_prefix("http://terminology.hl7.org/CodeSystem/v2-") {
            return format!("HL7{number}");
        }
        if let Some(name) = self.tables.codes("systems").and_then(|c| c.code_of(uri)) {
            return name;
        }
        uri.to_owned()
    }

    pub(super) fn concept(&self, of: &Value) -> Option<Components> {
        self.cwe(of)
    }

    /// The codings that were sent: one that the tables put before the code it stands for is left out.
    fn sent_codings<'v>(&self, of: &'v Value) -> Vec<&'v Value> {
        let all = of["coding"].items();
        let translated = |n: usize| {
            let (coding, next) = (&all[n], all.get(n + 1));
            let stands = next.and_then(|c| self.tables.concept(c.str_of("system"), c.str_of("code")));
            stands == Some((coding.str_of("system"), coding.str_of("code")))
        };
        (0..all.len()).filter(|n| !translated(*n)).map(|n| &all[n]).collect()
    }

    fn cwe(&self, of: &Value) -> Option<Components> {
        self.cwe_of(of, None)
    }

    /// The same in a field whose codes are of a system: it needs no name.
    fn cwe_of(&self, of: &Value, usual: Option<&str>) -> Option<Components> {
        let mut made = Vec::new();
        let text = of.str_of("text");
        let codings = self.sent_codings(of);
        for ([code, display, system, version], coding) in
            [[1, 2, 3, 7], [4, 5, 6, 8], [10, 11, 12, 13]].into_iter().zip(&codings)
        {
            let shown = coding.str_of("display");
            let known = self.tables.display(coding.str_of("system"), coding.str_of("code"));
            // Words of the tables are given again; they were not sent, for what was sent is the text too.
            let shown = if text.is_empty() && known == Some(shown) { "" } else { shown };
            at(&mut made, code, esc(coding.str_of("code")));
            at(&mut made, display, esc(shown));
            let named = coding.str_of("system");
            let is_usual = usual == Some(named) && !coding.str_of("code").is_empty();
            at(&mut made, system, if is_usual { String::new() } else { esc(&self.system_name(named)) });
            if !coding.str_of("version").is_empty() {
                at(&mut made, version, esc(coding.str_of("version")));
            }
        }
        let shown = codings.iter().map(|c| c.str_of("display")).find(|d| !d.is_empty());
        if !text.is_empty() && shown != Some(text) {
            let slot = if made.is_empty() { 2 } else { 9 };
            at(&mut made, slot, esc(text));
        }
        (!made.is_empty()).then_some(made)
    }

    fn race(&self, of: &Value) -> Option<Components> {
        let inner = of["extension"].items();
        let mut concept = Value::object();
        for coding in inner.iter().map(|e| &e["valueCoding"]).filter(|c| !c.is_null()) {
            concept.push("coding", coding.clone());
        }
        let text = inner.iter().find(|e| e.str_of("url") == "text").map_or("", |e| e.str_of("valueString"));
        let first = concept["coding"].at(0);
        let said = [first.str_of("display"), first.str_of("code")];
        let said = said.into_iter().find(|t| !t.is_empty()).unwrap_or("").to_owned();
        if text != said {
            concept.set("text", text);
        }
        self.cwe(&concept)
    }

    /// FN: one text where the place's rule tells its surnames apart again, else its parts.
    fn family(&self, of: &Value) -> String {
        let whole = of.str_of("family");
        let told = of["_family"]["extension"].items();
        let part = |which: &str| {
            told.iter().find(|e| e.str_of("url").ends_with(which)).map_or("", |e| e.str_of("valueString"))
        };
        let (father, mother) = (part("humanname-fathers-family"), part("humanname-mothers-family"));
        if !mother.is_empty() {
            let (first, second) = (self.naming.split_surnames)(whole);
            let same = first == father && second.as_deref() == Some(mother);
            return if same { esc(whole) } else { format!("{}&{}", esc(father), esc(mother)) };
        }
        let names = ["own-prefix", "own-name", "partner-prefix", "partner-name"];
        let mut parts = vec![esc(whole)];
        parts.extend(names.iter().map(|n| esc(part(&format!("humanname-{n}")))));
        joined(&parts)
    }

    fn xpn(&self, of: &Value) -> Option<Components> {
        let text = |key: &str, n: usize| esc(of[key].at(n).as_str().unwrap_or(""));
        let more: Vec<&str> = of["given"].items().iter().skip(1).filter_map(Value::as_str).collect();
        let kind = NAME_USES.iter().find(|(_, usage)| *usage == of.str_of("use")).map_or("", |(c, _)| c);
        let mut made = vec![
            self.family(of),
            text("given", 0),
            esc(&more.join(" ")),
            text("suffix", 0),
            text("prefix", 0),
            text("suffix", 1),
            kind.to_owned(),
        ];
        if made.iter().all(String::is_empty) {
            made[0] = esc(of.str_of("text"));
        }
        let order = of["extension"].items().iter().find(|e| e.str_of("url").ends_with("assembly-order"));
        let order = order.and_then(|e| ASSEMBLY.iter().find(|(_, own)| *own == e.str_of("valueCode")));
        at(&mut made, 11, order.map_or("", |(code, _)| code));
        at(&mut made, 12, date(of["period"].str_of("start")));
        at(&mut made, 13, date(of["period"].str_of("end")));
        at(&mut made, 14, text("suffix", 2));
        made.iter().any(|c| !c.is_empty()).then_some(made)
    }

    /// XCN of a reference: from its Practitioner where it is there, else from number and words.
    pub(super) fn xcn(&self, reference: &Value) -> Option<Components> {
        let found = self.find(reference);
        let role = found.filter(|r| r.resource_type() == "PractitionerRole");
        let person = role.map_or(found, |role| self.find(&role["practitioner"]));
        let person = person.filter(|r| r.resource_type() == "Practitioner");
        let (identifier, name) = match person {
            Some(person) => (&person["identifier"][0], &person["name"][0]),
            None => (&reference["identifier"], &Value::Null),
        };
        let mut made = vec![esc(identifier.str_of("value"))];
        if name.is_null() {
            let shown = reference.str_of("display");
            if shown != identifier.str_of("value") {
                at(&mut made, 2, esc(shown));
            }
        } else {
            let text = |key: &str, n: usize| esc(name[key].at(n).as_str().unwrap_or(""));
            let more: Vec<&str> = name["given"].items().iter().skip(1).filter_map(Value::as_str).collect();
            for (n, part) in [
                (2, self.family(name)),
                (3, text("given", 0)),
                (4, esc(&more.join(" "))),
                (5, text("suffix", 0)),
                (6, text("prefix", 0)),
                (7, text("suffix", 1)),
            ] {
                at(&mut made, n, part);
            }
            let code = NAME_USES.iter().find(|(_, usage)| *usage == name.str_of("use"));
            at(&mut made, 10, code.map_or("", |(code, _)| code));
            at(&mut made, 19, date(name["period"].str_of("start")));
            at(&mut made, 20, date(name["period"].str_of("end")));
            at(&mut made, 21, text("suffix", 2));
        }
        if !identifier.str_of("system").ends_with(":practitioner") {
            at(&mut made, 9, joined(&self.authority_of(identifier)));
        }
        at(&mut made, 13, esc(identifier["type"]["coding"].at(0).str_of("code")));
        made.iter().any(|c| !c.is_empty()).then_some(made)
    }

    fn xon(&self, reference: &Value) -> Option<Components> {
        let of = self.find(reference);
        let identifier = of.map_or(&reference["identifier"], |o| &o["identifier"][0]);
        let name = of.map_or(reference.str_of("display"), |o| o.str_of("name"));
        let mut made = vec![esc(name)];
        let value = identifier.str_of("value");
        if !value.is_empty() {
            if !identifier.str_of("system").ends_with(":organization") {
                at(&mut made, 6, joined(&self.authority_of(identifier)));
            }
            at(&mut made, 7, esc(identifier["type"]["coding"].at(0).str_of("code")));
            at(&mut made, 10, esc(value));
        }
        made.iter().any(|c| !c.is_empty()).then_some(made)
    }

    fn hd(&self, reference: &Value) -> Option<Components> {
        let of = self.find(reference);
        if let Some(parts) = of.and_then(registered_as) {
            return Some(parts.to_vec());
        }
        let name = of.map_or(reference.str_of("display"), |o| o.str_of("name"));
        one(name)
    }

    /// What fields beside a name tell of an organisation or a person (`address=`, `telecom=`, `contact-name=`).
    fn details(&self, row: &Row, of: Option<&Value>, beside: &mut Beside) {
        let Some(of) = of else { return };
        let contact = of["contact"].at(0);
        let first = |list: &Value| list.at(0).clone();
        for (option, made) in [
            ("address", xad(&first(&of["address"]))),
            ("telecom", xtn(&first(&of["telecom"]))),
            ("contact-name", Some(contact).filter(|c| !c.is_null()).and_then(|c| self.xpn(&c["name"]))),
            ("contact-telecom", xtn(&first(&contact["telecom"]))),
            ("contact-address", xad(&contact["address"])),
        ] {
            if let (Some(place), Some(made)) = (row.option(option), made) {
                beside.push((place.to_owned(), made));
            }
        }
    }

    /// The same of a member of staff, with the role in which a row names somebody.
    fn details_of_person(&self, row: &Row, reference: &Value, beside: &mut Beside) {
        let Some(of) = self.find(reference) else { return };
        self.details(row, Some(of), beside);
        for (option, key) in [("function-at", "code"), ("specialty-at", "specialty")] {
            if let (Some(place), Some(made)) = (row.option(option), self.cwe(of[key].at(0))) {
                beside.push((place.to_owned(), made));
            }
        }
        if let (Some(at), Some(place)) = (row.option("place-at"), self.pl(of["location"].at(0))) {
            beside.push((at.to_owned(), place));
        }
        if let (Some(at), Some(of)) = (row.option("organization-at"), self.xon(&of["organization"])) {
            beside.push((at.to_owned(), of));
        }
    }

    /// A named organisation or device as a coded element.
    fn named(&self, reference: &Value) -> Option<Components> {
        let of = self.find(reference);
        let identifier = of.map_or(&reference["identifier"], |o| &o["identifier"][0]);
        let shown = reference.str_of("display");
        let value = identifier.str_of("value");
        if value.is_empty() {
            return one(shown).map(|text| vec![String::new(), text[0].clone()]);
        }
        let name = if shown == value { String::new() } else { esc(shown) };
        Some(vec![esc(value), name, esc(&self.system_name(identifier.str_of("system")))])
    }

    /// PL of a place and those around it; of words alone, its description.
    fn pl(&self, reference: &Value) -> Option<Components> {
        let mut made = Vec::new();
        let mut place = self.find(reference);
        if place.is_none() {
            let shown = reference.str_of("display");
            return (!shown.is_empty()).then(|| {
                at(&mut made, 9, esc(shown));
                made
            });
        }
        let mut steps = 0;
        while let Some(of) = place.filter(|_| steps < 12) {
            let kind = of["physicalType"]["coding"].at(0).str_of("code");
            let slot = PLACES.iter().find(|(_, code)| *code == kind).map_or(9, |(n, _)| *n);
            let name =
                if of.str_of("name").is_empty() { of.str_of("description") } else { of.str_of("name") };
            let mut parts = registered_as(of).unwrap_or_default();
            parts[0] = esc(name);
            at(&mut made, slot, joined(&parts));
            place = self.find(&of["partOf"]);
            steps += 1;
        }
        // Words about a place stand behind the names of its steps.
        let shown = reference.str_of("display");
        let names: Vec<String> = PLACES
            .iter()
            .filter_map(|(n, _)| made.get(n - 1).filter(|c| !c.is_empty()))
            .map(|c| c.split('&').next().unwrap_or("").to_owned())
            .collect();
        if let Some(words) =
            esc(shown).strip_prefix(&format!("{}, ", names.join(", "))).filter(|_| !names.is_empty())
        {
            at(&mut made, 9, words.to_owned());
        }
        Some(made)
    }

    fn insurer(&self, reference: &Value, beside: &mut Beside) -> Option<Components> {
        let of = self.find(reference);
        let identifier = of.map_or(&reference["identifier"], |o| &o["identifier"][0]);
        let name = of.map_or(reference.str_of("display"), |o| o.str_of("name"));
        let number = identifier.str_of("value");
        if number.is_empty() {
            return None;
        }
        if !name.is_empty() {
            beside.push(("IN1-4".to_owned(), vec![esc(name)]));
        }
        let mut made = vec![esc(number)];
        if !identifier.str_of("system").ends_with(":insurer") {
            at(&mut made, 4, joined(&self.authority_of(identifier)));
        }
        at(&mut made, 5, esc(identifier["type"]["coding"].at(0).str_of("code")));
        Some(made)
    }
}

/// HD of an organisation or place that has identifiers of its name and of its register (table 0301).
fn registered_as(of: &Value) -> Option<[String; 3]> {
    const UNIVERSAL_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0301";
    let kind = |i: &Value| {
        let coding = i["type"]["coding"].at(0);
        if coding.str_of("system") == UNIVERSAL_TYPE {
            coding.str_of("code").to_owned()
        } else {
            String::new()
        }
    };
    let numbers = of["identifier"].items();
    let is_registered = |i: &&Value| !kind(i).is_empty() || i.str_of("system") == "urn:ietf:rfc:3986";
    let namespace = numbers.iter().find(|i| i.as_object().is_some_and(|o| o.len() == 1));
    let universal = numbers.iter().find(is_registered);
    if namespace.is_none() && universal.is_none() {
        return None;
    }
    let name = namespace.map_or("", |i| i.str_of("value"));
    let Some(universal) = universal else { return Some([esc(name), String::new(), String::new()]) };
    let value = universal.str_of("value");
    let bare = value.strip_prefix("urn:oid:").or_else(|| value.strip_prefix("urn:uuid:")).unwrap_or(value);
    Some([esc(name), esc(bare), esc(&kind(universal))])
}

/// Whether a value says all that a pattern says.
fn holds(value: &Value, pattern: &Value) -> bool {
    match pattern {
        Value::Object(object) => object.iter().all(|(key, inner)| holds(&value[key], inner)),
        Value::Array(items) => items.iter().all(|item| value.items().iter().any(|v| holds(v, item))),
        _ => value == pattern,
    }
}

/// A name's percent signs resolved (`urn_part` read backwards).
fn unplain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let hex = behind
            .get(..2)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// HD of a URI: `urn:oid:` is ISO, `urn:uuid:` a UUID, a name of ours the name.
fn endpoint(uri: &str) -> Option<Components> {
    if uri.is_empty() || uri.starts_with("urn:badiano:sender:") || uri.starts_with("urn:badiano:receiver:") {
        return None;
    }
    if let Some(name) = uri.strip_prefix("urn:badiano:application:") {
        return Some(vec![esc(&unplain(name))]);
    }
    let (universal, kind) = match (uri.strip_prefix("urn:oid:"), uri.strip_prefix("urn:uuid:")) {
        (Some(oid), _) => (oid, "ISO"),
        (_, Some(uuid)) => (uuid, "UUID"),
        _ => (uri, "URI"),
    };
    Some(vec![String::new(), esc(universal), kind.to_owned()])
}

fn unit(of: &Value) -> Components {
    let (code, shown) = (of.str_of("code"), of.str_of("unit"));
    if of.str_of("system") == "http://unitsofmeasure.org" && !code.is_empty() {
        let text = if shown == code { "" } else { shown };
        return vec![esc(code), esc(text), "UCUM".to_owned()];
    }
    vec![esc(shown)]
}

pub(super) fn unit_of(of: &Value) -> Components {
    unit(of)
}

fn xad(of: &Value) -> Option<Components> {
    let told = |name: &str| of["extension"].items().iter().find(|e| e.str_of("url").ends_with(name));
    let line = |n: usize| esc(of["line"].at(n).as_str().unwrap_or(""));
    let kind = match (of.str_of("use"), of.str_of("type")) {
        ("home", _) => "H",
        ("work", _) => "B",
        ("temp", _) => "C",
        ("old", _) => "BA",
        ("billing", _) => "BI",
        (_, "postal") => "M",
        _ if told("iso21090-AD-use").is_some() => "HV",
        _ => "",
    };
    let mut made = vec![line(0), line(1)];
    for (n, key) in [(3, "city"), (4, "state"), (5, "postalCode"), (6, "country"), (9, "district")] {
        at(&mut made, n, esc(of.str_of(key)));
    }
    at(&mut made, 7, kind);
    at(&mut made, 8, line(2));
    at(&mut made, 19, line(3));
    if let Some(tract) = told("iso21090-ADXP-censusTract") {
        at(&mut made, 10, esc(tract.str_of("valueString")));
    }
    at(&mut made, 13, date(of["period"].str_of("start")));
    at(&mut made, 14, date(of["period"].str_of("end")));
    if made.iter().all(String::is_empty) {
        return one(of.str_of("text"));
    }
    Some(made)
}

fn xtn(of: &Value) -> Option<Components> {
    let value = of.str_of("value");
    if value.is_empty() {
        return None;
    }
    let told = |url: &str| {
        let found = of["extension"].items().iter().find(|e| e.str_of("url") == url);
        found.map_or("", |e| e.str_of("valueString"))
    };
    let usage = match of.str_of("use") {
        "home" => "PRN",
        "work" => "WPN",
        _ => "",
    };
    let equipment = match (of.str_of("system"), of.str_of("use")) {
        _ if !told(EQUIPMENT).is_empty() => told(EQUIPMENT),
        ("email", _) => "Internet",
        ("fax", _) => "FX",
        ("pager", _) => "BP",
        ("other", _) => "MD",
        (_, "mobile") => "CP",
        _ => "",
    };
    let mut made = vec![String::new(), usage.to_owned(), equipment.to_owned()];
    for (n, url) in NUMBER_PARTS {
        at(&mut made, n, esc(told(url)));
    }
    let forms: Vec<(usize, &str)> = [1, 4, 12]
        .into_iter()
        .map(|n| (n, told(&format!("{OTHER_FORM}{n}"))))
        .filter(|(_, t)| !t.is_empty())
        .collect();
    for (n, text) in &forms {
        at(&mut made, *n, esc(text));
    }
    let is_taken = |n: usize| forms.iter().any(|(of, _)| *of == n);
    let in_pieces = !told(NUMBER_PARTS[2].1).is_empty() && equipment != "Internet";
    match equipment {
        "Internet" => at(&mut made, 4, esc(value)),
        _ if is_taken(1) && !in_pieces => at(&mut made, 12, esc(value)),
        _ if in_pieces => {}
        _ => at(&mut made, 1, esc(value)),
    }
    at(&mut made, 13, date(of["period"].str_of("start")));
    at(&mut made, 14, date(of["period"].str_of("end")));
    at(&mut made, 18, of["rank"].as_number().unwrap_or(""));
    Some(made)
}

/// TQ and RPT: the code of the pattern, its period where it is none of the code's own, and its bounds.
fn timing(of: &Value, slot: usize) -> Components {
    let mut made = Vec::new();
    let coding = of["code"]["coding"].at(0);
    let mut pattern = vec![esc(coding.str_of("code"))];
    if slot == 1 && !of["code"].str_of("text").is_empty() {
        pattern.push(esc(of["code"].str_of("text")));
    }
    at(&mut made, slot, joined(&pattern));
    let repeat = &of["repeat"];
    if slot == 2 {
        at(&mut made, 4, date(repeat["boundsPeriod"].str_of("start")));
        at(&mut made, 5, date(repeat["boundsPeriod"].str_of("end")));
    } else if coding.is_null() || repeat["frequency"].is_null() {
        at(&mut made, 5, number(&repeat["period"]));
        at(&mut made, 6, repeat.str_of("periodUnit"));
    }
    if slot == 1 {
        at(&mut made, 8, esc(repeat["when"].at(0).as_str().unwrap_or("")));
        at(&mut made, 9, number(&repeat["offset"]));
        if !made[8].is_empty() {
            at(&mut made, 10, "min");
        }
    }
    made
}

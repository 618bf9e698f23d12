//! How FHIR's data types are written as those of v2: the way back of every reading of the tables (HL7 v2.5.1 chapter 2A).
//!
//! What is written is a list of components, escaped already; a component may hold subcomponents.

use super::Source;
use crate::map::directory::PLACES;
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

impl Source<'_> {
    /// The components of a value as the row would read them; nothing where it could not have made such a value.
    pub(super) fn write(&self, row: &Row, value: &Value, beside: &mut Beside) -> Option<Components> {
        let value = match (row.option("url"), row.option("wrap")) {
            (Some(url), _) if value.str_of("url") != url => return None,
            (Some(_), _) if any_value(value).is_null() => value,
            (Some(_), _) => any_value(value),
            (None, Some(key)) => &value[key],
            (None, None) => value,
        };
        if value.is_null() {
            return None;
        }
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
            "XCN" => self.xcn(value),
            "NDL" => self.xcn(value).map(|c| vec![joined(&c)]),
            "participant" => {
                let role = value["type"][0]["coding"].at(0).str_of("code");
                if row.option("role") != Some(role) { None } else { self.xcn(&value["individual"]) }
            }
            "PL" => self.pl(&value["location"]),
            "PL-reference" | "LA2" => self.pl(value),
            "DLD" => one(value.str_of("display")),
            "XON" => self.xon(value),
            "HD-organization" | "HD-location" => self.hd(value),
            "HD-endpoint" => endpoint(text),
            "CWE-organization" | "CWE-reference" => self.named(value),
            "EI-device" => self.ei(&value["identifier"]),
            "insurer" => self.insurer(value, beside),
            "insured" => self.insured(value, beside),
            "CWE" => self.cwe(value),
            "text-concept" => one(value.str_of("text")),
            "language" => self.cwe(&value["language"]),
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
        if value.is_empty() || system == crate::map::segments::DERIVED {
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
        at(&mut made, 4, joined(&self.authority(system, shown)));
        at(&mut made, 5, codes.first().map_or(String::new(), |c| esc(c)));
        at(&mut made, 7, date(of["period"].str_of("start")));
        at(&mut made, 8, date(of["period"].str_of("end")));
        Some(made)
    }

    fn ei(&self, of: &Value) -> Option<Components> {
        let value = of.str_of("value");
        if value.is_empty() || of.str_of("system") == crate::map::segments::DERIVED {
            return None;
        }
        let [namespace, universal, kind] = self.authority(of.str_of("system"), "");
        Some(vec![esc(value), namespace, universal, kind])
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

    fn cwe(&self, of: &Value) -> Option<Components> {
        let mut made = Vec::new();
        for (n, coding) in of["coding"].items().iter().take(2).enumerate() {
            at(&mut made, 3 * n + 1, esc(coding.str_of("code")));
            at(&mut made, 3 * n + 2, esc(coding.str_of("display")));
            at(&mut made, 3 * n + 3, esc(&self.system_name(coding.str_of("system"))));
        }
        let text = of.str_of("text");
        let shown = of["coding"].items().iter().map(|c| c.str_of("display")).find(|d| !d.is_empty());
        if !text.is_empty() && shown != Some(text) {
            let slot = if made.is_empty() { 2 } else { 9 };
            at(&mut made, slot, esc(text));
        }
        (!made.is_empty()).then_some(made)
    }

    fn race(&self, of: &Value) -> Option<Components> {
        let part = |url: &str| of["extension"].items().iter().find(|e| e.str_of("url") == url);
        let coding = part("ombCategory").map_or(Value::Null, |e| e["valueCoding"].clone());
        let text = part("text").map_or("", |e| e.str_of("valueString")).to_owned();
        let said = [coding.str_of("display"), coding.str_of("code")]
            .into_iter()
            .find(|t| !t.is_empty())
            .unwrap_or("");
        let mut concept = Value::object();
        if !coding.is_null() {
            concept.push("coding", coding.clone());
        }
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
        let kind = match of.str_of("use") {
            "official" => "L",
            "usual" => "D",
            "maiden" => "M",
            "nickname" => "N",
            "temp" => "T",
            "anonymous" => "A",
            _ => "",
        };
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
        at(&mut made, 12, date(of["period"].str_of("start")));
        at(&mut made, 13, date(of["period"].str_of("end")));
        at(&mut made, 14, text("suffix", 2));
        made.iter().any(|c| !c.is_empty()).then_some(made)
    }

    /// XCN of a reference: from its Practitioner where it is there, else from number and words.
    pub(super) fn xcn(&self, reference: &Value) -> Option<Components> {
        let person = self.find(reference).filter(|r| r.resource_type() == "Practitioner");
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
            at(&mut made, 19, date(name["period"].str_of("start")));
            at(&mut made, 20, date(name["period"].str_of("end")));
            at(&mut made, 21, text("suffix", 2));
        }
        if !identifier.str_of("system").ends_with(":practitioner") {
            at(&mut made, 9, joined(&self.authority(identifier.str_of("system"), "")));
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
                at(&mut made, 6, joined(&self.authority(identifier.str_of("system"), "")));
            }
            at(&mut made, 7, esc(identifier["type"]["coding"].at(0).str_of("code")));
            at(&mut made, 10, esc(value));
        }
        made.iter().any(|c| !c.is_empty()).then_some(made)
    }

    fn hd(&self, reference: &Value) -> Option<Components> {
        let of = self.find(reference);
        let name = of.map_or(reference.str_of("display"), |o| o.str_of("name"));
        let registered = of.map_or("", |o| o["identifier"][0].str_of("value"));
        let mut made = vec![esc(name)];
        if let Some(universal) = endpoint(registered) {
            made.extend(universal.into_iter().skip(1));
            if registered == name {
                made[0].clear();
            }
        }
        made.iter().any(|c| !c.is_empty()).then_some(made)
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
            let registered = endpoint(of["identifier"][0].str_of("value")).unwrap_or_default();
            let mut parts = vec![esc(name)];
            parts.extend(registered.into_iter().skip(1));
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
        if let Some(of) = of {
            beside.extend(xad(&of["address"][0]).map(|a| ("IN1-5".to_owned(), a)));
            beside.extend(xtn(&of["telecom"][0]).map(|t| ("IN1-7".to_owned(), t)));
        }
        let mut made = vec![esc(number)];
        if !identifier.str_of("system").ends_with(":insurer") {
            at(&mut made, 4, joined(&self.authority(identifier.str_of("system"), "")));
        }
        at(&mut made, 5, esc(identifier["type"]["coding"].at(0).str_of("code")));
        Some(made)
    }

    fn insured(&self, reference: &Value, beside: &mut Beside) -> Option<Components> {
        let Some(of) = self.find(reference).filter(|r| r.resource_type() == "RelatedPerson") else {
            return one(reference.str_of("display"));
        };
        if !of.str_of("birthDate").is_empty() {
            beside.push(("IN1-18".to_owned(), vec![date(of.str_of("birthDate"))]));
        }
        if let Some(code) = self.tables.codes("gender").and_then(|c| c.code_of(of.str_of("gender"))) {
            beside.push(("IN1-43".to_owned(), vec![code]));
        }
        beside.extend(xad(&of["address"][0]).map(|a| ("IN1-19".to_owned(), a)));
        self.xpn(&of["name"][0])
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
    let line = |n: usize| esc(of["line"].at(n).as_str().unwrap_or(""));
    let kind = match (of.str_of("use"), of.str_of("type")) {
        ("home", _) => "H",
        ("work", _) => "B",
        ("temp", _) => "C",
        ("old", _) => "BA",
        ("billing", _) => "BI",
        (_, "postal") => "M",
        _ => "",
    };
    let mut made = vec![line(0), line(1)];
    for (n, key) in [(3, "city"), (4, "state"), (5, "postalCode"), (6, "country"), (9, "district")] {
        at(&mut made, n, esc(of.str_of(key)));
    }
    at(&mut made, 7, kind);
    at(&mut made, 8, line(2));
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
    let usage = match of.str_of("use") {
        "home" => "PRN",
        "work" => "WPN",
        _ => "",
    };
    let mut made = vec![esc(value), usage.to_owned()];
    match (of.str_of("system"), of.str_of("use")) {
        ("email", _) => {
            made = vec![String::new(), usage.to_owned(), "Internet".to_owned(), esc(value)];
        }
        ("fax", _) => at(&mut made, 3, "FX"),
        ("pager", _) => at(&mut made, 3, "BP"),
        (_, "mobile") => at(&mut made, 3, "CP"),
        _ => {}
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
    made
}

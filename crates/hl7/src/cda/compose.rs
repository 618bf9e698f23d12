//! FHIR's data types as those of CDA R2: the way back of `types.rs`.

use super::types::oid_of;
use super::xml::Element;
use badiano_fhir::Value;

/// An element with text; nothing where there is none.
pub(super) fn element(name: &str, text: &str) -> Option<Element> {
    (!text.is_empty()).then(|| Element::new(name).saying(text))
}

/// II of an Identifier. A system without an OID stands as the name of the authority, which our reader reads as a system again.
pub(super) fn ids(identifier: &Value, name: &str) -> Element {
    let (system, value) = (identifier.str_of("system"), identifier.str_of("value"));
    let made = Element::new(name);
    if system == "urn:ietf:rfc:3986" {
        let root = value.strip_prefix("urn:oid:").or_else(|| value.strip_prefix("urn:uuid:"));
        if let Some(root) = root {
            return made.with("root", root);
        }
    }
    if value.is_empty() {
        return made.with("nullFlavor", "UNK");
    }
    let root = oid_of(system).or_else(|| system.strip_prefix("urn:uuid:"));
    let made = match root {
        Some(root) => made.with("root", root).with("extension", value),
        None if system.is_empty() => made.with("extension", value),
        None => return made.with("extension", value).with("assigningAuthorityName", system),
    };
    made.with("assigningAuthorityName", identifier["assigner"].str_of("display"))
}

/// CD of a Coding.
pub(super) fn coding(of: &Value, name: &str) -> Option<Element> {
    let code = of.str_of("code");
    if code.is_empty() {
        return None;
    }
    let system = of.str_of("system");
    let made = Element::new(name).with("code", code);
    let made = match oid_of(system) {
        Some(oid) => made.with("codeSystem", oid),
        // A system without an OID is named by its URI.
        None => made.with("codeSystemName", system),
    };
    Some(made.with("displayName", of.str_of("display")))
}

/// CD of a CodeableConcept: its first coding, its text, further codings as translations.
pub(super) fn coded(of: &Value, name: &str) -> Option<Element> {
    let codings = of["coding"].items();
    let text = element("originalText", of.str_of("text"));
    let mut all = codings.iter().filter_map(|c| coding(c, name));
    let Some(first) = all.next() else {
        return text.map(|t| Element::new(name).with("nullFlavor", "OTH").holding(t));
    };
    let more = codings.iter().skip(1).filter_map(|c| coding(c, "translation"));
    Some(first.holding(text).all(more))
}

/// The same with a type, for `value`.
pub(super) fn value_coded(of: &Value) -> Option<Element> {
    let mut made = coded(of, "value")?;
    made.attributes.insert(0, ("xsi:type".to_owned(), "CD".to_owned()));
    Some(made)
}

/// `20261122101500-0600` of a date or time; empty where there is none.
pub(super) fn date(text: &str) -> String {
    let Some((day, clock)) = text.split_once('T') else { return text.replace('-', "") };
    let (clock, offset) = match clock.find(['+', '-', 'Z']) {
        Some(at) => clock.split_at(at),
        None => (clock, ""),
    };
    let offset = if offset == "Z" { "+0000".to_owned() } else { offset.replace(':', "") };
    format!("{}{}{offset}", day.replace('-', ""), clock.replace(':', ""))
}

/// IVL_TS of a Period.
pub(super) fn interval(name: &str, period: &Value) -> Option<Element> {
    let (start, end) = (date(period.str_of("start")), date(period.str_of("end")));
    if start.is_empty() && end.is_empty() {
        return None;
    }
    let low = Element::new("low");
    let low = if start.is_empty() { low.with("nullFlavor", "UNK") } else { low.with("value", &start) };
    let high = (!end.is_empty()).then(|| Element::new("high").with("value", &end));
    Some(Element::new(name).holding(low).holding(high))
}

/// `effectiveTime` of `{stem}DateTime` or `{stem}Period`.
pub(super) fn time_of(resource: &Value, stem: &str) -> Option<Element> {
    let point = date(resource.str_of(&format!("{stem}DateTime")));
    if point.is_empty() {
        return interval("effectiveTime", &resource[format!("{stem}Period").as_str()]);
    }
    Some(Element::new("effectiveTime").with("value", &point))
}

/// An interval from one date, and another where it has ended.
pub(super) fn since(start: &str, end: &str) -> Option<Element> {
    interval("effectiveTime", &badiano_fhir::fhir!({ "start": start, "end": end }))
}

/// PQ of a Quantity.
pub(super) fn quantity(of: &Value, name: &str) -> Option<Element> {
    let value = of["value"].as_number()?;
    let unit = if of.str_of("code").is_empty() { of.str_of("unit") } else { of.str_of("code") };
    Some(Element::new(name).with("value", value).with("unit", unit))
}

pub(super) fn name(of: &Value) -> Element {
    let usage = match of.str_of("use") {
        "official" => "L",
        "nickname" => "P",
        _ => "",
    };
    let mut made = Element::new("name").with("use", usage);
    made = made.all(of["prefix"].items().iter().filter_map(|p| element("prefix", p.as_str()?)));
    made = made.all(of["given"].items().iter().filter_map(|p| element("given", p.as_str()?)));
    let told = of["_family"]["extension"].items();
    let surname = |which: &str| {
        told.iter().find(|e| e.str_of("url").ends_with(which)).map_or("", |e| e.str_of("valueString"))
    };
    let (father, mother) = (surname("humanname-fathers-family"), surname("humanname-mothers-family"));
    made = if father.is_empty() || mother.is_empty() {
        made.holding(element("family", of.str_of("family")))
    } else {
        made.holding(element("family", father)).holding(element("family", mother))
    };
    made = made.all(of["suffix"].items().iter().filter_map(|p| element("suffix", p.as_str()?)));
    if made.nodes.is_empty() {
        return if of.str_of("text").is_empty() {
            made.with("nullFlavor", "UNK")
        } else {
            made.saying(of.str_of("text"))
        };
    }
    made
}

pub(super) fn address(of: &Value) -> Option<Element> {
    let usage = match of.str_of("use") {
        "home" => "HP",
        "work" => "WP",
        "temp" => "TMP",
        "old" => "OLD",
        _ => "",
    };
    let made = Element::new("addr").with("use", usage);
    let made = made.all(of["line"].items().iter().filter_map(|l| element("streetAddressLine", l.as_str()?)));
    let made = made
        .holding(element("city", of.str_of("city")))
        .holding(element("county", of.str_of("district")))
        .holding(element("state", of.str_of("state")))
        .holding(element("postalCode", of.str_of("postalCode")))
        .holding(element("country", of.str_of("country")));
    match (made.nodes.is_empty(), of.str_of("text")) {
        (false, _) => Some(made),
        (true, "") => None,
        (true, text) => Some(made.saying(text)),
    }
}

pub(super) fn telecom(of: &Value) -> Option<Element> {
    let value = of.str_of("value");
    if value.is_empty() {
        return None;
    }
    let value = match of.str_of("system") {
        "phone" | "sms" | "pager" => format!("tel:{value}"),
        "fax" => format!("fax:{value}"),
        "email" => format!("mailto:{value}"),
        _ => value.to_owned(),
    };
    let usage = match of.str_of("use") {
        "mobile" => "MC",
        "home" => "HP",
        "work" => "WP",
        _ => "",
    };
    Some(Element::new("telecom").with("use", usage).with("value", &value))
}

/// What a resource is about, in words.
pub(super) fn code_of(resource: &Value) -> String {
    let places = ["code", "medicationCodeableConcept", "vaccineCode", "relationship", "description"];
    let own = places.iter().map(|k| &resource[*k]).find(|c| !c.is_null()).unwrap_or(&resource["type"][0]);
    let coding = own["coding"].at(0);
    let said = [own.str_of("text"), coding.str_of("display"), coding.str_of("code")];
    let mut text = said.into_iter().find(|t| !t.is_empty()).unwrap_or("").to_owned();
    let quantity = &resource["valueQuantity"];
    if let Some(number) = quantity["value"].as_number() {
        text.push_str(&format!(": {} {number} {}", quantity.str_of("comparator"), quantity.str_of("unit")));
    }
    let value = &resource["valueCodeableConcept"];
    let value =
        [value.str_of("text"), value["coding"].at(0).str_of("display"), resource.str_of("valueString")];
    if let Some(value) = value.into_iter().find(|t| !t.is_empty()) {
        text.push_str(&format!(": {value}"));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// When, as one reads it.
pub(super) fn when(resource: &Value) -> String {
    let points = [
        "onsetDateTime",
        "effectiveDateTime",
        "performedDateTime",
        "occurrenceDateTime",
        "authoredOn",
        "recordedDate",
        "whenHandedOver",
        "startDate",
    ];
    let point = points.iter().map(|k| resource.str_of(k)).find(|t| !t.is_empty());
    let periods = ["period", "effectivePeriod", "performedPeriod"].map(|k| resource[k].str_of("start"));
    let text = point.or_else(|| periods.into_iter().find(|t| !t.is_empty())).unwrap_or("");
    text.get(..10).unwrap_or(text).to_owned()
}

pub(super) fn status(resource: &Value) -> String {
    let clinical = resource["clinicalStatus"]["coding"].at(0).str_of("code");
    if clinical.is_empty() { resource.str_of("status").to_owned() } else { clinical.to_owned() }
}

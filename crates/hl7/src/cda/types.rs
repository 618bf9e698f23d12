//! Data types of CDA R2 as those of FHIR: II, CD, TS, IVL_TS, PQ, PN, AD, TEL, and the kinds of value (ISO 21090 before it was one).

use super::xml::Element;
use crate::map::time;
use badiano_fhir::{Value, fhir};

const OIDS: &str = include_str!("../../tables/oids.map");
const UCUM: &str = "http://unitsofmeasure.org";

fn oids() -> impl Iterator<Item = (&'static str, &'static str)> {
    OIDS.lines().filter(|l| !l.starts_with('#')).filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    })
}

/// The URI of an OID: the one of the table, else `urn:oid:`.
pub(super) fn uri_of(oid: &str) -> String {
    oids()
        .find(|(known, _)| *known == oid)
        .map_or_else(|| format!("urn:oid:{oid}"), |(_, uri)| uri.to_owned())
}

/// The OID of a URI; nothing where none is known.
pub(super) fn oid_of(uri: &str) -> Option<&str> {
    oids().find(|(_, known)| *known == uri).map(|(oid, _)| oid).or_else(|| uri.strip_prefix("urn:oid:"))
}

/// Who reads, and in which zone times without an offset are.
pub(super) struct Zone<'z>(pub &'z str);

impl Zone<'_> {
    /// A point in time by its text (TS).
    pub fn time(&self, text: &str) -> Option<String> {
        time::date_time(text, self.0)
    }
    /// An element's own time, or the beginning of its interval.
    pub fn start(&self, element: Option<&Element>) -> Option<String> {
        let element = element.filter(|e| e.says())?;
        let own = element.attr("value");
        let text = if own.is_empty() { element.child("low").map_or("", |l| l.attr("value")) } else { own };
        let text =
            if text.is_empty() { element.child("center").map_or("", |c| c.attr("value")) } else { text };
        self.time(text)
    }
    pub fn end(&self, element: Option<&Element>) -> Option<String> {
        self.time(element?.child("high")?.attr("value"))
    }
    pub fn period(&self, element: Option<&Element>) -> Option<Value> {
        let mut made = Value::object();
        for (key, time) in [("start", self.start(element)), ("end", self.end(element))] {
            if let Some(time) = time {
                made.set(key, time);
            }
        }
        made.as_object().is_some_and(|o| !o.is_empty()).then_some(made)
    }
    /// `effectiveDateTime` of a point, `effectivePeriod` of an interval.
    pub fn when(&self, made: &mut Value, stem: &str, element: Option<&Element>) {
        let Some(element) = element else { return };
        if element.child("low").is_some() || element.child("high").is_some() {
            if let Some(period) = self.period(Some(element)) {
                made.set(&format!("{stem}Period"), period);
            }
        } else if let Some(time) = self.start(Some(element)) {
            made.set(&format!("{stem}DateTime"), time);
        }
    }
}

/// II as an Identifier.
pub(super) fn identifier(id: &Element) -> Option<Value> {
    let (root, extension) = (id.attr("root"), id.attr("extension"));
    if !id.says() || (root.is_empty() && extension.is_empty()) {
        return None;
    }
    let is_uuid = root.len() == 36 && root.bytes().filter(|b| *b == b'-').count() == 4;
    let mut made = match (root, extension) {
        // A system that has no OID stands as its authority's name.
        ("", value) if id.attr("assigningAuthorityName").contains(':') => {
            return Some(fhir!({ "system": (id.attr("assigningAuthorityName")), "value": value }));
        }
        ("", value) => fhir!({ "value": value }),
        (root, "") if is_uuid => {
            fhir!({ "system": "urn:ietf:rfc:3986", "value": (format!("urn:uuid:{}", root.to_ascii_lowercase())) })
        }
        (root, "") => fhir!({ "system": "urn:ietf:rfc:3986", "value": (format!("urn:oid:{root}")) }),
        (root, value) if is_uuid => {
            fhir!({ "system": (format!("urn:uuid:{}", root.to_ascii_lowercase())), "value": value })
        }
        (root, value) => fhir!({ "system": (uri_of(root)), "value": value }),
    };
    if !id.attr("assigningAuthorityName").is_empty() {
        made.set("assigner", fhir!({ "display": (id.attr("assigningAuthorityName")) }));
    }
    Some(made)
}

pub(super) fn identifiers(of: &Element, made: &mut Value) {
    for id in of.children("id").filter_map(identifier) {
        made.push("identifier", id);
    }
}

/// CD, CE, CV, CO: its code, its translations, its original text (`texts` gives what a reference points to).
pub(super) fn concept(code: &Element, texts: &Texts) -> Option<Value> {
    let mut made = Value::object();
    let own = std::iter::once(code).chain(code.children("translation"));
    for coding in own.filter_map(coding) {
        made.push("coding", coding);
    }
    let said = code.child("originalText").map(|t| texts.of(t)).filter(|t| !t.is_empty());
    let shown =
        Some(code.attr("displayName").to_owned()).filter(|t| !t.is_empty() && made["coding"].is_null());
    if let Some(text) = said.or(shown) {
        made.set("text", text);
    }
    made.as_object().is_some_and(|o| !o.is_empty()).then_some(made)
}

pub(super) fn coding(code: &Element) -> Option<Value> {
    let text = code.attr("code").split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return None;
    }
    let mut made = Value::object();
    let named = code.attr("codeSystemName");
    if !code.attr("codeSystem").is_empty() {
        made.set("system", uri_of(code.attr("codeSystem")));
    } else if named.contains(':') {
        // A system that has no OID is named by its URI.
        made.set("system", named);
    }
    made.set("code", text);
    if !code.attr("displayName").is_empty() {
        made.set("display", code.attr("displayName"));
    }
    Some(made)
}

/// Texts of the narrative that entries point to, by ID.
#[derive(Debug, Default)]
pub(super) struct Texts(std::collections::HashMap<String, String>);

impl Texts {
    /// All IDs of a document's narratives.
    pub fn gather(&mut self, of: &Element) {
        if !of.attr("ID").is_empty() {
            self.0.insert(of.attr("ID").to_owned(), of.text());
        }
        of.elements().for_each(|e| self.gather(e));
    }
    /// The text of an element, or of what its reference points to.
    pub fn of(&self, element: &Element) -> String {
        let own = element.text();
        if !own.is_empty() {
            return own;
        }
        let reference = element.child("reference").map_or("", |r| r.attr("value"));
        self.0.get(reference.trim_start_matches('#')).cloned().unwrap_or_default()
    }
}

fn number(text: &str) -> Option<Value> {
    crate::map::number(text).map(|n| Value::Number(n.into()))
}

/// PQ as a Quantity.
pub(super) fn quantity(of: &Element) -> Option<Value> {
    if !of.says() {
        return None;
    }
    let mut made = fhir!({ "value": (number(of.attr("value"))?) });
    let unit = of.attr("unit");
    if !unit.is_empty() && unit != "1" {
        made.set("unit", unit);
        // CDA's units are UCUM; what has blanks is words.
        if !unit.contains(char::is_whitespace) {
            made.set("system", UCUM);
            made.set("code", unit);
        }
    }
    Some(made)
}

/// IVL_PQ as a Range; one side alone as a Quantity with its comparator.
pub(super) fn range(of: &Element) -> Option<(&'static str, Value)> {
    let (low, high) = (of.child("low").and_then(quantity), of.child("high").and_then(quantity));
    let inclusive = |side: &str| of.child(side).is_none_or(|e| e.attr("inclusive") != "false");
    match (low, high) {
        (Some(low), Some(high)) => Some(("Range", fhir!({ "low": low, "high": high }))),
        (Some(low), None) => {
            Some(("Quantity", low.with("comparator", if inclusive("low") { ">=" } else { ">" })))
        }
        (None, Some(high)) => {
            Some(("Quantity", high.with("comparator", if inclusive("high") { "<=" } else { "<" })))
        }
        (None, None) => quantity(of).map(|q| ("Quantity", q)),
    }
}

/// A value by its xsi:type: the name of its FHIR type and itself.
pub(super) fn value(of: &Element, zone: &Zone<'_>, texts: &Texts) -> Option<(&'static str, Value)> {
    if !of.says() {
        return None;
    }
    let kind = of.attr("xsi:type").rsplit(':').next().unwrap_or("");
    let kind = if kind.is_empty() && !of.attr("code").is_empty() { "CD" } else { kind };
    match kind {
        "CD" | "CE" | "CV" | "CS" | "CO" | "SC" => concept(of, texts).map(|c| ("CodeableConcept", c)),
        "PQ" | "REAL" | "MO" => quantity(of).map(|q| ("Quantity", q)),
        "INT" => of.attr("value").parse::<i64>().ok().map(|n| ("Integer", Value::from(n))),
        "IVL_PQ" | "IVL_REAL" | "IVL_INT" => range(of),
        "BL" => match of.attr("value") {
            "true" => Some(("Boolean", true.into())),
            "false" => Some(("Boolean", false.into())),
            _ => None,
        },
        "TS" => zone.time(of.attr("value")).map(|t| ("DateTime", t.into())),
        "IVL_TS" => zone.period(Some(of)).map(|p| ("Period", p)),
        "RTO" | "RTO_PQ_PQ" | "RTO_INT_INT" => {
            let side = |name: &str| of.child(name).and_then(quantity);
            let (top, bottom) = (side("numerator")?, side("denominator")?);
            Some(("Ratio", fhir!({ "numerator": top, "denominator": bottom })))
        }
        _ => Some(texts.of(of)).filter(|t| !t.is_empty()).map(|t| ("String", t.into())),
    }
}

/// PN, EN as a HumanName.
pub(super) fn name(of: &Element) -> Option<Value> {
    if !of.says() {
        return None;
    }
    let mut made = Value::object();
    let usage = match of.attr("use") {
        "L" | "C" => "official",
        "P" | "A" => "nickname",
        "" => "",
        _ => "usual",
    };
    if !usage.is_empty() {
        made.set("use", usage);
    }
    let families: Vec<String> = of.children("family").map(Element::text).filter(|t| !t.is_empty()).collect();
    if !families.is_empty() {
        made.set("family", families.join(" "));
        if let [father, mother] = &families[..] {
            let url =
                |which: &str| format!("http://hl7.org/fhir/StructureDefinition/humanname-{which}-family");
            let surnames = vec![
                fhir!({ "url": (url("fathers")), "valueString": (father.as_str()) }),
                fhir!({ "url": (url("mothers")), "valueString": (mother.as_str()) }),
            ];
            made.set("_family", fhir!({ "extension": surnames }));
        }
    }
    for (from, to) in [("given", "given"), ("prefix", "prefix"), ("suffix", "suffix")] {
        for part in of.children(from).map(Element::text).filter(|t| !t.is_empty()) {
            made.push(to, part);
        }
    }
    if made["family"].is_null() && made["given"].is_null() {
        let text = of.text();
        if text.is_empty() {
            return None;
        }
        made.set("text", text);
    }
    Some(made)
}

/// A name as one reads it.
pub(super) fn shown(name: &Value) -> String {
    let parts = ["prefix", "given"].into_iter().flat_map(|k| name[k].items()).filter_map(Value::as_str);
    let end = name["suffix"].items().iter().filter_map(Value::as_str);
    let all: Vec<&str> =
        parts.chain(Some(name.str_of("family")).filter(|f| !f.is_empty())).chain(end).collect();
    if all.is_empty() { name.str_of("text").to_owned() } else { all.join(" ") }
}

/// AD as an Address.
pub(super) fn address(of: &Element) -> Option<Value> {
    if !of.says() {
        return None;
    }
    let mut made = Value::object();
    let usage = match of.attr("use").split_whitespace().next().unwrap_or("") {
        "H" | "HP" | "HV" => "home",
        "WP" | "DIR" | "PUB" => "work",
        "TMP" => "temp",
        "OLD" | "BAD" => "old",
        _ => "",
    };
    if !usage.is_empty() {
        made.set("use", usage);
    }
    for line in ["streetAddressLine", "streetName", "houseNumber", "additionalLocator"] {
        for text in of.children(line).filter(|e| e.says()).map(Element::text).filter(|t| !t.is_empty()) {
            made.push("line", text);
        }
    }
    for (from, to) in [
        ("city", "city"),
        ("county", "district"),
        ("state", "state"),
        ("postalCode", "postalCode"),
        ("country", "country"),
    ] {
        if let Some(text) = of.child(from).filter(|e| e.says()).map(Element::text).filter(|t| !t.is_empty()) {
            made.set(to, text);
        }
    }
    let says = made.as_object().is_some_and(|o| o.iter().any(|(key, _)| key != "use"));
    if !says {
        let text = of.text();
        return (!text.is_empty()).then(|| made.with("text", text));
    }
    Some(made)
}

/// TEL as a ContactPoint.
pub(super) fn telecom(of: &Element) -> Option<Value> {
    let sent = of.attr("value");
    if !of.says() || sent.is_empty() {
        return None;
    }
    let (system, value) = match sent.split_once(':') {
        Some(("tel", rest)) => ("phone", rest),
        Some(("fax", rest)) => ("fax", rest),
        Some(("mailto", rest)) => ("email", rest),
        Some(("http" | "https", _)) => ("url", sent),
        _ if sent.contains('@') => ("email", sent),
        _ => ("phone", sent),
    };
    let mut made = fhir!({ "system": system, "value": (value.trim()) });
    let usage = match of.attr("use").split_whitespace().next().unwrap_or("") {
        "MC" => "mobile",
        "H" | "HP" | "HV" => "home",
        "WP" | "DIR" | "PUB" => "work",
        _ => "",
    };
    if !usage.is_empty() {
        made.set("use", usage);
    }
    (!value.trim().is_empty()).then_some(made)
}

/// Addresses and telecoms of an entity.
pub(super) fn reach(of: &Element, made: &mut Value) {
    for address in of.children("addr").filter_map(address) {
        made.push("address", address);
    }
    for telecom in of.children("telecom").filter_map(telecom) {
        made.push("telecom", telecom);
    }
}

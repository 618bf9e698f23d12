//! Names with two surnames, addresses, telephones, practitioners (HL7 v2.5.1 sections 2.A.3, 2.A.86 to 2.A.89).

use super::mapping::{Answer, Mapping};
use super::reading::typed;
use super::tables::Row;
use crate::message::Part;
use badiano_fhir::{Value, fhir};

const FATHERS: &str = "http://hl7.org/fhir/StructureDefinition/humanname-fathers-family";
const MOTHERS: &str = "http://hl7.org/fhir/StructureDefinition/humanname-mothers-family";
const OWN: &str = "http://hl7.org/fhir/StructureDefinition/humanname-own-name";
const OWN_PREFIX: &str = "http://hl7.org/fhir/StructureDefinition/humanname-own-prefix";
const PARTNER: &str = "http://hl7.org/fhir/StructureDefinition/humanname-partner-name";
const PARTNER_PREFIX: &str = "http://hl7.org/fhir/StructureDefinition/humanname-partner-prefix";

/// Words that are a prefix of a surname, not a surname: what FN.2 is by the standard.
const PREFIXES: [&str; 14] =
    ["DE", "DEL", "DE LA", "DE LAS", "DE LOS", "LA", "VAN", "VON", "DI", "DA", "DOS", "MC", "MAC", "Y"];

/// The family name and the extensions that tell its parts.
///
/// Two surnames come as one text (FN.1), told apart where the place's rule can; as FN.1 and FN.2 (a use that Mexican
/// senders make of it, where FN.2 is no prefix); or in the component that the row names (`second-surname=3`).
fn family(
    m: &mut Mapping<'_>,
    fn_part: Part<'_>,
    second: Option<String>,
) -> (String, Vec<(&'static str, String)>) {
    let parts = [1, 2, 3, 4, 5].map(|n| m.take(fn_part.subcomponent(n)).unwrap_or_default());
    let [whole, own_prefix, own, partner_prefix, partner] = parts;
    let second = second.or_else(|| {
        let is_surname = own.is_empty() && !own_prefix.is_empty() && !whole.is_empty();
        (is_surname && !PREFIXES.contains(&own_prefix.to_uppercase().as_str())).then(|| own_prefix.clone())
    });
    if let Some(second) = second {
        return (format!("{whole} {second}").trim().to_owned(), vec![(FATHERS, whole), (MOTHERS, second)]);
    }
    let told = [(OWN_PREFIX, own_prefix), (OWN, own), (PARTNER_PREFIX, partner_prefix), (PARTNER, partner)];
    let told: Vec<_> = told.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    if !told.is_empty() {
        let joined = told.iter().map(|(_, t)| t.as_str()).collect::<Vec<_>>().join(" ");
        return (if whole.is_empty() { joined } else { whole }, told);
    }
    match (m.naming.split_surnames)(&whole) {
        (first, Some(second)) => (whole, vec![(FATHERS, first), (MOTHERS, second)]),
        (first, None) if !first.is_empty() => (whole, vec![(FATHERS, first)]),
        _ => (whole, Vec::new()),
    }
}

/// XPN as a HumanName.
pub(super) fn name(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let second_at: usize = row.option("second-surname").and_then(|n| n.parse().ok()).unwrap_or(0);
    let second = if second_at > 0 { m.take(part.component(second_at)) } else { None };
    let (family, extensions) = family(m, part.component(1), second);
    let mut made = Value::object();
    let kind = m.take(part.component(7));
    let usage = match kind.as_deref() {
        Some("L") => Some("official"),
        Some("D") => Some("usual"),
        Some("M") => Some("maiden"),
        Some("N") => Some("nickname"),
        Some("T") => Some("temp"),
        Some("A" | "S") => Some("anonymous"),
        Some(_) => {
            m.refuse(part.component(7), "the type of name is not one that FHIR has");
            row.option("use")
        }
        None => row.option("use"),
    };
    if let Some(usage) = usage {
        made.set("use", usage);
    }
    if !family.is_empty() {
        made.set("family", family);
        let listed = extensions.into_iter().map(|(url, text)| fhir!({ "url": url, "valueString": text }));
        let listed: Vec<Value> = listed.collect();
        if !listed.is_empty() {
            made.set("_family", fhir!({ "extension": listed }));
        }
    }
    for (n, key) in [(2, "given"), (3, "given"), (5, "prefix"), (4, "suffix"), (6, "suffix")] {
        if n != second_at
            && let Some(text) = m.take(part.component(n))
        {
            made.push(key, text);
        }
    }
    let says_something = ["family", "given"].iter().any(|k| !made[*k].is_null());
    if says_something { typed("HumanName", made) } else { Ok(None) }
}

pub(super) fn name_text(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let words: Vec<String> = [2, 3, 1].into_iter().filter_map(|n| m.take(part.component(n))).collect();
    if words.is_empty() { Ok(None) } else { typed("string", words.join(" ")) }
}

/// XAD as an Address.
pub(super) fn address(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let mut made = Value::object();
    let street = part.component(1);
    let written = m.take(street.subcomponent(1)).or_else(|| {
        let parts: Vec<String> = [2, 3].into_iter().filter_map(|n| m.take(street.subcomponent(n))).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    });
    for line in [written, m.take(part.component(2)), m.take(part.component(8))].into_iter().flatten() {
        made.push("line", line);
    }
    for (n, key) in [(3, "city"), (4, "state"), (5, "postalCode"), (6, "country"), (9, "district")] {
        if let Some(text) = m.take(part.component(n)) {
            made.set(key, text);
        }
    }
    if made.as_object().is_none_or(badiano_fhir::value::Object::is_empty) {
        return Ok(None);
    }
    match m.take(part.component(7)).as_deref() {
        Some("H" | "P") => made.set("use", "home"),
        Some("B" | "O") => made.set("use", "work"),
        Some("C") => made.set("use", "temp"),
        Some("BA") => made.set("use", "old"),
        Some("M") => made.set("type", "postal"),
        Some(_) => m.refuse(part.component(7), "the type of address is not one that FHIR has"),
        None => {}
    }
    typed("Address", made)
}

pub(super) fn address_text(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    m.take(part).map_or(Ok(None), |t| typed("Address", fhir!({ "text": t })))
}

/// XTN as a ContactPoint: number (1, or 5 to 9, or 12), use (2), equipment (3), mail address (4).
pub(super) fn contact(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let [usage, equipment] = [2, 3].map(|n| m.take(part.component(n)));
    let is_mail =
        matches!(equipment.as_deref(), Some("Internet" | "X.400")) || usage.as_deref() == Some("NET");
    // Only what becomes the value is read; the rest stays a loss.
    let mut value = if is_mail { m.take(part.component(4)) } else { None };
    value = value.or_else(|| m.take(part.component(1))).or_else(|| m.take(part.component(12)));
    value = value.or_else(|| telephone(m, part)).or_else(|| m.take(part.component(4)));
    let Some(value) = value.or_else(|| m.take(part.component(9))) else { return Ok(None) };
    let system = match equipment.as_deref() {
        _ if is_mail || value.contains('@') => "email",
        Some("FX") => "fax",
        Some("BP") => "pager",
        _ => "phone",
    };
    let usage = match (usage.as_deref(), equipment.as_deref()) {
        (_, Some("CP")) => Some("mobile"),
        (Some("PRN" | "VHN"), _) => Some("home"),
        (Some("WPN"), _) => Some("work"),
        _ => row.option("use"),
    };
    let made = fhir!({ "system": system, "value": value });
    typed(
        "ContactPoint",
        match usage {
            Some(usage) => made.with("use", usage),
            None => made,
        },
    )
}

/// Country, area, number and extension in pieces.
fn telephone(m: &mut Mapping<'_>, part: Part<'_>) -> Option<String> {
    let [country, area, number] = [5, 6, 7].map(|n| m.take(part.component(n)));
    let country = country.map(|c| format!("+{}", c.trim_start_matches('+')));
    let extension = m.take(part.component(8)).map(|e| format!("ext. {e}"));
    let pieces: Vec<String> = [country, area, number, extension].into_iter().flatten().collect();
    (!pieces.is_empty()).then(|| pieces.join(" "))
}

/// XCN as a reference that names the person: shown name and number.
pub(super) fn practitioner(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let number = m.take(part.component(1));
    let (family, _) = family(m, part.component(2), None);
    let [given, more, suffix, prefix, degree] = [3, 4, 5, 6, 7].map(|n| m.take(part.component(n)));
    let surnames = Some(family).filter(|f| !f.is_empty());
    let shown: Vec<String> = [prefix, given, more, surnames, suffix, degree].into_iter().flatten().collect();
    let authority = [1, 2, 3].map(|n| m.take(part.component(9).subcomponent(n)).unwrap_or_default());
    let kind = m.take(part.component(13));
    reference(m, number, &shown, &authority, kind)
}

/// NDL: the person stands in the subcomponents of its first component (CNN).
pub(super) fn named_practitioner(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let person = part.component(1);
    let [number, family, given, more, suffix, prefix, degree] =
        [1, 2, 3, 4, 5, 6, 7].map(|n| m.take(person.subcomponent(n)));
    let shown: Vec<String> = [prefix, given, more, family, suffix, degree].into_iter().flatten().collect();
    let authority = [9, 10, 11].map(|n| m.take(person.subcomponent(n)).unwrap_or_default());
    reference(m, number, &shown, &authority, None)
}

fn reference(
    m: &Mapping<'_>,
    number: Option<String>,
    shown: &[String],
    authority: &[String; 3],
    kind: Option<String>,
) -> Answer {
    let mut made = fhir!({ "type": "Practitioner" });
    let [namespace, universal, universal_type] = authority;
    if let Some(number) = &number {
        let mut identifier = Value::object();
        if let Some(kind) = kind {
            let system = "http://terminology.hl7.org/CodeSystem/v2-0203";
            identifier.set("type", fhir!({ "coding": [{ "system": system, "code": kind }] }));
        }
        let system = m.naming.system(namespace, universal, universal_type);
        if let Some(system) = system.or_else(|| m.own_system("practitioner")) {
            identifier.set("system", system);
        }
        made.set("identifier", identifier.with("value", number.as_str()));
    }
    match (shown.is_empty(), number) {
        (false, _) => made.set("display", shown.join(" ")),
        (true, Some(number)) => made.set("display", number),
        (true, None) => return Ok(None),
    }
    typed("Reference", made)
}

/// XCN as a participant of an Encounter, by `role` (v3-ParticipationType).
pub(super) fn participant(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(person) = practitioner(m, part, row)? else { return Ok(None) };
    let system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
    let role = row.option("role").unwrap_or("PART");
    typed(
        "BackboneElement",
        fhir!({ "type": [{ "coding": [{ "system": system, "code": role }] }], "individual": (person.value) }),
    )
}

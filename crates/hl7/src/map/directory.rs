//! Organisations, places and devices that a message names: resources beside the clinical ones (HL7 v2-to-FHIR, XON, PL, HD, EI).
//!
//! Each is made once and referred to; the reference shows name and number too, so that it tells as much without them.

use super::mapping::{Answer, Mapping};
use super::reading::{read_concept, typed};
use super::tables::Row;
use super::{person, uuid_of};
use crate::message::Part;
use badiano_fhir::{Value, fhir, json};

const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
/// Stands where a reference to the directory would, until it is taken out.
const UNLISTED: &str = "urn:uuid:00000000-0000-0000-0000-000000000000";
const UNIVERSAL_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0301";
const PHYSICAL: &str = "http://terminology.hl7.org/CodeSystem/location-physical-type";

impl Mapping<'_> {
    /// Adds a resource to the directory, once, and gives its full URL.
    pub fn listed(&mut self, mut resource: Value) -> String {
        if !self.naming.whole {
            // What a node does not keep is pointed to by nothing (`Mapped::clinical`).
            return UNLISTED.to_owned();
        }
        self.tables.call(&mut resource);
        let url = uuid_of(&[&self.sender, &self.message.control_id(), &json::to_string(&resource)]);
        if !self.directory.iter().any(|(known, _)| *known == url) {
            self.directory.push((url.clone(), resource));
        }
        url
    }

    /// A reference to a new resource of the directory, by name.
    pub fn named(&mut self, kind: &str, resource: Value, display: &str) -> Value {
        let identifier = resource["identifier"].at(0).clone();
        let url = self.listed(resource);
        let made = fhir!({ "reference": url, "type": kind });
        let made = if identifier.is_null() { made } else { made.with("identifier", identifier) };
        made.with("display", display)
    }

    /// An identifier of a number under an authority, which the sender is where none is named.
    pub fn number(&mut self, value: &str, authority: &[String; 3], kind: Option<&str>, space: &str) -> Value {
        let [namespace, universal, universal_type] = authority;
        let mut made = Value::object();
        if let Some(kind) = kind {
            made.set("type", fhir!({ "coding": [{ "system": IDENTIFIER_TYPE, "code": kind }] }));
        }
        let system = self.naming.system(namespace, universal, universal_type);
        if let Some(system) = system.or_else(|| self.own_system(space)) {
            made.set("system", system);
        }
        made.set("value", value);
        if !universal.is_empty()
            && self.naming.whole
            && let Some(assigner) = self.assigner(authority)
        {
            made.set("assigner", assigner);
        }
        made
    }

    /// Who gave a number (HD): an organisation of the directory where it has a number of its own, else its name.
    pub fn assigner(&mut self, authority: &[String; 3]) -> Option<Value> {
        let [namespace, universal, kind] = authority;
        let shown = if namespace.is_empty() { universal } else { namespace };
        if shown.is_empty() {
            return None;
        }
        if universal.is_empty() || !self.naming.whole {
            return (!namespace.is_empty()).then(|| fhir!({ "display": (namespace.as_str()) }));
        }
        let mut made = fhir!({ "resourceType": "Organization" });
        made.set("identifier", Value::Array(identifiers_hd(namespace, universal, kind)));
        let url = self.listed(made);
        Some(fhir!({ "reference": url, "display": (shown.as_str()) }))
    }
}

/// The name and the registered number of an HD as identifiers.
fn identifiers_hd(namespace: &str, universal: &str, kind: &str) -> Vec<Value> {
    let mut made = Vec::new();
    if !namespace.is_empty() {
        made.push(fhir!({ "value": namespace }));
    }
    if !universal.is_empty() {
        made.push(registered(universal, kind));
    }
    made
}

fn authority(m: &mut Mapping<'_>, part: Part<'_>) -> [String; 3] {
    [1, 2, 3].map(|n| m.take(part.subcomponent(n)).unwrap_or_default())
}

/// XON: name, number (component 10, or 3 of old), its authority and type.
pub(super) fn organization(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let name = m.take(part.piece(1));
    let number = m.take(part.piece(10)).or_else(|| m.take(part.piece(3)));
    let authority = authority(m, part.piece(6));
    let kind = m.take(part.piece(7));
    let mut made = fhir!({ "resourceType": "Organization" });
    if let Some(number) = &number {
        let identifier = m.number(number, &authority, kind.as_deref(), "organization");
        made.push("identifier", identifier);
    }
    if let Some(name) = &name {
        made.set("name", name.as_str());
    }
    details(m, row, &mut made)?;
    let said = made.as_object().is_some_and(|o| o.len() > 1);
    let Some(shown) = name.or(number).or_else(|| said.then(|| "?".to_owned())) else { return Ok(None) };
    let reference = m.named("Organization", made, &shown);
    typed("Reference", reference)
}

/// What fields beside the one at work tell of an organisation or a member of staff: `address=ORC-22 telecom=ORC-23`, and of
/// the person to speak to there (`contact-name=`, `contact-telecom=`, `contact-address=`).
pub(super) fn details(m: &mut Mapping<'_>, row: &Row, made: &mut Value) -> Result<(), &'static str> {
    if !m.naming.whole {
        return Ok(());
    }
    let telecom: person::Read = person::contact;
    for (option, key, read) in
        [("address", "address", person::address as person::Read), ("telecom", "telecom", telecom)]
    {
        for part in row.option(option).map(|at| m.all_beside(at)).unwrap_or_default() {
            if let Some(found) = read(m, part, row)? {
                made.push(key, found.value);
            }
        }
    }
    let mut contact = Value::object();
    for (option, key, read) in [
        ("contact-name", "name", person::name as person::Read),
        ("contact-telecom", "telecom", telecom),
        ("contact-address", "address", person::address),
    ] {
        for part in row.option(option).map(|at| m.all_beside(at)).unwrap_or_default() {
            match (read(m, part, row)?, key) {
                (Some(found), "telecom") => contact.push(key, found.value),
                (Some(found), _) if contact[key].is_null() => contact.set(key, found.value),
                _ => {}
            }
        }
    }
    if contact.as_object().is_some_and(|o| !o.is_empty()) {
        made.push("contact", contact);
    }
    Ok(())
}

/// HD of an application as its number: the registered one, else its name.
pub(super) fn identifier_hd(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let [name, universal, kind] = [1, 2, 3].map(|n| m.take(part.component(n)));
    match (universal, name) {
        (Some(universal), _) => typed("Identifier", registered(&universal, kind.as_deref().unwrap_or(""))),
        (None, Some(name)) => typed("Identifier", fhir!({ "value": name })),
        (None, None) => Ok(None),
    }
}

/// HD: an organisation by the name of its application or place, and its registered number.
pub(super) fn organization_hd(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let [name, universal, kind] = [1, 2, 3].map(|n| m.take(part.piece(n)));
    let Some(shown) = name.clone().or_else(|| universal.clone()) else { return Ok(None) };
    let mut made = fhir!({ "resourceType": "Organization" });
    let (namespace, universal) = (name.as_deref().unwrap_or(""), universal.as_deref().unwrap_or(""));
    let numbers = identifiers_hd(namespace, universal, kind.as_deref().unwrap_or(""));
    made.set("identifier", Value::Array(numbers));
    made.set("name", shown.as_str());
    let reference = m.named("Organization", made, &shown);
    typed("Reference", reference)
}

/// A number of its own register (RFC 3986 for an OID or a UUID), with the kind of register (table 0301).
pub(super) fn registered(universal: &str, kind: &str) -> Value {
    let value = match kind {
        "ISO" => format!("urn:oid:{universal}"),
        "UUID" | "GUID" => format!("urn:uuid:{}", universal.to_ascii_lowercase()),
        _ => universal.to_owned(),
    };
    let mut made = Value::object();
    if !kind.is_empty() {
        made.set("type", fhir!({ "coding": [{ "system": UNIVERSAL_TYPE, "code": kind }] }));
    }
    if matches!(kind, "ISO" | "UUID" | "GUID" | "URI" | "URL" | "") {
        made.set("system", "urn:ietf:rfc:3986");
    }
    made.with("value", value)
}

/// HD as the address of an application: its registered number, else its name.
pub(super) fn endpoint(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let [name, universal, kind] = [1, 2, 3].map(|n| m.take(part.component(n)));
    let address = match (name, universal) {
        (_, Some(universal)) => match kind.as_deref() {
            Some("ISO") => format!("urn:oid:{universal}"),
            Some("UUID" | "GUID") => format!("urn:uuid:{}", universal.to_ascii_lowercase()),
            _ if universal.contains(':') => universal,
            _ => format!("urn:badiano:application:{}", super::naming::urn_part(&universal)),
        },
        (Some(name), None) => format!("urn:badiano:application:{}", super::naming::urn_part(&name)),
        (None, None) => return Ok(None),
    };
    typed("url", address)
}

pub(super) fn place_hd(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let [name, universal, kind] = [1, 2, 3].map(|n| m.take(part.component(n)));
    let Some(shown) = name.or_else(|| universal.clone()) else { return Ok(None) };
    let mut made = fhir!({ "resourceType": "Location" });
    if let Some(universal) = universal {
        made.push("identifier", registered(&universal, kind.as_deref().unwrap_or("")));
    }
    made.set("name", shown.as_str());
    let reference = m.named("Location", made, &shown);
    typed("Reference", reference)
}

/// A code and its text as an organisation: a laboratory (OBX-15), a maker of vaccines (RXA-17), a cost centre.
pub(super) fn organization_cwe(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(concept) = read_concept(m, part, None) else { return Ok(None) };
    let coding = concept["coding"].at(0);
    let shown = [concept.str_of("text"), coding.str_of("display"), coding.str_of("code")];
    let Some(shown) = shown.into_iter().find(|t| !t.is_empty()) else { return Ok(None) };
    let mut made = fhir!({ "resourceType": "Organization" });
    if !coding.str_of("code").is_empty() {
        let mut identifier = Value::object();
        if !coding.str_of("system").is_empty() {
            identifier.set("system", coding.str_of("system"));
        }
        made.push("identifier", identifier.with("value", coding.str_of("code")));
    }
    made.set("name", shown);
    let reference = m.named("Organization", made, shown);
    typed("Reference", reference)
}

/// A coded resource of an appointment: its number and its name.
pub(super) fn named_cwe(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let kind = row.option("kind").unwrap_or("Device");
    let Some(concept) = read_concept(m, part, None) else { return Ok(None) };
    let coding = concept["coding"].at(0);
    let shown = [concept.str_of("text"), coding.str_of("display"), coding.str_of("code")];
    let Some(shown) = shown.into_iter().find(|t| !t.is_empty()) else { return Ok(None) };
    let mut made = fhir!({ "resourceType": kind });
    if !coding.str_of("code").is_empty() {
        let mut identifier = Value::object();
        if !coding.str_of("system").is_empty() {
            identifier.set("system", coding.str_of("system"));
        }
        made.push("identifier", identifier.with("value", coding.str_of("code")));
    }
    made.push("deviceName", fhir!({ "name": shown, "type": "user-friendly-name" }));
    let reference = m.named(kind, made, shown);
    typed("Reference", reference)
}

/// EI of equipment (OBX-18).
pub(super) fn device(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(number) = m.take(part.component(1)).or_else(|| m.take(part.component(3))) else {
        return Ok(None);
    };
    let authority = [2, 3, 4].map(|n| m.take(part.component(n)).unwrap_or_default());
    let identifier = m.number(&number, &authority, None, "device");
    let made = fhir!({ "resourceType": "Device", "identifier": [identifier] });
    let reference = m.named("Device", made, &number);
    typed("Reference", reference)
}

/// PL as a reference to the innermost place, each place part of the one around it.
pub(super) fn place(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    place_of(m, part).map_or(Ok(None), |reference| typed("Reference", reference))
}

/// Components of PL and the kinds of place they are, from the large to the small.
pub(super) const PLACES: [(usize, &str); 6] =
    [(4, "si"), (7, "bu"), (8, "lvl"), (1, "wa"), (2, "ro"), (3, "bd")];

/// From the large to the small: facility, building, floor, point of care, room, bed.
pub(super) fn place_of(m: &mut Mapping<'_>, part: Part<'_>) -> Option<Value> {
    let mut names: Vec<String> = Vec::new();
    let mut around: Option<String> = None;
    for (n, kind) in PLACES {
        let step = part.piece(n);
        let [name, universal, universal_type] = [1, 2, 3].map(|k| m.take(step.subcomponent(k)));
        let Some(name) = name.or_else(|| universal.clone()) else { continue };
        let mut made = fhir!({ "resourceType": "Location" });
        if let Some(universal) = universal {
            made.push("identifier", registered(&universal, universal_type.as_deref().unwrap_or("")));
        }
        made.set("name", name.as_str());
        made.set("mode", "instance");
        made.set("physicalType", fhir!({ "coding": [{ "system": PHYSICAL, "code": kind }] }));
        if let Some(around) = &around {
            made.set("partOf", fhir!({ "reference": (around.as_str()) }));
        }
        around = Some(m.listed(made));
        names.push(name);
    }
    // A place may be told in words (PL.9).
    if let Some(words) = m.take(part.piece(9)) {
        if around.is_none() {
            around = Some(m.listed(fhir!({ "resourceType": "Location", "description": (words.as_str()) })));
        }
        names.push(words);
    }
    let around = around?;
    Some(fhir!({ "reference": around, "type": "Location", "display": (names.join(", ")) }))
}

/// DLD: where the patient went.
pub(super) fn discharged_to(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let system = Some("http://terminology.hl7.org/CodeSystem/v2-0113");
    let Some(concept) = read_concept(m, part.component(1), system) else { return Ok(None) };
    let coding = concept["coding"].at(0);
    let said = [concept.str_of("text"), coding.str_of("display"), coding.str_of("code")];
    let name = said.into_iter().find(|t| !t.is_empty()).unwrap_or("").to_owned();
    let mut made = fhir!({ "resourceType": "Location", "name": (name.as_str()) });
    made.push("type", concept);
    let reference = m.named("Location", made, &name);
    typed("Reference", reference)
}

/// LA1, LA2: a place as PL has it, with its address behind it.
pub(super) fn administered_at(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    place(m, part, row)
}

/// IN1-3 with the company's name, address and telephone beside it.
pub(super) fn insurer(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let number = m.take(part.component(1));
    let authority = authority(m, part.component(4));
    let kind = m.take(part.component(5));
    let name = match m.beside("IN1-4") {
        Some(field) => m.take(field.component(1)),
        None => None,
    };
    let mut made = fhir!({ "resourceType": "Organization" });
    if let Some(number) = &number {
        let identifier = m.number(number, &authority, kind.as_deref(), "insurer");
        made.push("identifier", identifier);
    }
    if let Some(name) = &name {
        made.set("name", name.as_str());
    }
    details(m, row, &mut made)?;
    let Some(shown) = name.or(number) else { return Ok(None) };
    let reference = m.named("Organization", made, &shown);
    typed("Reference", reference)
}

/// A resource of its own (`resource=`) that another block fills from the same segments, referred to; about the patient with
/// `subject=`. Where it is not made, a person's name is shown.
pub(super) fn made(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let (kind, block) =
        (row.option("resource").unwrap_or("RelatedPerson"), row.option("block").unwrap_or(""));
    let of_patient = row.option("subject");
    if !m.naming.whole || (of_patient.is_some() && m.person.is_empty()) {
        let Some(name) = person::name(m, part, row)? else { return Ok(None) };
        return typed("Reference", fhir!({ "type": kind, "display": (person::shown(&name.value)) }));
    }
    let mut made = fhir!({ "resourceType": kind });
    m.fill_beside(block, &mut made);
    if made.as_object().is_none_or(|o| o.len() == 1) {
        return Ok(None);
    }
    if let Some(element) = of_patient {
        made.set(element, fhir!({ "reference": (m.person.as_str()) }));
    }
    let shown = person::shown(made["name"].at(0));
    let number = made["identifier"].at(0).str_of("value").to_owned();
    let shown = [shown, number].into_iter().find(|t| !t.is_empty()).unwrap_or_else(|| kind.to_owned());
    let reference = m.named(kind, made, &shown);
    typed("Reference", reference)
}

/// A person known by name only, as the place wants it: shown, not listed.
pub(super) fn named_person(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(name) = person::name(m, part, row)? else { return Ok(None) };
    let kind = row.option("kind").unwrap_or("RelatedPerson");
    typed("Reference", fhir!({ "type": kind, "display": (person::shown(&name.value)) }))
}

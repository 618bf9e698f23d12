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

/// How a part of a message is read as a value.
pub(super) type Read = fn(&mut Mapping<'_>, Part<'_>, &Row) -> Answer;

/// XPN as a HumanName.
pub(super) fn name(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let second_at: usize = row.option("second-surname").and_then(|n| n.parse().ok()).unwrap_or(0);
    let second = if second_at > 0 { m.take(part.component(second_at)) } else { None };
    let (family, extensions) = family(m, part.component(1), second);
    let mut made = Value::object();
    let kind = m.take(part.component(7));
    let usage = kind.as_deref().and_then(use_of_name);
    if kind.is_some() && usage.is_none() {
        m.refuse(part.component(7), "the type of name is not one that FHIR has");
    }
    if let Some(usage) = usage.or_else(|| row.option("use")) {
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
    if let Some(text) = m.take(part.component(14)) {
        made.push("suffix", text);
    }
    validity(m, part, 10, [12, 13], &mut made);
    if let Some(code) = m.take(part.component(11)) {
        let url = "http://hl7.org/fhir/StructureDefinition/humanname-assembly-order";
        match ASSEMBLY.iter().find(|(own, _)| *own == code) {
            Some((_, order)) => made.push("extension", fhir!({ "url": url, "valueCode": (*order) })),
            None => m.refuse(part.component(11), "the order of names is not one that FHIR has"),
        }
    }
    let says_something = ["family", "given"].iter().any(|k| !made[*k].is_null());
    if says_something { typed("HumanName", made) } else { Ok(None) }
}

/// The order in which names are put together (table 0444).
pub(super) const ASSEMBLY: [(&str, &str); 2] = [("F", "NL3"), ("G", "NL1")];

/// What a name is for (table 0200).
fn use_of_name(code: &str) -> Option<&'static str> {
    NAME_USES.iter().find(|(own, _)| *own == code).map(|(_, usage)| *usage)
}

/// Codes of table 0200 and the uses that they are; the first of a use is the one that is written.
pub(super) const NAME_USES: [(&str, &str); 14] = [
    ("L", "official"),
    ("D", "usual"),
    ("M", "maiden"),
    ("N", "nickname"),
    ("T", "temp"),
    ("S", "anonymous"),
    ("BAD", "old"),
    ("NOUSE", "old"),
    ("A", "anonymous"),
    ("MSK", "anonymous"),
    ("NAV", "temp"),
    ("NB", "temp"),
    ("TEMP", "temp"),
    ("K", "nickname"),
];

/// The name that somebody is called by (XPN.15), as a name of its own.
pub(super) fn called(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let given = m.take(part.component(15));
    given.map_or(Ok(None), |given| typed("HumanName", fhir!({ "use": "nickname", "given": [given] })))
}

/// When something holds: from two components, else from the range of another (DR).
fn validity(m: &mut Mapping<'_>, part: Part<'_>, range: usize, own: [usize; 2], made: &mut Value) {
    period(m, part, own, made);
    if !made["period"].is_null() {
        return;
    }
    for (n, key) in [(1, "start"), (2, "end")] {
        let inner = part.piece(range).subcomponent(n);
        if let Some(read) = m.take(inner).and_then(|t| super::time::date_time(&t, &m.naming.zone)) {
            let period = made["period"].clone();
            made.set("period", period.with(key, read));
        }
    }
}

/// When something begins and ends to hold, from two components.
fn period(m: &mut Mapping<'_>, part: Part<'_>, [start, end]: [usize; 2], made: &mut Value) {
    for (n, key) in [(start, "start"), (end, "end")] {
        let component = part.piece(n);
        let Some(sent) = m.take(component) else { continue };
        match super::time::date_time(&sent, &m.naming.zone) {
            Some(read) => {
                let period = made["period"].clone();
                made.set("period", period.with(key, read));
            }
            None => m.refuse(component, "it is no date"),
        }
    }
}

pub(super) fn name_text(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let words: Vec<String> = [2, 3, 1].into_iter().filter_map(|n| m.take(part.component(n))).collect();
    if words.is_empty() { Ok(None) } else { typed("string", words.join(" ")) }
}

/// XAD as an Address.
pub(super) fn address(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let mut made = Value::object();
    let street = part.component(1);
    // Street and number beside the whole (SAD) say more only where the whole does not say them.
    let whole = m.take(street.subcomponent(1));
    let mut lines: Vec<String> = whole.iter().cloned().collect();
    for n in [2, 3] {
        let own = street.subcomponent(n);
        if !whole.as_ref().is_some_and(|w| w.contains(own.text().trim())) {
            lines.extend(m.take(own));
        }
    }
    lines.extend([2, 8, 19].into_iter().filter_map(|n| m.take(part.component(n))));
    for line in lines {
        made.push("line", line);
    }
    for (n, key) in [(3, "city"), (4, "state"), (5, "postalCode"), (6, "country"), (9, "district")] {
        // A coded county has words in its second place.
        let component = part.component(n);
        if let Some(text) = m.take(component.subcomponent(1)).or_else(|| m.take(component.subcomponent(2))) {
            made.set(key, text);
        }
    }
    if made.as_object().is_none_or(badiano_fhir::value::Object::is_empty) {
        return Ok(None);
    }
    validity(m, part, 12, [13, 14], &mut made);
    if let Some(tract) = m.take(part.component(10)) {
        let url = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-censusTract";
        made.push("extension", fhir!({ "url": url, "valueString": tract }));
    }
    match m.take(part.component(7)).as_deref() {
        Some("H" | "P") => made.set("use", "home"),
        Some("B" | "O") => made.set("use", "work"),
        Some("C") => made.set("use", "temp"),
        Some("BI") => made.set("use", "billing"),
        Some("BA") => made.set("use", "old"),
        Some("M" | "SH") => made.set("type", "postal"),
        Some("V" | "HV") => {
            let url = "http://hl7.org/fhir/StructureDefinition/iso21090-AD-use";
            made.push("extension", fhir!({ "url": url, "valueCode": "HV" }));
        }
        Some(_) => m.refuse(part.component(7), "the type of address is not one that FHIR has"),
        None => {}
    }
    typed("Address", made)
}

pub(super) fn address_text(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    m.take(part).map_or(Ok(None), |t| typed("Address", fhir!({ "text": t })))
}

/// XTN as a ContactPoint: number (12, or 5 to 8, or 1), use (2), equipment (3), mail address (4).
pub(super) fn contact(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let [usage, equipment] = [2, 3].map(|n| m.take(part.component(n)));
    let is_mail =
        matches!(equipment.as_deref(), Some("Internet" | "X.400")) || usage.as_deref() == Some("NET");
    let pieces = pieces_of_number(m, part);
    let [first, mail, whole] = [1, 4, 12].map(|n| m.take(part.component(n)));
    let told = [whole.clone().filter(|_| !is_mail), mail.clone().filter(|_| is_mail)];
    let in_pieces = pieces.iter().any(|(n, _)| *n == 7) && !is_mail;
    let value = told.into_iter().flatten().next().or_else(|| in_pieces.then(|| telephone(&pieces)));
    let value = value.or_else(|| first.clone()).or_else(|| mail.clone()).or_else(|| whole.clone());
    let value = value.or_else(|| (!pieces.is_empty()).then(|| telephone(&pieces)));
    let Some(value) = value.or_else(|| m.take(part.component(9))) else { return Ok(None) };
    let system = match equipment.as_deref() {
        _ if is_mail || value.contains('@') => "email",
        Some("FX") => "fax",
        Some("BP") => "pager",
        Some("MD" | "SAT" | "TDD" | "TTY") => "other",
        _ => "phone",
    };
    let usage = match (usage.as_deref(), equipment.as_deref()) {
        (_, Some("CP")) if row.option("use").is_none() => Some("mobile"),
        (Some("PRN" | "VHN"), _) => Some("home"),
        (Some("WPN"), _) => Some("work"),
        (Some("PRS"), _) => Some("mobile"),
        _ => row.option("use"),
    };
    let mut made = fhir!({ "system": system, "value": value });
    if equipment.as_deref() == Some("CP") && usage != Some("mobile") {
        pushed(&mut made, EQUIPMENT, "CP");
    }
    if let Some(kind @ ("MD" | "SAT" | "TDD" | "TTY")) = equipment.as_deref() {
        pushed(&mut made, EQUIPMENT, kind);
    }
    for (n, url) in NUMBER_PARTS {
        if let Some((_, text)) = pieces.iter().find(|(of, _)| *of == n) {
            pushed(&mut made, url, text);
        }
    }
    // What is told beside the value in another form is kept beside it.
    for (n, text) in [(1, first), (4, mail), (12, whole)] {
        if let Some(text) = text.filter(|t| made.str_of("value") != t) {
            pushed(&mut made, &format!("{OTHER_FORM}{n}"), &text);
        }
    }
    period(m, part, [13, 14], &mut made);
    if let Some(rank) = m.take(part.component(18)) {
        match rank.parse::<u32>().ok().filter(|n| *n > 0) {
            Some(rank) => made.set("rank", i64::from(rank)),
            None => m.refuse(part.component(18), "it is no rank"),
        }
    }
    typed(
        "ContactPoint",
        match usage {
            Some(usage) => made.with("use", usage),
            None => made,
        },
    )
}

/// The kind of equipment where the system and the use of a contact point do not tell it.
pub(super) const EQUIPMENT: &str = "urn:badiano:contact-equipment";
/// Another form of the same contact, by component.
pub(super) const OTHER_FORM: &str = "urn:badiano:contact-form-";
/// Components that tell a telephone number in pieces.
pub(super) const NUMBER_PARTS: [(usize, &str); 4] = [
    (5, "http://hl7.org/fhir/StructureDefinition/contactpoint-country"),
    (6, "http://hl7.org/fhir/StructureDefinition/contactpoint-area"),
    (7, "http://hl7.org/fhir/StructureDefinition/contactpoint-local"),
    (8, "http://hl7.org/fhir/StructureDefinition/contactpoint-extension"),
];

fn pushed(made: &mut Value, url: &str, text: &str) {
    made.push("extension", fhir!({ "url": url, "valueString": text }));
}

fn pieces_of_number(m: &mut Mapping<'_>, part: Part<'_>) -> Vec<(usize, String)> {
    [5, 6, 7, 8].into_iter().filter_map(|n| Some((n, m.take(part.component(n))?))).collect()
}

/// Country, area, number and extension in pieces.
fn telephone(pieces: &[(usize, String)]) -> String {
    let word = |(n, text): &(usize, String)| match n {
        5 => format!("+{}", text.trim_start_matches('+')),
        8 => format!("X{text}"),
        _ => text.clone(),
    };
    pieces.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// XCN as a reference to a Practitioner of the directory, which shows name and number too.
pub(super) fn practitioner(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let number = m.take(part.piece(1));
    let (family, extensions) = family(m, part.piece(2), None);
    let [given, more, suffix, prefix, degree] = [3, 4, 5, 6, 7].map(|n| m.take(part.piece(n)));
    let authority = [1, 2, 3].map(|n| m.take(part.piece(9).subcomponent(n)).unwrap_or_default());
    let kind = m.take(part.piece(13));
    let profession = m.take(part.piece(21));
    let mut held = Value::object();
    validity(m, part, 17, [19, 20], &mut held);
    let told = m.take(part.piece(10));
    let usage = told.as_deref().and_then(use_of_name);
    if told.is_some() && usage.is_none() {
        m.refuse(part.piece(10), "the type of name is not one that FHIR has");
    }
    reference(
        m,
        row,
        Person {
            usage,
            profession,
            period: held["period"].clone(),
            number,
            family,
            extensions,
            given,
            more,
            suffix,
            prefix,
            degree,
            authority,
            kind,
        },
    )
}

/// NDL: the person stands in the subcomponents of its first component (CNN).
pub(super) fn named_practitioner(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let person = part.component(1);
    let [number, family, given, more, suffix, prefix, degree] =
        [1, 2, 3, 4, 5, 6, 7].map(|n| m.take(person.subcomponent(n)));
    let authority = [9, 10, 11].map(|n| m.take(person.subcomponent(n)).unwrap_or_default());
    let (family, extensions, kind) = (family.unwrap_or_default(), Vec::new(), None);
    reference(
        m,
        row,
        Person {
            usage: None,
            profession: None,
            period: Value::Null,
            number,
            family,
            extensions,
            given,
            more,
            suffix,
            prefix,
            degree,
            authority,
            kind,
        },
    )
}

/// A member of staff as a message names one.
struct Person {
    usage: Option<&'static str>,
    number: Option<String>,
    family: String,
    extensions: Vec<(&'static str, String)>,
    given: Option<String>,
    more: Option<String>,
    suffix: Option<String>,
    prefix: Option<String>,
    degree: Option<String>,
    profession: Option<String>,
    period: Value,
    authority: [String; 3],
    kind: Option<String>,
}

impl Person {
    fn shown(&self) -> String {
        let surnames = Some(&self.family).filter(|f| !f.is_empty());
        let given = [self.prefix.as_ref(), self.given.as_ref(), self.more.as_ref()];
        let all = given.into_iter().chain([surnames, self.suffix.as_ref(), self.degree.as_ref()]).flatten();
        all.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    fn name(&self) -> Value {
        let mut name = Value::object();
        if !self.family.is_empty() {
            name.set("family", self.family.as_str());
            let told = self
                .extensions
                .iter()
                .map(|(url, text)| fhir!({ "url": (*url), "valueString": (text.as_str()) }));
            let told: Vec<Value> = told.collect();
            if !told.is_empty() {
                name.set("_family", fhir!({ "extension": told }));
            }
        }
        let parts = [("given", &self.given), ("given", &self.more), ("prefix", &self.prefix)];
        for (key, text) in parts.into_iter().chain([
            ("suffix", &self.suffix),
            ("suffix", &self.degree),
            ("suffix", &self.profession),
        ]) {
            if let Some(text) = text {
                name.push(key, text.as_str());
            }
        }
        if let Some(usage) = self.usage {
            name.set("use", usage);
        }
        if !self.period.is_null() && !name.is_null() {
            name.set("period", self.period.clone());
        }
        name
    }

    fn identifier(&self, m: &mut Mapping<'_>) -> Option<Value> {
        let number = self.number.as_deref()?;
        let mut made = m.number(number, &self.authority, self.kind.as_deref(), "practitioner");
        if self.authority[1].is_empty()
            && let Some(object) = made.as_object_mut()
        {
            object.remove("assigner");
        }
        Some(made)
    }
}

fn reference(m: &mut Mapping<'_>, row: &Row, person: Person) -> Answer {
    let (identifier, name, shown) = (person.identifier(m), person.name(), person.shown());
    let mut practitioner = fhir!({ "resourceType": "Practitioner" });
    if let Some(identifier) = &identifier {
        practitioner.push("identifier", identifier.clone());
    }
    if name.as_object().is_some_and(|o| !o.is_empty()) {
        practitioner.push("name", name);
    }
    let shown = if shown.is_empty() { person.number.unwrap_or_default() } else { shown };
    if shown.is_empty() {
        return Ok(None);
    }
    let roles = role_of(m, row);
    if roles.is_none() {
        super::directory::details(m, row, &mut practitioner)?;
    }
    let mut made = Value::object();
    let url = m.listed(practitioner);
    let url = match roles {
        Some(role) if m.naming.whole => m.listed(role.with("practitioner", fhir!({ "reference": url }))),
        _ => url,
    };
    made.set("reference", url);
    made.set("type", "Practitioner");
    if let Some(mut identifier) = identifier {
        // Who gave the number is told by the Practitioner.
        if let Some(object) = identifier.as_object_mut() {
            object.remove("assigner");
        }
        made.set("identifier", identifier);
    }
    made.set("display", shown);
    typed("Reference", made)
}

/// The role in which somebody is named: `function=` a code of table 0912, or fields beside (`function-at=ROL-3`,
/// `specialty-at=ROL-9`), with what else is told of the role.
fn role_of(m: &mut Mapping<'_>, row: &Row) -> Option<Value> {
    let mut made = fhir!({ "resourceType": "PractitionerRole" });
    if let Some(code) = row.option("function") {
        let system = "http://terminology.hl7.org/CodeSystem/v2-0912";
        made.push("code", fhir!({ "coding": [{ "system": system, "code": code }] }));
    }
    for (option, key) in [("function-at", "code"), ("specialty-at", "specialty")] {
        for part in row.option(option).map(|at| m.all_beside(at)).unwrap_or_default() {
            if let Some(concept) = super::reading::read_concept(m, part, row.option("function-system")) {
                made.push(key, concept);
            }
        }
    }
    if made.as_object().is_none_or(|o| o.len() == 1) || !m.naming.whole {
        return None;
    }
    for part in row.option("telecom").map(|at| m.all_beside(at)).unwrap_or_default() {
        if let Ok(Some(found)) = contact(m, part, row) {
            made.push("telecom", found.value);
        }
    }
    for (option, key) in [("place-at", "location"), ("organization-at", "organization")] {
        let Some(part) = row.option(option).and_then(|at| m.beside(at)) else { continue };
        let found = match key {
            "location" => super::directory::place_of(m, part),
            _ => super::directory::organization(m, part, row).ok().flatten().map(|t| t.value),
        };
        match (found, key) {
            (Some(found), "location") => made.push(key, found),
            (Some(found), _) => made.set(key, found),
            _ => {}
        }
    }
    Some(made)
}

/// PID-12: the county or parish alone.
pub(super) fn county(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    m.take(part).map_or(Ok(None), |t| typed("Address", fhir!({ "district": t })))
}

/// Names of roles (v3-ParticipationType).
const ROLES: [(&str, &str); 6] = [
    ("PART", "Participation"),
    ("ATND", "attender"),
    ("REF", "referrer"),
    ("CON", "consultant"),
    ("ADM", "admitter"),
    ("REFT", "Referred to"),
];

/// XCN as a participant of an Encounter, by `role` (v3-ParticipationType).
pub(super) fn participant(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(person) = practitioner(m, part, row)? else { return Ok(None) };
    let system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
    let role = row.option("role").unwrap_or("PART");
    let shown = ROLES.iter().find(|(code, _)| *code == role).map(|(_, shown)| *shown);
    let coding = fhir!({ "system": system, "code": role });
    let coding = shown.map_or(coding.clone(), |shown| coding.with("display", shown));
    let kind = fhir!({ "coding": [coding] });
    let kind = shown.map_or(kind.clone(), |shown| kind.with("text", shown));
    typed("BackboneElement", fhir!({ "type": [kind], "individual": (person.value) }))
}

/// A name as one reads it.
pub(super) fn shown(name: &Value) -> String {
    let given = name["given"].items().iter().filter_map(Value::as_str);
    let words = given.chain(Some(name.str_of("family")).filter(|f| !f.is_empty()));
    words.collect::<Vec<_>>().join(" ")
}

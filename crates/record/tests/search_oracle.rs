//! Search from the text of a question to the hits (FHIR R4, search.html): random questions of every kind of parameter, modifier, prefix,
//! chain and include over random resources must give what looking at each resource gives.

use super::{NORTE, open, scripts};
use badiano_fhir::search::{self, Key, Others, Parsed, extract, matches};
use badiano_fhir::terminology::Terminology;
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Instant, Purpose};
use badiano_record::resources::Precondition;
use badiano_record::{NodeRole, Session};
use badiano_testkit::Rng;
use badiano_testkit::proof::{Case, Plan, Proof};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const ZONE: &str = "America/Mexico_City";
/// So often a pattern that has found nothing is drawn again.
const AGAIN_MAX: usize = 400;

/// Type and parameter; the words in braces are drawn anew each time.
const PATTERNS: &[(&str, &str)] = &[
    ("Patient", "name={name}"),
    ("Patient", "name:exact={name}"),
    ("Patient", "name:contains={part}"),
    ("Patient", "family={part},{name}"),
    ("Patient", "gender={gender}"),
    ("Patient", "gender:not={gender}"),
    ("Patient", "gender:missing={bool}"),
    ("Patient", "birthdate={prefix}{date}"),
    ("Patient", "birthdate:missing={bool}"),
    ("Patient", "identifier=urn:hospital|{n}"),
    ("Patient", "identifier=|{n}"),
    ("Patient", "identifier=urn:hospital|"),
    ("Patient", "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|{idtype}|{n}"),
    ("Patient", "identifier:text={part}"),
    ("Patient", "organization.name={part}"),
    ("Patient", "organization:Organization.partof.name:contains={part}"),
    ("Patient", "organization:below=Organization/{org}"),
    ("Patient", "organization:above={org}"),
    ("Patient", "general-practitioner:Practitioner.identifier=urn:cedula|{n}"),
    ("Patient", "general-practitioner:identifier=urn:cedula|{n}"),
    ("Patient", "_id={patient},{patient}"),
    ("Patient", "_id:not={patient}"),
    ("Patient", "_id:missing={bool}"),
    ("Patient", "_tag=urn:tags|{code}"),
    ("Patient", "_tag:not={code}"),
    ("Patient", "_list={list}"),
    ("Patient", "_has:Observation:patient:code={code}"),
    ("Patient", "_has:Observation:subject:date={prefix}{date}"),
    ("Patient", "_has:Observation:patient:_has:Observation:derived-from:code={code}"),
    ("Patient", "_has:Encounter:patient:location:below={location}"),
    ("Patient", "_has:Encounter:patient:location.name={part}"),
    ("Patient", "_filter=(name co \"{part}\" or gender eq {gender}) and not (active eq {bool})"),
    ("Patient", "_filter=birthdate {op} {date} and organization.name sw \"{part}\""),
    ("Patient", "_filter=general-practitioner pr {bool}"),
    ("Observation", "code={code}"),
    ("Observation", "code=http://loinc.org|{code},{code}"),
    ("Observation", "code:not={code},{code}"),
    ("Observation", "code:text={part}"),
    ("Observation", "code:in={set}"),
    ("Observation", "code:in={set},{set}"),
    ("Observation", "code:not-in={set}"),
    ("Observation", "code:below=http://loinc.org|{known}"),
    ("Observation", "code:above=http://loinc.org|{known}"),
    ("Observation", "value-concept:in={set}"),
    ("Observation", "_filter=code in {set} or code ss http://loinc.org|{known}"),
    ("Patient", "_has:Observation:patient:code:in={set}"),
    ("Patient", "gender:in=http://salud.mx/conjunto/generos"),
    ("Observation", "date={prefix}{date}"),
    ("Observation", "date=after:{date}"),
    ("Observation", "date:missing={bool}"),
    ("Observation", "status:not=final"),
    ("Observation", "value-quantity={prefix}{number}"),
    ("Observation", "value-quantity={prefix}{number}|http://unitsofmeasure.org|{unit}"),
    ("Observation", "value-quantity={prefix}{number}||{unit}"),
    ("Observation", "value-string={part}"),
    ("Observation", "value-string:missing={bool}"),
    ("Observation", "value-concept={code}"),
    ("Observation", "code-value-quantity={code}${prefix}{number}"),
    ("Observation", "code-value-concept={code}${code}"),
    ("Observation", "component-code-value-quantity={code}${prefix}{number}"),
    ("Observation", "combo-code-value-quantity={code}${prefix}{number}||{unit}"),
    ("Observation", "patient={patient}"),
    ("Observation", "subject=Patient/{patient},Patient/{patient}"),
    ("Observation", "subject:Patient={patient}"),
    ("Observation", "subject:Patient.name={name}"),
    ("Observation", "patient.organization.name={part}"),
    ("Observation", "patient.gender:not={gender}"),
    ("Observation", "patient._has:Encounter:patient:class={code}"),
    ("Observation", "performer:identifier=urn:cedula|{n}"),
    ("Observation", "performer:Practitioner=d{n}"),
    ("Observation", "encounter.location:below={location}"),
    ("Observation", "derived-from:Observation.code={code}"),
    ("Observation", "derived-from:missing={bool}"),
    ("Observation", "_filter=value-quantity {op} {number} or code eq {code}"),
    ("Observation", "_filter=date po {date}"),
    ("Encounter", "location={location}"),
    ("Encounter", "location:below={location}"),
    ("Encounter", "location:above=Location/{location}"),
    ("Encounter", "service-provider:below={org}"),
    ("Encounter", "part-of:below={encounter}"),
    ("Encounter", "part-of:above={encounter}"),
    ("Encounter", "date={prefix}{date}"),
    ("Encounter", "class={code}"),
    ("Encounter", "patient.name={part}"),
    ("Location", "partof={location}"),
    ("Location", "partof:below={location}"),
    ("Location", "partof:above={location},{location}"),
    ("Location", "partof:missing={bool}"),
    ("Location", "name:contains={part}"),
    ("Location", "_has:Encounter:location:patient.name={part}"),
    ("ValueSet", "url={url}"),
    ("ValueSet", "url:below={url}"),
    ("ValueSet", "url:above={url}"),
    ("ValueSet", "url:missing={bool}"),
    ("ValueSet", "version:not={n}"),
    ("ValueSet", "status=active,draft"),
];

const NAMES: [&str; 8] = ["Muñoz", "munoz", "Muñozledo", "García López", "García", "Ñandú", "O'Hara", "Li"];
const CODES: [&str; 4] = ["8867-4", "8310-5", "2339-0", "AMB"];
/// Codes that the code system of the population has.
const KNOWN: [&str; 5] = ["vital", "8867-4", "8310-5", "2339-0", "AMB"];
const SETS: u64 = 6;
const UNITS: [&str; 4] = ["mg", "g", "kg", "mm[Hg]"];
const URLS: [&str; 8] = [
    "http://salud.mx",
    "http://salud.mx/fhir",
    "http://salud.mx/fhir/",
    "http://salud.mx/fhir/ValueSet/a",
    "http://salud.mx/fhir/ValueSet/b",
    "http://salud.mx/fhirpath",
    "urn:oid:2.16.840",
    "urn:oid:2.16.840.1",
];
const PATIENTS: u64 = 14;
const LOCATIONS: u64 = 12;
const ORGANIZATIONS: u64 = 6;
const ENCOUNTERS: u64 = 16;
const OBSERVATIONS: u64 = 60;

fn part(rng: &mut Rng) -> String {
    let name = *rng.pick(&NAMES);
    let from = rng.below(2) as usize;
    name.chars().skip(from).take(1 + rng.below(3) as usize).collect()
}

fn date(rng: &mut Rng) -> String {
    let (year, month, day) = (rng.between(2020, 2023), rng.between(1, 12), rng.between(1, 28));
    match rng.below(5) {
        0 => format!("{year}"),
        1 => format!("{year}-{month:02}"),
        2 => format!("{year}-{month:02}-{day:02}T{:02}:30:00-06:00", rng.below(24)),
        3 => format!("{year}-{month:02}-{day:02}T23:30:00Z"),
        _ => format!("{year}-{month:02}-{day:02}"),
    }
}

fn number(rng: &mut Rng) -> String {
    let tenths = rng.between(1, 60);
    if rng.percent(50) { format!("{}.{}", tenths / 10, tenths % 10) } else { (tenths / 5).to_string() }
}

/// A pattern with its words drawn.
fn fill(rng: &mut Rng, pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').expect("a word ends");
        out.push_str(before);
        rest = after;
        out.push_str(&match word {
            "name" => (*rng.pick(&NAMES)).to_owned(),
            "part" => part(rng),
            "gender" => (*rng.pick(&["male", "female", "unknown"])).to_owned(),
            "bool" => rng.percent(50).to_string(),
            "prefix" => (*rng.pick(&["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])).to_owned(),
            "op" => (*rng.pick(&["eq", "ne", "gt", "lt", "ge", "le"])).to_owned(),
            "date" => date(rng),
            "n" => rng.below(4).to_string(),
            "idtype" => (*rng.pick(&["MR", "SS"])).to_owned(),
            "number" => number(rng),
            "unit" => (*rng.pick(&UNITS)).to_owned(),
            "code" => (*rng.pick(&CODES)).to_owned(),
            "url" => (*rng.pick(&URLS)).to_owned(),
            "org" => format!("g{}", rng.below(ORGANIZATIONS)),
            "patient" => format!("p{}", rng.below(PATIENTS + 1)),
            "location" => format!("l{}", rng.below(LOCATIONS)),
            "encounter" => format!("e{}", rng.below(ENCOUNTERS)),
            "set" => format!("http://salud.mx/conjunto/{}", rng.below(SETS)),
            "known" => (*rng.pick(&KNOWN)).to_owned(),
            "list" => format!("s{}", rng.below(3)),
            other => panic!("no such word: {other}"),
        });
    }
    out + rest
}

fn reference(kind: &str, letter: char, n: u64) -> Value {
    fhir!({ "reference": (format!("{kind}/{letter}{n}")) })
}

/// Part of an earlier one, of a later one now and then, so that there are circles.
fn whole(rng: &mut Rng, kind: &str, letter: char, n: u64, of: u64) -> Option<Value> {
    match rng.below(8) {
        0 | 1 => None,
        2 => Some(reference(kind, letter, rng.below(of))),
        _ => (n > 0).then(|| reference(kind, letter, rng.below(n))),
    }
}

fn quantity(rng: &mut Rng) -> Value {
    let unit = *rng.pick(&UNITS);
    let value = badiano_fhir::json::parse(number(rng).as_bytes()).expect("a number");
    fhir!({ "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit })
}

fn concept(rng: &mut Rng) -> Value {
    let coding =
        fhir!({ "system": (*rng.pick(&["http://loinc.org", "urn:local"])), "code": (*rng.pick(&CODES)) });
    let coding = if rng.percent(50) { coding.with("display", *rng.pick(&NAMES)) } else { coding };
    let concept = fhir!({ "coding": [coding] });
    if rng.percent(40) { concept.with("text", *rng.pick(&NAMES)) } else { concept }
}

fn patient(rng: &mut Rng, n: u64) -> Value {
    let kind = fhir!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": (*rng.pick(&["MR", "SS"])) }], "text": (*rng.pick(&NAMES)) });
    let identifier = fhir!({ "value": (rng.below(4).to_string()), "type": kind });
    let identifier = match rng.below(3) {
        0 => identifier,
        1 => identifier.with("system", "urn:otro"),
        _ => identifier.with("system", "urn:hospital"),
    };
    let mut patient = fhir!({
        "resourceType": "Patient", "id": (format!("p{n}")),
        "meta": { "tag": [{ "system": "urn:tags", "code": (*rng.pick(&CODES)) }] },
        "identifier": [identifier],
        "name": [{ "family": (*rng.pick(&NAMES)), "given": [(*rng.pick(&NAMES))] }]
    });
    if rng.percent(70) {
        patient.set("gender", *rng.pick(&["male", "female"]));
    }
    if rng.percent(60) {
        patient.set("active", rng.percent(50));
    }
    if rng.percent(80) {
        patient.set("birthDate", date(rng).split('T').next().unwrap_or_default());
    }
    if rng.percent(70) {
        patient.set("managingOrganization", reference("Organization", 'g', rng.below(ORGANIZATIONS)));
    }
    match rng.below(3) {
        0 => patient.push("generalPractitioner", reference("Practitioner", 'd', rng.below(4))),
        1 => patient.push(
            "generalPractitioner",
            fhir!({ "identifier": { "system": "urn:cedula", "value": (rng.below(4).to_string()) } }),
        ),
        _ => {}
    }
    patient
}

fn observation(rng: &mut Rng, n: u64) -> Value {
    let mut made = fhir!({
        "resourceType": "Observation", "id": (format!("o{n}")), "code": (concept(rng)),
        "status": (*rng.pick(&["final", "amended"]))
    });
    match rng.below(8) {
        0 => {}
        1 => made.set("subject", reference("Location", 'l', rng.below(LOCATIONS))),
        _ => made.set("subject", reference("Patient", 'p', rng.below(PATIENTS))),
    }
    match rng.below(4) {
        0 => {}
        1 => made.set("effectivePeriod", fhir!({ "start": (date(rng)) })),
        _ => made.set("effectiveDateTime", date(rng)),
    }
    match rng.below(5) {
        0 => {}
        1 => made.set("valueString", *rng.pick(&NAMES)),
        2 => made.set("valueCodeableConcept", concept(rng)),
        3 => made.push("component", fhir!({ "code": (concept(rng)), "valueQuantity": (quantity(rng)) })),
        _ => made.set("valueQuantity", quantity(rng)),
    }
    if rng.percent(40) {
        made.set("encounter", reference("Encounter", 'e', rng.below(ENCOUNTERS)));
    }
    match rng.below(3) {
        0 => made.push("performer", fhir!({ "reference": (format!("Practitioner/d{}", rng.below(4))) })),
        1 => made.push(
            "performer",
            fhir!({ "identifier": { "system": "urn:cedula", "value": (rng.below(4).to_string()) } }),
        ),
        _ => {}
    }
    if n > 0 && rng.percent(40) {
        made.push("derivedFrom", reference("Observation", 'o', rng.below(n)));
    }
    made
}

fn encounter(rng: &mut Rng, n: u64) -> Value {
    let mut made = fhir!({
        "resourceType": "Encounter", "id": (format!("e{n}")), "status": "finished",
        "class": { "system": "urn:class", "code": (*rng.pick(&CODES)) },
        "subject": (reference("Patient", 'p', rng.below(PATIENTS))),
        "location": [{ "location": (reference("Location", 'l', rng.below(LOCATIONS))) }]
    });
    if rng.percent(60) {
        made.set("period", fhir!({ "start": (date(rng)) }));
    }
    if rng.percent(60) {
        made.set("serviceProvider", reference("Organization", 'g', rng.below(ORGANIZATIONS)));
    }
    if let Some(of) = whole(rng, "Encounter", 'e', n, ENCOUNTERS) {
        made.set("partOf", of);
    }
    made
}

fn population(rng: &mut Rng) -> Vec<Value> {
    let mut all = Vec::new();
    for (kind, letter, many) in [("Organization", 'g', ORGANIZATIONS), ("Location", 'l', LOCATIONS)] {
        for n in 0..many {
            let mut made =
                fhir!({ "resourceType": kind, "id": (format!("{letter}{n}")), "name": (*rng.pick(&NAMES)) });
            if let Some(of) = whole(rng, kind, letter, n, many) {
                made.set("partOf", of);
            }
            all.push(made);
        }
    }
    for n in 0..4 {
        let identifier = fhir!({ "system": "urn:cedula", "value": (n.to_string()) });
        all.push(
            fhir!({ "resourceType": "Practitioner", "id": (format!("d{n}")), "identifier": [identifier] }),
        );
    }
    all.extend(codes(rng));
    all.extend((0..PATIENTS).map(|n| patient(rng, n)));
    all.extend((0..ENCOUNTERS).map(|n| encounter(rng, n)));
    all.extend((0..OBSERVATIONS).map(|n| observation(rng, n)));
    for n in 0..3 {
        let items =
            (0..4).map(|_| fhir!({ "item": (reference("Patient", 'p', rng.below(PATIENTS))) })).collect();
        let list = fhir!({ "resourceType": "List", "id": (format!("s{n}")), "status": "current", "mode": "working" });
        all.push(list.with("entry", Value::Array(items)));
    }
    for (n, url) in URLS.iter().enumerate() {
        let set = fhir!({ "resourceType": "ValueSet", "id": (format!("v{n}")), "status": (*rng.pick(&["active", "draft", "retired"])) });
        let set = if rng.percent(70) { set.with("version", rng.below(4).to_string()) } else { set };
        all.push(if n == 0 { set } else { set.with("url", *url) });
    }
    all
}

/// A part of LOINC as a hierarchy, and value sets of its codes: what lies below one, what is listed, what is taken away.
fn codes(rng: &mut Rng) -> Vec<Value> {
    let system = fhir!({
        "resourceType": "CodeSystem", "id": "loinc", "url": "http://loinc.org", "status": "active", "content": "complete",
        "concept": [
            { "code": "vital", "concept": [{ "code": "8867-4" }, { "code": "8310-5", "concept": [{ "code": "2339-0" }] }] },
            { "code": "AMB" }
        ]
    });
    let mut all = vec![system];
    for n in 0..SETS {
        let below = fhir!({ "system": "http://loinc.org", "filter": [{ "property": "concept", "op": (*rng.pick(&["is-a", "descendent-of", "is-not-a"])), "value": (*rng.pick(&KNOWN)) }] });
        let listed = fhir!({ "system": (*rng.pick(&["http://loinc.org", "urn:local"])), "concept": [{ "code": (*rng.pick(&CODES)) }, { "code": (*rng.pick(&CODES)) }] });
        let mut compose =
            fhir!({ "include": [(if rng.percent(50) { below.clone() } else { listed.clone() })] });
        if rng.percent(40) {
            compose.push("include", listed);
        }
        if rng.percent(40) {
            compose.push("exclude", below);
        }
        if n > 0 && rng.percent(30) {
            compose.push("include", fhir!({ "valueSet": ["http://salud.mx/conjunto/0"] }));
        }
        all.push(fhir!({ "resourceType": "ValueSet", "id": (format!("c{n}")), "url": (format!("http://salud.mx/conjunto/{n}")), "status": "active", "compose": compose }));
    }
    all.push(fhir!({ "resourceType": "ValueSet", "id": "generos", "url": "http://salud.mx/conjunto/generos", "status": "active",
        "compose": { "include": [{ "system": "http://hl7.org/fhir/administrative-gender", "concept": [{ "code": "female" }, { "code": "other" }] }] } }));
    all
}

fn by_name(all: &[Value]) -> BTreeMap<(String, String), &Value> {
    all.iter().map(|r| ((r.resource_type().to_owned(), r.id().to_owned()), r)).collect()
}

fn name(of: &Value) -> String {
    format!("{}/{}", of.resource_type(), of.id())
}

/// What each resource refers to under a search parameter.
fn references(of: &Value) -> BTreeSet<(String, String)> {
    let keys = extract(of, ZONE).into_iter().map(|entry| (entry.param, entry.key));
    keys.filter_map(|(param, key)| match key {
        Key::Reference { kind, id, .. } if !id.is_empty() => Some((param.into(), format!("{kind}/{id}"))),
        _ => None,
    })
    .collect()
}

/// Includes as search.html words them, rounds of `:iterate` until nothing comes.
fn brought_along(all: &[Value], parsed: &Parsed, hits: &BTreeSet<String>) -> BTreeSet<String> {
    let (mut known, mut first) = (hits.clone(), true);
    loop {
        let mut new = BTreeSet::new();
        for one in all.iter().filter(|one| known.contains(&name(one))) {
            for include in parsed.query.include.iter().filter(|i| first || i.iterate) {
                if *include.source == *"*" || *include.source == *one.resource_type() {
                    let own = references(one).into_iter();
                    let asked = own.filter(|(param, _)| *include.param == *"*" || **param == *include.param);
                    let typed = asked.filter(|(_, to)| {
                        include.target.as_ref().is_none_or(|t| to.starts_with(&format!("{t}/")))
                    });
                    new.extend(typed.map(|(_, to)| to));
                }
            }
            for include in parsed.query.revinclude.iter().filter(|i| first || i.iterate) {
                for other in
                    all.iter().filter(|o| *include.source == *"*" || *include.source == *o.resource_type())
                {
                    let refers = references(other).into_iter().any(|(param, to)| {
                        to == name(one) && (*include.param == *"*" || *param == *include.param)
                    });
                    if refers {
                        new.insert(name(other));
                    }
                }
            }
        }
        first = false;
        let there: BTreeSet<String> =
            all.iter().map(name).filter(|n| new.contains(n) && !known.contains(n)).collect();
        if there.is_empty() {
            return known.difference(hits).cloned().collect();
        }
        known.extend(there);
    }
}

const INCLUDES: &[(&str, &str)] = &[
    ("Patient", "_include=Patient:organization"),
    ("Patient", "_include=*"),
    ("Patient", "_revinclude=Observation:patient"),
    ("Patient", "_revinclude=*"),
    ("Patient", "_revinclude=Encounter:*"),
    ("Patient", "_include=Patient:organization&_include:iterate=Organization:partof"),
    ("Patient", "_revinclude=Encounter:patient&_revinclude:iterate=Observation:encounter"),
    ("Observation", "_include=Observation:subject:Patient&_include:iterate=Patient:organization"),
    ("Observation", "_include=Observation:*"),
    ("Observation", "_include:iterate=Observation:derived-from"),
    ("Encounter", "_include=Encounter:location&_include:iterate=Location:partof"),
    ("Location", "_revinclude:iterate=Location:partof&_revinclude=Encounter:location"),
];

struct Scene {
    all: Vec<Value>,
    known: Terminology,
    session: Session,
}

impl Scene {
    fn expected(&self, kind: &str, parsed: &Parsed) -> BTreeSet<String> {
        let named = by_name(&self.all);
        let resolve = |kind: &str, id: &str| named.get(&(kind.to_owned(), id.to_owned())).copied();
        let of_type = |kind: &str| self.all.iter().filter(|r| r.resource_type() == kind).collect();
        let others = Others { resolve: &resolve, of_type: &of_type, terminology: Some(&self.known) };
        let fits = |r: &&Value| matches(r, &parsed.query.filters, ZONE, &others).expect("decided");
        self.all.iter().filter(|r| r.resource_type() == kind).filter(fits).map(name).collect()
    }

    /// Asks a question; the hits, and how they were asked for.
    fn check(&self, kind: &str, question: &str) -> usize {
        let pairs: Vec<(String, String)> = question
            .split('&')
            .map(|pair| pair.split_once('=').expect("a pair"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain([("_count".to_owned(), "1000".to_owned()), ("_total".to_owned(), "accurate".to_owned())])
            .collect();
        let parsed =
            search::parse(kind, &pairs, true, ZONE).unwrap_or_else(|f| panic!("{kind}?{question}: {f:?}"));
        let expected = self.expected(kind, &parsed);
        let page = self.session.search(&parsed.query).unwrap_or_else(|f| panic!("{kind}?{question}: {f:?}"));
        let found: BTreeSet<String> = page.hits.iter().map(|hit| name(&hit.resource)).collect();
        assert_eq!(found, expected, "{kind}?{question}");
        assert_eq!((page.total, page.hits.len()), (Some(found.len()), found.len()), "{kind}?{question}");
        let along: BTreeSet<String> = page.included.iter().map(|one| name(&one.resource)).collect();
        assert_eq!(along, brought_along(&self.all, &parsed, &expected), "{kind}?{question}");
        found.len() + along.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_question_gives_what_looking_at_each_resource_gives() {
    let mut proof = Proof::begin("search against each resource", Plan { slice: 1_000, full: 100_000 });
    let mut rng = Rng::new(proof.seed());
    let place = open(NodeRole::Hospital, NORTE);
    let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, Instant::now());
    let mut all = Vec::new();
    for resource in population(&mut rng) {
        all.push(session.update(resource, Precondition::None).await.expect("written").resource);
    }
    let mut known = Terminology::new();
    for resource in &all {
        known.add(Arc::new(resource.clone()));
    }
    let scene = Scene { all, known, session };
    let mut answered = vec![0; PATTERNS.len()];
    for Case { number, mut rng } in &mut proof {
        let at = number as usize % PATTERNS.len();
        let (kind, pattern) = PATTERNS[at];
        let mut question = fill(&mut rng, pattern);
        if rng.percent(25) {
            let beside: Vec<&str> = PATTERNS.iter().filter(|(k, _)| *k == kind).map(|(_, p)| *p).collect();
            let other = rng.below(beside.len() as u64) as usize;
            question = format!("{question}&{}", fill(&mut rng, beside[other]));
        }
        answered[at] += scene.check(kind, &question);
    }
    let mut brought = 0;
    for round in 0..3 {
        for (kind, include) in INCLUDES {
            let question = match round {
                0 => (*include).to_owned(),
                _ => format!(
                    "_id={}&{include}",
                    (0..4).map(|_| id_of(kind, &mut rng)).collect::<Vec<_>>().join(",")
                ),
            };
            brought += scene.check(kind, &question);
        }
    }
    assert!(brought > 0, "includes bring something along");
    let mut silent: Vec<usize> = (0..PATTERNS.len()).filter(|n| answered[*n] == 0).collect();
    for _ in 0..AGAIN_MAX {
        silent.retain(|n| scene.check(PATTERNS[*n].0, &fill(&mut rng, PATTERNS[*n].1)) == 0);
    }
    let silent: Vec<&str> = silent.into_iter().map(|n| PATTERNS[n].1).collect();
    proof.note("hits", answered.iter().sum::<usize>() as u64);
    assert!(silent.is_empty(), "questions that never found anything: {silent:#?}");
}

fn id_of(kind: &str, rng: &mut Rng) -> String {
    let (letter, many) = match kind {
        "Patient" => ('p', PATIENTS),
        "Observation" => ('o', OBSERVATIONS),
        "Encounter" => ('e', ENCOUNTERS),
        _ => ('l', LOCATIONS),
    };
    format!("{letter}{}", rng.below(many))
}

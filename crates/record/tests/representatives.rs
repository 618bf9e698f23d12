//! Who acts in a person's place: what opens to them, what stays closed in the record and in the list of who looked, and what they say.

use super::{HUB, NORTE, Place, SUR, open, scripts, staff};
use badiano_fhir::search::{self, Total};
use badiano_fhir::{Value, fhir};
use badiano_kernel::principal::Role;
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use badiano_mexico::curp::{Curp, Sex};
use badiano_mexico::{date::Date, entity, naming};
use badiano_record::class::DataClass;
use badiano_record::consent::{Recipient, Rule};
use badiano_record::representation::{Power, REPRESENTATIONS, Representation, related_person};
use badiano_record::resources::Precondition;
use badiano_record::{NodeRole, Session};
use std::collections::BTreeSet;

fn curp(given: &str, year: u16) -> String {
    let born = Date::new(year, 1, 15).expect("a day");
    let entity = entity::by_code("NL").expect("an entity");
    let differentiator = if year < 2000 { '0' } else { 'A' };
    let made = Curp::build(given, "Núñez", Some("Rivera"), born, Sex::Woman, entity, differentiator);
    made.expect("a CURP").as_str().to_owned()
}

/// Of the age of 14, 8 and 30 in the year of the clock.
fn aged(given: &str, years: u16) -> String {
    let today: u16 = Instant::now().to_rfc3339()[..4].parse().expect("a year");
    curp(given, today - years)
}

fn citizen(place: &Place, curp: &str, name: &str) -> Session {
    let principal = Principal::Citizen { curp: curp.into(), name: name.into() };
    place.node.session(principal, Purpose::PatientRequest, Instant::now())
}

fn node(place: &Place, institution: &str) -> Session {
    let principal =
        Principal::Node { institution: institution.into(), name: institution.into(), on_behalf_of: None };
    place.node.session(principal, Purpose::Operations, Instant::now())
}

fn patient(curp: &str) -> Value {
    fhir!({
        "resourceType": "Patient",
        "identifier": [{ "system": (naming::CURP), "value": curp }],
        "name": [{ "family": "Núñez Rivera", "given": ["Ximena"] }]
    })
}

fn parent(person: &str, representative: &str, name: &str) -> Representation {
    Representation {
        id: format!("{NORTE}-{name}"),
        person: person.into(),
        representative: representative.into(),
        name: name.into(),
        standing: "PRN".into(),
        document: "birth-certificate".into(),
        number: "acta 77".into(),
        checked_by: "registro".into(),
        institution: NORTE.into(),
        from: Instant::now().micros,
        to: None,
        ended: None,
    }
}

/// A hub that knows a person, held by Norte, and what is recorded of them.
async fn hub(person: &str) -> (Place, String) {
    let place = open(NodeRole::Hub, HUB);
    node(&place, NORTE).note_holding(patient(person), NORTE).await.expect("registered");
    let writer = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, Instant::now());
    let id = writer.patient_by_curp(person).expect("known").resource.id().to_owned();
    let about = format!("Patient/{id}");
    let coded = |kind: &str, name: &str, code: &str| {
        let coding = fhir!({ "system": "http://hl7.org/fhir/sid/icd-10", "code": code });
        let made = fhir!({ "resourceType": kind, "id": name, "subject": { "reference": (about.as_str()) }, "code": { "coding": [(coding)] } });
        if kind == "Observation" { made.with("status", "final") } else { made }
    };
    for made in [
        coded("Condition", "asma", "J45"),
        coded("Condition", "animo", "F32.1"),
        coded("Condition", "violencia", "T74.1"),
        coded("Observation", "glucosa", "x"),
    ] {
        writer.update(made, Precondition::None).await.expect("written");
    }
    (place, id)
}

async fn acting(place: &Place, told: &Representation) -> Session {
    let body = serde_json::to_vec(told).expect("printable");
    node(place, NORTE).take_representation(&body).await.expect("taken");
    in_place(place, told).expect("in force")
}

fn in_place(place: &Place, of: &Representation) -> Result<Session, badiano_kernel::Fault> {
    let now = Instant::now();
    let citizen = Principal::Citizen { curp: of.representative.clone(), name: of.name.clone() };
    let principal = place.node.in_place_of(&citizen, &of.id, now)?;
    Ok(place.node.session(principal, Purpose::PatientRequest, now))
}

fn seen(session: &Session, patient: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for kind in ["Condition", "Observation"] {
        let pairs = [("patient".to_owned(), format!("Patient/{patient}"))];
        let query = search::parse(kind, &pairs, true, "UTC").expect("a question").query;
        let page =
            session.search(&search::Query { total: Total::Accurate, count: 50, ..query }).expect("asked");
        assert_eq!(page.total, Some(page.hits.len()), "what is hidden is not counted");
        all.extend(page.hits.iter().map(|h| h.resource.id().to_owned()));
    }
    all
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|n| (*n).to_owned()).collect()
}

fn said(permit: bool, class: DataClass, recipient: Recipient) -> Rule {
    let (from, class) = (Instant::now(), Some(class));
    Rule { permit, class, recipient: Some(recipient), purpose: None, from, to: None, by: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_sees_the_record_of_a_minor_but_what_law_and_the_minor_close() {
    let (person, mother) = (aged("Ximena", 14), curp("Ana", 1980));
    let (place, id) = hub(&person).await;
    let told = parent(&person, &mother, "Ana");
    let session = acting(&place, &told).await;
    assert_eq!(seen(&session, &id), names(&["asma", "glucosa"]));
    for hidden in ["animo", "violencia"] {
        let fault = session.read("Condition", hidden).expect_err("closed");
        let absent = session.read("Condition", "nothing").expect_err("absent");
        assert_eq!((fault.kind, fault.text), (absent.kind, absent.text), "as if it did not exist");
    }
    assert!(citizen(&place, &mother, "Ana").read("Condition", "asma").is_err(), "only in the minor's place");
    let minor = citizen(&place, &person, "Ximena");
    minor
        .give_consent(said(false, DataClass::Laboratory, Recipient::Representatives), &[])
        .await
        .expect("said");
    let session = in_place(&place, &told).expect("in force");
    assert_eq!(seen(&session, &id), names(&["asma"]));
    assert!(session.own_consent().expect("read").rules.is_empty(), "what is closed is not told by the rules");
    assert_eq!(seen(&minor, &id), names(&["asma", "animo", "violencia", "glucosa"]));
    let child = aged("Julia", 8);
    let (place, id) = hub(&child).await;
    let session = acting(&place, &parent(&child, &mother, "Ana")).await;
    assert_eq!(seen(&session, &id), names(&["asma", "animo", "glucosa"]), "of a child, all but violence");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looked_at_what_is_closed_is_closed_to_the_parent_and_told_to_the_minor() {
    let (person, mother) = (aged("Ximena", 14), curp("Ana", 1980));
    let (place, _) = hub(&person).await;
    let session = acting(&place, &parent(&person, &mother, "Ana")).await;
    let clinician = Principal::Staff(staff(HUB, Role::Clinician));
    let clinician = place.node.session(clinician, Purpose::Treatment, Instant::now());
    for name in ["asma", "animo"] {
        clinician.read("Condition", name).expect("its own record");
    }
    session.read("Condition", "asma").expect("open to the mother");
    while place.node.condition(Instant::now()).expect("a condition").spool_waiting > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(4)).await;
    }
    let list = |session: &Session| {
        let all = session.accesses_of(&person).expect("told");
        all.into_iter().map(|a| (a.what, a.in_place)).collect::<BTreeSet<_>>()
    };
    let entry = |what: &str, in_place: &str| (what.to_owned(), in_place.to_owned());
    let (told, whole) = (list(&session), list(&citizen(&place, &person, "Ximena")));
    assert!(told.contains(&entry("Condition/asma", "")) && whole.contains(&entry("Condition/asma", "")));
    assert!(!told.contains(&entry("Condition/animo", "")), "{told:?}");
    assert!(whole.contains(&entry("Condition/animo", "")));
    assert!(whole.contains(&entry("Condition/asma", "PRN")), "the mother's look says in whose place");
    let other = aged("Julia", 8);
    assert_eq!(session.accesses_of(&other).expect_err("of nobody else").kind, FaultKind::Forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_consents_for_a_minor_and_of_those_who_disagree_the_more_protective_holds() {
    let (person, mother, father) = (aged("Ximena", 14), curp("Ana", 1980), curp("Raúl", 1979));
    let (place, id) = hub(&person).await;
    let hers = acting(&place, &parent(&person, &mother, "Ana")).await;
    let his = acting(&place, &parent(&person, &father, "Raúl")).await;
    let at_sur = || {
        let on_behalf_of = Some(staff(SUR, Role::Clinician));
        let node = Principal::Node { institution: SUR.into(), name: "sur".into(), on_behalf_of };
        place.node.session(node, Purpose::Treatment, Instant::now())
    };
    let rule = |permit| said(permit, DataClass::Conditions, Recipient::Institution(SUR.into()));
    assert_eq!(seen(&at_sur(), &id), names(&["asma", "glucosa"]));
    hers.give_consent(rule(false), &[]).await.expect("the mother closes");
    assert_eq!(seen(&at_sur(), &id), names(&["glucosa"]));
    his.give_consent(rule(true), &[]).await.expect("the father opens");
    assert_eq!(seen(&at_sur(), &id), names(&["glucosa"]), "the more protective holds");
    hers.give_consent(rule(true), &[]).await.expect("the mother opens too");
    assert_eq!(seen(&at_sur(), &id), names(&["asma", "glucosa"]));
    let own = said(false, DataClass::MentalHealth, Recipient::Institution(SUR.into()));
    assert_eq!(hers.give_consent(own, &[]).await.expect_err("the minor's own").kind, FaultKind::Forbidden);
    let others = said(true, DataClass::Imaging, Recipient::Representatives);
    assert_eq!(hers.give_consent(others, &[]).await.expect_err("the minor's own").kind, FaultKind::Forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_ends_at_once_and_the_person_is_told() {
    let (person, mother) = (aged("Ximena", 14), curp("Ana", 1980));
    let (place, _) = hub(&person).await;
    let told = parent(&person, &mother, "Ana");
    acting(&place, &told).await;
    let over = Representation { ended: Some(Instant::now().micros), ..told.clone() };
    let body = serde_json::to_vec(&over).expect("printable");
    assert_eq!(
        node(&place, SUR).take_representation(&body).await.expect_err("of another institution").kind,
        FaultKind::Forbidden
    );
    node(&place, NORTE).take_representation(&body).await.expect("taken");
    assert_eq!(in_place(&place, &told).map(|_| ()).expect_err("it has ended").kind, FaultKind::Forbidden);
    let notices = citizen(&place, &person, "Ximena").notices().expect("told");
    let kinds: Vec<&str> = notices.iter().map(|n| n.kind.as_str()).collect();
    assert_eq!(kinds, ["representative-ended", "representative-named"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_age_names_a_representative_and_takes_it_back() {
    let (person, friend, minor) = (aged("Ximena", 30), curp("Ana", 1980), aged("Julia", 15));
    let (place, id) = hub(&person).await;
    let power = || Power { representative: friend.clone(), name: "Ana".into(), to: None };
    let own = citizen(&place, &person, "Ximena");
    let refused = citizen(&place, &minor, "Julia").give_power(power()).await.expect_err("not of age");
    assert_eq!(refused.kind, FaultKind::Forbidden);
    let of = own.give_power(power()).await.expect("named");
    let session = in_place(&place, &of).expect("in force");
    assert_eq!(seen(&session, &id), names(&["asma", "glucosa"]), "nothing sensitive without a signature");
    let close = said(false, DataClass::Conditions, Recipient::Institution(SUR.into()));
    session.give_consent(close, &[]).await.expect("said by the attorney");
    assert!(own.own_consent().expect("read").rules[0].by.is_some(), "as said by them");
    let stranger = citizen(&place, &curp("Eva", 1990), "Eva");
    assert_eq!(stranger.end_representation(&of.id).await.expect_err("not theirs").kind, FaultKind::NotFound);
    own.end_representation(&of.id).await.expect("taken back");
    assert!(in_place(&place, &of).is_err());
    assert!(
        session
            .give_consent(said(false, DataClass::Imaging, Recipient::Role(Role::Clinician)), &[])
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_registrar_who_checked_a_document_makes_somebody_a_representative() {
    let place = open(NodeRole::Hospital, NORTE);
    let (person, mother) = (aged("Ximena", 14), curp("Ana", 1980));
    let scripts = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, Instant::now());
    let id = scripts.register_patient(patient(&person)).await.expect("known").resource.id().to_owned();
    let related = related_person(&id, &parent(&person, &mother, "Ana"));
    let by = |role| {
        let who = Principal::Staff(staff(NORTE, role));
        place.node.session(who, Purpose::Treatment, Instant::now())
    };
    for session in [scripts, by(Role::Clinician)] {
        let fault = session.create(related.clone()).await.expect_err("no registrar");
        assert_eq!((fault.kind, fault.place.as_str()), (FaultKind::Forbidden, "RelatedPerson.extension"));
    }
    let waiting = || place.node.claim(REPRESENTATIONS, Instant::now(), 10).expect("a queue").len();
    let plain = related.clone().with("extension", Value::Array(Vec::new()));
    let mut plain = plain;
    plain.as_object_mut().expect("an object").remove("extension");
    by(Role::Clinician).create(plain.clone()).await.expect("somebody to call is no representative");
    assert_eq!(waiting(), 0);
    let made = by(Role::Registrar).create(related).await.expect("checked").resource;
    assert_eq!(waiting(), 1, "on its way to the hub");
    let fault = by(Role::Clinician).update(plain.with("id", made.id()), Precondition::None).await;
    assert_eq!(fault.expect_err("nor ends it").kind, FaultKind::Forbidden);
    by(Role::Registrar).delete("RelatedPerson", made.id(), Precondition::None).await.expect("ended");
    let grown_up = aged("Elena", 40);
    let scripts = by(Role::Registrar);
    let id = scripts.register_patient(patient(&grown_up)).await.expect("known").resource.id().to_owned();
    let related = related_person(&id, &parent(&grown_up, &mother, "Ana"));
    let fault = by(Role::Registrar).create(related).await.expect_err("of age");
    assert_eq!(fault.place, "RelatedPerson.period");
}

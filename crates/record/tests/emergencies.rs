//! Emergency access: whom it opens what, for how long, who is told, and who reviews it.

use super::{HUB, NORTE, Place, SUR, from_sur, hub, open, record, reports_of, scripts, staff};
use badiano_fhir::fhir;
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use badiano_record::class::DataClass;
use badiano_record::emergency::{EMERGENCY_SECONDS, Emergency};
use badiano_record::resources::Precondition;
use badiano_record::{NodeRole, Session};

const REASON: &str = "sin respuesta en urgencias";

fn about(person: &str, signed_in: Instant) -> Emergency {
    Emergency { person: person.to_owned(), reason: REASON.to_owned(), signed_in, sensitive: 0 }
}

fn session(place: &Place, principal: Principal, now: Instant, emergency: Emergency) -> Session {
    place.node.session(principal, Purpose::Emergency, now).in_emergency(emergency)
}

fn security() -> Principal {
    Principal::Staff(Staff { account: "seguridad".into(), ..staff(HUB, Role::SecurityOffice) })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_opens_one_patient_for_four_hours_and_exports_nothing() {
    let place = open(NodeRole::Hospital, NORTE);
    let now = Instant::now();
    let known = record(&place.node, now).await;
    let reads = |principal: Principal, at: Instant, emergency: Emergency| {
        session(&place, principal, at, emergency).read("DiagnosticReport", &known.report).is_ok()
    };
    let own = || about(&known.curp, now);
    assert!(reads(from_sur(), now, own()));
    assert!(reads(from_sur(), now.plus_seconds(EMERGENCY_SECONDS - 1), own()));
    assert!(!reads(from_sur(), now.plus_seconds(EMERGENCY_SECONDS), own()), "four hours are over");
    assert!(!reads(from_sur(), now.plus_seconds(-3600), own()), "a sign-in of the future is none");
    assert!(!reads(from_sur(), now, about("SABC560626MDFLRN01", now)), "it was opened for somebody else");
    assert!(!reads(from_sur(), now, Emergency { reason: "x".into(), ..own() }), "without a reason");
    assert!(!reads(scripts("system/*.read"), now, own()), "a system has no emergencies");
    let of = |change: &dyn Fn(&mut Staff)| {
        let mut who = staff(SUR, Role::Clinician);
        change(&mut who);
        Principal::Node { institution: HUB.into(), name: "hub".into(), on_behalf_of: Some(who) }
    };
    assert!(!reads(of(&|s| s.cedula = None), now, own()), "without a licence");
    assert!(!reads(of(&|s| s.cedula = Some("12".into())), now, own()), "with a licence that is none");
    assert!(!reads(of(&|s| s.roles = vec![Role::Registrar]), now, own()), "without a clinical role");
    let session = session(&place, from_sur(), now, own());
    let refused = session.everything("Patient", &known.patient, &reports_of(&known.patient));
    assert_eq!(refused.expect_err("no export").kind, FaultKind::Forbidden);
    let exported = session.exported(&["1.2.3".to_owned()], "medium").await;
    assert!(exported.is_err_and(|f| f.kind == FaultKind::Forbidden && f.text.contains("exports nothing")));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_emergency_the_hub_shows_nothing_that_the_person_was_not_told_of() {
    let place = open(NodeRole::Hub, HUB);
    let now = Instant::now();
    let known = record(&place.node, now).await;
    let urgent = session(&place, from_sur(), now, about(&known.curp, now));
    assert!(urgent.read("DiagnosticReport", &known.report).is_err(), "nobody was told yet");
    urgent.open_emergency().await.expect("opened");
    urgent.open_emergency().await.expect("and again");
    assert!(urgent.read("DiagnosticReport", &known.report).is_ok());
    let citizen = Principal::Citizen { curp: known.curp.clone(), name: "C".into() };
    let told = place.node.session(citizen, Purpose::PatientRequest, now).notices().expect("notices");
    assert_eq!(told.iter().map(|n| n.reason.as_str()).collect::<Vec<_>>(), [REASON], "told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn sensitive_matters_are_asked_for_again_in_an_emergency() {
    let place = open(NodeRole::Hub, HUB);
    let now = Instant::now();
    let known = record(&place.node, now).await;
    let sensitive = fhir!({
        "resourceType": "Observation", "id": "vih", "status": "final", "code": { "text": "VIH" },
        "meta": { "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV" }] },
        "subject": { "reference": (format!("Patient/{}", known.patient)) }
    });
    let writer = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, now);
    writer.update(sensitive, Precondition::None).await.expect("written");
    let again = || Emergency { sensitive: DataClass::Hiv.bit(), ..about(&known.curp, now.plus_seconds(40)) };
    let later = now.plus_seconds(40);
    let first = session(&place, from_sur(), later, again()).open_emergency().await;
    assert_eq!(first.expect_err("at once is too soon").kind, FaultKind::Forbidden);
    let plain = session(&place, from_sur(), now, about(&known.curp, now));
    plain.open_emergency().await.expect("opened");
    assert!(plain.read("Observation", "vih").is_err(), "what is sensitive stays closed at first");
    let asked = session(&place, from_sur(), later, again());
    asked.open_emergency().await.expect("opened, when asked for again");
    assert!(asked.read("Observation", "vih").is_ok());
    let other = Emergency { sensitive: DataClass::MentalHealth.bit(), ..about(&known.curp, later) };
    let other = session(&place, from_sur(), later, other);
    other.open_emergency().await.expect("opened");
    assert!(other.read("Observation", "vih").is_err(), "another class was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_security_office_reviews_each_emergency_and_the_person_reads_what_it_decided() {
    let place = open(NodeRole::Hub, HUB);
    let now = Instant::now();
    let known = record(&place.node, now).await;
    let urgent = session(&place, from_sur(), now, about(&known.curp, now));
    urgent.open_emergency().await.expect("opened");
    let office =
        |principal: Principal| place.node.session(principal, Purpose::Operations, now.plus_seconds(60));
    for stranger in [hub(), scripts("system/*.read"), Principal::Staff(staff(HUB, Role::Administrator))] {
        assert!(office(stranger).emergencies(false).is_err(), "the security office alone");
    }
    let pending = office(security()).emergencies(false).expect("a list");
    assert_eq!(
        (pending.len(), pending[0].reason.as_str(), pending[0].institution.as_str()),
        (1, REASON, SUR)
    );
    let id = &pending[0].id;
    assert!(office(security()).review_emergency(id, false, "no").await.is_err(), "a reason is needed");
    let own = Staff { institution: SUR.into(), account: "a".into(), ..staff(HUB, Role::SecurityOffice) };
    let refused = office(Principal::Staff(own)).review_emergency(id, true, "era yo en la guardia").await;
    assert_eq!(refused.expect_err("nobody reviews their own").kind, FaultKind::Forbidden);
    let missing = office(security()).review_emergency("no-such", true, "no hay tal acceso").await;
    assert_eq!(missing.expect_err("no such access").kind, FaultKind::NotFound);
    office(security()).review_emergency(id, false, "no consta ingreso en urgencias").await.expect("reviewed");
    assert_eq!(office(security()).emergencies(false).expect("a list"), []);
    let done = office(security()).emergencies(true).expect("a list");
    assert!(!done[0].reviews[0].justified && done[0].reviews[0].by == "A");
    let citizen = Principal::Citizen { curp: known.curp.clone(), name: "C".into() };
    let told = place.node.session(citizen, Purpose::PatientRequest, now).notices().expect("notices");
    let told: Vec<_> = told.iter().map(|n| (n.kind.as_str(), n.reason.as_str())).collect();
    let decided = ("emergency-not-justified", "no consta ingreso en urgencias");
    assert_eq!(told, [decided, ("emergency-access", REASON)]);
}

//! What the words of a note tell of is treated as that class, until a clinician has read it and says otherwise.

use super::{HUB, NORTE, Place, SUR, open, record, scripts, staff};
use badiano_fhir::{Value, fhir};
use badiano_kernel::principal::Role;
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use badiano_record::resources::Precondition;
use badiano_record::text_flags::CLEARED;
use badiano_record::{NodeRole, Session};

fn session(place: &Place, principal: Principal) -> Session {
    place.node.session(principal, Purpose::Treatment, Instant::now())
}

fn from_sur() -> Principal {
    let on_behalf_of = Some(staff(SUR, Role::Clinician));
    Principal::Node { institution: HUB.into(), name: "hub".into(), on_behalf_of }
}

fn note(patient: &str, text: &str) -> Value {
    fhir!({
        "resourceType": "Observation",
        "id": "nota",
        "status": "final",
        "code": { "text": "Nota de evolución" },
        "subject": { "reference": (format!("Patient/{patient}")) },
        "valueString": text
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flagged_note_stays_where_it_was_written_until_a_clinician_clears_it_and_again_when_it_changes() {
    let place = open(NodeRole::Hospital, NORTE);
    let known = record(&place.node, Instant::now()).await;
    let writer = session(&place, scripts("system/*.cruds"));
    let clinician = || session(&place, Principal::Staff(staff(NORTE, Role::Clinician)));
    let seen_at_sur = || session(&place, from_sur()).read("Observation", "nota").is_ok();
    let write = |text: &str| writer.update(note(&known.patient, text), Precondition::None);
    write("Evoluciona bien, niega ideación suicida").await.expect("written");
    assert!(seen_at_sur(), "what is denied is no flag");
    write("Vive en la calle Depresión, sin molestias").await.expect("written");
    assert!(!seen_at_sur(), "flagged by its words");
    assert!(clinician().read("Observation", "nota").is_ok(), "and there for those who wrote it");
    let clear = |by: Session, reason: &'static str| async move {
        by.clear_text_flag("Observation", "nota", "mental-health", reason, Precondition::None).await
    };
    for (who, reason, kind) in [
        (writer.clone(), "es una calle", FaultKind::Forbidden),
        (session(&place, from_sur()), "es una calle", FaultKind::Forbidden),
        (
            session(&place, Principal::Staff(staff(NORTE, Role::Registrar))),
            "es una calle",
            FaultKind::Forbidden,
        ),
        (clinician(), "x", FaultKind::Invalid),
    ] {
        assert_eq!(clear(who, reason).await.expect_err("refused").kind, kind);
    }
    let cleared = clear(clinician(), "es el nombre de una calle").await.expect("cleared").resource;
    assert_eq!(cleared["meta"]["tag"][0].str_of("system"), CLEARED);
    assert!(seen_at_sur(), "what was cleared is open as its type is");
    assert_eq!(
        clear(clinician(), "es una calle").await.expect_err("no flag any more").kind,
        FaultKind::NotFound
    );
    write("Vive en la calle Depresión, sin molestias").await.expect("written again");
    assert!(seen_at_sur(), "the same text is still cleared");
    let tag = cleared["meta"]["tag"].clone();
    let forged = note(&known.patient, "Depresión mayor").with("meta", fhir!({ "tag": (tag) }));
    writer.update(forged, Precondition::None).await.expect("written");
    assert!(!seen_at_sur(), "another text is flagged anew, whatever tag it brings");
    let versions = clinician().versions_of("Observation", "nota").expect("kept");
    assert!(versions.len() >= 5, "every version is kept");
}

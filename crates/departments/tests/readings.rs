//! Reports by more than one: screening read by two apart and decided by a third, and residents whose reports another signs.

use crate::place::{IMAGE, Object, Place, event, hospital};
use badiano_kernel::FaultKind;
use badiano_kernel::principal::Role;
use badiano_record::Session;
use badiano_record::reports::{ReportAction, ReportText};
use badiano_record::resources::Versioned;

const STUDY: &str = "1.2.3.4";

async fn place(object: &Object) -> Place {
    let place = hospital();
    place.store(STUDY, 1, object, place.now).await;
    for account in ["ana", "eva", "rita"] {
        place.hires(account, Role::Radiologist).await;
    }
    place.hires("leo", Role::Resident).await;
    place
}

async fn screening() -> Place {
    place(&Object { modality: "MG", description: "MASTOGRAFIA DE TAMIZAJE", ..IMAGE }).await
}

fn text(conclusion: &str, bi_rads: &str) -> ReportText {
    ReportText { conclusion: conclusion.into(), assessment: bi_rads.into(), ..ReportText::default() }
}

async fn signs(reader: &Session, text: ReportText) -> Versioned {
    reader.note_opened(&reader.archived(STUDY, None).expect("images"));
    reader.move_case(STUDY, event("claim", "")).await.expect("claimed");
    reader.write_report(STUDY, ReportAction::Sign, text, None).await.expect("signed")
}

fn conclusion(reader: &Session) -> Option<String> {
    let report = reader.case(STUDY).expect("a case").1;
    report.map(|r| r.resource.str_of("conclusion").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_reader_sees_nothing_of_the_first_reading_and_nothing_is_in_the_record_before_both() {
    let place = screening().await;
    let (ana, eva) = (place.reader("ana"), place.reader("eva"));
    let first = signs(&ana, text("sin hallazgos", "1")).await;
    assert_eq!(first.resource.str_of("status"), "preliminary");
    assert_eq!(place.state(STUDY), "second");
    assert_eq!(conclusion(&ana).as_deref(), Some("sin hallazgos"), "her own");
    assert_eq!(conclusion(&eva), None);
    let (item, _) = eva.case(STUDY).expect("a case");
    assert!(item.case.report.is_none(), "no resource to be found by any door");
    assert!(eva.readings_of(&item.case).expect("asked").is_empty());
    let again = ana.move_case(STUDY, event("claim", "")).await.expect_err("she has read it");
    assert_eq!((again.kind, again.place.as_str()), (FaultKind::Conflict, "reader"));

    eva.write_report(STUDY, ReportAction::Save, text("quistes simples", ""), None).await.expect("a draft");
    assert_eq!(conclusion(&eva).as_deref(), Some("quistes simples"));
    assert_eq!(conclusion(&ana).as_deref(), Some("sin hallazgos"), "her own still");
    eva.note_opened(&eva.archived(STUDY, None).expect("images"));
    let silent = eva.write_report(STUDY, ReportAction::Sign, text("quistes simples", ""), Some(1)).await;
    assert_eq!(silent.expect_err("comes to nothing").place, "assessment");
    let both = eva.write_report(STUDY, ReportAction::Sign, text("quistes simples", "2"), Some(1)).await;
    let both = both.expect("they agree");
    assert_eq!(both.resource.str_of("status"), "final");
    let names: Vec<&str> =
        both.resource["resultsInterpreter"].items().iter().map(|r| r.str_of("display")).collect();
    assert_eq!(names, ["EVA", "ANA"]);
    assert_eq!(place.state(STUDY), "final");
    let (item, report) = ana.case(STUDY).expect("a case");
    assert_eq!(report.expect("the report of both").resource.str_of("conclusion"), "quistes simples");
    assert_eq!(ana.readings_of(&item.case).expect("both").len(), 2, "what each read stays to be seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_decides_between_two_readings_sees_both_and_is_neither_reader() {
    let place = screening().await;
    signs(&place.reader("ana"), text("sin hallazgos", "1")).await;
    signs(&place.reader("eva"), text("distorsión en mama izquierda", "4")).await;
    assert_eq!(place.state(STUDY), "arbitration");
    let (eva, rita) = (place.reader("eva"), place.reader("rita"));
    let (item, _) = rita.case(STUDY).expect("a case");
    let both: Vec<String> =
        rita.readings_of(&item.case).expect("both").into_iter().map(|r| r.text.assessment).collect();
    assert_eq!(both, ["1", "4"]);
    assert!(eva.readings_of(&item.case).expect("asked").is_empty(), "she does not decide");
    assert!(eva.move_case(STUDY, event("claim", "")).await.is_err());
    let decided = signs(&rita, text("distorsión, se cita a complemento", "0")).await;
    assert_eq!(decided.resource.str_of("status"), "final");
    assert_eq!(place.state(STUDY), "final");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resident_writes_and_another_signs_under_both_names() {
    let place = place(&IMAGE).await;
    let leo = place.staff("leo", Role::Resident, place.now);
    let written = signs(&leo, text("neumonía basal", "")).await;
    assert_eq!(written.resource.str_of("status"), "preliminary");
    assert_eq!(place.state(STUDY), "cosign");
    let ana = place.reader("ana");
    assert_eq!(conclusion(&ana).as_deref(), Some("neumonía basal"), "who signs sees what was written");
    ana.note_opened(&ana.archived(STUDY, None).expect("images"));
    let signed =
        ana.write_report(STUDY, ReportAction::Sign, text("neumonía basal derecha", ""), Some(1)).await;
    let signed = signed.expect("signed");
    let names: Vec<&str> =
        signed.resource["resultsInterpreter"].items().iter().map(|r| r.str_of("display")).collect();
    assert_eq!((signed.resource.str_of("status"), names), ("final", vec!["ANA", "LEO"]));
    let amended = leo.write_report(STUDY, ReportAction::Amend, text("otra", ""), Some(2)).await;
    assert_eq!(amended.expect_err("not a resident's").kind, FaultKind::Forbidden);
    let report = signed.resource.clone();
    let direct = leo.update(report, badiano_record::resources::Precondition::None).await;
    assert_eq!(direct.expect_err("nor by another door").kind, FaultKind::Forbidden);
}

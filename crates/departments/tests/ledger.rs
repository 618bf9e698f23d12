//! The unread ledger over a real node: what comes is on a list at once, and leaves it by a signature or a reason alone.

use crate::place::{IMAGE, Object, Place, event, hospital};
use badiano_kernel::FaultKind;
use badiano_kernel::principal::Role;
use badiano_record::Session;
use badiano_record::reports::{ReportAction, ReportText};
use badiano_record::worklist::CaseQuery;

const STUDY: &str = "1.2.3.4";

fn text(conclusion: &str) -> ReportText {
    let sections = vec![("Hallazgos".to_owned(), "Sin hallazgos".to_owned())];
    ReportText {
        template: "ct-torax".into(),
        sections,
        conclusion: conclusion.into(),
        ..ReportText::default()
    }
}

async fn imaged() -> Place {
    let place = hospital();
    place.store(STUDY, 1, &IMAGE, place.now).await;
    place
}

/// The viewer loads what there is of the study.
fn opens(reader: &Session) {
    reader.note_opened(&reader.archived(STUDY, None).expect("images"));
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_came_while_the_report_was_written_are_opened_before_it_is_signed() {
    let place = imaged().await;
    let (ana, eva) = (place.reader("ana"), place.reader("eva"));
    opens(&ana);
    opens(&eva);
    place.store(STUDY, 2, &IMAGE, place.now).await;
    let early =
        ana.write_report(STUDY, ReportAction::Sign, text("normal"), None).await.expect_err("one is unseen");
    assert_eq!((early.kind, early.place.as_str()), (FaultKind::Conflict, "images"));
    assert_eq!(place.state(STUDY), "to-read", "a refused signature changes nothing");
    opens(&eva);
    assert!(
        ana.write_report(STUDY, ReportAction::Sign, text("normal"), None).await.is_err(),
        "another's look is no own"
    );
    opens(&ana);
    ana.write_report(STUDY, ReportAction::Sign, text("normal"), None).await.expect("signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_puts_its_study_on_the_reading_list_with_subspecialty_and_clock() {
    let place = imaged().await;
    let list = place.on("reading");
    assert_eq!(list.len(), 1);
    let case = &list[0].case;
    assert_eq!((case.state.as_str(), case.topic.as_str(), case.unmatched), ("to-read", "thorax", true));
    let due = badiano_kernel::Instant::parse_rfc3339(&case.due).expect("a moment");
    assert_eq!((due.micros - place.now.micros) / 3_600_000_000, 47, "routine: 48 hours, less a breath");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_readers_who_claim_at_once_one_has_it_and_the_other_is_refused() {
    let place = imaged().await;
    let (ana, eva) = (place.reader("ana"), place.reader("eva"));
    let (first, second) =
        tokio::join!(ana.move_case(STUDY, event("claim", "")), eva.move_case(STUDY, event("claim", "")));
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1, "one of the two has it");
    let lost = first.err().or(second.err()).expect("the other is refused");
    assert_eq!(lost.kind, FaultKind::Conflict);
    let holder = place.on("reading")[0].case.reader.clone().expect("somebody has it");
    let other = if holder == "ana" { &eva } else { &ana };
    let refused = other.write_report(STUDY, ReportAction::Sign, text("normal"), None).await;
    assert_eq!(refused.expect_err("not theirs").kind, FaultKind::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_leaves_the_list_when_it_is_signed_and_late_images_bring_it_back() {
    let place = imaged().await;
    let ana = place.reader("ana");
    ana.move_case(STUDY, event("claim", "")).await.expect("claimed");
    ana.write_report(STUDY, ReportAction::Save, text(""), None).await.expect("a draft");
    assert_eq!(place.state(STUDY), "preliminary");
    let blind = ana.write_report(STUDY, ReportAction::Sign, text("normal"), Some(1)).await;
    assert_eq!(blind.expect_err("nothing was opened").place, "images");
    opens(&ana);
    ana.write_report(STUDY, ReportAction::Sign, text("normal"), Some(1)).await.expect("signed");
    assert!(place.on("reading").is_empty());
    assert_eq!(place.state(STUDY), "final");

    let report = Object { pixels: false, ..IMAGE };
    place.store(STUDY, 2, &report, place.now).await;
    assert_eq!(place.state(STUDY), "final", "an object without pixels calls nobody back");
    place.store(STUDY, 3, &IMAGE, place.now).await;
    assert_eq!(place.state(STUDY), "to-read", "an image that nobody saw does");
    let again = ana.write_report(STUDY, ReportAction::Sign, text("otra"), Some(2)).await;
    assert!(again.is_err(), "a signed report is amended, never signed anew");
    let silent = ana.move_case(STUDY, event("confirm", "ok")).await.expect_err("no reason");
    assert_eq!(silent.kind, FaultKind::Invalid);
    let blind = ana.write_report(STUDY, ReportAction::Amend, text("otra"), Some(2)).await;
    assert_eq!(blind.expect_err("amended without the late image").place, "images");
    let blind = ana.move_case(STUDY, event("confirm", "son las mismas imágenes, reenviadas")).await;
    assert_eq!(blind.expect_err("the late image was not opened").place, "images");
    opens(&ana);
    ana.move_case(STUDY, event("confirm", "son las mismas imágenes, reenviadas")).await.expect("confirmed");
    assert_eq!(place.state(STUDY), "final");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_is_excused_by_a_reader_with_a_reason_and_can_be_called_back() {
    let place = imaged().await;
    let ana = place.reader("ana");
    let technologist = place.staff("tec", Role::Technologist, place.now);
    let reason = "estudio repetido, se informa el segundo";
    let refused = technologist.move_case(STUDY, event("excuse", reason)).await;
    assert_eq!(refused.expect_err("not a reader").kind, FaultKind::Forbidden);
    assert!(ana.move_case(STUDY, event("excuse", "")).await.is_err(), "not without a reason");
    ana.move_case(STUDY, event("excuse", reason)).await.expect("excused");
    assert!(place.on("reading").is_empty());
    let ended = place.on("");
    assert_eq!((ended[0].case.state.as_str(), ended[0].case.reason.as_str()), ("excused", reason));
    ana.move_case(STUDY, event("recall", "el segundo estudio está incompleto")).await.expect("called back");
    assert_eq!(place.on("reading").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_counts_by_state_and_age_and_a_list_can_be_narrowed() {
    let place = hospital();
    for n in 0..6 {
        let age = if n < 4 { 30 * 3600 } else { 80 * 3600 };
        let object = if n % 2 == 0 {
            Object { modality: "MG", description: "TAMIZAJE", ..IMAGE }
        } else {
            Object { ..IMAGE }
        };
        place.store(&format!("1.2.3.{n}"), 1, &object, place.now.plus_seconds(-age)).await;
    }
    let ana = place.reader("ana");
    let tally = ana.tally_cases(&["orders", "floor", "reading"]).expect("counted");
    assert_eq!(tally.values().sum::<u64>(), 6);
    let late: u64 = tally.iter().filter(|(t, _)| t.overdue).map(|(_, n)| n).sum();
    assert_eq!(late, 2, "routine studies may wait for 48 hours");
    let breast =
        CaseQuery { list: "reading".into(), topic: "breast".into(), limit: 10, ..CaseQuery::default() };
    assert_eq!(ana.cases(&breast).expect("a list").len(), 3);
    let overdue = CaseQuery { overdue: true, ..breast };
    assert_eq!(ana.cases(&overdue).expect("a list").len(), 1);
    let administrator = place.staff("adm", Role::Administrator, place.now);
    assert!(administrator.tally_cases(&["reading"]).is_err(), "counts of cases are no administrator's");
}

//! What staff are told: amended reports to everybody who opened them, critical results until somebody has said them back.

use crate::place::{CLUES, IMAGE, Place, hospital};
use badiano_kernel::principal::Role;
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use badiano_record::Session;
use badiano_record::critical::Raised;
use badiano_record::notices::{ShownNotice, Why};
use badiano_record::reports::{ReportAction, ReportText};

const STUDY: &str = "1.2.3.4";
const FINDING: &str = "neumotórax a tensión derecho";
const MINUTE: i64 = 60;

fn text(conclusion: &str) -> ReportText {
    ReportText { conclusion: conclusion.into(), ..ReportText::default() }
}

/// A study with images; ana and eva read, bruno and clara treat, adm administers.
async fn staffed() -> Place {
    let place = hospital();
    place.store(STUDY, 1, &IMAGE, place.now).await;
    for (account, role) in [
        ("ana", Role::Radiologist),
        ("eva", Role::Radiologist),
        ("bruno", Role::Clinician),
        ("clara", Role::Clinician),
        ("adm", Role::Administrator),
    ] {
        place.hires(account, role).await;
    }
    place
}

async fn signs(reader: &Session) {
    reader.note_opened(&reader.archived(STUDY, None).expect("images"));
    reader.write_report(STUDY, ReportAction::Sign, text("normal"), None).await.expect("signed");
}

/// The entries of reads are in the log after some milliseconds, and amendments are told two seconds after.
async fn told_of_amendments(place: &Place, at: Instant) -> usize {
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    place.node.tell_of_amendments(at.plus_seconds(3)).await.expect("told")
}

fn notices(place: &Place, account: &str, role: Role) -> Vec<ShownNotice> {
    place.staff(account, role, place.now).staff_notices().expect("a list")
}

fn whys(place: &Place, account: &str, role: Role) -> Vec<Why> {
    notices(place, account, role).iter().map(|n| n.notice.why).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amendment_is_told_to_everybody_who_opened_the_earlier_version_and_to_nobody_else() {
    let place = staffed().await;
    let ana = place.reader("ana");
    signs(&ana).await;
    let report = ana.case(STUDY).expect("a case").1.expect("a report").resource.id().to_owned();
    // Bruno looks at the page, Clara at the resource.
    place.staff("bruno", Role::Clinician, place.now).case(STUDY).expect("seen");
    place.staff("clara", Role::Clinician, place.now).read("DiagnosticReport", &report).expect("read");
    assert_eq!(told_of_amendments(&place, place.now).await, 0, "nothing was amended yet");

    let later = place.now.plus_seconds(3600);
    let ana = place.staff("ana", Role::Radiologist, later);
    ana.write_report(STUDY, ReportAction::Amend, text("fractura"), None).await.expect("amended");
    assert_eq!(told_of_amendments(&place, later).await, 1);
    for account in ["bruno", "clara"] {
        let told = notices(&place, account, Role::Clinician);
        assert_eq!(told.len(), 1, "{account}");
        assert_eq!((told[0].notice.why, told[0].notice.by.as_str()), (Why::Amended, "ANA"), "{account}");
        assert_eq!(told[0].item.as_ref().expect("the case").case.study_uid, STUDY);
    }
    assert!(whys(&place, "eva", Role::Radiologist).is_empty(), "she never opened it");
    assert!(!whys(&place, "ana", Role::Radiologist).contains(&Why::Amended), "she amended it herself");
    assert_eq!(told_of_amendments(&place, later).await, 0, "once");

    let bruno = place.staff("bruno", Role::Clinician, later);
    let id = bruno.staff_notices().expect("a list")[0].id.clone();
    bruno.read_staff_notices(vec![id, "00".into()]).await.expect("read");
    assert_eq!(bruno.staff_notices().expect("a list")[0].notice.read, later.to_rfc3339());
    assert_eq!(notices(&place, "clara", Role::Clinician)[0].notice.read, "", "hers is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opened_a_report_from_elsewhere_is_named_to_who_amended_it() {
    let place = staffed().await;
    signs(&place.reader("ana")).await;
    let report =
        place.reader("ana").case(STUDY).expect("a case").1.expect("a report").resource.id().to_owned();
    let system = Principal::System {
        client_id: "ece".into(),
        name: "Expediente".into(),
        institution: CLUES.into(),
        scopes: vec!["system/*.rs".into()],
    };
    place
        .node
        .session(system, Purpose::Treatment, place.now)
        .read("DiagnosticReport", &report)
        .expect("read");
    let eva = place.reader("eva");
    eva.write_report(STUDY, ReportAction::Amend, text("fractura"), None).await.expect("amended");
    told_of_amendments(&place, place.now).await;
    let told = notices(&place, "eva", Role::Radiologist);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].notice.why, Why::AmendedElsewhere);
    assert_eq!(told[0].notice.names, [format!("Expediente ({CLUES})")]);
    assert_eq!(
        whys(&place, "ana", Role::Radiologist),
        [Why::Amended],
        "who signed the earlier version saw it"
    );
}

async fn raised(place: &Place, to: &str) -> String {
    let asked = Raised { level: "immediate".into(), finding: FINDING.into(), to: to.into() };
    place.reader("ana").raise_critical(STUDY, asked).await.expect("raised").id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_result_waits_until_it_is_said_back_and_climbs_while_nobody_does() {
    let place = staffed().await;
    let id = raised(&place, "").await;
    for account in ["bruno", "clara"] {
        assert_eq!(whys(&place, account, Role::Clinician), [Why::Critical], "{account}");
    }
    let at = |minutes: i64| place.now.plus_seconds(minutes * MINUTE);
    assert_eq!(place.node.escalate_critical(at(19)).await.expect("looked"), 0, "there is time");
    assert_eq!(place.node.escalate_critical(at(20)).await.expect("climbed"), 1);
    assert_eq!(place.node.escalate_critical(at(20)).await.expect("looked"), 0, "its clock runs anew");
    assert_eq!(whys(&place, "eva", Role::Radiologist), [Why::CriticalUnanswered]);
    assert_eq!(
        whys(&place, "ana", Role::Radiologist),
        [Why::CriticalUnanswered],
        "who raised it hears of it"
    );
    place.node.escalate_critical(at(40)).await.expect("climbed");
    let administrator = notices(&place, "adm", Role::Administrator);
    assert_eq!(administrator.len(), 1);
    assert!(administrator[0].item.is_none(), "that one waits, and no patient");
    place.node.escalate_critical(at(60)).await.expect("climbed");
    let bruno = place.staff("bruno", Role::Clinician, at(61));
    let waits = bruno.critical_results(false).expect("a list");
    assert_eq!((waits.len(), waits[0].result.step), (1, 2), "it never leaves the list by itself");

    let short = bruno.hear_critical(&id, "", "ok").await.expect_err("said nothing back");
    assert_eq!((short.kind, short.place.as_str()), (FaultKind::Invalid, "read_back"));
    bruno.hear_critical(&id, "", "neumotórax a tensión derecho, voy a drenar").await.expect("heard");
    assert!(bruno.critical_results(false).expect("a list").is_empty());
    let heard = bruno.critical_results(true).expect("a list");
    assert_eq!(heard[0].result.heard.as_ref().expect("heard").by, "bruno");
    assert_eq!(place.node.escalate_critical(at(600)).await.expect("looked"), 0);
    let twice = bruno.hear_critical(&id, "", "otra vez lo mismo").await.expect_err("once");
    assert_eq!(twice.kind, FaultKind::Conflict);
    let sent = bruno.read("Communication", &id).expect("as others read it");
    assert_eq!(sent.resource.str_of("status"), "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_result_for_one_clinician_is_told_to_that_one_first() {
    let place = staffed().await;
    raised(&place, "clara").await;
    assert!(whys(&place, "bruno", Role::Clinician).is_empty());
    assert_eq!(whys(&place, "clara", Role::Clinician), [Why::Critical]);
    place.node.escalate_critical(place.now.plus_seconds(21 * MINUTE)).await.expect("climbed");
    assert_eq!(whys(&place, "bruno", Role::Clinician), [Why::CriticalUnanswered]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_raises_a_critical_result_never_hears_it_alone() {
    let place = staffed().await;
    let id = raised(&place, "").await;
    let ana = place.reader("ana");
    let alone = ana.hear_critical(&id, "", "neumotórax a tensión").await.expect_err("herself");
    assert_eq!(alone.place, "told");
    let told = "Dr. Bruno Gil, urgencias, ext. 214";
    let heard =
        ana.hear_critical(&id, told, "neumotórax derecho, lo drena ahora").await.expect("by telephone");
    assert_eq!(heard.heard.expect("heard").told, told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_result_is_raised_by_a_reader_about_a_study_that_is_there() {
    let place = staffed().await;
    let asked =
        |level: &str, to: &str| Raised { level: level.into(), finding: FINDING.into(), to: to.into() };
    let bruno = place.staff("bruno", Role::Clinician, place.now);
    let forbidden = bruno.raise_critical(STUDY, asked("immediate", "")).await.expect_err("no reader");
    assert_eq!(forbidden.kind, FaultKind::Forbidden);
    let ana = place.reader("ana");
    for (study, level, to, kind) in [
        ("1.9.9", "immediate", "", FaultKind::NotFound),
        (STUDY, "soon", "", FaultKind::Invalid),
        (STUDY, "immediate", "adm", FaultKind::Invalid),
        (STUDY, "immediate", "nobody", FaultKind::Invalid),
    ] {
        let refused = ana.raise_critical(study, asked(level, to)).await.expect_err("refused");
        assert_eq!(refused.kind, kind, "{study} {level} {to}");
    }
    let technologist = place.staff("tec", Role::Technologist, place.now);
    assert!(technologist.critical_results(false).is_err(), "reports are not theirs to read");
}

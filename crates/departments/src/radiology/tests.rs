//! Radiology's own stories: late images, cancelled orders, waivers, templates and subspecialties.

use super::{DEPARTMENT, topic};
use crate::template::fitting_first;
use badiano_record::workflow::{Event, Refusal, Standing};

const REASON: &str = "las imágenes no cambian el diagnóstico";

fn by(who: &str, name: &'static str) -> Event {
    Event { by: Some(who.to_owned()), ..Event::named(name) }
}

/// Who reads next, and what it comes to.
fn reads(at: &Standing, who: &str, bi_rads: &str) -> Result<Standing, Refusal> {
    let event = Event { assessment: bi_rads.to_owned(), ..by(who, "sign") };
    DEPARTMENT.workflow.apply(at, &event).map(|done| done.0)
}

fn screening() -> Standing {
    let standing = Standing { is_read_twice: true, ..Standing::default() };
    go(&standing, &["image"]).expect("images count")
}

fn go(from: &Standing, names: &[&'static str]) -> Result<Standing, Refusal> {
    let mut at = from.clone();
    for name in names {
        let to = (*name == "hand-over").then(|| "eva".to_owned());
        let event = Event { to, reason: REASON.to_owned(), ..by("ana", name) };
        at = DEPARTMENT.workflow.apply(&at, &event)?.0;
    }
    Ok(at)
}

fn from_nothing(names: &[&'static str]) -> Standing {
    go(&Standing::default(), names).unwrap_or_else(|why| panic!("{names:?}: {why:?}"))
}

#[test]
fn images_without_an_order_are_to_be_read_at_once() {
    assert_eq!(from_nothing(&["image"]).state, "to-read");
}

#[test]
fn an_order_cancelled_during_acquisition_is_back_on_the_list_when_an_image_comes() {
    let cancelled = from_nothing(&["place", "begin", "cancel"]);
    assert_eq!(cancelled.state, "cancelled");
    assert_eq!(go(&cancelled, &["image"]).expect("an image always counts").state, "to-read");
    let imaged = from_nothing(&["place", "begin", "image", "cancel"]);
    assert_eq!(imaged.state, "to-read", "a study with images is not cancelled away");
}

#[test]
fn a_study_performed_without_images_stands_on_a_list_until_somebody_says_why() {
    let performed = from_nothing(&["place", "begin", "perform"]);
    assert_eq!(DEPARTMENT.workflow.list_of(&performed.state), "floor");
    let silent = by("ana", "excuse");
    assert_eq!(DEPARTMENT.workflow.apply(&performed, &silent), Err(Refusal::ReasonMissing));
    assert_eq!(go(&performed, &["excuse"]).expect("with a reason").state, "excused");
}

#[test]
fn images_after_the_signature_bring_the_study_back_and_it_is_amended_or_confirmed() {
    let late = from_nothing(&["image", "claim", "sign", "image"]);
    assert_eq!((late.state.as_str(), late.signed, &late.holder), ("to-read", true, &None));
    assert_eq!(
        go(&late, &["claim", "sign"]),
        Err(Refusal::AlreadySigned),
        "what is signed is not signed anew"
    );
    assert_eq!(go(&late, &["claim", "amend"]).expect("amended").state, "amended");
    assert_eq!(go(&late, &["confirm"]).expect("confirmed with a reason").state, "final");
    assert_eq!(go(&late, &["excuse"]), Err(Refusal::AlreadySigned));
}

#[test]
fn a_draft_goes_to_a_colleague_only_by_the_one_who_has_it() {
    let draft = from_nothing(&["image", "claim", "save"]);
    let eva = Event { by: Some("eva".into()), to: Some("eva".into()), ..Event::named("hand-over") };
    assert_eq!(DEPARTMENT.workflow.apply(&draft, &eva), Err(Refusal::Held { by: "ana".into() }));
    let given = go(&draft, &["hand-over"]).expect("by its holder");
    assert_eq!((given.holder.as_deref(), given.state.as_str()), (Some("eva"), "preliminary"));
    assert_eq!(go(&draft, &["release"]).expect("let go").state, "to-read");
}

#[test]
fn a_subspecialty_is_known_by_procedure_modality_or_words() {
    for (modality, code, description, wanted) in [
        ("CT", "TC-CRANEO-S", "", "neuro"),
        ("MG", "", "", "breast"),
        ("CT", "", "Tomografía de TÓRAX simple", "thorax"),
        ("MR", "", "RM de rodilla derecha", "musculoskeletal"),
        ("US", "", "Ultrasonido de hígado y vía biliar", "abdomen"),
        ("CR", "", "CHEST PA", "thorax"),
        ("OT", "?", "", "general"),
        ("CT", "", "Tomografía con medio de contraste", "general"),
    ] {
        assert_eq!(topic::of(modality, code, description), wanted, "{modality} {code} {description}");
    }
}

#[test]
fn the_templates_of_the_modality_come_first_and_the_others_after() {
    for (modality, first) in
        [("MG", "mg-birads"), ("MR", "mr-general"), ("CT\\SR", "ct-torax"), ("DX", "dx-torax")]
    {
        assert_eq!(fitting_first(DEPARTMENT.templates, modality)[0].id, first, "{modality}");
    }
    assert_eq!(fitting_first(DEPARTMENT.templates, "??").len(), DEPARTMENT.templates.len());
}

#[test]
fn a_screening_mammogram_is_signed_when_two_who_read_it_apart_agree() {
    let first = reads(&screening(), "ana", "1").expect("the first");
    assert_eq!((first.state.as_str(), first.signed, &first.holder), ("second", false, &None));
    assert_eq!(reads(&first, "ana", "1"), Err(Refusal::ReadBefore), "not twice by the same");
    assert_eq!(go(&first, &["claim"]), Err(Refusal::ReadBefore));
    let second = reads(&first, "eva", "2").expect("the second");
    assert_eq!((second.state.as_str(), second.signed), ("final", true), "1 and 2 ask for the same");
}

#[test]
fn two_readings_that_ask_for_different_things_are_decided_by_a_third_who_is_neither() {
    let first = reads(&screening(), "ana", "2").expect("the first");
    let differ = reads(&first, "eva", "4").expect("the second");
    assert_eq!((differ.state.as_str(), differ.signed), ("arbitration", false));
    for who in ["ana", "eva"] {
        assert_eq!(reads(&differ, who, "4"), Err(Refusal::ReadBefore), "{who}");
    }
    assert_eq!(reads(&differ, "rita", ""), Err(Refusal::AssessmentMissing));
    let claimed = DEPARTMENT.workflow.apply(&differ, &by("rita", "claim")).expect("hers").0;
    let back = DEPARTMENT.workflow.apply(&claimed, &by("rita", "release")).expect("let go").0;
    assert_eq!(back.state, "arbitration", "it waits for what it waited for before");
    assert_eq!(reads(&claimed, "rita", "4").expect("decided").state, "final");
}

#[test]
fn a_reading_of_two_says_what_it_comes_to() {
    for wrong in ["", "7", "benigno"] {
        assert_eq!(reads(&screening(), "ana", wrong), Err(Refusal::AssessmentMissing), "{wrong}");
    }
}

#[test]
fn a_resident_s_report_waits_until_somebody_who_signs_has_signed_it() {
    let resident = |at: &Standing, name: &'static str| {
        let event = Event { is_trainee: true, reason: REASON.to_owned(), ..by("leo", name) };
        DEPARTMENT.workflow.apply(at, &event)
    };
    let imaged = from_nothing(&["image"]);
    let written = resident(&resident(&imaged, "claim").expect("claimed").0, "sign").expect("written");
    assert!(written.1.iter().all(|e| *e != badiano_record::workflow::Effect::Tell), "nobody is told yet");
    let written = written.0;
    assert_eq!((written.state.as_str(), written.signed), ("cosign", false));
    assert_eq!(resident(&written, "excuse"), Err(Refusal::NotTheirs));
    assert_eq!(go(&written, &["claim", "release"]).expect("looked at").state, "cosign");
    let signed = go(&written, &["claim", "sign"]).expect("signed by another");
    assert_eq!((signed.state.as_str(), signed.drafted_by.as_deref()), ("final", Some("leo")));
    assert_eq!(resident(&signed, "amend"), Err(Refusal::NotTheirs));
    assert_eq!(resident(&screening(), "sign"), Err(Refusal::NotTheirs), "two readings are by two who sign");
}

#[test]
fn screening_is_read_by_two_and_a_diagnostic_mammogram_by_one() {
    for (modality, code, description, twice) in [
        ("MG", "MG-TAMIZAJE", "", true),
        ("MG", "", "Mastografía de tamizaje bilateral", true),
        ("MG", "", "MAMMOGRAPHY SCREENING", true),
        ("MG", "MG-DIAGNOSTICA", "Mastografía diagnóstica", false),
        ("CT", "", "Tamizaje de pulmón", false),
    ] {
        assert_eq!(
            topic::is_screening_of_breasts(modality, code, description),
            twice,
            "{modality} {description}"
        );
    }
}

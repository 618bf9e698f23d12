//! Radiology's own stories: late images, cancelled orders, waivers, templates and subspecialties.

use super::{DEPARTMENT, topic};
use crate::template::fitting_first;
use badiano_record::workflow::{Event, Refusal, Standing};

const REASON: &str = "las imágenes no cambian el diagnóstico";

fn go(from: &Standing, names: &[&'static str]) -> Result<Standing, Refusal> {
    let mut at = from.clone();
    for name in names {
        let event = Event { name, by: Some("ana".into()), to: Some("eva".into()), reason: REASON.to_owned() };
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
    let silent = Event { by: Some("ana".into()), ..Event::named("excuse") };
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

//! What notes say, what they deny, and what only sounds like it.

use super::*;
use badiano_fhir::fhir;

fn classes(text: &str) -> Vec<DataClass> {
    let mut all: Vec<DataClass> = scan(text).into_iter().map(|(class, _)| class).collect();
    all.dedup();
    all
}

#[test]
fn notes_are_flagged_by_what_they_say_and_not_by_what_they_deny() {
    use DataClass::{Hiv, MentalHealth, Reproduction, Violence};
    let cases: &[(&str, &[DataClass])] = &[
        ("Paciente con VIH en tratamiento", &[Hiv]),
        ("PVVIH; Dx: V.I.H.", &[]),
        ("Se solicita ELISA para VIH", &[Hiv]),
        ("Prueba rápida de VIH: negativa", &[Hiv]),
        ("Niega VIH, diabetes e hipertensión", &[]),
        ("Niega diabetes. VIH desde 2015", &[Hiv]),
        ("No niega VIH", &[Hiv]),
        ("Niega alergias pero refiere depresión desde hace un año", &[MentalHealth]),
        ("Antecedentes interrogados y negados: depresión", &[MentalHealth]),
        ("Sin antecedentes de depresión ni ansiedad", &[]),
        ("Sin tratamiento para la depresión", &[MentalHealth]),
        ("No refiere ideación suicida", &[]),
        ("IDEACIÓN SUICIDA ACTIVA", &[MentalHealth]),
        ("Depresión respiratoria por opioides", &[]),
        ("Depresión del segmento ST en cara inferior", &[]),
        ("Hemostasia con cauterio bipolar", &[]),
        ("Trastorno bipolar tipo I", &[MentalHealth]),
        ("En manejo por psiquiatría con sertralina 50 mg", &[MentalHealth]),
        ("G3 P1 A1, un aborto en 2019", &[Reproduction]),
        ("Método: DIU de cobre; anticonceptivos orales previos", &[Reproduction]),
        ("Niega uso de anticonceptivos", &[]),
        ("Golpeada por su pareja; violencia familiar", &[Violence]),
        ("Violación de derechos laborales", &[]),
        ("Sin datos de violencia", &[]),
        ("Tórax sin alteraciones. Glucosa 90 mg/dL", &[]),
        ("", &[]),
        ("ñ é 漢字 vi", &[]),
    ];
    for (text, wanted) in cases {
        assert_eq!(classes(text), *wanted, "{text}");
    }
}

#[test]
fn every_text_of_a_resource_is_read_and_names_of_people_are_not() {
    let note = fhir!({
        "resourceType": "Observation",
        "code": { "text": "nota" },
        "note": [{ "text": "Ideación suicida" }],
        "performer": [{ "display": "Dra. Violeta Legrado" }]
    });
    let classes: Vec<DataClass> = flags_of(&note).into_iter().map(|f| f.class).collect();
    assert_eq!(classes, [DataClass::MentalHealth, DataClass::Reproduction], "a display may be anything");
    let narrative = fhir!({
        "resourceType": "Condition",
        "text": { "status": "generated", "div": "<div xmlns=\"x\"><p>Dx: <b>VIH</b></p></div>" }
    });
    assert_eq!(classes_in(&narrative), DataClass::Hiv.bit());
    let document = fhir!({
        "resourceType": "DocumentReference",
        "content": [{ "attachment": { "contentType": "text/plain", "data": (BASE64.encode("Carga viral de VIH")) } }]
    });
    assert_eq!(classes_in(&document), DataClass::Hiv.bit());
    let person = fhir!({ "resourceType": "Patient", "name": [{ "text": "Violencia Sida Legrado" }] });
    assert_eq!(classes_in(&person), 0);
    let other =
        fhir!({ "resourceType": "Observation", "name": { "text": "Legrado" }, "code": { "text": "x" } });
    assert_eq!(classes_in(&other), 0);
}

#[test]
fn what_was_cleared_is_no_flag_until_the_text_changes() {
    let plain = fhir!({ "resourceType": "Observation", "valueString": "Plaza Sida, bipolar" });
    let flags = flags_of(&plain);
    assert_eq!(flags.len(), 2);
    let tag = |f: &Flag| fhir!({ "system": CLEARED, "code": (f.class.code()), "version": (f.mark.as_str()) });
    let cleared = plain.clone().with("meta", fhir!({ "tag": [(tag(&flags[0]))] }));
    assert_eq!(classes_in(&cleared), flags[1].class.bit());
    let changed = cleared.with("valueString", "Vive con sida, bipolar");
    assert_eq!(classes_in(&changed), flags[0].class.bit() | flags[1].class.bit());
}

#[test]
fn accents_and_case_hide_no_word() {
    for text in ["VÍH", "DEPRESIÓN", "depresio\u{301}n", "Dépresión", "ABÓRTO", "(diu)", "x.sida", "VIH"]
    {
        assert!(may_tell(text) && !scan(text).is_empty(), "{text}");
    }
    for text in ["Torax sin alteraciones", "", "12 34", "vi", "sid", "á"] {
        assert!(!may_tell(text), "{text}");
    }
}

#[test]
fn every_line_of_the_table_is_folded_and_finds_itself() {
    for line in include_str!("../text_flags.csv").lines().skip(1) {
        let term = line.splitn(3, ',').nth(2).expect("three columns");
        assert_eq!(fold(term), term, "{line}");
        let sound = term.strip_suffix('*').map_or(term.to_owned(), |stem| format!("{stem}os"));
        let found = scan(&sound);
        assert_eq!(found.is_empty(), line.starts_with('-'), "{line}");
        assert!(found.iter().all(|(class, _)| line.starts_with(class.code())), "{line}: {found:?}");
    }
}

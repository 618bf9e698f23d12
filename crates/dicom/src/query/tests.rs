//! Questions and what answers them.

use super::*;
use crate::dataset::DataSet;
use crate::{VR, tags};

fn range(from: Option<&str>, to: Option<&str>) -> Condition {
    Condition::Range { from: from.map(str::to_owned), to: to.map(str::to_owned) }
}

fn single(text: &str) -> Condition {
    Condition::Single(text.into())
}

#[test]
fn an_identifier_becomes_conditions_and_returns() {
    let mut step = DataSet::new();
    step.set_text(tags::MODALITY, "CT");
    step.set_text(tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME, "");
    let mut set = DataSet::new();
    set.set_text(tags::QUERY_RETRIEVE_LEVEL, "STUDY");
    set.set_text(tags::STUDY_DATE, "20260101-20260131");
    set.set_text(tags::STUDY_TIME, "-1200");
    set.set_text(tags::PATIENT_NAME, "MUNOZ*");
    set.set_text(tags::PATIENT_ID, "");
    set.set_text(tags::STUDY_INSTANCE_UID, "1.2\\1.3");
    set.set_text(tags::ACCESSION_NUMBER, "*");
    set.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
    let (query, returns) = conditions_from_dataset(&set, Level::Study);
    assert_eq!(
        query.conditions,
        [
            (tags::STUDY_DATE, range(Some("20260101"), Some("20260131"))),
            (tags::STUDY_TIME, range(None, Some("1200"))),
            (tags::PATIENT_NAME, Condition::Wildcard("MUNOZ*".into())),
            (tags::STUDY_INSTANCE_UID, Condition::UidList(vec!["1.2".into(), "1.3".into()])),
            (tags::MODALITY, single("CT")),
        ]
    );
    assert_eq!(returns.len(), 7);
    assert!(returns.contains(&tags::PATIENT_ID) && !returns.contains(&tags::QUERY_RETRIEVE_LEVEL));
}

#[test]
fn qido_parameters_are_keywords_numbers_and_options() {
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let asked = pairs(&[
        ("00100010", "MUNOZ*"),
        ("StudyInstanceUID", "1.2,1.3"),
        ("RequestAttributesSequence.ScheduledProcedureStepID", "P1"),
        ("PatientID", ""),
        ("includefield", "StudyDescription,00081060"),
        ("limit", "25"),
        ("offset", "50"),
        ("fuzzymatching", "true"),
    ]);
    let (query, include) = parse_qido(&asked, Level::Study).expect("a good question");
    assert_eq!((query.limit, query.offset, query.fuzzy), (25, 50, true));
    assert_eq!(query.conditions[1].1, Condition::UidList(vec!["1.2".into(), "1.3".into()]));
    assert_eq!(query.conditions[2], (tags::SCHEDULED_PROCEDURE_STEP_ID, single("P1")));
    let Include::Tags(include) = include else { panic!("not all") };
    assert!(include.contains(&tags::STUDY_DESCRIPTION) && include.contains(&tags::PATIENT_ID));
    assert!(include.contains(&tags::REQUEST_ATTRIBUTES_SEQUENCE));
    let all = parse_qido(&pairs(&[("includefield", "all")]), Level::Series).expect("a good question");
    assert_eq!(all.1, Include::All);
    for bad in [("limit", "-1"), ("PatientNam", "x"), ("includefield", "Nothing"), ("fuzzymatching", "yes")] {
        let error = parse_qido(&pairs(&[bad]), Level::Study).expect_err("a bad question");
        assert!(!error.to_string().contains(bad.1), "{error}");
    }
}

#[test]
fn names_match_without_accents_or_case() {
    for (key, value, fits) in [
        ("MUNOZ*", "MUÑOZ^ANA", true),
        ("muñoz^ana", "MUÑOZ^ANA^^^", true),
        ("MUÑOZ", "MUÑOZ^ANA", false),
        ("*ana*", "MUÑOZ^ÁNA", true),
        ("MU?OZ^*", "MUÑOZ^ANA", true),
        ("山田*", "Yamada^Tarou=山田^太郎", true),
        ("Yamada*=山田*", "Yamada^Tarou=山田^太郎", true),
        ("Yamada*=佐藤*", "Yamada^Tarou=山田^太郎", false),
    ] {
        let condition = condition(VR::PN, key).expect("a condition");
        assert_eq!(matches(&condition, VR::PN, value, false), fits, "{key} against {value}");
    }
    assert!(matches(&single("ana mun"), VR::PN, "MUÑOZ LÓPEZ^ANA", true));
    assert!(!matches(&single("ana gar"), VR::PN, "MUÑOZ LÓPEZ^ANA", true));
}

#[test]
fn dates_and_times_match_by_their_span() {
    for (vr, key, value, fits) in [
        (VR::DA, "20260101-20260131", "20260131", true),
        (VR::DA, "20260101-", "20251231", false),
        (VR::DA, "-20260101", "2026.01.01", true),
        (VR::DA, "20260102", "20260102", true),
        (VR::TM, "10-12", "125959.5", true),
        (VR::TM, "1000-1200", "120100", false),
        (VR::TM, "102030", "102030.000", true),
        (VR::DT, "202601-202602", "20260228235959", true),
        (VR::DT, "20260101000000-0600", "20260101060000+0000", true),
        (VR::DT, "20260101000000-0600-20260102000000-0600", "20260101180000-0600", true),
        (VR::DA, "20260101-20260131", "", false),
        (VR::DA, "20260101-20260131", "rubbish", false),
    ] {
        let condition = condition(vr, key).expect("a condition");
        assert_eq!(matches(&condition, vr, value, false), fits, "{key} against {value}");
    }
}

#[test]
fn other_values_match_as_the_standard_says() {
    assert!(matches(&single("CT"), VR::CS, "MR\\CT", false));
    assert!(!matches(&single("ct"), VR::CS, "CT", false));
    assert!(matches(&single("1"), VR::IS, "01", false));
    assert!(matches(&Condition::UidList(vec!["1.2".into()]), VR::UI, "1.2", false));
    assert!(matches(&Condition::Wildcard("*TORAX*".into()), VR::LO, "TC de tórax simple", true));
    assert!(!matches(&Condition::Wildcard("*TORAX*".into()), VR::LO, "TC de tórax simple", false));
    assert!(!matches(&Condition::Wildcard("?".into()), VR::LO, "", false));
    assert_eq!(condition(VR::UI, "1.2*"), Some(single("1.2*")));
}

#[test]
fn a_hostile_pattern_takes_no_time() {
    let pattern = Condition::Wildcard("*a".repeat(500) + "b");
    assert!(!matches(&pattern, VR::LO, &"a".repeat(5_000), false));
}

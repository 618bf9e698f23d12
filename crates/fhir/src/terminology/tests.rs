//! Small code systems, value sets and maps, asked in every way that FHIR R4 names (terminology-service.html).

use super::*;
use crate::json;

const PARTS: &str = r#"{"resourceType":"CodeSystem","url":"http://ejemplo.mx/partes","version":"1.0","name":"Partes","status":"active",
"content":"complete","caseSensitive":true,"valueSet":"http://ejemplo.mx/partes/todas","property":[{"code":"lado","type":"code"},{"code":"notSelectable","type":"boolean"}],
"concept":[{"code":"cuerpo","display":"Body","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[
{"code":"brazo","display":"Arm","designation":[{"language":"es-MX","value":"Brazo"}],"concept":[
{"code":"mano","display":"Hand","definition":"The end of the arm","designation":[{"language":"es-MX","value":"Mano"}],"property":[{"code":"lado","valueCode":"ambos"}]}]},
{"code":"ojo","display":"Eye","designation":[{"language":"es","value":"Ojo"}],"property":[{"code":"lado","valueCode":"ambos"}]},
{"code":"cola","display":"Tail","property":[{"code":"status","valueCode":"retired"}]}]}]}"#;

fn terminology(more: &[&str]) -> Terminology {
    let mut known = Terminology::new();
    for text in [PARTS].iter().chain(more) {
        assert!(known.add(Arc::new(json::parse(text.as_bytes()).expect("JSON"))));
    }
    known
}

fn set(compose: &str) -> Arc<ValueSet> {
    let text = format!(
        r#"{{"resourceType":"ValueSet","url":"http://ejemplo.mx/vs","status":"active","compose":{compose}}}"#
    );
    Arc::new(ValueSet::of(&json::parse(text.as_bytes()).expect("JSON")).expect("a value set"))
}

fn codes(known: &Terminology, compose: &str, ask: &Expand) -> Vec<String> {
    let expansion = known.expand(&set(compose), ask).expect("can be expanded");
    expansion.items.into_iter().map(|i| i.code).collect()
}

fn asked(pairs: &[(&str, &str)]) -> Asked {
    let pairs: Vec<(String, String)> =
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Asked::new(Value::Null, &pairs)
}

fn parameter<'v>(answer: &'v Value, name: &str) -> &'v Value {
    let found = answer["parameter"].items().iter().find(|p| p.str_of("name") == name);
    found
        .and_then(|p| p.as_object()?.iter().find(|(k, _)| k.starts_with("value")).map(|(_, v)| v))
        .unwrap_or(&Value::Null)
}

#[test]
fn every_filter_gives_the_codes_that_the_standard_says() {
    let known = terminology(&[]);
    let filter = |property: &str, op: &str, value: &str| {
        let compose = format!(
            r#"{{"include":[{{"system":"http://ejemplo.mx/partes","filter":[{{"property":"{property}","op":"{op}","value":"{value}"}}]}}]}}"#
        );
        let found = codes(&known, &compose, &Expand::default());
        let one_by_one: Vec<String> = ["cuerpo", "brazo", "mano", "ojo", "cola"]
            .into_iter()
            .filter(|code| known.has(&set(&compose), Some("http://ejemplo.mx/partes"), code) == Some(true))
            .map(str::to_owned)
            .collect();
        assert_eq!(found, one_by_one, "{op}: spelled out and asked one by one");
        found
    };
    assert_eq!(filter("concept", "is-a", "brazo"), ["brazo", "mano"]);
    assert_eq!(filter("concept", "descendent-of", "cuerpo"), ["brazo", "mano", "ojo", "cola"]);
    assert_eq!(filter("concept", "is-not-a", "brazo"), ["cuerpo", "ojo", "cola"]);
    assert_eq!(filter("concept", "generalizes", "mano"), ["cuerpo", "brazo", "mano"]);
    assert_eq!(filter("parent", "=", "cuerpo"), ["brazo", "ojo", "cola"]);
    assert_eq!(filter("lado", "=", "ambos"), ["mano", "ojo"]);
    assert_eq!(filter("lado", "exists", "false"), ["cuerpo", "brazo", "cola"]);
    assert_eq!(filter("code", "in", "ojo, mano"), ["mano", "ojo"]);
    assert_eq!(filter("code", "not-in", "ojo,mano"), ["cuerpo", "brazo", "cola"]);
    assert_eq!(filter("code", "regex", "[cm].*o"), ["cuerpo", "mano"]);
    assert_eq!(filter("constraint", "=", "<< brazo OR ojo"), ["brazo", "mano", "ojo"]);
    assert_eq!(filter("constraint", "=", "(< cuerpo |el cuerpo|) MINUS (<< brazo)"), ["ojo", "cola"]);
    assert_eq!(filter("constraint", "=", "<! cuerpo AND >! mano"), ["brazo"]);
}

#[test]
fn a_filter_that_cannot_be_is_refused() {
    let known = terminology(&[]);
    let expand = |filter: &str| {
        let compose =
            format!(r#"{{"include":[{{"system":"http://ejemplo.mx/partes","filter":[{filter}]}}]}}"#);
        let text = format!(r#"{{"resourceType":"ValueSet","compose":{compose}}}"#);
        ValueSet::of(&json::parse(text.as_bytes()).expect("JSON"))
            .and_then(|set| known.expand(&Arc::new(set), &Expand::default()))
            .expect_err("refused")
            .kind
    };
    use badiano_kernel::FaultKind as K;
    assert_eq!(expand(r#"{"property":"concept","op":"is-a","value":"nariz"}"#), K::Invalid);
    assert_eq!(expand(r#"{"property":"color","op":"=","value":"azul"}"#), K::Invalid);
    assert_eq!(expand(r#"{"property":"code","op":"regex","value":"("}"#), K::Invalid);
    assert_eq!(expand(r#"{"property":"code","op":"regex","value":"(((a{1000}){1000}){1000})"}"#), K::Invalid);
    assert_eq!(expand(r#"{"property":"concept","op":"sounds-like","value":"x"}"#), K::NotSupported);
    assert_eq!(expand(r#"{"property":"constraint","op":"=","value":"< 1 : 2 = 3"}"#), K::NotSupported);
}

#[test]
fn sets_of_sets_are_united_cut_and_taken_away() {
    let arms = r#"{"resourceType":"ValueSet","url":"http://ejemplo.mx/brazos","version":"2","status":"active","compose":{"include":[{"system":"http://ejemplo.mx/partes","filter":[{"property":"concept","op":"is-a","value":"brazo"}]}]}}"#;
    let known = terminology(&[arms]);
    let all = |compose: &str| codes(&known, compose, &Expand::default());
    assert_eq!(all(r#"{"include":[{"valueSet":["http://ejemplo.mx/brazos|2"]}]}"#), ["brazo", "mano"]);
    assert_eq!(
        all(
            r#"{"include":[{"system":"http://ejemplo.mx/partes","concept":[{"code":"ojo"},{"code":"mano"},{"code":"nariz"}]},{"valueSet":["http://ejemplo.mx/brazos"]}]}"#
        ),
        ["ojo", "mano", "brazo"],
        "each code once, in the order of the parts; a code that its system does not have is none"
    );
    let both = r#"{"include":[{"system":"http://ejemplo.mx/partes","filter":[{"property":"lado","op":"=","value":"ambos"}],"valueSet":["http://ejemplo.mx/brazos"]}]}"#;
    assert_eq!(all(both), ["mano"]);
    let without = r#"{"include":[{"system":"http://ejemplo.mx/partes"}],"exclude":[{"valueSet":["http://ejemplo.mx/brazos"]},{"system":"http://ejemplo.mx/partes","concept":[{"code":"cuerpo"}]}]}"#;
    assert_eq!(all(without), ["ojo", "cola"]);
    assert_eq!(known.has(&set(without), None, "mano"), Some(false));
    assert_eq!(known.has(&set(without), None, "ojo"), Some(true));
    let inactive = r#"{"inactive":false,"include":[{"system":"http://ejemplo.mx/partes"}]}"#;
    assert!(!all(inactive).contains(&"cola".to_owned()));
    let unknown =
        known.expand(&set(r#"{"include":[{"valueSet":["http://ejemplo.mx/no"]}]}"#), &Expand::default());
    assert_eq!(unknown.expect_err("is not known").kind, badiano_kernel::FaultKind::NotFound);
    assert_eq!(
        known.contains("http://ejemplo.mx/partes/todas", None, "ojo"),
        Some(true),
        "all codes of a system"
    );
}

#[test]
fn a_page_has_the_codes_that_the_words_find_in_the_language_that_is_asked_for() {
    let known = terminology(&[]);
    let ask = |filter: &str, count| Expand {
        filter: filter.to_owned(),
        count,
        languages: vec!["es-MX".into()],
        ..Expand::default()
    };
    let whole = set(r#"{"include":[{"system":"http://ejemplo.mx/partes"}]}"#);
    let found = known.expand(&whole, &ask("BRÁ", None)).expect("expands");
    assert_eq!((found.total, &*found.items[0].display), (1, "Brazo"));
    let first = known.expand(&whole, &ask("", Some(2))).expect("expands");
    assert_eq!((first.total, first.items.len()), (5, 2));
    assert!(first.items[0].is_abstract);
    let none = known.expand(&whole, &ask("", Some(0))).expect("expands");
    assert_eq!((none.total, none.items.len()), (5, 0));
    let last = known.expand(&whole, &Expand { offset: 4, ..ask("", None) }).expect("expands");
    assert_eq!((last.items[0].code.as_str(), last.items[0].is_inactive), ("cola", true));
    let active = known.expand(&whole, &Expand { active_only: true, without_abstract: true, ..ask("", None) });
    assert_eq!(active.expect("expands").total, 3);
}

#[test]
fn a_look_up_tells_names_designations_and_neighbours() {
    let answer = terminology(&[]).lookup(&asked(&[
        ("system", "http://ejemplo.mx/partes"),
        ("code", "mano"),
        ("displayLanguage", "es"),
    ]));
    let answer = answer.expect("is known");
    assert_eq!(parameter(&answer, "name").as_str(), Some("Partes"));
    assert_eq!(parameter(&answer, "display").as_str(), Some("Mano"));
    let text = json::to_string(&answer);
    for told in
        [r#""valueCode":"brazo""#, r#""valueCode":"ambos""#, "The end of the arm", r#""valueCode":"es-MX""#]
    {
        assert!(text.contains(told), "{told} in {text}");
    }
    let unknown =
        terminology(&[]).lookup(&asked(&[("system", "http://ejemplo.mx/partes"), ("code", "nariz")]));
    assert_eq!(unknown.expect_err("no code").kind, badiano_kernel::FaultKind::NotFound);
}

#[test]
fn a_code_is_judged_with_its_display() {
    let known = terminology(&[]);
    let judge = |pairs: &[(&str, &str)]| {
        let mut all = vec![("url", "http://ejemplo.mx/partes/todas"), ("system", "http://ejemplo.mx/partes")];
        all.extend(pairs);
        let answer = known.validate_code_in_set(&asked(&all)).expect("is answered");
        (
            parameter(&answer, "result").as_bool() == Some(true),
            parameter(&answer, "display").as_str().map(str::to_owned),
        )
    };
    assert_eq!(judge(&[("code", "ojo"), ("display", "OJO")]), (true, Some("Eye".to_owned())));
    assert_eq!(judge(&[("code", "ojo"), ("display", "Nariz")]), (false, Some("Eye".to_owned())));
    assert_eq!(judge(&[("code", "nariz")]), (false, None));
    assert!(!judge(&[("code", "cuerpo"), ("abstract", "false")]).0);
    let in_system =
        known.validate_code_in_system(&asked(&[("url", "http://ejemplo.mx/partes"), ("code", "ojo")]));
    assert_eq!(parameter(&in_system.expect("is answered"), "result").as_bool(), Some(true));
    let away = known.validate_code_in_set(&asked(&[("url", "http://ejemplo.mx/no"), ("code", "ojo")]));
    assert_eq!(away.expect_err("is not known").kind, badiano_kernel::FaultKind::NotFound);
}

#[test]
fn codes_subsume_what_lies_below_them() {
    let known = terminology(&[]);
    let relation = |a: &str, b: &str| {
        let answer =
            known.subsumes(&asked(&[("system", "http://ejemplo.mx/partes"), ("codeA", a), ("codeB", b)]));
        parameter(&answer.expect("is answered"), "outcome").as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(relation("cuerpo", "mano"), "subsumes");
    assert_eq!(relation("mano", "cuerpo"), "subsumed-by");
    assert_eq!(relation("ojo", "ojo"), "equivalent");
    assert_eq!(relation("ojo", "mano"), "not-subsumed");
}

#[test]
fn a_code_is_translated_there_and_back_and_what_is_not_mapped_is_sent_on() {
    let map = r#"{"resourceType":"ConceptMap","url":"http://ejemplo.mx/mapa","status":"active","sourceUri":"http://ejemplo.mx/partes/todas","group":[
    {"source":"http://ejemplo.mx/partes","target":"http://ejemplo.mx/otro","unmapped":{"mode":"fixed","code":"X","display":"Otro"},
    "element":[{"code":"mano","target":[{"code":"M","display":"Manus","equivalence":"wider"}]}]}]}"#;
    let known = terminology(&[map]);
    let ask = |pairs: &[(&str, &str)]| {
        let mut all = vec![("url", "http://ejemplo.mx/mapa")];
        all.extend(pairs);
        json::to_string(&known.translate(&asked(&all)).expect("is answered"))
    };
    let there = ask(&[("system", "http://ejemplo.mx/partes"), ("code", "mano")]);
    assert!(
        there.contains(r#""valueBoolean":true"#)
            && there.contains(r#""code":"M""#)
            && there.contains("wider"),
        "{there}"
    );
    let back = ask(&[("system", "http://ejemplo.mx/otro"), ("code", "M"), ("reverse", "true")]);
    assert!(back.contains(r#""code":"mano""#) && back.contains("narrower"), "{back}");
    assert!(ask(&[("system", "http://ejemplo.mx/partes"), ("code", "ojo")]).contains(r#""code":"X""#));
    assert!(ask(&[("system", "http://nadie"), ("code", "ojo")]).contains(r#""valueBoolean":false"#));
}

#[test]
fn versions_stand_side_by_side_and_the_newest_answers() {
    let second = PARTS.replace(r#""version":"1.0""#, r#""version":"1.10""#).replace("\"ojo\"", "\"ojos\"");
    let third = PARTS.replace(r#""version":"1.0""#, r#""version":"1.9""#);
    let known = terminology(&[&second, &third]);
    assert_eq!(known.is_code("http://ejemplo.mx/partes", "", "ojos"), Some(true));
    assert_eq!(known.is_code("http://ejemplo.mx/partes", "1.0", "ojos"), Some(false));
    assert_eq!(known.is_code("http://ejemplo.mx/partes|1.9", "", "ojo"), Some(true));
    assert!(known.code_system("http://ejemplo.mx/partes", "3").is_none());
}

#[test]
fn a_supplement_gives_a_published_system_its_words_in_spanish() {
    let supplement = r#"{"resourceType":"CodeSystem","url":"http://ejemplo.mx/genero-es","status":"active","content":"supplement",
    "supplements":"http://hl7.org/fhir/administrative-gender","concept":[{"code":"female","designation":[{"language":"es-MX","value":"Mujer"}]}]}"#;
    let known = terminology(&[supplement]);
    let set = known.value_set("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1").expect("published");
    let ask = Expand { filter: "muj".into(), languages: vec!["es".into()], ..Expand::default() };
    let found = known.expand(&set, &ask).expect("expands");
    assert_eq!((found.total, &*found.items[0].code, &*found.items[0].display), (1, "female", "Mujer"));
}

#[test]
fn what_is_packed_is_the_same_when_it_is_opened_and_a_broken_file_is_refused() {
    let known = terminology(&[]);
    let system = known.code_system("http://ejemplo.mx/partes", "").expect("known");
    let packed = system.pack().expect("packs");
    assert_eq!(head(&packed).as_ref(), Some(system.about()));
    assert_eq!(unpack(&packed).as_ref(), Some(&*system));
    for at in (packed.len() / 2..packed.len()).step_by(7) {
        let mut broken = packed.clone();
        broken[at] ^= 0x55;
        let opened = unpack(&broken);
        assert!(
            opened.is_none_or(|opened| opened == *system),
            "byte {at} is another: refused, or it said nothing"
        );
        assert!(unpack(&packed[..at]).is_none(), "cut off at {at}");
    }
}

#[test]
fn everything_that_is_published_can_be_read() {
    let (mut systems, mut concepts, mut sets) = (0, 0, 0);
    for url in published::systems().keys() {
        let system = Terminology::new().code_system(url, "").unwrap_or_else(|| panic!("{url}"));
        systems += 1;
        concepts += system.len();
    }
    let known = Terminology::new();
    let mut refused = Vec::new();
    for url in published::sets().keys() {
        let set = known.value_set(url).unwrap_or_else(|| panic!("{url}"));
        sets += 1;
        if let Err(fault) = known.expand(&set, &Expand { count: Some(10), ..Expand::default() })
            && fault.kind == badiano_kernel::FaultKind::Invalid
        {
            refused.push(url.to_string());
        }
    }
    for url in published::maps().keys() {
        assert!(known.concept_map(url).is_some(), "{url}");
    }
    assert!(systems > 1_000 && concepts > 15_000 && sets > 1_000, "{systems} {concepts} {sets}");
    // It filters by a property that its code system does not have.
    assert_eq!(refused, ["http://hl7.org/fhir/ValueSet/example-filter"]);
}

#[test]
fn codes_of_grammars_and_of_systems_elsewhere_have_three_answers() {
    let known = Terminology::new();
    assert_eq!(
        known.contains(
            "http://hl7.org/fhir/ValueSet/ucum-units",
            Some("http://unitsofmeasure.org"),
            "mm[Hg]"
        ),
        Some(true)
    );
    assert_eq!(
        known.contains("http://hl7.org/fhir/ValueSet/ucum-units", Some("http://unitsofmeasure.org"), "mmHg"),
        Some(false)
    );
    assert_eq!(
        known.contains("http://hl7.org/fhir/ValueSet/body-site", Some("http://snomed.info/sct"), "91723000"),
        None
    );
    assert_eq!(
        known.contains("http://hl7.org/fhir/ValueSet/administrative-gender", None, "female"),
        Some(true)
    );
    assert_eq!(known.contains("http://nowhere.mx/vs", None, "female"), None);
}

//! XML and JSON say the same; hostile XML is refused.

use super::*;
use crate::json;
use crate::value::Value;

fn read(text: &str) -> Value {
    parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text:.200}"))
}

fn refused(text: &str) -> &'static str {
    match parse(text.as_bytes()) {
        Ok(value) => panic!("was read: {}", json::to_string(&value)),
        Err(error) => error.what,
    }
}

/// Resources in the order of the standard, so that even the order must come back.
const EXAMPLES: [&str; 5] = [
    r##"{"resourceType":"Patient","id":"p","meta":{"versionId":"1","lastUpdated":"2026-01-02T03:04:05.678-06:00"},
    "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"> <p title=\"a &amp; b\">Ñ &lt; o</p>\n<br/></div>"},
    "contained":[{"resourceType":"Organization","id":"o","name":"Uno"},{"resourceType":"Organization","id":"o2","name":"Dos"}],
    "extension":[{"id":"e","url":"http://x","extension":[{"url":"a","valueDecimal":1.50},{"url":"b","valueBoolean":false}]}],
    "modifierExtension":[{"url":"http://m","valueCode":"c"}],
    "active":true,
    "name":[{"id":"n","use":"official","family":"O\"Brien & <Núñez>","given":["Ana",null,"Eva"],"_given":[null,{"extension":[{"url":"http://x","valueString":"sin nombre"}]},{"id":"g"}]}],
    "gender":"female","birthDate":"1980-02-29","_birthDate":{"id":"b","extension":[{"url":"http://t","valueDateTime":"1980-02-29T10:00:00-06:00"}]},
    "deceasedBoolean":false,"address":[{"line":["a\nb\t c","  d"],"city":"Mérida"}],
    "managingOrganization":{"reference":"#o"}}"##,
    r#"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}],"text":"Peso"},
    "effectivePeriod":{"start":"2026","end":"2026-02"},"valueQuantity":{"value":70.50,"unit":"kg"},
    "component":[{"code":{"text":"x"},"valueInteger":-1},{"code":{"text":"y"},"valueSampledData":{"origin":{"value":0},"period":1e3,"dimensions":1,"data":"1 2 3"}}]}"#,
    r#"{"resourceType":"Bundle","type":"collection","entry":[{"link":[{"relation":"self","url":"http://x"}],"fullUrl":"http://x/Basic/1","resource":{"resourceType":"Basic","id":"1","code":{"text":"x"}}},
    {"resource":{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient?a=b&c=d"}}]}}]}"#,
    r#"{"resourceType":"Questionnaire","status":"draft","subjectType":["Patient"],"_subjectType":[{"id":"s"}],"item":[{"linkId":"1","type":"group","item":[{"linkId":"1.1","type":"boolean","initial":[{"valueBoolean":true}]}]}]}"#,
    r#"{"resourceType":"Patient","name":[{"_given":[{"extension":[{"url":"http://x","valueString":"y"}]},{"id":"z"}]}],"_gender":{"extension":[{"url":"http://x","valueCode":"unknown"}]}}"#,
];

#[test]
fn json_to_xml_to_json_is_the_same() {
    for text in EXAMPLES {
        let value = json::parse(text.as_bytes()).expect("JSON");
        let xml = to_string(&value).expect("printable");
        assert_eq!(json::to_string(&read(&xml)), json::to_string(&value), "{xml}");
        assert_eq!(to_string(&read(&xml)).expect("printable"), xml);
    }
}

#[test]
fn xml_has_the_form_of_the_standard() {
    let value = json::parse(EXAMPLES[4].as_bytes()).expect("JSON");
    assert_eq!(
        to_string(&value).expect("printable"),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Patient xmlns=\"http://hl7.org/fhir\"><name><given>\
         <extension url=\"http://x\"><valueString value=\"y\"/></extension></given><given id=\"z\"/></name><gender>\
         <extension url=\"http://x\"><valueCode value=\"unknown\"/></extension></gender></Patient>"
    );
    let unordered =
        json::parse(br#"{"gender":"male","active":true,"resourceType":"Patient","id":"a"}"#).expect("JSON");
    let xml = to_string(&unordered).expect("printable");
    assert!(
        xml.ends_with("<id value=\"a\"/><active value=\"true\"/><gender value=\"male\"/></Patient>"),
        "{xml}"
    );
}

#[test]
fn what_people_write_is_read() {
    let text = "\u{FEFF}<?xml version='1.0' encoding='utf-8'?>\n<?xml-stylesheet href='x'?><!-- a -->\n\
        <f:Patient xmlns:f='http://hl7.org/fhir' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='a b'>\
        <!-- b --><f:name><f:family value='a\nb&#x0A;&amp;&quot;'></f:family></f:name></f:Patient>";
    assert_eq!(json::to_string(&read(text)), r#"{"resourceType":"Patient","name":[{"family":"a b\n&\""}]}"#);
    let wrong_values = read(
        "<Patient xmlns='http://hl7.org/fhir'><active value='yes'/><multipleBirthInteger value='x'/></Patient>",
    );
    let issues = crate::validate::validate(&wrong_values);
    assert_eq!(issues.len(), 2, "left to the validator: {issues:?}");
}

#[test]
fn what_is_not_fhir_xml_is_refused_with_its_reason() {
    let patient = |inside: &str| format!("<Patient xmlns=\"http://hl7.org/fhir\">{inside}</Patient>");
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>";
    let cases = [
        (String::new(), "there is no element"),
        ("x".to_owned(), "text stands outside an attribute and a narrative"),
        (patient("")[..20].to_owned(), "not well-formed XML"),
        (patient("<name>"), "not well-formed XML"),
        ("<Patient xmlns=\"http://hl7.org/fhir\"><name>".to_owned(), "the text ends inside an element"),
        (format!("{0}{0}", patient("")), "something follows the resource"),
        ("<Patient/>".to_owned(), "the element is not in the namespace http://hl7.org/fhir"),
        (
            patient("<active xmlns=\"http://x\" value=\"true\"/>"),
            "the element is not in the namespace http://hl7.org/fhir",
        ),
        (
            "<Paciente xmlns=\"http://hl7.org/fhir\"/>".to_owned(),
            "the element does not name a resource type of R4",
        ),
        (patient("<nombre value=\"x\"/>"), "an unknown element"),
        (patient("<active valor=\"true\"/>"), "an unknown attribute"),
        (patient("<name value=\"x\"/>"), "an unknown attribute"),
        (patient("<extension url=\"a\" url=\"b\"/>"), "an attribute is not well formed or stands twice"),
        (
            patient("<gender value=\"male\"/><gender value=\"female\"/>"),
            "an element stands twice that may stand once",
        ),
        (patient("<gender/>"), "an element has no value, no id and no extension"),
        (patient("<gender value=\"&nada;\"/>"), "an attribute has an entity that XML does not define"),
        (patient("<gender value=\"&#0;\"/>"), "an attribute has an entity that XML does not define"),
        (patient("<gender value=\"&#1;\"/>"), "an attribute has a character that XML does not allow"),
        (patient("<gender value=\"<\"/>"), "'<' stands in an attribute"),
        (patient("texto"), "text stands outside an attribute and a narrative"),
        (patient("&amp;"), "an entity stands outside an attribute and a narrative"),
        (patient("<contained/>"), "a resource is expected in the element"),
        (patient("<contained></contained>"), "a resource is expected in the element"),
        (patient("<contained><Basic/><Basic/></contained>"), "more than one resource stands in the element"),
        (
            format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{}", patient("")),
            "the encoding must be UTF-8",
        ),
        (
            patient("<text><status value=\"generated\"/><div>x</div></text>"),
            "the narrative's div must declare xmlns=\"http://www.w3.org/1999/xhtml\" itself",
        ),
        (patient(&format!("<text>{}", &div[..div.len() - 6])), "the narrative does not end"),
    ];
    for (text, what) in cases {
        assert_eq!(refused(&text), what, "{text}");
    }
    let latin =
        [b"<Patient xmlns=\"http://hl7.org/fhir\">\n<name><text value=\"".as_slice(), b"\xD1\"/>"].concat();
    let error = parse(&latin).expect_err("Latin-1");
    assert_eq!((error.what, error.line, error.column), ("the text is not UTF-8", 2, 20));
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let billion = "<!DOCTYPE p [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]>\
        <Patient xmlns=\"http://hl7.org/fhir\"><gender value=\"&b;\"/></Patient>";
    assert_eq!(refused(billion), "a DTD is not allowed");
    let outside = "<!DOCTYPE p SYSTEM \"file:///etc/passwd\"><Patient xmlns=\"http://hl7.org/fhir\"/>";
    assert_eq!(refused(outside), "a DTD is not allowed");
    let deep = |n: usize| {
        let open = "<extension url=\"a\">".repeat(n);
        let close = "</extension>".repeat(n);
        format!("<Patient xmlns=\"http://hl7.org/fhir\">{open}<valueCode value=\"x\"/>{close}</Patient>")
    };
    read(&deep(90));
    assert_eq!(refused(&deep(200)), "nested deeper than 100 levels");
    assert_eq!(refused(&deep(70_000)), "nested deeper than 100 levels");
    let spaces: String = (0..100).map(|n| format!(" xmlns:a{n}=\"b\"")).collect();
    let many = format!("<Patient xmlns=\"http://hl7.org/fhir\"{spaces}/>");
    assert_eq!(refused(&many), "an element has more than 16 attributes");
    let spaces: String = (0..100_000).map(|n| format!(" xmlns:a{n}=\"b\"")).collect();
    assert_eq!(refused(&format!("<Patient xmlns=\"http://hl7.org/fhir\"{spaces}/>")), "not well-formed XML");
}

#[test]
fn a_value_that_xml_cannot_carry_is_not_printed() {
    let cases = [
        (r#"{"resourceType":"Nada"}"#, ""),
        (r#"{"resourceType":"Patient","nombre":"x"}"#, "Patient.nombre"),
        (r#"{"resourceType":"Patient","gender":"\u0001"}"#, "Patient.gender"),
        (r#"{"resourceType":"Patient","name":{"text":"x"}}"#, "Patient.name"),
        (r#"{"resourceType":"Patient","gender":null}"#, "Patient.gender"),
        (
            r#"{"resourceType":"Patient","text":{"status":"generated","div":"</text><evil/>"}}"#,
            "Narrative.div",
        ),
    ];
    for (text, place) in cases {
        let value = json::parse(text.as_bytes()).expect("JSON");
        assert_eq!(to_string(&value).expect_err(text).place, place, "{text}");
    }
}

#[test]
fn changed_bytes_never_panic_and_what_is_read_can_be_printed_or_is_told() {
    let seed = 0x5EED_u64;
    let mut state = seed;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut cases, mut read_back) = (0, 0);
    for text in EXAMPLES {
        let value = json::parse(text.as_bytes()).expect("JSON");
        let xml = to_string(&value).expect("printable").into_bytes();
        for _ in 0..2_000 {
            let mut changed = xml.clone();
            for _ in 0..=random(3) {
                if changed.is_empty() {
                    break;
                }
                let at = random(changed.len());
                match random(3) {
                    0 => changed[at] = b"<>\"&/ ='ax0"[random(11)],
                    1 => drop(changed.remove(at)),
                    _ => changed.truncate(at.max(1)),
                }
            }
            cases += 1;
            if let Ok(value) = parse(&changed) {
                read_back += 1;
                crate::validate::validate(&value);
                let _ = to_string(&value);
            }
        }
    }
    println!("seed {seed:#x}, {cases} cases, {read_back} read");
    assert!(cases == 10_000 && read_back > 0);
}

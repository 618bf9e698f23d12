//! FHIR's JSON and XML, narratives, FHIRPath, and the questions of a search.

use super::{Answer, Target, about};
use badiano_fhir::fhirpath::{Context, Expression};
use badiano_fhir::{Value, fhir, json, narrative, search, validate, xml};
use badiano_kernel::Instant;

const JSON_WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[",
    b"{\"a\":",
    b",",
    b":",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"null",
    b"true",
    b"1e999",
    b"-0.0",
    b"0.1000",
    b"\"resourceType\":\"Patient\",",
    b"\"extension\":[",
    b"\"contained\":[",
    b"\"_birthDate\":",
    b"\xef\xbb\xbf",
    b"\xff",
];
pub const JSON: Target =
    Target { name: "fhir_json", seeds: resources, words: JSON_WORDS, read: read_json, bytes_per_byte: 600 };

const XML_WORDS: &[&[u8]] = &[
    b"<",
    b"/>",
    b"<a>",
    b"</a>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<?xml version=\"1.0\"?>",
    b"<!DOCTYPE x [<!ENTITY a \"b\">]>",
    b"&a;",
    b"&#0;",
    b"&#x10ffff;",
    b"&amp;",
    b"xmlns=\"http://hl7.org/fhir\"",
    b" value=\"1\"",
    b"<Patient>",
    b"<contained>",
    b"<extension url=\"x\">",
    b"<div xmlns=\"http://www.w3.org/1999/xhtml\">",
];
pub const XML: Target = Target {
    name: "fhir_xml",
    seeds: resources_in_xml,
    words: XML_WORDS,
    read: read_xml,
    bytes_per_byte: 600,
};

pub const NARRATIVE: Target = Target {
    name: "fhir_narrative",
    seeds: narratives,
    words: XML_WORDS,
    read: read_narrative,
    bytes_per_byte: 64,
};

const PATH_WORDS: &[&[u8]] = &[
    b"(",
    b")",
    b"((",
    b".where(",
    b".select(",
    b".repeat(",
    b"$this",
    b"%resource",
    b" and ",
    b" or ",
    b" is ",
    b" | ",
    b"-",
    b"--",
    b".first()",
    b".matches('(a+)+$')",
    b".replace('', 'aaaa')",
    b"'\\u0041'",
    b"@2026-02-30T25:00",
    b"1 'mg'",
    b"9223372036854775807",
    b"{}",
    b"[0]",
    b".ofType(",
    b" div 0",
    b"iif(",
    b"descendants()",
    b".combine(",
    b"aggregate($total+1, 0)",
    b"children()",
    b"`",
    b"//",
    b"/*",
];
/// A pattern of a few letters may take a MiB compiled, which is its limit.
pub const FHIR_PATH: Target = Target {
    name: "fhirpath",
    seeds: expressions,
    words: PATH_WORDS,
    read: read_expression,
    bytes_per_byte: 32_768,
};

const SEARCH_WORDS: &[&[u8]] = &[
    b"&",
    b"=",
    b",",
    b"|",
    b"$",
    b":",
    b"\\,",
    b"name",
    b"_has:Observation:patient:code=",
    b"_has:",
    b":missing=true",
    b"_include=",
    b"_sort=-",
    b"_filter=",
    b" and ",
    b"(",
    b"not (",
    b"subject:Patient.",
    b"ge2026",
    b"1e9999",
    b"ap",
    b":exact",
    b"_count=",
    b"code-value-quantity=",
    b"_lastUpdated=",
];
pub const SEARCH: Target = Target {
    name: "fhir_search",
    seeds: questions,
    words: SEARCH_WORDS,
    read: read_question,
    bytes_per_byte: 1_024,
};

fn patient() -> Value {
    fhir!({
        "resourceType": "Patient", "id": "p1", "active": true, "gender": "female", "birthDate": "1956-04-27",
        "_birthDate": { "extension": [{ "url": "urn:x", "valueInteger": (3_usize) }] },
        "name": [{ "family": "Muñoz", "given": ["María", "de la Luz"], "use": "official" }],
        "identifier": [{ "system": "urn:curp", "value": "HEGG560427MVZRRL04" }],
        "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>María</p></div>" },
        "contact": [{ "telecom": [{ "system": "phone", "value": "5555", "period": { "start": "2020-01" } }] }]
    })
}

fn observation() -> Value {
    fhir!({
        "resourceType": "Observation", "id": "o1", "status": "final", "subject": { "reference": "Patient/p1" },
        "code": { "coding": [{ "system": "http://loinc.org", "code": "4548-4" }] },
        "effectiveDateTime": "2026-11-23T10:15:00-06:00",
        "valueQuantity": { "value": (7_usize), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" },
        "contained": [{ "resourceType": "Device", "id": "d" }]
    })
}

fn resources() -> Vec<Vec<u8>> {
    let bundle = fhir!({
        "resourceType": "Bundle", "type": "transaction",
        "entry": [{ "resource": (patient()), "request": { "method": "PUT", "url": "Patient/p1" } }, { "resource": (observation()) }]
    });
    [patient(), observation(), bundle].iter().map(|v| json::to_string(v).into_bytes()).collect()
}

fn resources_in_xml() -> Vec<Vec<u8>> {
    let print = |v: &Value| xml::to_string(v).expect("a sample can be written").into_bytes();
    [patient(), observation()].iter().map(print).collect()
}

fn narratives() -> Vec<Vec<u8>> {
    let html = "<div xmlns=\"http://www.w3.org/1999/xhtml\"><table><tr><td class=\"x\">1 &lt; 2 &#241;</td></tr></table>\
                <a href=\"#p\">x</a><img src=\"#i\" alt=\"\"/></div>";
    vec![html.as_bytes().to_vec(), b"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>".to_vec()]
}

fn expressions() -> Vec<Vec<u8>> {
    let all = [
        "Patient.name.where(use = 'official').given.first()",
        "name.given.select($this.upper() + 'x').join(',')",
        "birthDate <= @1956-04-27 and birthDate + 3 months < today()",
        "(1 | 2 | 3).aggregate($this + $total, 0) * 2.5 'mg' / 4",
        "descendants().where($this is string).count() > 3",
        "iif(active, contact.telecom.value.matches('^[0-9]+$'), {})",
        "identifier.where(system = 'urn:curp').value.substring(0, 4).lower() ~ 'hegg'",
        "repeat(children()).exists() implies %resource.id = 'p1'",
    ];
    all.map(|t| t.as_bytes().to_vec()).to_vec()
}

fn questions() -> Vec<Vec<u8>> {
    let all = [
        "Patient?name:exact=Muñoz&birthdate=ge1950&_sort=-birthdate&_count=20",
        "Observation?subject:Patient.name=mar&code=http://loinc.org|4548-4,|x&date=gt2026-01&_include=Observation:subject",
        "Observation?code-value-quantity=4548-4$gt6|http://unitsofmeasure.org|%&value-quantity=5.4|| &_total=accurate",
        "Patient?_has:Observation:patient:code=4548-4&active:missing=false&_id=a,b\\,c",
        "Observation?_filter=code eq http://loinc.org|4548-4 and (date ge 2026-01-01 or not (status eq \"final\"))&_revinclude=*",
        "ImagingStudy?patient.identifier=urn:curp|X&started=sa2026-11-01T10:00:00-06:00&_lastUpdated=lt2026",
    ];
    all.map(|t| t.as_bytes().to_vec()).to_vec()
}

fn read_json(input: &[u8]) -> Answer {
    let value = json::parse(input).map_err(|why| why.to_string())?;
    let text = json::to_string(&value);
    let again = json::parse(text.as_bytes()).expect("what was printed is read");
    assert!(again == value, "a value reads itself");
    let issues = validate::validate(&value);
    Ok(format!("{} {}", value.resource_type().len(), about(issues.len())))
}

fn read_xml(input: &[u8]) -> Answer {
    let value = xml::parse(input).map_err(|why| why.to_string())?;
    let Ok(text) = xml::to_string(&value) else { return Err("read and cannot be written".to_owned()) };
    let again = xml::parse(text.as_bytes()).expect("what was written is read");
    assert!(again == value, "a resource reads itself");
    Ok(format!("{} {}", value.resource_type(), about(text.len())))
}

fn read_narrative(input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input);
    narrative::check(&text).map(|()| about(text.len())).map_err(|why| why.en.to_owned())
}

fn read_expression(input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input);
    let expression = Expression::parse(&text).map_err(|why| why.to_string())?;
    let patient = patient();
    let found = expression.evaluate(&Context::new(&patient, Instant::from_seconds(1_795_400_000)));
    Ok(found.map_or_else(|why| why.to_string(), |items| about(items.len())))
}

/// `Type?name=value&name=value`, as it is after percent-decoding.
fn read_question(input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input);
    let (kind, rest) = text.split_once('?').unwrap_or((&text, ""));
    let pairs: Vec<(String, String)> = rest
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let parsed = search::parse(kind, &pairs, false, "America/Mexico_City").map_err(|why| why.to_string())?;
    let patient = patient();
    let others = search::Others {
        resolve: &|kind, id| (kind == "Patient" && id == "p1").then_some(&patient),
        of_type: &|kind| if kind == "Patient" { vec![&patient] } else { Vec::new() },
        terminology: None,
    };
    let found = search::matches(&observation(), &parsed.query.filters, "UTC", &others).is_ok();
    Ok(format!("{} {} {found}", about(parsed.query.filters.len()), about(parsed.unknown.len())))
}

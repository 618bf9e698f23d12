//! Patches on small resources, after the examples' own rules.

use super::Patch;
use crate::value::Value;

fn json(text: &str) -> Value {
    crate::json::parse(text.as_bytes()).expect("a test value")
}

fn patient() -> Value {
    json(
        r#"{"resourceType":"Patient","id":"p","active":true,"birthDate":"1980","_birthDate":{"id":"b"},
        "name":[{"family":"Ruiz","given":["Ana","Eva"]},{"family":"Lara"}],"deceasedBoolean":false,
        "maritalStatus":{"text":"x"}}"#,
    )
}

fn applied(patch: &str) -> Result<Value, badiano_kernel::Fault> {
    Patch::read(json(patch)).expect("a patch").apply(&patient())
}

/// A FHIRPath Patch of one operation, its parts in short form: `path=Patient.name`, `value:String=x`.
fn fhirpath(parts: &[&str]) -> Result<Value, badiano_kernel::Fault> {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| {
            let (name, value) = part.split_once('=').expect("name=value");
            let (name, of) = name.split_once(':').unwrap_or((name, "String"));
            let value = if matches!(of, "String" | "Code" | "DateTime" | "Date") {
                format!("\"{value}\"")
            } else {
                value.to_owned()
            };
            if of == "part" {
                format!(r#"{{"name":"{name}","part":{value}}}"#)
            } else {
                format!(r#"{{"name":"{name}","value{of}":{value}}}"#)
            }
        })
        .collect();
    applied(&format!(
        r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[{}]}}]}}"#,
        parts.join(",")
    ))
}

#[test]
fn json_patch_does_the_six_operations_all_or_nothing() {
    let after = applied(
        r#"[{"op":"test","path":"/active","value":true},{"op":"replace","path":"/active","value":false},
        {"op":"add","path":"/name/0/given/-","value":"Luz"},{"op":"remove","path":"/name/1"},
        {"op":"copy","from":"/name/0/given/0","path":"/name/0/given/0"},{"op":"move","from":"/maritalStatus","path":"/x~1y"}]"#,
    )
    .expect("it fits");
    assert_eq!(after["active"], Value::Bool(false));
    assert_eq!(after["name"].items().len(), 1);
    assert_eq!(after["name"][0]["given"], json(r#"["Ana","Ana","Eva","Luz"]"#));
    assert_eq!(after["x/y"].str_of("text"), "x");
    for wrong in [
        r#"[{"op":"test","path":"/active","value":false}]"#,
        r#"[{"op":"remove","path":"/nothing"}]"#,
        r#"[{"op":"add","path":"/name/7","value":1}]"#,
        r#"[{"op":"add","path":"/name/01","value":1}]"#,
        r#"[{"op":"replace","path":"/id","value":"q"}]"#,
        r#"[{"op":"move","from":"/name","path":"/name/0"}]"#,
        r#"[{"op":"frob","path":"/id"}]"#,
        r#"[{"op":"add","path":"active","value":1}]"#,
    ] {
        assert!(applied(wrong).is_err(), "{wrong}");
    }
    assert!(Patch::read(json("{}")).is_err());
}

#[test]
fn fhirpath_patch_finds_its_places_by_expressions() {
    let after = fhirpath(&["type=replace", "path=Patient.name.where(family = 'Lara').family", "value=Luna"]);
    assert_eq!(after.expect("found")["name"][1].str_of("family"), "Luna");
    let after = fhirpath(&["type=add", "path=Patient", "name=gender", "value:Code=male"]).expect("added");
    assert_eq!(after.str_of("gender"), "male");
    let after = fhirpath(&["type=add", "path=Patient.name[1]", "name=given", "value=Sol"]).expect("added");
    assert_eq!(after["name"][1]["given"], json(r#"["Sol"]"#));
    let after = fhirpath(&["type=delete", "path=Patient.birthDate"]).expect("deleted");
    assert!(after["birthDate"].is_null() && after["_birthDate"].is_null(), "with what stands beside it");
    assert_eq!(fhirpath(&["type=delete", "path=Patient.gender"]).expect("nothing to do"), patient());
    let after = fhirpath(&["type=insert", "path=Patient.name[0].given", "index:Integer=1", "value=Sol"]);
    assert_eq!(after.expect("inserted")["name"][0]["given"], json(r#"["Ana","Sol","Eva"]"#));
    let after = fhirpath(&["type=move", "path=Patient.name", "source:Integer=1", "destination:Integer=0"]);
    assert_eq!(after.expect("moved")["name"][0].str_of("family"), "Lara");
}

#[test]
fn fhirpath_patch_renames_a_choice_and_puts_backbones_together() {
    let after =
        fhirpath(&["type=replace", "path=Patient.deceased", "value:DateTime=2020"]).expect("replaced");
    assert!(after["deceasedBoolean"].is_null());
    assert_eq!(after.str_of("deceasedDateTime"), "2020");
    let parts = r#"[{"name":"relationship","valueCodeableConcept":{"text":"madre"}},{"name":"name","valueHumanName":{"family":"Paz"}}]"#;
    let contact = format!("value:part={parts}");
    let after = fhirpath(&["type=add", "path=Patient", "name=contact", &contact]).expect("added");
    assert_eq!(
        after["contact"],
        json(r#"[{"relationship":[{"text":"madre"}],"name":{"family":"Paz"}}]"#),
        "a list where the definition says list"
    );
}

#[test]
fn fhirpath_patch_refuses_what_is_ambiguous_absent_or_no_place() {
    for wrong in [
        &["type=replace", "path=Patient.name.family", "value=x"][..],
        &["type=replace", "path=Patient.gender", "value=x"],
        &["type=delete", "path=Patient.name"],
        &["type=delete", "path=Patient"],
        &["type=add", "path=Patient", "name=active", "value:Boolean=true"],
        &["type=add", "path=Patient", "name=nombre", "value=x"],
        &["type=replace", "path=Patient.name.count()", "value=x"],
        &["type=replace", "path=Patient.(", "value=x"],
        &["type=insert", "path=Patient.name", "index:Integer=9", "value:HumanName={}"],
        &["type=replace", "path=Patient.id", "value=q"],
        &["type=frob", "path=Patient.id"],
    ] {
        assert!(fhirpath(wrong).is_err(), "{wrong:?}");
    }
}

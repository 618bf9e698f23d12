//! Clinical documents as hospitals write them, read, written and read again (HL7 CDA R2, C-CDA, GIIS-A001).

use badiano_fhir::{Value, fhir, json, validate};
use badiano_hl7::cda::{Stamp, from_fhir, to_fhir};

const ZONE: &str = "America/Mexico_City";
const STAMP: Stamp<'_> = Stamp { now: "20261123100000-0600", id: "1f3c7d52-6a0e-4a3b-9a6e-0c5d4f3b2a19" };

/// A summary with one entry of each kind; `body` stands between its header and its end.
fn document(body: &str) -> String {
    format!(
        r##"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:sdtc="urn:hl7-org:sdtc">
<realmCode code="MX"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<templateId root="2.16.840.1.113883.3.215.11.1.1"/><id root="2.16.840.1.113883.3.215.99.1" extension="RC-77"/>
<code code="34133-9" codeSystem="2.16.840.1.113883.6.1" displayName="Resumen"/><title>Resumen clínico</title>
<effectiveTime value="20261122101500-0600"/><confidentialityCode code="N"/><languageCode code="es-MX"/>
<recordTarget><patientRole><id root="2.16.840.1.113883.4.629" extension="MUPA850312MDFXRN08"/>
<addr use="HP"><streetAddressLine>Av. Insurgentes 1</streetAddressLine><city>CDMX</city><country>MX</country></addr>
<telecom use="MC" value="tel:+525512345678"/><patient><name><given>ANA</given><family>MUÑOZ</family><family>PEÑA</family></name>
<administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="19850312"/></patient></patientRole></recordTarget>
<author><time value="20261122101500-0600"/><assignedAuthor><id root="2.16.840.1.113883.3.215.5" extension="99000002"/>
<assignedPerson><name><prefix>Dra.</prefix><given>LUZ</given><family>RÍOS</family></name></assignedPerson></assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization><id root="2.16.840.1.113883.3.215.6" extension="DFSSA000001"/><name>Hospital Norte</name></representedCustodianOrganization></assignedCustodian></custodian>
<componentOf><encompassingEncounter><id root="1.2.3" extension="V-1"/><effectiveTime><low value="20261120"/><high value="20261122"/></effectiveTime></encompassingEncounter></componentOf>
<component>{body}</component></ClinicalDocument>"##
    )
}

const BODY: &str = r##"<structuredBody>
<component><section><code code="48765-2" codeSystem="2.16.840.1.113883.6.1"/><title>Alergias</title>
<text><list><item ID="a1">Penicilina: urticaria</item></list></text>
<entry><act classCode="ACT" moodCode="EVN"><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
<id root="1.2.3.4" extension="AL-1"/><effectiveTime><low value="2010"/></effectiveTime><value xsi:type="CD" code="416098002" codeSystem="2.16.840.1.113883.6.96"/>
<participant typeCode="CSM"><participantRole><playingEntity><code code="70618" codeSystem="2.16.840.1.113883.6.88" displayName="Penicilina"/></playingEntity></participantRole></participant>
<entryRelationship typeCode="MFST"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.9"/>
<value xsi:type="CD" code="126485001" codeSystem="2.16.840.1.113883.6.96" displayName="Urticaria"/></observation></entryRelationship>
</observation></entryRelationship></act></entry></section></component>
<component><section><code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>Problemas</title><text>Hipertensión</text>
<entry><act classCode="ACT" moodCode="EVN"><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
<id root="1.2.3.4" extension="PR-1"/><effectiveTime><low value="20200115"/></effectiveTime><value xsi:type="CD" code="I10X" codeSystem="2.16.840.1.113883.6.3" displayName="Hipertensión"/></observation></entryRelationship></act></entry></section></component>
<component><section><code code="10160-0" codeSystem="2.16.840.1.113883.6.1"/><title>Medicamentos</title><text>Losartán</text>
<entry><substanceAdministration classCode="SBADM" moodCode="EVN"><id root="1.2.3.4" extension="ME-1"/><statusCode code="active"/>
<effectiveTime xsi:type="IVL_TS"><low value="20200116"/></effectiveTime><effectiveTime xsi:type="PIVL_TS" operator="A"><period value="12" unit="h"/></effectiveTime>
<routeCode code="PO" codeSystem="2.16.840.1.113883.5.112"/><doseQuantity value="50" unit="mg"/>
<consumable><manufacturedProduct><manufacturedMaterial><code code="979480" codeSystem="2.16.840.1.113883.6.88" displayName="Losartán 50 mg"/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry></section></component>
<component><section><code code="11369-6" codeSystem="2.16.840.1.113883.6.1"/><title>Vacunas</title><text>Influenza</text>
<entry><substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="false"><id root="1.2.3.4" extension="IM-1"/><statusCode code="completed"/><effectiveTime value="20261001"/>
<consumable><manufacturedProduct><manufacturedMaterial><code code="88" codeSystem="2.16.840.1.113883.12.292" displayName="Influenza"/><lotNumberText>L-9</lotNumberText></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry></section></component>
<component><section><code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/><title>Resultados</title><text>Glucosa 90</text>
<entry><organizer classCode="BATTERY" moodCode="EVN"><id root="1.2.3.4" extension="OR-1"/><code code="24323-8" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
<component><observation classCode="OBS" moodCode="EVN"><id root="1.2.3.4" extension="OB-1"/><code code="2345-7" codeSystem="2.16.840.1.113883.6.1" displayName="Glucosa"/><statusCode code="completed"/>
<effectiveTime value="20261121"/><value xsi:type="PQ" value="90.50" unit="mg/dL"/><interpretationCode code="N" codeSystem="2.16.840.1.113883.5.83"/>
<referenceRange><observationRange><value xsi:type="IVL_PQ"><low value="70" unit="mg/dL"/><high value="100" unit="mg/dL"/></value></observationRange></referenceRange></observation></component></organizer></entry></section></component>
<component><section><code code="47519-4" codeSystem="2.16.840.1.113883.6.1"/><title>Procedimientos</title><text>Apendicectomía</text>
<entry><procedure classCode="PROC" moodCode="EVN"><id root="1.2.3.4" extension="PC-1"/><code code="80146002" codeSystem="2.16.840.1.113883.6.96" displayName="Apendicectomía"/><statusCode code="completed"/><effectiveTime value="2015"/></procedure></entry></section></component>
<component><section><code code="10157-6" codeSystem="2.16.840.1.113883.6.1"/><title>Familiares</title><text>Padre: diabetes</text>
<entry><organizer classCode="CLUSTER" moodCode="EVN"><id root="1.2.3.4" extension="FA-1"/><statusCode code="completed"/><subject><relatedSubject classCode="PRS"><code code="FTH" codeSystem="2.16.840.1.113883.5.111"/></relatedSubject></subject>
<component><observation classCode="OBS" moodCode="EVN"><value xsi:type="CD" code="44054006" codeSystem="2.16.840.1.113883.6.96"/></observation></component></organizer></entry></section></component>
<component><section><code code="18776-5" codeSystem="2.16.840.1.113883.6.1"/><title>Plan</title><text>Ecografía</text>
<entry><observation classCode="OBS" moodCode="RQO"><id root="1.2.3.4" extension="PL-1"/><code code="16310003" codeSystem="2.16.840.1.113883.6.96" displayName="Ecografía"/><statusCode code="active"/></observation></entry></section></component>
<component><section><code nullFlavor="UNK"/><title>Otra cosa</title><text><paragraph>Solo palabras</paragraph></text></section></component>
</structuredBody>"##;

fn read(text: &str) -> Value {
    to_fhir(text.as_bytes(), ZONE).expect("a CDA document").bundle
}

fn all<'b>(bundle: &'b Value, kind: &str) -> Vec<&'b Value> {
    bundle["entry"].items().iter().map(|e| &e["resource"]).filter(|r| r.resource_type() == kind).collect()
}

fn assert_valid(bundle: &Value, what: &str) {
    let errors: Vec<String> = validate::validate(bundle)
        .iter()
        .filter(|i| i.is_error())
        .map(|i| format!("{}: {}", i.expression, i.text_en))
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}\n{}", json::to_string_pretty(bundle));
}

#[test]
fn a_summary_gives_its_patient_and_each_kind_of_entry() {
    let bundle = read(&document(BODY));
    assert_valid(&bundle, "summary");
    assert_eq!(bundle["identifier"].str_of("value"), "RC-77");
    assert_eq!(bundle["entry"][0]["resource"].resource_type(), "Composition");
    let patient = all(&bundle, "Patient")[0];
    assert_eq!(patient["identifier"][0].str_of("system"), "http://sistema.salud.gob.mx/curp");
    assert_eq!(patient["name"][0].str_of("family"), "MUÑOZ PEÑA");
    assert_eq!(patient["telecom"][0].str_of("use"), "mobile");
    let allergy = all(&bundle, "AllergyIntolerance")[0];
    assert_eq!(allergy["code"]["coding"][0].str_of("code"), "70618");
    assert_eq!(allergy["reaction"][0]["manifestation"][0]["coding"][0].str_of("display"), "Urticaria");
    assert_eq!((allergy.str_of("type"), allergy.str_of("onsetDateTime")), ("allergy", "2010"));
    let condition = all(&bundle, "Condition")[0];
    assert_eq!(condition["code"]["coding"][0].str_of("system"), "http://hl7.org/fhir/sid/icd-10");
    let medication = all(&bundle, "MedicationStatement")[0];
    assert_eq!(medication["dosage"][0]["timing"]["repeat"]["period"].as_number(), Some("12"));
    assert_eq!(medication["dosage"][0]["doseAndRate"][0]["doseQuantity"].str_of("code"), "mg");
    assert_eq!(all(&bundle, "Immunization")[0].str_of("lotNumber"), "L-9");
    let glucose = all(&bundle, "Observation")[0];
    assert_eq!(glucose["valueQuantity"]["value"].as_number(), Some("90.50"));
    assert_eq!(glucose["referenceRange"][0]["high"]["value"].as_number(), Some("100"));
    assert_eq!(all(&bundle, "DiagnosticReport")[0]["result"].items().len(), 1);
    assert_eq!(all(&bundle, "Procedure")[0].str_of("performedDateTime"), "2015");
    assert_eq!(all(&bundle, "FamilyMemberHistory")[0]["relationship"]["coding"][0].str_of("code"), "FTH");
    assert_eq!(all(&bundle, "ServiceRequest")[0].str_of("intent"), "order");
    assert_eq!(all(&bundle, "Encounter")[0]["period"].str_of("end"), "2026-11-22");
    let sections = all(&bundle, "Composition")[0]["section"].items();
    assert_eq!(sections.len(), 9);
    assert!(
        sections[8]["text"].str_of("div").contains("<p>Solo palabras</p>"),
        "words without a code are kept"
    );
    assert!(sections[0]["text"].str_of("div").contains("id=\"a1\""));
}

#[test]
fn what_is_written_is_read_as_the_same_document() {
    let first = read(&document(BODY));
    let written = from_fhir(&first, STAMP).expect("a document");
    let again = to_fhir(&written, ZONE).expect("a CDA document").bundle;
    assert_valid(&again, "read again");
    assert_eq!(from_fhir(&again, STAMP).as_ref(), Ok(&written), "written again");
    for kind in [
        "AllergyIntolerance",
        "Condition",
        "MedicationStatement",
        "Immunization",
        "Observation",
        "Procedure",
        "Patient",
    ] {
        let numbers =
            |bundle: &Value| all(bundle, kind).iter().map(|r| r["identifier"].clone()).collect::<Vec<_>>();
        assert_eq!(numbers(&first), numbers(&again), "{kind}");
    }
}

#[test]
fn a_bundle_without_a_composition_becomes_a_summary_whose_empty_sections_deny_nothing() {
    let patient = fhir!({ "resourceType": "Patient", "name": [{ "family": "RÍOS", "given": ["LUZ"] }], "birthDate": "1990-01-02" });
    let weight = fhir!({ "resourceType": "Observation", "status": "final", "code": { "text": "Peso" },
        "category": [{ "coding": [{ "code": "vital-signs" }] }], "valueQuantity": { "value": 60_i64, "unit": "kg", "code": "kg" } });
    let bundle = fhir!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "fullUrl": "urn:uuid:1", "resource": patient }, { "fullUrl": "urn:uuid:2", "resource": weight }] });
    let written = String::from_utf8(from_fhir(&bundle, STAMP).expect("a document")).expect("UTF-8");
    assert!(
        written.contains("2.16.840.1.113883.3.215.11.1.1") && written.contains("<realmCode code=\"MX\"/>")
    );
    for required in ["48765-2", "11450-4", "10160-0"] {
        assert!(written.contains(required), "{required}");
    }
    assert!(
        written.contains("Sin información registrada") && !written.to_lowercase().contains("no conocidas")
    );
    let again = read(&written);
    assert_valid(&again, "summary of a collection");
    assert_eq!(all(&again, "Observation")[0]["valueQuantity"]["value"].as_number(), Some("60"));
    let nobody = fhir!({ "resourceType": "Bundle", "type": "collection" });
    assert!(from_fhir(&nobody, STAMP).is_err(), "a document is of a patient");
}

#[test]
fn a_scanned_document_is_its_file() {
    let body = r#"<nonXMLBody><text mediaType="application/pdf" representation="B64">JVBERi0x LjQK</text></nonXMLBody>"#;
    let bundle = read(&document(body));
    assert_valid(&bundle, "scan");
    let file = &all(&bundle, "DocumentReference")[0]["content"][0]["attachment"];
    assert_eq!((file.str_of("contentType"), file.str_of("data")), ("application/pdf", "JVBERi0xLjQK"));
    let again = to_fhir(&from_fhir(&bundle, STAMP).expect("a document"), ZONE).expect("CDA").bundle;
    assert_eq!(
        all(&again, "DocumentReference")[0]["content"][0]["attachment"].str_of("data"),
        "JVBERi0xLjQK"
    );
}

#[test]
fn a_denied_allergy_is_one_only_where_the_document_denies_it() {
    let body = BODY.replacen(
        "<observation classCode=\"OBS\" moodCode=\"EVN\">",
        "<observation classCode=\"OBS\" moodCode=\"EVN\" negationInd=\"true\">",
        1,
    );
    let bundle = read(&document(&body));
    let denied = all(&bundle, "AllergyIntolerance")[0]["verificationStatus"]["coding"][0].str_of("code");
    assert_eq!(denied, "refuted");
    let none = "<structuredBody><component><section><code code=\"48765-2\" codeSystem=\"2.16.840.1.113883.6.1\"/><text/></section></component></structuredBody>";
    let silent = read(&document(none));
    assert_valid(&silent, "silent");
    assert!(all(&silent, "AllergyIntolerance").is_empty(), "silence is no denial");
}

#[test]
fn what_is_no_document_is_refused() {
    for text in [
        "<a/>",
        "",
        "hola",
        "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><ClinicalDocument>&y;</ClinicalDocument>",
    ] {
        assert!(to_fhir(text.as_bytes(), ZONE).is_err(), "{text}");
    }
}

#[test]
fn cut_and_mutated_documents_are_read_or_refused_and_never_break() {
    let whole = document(BODY).into_bytes();
    let seed = 0x5EED_CDA0_2611;
    let mut numbers = crate::mutations::Numbers(seed);
    let mut read = 0;
    for _ in 0..400 {
        let bytes = crate::mutations::mutated(&mut numbers, &whole);
        if let Ok(document) = to_fhir(&bytes, ZONE) {
            read += 1;
            assert!(from_fhir(&document.bundle, STAMP).is_ok(), "what was read is written");
        }
    }
    println!("seed {seed:#x}: 400 documents, {read} read");
}

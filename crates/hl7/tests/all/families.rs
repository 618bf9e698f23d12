//! The families of messages beside registrations, orders and results, as senders write them (HL7 v2.5.1 chapters 3 to 10).

use crate::maps::{assert_valid, losses, mapped, message, one};
use badiano_fhir::Value;
use badiano_hl7::map::{Event, Mapped, Naming, Tables, map};
use badiano_hl7::message::Message;

const PID: &str = "PID|1||E-1001^^^HGN^MR||MUÑOZ^ANA||19850312|F\r";

pub const ADMISSION: &str = "EVN|A01|20261122100000|||U-7^LARA^EVA\r\
PID|1||E-1001^^^HGN^MR||MUÑOZ^ANA||19850312|F\r\
PD1|||Clínica 5^^C5|99000002^PEÑA^LUZ\r\
NK1|1|MUÑOZ^PEDRO|FTH^Father^HL70063|REFORMA 1^^CDMX|5512345678\r\
PV1|1|I|UCI^3^B^HGN||||99000002^PEÑA^LUZ|||||||||||V-78\r\
OBX|1|NM|8302-2^Talla^LN||172|cm^^UCUM|||||F\r\
AL1|1|DA|70618^Penicilina^RXNORM|SV|Urticaria\r\
DG1|1||I10X^Hipertensión^CIE10||20261122|A\r\
PR1|1||47.01^Apendicectomía^CIE9MC||20261122110000|||||||99000003^RÍOS^IVÁN\r\
GT1|1|G-5^^^HGN|MUÑOZ^PEDRO\r\
IN1|1|SP^Seguro Popular|IC-1|Aseguradora SA||||GR-9||||20260101|20261231|||||||||||||||||||||||POL-1\r";

pub const IMMUNIZATION: &str = "PID|1||E-1001^^^HGN^MR||MUÑOZ^ANA||19850312|F\r\
ORC|RE|P-1^HIS|F-1^HIS\r\
RXA|0|1|20261122||03^MMR^CVX|0.5|mL^mL^UCUM||00^Nueva^NIP001|99000002^PEÑA^LUZ|||||L-22|20271231|MSD^Merck^MVX|||CP|A\r\
RXR|SC^Subcutánea^HL70162|LA^Brazo izquierdo^HL70163\r\
OBX|1|CE|64994-7^Elegibilidad^LN|1|V01^No elegible^HL70064||||||F\r";

pub const PRESCRIPTION: &str = "PID|1||E-1001^^^HGN^MR||MUÑOZ^ANA||19850312|F\r\
ORC|NW|RX-1^HIS||G-1|||||20261122090000|||99000002^PEÑA^LUZ\r\
RXE||860975^Metformina 500 mg^RXNORM|500||mg^mg^UCUM|TAB^Tableta^HL70292|^Con alimentos||G|60|TAB|2\r\
TQ1|1||BID||||20261122|20261222\r\
RXR|PO^Oral^HL70162\r";

pub const SCHEDULE: &str = "SCH|CITA-1^HIS|CITA-9^RIS||||ROUTINE^Rutina^HL70276|CONTROL^Control^HL70276|NORMAL^Normal^HL70277|30|min^minutos^ISO+|^^^20261123090000^20261123093000|||||99000009^LARA^EVA|||||||||BOOKED\r\
PID|1||E-1001^^^HGN^MR||MUÑOZ^ANA||19850312|F\r\
RGS|1|A\r\
AIS|1|A|TC-TORAX^Tomografía^99HGN|20261123090000\r\
AIG|1|A|TC1^Tomógrafo 1^99HGN|EQ^Equipo^L\r\
AIL|1|A|RX^SALA1^^HGN\r\
AIP|1|A|99000002^PEÑA^LUZ|MED^Médico^L\r";

pub const DOCUMENT: &str = "PID|1||E-1001^^^HGN^MR||MUÑOZ^ANA||19850312|F\r\
TXA|1|CN|TX|20261122100000||20261122110000|||99000002^PEÑA^LUZ|||DOC-1^HIS|||||AU||AV\r\
OBX|1|TX|11488-4^Nota^LN||Paciente estable.||||||F\r\
OBX|2|TX|11488-4^Nota^LN||Alta mañana.||||||F\r";

fn all<'m>(mapped: &'m Mapped, kind: &str) -> Vec<&'m Value> {
    mapped
        .resources
        .iter()
        .chain(&mapped.aside)
        .map(|(_, r)| r)
        .filter(|r| r.resource_type() == kind)
        .collect()
}

#[test]
fn an_admission_tells_allergies_conditions_procedures_relatives_and_coverage() {
    let mapped = mapped(&message("ADT^A01", ADMISSION));
    assert_valid(&mapped, "ADT^A01");
    let allergy = one(&mapped, "AllergyIntolerance");
    assert_eq!(allergy["category"][0].as_str(), Some("medication"));
    assert_eq!(allergy.str_of("criticality"), "high");
    assert_eq!(allergy["reaction"][0]["manifestation"][0]["coding"][0].str_of("code"), "Urticaria");
    assert_eq!(allergy["patient"].str_of("reference"), mapped.resources[0].0);
    let condition = one(&mapped, "Condition");
    assert_eq!(condition["code"]["coding"][0].str_of("system"), "http://hl7.org/fhir/sid/icd-10");
    let visit = one(&mapped, "Encounter");
    assert_eq!(visit["diagnosis"][0]["use"]["coding"][0].str_of("code"), "AD");
    assert_eq!(visit["diagnosis"][0]["condition"].str_of("display"), "Hipertensión");
    let procedure = one(&mapped, "Procedure");
    assert_eq!(procedure["performer"][0]["actor"].str_of("display"), "IVÁN RÍOS");
    assert_eq!(all(&mapped, "RelatedPerson").len(), 2, "a next of kin and a guarantor");
    let patient = one(&mapped, "Patient");
    assert_eq!(patient["contact"][0]["telecom"][0].str_of("value"), "5512345678");
    let coverage = one(&mapped, "Coverage");
    assert_eq!(coverage.str_of("subscriberId"), "POL-1");
    assert_eq!(coverage["period"].str_of("end"), "2026-12-31");
    assert_eq!(coverage["payor"][0].str_of("display"), "Aseguradora SA");
    let height = one(&mapped, "Observation");
    assert_eq!(height["valueQuantity"].str_of("code"), "cm");
    let staff: Vec<&str> =
        all(&mapped, "Practitioner").iter().map(|p| p["name"][0].str_of("family")).collect();
    assert!(["PEÑA", "RÍOS", "LARA"].iter().all(|name| staff.contains(name)), "{staff:?}");
    let places: Vec<&str> = all(&mapped, "Location").iter().map(|p| p.str_of("name")).collect();
    assert_eq!(places, ["HGN", "UCI", "3", "B"]);
}

#[test]
fn the_same_fact_told_twice_is_one_resource_with_one_number() {
    let numbers = |control: &str| {
        let bytes = String::from_utf8(message("ADT^A08", ADMISSION)).expect("UTF-8").replace("C9", control);
        let mapped = mapped(bytes.as_bytes());
        ["AllergyIntolerance", "Condition", "Procedure"].map(|kind| one(&mapped, kind)["identifier"].clone())
    };
    assert_eq!(numbers("C1"), numbers("C2"));
}

#[test]
fn a_node_keeps_names_and_numbers_and_points_to_nothing_that_it_does_not_write() {
    let message = Message::parse(message("ADT^A01", ADMISSION)).expect("a message");
    let naming = Naming { whole: false, ..Naming::default() };
    let mapped = map(&message, &Tables::standard(), &naming).clinical();
    assert!(mapped.aside.is_empty());
    assert_valid(&mapped, "ADT^A01 for a node");
    let own: Vec<&String> = mapped.resources.iter().map(|(url, _)| url).collect();
    let printed: Vec<String> =
        mapped.resources.iter().map(|(_, r)| badiano_fhir::json::to_string(r)).collect();
    for text in &printed {
        let pointed = text.match_indices("\"reference\":\"").map(|(at, sign)| &text[at + sign.len()..]);
        for rest in pointed {
            let target = rest.split('"').next().unwrap_or("");
            assert!(own.iter().any(|url| *url == target), "{target} in {text}");
        }
    }
    assert_eq!(one(&mapped, "Encounter")["participant"][0]["individual"].str_of("display"), "LUZ PEÑA");
    assert!(losses(&mapped).contains(&"EVN-5"), "what a node does not keep is a loss: {:?}", losses(&mapped));
}

#[test]
fn a_vaccination_is_an_immunization_with_its_lot_and_what_was_observed() {
    let mapped = mapped(&message("VXU^V04^VXU_V04", IMMUNIZATION));
    assert_valid(&mapped, "VXU^V04");
    let given = one(&mapped, "Immunization");
    assert_eq!(given["vaccineCode"]["coding"][0].str_of("system"), "http://hl7.org/fhir/sid/cvx");
    assert_eq!(given["doseQuantity"]["value"].as_number(), Some("0.5"));
    assert_eq!((given.str_of("lotNumber"), given.str_of("status")), ("L-22", "completed"));
    assert_eq!(given["primarySource"].as_bool(), Some(true));
    assert_eq!(given["site"]["coding"][0].str_of("code"), "LA");
    assert_eq!(given["performer"][0]["actor"].str_of("display"), "LUZ PEÑA");
    assert_eq!(one(&mapped, "Observation")["valueCodeableConcept"]["coding"][0].str_of("code"), "V01");
    assert_eq!(losses(&mapped), ["ORC-1", "RXA-21"]);
}

#[test]
fn a_prescription_and_its_dispense_keep_dose_route_and_times() {
    let prescribed = mapped(&message("RDE^O11^RDE_O11", PRESCRIPTION));
    assert_valid(&prescribed, "RDE^O11");
    let request = one(&prescribed, "MedicationRequest");
    assert_eq!(request["medicationCodeableConcept"]["coding"][0].str_of("code"), "860975");
    let dosage = &request["dosageInstruction"][0];
    assert_eq!(dosage["doseAndRate"][0]["doseQuantity"].str_of("code"), "mg");
    assert_eq!(dosage["timing"]["repeat"]["frequency"].as_i64(), Some(2));
    assert_eq!(dosage["timing"]["repeat"]["boundsPeriod"].str_of("end"), "2026-12-22");
    assert_eq!(dosage["route"]["coding"][0].str_of("code"), "PO");
    assert_eq!(dosage.str_of("patientInstruction"), "Con alimentos");
    assert_eq!(request["dispenseRequest"]["numberOfRepeatsAllowed"].as_i64(), Some(2));
    let body = format!(
        "{PID}ORC|RE|RX-1^HIS|D-1^FAR\rRXD|1|860975^Metformina^RXNORM|20261122|60|TAB||RX-1||Entera|99000005^SOLÍS^EVA\r"
    );
    let dispensed = mapped(&message("RDS^O13", &body));
    assert_valid(&dispensed, "RDS^O13");
    let dispense = one(&dispensed, "MedicationDispense");
    assert_eq!(dispense["quantity"]["value"].as_number(), Some("60"));
    assert_eq!(dispense["performer"][0]["actor"].str_of("display"), "EVA SOLÍS");
}

#[test]
fn an_appointment_tells_who_where_with_what_and_the_event_its_status() {
    for (event, status) in
        [("S12", "booked"), ("S15", "cancelled"), ("S26", "noshow"), ("S17", "entered-in-error")]
    {
        let mapped = mapped(&message(&format!("SIU^{event}^SIU_S12"), SCHEDULE));
        assert_valid(&mapped, event);
        let appointment = one(&mapped, "Appointment");
        assert_eq!(appointment.str_of("status"), status, "{event}");
        assert_eq!(appointment.str_of("start"), "2026-11-23T09:00:00-06:00");
        assert_eq!(appointment["minutesDuration"].as_i64(), Some(30));
        assert_eq!(appointment["serviceType"][0]["coding"][0].str_of("code"), "TC-TORAX");
        let who: Vec<&str> =
            appointment["participant"].items().iter().map(|p| p["actor"].str_of("display")).collect();
        assert_eq!(who, ["EVA LARA", "", "Tomógrafo 1", "HGN, RX, SALA1", "LUZ PEÑA"]);
    }
}

#[test]
fn a_document_is_its_text_with_author_and_number() {
    let mapped = mapped(&message("MDM^T02^MDM_T02", DOCUMENT));
    assert_eq!(mapped.event, Event::Other("document".into()));
    assert_valid(&mapped, "MDM^T02");
    let document = one(&mapped, "DocumentReference");
    assert_eq!(document["masterIdentifier"].str_of("value"), "DOC-1");
    assert_eq!((document.str_of("status"), document.str_of("docStatus")), ("current", "final"));
    let content = &document["content"][0]["attachment"];
    assert_eq!(content.str_of("data"), "UGFjaWVudGUgZXN0YWJsZS4KQWx0YSBtYcOxYW5hLg==");
    assert_eq!(content.str_of("contentType"), "text/plain;charset=utf-8");
    assert!(all(&mapped, "Observation").is_empty(), "its lines are no observations");
}

#[test]
fn specimens_belong_to_their_orders_and_reports() {
    let body = format!(
        "{PID}ORC|RE|P-1^HIS|F-1^LAB\rOBR|1|P-1^HIS|F-1^LAB|57698-3^Lípidos^LN|||20261122\r\
         OBX|1|NM|2093-3^Colesterol^LN||180|mg/dL^^UCUM|0-200|N|||F\rSPM|1|S-1&HIS^S-2&LAB||SER^Suero^HL70487|||||||||||||20261122070000\r"
    );
    let mapped = mapped(&message("ORU^R01", &body));
    assert_valid(&mapped, "ORU^R01 with SPM");
    let specimen = one(&mapped, "Specimen");
    assert_eq!(specimen["type"]["coding"][0].str_of("code"), "SER");
    assert_eq!(specimen["identifier"][1].str_of("value"), "S-2");
    let report = one(&mapped, "DiagnosticReport");
    let url =
        mapped.resources.iter().find(|(_, r)| r.resource_type() == "Specimen").map(|(url, _)| url.as_str());
    assert_eq!(report["specimen"][0]["reference"].as_str(), url);
}

#[test]
fn a_kind_that_no_table_names_is_mapped_as_far_as_its_segments_allow() {
    let body = format!("{PID}AL1|1|FA|NUEZ^Nuez^L|MO|Edema\rZQQ|1|algo\r");
    let mapped = mapped(&message("ZZZ^Z01", &body));
    assert_eq!(mapped.event, Event::NotMapped);
    assert_valid(&mapped, "ZZZ^Z01");
    assert_eq!(one(&mapped, "AllergyIntolerance")["category"][0].as_str(), Some("food"));
    assert_eq!(losses(&mapped), ["ZQQ-1", "ZQQ-2"]);
}

#[test]
fn a_move_between_records_waits_for_a_person() {
    for event in ["A43", "A44", "A45", "A47", "A50"] {
        let mapped = mapped(&message(&format!("ADT^{event}"), &format!("{PID}MRG|E-9^^^HGN^MR\r")));
        assert!(mapped.needs_person.is_some(), "{event}");
    }
}

#[test]
fn two_patients_of_one_plan_and_one_mother_have_their_own_coverage_and_relative() {
    let of = |number: &str| {
        let text = format!(
            "MSH|^~\\&|HIS|HGN|B|N|20261122103000||ADT^A04^ADT_A01|C{number}|P|2.5.1\r\
             PID|1||E-{number}^^^HGN^MR||RAMOS^LUZ||20200101|F\r\
             NK1|1|RAMOS^EVA|MTH|||||||||||||||||||||||||||||||M-77^^^HGN\r\
             PV1|1|O|||||||||||||||||V-{number}^^^HGN\r\
             IN1|1|PLAN-9^Plan nueve^99HGN|ASEG-1|Aseguradora||||||||||||||||||||||||||||||||POL-5\r"
        );
        let message = Message::parse(text.into_bytes()).expect("a message");
        map(&message, &Tables::standard(), &Naming { whole: false, ..Naming::default() }).clinical()
    };
    let (one, other) = (of("1"), of("2"));
    for kind in ["Coverage", "RelatedPerson"] {
        let known_by = |m: &Mapped| {
            let found = all(m, kind)[0]["identifier"][0].clone();
            assert!(!found.str_of("value").is_empty(), "{kind} has a number");
            found
        };
        assert_ne!(known_by(&one), known_by(&other), "{kind}: another patient's is another one");
        assert_eq!(known_by(&one), known_by(&of("1")), "{kind}: told again it is the same");
    }
}

//! Messages of a hospital as FHIR: persons, visits, orders, results, merges, and what was lost (after HL7 v2-to-FHIR).

use crate::messages::{ADT_UTF8, ORM_CRLF, samples};
use crate::mutations::{Numbers, mutated};
use badiano_fhir::{Value, json, validate};
use badiano_hl7::Message;
use badiano_hl7::map::{Event, Mapped, Naming, Tables, map};

pub fn mapped(bytes: &[u8]) -> Mapped {
    let message = Message::parse(bytes).expect("a message");
    map(&message, &Tables::standard(), &Naming::default())
}

pub fn one<'m>(mapped: &'m Mapped, kind: &str) -> &'m Value {
    let mut all = mapped.resources.iter().filter(|(_, r)| r.resource_type() == kind);
    let found = all.next().unwrap_or_else(|| panic!("a {kind}"));
    assert!(all.next().is_none(), "one {kind}");
    &found.1
}

pub fn losses(mapped: &Mapped) -> Vec<&str> {
    mapped.losses.iter().map(|l| l.location.as_str()).collect()
}

fn input<'v>(task: &'v Value, name: &str) -> &'v str {
    let named = |i: &&Value| i["type"]["coding"][0].str_of("code") == name;
    let found = task["input"].items().iter().find(named).unwrap_or_else(|| panic!("an input {name}"));
    ["valueString", "valueDateTime"].iter().find_map(|k| found[*k].as_str()).unwrap_or("")
}

pub fn assert_valid(mapped: &Mapped, what: &str) {
    for (url, resource) in &mapped.resources {
        let errors: Vec<String> = validate::validate(resource)
            .iter()
            .filter(|i| i.is_error())
            .map(|i| format!("{}: {}", i.expression, i.text_en))
            .collect();
        assert!(errors.is_empty(), "{what}, {url}: {errors:#?}\n{}", json::to_string_pretty(resource));
    }
}

const HEAD: &str = "MSH|^~\\&|HIS|HGN|BADIANO|NORTE|20261122103000||";
const PID: &str = "PID|1||E-1001^^^HGN^MR||MUÑOZ^ANA||19850312|F\r";

pub fn message(kind: &str, body: &str) -> Vec<u8> {
    format!("{HEAD}{kind}|C9|P|2.5.1||||||UNICODE UTF-8\r{body}").into_bytes()
}

pub const OMI: &str = "PID|1||E-1001^^^HGN^MR||MUÑOZ^ANA||19850312|F\r\
PV1|1|I|UCI^3^B^HGN||||||||||||||||V-78\r\
ORC|NW|P-60^HIS||G-1|SC|||||||99000002^PEÑA^LUZ^^^DRA.\r\
TQ1|1||||||20261123090000||S\r\
OBR|1|P-60^HIS||RM-COLUMNA^Resonancia de columna^99HGN||||||||||||||||||||MR\r\
OBX|1|NM|29463-7^Peso^LN||61.50|kg^kilogramo^UCUM|||||F\r\
NTE|1||Tomado hoy\r\
IPC|ACC-60|RP-60|1.2.840.99.60|SPS-60A|MR|RMCOL^Protocolo columna^99HGN|SALA1||RM_NORTE\r\
IPC|ACC-60|RP-60|1.2.840.99.60|SPS-60B|MR|RMCON^Con contraste^99HGN|SALA1||RM_NORTE\r";

pub const ORU: &str = "PID|1||E-1001^^^HGN^MR||MUÑOZ^ANA||19850312|F\r\
ORC|RE|P-55^HIS|F-55^RIS\r\
OBR|1|P-55^HIS|F-55^RIS|TC-TORAX^Tomografía de tórax^99HGN|||20261122113500|||||||||||ACC-55||||20261122120000||RAD|F|||||||99000003&NÚÑEZ&IÑAKI\r\
OBX|1|TX|18748-4^Informe^LN||Hallazgos:||||||F\r\
OBX|2|TX|18748-4^Informe^LN||Nódulo de 5 mm \\T\\ calcificado||||||F\r\
OBX|3|FT|19005-8^Conclusión^LN||Sin cambios\\.br\\Control en un año||||||F\r\
OBX|4|SN|1^Tamaño^99HGN||<^5|mm^^UCUM|0-3|H|||F\r\
OBX|5|CWE|RADS^Lung-RADS^99HGN||2^Benigno^99HGN||||||F\r\
OBX|6|ED|PDF^Informe firmado^99HGN||HIS^application^pdf^Base64^JVBERi0xLjQK||||||F\r\
OBX|7|RP|IMG^Liga^99HGN||http://pacs/1||||||F\r";

#[test]
fn a_registration_becomes_a_patient_and_a_visit() {
    let mapped = mapped(ADT_UTF8);
    assert_eq!(mapped.event, Event::Register);
    assert_eq!(mapped.needs_person, None);
    assert_valid(&mapped, "ADT^A04");
    let patient = one(&mapped, "Patient");
    let curp = &patient["identifier"][1];
    assert_eq!(curp.str_of("system"), "http://sistema.salud.gob.mx/curp");
    assert_eq!(curp.str_of("value"), "MUPA850312MDFXRN08");
    assert_eq!(patient["identifier"][0].str_of("system"), "urn:badiano:authority:HGN");
    let name = &patient["name"][0];
    assert_eq!(name.str_of("family"), "MUÑOZ PEÑA");
    let surnames: Vec<&str> =
        name["_family"]["extension"].items().iter().map(|e| e.str_of("valueString")).collect();
    assert_eq!(surnames, ["MUÑOZ", "PEÑA"]);
    assert_eq!(name["given"].items().len(), 2);
    assert_eq!((patient.str_of("birthDate"), patient.str_of("gender")), ("1985-03-12", "female"));
    assert_eq!(patient["address"][0].str_of("city"), "Álvaro Obregón");
    assert_eq!(patient["telecom"][0].str_of("value"), "+52 55 12345678");
    assert_eq!(patient["telecom"][1].str_of("system"), "email");
    let visit = one(&mapped, "Encounter");
    assert_eq!(visit["class"].str_of("code"), "AMB");
    assert_eq!(visit["period"].str_of("start"), "2026-11-22T10:00:00-06:00");
    assert_eq!(visit["location"][0]["location"].str_of("display"), "HGN, CONS, 12, A");
    assert_eq!(visit["participant"][0]["individual"].str_of("display"), "JOSÉ NÚÑEZ");
    assert_eq!(visit["subject"].str_of("reference"), mapped.resources[0].0);
}

#[test]
fn what_no_row_reads_is_in_the_ledger() {
    let mapped = mapped(ADT_UTF8);
    let ledger: Vec<(&str, usize)> = mapped.losses.iter().map(|l| (l.location.as_str(), l.count)).collect();
    let expected = [("PID-11.1.2", 1), ("PID-11.1.3", 1), ("ZPV-1", 1), ("ZPV-2", 1), ("ZPV-3", 1)];
    assert_eq!(ledger, expected, "{:#?}", mapped.losses);
}

#[test]
fn a_hospital_maps_its_own_segment_by_a_line_of_text() {
    let own = "[Patient]\nZPV-3 extension[] string url=urn:hgn:triage\nPID-5 name[] XPN use=usual second-surname=3\n\
               PID-16 -\n[ignored]\nZPV-1 sequence number\n[codes gender]\nF unknown\n";
    let tables = Tables::standard().with(own).expect("sound tables");
    let message = Message::parse(ADT_UTF8).expect("a message");
    let mapped = map(&message, &tables, &Naming::default());
    assert_valid(&mapped, "own tables");
    let patient = one(&mapped, "Patient");
    assert_eq!(patient["extension"][0].str_of("valueString"), "triage verde");
    assert_eq!(patient["name"][0].str_of("family"), "MUÑOZ PEÑA SOFÍA");
    assert_eq!(patient.str_of("gender"), "unknown");
    assert!(patient["maritalStatus"].is_null());
    assert!(losses(&mapped).contains(&"PID-16") && !losses(&mapped).contains(&"ZPV-1"));
}

#[test]
fn two_surnames_in_subcomponents_are_told_apart_and_prefixes_are_none() {
    for (field, family, father, mother) in [
        ("DE LA CRUZ&MUÑOZ^ANA", "DE LA CRUZ MUÑOZ", "DE LA CRUZ", "MUÑOZ"),
        ("CRUZ MUÑOZ^ANA", "CRUZ MUÑOZ", "CRUZ", "MUÑOZ"),
        ("DE LA CRUZ MUÑOZ^ANA", "DE LA CRUZ MUÑOZ", "DE LA CRUZ MUÑOZ", ""),
        ("CRUZ^ANA", "CRUZ", "CRUZ", ""),
    ] {
        let mapped = mapped(&message("ADT^A08", &format!("PID|1||1^^^HGN||{field}\r")));
        let name = &one(&mapped, "Patient")["name"][0];
        let extension = |n: usize| name["_family"]["extension"][n].str_of("valueString");
        assert_eq!((name.str_of("family"), extension(0), extension(1)), (family, father, mother), "{field}");
        assert_valid(&mapped, field);
    }
}

#[test]
fn an_order_of_the_old_kind_becomes_a_request_and_a_task_with_the_scheduled_step() {
    let mapped = mapped(ORM_CRLF);
    assert_eq!(mapped.event, Event::Order { controls: vec!["NW".into()] });
    assert_valid(&mapped, "ORM^O01");
    let kinds: Vec<&str> = mapped.resources.iter().map(|(_, r)| r.resource_type()).collect();
    assert_eq!(kinds, ["Patient", "Encounter", "ServiceRequest", "Task"]);
    let request = one(&mapped, "ServiceRequest");
    let numbers: Vec<(&str, &str)> = request["identifier"]
        .items()
        .iter()
        .map(|i| (i["type"]["coding"][0].str_of("code"), i.str_of("value")))
        .collect();
    assert_eq!(numbers, [("PLAC", "P-55"), ("ACSN", "ACC-55")]);
    assert_eq!(request["identifier"][0].str_of("system"), "urn:badiano:authority:HIS:placer");
    assert_eq!(request["identifier"][1].str_of("system"), "urn:badiano:authority:HGN:accession");
    assert_eq!((request.str_of("status"), request.str_of("priority")), ("active", "routine"));
    assert_eq!(request["code"]["coding"][0].str_of("code"), "TC-TORAX");
    assert_eq!(request["requester"].str_of("display"), "JOSE NUNEZ");
    assert_eq!(request.str_of("occurrenceDateTime"), "2026-11-22T11:30:00-06:00");
    let task = one(&mapped, "Task");
    assert_eq!(task["focus"].str_of("reference"), mapped.resources[2].0);
    assert_eq!(task["identifier"][0].str_of("value"), "SPS-55");
    for (name, value) in [
        ("modality", "CT"),
        ("scheduled-station-ae-title", "CT_NORTE"),
        ("scheduled-start", "2026-11-22T11:30:00-06:00"),
        ("scheduled-procedure-step-id", "SPS-55"),
        ("requested-procedure-id", "RP-55"),
        ("study-instance-uid", "1.2.840.99.55"),
    ] {
        assert_eq!(input(task, name), value, "{name}");
    }
    assert_eq!(losses(&mapped), Vec::<&str>::new(), "{:#?}", mapped.losses);
}

#[test]
fn each_control_code_gives_its_status() {
    for (control, order_status, status, task_status) in [
        ("NW", "", "active", "requested"),
        ("CA", "IP", "revoked", "cancelled"),
        ("OC", "", "revoked", "cancelled"),
        ("XO", "", "active", "requested"),
        ("HD", "", "on-hold", "on-hold"),
        ("SC", "IP", "active", "in-progress"),
        ("SC", "CM", "completed", "completed"),
        ("SC", "CA", "revoked", "cancelled"),
    ] {
        let body = format!("{PID}ORC|{control}|P-1^HIS|||{order_status}\r");
        let mapped = mapped(&message("ORM^O01", &body));
        assert_eq!(mapped.event, Event::Order { controls: vec![control.into()] });
        assert_eq!(one(&mapped, "ServiceRequest").str_of("status"), status, "{control} {order_status}");
        assert_eq!(one(&mapped, "Task").str_of("status"), task_status, "{control} {order_status}");
        assert_valid(&mapped, control);
    }
}

#[test]
fn an_imaging_order_gives_a_task_for_each_scheduled_step() {
    let mapped = mapped(&message("OMI^O23^OMI_O23", OMI));
    assert_valid(&mapped, "OMI^O23");
    let tasks: Vec<&Value> =
        mapped.resources.iter().map(|(_, r)| r).filter(|r| r.resource_type() == "Task").collect();
    assert_eq!(tasks.len(), 2);
    assert_eq!(input(tasks[0], "scheduled-procedure-step-id"), "SPS-60A");
    assert_eq!(input(tasks[1], "scheduled-procedure-step-id"), "SPS-60B");
    for task in tasks {
        assert_eq!(input(task, "study-instance-uid"), "1.2.840.99.60");
        assert_eq!(input(task, "scheduled-station-ae-title"), "RM_NORTE");
        assert_eq!(input(task, "modality"), "MR");
        assert_eq!(input(task, "scheduled-start"), "2026-11-23T09:00:00-06:00");
    }
    let request = one(&mapped, "ServiceRequest");
    assert_eq!(request.str_of("priority"), "stat");
    let accessions = request["identifier"].items().iter().filter(|i| i.str_of("value") == "ACC-60");
    assert_eq!(accessions.count(), 1, "the same number twice is one identifier");
    let weight = one(&mapped, "Observation");
    assert_eq!(weight["valueQuantity"]["value"].as_number(), Some("61.50"));
    assert_eq!(weight["valueQuantity"].str_of("code"), "kg");
    assert_eq!(weight["note"][0].str_of("text"), "Tomado hoy");
    assert_eq!(losses(&mapped), Vec::<&str>::new(), "{:#?}", mapped.losses);
}

#[test]
fn a_result_becomes_a_report_with_its_observations() {
    let mapped = mapped(&message("ORU^R01", ORU));
    assert_eq!(mapped.event, Event::Result { statuses: vec!["F".into()] });
    assert_valid(&mapped, "ORU^R01");
    let report = one(&mapped, "DiagnosticReport");
    assert_eq!(report.str_of("status"), "final");
    assert_eq!(report.str_of("conclusion"), "Sin cambios\nControl en un año");
    assert_eq!(report["basedOn"][0]["identifier"].str_of("value"), "P-55");
    assert_eq!(report["resultsInterpreter"][0].str_of("display"), "IÑAKI NÚÑEZ");
    assert_eq!(report["presentedForm"][0].str_of("contentType"), "application/pdf");
    assert_eq!(report["presentedForm"][0].str_of("title"), "Informe firmado");
    let observations: Vec<&Value> =
        mapped.resources.iter().map(|(_, r)| r).filter(|r| r.resource_type() == "Observation").collect();
    assert_eq!(observations[0].str_of("valueString"), "Hallazgos:\nNódulo de 5 mm & calcificado");
    assert_eq!(observations[2]["valueQuantity"].str_of("comparator"), "<");
    assert_eq!(observations[2]["interpretation"][0]["coding"][0].str_of("code"), "H");
    assert_eq!(observations[3]["valueCodeableConcept"].str_of("text"), "Benigno");
    assert_eq!(report["presentedForm"][1].str_of("url"), "http://pacs/1");
}

#[test]
fn a_merge_names_both_records_and_two_persons_are_never_mixed() {
    let body =
        "PID|1||E-1^^^HGN^MR||MUÑOZ^ANA\rMRG|E-9^^^HGN^MR\rPID|1||E-2^^^HGN^MR||RÍOS^LUZ\rMRG|E-8^^^HGN^MR\r";
    let merged = mapped(&message("ADT^A40^ADT_A39", body));
    let Event::Merge(pairs) = &merged.event else { panic!("a merge: {:?}", merged.event) };
    let numbers: Vec<(&str, &str)> = pairs
        .iter()
        .map(|m| (m.from["identifier"][0].str_of("value"), m.to["identifier"][0].str_of("value")))
        .collect();
    assert_eq!(numbers, [("E-9", "E-1"), ("E-8", "E-2")]);
    assert_eq!(merged.needs_person, None);
    let half = mapped(&message("ADT^A40", "PID|1||E-1^^^HGN^MR||MUÑOZ^ANA\r"));
    assert_eq!(half.event, Event::Merge(vec![]));
    assert!(half.needs_person.is_some());
    let two = format!(
        "{PID}OBR|1|P-1|F-1|A^A^L|||||||||||||||||||||F\rPID|2||E-2^^^HGN||RÍOS\rOBR|1|P-2|F-2|B^B^L|||||||||||||||||||||F\r"
    );
    let results = mapped(&message("ORU^R01", &two));
    let subjects: Vec<&str> = results
        .resources
        .iter()
        .filter(|(_, r)| r.resource_type() == "DiagnosticReport")
        .map(|(_, r)| r["subject"].str_of("reference"))
        .collect();
    assert_eq!(subjects.len(), 2);
    assert_ne!(subjects[0], subjects[1]);
}

#[test]
fn events_of_a_visit_give_its_status() {
    for (trigger, event, status) in [
        ("A01", Event::Admit, "in-progress"),
        ("A03", Event::Discharge, "finished"),
        ("A04", Event::Register, "in-progress"),
        ("A08", Event::Update, "in-progress"),
        ("A11", Event::CancelAdmit, "cancelled"),
        ("A13", Event::CancelDischarge, "in-progress"),
        ("A28", Event::Register, "in-progress"),
        ("A31", Event::Update, "in-progress"),
    ] {
        let body = format!("{PID}PV1|1|I|||||||||||||||||V-1^^^HGN^VN\r");
        let mapped = mapped(&message(&format!("ADT^{trigger}"), &body));
        assert_eq!(mapped.event, event, "{trigger}");
        assert_eq!(one(&mapped, "Encounter").str_of("status"), status, "{trigger}");
        assert_valid(&mapped, trigger);
    }
}

#[test]
fn a_kind_that_no_table_names_is_kept_and_all_of_it_is_a_loss() {
    let mapped = mapped(&message("MFN^M02", "MFI|STF|X\rZXX|~^a&b\r"));
    assert_eq!(mapped.event, Event::NotMapped);
    assert!(mapped.resources.is_empty());
    assert_eq!(losses(&mapped), ["MFI-1", "MFI-2", "ZXX-1"]);
}

#[test]
fn what_is_wrong_in_a_field_is_told_and_the_rest_is_mapped() {
    let mapped = mapped(&message(
        "ADT^A08",
        "PID|1||1^^^HGN||RÍOS^LUZ||31/12/1980|Q|||||\"\"||||||||||||||||TAL VEZ\r",
    ));
    let patient = one(&mapped, "Patient");
    assert!(patient["birthDate"].is_null());
    assert_eq!(patient.str_of("gender"), "unknown");
    assert_eq!(losses(&mapped), ["PID-13", "PID-29", "PID-7", "PID-8"]);
    assert!(mapped.losses.iter().all(|l| !l.reason.contains("1980") && !l.reason.contains("TAL")));
    assert_valid(&mapped, "ADT^A08");
}

#[test]
fn an_order_without_a_patient_is_for_a_person_to_look_at() {
    let mapped = mapped(&message("ORM^O01", "ORC|CA|P-1^HIS\r"));
    assert!(mapped.resources.is_empty());
    assert!(mapped.needs_person.is_some());
    assert!(mapped.lacks.is_some());
    assert_eq!(losses(&mapped), ["ORC-1", "ORC-2"]);
}

#[test]
fn every_kind_that_is_mapped_lacks_something_without_a_pid_and_an_unknown_kind_does_not() {
    let tables = badiano_hl7::map::Tables::standard();
    for kind in tables.kinds().map(str::to_owned) {
        let without = mapped(&message(&kind, "PV1||O\r"));
        let asks = kind.starts_with("QBP") || kind.starts_with("QRY");
        // A schedule and an answer may be about no patient; a question is one to us, whoever it is about.
        let may_lack = matches!(&without.event, Event::Other(e) if e == "schedule" || e == "query");
        assert_eq!(without.lacks.is_none(), may_lack && !asks, "{kind}");
        if asks {
            continue;
        }
        assert!(mapped(&message(&kind, "PID|1||1^^^HGN||RÍOS^LUZ\r")).lacks.is_none(), "{kind}");
    }
    assert!(mapped(&message("MFN^M02", "MFI|STF|X\r")).lacks.is_none());
}

#[test]
fn the_same_message_gives_the_same_bundle_and_another_gives_other_urls() {
    let (a, b) = (mapped(ORM_CRLF), mapped(ORM_CRLF));
    assert_eq!(json::to_string(&a.bundle()), json::to_string(&b.bundle()));
    assert_ne!(a.resources[0].0, mapped(ADT_UTF8).resources[0].0);
    let request = a.bundle()["entry"][2]["request"].clone();
    assert_eq!(request.str_of("url"), "ServiceRequest?identifier=urn:badiano:authority:HIS:placer|P-55");
}

#[test]
fn mutated_messages_are_mapped_to_valid_resources_or_told_as_losses() {
    let seed = 0x5EED_BAD1_A402;
    let mut numbers = Numbers(seed);
    let owned: Vec<Vec<u8>> = samples()
        .iter()
        .map(|(_, b)| b.to_vec())
        .chain([message("OMI^O23", OMI), message("ORU^R01", ORU)])
        .collect();
    let tables = Tables::standard();
    let (mut cases, mut resources) = (0, 0);
    for case in 0..1_200 {
        let bytes = mutated(&mut numbers, &owned[case % owned.len()]);
        let Ok(message) = Message::parse(bytes) else { continue };
        let mapped = map(&message, &tables, &Naming::default());
        cases += 1;
        resources += mapped.resources.len();
        assert_valid(&mapped, &format!("seed {seed:#x}, case {case}"));
    }
    println!("seed {seed:#x}: {cases} messages, {resources} resources");
    assert!(cases > 600 && resources > 1_000, "{cases} messages, {resources} resources");
}

/// What may go without a trace: codes of what the map takes for granted, the name of the type that words have, and a time that stands in two places.
const GRANTED: [(&str, &str); 7] = [
    ("OBX-2", "FT"),
    ("PID-13", "PRN"),
    ("PID-13", "PH"),
    ("PID-13", "NET"),
    ("PID-13", "Internet"),
    ("ORC-7", "20261122113000"),
    ("OBR-27", "20261122113000"),
];

#[test]
fn no_part_of_a_message_can_be_taken_away_unseen() {
    let merge = message("ADT^A40", "PID|1||E-1^^^HGN^MR||MUÑOZ^ANA\rMRG|E-9^^^HGN^MR||||||PEÑA^ANA^^^^^T\r");
    let owned =
        [ADT_UTF8.to_vec(), ORM_CRLF.to_vec(), message("OMI^O23", OMI), message("ORU^R01", ORU), merge];
    let tables = Tables::standard();
    let ignored = |place: &str| {
        let field = place.split('.').next().unwrap_or("");
        (field.starts_with("MSH-") && field != "MSH-8")
            || field.starts_with("EVN-")
            || matches!(field, "PID-1" | "PV1-1" | "OBR-1" | "OBX-1" | "NTE-1" | "TQ1-1" | "ZDS-1")
    };
    let (mut taken, mut seen, mut unseen) = (0, 0, Vec::new());
    for bytes in owned {
        let original = Message::parse(bytes.clone()).expect("a message");
        let before = map(&original, &tables, &Naming::default());
        let printed = json::to_string(&before.bundle()).to_lowercase();
        for segment in original.all_segments() {
            let leaves = segment.fields().flat_map(|(n, field)| {
                let deep = field.repetitions().flat_map(|r| r.components().collect::<Vec<_>>());
                let deep = deep.flat_map(|c| c.subcomponents().collect::<Vec<_>>()).collect::<Vec<_>>();
                deep.into_iter().filter(|l| !l.is_empty()).map(move |l| (n, l))
            });
            for (n, leaf) in leaves {
                let place = format!("{}-{n}", segment.name());
                if ignored(&place) {
                    continue;
                }
                let (start, end) = leaf.span();
                let without = [&bytes[..start], &bytes[end..]].concat();
                let after = map(&Message::parse(without).expect("a message"), &tables, &Naming::default());
                // The same value may stand elsewhere; then nothing is lost.
                let changed = before != after;
                let granted = GRANTED.contains(&(place.as_str(), &*leaf.text()));
                if !(changed || granted || printed.contains(&leaf.text().to_lowercase())) {
                    unseen.push(format!("{place} {} of {}", leaf.text(), before.kind));
                }
                taken += 1;
                seen += usize::from(changed);
            }
        }
    }
    assert!(unseen.is_empty(), "dropped unseen: {unseen:#?}");
    println!("{taken} parts taken away, {seen} seen in the outcome");
    assert!(taken > 150 && seen * 10 > taken * 9, "{taken} taken, {seen} seen");
}

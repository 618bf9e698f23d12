//! Appointments over a real node: hours, races for one time, moving, not coming, and the worklist and ledger that follow.

use crate::place::{CLUES, Place, hospital};
use badiano_fhir::fhir;
use badiano_kernel::principal::Role;
use badiano_kernel::time::Span;
use badiano_kernel::{Fault, FaultKind, Instant, Principal, Purpose};
use badiano_record::Session;
use badiano_record::messages::{Intake, MessageState};
use badiano_record::orders::{PerformedStep, WorklistItem};
use badiano_record::schedule::{Booking, Ending, Opening, Room, Status, Wanted};

const ZONE: &str = "America/Mexico_City";
/// A Monday.
const DAY: &str = "2026-11-23";

fn at(text: &str) -> Instant {
    Span::parse_fhir(text, ZONE).expect("a moment").from
}

fn staff(place: &Place, role: Role, now: &str) -> Session {
    place.staff("tec", role, at(now))
}

fn technologist(place: &Place) -> Session {
    staff(place, Role::Technologist, "2026-11-23T07:00:00")
}

fn room(code: &str) -> Room {
    Room {
        code: code.into(),
        name: format!("Tomógrafo {code}"),
        modality: "CT".into(),
        station_ae: code.replace('-', ""),
        changeover: 5,
        opens: vec![Opening {
            days: vec![1, 2, 3, 4, 5],
            from: "08:00".into(),
            to: "14:00".into(),
            staff: vec!["Téc. Rosa Ñáñez".into()],
        }],
        closed: vec![],
    }
}

async fn opened() -> Place {
    let place = hospital();
    technologist(&place).keep_room(room("TC-1")).await.expect("a room");
    technologist(&place).keep_room(room("TC-2")).await.expect("a room");
    place
}

/// An order of a patient, by a clinician; the answer is its id.
async fn order(place: &Place, patient: &str, accession: &str) -> String {
    let clinician = staff(place, Role::Clinician, "2026-11-23T06:00:00");
    let order = fhir!({
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "priority": "urgent",
        "identifier": [{ "type": { "coding": [{ "code": "ACSN" }] }, "system": "urn:norte:acc", "value": (accession) }],
        "code": { "text": "TC de tórax simple" },
        "subject": { "reference": (format!("Patient/{patient}")) }
    });
    clinician.create(order).await.expect("an order").resource.id().to_owned()
}

async fn patient(place: &Place, family: &str) -> String {
    let clinician = staff(place, Role::Clinician, "2026-11-23T06:00:00");
    let person = fhir!({ "resourceType": "Patient", "name": [{ "family": (family), "given": ["Ana"] }] });
    clinician.create(person).await.expect("a patient").resource.id().to_owned()
}

fn wanted(order: &str, room: &str, clock: &str) -> Wanted {
    Wanted {
        order: order.into(),
        room: room.into(),
        start: format!("{DAY}T{clock}:00"),
        minutes: 30,
        ..Wanted::default()
    }
}

fn steps(place: &Place) -> Vec<WorklistItem> {
    technologist(place).worklist().expect("a worklist")
}

fn refused(answer: Result<Booking, Fault>) -> (FaultKind, String) {
    let fault = answer.expect_err("refused");
    (fault.kind, fault.place)
}

#[tokio::test]
async fn a_booked_order_stands_on_the_worklist_of_its_room_and_in_the_record() {
    let place = opened().await;
    let order = order(&place, &patient(&place, "Pérez").await, "A-1").await;
    let booked = technologist(&place).book(wanted(&order, "TC-1", "09:00")).await.expect("booked");
    let items = steps(&place);
    assert_eq!(items.len(), 1);
    let step = &items[0].step;
    assert_eq!((step.start.as_str(), step.station_ae.as_str()), ("20261123090000", "TC1"));
    assert_eq!((step.modality.as_str(), step.accession.as_str()), ("CT", "A-1"));
    assert_eq!(place.state(&booked.study_uid), "scheduled");
    let clinician = staff(&place, Role::Clinician, "2026-11-23T07:00:00");
    let kept = clinician.read("Appointment", &booked.id).expect("an Appointment").resource;
    assert_eq!((kept.str_of("status"), kept.str_of("start")), ("booked", "2026-11-23T15:00:00.000Z"));
    let board = technologist(&place).day_board(DAY).expect("a board");
    assert_eq!(board.len(), 1);
    assert_eq!((board[0].booking.start.as_str(), board[0].state.as_str()), ("09:00", "scheduled"));
    technologist(&place).arrive(&booked.id).await.expect("there");
    assert_eq!(place.state(&booked.study_uid), "arrived");
    let again = clinician.read("Appointment", &booked.id).expect("an Appointment").resource;
    assert_eq!(again.str_of("status"), "arrived");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_forty_who_want_overlapping_times_at_once_none_are_booked_over_each_other() {
    let place = opened().await;
    let mut racing = Vec::new();
    for n in 0..40 {
        let patient = patient(&place, &format!("P{n}")).await;
        let order = order(&place, &patient, &format!("R-{n}")).await;
        let clock = format!("09:{:02}", (n % 4) * 10);
        let session = technologist(&place);
        racing.push(tokio::spawn(async move { session.book(wanted(&order, "TC-1", &clock)).await }));
    }
    let mut booked = Vec::new();
    for one in racing {
        match one.await.expect("no panic") {
            Ok(booking) => booked.push(booking),
            Err(fault) => assert_eq!(fault.place, "start", "{fault:?}"),
        }
    }
    assert_eq!(booked.len(), 1, "09:00 to 09:30 overlap each other with five minutes between");
    assert_eq!(technologist(&place).day_board(DAY).expect("a board").len(), 1);
    assert_eq!(steps(&place).len(), 1, "who was refused stands on no worklist");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn walk_ins_at_once_fill_the_day_one_behind_the_other() {
    let place = opened().await;
    let mut racing = Vec::new();
    for n in 0..12 {
        let patient = patient(&place, &format!("P{n}")).await;
        let order = order(&place, &patient, &format!("W-{n}")).await;
        let session = technologist(&place);
        let wanted = Wanted { start: String::new(), ..wanted(&order, "TC-1", "") };
        racing.push(tokio::spawn(async move { session.book(wanted).await }));
    }
    let mut begins = Vec::new();
    let mut full = 0;
    for one in racing {
        match one.await.expect("no panic") {
            Ok(booking) => begins.push(booking.start),
            Err(fault) => full += usize::from(fault.place == "start"),
        }
    }
    begins.sort();
    let expected = ["08:00", "08:35", "09:10", "09:45", "10:20", "10:55", "11:30", "12:05", "12:40", "13:15"];
    assert_eq!((begins.iter().map(String::as_str).collect::<Vec<_>>(), full), (expected.to_vec(), 2));
}

#[tokio::test]
async fn a_time_outside_the_rules_is_refused_by_what_stands_against_it() {
    let place = opened().await;
    let ana = patient(&place, "Pérez").await;
    let (one, two) = (order(&place, &ana, "A-1").await, order(&place, &ana, "A-2").await);
    let tec = technologist(&place);
    let conflict = |place: &str| (FaultKind::Conflict, place.to_owned());
    assert_eq!(refused(tec.book(wanted(&one, "TC-1", "13:45")).await), conflict("hours"), "ends too late");
    tec.book(wanted(&one, "TC-1", "09:00")).await.expect("booked");
    assert_eq!(refused(tec.book(wanted(&one, "TC-2", "11:00")).await), conflict("order"), "has one");
    assert_eq!(refused(tec.book(wanted(&two, "TC-1", "09:30")).await), conflict("start"), "the changeover");
    assert_eq!(refused(tec.book(wanted(&two, "TC-2", "09:15")).await), conflict("patient"), "is elsewhere");
    let past = Wanted { start: "2026-11-22T09:00:00".into(), ..wanted(&two, "TC-1", "") };
    assert_eq!(refused(tec.book(past).await), (FaultKind::Invalid, "start".to_owned()));
    assert_eq!(refused(tec.book(wanted("none", "TC-1", "12:00")).await).0, FaultKind::NotFound);
    let reader = place.staff("ana", Role::Administrator, at("2026-11-23T07:00:00"));
    assert_eq!(refused(reader.book(wanted(&two, "TC-1", "12:00")).await).0, FaultKind::Forbidden);
    let free = tec.free_times("CT", 30, DAY, 1).expect("free times");
    let of_one = free.iter().find(|f| f.room == "TC-1").expect("TC-1 has time");
    let starts: Vec<&str> = of_one.starts.iter().map(|s| s.start.as_str()).collect();
    assert_eq!(starts[..3], ["08:00", "09:35", "10:05"]);
    assert_eq!(of_one.starts[0].on_duty, ["Téc. Rosa Ñáñez"]);
    assert!(tec.free_times("CT", 30, "2026-11-28", 2).expect("free times").is_empty(), "a weekend");
}

#[tokio::test]
async fn an_emergency_goes_over_what_is_booked_with_its_reason() {
    let place = opened().await;
    let (one, two) = (patient(&place, "Pérez").await, patient(&place, "Ruiz").await);
    let (one, two) = (order(&place, &one, "A-1").await, order(&place, &two, "A-2").await);
    let tec = technologist(&place);
    tec.book(wanted(&one, "TC-1", "09:00")).await.expect("booked");
    let short = Wanted { emergency: "ya".into(), ..wanted(&two, "TC-1", "09:10") };
    assert_eq!(refused(tec.book(short).await), (FaultKind::Invalid, "emergency".to_owned()));
    let reason = "politraumatizado de choque, sala de urgencias";
    let emergency = Wanted { emergency: reason.into(), ..wanted(&two, "TC-1", "09:10") };
    let booked = tec.book(emergency).await.expect("goes over");
    assert_eq!(booked.emergency, reason);
    assert_eq!(tec.day_board(DAY).expect("a board").len(), 2);
}

#[tokio::test]
async fn a_time_that_is_given_back_is_free_and_its_order_waits_again() {
    let place = opened().await;
    let (one, two) = (patient(&place, "Pérez").await, patient(&place, "Ruiz").await);
    let (one, two) = (order(&place, &one, "A-1").await, order(&place, &two, "A-2").await);
    let tec = technologist(&place);
    let first = tec.book(wanted(&one, "TC-1", "09:00")).await.expect("booked");
    let early = tec.end_booking(&first.id, Ending::NoShow, "").await;
    assert_eq!(refused(early).1, "start", "nobody is late before the time");
    let late = staff(&place, Role::Technologist, "2026-11-23T09:40:00");
    late.end_booking(&first.id, Ending::NoShow, "").await.expect("did not come");
    assert_eq!(place.state(&first.study_uid), "placed", "the order waits for another appointment");
    tec.book(wanted(&two, "TC-1", "09:00")).await.expect("the time is free again");
    let again = late.book(wanted(&one, "TC-2", "11:00")).await.expect("a new appointment");
    assert_eq!(
        (again.study_uid.as_str(), place.state(&again.study_uid).as_str()),
        (first.study_uid.as_str(), "scheduled")
    );
    let moved = late.move_booking(&again.id, "TC-1", &format!("{DAY}T12:00:00")).await.expect("moved");
    assert_eq!((moved.room.as_str(), moved.start.as_str(), moved.id == again.id), ("TC-1", "12:00", true));
    let taken = late.move_booking(&again.id, "", &format!("{DAY}T09:10:00")).await;
    assert_eq!(refused(taken).0, FaultKind::Invalid, "that time has passed");
    let board = late.day_board(DAY).expect("a board");
    let standing: Vec<(&str, &str)> = board
        .iter()
        .filter(|l| l.booking.status == Status::Booked)
        .map(|l| (l.booking.room.as_str(), l.booking.start.as_str()))
        .collect();
    assert_eq!(standing, [("TC-1", "09:00"), ("TC-1", "12:00")]);
    let without = late.end_booking(&moved.id, Ending::Cancelled, "no").await;
    assert_eq!(refused(without).1, "reason");
    late.end_booking(&moved.id, Ending::Cancelled, "la paciente avisó que no viene")
        .await
        .expect("cancelled");
    assert_eq!(place.state(&moved.study_uid), "placed");
}

/// An order as an old system sends it, with its own time and device; the answer is the scheduled step that stands then.
async fn sent(place: &Place, patient: &str, control: &str) -> (String, String) {
    let identifier = |code: &str| fhir!([{ "type": { "coding": [{ "code": code }] }, "system": (format!("urn:ris:{code}")), "value": "A-1" }]);
    let mut order = fhir!({
        "resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "code": { "text": "TC de tórax simple" }, "subject": { "reference": (format!("Patient/{patient}")) }
    });
    order.set("identifier", identifier("ACSN"));
    let mut task = fhir!({
        "resourceType": "Task", "status": "requested", "intent": "order", "focus": { "reference": "urn:uuid:o" },
        "input": [
            { "type": { "text": "scheduled-start" }, "valueDateTime": "2026-11-23T11:00:00-06:00" },
            { "type": { "text": "scheduled-station-ae-title" }, "valueString": "OTRO" },
            { "type": { "text": "study-instance-uid" }, "valueString": "2.25.31" },
            { "type": { "text": "modality" }, "valueCode": "CT" }
        ]
    });
    task.set("identifier", identifier("PLAC"));
    let intake = Intake {
        kind: "ORM^O01".into(),
        control_id: control.into(),
        original: format!("MSH|{control}").into_bytes(),
        resources: vec![("urn:uuid:o".into(), order), ("urn:uuid:t".into(), task)],
        merges: Vec::new(),
        needs_person: None,
        losses: Vec::new(),
    };
    let peer = Principal::Peer { name: "RIS|NORTE".into(), institution: CLUES.into() };
    let sender = place.node.session(peer, Purpose::Treatment, at("2026-11-23T07:30:00"));
    let receipt = sender.receive_message(intake).await.expect("kept");
    assert_eq!(receipt.state, MessageState::Applied, "{}", receipt.why);
    let step = steps(place).remove(0).step;
    (step.start, step.station_ae)
}

#[tokio::test]
async fn what_is_booked_keeps_its_time_when_the_sender_writes_its_order_again() {
    let place = opened().await;
    let person = patient(&place, "Pérez").await;
    let of_sender = ("20261123110000".to_owned(), "OTRO".to_owned());
    assert_eq!(sent(&place, &person, "1").await, of_sender, "without an appointment the sender says");
    let order = steps(&place).remove(0).step.order;
    let booked = technologist(&place).book(wanted(&order, "TC-1", "09:00")).await.expect("booked");
    assert_eq!(sent(&place, &person, "2").await, ("20261123090000".to_owned(), "TC1".to_owned()));
    let moved = technologist(&place).move_booking(&booked.id, "TC-2", &format!("{DAY}T12:00:00")).await;
    assert_eq!(moved.expect("moved").start, "12:00");
    let at_noon = ("20261123120000".to_owned(), "TC2".to_owned());
    assert_eq!(sent(&place, &person, "3").await, at_noon, "where it was moved to");
    let why = "la máquina se descompuso";
    technologist(&place).end_booking(&booked.id, Ending::Cancelled, why).await.expect("cancelled");
    assert_eq!(sent(&place, &person, "4").await, of_sender, "the appointment is gone, the sender says again");
}

#[tokio::test]
async fn what_a_device_has_begun_is_not_moved() {
    let place = opened().await;
    let order = order(&place, &patient(&place, "Pérez").await, "A-1").await;
    let tec = technologist(&place);
    let booked = tec.book(wanted(&order, "TC-1", "09:00")).await.expect("booked");
    let peer = Principal::Peer { name: "TC1".into(), institution: CLUES.into() };
    let device = place.node.session(peer, Purpose::Treatment, at("2026-11-23T09:00:00"));
    let performed = PerformedStep {
        uid: "1.2.3.4".into(),
        status: "IN PROGRESS".into(),
        accessions: vec!["A-1".into()],
        study_uid: booked.study_uid.clone(),
        dataset: "{}".into(),
    };
    device.perform_step(performed, true).await.expect("begun");
    let moved = tec.move_booking(&booked.id, "TC-2", &format!("{DAY}T12:00:00")).await;
    assert_eq!(refused(moved), (FaultKind::Conflict, "order".to_owned()));
    let board = tec.day_board(DAY).expect("a board");
    assert_eq!((board[0].booking.room.as_str(), board[0].state.as_str()), ("TC-1", "in-progress"));
}

#[tokio::test]
async fn who_did_not_open_a_room_is_not_let_to() {
    let place = hospital();
    let clinician = staff(&place, Role::Clinician, "2026-11-23T07:00:00");
    let fault = clinician.keep_room(room("TC-1")).await.expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Forbidden);
}

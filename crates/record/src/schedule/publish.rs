//! What an appointment changes elsewhere: the order's Task, so that the device's worklist follows, and Appointment and Schedule of FHIR R4.

use super::{Booking, Room, Status};
use crate::orders::{self, ScheduledStep};
use crate::resources::{Precondition, Writer, check};
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, id};
use badiano_store::Tx;

/// The room as a FHIR Schedule, by the same code.
pub fn room(tx: &mut Tx<'_>, writer: &Writer, room: &Room) -> Result<(), Fault> {
    let schedule = fhir!({
        "resourceType": "Schedule",
        "id": (format!("room-{}", room.code)),
        "active": true,
        "serviceType": [{ "text": (room.modality.as_str()) }],
        "actor": [{ "display": (room.name.as_str()) }]
    });
    check(&schedule)?;
    writer.put(tx, schedule, Precondition::None, "keep-room").map(|_| ())
}

/// The appointment as others read it.
pub fn appointment(tx: &mut Tx<'_>, writer: &Writer, booking: &Booking) -> Result<(), Fault> {
    let begins = booking.begins(&writer.zone);
    let (status, has_come) = match booking.status {
        Status::Booked => ("booked", "accepted"),
        Status::Arrived => ("arrived", "accepted"),
        Status::Cancelled => ("cancelled", "declined"),
        Status::NoShow => ("noshow", "needs-action"),
    };
    let mut resource = fhir!({
        "resourceType": "Appointment",
        "id": (booking.id.as_str()),
        "status": (status),
        "start": (begins.to_rfc3339()),
        "end": (begins.plus_seconds(i64::from(booking.minutes) * 60).to_rfc3339()),
        "basedOn": [{ "reference": (format!("ServiceRequest/{}", booking.order)) }],
        "participant": [
            { "actor": { "reference": (format!("Patient/{}", booking.patient)) }, "status": (has_come) },
            { "actor": { "display": (booking.room.as_str()) }, "status": "accepted" }
        ]
    });
    if !booking.emergency.is_empty() {
        resource.set(
            "appointmentType",
            fhir!({ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v2-0276", "code": "EMERGENCY"
        }] }),
        );
    }
    if booking.status == Status::Cancelled {
        resource.set("cancelationReason", fhir!({ "text": (booking.reason.as_str()) }));
    }
    check(&resource)?;
    writer.put(tx, resource, Precondition::None, "appointment").map(|_| ())
}

/// The order's Task with the time and device of its appointment, or without; its scheduled step follows.
pub fn step(
    tx: &mut Tx<'_>,
    writer: &Writer,
    booking: &Booking,
    at: Option<(&Room, &Value)>,
) -> Result<ScheduledStep, Fault> {
    let known = orders::step_for(tx, "", &booking.accession)?.filter(|s| s.order == booking.order);
    let kept = match &known {
        Some(step) => tx.get("Task", &step.task)?.filter(|t| !t.deleted).map(|t| t.body),
        None => None,
    };
    let mut task = kept.unwrap_or_else(|| task_of(booking, at));
    let (start, station) = match at {
        Some((room, _)) => {
            (booking.begins(&writer.zone).to_rfc3339_in(&writer.zone), room.station_ae.as_str())
        }
        None => (String::new(), ""),
    };
    let modality = known.as_ref().map_or("", |s| s.modality.as_str());
    set_input(&mut task, "scheduled-start", "valueDateTime", &start);
    set_input(&mut task, "scheduled-station-ae-title", "valueString", station);
    if let (Some((room, _)), "") = (at, modality) {
        set_input(&mut task, "modality", "valueCode", &room.modality);
    }
    check(&task)?;
    writer.put(tx, task.clone(), Precondition::None, "appointment")?;
    orders::follow(tx, writer, &task)?;
    let step = orders::step_for(tx, "", &booking.accession)?;
    step.ok_or_else(|| Fault::invalid("the order makes no scheduled step").at("order"))
}

/// A Task for an order that came without one.
fn task_of(booking: &Booking, at: Option<(&Room, &Value)>) -> Value {
    let priority = at.map_or("", |(_, order)| order.str_of("priority"));
    fhir!({
        "resourceType": "Task",
        "id": (id::LogicalId::random().as_str()),
        "status": "requested",
        "intent": "order",
        "priority": (if priority.is_empty() { "routine" } else { priority }),
        "focus": { "reference": (format!("ServiceRequest/{}", booking.order)) },
        "for": { "reference": (format!("Patient/{}", booking.patient)) }
    })
}

/// One input of a Task; an empty text takes it away.
fn set_input(task: &mut Value, code: &str, key: &str, text: &str) {
    let is = |i: &Value| {
        i["type"].str_of("text") == code
            || i["type"]["coding"].items().iter().any(|c| c.str_of("code") == code)
    };
    let mut inputs: Vec<Value> = task["input"].items().iter().filter(|i| !is(i)).cloned().collect();
    if !text.is_empty() {
        let mut input = fhir!({ "type": { "text": (code) } });
        input.set(key, text);
        inputs.push(input);
    }
    match (inputs.is_empty(), task) {
        (false, task) => task.set("input", Value::Array(inputs)),
        (true, Value::Object(fields)) => {
            fields.remove("input");
        }
        (true, _) => {}
    }
}

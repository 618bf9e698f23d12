//! Rooms, free times and appointments of a department (`Rooms`, `FreeTimes`, `DayBoard` of `web/src/api.ts`; FHIR R4 Appointment).

use super::form::{Json, Refused, clinical, json};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use badiano_departments::catalogue::Procedure;
use badiano_departments::radiology;
use badiano_fhir::Value;
use badiano_kernel::{Fault, FaultKind};
use badiano_record::schedule::{BoardLine, Booking, Ending, Free, Room, Status, Wanted};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Rooms {
    rooms: Vec<Room>,
}

#[derive(Serialize)]
struct FreeTimes {
    minutes: u32,
    /// What the patient is told of the procedure that was asked for.
    preparation: String,
    free: Vec<Free>,
}

#[derive(Serialize)]
struct DayBoard {
    lines: Vec<Line>,
}

/// One time of a room; only the time where the patient or the order is hidden.
#[derive(Serialize)]
struct Line {
    room: String,
    day: String,
    start: String,
    minutes: u32,
    status: Status,
    visible: Option<Seen>,
}

#[derive(Serialize)]
struct Seen {
    id: String,
    patient: String,
    name: String,
    order: String,
    accession: String,
    study_uid: String,
    description: String,
    priority: String,
    /// State of the case in the department's workflow.
    state: String,
    emergency: String,
    reason: String,
}

#[derive(Deserialize)]
pub struct Book {
    order: String,
    room: String,
    /// A dateTime; without one, the first free time from now on today.
    #[serde(default)]
    start: String,
    /// Code of the department's catalogue, whose time it takes; or `minutes`.
    #[serde(default)]
    procedure: String,
    #[serde(default)]
    minutes: u32,
    /// Why it goes over what is booked.
    #[serde(default)]
    emergency: String,
}

#[derive(Deserialize)]
pub struct Change {
    /// `move`, `cancel`, `no-show` or `arrive`.
    event: String,
    #[serde(default)]
    room: String,
    #[serde(default)]
    start: String,
    #[serde(default)]
    reason: String,
}

pub async fn rooms(caller: Caller) -> Result<Response, Refused> {
    json(&Rooms { rooms: caller.session().rooms()? })
}

pub async fn keep_room(caller: Caller, Json(room): Json<Room>) -> Result<StatusCode, Refused> {
    caller.session().keep_room(room).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `procedure`, or `modality` and `minutes`; `from` (a day) and `days` (7 if not said).
pub async fn free(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let text = |key: &str| asked.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
    let number = |key: &'static str, otherwise: u32| match text(key) {
        "" => Ok(otherwise),
        said => said.parse::<u32>().map_err(|_| Fault::invalid("a number").at(key)),
    };
    let procedure = procedure(text("procedure"))?;
    let minutes = number("minutes", procedure.map_or(0, |p| p.minutes))?;
    let modality = procedure.map_or(text("modality"), |p| p.modality.as_str());
    let days = usize::try_from(number("days", 7)?).unwrap_or(usize::MAX);
    let free = caller.session().free_times(modality, minutes, text("from"), days)?;
    let preparation = procedure.map(|p| p.preparation.clone()).unwrap_or_default();
    json(&FreeTimes { minutes, preparation, free })
}

fn procedure(code: &str) -> Result<Option<&'static Procedure>, Fault> {
    if code.is_empty() {
        return Ok(None);
    }
    let found = radiology::DEPARTMENT.catalogue.procedure(code);
    found.map(Some).ok_or_else(|| Fault::invalid("no such procedure").at("procedure"))
}

pub async fn book(caller: Caller, Json(asked): Json<Book>) -> Result<Response, Refused> {
    let minutes = procedure(&asked.procedure)?.map_or(asked.minutes, |p| p.minutes);
    let (order, room, start, emergency) = (asked.order, asked.room, asked.start, asked.emergency);
    let wanted = Wanted { order, room, start, minutes, emergency };
    let booked = caller.session().book(wanted).await.map_err(explained)?;
    clinical(&booked)
}

pub async fn change(
    caller: Caller,
    Path(id): Path<String>,
    Json(asked): Json<Change>,
) -> Result<Response, Refused> {
    let session = caller.session();
    let done: Result<Booking, Fault> = match asked.event.as_str() {
        "move" => session.move_booking(&id, &asked.room, &asked.start).await,
        "cancel" => session.end_booking(&id, Ending::Cancelled, &asked.reason).await,
        "no-show" => session.end_booking(&id, Ending::NoShow, &asked.reason).await,
        "arrive" => session.arrive(&id).await,
        _ => Err(Fault::invalid("move, cancel, no-show or arrive").at("event")),
    };
    clinical(&done.map_err(explained)?)
}

/// Everything of a day (`day`), by room and time.
pub async fn board(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let day = asked.iter().find(|(k, _)| k == "day").map_or("", |(_, v)| v.as_str());
    let lines = caller.session().day_board(day)?.into_iter().map(line).collect();
    clinical(&DayBoard { lines })
}

fn line(line: BoardLine) -> Line {
    let (booking, state) = (line.booking, line.state);
    let seen = line.shown.map(|(patient, order)| Seen {
        id: booking.id,
        name: name_of(&patient),
        patient: booking.patient,
        order: booking.order,
        accession: booking.accession,
        study_uid: booking.study_uid,
        description: order["code"].str_of("text").to_owned(),
        priority: order.str_of("priority").to_owned(),
        state,
        emergency: booking.emergency,
        reason: booking.reason,
    });
    Line {
        room: booking.room,
        day: booking.day,
        start: booking.start,
        minutes: booking.minutes,
        status: booking.status,
        visible: seen,
    }
}

fn name_of(patient: &Value) -> String {
    let name = patient["name"].at(0);
    let given = name["given"].items().iter().filter_map(Value::as_str);
    let parts: Vec<&str> = given.chain([name.str_of("family")]).filter(|p| !p.is_empty()).collect();
    parts.join(" ")
}

/// What a person can put right is said in their language.
fn explained(fault: Fault) -> Refused {
    let (code, spanish, english) = match (fault.kind, fault.place.as_str()) {
        (FaultKind::Conflict, "start") => {
            ("conflict", "Ese horario ya no está libre.", "That time is not free.")
        }
        (FaultKind::Conflict, "hours") => {
            ("conflict", "La sala no está abierta a esa hora.", "The room is not open then.")
        }
        (FaultKind::Conflict, "patient") => (
            "conflict",
            "El paciente tiene otra cita a esa hora.",
            "The patient has another appointment then.",
        ),
        (FaultKind::Invalid, "reason" | "emergency") => (
            "invalid",
            "Escriba el motivo, con al menos 10 caracteres.",
            "Write the reason, of at least 10 characters.",
        ),
        _ => return fault.into(),
    };
    Refused::saying(fault.kind, code, spanish, english)
}

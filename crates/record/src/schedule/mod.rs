//! Appointments of imaging: a room's day is one document, so of two who want one time the second is refused (FHIR R4 Appointment,
//! Schedule; IHE RAD SWF.b, scheduling).

mod publish;
mod room;

pub use room::{Closure, GRID_MINUTES, MINUTES_MAX, Opening, Room};

use crate::access::{self, Action};
use crate::audit::Act;
use crate::class::DataClass;
use crate::ledger::{self, case_of};
use crate::orders::{self, ScheduledStep, StepState};
use crate::resources::Writer;
use crate::session::Session;
use crate::workflow::{Event, REASON_CHARS_MIN};
use badiano_fhir::Value;
use badiano_kernel::principal::Role;
use badiano_kernel::time::Span;
use badiano_kernel::{Fault, FaultKind, Instant, id};
use badiano_store::{Expect, Stub, Tx, View, pat_of};
use room::{Stretch, minute_of, starts, weekday};
use serde::{Deserialize, Serialize};

/// Rooms of a house, appointments of one room's day, and days that one question looks through.
const ROOMS_MAX: usize = 100;
const DAY_MAX: usize = 300;
pub const DAYS_MAX: usize = 31;
/// How far ahead an appointment may be, and how long its beginning may have passed.
const AHEAD_SECONDS_MAX: i64 = 400 * 86_400;
const LATE_SECONDS_MAX: i64 = 5 * 60;
const REASON_BYTES_MAX: usize = 2_000;
/// Documents: rooms by code, days by `day/room`, appointments by id and by order as the key of their day.
const ROOM: &str = "room";
const DAY: &str = "room-day";
const BY_ID: &str = "appointment-day";
const BY_ORDER: &str = "appointment-of-order";

/// What became of an appointment (FHIR R4 AppointmentStatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Booked,
    Arrived,
    Cancelled,
    NoShow,
}

/// One appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    pub id: String,
    pub order: String,
    pub accession: String,
    pub study_uid: String,
    pub patient: String,
    pub room: String,
    /// Local civil day and `HH:MM`.
    pub day: String,
    pub start: String,
    pub minutes: u32,
    pub status: Status,
    /// Placed over what was there, and why; empty for an ordinary one.
    pub emergency: String,
    /// Why it was cancelled or not come to.
    pub reason: String,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Id of the ServiceRequest.
    pub order: String,
    pub room: String,
    /// A FHIR dateTime, read in the node's zone without an offset; empty for the first free time from now on today (walk-in).
    pub start: String,
    pub minutes: u32,
    /// Why it goes over whatever is booked; empty for an ordinary one.
    pub emergency: String,
}

/// Free starts of a room on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Free {
    pub room: String,
    pub name: String,
    pub day: String,
    pub starts: Vec<FreeStart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FreeStart {
    pub start: String,
    pub on_duty: Vec<String>,
}

/// One line of the day's board; who may not see the patient sees that the time is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardLine {
    pub booking: Booking,
    /// Patient and order; nothing where they are hidden.
    pub shown: Option<(Value, Value)>,
    /// State of the case in the ledger; empty where it is hidden.
    pub state: String,
}

/// How an appointment ends before it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Cancelled,
    NoShow,
}

impl Booking {
    fn stretch(&self) -> Stretch {
        let from = minute_of(&self.start).unwrap_or_default();
        Stretch { from, to: from + self.minutes }
    }
    /// Whether it takes its time.
    pub fn stands(&self) -> bool {
        matches!(self.status, Status::Booked | Status::Arrived)
    }
    fn begins(&self, zone: &str) -> Instant {
        let text = format!("{}T{}", self.day, self.start);
        Span::parse_fhir(&text, zone).map_or(Instant::default(), |s| s.from)
    }
}

fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Local day and minute of a moment.
fn local(moment: Instant, zone: &str) -> (String, u32) {
    let text = moment.to_rfc3339_in(zone);
    let minute = text.get(11..16).and_then(minute_of).unwrap_or_default();
    (text.get(..10).unwrap_or_default().to_owned(), minute)
}

fn room_of(view: &View<'_>, code: &str) -> Result<Room, Fault> {
    let found = view.document(ROOM, code)?.ok_or_else(|| Fault::invalid("no such room").at("room"))?;
    serde_json::from_slice(&found.body).map_err(|_| Fault::bug("a room that was kept cannot be read"))
}

fn rooms_of(view: &View<'_>) -> Result<Vec<Room>, Fault> {
    let all = view.documents(ROOM, "")?;
    Ok(all.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
}

fn read_day(body: &[u8]) -> Result<Vec<Booking>, Fault> {
    serde_json::from_slice(body).map_err(|_| Fault::bug("a day that was kept cannot be read"))
}

fn day_of(view: &View<'_>, key: &str) -> Result<Vec<Booking>, Fault> {
    view.document(DAY, key)?.map_or(Ok(Vec::new()), |d| read_day(&d.body))
}

fn keep_day(tx: &mut Tx<'_>, key: &str, day: &[Booking], now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(day).map_err(|_| Fault::bug("a day is always printable"))?;
    tx.put_document(DAY, key, &body, Expect::Any, now).map(|_| ())
}

/// The day and the place in it of an appointment.
fn find(view: &View<'_>, id: &str) -> Result<(String, Vec<Booking>, usize), Fault> {
    let missing = || Fault::not_found("no such appointment");
    let key = view.document(BY_ID, id)?.ok_or_else(missing)?;
    let key = String::from_utf8(key.body).map_err(|_| Fault::bug("a key is text"))?;
    let day = day_of(view, &key)?;
    let at = day.iter().position(|b| b.id == id).ok_or_else(missing)?;
    Ok((key, day, at))
}

/// When and on which device an order's study is booked; nothing where no appointment stands, or while one is being moved.
pub(crate) fn booked_time(
    view: &View<'_>,
    order: &str,
    study_uid: &str,
    zone: &str,
) -> Result<Option<(Instant, String)>, Fault> {
    let Some(id) = view.document(BY_ORDER, order)? else { return Ok(None) };
    let (_, day, at) = match find(view, &String::from_utf8_lossy(&id.body)) {
        Err(fault) if fault.kind == FaultKind::NotFound => return Ok(None),
        found => found?,
    };
    let booking = &day[at];
    if !booking.stands() || booking.study_uid != study_uid {
        return Ok(None);
    }
    Ok(Some((booking.begins(zone), room_of(view, &booking.room)?.station_ae)))
}

/// Why a time cannot be had; nothing where it can.
fn refusal(view: &View<'_>, room: &Room, wanted: &Booking) -> Result<(), Fault> {
    let own = wanted.stretch();
    if wanted.emergency.is_empty() {
        if !room.open_on(&wanted.day).iter().any(|o| o.from <= own.from && own.to <= o.to) {
            return Err(Fault::conflict("the room is not open then").at("hours"));
        }
        let taken = day_of(view, &format!("{}/{}", wanted.day, room.code))?;
        let taken: Vec<Stretch> =
            taken.iter().filter(|b| b.stands() && b.id != wanted.id).map(Booking::stretch).collect();
        if !room.free_on(&wanted.day, &taken).iter().any(|f| f.from <= own.from && own.to <= f.to) {
            return Err(Fault::conflict("the time is taken").at("start"));
        }
    }
    for document in view.documents(DAY, &format!("{}/", wanted.day))? {
        let same = |b: &Booking| b.patient == wanted.patient && b.id != wanted.id && b.stands();
        if read_day(&document.body)?.iter().any(|b| same(b) && b.stretch().meets(own)) {
            return Err(Fault::conflict("the patient is elsewhere then").at("patient"));
        }
    }
    Ok(())
}

/// Where a wanted beginning falls; an empty one is the first free time of today.
fn moment(view: &View<'_>, room: &Room, wanted: &Wanted, writer: &Writer) -> Result<(String, u32), Fault> {
    let zone = writer.zone.as_str();
    if wanted.start.is_empty() {
        let (day, now) = local(writer.now, zone);
        if !wanted.emergency.is_empty() {
            return Ok((day, now));
        }
        let taken = day_of(view, &format!("{day}/{}", room.code))?;
        let taken: Vec<Stretch> = taken.iter().filter(|b| b.stands()).map(Booking::stretch).collect();
        let first = starts(&room.free_on(&day, &taken), wanted.minutes, now).first().copied();
        return Ok((day, first.ok_or_else(|| Fault::conflict("no time is free today").at("start"))?));
    }
    let asked = Span::parse_fhir(&wanted.start, zone).filter(|_| wanted.start.contains('T'));
    let asked = asked.ok_or_else(|| Fault::invalid("a date with a time").at("start"))?.from;
    let ahead = asked.seconds() - writer.now.seconds();
    if !(-LATE_SECONDS_MAX..=AHEAD_SECONDS_MAX).contains(&ahead) {
        return Err(Fault::invalid("from now on and within 400 days").at("start"));
    }
    Ok(local(asked, zone))
}

fn checked_reason(reason: &str, place: &'static str) -> Result<String, Fault> {
    let reason = reason.trim();
    if reason.len() > REASON_BYTES_MAX {
        return Err(Fault::too_costly("at most 2,000 bytes").at(place));
    }
    if reason.chars().count() < REASON_CHARS_MIN {
        return Err(Fault::invalid("this takes a reason").at(place));
    }
    Ok(reason.to_owned())
}

impl Session {
    /// Keeps a room with its hours, in the place of an earlier one of the same code; appointments there stay.
    pub async fn keep_room(&self, room: Room) -> Result<(), Fault> {
        self.own_account()?;
        if !self.principal().has_role(Role::Administrator) && !self.principal().has_role(Role::Technologist) {
            return Err(Fault::forbidden("rooms are seen to by who administers or makes the images"));
        }
        room.check()?;
        let writer = self.writer();
        let keep = move |tx: &mut Tx<'_>| {
            if tx.document(ROOM, &room.code)?.is_none() && tx.documents(ROOM, "")?.len() >= ROOMS_MAX {
                return Err(Fault::too_costly("at most 100 rooms"));
            }
            let body = serde_json::to_vec(&room).map_err(|_| Fault::bug("a room is always printable"))?;
            tx.put_document(ROOM, &room.code, &body, Expect::Any, writer.now)?;
            publish::room(tx, &writer, &room)?;
            writer.leaf(tx, Act::Update, "keep-room", &[], &room.code)
        };
        self.node().store().write(keep).await
    }

    pub fn rooms(&self) -> Result<Vec<Room>, Fault> {
        self.own_account()?;
        self.note(Act::Read, "rooms", &[], "rooms")?;
        self.node().store().read(rooms_of)
    }

    /// Free starts from a day on, in rooms of a modality. Names nobody.
    pub fn free_times(
        &self,
        modality: &str,
        minutes: u32,
        from: &str,
        days: usize,
    ) -> Result<Vec<Free>, Fault> {
        self.books(Action::Read)?;
        if weekday(from).is_none() {
            return Err(Fault::invalid("a day, YYYY-MM-DD").at("from"));
        }
        if !(1..=MINUTES_MAX).contains(&minutes) || !(1..=DAYS_MAX).contains(&days) {
            return Err(Fault::invalid("1 to 720 minutes, 1 to 31 days").at("minutes"));
        }
        let zone = &self.node().settings().zone;
        let (today, now) = local(self.now(), zone);
        self.note(Act::Execute, "free-times", &[], "free times")?;
        self.node().store().read(|view| {
            let rooms = rooms_of(view)?;
            let mut all = Vec::new();
            let mut at = Span::parse_fhir(from, "UTC").map_or(Instant::default(), |s| s.from);
            for _ in 0..days {
                let (day, _) = local(at, "UTC");
                at = at.plus_seconds(86_400);
                let earliest = if day == today { now } else { 0 };
                for room in rooms.iter().filter(|r| day >= today && r.modality == modality) {
                    let taken = day_of(view, &format!("{day}/{}", room.code))?;
                    let taken: Vec<Stretch> =
                        taken.iter().filter(|b| b.stands()).map(Booking::stretch).collect();
                    let start = |minute: u32| FreeStart {
                        start: clock(minute),
                        on_duty: room.on_duty(&day, minute).into_iter().map(str::to_owned).collect(),
                    };
                    let starts = starts(&room.free_on(&day, &taken), minutes, earliest);
                    if !starts.is_empty() {
                        let starts = starts.into_iter().map(start).collect();
                        let (room, name) = (room.code.clone(), room.name.clone());
                        all.push(Free { room, name, day: day.clone(), starts });
                    }
                }
            }
            Ok(all)
        })
    }

    /// Books an order. Of two who want one time at once, one has it; the worklist of the room's device follows in the same commit.
    pub async fn book(&self, wanted: Wanted) -> Result<Booking, Fault> {
        self.books(Action::Write)?;
        if !(1..=MINUTES_MAX).contains(&wanted.minutes) {
            return Err(Fault::invalid("1 to 720 minutes").at("minutes"));
        }
        let emergency = match wanted.emergency.as_str() {
            "" => String::new(),
            reason => checked_reason(reason, "emergency")?,
        };
        let (writer, session) = (self.writer(), self.clone());
        let book = move |tx: &mut Tx<'_>| {
            let missing = || Fault::not_found("no such order");
            let order = tx.get("ServiceRequest", &wanted.order)?.filter(|o| !o.deleted);
            let order = order.filter(|o| session.sees_stored(o)).ok_or_else(missing)?;
            if let Some(before) = tx.document(BY_ORDER, &wanted.order)? {
                let (_, day, at) = find(tx, &String::from_utf8_lossy(&before.body))?;
                if day[at].stands() {
                    return Err(Fault::conflict("the order has an appointment: move it").at("order"));
                }
            }
            let room = room_of(tx, &wanted.room)?;
            let (day, minute) = moment(tx, &room, &wanted, &writer)?;
            let accession = orders::accession_of(&order.body);
            let accession =
                accession.ok_or_else(|| Fault::invalid("the order has no accession number").at("order"))?;
            let patient =
                order.body["subject"].str_of("reference").strip_prefix("Patient/").ok_or_else(missing)?;
            let mut booking = Booking {
                id: id::LogicalId::random().as_str().to_owned(),
                order: wanted.order.clone(),
                accession,
                study_uid: String::new(),
                patient: patient.to_owned(),
                room: room.code.clone(),
                day,
                start: clock(minute),
                minutes: wanted.minutes,
                status: Status::Booked,
                emergency,
                reason: String::new(),
            };
            place(tx, &writer, &room, &order.body, &mut booking)?;
            Ok(booking)
        };
        self.node().store().write(book).await
    }

    /// Moves an appointment that was not come to yet, to another time or room.
    pub async fn move_booking(&self, id: &str, room: &str, start: &str) -> Result<Booking, Fault> {
        self.books(Action::Write)?;
        let (id, code, start) = (id.to_owned(), room.to_owned(), start.to_owned());
        let (writer, session) = (self.writer(), self.clone());
        let shift = move |tx: &mut Tx<'_>| {
            let (key, mut day, at) = session.booked(tx, &id)?;
            let mut booking = day[at].clone();
            if booking.status != Status::Booked {
                return Err(Fault::conflict("only a booked appointment is moved").at("status"));
            }
            let missing = || Fault::not_found("no such order");
            let order =
                tx.get("ServiceRequest", &booking.order)?.filter(|o| !o.deleted).ok_or_else(missing)?;
            let code = if code.is_empty() { booking.room.clone() } else { code };
            let room = room_of(tx, &code)?;
            let wanted = Wanted { start, minutes: booking.minutes, ..Wanted::default() };
            let (to, minute) = moment(tx, &room, &wanted, &writer)?;
            (booking.room, booking.day, booking.start) = (code, to, clock(minute));
            booking.emergency.clear();
            day.remove(at);
            keep_day(tx, &key, &day, writer.now)?;
            place(tx, &writer, &room, &order.body, &mut booking)?;
            Ok(booking)
        };
        self.node().store().write(shift).await
    }

    /// Gives the time back, with a reason; the order waits for another appointment.
    pub async fn end_booking(&self, id: &str, ending: Ending, reason: &str) -> Result<Booking, Fault> {
        self.books(Action::Write)?;
        let reason = match ending {
            Ending::Cancelled => checked_reason(reason, "reason")?,
            Ending::NoShow if reason.trim().is_empty() => String::new(),
            Ending::NoShow => checked_reason(reason, "reason")?,
        };
        let (id, writer, session) = (id.to_owned(), self.writer(), self.clone());
        let end = move |tx: &mut Tx<'_>| {
            let (key, mut day, at) = session.booked(tx, &id)?;
            let booking = &mut day[at];
            if booking.status != Status::Booked {
                return Err(Fault::conflict("only a booked appointment ends so").at("status"));
            }
            if ending == Ending::NoShow && booking.begins(&writer.zone) > writer.now {
                return Err(Fault::conflict("its time has not come").at("start"));
            }
            booking.status = match ending {
                Ending::Cancelled => Status::Cancelled,
                Ending::NoShow => Status::NoShow,
            };
            booking.reason = reason;
            let booking = booking.clone();
            keep_day(tx, &key, &day, writer.now)?;
            not_begun(tx, &booking)?;
            publish::step(tx, &writer, &booking, None)?;
            moved_case(tx, &writer, &booking, "unschedule")?;
            publish::appointment(tx, &writer, &booking)?;
            Ok(booking)
        };
        self.node().store().write(end).await
    }

    /// The patient is there.
    pub async fn arrive(&self, id: &str) -> Result<Booking, Fault> {
        self.books(Action::Write)?;
        let (id, writer, session) = (id.to_owned(), self.writer(), self.clone());
        let arrive = move |tx: &mut Tx<'_>| {
            let (key, mut day, at) = session.booked(tx, &id)?;
            if day[at].status != Status::Booked {
                return Err(Fault::conflict("only a booked appointment is come to").at("status"));
            }
            day[at].status = Status::Arrived;
            let booking = day[at].clone();
            keep_day(tx, &key, &day, writer.now)?;
            moved_case(tx, &writer, &booking, "arrive")?;
            publish::appointment(tx, &writer, &booking)?;
            Ok(booking)
        };
        self.node().store().write(arrive).await
    }

    /// Everything booked on a day, by room and time; what is hidden shows as taken time.
    pub fn day_board(&self, day: &str) -> Result<Vec<BoardLine>, Fault> {
        self.books(Action::Read)?;
        if weekday(day).is_none() {
            return Err(Fault::invalid("a day, YYYY-MM-DD").at("day"));
        }
        let mut all = self.node().store().read(|view| {
            let mut all = Vec::new();
            for document in view.documents(DAY, &format!("{day}/"))? {
                for booking in read_day(&document.body)? {
                    all.push(self.board_line(view, booking)?);
                }
            }
            Ok(all)
        })?;
        all.sort_by(|a, b| (&a.booking.room, &a.booking.start).cmp(&(&b.booking.room, &b.booking.start)));
        let shown = all.iter().filter(|l| l.shown.is_some());
        let patients: Vec<String> = shown.map(|l| l.booking.patient.clone()).collect();
        self.note(Act::Execute, "day-board", &patients, "appointments of a day")?;
        Ok(all)
    }

    fn board_line(&self, view: &View<'_>, booking: Booking) -> Result<BoardLine, Fault> {
        let order = view.get("ServiceRequest", &booking.order)?.filter(|o| !o.deleted);
        let patient = view.get("Patient", &booking.patient)?.filter(|p| !p.deleted);
        let both = order.filter(|o| self.sees_stored(o)).zip(patient.filter(|p| self.sees_stored(p)));
        let state = match &both {
            Some(_) => case_of(view, &booking.study_uid)?.map(|c| c.state).unwrap_or_default(),
            None => String::new(),
        };
        Ok(BoardLine { booking, shown: both.map(|(o, p)| (p.body, o.body)), state })
    }

    /// An appointment that this session may change; one whose order is hidden is not there.
    fn booked(&self, view: &View<'_>, id: &str) -> Result<(String, Vec<Booking>, usize), Fault> {
        let (key, day, at) = find(view, id)?;
        let stub = Stub {
            kind: "ServiceRequest".into(),
            id: day[at].order.as_str().into(),
            pat: pat_of(&day[at].patient),
            class: DataClass::Orders.bit(),
            source: self.node().settings().clues.as_str().into(),
        };
        let order = view.get("ServiceRequest", &day[at].order)?;
        if !self.sees(&stub) || order.is_some_and(|o| !self.sees_stored(&o)) {
            return Err(Fault::not_found("no such appointment"));
        }
        Ok((key, day, at))
    }

    /// Staff who order or make images.
    fn books(&self, action: Action) -> Result<(), Fault> {
        self.own_account()?;
        let allowed = access::classes(self.principal(), self.purpose(), action);
        if allowed & DataClass::Orders.bit() == 0 {
            return Err(Fault::forbidden("appointments are made by who orders or makes the images"));
        }
        Ok(())
    }
}

/// Puts an appointment where it fits; order, worklist, ledger and FHIR follow in the same commit.
fn place(
    tx: &mut Tx<'_>,
    writer: &Writer,
    room: &Room,
    order: &Value,
    booking: &mut Booking,
) -> Result<(), Fault> {
    refusal(tx, room, booking)?;
    not_begun(tx, booking)?;
    let key = format!("{}/{}", booking.day, room.code);
    let step = publish::step(tx, writer, booking, Some((room, order)))?;
    if !step.modality.is_empty() && step.modality != room.modality {
        return Err(Fault::invalid("the room's device is of another modality").at("room"));
    }
    booking.study_uid = step.study_uid;
    let mut day = day_of(tx, &key)?;
    if day.len() >= DAY_MAX {
        return Err(Fault::too_costly("at most 300 appointments in a room's day").at("start"));
    }
    day.push(booking.clone());
    keep_day(tx, &key, &day, writer.now)?;
    tx.put_document(BY_ID, &booking.id, key.as_bytes(), Expect::Any, writer.now)?;
    tx.put_document(BY_ORDER, &booking.order, booking.id.as_bytes(), Expect::Any, writer.now)?;
    publish::appointment(tx, writer, booking)
}

/// What a device has begun is not booked, moved or cancelled any more; nor is a cancelled order.
fn not_begun(view: &View<'_>, booking: &Booking) -> Result<(), Fault> {
    let step: Option<ScheduledStep> = orders::step_for(view, &booking.study_uid, &booking.accession)?;
    match step.map(|s| s.state) {
        None | Some(StepState::Scheduled) => Ok(()),
        Some(StepState::Discontinued) => Err(Fault::conflict("the examination was broken off").at("order")),
        Some(StepState::Cancelled) => Err(Fault::conflict("the order was cancelled").at("order")),
        Some(StepState::Started | StepState::Completed) => {
            Err(Fault::conflict("the examination has begun").at("order"))
        }
    }
}

/// The order was cancelled: the time of its appointment is free again.
pub(crate) fn order_ended(tx: &mut Tx<'_>, writer: &Writer, order: &str) -> Result<(), Fault> {
    let Some(kept) = tx.document(BY_ORDER, order)? else { return Ok(()) };
    let (key, mut day, at) = find(tx, &String::from_utf8_lossy(&kept.body))?;
    if day[at].status != Status::Booked {
        return Ok(());
    }
    day[at].status = Status::Cancelled;
    "La orden fue cancelada.".clone_into(&mut day[at].reason);
    keep_day(tx, &key, &day, writer.now)?;
    publish::appointment(tx, writer, &day[at])
}

fn moved_case(tx: &mut Tx<'_>, writer: &Writer, booking: &Booking, event: &'static str) -> Result<(), Fault> {
    let (Some(workflow), Some(mut case)) = (writer.imaging, case_of(tx, &booking.study_uid)?) else {
        return Ok(());
    };
    // A case that went on without its appointment stays where it is.
    if case.take(workflow, &Event::named(event), writer.now).is_err() {
        return Ok(());
    }
    ledger::keep(tx, writer, workflow, &case)
}

//! Radiology's steps from order to signed report (IHE RAD SWF.b; FHIR R4 Task): a table, applied by `record` to whatever happens.

use super::topic;
use badiano_record::workflow::{Clock, CriticalLevel, Effect, Guard, NEW, State, Step, Workflow};

const HOUR: i64 = 3600;

pub const WORKFLOW: Workflow = Workflow {
    department: "radiology",
    states: STATES,
    steps: STEPS,
    clocks: CLOCKS,
    critical: CRITICAL,
    topic: topic::of,
};

/// The three categories of actionable findings (ACR Actionable Reporting Work Group, 2014), within an hour, twelve hours and three days
/// altogether; a house's own numbers may differ.
const CRITICAL: &[CriticalLevel] = &[
    critical("immediate", "Inmediato: minutos", "Immediate: minutes", "stat", &[20, 20, 20]),
    critical("hours", "Urgente: horas", "Urgent: hours", "asap", &[240, 240, 240]),
    critical("days", "Significativo: días", "Significant: days", "urgent", &[1440, 1440, 1440]),
];

const fn critical(
    code: &'static str,
    es: &'static str,
    en: &'static str,
    priority: &'static str,
    minutes: &'static [i64],
) -> CriticalLevel {
    CriticalLevel { code, es, en, priority, minutes }
}

const STATES: &[State] = &[
    State::new("placed", "orders", "Solicitado", "Placed"),
    State::new("scheduled", "floor", "Programado", "Scheduled"),
    State::new("arrived", "floor", "En sala", "Arrived"),
    State::new("in-progress", "floor", "En adquisición", "In progress"),
    State::new("performed", "floor", "Realizado, sin imágenes", "Performed, no images"),
    State::new("to-read", "reading", "Sin leer", "To read"),
    State::new("claimed", "reading", "En lectura", "Claimed"),
    State::new("preliminary", "reading", "Borrador", "Preliminary"),
    State::new("final", "", "Firmado", "Final"),
    State::new("amended", "", "Enmendado", "Amended"),
    State::new("cancelled", "", "Cancelado", "Cancelled"),
    State::new("excused", "", "Dispensado", "Excused"),
];

/// What an order may be before its images come.
const BEFORE_IMAGES: &[&str] = &["placed", "scheduled", "arrived", "in-progress", "performed"];
const ON_THE_READING_LIST: &[&str] = &["to-read", "claimed", "preliminary"];
const SIGNED: &[&str] = &["final", "amended"];
/// From where the images of a study are read on; what a device or the order's sender still says moves it no more.
const IMAGED: &[&str] = &["to-read", "claimed", "preliminary", "final", "amended", "excused"];

const STEPS: &[Step] =
    &[
        // The order and its sender.
        Step::new("place", &[NEW, "cancelled"], "placed"),
        Step::new("schedule", &["placed", "scheduled"], "scheduled"),
        Step::new("cancel", &["placed", "scheduled", "arrived", "in-progress"], "cancelled"),
        Step::stays("cancel", IMAGED),
        // The technologist and the device (MPPS).
        Step::new("arrive", &["placed", "scheduled"], "arrived"),
        Step::new("begin", &["placed", "scheduled", "arrived"], "in-progress"),
        Step::new("perform", BEFORE_IMAGES, "performed"),
        // A patient whose examination was broken off needs a new appointment.
        Step::new("discontinue", &["placed", "scheduled", "arrived", "in-progress"], "placed"),
        Step::stays("begin", IMAGED),
        Step::stays("perform", IMAGED),
        Step::stays("discontinue", IMAGED),
        // Images make a study that is to be read, whatever was known of it, and again after it had left the lists.
        Step::new("image", &[NEW, "cancelled", "excused"], "to-read"),
        Step::new("image", BEFORE_IMAGES, "to-read"),
        Step::stays("image", ON_THE_READING_LIST),
        Step::new("image", SIGNED, "to-read").then(&[Effect::LetGo]),
        // The reader.
        Step::new("claim", &["to-read"], "claimed").when(&[Guard::NotAnothers]).then(&[Effect::Hold]),
        Step::stays("claim", &["claimed", "preliminary"]).when(&[Guard::Holder]),
        Step::new("release", &["claimed", "preliminary"], "to-read")
            .when(&[Guard::Holder])
            .then(&[Effect::LetGo]),
        Step::new("hand-over", &["to-read", "claimed"], "claimed")
            .when(&[Guard::NotAnothers])
            .then(&[Effect::HandOver]),
        Step::stays("hand-over", &["preliminary"]).when(&[Guard::Holder]).then(&[Effect::HandOver]),
        Step::new("save", ON_THE_READING_LIST, "preliminary")
            .when(&[Guard::NotSigned, Guard::NotAnothers])
            .then(&[Effect::Hold]),
        Step::new("sign", ON_THE_READING_LIST, "final")
            .when(&[Guard::NotSigned, Guard::NotAnothers])
            .then(&[Effect::Hold, Effect::Sign, Effect::Tell]),
        Step::new("amend", SIGNED, "amended").then(&[Effect::Hold, Effect::Tell]),
        // Images that came after the signature: the report is amended, or stands, and somebody says why.
        Step::new("amend", ON_THE_READING_LIST, "amended")
            .when(&[Guard::Signed, Guard::NotAnothers])
            .then(&[Effect::Hold, Effect::Tell]),
        Step::new("confirm", ON_THE_READING_LIST, "final")
            .when(&[Guard::Signed, Guard::NotAnothers, Guard::Reason])
            .then(&[Effect::Hold]),
        // Nobody will read it, and the reason stands beside it.
        Step::new("excuse", &["performed", "to-read", "claimed"], "excused")
            .when(&[Guard::NotSigned, Guard::NotAnothers, Guard::Reason])
            .then(&[Effect::Hold]),
        Step::new("recall", &["excused"], "to-read").when(&[Guard::Reason]).then(&[Effect::LetGo]),
    ];

/// How long a study may wait: a house's own numbers may differ, these are what it begins with.
const CLOCKS: &[Clock] = &[
    Clock::new("orders", "stat", HOUR / 2),
    Clock::new("orders", "asap", 4 * HOUR),
    Clock::new("orders", "urgent", 24 * HOUR),
    Clock::new("orders", "routine", 72 * HOUR),
    Clock::new("floor", "stat", HOUR),
    Clock::new("floor", "asap", 4 * HOUR),
    Clock::new("floor", "urgent", 24 * HOUR),
    Clock::new("floor", "routine", 30 * 24 * HOUR),
    Clock::new("reading", "stat", HOUR),
    Clock::new("reading", "asap", 2 * HOUR),
    Clock::new("reading", "urgent", 8 * HOUR),
    Clock::new("reading", "routine", 48 * HOUR),
];

//! Radiology's steps from order to signed report (IHE RAD SWF.b; FHIR R4 Task): a table, applied by `record` to whatever happens.

use super::topic;
use badiano_record::workflow::{Clock, Effect, Guard, NEW, State, Step, Workflow};

const HOUR: i64 = 3600;

pub const WORKFLOW: Workflow =
    Workflow { department: "radiology", states: STATES, steps: STEPS, clocks: CLOCKS, topic: topic::of };

const fn state(code: &'static str, list: &'static str, es: &'static str, en: &'static str) -> State {
    State { code, es, en, list }
}

const STATES: &[State] = &[
    state("placed", "orders", "Solicitado", "Placed"),
    state("scheduled", "floor", "Programado", "Scheduled"),
    state("arrived", "floor", "En sala", "Arrived"),
    state("in-progress", "floor", "En adquisición", "In progress"),
    state("performed", "floor", "Realizado, sin imágenes", "Performed, no images"),
    state("to-read", "reading", "Sin leer", "To read"),
    state("claimed", "reading", "En lectura", "Claimed"),
    state("preliminary", "reading", "Borrador", "Preliminary"),
    state("final", "", "Firmado", "Final"),
    state("amended", "", "Enmendado", "Amended"),
    state("cancelled", "", "Cancelado", "Cancelled"),
    state("excused", "", "Dispensado", "Excused"),
];

/// What an order may be before its images come.
const BEFORE_IMAGES: &[&str] = &["placed", "scheduled", "arrived", "in-progress", "performed"];
const ON_THE_READING_LIST: &[&str] = &["to-read", "claimed", "preliminary"];
const SIGNED: &[&str] = &["final", "amended"];
/// From where the images of a study are read on; what a device or the order's sender still says moves it no more.
const IMAGED: &[&str] = &["to-read", "claimed", "preliminary", "final", "amended", "excused"];

const fn step(event: &'static str, from: &'static [&'static str], to: &'static str) -> Step {
    Step { event, from, to: Some(to), guards: &[], effects: &[] }
}

const fn stays(event: &'static str, from: &'static [&'static str]) -> Step {
    Step { event, from, to: None, guards: &[], effects: &[] }
}

const fn under(step: Step, guards: &'static [Guard]) -> Step {
    Step { guards, ..step }
}

const fn then(step: Step, effects: &'static [Effect]) -> Step {
    Step { effects, ..step }
}

const STEPS: &[Step] = &[
    // The order and its sender.
    step("place", &[NEW, "cancelled"], "placed"),
    step("schedule", &["placed", "scheduled"], "scheduled"),
    step("cancel", &["placed", "scheduled", "arrived", "in-progress"], "cancelled"),
    stays("cancel", IMAGED),
    // The technologist and the device (MPPS).
    step("arrive", &["placed", "scheduled"], "arrived"),
    step("begin", &["placed", "scheduled", "arrived"], "in-progress"),
    step("perform", BEFORE_IMAGES, "performed"),
    // A patient whose examination was broken off needs a new appointment.
    step("discontinue", &["placed", "scheduled", "arrived", "in-progress"], "placed"),
    stays("begin", IMAGED),
    stays("perform", IMAGED),
    stays("discontinue", IMAGED),
    // Images make a study that is to be read, whatever was known of it, and again after it had left the lists.
    step("image", &[NEW, "cancelled", "excused"], "to-read"),
    step("image", BEFORE_IMAGES, "to-read"),
    stays("image", ON_THE_READING_LIST),
    then(step("image", SIGNED, "to-read"), &[Effect::LetGo]),
    // The reader.
    then(under(step("claim", &["to-read"], "claimed"), &[Guard::NotAnothers]), &[Effect::Hold]),
    under(stays("claim", &["claimed", "preliminary"]), &[Guard::Holder]),
    then(under(step("release", &["claimed", "preliminary"], "to-read"), &[Guard::Holder]), &[Effect::LetGo]),
    then(
        under(step("hand-over", &["to-read", "claimed"], "claimed"), &[Guard::NotAnothers]),
        &[Effect::HandOver],
    ),
    then(under(stays("hand-over", &["preliminary"]), &[Guard::Holder]), &[Effect::HandOver]),
    then(
        under(step("save", ON_THE_READING_LIST, "preliminary"), &[Guard::NotSigned, Guard::NotAnothers]),
        &[Effect::Hold],
    ),
    then(
        under(step("sign", ON_THE_READING_LIST, "final"), &[Guard::NotSigned, Guard::NotAnothers]),
        &[Effect::Hold, Effect::Sign, Effect::Tell],
    ),
    then(step("amend", SIGNED, "amended"), &[Effect::Hold, Effect::Tell]),
    // Images that came after the signature: the report is amended, or stands, and somebody says why.
    then(
        under(step("amend", ON_THE_READING_LIST, "amended"), &[Guard::Signed, Guard::NotAnothers]),
        &[Effect::Hold, Effect::Tell],
    ),
    then(
        under(
            step("confirm", ON_THE_READING_LIST, "final"),
            &[Guard::Signed, Guard::NotAnothers, Guard::Reason],
        ),
        &[Effect::Hold],
    ),
    // Nobody will read it, and the reason stands beside it.
    then(
        under(
            step("excuse", &["performed", "to-read", "claimed"], "excused"),
            &[Guard::NotSigned, Guard::NotAnothers, Guard::Reason],
        ),
        &[Effect::Hold],
    ),
    then(under(step("recall", &["excused"], "to-read"), &[Guard::Reason]), &[Effect::LetGo]),
];

const fn clock(list: &'static str, priority: &'static str, seconds: i64) -> Clock {
    Clock { list, priority, seconds }
}

/// How long a study may wait: a house's own numbers may differ, these are what it begins with.
const CLOCKS: &[Clock] = &[
    clock("orders", "stat", HOUR / 2),
    clock("orders", "asap", 4 * HOUR),
    clock("orders", "urgent", 24 * HOUR),
    clock("orders", "routine", 72 * HOUR),
    clock("floor", "stat", HOUR),
    clock("floor", "asap", 4 * HOUR),
    clock("floor", "urgent", 24 * HOUR),
    clock("floor", "routine", 30 * 24 * HOUR),
    clock("reading", "stat", HOUR),
    clock("reading", "asap", 2 * HOUR),
    clock("reading", "urgent", 8 * HOUR),
    clock("reading", "routine", 48 * HOUR),
];

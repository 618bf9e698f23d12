//! Radiology's steps from order to signed report (IHE RAD SWF.b; FHIR R4 Task): a table, applied by `record` to whatever happens.

use super::topic;
use badiano_record::workflow::{
    Assessment, Clock, CriticalLevel, Effect, Guard, NEW, Stage, State, Step, Workflow,
};

const HOUR: i64 = 3600;

pub const WORKFLOW: Workflow = Workflow {
    department: "radiology",
    states: STATES,
    steps: STEPS,
    clocks: CLOCKS,
    critical: CRITICAL,
    topic: topic::of,
    is_read_twice: topic::is_screening_of_breasts,
    assessments: BI_RADS,
};

/// The categories of ACR BI-RADS (5th edition); readings that ask for the same next step agree.
const BI_RADS: &[Assessment] = &[
    bi_rads("0", "0, faltan imágenes o comparación", "0, incomplete", RECALL),
    bi_rads("1", "1, negativa", "1, negative", ROUTINE),
    bi_rads("2", "2, hallazgo benigno", "2, benign", ROUTINE),
    bi_rads("3", "3, probablemente benigno", "3, probably benign", SHORT),
    bi_rads("4", "4, sospechoso", "4, suspicious", RECALL),
    bi_rads("5", "5, muy sugerente de malignidad", "5, highly suggestive of malignancy", RECALL),
    bi_rads("6", "6, malignidad conocida", "6, known malignancy", RECALL),
];
const ROUTINE: u8 = 0;
const SHORT: u8 = 1;
const RECALL: u8 = 2;

const fn bi_rads(code: &'static str, es: &'static str, en: &'static str, group: u8) -> Assessment {
    Assessment { code, es, en, group }
}

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
    State::new("cosign", "reading", "Por validar", "To be co-signed"),
    State::new("second", "reading", "Por segunda lectura", "For the second reading"),
    State::new("arbitration", "reading", "Por arbitrar", "To be arbitrated"),
    State::new("claimed", "reading", "En lectura", "Claimed"),
    State::new("preliminary", "reading", "Borrador", "Preliminary"),
    State::new("final", "", "Firmado", "Final"),
    State::new("amended", "", "Enmendado", "Amended"),
    State::new("cancelled", "", "Cancelado", "Cancelled"),
    State::new("excused", "", "Dispensado", "Excused"),
];

/// What an order may be before its images come.
const BEFORE_IMAGES: &[&str] = &["placed", "scheduled", "arrived", "in-progress", "performed"];
/// Nobody has it, whatever of it was read already.
const WAITS: &[&str] = &["to-read", "cosign", "second", "arbitration"];
const WITH_SOMEBODY: &[&str] = &["claimed", "preliminary"];
const ON_THE_READING_LIST: &[&str] =
    &["to-read", "cosign", "second", "arbitration", "claimed", "preliminary"];
const NOT_WRITTEN: &[&str] = &["to-read", "cosign", "second", "arbitration", "claimed"];
const SIGNED: &[&str] = &["final", "amended"];
/// From where the images of a study are read on; what a device or the order's sender still says moves it no more.
const IMAGED: &[&str] =
    &["to-read", "cosign", "second", "arbitration", "claimed", "preliminary", "final", "amended", "excused"];

const STEPS: &[Step] = &[
    // The order and its sender.
    Step::new("place", &[NEW, "cancelled"], "placed"),
    Step::new("schedule", &["placed", "scheduled"], "scheduled"),
    Step::new("cancel", &["placed", "scheduled", "arrived", "in-progress"], "cancelled"),
    Step::stays("cancel", IMAGED),
    // The technologist and the device (MPPS).
    Step::new("arrive", &["placed", "scheduled"], "arrived"),
    // An appointment that was cancelled or not kept; the order waits for another.
    Step::new("unschedule", &["scheduled", "arrived"], "placed"),
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
    // The reader. Who has read a case that is read twice does not read it again.
    Step::new("claim", WAITS, "claimed")
        .when(&[Guard::NotAnothers, Guard::NotReadBefore])
        .then(&[Effect::Hold]),
    Step::stays("claim", WITH_SOMEBODY).when(&[Guard::Holder]),
    Step::new("release", WITH_SOMEBODY, "cosign")
        .when(&[Guard::Holder, Guard::At(Stage::Cosign)])
        .then(&[Effect::LetGo]),
    Step::new("release", WITH_SOMEBODY, "second")
        .when(&[Guard::Holder, Guard::At(Stage::Second)])
        .then(&[Effect::LetGo]),
    Step::new("release", WITH_SOMEBODY, "arbitration")
        .when(&[Guard::Holder, Guard::At(Stage::Arbiter)])
        .then(&[Effect::LetGo]),
    Step::new("release", WITH_SOMEBODY, "to-read").when(&[Guard::Holder]).then(&[Effect::LetGo]),
    Step::new("hand-over", NOT_WRITTEN, "claimed")
        .when(&[Guard::NotAnothers, Guard::NotReadBefore])
        .then(&[Effect::HandOver]),
    Step::stays("hand-over", &["preliminary"])
        .when(&[Guard::Holder, Guard::NotReadBefore])
        .then(&[Effect::HandOver]),
    Step::new("save", ON_THE_READING_LIST, "preliminary")
        .when(&[Guard::NotSigned, Guard::NotAnothers, Guard::NotReadBefore])
        .then(&[Effect::Hold]),
    // One reading, signed by who reads, or by who answers for the resident who wrote it.
    signs("final", &[Guard::NotSigned, Guard::NotAnothers, Guard::At(Stage::Only), Guard::Attending], ENDS),
    signs("final", &[Guard::NotSigned, Guard::NotAnothers, Guard::At(Stage::Cosign), Guard::Attending], ENDS),
    signs("cosign", &[Guard::NotSigned, Guard::NotAnothers, Guard::At(Stage::Only), Guard::Trainee], DRAFTED),
    signs(
        "cosign",
        &[Guard::NotSigned, Guard::NotAnothers, Guard::At(Stage::Cosign), Guard::Trainee],
        DRAFTED,
    ),
    // Two readings, and a third where they ask for different things.
    signs(
        "second",
        &[Guard::NotSigned, Guard::NotAnothers, Guard::At(Stage::First), Guard::Attending, Guard::Assessed],
        READ,
    ),
    signs(
        "final",
        &[
            Guard::NotSigned,
            Guard::NotAnothers,
            Guard::At(Stage::Second),
            Guard::Attending,
            Guard::NotReadBefore,
            Guard::Assessed,
            Guard::Agrees,
        ],
        READ_AND_ENDS,
    ),
    signs(
        "arbitration",
        &[
            Guard::NotSigned,
            Guard::NotAnothers,
            Guard::At(Stage::Second),
            Guard::Attending,
            Guard::NotReadBefore,
            Guard::Assessed,
            Guard::Differs,
        ],
        READ,
    ),
    signs(
        "final",
        &[
            Guard::NotSigned,
            Guard::NotAnothers,
            Guard::At(Stage::Arbiter),
            Guard::Attending,
            Guard::NotReadBefore,
            Guard::Assessed,
        ],
        READ_AND_ENDS,
    ),
    Step::new("amend", SIGNED, "amended").when(&[Guard::Attending]).then(&[Effect::Hold, Effect::Tell]),
    // Images that came after the signature: the report is amended, or stands, and somebody says why.
    Step::new("amend", ON_THE_READING_LIST, "amended")
        .when(&[Guard::Signed, Guard::NotAnothers, Guard::Attending])
        .then(&[Effect::Hold, Effect::Tell]),
    Step::new("confirm", ON_THE_READING_LIST, "final")
        .when(&[Guard::Signed, Guard::NotAnothers, Guard::Attending, Guard::Reason])
        .then(&[Effect::Hold]),
    // Nobody will read it, and the reason stands beside it.
    Step::new("excuse", &["performed", "to-read", "cosign", "second", "arbitration", "claimed"], "excused")
        .when(&[Guard::NotSigned, Guard::NotAnothers, Guard::Attending, Guard::Reason])
        .then(&[Effect::Hold]),
    Step::new("recall", &["excused"], "to-read")
        .when(&[Guard::Attending, Guard::Reason])
        .then(&[Effect::LetGo]),
];

const ENDS: &[Effect] = &[Effect::Hold, Effect::Sign, Effect::Tell];
const DRAFTED: &[Effect] = &[Effect::Draft, Effect::LetGo];
const READ: &[Effect] = &[Effect::Read, Effect::LetGo];
const READ_AND_ENDS: &[Effect] = &[Effect::Read, Effect::Hold, Effect::Sign, Effect::Tell];

const fn signs(to: &'static str, guards: &'static [Guard], effects: &'static [Effect]) -> Step {
    Step::new("sign", ON_THE_READING_LIST, to).when(guards).then(effects)
}

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

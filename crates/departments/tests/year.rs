//! A simulated year of imaging in forty hospitals over radiology's own table of steps and its own assignment: at no moment is a
//! study that somebody owes off every list.
//!
//! The numbers are those of a year of ISSSTE (1,998,918 procedures). Around the ordinary way from order to signature there is
//! trouble: orders cancelled while the patient lies in the scanner, devices that say nothing or say it twice, images without an
//! order and after the signature, two readers at once, residents, readings that differ, weeks with half of the readers.

use badiano_departments::radiology::DEPARTMENT;
use badiano_departments::radiology::assign::{Given, Reader, Waiting, assign};
use badiano_kernel::Instant;
use badiano_record::ledger::rank_of;
use badiano_record::workflow::{Event, NEW, Stage, Standing, Step, Workflow};
use badiano_testkit::Rng;
use badiano_testkit::proof::{Plan, Proof};
use std::collections::BTreeMap;

const DAYS: u64 = 365;
/// Modality and procedures of the year.
const MIX: [(&str, u64); 10] = [
    ("DX", 1_478_044),
    ("US", 173_530),
    ("CT", 165_030),
    ("MG", 62_060),
    ("XA", 45_919),
    ("MR", 28_560),
    ("RF", 26_235),
    ("SC", 18_603),
    ("HD", 470),
    ("PT", 467),
];
const PROCEDURES: u64 = 1_998_918;
const HOSPITALS: u64 = 40;
const READERS: u64 = 90;
/// The last of them are residents.
const RESIDENTS: u64 = 10;
/// Of eight studies five can wait.
const PRIORITIES: [&str; 8] =
    ["routine", "routine", "routine", "routine", "routine", "urgent", "asap", "stat"];
const DESCRIPTIONS: [&str; 8] = [
    "Tórax PA",
    "Cráneo simple",
    "Abdomen y pelvis",
    "Rodilla derecha",
    "Doppler carotídeo",
    "Obstétrico",
    "Corazón",
    "Proyección única",
];
const SEED: u64 = 1552;
const REASON: &str = "repetido, se informa el otro estudio";
const DAY_SECONDS: i64 = 86_400;
/// A late image comes within so many days of the signature.
const LATE_DAYS_MAX: u64 = 6;

/// One procedure: what the table says of it, and what a second, simpler reckoning says is owed.
struct Study {
    at: Standing,
    site: u16,
    topic: u8,
    priority: &'static str,
    since: i64,
    minutes: u32,
    is_ordered: bool,
    /// Images that no signature, confirmation or waiver has followed yet.
    has_news: bool,
}

impl Study {
    /// Somebody owes this study something: images that nobody has answered for, or an order without images.
    fn is_owed(&self) -> bool {
        self.has_news || self.is_ordered
    }
}

struct Year {
    workflow: &'static Workflow,
    open: Vec<Study>,
    /// Signed studies to which more images will come, by day.
    late: BTreeMap<u64, Vec<Study>>,
    readers: Vec<Reader>,
    made: u64,
    ended: u64,
    counts: BTreeMap<&'static str, u64>,
}

#[test]
fn no_study_of_a_year_is_ever_off_every_list() {
    assert_eq!(MIX.iter().map(|m| m.1).sum::<u64>(), PROCEDURES);
    let mut proof = Proof::begin("radiology_year", Plan { slice: 5, full: DAYS });
    let mut year = Year::new(&DEPARTMENT.workflow, &mut Rng::of(proof.seed(), "readers", 0));
    let mut days = 0;
    for mut day in proof.by_ref() {
        year.day(day.number, &mut day.rng);
        days = day.number + 1;
    }
    year.count();
    assert_eq!(year.made, due_by(days), "every procedure of these days was made");
    if days == DAYS {
        assert_eq!(year.made, PROCEDURES);
    }
    for (what, n) in &year.counts {
        proof.note(what, *n);
    }
    assert!(proof.noted("signed") > 1_000 && proof.noted("late images") > 10, "the year is not empty");
    assert_eq!(proof.noted("off every list"), 0, "BADIANO_SEED={}", proof.seed());
}

/// The reckoning sees what a careless table would do: images that come after the signature and call nobody back.
#[test]
fn a_table_that_loses_late_images_is_found_out_within_days() {
    let own = &DEPARTMENT.workflow;
    let careless = own.steps.iter().map(|step| match (step.event, step.to) {
        ("image", Some("to-read")) if step.from.contains(&"final") => Step::stays("image", step.from),
        _ => *step,
    });
    let steps: &'static [Step] = careless.collect::<Vec<_>>().leak();
    let workflow: &'static Workflow = Box::leak(Box::new(Workflow { steps, ..*own }));
    let mut year = Year::new(workflow, &mut Rng::of(SEED, "readers", 0));
    for day in 0..4 {
        year.day(day, &mut Rng::of(SEED, "careless", day));
    }
    assert!(year.counts["off every list"] > 0, "seed {SEED}");
}

/// Procedures of the first days, spread evenly over the year for each modality.
fn due_by(days: u64) -> u64 {
    MIX.iter().map(|(_, n)| n * days / DAYS).sum()
}

impl Year {
    fn new(workflow: &'static Workflow, rng: &mut Rng) -> Year {
        let topics = u64::try_from(DEPARTMENT.topics.len()).expect("few");
        let reader = |n: u64| Reader {
            // Each hospital has readers of its own; the others share a part of the country.
            sites: (0..12)
                .map(|k| site((n + k * 7 + rng.below(3)) % HOSPITALS))
                .chain([site(n % HOSPITALS)])
                .collect(),
            licence_ends: i64::MAX,
            topics: if n.is_multiple_of(3) { (1 << topics) - 1 } else { rng.next_u64() | 1 << (topics - 1) },
            shift: 420,
            taken: 0,
        };
        Year {
            workflow,
            open: Vec::new(),
            late: BTreeMap::new(),
            readers: (0..READERS).map(reader).collect(),
            made: 0,
            ended: 0,
            counts: BTreeMap::new(),
        }
    }

    fn note(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn day(&mut self, day: u64, rng: &mut Rng) {
        for (modality, n) in MIX {
            for _ in n * day / DAYS..n * (day + 1) / DAYS {
                let study = self.acquired(modality, day, rng);
                self.made += 1;
                self.settle(study, day, rng);
            }
        }
        for mut study in self.late.remove(&day).unwrap_or_default() {
            self.note("late images");
            self.happens(&mut study, Event::named("image"), day);
            self.settle(study, day, rng);
        }
        self.read(day, rng);
        // At the end of each day everybody is accounted for: on a list, ended, or ended with images still to come.
        let later: usize = self.late.values().map(Vec::len).sum();
        assert_eq!(self.made, self.ended + (self.open.len() + later) as u64, "day {day}");
    }

    /// From the order, or from nothing, to whatever the device and the sender did that day.
    fn acquired(&mut self, modality: &'static str, day: u64, rng: &mut Rng) -> Study {
        let screening = modality == "MG" && rng.percent(85);
        let description = if screening { "Mastografía de tamizaje" } else { *rng.pick(&DESCRIPTIONS) };
        let topic = (self.workflow.topic)(modality, "", description);
        let topic = DEPARTMENT.topics.iter().position(|t| t.code == topic).expect("of the table");
        let mut study = Study {
            at: Standing {
                is_read_twice: (self.workflow.is_read_twice)(modality, "", description),
                ..Standing::default()
            },
            site: site(rng.below(HOSPITALS)),
            topic: u8::try_from(topic).expect("few"),
            priority: drawn(rng, &PRIORITIES),
            since: day as i64 * DAY_SECONDS,
            minutes: if modality == "DX" { 2 } else { 4 + rng.below(12) as u32 },
            is_ordered: false,
            has_news: false,
        };
        for name in course(rng) {
            self.happens(&mut study, Event::named(name), day);
        }
        if study.at.state == NEW {
            // A device may speak of what nobody ordered; the order comes after.
            self.happens(&mut study, Event::named("place"), day);
        }
        study
    }

    /// What the readers of the day get, and what they make of it.
    fn read(&mut self, day: u64, rng: &mut Rng) {
        let is_holiday = day % 91 > 84;
        for reader in &mut self.readers {
            reader.taken = if is_holiday && rng.percent(50) { reader.shift } else { 0 };
        }
        let mut waiting = Vec::new();
        for study in &self.open {
            let reads = study.at.readings.iter().map(|r| number(&r.by));
            let mut not = reads.chain(study.at.drafted_by.as_deref().map(number));
            waiting.push(Waiting {
                site: study.site,
                topic: study.topic,
                rank: rank_of(study.priority),
                due: study.since,
                minutes: study.minutes,
                not: [not.next(), not.next()],
            });
        }
        let given = assign(&waiting, &self.readers, day as i64 * DAY_SECONDS).expect("within the limits");
        let open = std::mem::take(&mut self.open);
        for (mut study, given) in open.into_iter().zip(given) {
            if let Given::To { reader, .. } = given
                && self.workflow.list_of(&study.at.state) == "reading"
            {
                self.reads(&mut study, u64::from(reader), day, rng);
            } else {
                self.on_the_floor(&mut study, day, rng);
            }
            self.settle(study, day, rng);
        }
    }

    /// An order waits, or a room: sooner or later it is done, broken off, or cancelled.
    fn on_the_floor(&mut self, study: &mut Study, day: u64, rng: &mut Rng) {
        if self.workflow.list_of(&study.at.state) == "reading" {
            return;
        }
        let name =
            *rng.pick(&["arrive", "begin", "perform", "image", "image", "cancel", "discontinue", "schedule"]);
        self.happens(study, Event::named(name), day);
        if study.at.state == "performed" && rng.percent(30) {
            let event = Event { reason: REASON.to_owned(), ..by(rng.below(READERS - RESIDENTS), "excuse") };
            self.happens(study, event, day);
        }
    }

    fn reads(&mut self, study: &mut Study, reader: u64, day: u64, rng: &mut Rng) {
        let is_trainee = reader >= READERS - RESIDENTS;
        let act = |name| Event { is_trainee, ..by(reader, name) };
        self.happens(study, act("claim"), day);
        if rng.percent(2) {
            // Somebody else is quicker or slower by a second; an image arrives while it is written; the device speaks again.
            let other = by(rng.below(READERS), "claim");
            self.happens(study, other, day);
            self.happens(study, Event::named(drawn(rng, &["image", "perform", "cancel", "begin"])), day);
        }
        if rng.percent(3) {
            let to = Some(name(rng.below(READERS)));
            let event = if rng.percent(50) { Event { to, ..act("hand-over") } } else { act("release") };
            return self.happens(study, event, day);
        }
        if rng.percent(1) {
            return self.happens(study, Event { reason: REASON.to_owned(), ..act("excuse") }, day);
        }
        if rng.percent(40) {
            self.happens(study, act("save"), day);
        }
        let (signed, stage) = (study.at.signed, study.at.stage());
        let event = match signed {
            true if rng.percent(60) => act("amend"),
            true => Event { reason: REASON.to_owned(), ..act("confirm") },
            false => Event { assessment: (*rng.pick(&["1", "1", "1", "2", "0"])).to_owned(), ..act("sign") },
        };
        self.happens(study, event, day);
        if !signed && study.at.signed {
            self.note(match stage {
                Stage::Only | Stage::First => "signed by one",
                Stage::Cosign => "signed for a resident",
                Stage::Second => "signed by two",
                Stage::Arbiter => "signed by a third",
            });
            self.note("signed");
        } else if study.at.holder.is_some() {
            // Refused, or kept for tomorrow: it goes back so that somebody else may have it.
            let holder = study.at.holder.clone();
            self.happens(study, Event { by: holder, ..Event::named("release") }, day);
        }
    }

    /// Applies what happened, if the table has it, and checks the two reckonings against each other.
    fn happens(&mut self, study: &mut Study, event: Event, day: u64) {
        let Ok((after, _)) = self.workflow.apply(&study.at, &event) else {
            return self.note("refused steps");
        };
        let before = std::mem::replace(&mut study.at, after);
        self.note("steps");
        match event.name {
            "image" => (study.has_news, study.is_ordered) = (true, false),
            "place" => study.is_ordered = true,
            "cancel" if !study.has_news && !before.signed => study.is_ordered = false,
            "excuse" => (study.has_news, study.is_ordered) = (false, false),
            "amend" | "confirm" => study.has_news = false,
            "sign" if study.at.signed => study.has_news = false,
            "recall" => study.has_news = true,
            _ => {}
        }
        let (was, list) = (self.workflow.list_of(&before.state), self.workflow.list_of(&study.at.state));
        if was != list {
            study.since = day as i64 * DAY_SECONDS;
        }
        let place = format!("{} from `{}` to `{}`", event.name, before.state, study.at.state);
        assert!(self.workflow.state(&study.at.state).is_some(), "{place}: no state of the table");
        if study.is_owed() == list.is_empty() {
            println!("{place}: owed {}, on `{list}`", study.is_owed());
            self.note("off every list");
        }
        if !list.is_empty() {
            let since = Instant::from_seconds(study.since);
            assert!(
                self.workflow.due(list, study.priority, since) > since,
                "{place}: no clock runs on `{list}`"
            );
        }
    }

    /// Where a study goes after something happened to it.
    fn settle(&mut self, study: Study, day: u64, rng: &mut Rng) {
        if !self.workflow.list_of(&study.at.state).is_empty() {
            return self.open.push(study);
        }
        // Most have ended; to a few more images come.
        if study.at.state != "cancelled" && rng.percent(1) {
            let day = day + 1 + rng.below(LATE_DAYS_MAX);
            return self.late.entry(day).or_default().push(study);
        }
        self.note(match study.at.state.as_str() {
            "final" => "ended final",
            "amended" => "ended amended",
            "cancelled" => "ended cancelled",
            "excused" => "ended excused",
            other => panic!("`{other}` is no end"),
        });
        self.ended += 1;
    }

    /// Where everything stands in the end.
    fn count(&mut self) {
        let open = std::mem::take(&mut self.open);
        for study in &open {
            let list = self.workflow.list_of(&study.at.state);
            self.note(match list {
                "orders" => "waiting as orders",
                "floor" => "waiting on the floor",
                "reading" => "waiting to be read",
                other => panic!("`{other}` is no list"),
            });
        }
        let later: usize = self.late.values().map(Vec::len).sum();
        *self.counts.entry("ended, images to come").or_default() += later as u64;
    }
}

/// What happens to a procedure until it is to be read, in the order in which it happens.
fn course(rng: &mut Rng) -> Vec<&'static str> {
    let ordinary = ["place", "schedule", "arrive", "begin", "image", "perform"];
    match rng.below(100) {
        0..=79 => ordinary.to_vec(),
        // Without an order; without a word of the device; the images before it says that it began.
        80..=84 => vec!["image"],
        85..=88 => vec!["place", "image"],
        89..=90 => vec!["place", "schedule", "image", "begin", "perform", "perform"],
        // Cancelled: in time, during the acquisition with and without images, after it.
        91 => vec!["place", "cancel"],
        92 => vec!["place", "begin", "cancel", "image"],
        93 => vec!["place", "arrive", "begin", "image", "cancel", "perform"],
        94 => vec!["place", "schedule", "cancel", "place"],
        // Broken off, or never begun, or done without images.
        95 => vec!["place", "begin", "discontinue"],
        96 => vec!["place", "schedule"],
        97 => vec!["place", "begin", "perform"],
        // Everything twice, in another order.
        98 => ordinary.iter().rev().chain(&ordinary).copied().collect(),
        _ => (0..12).map(|_| *rng.pick(&ordinary)).collect(),
    }
}

fn drawn(rng: &mut Rng, of: &[&'static str]) -> &'static str {
    let one: &&'static str = rng.pick(of);
    one
}

fn site(n: u64) -> u16 {
    u16::try_from(n).expect("forty hospitals")
}

fn name(reader: u64) -> String {
    format!("r{reader}")
}

fn number(reader: &str) -> u32 {
    reader[1..].parse().expect("a reader of this year")
}

fn by(reader: u64, event: &'static str) -> Event {
    Event { by: Some(name(reader)), ..Event::named(event) }
}

//! The people, numbers and order of arrival of the end-to-end story, drawn from one seed (docs: the walkthrough).
//!
//! The test of the story, the browser's driver and the scripts of DICOM peers all read what is drawn here, as a value or as JSON.

use crate::hl7::{Encoding, Envelope, Sender};
use crate::order::{self, Order};
use crate::people::{self, Person};
use crate::rng::Rng;
use crate::studies::{Charset, Kind, Scanner, Study};
use badiano_fhir::{Value, fhir};
use badiano_mexico::{Clues, Date, Sex, entity, zones};

/// A hospital of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hospital {
    /// `norte` or `sur`: for addresses and folders.
    pub key: &'static str,
    pub name: String,
    /// Of the right shape; serials from 999000 are nobody's.
    pub clues: Clues,
    /// Of the node as an archive.
    pub ae_title: String,
    /// Of its scanners and the workstation.
    pub ct_ae: String,
    pub mammography_ae: String,
    pub workstation_ae: String,
    pub sender: Sender,
    /// IANA.
    pub zone: &'static str,
}

/// Somebody who works at a node and signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// `radiologist`, `clinician`, `technologist`, `administrator`
    pub role: &'static str,
    /// Key of the hospital.
    pub hospital: &'static str,
    pub account: String,
    pub professional: order::Professional,
}

/// Which message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    AdtA04,
    AdtA08,
    OrmO01,
    OmiO23,
}

/// One message in the order in which it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub kind: MessageKind,
    /// Into [`Story::visits`].
    pub visit: usize,
    pub encoding: Encoding,
    pub control_id: String,
    /// `YYYYMMDDHHMMSS`
    pub at: String,
    pub with_something_unknown: bool,
}

/// A person who comes to Norte with an order. The first is the citizen, who has two: CT and mammogram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub person: Person,
    pub order: Order,
    pub study: Kind,
    pub charset: Charset,
    /// Numbers of the instances in the order in which they are sent.
    pub sent: Vec<u32>,
}

/// Everything that the story draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    pub seed: u64,
    pub day: Date,
    pub hub_ae: String,
    pub north: Hospital,
    pub south: Hospital,
    pub staff: Vec<Staff>,
    pub visits: Vec<Visit>,
    pub arrivals: Vec<Arrival>,
}

/// Persons beside the citizen who come the same day.
const OTHERS: u64 = 4;

impl Story {
    /// The story takes place on `day`, which a driver sets to its today so that work lists show it.
    pub fn from_seed(seed: u64, day: Date) -> Story {
        let mut rng = Rng::of(seed, "story", 0);
        let suffix = rng.between(100, 999).to_string();
        let north = hospital(&mut rng, "norte", "Hospital Regional Norte", &suffix, "NL");
        let south = hospital(&mut rng, "sur", "Hospital General Sur", &suffix, "OC");
        let staff = staff(seed, &mut rng);
        let visits = visits(seed, &mut rng, &north, day);
        let arrivals = arrivals(&mut rng, &visits, day);
        Story { seed, day, hub_ae: format!("HUB{suffix}"), north, south, staff, visits, arrivals }
    }

    pub fn citizen(&self) -> &Person {
        &self.visits[0].person
    }

    /// The bytes of an arrival, without MLLP framing.
    pub fn message(&self, arrival: &Arrival) -> Vec<u8> {
        let visit = &self.visits[arrival.visit];
        let envelope = Envelope {
            sender: &self.north.sender,
            encoding: arrival.encoding,
            control_id: &arrival.control_id,
            at: &arrival.at,
            with_something_unknown: arrival.with_something_unknown,
        };
        match arrival.kind {
            MessageKind::AdtA04 => envelope.adt_a04(&visit.person, &visit.order),
            MessageKind::AdtA08 => envelope.adt_a08(&visit.person, &visit.order),
            MessageKind::OrmO01 => envelope.orm_o01(&visit.person, &visit.order),
            MessageKind::OmiO23 => envelope.omi_o23(&visit.person, &visit.order),
        }
    }

    /// The study of a visit, made at Norte.
    pub fn study(&self, visit: &Visit) -> Study {
        let scanner = Scanner {
            institution: self.north.name.clone(),
            station: visit.order.scheduled_ae.clone(),
            timezone_offset: self.north.sender.timezone_offset.clone(),
            charset: visit.charset,
        };
        Study::new(self.seed, visit.study, &visit.person, &visit.order, &scanner)
    }

    /// For drivers in other languages; messages as hexadecimal text, pixels not at all.
    pub fn to_json(&self) -> String {
        badiano_fhir::json::to_string_pretty(&self.to_value())
    }

    fn to_value(&self) -> Value {
        let arrivals: Vec<Value> = self.arrivals.iter().map(|a| self.arrival_value(a)).collect();
        let visits: Vec<Value> = self.visits.iter().map(|v| self.visit_value(v)).collect();
        let staff: Vec<Value> = self.staff.iter().map(staff_value).collect();
        fhir!({
            "seed": (self.seed.to_string()),
            "day": (self.day.to_string()),
            "hub": { "ae_title": (self.hub_ae.as_str()) },
            "hospitals": [(hospital_value(&self.north)), (hospital_value(&self.south))],
            "staff": staff,
            "visits": visits,
            "arrivals": arrivals
        })
    }

    fn arrival_value(&self, a: &Arrival) -> Value {
        let hex: String = self.message(a).iter().map(|b| format!("{b:02x}")).collect();
        fhir!({
            "kind": (a.kind.trigger()),
            "visit": (a.visit),
            "encoding": (a.encoding.declared()),
            "control_id": (a.control_id.as_str()),
            "something_unknown": (a.with_something_unknown),
            "message_hex": hex
        })
    }

    fn visit_value(&self, v: &Visit) -> Value {
        let (p, o, study) = (&v.person, &v.order, self.study(v));
        let instances: Vec<Value> = v.sent.iter().map(|n| Value::from(study.sop_instance_uid(*n))).collect();
        fhir!({
            "curp": (p.curp.as_str()),
            "mrn": (p.mrn.as_str()),
            "given": (p.name.given()),
            "first_surname": (p.name.first_surname()),
            "second_surname": (p.name.second_surname().unwrap_or("")),
            "born": (p.born.to_string()),
            "sex": (p.sex.gender()),
            "accession": (o.accession.as_str()),
            "study_uid": (o.study_uid.as_str()),
            "series_uid": (study.series_uid()),
            "sop_class": (study.sop_class()),
            "instances": instances,
            "modality": (o.procedure.modality),
            "procedure": (o.procedure.text),
            "reason": (o.procedure.reason),
            "scheduled_ae": (o.scheduled_ae.as_str()),
            "scheduled_step": (o.scheduled_step.as_str()),
            "requested_procedure": (o.requested_procedure.as_str()),
            "scheduled": (format!("{}{}", o.scheduled_day.to_compact(), o.scheduled_time)),
            "charset": (v.charset.term())
        })
    }
}

impl MessageKind {
    pub const fn trigger(self) -> &'static str {
        match self {
            MessageKind::AdtA04 => "ADT^A04",
            MessageKind::AdtA08 => "ADT^A08",
            MessageKind::OrmO01 => "ORM^O01",
            MessageKind::OmiO23 => "OMI^O23",
        }
    }
}

fn hospital(rng: &mut Rng, key: &'static str, name: &str, suffix: &str, state: &str) -> Hospital {
    let upper = key.to_ascii_uppercase();
    let clues = Clues::parse(&format!("{state}SSA999{}", rng.between(100, 999))).expect("the right shape");
    let entity = entity::by_code(state).expect("a state of the table");
    Hospital {
        key,
        name: format!("{name} {suffix}"),
        ae_title: format!("{upper}{suffix}"),
        ct_ae: format!("{upper}_TC{suffix}"),
        mammography_ae: format!("{upper}_MG{suffix}"),
        workstation_ae: format!("{upper}_ET{suffix}"),
        sender: Sender {
            application: format!("HIS{suffix}"),
            facility: format!("{upper} {suffix}"),
            receiving_application: "BADIANO".into(),
            receiving_facility: clues.as_str().into(),
            authority: format!("{upper}{suffix}"),
            timezone_offset: "-0600".into(),
        },
        clues,
        zone: zones::of_entity(entity),
    }
}

fn staff(seed: u64, rng: &mut Rng) -> Vec<Staff> {
    let roles = [
        ("radiologist", "norte"),
        ("technologist", "norte"),
        ("administrator", "norte"),
        ("clinician", "sur"),
        ("administrator", "sur"),
    ];
    let one = |(index, (role, hospital)): (usize, (&'static str, &'static str))| Staff {
        role,
        hospital,
        account: format!("{}{}", &role[..3], rng.between(1000, 9999)),
        professional: order::professional(seed, index as u64),
    };
    roles.into_iter().enumerate().map(one).collect()
}

fn visits(seed: u64, rng: &mut Rng, north: &Hospital, day: Date) -> Vec<Visit> {
    // The citizen is an adult woman, who may have both a CT and a mammogram, and whose name has what breaks encodings.
    let crowd = people::population(seed, 300);
    let hard = |p: &Person| p.name.full().contains(['ñ', 'Ñ']);
    let fits = |p: &&Person| p.sex == Sex::Woman && p.born.age_on(day) >= 40 && hard(p);
    let citizen =
        crowd.iter().find(fits).or(crowd.iter().find(|p| p.sex == Sex::Woman && p.born.age_on(day) >= 40));
    let citizen = citizen.unwrap_or(&crowd[0]).clone();
    let others =
        crowd.iter().filter(|p| p.index != citizen.index && p.born.age_on(day) >= 18).take(OTHERS as usize);
    let mut all = vec![
        visit(seed, rng, 0, &citizen, "CT", north, day),
        visit(seed, rng, 1, &citizen, "MG", north, day),
    ];
    // She came once, for both.
    all[1].order.visit = all[0].order.visit.clone();
    for (index, other) in (2..).zip(others) {
        all.push(visit(seed, rng, index, other, "CT", north, day));
    }
    all
}

fn visit(
    seed: u64,
    rng: &mut Rng,
    index: u64,
    person: &Person,
    modality: &str,
    at: &Hospital,
    day: Date,
) -> Visit {
    let ae = if modality == "MG" { &at.mammography_ae } else { &at.ct_ae };
    let order = order::order(seed, index, modality, ae, day).expect("CT and MG are in the list");
    let study = match modality {
        "MG" => Kind::Mammogram { monochrome1: rng.percent(50) },
        _ => Kind::Ct { slices: rng.between(8, 24) as u32 },
    };
    let count = if let Kind::Ct { slices } = study { slices } else { 4 };
    let mut sent: Vec<u32> = (1..=count).collect();
    rng.shuffle(&mut sent);
    let charset = if index.is_multiple_of(2) { Charset::IsoIr192 } else { Charset::IsoIr100 };
    Visit { person: person.clone(), order, study, charset, sent }
}

/// Every person is registered before anything else of theirs arrives; between persons any order may come. The citizen's CT is
/// ordered by ORM and the mammogram by OMI; of the rest one or the other.
fn arrivals(rng: &mut Rng, visits: &[Visit], day: Date) -> Vec<Arrival> {
    let mut queues: Vec<Vec<(MessageKind, usize)>> = vec![vec![
        (MessageKind::AdtA04, 0),
        (MessageKind::OrmO01, 0),
        (MessageKind::OmiO23, 1),
        (MessageKind::AdtA08, 0),
    ]];
    for index in 2..visits.len() {
        let kind = if rng.percent(50) { MessageKind::OrmO01 } else { MessageKind::OmiO23 };
        queues.push(vec![(MessageKind::AdtA04, index), (kind, index)]);
    }
    queues.iter_mut().for_each(|q| q.reverse());
    let total: usize = queues.iter().map(Vec::len).sum();
    let strange = rng.below(total as u64) as usize;
    let batch = rng.digits(5);
    let mut all = Vec::with_capacity(total);
    while all.len() < total {
        let open: Vec<usize> = (0..queues.len()).filter(|i| !queues[*i].is_empty()).collect();
        let Some((kind, visit)) = queues[*rng.pick(&open)].pop() else { continue };
        let number = all.len();
        all.push(Arrival {
            kind,
            visit,
            encoding: *rng.pick(&Encoding::ALL),
            control_id: format!("B{batch}{number:04}"),
            at: format!("{}07{number:02}00", day.to_compact()),
            with_something_unknown: number == strange,
        });
    }
    all
}

fn hospital_value(h: &Hospital) -> Value {
    fhir!({
        "key": (h.key),
        "name": (h.name.as_str()),
        "clues": (h.clues.as_str()),
        "ae_title": (h.ae_title.as_str()),
        "ct_ae": (h.ct_ae.as_str()),
        "mammography_ae": (h.mammography_ae.as_str()),
        "workstation_ae": (h.workstation_ae.as_str()),
        "application": (h.sender.application.as_str()),
        "facility": (h.sender.facility.as_str()),
        "authority": (h.sender.authority.as_str()),
        "zone": (h.zone)
    })
}

fn staff_value(s: &Staff) -> Value {
    fhir!({
        "role": (s.role),
        "hospital": (s.hospital),
        "account": (s.account.as_str()),
        "given": (s.professional.name.given()),
        "surnames": (s.professional.name.surnames()),
        "cedula": (s.professional.cedula.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> Date {
        Date::new(2026, 11, 23).expect("a day")
    }

    #[test]
    fn a_story_is_the_same_again_from_its_seed_and_another_from_another() {
        assert_eq!(Story::from_seed(1, day()), Story::from_seed(1, day()));
        let (one, two) = (Story::from_seed(1, day()), Story::from_seed(2, day()));
        assert_ne!(one.citizen().curp, two.citizen().curp);
        assert_ne!(one.arrivals, two.arrivals);
        assert_ne!(one.visits[0].order.study_uid, two.visits[0].order.study_uid);
    }

    #[test]
    fn in_every_story_a_person_is_registered_before_the_orders() {
        for seed in 0..60 {
            let story = Story::from_seed(seed, day());
            let mut registered = std::collections::HashSet::new();
            for a in &story.arrivals {
                let curp = &story.visits[a.visit].person.curp;
                if a.kind == MessageKind::AdtA04 {
                    assert!(registered.insert(curp), "registered twice; seed {seed}");
                }
                assert!(registered.contains(curp), "{:?} before the registration; seed {seed}", a.kind);
            }
            let strange = story.arrivals.iter().filter(|a| a.with_something_unknown).count();
            assert_eq!(strange, 1, "seed {seed}");
            for kind in [MessageKind::OrmO01, MessageKind::OmiO23, MessageKind::AdtA08] {
                assert!(story.arrivals.iter().any(|a| a.kind == kind), "{kind:?}; seed {seed}");
            }
        }
    }

    #[test]
    fn in_every_story_names_fit_their_fields_and_the_citizen_may_have_both_studies() {
        for seed in 0..60 {
            let story = Story::from_seed(seed, day());
            let citizen = story.citizen();
            assert_eq!(citizen.curp, story.visits[1].person.curp);
            assert_eq!((citizen.sex, citizen.born.age_on(day()) >= 40), (Sex::Woman, true), "seed {seed}");
            for h in [&story.north, &story.south] {
                for ae in [&h.ae_title, &h.ct_ae, &h.mammography_ae, &h.workstation_ae] {
                    assert!((1..=16).contains(&ae.len()), "{ae}; seed {seed}");
                }
            }
            let accounts: std::collections::HashSet<_> = story.staff.iter().map(|s| &s.account).collect();
            assert_eq!(accounts.len(), story.staff.len(), "seed {seed}");
            let uids: std::collections::HashSet<_> =
                story.visits.iter().map(|v| &v.order.study_uid).collect();
            assert_eq!(uids.len(), story.visits.len(), "seed {seed}");
        }
    }

    #[test]
    fn the_json_holds_what_a_driver_needs() {
        let story = Story::from_seed(3, day());
        let read = badiano_fhir::json::parse(story.to_json().as_bytes()).expect("it is JSON");
        assert_eq!(read["seed"].as_str(), Some("3"));
        assert_eq!(read["visits"].items().len(), 2 + OTHERS as usize);
        let first = read["arrivals"][0].str_of("message_hex");
        assert!(first.starts_with("4d53487c"), "MSH|");
        assert_eq!(first.len(), 2 * story.message(&story.arrivals[0]).len());
        let study = story.study(&story.visits[0]);
        let sent = read["visits"][0]["instances"].items();
        assert_eq!(sent.len(), study.count() as usize);
        let instance = study.instance(story.visits[0].sent[0]).expect("an instance of the study");
        assert_eq!(sent[0].as_str(), Some(instance.sop_instance_uid.as_str()));
    }
}

//! One person whose every name and number is found again wherever it leaks.

use badiano_mexico::date::Date;
use badiano_mexico::name::PersonName;
use badiano_testkit::hl7::{Encoding, Envelope, Sender};
use badiano_testkit::order::{self, Order};
use badiano_testkit::people::{self, Person};
use badiano_testkit::studies::{Charset, Kind, Scanner, Study};

pub const SEED: u64 = 0x00d0_0125;
pub const SCANNER: &str = "CT-PUERTA";

/// The patient, their order and their study.
pub struct Patient {
    pub person: Person,
    pub order: Order,
    pub study: Study,
}

impl Patient {
    pub fn new() -> Patient {
        let mut person = people::person(SEED, 1);
        person.name = PersonName::new("Xochitlquetzalli", "Wolxyzkuri", Some("Ñuqtzomitl"));
        person.mrn = "QX77331100".into();
        person.address.street = "Callejon Zyxwvut 991".into();
        let day = Date::new(2026, 11, 20).expect("a day");
        let order = order::order(SEED, 1, "CT", SCANNER, day).expect("an order");
        let scanner = Scanner {
            institution: "Hospital Regional Norte".into(),
            station: SCANNER.into(),
            timezone_offset: String::new(),
            charset: Charset::IsoIr192,
        };
        let study = Study::new(SEED, Kind::Ct { slices: 3 }, &person, &order, &scanner);
        Patient { person, order, study }
    }

    /// What no answer to anybody else may hold.
    pub fn marks(&self) -> Vec<String> {
        let (p, o) = (&self.person, &self.order);
        let mut all: Vec<String> =
            ["Xochitlquetzalli", "Wolxyzkuri", "uqtzomitl", "Zyxwvut", "CONCLUSION-QXZ"]
                .map(str::to_owned)
                .into();
        all.extend([p.curp.as_str().to_owned(), p.nss.as_str().to_owned(), p.mrn.clone(), p.phone.clone()]);
        all.extend([o.accession.clone(), o.placer_number.clone(), o.filler_number.clone()]);
        all.extend([self.study.uid().to_owned(), self.study.series_uid().to_owned()]);
        all.extend((1..=self.study.count()).map(|n| self.study.sop_instance_uid(n)));
        all
    }

    pub fn messages(&self, control: &str) -> [Vec<u8>; 3] {
        let sender = sender();
        let ids = ["1", "2", "3"].map(|n| format!("{control}{n}"));
        let envelope = |n: usize| Envelope {
            sender: &sender,
            encoding: Encoding::Utf8,
            control_id: &ids[n],
            at: "20261120101500",
            with_something_unknown: false,
        };
        let (p, o) = (&self.person, &self.order);
        [envelope(0).adt_a04(p, o), envelope(1).orm_o01(p, o), envelope(2).adt_a08(p, o)]
    }
}

/// A patient of the same hospital, whom the first is not.
pub fn another() -> Person {
    people::person(SEED, 2)
}

pub fn sender() -> Sender {
    Sender {
        application: "RIS".into(),
        facility: "NORTE".into(),
        receiving_application: "BADIANO".into(),
        receiving_facility: "NORTE".into(),
        authority: "NORTE".into(),
        timezone_offset: "-0600".into(),
    }
}

/// MSH-3|MSH-4 as the sender is listed.
pub const SENDER: &str = "RIS|NORTE";

/// One more study of the same patient, for another order.
pub fn other_study(patient: &Patient, index: u64) -> Study {
    let day = Date::new(2026, 11, 20).expect("a day");
    let order = order::order(SEED, index, "CT", SCANNER, day).expect("an order");
    let scanner = Scanner {
        institution: "Hospital Regional Norte".into(),
        station: SCANNER.into(),
        timezone_offset: String::new(),
        charset: Charset::IsoIr192,
    };
    Study::new(SEED, Kind::Ct { slices: 1 }, &patient.person, &order, &scanner)
}

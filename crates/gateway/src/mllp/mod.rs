//! HL7 v2 over MLLP: the listener that keeps and applies messages, and the sender that carries results back.

pub mod listener;
pub mod sender;

use badiano_hl7::map::Naming;
use badiano_mexico::{curp::Curp, name, naming};

/// Names of Mexico for the maps: the CURP by its check digit, two surnames by the particles. `zone` is an IANA name,
/// `sender` stands for one who does not name itself.
pub fn naming(zone: &str, sender: &str) -> Naming {
    Naming {
        zone: zone.to_owned(),
        sender: sender.to_owned(),
        authorities: naming::NAMINGS.iter().map(|n| (n.word.to_owned(), n.system.to_owned())).collect(),
        curp_system: naming::CURP.to_owned(),
        is_curp: |text| Curp::parse(text).is_ok(),
        whole: false,
        split_surnames: |text| {
            let split = name::split_surnames(text);
            (split.first, split.second)
        },
    }
}

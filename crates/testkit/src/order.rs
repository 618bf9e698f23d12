//! A synthetic imaging order: what a registration desk and a radiology information system agree on (IHE RAD TF, Scheduled Workflow).

use crate::people::{self, Person};
use crate::rng::Rng;
use badiano_mexico::{Cedula, Date, PersonName};

/// A procedure that can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Procedure {
    /// DICOM modality (PS3.3 C.7.3.1.1.1).
    pub modality: &'static str,
    pub code: &'static str,
    pub text: &'static str,
    /// Body Part Examined.
    pub body_part: &'static str,
    pub reason: &'static str,
}

/// The coding system of [`Procedure::code`] in HL7 and DICOM: a local one.
pub const PROCEDURE_SYSTEM: &str = "99BADIANO";

pub static PROCEDURES: [Procedure; 6] = [
    Procedure {
        modality: "CT",
        code: "TC-TORAX",
        text: "Tomografía de tórax con contraste",
        body_part: "CHEST",
        reason: "Nódulo pulmonar en estudio; tabaquismo de 20 años",
    },
    Procedure {
        modality: "CT",
        code: "TC-TORAX-AR",
        text: "Tomografía de tórax de alta resolución",
        body_part: "CHEST",
        reason: "Disnea progresiva; niñez con exposición a humo de leña",
    },
    Procedure {
        modality: "MG",
        code: "MG-TAMIZAJE",
        text: "Mastografía bilateral de tamizaje",
        body_part: "BREAST",
        reason: "Tamizaje; año anterior BI-RADS® 2 – sin cambios",
    },
    Procedure {
        modality: "MR",
        code: "RM-COLUMNA",
        text: "Resonancia magnética de columna lumbar",
        body_part: "LSPINE",
        reason: "Lumbociática izquierda de tres meses de evolución",
    },
    Procedure {
        modality: "US",
        code: "US-OBSTETRICO",
        text: "Ultrasonido obstétrico, señales de Doppler",
        body_part: "UTERUS",
        reason: "Embarazo de 28 semanas; niña en presentación pélvica",
    },
    Procedure {
        modality: "US",
        code: "US-HIGADO",
        text: "Ultrasonido de hígado y vías biliares",
        body_part: "LIVER",
        reason: "Cólico biliar en paciente con diabetes tipo 2",
    },
];

/// A professional who orders, performs or reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Professional {
    pub name: PersonName,
    pub cedula: Cedula,
}

/// An order for one study of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub procedure: Procedure,
    /// At most 16 characters (SH).
    pub accession: String,
    pub placer_number: String,
    pub filler_number: String,
    /// Requested Procedure ID.
    pub requested_procedure: String,
    /// Scheduled Procedure Step ID.
    pub scheduled_step: String,
    pub study_uid: String,
    pub visit: String,
    pub scheduled_ae: String,
    pub scheduled_day: Date,
    /// `HHMMSS`, local time of the hospital.
    pub scheduled_time: String,
    pub requester: Professional,
}

/// Cédulas are drawn from here upwards: the register has not reached the number.
const CEDULA_FIRST: u64 = 99_000_000;

/// A professional of the same seed; not one of the patients.
pub fn professional(seed: u64, index: u64) -> Professional {
    let name = people::person(seed ^ 0x5aff, index).name;
    let cedula = Cedula::parse(&(CEDULA_FIRST + Rng::of(seed, "cedula", index).below(1_000_000)).to_string());
    Professional { name, cedula: cedula.expect("eight digits") }
}

/// The order at an index for a modality (`CT`, `MG`, `MR`, `US`); `None` for another modality.
pub fn order(seed: u64, index: u64, modality: &str, scheduled_ae: &str, day: Date) -> Option<Order> {
    let mut rng = Rng::of(seed, "order", index);
    let fitting: Vec<&Procedure> = PROCEDURES.iter().filter(|p| p.modality == modality).collect();
    if fitting.is_empty() {
        return None;
    }
    let procedure = **rng.pick(&fitting);
    let number = format!("{}{index:04}", rng.digits(6));
    Some(Order {
        procedure,
        accession: format!("{}{number}", procedure.modality),
        placer_number: format!("P{number}"),
        filler_number: format!("F{number}"),
        requested_procedure: format!("RP{number}"),
        scheduled_step: format!("SPS{number}"),
        study_uid: rng.uid(),
        visit: format!("V{}", rng.digits(9)),
        scheduled_ae: scheduled_ae.to_owned(),
        scheduled_day: day,
        scheduled_time: format!("{:02}{:02}00", rng.between(8, 17), 10 * rng.below(6)),
        requester: professional(seed, 1_000 + index),
    })
}

impl Order {
    /// The order of a person who can have it: what is drawn for mothers is not ordered for men.
    pub fn fits(&self, person: &Person) -> bool {
        self.procedure.body_part != "UTERUS" || person.sex == badiano_mexico::Sex::Woman
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_a_seed_are_the_same_again_and_never_share_a_number() {
        let day = Date::new(2026, 11, 23).expect("a day");
        let mut seen = std::collections::HashSet::new();
        for index in 0..500 {
            for modality in ["CT", "MG", "MR", "US"] {
                let one = order(9, index * 4, modality, "NORTE_TC1", day).expect("a modality we have");
                assert_eq!(Some(&one), order(9, index * 4, modality, "NORTE_TC1", day).as_ref());
                assert!(one.accession.len() <= 16, "SH holds 16 characters: {}", one.accession);
                assert!(seen.insert(one.accession.clone()), "{} twice", one.accession);
            }
        }
        assert!(order(9, 0, "XX", "A", day).is_none());
    }
}

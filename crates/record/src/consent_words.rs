//! A rule of a consent as a sentence that its person understands, in Spanish and in English (CON-07; house, invariant 9). Pure.

use crate::class::DataClass;
use crate::consent::{Recipient, Rule};
use badiano_kernel::Purpose;
use badiano_kernel::principal::Role;

/// The sentence. `name` gives an institution's name for its CLUES; `zone` is the person's own.
pub fn sentence(rule: &Rule, english: bool, zone: &str, name: &dyn Fn(&str) -> String) -> String {
    let say = |es: &str, en: &str| if english { en.to_owned() } else { es.to_owned() };
    let verb = match rule.permit {
        true => say("puede ver", "may see"),
        false => say("no puede ver", "may not see"),
    };
    let who = match &rule.recipient {
        None => say("Cualquier institución", "Any institution"),
        Some(Recipient::Institution(clues)) => name(clues),
        Some(Recipient::Professional(cedula)) => {
            say("El profesional con cédula ", "The professional with licence ") + cedula
        }
        Some(Recipient::Representatives) => say("Quien le representa", "Whoever represents you"),
        Some(Recipient::Role(role)) => {
            let (es, en) = role_words(*role);
            say("Todo el personal de ", "All staff of ") + &say(es, en)
        }
    };
    let what = match rule.class {
        None if rule.permit => {
            say("su expediente, salvo los temas delicados,", "your record, but for sensitive matters,")
        }
        None => say("su expediente", "your record"),
        Some(class) => {
            let (es, en) = class_words(class);
            say(es, en)
        }
    };
    let aim = match rule.purpose.or(rule.permit.then_some(Purpose::Treatment)) {
        None => String::new(),
        Some(purpose) => {
            let (es, en) = purpose_words(purpose);
            format!(" {}", say(es, en))
        }
    };
    let until = rule.to.map_or(String::new(), |to| {
        format!(" {} {}", say("hasta el", "until"), &to.to_rfc3339_in(zone)[..10])
    });
    format!("{who} {verb} {}{aim}{until}.", what.trim_end_matches(','))
}

fn class_words(class: DataClass) -> (&'static str, &'static str) {
    match class {
        DataClass::Demographics => ("sus datos personales", "your personal data"),
        DataClass::Encounters => ("sus consultas e ingresos", "your visits and admissions"),
        DataClass::Orders => ("los estudios que le pidieron", "what was ordered for you"),
        DataClass::Imaging => {
            ("sus imágenes y lo que se leyó en ellas", "your images and what was read in them")
        }
        DataClass::Reports => ("sus informes", "your reports"),
        DataClass::Laboratory => ("su laboratorio", "your laboratory"),
        DataClass::Medication => ("sus medicamentos", "your medication"),
        DataClass::Allergies => ("sus alergias", "your allergies"),
        DataClass::Conditions => ("sus diagnósticos", "your diagnoses"),
        DataClass::Immunizations => ("sus vacunas", "your immunizations"),
        DataClass::Documents => ("sus documentos", "your documents"),
        DataClass::Other => ("lo demás de su expediente", "the rest of your record"),
        DataClass::Hiv => ("lo relativo a VIH", "what concerns HIV"),
        DataClass::MentalHealth => ("su salud mental", "your mental health"),
        DataClass::Reproduction => ("su salud reproductiva", "your reproductive health"),
        DataClass::Violence => ("lo relativo a violencia", "what concerns violence"),
        DataClass::Public => ("los directorios", "directories"),
    }
}

fn purpose_words(purpose: Purpose) -> (&'static str, &'static str) {
    match purpose {
        Purpose::Treatment => ("para atenderle", "for your care"),
        Purpose::Emergency => ("en una urgencia", "in an emergency"),
        Purpose::PublicHealth => ("para la salud pública", "for public health"),
        Purpose::Research => ("para investigación", "for research"),
        Purpose::Operations => ("para administrar el servicio", "for the management of the service"),
        Purpose::PatientRequest => ("porque usted lo pide", "since you ask for it"),
    }
}

fn role_words(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Radiologist => ("radiología", "radiology"),
        Role::Resident => ("residencia médica", "residency"),
        Role::Technologist => ("técnicos de imagen", "imaging technology"),
        Role::Clinician => ("atención médica", "medical care"),
        Role::Pharmacist => ("farmacia", "pharmacy"),
        Role::Registrar => ("registro de pacientes", "patient registration"),
        Role::Administrator => ("administración", "administration"),
        Role::SecurityOffice => ("la oficina de seguridad", "the security office"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_kernel::Instant;

    #[test]
    fn a_rule_reads_as_a_sentence_in_both_languages() {
        let rule = Rule {
            permit: true,
            class: Some(DataClass::Imaging),
            recipient: Some(Recipient::Institution("A".into())),
            purpose: None,
            from: Instant::from_seconds(0),
            to: Instant::parse_rfc3339("2027-01-02T12:00:00Z"),
            by: None,
        };
        let name = |_: &str| "Hospital Sur".to_owned();
        let told = sentence(&rule, false, "America/Mexico_City", &name);
        assert_eq!(
            told,
            "Hospital Sur puede ver sus imágenes y lo que se leyó en ellas para atenderle hasta el 2027-01-02."
        );
        let closed = Rule { permit: false, class: None, recipient: None, to: None, ..rule };
        assert_eq!(sentence(&closed, true, "UTC", &name), "Any institution may not see your record.");
    }
}

//! Data classes: the grain in which a citizen opens and closes their record (consent) and a role may read it (access).

use badiano_fhir::Value;

/// One class is one bit, so that a resource may carry several and a decision is a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataClass {
    Demographics,
    Encounters,
    Orders,
    Imaging,
    Reports,
    Laboratory,
    Medication,
    Allergies,
    Conditions,
    Immunizations,
    Documents,
    /// What no other class names.
    Other,
    /// Sensitive by law: closed unless opened by name.
    Hiv,
    MentalHealth,
    Reproduction,
    /// Not about a patient: directories, terminology, definitions.
    Public,
    /// Sensitive by law, like the three above; it stands last since masks are kept in rows.
    Violence,
}

impl DataClass {
    pub const ALL: [DataClass; 17] = [
        DataClass::Demographics,
        DataClass::Encounters,
        DataClass::Orders,
        DataClass::Imaging,
        DataClass::Reports,
        DataClass::Laboratory,
        DataClass::Medication,
        DataClass::Allergies,
        DataClass::Conditions,
        DataClass::Immunizations,
        DataClass::Documents,
        DataClass::Other,
        DataClass::Hiv,
        DataClass::MentalHealth,
        DataClass::Reproduction,
        DataClass::Public,
        DataClass::Violence,
    ];
    pub const fn bit(self) -> u64 {
        1 << (self as u64)
    }
    pub const fn code(self) -> &'static str {
        match self {
            DataClass::Demographics => "demographics",
            DataClass::Encounters => "encounters",
            DataClass::Orders => "orders",
            DataClass::Imaging => "imaging",
            DataClass::Reports => "reports",
            DataClass::Laboratory => "laboratory",
            DataClass::Medication => "medication",
            DataClass::Allergies => "allergies",
            DataClass::Conditions => "conditions",
            DataClass::Immunizations => "immunizations",
            DataClass::Documents => "documents",
            DataClass::Other => "other",
            DataClass::Hiv => "hiv",
            DataClass::MentalHealth => "mental-health",
            DataClass::Reproduction => "reproduction",
            DataClass::Public => "public",
            DataClass::Violence => "violence",
        }
    }
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.code() == code)
    }
    pub const fn is_sensitive(self) -> bool {
        self.bit() & SENSITIVE != 0
    }
}

/// The sensitive classes as a mask.
pub const SENSITIVE: u64 = DataClass::Hiv.bit()
    | DataClass::MentalHealth.bit()
    | DataClass::Reproduction.bit()
    | DataClass::Violence.bit();

/// Resource types and the class each belongs to where nothing in it says otherwise.
const BY_TYPE: &[(&str, DataClass)] = &[
    ("Patient", DataClass::Demographics),
    ("RelatedPerson", DataClass::Demographics),
    ("Person", DataClass::Demographics),
    ("Encounter", DataClass::Encounters),
    ("EpisodeOfCare", DataClass::Encounters),
    ("Appointment", DataClass::Encounters),
    ("ServiceRequest", DataClass::Orders),
    ("Task", DataClass::Orders),
    ("ImagingStudy", DataClass::Imaging),
    ("Media", DataClass::Imaging),
    ("DiagnosticReport", DataClass::Reports),
    ("Communication", DataClass::Reports),
    ("Observation", DataClass::Laboratory),
    ("Specimen", DataClass::Laboratory),
    ("MedicationRequest", DataClass::Medication),
    ("MedicationDispense", DataClass::Medication),
    ("MedicationStatement", DataClass::Medication),
    ("MedicationAdministration", DataClass::Medication),
    ("AllergyIntolerance", DataClass::Allergies),
    ("Condition", DataClass::Conditions),
    ("Immunization", DataClass::Immunizations),
    ("DocumentReference", DataClass::Documents),
    ("Composition", DataClass::Documents),
    ("Organization", DataClass::Public),
    ("Location", DataClass::Public),
    ("Schedule", DataClass::Public),
    ("Practitioner", DataClass::Public),
    ("PractitionerRole", DataClass::Public),
    ("HealthcareService", DataClass::Public),
    ("Endpoint", DataClass::Public),
    ("Device", DataClass::Public),
    ("Medication", DataClass::Public),
    ("CodeSystem", DataClass::Public),
    ("ValueSet", DataClass::Public),
    ("ConceptMap", DataClass::Public),
    ("StructureDefinition", DataClass::Public),
    ("SearchParameter", DataClass::Public),
    ("Questionnaire", DataClass::Public),
];

/// Confidentiality labels (HL7 v3 ActCode) that make a resource sensitive whatever its type.
const BY_LABEL: &[(&str, DataClass)] = &[
    ("HIV", DataClass::Hiv),
    ("PSY", DataClass::MentalHealth),
    ("MH", DataClass::MentalHealth),
    ("ETH", DataClass::MentalHealth),
    ("SUD", DataClass::MentalHealth),
    ("SEX", DataClass::Reproduction),
    ("SRH", DataClass::Reproduction),
    ("DV", DataClass::Violence),
    ("SDV", DataClass::Violence),
    ("VIO", DataClass::Violence),
    ("SEXASSLT", DataClass::Violence),
];

/// The sensitive class that a confidentiality label names.
pub fn class_of_label(code: &str) -> Option<DataClass> {
    BY_LABEL.iter().find(|(label, _)| *label == code).map(|(_, class)| *class)
}

/// The class of everything of a type, without what its content adds.
pub fn class_of_type(kind: &str) -> Option<DataClass> {
    BY_TYPE.iter().find(|(k, _)| *k == kind).map(|(_, class)| *class)
}

/// The classes of a resource as a mask: its type's, and those that its security labels, codes and words add.
pub fn classes_of(resource: &Value) -> u64 {
    let kind = resource.resource_type();
    let own = class_of_type(kind).unwrap_or(DataClass::Other);
    // A directory or a catalogue names codes and is about nobody.
    if own == DataClass::Public {
        return own.bit() | labelled(resource);
    }
    let imaging =
        if kind == "DiagnosticReport" && is_of_images(resource) { DataClass::Imaging.bit() } else { 0 };
    let told = crate::sensitive_codes::classes_in(resource) | crate::text_flags::classes_in(resource);
    own.bit() | imaging | labelled(resource) | told
}

fn labelled(resource: &Value) -> u64 {
    let named = |label: &Value| class_of_label(label.str_of("code")).map(DataClass::bit);
    resource["meta"]["security"].items().iter().filter_map(named).fold(0, |mask, bit| mask | bit)
}

/// A report on images belongs to the images too: who closes imaging closes what was read from it.
fn is_of_images(report: &Value) -> bool {
    let radiology = |c: &Value| c["coding"].items().iter().any(|c| c.str_of("code") == "RAD");
    !report["imagingStudy"].items().is_empty() || report["category"].items().iter().any(radiology)
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    #[test]
    fn a_label_makes_any_resource_sensitive() {
        let plain = fhir!({ "resourceType": "DiagnosticReport" });
        assert_eq!(classes_of(&plain), DataClass::Reports.bit());
        let of_images =
            fhir!({ "resourceType": "DiagnosticReport", "category": [{ "coding": [{ "code": "RAD" }] }] });
        assert_eq!(classes_of(&of_images), DataClass::Reports.bit() | DataClass::Imaging.bit());
        let labelled =
            fhir!({ "resourceType": "DiagnosticReport", "meta": { "security": [{ "code": "HIV" }] } });
        assert_eq!(classes_of(&labelled), DataClass::Reports.bit() | DataClass::Hiv.bit());
    }

    #[test]
    fn a_code_makes_a_resource_sensitive_wherever_it_stands_in_it() {
        let coding = fhir!({ "system": "http://hl7.org/fhir/sid/icd-10", "code": "F32.1" });
        let order =
            fhir!({ "resourceType": "ServiceRequest", "reasonCode": [{ "coding": [(coding.clone())] }] });
        assert_eq!(classes_of(&order), DataClass::Orders.bit() | DataClass::MentalHealth.bit());
        let catalogue = fhir!({ "resourceType": "ValueSet", "compose": { "include": [(coding)] } });
        assert_eq!(classes_of(&catalogue), DataClass::Public.bit());
    }
}

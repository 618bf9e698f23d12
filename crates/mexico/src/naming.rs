//! System URIs and OIDs of Mexican identifiers and catalogues (DGIS GIIS-A003-01-05 and GIIS-A001-01-05; CURP: DGMoSS guide 2025).
//!
//! No official FHIR base for Mexico is published. Where an OID is, it is used as `urn:oid:`; where none is, the name stands under
//! [`OWN_BASE`], which is under a reserved domain so that it can be nobody else's.

/// The base of names that no authority has published yet.
pub const OWN_BASE: &str = "https://badiano.example/fhir";

pub const CURP: &str = "http://sistema.salud.gob.mx/curp";
pub const CURP_OID: &str = "urn:oid:2.16.840.1.113883.4.629";
pub const RFC: &str = "urn:oid:2.16.840.1.113883.4.630";
pub const CLUES: &str = "urn:oid:2.16.840.1.113883.4.631";
pub const CEDULA: &str = "urn:oid:2.16.840.1.113883.3.215.12.18";
pub const NSS: &str = "https://badiano.example/fhir/sid/nss";
pub const SANITARY_LICENCE: &str = "urn:oid:2.16.840.1.113883.3.215.1.1";
pub const INSURANCE_POLICY: &str = "urn:oid:2.16.840.1.113883.3.215.1.2";

/// Versions of a citizen's consent.
pub const CONSENT: &str = "https://badiano.example/fhir/sid/consent-version";

/// Catalogues.
pub const CIE10: &str = "http://hl7.org/fhir/sid/icd-10";
pub const CIE10_OID: &str = "urn:oid:2.16.840.1.113883.6.3";
pub const CIE9MC_PROCEDURES_OID: &str = "urn:oid:2.16.840.1.113883.6.104";
pub const CUADRO_BASICO: &str = "urn:oid:2.16.840.1.113883.3.215.12.8";
pub const ROUTE_CBM: &str = "urn:oid:2.16.840.1.113883.3.215.12.12";
pub const INDIGENOUS_LANGUAGE: &str = "urn:oid:2.16.840.1.113883.3.215.12.10";
pub const RELIGION: &str = "urn:oid:2.16.840.1.113883.3.215.12.11";
pub const NATIONALITY: &str = "urn:oid:2.16.840.1.113883.3.215.12.15";
pub const BENEFICIARY_TYPE: &str = "urn:oid:2.16.840.1.113883.3.215.12.16";
/// templateId of the Mexican clinical document (CDA).
pub const CDA_TEMPLATE_OID: &str = "2.16.840.1.113883.3.215.11.1.1";

/// An identifier of a person or place, under every name it goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Naming {
    /// The short word of HL7 v2 assigning authorities and of our own pages.
    pub word: &'static str,
    /// The system we print.
    pub system: &'static str,
    /// Other systems read as the same.
    pub also: &'static [&'static str],
    /// Code of HL7 table 0203 (v2-0203 in FHIR).
    pub type_code: &'static str,
    /// What a page calls it.
    pub label_es: &'static str,
}

pub static NAMINGS: [Naming; 6] = [
    Naming { word: "CURP", system: CURP, also: &[CURP_OID], type_code: "NI", label_es: "CURP" },
    Naming { word: "NSS", system: NSS, also: &[], type_code: "SS", label_es: "Número de seguridad social" },
    Naming { word: "RFC", system: RFC, also: &[], type_code: "TAX", label_es: "RFC" },
    Naming { word: "CLUES", system: CLUES, also: &[], type_code: "FI", label_es: "CLUES" },
    Naming { word: "CEDULA", system: CEDULA, also: &[], type_code: "MD", label_es: "Cédula profesional" },
    Naming {
        word: "POLIZA",
        system: INSURANCE_POLICY,
        also: &[],
        type_code: "SN",
        label_es: "Número de póliza de aseguramiento",
    },
];

/// By any of its systems, with or without `urn:oid:`.
pub fn by_system(system: &str) -> Option<&'static Naming> {
    NAMINGS.iter().find(|n| {
        std::iter::once(&n.system)
            .chain(n.also)
            .any(|s| *s == system || s.strip_prefix("urn:oid:") == Some(system))
    })
}

/// Whether a system is one of those that the CURP goes by.
pub fn is_curp_system(system: &str) -> bool {
    by_system(system).is_some_and(|n| n.word == "CURP")
}

/// By its short word (`CURP`), any case.
pub fn by_word(word: &str) -> Option<&'static Naming> {
    NAMINGS.iter().find(|n| n.word.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_and_the_oid_of_the_curp_are_one_identifier() {
        for system in [CURP, CURP_OID, "2.16.840.1.113883.4.629"] {
            assert_eq!(by_system(system).map(|n| n.word), Some("CURP"), "{system}");
        }
        assert!(by_system("").is_none());
        assert_eq!(by_word("curp"), by_system(CURP));
    }

    #[test]
    fn no_system_names_two_identifiers() {
        let all: Vec<_> =
            NAMINGS.iter().flat_map(|n| std::iter::once(n.system).chain(n.also.iter().copied())).collect();
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(all.len(), distinct.len());
        assert!(NSS.starts_with(OWN_BASE));
    }
}

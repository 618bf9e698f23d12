//! The 32 federative entities and "born abroad": codes of INEGI, of CURP and CLUES, and ISO 3166-2 (annex 4 of the CURP rules).

use crate::name::fold;

/// One federative entity, or `NE` for people born abroad.
#[derive(Debug, PartialEq, Eq)]
pub struct Entity {
    /// Two letters, as CURP and CLUES write it: `DF` is Ciudad de México still.
    pub code: &'static str,
    /// Two digits of INEGI; empty for `NE`.
    pub inegi: &'static str,
    /// ISO 3166-2; empty for `NE`.
    pub iso: &'static str,
    pub name: &'static str,
}

/// In the order of INEGI; `NE` is the last.
pub static ENTITIES: [Entity; 33] = [
    Entity { code: "AS", inegi: "01", iso: "MX-AGU", name: "Aguascalientes" },
    Entity { code: "BC", inegi: "02", iso: "MX-BCN", name: "Baja California" },
    Entity { code: "BS", inegi: "03", iso: "MX-BCS", name: "Baja California Sur" },
    Entity { code: "CC", inegi: "04", iso: "MX-CAM", name: "Campeche" },
    Entity { code: "CL", inegi: "05", iso: "MX-COA", name: "Coahuila de Zaragoza" },
    Entity { code: "CM", inegi: "06", iso: "MX-COL", name: "Colima" },
    Entity { code: "CS", inegi: "07", iso: "MX-CHP", name: "Chiapas" },
    Entity { code: "CH", inegi: "08", iso: "MX-CHH", name: "Chihuahua" },
    Entity { code: "DF", inegi: "09", iso: "MX-CMX", name: "Ciudad de México" },
    Entity { code: "DG", inegi: "10", iso: "MX-DUR", name: "Durango" },
    Entity { code: "GT", inegi: "11", iso: "MX-GUA", name: "Guanajuato" },
    Entity { code: "GR", inegi: "12", iso: "MX-GRO", name: "Guerrero" },
    Entity { code: "HG", inegi: "13", iso: "MX-HID", name: "Hidalgo" },
    Entity { code: "JC", inegi: "14", iso: "MX-JAL", name: "Jalisco" },
    Entity { code: "MC", inegi: "15", iso: "MX-MEX", name: "México" },
    Entity { code: "MN", inegi: "16", iso: "MX-MIC", name: "Michoacán de Ocampo" },
    Entity { code: "MS", inegi: "17", iso: "MX-MOR", name: "Morelos" },
    Entity { code: "NT", inegi: "18", iso: "MX-NAY", name: "Nayarit" },
    Entity { code: "NL", inegi: "19", iso: "MX-NLE", name: "Nuevo León" },
    Entity { code: "OC", inegi: "20", iso: "MX-OAX", name: "Oaxaca" },
    Entity { code: "PL", inegi: "21", iso: "MX-PUE", name: "Puebla" },
    Entity { code: "QT", inegi: "22", iso: "MX-QUE", name: "Querétaro" },
    Entity { code: "QR", inegi: "23", iso: "MX-ROO", name: "Quintana Roo" },
    Entity { code: "SP", inegi: "24", iso: "MX-SLP", name: "San Luis Potosí" },
    Entity { code: "SL", inegi: "25", iso: "MX-SIN", name: "Sinaloa" },
    Entity { code: "SR", inegi: "26", iso: "MX-SON", name: "Sonora" },
    Entity { code: "TC", inegi: "27", iso: "MX-TAB", name: "Tabasco" },
    Entity { code: "TS", inegi: "28", iso: "MX-TAM", name: "Tamaulipas" },
    Entity { code: "TL", inegi: "29", iso: "MX-TLA", name: "Tlaxcala" },
    Entity { code: "VZ", inegi: "30", iso: "MX-VER", name: "Veracruz de Ignacio de la Llave" },
    Entity { code: "YN", inegi: "31", iso: "MX-YUC", name: "Yucatán" },
    Entity { code: "ZS", inegi: "32", iso: "MX-ZAC", name: "Zacatecas" },
    Entity { code: "NE", inegi: "", iso: "", name: "Nacido en el extranjero" },
];

/// By the two letters of CURP and CLUES, upper case.
pub fn by_code(code: &str) -> Option<&'static Entity> {
    ENTITIES.iter().find(|e| e.code == code)
}

/// By the two digits of INEGI (`09` or `9`).
pub fn by_inegi(digits: &str) -> Option<&'static Entity> {
    let two = if digits.len() == 1 { format!("0{digits}") } else { digits.to_owned() };
    ENTITIES.iter().find(|e| !e.inegi.is_empty() && e.inegi == two)
}

/// By ISO 3166-2 (`MX-CMX`).
pub fn by_iso(iso: &str) -> Option<&'static Entity> {
    ENTITIES.iter().find(|e| !e.iso.is_empty() && e.iso == iso)
}

/// By name as people write it: case, accents and the long official form do not matter.
pub fn by_name(name: &str) -> Option<&'static Entity> {
    let asked = fold(name);
    let other = OTHER_NAMES.iter().find(|(n, _)| *n == asked).map(|(_, code)| *code);
    match other {
        Some(code) => by_code(code),
        None => ENTITIES.iter().find(|e| fold(e.name) == asked),
    }
}

impl Entity {
    /// Whether it is a place in Mexico (all but `NE`).
    pub const fn is_in_mexico(&self) -> bool {
        !self.inegi.is_empty()
    }
}

/// Folded names in daily use that differ from the official one.
const OTHER_NAMES: [(&str, &str); 12] = [
    ("CDMX", "DF"),
    ("DISTRITO FEDERAL", "DF"),
    ("MEXICO D F", "DF"),
    ("ESTADO DE MEXICO", "MC"),
    ("EDOMEX", "MC"),
    ("COAHUILA", "CL"),
    ("MICHOACAN", "MN"),
    ("VERACRUZ", "VZ"),
    ("QUERETARO DE ARTEAGA", "QT"),
    ("VERACRUZ LLAVE", "VZ"),
    ("NUEVO LEON", "NL"),
    ("EXTRANJERO", "NE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entity_is_found_by_each_of_its_names() {
        for (i, e) in ENTITIES.iter().enumerate() {
            assert_eq!(by_code(e.code), Some(e));
            assert_eq!(by_name(e.name), Some(e), "{}", e.name);
            if i < 32 {
                assert_eq!(e.inegi, format!("{:02}", i + 1), "the order of INEGI");
                assert_eq!(by_inegi(e.inegi), Some(e));
                assert_eq!(by_iso(e.iso), Some(e));
            }
        }
        assert!(by_code("XX").is_none() && by_inegi("").is_none() && by_iso("").is_none());
    }

    #[test]
    fn the_capital_is_df_under_all_its_names() {
        for name in ["Ciudad de México", "CIUDAD DE MEXICO", "cdmx", "Distrito Federal"] {
            assert_eq!(by_name(name).map(|e| e.code), Some("DF"), "{name}");
        }
        assert_eq!(by_name("México").map(|e| e.code), Some("MC"), "the state, as INEGI names it");
    }
}

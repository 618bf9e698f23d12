//! IANA time zones of Mexico by state and municipality (Ley de los Husos Horarios, DOF 28-10-2022, in force since 30-10-2022).
//!
//! Most of the country has had no daylight saving time since then; the strip along the northern border keeps that of the
//! United States, and so is a zone of its own municipality by municipality.

use crate::entity::Entity;

/// The zone of the nation's capital: for what concerns the whole country.
pub const NATIONAL: &str = "America/Mexico_City";

/// The zone in which most of the state lives. `NE` has the national zone.
pub fn of_entity(entity: &Entity) -> &'static str {
    match entity.code {
        "BC" => "America/Tijuana",
        "BS" | "SL" | "NT" => "America/Mazatlan",
        "SR" => "America/Hermosillo",
        "CH" => "America/Chihuahua",
        "QR" => "America/Cancun",
        "YN" | "CC" => "America/Merida",
        "CL" | "NL" | "TS" | "DG" => "America/Monterrey",
        _ => NATIONAL,
    }
}

/// The zone of a municipality by the five digits of INEGI (`08037` is Juárez). `None` when they name no state.
pub fn of_municipality(cvegeo: &str) -> Option<&'static str> {
    if cvegeo.len() != 5 || !cvegeo.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let own = OF_ITS_OWN.iter().find(|(_, codes)| codes.contains(&cvegeo)).map(|(zone, _)| *zone);
    own.or_else(|| crate::entity::by_inegi(&cvegeo[..2]).map(of_entity))
}

/// Municipalities whose clock is not that of their state.
const OF_ITS_OWN: [(&str, &[&str]); 4] = [
    // Ascensión, Guadalupe, Janos, Juárez, Praxedis G. Guerrero: with El Paso.
    ("America/Ciudad_Juarez", &["08005", "08028", "08035", "08037", "08053"]),
    // Coyame del Sotol, Manuel Benavides, Ojinaga.
    ("America/Ojinaga", &["08015", "08042", "08052"]),
    // The border of Coahuila, Anáhuac in Nuevo León, the border of Tamaulipas.
    (
        "America/Matamoros",
        &[
            "05002", "05003", "05012", "05013", "05014", "05019", "05022", "05023", "05025", "05037",
            "05038", "19005", "28007", "28014", "28015", "28022", "28024", "28025", "28027", "28032",
            "28033", "28040",
        ],
    ),
    ("America/Bahia_Banderas", &["18020"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::{ENTITIES, by_code};

    #[test]
    fn every_zone_is_one_that_the_time_database_knows() {
        let noon = badiano_kernel::Instant::from_seconds(1_700_000_000);
        let utc = noon.to_rfc3339_in("UTC");
        let municipal = OF_ITS_OWN.iter().map(|(zone, _)| *zone);
        for zone in ENTITIES.iter().map(of_entity).chain(municipal) {
            assert_ne!(noon.to_rfc3339_in(zone), utc, "{zone} fell back to UTC");
        }
    }

    #[test]
    fn quintana_roo_sonora_and_baja_california_keep_their_own_time() {
        let winter = badiano_kernel::Instant::parse_rfc3339("2026-01-15T18:00:00Z").expect("an instant");
        let at = |code: &str| winter.to_rfc3339_in(of_entity(by_code(code).expect("an entity")));
        assert_eq!(at("QR"), "2026-01-15T13:00:00-05:00");
        assert_eq!(at("DF"), "2026-01-15T12:00:00-06:00");
        assert_eq!(at("SR"), "2026-01-15T11:00:00-07:00");
        assert_eq!(at("BC"), "2026-01-15T10:00:00-08:00");
    }

    #[test]
    fn a_border_town_has_summer_time_and_the_rest_of_its_state_has_none() {
        let summer = badiano_kernel::Instant::parse_rfc3339("2026-07-15T18:00:00Z").expect("an instant");
        let at = |cvegeo: &str| summer.to_rfc3339_in(of_municipality(cvegeo).expect("a municipality"));
        assert_eq!(at("28032"), "2026-07-15T13:00:00-05:00", "Reynosa");
        assert_eq!(at("28041"), "2026-07-15T12:00:00-06:00", "Victoria");
        assert_eq!(at("08037"), "2026-07-15T12:00:00-06:00", "Juárez in summer");
        assert!(of_municipality("99001").is_none() && of_municipality("8037").is_none());
    }
}

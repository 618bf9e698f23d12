//! Who acts for whom, and until when.

use super::*;

const ZONE: &str = "America/Mexico_City";
/// Born 2010-05-20 and 2008-02-29; who acts was born 1980.
const MINOR: (u16, u8, u8) = (2010, 5, 20);

fn curp(given: &str, born: (u16, u8, u8)) -> String {
    let day = Date::new(born.0, born.1, born.2).expect("a day");
    let entity = badiano_mexico::entity::by_code("DF").expect("an entity");
    let sex = badiano_mexico::curp::Sex::Woman;
    let differentiator = if born.0 < 2000 { '0' } else { 'A' };
    let made = Curp::build(given, "Núñez", Some("Rivera"), day, sex, entity, differentiator);
    made.expect("a CURP").as_str().to_owned()
}

fn at(text: &str) -> Instant {
    Instant::parse_rfc3339(text).expect("a time")
}

fn parent(of: (u16, u8, u8)) -> Representation {
    Representation {
        id: "NLSSA999101-r1".into(),
        person: curp("Íñigo", of),
        representative: curp("Ana", (1980, 3, 1)),
        name: "Ana Rivera".into(),
        standing: "PRN".into(),
        document: "birth-certificate".into(),
        number: "1234".into(),
        checked_by: "registro".into(),
        institution: "NLSSA999101".into(),
        from: at("2020-01-01T00:00:00Z").micros,
        to: None,
        ended: None,
    }
}

#[test]
fn a_parent_acts_until_the_last_moment_before_the_eighteenth_birthday_in_the_place_of_the_node() {
    let parent = parent(MINOR);
    assert!(parent.in_force(at("2028-05-20T05:59:59Z"), ZONE));
    assert!(!parent.in_force(at("2028-05-20T06:00:00Z"), ZONE), "midnight in Mexico City");
    assert!(!parent.in_force(at("2019-12-31T00:00:00Z"), ZONE), "not before it begins");
    let by_court =
        Representation { standing: "GUARD".into(), document: "court-act".into(), ..parent.clone() };
    assert!(by_court.in_force(at("2040-01-01T00:00:00Z"), ZONE));
    let shorter = Representation { to: Some(at("2025-01-01T00:00:00Z").micros), ..parent.clone() };
    assert!(!shorter.in_force(at("2025-01-01T00:00:00Z"), ZONE));
    let over = Representation { ended: Some(at("2024-01-01T00:00:00Z").micros), ..parent };
    assert!(!over.in_force(at("2024-01-01T00:00:00Z"), ZONE));
}

#[test]
fn who_was_born_on_a_29_february_is_of_age_on_1_march() {
    let parent = parent((2008, 2, 29));
    assert_eq!(parent.end(ZONE), Some(at("2026-03-01T06:00:00Z")));
}

#[test]
fn what_the_law_closes_depends_on_the_age_and_on_who_acts() {
    let person = curp("Íñigo", MINOR);
    let (child, adolescent) = (at("2020-01-01T12:00:00Z"), at("2022-05-20T12:00:00Z"));
    let violence = DataClass::Violence.bit();
    assert_eq!(closed_by_law(Standing::Parent, &person, child, ZONE), violence);
    assert_eq!(closed_by_law(Standing::Parent, &person, adolescent, ZONE), crate::class::SENSITIVE);
    assert_eq!(closed_by_law(Standing::Guardian, &person, at("2030-01-01T12:00:00Z"), ZONE), violence);
    assert_eq!(closed_by_law(Standing::Attorney, &person, adolescent, ZONE), crate::class::SENSITIVE);
    assert_eq!(closed_by_law(Standing::Parent, "nobody", child, ZONE), u64::MAX, "whose age is unknown");
}

#[test]
fn a_representation_that_cannot_be_is_refused_with_its_place() {
    let (good, now) = (parent(MINOR), at("2024-01-01T00:00:00Z"));
    assert_eq!(good.check(now, ZONE), Ok(()));
    let refused =
        |representation: Representation| representation.check(now, ZONE).expect_err("refused").place;
    assert_eq!(refused(Representation { representative: "XXXX".into(), ..good.clone() }), "identifier");
    assert_eq!(refused(Representation { representative: good.person.clone(), ..good.clone() }), "identifier");
    assert_eq!(refused(Representation { name: " ".into(), ..good.clone() }), "name");
    assert_eq!(refused(Representation { standing: "SIB".into(), ..good.clone() }), "relationship");
    let of_age = Representation { person: curp("Íñigo", (1990, 1, 1)), ..good };
    assert_eq!(refused(of_age), "period", "nobody's parent acts for them once they are of age");
}

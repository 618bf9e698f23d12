//! The worked examples of the rules, and what may stand in a field for a CURP.

use super::*;
use crate::entity::{ENTITIES, by_code};

/// Given names, first and second surname, date, sex, entity, differentiator, CURP.
type Example =
    (&'static str, &'static str, &'static str, &'static str, char, &'static str, char, &'static str);

const EXAMPLES: [Example; 15] = [
    ("CONCEPCIÓN", "SALGADO", "BRISEÑO", "1956-06-26", 'M', "DF", '0', "SABC560626MDFLRN01"),
    ("RICARDO", "ALAMÁN", "PÉREZ", "1963-03-21", 'H', "DF", '0', "AAPR630321HDFLRC09"),
    ("LUIS RAÚL", "BELLO", "MENA", "1992-03-13", 'H', "MC", '0', "BEML920313HMCLNS09"),
    ("GLORIA", "HERNÁNDEZ", "GARCÍA", "1956-04-27", 'M', "VZ", '0', "HEGG560427MVZRRL04"),
    ("ALBERTO", "ÑANDO", "RODRÍGUEZ", "1980-01-01", 'H', "DF", '0', "XARA800101HDFNDL01"),
    ("MARÍA LUISA", "PÉREZ", "HERNÁNDEZ", "1980-01-01", 'M', "DF", '0', "PEHL800101MDFRRS09"),
    ("ROCÍO", "RIVA PALACIO", "CRUZ", "1980-01-01", 'M', "DF", '0', "RICR800101MDFVRC01"),
    ("CARLOS", "MC GREGOR", "LÓPEZ", "1980-01-01", 'H', "DF", '0', "GELC800101HDFRPR01"),
    ("OFELIA", "PEDRERO", "DOMÍNGUEZ", "1980-01-01", 'M', "DF", '0', "PXDO800101MDFDMF04"),
    ("ANDRÉS", "ICH", "RODRÍGUEZ", "1980-01-01", 'H', "YN", '0', "IXRA800101HYNCDN08"),
    ("ALBERTO", "OÑATE", "RODRÍGUEZ", "1980-01-01", 'H', "DF", '0', "OARA800101HDFXDL08"),
    ("MA. DE LOS ÁNGELES", "MORENO", "SÁNCHEZ", "1980-01-01", 'M', "DF", '0', "MOSA800101MDFRNN05"),
    ("JUAN JOSÉ", "D/AMICO", "ÁLVAREZ", "1980-01-01", 'H', "DF", '0', "DXAJ800101HDFMLN01"),
    ("JUAN JOSÉ", "D’AMICO", "ÁLVAREZ", "1980-01-01", 'H', "DF", '0', "DXAJ800101HDFMLN01"),
    ("LUIS", "PÉREZ", "", "2003-01-01", 'H', "DF", 'A', "PEXL030101HDFRXSA6"),
];

fn build(e: &Example) -> Result<Curp, CurpError> {
    let second = (!e.2.is_empty()).then_some(e.2);
    let born = Date::parse(e.3).expect("a date");
    let sex = Sex::of_letter(e.4).expect("a sex");
    Curp::build(e.0, e.1, second, born, sex, by_code(e.5).expect("an entity"), e.6)
}

#[test]
fn every_worked_example_of_the_rules_is_built_from_its_names() {
    for e in &EXAMPLES {
        assert_eq!(build(e).expect(e.7).as_str(), e.7, "{} {} {}", e.0, e.1, e.2);
    }
}

#[test]
fn what_was_put_in_is_read_back() {
    for e in &EXAMPLES {
        let curp = Curp::parse(e.7).expect("an example");
        assert_eq!(curp.birth_date().to_string(), e.3);
        assert_eq!(curp.sex().letter(), e.4);
        assert_eq!(curp.entity().code, e.5);
        assert_eq!(curp.differentiator(), e.6);
        assert!(!curp.has_listed_word());
    }
    assert_eq!(
        Curp::parse(" sabc560626mdflrn01\n").map(|c| c.to_string()),
        Ok("SABC560626MDFLRN01".to_owned())
    );
    assert!(Curp::parse("BOXW310820HNERXN09").is_ok(), "a public test vector");
}

#[test]
fn names_in_decomposed_unicode_and_lower_case_give_the_same_key() {
    let e = ("maria de los a\u{301}ngeles", "nun\u{303}ez", "pen\u{303}a", "1980-01-01", 'M', "DF", '0', "");
    let composed = ("MARÍA DE LOS ÁNGELES", "NÚÑEZ", "PEÑA", "1980-01-01", 'M', "DF", '0', "");
    let curp = build(&e).expect("decomposed");
    assert_eq!(curp, build(&composed).expect("composed"));
    assert_eq!((curp.root(), curp.consonants()), ("NUPA", "XXN"));
}

#[test]
fn the_exceptions_for_given_names_hold() {
    for (given, initial_and_consonant) in [
        ("JOSÉ", "JS"),
        ("MARÍA", "MR"),
        ("JOSÉ MARÍA", "MR"),
        ("MARÍA JOSÉ", "JS"),
        ("J. JESÚS", "JS"),
        ("J JESÚS", "JS"),
        ("MA GUADALUPE", "GD"),
        ("M. GUADALUPE", "GD"),
        ("M GUADALUPE", "GD"),
        ("MARÍA DEL CARMEN", "CR"),
        ("MARÍA DE LA O", "OX"),
        ("MARÍA DEL", "MR"),
        ("DE JESÚS", "JS"),
        ("ANA MARÍA", "AN"),
        ("ÑUFLO", "XF"),
        ("ZOÉ", "ZX"),
    ] {
        let curp = build(&(given, "LÓPEZ", "RUIZ", "1980-01-01", 'M', "DF", '0', "")).expect(given);
        assert_eq!(
            format!("{}{}", &curp.root()[3..], &curp.consonants()[2..]),
            initial_and_consonant,
            "{given}"
        );
    }
}

#[test]
fn the_exceptions_for_surnames_hold() {
    for (surname, letters) in [
        ("DE LA CRUZ", "CUR"),
        ("DEL VALLE", "VAL"),
        ("VAN DER BERG", "BER"),
        ("Y", "YXX"),
        ("LE", "LEX"),
        ("O'FARRILL", "OXF"),
        ("GÜEMES", "GUM"),
        ("ORTEGA Y GASSET", "OER"),
        ("PÉREZ-GIL", "PER"),
        ("DE LOS SANTOS", "SAN"),
        ("AÑORVE", "AOX"),
    ] {
        let curp = build(&("ZOÉ", surname, "RUIZ", "1980-01-01", 'M', "DF", '0', "")).expect(surname);
        assert_eq!(format!("{}{}", &curp.root()[..2], &curp.consonants()[..1]), letters, "{surname}");
    }
}

#[test]
fn no_built_key_shows_a_listed_word() {
    assert_eq!(words::LISTED.len(), 81);
    assert!(words::LISTED.is_sorted());
    for word in words::LISTED {
        let (a, b, c) = (&word[..2], &word[2..3], &word[3..]);
        let curp = build(&(c, a, b, "1980-01-01", 'M', "DF", '0', "")).expect(word);
        assert_eq!(curp.root(), format!("{}X{b}{c}", &word[..1]));
        let older = format!("{word}{}", &curp.as_str()[4..17]);
        let older =
            Curp::parse(&format!("{older}{}", char::from(check_digit(&older)))).expect("it was issued once");
        assert!(older.has_listed_word(), "{word}");
    }
}

#[test]
fn generic_keys_are_as_good_as_none() {
    for text in [
        "XXXX999999XXXXXX99",
        "XEXX010101HNEXXXA4",
        "XEXX010101MNEXXXA8",
        "XEXX010101MNEXXXA4",
        "",
        " sin curp ",
    ] {
        assert!(is_generic(text), "{text}");
        assert_eq!(Curp::parse_damaged(text), Ok(CurpReading::Generic), "{text}");
        assert_eq!(Curp::parse(text).expect_err(text).position, 0);
    }
    assert!(!is_generic("SABC560626MDFLRN01"));
}

#[test]
fn a_wrong_check_digit_is_damaged_and_not_different() {
    for (text, right) in [("MARR890512HCSRYR09", '6'), ("OEAF771012HMCRGR09", '8')] {
        assert_eq!(Curp::parse(text).expect_err(text).position, 18);
        let Ok(CurpReading::Damaged(damaged)) = Curp::parse_damaged(text) else {
            panic!("{text} is not read as damaged");
        };
        assert_eq!(damaged.expected_check_digit(), right);
        let mended = Curp::parse(&format!("{}{right}", &text[..17])).expect("mended");
        assert!(damaged.may_be(&mended));
    }
}

#[test]
fn what_is_no_curp_is_refused_with_its_place() {
    for (text, position) in [
        ("AAAA123456HDFNNR09", 5),
        ("SABC560626MDFLRN0", 0),
        ("SABC560626MDFLRN011", 0),
        ("S4BC560626MDFLRN01", 2),
        ("SRBC560626MDFLRN01", 2),
        ("SABC5606Z6MDFLRN01", 9),
        ("SABC560631MDFLRN01", 5),
        ("SABC560626ZDFLRN01", 11),
        ("SABC560626MXXLRN01", 12),
        ("SABC560626MDFARN01", 14),
        ("SABC560626MDFLRN0A", 18),
        ("SÑBC560626MDFLRN01", 2),
        ("SABC560626MDFLRN0\u{0}", 18),
    ] {
        assert_eq!(Curp::parse(text).expect_err(text).position, position, "{text}");
    }
}

#[test]
fn the_century_comes_from_the_differentiator_alone() {
    let born = Date::new(2000, 2, 29).expect("a leap day");
    let entity = &ENTITIES[0];
    let curp = Curp::build("ANA", "RUIZ", None, born, Sex::NonBinary, entity, 'B').expect("born in 2000");
    assert_eq!(curp.birth_date(), born);
    assert_eq!(curp.sex(), Sex::NonBinary);
    let refused = Curp::build("ANA", "RUIZ", None, born, Sex::Woman, entity, '0').expect_err("a digit");
    assert_eq!(refused.position, 17);
    // The same characters with a digit would be 29 February 1900, which does not exist.
    assert_eq!(Curp::parse(&curp.as_str().replacen("B", "0", 1)).expect_err("1900").position, 5);
}

#[test]
fn names_that_are_missing_or_no_names_are_refused() {
    for (given, first) in [("", "RUIZ"), ("ANA", ""), ("ANA", "   "), ("4NA", "RUIZ"), ("ANA", "王")] {
        let e = (given, first, "", "1980-01-01", 'M', "DF", '0', "");
        assert!(build(&e).is_err(), "{given} {first}");
    }
    let long = "A".repeat(201);
    let born = Date::new(1980, 1, 1).expect("a day");
    assert!(Curp::build(&long, "RUIZ", None, born, Sex::Man, &ENTITIES[0], '0').is_err());
}

#[test]
fn a_masked_key_shows_neither_date_nor_sex_nor_entity() {
    let curp = Curp::parse("SABC560626MDFLRN01").expect("an example");
    assert_eq!(curp.masked(), "SABC************01");
}

#[test]
fn homonyms_differ_in_the_differentiator_only() {
    let e = ("ANA", "RUIZ", "SOTO", "1980-01-01", 'M', "DF", '0', "");
    let (one, two) = (
        build(&e).expect("one"),
        build(&("ANA", "RUIZ", "SOTO", "1980-01-01", 'M', "DF", '1', "")).expect("two"),
    );
    assert!(one.is_homonym_of(&two) && !one.is_homonym_of(&one));
}

/// Any text: no panic, and nothing is accepted that the rules refuse. Seeded; the seed is printed when it fails.
#[test]
fn hostile_texts_are_refused_without_a_panic() {
    let seed = 0x5eed_c0de_u64;
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let alphabet: Vec<char> = "ABCDEHIMXÑ0123456789 áé\u{301}王\0'./-".chars().collect();
    let (mut accepted, cases) = (0, 20_000);
    for case in 0..cases {
        let mut text: Vec<char> = EXAMPLES[next() % EXAMPLES.len()].7.chars().collect();
        for _ in 0..=next() % 3 {
            let (at, with) = (next() % text.len(), alphabet[next() % alphabet.len()]);
            match next() % 3 {
                0 => text[at] = with,
                1 => text.insert(at, with),
                _ => drop(text.remove(at)),
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(curp) = Curp::parse(&text) {
            accepted += 1;
            assert_eq!(curp.as_str().as_bytes()[17], check_digit(curp.as_str()), "seed {seed} case {case}");
        }
    }
    assert!(accepted < cases / 5, "{accepted} of {cases} accepted; seed {seed}");
}

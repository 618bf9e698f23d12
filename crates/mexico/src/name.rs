//! Names with two surnames, as certificates of birth hold them (Código Civil Federal, art. 58; NOM-024 minimum identification data).

use unicode_normalization::UnicodeNormalization;

/// A name as written: white space collapsed, Unicode composed, case and accents kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName {
    given: String,
    first_surname: String,
    second_surname: Option<String>,
}

/// Two surnames told apart in one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surnames {
    pub first: String,
    pub second: Option<String>,
    /// More than two words count: one of the surnames is compound, and only the person knows which.
    pub ambiguous: bool,
}

/// What the text in a name field stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    Person,
    /// "RN DE ...", "HIJO DE ...": the name is the mother's, not the child's.
    Newborn,
    /// "DESCONOCIDO", "NN", empty: as good as none.
    Unknown,
}

/// Words that belong to the surname they stand before.
const PARTICLES: [&str; 22] = [
    "DA", "DAS", "DE", "DEL", "DER", "DI", "DIE", "DD", "EL", "LA", "LAS", "LE", "LES", "LOS", "MAC", "MC",
    "SAN", "SANTA", "SANTO", "VAN", "VON", "Y",
];

impl PersonName {
    /// From separate fields; empty text for what is missing.
    pub fn new(given: &str, first_surname: &str, second_surname: Option<&str>) -> PersonName {
        let second = second_surname.map(tidy).filter(|s| !s.is_empty());
        PersonName { given: tidy(given), first_surname: tidy(first_surname), second_surname: second }
    }

    /// `APELLIDO1 APELLIDO2, NOMBRES`, the form of Mexican lists. `None` without a comma or with an empty side.
    pub fn parse(text: &str) -> Option<PersonName> {
        let (surnames, given) = text.split_once(',')?;
        let name = Self::of_surnames(surnames, given);
        (!name.given.is_empty() && !name.first_surname.is_empty()).then_some(name)
    }

    /// Where both surnames stand in one field, as in DICOM PN and FHIR `family`.
    pub fn of_surnames(surnames: &str, given: &str) -> PersonName {
        let split = split_surnames(surnames);
        PersonName { given: tidy(given), first_surname: split.first, second_surname: split.second }
    }

    pub fn given(&self) -> &str {
        &self.given
    }
    pub fn first_surname(&self) -> &str {
        &self.first_surname
    }
    pub fn second_surname(&self) -> Option<&str> {
        self.second_surname.as_deref()
    }
    /// Both surnames in one text: FHIR `family`, DICOM family name component.
    pub fn surnames(&self) -> String {
        join(&[&self.first_surname, self.second_surname().unwrap_or("")])
    }
    /// `Nombres Apellido1 Apellido2`, as a person is addressed.
    pub fn full(&self) -> String {
        join(&[&self.given, &self.surnames()])
    }
    /// `Apellido1 Apellido2, Nombres`, as lists are ordered.
    pub fn listed(&self) -> String {
        if self.given.is_empty() { self.surnames() } else { format!("{}, {}", self.surnames(), self.given) }
    }
    /// For screens that others can see: `M*** P*** H***`.
    pub fn masked(&self) -> String {
        let initials = self.full();
        let stars: Vec<String> = initials
            .split(' ')
            .filter(|w| !is_particle(&fold(w)))
            .filter_map(|w| w.chars().next())
            .map(|c| format!("{c}***"))
            .collect();
        stars.join(" ")
    }
}

/// Particles stay with the surname that follows; a "y" between two words makes them one surname.
pub fn split_surnames(text: &str) -> Surnames {
    let mut groups: Vec<String> = Vec::new();
    let (mut open, mut conjoined) = (String::new(), false);
    for word in tidy(text).split(' ').filter(|w| !w.is_empty()) {
        let folded = fold(word);
        let is_and = folded == "Y" && !groups.is_empty() && open.is_empty();
        conjoined |= is_and;
        open = join(&[&open, word]);
        if is_particle(&folded) {
            continue;
        }
        match groups.last_mut() {
            Some(last) if conjoined => *last = join(&[last, &open]),
            _ => groups.push(open.clone()),
        }
        (open, conjoined) = (String::new(), false);
    }
    // Particles at the end are a surname of their own ("LE", "Y").
    if !open.is_empty() {
        groups.push(open);
    }
    let ambiguous = groups.len() > 2;
    let first = groups.first().cloned().unwrap_or_default();
    let second = groups.get(1..).map(|rest| rest.join(" ")).filter(|s| !s.is_empty());
    Surnames { first, second, ambiguous }
}

/// Upper case without accents, Ñ kept, signs as spaces, wrong encodings mended; a letter that was lost (`#`, `?`, U+FFFD
/// between letters) is `?`. For comparing, never for showing.
pub fn fold(text: &str) -> String {
    let mended = mend_encoding(text);
    let characters: Vec<char> = mended.nfc().flat_map(char::to_uppercase).collect();
    let letter_at = |i: Option<usize>| i.and_then(|i| characters.get(i)).is_some_and(|c| c.is_alphabetic());
    let mut out = String::with_capacity(characters.len());
    for (i, c) in characters.iter().enumerate() {
        match c {
            'Ñ' | '¥' => out.push('Ñ'),
            '#' | '?' | '\u{FFFD}' if letter_at(i.checked_sub(1)) && letter_at(Some(i + 1)) => out.push('?'),
            c if c.is_alphanumeric() => out.extend(c.nfd().filter(|d| d.is_alphanumeric())),
            // An apostrophe joins (D'Amico), a lone accent is dropped; anything else parts.
            '\'' | '’' | '´' | '`' => {}
            c if unicode_normalization::char::is_combining_mark(*c) => {}
            _ => out.push(' '),
        }
    }
    out.split(' ').filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The words of given names or surnames that count in a comparison: folded, particles dropped, Ma. and J. written out.
pub fn comparison_words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let words: Vec<&str> = folded.split(' ').filter(|w| !w.is_empty()).collect();
    let another_follows = words.iter().skip(1).any(|w| !is_particle(w));
    let counted: Vec<String> = words
        .iter()
        .enumerate()
        .filter(|(_, w)| !is_particle(w) || **w == "SANTA" || **w == "SAN" || **w == "SANTO")
        .map(|(i, w)| match *w {
            "MA" | "M" if i == 0 && another_follows => "MARIA".to_owned(),
            "J" if i == 0 && another_follows => "JOSE".to_owned(),
            w => w.to_owned(),
        })
        .collect();
    // Where every word is a particle, the words are the name.
    if counted.is_empty() { words.iter().map(|w| (*w).to_owned()).collect() } else { counted }
}

/// Whether two folded texts agree, `?` standing for any one letter and N for Ñ.
pub fn folded_equal(a: &str, b: &str) -> bool {
    let same = |x: char, y: char| {
        let plain = |c| if c == 'Ñ' { 'N' } else { c };
        x == '?' || y == '?' || plain(x) == plain(y)
    };
    a.chars().count() == b.chars().count() && a.chars().zip(b.chars()).all(|(x, y)| same(x, y))
}

/// What a name field stands for: a person, a newborn under the mother's name, nobody.
pub fn kind_of(text: &str) -> NameKind {
    let folded = fold(text);
    let starts = |marker: &str| {
        folded == marker || folded.strip_prefix(marker).is_some_and(|rest| rest.starts_with(' '))
    };
    let is_one_letter = |w: &str| w.chars().all(|c| matches!(c, 'X' | 'N'));
    if folded.is_empty() || UNKNOWN.contains(&folded.as_str()) || is_one_letter(&folded.replace(' ', "")) {
        NameKind::Unknown
    } else if NEWBORN.iter().any(|m| starts(m)) {
        NameKind::Newborn
    } else {
        NameKind::Person
    }
}

const NEWBORN: [&str; 12] = [
    "RN",
    "R N",
    "RECIEN NACIDO",
    "RECIEN NACIDA",
    "HIJO DE",
    "HIJA DE",
    "H1",
    "H2",
    "PRODUCTO DE",
    "NEONATO",
    "BEBE DE",
    "GEMELO",
];

const UNKNOWN: [&str; 14] = [
    "DESCONOCIDO",
    "DESCONOCIDA",
    "MASCULINO",
    "FEMENINO",
    "MASCULINO DESCONOCIDO",
    "FEMENINO DESCONOCIDO",
    "DESCONOCIDO MASCULINO",
    "DESCONOCIDO FEMENINO",
    "NO IDENTIFICADO",
    "NO IDENTIFICADA",
    "SE IGNORA",
    "SIN NOMBRE",
    "SIN DATO",
    "PACIENTE",
];

fn is_particle(folded: &str) -> bool {
    PARTICLES.contains(&folded)
}

/// Composed Unicode, one space between words, none around.
fn tidy(text: &str) -> String {
    text.nfc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn join(parts: &[&str]) -> String {
    parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

/// UTF-8 that was read as Latin-1 or Windows-1252 (`Ã±` for ñ) is put right.
fn mend_encoding(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let second_byte =
            if c == 'Ã' { rest.peek().copied().and_then(windows_1252_continuation) } else { None };
        match second_byte {
            Some(b) => {
                rest.next();
                out.push(char::from(0x40 + b));
            }
            None => out.push(c),
        }
    }
    out
}

/// The byte of a character in Windows-1252, when it is a continuation byte of UTF-8.
fn windows_1252_continuation(c: char) -> Option<u8> {
    match c {
        '\u{80}'..='\u{BF}' => u8::try_from(u32::from(c)).ok(),
        '‘' => Some(0x91),
        '’' => Some(0x92),
        '“' => Some(0x93),
        '”' => Some(0x94),
        '‰' => Some(0x89),
        'š' => Some(0x9A),
        'œ' => Some(0x9C),
        '€' => Some(0x80),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_name_is_split_into_two_surnames_and_given_names() {
        let name = PersonName::parse("  PÉREZ  HERNÁNDEZ , MARÍA LUISA ").expect("a listed name");
        assert_eq!(
            (name.first_surname(), name.second_surname(), name.given()),
            ("PÉREZ", Some("HERNÁNDEZ"), "MARÍA LUISA")
        );
        assert_eq!(name.listed(), "PÉREZ HERNÁNDEZ, MARÍA LUISA");
        assert_eq!(name.full(), "MARÍA LUISA PÉREZ HERNÁNDEZ");
        assert_eq!(name.masked(), "M*** L*** P*** H***");
        assert!(PersonName::parse("PÉREZ HERNÁNDEZ").is_none() && PersonName::parse(", ANA").is_none());
    }

    #[test]
    fn particles_stay_with_the_surname_that_follows() {
        for (text, first, second, ambiguous) in [
            ("DE LA CRUZ PÉREZ", "DE LA CRUZ", Some("PÉREZ"), false),
            ("PÉREZ DE LA CRUZ", "PÉREZ", Some("DE LA CRUZ"), false),
            ("Ponce de León del Valle", "Ponce", Some("de León del Valle"), true),
            ("SAN MARTÍN LÓPEZ", "SAN MARTÍN", Some("LÓPEZ"), false),
            ("MC GREGOR", "MC GREGOR", None, false),
            ("ORTEGA Y GASSET", "ORTEGA Y GASSET", None, false),
            ("Díaz y de León Ruiz", "Díaz y de León", Some("Ruiz"), false),
            ("RIVA PALACIO CRUZ", "RIVA", Some("PALACIO CRUZ"), true),
            ("LE", "LE", None, false),
            ("", "", None, false),
        ] {
            let split = split_surnames(text);
            assert_eq!(
                (split.first.as_str(), split.second.as_deref(), split.ambiguous),
                (first, second, ambiguous),
                "{text}"
            );
        }
    }

    #[test]
    fn one_name_in_many_writings_folds_to_one_text() {
        for text in ["Muñoz", "MUN\u{303}OZ", "muÃ±oz", "MUÃ‘OZ", "MU¥OZ", " Muñoz. "] {
            assert_eq!(fold(text), "MUÑOZ", "{text}");
        }
        assert_eq!(fold("Ma. de los Ángeles D’Amico-Güemes"), "MA DE LOS ANGELES DAMICO GUEMES");
        assert_eq!(fold("PE#A"), "PE?A");
        assert!(
            folded_equal("PE?A", "PEÑA") && folded_equal("PENA", "PEÑA") && !folded_equal("PERA", "PEÑA")
        );
        assert_eq!(fold("Ã"), "A", "a lone letter is no broken pair");
    }

    #[test]
    fn abbreviations_are_written_out_only_before_another_name() {
        assert_eq!(comparison_words("Ma. de los Ángeles"), ["MARIA", "ANGELES"]);
        assert_eq!(comparison_words("J. Jesús"), ["JOSE", "JESUS"]);
        assert_eq!(comparison_words("M"), ["M"]);
        assert_eq!(comparison_words("Ma. de"), ["MA"]);
        assert_eq!(comparison_words("de la Cruz"), ["CRUZ"]);
        assert_eq!(comparison_words("Le"), ["LE"]);
    }

    #[test]
    fn a_newborn_and_a_stranger_are_not_taken_for_persons() {
        for text in ["RN DE PEREZ LOPEZ", "R.N. Pérez", "Hija de María", "H1 GOMEZ", "recién nacido"] {
            assert_eq!(kind_of(text), NameKind::Newborn, "{text}");
        }
        for text in ["", "Desconocido", "N.N.", "XXXX", "MASCULINO", "No identificado"] {
            assert_eq!(kind_of(text), NameKind::Unknown, "{text}");
        }
        for text in ["Hijuelos Marín", "Rnaldo", "Ana Desconocido"] {
            assert_eq!(kind_of(text), NameKind::Person, "{text}");
        }
    }

    #[test]
    fn a_name_with_one_surname_has_no_second() {
        assert_eq!(PersonName::new("Ana", "Ruiz", Some("  ")).second_surname(), None);
        assert_eq!(PersonName::new("Ana", "Ruiz", None).surnames(), "Ruiz");
    }
}

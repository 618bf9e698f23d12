//! What of a FHIR Patient is compared: names folded and cut in words, a date as digits, keys with their issuer, a home in its parts.

use badiano_fhir::Value;
use badiano_mexico::curp::{Curp, is_generic};
use badiano_mexico::name::{NameKind, PersonName, comparison_words, fold, kind_of, split_surnames};
use badiano_mexico::naming;
use badiano_mexico::phonetic;

/// Words of one name that count; a longer one is cut.
const WORDS_MAX: usize = 8;
/// Numbers and telephones of one person that count.
const NUMBERS_MAX: usize = 16;

/// A CURP, and whether its check digit holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub text: Box<str>,
    pub is_valid: bool,
}

/// A folded text with a mark that tells it from others at the cost of one comparison.
#[derive(Debug, Clone, Default)]
pub struct Text {
    text: Box<str>,
    mark: u64,
    is_loose: bool,
}

impl Text {
    fn new(text: &str) -> Text {
        Text { text: text.into(), mark: mark_of(0, text), is_loose: text.contains(['?', 'Ñ']) }
    }

    /// Has a letter that agrees with another one: a text of another mark may be equal to it.
    pub fn is_loose(&self) -> bool {
        self.is_loose
    }

    pub fn mark(&self) -> u64 {
        self.mark
    }
}

/// A number of 64 bits that two texts share once in a great while; begun with another, it tells what stood before.
pub fn mark_of(begun: u64, text: &str) -> u64 {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed =
        |mark: u64, word: u64| (mark ^ word).wrapping_mul(MIX).rotate_left(29) ^ word.wrapping_mul(MIX) >> 32;
    let mut words = text.as_bytes().chunks_exact(8);
    let mark = words.by_ref().fold(mixed(begun, text.len() as u64), |mark, word| {
        mixed(mark, u64::from_le_bytes(word.try_into().unwrap_or_default()))
    });
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    let mark = mixed(mark, u64::from_le_bytes(last));
    (mark ^ mark >> 31).wrapping_mul(MIX)
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Where somebody lives, each part folded; empty where it is not known.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// The number of the house.
    pub house: Box<str>,
    pub street: Text,
    /// What stands in further lines: a neighbourhood, a building.
    pub place: Text,
    pub city: Text,
    pub postal: Box<str>,
    pub state: Box<str>,
}

/// A record as it is compared. Empty texts are unknown.
#[derive(Debug, Clone, Default)]
pub struct Person {
    pub id: Box<str>,
    /// All given names.
    pub given: Text,
    /// First and second surname.
    pub surnames: [Text; 2],
    /// How the first given name and the surnames sound.
    pub sounds: [Box<str>; 3],
    /// The name is a newborn's under its mother's.
    pub is_newborn: bool,
    /// `19800213`, `198002`, `1980`, or whatever digits stand there.
    pub birth: Box<str>,
    /// `m`, `f`, `o`; 0 where it is not known.
    pub sex: u8,
    pub curp: Option<Key>,
    /// System and value.
    pub numbers: Box<[(Box<str>, Box<str>)]>,
    /// The last ten digits.
    pub phones: Box<[Box<str>]>,
    pub home: Home,
}

impl Person {
    /// Reads what there is; nothing is required.
    pub fn of_patient(patient: &Value) -> Person {
        let mut person = Person { id: patient.str_of("id").into(), ..Person::default() };
        person.take_name(patient);
        person.birth = digits(patient.str_of("birthDate")).into();
        person.sex = match patient.str_of("gender") {
            "male" => b'm',
            "female" => b'f',
            "other" => b'o',
            _ => 0,
        };
        let identifiers = patient["identifier"].items().iter().take(NUMBERS_MAX);
        person.numbers = identifiers.filter_map(|i| person.take_number(i)).collect();
        person.take_key();
        let contacts = patient["telecom"].items().iter().take(NUMBERS_MAX);
        let phones = contacts.filter(|t| matches!(t.str_of("system"), "phone" | "sms" | ""));
        person.phones =
            phones.map(|t| last_ten(&digits(t.str_of("value")))).filter(|p| p.len() >= 7).collect();
        if let Some(address) = patient["address"].items().iter().find(|a| a.str_of("use") != "old") {
            person.home = home(address);
        }
        person
    }

    fn take_name(&mut self, patient: &Value) {
        let names = patient["name"].items();
        let Some(name) = names.iter().find(|n| n.str_of("use") == "official").or(names.first()) else {
            return;
        };
        let written: Vec<&str> = name["given"].items().iter().filter_map(Value::as_str).collect();
        let (given, family) = (written.join(" "), name.str_of("family"));
        if given.is_empty() && family.is_empty() {
            if let Some(whole) = PersonName::parse(name.str_of("text")) {
                self.set_name(whole.given(), whole.first_surname(), whole.second_surname().unwrap_or(""));
            }
            return;
        }
        let surnames = split_surnames(family);
        self.set_name(&given, &surnames.first, surnames.second.as_deref().unwrap_or(""));
    }

    fn set_name(&mut self, given: &str, first: &str, second: &str) {
        let kind = kind_of(given);
        self.is_newborn = kind == NameKind::Newborn;
        // A newborn's given name is its mother's: it has none yet.
        if kind == NameKind::Person {
            self.given = Text::new(&words(given).join(" "));
        }
        self.surnames = [first, second].map(|s| Text::new(&words(s).join(" ")));
        let first_given = self.given.split(' ').next().unwrap_or("");
        self.sounds =
            [first_given, &self.surnames[0], &self.surnames[1]].map(|name| phonetic::key(name).into());
    }

    /// A number with its system, unless it is the CURP, which is kept apart.
    fn take_number(&mut self, identifier: &Value) -> Option<(Box<str>, Box<str>)> {
        let value: String = fold(identifier.str_of("value")).split(' ').collect();
        let system = identifier.str_of("system");
        let is_valid = Curp::parse(&value).is_ok();
        if naming::is_curp_system(system) || is_valid {
            if !is_generic(&value) && value.len() >= 16 {
                self.curp = Some(Key { text: value.into(), is_valid });
            }
            return None;
        }
        (!value.is_empty()).then(|| (system.into(), value.into()))
    }

    /// A sound CURP tells the birth date and the sex where nothing else does.
    fn take_key(&mut self) {
        let Some(curp) = self.curp.as_ref().and_then(|key| Curp::parse(&key.text).ok()) else { return };
        if self.birth.is_empty() {
            self.birth = curp.birth_date().to_compact().into();
        }
        if self.sex == 0 {
            self.sex = match curp.sex().gender() {
                "male" => b'm',
                "female" => b'f',
                _ => 0,
            };
        }
    }
}

/// `MA` is María even when it stands alone.
fn words(text: &str) -> Vec<String> {
    let whole = |word: String| if word == "MA" { "MARIA".to_owned() } else { word };
    comparison_words(text).into_iter().take(WORDS_MAX).map(whole).collect()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).take(20).collect()
}

fn last_ten(digits: &str) -> Box<str> {
    digits[digits.len().saturating_sub(10)..].into()
}

fn home(address: &Value) -> Home {
    let lines: Vec<String> =
        address["line"].items().iter().filter_map(Value::as_str).take(4).map(fold).collect();
    let first = lines.first().map_or("", String::as_str);
    let has_digit = |w: &&str| w.bytes().any(|b| b.is_ascii_digit());
    let house = first.split(' ').find(has_digit).unwrap_or("").to_owned();
    let street: Vec<&str> = first.split(' ').filter(|w| !w.is_empty() && *w != house).collect();
    let place = lines.iter().skip(1).map(String::as_str).collect::<Vec<_>>().join(" ");
    let place = if place.is_empty() { fold(address.str_of("district")) } else { place };
    Home {
        house: house.into(),
        street: Text::new(&street.join(" ")),
        place: Text::new(&place),
        city: Text::new(&fold(address.str_of("city"))),
        postal: fold(address.str_of("postalCode")).into(),
        state: fold(address.str_of("state")).into(),
    }
}

//! The fields of a comparison and how far two people agree in each: a level, never a number, so that it can be shown and learnt.

use super::person::{Key, Person, Text};
use super::similarity::{edits, jaro_winkler};
use badiano_mexico::name::folded_equal;
use badiano_mexico::phonetic;
use std::cell::RefCell;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Given,
    FirstSurname,
    SecondSurname,
    Birth,
    Sex,
    Curp,
    Number,
    Phone,
    House,
    Street,
    Place,
    City,
    Postal,
    State,
}

impl Field {
    pub const ALL: [Field; 14] = [
        Field::Given,
        Field::FirstSurname,
        Field::SecondSurname,
        Field::Birth,
        Field::Sex,
        Field::Curp,
        Field::Number,
        Field::Phone,
        Field::House,
        Field::Street,
        Field::Place,
        Field::City,
        Field::Postal,
        Field::State,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Field::Given => "given",
            Field::FirstSurname => "first-surname",
            Field::SecondSurname => "second-surname",
            Field::Birth => "birth-date",
            Field::Sex => "sex",
            Field::Curp => "curp",
            Field::Number => "identifier",
            Field::Phone => "phone",
            Field::House => "house-number",
            Field::Street => "street",
            Field::Place => "place",
            Field::City => "city",
            Field::Postal => "postal-code",
            Field::State => "state",
        }
    }

    /// Says where somebody lives, which a household shares.
    pub fn is_residence(self) -> bool {
        self as usize >= Field::Phone as usize
    }
}

/// How far two values agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// One of both is not known: says nothing.
    Unknown,
    Equal,
    /// One slip of a key, or the same sound.
    Close,
    Similar,
    /// One is a part of the other: `MARIA` and `MARIA LUISA`.
    Part,
    /// The value stands in another field: surnames crossed, day and month, name and surname.
    Crossed,
    Different,
}

impl Level {
    /// How many there are.
    pub const COUNT: usize = 7;

    pub fn name(self) -> &'static str {
        match self {
            Level::Unknown => "unknown",
            Level::Equal => "equal",
            Level::Close => "close",
            Level::Similar => "similar",
            Level::Part => "part",
            Level::Crossed => "crossed",
            Level::Different => "different",
        }
    }
}

/// The level of each field, in the order of [`Field::ALL`].
pub type Levels = [Level; Field::ALL.len()];

/// What a glance tells of a field, without comparing letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// The level is this one.
    Known(Level),
    /// A name that is not equal: any level but that.
    Unlike,
    /// A name that may be of any level.
    Any,
}

/// What costs little of each field, in the order of [`Field::ALL`].
pub fn glance(a: &Person, b: &Person) -> [Glance; Field::ALL.len()] {
    use Glance::Known;
    [
        at_name(&a.given, &b.given),
        at_name(&a.surnames[0], &b.surnames[0]),
        at_name(&a.surnames[1], &b.surnames[1]),
        Known(birth(&a.birth, &b.birth)),
        Known(sex(a, b)),
        Known(curp(a.curp.as_ref(), b.curp.as_ref())),
        Known(number(a, b)),
        Known(phone(a, b)),
        Known(word(&a.home.house, &b.home.house)),
        at_name(&a.home.street, &b.home.street),
        at_name(&a.home.place, &b.home.place),
        at_name(&a.home.city, &b.home.city),
        Known(word(&a.home.postal, &b.home.postal)),
        Known(word(&a.home.state, &b.home.state)),
    ]
}

fn at_name(a: &Text, b: &Text) -> Glance {
    if a.is_empty() || b.is_empty() {
        Glance::Known(Level::Unknown)
    } else if a.mark() == b.mark() || a.is_loose() || b.is_loose() {
        // Equal, and crossed all the same where another field is.
        Glance::Any
    } else {
        Glance::Unlike
    }
}

/// The levels of given name and surnames: each for itself, unless they stand in one another's place.
pub fn names(a: &Person, b: &Person) -> [Level; 3] {
    let [given, first, second] =
        [given(a, b), name(&a.surnames[0], &b.surnames[0]), name(&a.surnames[1], &b.surnames[1])];
    if first == Level::Different && given == Level::Different && is_crossed(a, b) {
        [Level::Crossed, Level::Crossed, second]
    } else if first == Level::Different && are_surnames_crossed(a, b) {
        [given, Level::Crossed, if second == Level::Unknown { second } else { Level::Crossed }]
    } else {
        [given, first, second]
    }
}

pub fn levels(a: &Person, b: &Person) -> Levels {
    let mut levels = [Level::Unknown; Field::ALL.len()];
    levels[..3].copy_from_slice(&names(a, b));
    let mut set = |field: Field, level: Level| levels[field as usize] = level;
    set(Field::Birth, birth(&a.birth, &b.birth));
    set(Field::Sex, sex(a, b));
    set(Field::Curp, curp(a.curp.as_ref(), b.curp.as_ref()));
    set(Field::Number, number(a, b));
    set(Field::Phone, phone(a, b));
    set(Field::House, word(&a.home.house, &b.home.house));
    let [mut street, mut place] = [name(&a.home.street, &b.home.street), name(&a.home.place, &b.home.place)];
    if street == Level::Different && crossed([&a.home.street, &a.home.place], [&b.home.street, &b.home.place])
    {
        street = Level::Crossed;
        place = if place == Level::Unknown { place } else { Level::Crossed };
    }
    set(Field::Street, street);
    set(Field::Place, place);
    set(Field::City, name(&a.home.city, &b.home.city));
    set(Field::Postal, word(&a.home.postal, &b.home.postal));
    set(Field::State, word(&a.home.state, &b.home.state));
    levels
}

fn sex(a: &Person, b: &Person) -> Level {
    if a.sex == 0 || b.sex == 0 { Level::Unknown } else { equal_or_not(a.sex == b.sex) }
}

fn equal_or_not(equal: bool) -> Level {
    if equal { Level::Equal } else { Level::Different }
}

/// A name of one or more words.
fn name(a: &Text, b: &Text) -> Level {
    if a.is_empty() || b.is_empty() {
        return Level::Unknown;
    }
    if a.mark() == b.mark() {
        return Level::Equal;
    }
    remembered(a, b, 0, || name_unlike(a, b))
}

fn name_unlike(a: &str, b: &str) -> Level {
    if folded_equal(a, b) {
        return Level::Equal;
    }
    let alike = jaro_winkler(a, b);
    let slips = edits(a.as_bytes(), b.as_bytes(), 2);
    if slips == 1 || alike >= 0.94 || alike >= 0.6 && a.len() > 3 && phonetic::key(a) == phonetic::key(b) {
        return Level::Close;
    }
    let is_part = |long: &str, short: &str| short.len() > 2 && long.split(' ').any(|w| w == short);
    if is_part(a, b) || is_part(b, a) {
        return Level::Part;
    }
    if alike >= 0.85 || slips == 2 && a.len().min(b.len()) >= 5 { Level::Similar } else { Level::Different }
}

/// Pairs of texts come again and again: two common surnames are compared once.
const REMEMBERED: usize = 1 << 16;

thread_local! {
    static MEMORY: RefCell<Vec<(u64, Level)>> = RefCell::new(vec![(0, Level::Unknown); REMEMBERED]);
}

/// `kind` tells comparisons of the same texts apart.
fn remembered(a: &Text, b: &Text, kind: u64, compare: impl FnOnce() -> Level) -> Level {
    let key = (a.mark() ^ b.mark().rotate_left(32) ^ kind).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let slot = usize::try_from(key >> 48).unwrap_or(0);
    MEMORY.with_borrow_mut(|memory| {
        if memory[slot].0 != key {
            memory[slot] = (key, compare());
        }
        memory[slot].1
    })
}

fn given(a: &Person, b: &Person) -> Level {
    let level = name(&a.given, &b.given);
    if !matches!(level, Level::Similar | Level::Different) || !a.given.contains(' ') && !b.given.contains(' ')
    {
        return level;
    }
    remembered(&a.given, &b.given, 1, || given_by_words(&a.given, &b.given))
}

/// Every name of the shorter is among the longer's: a part. Names of both that the other has not: twins are named so.
fn given_by_words(a: &str, b: &str) -> Level {
    let [mut short, mut long] = [a, b].map(|names| names.split(' ').collect::<Vec<_>>());
    if long.len() < short.len() {
        std::mem::swap(&mut short, &mut long);
    }
    let same = |x: &str, y: &str| {
        x == y || matches!(name_unlike(x, y), Level::Equal | Level::Close) || is_initial(x, y)
    };
    match short.iter().filter(|w| long.iter().any(|l| same(w, l))).count() {
        n if n == short.len() && short.len() == long.len() => Level::Close,
        n if n == short.len() => Level::Part,
        _ => Level::Different,
    }
}

fn is_initial(a: &str, b: &str) -> bool {
    (a.len() == 1 || b.len() == 1) && a.chars().next() == b.chars().next()
}

/// Given name and surname in each other's place.
fn is_crossed(a: &Person, b: &Person) -> bool {
    crossed([&a.given, &a.surnames[0]], [&b.given, &b.surnames[0]])
}

/// One value of the first stands in the other place of the second.
fn crossed(a: [&Text; 2], b: [&Text; 2]) -> bool {
    let agree = |x: &Text, y: &Text| matches!(name(x, y), Level::Equal | Level::Close);
    agree(a[0], b[1]) || agree(a[1], b[0])
}

/// One surname stands in the other's place, and what stands in the places left does not gainsay it.
fn are_surnames_crossed(a: &Person, b: &Person) -> bool {
    let agree = |x: &Text, y: &Text| matches!(name(x, y), Level::Equal | Level::Close);
    let may = |x: &Text, y: &Text| matches!(name(x, y), Level::Equal | Level::Close | Level::Unknown);
    let [a1, a2] = &a.surnames;
    let [b1, b2] = &b.surnames;
    agree(a1, b2) && may(a2, b1) || agree(a2, b1) && may(a1, b2)
}

fn birth(a: &str, b: &str) -> Level {
    if a.len() < 4 || b.len() < 4 {
        return Level::Unknown;
    }
    if a == b {
        return Level::Equal;
    }
    let common = a.len().min(b.len());
    if a.len() != b.len() && common < 8 && a[..common] == b[..common] {
        return Level::Part;
    }
    if a.len() != 8 || b.len() != 8 {
        return if edits(a.as_bytes(), b.as_bytes(), 1) == 1 { Level::Close } else { Level::Different };
    }
    if a[..4] == b[..4] && a[4..6] == b[6..] && a[6..] == b[4..6] {
        return Level::Crossed;
    }
    let parts = [a[..4] == b[..4], a[4..6] == b[4..6], a[6..] == b[6..]];
    // The first of January stands for a day that nobody knew.
    let unknown_day = parts[0] && (a.ends_with("0101") || b.ends_with("0101"));
    match edits(a.as_bytes(), b.as_bytes(), 2) {
        1 => Level::Close,
        _ if unknown_day => Level::Part,
        _ if parts.iter().filter(|same| **same).count() == 2 => Level::Similar,
        _ => Level::Different,
    }
}

/// `Similar` is a homonym's: the same but for the last two signs, and both check digits hold.
fn curp(a: Option<&Key>, b: Option<&Key>) -> Level {
    let (Some(a), Some(b)) = (a, b) else { return Level::Unknown };
    if a.text == b.text {
        return Level::Equal;
    }
    if a.is_valid && b.is_valid {
        return if a.text[..16] == b.text[..16] { Level::Similar } else { Level::Different };
    }
    let slips = edits(a.text.as_bytes(), b.text.as_bytes(), 2);
    if slips <= 2 { Level::Close } else { Level::Different }
}

/// The best agreement among numbers of the same system.
fn number(a: &Person, b: &Person) -> Level {
    let mut best = Level::Unknown;
    for (system, one) in &a.numbers {
        for (_, other) in b.numbers.iter().filter(|(s, _)| s == system) {
            match word(one, other) {
                Level::Equal => return Level::Equal,
                level if best == Level::Unknown || best == Level::Different => best = level,
                _ => {}
            }
        }
    }
    best
}

fn phone(a: &Person, b: &Person) -> Level {
    if a.phones.is_empty() || b.phones.is_empty() {
        return Level::Unknown;
    }
    equal_or_not(a.phones.iter().any(|p| b.phones.contains(p)))
}

/// A number or code: equal, one slip, two slips, or another.
fn word(a: &str, b: &str) -> Level {
    if a.is_empty() || b.is_empty() {
        return Level::Unknown;
    }
    match edits(a.as_bytes(), b.as_bytes(), 2) {
        0 => Level::Equal,
        1 if a.len().max(b.len()) > 1 => Level::Close,
        2 if a.len().min(b.len()) >= 5 => Level::Similar,
        _ => Level::Different,
    }
}

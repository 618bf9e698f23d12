//! The letters of a CURP from names: which word counts, and every exception of the rules (Instructivo Normativo, annex 1).

use super::{CurpError, is_vowel, words};
use unicode_normalization::UnicodeNormalization;

/// What the names give to a CURP.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letters {
    /// Characters 1 to 4.
    pub root: String,
    /// Characters 14 to 16.
    pub consonants: String,
}

/// Longer names are refused: no certificate has one.
const NAME_CHARACTERS_MAX: usize = 200;

/// Words before a name that do not count.
const PARTICLES: [&str; 19] = [
    "DA", "DAS", "DE", "DEL", "DER", "DI", "DIE", "DD", "EL", "LA", "LOS", "LAS", "LE", "LES", "MAC", "MC",
    "VAN", "VON", "Y",
];

/// First given names that do not count when another follows.
const SKIPPED_GIVEN: [&str; 7] = ["MARIA", "MA", "MA.", "M.", "JOSE", "J.", "J"];

impl Letters {
    pub(super) fn of(given: &str, first: &str, second: Option<&str>) -> Result<Letters, CurpError> {
        let first = surname_word(first)?.ok_or(CurpError::new(1, "the first surname is missing"))?;
        let second = match second {
            Some(text) => surname_word(text)?,
            None => None,
        };
        let given = given_word(given)?.ok_or(CurpError::new(4, "the given name is missing"))?;
        let second = second.as_deref();
        let mut root = String::new();
        root.push(initial(&first));
        root.push(inner_vowel(&first));
        root.push(second.map_or('X', initial));
        root.push(initial(&given));
        if words::is_listed(&root) {
            root.replace_range(1..2, "X");
        }
        let consonants =
            [inner_consonant(&first), second.map_or('X', inner_consonant), inner_consonant(&given)];
        Ok(Letters { root, consonants: consonants.iter().collect() })
    }
}

/// Upper case, accents and diaeresis dropped, Ñ as X; apostrophes of every kind as one. What the rules do not name is refused.
fn plain_words(text: &str) -> Result<Vec<String>, CurpError> {
    let mut plain = String::new();
    for c in text.nfc().flat_map(char::to_uppercase).take(NAME_CHARACTERS_MAX + 1) {
        match c {
            'Ñ' => plain.push('X'),
            '\'' | '’' | '‘' | '`' | '´' => plain.push('\''),
            c if c.is_whitespace() => plain.push(' '),
            '/' | '-' | '.' => plain.push(c),
            c => {
                let base = c.nfd().next().unwrap_or(c);
                if !base.is_ascii_uppercase() {
                    return Err(CurpError::new(
                        0,
                        "a name has a character that the rules of the CURP do not name",
                    ));
                }
                plain.push(base);
            }
        }
    }
    if plain.len() > NAME_CHARACTERS_MAX {
        return Err(CurpError::new(0, "a name is longer than 200 characters"));
    }
    Ok(plain.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect())
}

/// The first word of a surname that is not a particle; the last word where all are ("LE" is a surname too).
fn surname_word(text: &str) -> Result<Option<String>, CurpError> {
    Ok(counted_word(&plain_words(text)?))
}

/// The given name that counts: not María or José where another follows, not a particle.
fn given_word(text: &str) -> Result<Option<String>, CurpError> {
    let words = plain_words(text)?;
    let skips = |word: &str| SKIPPED_GIVEN.contains(&word) || word == "M";
    if words.len() > 1 && skips(&words[0]) && words[1..].iter().any(|w| !is_particle(w)) {
        return Ok(counted_word(&words[1..]));
    }
    Ok(counted_word(&words))
}

fn counted_word(words: &[String]) -> Option<String> {
    words.iter().find(|w| !is_particle(w)).or(words.last()).cloned()
}

fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word.trim_end_matches('.'))
}

/// A sign (`/ - . '`) in the place counts as X.
fn initial(word: &str) -> char {
    word.chars().next().filter(char::is_ascii_uppercase).unwrap_or('X')
}

/// The first vowel after the initial. A sign before it takes the place: D/AMICO gives DX.
fn inner_vowel(word: &str) -> char {
    let found = word.chars().skip(1).find(|c| is_vowel(*c as u8) || !c.is_ascii_uppercase());
    found.filter(char::is_ascii_uppercase).unwrap_or('X')
}

/// The first consonant after the initial: D/AMICO gives M.
fn inner_consonant(word: &str) -> char {
    word.chars().skip(1).find(|c| c.is_ascii_uppercase() && !is_vowel(*c as u8)).unwrap_or('X')
}

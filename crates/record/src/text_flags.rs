//! Sensitive classes inferred from free text: words of es-MX clinical notes (table `text_flags.csv`), with what is denied left out. Pure.
//!
//! A term is words in a row; the last may end in `*`. The longest term at a place counts, so that `-` (no class) takes "depresión
//! respiratoria" out. Where `negation` is `lifts`, a term that a note denies ("niega depresión") is no flag; where it is `counts`, its
//! being named at all tells of the matter. A flag is treated as the class until a clinician clears it for this very text.

use crate::class::DataClass;
use badiano_fhir::Value;
use badiano_fhir::search::fold;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ring::digest::{Context, SHA256};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The tag of a resource whose flag a clinician has cleared: its code is the class, its version the text that they read.
pub const CLEARED: &str = "urn:badiano:text-flag-cleared";

/// Elements that hold what people write; with them every `value[x]` of a text, and attachments of text.
const TEXTS: [&str; 16] = [
    "text",
    "div",
    "display",
    "conclusion",
    "description",
    "valueString",
    "valueMarkdown",
    "title",
    "comment",
    "patientInstruction",
    "instruction",
    "summary",
    "detail",
    "reasonString",
    "contentString",
    "note",
];
/// Who people are is no clinical text: a surname may be a word of the table.
const NO_TEXT: [&str; 6] = ["Patient", "Person", "RelatedPerson", "Practitioner", "Organization", "Consent"];
/// Elements below which names of people stand.
const NAMES: [&str; 3] = ["name", "telecom", "address"];

/// What denies the words after it in a sentence, and over how many of them.
const DENIALS: [(&str, usize); 15] = [
    ("niega", 14),
    ("niegan", 14),
    ("nego", 14),
    ("negados", 14),
    ("negadas", 14),
    ("interrogados y negados", 14),
    ("sin antecedentes de", 10),
    ("sin antecedente de", 10),
    ("sin datos de", 8),
    ("sin evidencia de", 8),
    ("no refiere", 8),
    ("no presenta", 8),
    ("no hay datos de", 8),
    ("no tiene antecedentes de", 8),
    ("ausencia de", 4),
];
/// What ends a denial.
const TURNS: [&str; 7] = ["pero", "aunque", "excepto", "salvo", "refiere", "acepta", "afirma"];

/// One flag: the class, the term as it stands in the table, and how often it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub class: DataClass,
    pub terms: Vec<&'static str>,
    /// The texts in which it was found, as a mark: another text has another mark.
    pub mark: String,
    pub cleared: bool,
}

struct Term {
    text: &'static str,
    words: Vec<&'static str>,
    is_open: bool,
    class: Option<DataClass>,
    denial_lifts: bool,
}

/// By the first three bytes of the first word; the longest first.
static TERMS: LazyLock<HashMap<&'static str, Vec<Term>>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Vec<Term>> = HashMap::new();
    for line in include_str!("text_flags.csv").lines().skip(1) {
        let mut cells = line.splitn(3, ',');
        let mut cell = || cells.next().expect("the table has three columns");
        let (class, negation, text) = (cell(), cell(), cell());
        let class =
            (class != "-").then(|| DataClass::from_code(class).expect("the table names classes that are"));
        let bare = text.strip_suffix('*').unwrap_or(text);
        let words: Vec<&'static str> = bare.split(' ').collect();
        let term = Term { text, words, is_open: bare != text, class, denial_lifts: negation == "lifts" };
        all.entry(&bare[..3]).or_default().push(term);
    }
    all.values_mut().for_each(|terms| terms.sort_by_key(|t| std::cmp::Reverse(t.words.len())));
    all
});

/// The sensitive classes that the texts of a resource tell of, without those that a clinician has cleared, as a mask.
pub fn classes_in(resource: &Value) -> u64 {
    flags_of(resource).iter().filter(|f| !f.cleared).fold(0, |mask, f| mask | f.class.bit())
}

/// Every flag of a resource.
pub fn flags_of(resource: &Value) -> Vec<Flag> {
    if NO_TEXT.contains(&resource.resource_type()) {
        return Vec::new();
    }
    let mut found: Vec<(DataClass, Vec<&'static str>, Context)> = Vec::new();
    walk(resource, &mut |text| {
        for (class, term) in scan(text) {
            let at = found.iter().position(|(c, ..)| *c == class).unwrap_or_else(|| {
                found.push((class, Vec::new(), Context::new(&SHA256)));
                found.len() - 1
            });
            let (_, terms, mark) = &mut found[at];
            if !terms.contains(&term) {
                terms.push(term);
            }
            mark.update(text.as_bytes());
        }
    });
    let flag = |(class, terms, mark): (DataClass, Vec<&'static str>, Context)| {
        let mark: String = mark.finish().as_ref()[..8].iter().map(|b| format!("{b:02x}")).collect();
        let is_cleared = |tag: &Value| {
            tag.str_of("system") == CLEARED
                && tag.str_of("code") == class.code()
                && tag.str_of("version") == mark
        };
        let cleared = resource["meta"]["tag"].items().iter().any(is_cleared);
        Flag { class, terms, mark, cleared }
    };
    found.into_iter().map(flag).collect()
}

/// Gives each free text below a value.
fn walk(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, each)),
        Value::Object(object) => {
            for (key, item) in object.iter() {
                match item {
                    Value::String(_) if TEXTS.contains(&key) => each(item.as_str().unwrap_or_default()),
                    Value::String(_) if key == "data" && value.str_of("contentType").starts_with("text/") => {
                        let bytes = BASE64.decode(item.as_str().unwrap_or_default()).unwrap_or_default();
                        each(&String::from_utf8_lossy(&bytes));
                    }
                    Value::Array(_) | Value::Object(_) if !NAMES.contains(&key) && key != "meta" => {
                        walk(item, each);
                    }
                    _ => {}
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A word of a text, and whether a sentence ends before it.
struct Word<'t> {
    text: &'t str,
    begins: bool,
}

fn words(folded: &str) -> Vec<Word<'_>> {
    let (mut words, mut from, mut begins) = (Vec::new(), None, true);
    for (at, c) in folded.char_indices().chain([(folded.len(), '.')]) {
        match (c.is_alphanumeric(), from) {
            (true, None) => from = Some(at),
            (false, Some(start)) => {
                words.push(Word { text: &folded[start..at], begins });
                (from, begins) = (None, false);
            }
            _ => {}
        }
        begins |= matches!(c, '.' | ';' | ':' | '<') && from.is_none();
    }
    words
}

/// Letters of a word that tell whether a term may begin with it.
const BEGINNING: usize = 5;

/// Beginnings of the first words of all terms, in order.
static BEGINNINGS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut all: Vec<u64> = TERMS.values().flatten().map(|term| key_of(term.words[0])).collect();
    all.sort_unstable();
    all.dedup();
    all
});

fn key_of(word: &str) -> u64 {
    word.bytes().take(BEGINNING).fold(0, |key, b| key << 8 | u64::from(b))
}

/// Whether any word of a text begins as some term does: most texts are passed over without being folded.
fn may_tell(text: &str) -> bool {
    let known = |key: u64| BEGINNINGS.binary_search(&key).is_ok();
    let (mut key, mut letters) = (0, 0);
    for c in text.chars() {
        match plain(c) {
            // A mark on the letter before.
            None => {}
            Some(0) => {
                if letters > 0 && letters < BEGINNING && known(key) {
                    return true;
                }
                (key, letters) = (0, 0);
            }
            Some(letter) => {
                letters += 1;
                if letters <= BEGINNING {
                    key = key << 8 | u64::from(letter);
                }
                if letters == BEGINNING && known(key) {
                    return true;
                }
            }
        }
    }
    letters > 0 && letters < BEGINNING && known(key)
}

/// A letter without its accent, 0 for what is none; nothing for an accent that stands by itself.
fn plain(c: char) -> Option<u8> {
    Some(match c {
        'a'..='z' | '0'..='9' => u8::try_from(c).unwrap_or(1),
        'A'..='Z' => u8::try_from(c.to_ascii_lowercase()).unwrap_or(1),
        'á' | 'Á' | 'à' | 'À' | 'ä' | 'Ä' => b'a',
        'é' | 'É' | 'è' | 'È' | 'ë' | 'Ë' => b'e',
        'í' | 'Í' | 'ì' | 'Ì' | 'ï' | 'Ï' => b'i',
        'ó' | 'Ó' | 'ò' | 'Ò' | 'ö' | 'Ö' => b'o',
        'ú' | 'Ú' | 'ù' | 'Ù' | 'ü' | 'Ü' => b'u',
        'ñ' | 'Ñ' => b'n',
        '\u{300}'..='\u{36f}' => return None,
        other if other.is_alphanumeric() => 1,
        _ => 0,
    })
}

/// The classes that a text tells of, each with its term.
fn scan(text: &str) -> Vec<(DataClass, &'static str)> {
    if !may_tell(text) {
        return Vec::new();
    }
    let folded = fold(text);
    let words = words(&folded);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < words.len() {
        let bucket = words[at].text.get(..3).and_then(|key| TERMS.get(key));
        let fits = |term: &&Term| is_at(term, &words, at);
        let Some(term) = bucket.and_then(|terms| terms.iter().find(fits)) else {
            at += 1;
            continue;
        };
        if let Some(class) = term.class
            && !(term.denial_lifts && is_denied(&words, at))
        {
            found.push((class, term.text));
        }
        at += term.words.len();
    }
    found
}

fn is_at(term: &Term, words: &[Word<'_>], at: usize) -> bool {
    let Some(here) = words.get(at..at + term.words.len()) else { return false };
    let last = term.words.len() - 1;
    term.words.iter().zip(here).enumerate().all(|(n, (wanted, word))| {
        (n == 0 || !word.begins)
            && (word.text == *wanted || n == last && term.is_open && word.text.starts_with(wanted))
    })
}

/// Whether the sentence denies what stands at a place: a denial before it, near enough, that nothing has turned and that is not denied.
fn is_denied(words: &[Word<'_>], place: usize) -> bool {
    let mut at = place;
    while at > 0 && !words[at].begins {
        at -= 1;
        if TURNS.contains(&words[at].text) && !is_end_of(words, at, "no refiere") {
            return false;
        }
        let denies = |(phrase, reach): &(&str, usize)| place - at <= *reach && is_end_of(words, at, phrase);
        if let Some((phrase, _)) = DENIALS.iter().find(|d| denies(d)) {
            let start = at + 1 - phrase.split(' ').count();
            return start == 0 || words[start].begins || words[start - 1].text != "no";
        }
    }
    false
}

/// Whether a phrase ends with the word at a place, within its sentence.
fn is_end_of(words: &[Word<'_>], at: usize, phrase: &str) -> bool {
    let mut back = Some(at);
    let mut later: Option<usize> = None;
    for wanted in phrase.rsplit(' ') {
        let Some(here) = back else { return false };
        if words[here].text != wanted || later.is_some_and(|n| words[n].begins) {
            return false;
        }
        later = Some(here);
        back = here.checked_sub(1);
    }
    true
}

#[cfg(test)]
mod tests;

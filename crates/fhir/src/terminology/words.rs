//! Finding concepts by the beginnings of words, in any language, without case or accents (FHIR R4, valueset-operation-expand.html:
//! filter).

use super::strings::{Bits, Lists, Strings};
use crate::search::fold;
use std::collections::HashMap;

/// Words of one question; the rest is not looked at.
const WORDS_MAX: usize = 16;

/// Every word of a system's texts, sorted, with the concepts that have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    pub words: Strings,
    pub concepts: Lists,
}

/// The words of a text as they are compared.
pub(crate) fn words_of(text: &str) -> Vec<String> {
    let folded = fold(text);
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    words.take(WORDS_MAX * 16).map(str::to_owned).collect()
}

/// Words as they are gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered(HashMap<Box<str>, Vec<u32>>);

impl Gathered {
    /// Concepts come in rising order.
    pub fn add(&mut self, concept: u32, text: &str) {
        for word in words_of(text) {
            match self.0.get_mut(&*word) {
                Some(all) if all.last() == Some(&concept) => {}
                Some(all) => all.push(concept),
                None => {
                    self.0.insert(word.into(), vec![concept]);
                }
            }
        }
    }

    pub fn finish(self) -> Words {
        let mut all: Vec<(Box<str>, Vec<u32>)> = self.0.into_iter().collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut words = Words::default();
        for (word, concepts) in all {
            if words.words.push(&word).is_some() {
                words.concepts.push(concepts);
            }
        }
        words
    }
}

impl Words {
    /// The concepts of which some word begins with each word of the question.
    pub fn find(&self, question: &str, size: u32) -> Bits {
        let mut found: Option<Bits> = None;
        for word in words_of(question).iter().take(WORDS_MAX) {
            let own = self.beginning(word, size);
            match &mut found {
                Some(found) => found.keep(&own),
                None => found = Some(own),
            }
        }
        found.unwrap_or_else(|| Bits::all(size))
    }

    fn beginning(&self, word: &str, size: u32) -> Bits {
        let mut found = Bits::none(size);
        let count = self.words.len();
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.words.get(middle) < word { low = middle + 1 } else { high = middle }
        }
        for at in low..count {
            if !self.words.get(at).starts_with(word) {
                break;
            }
            self.concepts.get(at).iter().for_each(|concept| {
                found.add(*concept);
            });
        }
        found
    }
}

/// Whether a text that is in no index fits a question.
pub(crate) fn fits(text: &str, question: &[String]) -> bool {
    let own = words_of(text);
    question.iter().all(|word| own.iter().any(|w| w.starts_with(&**word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_of_words_are_found_in_any_order_without_accents() {
        let mut gathered = Gathered::default();
        for (at, text) in (0..).zip(["Diabetes mellitus tipo 2", "Anemia", "Infección, vías urinarias"]) {
            gathered.add(at, text);
        }
        let words = gathered.finish();
        let find = |text: &str| words.find(text, 3).iter().collect::<Vec<_>>();
        assert_eq!(find("MELL diab"), [0]);
        assert_eq!(find("infeccion via"), [2]);
        assert_eq!(find("infeccion diab"), [] as [u32; 0]);
        assert_eq!(find("  "), [0, 1, 2], "nothing asked for is no condition");
        assert_eq!(find("an"), [1]);
    }
}

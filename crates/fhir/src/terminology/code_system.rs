//! A code system held compactly: codes, displays, hierarchy, designations, properties and words (FHIR R4, codesystem.html).
//!
//! A concept is its place in the order of the definition; everything else is looked up by that number.

use super::canonical::speaks;
use super::strings::{Bits, Lists, Strings};
use super::words::Words;

/// A concept's place.
pub(crate) type At = u32;

/// What is said of a code system as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    pub url: String,
    pub version: String,
    pub name: String,
    pub title: String,
    /// Of the displays; empty where nothing says it.
    pub language: String,
    /// `complete`, `fragment`, `example`, `supplement`, `not-present` (codesystem-content-mode).
    pub content: String,
    pub ignores_case: bool,
    /// The value set of all its codes.
    pub value_set: String,
    /// The system that a supplement is about.
    pub supplements: String,
    pub properties: Vec<PropertyAbout>,
}

/// A property that concepts may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PropertyAbout {
    pub code: String,
    /// `code`, `Coding`, `string`, `integer`, `boolean`, `dateTime`, `decimal`.
    pub kind: String,
    pub description: String,
}

pub(crate) const INACTIVE: u8 = 1;
/// Not to be chosen: a heading.
pub(crate) const ABSTRACT: u8 = 2;

/// A concept's text in a language and for a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Designation<'s> {
    pub language: &'s str,
    /// System, code and display of what it is for; empty where nothing says it.
    pub usage: [&'s str; 3],
    pub value: &'s str,
}

/// A code system that can be asked. Immutable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeSystem {
    pub(crate) about: About,
    pub(crate) codes: Strings,
    /// Empty where there is none.
    pub(crate) displays: Strings,
    pub(crate) definitions: Strings,
    pub(crate) flags: Vec<u8>,
    /// In the order of their codes, folded where the system ignores case.
    pub(crate) by_code: Vec<At>,
    pub(crate) parents: Lists,
    pub(crate) children: Lists,
    /// For each concept its designations' numbers; languages and uses are numbers of [`CodeSystem::names`].
    pub(crate) designations: Lists,
    pub(crate) designation_languages: Vec<u32>,
    pub(crate) designation_uses: Vec<u32>,
    pub(crate) designation_texts: Strings,
    /// For each concept its properties' numbers, and of each property its number in `about.properties`.
    pub(crate) properties: Lists,
    pub(crate) property_of: Vec<u32>,
    pub(crate) property_texts: Strings,
    /// Languages, and uses as `system|code|display` with a unit separator between.
    pub(crate) names: Strings,
    pub(crate) words: Words,
}

/// Between the parts of a use and of a property that is a Coding.
pub(crate) const BETWEEN: char = '\u{1f}';

pub(crate) fn three(text: &str) -> [&str; 3] {
    let mut parts = text.split(BETWEEN);
    [(); 3].map(|()| parts.next().unwrap_or_default())
}

impl CodeSystem {
    pub fn about(&self) -> &About {
        &self.about
    }
    /// How many concepts are here.
    pub fn len(&self) -> u32 {
        self.codes.len()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Whether a code that is not here is no code of the system.
    pub fn is_complete(&self) -> bool {
        self.about.content == "complete" && !self.is_empty()
    }

    pub(crate) fn folded(&self, code: &str) -> String {
        if self.about.ignores_case { code.to_lowercase() } else { code.to_owned() }
    }

    /// The place of a code.
    pub(crate) fn find(&self, code: &str) -> Option<At> {
        let found = if self.about.ignores_case {
            let wanted = code.to_lowercase();
            self.by_code.binary_search_by(|at| self.codes.get(*at).to_lowercase().cmp(&wanted))
        } else {
            self.by_code.binary_search_by(|at| self.codes.get(*at).cmp(code))
        };
        found.ok().map(|n| self.by_code[n])
    }

    pub(crate) fn code(&self, at: At) -> &str {
        self.codes.get(at)
    }
    pub(crate) fn display(&self, at: At) -> &str {
        self.displays.get(at)
    }
    pub(crate) fn definition(&self, at: At) -> &str {
        if self.definitions.ends.is_empty() { "" } else { self.definitions.get(at) }
    }
    pub(crate) fn has_flag(&self, at: At, flag: u8) -> bool {
        self.flags.get(at as usize).is_some_and(|f| f & flag != 0)
    }

    pub(crate) fn designations(&self, at: At) -> impl Iterator<Item = Designation<'_>> {
        self.designations.get(at).iter().map(|n| {
            let n = *n as usize;
            Designation {
                language: self.names.get(self.designation_languages[n]),
                usage: three(self.names.get(self.designation_uses[n])),
                value: self.designation_texts.get(u32::try_from(n).expect("it came from one")),
            }
        })
    }

    /// Properties as they were written: code, kind, value.
    pub(crate) fn properties(&self, at: At) -> impl Iterator<Item = (&PropertyAbout, &str)> {
        self.properties.get(at).iter().map(|n| {
            (&self.about.properties[self.property_of[*n as usize] as usize], self.property_texts.get(*n))
        })
    }

    pub(crate) fn property_values<'s>(&'s self, at: At, code: &'s str) -> impl Iterator<Item = &'s str> {
        self.properties(at).filter(move |(p, _)| p.code == code).map(|(_, value)| value)
    }

    /// The display in the first of the languages that there is one in; none of them: the system's own.
    pub(crate) fn display_in(&self, at: At, languages: &[String]) -> &str {
        for language in languages {
            if speaks(&self.about.language, language) && !self.display(at).is_empty() {
                return self.display(at);
            }
            if let Some(found) = self.designations(at).find(|d| speaks(d.language, language)) {
                return found.value;
            }
        }
        self.display(at)
    }

    /// Whether a concept is another, or below it.
    pub(crate) fn is_a(&self, at: At, ancestor: At) -> bool {
        at == ancestor || self.is_below(at, ancestor)
    }

    pub(crate) fn is_below(&self, at: At, ancestor: At) -> bool {
        let mut seen = vec![at];
        let mut next = 0;
        while let Some(one) = seen.get(next).copied() {
            for parent in self.parents.get(one) {
                if *parent == ancestor {
                    return true;
                }
                if !seen.contains(parent) {
                    seen.push(*parent);
                }
            }
            next += 1;
        }
        false
    }

    /// All that lie above.
    pub(crate) fn ancestors(&self, at: At) -> Vec<At> {
        reached(&self.parents, at)
    }

    /// All that lie below, as a set.
    pub(crate) fn descendants(&self, at: At) -> Bits {
        let mut found = Bits::none(self.len());
        let mut open = vec![at];
        while let Some(one) = open.pop() {
            open.extend(self.children.get(one).iter().filter(|child| found.add(**child)));
        }
        found.remove(at);
        found
    }
}

fn reached(links: &Lists, from: At) -> Vec<At> {
    let mut all: Vec<At> = Vec::new();
    let mut open = vec![from];
    while let Some(one) = open.pop() {
        for next in links.get(one) {
            if *next != from && !all.contains(next) {
                all.push(*next);
                open.push(*next);
            }
        }
    }
    all
}

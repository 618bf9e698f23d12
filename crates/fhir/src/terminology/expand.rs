//! The codes of a value set, page by page (FHIR R4, valueset-operation-expand.html).

use super::canonical::{divided, speaks};
use super::code_system::{ABSTRACT, At, CodeSystem, INACTIVE};
use super::filter::unknown_here;
use super::strings::Bits;
use super::value_set::{Part, ValueSet};
use super::words::{fits, words_of};
use super::{Terminology, grammar, unknown};
use badiano_kernel::Fault;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Codes of one answer; a larger set is asked for page by page or with a filter.
pub const EXPANSION_MAX: usize = 10_000;
/// Value sets in value sets.
const DEPTH_MAX: usize = 16;
/// Found concepts that are put in order by the length of their displays; more stay in the order of the definition.
const ORDERED_MAX: usize = 200_000;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Expand {
    /// Beginnings of words of display, designation or code.
    pub filter: String,
    pub offset: usize,
    /// Nothing: all, as far as the limit allows.
    pub count: Option<usize>,
    pub active_only: bool,
    /// Headings are left out.
    pub without_abstract: bool,
    /// In the order of the reader's wish.
    pub languages: Vec<String>,
    /// Versions of systems where the value set names none: `url|version`.
    pub system_versions: Vec<String>,
    pub with_designations: bool,
}

/// A page of an expansion.
#[derive(Debug, Default)]
pub struct Expansion {
    pub total: usize,
    pub items: Vec<Item>,
    /// The systems that were used, with their versions.
    pub used: BTreeMap<String, String>,
}

/// One code of an expansion.
#[derive(Debug)]
pub struct Item {
    pub system: Arc<str>,
    pub code: String,
    pub display: String,
    pub is_inactive: bool,
    pub is_abstract: bool,
    /// Language, use, text: what the value set says, before what the system says.
    pub designations: Vec<(String, [String; 3], String)>,
}

/// What one part gives: concepts of a system, or codes as the value set lists them.
struct Segment {
    url: Arc<str>,
    system: Option<Arc<CodeSystem>>,
    codes: Codes,
}

enum Codes {
    Concepts(Bits),
    /// Numbers of what a part of a set lists, with the concept's place where the system is here.
    Listed {
        set: Arc<ValueSet>,
        part: usize,
        codes: Vec<(usize, Option<At>)>,
    },
}

/// What is found so far, while parts are put together.
struct Making<'t> {
    of: &'t Terminology,
    ask: &'t Expand,
    question: Vec<String>,
    used: BTreeMap<String, String>,
}

impl Terminology {
    /// One page of a value set.
    pub fn expand(&self, set: &Arc<ValueSet>, ask: &Expand) -> Result<Expansion, Fault> {
        let mut making = Making { of: self, ask, question: words_of(&ask.filter), used: BTreeMap::new() };
        let segments = making.set(set, 0)?;
        let total = segments.iter().map(Segment::len).sum::<usize>();
        let room = match ask.count {
            Some(count) => count.min(EXPANSION_MAX),
            None if total.saturating_sub(ask.offset) > EXPANSION_MAX => {
                return Err(Fault::too_costly(format!(
                    "the value set has more than {EXPANSION_MAX} codes: ask with a filter, or page by page with count and offset"
                )));
            }
            None => EXPANSION_MAX,
        };
        let mut items = Vec::new();
        let mut skip = ask.offset;
        for segment in segments {
            let left = room - items.len();
            if left == 0 {
                break;
            }
            let here = segment.len();
            if skip < here {
                segment.page(self, ask, skip, left, &mut items);
            }
            skip = skip.saturating_sub(here);
        }
        Ok(Expansion { total, items, used: making.used })
    }
}

impl Terminology {
    /// Every code of a value set, with its system.
    pub fn each_code(
        &self,
        set: &Arc<ValueSet>,
        most: usize,
        take: &mut dyn FnMut(&str, &str),
    ) -> Result<(), Fault> {
        let ask = Expand::default();
        let mut making = Making { of: self, ask: &ask, question: Vec::new(), used: BTreeMap::new() };
        let segments = making.set(set, 0)?;
        if segments.iter().map(Segment::len).sum::<usize>() > most {
            return Err(Fault::too_costly(format!("the value set has more than {most} codes")));
        }
        for segment in &segments {
            match (&segment.codes, &segment.system) {
                (Codes::Concepts(bits), Some(system)) => {
                    bits.iter().for_each(|at| take(&segment.url, system.code(at)));
                }
                (Codes::Listed { set, part, codes }, _) => {
                    let listed = &set.include[*part].listed;
                    codes.iter().for_each(|(number, _)| take(&segment.url, &listed[*number].code));
                }
                (Codes::Concepts(_), None) => {}
            }
        }
        Ok(())
    }
}

impl Making<'_> {
    fn set(&mut self, set: &Arc<ValueSet>, depth: usize) -> Result<Vec<Segment>, Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::too_costly("value sets name each other too deeply"));
        }
        let mut all = Vec::new();
        let mut seen = Seen::default();
        for number in 0..set.include.len() {
            for mut segment in self.part(set, number, depth)? {
                seen.only_new(&mut segment);
                for excluded in &set.exclude {
                    self.exclude(&mut segment, excluded)?;
                }
                all.push(segment);
            }
        }
        if !set.with_inactive {
            all.iter_mut().for_each(|segment| segment.retain(|s, at| !s.has_flag(at, INACTIVE)));
        }
        Ok(all)
    }

    fn part(&mut self, set: &Arc<ValueSet>, number: usize, depth: usize) -> Result<Vec<Segment>, Fault> {
        let part = &set.include[number];
        let mut imports = part.imports.as_slice();
        let mut segments = match &part.system {
            Some((url, version)) => vec![self.of_system(set, number, url, version)?],
            None => {
                let first = imports.first().ok_or_else(|| Fault::bug("a part without system or import"))?;
                imports = &imports[1..];
                let import = self.of.value_set(first).ok_or_else(|| unknown("value set", first))?;
                self.set(&import, depth + 1)?
            }
        };
        for import in imports {
            let import = self.of.value_set(import).ok_or_else(|| unknown("value set", import))?;
            for segment in &mut segments {
                segment.keep(|url, code| self.of.has(&import, Some(url), code).ok_or_else(unknown_here))?;
            }
        }
        Ok(segments)
    }

    fn of_system(
        &mut self,
        set: &Arc<ValueSet>,
        number: usize,
        url: &str,
        version: &str,
    ) -> Result<Segment, Fault> {
        let part = &set.include[number];
        let asked = self.ask.system_versions.iter().map(|v| divided(v)).find(|(of, _)| *of == url);
        let version = if version.is_empty() { asked.map_or("", |(_, v)| v) } else { version };
        let system = self.of.code_system(url, version).filter(|s| !s.is_empty());
        if let Some(known) = &system {
            self.used.insert(url.to_owned(), known.about.version.clone());
        }
        let codes = if part.listed.is_empty() {
            let Some(known) = &system else {
                return Err(match grammar::has(url, "") {
                    Some(_) => {
                        Fault::too_costly(format!("the codes of {url} are a grammar and cannot be listed"))
                    }
                    None => unknown("code system", url),
                });
            };
            Codes::Concepts(self.chosen(part, known)?)
        } else {
            Codes::Listed { set: set.clone(), part: number, codes: self.listed(part, system.as_deref()) }
        };
        let mut segment = Segment { url: url.into(), system, codes };
        segment.retain(|s, at| {
            !(self.ask.active_only && s.has_flag(at, INACTIVE)
                || self.ask.without_abstract && s.has_flag(at, ABSTRACT))
        });
        Ok(segment)
    }

    fn chosen(&self, part: &Part, system: &Arc<CodeSystem>) -> Result<Bits, Fault> {
        let selected = part.selected(system)?;
        if self.question.is_empty() {
            return Ok((*selected).clone());
        }
        let mut found = system.words.find(&self.ask.filter, system.len());
        for more in self.of.supplements(&system.about.url) {
            let named = more.words.find(&self.ask.filter, more.len());
            named.iter().filter_map(|at| system.find(more.code(at))).for_each(|at| {
                found.add(at);
            });
        }
        found.keep(&selected);
        Ok(found)
    }

    /// Codes that a part lists and a text filter leaves. A code that a whole system does not have belongs to nothing.
    fn listed(&self, part: &Part, system: Option<&CodeSystem>) -> Vec<(usize, Option<At>)> {
        let mut all = Vec::new();
        for (number, listed) in part.listed.iter().enumerate() {
            let at = system.and_then(|s| s.find(&listed.code));
            if at.is_none() && system.is_some_and(CodeSystem::is_complete) {
                continue;
            }
            let mut texts = vec![listed.code.as_str(), listed.display.as_str()];
            texts.extend(listed.designations.iter().map(|(_, _, text)| text.as_str()));
            if let (Some(system), Some(at)) = (system, at) {
                texts.push(system.display(at));
                texts.extend(system.designations(at).map(|d| d.value));
            }
            if self.question.is_empty() || texts.iter().any(|text| fits(text, &self.question)) {
                all.push((number, at));
            }
        }
        all
    }

    fn exclude(&self, segment: &mut Segment, part: &Part) -> Result<(), Fault> {
        if part.system.as_ref().is_some_and(|(url, _)| **url != *segment.url) {
            return Ok(());
        }
        if let (Codes::Concepts(bits), Some(system)) = (&mut segment.codes, &segment.system)
            && part.imports.is_empty()
            && part.listed.is_empty()
        {
            bits.drop_all(&*part.selected(system)?);
            return Ok(());
        }
        segment.keep(|url, code| {
            let excluded = self.of.in_part(part, Some(url), code, 0);
            excluded.map(|is| !is).ok_or_else(unknown_here)
        })
    }
}

/// What earlier parts gave already.
#[derive(Default)]
struct Seen {
    concepts: Vec<(Arc<CodeSystem>, Bits)>,
    codes: HashSet<(Arc<str>, String)>,
}

impl Seen {
    fn only_new(&mut self, segment: &mut Segment) {
        let Some(system) = segment.system.clone() else {
            let (url, seen) = (segment.url.clone(), &mut self.codes);
            if let Codes::Listed { set, part, codes } = &mut segment.codes {
                let of = &set.include[*part].listed;
                codes.retain(|(number, _)| seen.insert((url.clone(), of[*number].code.clone())));
            }
            return;
        };
        let known = self.concepts.iter().position(|(of, _)| Arc::ptr_eq(of, &system));
        let known = known.unwrap_or_else(|| {
            self.concepts.push((system.clone(), Bits::none(system.len())));
            self.concepts.len() - 1
        });
        let seen = &mut self.concepts[known].1;
        match &mut segment.codes {
            Codes::Concepts(bits) => {
                bits.drop_all(seen);
                bits.iter().for_each(|at| {
                    seen.add(at);
                });
            }
            Codes::Listed { codes, .. } => codes.retain(|(_, at)| at.is_none_or(|at| seen.add(at))),
        }
    }
}

impl Segment {
    fn len(&self) -> usize {
        match &self.codes {
            Codes::Concepts(bits) => bits.count(),
            Codes::Listed { codes, .. } => codes.len(),
        }
    }

    /// Leaves the concepts that fit; a code without a concept stays.
    fn retain(&mut self, fits: impl Fn(&CodeSystem, At) -> bool) {
        let Some(system) = &self.system else { return };
        match &mut self.codes {
            Codes::Concepts(bits) => {
                let gone: Vec<At> = bits.iter().filter(|at| !fits(system, *at)).collect();
                gone.into_iter().for_each(|at| bits.remove(at));
            }
            Codes::Listed { codes, .. } => codes.retain(|(_, at)| at.is_none_or(|at| fits(system, at))),
        }
    }

    /// Leaves the codes that fit.
    fn keep(&mut self, fits: impl Fn(&str, &str) -> Result<bool, Fault>) -> Result<(), Fault> {
        match &mut self.codes {
            Codes::Concepts(bits) => {
                let Some(system) = &self.system else { return Ok(()) };
                for at in bits.clone().iter() {
                    if !fits(&self.url, system.code(at))? {
                        bits.remove(at);
                    }
                }
            }
            Codes::Listed { set, part, codes } => {
                let mut kept = Vec::new();
                for (number, at) in codes.iter() {
                    if fits(&self.url, &set.include[*part].listed[*number].code)? {
                        kept.push((*number, *at));
                    }
                }
                *codes = kept;
            }
        }
        Ok(())
    }

    fn page(&self, of: &Terminology, ask: &Expand, skip: usize, left: usize, items: &mut Vec<Item>) {
        match &self.codes {
            Codes::Listed { set, part, codes } => {
                for (number, at) in codes.iter().skip(skip).take(left) {
                    let listed = &set.include[*part].listed[*number];
                    items.push(self.item(of, ask, &listed.code, *at, &listed.display, &listed.designations));
                }
            }
            Codes::Concepts(bits) => {
                let Some(system) = &self.system else { return };
                let mut push = |at| items.push(self.item(of, ask, system.code(at), Some(at), "", &[]));
                if ask.filter.is_empty() || bits.count() > ORDERED_MAX {
                    return bits.iter().skip(skip).take(left).for_each(push);
                }
                // The shortest first: what was meant is rarely the longest.
                let length = |at| (system.display_in(at, &ask.languages).len(), at);
                let mut found: Vec<(usize, At)> = bits.iter().map(length).collect();
                let end = (skip + left).min(found.len());
                if end < found.len() {
                    found.select_nth_unstable(end);
                    found.truncate(end);
                }
                found.sort_unstable();
                found.into_iter().skip(skip).for_each(|(_, at)| push(at));
            }
        }
    }

    fn item(
        &self,
        of: &Terminology,
        ask: &Expand,
        code: &str,
        at: Option<At>,
        display: &str,
        designations: &[(String, [String; 3], String)],
    ) -> Item {
        let known = self.system.as_ref().zip(at);
        let flag = |flag| known.is_some_and(|(system, at)| system.has_flag(at, flag));
        let own = ask.languages.iter().find_map(|l| designations.iter().find(|(own, ..)| speaks(own, l)));
        let shown = match (own, known) {
            (Some((_, _, text)), _) => text.clone(),
            (None, Some((system, at))) => of.shown(system, at, &ask.languages, display),
            (None, None) => display.to_owned(),
        };
        let mut all = Vec::new();
        if ask.with_designations {
            all.extend(designations.iter().cloned());
            if let Some((system, at)) = known {
                all.extend(of.all_designations(system, at));
            }
        }
        Item {
            system: self.url.clone(),
            code: known.map_or(code, |(system, at)| system.code(at)).to_owned(),
            display: shown,
            is_inactive: flag(INACTIVE),
            is_abstract: flag(ABSTRACT),
            designations: all,
        }
    }
}

impl Terminology {
    /// The display in the first language that there is one in; `written`: what a value set says, before the system's own.
    pub(super) fn shown(&self, system: &CodeSystem, at: At, languages: &[String], written: &str) -> String {
        for language in languages {
            if speaks(&system.about.language, language)
                && written.is_empty()
                && !system.display(at).is_empty()
            {
                return system.display(at).to_owned();
            }
            if let Some(found) = system.designations(at).find(|d| speaks(d.language, language)) {
                return found.value.to_owned();
            }
            for more in self.supplements(&system.about.url) {
                let Some(at) = more.find(system.code(at)) else { continue };
                if let Some(found) = more.designations(at).find(|d| speaks(d.language, language)) {
                    return found.value.to_owned();
                }
                if speaks(&more.about.language, language) && !more.display(at).is_empty() {
                    return more.display(at).to_owned();
                }
            }
        }
        if written.is_empty() { system.display(at).to_owned() } else { written.to_owned() }
    }

    /// Those of the system, then those of its supplements.
    pub(super) fn all_designations(&self, system: &CodeSystem, at: At) -> Vec<(String, [String; 3], String)> {
        let owned = |d: super::Designation<'_>| {
            (d.language.to_owned(), d.usage.map(str::to_owned), d.value.to_owned())
        };
        let mut all: Vec<_> = system.designations(at).map(owned).collect();
        for more in self.supplements(&system.about.url) {
            if let Some(at) = more.find(system.code(at)) {
                all.extend(more.designations(at).map(owned));
            }
        }
        all
    }
}

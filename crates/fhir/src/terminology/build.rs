//! From concepts as they come to a code system that can be asked; and from the resource (FHIR R4, codesystem.html).

use super::canonical::divided;
use super::code_system::{ABSTRACT, About, BETWEEN, CodeSystem, INACTIVE, PropertyAbout};
use super::strings::Lists;
use super::words::Gathered;
use crate::value::Value;
use badiano_kernel::Fault;
use std::collections::{BTreeSet, HashMap};

/// Concepts of one system; SNOMED CT with all extensions has a tenth.
pub const CONCEPTS_MAX: u32 = 5_000_000;
/// Parents, designations or properties of one system.
const LINKS_MAX: usize = 64_000_000;
/// Concepts within concepts.
const NESTING_MAX: usize = 100;

/// Properties by which a hierarchy is told instead of nesting.
const UPWARD: [&str; 2] = ["subsumedBy", "parent"];

/// One concept as its source tells it.
#[derive(Debug, Default, Clone)]
pub struct Concept {
    pub code: String,
    pub display: String,
    pub definition: String,
    pub is_inactive: bool,
    /// A heading that is not to be chosen.
    pub is_abstract: bool,
    /// Codes, which may come later.
    pub parents: Vec<String>,
    /// Language, use (system, code, display; empty for none), text. In each language the preferred one first.
    pub designations: Vec<(String, [String; 3], String)>,
    /// Code of the property and its value.
    pub properties: Vec<(String, String)>,
}

/// Gathers concepts in the order of their definition.
#[derive(Debug)]
pub struct Builder {
    system: CodeSystem,
    /// Codes of the parents of each concept.
    above: Vec<Vec<String>>,
    names: HashMap<String, u32>,
    words: Gathered,
    by_code: HashMap<Box<str>, u32>,
}

impl Builder {
    pub fn new(about: About) -> Self {
        let system = CodeSystem { about, ..CodeSystem::default() };
        Builder {
            system,
            above: Vec::new(),
            names: HashMap::new(),
            words: Gathered::default(),
            by_code: HashMap::new(),
        }
    }

    pub fn about(&mut self) -> &mut About {
        &mut self.system.about
    }

    /// Concepts so far.
    pub fn len(&self) -> u32 {
        self.system.len()
    }
    pub fn is_empty(&self) -> bool {
        self.system.is_empty()
    }

    /// Takes a concept. Of one whose code was here before only the parents are taken, and the answer is no.
    pub fn add(&mut self, concept: Concept) -> Result<bool, Fault> {
        let folded = self.system.folded(&concept.code);
        if let Some(known) = self.by_code.get(&*folded) {
            self.above[*known as usize].extend(concept.parents);
            return Ok(false);
        }
        if concept.code.is_empty() {
            return Ok(false);
        }
        let full =
            || Fault::too_costly("the code system is too large: more concepts or texts than a limit allows");
        let links = self.system.designation_uses.len().max(self.system.property_of.len());
        if self.system.len() >= CONCEPTS_MAX || links > LINKS_MAX {
            return Err(full());
        }
        let system = &mut self.system;
        let at = system.codes.push(&concept.code).ok_or_else(full)?;
        system.displays.push(&concept.display).ok_or_else(full)?;
        self.words.add(at, &concept.code);
        self.words.add(at, &concept.display);
        if !concept.definition.is_empty() && system.definitions.ends.is_empty() {
            (0..at).for_each(|_| {
                system.definitions.push("");
            });
        }
        if !(concept.definition.is_empty() && system.definitions.ends.is_empty()) {
            system.definitions.push(&concept.definition).ok_or_else(full)?;
        }
        system.flags.push(flags(&concept));
        self.by_code.insert(folded.into(), at);
        self.designate(at, concept.designations).ok_or_else(full)?;
        self.describe(concept.properties).ok_or_else(full)?;
        self.above.push(concept.parents);
        Ok(true)
    }

    fn designate(&mut self, at: u32, all: Vec<(String, [String; 3], String)>) -> Option<()> {
        let mut own = Vec::new();
        for (language, usage, text) in all {
            let language = self.name(&language)?;
            let usage = if usage.iter().all(String::is_empty) {
                String::new()
            } else {
                usage.join(&BETWEEN.to_string())
            };
            let usage = self.name(&usage)?;
            self.words.add(at, &text);
            own.push(self.system.designation_texts.push(&text)?);
            self.system.designation_languages.push(language);
            self.system.designation_uses.push(usage);
        }
        self.system.designations.push(own);
        Some(())
    }

    fn describe(&mut self, all: Vec<(String, String)>) -> Option<()> {
        let mut own = Vec::new();
        for (code, text) in all {
            let known = &mut self.system.about.properties;
            let of = match known.iter().position(|p| p.code == code) {
                Some(of) => of,
                None => {
                    let kind = "string".to_owned();
                    known.push(PropertyAbout { code, kind, description: String::new() });
                    known.len() - 1
                }
            };
            own.push(self.system.property_texts.push(&text)?);
            self.system.property_of.push(u32::try_from(of).ok()?);
        }
        self.system.properties.push(own);
        Some(())
    }

    fn name(&mut self, text: &str) -> Option<u32> {
        if let Some(known) = self.names.get(text) {
            return Some(*known);
        }
        let at = self.system.names.push(text)?;
        self.names.insert(text.to_owned(), at);
        Some(at)
    }

    /// Sorts and links; parents whose code never came are left out.
    pub fn finish(self) -> CodeSystem {
        let Builder { mut system, above, by_code, words, .. } = self;
        let mut parents = Lists::default();
        for (at, codes) in (0..).zip(&above) {
            let own = codes.iter().filter_map(|code| by_code.get(&*system.folded(code)).copied());
            let own: BTreeSet<u32> = own.filter(|parent| *parent != at).collect();
            parents.push(own);
        }
        let mut sorted: Vec<(Box<str>, u32)> = by_code.into_iter().collect();
        sorted.sort_unstable();
        system.by_code = sorted.into_iter().map(|(_, at)| at).collect();
        system.children = parents.turned(system.len());
        system.parents = parents;
        system.words = words.finish();
        system
    }
}

fn flags(concept: &Concept) -> u8 {
    let mut flags = 0;
    if concept.is_inactive {
        flags |= INACTIVE;
    }
    if concept.is_abstract {
        flags |= ABSTRACT;
    }
    for (code, value) in &concept.properties {
        match (code.as_str(), value.as_str()) {
            ("inactive", "true") | ("status", "inactive" | "retired") => flags |= INACTIVE,
            ("notSelectable" | "abstract", "true") => flags |= ABSTRACT,
            _ => {}
        }
    }
    flags
}

impl CodeSystem {
    /// From the resource; concepts whose code stands twice are kept once.
    pub fn of(resource: &Value) -> Result<CodeSystem, Fault> {
        let mut builder = Builder::new(About::of(resource));
        concepts(&mut builder, &resource["concept"], None, 0)?;
        Ok(builder.finish())
    }
}

impl About {
    /// What a CodeSystem says of itself.
    pub fn of(resource: &Value) -> About {
        let text = |key: &str| resource.str_of(key).to_owned();
        let property = |p: &Value| PropertyAbout {
            code: p.str_of("code").to_owned(),
            kind: p.str_of("type").to_owned(),
            description: p.str_of("description").to_owned(),
        };
        About {
            url: text("url"),
            version: text("version"),
            name: text("name"),
            title: text("title"),
            language: text("language"),
            content: text("content"),
            ignores_case: resource["caseSensitive"].as_bool() == Some(false),
            value_set: divided(resource.str_of("valueSet")).0.to_owned(),
            supplements: text("supplements"),
            properties: resource["property"].items().iter().map(property).collect(),
        }
    }
}

fn concepts(builder: &mut Builder, all: &Value, parent: Option<&str>, depth: usize) -> Result<(), Fault> {
    if depth > NESTING_MAX {
        return Err(Fault::too_costly("concepts stand too deep in each other"));
    }
    for concept in all.items() {
        let code = concept.str_of("code");
        let properties: Vec<(String, String)> =
            concept["property"].items().iter().filter_map(property).collect();
        let told =
            properties.iter().filter(|(code, _)| UPWARD.contains(&code.as_str())).map(|(_, v)| v.clone());
        builder.add(Concept {
            code: code.to_owned(),
            display: concept.str_of("display").to_owned(),
            definition: concept.str_of("definition").to_owned(),
            parents: parent.map(str::to_owned).into_iter().chain(told).collect(),
            designations: concept["designation"].items().iter().map(designation).collect(),
            properties,
            ..Concept::default()
        })?;
        concepts(builder, &concept["concept"], Some(code), depth + 1)?;
    }
    Ok(())
}

/// Language, use and text of a designation as resources write it.
pub(crate) fn designation(told: &Value) -> (String, [String; 3], String) {
    let usage = ["system", "code", "display"].map(|key| told["use"].str_of(key).to_owned());
    (told.str_of("language").to_owned(), usage, told.str_of("value").to_owned())
}

fn property(told: &Value) -> Option<(String, String)> {
    let (_, value) = told.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
    let text = match value {
        Value::Bool(b) => b.to_string(),
        Value::Object(_) => {
            ["system", "code", "display"].map(|key| value.str_of(key)).join(&BETWEEN.to_string())
        }
        other => other.as_str().or_else(|| other.as_number())?.to_owned(),
    };
    Some((told.str_of("code").to_owned(), text))
}

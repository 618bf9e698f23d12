//! Code systems, value sets and concept maps as something that can be asked (FHIR R4, terminology-module.html).
//!
//! A [`Terminology`] is what is known at one moment: what R4 publishes beneath, what was added above, each url in its versions.
//! Nothing is read before it is asked for. Answers have three values where a code system lives elsewhere: yes, no, and nothing.

mod build;
mod canonical;
pub mod closure;
mod code_system;
mod concept_map;
pub mod ecl;
mod expand;
mod filter;
mod grammar;
mod lines;
mod membership;
mod operations;
mod packed;
mod parameters;
mod published;
mod required;
pub mod sources;
mod strings;
mod translate;
mod value_set;
mod words;

#[cfg(test)]
mod tests;

pub use build::{Builder, CONCEPTS_MAX, Concept};
pub use canonical::languages;
pub use code_system::{About, CodeSystem, Designation, PropertyAbout};
pub use concept_map::ConceptMap;
pub use expand::{EXPANSION_MAX, Expand, Expansion, Item};
pub use lines::{is_large, line};
pub use packed::{head, unpack};
pub use parameters::{Asked, Coded};
pub use required::{RequiredSet, required_set};
pub use value_set::ValueSet;

use crate::value::Value;
use badiano_kernel::Fault;
use canonical::{by_version, divided, is_version};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Value sets that an address alone defines (`?fhir_vs=isa/...`), kept ready.
const IMPLICIT_MAX: usize = 1_000;

/// One version of something, made when it is first asked for.
pub(crate) struct Held<T> {
    version: Box<str>,
    make: Box<dyn Fn() -> Option<T> + Send + Sync>,
    made: OnceLock<Option<Arc<T>>>,
}

impl<T> Held<T> {
    /// `make` gives nothing where what it reads is broken.
    pub fn new(version: &str, make: impl Fn() -> Option<T> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Held { version: version.into(), make: Box::new(make), made: OnceLock::new() })
    }
    fn get(&self) -> Option<Arc<T>> {
        self.made.get_or_init(|| (self.make)().map(Arc::new)).clone()
    }
}

impl<T> std::fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({})", self.version)
    }
}

type Versions<T> = HashMap<Box<str>, Vec<Arc<Held<T>>>>;

/// What is known at one moment. Adding makes another one: those who ask keep theirs.
#[derive(Debug, Default)]
pub struct Terminology {
    systems: Versions<CodeSystem>,
    sets: Versions<ValueSet>,
    maps: Versions<ConceptMap>,
    /// By the system that they are about.
    supplements: Versions<CodeSystem>,
    /// The system that a value set has all codes of.
    whole: HashMap<Box<str>, Box<str>>,
    implicit: RwLock<HashMap<Box<str>, Arc<ValueSet>>>,
}

impl Clone for Terminology {
    fn clone(&self) -> Self {
        Terminology {
            systems: self.systems.clone(),
            sets: self.sets.clone(),
            maps: self.maps.clone(),
            supplements: self.supplements.clone(),
            whole: self.whole.clone(),
            implicit: RwLock::default(),
        }
    }
}

impl Terminology {
    /// Knows what R4 publishes.
    pub fn new() -> Self {
        Terminology::default()
    }

    /// Keeps a CodeSystem, ValueSet or ConceptMap; gives whether it was one. The last of a version stands.
    pub fn add(&mut self, resource: Arc<Value>) -> bool {
        let version = resource.str_of("version").to_owned();
        let url = resource.str_of("url").to_owned();
        let own = resource.clone();
        match resource.resource_type() {
            "CodeSystem" => {
                let of = divided(resource.str_of("supplements")).0.to_owned();
                let held = Held::new(&version, move || CodeSystem::of(&own).ok());
                match resource.str_of("content") {
                    "supplement" => put(&mut self.supplements, &of, held),
                    _ => {
                        self.keep_whole(resource.str_of("valueSet"), &url);
                        put(&mut self.systems, &url, held);
                    }
                }
            }
            "ValueSet" => put(&mut self.sets, &url, Held::new(&version, move || ValueSet::of(&own).ok())),
            "ConceptMap" => put(&mut self.maps, &url, Held::new(&version, move || ConceptMap::of(&own).ok())),
            _ => return false,
        }
        self.implicit.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        true
    }

    /// Keeps a code system that is read when it is first asked for.
    pub fn add_system(
        &mut self,
        about: &About,
        make: impl Fn() -> Option<CodeSystem> + Send + Sync + 'static,
    ) {
        self.keep_whole(&about.value_set, &about.url);
        put(&mut self.systems, &about.url, Held::new(&about.version, make));
    }

    fn keep_whole(&mut self, value_set: &str, url: &str) {
        if !value_set.is_empty() {
            self.whole.insert(divided(value_set).0.into(), url.into());
        }
    }

    /// A version of a code system, or the newest.
    pub fn code_system(&self, url: &str, version: &str) -> Option<Arc<CodeSystem>> {
        let (plain, own) = named(url, &self.systems, published::systems());
        let version = if version.is_empty() { own } else { version };
        newest(self.systems.get(plain), published::systems().get(plain), version)
    }

    /// A value set by its url, with or without version, or one that its address defines.
    pub fn value_set(&self, url: &str) -> Option<Arc<ValueSet>> {
        let (plain, version) = named(url, &self.sets, published::sets());
        let found = newest(self.sets.get(plain), published::sets().get(plain), version);
        found.or_else(|| self.implicit(plain, version))
    }

    /// A concept map by its url, with or without version.
    pub fn concept_map(&self, url: &str) -> Option<Arc<ConceptMap>> {
        let (plain, version) = named(url, &self.maps, published::maps());
        newest(self.maps.get(plain), published::maps().get(plain), version)
    }

    /// Every concept map, the newest of each url.
    fn concept_maps(&self) -> impl Iterator<Item = Arc<ConceptMap>> {
        let urls: std::collections::BTreeSet<&str> =
            self.maps.keys().chain(published::maps().keys()).map(|url| &**url).collect();
        urls.into_iter().filter_map(|url| self.concept_map(url))
    }

    /// What adds designations and properties to a system's concepts.
    fn supplements(&self, system: &str) -> impl Iterator<Item = Arc<CodeSystem>> {
        self.supplements.get(system).into_iter().flatten().filter_map(|held| held.get())
    }

    /// Urls and versions of the code systems that were added, and of those that R4 publishes.
    pub fn systems(&self) -> Vec<(String, Vec<String>)> {
        let mut all: HashMap<&str, Vec<String>> = HashMap::new();
        for (url, versions) in self.systems.iter().chain(published::systems()) {
            let own = all.entry(url).or_default();
            for held in versions.iter().filter(|h| !h.version.is_empty()) {
                if !own.iter().any(|v| **v == *held.version) {
                    own.push(held.version.to_string());
                }
            }
        }
        let mut all: Vec<_> = all.into_iter().map(|(url, versions)| (url.to_owned(), versions)).collect();
        all.sort_unstable();
        all
    }

    /// Value sets without a definition of their own: all codes of a system, what is below a concept, a reference set.
    fn implicit(&self, url: &str, version: &str) -> Option<Arc<ValueSet>> {
        let key = format!("{url}|{version}");
        if let Some(known) = self.implicit.read().unwrap_or_else(PoisonError::into_inner).get(&*key) {
            return Some(known.clone());
        }
        let made = Arc::new(self.defined_by(url, version)?);
        let mut all = self.implicit.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= IMPLICIT_MAX {
            all.clear();
        }
        all.insert(key.into(), made.clone());
        Some(made)
    }

    fn defined_by(&self, url: &str, version: &str) -> Option<ValueSet> {
        if let Some((system, asked)) = url.split_once("?fhir_vs") {
            let (system, version) = match system.strip_prefix("http://snomed.info/sct/") {
                Some(_) => ("http://snomed.info/sct", system),
                None => (system, version),
            };
            self.code_system(system, version)?;
            let filters = match asked.strip_prefix('=').map(|a| a.split_once('/').unwrap_or((a, ""))) {
                None => Vec::new(),
                Some(("isa", code)) => vec![filter::Filter::IsA(code.into())],
                Some(("refset", code)) if !code.is_empty() => {
                    vec![filter::Filter::Fits(ecl::Constraint::parse(&format!("^ {code}")).ok()?)]
                }
                Some(("ecl", text)) => vec![filter::Filter::Fits(ecl::Constraint::parse(text).ok()?)],
                Some(_) => return None,
            };
            return Some(ValueSet::whole(url, system, version, filters));
        }
        if let Some(rest) = url.strip_prefix("http://loinc.org/vs") {
            let filters = match rest.strip_prefix('/') {
                None if rest.is_empty() => Vec::new(),
                Some(list) if list.starts_with("LL") => vec![filter::Filter::list(list)],
                Some(part) if part.starts_with("LP") => vec![filter::Filter::IsA(part.into())],
                _ => return None,
            };
            self.code_system("http://loinc.org", version)?;
            return Some(ValueSet::whole(url, "http://loinc.org", version, filters));
        }
        if url == "http://unitsofmeasure.org/vs" {
            return Some(ValueSet::whole(url, "http://unitsofmeasure.org", version, Vec::new()));
        }
        Some(ValueSet::whole(url, self.whole.get(url)?, version, Vec::new()))
    }
}

fn put<T>(all: &mut Versions<T>, url: &str, held: Arc<Held<T>>) {
    let own = all.entry(url.into()).or_default();
    own.retain(|old| old.version != held.version);
    own.push(held);
}

/// The newest of the versions that are asked for; of the same version what was added stands before what is published.
fn newest<T>(
    own: Option<&Vec<Arc<Held<T>>>>,
    published: Option<&Vec<Arc<Held<T>>>>,
    wanted: &str,
) -> Option<Arc<T>> {
    let fits = |held: &&Arc<Held<T>>| is_version(&held.version, wanted);
    let newest = |all: Option<&Vec<Arc<Held<T>>>>| {
        all?.iter().filter(fits).max_by(|a, b| by_version(&a.version, &b.version)).cloned()
    };
    match (newest(own), newest(published)) {
        (Some(own), Some(base))
            if by_version(&own.version, &base.version).is_lt() && !own.version.is_empty() =>
        {
            base.get()
        }
        (Some(own), _) => own.get(),
        (None, base) => base?.get(),
    }
}

/// `url|version` in two, unless the whole is a url: HL7 publishes some with a bar in them.
fn named<'u, T>(url: &'u str, own: &Versions<T>, published: &Versions<T>) -> (&'u str, &'u str) {
    if own.contains_key(url) || published.contains_key(url) { (url, "") } else { divided(url) }
}

/// What a question that names something unknown is answered.
fn unknown(what: &str, url: &str) -> Fault {
    Fault::not_found(format!("the {what} {url:.200} is not known here"))
}

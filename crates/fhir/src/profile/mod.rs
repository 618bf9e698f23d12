//! Definitions beyond the base types: profiles, extensions, value sets and code systems, loaded or compiled in
//! (FHIR R4, profiling.html). A profile is made into rules on first use, from its snapshot or from its base and differential.

mod read;
pub(crate) mod rule;

use crate::schema::{self, TypeRef};
use crate::terminology::Terminology;
use crate::value::Value;
use rule::Rule;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

/// Profiles made from profiles made from profiles: no published chain is longer than six.
const BASES_MAX: usize = 16;

/// A profile or extension, ready to be applied.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Without version.
    pub url: Box<str>,
    /// The type that it constrains.
    pub type_name: Box<str>,
    /// Where an extension may stand: (`element`, path), ...
    pub contexts: Vec<(Box<str>, Box<str>)>,
    pub root: Rule,
}

/// What validation may use beyond the base types. Base profiles and extensions are always there.
#[derive(Debug, Default)]
pub struct Definitions {
    structures: HashMap<Box<str>, Value>,
    terminology: Arc<Terminology>,
    made: RwLock<HashMap<Box<str>, Option<Arc<Profile>>>>,
}

impl Definitions {
    pub fn new() -> Self {
        Definitions::default()
    }

    /// With the code systems and value sets that are known elsewhere.
    pub fn over(terminology: Arc<Terminology>) -> Self {
        Definitions { terminology, ..Definitions::default() }
    }

    pub fn terminology(&self) -> &Terminology {
        &self.terminology
    }

    /// Keeps a StructureDefinition, ValueSet or CodeSystem, and those in a Bundle; gives whether it was one.
    pub fn add(&mut self, resource: Value) -> bool {
        match resource.resource_type() {
            "StructureDefinition" => {
                self.structures.insert(resource.str_of("url").into(), resource);
            }
            "ValueSet" | "CodeSystem" => {
                Arc::make_mut(&mut self.terminology).add(Arc::new(resource));
            }
            "Bundle" => {
                let mut any = false;
                for entry in resource["entry"].items() {
                    any |= self.add(entry["resource"].clone());
                }
                return any;
            }
            _ => return false,
        }
        // What was made before may have been made without it.
        self.made.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        true
    }

    /// Whether a profile or extension of this url can be applied.
    pub fn knows(&self, url: &str) -> bool {
        self.profile(url).is_some()
    }

    pub(crate) fn profile(&self, url: &str) -> Option<Arc<Profile>> {
        self.profile_at(url, 0)
    }

    fn profile_at(&self, url: &str, depth: usize) -> Option<Arc<Profile>> {
        let url = url.split('|').next().unwrap_or(url);
        let url: Box<str> = if url.contains(':') {
            url.into()
        } else {
            format!("http://hl7.org/fhir/StructureDefinition/{url}").into()
        };
        let made = self.made.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(profile) = made.get(&url) {
            return profile.clone();
        }
        drop(made);
        let profile = self.make(&url, depth).map(Arc::new);
        let mut made = self.made.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        made.insert(url, profile.clone());
        profile
    }

    fn make(&self, url: &str, depth: usize) -> Option<Profile> {
        if let Some(loaded) = self.structures.get(url) {
            return self.make_loaded(url, loaded, depth);
        }
        let known = schema::profile(url).or_else(|| schema::extension(url))?;
        let mut root = Rule::default();
        root.lay(read::compiled_in(known), known.type_name);
        root.prune(TypeRef::of(known.type_name), TypeRef::of(known.type_name).map(TypeRef::element));
        let contexts = known.contexts.iter().map(|(kind, at)| ((*kind).into(), (*at).into())).collect();
        Some(Profile { url: url.into(), type_name: known.type_name.into(), contexts, root })
    }

    fn make_loaded(&self, url: &str, loaded: &Value, depth: usize) -> Option<Profile> {
        let type_name = loaded.str_of("type");
        let base_type = TypeRef::of(type_name)?;
        if loaded.str_of("derivation") != "constraint" || depth > BASES_MAX {
            return None;
        }
        let snapshot = loaded["snapshot"]["element"].items();
        let mut root = Rule::default();
        if snapshot.is_empty() {
            let base = loaded.str_of("baseDefinition");
            if schema::structure(&rule::short(base)).is_none() {
                root = self.profile_at(base, depth + 1)?.root.clone();
            }
            root.lay(read::rows(loaded["differential"]["element"].items()), type_name);
        } else {
            root.lay(read::rows(snapshot), type_name);
        }
        root.prune(Some(base_type), Some(base_type.element()));
        let contexts = loaded["context"].items().iter();
        let contexts = contexts.map(|c| (c.str_of("type").into(), c.str_of("expression").into())).collect();
        Some(Profile { url: url.into(), type_name: type_name.into(), contexts, root })
    }
}

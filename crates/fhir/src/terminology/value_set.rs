//! A value set ready to be asked (FHIR R4, valueset.html#compose).

use super::build::designation;
use super::canonical::divided;
use super::code_system::CodeSystem;
use super::filter::Filter;
use super::strings::Bits;
use crate::value::Value;
use badiano_kernel::Fault;
use std::sync::{Arc, PoisonError, RwLock};

/// Parts, listed codes and filters of one value set.
const PARTS_MAX: usize = 10_000;
const LISTED_MAX: usize = 1_000_000;
/// Contains in contains of an expansion.
const DEPTH_MAX: usize = 64;

#[derive(Debug, Default)]
pub struct ValueSet {
    pub url: String,
    pub version: String,
    pub name: String,
    pub title: String,
    pub(crate) include: Vec<Part>,
    pub(crate) exclude: Vec<Part>,
    /// Whether inactive concepts belong to it where nothing names them.
    pub(crate) with_inactive: bool,
    /// The parts are those of an expansion: there was no definition.
    pub(crate) is_listed: bool,
}

/// One `include` or `exclude`: everything that it says must hold.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub system: Option<(String, String)>,
    /// In the order of the definition.
    pub listed: Vec<Listed>,
    /// Numbers of `listed` by code.
    by_code: Vec<u32>,
    pub filters: Vec<Filter>,
    pub imports: Vec<String>,
    selected: RwLock<Option<(Arc<CodeSystem>, Arc<Bits>)>>,
}

#[derive(Debug)]
pub(crate) struct Listed {
    pub code: String,
    pub display: String,
    pub designations: Vec<(String, [String; 3], String)>,
}

impl ValueSet {
    pub fn of(resource: &Value) -> Result<ValueSet, Fault> {
        let text = |key: &str| resource.str_of(key).to_owned();
        let compose = &resource["compose"];
        let mut set = ValueSet {
            url: text("url"),
            version: text("version"),
            name: text("name"),
            title: text("title"),
            with_inactive: compose["inactive"].as_bool() != Some(false),
            ..ValueSet::default()
        };
        let parts = compose["include"].items().len() + compose["exclude"].items().len();
        if parts > PARTS_MAX {
            return Err(Fault::too_costly(format!("the value set has more than {PARTS_MAX} parts")));
        }
        set.include = compose["include"].items().iter().map(Part::of).collect::<Result<_, _>>()?;
        set.exclude = compose["exclude"].items().iter().map(Part::of).collect::<Result<_, _>>()?;
        if set.include.is_empty() && !resource["expansion"]["contains"].items().is_empty() {
            set.is_listed = true;
            let mut parts = Vec::new();
            listed(&resource["expansion"]["contains"], &mut parts, 0)?;
            parts.iter_mut().for_each(Part::sort);
            set.include = parts;
        }
        Ok(set)
    }

    /// All codes of a system.
    pub(crate) fn whole(url: &str, system: &str, version: &str, filters: Vec<Filter>) -> ValueSet {
        let system = Some((system.to_owned(), version.to_owned()));
        let part = Part { system, filters, ..Part::default() };
        ValueSet { url: url.to_owned(), include: vec![part], with_inactive: true, ..ValueSet::default() }
    }
}

impl Part {
    fn of(told: &Value) -> Result<Part, Fault> {
        let system = told["system"].as_str().map(|s| {
            let (url, version) = divided(s);
            let own = told["version"].as_str().unwrap_or(version);
            (url.to_owned(), if own == "*" { String::new() } else { own.to_owned() })
        });
        if told["concept"].items().len() > LISTED_MAX {
            return Err(Fault::too_costly(format!("a value set lists more than {LISTED_MAX} codes")));
        }
        let concept = |c: &Value| Listed {
            code: c.str_of("code").to_owned(),
            display: c.str_of("display").to_owned(),
            designations: c["designation"].items().iter().map(designation).collect(),
        };
        let mut part = Part {
            system,
            listed: told["concept"].items().iter().map(concept).collect(),
            filters: told["filter"].items().iter().map(Filter::of).collect::<Result<_, _>>()?,
            imports: told["valueSet"].items().iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            ..Part::default()
        };
        if part.system.is_none() && part.imports.is_empty() {
            return Err(Fault::invalid("a part of a value set names neither a system nor a value set"));
        }
        if !part.listed.is_empty() && !part.filters.is_empty() {
            return Err(Fault::invalid("a part of a value set has either codes or filters"));
        }
        part.sort();
        Ok(part)
    }

    fn sort(&mut self) {
        let count = u32::try_from(self.listed.len()).expect("a limit is far below");
        self.by_code = (0..count).collect();
        self.by_code.sort_by(|a, b| self.listed[*a as usize].code.cmp(&self.listed[*b as usize].code));
    }

    /// What is said of a listed code.
    pub fn find(&self, code: &str, ignores_case: bool) -> Option<&Listed> {
        if ignores_case {
            return self.listed.iter().find(|l| l.code.eq_ignore_ascii_case(code));
        }
        let found = self.by_code.binary_search_by(|n| self.listed[*n as usize].code.as_str().cmp(code));
        found.ok().map(|n| &self.listed[self.by_code[n] as usize])
    }

    /// The concepts of its system that fit; made once as long as the system is the same.
    pub fn selected(&self, system: &Arc<CodeSystem>) -> Result<Arc<Bits>, Fault> {
        let known = self.selected.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bits)) = known.as_ref().filter(|(of, _)| Arc::ptr_eq(of, system)) {
            return Ok(bits.clone());
        }
        drop(known);
        let mut found: Option<Bits> = None;
        for filter in &self.filters {
            filter.check(system)?;
            let own = filter.all(system);
            match &mut found {
                Some(found) => found.keep(&own),
                None => found = Some(own),
            }
        }
        let bits = Arc::new(found.unwrap_or_else(|| Bits::all(system.len())));
        let mut known = self.selected.write().unwrap_or_else(PoisonError::into_inner);
        *known = Some((system.clone(), bits.clone()));
        Ok(bits)
    }
}

/// The codes of an expansion, system by system in the order in which they stand.
fn listed(contains: &Value, parts: &mut Vec<Part>, depth: usize) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::too_costly("an expansion is nested too deeply"));
    }
    for one in contains.items() {
        let system = (one.str_of("system").to_owned(), one.str_of("version").to_owned());
        if !one.str_of("code").is_empty() && one["abstract"].as_bool() != Some(true) {
            let own = Listed {
                code: one.str_of("code").to_owned(),
                display: one.str_of("display").to_owned(),
                designations: one["designation"].items().iter().map(designation).collect(),
            };
            match parts.last_mut().filter(|p| p.system.as_ref() == Some(&system)) {
                Some(part) => part.listed.push(own),
                None => parts.push(Part { system: Some(system), listed: vec![own], ..Part::default() }),
            }
        }
        listed(&one["contains"], parts, depth + 1)?;
    }
    Ok(())
}

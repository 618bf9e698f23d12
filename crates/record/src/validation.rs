//! Validation on request (FHIR R4, resource-operation-validate.html): against the base definitions, the profiles that are named, and
//! the definitions that are kept here as resources.

use crate::audit::Act;
use crate::session::Session;
use badiano_fhir::validate::{self, Definitions, Issue};
use badiano_fhir::{Value, search};
use badiano_kernel::Fault;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Definitions that one validation may read from the record.
const READ_MAX: usize = 256;

/// What needs nothing but the standard's own definitions shares the profiles that were made from them.
static STANDARD: LazyLock<Definitions> = LazyLock::new(Definitions::new);

impl Session {
    /// What breaks a rule, of a resource that was sent and is not written: for those who may write the type.
    pub fn validate_sent(&self, resource: &Value, profiles: &[String]) -> Result<Vec<Issue>, Fault> {
        self.writes_any(resource.resource_type())?;
        self.note(Act::Execute, "validate", &[], resource.resource_type())?;
        self.validate(resource, profiles)
    }

    /// The same of a resource that this session has read.
    pub fn validate(&self, resource: &Value, profiles: &[String]) -> Result<Vec<Issue>, Fault> {
        let mut wanted = BTreeSet::new();
        wanted.extend(profiles.iter().map(|url| Wanted::new("StructureDefinition", url)));
        named_in(resource, &mut wanted);
        wanted.retain(|w| !STANDARD.knows(&w.url));
        let kept = self.kept(wanted)?;
        if kept.is_empty() {
            return Ok(validate::validate_with(resource, &STANDARD, profiles));
        }
        let mut definitions = Definitions::new();
        for definition in kept {
            definitions.add(definition);
        }
        Ok(validate::validate_with(resource, &definitions, profiles))
    }

    /// The definitions that are kept here, and those that they name in turn.
    fn kept(&self, mut wanted: BTreeSet<Wanted>) -> Result<Vec<Value>, Fault> {
        let (mut kept, mut tried) = (Vec::new(), BTreeSet::new());
        while let Some(next) = wanted.pop_first() {
            if tried.len() >= READ_MAX {
                return Err(Fault::too_costly(format!("the profile needs more than {READ_MAX} definitions")));
            }
            if !tried.insert(next.clone()) {
                continue;
            }
            let Some(found) = self.definition(&next)? else { continue };
            named_by(&found, &mut wanted);
            wanted.retain(|w| !tried.contains(w) && !STANDARD.knows(&w.url));
            kept.push(found);
        }
        Ok(kept)
    }

    fn definition(&self, wanted: &Wanted) -> Result<Option<Value>, Fault> {
        let (url, version) = wanted.url.split_once('|').unwrap_or((&wanted.url, ""));
        let escaped = url.replace('\\', "\\\\").replace(',', "\\,");
        let mut pairs = vec![("url".to_owned(), escaped), ("_count".to_owned(), "1".to_owned())];
        if !version.is_empty() {
            pairs.push(("version".to_owned(), version.to_owned()));
        }
        let query = search::parse(wanted.kind, &pairs, true, &self.node().settings().zone)?.query;
        let page = self.node().store().read(|view| view.search(&query, &|stub| self.sees(stub)))?;
        Ok(page.hits.into_iter().next().map(|stored| stored.body))
    }
}

/// A definition by its type and canonical address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    kind: &'static str,
    url: String,
}

impl Wanted {
    fn new(kind: &'static str, url: &str) -> Wanted {
        Wanted { kind, url: url.to_owned() }
    }
}

/// The profiles that a resource claims and the extensions that it has.
fn named_in(value: &Value, wanted: &mut BTreeSet<Wanted>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| named_in(item, wanted)),
        Value::Object(object) => {
            for (key, item) in object.iter() {
                match key {
                    "meta" => {
                        let claimed = item["profile"].items().iter().filter_map(Value::as_str);
                        wanted.extend(claimed.map(|url| Wanted::new("StructureDefinition", url)));
                    }
                    "extension" | "modifierExtension" => {
                        let urls =
                            item.items().iter().map(|e| e.str_of("url")).filter(|url| url.contains(':'));
                        wanted.extend(urls.map(|url| Wanted::new("StructureDefinition", url)));
                    }
                    _ => {}
                }
                named_in(item, wanted);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a definition refers to.
fn named_by(definition: &Value, wanted: &mut BTreeSet<Wanted>) {
    match definition {
        Value::Array(items) => items.iter().for_each(|item| named_by(item, wanted)),
        Value::Object(object) => {
            for (key, item) in object.iter() {
                let kind = match key {
                    "baseDefinition" | "profile" | "targetProfile" => "StructureDefinition",
                    "valueSet" => "ValueSet",
                    "system" | "supplements" => "CodeSystem",
                    _ => {
                        named_by(item, wanted);
                        continue;
                    }
                };
                let one = item.as_str().into_iter();
                let all = one.chain(item.items().iter().filter_map(Value::as_str));
                wanted.extend(all.map(|url| Wanted::new(kind, url)));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

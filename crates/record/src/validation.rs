//! Validation on request (FHIR R4, resource-operation-validate.html): against the base definitions, the profiles that are named, and
//! the definitions that are kept here as resources.

use crate::audit::Act;
use crate::session::Session;
use badiano_fhir::validate::{self, Definitions, Issue};
use badiano_fhir::{Value, search};
use badiano_kernel::Fault;
use std::collections::BTreeSet;

/// Definitions that one validation may read from the record.
const READ_MAX: usize = 256;

impl Session {
    /// What breaks a rule, of a resource that was sent and is not written: for those who may write the type.
    pub fn validate_sent(&self, resource: &Value, profiles: &[String]) -> Result<Vec<Issue>, Fault> {
        self.writes_any(resource.resource_type())?;
        self.note(Act::Execute, "validate", &[], resource.resource_type())?;
        self.validate(resource, profiles)
    }

    /// The same of a resource that this session has read.
    pub fn validate(&self, resource: &Value, profiles: &[String]) -> Result<Vec<Issue>, Fault> {
        let known = self.node().known()?;
        let mut wanted: BTreeSet<String> = profiles.iter().cloned().collect();
        named_in(resource, &mut wanted);
        wanted.retain(|url| !known.definitions.knows(url));
        let kept = self.kept(wanted, &known.definitions)?;
        if kept.is_empty() {
            return Ok(validate::validate_with(resource, &known.definitions, profiles));
        }
        let mut definitions = Definitions::over(known.terminology.clone());
        for definition in kept {
            definitions.add(definition);
        }
        Ok(validate::validate_with(resource, &definitions, profiles))
    }

    /// The profiles that are kept here, and those that they name in turn.
    fn kept(&self, mut wanted: BTreeSet<String>, known: &Definitions) -> Result<Vec<Value>, Fault> {
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
            wanted.retain(|url| !tried.contains(url) && !known.knows(url));
            kept.push(found);
        }
        Ok(kept)
    }

    fn definition(&self, canonical: &str) -> Result<Option<Value>, Fault> {
        let (url, version) = canonical.split_once('|').unwrap_or((canonical, ""));
        let escaped = url.replace('\\', "\\\\").replace(',', "\\,");
        let mut pairs = vec![("url".to_owned(), escaped), ("_count".to_owned(), "1".to_owned())];
        if !version.is_empty() {
            pairs.push(("version".to_owned(), version.to_owned()));
        }
        let query = search::parse("StructureDefinition", &pairs, true, &self.node().settings().zone)?.query;
        let page = self.node().store().read(|view| view.search(&query, &|stub| self.sees(stub)))?;
        Ok(page.hits.into_iter().next().map(|stored| stored.body))
    }
}

/// The profiles that a resource claims and the extensions that it has.
fn named_in(value: &Value, wanted: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| named_in(item, wanted)),
        Value::Object(object) => {
            for (key, item) in object.iter() {
                match key {
                    "meta" => {
                        let claimed = item["profile"].items().iter().filter_map(Value::as_str);
                        wanted.extend(claimed.map(str::to_owned));
                    }
                    "extension" | "modifierExtension" => {
                        let urls =
                            item.items().iter().map(|e| e.str_of("url")).filter(|url| url.contains(':'));
                        wanted.extend(urls.map(str::to_owned));
                    }
                    _ => {}
                }
                named_in(item, wanted);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The profiles that a definition refers to; value sets and code systems are known to the terminology.
fn named_by(definition: &Value, wanted: &mut BTreeSet<String>) {
    match definition {
        Value::Array(items) => items.iter().for_each(|item| named_by(item, wanted)),
        Value::Object(object) => {
            for (key, item) in object.iter() {
                if !["baseDefinition", "profile", "targetProfile"].contains(&key) {
                    named_by(item, wanted);
                    continue;
                }
                let one = item.as_str().into_iter();
                let all = one.chain(item.items().iter().filter_map(Value::as_str));
                wanted.extend(all.map(str::to_owned));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

//! $closure: how the codes of a named table lie in each other's hierarchy (FHIR R4, conceptmap-operation-closure.html).

use super::Terminology;
use super::operations::relation;
use super::parameters::Coded;
use crate::fhir;
use crate::value::Value;

/// Codes of one table.
pub const CODES_MAX: usize = 10_000;

/// One line of a closure table: the first code is below the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub system: String,
    pub below: String,
    pub above: String,
}

impl Terminology {
    /// What a new code adds to a table that has others: each pair of which one lies below the other.
    pub fn closure_of(&self, new: &Coded, others: &[Coded]) -> Vec<Line> {
        let Some(system) = self.code_system(&new.system, &new.version) else { return Vec::new() };
        let Some(at) = system.find(&new.code) else { return Vec::new() };
        let mut lines = Vec::new();
        for other in others.iter().filter(|o| o.system == new.system) {
            let Some(there) = system.find(&other.code) else { continue };
            let (below, above) = match relation(&system, at, there) {
                "subsumes" => (&other.code, &new.code),
                "subsumed-by" => (&new.code, &other.code),
                _ => continue,
            };
            lines.push(Line { system: new.system.clone(), below: below.clone(), above: above.clone() });
        }
        lines
    }
}

/// The lines as a ConceptMap; `version` counts the changes of the table.
pub fn shown(name: &str, version: usize, date: &str, lines: &[Line]) -> Value {
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for line in lines {
        let target = fhir!({ "code": (line.above.as_str()), "equivalence": "subsumes" });
        let element = fhir!({ "code": (line.below.as_str()), "target": [target] });
        match groups.iter_mut().find(|(system, _)| *system == line.system) {
            Some((_, elements)) => elements.push(element),
            None => groups.push((line.system.clone(), vec![element])),
        }
    }
    let group = |(system, elements): (String, Vec<Value>)| fhir!({ "source": (system.as_str()), "target": (system.as_str()), "element": (Value::Array(elements)) });
    let mut map = fhir!({
        "resourceType": "ConceptMap",
        "version": (version.to_string()),
        "name": name,
        "status": "active",
        "experimental": true,
        "date": date
    });
    if !groups.is_empty() {
        map.set("group", Value::Array(groups.into_iter().map(group).collect()));
    }
    map
}

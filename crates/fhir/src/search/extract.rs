//! What a resource says under every search parameter of its type (FHIR R4, search.html), and whose it is (compartments).

use super::keys::{self, Element, keys};
use super::own::Reading;
use super::query::{Entry, Key};
use super::walk::{TypePlan, Wanted, plan};
use crate::fhirpath::{Context, Item};
use crate::schema::{self, SearchKind};
use crate::value::Value;
use badiano_kernel::Instant;

/// Combinations that one composite element may give.
const COMBINATIONS_MAX: usize = 256;

/// The index entries of a resource.
/// What is absent gives no entry; `identifier:of-type` holds identifiers by their type.
pub fn extract<'r>(resource: &Value, reading: impl Into<Reading<'r>>) -> Vec<Entry> {
    let reading = reading.into();
    let zone = reading.zone();
    let Some(plan) = reading.plan(resource.resource_type()) else { return Vec::new() };
    let mut out = Vec::with_capacity(32);
    plan.root.walk(resource, &mut |wanted, value| entries(plan, resource, wanted, value, zone, &mut out));
    for (at, expression) in &plan.computed {
        // Nothing of these looks at the clock.
        let context = Context::new(resource, Instant::from_micros(0));
        let parameter = plan.parameters[*at];
        for item in expression.evaluate(&context).unwrap_or_default() {
            let value = item.to_value();
            let of = match &item {
                Item::Node(node) => node.type_name().unwrap_or(""),
                _ => "",
            };
            let element = Element { value: &value, of, system: "" };
            keys(parameter.kind, element, zone, &mut |key| {
                out.push(Entry { param: parameter.code.into(), key })
            });
        }
    }
    out
}

fn entries(
    plan: &TypePlan,
    resource: &Value,
    wanted: &Wanted,
    value: &Value,
    zone: &str,
    out: &mut Vec<Entry>,
) {
    let code = plan.parameters[wanted.at].code;
    if let Some(parts) = &wanted.parts {
        let mut found: Vec<Vec<Key>> = vec![Vec::new(); parts.count];
        let mut collect = |part: &Wanted, value: &Value| {
            let element = Element { value, of: part.of, system: part.system };
            keys(part.kind, element, zone, &mut |key| found[part.at].push(key));
        };
        parts.place.walk(value, &mut collect);
        parts.root.walk(resource, &mut collect);
        combine(&found, |keys| out.push(Entry { param: code.into(), key: Key::Composite(keys) }));
        return;
    }
    if !fits_target(resource, wanted, value) {
        return;
    }
    let element = Element { value, of: wanted.of, system: wanted.system };
    keys(wanted.kind, element, zone, &mut |key| out.push(Entry { param: code.into(), key }));
    if wanted.of == "Identifier" && wanted.kind == SearchKind::Token {
        let name = &plan.of_type_names[wanted.at];
        keys::of_type(value, &mut |key| out.push(Entry { param: name.as_str().into(), key }));
    }
}

/// Every combination of one key of each part.
fn combine(found: &[Vec<Key>], mut out: impl FnMut(Vec<Key>)) {
    let count = found.iter().map(Vec::len).try_fold(1_usize, usize::checked_mul).unwrap_or(0);
    for mut at in 0..count.min(COMBINATIONS_MAX) {
        let mut keys = Vec::with_capacity(found.len());
        for part in found {
            keys.push(part[at % part.len()].clone());
            at /= part.len();
        }
        out(keys);
    }
}

/// `where(resolve() is Patient)`: by the reference's own text, its `type`, or the contained resource.
fn fits_target(resource: &Value, wanted: &Wanted, value: &Value) -> bool {
    let Some(target) = &wanted.target else { return true };
    let text = value.str_of("reference");
    if let Some(id) = text.strip_prefix('#') {
        return resource
            .get("contained")
            .items()
            .iter()
            .any(|c| c.id() == id && c.resource_type() == &**target);
    }
    match reference_kind(text) {
        Some(kind) => kind == &**target,
        None => value.str_of("type") == &**target,
    }
}

/// The type in a relative or absolute reference.
fn reference_kind(text: &str) -> Option<&str> {
    let text = text.split_once("/_history/").map_or(text, |(before, _)| before);
    let mut parts = text.rsplit('/');
    parts.next().filter(|id| !id.is_empty())?;
    parts.next().filter(|kind| schema::is_resource_type(kind))
}

/// The logical ids of the patients whose compartments a resource is in (compartmentdefinition-patient.html), each once,
/// the definition's most telling parameter first; of a Patient its own id alone.
pub fn compartment_patients(resource: &Value) -> Vec<String> {
    let kind = resource.resource_type();
    if kind == "Patient" {
        let id = resource.id();
        return if id.is_empty() { Vec::new() } else { vec![id.to_owned()] };
    }
    let Some(plan) = plan(kind) else { return Vec::new() };
    let mut found: Vec<(usize, &str)> = Vec::new();
    plan.compartment.walk(resource, &mut |wanted, value| {
        if let Some(("Patient", id)) = keys::local(value.str_of("reference")) {
            found.push((wanted.at, id));
        }
    });
    found.sort_by_key(|(at, _)| *at);
    let mut ids: Vec<String> = Vec::with_capacity(found.len());
    for (_, id) in found {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

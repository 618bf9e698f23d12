//! Changes to a resource as data: JSON Patch (RFC 6902) and FHIRPath Patch (FHIR R4, fhirpatch.html). All of a patch holds, or nothing.

mod fhirpath_patch;
mod json_patch;

use crate::value::Value;
use badiano_kernel::Fault;

/// Operations in one patch.
pub const OPERATIONS_MAX: usize = 1_000;

/// A patch, as far as it can be read without the resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Patch {
    Json(Value),
    FhirPath(Value),
}

impl Patch {
    /// An array of operations is a JSON Patch, a Parameters resource a FHIRPath Patch.
    pub fn read(body: Value) -> Result<Patch, Fault> {
        let patch = match &body {
            Value::Array(_) => Patch::Json(body),
            Value::Object(_) if body.resource_type() == "Parameters" => Patch::FhirPath(body),
            _ => return Err(Fault::invalid("a patch is an array of JSON Patch, or a Parameters resource")),
        };
        let operations = match &patch {
            Patch::Json(all) => all.items().len(),
            Patch::FhirPath(all) => all["parameter"].items().len(),
        };
        if operations > OPERATIONS_MAX {
            return Err(Fault::too_costly(format!("a patch has at most {OPERATIONS_MAX} operations")));
        }
        Ok(patch)
    }

    /// The resource as it is after the patch; its type and id stay what they were.
    pub fn apply(&self, resource: &Value) -> Result<Value, Fault> {
        let mut after = resource.clone();
        match self {
            Patch::Json(operations) => json_patch::apply(operations, &mut after)?,
            Patch::FhirPath(parameters) => fhirpath_patch::apply(parameters, &mut after)?,
        }
        if after.resource_type() != resource.resource_type() || after.id() != resource.id() {
            return Err(Fault::invalid("a patch changes neither the type nor the id of a resource").at("id"));
        }
        Ok(after)
    }
}

/// Where an operation stands in its patch, for faults.
fn in_operation(fault: Fault, n: usize) -> Fault {
    let place = if fault.place.is_empty() { String::new() } else { format!(".{}", fault.place) };
    fault.at(format!("operation[{n}]{place}"))
}

#[cfg(test)]
mod tests;

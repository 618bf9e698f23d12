//! What single types add to the structure: texts of primitives, required codes, references, extensions, narratives
//! (FHIR R4, datatypes.html, references.html, terminologies.html).

use super::{Check, IssueType, Part, Severity};
use crate::primitive::Primitive;
use crate::schema::{self, Child, Strength};
use crate::terminology::ValueSet;
use crate::value::Value;

impl<'v> Check<'v> {
    pub(super) fn primitive(&mut self, child: Child, primitive: Primitive, text: &'v str) {
        let checked = match primitive {
            Primitive::Xhtml => crate::narrative::check(text),
            _ => primitive.check(text),
        };
        if let Err(wrong) = checked {
            let code = if primitive == Primitive::Xhtml { IssueType::Invalid } else { IssueType::Value };
            return self.error(code, format!("{} {}", primitive.name(), wrong.en), wrong.es);
        }
        if child.element.max_length.is_some_and(|most| text.chars().count() > most as usize) {
            self.error(IssueType::TooLong, "is too long", "es demasiado largo");
        }
        let binding = child.element.binding.as_ref().filter(|b| b.strength == Strength::Required);
        let Some(binding) = binding else { return };
        let fits = match binding.codes() {
            Some(codes) => codes.has_code(text),
            // ISO 4217 is not in the standard's own files; its codes have one form.
            None if binding.value_set.ends_with("/currencies") => {
                text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
            }
            None => true,
        };
        if !fits {
            self.not_in(binding.value_set);
        }
    }

    fn not_in(&mut self, value_set: &str) {
        let en = format!("the code is not in the required value set {value_set}");
        let es = format!("el código no está en el conjunto obligatorio {value_set}");
        self.error(IssueType::CodeInvalid, en, es);
    }

    /// After the structure of an object was checked.
    pub(super) fn complex(&mut self, child: Child, value: &'v Value) {
        match child.of.code {
            "Reference" => self.reference(child, value),
            "Coding" | "CodeableConcept" => self.coded(child, value),
            "Extension" => self.extension(child, value),
            "Quantity" if child.of.profiles.contains(&"SimpleQuantity") && !value["comparator"].is_null() => {
                let en = "a simple quantity has no comparator";
                self.error_at(
                    "comparator",
                    IssueType::Structure,
                    en,
                    "una cantidad simple no lleva comparador",
                );
            }
            _ => {}
        }
    }

    fn coded(&mut self, child: Child, value: &'v Value) {
        let binding = child.element.binding.as_ref().filter(|b| b.strength == Strength::Required);
        let Some((binding, codes)) = binding.and_then(|b| Some((b, b.codes()?))) else { return };
        let fits =
            |coding: &Value, codes: &ValueSet| codes.has(coding.str_of("system"), coding.str_of("code"));
        let found = match child.of.code {
            "Coding" => fits(value, codes),
            _ => value["coding"].items().iter().any(|coding| fits(coding, codes)),
        };
        if !found {
            self.not_in(binding.value_set);
        }
    }

    fn reference(&mut self, child: Child, value: &'v Value) {
        let Some(reference) = value["reference"].as_str() else {
            let says_something =
                ["identifier", "display", "_reference", "extension"].iter().any(|k| !value.get(k).is_null());
            if !says_something && value.as_object().is_some_and(|o| o.get("reference").is_none()) {
                let en = "must have a reference, an identifier or a display";
                self.error(IssueType::Required, en, "debe tener reference, identifier o display");
            }
            return;
        };
        if let Some(id) = reference.strip_prefix('#') {
            let known = id.is_empty() || self.contained.last().is_some_and(|ids| ids.contains(&id));
            if !known {
                let en = "no contained resource has this id";
                self.error_at("reference", IssueType::NotFound, en, "ningún recurso contenido tiene este id");
            }
            return;
        }
        let Some(kind) = referenced_type(reference).or_else(|| value["type"].as_str()) else {
            if !reference.contains(':') && !reference.starts_with('/') {
                let en = "a relative reference must be of the form Type/id";
                let es = "una referencia relativa debe tener la forma Tipo/id";
                self.error_at("reference", IssueType::Value, en, es);
            }
            return;
        };
        let targets = &child.of.targets;
        let allowed = targets.is_empty() || targets.iter().any(|t| *t == "Resource" || *t == kind);
        if !allowed && schema::is_resource_type(kind) {
            let en = format!("must refer to {}", targets.join(" or "));
            self.error(IssueType::Structure, en, format!("debe referirse a {}", targets.join(" o ")));
        }
    }

    fn extension(&mut self, child: Child, value: &'v Value) {
        let Some(object) = value.as_object() else { return };
        let has_value =
            object.iter().map(|(key, _)| key.trim_start_matches('_')).find(|k| k.starts_with("value"));
        if has_value.is_some() == object.get("extension").is_some() {
            let en = "an extension has either a value or extensions";
            self.error(IssueType::Invariant, en, "una extensión tiene un valor o bien extensiones");
        }
        let url = value.str_of("url");
        let Some(definition) = schema::extension(url) else {
            if child.element.name == "modifierExtension" {
                self.path.push(Part { name: "url", of_type: "", index: None });
                let en = "an extension that is not known here may change the meaning".to_owned();
                let es = "una extensión que aquí no se conoce puede cambiar el significado".to_owned();
                self.issue(Severity::Warning, IssueType::Extension, en, es);
                self.path.pop();
            }
            return;
        };
        let allowed = definition.elements().iter().find(|e| e.id == "Extension.value[x]" && e.max != Some(0));
        let Some(name) = has_value else { return };
        if !allowed.is_some_and(|e| e.types.iter().any(|t| t.property == name)) {
            let en = "the definition of this extension allows another type of value";
            let es = "la definición de esta extensión pide otro tipo de valor";
            self.error_at("value", IssueType::Structure, en, es);
        }
    }
}

/// The resource type that a literal reference names: `Patient/1`, `Patient/1/_history/2`, `https://x/fhir/Patient/1`,
/// `Patient?identifier=x` (in transactions). Nothing for `urn:uuid:` and what cannot be told.
fn referenced_type(reference: &str) -> Option<&str> {
    let path = reference.split(['?', '#']).next().unwrap_or(reference);
    if path.len() < reference.len() && schema::is_resource_type(path) {
        return Some(path);
    }
    if path.starts_with("urn:") {
        return None;
    }
    let mut parts = path.rsplit('/');
    let mut id = parts.next()?;
    let mut kind = parts.next()?;
    if kind == "_history" {
        id = parts.next()?;
        kind = parts.next()?;
    }
    (Primitive::Id.check(id).is_ok() && schema::is_resource_type(kind)).then_some(kind)
}

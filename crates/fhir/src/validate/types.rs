//! What single types add to the structure: texts of primitives, required codes, references, extensions, narratives
//! (FHIR R4, datatypes.html, references.html, terminologies.html).

use super::profiles::is_kind;
use super::{Check, IssueType, Part, Severity};
use crate::fhirpath::Node;
use crate::primitive::Primitive;
use crate::profile::{Definitions, Profile};
use crate::schema::{self, Child, Strength};
use crate::terminology::RequiredSet;
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
        if let Some(definitions) = self.definitions.filter(|_| self.advice) {
            self.advised(definitions, child, value);
        }
        let binding = child.element.binding.as_ref().filter(|b| b.strength == Strength::Required);
        let Some((binding, codes)) = binding.and_then(|b| Some((b, b.codes()?))) else { return };
        let fits =
            |coding: &Value, codes: &RequiredSet| codes.has(coding.str_of("system"), coding.str_of("code"));
        let found = match child.of.code {
            "Coding" => fits(value, codes),
            _ => value["coding"].items().iter().any(|coding| fits(coding, codes)),
        };
        if !found {
            self.not_in(binding.value_set);
        }
    }

    /// What is told of codes and only advised: a code that its system does not have, a display that is not its own, and a code
    /// outside an extensible value set.
    fn advised(&mut self, definitions: &'v Definitions, child: Child, value: &'v Value) {
        let known = definitions.terminology();
        let parts = |coding: &'v Value| Some((coding["system"].as_str()?, coding["code"].as_str()?));
        if let Some((system, code)) = parts(value) {
            let (version, display) = (value.str_of("version"), value.str_of("display"));
            if known.is_code(system, version, code) == Some(false) {
                let en = "the code is not one of its code system".to_owned();
                self.issue(
                    Severity::Warning,
                    IssueType::CodeInvalid,
                    en,
                    "el código no es de su sistema".to_owned(),
                );
            } else if !display.is_empty() && known.is_display(system, version, code, display) == Some(false) {
                let en = "the display is not one of the code's".to_owned();
                let es = "el texto no corresponde al código".to_owned();
                self.issue(Severity::Warning, IssueType::Value, en, es);
            }
        }
        let binding = child.element.binding.as_ref().filter(|b| b.strength == Strength::Extensible);
        let Some(set) = binding.map(|b| b.value_set) else { return };
        let codings =
            if child.of.code == "Coding" { std::slice::from_ref(value) } else { value["coding"].items() };
        let answers: Vec<Option<bool>> = codings
            .iter()
            .filter_map(parts)
            .map(|(system, code)| known.contains(set, Some(system), code))
            .collect();
        if !answers.is_empty() && answers.iter().all(|a| *a == Some(false)) {
            let en = format!("the code is not in the extensible value set {set}");
            let es = format!("el código no está en el conjunto extensible {set}");
            self.issue(Severity::Warning, IssueType::CodeInvalid, en, es);
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
        let in_bundle = self.bundle.as_ref().and_then(|b| b.find(reference)).map(Value::resource_type);
        let told = in_bundle.or_else(|| referenced_type(reference));
        let Some(kind) = told.or_else(|| value["type"].as_str()) else {
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

    /// Its value and parts against the definition, and whether it may stand here.
    fn extension_by_definition(
        &mut self,
        definitions: &'v Definitions,
        child: Child,
        value: &'v Value,
        url: &str,
    ) {
        if let Some(profile) = definitions.profile(url).filter(|_| url.contains(':')) {
            if !self.may_stand(&profile) {
                let allowed: Vec<&str> = profile.contexts.iter().map(|(_, at)| &**at).collect();
                let allowed = allowed.join(", ");
                let en = format!("this extension may stand only in {allowed}");
                self.error(IssueType::Extension, en, format!("esta extensión solo puede estar en {allowed}"));
            }
            self.parts_are_known(&profile, value);
            return self.apply(&profile, Node::of_child(Some(value), None, child));
        }
        // A part of an extension has a name, not an address: its whole was looked at.
        if !url.contains(':') {
            let is_part = self.path.len() > 1 && self.path[self.path.len() - 2].name == "extension";
            if !is_part && !url.is_empty() {
                let en = "the url of an extension must be absolute";
                self.error_at("url", IssueType::Value, en, "el url de una extensión debe ser absoluto");
            }
            return;
        }
        let is_modifier = child.element.name == "modifierExtension";
        let (severity, en, es) = if is_modifier {
            (
                Severity::Warning,
                "an extension that is not known here may change the meaning",
                "una extensión que aquí no se conoce puede cambiar el significado",
            )
        } else {
            (Severity::Information, "the extension is not known here", "la extensión no se conoce aquí")
        };
        self.issue(severity, IssueType::Extension, en.to_owned(), es.to_owned());
    }

    /// A part of an extension has one of the names that the definition gives.
    fn parts_are_known(&mut self, profile: &Profile, value: &'v Value) {
        let slices = profile.root.child("extension").map_or(&[][..], |r| &r.slices);
        for (index, part) in value["extension"].items().iter().enumerate() {
            let url = part.str_of("url");
            let is_known = url.contains(':')
                || slices.iter().any(|slice| {
                    let fixed = slice.child("url").and_then(|r| r.fixed.as_ref()).and_then(Value::as_str);
                    fixed.unwrap_or(&slice.slice) == url
                });
            if !is_known && !url.is_empty() {
                self.path.push(Part { name: "extension", of_type: "", index: Some(index), child: None });
                let en = format!("the extension {} has no part of this name", profile.url);
                let es = format!("la extensión {} no tiene una parte con este nombre", profile.url);
                self.error(IssueType::Extension, en, es);
                self.path.pop();
            }
        }
    }

    /// Whether one of an extension's contexts is the element that holds it. Contexts in FHIRPath are let pass.
    fn may_stand(&self, profile: &Profile) -> bool {
        let Some(holder) = self.path.len().checked_sub(2).map(|at| self.path[at]) else { return true };
        let resource = self.resources.last().map_or("", |r| r.resource_type());
        // An element that repeats another (`PlanDefinition.action.action`) is that one too.
        let (path, repeated, kind) = match holder.child {
            Some(child) if !child.of.is_any_resource() => {
                (child.element.path, child.type_ref().path(), child.of.code)
            }
            _ => (resource, resource, resource),
        };
        if kind == "Extension" && !profile.contexts.iter().any(|(k, _)| &**k == "element") {
            return true;
        }
        // HL7 puts extensions of its own tooling wherever they help in its own definitions.
        profile.contexts.is_empty()
            || DEFINITIONS.contains(&resource)
            || profile.contexts.iter().any(|(of, at)| {
                &**of != "element" || stands_at(at, path, kind) || stands_at(at, repeated, kind)
            })
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
        if let Some(definitions) = self.definitions {
            return self.extension_by_definition(definitions, child, value, url);
        }
        let Some(definition) = schema::extension(url) else {
            if child.element.name == "modifierExtension" {
                self.path.push(Part { name: "url", of_type: "", index: None, child: None });
                let en = "an extension that is not known here may change the meaning".to_owned();
                let es = "una extensión que aquí no se conoce puede cambiar el significado".to_owned();
                self.issue(Severity::Warning, IssueType::Extension, en, es);
                self.path.pop();
            }
            return;
        };
        let allowed = definition.elements().iter().find(|e| e.id == "Extension.value[x]" && e.max != Some(0));
        let Some(name) = has_value else { return };
        // HL7's own definitions write this one as a uri, though its definition says url.
        let is_type_extension = url.ends_with("structuredefinition-fhir-type") && name == "valueUri";
        if !is_type_extension && !allowed.is_some_and(|e| e.types.iter().any(|t| t.property == name)) {
            let en = "the definition of this extension allows another type of value";
            let es = "la definición de esta extensión pide otro tipo de valor";
            self.error_at("value", IssueType::Structure, en, es);
        }
    }
}

/// Resources that define others.
const DEFINITIONS: [&str; 7] = [
    "CapabilityStatement",
    "CodeSystem",
    "ImplementationGuide",
    "OperationDefinition",
    "SearchParameter",
    "StructureDefinition",
    "ValueSet",
];

/// The resource type that a literal reference names: `Patient/1`, `Patient/1/_history/2`, `https://x/fhir/Patient/1`,
/// `Patient?identifier=x` (in transactions). Nothing for `urn:uuid:` and what cannot be told.
pub(super) fn referenced_type(reference: &str) -> Option<&str> {
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

/// Whether a context is the element of a path and a type. Paths into profiles and slices are not told from here.
fn stands_at(context: &str, path: &str, kind: &str) -> bool {
    let context = context.split('|').next().unwrap_or(context).trim_end_matches("[x]");
    if context == "Element" || context == path.trim_end_matches("[x]") || is_kind(kind, context) {
        return true;
    }
    match schema::element(context) {
        Some(element) => element.path == path,
        None => schema::structure(context).is_none(),
    }
}

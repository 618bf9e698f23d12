//! Validation of a resource against the base standard (FHIR R4, validation.html): structure, cardinality, types,
//! required bindings, references, narrative, invariants; with definitions, profiles and extensions too.

mod invariants;
mod position;
mod profiles;
mod resolve;
mod slices;
mod types;

pub use crate::outcome::{Issue, IssueType, Severity};
pub use position::{Position, position_of};
pub use profiles::{conforms_to, member_of};

use crate::primitive::JsonForm;
pub use crate::profile::Definitions;
use crate::schema::{Child, Element, TypeRef};
use crate::value::{Object, Value};
use resolve::Entries;
use std::collections::HashSet;
use std::rc::Rc;

/// A resource nested deeper is refused: no real questionnaire or document is.
pub const DEPTH_MAX: usize = 64;
/// Elements looked at; a bundle with more is refused.
pub const ELEMENTS_MAX: usize = 2_000_000;
/// After so many issues the rest is not listed.
pub const ISSUES_MAX: usize = 200;

/// Everything that breaks a rule of the base standard, in the order of the resource; nothing for a valid resource.
pub fn validate(resource: &Value) -> Vec<Issue> {
    let mut check = Check::default();
    check.resource(resource, None);
    check.issues
}

/// The same with more definitions: extensions against theirs, the profiles that each resource claims in `meta.profile`,
/// those that are asked for of the outermost one, and what is only advised (warnings).
pub fn validate_with(resource: &Value, definitions: &Definitions, profiles: &[String]) -> Vec<Issue> {
    let mut check =
        Check { definitions: Some(definitions), advice: true, asked: profiles, ..Check::default() };
    check.resource(resource, None);
    let mut told = HashSet::new();
    check.issues.retain(|i| told.insert((i.expression.clone(), i.text_en.clone())));
    check.issues
}

/// Whether there is no error; warnings are allowed.
pub fn is_valid(resource: &Value) -> bool {
    !validate(resource).iter().any(Issue::is_error)
}

/// One step of the path to the element that is looked at.
#[derive(Clone, Copy)]
struct Part<'v> {
    name: &'v str,
    /// Of a choice: the type that was chosen.
    of_type: &'static str,
    index: Option<usize>,
    /// Its definition, where the walk over the base type came here.
    child: Option<Child>,
}

#[derive(Default)]
struct Check<'v> {
    issues: Vec<Issue>,
    path: Vec<Part<'v>>,
    elements: usize,
    /// Set when a limit is reached: nothing more is looked at.
    stopped: bool,
    /// Children seen in the objects that are open, innermost last.
    seen: Vec<(&'static Element, &'v str)>,
    /// The ids of the contained resources of each open container, innermost last.
    contained: Vec<Vec<&'v str>>,
    /// The resources that are open, innermost last.
    resources: Vec<&'v Value>,
    /// Whether rules that only advise are told.
    advice: bool,
    definitions: Option<&'v Definitions>,
    /// Profiles that the caller asks of the outermost resource.
    asked: &'v [String],
    /// The entries of the innermost bundle.
    bundle: Option<Rc<Entries<'v>>>,
    /// The profile that is applied, for error texts.
    profile: Box<str>,
    /// What is being applied to what, innermost last.
    applying: Vec<(usize, Box<str>)>,
    /// Whether only the answer counts: nobody will read the issues.
    is_trial: bool,
}

impl<'v> Check<'v> {
    fn error(&mut self, code: IssueType, en: impl Into<String>, es: impl Into<String>) {
        self.issue(Severity::Error, code, en.into(), es.into());
    }

    fn issue(&mut self, severity: Severity, code: IssueType, text_en: String, text_es: String) {
        if self.stopped {
            return;
        }
        let expression = self.expression();
        self.issues.push(Issue { severity, code, expression, text_en, text_es });
        if self.issues.len() >= ISSUES_MAX {
            self.stop(
                format!("more than {ISSUES_MAX} issues"),
                format!("hay más de {ISSUES_MAX} observaciones"),
            );
        }
    }

    fn stop(&mut self, text_en: String, text_es: String) {
        if !self.stopped {
            let expression = self.expression();
            let (severity, code) = (Severity::Fatal, IssueType::TooCostly);
            self.issues.push(Issue { severity, code, expression, text_en, text_es });
            self.stopped = true;
        }
    }

    fn expression(&self) -> String {
        let mut text = String::new();
        for (at, part) in self.path.iter().enumerate() {
            if at > 0 {
                text.push('.');
            }
            text.push_str(part.name);
            if !part.of_type.is_empty() {
                text.push_str(".ofType(");
                text.push_str(part.of_type);
                text.push(')');
            }
            if let Some(index) = part.index {
                text.push_str(&format!("[{index}]"));
            }
        }
        text
    }

    /// An issue at a property of the object that is looked at.
    fn error_at(&mut self, name: &'v str, code: IssueType, en: impl Into<String>, es: impl Into<String>) {
        self.path.push(Part { name, of_type: "", index: None, child: None });
        self.error(code, en, es);
        self.path.pop();
    }

    /// `inside`: the element that holds the resource, or nothing for the outermost one.
    fn resource(&mut self, value: &'v Value, inside: Option<Child>) {
        let Value::Object(object) = value else {
            return self.error(
                IssueType::Structure,
                "a resource must be an object",
                "un recurso debe ser un objeto",
            );
        };
        let kind = value.resource_type();
        let node = if crate::schema::is_resource_type(kind) { TypeRef::of(kind) } else { None };
        let Some(node) = node else {
            let en = "resourceType must name a resource type of R4";
            return self.error(
                IssueType::Structure,
                en,
                "resourceType debe nombrar un tipo de recurso de R4",
            );
        };
        let outermost = inside.is_none();
        if outermost {
            self.path.push(Part { name: node.path(), of_type: "", index: None, child: None });
        }
        let is_contained = inside.is_some_and(|child| child.element.name == "contained");
        if is_contained {
            if object.get("contained").is_some() {
                let en = "a contained resource must not contain another";
                let es = "un recurso contenido no debe contener otro";
                self.error_at("contained", IssueType::Invariant, en, es);
            }
            if object.get("id").is_none() {
                let en = "a contained resource must have an id";
                self.error_at("id", IssueType::Required, en, "un recurso contenido debe tener id");
            }
        } else {
            let ids = value.get("contained").items().iter().filter_map(|c| c.get("id").as_str()).collect();
            self.contained.push(ids);
        }
        self.resources.push(value);
        let around = self.bundle.clone();
        if node.path() == "Bundle" {
            self.bundle = Some(Rc::new(Entries::of(value)));
        }
        self.object(object, node, true);
        self.resource_rules(value, node, is_contained);
        if node.path() == "Bundle" {
            self.full_urls(value);
        }
        let asked = if outermost { self.asked } else { &[] };
        self.profiles_of(value, asked);
        self.bundle = around;
        self.resources.pop();
        if !is_contained {
            self.contained.pop();
        }
        if outermost {
            self.path.pop();
        }
    }

    fn object(&mut self, object: &'v Object, node: TypeRef, is_resource: bool) {
        if self.path.len() > DEPTH_MAX {
            let en = format!("nested deeper than {DEPTH_MAX} levels");
            return self.stop(en, format!("anidado a más de {DEPTH_MAX} niveles"));
        }
        if object.is_empty() {
            return self.error(
                IssueType::Structure,
                "an object must not be empty",
                "un objeto no debe estar vacío",
            );
        }
        let first = self.seen.len();
        let has_shadows = object.iter().any(|(key, _)| key.starts_with('_'));
        for (key, value) in object.iter() {
            if self.stopped {
                return;
            }
            if is_resource && key == "resourceType" {
                continue;
            }
            let name = key.strip_prefix('_').unwrap_or(key);
            let child = node.property(name).filter(|child| name.len() == key.len() || child.is_primitive());
            let Some(child) = child else {
                self.error_at(key, IssueType::Structure, "unknown element", "elemento desconocido");
                continue;
            };
            let (plain, shadow) = if name.len() == key.len() {
                (Some(value), if has_shadows { shadow_of(object, key) } else { None })
            } else if object.get(name).is_some() {
                continue;
            } else {
                (None, Some(value))
            };
            self.one_of(first, child, name);
            self.property(name, child, plain, shadow);
        }
        for required in node.required() {
            if !self.seen[first..].iter().any(|(element, _)| std::ptr::eq(*element, required)) {
                self.error_at(required.name, IssueType::Required, "is required", "es obligatorio");
            }
        }
        self.seen.truncate(first);
    }

    /// Of a choice only one type may be there (formats.html#choice).
    fn one_of(&mut self, first: usize, child: Child, name: &'v str) {
        let element = child.element;
        if element.is_choice && self.seen[first..].iter().any(|(seen, _)| std::ptr::eq(*seen, element)) {
            let en = "only one type of a choice may be there";
            self.error_at(element.name, IssueType::Structure, en, "solo puede haber un tipo de una elección");
        }
        self.seen.push((element, name));
    }

    fn property(&mut self, name: &'v str, child: Child, plain: Option<&'v Value>, shadow: Option<&'v Value>) {
        let element = child.element;
        let (name, of_type) = if element.is_choice { (element.name, child.of.code) } else { (name, "") };
        self.path.push(Part { name, of_type, index: None, child: Some(child) });
        if element.is_list() {
            self.list(child, plain, shadow);
        } else if [plain, shadow].iter().flatten().any(|v| matches!(v, Value::Array(_))) {
            self.error(IssueType::Structure, "must not be an array", "no debe ser un arreglo");
        } else {
            self.item(child, plain, shadow);
        }
        self.path.pop();
    }

    fn list(&mut self, child: Child, plain: Option<&'v Value>, shadow: Option<&'v Value>) {
        for value in [plain, shadow].into_iter().flatten() {
            match value {
                Value::Array(items) if items.is_empty() => {
                    let en = "an array must not be empty";
                    return self.error(IssueType::Structure, en, "un arreglo no debe estar vacío");
                }
                Value::Array(_) => {}
                _ => return self.error(IssueType::Structure, "must be an array", "debe ser un arreglo"),
            }
        }
        let lengths = (plain.map(|p| p.items().len()), shadow.map(|s| s.items().len()));
        if let (Some(a), Some(b)) = lengths
            && a != b
        {
            let en = "the arrays of values and of extensions must have the same length";
            let es = "los arreglos de valores y de extensiones deben tener el mismo largo";
            return self.error(IssueType::Structure, en, es);
        }
        let count = lengths.0.or(lengths.1).unwrap_or(0);
        if child.element.max.is_some_and(|max| count > max as usize) {
            self.error(IssueType::Structure, "has too many items", "tiene demasiados elementos");
        }
        for index in 0..count {
            if self.stopped {
                return;
            }
            if let Some(last) = self.path.last_mut() {
                last.index = Some(index);
            }
            let at = |list: Option<&'v Value>| list.map(|l| &l.items()[index]).filter(|v| !v.is_null());
            self.item(child, at(plain), at(shadow));
        }
    }

    fn item(&mut self, child: Child, plain: Option<&'v Value>, shadow: Option<&'v Value>) {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            let en = format!("has more than {ELEMENTS_MAX} elements");
            return self.stop(en, format!("tiene más de {ELEMENTS_MAX} elementos"));
        }
        if plain.is_none_or(Value::is_null) && shadow.is_none_or(Value::is_null) {
            let en = "null stands only beside an extension of the same place";
            let es = "null solo puede estar junto a una extensión del mismo lugar";
            return self.error(IssueType::Structure, en, es);
        }
        if plain.is_some_and(Value::is_null) {
            let en = "a value that is not there is left out, not null";
            return self.error(IssueType::Structure, en, "un valor ausente se omite; no es null");
        }
        let before = self.issues.len();
        if let Some(primitive) = child.of.primitive {
            if let Some(value) = plain {
                let text = match (primitive.json_form(), value) {
                    (JsonForm::String, Value::String(text)) => Some(&**text),
                    (JsonForm::Number, Value::Number(text)) => Some(&**text),
                    (JsonForm::Boolean, Value::Bool(b)) => Some(if *b { "true" } else { "false" }),
                    _ => None,
                };
                match text {
                    Some(text) => self.primitive(child, primitive, text),
                    None => self.wrong_form(primitive.json_form()),
                }
            }
            match shadow {
                Some(Value::Object(object)) => self.object(object, child.type_ref(), false),
                Some(_) => {
                    let en = "the extensions of a primitive must be an object";
                    let es = "las extensiones de un primitivo deben ser un objeto";
                    self.error(IssueType::Structure, en, es);
                }
                None => {}
            }
        } else if let Some(value) = plain {
            if child.of.is_any_resource() {
                self.resource(value, Some(child));
            } else if let Value::Object(object) = value {
                self.object(object, child.type_ref(), false);
                self.complex(child, value);
            } else {
                self.error(IssueType::Structure, "must be an object", "debe ser un objeto");
            }
        }
        // A rule about an element that has not even its form would only repeat what was told.
        if self.issues.len() == before {
            self.element_rules(child, plain, shadow);
        }
    }

    fn wrong_form(&mut self, form: JsonForm) {
        let (en, es) = match form {
            JsonForm::String => ("must be a string", "debe ser una cadena"),
            JsonForm::Number => ("must be a number", "debe ser un número"),
            JsonForm::Boolean => ("must be true or false", "debe ser true o false"),
        };
        self.error(IssueType::Structure, en, es);
    }
}

/// The `_name` beside `name`.
fn shadow_of<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    object.iter().find(|(key, _)| key.strip_prefix('_') == Some(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod profile_tests;
#[cfg(test)]
mod tests;

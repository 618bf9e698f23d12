//! A profile's rules applied to an element: how often, which type, fixed values, bindings, rules in FHIRPath
//! (FHIR R4, profiling.html, conformance-rules.html).

use super::{Check, IssueType, Part, Severity};
use crate::fhirpath::decimal::Decimal;
use crate::fhirpath::{Context, Item, Node};
use crate::profile::rule::{Constraint, Rule, RuleBinding, RuleType};
use crate::profile::{Definitions, Profile};
use crate::schema::{self, Strength};
use crate::value::Value;
use std::sync::Arc;

/// Profiles that name profiles that name profiles.
const NESTED_MAX: usize = 24;

impl<'v> Check<'v> {
    /// The profiles that a resource says it fits, and those that the caller asks for.
    pub(super) fn profiles_of(&mut self, resource: &'v Value, asked: &[String]) {
        let Some(definitions) = self.definitions else { return };
        let claimed = resource["meta"]["profile"].items().iter().filter_map(Value::as_str);
        let mut seen: Vec<&str> = Vec::new();
        for (url, is_asked) in asked.iter().map(|a| (a.as_str(), true)).chain(claimed.map(|c| (c, false))) {
            if seen.contains(&url) || self.stopped {
                continue;
            }
            seen.push(url);
            let name = url.split('|').next().unwrap_or(url);
            let is_base = name
                .strip_prefix("http://hl7.org/fhir/StructureDefinition/")
                .is_some_and(schema::is_resource_type);
            match definitions.profile(url) {
                Some(profile) => self.apply(&profile, Node::root(resource)),
                None if is_base && name.ends_with(&format!("/{}", resource.resource_type())) => {}
                None => self.unknown_profile(is_asked),
            }
        }
    }

    fn unknown_profile(&mut self, is_asked: bool) {
        let severity = if is_asked { Severity::Error } else { Severity::Warning };
        let en = "the profile is not known here, so it was not applied".to_owned();
        let es = "el perfil no se conoce aquí, así que no se aplicó".to_owned();
        self.issue(severity, IssueType::NotFound, en, es);
    }

    pub(super) fn apply(&mut self, profile: &Arc<Profile>, node: Node<'v>) {
        let kind = node.type_name().unwrap_or("");
        if !is_kind(kind, &profile.type_name) {
            let en = format!("the profile {} is for {}", profile.url, profile.type_name);
            let es = format!("el perfil {} es para {}", profile.url, profile.type_name);
            return self.error(IssueType::Structure, en, es);
        }
        let place = std::ptr::from_ref(node.value()) as usize;
        let this = (place, profile.url.clone());
        // A bundle's composition names a section that names the composition: it is being looked at already.
        if self.applying.len() > NESTED_MAX || self.applying.contains(&this) {
            return;
        }
        self.applying.push(this);
        let told = std::mem::replace(&mut self.profile, profile.url.clone());
        let is_other = !node.value()["resourceType"].is_null()
            && !self.resources.last().is_some_and(|r| std::ptr::eq(*r, node.value()));
        if is_other {
            self.resources.push(node.value());
        }
        self.rule(&profile.root, node);
        if is_other {
            self.resources.pop();
        }
        self.profile = told;
        self.applying.pop();
    }

    /// What a rule asks of one item; how often items are there was looked at before.
    pub(super) fn rule(&mut self, rule: &Rule, node: Node<'v>) {
        if self.stopped {
            return;
        }
        self.elements += 1;
        if self.elements > super::ELEMENTS_MAX {
            let en = "profiles ask for too many elements to be looked at".to_owned();
            return self.stop(en, "los perfiles piden revisar demasiados elementos".to_owned());
        }
        if !rule.types.is_empty() {
            self.type_of(rule, node);
        }
        if let Some(fixed) = &rule.fixed
            && !equals(fixed, node.value())
        {
            let shown = shown(fixed);
            self.by_profile(
                IssueType::Value,
                format!("must be exactly {shown}"),
                format!("debe ser exactamente {shown}"),
            );
        }
        if let Some(pattern) = &rule.pattern
            && !holds(pattern, node.value())
        {
            let shown = shown(pattern);
            self.by_profile(IssueType::Value, format!("must hold {shown}"), format!("debe contener {shown}"));
        }
        if let Some(binding) = &rule.binding {
            self.bound(binding, node);
        }
        self.bounds(rule, node);
        for constraint in &rule.constraints {
            self.constraint(constraint, node);
        }
        self.rule_children(rule, node);
    }

    fn rule_children(&mut self, rule: &Rule, node: Node<'v>) {
        if rule.children.is_empty() {
            return;
        }
        let is_inner_resource = !node.value()["resourceType"].is_null()
            && !self.resources.last().is_some_and(|r| std::ptr::eq(*r, node.value()));
        if is_inner_resource {
            self.resources.push(node.value());
        }
        for child in &rule.children {
            let Some(base) = node.content().and_then(|c| c.child(&child.name)) else { continue };
            let items = children(node, &child.name);
            let element = base.element;
            self.how_often(child, items.len(), element.name, "");
            for (index, item) in items.iter().enumerate() {
                self.path.push(part(element, *item, index));
                self.rule(child, *item);
                self.path.pop();
            }
            if !child.slices.is_empty() {
                let numbered: Vec<(usize, Node<'v>)> = items.into_iter().enumerate().collect();
                self.slices(child, &numbered, element);
            }
        }
        if is_inner_resource {
            self.resources.pop();
        }
    }

    pub(super) fn how_often(&mut self, rule: &Rule, count: usize, name: &'static str, slice: &str) {
        let what = |en: &str, es: &str| {
            if slice.is_empty() {
                (String::new(), String::new())
            } else {
                (format!("{en} {slice} "), format!("{es} {slice} "))
            }
        };
        let (en, es) = what("slice", "el corte");
        let (min, max) =
            (rule.min.unwrap_or(0) as usize, rule.max.flatten().map_or(usize::MAX, |m| m as usize));
        if count < min {
            self.path.push(Part { name, of_type: "", index: None, child: None });
            self.by_profile(
                IssueType::Required,
                format!("{en}must be there at least {min} times, found {count}"),
                format!("{es}debe estar al menos {min} veces; hay {count}"),
            );
            self.path.pop();
        }
        if count > max {
            self.path.push(Part { name, of_type: "", index: None, child: None });
            self.by_profile(
                IssueType::Structure,
                format!("{en}may be there {max} times at most, found {count}"),
                format!("{es}puede estar {max} veces a lo más; hay {count}"),
            );
            self.path.pop();
        }
    }

    /// An error that a profile makes one, with the profile's name.
    pub(super) fn by_profile(&mut self, code: IssueType, en: String, es: String) {
        let en = format!("{en} (profile {})", self.profile);
        let es = format!("{es} (perfil {})", self.profile);
        self.error(code, en, es);
    }

    fn type_of(&mut self, rule: &Rule, node: Node<'v>) {
        let Some(kind) = node.type_name() else { return };
        // Ids and urls have types of FHIRPath's own.
        // HL7's own definitions write one extension of theirs as a uri, though its definition says url.
        let is_type_extension = kind == "uri" && self.profile.ends_with("/structuredefinition-fhir-type");
        let fits = |t: &&RuleType| {
            is_type_extension || is_kind(kind, &t.code) || t.code.starts_with("http://hl7.org/fhirpath/")
        };
        let fitting: Vec<&RuleType> = rule.types.iter().filter(fits).collect();
        if fitting.is_empty() {
            let names: Vec<&str> = rule.types.iter().map(|t| &*t.code).collect();
            let (en, es) = (names.join(" or "), names.join(" o "));
            return self.by_profile(
                IssueType::Structure,
                format!("must be of type {en}"),
                format!("debe ser de tipo {es}"),
            );
        }
        if kind == "Reference" || kind == "canonical" {
            let targets: Vec<&str> = fitting.iter().flat_map(|t| &t.targets).map(|t| &**t).collect();
            if kind == "Reference" && !targets.is_empty() && fitting.iter().all(|t| !t.targets.is_empty()) {
                self.targets(&targets, node);
            }
        }
        // Every extension is checked against its own definition where it stands.
        if kind == "Extension" && !self.is_trial {
            return;
        }
        let profiles: Vec<&str> = fitting.iter().flat_map(|t| &t.profiles).map(|p| &**p).collect();
        if !profiles.is_empty() && fitting.iter().all(|t| !t.profiles.is_empty()) {
            self.one_profile_of(&profiles, node);
        }
    }

    /// The value must fit one of the profiles.
    pub(super) fn one_profile_of(&mut self, profiles: &[&str], node: Node<'v>) {
        let Some(definitions) = self.definitions else { return };
        let known: Vec<Arc<Profile>> = profiles.iter().filter_map(|p| definitions.profile(p)).collect();
        if known.len() < profiles.len() {
            return;
        }
        if let [profile] = &known[..] {
            return self.apply(profile, node);
        }
        if !known.iter().any(|profile| self.fits(profile, node)) {
            let names = profiles.join(", ");
            self.by_profile(
                IssueType::Structure,
                format!("must fit one of {names}"),
                format!("debe cumplir uno de {names}"),
            );
        }
    }

    /// Whether a value fits a profile, without telling why not.
    pub(super) fn fits(&self, profile: &Arc<Profile>, node: Node<'v>) -> bool {
        let mut trial = self.trial();
        trial.apply(profile, node);
        !trial.issues.iter().any(super::Issue::is_error)
    }

    fn targets(&mut self, targets: &[&str], node: Node<'v>) {
        let Some(definitions) = self.definitions else { return };
        let Some(reference) = node.value()["reference"].as_str() else { return };
        let found = self.resolve(reference);
        let told = found.map(Value::resource_type).or_else(|| super::types::referenced_type(reference));
        let Some(kind) = told.or_else(|| node.value()["type"].as_str()) else { return };
        let mut fits = false;
        let mut of_kind = false;
        for target in targets {
            let profile =
                if schema::structure(target).is_some() { None } else { definitions.profile(target) };
            let wanted = match &profile {
                Some(profile) => &*profile.type_name,
                None if schema::structure(target).is_some() => target,
                // A profile that is not here: nothing is told about its type.
                None => return,
            };
            if !is_kind(kind, wanted) {
                continue;
            }
            of_kind = true;
            fits |= match (profile, found) {
                (Some(profile), Some(found)) => self.fits(&profile, Node::root(found)),
                _ => true,
            };
        }
        if !fits {
            let names = targets.join(", ");
            let (en, es) = if of_kind {
                ("refers to a resource that fits none of", "se refiere a un recurso que no cumple ninguno de")
            } else {
                ("must refer to", "debe referirse a")
            };
            self.by_profile(IssueType::Structure, format!("{en} {names}"), format!("{es} {names}"));
        }
    }

    pub(super) fn bound(&mut self, binding: &RuleBinding, node: Node<'v>) {
        let Some(definitions) = self.definitions else { return };
        let severity = match binding.strength {
            Strength::Required => Severity::Error,
            Strength::Extensible if self.advice => Severity::Warning,
            _ => return,
        };
        if node.value().is_null() || member(definitions, node.value(), &binding.value_set) != Some(false) {
            return;
        }
        // A text alone says that no code of the set fits, which an extensible binding allows.
        if severity == Severity::Warning
            && node.value()["coding"].items().is_empty()
            && node.value().as_str().is_none()
        {
            return;
        }
        let (strength, es) = if severity == Severity::Error {
            ("required", "obligatorio")
        } else {
            ("extensible", "extensible")
        };
        let en = format!("the code is not in the {strength} value set {}", binding.value_set);
        let es = format!("el código no está en el conjunto {es} {}", binding.value_set);
        self.issue(severity, IssueType::CodeInvalid, en, es);
    }

    fn bounds(&mut self, rule: &Rule, node: Node<'v>) {
        if let (Some(most), Some(text)) = (rule.length_max, node.value().as_str())
            && text.chars().count() > most as usize
        {
            self.by_profile(
                IssueType::TooLong,
                format!("is longer than {most} characters"),
                format!("tiene más de {most} caracteres"),
            );
        }
        let number = |v: &Value| v.as_number().or(v["value"].as_number()).and_then(Decimal::parse);
        let order = |limit: &Value| match (number(node.value()), number(limit)) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            // Dates of one precision are in the order of their texts.
            _ => match (node.value().as_str(), limit.as_str()) {
                (Some(a), Some(b)) => Some(a[..a.len().min(b.len())].cmp(&b[..a.len().min(b.len())])),
                _ => None,
            },
        };
        if rule.value_min.as_ref().and_then(order).is_some_and(std::cmp::Ordering::is_lt) {
            self.by_profile(
                IssueType::Value,
                "is below the least value".into(),
                "es menor que el mínimo".into(),
            );
        }
        if rule.value_max.as_ref().and_then(order).is_some_and(std::cmp::Ordering::is_gt) {
            self.by_profile(
                IssueType::Value,
                "is above the greatest value".into(),
                "es mayor que el máximo".into(),
            );
        }
    }

    fn constraint(&mut self, constraint: &Constraint, node: Node<'v>) {
        if !(constraint.is_error || self.advice) {
            return;
        }
        let (Some(expression), Some(resource)) = (&constraint.expression, self.resources.last().copied())
        else {
            return;
        };
        let answer = {
            let resolve = |reference: &str| self.resolve(reference);
            let member_of = |code: &Value, set: &str| self.definitions.and_then(|d| member(d, code, set));
            let conforms = |value: &Value, url: &str| self.conforms(value, url);
            let mut context = Context::new(resource, super::invariants::NO_CLOCK);
            context.root = self.root_of(resource);
            context.resolve = Some(&resolve);
            context.member_of = Some(&member_of);
            context.conforms_to = Some(&conforms);
            expression.evaluate_boolean(Item::Node(node), &context)
        };
        match answer {
            Ok(Some(false)) => self.broken(&constraint.key, &constraint.human, constraint.is_error),
            Ok(_) => {}
            Err(why) => self.not_checked(&constraint.key, why.what),
        }
    }

    fn conforms(&self, value: &Value, url: &str) -> Option<bool> {
        conforms_to(value, url, self.definitions?)
    }
}

/// For `conformsTo` of FHIRPath: whether a resource is of a type or fits a profile; nothing for one that is not known.
pub fn conforms_to(value: &Value, url: &str, definitions: &Definitions) -> Option<bool> {
    let name = crate::profile::rule::short(url);
    if schema::structure(&name).is_some() {
        return Some(is_kind(value.resource_type(), &name));
    }
    let profile = definitions.profile(url)?;
    let mut trial =
        Check { definitions: Some(definitions), is_trial: true, resources: vec![value], ..Check::default() };
    trial.apply(&profile, Node::root(value));
    Some(!trial.issues.iter().any(super::Issue::is_error))
}

/// The children of a name, a choice by its bare name.
pub(super) fn children<'n>(node: Node<'n>, name: &str) -> Vec<Node<'n>> {
    let mut items = Vec::new();
    node.children_named(name, &mut items);
    items.iter().filter_map(|item| item.as_node().copied()).collect()
}

pub(super) fn part(element: &'static schema::Element, node: Node<'_>, index: usize) -> Part<'static> {
    Part {
        name: element.name,
        of_type: if element.is_choice { node.type_name().unwrap_or("") } else { "" },
        index: element.is_list().then_some(index),
        child: None,
    }
}

/// Whether a type is another or made from it.
pub(super) fn is_kind(kind: &str, wanted: &str) -> bool {
    let mut at = kind;
    for _ in 0..8 {
        if at == wanted {
            return true;
        }
        match schema::structure(at) {
            Some(structure) if !structure.base.is_empty() => at = structure.base,
            _ => return false,
        }
    }
    false
}

/// For `memberOf` of FHIRPath: whether a code, Coding, CodeableConcept or Quantity is in a value set; nothing when it
/// cannot be told from what is here.
pub fn member_of(value: &Value, set: &str, definitions: &Definitions) -> Option<bool> {
    member(definitions, value, set)
}

pub(super) fn member(definitions: &Definitions, value: &Value, set: &str) -> Option<bool> {
    let coding = |coding: &Value| match (coding["system"].as_str(), coding["code"].as_str()) {
        (_, None) => Some(false),
        (None, Some(_)) => Some(false),
        (Some(system), Some(code)) => definitions.terminology().contains(set, Some(system), code),
    };
    match value {
        Value::String(code) => definitions.terminology().contains(set, None, code),
        Value::Object(object) if object.get("coding").is_some() => {
            let mut answer = Some(false);
            for one in value["coding"].items() {
                match coding(one) {
                    Some(true) => return Some(true),
                    None => answer = None,
                    Some(false) => {}
                }
            }
            answer
        }
        Value::Object(object) if object.get("code").is_some() => coding(value),
        // Without a code: nothing that the set could have, unless it is not known at all.
        Value::Object(_) => definitions.terminology().contains(set, Some(""), "").map(|_| false),
        _ => None,
    }
}

/// Equality of a fixed value: numbers by value, the rest exactly.
pub(super) fn equals(fixed: &Value, value: &Value) -> bool {
    match (fixed, value) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || matches!((Decimal::parse(a), Decimal::parse(b)), (Some(a), Some(b)) if a == b)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equals(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equals(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Whether a value has at least what a pattern says (elementdefinition.html: pattern[x]).
pub(super) fn holds(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::Object(a), Value::Object(b)) => {
            a.iter().all(|(key, a)| b.get(key).is_some_and(|b| holds(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => a.iter().all(|a| b.iter().any(|b| holds(a, b))),
        (a, b) => equals(a, b),
    }
}

/// The profile's own value, in its error text: it is no one's data.
fn shown(value: &Value) -> String {
    crate::json::to_string(value)
}

//! Rules in FHIRPath that hold at an element (FHIR R4, conformance-rules.html#constraints), and those of every resource.

use super::{Check, IssueType, Severity};
use crate::fhirpath::{Context, Item, Node};
use crate::schema::{Child, Invariant, TypeRef};
use crate::value::Value;
use badiano_kernel::Instant;

/// Rules about the resource itself do not ask the time; one that does gets the beginning of time.
pub(super) const NO_CLOCK: Instant = Instant::from_seconds(0);

impl<'v> Check<'v> {
    pub(super) fn element_rules(
        &mut self,
        child: Child,
        plain: Option<&'v Value>,
        shadow: Option<&'v Value>,
    ) {
        if child.of.is_any_resource() {
            return;
        }
        let own = child.element.checked_invariants();
        let of_type = child.type_ref().element().checked_invariants();
        if own.is_empty() && of_type.is_empty() {
            return;
        }
        let node = Node::of_child(plain, shadow, child);
        self.rules(own, node);
        if !std::ptr::eq(own, of_type) {
            for rule in of_type.iter().filter(|rule| own.iter().all(|o| o.key != rule.key)) {
                self.invariant(rule, node);
            }
        }
    }

    /// The rules of the resource's type, and those of every resource that stand in code.
    pub(super) fn resource_rules(&mut self, value: &'v Value, node: TypeRef, is_contained: bool) {
        self.rules(node.element().checked_invariants(), Node::root(value));
        if !is_contained && !value["contained"].is_null() {
            self.contained_are_used(value);
        }
    }

    fn rules(&mut self, rules: &'static [&'static Invariant], node: Node<'v>) {
        for rule in rules {
            self.invariant(rule, node);
        }
    }

    fn invariant(&mut self, rule: &'static Invariant, node: Node<'v>) {
        if self.stopped || !(rule.is_error || self.advice) {
            return;
        }
        let (Some(expression), Some(resource)) = (rule.compiled(), self.resources.last().copied()) else {
            return;
        };
        let mut context = Context::new(resource, NO_CLOCK);
        context.root = self.root_of(resource);
        match expression.evaluate_boolean(Item::Node(node), &context) {
            Ok(Some(false)) => self.broken(rule.key, rule.human, rule.is_error),
            Ok(_) => {}
            Err(why) => self.not_checked(rule.key, why.what),
        }
    }

    pub(super) fn not_checked(&mut self, key: &str, why: &str) {
        let en = format!("rule {key} could not be checked: {why}");
        let es = format!("la regla {key} no se pudo revisar");
        self.issue(Severity::Warning, IssueType::NotSupported, en, es);
    }

    pub(super) fn broken(&mut self, key: &str, human: &str, is_error: bool) {
        let severity = if is_error { Severity::Error } else { Severity::Warning };
        let es = format!("no se cumple la regla {key}: {human}");
        self.issue(severity, IssueType::Invariant, format!("rule {key} is broken: {human}"), es);
    }

    /// The container of a contained resource; any other resource itself.
    pub(super) fn root_of(&self, resource: &'v Value) -> &'v Value {
        let outer = self.resources.len().checked_sub(2).map(|at| self.resources[at]);
        let holds = |outer: &&'v Value| outer["contained"].items().iter().any(|c| std::ptr::eq(c, resource));
        outer.filter(holds).unwrap_or(resource)
    }

    /// dom-3: what is contained is referred to, or refers to its container.
    fn contained_are_used(&mut self, resource: &'v Value) {
        let mut referred = Vec::new();
        references(resource, &mut referred);
        for (index, contained) in resource["contained"].items().iter().enumerate() {
            let id = contained.id();
            let used = referred.iter().any(|(from, to)| {
                to.strip_prefix('#') == Some(id) && !id.is_empty()
                    || (*to == "#" && from.is_some_and(|from| from == index))
            });
            if !used && !id.is_empty() {
                self.path.push(super::Part {
                    name: "contained",
                    of_type: "",
                    index: Some(index),
                    child: None,
                });
                let human = "a contained resource must be referred to from the resource that contains it";
                self.broken("dom-3", human, true);
                self.path.pop();
            }
        }
    }
}

/// Texts that may be references within a resource, with the index of the contained resource that they stand in.
fn references<'v>(resource: &'v Value, found: &mut Vec<(Option<usize>, &'v str)>) {
    for (key, value) in resource.as_object().into_iter().flat_map(crate::value::Object::iter) {
        if key == "contained" {
            for (index, contained) in value.items().iter().enumerate() {
                texts(contained, Some(index), found);
            }
        } else {
            texts(value, None, found);
        }
    }
}

/// Strings that begin with `#`: references, and canonicals and urls that point inside.
fn texts<'v>(value: &'v Value, inside: Option<usize>, found: &mut Vec<(Option<usize>, &'v str)>) {
    match value {
        Value::String(text) if text.starts_with('#') => found.push((inside, text)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, inside, found)),
        Value::Object(object) => object.iter().for_each(|(_, item)| texts(item, inside, found)),
        _ => {}
    }
}

//! Which slice an item belongs to, and what its slicing asks (FHIR R4, profiling.html#slicing, #discriminator).

use super::profiles::{children, equals, holds, is_kind, part};
use super::{Check, Issue, IssueType};
use crate::fhirpath::Node;
use crate::profile::rule::{Rule, RuleType, Slicing, Step};
use crate::schema::Element;
use crate::value::Value;

/// Where a discriminator's path has led: the slice's rule there, the profiles that the value must fit, what a pattern
/// above says of it, and the values.
struct Reached<'r, 's> {
    rule: Option<&'r Rule>,
    profiles: Vec<&'r str>,
    expected: Vec<&'r Value>,
    nodes: Vec<Node<'s>>,
}

impl<'v> Check<'v> {
    pub(super) fn slices(&mut self, rule: &Rule, items: &[(usize, Node<'v>)], element: &'static Element) {
        match &rule.slicing {
            Some(slicing) => self.sliced(rule, slicing, items, element),
            None => self.sliced(rule, &implied_slicing(rule), items, element),
        }
    }

    fn sliced(
        &mut self,
        rule: &Rule,
        slicing: &Slicing,
        items: &[(usize, Node<'v>)],
        element: &'static Element,
    ) {
        // Without a discriminator nobody can tell the slices apart: their number cannot be checked.
        if slicing.discriminators.is_empty() {
            return;
        }
        let mut members: Vec<Vec<(usize, Node<'v>)>> = vec![Vec::new(); rule.slices.len()];
        let (mut last, mut unmatched) = (0, false);
        for (index, node) in items {
            let slice = rule.slices.iter().position(|slice| self.is_in(slicing, slice, *node));
            self.path.push(part(element, *node, *index));
            match slice {
                Some(at) => {
                    if slicing.is_ordered && at < last {
                        self.by_profile(
                            IssueType::Structure,
                            "stands after a slice that must follow it".into(),
                            "está después de un corte que debe seguirle".into(),
                        );
                    }
                    if unmatched && &*slicing.rules == "openAtEnd" {
                        self.by_profile(
                            IssueType::Structure,
                            "items of no slice must stand at the end".into(),
                            "lo que no es de ningún corte debe estar al final".into(),
                        );
                    }
                    last = at;
                    self.rule(&rule.slices[at], *node);
                    members[at].push((*index, *node));
                }
                None if &*slicing.rules == "closed" => {
                    self.by_profile(
                        IssueType::Structure,
                        "belongs to no slice, and the slicing is closed".into(),
                        "no pertenece a ningún corte, y el corte es cerrado".into(),
                    );
                }
                None => unmatched = true,
            }
            self.path.pop();
        }
        for (slice, members) in rule.slices.iter().zip(&members) {
            self.how_often(slice, members.len(), element.name, &slice.slice);
            if !slice.slices.is_empty() {
                // Slices of a slice are told apart as the slice is, where it says nothing of its own.
                let own = slice.slicing.clone().unwrap_or_else(|| Slicing {
                    rules: "open".into(),
                    is_ordered: false,
                    ..slicing.clone()
                });
                self.sliced(slice, &own, members, element);
            }
        }
    }

    /// Every discriminator that says something of the slice must hold, and one must say something.
    fn is_in(&self, slicing: &Slicing, slice: &Rule, node: Node<'v>) -> bool {
        let mut any = false;
        for (kind, steps) in &slicing.discriminators {
            let start =
                Reached { rule: Some(slice), profiles: Vec::new(), expected: Vec::new(), nodes: vec![node] };
            match self.walk(kind, steps, start) {
                Some(false) => return false,
                Some(true) => any = true,
                None => {}
            }
        }
        any
    }

    fn walk(&self, kind: &str, steps: &[Step], at: Reached<'_, 'v>) -> Option<bool> {
        let Some((step, rest)) = steps.split_first() else { return self.decide(kind, &at) };
        match step {
            Step::Name(name) => self.walk_name(kind, name, rest, at),
            Step::Extension(url) => {
                let all = at.nodes.iter().flat_map(|n| children(*n, "extension"));
                let nodes = all.filter(|n| n.value().str_of("url") == &**url).collect();
                let slices = at.rule.and_then(|r| r.child("extension")).map_or(&[][..], |r| &r.slices);
                let is_it = |slice: &&Rule| slice.types.iter().flat_map(|t| &t.profiles).any(|p| p == url);
                let rule = slices.iter().find(is_it);
                self.walk(kind, rest, Reached { rule, profiles: vec![&**url], expected: Vec::new(), nodes })
            }
            Step::OfType(of) => {
                let nodes = at
                    .nodes
                    .iter()
                    .copied()
                    .filter(|n| n.type_name().is_some_and(|k| is_kind(k, of)))
                    .collect();
                self.walk(kind, rest, Reached { nodes, ..at })
            }
            Step::Resolve => {
                let found = at.nodes.iter().filter_map(|n| n.value()["reference"].as_str());
                let nodes: Vec<Node<'v>> =
                    found.clone().filter_map(|r| self.resolve(r)).map(Node::root).collect();
                let targets: Vec<&str> =
                    at.rule.iter().flat_map(|r| &r.types).flat_map(|t| &t.targets).map(|t| &**t).collect();
                if rest.is_empty() && kind == "type" && nodes.is_empty() {
                    let mut kinds = found.filter_map(super::types::referenced_type);
                    return Some(kinds.any(|k| targets.iter().any(|t| self.is_for(t, k))));
                }
                self.walk(kind, rest, Reached { rule: None, profiles: targets, expected: Vec::new(), nodes })
            }
        }
    }

    fn walk_name(&self, kind: &str, name: &str, rest: &[Step], at: Reached<'_, 'v>) -> Option<bool> {
        let nodes: Vec<Node<'v>> = at.nodes.iter().flat_map(|n| children(*n, name)).collect();
        let own = at.rule.into_iter().flat_map(|r| r.fixed.iter().chain(&r.pattern));
        let above = own.chain(at.expected.iter().copied());
        let expected: Vec<&Value> = above
            .flat_map(|v| match &v[name] {
                Value::Array(items) => items.iter().collect::<Vec<_>>(),
                Value::Null => Vec::new(),
                one => vec![one],
            })
            .collect();
        if let Some(rule) = at.rule.and_then(|r| r.child(name)) {
            return self.walk(
                kind,
                rest,
                Reached { rule: Some(rule), profiles: Vec::new(), expected, nodes },
            );
        }
        if !expected.is_empty() {
            return self.walk(kind, rest, Reached { rule: None, profiles: Vec::new(), expected, nodes });
        }
        let named = at.rule.into_iter().flat_map(|r| &r.types).flat_map(|t| &t.profiles).map(|p| &**p);
        let named: Vec<&str> = named.chain(at.profiles.iter().copied()).collect();
        // An extension's url is its definition's own, wherever that definition is.
        if name == "url" && rest.is_empty() && !named.is_empty() {
            return Some(nodes.iter().any(|n| n.value().as_str().is_some_and(|url| named.contains(&url))));
        }
        let definitions = self.definitions?;
        for profile in named.iter().filter_map(|url| definitions.profile(url)) {
            if let Some(rule) = profile.root.child(name) {
                return self.walk(
                    kind,
                    rest,
                    Reached { rule: Some(rule), profiles: Vec::new(), expected: Vec::new(), nodes },
                );
            }
        }
        self.walk(kind, rest, Reached { rule: None, profiles: Vec::new(), expected: Vec::new(), nodes })
    }

    /// Nothing where the slice says nothing at this place.
    fn decide(&self, kind: &str, at: &Reached<'_, 'v>) -> Option<bool> {
        let rule = at.rule;
        match kind {
            "exists" => {
                let is_wanted = rule?.min.is_some_and(|min| min > 0);
                let is_unwanted = rule?.max == Some(Some(0));
                (is_wanted || is_unwanted).then_some(at.nodes.is_empty() == is_unwanted)
            }
            "type" => {
                // `contentString` is the slice of that type of `content[x]`.
                let own = rule.iter().flat_map(|r| &r.types);
                let of_slices = rule.iter().flat_map(|r| &r.slices).flat_map(|s| &s.types);
                let types: Vec<&RuleType> = match rule.is_some_and(|r| r.types.is_empty()) {
                    true => of_slices.collect(),
                    false => own.collect(),
                };
                if types.is_empty() && at.profiles.is_empty() {
                    return None;
                }
                let fits = |k: &str| {
                    types.iter().any(|t| is_kind(k, &t.code)) || at.profiles.iter().any(|p| self.is_for(p, k))
                };
                Some(at.nodes.iter().filter_map(Node::type_name).any(fits))
            }
            "profile" => {
                let named = rule.into_iter().flat_map(|r| &r.types).flat_map(|t| &t.profiles).map(|p| &**p);
                let named: Vec<&str> = named.chain(at.profiles.iter().copied()).collect();
                let fits = |node: &Node<'v>| named.iter().any(|url| self.conforms_to(url, *node));
                (!named.is_empty()).then(|| at.nodes.iter().any(fits))
            }
            _ => {
                let says = !at.expected.is_empty()
                    || !at.profiles.is_empty()
                    || rule.is_some_and(|r| !r.asks_nothing());
                says.then(|| at.nodes.iter().any(|node| self.has_value(at, *node)))
            }
        }
    }

    fn conforms_to(&self, url: &str, node: Node<'v>) -> bool {
        match self.definitions.and_then(|d| d.profile(url)) {
            Some(profile) => self.fits(&profile, node),
            None => node.type_name().is_some_and(|k| is_kind(k, url)),
        }
    }

    /// A value is in a slice when it keeps all that the slice asks of it there.
    fn has_value(&self, at: &Reached<'_, 'v>, node: Node<'v>) -> bool {
        if !at.expected.is_empty() {
            return at.expected.iter().any(|e| equals(e, node.value()) || holds(e, node.value()));
        }
        if let Some(rule) = at.rule.filter(|r| !r.asks_nothing()) {
            let mut trial = self.trial();
            trial.rule(rule, node);
            return !trial.issues.iter().any(Issue::is_error);
        }
        !at.profiles.is_empty() && at.profiles.iter().any(|url| self.conforms_to(url, node))
    }

    /// Whether a target, a type or a profile, is for a type.
    fn is_for(&self, target: &str, kind: &str) -> bool {
        match self.definitions.and_then(|d| d.profile(target)) {
            Some(profile) => is_kind(kind, &profile.type_name),
            None => is_kind(kind, target),
        }
    }
}

/// Extensions are told apart by their url, a choice's slices by their type, where nothing is said.
fn implied_slicing(rule: &Rule) -> Slicing {
    let discriminators = match &*rule.name {
        "extension" | "modifierExtension" => vec![("value".into(), vec![Step::Name("url".into())])],
        _ if rule.slices.iter().all(|s| !s.types.is_empty()) => vec![("type".into(), Vec::new())],
        _ => Vec::new(),
    };
    Slicing { discriminators, rules: "open".into(), is_ordered: false }
}

//! Where a reference leads within a resource or a bundle (FHIR R4, references.html#contained, bundle.html#references).

use super::{Check, IssueType, Part};
use crate::value::Value;
use std::collections::HashMap;

/// The resources of a bundle by `fullUrl` and by `Type/id`.
#[derive(Debug, Default)]
pub(super) struct Entries<'v> {
    by_name: HashMap<String, &'v Value>,
}

impl<'v> Entries<'v> {
    pub fn of(bundle: &'v Value) -> Self {
        let mut by_name = HashMap::new();
        for entry in bundle["entry"].items() {
            let resource = &entry["resource"];
            if let Some(url) = entry["fullUrl"].as_str() {
                by_name.entry(url.to_owned()).or_insert(resource);
            }
            if !resource.id().is_empty() {
                by_name.entry(format!("{}/{}", resource.resource_type(), resource.id())).or_insert(resource);
            }
        }
        Entries { by_name }
    }

    pub fn find(&self, reference: &str) -> Option<&'v Value> {
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        self.by_name.get(plain).copied()
    }
}

impl<'v> Check<'v> {
    /// The resource that a reference in the innermost open resource names, where it is here.
    pub(super) fn resolve(&self, reference: &str) -> Option<&'v Value> {
        let Some(id) = reference.strip_prefix('#') else {
            return self.bundle.as_ref()?.find(reference);
        };
        let inner = self.resources.last().copied()?;
        let root = self.root_of(inner);
        if id.is_empty() {
            return Some(root);
        }
        root["contained"].items().iter().find(|c| c.id() == id)
    }

    /// What the standard says of `fullUrl` (bundle.html#fullUrl) beyond its invariants.
    pub(super) fn full_urls(&mut self, bundle: &'v Value) {
        for (index, entry) in bundle["entry"].items().iter().enumerate() {
            let Some(url) = entry["fullUrl"].as_str() else { continue };
            let resource = &entry["resource"];
            let is_server = url.starts_with("http://") || url.starts_with("https://");
            let (kind, id) = (resource.resource_type(), resource.id());
            let names_another = is_server
                && !id.is_empty()
                && super::types::referenced_type(url).is_some()
                && !url.split("/_history/").next().unwrap_or(url).ends_with(&format!("/{kind}/{id}"));
            let wrong = if !url.contains(':') {
                ("must be an absolute URL", "debe ser un URL absoluto")
            } else if names_another {
                (
                    "must end with the resource's own type and id",
                    "debe terminar con el tipo y el id del recurso",
                )
            } else {
                continue;
            };
            self.path.push(Part { name: "entry", of_type: "", index: Some(index), child: None });
            self.error_at("fullUrl", IssueType::Value, wrong.0, wrong.1);
            self.path.pop();
        }
    }

    /// A check of the same place whose issues are only counted.
    pub(super) fn trial(&self) -> Check<'v> {
        Check {
            definitions: self.definitions,
            bundle: self.bundle.clone(),
            resources: self.resources.clone(),
            applying: self.applying.clone(),
            elements: self.elements,
            is_trial: true,
            ..Check::default()
        }
    }
}

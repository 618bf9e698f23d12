//! The functions that FHIR adds (FHIR R4, fhirpath.html#functions), and the keys of SQL on FHIR v2.

use crate::fhirpath::EvaluationError;
use crate::fhirpath::evaluate::{
    Evaluator, Items, Run, Scope, boolean, kind_of_reference, reference_text, single,
};
use crate::fhirpath::item::{Item, Node};
use crate::fhirpath::plan::{Function as F, Plan};
use crate::narrative;
use std::borrow::Cow;

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn fhir(
        &self,
        function: F,
        input: Items<'a>,
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        match function {
            F::Extension => {
                let Some(url) = self.text_argument(arguments, 0, scope)? else { return Ok(Vec::new()) };
                let mut all = Vec::new();
                for item in &input {
                    if let Item::Node(node) = item {
                        node.children_named("extension", &mut all);
                    }
                }
                self.spend(all.len())?;
                all.retain(|e| e.as_node().is_some_and(|n| n.value().str_of("url") == &*url));
                Ok(all)
            }
            F::HasValue => Ok(boolean(Some(match &input[..] {
                [Item::Node(node)] => node.has_value(),
                [_] => true,
                _ => false,
            }))),
            F::GetValue => Ok(match &input[..] {
                [Item::Node(node)] if node.is_primitive() => node.system().into_iter().collect(),
                [Item::Node(_)] => Vec::new(),
                [one] => vec![one.clone()],
                _ => Vec::new(),
            }),
            F::Resolve => {
                let mut out = Vec::new();
                for item in &input {
                    self.spend(16)?;
                    if let Some(found) = reference_text(item).and_then(|text| self.resolved(&text)) {
                        out.push(Item::Node(Node::root(found)));
                    }
                }
                Ok(out)
            }
            F::MemberOf => {
                let Some(url) = self.text_argument(arguments, 0, scope)? else { return Ok(Vec::new()) };
                let Some(item) = single(&input)? else { return Ok(Vec::new()) };
                let Some(member_of) = self.context.member_of else {
                    return Err(EvaluationError::not_supported(
                        "memberOf needs a terminology, which is not here",
                    ));
                };
                self.spend(64)?;
                Ok(boolean(member_of(&item.to_value(), &url)))
            }
            F::ConformsTo => {
                let Some(url) = self.text_argument(arguments, 0, scope)? else { return Ok(Vec::new()) };
                let Some(item) = single(&input)? else { return Ok(Vec::new()) };
                let Some(conforms_to) = self.context.conforms_to else {
                    return Err(EvaluationError::not_supported(
                        "conformsTo needs profiles, which are not here",
                    ));
                };
                self.spend(64)?;
                match item.as_node().and_then(|node| conforms_to(node.value(), &url)) {
                    Some(answer) => Ok(boolean(Some(answer))),
                    None => Err(EvaluationError::not_supported("the profile is not known here")),
                }
            }
            F::HtmlChecks => {
                let Some(item) = single(&input)? else { return Ok(Vec::new()) };
                let fits = matches!(item.plain(), Item::String(div) if narrative::check(&div).is_ok());
                Ok(boolean(Some(fits)))
            }
            F::GetResourceKey => Ok(match single(&input)? {
                Some(Item::Node(node)) if !node.value().id().is_empty() => {
                    vec![Item::String(Cow::Borrowed(node.value().id()))]
                }
                _ => Vec::new(),
            }),
            _ => self.reference_key(&input, arguments, scope),
        }
    }

    /// The id in a reference, of any type or of the one that is asked for.
    fn reference_key(
        &self,
        input: &[Item<'a>],
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        let wanted = match arguments.first() {
            // A bare type's name, not a path.
            Some(Plan::Member { of, name, first: true }) if matches!(**of, Plan::Focus) => {
                Some(Cow::Borrowed(&**name))
            }
            Some(_) => self.text_argument(arguments, 0, scope)?,
            None => None,
        };
        let Some(text) = single(input)?.and_then(reference_text) else { return Ok(Vec::new()) };
        let Some(kind) = kind_of_reference(&text) else { return Ok(Vec::new()) };
        if wanted.is_some_and(|w| w != kind) {
            return Ok(Vec::new());
        }
        let id = text
            .split('#')
            .next()
            .and_then(|t| t.split("/_history/").next())
            .and_then(|t| t.rsplit('/').next());
        Ok(id.map(|id| Item::String(Cow::Owned(id.to_owned()))).into_iter().collect())
    }
}

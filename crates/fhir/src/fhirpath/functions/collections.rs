//! Existence, filtering, sets, subsets, tree navigation, aggregates (FHIRPath N1, functions).

use crate::fhirpath::EvaluationError;
use crate::fhirpath::compare::order;
use crate::fhirpath::evaluate::{Evaluator, Items, Run, Scope, boolean, single, truth};
use crate::fhirpath::item::Item;
use crate::fhirpath::plan::{Function as F, Plan};
use std::cmp::Ordering;

impl<'a> Evaluator<'_, 'a> {
    /// Runs a plan for each item as `$this`, with its `$index`.
    fn each(
        &self,
        input: &[Item<'a>],
        plan: &'a Plan,
        scope: Scope<'_, 'a>,
        mut keep: impl FnMut(&Item<'a>, Items<'a>) -> Run<bool>,
    ) -> Run<()> {
        for (index, item) in input.iter().enumerate() {
            let this = std::slice::from_ref(item);
            let result = self.items(plan, Scope { this, index: Some(index), total: scope.total })?;
            if !keep(item, result)? {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn existence(
        &self,
        function: F,
        input: Items<'a>,
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        let answer = match function {
            F::Empty => input.is_empty(),
            F::Count => return Ok(vec![Item::Integer(i64::try_from(input.len()).unwrap_or(i64::MAX))]),
            F::Not => return Ok(boolean(truth(&input)?.map(|b| !b))),
            F::Exists => match arguments.first() {
                None => !input.is_empty(),
                Some(criteria) => {
                    let mut found = false;
                    self.each(&input, criteria, scope, |_, result| {
                        found = truth(&result)? == Some(true);
                        Ok(!found)
                    })?;
                    found
                }
            },
            F::All => {
                let mut all = true;
                if let Some(criteria) = arguments.first() {
                    self.each(&input, criteria, scope, |_, result| {
                        all = truth(&result)? == Some(true);
                        Ok(all)
                    })?;
                }
                all
            }
            _ => {
                let mut found = [false, false];
                for item in &input {
                    match item.plain() {
                        Item::Boolean(b) => found[usize::from(b)] = true,
                        _ => return Err(EvaluationError::mismatch("all items must be booleans")),
                    }
                }
                match function {
                    F::AllTrue => !found[0],
                    F::AnyTrue => found[1],
                    F::AllFalse => !found[1],
                    _ => found[0],
                }
            }
        };
        Ok(boolean(Some(answer)))
    }

    pub(super) fn lambda(
        &self,
        function: F,
        input: Items<'a>,
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        let Some(first) = arguments.first() else {
            return if function == F::Sort { self.sorted(input, arguments, scope) } else { Ok(input) };
        };
        match function {
            F::Where => {
                let mut out = Vec::new();
                self.each(&input, first, scope, |item, result| {
                    if truth(&result)? == Some(true) {
                        out.push(item.clone());
                    }
                    Ok(true)
                })?;
                Ok(out)
            }
            F::Select => {
                let mut out = Vec::new();
                self.each(&input, first, scope, |_, result| {
                    self.spend(result.len())?;
                    out.extend(result);
                    Ok(true)
                })?;
                Ok(out)
            }
            F::Repeat => self.repeated(input, first, scope),
            F::Iif => self.iif(&input, arguments, scope),
            F::Aggregate => self.aggregated(&input, arguments, scope),
            F::Sort => self.sorted(input, arguments, scope),
            // What `trace` would print may be about a patient: it is computed and shown nowhere.
            _ => {
                if let Some(projection) = arguments.get(1) {
                    self.each(&input, projection, scope, |_, _| Ok(true))?;
                }
                Ok(input)
            }
        }
    }

    /// The projection of the items, of what it gave, and so on; each equal item once.
    fn repeated(&self, input: Items<'a>, plan: &'a Plan, scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        let mut out: Items<'a> = Vec::new();
        let mut queue = input;
        while !queue.is_empty() {
            let mut next = Vec::new();
            self.each(&queue, plan, scope, |_, result| {
                for item in result {
                    if !self.has(&out, &item)? {
                        out.push(item.clone());
                        next.push(item);
                    }
                }
                Ok(true)
            })?;
            queue = next;
        }
        Ok(out)
    }

    fn iif(&self, input: &[Item<'a>], arguments: &'a [Plan], scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        single(input)?;
        let inner = if input.is_empty() { scope } else { Scope { this: input, ..scope } };
        let criterion = self.argument(arguments, 0, inner)?;
        if self.context.strict && criterion.iter().any(|c| !matches!(c.plain(), Item::Boolean(_))) {
            return Err(EvaluationError::mismatch("the criterion must be a boolean"));
        }
        let at = if truth(&criterion)? == Some(true) { 1 } else { 2 };
        self.argument(arguments, at, inner)
    }

    fn aggregated(&self, input: &[Item<'a>], arguments: &'a [Plan], scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        let mut total = self.argument(arguments, 1, scope)?;
        for (index, item) in input.iter().enumerate() {
            let this = std::slice::from_ref(item);
            total = self.items(&arguments[0], Scope { this, index: Some(index), total: &total })?;
        }
        Ok(total)
    }

    /// By keys, each one item or nothing (which goes first either way); a key with a minus sign goes down.
    fn sorted(&self, input: Items<'a>, keys: &'a [Plan], scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        let mut rows = Vec::with_capacity(input.len());
        for (index, item) in input.iter().enumerate() {
            let this = std::slice::from_ref(item);
            let inner = Scope { this, index: Some(index), total: scope.total };
            let mut row = Vec::with_capacity(keys.len().max(1));
            for key in keys {
                let key = if let Plan::Negative(of) = key { of } else { key };
                let found = self.items(key, inner)?;
                row.push(single(&found)?.cloned());
            }
            if keys.is_empty() {
                row.push(Some(item.clone()));
            }
            rows.push((row, item.clone()));
        }
        self.spend(rows.len() * 16)?;
        let mut failed = None;
        rows.sort_by(|(a, _), (b, _)| {
            for (at, pair) in a.iter().zip(b).enumerate() {
                let down = matches!(keys.get(at), Some(Plan::Negative(_)));
                let found = match pair {
                    (Some(a), Some(b)) => match order(a, b) {
                        Ok(Some(found)) if down => found.reverse(),
                        Ok(found) => found.unwrap_or(Ordering::Equal),
                        Err(error) => {
                            failed = Some(error);
                            Ordering::Equal
                        }
                    },
                    (a, b) => a.is_some().cmp(&b.is_some()),
                };
                if found.is_ne() {
                    return found;
                }
            }
            Ordering::Equal
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(rows.into_iter().map(|(_, item)| item).collect()),
        }
    }

    pub(super) fn set(
        &self,
        function: F,
        input: Items<'a>,
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        let other = self.argument(arguments, 0, scope)?;
        let within = |items: &[Item<'a>], of: &[Item<'a>]| -> Run<Items<'a>> {
            for item in items {
                if !self.has(of, item)? {
                    return Ok(boolean(Some(false)));
                }
            }
            Ok(boolean(Some(true)))
        };
        match function {
            F::SubsetOf => within(&input, &other),
            F::SupersetOf => within(&other, &input),
            F::Distinct => self.union(input, Vec::new()),
            F::IsDistinct => {
                if let Some(distinct) = texts_are_distinct(&input) {
                    self.spend(input.len())?;
                    return Ok(boolean(Some(distinct)));
                }
                let count = input.len();
                Ok(boolean(Some(self.union(input, Vec::new())?.len() == count)))
            }
            F::Union => self.union(input, other),
            F::Combine => {
                self.spend(other.len())?;
                Ok(input.into_iter().chain(other).collect())
            }
            F::Intersect => {
                let mut out = Vec::new();
                for item in input {
                    if self.has(&other, &item)? && !self.has(&out, &item)? {
                        out.push(item);
                    }
                }
                Ok(out)
            }
            _ => {
                let mut out = Vec::new();
                for item in input {
                    if !self.has(&other, &item)? {
                        out.push(item);
                    }
                }
                Ok(out)
            }
        }
    }

    pub(super) fn subset(
        &self,
        function: F,
        mut input: Items<'a>,
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        match function {
            F::Single => {
                single(&input)?;
            }
            F::First => input.truncate(1),
            F::Last => {
                input.drain(..input.len().saturating_sub(1));
            }
            F::Tail => {
                input.drain(..input.len().min(1));
            }
            _ => {
                let Some(count) = self.integer_argument(arguments, 0, scope)? else { return Ok(Vec::new()) };
                let count = usize::try_from(count).unwrap_or(0).min(input.len());
                if function == F::Skip {
                    input.drain(..count);
                } else {
                    input.truncate(count);
                }
            }
        }
        Ok(input)
    }

    pub(super) fn tree(&self, function: F, input: Items<'a>) -> Run<Items<'a>> {
        let mut out = Vec::new();
        for item in &input {
            if let Item::Node(node) = item {
                node.children(&mut out);
            }
        }
        self.spend(out.len())?;
        if function == F::Children {
            return Ok(out);
        }
        let mut at = 0;
        while at < out.len() {
            if let Item::Node(node) = &out[at] {
                let node = *node;
                let before = out.len();
                node.children(&mut out);
                self.spend(out.len() - before + 1)?;
            }
            at += 1;
        }
        Ok(out)
    }
}

/// For texts alone, without comparing each with each: a questionnaire's link ids, a bundle's addresses.
fn texts_are_distinct(items: &[Item<'_>]) -> Option<bool> {
    let mut seen = std::collections::HashSet::with_capacity(items.len());
    let mut distinct = true;
    for item in items {
        match item.plain() {
            Item::String(text) => distinct &= seen.insert(text),
            _ => return None,
        }
    }
    Some(distinct)
}

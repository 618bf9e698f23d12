//! The functions of FHIRPath (N1, functions) and of FHIR R4 (fhirpath.html#functions), by kind.

mod collections;
mod convert;
mod fhir;
mod math;
mod strings;

use super::evaluate::{Evaluator, Items, Run, Scope, single};
use super::item::Item;
use super::plan::{Function, Plan};
use super::temporal::Temporal;
use super::types::type_of;
use super::{EvaluationError, Expression};
use std::borrow::Cow;

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn call(
        &self,
        of: &'a Plan,
        function: Function,
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        use Function as F;
        let input = self.items(of, scope)?;
        match function {
            F::Empty
            | F::Exists
            | F::All
            | F::AllTrue
            | F::AnyTrue
            | F::AllFalse
            | F::AnyFalse
            | F::Count
            | F::Not => self.existence(function, input, arguments, scope),
            F::Where | F::Select | F::Repeat | F::Iif | F::Aggregate | F::Sort | F::Trace => {
                self.lambda(function, input, arguments, scope)
            }
            F::SubsetOf
            | F::SupersetOf
            | F::Distinct
            | F::IsDistinct
            | F::Intersect
            | F::Exclude
            | F::Union
            | F::Combine => self.set(function, input, arguments, scope),
            F::Single | F::First | F::Last | F::Tail | F::Skip | F::Take => {
                self.subset(function, input, arguments, scope)
            }
            F::Children | F::Descendants => self.tree(function, input),
            F::Now | F::Today | F::TimeOfDay => Ok(vec![self.clock(function)]),
            F::Type => Ok(input.iter().map(type_of).collect()),
            F::Extension
            | F::Resolve
            | F::HasValue
            | F::GetValue
            | F::MemberOf
            | F::ConformsTo
            | F::HtmlChecks
            | F::GetResourceKey
            | F::GetReferenceKey => self.fhir(function, input, arguments, scope),
            F::Abs
            | F::Ceiling
            | F::Exp
            | F::Floor
            | F::Ln
            | F::Log
            | F::Power
            | F::Round
            | F::Sqrt
            | F::Truncate
            | F::LowBoundary
            | F::HighBoundary
            | F::Precision
            | F::Comparable => self.math(function, &input, arguments, scope),
            F::IndexOf
            | F::LastIndexOf
            | F::Substring
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Upper
            | F::Lower
            | F::Replace
            | F::Matches
            | F::MatchesFull
            | F::ReplaceMatches
            | F::Length
            | F::ToChars
            | F::Encode
            | F::Decode
            | F::Escape
            | F::Unescape
            | F::Trim
            | F::Split
            | F::Join => self.string(function, &input, arguments, scope),
            F::ToBoolean
            | F::ToInteger
            | F::ToDecimal
            | F::ToString
            | F::ToDate
            | F::ToDateTime
            | F::ToTime
            | F::ToQuantity
            | F::ConvertsToBoolean
            | F::ConvertsToInteger
            | F::ConvertsToDecimal
            | F::ConvertsToString
            | F::ConvertsToDate
            | F::ConvertsToDateTime
            | F::ConvertsToTime
            | F::ConvertsToQuantity => self.conversion(function, &input, arguments, scope),
        }
    }

    /// The moment of the evaluation; it does not change within one.
    fn clock(&self, function: Function) -> Item<'a> {
        let now = Temporal::from_micros(self.context.now.micros, self.context.offset_minutes);
        Item::Temporal(match function {
            Function::Today => now.as_date(),
            Function::TimeOfDay => now.as_time(),
            _ => now,
        })
    }

    /// One argument as a collection, seen from where the call stands.
    fn argument(&self, arguments: &'a [Plan], at: usize, scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        match arguments.get(at) {
            Some(plan) => self.items(plan, scope),
            None => Ok(Vec::new()),
        }
    }

    /// One argument as a text; nothing when it is empty.
    fn text_argument(
        &self,
        arguments: &'a [Plan],
        at: usize,
        scope: Scope<'_, 'a>,
    ) -> Run<Option<Cow<'a, str>>> {
        let items = self.argument(arguments, at, scope)?;
        match single(&items)?.map(Item::plain) {
            None => Ok(None),
            Some(Item::String(s)) => Ok(Some(s)),
            Some(_) => Err(EvaluationError::mismatch("the argument must be a text")),
        }
    }

    fn integer_argument(&self, arguments: &'a [Plan], at: usize, scope: Scope<'_, 'a>) -> Run<Option<i64>> {
        let items = self.argument(arguments, at, scope)?;
        match single(&items)?.map(Item::plain) {
            None => Ok(None),
            Some(Item::Integer(n)) => Ok(Some(n)),
            Some(_) => Err(EvaluationError::mismatch("the argument must be an integer")),
        }
    }
}

impl Expression {
    /// The names of all functions that are offered and known, for error texts and completion.
    pub fn is_function(name: &str) -> bool {
        Function::of(name).is_some_and(|(f, _, _)| f.name() == name)
    }
}

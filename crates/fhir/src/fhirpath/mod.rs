//! FHIRPath (N1, 2.0.0) with the functions that FHIR R4 adds (fhirpath.html): compiled once, evaluated over borrowed values.
//!
//! `Expression::parse("name.where(use = 'official').family")`, then `evaluate` with a [`Context`]. Elements keep their
//! FHIR types from the definitions; computed values are [`Item`]s of their own. Every run has a limit of steps.

mod compare;
pub mod decimal;
mod evaluate;
mod functions;
mod item;
mod lexer;
mod parser;
mod plan;
pub mod quantity;
mod simple;
mod strict;
pub mod temporal;
mod types;

#[cfg(test)]
mod tests;

pub use item::{Item, Node};
pub use parser::{DEPTH_MAX, EXPRESSION_BYTES_MAX, NESTING_MAX};
pub(crate) use simple::{SimpleStep, simple_paths};

use crate::value::Value;
use badiano_kernel::{Fault, Instant};
use std::fmt;

/// Steps that one run may take: items looked at, comparisons, calls.
pub const STEPS_MAX: usize = 2_000_000;
/// Bytes of one computed text.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// Why a text is no expression, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    pub position: usize,
    pub what: String,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.position, self.what)
    }
}
impl std::error::Error for PathError {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluationErrorKind {
    /// The expression does not fit what it meets: two items where one must be, a text where a number must be.
    Mismatch,
    /// More steps or a longer text than the limits allow.
    TooCostly,
    /// A function that is not offered, or one whose service the context does not have.
    NotSupported,
}

/// Why a run ended without an answer. No data of the resource is in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationError {
    pub kind: EvaluationErrorKind,
    pub what: &'static str,
}

impl EvaluationError {
    pub(crate) fn mismatch(what: &'static str) -> Self {
        EvaluationError { kind: EvaluationErrorKind::Mismatch, what }
    }
    pub(crate) fn too_costly(what: &'static str) -> Self {
        EvaluationError { kind: EvaluationErrorKind::TooCostly, what }
    }
    pub(crate) fn not_supported(what: &'static str) -> Self {
        EvaluationError { kind: EvaluationErrorKind::NotSupported, what }
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}
impl std::error::Error for EvaluationError {}

impl From<EvaluationError> for Fault {
    fn from(error: EvaluationError) -> Fault {
        match error.kind {
            EvaluationErrorKind::Mismatch => Fault::invalid(error.what),
            EvaluationErrorKind::TooCostly => Fault::too_costly(error.what),
            EvaluationErrorKind::NotSupported => Fault::not_supported(error.what),
        }
    }
}

/// Finds the resource that a reference or canonical names.
pub type Resolve<'a> = dyn Fn(&str) -> Option<&'a Value> + 'a;
/// Whether a code (as a Value: code, Coding or CodeableConcept) is in a value set; nothing when it cannot be told.
pub type MemberOf<'a> = dyn Fn(&Value, &str) -> Option<bool> + 'a;

/// Whether an element fits a profile; nothing when the profile is not known.
pub type ConformsTo<'a> = dyn Fn(&Value, &str) -> Option<bool> + 'a;

/// What a run knows besides the element that it is asked of.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// `%resource`: the resource that the focus is in.
    pub resource: &'a Value,
    /// `%rootResource`: its container, where it is contained.
    pub root: &'a Value,
    pub now: Instant,
    /// Minutes east of UTC that `now()` and `today()` are shown at.
    pub offset_minutes: i16,
    /// `%name`; these go before the fixed ones.
    pub variables: &'a [(&'a str, Vec<Item<'a>>)],
    pub resolve: Option<&'a Resolve<'a>>,
    pub member_of: Option<&'a MemberOf<'a>>,
    pub conforms_to: Option<&'a ConformsTo<'a>>,
    /// Names that a type does not have are errors instead of nothing.
    pub strict: bool,
}

impl<'a> Context<'a> {
    pub fn new(resource: &'a Value, now: Instant) -> Self {
        Context {
            resource,
            root: resource,
            now,
            offset_minutes: 0,
            variables: &[],
            resolve: None,
            member_of: None,
            conforms_to: None,
            strict: false,
        }
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    text: Box<str>,
    plan: plan::Plan,
}

impl Expression {
    pub fn parse(text: &str) -> Result<Expression, PathError> {
        Ok(Expression { text: text.into(), plan: parser::parse(text)? })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it gives for a resource.
    pub fn evaluate<'a>(&'a self, context: &Context<'a>) -> Result<Vec<Item<'a>>, EvaluationError> {
        self.evaluate_on(Item::Node(Node::root(context.resource)), context)
    }

    /// What it gives for an element of the context's resource.
    pub fn evaluate_on<'a>(
        &'a self,
        focus: Item<'a>,
        context: &Context<'a>,
    ) -> Result<Vec<Item<'a>>, EvaluationError> {
        if context.strict {
            strict::check(&self.plan)?;
        }
        evaluate::run(&self.plan, focus, context)
    }

    /// As a condition: nothing is `None`; one item that is no boolean is true.
    pub fn evaluate_boolean<'a>(
        &'a self,
        focus: Item<'a>,
        context: &Context<'a>,
    ) -> Result<Option<bool>, EvaluationError> {
        evaluate::truth(&self.evaluate_on(focus, context)?)
    }
}

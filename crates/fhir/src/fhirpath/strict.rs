//! What a strict reader refuses before any run (FHIRPath N1, type safety and strict evaluation; ordered collections).

use super::EvaluationError;
use super::plan::{Function, Plan};
use crate::schema::TypeRef;

/// Finds names that a type just named does not have, and positions asked of what has no order.
pub(super) fn check(plan: &Plan) -> Result<(), EvaluationError> {
    match plan {
        Plan::Member { of, name, .. } => {
            if let Plan::As { name: of_type, .. } | Plan::OfType { name: of_type, .. } = &**of
                && let Some(content) = TypeRef::of(of_type.name())
                && content.child(name).is_none()
            {
                return Err(EvaluationError::mismatch("the type has no element of this name"));
            }
            check(of)
        }
        Plan::At { of, index } => {
            ordered(of)?;
            check(of)?;
            check(index)
        }
        Plan::Call { of, function, arguments } => {
            if matches!(
                function,
                Function::First | Function::Last | Function::Tail | Function::Skip | Function::Take
            ) {
                ordered(of)?;
            }
            check(of)?;
            arguments.iter().try_for_each(check)
        }
        Plan::Negative(of) | Plan::Positive(of) => check(of),
        Plan::Binary { left, right, .. } => {
            check(left)?;
            check(right)
        }
        Plan::Is { of, .. } | Plan::As { of, .. } | Plan::OfType { of, .. } | Plan::RefersTo { of, .. } => {
            check(of)
        }
        Plan::Focus
        | Plan::This
        | Plan::Index
        | Plan::Total
        | Plan::Empty
        | Plan::Literal(_)
        | Plan::Variable(_) => Ok(()),
    }
}

fn ordered(of: &Plan) -> Result<(), EvaluationError> {
    match of {
        Plan::Call { function: Function::Children | Function::Descendants, .. } => {
            Err(EvaluationError::mismatch("children and descendants have no order"))
        }
        _ => Ok(()),
    }
}

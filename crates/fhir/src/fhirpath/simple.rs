//! Paths that need no evaluator: the form of nearly all search parameters (FHIR R4, searchparameter.html, expression).

use super::item::Item;
use super::plan::{Function, Operator, Plan};
use super::{Expression, PathError};

/// One step of a plain path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SimpleStep {
    /// `%resource`, at the beginning.
    Root,
    Name(Box<str>),
    /// `as`, `ofType`.
    OfType(Box<str>),
    /// `[0]`.
    First,
    /// `where(field = 'text')`.
    WhereEquals(Box<str>, Box<str>),
    /// `where(resolve() is Type)`.
    RefersTo(Box<str>),
}

/// The alternatives of a union of plain paths, each a list of steps (none for `$this`); nothing where any is not plain.
pub(crate) fn simple_paths(text: &str) -> Result<Option<Vec<Vec<SimpleStep>>>, PathError> {
    let expression = Expression::parse(text)?;
    let mut all = Vec::new();
    Ok(collect(&expression.plan, &mut all).map(|()| all))
}

fn collect(plan: &Plan, all: &mut Vec<Vec<SimpleStep>>) -> Option<()> {
    if let Plan::Binary { operator: Operator::Union, left, right } = plan {
        collect(left, all)?;
        return collect(right, all);
    }
    let mut steps = Vec::new();
    flatten(plan, &mut steps)?;
    all.push(steps);
    Some(())
}

fn flatten(plan: &Plan, steps: &mut Vec<SimpleStep>) -> Option<()> {
    match plan {
        Plan::Focus | Plan::This => Some(()),
        Plan::Variable(name) => (**name == *"resource").then(|| steps.push(SimpleStep::Root)),
        Plan::Member { of, name, .. } => {
            flatten(of, steps)?;
            steps.push(SimpleStep::Name(name.clone()));
            Some(())
        }
        Plan::As { of, name } | Plan::OfType { of, name } => {
            flatten(of, steps)?;
            steps.push(SimpleStep::OfType(name.name().into()));
            Some(())
        }
        Plan::At { of, index } => {
            flatten(of, steps)?;
            matches!(**index, Plan::Literal(Item::Integer(0))).then(|| steps.push(SimpleStep::First))
        }
        Plan::Call { of, function: Function::Where, arguments } => {
            flatten(of, steps)?;
            steps.push(criterion(arguments.first()?)?);
            Some(())
        }
        _ => None,
    }
}

fn criterion(plan: &Plan) -> Option<SimpleStep> {
    match plan {
        Plan::RefersTo { of, name } if matches!(**of, Plan::Focus) => {
            Some(SimpleStep::RefersTo(name.name().into()))
        }
        Plan::Binary { operator: Operator::Equal, left, right } => match (&**left, &**right) {
            (Plan::Member { of, name, .. }, Plan::Literal(Item::String(text)))
                if matches!(**of, Plan::Focus) =>
            {
                Some(SimpleStep::WhereEquals(name.clone(), text.as_ref().into()))
            }
            _ => None,
        },
        _ => None,
    }
}

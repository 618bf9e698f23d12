//! Runs a plan: paths, operators, types (FHIRPath N1, path selection, operators). Functions are in [`super::functions`].

use super::compare::{amount, equal, is_equivalent, number, order, unordered};
use super::item::{Item, Node};
use super::plan::{Operator, Plan};
use super::quantity::{Quantity, Unit};
use super::temporal::{CalendarUnit, Temporal};
use super::types::TypeName;
use super::{Context, EvaluationError, STEPS_MAX, TEXT_BYTES_MAX};
use crate::schema;
use std::borrow::Cow;
use std::cell::Cell;

pub(super) type Items<'a> = Vec<Item<'a>>;
pub(super) type Run<T> = Result<T, EvaluationError>;

/// What `$this`, `$index` and `$total` are now.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub this: &'s [Item<'a>],
    pub index: Option<usize>,
    pub total: &'s [Item<'a>],
}

pub(super) struct Evaluator<'e, 'a> {
    pub context: &'e Context<'a>,
    pub focus: Item<'a>,
    steps: Cell<usize>,
}

pub(super) fn run<'a>(plan: &'a Plan, focus: Item<'a>, context: &Context<'a>) -> Run<Items<'a>> {
    let evaluator = Evaluator { context, focus: focus.clone(), steps: Cell::new(0) };
    let this = [focus];
    evaluator.items(plan, Scope { this: &this, index: None, total: &[] })
}

/// A collection as a condition.
pub(super) fn truth(items: &[Item<'_>]) -> Run<Option<bool>> {
    match items {
        [] => Ok(None),
        [one] => Ok(Some(match one.plain() {
            Item::Boolean(b) => b,
            _ => true,
        })),
        _ => Err(EvaluationError::mismatch("one boolean is expected, not several items")),
    }
}

pub(super) fn boolean<'a>(value: Option<bool>) -> Items<'a> {
    value.map(Item::Boolean).into_iter().collect()
}

/// At most one item.
pub(super) fn single<'i, 'a>(items: &'i [Item<'a>]) -> Run<Option<&'i Item<'a>>> {
    match items {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(EvaluationError::mismatch("one item is expected, not several")),
    }
}

impl<'a> Evaluator<'_, 'a> {
    /// Counts work, and ends a run that does too much.
    pub fn spend(&self, steps: usize) -> Run<()> {
        let spent = self.steps.get().saturating_add(steps);
        self.steps.set(spent);
        if spent > STEPS_MAX {
            return Err(EvaluationError::too_costly("the expression takes too many steps"));
        }
        Ok(())
    }

    pub fn items(&self, plan: &'a Plan, scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        self.spend(1)?;
        match plan {
            Plan::Focus | Plan::This => {
                self.spend(scope.this.len())?;
                Ok(scope.this.to_vec())
            }
            Plan::Index => {
                Ok(scope.index.and_then(|i| i64::try_from(i).ok()).map(Item::Integer).into_iter().collect())
            }
            Plan::Total => Ok(scope.total.to_vec()),
            Plan::Empty => Ok(Vec::new()),
            Plan::Literal(item) => Ok(vec![match item {
                Item::String(text) => Item::String(Cow::Borrowed(text)),
                item => item.clone(),
            }]),
            Plan::Variable(name) => self.variable(name),
            Plan::Member { of, name, first } => self.member(of, name, *first, scope),
            Plan::At { of, index } => {
                let mut items = self.items(of, scope)?;
                let index = self.items(index, scope)?;
                match single(&index)?.map(Item::plain) {
                    None => Ok(Vec::new()),
                    Some(Item::Integer(at)) => match usize::try_from(at) {
                        Ok(at) if at < items.len() => Ok(vec![items.swap_remove(at)]),
                        _ => Ok(Vec::new()),
                    },
                    Some(_) => Err(EvaluationError::mismatch("an index must be an integer")),
                }
            }
            Plan::Call { of, function, arguments } => self.call(of, *function, arguments, scope),
            Plan::Positive(of) => self.signed(of, false, scope),
            Plan::Negative(of) => self.signed(of, true, scope),
            Plan::Binary { operator, left, right } => self.binary(*operator, left, right, scope),
            Plan::Is { of, name } => {
                let items = self.items(of, scope)?;
                Ok(boolean(single(&items)?.map(|item| name.includes(item))))
            }
            Plan::As { of, name } => {
                let mut items = self.items(of, scope)?;
                if items.len() > 1 {
                    return Err(EvaluationError::mismatch("as takes one item"));
                }
                items.retain(|item| name.selects(item));
                Ok(items)
            }
            Plan::OfType { of, name } => {
                let mut items = self.items(of, scope)?;
                items.retain(|item| name.selects(item));
                Ok(items)
            }
            Plan::RefersTo { of, name } => {
                let items = self.items(of, scope)?;
                Ok(boolean(single(&items)?.and_then(|item| self.refers_to(item, name))))
            }
        }
    }

    fn member(&self, of: &'a Plan, name: &str, first: bool, scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        let owned;
        let items = match of {
            Plan::Focus => scope.this,
            of => {
                owned = self.items(of, scope)?;
                &owned
            }
        };
        if first
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && let Some(items) = self.typed_start(items, name)?
        {
            return Ok(items);
        }
        let mut out = Vec::with_capacity(items.len());
        let (mut nodes, mut without) = (0, 0);
        for item in items {
            match item {
                Item::Node(node) => {
                    nodes += 1;
                    without += usize::from(!node.children_named(name, &mut out));
                }
                Item::Type { space, name: type_name } => match name {
                    "namespace" => out.push(Item::String(Cow::Borrowed(space))),
                    "name" => out.push(Item::String(Cow::Borrowed(type_name))),
                    _ => {}
                },
                Item::Quantity(q) => match name {
                    "value" => out.push(Item::Decimal(q.value)),
                    "unit" | "code" => out.push(Item::String(match &q.unit {
                        Unit::Ucum(code) | Unit::Other(code) => Cow::Owned(code.to_string()),
                        Unit::Calendar(unit) => Cow::Borrowed(unit.word()),
                    })),
                    _ => {}
                },
                _ => {}
            }
        }
        // Children of several types may be asked for what only some have.
        if self.context.strict && nodes > 0 && without == nodes {
            return Err(EvaluationError::mismatch("the type has no element of this name"));
        }
        self.spend(items.len() + out.len())?;
        Ok(out)
    }

    /// `Patient.name`: a path may begin with the type of what it is asked of.
    fn typed_start(&self, items: &[Item<'a>], name: &str) -> Run<Option<Items<'a>>> {
        let Some(type_name) = schema::structure(name).and_then(|_| TypeName::new("FHIR", name)) else {
            return Ok(None);
        };
        let fitting: Items<'a> = items.iter().filter(|i| type_name.includes(i)).cloned().collect();
        if fitting.is_empty() && !items.is_empty() && self.context.strict {
            return Err(EvaluationError::mismatch("the path begins with another type"));
        }
        Ok(Some(fitting))
    }

    fn variable(&self, name: &str) -> Run<Items<'a>> {
        if let Some((_, items)) = self.context.variables.iter().find(|(n, _)| *n == name) {
            return Ok(items.clone());
        }
        let text = |text: String| Ok(vec![Item::String(Cow::Owned(text))]);
        match name {
            "context" => Ok(vec![self.focus.clone()]),
            "resource" => Ok(vec![Item::Node(Node::root(self.context.resource))]),
            "rootResource" => Ok(vec![Item::Node(Node::root(self.context.root))]),
            "ucum" => text("http://unitsofmeasure.org".to_owned()),
            "sct" => text("http://snomed.info/sct".to_owned()),
            "loinc" => text("http://loinc.org".to_owned()),
            _ => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                (Some(name), _) => text(format!("http://hl7.org/fhir/ValueSet/{name}")),
                (_, Some(name)) => text(format!("http://hl7.org/fhir/StructureDefinition/{name}")),
                _ => Err(EvaluationError::mismatch("an unknown variable")),
            },
        }
    }

    fn signed(&self, of: &'a Plan, negative: bool, scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        let items = self.items(of, scope)?;
        let Some(item) = single(&items)?.map(Item::plain) else { return Ok(Vec::new()) };
        let signed = match item {
            Item::Integer(n) if negative => Item::Integer(n.checked_neg().unwrap_or(n)),
            Item::Decimal(d) if negative => Item::Decimal(d.negated()),
            Item::Quantity(q) if negative => {
                Item::Quantity(Box::new(Quantity::new(q.value.negated(), q.unit.clone())))
            }
            item @ (Item::Integer(_) | Item::Decimal(_) | Item::Quantity(_)) => item,
            _ => return Err(EvaluationError::mismatch("a sign needs a number")),
        };
        Ok(vec![signed])
    }

    fn binary(
        &self,
        operator: Operator,
        left: &'a Plan,
        right: &'a Plan,
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        use Operator as O;
        if let O::And | O::Or | O::Xor | O::Implies = operator {
            return self.logic(operator, left, right, scope);
        }
        let left = self.items(left, scope)?;
        let right = self.items(right, scope)?;
        match operator {
            O::Union => self.union(left, right),
            O::Equal => Ok(boolean(self.all_equal(&left, &right)?)),
            O::NotEqual => Ok(boolean(self.all_equal(&left, &right)?.map(|e| !e))),
            O::Equivalent | O::NotEquivalent => {
                self.spend(left.len() * right.len())?;
                let same = unordered(&left, &right, is_equivalent);
                Ok(boolean(Some(same == (operator == O::Equivalent))))
            }
            O::In => self.membership(&left, &right),
            O::Contains => self.membership(&right, &left),
            O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual => {
                let (Some(a), Some(b)) = (single(&left)?, single(&right)?) else { return Ok(Vec::new()) };
                let order = order(a, b)?;
                Ok(boolean(order.map(|order| match operator {
                    O::Less => order.is_lt(),
                    O::LessOrEqual => order.is_le(),
                    O::Greater => order.is_gt(),
                    _ => order.is_ge(),
                })))
            }
            O::Concatenate => {
                let part = |items: &[Item<'a>]| -> Run<String> {
                    match single(items)?.map(Item::plain) {
                        None => Ok(String::new()),
                        Some(Item::String(s)) => Ok(s.into_owned()),
                        Some(_) => Err(EvaluationError::mismatch("& joins texts")),
                    }
                };
                self.text(part(&left)? + &part(&right)?)
            }
            _ => {
                let (Some(a), Some(b)) = (single(&left)?, single(&right)?) else { return Ok(Vec::new()) };
                self.arithmetic(operator, &a.plain(), &b.plain())
            }
        }
    }

    /// Three-valued logic; the right side is not looked at where the left decides.
    fn logic(
        &self,
        operator: Operator,
        left: &'a Plan,
        right: &'a Plan,
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        let a = truth(&self.items(left, scope)?)?;
        match (operator, a) {
            (Operator::And, Some(false)) => return Ok(boolean(Some(false))),
            (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => return Ok(boolean(Some(true))),
            _ => {}
        }
        let b = truth(&self.items(right, scope)?)?;
        Ok(boolean(match (operator, a, b) {
            (Operator::And, _, Some(false)) => Some(false),
            (Operator::And, Some(true), Some(true)) => Some(true),
            (Operator::Or | Operator::Implies, _, Some(true)) => Some(true),
            (Operator::Or, Some(false), Some(false)) => Some(false),
            (Operator::Xor, Some(a), Some(b)) => Some(a != b),
            (Operator::Implies, Some(true), b) => b,
            _ => None,
        }))
    }

    pub fn all_equal(&self, left: &[Item<'a>], right: &[Item<'a>]) -> Run<Option<bool>> {
        if left.is_empty() || right.is_empty() {
            return Ok(None);
        }
        if left.len() != right.len() {
            return Ok(Some(false));
        }
        self.spend(left.len())?;
        let mut open = false;
        for (a, b) in left.iter().zip(right) {
            match equal(a, b) {
                Some(false) => return Ok(Some(false)),
                None => open = true,
                Some(true) => {}
            }
        }
        Ok(if open { None } else { Some(true) })
    }

    pub fn has(&self, items: &[Item<'a>], wanted: &Item<'a>) -> Run<bool> {
        self.spend(items.len())?;
        Ok(items.iter().any(|item| equal(item, wanted) == Some(true)))
    }

    fn membership(&self, one: &[Item<'a>], items: &[Item<'a>]) -> Run<Items<'a>> {
        match single(one)? {
            None => Ok(Vec::new()),
            Some(one) => Ok(boolean(Some(self.has(items, one)?))),
        }
    }

    /// Both without duplicates.
    pub fn union(&self, left: Items<'a>, right: Items<'a>) -> Run<Items<'a>> {
        let mut out: Items<'a> = Vec::with_capacity(left.len() + right.len());
        for item in left.into_iter().chain(right) {
            if !self.has(&out, &item)? {
                out.push(item);
            }
        }
        Ok(out)
    }

    pub fn text(&self, text: String) -> Run<Items<'a>> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(EvaluationError::too_costly("a computed text is too long"));
        }
        self.spend(text.len() / 64)?;
        Ok(vec![Item::String(Cow::Owned(text))])
    }

    fn arithmetic(&self, operator: Operator, a: &Item<'a>, b: &Item<'a>) -> Run<Items<'a>> {
        use Operator as O;
        match (operator, a, b) {
            (O::Plus, Item::String(a), Item::String(b)) => return self.text(format!("{a}{b}")),
            (O::Plus | O::Minus, Item::Temporal(t), Item::Quantity(q)) => {
                return moved(t, q, operator == O::Minus)
                    .map(|t| t.map(Item::Temporal).into_iter().collect());
            }
            (_, Item::Integer(a), Item::Integer(b)) if operator != O::Divide => {
                let result = match operator {
                    O::Plus => a.checked_add(*b),
                    O::Minus => a.checked_sub(*b),
                    O::Multiply => a.checked_mul(*b),
                    O::Div => a.checked_div(*b),
                    _ => a.checked_rem(*b),
                };
                return Ok(result.map(Item::Integer).into_iter().collect());
            }
            _ => {}
        }
        if let (Some(a), Some(b)) = (number(a), number(b)) {
            let result = match operator {
                O::Plus => a.plus(b),
                O::Minus => a.subtract(b),
                O::Multiply => a.multiply(b),
                O::Divide => a.divide(b),
                O::Div => {
                    let whole = a.whole_quotient(b).and_then(|w| w.to_integer());
                    return Ok(whole.map(Item::Integer).into_iter().collect());
                }
                _ => a.remainder(b),
            };
            return Ok(result.map(Item::Decimal).into_iter().collect());
        }
        let quantities = matches!((a, b), (Item::Quantity(_), _) | (_, Item::Quantity(_)));
        let (Some(x), Some(y), true) = (amount(a), amount(b), quantities) else {
            return Err(EvaluationError::mismatch("the two values have no such arithmetic"));
        };
        let result = match operator {
            O::Plus | O::Minus => x.plus(&y, operator == O::Minus),
            O::Multiply => x.multiply(&y, false),
            O::Divide => x.multiply(&y, true),
            _ => return Err(EvaluationError::mismatch("quantities have no such arithmetic")),
        };
        Ok(result.map(|q| Item::Quantity(Box::new(q))).into_iter().collect())
    }

    /// Whether a reference points to a type; nothing where neither its text, its `type` nor the resolver tells.
    fn refers_to(&self, item: &Item<'a>, name: &TypeName) -> Option<bool> {
        let text = reference_text(item)?;
        if let Some(kind) = kind_of_reference(&text) {
            return Some(name.covers(kind));
        }
        if let Item::Node(node) = item
            && let Some(kind) = node.value().get("type").as_str()
            && schema::is_resource_type(kind)
        {
            return Some(name.covers(kind));
        }
        self.resolved(&text).map(|found| name.covers(found.resource_type()))
    }

    /// A contained resource, or what the context's resolver finds.
    pub fn resolved(&self, reference: &str) -> Option<&'a crate::Value> {
        if let Some(id) = reference.strip_prefix('#') {
            let within = |holder: &'a crate::Value| {
                if id.is_empty() {
                    return Some(holder);
                }
                holder.get("contained").items().iter().find(|c| c.id() == id)
            };
            return within(self.context.resource).or_else(|| within(self.context.root));
        }
        self.context.resolve.and_then(|resolve| resolve(reference))
    }
}

/// The text of a Reference, canonical, uri or string.
pub(super) fn reference_text(item: &Item<'_>) -> Option<String> {
    match item {
        Item::Node(node) if node.value().as_object().is_some() => {
            node.value().get("reference").as_str().map(str::to_owned)
        }
        item => match item.plain() {
            Item::String(s) => Some(s.into_owned()),
            _ => None,
        },
    }
}

/// The type in `Patient/1`, `https://host/fhir/Patient/1`, `Patient/1/_history/2`.
pub(super) fn kind_of_reference(text: &str) -> Option<&str> {
    let mut parts = text.split('#').next()?.rsplit('/');
    let last = parts.next()?;
    let mut kind = parts.next()?;
    if kind == "_history" {
        parts.next()?;
        kind = parts.next()?;
    }
    (schema::is_resource_type(kind) && !last.is_empty()).then_some(kind)
}

/// A date or time and an amount of time. UCUM's mean months and years are refused: they are no calendar durations.
fn moved(t: &Temporal, q: &Quantity, back: bool) -> Run<Option<Temporal>> {
    let unit = match &q.unit {
        Unit::Calendar(unit) => Some(*unit),
        Unit::Ucum(code) => match &**code {
            "wk" => Some(CalendarUnit::Week),
            "d" => Some(CalendarUnit::Day),
            "h" => Some(CalendarUnit::Hour),
            "min" => Some(CalendarUnit::Minute),
            "s" => Some(CalendarUnit::Second),
            "ms" => Some(CalendarUnit::Millisecond),
            _ => None,
        },
        Unit::Other(_) => None,
    };
    let Some(unit) = unit else { return Err(EvaluationError::mismatch("not a unit of calendar time")) };
    let Some(count) = q.value.truncated().to_integer() else { return Ok(None) };
    Ok(t.plus(if back { -count } else { count }, unit))
}

//! From text to plan (FHIRPath N1, grammar), by precedence climbing with limits on length and depth.

use super::PathError;
use super::item::Item;
use super::lexer::{Token, Word, words};
use super::plan::{Function, Operator, Plan};
use super::quantity::{Quantity, Unit};
use super::temporal::CalendarUnit;
use super::types::TypeName;
use std::borrow::Cow;

/// A longer expression is refused.
pub const EXPRESSION_BYTES_MAX: usize = 65_536;
/// Brackets in brackets.
pub const NESTING_MAX: usize = 60;
/// Steps of the longest way through the plan: `a.b.c` is three, `1 + 2 + 3` two.
pub const DEPTH_MAX: usize = 400;

/// A plan with the length of its longest way.
type Built = (Plan, usize);
type Step<T> = Result<T, PathError>;

pub(super) fn parse(text: &str) -> Step<Plan> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(PathError {
            position: EXPRESSION_BYTES_MAX,
            what: "the expression is too long".to_owned(),
        });
    }
    let words = words(text)?;
    let mut parser = Parser { words, at: 0, nesting: 0 };
    let (plan, _) = parser.expression(0)?;
    match parser.word() {
        Word::End => Ok(plan),
        _ => Err(parser.error("something follows the expression")),
    }
}

struct Parser {
    words: Vec<Token>,
    at: usize,
    nesting: usize,
}

/// What stands between two operands, with how strongly it binds.
enum Infix {
    Binary(Operator),
    Is,
    As,
}

fn infix(word: &Word) -> Option<(Infix, u8)> {
    use Operator as O;
    let (operator, strength) = match word {
        Word::Sign(sign) => match *sign {
            "*" => (O::Multiply, 10),
            "/" => (O::Divide, 10),
            "+" => (O::Plus, 9),
            "-" => (O::Minus, 9),
            "&" => (O::Concatenate, 9),
            "|" => (O::Union, 7),
            "<" => (O::Less, 6),
            "<=" => (O::LessOrEqual, 6),
            ">" => (O::Greater, 6),
            ">=" => (O::GreaterOrEqual, 6),
            "=" => (O::Equal, 5),
            "!=" => (O::NotEqual, 5),
            "~" => (O::Equivalent, 5),
            "!~" => (O::NotEquivalent, 5),
            _ => return None,
        },
        Word::Name(name) => match name.as_str() {
            "div" => (O::Div, 10),
            "mod" => (O::Mod, 10),
            "is" => return Some((Infix::Is, 8)),
            "as" => return Some((Infix::As, 8)),
            "in" => (O::In, 4),
            "contains" => (O::Contains, 4),
            "and" => (O::And, 3),
            "xor" => (O::Xor, 2),
            "or" => (O::Or, 2),
            "implies" => (O::Implies, 1),
            _ => return None,
        },
        _ => return None,
    };
    Some((Infix::Binary(operator), strength))
}

impl Parser {
    fn word(&self) -> &Word {
        &self.words[self.at.min(self.words.len() - 1)].word
    }
    fn error(&self, what: impl Into<String>) -> PathError {
        PathError { position: self.words[self.at.min(self.words.len() - 1)].at, what: what.into() }
    }
    fn take(&mut self) -> Word {
        let word = self.word().clone();
        if word != Word::End {
            self.at += 1;
        }
        word
    }
    fn takes(&mut self, sign: &str) -> bool {
        let there = matches!(self.word(), Word::Sign(s) if *s == sign);
        if there {
            self.at += 1;
        }
        there
    }
    fn expect(&mut self, sign: &'static str) -> Step<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.error(format!("expected {sign}"))) }
    }
    fn deeper(&self, depth: usize) -> Step<usize> {
        if depth >= DEPTH_MAX { Err(self.error("the expression is too deep")) } else { Ok(depth + 1) }
    }

    fn expression(&mut self, least: u8) -> Step<Built> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(self.error("brackets are nested too deeply"));
        }
        let (mut left, mut depth) = self.prefixed()?;
        while let Some((infix, strength)) = infix(self.word()) {
            if strength < least.max(1) {
                break;
            }
            self.at += 1;
            match infix {
                Infix::Is | Infix::As => {
                    depth = self.deeper(depth)?;
                    let name = self.type_name()?;
                    left = if matches!(infix, Infix::Is) { is(left, name) } else { as_type(left, name) };
                }
                Infix::Binary(operator) => {
                    let (right, right_depth) = self.expression(strength + 1)?;
                    depth = self.deeper(depth.max(right_depth))?;
                    left = Plan::Binary { operator, left: Box::new(left), right: Box::new(right) };
                }
            }
        }
        self.nesting -= 1;
        Ok((left, depth))
    }

    fn prefixed(&mut self) -> Step<Built> {
        let mut signs = Vec::new();
        while let Word::Sign(sign @ ("-" | "+")) = self.word() {
            signs.push(*sign);
            self.at += 1;
        }
        let (mut plan, mut depth) = self.path()?;
        for sign in signs.into_iter().rev() {
            depth = self.deeper(depth)?;
            plan = if sign == "-" { Plan::Negative(Box::new(plan)) } else { Plan::Positive(Box::new(plan)) };
        }
        Ok((plan, depth))
    }

    /// A term with everything that follows it by points and square brackets.
    fn path(&mut self) -> Step<Built> {
        let (mut plan, mut depth) = self.term()?;
        loop {
            if self.takes(".") {
                depth = self.deeper(depth)?;
                let (next, next_depth) = self.invocation(plan, false)?;
                plan = next;
                depth = depth.max(next_depth);
            } else if self.takes("[") {
                let (index, index_depth) = self.expression(0)?;
                self.expect("]")?;
                depth = self.deeper(depth.max(index_depth))?;
                plan = Plan::At { of: Box::new(plan), index: Box::new(index) };
            } else {
                return Ok((plan, depth));
            }
        }
    }

    fn term(&mut self) -> Step<Built> {
        let literal = |item| Ok((Plan::Literal(item), 1));
        match self.word().clone() {
            Word::Sign("(") => {
                self.at += 1;
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Word::Sign("{") => {
                self.at += 1;
                self.expect("}")?;
                Ok((Plan::Empty, 1))
            }
            Word::Text(text) => {
                self.at += 1;
                literal(Item::String(Cow::Owned(text)))
            }
            Word::Temporal(temporal) => {
                self.at += 1;
                literal(Item::Temporal(temporal))
            }
            Word::Number(number, pointed) => {
                self.at += 1;
                if let Some(unit) = self.unit() {
                    return literal(Item::Quantity(Box::new(Quantity::new(number, unit))));
                }
                match number.to_integer() {
                    Some(integer) if !pointed => literal(Item::Integer(integer)),
                    _ => literal(Item::Decimal(number)),
                }
            }
            Word::Name(name) if matches!(name.as_str(), "true" | "false") => {
                self.at += 1;
                literal(Item::Boolean(name == "true"))
            }
            Word::Percent(name) if !name.is_empty() => {
                self.at += 1;
                Ok((Plan::Variable(name.into()), 1))
            }
            _ => self.invocation(Plan::Focus, true),
        }
    }

    /// The unit that follows a number.
    fn unit(&mut self) -> Option<Unit> {
        let unit = match self.word() {
            Word::Text(text) => match CalendarUnit::of(text) {
                Some(unit) => Unit::Calendar(unit),
                None => Unit::ucum(text),
            },
            Word::Name(name) => Unit::Calendar(CalendarUnit::of(name)?),
            _ => return None,
        };
        self.at += 1;
        Some(unit)
    }

    /// A member, a function or a `$` word, asked of what stands before.
    fn invocation(&mut self, of: Plan, first: bool) -> Step<Built> {
        let name = match self.take() {
            Word::Dollar(name) => {
                return match (name.as_str(), first) {
                    ("this", true) => Ok((Plan::This, 1)),
                    ("index", true) => Ok((Plan::Index, 1)),
                    ("total", true) => Ok((Plan::Total, 1)),
                    _ => {
                        self.at -= 1;
                        Err(self.error("$this, $index or $total may stand only at the start of a path"))
                    }
                };
            }
            Word::Name(name)
                if !matches!(name.as_str(), "div" | "mod" | "and" | "or" | "xor" | "implies") =>
            {
                name
            }
            Word::Quoted(name) => return Ok((member(of, name, first), 1)),
            word => {
                self.at -= usize::from(word != Word::End);
                return Err(self.error("expected a name or a value"));
            }
        };
        if !matches!(self.word(), Word::Sign("(")) {
            return Ok((member(of, name, first), 1));
        }
        let name_at = self.at - 1;
        self.at += 1;
        match name.as_str() {
            "is" | "as" | "ofType" => {
                let type_name = self.type_name()?;
                self.expect(")")?;
                let plan = match name.as_str() {
                    "is" => is(of, type_name),
                    "as" => as_type(of, type_name),
                    _ => Plan::OfType { of: Box::new(of), name: type_name },
                };
                return Ok((plan, 1));
            }
            _ => {}
        }
        let Some((function, least, most)) = Function::of(&name) else {
            self.at = name_at;
            return Err(self.error("an unknown function"));
        };
        let mut arguments = Vec::new();
        let mut depth = 1;
        if !self.takes(")") {
            loop {
                let (argument, argument_depth) = self.expression(0)?;
                depth = depth.max(self.deeper(argument_depth)?);
                arguments.push(argument);
                if !self.takes(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        if !(least..=most).contains(&arguments.len()) {
            self.at = name_at;
            return Err(self.error(format!("{name} takes {least} to {most} arguments")));
        }
        Ok((Plan::Call { of: Box::new(of), function, arguments }, depth))
    }

    fn type_name(&mut self) -> Step<TypeName> {
        let at = self.at;
        let part = |parser: &mut Self| match parser.take() {
            Word::Name(name) | Word::Quoted(name) => Some(name),
            _ => None,
        };
        let bracketed = self.takes("(");
        let first = part(self);
        let second = if first.is_some() && self.takes(".") { part(self) } else { None };
        let name = match (first, second) {
            (Some(space), Some(name)) => TypeName::new(&space, &name),
            (Some(name), None) => TypeName::new("", &name),
            _ => None,
        };
        match name {
            Some(name) if !bracketed || self.takes(")") => Ok(name),
            _ => {
                self.at = at;
                Err(self.error("an unknown type"))
            }
        }
    }
}

fn member(of: Plan, name: String, first: bool) -> Plan {
    Plan::Member { of: Box::new(of), name: name.into(), first }
}

fn is(of: Plan, name: TypeName) -> Plan {
    match of {
        Plan::Call { of, function: Function::Resolve, .. } => Plan::RefersTo { of, name },
        of => Plan::Is { of: Box::new(of), name },
    }
}

fn as_type(of: Plan, name: TypeName) -> Plan {
    Plan::As { of: Box::new(of), name }
}

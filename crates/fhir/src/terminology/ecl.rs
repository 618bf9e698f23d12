//! Simple expression constraints of SNOMED CT: hierarchy operators, members of reference sets, and their combinations
//! (SNOMED CT Expression Constraint Language 2.2, section 6.1 to 6.3). Refinements by attributes are refused.

use super::code_system::{At, CodeSystem};
use super::strings::Bits;
use badiano_kernel::Fault;

/// Brackets in brackets.
const DEPTH_MAX: usize = 20;
/// Bytes of one constraint.
const BYTES_MAX: usize = 64 << 10;
/// The property under which the reference sets of a concept are kept.
pub const REFSET: &str = "refset";

#[derive(Debug)]
pub(crate) enum Constraint {
    Any,
    Is(Box<str>),
    Below(Box<Constraint>, bool),
    Children(Box<Constraint>, bool),
    Above(Box<Constraint>, bool),
    Parents(Box<Constraint>, bool),
    Member(Box<str>),
    And(Vec<Constraint>),
    Or(Vec<Constraint>),
    Minus(Box<Constraint>, Box<Constraint>),
}

impl Constraint {
    pub fn parse(text: &str) -> Result<Constraint, Fault> {
        if text.len() > BYTES_MAX {
            return Err(Fault::too_costly("the expression constraint is too long"));
        }
        let mut reader = Reader { rest: text };
        let constraint = reader.combined(0)?;
        reader.skip();
        if reader.rest.is_empty() { Ok(constraint) } else { Err(reader.wrong()) }
    }

    pub fn holds(&self, system: &CodeSystem, at: At) -> bool {
        match self {
            Constraint::Any => true,
            Constraint::Is(code) => system.code(at) == &**code,
            Constraint::Member(set) => system.property_values(at, REFSET).any(|v| v == &**set),
            Constraint::And(all) => all.iter().all(|one| one.holds(system, at)),
            Constraint::Or(any) => any.iter().any(|one| one.holds(system, at)),
            Constraint::Minus(a, b) => a.holds(system, at) && !b.holds(system, at),
            Constraint::Below(of, own) => {
                (*own && of.holds(system, at)) || system.ancestors(at).iter().any(|a| of.holds(system, *a))
            }
            Constraint::Children(of, own) => {
                (*own && of.holds(system, at)) || system.parents.get(at).iter().any(|a| of.holds(system, *a))
            }
            Constraint::Above(..) | Constraint::Parents(..) => self.all(system).has(at),
        }
    }

    pub fn all(&self, system: &CodeSystem) -> Bits {
        let size = system.len();
        let union = |from: Bits, step: &dyn Fn(At, &mut Bits), own: bool| {
            let mut found = if own { from.clone() } else { Bits::none(size) };
            from.iter().for_each(|at| step(at, &mut found));
            found
        };
        match self {
            Constraint::Any => Bits::all(size),
            Constraint::Is(code) => {
                let mut found = Bits::none(size);
                system.find(code).into_iter().for_each(|at| {
                    found.add(at);
                });
                found
            }
            Constraint::Member(_) => {
                let mut found = Bits::none(size);
                (0..size).filter(|at| self.holds(system, *at)).for_each(|at| {
                    found.add(at);
                });
                found
            }
            Constraint::And(all) => all.iter().fold(Bits::all(size), |mut found, one| {
                found.keep(&one.all(system));
                found
            }),
            Constraint::Or(any) => any.iter().fold(Bits::none(size), |mut found, one| {
                one.all(system).iter().for_each(|at| {
                    found.add(at);
                });
                found
            }),
            Constraint::Minus(a, b) => {
                let mut found = a.all(system);
                found.drop_all(&b.all(system));
                found
            }
            Constraint::Below(of, own) => {
                union(of.all(system), &|at, found| spread(&system.children, at, found), *own)
            }
            Constraint::Above(of, own) => {
                union(of.all(system), &|at, found| spread(&system.parents, at, found), *own)
            }
            Constraint::Children(of, own) => {
                union(of.all(system), &|at, found| next(&system.children, at, found), *own)
            }
            Constraint::Parents(of, own) => {
                union(of.all(system), &|at, found| next(&system.parents, at, found), *own)
            }
        }
    }
}

/// All that is reached and was not there yet. What is there as a beginning of its own spreads by itself.
fn spread(links: &super::strings::Lists, from: At, found: &mut Bits) {
    let mut open = vec![from];
    while let Some(one) = open.pop() {
        open.extend(links.get(one).iter().filter(|to| found.add(**to)));
    }
}

fn next(links: &super::strings::Lists, from: At, found: &mut Bits) {
    links.get(from).iter().for_each(|to| {
        found.add(*to);
    });
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn wrong(&self) -> Fault {
        if self.rest.starts_with([':', '{', '.']) {
            return Fault::not_supported("expression constraints with attributes are not offered");
        }
        Fault::invalid("the expression constraint cannot be read")
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self, word: &str) -> bool {
        self.skip();
        let is_here = self.rest.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word))
            && !self.rest[word.len()..].starts_with(|c: char| c.is_alphanumeric());
        if is_here {
            self.rest = &self.rest[word.len()..];
        }
        is_here
    }

    fn combined(&mut self, depth: usize) -> Result<Constraint, Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::too_costly("the expression constraint is nested too deeply"));
        }
        let first = self.one(depth)?;
        let mut parts = vec![first];
        if self.word("MINUS") {
            let first = parts.remove(0);
            return Ok(Constraint::Minus(Box::new(first), Box::new(self.one(depth)?)));
        }
        if self.word("OR") {
            parts.push(self.one(depth)?);
            while self.word("OR") {
                parts.push(self.one(depth)?);
            }
            return Ok(Constraint::Or(parts));
        }
        while self.word("AND") || self.take(",") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Constraint::And(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Constraint, Fault> {
        type Make = fn(Box<Constraint>, bool) -> Constraint;
        const SIGNS: [(&str, Make, bool); 8] = [
            ("<<!", Constraint::Children, true),
            ("<<", Constraint::Below, true),
            ("<!", Constraint::Children, false),
            ("<", Constraint::Below, false),
            (">>!", Constraint::Parents, true),
            (">>", Constraint::Above, true),
            (">!", Constraint::Parents, false),
            (">", Constraint::Above, false),
        ];
        for (sign, make, own) in SIGNS {
            if self.take(sign) {
                return Ok(make(Box::new(self.focus(depth)?), own));
            }
        }
        self.focus(depth)
    }

    fn focus(&mut self, depth: usize) -> Result<Constraint, Fault> {
        if self.take("(") {
            let inner = self.combined(depth + 1)?;
            return if self.take(")") { Ok(inner) } else { Err(self.wrong()) };
        }
        if self.take("*") {
            return Ok(Constraint::Any);
        }
        if self.take("^") {
            return Ok(Constraint::Member(self.code()?));
        }
        Ok(Constraint::Is(self.code()?))
    }

    /// A code, and the term between bars that may follow it.
    fn code(&mut self) -> Result<Box<str>, Fault> {
        self.skip();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.wrong());
        }
        let code = self.rest[..end].into();
        self.rest = &self.rest[end..];
        if self.take("|") {
            let (_, rest) =
                self.rest.split_once('|').ok_or_else(|| Fault::invalid("a term has no closing bar"))?;
            self.rest = rest;
        }
        Ok(code)
    }
}

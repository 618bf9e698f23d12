//! `_filter` (FHIR R4, search_filter.html): comparisons with `and`, `or`, `not` and brackets.

use super::own::Reading;
use super::parse::{Refusal, chain};
use super::query::{Filter, Modifier, Prefix, Test};
use super::test_value::{prefix_of, test, value};
use crate::schema::{SearchKind, SearchParam};
use badiano_kernel::Fault;

/// A longer expression is refused.
const BYTES_MAX: usize = 8192;
/// Brackets in brackets.
const NESTING_MAX: usize = 20;
/// Names in one path.
const PATH_MAX: usize = 5;

pub(super) fn parse<'t>(kind: &'t str, text: &'t str, reading: Reading<'t>) -> Result<Filter, Fault> {
    if text.len() > BYTES_MAX {
        return Err(Fault::too_costly("the expression is too long").at("_filter"));
    }
    let mut reader = Reader { text, at: 0, kind, reading, nesting: 0 };
    let filter = reader.any()?;
    reader.space();
    if reader.at < text.len() { Err(reader.fault("something follows the expression")) } else { Ok(filter) }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    kind: &'t str,
    reading: Reading<'t>,
    nesting: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }
    fn fault(&self, what: &str) -> Fault {
        Fault::invalid(format!("{what} (at {})", self.at)).at("_filter")
    }
    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }
    /// A word up to white space or a bracket.
    fn word(&mut self) -> &'t str {
        self.space();
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']'))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
    fn takes(&mut self, word: &str) -> bool {
        let before = self.at;
        if self.word() == word {
            return true;
        }
        self.at = before;
        false
    }
    fn takes_sign(&mut self, sign: char) -> bool {
        self.space();
        let there = self.rest().starts_with(sign);
        self.at += usize::from(there);
        there
    }

    /// `a or b`: `and` binds tighter.
    fn any(&mut self) -> Result<Filter, Fault> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(Fault::too_costly("brackets are nested too deeply").at("_filter"));
        }
        let mut any = vec![self.all()?];
        while self.takes("or") {
            any.push(self.all()?);
        }
        self.nesting -= 1;
        Ok(if any.len() == 1 { any.remove(0) } else { Filter::Any(any) })
    }

    fn all(&mut self) -> Result<Filter, Fault> {
        let mut all = vec![self.one()?];
        while self.takes("and") {
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::All(all) })
    }

    fn one(&mut self) -> Result<Filter, Fault> {
        if self.takes_sign('(') {
            let inner = self.any()?;
            return if self.takes_sign(')') { Ok(inner) } else { Err(self.fault("expected )")) };
        }
        let path = self.word();
        if path == "not" && self.takes_sign('(') {
            let inner = self.any()?;
            return if self.takes_sign(')') {
                Ok(Filter::Not(Box::new(inner)))
            } else {
                Err(self.fault("expected )"))
            };
        }
        if path.is_empty() {
            return Err(self.fault("expected a parameter"));
        }
        if self.rest().starts_with('[') {
            return Err(Fault::not_supported("paths with conditions in square brackets are not offered")
                .at("_filter"));
        }
        let operator = self.word();
        let (text, quoted) = self.value()?;
        let names: Vec<&str> = path.split('.').collect();
        if names.len() > PATH_MAX {
            return Err(Fault::too_costly("too many names in one path").at("_filter"));
        }
        self.compared(self.kind, &names, operator, &text, quoted)
            .map_err(|refusal| refusal.into_fault("an unknown search parameter").at("_filter"))
    }

    /// A value, and whether it stood in quotes.
    fn value(&mut self) -> Result<(String, bool), Fault> {
        self.space();
        if !self.takes_sign('"') {
            let word = self.word();
            return if word.is_empty() {
                Err(self.fault("expected a value"))
            } else {
                Ok((word.to_owned(), false))
            };
        }
        let mut out = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok((out, true));
                }
                '\\' => out.extend(chars.next().map(|(_, c)| c)),
                _ => out.push(c),
            }
        }
        Err(self.fault("a quoted text does not end"))
    }

    fn compared(
        &self,
        kind: &str,
        names: &[&str],
        operator: &str,
        text: &str,
        quoted: bool,
    ) -> Result<Filter, Refusal> {
        match names {
            [] => Err(Refusal::Unknown),
            [name] => {
                let definition = self.reading.asked(kind, name)?.ok_or(Refusal::Unknown)?;
                Ok(leaf(definition, operator, text, quoted, self.reading.zone())?)
            }
            [head, rest @ ..] => chain(kind, head, &rest.join("."), self.reading, &|target| {
                self.compared(target, rest, operator, text, quoted)
            }),
        }
    }
}

fn leaf(
    definition: &'static SearchParam,
    operator: &str,
    text: &str,
    quoted: bool,
    zone: &str,
) -> Result<Filter, Fault> {
    use SearchKind as K;
    let filter = |modifier, any_of| Filter::Param { param: definition.code.into(), modifier, any_of };
    let one = |modifier, test| Ok(filter(modifier, vec![test]));
    // In quotes nothing is escaped and nothing divides.
    let plain = if quoted { text.replace('\\', "\\\\").replace('|', "\\|") } else { text.to_owned() };
    let tested = || test(definition, Modifier::None, "", &plain, zone);
    match (operator, definition.kind) {
        ("pr", _) => match text {
            "true" => Ok(filter(Modifier::Missing(false), Vec::new())),
            "false" => Ok(filter(Modifier::Missing(true), Vec::new())),
            _ => Err(Fault::invalid("pr takes true or false")),
        },
        ("eq", K::String) => one(Modifier::Exact, tested()?),
        ("ne", K::String) => Ok(Filter::Not(Box::new(filter(Modifier::Exact, vec![tested()?])))),
        ("co", K::String) => one(Modifier::Contains, tested()?),
        ("sw", K::String) => one(Modifier::None, tested()?),
        ("eq", K::Token | K::Reference | K::Uri) | ("re", K::Reference) => one(Modifier::None, tested()?),
        ("ne", K::Token) => one(Modifier::Not, tested()?),
        ("ne", K::Reference | K::Uri) => Ok(Filter::Not(Box::new(filter(Modifier::None, vec![tested()?])))),
        ("co", K::Token) => one(Modifier::Text, test(definition, Modifier::Text, "", &plain, zone)?),
        ("ss", K::Token) => one(Modifier::Below, tested()?),
        ("sb", K::Token) => one(Modifier::Above, tested()?),
        ("in", K::Token) => one(Modifier::In, Test::Uri(text.into())),
        ("ni", K::Token) => one(Modifier::NotIn, Test::Uri(text.into())),
        ("po", K::Date) => {
            // Overlap with exactly this span.
            match value(K::Date, text, Some(Prefix::Eq), zone)? {
                Test::Date { from, to, .. } => {
                    one(Modifier::None, Test::Date { prefix: Prefix::Ap, from, to })
                }
                other => one(Modifier::None, other),
            }
        }
        (operator, K::Date | K::Number | K::Quantity) => match prefix_of(operator) {
            Some(prefix) => one(Modifier::None, value(definition.kind, text, Some(prefix), zone)?),
            None => Err(Fault::invalid("the operator is not one of this kind of parameter")),
        },
        _ => Err(Fault::not_supported("the operator is not offered for this kind of parameter")),
    }
}

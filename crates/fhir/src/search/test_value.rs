//! One alternative of a parameter in the form of its kind (FHIR R4, search.html: number, date, string, token, ...).

use super::definition::component_kinds;
use super::fold::both;
use super::keys::{UCUM, canonical, local, unversioned};
use super::query::{Modifier, Prefix, Test};
use crate::schema::{SearchKind, SearchParam};
use badiano_kernel::quantity::Decimal;
use badiano_kernel::time::Span;
use badiano_kernel::{Fault, Instant};

/// Cuts at a sign that no `\` stands before; the escapes stay.
pub(super) fn divided(text: &str, sign: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == sign {
            parts.push(&text[from..at]);
            from = at + c.len_utf8();
        }
    }
    parts.push(&text[from..]);
    parts
}

/// Without the `\` of `\,` `\|` `\$` `\\`.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(next @ (',' | '|' | '$' | '\\'))) => {
                out.push(*next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// One alternative. `target` is the type of `subject:Patient=1`, or empty.
pub(super) fn test(
    definition: &'static SearchParam,
    modifier: Modifier,
    target: &str,
    text: &str,
    zone: &str,
) -> Result<Test, Fault> {
    match modifier {
        Modifier::Text => Ok(folded(text)),
        Modifier::Identifier => Ok(token(text)),
        Modifier::OfType => match divided(text, '|')[..] {
            [system, code, value] if !code.is_empty() && !value.is_empty() => Ok(Test::OfType {
                system: unescaped(system).into(),
                code: unescaped(code).into(),
                value: unescaped(value).into(),
            }),
            _ => Err(Fault::invalid("must be system|code|value")),
        },
        _ if definition.kind == SearchKind::Reference => Ok(reference(definition, target, text)),
        _ if definition.kind == SearchKind::Composite => {
            let kinds = component_kinds(definition);
            let parts = divided(text, '$');
            if parts.len() != kinds.len() {
                return Err(Fault::invalid(format!("must have {} parts joined by $", kinds.len())));
            }
            let tests = parts.iter().zip(kinds).map(|(part, kind)| value(kind, part, None, zone));
            Ok(Test::Composite(tests.collect::<Result<_, _>>()?))
        }
        _ => value(definition.kind, text, None, zone),
    }
}

/// A value of a kind; with `prefix` the text has none of its own.
pub(super) fn value(kind: SearchKind, text: &str, prefix: Option<Prefix>, zone: &str) -> Result<Test, Fault> {
    let prefixed = || match prefix {
        Some(prefix) => (prefix, text),
        None => cut_prefix(text),
    };
    match kind {
        SearchKind::String => Ok(folded(text)),
        SearchKind::Token => Ok(token(text)),
        // A bar that is escaped belongs to the URI.
        SearchKind::Uri => Ok(Test::Uri(unescaped(divided(text, '|')[0]).into())),
        SearchKind::Reference => {
            let text = unescaped(text);
            Ok(referred(None, &text))
        }
        SearchKind::Date => {
            let (prefix, text) = prefixed();
            let invalid = Fault::invalid("must be a date, or a date and time");
            let Span { from, to } = Span::parse_fhir(text, zone).ok_or(invalid)?;
            let (from, to) = if prefix == Prefix::Ap { around(from, to) } else { (from, to) };
            Ok(Test::Date { prefix, from, to })
        }
        SearchKind::Number => {
            let (prefix, text) = prefixed();
            let (low, high) = range(prefix, text)?;
            Ok(Test::Number { prefix, low, high })
        }
        SearchKind::Quantity => {
            let (prefix, text) = prefixed();
            quantity(prefix, text)
        }
        SearchKind::Composite | SearchKind::Special => {
            Err(Fault::not_supported("this kind of parameter is not offered"))
        }
    }
}

fn folded(text: &str) -> Test {
    let (folded, exact) = both(&unescaped(text));
    Test::Text { folded, exact }
}

/// `code`, `system|code`, `|code`, `system|`.
fn token(text: &str) -> Test {
    let some = |part: &str| Some(unescaped(part).into());
    match divided(text, '|')[..] {
        [code] => Test::Token { system: None, code: some(code) },
        [system, ""] => Test::Token { system: some(system), code: None },
        [system, code] => Test::Token { system: some(system), code: some(code) },
        // A code with a bar in it that was not escaped: the first bar divides.
        _ => {
            let at = divided(text, '|')[0].len();
            Test::Token { system: some(&text[..at]), code: some(&text[at + 1..]) }
        }
    }
}

fn reference(definition: &SearchParam, target: &str, text: &str) -> Test {
    let only = match definition.target[..] {
        [one] => Some(one),
        _ => None,
    };
    let kind = if target.is_empty() { only } else { Some(target) };
    referred(kind, &unescaped(text))
}

/// `1` (of a known type), `Patient/1`, or an absolute url.
fn referred(kind: Option<&str>, text: &str) -> Test {
    if let Some((kind, id)) = local(text) {
        return Test::Reference { kind: Some(kind.into()), id: id.into(), url: "".into() };
    }
    if text.contains([':', '/']) {
        return Test::Reference { kind: None, id: "".into(), url: unversioned(text).into() };
    }
    Test::Reference { kind: kind.map(Into::into), id: text.into(), url: "".into() }
}

/// The prefix of a text and what follows; `after:` and `before:` are read as `gt` and `lt`.
fn cut_prefix(text: &str) -> (Prefix, &str) {
    if let Some(rest) = text.strip_prefix("after:") {
        return (Prefix::Gt, rest);
    }
    if let Some(rest) = text.strip_prefix("before:") {
        return (Prefix::Lt, rest);
    }
    match text.get(..2).and_then(prefix_of) {
        Some(prefix) => (prefix, &text[2..]),
        None => (Prefix::Eq, text),
    }
}

pub(super) fn prefix_of(word: &str) -> Option<Prefix> {
    Some(match word {
        "eq" => Prefix::Eq,
        "ne" => Prefix::Ne,
        "gt" => Prefix::Gt,
        "lt" => Prefix::Lt,
        "ge" => Prefix::Ge,
        "le" => Prefix::Le,
        "sa" => Prefix::Sa,
        "eb" => Prefix::Eb,
        "ap" => Prefix::Ap,
        _ => return None,
    })
}

/// `ap` of a date: its own span again on each side, since a question does not depend on the clock.
fn around(from: Instant, to: Instant) -> (Instant, Instant) {
    let width = to.micros.saturating_sub(from.micros);
    (
        Instant::from_micros(from.micros.saturating_sub(width)),
        Instant::from_micros(to.micros.saturating_add(width)),
    )
}

/// The range of a written number; `ap` is a tenth to each side.
fn range(prefix: Prefix, text: &str) -> Result<(f64, f64), Fault> {
    let number = Decimal::parse(text).ok_or_else(|| Fault::invalid("must be a number"))?;
    let value = number.to_f64();
    let half = if prefix == Prefix::Ap { value.abs() * 0.1 } else { number.half_step() };
    Ok((value - half, value + half))
}

/// `5.4`, `5.4|system|code`, `5.4||code`.
fn quantity(prefix: Prefix, text: &str) -> Result<Test, Fault> {
    let parts = divided(text, '|');
    let (system, code) = match parts[..] {
        [_] => (None, None),
        [_, system, code] => (Some(system), Some(code)),
        _ => return Err(Fault::invalid("must be number or number|system|code")),
    };
    let (low, high) = range(prefix, parts[0])?;
    let text_of = |part: &str| (!part.is_empty()).then(|| Box::from(unescaped(part)));
    let (system, code): (Option<Box<str>>, Option<Box<str>>) =
        (system.and_then(text_of), code.and_then(text_of));
    let base = match (system.as_deref(), code.as_deref()) {
        (Some(UCUM), Some(code)) => canonical(low, high, code),
        _ => None,
    };
    Ok(Test::Quantity { prefix, low, high, system, code, canonical: base })
}

//! From an element to the values that are compared (FHIR R4, search.html: the tables of types under each kind of parameter).

use super::fold::both;
use super::query::Key;
use crate::fhirpath::quantity::canonical_unit;
use crate::schema::{self, SearchKind};
use crate::value::Value;
use badiano_kernel::Instant;
use badiano_kernel::time::Span;

/// The system of UCUM units.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";
/// The system of the currency codes in Money.
const CURRENCIES: &str = "urn:iso:std:iso:4217";
const LONG_AGO: Instant = Instant::from_micros(i64::MIN);
const FAR_AHEAD: Instant = Instant::from_micros(i64::MAX);

/// An element with its type, and the system that a bound `code` implies.
#[derive(Clone, Copy)]
pub(super) struct Element<'v> {
    pub value: &'v Value,
    pub of: &'static str,
    pub system: &'static str,
}

/// What an element says under a kind of parameter.
pub(super) fn keys(kind: SearchKind, element: Element<'_>, zone: &str, out: &mut dyn FnMut(Key)) {
    match kind {
        SearchKind::Token => tokens(element, out),
        SearchKind::String => texts(element, out),
        SearchKind::Date => {
            if let Some(Span { from, to }) = span(element.of, element.value, zone) {
                out(Key::Date { from, to });
            }
        }
        SearchKind::Number => numbers(element, out),
        SearchKind::Quantity => quantities(element, out),
        SearchKind::Reference => references(element, out),
        SearchKind::Uri => {
            if let Some(text) = element.value.as_str() {
                out(Key::Uri(if element.of == "canonical" { unversioned(text) } else { text }.into()));
            }
        }
        SearchKind::Composite | SearchKind::Special => {}
    }
}

pub(super) fn unversioned(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or(canonical)
}

fn token(system: &str, code: &str, text: &str) -> Key {
    Key::Token { system: system.into(), code: code.into(), text: text.into() }
}

fn tokens(Element { value, of, system }: Element<'_>, out: &mut dyn FnMut(Key)) {
    match (of, value) {
        ("CodeableConcept", Value::Object(_)) => {
            let text = value.str_of("text");
            let mut shown = text.is_empty();
            for coding in value.get("coding").items() {
                let display = coding.str_of("display");
                let display = if display.is_empty() { text } else { display };
                shown |= display == text;
                out(token(coding.str_of("system"), coding.str_of("code"), display));
            }
            if !shown {
                out(token("", "", text));
            }
        }
        ("Coding", Value::Object(_)) => {
            out(token(value.str_of("system"), value.str_of("code"), value.str_of("display")));
        }
        ("Identifier", Value::Object(_)) => {
            let text = value.get("type").str_of("text");
            out(token(value.str_of("system"), value.str_of("value"), text));
        }
        ("ContactPoint", Value::Object(_)) => {
            out(token(value.str_of("system"), value.str_of("value"), ""));
        }
        (_, Value::Bool(b)) => out(token("", if *b { "true" } else { "false" }, "")),
        (_, Value::String(text)) => out(token(system, text, "")),
        (_, Value::Number(text)) => out(token("", text, "")),
        _ => {}
    }
}

/// `:of-type` of an Identifier: the type's `system|code` as the system, the value as the code.
pub(super) fn of_type(identifier: &Value, out: &mut dyn FnMut(Key)) {
    let value = identifier.str_of("value");
    for coding in identifier.get("type").get("coding").items() {
        let (system, code) = (coding.str_of("system"), coding.str_of("code"));
        if !value.is_empty() && !code.is_empty() {
            out(token(&format!("{system}|{code}"), value, ""));
        }
    }
}

fn texts(Element { value, of, .. }: Element<'_>, out: &mut dyn FnMut(Key)) {
    let mut push = |text: &str| {
        if !text.trim().is_empty() {
            let (folded, exact) = both(text);
            out(Key::Text { folded, exact });
        }
    };
    let parts: &[&str] = match of {
        "HumanName" => &["text", "family", "given", "prefix", "suffix"],
        "Address" => &["text", "line", "city", "district", "state", "postalCode", "country"],
        "CodeableConcept" => &["text"],
        _ => {
            return match value {
                Value::String(text) => push(text),
                Value::Number(text) => push(text),
                _ => {}
            };
        }
    };
    for part in parts {
        match value.get(part) {
            Value::String(text) => push(text),
            Value::Array(all) => all.iter().filter_map(Value::as_str).for_each(&mut push),
            _ => {}
        }
    }
}

/// The span of a date, Period or Timing; an end that is not written is open.
fn span(of: &str, value: &Value, zone: &str) -> Option<Span> {
    let parse = |v: &Value| v.as_str().and_then(|text| Span::parse_fhir(text, zone));
    match of {
        "Period" => period(value, &parse),
        "Timing" => {
            let mut all: Vec<Span> = value.get("event").items().iter().filter_map(parse).collect();
            let bounds = value.get("repeat").get("boundsPeriod");
            all.extend(period(bounds, &parse));
            let from = all.iter().map(|s| s.from).min()?;
            let to = all.iter().map(|s| s.to).max()?;
            Some(Span { from, to })
        }
        _ => parse(value),
    }
}

fn period(value: &Value, parse: &dyn Fn(&Value) -> Option<Span>) -> Option<Span> {
    let (start, end) = (parse(value.get("start")), parse(value.get("end")));
    if start.is_none() && end.is_none() {
        return None;
    }
    Some(Span { from: start.map_or(LONG_AGO, |s| s.from), to: end.map_or(FAR_AHEAD, |s| s.to) })
}

/// The range that a written number stands for.
fn range(text: &str) -> Option<(f64, f64)> {
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let places = number.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let places = i32::try_from(places).ok()?.checked_sub(exponent.parse().ok()?)?;
    let (value, half) = (text.parse::<f64>().ok()?, 0.5 * 10_f64.powi(places.checked_neg()?));
    (value.is_finite() && half.is_finite()).then_some((value - half, value + half))
}

fn numbers(Element { value, of, .. }: Element<'_>, out: &mut dyn FnMut(Key)) {
    let found = match of {
        "Range" => ends(value),
        _ => value.as_number().and_then(range),
    };
    if let Some((low, high)) = found {
        out(Key::Number { low, high });
    }
}

/// From the lower to the upper number of a Range; an end that is not written is the largest number.
fn ends(value: &Value) -> Option<(f64, f64)> {
    let end = |key: &str| value.get(key).get("value").as_number().and_then(|n| n.parse::<f64>().ok());
    match (end("low"), end("high")) {
        (None, None) => None,
        (low, high) => Some((low.unwrap_or(f64::MIN), high.unwrap_or(f64::MAX))),
    }
}

fn quantities(Element { value, of, .. }: Element<'_>, out: &mut dyn FnMut(Key)) {
    let (range, unit) = match of {
        "Money" => {
            if let Some((low, high)) = value.get("value").as_number().and_then(range) {
                out(Key::Quantity {
                    low,
                    high,
                    system: CURRENCIES.into(),
                    code: value.str_of("currency").into(),
                    canonical: None,
                });
            }
            return;
        }
        "Range" => {
            let low = value.get("low");
            (ends(value), if low.is_null() { value.get("high") } else { low })
        }
        _ => (compared(value), value),
    };
    let Some((low, high)) = range else { return };
    let (system, code) = (unit.str_of("system"), unit.str_of("code"));
    let shown = unit.str_of("unit");
    let canonical = if system == UCUM { canonical(low, high, code) } else { None };
    let written = if code.is_empty() { shown } else { code };
    out(Key::Quantity { low, high, system: system.into(), code: written.into(), canonical });
    // `5.4||mmHg` may mean the unit as people write it.
    if !shown.is_empty() && shown != written {
        out(Key::Quantity { low, high, system: "".into(), code: shown.into(), canonical: None });
    }
}

/// The range of a Quantity, its comparator taken in.
fn compared(value: &Value) -> Option<(f64, f64)> {
    let (low, high) = value.get("value").as_number().and_then(range)?;
    let middle = f64::midpoint(low, high);
    Some(match value.str_of("comparator") {
        "<" | "<=" => (f64::MIN, middle),
        ">" | ">=" => (middle, f64::MAX),
        _ => (low, high),
    })
}

/// A range in UCUM base units.
pub(super) fn canonical(low: f64, high: f64, code: &str) -> Option<(f64, f64, Box<str>)> {
    let unit = canonical_unit(code)?;
    let (factor, offset) = unit.rough;
    let (a, b) = (low * factor + offset, high * factor + offset);
    (a.is_finite() && b.is_finite()).then(|| (a, b, unit.unit.clone()))
}

fn references(Element { value, of, .. }: Element<'_>, out: &mut dyn FnMut(Key)) {
    match (of, value) {
        ("canonical", Value::String(text)) => out(elsewhere(unversioned(text))),
        (_, Value::String(text)) => out(elsewhere(text)),
        (_, Value::Object(_)) if !value.resource_type().is_empty() => out(Key::Reference {
            kind: value.resource_type().into(),
            id: value.id().into(),
            url: "".into(),
            identifier: None,
        }),
        (_, Value::Object(_)) => {
            let named = value.get("identifier");
            let identifier = (!named.str_of("value").is_empty())
                .then(|| (named.str_of("system").into(), named.str_of("value").into()));
            let text = value.str_of("reference");
            let (kind, id, url) = match local(text) {
                Some((kind, id)) => (kind, id, ""),
                // A contained resource is part of this one.
                None if text.starts_with('#') => ("", "", ""),
                None => ("", "", text),
            };
            if !id.is_empty() || !url.is_empty() || identifier.is_some() {
                out(Key::Reference { kind: kind.into(), id: id.into(), url: url.into(), identifier });
            }
        }
        _ => {}
    }
}

fn elsewhere(url: &str) -> Key {
    match local(url) {
        Some((kind, id)) => {
            Key::Reference { kind: kind.into(), id: id.into(), url: "".into(), identifier: None }
        }
        None => Key::Reference { kind: "".into(), id: "".into(), url: url.into(), identifier: None },
    }
}

/// `Patient/1` or `Patient/1/_history/2` as type and id.
pub(super) fn local(reference: &str) -> Option<(&str, &str)> {
    let (kind, rest) = reference.split_once('/')?;
    let id = rest.split_once("/_history/").map_or(rest, |(id, _)| id);
    let is_id = !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    (is_id && schema::is_resource_type(kind)).then_some((kind, id))
}

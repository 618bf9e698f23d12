//! Whether a resource fits a question, one resource at a time (FHIR R4, search.html): the measure of any index.

use super::codes::{no_hierarchy, of_a_system};
use super::compartment::in_compartment;
use super::extract::{compartment_patients, extract};
use super::fold::fold;
use super::hierarchy::{LEVELS_MAX, is_below, parent_parameter};
use super::own::Reading;
use super::query::{Entry, Filter, Key, Modifier, Prefix, Test};
use crate::terminology::Terminology;
use crate::value::Value;
use badiano_kernel::{Fault, Instant};

/// Chains in chains; the reader of questions allows no more.
pub const NESTING_MAX: usize = 5;

/// Other resources, for chains and `_has`.
pub struct Others<'r> {
    /// By type and logical id.
    pub resolve: &'r dyn Fn(&str, &str) -> Option<&'r Value>,
    /// All of a type.
    pub of_type: &'r dyn Fn(&str) -> Vec<&'r Value>,
    /// For `:in`, `:not-in`, `:above` and `:below` of codes.
    pub terminology: Option<&'r Terminology>,
}

/// Whether a resource fits all filters.
pub fn matches<'p>(
    resource: &Value,
    filters: &[Filter],
    reading: impl Into<Reading<'p>>,
    others: &Others<'_>,
) -> Result<bool, Fault> {
    let reading = reading.into();
    let matcher = Matcher { reading, others };
    let entries = extract(resource, reading);
    matcher.all(resource, &entries, filters, 0)
}

struct Matcher<'m, 'r> {
    reading: Reading<'m>,
    others: &'m Others<'r>,
}

impl Matcher<'_, '_> {
    fn all(
        &self,
        resource: &Value,
        entries: &[Entry],
        filters: &[Filter],
        depth: usize,
    ) -> Result<bool, Fault> {
        for filter in filters {
            if !self.holds(resource, entries, filter, depth)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds(
        &self,
        resource: &Value,
        entries: &[Entry],
        filter: &Filter,
        depth: usize,
    ) -> Result<bool, Fault> {
        // All, Any and Not do not leave the resource, but they nest too.
        if depth > 8 * NESTING_MAX {
            return Err(Fault::too_costly("the question is nested too deeply"));
        }
        match filter {
            Filter::Param { param, modifier: modifier @ (Modifier::Above | Modifier::Below), any_of }
                if matches!(any_of[..], [Test::Reference { .. }, ..]) =>
            {
                Ok(any_of.iter().any(|test| self.is_part(entries, param, *modifier, test)))
            }
            Filter::Param { param, modifier: modifier @ (Modifier::In | Modifier::NotIn), any_of } => {
                let is_in = self
                    .any_token(entries, param, any_of, |test, system, code| self.is_in(test, system, code))?;
                Ok(is_in != (*modifier == Modifier::NotIn))
            }
            Filter::Param { param, modifier: modifier @ (Modifier::Above | Modifier::Below), any_of }
                if matches!(any_of[..], [Test::Token { .. }, ..]) =>
            {
                self.any_token(entries, param, any_of, |test, system, code| {
                    self.stands(*modifier, test, system, code)
                })
            }
            Filter::Param { param, modifier, any_of } => parameter(entries, param, *modifier, any_of),
            Filter::Compartment { name, id } if &**name == "Patient" => {
                Ok(compartment_patients(resource).iter().any(|patient| **patient == **id))
            }
            Filter::Compartment { name, id } => match in_compartment(name, id, resource.resource_type()) {
                Ok(filter) => self.holds(resource, entries, &filter, depth + 1),
                Err(_) => Ok(false),
            },
            Filter::All(all) => self.all(resource, entries, all, depth + 1),
            Filter::Any(any) => {
                for one in any {
                    if self.holds(resource, entries, one, depth + 1)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::Not(not) => Ok(!self.holds(resource, entries, not, depth + 1)?),
            Filter::Chain { param, target, filter } => {
                for (kind, id) in references(entries, param) {
                    if kind == &**target
                        && let Some(found) = (self.others.resolve)(kind, id)
                        && self.holds(found, &extract(found, self.reading), filter, depth + 1)?
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::Has { source, param, filter } => {
                let (own_kind, own_id) = (resource.resource_type(), resource.id());
                for other in (self.others.of_type)(source) {
                    let other_entries = extract(other, self.reading);
                    let refers = references(&other_entries, param).any(|(k, i)| k == own_kind && i == own_id);
                    if refers && self.holds(other, &other_entries, filter, depth + 1)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

impl Matcher<'_, '_> {
    fn any_token(
        &self,
        entries: &[Entry],
        param: &str,
        any_of: &[Test],
        fits: impl Fn(&Test, &str, &str) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let mut found = false;
        for entry in entries.iter().filter(|e| &*e.param == param) {
            let Key::Token { system, code, .. } = &entry.key else { continue };
            for test in any_of {
                found |= fits(test, system, code)?;
            }
        }
        Ok(found)
    }

    fn known(&self) -> Result<&Terminology, Fault> {
        self.others.terminology.ok_or_else(|| Fault::not_supported("there is no terminology to ask"))
    }

    /// Asked of one code, where an index asks for the whole set.
    fn is_in(&self, test: &Test, system: &str, code: &str) -> Result<bool, Fault> {
        let Test::Uri(set) = test else { return Ok(false) };
        let system = Some(system).filter(|s| !s.is_empty());
        let cannot = || Fault::invalid("the value set, or a code system of it, is not known here");
        self.known()?.contains(set, system, code).ok_or_else(cannot)
    }

    fn stands(&self, modifier: Modifier, test: &Test, system: &str, code: &str) -> Result<bool, Fault> {
        let Test::Token { system: own, code: wanted } = test else { return Ok(false) };
        let (own, wanted) = of_a_system(own.as_deref(), wanted.as_deref())?;
        let (low, high) = if modifier == Modifier::Below { (code, wanted) } else { (wanted, code) };
        let is_a = self.known()?.is_a(own, low, high);
        // The code of the question must be known; one of a resource need not be.
        if self.known()?.is_code(own, "", wanted) != Some(true) {
            return Err(no_hierarchy());
        }
        Ok((system.is_empty() || system == own) && is_a == Some(true))
    }
}

impl Matcher<'_, '_> {
    /// Whether a reference is one of the parts, or of the wholes, of another resource, or that one itself.
    fn is_part(&self, entries: &[Entry], param: &str, modifier: Modifier, test: &Test) -> bool {
        let Test::Reference { kind: Some(of), id: wanted, .. } = test else { return false };
        let wholes = |id: &str| {
            let mut all = vec![id.to_owned()];
            while all.len() <= LEVELS_MAX {
                let part = all.last().and_then(|id| (self.others.resolve)(of, id));
                let Some(part) = part else { break };
                let own = extract(part, self.reading);
                let next =
                    references(&own, parent_parameter(of).unwrap_or_default()).find(|(k, _)| *k == &**of);
                match next {
                    Some((_, id)) if !all.iter().any(|known| known == id) => all.push(id.to_owned()),
                    _ => break,
                }
            }
            all
        };
        let mut own = references(entries, param).filter(|(kind, _)| *kind == &**of);
        match modifier {
            Modifier::Below => own.any(|(_, id)| wholes(id).iter().any(|whole| **whole == **wanted)),
            _ => {
                let all = wholes(wanted);
                own.any(|(_, id)| all.iter().any(|whole| whole == id))
            }
        }
    }
}

fn references<'e>(entries: &'e [Entry], param: &str) -> impl Iterator<Item = (&'e str, &'e str)> {
    let param = param.to_owned();
    entries.iter().filter(move |e| *e.param == *param).filter_map(|e| match &e.key {
        Key::Reference { kind, id, .. } if !id.is_empty() => Some((&**kind, &**id)),
        _ => None,
    })
}

fn parameter(entries: &[Entry], param: &str, modifier: Modifier, any_of: &[Test]) -> Result<bool, Fault> {
    let name = if modifier == Modifier::OfType { format!("{param}:of-type") } else { param.to_owned() };
    let mut own = entries.iter().filter(|e| *e.param == *name);
    match modifier {
        Modifier::Above | Modifier::Below if matches!(any_of[..], [Test::Uri(_), ..]) => {
            Ok(own.any(|e| any_of.iter().any(|test| entry_matches(&e.key, modifier, test))))
        }
        Modifier::Above | Modifier::Below | Modifier::In | Modifier::NotIn => {
            Err(Fault::not_supported("codes above, below, in and not-in need a terminology: not offered yet")
                .at(param))
        }
        // Every resource has them.
        Modifier::Missing(asked) if matches!(param, "_id" | "_lastUpdated") => Ok(!asked),
        Modifier::Missing(asked) => Ok(own.next().is_none() == asked),
        Modifier::Not => {
            Ok(!own.any(|e| any_of.iter().any(|test| entry_matches(&e.key, Modifier::None, test))))
        }
        _ => Ok(own.any(|e| any_of.iter().any(|test| entry_matches(&e.key, modifier, test)))),
    }
}

/// Whether one value fits one alternative. `Not` and `Missing` concern all values of a parameter and are decided above.
pub fn entry_matches(key: &Key, modifier: Modifier, test: &Test) -> bool {
    match (key, test) {
        (Key::Reference { identifier, .. }, Test::Token { system, code }) => {
            modifier == Modifier::Identifier
                && identifier.as_ref().is_some_and(|(s, v)| token(s, v, system.as_deref(), code.as_deref()))
        }
        (Key::Token { system, code, .. }, Test::Token { system: s, code: c }) => {
            token(system, code, s.as_deref(), c.as_deref())
        }
        (Key::Token { system, code, .. }, Test::Codes(codes)) => codes.has(system, code),
        (Key::Token { text, .. }, Test::Text { folded, .. }) => {
            modifier == Modifier::Text && !text.is_empty() && fold(text).contains(&**folded)
        }
        (Key::Token { system, code, .. }, Test::OfType { system: s, code: c, value }) => {
            code == value && **system == *format!("{s}|{c}")
        }
        (Key::Text { folded, exact }, Test::Text { folded: f, exact: e }) => match modifier {
            Modifier::Exact => exact == e,
            Modifier::Contains | Modifier::Text => folded.contains(&**f),
            _ => folded.starts_with(&**f),
        },
        (Key::Date { from, to }, Test::Date { prefix, from: f, to: t }) => {
            date(*prefix, (*from, *to), (*f, *t))
        }
        (Key::Number { low, high }, Test::Number { prefix, low: l, high: h }) => {
            number(*prefix, (*low, *high), (*l, *h))
        }
        (Key::Quantity { .. }, Test::Quantity { .. }) => quantity(key, test),
        (Key::Reference { kind, id, url, .. }, Test::Reference { kind: k, id: i, url: u }) => {
            (!i.is_empty() && id == i && k.as_ref().is_none_or(|k| k == kind)) || (!u.is_empty() && url == u)
        }
        (Key::Uri(uri), Test::Uri(wanted)) => match modifier {
            Modifier::Below => is_below(uri, wanted),
            Modifier::Above => is_below(wanted, uri),
            _ => uri == wanted,
        },
        (Key::Composite(keys), Test::Composite(tests)) => {
            keys.len() == tests.len()
                && keys.iter().zip(tests).all(|(k, t)| entry_matches(k, Modifier::None, t))
        }
        _ => false,
    }
}

fn token(system: &str, code: &str, wanted_system: Option<&str>, wanted_code: Option<&str>) -> bool {
    wanted_system.is_none_or(|w| w == system) && wanted_code.is_none_or(|w| w == code)
}

/// The resource's span against the question's.
fn date(prefix: Prefix, (from, to): (Instant, Instant), (f, t): (Instant, Instant)) -> bool {
    let within = f <= from && to <= t;
    match prefix {
        Prefix::Eq => within,
        Prefix::Ne => !within,
        Prefix::Gt => to > t,
        Prefix::Lt => from < f,
        Prefix::Ge => within || to > t,
        Prefix::Le => within || from < f,
        Prefix::Sa => from >= t,
        Prefix::Eb => to <= f,
        Prefix::Ap => from < t && f < to,
    }
}

/// The resource's range against the question's: equality by the question's precision, order by the numbers as written.
fn number(prefix: Prefix, (low, high): (f64, f64), (l, h): (f64, f64)) -> bool {
    let (value, wanted) = (f64::midpoint(low, high), f64::midpoint(l, h));
    let same = (value - wanted).abs() <= value.abs().max(wanted.abs()) * 1e-12;
    let within = same || (l <= value && value < h);
    match prefix {
        Prefix::Eq => within,
        Prefix::Ne => !within,
        Prefix::Gt | Prefix::Sa => value > wanted && !same,
        Prefix::Lt | Prefix::Eb => value < wanted && !same,
        Prefix::Ge => value >= wanted || same,
        Prefix::Le => value <= wanted || same,
        Prefix::Ap => low <= h && l <= high,
    }
}

fn quantity(key: &Key, test: &Test) -> bool {
    let (
        Key::Quantity { low, high, system, code, canonical },
        Test::Quantity { prefix, low: l, high: h, system: s, code: c, canonical: wanted },
    ) = (key, test)
    else {
        return false;
    };
    let any_unit = c.as_ref().is_none_or(|c| c.is_empty());
    let same_unit = c.as_ref() == Some(code) && s.as_ref().is_none_or(|s| s.is_empty() || s == system);
    if any_unit || same_unit {
        return number(*prefix, (*low, *high), (*l, *h));
    }
    match (canonical, wanted) {
        (Some((low, high, unit)), Some((l, h, wanted))) => {
            unit == wanted && number(*prefix, (*low, *high), (*l, *h))
        }
        _ => false,
    }
}

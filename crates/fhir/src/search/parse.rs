//! From the text of a question to a checked [`Query`] (FHIR R4, search.html): names, modifiers, chains, `_has`, includes, sort.

use super::filter_expression;
use super::hierarchy::parent_parameter;
use super::own::Reading;
use super::query::{Filter, Include, Modifier, Query, Sort, Test, Total};
use super::test_value::{divided, test, unescaped};
use crate::schema::{self, SearchKind, SearchParam};
use badiano_kernel::{Fault, FaultKind};

/// Pairs in one question.
pub const PARAMETERS_MAX: usize = 100;
/// `a,b,c` of one parameter.
pub const ALTERNATIVES_MAX: usize = 1000;
/// `subject.organization.partof`, `_has` in `_has`.
pub const NESTING_MAX: usize = 5;
/// Hits on a page at most, and where none are asked for.
pub const COUNT_MAX: usize = 1000;
pub const COUNT: usize = 50;
const SORTS_MAX: usize = 8;
const INCLUDES_MAX: usize = 32;

/// A question, and what in it was not understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    pub query: Query,
    /// The names of parameters that were passed over; always empty for a strict reader.
    pub unknown: Vec<String>,
}

/// Why one pair gives no filter.
pub(super) enum Refusal {
    /// The name is not known for the type.
    Unknown,
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Refusal::Fault(fault)
    }
}

/// Reads decoded pairs in their order. A strict reader refuses names that it does not know; another lists them.
pub fn parse<'r>(
    kind: &str,
    pairs: &[(String, String)],
    strict: bool,
    reading: impl Into<Reading<'r>>,
) -> Result<Parsed, Fault> {
    if !schema::is_resource_type(kind) {
        return Err(Fault::invalid("not a resource type"));
    }
    if pairs.len() > PARAMETERS_MAX {
        return Err(Fault::too_costly(format!("more than {PARAMETERS_MAX} parameters")));
    }
    let query = Query { kind: kind.into(), count: COUNT, ..Query::default() };
    let mut reader = Reader { parsed: Parsed { query, unknown: Vec::new() }, reading: reading.into() };
    for (name, value) in pairs {
        match reader.pair(name, value) {
            Ok(()) => {}
            Err(Refusal::Fault(fault)) => return Err(fault),
            Err(Refusal::Unknown) if strict => {
                return Err(Fault::invalid("an unknown search parameter").at(name.as_str()));
            }
            Err(Refusal::Unknown) => reader.parsed.unknown.push(name.clone()),
        }
    }
    Ok(reader.parsed)
}

/// A question over several types: every parameter must be known to each of them and mean the same.
pub fn parse_all<'r>(
    kinds: &[&str],
    pairs: &[(String, String)],
    strict: bool,
    reading: impl Into<Reading<'r>>,
) -> Result<Parsed, Fault> {
    let reading = reading.into();
    let mut all: Option<Parsed> = None;
    for kind in kinds {
        let mut one = parse(kind, pairs, strict, reading)?;
        one.query.kind = "".into();
        match &mut all {
            None => all = Some(one),
            Some(all) if all.query.filters == one.query.filters && all.query.sort == one.query.sort => {
                let new = one.unknown.into_iter().filter(|name| !all.unknown.contains(name));
                let new: Vec<String> = new.collect();
                all.unknown.extend(new);
            }
            Some(_) => {
                let text = "a search over several types takes parameters that all of them have alike";
                return Err(Fault::invalid(text));
            }
        }
    }
    let mut all = all.ok_or_else(|| Fault::invalid("a search names at least one type").at("_type"))?;
    all.query.kinds = kinds.iter().map(|kind| Box::from(*kind)).collect();
    Ok(all)
}

struct Reader<'r> {
    parsed: Parsed,
    reading: Reading<'r>,
}

impl Reader<'_> {
    fn pair(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let query = &mut self.parsed.query;
        let (bare, modifier) = name.split_once(':').unwrap_or((name, ""));
        let invalid = |text: &str| Refusal::Fault(Fault::invalid(text).at(name));
        match bare {
            "_sort" => return self.sort(value),
            "_count" => {
                let count: usize = value.parse().map_err(|_| invalid("must be a whole number from 0"))?;
                query.count = count.min(COUNT_MAX);
            }
            "_offset" => {
                query.offset = value.parse().map_err(|_| invalid("must be a whole number from 0"))?
            }
            "_total" => {
                query.total = match value {
                    "none" => Total::None,
                    "estimate" => Total::Estimate,
                    "accurate" => Total::Accurate,
                    _ => return Err(invalid("must be none, estimate or accurate")),
                }
            }
            "_include" | "_revinclude" => {
                let include = include(&query.kind, bare == "_revinclude", modifier, value, self.reading)?;
                let list = if bare == "_include" { &mut query.include } else { &mut query.revinclude };
                list.push(include);
                if list.len() > INCLUDES_MAX {
                    return Err(Refusal::Fault(Fault::too_costly("too many includes").at(name)));
                }
            }
            // How the answer is shown: [`crate::subset`] and the door.
            "_summary" | "_elements" | "_format" | "_pretty" => {}
            "_contained" if value == "false" => {}
            "_list" => query.filters.push(in_list(value).map_err(|f| Refusal::Fault(f.at(name)))?),
            "_text" | "_content" | "_query" | "_contained" | "_containedType" | "_score" => {
                return Err(Refusal::Fault(Fault::not_supported("this parameter is not offered").at(name)));
            }
            "_filter" => {
                let filter = filter_expression::parse(&query.kind, value, self.reading)?;
                query.filters.push(filter);
            }
            _ if value.is_empty() => return Err(Refusal::Unknown),
            _ => {
                let kind = query.kind.clone();
                let filter = named(&kind, name, value, self.reading, 0)?;
                self.parsed.query.filters.push(filter);
            }
        }
        Ok(())
    }

    fn sort(&mut self, value: &str) -> Result<(), Refusal> {
        let query = &mut self.parsed.query;
        for part in value.split(',').filter(|p| !p.is_empty()) {
            let (name, descending) = match part.strip_prefix('-') {
                Some(name) => (name, true),
                None => (part, false),
            };
            match self.reading.asked(&query.kind, name)?.map(|p| p.kind) {
                None => return Err(Refusal::Unknown),
                Some(SearchKind::Composite | SearchKind::Special) => {
                    return Err(Refusal::Fault(
                        Fault::not_supported("this parameter has no order").at("_sort"),
                    ));
                }
                Some(_) => query.sort.push(Sort { param: name.into(), descending }),
            }
        }
        if query.sort.len() > SORTS_MAX {
            return Err(Refusal::Fault(Fault::too_costly("too many keys to sort by").at("_sort")));
        }
        Ok(())
    }
}

/// `_list=42`: what a List refers to (search.html#list).
fn in_list(value: &str) -> Result<Filter, Fault> {
    if value.starts_with('$') {
        return Err(Fault::not_supported("lists that a server makes (`$current-...`) are not offered"));
    }
    let id = value.strip_prefix("List/").unwrap_or(value);
    let test = Test::Token { system: None, code: Some(id.into()) };
    let list = Filter::Param { param: "_id".into(), modifier: Modifier::None, any_of: vec![test] };
    Ok(Filter::Has { source: "List".into(), param: "item".into(), filter: Box::new(list) })
}

/// `Source:param[:Target]`, `Source:*`, `*`.
fn include(
    kind: &str,
    reverse: bool,
    modifier: &str,
    value: &str,
    reading: Reading<'_>,
) -> Result<Include, Refusal> {
    let iterate = match modifier {
        "" => false,
        "iterate" | "recurse" => true,
        _ => return Err(Refusal::Unknown),
    };
    let invalid = || Refusal::Fault(Fault::invalid("must be Source:parameter or Source:parameter:Target"));
    if value == "*" {
        let source = if reverse { "*" } else { kind };
        return Ok(Include { source: source.into(), param: "*".into(), target: None, iterate });
    }
    let mut parts = value.split(':');
    let (Some(source), Some(param), target, None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(invalid());
    };
    let known = schema::is_resource_type(source)
        && (param == "*" || reading.asked(source, param)?.is_some_and(|p| p.kind == SearchKind::Reference))
        && target.is_none_or(schema::is_resource_type);
    if !known {
        return Err(Refusal::Fault(Fault::invalid("the include names no reference parameter of its type")));
    }
    Ok(Include { source: source.into(), param: param.into(), target: target.map(Into::into), iterate })
}

/// The filter of a parameter by its full name: `code`, `code:text`, `subject:Patient.name`, `_has:...`.
fn named(kind: &str, name: &str, value: &str, reading: Reading<'_>, depth: usize) -> Result<Filter, Refusal> {
    if depth > NESTING_MAX {
        return Err(Refusal::Fault(Fault::too_costly("too many chains in one parameter").at(name)));
    }
    if let Some(rest) = name.strip_prefix("_has:") {
        let mut parts = rest.splitn(3, ':');
        let (Some(source), Some(param), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Refusal::Fault(Fault::invalid("must be _has:Type:reference:parameter").at(name)));
        };
        let reference = reading.asked(source, param)?.filter(|p| p.kind == SearchKind::Reference);
        if !reference.is_some_and(|p| may_target(p, kind)) {
            return Err(Refusal::Unknown);
        }
        let filter = Box::new(named(source, rest, value, reading, depth + 1)?);
        return Ok(Filter::Has { source: source.into(), param: param.into(), filter });
    }
    match name.split_once('.') {
        Some((head, rest)) => {
            let make = |target: &str| named(target, rest, value, reading, depth + 1);
            chain(kind, head, rest, reading, &make)
        }
        None => {
            let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
            let definition = reading.asked(kind, code)?.ok_or(Refusal::Unknown)?;
            plain(definition, modifier, value, reading.zone()).map_err(|refusal| match refusal {
                Refusal::Fault(fault) if fault.place.is_empty() => Refusal::Fault(fault.at(name)),
                refusal => refusal,
            })
        }
    }
}

fn may_target(parameter: &SearchParam, kind: &str) -> bool {
    parameter.target.is_empty()
        || parameter.target.iter().any(|t| matches!(*t, "Resource" | "Any") || *t == kind)
}

/// `subject.name`, `subject:Patient.name`: an alternative for each type that the reference may point to and that has the rest.
pub(super) fn chain(
    kind: &str,
    head: &str,
    rest: &str,
    reading: Reading<'_>,
    make: &dyn Fn(&str) -> Result<Filter, Refusal>,
) -> Result<Filter, Refusal> {
    let (code, target) = head.split_once(':').unwrap_or((head, ""));
    let definition =
        reading.asked(kind, code)?.filter(|p| p.kind == SearchKind::Reference).ok_or(Refusal::Unknown)?;
    let link = |target: &str, filter: Filter| Filter::Chain {
        param: code.into(),
        target: target.into(),
        filter: Box::new(filter),
    };
    if !target.is_empty() {
        if !schema::is_resource_type(target) || !may_target(definition, target) {
            return Err(Refusal::Unknown);
        }
        return make(target).map(|filter| link(target, filter));
    }
    if definition.target.is_empty() || definition.target.iter().any(|t| !schema::is_resource_type(t)) {
        let place = format!("{head}.{rest}");
        return Err(Refusal::Fault(
            Fault::invalid("say the type of the reference: parameter:Type.rest").at(place),
        ));
    }
    let mut any = Vec::new();
    let mut refused = Refusal::Unknown;
    for target in &definition.target {
        match make(target) {
            Ok(filter) => any.push(link(target, filter)),
            Err(Refusal::Unknown) => {}
            Err(fault) => refused = fault,
        }
    }
    match any.len() {
        0 => Err(refused),
        1 => Ok(any.remove(0)),
        _ => Ok(Filter::Any(any)),
    }
}

/// A parameter of the type itself with its modifier and alternatives.
fn plain(
    definition: &'static SearchParam,
    modifier: &str,
    value: &str,
    zone: &str,
) -> Result<Filter, Refusal> {
    use SearchKind as K;
    let filter = |modifier, any_of| Filter::Param { param: definition.code.into(), modifier, any_of };
    let mut target = "";
    let modifier = match (modifier, definition.kind) {
        ("", _) => Modifier::None,
        ("missing", K::Composite) => return Err(Refusal::Unknown),
        ("missing", _) => {
            return match value {
                "true" => Ok(filter(Modifier::Missing(true), Vec::new())),
                "false" => Ok(filter(Modifier::Missing(false), Vec::new())),
                _ => Err(Refusal::Fault(Fault::invalid("missing takes true or false"))),
            };
        }
        ("exact", K::String) => Modifier::Exact,
        ("contains", K::String) => Modifier::Contains,
        ("text", K::Token) => Modifier::Text,
        ("not", K::Token) => Modifier::Not,
        ("above", K::Token | K::Uri | K::Reference) => Modifier::Above,
        ("below", K::Token | K::Uri | K::Reference) => Modifier::Below,
        ("in", K::Token) => Modifier::In,
        ("not-in", K::Token) => Modifier::NotIn,
        ("of-type", K::Token) => Modifier::OfType,
        ("identifier", K::Reference) => Modifier::Identifier,
        (kind, K::Reference) if schema::is_resource_type(kind) && may_target(definition, kind) => {
            target = kind;
            Modifier::None
        }
        _ => {
            return Err(Refusal::Fault(Fault::invalid("the modifier is not one of this kind of parameter")));
        }
    };
    let alternatives = divided(value, ',');
    if alternatives.len() > ALTERNATIVES_MAX {
        return Err(Refusal::Fault(Fault::too_costly(format!("more than {ALTERNATIVES_MAX} alternatives"))));
    }
    let mut any_of = Vec::with_capacity(alternatives.len());
    for text in alternatives.into_iter().filter(|t| !t.is_empty()) {
        any_of.push(match modifier {
            Modifier::In | Modifier::NotIn => Test::Uri(unescaped(text).into()),
            _ => test(definition, modifier, target, text, zone)?,
        });
    }
    if any_of.is_empty() {
        return Err(Refusal::Unknown);
    }
    if matches!(modifier, Modifier::Above | Modifier::Below) && definition.kind == K::Reference {
        any_of.iter().try_for_each(in_an_order)?;
    }
    Ok(filter(modifier, any_of))
}

/// `:above` and `:below` follow the references by which resources of one type are parts of each other.
fn in_an_order(test: &Test) -> Result<(), Fault> {
    match test {
        Test::Reference { kind: Some(kind), id, .. }
            if !id.is_empty() && parent_parameter(kind).is_some() =>
        {
            Ok(())
        }
        Test::Reference { kind: None, .. } => {
            Err(Fault::invalid("say the type and id of the resource: Type/id"))
        }
        _ => Err(Fault::not_supported("resources of this type are no parts of each other")),
    }
}

impl Refusal {
    pub(super) fn into_fault(self, text: &str) -> Fault {
        match self {
            Refusal::Unknown => Fault::new(FaultKind::Invalid, text),
            Refusal::Fault(fault) => fault,
        }
    }
}

//! A query run over resources (FHIR R4, graphql.html): what is selected, filtered, flattened, followed and searched.

use super::parse::{Argument, Directive, Document, Field, Fields, Operation, Selection};
use super::{DEPTH_MAX, wrong};
use crate::fhirpath::{Context, Expression, Item, Node};
use crate::schema;
use crate::value::{Object, Value};
use badiano_kernel::{Fault, FaultKind, Instant};

/// Values that one answer may hold.
pub const NODES_MAX: usize = 100_000;
/// References followed and searches made for one answer.
pub const COST_MAX: usize = 500;
/// Errors that one answer lists.
const ERRORS_MAX: usize = 50;

/// Where resources come from: whatever the asker may see.
pub trait Source {
    /// The newest version; nothing when it is not there.
    fn read(&self, kind: &str, id: &str) -> Result<Option<Value>, Fault>;
    /// A search of a type, by decoded pairs as in a URL.
    fn search(&self, kind: &str, pairs: &[(String, String)]) -> Result<Found, Fault>;
}

/// What a search gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    pub total: Option<usize>,
    pub hits: Vec<Value>,
    /// Opaque places of other pages: `_cursor` of a connection.
    pub first: Option<String>,
    pub next: Option<String>,
}

/// `data` and what went wrong beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub data: Value,
    pub errors: Vec<Fault>,
}

impl Answer {
    /// Why there is no answer at all, where nothing that was asked for could be given.
    pub fn refusal(&self) -> Option<&Fault> {
        let nothing = self.data.as_object().is_none_or(Object::is_empty);
        self.errors.first().filter(|_| nothing)
    }

    pub fn to_value(&self) -> Value {
        let mut value = Value::object();
        value.set("data", self.data.clone());
        if !self.errors.is_empty() {
            let error = |fault: &Fault| Value::object().with("message", fault.to_string());
            value.set("errors", Value::Array(self.errors.iter().map(error).collect()));
        }
        value
    }
}

/// Runs the operation of a name (or the only one), over one resource or, without one, over all types.
pub fn run(
    document: &Document,
    operation: Option<&str>,
    variables: &Value,
    focus: Option<&Value>,
    source: &dyn Source,
    now: Instant,
) -> Result<Answer, Fault> {
    let chosen = chosen(document, operation)?;
    let mut runner =
        Runner { document, chosen, variables, source, now, nodes: 0, cost: 0, errors: Vec::new() };
    let mut data = Object::new();
    match focus {
        Some(resource) => {
            let place = Place { list: false, suffix: "", depth: 0 };
            runner.select(&mut data, &Element::resource(resource), &chosen.select, place)?;
        }
        None => runner.roots(&mut data, &chosen.select, 0)?,
    }
    Ok(Answer { data: Value::Object(data), errors: runner.errors })
}

fn chosen<'d>(document: &'d Document, name: Option<&str>) -> Result<&'d Operation, Fault> {
    match (name.filter(|n| !n.is_empty()), document.operations.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(wrong("operationName says which of several operations is meant")),
        (Some(name), all) => {
            let found = all.iter().find(|o| o.name == name);
            found.ok_or_else(|| Fault::invalid("no operation of this name").at("operationName"))
        }
    }
}

/// An object of a resource, with the type that is known of it.
struct Element<'v> {
    value: &'v Value,
    /// Of a resource or of a `value[x]`; empty where the name of the element alone says it.
    kind: &'v str,
    is_resource: bool,
}

impl<'v> Element<'v> {
    fn resource(value: &'v Value) -> Self {
        Element { value, kind: value.resource_type(), is_resource: true }
    }
}

/// Where what is selected comes to stand.
#[derive(Clone, Copy)]
struct Place<'p> {
    /// Everything collates into lists: an element above was flattened.
    list: bool,
    suffix: &'p str,
    depth: usize,
}

struct Runner<'r> {
    document: &'r Document,
    chosen: &'r Operation,
    variables: &'r Value,
    source: &'r dyn Source,
    now: Instant,
    nodes: usize,
    cost: usize,
    errors: Vec<Fault>,
}

impl<'r> Runner<'r> {
    fn spend(&mut self) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Fault::too_costly(format!("the answer has more than {NODES_MAX} values")).at("query"));
        }
        Ok(())
    }

    fn pay(&mut self) -> Result<(), Fault> {
        self.cost += 1;
        if self.cost > COST_MAX {
            let text = format!("more than {COST_MAX} references and searches");
            return Err(Fault::too_costly(text).at("query"));
        }
        Ok(())
    }

    /// A failed part of the answer is named beside it; what is too costly ends all of it.
    fn missed(&mut self, fault: Fault) -> Result<(), Fault> {
        match fault.kind {
            FaultKind::TooCostly | FaultKind::Unavailable | FaultKind::Bug => Err(fault),
            _ if self.errors.len() >= ERRORS_MAX => Ok(()),
            _ => {
                self.errors.push(fault);
                Ok(())
            }
        }
    }

    /// `@include`, `@skip`.
    fn is_wanted(&self, directives: &[Directive]) -> Result<bool, Fault> {
        for directive in directives {
            let wants = match directive.name.as_str() {
                "include" => true,
                "skip" => false,
                _ => continue,
            };
            let condition = directive.arguments.iter().find(|(name, _)| name == "if");
            let condition = condition.and_then(|(_, value)| self.value(value).as_bool());
            let condition = condition.ok_or_else(|| wrong("@include and @skip take `if`, true or false"))?;
            if condition != wants {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn value(&self, argument: &Argument) -> Value {
        match argument {
            Argument::Value(value) => value.clone(),
            Argument::List(all) => Value::Array(all.iter().map(|a| self.value(a)).collect()),
            Argument::Variable(name) => match self.variables.get(name) {
                Value::Null => {
                    let known = self.chosen.variables.iter().find(|(n, _)| n == name);
                    known.map_or(Value::Null, |(_, value)| value.clone())
                }
                given => given.clone(),
            },
        }
    }

    fn text(&self, argument: &Argument) -> String {
        match self.value(argument) {
            Value::String(text) => text.to_string(),
            Value::Bool(b) => b.to_string(),
            Value::Array(all) => {
                let each: Vec<String> = all.iter().map(plain_text).collect();
                each.join(",")
            }
            other => plain_text(&other),
        }
    }

    fn argument(&self, field: &Field, name: &str) -> Option<String> {
        field.arguments.iter().find(|(n, _)| n == name).map(|(_, value)| self.text(value))
    }

    fn is_true(&self, field: &Field, name: &str) -> bool {
        self.argument(field, name).is_some_and(|text| text == "true")
    }

    /// Selections with fragments opened, as far as they speak of the type.
    fn select(
        &mut self,
        out: &mut Object,
        element: &Element<'_>,
        fields: &'r Fields,
        place: Place<'_>,
    ) -> Result<(), Fault> {
        if place.depth > DEPTH_MAX {
            return Err(Fault::too_costly(format!("nested deeper than {DEPTH_MAX}")).at("query"));
        }
        let deeper = Place { depth: place.depth + 1, ..place };
        for selection in fields {
            match selection {
                Selection::Field(field) if self.is_wanted(&field.directives)? => {
                    self.field(out, element, field, deeper)?;
                }
                Selection::Inline(kind, directives, fields)
                    if speaks_of(element, kind) && self.is_wanted(directives)? =>
                {
                    self.select(out, element, fields, deeper)?;
                }
                Selection::Spread(name, directives) if self.is_wanted(directives)? => {
                    let fields = self.fragment(name)?;
                    self.select(out, element, fields, deeper)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn fragment(&self, name: &str) -> Result<&'r Fields, Fault> {
        self.document.fragments.get(name).ok_or_else(|| wrong(format!("no fragment is named {name}")))
    }

    fn field(
        &mut self,
        out: &mut Object,
        element: &Element<'_>,
        field: &'r Field,
        place: Place<'_>,
    ) -> Result<(), Fault> {
        self.spend()?;
        let key = format!("{}{}", field.alias, place.suffix);
        match field.name.as_str() {
            "__typename" | "resourceType" if element.is_resource => {
                put(out, &key, Value::from(element.kind), place.list);
                Ok(())
            }
            "resource" if !element.is_resource && element.value.get("reference").as_str().is_some() => {
                self.follow(out, element.value, field, place)
            }
            name if element.is_resource && is_search(name) => {
                let own = format!("{}/{}", element.kind, element.value.id());
                self.searched(out, field, Some(&own), place)
            }
            name => {
                if name.starts_with("__") {
                    return self.missed(Fault::not_supported("introspection is not offered").at(name));
                }
                let (values, is_list, kind) = children(element, name);
                let kept = self.filtered(&values, field);
                match kept {
                    Ok(kept) => self.values(out, &kept, is_list, kind, field, place),
                    Err(fault) => self.missed(fault),
                }
            }
        }
    }

    /// Puts values of one field, as its directives say.
    fn values(
        &mut self,
        out: &mut Object,
        values: &[&Value],
        is_list: bool,
        kind: &str,
        field: &'r Field,
        place: Place<'_>,
    ) -> Result<(), Fault> {
        let has = |name: &str| field.directives.iter().any(|d| d.name == name);
        let slice = match field.directives.iter().find(|d| d.name == "slice") {
            Some(directive) => Some(self.slice_path(directive)?),
            None => None,
        };
        let (flat, single) = (has("flatten"), has("singleton"));
        // @first is a filter: what is left of a list is a list of one.
        let collates = (is_list || place.list) && !single;
        let values = if has("first") { &values[..values.len().min(1)] } else { values };
        if single && values.len() > 1 {
            return self.missed(wrong(format!("{} has several values and is no singleton", field.name)));
        }
        for (n, value) in values.iter().enumerate() {
            self.spend()?;
            let own = match &slice {
                Some(path) => format!("{}.{}", place.suffix, self.slice_name(path, value, n)),
                None => place.suffix.to_owned(),
            };
            let key = format!("{}{own}", field.alias);
            let is_object = value.as_object().is_some();
            if is_object == field.select.is_empty() {
                let text =
                    if is_object { "is an object: say what is selected of it" } else { "has no fields" };
                return self.missed(Fault::invalid(text).at(field.name.as_str()));
            }
            if !is_object {
                put(out, &key, (*value).clone(), collates && slice.is_none());
                continue;
            }
            let is_resource = !value.resource_type().is_empty();
            let kind = if is_resource { value.resource_type() } else { kind };
            let element = Element { value, kind, is_resource };
            if flat {
                let inside = Place { list: collates && slice.is_none(), suffix: &own, depth: place.depth };
                self.select(out, &element, &field.select, inside)?;
            } else {
                let mut object = Object::new();
                let inside = Place { list: false, suffix: "", depth: place.depth };
                self.select(&mut object, &element, &field.select, inside)?;
                put(out, &key, Value::Object(object), collates && slice.is_none());
            }
        }
        Ok(())
    }

    fn slice_path(&self, directive: &Directive) -> Result<Option<Expression>, Fault> {
        let argument = directive.arguments.iter().find(|(name, _)| name == "fhirpath" || name == "path");
        let text = argument.map(|(_, value)| self.text(value)).unwrap_or_default();
        match text.as_str() {
            "" => Err(wrong("@slice takes `fhirpath`")),
            "$index" => Ok(None),
            text => Expression::parse(text).map(Some).map_err(|e| wrong(format!("@slice: {e}"))),
        }
    }

    /// What a slice is called: what its path says, or its place.
    fn slice_name(&self, path: &Option<Expression>, value: &Value, n: usize) -> String {
        let Some(path) = path else { return n.to_string() };
        let context = Context::new(value, self.now);
        let found = path.evaluate(&context).unwrap_or_default();
        match found.first() {
            Some(Item::Node(node)) => plain_text(node.value()),
            Some(Item::String(text)) => text.to_string(),
            Some(Item::Integer(n)) => n.to_string(),
            Some(Item::Boolean(b)) => b.to_string(),
            _ => n.to_string(),
        }
    }

    /// What the arguments leave of a list: `fhirpath`, `_offset`, `_count`, and equality of fields.
    fn filtered<'v>(&self, values: &[&'v Value], field: &Field) -> Result<Vec<&'v Value>, Fault> {
        let mut kept = values.to_vec();
        let (mut offset, mut count) = (0, usize::MAX);
        for (name, argument) in &field.arguments {
            let text = self.text(argument);
            let number =
                || text.parse().map_err(|_| Fault::invalid("must be a whole number").at(name.as_str()));
            match name.as_str() {
                "fhirpath" => {
                    let path = Expression::parse(&text).map_err(|e| wrong(format!("fhirpath: {e}")))?;
                    let mut left = Vec::new();
                    for value in kept {
                        if holds(&path, value, self.now)? {
                            left.push(value);
                        }
                    }
                    kept = left;
                }
                "_offset" => offset = number()?,
                "_count" => count = number()?,
                _ => kept.retain(|value| has_value(value.get(name), &text)),
            }
        }
        Ok(kept.into_iter().skip(offset).take(count).collect())
    }

    /// `resource` of a Reference; `optional` says that it may be missing, `type` which types are meant.
    fn follow(
        &mut self,
        out: &mut Object,
        reference: &Value,
        field: &'r Field,
        place: Place<'_>,
    ) -> Result<(), Fault> {
        self.pay()?;
        let wanted = self.argument(field, "type");
        let target = local(reference.str_of("reference"));
        let found = match target {
            Some((kind, _)) if wanted.as_deref().is_some_and(|w| w != kind) => return Ok(()),
            Some((kind, id)) => self.source.read(kind, id),
            None => Ok(None),
        };
        match found {
            Ok(Some(resource)) => {
                let kind = resource.resource_type().to_owned();
                self.values(out, &[&resource], false, &kind, field, place)
            }
            Ok(None) if self.is_true(field, "optional") => Ok(()),
            Ok(None) => {
                self.missed(Fault::not_found("a reference leads to nothing that can be seen").at("resource"))
            }
            Err(fault) => self.missed(fault),
        }
    }

    /// Fields of the system: `Patient(id:)`, `PatientList()`, `PatientConnection()`.
    fn roots(&mut self, out: &mut Object, fields: &'r Fields, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::too_costly(format!("nested deeper than {DEPTH_MAX}")).at("query"));
        }
        let place = Place { list: false, suffix: "", depth: depth + 1 };
        for selection in fields {
            match selection {
                Selection::Spread(name, directives) if self.is_wanted(directives)? => {
                    let fields = self.fragment(name)?;
                    self.roots(out, fields, depth + 1)?;
                }
                Selection::Inline(_, directives, fields) if self.is_wanted(directives)? => {
                    self.roots(out, fields, depth + 1)?;
                }
                Selection::Field(field) if self.is_wanted(&field.directives)? => {
                    self.spend()?;
                    self.root(out, field, place)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn root(&mut self, out: &mut Object, field: &'r Field, place: Place<'_>) -> Result<(), Fault> {
        if is_search(&field.name) {
            return self.searched(out, field, None, place);
        }
        if !schema::is_resource_type(&field.name) {
            let text = "is no field of the system: ask for Type(id:), TypeList() or TypeConnection()";
            return self.missed(Fault::invalid(text).at(field.name.as_str()));
        }
        let Some(id) = self.argument(field, "id").or_else(|| self.argument(field, "_id")) else {
            return self.missed(Fault::invalid("needs `id`").at(field.name.as_str()));
        };
        self.pay()?;
        match self.source.read(&field.name, &id) {
            Ok(Some(resource)) => self.values(out, &[&resource], false, &field.name, field, place),
            Ok(None) => self.missed(Fault::not_found("no such resource").at(field.name.as_str())),
            Err(fault) => self.missed(fault),
        }
    }

    fn searched(
        &mut self,
        out: &mut Object,
        field: &'r Field,
        own: Option<&str>,
        place: Place<'_>,
    ) -> Result<(), Fault> {
        self.pay()?;
        let (kind, is_list) = search_of(&field.name).unwrap_or_default();
        let mut pairs = Vec::new();
        for (name, argument) in &field.arguments {
            match (name.as_str(), own) {
                ("_reference", Some(own)) => pairs.push((self.text(argument), own.to_owned())),
                // GraphQL's names have no hyphens; FHIR's parameters do.
                _ => pairs.push((parameter_name(kind, name), self.text(argument))),
            }
        }
        if own.is_some() && !field.arguments.iter().any(|(name, _)| name == "_reference") {
            let text = "needs `_reference`: which parameter refers to this resource";
            return self.missed(Fault::invalid(text).at(field.name.as_str()));
        }
        let found = match self.source.search(kind, &pairs) {
            Ok(found) => found,
            Err(fault) => return self.missed(fault),
        };
        if is_list {
            let hits: Vec<&Value> = found.hits.iter().collect();
            if hits.is_empty() && !field.directives.iter().any(|d| d.name == "flatten" || d.name == "first") {
                put(out, &field.alias, Value::Array(Vec::new()), false);
            }
            return self.values(out, &hits, true, kind, field, place);
        }
        let connection = connection(&pairs, found);
        self.values(out, &[&connection], false, "", field, place)
    }
}

fn connection(pairs: &[(String, String)], found: Found) -> Value {
    let said = |name: &str| {
        let pair = pairs.iter().find(|(n, _)| n == name);
        pair.and_then(|(_, v)| v.parse::<i64>().ok())
    };
    let mut all = Value::object();
    if let Some(total) = found.total {
        all.set("count", total);
    }
    all.set("offset", said("_offset").unwrap_or(0));
    all.set("pagesize", said("_count").unwrap_or(i64::try_from(found.hits.len()).unwrap_or(i64::MAX)));
    for (name, place) in [("first", found.first), ("next", found.next)] {
        if let Some(place) = place {
            all.set(name, place);
        }
    }
    let edge = |hit: Value| Value::object().with("mode", "match").with("resource", hit);
    all.set("edges", Value::Array(found.hits.into_iter().map(edge).collect()));
    all
}

/// `PatientList` and `PatientConnection`, and whether it is a list.
fn search_of(name: &str) -> Option<(&str, bool)> {
    let list = name.strip_suffix("List").map(|kind| (kind, true));
    let found = list.or_else(|| name.strip_suffix("Connection").map(|kind| (kind, false)));
    found.filter(|(kind, _)| schema::is_resource_type(kind))
}

fn is_search(name: &str) -> bool {
    search_of(name).is_some()
}

/// `birth_date` for `birthdate` is not guessed, `value_quantity` for `value-quantity` is.
fn parameter_name(kind: &str, name: &str) -> String {
    let (first, rest) = name.split_at(usize::from(name.starts_with('_')));
    let hyphens = format!("{first}{}", rest.replace('_', "-"));
    match crate::search::parameter(kind, name).is_none() && crate::search::parameter(kind, &hyphens).is_some()
    {
        true => hyphens,
        false => name.to_owned(),
    }
}

/// Type and id of a reference within this server; nothing for others, contained ones and versions elsewhere.
fn local(reference: &str) -> Option<(&str, &str)> {
    let reference = reference.split("/_history/").next().unwrap_or_default();
    let (kind, id) = reference.split_once('/')?;
    (schema::is_resource_type(kind) && !id.is_empty() && !id.contains('/')).then_some((kind, id))
}

fn speaks_of(element: &Element<'_>, kind: &str) -> bool {
    let general = matches!(kind, "" | "Resource" | "DomainResource" | "Element");
    general || element.kind.is_empty() || element.kind == kind
}

/// The values of a field; of `value[x]` by `value` alone too, with the type that its name says.
fn children<'v>(element: &Element<'v>, name: &str) -> (Vec<&'v Value>, bool, &'v str) {
    match element.value.get(name) {
        Value::Null => {}
        Value::Array(all) => return (all.iter().filter(|v| !v.is_null()).collect(), true, ""),
        one => return (vec![one], false, ""),
    }
    let Some(object) = element.value.as_object() else { return (Vec::new(), false, "") };
    let chosen = object.iter().find_map(|(key, value)| {
        let kind = key.strip_prefix(name)?;
        let is_type = kind.starts_with(|c: char| c.is_ascii_uppercase())
            && schema::structure(kind).or_else(|| schema::structure(&lower_first(kind))).is_some();
        is_type.then_some((kind, value))
    });
    match chosen {
        Some((kind, value)) => (vec![value], false, kind),
        None => (Vec::new(), false, ""),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_ascii_lowercase().to_string() + chars.as_str())
}

fn has_value(field: &Value, text: &str) -> bool {
    match field {
        Value::Array(all) => all.iter().any(|one| has_value(one, text)),
        Value::Null | Value::Object(_) => false,
        plain => plain_text(plain) == text,
    }
}

fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Null => String::new(),
        other => crate::json::to_string(other),
    }
}

fn holds(path: &Expression, value: &Value, now: Instant) -> Result<bool, Fault> {
    let found = path.evaluate(&Context::new(value, now))?;
    Ok(match found.as_slice() {
        [Item::Boolean(b)] => *b,
        [Item::Node(node)] => is_true(node),
        _ => false,
    })
}

fn is_true(node: &Node<'_>) -> bool {
    node.value().as_bool() == Some(true)
}

fn put(out: &mut Object, key: &str, value: Value, in_list: bool) {
    if !in_list {
        return out.set(key, value);
    }
    match out.get_mut(key).and_then(Value::as_array_mut) {
        Some(all) => all.push(value),
        None => out.set(key, Value::Array(vec![value])),
    }
}

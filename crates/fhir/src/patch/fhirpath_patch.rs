//! FHIRPath Patch (FHIR R4, fhirpatch.html): add, insert, delete, replace and move, at places that FHIRPath finds.

use super::in_operation;
use crate::fhirpath::{Context, Expression, Item};
use crate::schema::{Child, Element, TypeRef};
use crate::value::{Object, Value};
use badiano_kernel::{Fault, Instant};

/// Parts in parts of one value.
const NESTING_MAX: usize = 20;

/// A step from an element to one below it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Property(Box<str>),
    At(usize),
}

pub(super) fn apply(parameters: &Value, to: &mut Value) -> Result<(), Fault> {
    for (n, operation) in parameters["parameter"].items().iter().enumerate() {
        if operation.str_of("name") != "operation" {
            return Err(in_operation(Fault::invalid("every parameter is an operation"), n));
        }
        one(&operation["part"], to).map_err(|fault| in_operation(fault, n))?;
    }
    Ok(())
}

fn one(parts: &Value, to: &mut Value) -> Result<(), Fault> {
    let path = text(parts, "path")?;
    match text(parts, "type")? {
        "add" => add(to, path, text(parts, "name")?, part(parts, "value")?),
        "insert" => insert(to, path, number(parts, "index")?, part(parts, "value")?),
        "delete" => match places(to, path)?.as_slice() {
            [] => Ok(()),
            [only] => take(to, only).map(|_| ()),
            _ => Err(Fault::invalid("the path finds more than one element").at("path")),
        },
        "replace" => replace(to, &single(to, path)?, part(parts, "value")?),
        "move" => shift(to, path, number(parts, "source")?, number(parts, "destination")?),
        _ => Err(Fault::invalid("type is add, insert, delete, replace or move").at("type")),
    }
}

fn part<'v>(parts: &'v Value, name: &str) -> Result<&'v Value, Fault> {
    let found = parts.items().iter().find(|p| p.str_of("name") == name);
    found.ok_or_else(|| Fault::invalid("a part of the operation is not there").at(name))
}

/// The `value[x]` of a parameter, with the type that its property tells.
fn value_of(part: &Value) -> Option<(&str, &Value)> {
    let object = part.as_object()?;
    object
        .iter()
        .find_map(|(key, value)| Some((key.strip_prefix("value").filter(|of| !of.is_empty())?, value)))
}

fn text<'v>(parts: &'v Value, name: &str) -> Result<&'v str, Fault> {
    let found = value_of(part(parts, name)?).and_then(|(_, value)| value.as_str());
    found.ok_or_else(|| Fault::invalid("must be a text").at(name))
}

fn number(parts: &Value, name: &str) -> Result<usize, Fault> {
    let found = value_of(part(parts, name)?).and_then(|(_, value)| value.as_i64());
    let found = found.and_then(|n| usize::try_from(n).ok());
    found.ok_or_else(|| Fault::invalid("must be a whole number from 0").at(name))
}

/// The places of all elements that a path finds.
fn places(resource: &Value, path: &str) -> Result<Vec<Vec<Step>>, Fault> {
    let invalid = |what: String| {
        Fault::invalid(format!("the path is no FHIRPath that can be patched: {what}")).at("path")
    };
    let expression = Expression::parse(path).map_err(|e| invalid(e.to_string()))?;
    // Nothing here may depend on the clock: a patch means the same whenever it is applied.
    let context = Context::new(resource, Instant::from_micros(0));
    let found = expression.evaluate(&context).map_err(|e| invalid(e.what.to_owned()))?;
    let mut all = Vec::with_capacity(found.len());
    for item in &found {
        let Item::Node(node) = item else { return Err(invalid("it finds a computed value".to_owned())) };
        let mut place = Vec::new();
        if !locate(resource, node.value(), &mut place) {
            return Err(invalid("it finds what is not in the resource".to_owned()));
        }
        all.push(place);
    }
    Ok(all)
}

fn single(resource: &Value, path: &str) -> Result<Vec<Step>, Fault> {
    let mut found = places(resource, path)?;
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Fault::invalid("the path finds nothing").at("path")),
        (Some(_), false) => Err(Fault::invalid("the path finds more than one element").at("path")),
    }
}

/// The way to an element that is known by where it stands in memory.
fn locate(from: &Value, wanted: &Value, way: &mut Vec<Step>) -> bool {
    if std::ptr::eq(from, wanted) {
        return true;
    }
    let below: Vec<(Step, &Value)> = match from {
        Value::Object(object) => object.iter().map(|(k, v)| (Step::Property(k.into()), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, v)| (Step::At(n), v)).collect(),
        _ => return false,
    };
    for (step, value) in below {
        way.push(step);
        if locate(value, wanted, way) {
            return true;
        }
        way.pop();
    }
    false
}

fn at<'v>(value: &'v mut Value, place: &[Step]) -> Result<&'v mut Value, Fault> {
    place.iter().try_fold(value, |value, step| {
        let below = match (step, value) {
            (Step::Property(name), Value::Object(object)) => object.get_mut(name),
            (Step::At(n), Value::Array(items)) => items.get_mut(*n),
            _ => None,
        };
        below.ok_or_else(|| Fault::bug("a place that was found is there"))
    })
}

/// The definition of the element at a place.
fn content(resource: &Value, place: &[Step]) -> Option<TypeRef> {
    let mut value = resource;
    let mut content = TypeRef::of(resource.resource_type())?;
    for step in place {
        match step {
            Step::Property(name) => {
                value = value.get(name);
                content = content.property(name)?.type_ref();
            }
            Step::At(n) => value = value.at(*n),
        }
        if let Some(of) = TypeRef::of(value.resource_type()) {
            content = of;
        }
    }
    Some(content)
}

/// The property that a name and the type of a value mean: `value` of a Quantity is `valueQuantity`.
fn property(content: TypeRef, name: &str, of: Option<&str>) -> Result<Child, Fault> {
    let unknown = || Fault::invalid("the element has no such property").at("name");
    if let Some(child) = content.property(name) {
        return Ok(child);
    }
    let choice = content.children().find(|e| e.is_choice && e.name == name).ok_or_else(unknown)?;
    let wanted = format!("{name}{}", of.unwrap_or(""));
    content.property(&wanted).filter(|child| std::ptr::eq(child.element, choice)).ok_or_else(unknown)
}

/// The value of a part in the form of an element: as it stands, or put together from parts.
fn made(part: &Value, content: TypeRef, depth: usize) -> Result<Value, Fault> {
    if let Some((_, value)) = value_of(part) {
        return Ok(value.clone());
    }
    if depth > NESTING_MAX {
        return Err(Fault::too_costly("the value is nested too deeply").at("value"));
    }
    let mut object = Object::new();
    for inner in part["part"].items() {
        let name = inner.str_of("name");
        let child = property(content, name, value_of(inner).map(|(of, _)| of))?;
        let value = made(inner, child.type_ref(), depth + 1)?;
        put(&mut object, child.element, child.of.property, value)?;
    }
    if object.is_empty() {
        return Err(Fault::invalid("the operation has no value").at("value"));
    }
    Ok(Value::Object(object))
}

/// Appends to a list, or sets what is not there yet.
fn put(object: &mut Object, element: &Element, name: &str, value: Value) -> Result<(), Fault> {
    match (element.is_list(), object.get_mut(name)) {
        (true, Some(Value::Array(items))) => items.push(value),
        (true, _) => object.set(name, Value::Array(vec![value])),
        (false, None) => object.set(name, value),
        (false, Some(_)) => return Err(Fault::invalid("the element is there already: replace it").at("name")),
    }
    Ok(())
}

fn add(to: &mut Value, path: &str, name: &str, value: &Value) -> Result<(), Fault> {
    let place = single(to, path)?;
    let content = content(to, &place)
        .ok_or_else(|| Fault::invalid("the path finds what has no definition").at("path"))?;
    let child = property(content, name, value_of(value).map(|(of, _)| of))?;
    let value = made(value, child.type_ref(), 0)?;
    match at(to, &place)? {
        Value::Object(object) => put(object, child.element, child.of.property, value),
        _ => Err(Fault::invalid("nothing can be added to a primitive").at("path")),
    }
}

/// The list that holds all elements of a path, which are its whole content.
fn list(resource: &Value, path: &str) -> Result<(Vec<Step>, usize), Fault> {
    let found = places(resource, path)?;
    let invalid = || Fault::invalid("the path does not find a list").at("path");
    let (last, list) = found.first().and_then(|first| first.split_last()).ok_or_else(invalid)?;
    let all_in_it = found.iter().all(|place| place.split_last().is_some_and(|(_, l)| l == list));
    match last {
        Step::At(_) if all_in_it => Ok((list.to_vec(), found.len())),
        _ => Err(invalid()),
    }
}

fn items<'v>(to: &'v mut Value, list: &[Step]) -> Result<&'v mut Vec<Value>, Fault> {
    at(to, list)?.as_array_mut().ok_or_else(|| Fault::bug("a list that was found is there"))
}

fn insert(to: &mut Value, path: &str, index: usize, value: &Value) -> Result<(), Fault> {
    if index == 0 && places(to, path)?.is_empty() {
        // The first of a list that is not there yet.
        let (parent, name) =
            path.rsplit_once('.').ok_or_else(|| Fault::invalid("the path finds nothing").at("path"))?;
        return add(to, parent, name, value);
    }
    let (list, count) = list(to, path)?;
    if index > count {
        return Err(Fault::invalid("the index lies behind the end of the list").at("index"));
    }
    let content =
        content(to, &list).ok_or_else(|| Fault::invalid("the list has no definition").at("path"))?;
    let value = made(value, content, 0)?;
    items(to, &list)?.insert(index, value);
    Ok(())
}

fn shift(to: &mut Value, path: &str, source: usize, destination: usize) -> Result<(), Fault> {
    let (list, count) = list(to, path)?;
    if source >= count || destination >= count {
        return Err(Fault::invalid("source and destination are places of the list").at("source"));
    }
    let items = items(to, &list)?;
    let moved = items.remove(source);
    items.insert(destination, moved);
    Ok(())
}

fn replace(to: &mut Value, place: &[Step], value: &Value) -> Result<(), Fault> {
    let unknown = || Fault::invalid("the path finds what cannot be replaced").at("path");
    let own = content(to, place).ok_or_else(unknown)?;
    let value_made = made(value, own, 0)?;
    if let Some((Step::Property(name), above)) = place.split_last() {
        let child = content(to, above).and_then(|c| c.property(name)).ok_or_else(unknown)?;
        let of = value_of(value).map(|(of, _)| of);
        // A choice that gets a value of another type bears another name.
        if child.element.is_choice && of.is_some() {
            let renamed =
                property(content(to, above).ok_or_else(unknown)?, child.element.name, of)?.of.property;
            if renamed != &**name {
                take(to, place)?;
                at(to, above)?.set(renamed, value_made);
                return Ok(());
            }
        }
    }
    *at(to, place)? = value_made;
    Ok(())
}

/// Takes an element away, with what stands beside it when it is a primitive; an empty list goes too.
fn take(to: &mut Value, place: &[Step]) -> Result<Value, Fault> {
    let (last, above) =
        place.split_last().ok_or_else(|| Fault::invalid("a resource is deleted by DELETE").at("path"))?;
    match last {
        Step::Property(name) => {
            let object =
                at(to, above)?.as_object_mut().ok_or_else(|| Fault::bug("a property is in an object"))?;
            object.remove(&format!("_{name}"));
            object.remove(name).ok_or_else(|| Fault::bug("a place that was found is there"))
        }
        Step::At(n) => {
            let items = items(to, above)?;
            let taken = items.remove(*n);
            let is_empty = items.is_empty();
            if let Some((Step::Property(name), owner)) = above.split_last() {
                let beside = format!("_{name}");
                let owner =
                    at(to, owner)?.as_object_mut().ok_or_else(|| Fault::bug("a property is in an object"))?;
                if let Some(Value::Array(beside)) = owner.get_mut(&beside)
                    && *n < beside.len()
                {
                    beside.remove(*n);
                }
                if is_empty {
                    owner.remove(name);
                    owner.remove(&beside);
                }
            }
            Ok(taken)
        }
    }
}

//! JSON Patch (RFC 6902) with JSON Pointers (RFC 6901).

use super::in_operation;
use crate::value::Value;
use badiano_kernel::Fault;

pub(super) fn apply(operations: &Value, to: &mut Value) -> Result<(), Fault> {
    for (n, operation) in operations.items().iter().enumerate() {
        one(operation, to).map_err(|fault| in_operation(fault, n))?;
    }
    Ok(())
}

fn one(operation: &Value, to: &mut Value) -> Result<(), Fault> {
    let path = pointer(operation, "path")?;
    let value = || match operation.as_object().and_then(|o| o.get("value")) {
        Some(value) => Ok(value.clone()),
        None => Err(Fault::invalid("the operation has no value").at("value")),
    };
    match operation.str_of("op") {
        "add" => add(to, &path, value()?),
        "remove" => remove(to, &path).map(|_| ()),
        "replace" => {
            *find(to, &path)? = value()?;
            Ok(())
        }
        "move" => {
            let from = pointer(operation, "from")?;
            if path.len() > from.len() && path.starts_with(&from) {
                return Err(Fault::invalid("a value cannot be moved into itself").at("path"));
            }
            let moved = remove(to, &from)?;
            add(to, &path, moved)
        }
        "copy" => {
            let copied = find(to, &pointer(operation, "from")?)?.clone();
            add(to, &path, copied)
        }
        "test" if *find(to, &path)? == value()? => Ok(()),
        "test" => Err(Fault::unmet("the value is not the one that is tested for").at("path")),
        _ => Err(Fault::invalid("op is add, remove, replace, move, copy or test").at("op")),
    }
}

/// The reference tokens of a pointer.
fn pointer(operation: &Value, key: &str) -> Result<Vec<String>, Fault> {
    let invalid = || Fault::invalid("must be a JSON Pointer").at(key);
    let text = operation.get(key).as_str().ok_or_else(invalid)?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let rest = text.strip_prefix('/').ok_or_else(invalid)?;
    Ok(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
}

fn absent() -> Fault {
    Fault::invalid("there is nothing at this place").at("path")
}

/// An index without leading zeros.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with(['0', '+']);
    token.parse().ok().filter(|_| plain)
}

fn find<'v>(value: &'v mut Value, path: &[String]) -> Result<&'v mut Value, Fault> {
    path.iter().try_fold(value, |value, token| match value {
        Value::Object(object) => object.get_mut(token).ok_or_else(absent),
        Value::Array(items) => index(token).and_then(|at| items.get_mut(at)).ok_or_else(absent),
        _ => Err(absent()),
    })
}

fn add(to: &mut Value, path: &[String], value: Value) -> Result<(), Fault> {
    let Some((last, parent)) = path.split_last() else {
        *to = value;
        return Ok(());
    };
    match find(to, parent)? {
        Value::Object(object) => object.set(last, value),
        Value::Array(items) => {
            let at = if last == "-" { Some(items.len()) } else { index(last) };
            let at = at.filter(|at| *at <= items.len()).ok_or_else(absent)?;
            items.insert(at, value);
        }
        _ => return Err(absent()),
    }
    Ok(())
}

fn remove(from: &mut Value, path: &[String]) -> Result<Value, Fault> {
    let (last, parent) = path.split_last().ok_or_else(absent)?;
    match find(from, parent)? {
        Value::Object(object) => object.remove(last).ok_or_else(absent),
        Value::Array(items) => {
            let at = index(last).filter(|at| *at < items.len()).ok_or_else(absent)?;
            Ok(items.remove(at))
        }
        _ => Err(absent()),
    }
}

//! The element tree: a FHIR resource as it was written, order of properties and text of numbers kept (FHIR R4, json.html).

/// One JSON value. Numbers keep their text (`0.50` stays `0.50`); objects keep the order of their properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Bool(bool),
    /// The number as written.
    Number(Box<str>),
    String(Box<str>),
    Array(Vec<Value>),
    Object(Object),
}

/// Properties in their order; keys are unique (the reader refuses duplicates).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object {
    fields: Vec<(Box<str>, Value)>,
}

impl Object {
    pub fn new() -> Self {
        Object::default()
    }
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.fields.iter().find(|(k, _)| &**k == key).map(|(_, v)| v)
    }
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.fields.iter_mut().find(|(k, _)| &**k == key).map(|(_, v)| v)
    }
    /// Puts a property in its old place, or at the end.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        match self.get_mut(key) {
            Some(old) => *old = value.into(),
            None => self.fields.push((key.into(), value.into())),
        }
    }
    /// Puts a property at the end without looking for an old one: for a reader that has checked.
    pub fn push(&mut self, key: impl Into<Box<str>>, value: Value) {
        self.fields.push((key.into(), value));
    }
    /// Puts a property at a position, for `resourceType`, `id` and `meta` to stand first.
    pub fn insert(&mut self, at: usize, key: &str, value: impl Into<Value>) {
        self.fields.retain(|(k, _)| &**k != key);
        self.fields.insert(at.min(self.fields.len()), (key.into(), value.into()));
    }
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.fields.iter().position(|(k, _)| &**k == key)?;
        Some(self.fields.remove(at).1)
    }
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(k, v)| (&**k, v))
    }
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.fields.iter_mut().map(|(k, v)| (&**k, v))
    }
    pub fn len(&self) -> usize {
        self.fields.len()
    }
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// An empty answer for a look-up that found nothing, so that look-ups chain.
static NULL: Value = Value::Null;

impl Value {
    pub fn object() -> Self {
        Value::Object(Object::new())
    }
    /// The property, or `Null`: `patient["name"][0]["family"].as_str()` never panics.
    pub fn get(&self, key: &str) -> &Value {
        match self {
            Value::Object(o) => o.get(key).unwrap_or(&NULL),
            _ => &NULL,
        }
    }
    pub fn at(&self, index: usize) -> &Value {
        match self {
            Value::Array(a) => a.get(index).unwrap_or(&NULL),
            _ => &NULL,
        }
    }
    /// The items of an array; nothing for anything else.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(a) => a,
            _ => &[],
        }
    }
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }
    /// The text of a string, or nothing: for reading an optional property in one step.
    pub fn str_of(&self, key: &str) -> &str {
        self.get(key).as_str().unwrap_or("")
    }
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }
    pub fn as_number(&self) -> Option<&str> {
        match self {
            Value::Number(n) => Some(n),
            _ => None,
        }
    }
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.parse().ok()
    }
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(o) => Some(o),
            _ => None,
        }
    }
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Value::Object(o) => Some(o),
            _ => None,
        }
    }
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Value>> {
        match self {
            Value::Array(a) => Some(a),
            _ => None,
        }
    }
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
    /// Sets a property of an object; anything else becomes an object first.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        if !matches!(self, Value::Object(_)) {
            *self = Value::object();
        }
        if let Value::Object(o) = self {
            o.set(key, value);
        }
    }
    /// Appends to the array under a key, making it where there is none.
    pub fn push(&mut self, key: &str, value: impl Into<Value>) {
        if self.get(key).is_null() {
            self.set(key, Value::Array(Vec::new()));
        }
        if let Some(Value::Array(a)) = self.as_object_mut().and_then(|o| o.get_mut(key)) {
            a.push(value.into());
        }
    }
    /// The same value with a property set, for building.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }
    /// The type of a resource, or nothing.
    pub fn resource_type(&self) -> &str {
        self.str_of("resourceType")
    }
    /// The logical id of a resource, or nothing.
    pub fn id(&self) -> &str {
        self.str_of("id")
    }
}

impl std::ops::Index<&str> for Value {
    type Output = Value;
    fn index(&self, key: &str) -> &Value {
        self.get(key)
    }
}
impl std::ops::Index<usize> for Value {
    type Output = Value;
    fn index(&self, index: usize) -> &Value {
        self.at(index)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::String(s.into())
    }
}
impl From<String> for Value {
    fn from(s: String) -> Self {
        Value::String(s.into())
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}
impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Value::Number(n.to_string().into())
    }
}
impl From<usize> for Value {
    fn from(n: usize) -> Self {
        Value::Number(n.to_string().into())
    }
}
impl From<Vec<Value>> for Value {
    fn from(a: Vec<Value>) -> Self {
        Value::Array(a)
    }
}
impl From<Object> for Value {
    fn from(o: Object) -> Self {
        Value::Object(o)
    }
}

/// Builds a [`Value`] in the shape of JSON: `fhir!({ "resourceType": "Patient", "active": true, "name": [{ "family": name }] })`.
/// Keys are literals; any Rust expression that is `Into<Value>` may stand as a value.
#[macro_export]
macro_rules! fhir {
    (null) => { $crate::Value::Null };
    ([ $($item:tt),* $(,)? ]) => { $crate::Value::Array(vec![ $( $crate::fhir!($item) ),* ]) };
    ({ $($key:literal : $value:tt),* $(,)? }) => {{
        #[allow(unused_mut)]
        let mut object = $crate::value::Object::new();
        $( object.set($key, $crate::fhir!($value)); )*
        $crate::Value::Object(object)
    }};
    ($other:expr) => { $crate::Value::from($other) };
}

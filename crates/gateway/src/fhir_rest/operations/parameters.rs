//! The resource Parameters that an operation is asked with (FHIR R4, parameters.html).

use crate::fhir_rest::form;
use crate::reply::Refusal;
use axum::http::HeaderMap;
use badiano_fhir::Value;
use badiano_kernel::Fault;

/// What an operation was sent: Parameters, one resource as it stands, or nothing.
pub struct Sent(Value);

impl Sent {
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Sent, Refusal> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Sent(Value::Null));
        }
        form::read(headers, body).map(Sent)
    }

    /// As it was sent.
    pub fn into_value(self) -> Value {
        self.0
    }

    /// All values of a name, of whatever type.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Value> {
        self.listed().iter().filter(move |p| p.str_of("name") == name).filter_map(value_of)
    }

    /// The value of a name as text: a code, an address, a date, a number.
    pub fn text<'s>(&'s self, name: &'s str) -> Option<&'s str> {
        self.all(name).find_map(|value| value.as_str().or_else(|| value.as_number()))
    }

    /// The resource of a name; what was sent bare is the one resource that an operation is about.
    pub fn resource(&self, name: &str) -> Option<&Value> {
        if self.0.is_null() {
            return None;
        }
        if self.0.resource_type() != "Parameters" {
            return Some(&self.0);
        }
        let mut named = self.listed().iter().filter(|p| p.str_of("name") == name);
        named.find_map(|p| Some(p.get("resource")).filter(|r| !r.is_null()))
    }

    /// Every simple parameter as a pair, for operations that are asked by address too.
    pub fn pairs(&self) -> Result<Vec<(String, String)>, Refusal> {
        if !self.0.is_null() && self.0.resource_type() != "Parameters" {
            let text = "the operation is asked with Parameters";
            return Err(Refusal::fhir(Fault::invalid(text).at("resourceType")));
        }
        let pair = |p: &Value| {
            let value = value_of(p)?;
            let text = match value {
                Value::Bool(b) => b.to_string(),
                other => other.as_str().or_else(|| other.as_number())?.to_owned(),
            };
            Some((p.str_of("name").to_owned(), text))
        };
        Ok(self.listed().iter().filter_map(pair).collect())
    }

    fn listed(&self) -> &[Value] {
        match self.0.resource_type() {
            "Parameters" => self.0.get("parameter").items(),
            _ => &[],
        }
    }
}

/// `valueString`, `valueMeta`: whatever type it has.
fn value_of(parameter: &Value) -> Option<&Value> {
    let mut all = parameter.as_object()?.iter();
    all.find(|(key, _)| key.starts_with("value")).map(|(_, value)| value)
}

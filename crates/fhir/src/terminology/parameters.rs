//! What a terminology operation is asked with: Parameters, however they came (FHIR R4, parameters.html, operations.html#executing).

use super::canonical::{divided, languages};
use crate::fhir;
use crate::value::Value;
use badiano_kernel::Fault;

/// The parameters of one question.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    parameters: Vec<Value>,
    /// `Accept-Language` of the request: what holds where no `displayLanguage` is given.
    pub accept_language: String,
}

/// A code that is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coded {
    pub system: String,
    pub version: String,
    pub code: String,
    pub display: String,
}

impl Coded {
    pub fn of(coding: &Value) -> Coded {
        let text = |key: &str| coding.str_of(key).to_owned();
        let (system, version) = (text("system"), text("version"));
        let (url, own) = divided(&system);
        let version = if version.is_empty() { own.to_owned() } else { version };
        Coded { system: url.to_owned(), version, code: text("code"), display: text("display") }
    }
}

impl Asked {
    /// From Parameters and from the pairs of an address; a resource that stands alone is the parameter of its type.
    pub fn new(body: Value, pairs: &[(String, String)]) -> Asked {
        let mut parameters: Vec<Value> = Vec::new();
        for (name, value) in pairs {
            parameters.push(fhir!({ "name": (name.as_str()), "valueString": (value.as_str()) }));
        }
        match body.resource_type() {
            "" => {}
            "Parameters" => parameters.extend(body["parameter"].items().iter().cloned()),
            kind => {
                let name = format!("{}{}", kind[..1].to_ascii_lowercase(), &kind[1..]);
                parameters.push(fhir!({ "name": name, "resource": body }));
            }
        }
        Asked { parameters, accept_language: String::new() }
    }

    /// With the resource that the address names.
    pub fn about(&mut self, name: &str, resource: Value) {
        self.parameters.insert(0, fhir!({ "name": name, "resource": resource }));
    }

    fn named<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Value> {
        self.parameters.iter().filter(move |p| p.str_of("name") == name)
    }

    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Value> {
        self.named(name).filter_map(|p| {
            p.as_object()?.iter().find(|(key, _)| key.starts_with("value")).map(|(_, value)| value)
        })
    }

    pub fn text<'s>(&'s self, name: &'s str) -> Option<&'s str> {
        self.values(name).find_map(|v| v.as_str().or_else(|| v.as_number())).filter(|t| !t.is_empty())
    }

    pub fn texts<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.values(name).filter_map(Value::as_str)
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.values(name).next() {
            None => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(*b)),
            Some(Value::String(text)) if &**text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if &**text == "false" => Ok(Some(false)),
            Some(_) => Err(Fault::invalid("must be true or false").at(name)),
        }
    }

    pub fn number(&self, name: &str) -> Result<Option<usize>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Fault::invalid("must be a number, 0 or more").at(name))
    }

    pub fn resource<'s>(&'s self, name: &'s str) -> Option<&'s Value> {
        self.named(name).map(|p| &p["resource"]).find(|r| !r.is_null())
    }

    /// A canonical, with the version that another parameter may tell.
    pub fn canonical(&self, name: &str, version: &str) -> Option<String> {
        let url = self.text(name)?;
        match self.text(version) {
            Some(version) if !url.contains('|') => Some(format!("{url}|{version}")),
            _ => Some(url.to_owned()),
        }
    }

    /// The codes that are asked about: of a CodeableConcept each.
    pub fn coded(&self) -> Result<Vec<Coded>, Fault> {
        if let Some(concept) = self.values("codeableConcept").next() {
            let all: Vec<Coded> = concept["coding"].items().iter().map(Coded::of).collect();
            return if all.is_empty() {
                Err(Fault::invalid("has no coding").at("codeableConcept"))
            } else {
                Ok(all)
            };
        }
        if let Some(coding) = self.values("coding").next() {
            let coded = match coding {
                // `system|code`, as addresses write it.
                Value::String(text) => {
                    let (system, code) = text.rsplit_once('|').unwrap_or(("", text));
                    Coded { system: system.to_owned(), code: code.to_owned(), ..Coded::default() }
                }
                other => Coded::of(other),
            };
            return if coded.code.is_empty() {
                Err(Fault::invalid("has no code").at("coding"))
            } else {
                Ok(vec![coded])
            };
        }
        let code = self.text("code").ok_or_else(|| {
            Fault::invalid("name a code: code (with system), coding or codeableConcept").at("code")
        })?;
        let text = |name: &str| self.text(name).unwrap_or_default().to_owned();
        let system = text("system");
        let (url, own) = divided(&system);
        let version = [text("version"), text("systemVersion"), own.to_owned()];
        let version = version.into_iter().find(|v| !v.is_empty()).unwrap_or_default();
        Ok(vec![Coded { system: url.to_owned(), version, code: code.to_owned(), display: text("display") }])
    }

    /// A code under one of two names, as a Coding or bare.
    pub fn coding_or_code(&self, coding: &str, code: &str) -> Result<Coded, Fault> {
        if let Some(told) = self.values(coding).next() {
            return Ok(Coded::of(told));
        }
        let text = |name: &str| self.text(name).unwrap_or_default().to_owned();
        let bare = self.text(code).ok_or_else(|| Fault::invalid("is needed").at(code))?;
        Ok(Coded {
            system: text("system"),
            version: text("version"),
            code: bare.to_owned(),
            display: String::new(),
        })
    }

    /// The codings of `$closure`.
    pub fn codings(&self, name: &str) -> Vec<Coded> {
        self.values(name).map(Coded::of).filter(|c| !c.code.is_empty()).collect()
    }

    /// `dependency` of `$translate`: property and value.
    pub fn dependencies(&self) -> Vec<(String, String)> {
        let one = |p: &Value| {
            let part = |name: &str| p["part"].items().iter().find(|part| part.str_of("name") == name);
            let property = part("element")?.str_of("valueUri").to_owned();
            let concept = &part("concept")?["valueCodeableConcept"];
            let value = concept["coding"][0]["code"].as_str().unwrap_or_else(|| concept.str_of("text"));
            Some((property, value.to_owned()))
        };
        self.named("dependency").filter_map(one).collect()
    }

    /// In the order of the reader's wish.
    pub fn languages(&self) -> Vec<String> {
        languages(self.text("displayLanguage").unwrap_or(&self.accept_language))
    }

    /// Whether the language was asked for by name and not by the browser's habit.
    pub fn names_language(&self) -> bool {
        self.text("displayLanguage").is_some()
    }
}

/// One parameter of an answer.
pub(super) fn part(name: &str, key: &str, value: impl Into<Value>) -> Value {
    let mut made = fhir!({ "name": name });
    made.set(key, value);
    made
}

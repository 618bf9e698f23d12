//! One entry of a batch or transaction, understood: what it does to which resource under which condition (FHIR R4, bundle.html#request).

use super::Names;
use crate::conditional::Criteria;
use crate::resources::{Draft, Precondition};
use badiano_fhir::patch::Patch;
use badiano_fhir::search::Reading;
use badiano_fhir::{Value, json, schema};
use badiano_kernel::{Fault, id::LogicalId};
use base64::Engine;

/// What an entry does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Method {
    Delete,
    Post,
    Put,
    Patch(Patch),
    Get,
}

pub(super) struct Step {
    /// Its place in the bundle.
    pub n: usize,
    pub full_url: String,
    /// The address as written, for reads.
    pub url: String,
    pub kind: String,
    /// Given now for a create; for conditional entries the writer finds another.
    pub id: String,
    pub content: Option<Content>,
    pub method: Method,
    pub expect: Precondition,
    pub criteria: Option<Criteria>,
    /// It creates a person whom the writer knows already.
    pub known: bool,
}

/// What an entry writes.
pub(super) enum Content {
    Open(Value),
    /// Made ready for the writer.
    Ready(Box<Draft>),
}

impl Content {
    pub fn value(&self) -> &Value {
        match self {
            Content::Open(resource) => resource,
            Content::Ready(draft) => draft.resource(),
        }
    }

    pub fn open(self) -> Value {
        match self {
            Content::Open(resource) => resource,
            Content::Ready(draft) => draft.reopen(),
        }
    }

    /// With references to what is called otherwise now; only then it must be made ready again.
    pub fn renamed(self, names: &Names) -> Content {
        if names.is_empty() || !super::names_any(self.value(), names) {
            return self;
        }
        let mut resource = self.open();
        super::resolve(&mut resource, names);
        Content::Open(resource)
    }
}

impl Step {
    pub fn target(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    pub fn read(entry: &Value, n: usize, reading: Reading<'_>) -> Result<Step, Fault> {
        let request = &entry["request"];
        let url = request.str_of("url").trim_start_matches('/');
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
        let (kind, id) = path.split_once('/').unwrap_or((path, ""));
        let method = method(request.str_of("method"), &entry["resource"])?;
        let mut step = Step {
            n,
            full_url: entry.str_of("fullUrl").to_owned(),
            url: url.to_owned(),
            kind: kind.to_owned(),
            id: id.to_owned(),
            content: None,
            known: false,
            method,
            expect: expectation(request)?,
            criteria: None,
        };
        if step.method == Method::Get {
            return Ok(step);
        }
        if !schema::is_resource_type(kind) {
            return Err(Fault::invalid("the url names no resource type").at("request.url"));
        }
        if matches!(step.method, Method::Post | Method::Put) {
            let resource = entry["resource"].clone();
            if resource.resource_type() != kind {
                return Err(Fault::invalid("the url is not about the type of the resource").at("request.url"));
            }
            step.content = Some(Content::Open(resource));
        }
        let condition = match step.method {
            Method::Post => request["ifNoneExist"].as_str(),
            _ => query.filter(|_| id.is_empty()),
        };
        if let Some(text) = condition {
            let text = text.trim_start_matches('?');
            let text = text.strip_prefix(kind).and_then(|t| t.strip_prefix('?')).unwrap_or(text);
            let criteria = Criteria::parse(kind, &badiano_fhir::search::pairs(text), reading);
            step.criteria = Some(criteria.map_err(|f| f.at("request"))?);
        }
        step.name()?;
        Ok(step)
    }

    /// Gives the resource its id, as the address and the method want it.
    fn name(&mut self) -> Result<(), Fault> {
        let wrong = |text: &str| Err(Fault::invalid(text).at("request.url"));
        let own = self.content.as_ref().map(|c| c.value().id().to_owned()).unwrap_or_default();
        match (&self.method, self.id.is_empty(), self.criteria.is_some()) {
            (Method::Post, true, _) => {
                LogicalId::random().as_str().clone_into(&mut self.id);
                self.expect = Precondition::Absent;
            }
            (Method::Post, false, _) => return wrong("the url of a POST is the type of its resource"),
            (Method::Put, true, true) => {
                self.id = if own.is_empty() { LogicalId::random().as_str().to_owned() } else { own };
            }
            (Method::Put, false, false) if own == self.id => {}
            (Method::Put, ..) => return wrong("the url of a PUT is the type and id of its resource"),
            (_, true, false) => return wrong("the url is a type and an id, or a type and a condition"),
            _ => {}
        }
        if let Some(Content::Open(resource)) = &mut self.content {
            resource.set("id", self.id.as_str());
        }
        Ok(())
    }
}

fn method(name: &str, resource: &Value) -> Result<Method, Fault> {
    match name {
        "POST" => Ok(Method::Post),
        "PUT" => Ok(Method::Put),
        "DELETE" => Ok(Method::Delete),
        "GET" | "HEAD" => Ok(Method::Get),
        "PATCH" => patch(resource).map(Method::Patch),
        _ => Err(Fault::invalid("an entry names a method").at("request.method")),
    }
}

/// A FHIRPath Patch stands as it is, a JSON Patch in a Binary (http.html#patch).
fn patch(resource: &Value) -> Result<Patch, Fault> {
    if resource.resource_type() != "Binary" {
        return Patch::read(resource.clone()).map_err(|f| f.at("resource"));
    }
    let invalid = || Fault::invalid("the Binary holds no JSON Patch").at("resource.data");
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(resource.str_of("data")).map_err(|_| invalid())?;
    Patch::read(json::parse(&bytes).map_err(|_| invalid())?)
}

fn expectation(request: &Value) -> Result<Precondition, Fault> {
    match (request.str_of("ifMatch"), request.str_of("ifNoneMatch")) {
        ("", "*") => Ok(Precondition::Absent),
        ("", _) => Ok(Precondition::None),
        (tag, _) => {
            let number = tag.trim_start_matches("W/").trim_matches('"').parse();
            let number = number.map_err(|_| Fault::invalid("ifMatch is a version tag").at("request.ifMatch"));
            Ok(Precondition::Version(number?))
        }
    }
}

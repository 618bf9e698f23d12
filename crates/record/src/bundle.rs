//! Batch and transaction: many interactions in one request, a transaction in one commit (FHIR R4, http.html#transaction).

use crate::resources::{Draft, Precondition, Versioned, Writer, check};
use crate::session::Session;
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, FaultKind, id::LogicalId};
use badiano_store::Tx;
use std::collections::BTreeMap;

/// Entries in one bundle.
pub const ENTRIES_MAX: usize = 10_000;

/// One entry, understood.
struct Step {
    full_url: String,
    /// `Kind/id`, given now for a create.
    target: String,
    resource: Option<Value>,
    /// The resource made ready for the writer.
    draft: Option<Draft>,
    expect: Precondition,
    method: Method,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Post,
    Put,
    Delete,
    Get,
}

impl Session {
    /// All or nothing: every entry is checked, references between entries resolved, and all are written in one commit.
    pub async fn transaction(&self, bundle: &Value) -> Result<Value, Fault> {
        let mut steps = read_steps(bundle)?;
        let targets: BTreeMap<String, String> = steps
            .iter()
            .filter(|s| !s.full_url.is_empty())
            .map(|s| (s.full_url.clone(), s.target.clone()))
            .collect();
        let session = self.clone();
        let writer = self.writer();
        for (n, step) in steps.iter_mut().enumerate() {
            if let Some(mut resource) = step.resource.take() {
                resolve(&mut resource, &targets);
                check(&resource).and_then(|()| self.may_write(&resource)).map_err(|f| in_entry(f, n))?;
                let draft = writer.prepare(self.node().store(), resource);
                step.draft = Some(draft.map_err(|f| in_entry(f, n))?);
            }
        }
        let answers = self
            .node()
            .store()
            .write(move |tx| {
                let answers =
                    writer.as_one_access(tx, |tx| write_steps(tx, &session, &writer, &mut steps))?;
                Ok((answers, steps))
            })
            .await;
        let (answers, steps) = answers?;
        self.answer_transaction(answers, &steps)
    }

    fn answer_transaction(&self, mut answers: Vec<Answer>, steps: &[Step]) -> Result<Value, Fault> {
        for (n, step) in steps.iter().enumerate().filter(|(_, s)| s.method == Method::Get) {
            let (kind, id) =
                step.target.split_once('/').ok_or_else(|| in_entry(search_in_transaction(), n))?;
            answers.push((n, Some(self.read(kind, id).map_err(|f| in_entry(f, n))?)));
        }
        answers.sort_by_key(|(n, _)| *n);
        let entries =
            answers.into_iter().map(|(n, done)| entry_of(done, steps[n].method == Method::Get)).collect();
        Ok(
            fhir!({ "resourceType": "Bundle", "type": "transaction-response", "entry": (Value::Array(entries)) }),
        )
    }

    /// Each entry for itself; one that fails leaves the others alone.
    pub async fn batch(&self, bundle: &Value) -> Result<Value, Fault> {
        let steps = read_steps(bundle)?;
        let mut entries = Vec::new();
        for step in steps {
            let is_read = step.method == Method::Get;
            let entry = match self.batch_step(step).await {
                Ok(done) => entry_of(done, is_read),
                Err(fault) => failed_entry(&fault),
            };
            entries.push(entry);
        }
        Ok(fhir!({ "resourceType": "Bundle", "type": "batch-response", "entry": (Value::Array(entries)) }))
    }

    async fn batch_step(&self, step: Step) -> Result<Option<Versioned>, Fault> {
        let (kind, id) = step.target.split_once('/').ok_or_else(search_in_transaction)?;
        match (step.method, step.resource) {
            (Method::Get, _) => self.read(kind, id).map(Some),
            (Method::Delete, _) => self.delete(kind, id, step.expect).await.map(|()| None),
            (Method::Post | Method::Put, Some(resource)) => {
                self.update(resource, step.expect).await.map(Some)
            }
            (Method::Post | Method::Put, None) => Err(Fault::invalid("an entry that writes has a resource")),
        }
    }
}

type Answer = (usize, Option<Versioned>);

fn write_steps(
    tx: &mut Tx<'_>,
    session: &Session,
    writer: &Writer,
    steps: &mut [Step],
) -> Result<Vec<Answer>, Fault> {
    let mut answers: Vec<Answer> = Vec::new();
    // Deletes, creates, updates, then reads: the order the standard gives.
    for method in [Method::Delete, Method::Post, Method::Put] {
        for (n, step) in steps.iter_mut().enumerate().filter(|(_, s)| s.method == method) {
            let (kind, id) =
                step.target.split_once('/').ok_or_else(|| Fault::bug("a target has a kind and an id"))?;
            if let Some(old) = tx.get(kind, id)?
                && !session.sees_stored(&old)
            {
                return Err(in_entry(Fault::forbidden("this id cannot be written"), n));
            }
            let done = match step.draft.take() {
                Some(draft) => writer.put_draft(tx, draft, step.expect, "transaction").map(Some),
                None => writer.delete(tx, kind, id, step.expect).map(|_| None),
            };
            answers.push((n, done.map_err(|f| in_entry(f, n))?));
        }
    }
    Ok(answers)
}

fn search_in_transaction() -> Fault {
    Fault::not_supported("a search inside a bundle is not there yet: read by type and id")
}

fn read_steps(bundle: &Value) -> Result<Vec<Step>, Fault> {
    let entries = bundle["entry"].items();
    if entries.len() > ENTRIES_MAX {
        return Err(Fault::too_costly(format!("a bundle has at most {ENTRIES_MAX} entries")));
    }
    let steps = entries.iter().enumerate().map(|(n, e)| read_step(e).map_err(|f| in_entry(f, n)));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    let mut written: Vec<&str> =
        steps.iter().filter(|s| s.method != Method::Get).map(|s| s.target.as_str()).collect();
    written.sort_unstable();
    if written.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Fault::invalid("two entries of the bundle write the same resource"));
    }
    Ok(steps)
}

fn read_step(entry: &Value) -> Result<Step, Fault> {
    let request = &entry["request"];
    let url = request.str_of("url");
    let method = match request.str_of("method") {
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "GET" => Method::Get,
        "PATCH" => return Err(Fault::not_supported("PATCH inside a bundle is not there yet")),
        _ => return Err(Fault::invalid("an entry names a method").at("request.method")),
    };
    let conditional = url.contains('?') || !request["ifNoneExist"].is_null();
    if conditional && method != Method::Get {
        return Err(Fault::not_supported("conditional entries of a bundle are not there yet"));
    }
    let mut resource = (!entry["resource"].is_null()).then(|| entry["resource"].clone());
    let target = match (method, &mut resource) {
        (Method::Post, Some(resource)) if resource.resource_type() == url => {
            let id = LogicalId::random();
            resource.set("id", id.as_str());
            format!("{url}/{id}")
        }
        (Method::Post, _) => {
            return Err(Fault::invalid("the url of a POST is the type of its resource").at("request.url"));
        }
        (Method::Put, Some(resource)) if url == format!("{}/{}", resource.resource_type(), resource.id()) => {
            url.to_owned()
        }
        (Method::Put, _) => {
            return Err(
                Fault::invalid("the url of a PUT is the type and id of its resource").at("request.url")
            );
        }
        (Method::Get | Method::Delete, _) => url.to_owned(),
    };
    let expect = match request.str_of("ifMatch") {
        "" if method == Method::Post => Precondition::Absent,
        "" => Precondition::None,
        tag => {
            let number = tag.trim_start_matches("W/").trim_matches('"').parse();
            Precondition::Version(
                number.map_err(|_| Fault::invalid("ifMatch is a version tag").at("request.ifMatch"))?,
            )
        }
    };
    if matches!(method, Method::Get | Method::Delete) {
        resource = None;
    }
    Ok(Step { full_url: entry.str_of("fullUrl").to_owned(), target, resource, draft: None, expect, method })
}

/// References to the full URL of another entry become references to what it is written as.
pub(crate) fn resolve(value: &mut Value, targets: &BTreeMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|v| resolve(v, targets)),
        Value::Object(object) => {
            for (key, item) in object.iter_mut() {
                let target =
                    (key == "reference").then(|| item.as_str().and_then(|r| targets.get(r))).flatten();
                match target {
                    Some(target) => *item = Value::from(target.as_str()),
                    None => resolve(item, targets),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_entry(fault: Fault, n: usize) -> Fault {
    let place = if fault.place.is_empty() {
        format!("Bundle.entry[{n}]")
    } else {
        format!("Bundle.entry[{n}].resource.{}", fault.place)
    };
    Fault { place, ..fault }
}

fn entry_of(done: Option<Versioned>, with_resource: bool) -> Value {
    let Some(done) = done else { return fhir!({ "response": { "status": "204 No Content" } }) };
    let location =
        format!("{}/{}/_history/{}", done.resource.resource_type(), done.resource.id(), done.version);
    let status = if done.created { "201 Created" } else { "200 OK" };
    let response = fhir!({
        "status": status,
        "location": location,
        "etag": (format!("W/\"{}\"", done.version)),
        "lastModified": (done.updated.to_rfc3339())
    });
    let entry = fhir!({ "response": response });
    if with_resource { entry.with("resource", done.resource) } else { entry }
}

fn failed_entry(fault: &Fault) -> Value {
    let status = match fault.kind {
        FaultKind::Invalid => "400 Bad Request",
        FaultKind::NotFound => "404 Not Found",
        FaultKind::Conflict => "409 Conflict",
        FaultKind::Unmet => "412 Precondition Failed",
        FaultKind::Forbidden => "403 Forbidden",
        FaultKind::Unauthenticated => "401 Unauthorized",
        FaultKind::TooCostly => "413 Content Too Large",
        FaultKind::Unavailable => "503 Service Unavailable",
        FaultKind::NotSupported => "501 Not Implemented",
        FaultKind::Bug => "500 Internal Server Error",
    };
    fhir!({ "response": { "status": status, "outcome": (badiano_fhir::outcome::from_fault(fault)) } })
}

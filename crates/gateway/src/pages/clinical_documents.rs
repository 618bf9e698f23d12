//! Clinical documents (HL7 CDA R2) taken in and given out: a document is kept as it came, with what it says, in one commit; a
//! patient's summary is written as the Mexican clinical summary (GIIS-A001).

use super::form::Refused;
use crate::caller::Caller;
use crate::fhir_rest::operations::everything;
use crate::fhir_rest::self_link::percent;
use axum::Json;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_fhir::{Value, fhir};
use badiano_hl7::cda;
use badiano_kernel::id::random_uuid;
use badiano_kernel::{Fault, FaultKind, Instant};
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use std::collections::BTreeMap;

/// Types that a node's own directory holds: a document names them, and does not write them.
const DIRECTORY: [&str; 5] = ["Practitioner", "PractitionerRole", "Organization", "Location", "Device"];
/// Types of which a summary says nothing by itself.
const NOT_SUMMED_UP: [&str; 7] =
    ["Composition", "Bundle", "Binary", "AuditEvent", "Provenance", "Consent", "DocumentReference"];
/// Pages of a record that one summary is made of.
const PAGES_MAX: usize = 20;

/// What became of a document.
#[derive(Debug, Serialize)]
pub struct Taken {
    /// `DocumentReference/…`, which holds the document as it came.
    document: String,
    patient: String,
    /// Everything that was written of it.
    wrote: Vec<String>,
    /// Entries that no rule reads, and how often: their words stand in the narrative.
    losses: BTreeMap<String, usize>,
}

/// Takes a document in. The same document again writes nothing (200); another under the same number is a conflict.
pub async fn take(caller: Caller, body: Bytes) -> Result<Response, Refused> {
    let session = caller.session();
    let zone = session.node().settings().zone.clone();
    let read = cda::to_fhir(&body, &zone).map_err(|e| Fault::invalid(e.to_string()))?;
    let giver = session.node().settings().clues.clone();
    let kept = Kept::of(&read.bundle, &body, &giver)?;
    let losses = read.losses.into_iter().collect();
    match session.transaction(&kept.transaction, false).await {
        Ok(done) => {
            let wrote: Vec<String> = done["entry"].items().iter().filter_map(written).collect();
            let patient = wrote.iter().find(|w| w.starts_with("Patient/")).cloned().unwrap_or_default();
            let at = [(header::LOCATION, format!("{}/fhir/{}", caller.base, kept.document))];
            let taken = Taken { document: kept.document, patient, wrote, losses };
            Ok((StatusCode::CREATED, at, Json(taken)).into_response())
        }
        Err(fault) if matches!(fault.kind, FaultKind::Conflict | FaultKind::Unmet) => {
            let id = kept.document.split_once('/').map_or("", |(_, id)| id);
            let stood = session.read("DocumentReference", id).map_err(|_| fault)?.resource;
            if stood["content"][0]["attachment"].str_of("data") != kept.data {
                let text = "another document stands under this number";
                return Err(Fault::new(FaultKind::Conflict, text).into());
            }
            let patient = stood["subject"].str_of("reference").to_owned();
            let taken = Taken { document: kept.document, patient, wrote: Vec::new(), losses };
            Ok((StatusCode::OK, Json(taken)).into_response())
        }
        Err(fault) => Err(fault.into()),
    }
}

/// `Kind/id` of an entry of the answer.
fn written(entry: &Value) -> Option<String> {
    let mut parts = entry["response"].str_of("location").split('/');
    let (kind, id) = (parts.next()?, parts.next()?);
    Some(format!("{kind}/{id}"))
}

/// A document as it is kept.
struct Kept {
    transaction: Value,
    document: String,
    /// The document as it came, in base64.
    data: String,
}

impl Kept {
    fn of(bundle: &Value, original: &[u8], giver: &str) -> Result<Kept, Fault> {
        let all: Vec<(&str, &Value)> =
            bundle["entry"].items().iter().map(|e| (e.str_of("fullUrl"), &e["resource"])).collect();
        let named: BTreeMap<&str, Value> = all
            .iter()
            .filter(|(_, r)| DIRECTORY.contains(&r.resource_type()))
            .map(|(url, r)| (*url, shown(r)))
            .collect();
        let mut entries = Vec::new();
        for (url, resource) in all.iter().filter(|(url, _)| !named.contains_key(url)) {
            let mut resource = (*resource).clone();
            name_only(&mut resource, &named);
            entries.push(entry(url, resource, giver)?);
        }
        let number = &bundle["identifier"];
        let data = base64(original);
        let id = id_of(&["document", giver, number.str_of("system"), number.str_of("value")]);
        let composition = all.iter().find(|(_, r)| r.resource_type() == "Composition");
        let (url, composition) = composition.copied().unwrap_or(("", &Value::Null));
        let mut reference = reference_of(bundle, composition, url, &data);
        name_only(&mut reference, &named);
        reference.set("id", id.as_str());
        let document = format!("DocumentReference/{id}");
        entries.push(fhir!({ "fullUrl": (format!("urn:badiano:document:{id}")), "resource": reference,
            "request": { "method": "PUT", "url": (document.as_str()), "ifNoneMatch": "*" } }));
        let transaction = fhir!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        Ok(Kept { transaction, document, data })
    }
}

/// The patient is found by a number; all else has a name that is made of the document's, so that nothing is written twice.
fn entry(url: &str, mut resource: Value, giver: &str) -> Result<Value, Fault> {
    let kind = resource.resource_type().to_owned();
    if kind == "Patient" {
        let own = resource["identifier"].items().iter().find(|i| !i.str_of("system").is_empty()).cloned();
        let own = own.ok_or_else(|| {
            Fault::invalid("the document names no number of its patient").at("recordTarget/patientRole/id")
        })?;
        // Signs of a search's own in a value are escaped (FHIR R4, search.html#escaping).
        let value: String = own
            .str_of("value")
            .chars()
            .flat_map(|c| if "\\,|$".contains(c) { vec!['\\', c] } else { vec![c] })
            .collect();
        let condition = percent(&format!("{}|{value}", own.str_of("system")));
        return Ok(fhir!({ "fullUrl": url, "resource": resource, "request": {
            "method": "POST", "url": "Patient", "ifNoneExist": (format!("identifier={condition}")) } }));
    }
    let id = id_of(&["entry", giver, url]);
    resource.set("id", id.as_str());
    Ok(fhir!({ "fullUrl": url, "resource": resource, "request": {
        "method": "PUT", "url": (format!("{kind}/{id}")), "ifNoneMatch": "*" } }))
}

/// The document as it came, and where what it says stands (IHE MHD).
fn reference_of(bundle: &Value, composition: &Value, composition_url: &str, data: &str) -> Value {
    let title = composition.str_of("title");
    let mut attachment = fhir!({ "contentType": "text/xml", "data": data });
    if !title.is_empty() {
        attachment.set("title", title);
    }
    let mut made = fhir!({ "resourceType": "DocumentReference", "status": "current",
        "masterIdentifier": (bundle["identifier"].clone()), "content": [{ "attachment": attachment }] });
    for (from, to) in
        [("type", "type"), ("subject", "subject"), ("author", "author"), ("custodian", "custodian")]
    {
        if !composition[from].is_null() {
            made.set(to, composition[from].clone());
        }
    }
    if !bundle.str_of("timestamp").is_empty() {
        made.set("date", bundle.str_of("timestamp"));
    }
    if !composition.str_of("confidentiality").is_empty() {
        let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
        let label =
            fhir!({ "coding": [{ "system": system, "code": (composition.str_of("confidentiality")) }] });
        made.push("securityLabel", label);
    }
    if !composition_url.is_empty() {
        made.set("context", fhir!({ "related": [{ "reference": composition_url }] }));
    }
    made
}

/// How somebody or something of the directory is told by name: a reference that points nowhere.
fn shown(resource: &Value) -> Value {
    let name = resource["name"].at(0);
    let given = name["given"].items().iter().filter_map(Value::as_str);
    let person: Vec<&str> = given.chain(Some(name.str_of("family")).filter(|f| !f.is_empty())).collect();
    let person = person.join(" ");
    let device = resource["deviceName"].at(0).str_of("name");
    let said =
        [resource.str_of("name"), name.str_of("text"), person.as_str(), device, resource.resource_type()];
    let display = said.into_iter().find(|t| !t.is_empty()).unwrap_or_default();
    let made = fhir!({ "type": (resource.resource_type()) });
    let identifier = resource["identifier"].at(0);
    let made = if identifier.is_null() { made } else { made.with("identifier", identifier.clone()) };
    made.with("display", display)
}

/// Puts names in the place of references to the directory.
fn name_only(value: &mut Value, named: &BTreeMap<&str, Value>) {
    let target = value.as_object().and_then(|o| o.get("reference")).and_then(Value::as_str);
    if let Some(name) = target.and_then(|t| named.get(t)) {
        *value = name.clone();
        return;
    }
    match value {
        Value::Object(object) => object.iter_mut().for_each(|(_, inner)| name_only(inner, named)),
        Value::Array(items) => items.iter_mut().for_each(|item| name_only(item, named)),
        _ => {}
    }
}

/// A name that others can neither guess into nor meet: of whose document it is and what it is called there.
fn id_of(parts: &[&str]) -> String {
    let digest = digest(&SHA256, parts.join("\0").as_bytes());
    digest.as_ref()[..20].iter().map(|b| format!("{b:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A patient's summary as a document: of what the caller may read of them.
pub async fn summary(caller: Caller, Path(patient): Path<String>) -> Result<Response, Refused> {
    let session = caller.session();
    let id = session.local_id("Patient", &patient)?;
    let mut query = everything::parse(&caller, "Patient", &id, &[], true)?.query;
    let mut entries: Vec<Value> = Vec::new();
    for page in 0.. {
        if page == PAGES_MAX {
            return Err(Fault::too_costly("the record is longer than one summary is made of").into());
        }
        let found = session.everything("Patient", &id, &query)?;
        for one in found.hits.into_iter().chain(found.included) {
            let (kind, own) = (one.resource.resource_type().to_owned(), one.resource.id().to_owned());
            if !NOT_SUMMED_UP.contains(&kind.as_str()) {
                entries.push(fhir!({ "fullUrl": (format!("{kind}/{own}")), "resource": (one.resource) }));
            }
        }
        match found.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let bundle = fhir!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    let now = Instant::now();
    let zone = &session.node().settings().zone;
    let offset = now.to_rfc3339_in(zone).get(19..).unwrap_or("").replace(':', "");
    let (now, number) = (format!("{}{offset}", now.to_compact_in(zone)), random_uuid());
    let written = cda::from_fhir(&bundle, cda::Stamp { now: &now, id: &number });
    let written = written.map_err(|e| Fault::invalid(e.what))?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"resumen.xml\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, written).into_response())
}

//! `$export` and `$import` of many resources: kick-off, status, files, deletion (HL7 FHIR Bulk Data Access 2.0, export.html).
//! Both are made in the background whether or not the caller says `Prefer: respond-async`, as the guide permits.

use super::parameters::Sent;
use crate::caller::Caller;
use crate::fhir_rest::form;
use crate::reply::Refusal;
use axum::body::Body;
use axum::extract::{OriginalUri, Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use badiano_kernel::{Fault, FaultKind};
use badiano_record::bulk::{File, Job, Level, Request, State, Work};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

const NDJSON: &str = "application/fhir+ndjson";
/// Parameters that a lenient caller is told nothing of.
const PASSED_OVER: [&str; 3] = ["includeAssociatedData", "organizeOutputBy", "allowPartialManifests"];
/// Seconds after which it is worth asking again.
const ASK_AGAIN: &str = "2";

pub async fn export_all(
    caller: Caller,
    at: OriginalUri,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    begin(&caller, &Level::System, &at, query, &headers, &body).await
}

pub async fn export_patients(
    caller: Caller,
    at: OriginalUri,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    begin(&caller, &Level::Patients, &at, query, &headers, &body).await
}

pub async fn export_group(
    caller: Caller,
    Path(id): Path<String>,
    at: OriginalUri,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    begin(&caller, &Level::Group(id), &at, query, &headers, &body).await
}

async fn begin(
    caller: &Caller,
    level: &Level,
    at: &OriginalUri,
    RawQuery(query): RawQuery,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refusal> {
    let mut pairs = form::pairs(&query.unwrap_or_default());
    let sent = Sent::read(headers, body)?;
    pairs.extend(sent.pairs()?);
    let patients = sent.all("patient").map(|p| p.str_of("reference").to_owned()).collect();
    let lenient =
        headers.get_all("prefer").iter().any(|h| h.to_str().is_ok_and(|h| h.contains("handling=lenient")));
    let address = format!("{}{}", caller.base, at.0);
    let request = read(&pairs, address, patients, lenient).map_err(Refusal::fhir)?;
    let job = caller.session().begin_export(level, request).await.map_err(Refusal::fhir)?;
    accepted(caller, &job)
}

fn read(
    pairs: &[(String, String)],
    address: String,
    patients: Vec<String>,
    lenient: bool,
) -> Result<Request, Fault> {
    let mut request = Request { address, patients, ..Request::default() };
    for (name, value) in pairs {
        let listed = || value.split(',').map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned);
        match name.as_str() {
            "_outputFormat"
                if matches!(
                    value.as_str(),
                    NDJSON | "application/fhir ndjson" | "application/ndjson" | "ndjson"
                ) => {}
            "_outputFormat" => {
                return Err(Fault::invalid("exports are NDJSON: application/fhir+ndjson").at("_outputFormat"));
            }
            "_type" => request.kinds.extend(listed()),
            "_since" => request.since = Some(value.replace(' ', "+")),
            "_until" => request.until = Some(value.replace(' ', "+")),
            "_typeFilter" => request.type_filters.extend(filters(value)),
            "_elements" => {
                let all = request.elements.take().into_iter().chain([value.clone()]);
                request.elements = Some(all.collect::<Vec<_>>().join(","));
            }
            "patient" => request.patients.extend(listed()),
            "_format" | "_pretty" => {}
            other if lenient && PASSED_OVER.contains(&other) => {}
            other => return Err(Fault::invalid("not a parameter of an export here").at(other)),
        }
    }
    Ok(request)
}

/// Several filters in one value stand after commas; a comma inside a filter is followed by no `Type?`.
fn filters(value: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for part in value.split(',') {
        let begins =
            part.split_once('?').is_some_and(|(kind, _)| badiano_fhir::schema::is_resource_type(kind));
        match all.last_mut().filter(|_| !begins) {
            Some(last) => *last = format!("{last},{part}"),
            None => all.push(part.to_owned()),
        }
    }
    all
}

/// 202 with the place where the job tells how far it is.
fn accepted(caller: &Caller, job: &Job) -> Result<Response, Refusal> {
    let place = format!("{}/fhir/{}/{}", caller.base, operation(job), job.id);
    let place =
        HeaderValue::from_str(&place).map_err(|_| Refusal::fhir(Fault::bug("an id is a header value")))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(header::CONTENT_LOCATION, place);
    Ok(response)
}

fn operation(job: &Job) -> &'static str {
    match job.work {
        Work::Export { .. } => "$export",
        Work::Import { .. } => "$import",
    }
}

/// The lines of an import, a resource each; what is acknowledged is durable, and written by the job.
pub async fn import(
    caller: Caller,
    at: OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default();
    if !matches!(
        kind.split(';').next().unwrap_or_default().trim(),
        NDJSON | "application/ndjson" | "application/x-ndjson"
    ) {
        let text = "an import is sent as NDJSON: Content-Type: application/fhir+ndjson";
        return Err(Refusal::fhir(Fault::not_supported(text)));
    }
    let session = caller.session();
    let mut arriving =
        session.begin_import(&format!("{}{}", caller.base, at.0)).await.map_err(Refusal::fhir)?;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let taken = match part {
            Ok(bytes) => arriving.take(&bytes).await,
            Err(_) => Err(Fault::invalid("the lines broke off")),
        };
        if let Err(fault) = taken {
            arriving.give_up().await.map_err(Refusal::fhir)?;
            return Err(Refusal::fhir(fault));
        }
    }
    let job = arriving.finish().await.map_err(Refusal::fhir)?;
    accepted(&caller, &job)
}

pub async fn status(caller: Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    let job = caller.session().bulk_job(&id).map_err(Refusal::fhir)?;
    match job.state {
        State::Failed => {
            let why = job.why.unwrap_or_default();
            Err(Refusal::fhir(Fault::new(FaultKind::Unavailable, format!("the job failed: {why}"))))
        }
        State::Done => complete(&caller, &job),
        State::Arriving | State::Running | State::Cancelled => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            let headers = response.headers_mut();
            if let Ok(progress) = HeaderValue::from_str(&job.progress()) {
                headers.insert("x-progress", progress);
            }
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(ASK_AGAIN));
            Ok(response)
        }
    }
}

/// The manifest.
fn complete(caller: &Caller, job: &Job) -> Result<Response, Refusal> {
    let files = |all: &[File]| -> Vec<serde_json::Value> {
        let one = |file: &File| {
            let url = format!("{}/fhir/{}/{}/{}", caller.base, operation(job), job.id, file.name());
            serde_json::json!({ "type": file.kind, "url": url, "count": file.lines })
        };
        all.iter().map(one).collect()
    };
    let mut manifest = serde_json::json!({
        "transactionTime": job.began().to_rfc3339(),
        "request": job.request,
        "requiresAccessToken": true,
        "output": files(&job.files),
        "error": files(&job.errors),
    });
    if let Work::Import { lines, written, refused, .. } = job.work {
        manifest["extension"] = serde_json::json!({ "lines": lines, "written": written, "refused": refused });
    }
    let ends = badiano_kernel::Instant::from_seconds(job.ended + badiano_record::bulk::KEPT_SECONDS);
    Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::EXPIRES, form::http_date(ends))
        .body(Body::from(manifest.to_string()))
        .map_err(|_| Refusal::fhir(Fault::bug("status and headers are constants")))
}

pub async fn file(caller: Caller, Path((id, name)): Path<(String, String)>) -> Result<Response, Refusal> {
    let session = caller.session();
    let job = session.bulk_job(&id).map_err(Refusal::fhir)?;
    let found = job.files.iter().chain(&job.errors).find(|f| f.name() == name).cloned();
    let is_done = job.state == State::Done;
    let file = found.filter(|_| is_done).ok_or_else(|| Refusal::fhir(Fault::not_found("no such file")))?;
    let first = session.bulk_lines(&job, &file, 0).map_err(Refusal::fhir)?.unwrap_or_default();
    let rest = stream::iter(1..).map(move |n| session.bulk_lines(&job, &file, n));
    let rest = rest.take_while(|part| std::future::ready(!matches!(part, Ok(None)))).map(|part| {
        part.map(|lines| Bytes::from(lines.unwrap_or_default()))
            .map_err(|fault| std::io::Error::other(fault.to_string()))
    });
    let all = stream::iter([Ok(Bytes::from(first))]).chain(rest);
    let mut response = Response::new(Body::from_stream(all));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

pub async fn cancel(caller: Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    caller.session().cancel_bulk(&id).await.map_err(Refusal::fhir)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_inside_a_filter_does_not_begin_another() {
        let all = filters("Observation?code=a,b&date=gt2020,Condition?code=c");
        assert_eq!(all, ["Observation?code=a,b&date=gt2020", "Condition?code=c"]);
    }
}

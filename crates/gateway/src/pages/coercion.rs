//! The archive's rules that correct headers: list, write, try on a file, switch on; what they did to a study; an object as it was
//! received (`CoercionRules` of `web/src/api.ts`).

use super::form::{Json, Refused, json};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use crate::reply::Refusal;
use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use badiano_dicom::coercion::{Followed, Rule};
use badiano_dicom::part10::Parser;
use badiano_kernel::Fault;
use badiano_record::imaging::{ImageReader, RuleKept};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

/// A file that rules are tried on; its pixels are passed over.
const TRIAL_BYTES_MAX: u64 = 1 << 30;
/// Bytes of an object that are in memory at a time.
const CHUNK: usize = 256 << 10;

#[derive(Serialize)]
struct Rules {
    rules: Vec<RuleKept>,
}

#[derive(Deserialize)]
pub struct Switch {
    version: u32,
    active: bool,
}

#[derive(Serialize)]
struct Coercions {
    objects: Vec<CoercedObject>,
}

#[derive(Serialize)]
struct CoercedObject {
    sop: String,
    followed: Vec<Followed>,
}

pub async fn list(caller: Caller) -> Result<Response, Refused> {
    json(&Rules { rules: caller.session().coercion_rules()? })
}

/// Every version of a rule, newest first.
pub async fn history(caller: Caller, Path(rule): Path<String>) -> Result<Response, Refused> {
    json(&Rules { rules: caller.session().coercion_rule_history(&rule)? })
}

/// The next version of a rule, which is off until it is switched on.
pub async fn put(caller: Caller, Json(rule): Json<Rule>) -> Result<Response, Refused> {
    json(&caller.session().put_coercion_rule(rule).await?)
}

pub async fn switch(
    caller: Caller,
    Path(rule): Path<String>,
    Json(asked): Json<Switch>,
) -> Result<Response, Refused> {
    json(&caller.session().set_coercion_rule_active(&rule, asked.version, asked.active).await?)
}

/// `POST /api/admin/coercion-trial?rule=NAME&ae=TITLE` with a DICOM file: what the rule would do to it. Without a rule, all that are on.
pub async fn attempt(caller: Caller, RawQuery(query): RawQuery, body: Body) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let of =
        |name: &str| asked.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty());
    caller.session().may_administer()?;
    let unreadable =
        |e: badiano_dicom::part10::ParseError| Fault::invalid(format!("the file cannot be read: {e}"));
    let mut parser = Parser::part10();
    let (mut stream, mut taken) = (body.into_data_stream(), 0_u64);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Fault::invalid("the body broke off"))?;
        taken += chunk.len() as u64;
        if taken > TRIAL_BYTES_MAX {
            return Err(Fault::too_costly("rules are tried on files of at most 1 GiB").into());
        }
        parser.feed(&chunk).map_err(unreadable)?;
    }
    let header = parser.finish().map_err(unreadable)?;
    json(&caller.session().try_coercion(&header, of("ae").unwrap_or("STOW-RS"), of("rule"))?)
}

/// What rules did to the objects of a study.
pub async fn of_study(caller: Caller, Path(uid): Path<String>) -> Result<Response, Refused> {
    let all = caller.session().coercions_of(&uid)?;
    json(&Coercions {
        objects: all.into_iter().map(|(sop, followed)| CoercedObject { sop, followed }).collect(),
    })
}

/// An object as it was received, whatever was corrected since.
pub async fn received(caller: Caller, Path((uid, sop)): Path<(String, String)>) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived_by_sop(&sop).map_err(Refusal::page)?;
    if found.study != uid {
        return Err(Refusal::page(Fault::not_found("no such object")));
    }
    let reader = session.open_received(&found).await.map_err(Refusal::page)?;
    let length = reader.length();
    let mut response = Response::new(Body::from_stream(stream::unfold((reader, 0), next)));
    let to = response.headers_mut();
    to.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/dicom"));
    to.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    to.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

type Read = (Result<Bytes, Fault>, (ImageReader, u64));

async fn next((mut reader, at): (ImageReader, u64)) -> Option<Read> {
    if at >= reader.length() {
        return None;
    }
    let read = tokio::task::spawn_blocking(move || (reader.read_range(at, CHUNK), reader)).await;
    let (bytes, reader) = read.ok()?;
    let end = match &bytes {
        Ok(bytes) => at + bytes.len() as u64,
        // Nothing follows a fault.
        Err(_) => u64::MAX,
    };
    Some((bytes.map(Bytes::from), (reader, end)))
}

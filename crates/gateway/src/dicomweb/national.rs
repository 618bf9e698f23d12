//! Images of another institution, through the hub: the viewer asks this node, this node its hub, the hub the institution that holds them.
//!
//! A study opens here only for who asked about its person before, for the purpose asked then; each node decides consent again.

use crate::caller::{Caller, IN_PLACE_OF};
use crate::doors::{Doors, get};
use crate::reply::Refusal;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use badiano_exchange::ask;
use badiano_kernel::{Fault, Instant, Purpose};
use badiano_record::NodeRole;
use badiano_record::emergency::Emergency;
use std::collections::HashMap;
use std::sync::Mutex;

/// What was found by a national question stays open this long.
const OPEN_SECONDS: i64 = 3600;
const OPEN_MAX: usize = 100_000;

/// One study that a person may open because they asked about its patient.
#[derive(Debug, Clone)]
pub struct Opening {
    /// CURP of the patient.
    pub person: String,
    /// CLUES of the institution that holds the study.
    pub source: String,
    pub purpose: Purpose,
    pub emergency: Option<Emergency>,
    pub at: Instant,
}

/// What people of this node have found and may open, by person who asked and study.
#[derive(Default)]
pub struct Opened {
    open: Mutex<HashMap<(String, String), Opening>>,
}

impl Opened {
    pub fn put(&self, who: &str, study: &str, opening: Opening) {
        let mut open = self.open.lock().expect("no holder of the openings panics");
        if open.len() >= OPEN_MAX {
            let limit = opening.at.plus_seconds(-OPEN_SECONDS);
            open.retain(|_, o| o.at > limit);
            if open.len() >= OPEN_MAX {
                open.clear();
            }
        }
        open.insert((who.to_owned(), study.to_owned()), opening);
    }

    fn get(&self, who: &str, study: &str, now: Instant) -> Option<Opening> {
        let open = self.open.lock().expect("no holder of the openings panics");
        open.get(&(who.to_owned(), study.to_owned()))
            .filter(|o| now < o.at.plus_seconds(OPEN_SECONDS))
            .cloned()
    }
}

/// Whom an opening belongs to: an account, or a citizen.
pub fn asker(caller: &Caller) -> String {
    match &caller.principal {
        badiano_kernel::Principal::Staff(staff) => format!("staff {}", staff.account),
        badiano_kernel::Principal::Citizen { curp, .. } => format!("citizen {curp}"),
        badiano_kernel::Principal::Representative(r) => format!("representative {}", r.representation),
        other => format!("other {other}"),
    }
}

/// The viewer's second source, and the hub's door for nodes.
pub fn routes(base: &str) -> Doors {
    Doors::new()
        .route(&format!("{base}/studies"), get(list))
        .route(&format!("{base}/studies/{{study}}"), get(pass_study))
        .route(&format!("{base}/studies/{{study}}/{{*rest}}"), get(pass))
        .route("/pni/images/{source}/{study}", get(fetch_study))
        .route("/pni/images/{source}/{study}/{*rest}", get(fetch))
}

/// QIDO-RS over what was found: by study UID alone, answered by the institution that holds it.
async fn list(caller: Caller, uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let pairs = crate::fhir_rest::form::pairs(uri.query().unwrap_or_default());
    let named =
        pairs.iter().find(|(k, _)| k == "StudyInstanceUID" || k == "0020000D").map(|(_, v)| v.clone());
    match named {
        Some(study) => relay(&caller, &study, "", Some(format!("StudyInstanceUID={study}")), &headers).await,
        None => Ok(empty_list()),
    }
}

fn empty_list() -> Response {
    let mut response = Response::new(Body::from("[]"));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/dicom+json"));
    response
}

async fn pass_study(
    caller: Caller,
    Path(study): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    relay(&caller, &study, "self", uri.query().map(str::to_owned), &headers).await
}

async fn pass(
    caller: Caller,
    Path((study, rest)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    relay(&caller, &study, &rest, uri.query().map(str::to_owned), &headers).await
}

/// A hospital's browser: to the hub. The hub's own citizen: to the institution.
async fn relay(
    caller: &Caller,
    study: &str,
    rest: &str,
    query: Option<String>,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let opening = caller.gate.national.get(&asker(caller), study, caller.now);
    let opening = opening.ok_or_else(|| Refusal::dicomweb(Fault::not_found("no such study")))?;
    let for_purpose = caller.clone().for_purpose(opening.purpose, opening.emergency);
    if caller.gate.node.settings().role == NodeRole::Hub {
        return from_source(&for_purpose, &opening.person, &opening.source, study, rest, query, headers)
            .await;
    }
    let hub = caller.gate.node.hub_link().map_err(Refusal::dicomweb)?;
    let hub =
        hub.ok_or_else(|| Refusal::dicomweb(Fault::unavailable("this hospital has not joined a hub")))?;
    let url = format!("{}/pni/images/{}/{study}{}", hub.address, opening.source, suffix(rest, query));
    let session = for_purpose.session();
    session.may_pass_images(&opening.person, &opening.source).map_err(Refusal::dicomweb)?;
    let for_whom = ask::for_whom(&session, &opening.person).map_err(Refusal::dicomweb)?;
    let wire = caller.gate.wire().map_err(Refusal::dicomweb)?;
    stream(wire, &url, &for_whom, headers, &caller.gate.options.pages).await
}

async fn fetch_study(
    caller: Caller,
    Path((source, study)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    fetch(caller, Path((source, study, String::new())), uri, headers).await
}

/// Hub: another node asks for images on behalf of a member of its staff.
async fn fetch(
    caller: Caller,
    Path((source, study, rest)): Path<(String, String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let person = caller.person.clone().filter(|_| caller.principal.staff().is_some());
    let person =
        person.ok_or_else(|| Refusal::dicomweb(Fault::forbidden("images pass here for a person only")))?;
    if caller.purpose == Purpose::Emergency {
        caller.session().open_emergency().await.map_err(Refusal::dicomweb)?;
    }
    from_source(&caller, &person, &source, &study, &rest, uri.query().map(str::to_owned), &headers).await
}

#[allow(clippy::too_many_arguments)]
async fn from_source(
    caller: &Caller,
    person: &str,
    source: &str,
    study: &str,
    rest: &str,
    query: Option<String>,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    session.may_fetch_images(person, source).map_err(Refusal::dicomweb)?;
    let participants = caller.gate.node.participants().map_err(Refusal::dicomweb)?;
    let at = participants.into_iter().find(|p| p.clues == source && p.active);
    let at = at.ok_or_else(|| Refusal::dicomweb(Fault::not_found("no such study")))?;
    let path = if rest.is_empty() && query.is_some() { String::new() } else { format!("/{study}") };
    let url = format!("{}/dicomweb/studies{path}{}", at.address, suffix(rest, query));
    let for_whom = ask::for_whom(&session, person).map_err(Refusal::dicomweb)?;
    let wire = caller.gate.wire().map_err(Refusal::dicomweb)?;
    stream(wire, &url, &for_whom, headers, &caller.gate.options.pages).await
}

fn suffix(rest: &str, query: Option<String>) -> String {
    let path = if rest.is_empty() || rest == "self" { String::new() } else { format!("/{rest}") };
    // In whose place is said to the next node by the header, and by no address.
    let asked =
        |q: &String| q.split('&').filter(|p| !p.starts_with(IN_PLACE_OF)).collect::<Vec<_>>().join("&");
    let query = query.as_ref().map(asked).filter(|q| !q.is_empty());
    let query = query.map(|q| format!("?{q}")).unwrap_or_default();
    format!("{path}{query}")
}

/// Passes the answer on as it comes; only what an image answer needs of its headers.
async fn stream(
    wire: badiano_exchange::Wire,
    url: &str,
    for_whom: &badiano_exchange::on_behalf::OnBehalf,
    headers: &HeaderMap,
    _pages: &str,
) -> Result<Response, Refusal> {
    let asked: Vec<(&str, &str)> = ["accept", "range"]
        .into_iter()
        .filter_map(|name| headers.get(name).and_then(|v| v.to_str().ok()).map(|v| (name, v)))
        .collect();
    let answer = wire.stream(url, &asked, for_whom).await.map_err(Refusal::dicomweb)?;
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    // What another institution refuses looks here as if it did not exist.
    if matches!(status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND) {
        return Err(Refusal::dicomweb(Fault::not_found("no such study")));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        if let Some(value) =
            answer.headers().get(name.as_str()).and_then(|v| HeaderValue::from_bytes(v.as_bytes()).ok())
        {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    Ok(response)
}

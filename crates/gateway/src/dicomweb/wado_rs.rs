//! WADO-RS, retrieve (PS3.18 section 10.4): objects and frames streamed by range, metadata as it was made at ingest.

use super::accept::Accepts;
use super::parts::{Piece, body, boundary, media_type, part_end, part_head, respond};
use super::represent::{self, Wanted};
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_dicom::dataset::TagPath;
use badiano_dicom::dictionary::uids;
use badiano_kernel::Fault;
use badiano_record::Session;
use badiano_record::imaging::ArchivedInstance;
use bytes::Bytes;
use futures_util::stream;

/// Frames in one answer.
const FRAMES_MAX: usize = 4096;

pub async fn study(
    caller: Caller,
    Path(study): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    if Accepts::of(&headers).names("application/zip") {
        return super::export::study(session, study).await.map_err(Refusal::dicomweb);
    }
    let found = session.archived(&study, None).map_err(Refusal::dicomweb)?;
    session.note_opened(&found);
    Ok(objects(session, found, &headers))
}

pub async fn series(
    caller: Caller,
    Path((study, series)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived(&study, Some(&series)).map_err(Refusal::dicomweb)?;
    session.note_opened(&found);
    Ok(objects(session, found, &headers))
}

pub async fn instance(
    caller: Caller,
    Path((study, series, sop)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    Ok(objects(session, vec![found], &headers))
}

pub async fn study_metadata(
    caller: Caller,
    Path(study): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    metadata(&caller, &study, None, &headers).map_err(Refusal::dicomweb)
}

pub async fn series_metadata(
    caller: Caller,
    Path((study, series)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    metadata(&caller, &study, Some(&series), &headers).map_err(Refusal::dicomweb)
}

pub async fn instance_metadata(
    caller: Caller,
    Path((study, series, sop)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    one_metadata(&caller, (&study, &series, &sop), &headers).map_err(Refusal::dicomweb)
}

/// The whole pixel data element, as bulk data: all frames.
pub async fn pixel_data(
    caller: Caller,
    Path((study, series, sop)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    let all = (1..=found.frames).collect();
    frames_of(session, found, all, &headers)
}

pub async fn frames(
    caller: Caller,
    Path((study, series, sop, list)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    let numbers: Result<Vec<usize>, _> = list.split(',').map(str::parse).collect();
    let numbers = numbers
        .map_err(|_| Refusal::dicomweb(Fault::invalid("frames are numbers from 1, parted by commas")))?;
    if numbers.iter().any(|n| *n == 0 || *n > found.frames) {
        return Err(Refusal::dicomweb(Fault::not_found("no such frame")));
    }
    frames_of(session, found, numbers, &headers)
}

/// What stands before bulk data in the metadata of this node.
fn base(caller: &Caller) -> String {
    format!("{}/dicomweb", caller.gate.options.pages)
}

/// A value that the metadata only name (PS3.18 10.4.1.1.4).
pub async fn bulk_data(
    caller: Caller,
    Path((study, series, sop, path)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    let none = || Refusal::dicomweb(Fault::not_found("no such bulk data"));
    let path: TagPath = path.parse().map_err(|_| none())?;
    let tag = represent::tag(std::slice::from_ref(&found), &format!("bulk {path}"));
    if let Some(response) = represent::unchanged(&headers, &tag) {
        return Ok(response);
    }
    let work = {
        let session = session.clone();
        tokio::task::spawn_blocking(move || session.open_bulk(&found, &path))
    };
    let opened = work.await.map_err(|_| Refusal::dicomweb(Fault::bug("reading ended abruptly")))?;
    let bytes = opened.map_err(Refusal::dicomweb)?;
    let length = bytes.length();
    let kind = "application/octet-stream";
    let piece = |bytes| Piece::Bulk(Box::new(bytes));
    let mut response = if Accepts::of(&headers).names("multipart/related") {
        let boundary = boundary();
        let whole = format!("multipart/related; type=\"{kind}\"; boundary={boundary}");
        respond(&whole, body(session, vec![(part_head(&boundary, kind), piece(bytes))], part_end(&boundary)))
    } else {
        let mut response = respond(kind, body(session, vec![(String::new(), piece(bytes))], String::new()));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        response
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(represent::tagged(response, &tag))
}

/// The metadata of each object as made at ingest, with this node's base before bulk data.
fn metadata(
    caller: &Caller,
    study: &str,
    series: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let served = caller.session().served_metadata(study, series, &base(caller))?;
    let tag = represent::tag_of(&served.mark);
    if let Some(response) = represent::unchanged(headers, &tag) {
        return Ok(response);
    }
    let gzip = represent::takes_gzip(headers, served.body.len());
    let body = if gzip { served.pressed(represent::gzip) } else { served.body.clone() };
    Ok(json_answer(body, gzip, &tag))
}

fn one_metadata(
    caller: &Caller,
    (study, series, sop): (&str, &str, &str),
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let found = caller.session().archived_one(study, series, sop)?;
    let tag = represent::tag(std::slice::from_ref(&found), "metadata");
    if let Some(response) = represent::unchanged(headers, &tag) {
        return Ok(response);
    }
    let mut body = vec![b'['];
    found.append_metadata(&base(caller), &mut body)?;
    body.push(b']');
    let gzip = represent::takes_gzip(headers, body.len());
    Ok(json_answer(Bytes::from(if gzip { represent::gzip(&body) } else { body }), gzip, &tag))
}

fn json_answer(body: Bytes, gzip: bool, tag: &str) -> Response {
    let mut response = respond("application/dicom+json", Body::from(body));
    if gzip {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    represent::tagged(response, tag)
}

/// Objects as Part 10 files: one alone where the client takes `application/dicom` for a single object, multipart otherwise;
/// in another transfer syntax where it takes only that (PS3.18 8.7.3.5).
pub(super) fn objects(session: Session, found: Vec<ArchivedInstance>, headers: &HeaderMap) -> Response {
    let accepts = Accepts::of(headers);
    let syntaxes: Option<Vec<Option<String>>> = found.iter().map(|i| accepts.syntax_for(i)).collect();
    let Some(syntaxes) = syntaxes else {
        let text = "an object cannot be given in the transfer syntax that is accepted";
        return (StatusCode::NOT_ACCEPTABLE, text).into_response();
    };
    let tag = represent::tag(&found, &format!("objects {}", accepts.text()));
    if let Some(response) = represent::unchanged(headers, &tag) {
        return response;
    }
    let single =
        !accepts.names("multipart/related") && accepts.names("application/dicom") && found.len() == 1;
    let mut all = found.into_iter().zip(syntaxes);
    let response = match (single, all.next()) {
        (true, Some((one, None))) => one_object(session, one, headers, &tag),
        (true, Some((one, Some(syntax)))) => {
            let piece = (String::new(), Piece::Recoded(one, syntax));
            respond("application/dicom", body(session, vec![piece], String::new()))
        }
        (_, first) => many_objects(session, first.into_iter().chain(all).collect()),
    };
    represent::tagged(response, &tag)
}

fn many_objects(session: Session, found: Vec<(ArchivedInstance, Option<String>)>) -> Response {
    let boundary = boundary();
    let kind = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
    let stored = found.iter().all(|(_, syntax)| syntax.is_none());
    let mut length: u64 = found.iter().map(|(i, _)| i.length).sum();
    let parts: Vec<(String, Piece)> = found
        .into_iter()
        .map(|(i, syntax)| {
            let named = syntax.as_ref().unwrap_or(&i.transfer_syntax);
            let head = part_head(&boundary, &format!("application/dicom; transfer-syntax={named}"));
            let range = 0..i.length;
            (
                head,
                match syntax {
                    Some(syntax) => Piece::Recoded(i, syntax),
                    None => Piece::Object(i, range),
                },
            )
        })
        .collect();
    let end = part_end(&boundary);
    length += parts.iter().map(|(head, _)| head.len() as u64).sum::<u64>() + end.len() as u64;
    let mut response = respond(&kind, body(session, parts, end));
    if stored {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// One object alone, or the range of it that was asked for.
fn one_object(session: Session, one: ArchivedInstance, headers: &HeaderMap, tag: &str) -> Response {
    let whole = one.length;
    let (range, status, said) = match represent::wanted(headers, whole, tag) {
        Wanted::All => (0..whole, StatusCode::OK, None),
        Wanted::Part(range) => {
            let said = format!("bytes {}-{}/{whole}", range.start, range.end - 1);
            (range, StatusCode::PARTIAL_CONTENT, Some(said))
        }
        Wanted::Nothing => (0..0, StatusCode::RANGE_NOT_SATISFIABLE, Some(format!("bytes */{whole}"))),
    };
    let length = range.end - range.start;
    let piece = (String::new(), Piece::Object(one, range));
    let mut response = respond("application/dicom", body(session, vec![piece], String::new()));
    *response.status_mut() = status;
    let to = response.headers_mut();
    to.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    to.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(value) = said.and_then(|text| HeaderValue::from_str(&text).ok()) {
        to.insert(header::CONTENT_RANGE, value);
    }
    response
}

fn frames_of(
    session: Session,
    found: ArchivedInstance,
    numbers: Vec<usize>,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    if numbers.len() > FRAMES_MAX {
        return Err(Refusal::dicomweb(Fault::too_costly("too many frames in one request")));
    }
    let accepts = Accepts::of(headers);
    let expands = accepts.wants_native(&found);
    let list: Vec<String> = numbers.iter().map(usize::to_string).collect();
    let what = format!("frames {}{}", list.join(","), if expands { " native" } else { "" });
    let tag = represent::tag(std::slice::from_ref(&found), &what);
    if let Some(response) = represent::unchanged(headers, &tag) {
        return Ok(response);
    }
    let response = match expands {
        true => native_frames(session, found, numbers, &accepts),
        false => stored_frames(session, found, numbers, &accepts)?,
    };
    Ok(represent::tagged(response, &tag))
}

/// Frames as native pixels, for a client that takes only those.
fn native_frames(
    session: Session,
    found: ArchivedInstance,
    numbers: Vec<usize>,
    accepts: &Accepts,
) -> Response {
    let kind = "application/octet-stream";
    let typed = format!("{kind}; transfer-syntax={}", uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let piece = |n| Piece::Expanded(found.clone(), n);
    if let ([number], false) = (&numbers[..], accepts.names("multipart/related")) {
        return respond(&typed, body(session, vec![(String::new(), piece(*number))], String::new()));
    }
    let boundary = boundary();
    let whole = format!("multipart/related; type=\"{kind}\"; boundary={boundary}");
    let parts = numbers.into_iter().map(|n| (part_head(&boundary, &typed), piece(n))).collect();
    respond(&whole, body(session, parts, part_end(&boundary)))
}

fn stored_frames(
    session: Session,
    found: ArchivedInstance,
    numbers: Vec<usize>,
    accepts: &Accepts,
) -> Result<Response, Refusal> {
    let kind = media_type(&found.transfer_syntax);
    let typed = format!("{kind}; transfer-syntax={}", found.transfer_syntax);
    if numbers.len() == 1
        && !accepts.names("multipart/related")
        && (accepts.names(kind) || accepts.names("application/octet-stream"))
    {
        let bytes = session.frame(&found, numbers[0]).map_err(Refusal::dicomweb)?;
        return Ok(respond(&typed, Body::from(bytes)));
    }
    let boundary = boundary();
    let whole = format!("multipart/related; type=\"{kind}\"; boundary={boundary}");
    let (head, end) = (part_head(&boundary, &typed), part_end(&boundary));
    if let [number] = numbers[..] {
        let bytes = session.frame(&found, number).map_err(Refusal::dicomweb)?;
        let length = (head.len() + bytes.len() + end.len()) as u64;
        let pieces = [Bytes::from(head), Bytes::from(bytes), Bytes::from(end)];
        let mut response = respond(&whole, Body::from_stream(stream::iter(pieces.map(Ok::<Bytes, Fault>))));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        return Ok(response);
    }
    let parts = numbers.into_iter().map(|n| (head.clone(), Piece::Frame(found.clone(), n))).collect();
    Ok(respond(&whole, body(session, parts, end)))
}

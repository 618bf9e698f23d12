//! WADO-RS, retrieve (PS3.18 section 10.4): objects and frames streamed by range, metadata as it was made at ingest.

use super::represent::{self, Wanted};
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use badiano_dicom::dictionary::transfer_syntax;
use badiano_kernel::Fault;
use badiano_record::Session;
use badiano_record::imaging::ArchivedInstance;
use bytes::Bytes;
use futures_util::stream;
use std::ops::Range;

/// Bytes of an object that are in memory at a time.
const CHUNK: usize = 512 << 10;
/// Pieces that are read ahead of a client.
const AHEAD: usize = 2;
/// Frames in one answer.
const FRAMES_MAX: usize = 4096;

pub async fn study(
    caller: Caller,
    Path(study): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
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

fn wants(headers: &HeaderMap, what: &str) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or_default();
    accept.contains(what)
}

/// Objects as Part 10 files: one alone where the client takes `application/dicom` for a single object, multipart otherwise.
fn objects(session: Session, found: Vec<ArchivedInstance>, headers: &HeaderMap) -> Response {
    let tag = represent::tag(&found, "objects");
    if let Some(response) = represent::unchanged(headers, &tag) {
        return response;
    }
    let single =
        !wants(headers, "multipart/related") && wants(headers, "application/dicom") && found.len() == 1;
    let response = match found.first() {
        Some(one) if single => one_object(session, one.clone(), headers, &tag),
        _ => many_objects(session, found),
    };
    represent::tagged(response, &tag)
}

fn many_objects(session: Session, found: Vec<ArchivedInstance>) -> Response {
    let boundary = boundary();
    let kind = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
    let mut length: u64 = found.iter().map(|i| i.length).sum();
    let parts: Vec<(String, Piece)> = found
        .into_iter()
        .map(|i| {
            let kind = format!("application/dicom; transfer-syntax={}", i.transfer_syntax);
            let range = 0..i.length;
            (part_head(&boundary, &kind), Piece::Object(i, range))
        })
        .collect();
    let end = part_end(&boundary);
    length += parts.iter().map(|(head, _)| head.len() as u64).sum::<u64>() + end.len() as u64;
    let mut response = respond(&kind, body(session, parts, end));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
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
    let list: Vec<String> = numbers.iter().map(usize::to_string).collect();
    let tag = represent::tag(std::slice::from_ref(&found), &format!("frames {}", list.join(",")));
    if let Some(response) = represent::unchanged(headers, &tag) {
        return Ok(response);
    }
    let response = frames_answer(session, found, numbers, headers)?;
    Ok(represent::tagged(response, &tag))
}

fn frames_answer(
    session: Session,
    found: ArchivedInstance,
    numbers: Vec<usize>,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let kind = media_type(&found.transfer_syntax);
    let typed = format!("{kind}; transfer-syntax={}", found.transfer_syntax);
    if numbers.len() == 1
        && !wants(headers, "multipart/related")
        && (wants(headers, kind) || wants(headers, "application/octet-stream"))
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

/// The media type of a frame in its transfer syntax (PS3.18 table 8.7.3-5).
pub fn media_type(uid: &str) -> &'static str {
    match uid {
        "1.2.840.10008.1.2.4.50"
        | "1.2.840.10008.1.2.4.51"
        | "1.2.840.10008.1.2.4.57"
        | "1.2.840.10008.1.2.4.70" => "image/jpeg",
        "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81" => "image/jls",
        "1.2.840.10008.1.2.4.90" | "1.2.840.10008.1.2.4.91" => "image/jp2",
        "1.2.840.10008.1.2.4.201" | "1.2.840.10008.1.2.4.202" | "1.2.840.10008.1.2.4.203" => "image/jphc",
        "1.2.840.10008.1.2.5" => "image/dicom-rle",
        other => match transfer_syntax(other) {
            Some(syntax) if syntax.video => "video/mp4",
            _ => "application/octet-stream",
        },
    }
}

enum Piece {
    Object(ArchivedInstance, Range<u64>),
    Frame(ArchivedInstance, usize),
}

fn part_head(boundary: &str, kind: &str) -> String {
    format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\n\r\n")
}

fn part_end(boundary: &str) -> String {
    format!("\r\n--{boundary}--\r\n")
}

fn boundary() -> String {
    badiano_kernel::id::random_uuid()
}

fn respond(kind: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    if let Ok(value) = HeaderValue::from_str(kind) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// Streams parts piece by piece, read ahead by a thread of its own; memory holds three pieces, or three frames.
fn body(session: Session, parts: Vec<(String, Piece)>, end: String) -> Body {
    let (ready, pieces) = tokio::sync::mpsc::channel::<Result<Bytes, Fault>>(AHEAD);
    tokio::task::spawn_blocking(move || {
        let sent = |piece| ready.blocking_send(piece).is_ok();
        for (head, piece) in parts {
            if !head.is_empty() && !sent(Ok(Bytes::from(head))) {
                return;
            }
            if let Err(fault) = read(&session, &piece, &sent) {
                sent(Err(fault));
                return;
            }
        }
        if !end.is_empty() {
            sent(Ok(Bytes::from(end)));
        }
    });
    Body::from_stream(stream::unfold(pieces, |mut pieces| async move {
        let next = pieces.recv().await?;
        Some((next, pieces))
    }))
}

/// The bytes of one part; stops when the client takes no more.
fn read(session: &Session, piece: &Piece, sent: &impl Fn(Result<Bytes, Fault>) -> bool) -> Result<(), Fault> {
    match piece {
        Piece::Frame(instance, number) => {
            sent(Ok(Bytes::from(session.frame(instance, *number)?)));
        }
        Piece::Object(instance, range) => {
            let mut reader = session.open_image(instance)?;
            let mut at = range.start;
            while at < range.end {
                let now = usize::try_from(range.end - at).unwrap_or(CHUNK).min(CHUNK);
                let bytes = reader.read_range(at, now)?;
                at += bytes.len() as u64;
                if !sent(Ok(Bytes::from(bytes))) {
                    break;
                }
            }
        }
    }
    Ok(())
}

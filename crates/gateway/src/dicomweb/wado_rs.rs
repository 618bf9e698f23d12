//! WADO-RS, retrieve (PS3.18 section 10.4): objects and frames streamed by range, metadata as it was made at ingest.

use crate::caller::Caller;
use crate::reply::Refusal;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_dicom::dictionary::transfer_syntax;
use badiano_kernel::Fault;
use badiano_record::Session;
use badiano_record::imaging::{ArchivedInstance, BULK_BASE};
use bytes::Bytes;
use futures_util::stream;

/// Bytes of an object that are in memory at a time.
const CHUNK: usize = 256 << 10;
/// Frames in one answer.
const FRAMES_MAX: usize = 4096;

pub async fn study(
    caller: Caller,
    Path(study): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived(&study, None).map_err(Refusal::dicomweb)?;
    objects(session, found, &headers)
}

pub async fn series(
    caller: Caller,
    Path((study, series)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived(&study, Some(&series)).map_err(Refusal::dicomweb)?;
    objects(session, found, &headers)
}

pub async fn instance(
    caller: Caller,
    Path((study, series, sop)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    objects(session, vec![found], &headers)
}

pub async fn study_metadata(caller: Caller, Path(study): Path<String>) -> Result<Response, Refusal> {
    let found = caller.session().archived(&study, None).map_err(Refusal::dicomweb)?;
    Ok(metadata(&caller, &found))
}

pub async fn series_metadata(
    caller: Caller,
    Path((study, series)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let found = caller.session().archived(&study, Some(&series)).map_err(Refusal::dicomweb)?;
    Ok(metadata(&caller, &found))
}

pub async fn instance_metadata(
    caller: Caller,
    Path((study, series, sop)): Path<(String, String, String)>,
) -> Result<Response, Refusal> {
    let found = caller.session().archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    Ok(metadata(&caller, &[found]))
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

/// The metadata of each object as made at ingest, with this node's base before bulk data.
fn metadata(caller: &Caller, found: &[ArchivedInstance]) -> Response {
    let base = format!("{}/dicomweb", caller.gate.options.pages);
    let total: usize = found.iter().map(|f| f.metadata.len() + 64).sum();
    let mut body = String::with_capacity(total);
    body.push('[');
    for (n, one) in found.iter().enumerate() {
        if n > 0 {
            body.push(',');
        }
        body.push_str(&String::from_utf8_lossy(&one.metadata).replace(BULK_BASE, &base));
    }
    body.push(']');
    ([(header::CONTENT_TYPE, "application/dicom+json"), (header::CACHE_CONTROL, "private, no-cache")], body)
        .into_response()
}

fn wants(headers: &HeaderMap, what: &str) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or_default();
    accept.contains(what)
}

/// Objects as Part 10 files: one alone where the client takes `application/dicom` for a single object, multipart otherwise.
fn objects(session: Session, found: Vec<ArchivedInstance>, headers: &HeaderMap) -> Result<Response, Refusal> {
    let single =
        !wants(headers, "multipart/related") && wants(headers, "application/dicom") && found.len() == 1;
    if !single {
        let boundary = boundary();
        let kind = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let parts = found.into_iter().map(|i| {
            (
                part_head(&boundary, &format!("application/dicom; transfer-syntax={}", i.transfer_syntax)),
                Piece::Object(i),
            )
        });
        return Ok(respond(&kind, body(session, parts.collect(), format!("\r\n--{boundary}--\r\n"))));
    }
    let Some(one) = found.into_iter().next() else {
        return Err(Refusal::dicomweb(Fault::not_found("no such object")));
    };
    let length = one.length;
    let mut response =
        respond("application/dicom", body(session, vec![(String::new(), Piece::Object(one))], String::new()));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
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
    let parts =
        numbers.into_iter().map(|n| (part_head(&boundary, &typed), Piece::Frame(found.clone(), n))).collect();
    Ok(respond(&whole, body(session, parts, format!("\r\n--{boundary}--\r\n"))))
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
    Object(ArchivedInstance),
    Frame(ArchivedInstance, usize),
}

fn part_head(boundary: &str, kind: &str) -> String {
    format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\n\r\n")
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

/// Streams parts piece by piece; memory holds one chunk, or one frame.
fn body(session: Session, parts: Vec<(String, Piece)>, end: String) -> Body {
    let state = (session, parts.into_iter(), None::<Reading>, Some(end));
    Body::from_stream(stream::unfold(state, |(session, mut parts, mut reading, mut end)| async move {
        loop {
            if let Some(mut now) = reading.take() {
                match now.next() {
                    Ok(Some(bytes)) => {
                        return Some((Ok::<Bytes, Fault>(bytes), (session, parts, Some(now), end)));
                    }
                    Ok(None) => {}
                    Err(fault) => return Some((Err(fault), (session, Vec::new().into_iter(), None, None))),
                }
            }
            let Some((head, piece)) = parts.next() else {
                let last = end.take().filter(|e| !e.is_empty())?;
                return Some((Ok(Bytes::from(last)), (session, parts, None, None)));
            };
            match open(&session, &piece) {
                Ok(next) => reading = Some(next),
                Err(fault) => return Some((Err(fault), (session, Vec::new().into_iter(), None, None))),
            }
            if !head.is_empty() {
                return Some((Ok(Bytes::from(head)), (session, parts, reading, end)));
            }
        }
    }))
}

/// What is left of one part.
enum Reading {
    Object { reader: Box<badiano_record::imaging::ImageReader>, at: u64 },
    Frame(Option<Vec<u8>>),
}

fn open(session: &Session, piece: &Piece) -> Result<Reading, Fault> {
    match piece {
        Piece::Object(instance) => {
            Ok(Reading::Object { reader: Box::new(session.open_image(instance)?), at: 0 })
        }
        Piece::Frame(instance, number) => Ok(Reading::Frame(Some(session.frame(instance, *number)?))),
    }
}

impl Reading {
    fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        match self {
            Reading::Frame(bytes) => Ok(bytes.take().map(Bytes::from)),
            Reading::Object { reader, at } => {
                if *at >= reader.length() {
                    return Ok(None);
                }
                let bytes = reader.read_range(*at, CHUNK)?;
                *at += bytes.len() as u64;
                Ok((!bytes.is_empty()).then(|| Bytes::from(bytes)))
            }
        }
    }
}

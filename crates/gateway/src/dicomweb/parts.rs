//! Bodies of many parts, streamed piece by piece (PS3.18 8.6.1.2, 8.7.3): whole objects, ranges of them, frames, expanded or as stored.

use super::accept::image_of;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use badiano_dicom::dictionary::transfer_syntax;
use badiano_dicom::part10::write_file_meta;
use badiano_dicom::pixel;
use badiano_kernel::Fault;
use badiano_record::Session;
use badiano_record::imaging::{ArchivedInstance, OutgoingBytes};
use bytes::Bytes;
use futures_util::stream;
use std::ops::Range;

/// Bytes of an object that are in memory at a time.
const CHUNK: usize = 512 << 10;
/// Pieces that are read ahead of a client.
const AHEAD: usize = 2;

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

pub enum Piece {
    Object(ArchivedInstance, Range<u64>),
    /// The object in another transfer syntax.
    Recoded(ArchivedInstance, String),
    Frame(ArchivedInstance, usize),
    /// The frame as native pixels.
    Expanded(ArchivedInstance, usize),
    /// A value of an object.
    Bulk(Box<OutgoingBytes>),
}

pub fn part_head(boundary: &str, kind: &str) -> String {
    format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\n\r\n")
}

pub fn part_end(boundary: &str) -> String {
    format!("\r\n--{boundary}--\r\n")
}

pub fn boundary() -> String {
    badiano_kernel::id::random_uuid()
}

pub fn respond(kind: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    if let Ok(value) = HeaderValue::from_str(kind) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// Streams parts piece by piece, read ahead by a thread of its own; memory holds three pieces, or three frames.
pub fn body(session: Session, parts: Vec<(String, Piece)>, end: String) -> Body {
    let (ready, pieces) = tokio::sync::mpsc::channel::<Result<Bytes, Fault>>(AHEAD);
    tokio::task::spawn_blocking(move || {
        let sent = |piece| ready.blocking_send(piece).is_ok();
        for (head, piece) in parts {
            if !head.is_empty() && !sent(Ok(Bytes::from(head))) {
                return;
            }
            if let Err(fault) = read(&session, piece, &sent) {
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
fn read(session: &Session, piece: Piece, sent: &impl Fn(Result<Bytes, Fault>) -> bool) -> Result<(), Fault> {
    match piece {
        Piece::Frame(instance, number) => {
            sent(Ok(Bytes::from(session.frame(&instance, number)?)));
        }
        Piece::Expanded(instance, number) => {
            sent(Ok(Bytes::from(expanded(session, &instance, number)?)));
        }
        Piece::Recoded(instance, syntax) => {
            let meta = write_file_meta(&instance.sop_class, &instance.sop, &syntax, "");
            let bytes = session.open_outgoing(&instance.outgoing(), &syntax)?;
            if sent(Ok(Bytes::from(meta))) {
                taken(bytes, sent)?;
            }
        }
        Piece::Bulk(bytes) => taken(*bytes, sent)?,
        Piece::Object(instance, range) => {
            let mut reader = session.open_image(&instance)?;
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

fn taken(mut bytes: OutgoingBytes, sent: &impl Fn(Result<Bytes, Fault>) -> bool) -> Result<(), Fault> {
    loop {
        let (piece, last) = bytes.next_bytes()?;
        if !sent(Ok(Bytes::from(piece))) || last {
            return Ok(());
        }
    }
}

/// A frame as native pixels, whatever it is compressed with.
pub fn expanded(session: &Session, instance: &ArchivedInstance, number: usize) -> Result<Vec<u8>, Fault> {
    let at = number.checked_sub(1).ok_or_else(|| Fault::not_found("frames are counted from 1"))?;
    let info = image_of(instance, at)?;
    let bytes = session.frame(instance, number)?;
    pixel::plain_frame(&info, &instance.transfer_syntax, &bytes).map_err(super::accept::of_pixels)
}

//! STOW-RS, store (PS3.18 section 10.5): Part 10 objects in a multipart body, streamed part by part; each durable before the answer.

use crate::caller::Caller;
use crate::reply::Refusal;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::{Tag, json, tags};
use badiano_kernel::{Fault, FaultKind};
use badiano_record::Session;
use badiano_record::imaging::{ArrivedInstance, Receiving};
use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use memchr::memmem;

/// Headers of one part.
const PART_HEAD_MAX: usize = 16 << 10;
/// Objects in one request.
const PARTS_MAX: usize = 100_000;

const FAILURE_REASON: Tag = Tag(0x0008, 0x1197);
const WARNING_REASON: Tag = Tag(0x0008, 0x1196);

pub async fn store(caller: Caller, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    run(&caller, None, &headers, body).await
}

pub async fn store_in_study(
    caller: Caller,
    Path(study): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    run(&caller, Some(study), &headers, body).await
}

#[derive(Default)]
struct Outcome {
    stored: Vec<ArrivedInstance>,
    failed: Vec<Fault>,
}

async fn run(
    caller: &Caller,
    study: Option<String>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/related")
        || !kind.contains("application/dicom")
        || kind.contains("dicom+json")
        || kind.contains("dicom+xml")
    {
        let fault =
            Fault::not_supported("objects are stored as multipart/related; type=\"application/dicom\"");
        return Ok((StatusCode::UNSUPPORTED_MEDIA_TYPE, fault.text).into_response());
    }
    let boundary = boundary_of(kind)
        .ok_or_else(|| Refusal::dicomweb(Fault::invalid("the content type names no boundary")))?;
    let session = caller.session();
    let mut outcome = Outcome::default();
    read_parts(&session, study.as_deref(), &boundary, body, &mut outcome).await.map_err(Refusal::dicomweb)?;
    let status = match (outcome.stored.is_empty(), outcome.failed.is_empty()) {
        (false, true) => StatusCode::OK,
        (false, false) => StatusCode::ACCEPTED,
        (true, _) => StatusCode::CONFLICT,
    };
    let base = format!("{}/dicomweb", caller.gate.options.pages);
    let text = json::print_all(&[answer(&outcome, &base)]);
    // One object, not an array (PS3.18 10.5.3.2).
    let text = text.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok((status, [(header::CONTENT_TYPE, "application/dicom+json")], text).into_response())
}

fn boundary_of(kind: &str) -> Option<String> {
    let at = kind.to_ascii_lowercase().find("boundary=")?;
    let rest = &kind[at + 9..];
    let value = rest.strip_prefix('"').map_or_else(|| rest.split(';').next(), |r| r.split('"').next())?;
    let value = value.trim();
    (1..=70).contains(&value.len()).then(|| value.to_owned())
}

/// Where the reader stands in the body.
enum At {
    /// Before the first boundary, or after a part.
    Boundary,
    Head,
    Part(Option<Box<Receiving>>),
}

async fn read_parts(
    session: &Session,
    study: Option<&str>,
    boundary: &str,
    body: Body,
    outcome: &mut Outcome,
) -> Result<(), Fault> {
    let mark = format!("\r\n--{boundary}").into_bytes();
    let mut stream = body.into_data_stream();
    // A boundary at the very beginning has no line end before it; give it one.
    let mut buffer = BytesMut::from(&b"\r\n"[..]);
    let mut at = At::Boundary;
    let mut ended = false;
    loop {
        let more = step(session, study, &mark, &mut buffer, &mut at, ended, outcome).await?;
        if let Step::Done = more {
            return Ok(());
        }
        if let Step::More = more {
            if ended {
                return Err(Fault::invalid("the body ends before its last boundary"));
            }
            match stream.next().await {
                Some(Ok(chunk)) => buffer.extend_from_slice(&chunk),
                Some(Err(_)) => return Err(Fault::invalid("the body broke off")),
                None => ended = true,
            }
        }
        if outcome.stored.len() + outcome.failed.len() > PARTS_MAX {
            return Err(Fault::too_costly("too many objects in one request"));
        }
    }
}

enum Step {
    Again,
    More,
    Done,
}

#[allow(clippy::too_many_arguments)]
async fn step(
    session: &Session,
    study: Option<&str>,
    mark: &[u8],
    buffer: &mut BytesMut,
    at: &mut At,
    ended: bool,
    outcome: &mut Outcome,
) -> Result<Step, Fault> {
    match at {
        At::Boundary => {
            let Some(found) = memmem::find(buffer, mark) else {
                let keep = buffer.len().saturating_sub(mark.len());
                buffer.advance(keep);
                return Ok(Step::More);
            };
            if buffer.len() < found + mark.len() + 2 {
                return Ok(if ended { Step::Done } else { Step::More });
            }
            buffer.advance(found + mark.len());
            if buffer.starts_with(b"--") {
                return Ok(Step::Done);
            }
            *at = At::Head;
            Ok(Step::Again)
        }
        At::Head => {
            let Some(end) = memmem::find(buffer, b"\r\n\r\n") else {
                if buffer.len() > PART_HEAD_MAX {
                    return Err(Fault::too_costly("the headers of a part are too long"));
                }
                return Ok(Step::More);
            };
            buffer.advance(end + 4);
            *at = At::Part(Some(Box::new(session.receive_file()?)));
            Ok(Step::Again)
        }
        At::Part(receiving) => {
            let found = memmem::find(buffer, mark);
            let ready = found.unwrap_or_else(|| buffer.len().saturating_sub(mark.len()));
            if let Some(open) = receiving
                && let Err(fault) = open.feed(&buffer[..ready])
            {
                outcome.failed.push(fault);
                *receiving = None;
            }
            buffer.advance(ready);
            if found.is_none() {
                return Ok(Step::More);
            }
            if let Some(open) = receiving.take() {
                finish(*open, study, outcome).await;
            }
            *at = At::Boundary;
            Ok(Step::Again)
        }
    }
}

async fn finish(receiving: Receiving, study: Option<&str>, outcome: &mut Outcome) {
    match receiving.finish_in(study).await {
        Ok(arrived) => outcome.stored.push(arrived),
        Err(fault) => outcome.failed.push(fault),
    }
}

/// Referenced and failed SOP sequences (PS3.18 table 10.5.3-1).
fn answer(outcome: &Outcome, base: &str) -> DataSet {
    let mut set = DataSet::new();
    let stored: Vec<DataSet> = outcome
        .stored
        .iter()
        .map(|i| {
            let mut item = DataSet::new();
            item.set_text(tags::REFERENCED_SOP_CLASS_UID, &i.sop_class);
            item.set_text(tags::REFERENCED_SOP_INSTANCE_UID, &i.sop);
            item.set_text(
                tags::RETRIEVE_URL,
                &format!("{base}/studies/{}/series/{}/instances/{}", i.study, i.series, i.sop),
            );
            if !i.issues.is_empty() {
                item.set_ints(WARNING_REASON, &[0xB007]);
            }
            item
        })
        .collect();
    let failed: Vec<DataSet> = outcome
        .failed
        .iter()
        .map(|f| {
            let mut item = DataSet::new();
            item.set_ints(FAILURE_REASON, &[reason_of(f.kind)]);
            item
        })
        .collect();
    if !stored.is_empty() {
        set.set_items(tags::REFERENCED_SOP_SEQUENCE, stored);
    }
    if !failed.is_empty() {
        set.set_items(tags::FAILED_SOP_SEQUENCE, failed);
    }
    set
}

/// Failure Reason (PS3.18 table 10.5.3-2, PS3.4 table B.2-1).
const fn reason_of(kind: FaultKind) -> i64 {
    match kind {
        FaultKind::Invalid => 0xC000,
        FaultKind::Conflict | FaultKind::Unmet => 0xA900,
        FaultKind::Unavailable | FaultKind::TooCostly => 0xA700,
        FaultKind::NotSupported => 0x0122,
        FaultKind::Forbidden | FaultKind::Unauthenticated => 0x0124,
        FaultKind::NotFound | FaultKind::Bug => 0x0110,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_read_bare_and_in_quotes() {
        assert_eq!(
            boundary_of("multipart/related; type=\"application/dicom\"; boundary=abc").as_deref(),
            Some("abc")
        );
        assert_eq!(boundary_of("multipart/related; boundary=\"a b\"; type=x").as_deref(), Some("a b"));
        assert_eq!(boundary_of("multipart/related"), None);
    }
}

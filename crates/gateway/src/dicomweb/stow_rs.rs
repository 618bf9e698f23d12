//! STOW-RS, store (PS3.18 section 10.5): Part 10 objects in a multipart body, streamed part by part; each durable before the answer.

use super::multipart::{Multipart, boundary_of};
use super::stow_metadata::{self, Form};
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
use badiano_record::imaging::{ArrivedInstance, NotStored};

/// Objects in one request.
pub(super) const PARTS_MAX: usize = 100_000;

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
pub(super) struct Outcome {
    stored: Vec<ArrivedInstance>,
    failed: Vec<NotStored>,
}

impl Outcome {
    pub fn take(&mut self, one: Result<ArrivedInstance, NotStored>) {
        match one {
            Ok(arrived) => self.stored.push(arrived),
            Err(refused) => self.failed.push(refused),
        }
    }
}

async fn run(
    caller: &Caller,
    study: Option<String>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("multipart/related") || !kind.contains("application/dicom") {
        let fault = Fault::not_supported(
            "objects are stored as multipart/related; type=\"application/dicom\", \"application/dicom+json\" or \"application/dicom+xml\"",
        );
        return Ok((StatusCode::UNSUPPORTED_MEDIA_TYPE, fault.text).into_response());
    }
    let boundary = boundary_of(kind)
        .ok_or_else(|| Refusal::dicomweb(Fault::invalid("the content type names no boundary")))?;
    let (session, study) = (caller.session(), study.as_deref());
    let mut parts = Multipart::new(body, &boundary);
    let mut outcome = Outcome::default();
    let done = match Form::of(kind) {
        Some(form) => stow_metadata::store(&session, study, &mut parts, form, &mut outcome).await,
        None => files(&session, study, &mut parts, &mut outcome).await,
    };
    done.map_err(Refusal::dicomweb)?;
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

/// Part 10 files, each stored as it passes.
async fn files(
    session: &Session,
    study: Option<&str>,
    parts: &mut Multipart,
    outcome: &mut Outcome,
) -> Result<(), Fault> {
    while parts.part().await?.is_some() {
        let mut receiving = session.receive_file()?;
        let mut refused = None;
        while let Some(bytes) = parts.bytes().await? {
            if let Err(fault) = receiving.feed(&bytes) {
                refused = Some(NotStored::unread(fault));
                break;
            }
        }
        outcome.take(match refused {
            Some(refused) => Err(refused),
            None => receiving.finish_in(study).await,
        });
        if outcome.stored.len() + outcome.failed.len() > PARTS_MAX {
            return Err(Fault::too_costly("too many objects in one request"));
        }
    }
    Ok(())
}

/// Referenced and failed SOP sequences (PS3.18 table 10.5.3-1).
fn answer(outcome: &Outcome, base: &str) -> DataSet {
    let named = |sop_class: &str, sop: &str| {
        let mut item = DataSet::new();
        for (tag, uid) in
            [(tags::REFERENCED_SOP_CLASS_UID, sop_class), (tags::REFERENCED_SOP_INSTANCE_UID, sop)]
        {
            if !uid.is_empty() {
                item.set_text(tag, uid);
            }
        }
        item
    };
    let stored = |i: &ArrivedInstance| {
        let mut item = named(&i.sop_class, &i.sop);
        let url = format!("{base}/studies/{}/series/{}/instances/{}", i.study, i.series, i.sop);
        item.set_text(tags::RETRIEVE_URL, &url);
        if !i.issues.is_empty() {
            item.set_ints(WARNING_REASON, &[0xB007]);
        }
        item
    };
    let failed = |refused: &NotStored| {
        let mut item = named(&refused.sop_class, &refused.sop);
        item.set_ints(FAILURE_REASON, &[reason_of(refused.fault.kind)]);
        item
    };
    let mut set = DataSet::new();
    if !outcome.stored.is_empty() {
        set.set_items(tags::REFERENCED_SOP_SEQUENCE, outcome.stored.iter().map(stored).collect());
    }
    if !outcome.failed.is_empty() {
        set.set_items(tags::FAILED_SOP_SEQUENCE, outcome.failed.iter().map(failed).collect());
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

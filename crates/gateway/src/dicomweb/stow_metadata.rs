//! STOW-RS with metadata and bulk data (PS3.18 section 10.5): the metadata in JSON or XML, bulk data by their Content-Location.

use super::multipart::Multipart;
use super::stow_rs::{Outcome, PARTS_MAX};
use badiano_dicom::json::{self, JSON_BYTES_MAX, Parsed};
use badiano_kernel::Fault;
use badiano_record::Session;

/// In what the metadata are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One part describes all objects (PS3.18 annex F).
    Json,
    /// One part an object (PS3.19 annex A).
    Xml,
}

impl Form {
    /// The form that a media type names.
    pub fn of(media_type: &str) -> Option<Form> {
        let kind = media_type.to_ascii_lowercase();
        if kind.contains("application/dicom+json") {
            return Some(Form::Json);
        }
        kind.contains("application/dicom+xml").then_some(Form::Xml)
    }

    fn read(self, text: &[u8]) -> Result<Vec<Parsed>, Fault> {
        let read = match self {
            Form::Json => json::parse(text),
            Form::Xml => json::parse_xml(text).map(|one| vec![one]),
        };
        read.map_err(|error| Fault::invalid(format!("the metadata cannot be read: {error}")))
    }
}

/// Takes all parts, then stores the objects one by one. What cannot be read at all stores nothing.
pub(super) async fn store(
    session: &Session,
    study: Option<&str>,
    parts: &mut Multipart,
    form: Form,
    outcome: &mut Outcome,
) -> Result<(), Fault> {
    let mut bulk = session.receive_bulk()?;
    let mut objects = Vec::new();
    let mut taken = 0;
    while let Some(head) = parts.part().await? {
        if Form::of(&head.content_type) == Some(form) {
            let text = metadata(parts, JSON_BYTES_MAX - taken).await?;
            taken += text.len();
            objects.extend(form.read(&text)?);
        } else if !head.content_location.is_empty() {
            bulk.begin(&head.content_location, &head.content_type)?;
            while let Some(bytes) = parts.bytes().await? {
                bulk.feed(&bytes)?;
            }
        } else {
            return Err(Fault::invalid(
                "a part holds neither metadata nor, by its Content-Location, bulk data",
            ));
        }
        if objects.len() > PARTS_MAX {
            return Err(Fault::too_costly("too many objects in one request"));
        }
    }
    if objects.is_empty() {
        return Err(Fault::invalid("no part holds metadata"));
    }
    for object in objects {
        outcome.take(session.store_described(object, &bulk, study).await);
    }
    Ok(())
}

async fn metadata(parts: &mut Multipart, room: usize) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    while let Some(bytes) = parts.bytes().await? {
        if text.len() + bytes.len() > room {
            return Err(Fault::too_costly("more than 32 MiB of metadata in one request"));
        }
        text.extend_from_slice(&bytes);
    }
    Ok(text)
}

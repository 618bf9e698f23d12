//! Images on their way out: questions at every level, metadata as made at ingest, frames and whole objects by range.

use super::overlay::Corrected;
use super::retrieve::Outgoing;
use crate::audit::Act;
use crate::class::DataClass;
use crate::queues::Item;
use crate::session::Session;
use badiano_dicom::dictionary::transfer_syntax;
use badiano_dicom::query::{Level, Query};
use badiano_kernel::Fault;
use badiano_store::{BlobReader, BlobRef, InstanceFound, Metadata, Stub};
use ring::digest::{Context, SHA256};
use std::sync::Arc;

/// A match of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// Tag and text, several values parted by a backslash.
    pub attributes: Vec<(u32, String)>,
    pub modalities: Vec<String>,
    /// Of the patient, at the level of patients.
    pub studies: u64,
    pub series: u64,
    pub instances: u64,
}

/// One object as archived.
#[derive(Debug, Clone)]
pub struct ArchivedInstance {
    pub study: String,
    pub series: String,
    pub sop: String,
    pub sop_class: String,
    pub transfer_syntax: String,
    pub frames: usize,
    /// Bytes of the Part 10 file as it is given.
    pub length: u64,
    /// Where it is given with another header than it came with.
    pub(super) corrected: Option<Arc<Corrected>>,
    mark: [u8; 32],
    metadata: Metadata,
    spans: Vec<(u64, u64)>,
    blob: BlobRef,
}

impl ArchivedInstance {
    /// DICOM JSON as made at ingest; bulk data URIs begin with [`super::BULK_BASE`].
    pub fn metadata(&self) -> Result<Vec<u8>, Fault> {
        self.metadata.open()
    }

    /// The same behind what is there already, with `base` before bulk data.
    pub fn append_metadata(&self, base: &str, to: &mut Vec<u8>) -> Result<(), Fault> {
        let kept = self.metadata()?;
        let mut from = 0;
        for at in memchr::memmem::find_iter(&kept, super::BULK_BASE.as_bytes()) {
            to.extend_from_slice(&kept[from..at]);
            to.extend_from_slice(base.as_bytes());
            from = at + super::BULK_BASE.len();
        }
        to.extend_from_slice(&kept[from..]);
        Ok(())
    }

    /// The object as it is sent to who asks for another transfer syntax.
    pub fn outgoing(&self) -> Outgoing {
        Outgoing {
            study: self.study.clone(),
            sop: self.sop.clone(),
            sop_class: self.sop_class.clone(),
            transfer_syntax: self.transfer_syntax.clone(),
        }
    }

    /// The same for the same bytes: the SHA-256 of the object, or of what it became.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.mark
    }
}

/// Reads ranges of one object; every byte is authenticated.
pub struct ImageReader {
    pub(super) blob: BlobReader,
    pub(super) corrected: Option<Arc<Corrected>>,
}

impl Session {
    /// C-FIND and QIDO-RS: what matches and may be seen, logged by patient.
    pub fn find_images(&self, query: &Query) -> Result<Vec<FoundImage>, Fault> {
        self.may_see_images()?;
        let sees = |stub: &Stub| self.sees(stub);
        let (rows, patients) = self.node().store().read(|view| {
            let rows = view.dicom_find(query, &sees)?.rows;
            let mut patients = Vec::new();
            for row in &rows {
                let key = crate::patient_index::key_of(view, row.pat)?;
                patients.extend(key.map(|k| k.id).filter(|id| !patients.contains(id)));
            }
            Ok((rows, patients))
        })?;
        let level = match query.level {
            Level::Patient => "patients",
            Level::Study => "studies",
            Level::Series => "series",
            Level::Instance => "instances",
        };
        self.note(Act::Execute, "find-images", &patients, level)?;
        Ok(rows
            .into_iter()
            .map(|r| FoundImage {
                attributes: r.attributes,
                modalities: r.modalities,
                studies: r.studies_count,
                series: r.series_count,
                instances: r.instances_count,
            })
            .collect())
    }

    /// All that is kept of objects which a question found, as DICOM JSON and in the order of the UIDs; nothing for one that is
    /// gone or may not be seen. The question stands in the log already.
    pub fn described(&self, sops: &[String]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        self.may_see_images()?;
        let read = |sop: &String| self.node().store().read(|view| view.instance(sop));
        let seen = |i: &InstanceFound| self.sees(&i.stub());
        sops.iter().map(|sop| read(sop)?.filter(seen).map(|i| i.metadata.open()).transpose()).collect()
    }

    /// The objects of a study, or of one of its series, in order; not found when none may be seen.
    pub fn archived(&self, study: &str, series: Option<&str>) -> Result<Vec<ArchivedInstance>, Fault> {
        self.may_see_images()?;
        let found = self.node().store().read(|view| view.instances(study, series))?;
        self.shown(found, study)?.into_iter().map(archived).collect()
    }

    /// One object of a series.
    pub fn archived_one(&self, study: &str, series: &str, sop: &str) -> Result<ArchivedInstance, Fault> {
        self.may_see_images()?;
        let found = self.node().store().read(|view| view.instance(sop))?;
        let found = found.into_iter().filter(|i| i.study == study && i.series == series).collect();
        let mut shown = self.shown(found, study)?;
        archived(shown.pop().ok_or_else(|| Fault::not_found("no such object"))?)
    }

    /// One object by its own UID alone (WADO-URI, C-MOVE at instance level, storage commitment).
    pub fn archived_by_sop(&self, sop: &str) -> Result<ArchivedInstance, Fault> {
        self.may_see_images()?;
        let found = self.node().store().read(|view| view.instance(sop))?;
        let study = found.as_ref().map(|i| i.study.clone()).unwrap_or_default();
        let mut shown = self.shown(found.into_iter().collect(), &study)?;
        archived(shown.pop().ok_or_else(|| Fault::not_found("no such object"))?)
    }

    /// What of a study may be seen, logged; not found when nothing may.
    pub(super) fn shown(&self, found: Vec<InstanceFound>, study: &str) -> Result<Vec<InstanceFound>, Fault> {
        let seen: Vec<InstanceFound> = found.into_iter().filter(|i| self.sees(&i.stub())).collect();
        let Some(first) = seen.first() else {
            self.note_refused("retrieve-images", "study")?;
            return Err(Fault::not_found("no such study, series or object"));
        };
        self.note_study(first.pat, study)?;
        Ok(seen)
    }

    /// Whether objects are safely here, for storage commitment: the class and instance as stored, or nothing.
    pub fn committed(&self, sop: &str) -> Result<Option<String>, Fault> {
        let found = self.node().store().read(|view| view.instance(sop))?;
        Ok(found.filter(|i| self.sees(&i.stub())).map(|i| i.sop_class))
    }

    /// Hub: whether images of a person that an institution holds may pass for this session; logged like any access.
    pub fn may_fetch_images(&self, person: &str, source: &str) -> Result<(), Fault> {
        let hidden = || Fault::not_found("no such study");
        let ids = self.node().store().read(|view| crate::patient_index::patients_of_curp(view, person))?;
        let id = ids.first().ok_or_else(hidden)?;
        let stub = Stub {
            kind: "ImagingStudy".to_owned(),
            id: String::new(),
            pat: badiano_store::pat_of(id),
            class: DataClass::Imaging.bit(),
            source: source.to_owned(),
        };
        if !self.sees(&stub) {
            self.note_refused("retrieve-images", "study")?;
            return Err(hidden());
        }
        self.note(Act::Read, "retrieve-images", std::slice::from_ref(id), "study of another institution")
    }

    /// Hospital: whether images of another institution may pass to who asked here, by what this node knows of the person's consent;
    /// logged here like any access.
    pub fn may_pass_images(&self, person: &str, source: &str) -> Result<(), Fault> {
        let ids = self.node().store().read(|view| crate::patient_index::patients_of_curp(view, person))?;
        let stub = Stub {
            kind: "ImagingStudy".to_owned(),
            id: String::new(),
            pat: ids.first().map_or(0, |id| badiano_store::pat_of(id)),
            class: DataClass::Imaging.bit(),
            source: source.to_owned(),
        };
        if !self.sees_of(person, &stub, &crate::consent_register::consent_of_person(self.node(), person)?) {
            self.note_refused("retrieve-images", "study")?;
            return Err(Fault::not_found("no such study"));
        }
        self.note(Act::Read, "retrieve-images", &ids, "study of another institution")
    }

    /// Keeps a request for storage commitment until its report was taken. It is first carried by whoever asked here,
    /// and by the queue's worker when that takes longer than a few seconds.
    pub async fn queue_commitment(
        &self,
        ae_title: &str,
        transaction: &str,
        payload: Vec<u8>,
    ) -> Result<Item, Fault> {
        let (queue, writer) = (super::commitment_queue(ae_title), self.writer());
        let (name, kept) = (queue.clone(), payload.clone());
        let transaction = transaction.to_owned();
        let id = self
            .node()
            .store()
            .write(move |tx| {
                let id = tx.enqueue(&name, "", &kept, writer.now.plus_seconds(10))?;
                writer.leaf(tx, Act::Create, "storage-commitment", &[], &transaction)?;
                Ok(id)
            })
            .await?;
        Ok(Item { id, queue, key: String::new(), payload, tries: 0 })
    }

    /// Opens an object for reading by range.
    pub fn open_image(&self, instance: &ArchivedInstance) -> Result<ImageReader, Fault> {
        Ok(ImageReader::new(self.node().store().blob(&instance.blob)?, instance.corrected.clone()))
    }

    /// An object as it was received, whatever rules and corrections made of it: a right of its own, in the log on the disk before the
    /// first byte.
    pub async fn open_received(&self, instance: &ArchivedInstance) -> Result<ImageReader, Fault> {
        let key = self.node().store().read(|view| {
            let pat = view.study_pat(&instance.study)?.unwrap_or(0);
            crate::patient_index::key_of(view, pat)
        })?;
        let patients: Vec<String> = key.map(|k| k.id).into_iter().collect();
        let (writer, what) = (self.writer(), format!("{} as received", instance.sop));
        let note = move |tx: &mut badiano_store::Tx<'_>| {
            writer.leaf(tx, Act::Read, "retrieve-as-received", &patients, &what)
        };
        self.node().store().write(note).await?;
        Ok(ImageReader::new(self.node().store().blob(&instance.blob)?, None))
    }

    /// The bytes of one frame (counted from 1), as encoded in the object.
    pub fn frame(&self, instance: &ArchivedInstance, number: usize) -> Result<Vec<u8>, Fault> {
        let span = number.checked_sub(1).and_then(|n| instance.spans.get(n));
        let (offset, length) = *span.ok_or_else(|| Fault::not_found("no such frame"))?;
        let length = usize::try_from(length).map_err(|_| Fault::too_costly("the frame is too large"))?;
        let bytes = self.open_image(instance)?.read_range(offset, length)?;
        let encapsulated = transfer_syntax(&instance.transfer_syntax).is_some_and(|t| t.encapsulated);
        if encapsulated { unwrap_items(&bytes) } else { Ok(bytes) }
    }

    pub(super) fn may_see_images(&self) -> Result<(), Fault> {
        self.scope_allows("ImagingStudy", crate::access::Action::Read)?;
        self.may_read_classes(DataClass::Imaging.bit())
    }
}

/// The values of the items of a frame, one after the other (PS3.5 A.4).
fn unwrap_items(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let damaged = || Fault::bug("the frame table does not fit the object");
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(8).ok_or_else(damaged)?;
        if head[..4] != [0xFE, 0xFF, 0x00, 0xE0] {
            return Err(damaged());
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (value, after) = after.split_at_checked(length).ok_or_else(damaged)?;
        out.extend_from_slice(value);
        rest = after;
    }
    Ok(out)
}

pub(super) fn archived(found: InstanceFound) -> Result<ArchivedInstance, Fault> {
    let corrected = found.overlay.as_ref().map(Corrected::open).transpose()?;
    let mark = match &found.overlay {
        None => found.blob.sha256,
        Some(overlay) => {
            let mut mark = Context::new(&SHA256);
            mark.update(&found.blob.sha256);
            mark.update(&overlay.open()?);
            mark.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
        }
    };
    Ok(ArchivedInstance {
        frames: found.frames.len(),
        length: corrected.as_ref().map_or(found.blob.length, Corrected::length),
        corrected: corrected.map(Arc::new),
        mark,
        study: found.study,
        series: found.series,
        sop: found.sop,
        sop_class: found.sop_class,
        transfer_syntax: found.transfer_syntax,
        metadata: found.metadata,
        spans: found.frames,
        blob: found.blob,
    })
}

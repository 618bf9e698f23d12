//! What C-MOVE and C-GET send: the objects that unique keys name and that may be seen (PS3.4 C.4.2, C.4.3).

use super::serve::ImageReader;
use crate::audit::Act;
use crate::session::Session;
use badiano_dicom::part10::{self, Parser, Piece};
use badiano_dicom::query::{Level, Query};
use badiano_dicom::tags;
use badiano_kernel::Fault;
use badiano_store::{FoundRow, Stub};

/// Objects of one retrieval: their count must fit the response (PS3.7 9.3.4.2, US).
pub const OBJECTS_MAX: usize = 65_535;
/// A Part 10 head is looked for in this much of an object.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of an object that are in memory while its header is read.
const READ_BYTES: usize = 1 << 20;

/// One object on its way to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub study: String,
    pub sop: String,
    pub sop_class: String,
    pub transfer_syntax: String,
}

impl Session {
    /// The objects that the unique keys of a question name, as far as this session and the one that receives may see
    /// them: decided here once for each patient, and logged by study before the first byte leaves.
    pub fn retrievable(
        &self,
        keys: &Query,
        receiver: Option<(&Session, &str)>,
    ) -> Result<Vec<Outgoing>, Fault> {
        self.may_see_images()?;
        receiver.map_or(Ok(()), |(other, _)| other.may_see_images())?;
        let unique =
            [tags::PATIENT_ID, tags::STUDY_INSTANCE_UID, tags::SERIES_INSTANCE_UID, tags::SOP_INSTANCE_UID];
        let query = Query {
            level: Level::Instance,
            conditions: keys.conditions.iter().filter(|(tag, _)| unique.contains(tag)).cloned().collect(),
            combined_date_time: false,
            fuzzy: false,
            limit: OBJECTS_MAX + 1,
            offset: 0,
        };
        if query.conditions.is_empty() {
            return Err(Fault::invalid("no unique key says what to retrieve"));
        }
        let sees = |stub: &Stub| self.sees(stub) && receiver.is_none_or(|(other, _)| other.sees(stub));
        let rows = self.node().store().read(|view| view.dicom_find(&query, &sees))?.rows;
        if rows.len() > OBJECTS_MAX {
            return Err(Fault::too_costly("more than 65,535 objects in one retrieval: ask for less at once"));
        }
        self.note_retrieval(&rows, receiver.map(|(_, name)| name))?;
        Ok(rows.into_iter().map(outgoing).collect())
    }

    fn note_retrieval(&self, rows: &[FoundRow], destination: Option<&str>) -> Result<(), Fault> {
        let mut studies: Vec<(&str, i64)> = rows.iter().map(|r| (r.study.as_str(), r.pat)).collect();
        studies.dedup();
        if studies.is_empty() {
            return self.note_refused("retrieve-images", "study");
        }
        for (study, pat) in studies {
            let key = self.node().store().read(|view| crate::patient_index::key_of(view, pat))?;
            let patients: Vec<String> = key.map(|k| k.id).into_iter().collect();
            let what = destination.map_or(study.to_owned(), |name| format!("{study} to {name}"));
            self.note(Act::Read, "retrieve-images", &patients, &what)?;
        }
        Ok(())
    }

    /// Opens an object that [`Session::retrievable`] gave: its bytes, and where its data set begins in them.
    pub fn open_outgoing(&self, object: &Outgoing) -> Result<(ImageReader, u64), Fault> {
        let found = self.node().store().read(|view| view.instance_blob(&object.sop))?;
        let blob = found.ok_or_else(|| Fault::not_found("the object has been taken out of the archive"))?;
        let mut reader = ImageReader { blob: self.node().store().blob(&blob)? };
        let head = reader.read_range(0, HEAD_BYTES_MAX)?;
        let start = part10::data_set_start(&head)
            .ok_or_else(|| Fault::unavailable("the head of a stored object cannot be read"))?;
        Ok((reader, start))
    }

    /// Opens an object as it goes out in the other one of implicit and explicit VR little endian: its header is read, its
    /// bulk values are passed on as they are stored.
    pub fn open_recoded(
        &self,
        object: &Outgoing,
        transfer_syntax: &str,
    ) -> Result<(ImageReader, Vec<Piece>), Fault> {
        let (mut reader, _) = self.open_outgoing(object)?;
        let unreadable = |_| Fault::unavailable("the head of a stored object cannot be read");
        let mut parser = Parser::part10();
        let mut at = 0;
        while at < reader.length() {
            let bytes = reader.read_range(at, READ_BYTES)?;
            at += bytes.len() as u64;
            parser.feed(&bytes).map_err(unreadable)?;
        }
        let header = parser.finish().map_err(unreadable)?;
        let pieces = part10::coding_of(transfer_syntax).and_then(|coding| part10::recode(&header, coding));
        let none = || Fault::not_supported("the object cannot be sent in this transfer syntax");
        Ok((reader, pieces.ok_or_else(none)?))
    }
}

fn outgoing(row: FoundRow) -> Outgoing {
    Outgoing {
        study: row.study,
        sop: row.sop,
        sop_class: row.sop_class,
        transfer_syntax: row.transfer_syntax,
    }
}

//! What C-MOVE and C-GET send: the objects that unique keys name and that may be seen (PS3.4 C.4.2, C.4.3).

use super::overlay::Corrected;
use super::serve::{ArchivedInstance, ImageReader};
use crate::audit::Act;
use crate::session::Session;
use badiano_dicom::dataset::TagPath;
use badiano_dicom::dictionary::{Coding, uids};
use badiano_dicom::part10::{self, Header, Parser, Piece};
use badiano_dicom::pixel::{self, ImageInfo, PixelError};
use badiano_dicom::query::{Level, Query};
use badiano_dicom::tags;
use badiano_kernel::Fault;
use badiano_store::{FoundRow, Stub};
use std::collections::VecDeque;
use std::sync::Arc;

/// Objects of one retrieval: their count must fit the response (PS3.7 9.3.4.2, US).
pub const OBJECTS_MAX: usize = 65_535;
/// Bytes of an object that are in memory at a time.
const CHUNK: usize = 256 << 10;
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

impl Outgoing {
    /// The transfer syntaxes in which it can be given, its own first: explicit and implicit VR little endian stand for each
    /// other, and for compressions that can be undone.
    pub fn syntaxes(&self) -> Vec<&str> {
        let own = self.transfer_syntax.as_str();
        let plain = [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN];
        let mut all = vec![own];
        if plain.contains(&own) || pixel::is_expandable(own) {
            all.extend(plain.into_iter().filter(|uid| *uid != own));
        }
        all
    }
}

impl Session {
    /// The objects that the unique keys of a question name, as far as this session and the one that receives may see
    /// them: decided here once for each patient, and logged by study before the first byte leaves.
    pub fn retrievable(
        &self,
        keys: &Query,
        receiver: Option<(&Session, &str)>,
    ) -> Result<Vec<Outgoing>, Fault> {
        self.takes_nothing_along()?;
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

    /// Opens an object that [`Session::retrievable`] gave, as a data set in a transfer syntax: as it is stored, or with its
    /// headers written anew, or its frames expanded. What cannot be given is refused here, before the first byte.
    pub fn open_outgoing(&self, object: &Outgoing, transfer_syntax: &str) -> Result<OutgoingBytes, Fault> {
        let found = self.node().store().read(|view| view.instance_blob(&object.sop))?;
        let (blob, overlay) =
            found.ok_or_else(|| Fault::not_found("the object has been taken out of the archive"))?;
        let corrected = overlay.as_ref().map(Corrected::open).transpose()?.map(Arc::new);
        let mut reader = ImageReader::new(self.node().store().blob(&blob)?, corrected);
        if object.transfer_syntax == transfer_syntax {
            let head = reader.read_range(0, HEAD_BYTES_MAX)?;
            let start = part10::data_set_start(&head)
                .ok_or_else(|| Fault::unavailable("the head of a stored object cannot be read"))?;
            let all = Piece::Stored { offset: start, length: reader.length().saturating_sub(start) };
            return Ok(OutgoingBytes { reader, todo: [all].into(), header: None, ready: None });
        }
        OutgoingBytes::recoded(reader, transfer_syntax)
    }
}

impl Session {
    /// A value of an object that its metadata only name, little endian. Pixel data that are compressed are had by frames.
    pub fn open_bulk(&self, instance: &ArchivedInstance, path: &TagPath) -> Result<OutgoingBytes, Fault> {
        let mut reader = self.open_image(instance)?;
        let header = header_of(&mut reader)?;
        let found = header.bulk.iter().find(|b| b.path == *path);
        let bulk = found.ok_or_else(|| Fault::not_found("no such bulk data"))?;
        if header.inflated || bulk.encapsulated || header.coding == Coding::ExplicitBig {
            return Err(Fault::not_supported("bulk data of this object are had with the object alone"));
        }
        let all = Piece::Stored { offset: bulk.offset, length: bulk.length };
        Ok(OutgoingBytes { reader, todo: [all].into(), header: None, ready: None })
    }
}

/// The bytes of an object on its way, of which a part may have been taken.
pub struct OutgoingBytes {
    reader: ImageReader,
    todo: VecDeque<Piece>,
    /// Of an object whose frames are expanded.
    header: Option<Box<Header>>,
    /// The first frame, expanded to see that it can be.
    ready: Option<Vec<u8>>,
}

impl OutgoingBytes {
    /// Pieces of which none is expanded.
    pub(super) fn of(reader: ImageReader, todo: VecDeque<Piece>) -> OutgoingBytes {
        OutgoingBytes { reader, todo, header: None, ready: None }
    }

    fn recoded(mut reader: ImageReader, transfer_syntax: &str) -> Result<OutgoingBytes, Fault> {
        let header = header_of(&mut reader)?;
        let pieces = part10::coding_of(transfer_syntax).and_then(|coding| part10::recode(&header, coding));
        let none = || Fault::not_supported("the object cannot be sent in this transfer syntax");
        let pieces = pieces.ok_or_else(none)?;
        let expands = pieces.iter().any(|p| matches!(p, Piece::Expanded { .. }));
        let header = Some(Box::new(header));
        let mut bytes = OutgoingBytes { reader, todo: pieces.into(), header, ready: None };
        if expands {
            bytes.ready = Some(bytes.expanded(0)?);
        }
        Ok(bytes)
    }

    /// Whether frames are expanded, which takes its time.
    pub fn expands(&self) -> bool {
        self.header.is_some()
    }

    /// Bytes that are left.
    pub fn length(&self) -> u64 {
        let of = |piece: &Piece| match piece {
            Piece::Made(bytes) => bytes.len() as u64,
            Piece::Stored { length, .. } => *length,
            Piece::Expanded { length, .. } => *length as u64,
        };
        self.todo.iter().map(of).sum()
    }

    /// The next bytes, and whether they are the last. Frames are expanded one at a time.
    pub fn next_bytes(&mut self) -> Result<(Vec<u8>, bool), Fault> {
        let bytes = match self.todo.pop_front() {
            None => Vec::new(),
            Some(Piece::Made(bytes)) => bytes,
            Some(Piece::Expanded { frame, .. }) => match self.ready.take().filter(|_| frame == 0) {
                Some(ready) => ready,
                None => self.expanded(frame)?,
            },
            Some(Piece::Stored { offset, length }) => {
                let now = length.min(CHUNK as u64);
                let bytes = self.reader.read_range(offset, usize::try_from(now).unwrap_or(CHUNK))?;
                if now < length {
                    self.todo.push_front(Piece::Stored { offset: offset + now, length: length - now });
                }
                bytes
            }
        };
        Ok((bytes, self.todo.is_empty()))
    }

    fn expanded(&mut self, frame: usize) -> Result<Vec<u8>, Fault> {
        let gone = || Fault::bug("a frame is expanded where there is none");
        let header = self.header.as_ref().ok_or_else(gone)?;
        let span = header.frames.get(frame).ok_or_else(gone)?;
        let too_large = |_| Fault::too_costly("the frame is too large");
        let mut bytes = Vec::new();
        for (offset, length) in span.pieces() {
            let length = usize::try_from(length).map_err(too_large)?;
            bytes.extend_from_slice(&self.reader.read_range(offset, length)?);
        }
        let refused = |e: PixelError| Fault::not_supported(format!("the pixels cannot be expanded: {e}"));
        let info = ImageInfo::of_header(header, frame).map_err(refused)?;
        pixel::plain_frame(&info, &header.transfer_syntax, &bytes).map_err(refused)
    }
}

/// Reads an object through: its header, and where its bulk lies.
pub(super) fn header_of(reader: &mut ImageReader) -> Result<Header, Fault> {
    let unreadable = |_| Fault::unavailable("the head of a stored object cannot be read");
    let mut parser = Parser::part10();
    let mut at = 0;
    while at < reader.length() {
        let bytes = reader.read_range(at, READ_BYTES)?;
        at += bytes.len() as u64;
        parser.feed(&bytes).map_err(unreadable)?;
    }
    parser.finish().map_err(unreadable)
}

fn outgoing(row: FoundRow) -> Outgoing {
    Outgoing {
        study: row.study,
        sop: row.sop,
        sop_class: row.sop_class,
        transfer_syntax: row.transfer_syntax,
    }
}

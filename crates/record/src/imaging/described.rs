//! Objects whose header and bulk data come apart (STOW-RS with metadata, PS3.18 section 10.5): put together as a Part 10 file, then stored
//! as any other.

use super::arrive::{ArrivedInstance, NotStored};
use super::aside::Aside;
use crate::session::Session;
use badiano_dicom::dataset::{DataSet, TagPath};
use badiano_dicom::dictionary::transfer_syntax;
use badiano_dicom::element::{Element, Value};
use badiano_dicom::json::{BulkReference, Parsed};
use badiano_dicom::part10::{
    Apart, Assembled, VALUE_BYTES_MAX, VALUE_KEPT_MAX, assemble, compression_of, native_length,
    write_file_meta,
};
use badiano_dicom::{VR, tags};
use badiano_kernel::Fault;

/// Bulk data of one request, set aside on the disk until the last has come.
pub const BULK_BYTES_MAX: u64 = 16 << 30;
/// Parts with bulk data in one request.
pub const BULK_PARTS_MAX: usize = 100_000;
/// Values inside sequences and short ones of one object; they are held in memory.
const HELD_BYTES_MAX: u64 = 8 << 20;
/// The beginning of a part, where a compression says what it is.
const FIRST_BYTES: usize = 4 << 10;
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// Bulk data that came beside metadata.
pub struct BulkParts {
    aside: Aside,
    parts: Vec<Part>,
}

struct Part {
    location: String,
    media_type: String,
    /// Where the type names one.
    transfer_syntax: Option<String>,
    first: Vec<u8>,
    at: u64,
    length: u64,
}

impl Session {
    /// Takes bulk data; nothing of them is kept when this is dropped.
    pub fn receive_bulk(&self) -> Result<BulkParts, Fault> {
        self.may_bring()?;
        Ok(BulkParts { aside: Aside::new(self.node().data())?, parts: Vec::new() })
    }

    /// An object as its metadata describe it, durable when this returns.
    pub async fn store_described(
        &self,
        object: Parsed,
        bulk: &BulkParts,
        wanted: Option<&str>,
    ) -> Result<ArrivedInstance, NotStored> {
        let named = NotStored::of(&object.dataset);
        let refused = |fault| NotStored { fault, ..named.clone() };
        let (pieces, syntax) = bulk.assembled(object).map_err(refused)?;
        let mut receiving = self.receive_file().map_err(refused)?;
        let meta = write_file_meta(&named.sop_class, &named.sop, syntax, "");
        receiving.feed(&meta).map_err(refused)?;
        for piece in pieces {
            let fed = match piece {
                Assembled::Made(bytes) => receiving.feed(&bytes),
                Assembled::Piece(number) => bulk.each(number, &mut |bytes| receiving.feed(bytes)),
            };
            fed.map_err(refused)?;
        }
        receiving.finish_in(wanted).await
    }
}

impl BulkParts {
    /// A part begins: its Content-Location and Content-Type.
    pub fn begin(&mut self, location: &str, content_type: &str) -> Result<(), Fault> {
        if self.parts.len() == BULK_PARTS_MAX {
            return Err(Fault::too_costly("too many parts with bulk data in one request"));
        }
        let mut said = content_type.split(';').map(str::trim);
        let media_type = said.next().unwrap_or_default().to_ascii_lowercase();
        let transfer_syntax = said
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("transfer-syntax"))
            .map(|(_, uid)| uid.trim().trim_matches('"').to_owned());
        let (location, at) = (location.trim().to_owned(), self.aside.length());
        self.parts.push(Part { location, media_type, transfer_syntax, first: Vec::new(), at, length: 0 });
        Ok(())
    }

    /// The next bytes of the part that began last.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let part = self.parts.last_mut().ok_or_else(|| Fault::bug("a part begins before its bytes"))?;
        if self.aside.length() + bytes.len() as u64 > BULK_BYTES_MAX {
            return Err(Fault::too_costly("more than 16 GiB of bulk data in one request"));
        }
        let room = FIRST_BYTES - part.first.len();
        part.first.extend_from_slice(&bytes[..room.min(bytes.len())]);
        part.length += bytes.len() as u64;
        self.aside.write(bytes)
    }

    fn each(&self, number: usize, take: &mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        let part = &self.parts[number];
        self.aside.read(part.at, part.length, take)
    }

    /// The data set as it stands in the file, and its transfer syntax.
    fn assembled(&self, object: Parsed) -> Result<(Vec<Assembled>, &'static str), Fault> {
        let Parsed { mut dataset, bulk } = object;
        let said = [tags::TRANSFER_SYNTAX_UID, tags::AVAILABLE_TRANSFER_SYNTAX_UID]
            .into_iter()
            .find_map(|tag| dataset.text(tag).filter(|uid| !uid.is_empty()));
        // It speaks of what a server can give (PS3.18 10.5.1), not of the object.
        dataset.remove(tags::AVAILABLE_TRANSFER_SYNTAX_UID);
        let (mut apart, mut held, mut syntax) = (Vec::new(), 0, EXPLICIT_LITTLE);
        for reference in bulk {
            let pieces = self.named(&reference)?;
            let whole: u64 = pieces.iter().map(|(_, length)| length).sum();
            let is_pixels = reference.path == TagPath::root(tags::PIXEL_DATA);
            let compression = if is_pixels { self.compression(pieces[0].0, said.as_deref())? } else { None };
            if let Some(compression) = compression {
                syntax = compression;
            } else if is_pixels {
                fits(&dataset, whole)?;
            }
            let is_root = reference.path.items.is_empty();
            if compression.is_some() || is_root && whole > VALUE_KEPT_MAX {
                let BulkReference { path, vr, .. } = reference;
                let vr = if compression.is_some() { VR::OB } else { vr };
                apart.push(Apart { tag: path.tag, vr, pieces, encapsulated: compression.is_some() });
                continue;
            }
            held += whole;
            if held > HELD_BYTES_MAX {
                return Err(Fault::too_costly("more than 8 MiB of bulk data inside sequences"));
            }
            self.put(&mut dataset, &reference, &pieces)?;
        }
        Ok((assemble(&dataset, apart), syntax))
    }

    /// The parts that a reference names, in the order in which they came.
    fn named(&self, reference: &BulkReference) -> Result<Vec<(usize, u64)>, Fault> {
        let uri = reference.uri.trim();
        let parts = self.parts.iter().enumerate().filter(|(_, part)| part.location == uri);
        let pieces: Vec<(usize, u64)> = parts.map(|(number, part)| (number, part.length)).collect();
        let at = reference.path.to_string();
        if pieces.is_empty() {
            return Err(Fault::invalid("a BulkDataURI is the Content-Location of no part").at(at));
        }
        if pieces.iter().map(|(_, length)| length).sum::<u64>() > VALUE_BYTES_MAX {
            return Err(Fault::too_costly("a value is longer than 4 GiB").at(at));
        }
        Ok(pieces)
    }

    /// The transfer syntax of compressed pixels: as the part itself says, else by its media type and what the metadata say.
    fn compression(&self, number: usize, said: Option<&str>) -> Result<Option<&'static str>, Fault> {
        let part = &self.parts[number];
        let Some(named) = part.transfer_syntax.as_deref() else {
            return Ok(compression_of(&part.media_type, said, &part.first));
        };
        let unknown = || Fault::not_supported("the transfer syntax of bulk data is not known");
        let known = transfer_syntax(named).ok_or_else(unknown)?;
        Ok(known.encapsulated.then_some(known.uid))
    }

    fn put(
        &self,
        dataset: &mut DataSet,
        reference: &BulkReference,
        pieces: &[(usize, u64)],
    ) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        for (number, _) in pieces {
            self.each(*number, &mut |more| {
                bytes.extend_from_slice(more);
                Ok(())
            })?;
        }
        let element =
            Element { tag: reference.path.tag, vr: reference.vr, value: Value::Bytes(bytes.into()) };
        let placed = dataset.put_at(&reference.path, element);
        placed.then_some(()).ok_or_else(|| Fault::bug("the items of a reference are there"))
    }
}

/// Pixels without compression have the length that the header says.
fn fits(dataset: &DataSet, whole: u64) -> Result<(), Fault> {
    match native_length(dataset) {
        Some(length) if whole != length && whole != length + length % 2 => {
            Err(Fault::invalid("the pixels are not as long as the header says").at("7FE00010"))
        }
        _ => Ok(()),
    }
}

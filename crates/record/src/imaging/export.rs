//! Studies that leave as files for a medium: whole or de-identified, in the log on the disk before the first byte (house, invariant 2).

use super::pseudonym::PseudonymKey;
use super::retrieve::{OBJECTS_MAX, OutgoingBytes, header_of};
use super::serve::{ArchivedInstance, archived};
use crate::audit::Act;
use crate::session::Session;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::deidentify::{Keep, deidentify};
use badiano_dicom::part10::{Piece, write_file_meta};
use badiano_kernel::Fault;

/// Studies of one export.
pub const STUDIES_MAX: usize = 100;

/// An object without what identifies a person, as a file.
pub struct Anonymous {
    /// What its file says, without pixels.
    pub dataset: DataSet,
    pub sop: String,
    pub bytes: OutgoingBytes,
}

impl Session {
    /// The objects of some studies, for a medium: each decided and logged like any retrieval; one that may not be seen is one
    /// that is not there.
    pub async fn exported(
        &self,
        studies: &[String],
        how: &'static str,
    ) -> Result<Vec<ArchivedInstance>, Fault> {
        self.takes_nothing_along()?;
        self.may_see_images()?;
        if studies.is_empty() || studies.len() > STUDIES_MAX {
            return Err(Fault::invalid("an export is of 1 to 100 studies").at("study"));
        }
        let (mut all, mut patients) = (Vec::new(), Vec::new());
        for study in studies {
            let found = self.node().store().read(|view| view.instances(study, None))?;
            let shown = self.shown(found, study)?;
            for pat in shown.iter().map(|i| i.pat) {
                let key = self.node().store().read(|view| crate::patient_index::key_of(view, pat))?;
                patients.extend(key.map(|k| k.id).filter(|id| !patients.contains(id)));
            }
            for one in shown {
                all.push(archived(one)?);
            }
            if all.len() > OBJECTS_MAX {
                return Err(Fault::too_costly(
                    "more than 65,535 objects in one export: ask for fewer studies",
                ));
            }
        }
        let (writer, what) = (self.writer(), format!("{how}: {}", studies.join(" ")));
        let write = move |tx: &mut badiano_store::Tx<'_>| {
            writer.leaf(tx, Act::Read, "export-images", &patients, &what)
        };
        self.node().store().write(write).await?;
        Ok(all)
    }

    /// One of them as a file that no longer says whose it is (PS3.15 annex E), under this node's pseudonyms. Not supported
    /// where that cannot be done.
    pub fn open_anonymous(&self, instance: &ArchivedInstance, keep: &[Keep]) -> Result<Anonymous, Fault> {
        let mut reader = self.open_image(instance)?;
        let header = header_of(&mut reader)?;
        let key = PseudonymKey::of_node(self.node().secrets());
        let done = deidentify(&header, keep, &|what, value| key.digest(what, value))
            .map_err(|held| Fault::not_supported(held.to_string()))?;
        let head = write_file_meta(&done.sop_class, &done.sop_instance, &header.transfer_syntax, "");
        let pieces = std::iter::once(Piece::Made(head)).chain(done.pieces).collect();
        let bytes = OutgoingBytes::of(reader, pieces);
        Ok(Anonymous { dataset: done.dataset, sop: done.sop_instance, bytes })
    }
}

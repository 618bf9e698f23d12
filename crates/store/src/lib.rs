//! Durable state behind one interface: change log, versioned resources, search indexes, blobs, audit leaves.
//!
//! One writer thread puts the writes that wait into one SQLite transaction, each in its own savepoint, and answers them
//! when rows and packs are on the disk. Readers have a consistent snapshot each. No policy lives here: who may see
//! what is asked of the caller (`visible`), before anything is counted.

mod backup;
mod blobs;
mod body;
mod changes;
mod counts;
mod dicom_index;
mod dictionary;
mod documents;
mod faults;
pub mod files;
mod history;
mod leaves;
mod migrations;
mod names;
mod options;
mod packs;
mod queues;
mod readers;
mod reshape;
mod resource_id;
mod resources;
mod seal;
mod search;
mod shared;
mod spool;
mod store;
mod tx;
mod view;
mod work;
mod writer;

pub use backup::Health;
pub use blobs::Mended;
pub use changes::{Change, ChangeArea};
pub use counts::{Counts, Disk};
pub use dicom_index::{
    ATTRIBUTES_MAX, Arrival, Aside, DicomAnswer, FoundRow, InstanceFound, InstanceRow, Metadata, Overlay,
    fold_name,
};
pub use dictionary::train_dictionary;
pub use documents::{DOCUMENT_KEY_BYTES_MAX, Document};
pub use history::{Past, Whose};
pub use leaves::{LEAF_BYTES, LEAF_CONTENT_BYTES_MAX, Leaf, LeafDraft};
pub use options::{BODY_BYTES_MAX, Limits, Options};
pub use packs::{BlobReader, BlobRef, BlobWriter, CHUNK_BYTES};
pub use queues::{QUEUE_ITEMS_MAX, QUEUE_PAYLOAD_BYTES_MAX, QueueItem};
pub use reshape::Agreement;
pub use resources::{ENTRIES_MAX, Expect, PATIENTS_MAX, Put, Ready, Reindex, Stored, Stub, pat_of, stamp};
pub use search::{Hits, INCLUDED_MAX, NESTING_MAX, PAGE_MAX};
pub use spool::SPOOL_ENTRIES_MAX;
pub use store::{Opening, Store};
pub use tx::Tx;
pub use view::View;
pub use work::{WORK_ID_BYTES_MAX, WorkLine, WorkMark, WorkQuery};
pub use writer::{Pending, QUEUE_JOBS_MAX};

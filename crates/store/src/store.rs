//! The store: opening, mending, and the doors to writer, readers, blobs and the access spool.

use crate::blobs::Mended;
use crate::changes::Change;
use crate::documents::kind_name;
use crate::faults::OrFault;
use crate::files::{DiskFiles, Files, make_folder};
use crate::leaves::{self, LeafDraft, SealedLeaf};
use crate::migrations::migrate;
use crate::names::{self, Names};
use crate::options::{Limits, Options};
use crate::packs::{BlobReader, BlobRef, BlobWriter, Packs};
use crate::readers::{Readers, steady_plans};
use crate::resources::{Put, Ready};
use crate::shared::{DATABASE, Shared};
use crate::spool::Spool;
use crate::tx::{Counters, Tx};
use crate::view::{View, unsigned};
use crate::writer::{CLEAN_MARK, Pending, SPOOL_MARK, Writer, take_spool};
use badiano_kernel::Fault;
use rusqlite::{Connection, OptionalExtension};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;

/// The durable state of a node. Cheap to clone; all clones are the same store, which closes with the last of them.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    // Before `shared` and `lock`: the writer ends first.
    writer: Writer,
    readers: Readers,
    shared: Arc<Shared>,
    opening: Opening,
    _lock: File,
}

/// What was found at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// The last run ended in order, or there was none.
    pub clean: bool,
    /// The machine itself went down under the last run: entries of reads of its last 20 ms may be missing in the log.
    pub power_loss: bool,
    /// Entries of reads that the last run had spooled and not yet logged; they are in the log now.
    pub spooled: usize,
    /// Bytes of the access spool that could not be read.
    pub spool_torn_bytes: u64,
    /// Objects that were never acknowledged and whose rows are gone.
    pub mended: Vec<Mended>,
}

impl Store {
    /// Opens the data directory, makes it on the first start, mends it after a crash. A second process is refused.
    pub fn open(options: Options) -> Result<Store, Fault> {
        Store::open_with(options, Limits::default(), Arc::new(DiskFiles))
    }

    /// The same with other limits and another file layer for packs and spool.
    pub fn open_with(options: Options, limits: Limits, files: Arc<dyn Files>) -> Result<Store, Fault> {
        make_folder(&options.data).or_fault()?;
        let lock = lock(&options.data)?;
        let database = options.data.join(DATABASE);
        let key = options.node_key(!database.exists())?;
        let mut conn = connect(&database)?;
        migrate(&mut conn)?;
        check_key(&conn, &key.fingerprint())?;
        names::seed(&conn)?;
        let meta = |name: &str| -> Result<Option<i64>, Fault> {
            conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |r| r.get(0))
                .optional()
                .or_fault()
        };
        let clean = meta(CLEAN_MARK)? != Some(0);
        let spooled_up_to = unsigned(meta(SPOOL_MARK)?.unwrap_or(0));
        let (spool, recovered) = Spool::open(files.clone(), options.data.join("spool"), spooled_up_to)?;
        let packs = Packs::new(files, options.data.join("packs"), limits.pack_bytes_roll);
        let shared = Arc::new(Shared {
            names: Names::load(&conn)?,
            zone: options.zone.clone(),
            data: options.data.clone(),
            key,
            packs: Arc::new(packs),
            spool,
            stopped: AtomicBool::new(false),
            free_bytes: AtomicU64::new(free_bytes(&options.data)?),
            free_bytes_min: AtomicU64::new(limits.free_bytes_min),
            changed: watch::Sender::new(0),
            written: Default::default(),
            limits,
        });
        let (at, mut opening) = settle(&conn, &shared, clean)?;
        opening.spooled = recovered.entries;
        opening.spool_torn_bytes = recovered.torn_bytes;
        let readers = Readers::new(shared.database(), shared.limits.readers_max);
        let writer = Writer::start(conn, shared.clone(), at)?;
        Ok(Store(Arc::new(Inner { writer, readers, shared, opening, _lock: lock })))
    }

    /// What was found at the start.
    pub fn opening(&self) -> &Opening {
        &self.0.opening
    }

    /// The node's own time zone.
    pub fn zone(&self) -> &str {
        &self.0.shared.zone
    }

    /// From now on writes are refused when less than this is free on the data directory's disk.
    pub fn keep_free(&self, bytes: u64) {
        self.0.shared.free_bytes_min.store(bytes, Ordering::Relaxed);
    }

    /// Runs on the writer's thread, together with other writes; the answer comes when it is durable.
    /// What the function has done is undone when it answers a fault.
    pub fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Pending<T> {
        match self.0.shared.has_room() {
            Ok(()) => self.0.writer.write(f),
            Err(fault) => Pending::refused(fault),
        }
    }

    /// A small write that goes on when the disk is nearly full, from what is kept free for it: signing in, consent, revocation.
    /// Without these nobody could read, or mend anything.
    pub fn write_from_reserve<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Pending<T> {
        self.0.writer.write(f)
    }

    /// Makes a resource ready for [`Tx::put_ready`] on the calling thread, so that the writer has less to do.
    pub fn ready(&self, put: &Put<'_>) -> Result<Ready, Fault> {
        Ready::new(put, &mut |name| match self.0.shared.names.number(name) {
            Some(number) => Ok(number),
            // Once in the life of a name.
            None => {
                let name = name.to_owned();
                self.write(move |tx| tx.number_of(&name)).wait()
            }
        })
    }

    /// A consistent snapshot, on the calling thread.
    pub fn read<T>(&self, f: impl FnOnce(&View<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let reader = self.0.readers.get()?;
        let view = View::new(reader.conn(), &self.0.shared);
        view.run("BEGIN", [])?;
        let done = f(&view);
        view.run("ROLLBACK", [])?;
        done
    }

    /// Takes the bytes of a blob as they come.
    pub fn blob_writer(&self) -> Result<BlobWriter, Fault> {
        let shared = &self.0.shared;
        if shared.stopped.load(Ordering::Acquire) {
            return Err(Fault::unavailable("the store takes no more writes: the node must be restarted"));
        }
        // Refused before its bytes come, not after they have taken the last of the disk.
        shared.has_room()?;
        BlobWriter::new(shared.clone())
    }

    pub fn blob(&self, blob: &BlobRef) -> Result<BlobReader, Fault> {
        BlobReader::new(&self.0.shared.packs, &self.0.shared.key, blob)
    }

    /// The audit entry of a read. On return it is in a file and survives the end of this process; it is in the log
    /// within 20 ms. The read may answer only afterwards.
    pub fn note_read(&self, leaf: LeafDraft) -> Result<(), Fault> {
        self.note_reads(vec![leaf])
    }

    /// The entries of one read about several patients, written together.
    pub fn note_reads(&self, leaves: Vec<LeafDraft>) -> Result<(), Fault> {
        let sealed: Result<Vec<SealedLeaf>, Fault> =
            leaves.into_iter().map(|leaf| SealedLeaf::new(&self.0.shared.key, leaf)).collect();
        if self.0.shared.spool.append(sealed?)? {
            self.0.writer.wake();
        }
        Ok(())
    }

    /// Changes after a place in the total order, oldest first.
    pub fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Fault> {
        self.read(|view| view.changes(after, limit))
    }

    /// A number that grows with every commit that writes documents of a kind, before its caller is answered: what was read after
    /// asking for it is the newest as long as the number is the same.
    pub fn documents_written(&self, kind: &str) -> u64 {
        let number = self.0.shared.names.number(&kind_name(kind));
        number.map_or(0, |number| self.0.shared.times_written(number))
    }

    /// Signals the newest place in the total order.
    pub fn wait_change(&self) -> watch::Receiver<u64> {
        self.0.shared.changed.subscribe()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }
}

/// One process at a time.
fn lock(data: &Path) -> Result<File, Fault> {
    let file = File::options().write(true).create(true).truncate(false).open(data.join("lock")).or_fault()?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(Fault::unavailable("another process has this data directory open: stop it first"))
        }
        Err(fs::TryLockError::Error(e)) => Err(e).or_fault(),
    }
}

/// The writer's connection: every commit waits for the disk.
fn connect(database: &Path) -> Result<Connection, Fault> {
    let conn = Connection::open(database).or_fault()?;
    conn.set_prepared_statement_cache_capacity(256);
    steady_plans(&conn)?;
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; \
         PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; \
         PRAGMA temp_store = MEMORY;",
    )
    .or_fault()?;
    Ok(conn)
}

fn check_key(conn: &Connection, fingerprint: &[u8; 32]) -> Result<(), Fault> {
    let kept: Option<Vec<u8>> = conn
        .query_row("SELECT value FROM meta WHERE name = 'key'", [], |r| r.get(0))
        .optional()
        .or_fault()?;
    match kept {
        Some(kept) if kept == fingerprint => Ok(()),
        Some(_) => Err(Fault::unavailable(
            "the key file is not the one that these data were written with: they cannot be read",
        )),
        None => {
            conn.execute("INSERT INTO meta(name, value) VALUES('key', ?1)", [fingerprint]).or_fault()?;
            Ok(())
        }
    }
}

/// Brings rows and packs into agreement and marks the store as open.
fn settle(conn: &Connection, shared: &Shared, clean: bool) -> Result<(Counters, Opening), Fault> {
    let newest: i64 =
        conn.query_row("SELECT COALESCE(MAX(seq), 0) FROM change", [], |r| r.get(0)).or_fault()?;
    let at = Counters { change: unsigned(newest), leaves: leaves::counted(conn)? };
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mut tx = Tx::begin(conn, shared, at)?;
    let last_boot: Option<String> = tx.meta("boot")?;
    let power_loss = !clean && last_boot.is_some_and(|last| last != boot);
    let mended = if clean { Vec::new() } else { tx.mend_blobs(shared)? };
    shared.packs.adopt(&tx.pack_tails()?)?;
    tx.release_claims()?;
    tx.set_meta(CLEAN_MARK, 0)?;
    tx.set_meta("boot", boot)?;
    let mut at = tx.at;
    drop(tx);
    conn.execute_batch("COMMIT").or_fault()?;
    crate::reshape::reshape(conn, shared, at)?;
    crate::dicom_index::reindex(conn, shared, at)?;
    // What the last run has left in the access spool is in the log before anybody asks.
    loop {
        let mut tx = Tx::begin(conn, shared, at)?;
        let last = take_spool(&mut tx)?;
        at = tx.at;
        conn.execute_batch("COMMIT").or_fault()?;
        match last {
            Some(last) => shared.spool.done(last)?,
            None => break,
        }
    }
    shared.changed.send_replace(at.change);
    Ok((at, Opening { clean, power_loss, mended, ..Opening::default() }))
}

pub(crate) fn free_bytes(data: &Path) -> Result<u64, Fault> {
    let about = rustix::fs::statvfs(data).map_err(std::io::Error::from).or_fault()?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}

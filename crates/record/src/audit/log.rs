//! The audit log of a node: leaves are written by the store in the commit they belong to; here they become a signed tree.

use super::checkpoint::{self, Checkpoint, SigningKey, VerifierKey};
use super::consistency;
use super::merkle::{self, BLOCK, Hash, Tree};
use super::proof::{Leaf, Proof};
use badiano_kernel::{Fault, Instant};
use badiano_store::Store;
use std::sync::Mutex;

/// How many leaf hashes are read at a time when the tree grows.
const STEP: u64 = 64 * BLOCK;
/// Block roots are kept in documents of this many, so that a start reads few.
const BLOCKS_A_DOCUMENT: usize = 1024;

/// The tree in memory and its newest signed checkpoint.
pub struct AuditLog {
    key: SigningKey,
    state: Mutex<State>,
}

struct State {
    tree: Tree,
    /// The newest note that witnesses have cosigned, with their lines, and its size; empty before the first.
    cosigned: String,
    cosigned_size: u64,
    /// The note over the tree as it is; made anew whenever the tree grows.
    note: String,
}

impl AuditLog {
    /// Rebuilds the tree from the block roots kept and the leaves after them.
    pub fn open(store: &Store, origin: &str, seed: &[u8; 32]) -> Result<Self, Fault> {
        let blocks = store.read(|view| {
            let mut blocks: Vec<Hash> = Vec::new();
            for document in view.documents("audit-blocks", "")? {
                blocks
                    .extend(document.body.chunks_exact(32).map(|c| Hash::try_from(c).expect("chunks of 32")));
            }
            Ok(blocks)
        })?;
        let key = SigningKey::from_seed(origin, seed);
        let tree = Tree::from_blocks(blocks);
        let note = Checkpoint { origin: key.name.clone(), size: tree.size(), root: tree.root() }.sign(&key);
        let kept = store.read(|view| view.document("audit-checkpoint", "cosigned"))?;
        let cosigned = kept.and_then(|d| String::from_utf8(d.body).ok()).unwrap_or_default();
        let cosigned_size = checkpoint::open(&cosigned, &[]).map_or(0, |opened| opened.checkpoint.size);
        let log = AuditLog { key, state: Mutex::new(State { tree, note, cosigned, cosigned_size }) };
        log.advance(store, Instant::now())?;
        Ok(log)
    }

    /// Takes in what was written since and signs it. Says whether the tree grew.
    pub fn advance(&self, store: &Store, now: Instant) -> Result<bool, Fault> {
        let mut state = self.state.lock().expect("no holder of the tree panics");
        let before = state.tree.size();
        loop {
            let from = state.tree.size();
            let hashes = store.read(|view| view.leaf_hashes(from, from + STEP))?;
            if hashes.is_empty() {
                break;
            }
            hashes.into_iter().for_each(|hash| state.tree.append(hash));
        }
        if state.tree.size() == before {
            return Ok(false);
        }
        let checkpoint =
            Checkpoint { origin: self.key.name.clone(), size: state.tree.size(), root: state.tree.root() };
        state.note = checkpoint.sign(&self.key);
        self.keep(store, &state, before, now)?;
        Ok(true)
    }

    /// Keeps the note and the documents of full blocks that the growth has touched.
    fn keep(&self, store: &Store, state: &State, before: u64, now: Instant) -> Result<(), Fault> {
        let first_block = usize::try_from(before / BLOCK).expect("blocks fit in memory");
        let first_document = first_block / BLOCKS_A_DOCUMENT;
        let grown = state.tree.blocks().len() > first_block;
        let documents: Vec<(String, Vec<u8>)> = state
            .tree
            .blocks()
            .chunks(BLOCKS_A_DOCUMENT)
            .enumerate()
            .filter(|(n, _)| grown && *n >= first_document)
            .map(|(n, blocks)| (format!("{n:012}"), blocks.concat()))
            .collect();
        let note = state.note.clone();
        store
            .write_from_reserve(move |tx| {
                tx.replace_document("audit-checkpoint", "newest", note.as_bytes(), now)?;
                for (key, body) in documents {
                    tx.replace_document("audit-blocks", &key, &body, now)?;
                }
                Ok(())
            })
            .wait()
    }

    /// The newest signed checkpoint.
    pub fn checkpoint(&self) -> String {
        self.state.lock().expect("no holder of the tree panics").note.clone()
    }

    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier()
    }

    /// Whether witnesses have cosigned this very checkpoint.
    pub fn is_cosigned(&self, note: &str) -> bool {
        let state = self.state.lock().expect("no holder of the tree panics");
        state.cosigned.starts_with(note)
    }

    /// Leaves of the newest checkpoint that was cosigned.
    pub fn cosigned_size(&self) -> u64 {
        self.state.lock().expect("no holder of the tree panics").cosigned_size
    }

    /// The proof that the tree of `old` leaves is the beginning of the one of `size`; no proof where it is not.
    pub(crate) fn consistency(&self, store: &Store, old: u64, size: u64) -> Result<Vec<Hash>, Fault> {
        let state = self.state.lock().expect("no holder of the tree panics");
        if old > size || size > state.tree.size() {
            return Ok(Vec::new());
        }
        consistency::prove(old, size, &mut |from, to| range(&state.tree, store, from, to))
    }

    /// Keeps a note with the lines of witnesses.
    pub(crate) fn keep_cosigned(&self, store: &Store, note: String, now: Instant) -> Result<(), Fault> {
        let size = checkpoint::open(&note, &[]).map_or(0, |opened| opened.checkpoint.size);
        let body = note.clone().into_bytes();
        store
            .write_from_reserve(move |tx| {
                tx.replace_document("audit-checkpoint", "cosigned", &body, now).map(|_| ())
            })
            .wait()?;
        let mut state = self.state.lock().expect("no holder of the tree panics");
        (state.cosigned, state.cosigned_size) = (note, size);
        Ok(())
    }

    /// The proof of one entry, under the newest checkpoint that witnesses have cosigned where it is in that one; nothing when the
    /// tree has not reached it yet (at most a second).
    pub(crate) fn prove(
        &self,
        store: &Store,
        index: u64,
        subject_secret: Hash,
    ) -> Result<Option<Proof>, Fault> {
        let (path, note) = {
            let state = self.state.lock().expect("no holder of the tree panics");
            let from = index / BLOCK * BLOCK;
            if index < state.cosigned_size {
                let mut range = |from, to| range(&state.tree, store, from, to);
                let path = consistency::path_at(index, state.cosigned_size, &mut range)?;
                let note = state.cosigned.clone();
                drop(state);
                return self.put_together(store, index, subject_secret, path, note);
            }
            let block = store.read(|view| view.leaf_hashes(from, from + BLOCK))?;
            match state.tree.path(index, &block) {
                Some(path) => (path, state.note.clone()),
                None => return Ok(None),
            }
        };
        self.put_together(store, index, subject_secret, path, note)
    }

    fn put_together(
        &self,
        store: &Store,
        index: u64,
        subject_secret: Hash,
        path: Vec<Hash>,
        note: String,
    ) -> Result<Option<Proof>, Fault> {
        let Some(row) = store.read(|view| view.leaf(index))? else { return Ok(None) };
        let leaf =
            Leaf::parse(&row.bytes).ok_or_else(|| Fault::bug("a leaf in the log has not the form of one"))?;
        let content = row.content.and_then(|c| String::from_utf8(c).ok());
        let content = content.ok_or_else(|| Fault::not_found("the content of this entry was erased"))?;
        Ok(Some(Proof { index, leaf, salt: row.salt, content, subject_secret, path, note }))
    }
}

/// The root over the leaves `from..to` of a tree (`from` is where a complete subtree begins): blocks as they are kept, the rest from
/// the hashes of leaves.
fn range(tree: &Tree, store: &Store, from: u64, to: u64) -> Result<Hash, Fault> {
    let block = |n: u64| usize::try_from(n / BLOCK).expect("blocks fit in memory");
    let whole = if from.is_multiple_of(BLOCK) {
        tree.blocks().get(block(from)..block(to)).unwrap_or(&[])
    } else {
        &[]
    };
    let mut upper = whole.to_vec();
    let rest = from + whole.len() as u64 * BLOCK;
    if rest < to {
        upper.push(merkle::root(&store.read(|view| view.leaf_hashes(rest, to))?));
    }
    Ok(merkle::root(&upper))
}

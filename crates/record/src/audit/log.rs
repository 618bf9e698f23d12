//! The audit log of a node: leaves are written by the store in the commit they belong to; here they become a signed tree.

use super::checkpoint::{Checkpoint, SigningKey, VerifierKey};
use super::merkle::{BLOCK, Hash, Tree};
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
        let log = AuditLog { key, state: Mutex::new(State { tree, note }) };
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

    /// The proof of one entry; nothing when the tree has not reached it yet (at most a second).
    pub(crate) fn prove(
        &self,
        store: &Store,
        index: u64,
        subject_secret: Hash,
    ) -> Result<Option<Proof>, Fault> {
        let (path, note) = {
            let state = self.state.lock().expect("no holder of the tree panics");
            let from = index / BLOCK * BLOCK;
            let block = store.read(|view| view.leaf_hashes(from, from + BLOCK))?;
            match state.tree.path(index, &block) {
                Some(path) => (path, state.note.clone()),
                None => return Ok(None),
            }
        };
        let Some(row) = store.read(|view| view.leaf(index))? else { return Ok(None) };
        let leaf =
            Leaf::parse(&row.bytes).ok_or_else(|| Fault::bug("a leaf in the log has not the form of one"))?;
        let content = row.content.and_then(|c| String::from_utf8(c).ok());
        let content = content.ok_or_else(|| Fault::not_found("the content of this entry was erased"))?;
        Ok(Some(Proof { index, leaf, salt: row.salt, content, subject_secret, path, note }))
    }
}

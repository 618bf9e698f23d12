//! The Merkle tree of the audit log (RFC 6962 section 2.1, RFC 9162): hashes, roots and inclusion proofs. Pure.

use ring::digest::{Context, SHA256};

pub type Hash = [u8; 32];

/// Leaves are kept in blocks of this many, so that a proof reads one block and the tree above fits in memory.
pub const BLOCK: u64 = 256;

pub fn leaf_hash(leaf: &[u8]) -> Hash {
    digest(&[&[0], leaf])
}

pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    digest(&[&[1], left, right])
}

pub fn digest(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// The root of a list of leaf hashes (MTH of RFC 6962).
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => digest(&[]),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The audit path of a leaf in a list (PATH of RFC 6962), from the leaf up.
pub fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (mut below, sibling) = if index < k {
        (path(&leaves[..k], index), root(&leaves[k..]))
    } else {
        (path(&leaves[k..], index - k), root(&leaves[..k]))
    };
    below.push(sibling);
    below
}

/// The largest power of two smaller than `n`; `n` is at least two.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// Recomputes the root from a leaf hash and its path (RFC 9162 section 2.1.3.2); nothing when the path does not fit.
pub fn root_from_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// The tree as the roots of its full blocks and the leaves of the last, unfinished one.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    blocks: Vec<Hash>,
    tail: Vec<Hash>,
}

impl Tree {
    /// From the roots of full blocks kept earlier; leaves after them are appended.
    pub fn from_blocks(blocks: Vec<Hash>) -> Self {
        Tree { blocks, tail: Vec::new() }
    }
    pub fn size(&self) -> u64 {
        self.blocks.len() as u64 * BLOCK + self.tail.len() as u64
    }
    pub fn append(&mut self, leaf: Hash) {
        self.tail.push(leaf);
        if self.tail.len() as u64 == BLOCK {
            self.blocks.push(root(&self.tail));
            self.tail.clear();
        }
    }
    pub fn blocks(&self) -> &[Hash] {
        &self.blocks
    }
    pub fn root(&self) -> Hash {
        root(&self.upper())
    }
    /// Full blocks are complete subtrees of equal size, so the tree over blocks is the tree over leaves from there up.
    fn upper(&self) -> Vec<Hash> {
        let mut upper = self.blocks.clone();
        if !self.tail.is_empty() {
            upper.push(root(&self.tail));
        }
        upper
    }
    /// The path of a leaf; `block` are the leaf hashes of the full block it stands in (unused for the tail).
    pub fn path(&self, index: u64, block: &[Hash]) -> Option<Vec<Hash>> {
        if index >= self.size() {
            return None;
        }
        let (at, within) = (usize::try_from(index / BLOCK).ok()?, usize::try_from(index % BLOCK).ok()?);
        let leaves = if at < self.blocks.len() { block } else { &self.tail };
        if within >= leaves.len() || (at < self.blocks.len() && leaves.len() as u64 != BLOCK) {
            return None;
        }
        let mut out = path(leaves, within);
        out.extend(path(&self.upper(), at));
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn the_empty_tree_and_one_leaf_have_the_roots_of_rfc_6962() {
        let hex = |h: Hash| h.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(root(&[])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_and_no_other() {
        for n in 1..=40_u64 {
            let all = leaves(n);
            for i in 0..n {
                let p = path(&all, usize::try_from(i).expect("small"));
                assert_eq!(
                    root_from_path(all[usize::try_from(i).expect("small")], i, n, &p),
                    Some(root(&all))
                );
                assert_ne!(root_from_path(leaf_hash(b"other"), i, n, &p), Some(root(&all)));
                if n > 1 {
                    assert_ne!(
                        root_from_path(all[usize::try_from(i).expect("small")], (i + 1) % n, n, &p),
                        Some(root(&all))
                    );
                }
            }
        }
    }

    #[test]
    fn the_tree_by_blocks_equals_the_tree_by_leaves() {
        for n in [1_u64, 255, 256, 257, 511, 512, 513, 1000] {
            let all = leaves(n);
            let mut tree = Tree::default();
            all.iter().for_each(|l| tree.append(*l));
            assert_eq!(tree.root(), root(&all), "{n} leaves");
            for i in [0, n / 2, n - 1] {
                let from = usize::try_from(i / BLOCK * BLOCK).expect("small");
                let to = (from + 256).min(all.len());
                let p = tree.path(i, &all[from..to]).expect("a path");
                assert_eq!(p, path(&all, usize::try_from(i).expect("small")), "leaf {i} of {n}");
            }
        }
    }
}

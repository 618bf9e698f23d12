//! Proofs that one tree is the beginning of a later one, and audit paths at an earlier size (RFC 9162 section 2.1.3 and 2.1.4). Pure.

use super::merkle::{Hash, node_hash};

/// The largest power of two smaller than `n`; `n` is at least two.
fn split(n: u64) -> u64 {
    n.next_power_of_two() / 2
}

/// The proof that the tree of `old` leaves is the beginning of the one of `new`. `range(a, b)` gives the root over leaves `a..b`.
pub fn prove<E>(
    old: u64,
    new: u64,
    range: &mut impl FnMut(u64, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if old > 0 && old < new {
        subproof(old, 0, new, true, range, &mut proof)?;
    }
    Ok(proof)
}

fn subproof<E>(
    old: u64,
    from: u64,
    size: u64,
    whole: bool,
    range: &mut impl FnMut(u64, u64) -> Result<Hash, E>,
    out: &mut Vec<Hash>,
) -> Result<(), E> {
    if old == size {
        if !whole {
            out.push(range(from, from + size)?);
        }
        return Ok(());
    }
    let k = split(size);
    if old <= k {
        subproof(old, from, k, whole, range, out)?;
        out.push(range(from + k, from + size)?);
    } else {
        subproof(old - k, from + k, size - k, false, range, out)?;
        out.push(range(from, from + k)?);
    }
    Ok(())
}

/// The audit path of a leaf in the tree as it was with `size` leaves.
pub fn path_at<E>(
    index: u64,
    size: u64,
    range: &mut impl FnMut(u64, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut index, mut from, mut size) = (index, 0, size);
    let mut down = Vec::new();
    while size > 1 {
        let k = split(size);
        if index < k {
            down.push(range(from + k, from + size)?);
            size = k;
        } else {
            down.push(range(from, from + k)?);
            (index, from, size) = (index - k, from + k, size - k);
        }
    }
    down.reverse();
    Ok(down)
}

/// Whether `proof` shows that the tree with root `old_root` is the beginning of the other (RFC 9162 section 2.1.4.2).
pub fn holds(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == 0 || old == new {
        return proof.is_empty() && (old == 0 || old_root == new_root);
    }
    let mut path = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut before, mut after) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            before = node_hash(sibling, &before);
            after = node_hash(sibling, &after);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            after = node_hash(&after, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && before == *old_root && after == *new_root
}

#[cfg(test)]
mod tests {
    use super::super::merkle::{leaf_hash, path, root};
    use super::*;
    use std::convert::Infallible;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn range(all: &[Hash]) -> impl FnMut(u64, u64) -> Result<Hash, Infallible> {
        let all = all.to_vec();
        move |a, b| {
            let at = |n: u64| usize::try_from(n).expect("small");
            Ok(root(&all[at(a)..at(b)]))
        }
    }

    #[test]
    fn every_small_tree_is_proved_to_begin_every_larger_one_and_no_other() {
        for new in 1..=33_u64 {
            let all = leaves(new);
            for old in 0..=new {
                let beginning = root(&all[..usize::try_from(old).expect("small")]);
                let Ok(proof) = prove(old, new, &mut range(&all));
                assert!(holds(old, &beginning, new, &root(&all), &proof), "{old} of {new}");
                let forked = leaf_hash(b"another history");
                assert_eq!(holds(old, &forked, new, &root(&all), &proof), old == 0, "{old} of {new}");
                assert!(old == new || old == 0 || !holds(old, &beginning, new, &forked, &proof));
                let mut longer = proof.clone();
                longer.push(forked);
                assert!(!holds(old, &beginning, new, &root(&all), &longer), "{old} of {new}");
            }
        }
    }

    #[test]
    fn a_path_at_an_earlier_size_is_the_path_of_the_tree_as_it_was() {
        let all = leaves(40);
        for size in 1..=40_u64 {
            for index in 0..size {
                let Ok(found) = path_at(index, size, &mut range(&all));
                let at = |n: u64| usize::try_from(n).expect("small");
                assert_eq!(found, path(&all[..at(size)], at(index)), "{index} of {size}");
            }
        }
    }
}

//! What a witness of audit logs decides: it cosigns a checkpoint only where it continues the one that it cosigned before (C2SP
//! tlog-witness). Pure.

use super::checkpoint::{self, Checkpoint, VerifierKey};
use super::consistency;
use super::merkle::Hash;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

/// Longest request: a checkpoint with its signatures and the 63 hashes that a proof has at most (C2SP tlog-witness).
pub const REQUEST_BYTES_MAX: usize = 64 << 10;
const PROOF_MAX: usize = 63;

/// Why nothing is cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The request has not the form of one.
    Malformed,
    /// The log's own signature is not there.
    Unsigned,
    /// The log begins at another size than the one cosigned last, which is this.
    Behind(u64),
    /// The log has signed a smaller tree than the one cosigned last, which had this size.
    RolledBack(u64),
    /// The proof does not hold: the log shows another history than it did before.
    Forked,
}

/// Judges a request: `old N`, the proof, an empty line, the note. `before` is what was cosigned of this log last. The answer is the
/// checkpoint that may be cosigned.
pub fn judge(request: &str, log: &VerifierKey, before: Option<(u64, Hash)>) -> Result<Checkpoint, Refused> {
    let (old, proof, note) = parse(request).ok_or(Refused::Malformed)?;
    let opened = checkpoint::open(note, std::slice::from_ref(log)).ok_or(Refused::Unsigned)?;
    let said = opened.checkpoint;
    if opened.signers.is_empty() || said.origin != log.name {
        return Err(Refused::Unsigned);
    }
    let (size, root) = before.unwrap_or((0, [0; 32]));
    if said.size < size {
        return Err(Refused::RolledBack(size));
    }
    if old != size {
        return Err(Refused::Behind(size));
    }
    if consistency::holds(old, &root, said.size, &said.root, &proof) {
        Ok(said)
    } else {
        Err(Refused::Forked)
    }
}

fn parse(request: &str) -> Option<(u64, Vec<Hash>, &str)> {
    if request.len() > REQUEST_BYTES_MAX {
        return None;
    }
    let (head, note) = request.split_once("\n\n")?;
    let mut lines = head.lines();
    let text = lines.next()?.strip_prefix("old ")?;
    let old: u64 = text.parse().ok().filter(|n: &u64| n.to_string() == text)?;
    let proof = lines.map(hash).collect::<Option<Vec<_>>>()?;
    (proof.len() <= PROOF_MAX).then_some((old, proof, note))
}

/// A hash in base64.
pub fn hash(text: &str) -> Option<Hash> {
    BASE64.decode(text).ok()?.try_into().ok()
}

/// The text of a request, for who wants a cosignature.
pub fn request(old: u64, proof: &[Hash], note: &str) -> String {
    let lines: String = proof.iter().map(|h| format!("{}\n", BASE64.encode(h))).collect();
    format!("old {old}\n{lines}\n{note}")
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::SigningKey;
    use super::super::merkle::{leaf_hash, root};
    use super::*;
    use std::convert::Infallible;

    fn log() -> SigningKey {
        SigningKey::from_seed("badiano.mx/DFSSA000001", &[7; 32])
    }

    fn leaves(history: &str, n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(format!("{history} {i}").as_bytes())).collect()
    }

    fn note(all: &[Hash], by: &SigningKey) -> String {
        Checkpoint { origin: log().name, size: all.len() as u64, root: root(all) }.sign(by)
    }

    fn ask(old: u64, all: &[Hash]) -> String {
        let at = |n: u64| usize::try_from(n).expect("small");
        let range = &mut |a: u64, b: u64| Ok(root(&all[at(a)..at(b)]));
        let Ok(proof) = consistency::prove::<Infallible>(old, all.len() as u64, range);
        request(old, &proof, &note(all, &log()))
    }

    fn seen(all: &[Hash]) -> Option<(u64, Hash)> {
        Some((all.len() as u64, root(all)))
    }

    fn judged(request: &str, before: Option<(u64, Hash)>) -> Result<u64, Refused> {
        judge(request, &log().verifier(), before).map(|c| c.size)
    }

    #[test]
    fn a_log_that_only_grows_is_cosigned_and_the_note_opens_with_both_names() {
        let witness = SigningKey::from_seed("testigo.example/defensor", &[3; 32]);
        let mut before = None;
        for (old, new) in [(0, 5), (5, 12), (12, 12), (12, 300)] {
            let all = leaves("true", new);
            let said = judge(&ask(old, &all), &log().verifier(), before).expect("it continues");
            let note = format!("{}{}", note(&all, &log()), witness.cosign(&said.body(), 1_790_000_000));
            let keys = [log().verifier(), witness.witness_verifier()];
            let opened = checkpoint::open(&note, &keys).expect("opens");
            assert_eq!(opened.signers, [log().name, witness.name.clone()]);
            assert!(
                checkpoint::open(&note.replace("true", "x"), &keys[1..]).is_some(),
                "without the log's key"
            );
            before = seen(&all);
        }
    }

    #[test]
    fn a_fork_a_deletion_and_a_rollback_are_never_cosigned() {
        let before = seen(&leaves("true", 12));
        assert_eq!(judged(&ask(12, &leaves("another", 20)), before), Err(Refused::Forked));
        let mut deleted = leaves("true", 20);
        deleted.remove(4);
        assert_eq!(judged(&ask(12, &deleted), before), Err(Refused::Forked));
        assert_eq!(
            judged(&ask(12, &leaves("another", 12)), before),
            Err(Refused::Forked),
            "of the same size"
        );
        assert_eq!(judged(&ask(0, &leaves("true", 8)), before), Err(Refused::RolledBack(12)));
        assert_eq!(judged(&ask(5, &leaves("true", 13)), before), Err(Refused::Behind(12)));
    }

    #[test]
    fn what_the_log_did_not_sign_and_what_is_no_request_is_refused() {
        let all = leaves("true", 3);
        let foreign = SigningKey::from_seed(&log().name, &[9; 32]);
        assert_eq!(judged(&request(0, &[], &note(&all, &foreign)), None), Err(Refused::Unsigned));
        let other = SigningKey::from_seed("badiano.mx/OTRO", &[7; 32]);
        let theirs = Checkpoint { origin: other.name.clone(), size: 3, root: root(&all) }.sign(&other);
        assert_eq!(judged(&request(0, &[], &theirs), None), Err(Refused::Unsigned));
        for broken in ["", "old x\n\n", "old 0\nnot base64\n\nx\n\n", "old 01\n\nx"] {
            assert_eq!(judged(broken, None), Err(Refused::Malformed), "{broken:?}");
        }
    }
}

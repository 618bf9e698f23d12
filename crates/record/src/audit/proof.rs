//! The proof of one access that a citizen keeps: entry, leaf, path and signed checkpoint in one text, checked without a network.

use super::checkpoint::{self, VerifierKey};
use super::merkle::{self, Hash};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use std::fmt;

/// First line of a proof, so that another kind of file is told at once.
const KIND: &str = "badiano-access-proof/1";
/// A proof is small; a larger file is not one.
pub const PROOF_BYTES_MAX: usize = 64 * 1024;

/// What goes into a leaf (105 bytes): version, subject, its count and previous leaf, and the commitment to the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    pub subject: Hash,
    pub subject_seq: u64,
    pub subject_prev: Hash,
    pub commitment: Hash,
}

impl Leaf {
    pub const LEN: usize = 1 + 32 + 8 + 32 + 32;

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![1_u8];
        bytes.extend_from_slice(&self.subject);
        bytes.extend_from_slice(&self.subject_seq.to_be_bytes());
        bytes.extend_from_slice(&self.subject_prev);
        bytes.extend_from_slice(&self.commitment);
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::LEN || bytes[0] != 1 {
            return None;
        }
        let hash = |from: usize| -> Option<Hash> { bytes[from..from + 32].try_into().ok() };
        Some(Leaf {
            subject: hash(1)?,
            subject_seq: u64::from_be_bytes(bytes[33..41].try_into().ok()?),
            subject_prev: hash(41)?,
            commitment: hash(73)?,
        })
    }
}

/// The commitment that a leaf carries instead of the entry: the entry can be erased and the tree stays whole.
pub fn commitment(salt: &[u8; 16], content: &[u8]) -> Hash {
    merkle::digest(&[salt, content])
}

/// How a leaf names its person: only who knows the secret and the CURP can make it.
pub fn subject_tag(secret: &Hash, curp: &str) -> Hash {
    merkle::digest(&[b"badiano-subject\0", secret, curp.as_bytes()])
}

/// All that is needed to check one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub index: u64,
    pub leaf: Leaf,
    pub salt: [u8; 16],
    /// The entry: an AuditEvent as it was written.
    pub content: String,
    /// Opens the subject of the leaf: with the person's CURP it gives the tag.
    pub subject_secret: Hash,
    pub path: Vec<Hash>,
    /// The signed checkpoint note, with cosignatures where there are any.
    pub note: String,
}

/// Why a proof does not hold. Each is a different deceit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofError {
    NotAProof,
    EntryAltered,
    NotInTheTree,
    CheckpointUnsigned,
    ForeignKey,
    AnotherPerson,
    TooFewWitnesses,
    CheckpointTooOld,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProofError::NotAProof => "the file is not an access proof",
            ProofError::EntryAltered => "the entry is not the one that the log holds: it was altered",
            ProofError::NotInTheTree => "the entry is not in the tree that the checkpoint signs",
            ProofError::CheckpointUnsigned => "the checkpoint's text or signature was altered",
            ProofError::ForeignKey => "the checkpoint is not signed by a key that you trust",
            ProofError::AnotherPerson => "the proof is about another person",
            ProofError::TooFewWitnesses => "fewer witnesses than asked for have cosigned the checkpoint",
            ProofError::CheckpointTooOld => "the checkpoint is older than one you have seen",
        })
    }
}
impl std::error::Error for ProofError {}

/// What the person who checks knows beforehand, apart from the proof.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Keys of logs and witnesses.
    pub keys: Vec<VerifierKey>,
    /// The person the proof must be about, where it is to be checked.
    pub curp: Option<String>,
    pub witnesses_min: usize,
    /// Tree size of the newest checkpoint already seen of this log.
    pub size_min: u64,
}

/// What a checked proof says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub origin: String,
    pub index: u64,
    pub tree_size: u64,
    /// This is the n-th entry about the person in this log, counted from 1.
    pub entry_of_person: u64,
    pub content: String,
    pub witnesses: usize,
}

impl Proof {
    pub fn to_text(&self) -> String {
        let b = |bytes: &[u8]| BASE64.encode(bytes);
        let value = json!({
            "kind": KIND,
            "index": self.index,
            "leaf": b(&self.leaf.to_bytes()),
            "salt": b(&self.salt),
            "content": self.content,
            "subjectSecret": b(&self.subject_secret),
            "path": self.path.iter().map(|h| b(h)).collect::<Vec<_>>(),
            "checkpoint": self.note,
        });
        format!("{value:#}\n")
    }

    pub fn parse(text: &str) -> Result<Self, ProofError> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(ProofError::NotAProof);
        }
        let value: Value = serde_json::from_str(text).map_err(|_| ProofError::NotAProof)?;
        Self::from_json(&value).ok_or(ProofError::NotAProof)
    }

    fn from_json(value: &Value) -> Option<Self> {
        if value["kind"] != KIND {
            return None;
        }
        let bytes = |v: &Value| BASE64.decode(v.as_str()?).ok();
        let hash = |v: &Value| -> Option<Hash> { bytes(v)?.try_into().ok() };
        Some(Proof {
            index: value["index"].as_u64()?,
            leaf: Leaf::parse(&bytes(&value["leaf"])?)?,
            salt: bytes(&value["salt"])?.try_into().ok()?,
            content: value["content"].as_str()?.to_owned(),
            subject_secret: hash(&value["subjectSecret"])?,
            path: value["path"].as_array()?.iter().map(hash).collect::<Option<Vec<_>>>()?,
            note: value["checkpoint"].as_str()?.to_owned(),
        })
    }

    /// Checks the proof against what is trusted apart from it.
    pub fn verify(&self, trust: &Trust) -> Result<Verified, ProofError> {
        if commitment(&self.salt, self.content.as_bytes()) != self.leaf.commitment {
            return Err(ProofError::EntryAltered);
        }
        if trust.curp.as_ref().is_some_and(|c| subject_tag(&self.subject_secret, c) != self.leaf.subject) {
            return Err(ProofError::AnotherPerson);
        }
        let opened = checkpoint::open(&self.note, &trust.keys).ok_or(ProofError::CheckpointUnsigned)?;
        if !opened.signers.contains(&opened.checkpoint.origin) {
            return Err(ProofError::ForeignKey);
        }
        let witnesses = opened.signers.len() - 1;
        if witnesses < trust.witnesses_min {
            return Err(ProofError::TooFewWitnesses);
        }
        let at = opened.checkpoint;
        if at.size < trust.size_min {
            return Err(ProofError::CheckpointTooOld);
        }
        let hash = merkle::leaf_hash(&self.leaf.to_bytes());
        if merkle::root_from_path(hash, self.index, at.size, &self.path) != Some(at.root) {
            return Err(ProofError::NotInTheTree);
        }
        Ok(Verified {
            origin: at.origin,
            index: self.index,
            tree_size: at.size,
            entry_of_person: self.leaf.subject_seq + 1,
            content: self.content.clone(),
            witnesses,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::{Checkpoint, SigningKey};
    use super::*;

    const CURP: &str = "XEXX010101HNEXXXA4";

    fn key() -> SigningKey {
        SigningKey::from_seed("badiano.example/DFSSA000001", &[7; 32])
    }

    fn log_of(n: u64) -> (Vec<Proof>, Trust) {
        let secret = [9; 32];
        let leaf = |i: u64| Leaf {
            subject: subject_tag(&secret, CURP),
            subject_seq: i,
            subject_prev: [0; 32],
            commitment: commitment(&[5; 16], format!("entry {i}").as_bytes()),
        };
        let hashes: Vec<Hash> = (0..n).map(|i| merkle::leaf_hash(&leaf(i).to_bytes())).collect();
        let key = key();
        let checkpoint = Checkpoint { origin: key.name.clone(), size: n, root: merkle::root(&hashes) };
        let proofs = (0..n)
            .map(|i| Proof {
                index: i,
                leaf: leaf(i),
                salt: [5; 16],
                content: format!("entry {i}"),
                subject_secret: secret,
                path: merkle::path(&hashes, usize::try_from(i).expect("small")),
                note: checkpoint.sign(&key),
            })
            .collect();
        (proofs, Trust { keys: vec![key.verifier()], curp: Some(CURP.into()), ..Trust::default() })
    }

    #[test]
    fn every_entry_of_a_log_is_proved_through_its_text() {
        let (proofs, trust) = log_of(13);
        for proof in proofs {
            let read = Proof::parse(&proof.to_text()).expect("a proof");
            assert_eq!(read.verify(&trust).expect("it holds").content, proof.content);
            assert!(proof.to_text().len() < 4096);
        }
    }

    #[test]
    fn each_deceit_is_told_by_its_own_name() {
        let (proofs, trust) = log_of(13);
        let proof = &proofs[4];
        let altered = Proof { content: "entry 5".into(), ..proof.clone() };
        assert_eq!(altered.verify(&trust), Err(ProofError::EntryAltered));
        let moved = Proof { index: 5, ..proof.clone() };
        assert_eq!(moved.verify(&trust), Err(ProofError::NotInTheTree));
        let (longer, _) = log_of(14);
        let removed = Proof { note: longer[0].note.clone(), ..proof.clone() };
        assert_eq!(removed.verify(&trust), Err(ProofError::NotInTheTree));
        let foreign = SigningKey::from_seed("badiano.example/DFSSA000001", &[8; 32]);
        let other = Trust { keys: vec![foreign.verifier()], ..trust.clone() };
        assert_eq!(proof.verify(&other), Err(ProofError::ForeignKey));
        let person = Trust { curp: Some("SABC560626MDFLRN01".into()), ..trust.clone() };
        assert_eq!(proof.verify(&person), Err(ProofError::AnotherPerson));
        let seen = Trust { size_min: 14, ..trust.clone() };
        assert_eq!(proof.verify(&seen), Err(ProofError::CheckpointTooOld));
        let witnessed = Trust { witnesses_min: 1, ..trust.clone() };
        assert_eq!(proof.verify(&witnessed), Err(ProofError::TooFewWitnesses));
        let broken = Proof { note: proof.note.replacen("13", "12", 1), ..proof.clone() };
        assert_eq!(broken.verify(&trust), Err(ProofError::CheckpointUnsigned));
        assert_eq!(Proof::parse("{}"), Err(ProofError::NotAProof));
    }
}

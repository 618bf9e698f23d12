//! Signed checkpoints of the audit log, and cosignatures of witnesses (C2SP tlog-checkpoint, signed-note, tlog-cosignature; Ed25519).

use super::merkle::Hash;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// Signature type byte of a plain Ed25519 note signature (signed-note).
const ED25519_NOTE: u8 = 1;
/// Signature type byte of a witness's cosignature with its time (tlog-cosignature, `cosignature/v1`).
const ED25519_COSIGNATURE: u8 = 4;

/// What a log says of itself at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// The signed text: origin, size and root, a line each.
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root))
    }

    pub fn parse_body(body: &str) -> Option<Self> {
        let mut lines = body.lines();
        let origin = lines.next()?.to_owned();
        let size_text = lines.next()?;
        let size: u64 = size_text.parse().ok()?;
        let root: Hash = BASE64.decode(lines.next()?).ok()?.try_into().ok()?;
        let plain = size.to_string() == size_text && !origin.is_empty();
        plain.then_some(Checkpoint { origin, size, root })
    }

    /// The note: body, an empty line, and one signature line.
    pub fn sign(&self, key: &SigningKey) -> String {
        let body = self.body();
        let line = key.signature_line(&body);
        format!("{body}\n{line}")
    }
}

/// The key of one log, with the name it signs under.
pub struct SigningKey {
    pub name: String,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// From 32 secret bytes.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes make an Ed25519 key");
        SigningKey { name: name.to_owned(), pair }
    }

    pub fn verifier(&self) -> VerifierKey {
        let public = self.pair.public_key().as_ref().try_into().expect("an Ed25519 public key has 32 bytes");
        VerifierKey { name: self.name.clone(), kind: ED25519_NOTE, public }
    }

    /// The key of a witness: of the same secret, and another key to whoever checks.
    pub fn witness_verifier(&self) -> VerifierKey {
        VerifierKey { kind: ED25519_COSIGNATURE, ..self.verifier() }
    }

    /// One signature line: that this witness saw the checkpoint at a time, in seconds since 1970.
    pub fn cosign(&self, body: &str, seconds: u64) -> String {
        let mut bytes = self.witness_verifier().key_id().to_vec();
        bytes.extend_from_slice(&seconds.to_be_bytes());
        bytes.extend_from_slice(self.pair.sign(cosigned(body, seconds).as_bytes()).as_ref());
        format!("\u{2014} {} {}\n", self.name, BASE64.encode(bytes))
    }

    fn signature_line(&self, body: &str) -> String {
        let mut bytes = self.verifier().key_id().to_vec();
        bytes.extend_from_slice(self.pair.sign(body.as_bytes()).as_ref());
        format!("\u{2014} {} {}\n", self.name, BASE64.encode(bytes))
    }
}

/// A public key as a verifier line `name+hash+base64` (signed-note).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    pub name: String,
    /// What its signatures are over: the note, or the note and the time at which a witness saw it.
    kind: u8,
    pub public: [u8; 32],
}

/// What a witness signs (tlog-cosignature).
fn cosigned(body: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{body}")
}

impl VerifierKey {
    pub fn key_id(&self) -> [u8; 4] {
        let mut text = self.name.as_bytes().to_vec();
        text.push(b'\n');
        text.push(self.kind);
        text.extend_from_slice(&self.public);
        let hash = digest(&SHA256, &text);
        hash.as_ref()[..4].try_into().expect("four bytes of 32")
    }

    pub fn to_line(&self) -> String {
        let id: String = self.key_id().iter().map(|b| format!("{b:02x}")).collect();
        let mut key = vec![self.kind];
        key.extend_from_slice(&self.public);
        format!("{}+{id}+{}", self.name, BASE64.encode(key))
    }

    pub fn parse(line: &str) -> Option<Self> {
        let mut parts = line.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = BASE64.decode(key).ok()?;
        let (kind, public) = key.split_first()?;
        let known = [ED25519_NOTE, ED25519_COSIGNATURE].contains(kind);
        let found = VerifierKey { name: name.to_owned(), kind: *kind, public: public.try_into().ok()? };
        let expected: String = found.key_id().iter().map(|b| format!("{b:02x}")).collect();
        (known && expected == id && !name.is_empty()).then_some(found)
    }

    fn verifies(&self, body: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        if self.kind == ED25519_NOTE {
            return key.verify(body.as_bytes(), signature).is_ok();
        }
        let Some((seconds, signature)) = signature.split_first_chunk::<8>() else { return false };
        key.verify(cosigned(body, u64::from_be_bytes(*seconds)).as_bytes(), signature).is_ok()
    }
}

/// A note taken apart: its checkpoint and the names of those of `keys` that really signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedNote {
    pub checkpoint: Checkpoint,
    pub signers: Vec<String>,
}

/// Reads a note and checks each signature whose key is known. Unknown signers are passed over, as signed-note says;
/// a signature that names a known key and does not verify makes the note invalid.
pub fn open(note: &str, keys: &[VerifierKey]) -> Option<OpenedNote> {
    let (body, signatures) = note.split_once("\n\n")?;
    let body = format!("{body}\n");
    let checkpoint = Checkpoint::parse_body(&body)?;
    let mut signers = Vec::new();
    for line in signatures.lines().filter(|l| !l.is_empty()) {
        let (name, blob) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let blob = BASE64.decode(blob).ok()?;
        let (id, signature) = blob.split_at_checked(4)?;
        for key in keys.iter().filter(|k| k.name == name && k.key_id() == id) {
            if !key.verifies(&body, signature) {
                return None;
            }
            if !signers.contains(&key.name) {
                signers.push(key.name.clone());
            }
        }
    }
    Some(OpenedNote { checkpoint, signers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> (String, SigningKey) {
        let key = SigningKey::from_seed("badiano.example/DFSSA000001", &[7; 32]);
        let checkpoint = Checkpoint { origin: key.name.clone(), size: 12, root: [3; 32] };
        (checkpoint.sign(&key), key)
    }

    #[test]
    fn a_signed_checkpoint_is_opened_by_its_key_alone() {
        let (note, key) = note();
        let opened = open(&note, &[key.verifier()]).expect("well-formed");
        assert_eq!(opened.signers, std::slice::from_ref(&key.name));
        let foreign = SigningKey::from_seed("badiano.example/DFSSA000001", &[8; 32]);
        assert!(open(&note, &[foreign.verifier()]).expect("well-formed").signers.is_empty());
    }

    #[test]
    fn an_altered_checkpoint_does_not_open() {
        let (note, key) = note();
        assert!(open(&note.replacen("\n12\n", "\n13\n", 1), &[key.verifier()]).is_none());
    }

    #[test]
    fn a_verifier_line_is_read_back_and_its_hash_is_checked() {
        let (_, key) = note();
        let line = key.verifier().to_line();
        assert_eq!(VerifierKey::parse(&line), Some(key.verifier()));
        assert_eq!(VerifierKey::parse(&line.replacen("badiano", "badiana", 1)), None);
    }
}

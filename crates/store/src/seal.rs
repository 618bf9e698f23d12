//! The node key and what is sealed with keys derived from it (AES-256-GCM, NIST SP 800-38D; HMAC-SHA-256 as the derivation).

use badiano_kernel::Fault;
use badiano_kernel::id::random_bytes;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

/// Bytes that a seal adds.
pub(crate) const TAG_BYTES: usize = 16;

/// A wrapped data key: 32 bytes and their tag.
pub(crate) const WRAPPED_BYTES: usize = 32 + TAG_BYTES;

/// The key of the node. Every use has its own derived key, so that no nonce meets the same key twice.
pub(crate) struct NodeKey {
    derive: hmac::Key,
}

impl NodeKey {
    pub fn new(secret: &[u8; 32]) -> Self {
        NodeKey { derive: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// What the database keeps to know its own key again; says nothing of the key.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.derived("fingerprint", b"")
    }

    /// A key for one purpose and one context; the context is drawn at random once and never again.
    pub fn for_context(&self, purpose: &str, context: &[u8; 16]) -> Result<LessSafeKey, Fault> {
        aes(&self.derived(purpose, context))
    }

    /// A new data key for a blob, and its wrapped form.
    pub fn new_data_key(&self, id: &[u8; 16]) -> Result<(LessSafeKey, [u8; WRAPPED_BYTES]), Fault> {
        let secret: [u8; 32] = random_bytes();
        let mut wrapped = secret.to_vec();
        seal(&self.for_context("blob", id)?, 0, true, id, &mut wrapped)?;
        let wrapped = wrapped.try_into().map_err(|_| Fault::bug("a wrapped key has another length"))?;
        Ok((aes(&secret)?, wrapped))
    }

    pub fn unwrap_data_key(
        &self,
        id: &[u8; 16],
        wrapped: &[u8; WRAPPED_BYTES],
    ) -> Result<LessSafeKey, Fault> {
        let mut bytes = *wrapped;
        let secret = open(&self.for_context("blob", id)?, 0, true, id, &mut bytes)?;
        aes(secret)
    }

    fn derived(&self, purpose: &str, context: &[u8]) -> [u8; 32] {
        let mut h = hmac::Context::with_key(&self.derive);
        h.update(purpose.as_bytes());
        h.update(&[0]);
        h.update(context);
        let mut out = [0u8; 32];
        out.copy_from_slice(h.sign().as_ref());
        out
    }
}

fn aes(secret: &[u8]) -> Result<LessSafeKey, Fault> {
    let key = UnboundKey::new(&AES_256_GCM, secret).map_err(|_| Fault::bug("a key has another length"))?;
    Ok(LessSafeKey::new(key))
}

/// Number of the piece and whether it is the last one: a cut or reordered sequence does not open.
fn nonce(index: u64, last: bool) -> Nonce {
    let mut bytes = [0u8; 12];
    bytes[0] = u8::from(last);
    bytes[4..].copy_from_slice(&index.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Seals the whole vector in place and appends the tag.
pub(crate) fn seal(
    key: &LessSafeKey,
    index: u64,
    last: bool,
    bound: &[u8],
    bytes: &mut Vec<u8>,
) -> Result<(), Fault> {
    seal_from(key, index, last, bound, bytes, 0)
}

/// Seals what stands in the vector from `start` on, in place, and appends the tag.
pub(crate) fn seal_from(
    key: &LessSafeKey,
    index: u64,
    last: bool,
    bound: &[u8],
    bytes: &mut Vec<u8>,
    start: usize,
) -> Result<(), Fault> {
    let tag = key
        .seal_in_place_separate_tag(nonce(index, last), Aad::from(bound), &mut bytes[start..])
        .map_err(|_| Fault::bug("a piece is too long to seal"))?;
    bytes.extend_from_slice(tag.as_ref());
    Ok(())
}

/// Opens what stands from `from` on, and puts the plain part at the beginning: pieces that were read at once close up.
pub(crate) fn open_within<'a>(
    key: &LessSafeKey,
    index: u64,
    last: bool,
    bound: &[u8],
    bytes: &'a mut [u8],
    from: usize,
) -> Result<&'a mut [u8], Fault> {
    key.open_within(nonce(index, last), Aad::from(bound), bytes, from..)
        .map_err(|_| Fault::unavailable("stored bytes are damaged or were sealed with another key"))
}

/// Opens in place; the answer is the plain part.
pub(crate) fn open<'a>(
    key: &LessSafeKey,
    index: u64,
    last: bool,
    bound: &[u8],
    bytes: &'a mut [u8],
) -> Result<&'a mut [u8], Fault> {
    open_within(key, index, last, bound, bytes, 0)
}

//! The key of pseudonyms: whoever holds it can make the same ones again, nobody else can go from one to the person (PS3.15 E.1.1).

use badiano_kernel::Fault;
use ring::hmac;

/// Characters of a key that is given as text.
const KEY_CHARACTERS_MIN: usize = 32;

/// One key, one world of pseudonyms, UIDs and shifts of dates.
pub struct PseudonymKey(hmac::Key);

impl PseudonymKey {
    fn of(bytes: &[u8]) -> Self {
        PseudonymKey(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// From what a key file holds: any text of 32 characters or more.
    pub fn of_text(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        if text.chars().count() < KEY_CHARACTERS_MIN {
            return Err(Fault::invalid("a key of pseudonyms has 32 characters or more"));
        }
        Ok(Self::of(text.as_bytes()))
    }

    /// Good for once: its pseudonyms cannot be made again.
    pub fn random() -> Self {
        Self::of(&badiano_kernel::id::random_bytes::<32>())
    }

    /// That of a node, derived from its key file: the same person has the same pseudonym in whatever leaves it.
    pub(crate) fn of_node(secrets: &crate::secrets::Secrets) -> Self {
        Self::of(&secrets.derive("pseudonyms"))
    }

    /// A one-way function of a purpose and a value.
    pub fn digest(&self, purpose: &str, value: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0, [purpose.as_bytes(), b"\0", value.as_bytes()].concat().as_slice());
        let mut out = [0_u8; 32];
        out.copy_from_slice(tag.as_ref());
        out
    }
}

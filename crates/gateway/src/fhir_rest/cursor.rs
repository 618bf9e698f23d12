//! The address of a page: a search with its place in it, sealed, so that no address that we build names a person (search.html#paging).

use crate::caller::Caller;
use badiano_kernel::{Fault, Instant};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// A page is served as long as somebody may be reading the one before.
const VALID_SECONDS: i64 = 24 * 60 * 60;
/// A longer address is not one of ours; proxies cut them from 8 kB on.
const BYTES_MAX: usize = 16 << 10;
/// The parameter that carries it.
pub const NAME: &str = "_page";

/// A search as it was asked for, and where its page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The path below the base: `Patient`, `Patient/1/Observation`, or nothing for all types.
    pub path: String,
    /// All pairs, those about the answer too.
    pub pairs: Vec<(String, String)>,
    pub strict: bool,
    /// The place after which the page begins; none for the first.
    pub after: Option<Vec<u8>>,
    /// What the first page counted.
    pub total: Option<usize>,
    until: i64,
}

impl Cursor {
    pub fn new(path: &str, pairs: Vec<(String, String)>, strict: bool, now: Instant) -> Self {
        let until = now.plus_seconds(VALID_SECONDS).seconds();
        Cursor { path: path.to_owned(), pairs, strict, after: None, total: None, until }
    }

    /// The page after this one.
    pub fn next(&self, after: Vec<u8>, total: Option<usize>) -> Self {
        Cursor { after: Some(after), total, ..self.clone() }
    }

    /// Sealed for this caller; nobody else can use it.
    pub fn seal(&self, caller: &Caller) -> Result<String, Fault> {
        let mut bytes = serde_json::to_vec(self).map_err(|_| Fault::bug("a cursor is always printable"))?;
        let mut nonce = [0u8; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| Fault::unavailable("no random numbers"))?;
        key(caller)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), of(caller), &mut bytes)
            .map_err(|_| Fault::bug("a cursor can always be sealed"))?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &bytes].concat()))
    }

    /// Opens what this node sealed for the same caller, as long as it is valid.
    pub fn open(text: &str, caller: &Caller) -> Result<Cursor, Fault> {
        let invalid = || Fault::invalid("the address of the page is not one of ours, or not yours").at(NAME);
        if text.len() > BYTES_MAX {
            return Err(invalid());
        }
        let mut sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let (nonce, bytes) = sealed.split_at_mut_checked(NONCE_LEN).ok_or_else(invalid)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| invalid())?;
        let bytes = key(caller)?.open_in_place(nonce, of(caller), bytes).map_err(|_| invalid())?;
        let cursor: Cursor = serde_json::from_slice(bytes).map_err(|_| invalid())?;
        if caller.now.seconds() > cursor.until {
            return Err(Fault::invalid("the page has run out: search again").at(NAME));
        }
        Ok(cursor)
    }
}

fn key(caller: &Caller) -> Result<LessSafeKey, Fault> {
    let key = UnboundKey::new(&AES_256_GCM, &caller.gate.node.secret("search pages"));
    Ok(LessSafeKey::new(key.map_err(|_| Fault::bug("the key has 32 bytes"))?))
}

fn of(caller: &Caller) -> Aad<String> {
    Aad::from(format!("{:?} {:?}", caller.principal, caller.purpose))
}

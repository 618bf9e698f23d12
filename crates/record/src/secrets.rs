//! The secrets of a node, all derived from its one key file (HKDF, RFC 5869), so that a backup without the key holds none.

use badiano_kernel::Fault;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use std::path::Path;

/// Derives named secrets from the node key.
pub struct Secrets {
    key: [u8; 32],
}

impl Secrets {
    /// Reads the key file that the store made and guards (32 bytes in hexadecimal).
    pub fn read(key_file: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(key_file)
            .map_err(|e| Fault::unavailable(format!("the key file cannot be read: {}", e.kind())))?;
        let text = text.trim();
        let digit = |at: usize| text.get(at..at + 2).and_then(|h| u8::from_str_radix(h, 16).ok());
        let mut key = [0_u8; 32];
        for (i, byte) in key.iter_mut().enumerate() {
            *byte = digit(i * 2)
                .ok_or_else(|| Fault::invalid("the key file does not hold 32 bytes in hexadecimal"))?;
        }
        Ok(Secrets { key })
    }

    /// A secret of its own for each use.
    pub fn derive(&self, label: &str) -> [u8; 32] {
        let salt = Salt::new(HKDF_SHA256, b"badiano node secrets 1");
        let prk = salt.extract(&self.key);
        let info = [label.as_bytes()];
        let okm = prk.expand(&info, HKDF_SHA256).expect("32 bytes are within what HKDF gives");
        let mut out = [0_u8; 32];
        okm.fill(&mut out).expect("the length asked for is the length given");
        out
    }
}

impl Secrets {
    /// Seals a small secret (a second factor, a private key) under the node key: AES-256-GCM, a new nonce each time.
    pub fn seal(&self, label: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; 12] = badiano_kernel::id::random_bytes();
        let mut sealed = plain.to_vec();
        self.aead(label)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .expect("a small secret can be sealed");
        [&nonce[..], &sealed[..]].concat()
    }

    /// Opens what [`Secrets::seal`] sealed; nothing when it was altered or sealed by another node.
    pub fn open(&self, label: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(12)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        let plain = self.aead(label).open_in_place(nonce, Aad::empty(), &mut body).ok()?;
        Some(plain.to_vec())
    }

    fn aead(&self, label: &str) -> LessSafeKey {
        let key = self.derive(label);
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes are an AES-256 key"))
    }
}

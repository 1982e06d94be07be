//! Keeps answers out of sight in a page that has to work without a server.
//!
//! Everything that is shown after a prediction is encrypted (AES-256-GCM). Without a code word, the key is in the page
//! too: nobody reads an answer by accident or by searching the file, but whoever reads the script can decrypt it. With
//! a code word, the key is derived from the word (PBKDF2) and is not in the page.

use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

/// Rounds of PBKDF2: the OWASP recommendation of 2023 for HMAC-SHA-256.
pub(super) const ROUNDS: u32 = 600_000;

/// The key of one page.
#[derive(Debug, Clone)]
pub(super) struct PageKey {
    key: [u8; 32],
    /// Makes the key of this page different from that of another with the same code word.
    pub(super) salt: [u8; 16],
    /// True if the key is derived from a code word.
    needs_code: bool,
}

impl PageKey {
    /// Derives a key from the identity and the texts of the page, and from the code word if there is one. Pages with
    /// other texts have another key, so the nonce of a place is never used for two texts.
    pub(super) fn of(identity: &str, texts: &[Option<String>], code: Option<&str>) -> Self {
        let mut hash = Sha256::new();
        hash.update(format!("nslab lesson page {identity}"));
        for text in texts.iter().map(|text| text.as_deref().unwrap_or_default()) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let digest = hash.finalize();
        let mut salt = [0; 16];
        salt.copy_from_slice(&digest[..16]);
        let mut key = [0; 32];
        match code {
            Some(code) => {
                pbkdf2::pbkdf2_hmac::<Sha256>(code.as_bytes(), &salt, ROUNDS, &mut key);
            }
            None => key.copy_from_slice(&Sha256::digest(digest)),
        }
        Self {
            key,
            salt,
            needs_code: code.is_some(),
        }
    }

    /// Returns the key in the form in which a page without a code word holds it.
    pub(super) fn shown(&self) -> Option<String> {
        (!self.needs_code).then(|| STANDARD.encode(self.key))
    }

    /// Compresses and encrypts a text; `number` is the place of the text in the page, and never used twice.
    pub(super) fn seal(&self, number: u32, text: &str) -> Option<String> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(text.as_bytes()).ok()?;
        let packed = packed.finish().ok()?;
        let mut nonce = [0; 12];
        nonce[8..].copy_from_slice(&number.to_be_bytes());
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(self.key));
        let sealed = cipher
            .encrypt(&Nonce::from(nonce), packed.as_slice())
            .ok()?;
        Some(STANDARD.encode(sealed))
    }
}

/// Returns the seal of an answers file: a digest that is keyed by the lesson and the seed. It shows that a file was
/// edited by hand. A student who reads the script of the page can make a new one.
pub(super) fn seal_of(identity: &str, body: &str) -> String {
    let key = sealing_key(identity);
    hex(&Sha256::digest(format!("{key}\n{body}\n{key}")))
}

pub(super) fn sealing_key(identity: &str) -> String {
    hex(&Sha256::digest(format!("nslab answers {identity}")))
}

/// Returns the identity of a lesson with the numbers of a seed.
pub(super) fn identity(text: &str, seed: Option<u64>) -> String {
    let digest = hex(&Sha256::digest(text));
    format!("{} {}", &digest[..32], seed.unwrap_or(0))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(identity: &str, text: &str, code: Option<&str>) -> PageKey {
        PageKey::of(identity, &[None, Some(text.to_owned())], code)
    }

    #[test]
    fn a_key_from_a_code_word_is_not_in_the_page() {
        assert!(key("a 1", "x", None).shown().is_some());
        assert!(key("a 1", "x", Some("word")).shown().is_none());
        assert_ne!(key("a 1", "x", None).key, key("a 2", "x", None).key);
    }

    #[test]
    fn pages_with_other_texts_never_share_a_key() {
        for code in [None, Some("word")] {
            let keys = [key("a 1", "9", code), key("a 1", "8", code)];
            assert_ne!(keys[0].key, keys[1].key);
            assert_ne!(keys[0].salt, keys[1].salt);
        }
        assert_eq!(key("a 1", "9", None).key, key("a 1", "9", None).key);
    }

    #[test]
    fn an_edited_body_has_another_seal() {
        let id = identity("text", Some(3));
        assert_ne!(
            seal_of(&id, "{\"number\":9}"),
            seal_of(&id, "{\"number\":8}")
        );
        assert_ne!(seal_of(&id, "x"), seal_of(&identity("text", Some(4)), "x"));
    }
}

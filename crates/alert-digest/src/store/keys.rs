//! Keys: what is sealed on disk and what is signed in links, all derived from one secret.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, hmac};

use super::error::StoreError;

/// The version byte in front of everything that is sealed.
const SEALED_V1: u8 = 1;

/// Derives every key that the app uses from one 32-byte secret.
///
/// Each workspace has a sealing key of its own (HKDF-SHA256, RFC 5869, with the workspace in `info`), so that a row that
/// is moved from one workspace's keys to another's does not open. Sealing is ChaCha20-Poly1305 (RFC 8439) with a random
/// nonce; the row's place is authenticated with it. `Debug` prints nothing secret.
#[derive(Clone)]
pub struct Keyring {
    root: hkdf::Prk,
    links: hmac::Key,
    random: SystemRandom,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

/// Length of what HKDF is asked for.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Keyring {
    /// From a secret of 32 bytes.
    ///
    /// # Errors
    /// [`StoreError::Key`] if the derivation fails, which it can't for a secret of this length.
    pub fn new(secret: &[u8; 32]) -> Result<Self, StoreError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"alert-digest/1").extract(secret);
        let links = hmac::Key::new(hmac::HMAC_SHA256, &expand(&root, &["links"])?);
        Ok(Keyring { root, links, random: SystemRandom::new() })
    }

    /// From text: 64 hexadecimal digits or 44 characters of base64, as `openssl rand -hex 32` or `-base64 32` print.
    ///
    /// ```
    /// use alert_digest::store::Keyring;
    ///
    /// assert!(Keyring::parse(&"5a".repeat(32)).is_ok());
    /// assert!(Keyring::parse("too short").unwrap_err().to_string().contains("openssl rand -hex 32"));
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Key`] if the text is neither; the text itself is not repeated.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        let bytes = hex(text).or_else(|| base64(text)).ok_or(StoreError::Key)?;
        Self::new(&bytes.try_into().map_err(|_| StoreError::Key)?)
    }

    /// The key that seals one workspace's rows.
    pub(crate) fn workspace(&self, workspace: &str) -> Result<Sealer, StoreError> {
        let key = expand(&self.root, &["store/", workspace])?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(|_| StoreError::Key)?;
        Ok(Sealer { key: LessSafeKey::new(key), random: self.random.clone() })
    }

    /// HMAC-SHA256 over `parts`, each preceded by its length so that none can run into the next.
    pub(crate) fn sign(&self, parts: &[&str]) -> [u8; 32] {
        let mut tag = [0; 32];
        tag.copy_from_slice(hmac::sign(&self.links, &framed(parts)).as_ref());
        tag
    }

    /// Whether `tag` is what [`Keyring::sign`] returns for `parts`, in constant time.
    pub(crate) fn verify(&self, parts: &[&str], tag: &[u8]) -> bool {
        hmac::verify(&self.links, &framed(parts), tag).is_ok()
    }

    /// 16 random bytes as 32 hexadecimal digits.
    ///
    /// # Errors
    /// [`StoreError::Random`] if the system gives no random numbers.
    pub(crate) fn random_id(&self) -> Result<String, StoreError> {
        let mut bytes = [0_u8; 16];
        self.random.fill(&mut bytes).map_err(|_| StoreError::Random)?;
        Ok(to_hex(&bytes))
    }
}

/// Seals and opens the rows of one workspace.
pub(crate) struct Sealer {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Sealer {
    /// `version ‖ nonce ‖ ciphertext ‖ tag`; `place` is authenticated, not stored.
    pub(crate) fn seal(&self, place: &str, mut bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| StoreError::Random)?;
        let aad = Aad::from(place.as_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes)
            .map_err(|_| StoreError::Sealed { place: place.to_owned() })?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + bytes.len());
        sealed.push(SEALED_V1);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut bytes);
        Ok(sealed)
    }

    /// What was sealed for this place.
    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let refused = || StoreError::Sealed { place: place.to_owned() };
        let (version, rest) = sealed.split_first().ok_or_else(refused)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(refused)?;
        if *version != SEALED_V1 {
            return Err(refused());
        }
        let mut body = body.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(place.as_bytes());
        let length = self.key.open_in_place(nonce, aad, &mut body).map_err(|_| refused())?.len();
        body.truncate(length);
        Ok(body)
    }
}

fn expand(root: &hkdf::Prk, info: &[&str]) -> Result<[u8; 32], StoreError> {
    let info: Vec<&[u8]> = info.iter().map(|part| part.as_bytes()).collect();
    let mut key = [0; 32];
    root.expand(&info, Length(32)).and_then(|okm| okm.fill(&mut key)).map_err(|_| StoreError::Key)?;
    Ok(key)
}

fn framed(parts: &[&str]) -> Vec<u8> {
    let mut framed = Vec::new();
    for part in parts {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part.as_bytes());
    }
    framed
}

/// Lower-case hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hexadecimal digits; none if it is anything else.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    use ::base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};
    let text = text.trim_end_matches('=');
    BASE64_STANDARD_NO_PAD.decode(text).or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keyring() -> Keyring {
        Keyring::new(&[7; 32]).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_its_place_only(bytes: Vec<u8>, place in "[a-z/]{1,12}", other in "[a-z/]{1,12}") {
            let sealer = keyring().workspace("T1").unwrap();
            let sealed = sealer.seal(&place, bytes.clone()).unwrap();
            prop_assert_eq!(sealer.open(&place, &sealed).unwrap(), bytes);
            if place != other {
                prop_assert!(sealer.open(&other, &sealed).is_err());
            }
            prop_assert!(keyring().workspace("T2").unwrap().open(&place, &sealed).is_err());
        }

        #[test]
        fn a_flipped_bit_anywhere_is_noticed(bytes in proptest::collection::vec(any::<u8>(), 0..64), at: prop::sample::Index) {
            let sealer = keyring().workspace("T1").unwrap();
            let mut sealed = sealer.seal("a", bytes).unwrap();
            let at = at.index(sealed.len() * 8);
            sealed[at / 8] ^= 1 << (at % 8);
            prop_assert!(sealer.open("a", &sealed).is_err());
        }

        #[test]
        fn a_signature_holds_for_exactly_its_parts(a in ".{0,6}", b in ".{0,6}", c in ".{0,6}", d in ".{0,6}") {
            let tag = keyring().sign(&[&a, &b]);
            prop_assert_eq!(keyring().verify(&[&c, &d], &tag), a == c && b == d);
        }
    }

    #[test]
    fn truncated_rows_are_refused_and_do_not_panic() {
        let sealer = keyring().workspace("T1").unwrap();
        let sealed = sealer.seal("a", b"hello".to_vec()).unwrap();
        for length in 0..sealed.len() {
            assert!(sealer.open("a", &sealed[..length]).is_err());
        }
    }

    #[test]
    fn hex_and_base64_of_the_same_secret_are_the_same_keyring() {
        let hex = Keyring::parse(&"07".repeat(32)).unwrap();
        let base64 = Keyring::parse("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n").unwrap();
        assert_eq!(hex.sign(&["x"]), base64.sign(&["x"]));
        assert_eq!(hex.sign(&["x"]), keyring().sign(&["x"]));
        for wrong in ["", "07", "not a key", &"é".repeat(32), &"0".repeat(63)] {
            assert!(Keyring::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn debug_prints_no_secret() {
        assert_eq!(format!("{:?}", keyring()), "Keyring(…)");
    }
}

//! Ids: opaque strings at the API, numbers everywhere inside.
//!
//! The two top bits of a number say where it came from, so that no scheme can collide with another:
//!
//! | bits | scheme | reversible |
//! |---|---|---|
//! | `00` | canonical decimal below 2^62 | yes, it is the number |
//! | `01` | Slack id: 9 to 11 characters `A-Z0-9`, the first a letter, read in base 36 | yes |
//! | `1x` | anything else: 63 bits of a keyed SipHash-1-3 | through the catalog's dictionary |

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128, SipHasher13 as SipHasher128};

/// The longest id that the API takes, in bytes.
pub const MAX_ID_BYTES: usize = 64;

const SLACK: u64 = 1 << 62;
const HASHED: u64 = 1 << 63;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        #[repr(transparent)]
        pub struct $name(pub u64);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id! {
    /// The workspace whose data this is. Nothing crosses tenants.
    TenantId
}
id! {
    /// The person (or bot) who asks.
    UserId
}
id! {
    /// One thing of a corpus.
    EntityId
}

impl UserId {
    /// The user as an entity of a corpus of people.
    pub fn as_entity(self) -> EntityId {
        EntityId(self.0)
    }
}

impl EntityId {
    /// The entity as a user, for corpora of people.
    pub fn as_user(self) -> UserId {
        UserId(self.0)
    }
}

/// Names one request; 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RequestId(pub u128);

/// Makes recording idempotent; a keyed 128-bit hash of the tenant and the id that the client chose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct InteractionId(pub u128);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

impl fmt::Debug for InteractionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InteractionId({:032x})", self.0)
    }
}

impl std::str::FromStr for RequestId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() == 32
            && text.bytes().all(|b| b.is_ascii_hexdigit())
            && let Ok(number) = u128::from_str_radix(text, 16)
        {
            return Ok(RequestId(number));
        }
        Err(IdError::NotARequestId(text.chars().take(MAX_ID_BYTES).collect()))
    }
}

/// What is wrong with an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The id is the empty string.
    #[error("an id must not be empty")]
    Empty,
    /// The id is longer than [`MAX_ID_BYTES`].
    #[error("an id has at most {MAX_ID_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// The text is not 32 hexadecimal digits.
    #[error("{0:?} is not a request id: 32 hexadecimal digits, as `Recommend` returned them")]
    NotARequestId(String),
}

/// Turns the strings of the API into numbers, and back where the scheme allows.
///
/// ```
/// # use recommend_core::ids::IdCodec;
/// let codec = IdCodec::new([7; 16]);
/// assert_eq!(codec.encode("42").unwrap(), 42);
/// let slack = codec.encode("C073DKH9P").unwrap();
/// assert_eq!(codec.decode(slack).as_deref(), Some("C073DKH9P"));
/// assert_eq!(codec.decode(codec.encode("u0236").unwrap()), None);
/// ```
#[derive(Clone, Copy)]
pub struct IdCodec {
    key: [u8; 16],
}

impl IdCodec {
    /// A codec whose hashed ids depend on `key`. The key belongs to a deployment and must not change.
    pub fn new(key: [u8; 16]) -> Self {
        IdCodec { key }
    }

    /// The number of an id.
    ///
    /// # Errors
    /// [`IdError::Empty`] and [`IdError::TooLong`].
    pub fn encode(&self, text: &str) -> Result<u64, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > MAX_ID_BYTES {
            return Err(IdError::TooLong(text.len()));
        }
        Ok(decimal(text).or_else(|| slack(text)).unwrap_or_else(|| {
            let mut hasher = SipHasher13::new_with_key(&self.key);
            hasher.write(text.as_bytes());
            hasher.finish() | HASHED
        }))
    }

    /// The string of a number, or `None` when only a dictionary can tell.
    pub fn decode(&self, number: u64) -> Option<String> {
        match number >> 62 {
            0 => Some(number.to_string()),
            1 => {
                let (mut rest, mut text) = (number & !SLACK, Vec::with_capacity(11));
                while rest > 0 {
                    let digit = (rest % 36) as u8;
                    text.push(if digit < 10 { b'0' + digit } else { b'A' + digit - 10 });
                    rest /= 36;
                }
                text.reverse();
                String::from_utf8(text).ok()
            }
            _ => None,
        }
    }

    /// Whether the number came from the hash and needs a dictionary to become a string again.
    pub fn is_hashed(number: u64) -> bool {
        number & HASHED != 0
    }

    /// The id under which an interaction is recorded at most once in its tenant.
    pub fn interaction(&self, tenant: TenantId, text: &str) -> InteractionId {
        let mut hasher = SipHasher128::new_with_key(&self.key);
        hasher.write_u64(tenant.0);
        hasher.write(text.as_bytes());
        InteractionId(hasher.finish128().as_u128())
    }
}

impl fmt::Debug for IdCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdCodec(key withheld)")
    }
}

fn decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if !canonical {
        return None;
    }
    text.parse().ok().filter(|n| *n < SLACK)
}

fn slack(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let shaped = (9..=11).contains(&bytes.len())
        && bytes[0].is_ascii_uppercase()
        && bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    shaped.then(|| {
        SLACK
            | bytes
                .iter()
                .fold(0, |n, b| n * 36 + u64::from(if b.is_ascii_digit() { b - b'0' } else { b - b'A' + 10 }))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn schemes_do_not_collide() {
        let codec = IdCodec::new([1; 16]);
        assert_eq!(codec.encode("0").unwrap(), 0);
        assert_eq!(codec.encode("007").unwrap() >> 63, 1, "not canonical, so hashed");
        assert_eq!(codec.encode("4611686018427387904").unwrap() >> 63, 1, "2^62 is past the decimal range");
        assert_eq!(codec.encode("ZZZZZZZZZZZ").unwrap() >> 62, 1);
        assert_eq!(codec.encode("U12").unwrap() >> 63, 1);
    }

    #[test]
    fn bad_ids_say_what_is_wrong() {
        let codec = IdCodec::new([1; 16]);
        assert_eq!(codec.encode(""), Err(IdError::Empty));
        assert_eq!(codec.encode(&"x".repeat(65)), Err(IdError::TooLong(65)));
        assert!("12".parse::<RequestId>().is_err());
        assert_eq!(RequestId(5).to_string().parse(), Ok(RequestId(5)));
    }

    proptest! {
        #[test]
        fn decimal_and_slack_ids_come_back(number in 0..SLACK, text in "[A-Z][A-Z0-9]{8,10}") {
            let codec = IdCodec::new([1; 16]);
            prop_assert_eq!(codec.encode(&number.to_string()), Ok(number));
            prop_assert_eq!(codec.decode(number), Some(number.to_string()));
            prop_assert_eq!(codec.decode(codec.encode(&text).unwrap()), Some(text));
        }
    }
}

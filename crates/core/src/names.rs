//! Names: the bounded vocabulary of a deployment (corpora, sources, attributes, kinds, features).

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A short, validated name: 1 to 64 characters of `a-z 0-9 _ - .`, starting with a letter or a digit.
///
/// Cloning is a reference count. Metrics use names as labels and the log as column names, which is why the
/// alphabet is small.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

/// The text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name: use 1 to 64 characters of a-z, 0-9, '_', '-', '.', the first a letter or digit"
)]
pub struct NameError(pub String);

impl Name {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`NameError`] when the text is empty, too long, or has another character.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let shaped = (1..=64).contains(&text.len())
            && plain(text.as_bytes()[0])
            && text.bytes().all(|b| plain(b) || matches!(b, b'_' | b'-' | b'.'));
        if shaped { Ok(Name(text.into())) } else { Err(NameError(text.chars().take(80).collect())) }
    }

    /// A name that is written in the program.
    ///
    /// # Panics
    /// When the text is not a name; for literals only.
    #[track_caller]
    #[expect(clippy::panic, reason = "a literal in the program is an invariant, not input")]
    pub fn literal(text: &'static str) -> Self {
        Name::new(text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no other clone of it, so that who holds names once may forget it.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Name::new(text)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Name::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        assert!(Name::new("channel-browser").is_ok());
        assert!(Name::new("messages_7d.rate").is_ok());
        for bad in ["", "Channel", "a b", "-a", "a/b", "ä", &"x".repeat(65)] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
    }
}

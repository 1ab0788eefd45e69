//! Which version serves, and which did before it.

use serde::{Deserialize, Serialize};

/// How many promotions are remembered.
const KEEP: usize = 100;

/// One promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// The version.
    pub version: String,
    /// The SHA-256 of its manifest, so that the manifest is guarded as it guards the other files.
    pub manifest: String,
    /// When, in RFC 3339.
    pub at: String,
}

/// What `current.json` holds: the promotion that counts, and those before it, the newest last.
///
/// Both are one object, so that replacing it replaces both or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// What serves.
    pub current: Promotion,
    /// What served before, oldest first.
    #[serde(default)]
    pub history: Vec<Promotion>,
}

impl Pointer {
    /// The pointer after a promotion.
    pub(crate) fn promoted(before: Option<Pointer>, promotion: Promotion) -> Self {
        let mut history = before.map_or_else(Vec::new, |pointer| {
            let mut history = pointer.history;
            history.push(pointer.current);
            history
        });
        history.drain(..history.len().saturating_sub(KEEP));
        Pointer { current: promotion, history }
    }

    /// The pointer one promotion earlier. Rolling back twice goes back twice: what was rolled back is not remembered.
    pub(crate) fn rolled_back(mut self) -> Option<Self> {
        let current = self.history.pop()?;
        Some(Pointer { current, history: self.history })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_back_undoes_promotions_one_by_one() {
        let promotion = |version: &str| Promotion {
            version: version.into(),
            manifest: String::new(),
            at: "2026-01-01T00:00:00Z".into(),
        };
        let mut pointer = Pointer::promoted(None, promotion("0"));
        for version in 1..150 {
            pointer = Pointer::promoted(Some(pointer), promotion(&version.to_string()));
        }
        assert_eq!(pointer.history.len(), KEEP);
        let pointer = pointer.rolled_back().unwrap().rolled_back().unwrap();
        assert_eq!((pointer.current.version.as_str(), pointer.history.len()), ("147", KEEP - 2));
        assert!(Pointer::promoted(None, promotion("0")).rolled_back().is_none());
    }
}

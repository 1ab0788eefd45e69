//! The features that a model reads, as the artifact records them.

use recommend_core::{FeatureSchema, Name};
use serde::{Deserialize, Serialize};

/// The features of a model in its order, with the hash that the event log uses for the same list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The names.
    pub features: Vec<String>,
    /// [`FeatureSchema::hash`] as 16 hexadecimal digits.
    pub hash: String,
}

impl Schema {
    /// The schema of these features, in this order.
    pub fn new(features: &[Name]) -> Self {
        let hash = FeatureSchema::new(features.to_vec()).hash();
        Schema { features: features.iter().map(ToString::to_string).collect(), hash: format!("{hash:016x}") }
    }

    /// The names, checked against the hash.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence about the file.
    pub fn names(&self) -> Result<Vec<Name>, String> {
        let names: Vec<Name> = self
            .features
            .iter()
            .map(|name| Name::new(name))
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?;
        let hash = Schema::new(&names).hash;
        match hash == self.hash {
            true => Ok(names),
            false => Err(format!("the hash of its features is {hash}, and it says {}", self.hash)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_whose_features_were_edited_is_refused() {
        let mut schema = Schema::new(&[Name::literal("a"), Name::literal("b")]);
        assert_eq!(schema.names().unwrap(), [Name::literal("a"), Name::literal("b")]);
        schema.features.swap(0, 1);
        assert!(schema.names().unwrap_err().contains(&schema.hash));
    }
}

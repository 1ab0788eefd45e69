//! All declared features, by name.

use std::collections::BTreeMap;

use recommend_core::Name;

use crate::error::{FeatureError, FeatureErrors};
use crate::feature::{Description, Feature, What};

/// Features by name: the `[features]` of a configuration, or of a program.
#[derive(Debug, Clone, Default)]
pub struct Declarations(BTreeMap<Name, Feature>);

impl Declarations {
    /// None yet.
    pub fn new() -> Self {
        Declarations::default()
    }

    /// Adds a feature, in place of an earlier one of its name. What is wrong with it comes out when a
    /// [`crate::FeatureSet`] is built.
    ///
    /// # Panics
    /// When the name is not a [`Name`]; for literals.
    #[must_use]
    #[track_caller]
    pub fn with(mut self, name: &'static str, feature: Feature) -> Self {
        self.0.insert(Name::literal(name), feature);
        self
    }

    /// Adds a feature, in place of an earlier one of its name.
    pub fn insert(&mut self, name: Name, feature: Feature) {
        self.0.insert(name, feature);
    }

    /// Reads the table `[features]`.
    ///
    /// # Errors
    /// Every declaration that does not fit.
    pub fn from_table(table: toml::Table) -> Result<Self, FeatureErrors> {
        let (mut declarations, mut errors) = (Declarations::new(), Vec::new());
        for (name, value) in table {
            let feature = match value {
                toml::Value::Table(table) => Feature::from_table(&name, table),
                other => Err(FeatureError::declaration(
                    &name,
                    format!(
                        "is a {}; write a table, as in {{ kind = \"count\", window = \"7d\" }}",
                        other.type_str()
                    ),
                )),
            };
            let named = Name::new(&name).map_err(|error| FeatureError::declaration(&name, error.to_string()));
            match (named, feature) {
                (Ok(name), Ok(feature)) => declarations.insert(name, feature),
                (named, feature) => errors.extend(named.err().into_iter().chain(feature.err())),
            }
        }
        if errors.is_empty() { Ok(declarations) } else { Err(FeatureErrors(errors)) }
    }

    /// One feature.
    pub fn get(&self, name: &str) -> Option<&Feature> {
        self.0.get(name)
    }

    /// All features, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Feature)> {
        self.0.iter()
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.keys()
    }

    /// All features as documentation shows them.
    pub fn describe(&self) -> Vec<Description> {
        let describe = |(name, feature): (&Name, &Feature)| Description {
            name: name.clone(),
            kind: feature.kind(),
            scope: match &feature.what {
                What::Ratio(ratio) => ratio.scope(|name| self.get(name.as_str()).map(Feature::scope)),
                _ => feature.scope(),
            },
            description: feature.description.clone(),
        };
        self.0.iter().map(describe).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeatureScope;

    fn parse(text: &str) -> Result<Declarations, String> {
        Declarations::from_table(toml::from_str(text).unwrap()).map_err(|errors| errors.to_string())
    }

    #[test]
    fn every_kind_is_read_with_its_scope() {
        let declared = parse(
            r#"
            a = { kind = "attribute", attribute = "members", default = 0, description = "How many." }
            b = { kind = "attribute", attribute = "created", as = "age" }
            c = { kind = "predicate", where = "owner == $user" }
            d = { kind = "context", key = "hour" }
            e = { kind = "count", interactions = ["message"], window = "7d" }
            f = { kind = "rate", scope = "user", window = "7d" }
            g = { kind = "recency", scope = "pair" }
            h = { kind = "distinct", scope = "tenant", corpus = "user" }
            i = { kind = "ratio", numerator = "e", denominator = { kind = "count", window = "7d" }, strength = 5 }
            j = { kind = "hour-of-week", of = "group", group = "team", corpus = "team", at = "candidate" }
            k = { kind = "relation", relation = "member", as = "age" }
            l = { kind = "stored", scope = "pair", name = "embedding_cosine" }
            m = { kind = "affinity", with = "user", direction = "to", half_life = "7d" }
            n = { kind = "sum" }
            "#,
        )
        .unwrap();
        use FeatureScope::{Entity, Pair, Query, Tenant, User};
        let scopes: Vec<_> = declared.describe().iter().map(|d| d.scope).collect();
        assert_eq!(
            scopes,
            [
                Entity, Entity, Entity, Query, Entity, User, Pair, Tenant, Entity, Pair, Pair, Pair, Pair,
                Entity
            ]
        );
        let first = &declared.describe()[0];
        assert_eq!((first.kind, first.description.as_str()), ("attribute", "How many."));
        assert_eq!(declared.get("e").unwrap().reads().interactions, [(None, Name::literal("message"))]);
        assert_eq!(declared.get("c").unwrap().reads().attributes, [Name::literal("owner")]);
        assert_eq!(declared.get("j").unwrap().reads().user_attributes, [Name::literal("team")]);
    }

    #[test]
    fn what_is_wrong_is_named_with_the_feature_the_key_and_the_fix() {
        for (text, parts) in [
            ("x = 3", ["features.x", "write a table"]),
            ("x = { window = \"7d\" }", ["features.x: has no `kind`", "count"]),
            ("x = { kind = \"cont\" }", ["there is no kind \"cont\"", "did you mean \"count\"?"]),
            (
                "x = { kind = \"count\", windw = \"7d\" }",
                ["features.x: unknown field", "did you mean `window`?"],
            ),
            ("x = { kind = \"count\", window = \"soon\" }", ["features.x", "30d"]),
            ("x = { kind = \"count\", window = \"0s\" }", ["`window` is 0", "7d"]),
            ("x = { kind = \"rate\" }", ["rate", "needs a `window`"]),
            ("x = { kind = \"distinct\", scope = \"pair\" }", ["distinct", "pair"]),
            ("x = { kind = \"count\", scope = \"query\" }", ["`scope`", "entity, user, pair or tenant"]),
            (
                "x = { kind = \"attribute\", attribute = \"a\", scope = \"pair\" }",
                ["`scope`", "entity or user"],
            ),
            (
                "x = { kind = \"attribute\", attribute = \"a\", default = nan }",
                ["`default` is NaN", "finite"],
            ),
            ("x = { kind = \"stored\", scope = \"user\" }", ["`scope`", "entity or pair"]),
            ("x = { kind = \"hour-of-week\", of = \"group\" }", ["`group`", "attribute"]),
            ("x = { kind = \"hour-of-week\", smoothing = -1.0 }", ["`smoothing`", "0 or more"]),
            ("x = { kind = \"affinity\", half_life = \"0s\" }", ["`half_life`", "30d"]),
            ("x = { kind = \"ratio\", numerator = \"a\" }", ["features.x", "denominator"]),
            (
                "x = { kind = \"ratio\", numerator = 3, denominator = \"a\" }",
                ["`numerator`", "name of a feature"],
            ),
            (
                "x = { kind = \"ratio\", numerator = \"a\", denominator = { kind = \"context\" } }",
                ["`denominator`", "count"],
            ),
            (
                "x = { kind = \"ratio\", numerator = \"a\", denominator = \"b\", strength = -1 }",
                ["`strength`", "0 or more"],
            ),
            ("X = { kind = \"count\" }", ["features.X", "is not a name"]),
        ] {
            let message = parse(text).unwrap_err();
            assert!(parts.iter().all(|part| message.contains(part)), "{text}: {message}");
        }
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let message = parse("a = 1\nb = 2\nc = { kind = \"count\" }").unwrap_err();
        assert_eq!(message.lines().count(), 2, "{message}");
    }
}

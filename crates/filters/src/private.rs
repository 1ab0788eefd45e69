//! Visibility: a private entity is for its members only.

use async_trait::async_trait;
use recommend_core::{ComponentError, Filter, Name, Needs, Value, Verdicts, View};
use serde::Deserialize;

use crate::support::{attributes, relation, short_name};

/// Keeps an entity that is public, or that the user is a member of; *fail-closed*.
///
/// | the catalog says | a member | anybody else |
/// |---|---|---|
/// | not private, or nothing about it | kept | kept |
/// | private | kept | dropped as `private` |
/// | something that is no yes or no | kept | dropped as `undecided` |
/// | it does not hold the entity | dropped as `unknown` | dropped as `unknown` |
///
/// When the memberships cannot be loaded, everything that would need one is dropped as `undecided`. When the
/// attributes cannot be loaded, it fails, and the executor drops all candidates as `undecided`.
///
/// ```
/// use recommend_core::{Component, Filter};
/// use recommend_filters::{NotPrivate, Visibility};
///
/// let usual: Component<dyn Filter> = NotPrivate.into();
/// let named: Component<dyn Filter> = Visibility::of("secret", "invited")?.into();
/// assert!(usual.part().fail_closed() && named.part().fail_closed());
/// # Ok::<(), recommend_core::names::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Visibility {
    attribute: Name,
    relation: Name,
}

short_name! {
    /// [`Visibility`] by the attribute `private` and the relation `member`.
    NotPrivate => Visibility::default()
}

impl Default for Visibility {
    fn default() -> Self {
        Visibility { attribute: Name::literal("private"), relation: Name::literal("member") }
    }
}

impl Visibility {
    /// By an attribute and a relation of other names.
    ///
    /// # Errors
    /// When one of them is not a name.
    pub fn of(attribute: &str, relation: &str) -> Result<Self, recommend_core::names::NameError> {
        Ok(Visibility { attribute: Name::new(attribute)?, relation: Name::new(relation)? })
    }
}

#[async_trait]
impl Filter for Visibility {
    fn kind(&self) -> &'static str {
        "not-private"
    }

    fn needs(&self) -> Needs {
        Needs::attributes([self.attribute.clone()]).and(Needs::relations([self.relation.clone()]))
    }

    fn fail_closed(&self) -> bool {
        true
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let known = attributes(view)?;
        let private = crate::support::attribute(view, self.attribute.as_str())?;
        let members = relation(view, self.relation.as_str());
        for (row, (entity, private)) in view.candidates.ids().iter().zip(private).enumerate() {
            let reason = match (private, &members) {
                _ if !known.known(row) => "unknown",
                (None | Some(Value::Bool(false)), _) => continue,
                (_, Ok(members)) if members.contains(*entity) => continue,
                (Some(Value::Bool(true)), Ok(_)) => "private",
                _ => "undecided",
            };
            verdicts.drop(row, reason);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Case, reasons};

    fn private(value: bool) -> Option<Value> {
        Some(Value::Bool(value))
    }

    #[test]
    fn a_private_entity_is_for_its_members() {
        let case = Case::of(5)
            .attribute("private", [private(false), private(true), private(true), None, None])
            .unknown(4)
            .relation("member", &[3]);
        let expected = [None, Some("private"), None, None, Some("unknown")];
        assert_eq!(reasons(&Visibility::default(), &case).unwrap(), expected);
    }

    #[test]
    fn what_is_no_yes_or_no_counts_as_private() {
        let number = Some(Value::Number(0.0));
        let case = Case::of(2).attribute("private", [number, number]).relation("member", &[2]);
        assert_eq!(reasons(&Visibility::default(), &case).unwrap(), [Some("undecided"), None]);
    }

    #[test]
    fn without_memberships_only_what_is_public_stays() {
        let case = Case::of(2).attribute("private", [private(false), private(true)]);
        assert_eq!(reasons(&Visibility::default(), &case).unwrap(), [None, Some("undecided")]);
    }

    #[test]
    fn without_attributes_it_cannot_judge() {
        let case = Case::of(2).relation("member", &[1, 2]).without_attributes();
        assert!(reasons(&Visibility::default(), &case).is_err());
    }

    fn any_value() -> impl Strategy<Value = Option<Value>> {
        prop_oneof![
            Just(None),
            any::<bool>().prop_map(|b| Some(Value::Bool(b))),
            Just(Some(Value::Number(1.0))),
            Just(Some(Value::Id(recommend_core::EntityId(1)))),
        ]
    }

    proptest! {
        #[test]
        fn nothing_but_the_public_and_the_own_passes(
            rows in prop::collection::vec((any_value(), any::<bool>(), any::<bool>()), 1..40),
            with_relations: bool,
        ) {
            let mut case = Case::of(rows.len() as u64).attribute("private", rows.iter().map(|r| r.0));
            let members: Vec<u64> = (1..).zip(&rows).filter(|(_, r)| r.1).map(|(id, _)| id).collect();
            for row in (0..rows.len()).filter(|row| !rows[*row].2) {
                case = case.unknown(row);
            }
            if with_relations {
                case = case.relation("member", &members);
            }
            for (reason, (value, member, known)) in reasons(&Visibility::default(), &case).unwrap().iter().zip(&rows) {
                let public = matches!(value, None | Some(Value::Bool(false)));
                let may_see = *known && (public || (with_relations && *member));
                prop_assert_eq!(reason.is_none(), may_see);
            }
        }
    }
}

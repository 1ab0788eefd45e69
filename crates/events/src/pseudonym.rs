//! Pseudonyms: what stands in the log where a tenant or a person would.

use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use recommend_core::{EntityId, Name, TenantId, UserId};
use siphasher::sip::SipHasher24;

/// Turns tenants and people into 64-bit numbers that mean nothing without the deployment's key.
///
/// A pseudonym is SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012) under a 128-bit key: the same person has the
/// same one in every file, so that rows join, and nobody without the key can tell whose it is or test a guess. A
/// user's depends on the tenant: the same id in two tenants gives two pseudonyms. Whoever deletes the key makes the
/// log anonymous.
///
/// ```
/// # use recommend_core::{EntityId, Name, TenantId, UserId};
/// # use recommend_events::Pseudonymizer;
/// let pseudonyms = Pseudonymizer::new([7; 16], &[Name::literal("user")]);
/// let (tenant, ann) = (TenantId(1), UserId(42));
/// assert_ne!(pseudonyms.user(tenant, ann), 42);
/// assert_ne!(pseudonyms.user(tenant, ann), pseudonyms.user(TenantId(2), ann));
/// // As an entity of a corpus of people she has the same one; a channel keeps its number.
/// assert_eq!(pseudonyms.entity(tenant, &Name::literal("user"), EntityId(42)), pseudonyms.user(tenant, ann));
/// assert_eq!(pseudonyms.entity(tenant, &Name::literal("channel"), EntityId(42)), 42);
/// ```
#[derive(Clone)]
pub struct Pseudonymizer {
    key: [u8; 16],
    people: Arc<[Name]>,
}

impl Pseudonymizer {
    /// Pseudonyms under a deployment's key; the entities of the corpora in `people` are people.
    pub fn new(key: [u8; 16], people: &[Name]) -> Self {
        Pseudonymizer { key, people: people.into() }
    }

    /// The pseudonym of a tenant.
    pub fn tenant(&self, tenant: TenantId) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(b"tenant");
        hasher.write_u64(tenant.0);
        hasher.finish()
    }

    /// The pseudonym of a user of a tenant.
    pub fn user(&self, tenant: TenantId, user: UserId) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(b"user");
        hasher.write_u64(tenant.0);
        hasher.write_u64(user.0);
        hasher.finish()
    }

    /// What the log holds for an entity: the pseudonym of the user in a corpus of people, else the entity's number.
    pub fn entity(&self, tenant: TenantId, corpus: &Name, entity: EntityId) -> u64 {
        if self.is_people(corpus) { self.user(tenant, entity.as_user()) } else { entity.0 }
    }

    /// Whether the entities of a corpus are people.
    pub fn is_people(&self, corpus: &Name) -> bool {
        self.people.contains(corpus)
    }
}

impl fmt::Debug for Pseudonymizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonymizer(key withheld, people: {:?})", self.people)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_depend_on_the_key_and_on_the_role() {
        let (a, b) = (Pseudonymizer::new([1; 16], &[]), Pseudonymizer::new([2; 16], &[]));
        assert_ne!(a.tenant(TenantId(5)), b.tenant(TenantId(5)));
        assert_ne!(a.user(TenantId(5), UserId(5)), b.user(TenantId(5), UserId(5)));
        assert_ne!(a.tenant(TenantId(5)), a.user(TenantId(5), UserId(5)));
        assert_eq!(a.user(TenantId(5), UserId(6)), a.user(TenantId(5), UserId(6)));
    }

    #[test]
    fn the_key_is_not_printed() {
        assert!(!format!("{:?}", Pseudonymizer::new([0xAB; 16], &[])).contains("171"));
    }
}

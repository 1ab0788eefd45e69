//! The query: one request, with its clock and its randomness.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::ids::{EntityId, RequestId, TenantId, UserId};
use crate::names::Name;
use crate::time::{Deadline, Timestamp};

/// One request: who asks, from where, for how many of what.
#[derive(Debug, Clone)]
pub struct Query {
    /// Names this request in the answer and in the log.
    pub request: RequestId,
    /// Whose data may be used.
    pub tenant: TenantId,
    /// Who asks.
    pub user: UserId,
    /// The type of entity wanted.
    pub corpus: Name,
    /// The part of the product that asks.
    pub source: Name,
    /// At most this many come back; at least 1.
    pub limit: usize,
    /// Numbers that the product knows about this request, by name. Never NaN.
    pub context: Vec<(Name, f32)>,
    /// Entities already chosen: the people in the conversation, the channels ticked so far.
    pub seeds: Vec<EntityId>,
    /// Candidates that the product proposes itself.
    pub given: Vec<EntityId>,
    /// The time as of which everything is computed.
    pub now: Timestamp,
    /// By when the answer is wanted.
    pub deadline: Deadline,
    /// Seeds all randomness of this request.
    pub seed: u64,
}

/// The generator that components draw from.
pub type Rng = Xoshiro256PlusPlus;

impl Query {
    /// A generator of its own for one component: same request and component, same draws.
    pub fn rng(&self, component: &str) -> Rng {
        // FNV-1a over the component's name keeps two components of one request apart.
        let salt = component
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Rng::seed_from_u64(self.seed ^ salt)
    }

    /// A value of the context.
    pub fn context(&self, name: &str) -> Option<f32> {
        self.context.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }
}

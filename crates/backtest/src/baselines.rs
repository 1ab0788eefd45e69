//! What a recommender is compared with: random, popularity, recent popularity, item cosine.
//!
//! The last three are the fetchers that ship, asked over the same stores at the same time. They rank everything: after
//! what item cosine or the recent window has to say comes popularity, as in a product that never shows an empty page.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use recommend_core::{ComponentError, EntityId, Fetcher, Name, Query, days};
use recommend_fetchers::{Popular, Related, RelatedSettings};
use recommend_stores::Stores;

use crate::question::Question;

/// How many more item cosine proposes than are shown.
const SPARE: usize = 100;

/// The baselines and their settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Baselines {
    /// How far back recent popularity looks.
    pub recent: Duration,
    /// How many neighbours of each entity item cosine keeps.
    pub neighbours: usize,
}

impl Baselines {
    /// Their names, in the order of tables.
    pub const NAMES: [&'static str; 4] = ["random", "popularity", "recent-popularity", "item-cosine"];
}

/// The baselines over the stores of one fold.
pub(crate) struct Prepared {
    seed: u64,
    /// Everything that could be recommended, by row.
    known: Vec<u32>,
    popular: Vec<u32>,
    recent: Vec<u32>,
    cosine: Related,
}

/// How the rows of a history answer to ids.
pub(crate) trait Rows: Fn(EntityId) -> Option<u32> + Sync {}
impl<F: Fn(EntityId) -> Option<u32> + Sync> Rows for F {}

impl Prepared {
    /// Ranks what does not depend on the user.
    pub(crate) async fn new(
        stores: &Stores,
        settings: &Baselines,
        kinds: &[Name],
        query: &Query,
        known: Vec<u32>,
        rows: impl Rows,
    ) -> Result<Self, (&'static str, ComponentError)> {
        let all = Popular::in_tenant(stores).interactions(kinds.iter().cloned()).limit(usize::MAX);
        let recent = Popular::in_tenant(stores)
            .interactions(kinds.iter().cloned())
            .window(settings.recent)
            .limit(usize::MAX);
        let ranking = |proposals: recommend_core::Proposals| -> Vec<u32> {
            proposals.ids().iter().filter_map(|id| rows(*id)).collect()
        };
        let popular = ranking(all.fetch(query).await.map_err(|error| ("popularity", error))?);
        let recent = ranking(recent.fetch(query).await.map_err(|error| ("recent-popularity", error))?);
        let popular = then(popular, &known);
        let recent = then(recent, &popular);
        let cosine = RelatedSettings {
            window: None,
            // So long that all of a history weighs the same.
            half_life: days(3_650_000),
            history: 2_000,
            neighbours: settings.neighbours,
            shrinkage: 0.0,
            // Some more than asked for, because the fetcher knows the latest of a long history only.
            limit: query.limit + SPARE,
            ..RelatedSettings::default()
        };
        let cosine = Related::new(stores, cosine);
        Ok(Prepared { seed: query.seed, known, popular, recent, cosine })
    }

    /// The first `k` of a baseline for a question, without what `skip` says.
    pub(crate) async fn rank(
        &self,
        name: &'static str,
        question: &Question,
        query: &Query,
        k: usize,
        skip: impl Fn(u32) -> bool,
        rows: impl Rows,
    ) -> Result<Vec<u32>, ComponentError> {
        let fresh = |list: &[u32]| list.iter().copied().filter(|row| !skip(*row)).take(k).collect();
        Ok(match name {
            "random" => self.random(question, query, k, skip),
            "recent-popularity" => fresh(&self.recent),
            "item-cosine" => {
                let near = self.cosine.fetch(query).await?;
                let mut top: Vec<u32> =
                    near.ids().iter().filter_map(|id| rows(*id)).filter(|row| !skip(*row)).take(k).collect();
                let rest = self.popular.iter().filter(|row| !skip(**row) && !top.contains(row));
                let rest: Vec<u32> = rest.take(k - top.len()).copied().collect();
                top.extend(rest);
                top
            }
            _ => fresh(&self.popular),
        })
    }

    fn random(&self, question: &Question, query: &Query, k: usize, skip: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed ^ query.user.0.rotate_left(17));
        let mut top: Vec<u32> = Vec::with_capacity(k);
        if self.known.len() > 4 * (k + question.touched.len()) {
            while top.len() < k {
                let row = self.known[rng.random_range(0..self.known.len())];
                if !skip(row) && !top.contains(&row) {
                    top.push(row);
                }
            }
            return top;
        }
        // Few are left: draw from those, without putting back.
        let mut left: Vec<u32> = self.known.iter().copied().filter(|row| !skip(*row)).collect();
        while top.len() < k && !left.is_empty() {
            top.push(left.swap_remove(rng.random_range(0..left.len())));
        }
        top
    }
}

/// The first list, then what is only in the second.
fn then(mut first: Vec<u32>, second: &[u32]) -> Vec<u32> {
    let mut sorted = first.clone();
    sorted.sort_unstable();
    first.extend(second.iter().filter(|row| sorted.binary_search(row).is_err()));
    first
}

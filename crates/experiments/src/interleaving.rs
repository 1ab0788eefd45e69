//! Team-draft interleaving: two rankings in one slate, and the clicks decide.
//!
//! Every user sees both rankings at once, so that differences between users cancel, and far fewer users are needed than
//! for an experiment with two arms (Radlinski, Kurup and Joachims, CIKM 2008; Chapelle et al., TOIS 2012).

use std::hash::Hash;

use rand::{Rng, RngExt};
use statrs::distribution::{Binomial, DiscreteCDF};

/// Which of the two rankings put an entity into the slate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Team {
    /// The ranking that serves.
    Control,
    /// The one that wants to.
    Treatment,
}

/// Interleaves two rankings, best first, up to `limit` entities: in each round a coin says who picks first, and each picks
/// its best entity that is not in the slate yet. When one has nothing left, the other goes on alone.
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use recommend_experiments::interleaving::team_draft;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
/// let slate = team_draft(&[1, 2, 3, 4], &[2, 1, 5, 6], 4, &mut rng);
/// assert_eq!(slate.len(), 4);
/// assert!(slate[..2].iter().all(|(entity, _)| *entity <= 2));
/// ```
pub fn team_draft<T: Copy + Eq + Hash>(
    control: &[T],
    treatment: &[T],
    limit: usize,
    rng: &mut impl Rng,
) -> Vec<(T, Team)> {
    let mut picked = std::collections::HashSet::new();
    let mut slate = Vec::with_capacity(limit.min(control.len() + treatment.len()));
    let (mut mine, mut theirs) = (control.iter(), treatment.iter());
    while slate.len() < limit {
        let before = slate.len();
        let first = if rng.random::<bool>() { Team::Control } else { Team::Treatment };
        let second = if first == Team::Control { Team::Treatment } else { Team::Control };
        for team in [first, second] {
            let ranking = if team == Team::Control { &mut mine } else { &mut theirs };
            if slate.len() < limit
                && let Some(entity) = ranking.find(|entity| picked.insert(**entity))
            {
                slate.push((*entity, team));
            }
        }
        if slate.len() == before {
            break;
        }
    }
    slate
}

/// How many slates each ranking has won, by clicks on what it had put there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Credit {
    /// Slates with more clicks for the control.
    pub control: u64,
    /// Slates with more clicks for the treatment.
    pub treatment: u64,
    /// Slates with as many for both, none included.
    pub ties: u64,
}

impl Credit {
    /// Counts one slate by the teams of what was clicked on it.
    pub fn count(&mut self, clicked: impl IntoIterator<Item = Team>) {
        let balance: i64 = clicked.into_iter().map(|team| if team == Team::Treatment { 1 } else { -1 }).sum();
        match balance.signum() {
            1 => self.treatment += 1,
            -1 => self.control += 1,
            _ => self.ties += 1,
        }
    }

    /// How much more often the treatment wins, -0.5 to 0.5: `(wins + ties / 2) / slates - 0.5`. NaN without slates.
    pub fn preference(&self) -> f64 {
        let slates = (self.control + self.treatment + self.ties) as f64;
        (self.treatment as f64 + self.ties as f64 / 2.0) / slates - 0.5
    }

    /// Two-sided p-value of the sign test over the slates that somebody won; 1 without any.
    pub fn p_value(&self) -> f64 {
        let decided = self.control + self.treatment;
        let fewer = self.control.min(self.treatment);
        Binomial::new(0.5, decided).map_or(1.0, |fair| (2.0 * fair.cdf(fewer)).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn equal_rankings_share_the_slate() {
        let ranking: Vec<u32> = (0..10).collect();
        let mut treatment = 0;
        for seed in 0..1000 {
            let slate = team_draft(&ranking, &ranking, 10, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
            assert_eq!(slate.iter().map(|(entity, _)| *entity).collect::<Vec<_>>(), ranking);
            treatment += slate.iter().filter(|(_, team)| *team == Team::Treatment).count();
        }
        assert_eq!(treatment, 5000);
    }

    #[test]
    fn the_sign_test_is_the_binomial_one() {
        // 2 · (C(10,0) + C(10,1) + C(10,2)) / 2^10
        let credit = Credit { control: 2, treatment: 8, ties: 30 };
        assert!((credit.p_value() - 0.109_375).abs() < 1e-12);
        assert!((credit.preference() - (8.0 + 15.0) / 40.0 + 0.5).abs() < 1e-12);
        assert!((Credit::default().p_value() - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_slate_has_no_entity_twice_and_both_teams_nearly_alike(
            control in proptest::collection::vec(0_u8..30, 0..20),
            treatment in proptest::collection::vec(0_u8..30, 0..20),
            limit in 0_usize..20,
            seed: u64,
        ) {
            let slate = team_draft(&control, &treatment, limit, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
            let mut entities: Vec<u8> = slate.iter().map(|(entity, _)| *entity).collect();
            entities.sort_unstable();
            entities.dedup();
            prop_assert_eq!(entities.len(), slate.len());
            let mut all = [control, treatment].concat();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(slate.len(), limit.min(all.len()));
        }
    }
}

//! Interactions as matrices: all of them, and the part that validation learns from with what it foretells.

use anyhow::Result;
use recommend_backtest::History;
use recommend_embeddings::Sparse;
use rustc_hash::FxHashMap;

use super::args::TrainArgs;
use crate::backtest::read::{self, Strings};
use crate::exit::Usage;

/// The most users that validation asks about.
const ASKED: usize = 5_000;

/// What is learned from.
pub(super) struct Data {
    users: Vec<u64>,
    entities: Vec<u64>,
    strings: Strings,
    /// Everything.
    pub(super) all: Sparse,
    /// Everything but what validation foretells; empty without a validation.
    pub(super) past: Sparse,
    /// Users with what they turned to afterwards, new to them, sorted.
    pub(super) asked: Vec<(u32, Vec<u32>)>,
}

impl Data {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be read, or nothing of them counts.
    pub(super) fn read(args: &TrainArgs) -> Result<Self> {
        let kinds: Vec<_> = args.weight.iter().map(|(kind, _)| kind.clone()).collect();
        let (history, strings) = read::read(&args.input, &args.corpus, &kinds, true)?;
        let cells = cells(args, &history)?;
        let (mut users, mut entities): (Vec<u64>, Vec<u64>) = Default::default();
        let (mut user_rows, mut entity_rows) = (FxHashMap::default(), FxHashMap::default());
        // Rows in the order in which they come, which is that of time.
        let triplets: Vec<(u32, u32, f32)> = cells
            .iter()
            .map(|(user, entity, weight)| {
                let row = row(&mut user_rows, &mut users, history.users()[*user as usize].0);
                (
                    row,
                    self::row(&mut entity_rows, &mut entities, history.entities()[*entity as usize].1.0),
                    *weight,
                )
            })
            .collect();
        let sizes = (users.len(), entities.len());
        let (past, asked) = match args.validate > 0.0 {
            true => held_out(&triplets, sizes, args.validate),
            false => (Sparse::default(), Vec::new()),
        };
        if args.validate > 0.0 && asked.is_empty() {
            let reason = "--validate: no user has enough interactions to hold some out; add --validate 0";
            return Err(Usage(reason.into()).into());
        }
        let all = Sparse::from_triplets(sizes.0, sizes.1, triplets);
        Ok(Data { users, entities, strings, all, past, asked })
    }

    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    pub(super) fn user_ids(&self) -> Vec<u64> {
        self.users.clone()
    }

    pub(super) fn entity_ids(&self) -> Vec<u64> {
        self.entities.clone()
    }

    /// What the API calls an id.
    pub(super) fn string(&self, id: u64) -> String {
        self.strings.get(&id).map_or_else(|| id.to_string(), ToString::to_string)
    }
}

/// (user, entity, weight) of every interaction that counts, oldest first.
fn cells(args: &TrainArgs, history: &History) -> Result<Vec<(u32, u32, f32)>> {
    let weights: Vec<f32> = history
        .kinds()
        .iter()
        .map(|kind| match args.weight.iter().find(|(known, _)| known == kind) {
            Some((_, weight)) => *weight,
            None if args.weight.is_empty() => 1.0,
            None => 0.0,
        })
        .collect();
    let Some(corpus) = history.corpus(&args.corpus) else {
        let known: Vec<&str> = history.corpora().iter().map(recommend_core::Name::as_str).collect();
        let reason = format!("--corpus {}: the interactions are with {}", args.corpus, known.join(", "));
        return Err(Usage(reason).into());
    };
    let newest = history.events().last().map(|event| event.time);
    let half_life = args.half_life.map(|half_life| half_life.as_secs_f64());
    let cells = history.events().iter().filter_map(|event| {
        let mut weight = weights[usize::from(event.kind)];
        if event.value.is_nan() || event.value <= 0.0 || history.entities()[event.entity as usize].0 != corpus
        {
            return None;
        }
        if args.by_value {
            weight *= event.value;
        }
        if let (Some(half_life), Some(newest)) = (half_life, newest) {
            weight *= (-newest.since(event.time).as_secs_f64() / half_life).exp2() as f32;
        }
        (weight > 0.0).then_some((event.user, event.entity, weight))
    });
    let cells: Vec<_> = cells.collect();
    match cells.is_empty() {
        true => Err(Usage(
            "no interaction counts: look at --weight, --corpus, and whether values are above 0".into(),
        )
        .into()),
        false => Ok(cells),
    }
}

/// Takes the last share of each user's interactions away; of many users some are asked.
fn held_out(
    triplets: &[(u32, u32, f32)],
    (users, entities): (usize, usize),
    share: f64,
) -> (Sparse, Vec<(u32, Vec<u32>)>) {
    let mut left = vec![0_u32; users];
    triplets.iter().for_each(|(user, ..)| left[*user as usize] += 1);
    // Rounding down the future, but not for a rounding error in the product.
    left.iter_mut().for_each(|count| *count -= (f64::from(*count) * share + 1e-9) as u32);
    let (mut past, mut future) = (Vec::new(), vec![Vec::new(); users]);
    for cell in triplets {
        let left = &mut left[cell.0 as usize];
        if *left > 0 {
            *left -= 1;
            past.push(*cell);
        } else {
            future[cell.0 as usize].push(cell.1);
        }
    }
    let past = Sparse::from_triplets(users, entities, past);
    let asked = future.into_iter().enumerate().filter_map(|(user, mut wanted)| {
        let had = past.row(user);
        wanted.retain(|entity| had.binary_search_by_key(entity, |(known, _)| *known).is_err());
        wanted.sort_unstable();
        wanted.dedup();
        (!wanted.is_empty() && !had.is_empty()).then_some((user as u32, wanted))
    });
    let asked: Vec<_> = asked.collect();
    let step = asked.len().div_ceil(ASKED).max(1);
    let asked = asked.into_iter().step_by(step).collect();
    (past, asked)
}

fn row(rows: &mut FxHashMap<u64, u32>, list: &mut Vec<u64>, id: u64) -> u32 {
    *rows.entry(id).or_insert_with(|| {
        list.push(id);
        (list.len() - 1) as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_user_is_held_out_where_it_is_new() {
        let triplets: Vec<(u32, u32, f32)> =
            (0..10).map(|turn| (0, turn % 9, 1.0)).chain([(1, 3, 1.0), (1, 4, 1.0)]).collect();
        let (past, asked) = held_out(&triplets, (2, 9), 0.2);
        assert_eq!(asked, [(0, vec![8])], "0 was there before, and two interactions are too few for a fifth");
        assert_eq!((past.row(0).len(), past.row(1).len()), (8, 2));
    }
}

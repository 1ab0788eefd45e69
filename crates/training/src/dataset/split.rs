//! Splits: training, validation and test parts, and never a request in two of them.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::{Dataset, DatasetError};

/// What decides to which part a request belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Its time: the model is judged on what came after it. What production is like, and so the default.
    #[default]
    Time,
    /// Its user: the model is judged on people it never saw.
    User,
    /// Itself, at random.
    Request,
}

/// How a dataset is split. The rest is for training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// What decides.
    pub by: By,
    /// The share of the requests (or users) for validation, in (0, 1).
    pub validation: f64,
    /// The share for the last test, in 0..1; none by default. By time it is the latest.
    pub test: f64,
    /// Changes which users or requests are drawn.
    pub seed: u64,
}

impl Default for Split {
    /// The last fifth for validation.
    fn default() -> Self {
        Split { by: By::Time, validation: 0.2, test: 0.0, seed: 0 }
    }
}

/// The parts of a dataset.
#[derive(Debug, Clone)]
pub struct Parts {
    /// To learn from.
    pub train: Dataset,
    /// To choose and stop by.
    pub validation: Dataset,
    /// To look at once.
    pub test: Option<Dataset>,
}

impl Dataset {
    /// Splits the dataset. The same dataset and split give the same parts on every machine.
    ///
    /// By time, requests of one moment stay together, so that the shares are as near as that allows.
    ///
    /// # Errors
    /// [`DatasetError::Split`] when a share is out of range or a part would be empty.
    pub fn split(&self, split: &Split) -> Result<Parts, DatasetError> {
        let Split { validation, test, .. } = *split;
        let in_range = validation > 0.0 && test >= 0.0 && validation + test < 1.0;
        if !in_range {
            return Err(DatasetError::Split(format!(
                "validation = {validation} and test = {test}: both are shares, validation above 0, and together they leave something for training; write for example validation = 0.2"
            )));
        }
        let parts = match split.by {
            By::Time => self.by_time(split),
            By::User => self.by_hash(split, |at| u128::from(self.groups[at].user.0)),
            By::Request => self.by_hash(split, |at| self.groups[at].request.0),
        };
        for (part, name) in parts.iter().zip(["training", "validation", "test"]) {
            if part.is_empty() && (name != "test" || test > 0.0) {
                let (groups, by) = (self.groups.len(), split.by);
                return Err(DatasetError::Split(format!(
                    "{groups} requests split by {by:?} leave none for {name}; take more data, another share or another split"
                )));
            }
        }
        let [train, validation, last] = parts.map(|groups| self.of_groups(&groups));
        Ok(Parts { train, validation, test: (test > 0.0).then_some(last) })
    }

    fn by_time(&self, split: &Split) -> [Vec<usize>; 3] {
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by_key(|at| (self.groups[*at].time, self.groups[*at].request));
        // A part begins with the first request of its moment.
        let start = |share: f64| {
            let at = ((1.0 - share) * order.len() as f64).round() as usize;
            order.get(at).map_or(order.len(), |first| {
                order.partition_point(|other| self.groups[*other].time < self.groups[*first].time)
            })
        };
        let test = start(split.test);
        let validation = start(split.validation + split.test).min(test);
        let mut parts =
            [order[..validation].to_vec(), order[validation..test].to_vec(), order[test..].to_vec()];
        for part in &mut parts {
            // As they were logged.
            part.sort_unstable();
        }
        parts
    }

    fn by_hash(&self, split: &Split, key: impl Fn(usize) -> u128) -> [Vec<usize>; 3] {
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for at in 0..self.groups.len() {
            let mut hasher = SipHasher13::new_with_keys(split.seed, 0);
            hasher.write_u128(key(at));
            let draw = hasher.finish() as f64 / u64::MAX as f64;
            let part = if draw < split.test { 2 } else { usize::from(draw < split.test + split.validation) };
            parts[part].push(at);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use recommend_core::{Timestamp, UserId};

    use super::*;
    use crate::dataset::libsvm::{FirstIndex, parse};

    /// Requests of two rows each, with these times and users.
    fn dataset(of: &[(i64, u64)]) -> Dataset {
        let queries: String = of.iter().map(|_| "2\n").collect();
        let mut dataset =
            parse(&"1 0:1\n0 0:2\n".repeat(of.len()), Some(&queries), FirstIndex::Zero).unwrap();
        for (group, (time, user)) in dataset.groups.iter_mut().zip(of) {
            (group.time, group.user) = (Timestamp(*time), UserId(*user));
        }
        dataset
    }

    fn requests(part: &Dataset) -> HashSet<u128> {
        part.groups().iter().map(|group| group.request.0).collect()
    }

    #[test]
    fn the_default_validates_on_the_latest_fifth() {
        let parts = dataset(&[(5, 0), (1, 0), (4, 0), (2, 0), (3, 0)]).split(&Split::default()).unwrap();
        assert_eq!(parts.validation.groups()[0].time, Timestamp(5));
        assert_eq!(parts.train.groups().iter().map(|g| g.time.0).collect::<Vec<_>>(), [1, 4, 2, 3]);
        assert!(parts.test.is_none());
    }

    #[test]
    fn a_split_that_leaves_nothing_says_what_to_do() {
        let one_moment = dataset(&[(7, 0), (7, 1), (7, 2)]);
        let error = one_moment.split(&Split::default()).unwrap_err().to_string();
        assert!(error.contains("leave none for training"), "{error}");
        let error = one_moment.split(&Split { validation: 1.5, ..Split::default() }).unwrap_err().to_string();
        assert!(error.contains("validation = 1.5"), "{error}");
    }

    proptest! {
        #[test]
        fn no_request_is_in_two_parts_and_none_is_lost(
            of in prop::collection::vec((0..20_i64, 0..8_u64), 3..60),
            by in prop::sample::select(vec![By::Time, By::User, By::Request]),
            validation in 0.1..0.5, test in 0.1..0.4, seed in any::<u64>(),
        ) {
            let whole = dataset(&of);
            let Ok(parts) = whole.split(&Split { by, validation, test, seed }) else { return Ok(()) };
            let last = parts.test.unwrap();
            let all = [&parts.train, &parts.validation, &last].map(requests);
            prop_assert_eq!(all.iter().map(HashSet::len).sum::<usize>(), whole.groups().len());
            prop_assert_eq!(all.iter().flatten().collect::<HashSet<_>>().len(), whole.groups().len());
            prop_assert_eq!(parts.train.len() + parts.validation.len() + last.len(), whole.len());
            let times = |part: &Dataset| part.time_range().unwrap();
            let users = |part: &Dataset| part.groups().iter().map(|g| g.user).collect::<HashSet<_>>();
            match by {
                By::Time => prop_assert!(times(&parts.train).1 < times(&parts.validation).0 && times(&parts.validation).1 < times(&last).0),
                By::User => prop_assert!(users(&parts.train).is_disjoint(&users(&parts.validation)) && users(&last).is_disjoint(&users(&parts.train))),
                By::Request => {}
            }
        }
    }
}

//! Points that are known to belong together, and how far a stranger is from all of them at least.

use std::ops::Range;

use super::{Points, ROUNDING};
use crate::Metric;

/// Crowds of points, each with its *envelope*: by column, the largest value that one of its points has there. A product with
/// the envelope is no smaller than one with any of them, so a stranger passes by a crowd of thousands for the price of
/// its own columns. What is in no crowd is *loose*.
#[derive(Debug, Default)]
pub(crate) struct Crowds {
    /// By point: its crowd, [`LOOSE`] or [`ABSENT`].
    of: Vec<u32>,
    /// By crowd: one of its points.
    firsts: Vec<u32>,
    /// All points, those of a crowd beside each other and ascending, the loose ones behind, then the absent ones.
    order: Vec<u32>,
    /// By column: where its part of `largest` begins.
    starts: Vec<u32>,
    /// A crowd, and its envelope's value.
    largest: Vec<(u32, f32)>,
    least: f32,
}

/// Where a point belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// To the group that is named by this one of its points.
    Of(usize),
    /// To none.
    Loose,
    /// Nowhere: it is not asked for any more.
    Absent,
}

/// In no crowd.
pub(crate) const LOOSE: u32 = u32::MAX - 1;
/// Not asked for.
const ABSENT: u32 = u32::MAX;
/// Fewer are no crowd: each is as quickly asked as an envelope.
const CROWD: u32 = 16;

impl Crowds {
    /// `group` says by point where it belongs. Points of the same group need not be near each other, but the nearer they
    /// are, the more an envelope says. Groups that are too small are loose.
    pub(crate) fn new(points: &Points, eps: f64, group: impl Fn(usize) -> Group) -> Self {
        let groups: Vec<Group> = (0..points.len()).map(group).collect();
        let mut sizes = vec![0_u32; points.len()];
        for group in &groups {
            if let Group::Of(group) = group {
                sizes[*group] += 1;
            }
        }
        let mut numbers = vec![LOOSE; points.len()];
        let mut crowds = Crowds {
            of: Vec::with_capacity(points.len()),
            firsts: Vec::new(),
            order: Vec::new(),
            starts: vec![0; points.rows().columns() + 1],
            largest: Vec::new(),
            least: 0.0,
        };
        for (point, group) in groups.iter().enumerate() {
            crowds.of.push(match group {
                Group::Absent => ABSENT,
                Group::Of(group) if sizes[*group] >= CROWD => {
                    let number = &mut numbers[*group];
                    if *number == LOOSE {
                        *number = crowds.firsts.len() as u32;
                        crowds.firsts.push(point as u32);
                    }
                    *number
                }
                Group::Of(_) | Group::Loose => LOOSE,
            });
        }
        drop((groups, sizes, numbers));
        crowds.order = crowds.arranged();
        if points.metric() == Metric::Cosine {
            crowds.envelop(points);
        }
        let longest = (0..points.len()).map(|point| points.rows().row(point).0.len()).max().unwrap_or(0);
        // A sum has as many roundings as a row has entries.
        crowds.least = (1.0 - eps) as f32 - ROUNDING - longest as f32 * f32::EPSILON;
        crowds
    }

    fn arranged(&self) -> Vec<u32> {
        // By crowd, and then for the loose and the absent ones: where they begin.
        let place = |crowd: u32| (crowd as usize).min(self.len() + usize::from(crowd == ABSENT));
        let mut next = vec![0_u32; self.len() + 2];
        self.of.iter().for_each(|crowd| next[place(*crowd)] += 1);
        let mut from = 0;
        for next in &mut next {
            from += std::mem::replace(next, from);
        }
        let mut order = vec![0; self.of.len()];
        for (point, crowd) in self.of.iter().enumerate() {
            let next = &mut next[place(*crowd)];
            order[*next as usize] = point as u32;
            *next += 1;
        }
        order
    }

    fn envelop(&mut self, points: &Points) {
        let columns = points.rows().columns();
        let mut largest = vec![0.0_f32; columns];
        let mut seen: Vec<u32> = Vec::new();
        // Crowd after crowd: a column, the crowd, its value.
        let mut found: Vec<(u32, u32, f32)> = Vec::new();
        let crowded = self.order.iter().take_while(|point| self.of[**point as usize] < LOOSE);
        let crowded: Vec<u32> = crowded.copied().collect();
        for members in crowded.chunk_by(|a, b| self.of[*a as usize] == self.of[*b as usize]) {
            for member in members {
                let (columns, values) = points.rows().row(*member as usize);
                for (column, value) in columns.iter().zip(values) {
                    let largest = &mut largest[*column as usize];
                    if *largest == 0.0 {
                        seen.push(*column);
                    }
                    *largest = largest.max((value.abs() as f32).next_up());
                }
            }
            let crowd = self.of[members[0] as usize];
            for column in seen.drain(..) {
                found.push((column, crowd, std::mem::take(&mut largest[column as usize])));
                self.starts[column as usize + 1] += 1;
            }
        }
        for column in 0..columns {
            self.starts[column + 1] += self.starts[column];
        }
        let mut next = self.starts.clone();
        self.largest = vec![(0, 0.0); found.len()];
        for (column, crowd, value) in found {
            let place = &mut next[column as usize];
            self.largest[*place as usize] = (crowd, value);
            *place += 1;
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.firsts.len()
    }

    /// A point's crowd, or [`LOOSE`].
    pub(crate) fn of(&self, point: u32) -> u32 {
        self.of[point as usize]
    }

    /// One of a crowd's points.
    pub(crate) fn first(&self, crowd: u32) -> usize {
        self.firsts[crowd as usize] as usize
    }

    /// All points, those of a crowd beside each other and ascending, the loose ones behind, then the absent ones.
    pub(crate) fn order(&self) -> impl Iterator<Item = u32> + '_ {
        self.order.iter().copied()
    }

    /// The crowds with a column, and the largest value that one of their points has there.
    pub(crate) fn with(&self, column: u32) -> &[(u32, f32)] {
        &self.largest[self.starts[column as usize] as usize..self.starts[column as usize + 1] as usize]
    }

    /// Whether envelopes bound anything: they do for unit rows.
    pub(crate) fn are_bounded(&self) -> bool {
        !self.largest.is_empty()
    }

    /// What a product with an envelope must reach.
    pub(crate) fn least(&self) -> f32 {
        self.least
    }
}

/// Where crowds are in lists that were filled in [`Crowds::order`].
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// By list: where its runs begin in `runs`.
    starts: Vec<u32>,
    /// A crowd, and where it ends in the list; it begins where the one before it ends.
    runs: Vec<(u32, u32)>,
    /// By list: where those are that are in no crowd.
    loose: Vec<Range<u32>>,
}

impl Runs {
    pub(crate) fn new<'a>(crowds: &Crowds, lists: impl Iterator<Item = &'a [u32]>) -> Self {
        let mut runs = Runs { starts: vec![0], ..Runs::default() };
        for list in lists {
            let mut end = 0;
            let mut loose = 0..0;
            for run in list.chunk_by(|a, b| crowds.of(*a) == crowds.of(*b)) {
                end += run.len() as u32;
                match crowds.of(run[0]) {
                    ABSENT => {}
                    LOOSE => loose = end - run.len() as u32..end,
                    crowd => {
                        runs.runs.push((crowd, end));
                        loose = end..end;
                    }
                }
            }
            runs.starts.push(runs.runs.len() as u32);
            runs.loose.push(loose);
        }
        runs
    }

    /// Where those of a list are that are in no crowd. Crowds are before them.
    pub(crate) fn loose(&self, list: u32) -> Range<usize> {
        let loose = &self.loose[list as usize];
        loose.start as usize..loose.end as usize
    }

    /// The crowds of a list, in the order of their numbers, each with where it ends.
    pub(crate) fn crowds(&self, list: u32) -> &[(u32, u32)] {
        &self.runs[self.starts[list as usize] as usize..self.starts[list as usize + 1] as usize]
    }

    /// Where those of a list are that are of a crowd.
    pub(crate) fn members(&self, list: u32, crowd: u32) -> Range<usize> {
        let crowds = self.crowds(list);
        match crowds.binary_search_by_key(&crowd, |(crowd, _)| *crowd) {
            Ok(at) => at.checked_sub(1).map_or(0, |before| crowds[before].1 as usize)..crowds[at].1 as usize,
            Err(_) => 0..0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Rows;
    use crate::neighbours::{Index, Samples};

    proptest! {
        /// Whatever the groups are: an envelope turns nobody away who is near one of the crowd.
        #[test]
        fn whoever_is_near_one_of_a_crowd_may_ask_it(
            dense in prop::collection::vec(prop::collection::vec((0_u32..12, -2.0_f64..2.0), 1..6), 40..90),
            groups in prop::collection::vec(0_usize..4, 90),
            eps in 0.01_f64..1.3,
        ) {
            let mut rows = Rows::new(12);
            for row in dense {
                rows.push(row).unwrap();
            }
            let points = Points::new(Samples::of(&rows), Metric::Cosine);
            // The others are named by their first points.
            let crowds = Crowds::new(&points, eps, |point| match groups[point] {
                3 => Group::Loose,
                group => groups.iter().position(|other| *other == group).map_or(Group::Absent, Group::Of),
            });
            let index = Index::new(&points, eps);
            let (mut scratch, mut found) = (index.scratch(), Vec::new());
            for point in 0..points.len() {
                index.ask(point, &mut scratch, |question| question.crowds(&crowds, |_| true, &mut found));
                for other in (0..points.len()).filter(|other| points.are_near(point, *other, eps)) {
                    let crowd = crowds.of(other as u32);
                    prop_assert!(crowd == LOOSE || found.iter().any(|(_, found)| *found == crowd));
                }
            }
        }
    }

    #[test]
    fn few_are_loose_and_the_order_has_crowds_together() {
        let mut rows = Rows::new(1);
        (1..=40).for_each(|at| rows.push([(0, f64::from(at))]).unwrap());
        let points = Points::new(Samples::of(&rows), Metric::Euclidean);
        // Every second one, the last few, those that are out, and nobody.
        let crowds = Crowds::new(&points, 0.5, |point| match point {
            36.. => Group::Of(39),
            even if even % 2 == 0 => Group::Of(0),
            25.. => Group::Absent,
            _ => Group::Loose,
        });
        assert_eq!((crowds.len(), crowds.first(0), crowds.are_bounded()), (1, 0, false));
        let order: Vec<u32> = crowds.order().collect();
        assert!(order[..18].is_sorted() && order[..18].iter().all(|point| point % 2 == 0 && *point < 36));
        assert!(order[18..34].is_sorted() && order[18..34].iter().all(|point| crowds.of(*point) == LOOSE));
        assert_eq!(order[34..], [25, 27, 29, 31, 33, 35]);
        let lists: [&[u32]; 4] = [&order, &order[18..], &order[34..], &order[10..18]];
        let runs = Runs::new(&crowds, lists.into_iter());
        assert_eq!((runs.loose(0), runs.members(0, 0)), (18..34, 0..18));
        assert_eq!((runs.loose(1), runs.members(1, 0)), (0..16, 0..0));
        assert_eq!((runs.loose(2), runs.crowds(2).len()), (0..0, 0));
        assert_eq!((runs.loose(3), runs.members(3, 0)), (8..8, 0..8));
    }
}

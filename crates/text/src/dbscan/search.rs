//! Who is a core, and which cores are connected.
//!
//! Points are *gathered*: rows that have their most frequent columns in common are beside each other.
//!
//! 1. *Beside* (`search::beside`): most points find enough neighbours among those beside them, and are cores. They join the cores
//!    that they met, and those of a list of the index that are beside each other in it join too.
//! 2. *Crowds*: what is connected by now is a crowd, and so are others that look alike; a list of the index has the points of
//!    a crowd together. From here on a point asks a crowd's envelope first, and the crowd only if the envelope may be near.
//!    That is what keeps a million messages from being compared with everything that shares a word with them.
//! 3. *The rest*: the others look for all their neighbours, and are cores or not. Points remember whom they met.
//! 4. *Components*: cores join the cores of other components in reach; the others are taken out of the lists before. A list whose
//!    cores are all in one component has nothing more to tell them, and is not read again.
//! 5. *Borders*: those that are no cores take the first cluster of those whom they met.

mod beside;

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::NOISE;
use crate::components::Components;
use crate::neighbours::{Crowds, Group, Index, Next, Points, Runs, Scratch};
use crate::parallel;

/// How many neighbours a point remembers. Who is no core has fewer than `min_samples` different ones, unless they weigh less than 1.
pub(super) const REMEMBERED: usize = 32;

pub(super) struct Search<'a> {
    index: Index<'a>,
    points: &'a Points,
    eps: f64,
    enough: f64,
    any_negative: bool,
    cores: Vec<AtomicBool>,
    /// By point: the neighbours that were met while it was counted, at most [`REMEMBERED`]. Those of a point that is no core are all
    /// that it has, if they are fewer.
    met: Vec<OnceLock<Box<[u32]>>>,
    components: Components,
    crowds: Crowds,
    runs: Runs,
    /// By list: whether its cores are known to be in one component. They stay so: components only grow.
    uniform: Vec<AtomicBool>,
}

/// Room for one thread.
struct Room {
    scratch: Scratch,
    crowds: Vec<(f32, u32)>,
}

impl<'a> Search<'a> {
    /// `any_negative` says whether there is a negative weight, so that no sum is enough before it is complete.
    pub(super) fn new(points: &'a Points, eps: f64, enough: f64, any_negative: bool) -> Self {
        let index = Index::new(points, eps);
        Search {
            points,
            eps,
            enough,
            any_negative,
            cores: (0..points.len()).map(|_| AtomicBool::new(false)).collect(),
            met: (0..points.len()).map(|_| OnceLock::new()).collect(),
            components: Components::new(points.len()),
            crowds: Crowds::default(),
            runs: Runs::default(),
            uniform: (0..index.lists()).map(|_| AtomicBool::new(false)).collect(),
            index,
        }
    }

    /// One label per point.
    pub(super) fn labels(mut self) -> Vec<i32> {
        self.find_crowds();
        let count = self.points.len();
        parallel::for_each(count, || self.room(), |room, point| self.count(room, point));
        self.gather(|search, point| match search.is_core(point) {
            true => Group::Of(search.components.root(point)),
            false => Group::Absent,
        });
        parallel::for_each(count, || self.room(), |room, point| self.connect(room, point));
        self.label()
    }

    /// Makes crowds of these groups, and lists of the index in which they are together.
    fn gather(&mut self, group: impl Fn(&Self, usize) -> Group) {
        self.crowds = Crowds::new(self.points, self.eps, |point| group(self, point));
        self.index.fill(self.crowds.order());
        let lists = 0..self.index.lists() as u32;
        self.runs = Runs::new(&self.crowds, lists.map(|list| self.index.list(list)));
    }

    fn room(&self) -> Room {
        Room { scratch: self.index.scratch(), crowds: Vec::new() }
    }

    fn is_core(&self, point: usize) -> bool {
        self.cores[point].load(Relaxed)
    }

    fn are_apart(&self, a: usize, b: usize) -> bool {
        self.components.root(a) != self.components.root(b)
    }

    /// What a point weighs for itself. A row without entries is at distance 1 even of itself, by cosine; scikit-learn counts so.
    fn own_weight(&self, point: usize) -> f64 {
        if self.points.is_near_itself(point, self.eps) { self.points.weights()[point] } else { 0.0 }
    }

    fn is_enough(&self, sum: f64) -> bool {
        !self.any_negative && sum >= self.enough
    }

    fn remember(&self, point: usize, mut met: Vec<u32>) {
        met.truncate(REMEMBERED);
        if !met.is_empty() {
            // What is counted to the end is counted once.
            let _ = self.met[point].set(met.into_boxed_slice());
        }
    }

    fn met(&self, point: usize) -> impl Iterator<Item = usize> + '_ {
        self.met[point].get().into_iter().flatten().map(|other| *other as usize)
    }

    /// Joins a core with the cores that it met.
    fn greet(&self, point: usize) {
        if self.is_core(point) {
            self.met(point)
                .filter(|other| self.is_core(*other))
                .for_each(|other| self.components.join(point, other));
        }
    }

    /// Calls `each` with the neighbours of a point other than itself, of those that `wanted` wants, in no special order.
    ///
    /// `wanted` is asked before the distance is computed, `skip` before a list is read: whom only lists have that it skips is not
    /// asked for. Nor may be crowds of which `crowd` doesn't want the first.
    fn neighbours(
        &self,
        room: &mut Room,
        point: usize,
        skip: impl Fn(u32) -> bool,
        crowd: impl Fn(usize) -> bool,
        mut wanted: impl FnMut(usize) -> bool,
        mut each: impl FnMut(usize) -> Next,
    ) {
        let Room { scratch, crowds } = room;
        self.index.ask(point, scratch, |question| {
            let by_crowds = self.asks_crowds_first(point);
            if by_crowds {
                question.crowds(&self.crowds, |number| crowd(self.crowds.first(number)), crowds);
            }
            let mut ask = |list: u32, part: Range<usize>, least: f32| {
                let others = &self.index.list(list)[part.clone()];
                for (other, reach) in others.iter().zip(&self.index.reaches(list)[part]) {
                    if *reach >= least
                        && question.meets(*other)
                        && wanted(*other as usize)
                        && question.is_near(*other)
                        && each(*other as usize) == Next::Stop
                    {
                        return Next::Stop;
                    }
                }
                Next::On
            };
            let lists = || self.index.lists_of(point).filter(|(list, _)| !skip(*list));
            if by_crowds {
                for (_, crowd) in crowds.iter() {
                    for (list, least) in lists() {
                        if ask(list, self.runs.members(list, *crowd), least) == Next::Stop {
                            return;
                        }
                    }
                }
            }
            for (list, least) in lists() {
                let loose = self.runs.loose(list);
                let from = if by_crowds { loose.start } else { 0 };
                if ask(list, from..loose.end, least) == Next::Stop {
                    return;
                }
            }
        });
    }

    /// Whether envelopes are read faster than the members of crowds in the lists of a point.
    pub(super) fn asks_crowds_first(&self, point: usize) -> bool {
        if !self.crowds.are_bounded() {
            return false;
        }
        let members: usize = self.index.lists_of(point).map(|(list, _)| self.runs.loose(list).start).sum();
        let columns = self.points.rows().row(point).0;
        let envelopes: usize = columns.iter().map(|column| self.crowds.with(*column).len()).sum();
        members > envelopes + self.crowds.len()
    }

    #[cfg(test)]
    pub(super) fn crowds(&self) -> &Crowds {
        &self.crowds
    }

    /// Decides whether a point is a core, and joins it with those whom it met.
    fn count(&self, room: &mut Room, point: usize) {
        if self.is_core(point) {
            return;
        }
        let weights = self.points.weights();
        let mut sum = self.own_weight(point);
        let mut met = Vec::new();
        if !self.is_enough(sum) {
            self.neighbours(
                room,
                point,
                |_| false,
                |_| true,
                |_| true,
                |other| {
                    sum += weights[other];
                    if met.len() < REMEMBERED {
                        met.push(other as u32);
                    }
                    if self.is_enough(sum) { Next::Stop } else { Next::On }
                },
            );
        }
        self.remember(point, met);
        if sum >= self.enough {
            self.cores[point].store(true, Relaxed);
            self.greet(point);
        }
    }

    /// Joins a core with those before it in reach that are in other components.
    fn connect(&self, room: &mut Room, point: usize) {
        if !self.is_core(point) {
            return;
        }
        self.neighbours(
            room,
            point,
            |list| self.uniform[list as usize].load(Relaxed),
            |other| self.are_apart(point, other),
            |other| other < point && self.are_apart(point, other),
            |other| {
                self.components.join(point, other);
                Next::On
            },
        );
        for (list, _) in self.index.lists_of(point) {
            let uniform = &self.uniform[list as usize];
            if !uniform.load(Relaxed) && self.is_uniform(list, point) {
                uniform.store(true, Relaxed);
            }
        }
    }

    /// Whether the cores of a list are in the component of a point. One of each crowd is asked: the others are where it is.
    fn is_uniform(&self, list: u32, point: usize) -> bool {
        let near = |crowd: &(u32, u32)| !self.are_apart(point, self.crowds.first(crowd.0));
        let mut loose = self.index.list(list)[self.runs.loose(list)].iter();
        self.runs.crowds(list).iter().all(near) && loose.all(|other| !self.are_apart(point, *other as usize))
    }

    /// Numbers the clusters in the order of the samples and finds those of the points at their borders.
    fn label(&self) -> Vec<i32> {
        let mut labels = vec![NOISE; self.points.len()];
        // By root.
        let mut numbers = vec![NOISE; self.points.len()];
        let mut next = 0;
        for point in self.points.of().iter().map(|point| *point as usize) {
            if !self.is_core(point) || labels[point] != NOISE {
                continue;
            }
            let number = &mut numbers[self.components.root(point)];
            if *number == NOISE {
                *number = next;
                next += 1;
            }
            labels[point] = *number;
        }
        let mut room = self.room();
        for point in (0..labels.len()).filter(|point| !self.is_core(*point)) {
            if self.met(point).count() < REMEMBERED {
                let clusters =
                    self.met(point).filter(|other| self.is_core(*other)).map(|other| labels[other]);
                labels[point] = clusters.min().unwrap_or(NOISE);
                continue;
            }
            let mut first = i32::MAX;
            self.neighbours(
                &mut room,
                point,
                |_| false,
                |_| true,
                |_| true,
                |other| {
                    first = first.min(labels[other]);
                    Next::On
                },
            );
            if first != i32::MAX {
                labels[point] = first;
            }
        }
        labels
    }
}

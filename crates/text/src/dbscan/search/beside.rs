//! Cores that are found among the points beside them, and the first crowds.

use std::sync::atomic::Ordering::Relaxed;

use super::{Room, Search};
use crate::Metric;
use crate::neighbours::Group;
use crate::parallel;

/// So many points on each side are beside a point: twice as many as make a core, within these bounds.
const BESIDE: (usize, usize) = (16, 128);

impl Search<'_> {
    /// Finds most cores, and makes crowds of those that are connected already.
    pub(in crate::dbscan) fn find_crowds(&mut self) {
        let count = self.points.len();
        parallel::for_each(count, || self.room(), |room, point| self.count_beside(room, point));
        parallel::for_each(count, || (), |(), point| self.greet(point));
        parallel::for_each(self.index.lists(), || (), |(), list| self.greet_along(list as u32));
        let leaders = self.leaders();
        self.gather(|search, point| match (search.is_core(point), leaders[point]) {
            (true, _) => Group::Of(search.components.root(point)),
            (false, Some(leader)) => Group::Of(leader as usize),
            (false, None) => Group::Loose,
        });
    }

    /// Others come in groups of those that follow on one another and look like the first of them. They need not be near: it is enough
    /// that their envelope is far from strangers.
    fn leaders(&self) -> Vec<Option<u32>> {
        let mut leaders = vec![None; self.points.len()];
        if self.points.metric() != Metric::Cosine {
            return leaders;
        }
        // Half the product of neighbours.
        let alike = f64::midpoint(1.0, self.eps);
        let mut leader: Option<usize> = None;
        for point in (0..leaders.len()).filter(|point| !self.is_core(*point)) {
            let first = leader.filter(|leader| self.points.are_near(*leader, point, alike)).unwrap_or(point);
            leader = Some(first);
            leaders[point] = leader.map(|leader| leader as u32);
        }
        leaders
    }

    /// Makes a point a core if it and those beside it are enough.
    fn count_beside(&self, room: &mut Room, point: usize) {
        let mut sum = self.own_weight(point);
        let mut met = Vec::new();
        if !self.is_enough(sum) && !self.any_negative {
            let beside = ((2.0 * self.enough) as usize).clamp(BESIDE.0, BESIDE.1);
            let sides = (1..=beside).flat_map(|step| [point.checked_sub(step), point.checked_add(step)]);
            self.index.ask(point, &mut room.scratch, |question| {
                for other in sides.flatten().filter(|other| *other < self.points.len()) {
                    if question.is_near(other as u32) {
                        sum += self.points.weights()[other];
                        met.push(other as u32);
                        if self.is_enough(sum) {
                            break;
                        }
                    }
                }
            });
        }
        if self.is_enough(sum) {
            self.cores[point].store(true, Relaxed);
            self.remember(point, met);
        }
    }

    /// Joins the cores of a list with those that come next in it, if they are near.
    fn greet_along(&self, list: u32) {
        let mut cores =
            self.index.list(list).iter().map(|point| *point as usize).filter(|point| self.is_core(*point));
        let Some(mut last) = cores.next() else { return };
        for next in cores {
            if self.are_apart(last, next) && self.points.are_near(last, next, self.eps) {
                self.components.join(last, next);
            }
            last = next;
        }
    }
}

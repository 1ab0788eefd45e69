//! One point asks: what it has met, and who is near it.

use super::sketch::Spread;
use super::{Crowds, Index};

/// Room for one asker.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// The asking point, spread over all columns.
    spread: Vec<f64>,
    /// The same for the sketch.
    rough: Spread,
    /// By point: the number of the last question that met it.
    met: Vec<u32>,
    question: u32,
    /// By crowd: what the asking point's product with one of them is at most.
    most: Vec<f32>,
}

/// A point that asks.
#[derive(Debug)]
pub(crate) struct Question<'s> {
    index: &'s Index<'s>,
    point: usize,
    scratch: &'s mut Scratch,
}

impl Index<'_> {
    pub(crate) fn scratch(&self) -> Scratch {
        let rows = self.points.rows();
        Scratch {
            spread: vec![0.0; rows.columns()],
            rough: Spread::new(),
            met: vec![0; rows.len()],
            question: 0,
            most: Vec::new(),
        }
    }

    /// Lets a point ask; it has met itself.
    pub(crate) fn ask<T>(
        &self,
        point: usize,
        scratch: &mut Scratch,
        what: impl FnOnce(&mut Question<'_>) -> T,
    ) -> T {
        let (columns, values) = self.points.rows().row(point);
        scratch.question += 1;
        scratch.met[point] = scratch.question;
        for (column, value) in columns.iter().zip(values) {
            scratch.spread[*column as usize] = *value;
        }
        scratch.rough.set(columns, values);
        let answer = what(&mut Question { index: self, point, scratch });
        for column in columns {
            scratch.spread[*column as usize] = 0.0;
        }
        scratch.rough.clear(columns);
        answer
    }
}

impl Question<'_> {
    /// Whether it meets another for the first time.
    pub(crate) fn meets(&mut self, other: u32) -> bool {
        let met = &mut self.scratch.met[other as usize];
        let is_new = *met != self.scratch.question;
        *met = self.scratch.question;
        is_new
    }

    /// Whether another is near.
    pub(crate) fn is_near(&self, other: u32) -> bool {
        let (index, other) = (self.index, other as usize);
        index.sketch.as_ref().is_none_or(|sketch| sketch.may_be_near(&self.scratch.rough, other))
            && index.points.near(self.point, &self.scratch.spread, other, index.eps)
    }

    /// The crowds in which somebody may be near, and whom `wanted` wants; the nearest first.
    pub(crate) fn crowds(
        &mut self,
        crowds: &Crowds,
        wanted: impl Fn(u32) -> bool,
        found: &mut Vec<(f32, u32)>,
    ) {
        found.clear();
        let most = &mut self.scratch.most;
        most.resize(crowds.len(), 0.0);
        let (columns, values) = self.index.points.rows().row(self.point);
        for (column, value) in columns.iter().zip(values) {
            let value = (value.abs() as f32).next_up();
            for (crowd, largest) in crowds.with(*column) {
                most[*crowd as usize] += value * largest;
            }
        }
        let least = crowds.least();
        for (crowd, most) in most.iter_mut().enumerate() {
            if *most >= least && wanted(crowd as u32) {
                found.push((*most, crowd as u32));
            }
            *most = 0.0;
        }
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }
}

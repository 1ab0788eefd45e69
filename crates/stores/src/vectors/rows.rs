//! The vectors of one side of an embedding, in memory: codes in rows for searching, and what they are codes of.
//!
//! Codes are of turned vectors. There are two of each: bytes, and for scans their upper halves again.

use rustc_hash::FxHashMap;

use super::coarse::Coarse;
use super::codes::{Code, Query, bytes, encode, lines, row};
use super::kernels::{Ask, Isa, Line, Most, prefetch};
use super::turn::{turn, turn_back};
use super::{Precision, Shape};

/// Numbers as they are kept beside the codes.
#[derive(Debug, Clone)]
enum Full {
    F32(Vec<f32>),
    F16(Vec<u16>),
    /// The codes are all there is.
    Codes,
}

/// A vector to search with.
pub(crate) struct Prepared {
    /// As what is kept is: turned where that is codes.
    vector: Vec<f32>,
    pub(crate) query: Query,
}

/// Vectors by slot. A slot is taken once: a new vector of an id gets a new slot, and the old one dies.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) isa: Isa,
    shape: Shape,
    /// How many lines the bytes of a row have.
    lines: usize,
    ids: Vec<u64>,
    by_id: FxHashMap<u64, u32>,
    codes: Vec<Line>,
    /// What the bytes of a row have to be multiplied with; below zero in a dead slot.
    scales: Vec<f32>,
    coarse: Coarse,
    full: Full,
    /// The largest error and length of any code.
    worst: Code,
}

impl Rows {
    pub(crate) fn new(shape: Shape) -> Self {
        let full = match shape.precision {
            Precision::F32 => Full::F32(Vec::new()),
            Precision::F16 => Full::F16(Vec::new()),
            Precision::I8 => Full::Codes,
        };
        Rows {
            isa: Isa::detect(),
            shape,
            lines: lines(shape.dimension),
            ids: Vec::new(),
            by_id: FxHashMap::default(),
            codes: Vec::new(),
            scales: Vec::new(),
            coarse: Coarse::new(shape.dimension),
            full,
            worst: Code::default(),
        }
    }

    /// How many slots are taken.
    pub(crate) fn slots(&self) -> usize {
        self.ids.len()
    }

    /// How many vectors there are.
    pub(crate) fn live(&self) -> usize {
        self.by_id.len()
    }

    /// The vector as it is compared: of length 1 for cosines. `None` when nothing can be compared to it.
    pub(crate) fn comparable(&self, vector: &[f32]) -> Option<Vec<f32>> {
        self.shape.comparable(vector)
    }

    /// What a search needs to know of a vector; `None` as in [`Rows::comparable`].
    pub(crate) fn prepare(&self, vector: &[f32]) -> Option<Prepared> {
        let vector = self.comparable(vector)?;
        let mut turned = vector.clone();
        turn(&mut turned);
        let query = Query::of(&turned);
        let vector = if matches!(self.full, Full::Codes) { turned } else { vector };
        Some(Prepared { vector, query })
    }

    /// Puts a comparable vector into a new slot.
    pub(crate) fn push(&mut self, id: u64, vector: &[f32]) {
        let slot = self.ids.len();
        let mut turned = vector.to_vec();
        turn(&mut turned);
        let mut bytes = vec![0; vector.len()];
        let code = encode(&turned, &mut bytes);
        self.codes.extend(row(&bytes));
        self.coarse.push(slot, &bytes, code.scale);
        match &mut self.full {
            Full::F32(numbers) => numbers.extend_from_slice(vector),
            Full::F16(numbers) => numbers.extend(vector.iter().map(|x| half::f16::from_f32(*x).to_bits())),
            Full::Codes => {}
        }
        self.ids.push(id);
        self.scales.push(code.scale);
        self.worst.error = self.worst.error.max(code.error);
        self.worst.length = self.worst.length.max(code.length);
        if let Some(old) = self.by_id.insert(id, slot as u32) {
            self.scales[old as usize] *= -1.0;
        }
    }

    /// Removes the vector of an id.
    pub(crate) fn remove(&mut self, id: u64) {
        if let Some(slot) = self.by_id.remove(&id) {
            self.scales[slot as usize] *= -1.0;
        }
    }

    pub(crate) fn slot(&self, id: u64) -> Option<usize> {
        self.by_id.get(&id).map(|slot| *slot as usize)
    }

    pub(crate) fn id(&self, slot: usize) -> u64 {
        self.ids[slot]
    }

    /// All ids.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> {
        self.by_id.keys().copied()
    }

    pub(crate) fn alive(&self, slot: usize) -> bool {
        self.scales[slot] > 0.0
    }

    /// The numbers of a slot.
    pub(crate) fn vector(&self, slot: usize) -> Vec<f32> {
        let dimension = self.shape.dimension;
        let range = slot * dimension..(slot + 1) * dimension;
        match &self.full {
            Full::F32(numbers) => numbers[range].to_vec(),
            Full::F16(numbers) => {
                numbers[range].iter().map(|bits| half::f16::from_bits(*bits).to_f32()).collect()
            }
            Full::Codes => {
                let scale = self.scales[slot].abs();
                let numbers = bytes(self.row(slot)).map(|byte| f32::from(byte) * scale);
                let mut vector: Vec<f32> = numbers.take(dimension).collect();
                turn_back(&mut vector);
                vector
            }
        }
    }

    fn row(&self, slot: usize) -> &[Line] {
        &self.codes[slot * self.lines..][..self.lines]
    }

    /// The query that a slot makes, for the graph.
    pub(crate) fn as_query(&self, slot: usize) -> Query {
        Query::of_row(Code { scale: self.scales[slot].abs(), ..self.worst }, self.row(slot))
    }

    /// How near a slot is by its bytes, dead or alive.
    #[inline]
    pub(crate) fn rough(&self, query: &Query, slot: usize) -> f32 {
        query.similarity(self.isa.product(&query.bytes, self.row(slot)), self.scales[slot].abs())
    }

    /// The same for these slots.
    pub(crate) fn rough_of(&self, query: &Query, slots: &[u32], products: &mut Vec<i32>, out: &mut Vec<f32>) {
        products.clear();
        products.resize(slots.len(), 0);
        self.isa.products_of(&query.bytes, &self.codes, slots, products);
        let parts = products.iter().zip(slots);
        out.clear();
        out.extend(
            parts.map(|(product, slot)| query.similarity(*product, self.scales[*slot as usize].abs())),
        );
    }

    /// Asks for what [`Rows::rough`] reads of a slot.
    #[inline]
    pub(crate) fn prefetch(&self, slot: usize) {
        prefetch(self.row(slot));
        prefetch(&self.scales[slot..=slot]);
    }

    /// A query for [`Rows::at_most`].
    pub(crate) fn ask(&self, query: &Query) -> Ask {
        self.coarse.ask(query)
    }

    /// What [`Rows::rough`] is at most for blocks of slots one after the other, from the first slot of a block on; what it says
    /// of the dead means nothing.
    pub(crate) fn at_most(&self, ask: &Ask, from: usize, bar: f32, out: &mut [Most]) {
        self.coarse.at_most(self.isa, ask, from, bar, out);
    }

    /// How near a slot is by what is kept; NaN for a dead one.
    pub(crate) fn exact(&self, prepared: &Prepared, slot: usize) -> f32 {
        if !self.alive(slot) {
            return f32::NAN;
        }
        let dimension = self.shape.dimension;
        let range = slot * dimension..(slot + 1) * dimension;
        match &self.full {
            Full::F32(numbers) => self.isa.dot(&prepared.vector, &numbers[range]),
            Full::F16(numbers) => self.isa.dot_half(&prepared.vector, &numbers[range]),
            Full::Codes => {
                // The codes as they are, but the vector that is searched with in full.
                let product = self.isa.dot_bytes(&prepared.vector, self.row(slot));
                product * self.scales[slot]
            }
        }
    }

    /// How far rough and exact can be apart.
    pub(crate) fn doubt(&self, query: &Query) -> f32 {
        match self.full {
            Full::Codes => query.doubt(&Code { error: 0.0, ..self.worst }),
            // Half floats are off by 2⁻¹¹ of each number, so of the length.
            Full::F16(_) => query.doubt(&self.worst) + query.code.length * self.worst.length / 1_024.0,
            Full::F32(_) => query.doubt(&self.worst),
        }
    }

    /// The living, in slots of their own.
    pub(crate) fn compacted(&self) -> Rows {
        let mut rows = Rows::new(self.shape);
        for slot in (0..self.slots()).filter(|slot| self.alive(*slot)) {
            rows.push(self.ids[slot], &self.vector(slot));
        }
        rows
    }
}

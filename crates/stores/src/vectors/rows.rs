//! The vectors of one side of an embedding, in memory: codes in rows for searching, and what they are codes of.

use rustc_hash::FxHashMap;

use super::codes::{Code, Query, decode, encode, width};
use super::kernels::{Isa, prefetch};
use super::turn::{turn, turn_back};
use super::{Precision, Shape};

/// Numbers as they are kept beside the codes.
#[derive(Debug, Clone)]
enum Full {
    F32(Vec<f32>),
    F16(Vec<u16>),
    /// The codes are all there is, and they are of turned vectors.
    Codes,
}

/// A vector to search with.
pub(crate) struct Prepared {
    vector: Vec<f32>,
    pub(crate) query: Query,
}

/// What a row of bytes has to be multiplied with, and what its product has too much.
#[derive(Debug, Clone, Copy)]
struct Measure {
    /// Below zero in a dead slot.
    scale: f32,
    offset: i32,
}

/// Vectors by slot. A slot is taken once: a new vector of an id gets a new slot, and the old one dies.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) isa: Isa,
    shape: Shape,
    width: usize,
    ids: Vec<u64>,
    by_id: FxHashMap<u64, u32>,
    codes: Vec<i8>,
    measures: Vec<Measure>,
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
            width: width(shape.dimension),
            ids: Vec::new(),
            by_id: FxHashMap::default(),
            codes: Vec::new(),
            measures: Vec::new(),
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
        let mut vector = self.comparable(vector)?;
        if matches!(self.full, Full::Codes) {
            turn(&mut vector);
        }
        let query = Query::of(&vector);
        Some(Prepared { vector, query })
    }

    /// Puts a comparable vector into a new slot.
    pub(crate) fn push(&mut self, id: u64, vector: &[f32]) {
        let slot = self.ids.len();
        let start = self.codes.len();
        self.codes.resize(start + self.width, 0);
        let mut turned = Vec::new();
        let coded = match self.full {
            Full::Codes => {
                turned.extend_from_slice(vector);
                turn(&mut turned);
                &turned
            }
            Full::F32(_) | Full::F16(_) => vector,
        };
        let code = encode(coded, &mut self.codes[start..]);
        match &mut self.full {
            Full::F32(numbers) => numbers.extend_from_slice(vector),
            Full::F16(numbers) => numbers.extend(vector.iter().map(|x| half::f16::from_f32(*x).to_bits())),
            Full::Codes => {}
        }
        self.ids.push(id);
        self.measures.push(Measure { scale: code.scale, offset: code.offset });
        self.worst.error = self.worst.error.max(code.error);
        self.worst.length = self.worst.length.max(code.length);
        if let Some(old) = self.by_id.insert(id, slot as u32) {
            self.measures[old as usize].scale *= -1.0;
        }
    }

    /// Removes the vector of an id.
    pub(crate) fn remove(&mut self, id: u64) {
        if let Some(slot) = self.by_id.remove(&id) {
            self.measures[slot as usize].scale *= -1.0;
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
        self.measures[slot].scale > 0.0
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
                let mut vector = vec![0.0; dimension];
                decode(&self.code(slot), self.row(slot), &mut vector);
                turn_back(&mut vector);
                vector
            }
        }
    }

    pub(crate) fn row(&self, slot: usize) -> &[i8] {
        &self.codes[slot * self.width..][..self.width]
    }

    fn code(&self, slot: usize) -> Code {
        let Measure { scale, offset } = self.measures[slot];
        Code { scale: scale.abs(), offset, ..self.worst }
    }

    /// The query that a slot makes, for the graph.
    pub(crate) fn as_query(&self, slot: usize) -> Query {
        Query::of_row(self.code(slot), self.row(slot))
    }

    /// How near a slot is by its code, dead or alive.
    #[inline]
    pub(crate) fn rough(&self, query: &Query, slot: usize) -> f32 {
        let product = self.isa.product(&query.bytes, self.row(slot));
        self.similarity(query, slot, product)
    }

    #[inline]
    fn similarity(&self, query: &Query, slot: usize, product: i32) -> f32 {
        let Measure { scale, offset } = self.measures[slot];
        (product - offset) as f32 * (query.code.scale * scale.abs())
    }

    /// The same for these slots.
    pub(crate) fn rough_of(&self, query: &Query, slots: &[u32], products: &mut Vec<i32>, out: &mut Vec<f32>) {
        products.clear();
        products.resize(slots.len(), 0);
        self.isa.products_of(&query.bytes, &self.codes, slots, products);
        let parts = products.iter().zip(slots);
        out.clear();
        out.extend(parts.map(|(product, slot)| self.similarity(query, *slot as usize, *product)));
    }

    /// Asks for what [`Rows::rough`] reads of a slot.
    #[inline]
    pub(crate) fn prefetch(&self, slot: usize) {
        prefetch(self.row(slot));
        prefetch(&self.measures[slot..=slot]);
    }

    /// The same for slots one after the other; what it says of the dead means nothing.
    pub(crate) fn rough_all(&self, query: &Query, from: usize, products: &mut [i32], out: &mut [f32]) {
        let to = from + out.len();
        self.isa.products(&query.bytes, &self.codes[from * self.width..to * self.width], products);
        let parts = products.iter().zip(&self.measures[from..to]);
        for (out, (product, Measure { scale, offset })) in out.iter_mut().zip(parts) {
            *out = (product - offset) as f32 * (query.code.scale * scale);
        }
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
                let product = self.isa.dot_bytes(&prepared.vector, &self.row(slot)[..dimension]);
                product * self.measures[slot].scale
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

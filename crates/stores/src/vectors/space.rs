//! One side of an embedding: its rows, and the graph over most of them.
//!
//! Writing appends to the rows, and a search sees it at once: what the graph does not link yet is scanned. A thread links
//! behind, one slot at a time, and holds searches up for as long as a few links are written. When many slots are dead, it
//! makes rows and a graph anew and swaps both in; the old ones serve meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use super::graph::Graph;
use super::rows::Rows;
use super::{Among, Near, Probe, Shape, VectorOptions, scan};

/// With fewer dead slots than this, nothing is made anew.
const FEW_DEAD: usize = 1_024;

/// Vectors of one side.
pub(crate) struct Space {
    shape: Shape,
    options: VectorOptions,
    rows: RwLock<Rows>,
    graph: RwLock<Option<Graph>>,
    /// Whether a thread links.
    linking: AtomicBool,
    /// Whoever writes.
    writing: Mutex<()>,
}

impl Space {
    pub(crate) fn new(shape: Shape, options: VectorOptions) -> Self {
        Space {
            shape,
            options,
            rows: RwLock::new(Rows::new(shape)),
            graph: RwLock::new(None),
            linking: AtomicBool::new(false),
            writing: Mutex::new(()),
        }
    }

    pub(crate) fn search_width(&self, width: usize) {
        if let Some(graph) = &mut *self.graph.write() {
            graph.search_width(width);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.read().live()
    }

    /// Whether all that there is is linked, or too little to be.
    pub(crate) fn settled(&self) -> bool {
        let (rows, graph) = (self.rows.read(), self.graph.read());
        !self.linking.load(Ordering::Acquire)
            && graph
                .as_ref()
                .map_or(rows.live() <= self.options.scan_up_to, |graph| graph.linked() == rows.slots())
    }

    /// The first of some vectors that nothing can be compared to; vectors of the right dimension.
    pub(crate) fn incomparable<'v>(&self, vectors: &'v [(u64, Vec<f32>)]) -> Option<&'v u64> {
        let rows = self.rows.read();
        vectors.iter().find(|(_, vector)| rows.comparable(vector).is_none()).map(|(id, _)| id)
    }

    /// Puts vectors in; those that nothing can be compared to are left out.
    pub(crate) fn upsert(self: &Arc<Self>, vectors: &[(u64, Vec<f32>)]) {
        let writing = self.writing.lock();
        // In pieces, so that searches wait for a piece at the most.
        for piece in vectors.chunks(64) {
            let mut rows = self.rows.write();
            for (id, vector) in piece {
                if let Some(vector) = rows.comparable(vector) {
                    rows.push(*id, &vector);
                }
            }
        }
        drop(writing);
        self.tidy();
    }

    pub(crate) fn delete(self: &Arc<Self>, ids: &[u64]) {
        let writing = self.writing.lock();
        for piece in ids.chunks(1_024) {
            let mut rows = self.rows.write();
            piece.iter().for_each(|id| rows.remove(*id));
        }
        drop(writing);
        self.tidy();
    }

    /// How near each of some ids is; NaN where it is not there.
    pub(crate) fn similarities(&self, vector: &[f32], ids: &[u64]) -> Vec<f32> {
        let rows = self.rows.read();
        let Some(prepared) = rows.prepare(vector) else { return vec![f32::NAN; ids.len()] };
        ids.iter().map(|id| rows.slot(*id).map_or(f32::NAN, |slot| rows.exact(&prepared, slot))).collect()
    }

    /// The nearest of some to a vector of the right dimension.
    pub(crate) fn nearest(&self, vector: &[f32], k: usize, among: Among<'_>) -> Vec<Near> {
        let rows = self.rows.read();
        let Some(prepared) = rows.prepare(vector) else { return Vec::new() };
        if let Among::Only(ids) = among
            && ids.len() <= self.options.scan_up_to
        {
            return scan::nearest(&rows, &prepared, k, 0, among);
        }
        let graph = self.graph.read();
        let Some(graph) = graph.as_ref().filter(|graph| graph.linked() > 0) else {
            return scan::nearest(&rows, &prepared, k, 0, among);
        };
        // For what a filter turns away, for what the codes rank otherwise than the vectors, and for the dead among them.
        let wanted = if matches!(among, Among::All) { k + k / 8 } else { k + k / 2 };
        let width = wanted * rows.slots() / rows.live().max(1);
        let found = graph.search(&rows, &prepared.query, width);
        let holds = |slot: &usize| rows.alive(*slot) && among.holds(rows.id(*slot));
        let slots: Vec<usize> = found.iter().map(|(_, slot)| *slot as usize).filter(holds).collect();
        if slots.len() < k {
            // A filter that leaves little, or much that is the same: then looking at all is what finds it.
            return scan::nearest(&rows, &prepared, k, 0, among);
        }
        let mut near = scan::ranked(&rows, &prepared, slots.into_iter(), k);
        if graph.linked() < rows.slots() {
            near.extend(scan::nearest(&rows, &prepared, k, graph.linked(), among));
            near.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.id.cmp(&b.id)));
            near.truncate(k);
        }
        near
    }

    /// Starts the thread that links when there is something for it to do; without a graph, dead slots go at once.
    fn tidy(self: &Arc<Self>) {
        {
            let writing = self.writing.lock();
            let (dead, live) = self.dead_and_live();
            if self.graph.read().is_none() && live <= self.options.scan_up_to {
                if dead > FEW_DEAD && dead > live {
                    let mut rows = self.rows.write();
                    *rows = rows.compacted();
                }
                return;
            }
            drop(writing);
        }
        if self.linking.swap(true, Ordering::AcqRel) {
            return;
        }
        let space = Arc::downgrade(self);
        let spawned = std::thread::Builder::new().name("vectors".to_owned()).spawn(move || link(&space));
        if let Err(error) = spawned {
            // All is found as it is, only slower.
            self.linking.store(false, Ordering::Release);
            tracing::warn!(%error, "no thread to link vectors; searches scan them");
        }
    }

    fn dead_and_live(&self) -> (usize, usize) {
        let rows = self.rows.read();
        (rows.slots() - rows.live(), rows.live())
    }

    /// Links one slot or rebuilds; false when nothing is left to do.
    fn work(&self) -> bool {
        let (dead, live) = self.dead_and_live();
        if dead > FEW_DEAD && dead > live / 3 {
            self.rebuild();
            return true;
        }
        let plan = {
            let rows = self.rows.read();
            let graph = self.graph.read();
            match &*graph {
                Some(graph) if graph.linked() < rows.slots() => Some(graph.plan(&rows)),
                Some(_) => return false,
                None => None,
            }
        };
        let mut graph = self.graph.write();
        match (&mut *graph, plan) {
            (Some(graph), Some(plan)) => graph.apply(plan),
            (graph, _) => *graph = Some(Graph::new(self.options.graph)),
        }
        true
    }

    /// Makes rows and graph anew of the living, and adds what was written meanwhile.
    fn rebuild(&self) {
        let (mut rows, known) = {
            let rows = self.rows.read();
            (rows.compacted(), rows.slots())
        };
        let mut graph = Graph::new(self.options.graph);
        while graph.linked() < rows.slots() {
            let plan = graph.plan(&rows);
            graph.apply(plan);
        }
        let _writing = self.writing.lock();
        let mut old = self.rows.write();
        for slot in (known..old.slots()).filter(|slot| old.alive(*slot)) {
            rows.push(old.id(slot), &old.vector(slot));
        }
        let gone: Vec<u64> = rows.ids().filter(|id| old.slot(*id).is_none()).collect();
        gone.into_iter().for_each(|id| rows.remove(id));
        let mut old_graph = self.graph.write();
        *old = rows;
        *old_graph = Some(graph);
    }

    /// The sum of stored vectors that a probe asks for; `None` when nothing of it is there.
    pub(crate) fn sum(&self, parts: &[(u64, f32)]) -> Option<Vec<f32>> {
        let rows = self.rows.read();
        let mut sum: Option<Vec<f32>> = None;
        for (id, weight) in parts {
            let Some(slot) = rows.slot(*id) else { continue };
            let sum = sum.get_or_insert_with(|| vec![0.0; self.shape.dimension]);
            sum.iter_mut().zip(rows.vector(slot)).for_each(|(sum, x)| *sum += weight * x);
        }
        sum
    }
}

/// The thread that links.
fn link(space: &Weak<Space>) {
    while let Some(space) = space.upgrade() {
        if space.work() {
            continue;
        }
        space.linking.store(false, Ordering::Release);
        // What was written between the last look and now would wait for the next writer.
        let behind = {
            let (rows, graph) = (space.rows.read(), space.graph.read());
            graph.as_ref().is_some_and(|graph| graph.linked() < rows.slots())
        };
        if !behind || space.linking.swap(true, Ordering::AcqRel) {
            return;
        }
    }
}

/// The vector that a probe stands for.
pub(crate) fn vector(probe: &Probe, users: &Space, entities: &Space) -> Option<Vec<f32>> {
    match probe {
        Probe::Vector(vector) => Some(vector.clone()),
        Probe::Sum(super::Side::User, parts) => users.sum(parts),
        Probe::Sum(super::Side::Entity, parts) => entities.sum(parts),
    }
}

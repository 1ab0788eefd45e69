//! HNSW: a graph over slots in which each step goes nearer (Malkov and Yashunin, "Efficient and Robust Approximate Nearest
//! Neighbor Search Using Hierarchical Navigable Small World Graphs", TPAMI 2020).
//!
//! Links are numbers in one array, compared are byte codes, and the neighbours of a node are asked for before the first
//! is compared: a search is mostly waiting for memory. Inserting has two halves, so that searches wait for the short one
//! only: [`Graph::plan`] searches and chooses, [`Graph::apply`] writes a few links.

use std::cell::RefCell;

use super::codes::Query;
use super::kernels::prefetch;
use super::rows::Rows;

/// How the graph is made and searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphOptions {
    /// How many links a node has in the upper levels; twice as many in the lowest (M).
    pub links: usize,
    /// How many candidates are looked at for a new node (ef_construction).
    pub build_width: usize,
    /// How many are held while searching, at least (ef).
    pub search_width: usize,
}

impl Default for GraphOptions {
    fn default() -> Self {
        GraphOptions { links: 16, build_width: 160, search_width: 160 }
    }
}

/// The graph over the slots `0..linked`.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    options: GraphOptions,
    /// By slot: how many links, then the links, of the lowest level.
    lowest: Vec<u32>,
    /// By slot: the same for each level above.
    upper: Vec<Vec<u32>>,
    entry: u32,
    levels: usize,
    linked: usize,
}

/// What inserting a node will write.
pub(crate) struct Plan {
    slot: usize,
    /// By level from the lowest, the links of the node.
    own: Vec<Vec<u32>>,
    /// (level, node, its links from now on).
    others: Vec<(usize, u32, Vec<u32>)>,
}

/// Memory of a search: which slots were seen, by the number of the search.
#[derive(Default)]
struct Seen {
    marks: Vec<u8>,
    now: u8,
}

thread_local! {
    static SEEN: RefCell<Seen> = RefCell::default();
}

impl Seen {
    fn start(&mut self, slots: usize) {
        self.now = self.now.wrapping_add(1);
        if self.now == 0 {
            self.marks.fill(0);
            self.now = 1;
        }
        if self.marks.len() < slots {
            self.marks.resize(slots, 0);
        }
    }

    /// Whether it is new.
    fn mark(&mut self, slot: u32) -> bool {
        let mark = &mut self.marks[slot as usize];
        let new = *mark != self.now;
        *mark = self.now;
        new
    }
}

/// The best so far, best first; each with whether its links were followed.
struct Pool {
    most: usize,
    held: Vec<(f32, u32, bool)>,
}

impl Pool {
    /// Puts one in, and says where.
    fn insert(&mut self, similarity: f32, slot: u32) -> Option<usize> {
        if self.held.len() == self.most {
            if self.held.last().is_none_or(|last| similarity <= last.0) {
                return None;
            }
            self.held.pop();
        }
        let place = self.held.partition_point(|held| held.0 >= similarity);
        self.held.insert(place, (similarity, slot, false));
        Some(place)
    }
}

impl Graph {
    pub(crate) fn new(options: GraphOptions) -> Self {
        Graph { options, lowest: Vec::new(), upper: Vec::new(), entry: 0, levels: 0, linked: 0 }
    }

    /// How many slots are in it: all below this number.
    pub(crate) fn linked(&self) -> usize {
        self.linked
    }

    pub(crate) fn search_width(&mut self, width: usize) {
        self.options.search_width = width;
    }

    fn most(&self, level: usize) -> usize {
        if level == 0 { 2 * self.options.links } else { self.options.links }
    }

    /// How many links, and then the links.
    fn block(&self, level: usize, slot: u32) -> &[u32] {
        let most = self.most(level);
        match level {
            0 => &self.lowest[slot as usize * (most + 1)..][..most + 1],
            level => &self.upper[slot as usize][(level - 1) * (most + 1)..][..most + 1],
        }
    }

    fn links(&self, level: usize, slot: u32) -> &[u32] {
        let block = self.block(level, slot);
        &block[1..=block[0] as usize]
    }

    fn set(&mut self, level: usize, slot: u32, links: &[u32]) {
        let most = self.most(level);
        let block = match level {
            0 => &mut self.lowest[slot as usize * (most + 1)..][..most + 1],
            level => &mut self.upper[slot as usize][(level - 1) * (most + 1)..][..most + 1],
        };
        block[0] = links.len() as u32;
        block[1..=links.len()].copy_from_slice(links);
    }

    /// In how many levels above the lowest a slot is: geometric, by a number of its own, so that a rebuild is the same.
    fn levels_of(&self, slot: usize) -> usize {
        let mixed = (slot as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let uniform = ((mixed ^ (mixed >> 27)) >> 11) as f64 / (1_u64 << 53) as f64;
        let scale = 1.0 / (self.options.links as f64).ln();
        ((-(1.0 - uniform).ln() * scale) as usize).min(16)
    }

    /// The slots nearest to a query, nearest first, dead ones too: about `width` of them.
    pub(crate) fn search(&self, rows: &Rows, query: &Query, width: usize) -> Vec<(f32, u32)> {
        if self.linked == 0 {
            return Vec::new();
        }
        let mut entry = self.entry;
        for level in (1..=self.levels).rev() {
            entry = self.walk(rows, query, level, entry);
        }
        self.spread(rows, query, 0, entry, width.max(self.options.search_width))
    }

    /// Goes nearer as long as it can.
    fn walk(&self, rows: &Rows, query: &Query, level: usize, mut at: u32) -> u32 {
        let mut best = rows.rough(query, at as usize);
        loop {
            let links = self.links(level, at);
            links.iter().for_each(|link| rows.prefetch(*link as usize));
            let mut next = None;
            for link in links {
                let similarity = rows.rough(query, *link as usize);
                if similarity > best {
                    (best, next) = (similarity, Some(*link));
                }
            }
            match next {
                Some(link) => at = link,
                None => return at,
            }
        }
    }

    /// Follows the links of the nearest until the `width` nearest have all been followed.
    fn spread(&self, rows: &Rows, query: &Query, level: usize, entry: u32, width: usize) -> Vec<(f32, u32)> {
        SEEN.with_borrow_mut(|seen| {
            seen.start(self.linked);
            seen.mark(entry);
            let mut pool = Pool { most: width, held: Vec::with_capacity(width + 1) };
            pool.insert(rows.rough(query, entry as usize), entry);
            let mut at = 0;
            let mut fresh = vec![0; self.most(0)];
            let (mut products, mut similarities) = (Vec::new(), Vec::new());
            while at < pool.held.len() {
                if pool.held[at].2 {
                    at += 1;
                    continue;
                }
                pool.held[at].2 = true;
                let slot = pool.held[at].1;
                // Who is followed next, unless somebody nearer turns up now.
                if let Some((_, ahead, _)) = pool.held[at + 1..].iter().find(|held| !held.2) {
                    prefetch(self.block(level, *ahead));
                }
                let mut count = 0;
                // Without a branch on what was seen, which nobody can foresee.
                for link in self.links(level, slot) {
                    fresh[count] = *link;
                    count += usize::from(seen.mark(*link));
                }
                let fresh = &fresh[..count];
                fresh.iter().for_each(|link| rows.prefetch(*link as usize));
                rows.rough_of(query, fresh, &mut products, &mut similarities);
                let mut next = at + 1;
                for (link, similarity) in fresh.iter().zip(&similarities) {
                    if let Some(place) = pool.insert(*similarity, *link)
                        && place <= next
                    {
                        next = place;
                        // It will probably be followed next.
                        prefetch(self.block(level, *link));
                    }
                }
                at = next;
            }
            pool.held.into_iter().map(|(similarity, slot, _)| (similarity, slot)).collect()
        })
    }

    /// Of candidates, nearest first, those that are nearer to the node than to any chosen before (the heuristic of the
    /// paper's algorithm 4): links that lead in different directions.
    fn choose(rows: &Rows, candidates: &[(f32, u32)], most: usize) -> Vec<u32> {
        let mut chosen: Vec<u32> = Vec::with_capacity(most);
        let mut queries: Vec<Query> = Vec::with_capacity(most);
        for (similarity, slot) in candidates {
            if chosen.len() == most {
                break;
            }
            if queries.iter().all(|other| rows.rough(other, *slot as usize) < *similarity) {
                chosen.push(*slot);
                queries.push(rows.as_query(*slot as usize));
            }
        }
        chosen
    }

    /// What inserting the next slot will write.
    pub(crate) fn plan(&self, rows: &Rows) -> Plan {
        let slot = self.linked;
        let levels = self.levels_of(slot);
        let mut plan = Plan { slot, own: vec![Vec::new(); levels + 1], others: Vec::new() };
        if slot == 0 || !rows.alive(slot) {
            return plan;
        }
        let query = rows.as_query(slot);
        let mut entry = self.entry;
        for level in (1..=self.levels).rev() {
            if level > levels {
                entry = self.walk(rows, &query, level, entry);
                continue;
            }
            entry = self.plan_level(rows, &query, level, entry, &mut plan);
        }
        self.plan_level(rows, &query, 0, entry, &mut plan);
        plan
    }

    fn plan_level(&self, rows: &Rows, query: &Query, level: usize, entry: u32, plan: &mut Plan) -> u32 {
        let mut found = self.spread(rows, query, level, entry, self.options.build_width);
        let nearest = found.first().map_or(entry, |(_, slot)| *slot);
        found.retain(|(_, slot)| rows.alive(*slot as usize));
        let own = Graph::choose(rows, &found, self.options.links);
        for link in &own {
            let mut links = self.links(level, *link).to_vec();
            links.push(plan.slot as u32);
            if links.len() > self.most(level) {
                let of_link = rows.as_query(*link as usize);
                let living = links.iter().filter(|slot| rows.alive(**slot as usize));
                let mut candidates: Vec<(f32, u32)> =
                    living.map(|slot| (rows.rough(&of_link, *slot as usize), *slot)).collect();
                candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                links = Graph::choose(rows, &candidates, self.most(level));
            }
            plan.others.push((level, *link, links));
        }
        plan.own[level] = own;
        nearest
    }

    /// Writes what was planned, which must be for the next slot.
    pub(crate) fn apply(&mut self, plan: Plan) {
        debug_assert_eq!(plan.slot, self.linked, "slots are linked one after the other");
        let levels = plan.own.len() - 1;
        self.lowest.resize((plan.slot + 1) * (self.most(0) + 1), 0);
        self.upper.push(vec![0; levels * (self.most(1) + 1)]);
        for (level, links) in plan.own.iter().enumerate() {
            self.set(level, plan.slot as u32, links);
        }
        for (level, slot, links) in &plan.others {
            self.set(*level, *slot, links);
        }
        if plan.slot == 0 || levels > self.levels {
            (self.entry, self.levels) = (plan.slot as u32, levels);
        }
        self.linked += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::scan;
    use crate::vectors::{Among, Comparison, Precision, Shape};

    /// Clusters, as real embeddings have them.
    fn rows(count: usize, dimension: usize, comparison: Comparison) -> Rows {
        let mut rows = Rows::new(Shape { dimension, comparison, precision: Precision::F32 });
        let mut state = 1_u64;
        let mut number = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / (1 << 23) as f32) - 1.0
        };
        let centres: Vec<Vec<f32>> = (0..50).map(|_| (0..dimension).map(|_| number()).collect()).collect();
        for id in 0..count {
            let centre = &centres[id % centres.len()];
            let vector: Vec<f32> = centre.iter().map(|x| x + 0.7 * number()).collect();
            rows.push(id as u64, &rows.comparable(&vector).unwrap());
        }
        rows
    }

    fn linked(rows: &Rows) -> Graph {
        let mut graph = Graph::new(GraphOptions { links: 12, build_width: 80, search_width: 100 });
        while graph.linked() < rows.slots() {
            let plan = graph.plan(rows);
            graph.apply(plan);
        }
        graph
    }

    fn recall(rows: &Rows, graph: &Graph, k: usize) -> f64 {
        let (mut found, mut all) = (0, 0);
        for slot in (0..rows.slots()).step_by(97).filter(|slot| rows.alive(*slot)) {
            let probe = rows.prepare(&rows.vector(slot)).unwrap();
            let exact = scan::nearest(rows, &probe, k, 0, Among::All);
            let near: Vec<u64> =
                graph.search(rows, &probe.query, k).iter().map(|(_, slot)| rows.id(*slot as usize)).collect();
            found += exact.iter().filter(|exact| near.contains(&exact.id)).count();
            all += exact.len();
        }
        found as f64 / all as f64
    }

    #[test]
    fn nearly_all_of_the_nearest_are_found() {
        for comparison in [Comparison::Cosine, Comparison::Dot] {
            let rows = rows(4_000, 24, comparison);
            let recall = recall(&rows, &linked(&rows), 10);
            assert!(recall > 0.97, "{comparison:?} {recall}");
        }
    }

    #[test]
    fn the_dead_show_the_way() {
        let mut rows = rows(4_000, 24, Comparison::Cosine);
        let graph = linked(&rows);
        (0..4_000_u64).filter(|id| id.is_multiple_of(5)).for_each(|id| rows.remove(id));
        let recall = recall(&rows, &graph, 10);
        assert!(recall > 0.9, "{recall}");
    }

    #[test]
    fn links_are_few_and_of_linked_slots() {
        let rows = rows(1_000, 8, Comparison::Cosine);
        let graph = linked(&rows);
        for slot in 0..1_000 {
            let links = graph.links(0, slot);
            assert!(
                links.len() <= 24 && links.iter().all(|link| *link < 1_000 && *link != slot),
                "{links:?}"
            );
        }
    }
}

//! Which points are connected, asked and told by several threads.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A forest of points in which a component's root is its first point (Anderson, Woll, *Wait-free parallel algorithms for
/// the union-find problem*, 1991). Relaxed ordering is enough: a parent only ever becomes an earlier point of the same component.
#[derive(Debug)]
pub(crate) struct Components {
    parents: Vec<AtomicU32>,
}

impl Components {
    /// Every point for itself.
    pub(crate) fn new(points: usize) -> Self {
        Components { parents: (0..points as u32).map(AtomicU32::new).collect() }
    }

    /// The first point of the component that a point is in, as far as this thread knows.
    pub(crate) fn root(&self, point: usize) -> usize {
        let mut at = point as u32;
        loop {
            let parent = self.parents[at as usize].load(Relaxed);
            if parent == at {
                return at as usize;
            }
            let grandparent = self.parents[parent as usize].load(Relaxed);
            if grandparent != parent {
                // Halves the path for whoever comes next; if another thread was faster, that's as well.
                let _ =
                    self.parents[at as usize].compare_exchange_weak(parent, grandparent, Relaxed, Relaxed);
            }
            at = parent;
        }
    }

    /// Makes two components one.
    pub(crate) fn join(&self, a: usize, b: usize) {
        let (mut a, mut b) = (a, b);
        loop {
            (a, b) = (self.root(a), self.root(b));
            if a == b {
                return;
            }
            let (first, last) = (a.min(b), a.max(b));
            let link = self.parents[last].compare_exchange(last as u32, first as u32, Relaxed, Relaxed);
            if link.is_ok() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_first_point_whoever_joins() {
        let components = Components::new(1000);
        std::thread::scope(|scope| {
            for step in [2, 3] {
                let components = &components;
                scope.spawn(move || {
                    for at in (step..1000).step_by(step) {
                        components.join(at, at - step);
                    }
                });
            }
        });
        assert_eq!(components.root(999), 0);
        assert_eq!(components.root(998), 0);
        assert_eq!(components.root(997), 997);
        assert_eq!(components.root(1), 1);
    }
}

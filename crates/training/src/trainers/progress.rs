//! How far a training is.

/// Hears how far a training is. Called often; from one thread.
pub trait Progress {
    /// So many steps of so many are done; `note` says how good it is so far.
    fn step(&self, done: usize, of: usize, note: &str);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: usize, _: usize, _: &str) {}
}

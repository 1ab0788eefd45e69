//! Implicit ALS: users and items as vectors whose products say how much a user wants an item (Hu, Koren and Volinsky,
//! "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008).
//!
//! Every cell of the user × item matrix counts: those with interactions have the preference 1 and a confidence that grows
//! with their weight, all others the preference 0 and the confidence 1. With the items' vectors given, each user's is the
//! solution of a small linear system, and the other way round; alternating the two lowers the loss each time. The work for
//! the cells without interactions is one Gram matrix for all users.
//!
//! The regularisation may grow with the confidence that a row has in all (Rendle, Krichene, Zhang and Koren, "Revisiting
//! the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022), without which the vectors of what is used
//! much are too small.

mod factors;
mod kernels;
mod model;

mod settings;
mod solver;
mod trainer;

pub use factors::Factors;
pub use model::Als;
pub use settings::{AlsError, AlsSettings, Confidence, Solver};
pub use trainer::Trainer;

//! Models: one finite score per row of the feature matrix, and why.

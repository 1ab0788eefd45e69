//! Experiments: who sees which variant of a recommender, and whether the difference between them is real.
//!
//! The arithmetic of experiments, without a server or a log. `recommend-server` assigns and logs, `recommend experiment`
//! reports.
//!
//! | to | open |
//! |---|---|
//! | decide who sees what | [`assignment`] |
//! | compare two variants, at any time and as often as one likes | [`statistics::compare`] |
//! | notice that the arms are not as large as they should be | [`statistics::sample_ratio`] |
//! | know how many users a lift needs | [`statistics::power`] |
//! | compare two rankings with few users | [`interleaving`] |

pub mod assignment;
pub mod interleaving;
pub mod statistics;

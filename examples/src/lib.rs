//! Runnable examples, one small file each.

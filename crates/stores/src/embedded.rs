//! The embedded engine: everything in process, durable on disk.

//! The Recommend API: gRPC, HTTP, configuration, hot reload.

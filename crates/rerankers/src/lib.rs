//! Rerankers: rules that need the whole slate in view.

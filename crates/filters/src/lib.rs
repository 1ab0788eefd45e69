//! Filters: components that drop what may not or need not be shown.

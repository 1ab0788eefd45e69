//! Features: declared once, looked up for all candidates in one batch.

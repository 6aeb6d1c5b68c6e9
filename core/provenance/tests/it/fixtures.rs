//! Journals of format 1 that were written once and are never written again.

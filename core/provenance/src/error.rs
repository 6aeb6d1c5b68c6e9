//! What can be wrong with provenance data.

/// Why octets were not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not the encoding it should be.
    #[error("{what} cannot be read: {why} at octet {offset}")]
    Malformed {
        /// The object.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
        /// Where.
        offset: usize,
    },
    /// A header that does not continue the log.
    #[error("batch {batch}: {what}")]
    Mismatch {
        /// The batch that the header names.
        batch: u64,
        /// What differs.
        what: String,
    },
    /// A checkpoint that cannot be read.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] crate::note::NoteError),
}

//! Why a bridge cannot start.

/// An error of the engine. Lawful refusals are values, not errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal cannot be opened, read or continued.
    #[error("the journal cannot be used")]
    Journal(#[from] bridge_journal::Error),
    /// The evidence in the journal does not hold together.
    #[error("the evidence in the journal does not hold together")]
    Provenance(#[from] bridge_provenance::Error),
    /// A batch that was never sealed was asked for.
    #[error("batch {batch} was never sealed")]
    NoSuchBatch {
        /// Its number.
        batch: u64,
    },
}

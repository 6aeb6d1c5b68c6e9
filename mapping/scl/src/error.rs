//! What can be asked wrongly of a model.

/// Why a question to a model has no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no object reference.
    #[error("{text:?} is no object reference: {wanted}")]
    ReferenceMalformed {
        /// The text.
        text: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// The text is no path over a file.
    #[error("{text:?} is no path at byte {at}: {wanted}")]
    PathMalformed {
        /// The text.
        text: String,
        /// Bytes before the fault.
        at: usize,
        /// What is wanted.
        wanted: &'static str,
    },
    /// A part of a reference is not in the model.
    #[error("{noun} {name} is not in {place}")]
    Unknown {
        /// What kind of part.
        noun: &'static str,
        /// Its name.
        name: String,
        /// Where it was looked for.
        place: String,
        /// The nearest name there.
        near: Option<String>,
    },
    /// An array has fewer elements.
    #[error("{name} has {count} elements, counted from 0")]
    IndexTooLarge {
        /// The array's part of the path.
        name: String,
        /// Its elements.
        count: u32,
    },
    /// A column of a row finds nothing.
    #[error("{column} finds nothing at {place}")]
    Nothing {
        /// The column.
        column: String,
        /// The row.
        place: String,
    },
    /// A column of a row finds several things.
    #[error("{column} finds {first:?} and {second:?} at {place}")]
    Ambiguous {
        /// The column.
        column: String,
        /// The row.
        place: String,
        /// One value.
        first: String,
        /// Another.
        second: String,
    },
    /// A path finds more than a profile can hold.
    #[error("the path finds more than {limit} places")]
    TooMany {
        /// So many are allowed.
        limit: usize,
    },
}

//! The one error of this crate: what a JSON text, a time, an operation or an envelope is not.

use crate::beckn::code;

/// Why bytes, a text or a value are not what the IES side expects.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not JSON, or JSON that two readers could read differently (RFC 8785 clause 3.1, RFC 7493). The peer's fault.
    #[error("not strict JSON: {problem}")]
    Json {
        /// What is wrong and where.
        problem: String,
    },
    /// A number that JSON readers do not agree on: an integer beyond 2^53, NaN, an infinity.
    #[error("the number {number} has no exact JSON form; write it as a string")]
    Number {
        /// The number as text.
        number: String,
    },
    /// Not an RFC 3339 time with offset.
    #[error("not an RFC 3339 time with offset: {text:?}")]
    Time {
        /// The text as received, cut to 64 characters.
        text: String,
    },
    /// Not an ISO 8601 duration of days, hours, minutes and seconds.
    #[error("not an ISO 8601 duration: {text:?}")]
    Duration {
        /// The text as received, cut to 64 characters.
        text: String,
    },
    /// A verb, or a payload type, that this version does not know.
    #[error("the verb {verb:?} is not supported")]
    UnknownVerb {
        /// The verb as received, cut to 64 characters.
        verb: String,
    },
    /// A field is missing, or holds what it must not hold.
    #[error("{path}: {problem}")]
    Shape {
        /// JSON pointer to the place (RFC 6901), empty for the root.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A beckn action that the path or this bridge does not carry.
    #[error("the action {action:?} is not supported")]
    Action {
        /// The action as received, cut to 64 characters.
        action: String,
    },
}

impl Error {
    /// The Beckn error code of this error (`reference` of the network: `SCH_*`, `CTX_*`).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } | Self::Number { .. } | Self::Time { .. } | Self::Duration { .. } | Self::Shape { .. } => {
                code::SCH_SCHEMA_VALIDATION_FAILED
            }
            Self::UnknownVerb { .. } => code::SCH_TYPE_NOT_SUPPORTED,
            Self::Action { .. } => code::CTX_ACTION_MISMATCH,
        }
    }

    /// JSON pointer to the place, if the error has one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Shape { path, .. } => Some(path),
            Self::Json { .. }
            | Self::Number { .. }
            | Self::Time { .. }
            | Self::Duration { .. }
            | Self::UnknownVerb { .. }
            | Self::Action { .. } => None,
        }
    }

    pub(crate) fn shape(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Shape { path: path.into(), problem: problem.into() }
    }
}

/// At most 64 characters of a foreign text, so that an error never carries more than it must.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

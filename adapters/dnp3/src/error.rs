//! Errors that end a connection, each with its culprit. A station's lawful *no* is never one of them.

use std::time::Duration;

/// Why a connection ends.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the order of the protocol.
    #[error("peer misbehaved: {0}")]
    PeerMisbehaved(String),
    /// The peer did not do in time what it had to do.
    #[error("timer expired: {timer} ({after:?}): {what}")]
    TimerExpired {
        /// The timer's name.
        timer: &'static str,
        /// Its value.
        after: Duration,
        /// What did not come.
        what: &'static str,
    },
    /// Ours: no more channels are taken.
    #[error("a link takes {limit} connections at a time")]
    TooManyConnections {
        /// How many.
        limit: usize,
    },
}

impl Error {
    /// The peer broke the order of the protocol.
    pub(crate) fn misbehaved(what: impl Into<String>) -> Self {
        Self::PeerMisbehaved(what.into())
    }
}

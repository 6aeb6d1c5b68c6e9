//! Errors that end a connection, each with its culprit. A station's lawful *no* is never one of them.

use std::time::Duration;

use crate::TypeId;

/// Octets that no station may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// An APDU does not begin with 0x68. Never searched forward: the stream is lost (row 17).
    #[error("start octet {0:#04x} instead of 0x68")]
    Start(u8),
    /// The APDU length is outside 4 to 253.
    #[error("APDU length {0} outside 4 to 253")]
    Length(u8),
    /// A U frame with no or several functions, or bits outside its function octet.
    #[error("control field {0:02x?} is no U frame")]
    Unnumbered([u8; 4]),
    /// An S frame with bits where none may be.
    #[error("control field {0:02x?} is no S frame")]
    Supervisory([u8; 4]),
    /// Octets behind the control field of an S or U frame.
    #[error("{0} octets behind the control field of an S or U frame")]
    Trailing(usize),
    /// An I frame whose ASDU has no whole header.
    #[error("ASDU of {0} octets has no whole header")]
    Header(usize),
    /// The objects do not fill the ASDU exactly.
    #[error("{type_id} with {count} objects of {each} octets (SQ={sequence}) in {octets} octets", sequence = u8::from(*sequence))]
    Objects {
        /// The type identification.
        type_id: TypeId,
        /// The number in the variable structure qualifier.
        count: u8,
        /// Octets of one element.
        each: usize,
        /// The SQ bit.
        sequence: bool,
        /// Octets present behind the header.
        octets: usize,
    },
    /// A sequence of objects runs beyond the last address of its size.
    #[error("object addresses run beyond {last}")]
    AddressWrap {
        /// The last address: 16777215 in -104.
        last: u32,
    },
}

/// Why a connection ends.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer sent octets that no station may send.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The peer broke the order of the protocol.
    #[error("peer misbehaved: {0}")]
    PeerMisbehaved(String),
    /// The peer is lawful and wants what we do not have.
    #[error("peer incompatible: {0}")]
    PeerIncompatible(String),
    /// The peer did not do in time what it had to do.
    #[error("timer expired: {timer} ({after:?}): {what}")]
    TimerExpired {
        /// The timer's name in clause 9.6.
        timer: &'static str,
        /// Its value.
        after: Duration,
        /// What did not come.
        what: &'static str,
    },
    /// Our journal is too far behind to go on reading (delivery rule 1).
    #[error("journal behind: {waiting} frames wait to be durable, max_unacked is {limit}")]
    JournalBehind {
        /// Frames received and not durable.
        waiting: u64,
        /// The limit.
        limit: u64,
    },
    /// An execute outlived its command on the wire (R5): the connection is aborted so that it cannot arrive later.
    #[error("execute not acknowledged within its life: connection aborted")]
    ExecuteOverdue,
    /// A request that changes the station may still be on its way when its life is over (R5, R22).
    #[error("request not acknowledged within its life: connection aborted")]
    ChangeOverdue,
    /// Data transfer moved or stopped while an execute was under way (R5): the connection is aborted so that it cannot arrive later.
    #[error("execute not acknowledged when data transfer left the connection: aborted")]
    ExecuteLeftBehind,
    /// The redundancy group already has all its connections.
    #[error("the link already has its {limit} connection(s)")]
    TooManyConnections {
        /// How many it may have (`connections`).
        limit: usize,
    },
}

impl Error {
    /// The peer broke the order of the protocol.
    pub(crate) fn misbehaved(what: impl Into<String>) -> Self {
        Self::PeerMisbehaved(what.into())
    }
}

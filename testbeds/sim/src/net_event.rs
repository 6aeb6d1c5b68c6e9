//! What a host notices of the simulated network.

use crate::topology::HostId;

/// One end of one connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Socket {
    /// The connection.
    pub conn: u64,
    /// Whether this is the accepted end.
    pub accepted: bool,
    /// Whose end it is.
    pub host: HostId,
}

/// Names one request of the message lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId(pub u64);

/// Why a connection attempt failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Nobody listens there.
    Refused,
    /// No answer.
    TimedOut,
}

/// Why a connection ended without order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The peer, or something that spoke for it, sent RST.
    ByPeer,
    /// Octets stayed unacknowledged longer than the user timeout.
    UserTimeout,
}

/// Why a request has no reply. The request may have been processed all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// Nobody listens there: certainly not processed.
    Refused,
    /// No reply in time.
    TimedOut,
    /// The other process ended.
    Reset,
}

/// What a host notices. `M` is the payload of the message lane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NetEvent<M> {
    /// A connection came in on `port`.
    Accepted {
        /// The accepted end.
        socket: Socket,
        /// The listener's port.
        port: u16,
        /// Who connected.
        from: HostId,
    },
    /// An attempt succeeded.
    Connected {
        /// The connecting end.
        socket: Socket,
    },
    /// An attempt failed; the socket is gone.
    Refused {
        /// The connecting end.
        socket: Socket,
        /// Why.
        why: Refused,
    },
    /// Octets arrived.
    Data {
        /// The receiving end.
        socket: Socket,
        /// At least one octet.
        bytes: Vec<u8>,
    },
    /// The peer closed in order; everything it sent was delivered before.
    Closed {
        /// This end, still to be closed by its owner.
        socket: Socket,
    },
    /// The connection broke; the socket is gone.
    Reset {
        /// This end.
        socket: Socket,
        /// Why.
        why: Why,
    },
    /// A request of the message lane arrived.
    Request {
        /// For [`Net::reply`](crate::Net::reply).
        id: MessageId,
        /// Who sent it.
        from: HostId,
        /// To whom.
        to: HostId,
        /// What.
        payload: M,
    },
    /// The reply to a request arrived.
    Reply {
        /// Which request.
        id: MessageId,
        /// Who had asked.
        to: HostId,
        /// What.
        payload: M,
    },
    /// No reply will come.
    Unreachable {
        /// Which request.
        id: MessageId,
        /// Who had asked.
        to: HostId,
        /// Why.
        why: Lost,
    },
}

impl<M> NetEvent<M> {
    /// The host that notices it.
    #[must_use]
    pub const fn host(&self) -> HostId {
        match self {
            Self::Accepted { socket, .. }
            | Self::Connected { socket }
            | Self::Refused { socket, .. }
            | Self::Data { socket, .. }
            | Self::Closed { socket }
            | Self::Reset { socket, .. } => socket.host,
            Self::Request { to, .. } | Self::Reply { to, .. } | Self::Unreachable { to, .. } => *to,
        }
    }
}

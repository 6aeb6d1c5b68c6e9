//! How a link reaches its peer, as configured.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::tls::Tls;

/// How a link reaches its peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// We connect over TCP.
    Connect {
        /// To each of these, at most [`LINES`](super::LINES), all the time. Which connection carries what is the session's decision.
        to: Vec<SocketAddr>,
        /// From this local address, if several would do.
        bind: Option<IpAddr>,
        /// With TLS.
        tls: Option<Box<Tls>>,
    },
    /// We listen for TCP connections.
    Listen {
        /// Here. Links that name the same address share it.
        addr: SocketAddr,
        /// Only to these peers. Empty: to none.
        allow: Vec<IpAddr>,
        /// What becomes of one more connection while one is open. `None`: the session has them all and decides which may speak.
        second: Option<Second>,
        /// With TLS.
        tls: Option<Box<Tls>>,
    },
    /// We connect and listen, whichever comes first: a dual end point (row 16 of the DNP3 table). There is one connection at a time, and
    /// while it is open no other is begun.
    Dual {
        /// To each of these in turn.
        to: Vec<SocketAddr>,
        /// Here. Links that name the same address share it.
        listen: SocketAddr,
        /// Only to these peers. Empty: to none.
        allow: Vec<IpAddr>,
        /// What becomes of one more connection while one is open.
        second: Second,
        /// With TLS, both ways.
        tls: Option<Box<Tls>>,
    },
    /// Datagrams: each peer is a channel.
    Udp {
        /// Our own address and port.
        bind: SocketAddr,
        /// Who is heard, and who is spoken to.
        peers: UdpPeers,
    },
    /// A serial line: one device is one channel.
    Serial(Serial),
}

/// What becomes of one more connection while one is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Second {
    /// It takes the place of the open one, which ends with RST: a peer that restarted is back at once.
    Replace,
    /// It ends with RST: who is here stays until found dead.
    Refuse,
}

/// The other end of a UDP link. Datagrams of everybody else are dropped and told as security events at a bounded rate. An address can be
/// forged: UDP proves nobody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UdpPeers {
    /// One address and port: spoken to from the start, and nobody else is heard (a connecting role).
    One(SocketAddr),
    /// Whoever speaks from one of these addresses, from any port; each peer is a channel of its own, at most `UDP_PEERS` at a time, and gets the
    /// answers to what it asked (a listening role).
    Any {
        /// Empty: nobody.
        allow: Vec<IpAddr>,
        /// Spoken to before anybody was heard, for what the session says unasked. `None`: a channel opens with its first datagram.
        first: Option<SocketAddr>,
    },
}

/// A serial line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Serial {
    /// The device. It is locked while it is open.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// Bits of a character.
    pub data_bits: DataBits,
    /// The parity bit.
    pub parity: Parity,
    /// Stop bits.
    pub stop_bits: StopBits,
    /// RTS/CTS flow control; without it there is none.
    pub rts_cts: bool,
}

/// Bits of a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataBits {
    /// 7.
    Seven,
    /// 8.
    Eight,
}

/// The parity bit of a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parity {
    /// There is none.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// Stop bits of a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopBits {
    /// 1.
    One,
    /// 2.
    Two,
}

impl Serial {
    /// With 8 data bits, no parity, one stop bit and no flow control.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, baud: u32) -> Self {
        Self { path: path.into(), baud, data_bits: DataBits::Eight, parity: Parity::None, stop_bits: StopBits::One, rts_cts: false }
    }

    /// Bits on the wire for one character, the start bit among them.
    pub(crate) fn bits(&self) -> u32 {
        let data = match self.data_bits {
            DataBits::Seven => 7,
            DataBits::Eight => 8,
        };
        let stop = match self.stop_bits {
            StopBits::One => 1,
            StopBits::Two => 2,
        };
        1 + data + u32::from(self.parity != Parity::None) + stop
    }
}

impl Endpoint {
    /// Connects to one address, without TLS.
    #[must_use]
    pub fn connect(to: SocketAddr) -> Self {
        Self::Connect { to: vec![to], bind: None, tls: None }
    }

    /// Listens for these peers, without TLS. The session has every connection.
    #[must_use]
    pub fn listen(addr: SocketAddr, allow: Vec<IpAddr>) -> Self {
        Self::Listen { addr, allow, second: None, tls: None }
    }

    /// The same with TLS. Datagrams and serial lines have none: for them nothing changes.
    #[must_use]
    pub fn with_tls(mut self, with: Tls) -> Self {
        match &mut self {
            Self::Connect { tls, .. } | Self::Listen { tls, .. } | Self::Dual { tls, .. } => *tls = Some(Box::new(with)),
            Self::Udp { .. } | Self::Serial(_) => {}
        }
        self
    }

    /// Where it listens for TCP connections, to whom, and with which TLS.
    pub(crate) fn listening(&self) -> Option<(SocketAddr, &[IpAddr], Option<&Tls>)> {
        match self {
            Self::Listen { addr, allow, tls, .. } | Self::Dual { listen: addr, allow, tls, .. } => Some((*addr, allow, tls.as_deref())),
            Self::Connect { .. } | Self::Udp { .. } | Self::Serial(_) => None,
        }
    }

    /// What becomes of one more connection.
    pub(crate) const fn second(&self) -> Option<Second> {
        match self {
            Self::Listen { second, .. } => *second,
            Self::Dual { second, .. } => Some(*second),
            Self::Connect { .. } | Self::Udp { .. } | Self::Serial(_) => None,
        }
    }
}

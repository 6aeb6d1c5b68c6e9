//! Datagrams: every accepted one goes to the session whole, and what the session says at once leaves as one. A link that speaks to one peer
//! has one channel; one that answers has a channel for each peer that it hears, so that each gets its own answers and nobody else's.
//!
//! UDP proves nobody and has no connection: a channel is open as long as its socket works. Nothing waits in the kernel beyond the datagram
//! being sent, so there is nothing to abort (R5).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bridge_model::{Mono, Now};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::backoff::Retry;
use super::clock::random;
use super::endpoint::UdpPeers;
use super::side::Arrived;
use super::wire::{Far, Got, Wire};

/// The session is asked for at most so many octets for one datagram: it crosses every usual network in one piece.
pub(crate) const DATAGRAM: usize = 1400;

/// Peers that have a channel of a link that answers, at a time. What the session takes of them is its own decision.
pub const UDP_PEERS: usize = 17;

/// Datagrams of one peer that may wait for the session; more are dropped, as they may be anywhere on their way.
const WAITING: usize = 16;

/// How long a peer is not heard whose channel ended: one that the session refuses must not open it again with every datagram.
const REST: Duration = Duration::from_secs(1);

/// The largest datagram there is.
const LARGEST: usize = 1 << 16;

/// Who is heard.
#[derive(Clone, Debug)]
enum Heard {
    One(SocketAddr),
    Any(Vec<IpAddr>),
}

impl Heard {
    fn hears(&self, from: SocketAddr) -> bool {
        let ip = from.ip().to_canonical();
        match self {
            Self::One(peer) => peer.port() == from.port() && peer.ip().to_canonical() == ip,
            Self::Any(allow) => allow.iter().any(|allowed| allowed.to_canonical() == ip),
        }
    }
}

/// What is told of a datagram that is dropped.
pub(crate) fn stranger(from: SocketAddr) -> String {
    format!("a datagram of {from} was dropped: it is no peer of this link")
}

/// An open channel.
pub(crate) struct Udp {
    socket: Arc<UdpSocket>,
    inlet: Inlet,
    /// What is said goes there.
    to: SocketAddr,
    /// The last datagram could not be sent.
    failing: bool,
}

/// Where an open channel's datagrams come from.
enum Inlet {
    /// The socket: it has one peer.
    Socket(Heard),
    /// Its part of a socket that has several.
    Part(mpsc::Receiver<Vec<u8>>),
}

impl Udp {
    /// One datagram. A bigger buffer than any of them is given.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Got>> {
        match &mut self.inlet {
            Inlet::Socket(heard) => {
                let mut buffer = ReadBuf::new(buffer);
                let from = ready!(self.socket.poll_recv_from(cx, &mut buffer))?;
                if !heard.hears(from) {
                    return Poll::Ready(Ok(Got::Stranger(from)));
                }
                Poll::Ready(Ok(Got::Datagram(buffer.filled().len(), from)))
            }
            Inlet::Part(part) => {
                let Some(datagram) = ready!(part.poll_recv(cx)) else { return Poll::Ready(Err(io::Error::other("its socket failed"))) };
                let count = datagram.len().min(buffer.len());
                if let (Some(into), Some(octets)) = (buffer.get_mut(..count), datagram.get(..count)) {
                    into.copy_from_slice(octets);
                }
                Poll::Ready(Ok(Got::Datagram(count, self.to)))
            }
        }
    }

    /// Sends one datagram. One that cannot be sent is lost, as it may be anywhere on its way.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<()> {
        match ready!(self.socket.poll_send_to(cx, bytes, self.to)) {
            Ok(_) => self.failing = false,
            Err(error) if self.failing => tracing::debug!(to = %self.to, %error, "a datagram could not be sent"),
            Err(error) => {
                self.failing = true;
                tracing::warn!(to = %self.to, %error, octets = bytes.len(), "a datagram could not be sent");
            }
        }
        Poll::Ready(())
    }
}

/// A peer that has a channel.
struct Peer {
    addr: SocketAddr,
    way: mpsc::Sender<Vec<u8>>,
}

/// Where the channels of a UDP link come from.
pub(crate) struct Datagrams {
    at: SocketAddr,
    heard: Heard,
    /// Spoken to from the start.
    first: Option<SocketAddr>,
    /// Of a link that answers.
    socket: Option<Arc<UdpSocket>>,
    /// By place, which is the number of the channel's line.
    peers: Vec<Option<Peer>>,
    /// Not heard until then.
    resting: VecDeque<(SocketAddr, Mono)>,
    buffer: Vec<u8>,
    /// The channel of a link with one peer is open.
    open: bool,
    retry: Retry,
}

impl Datagrams {
    pub(crate) fn new(at: SocketAddr, peers: UdpPeers, not_before: Mono) -> Self {
        let (heard, first) = match peers {
            UdpPeers::One(peer) => (Heard::One(peer), Some(peer)),
            UdpPeers::Any { allow, first } => (Heard::Any(allow), first),
        };
        // A link with one peer reads where it stands.
        let buffer = vec![0; if matches!(heard, Heard::Any(_)) { LARGEST } else { 0 }];
        let retry = Retry::new(not_before);
        Self { at, heard, first, socket: None, peers: Vec::new(), resting: VecDeque::new(), buffer, open: false, retry }
    }

    pub(crate) fn deadline(&self, may_open: bool) -> Mono {
        if may_open && self.wants_to_open() { self.retry.deadline() } else { Mono::NEVER }
    }

    /// Whether there is something that it opens of itself.
    fn wants_to_open(&self) -> bool {
        match self.heard {
            Heard::One(_) => !self.open,
            Heard::Any(_) => self.socket.is_none() || self.first.is_some_and(|first| self.place(first).is_none()),
        }
    }

    fn place(&self, of: SocketAddr) -> Option<usize> {
        self.peers.iter().position(|peer| peer.as_ref().is_some_and(|peer| peer.addr == canonical(of)))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, may_open: bool, now: Now) -> Poll<Arrived> {
        if !may_open {
            return Poll::Pending;
        }
        if self.wants_to_open() && self.retry.may(now.mono) {
            let socket = match self.socket.take().map_or_else(|| bind(self.at).map(Arc::new), Ok) {
                Ok(socket) => socket,
                Err(error) => {
                    self.retry.failed("cannot bind", &self.at, &error, now.mono, random());
                    return Poll::Ready(Arrived::Moved);
                }
            };
            return match (&self.heard, self.first) {
                (Heard::One(peer), _) => {
                    let udp = Udp { socket, inlet: Inlet::Socket(self.heard.clone()), to: *peer, failing: false };
                    Poll::Ready(Arrived::Open { wire: Wire::Udp(Box::new(udp)), far: Far::Net(*peer), line: None })
                }
                (Heard::Any(_), Some(first)) => {
                    self.socket = Some(socket);
                    Poll::Ready(self.opened(first, None))
                }
                (Heard::Any(_), None) => {
                    self.socket = Some(socket);
                    Poll::Ready(Arrived::Moved)
                }
            };
        }
        let Some(socket) = &self.socket else { return Poll::Pending };
        let mut buffer = ReadBuf::new(&mut self.buffer);
        match ready!(socket.poll_recv_from(cx, &mut buffer)) {
            Ok(from) => {
                let datagram = buffer.filled().to_vec();
                Poll::Ready(self.came(from, datagram, now.mono))
            }
            Err(error) => {
                self.retry.failed("cannot receive", &self.at, &error, now.mono, random());
                // The channels end with their ways.
                self.peers.clear();
                self.socket = None;
                Poll::Ready(Arrived::Moved)
            }
        }
    }

    fn came(&mut self, from: SocketAddr, datagram: Vec<u8>, now: Mono) -> Arrived {
        if !self.heard.hears(from) {
            return Arrived::Refused(stranger(from));
        }
        if let Some(Some(peer)) = self.place(from).and_then(|place| self.peers.get(place)) {
            // Full, or its channel is just ending: lost, as it may be anywhere on its way.
            let _ = peer.way.try_send(datagram);
            return Arrived::Moved;
        }
        self.resting.retain(|(_, until)| *until > now);
        if self.resting.iter().any(|(resting, _)| *resting == canonical(from)) {
            return Arrived::Moved;
        }
        if self.peers.iter().flatten().count() >= UDP_PEERS {
            return Arrived::Refused(format!("a datagram of {from} was dropped: {UDP_PEERS} peers speak already"));
        }
        self.opened(from, Some(datagram))
    }

    /// A channel of a link that answers, with its first datagram.
    fn opened(&mut self, to: SocketAddr, datagram: Option<Vec<u8>>) -> Arrived {
        let Some(socket) = self.socket.clone() else { return Arrived::Moved };
        let (way, part) = mpsc::channel(WAITING);
        if let Some(datagram) = datagram {
            // There is room: nothing is in it yet.
            let _ = way.try_send(datagram);
        }
        let peer = Some(Peer { addr: canonical(to), way });
        let place = self.peers.iter().position(Option::is_none).unwrap_or(self.peers.len());
        match self.peers.get_mut(place) {
            Some(free) => *free = peer,
            None => self.peers.push(peer),
        }
        let udp = Udp { socket, inlet: Inlet::Part(part), to, failing: false };
        Arrived::Open { wire: Wire::Udp(Box::new(udp)), far: Far::Net(to), line: Some(place) }
    }

    pub(crate) fn worked(&mut self) {
        self.open = true;
        self.retry.worked();
    }

    pub(crate) fn gone(&mut self, line: Option<usize>, was_steady: bool, now: Mono) {
        self.open = false;
        let peer = line.and_then(|place| self.peers.get_mut(place)).and_then(Option::take);
        let is_first = peer.as_ref().is_none_or(|peer| self.first.map(canonical) == Some(peer.addr));
        if is_first {
            self.retry.gone(was_steady, now, random());
        }
        if let Some(peer) = peer {
            if self.resting.len() >= UDP_PEERS {
                self.resting.pop_front();
            }
            self.resting.push_back((peer.addr, now + REST));
        }
    }
}

/// The same address for the same peer, whichever way it is written.
fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

fn bind(at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(at)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_peer_is_heard_from_its_port_and_an_allowed_address_from_any() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let one = Heard::One(at("127.0.0.1:20000"));
        assert!(one.hears(at("127.0.0.1:20000")) && one.hears(at("[::ffff:127.0.0.1]:20000")));
        assert!(!one.hears(at("127.0.0.1:20001")) && !one.hears(at("127.0.0.2:20000")));
        let any = Heard::Any(vec!["127.0.0.1".parse().unwrap()]);
        assert!(any.hears(at("127.0.0.1:1")) && any.hears(at("[::ffff:127.0.0.1]:2")));
        assert!(!any.hears(at("127.0.0.2:1")));
        assert!(!Heard::Any(vec![]).hears(at("127.0.0.1:1")));
    }
}

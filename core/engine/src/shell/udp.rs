//! A UDP socket as a channel: every accepted datagram goes to the session whole, and what the session says at once leaves as one datagram.
//!
//! UDP proves nobody and has no connection: a channel is open as long as its socket works. Nothing waits in the kernel beyond the datagram
//! being sent, so there is nothing to abort (R5).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};

use bridge_model::{Mono, Now};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::backoff::Retry;
use super::clock::random;
use super::endpoint::UdpPeers;
use super::side::Arrived;
use super::wire::{Far, Got, Wire};

/// The session is asked for at most so many octets for one datagram: it crosses every usual network in one piece.
pub(crate) const DATAGRAM: usize = 1400;

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
    socket: UdpSocket,
    heard: Heard,
    /// What is said goes there.
    to: SocketAddr,
    /// The last datagram could not be sent.
    failing: bool,
}

impl Udp {
    /// One datagram. A bigger buffer than any of them is given.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Got>> {
        let mut buffer = ReadBuf::new(buffer);
        let from = ready!(self.socket.poll_recv_from(cx, &mut buffer))?;
        if !self.heard.hears(from) {
            return Poll::Ready(Ok(Got::Stranger(from)));
        }
        if matches!(self.heard, Heard::Any(_)) {
            self.to = from;
        }
        Poll::Ready(Ok(Got::Datagram(buffer.filled().len(), from)))
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

/// Where the channel of a UDP link comes from.
pub(crate) struct Datagrams {
    at: SocketAddr,
    heard: Heard,
    /// Spoken to from the start.
    first: Option<SocketAddr>,
    /// Waiting for the first datagram.
    socket: Option<UdpSocket>,
    open: bool,
    retry: Retry,
}

impl Datagrams {
    pub(crate) fn new(at: SocketAddr, peers: UdpPeers, not_before: Mono) -> Self {
        let (heard, first) = match peers {
            UdpPeers::One(peer) => (Heard::One(peer), Some(peer)),
            UdpPeers::Any { allow, first } => (Heard::Any(allow), first),
        };
        Self { at, heard, first, socket: None, open: false, retry: Retry::new(not_before) }
    }

    pub(crate) fn deadline(&self, may_open: bool) -> Mono {
        if self.open || !may_open { Mono::NEVER } else { self.retry.deadline() }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, may_open: bool, now: Now) -> Poll<Arrived> {
        if self.open || !may_open {
            return Poll::Pending;
        }
        let Some(socket) = self.socket.take() else {
            if !self.retry.may(now.mono) {
                return Poll::Pending;
            }
            match bind(self.at) {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => self.retry.failed("cannot bind", &self.at, &error, now.mono, random()),
            }
            return Poll::Ready(Arrived::Moved);
        };
        if let Some(first) = self.first {
            return Poll::Ready(self.opened(socket, first));
        }
        match socket.poll_peek_sender(cx) {
            Poll::Pending => {
                self.socket = Some(socket);
                Poll::Pending
            }
            // The datagram itself is read by the channel.
            Poll::Ready(Ok(from)) if self.heard.hears(from) => Poll::Ready(self.opened(socket, from)),
            Poll::Ready(Ok(from)) => {
                // Taken out; if somebody else's check failed meanwhile there is nothing to take.
                let _ = socket.try_recv_from(&mut [0]);
                self.socket = Some(socket);
                Poll::Ready(Arrived::Refused(stranger(from)))
            }
            Poll::Ready(Err(error)) => {
                self.retry.failed("cannot receive", &self.at, &error, now.mono, random());
                Poll::Ready(Arrived::Moved)
            }
        }
    }

    fn opened(&mut self, socket: UdpSocket, to: SocketAddr) -> Arrived {
        let udp = Udp { socket, heard: self.heard.clone(), to, failing: false };
        Arrived::Open { wire: Wire::Udp(Box::new(udp)), far: Far::Net(to), line: None }
    }

    pub(crate) fn worked(&mut self) {
        self.open = true;
        self.retry.worked();
    }

    pub(crate) fn gone(&mut self, was_steady: bool, now: Mono) {
        self.open = false;
        self.retry.gone(was_steady, now, random());
    }
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

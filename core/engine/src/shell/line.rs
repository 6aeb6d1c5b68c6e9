//! One way to the peer: an address that a connecting link keeps a connection to, by its own attempts and its own waits.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bridge_model::{Mono, Now};
use tokio::net::TcpStream;

use super::backoff::Retry;
use super::clock::random;
use super::connection::{Attempt, attempt};
use super::tls::{Check, Handshake, Keeper, Refusal};
use super::wire::Wire;

/// A line is used, tried, or rests.
pub(crate) struct Line {
    pub(crate) to: SocketAddr,
    bind: Option<IpAddr>,
    attempt: Option<Attempt>,
    handshake: Option<Box<Handshake>>,
    pub(crate) retry: Retry,
    /// A connection of this line is open.
    pub(crate) open: bool,
}

/// What came of an attempt.
pub(crate) enum Tried {
    Open(Wire),
    /// The network said no: it is tried again.
    Failed(io::Error),
    /// TLS said no: a security event, and it is tried again.
    Refused(Refusal),
}

impl Line {
    pub(crate) const fn new(to: SocketAddr, bind: Option<IpAddr>, not_before: Mono) -> Self {
        Self { to, bind, attempt: None, handshake: None, retry: Retry::new(not_before), open: false }
    }

    /// Goes on with the attempt, or begins one.
    ///
    /// `within`: how long a new attempt may take; `None`: none may begin.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, keeper: Option<&Keeper>, within: Option<Duration>, now: Now) -> Poll<Tried> {
        if let Some(handshake) = &mut self.handshake {
            let shaken = match handshake.poll(cx) {
                Poll::Pending if handshake.until <= now.mono => Err(silent()),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(shaken) => shaken,
            };
            let Some(handshake) = self.handshake.take() else { return Poll::Pending };
            let stream = shaken.and_then(|()| handshake.into_stream());
            return Poll::Ready(stream.map_or_else(Tried::Refused, |stream| Tried::Open(Wire::Tls(Box::new(stream)))));
        }
        let ready = keeper.is_none_or(|keeper| keeper.material().is_some());
        if let Some(within) = within
            && self.attempt.is_none()
            && !self.open
            && ready
            && self.retry.may(now.mono)
        {
            self.attempt = Some(attempt(self.to, self.bind, within));
        }
        let Some(attempt) = &mut self.attempt else { return Poll::Pending };
        let connected = ready!(attempt.as_mut().poll(cx));
        self.attempt = None;
        match connected.and_then(|stream| self.connected(stream, keeper, now)) {
            Ok(Some(wire)) => Poll::Ready(Tried::Open(wire)),
            // The handshake began: it is polled at once.
            Ok(None) => self.poll(cx, keeper, within, now),
            Err(error) => Poll::Ready(Tried::Failed(error)),
        }
    }

    fn connected(&mut self, stream: TcpStream, keeper: Option<&Keeper>, now: Now) -> io::Result<Option<Wire>> {
        let Some(keeper) = keeper else { return Ok(Some(Wire::Plain(stream))) };
        let Some(material) = keeper.material() else { return Err(io::Error::other("no TLS files yet")) };
        self.handshake = Some(Box::new(Handshake::client(stream, self.to, keeper.tls(), material, now)?));
        Ok(None)
    }

    /// An attempt or a handshake is under way.
    pub(crate) const fn busy(&self) -> bool {
        self.attempt.is_some() || self.handshake.is_some()
    }

    pub(crate) fn deadline(&self) -> Mono {
        match &self.handshake {
            Some(handshake) => handshake.until,
            None if self.open || self.attempt.is_some() => Mono::NEVER,
            None => self.retry.deadline(),
        }
    }

    /// Its connection is gone.
    pub(crate) fn gone(&mut self, was_steady: bool, now: Mono) {
        self.open = false;
        self.retry.gone(was_steady, now, random());
    }
}

/// The peer did not finish in time.
pub(crate) fn silent() -> Refusal {
    let text = format!(
        "the TLS handshake did not end within {} s: the peer is silent or slow; does it speak TLS on this port?",
        super::tls::HANDSHAKE_TIMEOUT.as_secs()
    );
    Refusal::new(Check::Protocol, text)
}

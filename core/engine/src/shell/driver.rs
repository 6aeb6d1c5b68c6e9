//! Drives any session over TCP: connects or listens, moves octets, keeps its deadlines, obeys its wishes to close.
//!
//! Everything of one link happens in one task and nothing in it waits: a slow engine, a full disk or a peer that does not read never keeps
//! a session from its timers. Sockets, orders and deadlines wake it; there is no polling interval.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bridge_model::{Mono, Now};
use bridge_session::{Channel, Chunk, PeerInfo, Session};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

use super::backoff::Backoff;
use super::clock::{SystemClock, random};
use super::connection::{Attempt, Connection, attempt, listen};

/// One read takes at most so many octets: one read, one batch, one message.
pub const READ_CHUNK: usize = 64 << 10;

/// How many octets a session is asked for at a time.
const WRITE_CHUNK: usize = 16 << 10;

/// Connections of one peer address at a time: redundant ones, and one that is dead and not yet found out. Which of them may speak is the
/// session's decision.
pub const CONNECTIONS_PER_PEER: usize = 4;

/// A connection that lasted so long was a success: the next attempt comes after the shortest wait.
const STEADY: Duration = Duration::from_secs(10);

/// What is left to write at a goodbye has so long to go.
const GOODBYE: Duration = Duration::from_secs(1);

/// Turns in one go, so that one busy link leaves the processor to others.
const TURNS: usize = 16;

/// The rest after a deadline that was due again at once: a session that asks for the past must not spin.
const SPIN_GUARD: Duration = Duration::from_millis(1);

/// Refused strangers whose address is remembered, so that each is reported once.
const STRANGERS: usize = 64;

/// How a link reaches its peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// We connect.
    Connect {
        /// To here.
        addr: SocketAddr,
        /// From this local address, if several would do.
        bind: Option<IpAddr>,
    },
    /// We listen.
    Listen {
        /// Here.
        addr: SocketAddr,
        /// Only to these peers. Empty: to none.
        allow: Vec<IpAddr>,
    },
}

/// What stands above a session: the engine, or the simulator that plays its part.
pub(crate) trait Upper: Send {
    fn session(&mut self) -> &mut dyn Session;

    /// Takes frames and events from the session. Called after everything that touched it.
    fn settle(&mut self, now: Now);

    /// Hands waiting orders to the session.
    fn poll_orders(&mut self, cx: &mut Context<'_>, now: Now) -> Poll<Ordered>;

    /// Whether what a read would bring has a place to go.
    fn may_read(&self) -> bool;

    /// Whether a new connection may bring something, too.
    fn may_open(&self) -> bool;

    /// A deadline of its own.
    fn poll_timeout(&self) -> Option<Mono>;

    /// Its deadline has come.
    fn handle_timeout(&mut self, now: Now);
}

/// What came of [`Upper::poll_orders`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ordered {
    /// Something moved.
    Moved,
    /// The link shall end.
    End,
}

enum Side {
    Connect { to: SocketAddr, bind: Option<IpAddr>, attempt: Option<Attempt> },
    Listen { at: SocketAddr, allow: Vec<IpAddr>, listener: Option<TcpListener>, strangers: BTreeSet<IpAddr> },
}

/// One link at work.
pub(crate) struct Driver<U> {
    pub(crate) upper: U,
    clock: SystemClock,
    side: Side,
    backoff: Backoff,
    /// Attempts that failed in a row.
    failures: u64,
    /// No attempt, no listening and no accepting before.
    rest_until: Option<Mono>,
    connections: Vec<Connection>,
    next_channel: u32,
    buffer: Vec<u8>,
    sleep: Pin<Box<Sleep>>,
    sleep_until: Option<Mono>,
}

impl<U: Upper> Driver<U> {
    /// Must be made inside the runtime. Does nothing before `start_after` has passed.
    pub(crate) fn new(upper: U, endpoint: Endpoint, clock: SystemClock, start_after: Duration) -> Self {
        let side = match endpoint {
            Endpoint::Connect { addr, bind } => Side::Connect { to: addr, bind, attempt: None },
            Endpoint::Listen { addr, allow } => Side::Listen { at: addr, allow, listener: None, strangers: BTreeSet::new() },
        };
        Self {
            upper,
            clock,
            side,
            backoff: Backoff::new(),
            failures: 0,
            rest_until: Some(clock.now().mono + start_after),
            connections: Vec::new(),
            next_channel: 1,
            buffer: vec![0; READ_CHUNK],
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            sleep_until: None,
        }
    }

    /// Runs until the side above ends it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut fired = false;
        for _ in 0..TURNS {
            let now = self.clock.now();
            let mut moved = match self.upper.poll_orders(cx, now) {
                Poll::Ready(Ordered::End) => return Poll::Ready(()),
                Poll::Ready(Ordered::Moved) => true,
                Poll::Pending => false,
            };
            moved |= self.open(cx);
            moved |= self.read(cx);
            moved |= self.write(cx);
            moved |= self.time(cx, &mut fired);
            if !moved {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ends every connection in order.
    pub(crate) fn finish(&mut self) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Some(connection) = self.connections.last_mut() {
            let _ = connection.poll_flush(&mut cx);
            connection.goodbye();
            self.gone(self.connections.len() - 1, "the bridge stops");
        }
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        if self.rest_until.is_some_and(|until| until <= self.clock.now().mono) {
            self.rest_until = None;
        }
        let may_open = self.rest_until.is_none() && self.upper.may_open();
        match &mut self.side {
            Side::Connect { to, bind, attempt: under_way } => {
                if under_way.is_none() && self.connections.is_empty() && may_open {
                    *under_way = Some(attempt(*to, *bind));
                }
                let peer = *to;
                let Some(result) = under_way.as_mut().map(|attempt| attempt.as_mut().poll(cx)) else { return false };
                let Poll::Ready(result) = result else { return false };
                *under_way = None;
                if let Err(error) = result.and_then(|stream| self.opened(stream, peer)) {
                    self.failed("cannot connect", peer, &error);
                }
                true
            }
            Side::Listen { at, listener, .. } => {
                if !may_open {
                    return false;
                }
                let address = *at;
                let Some(open) = listener else {
                    match listen(address) {
                        Ok(open) => {
                            tracing::info!(%address, "listening");
                            *listener = Some(open);
                        }
                        Err(error) => self.failed("cannot listen", address, &error),
                    }
                    return true;
                };
                match open.poll_accept(cx) {
                    Poll::Pending => return false,
                    Poll::Ready(Ok((stream, peer))) => self.accepted(stream, peer),
                    Poll::Ready(Err(error)) => self.failed("cannot accept", address, &error),
                }
                true
            }
        }
    }

    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr) {
        let ip = peer.ip().to_canonical();
        let Side::Listen { allow, strangers, .. } = &mut self.side else { return };
        let open = self.connections.iter().filter(|connection| connection.peer.ip() == peer.ip()).count();
        if !allow.contains(&ip) || open >= CONNECTIONS_PER_PEER {
            if strangers.len() < STRANGERS && strangers.insert(ip) {
                tracing::warn!(%peer, open, "connection refused: not an allowed peer, or too many connections of one");
            }
            // With RST, at once.
            drop(Connection::new(stream, Channel(0), peer, Mono(0)));
            return;
        }
        strangers.remove(&ip);
        if let Err(error) = self.opened(stream, peer) {
            tracing::warn!(%peer, %error, "a connection could not be set up");
        }
    }

    fn opened(&mut self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let now = self.clock.now();
        let channel = Channel(self.next_channel);
        let connection = Connection::new(stream, channel, peer, now.mono)?;
        self.next_channel += 1;
        self.failures = 0;
        self.connections.push(connection);
        tracing::info!(%peer, channel = channel.0, "connection open");
        self.upper.session().handle_open(channel, &PeerInfo { addr: peer, tls_identity: None }, now);
        self.upper.settle(now);
        Ok(())
    }

    fn failed(&mut self, what: &'static str, address: SocketAddr, error: &io::Error) {
        self.failures += 1;
        self.rest();
        if self.failures == 1 {
            tracing::warn!(%address, %error, what, "trying again until it works");
        } else {
            tracing::debug!(%address, %error, what, failures = self.failures, "trying again");
        }
    }

    fn rest(&mut self) {
        self.rest_until = Some(self.clock.now().mono + self.backoff.delay(random()));
    }

    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        let mut at = 0;
        while let Some(connection) = self.connections.get_mut(at) {
            if connection.closing.is_some() || !self.upper.may_read() {
                at += 1;
                continue;
            }
            let channel = connection.channel;
            match connection.poll_read(cx, &mut self.buffer) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(0)) => {
                    connection.goodbye();
                    self.gone(at, "closed by the peer");
                    moved = true;
                }
                Poll::Ready(Ok(count)) => {
                    let now = self.clock.now();
                    let bytes = self.buffer.get(..count).unwrap_or_default();
                    self.upper.session().handle_input(channel, Chunk::Stream(bytes), now);
                    self.upper.settle(now);
                    moved = true;
                    at += 1;
                }
                Poll::Ready(Err(error)) => {
                    self.gone(at, &error.to_string());
                    moved = true;
                }
            }
        }
        moved
    }

    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        let mut at = 0;
        while let Some(connection) = self.connections.get_mut(at) {
            let now = self.clock.now();
            let channel = connection.channel;
            let mut flushed = connection.poll_flush(cx);
            if connection.closing.is_none() && matches!(flushed, Poll::Ready(Ok(()))) {
                let session = self.upper.session();
                let any = session.poll_output(channel, connection.out(), WRITE_CHUNK, now);
                // Before the octets leave: what they carry may have an end of life.
                connection.limit_life(session.user_timeout(channel, now), now.mono);
                if any {
                    flushed = connection.poll_flush(cx);
                    moved = true;
                }
                self.upper.settle(now);
            }
            if let Poll::Ready(Err(error)) = flushed {
                self.gone(at, &error.to_string());
                moved = true;
                continue;
            }
            let Some(connection) = self.connections.get_mut(at) else { break };
            if let Some(close) = self.upper.session().poll_close(channel) {
                moved = true;
                if close.abort {
                    self.gone(at, &close.cause);
                    continue;
                }
                tracing::debug!(channel = channel.0, cause = close.cause, "the session says goodbye");
                connection.closing = Some(now.mono + GOODBYE);
            }
            match connection.closing {
                Some(until) if flushed.is_ready() || until <= now.mono => {
                    connection.goodbye();
                    self.gone(at, "closed by us");
                    moved = true;
                }
                Some(_) | None => at += 1,
            }
        }
        moved
    }

    fn gone(&mut self, at: usize, cause: &str) {
        let connection = self.connections.remove(at);
        let now = self.clock.now();
        let Connection { channel, peer, opened, .. } = connection;
        // The socket closes here, before anyone hears that it is closed.
        drop(connection);
        tracing::info!(%peer, channel = channel.0, cause, "connection closed");
        if let Side::Connect { .. } = self.side {
            if now.mono.since(opened) >= STEADY {
                self.backoff.reset();
            }
            self.rest();
        }
        self.upper.session().handle_close(channel, now);
        self.upper.settle(now);
    }

    /// Deadlines: those that have come are handled, for the next one the task is woken.
    fn time(&mut self, cx: &mut Context<'_>, fired: &mut bool) -> bool {
        let now = self.clock.now();
        let session = self.upper.session().poll_timeout().unwrap_or(Mono::NEVER);
        let upper = self.upper.poll_timeout().unwrap_or(Mono::NEVER);
        let due = session.min(upper);
        if due <= now.mono && !*fired {
            *fired = true;
            if session <= now.mono {
                self.upper.session().handle_timeout(now);
            }
            if upper <= now.mono {
                self.upper.handle_timeout(now);
            }
            self.upper.settle(now);
            return true;
        }
        let mut next = if *fired { due.max(now.mono + SPIN_GUARD) } else { due };
        next = next.min(self.rest_until.unwrap_or(Mono::NEVER));
        for connection in &self.connections {
            next = next.min(connection.closing.unwrap_or(Mono::NEVER));
        }
        if next == Mono::NEVER {
            return false;
        }
        if next <= now.mono {
            return true;
        }
        if self.sleep_until != Some(next) {
            self.sleep.as_mut().reset(self.clock.instant(next, now.mono));
            self.sleep_until = Some(next);
        }
        let woken = self.sleep.as_mut().poll(cx).is_ready();
        if woken {
            self.sleep_until = None;
        }
        woken
    }
}

//! Drives any session over TCP, UDP or a serial line: opens channels, moves octets, keeps its deadlines, obeys its wishes to close.
//!
//! Everything of one link happens in one task and nothing in it waits: a slow engine, a full disk or a peer that does not read never keeps
//! a session from its timers. Sockets, orders and deadlines wake it; there is no polling interval.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bridge_model::{Mono, Now};
use bridge_session::{Channel, Chunk, PeerInfo, Session};
use rustls_pki_types::CertificateDer;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::clock::SystemClock;
use super::connection::{CONNECT_TIMEOUT, Connection};
use super::endpoint::{Endpoint, Second};
use super::gate::Handed;
use super::security::Watch;
use super::side::{Arrived, Side};
use super::tls::{Check, Look, Refusal, Usage, utc_text};
use super::udp::stranger;
use super::wire::{Far, Got, Wire};

/// One read takes at most so many octets: one read, one batch, one message.
pub const READ_CHUNK: usize = 64 << 10;

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

/// Seconds until a peer whose revocation status is not known is judged again.
const STATUS_AGAIN: i64 = 60;

/// What stands above a session: the engine, or the simulator that plays its part.
pub(crate) trait Upper: Send {
    fn session(&mut self) -> &mut dyn Session;

    /// Takes frames and events from the session. Called after everything that touched it.
    fn settle(&mut self, now: Now);

    /// A security event of the transport: somebody was refused, and why.
    fn security(&mut self, what: String, now: Now);

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

/// One link at work.
pub(crate) struct Driver<U> {
    pub(crate) upper: U,
    clock: SystemClock,
    /// Where channels come from: two of a dual end point, else one.
    sides: Vec<Side>,
    second: Option<Second>,
    /// What strangers cause.
    watch: Watch,
    /// What we find ourselves: a flood of strangers must not hide it.
    own_watch: Watch,
    connections: Vec<Connection>,
    next_channel: u32,
    buffer: Vec<u8>,
    sleep: Pin<Box<Sleep>>,
    sleep_until: Option<Mono>,
}

impl<U: Upper> Driver<U> {
    /// Must be made inside the runtime. Does nothing before `start_after` has passed. `handed`: it listens behind a shared gate, whose
    /// connections come from there.
    pub(crate) fn new(
        upper: U,
        endpoint: Endpoint,
        handed: Option<mpsc::Receiver<Handed>>,
        clock: SystemClock,
        start_after: Duration,
    ) -> Self {
        let second = endpoint.second();
        Self {
            upper,
            clock,
            sides: Side::of(endpoint, handed, clock.now().mono + start_after),
            second,
            watch: Watch::new(clock.now().mono),
            own_watch: Watch::new(clock.now().mono),
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
            let _ = connection.poll_flush(&mut cx, self.clock.now().mono);
            connection.goodbye();
            self.gone(self.connections.len() - 1, "the bridge stops");
        }
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.clock.now();
        if self.connections.iter().any(|connection| connection.review.is_some_and(|review| review < now.utc.as_secs())) {
            self.review(now, false);
        }
        self.rekey(now.mono);
        let within = self.upper.may_open().then(|| self.upper.session().connect_timeout().unwrap_or(CONNECT_TIMEOUT));
        for at in 0..self.sides.len() {
            let within = within.filter(|_| self.may_begin(at));
            let Some(Poll::Ready(arrived)) = self.sides.get_mut(at).map(|side| side.poll(cx, within, now)) else { continue };
            match arrived {
                Arrived::Open { wire, far, line } => self.arrived(wire, far, (at, line), now),
                Arrived::Refused(what) => self.security(&what, now),
                Arrived::Look(look) => self.looked(look, at, now),
                Arrived::Moved => {}
            }
            return true;
        }
        false
    }

    /// A dual end point does not call while it has a connection.
    fn may_begin(&self, side: usize) -> bool {
        self.sides.len() == 1 || self.connections.is_empty() || !self.sides.get(side).is_some_and(Side::calls)
    }

    fn arrived(&mut self, wire: Wire, far: Far, from: (usize, Option<usize>), now: Now) {
        let called = self.sides.get(from.0).is_some_and(|side| matches!(side, Side::Listen(_) | Side::Handed { .. }));
        if called {
            let ip = far.addr().ip();
            let open = self.connections.iter().filter(|connection| connection.far.addr().ip() == ip).count();
            // A session that takes more may have them all from one address: a front end behind NAT.
            let most = self.upper.session().channels_max().map_or(CONNECTIONS_PER_PEER, |own| own.max(CONNECTIONS_PER_PEER));
            if open >= most {
                wire.reset();
                return self.security(&format!("{far} refused: it has {open} connections open already"), now);
            }
        }
        if let Err(error) = self.opened(wire, &far, from, now)
            && let Some(side) = self.sides.get_mut(from.0)
        {
            side.failed(from.1, &far, &error, now.mono);
        }
    }

    /// Judges a peer by the files that are in force. They may have changed since its handshake began.
    fn judge(&self, chain: &[CertificateDer<'static>], peer: SocketAddr, side: usize, now: Now) -> Result<Option<i64>, Refusal> {
        let Some((keeper, usage)) = self.sides.get(side).and_then(|side| Some((side.keeper()?, side.usage()))) else { return Ok(None) };
        let Some(material) = keeper.material() else { return Ok(None) };
        let facts = material.judge(chain, usage, peer, now.utc)?;
        if material.listed || usage == Usage::Client {
            material.on_list(&facts, peer)?;
        }
        Ok(Some(facts.not_after))
    }

    fn opened(&mut self, wire: Wire, far: &Far, from: (usize, Option<usize>), now: Now) -> io::Result<()> {
        if let Some(chain) = wire.chain()
            && let Err(refusal) = self.judge(chain, far.addr(), from.0, now)
        {
            wire.reset();
            self.security(&format!("{far} refused: {refusal}"), now);
            return Err(io::Error::other("its certificate does not pass the files that came meanwhile"));
        }
        if !self.make_room(far, from.0, now) {
            wire.reset();
            if let Some(side) = self.sides.get_mut(from.0) {
                side.gone(from.1, true, now.mono);
            }
            return Ok(());
        }
        let channel = Channel(self.next_channel);
        let tls_identity = wire.facts().map(|facts| facts.name());
        match wire.tls_version() {
            None => tracing::info!(peer = %far, channel = channel.0, "connection open"),
            Some(tls) => tracing::info!(peer = %far, channel = channel.0, tls, identity = tls_identity, "connection open"),
        }
        let mut connection = Connection::new(wire, channel, far.clone(), now.mono)?;
        (connection.side, connection.line) = from;
        self.next_channel += 1;
        if let Some(side) = self.sides.get_mut(from.0) {
            connection.rekey = side.keeper().map(|keeper| now.mono + keeper.tls().rekey);
            side.worked(from.1);
        }
        self.connections.push(connection);
        self.upper.session().handle_open(channel, &PeerInfo { addr: far.addr(), tls_identity }, now);
        self.upper.settle(now);
        Ok(())
    }

    /// What `second` says of one more connection: whether it may stay. Connections that said goodbye already do not keep it out.
    fn make_room(&mut self, far: &Far, side: usize, now: Now) -> bool {
        let Some(second) = self.second else { return true };
        let here = self.connections.iter().find(|connection| connection.closing.is_none()).map(|connection| connection.far.clone());
        if let (Second::Refuse, Some(here)) = (second, here) {
            if self.sides.get(side).is_some_and(Side::calls) {
                tracing::debug!(peer = %far, %here, "our own call is not needed any more");
            } else {
                self.security(&format!("{far} refused: {here} is connected and second = refuse"), now);
            }
            return false;
        }
        while !self.connections.is_empty() {
            self.gone(self.connections.len() - 1, &format!("replaced by {far} (second = replace)"));
        }
        true
    }

    /// Tells the log and the engine, at a bounded rate.
    fn security(&mut self, what: &str, now: Now) {
        if let Some(what) = self.watch.tell(what, now.mono) {
            self.upper.security(what, now);
        }
    }

    /// The same for what we find out ourselves.
    fn finding(&mut self, what: &str, now: Now) {
        if let Some(what) = self.own_watch.tell(what, now.mono) {
            self.upper.security(what, now);
        }
    }

    fn looked(&mut self, look: Look, side: usize, now: Now) {
        let (Look::Changed(what) | Look::Told(what)) = &look;
        // Both sides of a dual end point have the same files: what they say is told once.
        if side == 0 {
            self.finding(what, now);
        }
        if matches!(look, Look::Changed(_)) {
            self.review(now, true);
        }
    }

    /// Takes new keys for connections whose time has come.
    fn rekey(&mut self, now: Mono) {
        let Some(every) = self.sides.first().and_then(Side::keeper).map(|keeper| keeper.tls().rekey) else { return };
        for connection in self.connections.iter_mut().filter(|connection| connection.rekey.is_some_and(|due| due <= now)) {
            let again = connection.wire.rekey();
            connection.rekey = again.then_some(now + every);
            tracing::debug!(channel = connection.channel.0, again, "new TLS keys");
        }
    }

    /// Judges the peers of open connections again: all of them when files changed, else those whose certificate has come to its end. Who is
    /// revoked, or no longer believed or allowed, is cut off at once; who has merely expired goes on until the grace is over.
    fn review(&mut self, now: Now, all: bool) {
        let Some(grace) = self.sides.first().and_then(Side::keeper).map(|keeper| keeper.tls().expired_grace) else { return };
        let seconds = now.utc.as_secs();
        let mut at = 0;
        while let Some(connection) = self.connections.get(at) {
            let due = all || connection.review.is_some_and(|review| review < seconds);
            let Some(chain) = connection.wire.chain().filter(|_| due) else {
                at += 1;
                continue;
            };
            let peer = connection.far.addr();
            let judged = self.judge(chain, peer, connection.side, now);
            let Some(connection) = self.connections.get_mut(at) else { break };
            let what = match judged {
                Ok(until) => {
                    connection.review = until;
                    at += 1;
                    continue;
                }
                // A list that is overdue refuses newcomers; it says nothing against who is here.
                Err(Refusal { check: Check::Status, .. }) => {
                    connection.review = Some(seconds.saturating_add(STATUS_AGAIN));
                    at += 1;
                    continue;
                }
                Err(Refusal { check: Check::Expired(not_after), text }) => {
                    let end = not_after.saturating_add(i64::try_from(grace.as_secs()).unwrap_or(i64::MAX));
                    if seconds <= end {
                        let before = connection.review.replace(end);
                        at += 1;
                        if before != Some(end) {
                            self.finding(&format!("{text}; the open session is kept until {}", utc_text(end)), now);
                        }
                        continue;
                    }
                    format!("{text}; expired_grace is over")
                }
                Err(refusal) => refusal.text,
            };
            self.finding(&format!("{peer} cut off: {what}"), now);
            self.gone(at, &what);
        }
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
                Poll::Ready(Ok(Got::End)) => {
                    connection.goodbye();
                    self.gone(at, "closed by the peer");
                    moved = true;
                }
                Poll::Ready(Ok(Got::Stranger(from))) => {
                    self.security(&stranger(from), self.clock.now());
                    moved = true;
                    at += 1;
                }
                Poll::Ready(Ok(got @ (Got::Octets(count) | Got::Datagram(count, _)))) => {
                    let now = self.clock.now();
                    let bytes = self.buffer.get(..count).unwrap_or_default();
                    let chunk = if let Got::Datagram(_, from) = got { Chunk::Datagram { from, bytes } } else { Chunk::Stream(bytes) };
                    self.upper.session().handle_input(channel, chunk, now);
                    self.upper.settle(now);
                    moved = true;
                    at += 1;
                }
                Poll::Ready(Err(error)) => {
                    self.broken(at, &error);
                    moved = true;
                }
            }
        }
        moved
    }

    /// A connection failed; if TLS said so, that is a security event.
    fn broken(&mut self, at: usize, error: &io::Error) {
        let peer = self.connections.get(at).map(|connection| connection.far.clone());
        if let (Some(peer), Some(refusal)) = (peer, error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>())) {
            let now = self.clock.now();
            self.security(&format!("{peer} lost: {refusal}"), now);
        }
        self.gone(at, &error.to_string());
    }

    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        let mut at = 0;
        while let Some(connection) = self.connections.get_mut(at) {
            let now = self.clock.now();
            let channel = connection.channel;
            connection.bury(now.mono);
            let mut flushed = connection.poll_flush(cx, now.mono);
            if connection.closing.is_none() && matches!(flushed, Poll::Ready(Ok(()))) {
                let session = self.upper.session();
                let chunk = connection.wire.chunk();
                let any = session.poll_output(channel, connection.out(), chunk, now);
                // Before the octets leave: what they carry may have an end of life.
                connection.limit_life(session.user_timeout(channel, now), now.mono);
                if any {
                    flushed = connection.poll_flush(cx, now.mono);
                    moved = true;
                }
                self.upper.settle(now);
            }
            if let Poll::Ready(Err(error)) = flushed {
                self.broken(at, &error);
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
                Some(until) if (flushed.is_ready() && connection.wire.drained() <= now.mono) || until <= now.mono => {
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
        let (channel, opened, side, line, far) =
            (connection.channel, connection.opened, connection.side, connection.line, connection.far.clone());
        // The socket closes here, before anyone hears that it is closed.
        drop(connection);
        tracing::info!(peer = %far, channel = channel.0, cause, "connection closed");
        if let Some(side) = self.sides.get_mut(side) {
            side.gone(line, now.mono.since(opened) >= STEADY, now.mono);
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
        for (at, side) in self.sides.iter().enumerate() {
            next = next.min(side.deadline(self.upper.may_open() && self.may_begin(at), now.mono));
        }
        for connection in &self.connections {
            let ends = [connection.closing, connection.rekey, connection.burial()];
            next = ends.into_iter().flatten().fold(next, Mono::min);
            // Before that it is waited for; after it only the rest of the time for a goodbye.
            if connection.closing.is_some() && connection.wire.drained() > now.mono {
                next = next.min(connection.wire.drained());
            }
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

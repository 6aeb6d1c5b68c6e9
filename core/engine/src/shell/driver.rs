//! Drives any session over TCP: connects or listens, moves octets, keeps its deadlines, obeys its wishes to close.
//!
//! Everything of one link happens in one task and nothing in it waits: a slow engine, a full disk or a peer that does not read never keeps
//! a session from its timers. Sockets, orders and deadlines wake it; there is no polling interval.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bridge_model::{Mono, Now};
use bridge_session::{Channel, Chunk, PeerInfo, Session};
use rustls_pki_types::CertificateDer;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::clock::{SystemClock, random};
use super::connection::{CONNECT_TIMEOUT, Connection, Wire};
use super::gate::{Came, Entry, Gate, Handed};
use super::line::{Line, Tried};
use super::security::Watch;
use super::tls::{Check, Keeper, Look, Refusal, Tls, Usage, utc_text};

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

/// Seconds until a peer whose revocation status is not known is judged again.
const STATUS_AGAIN: i64 = 60;

/// Addresses that one connecting link keeps a connection to.
pub const LINES: usize = 8;

/// How a link reaches its peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// We connect.
    Connect {
        /// To each of these, at most [`LINES`], all the time. Which connection carries what is the session's decision.
        to: Vec<SocketAddr>,
        /// From this local address, if several would do.
        bind: Option<IpAddr>,
        /// With TLS.
        tls: Option<Box<Tls>>,
    },
    /// We listen.
    Listen {
        /// Here. Links that name the same address share it.
        addr: SocketAddr,
        /// Only to these peers. Empty: to none.
        allow: Vec<IpAddr>,
        /// With TLS.
        tls: Option<Box<Tls>>,
    },
}

impl Endpoint {
    /// Connects to one address, without TLS.
    #[must_use]
    pub fn connect(to: SocketAddr) -> Self {
        Self::Connect { to: vec![to], bind: None, tls: None }
    }

    /// Listens for these peers, without TLS.
    #[must_use]
    pub fn listen(addr: SocketAddr, allow: Vec<IpAddr>) -> Self {
        Self::Listen { addr, allow, tls: None }
    }

    /// The same with TLS.
    #[must_use]
    pub fn with_tls(mut self, with: Tls) -> Self {
        match &mut self {
            Self::Connect { tls, .. } | Self::Listen { tls, .. } => *tls = Some(Box::new(with)),
        }
        self
    }
}

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

enum Side {
    Connect {
        lines: Vec<Line>,
        keeper: Option<Keeper>,
    },
    Listen(Gate),
    /// Behind a gate that several links share.
    Handed {
        from: mpsc::Receiver<Handed>,
        keeper: Option<Keeper>,
        not_before: Mono,
    },
}

impl Side {
    fn keeper(&self) -> Option<&Keeper> {
        match self {
            Self::Connect { keeper, .. } | Self::Handed { keeper, .. } => keeper.as_ref(),
            Self::Listen(gate) => gate.entries.first().and_then(|entry| entry.keeper.as_ref()),
        }
    }

    const fn usage(&self) -> Usage {
        match self {
            Self::Connect { .. } => Usage::Server,
            Self::Listen(_) | Self::Handed { .. } => Usage::Client,
        }
    }
}

/// One link at work.
pub(crate) struct Driver<U> {
    pub(crate) upper: U,
    clock: SystemClock,
    side: Side,
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
    /// Must be made inside the runtime. Does nothing before `start_after` has passed.
    pub(crate) fn new(upper: U, endpoint: Endpoint, clock: SystemClock, start_after: Duration) -> Self {
        let not_before = clock.now().mono + start_after;
        let keeper = |tls: Option<Box<Tls>>| tls.map(|tls| Keeper::new(*tls));
        let side = match endpoint {
            Endpoint::Connect { to, bind, tls } => {
                let lines = to.into_iter().take(LINES).map(|to| Line::new(to, bind, not_before)).collect();
                Side::Connect { lines, keeper: keeper(tls) }
            }
            Endpoint::Listen { addr, allow, tls } => {
                Side::Listen(Gate::new(addr, vec![Entry::new(allow, tls.map(|tls| *tls))], not_before))
            }
        };
        Self::with_side(upper, side, clock)
    }

    /// Behind a shared gate: connections come from there.
    pub(crate) fn handed(upper: U, from: mpsc::Receiver<Handed>, tls: Option<Tls>, clock: SystemClock, start_after: Duration) -> Self {
        let not_before = clock.now().mono + start_after;
        Self::with_side(upper, Side::Handed { from, keeper: tls.map(Keeper::new), not_before }, clock)
    }

    fn with_side(upper: U, side: Side, clock: SystemClock) -> Self {
        Self {
            upper,
            clock,
            side,
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
            let _ = connection.poll_flush(&mut cx);
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
        let may_open = self.upper.may_open();
        let within = may_open.then(|| self.upper.session().connect_timeout().unwrap_or(CONNECT_TIMEOUT));
        match &mut self.side {
            Side::Connect { lines, keeper } => {
                if let Some(keeper) = keeper
                    && let Poll::Ready(look) = keeper.poll(cx, now)
                {
                    self.looked(look, now);
                    return true;
                }
                for (at, line) in lines.iter_mut().enumerate() {
                    if let Poll::Ready(tried) = line.poll(cx, keeper.as_ref(), within, now) {
                        self.tried(at, tried, now);
                        return true;
                    }
                }
                false
            }
            Side::Listen(gate) => {
                match gate.poll(cx, may_open, now) {
                    Poll::Pending => return false,
                    Poll::Ready(Came::Open(_, wire, peer)) => self.accepted(wire, peer, now),
                    Poll::Ready(Came::Refused(_, what)) => self.security(&what, now),
                    Poll::Ready(Came::Look(look)) => self.looked(look, now),
                    Poll::Ready(Came::Moved) => {}
                }
                true
            }
            Side::Handed { from, keeper, not_before } => {
                if let Some(keeper) = keeper
                    && let Poll::Ready(look) = keeper.poll(cx, now)
                {
                    self.looked(look, now);
                    return true;
                }
                if !may_open || *not_before > now.mono {
                    return false;
                }
                match from.poll_recv(cx) {
                    Poll::Ready(Some(Handed::Open(wire, peer))) => self.accepted(wire, peer, now),
                    Poll::Ready(Some(Handed::Refused(what))) => self.security(&what, now),
                    Poll::Ready(None) | Poll::Pending => return false,
                }
                true
            }
        }
    }

    /// What came of a line's attempt.
    fn tried(&mut self, at: usize, tried: Tried, now: Now) {
        let Side::Connect { lines, .. } = &mut self.side else { return };
        let Some(line) = lines.get_mut(at) else { return };
        let peer = line.to;
        let error = match tried {
            Tried::Open(wire) => match self.opened(wire, peer, Some(at), now) {
                Ok(()) => return,
                Err(error) => error,
            },
            Tried::Failed(error) => error,
            Tried::Refused(refusal) => {
                line.retry.rest(now.mono, random());
                return self.security(&format!("{peer} refused: {refusal}"), now);
            }
        };
        if let Side::Connect { lines, .. } = &mut self.side
            && let Some(line) = lines.get_mut(at)
        {
            line.retry.failed("cannot connect", peer, &error, now.mono, random());
        }
    }

    fn accepted(&mut self, wire: Wire, peer: SocketAddr, now: Now) {
        let open = self.connections.iter().filter(|connection| connection.peer.ip() == peer.ip()).count();
        // A session that takes more may have them all from one address: a front end behind NAT.
        let most = self.upper.session().channels_max().map_or(CONNECTIONS_PER_PEER, |own| own.max(CONNECTIONS_PER_PEER));
        if open >= most {
            wire.reset();
            return self.security(&format!("{peer} refused: it has {open} connections open already"), now);
        }
        if let Err(error) = self.opened(wire, peer, None, now) {
            tracing::warn!(%peer, %error, "a connection could not be set up");
        }
    }

    /// Judges a peer by the files that are in force. They may have changed since its handshake began.
    fn judge(&self, chain: &[CertificateDer<'static>], peer: SocketAddr, now: Now) -> Result<Option<i64>, Refusal> {
        let Some((keeper, usage)) = self.side.keeper().map(|keeper| (keeper, self.side.usage())) else { return Ok(None) };
        let Some(material) = keeper.material() else { return Ok(None) };
        let facts = material.judge(chain, usage, peer, now.utc)?;
        if material.listed || usage == Usage::Client {
            material.on_list(&facts, peer)?;
        }
        Ok(Some(facts.not_after))
    }

    fn opened(&mut self, wire: Wire, peer: SocketAddr, line: Option<usize>, now: Now) -> io::Result<()> {
        if let Some(chain) = wire.chain()
            && let Err(refusal) = self.judge(chain, peer, now)
        {
            wire.reset();
            self.security(&format!("{peer} refused: {refusal}"), now);
            return Err(io::Error::other("its certificate does not pass the files that came meanwhile"));
        }
        let channel = Channel(self.next_channel);
        let tls_identity = wire.facts().map(|facts| facts.name());
        match &wire {
            Wire::Plain(_) => tracing::info!(%peer, channel = channel.0, "connection open"),
            Wire::Tls(tls) => {
                tracing::info!(%peer, channel = channel.0, tls = tls.version(), identity = tls_identity, "connection open");
            }
        }
        let mut connection = Connection::new(wire, channel, peer, now.mono)?;
        connection.line = line;
        connection.rekey = self.side.keeper().map(|keeper| now.mono + keeper.tls().rekey);
        self.next_channel += 1;
        if let Some(line) = self.line(line) {
            line.open = true;
            line.retry.worked();
        }
        self.connections.push(connection);
        self.upper.session().handle_open(channel, &PeerInfo { addr: peer, tls_identity }, now);
        self.upper.settle(now);
        Ok(())
    }

    fn line(&mut self, at: Option<usize>) -> Option<&mut Line> {
        match &mut self.side {
            Side::Connect { lines, .. } => lines.get_mut(at?),
            Side::Listen(_) | Side::Handed { .. } => None,
        }
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

    fn looked(&mut self, look: Look, now: Now) {
        match look {
            Look::Changed(what) => {
                self.finding(&what, now);
                self.review(now, true);
            }
            Look::Told(what) => self.finding(&what, now),
        }
    }

    /// Takes new keys for connections whose time has come.
    fn rekey(&mut self, now: Mono) {
        let Some(every) = self.side.keeper().map(|keeper| keeper.tls().rekey) else { return };
        for connection in self.connections.iter_mut().filter(|connection| connection.rekey.is_some_and(|due| due <= now)) {
            let again = match &mut connection.wire {
                Wire::Tls(tls) => tls.rekey(),
                Wire::Plain(_) => false,
            };
            connection.rekey = again.then_some(now + every);
            tracing::debug!(channel = connection.channel.0, again, "new TLS keys");
        }
    }

    /// Judges the peers of open connections again: all of them when files changed, else those whose certificate has come to its end. Who is
    /// revoked, or no longer believed or allowed, is cut off at once; who has merely expired goes on until the grace is over.
    fn review(&mut self, now: Now, all: bool) {
        let Some(grace) = self.side.keeper().map(|keeper| keeper.tls().expired_grace) else { return };
        let seconds = now.utc.as_secs();
        let mut at = 0;
        while let Some(connection) = self.connections.get(at) {
            let due = all || connection.review.is_some_and(|review| review < seconds);
            let Some(chain) = connection.wire.chain().filter(|_| due) else {
                at += 1;
                continue;
            };
            let peer = connection.peer;
            let judged = self.judge(chain, peer, now);
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
                    self.broken(at, &error);
                    moved = true;
                }
            }
        }
        moved
    }

    /// A connection failed; if TLS said so, that is a security event.
    fn broken(&mut self, at: usize, error: &io::Error) {
        let peer = self.connections.get(at).map(|connection| connection.peer);
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
        let Connection { channel, peer, opened, line, .. } = connection;
        // The socket closes here, before anyone hears that it is closed.
        drop(connection);
        tracing::info!(%peer, channel = channel.0, cause, "connection closed");
        if let Some(line) = self.line(line) {
            line.gone(now.mono.since(opened) >= STEADY, now.mono);
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
        next = next.min(self.side_deadline(now));
        for connection in &self.connections {
            next = next.min(connection.closing.unwrap_or(Mono::NEVER)).min(connection.rekey.unwrap_or(Mono::NEVER));
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

    /// When the transport wants to be looked at again. The end of a peer's certificate is seen when the files are looked at.
    fn side_deadline(&self, now: Now) -> Mono {
        match &self.side {
            Side::Connect { lines, keeper } => {
                let idle = self.upper.may_open() && keeper.as_ref().is_none_or(|keeper| keeper.material().is_some());
                let of_line = |line: &Line| if idle || line.busy() { line.deadline() } else { Mono::NEVER };
                let keeper = keeper.as_ref().map_or(Mono::NEVER, Keeper::deadline);
                lines.iter().map(of_line).min().unwrap_or(Mono::NEVER).min(keeper)
            }
            Side::Listen(gate) => gate.deadline(self.upper.may_open()),
            Side::Handed { keeper, not_before, .. } => {
                let start = if *not_before > now.mono { *not_before } else { Mono::NEVER };
                keeper.as_ref().map_or(Mono::NEVER, Keeper::deadline).min(start)
            }
        }
    }
}

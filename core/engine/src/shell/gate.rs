//! A listening address: who comes is shown to the links that listen here, and taken by the one that allows it.
//!
//! Most gates belong to one link, whose driver polls them. Links that name the same address share one ([`Shared`]): a task of its own polls
//! it and hands each connection to the link whose list has the peer (row 20 of the 104 table: several masters, one port).

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bridge_model::{Mono, Now};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::backoff::Retry;
use super::clock::{SystemClock, random};
use super::connection::listen;
use super::line::silent;
use super::tls::{Handshake, Keeper, Look, Tls};
use super::wire::{Wire, reset};

/// Handshakes of one peer address at a time. One more, and its oldest is given up: who fills the places with silent connections keeps
/// nobody out for longer than a handshake takes.
pub const HANDSHAKES_PER_PEER: usize = 4;

/// Handshakes of one gate at a time; the oldest is given up for a new one.
pub const HANDSHAKES: usize = 64;

/// Refused strangers whose address is remembered, so that each is reported once.
const STRANGERS: usize = 64;

/// Connections that may wait to be taken over by their link.
const HANDED: usize = 8;

/// Whom one link allows.
pub(crate) struct Entry {
    pub(crate) allow: Vec<IpAddr>,
    pub(crate) keeper: Option<Keeper>,
}

impl Entry {
    pub(crate) fn new(allow: Vec<IpAddr>, tls: Option<Tls>) -> Self {
        Self { allow, keeper: tls.map(Keeper::new) }
    }
}

/// What happened at a gate; the number is the entry that it concerns.
pub(crate) enum Came {
    /// A peer that the entry allows.
    Open(usize, Wire, SocketAddr),
    /// Nobody was let in, and why.
    Refused(usize, String),
    /// Of an entry's files.
    Look(Look),
    /// Something moved and there is nothing to say.
    Moved,
}

pub(crate) struct Gate {
    at: SocketAddr,
    pub(crate) entries: Vec<Entry>,
    listener: Option<TcpListener>,
    handshakes: Vec<Handshake>,
    strangers: BTreeSet<IpAddr>,
    retry: Retry,
}

impl Gate {
    pub(crate) fn new(at: SocketAddr, entries: Vec<Entry>, not_before: Mono) -> Self {
        Self { at, entries, listener: None, handshakes: Vec::new(), strangers: BTreeSet::new(), retry: Retry::new(not_before) }
    }

    /// When to be polled again, if nothing wakes us before.
    pub(crate) fn deadline(&self, may_open: bool) -> Mono {
        let keepers = self.entries.iter().filter_map(|entry| entry.keeper.as_ref()).map(Keeper::deadline);
        let keepers = keepers.min().unwrap_or(Mono::NEVER);
        if !may_open {
            return keepers;
        }
        let handshakes = self.handshakes.iter().map(|handshake| handshake.until);
        handshakes.min().unwrap_or(Mono::NEVER).min(self.retry.deadline()).min(keepers)
    }

    /// The next thing that happens here. While nobody may come in, files are looked at all the same.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, may_open: bool, now: Now) -> Poll<Came> {
        for entry in &mut self.entries {
            if let Some(keeper) = &mut entry.keeper
                && let Poll::Ready(look) = keeper.poll(cx, now)
            {
                return Poll::Ready(Came::Look(look));
            }
        }
        if !may_open {
            return Poll::Pending;
        }
        let mut at = 0;
        while let Some(handshake) = self.handshakes.get_mut(at) {
            let (peer, result) = match handshake.poll(cx) {
                Poll::Pending if handshake.until <= now.mono => (handshake.peer, Err(silent())),
                Poll::Pending => {
                    at += 1;
                    continue;
                }
                Poll::Ready(result) => (handshake.peer, result),
            };
            let stream = self.handshakes.swap_remove(at);
            return Poll::Ready(match result.and_then(|()| stream.into_stream()) {
                Ok(stream) => self.route(Wire::Tls(Box::new(stream)), peer),
                Err(refusal) => Came::Refused(self.concerned(peer), format!("{peer} refused: {refusal}")),
            });
        }
        if !self.retry.may(now.mono)
            || self.entries.iter().any(|entry| entry.keeper.as_ref().is_some_and(|keeper| keeper.material().is_none()))
        {
            return Poll::Pending;
        }
        let Some(open) = &self.listener else {
            match listen(self.at) {
                Ok(open) => {
                    self.retry.worked();
                    tracing::info!(address = %self.at, "listening");
                    self.listener = Some(open);
                }
                Err(error) => self.failed("cannot listen", &error, now.mono),
            }
            return Poll::Ready(Came::Moved);
        };
        match open.poll_accept(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok((stream, peer))) => Poll::Ready(self.accepted(stream, peer, now)),
            Poll::Ready(Err(error)) => {
                self.failed("cannot accept", &error, now.mono);
                Poll::Ready(Came::Moved)
            }
        }
    }

    fn failed(&mut self, what: &'static str, error: &io::Error, now: Mono) {
        self.retry.failed(what, &self.at, error, now, random());
    }

    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr, now: Now) -> Came {
        let ip = peer.ip().to_canonical();
        let welcome: Vec<usize> = (0..self.entries.len()).filter(|entry| self.allows(*entry, ip)).collect();
        let Some(first) = welcome.first() else {
            reset(stream);
            if self.strangers.len() < STRANGERS && self.strangers.insert(ip) {
                return Came::Refused(0, format!("{peer} refused: {ip} is not in `allow`; told once for each address"));
            }
            return Came::Moved;
        };
        self.strangers.remove(&ip);
        let Some(tls) = self.entries.get(*first).and_then(|entry| entry.keeper.as_ref()) else {
            return self.route(Wire::Plain(stream), peer);
        };
        let Some(material) = tls.material().cloned() else { return Came::Moved };
        let tls = tls.tls_shared();
        let keepers = welcome.iter().filter_map(|entry| self.entries.get(*entry)?.keeper.as_ref()?.material());
        let lists = keepers.map(|material| Arc::clone(&material.allow)).collect();
        let given_up = self.make_room(ip);
        match Handshake::server(stream, peer, &tls, &material, lists, now) {
            Ok(handshake) => self.handshakes.push(handshake),
            Err(error) => return Came::Refused(*first, format!("{peer} refused: TLS cannot begin: {error}")),
        }
        given_up.map_or(Came::Moved, |old| Came::Refused(*first, format!("{old} refused: its TLS handshake was slow and others waited")))
    }

    /// Gives up the oldest handshake if there are too many.
    fn make_room(&mut self, ip: IpAddr) -> Option<SocketAddr> {
        let of_peer = |handshake: &Handshake| handshake.peer.ip().to_canonical() == ip;
        let too_many_of_peer = self.handshakes.iter().filter(|handshake| of_peer(handshake)).count() >= HANDSHAKES_PER_PEER;
        if !too_many_of_peer && self.handshakes.len() < HANDSHAKES {
            return None;
        }
        let candidates = self.handshakes.iter().enumerate().filter(|(_, handshake)| !too_many_of_peer || of_peer(handshake));
        let (at, _) = candidates.min_by_key(|(_, handshake)| handshake.until)?;
        Some(self.handshakes.swap_remove(at).peer)
    }

    fn allows(&self, entry: usize, ip: IpAddr) -> bool {
        self.entries.get(entry).is_some_and(|entry| entry.allow.iter().any(|allowed| allowed.to_canonical() == ip))
    }

    /// The first entry that allows the address, for what is told of a peer that did not get in.
    fn concerned(&self, peer: SocketAddr) -> usize {
        (0..self.entries.len()).find(|entry| self.allows(*entry, peer.ip().to_canonical())).unwrap_or(0)
    }

    /// The one entry that a peer belongs to. If two would have it nobody can say which is meant, and it stays outside.
    fn route(&self, wire: Wire, peer: SocketAddr) -> Came {
        let ip = peer.ip().to_canonical();
        let fits = |entry: &usize| {
            let listed = self.entries.get(*entry).and_then(|entry| entry.keeper.as_ref()).and_then(Keeper::material);
            self.allows(*entry, ip) && wire.facts().is_none_or(|facts| listed.is_some_and(|material| material.allow.fits(facts)))
        };
        let entries: Vec<usize> = (0..self.entries.len()).filter(fits).collect();
        match entries.as_slice() {
            [entry] => Came::Open(*entry, wire, peer),
            [] => Came::Refused(self.concerned(peer), format!("{peer} refused: it is no longer in `allow`")),
            [first, ..] => Came::Refused(
                *first,
                format!("{peer} refused: {} links on {} allow it; make their `allow` lists disjoint", entries.len(), self.at),
            ),
        }
    }
}

/// From a shared gate to a link.
pub(crate) enum Handed {
    Open(Wire, SocketAddr),
    Refused(String),
}

/// Where a shared gate hands one link's connections. A link that starts again takes over with a new receiver.
#[derive(Default)]
pub(crate) struct Hatch(Mutex<Option<mpsc::Sender<Handed>>>);

impl Hatch {
    /// The end that the link's driver takes from; one before it gets nothing any more.
    pub(crate) fn open(&self) -> mpsc::Receiver<Handed> {
        let (sender, receiver) = mpsc::channel(HANDED);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    fn hand(&self, handed: Handed) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A link that does not take, or is not there, refuses: the peer comes again.
        let refused = match sender.map(|sender| sender.try_send(handed)) {
            Some(Err(mpsc::error::TrySendError::Full(handed) | mpsc::error::TrySendError::Closed(handed))) => handed,
            Some(Ok(())) | None => return,
        };
        if let Handed::Open(wire, peer) = refused {
            tracing::warn!(%peer, "connection refused: its link does not take it");
            wire.reset();
        }
    }
}

/// A listening address of several links.
pub(crate) struct Shared {
    pub(crate) at: SocketAddr,
    /// Of each link: whom it allows, and where its connections go.
    pub(crate) links: Vec<(Vec<IpAddr>, Option<Tls>, Arc<Hatch>)>,
}

impl Shared {
    /// Serves the address until dropped.
    pub(crate) async fn serve(&self, clock: SystemClock) {
        let entries = self.links.iter().map(|(allow, tls, _)| Entry::new(allow.clone(), tls.clone())).collect();
        let mut gate = Gate::new(self.at, entries, clock.now().mono);
        let mut sleep = Box::pin(tokio::time::sleep(std::time::Duration::ZERO));
        std::future::poll_fn(|cx| self.turn(&mut gate, sleep.as_mut(), clock, cx)).await;
    }

    fn turn(&self, gate: &mut Gate, mut sleep: std::pin::Pin<&mut Sleep>, clock: SystemClock, cx: &mut Context<'_>) -> Poll<()> {
        use std::future::Future as _;
        loop {
            let now = clock.now();
            match gate.poll(cx, true, now) {
                Poll::Ready(Came::Open(entry, wire, peer)) => self.hand(entry, Handed::Open(wire, peer)),
                Poll::Ready(Came::Refused(entry, what)) => self.hand(entry, Handed::Refused(what)),
                // Each link has its own eye on its files.
                Poll::Ready(Came::Look(_) | Came::Moved) => {}
                Poll::Pending => {
                    let next = gate.deadline(true);
                    if next == Mono::NEVER {
                        return Poll::Pending;
                    }
                    sleep.as_mut().reset(clock.instant(next, now.mono));
                    if sleep.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    fn hand(&self, entry: usize, handed: Handed) {
        if let Some((_, _, hatch)) = self.links.get(entry) {
            hatch.hand(handed);
        }
    }
}

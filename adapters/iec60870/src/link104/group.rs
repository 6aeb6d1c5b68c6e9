//! A redundancy group (IEC 60870-5-104 clause 10): the connections of one link, of which at most one transfers data.
//!
//! A session is one group. Which connection transfers, and what happens to what the old one left behind, is the role's.

use std::net::SocketAddr;
use std::time::Duration;

use bridge_model::Mono;
use bridge_session::{Channel, Close, Event, PeerInfo};

use super::{Connection, Timing};
use crate::error::Error;

/// A switch-over is told at once, and the next ones within this span as one: a flood of STARTDT must not become a flood of log lines.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// One connection with its state of data transfer `P`.
#[derive(Debug)]
pub(crate) struct Member<T, P> {
    pub(crate) connection: Connection<T>,
    pub(crate) phase: P,
    pub(crate) peer: SocketAddr,
    /// Who it is: the identity that TLS proved, else the address without its port.
    pub(crate) party: String,
    pub(crate) opened: Mono,
}

impl<T, P> Member<T, P> {
    /// Not on its way to be closed.
    pub(crate) fn is_open(&self) -> bool {
        !self.connection.is_closing()
    }
}

/// What [`Group::close`] found under a channel.
#[derive(Debug)]
pub(crate) enum Gone<T, P> {
    /// A connection that was refused.
    Refused,
    /// One of the group.
    Member(Box<Member<T, P>>),
    /// Nothing.
    Unknown,
}

/// The connections, oldest first.
#[derive(Debug)]
pub(crate) struct Group<T, P> {
    limit: usize,
    timing: Timing,
    members: Vec<Member<T, P>>,
    /// Counts the connections that were ever opened.
    opened: u32,
    refused: Vec<(Channel, bool)>,
    standby: u32,
    /// When the last switch-over was told, and the channel and number of those since.
    told: Option<Mono>,
    untold: Option<(Channel, u32)>,
}

impl<T, P> Group<T, P> {
    pub(crate) fn new(limit: usize, timing: Timing) -> Self {
        Self { limit, timing, members: Vec::new(), opened: 0, refused: Vec::new(), standby: 0, told: None, untold: None }
    }

    /// Takes a connection in, or notes that it is to be refused.
    pub(crate) fn open(&mut self, channel: Channel, peer: &PeerInfo, phase: P, now: Mono) {
        if self.members.len() >= self.limit {
            self.refused.push((channel, false));
            return;
        }
        self.opened += 1;
        let connection = Connection::new(channel, self.opened, self.timing, now);
        let party = peer.tls_identity.clone().unwrap_or_else(|| peer.addr.ip().to_canonical().to_string());
        self.members.push(Member { connection, phase, peer: peer.addr, party, opened: now });
    }

    /// Takes a connection out.
    pub(crate) fn close(&mut self, channel: Channel) -> Gone<T, P> {
        if let Some(at) = self.refused.iter().position(|(refused, _)| *refused == channel) {
            self.refused.remove(at);
            return Gone::Refused;
        }
        match self.find(channel) {
            Some(at) => Gone::Member(Box::new(self.members.remove(at))),
            None => Gone::Unknown,
        }
    }

    /// Why a connection beyond the limit is closed.
    pub(crate) const fn refusal(&self) -> Error {
        Error::TooManyConnections { limit: self.limit }
    }

    /// The place of a channel, until the next [`Group::close`].
    pub(crate) fn find(&self, channel: Channel) -> Option<usize> {
        self.members.iter().position(|member| member.connection.channel == channel)
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Member<T, P>> {
        self.members.get(at)
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut Member<T, P>> {
        self.members.get_mut(at)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member<T, P>> {
        self.members.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member<T, P>> {
        self.members.iter_mut()
    }

    /// How many places [`Group::get`] knows.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Frames of one connection are durable; of a connection that is gone nobody needs to know.
    pub(crate) fn make_durable(&mut self, connection: u32, frame: u64, now: Mono) {
        if let Some(member) = self.members.iter_mut().find(|member| member.connection.number == connection) {
            member.connection.make_durable(frame, now);
        }
    }

    /// Gives the wish to close a channel, once.
    pub(crate) fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        let cause = self.refusal();
        if let Some((_, told)) = self.refused.iter_mut().find(|(refused, told)| *refused == channel && !told) {
            *told = true;
            return Some(Close { abort: false, cause: cause.to_string() });
        }
        let at = self.find(channel)?;
        self.get_mut(at)?.connection.poll_close()
    }

    /// When something of a connection, or a switch-over that is not yet told, is next due.
    pub(crate) fn deadline(&self) -> Mono {
        let told = self.untold.and(self.told).map_or(Mono::NEVER, |told| told + TOLD_EVERY);
        self.members.iter().map(|member| member.connection.deadline()).fold(told, Mono::min)
    }

    /// Tells how many connections stand by, if that changed.
    pub(crate) fn tell_standby(&mut self, ready: usize) -> Option<Event> {
        let ready = u32::try_from(ready).unwrap_or(u32::MAX);
        let changed = std::mem::replace(&mut self.standby, ready) != ready;
        changed.then_some(Event::Standby { ready })
    }

    /// Data transfer moved to `channel`.
    pub(crate) fn switched_over(&mut self, channel: Channel) {
        let before = self.untold.map_or(0, |(_, moves)| moves);
        self.untold = Some((channel, before.saturating_add(1)));
    }

    /// Tells a switch-over, unless one was told lately.
    pub(crate) fn tell_switch_over(&mut self, now: Mono) -> Option<Event> {
        if self.told.is_some_and(|told| now < told + TOLD_EVERY) {
            return None;
        }
        let (channel, moves) = self.untold.take()?;
        self.told = Some(now);
        Some(Event::SwitchedOver { channel, moves })
    }
}

//! A redundancy group (IEC 60870-5-104 clause 10): the connections of one link, of which at most one transfers data.
//!
//! A session is one group. Which connection transfers, and what happens to what the old one left behind, is the role's.

use std::net::SocketAddr;
use std::time::Duration;

use bridge_model::Mono;
use bridge_session::{Channel, Close, Event, PeerInfo};

use super::{Connection, Timing};
use crate::error::Error;

/// A switch-over is told at once, and the next ones within this span as one: a flood of STARTDT must not become a flood of log lines. One
/// that ends something of ours (a selection may hang on the connection that is left) is told at once whenever it comes: there are no more
/// of them than commands of ours.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// One connection with its state of data transfer `P`.
#[derive(Debug)]
pub(crate) struct Member<T, P> {
    pub(crate) connection: Connection<T>,
    pub(crate) phase: P,
    pub(crate) peer: SocketAddr,
    /// Who it is: the identity that TLS proved, else the address without its port.
    pub(crate) party: String,
    /// What TLS proved.
    pub(crate) tls_identity: Option<String>,
    pub(crate) opened: Mono,
}

impl<T, P> Member<T, P> {
    /// The peer as it was told when the connection opened.
    pub(crate) fn peer_info(&self) -> PeerInfo {
        PeerInfo { addr: self.peer, tls_identity: self.tls_identity.clone() }
    }

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

/// Switch-overs that are not told yet.
#[derive(Clone, Copy, Debug)]
struct Untold {
    channel: Channel,
    moves: u32,
    /// A command of ours went out on the connection that was left.
    at_once: bool,
    /// It waits for the span to end.
    held: bool,
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
    /// When the last switch-over was told, and those since.
    told: Option<Mono>,
    untold: Option<Untold>,
    /// Whether a command of ours was taken since data transfer last moved.
    commanded: bool,
}

impl<T, P> Group<T, P> {
    pub(crate) fn new(limit: usize, timing: Timing) -> Self {
        Self { limit, timing, members: Vec::new(), opened: 0, refused: Vec::new(), standby: 0, told: None, untold: None, commanded: false }
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
        self.members.push(Member { connection, phase, peer: peer.addr, party, tls_identity: peer.tls_identity.clone(), opened: now });
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

    /// A command of ours was taken: a selection may hang on the connection that transfers data.
    pub(crate) const fn commanded(&mut self) {
        self.commanded = true;
    }

    /// Data transfer moved to `channel`.
    pub(crate) fn switched_over(&mut self, channel: Channel) {
        let at_once = std::mem::take(&mut self.commanded);
        let before = self.untold.unwrap_or(Untold { channel, moves: 0, at_once, held: false });
        let moves = before.moves.saturating_add(1);
        self.untold = Some(Untold { channel, moves, at_once: at_once || before.at_once, held: before.held });
    }

    /// Tells a switch-over, unless one was told lately and nothing of ours ends with this one. One that was held back while commands of
    /// ours went out on the new connection is told as a line only: as an event it would end what it came before.
    pub(crate) fn tell_switch_over(&mut self, now: Mono) -> Option<Event> {
        let untold = self.untold.as_mut()?;
        if !untold.at_once && self.told.is_some_and(|told| now < told + TOLD_EVERY) {
            untold.held = true;
            return None;
        }
        let Untold { channel, moves, at_once, held } = self.untold.take()?;
        self.told = Some(now);
        if held && !at_once && self.commanded {
            return Some(Event::Refused { what: format!("data transfer moved {moves} more time(s), to connection {}", channel.0) });
        }
        Some(Event::SwitchedOver { channel, moves })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;

    fn group() -> Group<(), ()> {
        Group::new(4, Timing::new(&Params::default(), 64))
    }

    const fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    fn moved(channel: u32, moves: u32) -> Option<Event> {
        Some(Event::SwitchedOver { channel: Channel(channel), moves })
    }

    #[test]
    fn a1_r21_a_move_that_ends_a_command_of_ours_is_told_at_once() {
        let mut group = group();
        group.switched_over(Channel(8));
        assert_eq!(group.tell_switch_over(at(0)), moved(8, 1));
        group.switched_over(Channel(7));
        assert_eq!(group.tell_switch_over(at(1)), None, "nothing ends with it");
        group.commanded();
        group.switched_over(Channel(8));
        assert_eq!(group.tell_switch_over(at(2)), moved(8, 2), "with the one that was held back");
        assert_eq!((group.tell_switch_over(at(20)), group.deadline()), (None, Mono::NEVER));
    }

    #[test]
    fn a1_r21_a_move_that_is_told_late_ends_nothing_that_came_after_it() {
        let mut group = group();
        for second in 0..3 {
            group.switched_over(Channel(8));
            assert_eq!(group.tell_switch_over(at(second)).is_some(), second == 0);
        }
        group.commanded();
        assert_eq!(group.tell_switch_over(at(9)), None);
        assert_eq!(group.deadline(), at(10));
        assert!(matches!(group.tell_switch_over(at(10)), Some(Event::Refused { what }) if what.contains("moved 2 more")));
        // The next move ends it.
        group.switched_over(Channel(7));
        assert_eq!(group.tell_switch_over(at(11)), moved(7, 1));
    }
}

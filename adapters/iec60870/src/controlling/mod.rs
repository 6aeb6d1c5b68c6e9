//! The controlling station: starts data transfer, reads, interrogates, commands.
//!
//! A session is one redundancy group (clause 10) with the states of IEC 60870-5-104 clause 5.3 for each connection: stopped, waiting for
//! STARTDT con, started, waiting for STOPDT con. `switch_over.rs` decides which is started, `receive.rs` turns I frames into updates,
//! `interrogation.rs` asks for the whole image, `commands.rs` settles every command exactly once.

mod commands;
mod housekeeping;
mod interrogation;
mod receive;
mod switch_over;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bridge_model::{Mono, NotOperatedWhy, Now, Zone};
use bridge_session::{AddressUse, Channel, Chunk, Close, Event, FrameBatch, HousekeepingOutcome, LinkSpec, PeerInfo, Request, Session};

use crate::address::{Address, PointTable};
use crate::apci::{APCI_LEN, Function};
use crate::controlling::commands::Commands;
use crate::controlling::housekeeping::Housekeeping;
use crate::controlling::interrogation::Interrogation;
use crate::controlling::switch_over::SwitchOver;
use crate::error::Error;
use crate::link104::{Gone, Group, Member, Taken, Timing};
use crate::params::Params;
use crate::reverse::Reverse;
use crate::{Asdu, AsduView, ControlPermit, DayCache, Repertoire, TypeId};

pub(crate) use commands::control_asdu;
pub(crate) use receive::read_objects;

/// What a sent I frame was, until the peer acknowledges it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    /// An interrogation, a select or a withdrawal: nothing hangs on its N(R).
    Harmless,
    /// The execute of the command with this serial number.
    Execute(u64),
    /// A request that changes the station.
    Change,
    /// The other direction's.
    Reverse,
}

/// The state of data transfer of one connection. At most one that is open is not stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Standing by, or about to be closed.
    Stopped,
    /// STARTDT act left or will.
    Starting,
    Started,
    /// STOPDT act left or will; I frames still come until its con.
    Stopping,
}

/// The session of a controlling station.
#[derive(Debug)]
pub struct Controlling {
    zone: Zone,
    params: Params,
    fresh: Duration,
    table: PointTable,
    permit: Option<ControlPermit>,
    group: Group<Sent, Phase>,
    switch: SwitchOver,
    batch: FrameBatch,
    /// The connection of the last frame; what the peer was told of the one before, or of the last that ended.
    carrier: u32,
    settled: (u32, u64),
    events: VecDeque<Event>,
    days: DayCache,
    interrogation: Interrogation,
    housekeeping: Housekeeping,
    commands: Commands,
    /// What serves the peer, on a link of both directions.
    reverse: Option<Reverse>,
    /// Types told about as unknown since the last start: one log line each.
    unknown_types: BTreeSet<TypeId>,
    misfits_told: bool,
}

impl Controlling {
    /// The session of a checked link. Points whose address does not read are left out: the check named them.
    #[must_use]
    pub fn new(spec: &LinkSpec) -> Self {
        Self::with_params(spec, Params::from_fields(&spec.params))
    }

    /// As [`Controlling::new`], with parameters that no profile can choose.
    #[must_use]
    pub fn with_params(spec: &LinkSpec, params: Params) -> Self {
        let (spec, reverse) = Reverse::split(spec, &params);
        let spec = &spec;
        let table = PointTable::new(Address::all(spec, AddressUse::Monitor));
        let permit = ControlPermit::for_link(spec);
        let cas: BTreeSet<u16> = table.cas().chain(params.ca).collect();
        // Where no point is there is nothing to read, and a station may not know the address. A link without points still asks for a sign.
        let interrogated = Some(table.cas().collect::<BTreeSet<u16>>()).filter(|used| !used.is_empty()).unwrap_or_else(|| cas.clone());
        let controls = if permit.is_some() { Address::all(spec, AddressUse::Control).collect() } else { Vec::new() };
        Self {
            zone: spec.zone,
            group: Group::new(params.connections, Timing::new(&params, spec.max_unacked)),
            switch: SwitchOver::default(),
            fresh: Duration::from_millis(u64::from(spec.fresh_link_ms)),
            housekeeping: Housekeeping::new(&params, cas.iter().copied().collect(), Address::all(spec, AddressUse::Monitor)),
            interrogation: Interrogation::new(&params, interrogated),
            commands: Commands::new(&params, controls),
            reverse,
            params,
            table,
            permit,
            batch: FrameBatch::default(),
            carrier: 0,
            settled: (0, 0),
            events: VecDeque::new(),
            days: DayCache::default(),
            unknown_types: BTreeSet::new(),
            misfits_told: false,
        }
    }

    /// The link's parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// One APDU of the connection at `at`.
    fn apdu(&mut self, at: usize, apdu: &[u8], now: Now) -> Result<(), Error> {
        let Some(Member { connection, phase, .. }) = self.group.get_mut(at) else { return Ok(()) };
        let taken = connection.take(apdu, now.mono)?;
        let mut reversed = 0;
        for sent in connection.acked.drain(..) {
            match sent {
                Sent::Harmless => {}
                Sent::Execute(serial) => self.commands.arrived(serial),
                Sent::Change => self.housekeeping.arrived(),
                Sent::Reverse => reversed += 1,
            }
        }
        if let Some(reverse) = self.reverse.as_mut().filter(|_| *phase == Phase::Started) {
            reverse.acknowledged(reversed, now);
            reverse.tell((0, 0), &mut self.events);
        }
        match taken {
            Taken::Supervisory => {}
            Taken::Information(frame, asdu) => {
                let (number, first) = (connection.number, self.batch.updates.len());
                let settled = if self.carrier == number { connection.settled() } else { self.settled };
                self.carrier = number;
                // Evidence first: a frame that closes the connection is journaled too, and never acknowledged.
                let outcome = match phase {
                    Phase::Started => match self.reverse.as_mut().filter(|reverse| reverse.takes_octets(asdu)) {
                        Some(reverse) => {
                            // The peer's command waits for us.
                            connection.hurry();
                            reverse.take(asdu, (number, frame), &mut self.batch.updates, &mut self.events, now)
                        }
                        None => self.information(asdu, now),
                    },
                    Phase::Stopping => {
                        connection.hurry();
                        self.information(asdu, now)
                    }
                    Phase::Starting => Err(Error::misbehaved("I frame before STARTDT con")),
                    Phase::Stopped => Err(Error::misbehaved("I frame on a stopped connection")),
                };
                self.batch.push_framed(number, frame, now.utc, apdu, APCI_LEN, first);
                self.batch.settled(settled.0, settled.1);
                outcome?;
                if !self.switch.is_wanted() {
                    return Ok(());
                }
            }
            Taken::Unnumbered(Function::StartCon) => self.confirmed(at, now)?,
            Taken::Unnumbered(Function::StopCon) => self.stopped(at, now)?,
            Taken::Unnumbered(Function::TestCon) => {
                if *phase != Phase::Stopped {
                    let connection = &*connection;
                    self.commands.test_answered(|mark| connection.answered_since(mark));
                    self.housekeeping.test_answered(|mark| connection.answered_since(mark));
                    if let Some(reverse) = &mut self.reverse {
                        reverse.test_answered(now);
                    }
                }
            }
            Taken::Unnumbered(Function::TestAct) => {}
            Taken::Unnumbered(function @ (Function::StartAct | Function::StopAct)) => {
                return Err(Error::misbehaved(format!("{} from a controlled station", function.name())));
            }
        }
        self.settle(now);
        Ok(())
    }

    /// The meaning of one I frame.
    fn information(&mut self, octets: &[u8], now: Now) -> Result<(), Error> {
        let view = AsduView::parse(octets)?;
        if let Some((family, tag)) = view.type_id.family().filter(|_| !view.type_id.is_101_only()) {
            return self.monitored(&view, family, tag, now);
        }
        match view.meaning()?.filter(|_| !Repertoire::of(view.type_id).controlling.taken.is_empty()) {
            Some(Asdu::System(asdu)) => {
                self.interrogation.system(&asdu, &mut self.events, now.mono);
                self.housekeeping.answered(&Asdu::System(asdu), self.zone, &mut self.events, now);
            }
            Some(asdu @ Asdu::Parameter(_)) => self.housekeeping.answered(&asdu, self.zone, &mut self.events, now),
            Some(Asdu::Control(asdu)) => self.commands.answered(&asdu, &mut self.events, now),
            Some(Asdu::Monitor(_)) | None => {
                if self.unknown_types.insert(view.type_id) {
                    let what = format!("{} cause {} is journaled and not read", view.type_id, view.cot.cause.0);
                    self.events.push_back(Event::Refused { what });
                }
            }
        }
        Ok(())
    }

    /// How long something that was sent and must not arrive late may still be on its way.
    fn remaining_life(&self, now: Now) -> Option<Duration> {
        self.commands.remaining_life(now).into_iter().chain(self.housekeeping.remaining_life(now)).min()
    }

    /// A connection is to be closed: nothing more is sent on it. If it was the one that transfers data, every command is settled.
    fn fail(&mut self, at: usize, cause: &Error, now: Now) {
        let in_flight = self.remaining_life(now).is_some();
        let Some(link) = self.group.get_mut(at) else { return };
        let phase = std::mem::replace(&mut link.phase, Phase::Stopped);
        // Whatever the cause: what may still wait in the kernel must not arrive later (R5).
        let abort = phase != Phase::Stopped && in_flight;
        link.connection.close(cause, abort);
        if matches!(phase, Phase::Started | Phase::Stopping) {
            self.ended(now);
        }
    }
}

impl Session for Controlling {
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now) {
        self.group.open(channel, peer, Phase::Stopped, now.mono);
        self.settle(now);
    }

    fn handle_input(&mut self, channel: Channel, chunk: Chunk<'_>, now: Now) {
        let Chunk::Stream(mut bytes) = chunk else { return };
        let Some(at) = self.group.find(channel) else { return };
        let Some(link) = self.group.get_mut(at).filter(|link| link.is_open()) else { return };
        let mut deframer = std::mem::take(&mut link.connection.deframer);
        let outcome = loop {
            match deframer.next(&mut bytes) {
                Ok(Some(apdu)) => {
                    if let Err(error) = self.apdu(at, apdu, now) {
                        break Err(error);
                    }
                    if let Some(link) = self.group.get_mut(at) {
                        link.connection.apdu_complete();
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        if let Some(link) = self.group.get_mut(at) {
            link.connection.deframer = deframer;
            link.connection.end_of_chunk(now.mono);
        }
        if let Err(error) = outcome {
            self.fail(at, &error, now);
            self.settle(now);
        }
    }

    fn handle_request(&mut self, request: Request, now: Now) {
        match request {
            Request::Command(command) => {
                self.group.commanded();
                let refusal = if self.permit.is_none() {
                    Some(NotOperatedWhy::NotPermitted)
                } else if self.started().is_some() {
                    None
                } else if self.wait(command) {
                    return;
                } else {
                    Some(NotOperatedWhy::LinkDown)
                };
                self.commands.request(command, refusal, &mut self.events, now);
            }
            Request::Cancel(id) => {
                self.commands.cancel(id, &mut self.events, now);
                self.cancel_waiting(id, now);
                self.settle(now);
            }
            Request::Interrogate => {
                if self.started().is_some() {
                    self.interrogation.want(now.mono);
                } else {
                    self.events.push_back(Event::InterrogationFailed);
                }
            }
            Request::Housekeep { id, wish, not_after } => {
                self.housekeeping.request((id, wish, not_after), self.permit.is_some(), self.started().is_some(), &mut self.events);
            }
            Request::SwitchOver => self.want_another(now),
            request @ (Request::Publish(_) | Request::Answer { .. }) if self.reverse.is_some() => {
                if let Some(reverse) = &mut self.reverse {
                    reverse.request(request, &mut self.events, now);
                }
            }
            Request::File { id, .. } => self.events.push_back(Event::Housekept { id, outcome: HousekeepingOutcome::NotPermitted }),
            // Serving is the controlled station's; a 104 link holds or passes.
            Request::Publish(_) | Request::Answer { .. } | Request::System(_) | Request::Journal { .. } => {}
        }
    }

    fn handle_durable(&mut self, connection: u32, frame: u64, now: Now) {
        self.group.make_durable(connection, frame, now.mono);
    }

    fn handle_timeout(&mut self, now: Now) {
        let probes = self.commands.handle_timeout(&mut self.events, now);
        if let Some(Err(error)) = self.reverse.as_mut().map(|reverse| reverse.handle_timeout(&mut self.events, now))
            && let Some(at) = self.started()
        {
            self.fail(at, &error, now);
        }
        for at in 0..self.group.len() {
            let supervised = match self.group.get_mut(at).filter(|link| link.is_open()) {
                Some(link) => link.connection.supervise(now.mono),
                None => Ok(()),
            };
            if let Err(error) = supervised {
                self.fail(at, &error, now);
            }
        }
        if let Some(at) = self.active() {
            for probe in [probes, self.housekeeping.handle_timeout(&mut self.events, now.mono)] {
                match probe {
                    Err(error) => self.fail(at, &error, now),
                    Ok(true) => {
                        if let Some(link) = self.group.get_mut(at) {
                            link.connection.ask(Function::TestAct, now.mono);
                        }
                    }
                    Ok(false) => {}
                }
            }
            self.interrogation.handle_timeout(&mut self.events, now.mono);
        }
        self.settle(now);
    }

    fn handle_close(&mut self, channel: Channel, now: Now) {
        let link = match self.group.close(channel) {
            Gone::Member(link) => link,
            Gone::Refused => {
                let cause = self.group.refusal().to_string();
                self.events.push_back(Event::Closed { channel, cause, at: now.mono });
                return;
            }
            Gone::Unknown => return,
        };
        if link.connection.number == self.carrier {
            self.settled = link.connection.settled();
        }
        if matches!(link.phase, Phase::Started | Phase::Stopping) {
            self.ended(now);
        }
        self.events.push_back(Event::Closed { channel, cause: link.connection.cause(), at: now.mono });
        self.settle(now);
    }

    fn poll_frames(&mut self, batch: &mut FrameBatch) -> bool {
        if self.batch.frames.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.batch, batch);
        self.batch.clear();
        true
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_output(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize, now: Now) -> bool {
        let Some(at) = self.group.find(channel) else { return false };
        let Some(Member { connection, phase, .. }) = self.group.get_mut(at).filter(|link| link.is_open()) else { return false };
        let start = out.len();
        connection.put_control(out, start.saturating_add(limit), now.mono);
        if *phase == Phase::Started {
            if connection.may_send() {
                self.interrogation.put(connection, out, now.mono);
            }
            if self.housekeeping.is_change_due() && !connection.heard_within(self.fresh, now.mono) {
                connection.ask(Function::TestAct, now.mono);
                connection.put_control(out, start.saturating_add(limit), now.mono);
            } else if connection.may_send() && (out.len() == start || !self.housekeeping.is_change_due()) {
                self.housekeeping.put(self.permit.as_ref(), connection, self.zone, out, &mut self.events, now);
            }
            if let Some(permit) = &self.permit {
                self.commands.put_selects(permit, connection, self.zone, out, &mut self.events, now);
                // An execute leaves alone, after everything before it was taken (R5).
                if out.len() == start && self.commands.wants_execute(now) {
                    if connection.heard_within(self.fresh, now.mono) {
                        self.commands.put_execute(permit, connection, self.zone, out, &mut self.events, now);
                    } else {
                        self.commands.awaits_freshness();
                        connection.ask(Function::TestAct, now.mono);
                        connection.put_control(out, start.saturating_add(limit), now.mono);
                    }
                }
            }
            if let Some(reverse) = &mut self.reverse {
                while out.len() - start < limit && connection.may_send() && !self.commands.wants_execute(now) {
                    let Some(asdu) = reverse.poll_asdu(now) else { break };
                    connection.put_information(out, now.mono, |out| {
                        out.extend_from_slice(&asdu);
                        Sent::Reverse
                    });
                }
                if reverse.poll_probe() {
                    connection.ask(Function::TestAct, now.mono);
                    connection.put_control(out, start.saturating_add(limit), now.mono);
                }
                reverse.tell((0, 0), &mut self.events);
            }
        }
        out.len() > start
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        self.group.poll_close(channel)
    }

    fn poll_timeout(&self) -> Option<Mono> {
        if !self.events.is_empty() {
            // Some events arise in `poll_output`: they must not wait for the next input.
            return Some(Mono(0));
        }
        let mut next = self.group.deadline().min(self.switch_deadline());
        if self.active().is_some() {
            next = next.min(self.commands.deadline());
        }
        if self.started().is_some() {
            next = next.min(self.interrogation.deadline()).min(self.housekeeping.deadline());
        }
        next = next.min(self.reverse.as_ref().map_or(Mono::NEVER, Reverse::deadline));
        (next != Mono::NEVER).then_some(next)
    }

    fn user_timeout(&self, channel: Channel, now: Now) -> Option<Duration> {
        self.active().filter(|at| self.group.find(channel) == Some(*at))?;
        self.remaining_life(now)
    }

    fn connect_timeout(&self) -> Option<Duration> {
        Some(self.params.t0)
    }

    fn channels_max(&self) -> Option<usize> {
        Some(self.params.connections)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_commands;
#[cfg(test)]
mod tests_functions;

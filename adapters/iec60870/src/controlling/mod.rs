//! The controlling station: starts data transfer, reads, interrogates, commands.
//!
//! States of IEC 60870-5-104 clause 5.3: stopped, waiting for STARTDT con, started. `receive.rs` turns I frames into updates,
//! `interrogation.rs` asks for the whole image, `commands.rs` settles every command exactly once.

mod commands;
mod housekeeping;
mod interrogation;
mod receive;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bridge_model::{Mono, NotOperatedWhy, Now, Zone};
use bridge_session::{AddressUse, Channel, Chunk, Close, Event, FrameBatch, LinkSpec, LinkState, PeerInfo, Request, Session};

use crate::address::{Address, PointTable};
use crate::apci::{APCI_LEN, Function};
use crate::controlling::commands::Commands;
use crate::controlling::housekeeping::Housekeeping;
use crate::controlling::interrogation::Interrogation;
use crate::error::Error;
use crate::link104::{Connection, Deframer, Taken, Timing};
use crate::params::Params;
use crate::{Asdu, AsduView, ControlPermit, DayCache, TypeId};

pub(crate) use commands::control_asdu;
pub(crate) use receive::read_objects;

/// What a sent I frame was, until the peer acknowledges it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    /// An interrogation, a select or a withdrawal: nothing hangs on its N(R).
    Harmless,
    /// The execute of the command with this serial number.
    Execute(u64),
}

/// The state of data transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Starting,
    Started,
}

/// The session of a controlling station. Holds one connection at a time; a second is refused.
#[derive(Debug)]
pub struct Controlling {
    zone: Zone,
    timing: Timing,
    params: Params,
    fresh: Duration,
    table: PointTable,
    permit: Option<ControlPermit>,
    phase: Phase,
    connection: Option<Connection<Sent>>,
    connections: u32,
    refused: Vec<(Channel, bool)>,
    batch: FrameBatch,
    events: VecDeque<Event>,
    days: DayCache,
    interrogation: Interrogation,
    housekeeping: Housekeeping,
    commands: Commands,
    /// Types told about as unknown on this connection: one log line each.
    unknown_types: BTreeSet<TypeId>,
    misfits_told: bool,
}

impl Controlling {
    /// The session of a checked link. Points whose address does not read are left out: the check named them.
    #[must_use]
    pub fn new(spec: &LinkSpec) -> Self {
        let params = Params::from_fields(&spec.params);
        let table = PointTable::new(Address::all(spec, AddressUse::Monitor));
        let permit = ControlPermit::for_link(spec);
        let cas: BTreeSet<u16> = table.cas().chain(params.ca).collect();
        let controls = if permit.is_some() { Address::all(spec, AddressUse::Control).collect() } else { Vec::new() };
        Self {
            zone: spec.zone,
            timing: Timing::new(&params, spec.max_unacked),
            fresh: Duration::from_millis(u64::from(spec.fresh_link_ms)),
            housekeeping: Housekeeping::new(&params, cas.iter().copied().collect(), Address::all(spec, AddressUse::Monitor)),
            interrogation: Interrogation::new(&params, cas),
            commands: Commands::new(&params, controls),
            params,
            table,
            permit,
            phase: Phase::Starting,
            connection: None,
            connections: 0,
            refused: Vec::new(),
            batch: FrameBatch::default(),
            events: VecDeque::new(),
            days: DayCache::default(),
            unknown_types: BTreeSet::new(),
            misfits_told: false,
        }
    }

    /// The link's parameters, `t0` for the driver among them.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    fn apdu(&mut self, apdu: &[u8], now: Now) -> Result<(), Error> {
        let Some(connection) = self.connection.as_mut() else { return Ok(()) };
        let taken = connection.take(apdu, now.mono)?;
        let number = connection.number;
        for sent in connection.acked.drain(..) {
            match sent {
                Sent::Harmless => {}
                Sent::Execute(serial) => self.commands.arrived(serial),
            }
        }
        match taken {
            Taken::Supervisory => Ok(()),
            Taken::Information(frame, asdu) => {
                let first = self.batch.updates.len();
                // Evidence first: a frame that closes the connection is journaled too, and never acknowledged.
                let outcome = match self.phase {
                    Phase::Started => self.information(asdu, now),
                    Phase::Starting => Err(Error::misbehaved("I frame before STARTDT con")),
                };
                self.batch.push_framed(number, frame, now.utc, apdu, APCI_LEN, first);
                outcome
            }
            Taken::Unnumbered(Function::StartCon) => {
                self.phase = Phase::Started;
                self.events.push_back(Event::LinkState(LinkState::Started));
                self.interrogation.started(now.mono);
                Ok(())
            }
            Taken::Unnumbered(Function::TestCon) => {
                if let Some(connection) = &self.connection {
                    self.commands.test_answered(|mark| connection.answered_since(mark));
                }
                Ok(())
            }
            Taken::Unnumbered(Function::TestAct) => Ok(()),
            Taken::Unnumbered(function @ (Function::StartAct | Function::StopAct | Function::StopCon)) => {
                Err(Error::misbehaved(format!("{} from a controlled station", function.name())))
            }
        }
    }

    /// The meaning of one I frame.
    fn information(&mut self, octets: &[u8], now: Now) -> Result<(), Error> {
        let view = AsduView::parse(octets)?;
        if let Some((family, tag)) = view.type_id.family().filter(|_| !view.type_id.is_101_only()) {
            return self.monitored(&view, family, tag, now);
        }
        match view.meaning()?.filter(|_| !view.type_id.is_101_only()) {
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

    /// The connection is to be closed: nothing more is sent, every command is settled.
    fn fail(&mut self, cause: &Error, now: Now) {
        // Whatever the cause: an execute that may still wait in the kernel must not arrive later (R5).
        let abort = self.commands.remaining_life(now).is_some();
        if let Some(connection) = self.connection.as_mut() {
            connection.close(cause, abort);
        }
        self.commands.connection_lost(&mut self.events, now);
    }

    fn is_started(&self) -> bool {
        self.phase == Phase::Started && self.connection.as_ref().is_some_and(|connection| !connection.is_closing())
    }

    fn is_current(&self, channel: Channel) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.channel == channel)
    }
}

impl Session for Controlling {
    fn handle_open(&mut self, channel: Channel, _peer: &PeerInfo, now: Now) {
        if self.connection.is_some() {
            self.refused.push((channel, false));
            return;
        }
        self.connections += 1;
        let mut connection = Connection::new(channel, self.connections, self.timing, now.mono);
        connection.ask(Function::StartAct, now.mono);
        self.connection = Some(connection);
        self.phase = Phase::Starting;
        self.unknown_types.clear();
        self.misfits_told = false;
        self.events.push_back(Event::LinkState(LinkState::Connected));
    }

    fn handle_input(&mut self, channel: Channel, chunk: Chunk<'_>, now: Now) {
        let Chunk::Stream(mut bytes) = chunk else { return };
        let Some(connection) = self.connection.as_mut().filter(|c| c.channel == channel && !c.is_closing()) else { return };
        let mut deframer = std::mem::take(&mut connection.deframer);
        let outcome = loop {
            match deframer.next(&mut bytes) {
                Ok(Some(apdu)) => {
                    if let Err(error) = self.apdu(apdu, now) {
                        break Err(error);
                    }
                    if let Some(connection) = self.connection.as_mut() {
                        connection.apdu_complete();
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        self.return_deframer(deframer, now.mono);
        if let Err(error) = outcome {
            self.fail(&error, now);
        }
    }

    fn handle_request(&mut self, request: Request, now: Now) {
        match request {
            Request::Command(command) => {
                let refusal = if self.permit.is_none() {
                    Some(NotOperatedWhy::NotPermitted)
                } else if self.is_started() {
                    None
                } else {
                    Some(NotOperatedWhy::LinkDown)
                };
                self.commands.request(command, refusal, &mut self.events, now);
            }
            Request::Cancel(id) => self.commands.cancel(id, &mut self.events, now),
            Request::Interrogate => {
                if self.is_started() {
                    self.interrogation.want(now.mono);
                } else {
                    self.events.push_back(Event::InterrogationFailed);
                }
            }
            Request::Housekeep(id, wish) => {
                self.housekeeping.request(id, wish, self.permit.is_some(), self.is_started(), &mut self.events);
            }
            // Serving is the controlled station's.
            Request::Publish(_) | Request::Answer { .. } => {}
        }
    }

    fn handle_durable(&mut self, connection: u32, frame: u64, now: Now) {
        if let Some(current) = self.connection.as_mut().filter(|current| current.number == connection) {
            current.make_durable(frame, now.mono);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        let Some(connection) = self.connection.as_mut().filter(|connection| !connection.is_closing()) else { return };
        let supervised = connection.supervise(now.mono);
        let probes = self.commands.handle_timeout(&mut self.events, now);
        match (supervised, probes) {
            (Err(error), _) | (Ok(()), Err(error)) => return self.fail(&error, now),
            (Ok(()), Ok(probe)) => {
                if probe && let Some(connection) = self.connection.as_mut() {
                    connection.ask(Function::TestAct, now.mono);
                }
            }
        }
        self.interrogation.handle_timeout(&mut self.events, now.mono);
        self.housekeeping.handle_timeout(&mut self.events, now.mono);
    }

    fn handle_close(&mut self, channel: Channel, now: Now) {
        if let Some(at) = self.refused.iter().position(|(refused, _)| *refused == channel) {
            self.refused.remove(at);
            self.events.push_back(Event::Closed { channel, cause: Error::SecondConnection.to_string(), at: now.mono });
            return;
        }
        if !self.is_current(channel) {
            return;
        }
        self.commands.connection_lost(&mut self.events, now);
        self.interrogation.connection_lost(&mut self.events);
        self.housekeeping.connection_lost(&mut self.events);
        let cause = self.connection.take().map(|connection| connection.cause()).unwrap_or_default();
        self.events.push_back(Event::Closed { channel, cause, at: now.mono });
        self.events.push_back(Event::LinkState(LinkState::Down));
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
        let Some(connection) = self.connection.as_mut().filter(|c| c.channel == channel && !c.is_closing()) else { return false };
        let start = out.len();
        connection.put_control(out, start.saturating_add(limit), now.mono);
        if self.phase == Phase::Started {
            if connection.may_send() {
                self.interrogation.put(connection, self.params.oa, out, now.mono);
            }
            if connection.may_send() {
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
        }
        out.len() > start
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        if let Some((_, told)) = self.refused.iter_mut().find(|(refused, told)| *refused == channel && !told) {
            *told = true;
            return Some(Close { abort: false, cause: Error::SecondConnection.to_string() });
        }
        self.connection.as_mut().filter(|connection| connection.channel == channel)?.poll_close()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        if !self.events.is_empty() {
            // Some events arise in `poll_output`: they must not wait for the next input.
            return Some(Mono(0));
        }
        let connection = self.connection.as_ref().filter(|connection| !connection.is_closing())?;
        let next = connection.deadline().min(self.commands.deadline());
        Some(if self.phase == Phase::Started { next.min(self.interrogation.deadline()).min(self.housekeeping.deadline()) } else { next })
    }

    fn user_timeout(&self, channel: Channel, now: Now) -> Option<Duration> {
        self.connection.as_ref().filter(|connection| connection.channel == channel)?;
        self.commands.remaining_life(now)
    }
}

impl Controlling {
    fn return_deframer(&mut self, deframer: Deframer, now: Mono) {
        if let Some(connection) = self.connection.as_mut() {
            connection.deframer = deframer;
            connection.end_of_chunk(now);
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_functions;

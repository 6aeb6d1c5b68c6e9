//! The controlled station: serves an image and events, and hands commands on.
//!
//! States of IEC 60870-5-104 clause 5.3: stopped, started, unconfirmed stopped. `receive.rs` answers or hands on what the controlling
//! station sends, `image.rs` holds the served values, `outbox.rs` the events, `interrogation.rs` walks the image lazily, `commands.rs`
//! keeps what waits for an answer and `select.rs` what is selected. `counters.rs` freezes totals, `cycles.rs` repeats measurands by the
//! clock, `pace.rs` bounds how fast they are told, `parameters.rs` takes what a controlling station loads.

mod commands;
mod counters;
mod cycles;
mod image;
mod interrogation;
mod outbox;
mod pace;
mod parameters;
mod receive;
mod select;

use std::collections::VecDeque;
use std::time::Duration;

use bridge_model::{Mono, Now, Zone};
use bridge_session::{AddressUse, Channel, Chunk, Close, Event, FrameBatch, LinkSpec, LinkState, PeerInfo, Request, Session};

use crate::address::Address;
use crate::apci::{APCI_LEN, Function};
use crate::controlled::commands::Commands;
use crate::controlled::counters::Counters;
use crate::controlled::cycles::Cycles;
use crate::controlled::image::Image;
use crate::controlled::interrogation::Interrogation;
use crate::controlled::outbox::{Contents, Outbox, Replies};
use crate::error::Error;
use crate::link104::{Connection, Deframer, Taken, Timing};
use crate::params::Params;

/// The state of data transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Stopped,
    Started,
    /// STOPDT act came; its con leaves when both directions are acknowledged (row 15).
    Stopping,
}

/// The session of a controlled station. Holds one connection at a time; a second is refused.
#[derive(Debug)]
pub struct Controlled {
    zone: Zone,
    timing: Timing,
    params: Params,
    phase: Phase,
    connection: Option<Connection<Contents>>,
    connections: u32,
    refused: Vec<(Channel, bool)>,
    batch: FrameBatch,
    events: VecDeque<Event>,
    image: Image,
    outbox: Outbox,
    replies: Replies,
    interrogation: Interrogation,
    counters: Counters,
    cycles: Cycles,
    commands: Commands,
    announced: bool,
    /// Whose turn it is when both an interrogation and changes want to send.
    changes_next: bool,
}

impl Controlled {
    /// The session of a checked link. Points whose address does not read are left out: the check named them.
    #[must_use]
    pub fn new(spec: &LinkSpec) -> Self {
        Self::with_params(spec, Params::from_fields(&spec.params))
    }

    /// As [`Controlled::new`], with parameters that no profile can choose yet.
    #[must_use]
    pub fn with_params(spec: &LinkSpec, params: Params) -> Self {
        let controls: Vec<_> = Address::all(spec, AddressUse::Control).collect();
        let extra = controls.iter().map(|(_, address)| address.ca).chain(params.ca);
        let image = Image::new(Address::served(spec), extra);
        Self {
            zone: spec.zone,
            timing: Timing::new(&params, spec.max_unacked),
            phase: Phase::Stopped,
            connection: None,
            connections: 0,
            refused: Vec::new(),
            batch: FrameBatch::default(),
            events: VecDeque::new(),
            counters: Counters::new(&params, &image),
            cycles: Cycles::new(params.background, &image),
            image,
            outbox: Outbox::default(),
            replies: Replies::default(),
            interrogation: Interrogation::default(),
            commands: Commands::new(&params, controls),
            params,
            announced: false,
            changes_next: false,
        }
    }

    /// The link's parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    fn apdu(&mut self, apdu: &[u8], now: Now) -> Result<(), Error> {
        let Some(connection) = self.connection.as_mut() else { return Ok(()) };
        let taken = connection.take(apdu, now.mono)?;
        let (channel_connection, mut acked) = (connection.number, std::mem::take(&mut connection.acked));
        if let Some(number) = self.outbox.acknowledged(acked.drain(..)) {
            self.events.push_back(Event::Delivered(number));
        }
        if let Some(connection) = self.connection.as_mut() {
            connection.acked = acked;
        }
        match taken {
            Taken::Supervisory => Ok(()),
            Taken::Information(frame, asdu) => {
                let first = self.batch.updates.len();
                // Evidence first: a frame that closes the connection is journaled too, and never acknowledged.
                let outcome = match self.phase {
                    Phase::Started => self.information(asdu, frame, now),
                    Phase::Stopped => Err(Error::misbehaved("I frame before STARTDT act")),
                    Phase::Stopping => Err(Error::misbehaved("I frame after STOPDT act")),
                };
                self.batch.push_framed(channel_connection, frame, now.utc, apdu, APCI_LEN, first);
                outcome
            }
            Taken::Unnumbered(Function::StartAct) => {
                self.start(now);
                Ok(())
            }
            Taken::Unnumbered(Function::StopAct) => {
                if self.phase != Phase::Stopping {
                    self.phase = Phase::Stopping;
                    self.interrogation.stop();
                    self.replies.clear();
                }
                Ok(())
            }
            Taken::Unnumbered(Function::TestAct | Function::TestCon) => Ok(()),
            Taken::Unnumbered(function @ (Function::StartCon | Function::StopCon)) => {
                Err(Error::misbehaved(format!("{} from a controlling station", function.name())))
            }
        }
    }

    fn start(&mut self, now: Now) {
        if let Some(connection) = self.connection.as_mut() {
            connection.ask(Function::StartCon, now.mono);
        }
        if self.phase == Phase::Started {
            // A repeated act is confirmed again and changes nothing.
            return;
        }
        self.phase = Phase::Started;
        self.events.push_back(Event::LinkState(LinkState::Started));
        self.cycles.start(now.mono);
        self.counters.start(now.mono);
        if !self.announced {
            self.announce(receive::COI_POWER_ON);
        }
        self.announced = true;
    }

    /// The end of initialisation of every common address.
    fn announce(&mut self, coi: u8) {
        if self.params.end_of_init {
            for ca in self.image.cas() {
                self.replies.push_with(|out| receive::end_of_init(ca, coi, out));
            }
        }
    }

    /// The connection is to be closed: nothing more is sent.
    fn fail(&mut self, cause: &Error) {
        if let Some(connection) = self.connection.as_mut() {
            connection.close(cause, false);
        }
    }

    /// Appends I frames while k and `limit` allow: confirmations first, then events, then the image and changes in turn.
    fn put_information(&mut self, out: &mut Vec<u8>, limit: usize, now: Now) {
        let Some(connection) = self.connection.as_mut() else { return };
        while connection.may_send() && out.len() < limit {
            if let Some(reply) = self.replies.pop() {
                connection.put_information(out, now.mono, |out| {
                    out.extend_from_slice(&reply);
                    Contents::default()
                });
            } else if self.outbox.has_event() {
                let (outbox, image, zone) = (&mut self.outbox, &self.image, self.zone);
                connection.put_information(out, now.mono, |out| outbox.put_events(image, zone, out));
            } else if self.interrogation.is_running() && !(self.changes_next && self.image.has_changes()) {
                let (interrogation, image, counters, zone) = (&mut self.interrogation, &self.image, &self.counters, self.zone);
                connection.put_information(out, now.mono, |out| {
                    interrogation.put(image, counters, zone, out);
                    Contents::default()
                });
                self.changes_next = true;
            } else if self.counters.is_waiting() {
                let (counters, image, zone) = (&mut self.counters, &self.image, self.zone);
                connection.put_information(out, now.mono, |out| {
                    counters.put_spontaneous(image, zone, out);
                    Contents::default()
                });
            } else if self.image.has_changes() {
                let (image, zone) = (&mut self.image, self.zone);
                connection.put_information(out, now.mono, |out| Contents { latest: image.put_changes(zone, out), ..Contents::default() });
                self.changes_next = false;
            } else if self.cycles.is_waiting() {
                let (cycles, image, zone) = (&mut self.cycles, &self.image, self.zone);
                connection.put_information(out, now.mono, |out| {
                    cycles.put(image, zone, out);
                    Contents::default()
                });
            } else {
                break;
            }
        }
    }

    /// Confirms a stop as soon as both directions are settled.
    fn put_stop(&mut self, out: &mut Vec<u8>, limit: usize, now: Now) {
        let Some(connection) = self.connection.as_mut() else { return };
        if self.phase != Phase::Stopping || !connection.is_sendable_stop() {
            return;
        }
        if !connection.is_acknowledged() {
            connection.put_supervisory(out);
        }
        self.phase = Phase::Stopped;
        connection.ask(Function::StopCon, now.mono);
        connection.put_control(out, limit, now.mono);
        self.events.push_back(Event::LinkState(LinkState::Stopped));
    }

    fn is_current(&self, channel: Channel) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.channel == channel)
    }

    fn return_deframer(&mut self, deframer: Deframer, now: Mono) {
        if let Some(connection) = self.connection.as_mut() {
            connection.deframer = deframer;
            connection.end_of_chunk(now);
        }
    }
}

impl Session for Controlled {
    fn handle_open(&mut self, channel: Channel, _peer: &PeerInfo, now: Now) {
        if self.connection.is_some() {
            self.refused.push((channel, false));
            return;
        }
        self.connections += 1;
        self.connection = Some(Connection::new(channel, self.connections, self.timing, now.mono));
        self.phase = Phase::Stopped;
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
            self.fail(&error);
        }
    }

    fn handle_request(&mut self, request: Request, now: Now) {
        match request {
            Request::Publish(values) => {
                for value in &values {
                    self.outbox.publish(value, &mut self.image, &mut self.events, now.mono);
                }
            }
            Request::Answer { token, answer } => {
                let live = self.connection.as_ref().filter(|c| self.phase == Phase::Started && !c.is_closing()).map(|c| c.number);
                self.commands.answer(token, answer, live, &mut self.replies, now.mono);
            }
            // Commanding and interrogating are the controlling station's: said, not swallowed.
            Request::Command(command) => {
                let outcome = bridge_model::Outcome::NotOperated(bridge_model::NotOperatedWhy::NotPermitted);
                self.events.push_back(Event::Settled { command, outcome, at: now });
            }
            Request::Interrogate => self.events.push_back(Event::InterrogationFailed),
            Request::Housekeep(id, _) => {
                self.events.push_back(Event::Housekept { id, outcome: bridge_session::HousekeepingOutcome::NotPermitted });
            }
            Request::Cancel(_) => {}
        }
    }

    fn handle_durable(&mut self, connection: u32, frame: u64, now: Now) {
        if let Some(current) = self.connection.as_mut().filter(|current| current.number == connection) {
            current.make_durable(frame, now.mono);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        self.commands.handle_timeout(&mut self.events, now.mono);
        self.image.handle_timeout(now.mono);
        self.cycles.handle_timeout(&self.image, now.mono);
        self.counters.handle_timeout(&self.image, now);
        let Some(connection) = self.connection.as_mut().filter(|connection| !connection.is_closing()) else { return };
        if let Err(error) = connection.supervise(now.mono) {
            self.fail(&error);
        }
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
        let Some(connection) = self.connection.take() else { return };
        // What the peer has not acknowledged is sent again (row 18): events from the oldest, changes with their newest value.
        for contents in connection.in_flight() {
            self.image.change_again(&contents.latest);
        }
        self.outbox.rewind();
        self.counters.again();
        self.cycles.stop();
        self.replies.clear();
        self.interrogation.stop();
        self.commands.connection_lost();
        self.phase = Phase::Stopped;
        self.events.push_back(Event::Closed { channel, cause: connection.cause(), at: now.mono });
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
        let start = out.len();
        let limit = start.saturating_add(limit);
        let Some(connection) = self.connection.as_mut().filter(|c| c.channel == channel && !c.is_closing()) else { return false };
        // U frames first: the confirmation of the start goes before the first I frame.
        connection.put_control(out, limit, now.mono);
        match self.phase {
            Phase::Started => self.put_information(out, limit, now),
            Phase::Stopping => self.put_stop(out, limit, now),
            Phase::Stopped => {}
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
        let connection = self.connection.as_ref().filter(|connection| !connection.is_closing());
        let own = self.commands.deadline().min(self.image.deadline()).min(self.cycles.deadline()).min(self.counters.deadline());
        let deadline = connection.map_or(Mono::NEVER, Connection::deadline).min(own);
        (deadline != Mono::NEVER).then_some(deadline)
    }

    fn user_timeout(&self, _channel: Channel, _now: Now) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_functions;

//! The controlled station: serves an image and events, and hands commands on.
//!
//! A session is one redundancy group (clause 10): one image, one queue of events, several connections, at most one of them started. States
//! of clause 5.3 for each connection: stopped, started, unconfirmed stopped. `receive.rs` answers or hands on what the controlling station
//! sends, `image.rs` holds the served values, `outbox.rs` the events, `interrogation.rs` walks the image lazily, `commands.rs`
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
mod watch;

use std::collections::VecDeque;
use std::time::Duration;

use bridge_model::{Mono, Now, Zone};
use bridge_session::{AddressUse, Channel, Chunk, Close, Event, Findings, FrameBatch, LinkSpec, LinkState, PeerInfo, Request, Session};

use crate::address::Address;
use crate::apci::{APCI_LEN, Function};
use crate::controlled::commands::Commands;
use crate::controlled::counters::Counters;
use crate::controlled::cycles::Cycles;
use crate::controlled::image::Image;
use crate::controlled::interrogation::Interrogation;
use crate::controlled::outbox::{Contents, Outbox, Replies};
use crate::controlled::watch::Watch;
use crate::error::Error;
use crate::link104::{Gone, Group, Member, Taken, Timing};
use crate::params::Params;
use crate::reverse::Reverse;

/// The state of data transfer of one connection. One that is stopped may still have frames out (unconfirmed stopped): when another took its
/// place it may acknowledge what it got, until t1 closes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Stopped,
    Started,
    /// STOPDT act came; its con leaves when both directions are acknowledged (row 15).
    Stopping,
}

pub(crate) use pace::Kind as ParameterKind;

type Link = Member<Contents, Phase>;

/// The session of a controlled station.
#[derive(Debug)]
pub struct Controlled {
    zone: Zone,
    params: Params,
    group: Group<Contents, Phase>,
    batch: FrameBatch,
    /// The connection of the last frame; what the peer was told of the one before, or of the last that ended.
    carrier: u32,
    settled: (u32, u64),
    events: VecDeque<Event>,
    image: Image,
    outbox: Outbox,
    replies: Replies,
    interrogation: Interrogation,
    counters: Counters,
    cycles: Cycles,
    commands: Commands,
    /// What reads and commands the peer, on a link of both directions.
    reverse: Option<Reverse>,
    watch: Watch,
    findings: Findings,
    announced: bool,
    /// What the link was last told to be.
    told: LinkState,
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
        let (spec, reverse) = Reverse::split(spec, &params);
        let spec = &spec;
        let controls: Vec<_> = Address::all(spec, AddressUse::Control).collect();
        let extra = controls.iter().map(|(_, address)| address.ca).chain(params.ca);
        let image = Image::new(Address::served(spec), extra);
        Self {
            zone: spec.zone,
            group: Group::new(params.connections, Timing::new(&params, spec.max_unacked)),
            batch: FrameBatch::default(),
            carrier: 0,
            settled: (0, 0),
            events: VecDeque::new(),
            counters: Counters::new(&params, &image),
            cycles: Cycles::new(params.background, &image),
            image,
            outbox: Outbox::default(),
            replies: Replies::default(),
            interrogation: Interrogation::default(),
            commands: Commands::new(&params, controls),
            reverse,
            watch: Watch::default(),
            findings: Findings::default(),
            params,
            announced: false,
            told: LinkState::Down,
            changes_next: false,
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
        let reversed = connection.acked.iter().filter(|contents| contents.reverse).count();
        if let Some(number) = self.outbox.acknowledged(connection.acked.drain(..)) {
            self.events.push_back(Event::Delivered(number));
        }
        // Of what another connection carried before, the other direction knows nothing any more.
        if let Some(reverse) = self.reverse.as_mut().filter(|_| *phase == Phase::Started) {
            reverse.acknowledged(reversed, now);
            reverse.tell((0, 0), &mut self.events);
        }
        match taken {
            Taken::Supervisory => Ok(()),
            Taken::Information(frame, asdu) => {
                // The peer's command waits for us: its acknowledgement shall not wait for w or t2.
                connection.hurry();
                let (number, first) = (connection.number, self.batch.updates.len());
                let settled = if self.carrier == number { connection.settled() } else { self.settled };
                self.carrier = number;
                // Evidence first: a frame that closes the connection is journaled too, and never acknowledged.
                let outcome = match phase {
                    Phase::Started => match self.reverse.as_mut().filter(|reverse| reverse.takes_octets(asdu)) {
                        Some(reverse) => reverse.take(asdu, (number, frame), &mut self.batch.updates, &mut self.events, now),
                        None => self.information(asdu, frame, now),
                    },
                    Phase::Stopped => Err(Error::misbehaved("I frame before STARTDT act")),
                    Phase::Stopping => Err(Error::misbehaved("I frame after STOPDT act")),
                };
                self.batch.push_framed(number, frame, now.utc, apdu, APCI_LEN, first);
                self.batch.settled(settled.0, settled.1);
                outcome
            }
            Taken::Unnumbered(Function::StartAct) => {
                self.start(at, now);
                Ok(())
            }
            Taken::Unnumbered(Function::StopAct) => {
                if *phase == Phase::Started && self.reverse.as_ref().is_some_and(|reverse| reverse.aborts(now)) {
                    // Stopped in order, it would stay open for t1 and the execute might still arrive (R5).
                    return Err(Error::ExecuteLeftBehind);
                }
                if std::mem::replace(phase, Phase::Stopping) == Phase::Started {
                    self.interrogation.stop();
                    self.replies.clear();
                    self.end_reverse(now);
                }
                Ok(())
            }
            Taken::Unnumbered(Function::TestCon) => {
                if let Some(reverse) = self.reverse.as_mut().filter(|_| *phase == Phase::Started) {
                    reverse.test_answered(now);
                }
                Ok(())
            }
            Taken::Unnumbered(Function::TestAct) => Ok(()),
            Taken::Unnumbered(function @ (Function::StartCon | Function::StopCon)) => {
                Err(Error::misbehaved(format!("{} from a controlling station", function.name())))
            }
        }
    }

    /// STARTDT act on the connection at `at`: it is the started one from here on, whichever was before.
    fn start(&mut self, at: usize, now: Now) {
        let before = self.started();
        let Some(link) = self.group.get_mut(at) else { return };
        link.connection.ask(Function::StartCon, now.mono);
        if before == Some(at) {
            // A repeated act is confirmed again and changes nothing.
            return;
        }
        link.phase = Phase::Started;
        let (channel, number) = (link.connection.channel, link.connection.number);
        match before {
            None => self.tell_state(LinkState::Started),
            Some(_) => self.group.switched_over(channel),
        }
        // What any other connection sent and was not told to have arrived goes out on this one (row 21).
        if self.outbox.begin(number) {
            self.end_conversation();
        }
        // Of an execute of ours the outcome is told now: what the old connection may still carry must never arrive (R5).
        let left_behind = self.reverse.as_ref().is_some_and(|reverse| reverse.aborts(now));
        for (place, other) in self.group.iter_mut().enumerate().filter(|(place, _)| *place != at) {
            if before == Some(place) {
                other.phase = Phase::Stopped;
                if left_behind {
                    other.connection.close(&Error::ExecuteLeftBehind, true);
                }
            }
            send_again(other, &mut self.image);
        }
        self.cycles.start(now.mono);
        self.counters.start(now.mono);
        self.begin_reverse(now);
        if !self.announced {
            self.announce(receive::COI_POWER_ON);
        }
        self.tell(now);
    }

    /// The end of initialisation of every common address.
    fn announce(&mut self, coi: u8) {
        if self.params.end_of_init {
            for ca in self.image.cas() {
                self.replies.push_with(|out| receive::end_of_init(ca, coi, out));
            }
        }
    }

    /// Answers and selections belong to the connection that asked: none of them is good on another one.
    fn end_conversation(&mut self) {
        self.interrogation.stop();
        self.counters.again();
        self.cycles.stop();
        self.replies.clear();
        self.commands.connection_lost(&mut self.events);
    }

    fn begin_reverse(&mut self, now: Now) {
        let peer = self.started().and_then(|at| self.group.get(at)).map(Member::peer_info);
        if let (Some(reverse), Some(peer)) = (&mut self.reverse, peer) {
            reverse.begin(&peer, now);
            reverse.tell((0, 0), &mut self.events);
        }
    }

    fn end_reverse(&mut self, now: Now) {
        if let Some(reverse) = &mut self.reverse {
            reverse.end(now);
            reverse.tell((0, 0), &mut self.events);
        }
    }

    /// The place of the started connection.
    fn started(&self) -> Option<usize> {
        self.group.iter().position(|link| link.phase == Phase::Started)
    }

    /// Whether a stop of what transfers data is under way.
    fn is_stopping(&self) -> bool {
        self.group.iter().any(|link| link.phase == Phase::Stopping)
    }

    fn tell_state(&mut self, state: LinkState) {
        self.told = state;
        self.events.push_back(Event::LinkState(state));
    }

    /// The number of the started connection: every command comes on it.
    fn serving(&self) -> u32 {
        self.started().and_then(|at| self.group.get(at)).map_or(0, |link| link.connection.number)
    }

    /// A connection is to be closed: nothing more is sent on it.
    fn fail(&mut self, at: usize, cause: &Error, now: Now) {
        let abort = matches!(cause, Error::ExecuteOverdue | Error::ChangeOverdue)
            || self.reverse.as_ref().is_some_and(|reverse| reverse.aborts(now));
        if let Some(link) = self.group.get_mut(at) {
            link.connection.close(cause, abort);
        }
    }

    /// Tells what changed about the group, after everything that may have changed it.
    fn tell(&mut self, now: Now) {
        if self.started().is_some() {
            let ready = self.group.iter().filter(|link| link.phase != Phase::Started && link.is_open()).count();
            self.events.extend(self.group.tell_standby(ready));
        } else if self.group.is_empty() {
            // That none stands by goes without saying.
            self.group.tell_standby(0);
        }
        self.events.extend(self.group.tell_switch_over(now.mono));
    }

    /// Appends I frames while k and `limit` allow: confirmations first, then events, then the image and changes in turn.
    fn put_information(&mut self, at: usize, out: &mut Vec<u8>, limit: usize, now: Now) {
        let start = out.len();
        let Some(Member { connection, .. }) = self.group.get_mut(at) else { return };
        while connection.may_send() && out.len() < limit {
            // A command of the other direction leaves alone, after everything before it was taken (R5).
            if out.len() == start
                && let Some(asdu) = self.reverse.as_mut().and_then(|reverse| reverse.poll_asdu(now))
            {
                connection.put_information(out, now.mono, |out| {
                    out.extend_from_slice(&asdu);
                    Contents { reverse: true, ..Contents::default() }
                });
                return;
            }
            if self.reverse.as_mut().is_some_and(Reverse::poll_probe) {
                connection.ask(Function::TestAct, now.mono);
                connection.put_control(out, limit, now.mono);
            }
            let (_, events_sent) = self.outbox.counts();
            if let Some(reply) = self.replies.pop(events_sent, self.image.has_returns()) {
                // The end of initialisation goes before any other answer.
                self.announced = true;
                connection.put_information(out, now.mono, |out| {
                    out.extend_from_slice(&reply);
                    Contents::default()
                });
            } else if self.outbox.has_event() {
                let (outbox, image, zone) = (&mut self.outbox, &self.image, self.zone);
                connection.put_information(out, now.mono, |out| outbox.put_events(image, zone, out));
            } else if self.cycles.is_asked() {
                let (cycles, image, zone) = (&mut self.cycles, &self.image, self.zone);
                connection.put_information(out, now.mono, |out| {
                    cycles.put(image, zone, out);
                    Contents::default()
                });
            } else if self.interrogation.is_running() && !self.image.has_returns() && !(self.changes_next && self.image.has_changes()) {
                let (interrogation, image, counters, zone) = (&mut self.interrogation, &self.image, &self.counters, self.zone);
                connection.put_information(out, now.mono, |out| {
                    interrogation.put(image, counters, zone, out);
                    Contents::default()
                });
                self.changes_next = true;
            } else if self.counters.is_waiting() && !self.image.has_returns() {
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
    fn put_stop(&mut self, at: usize, out: &mut Vec<u8>, limit: usize, now: Now) {
        let is_alone = self.started().is_none();
        let Some(Member { connection, phase, .. }) = self.group.get_mut(at) else { return };
        if !connection.is_sendable_stop() {
            return;
        }
        if !connection.is_acknowledged() {
            connection.put_supervisory(out);
        }
        *phase = Phase::Stopped;
        connection.ask(Function::StopCon, now.mono);
        connection.put_control(out, limit, now.mono);
        if is_alone {
            self.tell_state(LinkState::Stopped);
        }
    }
}

/// Changed values that the connection sent and the peer did not acknowledge are changed values again, once.
fn send_again(link: &mut Link, image: &mut Image) {
    for contents in link.connection.in_flight_mut() {
        image.change_again(&std::mem::take(&mut contents.latest));
    }
}

impl Session for Controlled {
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now) {
        if self.group.is_empty() {
            self.tell_state(LinkState::Connected);
        }
        self.group.open(channel, peer, Phase::Stopped, now.mono);
        self.tell(now);
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
            self.tell(now);
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
                let started = self.started().and_then(|at| self.group.get(at));
                let live = started.filter(|link| link.is_open()).map(|link| link.connection.number);
                let (events, _) = self.outbox.counts();
                let dropped = self.commands.answer(token, answer, live, events, &mut self.replies, now.mono);
                self.events.extend(dropped.map(Event::SelectLapsed));
            }
            // Commanding and interrogating are the controlling station's: said, not swallowed.
            request @ (Request::Command(_) | Request::Cancel(_) | Request::Interrogate | Request::Housekeep { .. })
                if self.reverse.is_some() =>
            {
                if matches!(request, Request::Command(_)) {
                    self.group.commanded();
                }
                if let Some(reverse) = &mut self.reverse {
                    reverse.request(request, &mut self.events, now);
                }
            }
            Request::Command(command) => {
                let outcome = bridge_model::Outcome::NotOperated(bridge_model::NotOperatedWhy::NotPermitted);
                self.events.push_back(Event::Settled { command, outcome, at: now });
            }
            Request::Interrogate => self.events.push_back(Event::InterrogationFailed),
            Request::Housekeep { id, .. } | Request::File { id, .. } => {
                self.events.push_back(Event::Housekept { id, outcome: bridge_session::HousekeepingOutcome::NotPermitted });
            }
            // 104 has no words for it but points.
            Request::System(_) | Request::Journal { .. } => {}
            // Which connection transfers data is the controlling station's decision.
            Request::SwitchOver => {
                let what = "a switch-over is the controlling station's to ask".to_owned();
                self.events.push_back(Event::Refused { what });
            }
            Request::Cancel(_) => {}
        }
    }

    fn handle_durable(&mut self, connection: u32, frame: u64, now: Now) {
        self.group.make_durable(connection, frame, now.mono);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.commands.handle_timeout(&mut self.events, now.mono);
        self.image.handle_timeout(now.mono);
        self.cycles.handle_timeout(&self.image, now.mono);
        self.counters.handle_timeout(&self.image, now);
        let abort = self.reverse.as_ref().is_some_and(|reverse| reverse.aborts(now));
        for link in self.group.iter_mut().filter(|link| link.is_open()) {
            if let Err(error) = link.connection.supervise(now.mono) {
                link.connection.close(&error, abort);
            }
        }
        if let Some(Err(error)) = self.reverse.as_mut().map(|reverse| reverse.handle_timeout(&mut self.events, now))
            && let Some(at) = self.started()
        {
            self.fail(at, &error, now);
        }
        self.tell(now);
    }

    fn handle_close(&mut self, channel: Channel, now: Now) {
        let mut link = match self.group.close(channel) {
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
        // What the peer has not acknowledged is sent again (row 18): events from the oldest, changes with their newest value.
        send_again(&mut link, &mut self.image);
        if self.outbox.connection_lost(link.connection.number) {
            self.end_conversation();
        }
        if link.phase == Phase::Started {
            self.end_reverse(now);
        }
        self.events.push_back(Event::Closed { channel, cause: link.connection.cause(), at: now.mono });
        self.tell(now);
        if self.group.is_empty() {
            self.tell_state(LinkState::Down);
        } else if self.told == LinkState::Started && self.started().is_none() && !self.is_stopping() {
            // The others stand by: nobody transfers data, whether the one that did was to be stopped or not.
            self.tell_state(LinkState::Connected);
        }
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
        let Some(at) = self.group.find(channel) else { return false };
        let Some(link) = self.group.get_mut(at).filter(|link| link.is_open()) else { return false };
        // U frames first: the confirmation of the start goes before the first I frame.
        link.connection.put_control(out, limit, now.mono);
        match link.phase {
            Phase::Started => {
                self.put_information(at, out, limit, now);
                if let Some(reverse) = &mut self.reverse {
                    reverse.tell((0, 0), &mut self.events);
                }
            }
            Phase::Stopping => self.put_stop(at, out, limit, now),
            Phase::Stopped => {}
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
        let own = self.commands.deadline().min(self.image.deadline()).min(self.cycles.deadline()).min(self.counters.deadline());
        let own = own.min(self.reverse.as_ref().map_or(Mono::NEVER, Reverse::deadline));
        let deadline = self.group.deadline().min(own);
        (deadline != Mono::NEVER).then_some(deadline)
    }

    fn user_timeout(&self, channel: Channel, now: Now) -> Option<Duration> {
        let started = self.started().and_then(|at| self.group.get(at)).is_some_and(|link| link.connection.channel == channel);
        self.reverse.as_ref().filter(|_| started)?.user_timeout(now)
    }

    fn connect_timeout(&self) -> Option<Duration> {
        Some(self.params.t0)
    }

    fn channels_max(&self) -> Option<usize> {
        Some(self.params.connections)
    }
}

#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_causes;
#[cfg(test)]
mod tests_functions;

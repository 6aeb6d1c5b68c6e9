//! The master: reads and polls outstations, takes their unsolicited responses, commands.
//!
//! A session is one line with one outstation or several, which take turns: one request at a time is on the line. `remote.rs` says what is
//! wanted of an outstation next, `turns.rs` whose turn it is and what leaves, `answers.rs` what an answer means, `receive.rs` turns objects
//! into updates, `commands.rs` settles every command exactly once, `housekeeping.rs` and `files.rs` do the rest.
//!
//! One channel at a time; a second is refused. Every response fragment is a frame, and its CONFIRM waits for [`Session::handle_durable`].

mod answers;
mod commands;
mod files;
mod housekeeping;
mod receive;
mod rehearsal;
mod remote;
mod strings;
mod turns;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_model::{Mono, NotOperatedWhy, Now, PointId, Zone};
use bridge_session::{Channel, Chunk, Close, Event, Findings, FrameBatch, LinkSpec, LinkState, PeerInfo, Request, Role, Session};

use crate::ControlPermit;
use crate::address::{Address, CommandAddress};
use crate::app::{AppControl, FragmentWriter};
use crate::error::Error;
use crate::line::{Line, LineSettings, Notice};
use crate::master::commands::{Commands, Hold};
use crate::master::housekeeping::Tasks;
use crate::master::remote::{Duty, Reason, Remote, seed_of};
use crate::master::strings::Strings;
use crate::params::Params;
use crate::table::{StationTable, tables};
use crate::words::Words;

pub(crate) use commands::ControlObject;
pub(crate) use receive::Reader;
pub(crate) use rehearsal::{Sent, sent};

/// How long after its life something that must not arrive late may stay unproven before the connection is aborted (R5).
pub(super) const CHANGE_MARGIN: Duration = Duration::from_secs(1);
/// What must not arrive late and is unanswered for this long is followed by REQUEST_LINK_STATUS: its answer proves the arrival.
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(1);
/// Refused channels that may wait to be closed.
const REFUSED_MAX: usize = 16;

/// What is on the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ask {
    Duty(Duty),
    /// A transaction of [`Commands`].
    Command(u64),
    /// A task of [`Tasks`].
    Task(u64),
}

/// A request and the answer that is due.
#[derive(Clone, Copy, Debug)]
struct Flight {
    remote: usize,
    ask: Ask,
    /// The number of the next fragment.
    seq: u8,
    /// No fragment came yet.
    is_first: bool,
    sent: Now,
    answer_by: Mono,
    change: Option<Change>,
    /// Events came.
    brought: bool,
}

/// A request that must not arrive late.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// When it is too late.
    until: Mono,
    probe_at: Mono,
    probed: Option<Mono>,
    /// It is known to have arrived, or nothing more can be done about it.
    arrived: bool,
}

/// A fragment to be confirmed when it is durable.
#[derive(Clone, Copy, Debug)]
struct Awaiting {
    frame: u64,
    remote: usize,
    control: AppControl,
}

/// The open channel.
#[derive(Debug)]
struct Open {
    channel: Channel,
    line: Line,
    connection: u32,
    frames: u64,
    durable: u64,
    /// In order of frames.
    awaiting: VecDeque<Awaiting>,
    /// To be sent: they leave before everything else.
    confirms: VecDeque<(usize, AppControl)>,
    is_started: bool,
    closing: Option<Close>,
    /// Why it is or will be closed by us.
    cause: Option<String>,
}

impl Open {
    fn is_usable(&self) -> bool {
        self.cause.is_none()
    }

    fn undurable(&self) -> usize {
        usize::try_from(self.frames.saturating_sub(self.durable)).unwrap_or(usize::MAX)
    }
}

/// The session of a master.
#[derive(Debug)]
pub struct Master {
    params: Params,
    zone: Zone,
    fresh: Duration,
    max_unacked: usize,
    /// The journal takes what is read. Else static values are polled, and no event is asked for, taken or confirmed (R23).
    keeps: bool,
    permit: Option<ControlPermit>,
    points: Vec<(PointId, Address)>,
    /// By address.
    remotes: Vec<Remote>,
    /// Of each of them, if it has points.
    tables: Vec<Option<StationTable>>,
    open: Option<Open>,
    refused: VecDeque<Channel>,
    connections: u32,
    flight: Option<Flight>,
    /// Whose turn it is.
    turn: usize,
    was_task: bool,
    /// No silent outstation is asked before, while others answer.
    silent_at: Mono,
    /// What was due by then was considered.
    considered: Mono,
    /// Everything is being read; whether it was of any outstation.
    interrogating: Option<bool>,
    commands: Commands,
    tasks: Tasks,
    writer: FragmentWriter,
    batch: FrameBatch,
    events: VecDeque<Event>,
    findings: Findings,
    strings: Strings,
    /// How octet strings are understood as values.
    words: BTreeMap<PointId, Words>,
    /// The fragment that is being looked at.
    fragment: Vec<u8>,
}

impl Master {
    /// The session of a checked link. Points whose address does not read are left out: the check named them.
    #[must_use]
    pub fn new(spec: &LinkSpec) -> Self {
        let params = Params::from_fields(&spec.params);
        let permit = ControlPermit::for_link(spec);
        let points: Vec<_> = Address::all_monitored(spec).collect();
        let controls = CommandAddress::all(spec).filter(|_| permit.is_some());
        let commands = Commands::new(&params, controls);
        let mut addresses: Vec<u16> =
            points.iter().map(|(_, address)| address.outstation).chain(commands.outstations()).chain(params.outstation).collect();
        // Where the link's own address is nobody's, it is only the default of addresses.
        if let Some(own) = params.outstation
            && addresses.iter().filter(|address| **address == own).count() == 1
            && addresses.len() > 1
        {
            addresses.retain(|address| *address != own);
        }
        addresses.sort_unstable();
        addresses.dedup();
        let seed = seed_of(&spec.name);
        let mut known = tables(&points);
        let table_of = |address: &u16| known.iter().position(|table| table.outstation == *address).map(|at| known.swap_remove(at));
        Self {
            tables: addresses.iter().map(table_of).collect(),
            remotes: addresses.iter().map(|address| Remote::new(*address, seed, &params)).collect(),
            tasks: Tasks::new(&params, addresses, points.iter().copied(), spec.zone),
            zone: spec.zone,
            fresh: Duration::from_millis(u64::from(spec.fresh_link_ms)),
            max_unacked: spec.max_unacked.max(1),
            keeps: true,
            permit,
            points,
            open: None,
            refused: VecDeque::new(),
            connections: 0,
            flight: None,
            turn: 0,
            was_task: false,
            silent_at: Mono(0),
            considered: Mono(0),
            interrogating: None,
            commands,
            writer: FragmentWriter::new(params.max_transmit),
            batch: FrameBatch::default(),
            events: VecDeque::new(),
            findings: Findings::default(),
            strings: Strings::default(),
            words: Address::all_words(spec),
            fragment: Vec::new(),
            params,
        }
    }

    /// The link's parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Our own address.
    fn local(&self) -> u16 {
        self.params.master()
    }

    fn usable(&mut self) -> Option<&mut Open> {
        self.open.as_mut().filter(|open| open.is_usable())
    }

    fn is_open(&self) -> bool {
        self.open.as_ref().is_some_and(Open::is_usable)
    }

    fn position(&self, address: u16) -> Option<usize> {
        self.remotes.binary_search_by_key(&address, |remote| remote.address).ok()
    }

    /// A line for the log about one outstation.
    fn tell(&mut self, at: usize, what: impl FnOnce() -> String, now: Mono) {
        let address = self.remotes.get(at).map_or(0, |remote| remote.address);
        self.findings.tell(|| format!("outstation {address}: {}", what()), &mut self.events, now);
    }

    /// The points of an outstation answer, or do not.
    fn reach(&mut self, at: usize, answering: bool) {
        let Some(Some(table)) = self.tables.get(at) else { return };
        let points = table.points(&self.points).collect();
        self.events.push_back(Event::Reach { points, answering });
    }

    /// Ends the interrogation when nothing of it is left that may be hoped for.
    fn judge_interrogation(&mut self) {
        let Some(good) = self.interrogating else { return };
        let is_flying = self.flight.is_some_and(|flight| matches!(flight.ask, Ask::Duty(Duty::Integrity(_))));
        if is_flying || self.remotes.iter().any(Remote::awaits_integrity) {
            return;
        }
        self.interrogating = None;
        self.events.push_back(if good { Event::InterrogationEnded } else { Event::InterrogationFailed });
    }

    /// The channel is to be closed: nothing more is sent on it, and every request is settled.
    fn fail(&mut self, cause: &Error, abort: bool, now: Now) {
        let Some(open) = self.usable() else { return };
        open.cause = Some(cause.to_string());
        open.closing = Some(Close { abort, cause: cause.to_string() });
        self.ended(now);
    }

    /// Whatever was asked on the channel gets no answer any more.
    fn ended(&mut self, now: Now) {
        let flight = self.flight.take();
        let changing = flight.filter(|flight| flight.change.is_some());
        let task = changing.and_then(|flight| if let Ask::Task(serial) = flight.ask { Some(serial) } else { None });
        self.commands.connection_lost(&mut self.events, now);
        self.tasks.connection_lost(task, &mut self.events);
        for remote in &mut self.remotes {
            (remote.hold, remote.confirm_due) = (None, None);
        }
        if self.interrogating.take().is_some() {
            self.events.push_back(Event::InterrogationFailed);
        }
    }

    /// The journal takes nothing any more, or takes it again. What waited for it is not confirmed any more: it is offered again, and then
    /// it is no repetition of what was taken.
    fn journal_turned(&mut self, takes: bool) {
        if std::mem::replace(&mut self.keeps, takes) == takes {
            return;
        }
        if let Some(open) = &mut self.open {
            open.durable = open.frames;
            open.awaiting.clear();
        }
        for remote in &mut self.remotes {
            remote.journal_turned(takes, &self.params);
        }
    }

    /// What the line found out by itself.
    fn hear_line(&mut self, now: Now) {
        let local = self.local();
        while let Some(open) = self.usable() {
            if let Some(finding) = open.line.poll_finding() {
                self.events.push_back(Event::Refused { what: finding.to_string() });
                continue;
            }
            if let Some(close) = open.line.poll_close() {
                let abort = close.abort || self.remaining_life(now).is_some();
                if let Some(open) = self.usable() {
                    open.cause = Some(close.cause.clone());
                    open.closing = Some(Close { abort, ..close });
                }
                self.ended(now);
                return;
            }
            let Some((address, _, notice)) = open.line.poll_notice() else { break };
            let Some(at) = self.position(address) else { continue };
            match notice {
                Notice::Silent => self.fell_silent(at, now),
                Notice::Back => {
                    if let Some(remote) = self.remotes.get_mut(at) {
                        remote.wake();
                    }
                }
                Notice::GaveUp if self.flight.is_some_and(|flight| flight.remote == at) => self.unanswered(now),
                Notice::GaveUp => {}
            }
        }
        if let Some((outstation, asked)) = self.tasks.tested()
            && let Some(open) = &self.open
            && open.line.status_answered(outstation, local).is_some_and(|answered| answered >= asked)
        {
            self.tasks.status_answered(&mut self.events);
        }
        self.settle_holds(now);
    }

    /// An outstation does not answer the link layer either: it is not asked for long whether it answers.
    fn fell_silent(&mut self, at: usize, now: Now) {
        let Some(remote) = self.remotes.get_mut(at).filter(|remote| !remote.is_silent) else { return };
        if (0..remote::ATTEMPTS).any(|_| remote.unanswered(now.mono)) {
            self.became_silent(at);
        }
    }

    fn became_silent(&mut self, at: usize) {
        let read = self.params.integrity_on.reconnect;
        if let Some(remote) = self.remotes.get_mut(at) {
            // There is something to ask it, and what is then asked is what its return calls for.
            remote.wants_again(if read { Duty::Integrity(Reason::Returned) } else { Duty::Events(0b1110) });
        }
        self.reach(at, false);
        self.judge_interrogation();
    }

    /// Puts into effect what selections ask for.
    fn settle_holds(&mut self, now: Now) {
        for at in 0..self.remotes.len() {
            let Some(remote) = self.remotes.get_mut(at) else { return };
            if let Some((point, _)) = remote.hold.take_if(|(_, until)| now.mono >= *until) {
                self.commands.hold_ended(point, &mut self.events, now);
            }
        }
        while let Some((outstation, hold)) = self.commands.poll_hold() {
            let Some(remote) = self.position(outstation).and_then(|at| self.remotes.get_mut(at)) else { continue };
            match hold {
                Hold::Until(point, until) => remote.hold = Some((point, until)),
                Hold::Released(point) => {
                    remote.hold.take_if(|(holder, _)| *holder == point);
                }
            }
        }
        while let Some((outstation, delay)) = self.tasks.poll_restarting() {
            if let Some(remote) = self.position(outstation).and_then(|at| self.remotes.get_mut(at)) {
                remote.rest(now.mono + delay);
            }
        }
    }

    /// How long something that was sent and must not arrive late may still be on its way.
    fn remaining_life(&self, now: Now) -> Option<Duration> {
        let change = self.flight.and_then(|flight| flight.change).filter(|change| !change.arrived)?;
        Some(change.until.since(now.mono).max(Duration::from_millis(1)))
    }

    fn line_settings(&self) -> LineSettings {
        let params = &self.params;
        LineSettings {
            closes: params.connected,
            keep_alive: Some(params.keep_alive).filter(|span| !span.is_zero()),
            status_timeout: params.status_timeout,
            confirmed: params.link_confirm,
            confirm_timeout: params.link_timeout,
            retries: params.link_retries,
            // A serial line that stalls for so long has lost octets.
            frame_timeout: if params.connected { Duration::from_secs(15) } else { Duration::from_secs(3) },
            max_fragment: params.max_receive,
            ..LineSettings::new(Role::Client)
        }
    }
}

impl Session for Master {
    fn handle_open(&mut self, channel: Channel, _peer: &PeerInfo, now: Now) {
        if self.open.is_some() {
            if self.refused.len() < REFUSED_MAX {
                self.refused.push_back(channel);
            }
            return;
        }
        let is_first = self.connections == 0;
        self.connections += 1;
        let local = self.local();
        let associations: Vec<(u16, u16)> = self.remotes.iter().map(|remote| (local, remote.address)).collect();
        self.open = Some(Open {
            channel,
            line: Line::new(self.line_settings(), &associations, now.mono),
            connection: self.connections,
            frames: 0,
            durable: 0,
            awaiting: VecDeque::new(),
            confirms: VecDeque::new(),
            is_started: false,
            closing: None,
            cause: None,
        });
        let read = is_first || self.params.integrity_on.reconnect;
        for remote in &mut self.remotes {
            remote.opened(read, &self.params, now.mono);
        }
        (self.flight, self.silent_at, self.was_task) = (None, Mono(0), false);
        self.events.push_back(Event::LinkState(LinkState::Connected));
    }

    fn handle_input(&mut self, channel: Channel, mut chunk: Chunk<'_>, now: Now) {
        // Looked at where nothing else is borrowed; the memory is kept.
        let mut fragment = std::mem::take(&mut self.fragment);
        while let Some(open) = self.open.as_mut().filter(|open| open.channel == channel && open.is_usable()) {
            let Some(received) = open.line.receive(&mut chunk, now.mono) else { break };
            let source = received.source;
            fragment.clear();
            fragment.extend_from_slice(received.fragment);
            // What stood before it is told before it.
            while let Some(finding) = open.line.poll_finding() {
                self.events.push_back(Event::Refused { what: finding.to_string() });
            }
            self.take_fragment(source, &fragment, now);
        }
        self.fragment = fragment;
        self.hear_line(now);
    }

    fn handle_request(&mut self, request: Request, now: Now) {
        let may_control = self.permit.is_some();
        let is_open = self.is_open();
        match request {
            Request::Command(command) => {
                let refusal = if !may_control {
                    Some(NotOperatedWhy::NotPermitted)
                } else if !is_open {
                    Some(NotOperatedWhy::LinkDown)
                } else {
                    None
                };
                self.commands.request(command, refusal, &mut self.events, now);
            }
            Request::Cancel(id) => self.commands.cancel(id, &mut self.events, now),
            Request::Interrogate => {
                for remote in &mut self.remotes {
                    remote.want_integrity(Reason::Requested);
                }
                if !is_open || self.remotes.iter().all(|remote| remote.is_silent) {
                    self.events.push_back(Event::InterrogationFailed);
                }
            }
            Request::Housekeep { id, wish, not_after } => {
                self.tasks.request(id, wish, not_after, may_control, is_open, &mut self.events);
            }
            Request::File { id, station, wish, not_after } => {
                self.tasks.request_file((id, station), wish, not_after, may_control, is_open, &mut self.events);
            }
            // Serving is the outstation's; there is one channel.
            Request::Journal { takes } => self.journal_turned(takes),
            Request::Publish(_) | Request::Answer { .. } | Request::System(_) | Request::SwitchOver => {}
        }
        self.settle_holds(now);
    }

    fn handle_durable(&mut self, connection: u32, frame: u64, _now: Now) {
        let Some(open) = self.open.as_mut().filter(|open| open.connection == connection) else { return };
        open.durable = open.durable.max(frame.min(open.frames));
        while let Some(awaiting) = open.awaiting.pop_front_if(|awaiting| awaiting.frame <= open.durable) {
            open.confirms.push_back((awaiting.remote, awaiting.control));
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        if let Some(open) = self.usable() {
            open.line.handle_timeout(now.mono);
        }
        self.hear_line(now);
        self.supervise_flight(now);
        self.commands.handle_timeout(&mut self.events, now);
        if self.is_open() {
            for at in 0..self.remotes.len() {
                self.want_clock(at, now.mono);
            }
        }
        self.tasks.handle_timeout(&mut self.events, now.mono);
        self.settle_holds(now);
    }

    fn handle_close(&mut self, channel: Channel, now: Now) {
        if let Some(at) = self.refused.iter().position(|refused| *refused == channel) {
            self.refused.remove(at);
            self.events.push_back(Event::Closed { channel, cause: SECOND.to_owned(), at: now.mono });
            return;
        }
        let Some(open) = self.open.take_if(|open| open.channel == channel) else { return };
        if open.is_usable() {
            self.ended(now);
        }
        let cause = open.cause.unwrap_or_else(|| "closed by the peer or the transport".to_owned());
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
        if self.open.as_ref().is_none_or(|open| open.channel != channel || !open.is_usable()) {
            return false;
        }
        self.put_confirms(now);
        self.put_request(now);
        self.considered = now.mono;
        self.usable().is_some_and(|open| open.line.poll_output(out, limit))
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        if self.refused.contains(&channel) {
            return Some(Close { abort: false, cause: SECOND.to_owned() });
        }
        self.open.as_mut().filter(|open| open.channel == channel)?.closing.take()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        if !self.events.is_empty() {
            // Some events arise in `poll_output`: they must not wait for the next input.
            return Some(Mono(0));
        }
        let next = self.deadline();
        (next != Mono::NEVER).then_some(next)
    }

    fn user_timeout(&self, channel: Channel, now: Now) -> Option<Duration> {
        self.open.as_ref().filter(|open| open.channel == channel)?;
        self.remaining_life(now)
    }

    fn connect_timeout(&self) -> Option<Duration> {
        Some(self.params.connect_timeout)
    }

    fn channels_max(&self) -> Option<usize> {
        Some(1)
    }
}

/// Why a second channel is not taken (row 16).
const SECOND: &str = "the link has one connection already";

#[cfg(test)]
mod test_kit;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_commands;
#[cfg(test)]
mod tests_functions;
#[cfg(test)]
mod tests_journal;
#[cfg(test)]
mod tests_line;

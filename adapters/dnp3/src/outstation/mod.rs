//! The outstation: serves values and events, and hands commands on.
//!
//! A session is one line: any number of outstation addresses, any number of masters that each outstation knows, several channels. What an
//! outstation and a master have between them is an [`Association`]; it lives on the channel where that master was last heard. Declared:
//!
//! - *Events are delivered once*, to the master of the outstation that confirms them first; see `buffer.rs`. Everything else is each
//!   master's own: sequence numbers, selections, unsolicited classes, DEVICE_RESTART, files.
//! - *A connection beyond `connections`* takes the place of one from the same host (which is then half dead), else it is refused.
//! - *Quality* (R19): a value whose source is lost goes out COMM_LOST and ONLINE while it is questionable, COMM_LOST without ONLINE once it
//!   is invalid; never read: COMM_LOST and RESTART. A test value never reaches a master.
//! - *Classes assigned and counters cleared* by a master, and dead-bands it wrote, last until the session ends.
//!
//! `receive.rs` takes fragments, `requests.rs` carries them out with `read.rs`, `controls.rs`, `freeze.rs`, `classes.rs`, `clock.rs`,
//! `files.rs`, `statistics.rs` and `attributes.rs`; `answer.rs` sends what there is to say, `unsolicited.rs` what nobody asked for. `image.rs` holds the
//! values, `buffer.rs` the events.

mod answer;
mod association;
mod attributes;
mod buffer;
mod classes;
mod clock;
mod commands;
mod controls;
mod files;
mod freeze;
mod image;
mod probe;
mod read;
mod receive;
mod requests;
mod statistics;
#[cfg(test)]
mod test_kit;
#[cfg(test)]
mod tests;
mod unsolicited;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use bridge_model::{Detail, Mono, NotOperatedWhy, Now, Outcome, PointId, Zone};
use bridge_session::{
    Channel, Chunk, Close, Event, Findings, FrameBatch, HousekeepingOutcome, IndexMap, LinkSpec, LinkState, PeerInfo, Publish,
    PublishClass, Request, Role, Session, SystemState,
};

use crate::address::{CommandAddress, ServedAddress};
use crate::app::FragmentWriter;
use crate::error::Error;
use crate::line::{Line, LineSettings, Notice};
use crate::params::Params;
use association::Association;
use buffer::{Buffer, Subject};
use clock::Clock;
use controls::{ControlTable, Tokens};
use files::FileServer;
use freeze::Schedule;
use image::Image;
use statistics::Statistics;

pub use files::{FileInfo, FileStore, MemoryFiles};
pub(crate) use probe::{Use, objects, readable, uses};
pub(crate) use requests::supports;

/// One outstation address.
#[derive(Debug)]
struct Station {
    address: u16,
    image: Image,
    buffer: Buffer,
    clock: Clock,
    statistics: Statistics,
    /// By master.
    associations: Vec<Association>,
    /// It restarts: it hears and says nothing until then.
    restarts_until: Option<Mono>,
}

/// One channel.
#[derive(Debug)]
struct Member {
    channel: Channel,
    /// Counts the connections that were ever opened.
    connection: u32,
    host: IpAddr,
    line: Line,
    /// Datagrams came on it.
    is_datagram: bool,
    /// Frames handed to the journal, and how many of them are durable.
    framed: u64,
    durable: u64,
    closing: Option<Close>,
    /// Why it is closed.
    cause: String,
}

/// The session of an outstation's link.
#[derive(Debug)]
pub struct Outstation {
    zone: Zone,
    params: Params,
    max_unacked: u64,
    settings: LineSettings,
    /// By address.
    stations: Vec<Station>,
    /// From a served point to its place among `places`.
    points: IndexMap,
    /// Outstation and slot of each served point.
    places: Vec<(usize, usize)>,
    members: Vec<Member>,
    refused: Vec<(Channel, bool)>,
    opened: u32,
    controls: ControlTable,
    tokens: Tokens,
    files: FileServer,
    schedules: Vec<Schedule>,
    system: SystemState,
    writer: FragmentWriter,
    /// The fragment being taken.
    fragment: Vec<u8>,
    batch: FrameBatch,
    events: VecDeque<Event>,
    findings: Findings,
    is_started: bool,
}

impl Outstation {
    /// The session of a checked link without files. Points whose address does not read are left out: the check named them.
    #[must_use]
    pub fn new(spec: &LinkSpec) -> Self {
        Self::with_files(spec, Box::new(MemoryFiles::default()))
    }

    /// As [`Outstation::new`], with the files that a link with `allow = "files"` serves.
    #[must_use]
    pub fn with_files(spec: &LinkSpec, files: Box<dyn FileStore>) -> Self {
        let params = Params::from_fields(&spec.params);
        let served: Vec<(PointId, ServedAddress)> = ServedAddress::all(spec).collect();
        let controls = ControlTable::new(CommandAddress::all(spec));
        let mut addresses: Vec<u16> = served.iter().map(|(_, served)| served.address.outstation).collect();
        addresses.extend(controls.outstations().chain(params.outstation));
        addresses.sort_unstable();
        addresses.dedup();
        let mut masters = params.masters.clone();
        masters.sort_unstable();
        masters.dedup();
        let station = |address: &u16| Station {
            address: *address,
            image: Image::new(served.iter().filter(|(_, served)| served.address.outstation == *address).cloned()),
            buffer: Buffer::default(),
            clock: Clock::default(),
            statistics: Statistics::default(),
            associations: masters.iter().map(|master| Association::new(*master)).collect(),
            restarts_until: None,
        };
        let stations: Vec<Station> = addresses.iter().map(station).collect();
        let (mut points, mut places) = (Vec::new(), Vec::new());
        for (number, station) in stations.iter().enumerate() {
            for (slot, served) in station.image.iter().enumerate() {
                // As many places as points, which are numbered in 32 bits.
                points.push((served.point.0, u32::try_from(places.len()).unwrap_or(u32::MAX)));
                places.push((number, slot));
            }
        }
        Self {
            zone: spec.zone,
            max_unacked: spec.max_unacked as u64,
            settings: LineSettings {
                closes: params.connected,
                keep_alive: (!params.keep_alive.is_zero()).then_some(params.keep_alive),
                status_timeout: params.status_timeout,
                confirmed: params.link_confirm,
                confirm_timeout: params.link_timeout,
                retries: params.link_retries,
                self_address: params.self_address,
                max_fragment: params.max_receive,
                ..LineSettings::new(Role::Server)
            },
            stations,
            points: IndexMap::new(points),
            places,
            members: Vec::new(),
            refused: Vec::new(),
            opened: 0,
            controls,
            tokens: Tokens::default(),
            files: FileServer::new(files),
            schedules: Vec::new(),
            system: SystemState::default(),
            writer: FragmentWriter::new(params.max_transmit),
            fragment: Vec::new(),
            batch: FrameBatch::default(),
            events: VecDeque::new(),
            findings: Findings::default(),
            is_started: false,
            params,
        }
    }

    /// The link's parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// How many points are served.
    #[must_use]
    pub fn served(&self) -> usize {
        self.stations.iter().map(|station| station.image.len()).sum()
    }

    fn association(&mut self, s: usize, a: usize) -> Option<&mut Association> {
        self.stations.get_mut(s)?.associations.get_mut(a)
    }

    /// Every association: outstation and master, as places.
    fn associations(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let counts: Vec<usize> = self.stations.iter().map(|station| station.associations.len()).collect();
        counts.into_iter().enumerate().flat_map(|(s, count)| (0..count).map(move |a| (s, a)))
    }

    /// Whether an outstation restarts, and neither hears nor says anything.
    fn is_restarting(&self, s: usize, now: Mono) -> bool {
        self.stations.get(s).and_then(|station| station.restarts_until).is_some_and(|until| now < until)
    }

    fn find(&self, channel: Channel) -> Option<usize> {
        self.members.iter().position(|member| member.channel == channel)
    }

    /// A line for the log.
    fn tell(&mut self, what: impl FnOnce() -> String, now: Mono) {
        self.findings.tell(what, &mut self.events, now);
    }

    fn publish(&mut self, publish: &Publish) {
        let Some(&(s, slot)) = self.points.find(publish.point.0).and_then(|place| self.places.get(place as usize)) else { return };
        let Some(Station { image, buffer, .. }) = self.stations.get_mut(s) else { return };
        let number = match publish.class {
            PublishClass::Event(number) | PublishClass::Past(number) => Some(number),
            PublishClass::Latest => None,
        };
        let is_test = publish.quality.detail.contains(Detail::TEST);
        let Some(served) = image.get_mut(slot).filter(|_| !is_test) else {
            // A test is no event towards a control room, and nothing waits for it (R18).
            self.events.extend(number.map(|number| Event::DeliveredOf(number, number)));
            return;
        };
        let (value, flags, moved) = served.take(publish);
        let (class, of) = (served.class, served.of);
        if number.is_none() && !(publish.spontaneous && moved) {
            return;
        }
        served.tell(value, flags);
        if class == 0 {
            // A point without events: its value is all there is to deliver.
            self.events.extend(number.map(|number| Event::DeliveredOf(number, number)));
            return;
        }
        let event = buffer::Event { subject: buffer::Subject::Point(slot, of), value, flags, time: Some(publish.time), number };
        if !buffer.enter(class, event, image) {
            let what =
                format!("event {} of point {} found no room: {} wait already", number.unwrap_or(0), publish.point.0, buffer::EVENT_WINDOW);
            self.events.push_back(Event::Refused { what });
        }
    }

    /// Everything that may follow from what just happened.
    fn settle(&mut self, now: Now) {
        self.findings_of_lines(now.mono);
        self.drive_unsolicited(now);
        for s in 0..self.stations.len() {
            while let Some(unsaid) = self.stations.get_mut(s).and_then(|station| station.buffer.poll_unsaid()) {
                let image = self.stations.get(s).map(|station| &station.image);
                let (of, index) = match unsaid.subject {
                    Subject::Point(slot, of) => {
                        (of.name(), image.and_then(|image| image.get(slot)).map_or_else(String::new, |served| served.index.to_string()))
                    }
                    Subject::Command(of, index, _) => (of.name(), format!("{index}, a command")),
                    Subject::Statistic(index) => ("statistic", index.to_string()),
                };
                let value = unsaid.value;
                self.tell(|| format!("an event of {of} {index} cannot be said: {value:?} is none of its values"), now.mono);
                self.events.extend(unsaid.number.map(Event::Undeliverable));
            }
        }
    }

    fn findings_of_lines(&mut self, now: Mono) {
        for member in &mut self.members {
            // Bounded by the line itself.
            while let Some(finding) = member.line.poll_finding() {
                self.events.push_back(Event::Refused { what: finding.to_string() });
            }
            while let Some((master, outstation, notice)) = member.line.poll_notice() {
                let what = match notice {
                    Notice::Silent => "does not answer the link",
                    Notice::Back => "answers the link again",
                    Notice::GaveUp => "did not confirm a fragment on the link",
                };
                self.findings.tell(|| format!("master {master} of outstation {outstation} {what}"), &mut self.events, now);
            }
        }
    }

    /// The channel is to be closed.
    fn shut(&mut self, at: usize, cause: &str, abort: bool) {
        if let Some(member) = self.members.get_mut(at).filter(|member| member.closing.is_none() && member.cause.is_empty()) {
            cause.clone_into(&mut member.cause);
            member.closing = Some(Close { abort, cause: cause.to_owned() });
        }
    }

    /// Everything that an association was about is over: its channel is gone, its master came by another, or the outstation restarts.
    fn leave(&mut self, s: usize, a: usize, now: Now) {
        self.end_reply(s, a, "its channel was lost", now);
        self.end_unsolicited(s, a);
        self.lapse(s, a);
        self.files.forget((s, a));
        if let Some(association) = self.association(s, a) {
            (association.last, association.last_broadcast, association.deferred) = (None, None, None);
            association.past.clear();
            (association.recorded, association.channel) = (None, None);
        }
    }
}

impl Session for Outstation {
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now) {
        let host = peer.addr.ip().to_canonical();
        if self.members.len() >= self.params.connections {
            let Some(old) = self.members.iter().position(|member| member.host == host) else {
                self.refused.push((channel, false));
                return;
            };
            self.shut(old, "another connection of the same host takes its place", false);
            let live = self.members.iter().filter(|member| member.cause.is_empty()).count();
            if live >= self.params.connections {
                self.refused.push((channel, false));
                return;
            }
        }
        if self.members.is_empty() {
            self.events.push_back(Event::LinkState(LinkState::Connected));
        }
        self.opened += 1;
        let pairs: Vec<(u16, u16)> = self
            .stations
            .iter()
            .flat_map(|station| station.associations.iter().map(|association| (station.address, association.master)))
            .collect();
        self.members.push(Member {
            channel,
            connection: self.opened,
            host,
            line: Line::new(self.settings, &pairs, now.mono),
            is_datagram: false,
            framed: 0,
            durable: 0,
            closing: None,
            cause: String::new(),
        });
        // An only master is known to be at the other end before it spoke; of several, each is where it is heard.
        for (s, a) in self.associations() {
            let alone = self.stations.get(s).is_some_and(|station| station.associations.len() == 1);
            let stale = self
                .association(s, a)
                .and_then(|association| association.channel)
                .is_none_or(|known| self.find(known).and_then(|at| self.members.get(at)).is_none_or(|member| !member.cause.is_empty()));
            if alone && stale {
                self.leave(s, a, now);
                if let Some(association) = self.association(s, a) {
                    association.channel = Some(channel);
                }
            }
        }
        self.settle(now);
    }

    fn handle_input(&mut self, channel: Channel, chunk: Chunk<'_>, now: Now) {
        let mut chunk = chunk;
        if let (Chunk::Datagram { .. }, Some(member)) = (chunk, self.find(channel).and_then(|at| self.members.get_mut(at))) {
            member.is_datagram = true;
        }
        while let Some(member) = self.find(channel).and_then(|at| self.members.get_mut(at)).filter(|member| member.cause.is_empty()) {
            let Some(received) = member.line.receive(&mut chunk, now.mono) else { break };
            let (source, destination, broadcast) = (received.source, received.destination, received.broadcast);
            let mut fragment = std::mem::take(&mut self.fragment);
            fragment.clear();
            fragment.extend_from_slice(received.fragment);
            match broadcast {
                Some(broadcast) => self.broadcast(channel, source, broadcast, &fragment, now),
                None => self.take(channel, (destination, source), &fragment, now),
            }
            self.fragment = fragment;
        }
        self.settle(now);
    }

    fn handle_request(&mut self, request: Request, now: Now) {
        match request {
            Request::Publish(values) => {
                for value in &values {
                    self.publish(value);
                }
            }
            Request::Answer { token, answer } => self.answered(token, answer, now),
            Request::System(system) => self.system = system,
            // Commanding and reading are the master's: said, not swallowed.
            Request::Command(command) => {
                let outcome = Outcome::NotOperated(NotOperatedWhy::NotPermitted);
                self.events.push_back(Event::Settled { command, outcome, at: now });
            }
            Request::Interrogate => self.events.push_back(Event::InterrogationFailed),
            Request::Housekeep { id, .. } | Request::File { id, .. } => {
                self.events.push_back(Event::Housekept { id, outcome: HousekeepingOutcome::NotPermitted });
            }
            Request::SwitchOver => {
                self.events.push_back(Event::Refused { what: "a switch-over is the master's to make".to_owned() });
            }
            Request::Cancel(_) | Request::Journal { .. } => {}
        }
        self.settle(now);
    }

    fn handle_durable(&mut self, connection: u32, frame: u64, _now: Now) {
        if let Some(member) = self.members.iter_mut().find(|member| member.connection == connection) {
            member.durable = member.durable.max(frame);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        for member in &mut self.members {
            member.line.handle_timeout(now.mono);
        }
        for station in &mut self.stations {
            station.restarts_until = station.restarts_until.filter(|until| now.mono < *until);
        }
        self.run_schedules(now);
        for (s, a) in self.associations() {
            self.time_out(s, a, now);
        }
        self.settle(now);
    }

    fn handle_close(&mut self, channel: Channel, now: Now) {
        if let Some(at) = self.refused.iter().position(|(refused, _)| *refused == channel) {
            self.refused.remove(at);
            let cause = Error::TooManyConnections { limit: self.params.connections }.to_string();
            self.events.push_back(Event::Closed { channel, cause, at: now.mono });
            return;
        }
        let Some(at) = self.find(channel) else { return };
        self.findings_of_lines(now.mono);
        let member = self.members.remove(at);
        for (s, a) in self.associations() {
            if self.association(s, a).is_some_and(|association| association.channel == Some(channel)) {
                self.leave(s, a, now);
            }
        }
        self.events.push_back(Event::Closed { channel, cause: member.cause, at: now.mono });
        if self.members.is_empty() {
            self.is_started = false;
            self.events.push_back(Event::LinkState(LinkState::Down));
        }
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

    fn poll_output(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize, _now: Now) -> bool {
        self.find(channel).and_then(|at| self.members.get_mut(at)).is_some_and(|member| member.line.poll_output(out, limit))
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        if let Some((_, told)) = self.refused.iter_mut().find(|(refused, told)| *refused == channel && !told) {
            *told = true;
            let cause = Error::TooManyConnections { limit: self.params.connections }.to_string();
            return Some(Close { abort: false, cause });
        }
        let member = self.find(channel).and_then(|at| self.members.get_mut(at))?;
        if let Some(close) = member.closing.take() {
            return Some(close);
        }
        let close = member.line.poll_close()?;
        member.cause.clone_from(&close.cause);
        Some(close)
    }

    fn poll_timeout(&self) -> Option<Mono> {
        let lines = self.members.iter().map(|member| member.line.deadline());
        let associations = self.stations.iter().flat_map(|station| station.associations.iter().map(Association::deadline));
        let schedules = self.schedules.iter().map(|schedule| schedule.due);
        let collected = self.collected();
        let restarts = self.stations.iter().filter_map(|station| station.restarts_until);
        let next = lines.chain(associations).chain(schedules).chain(collected).chain(restarts).min()?;
        (next != Mono::NEVER).then_some(next)
    }

    fn user_timeout(&self, _channel: Channel, _now: Now) -> Option<Duration> {
        None
    }

    fn channels_max(&self) -> Option<usize> {
        // One more, so that a host whose connection is half dead can take its place.
        Some(self.params.connections + 1)
    }
}

//! A master under test, in virtual time, against outstations that we write fragment by fragment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge_model::{Action, Command, CommandId, CommandMode, Mono, Now, Outcome, PointId, PointUpdate, Utc, Zone};
use bridge_session::{
    AddressUse, Channel, Chunk, Event, Field, Fields, FrameBatch, HousekeepingOutcome, LinkPoint, LinkSpec, PeerInfo, Request, Role,
    Session,
};

use crate::app::{AppControl, Function};
use crate::line::{Line, LineSettings};
use crate::{Master, describe};

/// 2026-04-01T10:00:00Z: time zero of every script.
pub(super) const UTC_START_NS: i64 = 1_775_037_600_000_000_000;
pub(super) const CHANNEL: Channel = Channel(7);

pub(super) fn text(value: &str) -> Field {
    Field::Text(value.to_owned())
}

pub(super) fn fields(list: &[(&str, Field)]) -> Fields {
    list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
}

pub(super) fn point(point: u32, usage: AddressUse, of: &str, index: i64, more: &[(&str, Field)]) -> LinkPoint {
    let mut address = fields(&[("type", text(of)), ("index", Field::Int(index))]);
    address.extend(fields(more));
    LinkPoint { point: PointId(point), usage, address }
}

/// Outstation 10: binaries 0 to 3, doubles 10 to 11, analogues 20 to 39, counter 40; controls 0 a latch, 1 trip and close, 2 an analogue
/// output, 3 a pulse.
pub(super) fn spec(params: &[(&str, Field)]) -> LinkSpec {
    use AddressUse::{Control, Monitor};
    let mut all = fields(&[("outstation", Field::Int(10))]);
    all.extend(fields(params));
    let binaries = (0..4).map(|i| point(i, Monitor, "binary", i64::from(i), &[]));
    let doubles = (0..2).map(|i| point(10 + i, Monitor, "double", i64::from(i), &[]));
    let analogs = (0..20).map(|i| point(20 + i, Monitor, "analog", i64::from(i), &[]));
    let others = [
        point(40, Monitor, "counter", 0, &[]),
        point(0, Control, "binary_output", 0, &[]),
        point(1, Control, "binary_output", 1, &[("model", text("trip_close")), ("on_ms", Field::Int(250))]),
        point(2, Control, "analog_output", 0, &[("variation", Field::Int(3))]),
        point(3, Control, "binary_output", 2, &[("model", text("pulse"))]),
    ];
    LinkSpec {
        name: "test".to_owned(),
        role: Role::Client,
        zone: Zone::Utc,
        monitor_only: false,
        params: all,
        points: binaries.chain(doubles).chain(analogs).chain(others).collect(),
        max_unacked: 64,
        fresh_link_ms: 2000,
    }
}

/// `count` outstations from 10 on, with one binary each: point 0 of the first.
pub(super) fn line_of(count: u16, params: &[(&str, Field)]) -> LinkSpec {
    let points = (0..count).map(|i| {
        let own = [("outstation", Field::Int(10 + i64::from(i)))];
        point(u32::from(i), AddressUse::Monitor, "binary", 0, &own)
    });
    LinkSpec { points: points.collect(), ..spec(params) }
}

pub(super) fn peer() -> PeerInfo {
    PeerInfo { addr: "127.0.0.1:20000".parse().unwrap(), tls_identity: None }
}

/// How an outstation answers by itself.
pub(super) type Responder = fn(u16, &[u8]) -> Option<Vec<u8>>;

pub(super) struct Bench {
    pub(super) session: Master,
    pub(super) now: Now,
    /// Reads what the master sends.
    wire: Line,
    outstations: BTreeMap<u16, Line>,
    /// Outstations that neither hear nor speak.
    pub(super) deaf: BTreeSet<u16>,
    pub(super) responder: Option<Responder>,
    sent: Vec<(Mono, u16, Vec<u8>)>,
    pub(super) updates: Vec<PointUpdate>,
    pub(super) frames: Vec<(u32, u64)>,
    /// Octets of the frames, header included.
    pub(super) records: Vec<(Vec<u8>, usize)>,
    /// Whether frames become durable at once.
    pub(super) durable: bool,
    pub(super) closed: Option<(bool, String)>,
    events: Vec<Event>,
}

impl Bench {
    pub(super) fn new(spec: &LinkSpec) -> Self {
        let now = Now { mono: Mono(1_000_000_000), utc: Utc(UTC_START_NS) };
        let session = Master::new(spec);
        let addresses: Vec<u16> = session.remotes.iter().map(|remote| remote.address).collect();
        let settings = LineSettings { closes: false, keep_alive: None, max_fragment: 65_535, ..LineSettings::new(Role::Server) };
        let line = |addresses: &[u16]| {
            let associations: Vec<(u16, u16)> = addresses.iter().map(|address| (*address, 1)).collect();
            Line::new(settings, &associations, now.mono)
        };
        Self {
            session,
            now,
            wire: line(&addresses),
            outstations: addresses.iter().map(|address| (*address, line(&[*address]))).collect(),
            deaf: BTreeSet::new(),
            responder: None,
            sent: Vec::new(),
            updates: Vec::new(),
            frames: Vec::new(),
            records: Vec::new(),
            durable: true,
            closed: None,
            events: Vec::new(),
        }
    }

    pub(super) fn open(&mut self) {
        self.closed = None;
        self.session.handle_open(CHANNEL, &peer(), self.now);
        self.pump();
    }

    pub(super) fn close(&mut self) {
        self.session.handle_close(CHANNEL, self.now);
        self.pump();
    }

    /// What a driver does after each input.
    fn pump(&mut self) {
        for _ in 0..100_000 {
            self.take_frames();
            self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
            let mut out = Vec::new();
            let sent = self.session.poll_output(CHANNEL, &mut out, 4096, self.now);
            self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
            if let Some(close) = self.session.poll_close(CHANNEL) {
                self.closed = Some((close.abort, close.cause));
            }
            if !sent {
                return;
            }
            self.carry(&out);
        }
        panic!("the master sends without end");
    }

    fn take_frames(&mut self) {
        let mut batch = FrameBatch::default();
        while self.session.poll_frames(&mut batch) {
            self.updates.extend(&batch.updates);
            for frame in &batch.frames {
                self.frames.push((frame.connection, frame.number));
                self.records.push((batch.octets(frame).to_vec(), frame.header));
                if self.durable {
                    self.session.handle_durable(frame.connection, frame.number, self.now);
                }
            }
            batch.clear();
        }
    }

    /// From the master to the outstations, and their answers back.
    fn carry(&mut self, out: &[u8]) {
        let mut chunk = Chunk::Stream(out);
        let mut arrived = Vec::new();
        while let Some(received) = self.wire.receive(&mut chunk, self.now.mono) {
            self.sent.push((self.now.mono, received.destination, received.fragment.to_vec()));
            arrived.push((received.destination, received.fragment.to_vec()));
        }
        let mut answers = Vec::new();
        for (address, line) in self.outstations.iter_mut().filter(|(address, _)| !self.deaf.contains(address)) {
            let mut chunk = Chunk::Stream(out);
            while line.receive(&mut chunk, self.now.mono).is_some() {}
            let replies = arrived.iter().filter(|(to, _)| to == address);
            for reply in replies.filter_map(|(_, fragment)| self.responder.and_then(|responder| responder(*address, fragment))) {
                line.send(1, *address, &reply, self.now.mono).unwrap();
            }
            while line.poll_output(&mut answers, 65_535) {}
        }
        if !answers.is_empty() {
            self.session.handle_input(CHANNEL, Chunk::Stream(&answers), self.now);
        }
    }

    /// A fragment of outstation 10.
    pub(super) fn rx(&mut self, fragment: &[u8]) {
        self.rx_from(10, fragment);
    }

    pub(super) fn rx_from(&mut self, address: u16, fragment: &[u8]) {
        let octets = self.octets_of(address, fragment);
        self.rx_octets(&octets);
    }

    /// A fragment of an outstation as link frames.
    pub(super) fn octets_of(&mut self, address: u16, fragment: &[u8]) -> Vec<u8> {
        let mut octets = Vec::new();
        let line = self.outstations.get_mut(&address).unwrap();
        line.send(1, address, fragment, self.now.mono).unwrap();
        while line.poll_output(&mut octets, 65_535) {}
        octets
    }

    pub(super) fn rx_octets(&mut self, octets: &[u8]) {
        self.session.handle_input(CHANNEL, Chunk::Stream(octets), self.now);
        self.pump();
    }

    /// Octets from anywhere.
    pub(super) fn feed(&mut self, octets: &[u8]) {
        self.rx_octets(octets);
    }

    /// The number that an answer to the last request has.
    pub(super) fn next_seq(&self) -> u8 {
        self.session.flight.map_or(0, |flight| flight.seq)
    }

    /// Keeps a request as the last that was sent.
    pub(super) fn keep(&mut self, at: Mono, to: u16, fragment: Vec<u8>) {
        self.sent.push((at, to, fragment));
    }

    /// What the master sent since this was last asked, in words.
    pub(super) fn tx(&mut self) -> Vec<String> {
        self.pump();
        let one = self.outstations.len() == 1;
        let words = |(_, to, fragment): (Mono, u16, Vec<u8>)| {
            if one { describe(&fragment) } else { format!("{to}: {}", describe(&fragment)) }
        };
        self.sent.drain(..).map(words).collect()
    }

    pub(super) fn tx_octets(&mut self) -> Vec<Vec<u8>> {
        self.pump();
        self.sent.drain(..).map(|(_, _, fragment)| fragment).collect()
    }

    /// When what was sent to whom.
    pub(super) fn log(&mut self) -> Vec<(Mono, u16, Vec<u8>)> {
        self.pump();
        std::mem::take(&mut self.sent)
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        self.pump();
        std::mem::take(&mut self.events)
    }

    /// Lines for the log.
    pub(super) fn told(&mut self) -> Vec<String> {
        self.events().into_iter().filter_map(|event| if let Event::Refused { what } = event { Some(what) } else { None }).collect()
    }

    pub(super) fn settled(&mut self) -> Vec<Outcome> {
        self.events()
            .into_iter()
            .filter_map(|event| if let Event::Settled { outcome, .. } = event { Some(outcome) } else { None })
            .collect()
    }

    pub(super) fn kept(&mut self) -> Vec<HousekeepingOutcome> {
        self.events()
            .into_iter()
            .filter_map(|event| if let Event::Housekept { outcome, .. } = event { Some(outcome) } else { None })
            .collect()
    }

    /// Time passes, every deadline on the way is served.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now.mono + span;
        self.pump();
        let mut idle = 0;
        while let Some(next) = self.session.poll_timeout().filter(|next| *next <= end) {
            idle = if next > self.now.mono { 0 } else { idle + 1 };
            assert!(idle < 100, "a deadline that stays in the past: {next:?}, and it is {:?}", self.now.mono);
            self.step_to(next.max(self.now.mono));
            self.session.handle_timeout(self.now);
            self.pump();
        }
        self.step_to(end);
        self.session.handle_timeout(self.now);
        self.pump();
    }

    pub(super) fn pass_ms(&mut self, ms: u64) {
        self.pass(Duration::from_millis(ms));
    }

    fn step_to(&mut self, mono: Mono) {
        let span = mono.since(self.now.mono);
        self.now = Now { mono, utc: self.now.utc + span };
    }

    pub(super) fn request(&mut self, request: Request) {
        self.session.handle_request(request, self.now);
        self.pump();
    }

    pub(super) fn command(&self, point: u32, action: Action, mode: CommandMode, life_ms: u64) -> Command {
        let life = Duration::from_millis(life_ms);
        let not_after = Now { mono: self.now.mono + life, utc: self.now.utc + life };
        Command { id: CommandId(u128::from(point) + 1), point: PointId(point), action, mode, qualifier: 0, not_after }
    }

    /// Everything so far is forgotten.
    pub(super) fn forget(&mut self) {
        self.tx();
        self.events();
        self.updates.clear();
        self.frames.clear();
        self.records.clear();
    }

    /// The sequence number of the last request that was sent.
    pub(super) fn last_seq(&mut self) -> u8 {
        let (_, _, fragment) = self.sent.last().expect("something was sent");
        fragment[0] & 0x0F
    }

    /// Answers what is on the line with these indications and no objects.
    pub(super) fn answer_seq(&mut self, iin: [u8; 2]) {
        let seq = self.next_seq();
        self.rx(&response(0xC0 | seq, iin, &[]));
    }

    /// Answers the last request with these indications and objects.
    pub(super) fn answer(&mut self, iin: [u8; 2], objects: &[u8]) {
        let seq = self.last_seq();
        self.rx(&response(0xC0 | seq, iin, objects));
    }
}

/// A response by hand.
pub(super) fn response(control: u8, iin: [u8; 2], objects: &[u8]) -> Vec<u8> {
    [&[control, 129, iin[0], iin[1]], objects].concat()
}

/// An unsolicited response by hand.
pub(super) fn unsolicited(seq: u8, iin: [u8; 2], objects: &[u8]) -> Vec<u8> {
    [&[0xF0 | seq, 130, iin[0], iin[1]], objects].concat()
}

/// A binary event with absolute time: g2v2, one object, 16-bit index.
pub(super) fn binary_event(index: u8, octet: u8, ms: u64) -> Vec<u8> {
    let mut object = vec![2, 2, 0x28, 1, 0, index, 0, octet];
    object.extend(&ms.to_le_bytes()[..6]);
    object
}

/// Answers everything without objects.
pub(super) fn null_responder(_: u16, request: &[u8]) -> Option<Vec<u8>> {
    let function = Function::from_code(*request.get(1)?)?;
    let seq = AppControl::from_octet(*request.first()?).seq;
    function.wants_response().then(|| response(0xC0 | seq, [0, 0], &[]))
}

/// Opened, the start-up answered, everything so far forgotten.
pub(super) fn started_with(spec: &LinkSpec) -> Bench {
    let mut bench = Bench::new(spec);
    bench.responder = Some(null_responder);
    bench.open();
    bench.responder = None;
    assert!(bench.events().contains(&Event::InterrogationEnded), "the start-up ends");
    bench.forget();
    bench
}

pub(super) fn started(params: &[(&str, Field)]) -> Bench {
    started_with(&spec(params))
}

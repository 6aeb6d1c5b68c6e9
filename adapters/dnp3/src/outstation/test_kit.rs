//! An outstation under test, in virtual time, against masters that we write fragment by fragment.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::{Mono, Now, PointId, Quality, Timestamp, Utc, Value, Zone};
use bridge_session::{
    AddressUse, Answer, Channel, Chunk, CommandReceived, CommandToken, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, PeerInfo,
    Publish, PublishClass, Request, Role, Session,
};

use super::{FileStore, MemoryFiles, Outstation};
use crate::app::{AppControl, Function, Iin};
use crate::line::{Line, LineSettings};

/// 2026-04-01T10:00:00Z: time zero of every script.
pub(super) const UTC_START_MS: i64 = 1_775_037_600_000;
pub(super) const CHANNEL: Channel = Channel(7);
pub(super) const OUTSTATION: u16 = 10;
pub(super) const OTHER: u16 = 11;
pub(super) const MASTER: u16 = 1;
pub(super) const SECOND: u16 = 2;

/// Points by type, each with index 0 up: binaries 0 to 3, doubles 10 to 11, binary outputs 20 to 21, counters 30 to 32, analogues 40 to 43,
/// analogue outputs 50 to 51; of the other outstation, binary 60.
pub(super) const BINARY: u32 = 0;
pub(super) const DOUBLE: u32 = 10;
pub(super) const OUTPUT: u32 = 20;
pub(super) const COUNTER: u32 = 30;
pub(super) const ANALOG: u32 = 40;
pub(super) const SETPOINT: u32 = 50;
pub(super) const ELSEWHERE: u32 = 60;
/// Controls: binary outputs latch, trip_close, pulse at 0 to 2, analogue output at 0.
pub(super) const LATCH: PointId = PointId(100);
pub(super) const BREAKER: PointId = PointId(101);
pub(super) const TARGET: PointId = PointId(103);

pub(super) fn fields(list: &[(&str, Field)]) -> Fields {
    list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
}

pub(super) fn text(value: &str) -> Field {
    Field::Text(value.to_owned())
}

pub(super) fn point(point: u32, usage: AddressUse, of: &str, index: u32, more: &[(&str, Field)]) -> LinkPoint {
    let mut address = fields(&[("type", text(of)), ("index", Field::Int(i64::from(index)))]);
    address.extend(fields(more));
    LinkPoint { point: PointId(point), usage, address }
}

pub(super) fn spec(params: &[(&str, Field)]) -> LinkSpec {
    let mut all = fields(&[("outstation", Field::Int(i64::from(OUTSTATION)))]);
    all.extend(fields(params));
    let counts = [
        ("binary", BINARY, 4),
        ("double", DOUBLE, 2),
        ("binary_output", OUTPUT, 2),
        ("counter", COUNTER, 3),
        ("analog", ANALOG, 4),
        ("analog_output", SETPOINT, 2),
    ];
    let served = counts.iter().flat_map(|(of, first, count)| (0..*count).map(move |i| point(first + i, AddressUse::Monitor, of, i, &[])));
    let other = point(ELSEWHERE, AddressUse::Monitor, "binary", 0, &[("outstation", Field::Int(i64::from(OTHER)))]);
    let models = ["latch", "trip_close", "pulse"];
    let outputs = (0..3).zip(models).map(|(i, model)| point(100 + i, AddressUse::Control, "binary_output", i, &[("model", text(model))]));
    let target = point(TARGET.0, AddressUse::Control, "analog_output", 0, &[]);
    LinkSpec {
        name: "test".to_owned(),
        role: Role::Server,
        zone: Zone::Utc,
        monitor_only: false,
        params: all,
        points: served.chain([other]).chain(outputs).chain([target]).collect(),
        max_unacked: 64,
        fresh_link_ms: 2000,
    }
}

/// What a master got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Got {
    pub(super) control: AppControl,
    pub(super) function: Function,
    pub(super) iin: Iin,
    /// Headers and objects.
    pub(super) body: Vec<u8>,
}

/// The session and its masters: one channel for each master that is used.
pub(super) struct Bench {
    pub(super) session: Outstation,
    pub(super) now: Now,
    masters: BTreeMap<Channel, Line>,
    /// The channel, outstation and master that everything is about.
    pub(super) channel: Channel,
    pub(super) outstation: u16,
    pub(super) master: u16,
    pub(super) seq: u8,
    /// Frames handed to the journal: connection, number, octets.
    pub(super) frames: Vec<(u32, u64, Vec<u8>)>,
    pub(super) durable: bool,
    /// Each fragment comes as one datagram.
    pub(super) datagrams: bool,
    /// Octets of the session to its peers so far.
    pub(super) sent: usize,
}

impl Bench {
    pub(super) fn with(spec: &LinkSpec, files: Box<dyn FileStore>) -> Self {
        Self {
            session: Outstation::with_files(spec, files),
            now: Now { mono: Mono(1_000_000_000), utc: Utc::from_millis(UTC_START_MS) },
            masters: BTreeMap::new(),
            channel: CHANNEL,
            outstation: OUTSTATION,
            master: MASTER,
            seq: 0,
            frames: Vec::new(),
            durable: true,
            datagrams: false,
            sent: 0,
        }
    }

    /// Opened; nothing was said.
    pub(super) fn new(params: &[(&str, Field)]) -> Self {
        let mut bench = Self::with(&spec(params), Box::new(MemoryFiles::default()));
        bench.open();
        bench
    }

    /// Opened, unsolicited responses off, DEVICE_RESTART cleared, everything so far forgotten.
    pub(super) fn quiet(params: &[(&str, Field)]) -> Self {
        let mut all = vec![("unsolicited", text(""))];
        all.extend_from_slice(params);
        let mut bench = Self::new(&all);
        bench.clear_restart();
        bench
    }

    pub(super) fn clear_restart(&mut self) {
        assert_eq!(self.ask(Function::Write, &[80, 1, 0x00, 7, 7, 0]).body, []);
        self.events();
        self.frames.clear();
    }

    pub(super) fn peer(host: u8) -> PeerInfo {
        PeerInfo { addr: format!("127.0.0.{host}:20000").parse().unwrap(), tls_identity: None }
    }

    pub(super) fn open(&mut self) {
        let host = u8::try_from(self.channel.0).unwrap();
        self.session.handle_open(self.channel, &Self::peer(host), self.now);
        let all = [OUTSTATION, OTHER].map(|outstation| [MASTER, SECOND, self.master].map(|master| (master, outstation))).concat();
        let settings = LineSettings { keep_alive: None, max_fragment: 65_535, ..LineSettings::new(Role::Client) };
        self.masters.insert(self.channel, Line::new(settings, &all, self.now.mono));
    }

    pub(super) fn close(&mut self) {
        self.session.handle_close(self.channel, self.now);
        self.masters.remove(&self.channel);
    }

    /// A fragment of the master, as it is.
    pub(super) fn rx(&mut self, fragment: &[u8]) {
        self.rx_to(self.outstation, fragment);
    }

    pub(super) fn rx_to(&mut self, outstation: u16, fragment: &[u8]) {
        let master = self.master;
        let Some(line) = self.masters.get_mut(&self.channel) else { panic!("{:?} is not open", self.channel) };
        line.send(outstation, master, fragment, self.now.mono).unwrap();
        let mut octets = Vec::new();
        while line.poll_output(&mut octets, 4096) {}
        self.rx_octets(&octets);
    }

    pub(super) fn rx_octets(&mut self, octets: &[u8]) {
        let chunk = match self.datagrams {
            false => Chunk::Stream(octets),
            true => Chunk::Datagram { from: Self::peer(1).addr, bytes: octets },
        };
        self.session.handle_input(self.channel, chunk, self.now);
        let mut batch = FrameBatch::default();
        while self.session.poll_frames(&mut batch) {
            for frame in &batch.frames {
                assert_eq!(frame.header, 1);
                self.frames.push((frame.connection, frame.number, batch.octets(frame).to_vec()));
                if self.durable {
                    self.session.handle_durable(frame.connection, frame.number, self.now);
                }
            }
            batch.clear();
        }
    }

    /// What the master of this channel gets from the outstation, until nothing is left.
    pub(super) fn tx(&mut self) -> Vec<Got> {
        let mut octets = Vec::new();
        while self.session.poll_output(self.channel, &mut octets, 4096, self.now) {}
        self.sent += octets.len();
        let Some(line) = self.masters.get_mut(&self.channel) else { return Vec::new() };
        let mut chunk = Chunk::Stream(&octets);
        let mut all = Vec::new();
        while let Some(received) = line.receive(&mut chunk, self.now.mono) {
            if received.source != self.outstation {
                continue;
            }
            let view = crate::app::FragmentView::response(received.fragment).unwrap();
            view.check().unwrap();
            assert!(received.fragment.len() <= self.session.params().max_transmit);
            all.push(Got { control: view.control, function: view.function, iin: view.iin, body: view.body.to_vec() });
        }
        // What the master's link answers.
        let mut answers = Vec::new();
        while line.poll_output(&mut answers, 4096) {}
        if !answers.is_empty() {
            self.rx_octets(&answers);
        }
        all
    }

    /// A request with the next sequence number.
    pub(super) fn send(&mut self, function: Function, body: &[u8]) -> u8 {
        self.seq = AppControl::next(self.seq);
        self.rx(&request(self.seq, function, body));
        self.seq
    }

    /// The one answer to a request.
    pub(super) fn ask(&mut self, function: Function, body: &[u8]) -> Got {
        self.tx();
        let seq = self.send(function, body);
        let mut all = self.tx();
        assert_eq!(all.len(), 1, "one answer to {}: {all:?}", function.name());
        let got = all.remove(0);
        assert_eq!((got.function, got.control.seq, got.control.uns, got.control.fir), (Function::Response, seq, false, true));
        got
    }

    /// A READ with all its fragments, each confirmed where it asks for it.
    pub(super) fn read(&mut self, body: &[u8]) -> Vec<Got> {
        let mut got = vec![self.ask(Function::Read, body)];
        while let Some(last) = got.last() {
            let control = last.control;
            if control.con {
                self.confirm(control);
            }
            if control.fin {
                break;
            }
            let next = self.tx();
            assert_eq!(next.len(), 1, "the next fragment");
            got.extend(next);
        }
        got
    }

    pub(super) fn confirm(&mut self, of: AppControl) {
        let control = AppControl { con: false, fir: true, fin: true, ..of };
        self.rx(&[control.octet(), 0]);
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    /// The commands among the events, and nothing of the rest.
    pub(super) fn commands(&mut self) -> Vec<CommandReceived> {
        let command = |event| if let Event::CommandReceived(command) = event { Some(command) } else { None };
        self.events().into_iter().filter_map(command).collect()
    }

    /// What was told for the log.
    pub(super) fn told(&mut self) -> Vec<String> {
        let told = |event| if let Event::Refused { what } = event { Some(what) } else { None };
        self.events().into_iter().filter_map(told).collect()
    }

    pub(super) fn closed(&mut self) -> Option<String> {
        self.session.poll_close(self.channel).map(|close| close.cause)
    }

    pub(super) fn answer(&mut self, token: CommandToken, answer: Answer) {
        self.request(Request::Answer { token, answer });
    }

    pub(super) fn request(&mut self, request: Request) {
        self.session.handle_request(request, self.now);
    }

    /// A value now, good.
    pub(super) fn publish(&mut self, point: u32, value: Value, class: PublishClass) {
        let time = Timestamp::by_device(self.now.utc);
        self.request(Request::Publish(vec![Publish {
            point: PointId(point),
            value,
            quality: Quality::GOOD,
            time,
            class,
            spontaneous: true,
            return_info: false,
        }]));
    }

    /// Time passes, every deadline on the way is served.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now.mono + span;
        for _ in 0..10_000 {
            let Some(next) = self.session.poll_timeout().filter(|next| *next <= end && *next > self.now.mono) else { break };
            self.step_to(next);
            self.session.handle_timeout(self.now);
        }
        self.step_to(end);
        self.session.handle_timeout(self.now);
    }

    pub(super) fn pass_ms(&mut self, ms: u64) {
        self.pass(Duration::from_millis(ms));
    }

    fn step_to(&mut self, mono: Mono) {
        let span = mono.since(self.now.mono);
        self.now = Now { mono, utc: self.now.utc + span };
    }
}

pub(super) fn request(seq: u8, function: Function, body: &[u8]) -> Vec<u8> {
    [&[AppControl::single(seq).octet(), function.code()], body].concat()
}

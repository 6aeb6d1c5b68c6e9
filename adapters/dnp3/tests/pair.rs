//! Our masters against our outstations, over lines with delay, jitter, small segments and loss, in virtual time.
//!
//! Own against own hides shared misreadings: the goldens and the independent peers are there for those.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bridge_dnp3::Dnp3;
use bridge_model::{
    Action, Cause, Command, CommandId, CommandMode, Mono, Now, Outcome, PointId, PointUpdate, Quality, Timestamp, Utc, Value, Zone,
};
use bridge_session::{
    AddressUse, Answer, Channel, Chunk, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, PeerInfo, Protocol, Publish, PublishClass,
    Request, Role, Session,
};

/// Analogues of each outstation, and one control.
const POINTS: u32 = 1000;

fn spec(role: Role, outstations: &[u16], params: &[(&str, Field)]) -> LinkSpec {
    let address = |outstation: u16, of: &str, index: u32| {
        let fields = [
            ("outstation", Field::Int(i64::from(outstation))),
            ("type", Field::Text(of.to_owned())),
            ("index", Field::Int(i64::from(index))),
        ];
        Fields::from(fields.map(|(name, field)| (name.to_owned(), field)))
    };
    let of_outstation = |(number, outstation): (u32, u16)| {
        let value = move |index| LinkPoint {
            point: PointId(number * POINTS + index),
            usage: AddressUse::Monitor,
            address: address(outstation, "analog", index),
        };
        let control = LinkPoint { point: PointId(number), usage: AddressUse::Control, address: address(outstation, "analog_output", 0) };
        (0..POINTS).map(value).chain([control])
    };
    let mut all = vec![("outstation", Field::Int(i64::from(outstations[0]))), ("keep_alive", Field::Text("5s".to_owned()))];
    all.extend_from_slice(params);
    LinkSpec {
        name: "pair".to_owned(),
        role,
        zone: Zone::Ist,
        monitor_only: false,
        params: all.into_iter().map(|(name, field)| (name.to_owned(), field)).collect(),
        points: (0..).zip(outstations.iter().copied()).flat_map(of_outstation).collect(),
        max_unacked: 10_000,
        fresh_link_ms: 2000,
    }
}

fn text(value: &str) -> Field {
    Field::Text(value.to_owned())
}

/// What carries octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// In order, cut anywhere; what is lost is missing from the stream, as on a serial line.
    Stream,
    /// Each piece whole, in any order, some twice.
    Datagrams,
}

/// One direction of a line: pieces and when each arrives.
type Wire = VecDeque<(Mono, Vec<u8>)>;

/// One session and what it said.
struct End {
    session: Box<dyn Session>,
    receipts: VecDeque<(Mono, u32, u64)>,
    updates: Vec<PointUpdate>,
    events: Vec<Event>,
}

impl End {
    fn new(spec: &LinkSpec) -> Self {
        Self { session: Dnp3.session(spec), receipts: VecDeque::new(), updates: Vec::new(), events: Vec::new() }
    }
}

/// An outstation's link and its masters, each on a channel of its own.
struct World {
    outstation: End,
    masters: Vec<End>,
    /// To the outstation and to the master, by master.
    wires: Vec<[Wire; 2]>,
    open: Vec<bool>,
    way: Way,
    /// Pieces of a thousand that are lost.
    loss: u64,
    lost: u64,
    channels: u32,
    now: Now,
    random: u64,
    number: u64,
}

impl World {
    fn new(seed: u64, way: Way, outstation: &LinkSpec, masters: &[LinkSpec]) -> Self {
        let mut world = Self {
            outstation: End::new(outstation),
            masters: masters.iter().map(End::new).collect(),
            wires: masters.iter().map(|_| Default::default()).collect(),
            open: vec![false; masters.len()],
            way,
            loss: 0,
            lost: 0,
            channels: 0,
            now: Now { mono: Mono(0), utc: Utc(1_775_037_600_000_000_000) },
            random: seed,
            number: 0,
        };
        world.connect();
        world
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % bound
    }

    /// The channel of a master: numbers are never used again.
    fn channel(&self, master: usize) -> Channel {
        Channel(self.channels * 10 + u32::try_from(master).unwrap())
    }

    fn connect(&mut self) {
        self.channels += 1;
        for at in 0..self.masters.len() {
            let channel = self.channel(at);
            let peer = PeerInfo { addr: format!("127.0.0.{}:20000", at + 1).parse().unwrap(), tls_identity: None };
            self.masters[at].session.handle_open(channel, &peer, self.now);
            self.outstation.session.handle_open(channel, &peer, self.now);
            self.wires[at] = Default::default();
            self.open[at] = true;
        }
    }

    fn disconnect(&mut self) {
        for at in 0..self.masters.len() {
            let channel = self.channel(at);
            if std::mem::take(&mut self.open[at]) {
                self.masters[at].session.handle_close(channel, self.now);
                self.outstation.session.handle_close(channel, self.now);
            }
        }
    }

    fn deliver(&mut self, at: usize, to_master: bool) {
        let channel = self.channel(at);
        let due = self.now.mono;
        let way = self.way;
        let wire = &mut self.wires[at][usize::from(to_master)];
        // Datagrams overtake each other.
        let arrived: Vec<Vec<u8>> = if way == Way::Stream {
            std::iter::from_fn(|| wire.pop_front_if(|(when, _)| *when <= due)).map(|(_, octets)| octets).collect()
        } else {
            let (now, later): (VecDeque<_>, VecDeque<_>) = std::mem::take(wire).into_iter().partition(|(when, _)| *when <= due);
            *wire = later;
            now.into_iter().map(|(_, octets)| octets).collect()
        };
        let session = if to_master { &mut self.masters[at].session } else { &mut self.outstation.session };
        for octets in arrived {
            let from = "127.0.0.9:20000".parse().unwrap();
            let chunk = if way == Way::Stream { Chunk::Stream(&octets) } else { Chunk::Datagram { bytes: &octets, from } };
            session.handle_input(channel, chunk, self.now);
        }
    }

    fn send(&mut self, at: usize, from_master: bool) {
        let channel = self.channel(at);
        loop {
            let session = if from_master { &mut self.masters[at].session } else { &mut self.outstation.session };
            let mut out = Vec::new();
            // What a driver asks for at a time.
            let most = if self.way == Way::Datagrams { 1400 } else { 1000 };
            if !session.poll_output(channel, &mut out, most, self.now) {
                return;
            }
            assert!(self.way == Way::Stream || out.len() <= most, "a datagram of {} octets", out.len());
            let mut rest = out.as_slice();
            while !rest.is_empty() {
                let most = match self.way {
                    Way::Stream => 1 + usize::try_from(self.below(if rest.len() > 20 { 400 } else { 5 })).unwrap(),
                    Way::Datagrams => rest.len(),
                };
                let (piece, later) = rest.split_at(most.min(rest.len()));
                rest = later;
                let copies = if self.way == Way::Datagrams && self.below(50) == 0 { 2 } else { 1 };
                for _ in 0..copies {
                    let jitter = Duration::from_millis(5 + self.below(20));
                    let lost = self.below(1000) < self.loss;
                    self.lost += u64::from(lost);
                    let wire = &mut self.wires[at][usize::from(!from_master)];
                    let last = wire.back().map_or(Mono(0), |(due, _)| *due);
                    let due = self.now.mono + jitter;
                    if !lost {
                        wire.push_back((if self.way == Way::Stream { due.max(last) } else { due }, piece.to_vec()));
                    }
                }
            }
        }
    }

    /// The journal and the clock of one session.
    fn tend(end: &mut End, now: Now, spread: u64) {
        let mut batch = FrameBatch::default();
        while end.session.poll_frames(&mut batch) {
            end.updates.extend(&batch.updates);
            // Durable some milliseconds later, in order.
            for frame in &batch.frames {
                let last = end.receipts.back().map_or(Mono(0), |(due, _, _)| *due);
                end.receipts.push_back(((now.mono + Duration::from_millis(spread)).max(last), frame.connection, frame.number));
            }
            batch.clear();
        }
        while let Some((_, connection, number)) = end.receipts.pop_front_if(|(due, _, _)| *due <= now.mono) {
            end.session.handle_durable(connection, number, now);
        }
        if end.session.poll_timeout().is_some_and(|due| due <= now.mono) {
            end.session.handle_timeout(now);
        }
        end.events.extend(std::iter::from_fn(|| end.session.poll_event()));
    }

    /// One millisecond.
    fn step(&mut self) {
        let span = Duration::from_millis(1);
        self.now = Now { mono: self.now.mono + span, utc: self.now.utc + span };
        let spread = self.below(10);
        for at in 0..self.masters.len() {
            self.deliver(at, false);
            self.deliver(at, true);
            Self::tend(&mut self.masters[at], self.now, spread);
        }
        Self::tend(&mut self.outstation, self.now, spread);
        let mut broken = false;
        for at in 0..self.masters.len() {
            if !self.open[at] {
                continue;
            }
            self.send(at, true);
            self.send(at, false);
            let channel = self.channel(at);
            broken |= self.masters[at].session.poll_close(channel).is_some();
            broken |= self.outstation.session.poll_close(channel).is_some();
        }
        assert!(!(broken && self.way == Way::Datagrams), "nothing is gained by closing");
        if broken {
            self.disconnect();
            self.connect();
        }
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.step();
        }
    }

    /// The next event: its number is its value.
    fn event(&mut self, point: u32) {
        self.number += 1;
        let value = Value::Real32(f32::from(u16::try_from(self.number).unwrap()));
        self.publish(point, value, PublishClass::Event(self.number));
    }

    fn publish(&mut self, point: u32, value: Value, class: PublishClass) {
        let time = Timestamp::by_device(Utc(self.now.utc.0 / 1_000_000 * 1_000_000));
        let spontaneous = class != PublishClass::Latest;
        let publish = Publish { point: PointId(point), value, quality: Quality::GOOD, time, class, spontaneous, return_info: false };
        self.outstation.session.handle_request(Request::Publish(vec![publish]), self.now);
    }

    /// Each event that a master read, where it first came.
    fn read(&self, master: usize) -> Vec<u64> {
        let mut seen = BTreeSet::new();
        let events = self.masters[master].updates.iter().filter(|update| update.cause != Cause::Interrogated);
        let numbers = events.map(|update| update.value.as_f64() as u64);
        numbers.filter(|number| seen.insert(*number)).collect()
    }

    /// The numbers that the outstation says were delivered, in order of telling.
    fn delivered(&self) -> Vec<u64> {
        let run = |event: &Event| if let Event::DeliveredOf(first, last) = event { Some(*first..=*last) } else { None };
        let runs = self.outstation.events.iter().filter_map(run);
        runs.flatten().collect()
    }

    /// Every event arrived, none was told delivered twice, and what is delivered was read.
    fn assert_whole(&self, seed: u64) {
        let all: Vec<u64> = (1..=self.number).collect();
        let read: BTreeSet<u64> = (0..self.masters.len()).flat_map(|master| self.read(master)).collect();
        assert_eq!(read.into_iter().collect::<Vec<_>>(), all, "seed {seed}: what was read");
        let mut delivered = self.delivered();
        delivered.sort_unstable();
        assert_eq!(delivered, all, "seed {seed}: what was delivered");
    }
}

fn masters_of(params: &[(&str, Field)], numbers: &[u16], outstations: &[u16]) -> Vec<LinkSpec> {
    let one = |number: &u16| {
        let own = [("master", Field::Int(i64::from(*number))), ("poll_2", text("2s")), ("response_timeout", text("500ms"))];
        spec(Role::Client, outstations, &[params, &own].concat())
    };
    numbers.iter().map(one).collect()
}

fn outstation_of(params: &[(&str, Field)], outstations: &[u16]) -> LinkSpec {
    spec(Role::Server, outstations, &[params, &[("confirm_timeout", text("300ms"))]].concat())
}

#[test]
fn a_whole_image_arrives_once_in_every_network() {
    for seed in 0..4 {
        let mut world = World::new(seed, Way::Stream, &outstation_of(&[], &[10]), &masters_of(&[], &[1], &[10]));
        for point in 0..POINTS {
            world.publish(point, Value::Int(i64::from(point)), PublishClass::Latest);
        }
        world.run(4000);
        let events = &world.masters[0].events;
        assert_eq!(events.iter().filter(|event| **event == Event::InterrogationEnded).count(), 1, "seed {seed}: {events:?}");
        let image = world.masters[0].updates.iter().filter(|update| update.cause == Cause::Interrogated);
        let values: Vec<(u32, f64)> = image.map(|update| (update.point.0, update.value.as_f64())).collect();
        let expected: Vec<(u32, f64)> = (0..POINTS).map(|point| (point, f64::from(point))).collect();
        assert_eq!(values, expected, "seed {seed}");
    }
}

#[test]
fn a2_r27_no_event_is_lost_over_cuts_and_loss_of_octets() {
    for seed in 10..18 {
        // A connection that is cut, and a serial line that loses octets.
        let is_serial = seed % 2 == 1;
        let params = [("connected", Field::Bool(!is_serial))];
        let mut world = World::new(seed, Way::Stream, &outstation_of(&params, &[10]), &masters_of(&params, &[1], &[10]));
        world.run(1000);
        world.loss = if is_serial { 100 } else { 0 };
        for _ in 0..400 {
            let burst = world.below(4);
            for _ in 0..burst {
                let point = u32::try_from(world.below(u64::from(POINTS))).unwrap();
                world.event(point);
            }
            let pause = 1 + world.below(60);
            world.run(pause);
            if !is_serial && world.below(20) == 0 {
                world.disconnect();
                let dead = world.below(200);
                world.run(dead);
                world.connect();
            }
        }
        world.loss = 0;
        world.run(30_000);
        world.assert_whole(seed);
        assert!(world.read(0).is_sorted(), "seed {seed}: one class, one order");
        assert!(if is_serial { world.lost > 10 } else { world.channels > 5 }, "seed {seed}: the line is bad");
    }
}

#[test]
fn a2_r27_no_event_is_lost_in_datagrams() {
    for seed in 30..36 {
        let params = [("connected", Field::Bool(false))];
        let mut world = World::new(seed, Way::Datagrams, &outstation_of(&params, &[10]), &masters_of(&params, &[1], &[10]));
        world.run(1000);
        world.loss = 100;
        for _ in 0..300 {
            let point = u32::try_from(world.below(u64::from(POINTS))).unwrap();
            world.event(point);
            let pause = 1 + world.below(60);
            world.run(pause);
        }
        world.loss = 0;
        world.run(60_000);
        world.assert_whole(seed);
        assert!(world.lost > 10, "seed {seed}: {} datagrams were lost", world.lost);
    }
}

/// Events that are polled for: a READ or a CONFIRM may come twice, and late.
#[test]
fn a2_r27_no_event_is_lost_in_datagrams_where_classes_are_polled() {
    for seed in 40..52 {
        let params = [("connected", Field::Bool(false)), ("unsolicited", text(""))];
        let polls = [("poll_1", text("20ms")), ("poll_2", text("20ms")), ("poll_3", text("20ms")), ("response_timeout", text("500ms"))];
        let master = spec(Role::Client, &[10], &[&params[..], &polls].concat());
        let mut world = World::new(seed, Way::Datagrams, &outstation_of(&params, &[10]), &[master]);
        world.run(1000);
        world.loss = 20;
        for _ in 0..1000 {
            let point = u32::try_from(world.below(u64::from(POINTS))).unwrap();
            world.event(point);
            let pause = 1 + world.below(20);
            world.run(pause);
        }
        world.loss = 0;
        world.run(30_000);
        world.assert_whole(seed);
        assert!(world.lost > 5, "seed {seed}: {} datagrams were lost", world.lost);
    }
}

#[test]
fn a2_r16_every_outstation_of_a_line_is_read_through_a_bad_line() {
    let outstations = [10, 11, 12];
    for seed in 50..53 {
        let params = [("connected", Field::Bool(false))];
        let mut world = World::new(seed, Way::Stream, &outstation_of(&params, &outstations), &masters_of(&params, &[1], &outstations));
        world.loss = 10;
        for _ in 0..150 {
            let point = u32::try_from(world.below(3 * u64::from(POINTS))).unwrap();
            world.event(point);
            world.run(100);
        }
        world.loss = 0;
        world.run(90_000);
        world.assert_whole(seed);
        let image: BTreeSet<u32> = world.masters[0].updates.iter().map(|update| update.point.0).collect();
        assert_eq!(image.len(), 3 * POINTS as usize, "seed {seed}: every point of every outstation");
    }
}

#[test]
fn events_of_an_outstation_with_several_masters_are_each_read_by_one() {
    for seed in 60..63 {
        let params = [("master", text("1,2,3")), ("connections", Field::Int(3))];
        let mut world = World::new(seed, Way::Stream, &outstation_of(&params, &[10]), &masters_of(&[], &[1, 2, 3], &[10]));
        world.run(1000);
        for _ in 0..300 {
            let point = u32::try_from(world.below(u64::from(POINTS))).unwrap();
            world.event(point);
            world.run(10);
            if world.below(60) == 0 {
                world.disconnect();
                world.run(50);
                world.connect();
            }
        }
        world.run(30_000);
        world.assert_whole(seed);
        let shares: Vec<usize> = (0..3).map(|master| world.read(master).len()).collect();
        assert!(shares.iter().filter(|share| **share > 0).count() > 1, "seed {seed}: {shares:?}");
    }
}

#[test]
fn commands_settle_once_and_never_twice_whatever_the_line_does() {
    for (seed, way) in [(70, Way::Stream), (71, Way::Stream), (72, Way::Datagrams), (73, Way::Datagrams)] {
        let params = [("connected", Field::Bool(false))];
        let mut world = World::new(seed, way, &outstation_of(&params, &[10]), &masters_of(&params, &[1], &[10]));
        world.run(1000);
        world.loss = 60;
        let (mut issued, mut executed) = (0_u32, Vec::new());
        for id in 1..=60_u32 {
            let life = Duration::from_secs(5);
            let not_after = Now { mono: world.now.mono + life, utc: world.now.utc + life };
            let mode = if id % 2 == 0 { CommandMode::SelectExecute } else { CommandMode::Direct };
            let action = Action::Set(f64::from(id));
            let command = Command { id: CommandId(u128::from(id)), point: PointId(0), action, mode, qualifier: 0, not_after };
            world.masters[0].session.handle_request(Request::Command(command), world.now);
            issued += 1;
            for _ in 0..200 {
                world.run(50);
                for event in std::mem::take(&mut world.outstation.events) {
                    if let Event::CommandReceived(command) = event {
                        if command.mode != CommandMode::Select {
                            executed.push(command.action);
                        }
                        world
                            .outstation
                            .session
                            .handle_request(Request::Answer { token: command.token, answer: Answer::Confirm }, world.now);
                    }
                }
                let settled = world.masters[0].events.iter().filter(|event| matches!(event, Event::Settled { .. })).count();
                if settled == issued as usize {
                    break;
                }
            }
        }
        let outcomes: Vec<&Outcome> = world.masters[0]
            .events
            .iter()
            .filter_map(|event| if let Event::Settled { outcome, .. } = event { Some(outcome) } else { None })
            .collect();
        assert_eq!(outcomes.len(), issued as usize, "seed {seed}: once each");
        let values: Vec<u32> = executed.iter().map(|action| if let Action::Set(value) = action { *value as u32 } else { 0 }).collect();
        let once: BTreeSet<u32> = values.iter().copied().collect();
        assert_eq!(once.len(), values.len(), "seed {seed}: nothing is executed twice: {values:?}");
        for (outcome, id) in outcomes.iter().zip(1..) {
            match outcome {
                Outcome::Completed => assert!(once.contains(&id), "seed {seed}: {id} is said to be done"),
                Outcome::NotOperated(_) => assert!(!once.contains(&id), "seed {seed}: {id} is said not to be done"),
                Outcome::Refused(_) | Outcome::Indeterminate(_) => {}
            }
        }
        assert!(outcomes.iter().filter(|outcome| ***outcome == Outcome::Completed).count() > 20, "seed {seed}: {outcomes:?}");
    }
}

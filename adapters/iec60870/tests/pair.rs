//! Our two roles against each other, over a line with delay, jitter and small segments, in virtual time.
//!
//! Own against own hides shared misreadings: the goldens and the independent peers are there for those.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_iec60870::Iec104;
use bridge_model::{
    Action, Command, CommandId, CommandMode, IndeterminateWhy, Mono, NotOperatedWhy, Now, Outcome, PointId, PointUpdate, Quality,
    Timestamp, Utc, Value, Zone,
};
use bridge_session::{
    AddressUse, Answer, Channel, Chunk, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, PeerInfo, Protocol, Publish, PublishClass,
    Refusal, Request, Role, Session,
};

const POINTS: u32 = 3000;

fn spec(role: Role) -> LinkSpec {
    let address =
        |ioa: u32, ti: &str| Fields::from([("ioa".to_owned(), Field::Int(i64::from(ioa))), ("ti".to_owned(), Field::Text(ti.to_owned()))]);
    let monitored = (0..POINTS).map(|i| {
        let ti = ["M_SP_TB_1", "M_DP_TB_1", "M_ME_TF_1"][(i % 3) as usize];
        LinkPoint { point: PointId(i), usage: AddressUse::Monitor, address: address(1 + i, ti) }
    });
    let control = LinkPoint { point: PointId(0), usage: AddressUse::Control, address: address(9000, "C_SE_NC_1") };
    LinkSpec {
        name: "pair".to_owned(),
        role,
        zone: Zone::Ist,
        monitor_only: false,
        params: Fields::from([("ca".to_owned(), Field::Int(7))]),
        points: monitored.chain([control]).collect(),
        max_unacked: 10_000,
        fresh_link_ms: 2000,
    }
}

/// One direction of the line.
#[derive(Default)]
struct Wire {
    bytes: VecDeque<(Mono, Vec<u8>)>,
    dead: bool,
}

/// Two sessions and what they said.
struct Pair {
    ends: [Box<dyn Session>; 2],
    wires: [Wire; 2],
    receipts: [VecDeque<(Mono, u32, u64)>; 2],
    now: Now,
    random: u64,
    channel: u32,
    updates: Vec<PointUpdate>,
    events: [Vec<Event>; 2],
    open: bool,
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Pair {
    fn new(seed: u64) -> Self {
        let now = Now { mono: Mono(0), utc: Utc(1_775_037_600_000_000_000) };
        Self {
            ends: [Iec104.session(&spec(Role::Client)), Iec104.session(&spec(Role::Server))],
            wires: Default::default(),
            receipts: Default::default(),
            now,
            random: seed,
            channel: 0,
            updates: Vec::new(),
            events: Default::default(),
            open: false,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % bound
    }

    fn connect(&mut self) {
        self.channel += 1;
        self.open = true;
        self.wires = Default::default();
        let peer = PeerInfo { addr: "127.0.0.1:2404".parse().unwrap(), tls_identity: None };
        for end in &mut self.ends {
            end.handle_open(Channel(self.channel), &peer, self.now);
        }
    }

    fn disconnect(&mut self) {
        self.open = false;
        for end in &mut self.ends {
            end.handle_close(Channel(self.channel), self.now);
        }
        self.collect();
    }

    fn collect(&mut self) {
        for (end, events) in self.ends.iter_mut().zip(&mut self.events) {
            events.extend(std::iter::from_fn(|| end.poll_event()));
        }
    }

    /// One millisecond of the line, the journals and the sessions.
    fn step(&mut self) {
        let span = Duration::from_millis(1);
        self.now = Now { mono: self.now.mono + span, utc: self.now.utc + span };
        let channel = Channel(self.channel);
        for side in [CLIENT, SERVER] {
            while self.wires[side].bytes.front().is_some_and(|(due, _)| *due <= self.now.mono) {
                let Some((_, bytes)) = self.wires[side].bytes.pop_front() else { break };
                self.ends[side].handle_input(channel, Chunk::Stream(&bytes), self.now);
            }
            let mut batch = FrameBatch::default();
            while self.ends[side].poll_frames(&mut batch) {
                if side == CLIENT {
                    self.updates.extend(&batch.updates);
                }
                // The journal: durable some milliseconds later, in order.
                for frame in &batch.frames {
                    let last = self.receipts[side].back().map_or(Mono(0), |(due, _, _)| *due);
                    let due = (self.now.mono + Duration::from_millis(self.random % 20)).max(last);
                    self.receipts[side].push_back((due, frame.connection, frame.number));
                }
                batch.clear();
            }
            while let Some((_, connection, number)) = self.receipts[side].pop_front_if(|(due, _, _)| *due <= self.now.mono) {
                self.ends[side].handle_durable(connection, number, self.now);
            }
            if self.ends[side].poll_timeout().is_some_and(|due| due <= self.now.mono) {
                self.ends[side].handle_timeout(self.now);
            }
        }
        self.collect();
        if !self.open {
            return;
        }
        for side in [CLIENT, SERVER] {
            let mut out = Vec::new();
            while self.ends[side].poll_output(channel, &mut out, 1000, self.now) {}
            let mut rest = out.as_slice();
            while !rest.is_empty() {
                let cut = 1 + usize::try_from(self.below(if rest.len() > 20 { 400 } else { 5 })).unwrap();
                let (piece, later) = rest.split_at(cut.min(rest.len()));
                rest = later;
                let jitter = Duration::from_millis(10 + self.below(30));
                let wire = &mut self.wires[1 - side];
                let due = (self.now.mono + jitter).max(wire.bytes.back().map_or(Mono(0), |(due, _)| *due));
                if !wire.dead {
                    wire.bytes.push_back((due, piece.to_vec()));
                }
            }
        }
        if [CLIENT, SERVER].into_iter().any(|side| self.ends[side].poll_close(channel).is_some()) {
            self.disconnect();
        }
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.step();
        }
    }

    fn count(&self, side: usize, wanted: &Event) -> usize {
        self.events[side].iter().filter(|event| *event == wanted).count()
    }

    fn publish(&mut self, point: u32, value: Value, class: PublishClass) {
        let time = Timestamp::by_device(Utc(self.now.utc.0 / 1_000_000 * 1_000_000));
        let publish = Publish { point: PointId(point), value, quality: Quality::GOOD, time, class, spontaneous: true, return_info: false };
        self.ends[SERVER].handle_request(Request::Publish(vec![publish]), self.now);
    }
}

#[test]
fn a1_r45_the_whole_image_arrives_once_in_every_network() {
    for seed in 0..5 {
        let mut pair = Pair::new(seed);
        pair.connect();
        pair.run(8000);
        // The end of initialisation crosses the interrogation; one image is read, whatever the timing.
        assert_eq!(pair.count(CLIENT, &Event::InterrogationEnded), 1, "seed {seed}: {:?}", pair.events[CLIENT]);
        assert_eq!(pair.count(CLIENT, &Event::PeerRestarted), 1);
        let points: std::collections::BTreeSet<u32> = pair.updates.iter().map(|update| update.point.0).collect();
        assert_eq!((points.len(), pair.updates.len()), (POINTS as usize, POINTS as usize), "seed {seed}");
        assert!(pair.open, "seed {seed}: {:?}", pair.events);
    }
}

#[test]
fn a1_r18_a1_r60_no_event_is_lost_or_reordered_over_cuts() {
    for seed in 10..16 {
        let mut pair = Pair::new(seed);
        pair.connect();
        let mut number = 0_u64;
        for round in 0..6 {
            for _ in 0..300 {
                number += 1;
                let point = u32::try_from(number % 1000).unwrap() * 3;
                pair.publish(point, Value::Bool(number.is_multiple_of(2)), PublishClass::Event(number));
                pair.publish(2, Value::Real32(number as f32), PublishClass::Latest);
                pair.run(2);
            }
            if round % 2 == 1 {
                pair.disconnect();
                pair.run(50);
                pair.connect();
            }
        }
        pair.run(5000);
        let last = pair.events[SERVER].iter().rev().find_map(|event| if let Event::Delivered(n) = event { Some(*n) } else { None });
        assert_eq!(last, Some(number), "seed {seed}");
        // Per connection events come in order; a repeat is the same value with the same stamp.
        let mut seen = BTreeMap::<(u32, i64), Value>::new();
        for update in pair.updates.iter().filter(|u| u.point.0 % 3 == 0 && u.cause == bridge_model::Cause::Spontaneous) {
            if let Some(before) = seen.insert((update.point.0, update.time.utc.0), update.value) {
                assert_eq!(before, update.value);
            }
        }
        assert_eq!(seen.len() as u64, number, "seed {seed}: every event, once or more");
        let newest = pair.updates.iter().rev().find(|u| u.point.0 == 2).unwrap();
        assert_eq!(newest.value, Value::Real32(number as f32), "seed {seed}: the newest analogue");
    }
}

fn set(pair: &Pair, id: u128, mode: CommandMode, life_ms: u64) -> Command {
    let life = Duration::from_millis(life_ms);
    let not_after = Now { mono: pair.now.mono + life, utc: pair.now.utc + life };
    Command { id: CommandId(id), point: PointId(0), action: Action::Set(id as f64), mode, qualifier: 0, not_after }
}

fn outcomes(pair: &Pair) -> Vec<Outcome> {
    pair.events[CLIENT].iter().filter_map(|e| if let Event::Settled { outcome, .. } = e { Some(*outcome) } else { None }).collect()
}

fn commands(pair: &Pair) -> Vec<(bridge_session::CommandToken, Action, Now)> {
    pair.events[SERVER]
        .iter()
        .filter_map(|e| if let Event::CommandReceived(c) = e { Some((c.token, c.action, c.received)) } else { None })
        .collect()
}

#[test]
fn a_command_is_executed_once_and_completed() {
    let mut pair = Pair::new(42);
    pair.connect();
    pair.run(6000);
    for id in 1..=20_u128 {
        let command = set(&pair, id, CommandMode::Direct, 2000);
        pair.ends[CLIENT].handle_request(Request::Command(command), pair.now);
        pair.run(200);
        let (token, action, _) = *commands(&pair).last().unwrap();
        assert_eq!(action, Action::Set(id as f64));
        for answer in [Answer::Confirm, Answer::Terminate] {
            pair.ends[SERVER].handle_request(Request::Answer { token, answer }, pair.now);
        }
        pair.run(200);
        assert_eq!(outcomes(&pair).len() as u128, id);
    }
    assert_eq!(commands(&pair).len(), 20);
    assert!(outcomes(&pair).iter().all(|outcome| *outcome == Outcome::Completed));
    // A select that is refused above: nothing is executed.
    let command = set(&pair, 99, CommandMode::SelectExecute, 2000);
    pair.ends[CLIENT].handle_request(Request::Command(command), pair.now);
    pair.run(200);
    let (token, ..) = *commands(&pair).last().unwrap();
    pair.ends[SERVER].handle_request(Request::Answer { token, answer: Answer::Refuse(Refusal::default()) }, pair.now);
    pair.run(500);
    assert_eq!(outcomes(&pair).last(), Some(&Outcome::Refused(bridge_model::Refusal::SelectRefused)));
    assert_eq!(commands(&pair).len(), 21, "the select, and no execute");
}

/// The path swallows everything towards the station from some moment on and heals later: what was written then never arrives late, because
/// the connection is aborted when the command's life is over.
#[test]
fn r05_no_execute_arrives_after_its_life_over_a_black_holed_path() {
    for hole_ms in [1_u64, 20, 500, 1500, 3500, 14_000] {
        let mut pair = Pair::new(hole_ms);
        pair.connect();
        pair.run(6000);
        // The peer is fresh when the path dies: the execute leaves at once.
        pair.publish(2, Value::Real32(1.0), PublishClass::Latest);
        pair.run(100);
        let command = set(&pair, 1, CommandMode::Direct, 2000);
        pair.ends[CLIENT].handle_request(Request::Command(command), pair.now);
        // The kernel keeps what is written and delivers it when the path heals, unless the connection is gone.
        let healed = pair.now.mono + Duration::from_millis(hole_ms);
        let mut held = true;
        for _ in 0..20_000 {
            if held && pair.now.mono < healed {
                let now = pair.now.mono;
                for (due, _) in &mut pair.wires[SERVER].bytes {
                    *due = (*due).max(now + Duration::from_millis(2));
                }
            } else {
                held = false;
            }
            pair.step();
            if let Some((token, ..)) = commands(&pair).last().copied() {
                pair.ends[SERVER].handle_request(Request::Answer { token, answer: Answer::Confirm }, pair.now);
            }
        }
        let bound = command.not_after.mono + Duration::from_millis(1100);
        for (_, _, received) in commands(&pair) {
            assert!(
                received.mono <= bound,
                "hole of {hole_ms} ms: executed {:?} after its life",
                received.mono.since(command.not_after.mono)
            );
        }
        let outcome = outcomes(&pair);
        assert_eq!(outcome.len(), 1, "hole of {hole_ms} ms");
        match (commands(&pair).len(), outcome[0]) {
            (1, Outcome::Completed | Outcome::Indeterminate(_)) => {}
            (0, Outcome::Indeterminate(IndeterminateWhy::ConnectionLost) | Outcome::NotOperated(NotOperatedWhy::NotFresh)) => {}
            other => panic!("hole of {hole_ms} ms: {other:?}"),
        }
        if hole_ms >= 3500 {
            assert!(commands(&pair).is_empty() && !pair.open, "hole of {hole_ms} ms: aborted");
        }
    }
}

#[test]
fn a1_r11_a1_r23_an_idle_pair_lives_and_a_dead_line_is_found() {
    let mut pair = Pair::new(3);
    pair.connect();
    pair.run(120_000);
    assert!(pair.open, "{:?}", pair.events);
    pair.wires[CLIENT].dead = true;
    pair.wires[SERVER].dead = true;
    pair.run(35_100);
    assert!(!pair.open, "t3 + t1");
}

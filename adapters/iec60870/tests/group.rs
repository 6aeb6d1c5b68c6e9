//! Our two roles against each other over two lines of one redundancy group (IEC 60870-5-104 clause 10), cut at any moment, in virtual time.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_iec60870::Iec104;
use bridge_model::{
    Action, Command, CommandId, CommandMode, Mono, Now, Outcome, PointId, PointUpdate, Quality, Timestamp, Utc, Value, Zone,
};
use bridge_session::{
    AddressUse, Answer, Channel, Chunk, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, LinkState, PeerInfo, Protocol, Publish,
    PublishClass, Request, Role, Session,
};

const CLIENT: usize = 0;
const SERVER: usize = 1;
const EVENTS: u32 = 20;
const NUMBER: u32 = 20;

fn spec(role: Role) -> LinkSpec {
    let address =
        |ioa: u32, ti: &str| Fields::from([("ioa".to_owned(), Field::Int(i64::from(ioa))), ("ti".to_owned(), Field::Text(ti.to_owned()))]);
    let singles = (0..EVENTS).map(|i| LinkPoint { point: PointId(i), usage: AddressUse::Monitor, address: address(1 + i, "M_SP_TB_1") });
    let number = LinkPoint { point: PointId(NUMBER), usage: AddressUse::Monitor, address: address(500, "M_ME_TF_1") };
    let control = LinkPoint { point: PointId(0), usage: AddressUse::Control, address: address(9000, "C_SE_NC_1") };
    let seconds = |name: &str, value: i64| (name.to_owned(), Field::Int(value));
    LinkSpec {
        name: "group".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params: Fields::from([("ca".to_owned(), Field::Int(7)), seconds("t1", 4), seconds("t2", 1), seconds("t3", 3)]),
        points: singles.chain([number, control]).collect(),
        max_unacked: 10_000,
        fresh_link_ms: 2000,
    }
}

/// One TCP connection: what is on its way to each end, and which ends still have it.
struct Conn {
    path: usize,
    channel: Channel,
    towards: [VecDeque<(Mono, Vec<u8>)>; 2],
    has: [bool; 2],
}

struct Pair {
    ends: [Box<dyn Session>; 2],
    conns: Vec<Conn>,
    /// Whether each path carries anything.
    up: [bool; 2],
    dial_at: [Mono; 2],
    receipts: [VecDeque<(Mono, u32, u64)>; 2],
    now: Now,
    random: u64,
    channel: u32,
    updates: Vec<PointUpdate>,
    events: [Vec<Event>; 2],
}

impl Pair {
    fn new(seed: u64) -> Self {
        Self {
            ends: [Iec104.session(&spec(Role::Client)), Iec104.session(&spec(Role::Server))],
            conns: Vec::new(),
            up: [true; 2],
            dial_at: [Mono(0); 2],
            receipts: Default::default(),
            now: Now { mono: Mono(0), utc: Utc(1_775_037_600_000_000_000) },
            random: seed,
            channel: 0,
            updates: Vec::new(),
            events: Default::default(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % bound
    }

    fn dial(&mut self) {
        for path in 0..2 {
            let busy = self.conns.iter().any(|conn| conn.path == path && conn.has[CLIENT]);
            if busy || !self.up[path] || self.now.mono < self.dial_at[path] {
                continue;
            }
            self.channel += 1;
            let channel = Channel(self.channel);
            let peer = PeerInfo { addr: format!("127.0.0.{}:2404", path + 1).parse().unwrap(), tls_identity: None };
            for end in &mut self.ends {
                end.handle_open(channel, &peer, self.now);
            }
            self.conns.push(Conn { path, channel, towards: Default::default(), has: [true; 2] });
        }
    }

    /// One millisecond of the lines, the journals and the sessions.
    fn step(&mut self) {
        let span = Duration::from_millis(1);
        self.now = Now { mono: self.now.mono + span, utc: self.now.utc + span };
        let now = self.now;
        self.dial();
        for conn in &mut self.conns {
            for side in [CLIENT, SERVER] {
                while self.up[conn.path] && conn.towards[side].front().is_some_and(|(due, _)| *due <= now.mono) {
                    let (_, bytes) = conn.towards[side].pop_front().unwrap();
                    if conn.has[side] {
                        self.ends[side].handle_input(conn.channel, Chunk::Stream(&bytes), now);
                    } else if std::mem::take(&mut conn.has[1 - side]) {
                        // RST.
                        self.ends[1 - side].handle_close(conn.channel, now);
                    }
                }
            }
        }
        for side in [CLIENT, SERVER] {
            let mut batch = FrameBatch::default();
            while self.ends[side].poll_frames(&mut batch) {
                if side == CLIENT {
                    self.updates.extend(&batch.updates);
                }
                for frame in &batch.frames {
                    let last = self.receipts[side].back().map_or(Mono(0), |(due, _, _)| *due);
                    let due = (now.mono + Duration::from_millis(self.random % 20)).max(last);
                    self.receipts[side].push_back((due, frame.connection, frame.number));
                }
                batch.clear();
            }
            while let Some((_, connection, number)) = self.receipts[side].pop_front_if(|(due, _, _)| *due <= now.mono) {
                self.ends[side].handle_durable(connection, number, now);
            }
            if self.ends[side].poll_timeout().is_some_and(|due| due <= now.mono) {
                self.ends[side].handle_timeout(now);
            }
            for at in 0..self.conns.len() {
                self.put(at, side);
            }
            let end = &mut self.ends[side];
            self.events[side].extend(std::iter::from_fn(|| end.poll_event()));
            assert!(end.poll_timeout().is_none_or(|next| next > now.mono), "a deadline that stays behind makes a driver spin");
        }
        self.conns.retain(|conn| conn.has != [false; 2]);
    }

    fn put(&mut self, at: usize, side: usize) {
        let channel = self.conns[at].channel;
        if !self.conns[at].has[side] {
            return;
        }
        let mut out = Vec::new();
        while self.ends[side].poll_output(channel, &mut out, 1000, self.now) {}
        if !out.is_empty() {
            let due = self.now.mono + Duration::from_millis(5 + self.below(10));
            let wire = &mut self.conns[at].towards[1 - side];
            let due = due.max(wire.back().map_or(Mono(0), |(due, _)| *due));
            wire.push_back((due, out));
        }
        if let Some(close) = self.ends[side].poll_close(channel) {
            let conn = &mut self.conns[at];
            conn.has[side] = false;
            // What was sent before still arrives, unless it was aborted; then the other end is told.
            if close.abort {
                conn.towards[1 - side].clear();
            }
            self.ends[side].handle_close(channel, self.now);
            if self.up[self.conns[at].path] && std::mem::take(&mut self.conns[at].has[1 - side]) {
                self.ends[1 - side].handle_close(channel, self.now);
            }
            if side == CLIENT {
                self.dial_at[self.conns[at].path] = self.now.mono + Duration::from_millis(500);
            }
        }
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.step();
        }
    }

    /// The path breaks and both ends hear it.
    fn break_line(&mut self, path: usize) {
        let conns: Vec<Conn> = self.conns.extract_if(.., |conn| conn.path == path).collect();
        for conn in conns {
            for side in [CLIENT, SERVER] {
                if conn.has[side] {
                    self.ends[side].handle_close(conn.channel, self.now);
                }
            }
        }
        self.dial_at[path] = self.now.mono + Duration::from_millis(500);
    }

    fn publish(&mut self, point: u32, value: Value, class: PublishClass) {
        let time = Timestamp::by_device(self.now.utc);
        let publish = Publish { point: PointId(point), value, quality: Quality::GOOD, time, class, spontaneous: true, return_info: false };
        self.ends[SERVER].handle_request(Request::Publish(vec![publish]), self.now);
    }

    fn states(&self, side: usize) -> Vec<LinkState> {
        self.events[side].iter().filter_map(|event| if let Event::LinkState(state) = event { Some(*state) } else { None }).collect()
    }

    fn switch_overs(&self) -> usize {
        self.events[CLIENT].iter().filter(|event| matches!(event, Event::SwitchedOver { .. })).count()
    }
}

#[test]
fn a1_r19_a1_r22_two_lines_one_started_both_tested() {
    let mut pair = Pair::new(1);
    pair.run(60_000);
    assert_eq!(pair.conns.len(), 2, "both live");
    for side in [CLIENT, SERVER] {
        assert_eq!(pair.states(side), [LinkState::Connected, LinkState::Started]);
        assert!(pair.events[side].contains(&Event::Standby { ready: 1 }));
    }
    // The standby dies in silence: both ends know within t3 + t1, before it is needed, and nothing else happens.
    pair.up[1] = false;
    pair.run(7_100);
    for side in [CLIENT, SERVER] {
        assert_eq!(pair.events[side].iter().rev().find(|e| matches!(e, Event::Standby { .. })), Some(&Event::Standby { ready: 0 }));
        assert_eq!(pair.states(side), [LinkState::Connected, LinkState::Started]);
    }
}

#[test]
fn a1_r21_a_broken_line_and_a_wished_switch_over_are_no_loss_of_the_link() {
    let mut pair = Pair::new(2);
    pair.run(3_000);
    pair.break_line(0);
    pair.run(3_000);
    assert_eq!(pair.switch_overs(), 1);
    pair.ends[CLIENT].handle_request(Request::SwitchOver, pair.now);
    pair.run(3_000);
    assert_eq!(pair.switch_overs(), 1, "the next within ten seconds is told later");
    pair.run(10_000);
    assert_eq!(pair.switch_overs(), 2);
    assert_eq!(pair.states(CLIENT), [LinkState::Connected, LinkState::Started]);
    let read = pair.events[CLIENT].iter().filter(|event| **event == Event::InterrogationEnded).count();
    assert_eq!(read, 3, "the image is read after each switch-over");
    assert!(!pair.events[CLIENT].contains(&Event::InterrogationFailed));
}

/// Silent cuts, breaks, requests and healing at random moments, an event every few milliseconds.
#[test]
fn a1_r18_a1_r21_no_event_is_lost_or_reordered_over_switch_overs_at_any_moment() {
    let (mut moved, mut lost) = (0, 0);
    for seed in 0..60_u64 {
        let mut pair = Pair::new(seed);
        let mut number = 0_u64;
        for _ in 0..40 {
            match pair.below(8) {
                0 => pair.up[0] = false,
                1 => pair.up[1] = false,
                2 => pair.up = [true; 2],
                3 => pair.break_line(0),
                4 => pair.break_line(1),
                _ => pair.ends[CLIENT].handle_request(Request::SwitchOver, pair.now),
            }
            for _ in 0..10 {
                number += 1;
                pair.publish(u32::try_from(number).unwrap() % EVENTS, Value::Bool(number.is_multiple_of(3)), PublishClass::Event(number));
                pair.publish(NUMBER, Value::Real32(number as f32), PublishClass::Latest);
                let ms = 1 + pair.below(80);
                pair.run(ms);
            }
        }
        pair.up = [true; 2];
        pair.run(20_000);
        let last = pair.events[SERVER].iter().rev().find_map(|event| if let Event::Delivered(n) = event { Some(*n) } else { None });
        assert_eq!(last, Some(number), "seed {seed}");
        // First arrivals are in order; a repetition has the same value.
        let mut seen: BTreeMap<i64, Value> = BTreeMap::new();
        for update in pair.updates.iter().filter(|u| u.point.0 < EVENTS && u.cause == bridge_model::Cause::Spontaneous) {
            let at = update.time.utc.0;
            if let Some(before) = seen.get(&at) {
                assert_eq!(*before, update.value, "seed {seed}");
                continue;
            }
            assert!(seen.last_key_value().is_none_or(|(latest, _)| *latest < at), "seed {seed}: order");
            seen.insert(at, update.value);
        }
        assert_eq!(seen.len() as u64, number, "seed {seed}: every event, once or more");
        let newest = pair.updates.iter().rev().find(|u| u.point.0 == NUMBER).unwrap();
        assert_eq!(newest.value, Value::Real32(number as f32), "seed {seed}: the newest analogue");
        assert_eq!(pair.states(CLIENT).last(), Some(&LinkState::Started), "seed {seed}");
        moved += pair.switch_overs();
        lost += pair.states(CLIENT).iter().filter(|state| **state == LinkState::Down).count();
    }
    assert!(moved > 100 && lost > 5, "{moved} switch-overs and {lost} losses: the test shows something");
}

/// Commands while the lines break: each has one outcome, none is executed twice, none after its life.
#[test]
fn r05_a1_r21_no_command_is_sent_again_on_the_other_line() {
    let mut indeterminate = 0;
    for seed in 0..40_u64 {
        let mut pair = Pair::new(seed ^ 0xC0);
        pair.run(2_000);
        for id in 1..=20_u128 {
            let life = Duration::from_millis(2000);
            let not_after = Now { mono: pair.now.mono + life, utc: pair.now.utc + life };
            let (point, action) = (PointId(0), Action::Set(id as f64));
            let command = Command { id: CommandId(id), point, action, mode: CommandMode::Direct, qualifier: 0, not_after };
            pair.ends[CLIENT].handle_request(Request::Command(command), pair.now);
            let before = pair.below(40);
            for ms in 0..1500 {
                if ms == before {
                    match seed % 3 {
                        0 => pair.break_line(usize::from(id % 2 == 0)),
                        1 => pair.ends[CLIENT].handle_request(Request::SwitchOver, pair.now),
                        _ => pair.up = [id % 3 != 0, id % 4 != 0],
                    }
                }
                pair.step();
                let received =
                    pair.events[SERVER].iter().rev().find_map(|e| if let Event::CommandReceived(c) = e { Some(c) } else { None });
                if let Some(token) = received.map(|command| command.token) {
                    pair.ends[SERVER].handle_request(Request::Answer { token, answer: Answer::Confirm }, pair.now);
                }
            }
        }
        pair.up = [true; 2];
        pair.run(10_000);
        let mut executed: BTreeMap<u64, Mono> = BTreeMap::new();
        for event in &pair.events[SERVER] {
            if let Event::CommandReceived(command) = event {
                let Action::Set(value) = command.action else { panic!("seed {seed}: {command:?}") };
                assert_eq!(executed.insert(value.to_bits(), command.received.mono), None, "seed {seed}: {value} executed twice");
            }
        }
        let mut settled: BTreeMap<u128, Outcome> = BTreeMap::new();
        for event in &pair.events[CLIENT] {
            if let Event::Settled { command, outcome, .. } = event {
                assert_eq!(settled.insert(command.id.0, *outcome), None, "seed {seed}: two outcomes");
                let at = executed.get(&(command.id.0 as f64).to_bits());
                match outcome {
                    Outcome::Completed => assert!(at.is_some(), "seed {seed}"),
                    Outcome::NotOperated(_) | Outcome::Refused(_) => assert_eq!(at, None, "seed {seed}: {}", command.id.0),
                    Outcome::Indeterminate(_) => indeterminate += 1,
                }
                if let Some(at) = at {
                    assert!(*at <= command.not_after.mono + Duration::from_millis(1100), "seed {seed}: late");
                }
            }
        }
        assert_eq!(settled.len(), 20, "seed {seed}");
    }
    assert!(indeterminate > 10, "{indeterminate} were caught in the act");
}

//! Properties of both sessions and the codec, from a small deterministic generator; a failure names its seed.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::VecDeque;
use std::time::Duration;

use bridge_iec60870::{
    Asdu, AsduView, Bcr, Cause, ControlAsdu, ControlElement, ControlKind, ControlPermit, Cot, Cp16Time2a, Cp24Time2a, Cp56Time2a, Family,
    Iec104, MonitorAsdu, MonitorElement, MonitorObject, ParameterAsdu, ParameterElement, Qcc, Qoc, Qos, Qpm, QualityBits, SystemAsdu,
    SystemElement, Tag, TimeTag, TypeId, describe,
};
use bridge_model::{Mono, Now, PointId, Utc, Zone};
use bridge_session::{
    AddressUse, Channel, Chunk, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, PeerInfo, Protocol, Role, Session,
};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

fn spec(role: Role) -> LinkSpec {
    let address = |ioa: i64, ti: &str| Fields::from([("ioa".to_owned(), Field::Int(ioa)), ("ti".to_owned(), Field::Text(ti.to_owned()))]);
    let mut points = Vec::new();
    let monitored =
        [(100, "M_SP_TB_1"), (200, "M_DP_TB_1"), (300, "M_ME_TF_1"), (320, "M_ME_NB_1"), (340, "M_IT_TB_1"), (360, "M_ST_NA_1")];
    for (base, ti) in monitored {
        for i in 0..20 {
            points.push(LinkPoint {
                point: PointId(u32::try_from(base + i).unwrap()),
                usage: AddressUse::Monitor,
                address: address(base + i, ti),
            });
        }
    }
    for (i, number) in CONTROLS.iter().enumerate() {
        let (i, ti) = (u32::try_from(i).unwrap(), TypeId(*number).name().unwrap());
        points.push(LinkPoint { point: PointId(i), usage: AddressUse::Control, address: address(2000 + i64::from(i), ti) });
    }
    LinkSpec {
        name: "property".to_owned(),
        role,
        zone: Zone::Ist,
        monitor_only: false,
        params: Fields::from([("ca".to_owned(), Field::Int(21))]),
        points,
        max_unacked: 1000,
        fresh_link_ms: 2000,
    }
}

const NOW: Now = Now { mono: Mono(1_000_000_000), utc: Utc(1_775_037_600_000_000_000) };

fn opened(role: Role) -> Box<dyn Session> {
    let mut session = Iec104.session(&spec(role));
    let peer = PeerInfo { addr: "127.0.0.1:2404".parse().unwrap(), tls_identity: None };
    session.handle_open(Channel(1), &peer, NOW);
    session
}

/// Everything a session shows after some input. Output is taken once at the end: its grouping is the driver's, not the input's.
#[derive(Debug, PartialEq)]
struct Shown {
    batch: FrameBatch,
    events: Vec<Event>,
    output: Vec<u8>,
    closed: Option<bridge_session::Close>,
    next: Option<Mono>,
}

fn feed(role: Role, bytes: &[u8], mut piece: impl FnMut() -> usize) -> Shown {
    let mut session = opened(role);
    let (mut all, mut one) = (FrameBatch::default(), FrameBatch::default());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
        session.handle_input(Channel(1), Chunk::Stream(now), NOW);
        while session.poll_frames(&mut one) {
            for frame in &one.frames {
                let first = all.updates.len();
                all.updates.extend_from_slice(one.updates_of(frame));
                all.push(frame.connection, frame.number, frame.received, one.octets(frame), first);
            }
            one.clear();
        }
        rest = later;
    }
    for frame in &all.frames {
        session.handle_durable(frame.connection, frame.number, NOW);
    }
    let mut output = Vec::new();
    while session.poll_output(Channel(1), &mut output, 65536, NOW) {}
    let events = std::iter::from_fn(|| session.poll_event()).collect();
    Shown { batch: all, events, output, closed: session.poll_close(Channel(1)), next: session.poll_timeout() }
}

/// Monitored types of the numbers that -104 has.
const MONITORED: [u8; 21] = [1, 3, 5, 7, 9, 11, 13, 15, 20, 21, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40];
/// Those of -101 with a short tag.
const SHORT_TAGGED: [u8; 10] = [2, 4, 6, 8, 10, 12, 14, 16, 17, 18];
const CONTROLS: [u8; 14] = [45, 46, 47, 48, 49, 50, 51, 58, 59, 60, 61, 62, 63, 64];

fn element(random: &mut Random, family: Family) -> MonitorElement {
    let word = |random: &mut Random| i16::from_le_bytes([random.byte(), random.byte()]);
    let long = |random: &mut Random| u32::try_from(random.next() & 0xFFFF_FFFF).unwrap();
    let elapsed = |random: &mut Random| Cp16Time2a(u16::from_le_bytes([random.byte(), random.byte()]));
    match family {
        Family::Single => MonitorElement::Single(random.next() & 1 == 1),
        Family::Double => MonitorElement::Double(random.byte() & 3),
        Family::Step => MonitorElement::Step(random.byte().cast_signed() >> 1, random.next() & 1 == 1),
        Family::Bits => MonitorElement::Bits(long(random)),
        Family::Normalised => MonitorElement::Normalised(word(random)),
        Family::Scaled => MonitorElement::Scaled(word(random)),
        Family::Float => MonitorElement::Float(f32::from(random.byte()) * 1.5),
        Family::Counter => MonitorElement::Counter(Bcr::from_octets(std::array::from_fn(|_| random.byte()))),
        Family::Protection => MonitorElement::Protection(random.byte() & 3, elapsed(random)),
        Family::Start => MonitorElement::Start(random.byte() & 0x3F, elapsed(random)),
        Family::Circuit => MonitorElement::Circuit(random.byte() & 0x0F, elapsed(random)),
        Family::Packed => MonitorElement::Packed(long(random)),
        Family::Bare => MonitorElement::Bare(word(random)),
    }
}

fn monitor_asdu(random: &mut Random, types: &[u8]) -> MonitorAsdu {
    let type_id = TypeId(random.pick(types));
    let (family, tag) = type_id.family().unwrap();
    let sequence = random.below(3) == 0;
    let base = u32::try_from(100 + 100 * random.below(3) + random.below(20)).unwrap();
    let objects = (0..u32::try_from(1 + random.below(12)).unwrap()).map(|i| {
        let element = element(random, family);
        let time = match tag {
            Tag::None => None,
            Tag::Cp24 => Some(TimeTag::Cp24(Cp24Time2a(std::array::from_fn(|_| random.byte())))),
            Tag::Cp56 => Some(TimeTag::Cp56(Cp56Time2a(std::array::from_fn(|_| random.byte())))),
        };
        let ioa = if sequence { base + i } else { u32::try_from(random.below(400)).unwrap() };
        MonitorObject { ioa, element, quality: QualityBits(random.byte() & family.quality_mask()), time }
    });
    let objects = objects.collect();
    let cot = Cot {
        cause: Cause(random.pick(&[1, 2, 3, 5, 11, 12, 20, 21, 36, 37, 41])),
        negative: false,
        test: random.below(8) == 0,
        originator: random.byte(),
    };
    MonitorAsdu { type_id, sequence, cot, ca: 21, objects }
}

fn control_asdu(random: &mut Random) -> ControlAsdu {
    let type_id = TypeId(random.pick(&CONTROLS));
    let (kind, tagged) = ControlKind::of(type_id).unwrap();
    let qoc = Qoc { qu: random.byte() & 31, select: random.below(2) == 0 };
    let qos = Qos { ql: random.byte() & 127, select: random.below(2) == 0 };
    let word = i16::from_le_bytes([random.byte(), random.byte()]);
    let element = match kind {
        ControlKind::Single => ControlElement::Single(random.below(2) == 0, qoc),
        ControlKind::Double => ControlElement::Double(random.byte() & 3, qoc),
        ControlKind::Step => ControlElement::Step(random.byte() & 3, qoc),
        ControlKind::SetNormalised => ControlElement::SetNormalised(word, qos),
        ControlKind::SetScaled => ControlElement::SetScaled(word, qos),
        ControlKind::SetFloat => ControlElement::SetFloat(f32::from(random.byte()), qos),
        ControlKind::SetBits => ControlElement::SetBits(u32::try_from(random.next() & 0xFFFF_FFFF).unwrap()),
    };
    let time = tagged.then(|| Cp56Time2a(std::array::from_fn(|_| random.byte())));
    let cot =
        Cot { cause: Cause(random.pick(&[6, 6, 6, 7, 8, 10])), negative: random.below(4) == 0, test: false, originator: random.byte() };
    let ioa = 2000 + u32::try_from(random.below(CONTROLS.len())).unwrap();
    ControlAsdu { type_id, cot, ca: 21, ioa, element, time }
}

fn parameter_asdu(random: &mut Random) -> ParameterAsdu {
    let qpm = Qpm::from_octet(random.byte());
    let word = i16::from_le_bytes([random.byte(), random.byte()]);
    let element = match random.below(5) {
        0 => ParameterElement::Reset(random.byte() & 3),
        1 => ParameterElement::Normalised(word, qpm),
        2 => ParameterElement::Scaled(word, qpm),
        3 => ParameterElement::Float(f32::from(word), qpm),
        _ => ParameterElement::Activation(random.byte() & 3),
    };
    let ioa = u32::try_from(random.below(2) * (300 + random.below(20))).unwrap();
    ParameterAsdu { cot: Cot::new(Cause(random.pick(&[6, 7, 8, 9]))), ca: 21, ioa, element }
}

fn system_asdu(random: &mut Random) -> SystemAsdu {
    let time = Cp56Time2a(std::array::from_fn(|_| random.byte()));
    let element = match random.below(8) {
        0 => SystemElement::EndOfInit(random.byte()),
        1 => SystemElement::Interrogation(random.pick(&[20, 20, 21, 36])),
        2 => SystemElement::ClockSync(time),
        3 => SystemElement::CounterInterrogation(Qcc::from_octet(random.byte())),
        4 => SystemElement::Read,
        5 => SystemElement::TestPattern(0x55AA),
        6 => SystemElement::Delay(Cp16Time2a(7)),
        _ => SystemElement::Test(0xAA55, time),
    };
    let ioa = if element == SystemElement::Read { u32::try_from(100 + random.below(250)).unwrap() } else { 0 };
    SystemAsdu { cot: Cot::new(Cause(random.pick(&[4, 5, 6, 7, 8, 10]))), ca: 21, ioa, element }
}

/// A conversation as a peer of `role` would send it: mostly lawful.
fn conversation(random: &mut Random, role: Role) -> Vec<u8> {
    let start = if role == Role::Client { 0x0B } else { 0x07 };
    let mut bytes = vec![0x68, 4, start, 0, 0, 0];
    let permit = ControlPermit::for_link(&spec(Role::Client)).unwrap();
    let mut ns = 0_u16;
    for _ in 0..random.below(40) {
        match random.below(12) {
            0 => bytes.extend([0x68, 4, 0x43, 0, 0, 0]),
            1 => bytes.extend([0x68, 4, 0x01, 0, 0, 0]),
            kind => {
                let mut asdu = Vec::new();
                match kind {
                    2..=4 => control_asdu(random).encode(&permit, &mut asdu),
                    5 => system_asdu(random).encode(&mut asdu),
                    6 => parameter_asdu(random).encode(&permit, &mut asdu),
                    7 => asdu.extend((0..6 + random.below(20)).map(|_| random.byte())),
                    _ => assert!(monitor_asdu(random, &MONITORED).encode(&mut asdu) > 0),
                }
                let [low, high] = (ns << 1).to_le_bytes();
                bytes.extend([0x68, u8::try_from(asdu.len() + 4).unwrap(), low, high, 0, 0]);
                bytes.extend(asdu);
                ns += 1;
            }
        }
    }
    bytes
}

#[test]
fn a1_r16_any_split_gives_the_same_result() {
    for role in [Role::Client, Role::Server] {
        for seed in 0..300_u64 {
            let mut random = Random(seed);
            let mut bytes = conversation(&mut random, role);
            if seed % 4 == 0 {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            let whole = feed(role, &bytes, || usize::MAX);
            assert_eq!(feed(role, &bytes, || 1), whole, "seed {seed}, {role:?}, byte by byte");
            let largest = 1 + random.below(300);
            let split = feed(role, &bytes, || 1 + random.below(largest));
            assert_eq!(split, whole, "seed {seed}, {role:?}, pieces up to {largest}");
        }
    }
}

#[test]
fn any_bytes_give_an_error_never_a_panic_and_bounded_memory() {
    for role in [Role::Client, Role::Server] {
        let mut closed = 0;
        for seed in 0..4000_u64 {
            let mut random = Random(seed ^ 0xBAD);
            let mut bytes = if seed % 2 == 0 { conversation(&mut random, role) } else { Vec::new() };
            if bytes.is_empty() || seed % 3 == 0 {
                bytes.extend((0..random.below(400)).map(|_| random.byte()));
            }
            for _ in 0..random.below(6) {
                let at = random.below(bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.byte();
                }
            }
            let shown = feed(role, &bytes, || 1 + random.below(100));
            closed += usize::from(shown.closed.is_some());
            assert!(shown.batch.bytes.len() <= bytes.len(), "seed {seed}");
            assert!(shown.batch.updates.len() <= bytes.len(), "seed {seed}: at least an octet per update");
            assert!(shown.output.len() <= 20_000, "seed {seed}");
            for frame in &shown.batch.frames {
                let _ = describe(shown.batch.octets(frame));
            }
        }
        assert!(closed > 500, "{role:?}: {closed} of 4000 were refused");
    }
}

#[test]
fn random_asdus_never_panic_in_any_decoder() {
    let mut meanings = 0;
    for seed in 0..200_000_u64 {
        let mut random = Random(seed);
        let known: Vec<u8> = (1..=113).filter(|id| TypeId(*id).name().is_some()).collect();
        let mut octets = vec![random.pick(&known), random.byte() & 0x83];
        octets.extend((0..random.below(40)).map(|_| random.byte()));
        if let Ok(view) = AsduView::parse(&octets) {
            meanings += usize::from(matches!(view.meaning(), Ok(Some(_))));
        }
    }
    assert!(meanings > 500, "{meanings} had a meaning");
}

#[test]
fn encode_then_decode_is_identity() {
    let permit = ControlPermit::for_link(&spec(Role::Client)).unwrap();
    for seed in 0..5000_u64 {
        let mut random = Random(seed);
        let mut octets = Vec::new();
        let asdu = match seed % 4 {
            0 => {
                let types = if seed % 8 == 0 { &MONITORED[..] } else { &SHORT_TAGGED };
                let mut asdu = monitor_asdu(&mut random, types);
                let taken = asdu.encode(&mut octets);
                asdu.objects.truncate(taken);
                Asdu::Monitor(asdu)
            }
            1 => {
                let asdu = control_asdu(&mut random);
                asdu.encode(&permit, &mut octets);
                Asdu::Control(asdu)
            }
            2 => {
                let asdu = parameter_asdu(&mut random);
                asdu.encode(&permit, &mut octets);
                Asdu::Parameter(asdu)
            }
            _ => {
                let asdu = system_asdu(&mut random);
                asdu.encode(&mut octets);
                Asdu::System(asdu)
            }
        };
        assert!(octets.len() <= 249, "seed {seed}");
        assert_eq!(AsduView::parse(&octets).unwrap().meaning(), Ok(Some(asdu)), "seed {seed}");
    }
}

#[test]
fn early_timeouts_are_harmless() {
    for role in [Role::Client, Role::Server] {
        for seed in 0..50_u64 {
            let bytes = conversation(&mut Random(seed), role);
            let calm = feed(role, &bytes, || usize::MAX);
            let mut session = opened(role);
            for byte in &bytes {
                session.handle_timeout(NOW);
                session.handle_input(Channel(1), Chunk::Stream(std::slice::from_ref(byte)), NOW);
            }
            session.handle_timeout(NOW);
            let events: Vec<Event> = std::iter::from_fn(|| session.poll_event()).collect();
            // What `feed` polled out later is events of output, which this run did not ask for.
            assert_eq!(events, calm.events[..events.len()], "seed {seed}");
            assert!(session.poll_timeout().is_none_or(|next| next.since(NOW.mono) <= Duration::from_secs(60)));
        }
    }
}

/// A session with so many connections, the first of them started.
fn group(role: Role, connections: u32) -> Box<dyn Session> {
    let mut session = Iec104.session(&spec(role));
    for channel in 1..=connections {
        let peer = PeerInfo { addr: format!("127.0.0.{channel}:2404").parse().unwrap(), tls_identity: None };
        session.handle_open(Channel(channel), &peer, NOW);
    }
    if role == Role::Client {
        poll(session.as_mut(), 1);
    }
    let start = if role == Role::Client { 0x0B } else { 0x07 };
    session.handle_input(Channel(1), Chunk::Stream(&[0x68, 4, start, 0, 0, 0]), NOW);
    poll(session.as_mut(), 1);
    session
}

fn poll(session: &mut dyn Session, channel: u32) -> Vec<u8> {
    let mut out = Vec::new();
    while session.poll_output(Channel(channel), &mut out, 65536, NOW) {}
    out
}

fn publish(number: u64) -> bridge_session::Request {
    let time = bridge_model::Timestamp::by_device(NOW.utc);
    let class = bridge_session::PublishClass::Event(number);
    let quality = bridge_model::Quality::GOOD;
    let value = bridge_model::Value::Bool(!number.is_multiple_of(2));
    let point = PointId(100);
    bridge_session::Request::Publish(vec![bridge_session::Publish {
        point,
        value,
        quality,
        time,
        class,
        spontaneous: true,
        return_info: false,
    }])
}

/// Octets of the U frame that starts data transfer, if they are all that was sent.
fn only_starts(out: &[u8]) -> bool {
    out == [0x68, 4, 0x07, 0, 0, 0]
}

#[test]
fn a1_r20_any_bytes_on_one_connection_leave_the_others_alone_but_for_the_lawful_switch_over() {
    for role in [Role::Client, Role::Server] {
        let (mut moved, mut closed, mut calm) = (0, 0, 0);
        for seed in 0..400_u64 {
            let mut random = Random(seed ^ 0x6209);
            let victim = u32::try_from(1 + random.below(3)).unwrap();
            let mut bytes = conversation(&mut random, role);
            if seed % 3 == 0 {
                bytes.extend((0..random.below(100)).map(|_| random.byte()));
            }
            if seed % 2 == 0 {
                // Without the STARTDT in front.
                bytes.drain(..6);
            }
            for _ in 0..random.below(3) {
                let at = random.below(bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.byte();
                }
            }
            let run = |bytes: &[u8]| {
                let mut session = group(role, 3);
                while session.poll_event().is_some() {}
                for piece in bytes.chunks(7) {
                    session.handle_input(Channel(victim), Chunk::Stream(piece), NOW);
                }
                for number in 1..=5 {
                    session.handle_request(publish(number), NOW);
                }
                let closed: Vec<bool> = (1..=3).map(|channel| session.poll_close(Channel(channel)).is_some()).collect();
                let sent: Vec<Vec<u8>> = (1..=3).map(|channel| poll(session.as_mut(), channel)).collect();
                let events: Vec<Event> = std::iter::from_fn(|| session.poll_event()).collect();
                (closed, sent, events)
            };
            let (quiet_closed, quiet, _) = run(&[]);
            let (now_closed, now, events) = run(&bytes);
            assert_eq!(quiet_closed, [false; 3]);
            let is_over = events.iter().any(|event| matches!(event, Event::SwitchedOver { .. }));
            let lost = now_closed[victim as usize - 1];
            let stopped = events.contains(&Event::LinkState(bridge_session::LinkState::Stopped));
            for channel in (1..=3).filter(|channel| *channel != victim) {
                let at = channel as usize - 1;
                let place = format!("seed {seed}, {role:?}, bytes on {victim}, seen on {channel}");
                assert!(!now_closed[at], "{place}");
                match role {
                    // The controlling station starts another one when it lost the started one, and only then.
                    Role::Client if victim == 1 && lost => assert!(now[at].is_empty() || only_starts(&now[at]), "{place}"),
                    // A STARTDT on the victim takes data transfer with it.
                    Role::Server if is_over => assert!(now[at].is_empty(), "{place}"),
                    Role::Client | Role::Server => assert_eq!(now[at], quiet[at], "{place}"),
                }
            }
            moved += usize::from(is_over);
            closed += usize::from(lost);
            calm += usize::from(!is_over && !lost && !stopped);
        }
        assert!(closed > 40 && calm > 20, "{role:?}: {closed} closed, {calm} calm");
        assert!(role == Role::Client || moved > 20, "{moved} switch-overs");
    }
}

/// Everything a group shows: frames of each connection, events, output and ends of each channel.
fn feed_group(role: Role, apdus: &[(u32, Vec<u8>)], random: Option<&mut Random>) -> (Vec<(u32, u64, Vec<u8>)>, String) {
    let mut session = group(role, 3);
    let mut frames = Vec::new();
    let mut take = |session: &mut dyn Session, channel: u32, bytes: &[u8]| {
        session.handle_input(Channel(channel), Chunk::Stream(bytes), NOW);
        let mut batch = FrameBatch::default();
        while session.poll_frames(&mut batch) {
            frames.extend(batch.frames.iter().map(|frame| (frame.connection, frame.number, batch.octets(frame).to_vec())));
            batch.clear();
        }
    };
    match random {
        None => apdus.iter().for_each(|(channel, apdu)| take(session.as_mut(), *channel, apdu)),
        Some(random) => {
            // How much of each channel's next APDU is already there: never all of it before its turn.
            let mut ahead = [0_usize; 4];
            for (at, (channel, apdu)) in apdus.iter().enumerate() {
                for other in (1..=3).filter(|other| other != channel) {
                    let Some((_, next)) = apdus.get(at + 1..).unwrap_or_default().iter().find(|(c, _)| *c == other) else { continue };
                    let have = &mut ahead[other as usize];
                    let more = (*have + random.below(next.len())).min(next.len() - 1);
                    if more > *have {
                        take(session.as_mut(), other, &next[*have..more]);
                        *have = more;
                    }
                }
                let mut rest = &apdu[std::mem::take(&mut ahead[*channel as usize])..];
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(1 + random.below(rest.len()));
                    take(session.as_mut(), *channel, now);
                    rest = later;
                }
            }
        }
    }
    let events: Vec<Event> = std::iter::from_fn(|| session.poll_event()).collect();
    let closed: Vec<_> = (1..=3).map(|channel| session.poll_close(Channel(channel))).collect();
    let sent: Vec<Vec<u8>> = (1..=3).map(|channel| poll(session.as_mut(), channel)).collect();
    // As text: a value that is no number equals nothing.
    (frames, format!("{events:?} {closed:?} {sent:?} {:?}", session.poll_timeout()))
}

#[test]
fn a1_r19_any_split_over_several_connections_gives_the_same_result() {
    for role in [Role::Client, Role::Server] {
        let mut seen = 0;
        for seed in 0..300_u64 {
            let mut random = Random(seed ^ 0x5911);
            let streams: Vec<Vec<u8>> = (0..3).map(|_| conversation(&mut random, role)).collect();
            let mut cut: Vec<VecDeque<Vec<u8>>> = streams.iter().map(|stream| apdus(stream)).collect();
            // The first one is started already.
            cut[0].pop_front();
            let mut order = Vec::new();
            while let Some(at) =
                (0..3).filter(|at| !cut[*at].is_empty()).nth(random.below(3) % cut.iter().filter(|c| !c.is_empty()).count().max(1))
            {
                order.extend(cut[at].pop_front().map(|apdu| (u32::try_from(at + 1).unwrap(), apdu)));
            }
            if let Some((_, apdu)) = order.get_mut(random.below(20)).filter(|_| seed % 3 == 0) {
                // Behind start and length: those are refused before the APDU is whole.
                let at = 2 + random.below(apdu.len() - 2);
                apdu[at] ^= 1 << random.below(8);
            }
            let whole = feed_group(role, &order, None);
            seen += whole.0.len();
            assert_eq!(feed_group(role, &order, Some(&mut random)), whole, "seed {seed}, {role:?}");
        }
        assert!(seen > 1000, "{role:?}: {seen} frames");
    }
}

/// A stream of whole APDUs, cut.
fn apdus(stream: &[u8]) -> VecDeque<Vec<u8>> {
    let mut rest = stream;
    let mut all = VecDeque::new();
    while let [_, length, ..] = rest {
        let (apdu, later) = rest.split_at(usize::from(*length) + 2);
        all.push_back(apdu.to_vec());
        rest = later;
    }
    all
}

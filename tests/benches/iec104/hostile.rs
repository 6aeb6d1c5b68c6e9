//! The processor time of bad input: every hostile input of the checklist (section B1) that is octets on one connection, against both roles
//! on a large link. The tests of `adapters/iec60870/tests/malformed` say what happens; this says how long it takes.

use bridge_engine::shell::SystemClock;
use bridge_iec60870::Iec104;
use bridge_session::{Channel, Chunk, FrameBatch, PeerInfo, Protocol as _, Role, Session};

use crate::link::{CA, link};
use crate::measure::{POINTS, local, quantile, tell};

const CHANNEL: Channel = Channel(1);
/// Runs of one input on the wall clock; the shortest counts, so that what else the machine does is not the input's.
const RUNS: usize = 5;

const STARTDT_ACT: u8 = 0x07;
const STARTDT_CON: u8 = 0x0B;
const STOPDT_ACT: u8 = 0x13;
const STOPDT_CON: u8 = 0x23;
const TESTFR_ACT: u8 = 0x43;

fn u(function: u8) -> Vec<u8> {
    vec![0x68, 4, function, 0, 0, 0]
}

fn i(ns: u16, nr: u16, asdu: &[u8]) -> Vec<u8> {
    let ([a, b], [c, d]) = ((ns << 1).to_le_bytes(), (nr << 1).to_le_bytes());
    let length = u8::try_from(asdu.len() + 4).expect("an ASDU has at most 249 octets");
    [&[0x68, length, a, b, c, d], asdu].concat()
}

fn asdu(type_id: u8, vsq: u8, cause: u8, ca: u16, body: &[u8]) -> Vec<u8> {
    let [low, high] = ca.to_le_bytes();
    [&[type_id, vsq, cause, 0, low, high], body].concat()
}

fn object(ioa: u32, element: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = ioa.to_le_bytes();
    [&[a, b, c], element].concat()
}

/// I frames in sequence.
fn frames(asdus: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    asdus.into_iter().zip(0..).flat_map(|(asdu, ns)| i(ns, 0, &asdu)).collect()
}

/// The octets of each input, by its number.
fn inputs() -> Vec<(u8, Vec<u8>)> {
    let control = u32::try_from(POINTS).expect("few points") + 1;
    let set = |value: f32, qos: u8| [&value.to_le_bytes()[..], &[qos]].concat();
    let of = |number: u8, asdus: Vec<Vec<u8>>| (number, frames(asdus));
    let interrogation = |ca| asdu(100, 1, 6, ca, &object(0, &[20]));
    let full: Vec<u8> = (1..=15).flat_map(|ioa| object(ioa, &[0; 12])).collect();
    let no_types = (0..=0).chain(22..=29).chain(42..=44).chain(52..=57).chain(65..=69).chain(128..=255);
    let bad_times = [[0xFF, 0xFF, 0, 10, 1, 4, 26], [0, 0, 63, 10, 1, 4, 26], [0, 0, 0, 31, 1, 15, 127]];
    let mut all = vec![
        (1, [&[0x69][..], &[0; 200]].concat()),
        (2, vec![0x68, 3, 0x43, 0, 0]),
        (3, [&[0x68, 255][..], &[0; 300]].concat()),
        (4, i(0, 0, &[])),
        (5, i(0, 0, &[100, 1, 6])),
        (6, i(0, 0, &interrogation(CA))[..9].to_vec()),
        (8, u(0x47)),
        (9, vec![0x68, 4, TESTFR_ACT, 0, 1, 0]),
        (10, vec![0x68, 4, 0x01, 0, 0x03, 0]),
        (11, vec![0x68, 4, 0x01, 0, 0xFE, 0xFF]),
        (13, [i(0, 0, &interrogation(CA)), i(0, 0, &interrogation(CA))].concat()),
        (14, i(16_384, 0, &interrogation(CA))),
        (17, [u(STOPDT_ACT), i(0, 0, &interrogation(CA))].concat()),
        (18, [u(STARTDT_CON), u(STOPDT_CON)].concat()),
        (19, u(TESTFR_ACT).repeat(1000)),
        (20, [u(STARTDT_ACT), u(STOPDT_ACT)].concat().repeat(500)),
        of(21, vec![asdu(36, 0, 3, CA, &[]), asdu(100, 0, 6, CA, &[])]),
        of(22, vec![asdu(36, 127, 3, CA, &object(1, &[0; 12]))]),
        of(23, vec![asdu(36, 0x81, 3, CA, &[0; 2])]),
        of(24, vec![asdu(13, 0xA8, 3, CA, &object(0x00FF_FFF0, &[0; 200]))]),
        of(28, vec![asdu(45, 1, 6, 0, &object(control, &[1])), asdu(45, 1, 6, 0xFFFF, &object(control, &[1])), interrogation(0xFFFF)]),
        of(31, (0..=255).map(|octet| asdu(46, 1, 6, CA, &object(control, &[octet]))).collect()),
        of(32, (120..=127).map(|type_id| asdu(type_id, 1, 13, CA, &[0xFF; 240])).collect()),
        of(33, vec![interrogation(CA); 100]),
        of(34, vec![asdu(112, 1, 6, CA, &object(9_999_999, &set(f32::NAN, 1))); 100]),
        (35, vec![0x68, 0x09, 0x09, 0x68, 0x73, 1, 0x64, 1, 6, 1, 0]),
        // Many frames at a time, more than may be unacknowledged, each with as many objects as fit.
        of(16, vec![asdu(36, 15, 3, CA, &full); 300]),
        of(25, no_types.map(|type_id| asdu(type_id, 1, 6, CA, &object(1, &[1]))).collect()),
        of(26, (1..=21).chain(30..=40).chain(45..=51).map(|type_id| asdu(type_id, 15, 3, CA, &full)).collect()),
    ];
    all.extend(
        [0_u8]
            .into_iter()
            .chain(48..=63)
            .map(|cause| of(27, vec![asdu(36, 15, cause, CA, &full), asdu(50, 1, cause, CA, &object(control, &[0; 5]))])),
    );
    all.extend(bad_times.map(|time| {
        let value = [&[0; 5][..], &time].concat();
        of(
            29,
            vec![
                asdu(36, 15, 3, CA, &(1..=15).flat_map(|ioa| object(ioa, &value)).collect::<Vec<_>>()),
                asdu(63, 1, 6, CA, &object(control, &value)),
            ],
        )
    }));
    all.extend(
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(1)].map(|value| {
            of(30, vec![asdu(50, 1, 6, CA, &object(control, &set(value, 0))), asdu(13, 1, 3, CA, &object(1, &set(value, 0)))])
        }),
    );
    all
}

/// A session that transfers data.
fn started(role: Role, clock: SystemClock) -> Box<dyn Session> {
    let mut session = Iec104.session(&link(role, POINTS, "M_ME_TF_1"));
    let now = clock.now();
    session.handle_open(CHANNEL, &PeerInfo { addr: local(2404), tls_identity: None }, now);
    let start = if role == Role::Client { STARTDT_CON } else { STARTDT_ACT };
    let mut out = Vec::new();
    session.poll_output(CHANNEL, &mut out, 4096, now);
    session.handle_input(CHANNEL, Chunk::Stream(&u(start)), now);
    while session.poll_output(CHANNEL, &mut out, 4096, now) {}
    while session.poll_event().is_some() {}
    session
}

/// How long one input takes in pieces of so many octets, until the session has nothing more to say.
fn taken_ms(role: Role, octets: &[u8], piece: usize, clock: SystemClock) -> f64 {
    let mut session = started(role, clock);
    let (mut batch, mut out) = (FrameBatch::default(), Vec::with_capacity(1 << 20));
    let began = clock.now();
    for chunk in octets.chunks(piece) {
        session.handle_input(CHANNEL, Chunk::Stream(chunk), began);
    }
    while session.poll_frames(&mut batch) {
        for frame in &batch.frames {
            session.handle_durable(frame.connection, frame.number, began);
        }
        batch.clear();
    }
    while session.poll_event().is_some() {}
    if session.poll_close(CHANNEL).is_none() {
        while session.poll_output(CHANNEL, &mut out, 4096, began) {}
    }
    session.handle_timeout(began);
    clock.now().mono.since(began.mono).as_secs_f64() * 1e3
}

/// How long the input takes that takes longest, in milliseconds.
pub(crate) fn worst() -> f64 {
    let clock = SystemClock::new();
    let mut worst = (0.0, 0, Role::Client, 0);
    for (number, octets) in inputs() {
        for (role, piece) in [Role::Client, Role::Server].into_iter().flat_map(|role| [(role, octets.len()), (role, 1)]) {
            let mut samples: Vec<f64> = (0..RUNS).map(|_| taken_ms(role, &octets, piece, clock)).collect();
            let least = quantile(&mut samples, 0.0);
            if least > worst.0 {
                worst = (least, number, role, piece);
            }
        }
    }
    let (max_ms, number, role, piece) = worst;
    tell(format!("bad input: {number} against {role:?} in pieces of {piece} takes longest"));
    max_ms
}

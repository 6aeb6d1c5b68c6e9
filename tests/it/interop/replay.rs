//! Recorded conversations of independent stacks, from their capture files: every octet decodes and encodes again, the sequence numbers fit
//! our window, and our sessions take what the other side was sent.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_iec60870::{AsduView, Controlled, Iec104, Params, SelectPolicy, TypeId, apci, describe};
use bridge_model::{Mono, Now, PointId, Utc, Zone};
use bridge_session::{
    AddressUse, Channel, Chunk, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, LinkState, PeerInfo, Protocol as _, Role, SeqWindow,
    Session,
};

use super::opinion::reencode;
use crate::support::{Conversation, repository};

const CAPTURES: [&str; 2] = ["iec104_rustclient_c104server.pcap", "iec104_c104_all_types.pcap"];

/// One APDU and its sender.
struct Apdu {
    from_server: bool,
    octets: Vec<u8>,
}

/// A capture's APDUs in the order in which their last octets were seen.
fn apdus(name: &str) -> Vec<Apdu> {
    let conversation = Conversation::read(&repository().join("tests/fixtures/captures").join(name));
    assert!(conversation.server != 0, "{name} has no beginning");
    let mut open = [Vec::new(), Vec::new()];
    let mut found = Vec::new();
    for (from_server, piece) in conversation.pieces {
        let stream: &mut Vec<u8> = &mut open[usize::from(from_server)];
        stream.extend(piece);
        while let Some(length) = stream.get(1).map(|length| usize::from(*length) + 2).filter(|length| *length <= stream.len()) {
            assert_eq!(stream[0], apci::START, "{name}");
            found.push(Apdu { from_server, octets: stream.drain(..length).collect() });
        }
    }
    assert!(open.iter().all(Vec::is_empty), "{name} ends within an APDU");
    found
}

fn each_capture(check: impl Fn(&str, &[Apdu])) {
    for name in CAPTURES {
        let all = apdus(name);
        assert!(all.len() >= 15, "{name}: {}", all.len());
        check(name, &all);
    }
}

#[test]
fn every_recorded_apdu_decodes_and_encodes_to_the_same_octets() {
    each_capture(|name, all| {
        let mut again = 0;
        for Apdu { octets, .. } in all {
            let text = describe(octets);
            assert!(!text.contains("malformed"), "{name}: {text}");
            let (apci, asdu) = apci::split(octets).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut head = vec![apci::START, octets[1]];
            head.extend(apci.octets());
            assert_eq!(octets[..6], head, "{name}: {text}");
            if asdu.is_empty() {
                continue;
            }
            match reencode(octets) {
                Some(encoded) => {
                    assert_eq!(&encoded, octets, "{name}: {text}");
                    again += 1;
                }
                None => panic!("{name}: {text} has no meaning"),
            }
        }
        assert!(again >= 12, "{name}: {again}");
    });
}

#[test]
fn a1_r05_recorded_sequence_numbers_fit_our_window() {
    each_capture(|name, all| {
        // By sender: what it sent, and what the other has acknowledged of it.
        let mut windows = [SeqWindow::<15>::default(); 2];
        let mut numbered = 0;
        for Apdu { from_server, octets } in all {
            let [own, other] = [usize::from(*from_server), usize::from(!*from_server)];
            let nr = match apci::split(octets).expect("checked above").0 {
                apci::Apci::Information { ns, nr } => {
                    assert_eq!(ns, windows[own].next(), "{name}: {}", describe(octets));
                    windows[own].advance();
                    numbered += 1;
                    nr
                }
                apci::Apci::Supervisory { nr } => nr,
                apci::Apci::Unnumbered(_) => continue,
            };
            assert!(windows[other].acknowledge(nr).is_some(), "{name}: {}", describe(octets));
            assert!(windows[own].outstanding() <= 12, "{name}: more than k = 12 unacknowledged");
        }
        assert!(numbered >= 12, "{name}: {numbered}");
    });
}

fn field(value: i64) -> Field {
    Field::Int(value)
}

/// Whether a type of the captures is a value's or a control's. Anything else (systems, parameters) is no point.
fn is_of(type_id: TypeId, usage: AddressUse) -> bool {
    match usage {
        AddressUse::Monitor => matches!(type_id.0, 1..=40),
        AddressUse::Control => matches!(type_id.0, 45..=64),
    }
}

/// A link that knows every address of one direction, and how many objects of them came.
fn link(all: &[Apdu], role: Role, usage: AddressUse) -> (LinkSpec, usize) {
    let mut points = BTreeMap::<(u16, u32), Fields>::new();
    let mut objects = 0;
    for apdu in all.iter().filter(|apdu| apdu.from_server == (role == Role::Client)) {
        let Ok((apci::Apci::Information { .. }, asdu)) = apci::split(&apdu.octets) else { continue };
        let view = AsduView::parse(asdu).expect("whole");
        let (Some(size), Some(name)) = (view.type_id.element_octets(), view.type_id.name()) else { continue };
        let mut counted = false;
        for ioa in view.objects(size).expect("whole").map(|ioa, _| ioa) {
            let address = Fields::from([
                ("ca".to_owned(), field(i64::from(view.ca))),
                ("ioa".to_owned(), field(i64::from(ioa))),
                ("ti".to_owned(), Field::Text(name.to_owned())),
            ]);
            if is_of(view.type_id, usage) {
                points.entry((view.ca, ioa)).or_insert(address);
                counted = usage == AddressUse::Monitor && view.cot.cause.of_update().is_some();
            }
        }
        objects += if counted { usize::from(view.count) } else { 0 };
    }
    let ca = points.keys().next().map_or(1, |(ca, _)| i64::from(*ca));
    let points = (0..).zip(points.into_values()).map(|(number, address)| LinkPoint { point: PointId(number), usage, address });
    let spec = LinkSpec {
        name: "replay".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params: Fields::from([("ca".to_owned(), field(ca))]),
        points: points.collect(),
        max_unacked: 1000,
        fresh_link_ms: 2000,
    };
    (spec, objects)
}

/// What a session made of one direction of a capture.
struct Played {
    updates: usize,
    events: Vec<Event>,
    answers: usize,
}

/// Gives a session what the other side was sent, in pieces of `size` octets. What it acknowledges was sent by another than our session: that
/// number is set to ours; N(S) stays as recorded.
fn play(name: &str, mut session: Box<dyn Session>, all: &[Apdu], from_server: bool, size: usize) -> Played {
    const CHANNEL: Channel = Channel(1);
    let mut now = Now { mono: Mono(0), utc: Utc::from_millis(1_795_000_000_000) };
    let peer = PeerInfo { addr: "127.0.0.1:2404".parse().expect("an address"), tls_identity: None };
    session.handle_open(CHANNEL, &peer, now);
    let mut played = Played { updates: 0, events: Vec::new(), answers: 0 };
    let (mut batch, mut own) = (FrameBatch::default(), SeqWindow::<15>::default());
    for apdu in all.iter().filter(|apdu| apdu.from_server == from_server) {
        let mut out = Vec::new();
        while session.poll_output(CHANNEL, &mut out, 4096, now) {}
        let mut rest = out.as_slice();
        while let [_, length, ..] = rest {
            let (sent, later) = rest.split_at(usize::from(*length) + 2);
            if sent[2] & 1 == 0 {
                own.advance();
                played.answers += 1;
            }
            rest = later;
        }
        let mut octets = apdu.octets.clone();
        if octets[2] & 3 != 3 {
            let [low, high] = (own.next() << 1).to_le_bytes();
            (octets[4], octets[5]) = (low, high);
        }
        for piece in octets.chunks(size) {
            session.handle_input(CHANNEL, Chunk::Stream(piece), now);
        }
        while session.poll_frames(&mut batch) {
            played.updates += batch.updates.len();
            if let Some(frame) = batch.frames.last() {
                session.handle_durable(frame.connection, frame.number, now);
            }
            batch.clear();
        }
        played.events.extend(std::iter::from_fn(|| session.poll_event()));
        assert_eq!(session.poll_close(CHANNEL), None, "{name}: after {}", describe(&apdu.octets));
        let step = Duration::from_millis(5);
        now = Now { mono: now.mono + step, utc: now.utc + step };
    }
    played
}

#[test]
fn our_controlling_station_reads_what_recorded_stations_sent() {
    each_capture(|name, all| {
        let (spec, objects) = link(all, Role::Client, AddressUse::Monitor);
        assert!(objects >= 6, "{name}: {objects}");
        for size in [1, 7, 255] {
            let played = play(name, Iec104.session(&spec), all, true, size);
            assert_eq!(played.updates, objects, "{name} in pieces of {size}");
            assert!(played.events.contains(&Event::LinkState(LinkState::Started)), "{name}");
        }
    });
}

#[test]
fn our_controlled_station_takes_what_recorded_clients_sent() {
    each_capture(|name, all| {
        let (spec, _) = link(all, Role::Server, AddressUse::Control);
        let asked = all.iter().filter(|apdu| !apdu.from_server && apdu.octets[2] & 1 == 0).count();
        let wanted = |apdu: &&Apdu| {
            let type_id = apdu.octets.get(6).copied().map(TypeId);
            let address = spec.points.iter().map(|point| point.address.get("ti"));
            let known = |ti: TypeId| address.clone().any(|name| name == Some(&Field::Text(ti.to_string())));
            !apdu.from_server && apdu.octets[2] & 1 == 0 && type_id.is_some_and(known)
        };
        let commands = all.iter().filter(wanted).count();
        assert!(commands >= 2, "{name}: {commands}");
        for size in [1, 7, 255] {
            let params = Params {
                select: SelectPolicy::Either,
                // The tags are of the day of the recording.
                command_age: Duration::from_secs(10 * 365 * 86_400),
                end_of_init: false,
                ..Params::from_fields(&spec.params)
            };
            let played = play(name, Box::new(Controlled::with_params(&spec, params)), all, false, size);
            let received = played.events.iter().filter(|event| matches!(event, Event::CommandReceived(_))).count();
            let refused = played.events.iter().filter(|event| matches!(event, Event::Refused { .. })).count();
            assert!(received >= 2 && received + refused >= commands, "{name}: {received} {refused} of {commands}: {:#?}", played.events);
            assert!(played.answers + received >= asked - 1, "{name}: {} answers and {received} held of {asked}", played.answers);
        }
    });
}

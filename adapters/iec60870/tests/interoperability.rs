//! The interoperability statement against live sessions: what it says is what they do.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge_iec60870::apci::split;
use bridge_iec60870::{AsduView, Cause, Iec104, Repertoire, Statement, TypeId};
use bridge_model::{Mono, Now, PointId, Quality, Timestamp, Utc, Value, Zone};
use bridge_session::{
    AddressUse, Channel, Chunk, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, PeerInfo, Protocol, Publish, PublishClass, Request,
    Role, Session,
};

const START: Now = Now { mono: Mono(1_000_000_000), utc: Utc(1_775_037_600_000_000_000) };
const CHANNEL: Channel = Channel(1);

fn text(value: &str) -> Field {
    Field::Text(value.to_owned())
}

fn link(role: Role, params: &[(&str, Field)], points: Vec<LinkPoint>) -> LinkSpec {
    let params = [("ca", Field::Int(21))].iter().chain(params).map(|(name, field)| ((*name).to_owned(), field.clone())).collect();
    LinkSpec {
        name: "statement".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params,
        points,
        max_unacked: 1_000_000,
        fresh_link_ms: 2000,
    }
}

fn point(id: u32, usage: AddressUse, ioa: u32, ti: TypeId, more: &[(&str, Field)]) -> LinkPoint {
    let own = [("ioa", Field::Int(i64::from(ioa))), ("ti", text(ti.name().unwrap()))];
    let address: Fields = own.iter().chain(more).map(|(name, field)| ((*name).to_owned(), field.clone())).collect();
    LinkPoint { point: PointId(id), usage, address }
}

/// A session and its peer's numbers.
struct Line {
    session: Box<dyn Session>,
    now: Now,
    ns: u16,
    nr: u16,
}

impl Line {
    fn started(spec: &LinkSpec) -> Self {
        let mut session = Iec104.session(spec);
        session.handle_open(CHANNEL, &PeerInfo { addr: "127.0.0.1:2404".parse().unwrap(), tls_identity: None }, START);
        let mut line = Self { session, now: START, ns: 0, nr: 0 };
        line.sent();
        let start = if spec.role == Role::Client { 0x0B } else { 0x07 };
        line.session.handle_input(CHANNEL, Chunk::Stream(&[0x68, 4, start, 0, 0, 0]), START);
        line.sent();
        line.events();
        line
    }

    fn receive(&mut self, asdu: &[u8]) {
        let ([a, b], [c, d]) = ((self.ns << 1).to_le_bytes(), (self.nr << 1).to_le_bytes());
        self.ns = (self.ns + 1) & 0x7FFF;
        let bytes = [&[0x68, u8::try_from(asdu.len() + 4).unwrap(), a, b, c, d][..], asdu].concat();
        self.session.handle_input(CHANNEL, Chunk::Stream(&bytes), self.now);
        let mut batch = FrameBatch::default();
        self.session.poll_frames(&mut batch);
        for frame in &batch.frames {
            self.session.handle_durable(frame.connection, frame.number, self.now);
        }
        assert_eq!(self.session.poll_close(CHANNEL), None, "{asdu:02x?}");
    }

    /// The ASDUs that leave, each acknowledged.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut asdus = Vec::new();
        loop {
            let mut out = Vec::new();
            while self.session.poll_output(CHANNEL, &mut out, 65536, self.now) {}
            let mut rest = out.as_slice();
            let before = asdus.len();
            while let [_, length, ..] = rest {
                let (apdu, later) = rest.split_at(usize::from(*length) + 2);
                let (_, asdu) = split(apdu).unwrap();
                if !asdu.is_empty() {
                    asdus.push(asdu.to_vec());
                    self.nr = (self.nr + 1) & 0x7FFF;
                }
                rest = later;
            }
            if asdus.len() == before {
                return asdus;
            }
            let [c, d] = (self.nr << 1).to_le_bytes();
            self.session.handle_input(CHANNEL, Chunk::Stream(&[0x68, 4, 1, 0, c, d]), self.now);
        }
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn pass(&mut self, span: Duration) {
        self.now = Now { mono: self.now.mono + span, utc: self.now.utc + span };
        self.session.handle_timeout(self.now);
    }
}

/// One object of a type, of zeroes.
fn asdu(type_id: TypeId, cause: u8, ioa: u32) -> Vec<u8> {
    let [a, b, c, _] = ioa.to_le_bytes();
    let element = vec![0; type_id.element_octets().unwrap_or(1)];
    [&[type_id.0, 1, cause, 0, 21, 0, a, b, c][..], &element].concat()
}

/// Every monitored type once told by change and once by the clock, all of them in every group; one control.
fn everything() -> Vec<LinkPoint> {
    let monitored = TypeId::all().filter(|id| id.family().is_some() && !id.is_101_only());
    let mut points = Vec::new();
    for (type_id, number) in monitored.zip(0_u32..) {
        let (family, _) = type_id.family().unwrap();
        let is_counter = family == bridge_iec60870::Family::Counter;
        let groups: Vec<String> = (1..=if is_counter { 4 } else { 16 }).map(|group| group.to_string()).collect();
        let groups = ("groups", text(&groups.join(",")));
        points.push(point(number, AddressUse::Monitor, 100 + number, type_id, std::slice::from_ref(&groups)));
        if matches!(Repertoire::of(family.untagged().unwrap_or(type_id)).controlled.sent, sent if sent.contains(Cause::BACKGROUND)) {
            let cyclic = ("cyclic", text("10s"));
            points.push(point(100 + number, AddressUse::Monitor, 200 + number, type_id, &[groups, cyclic]));
        }
    }
    points.push(point(0, AddressUse::Control, 2000, TypeId::C_SC_NA_1, &[]));
    points
}

#[test]
fn a1_r32_every_type_and_cause_is_answered_as_the_statement_says() {
    let mut line = Line::started(&link(Role::Server, &[], everything()));
    let (mut served, mut unknown) = (0, 0);
    for octet in 0..=255 {
        let type_id = TypeId(octet);
        let taken = Repertoire::of(type_id).controlled.taken;
        for cause in 0..64 {
            line.receive(&asdu(type_id, cause, 0));
            let answers = line.sent();
            let with = |code: u8| answers.iter().any(|asdu| asdu[0] == octet && asdu[2] == code | 0x40);
            let place = format!("type {octet} cause {cause}");
            assert_eq!(with(44), taken.is_empty(), "{place}");
            assert_eq!(with(45), !taken.is_empty() && !taken.contains(Cause(cause)), "{place}");
            served += usize::from(taken.contains(Cause(cause)));
            unknown += usize::from(taken.is_empty());
        }
    }
    assert!(served == 14 * 2 + 2 * 2 + 1 + 3 + 3 + 2 && unknown > 10_000, "{served} served, {unknown} unknown");
}

#[test]
fn a1_r24_every_type_is_read_or_journaled_as_the_statement_says() {
    for octet in 0..=255 {
        let type_id = TypeId(octet);
        let mut line = Line::started(&link(Role::Client, &[], everything()));
        line.receive(&asdu(type_id, 3, 1));
        let told = line.events().iter().any(|event| matches!(event, Event::Refused { what } if what.contains("is journaled and not read")));
        assert_eq!(told, Repertoire::of(type_id).controlling.taken.is_empty(), "type {octet}");
        assert!(line.sent().is_empty(), "a controlling station answers nothing");
    }
}

fn publish(point: u32, value: Value, return_info: bool) -> Publish {
    let time = Timestamp::by_device(START.utc);
    Publish { point: PointId(point), value, quality: Quality::GOOD, time, class: PublishClass::Latest, spontaneous: true, return_info }
}

#[test]
fn a1_r29_the_controlled_station_sends_exactly_the_types_and_causes_of_the_statement() {
    let points = everything();
    let ids: Vec<u32> = points.iter().filter(|p| p.usage == AddressUse::Monitor).map(|p| p.point.0).collect();
    let mut line = Line::started(&link(Role::Server, &[("background", text("60s"))], points));
    let mut seen: BTreeMap<TypeId, BTreeSet<Cause>> = BTreeMap::new();
    let mut note = |asdus: Vec<Vec<u8>>| {
        for asdu in asdus {
            let view = AsduView::parse(&asdu).unwrap();
            if view.type_id.family().is_some() {
                seen.entry(view.type_id).or_default().insert(view.cot.cause);
            }
        }
    };
    // Values of each kind: a point takes those that fit and says of the others that they do not.
    for (round, value) in [Value::Bool(true), Value::Int(1), Value::Int(2), Value::Real32(0.5)].into_iter().enumerate() {
        for return_info in [false, true] {
            let values = ids.iter().map(|id| publish(*id, value, return_info && round % 2 == 0)).collect();
            line.session.handle_request(Request::Publish(values), line.now);
            note(line.sent());
        }
    }
    for qoi in 20..=36 {
        let mut request = asdu(TypeId::C_IC_NA_1, 6, 0);
        request[9] = qoi;
        line.receive(&request);
        note(line.sent());
    }
    for rqt in 1..=5 {
        let mut request = asdu(TypeId::C_CI_NA_1, 6, 0);
        request[9] = rqt;
        line.receive(&request);
        note(line.sent());
    }
    for id in &ids {
        line.receive(&asdu(TypeId::C_RD_NA_1, 5, 100 + id));
        note(line.sent());
    }
    for _ in 0..6 {
        line.pass(Duration::from_secs(10));
        note(line.sent());
    }
    for type_id in TypeId::all().filter(|id| id.family().is_some()) {
        let stated: BTreeSet<Cause> = Repertoire::of(type_id).controlled.sent.iter().collect();
        assert_eq!(seen.remove(&type_id).unwrap_or_default(), stated, "{type_id}");
    }
}

#[test]
fn the_committed_statement_is_what_the_code_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance/iec104-interoperability.md");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == Statement::of_implementation().to_markdown(),
        "{} is not what the code says; write it again with: cargo run -q -- interop iec104 > docs/conformance/iec104-interoperability.md",
        path.display()
    );
}

/// The cells of the row that begins with `first`, in any section.
fn row<'a>(statement: &'a Statement, first: &str) -> Option<&'a [String]> {
    statement.sections.iter().flat_map(|section| &section.rows).find(|row| row[0] == first).map(Vec::as_slice)
}

#[test]
fn a_link_states_its_own_parameters_addresses_and_types() {
    let points = vec![
        point(0, AddressUse::Monitor, 100, TypeId::M_ME_TF_1, &[]),
        point(1, AddressUse::Monitor, 900, TypeId::M_SP_NA_1, &[("ca", Field::Int(22))]),
        point(0, AddressUse::Control, 2000, TypeId::C_SE_NC_1, &[]),
    ];
    let params = [("t1", Field::Int(5)), ("t2", Field::Int(2)), ("k", Field::Int(20)), ("connections", Field::Int(2))];
    let spec = link(Role::Server, &params, points);
    let statement = Statement::of_link(&spec).with_transport(&[("TLS", "no".to_owned())]);
    let last = |first: &str| row(&statement, first).and_then(|row| row.last()).unwrap().clone();
    assert_eq!((last("t1"), last("k"), last("t0")), ("5 s".to_owned(), "20".to_owned(), "30 s".to_owned()));
    assert_eq!(last("Common addresses in use"), "21, 22");
    assert_eq!(last("Object addresses in monitor direction"), "2 objects from 100 to 900");
    assert_eq!(last("Connections of a group"), "up to 2");
    assert_eq!(last("TLS"), "no");
    let used: Vec<&str> = statement.sections[5].rows.iter().filter(|row| row[3] == "X").map(|row| row[1].as_str()).collect();
    let expected = ["M_SP_NA_1", "M_ME_NC_1", "M_ME_TF_1", "C_SE_NC_1", "M_EI_NA_1", "C_IC_NA_1", "C_CI_NA_1", "C_RD_NA_1", "C_TS_TA_1"];
    assert_eq!(used, expected);
    // A controlling link that only monitors commands nothing.
    let monitor = LinkSpec { role: Role::Client, monitor_only: true, params: Fields::from([("ca".to_owned(), Field::Int(21))]), ..spec };
    let statement = Statement::of_link(&monitor);
    assert!(statement.sections[5].rows.iter().all(|row| !row[1].starts_with("C_SE") || row[3].is_empty()));
    assert_eq!(row(&statement, "Direct set-point command transmission").unwrap()[1], "");
    assert!(statement.to_markdown().contains("| 13 | M_ME_NC_1 | 5 | X |"), "{}", statement.to_markdown());
}

#[test]
fn a1_r64_a_link_of_both_directions_states_each_with_its_own_permissions() {
    let reversed = [("reversed", Field::Bool(true))];
    let points = vec![
        point(0, AddressUse::Monitor, 100, TypeId::M_SP_NA_1, &[]),
        point(0, AddressUse::Control, 2000, TypeId::C_SE_NC_1, &[]),
        point(0, AddressUse::Monitor, 700, TypeId::M_DP_TB_1, &reversed),
        point(1, AddressUse::Control, 3000, TypeId::C_SC_NA_1, &reversed),
    ];
    let params = [("direction", text("both")), ("allow", text("reset")), ("allow_reverse", text("clock_sync, counter_freeze"))];
    let statement = Statement::of_link(&link(Role::Server, &params, points));
    let table = |title: &str| statement.sections.iter().find(|section| section.title == title).unwrap();
    let cell = |title: &str, first: &str| table(title).rows.iter().find(|row| row[0] == first).unwrap()[1].clone();
    let (own, other) = ("Basic application functions", "Basic application functions, reversed direction");
    let allowed = "Allowed beyond reading and commanding (R22)";
    assert_eq!((cell(own, allowed), cell(other, allowed)), ("reset".to_owned(), "clock_sync, counter_freeze".to_owned()));
    let reset = "Reset process (QRP 1)";
    assert_eq!((cell(own, reset), cell(other, reset)), ("X".to_owned(), String::new()), "each by its own permission");
    let freeze = "Counter freeze without reset";
    assert_eq!((cell(own, freeze), cell(other, freeze)), (String::new(), "X".to_owned()));
    let objects = "Object addresses in monitor direction";
    assert_eq!(cell("Application layer", objects), "1 objects from 100 to 100");
    assert_eq!(cell("Application layer, reversed direction", objects), "1 objects from 700 to 700");
    assert_eq!(cell("System or device", "Controlling station definition (master)"), "R");
    let used = |name: &str| table("Selection of standard ASDUs").rows.iter().find(|row| row[1] == name).unwrap()[3].clone();
    let types = ["M_SP_NA_1", "C_SE_NC_1", "M_DP_TB_1", "C_SC_NA_1", "C_IC_NA_1", "C_CS_NA_1", "C_RP_NA_1", "M_ME_NC_1"];
    assert_eq!(types.map(used), ["X", "X", "R", "R", "B", "R", "X", ""]);
}

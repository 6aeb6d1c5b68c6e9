use bridge_model::{Action, CommandId, Mono, Now, PointId, TimeOrigin, Validity, Zone};
use bridge_session::{LinkPoint, LinkState};

use super::*;

const RECEIVED: Utc = Utc(1_775_037_600_000_000_000);

fn fields(list: &[(&str, Field)]) -> Fields {
    list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
}

fn text(value: &str) -> Field {
    Field::Text(value.to_owned())
}

fn spec() -> LinkSpec {
    let point = |point, usage, of: &str, index| LinkPoint {
        point: PointId(point),
        usage,
        address: fields(&[("type", text(of)), ("index", Field::Int(index))]),
    };
    LinkSpec {
        name: "test".to_owned(),
        role: Role::Client,
        zone: Zone::Ist,
        monitor_only: false,
        params: fields(&[("outstation", Field::Int(10))]),
        points: vec![
            point(0, AddressUse::Monitor, "binary", 0),
            point(1, AddressUse::Monitor, "analog", 7),
            point(2, AddressUse::Monitor, "double", 1),
            point(0, AddressUse::Control, "binary_output", 0),
            point(1, AddressUse::Control, "analog_output", 300),
        ],
        max_unacked: 64,
        fresh_link_ms: 2000,
    }
}

fn decode(list: &[(&str, Field)]) -> Result<Vec<PointUpdate>, FieldProblem> {
    Dnp3.decode_test(&spec(), &fields(list), RECEIVED)
}

fn command(point: u32, action: Action, mode: CommandMode) -> Command {
    let not_after = Now { mono: Mono(0), utc: RECEIVED };
    Command { id: CommandId(1), point: PointId(point), action, mode, qualifier: 0, not_after }
}

#[test]
fn a_test_input_gives_what_the_wire_would_give() {
    let updates = decode(&[
        ("type", text("analog")),
        ("index", Field::Int(7)),
        ("value", Field::Float(243.6)),
        ("time", text("2026-04-01T15:30:00.250+05:30")),
        ("quality", text("ONLINE COMM_LOST")),
    ]);
    let update = updates.unwrap()[0];
    assert_eq!((update.point, update.value, update.cause), (PointId(1), Value::Real32(243.6), Cause::Spontaneous));
    assert_eq!((update.quality.raw, update.quality.validity), (5, Validity::Questionable));
    assert_eq!((update.time.utc, update.time.origin), (Utc(RECEIVED.0 + 250_000_000), TimeOrigin::Device));

    let update = decode(&[("type", text("binary")), ("index", Field::Int(0)), ("value", text("on")), ("static", text("g1v1"))]).unwrap()[0];
    assert_eq!((update.value, update.cause, update.time.origin), (Value::Bool(true), Cause::Interrogated, TimeOrigin::Bridge));
    let update =
        decode(&[("type", text("double")), ("index", Field::Int(1)), ("value", Field::Int(3)), ("event", text("g4v3"))]).unwrap()[0];
    assert_eq!((update.value, update.time.utc), (Value::Double(DoublePoint::Bad), RECEIVED));
}

#[test]
fn a_test_input_names_its_problem() {
    let code = |list: &[(&str, Field)]| decode(list).unwrap_err().code;
    let binary = [("type", text("binary")), ("index", Field::Int(0))];
    let with = |more: (&'static str, Field)| [binary[0].clone(), binary[1].clone(), ("value", Field::Bool(true)), more];
    assert_eq!(code(&with(("cot", Field::Int(3)))), "unknown-field");
    assert_eq!(code(&[("type", text("binary")), ("index", Field::Int(9)), ("value", Field::Bool(true))]), "unknown-address");
    assert_eq!(code(&binary), "value-does-not-fit");
    assert_eq!(code(&with(("event", text("g32v1")))), "variation-unknown");
    assert_eq!(code(&with(("time", text("yesterday")))), "not-a-time");
    assert_eq!(code(&with(("quality", text("REFERENCE_ERR")))), "quality-unknown", "no flag of a binary input");
    let plain = [binary[0].clone(), binary[1].clone(), ("value", Field::Bool(true)), ("static", text("g1v1")), ("quality", Field::Int(5))];
    assert_eq!(code(&plain), "value-does-not-fit", "g1v1 has no flags");
}

#[test]
fn a_command_is_shown_with_its_octets() {
    let shown = Dnp3.render_command(&spec(), &command(0, Action::Switch(true), CommandMode::SelectExecute)).unwrap();
    assert_eq!(shown.bytes, [0xC0, 3, 12, 1, 0x28, 1, 0, 0, 0, 3, 1, 0xE8, 3, 0, 0, 0xE8, 3, 0, 0, 0]);
    assert!(shown.text.starts_with("outstation 10: seq=0 SELECT; g12v1"), "{}", shown.text);
    assert_eq!((&shown.fields["value"], &shown.fields["code"]), (&Field::Bool(true), &text("LATCH_ON")));
    let shown = Dnp3.render_command(&spec(), &command(1, Action::Set(210.5), CommandMode::Direct)).unwrap();
    assert_eq!((&shown.fields["function"], &shown.fields["value"]), (&text("DIRECT_OPERATE"), &Field::Float(210.5)));
    assert_eq!((&shown.fields["index"], &shown.fields["outstation"]), (&Field::Int(300), &Field::Int(10)));
}

#[test]
fn what_cannot_be_sent_cannot_be_shown() {
    let code = |spec: &LinkSpec, command: &Command| Dnp3.render_command(spec, command).unwrap_err().code;
    let on = command(0, Action::Switch(true), CommandMode::Direct);
    assert_eq!(code(&spec(), &command(9, Action::Switch(true), CommandMode::Direct)), "no-control-address");
    assert_eq!(code(&spec(), &command(0, Action::Set(1.0), CommandMode::Direct)), "action-does-not-fit");
    assert_eq!(code(&spec(), &command(0, Action::Switch(true), CommandMode::Cancel)), "action-does-not-fit");
    assert_eq!(code(&LinkSpec { monitor_only: true, ..spec() }, &on), "monitor-only");
    assert_eq!(code(&LinkSpec { role: Role::Server, ..spec() }, &on), "monitor-only");
}

#[test]
fn addresses_have_keys_and_queues() {
    let params = spec().params;
    let of_role = |role, usage, list: &[(&str, Field)]| Dnp3.check_address(role, usage, &params, &fields(list));
    let key = |usage, list: &[(&str, Field)]| of_role(Role::Server, usage, list);
    let read = [("type", text("binary")), ("index", Field::Int(0))];
    let served = [("type", text("binary")), ("index", Field::Int(0)), ("class", Field::Int(3))];
    assert_eq!(key(AddressUse::Monitor, &read), key(AddressUse::Monitor, &served));
    let control = [("type", text("binary_output")), ("index", Field::Int(0))];
    assert_ne!(key(AddressUse::Control, &control), key(AddressUse::Monitor, &control));
    assert!(key(AddressUse::Control, &read).is_err());
    // What is read has no event class of ours, and what is served is no frozen counter.
    assert_eq!(of_role(Role::Client, AddressUse::Monitor, &read), key(AddressUse::Monitor, &read));
    assert_eq!(of_role(Role::Client, AddressUse::Monitor, &served).map_err(|found| found[0].code), Err("unknown-field"));
    let frozen = [("type", text("frozen_counter")), ("index", Field::Int(0))];
    assert!(of_role(Role::Client, AddressUse::Monitor, &frozen).is_ok());
    assert_eq!(key(AddressUse::Monitor, &frozen).map_err(|found| found[0].code), Err("unknown-word"));
    assert_eq!(Dnp3.event_queue(&params, &fields(&served)), 3);
    assert_eq!(Dnp3.event_queue(&params, &fields(&read)), 1, "the default of its type");
}

#[test]
fn each_role_has_its_session() {
    let peer = bridge_session::PeerInfo { addr: "127.0.0.1:20000".parse().unwrap(), tls_identity: None };
    for (role, asks) in [(Role::Client, true), (Role::Server, false)] {
        let mut session = Dnp3.session(&LinkSpec { role, ..spec() });
        let now = Now { mono: Mono(1), utc: RECEIVED };
        session.handle_open(bridge_session::Channel(1), &peer, now);
        assert_eq!(session.poll_event(), Some(bridge_session::Event::LinkState(LinkState::Connected)), "{role:?}");
        let mut out = Vec::new();
        session.poll_output(bridge_session::Channel(1), &mut out, 4096, now);
        // A master's frames have DIR set.
        assert_eq!(out.get(3).is_some_and(|control| control & 0x80 != 0), asks, "{role:?}");
    }
}

#[test]
fn a2_r50_a_test_may_say_a_string() {
    let mut link = spec();
    let address = fields(&[("type", text("octet_string")), ("index", Field::Int(4)), ("words", text("idle, running"))]);
    link.points.push(LinkPoint { point: PointId(9), usage: AddressUse::Monitor, address });
    let said = |value: Field, more: &[(&str, Field)]| {
        let input = [&[("type", text("octet_string")), ("index", Field::Int(4)), ("value", value)], more].concat();
        Dnp3.decode_test(&link, &fields(&input), RECEIVED).map_err(|found| found.code)
    };
    let update = said(text("running"), &[]).unwrap()[0];
    assert_eq!((update.point, update.value, update.quality.validity), (PointId(9), Value::Int(1), Validity::Good));
    assert_eq!(update.time.origin, TimeOrigin::Bridge, "a string has no time");
    assert_eq!(said(text("walking"), &[]).unwrap()[0].quality.validity, Validity::Invalid);
    assert_eq!(said(text(""), &[]), Err("value-does-not-fit"), "none is empty");
    assert_eq!(said(Field::Int(1), &[]), Err("value-does-not-fit"));
    assert_eq!(said(text("idle"), &[("quality", Field::Int(1))]), Err("value-does-not-fit"));
}

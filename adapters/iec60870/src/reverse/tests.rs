//! One link, both directions, against a peer whose octets we write.

use bridge_model::{Action, Command, CommandId, CommandMode, IndeterminateWhy, Outcome, PointId, Quality, Timestamp, Utc, Value};
use bridge_session::{AddressUse, Answer, Field, Protocol as _, Publish, PublishClass, Refusal, Suspicion};

use super::*;
use crate::Iec104;
use crate::test_kit::*;

fn point(id: u32, usage: AddressUse, ioa: i64, ti: &str, reversed: bool) -> LinkPoint {
    let mut address = fields(&[("ioa", Field::Int(ioa)), ("ti", text(ti))]);
    if reversed {
        address.insert(LinkPoint::REVERSED.to_owned(), Field::Bool(true));
    }
    LinkPoint { point: PointId(id), usage, address }
}

/// Point 1 and control 1 of the link's own role, point 2 and control 2 of the other.
fn both(role: Role) -> LinkSpec {
    let points = vec![
        point(1, AddressUse::Monitor, 100, "M_SP_TB_1", false),
        point(1, AddressUse::Control, 200, "C_SC_NA_1", false),
        point(2, AddressUse::Monitor, 500, "M_SP_TB_1", true),
        point(2, AddressUse::Control, 600, "C_SC_NA_1", true),
    ];
    LinkSpec { points, ..spec(role, &[("direction", text("both")), ("end_of_init", Field::Bool(false))]) }
}

fn server() -> Bench<Controlled> {
    let mut bench = Bench::new(Controlled::with_params(&both(Role::Server), Params::from_fields(&both(Role::Server).params)));
    bench.open();
    bench.rx_u(Function::StartAct);
    bench
}

fn client() -> Bench<Controlling> {
    let mut bench = Bench::new(Controlling::new(&both(Role::Client)));
    bench.open();
    bench.rx_u(Function::StartCon);
    bench
}

/// What is sent in I frames, acknowledged, without sequence numbers.
fn sent<S: Session>(bench: &mut Bench<S>) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let lines = bench.tx();
        let nr = bench.nr;
        bench.rx_s(nr);
        if lines.is_empty() {
            return all;
        }
        let asdu = |line: &String| line.splitn(4, ' ').nth(3).unwrap_or_default().to_owned();
        all.extend(lines.iter().filter(|line| line.starts_with("I ")).map(asdu));
    }
}

fn publish(point: u32, on: bool, number: u64) -> Publish {
    let (time, class) = (Timestamp::by_device(Utc(UTC_START_NS)), PublishClass::Event(number));
    Publish { point: PointId(point), value: Value::Bool(on), quality: Quality::GOOD, time, class, spontaneous: true, return_info: false }
}

#[test]
fn a1_r64_a_controlled_station_reads_its_peer_while_it_serves_it() {
    let mut bench = server();
    assert_eq!(sent(&mut bench), ["C_IC_NA_1 act ca=21 ioa=0 qoi=20"], "we interrogate the EMS");
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[20])));
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[20])));
    bench.rx_i(&asdu(1, 1, 20, 21, &object(500, &[1])));
    bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[20])));
    let events = bench.events();
    assert!(events.contains(&Event::InterrogationBegan) && events.contains(&Event::InterrogationEnded), "{events:?}");
    let read: Vec<_> = bench.updates.iter().map(|update| (update.point, update.value)).collect();
    assert_eq!(read, [(PointId(2), Value::Bool(true))]);
    let answered = sent(&mut bench);
    assert_eq!(answered.len(), 3, "and it interrogates us: {answered:?}");
    assert!(answered[0].contains("actcon") && answered[1].contains("M_SP_NA_1 inrogen") && answered[2].contains("actterm"));
    assert_eq!(bench.closed(), None);
}

#[test]
fn a1_r64_a_controlled_station_commands_its_peer_and_is_commanded() {
    let mut bench = server();
    sent(&mut bench);
    let command = bench.command(2, Action::Switch(true), CommandMode::Direct, 5_000);
    bench.request(Request::Command(command));
    let apdus = bench.tx_bytes();
    let act = apdus.iter().find(|apdu| apdu[6] == 45).expect("the command leaves");
    bench.rx_i(&answer(act, Cause::ACTIVATION_CON, false));
    let outcome =
        bench.events().into_iter().find_map(|event| if let Event::Settled { outcome, .. } = event { Some(outcome) } else { None });
    assert_eq!(outcome, Some(Outcome::Completed));

    bench.rx_i(&asdu(45, 1, 6, 21, &object(200, &[1])));
    let received =
        bench.events().into_iter().find_map(|event| if let Event::CommandReceived(command) = event { Some(command) } else { None });
    let received = received.expect("the EMS commands us");
    assert_eq!((received.point, received.connection, received.frame), (PointId(1), 1, 2));
    bench.request(Request::Answer { token: received.token, answer: Answer::Confirm });
    assert!(sent(&mut bench).iter().any(|line| line == "C_SC_NA_1 actcon ca=21 ioa=200 on"));
    bench.rx_i(&asdu(45, 1, 6, 21, &object(600, &[1])));
    assert!(sent(&mut bench).iter().any(|line| line.contains("unknown-ioa negative")), "our own command is no command of its");
}

#[test]
fn a1_r64_r05_an_execute_of_the_other_direction_never_outlives_its_connection() {
    let mut bench = server();
    sent(&mut bench);
    let command = bench.command(2, Action::Switch(true), CommandMode::Direct, 2_000);
    bench.request(Request::Command(command));
    assert!(bench.tx().iter().any(|line| line.contains("C_SC_NA_1 act")));
    assert!(bench.session.user_timeout(CHANNEL, bench.now).is_some(), "the transport gives up with the command");
    bench.pass_ms(3_500);
    assert_eq!(bench.closed().map(|(abort, _)| abort), Some(true), "with RST, so that it cannot arrive later");
    bench.close();
    let settled =
        bench.events().into_iter().find_map(|event| if let Event::Settled { outcome, .. } = event { Some(outcome) } else { None });
    assert_eq!(settled, Some(Outcome::Indeterminate(IndeterminateWhy::ConnectionLost)));
}

fn settled(bench: &mut Bench<Controlled>) -> Option<Outcome> {
    bench.events().into_iter().find_map(|event| if let Event::Settled { outcome, .. } = event { Some(outcome) } else { None })
}

/// Channel 7 carries an execute of ours that is not acknowledged; channel 8 stands by.
fn execute_under_way() -> Bench<Controlled> {
    let mut bench = server();
    sent(&mut bench);
    bench.on(8).open();
    bench.on(7);
    let command = bench.command(2, Action::Switch(true), CommandMode::Direct, 2_000);
    bench.request(Request::Command(command));
    assert!(bench.tx().iter().any(|line| line.contains("C_SC_NA_1 act")));
    bench
}

#[test]
fn a1_r64_r05_an_execute_under_way_does_not_survive_a_start_elsewhere() {
    let mut bench = execute_under_way();
    bench.on(8).rx_u(Function::StartAct);
    let (abort, cause) = bench.on(7).closed().expect("the old connection is closed at once");
    assert!(abort, "with RST: {cause}");
    assert_eq!(settled(&mut bench), Some(Outcome::Indeterminate(IndeterminateWhy::ConnectionLost)));
    bench.close();
    assert_eq!(bench.on(8).closed(), None);
    assert!(!bench.tx().iter().any(|line| line.contains("C_SC_NA_1")), "and it never moves to another connection");
    // What was taken, or never left, closes nothing.
    let mut bench = execute_under_way();
    let nr = bench.nr;
    bench.rx_s(nr);
    bench.on(8).rx_u(Function::StartAct);
    assert_eq!(bench.on(7).closed(), None);
}

#[test]
fn a1_r64_r05_an_execute_under_way_does_not_survive_a_stop() {
    let mut bench = execute_under_way();
    bench.rx_u(Function::StopAct);
    assert_eq!(bench.closed().map(|(abort, _)| abort), Some(true), "with RST");
    assert!(bench.tx().is_empty());
    bench.close();
    assert_eq!(settled(&mut bench), Some(Outcome::Indeterminate(IndeterminateWhy::ConnectionLost)));
    // One that was taken does not hold up the stop.
    let mut bench = execute_under_way();
    let nr = bench.nr;
    bench.rx_s(nr);
    bench.rx_u(Function::StopAct);
    assert_eq!((bench.closed(), bench.tx()), (None, vec!["U STOPDT con".to_owned()]));
}

#[test]
fn a1_r21_a1_r64_a_move_is_told_before_commands_that_come_after_it() {
    let mut bench = server();
    sent(&mut bench);
    bench.on(8).open();
    bench.forget();
    let moves = |bench: &mut Bench<Controlled>| bench.events().iter().filter(|e| matches!(e, Event::SwitchedOver { .. })).count();
    bench.rx_u(Function::StartAct);
    assert_eq!(moves(&mut bench), 1);
    for round in 0..4 {
        let command = bench.command(2, Action::Switch(true), CommandMode::Select, 30_000);
        bench.request(Request::Command(command));
        bench.on(7 + round % 2).rx_u(Function::StartAct);
        assert_eq!(moves(&mut bench), 1, "a selection of ours may have ended: told at once");
    }
    // Without one it is told as one, and after a command of ours as a line.
    for round in 0..4 {
        bench.on(7 + round % 2).rx_u(Function::StartAct);
    }
    let command = bench.command(2, Action::Switch(true), CommandMode::Select, 30_000);
    bench.request(Request::Command(command));
    assert_eq!(moves(&mut bench), 0);
    bench.pass_ms(10_000);
    let events = bench.events();
    assert!(!events.iter().any(|e| matches!(e, Event::SwitchedOver { .. })), "{events:?}");
    assert!(events.iter().any(|e| matches!(e, Event::Refused { what } if what.contains("moved 4 more"))), "{events:?}");
}

#[test]
fn a1_r64_a_controlling_station_serves_its_peer_while_it_reads_it() {
    let mut bench = client();
    assert_eq!(sent(&mut bench), ["C_IC_NA_1 act ca=21 ioa=0 qoi=20"]);
    bench.request(Request::Publish(vec![publish(2, true, 7)]));
    assert_eq!(sent(&mut bench), ["M_SP_TB_1 spont ca=21\n  ioa=500 on 2026-04-01T10:00:00.000"]);
    assert!(bench.events().contains(&Event::Delivered(7)), "delivered when the station has acknowledged it");
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[20])));
    let answered = sent(&mut bench);
    assert!(answered.len() == 3 && answered[1].contains("M_SP_NA_1 inrogen ca=21\n  ioa=500 on"), "{answered:?}");
    bench.rx_i(&asdu(1, 1, 3, 21, &object(100, &[1])));
    assert_eq!(bench.updates.last().map(|update| update.point), Some(PointId(1)));
    bench.rx_i(&asdu(45, 1, 6, 21, &object(600, &[1])));
    let received =
        bench.events().into_iter().find_map(|event| if let Event::CommandReceived(command) = event { Some(command) } else { None });
    let received = received.expect("the station commands us");
    bench.request(Request::Answer { token: received.token, answer: Answer::Refuse(Refusal::default()) });
    assert!(sent(&mut bench).iter().any(|line| line == "C_SC_NA_1 actcon negative ca=21 ioa=600 on"));
}

#[test]
fn a1_r64_what_was_not_acknowledged_goes_out_again_on_the_next_connection() {
    let mut bench = client();
    sent(&mut bench);
    bench.request(Request::Publish(vec![publish(2, true, 7)]));
    assert!(bench.tx().iter().any(|line| line.contains("ioa=500 on")));
    bench.close();
    assert!(!bench.events().contains(&Event::Delivered(7)));
    bench.open();
    bench.rx_u(Function::StartCon);
    assert!(sent(&mut bench).iter().any(|line| line.contains("ioa=500 on")), "again");
    assert!(bench.events().contains(&Event::Delivered(7)));
}

#[test]
fn a1_r64_bad_octets_of_the_other_direction_close_the_connection_by_name() {
    let mut bench = server();
    sent(&mut bench);
    bench.rx_i(&asdu(1, 5, 3, 21, &object(500, &[1])));
    let (_, cause) = bench.closed().expect("closed");
    assert!(cause.contains("M_SP_NA_1 with 5 objects"), "{cause}");
}

#[test]
fn a1_r64_a_link_of_one_direction_takes_nothing_of_the_other() {
    let mut one = both(Role::Server);
    one.params.insert("direction".to_owned(), text("standard"));
    let mut bench = Bench::new(Controlled::new(&one));
    bench.open();
    bench.rx_u(Function::StartAct);
    assert!(sent(&mut bench).is_empty(), "nothing is interrogated");
    bench.rx_i(&asdu(1, 1, 3, 21, &object(500, &[1])));
    assert!(sent(&mut bench)[0].contains("M_SP_NA_1 unknown-type negative"));
    assert_eq!(bench.updates.len(), 0);
}

#[test]
fn a1_r64_a_command_of_the_other_direction_is_rendered_with_the_right_of_its_direction() {
    let server = both(Role::Server);
    let not_after = Now { mono: Mono(0), utc: Utc(UTC_START_NS) };
    let command = |point: u32| Command {
        id: CommandId(1),
        point: PointId(point),
        action: Action::Switch(true),
        mode: CommandMode::Direct,
        qualifier: 0,
        not_after,
    };
    let rendered = Iec104.render_command(&server, &command(2)).expect("the reversed direction commands");
    assert_eq!(rendered.text, "C_SC_NA_1 act ca=21 ioa=600 on");
    let code = |spec: &LinkSpec, point| Iec104.render_command(spec, &command(point)).expect_err("no right").code;
    assert_eq!(code(&server, 1), "no-control-address", "what the EMS commands is no command of ours");
    assert_eq!(code(&both(Role::Client), 2), "no-control-address", "and what the station commands none of its EMS");
    assert_eq!(Iec104.render_command(&both(Role::Client), &command(1)).expect("its own").text, "C_SC_NA_1 act ca=21 ioa=200 on");
    assert_eq!(code(&LinkSpec { monitor_only: true, ..server.clone() }, 2), "monitor-only");
    let one_way = LinkSpec { params: spec(Role::Server, &[]).params, ..server };
    assert_eq!(code(&one_way, 2), "monitor-only", "a station of one direction commands nobody");
}

#[test]
fn a1_r64_a_test_input_is_read_in_the_direction_that_reads() {
    // The same address in both directions: served to the EMS as point 1, read from it as point 2.
    let points = vec![point(1, AddressUse::Monitor, 500, "M_SP_TB_1", false), point(2, AddressUse::Monitor, 500, "M_SP_TB_1", true)];
    let read = |role: Role| {
        let link = LinkSpec { points: points.clone(), ..both(role) };
        let input =
            fields(&[("ioa", Field::Int(500)), ("value", Field::Bool(true)), (LinkPoint::REVERSED, Field::Bool(role == Role::Server))]);
        Iec104.decode_test(&link, &input, Utc(UTC_START_NS)).expect("an input").iter().map(|update| update.point.0).collect::<Vec<_>>()
    };
    assert_eq!((read(Role::Server), read(Role::Client)), (vec![2], vec![1]));
    let one_way = spec(Role::Server, &[]);
    assert_eq!(Iec104.decode_test(&one_way, &fields(&[("ioa", Field::Int(1001))]), Utc(UTC_START_NS)).unwrap_err().code, "nothing-read");
}

#[test]
fn a1_r64_a1_r71_the_reversed_direction_knows_its_peer_by_the_certificate() {
    let mut bench = Bench::new(Controlling::new(&both(Role::Client)));
    let peer = PeerInfo { tls_identity: Some("CN=rtu-7,O=Genco".to_owned()), ..peer_info(CHANNEL) };
    bench.session.handle_open(CHANNEL, &peer, bench.now);
    bench.rx_u(Function::StartCon);
    bench.rx_i(&asdu(45, 1, 6, 21, &object(600, &[1])));
    let events = bench.events();
    let told = Event::Suspicious(Suspicion::NewCommander { party: "CN=rtu-7,O=Genco".to_owned() });
    assert!(events.contains(&told), "who commands us is who TLS proved, not an address: {events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::CommandReceived(command) if command.point == PointId(2))), "{events:?}");
}

use bridge_model::{Action, CommandMode, Detail, DoublePoint, PointId, Quality, TimeFlags, Timestamp, Utc, Validity, Value};
use bridge_session::{Answer, CommandReceived, Field, Publish, PublishClass, Refusal, Role};

use super::*;
use crate::params::SelectPolicy;
use crate::test_kit::*;
use crate::{AsduView, TypeId, describe};

fn bench(params: &[(&str, Field)]) -> Bench<Controlled> {
    Bench::new(Controlled::new(&spec(Role::Server, params)))
}

/// Started, end of initialisation sent and acknowledged.
fn started(params: &[(&str, Field)]) -> Bench<Controlled> {
    let mut bench = bench(params);
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.tx();
    let nr = bench.nr;
    bench.rx_s(nr);
    bench.forget();
    bench
}

fn value(point: u32, value: Value, class: PublishClass) -> Publish {
    let time = Timestamp::by_device(Utc(UTC_START_NS));
    Publish { point: PointId(point), value, quality: Quality::GOOD, time, class, spontaneous: true, return_info: false }
}

fn event(point: u32, on: bool, number: u64) -> Publish {
    value(point, Value::Bool(on), PublishClass::Event(number))
}

fn latest(point: u32, v: f32) -> Publish {
    value(point, Value::Real32(v), PublishClass::Latest)
}

fn received(bench: &mut Bench<Controlled>) -> Vec<CommandReceived> {
    bench.events().into_iter().filter_map(|event| if let Event::CommandReceived(command) = event { Some(command) } else { None }).collect()
}

/// What is sent besides S frames.
fn sent(bench: &mut Bench<Controlled>) -> Vec<String> {
    bench.tx().into_iter().filter(|line| !line.starts_with("S ")).collect()
}

const DIRECT: [u8; 5] = [0, 0, 0x52, 0x43, 0]; // 210.0, execute

#[test]
fn a1_r13_b1_17_no_i_frame_before_the_start() {
    let mut bench = bench(&[]);
    bench.open();
    assert_eq!(bench.events(), [Event::LinkState(LinkState::Connected)]);
    bench.request(Request::Publish(vec![event(0, true, 1), latest(20, 1.0)]));
    assert!(bench.tx().is_empty(), "nothing leaves before STARTDT");
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[20])));
    assert_eq!(bench.closed().unwrap().1, "peer misbehaved: I frame before STARTDT act");
}

#[test]
fn a1_r44_end_of_initialisation_goes_first_and_once_per_session() {
    let mut bench = bench(&[]);
    bench.open();
    bench.request(Request::Publish(vec![event(0, true, 1)]));
    bench.rx_u(Function::StartAct);
    let lines = bench.tx();
    assert_eq!(lines[..2], ["U STARTDT con", "I ns=0 nr=0 M_EI_NA_1 init ca=21 ioa=0 coi=0"]);
    assert!(lines[2].contains("M_SP_TB_1 spont"), "process data after it");
    bench.close();
    bench.open();
    bench.rx_u(Function::StartAct);
    assert!(bench.tx().iter().all(|line| !line.contains("M_EI_NA_1")));

    let mut silent = super::tests::bench(&[("end_of_init", Field::Bool(false))]);
    silent.open();
    silent.rx_u(Function::StartAct);
    assert_eq!(silent.tx(), ["U STARTDT con"]);
}

#[test]
fn b1_18_confirmations_from_a_controlling_station_close() {
    for function in [Function::StartCon, Function::StopCon] {
        let mut bench = started(&[]);
        bench.rx_u(function);
        assert!(bench.closed().unwrap().1.contains("con"));
    }
}

#[test]
fn a1_r15_stop_is_confirmed_after_both_directions_are_settled() {
    let mut bench = started(&[]);
    bench.durable = false;
    bench.request(Request::Publish(vec![event(0, true, 1)]));
    bench.tx();
    bench.events();
    bench.rx_i(&asdu(107, 1, 6, 21, &object(0, &[0; 9])));
    bench.rx_u(Function::StopAct);
    bench.request(Request::Publish(vec![event(1, true, 2)]));
    assert!(bench.tx().is_empty(), "no new I frame, and nothing is settled");
    let nr = bench.nr;
    bench.rx_s(nr);
    assert_eq!(bench.events(), [Event::Delivered(1)]);
    assert!(bench.tx().is_empty(), "the received frame is not durable yet");
    bench.session.handle_durable(1, 1, bench.now);
    assert_eq!(bench.tx(), ["S nr=1", "U STOPDT con"]);
    assert_eq!(bench.events(), [Event::LinkState(LinkState::Stopped)]);
    // Started again, the waiting event goes out.
    bench.rx_u(Function::StartAct);
    let lines = bench.tx();
    assert!(lines[0] == "U STARTDT con" && lines[1].contains("ioa=101 on"), "{lines:?}");
}

#[test]
fn i_frames_after_stop_close() {
    let mut bench = started(&[]);
    bench.rx_u(Function::StopAct);
    bench.rx_i(&asdu(107, 1, 6, 21, &object(0, &[0; 9])));
    assert_eq!(bench.closed().unwrap().1, "peer misbehaved: I frame after STOPDT act");
}

#[test]
fn a1_r45_r19_interrogation_reads_the_image_never_read_is_invalid() {
    let mut bench = started(&[]);
    bench.request(Request::Publish(vec![Publish { spontaneous: false, ..latest(20, 243.6) }]));
    assert!(bench.tx().is_empty(), "a refresh is not sent");
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[20])));
    let lines = sent(&mut bench);
    assert_eq!(lines[0], "I ns=1 nr=1 C_IC_NA_1 actcon ca=21 ioa=0 qoi=20");
    assert!(lines[1].starts_with("I ns=2 nr=1 M_SP_NA_1 inrogen ca=21\n  ioa=100 off IV NT\n"));
    assert!(lines[2].starts_with("I ns=3 nr=1 M_DP_NA_1 inrogen ca=21\n  ioa=200 intermediate IV NT\n"));
    assert!(lines[3].starts_with("I ns=4 nr=1 M_ME_NC_1 inrogen ca=21\n  ioa=1000 243.6\n  ioa=1001 0.0 IV NT\n"));
    assert_eq!(lines[4..], ["I ns=5 nr=1 C_IC_NA_1 actterm ca=21 ioa=0 qoi=20"]);
    assert_eq!(lines[3].lines().count(), 21, "20 floats in one ASDU");
}

#[test]
fn a1_r06_a1_r45_a_large_image_is_pulled_within_k_and_249_octets() {
    let mut link = spec(Role::Server, &[]);
    let template = link.points.iter().find(|p| p.point == PointId(20)).unwrap().clone();
    link.points.retain(|p| p.usage == AddressUse::Control);
    for i in 0..250_000_u32 {
        let mut point = template.clone();
        point.point = PointId(i);
        point.address.insert("ioa".to_owned(), Field::Int(1 + i64::from(i)));
        link.points.push(point);
    }
    let mut bench = Bench::new(Controlled::new(&link));
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.tx();
    let nr = bench.nr;
    bench.rx_s(nr);
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[20])));
    let (mut objects, mut rounds) = (0, 0);
    let mut ended = false;
    while !ended {
        let apdus = bench.tx_bytes();
        let information: Vec<_> = apdus.iter().filter(|apdu| apdu[2] & 1 == 0).collect();
        assert!((1..=12).contains(&information.len()), "k bounds what is out: {}", information.len());
        for apdu in information {
            let view = AsduView::parse(&apdu[6..]).unwrap();
            if view.type_id == TypeId::M_ME_NC_1 {
                objects += u32::from(view.count);
                assert!(apdu.len() <= 255);
            }
            ended |= view.cot.cause == crate::Cause::ACTIVATION_TERM;
        }
        let nr = bench.nr;
        bench.rx_s(nr);
        rounds += 1;
    }
    assert_eq!(objects, 250_000);
    assert_eq!(rounds, (250_000_usize.div_ceil(30) + 2).div_ceil(12));
}

#[test]
fn a1_r27_a_broadcast_interrogation_is_answered_with_the_real_address() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(100, 1, 6, 0xFFFF, &object(0, &[20])));
    let lines = sent(&mut bench);
    assert!(lines.len() == 5 && lines.iter().all(|line| line.contains("ca=21")), "{lines:?}");
}

#[test]
fn a1_r45_b1_33_an_interrogation_during_one_is_refused() {
    let mut bench = started(&[]);
    for _ in 0..100 {
        bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[20])));
    }
    let mut lines = Vec::new();
    loop {
        let more = sent(&mut bench);
        if more.is_empty() {
            break;
        }
        lines.extend(more);
        let nr = bench.nr;
        bench.rx_s(nr);
    }
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("actcon ca"), count("actcon negative"), count("actterm")), (1, 99, 1));
}

#[test]
fn an_interrogation_can_be_deactivated() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(100, 1, 8, 21, &object(0, &[20])));
    assert_eq!(sent(&mut bench), ["I ns=1 nr=1 C_IC_NA_1 deactcon negative ca=21 ioa=0 qoi=20"]);
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[20])));
    bench.rx_i(&asdu(100, 1, 8, 21, &object(0, &[20])));
    assert_eq!(sent(&mut bench), ["I ns=2 nr=3 C_IC_NA_1 deactcon ca=21 ioa=0 qoi=20"]);
}

#[test]
fn a1_r32_unknown_type_cause_ca_and_ioa_are_mirrored() {
    let mut bench = started(&[]);
    let float = [&[0_u8; 4][..], &[0]].concat();
    let cases = [
        (asdu(104, 1, 6, 21, &object(0, &[0xAA, 0x55])), 44),
        (asdu(122, 1, 6, 21, &object(2002, &[0, 0, 0, 0])), 44),
        (asdu(48, 1, 6, 21, &object(2002, &[0, 0, 0])), 47),
        (asdu(50, 1, 3, 21, &object(2002, &float)), 45),
        (asdu(100, 1, 5, 21, &object(0, &[20])), 45),
        (asdu(50, 1, 6, 22, &object(2002, &float)), 46),
        (asdu(50, 1, 6, 21, &object(9999, &float)), 47),
        (asdu(100, 1, 6, 21, &object(5, &[20])), 47),
    ];
    for (request, cause) in cases {
        bench.rx_i(&request);
        let apdus = bench.tx_bytes();
        let mut mirrored = request.clone();
        mirrored[2] = cause | 0x40;
        assert_eq!(apdus.last().unwrap()[6..], mirrored, "cause {cause}");
        let nr = bench.nr;
        bench.rx_s(nr);
        let told: Vec<Event> = bench.events().into_iter().filter(|event| !matches!(event, Event::Suspicious(_))).collect();
        assert!(matches!(told[..], [Event::Refused { .. }]));
    }
    assert_eq!(bench.closed(), None);
}

#[test]
fn a1_r31_b1_25_every_type_that_is_not_served_is_answered_with_44() {
    let mut bench = started(&[]);
    for type_id in (0..=255_u8).filter(|t| !matches!(t, 45..=51 | 58..=64 | 100..=103 | 105 | 107 | 110..=113)) {
        bench.rx_i(&asdu(type_id, 1, 6, 21, &object(1, &[0])));
        let apdus = bench.tx_bytes();
        let answer = AsduView::parse(&apdus.last().unwrap()[6..]).unwrap();
        assert_eq!((answer.type_id.0, answer.cot.cause.0, answer.cot.negative), (type_id, 44, true));
        let nr = bench.nr;
        bench.rx_s(nr);
    }
    assert_eq!(received(&mut bench), []);
}

#[test]
fn b1_27_b1_28_bad_causes_and_addresses_move_nothing() {
    let mut bench = started(&[]);
    for cause in [0_u8, 1, 7, 9, 10, 20, 48, 63] {
        bench.rx_i(&asdu(45, 1, cause, 21, &object(2000, &[1])));
    }
    for ca in [0, 0xFFFF] {
        bench.rx_i(&asdu(45, 1, 6, ca, &object(2000, &[1])));
    }
    assert_eq!(received(&mut bench), []);
    let lines = sent(&mut bench);
    assert_eq!(lines.iter().filter(|line| line.contains("unknown-cause negative")).count(), 8);
    assert_eq!(lines.iter().filter(|line| line.contains("unknown-ca negative")).count(), 2);
}

#[test]
fn b1_22_b1_23_malformed_commands_close_and_are_evidence() {
    for (vsq, body) in [(127, object(2000, &[1])), (0x81, vec![]), (1, vec![1])] {
        let mut bench = started(&[]);
        bench.rx_i(&asdu(45, vsq, 6, 21, &body));
        assert!(bench.closed().unwrap().1.starts_with("malformed: "));
        assert_eq!((received(&mut bench).len(), bench.frames.len()), (0, 1));
    }
    // Well formed, but a command has one object.
    let mut bench = started(&[]);
    bench.rx_i(&asdu(45, 2, 6, 21, &[object(2000, &[1]), object(2000, &[0])].concat()));
    assert!(received(&mut bench).is_empty());
    assert!(sent(&mut bench)[0].contains("actcon negative"));
}

#[test]
fn r22_a1_r49_clock_synchronisation_is_refused_or_answered_with_our_time() {
    let theirs = [0, 0, 0, 0, 1, 1, 20];
    let mut bench = started(&[]);
    bench.rx_i(&asdu(103, 1, 6, 21, &object(0, &theirs)));
    assert!(sent(&mut bench)[0].contains("C_CS_NA_1 actcon negative"));
    let mut bench = started(&[("clock", text("answer"))]);
    bench.rx_i(&asdu(103, 1, 6, 0xFFFF, &object(0, &theirs)));
    assert_eq!(sent(&mut bench), ["I ns=1 nr=1 C_CS_NA_1 actcon ca=21 ioa=0 2026-04-01T10:00:00.000"]);
}

#[test]
fn a1_r50_a_test_command_is_mirrored() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(107, 1, 6, 21, &object(0, &[0x55, 0xAA, 1, 2, 3, 4, 5, 6, 26])));
    assert!(sent(&mut bench)[0].contains("C_TS_TA_1 actcon ca=21 ioa=0 tsc=0xaa55 2026-06-05T04:03:00.513"));
}

// Commands.

#[test]
fn a1_r53_a1_r54_a_direct_command_is_handed_on_and_answered_with_its_own_octets() {
    let mut bench = started(&[]);
    let mut request = asdu(50, 1, 6, 21, &object(2002, &DIRECT));
    request[3] = 9;
    bench.rx_i(&request);
    let command = received(&mut bench).remove(0);
    assert_eq!((command.point, command.action, command.mode), (PointId(2), Action::Set(210.0), CommandMode::Direct));
    assert_eq!((command.connection, command.frame, command.originator, command.test), (1, 1, 9, false));
    assert!(sent(&mut bench).is_empty(), "no answer of our own");
    bench.request(Request::Answer { token: command.token, answer: Answer::Confirm });
    let apdus = bench.tx_bytes();
    let con: Vec<_> = apdus.iter().filter(|apdu| apdu[2] & 1 == 0).collect();
    request[2] = 7;
    assert_eq!(con[0][6..], request);
    bench.request(Request::Publish(vec![Publish { return_info: true, ..event(0, true, 1) }]));
    bench.request(Request::Answer { token: command.token, answer: Answer::Terminate });
    let lines = sent(&mut bench);
    assert!(lines[0].contains("M_SP_TB_1 retrem"), "return information goes before the termination (R15): {lines:?}");
    assert!(lines[1].contains("C_SE_NC_1 actterm oa=9 ca=21 ioa=2002 210.0"), "{lines:?}");
    bench.request(Request::Answer { token: command.token, answer: Answer::Terminate });
    assert!(bench.tx().is_empty(), "settled");
}

#[test]
fn r15_refusal_is_negative_and_silence_is_silence() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(50, 1, 6, 21, &object(2002, &DIRECT)));
    let token = received(&mut bench)[0].token;
    bench.request(Request::Answer { token, answer: Answer::Refuse(Refusal::default()) });
    assert!(sent(&mut bench)[0].contains("actcon negative"));
    bench.rx_i(&asdu(50, 1, 6, 21, &object(2002, &DIRECT)));
    let token = received(&mut bench)[0].token;
    bench.request(Request::Answer { token, answer: Answer::Confirm });
    sent(&mut bench);
    bench.request(Request::Answer { token, answer: Answer::Silence });
    bench.request(Request::Answer { token, answer: Answer::Terminate });
    assert!(sent(&mut bench).is_empty());
}

#[test]
fn r04_a1_r52_a_select_is_refused_where_it_is_not_served() {
    let mut bench = started(&[("select", text("refuse"))]);
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x81])));
    assert_eq!(received(&mut bench), []);
    assert_eq!(sent(&mut bench), ["I ns=1 nr=1 C_SC_NA_1 actcon negative ca=21 ioa=2000 on select"]);
}

#[test]
fn a1_r56_a_second_command_of_a_point_in_progress_is_refused() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(50, 1, 6, 21, &object(2002, &DIRECT)));
    bench.rx_i(&asdu(50, 1, 6, 21, &object(2002, &DIRECT)));
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[1])));
    assert_eq!(received(&mut bench).len(), 2, "another point is free");
    assert_eq!(sent(&mut bench), ["I ns=1 nr=3 C_SE_NC_1 actcon negative ca=21 ioa=2002 210.0"]);
}

#[test]
fn a1_r36_a1_r57_b1_30_b1_31_values_without_meaning_are_refused_never_clamped() {
    let mut bench = started(&[]);
    let set = |value: f32, qos: u8| asdu(50, 1, 6, 21, &object(2002, &[&value.to_le_bytes()[..], &[qos]].concat()));
    let bad = [
        set(f32::NAN, 0),
        set(f32::INFINITY, 0),
        set(f32::NEG_INFINITY, 0),
        set(1.0, 1),
        asdu(46, 1, 6, 21, &object(2001, &[0])),
        asdu(46, 1, 6, 21, &object(2001, &[3])),
        asdu(45, 1, 6, 21, &object(2000, &[1 | 4 << 2])),
        // A single command to a double command's address.
        asdu(45, 1, 6, 21, &object(2001, &[1])),
    ];
    for request in &bad {
        bench.rx_i(request);
    }
    assert_eq!(received(&mut bench), []);
    let lines = sent(&mut bench);
    assert_eq!(lines.iter().filter(|line| line.contains("actcon negative")).count(), 7, "{lines:?}");
    assert!(lines[7].contains("unknown-ioa negative"));
    bench.rx_i(&set(f32::MIN_POSITIVE / 2.0, 64));
    let command = received(&mut bench).remove(0);
    assert_eq!((command.action, command.qualifier), (Action::Set(f64::from(f32::MIN_POSITIVE / 2.0)), 64));
}

#[test]
fn a1_r55_b1_29_time_tagged_commands_must_be_fresh() {
    let set = |time: [u8; 7]| asdu(63, 1, 6, 21, &object(2004, &[&DIRECT[..], &time].concat()));
    let cases = [
        ([0, 0, 0, 10, 1, 4, 26], true),
        ([0x88, 0x13, 0, 10, 1, 4, 26], true),     // 5 s ahead
        ([0, 0, 59, 9, 1, 4, 26], false),          // a minute old
        ([0, 0, 1, 10, 1, 4, 26], false),          // a minute ahead
        ([0, 0, 0x80, 10, 1, 4, 26], false),       // IV
        ([0xFF, 0xFF, 63, 31, 0, 15, 127], false), // no time at all
    ];
    for (time, fresh) in cases {
        let mut bench = started(&[]);
        bench.rx_i(&set(time));
        let commands = received(&mut bench);
        assert_eq!(commands.len() == 1, fresh, "{time:?}");
        assert_eq!(sent(&mut bench).iter().any(|line| line.contains("actcon negative")), !fresh);
        if fresh {
            assert!(commands[0].tagged.is_some_and(|tag| tag.flags == TimeFlags(0)));
        }
    }
}

#[test]
fn a1_r30_a_test_command_carries_its_mark() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(45, 1, 6 | 0x80, 21, &object(2000, &[1])));
    let command = received(&mut bench).remove(0);
    assert!(command.test);
    bench.request(Request::Answer { token: command.token, answer: Answer::Confirm });
    assert_eq!(sent(&mut bench), ["I ns=1 nr=1 C_SC_NA_1 actcon test ca=21 ioa=2000 on"]);
}

#[test]
fn a1_r52_a_deactivation_is_handed_on_and_confirmed() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(50, 1, 8, 21, &object(2002, &DIRECT)));
    let command = received(&mut bench).remove(0);
    assert_eq!(command.mode, CommandMode::Cancel);
    bench.request(Request::Answer { token: command.token, answer: Answer::Confirm });
    assert_eq!(sent(&mut bench), ["I ns=1 nr=1 C_SE_NC_1 deactcon ca=21 ioa=2002 210.0"]);
}

#[test]
fn answers_to_a_closed_connection_are_dropped() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(50, 1, 6, 21, &object(2002, &DIRECT)));
    let token = received(&mut bench)[0].token;
    bench.close();
    bench.request(Request::Answer { token, answer: Answer::Confirm });
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.request(Request::Answer { token, answer: Answer::Terminate });
    assert_eq!(bench.tx(), ["U STARTDT con"]);
    bench.rx_i(&asdu(50, 1, 6, 21, &object(2002, &DIRECT)));
    assert_eq!(received(&mut bench).len(), 1, "the point is not busy for ever");
}

#[test]
fn a1_r52_relayed_selects_bind_their_execute() {
    let params = Params { select: SelectPolicy::Relay, ..Params::from_fields(&spec(Role::Server, &[]).params) };
    let mut bench = Bench::new(Controlled::with_params(&spec(Role::Server, &[]), params));
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.forget();
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x01])));
    assert_eq!(received(&mut bench), [], "no execute without select");
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x81])));
    let select = received(&mut bench).remove(0);
    assert_eq!(select.mode, CommandMode::Select);
    bench.request(Request::Answer { token: select.token, answer: Answer::Confirm });
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x01])));
    assert_eq!(received(&mut bench)[0].mode, CommandMode::Execute);
    // A select that nobody executes lapses by name.
    bench.rx_i(&asdu(46, 1, 6, 21, &object(2001, &[0x82])));
    let select = received(&mut bench).remove(0);
    bench.request(Request::Answer { token: select.token, answer: Answer::Confirm });
    bench.events();
    let mut lapsed = Vec::new();
    for _ in 0..35 {
        bench.pass_ms(1000);
        let lines = bench.tx();
        let nr = bench.nr;
        bench.rx_s(nr);
        if lines.iter().any(|line| line == "U TESTFR act") {
            bench.rx_u(Function::TestCon);
        }
        lapsed.extend(bench.events());
    }
    assert_eq!(lapsed, [Event::SelectLapsed(PointId(1))]);
}

#[test]
fn a1_r52_r04_a_selection_that_a_wrong_execute_used_up_is_told_at_once() {
    let params = Params { select: SelectPolicy::Relay, ..Params::from_fields(&spec(Role::Server, &[]).params) };
    let mut bench = Bench::new(Controlled::with_params(&spec(Role::Server, &[]), params));
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.forget();
    let select = |bench: &mut Bench<Controlled>| {
        bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x81])));
        let select = received(bench).remove(0);
        bench.request(Request::Answer { token: select.token, answer: Answer::Confirm });
        bench.forget();
    };
    let lapsed = |bench: &mut Bench<Controlled>| {
        let events = bench.events();
        assert!(!events.iter().any(|event| matches!(event, Event::CommandReceived(_))), "nothing is handed on: {events:?}");
        events.iter().filter(|event| matches!(event, Event::SelectLapsed(PointId(0)))).count()
    };
    // Off where on was selected.
    select(&mut bench);
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x00])));
    assert_eq!(lapsed(&mut bench), 1);
    assert!(sent(&mut bench)[0].contains("actcon negative"));
    // It is told once: the right execute comes too late, and no timer of the selection runs any more.
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x01])));
    assert_eq!(lapsed(&mut bench), 0);
    // What another originator executes leaves the selection as it is.
    select(&mut bench);
    let mut foreign = asdu(45, 1, 6, 21, &object(2000, &[0x01]));
    foreign[3] = 9;
    bench.rx_i(&foreign);
    assert_eq!(lapsed(&mut bench), 0);
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x01])));
    assert_eq!(received(&mut bench)[0].mode, CommandMode::Execute);
}

#[test]
fn a_command_is_acknowledged_as_soon_as_it_is_durable() {
    let mut bench = started(&[]);
    bench.durable = false;
    bench.rx_i(&asdu(50, 1, 6, 21, &object(2002, &DIRECT)));
    assert!(bench.tx().is_empty());
    bench.session.handle_durable(1, 1, bench.now);
    assert_eq!(bench.tx(), ["S nr=1"]);
}

#[test]
fn requests_without_acknowledging_their_answers_close() {
    let mut bench = started(&[]);
    let mut closed = None;
    for _ in 0..2000 {
        bench.rx_i(&asdu(107, 1, 6, 21, &object(0, &[0; 9])));
        let acknowledged = bench.nr;
        bench.tx();
        bench.nr = acknowledged;
        closed = closed.or(bench.closed());
    }
    assert_eq!(closed.unwrap().1, "peer misbehaved: requests are sent and their answers not acknowledged");
}

// Publishing.

#[test]
fn events_go_before_analogues_in_order_and_are_packed() {
    let mut bench = started(&[]);
    let double = value(10, Value::Double(DoublePoint::On), PublishClass::Event(3));
    bench.request(Request::Publish(vec![latest(20, 1.5), event(0, true, 1), event(1, true, 2), double, event(0, false, 4)]));
    assert_eq!(
        bench.tx(),
        [
            "I ns=1 nr=0 M_SP_TB_1 spont ca=21\n  ioa=100 on 2026-04-01T10:00:00.000\n  ioa=101 on 2026-04-01T10:00:00.000",
            "I ns=2 nr=0 M_DP_NA_1 spont ca=21\n  ioa=200 on",
            "I ns=3 nr=0 M_SP_TB_1 spont ca=21\n  ioa=100 off 2026-04-01T10:00:00.000",
            "I ns=4 nr=0 M_ME_TF_1 spont ca=21\n  ioa=1000 1.5 2026-04-01T10:00:00.000",
        ]
    );
    assert!(bench.events().is_empty());
    bench.rx_s(2);
    assert_eq!(bench.events(), [Event::Delivered(2)]);
    bench.rx_s(5);
    assert_eq!(bench.events(), [Event::Delivered(4)]);
}

#[test]
fn a1_r18_a1_r60_unacknowledged_events_are_sent_again_analogues_with_their_newest_value() {
    let mut bench = started(&[]);
    bench.request(Request::Publish((1..=3).map(|n| event((n % 4) as u32, true, n)).collect()));
    bench.request(Request::Publish(vec![latest(20, 1.0)]));
    assert_eq!(bench.tx().len(), 2);
    bench.close();
    bench.request(Request::Publish(vec![latest(20, 2.0), event(0, false, 4)]));
    bench.open();
    bench.rx_u(Function::StartAct);
    let lines = bench.tx();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let ioas: Vec<&str> = lines[1].lines().skip(1).map(|line| &line[2..12]).collect();
    assert_eq!(ioas, ["ioa=101 on", "ioa=102 on", "ioa=103 on", "ioa=100 of"]);
    assert!(lines[2].contains("ioa=1000 2.0"));
    bench.events();
    bench.rx_s(2);
    assert_eq!(bench.events(), [Event::Delivered(4)]);
}

#[test]
fn r16_analogues_coalesce_and_events_do_not() {
    let mut bench = started(&[("k", Field::Int(2)), ("w", Field::Int(1))]);
    for n in 0..50_u64 {
        bench.request(Request::Publish(vec![latest(20, n as f32), event(0, n % 2 == 0, n + 1)]));
    }
    let mut lines = Vec::new();
    loop {
        let more = bench.tx();
        assert!(more.len() <= 2, "k");
        if more.is_empty() {
            break;
        }
        lines.extend(more);
        let nr = bench.nr;
        bench.rx_s(nr);
    }
    let text = lines.join("\n");
    assert_eq!(text.matches("ioa=100 ").count(), 50);
    assert_eq!(text.matches("ioa=1000 ").count(), 1);
    assert!(text.contains("ioa=1000 49.0"));
    assert_eq!(bench.events().last(), Some(&Event::Delivered(50)));
}

#[test]
fn a1_r60_the_event_window_is_bounded_and_says_so() {
    let mut bench = bench(&[]);
    let limit = outbox::EVENT_WINDOW as u64;
    bench.request(Request::Publish((1..=limit + 10).map(|n| event(0, n % 2 == 0, n)).collect()));
    let events = bench.events();
    assert_eq!(events.len(), 1);
    assert!(matches!(&events[0], Event::Refused { what } if what.contains("event window full")));
}

#[test]
fn events_that_only_refresh_are_delivered_with_what_is_before_them() {
    let mut bench = started(&[]);
    bench.request(Request::Publish(vec![Publish { spontaneous: false, ..event(0, true, 1) }]));
    assert_eq!(bench.events(), [Event::Delivered(1)]);
    bench.request(Request::Publish(vec![event(0, false, 2), Publish { spontaneous: false, ..event(1, true, 3) }]));
    bench.tx();
    let nr = bench.nr;
    bench.rx_s(nr);
    assert_eq!(bench.events(), [Event::Delivered(3)]);
}

#[test]
fn r19_quality_and_time_go_out_as_they_came() {
    let mut bench = started(&[]);
    let published = |quality, time| Publish { quality, time, ..latest(20, 5.0) };
    let good = Timestamp::by_device(Utc(UTC_START_NS));
    let cases = [
        (Quality::GOOD.stale(), good, "5.0 NT 2026-04-01T10:00:00.000"),
        (Quality::NEVER_READ, good, "5.0 IV NT 2026-04-01T10:00:00.000"),
        (Quality::GOOD.worsened(Validity::Questionable, Detail::OVERFLOW), good, "5.0 OV 2026-04-01T10:00:00.000"),
        (Quality::GOOD.worsened(Validity::Good, Detail::SUBSTITUTED), good, "5.0 SB 2026-04-01T10:00:00.000"),
        (Quality::GOOD.worsened(Validity::Questionable, Detail::OPERATOR_BLOCKED), good, "5.0 BL 2026-04-01T10:00:00.000"),
        (Quality::GOOD, Timestamp::at_receipt(good.utc), "5.0 2026-04-01T10:00:00.000 GEN"),
        (Quality::GOOD, Timestamp { flags: TimeFlags::INVALID, ..good }, "5.0 2026-04-01T10:00:00.000 time-IV"),
    ];
    for (quality, time, expected) in cases {
        bench.request(Request::Publish(vec![published(quality, time)]));
        let lines = bench.tx();
        assert!(lines[0].ends_with(&format!("ioa=1000 {expected}")), "{} is not {expected}", lines[0]);
        let nr = bench.nr;
        bench.rx_s(nr);
    }
    let test = Quality::GOOD.worsened(Validity::Good, Detail::TEST);
    bench.request(Request::Publish(vec![published(test, good)]));
    assert!(bench.tx()[0].contains("M_ME_TF_1 spont test ca=21"));
}

#[test]
fn values_that_do_not_fit_their_type_go_out_invalid() {
    let mut bench = started(&[]);
    let cases = [
        (0, Value::Int(7), "off IV"),
        (0, Value::Double(DoublePoint::Bad), "off IV"),
        (0, Value::Real(1.0), "on"),
        (10, Value::Real(4.0), "bad IV"),
        (10, Value::Bool(true), "on"),
        (20, Value::Real(1e300), "inf IV OV"),
        (20, Value::Int(12), "12.0"),
    ];
    for (point, v, expected) in cases {
        bench.request(Request::Publish(vec![value(point, v, PublishClass::Latest)]));
        let lines = bench.tx();
        let shown = lines[0].lines().nth(1).unwrap().to_owned();
        assert!(shown.split_once(' ').is_some() && shown.contains(&format!(" {expected}")), "{shown}: {expected}");
        let nr = bench.nr;
        bench.rx_s(nr);
    }
}

#[test]
fn a1_r42_the_links_zone_shapes_the_tag() {
    let mut link = spec(Role::Server, &[]);
    link.zone = bridge_model::Zone::Ist;
    let mut bench = Bench::new(Controlled::new(&link));
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.request(Request::Publish(vec![latest(20, 1.0)]));
    assert!(bench.tx().iter().any(|line| line.ends_with("2026-04-01T15:30:00.000")));
}

#[test]
fn unserved_points_and_foreign_requests_are_said() {
    let mut bench = started(&[]);
    bench.request(Request::Publish(vec![latest(999, 1.0)]));
    bench.request(Request::Interrogate);
    let command = bench.command(2, Action::Set(1.0), CommandMode::Direct, 1000);
    bench.request(Request::Command(command));
    let events = bench.events();
    assert!(matches!(events[..], [Event::Refused { .. }, Event::InterrogationFailed, Event::Settled { .. }]), "{events:?}");
    assert!(bench.tx().is_empty());
}

#[test]
fn changes_and_an_interrogation_take_turns() {
    let mut bench = started(&[("k", Field::Int(1)), ("w", Field::Int(1))]);
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[20])));
    let mut kinds = Vec::new();
    for n in 0..8_u8 {
        bench.request(Request::Publish(vec![latest(20, f32::from(n))]));
        for apdu in bench.tx_bytes().iter().filter(|apdu| apdu[2] & 1 == 0) {
            kinds.push(describe(apdu).split(' ').nth(3).unwrap().to_owned());
        }
        let nr = bench.nr;
        bench.rx_s(nr);
    }
    assert_eq!(kinds, ["C_IC_NA_1", "M_ME_TF_1", "M_SP_NA_1", "M_ME_TF_1", "M_DP_NA_1", "M_ME_TF_1", "M_ME_NC_1", "M_ME_TF_1"]);
}

/// R20: what is past is sent as it was; what an interrogation reads, and what waits to be told of the point, stays.
#[test]
fn r20_a1_r45_a_past_event_is_sent_and_does_not_move_the_image() {
    let mut bench = started(&[]);
    let told = value(0, Value::Bool(true), PublishClass::Latest);
    let told = Publish { time: Timestamp::at_receipt(told.time.utc), ..told };
    let past = Publish { time: Timestamp::by_device(Utc(UTC_START_NS - 600_000_000_000)), ..event(0, false, 1) };
    let past = Publish { class: PublishClass::Past(1), ..past };
    bench.request(Request::Publish(vec![told, past]));
    let lines = sent(&mut bench);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("ioa=100 off 2026-04-01T09:50:00.000"), "{lines:?}");
    assert!(lines[1].contains("ioa=100 on "), "what waited of the point is newer: {lines:?}");
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[20])));
    let lines = sent(&mut bench);
    assert!(lines[1].contains("M_SP_NA_1 inrogen ca=21\n  ioa=100 on\n"), "{lines:?}");
    let nr = bench.nr;
    bench.rx_s(nr);
    assert_eq!(bench.events(), [Event::Delivered(1)]);
}

//! What is answered with which cause, address and test bit; and what a flood of requests may hold.

use bridge_model::{CommandMode, PointId, Quality, Timestamp, Utc, Value};
use bridge_session::{AddressUse, Answer, CommandToken, Field, LinkPoint, LinkSpec, Publish, PublishClass, Role};

use super::*;
use crate::test_kit::*;

fn point(id: u32, usage: AddressUse, ca: i64, ioa: i64, ti: &str, more: &[(&str, Field)]) -> LinkPoint {
    let mut address = fields(&[("ca", Field::Int(ca)), ("ioa", Field::Int(ioa)), ("ti", text(ti))]);
    address.extend(fields(more));
    LinkPoint { point: PointId(id), usage, address }
}

/// Two stations behind one link, CA 21 and 22.
fn two_stations(params: &[(&str, Field)]) -> LinkSpec {
    let points = vec![
        point(0, AddressUse::Monitor, 21, 1, "M_SP_TB_1", &[]),
        point(1, AddressUse::Monitor, 21, 2, "M_ST_NA_1", &[("cyclic", text("10s"))]),
        point(2, AddressUse::Monitor, 21, 3, "M_ME_NC_1", &[("cyclic", text("10s"))]),
        point(3, AddressUse::Monitor, 21, 4, "M_BO_TB_1", &[]),
        point(4, AddressUse::Monitor, 21, 5, "M_IT_NA_1", &[]),
        point(5, AddressUse::Monitor, 21, 6, "M_EP_TD_1", &[]),
        point(6, AddressUse::Monitor, 22, 1, "M_SP_NA_1", &[]),
        point(7, AddressUse::Monitor, 21, 7, "M_ME_TF_1", &[]),
        point(0, AddressUse::Control, 21, 2000, "C_SC_NA_1", &[]),
    ];
    LinkSpec { points, ..spec(Role::Server, params) }
}

fn started(params: &[(&str, Field)]) -> Bench<Controlled> {
    let mut bench = Bench::new(Controlled::new(&two_stations(params)));
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.tx();
    let nr = bench.nr;
    bench.rx_s(nr);
    bench.forget();
    bench
}

/// What is sent besides S frames, acknowledged, without sequence numbers.
fn sent(bench: &mut Bench<Controlled>) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let lines = bench.tx();
        if lines.is_empty() {
            return all;
        }
        let nr = bench.nr;
        bench.rx_s(nr);
        let asdus = lines.iter().filter(|line| line.starts_with("I "));
        all.extend(asdus.map(|line| line.splitn(4, ' ').nth(3).unwrap_or_default().to_owned()));
    }
}

fn publish(point: u32, value: Value, return_info: bool) -> Request {
    let time = Timestamp::by_device(Utc(UTC_START_NS));
    let class = PublishClass::Latest;
    Request::Publish(vec![Publish { point: PointId(point), value, quality: Quality::GOOD, time, class, spontaneous: true, return_info }])
}

/// The T bit on an activation.
const TEST_ACT: u8 = 0x86;

#[test]
fn a1_r30_a_test_changes_no_counter_no_parameter_and_resets_nothing() {
    let mut bench = started(&[("allow", text("counter_freeze, reset, parameters")), ("counters", text("D"))]);
    bench.request(publish(4, Value::Int(5), false));
    sent(&mut bench);
    // Freeze: confirmed and terminated with T, and mode D has nothing frozen to tell.
    bench.rx_i(&asdu(101, 1, TEST_ACT, 21, &object(0, &[0x45])));
    let lines = sent(&mut bench);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("C_CI_NA_1 actcon test") && lines[1].starts_with("C_CI_NA_1 actterm test"), "{lines:?}");
    // Reset: confirmed, and no end of initialisation follows.
    bench.rx_i(&asdu(105, 1, TEST_ACT, 21, &object(0, &[1])));
    assert_eq!(sent(&mut bench), ["C_RP_NA_1 actcon test ca=21 ioa=0 qrp=1"]);
    // A threshold: confirmed, and nothing is there to be activated.
    let element = [&1_f32.to_le_bytes()[..], &[0x81]].concat();
    bench.rx_i(&asdu(112, 1, TEST_ACT, 21, &object(3, &element)));
    bench.rx_i(&asdu(113, 1, 6, 21, &object(3, &[2])));
    let lines = sent(&mut bench);
    assert!(lines[0].starts_with("P_ME_NC_1 actcon test") && lines[1].starts_with("P_AC_NA_1 actcon negative"), "{lines:?}");
}

#[test]
fn a1_r27_negative_answers_to_all_stations_carry_real_addresses_too() {
    let mut bench = started(&[]);
    let refused = [
        asdu(100, 1, 6, 0xFFFF, &object(0, &[50])),
        asdu(103, 1, 6, 0xFFFF, &object(0, &[0; 7])),
        asdu(105, 1, 6, 0xFFFF, &object(0, &[1])),
    ];
    for request in refused {
        bench.rx_i(&request);
        let lines = sent(&mut bench);
        assert!(
            lines.len() == 2 && lines[0].contains("actcon negative ca=21 ") && lines[1].contains("actcon negative ca=22 "),
            "{lines:?}"
        );
    }
    let mut bench = started(&[("allow", text("reset"))]);
    bench.rx_i(&asdu(105, 1, 6, 0xFFFF, &object(0, &[1])));
    let lines = sent(&mut bench);
    assert!(lines[0].starts_with("C_RP_NA_1 actcon ca=21") && lines[1].starts_with("C_RP_NA_1 actcon ca=22"), "{lines:?}");
    assert!(lines[2].starts_with("M_EI_NA_1 init ca=21") && lines[3].starts_with("M_EI_NA_1 init ca=22"), "{lines:?}");
}

#[test]
fn a1_r45_stations_behind_one_link_are_interrogated_side_by_side() {
    let mut bench = started(&[]);
    for ca in [21, 22, 22] {
        bench.rx_i(&asdu(100, 1, 6, ca, &object(0, &[20])));
    }
    let lines = sent(&mut bench);
    let at = |what: &str| lines.iter().position(|line| line.starts_with(what)).unwrap_or_else(|| panic!("{what}: {lines:?}"));
    // Both confirmed before the first value; each ended after its own values; the second of one station refused.
    assert!(at("C_IC_NA_1 actcon ca=22") < at("M_SP_NA_1 inrogen ca=21"));
    assert!(at("M_SP_NA_1 inrogen ca=22") < at("C_IC_NA_1 actterm ca=22"));
    assert_eq!(lines.iter().filter(|line| line.contains("actcon negative ca=22")).count(), 1);
    assert_eq!(lines.iter().filter(|line| line.contains("actterm")).count(), 2);
    // A deactivation ends its own station's.
    for (ca, cause) in [(21, 6), (22, 6), (21, 8)] {
        bench.rx_i(&asdu(100, 1, cause, ca, &object(0, &[20])));
    }
    let lines = sent(&mut bench);
    assert!(lines.iter().any(|line| line.starts_with("C_IC_NA_1 deactcon ca=21")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("C_IC_NA_1 actterm ca=22")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("actterm ca=21")), "{lines:?}");
}

#[test]
fn a1_r48_a_counter_and_an_event_are_not_read_one_by_one() {
    let mut bench = started(&[]);
    for (ioa, answer) in
        [(1, "M_SP_TB_1 req"), (3, "M_ME_NC_1 req"), (5, "C_RD_NA_1 unknown-ioa negative"), (6, "C_RD_NA_1 unknown-ioa negative")]
    {
        bench.rx_i(&asdu(102, 1, 5, 21, &object(ioa, &[])));
        let lines = sent(&mut bench);
        assert!(lines.len() == 1 && lines[0].starts_with(answer), "{lines:?}");
    }
    // A read carries one address.
    bench.rx_i(&asdu(102, 2, 5, 21, &[object(1, &[]), object(3, &[])].concat()));
    assert!(sent(&mut bench)[0].starts_with("C_RD_NA_1 unknown-ioa negative"));
}

#[test]
fn a1_r54_return_information_has_its_cause_where_the_type_has_it() {
    let mut bench = started(&[]);
    bench.request(publish(0, Value::Bool(true), true));
    bench.request(publish(3, Value::Int(7), true));
    bench.request(publish(7, Value::Real32(7.0), true));
    let mut lines = sent(&mut bench);
    lines.sort();
    assert!(lines[0].starts_with("M_BO_TB_1 spont") && lines[1].starts_with("M_ME_TF_1 spont"), "{lines:?}");
    assert!(lines[2].starts_with("M_SP_TB_1 retrem"), "{lines:?}");
}

#[test]
fn a1_r61_a_step_position_is_told_by_the_clock_as_background() {
    let mut bench = started(&[]);
    bench.pass_ms(10_000);
    let mut lines = sent(&mut bench);
    lines.sort();
    assert!(lines.iter().any(|line| line.starts_with("M_ME_NC_1 cyclic")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("M_ST_NA_1 background")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("M_ST_NA_1 cyclic")), "{lines:?}");
}

#[test]
fn a1_r52_an_execute_that_is_not_the_selected_one_is_refused() {
    for (execute, originator, wait_ms) in [(0_u8, 0_u8, 0), (1 | 1 << 2, 0, 0), (1, 9, 0), (1, 0, 29_999)] {
        let mut bench = started(&[]);
        bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x81])));
        bench.request(Request::Answer { token: CommandToken(1), answer: Answer::Confirm });
        sent(&mut bench);
        bench.pass_ms(wait_ms);
        bench.forget();
        let mut asdu = asdu(45, 1, 6, 21, &object(2000, &[execute]));
        asdu[3] = originator;
        bench.rx_i(&asdu);
        let events = bench.events();
        let handed = events.iter().find_map(|event| if let Event::CommandReceived(command) = event { Some(command.mode) } else { None });
        if wait_ms > 0 {
            assert_eq!(handed, Some(CommandMode::Execute), "in time");
            continue;
        }
        assert_eq!(handed, None);
        let lines = sent(&mut bench);
        assert!(lines.len() == 1 && lines[0].starts_with("C_SC_NA_1 actcon negative"), "{lines:?}");
    }
}

#[test]
fn requests_whose_answers_are_not_taken_are_bounded() {
    let mut bench = started(&[]);
    for _ in 0..2000 {
        bench.rx_i(&asdu(102, 1, 5, 21, &object(1, &[])));
        if bench.closed().is_some_and(|(_, cause)| cause.contains("answers not acknowledged")) {
            break;
        }
    }
    assert_eq!(bench.ns, 1025, "closed as soon as 1024 wait");
    // Withdrawals: one of a point at a time.
    let mut bench = started(&[]);
    for _ in 0..100 {
        bench.rx_i(&asdu(45, 1, 8, 21, &object(2000, &[0x81])));
    }
    let handed = bench.events().iter().filter(|event| matches!(event, Event::CommandReceived(_))).count();
    assert_eq!(handed, 1);
    assert_eq!(sent(&mut bench).iter().filter(|line| line.contains("deactcon negative")).count(), 99);
}

#[test]
fn a1_r39_only_the_general_reset_is_served_and_the_initialisation_says_what_it_was() {
    let mut bench = Bench::new(Controlled::new(&two_stations(&[("allow", text("reset"))])));
    bench.open();
    bench.rx_u(Function::StartAct);
    let lines = sent(&mut bench);
    assert!(lines.iter().all(|line| line.starts_with("M_EI_NA_1 init ") && line.ends_with("coi=0")), "power on: {lines:?}");
    // Pending events are not cleared because somebody asks for it, and reserved qualifiers mean nothing.
    for qrp in [0, 2, 3, 127, 128, 255] {
        bench.rx_i(&asdu(105, 1, 6, 21, &object(0, &[qrp])));
        assert!(sent(&mut bench)[0].starts_with("C_RP_NA_1 actcon negative"), "qrp {qrp}");
    }
    bench.rx_i(&asdu(105, 1, 6, 21, &object(0, &[1])));
    let lines = sent(&mut bench);
    assert!(lines.len() == 3 && lines[1..].iter().all(|line| line.ends_with("coi=2")), "remote reset: {lines:?}");
}

#[test]
fn a1_r52_what_one_originator_selected_no_other_selects_or_withdraws() {
    let mut bench = started(&[]);
    let from = |originator: u8, cause: u8, octet: u8| {
        let mut asdu = asdu(45, 1, cause, 21, &object(2000, &[octet]));
        asdu[3] = originator;
        asdu
    };
    bench.rx_i(&from(3, 6, 0x81));
    bench.request(Request::Answer { token: CommandToken(1), answer: Answer::Confirm });
    bench.forget();
    for (cause, con) in [(6, "C_SC_NA_1 actcon negative oa=9"), (8, "C_SC_NA_1 deactcon negative oa=9")] {
        bench.rx_i(&from(9, cause, 0x81));
        assert!(!bench.events().iter().any(|event| matches!(event, Event::CommandReceived(_))), "nothing is handed on");
        let lines = sent(&mut bench);
        assert!(lines.len() == 1 && lines[0].starts_with(con), "{lines:?}");
    }
    bench.rx_i(&from(3, 6, 1));
    let events = bench.events();
    assert!(
        events.iter().any(|event| matches!(event, Event::CommandReceived(command) if command.mode == CommandMode::Execute)),
        "{events:?}"
    );
}

#[test]
fn a_flood_of_refusals_is_answered_and_told_in_bounds() {
    let mut bench = started(&[]);
    for _ in 0..1000 {
        bench.rx_i(&asdu(122, 1, 6, 21, &object(1, &[0; 4])));
    }
    assert_eq!(sent(&mut bench).len(), 1000, "each is answered");
    assert_eq!(bench.events().len(), 101, "and not each is told");
}

#[test]
fn a1_r48_a_read_is_answered_before_changes_are_told() {
    let mut bench = started(&[]);
    for round in 0..3_u8 {
        // More changes than k has room for, in types that share no ASDU.
        for value in 0..20_i64 {
            bench.request(publish(3, Value::Int(i64::from(round) * 100 + value), false));
            bench.request(publish(1, Value::Int(value), false));
        }
        if round == 0 {
            bench.rx_i(&asdu(102, 1, 5, 21, &object(3, &[])));
        }
        let lines = bench.tx();
        if let Some(at) = lines.iter().position(|line| line.contains("M_ME_NC_1 req")) {
            assert!(at <= 1, "before the changes: {lines:?}");
            return;
        }
    }
    panic!("the read was never answered");
}

#[test]
fn a1_r46_a_group_of_another_station_is_none_of_this_one() {
    let mut link = two_stations(&[]);
    link.points[0].address.insert("groups".to_owned(), Field::Int(1));
    let mut bench = Bench::new(Controlled::new(&link));
    bench.open();
    bench.rx_u(Function::StartAct);
    sent(&mut bench);
    bench.rx_i(&asdu(100, 1, 6, 22, &object(0, &[21])));
    assert!(sent(&mut bench)[0].starts_with("C_IC_NA_1 actcon negative ca=22"));
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[21])));
    assert!(sent(&mut bench)[1].starts_with("M_SP_NA_1 inro1 ca=21"));
}

//! All types and the functions besides station interrogation and events, seen by a peer whose octets we write.

use bridge_model::{Action, DoublePoint, PointId, Quality, Timestamp, Utc, Value};
use bridge_session::{AddressUse, Answer, Field, LinkPoint, LinkSpec, Publish, PublishClass, Role};

use super::*;
use crate::test_kit::*;

fn point(id: u32, usage: AddressUse, ioa: i64, ti: &str, more: &[(&str, Field)]) -> LinkPoint {
    let mut address = fields(&[("ioa", Field::Int(ioa)), ("ti", text(ti))]);
    address.extend(fields(more));
    LinkPoint { point: PointId(id), usage, address }
}

/// CA 21: one object of every family, some in groups, an object made of bits, and a control of every kind.
fn wide(params: &[(&str, Field)]) -> LinkSpec {
    let group = |list: &str| [("groups", text(list))];
    let points = vec![
        point(0, AddressUse::Monitor, 1, "M_SP_TB_1", &group("1")),
        point(1, AddressUse::Monitor, 2, "M_ST_TB_1", &group("2")),
        point(2, AddressUse::Monitor, 3, "M_BO_TB_1", &[]),
        point(3, AddressUse::Monitor, 4, "M_ME_TD_1", &group("1,16")),
        point(4, AddressUse::Monitor, 5, "M_ME_TE_1", &[("cyclic", text("10s"))]),
        point(5, AddressUse::Monitor, 6, "M_ME_NC_1", &[("min_interval", text("1s"))]),
        point(6, AddressUse::Monitor, 7, "M_IT_TB_1", &group("1")),
        point(7, AddressUse::Monitor, 8, "M_IT_NA_1", &group("2")),
        point(8, AddressUse::Monitor, 9, "M_EP_TD_1", &[]),
        point(9, AddressUse::Monitor, 9, "M_EP_TD_1", &[("part", text("elapsed"))]),
        point(10, AddressUse::Monitor, 10, "M_EP_TE_1", &[]),
        point(11, AddressUse::Monitor, 11, "M_EP_TF_1", &[]),
        point(12, AddressUse::Monitor, 12, "M_PS_NA_1", &[]),
        point(13, AddressUse::Monitor, 13, "M_ME_ND_1", &[]),
        point(14, AddressUse::Monitor, 14, "M_BO_NA_1", &[("bit", Field::Int(0))]),
        point(15, AddressUse::Monitor, 14, "M_BO_NA_1", &[("bit", Field::Int(5))]),
    ];
    let controls = ["C_RC_NA_1", "C_SE_NA_1", "C_SE_NB_1", "C_BO_NA_1", "C_DC_TA_1", "C_RC_TA_1", "C_SE_TA_1", "C_SE_TB_1", "C_BO_TA_1"];
    let controls = controls.iter().zip(0_u32..).map(|(ti, i)| point(i, AddressUse::Control, 2000 + i64::from(i), ti, &[]));
    LinkSpec { points: points.into_iter().chain(controls).collect(), ..spec(Role::Server, params) }
}

fn started(params: &[(&str, Field)]) -> Bench<Controlled> {
    let mut bench = Bench::new(Controlled::new(&wide(params)));
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
    let lines = bench.tx();
    let nr = bench.nr;
    bench.rx_s(nr);
    let asdus = lines.iter().filter(|line| line.starts_with("I ")).map(|line| line.splitn(4, ' ').nth(3).unwrap_or_default().to_owned());
    asdus.collect()
}

fn publish(bench: &mut Bench<Controlled>, point: u32, value: Value) {
    let time = Timestamp::by_device(Utc(UTC_START_NS));
    let class = PublishClass::Latest;
    let one = Publish { point: PointId(point), value, quality: Quality::GOOD, time, class, spontaneous: true, return_info: false };
    bench.request(Request::Publish(vec![one]));
}

const AT: &str = "2026-04-01T10:00:00.000";

#[test]
fn a1_r24_a1_r34_every_family_is_told_in_its_own_type() {
    let mut bench = started(&[]);
    let cases: [(u32, Value, String); 9] = [
        (1, Value::Int(-64), format!("M_ST_TB_1 spont ca=21\n  ioa=2 -64 {AT}")),
        (2, Value::Int(0x8000_0001), format!("M_BO_TB_1 spont ca=21\n  ioa=3 0x80000001 {AT}")),
        (3, Value::Real32(-0.5), format!("M_ME_TD_1 spont ca=21\n  ioa=4 -0.5 {AT}")),
        (4, Value::Real32(-1000.4), format!("M_ME_TE_1 spont ca=21\n  ioa=5 -1000 {AT}")),
        (8, Value::Double(DoublePoint::On), format!("M_EP_TD_1 spont ca=21\n  ioa=9 on 0ms EI {AT}")),
        (10, Value::Int(0x21), format!("M_EP_TE_1 spont ca=21\n  ioa=10 spe=0x21 0ms EI {AT}")),
        (11, Value::Int(0x09), format!("M_EP_TF_1 spont ca=21\n  ioa=11 oci=0x09 0ms EI {AT}")),
        (12, Value::Int(0x0001_0003), "M_PS_NA_1 spont ca=21\n  ioa=12 st=0x0003 cd=0x0001".to_owned()),
        (13, Value::Real(0.25), "M_ME_ND_1 spont ca=21\n  ioa=13 0.25".to_owned()),
    ];
    for (id, value, expected) in cases {
        publish(&mut bench, id, value);
        assert_eq!(sent(&mut bench), [expected]);
    }
}

#[test]
fn a1_r34_a1_r57_values_beyond_their_type_leave_invalid_never_plausible() {
    let mut bench = started(&[]);
    let cases = [
        (1, Value::Int(64), "ioa=2 63 IV OV"),
        (2, Value::Int(-1), "ioa=3 0x00000000 IV OV"),
        (3, Value::Real(1.0), "ioa=4 0.9999695 IV OV"),
        (4, Value::Int(40_000), "ioa=5 32767 IV OV"),
        (4, Value::Real(f64::NAN), "ioa=5 -32768 IV OV"),
    ];
    for (id, value, expected) in cases {
        publish(&mut bench, id, value);
        assert!(sent(&mut bench)[0].contains(expected), "{expected}");
    }
}

#[test]
fn r19_a_value_without_quality_leaves_in_the_type_that_can_say_so() {
    let mut bench = started(&[]);
    let time = Timestamp::by_device(Utc(UTC_START_NS));
    let class = PublishClass::Latest;
    let quality = Quality::GOOD.stale();
    let stale = Publish { point: PointId(13), value: Value::Real(0.25), quality, time, class, spontaneous: true, return_info: false };
    bench.request(Request::Publish(vec![stale]));
    assert_eq!(sent(&mut bench), ["M_ME_NA_1 spont ca=21\n  ioa=13 0.25 NT"]);
}

#[test]
fn bits_of_one_object_are_told_together_with_the_worst_quality() {
    let mut bench = started(&[]);
    publish(&mut bench, 14, Value::Bool(true));
    assert_eq!(sent(&mut bench), ["M_BO_NA_1 spont ca=21\n  ioa=14 0x00000001 IV NT"], "the other bit was never read");
    publish(&mut bench, 15, Value::Bool(true));
    assert_eq!(sent(&mut bench), ["M_BO_NA_1 spont ca=21\n  ioa=14 0x00000021"]);
    publish(&mut bench, 14, Value::Bool(false));
    assert_eq!(sent(&mut bench), ["M_BO_NA_1 spont ca=21\n  ioa=14 0x00000020"]);
}

/// R20: the object keeps its bits and the elapsed time of its event.
#[test]
fn r20_a_past_part_of_an_object_moves_nothing_of_it() {
    let mut bench = started(&[]);
    let past = |point, value, number| {
        let (time, class) = (Timestamp::by_device(Utc(0)), PublishClass::Past(number));
        let quality = Quality::GOOD.stale();
        Request::Publish(vec![Publish { point: PointId(point), value, quality, time, class, spontaneous: true, return_info: false }])
    };
    for (point, value) in [(14, Value::Bool(true)), (15, Value::Bool(true)), (9, Value::Int(300)), (8, Value::Double(DoublePoint::On))] {
        publish(&mut bench, point, value);
    }
    sent(&mut bench);
    bench.request(past(14, Value::Bool(false), 1));
    assert_eq!(sent(&mut bench), ["M_BO_NA_1 spont ca=21\n  ioa=14 0x00000020 NT"], "as it was, beside what else stands");
    bench.request(past(9, Value::Int(700), 2));
    sent(&mut bench);
    publish(&mut bench, 15, Value::Bool(true));
    assert_eq!(sent(&mut bench), ["M_BO_NA_1 spont ca=21\n  ioa=14 0x00000021"]);
    publish(&mut bench, 8, Value::Double(DoublePoint::On));
    assert_eq!(sent(&mut bench), [format!("M_EP_TD_1 spont ca=21\n  ioa=9 on 300ms {AT}")]);
}

#[test]
fn a1_r43_the_elapsed_time_of_an_event_goes_with_it() {
    let mut bench = started(&[]);
    publish(&mut bench, 9, Value::Int(300));
    sent(&mut bench);
    publish(&mut bench, 8, Value::Double(DoublePoint::On));
    assert_eq!(sent(&mut bench), [format!("M_EP_TD_1 spont ca=21\n  ioa=9 on 300ms {AT}")]);
}

fn gi(bench: &mut Bench<Controlled>, qoi: u8) -> Vec<String> {
    bench.rx_i(&asdu(100, 1, 6, 21, &object(0, &[qoi])));
    let mut all = sent(bench);
    loop {
        let more = sent(bench);
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

#[test]
fn a1_r46_groups_are_read_by_their_own_cause() {
    let mut bench = started(&[]);
    publish(&mut bench, 0, Value::Bool(true));
    publish(&mut bench, 3, Value::Real32(0.5));
    sent(&mut bench);
    let first = gi(&mut bench, 21);
    let expected = [
        "C_IC_NA_1 actcon ca=21 ioa=0 qoi=21",
        "M_SP_NA_1 inro1 ca=21\n  ioa=1 on",
        "M_ME_NA_1 inro1 ca=21\n  ioa=4 0.5",
        "C_IC_NA_1 actterm ca=21 ioa=0 qoi=21",
    ];
    assert_eq!(first, expected);
    let sixteen = gi(&mut bench, 36);
    assert_eq!(sixteen.len(), 3);
    assert!(sixteen[1].starts_with("M_ME_NA_1 inro16"), "a point may be in several groups");
}

#[test]
fn a1_r46_a1_r38_empty_groups_and_reserved_qualifiers_are_refused() {
    let mut bench = started(&[]);
    for qoi in [0, 1, 19, 24, 37, 63, 64, 255] {
        assert_eq!(gi(&mut bench, qoi), [format!("C_IC_NA_1 actcon negative ca=21 ioa=0 qoi={qoi}")]);
    }
}

#[test]
fn a1_r45_a_station_interrogation_reads_what_has_an_untagged_type_and_no_counter() {
    let mut bench = started(&[]);
    let text = gi(&mut bench, 20).join("\n");
    for ti in ["M_SP_NA_1", "M_ST_NA_1", "M_BO_NA_1", "M_ME_NA_1", "M_ME_NB_1", "M_ME_NC_1", "M_PS_NA_1"] {
        assert!(text.contains(ti), "{ti}");
    }
    assert!(!text.contains("M_IT") && !text.contains("M_EP"), "{text}");
}

fn ci(bench: &mut Bench<Controlled>, qcc: u8) -> Vec<String> {
    bench.rx_i(&asdu(101, 1, 6, 21, &object(0, &[qcc])));
    sent(bench)
}

#[test]
fn a1_r47_live_counters_are_read_with_their_cause_and_never_frozen() {
    let mut bench = started(&[]);
    publish(&mut bench, 6, Value::Int(1000));
    sent(&mut bench);
    let general = ci(&mut bench, 5);
    assert!(general[0].starts_with("C_CI_NA_1 actcon") && general.last().unwrap().starts_with("C_CI_NA_1 actterm"));
    assert!(general[2].starts_with("M_IT_NA_1 reqcogen ca=21\n  ioa=8 0 sq=0 CA IV"), "never read: {general:?}");
    assert!(general.iter().any(|line| line.starts_with("M_IT_TB_1 reqcogen ca=21\n  ioa=7 1000 sq=0 CA")), "{general:?}");
    let first = ci(&mut bench, 1);
    assert_eq!(first.len(), 3);
    assert!(first[1].starts_with("M_IT_TB_1 reqco1"));
    assert_eq!(ci(&mut bench, 0x45), ["C_CI_NA_1 actcon negative ca=21 ioa=0 rqt=5 freeze"]);
    for reserved in [0, 6, 63] {
        assert!(ci(&mut bench, reserved)[0].contains("actcon negative"));
    }
}

#[test]
fn a1_r47_mode_c_freezes_by_command_and_tells_on_request() {
    let mut bench = started(&[("counters", text("C")), ("allow", text("counter_reset"))]);
    publish(&mut bench, 7, Value::Int(500));
    sent(&mut bench);
    assert!(ci(&mut bench, 2)[1].contains("500 sq=0 CA IV"), "never frozen is invalid");
    let frozen = ci(&mut bench, 0x42);
    assert_eq!(frozen.len(), 2, "a freeze tells nothing by itself: {frozen:?}");
    publish(&mut bench, 7, Value::Int(900));
    sent(&mut bench);
    assert_eq!(ci(&mut bench, 2)[1], "M_IT_NA_1 reqco2 ca=21\n  ioa=8 500 sq=1 CA");
    ci(&mut bench, 0x82);
    assert_eq!(ci(&mut bench, 2)[1], "M_IT_NA_1 reqco2 ca=21\n  ioa=8 900 sq=2");
    publish(&mut bench, 7, Value::Int(950));
    sent(&mut bench);
    ci(&mut bench, 0x42);
    assert_eq!(ci(&mut bench, 2)[1], "M_IT_NA_1 reqco2 ca=21\n  ioa=8 50 sq=3", "from zero since the reset");
}

#[test]
fn a1_r47_a_reset_is_refused_unless_allowed() {
    let mut bench = started(&[("counters", text("C"))]);
    for reset in [0x85, 0xC5] {
        assert!(ci(&mut bench, reset)[0].contains("actcon negative"));
    }
}

#[test]
fn a1_r47_mode_d_freezes_by_command_and_tells_by_itself() {
    let mut bench = started(&[("counters", text("D"))]);
    publish(&mut bench, 6, Value::Int(500));
    sent(&mut bench);
    let lines = ci(&mut bench, 0x41);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().any(|line| line.starts_with("M_IT_TB_1 spont ca=21\n  ioa=7 500 sq=1 CA")), "{lines:?}");
}

#[test]
fn a1_r47_mode_a_freezes_by_the_clock_and_tells_by_itself_mode_b_on_request() {
    let mut bench = started(&[("counters", text("A")), ("freeze_every", text("10s"))]);
    sent(&mut bench);
    for (round, count) in [(1, 100), (2, 130)] {
        publish(&mut bench, 6, Value::Int(count));
        sent(&mut bench);
        bench.rx_u(Function::TestAct);
        bench.pass_ms(10_000);
        let lines = sent(&mut bench);
        let found = lines.iter().any(|line| line.contains(&format!("ioa=7 {count} sq={round}")) && line.contains("spont"));
        assert!(found, "round {round}: {lines:?}");
    }
    let mut bench = started(&[("counters", text("B")), ("freeze_every", text("10s"))]);
    publish(&mut bench, 6, Value::Int(100));
    sent(&mut bench);
    bench.rx_u(Function::TestAct);
    bench.pass_ms(10_000);
    assert!(sent(&mut bench).iter().all(|line| !line.contains("spont")));
    assert!(ci(&mut bench, 1)[1].contains("ioa=7 100 sq="));
    assert!(ci(&mut bench, 0x41)[0].contains("actcon negative"), "commands do not freeze in mode B");
}

#[test]
fn a1_r35_a_counter_that_runs_over_says_carry() {
    let mut bench = started(&[("counters", text("C"))]);
    publish(&mut bench, 7, Value::Int(0x7FFF_FFFF));
    ci(&mut bench, 0x42);
    publish(&mut bench, 7, Value::Int(0x8000_0000));
    ci(&mut bench, 0x42);
    sent(&mut bench);
    assert!(ci(&mut bench, 2)[1].contains("ioa=8 -2147483648 sq=2 CY"));
}

#[test]
fn a1_r35_a1_r34_a_total_that_is_none_leaves_invalid_and_a_wide_one_with_its_low_bits() {
    let mut bench = started(&[]);
    let mut read = |value| {
        publish(&mut bench, 7, value);
        sent(&mut bench);
        let line = ci(&mut bench, 2)[1].clone();
        line.split_once("ioa=8 ").unwrap().1.to_owned()
    };
    let none = [1e30, -1e30, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 9_223_372_036_854_775_808.0, -9.3e18].map(Value::Real);
    for value in none.into_iter().chain([Value::Real32(1e30), Value::Real32(-1e30), Value::Real32(f32::NAN), Value::Bool(true)]) {
        assert_eq!(read(value), "0 sq=0 CA IV", "{value:?}");
    }
    let totals = [
        (Value::Int(i64::from(i32::MAX)), "2147483647 sq=0 CA"),
        (Value::Int(i64::from(i32::MIN)), "-2147483648 sq=0 CA"),
        (Value::Int(1 << 31), "-2147483648 sq=0 CA"),
        (Value::Int((1 << 32) + 5), "5 sq=0 CA"),
        (Value::Int(i64::MAX), "-1 sq=0 CA"),
        (Value::Int(i64::MIN), "0 sq=0 CA"),
        (Value::Real(4_294_967_300.6), "5 sq=0 CA"),
        (Value::Real(-2.5), "-3 sq=0 CA"),
    ];
    for (value, expected) in totals {
        assert_eq!(read(value), expected, "{value:?}");
    }
}

#[test]
fn a1_r35_a_total_that_is_none_is_frozen_as_invalid_and_the_next_one_is_good() {
    let mut bench = started(&[("counters", text("C")), ("allow", text("counter_reset"))]);
    for (value, freeze, expected) in [
        (Value::Real(1e30), 0x42, "0 sq=1 CA IV"),
        (Value::Real(500.0), 0x42, "500 sq=2"),
        (Value::Real(-1e30), 0x82, "0 sq=3 IV"),
        (Value::Real(520.0), 0x42, "520 sq=4"),
    ] {
        publish(&mut bench, 7, value);
        sent(&mut bench);
        ci(&mut bench, freeze);
        let line = ci(&mut bench, 2)[1].clone();
        assert_eq!(line.split_once("ioa=8 ").unwrap().1, expected, "{value:?}: what is no number is no base for a reset either");
    }
}

#[test]
fn a1_r48_one_point_is_read_or_mirrored_with_47() {
    let mut bench = started(&[]);
    publish(&mut bench, 3, Value::Real32(0.5));
    sent(&mut bench);
    bench.rx_i(&asdu(102, 1, 5, 21, &object(4, &[])));
    assert_eq!(sent(&mut bench), [format!("M_ME_TD_1 req ca=21\n  ioa=4 0.5 {AT}")]);
    bench.rx_i(&asdu(102, 1, 5, 21, &object(999, &[])));
    assert_eq!(sent(&mut bench), ["C_RD_NA_1 unknown-ioa negative ca=21 ioa=999"]);
    bench.rx_i(&asdu(102, 1, 6, 21, &object(4, &[])));
    assert_eq!(sent(&mut bench), ["C_RD_NA_1 unknown-cause negative ca=21 ioa=4"]);
}

#[test]
fn r22_a1_r51_reset_process_is_refused_unless_allowed() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(105, 1, 6, 21, &object(0, &[1])));
    assert_eq!(sent(&mut bench), ["C_RP_NA_1 actcon negative ca=21 ioa=0 qrp=1"]);
    let mut bench = started(&[("allow", text("reset"))]);
    bench.rx_i(&asdu(105, 1, 6, 21, &object(0, &[2])));
    assert_eq!(sent(&mut bench), ["C_RP_NA_1 actcon negative ca=21 ioa=0 qrp=2"], "events are never cleared by command");
    bench.rx_i(&asdu(105, 1, 6, 21, &object(0, &[1])));
    let expected = ["C_RP_NA_1 actcon ca=21 ioa=0 qrp=1", "M_EI_NA_1 init ca=21 ioa=0 coi=2"];
    assert_eq!(sent(&mut bench), expected);
}

fn load(bench: &mut Bench<Controlled>, ioa: u32, value: f32, qpm: u8) -> String {
    bench.rx_i(&asdu(112, 1, 6, 21, &object(ioa, &[&value.to_le_bytes()[..], &[qpm]].concat())));
    sent(bench).join("\n")
}

#[test]
fn r22_a1_r58_parameters_are_refused_unless_allowed_and_then_confirmed_and_used() {
    let mut bench = started(&[]);
    assert!(load(&mut bench, 6, 2.0, 1).contains("P_ME_NC_1 actcon negative"));
    let mut bench = started(&[("allow", text("parameters"))]);
    publish(&mut bench, 5, Value::Real32(10.0));
    sent(&mut bench);
    assert_eq!(load(&mut bench, 6, 2.0, 1), "P_ME_NC_1 actcon ca=21 ioa=6 2.0 kpa=1");
    bench.pass_ms(2_000);
    publish(&mut bench, 5, Value::Real32(11.0));
    assert_eq!(sent(&mut bench), [""; 0], "below the loaded threshold");
    publish(&mut bench, 5, Value::Real32(12.5));
    assert_eq!(sent(&mut bench).len(), 1);
}

#[test]
fn a1_r40_a1_r58_parameters_without_meaning_are_refused() {
    let mut bench = started(&[("allow", text("parameters"))]);
    assert!(load(&mut bench, 6, 2.0, 2).contains("actcon negative"), "no smoothing");
    assert!(load(&mut bench, 6, 2.0, 0).contains("actcon negative"), "kind 0 is unused");
    assert!(load(&mut bench, 6, -2.0, 1).contains("actcon negative"), "a negative threshold");
    assert!(load(&mut bench, 999, 2.0, 1).contains("unknown-ioa negative"));
    assert!(load(&mut bench, 5, 2.0, 1).contains("unknown-ioa negative"), "a scaled value has scaled parameters");
    bench.rx_i(&asdu(111, 1, 6, 21, &object(5, &[5, 0, 1])));
    assert_eq!(sent(&mut bench), ["P_ME_NB_1 actcon ca=21 ioa=5 5 kpa=1"]);
    bench.rx_i(&asdu(110, 1, 6, 21, &object(4, &[0, 0x10, 1])));
    assert_eq!(sent(&mut bench), ["P_ME_NA_1 actcon ca=21 ioa=4 0.125 kpa=1"]);
}

#[test]
fn b1_34_a_parameter_that_is_no_number_or_of_an_unknown_object_is_refused() {
    let mut bench = started(&[("allow", text("parameters"))]);
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(load(&mut bench, 6, value, 1).contains("actcon negative"));
        assert!(load(&mut bench, 999, value, 1).contains("negative"));
    }
    assert_eq!(bench.closed(), None);
}

#[test]
fn a1_r40_a1_r58_parameters_wait_for_their_activation() {
    let mut bench = started(&[("allow", text("parameters"))]);
    let activate = |bench: &mut Bench<Controlled>, cause: u8, ioa: u32, qpa: u8| {
        bench.rx_i(&asdu(113, 1, cause, 21, &object(ioa, &[qpa])));
        sent(bench).join("\n")
    };
    assert!(activate(&mut bench, 6, 0, 1).contains("actcon negative"), "nothing is loaded");
    assert!(load(&mut bench, 6, 2.0, 0x81).ends_with("kpa=1 POP"));
    assert_eq!(activate(&mut bench, 6, 6, 2), "P_AC_NA_1 actcon ca=21 ioa=6 qpa=2");
    assert_eq!(activate(&mut bench, 8, 0, 1), "P_AC_NA_1 deactcon ca=21 ioa=0 qpa=1");
    assert!(activate(&mut bench, 6, 0, 4).contains("actcon negative"), "reserved");
    assert!(activate(&mut bench, 6, 6, 3).contains("actcon negative"), "no cycle is configured");
    assert_eq!(activate(&mut bench, 8, 5, 3), "P_AC_NA_1 deactcon ca=21 ioa=5 qpa=3");
    bench.rx_u(Function::TestAct);
    bench.pass_ms(11_000);
    assert!(sent(&mut bench).iter().all(|line| !line.contains("cyclic")), "the cycle was stopped");
    assert_eq!(activate(&mut bench, 6, 5, 3), "P_AC_NA_1 actcon ca=21 ioa=5 qpa=3");
    bench.rx_u(Function::TestAct);
    bench.pass_ms(10_000);
    assert!(sent(&mut bench).iter().any(|line| line.starts_with("M_ME_NB_1 cyclic")));
}

#[test]
fn a1_r61_measurands_are_told_again_by_the_clock() {
    let mut bench = started(&[("background", text("15s"))]);
    publish(&mut bench, 4, Value::Int(7));
    sent(&mut bench);
    bench.rx_u(Function::TestAct);
    bench.pass_ms(10_000);
    assert_eq!(sent(&mut bench), ["M_ME_NB_1 cyclic ca=21\n  ioa=5 7"]);
    bench.pass_ms(5_000);
    let background = sent(&mut bench);
    assert!(background.iter().all(|line| line.contains(" background ")), "{background:?}");
    assert!(background.iter().any(|line| line.contains("ioa=6 0.0 IV NT")), "never read is told honestly");
    assert!(background.iter().all(|line| !line.contains("ioa=5 ")), "cyclic points need no background scan");
}

#[test]
fn a1_r61_a1_r06_cycles_do_not_pile_up_behind_a_closed_window() {
    let mut bench = started(&[("t1", text("255s")), ("k", Field::Int(1)), ("w", Field::Int(1))]);
    publish(&mut bench, 5, Value::Real32(1.0));
    bench.tx();
    for _ in 0..10 {
        bench.rx_u(Function::TestAct);
        bench.pass_ms(10_000);
        assert!(bench.tx().iter().all(|line| !line.contains("cyclic")));
    }
    let nr = bench.nr;
    bench.rx_s(nr);
    assert_eq!(sent(&mut bench).iter().filter(|line| line.contains("cyclic")).count(), 1);
}

#[test]
fn a1_r63_a_storm_of_one_measurand_is_bounded_by_its_interval() {
    let mut bench = started(&[]);
    let mut told = 0;
    for i in 0_u16..300 {
        publish(&mut bench, 5, Value::Real32(f32::from(i)));
        told += sent(&mut bench).len();
        bench.pass_ms(10);
    }
    told += sent(&mut bench).len();
    assert!((3..=4).contains(&told), "{told} in three seconds");
    bench.pass_ms(1_000);
    assert!(sent(&mut bench).last().is_none_or(|line| line.contains("299.0")), "the newest value is told");
}

#[test]
fn a1_r49_only_configured_originators_change_anything() {
    let mut bench = started(&[("originators", text("7")), ("clock", text("answer")), ("allow", text("reset"))]);
    let from = |octets: Vec<u8>, oa: u8| {
        let mut octets = octets;
        octets[3] = oa;
        octets
    };
    let time = [0_u8, 0, 0, 10, 1, 4, 26];
    let set = asdu(49, 1, 6, 21, &object(2002, &[5, 0, 0]));
    for request in [asdu(103, 1, 6, 21, &object(0, &time)), asdu(105, 1, 6, 21, &object(0, &[1])), set.clone()] {
        bench.rx_i(&from(request, 1));
        assert!(sent(&mut bench)[0].contains("actcon negative oa=1"));
    }
    bench.rx_i(&from(asdu(100, 1, 6, 21, &object(0, &[20])), 1));
    assert!(sent(&mut bench)[0].contains("C_IC_NA_1 actcon oa=1"), "reading is everybody's");
    bench.rx_i(&from(set, 7));
    assert!(bench.events().iter().any(|event| matches!(event, Event::CommandReceived(command) if command.originator == 7)));
}

#[test]
fn a1_r53_a1_r57_every_kind_of_control_is_handed_on_in_wire_units() {
    let time = [0_u8, 0, 0, 10, 1, 4, 26];
    let cases: [(u8, u32, Vec<u8>, Action); 8] = [
        (47, 2000, vec![2], Action::Switch(true)),
        (47, 2000, vec![1], Action::Switch(false)),
        (48, 2001, vec![0, 0xC0, 0], Action::Set(-0.5)),
        (49, 2002, vec![0x18, 0xFC, 0], Action::Set(-1000.0)),
        (51, 2003, vec![1, 0, 0, 0x80], Action::Set(2_147_483_649.0)),
        (59, 2004, [&[2][..], &time].concat(), Action::Switch(true)),
        (62, 2007, [&[5, 0, 0][..], &time].concat(), Action::Set(5.0)),
        (64, 2008, [&[5, 0, 0, 0][..], &time].concat(), Action::Set(5.0)),
    ];
    for (type_id, ioa, element, action) in cases {
        let mut bench = started(&[]);
        bench.rx_i(&asdu(type_id, 1, 6, 21, &object(ioa, &element)));
        let received =
            bench.events().into_iter().find_map(|event| if let Event::CommandReceived(command) = event { Some(command) } else { None });
        let received = received.unwrap_or_else(|| panic!("type {type_id}"));
        assert_eq!((received.action, received.point), (action, PointId(ioa - 2000)));
        bench.request(Request::Answer { token: received.token, answer: Answer::Confirm });
        assert!(sent(&mut bench)[0].contains(" actcon "));
    }
}

#[test]
fn b1_31_steps_and_qualifiers_without_meaning_are_refused() {
    let mut bench = started(&[]);
    for (type_id, ioa, element) in [(47, 2000, vec![0]), (47, 2000, vec![3]), (47, 2000, vec![2 | 4 << 2]), (48, 2001, vec![0, 0, 1])] {
        bench.rx_i(&asdu(type_id, 1, 6, 21, &object(ioa, &element)));
        assert!(sent(&mut bench)[0].contains("actcon negative"), "type {type_id} {element:?}");
    }
    assert!(bench.events().iter().all(|event| !matches!(event, Event::CommandReceived(_))));
}

#[test]
fn a1_r56_commands_in_progress_are_bounded_by_configuration() {
    let mut bench = started(&[("max_commands", Field::Int(1))]);
    bench.rx_i(&asdu(49, 1, 6, 21, &object(2002, &[5, 0, 0])));
    bench.rx_i(&asdu(48, 1, 6, 21, &object(2001, &[5, 0, 0])));
    assert_eq!(sent(&mut bench), ["C_SE_NA_1 actcon negative ca=21 ioa=2001 0.00015258789"]);
}

#[test]
fn r04_a1_r52_an_execute_needs_its_select_where_relayed() {
    let mut bench = started(&[("select", text("relay"))]);
    let scaled = |value: u8, qos: u8| asdu(49, 1, 6, 21, &object(2002, &[value, 0, qos]));
    bench.rx_i(&scaled(5, 0));
    assert!(sent(&mut bench)[0].contains("actcon negative"), "no select");
    bench.rx_i(&scaled(5, 0x80));
    let token =
        bench.events().into_iter().find_map(|event| if let Event::CommandReceived(command) = event { Some(command.token) } else { None });
    bench.request(Request::Answer { token: token.unwrap(), answer: Answer::Confirm });
    assert!(sent(&mut bench)[0].contains("actcon ca=21 ioa=2002 5 select"));
    bench.rx_i(&scaled(6, 0));
    assert!(sent(&mut bench)[0].contains("actcon negative"), "another value uses the select up");
    bench.rx_i(&scaled(5, 0));
    assert!(sent(&mut bench)[0].contains("actcon negative"));
}

#[test]
fn a1_r27_broadcasts_of_counters_and_resets_are_answered_with_real_addresses() {
    let mut bench = started(&[("allow", text("reset"))]);
    bench.rx_i(&asdu(101, 1, 6, 0xFFFF, &object(0, &[5])));
    assert!(sent(&mut bench)[0].starts_with("C_CI_NA_1 actcon ca=21"));
    for type_id in [102_u8, 107, 112] {
        let element: &[u8] = match type_id {
            102 => &[],
            107 => &[0; 9],
            _ => &[0; 5],
        };
        let cause = if type_id == 102 { 5 } else { 6 };
        bench.rx_i(&asdu(type_id, 1, cause, 0xFFFF, &object(4, element)));
        assert!(sent(&mut bench)[0].contains("unknown-ca negative"), "type {type_id}");
    }
}

#[test]
fn r15_a1_r54_return_information_goes_before_the_termination() {
    let mut bench = Bench::new(Controlled::new(&spec(
        Role::Server,
        &[("end_of_init", Field::Bool(false)), ("k", Field::Int(3)), ("w", Field::Int(2))],
    )));
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.tx();
    bench.rx_i(&asdu(46, 1, 6, 21, &object(2001, &[2])));
    let token =
        bench.events().into_iter().find_map(|event| if let Event::CommandReceived(command) = event { Some(command.token) } else { None });
    let token = token.unwrap();
    bench.request(Request::Answer { token, answer: Answer::Confirm });
    let time = Timestamp::by_device(Utc(UTC_START_NS));
    let state = |point, class, value, return_info| Publish {
        point: PointId(point),
        value,
        quality: Quality::GOOD,
        time,
        class,
        spontaneous: true,
        return_info,
    };
    let breaker = state(10, PublishClass::Event(1), Value::Double(DoublePoint::On), true);
    let others = (20..30).map(|point| state(point, PublishClass::Latest, Value::Real32(1.0), false));
    let echo = state(31, PublishClass::Latest, Value::Real32(5.0), true);
    bench.request(Request::Publish(std::iter::once(breaker).chain(others).chain([echo]).collect()));
    bench.request(Request::Answer { token, answer: Answer::Terminate });
    let mut all = Vec::new();
    for _ in 0..10 {
        all.extend(sent(&mut bench));
    }
    let place = |text: &str| all.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {all:?}"));
    // A measurand has no cause for return information: it is told first among the changes.
    let (con, event, echo, term) = (place("actcon"), place("M_DP_NA_1 retrem"), place("ioa=1011 5.0"), place("actterm"));
    assert!(con < event && event < term && echo < term, "{all:?}");
}

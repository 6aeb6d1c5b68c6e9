//! All types and the functions besides station interrogation and commands, from octets written by hand.

use bridge_model::{Action, Command, CommandMode, Detail, DoublePoint, Mono, NotOperatedWhy, Outcome, PointId, Validity, Value};
use bridge_session::{AddressUse, CounterFreeze, Field, Housekeeping, HousekeepingOutcome, LinkPoint, LinkSpec, Parameter, Role};

use super::*;
use crate::test_kit::*;
use crate::{Cause, TypeId};

fn point(id: u32, usage: AddressUse, ioa: i64, ti: &str, more: &[(&str, Field)]) -> LinkPoint {
    let mut address = fields(&[("ioa", Field::Int(ioa)), ("ti", text(ti))]);
    address.extend(fields(more));
    LinkPoint { point: PointId(id), usage, address }
}

/// CA 21, one point of every family and one control of every kind.
fn wide(params: &[(&str, Field)]) -> LinkSpec {
    let monitored = [
        (0, 1, "M_ST_TB_1"),
        (1, 2, "M_BO_NA_1"),
        (2, 3, "M_ME_NA_1"),
        (3, 4, "M_ME_NB_1"),
        (4, 5, "M_IT_NA_1"),
        (5, 6, "M_EP_TD_1"),
        (6, 7, "M_EP_TE_1"),
        (7, 8, "M_EP_TF_1"),
        (8, 9, "M_PS_NA_1"),
        (9, 10, "M_ME_ND_1"),
        (10, 11, "M_ME_NC_1"),
    ];
    let parts = [
        point(20, AddressUse::Monitor, 2, "M_BO_NA_1", &[("bit", Field::Int(31))]),
        point(21, AddressUse::Monitor, 6, "M_EP_TD_1", &[("part", text("elapsed"))]),
        point(22, AddressUse::Monitor, 7, "M_EP_TE_1", &[("bit", Field::Int(1))]),
    ];
    let controls = ["C_RC_NA_1", "C_SE_NA_1", "C_SE_NB_1", "C_BO_NA_1", "C_DC_TA_1", "C_RC_TA_1", "C_SE_TA_1", "C_SE_TB_1", "C_BO_TA_1"];
    let controls = controls.iter().zip(0_u32..).map(|(ti, i)| point(i, AddressUse::Control, 2000 + i64::from(i), ti, &[]));
    let monitored = monitored.iter().map(|(id, ioa, ti)| point(*id, AddressUse::Monitor, *ioa, ti, &[]));
    LinkSpec { points: monitored.chain(parts).chain(controls).collect(), ..spec(Role::Client, params) }
}

fn started(params: &[(&str, Field)]) -> Bench<Controlling> {
    let mut bench = Bench::new(Controlling::new(&wide(params)));
    bench.open();
    bench.rx_u(Function::StartCon);
    bench.tx();
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[20])));
    bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[20])));
    bench.forget();
    bench
}

const TIME: [u8; 7] = [0x10, 0x27, 5, 10, 1, 4, 26]; // 2026-04-01T10:05:10.000

#[test]
fn a1_r24_a1_r34_every_family_reads_to_its_value() {
    let mut bench = started(&[]);
    let with_time = |element: &[u8]| [element, &TIME].concat();
    bench.rx_i(&asdu(32, 1, 3, 21, &object(1, &with_time(&[0xFB, 0x00])))); // -5, transient
    bench.rx_i(&asdu(5, 1, 20, 21, &object(1, &[0x3F, 0x01])));
    bench.rx_i(&asdu(7, 1, 3, 21, &object(2, &[1, 0, 0, 0x80, 0])));
    bench.rx_i(&asdu(9, 1, 3, 21, &object(3, &[0, 0xC0, 0x40]))); // -0.5
    bench.rx_i(&asdu(35, 1, 3, 21, &object(4, &with_time(&[0x18, 0xFC, 0])))); // -1000
    bench.rx_i(&asdu(21, 1, 1, 21, &object(10, &[0, 0x40]))); // 0.5
    bench.rx_i(&asdu(20, 1, 20, 21, &object(9, &[3, 0, 1, 0, 0])));
    let read: Vec<_> = bench.updates.iter().map(|u| (u.point.0, u.value, u.quality.validity)).collect();
    use Validity::{Good, Questionable};
    assert_eq!(
        read,
        [
            (0, Value::Int(-5), Questionable),
            (0, Value::Int(63), Questionable),
            (1, Value::Int(0x8000_0001), Good),
            (20, Value::Bool(true), Good),
            (2, Value::Real32(-0.5), Questionable),
            (3, Value::Int(-1000), Good),
            (9, Value::Real32(0.5), Good),
            (8, Value::Int(0x0001_0003), Good),
        ]
    );
    assert_eq!(bench.updates[0].quality.raw & 0x8000, 0x8000, "the transient bit is kept");
    assert_eq!(bench.events(), []);
}

#[test]
fn a1_r35_counters_keep_what_the_station_says_of_them() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(15, 1, 37, 21, &object(5, &[0xFF, 0xFF, 0xFF, 0xFF, 0x47])));
    bench.rx_i(&asdu(37, 1, 3, 21, &object(5, &[&[1, 0, 0, 0, 0xA1][..], &TIME].concat())));
    let [adjusted, invalid] = bench.updates[..] else { panic!() };
    assert_eq!(
        (adjusted.value, adjusted.quality.validity, adjusted.cause),
        (Value::Int(-1), Validity::Good, bridge_model::Cause::Requested)
    );
    assert!(adjusted.quality.detail.contains(Detail::INCONSISTENT), "CA: adjusted");
    assert_eq!(adjusted.quality.raw >> 8, 0x47);
    assert_eq!((invalid.quality.validity, invalid.quality.raw >> 8), (Validity::Invalid, 0x21));
}

#[test]
fn a1_r35_a1_r34_the_ends_of_a_counter_are_read_as_they_are() {
    let mut bench = started(&[]);
    for (octets, expected) in [([0xFF, 0xFF, 0xFF, 0x7F], i32::MAX), ([0, 0, 0, 0x80], i32::MIN), ([0, 0, 0, 0], 0)] {
        bench.rx_i(&asdu(15, 1, 37, 21, &object(5, &[&octets[..], &[0x20]].concat())));
        let read = bench.updates.pop().unwrap();
        assert_eq!((read.value, read.quality.validity), (Value::Int(i64::from(expected)), Validity::Good));
        assert_eq!(read.quality.raw >> 8, 0x20, "CY: it ran over");
    }
}

#[test]
fn a1_r43_events_of_protection_carry_their_elapsed_time() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(38, 1, 3, 21, &object(6, &[&[0x02, 0x2C, 0x01][..], &TIME].concat()))); // on, 300 ms
    bench.rx_i(&asdu(38, 1, 3, 21, &object(6, &[&[0x0A, 0x2C, 0x01][..], &TIME].concat()))); // on, EI
    bench.rx_i(&asdu(39, 1, 3, 21, &object(7, &[&[0x03, 0x00, 5, 0][..], &TIME].concat()))); // GS, SL1
    bench.rx_i(&asdu(40, 1, 3, 21, &object(8, &[&[0x09, 0x80, 5, 0][..], &TIME].concat()))); // GC, CL3, invalid
    let read: Vec<_> = bench.updates.iter().map(|u| (u.point.0, u.value, u.quality.validity)).collect();
    use Validity::{Good, Invalid};
    let on = Value::Double(DoublePoint::On);
    assert_eq!(
        read,
        [
            (5, on, Good),
            (21, Value::Int(300), Good),
            (5, on, Good),
            (21, Value::Int(300), Invalid),
            (6, Value::Int(3), Good),
            (22, Value::Bool(true), Good),
            (7, Value::Int(9), Invalid),
        ]
    );
}

#[test]
fn a1_r28_short_tagged_types_are_journaled_and_not_read() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(14, 1, 3, 21, &object(11, &[0, 0, 0, 0, 0, 0, 0, 0])));
    assert_eq!((bench.updates.len(), bench.frames.len(), bench.closed()), (0, 1, None));
    assert!(matches!(&bench.events()[..], [Event::Refused { what }] if what.starts_with("M_ME_TC_1")));
}

#[test]
fn a1_r53_a1_r57_every_kind_of_control_leaves_or_is_refused_never_clamped() {
    let cases: [(u32, Action, Option<&str>); 13] = [
        (0, Action::Switch(true), Some("C_RC_NA_1 act ca=21 ioa=2000 higher")),
        (0, Action::Switch(false), Some("C_RC_NA_1 act ca=21 ioa=2000 lower")),
        (0, Action::Set(1.0), None),
        (1, Action::Set(-0.5), Some("C_SE_NA_1 act ca=21 ioa=2001 -0.5")),
        (1, Action::Set(1.0), None),
        (1, Action::Set(-1.0), Some("C_SE_NA_1 act ca=21 ioa=2001 -1")),
        (2, Action::Set(-32768.0), Some("C_SE_NB_1 act ca=21 ioa=2002 -32768")),
        (2, Action::Set(32768.0), None),
        (2, Action::Set(f64::NAN), None),
        (3, Action::Set(4_294_967_295.0), Some("C_BO_NA_1 act ca=21 ioa=2003 0xffffffff")),
        (3, Action::Set(1.5), None),
        (3, Action::Set(-1.0), None),
        (8, Action::Set(5.0), Some("C_BO_TA_1 act ca=21 ioa=2008 0x00000005 2026-04-01T10:00:00.000")),
    ];
    for (id, action, expected) in cases {
        let mut bench = started(&[]);
        let command = bench.command(id, action, CommandMode::Direct, 5_000);
        bench.request(Request::Command(command));
        let sent: Vec<String> = bench.tx().into_iter().filter(|line| line.contains(" C_")).collect();
        match expected {
            Some(text) => assert!(sent.len() == 1 && sent[0].ends_with(text), "{id} {action}: {sent:?}"),
            None => {
                assert_eq!(sent, [""; 0], "{id} {action}");
                let outcome = Outcome::NotOperated(NotOperatedWhy::NotPermitted);
                assert!(matches!(bench.events()[..], [Event::Settled { outcome: found, .. }] if found == outcome), "{id} {action}");
            }
        }
    }
}

#[test]
fn a1_r55_every_tagged_control_carries_the_time_it_leaves() {
    for (id, ti, action) in [
        (4, "C_DC_TA_1", Action::Switch(true)),
        (5, "C_RC_TA_1", Action::Switch(true)),
        (6, "C_SE_TA_1", Action::Set(0.25)),
        (7, "C_SE_TB_1", Action::Set(7.0)),
    ] {
        let mut bench = started(&[]);
        let command = bench.command(id, action, CommandMode::Direct, 5_000);
        bench.request(Request::Command(command));
        let sent: Vec<String> = bench.tx().into_iter().filter(|line| line.contains(" C_")).collect();
        assert!(sent[0].contains(ti) && sent[0].ends_with("2026-04-01T10:00:00.000"), "{sent:?}");
    }
}

/// A select that was confirmed.
fn selected(bench: &mut Bench<Controlling>) -> Command {
    let select = bench.command(2, Action::Set(100.0), CommandMode::Select, 5_000);
    bench.request(Request::Command(select));
    let apdus = bench.tx_bytes();
    bench.rx_i(&answer(apdus.last().unwrap(), Cause::ACTIVATION_CON, false));
    assert!(matches!(bench.events().last(), Some(Event::Settled { outcome: Outcome::Completed, .. })));
    select
}

#[test]
fn r04_a1_r52_an_execute_uses_its_own_select_once() {
    let mut bench = started(&[]);
    selected(&mut bench);
    let execute = bench.command(2, Action::Set(100.0), CommandMode::Execute, 5_000);
    bench.request(Request::Command(execute));
    let apdus = bench.tx_bytes();
    assert!(describe_last(&apdus).ends_with("C_SE_NB_1 act ca=21 ioa=2002 100"));
    bench.rx_i(&answer(apdus.last().unwrap(), Cause::ACTIVATION_CON, false));
    assert!(matches!(bench.events().last(), Some(Event::Settled { outcome: Outcome::Completed, .. })));
    bench.request(Request::Command(Command { id: bridge_model::CommandId(99), ..execute }));
    let why = Outcome::NotOperated(NotOperatedWhy::NotSelected);
    assert!(matches!(bench.events().last(), Some(Event::Settled { outcome, .. }) if *outcome == why), "single use");
}

fn describe_last(apdus: &[Vec<u8>]) -> String {
    crate::describe(apdus.last().unwrap())
}

#[test]
fn r04_a1_r52_an_execute_of_another_wish_or_too_late_does_not_leave_and_deselects() {
    for (value, wait_ms) in [(101.0, 0), (100.0, 30_000)] {
        let mut bench = started(&[]);
        selected(&mut bench);
        bench.pass_ms(wait_ms);
        let lapsed = bench.events().iter().filter(|event| matches!(event, Event::SelectLapsed(PointId(2)))).count();
        assert_eq!(lapsed, usize::from(wait_ms > 0), "the engine is told that a selection ran out");
        let execute = bench.command(2, Action::Set(value), CommandMode::Execute, 5_000);
        bench.request(Request::Command(execute));
        let why = Outcome::NotOperated(NotOperatedWhy::NotSelected);
        assert!(matches!(bench.events().last(), Some(Event::Settled { outcome, .. }) if *outcome == why), "{value}");
        let sent: Vec<String> = bench.tx().into_iter().filter(|line| line.contains("C_SE")).collect();
        assert!(sent.len() == 1 && sent[0].contains("C_SE_NB_1 deact") && sent[0].ends_with("100 select"), "{sent:?}");
    }
}

#[test]
fn r04_a1_r52_a_selection_is_withdrawn_on_request() {
    let mut bench = started(&[]);
    selected(&mut bench);
    let cancel = bench.command(2, Action::Set(100.0), CommandMode::Cancel, 5_000);
    bench.request(Request::Command(cancel));
    let apdus = bench.tx_bytes();
    assert!(describe_last(&apdus).contains("C_SE_NB_1 deact"));
    bench.rx_i(&answer(apdus.last().unwrap(), Cause::DEACTIVATION_CON, false));
    assert!(matches!(bench.events().last(), Some(Event::Settled { outcome: Outcome::Completed, .. })));
}

#[test]
fn r04_a_bitstring_cannot_be_selected() {
    let mut bench = started(&[]);
    let command = bench.command(3, Action::Set(1.0), CommandMode::SelectExecute, 5_000);
    bench.request(Request::Command(command));
    let why = Outcome::NotOperated(NotOperatedWhy::NotPermitted);
    assert!(matches!(bench.events()[..], [Event::Settled { outcome, .. }] if outcome == why));
}

// --- housekeeping ------------------------------------------------------------------------------------------------------------------------

fn ask(bench: &mut Bench<Controlling>, wish: Housekeeping) -> Vec<String> {
    bench.request(Request::Housekeep { id: 7, wish, not_after: bench.now.mono + Duration::from_secs(10) });
    bench.tx().into_iter().filter(|line| line.starts_with("I ")).collect()
}

fn outcome(bench: &mut Bench<Controlling>) -> Option<HousekeepingOutcome> {
    bench.events().into_iter().find_map(|event| if let Event::Housekept { id: 7, outcome } = event { Some(outcome) } else { None })
}

const DONE: HousekeepingOutcome = HousekeepingOutcome::Done(String::new());

#[test]
fn a1_r46_a_group_is_read() {
    let mut bench = started(&[]);
    assert!(ask(&mut bench, Housekeeping::ReadGroup(3))[0].ends_with("C_IC_NA_1 act ca=21 ioa=0 qoi=23"));
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[23])));
    bench.rx_i(&asdu(11, 1, 23, 21, &object(4, &[1, 0, 0])));
    assert_eq!(outcome(&mut bench), None, "not before the termination");
    bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[23])));
    assert_eq!((outcome(&mut bench), bench.updates[0].cause), (Some(DONE), bridge_model::Cause::Interrogated));
}

#[test]
fn a1_r46_a_group_that_is_refused_or_never_ends_is_told() {
    let mut bench = started(&[("gi_timeout", text("10s"))]);
    ask(&mut bench, Housekeeping::ReadGroup(3));
    bench.rx_i(&asdu(100, 1, 7 | 0x40, 21, &object(0, &[23])));
    assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::Refused("negative confirmation".to_owned())));
    ask(&mut bench, Housekeeping::ReadGroup(3));
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[23])));
    bench.pass_ms(9_000);
    bench.rx_i(&asdu(11, 1, 23, 21, &object(4, &[1, 0, 0])));
    bench.pass_ms(9_000);
    assert_eq!(outcome(&mut bench), None, "a value is a sign of life");
    bench.pass_ms(2_000);
    assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::Unanswered));
}

#[test]
fn a1_r47_counters_are_read_and_frozen_only_if_allowed() {
    let mut bench = started(&[]);
    let read = Housekeeping::Counters { group: None, freeze: CounterFreeze::Read };
    assert!(ask(&mut bench, read)[0].ends_with("C_CI_NA_1 act ca=21 ioa=0 rqt=5"));
    bench.rx_i(&asdu(101, 1, 7, 21, &object(0, &[5])));
    bench.rx_i(&asdu(15, 1, 37, 21, &object(5, &[9, 0, 0, 0, 1])));
    bench.rx_i(&asdu(101, 1, 10, 21, &object(0, &[5])));
    assert_eq!(outcome(&mut bench), Some(DONE));
    let freeze = Housekeeping::Counters { group: Some(2), freeze: CounterFreeze::FreezeReset };
    assert!(ask(&mut bench, freeze).is_empty());
    assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::NotPermitted));
    let mut bench = started(&[("allow", text("counter_freeze, counter_reset"))]);
    assert!(ask(&mut bench, freeze)[0].ends_with("rqt=2 freeze reset"));
    bench.rx_i(&asdu(101, 1, 7, 21, &object(0, &[0x82])));
    assert_eq!(outcome(&mut bench), Some(DONE));
}

#[test]
fn a1_r48_one_point_is_read_or_unknown() {
    let mut bench = started(&[]);
    assert!(ask(&mut bench, Housekeeping::Read(PointId(3)))[0].ends_with("C_RD_NA_1 req ca=21 ioa=4"));
    bench.rx_i(&asdu(11, 1, 3, 21, &object(4, &[1, 0, 0])));
    assert_eq!(outcome(&mut bench), None, "a change is no answer");
    bench.rx_i(&asdu(11, 1, 5, 21, &object(4, &[1, 0, 0])));
    assert_eq!(outcome(&mut bench), Some(DONE));
    ask(&mut bench, Housekeeping::Read(PointId(3)));
    bench.rx_i(&asdu(102, 1, 47 | 0x40, 21, &object(4, &[])));
    assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::Refused("unknown object address".to_owned())));
}

#[test]
fn r22_a1_r49_our_time_is_sent_only_if_allowed_and_the_offset_told() {
    let mut bench = started(&[]);
    assert!(ask(&mut bench, Housekeeping::SynchroniseClock).is_empty());
    assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::NotPermitted));
    let mut bench = started(&[("allow", text("clock_sync"))]);
    assert!(ask(&mut bench, Housekeeping::SynchroniseClock)[0].ends_with("C_CS_NA_1 act ca=21 ioa=0 2026-04-01T10:00:00.000"));
    bench.rx_i(&asdu(103, 1, 7, 21, &object(0, &[0xDC, 0x05, 0, 10, 1, 4, 26])));
    let told = HousekeepingOutcome::Done("the clock of station 21 was 1500 ms from ours".to_owned());
    assert_eq!(outcome(&mut bench), Some(told));
}

#[test]
fn a1_r50_a_test_is_answered_by_its_own_counter() {
    let mut bench = started(&[]);
    assert!(ask(&mut bench, Housekeeping::Test)[0].contains("C_TS_TA_1 act ca=21 ioa=0 tsc=0x0001"));
    bench.rx_i(&asdu(107, 1, 7, 21, &object(0, &[&[9, 0][..], &TIME].concat())));
    assert_eq!(outcome(&mut bench), None, "another test's answer");
    bench.rx_i(&asdu(107, 1, 7, 21, &object(0, &[&[1, 0][..], &TIME].concat())));
    assert_eq!(outcome(&mut bench), Some(DONE));
}

#[test]
fn r22_a1_r51_a1_r58_reset_and_parameters_need_permission() {
    let load = Housekeeping::LoadParameter { point: PointId(10), parameter: Parameter::Threshold, value: 2.5, in_operation: false };
    let wishes = [Housekeeping::Reset, load, Housekeeping::ActivateParameters { point: None, on: true }];
    let mut bench = started(&[]);
    for wish in wishes {
        assert!(ask(&mut bench, wish).is_empty());
        assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::NotPermitted));
    }
    let mut bench = started(&[("allow", text("reset, parameters"))]);
    let expected = ["C_RP_NA_1 act ca=21 ioa=0 qrp=1", "P_ME_NC_1 act ca=21 ioa=11 2.5 kpa=1 POP", "P_AC_NA_1 act ca=21 ioa=0 qpa=1"];
    for (wish, text) in wishes.into_iter().zip(expected) {
        bench.request(Request::Housekeep { id: 7, wish, not_after: bench.now.mono + Duration::from_secs(10) });
        let apdus = bench.tx_bytes();
        assert!(describe_last(&apdus).ends_with(text), "{}", describe_last(&apdus));
        bench.rx_i(&answer(apdus.last().unwrap(), Cause::ACTIVATION_CON, false));
        assert_eq!(outcome(&mut bench), Some(DONE), "{text}");
    }
}

#[test]
fn r22_a_monitor_only_link_changes_no_station_whatever_is_allowed() {
    let mut spec = wide(&[("allow", text("reset, parameters"))]);
    spec.monitor_only = true;
    let mut bench = Bench::new(Controlling::new(&spec));
    bench.open();
    bench.rx_u(Function::StartCon);
    bench.forget();
    for wish in [Housekeeping::Reset, Housekeeping::ActivateParameters { point: None, on: true }] {
        assert!(ask(&mut bench, wish).iter().all(|line| !line.contains("C_RP") && !line.contains("P_AC")));
        assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::NotPermitted));
    }
}

#[test]
fn r05_r22_a_request_that_changes_the_station_leaves_alone_and_in_time_or_not_at_all() {
    let changing = || started(&[("allow", text("clock_sync, counter_freeze"))]);
    let freeze = Housekeeping::Counters { group: None, freeze: CounterFreeze::Freeze };
    // A peer that was silent proves itself first; after its time nothing leaves.
    let mut bench = changing();
    bench.pass_ms(5_000);
    bench.request(Request::Housekeep { id: 7, wish: freeze, not_after: bench.now.mono + Duration::from_secs(10) });
    assert_eq!(bench.tx(), ["U TESTFR act"]);
    bench.pass_ms(10_000);
    assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::Expired));
    bench.rx_u(Function::TestCon);
    assert!(bench.tx().iter().all(|line| !line.starts_with("I ")), "too late is never");
    // Behind another request it does not wait longer than its time.
    let mut bench = changing();
    assert_eq!(ask(&mut bench, Housekeeping::ReadGroup(3)).len(), 1);
    assert!(ask(&mut bench, freeze).is_empty());
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[23])));
    bench.pass_ms(10_000);
    bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[23])));
    assert!(bench.tx().iter().all(|line| !line.contains("C_CI_NA_1")));
    assert!(bench.events().iter().any(|event| matches!(event, Event::Housekept { outcome: HousekeepingOutcome::Expired, .. })));
    // On its way and not acknowledged, it is probed; without an answer the connection is aborted within its life and a second.
    let mut bench = changing();
    assert_eq!(ask(&mut bench, Housekeeping::SynchroniseClock).len(), 1);
    assert_eq!(bench.session.user_timeout(CHANNEL, bench.now), Some(Duration::from_secs(3)), "a time of 2 s ago is wrong by 2 s");
    bench.pass_ms(1_000);
    assert_eq!(bench.tx(), ["U TESTFR act"]);
    bench.pass_ms(2_000);
    assert_eq!(bench.closed(), Some((true, "request not acknowledged within its life: connection aborted".to_owned())));
    assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::Indeterminate));
    // Taken, it is safe, and a refusal is told as ever.
    let mut bench = changing();
    assert_eq!(ask(&mut bench, freeze).len(), 1);
    bench.pass_ms(1_000);
    bench.tx();
    bench.rx_u(Function::TestCon);
    assert_eq!(bench.session.user_timeout(CHANNEL, bench.now), None);
    bench.rx_i(&asdu(101, 1, 7 | 0x40, 21, &object(0, &[0x45])));
    assert_eq!(outcome(&mut bench), Some(HousekeepingOutcome::Refused("negative confirmation".to_owned())));
}

#[test]
fn housekeeping_is_bounded_and_ends_with_the_connection() {
    let mut bench = started(&[]);
    for id in 0..=u64::try_from(housekeeping::WAITING_MAX).unwrap() {
        bench.request(Request::Housekeep { id, wish: Housekeeping::Test, not_after: Mono::NEVER });
    }
    assert!(matches!(bench.events()[..], [Event::Housekept { outcome: HousekeepingOutcome::Busy, .. }]));
    bench.close();
    let ended = bench.events().into_iter().filter(|event| matches!(event, Event::Housekept { outcome: HousekeepingOutcome::LinkDown, .. }));
    assert_eq!(ended.count(), housekeeping::WAITING_MAX);
}

#[test]
fn a1_r24_the_type_of_every_point_is_in_the_table() {
    let spec = wide(&[]);
    let known = spec.points.iter().filter(|point| match point.address.get("ti") {
        Some(Field::Text(name)) => TypeId::from_name(name).is_some(),
        _ => false,
    });
    assert_eq!(known.count(), spec.points.len());
}

#[test]
fn a1_r30_answers_of_a_test_or_to_another_originator_settle_nothing_of_ours() {
    let mut bench = started(&[("oa", Field::Int(3))]);
    let command = bench.command(0, Action::Switch(true), CommandMode::Direct, 60_000);
    bench.request(Request::Command(command));
    let sent = bench.tx_bytes().pop().unwrap();
    assert_eq!(sent[9], 3, "the originator");
    let settled = |bench: &mut Bench<Controlling>| bench.events().iter().any(|event| matches!(event, Event::Settled { .. }));
    bench.events();
    let con = answer(&sent, Cause::ACTIVATION_CON, false);
    let with = |cause_bits: u8, originator: u8| {
        let mut con = con.clone();
        con[2] |= cause_bits;
        con[3] = originator;
        con
    };
    bench.rx_i(&with(0x80, 3));
    assert!(!settled(&mut bench), "a test");
    bench.rx_i(&with(0, 7));
    assert!(!settled(&mut bench), "another's");
    bench.rx_i(&with(0, 0));
    assert!(settled(&mut bench), "stations that keep no originator answer with zero");
    // A test of an end of initialisation is none.
    bench.rx_i(&asdu(70, 1, 0x84, 21, &object(0, &[0])));
    assert!(!bench.events().contains(&Event::PeerRestarted));
}

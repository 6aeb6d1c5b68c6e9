//! Functions beside READ and controls: rows 18, 30, 42 to 45, 47, 48, 58.

use std::time::Duration;

use bridge_model::{Utc, Value};
use bridge_session::{Event, Field, PublishClass, Request, SystemState};

use crate::app::{Function, Iin};
use crate::objects::DnpTime;
use crate::outstation::buffer::FROZEN_MAX;
use crate::outstation::test_kit::*;

fn time(ms: i64) -> [u8; 6] {
    DnpTime::from_millis(u64::try_from(UTC_START_MS + ms).unwrap()).unwrap().octets()
}

#[test]
fn a2_r30_only_the_restart_bit_is_cleared_by_a_write() {
    let mut bench = Bench::new(&[("unsolicited", text(""))]);
    for (body, wrong) in [
        (&[80, 1, 0x00, 7, 7, 1][..], Iin::PARAMETER_ERROR),
        (&[80, 1, 0x00, 4, 4, 0], Iin::PARAMETER_ERROR),
        (&[80, 1, 0x00, 0, 15, 0, 0], Iin::PARAMETER_ERROR),
        (&[80, 1, 0x00, 7, 7], Iin::PARAMETER_ERROR),
        (&[1, 2, 0x00, 0, 0, 1], Iin::OBJECT_UNKNOWN),
        (&[80, 1, 0x00, 7, 7, 0, 1, 2, 0x00, 0, 0, 1], Iin::OBJECT_UNKNOWN),
        (&[], Iin::PARAMETER_ERROR),
    ] {
        assert_eq!(bench.ask(Function::Write, body).iin, wrong.with(Iin::DEVICE_RESTART), "{body:?}");
    }
    assert_eq!(bench.ask(Function::Write, &[80, 1, 0x00, 7, 7, 0]).iin, Iin(0));
    assert_eq!(bench.ask(Function::Write, &[80, 1, 0x01, 7, 0, 7, 0, 0]).iin, Iin(0), "cleared twice is no error");
}

#[test]
fn a2_r18_every_function_is_answered_lawfully() {
    let mut bench = Bench::quiet(&[]);
    for function in Function::ALL.iter().copied().filter(|function| !function.is_response() && *function != Function::Confirm) {
        bench.tx();
        bench.send(function, &[]);
        let got = bench.tx();
        if !function.wants_response() {
            assert_eq!(got, [], "{}", function.name());
            continue;
        }
        let empty_is_lawful = [Function::Read, Function::RecordCurrentTime, Function::DelayMeasure];
        let empty_is_wrong = [Function::Write, Function::Select, Function::Operate, Function::DirectOperate];
        let expected = if empty_is_lawful.contains(&function) {
            Iin(0)
        } else if empty_is_wrong.contains(&function) {
            Iin::PARAMETER_ERROR
        } else {
            Iin::NO_FUNC_CODE_SUPPORT
        };
        assert_eq!(got[0].iin, expected, "{}", function.name());
    }
}

#[test]
fn b2_20_b2_21_functions_that_are_none_are_answered_and_responses_are_not() {
    let mut bench = Bench::quiet(&[]);
    for code in 129..=131 {
        bench.rx(&[0xC0, code, 0, 0]);
        assert_eq!(bench.tx(), [], "{code}");
    }
    assert!(bench.told().iter().any(|what| what.contains("wrong direction")));
    for code in (34..=128).chain(132..=255) {
        bench.rx(&[0xC0 | code & 0x0F, code, 60, 1, 6]);
        let got = bench.tx();
        assert_eq!((got[0].iin, got[0].body.len()), (Iin::NO_FUNC_CODE_SUPPORT, 0), "{code}");
    }
}

#[test]
fn b2_22_b2_23_control_octets_that_no_request_has_are_dropped() {
    let mut bench = Bench::quiet(&[]);
    for octets in [&[0xC0][..], &[0x40, 1, 60, 1, 6], &[0x80, 1, 60, 1, 6], &[0xD0, 1, 60, 1, 6]] {
        bench.rx(octets);
        assert_eq!(bench.tx(), [], "{octets:?}");
        assert_eq!(bench.told().len(), 1, "{octets:?}");
    }
    bench.rx(&[0xE5, 1, 60, 1, 6]);
    assert_eq!(bench.tx().len(), 1, "CON of a request is answered and told");
    assert_eq!(bench.told().len(), 1);
}

#[test]
fn a2_r42_a_freeze_keeps_all_counters_of_one_instant() {
    let mut bench = Bench::quiet(&[("allow", text("counter_freeze,counter_reset"))]);
    for i in 0..3 {
        bench.publish(COUNTER + i, Value::Int(100 + i64::from(i)), PublishClass::Latest);
    }
    bench.ask(Function::Read, &[60, 4, 6]);
    assert_eq!(bench.ask(Function::ImmediateFreeze, &[20, 0, 6]).iin.0 >> 8, 0);
    bench.publish(COUNTER, Value::Int(500), PublishClass::Latest);
    let got = bench.ask(Function::Read, &[21, 1, 6]);
    assert_eq!(got.body, [21, 1, 1, 0, 0, 2, 0, 1, 100, 0, 0, 0, 1, 101, 0, 0, 0, 1, 102, 0, 0, 0]);
    let timed = bench.ask(Function::Read, &[21, 5, 0x00, 0, 0]);
    assert_eq!(timed.body[12..], time(0));
    // With clear: the frozen value is what was counted since, and counting begins anew.
    bench.send(Function::FreezeClearNoAck, &[20, 0, 0x00, 0, 0]);
    assert_eq!(bench.tx(), [], "no acknowledgement");
    assert_eq!(bench.ask(Function::Read, &[21, 9, 0x00, 0, 1]).body[7..], [0xF4, 1, 0, 0, 101, 0, 0, 0]);
    bench.publish(COUNTER, Value::Int(507), PublishClass::Latest);
    assert_eq!(bench.ask(Function::Read, &[20, 5, 0x00, 0, 0]).body[7..], [7, 0, 0, 0]);
    assert_eq!(bench.ask(Function::ImmediateFreeze, &[20, 0, 0x00, 0, 9]).iin.without(Iin(0xFF)), Iin::PARAMETER_ERROR);
    assert_eq!(bench.ask(Function::ImmediateFreeze, &[1, 0, 6]).iin.without(Iin(0xFF)), Iin::OBJECT_UNKNOWN);
    let mut closed = Bench::quiet(&[("allow", text("counter_freeze"))]);
    assert_eq!(closed.ask(Function::FreezeClear, &[20, 0, 6]).iin, Iin::NO_FUNC_CODE_SUPPORT);
}

#[test]
fn a2_r42_a_freeze_at_a_time_comes_then_and_again() {
    let mut bench = Bench::quiet(&[("allow", text("counter_freeze"))]);
    bench.publish(COUNTER, Value::Int(1), PublishClass::Latest);
    let frozen = |bench: &mut Bench| bench.ask(Function::Read, &[21, 9, 0x00, 0, 0]).body[7];
    let at = [&[50, 2, 0x07, 1][..], &time(5000), &1000_u32.to_le_bytes(), &[20, 0, 0x00, 0, 0]].concat();
    assert_eq!(bench.ask(Function::FreezeAtTime, &at).iin.0 >> 8, 0);
    bench.pass_ms(4999);
    assert_eq!(bench.ask(Function::Read, &[21, 1, 0x00, 0, 0]).body[7], 0x02, "never frozen: RESTART");
    bench.pass_ms(1);
    assert_eq!(frozen(&mut bench), 1);
    bench.publish(COUNTER, Value::Int(2), PublishClass::Latest);
    bench.pass_ms(999);
    assert_eq!(frozen(&mut bench), 1);
    bench.pass_ms(1);
    assert_eq!(frozen(&mut bench), 2);
    let past = [&[50, 2, 0x07, 1][..], &time(-5000), &0_u32.to_le_bytes(), &[20, 0, 6]].concat();
    assert_eq!(bench.ask(Function::FreezeAtTime, &past).iin.without(Iin(0xFF)), Iin::PARAMETER_ERROR);
    assert_eq!(bench.ask(Function::FreezeAtTime, &[20, 0, 6]).iin.without(Iin(0xFF)), Iin::PARAMETER_ERROR, "no time");
}

/// A freeze every quarter of an hour, and a master that was away for an hour: it gets all of them.
#[test]
fn a2_r42_a_frozen_value_is_never_replaced_by_a_later_one() {
    let mut bench = Bench::quiet(&[("allow", text("assign_class,counter_freeze")), ("keep_alive", text("0s"))]);
    assert_eq!(bench.ask(Function::AssignClass, &[60, 2, 6, 21, 0, 0x00, 0, 0]).iin, Iin(0));
    for count in 1..=4 {
        bench.publish(COUNTER, Value::Int(count), PublishClass::Latest);
        bench.ask(Function::ImmediateFreeze, &[20, 0, 0x00, 0, 0]);
        bench.pass(Duration::from_secs(900));
    }
    let frozen = |n: u8| [&[0, 0, 1, n + 1, 0, 0, 0][..], &time(i64::from(n) * 900_000)].concat();
    let got = bench.ask(Function::Read, &[23, 5, 6]);
    assert_eq!(got.body, [vec![23, 5, 0x28, 4, 0], frozen(0), frozen(1), frozen(2), frozen(3)].concat(), "each of its own instant");
    // Not confirmed they come again, all of them, and once confirmed no more.
    bench.pass_ms(5000);
    let again = bench.ask(Function::Read, &[23, 5, 6]);
    assert_eq!(again.body, got.body);
    bench.confirm(again.control);
    assert_eq!(bench.ask(Function::Read, &[23, 5, 6]).body, []);
}

#[test]
fn a2_r29_a2_r42_a_frozen_value_without_room_is_told_and_shown() {
    let mut bench = Bench::quiet(&[("allow", text("assign_class,counter_freeze"))]);
    assert_eq!(bench.ask(Function::AssignClass, &[60, 2, 6, 21, 0, 6]).iin, Iin(0));
    // Three counters.
    for _ in 0..FROZEN_MAX / 3 {
        bench.send(Function::ImmediateFreezeNoAck, &[20, 0, 6]);
    }
    assert_eq!(bench.told(), Vec::<String>::new());
    assert!(!bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]).iin.contains(Iin::EVENT_BUFFER_OVERFLOW));
    bench.send(Function::ImmediateFreezeNoAck, &[20, 0, 6]);
    assert_eq!(bench.told(), [format!("2 frozen values found no room among the events: {FROZEN_MAX} wait already")]);
    let full = bench.ask(Function::Read, &[60, 2, 0x07, 10]);
    assert!(full.iin.contains(Iin::EVENT_BUFFER_OVERFLOW));
    bench.confirm(full.control);
    assert!(!bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]).iin.contains(Iin::EVENT_BUFFER_OVERFLOW), "there is room");
}

#[test]
fn a2_r43_r44_a_masters_time_is_told_and_no_clock_is_set() {
    let mut bench = Bench::quiet(&[]);
    // LAN: the time is that of the recorded instant.
    assert_eq!(bench.ask(Function::RecordCurrentTime, &[]).iin, Iin(0));
    bench.pass_ms(700);
    let lan = [&[50, 3, 0x07, 1][..], &time(2000)].concat();
    assert_eq!(bench.ask(Function::Write, &lan).iin, Iin(0));
    assert_eq!(bench.told(), ["the time of master 1 is 2000 ms ahead of ours: no clock was set"]);
    assert_eq!(bench.ask(Function::Write, &lan).iin, Iin::PARAMETER_ERROR, "a record is used once");
    // Not LAN: the delay, then the time of the last octet.
    assert_eq!(bench.ask(Function::DelayMeasure, &[]).body, [52, 2, 0x07, 1, 0, 0]);
    assert_eq!(bench.ask(Function::Write, &[&[50, 1, 0x07, 1][..], &time(200)].concat()).iin, Iin(0));
    assert_eq!(bench.told(), ["the time of master 1 is -500 ms ahead of ours: no clock was set"]);
    assert_eq!(bench.ask(Function::Read, &[50, 1, 0x07, 1]).body, [&[50, 1, 0x07, 1][..], &time(700)].concat());
}

#[test]
fn b2_35_a_time_beyond_all_times_is_a_parameter_error() {
    let mut bench = Bench::quiet(&[]);
    assert_eq!(bench.ask(Function::Write, &[50, 1, 0x07, 1, 255, 255, 255, 255, 255, 255]).iin, Iin::PARAMETER_ERROR);
    assert_eq!(bench.ask(Function::Write, &[50, 1, 0x07, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).iin, Iin::PARAMETER_ERROR);
    assert_eq!(bench.told(), Vec::<String>::new());
}

#[test]
fn a2_r45_with_the_masters_clock_the_time_is_asked_for_and_trusted_only_then() {
    let mut bench = Bench::quiet(&[("clock", text("master")), ("need_time_every", text("60s"))]);
    let common = |bench: &mut Bench| {
        bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
        let got = bench.read(&[2, 3, 6]).remove(0);
        (got.body[1], got.iin.contains(Iin::NEED_TIME))
    };
    assert_eq!(common(&mut bench), (2, true), "not synchronised, and wants the time");
    let write = |bench: &mut Bench, ms: i64| bench.ask(Function::Write, &[&[50, 1, 0x07, 1][..], &time(ms)].concat()).iin;
    assert_eq!(write(&mut bench, 100), Iin(0));
    assert_eq!(common(&mut bench), (1, false));
    bench.pass(Duration::from_secs(60));
    assert!(common(&mut bench).1, "again after its time");
    assert_eq!(write(&mut bench, 3_600_000), Iin(0));
    assert_eq!(common(&mut bench), (2, false), "an hour off is no synchronisation");
    let mut own = Bench::quiet(&[]);
    own.request(Request::System(SystemState { unsynchronised: true, ..SystemState::default() }));
    assert_eq!(common(&mut own), (2, true));
}

/// What a master writes sets no clock of ours. Without a rest it would write for ever, each time without an error.
#[test]
fn a2_r45_a_master_that_wrote_the_time_is_not_asked_again_at_once() {
    let mut bench = Bench::quiet(&[("need_time_every", text("60s"))]);
    bench.request(Request::System(SystemState { unsynchronised: true, ..SystemState::default() }));
    let asks = |bench: &mut Bench| bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]).iin.contains(Iin::NEED_TIME);
    assert!(asks(&mut bench));
    assert_eq!(bench.ask(Function::Write, &[&[50, 1, 0x07, 1][..], &time(0)].concat()).iin, Iin(0));
    bench.pass_ms(59_999);
    assert!(!asks(&mut bench));
    bench.pass_ms(1);
    assert!(asks(&mut bench), "our clock is as it was");
}

/// R22 is about what changes a station. A time changes nothing here, so nothing has to allow it; what does change something is off.
#[test]
fn r22_a_masters_time_is_taken_without_allow_and_a_freeze_is_not() {
    let mut bench = Bench::quiet(&[]);
    assert_eq!(bench.ask(Function::Write, &[&[50, 1, 0x07, 1][..], &time(7_200_000)].concat()).iin, Iin(0));
    assert_eq!(bench.ask(Function::Read, &[50, 1, 0x07, 1]).body, [&[50, 1, 0x07, 1][..], &time(0)].concat(), "ours goes on");
    for function in [Function::ImmediateFreeze, Function::AssignClass, Function::WarmRestart] {
        assert_eq!(bench.ask(function, &[20, 0, 6]).iin, Iin::NO_FUNC_CODE_SUPPORT, "{function:?}");
    }
}

#[test]
fn a2_r47_a_restart_says_its_delay_drops_the_link_and_begins_anew() {
    for (function, code) in [(Function::ColdRestart, "COLD_RESTART"), (Function::WarmRestart, "WARM_RESTART")] {
        let mut bench = Bench::quiet(&[("allow", text("reset")), ("restart_delay", text("90s"))]);
        let got = bench.ask(function, &[]);
        assert_eq!((got.body, got.iin), (vec![52, 1, 0x07, 1, 90, 0], Iin(0)));
        assert_eq!(bench.closed(), Some("restart asked for by master 1".to_owned()));
        assert_eq!(bench.told(), [format!("{code} by master 1")]);
        bench.close();
        bench.open();
        for _ in 0..2 {
            bench.send(Function::Read, &[1, 2, 0x00, 0, 0]);
            assert_eq!(bench.tx(), [], "it is silent as long as it said");
            bench.pass_ms(44_999);
        }
        bench.pass_ms(2);
        assert_eq!(bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]).iin, Iin::DEVICE_RESTART);
    }
    let mut short = Bench::quiet(&[("allow", text("reset"))]);
    assert_eq!(short.ask(Function::ColdRestart, &[]).body, [52, 2, 0x07, 1, 0x88, 0x13]);
    let mut closed = Bench::quiet(&[]);
    assert_eq!(closed.ask(Function::ColdRestart, &[]).iin, Iin::NO_FUNC_CODE_SUPPORT);
    assert_eq!(closed.closed(), None);
}

/// Every master's channel of the outstation ends, and it announces its start when it is back; its neighbour on the line goes on.
#[test]
fn a2_r47_a_restart_drops_every_masters_channel_and_the_start_is_announced_after_it() {
    let mut bench =
        Bench::new(&[("allow", text("reset")), ("master", text("1,2")), ("connections", Field::Int(2)), ("restart_delay", text("3s"))]);
    bench.send(Function::Read, &[1, 2, 0x00, 0, 0]);
    bench.tx();
    let first = bench.channel;
    (bench.channel, bench.master) = (bridge_session::Channel(2), SECOND);
    bench.open();
    bench.send(Function::ColdRestart, &[]);
    bench.tx();
    let second = bench.channel;
    for channel in [first, second] {
        bench.channel = channel;
        assert_eq!(bench.closed(), Some("restart asked for by master 2".to_owned()), "{channel:?}");
        bench.close();
    }
    (bench.channel, bench.master) = (second, SECOND);
    bench.open();
    bench.outstation = OTHER;
    bench.send(Function::Read, &[60, 1, 6]);
    assert!(bench.tx().iter().any(|got| !got.control.uns), "the other outstation did not restart");
    bench.outstation = OUTSTATION;
    bench.send(Function::Read, &[1, 2, 0x00, 0, 0]);
    bench.pass_ms(2999);
    assert_eq!(bench.tx(), []);
    bench.pass_ms(2);
    bench.send(Function::DelayMeasure, &[]);
    let got = bench.tx();
    assert!(got.iter().any(|got| got.control.uns && got.iin.contains(Iin::DEVICE_RESTART)), "{got:?}");
}

#[test]
fn a2_r48_a_master_assigns_classes() {
    let mut bench = Bench::quiet(&[("allow", text("assign_class,counter_freeze"))]);
    assert_eq!(bench.ask(Function::AssignClass, &[60, 4, 6, 1, 0, 0x00, 0, 0, 60, 1, 6, 1, 0, 0x17, 1, 1]).iin, Iin(0));
    for (number, point) in (1..).zip([BINARY, BINARY + 1, BINARY + 2]) {
        bench.publish(point, Value::Bool(true), PublishClass::Event(number));
    }
    assert_eq!(bench.events(), [Event::DeliveredOf(2, 2)], "a point without events has none to deliver");
    assert_eq!(bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]).iin, Iin(0x0A), "classes 1 and 3");
    // A frozen counter has events when it has a class.
    bench.ask(Function::ImmediateFreeze, &[20, 0, 6]);
    assert_eq!(bench.read(&[23, 0, 6])[0].body, []);
    assert_eq!(bench.ask(Function::AssignClass, &[60, 2, 6, 21, 0, 0x00, 1, 1]).iin.without(Iin(0xFF)), Iin(0));
    bench.ask(Function::ImmediateFreeze, &[20, 0, 6]);
    assert_eq!(bench.read(&[23, 1, 6])[0].body, [23, 1, 0x28, 1, 0, 1, 0, 0x06, 0, 0, 0, 0]);
    for (body, wrong) in [
        (&[60, 2, 6, 1, 0, 0x00, 0, 9][..], Iin::PARAMETER_ERROR),
        (&[1, 0, 6, 60, 2, 6], Iin::PARAMETER_ERROR),
        (&[60, 2, 6, 2, 0, 6], Iin::OBJECT_UNKNOWN),
        (&[], Iin::PARAMETER_ERROR),
    ] {
        assert_eq!(bench.ask(Function::AssignClass, body).iin.without(Iin(0xFF)), wrong, "{body:?}");
    }
    assert_eq!(Bench::quiet(&[]).ask(Function::AssignClass, &[60, 2, 6, 1, 0, 6]).iin, Iin::NO_FUNC_CODE_SUPPORT);
}

#[test]
fn a2_r58_a_broadcast_is_not_answered_and_shown_until_it_may_be_forgotten() {
    for (address, confirmed) in [(0xFFFD, false), (0xFFFE, true), (0xFFFF, false)] {
        let mut bench = Bench::new(&[("unsolicited", text(""))]);
        bench.rx_to(address, &request(1, Function::Write, &[80, 1, 0x00, 7, 7, 0]));
        assert_eq!(bench.tx(), []);
        let first = bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]);
        assert_eq!((first.iin, first.control.con), (Iin::BROADCAST, confirmed), "{address:#06x}");
        let second = bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]);
        assert_eq!(second.iin, if confirmed { Iin::BROADCAST } else { Iin(0) }, "unconfirmed it stays");
        if confirmed {
            bench.confirm(second.control);
            assert_eq!(bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]).iin, Iin(0));
        }
    }
}

/// A CONFIRM tells that the master saw what its response showed, and nothing of a broadcast that came behind it.
#[test]
fn a2_r58_a_broadcast_behind_a_response_is_not_forgotten_with_its_confirmation() {
    for unsolicited in ["", "1"] {
        for address in [0xFFFD, 0xFFFE, 0xFFFF] {
            let mut bench = Bench::new(&[("unsolicited", text(unsolicited)), ("unsolicited_delay", text("0s"))]);
            if !unsolicited.is_empty() {
                let null = bench.tx().remove(0);
                bench.confirm(null.control);
                bench.ask(Function::EnableUnsolicited, &[60, 2, 6]);
            }
            bench.clear_restart();
            bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
            let events = if unsolicited.is_empty() { bench.ask(Function::Read, &[60, 2, 6]) } else { bench.tx().remove(0) };
            assert_eq!((events.iin, events.control.con, events.body.is_empty()), (Iin(0), true, false));
            bench.rx_to(address, &request(1, Function::Write, &[80, 1, 0x00, 7, 7, 0]));
            bench.confirm(events.control);
            let next = bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]);
            assert_eq!(next.iin, Iin::BROADCAST, "{unsolicited:?} {address:#06x}");
            bench.confirm(next.control);
            assert_eq!(bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]).iin, Iin(0));
        }
    }
}

#[test]
fn a2_r58_reads_to_all_are_not_carried_out() {
    let mut bench = Bench::quiet(&[("allow", text("reset"))]);
    for function in [Function::Read, Function::ColdRestart, Function::DelayMeasure, Function::OpenFile] {
        bench.rx_to(0xFFFF, &request(1, function, &[]));
    }
    assert_eq!((bench.tx(), bench.closed()), (vec![], None));
    assert_eq!(bench.told().len(), 8, "for each of the two outstations");
    bench.rx_to(0xFFFF, &[0xC0, 129, 0, 0]);
    assert_eq!(bench.told().len(), 1);
}

#[test]
fn requests_that_change_are_evidence_and_reads_are_not() {
    let mut bench = Bench::quiet(&[("allow", text("counter_freeze")), ("direct_no_ack", Field::Bool(false))]);
    bench.ask(Function::Read, &[60, 1, 6]);
    bench.ask(Function::DelayMeasure, &[]);
    assert_eq!(bench.frames, []);
    let seq = bench.send(Function::ImmediateFreeze, &[20, 0, 6]);
    bench.send(Function::DirectOperateNoAck, &[]);
    let connection = 1;
    assert_eq!(bench.frames[0], (connection, 2, request(seq, Function::ImmediateFreeze, &[20, 0, 6])), "number 1 cleared the restart bit");
    assert_eq!(bench.frames[1].1, 3);
    assert_eq!(bench.now.utc, Utc::from_millis(UTC_START_MS));
}

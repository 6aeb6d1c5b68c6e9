//! Unsolicited responses: rows 31 to 33.

use bridge_model::Value;
use bridge_session::{Event, Field, PublishClass};

use crate::app::{Function, Iin};
use crate::outstation::test_kit::*;

/// The announcement is confirmed and the restart bit cleared; `classes` are enabled.
fn ready(params: &[(&str, Field)], classes: &[u8]) -> Bench {
    let mut bench = Bench::new(params);
    let null = bench.tx().remove(0);
    bench.confirm(null.control);
    bench.clear_restart();
    let body: Vec<u8> = classes.iter().flat_map(|class| [60, class + 1, 6]).collect();
    if !body.is_empty() {
        assert_eq!(bench.ask(Function::EnableUnsolicited, &body).iin, Iin(0));
    }
    bench
}

#[test]
fn a2_r31_a_null_response_announces_the_start_until_it_is_confirmed() {
    let mut bench = Bench::new(&[("confirm_timeout", text("5s"))]);
    let null = bench.tx();
    assert_eq!(null.len(), 1);
    assert_eq!((null[0].function, null[0].control.octet(), null[0].body.len()), (Function::UnsolicitedResponse, 0xF0, 0));
    assert_eq!(null[0].iin, Iin::DEVICE_RESTART);
    for _ in 0..5 {
        bench.pass_ms(4999);
        assert_eq!(bench.tx(), []);
        bench.pass_ms(1);
        assert_eq!(bench.tx(), null, "the same octets");
    }
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    bench.confirm(null[0].control);
    bench.pass_ms(60_000);
    assert!(bench.tx().is_empty(), "no event before it is enabled");
}

#[test]
fn a2_r31_only_enabled_classes_are_sent_and_a_master_may_end_it() {
    let mut bench = ready(&[], &[1]);
    bench.publish(ANALOG, Value::Int(1), PublishClass::Latest);
    assert_eq!(bench.tx(), [], "class 2 is not enabled");
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(5));
    let got = bench.tx().remove(0);
    assert_eq!((got.function, got.control.octet(), got.iin), (Function::UnsolicitedResponse, 0xF1, Iin::CLASS_2_EVENTS));
    assert_eq!(got.body[..6], [2, 2, 0x28, 1, 0, 0]);
    bench.rx(&[0xC1, 0]);
    bench.rx(&[0xD0, 0]);
    assert_eq!(bench.events().iter().filter(|event| matches!(event, Event::DeliveredOf(..))).count(), 0, "UNS and SEQ must match");
    bench.confirm(got.control);
    assert_eq!(bench.events().last(), Some(&Event::DeliveredOf(5, 5)));
    assert_eq!(bench.ask(Function::DisableUnsolicited, &[60, 2, 6]).iin, Iin::CLASS_2_EVENTS);
    bench.publish(BINARY, Value::Bool(false), PublishClass::Event(6));
    assert_eq!(bench.tx(), []);
    for (body, wrong) in [
        (&[60, 1, 6][..], Iin::PARAMETER_ERROR),
        (&[60, 2, 0x07, 1], Iin::PARAMETER_ERROR),
        (&[2, 0, 6], Iin::OBJECT_UNKNOWN),
        (&[], Iin::PARAMETER_ERROR),
    ] {
        assert_eq!(bench.ask(Function::EnableUnsolicited, body).iin.without(Iin(0xFF)), wrong);
    }
}

#[test]
fn a2_r33_a_confirmation_that_crosses_the_end_of_unsolicited_responses_counts() {
    let mut bench = ready(&[], &[1]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(5));
    let got = bench.tx().remove(0);
    bench.ask(Function::DisableUnsolicited, &[60, 2, 6]);
    bench.confirm(got.control);
    assert_eq!(bench.events().last(), Some(&Event::DeliveredOf(5, 5)));
    // Without it the next READ gets the event at once, and a late confirmation is of nothing.
    bench.ask(Function::EnableUnsolicited, &[60, 2, 6]);
    bench.publish(BINARY, Value::Bool(false), PublishClass::Event(6));
    let got = bench.tx().remove(0);
    bench.ask(Function::DisableUnsolicited, &[60, 2, 6]);
    bench.pass_ms(4000);
    assert_eq!(bench.tx(), [], "it is not repeated");
    let answer = bench.ask(Function::Read, &[60, 2, 6]);
    assert_eq!(answer.body[..3], [2, 2, 0x28]);
    bench.confirm(got.control);
    assert!(!bench.events().contains(&Event::DeliveredOf(6, 6)));
    bench.confirm(answer.control);
    assert_eq!(bench.events().last(), Some(&Event::DeliveredOf(6, 6)));
}

#[test]
fn a2_r32_retries_are_finite_then_there_is_a_rest_and_nothing_is_lost() {
    let mut bench =
        ready(&[("unsolicited_retries", Field::Int(2)), ("unsolicited_rest", text("30s")), ("confirm_timeout", text("5s"))], &[1]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let first = bench.tx();
    for _ in 0..2 {
        bench.pass_ms(5000);
        assert_eq!(bench.tx(), first);
    }
    bench.pass_ms(5000);
    assert_eq!(bench.tx(), []);
    assert!(bench.told()[0].contains("after 2 repetitions"));
    bench.pass_ms(29_999);
    assert_eq!(bench.tx(), []);
    bench.pass_ms(1);
    let again = bench.tx().remove(0);
    assert_eq!((again.control.seq, &again.body), (first[0].control.seq + 1, &first[0].body));
    bench.confirm(first[0].control);
    assert_eq!(bench.events().iter().filter(|event| matches!(event, Event::DeliveredOf(..))).count(), 0);
    bench.confirm(again.control);
    assert_eq!(bench.events(), [Event::DeliveredOf(1, 1)]);
}

#[test]
fn a2_r33_a_read_waits_for_the_unsolicited_confirmation_and_other_requests_do_not() {
    let mut bench = ready(&[], &[1]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let unsolicited = bench.tx().remove(0);
    let seq = bench.send(Function::Read, &[60, 2, 6]);
    assert_eq!(bench.tx(), [], "deferred");
    bench.publish(BINARY + 1, Value::Bool(true), PublishClass::Event(2));
    bench.confirm(unsolicited.control);
    let answer = bench.tx();
    assert_eq!(answer.len(), 1);
    assert_eq!((answer[0].function, answer[0].control.seq), (Function::Response, seq));
    assert_eq!(answer[0].body[..6], [2, 2, 0x28, 1, 0, 1], "only what was not delivered yet");
    bench.confirm(answer[0].control);
    assert_eq!(bench.events(), [Event::DeliveredOf(1, 1), Event::DeliveredOf(2, 2)]);

    bench.publish(BINARY, Value::Bool(false), PublishClass::Event(3));
    assert_eq!(bench.tx().len(), 1);
    assert_eq!(bench.ask(Function::DelayMeasure, &[]).body.len(), 6, "at once");
    // Not confirmed in time: the READ that waited gets the events.
    let seq = bench.send(Function::Read, &[60, 2, 6]);
    bench.pass_ms(5000);
    let answer = bench.tx();
    assert_eq!((answer[0].function, answer[0].control.seq, answer[0].body[5]), (Function::Response, seq, 0));
    bench.confirm(answer[0].control);
    assert_eq!(bench.events().last(), Some(&Event::DeliveredOf(3, 3)));
}

#[test]
fn a2_r33_a_later_request_takes_the_place_of_a_deferred_read() {
    let mut bench = ready(&[], &[1]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let unsolicited = bench.tx().remove(0);
    bench.send(Function::Read, &[60, 2, 6]);
    let delay = bench.send(Function::DelayMeasure, &[]);
    assert_eq!(bench.tx()[0].control.seq, delay);
    bench.confirm(unsolicited.control);
    assert_eq!(bench.tx(), [], "its master does not wait for it any more");
}

#[test]
fn events_wait_for_others_before_they_are_sent() {
    let mut bench = ready(&[("unsolicited_delay", text("2s"))], &[1, 2]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    bench.pass_ms(1500);
    bench.publish(ANALOG, Value::Int(1), PublishClass::Latest);
    assert_eq!(bench.tx(), []);
    bench.pass_ms(500);
    let got = bench.tx();
    assert_eq!((got.len(), got[0].iin), (1, Iin(0)));
    assert_eq!(got[0].body[..6], [2, 2, 0x28, 1, 0, 0]);
    assert_eq!(got[0].body[14..20], [32, 7, 0x28, 1, 0, 0]);
}

#[test]
fn a2_r27_unsolicited_events_are_offered_again_on_the_next_connection() {
    let mut bench = ready(&[], &[1]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let first = bench.tx().remove(0);
    bench.close();
    bench.open();
    let again = bench.tx().remove(0);
    assert_eq!(again.body, first.body, "an only master is known before it speaks");
    bench.confirm(again.control);
    assert_eq!(bench.events().last(), Some(&Event::DeliveredOf(1, 1)));
}

#[test]
fn a2_r31_without_unsolicited_responses_there_is_no_announcement() {
    let mut bench = Bench::new(&[("unsolicited", text(""))]);
    bench.pass_ms(30_000);
    assert_eq!(bench.tx(), []);
    assert_eq!(bench.ask(Function::EnableUnsolicited, &[60, 2, 6]).iin, Iin::NO_FUNC_CODE_SUPPORT.with(Iin::DEVICE_RESTART));
    let mut some = ready(&[("unsolicited", text("1"))], &[1]);
    assert_eq!(some.ask(Function::EnableUnsolicited, &[60, 3, 6]).iin, Iin::PARAMETER_ERROR, "a class that may not");
}

#[test]
fn an_unsolicited_response_waits_while_an_answer_is_not_confirmed() {
    let mut bench = ready(&[], &[1]);
    bench.publish(ANALOG, Value::Int(1), PublishClass::Latest);
    let answer = bench.ask(Function::Read, &[60, 3, 6]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    assert_eq!(bench.tx(), []);
    bench.confirm(answer.control);
    assert_eq!(bench.tx()[0].function, Function::UnsolicitedResponse);
}

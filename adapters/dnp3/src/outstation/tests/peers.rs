//! Addresses, masters and connections: rows 15 and 16.

use bridge_model::Value;
use bridge_session::{Event, Field, LinkState, PublishClass, Session};

use crate::app::{Function, Iin};
use crate::outstation::test_kit::*;

#[test]
fn a2_r15_a_master_that_is_not_known_gets_no_answer() {
    let mut bench = Bench::quiet(&[]);
    bench.master = SECOND;
    bench.send(Function::Read, &[60, 1, 6]);
    bench.rx_to(0xFFFF, &request(1, Function::Write, &[80, 1, 0x00, 7, 7, 0]));
    assert_eq!(bench.tx(), []);
    assert!(bench.told().iter().all(|what| what.contains('2')), "it is named");
    assert_eq!(bench.frames, [], "and is no evidence");
    bench.master = MASTER;
    assert_eq!(bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]).iin, Iin(0));
}

#[test]
fn a2_r16_outstations_on_one_line_are_apart() {
    let mut bench = Bench::quiet(&[]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    bench.publish(ELSEWHERE, Value::Bool(true), PublishClass::Event(2));
    bench.outstation = OTHER;
    let got = bench.read(&[60, 2, 6]);
    assert_eq!(got[0].body[..6], [2, 2, 0x28, 1, 0, 0]);
    assert_eq!(got[0].iin, Iin::DEVICE_RESTART, "its own restart bit, and no event left");
    assert_eq!(bench.events(), [Event::DeliveredOf(2, 2)]);
    bench.outstation = OUTSTATION;
    assert_eq!(bench.ask(Function::Read, &[1, 2, 0x00, 0, 0]).iin, Iin::CLASS_1_EVENTS);
}

#[test]
fn a2_r16_masters_are_apart_and_an_event_goes_to_the_one_that_confirms_it() {
    let mut bench = Bench::quiet(&[("master", text("1,2"))]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let first = bench.ask(Function::Read, &[60, 2, 6]);
    assert_eq!(first.body.len(), 14);
    bench.master = SECOND;
    bench.seq = 9;
    let second = bench.ask(Function::Read, &[60, 2, 6]);
    assert_eq!((second.body.len(), second.iin), (0, Iin::DEVICE_RESTART), "on its way to the first; this one did not clear its bit");
    bench.confirm(first.control);
    assert_eq!(bench.events().iter().filter(|event| matches!(event, Event::DeliveredOf(..))).count(), 0, "not this master's to confirm");
    bench.master = MASTER;
    bench.pass_ms(5000);
    bench.events();
    bench.master = SECOND;
    let got = bench.read(&[60, 2, 6]);
    assert_eq!(got[0].body.len(), 14, "the first did not confirm in time");
    assert_eq!(bench.events(), [Event::DeliveredOf(1, 1)]);
}

#[test]
fn a2_r16_a_second_connection_replaces_its_own_host_and_no_other() {
    let mut bench = Bench::quiet(&[]);
    bench.channel = bridge_session::Channel(8);
    bench.open();
    assert_eq!(bench.closed().as_deref(), Some("a link takes 1 connections at a time"), "another host");
    bench.close();
    assert_eq!(bench.closed(), None);
    let again = bridge_session::Channel(9);
    bench.session.handle_open(again, &Bench::peer(7), bench.now);
    bench.channel = CHANNEL;
    assert_eq!(bench.closed().as_deref(), Some("another connection of the same host takes its place"));
    bench.close();
    let states: Vec<Event> = bench.events().into_iter().filter(|event| matches!(event, Event::LinkState(_))).collect();
    assert_eq!(states, [], "the link goes on");
    assert_eq!(bench.session.channels_max(), Some(2));
}

#[test]
fn the_state_of_the_link_is_told() {
    let states = |bench: &mut Bench| {
        let of = |event| if let Event::LinkState(state) = event { Some(state) } else { None };
        bench.events().into_iter().filter_map(of).collect::<Vec<_>>()
    };
    let mut bench = Bench::new(&[("connections", Field::Int(2)), ("unsolicited", text(""))]);
    assert_eq!(states(&mut bench), [LinkState::Connected]);
    bench.ask(Function::Read, &[60, 1, 6]);
    assert_eq!(states(&mut bench), [LinkState::Started]);
    bench.close();
    assert_eq!(states(&mut bench), [LinkState::Down]);
    assert_eq!(bench.session.poll_timeout(), None);
}

#[test]
fn a2_r16_a_master_is_answered_where_it_was_last_heard() {
    let mut bench = Bench::quiet(&[("connections", Field::Int(2))]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let first = bench.ask(Function::Read, &[60, 2, 6]);
    bench.channel = bridge_session::Channel(8);
    bench.open();
    let second = bench.ask(Function::Read, &[60, 2, 6]);
    assert_eq!(second.body, first.body, "what was not confirmed there is offered here");
    bench.confirm(second.control);
    assert_eq!(bench.events().last(), Some(&Event::DeliveredOf(1, 1)));
}

#[test]
fn a2_r11_a_silent_connection_is_closed_after_its_keep_alive() {
    let mut bench = Bench::quiet(&[]);
    bench.pass_ms(60_000);
    let mut question = Vec::new();
    while bench.session.poll_output(CHANNEL, &mut question, 4096, bench.now) {}
    assert_eq!((question.len(), question[3] & 0x4F), (10, 0x49), "REQUEST_LINK_STATUS");
    bench.pass_ms(5_000);
    assert!(bench.closed().is_some());
}

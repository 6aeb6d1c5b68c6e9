//! Several connections of one redundancy group (IEC 60870-5-104 clause 10).

use std::collections::BTreeMap;

use bridge_model::{PointId, Quality, Timestamp, Utc, Value};
use bridge_session::{Answer, Field, Publish, PublishClass, Role};

use super::outbox::EVENT_WINDOW;
use super::*;
use crate::test_kit::*;

fn bench(params: &[(&str, Field)]) -> Bench<Controlled> {
    Bench::new(Controlled::new(&spec(Role::Server, params)))
}

/// Channel 7 started and settled, channel 8 open and stopped. The bench is on channel 7.
fn pair() -> Bench<Controlled> {
    let mut bench = bench(&[]);
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.tx();
    let nr = bench.nr;
    bench.rx_s(nr);
    bench.on(8).open();
    assert_eq!(bench.events().last(), Some(&Event::Standby { ready: 1 }));
    bench.on(7).forget();
    bench
}

fn value(point: u32, value: Value, class: PublishClass) -> Publish {
    let time = Timestamp::by_device(Utc(UTC_START_NS));
    Publish { point: PointId(point), value, quality: Quality::GOOD, time, class, spontaneous: true, return_info: false }
}

fn event(point: u32, on: bool, number: u64) -> Request {
    Request::Publish(vec![value(point, Value::Bool(on), PublishClass::Event(number))])
}

fn latest(point: u32, v: f32) -> Request {
    Request::Publish(vec![value(point, Value::Real32(v), PublishClass::Latest)])
}

const INTERROGATE: [u8; 4] = [0, 0, 0, 20];

#[test]
fn a1_r19_a_start_on_another_connection_moves_the_started_role() {
    let mut bench = pair();
    bench.request(event(0, true, 1));
    assert_eq!(bench.tx().len(), 1);
    bench.on(8);
    assert!(bench.tx().is_empty(), "a stopped connection carries no data");
    bench.rx_u(Function::StartAct);
    let lines = bench.tx();
    assert_eq!(lines[0], "U STARTDT con");
    assert!(lines[1].contains("ioa=100 on"), "from the first unacknowledged on, and no second M_EI: {lines:?}");
    assert_eq!(lines.len(), 2);
    assert_eq!(bench.events(), [Event::SwitchedOver { channel: Channel(8), moves: 1 }], "the link was never lost");
    bench.request(event(1, true, 2));
    assert!(bench.on(7).tx().is_empty());
    assert_eq!(bench.on(8).tx().len(), 1);
}

#[test]
fn a1_r19_a_connection_beyond_the_limit_is_refused() {
    let mut bench = pair();
    for channel in 9..11 {
        bench.on(channel).open();
        assert_eq!(bench.closed(), None);
    }
    bench.on(11).open();
    assert_eq!(bench.closed().unwrap().1, "the link already has its 4 connection(s)");
    bench.rx_u(Function::StartAct);
    assert!(bench.tx().is_empty());
    bench.close();
    bench.on(8).close();
    bench.on(12).open();
    assert_eq!(bench.closed(), None, "a place is free again");
}

#[test]
fn a1_r20_one_queue_per_group_a_peer_that_stalls_holds_up_nobody_else() {
    let mut bench = pair();
    for number in 1..=100 {
        bench.request(event(0, number % 2 == 1, number));
    }
    // Channel 7 takes k frames and acknowledges none.
    assert!(bench.tx().len() <= 12);
    bench.on(8).rx_u(Function::StartAct);
    let mut seen = 0;
    loop {
        let lines = bench.tx();
        if lines.is_empty() {
            break;
        }
        seen += lines.iter().map(|line| line.matches("ioa=100").count()).sum::<usize>();
        let nr = bench.nr;
        bench.rx_s(nr);
    }
    assert_eq!(seen, 100, "the whole queue, from its front");
    assert_eq!(bench.events().last(), Some(&Event::Delivered(100)));
}

#[test]
fn a1_r20_two_groups_do_not_know_of_each_other() {
    // One group's peer takes nothing until its window is full; the other group has the same events.
    let (mut stalled, mut served) = (pair(), pair());
    for number in 1..=EVENT_WINDOW as u64 + 1 {
        let on = number % 2 == 1;
        stalled.request(event(0, on, number));
        if number <= 200 {
            served.request(event(0, on, number));
        }
        stalled.tx();
    }
    assert!(stalled.events().iter().any(|event| matches!(event, Event::Refused { what } if what.contains("event window full"))));
    while !served.tx().is_empty() {
        let nr = served.nr;
        served.rx_s(nr);
    }
    assert_eq!(served.events().last(), Some(&Event::Delivered(200)));
}

#[test]
fn a1_r21_what_was_not_acknowledged_is_handed_over_and_a_late_acknowledgement_still_counts() {
    let mut bench = pair();
    for number in 1..=6_u32 {
        // Each in a frame of its own: types alternate.
        let class = PublishClass::Event(u64::from(number));
        let publish = if number % 2 == 1 { value(0, Value::Bool(true), class) } else { value(10, Value::Bool(true), class) };
        bench.request(Request::Publish(vec![publish]));
    }
    bench.request(latest(20, 1.0));
    assert_eq!(bench.tx().len(), 7);
    let (first, last) = (bench.nr - 5, bench.nr);
    bench.rx_s(first);
    assert_eq!(bench.events(), [Event::Delivered(2)]);
    bench.on(8).rx_u(Function::StartAct);
    let lines = bench.tx();
    assert_eq!(lines.len(), 1 + 5, "four events and the changed value: {lines:?}");
    assert!(lines[5].contains("ioa=1000 1.0"));
    // Unconfirmed stopped: the old connection may still tell what it got.
    bench.on(7).rx_s(last - 1);
    assert!(bench.events().contains(&Event::Delivered(6)));
    assert_eq!(bench.closed(), None);
    // And the new one's acknowledgement of the same events delivers nothing twice.
    let nr = bench.on(8).nr;
    bench.rx_s(nr);
    assert!(!bench.events().iter().any(|event| matches!(event, Event::Delivered(_))));
    bench.request(event(1, true, 7));
    let lines = bench.tx();
    assert!(lines.len() == 1 && lines[0].contains("ioa=101 on"), "{lines:?}");
    // The changed value was handed over: the end of the old connection does not send it a third time.
    bench.on(7).close();
    assert!(bench.on(8).tx().is_empty());
}

#[test]
fn a1_r21_an_old_connection_that_never_acknowledges_is_closed_after_t1() {
    let mut bench = pair();
    bench.request(event(0, true, 1));
    bench.tx();
    bench.on(8).rx_u(Function::StartAct);
    bench.tx();
    let nr = bench.nr;
    bench.rx_s(nr);
    bench.pass_ms(15_000);
    assert_eq!(bench.on(7).closed().unwrap().1, "timer expired: t1 (15s): no acknowledgement of an I frame");
    assert_eq!(bench.on(8).closed(), None);
}

#[test]
fn a1_r15_a1_r21_stop_here_start_there_loses_nothing() {
    let mut bench = pair();
    bench.request(event(0, true, 1));
    bench.tx();
    bench.rx_u(Function::StopAct);
    bench.request(event(1, true, 2));
    assert!(bench.tx().is_empty());
    // The other one is started before the stop is confirmed: both are in order.
    bench.on(8).rx_u(Function::StartAct);
    assert_eq!(bench.tx().len(), 2, "con, both events");
    let nr = bench.on(7).nr;
    bench.rx_s(nr);
    assert_eq!(bench.tx(), ["U STOPDT con"]);
    let events = bench.events();
    assert!(!events.contains(&Event::LinkState(LinkState::Stopped)), "the link goes on: {events:?}");
}

#[test]
fn a1_r15_a1_r19_a_connection_that_dies_while_it_is_stopped_takes_the_started_state_with_it() {
    let mut bench = pair();
    bench.request(event(0, true, 1));
    bench.tx();
    bench.rx_u(Function::StopAct);
    assert!(bench.tx().is_empty(), "an event is not acknowledged: no confirmation yet");
    assert_eq!(bench.events(), [], "and no other state yet");
    // The second connection dies beside it: that changes nothing.
    bench.on(9).open();
    bench.on(9).close();
    assert!(bench.events().iter().all(|event| !matches!(event, Event::LinkState(_))));
    bench.on(7).close();
    let states: Vec<_> = bench.events().into_iter().filter(|event| matches!(event, Event::LinkState(_))).collect();
    assert_eq!(states, [Event::LinkState(LinkState::Connected)], "nobody transfers data, one stands by");
    // The event is not lost, and the link can be started again.
    bench.on(8).rx_u(Function::StartAct);
    assert!(bench.tx()[1].contains("ioa=100 on"));
    assert_eq!(bench.events().first(), Some(&Event::LinkState(LinkState::Started)));
}

#[test]
fn a1_r15_a1_r19_a_started_connection_outlives_the_one_that_was_to_be_stopped() {
    let mut bench = pair();
    bench.request(event(0, true, 1));
    bench.tx();
    bench.rx_u(Function::StopAct);
    bench.on(8).rx_u(Function::StartAct);
    bench.tx();
    bench.events();
    bench.on(7).close();
    assert!(bench.events().iter().all(|event| !matches!(event, Event::LinkState(_))), "the other one transfers data");
}

#[test]
fn a1_r22_stopped_connections_are_tested_both_ways_and_a_dead_one_is_told() {
    let mut bench = pair();
    bench.on(8).rx_u(Function::TestAct);
    assert_eq!(bench.tx(), ["U TESTFR con"]);
    bench.pass_ms(20_000);
    assert_eq!(bench.tx(), ["U TESTFR act"]);
    assert_eq!(bench.on(7).tx(), ["U TESTFR act"]);
    bench.rx_u(Function::TestCon);
    // The other peer is silent.
    bench.pass_ms(15_000);
    assert_eq!((bench.closed(), bench.events()), (None, vec![Event::Standby { ready: 0 }]));
    assert_eq!(bench.on(8).closed().unwrap().1, "timer expired: t1 (15s): no confirmation of TESTFR");
}

#[test]
fn a1_r13_a1_r19_a_frame_on_a_stopped_connection_closes_it_alone() {
    for malformed in [false, true] {
        let mut bench = pair();
        bench.on(8);
        if malformed {
            bench.rx(&[0x68, 4, 0xFF, 0, 0, 0]);
        } else {
            bench.rx_i(&asdu(100, 1, 6, 21, &INTERROGATE));
        }
        let cause = bench.closed().unwrap().1;
        assert!(cause.contains(if malformed { "malformed" } else { "I frame before STARTDT act" }), "{cause}");
        bench.close();
        let events = bench.events();
        assert!(!events.iter().any(|event| matches!(event, Event::LinkState(_))), "{events:?}");
        bench.on(7);
        assert_eq!(bench.closed(), None);
        bench.rx_i(&asdu(107, 1, 6, 21, &object(0, &[0; 9])));
        assert!(bench.tx().iter().any(|line| line.contains("C_TS_TA_1 actcon")), "the started one goes on");
    }
}

#[test]
fn a1_r19_a1_r54_interrogation_selections_and_answers_stay_with_their_connection() {
    let mut bench = Bench::new(Controlled::with_params(
        &spec(Role::Server, &[]),
        Params { ca: Some(21), select: crate::params::SelectPolicy::Relay, ..Params::default() },
    ));
    bench.open();
    bench.rx_u(Function::StartAct);
    bench.on(8).open();
    bench.on(7).forget();
    let tokens = |bench: &mut Bench<Controlled>| -> Vec<bridge_session::CommandToken> {
        bench.events().iter().filter_map(|e| if let Event::CommandReceived(c) = e { Some(c.token) } else { None }).collect()
    };
    // A select is confirmed, a second command waits for its answer, an interrogation runs.
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[0x81])));
    let token = tokens(&mut bench)[0];
    bench.request(Request::Answer { token, answer: Answer::Confirm });
    bench.rx_i(&asdu(50, 1, 6, 21, &object(2002, &[0, 0, 0, 0, 0x80])));
    let waiting = tokens(&mut bench)[0];
    bench.rx_i(&asdu(100, 1, 6, 21, &INTERROGATE));
    bench.on(8).rx_u(Function::StartAct);
    assert_eq!(bench.tx(), ["U STARTDT con"], "no answer of the other connection's questions");
    bench.request(Request::Answer { token: waiting, answer: Answer::Confirm });
    assert!(bench.tx().is_empty());
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[1])));
    assert!(bench.tx().iter().any(|line| line.contains("C_SC_NA_1 actcon negative")), "the select is gone");
    bench.rx_i(&asdu(50, 1, 6, 21, &object(2002, &[0, 0, 0, 0, 0x80])));
    let command = bench.events().into_iter().find_map(|e| if let Event::CommandReceived(c) = e { Some(c) } else { None }).unwrap();
    assert_eq!((command.connection, command.frame), (2, 2), "received on its own connection");
}

#[test]
fn a1_r19_a1_r52_each_selection_that_ends_with_its_connection_is_told() {
    for straight in [true, false] {
        let mut bench = pair();
        let tokens = |bench: &mut Bench<Controlled>| -> Vec<bridge_session::CommandToken> {
            bench.events().iter().filter_map(|e| if let Event::CommandReceived(c) = e { Some(c.token) } else { None }).collect()
        };
        // Two are selected, the answer to a third is still to come.
        for (ioa, element) in [(2000, vec![0x81]), (2001, vec![0x82]), (2002, vec![0, 0, 0, 0, 0x80])] {
            bench.rx_i(&asdu(45 + if ioa == 2002 { 5 } else { u8::try_from(ioa - 2000).unwrap() }, 1, 6, 21, &object(ioa, &element)));
        }
        let tokens = tokens(&mut bench);
        assert_eq!(tokens.len(), 3);
        for token in &tokens[..2] {
            bench.request(Request::Answer { token: *token, answer: Answer::Confirm });
        }
        bench.forget();
        if straight {
            bench.on(8).rx_u(Function::StartAct);
        } else {
            bench.close();
        }
        let lapsed = |events: &[Event]| -> Vec<PointId> {
            events.iter().filter_map(|e| if let Event::SelectLapsed(point) = e { Some(*point) } else { None }).collect()
        };
        assert_eq!(lapsed(&bench.events()), [PointId(0), PointId(1)]);
        bench.request(Request::Answer { token: tokens[2], answer: Answer::Confirm });
        assert_eq!(lapsed(&bench.events()), [PointId(2)], "confirmed too late: nothing is selected");
        bench.pass_ms(40_000);
        assert_eq!(lapsed(&bench.events()), [], "each once");
    }
}

#[test]
fn a1_r16_what_is_told_of_a_switch_over_does_not_depend_on_the_split() {
    let told = |piece: usize| {
        let mut bench = pair();
        let command = i_frame(0, 0, &asdu(50, 1, 6, 21, &object(2002, &[0, 0, 0x52, 0x43, 0])));
        let bytes = [vec![0x68, 4, 0x07, 0, 0, 0], command, vec![0x68, 4, 0x43, 0, 0, 0]].concat();
        bench.on(8);
        for part in bytes.chunks(piece) {
            bench.rx(part);
        }
        (bench.events(), bench.tx())
    };
    assert_eq!(told(1), told(1000));
    let of_group = told(7).0.into_iter().filter(|event| matches!(event, Event::SwitchedOver { .. } | Event::CommandReceived(_)));
    assert_eq!(of_group.count(), 2);
}

#[test]
fn receipts_find_their_connection() {
    let mut bench = pair();
    bench.durable = false;
    bench.rx_i(&asdu(107, 1, 6, 21, &object(0, &[0; 9])));
    bench.on(8).rx_u(Function::StartAct);
    bench.rx_i(&asdu(107, 1, 6, 21, &object(0, &[0; 9])));
    assert_eq!(bench.frames, [(1, 1), (2, 1)]);
    bench.tx();
    bench.session.handle_durable(1, 1, bench.now);
    assert!(bench.tx().is_empty());
    assert_eq!(bench.on(7).tx(), ["S nr=1"], "the old connection is acknowledged as well");
    bench.session.handle_durable(2, 1, bench.now);
    assert_eq!(bench.on(8).tx(), ["S nr=1"]);
}

#[test]
fn the_state_of_the_link_is_that_of_its_group() {
    let mut bench = bench(&[]);
    let states = |bench: &mut Bench<Controlled>| -> Vec<LinkState> {
        bench.events().iter().filter_map(|e| if let Event::LinkState(state) = e { Some(*state) } else { None }).collect()
    };
    bench.open();
    bench.on(8).open();
    assert_eq!(states(&mut bench), [LinkState::Connected]);
    bench.rx_u(Function::StartAct);
    bench.on(7).rx_u(Function::StartAct);
    assert_eq!(states(&mut bench), [LinkState::Started]);
    bench.on(8).close();
    assert_eq!(states(&mut bench), [], "it was stopped");
    bench.open();
    bench.on(7).close();
    assert_eq!(states(&mut bench), [LinkState::Connected]);
    bench.on(8).close();
    assert_eq!(states(&mut bench), [LinkState::Down]);
}

/// Two masters of one group that cannot agree, or an attacker: STARTDT on both connections without end.
#[test]
fn b1_20_a_startdt_flood_across_the_group_loses_grows_and_tells_nothing_much() {
    let mut bench = pair();
    for number in 1..=50 {
        bench.request(event(0, number % 2 == 1, number));
        bench.request(latest(20 + u32::try_from(number).unwrap() % 20, 1.0));
    }
    let (mut octets, mut told) = (0, Vec::new());
    for round in 0..5000 {
        bench.on(7 + round % 2);
        // Whole runs of it in one read, too.
        let act = [0x68, 4, 0x07, 0, 0, 0].repeat(if round % 100 == 0 { 500 } else { 1 });
        bench.rx(&act);
        octets += bench.tx_bytes().iter().map(Vec::len).sum::<usize>();
        told.extend(bench.events());
        bench.pass_ms(2);
    }
    bench.pass_ms(1000);
    told.extend(bench.events());
    assert!(octets < 5000 * 6 + 2 * 12 * 255, "a confirmation each and k frames per connection: {octets} octets");
    let moves: u32 = told.iter().map(|event| if let Event::SwitchedOver { moves, .. } = event { *moves } else { 0 }).sum();
    assert!(told.len() <= 2 && moves > 4000, "ten seconds of it are two lines: {told:?}");
    assert_eq!((bench.on(7).closed(), bench.on(8).closed()), (None, None));
    // It ends, and everything is there.
    bench.on(9).open();
    bench.rx_u(Function::StartAct);
    let mut lines = String::new();
    loop {
        let more = bench.tx();
        if more.is_empty() {
            break;
        }
        lines.extend(more);
        let nr = bench.nr;
        bench.rx_s(nr);
    }
    assert_eq!((lines.matches("ioa=100 ").count(), lines.matches("ioa=10").count() - 50), (50, 20), "{lines}");
    assert!(bench.events().contains(&Event::Delivered(50)));
}

/// A peer per channel that behaves, but for its choice of what to do next.
#[derive(Default)]
struct Peer {
    ns: u16,
    nr: u16,
    acknowledged: u16,
    started: bool,
    stopping: bool,
}

/// Any sequence of opens, cuts, starts, stops and acknowledgements on four connections, while events are published.
#[test]
fn a1_r21_a1_r60_any_sequence_of_switch_overs_delivers_every_event_in_order() {
    for seed in 0..400_u64 {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut below = |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % bound
        };
        let mut bench = bench(&[("t1", text("200s")), ("t2", text("10s")), ("t3", text("48h"))]);
        let mut peers: BTreeMap<u32, Peer> = BTreeMap::new();
        let (mut published, mut next_channel) = (0_u32, 1_u32);
        // The highest number seen, and the highest that the station was told of.
        let (mut seen, mut acknowledged) = (0_u32, 0_u32);
        let mut tags: BTreeMap<u32, Vec<(u16, u32)>> = BTreeMap::new();
        for step in 0..400 {
            let settling = step >= 380;
            let channels: Vec<u32> = peers.keys().copied().collect();
            let any = (!channels.is_empty()).then(|| channels[usize::try_from(below(channels.len() as u64)).unwrap()]);
            match (if settling { 9 } else { below(10) }, any) {
                (0..=2, _) => {
                    published += 1;
                    // The point and its state say which event it is.
                    bench.request(numbered(published));
                }
                (3, _) if peers.len() < 3 => {
                    bench.on(next_channel).open();
                    peers.insert(next_channel, Peer::default());
                    next_channel += 1;
                }
                (4, Some(channel)) => {
                    bench.on(channel).close();
                    peers.remove(&channel);
                    tags.remove(&channel);
                }
                (5 | 6, Some(channel)) => {
                    bench.on(channel).rx_u(Function::StartAct);
                    for peer in peers.values_mut() {
                        peer.started = false;
                    }
                    peers.get_mut(&channel).unwrap().started = true;
                }
                (7, Some(channel)) => {
                    bench.on(channel).rx_u(Function::StopAct);
                    let peer = peers.get_mut(&channel).unwrap();
                    (peer.started, peer.stopping) = (false, true);
                }
                _ => {}
            }
            if step == 380 {
                bench.on(next_channel).open();
                bench.rx_u(Function::StartAct);
                for peer in peers.values_mut() {
                    peer.started = false;
                }
                peers.insert(next_channel, Peer { started: true, ..Peer::default() });
            }
            let mut talking = 0;
            for (channel, peer) in &mut peers {
                bench.on(*channel);
                let mut moved = 0;
                for apdu in bench.tx_bytes() {
                    match crate::apci::split(&apdu).unwrap() {
                        (crate::apci::Apci::Information { ns, .. }, asdu) => {
                            assert_eq!(ns, peer.ns, "seed {seed}");
                            peer.ns += 1;
                            moved += 1;
                            for number in numbers(asdu) {
                                assert!(number > acknowledged, "seed {seed}: {number} again after it was acknowledged");
                                assert!(number <= seen + 1, "seed {seed}: {number} after {seen}: a gap");
                                seen = seen.max(number);
                                tags.entry(*channel).or_default().push((ns, number));
                            }
                        }
                        (crate::apci::Apci::Unnumbered(Function::StopCon), _) => peer.stopping = false,
                        _ => {}
                    }
                }
                talking += usize::from(moved > 0);
                assert!(moved == 0 || peer.started, "seed {seed}: data on a connection that is not started");
                peer.nr = peer.ns;
                // Sometimes it acknowledges, on whichever connection it was.
                if peer.acknowledged != peer.nr && (settling || below(3) == 0) {
                    let some = u16::try_from(below(u64::from(peer.nr - peer.acknowledged))).unwrap() + 1;
                    peer.acknowledged = if settling { peer.nr } else { peer.acknowledged + some };
                    let told = tags.entry(*channel).or_default();
                    let numbers = told.iter().filter(|(ns, _)| *ns < peer.acknowledged).map(|(_, number)| *number);
                    acknowledged = acknowledged.max(numbers.max().unwrap_or(0));
                    bench.rx_s(peer.acknowledged);
                }
                assert_eq!(bench.closed(), None, "seed {seed}");
            }
            assert!(talking <= 1, "seed {seed}: two connections transfer data");
            bench.pass_ms(1);
        }
        assert_eq!((seen, acknowledged), (published, published), "seed {seed}: every event arrived and was acknowledged");
        let delivered = bench.events().into_iter().rev().find_map(|e| if let Event::Delivered(n) = e { Some(n) } else { None });
        assert_eq!(delivered.unwrap_or(0), u64::from(published), "seed {seed}");
    }
}

/// An event whose stamp says its number: seconds since the start of the script.
fn numbered(number: u32) -> Request {
    let time = Timestamp::by_device(Utc(UTC_START_NS + i64::from(number) * 1_000_000));
    let publish = Publish { time, ..value(number % 4, Value::Bool(true), PublishClass::Event(u64::from(number))) };
    Request::Publish(vec![publish])
}

fn numbers(asdu: &[u8]) -> Vec<u32> {
    // M_SP_TB_1, SQ = 0: three octets of address, one of state, seven of time, which begins with the milliseconds of the minute.
    if asdu[0] != 30 {
        return Vec::new();
    }
    asdu[6..].chunks(11).map(|object| u32::from(u16::from_le_bytes([object[4], object[5]]))).collect()
}

use bridge_model::{Action, CommandMode, IndeterminateWhy, NotOperatedWhy, Outcome};
use bridge_session::{Close, Field, Request, Role, Session};

use super::*;
use crate::test_kit::*;

const STARTED: Event = Event::LinkState(LinkState::Started);
const CONNECTED: Event = Event::LinkState(LinkState::Connected);
const DOWN: Event = Event::LinkState(LinkState::Down);

/// Channel 7 started and read, channel 8 standing by. The bench is on channel 7.
fn pair(params: &[(&str, Field)]) -> Bench<Controlling> {
    let mut bench = Bench::new(Controlling::new(&spec(Role::Client, params)));
    bench.open();
    bench.tx();
    bench.rx_u(Function::StartCon);
    if params.iter().any(|(name, _)| *name == "ei_wait") {
        bench.rx_i(&asdu(70, 1, 4, 21, &object(0, &[0])));
    }
    read(&mut bench);
    bench.on(8).open();
    assert_eq!(bench.events().last(), Some(&Event::Standby { ready: 1 }));
    bench.on(7).forget();
    bench
}

/// Answers the interrogation.
fn read(bench: &mut Bench<Controlling>) {
    assert!(bench.tx().last().unwrap().contains("C_IC_NA_1 act"));
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[20])));
    bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[20])));
    let nr = bench.nr;
    bench.rx_s(nr);
}

/// What is sent besides S frames.
fn sent(bench: &mut Bench<Controlling>) -> Vec<String> {
    bench.tx().into_iter().filter(|line| !line.starts_with("S ")).collect()
}

fn single(ioa: u32) -> Vec<u8> {
    asdu(1, 1, 3, 21, &object(ioa, &[1]))
}

fn states(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|event| matches!(event, Event::LinkState(_))).collect()
}

#[test]
fn a1_r19_one_connection_is_started_the_others_stand_by() {
    let mut bench = pair(&[]);
    for channel in [9, 10] {
        bench.on(channel).open();
    }
    assert_eq!(bench.events(), [Event::Standby { ready: 2 }, Event::Standby { ready: 3 }]);
    for channel in [8, 9, 10] {
        assert!(bench.on(channel).tx().is_empty(), "channel {channel} is not started");
    }
    bench.on(11).open();
    assert_eq!(bench.closed().unwrap().1, "the link already has its 4 connection(s)");
}

#[test]
fn a1_r22_standby_lines_are_tested_both_ways_and_a_dead_one_is_told_before_it_is_needed() {
    let mut bench = pair(&[]);
    bench.on(8).rx_u(Function::TestAct);
    assert_eq!(bench.tx(), ["U TESTFR con"]);
    bench.pass_ms(20_000);
    assert_eq!(sent(&mut bench), ["U TESTFR act"]);
    bench.on(7);
    assert_eq!(sent(&mut bench), ["U TESTFR act"]);
    bench.rx_u(Function::TestCon);
    bench.events();
    // The standby does not answer: t1 closes it, and it alone.
    bench.pass_ms(15_000);
    assert_eq!(bench.closed(), None);
    assert_eq!(bench.events(), [Event::Standby { ready: 0 }]);
    let Close { abort, cause } = bench.session.poll_close(Channel(8)).unwrap();
    assert_eq!((abort, cause.as_str()), (false, "timer expired: t1 (15s): no confirmation of TESTFR"));
    bench.on(8).close();
    assert!(matches!(&bench.events()[..], [Event::Closed { channel: Channel(8), .. }]));
    bench.on(7).rx_i(&single(100));
    assert_eq!(bench.updates.len(), 1);
}

#[test]
fn a1_r19_a1_r21_the_standby_is_started_at_once_when_the_started_one_is_lost() {
    let mut bench = pair(&[]);
    bench.close();
    let events = bench.events();
    assert!(matches!(&events[..], [Event::Closed { channel: Channel(7), .. }]), "no loss of the link: {events:?}");
    assert_eq!(bench.on(8).tx(), ["U STARTDT act"], "straight");
    bench.pass_ms(900);
    assert_eq!(bench.events(), []);
    bench.rx_u(Function::StartCon);
    assert_eq!(bench.events(), [Event::Standby { ready: 0 }, Event::SwitchedOver { channel: Channel(8), moves: 1 }]);
}

#[test]
fn r20_a1_r20_after_a_switch_over_the_image_is_read_again_and_frames_count_for_their_own_connection() {
    let mut bench = pair(&[("ei_wait", text("60s"))]);
    bench.pass_ms(1);
    bench.durable = false;
    bench.rx_i(&single(100));
    bench.close();
    bench.events();
    bench.on(8).tx();
    bench.rx_u(Function::StartCon);
    assert_eq!(bench.tx(), ["I ns=0 nr=0 C_IC_NA_1 act ca=21 ioa=0 qoi=20"], "at once: the station was initialised before");
    bench.rx_i(&single(101));
    assert_eq!(bench.frames, [(1, 4), (2, 1)]);
    // The receipt of the old connection acknowledges nothing on the new one.
    bench.session.handle_durable(1, 4, bench.now);
    bench.pass_ms(11_000);
    assert!(bench.tx().is_empty());
    bench.session.handle_durable(2, 1, bench.now);
    bench.pass_ms(10_000);
    assert!(bench.tx().contains(&"S nr=1".to_owned()));
}

#[test]
fn r19_a1_r19_a_switch_over_that_takes_longer_is_a_loss_of_the_link() {
    let mut bench = pair(&[]);
    bench.close();
    bench.on(8).tx();
    bench.pass_ms(999);
    assert_eq!(states(&bench.events()), Vec::<&Event>::new());
    bench.pass_ms(1);
    assert_eq!(states(&bench.events()), [&CONNECTED]);
    bench.rx_u(Function::StartCon);
    let events = bench.events();
    assert_eq!(states(&events), [&STARTED], "{events:?}");

    // Without a standby the loss is told at once.
    bench.close();
    assert!(bench.events().contains(&DOWN));
}

/// The standby takes STARTDT and says nothing: a peer that misbehaves.
#[test]
fn a1_r21_a_standby_that_does_not_confirm_its_start_gives_way_to_the_next() {
    let mut bench = pair(&[]);
    bench.on(9).open();
    bench.events();
    bench.on(7).close();
    assert_eq!(bench.on(8).tx(), ["U STARTDT act"]);
    assert!(bench.on(9).tx().is_empty());
    bench.pass_ms(14_999);
    assert_eq!(bench.on(8).closed(), None);
    bench.pass_ms(1);
    assert_eq!(bench.closed().unwrap().1, "timer expired: t1 (15s): no confirmation of STARTDT or STOPDT");
    assert_eq!(bench.on(9).tx(), ["U STARTDT act"]);
    bench.rx_u(Function::StartCon);
    let events = bench.events();
    assert_eq!(states(&events), [&CONNECTED, &STARTED]);
}

#[test]
fn a1_r21_a_switch_over_on_request_stops_the_old_one_first_and_acknowledges_what_it_brought() {
    let mut bench = pair(&[]);
    bench.durable = false;
    bench.rx_i(&single(100));
    bench.request(Request::SwitchOver);
    assert_eq!(bench.tx(), ["U STOPDT act"]);
    assert!(bench.on(8).tx().is_empty(), "never two started");
    // What is under way still comes, and is acknowledged as soon as it is durable.
    bench.on(7).rx_i(&single(101));
    assert_eq!(bench.updates.len(), 2);
    bench.session.handle_durable(1, 4, bench.now);
    assert_eq!(bench.tx(), ["S nr=4"]);
    bench.rx_u(Function::StopCon);
    assert_eq!(bench.on(8).tx(), ["U STARTDT act"]);
    bench.rx_u(Function::StartCon);
    assert_eq!(bench.events(), [Event::SwitchedOver { channel: Channel(8), moves: 1 }], "one stands by, before and after");
    read(&mut bench);
    assert!(bench.on(7).tx().is_empty());
    // And back.
    bench.request(Request::SwitchOver);
    assert_eq!(bench.on(8).tx(), ["U STOPDT act"]);
    bench.rx_u(Function::StopCon);
    assert_eq!(bench.on(7).tx(), ["U STARTDT act"]);
}

#[test]
fn a_switch_over_on_request_needs_a_standby() {
    let mut bench = pair(&[]);
    bench.on(8).close();
    bench.events();
    bench.request(Request::SwitchOver);
    assert!(matches!(&bench.events()[..], [Event::Refused { what }] if what.contains("no connection stands by")));
    assert!(bench.on(7).tx().is_empty());
}

/// Peers that misbehave: confirmations of what was not asked, data on a stopped connection.
#[test]
fn a1_r14_a1_r21_wrong_confirmations_and_data_on_a_stopped_connection_close_it_alone() {
    let mut bench = pair(&[]);
    bench.on(8).rx_i(&single(100));
    assert_eq!(bench.closed().unwrap().1, "peer misbehaved: I frame on a stopped connection");
    assert_eq!((bench.on(7).closed(), bench.updates.len(), bench.frames.len()), (None, 0, 1), "evidence, and no value");

    for (wrong, cause) in [
        (Function::StartCon, "peer misbehaved: STARTDT con instead of STOPDT con"),
        (Function::StopAct, "peer misbehaved: STOPDT act from a controlled station"),
    ] {
        let mut bench = pair(&[]);
        bench.request(Request::SwitchOver);
        bench.tx();
        bench.rx_u(wrong);
        assert_eq!(bench.closed().unwrap().1, cause);
        assert_eq!(bench.on(8).closed(), None);
        assert_eq!(bench.tx(), ["U STARTDT act"], "the other one takes over");
        bench.rx_u(Function::StopCon);
        assert_eq!(bench.closed().unwrap().1, "peer misbehaved: STOPDT con instead of STARTDT con");
    }
    let mut bench = pair(&[]);
    bench.on(8).rx_u(Function::StartCon);
    assert_eq!(bench.closed().unwrap().1, "peer misbehaved: unsolicited STARTDT con");
    assert_eq!(bench.on(7).closed(), None);
}

#[test]
fn a1_r14_t1_supervises_the_wait_for_stopdt_con() {
    let mut bench = pair(&[]);
    bench.request(Request::SwitchOver);
    assert_eq!(sent(&mut bench), ["U STOPDT act"]);
    bench.pass_ms(15_000);
    assert_eq!(bench.closed().unwrap().1, "timer expired: t1 (15s): no confirmation of STARTDT or STOPDT");
    assert!(bench.on(8).tx().contains(&"U STARTDT act".to_owned()));
}

#[test]
fn r05_a1_r21_commands_never_move_to_the_other_connection() {
    let set = Action::Set(210.0);
    let mut bench = pair(&[]);
    // One was executed, one is selected only.
    bench.request(Request::Command(bench.command(2, set, CommandMode::Direct, 5000)));
    bench.request(Request::Command(bench.command(0, Action::Switch(true), CommandMode::SelectExecute, 5000)));
    assert_eq!(bench.tx().len(), 2);
    bench.events();
    bench.close();
    let outcomes: Vec<Outcome> =
        bench.events().iter().filter_map(|event| if let Event::Settled { outcome, .. } = event { Some(*outcome) } else { None }).collect();
    assert_eq!(
        outcomes,
        [Outcome::Indeterminate(IndeterminateWhy::ConnectionLost), Outcome::NotOperated(NotOperatedWhy::LinkDown)],
        "in order of request"
    );
    bench.on(8).tx();
    bench.rx_u(Function::StartCon);
    assert_eq!(bench.tx().len(), 1, "the interrogation and nothing else");
}

fn outcomes(bench: &mut Bench<Controlling>) -> Vec<Outcome> {
    let settled = |event: Event| if let Event::Settled { outcome, .. } = event { Some(outcome) } else { None };
    bench.events().into_iter().filter_map(settled).collect()
}

#[test]
fn r05_a_command_that_comes_between_two_connections_waits_within_its_life() {
    let between = || {
        let mut bench = pair(&[]);
        bench.close();
        bench.on(8).tx();
        bench.request(Request::Command(bench.command(2, Action::Set(210.0), CommandMode::Direct, 800)));
        assert_eq!((outcomes(&mut bench), bench.tx().len()), (vec![], 0));
        bench
    };
    // It leaves once, when the other one is started.
    let mut bench = between();
    bench.rx_u(Function::StartCon);
    let lines = bench.tx();
    assert!(lines.len() == 2 && lines[1].contains("C_SE_NC_1 act"), "{lines:?}");
    // Not after its life.
    let mut bench = between();
    bench.pass_ms(800);
    assert_eq!(outcomes(&mut bench), [Outcome::NotOperated(NotOperatedWhy::Expired)]);
    bench.rx_u(Function::StartCon);
    assert_eq!(bench.tx().len(), 1);
    // Not when it is withdrawn, nor when the link is lost.
    let mut bench = between();
    let id = bench.command(2, Action::Set(210.0), CommandMode::Direct, 800).id;
    bench.request(Request::Cancel(id));
    assert_eq!(outcomes(&mut bench), [Outcome::NotOperated(NotOperatedWhy::Cancelled)]);
    let mut bench = between();
    bench.close();
    assert_eq!(outcomes(&mut bench), [Outcome::NotOperated(NotOperatedWhy::LinkDown)]);
    // Not the second half of a select that ended with the old connection.
    let mut bench = between();
    bench.request(Request::Command(bench.command(3, Action::Switch(true), CommandMode::Execute, 800)));
    assert_eq!(outcomes(&mut bench), [Outcome::NotOperated(NotOperatedWhy::LinkDown)]);
    // And only so many.
    for _ in 0..WAITING_MAX {
        bench.request(Request::Command(bench.command(3, Action::Switch(true), CommandMode::Direct, 800)));
    }
    assert_eq!(outcomes(&mut bench), [Outcome::NotOperated(NotOperatedWhy::LinkDown)]);
}

#[test]
fn a1_r21_a_wished_switch_over_waits_for_the_command_under_way() {
    let mut bench = pair(&[]);
    bench.request(Request::Command(bench.command(2, Action::Set(210.0), CommandMode::Direct, 5000)));
    let sent = bench.tx_bytes();
    bench.request(Request::SwitchOver);
    assert!(bench.tx().is_empty());
    bench.rx_i(&answer(&sent[0], crate::Cause::ACTIVATION_CON, false));
    let events = bench.events();
    assert!(events.iter().any(|event| matches!(event, Event::Settled { outcome: Outcome::Completed, .. })), "{events:?}");
    assert!(bench.tx().contains(&"U STOPDT act".to_owned()));
}

#[test]
fn the_preferred_peer_is_chosen_and_returned_to_only_if_that_is_asked_for() {
    for switch_back in [false, true] {
        let mut bench = pair(&[("preferred", text("127.0.0.8")), ("switch_back", Field::Bool(switch_back))]);
        bench.pass_ms(9_999);
        assert!(bench.on(8).tx().is_empty());
        bench.pass_ms(2);
        if !switch_back {
            assert!(bench.tx().is_empty() && sent(bench.on(7)).is_empty());
            // But among several that stand by it is the one.
            bench.on(6).open();
            bench.on(7).close();
            assert_eq!(bench.on(8).tx(), ["U STARTDT act"]);
            continue;
        }
        // It proves itself first.
        assert_eq!(bench.tx(), ["U TESTFR act"]);
        assert!(sent(bench.on(7)).is_empty());
        bench.on(8).rx_u(Function::TestCon);
        assert_eq!(bench.on(7).tx(), ["U STOPDT act"]);
        bench.rx_u(Function::StopCon);
        assert_eq!(bench.on(8).tx(), ["U STARTDT act"]);
    }
}

#[test]
fn a1_r23_a_switch_over_never_hides_a_dead_link_for_longer_than_detection_and_a_second() {
    let mut bench = pair(&[]);
    bench.pass_ms(1);
    // Both paths die silently just now; the link is idle.
    let dead = bench.now.mono;
    let mut lost = None;
    for _ in 0..60 {
        bench.pass_ms(1000);
        for channel in [7, 8] {
            bench.on(channel).tx();
            if bench.closed().is_some() {
                bench.close();
            }
        }
        let now = bench.now.mono;
        if lost.is_none() && states(&bench.events()).iter().any(|state| **state != STARTED) {
            lost = Some(now.since(dead));
        }
    }
    assert!(lost.is_some_and(|after| after <= Duration::from_secs(36)), "t3 + t1 + 1 s: {lost:?}");
}

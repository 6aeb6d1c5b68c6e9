//! Commands, from the request to their one final state.

use bridge_model::{Action, Command, CommandMode, IndeterminateWhy, Outcome, Refusal};
use bridge_session::{Phase as Progress, Role};

use super::tests::started;
use super::*;
use crate::test_kit::*;
use crate::{Cause, describe};

fn settled(events: &[Event]) -> Vec<Outcome> {
    events.iter().filter_map(|event| if let Event::Settled { outcome, .. } = event { Some(*outcome) } else { None }).collect()
}

fn progress(events: &[Event]) -> Vec<Progress> {
    events.iter().filter_map(|event| if let Event::Progress { phase, .. } = event { Some(*phase) } else { None }).collect()
}

const SET: Action = Action::Set(210.0);

#[test]
fn a1_r52_a1_r54_select_execute_confirm_completes_once() {
    let mut bench = started(&[]);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::SelectExecute, 2000)));
    let sent = bench.tx_bytes();
    assert_eq!(describe(&sent[0]), "I ns=1 nr=2 C_SE_NC_1 act ca=21 ioa=2002 210.0 select");
    assert_eq!(progress(&bench.events()), [Progress::SelectSent]);
    bench.rx_i(&answer(&sent[0], Cause::ACTIVATION_CON, false));
    let sent = bench.tx_bytes();
    assert_eq!(describe(&sent[0]), "I ns=2 nr=3 C_SE_NC_1 act ca=21 ioa=2002 210.0");
    assert_eq!(progress(&bench.events()), [Progress::Selected, Progress::ExecuteSent]);
    let con = answer(&sent[0], Cause::ACTIVATION_CON, false);
    bench.rx_i(&con);
    let events = bench.events();
    assert_eq!((progress(&events), settled(&events)), (vec![Progress::Confirmed], vec![Outcome::Completed]));
    bench.rx_i(&con);
    bench.rx_i(&answer(&sent[0], Cause::ACTIVATION_TERM, false));
    assert!(bench.events().is_empty(), "settled exactly once");
}

#[test]
fn a1_r53_a1_r24_every_control_type_direct() {
    let mut bench = started(&[]);
    let actions = [Action::Switch(true), Action::Switch(true), SET, Action::Switch(false), SET];
    for (point, action) in (0..).zip(actions) {
        bench.request(Request::Command(bench.command(point, action, CommandMode::Direct, 2000)));
    }
    assert_eq!(
        bench.tx(),
        [
            "I ns=1 nr=2 C_SC_NA_1 act ca=21 ioa=2000 on",
            "I ns=2 nr=2 C_DC_NA_1 act ca=21 ioa=2001 on",
            "I ns=3 nr=2 C_SE_NC_1 act ca=21 ioa=2002 210.0",
            "I ns=4 nr=2 C_SC_TA_1 act ca=21 ioa=2003 off 2026-04-01T10:00:00.000",
            "I ns=5 nr=2 C_SE_TC_1 act ca=21 ioa=2004 210.0 2026-04-01T10:00:00.000",
        ]
    );
}

#[test]
fn a1_r54_term_required_waits_for_it() {
    let mut bench = started(&[("term", text("required"))]);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 2000)));
    let sent = bench.tx_bytes();
    bench.rx_i(&answer(&sent[0], Cause::ACTIVATION_CON, false));
    assert_eq!(settled(&bench.events()), []);
    bench.rx_i(&answer(&sent[0], Cause::ACTIVATION_TERM, false));
    let events = bench.events();
    assert_eq!((progress(&events), settled(&events)), (vec![Progress::Terminated], vec![Outcome::Completed]));

    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 2000)));
    let sent = bench.tx_bytes();
    bench.rx_i(&answer(&sent[0], Cause::ACTIVATION_CON, false));
    bench.events();
    bench.pass_ms(10_000);
    assert_eq!(settled(&bench.events()), [Outcome::Indeterminate(IndeterminateWhy::Unanswered)]);
}

#[test]
fn a1_r32_a1_r52_refusals_settle_as_refused() {
    for (cause, negative, select, execute) in [
        (Cause::ACTIVATION_CON, true, Refusal::SelectRefused, Refusal::ExecuteRefused),
        (Cause::UNKNOWN_TYPE, true, Refusal::Unknown(44), Refusal::Unknown(44)),
        (Cause::UNKNOWN_CAUSE, true, Refusal::Unknown(45), Refusal::Unknown(45)),
        (Cause::UNKNOWN_CA, true, Refusal::Unknown(46), Refusal::Unknown(46)),
        (Cause::UNKNOWN_IOA, true, Refusal::Unknown(47), Refusal::Unknown(47)),
    ] {
        for (mode, refusal) in [(CommandMode::SelectExecute, select), (CommandMode::Direct, execute)] {
            let mut bench = started(&[]);
            bench.request(Request::Command(bench.command(2, SET, mode, 2000)));
            let sent = bench.tx_bytes();
            bench.rx_i(&answer(&sent[0], cause, negative));
            assert_eq!(settled(&bench.events()), [Outcome::Refused(refusal)]);
            assert!(bench.tx().iter().all(|line| line.starts_with("S ")), "nothing more leaves");
        }
    }
}

#[test]
fn a_confirmation_of_another_value_confirms_nothing() {
    let mut bench = started(&[]);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 20_000)));
    let sent = bench.tx_bytes();
    bench.events();
    let mut other = answer(&sent[0], Cause::ACTIVATION_CON, false);
    other[9] ^= 1;
    bench.rx_i(&other);
    let events = bench.events();
    assert!(settled(&events).is_empty() && matches!(events[..], [Event::Refused { .. }]));
    bench.pass_ms(10_000);
    assert_eq!(settled(&bench.events()), [Outcome::Indeterminate(IndeterminateWhy::Unanswered)]);
}

#[test]
fn a1_r56_one_transaction_per_point_others_go_on() {
    let mut bench = started(&[]);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::SelectExecute, 2000)));
    bench.request(Request::Command(bench.command(2, Action::Set(1.0), CommandMode::Direct, 2000)));
    assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::Busy)]);
    bench.request(Request::Command(bench.command(0, Action::Switch(true), CommandMode::Direct, 2000)));
    let lines = bench.tx();
    assert!(lines[0].contains("select") && lines[1].contains("C_SC_NA_1"), "{lines:?}");
}

#[test]
fn an_unanswered_select_operates_nothing_and_is_withdrawn() {
    let mut bench = started(&[]);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::SelectExecute, 60_000)));
    bench.tx();
    bench.rx_s(2);
    bench.pass_ms(10_000);
    assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::SelectUnanswered)]);
    assert_eq!(bench.tx().last().unwrap(), "I ns=2 nr=2 C_SE_NC_1 deact ca=21 ioa=2002 210.0 select");
}

#[test]
fn r05_a_command_whose_life_ends_in_its_select_never_executes() {
    let mut bench = started(&[]);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::SelectExecute, 2000)));
    let sent = bench.tx_bytes();
    bench.pass_ms(2000);
    assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::Expired)]);
    bench.rx_i(&answer(&sent[0], Cause::ACTIVATION_CON, false));
    let lines = bench.tx();
    assert!(lines.iter().all(|line| !line.contains(" act ")), "{lines:?}");
}

#[test]
fn r05_a_stale_peer_is_tested_before_the_execute_leaves() {
    let mut bench = started(&[]);
    bench.pass_ms(2001);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 2000)));
    assert_eq!(bench.tx(), ["U TESTFR act"]);
    bench.pass_ms(1000);
    assert!(bench.tx().is_empty());
    bench.rx_u(Function::TestCon);
    assert_eq!(bench.tx(), ["I ns=1 nr=2 C_SE_NC_1 act ca=21 ioa=2002 210.0"]);
}

#[test]
fn r05_a_peer_that_stays_silent_is_not_operated() {
    let mut bench = started(&[]);
    bench.pass_ms(3000);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 2000)));
    assert_eq!(bench.tx(), ["U TESTFR act"]);
    bench.pass_ms(2000);
    assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::NotFresh)]);
    bench.rx_u(Function::TestCon);
    assert!(bench.tx().is_empty(), "too late is never");
}

#[test]
fn r05_an_execute_leaves_alone_and_only_when_the_queue_was_taken() {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 2000)));
    let mut out = Vec::new();
    assert!(bench.session.poll_output(CHANNEL, &mut out, 4096, bench.now));
    assert!(describe(&out).contains("C_IC_NA_1"), "the queue first");
    assert!(progress(&bench.events()).is_empty());
    // The driver could not hand it over until the command's life was over: the execute is withdrawn.
    bench.pass_ms(2000);
    assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::Expired)]);
    assert!(bench.tx().is_empty());
}

#[test]
fn r05_user_timeout_is_the_remaining_life_until_the_execute_arrived() {
    let mut bench = started(&[]);
    assert_eq!(bench.session.user_timeout(CHANNEL, bench.now), None);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 2000)));
    bench.tx();
    assert_eq!(bench.session.user_timeout(CHANNEL, bench.now), Some(Duration::from_secs(3)));
    bench.pass_ms(500);
    assert_eq!(bench.session.user_timeout(CHANNEL, bench.now), Some(Duration::from_millis(2500)));
    bench.rx_s(2);
    assert_eq!(bench.session.user_timeout(CHANNEL, bench.now), None);
}

#[test]
fn r05_an_execute_unacknowledged_beyond_its_life_aborts_the_connection() {
    let mut bench = started(&[]);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 2000)));
    assert_eq!(bench.tx().len(), 1);
    bench.pass_ms(1000);
    assert_eq!(bench.tx(), ["U TESTFR act"], "the probe");
    bench.pass_ms(1999);
    assert_eq!(bench.closed(), None);
    bench.pass_ms(1);
    assert_eq!(bench.closed(), Some((true, "execute not acknowledged within its life: connection aborted".to_owned())));
    assert_eq!(settled(&bench.events()), [Outcome::Indeterminate(IndeterminateWhy::ConnectionLost)]);
    assert!(bench.tx().is_empty());
}

#[test]
fn r05_a_probe_answered_or_an_nr_saves_the_connection() {
    for by_probe in [true, false] {
        let mut bench = started(&[]);
        bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 2000)));
        let sent = bench.tx_bytes();
        bench.pass_ms(1000);
        bench.tx();
        if by_probe {
            bench.rx_u(Function::TestCon)
        } else {
            bench.rx_s(2)
        }
        bench.pass_ms(4000);
        assert_eq!(bench.closed(), None);
        bench.rx_i(&answer(&sent[0], Cause::ACTIVATION_CON, false));
        assert_eq!(settled(&bench.events()), [Outcome::Completed], "a slow answer is an answer");
    }
}

#[test]
fn a_lost_connection_settles_by_what_had_left() {
    let mut bench = started(&[]);
    bench.request(Request::Command(bench.command(0, Action::Switch(true), CommandMode::Direct, 9000)));
    bench.tx();
    bench.request(Request::Command(bench.command(2, SET, CommandMode::SelectExecute, 9000)));
    bench.tx();
    bench.events();
    bench.close();
    let outcomes = settled(&bench.events());
    assert_eq!(outcomes, [Outcome::Indeterminate(IndeterminateWhy::ConnectionLost), Outcome::NotOperated(NotOperatedWhy::LinkDown)]);
    bench.request(Request::Command(bench.command(0, Action::Switch(true), CommandMode::Direct, 9000)));
    assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::LinkDown)]);
}

#[test]
fn a_protocol_error_with_an_execute_on_the_wire_aborts() {
    let mut bench = started(&[]);
    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 9000)));
    bench.tx();
    bench.rx(&[0x00]);
    assert_eq!(bench.closed(), Some((true, "malformed: start octet 0x00 instead of 0x68".to_owned())));
}

#[test]
fn cancel_works_until_the_execute_left() {
    let mut bench = started(&[]);
    let command = bench.command(2, SET, CommandMode::SelectExecute, 9000);
    bench.request(Request::Command(command));
    let sent = bench.tx_bytes();
    bench.request(Request::Cancel(command.id));
    assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::Cancelled)]);
    assert!(bench.tx()[0].contains("deact"));
    bench.request(Request::Command(command));
    bench.tx();
    bench.rx_i(&answer(&sent[0], Cause::ACTIVATION_CON, false));
    bench.tx();
    bench.request(Request::Cancel(command.id));
    assert!(settled(&bench.events()).is_empty(), "too late");
}

#[test]
fn r22_a_monitor_only_link_carries_no_control() {
    let mut link = spec(Role::Client, &[]);
    link.monitor_only = true;
    let mut bench = Bench::new(Controlling::new(&link));
    assert!(ControlPermit::for_link(&link).is_none());
    bench.open();
    bench.tx();
    bench.rx_u(Function::StartCon);
    bench.forget();
    for point in 0..5 {
        for mode in [CommandMode::Direct, CommandMode::SelectExecute, CommandMode::Cancel] {
            bench.request(Request::Command(bench.command(point, SET, mode, 9000)));
            assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::NotPermitted)]);
        }
    }
    bench.pass_ms(12_000);
    assert!(bench.tx().is_empty());
}

#[test]
fn r21_r22_nothing_but_interrogations_leaves_unasked() {
    let mut bench = started(&[]);
    for _ in 0..100 {
        bench.pass_ms(10_000);
        for line in bench.tx() {
            assert!(line.starts_with("S ") || line == "U TESTFR act", "{line}");
            if line == "U TESTFR act" {
                bench.rx_u(Function::TestCon);
            }
        }
    }
    assert_eq!(bench.closed(), None);
}

#[test]
fn what_a_type_cannot_carry_is_not_permitted() {
    let mut bench = started(&[]);
    let mut bad = vec![
        bench.command(0, SET, CommandMode::Direct, 2000),
        bench.command(2, Action::Switch(true), CommandMode::Direct, 2000),
        bench.command(2, Action::Set(1e300), CommandMode::Direct, 2000),
        bench.command(2, Action::Set(f64::NAN), CommandMode::Direct, 2000),
        bench.command(99, SET, CommandMode::Direct, 2000),
    ];
    bad.push(Command { qualifier: 32, ..bench.command(0, Action::Switch(true), CommandMode::Direct, 2000) });
    for command in bad {
        bench.request(Request::Command(command));
        assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::NotPermitted)]);
    }
    bench.request(Request::Command(bench.command(2, SET, CommandMode::Direct, 0)));
    assert_eq!(settled(&bench.events()), [Outcome::NotOperated(NotOperatedWhy::Expired)]);
    assert!(bench.tx().is_empty());
}

#[test]
fn a1_r36_qualifiers_reach_the_wire() {
    let mut bench = started(&[]);
    bench.request(Request::Command(Command { qualifier: 2, ..bench.command(1, Action::Switch(false), CommandMode::Direct, 2000) }));
    assert_eq!(bench.tx(), ["I ns=1 nr=2 C_DC_NA_1 act ca=21 ioa=2001 off qu=2"]);
}

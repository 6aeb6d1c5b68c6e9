//! Links that are lost in the middle of a confirmation: no event lost, none doubled beyond what a lost confirmation makes lawful.

use std::time::Duration;

use bridge_model::{Cause, PointId, PointUpdate, Quality};
use bridge_session::Role;

use super::dnp3_kit::{Run, changes, end, monitored, row_of};
use super::dnp3_outstation::serving;
use crate::support::{Dnp3Peer, PATIENCE, wait_until};

#[test]
fn our_master_lost_in_mid_burst_loses_no_event_of_the_yadnp3_outstation() {
    our_master("dnp3_loss_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn our_master_lost_in_mid_burst_loses_no_event_of_the_py1815_outstation() {
    our_master("dnp3_loss_py1815", Dnp3Peer::Py1815);
}

#[test]
fn the_yadnp3_master_killed_in_mid_burst_loses_no_event_of_our_outstation() {
    their_master("dnp3_killed_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn the_py1815_master_killed_in_mid_burst_loses_no_event_of_our_outstation() {
    their_master("dnp3_killed_py1815", Dnp3Peer::Py1815);
}

#[test]
fn our_outstation_repeats_what_the_py1815_master_does_not_confirm() {
    unconfirmed("dnp3_unconfirmed_py1815");
}

/// Events of each part of a burst. The measurand counts up, so that each event is known by its value.
const PART: u32 = 150;
/// Parts, with a loss in the middle of each but the last.
const PARTS: u32 = 4;

/// What was told before each loss, one list after the other: every number from 1 on, in order. After a loss a part may go back once to what
/// the part before had too, because its confirmation was lost.
#[track_caller]
fn assert_whole(parts: &[Vec<f64>]) {
    let mut most = 0.0;
    for (number, part) in parts.iter().enumerate() {
        let mut before = most;
        let mut returns = 0;
        for value in part {
            if *value != before + 1.0 {
                returns += 1;
                assert!(*value <= most, "part {number}: {value} after {before}, {most} was the last: {part:?}");
            }
            before = *value;
            most = before.max(most);
        }
        let lawful = usize::from(number > 0);
        assert!(returns <= lawful, "part {number} goes back {returns} times: {part:?}");
    }
    assert_eq!(most, f64::from(PART * PARTS), "the last one came");
}

fn events(updates: &[PointUpdate], number: u32) -> Vec<f64> {
    let spontaneous = updates.iter().filter(|update| update.point == PointId(number) && update.cause == Cause::Spontaneous);
    spontaneous.map(|update| update.value.as_f64()).collect()
}

fn our_master(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Client);
    let mut outstation = run.outstation(&["--confirm-timeout-ms", "300"]);
    let (number, _) = row_of(peer, Role::Client, "analog.0");
    let mut told = Vec::new();
    for part in 0..PARTS {
        let line = run.our_master(&[]);
        for value in part * PART..(part + 1) * PART {
            outstation.say(&format!("set analog.0 {}", value + 1));
        }
        let last = f64::from(PART * PARTS);
        let enough = |seen: &[f64]| if part + 1 == PARTS { seen.last() == Some(&last) } else { seen.len() > 5 };
        wait_until("events came", || enough(&events(&line.updates(), number)));
        told.push(events(&line.cut(), number));
    }
    end(outstation);
    assert_eq!(changes(&run.ledger("outstation"), "analog.0").len() as u32, PART * PARTS);
    assert_whole(&told);
    run.dissect();
}

fn their_master(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Server);
    let line = run.line(Role::Server, &[("confirm_timeout", "300ms")]);
    let mut source = serving(&run, &line);
    let (number, row) = row_of(peer, Role::Server, "analog.0");
    let mut told = Vec::new();
    for part in 0..PARTS {
        let book = format!("master{part}");
        let mut master = run.master(&book, &[]);
        let seen = || -> Vec<f64> { changes(&run.ledger(&book), "analog.0").into_iter().map(|(value, ..)| value).collect() };
        for value in part * PART..(part + 1) * PART {
            source.event(number, row, f64::from(value + 1), Quality::GOOD);
        }
        let last = f64::from(PART * PARTS);
        wait_until("events came", || if part + 1 == PARTS { seen().last() == Some(&last) } else { seen().len() > 5 });
        if part + 1 == PARTS {
            source.assert_all_delivered();
            end(master);
        } else {
            master.kill();
        }
        told.push(seen());
    }
    assert_whole(&told);
    drop(line);
    run.dissect();
}

fn unconfirmed(test: &str) {
    let run = Run::new(test, Dnp3Peer::Py1815, Role::Server);
    let line = run.line(Role::Server, &[("confirm_timeout", "200ms")]);
    let mut source = serving(&run, &line);
    let mut master = run.master("master", &[]);
    master.say("deviate withhold_unsolicited_confirmation on");
    master.wait_for_line("DEVIATES", PATIENCE);
    let (number, row) = monitored(run.peer, Role::Server)[0];
    let stamp = source.event(number, row, 1.0, Quality::GOOD);
    let seen = || changes(&run.ledger("master"), &row.name());
    wait_until("it came", || !seen().is_empty());
    // Longer than several repetitions. The same fragment again is no new event to the master.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(seen(), [(1.0, 0, stamp)]);
    assert!(source.delivered().is_empty(), "nothing was confirmed");
    master.say("deviate withhold_unsolicited_confirmation off");
    master.wait_for_line("DEVIATES", PATIENCE);
    // Only a repetition can still be confirmed.
    source.assert_all_delivered();
    let after = source.event(number, row, 0.0, Quality::GOOD);
    source.assert_all_delivered();
    assert_eq!(seen(), [(1.0, 0, stamp), (0.0, 0, after)]);
    end(master);
    drop(line);
    run.dissect();
}

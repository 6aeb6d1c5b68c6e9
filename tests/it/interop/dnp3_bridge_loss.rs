//! The real binary as the master of a foreign outstation: its link is cut in the middle of a confirmation, itself is killed under a load of
//! events. The outstation's own ledger is held against the journal: nothing lost, and nothing twice but what was not confirmed.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_sim::{Entry, Rng};

use super::dnp3_bridge::Path;
use super::dnp3_kit::end;
use crate::support::{Before, Cutter, Dnp3Peer, Journaled, PATIENCE, Process, changes, free_port, terminate, wait_until};

#[test]
fn a_link_cut_before_its_confirms_loses_no_event_of_the_yadnp3_outstation() {
    cut("dnp3_cut_confirm_yadnp3", Dnp3Peer::Yadnp3, Before::Confirm);
}

#[test]
fn a_link_cut_before_its_confirms_loses_no_event_of_the_py1815_outstation() {
    cut("dnp3_cut_confirm_py1815", Dnp3Peer::Py1815, Before::Confirm);
}

#[test]
fn a_link_cut_before_its_events_doubles_no_event_of_the_yadnp3_outstation() {
    cut("dnp3_cut_events_yadnp3", Dnp3Peer::Yadnp3, Before::Events);
}

#[test]
fn a_link_cut_before_its_events_doubles_no_event_of_the_py1815_outstation() {
    cut("dnp3_cut_events_py1815", Dnp3Peer::Py1815, Before::Events);
}

#[test]
fn twelve_kills_of_the_bridge_lose_no_event_of_the_yadnp3_outstation() {
    killed("dnp3_twelve_kills_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn twelve_kills_of_the_bridge_lose_no_event_of_the_py1815_outstation() {
    killed("dnp3_twelve_kills_py1815", Dnp3Peer::Py1815);
}

/// A measurand without dead-band. It counts up, so that each of its events is known by its value.
const POINT: &str = "U1.q";
/// A state that changes now and then; one of the outstations says when.
const STATE: &str = "U1.bfp_a";
/// Where it stands first.
const FIRST: u32 = 40;
/// Events of each part of a burst.
const PART: u32 = 60;
const CUTS: usize = 5;
const KILLS: u32 = 12;

/// The outstation makes the next so many events of the measurand.
fn count_up(outstation: &mut Process, counted: &mut u32, count: u32) {
    for _ in 0..count {
        *counted += 1;
        outstation.say(&format!("set {POINT} {}", FIRST + *counted));
    }
}

/// What the journal has of a point, in its order.
fn journaled(path: &Path, point: &str) -> Vec<Journaled> {
    changes(&path.grid.journal("plant"), &path.grid.thermal).into_iter().filter(|change| change.point == point).collect()
}

fn has_all(path: &Path, counted: u32) -> bool {
    let found = journaled(path, POINT);
    (1..=counted).all(|number| found.iter().any(|change| change.value == f64::from(FIRST + number)))
}

/// What the outstation's own ledger says it made of a point.
fn made(path: &Path, point: &str) -> Vec<(f64, i64)> {
    let changed = |entry: &Entry| entry.point == point && entry.cause.as_deref() == Some("spontaneous");
    path.made().into_iter().filter(changed).filter_map(|entry| Some((entry.value?, entry.stamp?))).collect()
}

/// Holds the journal against the outstation's ledger; returns how often it has each number, and how often what came went back to numbers
/// that had come before.
#[track_caller]
fn judged(path: &Path, peer: Dnp3Peer, counted: u32) -> (BTreeMap<u32, usize>, usize) {
    let (made_here, found) = (made(path, POINT), journaled(path, POINT));
    assert_eq!(made_here.len(), counted as usize, "the outstation made each once");
    let dated = peer == Dnp3Peer::Py1815;
    let mut copies = BTreeMap::new();
    for (number, (value, stamp)) in (1..).zip(&made_here) {
        let of_it: Vec<&Journaled> = found.iter().filter(|change| change.value == *value).collect();
        assert!(!of_it.is_empty(), "{value} is lost");
        for change in &of_it {
            assert_eq!((!change.by_bridge).then_some(change.stamp), dated.then_some(*stamp), "{change:?}");
        }
        copies.insert(number, of_it.len());
    }
    let (mut before, mut most, mut returns) = (f64::from(FIRST), f64::from(FIRST), 0);
    for change in &found {
        if change.value != before + 1.0 {
            assert!(change.value <= most, "{} after {before}, {most} was the last", change.value);
            returns += 1;
        }
        before = change.value;
        most = before.max(most);
    }
    if dated {
        // A state that says when is known by it: once as it is, and flagged whenever it comes again.
        let found = journaled(path, STATE);
        for (value, stamp) in made(path, STATE) {
            let plain = found.iter().filter(|change| (change.value, change.stamp, change.flagged) == (value, stamp, false)).count();
            assert_eq!(plain, 1, "{STATE} {value} at {stamp}");
        }
    }
    (copies, returns)
}

fn cut(test: &str, peer: Dnp3Peer, before: Before) {
    let path = Path::new(test, peer, "bridge");
    let port = free_port();
    // Nothing is sent again for want of patience: whatever comes twice does so because of a cut.
    let mut outstation = path.outstation(port, &["--confirm-timeout-ms", "20000"]);
    let cutter = Cutter::between(path.grid.rtu, port);
    let mut plant = path.grid.start("plant");
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    let mut counted = 0;
    for _ in 0..CUTS {
        count_up(&mut outstation, &mut counted, PART / 2);
        cutter.cut(before);
        count_up(&mut outstation, &mut counted, PART / 2);
        wait_until("the connection was cut", || cutter.has_cut());
        wait_until("what came then is in the journal", || has_all(&path, counted));
    }
    terminate(&mut plant);
    end(outstation);
    let (copies, returns) = judged(&path, peer, counted);
    match before {
        // Only a confirmation that was lost makes events come again, once for each.
        Before::Confirm => assert!((1..=CUTS).contains(&returns), "{returns} returns: {copies:?}"),
        Before::Events => assert!(returns == 0 && copies.values().all(|copies| *copies == 1), "{returns} returns: {copies:?}"),
    }
    path.grid.verify("plant").good();
}

fn killed(test: &str, peer: Dnp3Peer) {
    let path = Path::new(test, peer, "bridge");
    let mut outstation = path.outstation(path.grid.rtu, &["--confirm-timeout-ms", "500"]);
    let mut rng = Rng::new(0xD3F);
    let mut counted = 0;
    for round in 0..KILLS {
        let mut plant = Process::spawn("plant", &mut path.grid.run("plant", &[]));
        // Every fourth time it dies at its start, while it recovers.
        if round % 4 != 3 {
            plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
        }
        for _ in 0..20 + rng.below(20) {
            count_up(&mut outstation, &mut counted, 3);
            outstation.say(&format!("set {STATE} {}", rng.below(2)));
            std::thread::sleep(Duration::from_millis(4));
        }
        // Between the arrival of events and their confirmation lies a millisecond or two.
        count_up(&mut outstation, &mut counted, 3);
        std::thread::sleep(Duration::from_micros(rng.below(4000)));
        plant.kill();
        count_up(&mut outstation, &mut counted, 10);
    }
    let mut plant = path.grid.start("plant");
    wait_until("the journal has every event", || has_all(&path, counted));
    terminate(&mut plant);
    end(outstation);
    let (_, returns) = judged(&path, peer, counted);
    assert!((1..=KILLS as usize).contains(&returns), "a kill lets come again what was not confirmed, once: {returns} times");
    path.grid.verify("plant").good();
}

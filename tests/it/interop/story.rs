//! The whole path between two foreign ends: one peer is the plant's RTU and the load despatch centre's EMS, both bridges are ours.

use std::time::Duration;

use bridge_sim::{EntryKind, compare};

use super::orders;
use crate::support::{Capture, Grid, PATIENCE, Peer, dissect, events, ledger, terminate, wait_until};

/// State changes of one burst; the station's library keeps a hundred frames for a controlling station that is behind.
const BURST: usize = 60;

/// The peers write UTC into its time tags; a ramp that a test has patience for.
fn foreign(profile: String) -> String {
    let profile = profile.replace("zone = \"IST\"", "zone = \"UTC\"");
    profile
        .replace("ramp = \"2.5 MW/min\", step = \"5s\"", "ramp = \"120 MW/min\", step = \"1s\"")
        .replace("dwell = \"10s\"", "dwell = \"2s\"")
}

#[test]
fn a_c104_ems_moves_a_c104_station_through_both_bridges() {
    through_both_bridges("foreign_ends_c104", Peer::C104);
}

#[test]
fn an_iec104_ems_moves_an_iec104_station_through_both_bridges() {
    through_both_bridges("foreign_ends_iec104", Peer::Iec104);
}

fn through_both_bridges(test: &str, peer: Peer) {
    let grid = Grid::new(test, foreign);
    let (station_ledger, ems_ledger) = (grid.file("station.jsonl"), grid.file("ems.jsonl"));
    let rtu_link = Capture::start(grid.rtu, &grid.file("rtu.pcapng"));
    let ems_link = Capture::start(grid.ems, &grid.file("ems.pcapng"));

    let mut station = peer.station(&grid.station_points(), (grid.rtu, 21), &station_ledger, &[]);
    station.wait_for_line("READY", PATIENCE);
    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    let mut ems = peer.ems(&grid.ems_points(), (grid.ems, 1), &ems_ledger);
    ems.wait_for_line("ANSWER interrogation ACTIVATION_TERMINATION", PATIENCE);

    station.say(&format!("burst U1.bfp_a {BURST} 2"));
    station.wait_for_line("BURST U1.bfp_a", PATIENCE);

    ems.say("set 10101 210 direct");
    ems.wait_for_line("ANSWER U1.p_set ACTIVATION_CON", PATIENCE);
    ems.wait_for_line("ANSWER U1.p_set ACTIVATION_TERMINATION", PATIENCE);
    ldc.wait_for_line("U1.p_set 210 EXECUTION COMPLETED", Duration::from_secs(90));
    ems.say("set 20101 190 direct");
    ems.wait_for_line("ANSWER U2.p_set ACTIVATION_CON", PATIENCE);
    ldc.wait_for_line("U2.p_set 190 EXECUTION COMPLETED", Duration::from_secs(90));
    ems.say("set 10101 300 direct");
    let refused = ems.wait_for_line("ANSWER U1.p_set ACTIVATION_CON", PATIENCE);
    assert!(refused.ends_with("NEGATIVE"), "{refused}");
    ldc.wait_for_line("U1.p_set 300 ACCEPTANCE REJECTED", PATIENCE);

    wait_until("the EMS saw all events and the last values", || {
        let seen = ledger(&ems_ledger);
        let last = |point: &str| seen.iter().rev().find(|entry| entry.point == point).and_then(|entry| entry.value);
        let values = (last("U1.p_echo"), last("U1.p"), last("U2.p"));
        events(&seen, "U1.bfp_a").len() >= BURST && values == (Some(210.0), Some(210.0), Some(190.0))
    });
    assert!(ems.finish(PATIENCE).success(), "{}", ems.standard_error());
    terminate(&mut plant);
    terminate(&mut ldc);
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());
    let captures = [(rtu_link.stop(), grid.rtu), (ems_link.stop(), grid.ems)];

    let (made, seen) = (ledger(&station_ledger), ledger(&ems_ledger));
    let burst = events(&made, "U1.bfp_a");
    assert_eq!(burst.len(), BURST);
    assert_eq!(events(&seen, "U1.bfp_a"), burst, "once, in order, with the station's stamps");
    let [selects, executes, refused] = orders(&made, "U1.p_set");
    assert!(selects == 1 && executes >= 4 && refused == 0, "R1: the first step only is selected: {selects} {executes} {refused}");
    let executed: Vec<f64> =
        made.iter().filter(|e| e.kind == EntryKind::Execute && e.point == "U1.p_set").filter_map(|e| e.value).collect();
    assert!(executed.is_sorted() && executed.last() == Some(&210.0), "{executed:?}");
    assert_eq!(orders(&made, "U2.p_set"), [1, 1, 0]);
    let verdict = compare(&made, &seen, &grid.book());
    assert!(verdict.is_clean() && verdict.events >= BURST as u64, "{verdict:#?}");

    for (capture, port) in captures {
        let whole = dissect(&capture, port);
        assert!(whole.clean, "{}", whole.text);
    }
    for bridge in ["plant", "ldc"] {
        grid.verify(bridge).good();
    }
}

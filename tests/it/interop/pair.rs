//! Each simulated end against an independent stack, without the bridges: what the other tests stand on speaks the standard.

use std::path::Path;

use super::{orders, select_and_execute};
use crate::cli::kit::command;
use crate::support::{Capture, Grid, PATIENCE, Peer, Process, dissect, events, ledger, wait_until};

fn utc(profile: String) -> String {
    profile.replace("zone = \"IST\"", "zone = \"UTC\"")
}

pub(super) fn sim(grid: &Grid, role: &str, profile: &str, (way, port): (&str, u16), ledger: &Path, more: &[&str]) -> Process {
    let (address, ledger) = (format!("127.0.0.1:{port}"), ledger.display().to_string());
    let profile = format!("own/{profile}");
    let mut args = vec!["sim", "iec104", "--role", role, "--profile", &profile, way, &address, "--ledger", &ledger];
    args.extend(more);
    Process::spawn(role, &mut command(grid.dir(), &args))
}

#[test]
fn our_station_satisfies_the_c104_ems() {
    our_station_satisfies("our_station_c104", Peer::C104);
}

#[test]
fn our_station_satisfies_the_iec104_ems() {
    our_station_satisfies("our_station_iec104", Peer::Iec104);
}

fn our_station_satisfies(test: &str, peer: Peer) {
    let grid = Grid::new(test, utc);
    let (ours, theirs) = (grid.file("station.jsonl"), grid.file("ems.jsonl"));
    let capture = Capture::start(grid.rtu, &grid.file("link.pcapng"));
    let generator = ["--events", "U1.bfp_a,U2.id_fan", "--event-every", "20ms", "--event-count", "50"];
    let mut station = sim(&grid, "station", "thermal-station-104", ("--listen", grid.rtu), &ours, &generator);
    station.wait_for_line("READY", PATIENCE);
    let mut ems = peer.ems(&grid.station_points(), (grid.rtu, 21), &theirs);
    ems.wait_for_line("ANSWER interrogation ACTIVATION_TERMINATION", PATIENCE);
    select_and_execute(&mut ems, "set 1101 210 select", "U1.p_set");
    ems.say("set 2101 300 select");
    assert!(ems.wait_for_line("ANSWER U2.p_set ACTIVATION_CON", PATIENCE).ends_with("NEGATIVE"));
    wait_until("the EMS saw all events and the echo", || {
        let seen = ledger(&theirs);
        let count = events(&seen, "U1.bfp_a").len() + events(&seen, "U2.id_fan").len();
        count >= 50 && seen.iter().any(|entry| entry.point == "U1.p_echo" && entry.value == Some(210.0))
    });
    assert!(ems.finish(PATIENCE).success(), "{}", ems.standard_error());
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());

    let (made, seen) = (ledger(&ours), ledger(&theirs));
    for point in ["U1.bfp_a", "U2.id_fan"] {
        assert_eq!(events(&seen, point), events(&made, point), "{point}");
    }
    let [selects, executes, refused] = orders(&made, "U1.p_set");
    assert!(selects >= 1 && executes == 1 && refused == 0, "{selects} {executes} {refused}");
    let [selects, executes, _] = orders(&made, "U2.p_set");
    assert_eq!((selects, executes), (0, 0), "outside its limits");
    let whole = dissect(&capture.stop(), grid.rtu);
    assert!(whole.clean, "{}", whole.text);
}

#[test]
fn our_ems_commands_the_c104_station() {
    our_ems_commands("our_ems_c104", Peer::C104);
}

#[test]
fn our_ems_commands_the_iec104_station() {
    our_ems_commands("our_ems_iec104", Peer::Iec104);
}

fn our_ems_commands(test: &str, peer: Peer) {
    let grid = Grid::new(test, utc);
    let (ours, theirs) = (grid.file("ems.jsonl"), grid.file("station.jsonl"));
    let capture = Capture::start(grid.ems, &grid.file("link.pcapng"));
    let mut station = peer.station(&grid.ems_points(), (grid.ems, 1), &theirs, &[]);
    station.wait_for_line("READY", PATIENCE);
    let mut ems = sim(&grid, "ems", "ems-gateway-104", ("--connect", grid.ems), &ours, &[]);
    ems.wait_for_line("interrogation ended", PATIENCE);
    station.say("burst U1.cb 40 2");
    station.wait_for_line("BURST U1.cb", PATIENCE);
    ems.say("set U1 210");
    ems.wait_for_line("ACT CON", PATIENCE);
    ems.say("set U2 300");
    ems.wait_for_line("settled U2.p_set set 300 Refused", PATIENCE);
    wait_until("the EMS saw all events and the echo", || {
        let seen = ledger(&ours);
        events(&seen, "U1.cb").len() >= 40 && seen.iter().any(|entry| entry.point == "U1.p_echo" && entry.value == Some(210.0))
    });
    assert!(ems.finish(PATIENCE).success(), "{}", ems.standard_error());
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());

    let (made, seen) = (ledger(&theirs), ledger(&ours));
    assert_eq!(events(&seen, "U1.cb"), events(&made, "U1.cb"));
    assert_eq!((orders(&made, "U1.p_set"), orders(&made, "U2.p_set")), ([0, 1, 0], [0, 0, 1]));
    let whole = dissect(&capture.stop(), grid.ems);
    assert!(whole.clean, "{}", whole.text);
}

//! A breaker is switched from an EMS to a station over real sockets: two bridges as processes, DNP3 on both sides.

use bridge_sim::{Entry, EntryKind};

use crate::cli::kit::command;
use crate::support::{Grid, PATIENCE, Process, kinds, ledger, terminate, wait_until};

fn simulated(grid: &Grid, role: &str, profile: &str, way: [&str; 2], more: &[&str]) -> Process {
    let (profile, file) = (format!("own/{profile}"), grid.file(&format!("{role}.jsonl")).display().to_string());
    let mut args = vec!["sim", "dnp3", "--role", role, "--profile", &profile, way[0], way[1], "--ledger", &file];
    args.extend(more);
    let process = Process::spawn(role, &mut command(grid.dir(), &args));
    process.wait_for_line("READY", PATIENCE);
    process
}

#[test]
fn r15_a_crob_reaches_the_station_over_sockets_and_is_answered_by_what_it_did() {
    let grid = Grid::over_dnp3("crob_over_sockets", |profile| profile);
    let [rtu, served] = [grid.rtu, grid.ems].map(|port| format!("127.0.0.1:{port}"));
    let (mut plant, mut ldc) = (grid.start("plant"), grid.start("ldc"));
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    let mut station = simulated(&grid, "station", "thermal-station-104", ["--listen", &rtu], &["--walk-every", "0s"]);
    let mut ems = simulated(&grid, "ems", "ems-gateway-104", ["--connect", &served], &[]);
    let (ours, seen) = (grid.file("station.jsonl"), grid.file("ems.jsonl"));
    let shows = |point: &str, value: f64| {
        let is_value = |entry: &Entry| matches!(entry.kind, EntryKind::Change | EntryKind::Event) && entry.point == point;
        let last = ledger(&seen).into_iter().rfind(is_value);
        last.is_some_and(|entry| entry.value == Some(value) && entry.quality == Some(0))
    };
    wait_until("the EMS sees the breaker open", || shows("U1.cb", 1.0));

    ems.say("on U1.switch");
    ems.wait_for_line("settled U1.switch on Completed", PATIENCE);
    let wanted = [EntryKind::Select, EntryKind::Execute, EntryKind::Refused];
    assert_eq!(kinds(&ledger(&ours), "U1.switch", &wanted), [EntryKind::Select, EntryKind::Execute], "selected, executed, once");
    wait_until("the EMS sees it closed", || shows("U1.cb", 2.0));

    // The plant withdraws its permission: the EMS is told no, and nothing more reaches the station.
    station.say("change U1.remote_enable 0");
    wait_until("the EMS sees it", || shows("U1.remote_enable", 0.0));
    ems.say("off U1.switch");
    ems.wait_for_line("settled U1.switch off Refused(Status(7", PATIENCE);
    assert_eq!(kinds(&ledger(&ours), "U1.switch", &wanted).len(), 2);
    assert!(shows("U1.cb", 2.0));
    for end in [&mut ems, &mut station] {
        assert!(end.finish(PATIENCE).success(), "{}", end.standard_error());
    }
    for bridge in [&mut plant, &mut ldc] {
        terminate(bridge);
    }
    for folder in ["plant", "ldc"] {
        grid.verify(folder).good();
    }
}

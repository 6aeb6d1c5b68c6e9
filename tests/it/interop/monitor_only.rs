//! Delivery rule 6 and R22 on the wire: whatever is asked of the real binary, a monitor-only link carries nothing that operates or changes a
//! station. The dissector says what was sent; the station is not ours.

use std::collections::BTreeSet;

use bridge_sim::EntryKind;

use super::dnp3_bridge::Path;
use super::dnp3_kit::end;
use crate::cli::kit::Ran;
use crate::support::{
    Capture, Dnp3Peer, Grid, PATIENCE, Peer, Process, dissect, dissect_dnp3, dnp3_requests, iec104_requests, ledger, terminate,
};

/// The plant's profile without its controls, its link monitor-only, and everything allowed that can be.
fn watching(profile: String, allow: &str) -> String {
    if !profile.contains("role = \"client\",") {
        return profile;
    }
    let (from, to) = (profile.find("\n[[template.unit.control]]"), profile.find("\n[[use]]"));
    let (from, to) = (from.expect("controls"), to.expect("the template is used"));
    // The tests beside a shipped profile command: they go with the controls.
    let end = profile.find("\n[[test]]").unwrap_or(profile.len());
    let link = format!("role = \"client\", monitor_only = true, allow = \"{allow}\",");
    [&profile[..from], &profile[to..end]].concat().replace("role = \"client\",", &link)
}

/// What an engineer asks; those that a monitor-only link may carry are done, everything else is refused here.
fn ask(grid: &Grid, what: &str) -> Ran {
    let mut args = vec!["link", "rtu"];
    args.extend(what.split_whitespace());
    args.extend(["--config", "plant", "--operator", "plant:shift-2"]);
    grid.site.run(&args)
}

#[track_caller]
fn refused(grid: &Grid, what: &str) {
    let ran = ask(grid, what);
    assert!(ran.code == 1 && ran.err.contains("not allowed on this link"), "{what}: {} {}{}", ran.code, ran.out, ran.err);
}

#[track_caller]
fn done(grid: &Grid, what: &str) {
    let ran = ask(grid, what);
    assert_eq!(ran.code, 0, "{what}: {}{}", ran.out, ran.err);
}

/// A set-point from the load despatch centre, for a control that the plant's bridge does not have.
#[track_caller]
fn commanded(grid: &Grid, ldc: &Process) {
    let args = ["send", "dispatch", "--config", "ldc", "U1.p_set", "206", "--operator", "sldc:shift-2", "--instruction", "DM-9"];
    grid.site.run(&args);
    ldc.wait_for_line("U1.p_set 206 ACCEPTANCE REJECTED", PATIENCE);
}

#[test]
fn r22_a_monitor_only_link_over_dnp3_sends_nothing_that_changes_a_yadnp3_outstation() {
    const ALLOW: &str = "clock_sync, counter_freeze, counter_reset, reset, assign_class, parameters, files, file_write";
    let path = Path::edited("monitor_only_dnp3", Dnp3Peer::Yadnp3, |profile| {
        // A path of its own for what is allowed: the link's other `allow` goes.
        watching(profile.replace("allow = \"clock_sync, files, file_write\", ", ""), ALLOW)
    });
    let grid = &path.grid;
    let files = grid.file("files");
    std::fs::create_dir(&files).and_then(|()| std::fs::write(files.join("log.txt"), "a line")).expect("writable");
    let capture = Capture::start(grid.rtu, &grid.file("rtu.pcapng"));
    let mut outstation = path.outstation(grid.rtu, &["--need-time", "--files", &files.display().to_string()]);
    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    outstation.wait_for_line("TOLD clock", PATIENCE);
    outstation.say("burst U1.bfp_a 50 2");
    outstation.wait_for_line("BURST", PATIENCE);

    for what in ["interrogate", "poll 0 1 2 3", "read U1.p", "clock", "test", "unsolicited 1 2 3 --stop", "unsolicited 1 2 3"] {
        done(grid, what);
    }
    done(grid, "file get log.txt --out log.txt");
    for what in ["counters --freeze", "counters --freeze --reset", "reset", "cold-restart", "assign-class U1.p 2", "load U1.p threshold 5"]
    {
        refused(grid, what);
    }
    for what in ["file put new.txt --from log.txt", "file delete log.txt"] {
        refused(grid, what);
    }
    commanded(grid, &ldc);
    outstation.say("restart");
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    terminate(&mut plant);
    terminate(&mut ldc);
    end(outstation);

    let capture = capture.stop();
    let asked = dnp3_requests(&capture, grid.rtu);
    // READ, WRITE, ENABLE_UNSOLICITED and DISABLE_UNSOLICITED, RECORD_CURRENT_TIME, OPEN_FILE and CLOSE_FILE.
    let functions: BTreeSet<u8> = asked.iter().map(|(function, _)| *function).collect();
    assert_eq!(functions, BTreeSet::from([0, 1, 2, 20, 21, 24, 25, 26]), "{asked:x?}");
    // Nothing is written but the time of the record (g50v3) and the restart bit (g80v1).
    let written: Vec<u16> = asked.iter().filter(|(function, _)| *function == 2).map(|(_, object)| *object).collect();
    assert_eq!(written, [0x3203, 0x5001]);
    let happened = path.made();
    assert!(happened.iter().all(|entry| ![EntryKind::Select, EntryKind::Execute, EntryKind::Refused].contains(&entry.kind)));
    assert!(happened.iter().all(|entry| !entry.text.as_deref().is_some_and(|text| text.starts_with("restart"))));
    assert_eq!(std::fs::read_to_string(files.join("log.txt")).expect("still there"), "a line");
    let whole = dissect_dnp3(&capture, grid.rtu, Some(21));
    assert!(whole.clean, "{}", whole.text);
}

#[test]
fn r22_a_monitor_only_link_over_104_sends_nothing_that_changes_a_c104_station() {
    let grid = Grid::new("monitor_only_104", |profile| {
        watching(profile.replace("zone = \"IST\"", "zone = \"UTC\""), "clock_sync, counter_freeze, counter_reset, reset, parameters")
    });
    let capture = Capture::start(grid.rtu, &grid.file("rtu.pcapng"));
    let made = grid.file("station.jsonl");
    let mut station = Peer::C104.station(&grid.station_points(), (grid.rtu, 21), &made, &[]);
    station.wait_for_line("READY", PATIENCE);
    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    for what in ["interrogate", "counters", "counters --freeze", "read U1.p", "clock", "test"] {
        done(&grid, what);
    }
    for what in ["reset", "load U1.p threshold 0.5", "activate", "deactivate U1.p", "cyclic U1.p --stop"] {
        refused(&grid, what);
    }
    commanded(&grid, &ldc);
    terminate(&mut plant);
    terminate(&mut ldc);
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());

    let capture = capture.stop();
    // Interrogations, read, clock synchronisation and test: no type of 45 to 64, no 105, none of 110 to 113.
    assert_eq!(iec104_requests(&capture, grid.rtu), BTreeSet::from([100, 101, 102, 103, 107]));
    let happened = ledger(&made);
    assert!(happened.iter().all(|entry| ![EntryKind::Select, EntryKind::Execute, EntryKind::Refused].contains(&entry.kind)));
    let whole = dissect(&capture, grid.rtu);
    assert!(whole.clean, "{}", whole.text);
}

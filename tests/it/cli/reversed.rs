//! A link of both directions by the command line: what `check` and the interoperability statement say of it, and a whole plant behind it.

use crate::support::{Capture, Grid, PATIENCE, Peer, Process, dissect, events, kinds, ledger, reversed, terminate, wait_until};
use bridge_sim::{EntryKind, compare};

use super::kit::command;

/// The EMS writes UTC into its time tags; a ramp that a test has patience for; the trip also served to the plant's controller.
fn turned(profile: String) -> String {
    let profile = profile.replace("zone = \"IST\"", "zone = \"UTC\"");
    if !profile.contains("in.wr.tps-a\"") {
        return profile;
    }
    let profile = profile
        .replace("ramp = \"2.5 MW/min\", step = \"5s\"", "ramp = \"120 MW/min\", step = \"1s\"")
        .replace("dwell = \"10s\"", "dwell = \"2s\"");
    let both = reversed(profile).replace("direction = \"both\",", "direction = \"both\", allow_reverse = \"clock_sync, reset\",");
    both + "\n[[serve]]\non = \"rtu\"\npoint = \"U1.trip\"\naddr = { ioa = 1020, ti = \"M_SP_TB_1\" }\n"
}

#[test]
fn a1_r64_r22_check_and_the_statement_show_what_each_direction_allows() {
    let grid = Grid::new("both_directions_shown", turned);
    let checked = grid.site.run(&["check", "plant"]).good().out;
    let line = checked.lines().find(|line| line.contains("housekeeping (R22)")).expect("the line of the link");
    let (own, other) = line.split_once("; in the reversed direction").expect("both directions");
    assert!(!own.contains("allowed:") && own.contains("off: clock synchronisation (103)"), "{own}");
    assert!(other.contains("; allowed: clock synchronisation (103), reset process (105); off: freezing counters"), "{other}");
    let statement = grid.site.run(&["interop", "iec104", "--config", "plant", "--link", "rtu", "--json"]).good().json();
    let allowed = |title: &str| {
        let sections = statement["sections"].as_array().expect("sections");
        let rows = sections.iter().find(|section| section["title"] == title).expect("the section")["rows"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["function"] == "Allowed beyond reading and commanding (R22)").expect("the row");
        row["used"].as_str().expect("text").to_owned()
    };
    assert_eq!(allowed("Basic application functions"), "nothing");
    assert_eq!(allowed("Basic application functions, reversed direction"), "clock_sync, reset");
    // The other bridge's link has one direction: nothing is said of another.
    assert!(!grid.site.run(&["check", "ldc"]).good().out.contains("reversed"));
}

/// The station's end of the plant's link: it connects to the bridge.
fn station(grid: &Grid) -> Process {
    let address = format!("127.0.0.1:{}", grid.rtu);
    let args = ["sim", "iec104", "--role", "station", "--profile", "own/thermal-station-104", "--ledger", "station.jsonl"];
    let wrong = grid.site.run(&[&args[..], &["--listen", &address]].concat());
    assert!(wrong.code == 1 && wrong.err.contains("this end of the link connects"), "{}", wrong.err);
    let more = ["--connect", &address, "--plant-ramp", "600", "--plant-lag", "200ms", "--walk-every", "0s"];
    Process::spawn("station", &mut command(grid.dir(), &[&args[..], &more].concat()))
}

#[test]
fn a1_r64_a_foreign_ems_moves_a_station_that_is_client_of_its_bridge() {
    let grid = Grid::new("both_directions_real", turned);
    let capture = Capture::start(grid.rtu, &grid.file("rtu.pcapng"));
    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    let mut station = station(&grid);
    station.wait_for_line("started", PATIENCE);
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    let mut ems = Peer::C104.ems(&grid.ems_points(), (grid.ems, 1), &grid.file("ems.jsonl"));
    ems.wait_for_line("ANSWER interrogation ACTIVATION_TERMINATION", PATIENCE);

    for value in ["1", "0", "1"] {
        station.say(&format!("change U1.trip {value}"));
        station.wait_for_line(&format!("U1.trip is {value}"), PATIENCE);
    }
    ems.say("set 10101 206 direct");
    ems.wait_for_line("ANSWER U1.p_set ACTIVATION_CON", PATIENCE);
    ems.wait_for_line("ANSWER U1.p_set ACTIVATION_TERMINATION", PATIENCE);
    ldc.wait_for_line("U1.p_set 206 EXECUTION COMPLETED", 3 * PATIENCE);
    ems.say("set 10101 300 direct");
    assert!(ems.wait_for_line("ANSWER U1.p_set ACTIVATION_CON", PATIENCE).ends_with("NEGATIVE"));
    wait_until("the EMS saw the trips and the echo", || {
        let seen = ledger(&grid.file("ems.jsonl"));
        events(&seen, "U1.trip").len() >= 3 && seen.iter().any(|entry| entry.point == "U1.p_echo" && entry.value == Some(206.0))
    });

    // A person at the plant asks the station in the reversed direction: what `allow_reverse` names, and nothing else.
    let link = |what: &[&str]| {
        let args = [&["link", "rtu"], what, &["--config", "plant", "--operator", "plant:shift-2"]].concat();
        grid.site.run(&args)
    };
    let read = link(&["read", "U1.p"]).good().out;
    assert_eq!(read.trim(), "read U1.p: done");
    let frozen = link(&["counters", "--freeze"]);
    assert!(frozen.code == 1 && frozen.err.contains("freeze all counters: not allowed on this link"), "{} {}", frozen.out, frozen.err);

    assert!(ems.finish(PATIENCE).success(), "{}", ems.standard_error());
    terminate(&mut plant);
    terminate(&mut ldc);
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());
    let (made, seen) = (ledger(&grid.file("station.jsonl")), ledger(&grid.file("ems.jsonl")));
    assert_eq!(events(&seen, "U1.trip"), events(&made, "U1.trip"), "once, in order, with the station's stamps");
    let steps: Vec<f64> = made.iter().filter(|e| e.kind == EntryKind::Execute && e.point == "U1.p_set").filter_map(|e| e.value).collect();
    assert!(steps.is_sorted() && steps.len() >= 2 && steps.last() == Some(&206.0), "{steps:?}");
    assert_eq!(kinds(&made, "U1.p_set", &[EntryKind::Select]).len(), 1, "R1: the first step only is selected");
    let verdict = compare(&made, &seen, &grid.book());
    assert!(verdict.is_clean() && verdict.events >= 3, "{verdict:#?}");
    let whole = dissect(&capture.stop(), grid.rtu);
    assert!(whole.clean, "{}", whole.text);
    for bridge in ["plant", "ldc"] {
        grid.verify(bridge).good();
    }
}

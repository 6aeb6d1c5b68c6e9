//! `link` against a running bridge and its station: what is done, what is refused and by whom, and that all of it is on record (R22).

use super::inbox::station;
use super::kit::Ran;
use crate::support::{Capture, Grid, PATIENCE, Peer, dissect, terminate};

fn ask(grid: &Grid, what: &[&str]) -> Ran {
    let args = [&["link", "rtu"], what, &["--config", "plant", "--operator", "plant:shift-2"]].concat();
    grid.site.run(&args)
}

#[track_caller]
fn done(grid: &Grid, what: &[&str], says: &str) {
    let ran = ask(grid, what);
    assert_eq!((ran.code, ran.out.trim(), ran.err.as_str()), (0, says, ""), "{what:?}");
}

#[track_caller]
fn not_done(grid: &Grid, what: &[&str], says: &str) {
    let ran = ask(grid, what);
    assert!(ran.code == 1 && ran.out.is_empty() && ran.err.contains(says), "{what:?}: {} {}{}", ran.code, ran.out, ran.err);
}

#[test]
fn r22_what_an_engineer_asks_of_a_station_is_done_or_refused_by_name() {
    let grid = Grid::new("link_asks", |profile| profile.replace("ca = 21,", "ca = 21, allow = \"clock_sync, counter_freeze\","));
    not_done(&grid, &["interrogate"], "the bridge does not answer");
    let mut station = station(&grid, &[]);
    let mut plant = grid.start("plant");
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    done(&grid, &["interrogate"], "interrogation: asked; `tail` shows its end");
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    done(&grid, &["counters"], "read all counters: done");
    done(&grid, &["counters", "--group", "2"], "read counters of group 2: done");
    done(&grid, &["read", "U1.p"], "read U1.p: done");
    done(&grid, &["test"], "test: done");
    // Allowed here, and the station has its own mind: no group, no counters that freeze, a clock that nobody sets.
    not_done(&grid, &["group", "3"], "read group 3: refused by the station: negative confirmation");
    not_done(&grid, &["counters", "--freeze"], "freeze all counters: refused by the station: negative confirmation");
    not_done(&grid, &["clock"], "synchronise the clock: refused by the station: negative confirmation");
    // Not allowed: nothing is sent.
    not_done(&grid, &["counters", "--reset"], "reset all counters: not allowed on this link");
    not_done(&grid, &["counters", "--freeze", "--reset"], "freeze and reset all counters: not allowed on this link");
    not_done(&grid, &["reset"], "reset process: not allowed on this link");
    not_done(&grid, &["load", "U1.p", "threshold", "0.5"], "0.5 of U1.p: not allowed on this link");
    not_done(&grid, &["activate"], "activate parameters of all: not allowed on this link");
    not_done(&grid, &["deactivate", "U1.p"], "deactivate parameters of U1.p: not allowed on this link");
    not_done(&grid, &["cyclic", "U1.p", "--stop"], "stop cyclic U1.p: not allowed on this link");
    // Nonsense.
    not_done(&grid, &["read", "U9.p"], "link rtu reads no point `U9.p`");
    not_done(&grid, &["load", "U1.p", "weight", "1"], "`weight` is no parameter");
    not_done(&grid, &["group", "17"], "there is no group 17: 1 to 16");
    not_done(&grid, &["counters", "--group", "0"], "there is no group 0: 1 to 4");
    let nobody = grid.site.run(&["link", "rtu", "test", "--config", "plant"]);
    assert!(nobody.code == 1 && nobody.err.contains("--operator is missing"), "{}", nobody.err);
    let nowhere = grid.site.run(&["link", "nowhere", "test", "--config", "plant", "--operator", "plant:shift-2"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("no link `nowhere` that reads a station"), "{}", nowhere.err);
    station.kill();
    plant.wait_for_line("link rtu lost", PATIENCE);
    not_done(&grid, &["read", "U1.p"], "read U1.p: the link carries no data now");
    // Each is on record with who asked it, and how it ended.
    let told = grid.site.run(&["tail", "plant"]).good().out;
    for note in [
        "interrogation asked by plant:shift-2",
        "read U1.p asked by plant:shift-2",
        "reset process asked by plant:shift-2",
        "reset process: not allowed on this link",
        "synchronise the clock: refused by the station",
        "read U1.p: the link carries no data now",
    ] {
        assert!(told.contains(note), "{note} is not in\n{told}");
    }
    terminate(&mut plant);
}

#[test]
fn r22_a_foreign_station_does_what_it_is_asked() {
    let grid = Grid::new("link_asks_c104", |profile| profile.replace("ca = 21,", "ca = 21, allow = \"clock_sync, counter_freeze\","));
    let capture = Capture::start(grid.rtu, &grid.file("rtu.pcapng"));
    let mut station = Peer::C104.station(&grid.station_points(), (grid.rtu, 21), &grid.file("station.jsonl"), &[]);
    station.wait_for_line("READY", PATIENCE);
    let mut plant = grid.start("plant");
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    done(&grid, &["interrogate"], "interrogation: asked; `tail` shows its end");
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    done(&grid, &["counters"], "read all counters: done");
    done(&grid, &["counters", "--freeze"], "freeze all counters: done");
    done(&grid, &["read", "U1.p"], "read U1.p: done");
    done(&grid, &["test"], "test: done");
    not_done(&grid, &["group", "3"], "read group 3: refused by the station: negative confirmation");
    not_done(&grid, &["counters", "--reset"], "reset all counters: not allowed on this link");
    let clock = ask(&grid, &["clock"]).good().out;
    let offset = clock
        .trim()
        .strip_prefix("synchronise the clock: done: the clock of station 21 was ")
        .and_then(|rest| rest.strip_suffix(" ms from ours"));
    let offset: i64 = offset.and_then(|ms| ms.parse().ok()).unwrap_or_else(|| panic!("{clock}"));
    assert!(offset.abs() < 2_000, "both read the clock of one machine: {clock}");
    terminate(&mut plant);
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());
    let whole = dissect(&capture.stop(), grid.rtu);
    assert!(whole.clean, "{}", whole.text);
}

//! `send dispatch --select`, `--operate`, `--cancel` through two real bridges (R4).

use bridge_sim::EntryKind;

use super::inbox::station;
use super::kit::Ran;
use crate::support::{Grid, PATIENCE, kinds, ledger, terminate};

fn send(grid: &Grid, mw: &str, more: &[&str]) -> Ran {
    let args = ["send", "dispatch", "--config", "ldc", "U1.p_set", mw, "--operator", "sldc:shift-2", "--instruction", "DM-9"];
    grid.site.run(&[&args[..], more].concat())
}

fn sent(grid: &Grid, mw: &str, more: &[&str]) -> String {
    let answer = send(grid, mw, more).good().json();
    answer["operationId"].as_str().expect("an id").to_owned()
}

#[test]
fn r04_a_person_selects_operates_and_cancels_by_the_command_line() {
    let grid = Grid::new("send_select", |profile| {
        let relay = profile.replace("select = \"bridge\"", "select = \"relay\"").replace("dwell = \"10s\"", "dwell = \"1s\"");
        relay.replace("ramp = \"2.5 MW/min\", step = \"5s\"", "ramp = \"120 MW/min\", step = \"1s\"")
    });
    let mut station = station(&grid, &["--plant-ramp", "600", "--plant-lag", "200ms", "--walk-every", "0s"]);
    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    ldc.wait_for_line("stream of genco: image read", PATIENCE);

    let both = send(&grid, "205", &["--select", "--cancel", "x"]);
    assert!(both.code == 2 && both.err.contains("cannot be used with"), "{}", both.err);
    let direct = send(&grid, "205", &[]);
    assert!(direct.code == 1 && direct.out.is_empty() && direct.err.contains("SELECT_REQUIRED"), "{}", direct.err);

    let first = sent(&grid, "205", &["--select"]);
    ldc.wait_for_line("U1.p_set 205 EXECUTION SELECTED", PATIENCE);
    let other = send(&grid, "206", &["--operate", &first]);
    assert!(other.code == 1 && other.err.contains("SELECT_MISMATCH"), "{}", other.err);
    sent(&grid, "205", &["--cancel", &first]);
    ldc.wait_for_line("U1.p_set 205 EXECUTION NOT_OPERATED", PATIENCE);

    let second = sent(&grid, "204", &["--select"]);
    ldc.wait_for_line("U1.p_set 204 EXECUTION SELECTED", PATIENCE);
    let operated = sent(&grid, "204", &["--operate", &second]);
    // The SELECT ends when its execute was taken, the OPERATE when the plant followed.
    for _ in [&second, &operated] {
        ldc.wait_for_line("U1.p_set 204 EXECUTION COMPLETED", 3 * PATIENCE);
    }
    terminate(&mut plant);
    terminate(&mut ldc);
    assert!(station.finish(PATIENCE).success());
    let made = ledger(&grid.file("station.jsonl"));
    let acts = kinds(&made, "U1.p_set", &[EntryKind::Select, EntryKind::Cancel, EntryKind::Execute]);
    assert!(acts.starts_with(&[EntryKind::Select, EntryKind::Cancel, EntryKind::Select, EntryKind::Execute]), "{acts:?}");
    let last = made.iter().rev().find(|entry| entry.kind == EntryKind::Execute).and_then(|entry| entry.value);
    assert_eq!(last, Some(204.0));
    for folder in ["plant", "ldc"] {
        grid.verify(folder).good();
    }
}

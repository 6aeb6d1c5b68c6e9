//! R6 and R7 with real processes: the control room curtails a unit, and lifts it again; the station's own ledger says what was written.

use bridge_sim::EntryKind;

use super::inbox::station;
use crate::support::{Grid, PATIENCE, kinds, ledger, terminate};

/// A limit beside the set-point of unit 1, at the plant; and whom to ask for it, at the load despatch centre.
fn with_cap(profile: String) -> String {
    let control = if profile.contains("role = \"client\"") {
        r#"
[[point]]
id = "U1.cap_echo"
on = "rtu"
addr = { ioa = 1032, ti = "M_ME_TF_1" }
cim = { on = "U1", class = "Analog", type = "x-ActivePowerLimit" }
unit = "MW"
sign = "generation"
basis = "EX_BUS"
[[control]]
id = "U1.curtail"
on = "rtu"
addr = { ioa = 1102, ti = "C_SE_NC_1" }
cim = { on = "U1", class = "SetPoint", type = "x-ActivePowerLimit" }
verb = "curtail"
unit = "MW"
sign = "generation"
basis = "EX_BUS"
min = "0 MW"
max = "250 MW"
ramp = { up = "600 MW/min", by = "bridge", step = "500ms" }
select = "none"
enable = { addr = { ioa = 1103, ti = "C_SC_NA_1" } }
execution = "automatic"
remote_enable = "U1.remote_enable"
feedback = { taken = { point = "U1.cap_echo", tolerance = "0.1 MW", within = "5s" }, followed = { point = "U1.p", tolerance = "3 MW", within = "60s", dwell = "1s" } }
expires = { max_age = "30s", on_lapse = "hold" }
authority = ["sldc"]
"#
    } else {
        r#"
[[control]]
id = "U1.curtail"
on = "ems"
cim = { on = "U1", class = "SetPoint", type = "x-ActivePowerLimit" }
verb = "curtail"
unit = "MW"
basis = "EX_BUS"
peer = "genco"
"#
    };
    format!("{profile}\n{control}")
}

#[test]
fn r07_a_curtailment_and_its_release_by_two_commands() {
    let grid = Grid::new("r07_curtail", with_cap);
    let mut station = station(&grid, &[]);
    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    let named = ["--operator", "sldc:shift-2", "--instruction", "CU-7"];
    let send = |args: &[&str]| grid.site.run(&[&["send"], args, &["--config", "ldc"], &named].concat());

    let endless = send(&["curtail", "U1.curtail", "180", "--ramp", "600", "--release", "at-end", "--reason", "frequency"]);
    assert!(endless.code == 1 && endless.err.contains("needs its period"), "{}", endless.err);
    let limit = send(&["curtail", "U1.curtail", "lots", "--ramp", "600", "--release", "manual", "--reason", "frequency"]);
    assert!(limit.code == 1 && limit.err.contains("`lots` is no limit"), "{}", limit.err);
    let wrong = send(&["curtail", "U1.p_set", "180", "--ramp", "600", "--release", "manual", "--reason", "frequency"]);
    assert!(wrong.code == 1 && wrong.err.contains("U1.p_set is no control of this bridge's profile that asks a peer"), "{}", wrong.err);
    let nothing = send(&["release", "0199"]);
    assert!(nothing.code == 1 && nothing.err.contains("no curtailment of ours begins with 0199"), "{}", nothing.err);

    let sent = send(&["curtail", "U1.curtail", "78%", "--for", "10min", "--ramp", "600", "--release", "manual", "--reason", "frequency"]);
    let id = sent.good().json()["operationId"].as_str().expect("an id").to_owned();
    plant.wait_for_line("U1.curtail: the limit is in force", PATIENCE);
    ldc.wait_for_line("U1.curtail 78 EXECUTION COMPLETED, set-point 195.0", PATIENCE);
    let end = send(&["release", &id, "--ramp", "600"]).good().json()["operationId"].as_str().expect("an id").to_owned();
    plant.wait_for_line("U1.curtail: the limit is taken off", PATIENCE);
    ldc.wait_for_line("U1.curtail 78 EXECUTION COMPLETED (its issuer released it)", PATIENCE);
    terminate(&mut plant);
    terminate(&mut ldc);
    assert!(station.finish(PATIENCE).success());

    let listed = grid.site.run(&["operations", "list", "ldc"]).good().out;
    for part in [format!("{id} curtail U1.curtail 78 PERCENT to genco: COMPLETED (RELEASED)"), format!("{end} curtail U1.curtail")] {
        assert!(listed.contains(&part), "{part} is not in\n{listed}");
    }
    let trace = grid.site.run(&["operations", "trace", "plant", &id]).good().out;
    for part in ["cap: U1.curtail is capped to 195 MW by sldc", "released: its issuer released it", "now COMPLETED"] {
        assert!(trace.contains(part), "{part} is not in\n{trace}");
    }
    let tail = grid.site.run(&["tail", "ldc", "--verb", "curtail"]).good().out;
    assert_eq!(tail.lines().filter(|line| line.contains("curtail")).count(), 2, "{tail}");
    let made = ledger(&grid.file("station.jsonl"));
    assert_eq!(kinds(&made, "U1.curtail.enable", &[EntryKind::Execute]).len(), 2, "on and off");
    let limits: Vec<f64> = made
        .iter()
        .filter(|entry| entry.kind == EntryKind::Execute && entry.point == "U1.curtail")
        .filter_map(|entry| entry.value)
        .collect();
    assert!(limits.contains(&195.0) && limits.last() == Some(&250.0), "{limits:?}");
    assert!(limits.windows(2).all(|pair| (pair[1] - pair[0]).abs() <= 5.0 + 1e-6), "ramped: {limits:?}");
    for folder in ["plant", "ldc"] {
        grid.verify(folder).good();
    }
}

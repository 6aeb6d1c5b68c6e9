//! R8 with real processes: the control room asks, a person at the plant answers through the local door, the unit's state proves it.

use serde_json::Value;

use super::kit::{Ran, command};
use crate::support::{Grid, PATIENCE, Process, kinds, ledger, terminate};

/// The plant's simulated station, which writes down whatever reaches it.
pub(super) fn station(grid: &Grid, more: &[&str]) -> Process {
    let address = format!("127.0.0.1:{}", grid.rtu);
    let mut args = vec!["sim", "iec104", "--role", "station", "--profile", "own/thermal-station-104", "--listen", &address];
    args.extend(["--ledger", "station.jsonl"]);
    args.extend(more);
    let station = Process::spawn("station", &mut command(grid.dir(), &args));
    station.wait_for_line("READY", PATIENCE);
    station
}

fn inbox(grid: &Grid, args: &[&str]) -> Ran {
    let mut all = vec!["inbox", args[0], "--config", "plant"];
    all.extend(&args[1..]);
    grid.site.run(&all)
}

fn stop(grid: &Grid, control: &str) -> String {
    let args = ["send", "stop", "--config", "ldc", control, "--reason", "RESERVE_SHUTDOWN", "--operator", "sldc:shift-2"];
    let sent = grid.site.run(&[&args[..], &["--instruction", "US-8"]].concat()).good().json();
    sent["operationId"].as_str().expect("an id").to_owned()
}

#[test]
fn r08_an_instruction_is_listed_answered_and_proven_and_survives_a_kill() {
    let grid = Grid::new("r08_inbox", |profile| profile.replace("dwell = \"10s\"", "dwell = \"1s\""));
    let mut station = station(&grid, &[]);
    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    assert_eq!(inbox(&grid, &["list"]).good().out.trim(), "nothing waits");

    let id = stop(&grid, "U1.stop");
    plant.wait_for_line("waits for an operator", PATIENCE);
    let table = inbox(&grid, &["list"]).good().out;
    for part in ["PRESENTED", "14 min", "stop U1.stop", "TPS-A unit 1", "RESERVE_SHUTDOWN", "sldc (sldc:shift-2)", "US-8", &id] {
        assert!(table.contains(part), "{part} is not in\n{table}");
    }
    for (args, words) in [
        (["accept", &id, "--operator", "stranger"], "`stranger` is no operator of this bridge"),
        (["accept", &id, "--operator", "guest"], "may not answer instructions"),
        (["accept", "0000", "--operator", "asha"], "no instruction begins with 0000"),
    ] {
        let refused = inbox(&grid, &args);
        assert!(refused.code == 1 && refused.out.is_empty() && refused.err.contains(words), "{}", refused.err);
    }
    let reason = inbox(&grid, &["reject", &id, "--operator", "asha", "--reason", "why-not"]);
    assert!(reason.code == 1 && reason.err.contains("use one of UNIT_NOT_AVAILABLE"), "{}", reason.err);

    // The plant's bridge dies and comes back: it still waits.
    plant.kill();
    let mut plant = grid.start("plant");
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    let accepted = inbox(&grid, &["accept", &id[..20], "--operator", "asha"]).good().json();
    assert_eq!((&accepted["operationId"], &accepted["status"]), (&Value::from(id.as_str()), &"ACCEPTED".into()));
    ldc.wait_for_line("U1.stop 0 ACCEPTANCE ACCEPTED", PATIENCE);
    let again = inbox(&grid, &["accept", &id, "--operator", "asha"]);
    assert!(again.code == 1 && again.err.contains("was accepted by asha before"), "{}", again.err);
    inbox(&grid, &["done", &id, "--operator", "asha", "--text", "off the bars at 14:05"]).good();
    station.say("change U1.state 0");
    ldc.wait_for_line("U1.stop 0 EXECUTION COMPLETED", PATIENCE);
    assert_eq!(inbox(&grid, &["list"]).good().out.trim(), "nothing waits");
    let late = inbox(&grid, &["done", &id, "--operator", "asha"]);
    assert!(late.code == 1 && late.err.contains("waits for no answer any more: it is COMPLETED"), "{}", late.err);

    let second = stop(&grid, "U2.stop");
    plant.wait_for_line("waits for an operator", PATIENCE);
    let rejected = ["reject", &second, "--operator", "asha", "--reason", "unsafe", "--text", "BFP B is out"];
    inbox(&grid, &rejected).good();
    ldc.wait_for_line("U2.stop 0 ACCEPTANCE REJECTED (rejected by asha: BFP B is out)", PATIENCE);

    let trace = grid.site.run(&["operations", "trace", "plant", &id]).good().out;
    for part in [
        "answered by asha",
        "ACCEPTANCE ACCEPTED",
        "EXECUTION  COMPLETED",
        "presented: an instruction waits",
        "answer: off the bars at 14:05",
    ] {
        assert!(trace.contains(part), "{part} is not in\n{trace}");
    }
    terminate(&mut plant);
    terminate(&mut ldc);
    assert!(station.finish(PATIENCE).success());
    let made = ledger(&grid.file("station.jsonl"));
    for control in ["U1.p_set", "U2.p_set", "U1.stop", "U2.stop"] {
        let written = [bridge_sim::EntryKind::Select, bridge_sim::EntryKind::Execute, bridge_sim::EntryKind::Refused];
        assert_eq!(kinds(&made, control, &written), [], "nothing is written to the plant");
    }
    for folder in ["plant", "ldc"] {
        grid.verify(folder).good();
    }
}

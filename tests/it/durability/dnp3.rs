//! Durability (iii) over DNP3: the bridge that is a master and the bridge that is an outstation are killed again and again under a load of
//! events. What the stations wrote down is in the journal, and at the EMS.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bridge_sim::{Book, EntryKind, Rng, compare};

use super::kill::{Key, journaled, made};
use crate::cli::kit::command;
use crate::support::{Grid, PATIENCE, Process, ledger, terminate, wait_until};

const KILLS: u64 = 30;
/// Events of the outstations, 4 ms apart.
const EVENTS: usize = 4000;
const STATES: &str = "U1.bfp_a,U1.id_fan,U2.bfp_b,U2.gen_diff";

fn simulated(grid: &Grid, role: &str, profile: &str, way: [&str; 2], more: &[&str]) -> Process {
    let (profile, file) = (format!("own/{profile}"), grid.file(&format!("{role}.jsonl")).display().to_string());
    let mut args = vec!["sim", "dnp3", "--role", role, "--profile", &profile, way[0], way[1], "--ledger", &file];
    args.extend(more);
    let process = Process::spawn(role, &mut command(grid.dir(), &args));
    process.wait_for_line("READY", PATIENCE);
    process
}

fn events(path: &Path) -> BTreeSet<Key> {
    let entries = ledger(path).into_iter().filter(|entry| entry.kind == EntryKind::Event);
    entries.filter_map(|entry| Some((entry.point, entry.value?.to_bits(), entry.stamp?))).collect()
}

#[test]
fn thirty_kills_of_master_and_outstation_under_load_lose_nothing() {
    let grid = Grid::over_dnp3("thirty_kills_dnp3", |profile| profile);
    let [rtu, served] = [grid.rtu, grid.ems].map(|port| format!("127.0.0.1:{port}"));
    let count = EVENTS.to_string();
    let load = ["--events", STATES, "--event-every", "4ms", "--event-count", &count, "--walk-every", "0s"];
    // The first event is made when the whole way is there: what a peer has never subscribed to is not streamed to it later.
    let (mut plant, mut ldc) = (Some(grid.start("plant")), Some(grid.start("ldc")));
    ldc.iter().for_each(|ldc| drop(ldc.wait_for_line("stream of genco: image read", PATIENCE)));
    let mut station = simulated(&grid, "station", "thermal-station-104", ["--listen", &rtu], &load);
    let mut ems = simulated(&grid, "ems", "ems-gateway-104", ["--connect", &served], &[]);
    let (ours, seen) = (grid.file("station.jsonl"), grid.file("ems.jsonl"));

    let mut rng = Rng::new(0xD3D);
    for round in 0..KILLS {
        let (folder, bridge) = if round % 2 == 0 { ("plant", &mut plant) } else { ("ldc", &mut ldc) };
        if let Some(mut dying) = bridge.take() {
            std::thread::sleep(Duration::from_millis(50 + rng.below(350)));
            dying.kill();
        }
        let started = Process::spawn(folder, &mut grid.run(folder, &[]));
        // Every fifth time it dies at its start, while it recovers.
        if round % 5 != 4 {
            started.wait_for_line("READY", PATIENCE);
        }
        *bridge = Some(started);
    }
    let made = made(&ours);
    wait_until("the station has made its last event", || events(&ours).len() == EVENTS);
    assert!(made.len() < EVENTS, "the kills fell into the load");
    wait_until("the EMS has every event", || events(&seen).is_superset(&events(&ours)));

    let points = grid.book().points.into_iter().filter(|map| STATES.split(',').any(|name| name == map.station)).collect();
    let book = Book { points, ..grid.book() };
    let judged = || compare(&ledger(&ours), &ledger(&seen), &book);
    wait_until("the EMS holds every value for good again", || judged().lost == 0);
    // The EMS first: it is not to see how the bridges end.
    for end in [&mut ems, &mut station] {
        assert!(end.finish(PATIENCE).success(), "{}", end.standard_error());
    }
    for bridge in [&mut plant, &mut ldc].into_iter().flatten() {
        terminate(bridge);
    }
    let journal: BTreeSet<Key> = journaled(&grid).into_iter().map(|(key, _)| key).collect();
    let made = events(&ours);
    assert_eq!(made.difference(&journal).count(), 0, "every event is in the plant's journal");
    let verdict = judged();
    assert_eq!((verdict.lost, verdict.wrong), (0, 0), "{:#?}", verdict.details);
    assert!(verdict.events >= EVENTS as u64, "{}", verdict.events);
    for folder in ["plant", "ldc"] {
        grid.verify(folder).good();
    }
}

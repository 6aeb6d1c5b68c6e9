//! Durability (iii): the process is killed again and again under load; what the station wrote down is in the journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bridge_sim::{EntryKind, Rng};

use crate::cli::kit::command;
use crate::support::{Grid, PATIENCE, Process, changes, ledger, terminate, wait_until};

const KILLS: u32 = 50;
/// Events of the station, 4 ms apart.
const EVENTS: usize = 6000;

/// Point, value as bits, stamp.
pub(super) type Key = (String, u64, i64);

/// The events of the station's own ledger, in its order.
pub(super) fn made(path: &Path) -> Vec<Key> {
    let entries = ledger(path).into_iter().filter(|entry| entry.kind == EntryKind::Event);
    entries.map(|entry| (entry.point, entry.value.unwrap_or(f64::NAN).to_bits(), entry.stamp.expect("an event has a stamp"))).collect()
}

/// The time-tagged changes of states in the plant's journal, in its order, and whether each is flagged.
pub(super) fn journaled(grid: &Grid) -> Vec<(Key, bool)> {
    let stamped = changes(&grid.journal("plant"), &grid.thermal).into_iter().filter(|change| change.is_state && !change.by_bridge);
    stamped.map(|change| ((change.point, change.value.to_bits(), change.stamp), change.flagged)).collect()
}

#[test]
fn fifty_kills_under_load_lose_nothing_and_flag_what_comes_twice() {
    let grid = Grid::new("fifty_kills", |profile| profile);
    let (address, file, count) = (format!("127.0.0.1:{}", grid.rtu), grid.file("station.jsonl"), EVENTS.to_string());
    let path = file.display().to_string();
    let mut args = vec!["sim", "iec104", "--role", "station", "--profile", "own/thermal-station-104", "--listen", &address];
    args.extend([
        "--ledger",
        &path,
        "--events",
        "U1.bfp_a,U1.id_fan,U2.bfp_b,U2.gen_diff",
        "--event-every",
        "4ms",
        "--event-count",
        &count,
    ]);
    let mut station = Process::spawn("station", &mut command(grid.dir(), &args));
    station.wait_for_line("READY", PATIENCE);

    let mut rng = Rng::new(0xD1E);
    for round in 0..KILLS {
        let mut plant = Process::spawn("plant", &mut grid.run("plant", &[]));
        // Every fifth time it dies at its start, while it recovers.
        if round % 5 != 4 {
            plant.wait_for_line("READY", PATIENCE);
        }
        std::thread::sleep(Duration::from_millis(50 + rng.below(350)));
        plant.kill();
    }
    let mut plant = grid.start("plant");
    wait_until("the station has made its last event", || made(&file).len() == EVENTS);
    wait_until("the last event is in the journal", || {
        let last = made(&file).pop();
        journaled(&grid).into_iter().map(|(key, _)| key).rfind(|key| Some(key) == last.as_ref()).is_some()
    });
    terminate(&mut plant);
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());

    let (made, journaled) = (made(&file), journaled(&grid));
    let mut copies: BTreeMap<&Key, (usize, usize)> = made.iter().map(|key| (key, (0, 0))).collect();
    assert_eq!(copies.len(), EVENTS, "no two events are alike");
    let mut first = Vec::new();
    for (key, flagged) in &journaled {
        let (count, plain) = copies.get_mut(key).unwrap_or_else(|| panic!("the station never made {key:?}"));
        if *count == 0 {
            first.push(key);
        }
        *count += 1;
        *plain += usize::from(!flagged);
    }
    let lost: Vec<_> = copies.iter().filter(|(_, (count, _))| *count == 0).map(|(key, _)| key).collect();
    assert!(lost.is_empty(), "{} of {EVENTS} lost: {:?}", lost.len(), &lost[..lost.len().min(5)]);
    let unflagged: Vec<_> = copies.iter().filter(|(_, (_, plain))| *plain > 1).collect();
    assert!(unflagged.is_empty(), "{} came twice without a flag: {:?}", unflagged.len(), &unflagged[..unflagged.len().min(5)]);
    for point in ["U1.bfp_a", "U1.id_fan", "U2.bfp_b", "U2.gen_diff"] {
        let of_it = |key: &&Key| key.0 == point;
        assert!(first.iter().copied().filter(of_it).eq(made.iter().filter(of_it)), "{point} is out of order");
    }
    assert!(journaled.len() > EVENTS, "no kill fell between durable and acknowledged: the test has shown nothing");
    grid.verify("plant").good();
}

//! Durability (ii): nothing is acknowledged before it is durable, and after a failed sync nothing ever.

use std::time::Duration;

use super::station::{K, Note, Station};
use crate::support::{Grid, PATIENCE, Process};

/// The moment at the end of a line `DISK … NANOSECONDS`.
fn moment(line: &str) -> i64 {
    line.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no moment in {line}"))
}

/// The last count that `of` reads from what happened until then.
fn count(notes: &[(i64, Note)], until: i64, of: fn(Note) -> Option<u64>) -> u64 {
    notes.iter().rev().filter(|(at, _)| *at <= until).find_map(|(_, note)| of(*note)).unwrap_or(0)
}

fn sent(notes: &[(i64, Note)], until: i64) -> u64 {
    count(notes, until, |note| if let Note::Sent(count) = note { Some(count) } else { None })
}

fn acknowledged(notes: &[(i64, Note)], until: i64) -> u64 {
    count(notes, until, |note| if let Note::Acknowledged(count) = note { Some(count) } else { None })
}

fn answers(notes: &[(i64, Note)], from: i64, until: i64) -> usize {
    notes.iter().filter(|(at, note)| (from..until).contains(at) && *note == Note::TestAnswered).count()
}

#[test]
fn r23_hold_no_acknowledgement_passes_a_sync_that_hangs_or_failed() {
    let grid = Grid::new("sync_fault", |profile| profile);
    let station = Station::listen(grid.rtu);
    let fault = ["--disk-fault", "sync-delay=3s,after=60;eio,after=140"];
    let mut plant = Process::spawn("plant", &mut grid.run("plant", &fault));
    plant.wait_for_line("READY", PATIENCE);
    let hangs = moment(&plant.wait_for_line("DISK sync hangs", PATIENCE));
    let goes_on = moment(&plant.wait_for_line("DISK sync goes on", PATIENCE));
    let fails = moment(&plant.wait_for_line("DISK sync fails", PATIENCE));
    std::thread::sleep(Duration::from_secs(4));
    let status = grid.site.run(&["status", "plant"]).good().json();
    let notes = station.notes();
    let retried: Vec<String> = plant.lines_so_far().into_iter().filter(|line| line.contains("DISK")).collect();
    plant.kill();
    let end = i64::MAX;

    // While the sync hangs the station's window fills, the link lives, and no N(R) covers a frame that came after it began.
    assert!(goes_on - hangs >= 3_000_000_000, "it hung for {} ns", goes_on - hangs);
    assert!(acknowledged(&notes, goes_on) <= sent(&notes, hangs), "acknowledged before the sync returned");
    assert!(sent(&notes, goes_on) - acknowledged(&notes, goes_on) >= K, "the window is full");
    assert!(answers(&notes, hangs, goes_on) >= 5, "TESTFR is answered while the disk hangs");

    // Then what waited is acknowledged.
    assert!(acknowledged(&notes, fails) >= sent(&notes, goes_on), "the waiting frames were acknowledged once durable");

    // After EIO: nothing that was not durable, ever; never a second try; the link lives or was closed.
    let after = acknowledged(&notes, end);
    assert!(after <= sent(&notes, fails) && after < sent(&notes, end), "{after} acknowledged after the failed sync");
    assert_eq!(retried, Vec::<String>::new(), "a failed sync is never retried");
    let closed = notes.iter().any(|(at, note)| *at > fails && *note == Note::Closed);
    assert!(closed || answers(&notes, fails, end) >= 5, "the link lives after the failed sync");
    assert_eq!(status["journal"], "failed", "{status:#}");
}

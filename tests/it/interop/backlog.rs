//! R20 towards a foreign EMS: it is cut off while the plant goes on, and comes back to a backlog.

use super::pair::sim;
use crate::support::{Grid, PATIENCE, Peer, events, ledger, terminate, wait_until};

const POINTS: [&str; 3] = ["U1.bfp_a", "U1.id_fan", "U2.bfp_a"];
const EVENTS: usize = 4000;
/// Events that happen while the EMS is away, at least.
const MISSED: usize = 2000;
/// Events that happen before the cut, at least: more than may come again.
const SEEN: usize = 800;
/// What may come again on the next connection: k frames that no one acknowledged (IEC 60870-5-104, 5.5), of at most 22 time-tagged points.
const UNACKNOWLEDGED: usize = 12 * 22;

#[test]
fn r20_a_c104_ems_that_was_cut_off_gets_the_backlog_once_and_in_order() {
    let grid = Grid::new("foreign_backlog", |profile| profile.replace("zone = \"IST\"", "zone = \"UTC\""));
    let [made, before, after] = ["station.jsonl", "ems-before.jsonl", "ems-after.jsonl"].map(|name| grid.file(name));
    let count = |path: &std::path::Path| POINTS.iter().map(|point| events(&ledger(path), point).len()).sum::<usize>();

    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    // A first subscription begins with the present: the station comes after it.
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    let (names, number) = (POINTS.join(","), EVENTS.to_string());
    let generator = ["--events", &names, "--event-every", "4ms", "--event-count", &number];
    let mut station = sim(&grid, "station", "thermal-station-104", ("--listen", grid.rtu), &made, &generator);
    station.wait_for_line("READY", PATIENCE);
    let points = grid.ems_points();
    let mut ems = Peer::C104.ems(&points, (grid.ems, 1), &before);
    wait_until("the EMS saw events", || before.exists() && count(&before) >= SEEN);

    ems.kill();
    let cut_at = count(&made);
    wait_until("the plant went on", || count(&made) >= (cut_at + MISSED).min(EVENTS));
    let mut ems = Peer::C104.ems(&points, (grid.ems, 1), &after);
    ems.wait_for_line("ANSWER interrogation ACTIVATION_TERMINATION", PATIENCE);
    wait_until("the EMS saw the last event of each point", || {
        let (made, seen) = (ledger(&made), ledger(&after));
        count_of(&made) == EVENTS && POINTS.iter().all(|point| events(&seen, point).last() == events(&made, point).last())
    });
    assert!(ems.finish(PATIENCE).success(), "{}", ems.standard_error());
    terminate(&mut plant);
    terminate(&mut ldc);
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());

    let [made, before, after] = [made, before, after].map(|path| ledger(&path));
    assert_eq!(count_of(&made), EVENTS);
    assert!(count_of(&after) >= MISSED, "{} events came after the cut", count_of(&after));
    let mut again = 0;
    for point in POINTS {
        let [made, before, after] = [&made, &before, &after].map(|ledger| events(ledger, point));
        assert_eq!(before, made[..before.len()], "{point}: until the cut once, in order, with the station's stamps");
        assert_eq!(after, made[made.len() - after.len()..], "{point}: after the cut the same");
        assert!(before.len() + after.len() >= made.len(), "{point}: none is missing between the two");
        again += before.len() + after.len() - made.len();
    }
    assert!(again <= UNACKNOWLEDGED, "{again} events came on both connections: more than were unacknowledged");
    for bridge in ["plant", "ldc"] {
        grid.verify(bridge).good();
    }
}

fn count_of(ledger: &[bridge_sim::Entry]) -> usize {
    POINTS.iter().map(|point| events(ledger, point).len()).sum()
}

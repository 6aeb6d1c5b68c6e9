//! Stations that do not stamp: every change of a state is an event of its own, at the EMS and in the log, with the bridge's time and marked
//! as such. The ledgers of the station and the EMS say so, and the lines that the dispatch centre journaled.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_ies::beckn::Envelope;
use bridge_model::PointId;
use bridge_provenance::{Direction, Leaf, kind};
use bridge_sim::{Entry, EntryKind, Generator, GeneratorKind, Rng, StampedBy};

use super::backlog::journal;
use super::world::{End, GENCO, SLDC, Tune, World};
use super::{dnp3, tune};

/// States of both units: of both outstations over DNP3.
const STATES: [&str; 3] = ["U1.gen_diff", "U1.field_loss", "U2.gen_diff"];
/// Seeds of each kind that `./check` plays.
const SEEDS: u64 = 15;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn over_104() -> Tune {
    let untagged = |text: String| tune::fast(text).replace("M_SP_TB_1", "M_SP_NA_1").replace("M_DP_TB_1", "M_DP_NA_1");
    Tune { thermal: untagged, ..Tune::default() }
}

fn over_dnp3() -> Tune {
    Tune { untimed: true, ..dnp3::tune() }
}

/// The values of a point's events, in order.
fn values(entries: &[Entry], point: &str) -> Vec<f64> {
    let events = entries.iter().filter(|entry| entry.kind == EntryKind::Event && entry.point == point);
    events.filter_map(|entry| entry.value).collect()
}

/// The lines of a signal that reached the dispatch centre: what it became, and whether its time is called synchronised.
fn lines(world: &World, signal: &str) -> Vec<(String, bool)> {
    let journal = journal(world, SLDC);
    let mut reader = journal.reader(journal.start());
    let mut lines = Vec::new();
    while let Ok(Some(record)) = reader.next() {
        if record.kind != kind::LEAF {
            continue;
        }
        let Ok(Leaf::Operation(leaf)) = Leaf::decode(&record.body) else { continue };
        if leaf.direction != Direction::Received || leaf.verb != "log" {
            continue;
        }
        let operation = Envelope::parse(&leaf.body).expect("an envelope").performance.remove(0).attributes;
        for line in operation["payload"]["entries"].as_array().expect("entries") {
            if line["signal"] == signal {
                let to = line["to"].as_str().expect("a state").to_owned();
                lines.push((to, line["timeQuality"]["sync"].as_bool().expect("told")));
            }
        }
    }
    lines
}

fn load(world: &mut World, count: u64, every_ms: u64, seed: u64) {
    let plan = &world.nodes[GENCO].plan;
    let points: Vec<PointId> = STATES.iter().map(|name| plan.point(name).expect("in the profile")).collect();
    let begin = world.now().mono + Duration::from_millis(100);
    world.load(Generator::new(GeneratorKind::Single, points, begin, Duration::from_millis(every_ms), count, seed));
}

/// Several changes of one state in one fragment or frame: each is told.
fn several_changes_at_once(tune: Tune, seed: u64) {
    let mut world = World::tuned(seed, tune);
    world.run_for(s(10));
    let now = world.now();
    // The fourth is equal to the third: it went and came back unseen.
    for value in [1.0, 0.0, 1.0, 1.0, 0.0, 1.0] {
        assert!(world.station.handle_change("U1.gen_diff", value, now));
        assert!(world.station.handle_change("U2.gen_diff", value, now));
    }
    world.run_for(s(20));
    let (made, seen) = (world.station_entries(), world.ems_ledger.entries());
    for point in ["U1.gen_diff", "U2.gen_diff"] {
        assert_eq!(values(&made, point).len(), 6);
        assert_eq!(values(&seen, point), values(&made, point), "{point} at the EMS\n{}", world.told());
        let told: Vec<(String, bool)> = values(&made, point).iter().map(|value| (value.to_string(), false)).collect();
        assert_eq!(lines(&world, point), told, "{point} in the log: not one time is called synchronised");
        let at = now.utc.0;
        let stamps = seen.iter().filter(|entry| entry.kind == EntryKind::Event && entry.point == point).filter_map(|entry| entry.stamp);
        assert!(stamps.clone().count() == 6 && stamps.clone().all(|stamp| (at..at + 10_000_000_000).contains(&stamp)), "the receipt's");
    }
    let alarms = world.story.iter().filter(|(_, party, line)| *party == GENCO && line.starts_with("ALARM")).count();
    assert_eq!(alarms, 0);
}

#[test]
fn r20_untimed_changes_of_a_104_station_are_events() {
    several_changes_at_once(over_104(), 2601);
}

#[test]
fn r20_untimed_changes_of_a_dnp3_outstation_are_events() {
    several_changes_at_once(over_dnp3(), 2602);
}

/// What is read, and what only becomes old and good again, is no event (R19, R20).
fn nothing_is_listed_that_did_not_happen(tune: Tune, seed: u64) {
    let mut world = World::tuned(seed, tune);
    world.run_for(s(30));
    let events = |world: &World| STATES.iter().map(|point| values(&world.ems_ledger.entries(), point).len()).sum::<usize>();
    assert_eq!(events(&world), 0, "read once");
    world.cut_station();
    world.run_for(s(120));
    world.heal_station();
    world.run_for(s(120));
    world.cut_wan();
    world.run_for(s(60));
    world.heal_wan();
    world.run_for(s(60));
    for party in [GENCO, SLDC] {
        world.crash(party);
        world.run_for(s(3));
        world.start(party);
        world.run_for(s(90));
    }
    assert_eq!(events(&world), 0, "{}", world.told());
    assert!(STATES.iter().all(|point| lines(&world, point).is_empty()));
    let old = |entry: &Entry| entry.point == STATES[0] && entry.quality.is_some_and(|quality| quality != 0);
    assert!(world.ems_ledger.entries().iter().any(old), "it became old meanwhile");
}

#[test]
fn r20_states_that_are_read_or_become_old_are_no_events_over_104() {
    nothing_is_listed_that_did_not_happen(over_104(), 2603);
}

#[test]
fn r20_states_that_are_read_or_become_old_are_no_events_over_dnp3() {
    nothing_is_listed_that_did_not_happen(over_dnp3(), 2604);
}

#[derive(Clone, Copy)]
enum Act {
    Cut,
    Reset,
    Crash,
}

/// The line to the station is cut and reset at random while it sends, and with `crashes` the bridge that reads it dies.
fn play(seed: u64, tune: &Tune, crashes: bool) -> World {
    let mut world = World::tuned(seed, tune.clone());
    let mut rng = Rng::new(seed ^ 0x0713);
    world.run_for(s(5));
    load(&mut world, 400, 70, seed);
    let mut acts: BTreeMap<u64, (Act, bool)> = BTreeMap::new();
    for _ in 0..2 + rng.below(4) {
        let act = match rng.below(if crashes { 3 } else { 2 }) {
            0 => Act::Cut,
            1 => Act::Reset,
            _ => Act::Crash,
        };
        let at = 200 + rng.below(25_000);
        acts.insert(at, (act, true));
        acts.insert(at + 300 + rng.below(12_000), (act, false));
    }
    let mut at = 0;
    for (next, (act, begins)) in acts {
        world.run_for(Duration::from_millis(next - at));
        at = next;
        match (act, begins) {
            (Act::Cut, true) => world.cut_path(End::Station, false),
            (Act::Cut, false) => world.heal_path(End::Station, false),
            (Act::Reset, _) => world.reset(End::Station, usize::MAX),
            (Act::Crash, true) if world.nodes[GENCO].bridge.is_some() => world.crash(GENCO),
            (Act::Crash, false) if world.nodes[GENCO].bridge.is_none() => world.start(GENCO),
            (Act::Crash, _) => {}
        }
    }
    if world.nodes[GENCO].bridge.is_none() {
        world.start(GENCO);
    }
    world.heal_path(End::Station, false);
    world.run_for(s(120));
    world
}

/// How often a point was told more than its station did, if everything that it did was told in its order.
fn doubled(made: &[f64], seen: &[f64]) -> Option<usize> {
    let mut rest = seen.iter();
    made.iter().all(|value| rest.any(|seen| seen == value)).then(|| seen.len() - made.len())
}

/// None lost, in order; gives how many came and how many of them twice.
fn whole_under_faults(tune: &Tune, crashes: bool) -> (usize, usize) {
    let (mut all, mut doubles) = (0, 0);
    for seed in 0..SEEDS {
        let world = play(seed, tune, crashes);
        let (made, seen) = (world.station_entries(), world.ems_ledger.entries());
        for point in STATES {
            let (made, seen) = (values(&made, point), values(&seen, point));
            assert!(made.len() > 50, "seed {seed}: {}", made.len());
            let Some(twice) = doubled(&made, &seen) else { panic!("seed {seed}: {point} lost\n{made:?}\n{seen:?}\n{}", world.told()) };
            all += seen.len();
            doubles += twice;
        }
    }
    (all, doubles)
}

/// An acknowledgement that was on its way when the line broke: what it covers comes twice, and looks new.
#[test]
fn r20_untimed_changes_are_not_lost_on_broken_lines_over_104() {
    let (all, doubles) = whole_under_faults(&over_104(), false);
    assert!(doubles * 100 < all, "{doubles} of {all} came twice");
}

#[test]
fn r20_untimed_changes_are_told_once_through_broken_lines_over_dnp3() {
    assert_eq!(whole_under_faults(&over_dnp3(), false).1, 0, "none twice");
}

/// After a crash nobody knows what the station was told last: none is lost, and few come twice.
#[test]
fn r20_untimed_changes_survive_crashes() {
    for tune in [over_104(), over_dnp3()] {
        let (all, doubles) = whole_under_faults(&tune, true);
        assert!(doubles * 50 < all, "{doubles} of {all} came twice");
    }
}

#[test]
fn the_tag_of_an_untimed_change_says_that_it_was_substituted() {
    let mut world = World::tuned(2605, over_104());
    world.run_for(s(10));
    let now = world.now();
    world.station.handle_change("U1.gen_diff", 1.0, now);
    world.run_for(s(10));
    let seen = world.ems_ledger.entries();
    let event = seen.iter().find(|entry| entry.kind == EntryKind::Event && entry.point == "U1.gen_diff").expect("told");
    assert_eq!(event.by, Some(StampedBy::Receipt));
}

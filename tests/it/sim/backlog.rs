//! What waits through an outage arrives whole and in order (R20).

use std::sync::Arc;
use std::time::Duration;

use bridge_engine::Settings;
use bridge_ies::Timestamp;
use bridge_ies::beckn::Envelope;
use bridge_journal::{Disk, Position, ReadOnly, open_read_only};
use bridge_provenance::{Direction, Leaf, kind};
use bridge_sim::{EntryKind, Generator, GeneratorKind};

use super::faults::singles;
use super::world::{GENCO, SLDC, Tune, World};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The plant's letters and the events for the EMS that wait through ten minutes at a thousand a second; the shipped limits hold less.
fn ten_minutes_of_events(settings: &mut Settings) {
    settings.max_lag = 1_000_000;
    settings.event_queue_depth = 1_000_000;
}

/// R20: the SOE buffer test. A thousand changes a second for ten minutes, the wide-area link down all the while, then up: what waited is
/// through in a fraction of the time that it took to gather.
#[test]
fn r20_soe_buffer_ten_minutes_at_a_thousand_a_second() {
    const MINUTES: u64 = 10;
    const DRAINED_WITHIN: u64 = 120;
    let mut world = World::tuned(20, Tune { settings: ten_minutes_of_events, ..Tune::default() });
    world.run_for(s(3));
    let (points, count) = (singles(&world), MINUTES * 60_000);
    let begin = world.now().mono + s(3);
    world.cut_wan();
    world.load(Generator::new(GeneratorKind::Single, points, begin, Duration::from_millis(1), count, 20));
    world.run_for(s(3 + 60 * MINUTES));
    let waiting = |world: &World| world.bridge(GENCO).status(world.now())["peers"][0]["waiting"].as_u64();
    assert!(waiting(&world).is_some_and(|waiting| (600..6000).contains(&waiting)), "lines were gathered: {:?}", waiting(&world));
    let before = world.ems_ledger.entries().len() as u64;
    world.heal_wan();
    world.run_for(s(DRAINED_WITHIN));
    assert!(world.ems_ledger.entries().len() as u64 >= before + count, "the EMS has every event");
    assert_eq!(waiting(&world), Some(0), "the dispatch centre has every letter");
    world.run_for(s(30));
    let verdict = world.verdict();
    assert!(verdict.is_clean(), "{:#?}\n{}", verdict.details, world.told());
    assert!(verdict.events >= count, "{} events compared", verdict.events);
    let alarms = world.story.iter().filter(|(_, party, line)| *party == GENCO && line.starts_with("ALARM")).count();
    assert_eq!(alarms, 0, "no false alarm");
}

/// Lines that were gathered and had not left when the bridge died leave after it: each event is told once, in order.
#[test]
fn r20_lines_that_were_gathered_survive_a_crash() {
    for seed in 60..64 {
        let mut world = World::new(seed);
        world.run_for(s(5));
        let begin = world.now().mono + s(1);
        world.load(Generator::new(GeneratorKind::Single, singles(&world), begin, Duration::from_millis(5), 400, seed));
        world.run_for(Duration::from_millis(1800 + 37 * (seed - 60)));
        world.crash(GENCO);
        world.run_for(s(1));
        world.start(GENCO);
        world.run_for(s(60));
        let made = world.station_entries().into_iter().filter(|entry| entry.kind == EntryKind::Event);
        let mut made: Vec<(String, i64)> = made.filter_map(|entry| Some((entry.point, entry.stamp? / 1_000_000))).collect();
        let (mut told, letters) = told_lines(&world);
        assert!(letters < told.len() / 4, "seed {seed}: gathered: {} lines in {letters} letters", told.len());
        assert_eq!(made.len(), 400, "seed {seed}");
        // Each letter is of one resource; between points there is no order.
        made.sort_by(|a, b| a.0.cmp(&b.0));
        told.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(told, made, "seed {seed}");
    }
}

/// The lines of the `log` operations that the dispatch centre journaled, as (signal, stamp in ms), and the number of those operations.
fn told_lines(world: &World) -> (Vec<(String, i64)>, usize) {
    let journal = journal(world, SLDC);
    let mut reader = journal.reader(journal.start());
    let (mut lines, mut letters) = (Vec::new(), 0);
    while let Ok(Some(record)) = reader.next() {
        let Ok(Leaf::Operation(leaf)) = Leaf::decode(&record.body) else { continue };
        if record.kind != kind::LEAF || leaf.direction != Direction::Received || leaf.verb != "log" {
            continue;
        }
        letters += 1;
        let operation = Envelope::parse(&leaf.body).expect("an envelope").performance.remove(0).attributes;
        for (place, line) in operation["payload"]["entries"].as_array().expect("entries").iter().enumerate() {
            assert_eq!(line["seq"], place);
            let at: Timestamp = serde_json::from_value(line["t"].clone()).expect("a time");
            lines.push((line["signal"].as_str().expect("a signal").to_owned(), at.0 / 1_000_000));
        }
    }
    (lines, letters)
}

/// The plant's bridge dies while it writes a snapshot of a backlog that takes many groups: nothing that waited is lost.
#[test]
fn r20_a_crash_in_the_middle_of_a_snapshot_loses_nothing_that_waited() {
    let settings = |settings: &mut Settings| {
        ten_minutes_of_events(settings);
        settings.pace.snapshot = s(1);
    };
    let mut world = World::tuned(25, Tune { settings, ..Tune::default() });
    world.run_for(s(3));
    let (points, count) = (singles(&world), 40_000);
    let begin = world.now().mono + s(1);
    world.cut_wan();
    world.load(Generator::new(GeneratorKind::Single, points, begin, Duration::from_millis(1), count, 25));
    world.run_for(s(10));
    let mut from = Position(0);
    let mut begun = false;
    for _ in 0..300 {
        world.run_for(Duration::from_millis(100));
        begun = snapshot_stands_open(&journal(&world, GENCO), &mut from, begun);
        if begun {
            break;
        }
    }
    assert!(begun, "a snapshot of several groups was being written");
    world.crash(GENCO);
    assert!(snapshot_stands_open(&journal(&world, GENCO), &mut Position(0), false), "its begin is on the disk, its end is not");
    world.start(GENCO);
    world.run_for(s(50));
    world.heal_wan();
    world.run_for(s(120));
    let waiting = world.bridge(GENCO).status(world.now())["peers"][0]["waiting"].as_u64();
    assert_eq!(waiting, Some(0));
    let (told, _) = told_lines(&world);
    assert_eq!(told.len() as u64, count, "each event is in one letter");
    let verdict = world.verdict();
    assert!(verdict.is_clean() && verdict.events >= count, "{:#?}\n{}", verdict.details, world.told());
}

pub(super) fn journal(world: &World, party: usize) -> ReadOnly {
    let disk: Arc<dyn Disk> = world.nodes[party].disk.clone();
    open_read_only(disk).expect("a journal")
}

/// Whether the journal's last snapshot has begun and not ended, read on from a position.
fn snapshot_stands_open(journal: &ReadOnly, from: &mut Position, mut open: bool) -> bool {
    let mut reader = journal.reader(*from);
    while let Ok(Some(record)) = reader.next() {
        *from = record.end;
        if record.kind == kind::TABLES {
            match record.body.first() {
                Some(1) => open = true,
                Some(3) => open = false,
                _ => {}
            }
        }
    }
    open
}

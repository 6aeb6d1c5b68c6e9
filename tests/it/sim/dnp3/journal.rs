//! R23 over DNP3: a bridge that reads outstations and serves an EMS, and a disk that is full.

use std::sync::Arc;

use bridge_journal::{Disk, open_read_only};
use bridge_model::{LinkId, Quality, Validity};
use bridge_provenance::{FrameRecord, kind};
use bridge_sim::{Entry, EntryKind, Verdict, compare, still_good};

use super::super::rules::{ms, s};
use super::super::world::{GENCO, Tune, World};
use super::{STATES, facts, load, ready, tune};

const SERVED: [&str; 5] = ["U1.bfp_a", "U1.id_fan", "U2.bfp_b", "U1.trip", "U1.p_echo"];

/// The plant's bridge serves an EMS of its own beside what it sends north.
fn with_local_ems() -> Tune {
    let thermal = |_| {
        let text = include_str!("plant.toml");
        let links = "[link]\nscada = { protocol = \"dnp3\", role = \"server\", outstation = 100, master = 7, zone = \"UTC\", \
                     on_journal_failure = \"pass\", keep_alive = \"10s\" }\n";
        let rtu = text.lines().find(|line| line.starts_with("rtu = ")).expect("the fixture has the link");
        let short = rtu.replace("response_timeout = \"2s\"", "response_timeout = \"2s\", max_unacked = 8");
        let shown = text.replace("[link]\n", "").replace(rtu, &format!("[link]\n{short}\n{}", links.replace("[link]\n", "")));
        assert!(shown.contains("max_unacked = 8") && shown.contains("\nscada = "), "the fixture has changed");
        let serve = |(index, point): (usize, &str)| {
            match point {
            "U1.p_echo" => "  { point = \"U1.p_echo\", addr = { type = \"analog\", index = 9, class = 3 }, sign = \"generation\", basis = \"EX_BUS\" },\n".to_owned(),
            _ => format!("  {{ point = \"{point}\", addr = {{ type = \"binary\", index = {index}, class = 1 }} }},\n"),
        }
        };
        let serves: String = SERVED.into_iter().enumerate().map(serve).collect();
        format!("{shown}\n[group.local]\non = \"scada\"\nserves = [\n{serves}]\n")
    };
    Tune { thermal, ..tune() }
}

fn seen(world: &World) -> Vec<Entry> {
    world.second.as_ref().expect("an EMS of the plant's bridge").ledger.entries()
}

fn judged(world: &World) -> Verdict {
    compare(&world.station_entries(), &seen(world), &world.book_of(GENCO, LinkId(1)))
}

/// Fragments of the outstations in the journal that came within this span.
fn kept(world: &World, from: i64, to: i64) -> usize {
    let disk: Arc<dyn Disk> = world.nodes[GENCO].disk.clone();
    let journal = open_read_only(disk).expect("a journal");
    let mut reader = journal.reader(journal.start());
    let frames = std::iter::from_fn(|| reader.next().expect("it reads")).filter(|record| record.kind == kind::FRAME);
    let of_rtu = |frame: &FrameRecord<'_>| frame.link == 0 && (from..to).contains(&frame.received_ns);
    frames.filter(|record| of_rtu(&FrameRecord::decode(&record.body).expect("a frame record"))).count()
}

fn change(world: &mut World, point: &str, value: f64) {
    let now = world.now();
    assert!(world.station.handle_change(point, value, now), "{point}");
}

fn shown(world: &World, point: &str) -> Entry {
    let value = |entry: &&Entry| entry.point == point && matches!(entry.kind, EntryKind::Event | EntryKind::Change);
    seen(world).iter().rfind(value).cloned().expect("it was shown")
}

/// What the EMS was shown last is this value, and good.
#[track_caller]
fn assert_shown(world: &World, point: &str, value: f64) {
    let entry = shown(world, point);
    assert_eq!(entry.value, Some(value), "{point}\n{}", world.told());
    let quality = Quality::from_bits(entry.quality.expect("a quality"), 0);
    assert_eq!(quality.validity, Validity::Good, "{point}: {quality:?}\n{}", world.told());
}

/// No event is confirmed while the disk is full, however long that takes; what stands at the station is shown to the EMS all the same, and
/// afterwards every event is there, once, with its own stamp.
#[test]
fn r23_dnp3_static_values_reach_the_ems_on_a_full_disk_and_every_event_follows() {
    for (seed, minutes) in [(1523, 1), (1524, 15)] {
        let mut world = ready(seed, with_local_ems());
        load(&mut world, &STATES, 90, 50);
        world.run_for(s(10));
        world.nodes[GENCO].disk.full_after(500);
        // Before anybody knows, more events than may wait.
        load(&mut world, &STATES, 90, 40);
        world.run_for(s(10));
        assert_eq!(world.bridge(GENCO).journal_failure(), Some("full"));
        let (receipts, backlog, full) = (world.receipts.clone(), world.station.backlog(), world.now().utc.0);
        let closed = world.closed.len();
        for round in 0..minutes {
            let on = f64::from(round % 2);
            for (point, value) in [("U1.bfp_a", 1.0 - on), ("U1.id_fan", on), ("U2.bfp_b", 1.0), ("U1.trip", on)] {
                change(&mut world, point, value);
            }
            world.run_for(s(15));
            for (point, value) in [("U1.bfp_a", 1.0 - on), ("U1.id_fan", on), ("U2.bfp_b", 1.0), ("U1.trip", on)] {
                assert_shown(&world, point, value);
            }
            world.run_for(s(45));
        }
        let made = u64::from(minutes as u32) * 4;
        assert_eq!(world.receipts, receipts, "no receipt left");
        assert!(world.station.backlog() >= backlog + made, "no event was confirmed: {} of {backlog}", world.station.backlog());
        assert_eq!(world.closed.len(), closed, "no line was closed: {:?}", world.closed);
        let good = still_good(&seen(&world), &SERVED, world.now().utc.0);
        assert_eq!(good.len(), SERVED.len(), "nothing grew old: {good:?}\n{}", world.told());

        let free = world.now().utc.0;
        world.nodes[GENCO].disk.unlimit();
        world.run_for(s(60));
        assert_eq!((world.bridge(GENCO).journal_failure(), world.station.backlog()), (None, 0), "{}", world.told());
        let verdict = judged(&world);
        assert_eq!((verdict.lost, verdict.double, verdict.wrong), (0, 0, 0), "{:#?}\n{}", verdict.details, world.told());
        assert!(verdict.events >= 180 + made, "{}", verdict.events);
        for point in STATES {
            let (made, mut seen) = (facts(&world.station_entries(), point), facts(&seen(&world), point));
            seen.sort_by_key(|(_, stamp)| *stamp);
            assert_eq!(seen, made, "{point}: value and stamp, each once");
        }
        assert_eq!(kept(&world, full, free), 0, "what waited for the disk did not grow with the outage");
        assert!(kept(&world, 0, full) > 10 && kept(&world, free, i64::MAX) > 10, "before and after it is journaled");
        // The other bridge, which hears sealed values only, has caught up as well.
        let far = world.verdict();
        assert_eq!((far.lost, far.double, far.wrong), (0, 0, 0), "{:#?}\n{}", far.details, world.told());
    }
}

/// A disk that comes and goes: the ledgers agree whenever it does.
#[test]
fn r23_dnp3_a_disk_that_is_full_again_and_again_loses_and_doubles_nothing() {
    for seed in 0..8 {
        let mut world = ready(1600 + seed, with_local_ems());
        load(&mut world, &STATES, 900, 60);
        for _ in 0..4 {
            let (full, free) = (ms(500 + world.rng.below(12_000)), ms(200 + world.rng.below(6000)));
            let octets = world.rng.below(20_000);
            world.nodes[GENCO].disk.full_after(octets);
            world.run_for(full);
            world.nodes[GENCO].disk.unlimit();
            world.run_for(free);
        }
        world.run_for(s(90));
        assert_eq!(world.station.backlog(), 0, "seed {seed}: every event is confirmed\n{}", world.told());
        let verdict = judged(&world);
        assert_eq!((verdict.lost, verdict.double, verdict.wrong), (0, 0, 0), "seed {seed}: {:#?}\n{}", verdict.details, world.told());
        assert!(verdict.events >= 900, "seed {seed}: {}", verdict.events);
        let far = world.verdict();
        assert_eq!((far.lost, far.double, far.wrong), (0, 0, 0), "seed {seed}: {:#?}\n{}", far.details, world.told());
    }
}

/// A commit that does not end is no better than a full disk.
#[test]
fn r23_dnp3_a_commit_that_does_not_end_leaves_the_screens_live() {
    let mut world = ready(1525, with_local_ems());
    world.nodes[GENCO].disk.delay(s(120));
    world.run_for(s(10));
    let receipts = world.receipts.clone();
    change(&mut world, "U1.trip", 1.0);
    world.run_for(s(15));
    assert_shown(&world, "U1.trip", 1.0);
    assert_eq!(world.receipts, receipts, "no receipt left");
    assert!(world.station.backlog() > 0, "the trip is not confirmed");
    world.nodes[GENCO].disk.delay(s(0));
    world.run_for(s(300));
    assert_eq!(world.station.backlog(), 0, "{}", world.told());
    let verdict = judged(&world);
    assert_eq!((verdict.lost, verdict.double, verdict.wrong), (0, 0, 0), "{:#?}\n{}", verdict.details, world.told());
}

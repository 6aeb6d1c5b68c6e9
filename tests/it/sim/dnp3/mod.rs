//! The whole bridge with DNP3 on its OT side: a plant's bridge that is the master of two outstations on one line, and a dispatch centre's
//! that is the outstation of a legacy EMS. The profiles beside this file are the tests' own.

mod indications;
mod journal;
mod misbehave;
mod rules;
mod seeds;

use std::time::Duration;

use bridge_model::PointId;
use bridge_sim::{Entry, EntryKind, Generator, GeneratorKind};

use super::world::{GENCO, Tune, World};

/// The world over DNP3.
pub(super) fn tune() -> Tune {
    Tune { thermal: |_| include_str!("plant.toml").to_owned(), gateway: |_| include_str!("gateway.toml").to_owned(), ..Tune::default() }
}

/// A world whose image has been read through both bridges.
fn ready(seed: u64, tune: Tune) -> World {
    let mut world = World::tuned(seed, tune);
    world.run_for(Duration::from_secs(10));
    world
}

/// Changes of these states, so many, one every `every_ms`.
fn load(world: &mut World, names: &[&str], count: u64, every_ms: u64) {
    let plan = &world.nodes[GENCO].plan;
    let points: Vec<PointId> = names.iter().map(|name| plan.point(name).expect("in the profile")).collect();
    let begin = world.now().mono + Duration::from_millis(100);
    world.load(Generator::new(GeneratorKind::Single, points, begin, Duration::from_millis(every_ms), count, 1));
}

/// States of both outstations.
const STATES: [&str; 3] = ["U1.bfp_a", "U1.id_fan", "U2.bfp_b"];

/// Nothing lost, nothing twice, nothing changed on the way.
#[track_caller]
fn assert_whole(world: &World, at_least: u64) {
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.double, verdict.wrong), (0, 0, 0), "{:#?}\n{}", verdict.details, world.told());
    assert!(verdict.events >= at_least, "{} events compared", verdict.events);
}

/// How often a bridge's sessions found something like this.
fn found(world: &World, party: usize, part: &str) -> usize {
    world.findings.iter().filter(|(whose, what)| *whose == party && what.contains(part)).count()
}

/// The frames that the plant's bridge has taken.
fn frames(world: &World) -> u64 {
    world.receipts.values().sum()
}

/// The events of a point, as (value, stamp).
fn facts(entries: &[Entry], point: &str) -> Vec<(Option<f64>, Option<i64>)> {
    let events = entries.iter().filter(|entry| entry.kind == EntryKind::Event && entry.point == point);
    events.map(|entry| (entry.value, entry.stamp)).collect()
}

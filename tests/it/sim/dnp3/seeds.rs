//! Random faults from a seed over DNP3, and what must hold after them: the ledgers of the outstations and of the EMS say so.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_sim::Rng;

use super::super::faults::crashed_under_load;
use super::super::seeds::{play_range, replayed};
use super::super::world::{End, GENCO, SLDC, World};
use super::{STATES, load, tune};

/// Seeds of each kind that `./check` plays.
const SEEDS: u64 = 60;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn faults_from_seeds_over_dnp3() {
    play_range(0, SEEDS, &tune());
}

#[test]
fn one_seed_replayed_over_dnp3_gives_one_journal() {
    replayed(&tune());
}

/// An event leaves the outstation's buffer with its CONFIRM, so it is durable before: on a disk that forgets what was not synced, every
/// fragment whose receipt left is recovered, and after the crash every event that was made is at the EMS.
#[test]
fn a2_r27_every_event_whose_confirm_left_is_durable() {
    for seed in 0..3 * SEEDS {
        let mut world = crashed_under_load(seed, &tune());
        if seed.is_multiple_of(6) {
            world.nodes[GENCO].disk.delay(Duration::ZERO);
            world.station.handle_generators_stopped();
            world.run_for(s(1));
            world.start(GENCO);
            world.run_for(s(60));
            let verdict = world.verdict();
            assert_eq!((verdict.lost, verdict.wrong), (0, 0), "seed {seed}: {:#?}\n{}", verdict.details, world.told());
            assert!(verdict.events > 20, "seed {seed}: {}", verdict.events);
            assert_eq!(world.station.backlog(), 0, "seed {seed}: every event is confirmed");
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Station,
    Ems,
    /// Both ends are told.
    Reset(End),
    Crash(usize),
}

/// Both links that leave the bridges are cut and reset and both bridges die while events flow: every event reaches the EMS at least once,
/// as it was, and in order.
#[test]
fn a2_r27_events_survive_cuts_of_both_lines_and_crashes_of_both_bridges() {
    for seed in 0..SEEDS {
        let mut world = World::tuned(seed, tune());
        let mut rng = Rng::new(seed ^ 0xD293);
        world.run_for(s(5));
        load(&mut world, &STATES, 800, 50);
        let mut acts: BTreeMap<u64, (Cut, bool)> = BTreeMap::new();
        for _ in 0..3 + rng.below(4) {
            let cut = match rng.below(6) {
                0 => Cut::Station,
                1 => Cut::Ems,
                2 => Cut::Reset(End::Station),
                3 => Cut::Reset(End::Ems),
                4 => Cut::Crash(GENCO),
                _ => Cut::Crash(SLDC),
            };
            let at = 200 + rng.below(35_000);
            acts.insert(at, (cut, true));
            acts.insert(at + 300 + rng.below(15_000), (cut, false));
        }
        let mut at = 0;
        for (next, (cut, begins)) in &acts {
            world.run_for(Duration::from_millis(next - at));
            at = *next;
            act(&mut world, *cut, *begins);
        }
        for party in [GENCO, SLDC] {
            if world.nodes[party].bridge.is_none() {
                world.start(party);
            }
        }
        world.run_for(s(150));
        let verdict = world.verdict();
        assert_eq!((verdict.lost, verdict.wrong), (0, 0), "seed {seed}, {acts:?}: {:#?}\n{}", verdict.details, world.told());
        assert!(verdict.events >= 800, "seed {seed}: {}", verdict.events);
        assert_eq!(world.station.backlog(), 0, "seed {seed}: every event is confirmed");
    }
}

fn act(world: &mut World, cut: Cut, begins: bool) {
    match (cut, begins) {
        (Cut::Station, true) => world.cut_path(End::Station, false),
        (Cut::Station, false) => world.heal_path(End::Station, false),
        (Cut::Ems, true) => world.cut_path(End::Ems, false),
        (Cut::Ems, false) => world.heal_path(End::Ems, false),
        (Cut::Reset(end), _) => world.reset(end, usize::MAX),
        (Cut::Crash(party), true) if world.nodes[party].bridge.is_some() => world.crash(party),
        (Cut::Crash(party), false) if world.nodes[party].bridge.is_none() => world.start(party),
        (Cut::Crash(_), _) => {}
    }
}

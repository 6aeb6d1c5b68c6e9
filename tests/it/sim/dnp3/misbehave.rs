//! Outstations and masters that do wrong what `sim dnp3 --misbehave` names: what the bridges make of it.

use bridge_sim::{EntryKind, Misbehaviour, Side, Standard, StationOptions, named};

use super::super::rules::{ended, executes, s};
use super::super::story::order;
use super::super::world::{GENCO, SLDC, Tune, World};
use super::{STATES, assert_whole, found, frames, load, ready, tune};

fn of(name: &str, side: Side) -> Misbehaviour {
    named(name).and_then(|named| named.of(Standard::Dnp3, side)).expect("it can do that")
}

fn station(name: &str) -> StationOptions {
    StationOptions { misbehaviours: vec![of(name, Side::Station)], ..StationOptions::default() }
}

fn with_station(seed: u64, station: fn() -> StationOptions) -> World {
    ready(seed, Tune { station, ..tune() })
}

fn with_ems(seed: u64, name: &str) -> World {
    let ems: &'static [Misbehaviour] = Box::leak(Box::new([of(name, Side::Ems)]));
    ready(seed, Tune { ems, ..tune() })
}

/// Sixty quiet seconds: how many fragments the plant's bridge takes of a station that has nothing to say.
fn idle(world: &mut World) -> u64 {
    let before = frames(world);
    world.run_for(s(60));
    frames(world) - before
}

#[test]
fn a2_r53_class_bits_that_never_clear_are_polled_ever_more_slowly_and_told() {
    let mut world = with_station(1601, || station("class-bits-never-clear"));
    load(&mut world, &STATES, 300, 20);
    world.run_for(s(20));
    assert_whole(&world, 300);
    let lawful = idle(&mut ready(1601, tune()));
    let taken = idle(&mut world);
    assert!(taken < lawful + 200, "it does not spin: {taken} fragments a minute, {lawful} of a lawful station");
    assert!(found(&world, GENCO, "says that events wait and gives none") >= 2, "{:?}", world.findings);
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(60));
    assert_eq!(ended(&world)[0].0, "COMPLETED", "{}", world.told());
}

#[test]
fn a2_r30_a_storm_of_restarts_is_read_anew_each_time_and_loses_nothing() {
    let mut world = with_station(1602, || station("restart-storm"));
    load(&mut world, &STATES, 600, 50);
    world.run_for(s(60));
    assert_whole(&world, 600);
    let restarts = found(&world, GENCO, "it restarted (DEVICE_RESTART)");
    assert!((6..=40).contains(&restarts), "told each time: {restarts}");
    let lawful = idle(&mut ready(1602, tune()));
    let taken = idle(&mut world);
    // Clearing, reading everything and enabling again, every 5 s, and the outstations share the line.
    assert!(taken < lawful + 400, "it does not spin: {taken} fragments a minute, {lawful} of a lawful station");
}

#[test]
fn a2_r26_confirms_that_are_lost_on_their_way_to_the_station_cost_no_event() {
    let mut world = with_station(1603, || station("confirm-lost"));
    load(&mut world, &STATES, 300, 100);
    world.run_for(s(120));
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.wrong), (0, 0), "{:#?}\n{}", verdict.details, world.told());
    assert!(verdict.events >= 300 && world.station.backlog() == 0, "{} events", verdict.events);
}

#[test]
fn confirms_of_an_ems_that_are_lost_cost_no_event_and_are_told() {
    let mut world = with_ems(1604, "confirm-lost");
    load(&mut world, &STATES, 300, 100);
    world.run_for(s(180));
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.wrong), (0, 0), "{:#?}\n{}", verdict.details, world.told());
    assert!(verdict.events >= 300, "{} events", verdict.events);
    assert!(found(&world, SLDC, "confirm") >= 1, "{:?}", world.findings);
}

#[test]
fn a2_r50_an_octet_string_of_no_octets_is_passed_over() {
    let mut world = with_station(1605, || station("empty-g110"));
    load(&mut world, &STATES, 300, 20);
    world.run_for(s(20));
    assert_whole(&world, 300);
    // The integrity poll ends, so values are good and commands go.
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(60));
    assert_eq!(ended(&world)[0].0, "COMPLETED", "{}", world.told());
    assert!(world.closed.is_empty(), "{:?}", world.closed);
}

#[test]
fn an_avalanche_over_dnp3_arrives_whole_and_in_order() {
    let mut world = World::tuned(1606, Tune { station: || station("avalanche"), ..tune() });
    world.run_for(s(90));
    assert_whole(&world, 3000);
    assert_eq!(world.station.backlog(), 0);
}

#[test]
fn a_station_that_never_answers_a_control_has_no_outcome_but_operates_nothing() {
    let mut world = with_station(1607, || station("never-confirms"));
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(60));
    assert_eq!(executes(&world, "U2.p_set").len(), 0);
    let (status, _) = ended(&world).remove(0);
    assert_ne!(status, "COMPLETED", "silence never reads as success\n{}", world.told());
}

#[test]
fn a_station_that_answers_late_is_uncertain_and_is_not_asked_twice() {
    let mut world = with_station(1608, || station("answers-late"));
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(4));
    assert_eq!(ended(&world)[0].0, "INDETERMINATE", "{}", world.told());
    assert_eq!(executes(&world, "U2.p_set").len(), 1);
    order(&mut world, "U2.p_set", 205.0);
    world.run_for(s(5));
    assert_eq!(executes(&world, "U2.p_set").len(), 1, "the lock holds a second command back\n{}", world.told());
    assert_eq!(world.verdict().double, 0);
}

/// CONFIRM never comes, or 20 s late: events wait, are offered again, and arrive when it does.
fn unconfirmed(seed: u64, name: &str) {
    let mut world = with_ems(seed, name);
    load(&mut world, &STATES, 300, 50);
    world.run_for(s(60));
    assert!(found(&world, SLDC, "confirm") >= 1, "{name}: {:?}", world.findings);
    world.ems.handle_misbehaviours(Vec::new());
    world.run_for(s(120));
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.wrong), (0, 0), "{name}: {:#?}\n{}", verdict.details, world.told());
    assert!(verdict.events >= 300, "{name}: {}", verdict.events);
}

#[test]
fn an_ems_that_never_confirms_gets_its_events_when_it_does() {
    unconfirmed(1609, "never-confirms");
}

#[test]
fn an_ems_that_confirms_late_gets_its_events() {
    unconfirmed(1610, "answers-late");
}

/// What is told of a station's clock is its clock's: stamps stay raw.
#[test]
fn r21_a_stepping_clock_over_dnp3_loses_nothing() {
    let mut world = with_station(1611, || station("clock-step"));
    load(&mut world, &STATES, 600, 100);
    world.run_for(s(90));
    assert_whole(&world, 600);
    let stepped = world
        .ems_ledger
        .entries()
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Event && entry.stamp.is_some_and(|stamp| (stamp - entry.t).abs() > 1_800_000_000_000));
    assert!(stepped.count() > 50, "the clock did step");
}

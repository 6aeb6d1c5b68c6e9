//! What interrogations read of a served state is the newest that is known of it, whatever events still wait (R20).

use bridge_model::{Cause, LinkId, PointId, PointUpdate, Quality, Timestamp, Utc, Value};
use bridge_session::FrameBatch;
use bridge_sim::{EntryKind, Generator, GeneratorKind};

use super::dnp3;
use super::rules::{at_ems, ms, s, shown};
use super::world::{End, GENCO, Tune, World};

const STATES: [&str; 3] = ["U1.bfp_a", "U1.id_fan", "U2.bfp_b"];

fn point(world: &World, name: &str) -> PointId {
    world.nodes[GENCO].plan.point(name).expect("in the profile")
}

/// A frame of the plant's station with one state.
fn frame(world: &mut World, number: u64, name: &str, value: bool, cause: Cause, time: Timestamp) {
    let (point, now) = (point(world, name), world.now());
    let mut batch = FrameBatch::default();
    batch.updates.push(PointUpdate { point, value: Value::Bool(value), quality: Quality::GOOD, time, received: now.utc, cause });
    batch.push(u32::MAX, number, now.utc, &number.to_le_bytes(), 0);
    world.nodes[GENCO].bridge.as_mut().expect("it runs").handle_frames(LinkId(0), &batch, now);
}

/// The station came back and answered an interrogation; what it had kept of the outage comes after it.
fn older_events_do_not_move_what_is_read(tune: Tune, seed: u64) {
    let mut world = World::tuned(seed, tune);
    world.run_for(s(15));
    let now = world.now().utc;
    frame(&mut world, 1, STATES[0], true, Cause::Interrogated, Timestamp::at_receipt(now));
    world.run_for(s(2));
    assert_eq!(shown(&world, STATES[0]), Some(1.0), "found by the interrogation\n{}", world.told());
    let events = at_ems(&world, EntryKind::Event, STATES[0]).len();
    let then = Timestamp::by_device(Utc(world.now().utc.0 - 600_000_000_000));
    frame(&mut world, 2, STATES[0], false, Cause::Spontaneous, then);
    world.run_for(s(2));
    let listed = at_ems(&world, EntryKind::Event, STATES[0]);
    assert_eq!(listed.len(), events + 1, "it is listed\n{}", world.told());
    let last = listed.last().expect("the older one");
    assert_eq!((last.value, last.stamp), (Some(0.0), Some(then.utc.0)));
    world.cut_path(End::Ems, false);
    world.run_for(s(20));
    let healed = world.now().utc.0;
    world.heal_path(End::Ems, false);
    world.run_for(s(30));
    let read = at_ems(&world, EntryKind::Change, STATES[0]).into_iter().find(|entry| entry.t >= healed).expect("read anew");
    assert_eq!(read.value, Some(1.0), "the older event moved it\n{}", world.told());
}

#[test]
fn r20_older_events_do_not_move_what_an_ems_reads_over_dnp3() {
    older_events_do_not_move_what_is_read(dnp3::tune(), 2701);
}

#[test]
fn r20_older_events_do_not_move_what_an_ems_reads_over_104() {
    older_events_do_not_move_what_is_read(Tune::default(), 2702);
}

/// The EMS was away for more events than a session is handed at a time; what it reads first is what is, and each event comes as it was.
fn what_is_read_first_is_the_newest(tune: Tune, seed: u64) {
    let mut world = World::tuned(seed, tune);
    world.run_for(s(15));
    world.cut_path(End::Ems, false);
    world.run_for(s(1));
    let points = STATES.iter().map(|name| point(&world, name)).collect();
    let begin = world.now().mono + ms(100);
    // An odd number of changes of each: the last is not the first, nor that of the end of the window.
    world.load(Generator::new(GeneratorKind::Single, points, begin, ms(10), 4503, 1));
    world.run_for(s(60));
    let healed = world.now().utc.0;
    world.heal_path(End::Ems, false);
    world.run_for(s(90));
    let made = world.station_entries();
    for name in STATES {
        let last = made.iter().rfind(|entry| entry.kind == EntryKind::Event && entry.point == name).and_then(|entry| entry.value);
        let read = at_ems(&world, EntryKind::Change, name).into_iter().find(|entry| entry.t >= healed).expect("read");
        assert_eq!((read.value, read.quality), (last, Some(0)), "{name}\n{}", world.told());
    }
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.double, verdict.wrong), (0, 0, 0), "{:#?}\n{}", verdict.details, world.told());
    assert!(verdict.events >= 4503, "{} events compared", verdict.events);
}

#[test]
fn r20_after_its_outage_an_ems_reads_the_newest_over_dnp3() {
    what_is_read_first_is_the_newest(dnp3::tune(), 2703);
}

#[test]
fn r20_after_its_outage_an_ems_reads_the_newest_over_104() {
    what_is_read_first_is_the_newest(Tune::default(), 2704);
}

//! Webhooks in virtual time: the receiver's own list against the plant's journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bridge_engine::{Hook, MAX_SKIPS, OnPoison, Settings};
use bridge_ies::Verb;
use bridge_journal::open_read_only;
use bridge_session::PostAnswer;
use bridge_sim::Rng;
use serde_json::Value;

use super::world::{GENCO, Tune, World};
use crate::support::{place, point_heads};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn hook() -> Hook {
    Hook {
        name: "lake".to_owned(),
        verbs: BTreeSet::new(),
        resources: BTreeSet::new(),
        max_events: 20,
        max_bytes: 256 << 10,
        max_age: s(1),
        contracted: true,
        max_lag: s(3600),
        max_lag_bytes: 1 << 30,
        on_poison: OnPoison::Park,
    }
}

fn hooked(settings: &mut Settings) {
    if settings.did.contains("genco") {
        settings.hooks = vec![hook()];
    }
}

fn later(cause: &str) -> PostAnswer {
    PostAnswer::Later { cause: cause.to_owned(), after: None }
}

/// What the plant's journal sealed.
fn heads(world: &World) -> Vec<(u32, u64)> {
    let disk: Arc<dyn bridge_journal::Disk> = world.nodes[GENCO].disk.clone();
    point_heads(&open_read_only(disk).expect("readable"))
}

fn kind(octets: &str) -> String {
    let event: Value = serde_json::from_str(octets).expect("JSON");
    event["type"].as_str().expect("a type").to_owned()
}

/// Each id once, in order of its first arrival; a repetition has the same octets.
fn first_arrivals(world: &World) -> Vec<(String, String)> {
    let mut seen: BTreeMap<&String, &String> = BTreeMap::new();
    let mut first = Vec::new();
    for (id, octets) in &world.receiver.taken {
        match seen.get(id) {
            Some(before) => assert_eq!(*before, octets, "a repetition of {id} has other octets"),
            None => {
                seen.insert(id, octets);
                first.push((id.clone(), octets.clone()));
            }
        }
    }
    first
}

/// Nothing is missing from the first event on, and the order is that of the journal.
fn complete(world: &World) {
    let points: Vec<(u32, u64)> =
        first_arrivals(world).iter().filter(|(_, octets)| kind(octets) == "in.ies.grid.telemetry.v0").map(|(id, _)| place(id)).collect();
    let heads = heads(world);
    let begin = heads.iter().position(|head| Some(head) == points.first()).expect("the first event is in the journal");
    assert_eq!(points, heads[begin..], "{}", world.told());
}

/// Answers well, with errors among it.
fn moody(rng: &mut Rng, _: &[Value]) -> PostAnswer {
    match rng.below(10) {
        0 | 1 => later("answered 500"),
        2 => PostAnswer::Later { cause: "answered 429".to_owned(), after: Some(s(2)) },
        _ => PostAnswer::Taken,
    }
}

fn load(world: &mut World) {
    let now = world.now();
    for round in 0..3 {
        world.station.handle_change("U1.bfp_a", f64::from(round % 2), now);
    }
    world.station.handle_change("U1.trip", f64::from(u8::from(world.rng.below(2) == 0)), now);
}

#[test]
fn a_webhook_gets_everything_in_order_through_errors_and_crashes() {
    for seed in 0..12 {
        let mut world = World::tuned(900 + seed, Tune { settings: hooked, ..Tune::default() });
        world.receiver.answer = moody;
        for round in 0..20 {
            load(&mut world);
            let span = Duration::from_millis(300 + world.rng.below(1500));
            world.run_for(span);
            if round % 5 == 4 {
                world.crash(GENCO);
                world.run_for(s(1));
                world.start(GENCO);
            }
        }
        world.receiver.answer = |_, _| PostAnswer::Taken;
        // Quiet: no more telemetry is sealed while the rest arrives.
        world.cut_station();
        world.run_for(s(130));
        complete(&world);
        let taken = world.receiver.taken.len();
        let first = first_arrivals(&world);
        assert!(taken >= first.len() && first.len() > 40, "seed {seed}: {taken} taken, {} of them new", first.len());
        let alarms = first.iter().filter(|(_, octets)| kind(octets) == "in.ies.grid.alarm.v0").count();
        assert!(alarms > 0, "seed {seed}: alarms leave too");
        assert!(first.iter().any(|(_, octets)| kind(octets) == "in.ies.grid.descriptors.v0"), "what the points mean leaves first");
    }
}

/// Refuses the event that says that the unit tripped.
fn hates_trips(_: &mut Rng, events: &[Value]) -> PostAnswer {
    let hated = |event: &Value| event["type"] == "in.ies.grid.alarm.v0" && event["data"]["payload"]["alarmId"] == "U1.trip/alarm";
    if events.iter().any(hated) { PostAnswer::Refused { status: 422, text: "no".to_owned() } } else { PostAnswer::Taken }
}

fn skipping(settings: &mut Settings) {
    hooked(settings);
    settings.hooks.iter_mut().for_each(|hook| hook.on_poison = OnPoison::Skip);
}

fn trip(world: &mut World) {
    let now = world.now();
    world.station.handle_change("U1.trip", 1.0, now);
}

#[test]
fn a_poison_event_is_found_and_skipped_with_a_signed_gap_or_parks() {
    let mut world = World::tuned(920, Tune { settings: skipping, ..Tune::default() });
    world.receiver.answer = hates_trips;
    world.run_for(s(10));
    trip(&mut world);
    world.run_for(s(20));
    let first = first_arrivals(&world);
    let gaps: Vec<Value> =
        first.iter().filter(|(_, octets)| kind(octets) == "in.ies.grid.gap.v0").map(|(_, o)| serde_json::from_str(o).unwrap()).collect();
    let [gap] = &gaps[..] else { panic!("one gap, not {gaps:?}\n{}", world.told()) };
    assert_eq!(gap["data"]["fields"]["status"], "422");
    let skipped = gap["data"]["fields"]["event"].as_str().expect("it names the event");
    assert!(first.iter().all(|(id, _)| id != skipped), "what was skipped was not delivered");
    assert!(first.iter().any(|(id, _)| place(id).1 > 0 && id != skipped), "and the rest goes on");

    let mut world = World::tuned(921, Tune { settings: hooked, ..Tune::default() });
    world.receiver.answer = hates_trips;
    world.run_for(s(10));
    trip(&mut world);
    world.run_for(s(30));
    assert!(world.story.iter().any(|(_, _, line)| line.contains("ALARM: webhook lake: parked: event")), "{}", world.told());
    let (before, batches) = (world.receiver.taken.len(), world.receiver.batches);
    world.run_for(s(60));
    assert_eq!(world.receiver.taken.len(), before, "parked: nothing passes the event");
    assert!(world.receiver.batches - batches <= 1, "and the receiver is left alone");
    // The receiver learns it: the next probe goes through, and nothing is missing.
    world.receiver.answer = |_, _| PostAnswer::Taken;
    world.run_for(s(310));
    assert!(world.story.iter().any(|(_, _, line)| line.contains("clear: webhook lake")), "{}", world.told());
    world.cut_station();
    world.run_for(s(20));
    complete(&world);
}

fn narrow(settings: &mut Settings) {
    hooked(settings);
    for hook in &mut settings.hooks {
        hook.verbs = BTreeSet::from([Verb::Stream]);
        hook.resources = BTreeSet::from(["era:in/wr/tps-a/u1".to_owned()]);
    }
}

#[test]
fn a_webhook_gets_only_the_verbs_and_resources_it_is_for() {
    let mut world = World::tuned(922, Tune { settings: narrow, ..Tune::default() });
    for round in 0..8 {
        load(&mut world);
        let now = world.now();
        world.station.handle_change("U2.bfp_a", f64::from(round % 2), now);
        world.run_for(s(2));
    }
    let first = first_arrivals(&world);
    assert!(first.len() > 3);
    for (_, octets) in &first {
        let event: Value = serde_json::from_str(octets).unwrap();
        let descriptors = event["type"] == "in.ies.grid.descriptors.v0";
        assert!(descriptors || (event["type"] == "in.ies.grid.telemetry.v0" && event["subject"] == "era:in/wr/tps-a/u1"), "{event}");
    }
}

fn short_lag(settings: &mut Settings) {
    hooked(settings);
    settings.hooks.iter_mut().for_each(|hook| hook.max_lag = s(20));
}

fn short_lag_uncontracted(settings: &mut Settings) {
    short_lag(settings);
    settings.hooks.iter_mut().for_each(|hook| hook.contracted = false);
}

/// The batches of a gap note, from the receiver's own events.
fn gap_of(world: &World) -> (u64, u64) {
    let gaps: Vec<Value> = first_arrivals(world)
        .iter()
        .filter(|(_, octets)| kind(octets) == "in.ies.grid.gap.v0")
        .map(|(_, octets)| serde_json::from_str(octets).expect("JSON"))
        .collect();
    let [gap] = &gaps[..] else { panic!("one gap, not {gaps:?}\n{}", world.told()) };
    let number = |key: &str| gap["data"]["fields"][key].as_str().and_then(|text| text.parse().ok()).expect("a batch number");
    (number("fromBatch"), number("toBatch"))
}

/// The batches whose events of points were taken.
fn batches_taken(world: &World) -> BTreeSet<u64> {
    let of = |octets: &String| {
        let event: Value = serde_json::from_str(octets).expect("JSON");
        event["iesbatch"].as_str().and_then(|text| text.parse().ok()).expect("a batch number")
    };
    first_arrivals(world).iter().filter(|(_, octets)| kind(octets) == "in.ies.grid.telemetry.v0").map(|(_, octets)| of(octets)).collect()
}

#[test]
fn a_lagging_webhook_is_parked_or_set_to_the_present_and_its_gap_is_exact() {
    for (seed, settings, contracted) in [(923, short_lag as fn(&mut Settings), true), (924, short_lag_uncontracted, false)] {
        let mut world = World::tuned(seed, Tune { settings, ..Tune::default() });
        world.run_for(s(5));
        world.receiver.answer = |_, _| later("connection refused");
        for _ in 0..40 {
            load(&mut world);
            world.run_for(s(1));
        }
        let parked = world.story.iter().any(|(_, _, line)| line.contains("ALARM: webhook lake: parked"));
        assert_eq!(parked, contracted, "{}", world.told());
        world.crash(GENCO);
        world.start(GENCO);
        world.run_for(s(30));
        world.receiver.answer = |_, _| PostAnswer::Taken;
        world.run_for(s(90));
        load(&mut world);
        world.run_for(s(10));
        let taken = batches_taken(&world);
        if contracted {
            let (from, to) = gap_of(&world);
            assert!(taken.iter().all(|batch| *batch < from || *batch > to), "what is in the gap was not delivered");
            assert!(taken.iter().any(|batch| *batch > to) && taken.iter().any(|batch| *batch < from));
            assert!(world.story.iter().any(|(_, _, line)| line.contains("clear: webhook lake")), "{}", world.told());
        } else {
            let gaps = first_arrivals(&world).iter().filter(|(_, octets)| kind(octets) == "in.ies.grid.gap.v0").count();
            assert!(gaps >= 1, "it went on with the present, and said so\n{}", world.told());
        }
    }
}

fn hates_all(_: &mut Rng, _: &[Value]) -> PostAnswer {
    PostAnswer::Refused { status: 400, text: "schema".to_owned() }
}

fn knows_us_not(_: &mut Rng, _: &[Value]) -> PostAnswer {
    PostAnswer::Refused { status: 401, text: "token expired".to_owned() }
}

#[test]
fn a_receiver_that_refuses_everything_does_not_empty_the_queue() {
    let mut world = World::tuned(925, Tune { settings: skipping, ..Tune::default() });
    world.receiver.answer = hates_all;
    for _ in 0..60 {
        load(&mut world);
        world.run_for(s(1));
    }
    let skipped = world.story.iter().filter(|(_, _, line)| line.contains("skipped, with a signed gap")).count();
    assert_eq!(skipped, MAX_SKIPS as usize, "then it is not the events that are wrong\n{}", world.told());
    // Who does not know us is asked again, and nothing is skipped.
    let mut world = World::tuned(926, Tune { settings: skipping, ..Tune::default() });
    world.receiver.answer = knows_us_not;
    world.run_for(s(30));
    assert!(world.story.iter().any(|(_, _, line)| line.contains("ALARM: webhook lake: the receiver refuses us: 401")), "{}", world.told());
    world.receiver.answer = |_, _| PostAnswer::Taken;
    world.run_for(s(90));
    world.cut_station();
    world.run_for(s(20));
    complete(&world);
    assert!(!world.story.iter().any(|(_, _, line)| line.contains("skipped")), "{}", world.told());
}

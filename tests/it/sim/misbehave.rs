//! Stations and EMSs that do wrong what `sim --misbehave` names: what the bridges make of it.

use std::time::Duration;

use bridge_model::{Detail, PointId};
use bridge_sim::{Entry, EntryKind, Generator, GeneratorKind, Misbehaviour, StationOptions, named, still_good};

use super::story::order;
use super::world::{GENCO, SLDC, Tune, World};

const HOUR_NS: i64 = 3_600_000_000_000;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn of_station(name: &str) -> StationOptions {
    let misbehaviour = named(name).and_then(|named| named.station).expect("a station's");
    StationOptions { misbehaviours: vec![misbehaviour], ..StationOptions::default() }
}

fn with_station(seed: u64, station: fn() -> StationOptions) -> World {
    let mut world = World::tuned(seed, Tune { station, ..Tune::default() });
    world.run_for(s(3));
    world
}

fn with_ems(seed: u64, ems: &'static [Misbehaviour]) -> World {
    let mut world = World::tuned(seed, Tune { ems, ..Tune::default() });
    world.run_for(s(3));
    world
}

/// Changes of three states, so many, one every `every_ms`.
fn events(world: &mut World, count: u64, every_ms: u64) {
    let plan = &world.nodes[GENCO].plan;
    let points: Vec<PointId> = ["U1.bfp_a", "U1.id_fan", "U2.bfp_b"].iter().filter_map(|name| plan.point(name)).collect();
    let begin = world.now().mono + Duration::from_millis(100);
    world.load(Generator::new(GeneratorKind::Single, points, begin, Duration::from_millis(every_ms), count, 1));
}

/// Nothing lost, nothing twice, nothing changed on the way.
#[track_caller]
fn assert_whole(world: &World, at_least: u64) {
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.double, verdict.wrong), (0, 0, 0), "{:#?}\n{}", verdict.details, world.told());
    assert!(verdict.events >= at_least, "{} events compared", verdict.events);
}

fn executes(world: &World) -> usize {
    world.station_entries().iter().filter(|entry| entry.kind == EntryKind::Execute).count()
}

fn ended(world: &World) -> Vec<String> {
    let mut all: Vec<_> = world.bridge(SLDC).operations().into_values().collect();
    all.sort_by_key(|operation| operation.at_ns);
    all.into_iter()
        .map(|operation| format!("{} {}", operation.status, operation.reason.unwrap_or_default()).trim_end().to_owned())
        .collect()
}

fn tells(world: &World, part: &str) -> usize {
    world.story.iter().filter(|(_, _, line)| line.contains(part)).count()
}

/// How often a bridge's session ended a connection for such a cause.
fn closes(world: &World, party: usize, part: &str) -> usize {
    world.closed.iter().filter(|(whose, cause)| *whose == party && cause.contains(part)).count()
}

/// The last value of a point in a ledger.
fn last(entries: &[Entry], point: &str) -> Option<f64> {
    entries.iter().rev().find(|entry| entry.point == point && entry.value.is_some()).and_then(|entry| entry.value)
}

/// R21: stamps stay raw, nothing is corrected silently; R18: bad time never makes a value bad.
#[test]
fn r21_su_always_zero_leaves_stamps_raw_and_values_good() {
    let mut world = with_station(301, || of_station("su-always-zero"));
    events(&mut world, 300, 20);
    world.run_for(s(30));
    assert_whole(&world, 300);
    let seen = world.ems_ledger.entries();
    let ahead = |entry: &&Entry| entry.kind == EntryKind::Event && entry.point == "U1.bfp_a";
    let mut told = 0;
    for entry in seen.iter().filter(ahead) {
        let error = entry.stamp.expect("a stamp") - entry.t;
        assert!((error - HOUR_NS).abs() < 10_000_000_000, "an hour ahead, as the station says: {error}");
        told += 1;
    }
    assert!(told >= 100, "{told}");
    let now = world.now().utc.0;
    assert_eq!(still_good(&seen, &["U1.p", "U1.bfp_a", "BUS.kv"], now).len(), 3, "{}", world.told());
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(60));
    assert_eq!(ended(&world), ["COMPLETED"], "feedback is not judged by a wrong clock\n{}", world.told());
}

/// R20, R21: an hour back does not hide what is true now.
#[test]
fn r21_a_stepping_clock_loses_nothing_and_the_image_stays_true() {
    let mut world = with_station(302, || of_station("clock-step"));
    // One minute is one round of steps.
    events(&mut world, 600, 100);
    world.run_for(s(90));
    assert_whole(&world, 600);
    // Longer than the period of interrogation.
    world.run_for(s(90));
    let (made, seen) = (world.station_entries(), world.ems_ledger.entries());
    for point in ["U1.bfp_a", "U1.id_fan", "U2.bfp_b", "U1.p_echo"] {
        assert_eq!(last(&seen, point), last(&made, point), "{point}\n{}", world.told());
    }
    let stepped = seen.iter().filter(|entry| entry.stamp.is_some_and(|stamp| (stamp - entry.t).abs() > HOUR_NS / 2)).count();
    assert!(stepped > 50, "the clock did step: {stepped}");
}

#[test]
fn an_ems_that_stops_and_starts_over_and_over_misses_nothing() {
    let storm = named("stopdt-storm").and_then(|named| named.ems).expect("an EMS's");
    let mut world = with_ems(303, Box::leak(Box::new([storm])));
    events(&mut world, 1000, 10);
    world.run_for(s(40));
    assert!(world.closed.is_empty(), "{:?}", world.closed);
    assert_whole(&world, 1000);
    let links: Vec<String> =
        world.ems_ledger.entries().into_iter().filter(|entry| entry.kind == EntryKind::Link).filter_map(|entry| entry.text).collect();
    assert_eq!(links, ["connected", "started"], "the connection is lawful and stays\n{}", world.told());
    assert!(tells(&world, "link ems lost") >= 40, "it did stop: {}", tells(&world, "link ems lost"));
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(60));
    assert_eq!(ended(&world), ["COMPLETED"], "{}", world.told());
}

#[test]
fn a_station_that_sends_stopdt_is_cut_off_with_its_cause_and_loses_nothing() {
    let mut world = with_station(304, || of_station("stopdt-storm"));
    events(&mut world, 400, 50);
    world.run_for(s(40));
    let cut =
        closes(&world, GENCO, "STOPDT act from a controlled station") + closes(&world, GENCO, "STARTDT act from a controlled station");
    assert!(cut >= 3, "{cut} times: {:?}", world.closed);
    world.run_for(s(20));
    assert_whole(&world, 400);
    let old = |entry: &Entry| entry.point == "U1.p" && entry.quality.is_some_and(|bits| Detail(bits).contains(Detail::OLD_DATA));
    assert!(world.ems_ledger.entries().iter().any(old), "while the link is down no value is called good");
    assert_eq!(executes(&world), 0);
}

#[test]
fn an_avalanche_arrives_whole_and_in_order() {
    let mut world = with_station(305, || of_station("avalanche"));
    world.run_for(s(60));
    let made = world.station_entries();
    let peak = made.iter().filter(|entry| entry.kind == EntryKind::Event).count();
    assert!(peak >= 8000, "{peak} events of {}", made.len());
    assert_whole(&world, 8000);
    let seen = world.ems_ledger.entries();
    for point in ["U1.bfp_a", "U2.turbine", "BUS.kv"] {
        assert_eq!(last(&seen, point), last(&made, point), "{point}");
    }
    let alarms = world.story.iter().filter(|(_, party, line)| *party == GENCO && line.starts_with("ALARM")).count();
    let trips = made.iter().filter(|entry| entry.kind == EntryKind::Event && entry.point.ends_with(".trip") && entry.value == Some(1.0));
    assert!(alarms <= trips.count() + 4, "no alarm without its cause: {alarms}");
}

#[test]
fn a_station_that_never_confirms_has_not_operated() {
    let mut world = with_station(306, || of_station("never-confirms"));
    world.run_for(s(7));
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(40));
    assert_eq!(executes(&world), 0);
    // The step's life is over before the select is answered: nothing was operated, and that is promised.
    assert_eq!(ended(&world), ["EXPIRED EXPIRED"], "{}", world.told());
    let completed = world.ems_ledger.entries().iter().any(|entry| entry.kind == EntryKind::Terminated);
    assert!(!completed, "silence never reads as success");
}

#[test]
fn a_station_that_confirms_late_is_uncertain_until_it_is_read_back() {
    let mut world = with_station(307, || of_station("answers-late"));
    world.run_for(s(7));
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(13));
    assert_eq!(ended(&world), ["INDETERMINATE NO_ANSWER"], "{}", world.told());
    order(&mut world, "U2.p_set", 205.0);
    world.run_for(s(10));
    // The late confirmation has come: it proves nothing about which command it was.
    assert_eq!(ended(&world)[1], "REJECTED POINT_LOCKED", "{}", world.told());
    assert_eq!(executes(&world), 1, "the lock holds a second command back");
    world.station.handle_misbehaviours(Vec::new());
    world.run_for(s(90));
    assert_eq!(tells(&world, "U2.p_set: read back: the plant took it"), 1, "{}", world.told());
    order(&mut world, "U2.p_set", 205.0);
    world.run_for(s(60));
    assert_eq!(ended(&world)[2], "COMPLETED", "{}", world.told());
    assert_eq!(world.verdict().double, 0);
}

#[test]
fn a_select_that_is_confirmed_late_has_not_operated() {
    let late = || StationOptions {
        misbehaviours: vec![Misbehaviour::AnswerLate { by: Duration::from_secs(15), select: true }],
        ..StationOptions::default()
    };
    let mut world = with_station(308, late);
    world.run_for(s(7));
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(60));
    assert_eq!(ended(&world), ["EXPIRED EXPIRED"], "{}", world.told());
    assert_eq!(executes(&world), 0, "the late confirmation lets nothing go\n{}", world.told());
}

/// IEC 60870-5-104 clause 5.2, t1: who does not acknowledge is closed, and gets everything when it does.
fn unacknowledged(seed: u64, name: &str) {
    let misbehaviour = named(name).and_then(|named| named.ems).expect("an EMS's");
    let mut world = with_ems(seed, Box::leak(Box::new([misbehaviour])));
    events(&mut world, 300, 50);
    world.run_for(s(60));
    assert!(closes(&world, SLDC, "timer expired: t1") >= 2, "{name}: {:?}", world.closed);
    world.ems.handle_misbehaviours(Vec::new());
    world.run_for(s(60));
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.wrong), (0, 0), "{name}: {:#?}\n{}", verdict.details, world.told());
    assert!(verdict.events >= 300, "{name}: {}", verdict.events);
}

#[test]
fn an_ems_that_never_acknowledges_is_closed_and_its_events_wait() {
    unacknowledged(309, "never-confirms");
}

#[test]
fn an_ems_that_acknowledges_late_is_closed_and_its_events_wait() {
    unacknowledged(310, "answers-late");
}

/// Three states once more, to an EMS of another company on its own link.
fn two_links(text: String) -> String {
    let first = "ems = { protocol = \"iec104\", role = \"server\", ca = 1,";
    assert!(text.contains(first), "the profile's own link");
    let second = "ems_b = { protocol = \"iec104\", role = \"server\", ca = 2, zone = \"IST\", on_journal_failure = \"pass\", text = \"a second EMS\" }";
    let served = [(1, "U1.bfp_a"), (2, "U1.id_fan"), (3, "U2.bfp_b")]
        .map(|(ioa, id)| format!("  {{ id = \"b.{id}\", point = \"{id}\", addr = {{ ioa = {ioa}, ti = \"M_SP_TB_1\" }} }},\n"));
    text.replace(first, &format!("{second}\n{first}")).replace(
        "[template.unit]\n",
        &format!("[group.second_served]\non = \"ems_b\"\nserves = [\n{}]\n\n[template.unit]\n", served.concat()),
    )
}

/// Two links of one bridge: one EMS reads and never acknowledges, the other has every event within a second.
#[test]
fn a1_r20_an_ems_that_never_acknowledges_holds_up_no_other_ems() {
    let never = named("never-confirms").and_then(|named| named.ems).expect("an EMS's");
    let mut world = World::tuned(311, Tune { ems: Box::leak(Box::new([never])), gateway: two_links, ..Tune::default() });
    world.run_for(s(3));
    events(&mut world, 1000, 40);
    world.run_for(s(45));
    assert!(closes(&world, SLDC, "timer expired: t1") >= 1, "{:?}", world.closed);
    let (made, seen) = (world.station_entries(), world.second.as_ref().expect("a second EMS").ledger.entries());
    let links: Vec<&str> = seen.iter().filter(|entry| entry.kind == EntryKind::Link).filter_map(|entry| entry.text.as_deref()).collect();
    assert_eq!(links, ["connected", "started"]);
    let mut compared = 0;
    for point in ["U1.bfp_a", "U1.id_fan", "U2.bfp_b"] {
        let of = |entries: &[Entry], name: &str| -> Vec<Entry> {
            entries.iter().filter(|entry| entry.kind == EntryKind::Event && entry.point == name).cloned().collect()
        };
        let (made, seen) = (of(&made, point), of(&seen, &format!("b.{point}")));
        let facts = |entries: &[Entry]| entries.iter().map(|entry| (entry.value, entry.stamp)).collect::<Vec<_>>();
        assert_eq!(facts(&seen), facts(&made), "{point}: every event once, in order");
        let longest = made.iter().zip(&seen).map(|(made, seen)| seen.t - made.t).max();
        assert!(longest.is_some_and(|ns| ns < 1_000_000_000), "{point}: {longest:?} ns\n{}", world.told());
        compared += made.len();
    }
    assert!(compared >= 1000, "{compared}");
    let behind = world.verdict().lost;
    assert!(behind > 500, "the first EMS is behind by {behind} events");
    world.ems.handle_misbehaviours(Vec::new());
    world.run_for(s(60));
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.wrong), (0, 0), "and loses nothing: {:#?}\n{}", verdict.details, world.told());
}

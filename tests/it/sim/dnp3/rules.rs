//! Rules of the control room over DNP3, proven by the ledgers of the outstations and the EMS.

use bridge_model::Detail;
use bridge_profile::StatusKind;
use bridge_sim::{Entry, EntryKind, Misbehaviour, StationOptions, still_good};

use super::super::rules::{at_ems, ended, executes, is, ms, operations, s, shown, status_point};
use super::super::story::order;
use super::super::world::{End, GENCO, SLDC, Tune, World};
use super::{STATES, assert_whole, facts, load, ready, tune};

fn settled(world: &World, control: &str) -> Vec<String> {
    at_ems(world, EntryKind::Settled, control).into_iter().filter_map(|entry| entry.text).collect()
}

#[test]
fn quality_and_time_arrive_as_they_were_sent_and_a_set_point_is_followed() {
    let mut world = ready(1501, tune());
    load(&mut world, &STATES, 300, 30);
    world.run_for(s(15));
    assert_whole(&world, 300);
    let (made, seen) = (world.station_entries(), world.ems_ledger.entries());
    for point in STATES {
        assert_eq!(facts(&seen, point), facts(&made, point), "{point}: value and stamp, once, in order");
    }
    let events: Vec<&Entry> =
        seen.iter().filter(|entry| entry.kind == EntryKind::Event && STATES.contains(&entry.point.as_str())).collect();
    assert!(events.iter().all(|entry| entry.quality == Some(0)), "good all the way");
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(60));
    assert_eq!(ended(&world), [is("COMPLETED", "")], "{}", world.told());
    assert_eq!(executes(&world, "U1.p_set").last().and_then(|entry| entry.value), Some(210.0));
    assert!(shown(&world, "U1.p").is_some_and(|mw| (mw - 210.0).abs() < 3.0), "{:?}", shown(&world, "U1.p"));
    assert!(world.verdict().is_clean(), "{:#?}", world.verdict().details);
}

/// R15 for DNP3: status 0 only after the far acceptance, within the master's timeout.
#[test]
fn r15_status_0_comes_only_after_the_far_acceptance() {
    let mut world = ready(1502, tune());
    order(&mut world, "U1.p_set", 210.0);
    let ordered = world.now().mono;
    while operations(&world).first().is_none_or(|operation| !operation.history.iter().any(|entry| entry.2 == "ACCEPTED")) {
        assert_eq!(settled(&world, "U1.p_set"), Vec::<String>::new(), "nothing is said before\n{}", world.told());
        assert!(world.now().mono.since(ordered) < s(9), "accepted\n{}", world.told());
        world.run_for(ms(1));
    }
    world.run_for(s(1));
    assert_eq!(settled(&world, "U1.p_set"), ["completed"], "{}", world.told());
    let accepted = operations(&world)[0].history.iter().find(|entry| entry.2 == "ACCEPTED").expect("accepted").0;
    assert!(at_ems(&world, EntryKind::Settled, "U1.p_set")[0].t >= accepted);
}

#[test]
fn r15_a_refusal_is_a_status_that_is_not_0() {
    let mut world = ready(1503, tune());
    order(&mut world, "U1.p_set", 260.0);
    world.run_for(s(15));
    assert_eq!(ended(&world), [is("REJECTED", "ABOVE_MAX")], "{}", world.told());
    assert_eq!(settled(&world, "U1.p_set"), ["refused with a status of the station"]);
    assert_eq!(shown(&world, &status_point(&world, "U1.p_set", StatusKind::Reason)), Some(1.0), "ABOVE_MAX is number 1");
    assert_eq!(executes(&world, "U1.p_set").len(), 0);
}

/// Silence never reads as success, and what the EMS has given up on does not operate late.
#[test]
fn r15_what_is_not_known_gets_no_answer() {
    let mut unanswered = 0;
    for after in [0, 5, 10, 20, 40] {
        let mut world = ready(1504, tune());
        order(&mut world, "U2.p_set", 200.0);
        world.run_for(ms(after));
        world.cut_wan();
        world.run_for(s(30));
        let said = settled(&world, "U2.p_set");
        let [one] = said.as_slice() else { panic!("{after} ms: {said:?}\n{}", world.told()) };
        let is_accepted = operations(&world)[0].history.iter().any(|entry| entry.2 == "ACCEPTED");
        assert!(one != "completed" || is_accepted, "{after} ms: status 0 without an acceptance\n{}", world.told());
        unanswered += usize::from(one == "indeterminate: unanswered");
        world.heal_wan();
        world.run_for(s(90));
        let verdict = world.verdict();
        assert_eq!((verdict.late, verdict.double), (0, 0), "{after} ms: {:#?}\n{}", verdict.details, world.told());
    }
    assert!(unanswered >= 1, "one of them was on its way when the link went");
}

fn points_of(world: &World, unit: &str) -> Vec<String> {
    let points = &world.nodes[GENCO].plan.points;
    points.iter().filter(|point| point.id.starts_with(unit)).map(|point| point.id.clone()).collect()
}

fn good_at(world: &World, points: &[String], at: i64) -> Vec<String> {
    let points: Vec<&str> = points.iter().map(String::as_str).collect();
    still_good(&world.ems_ledger.entries(), &points, at)
}

/// R19: what the line no longer reads goes out COMM_LOST, and is good again once it was read.
#[test]
fn r19_a_lost_line_leaves_no_good_value_after_detection() {
    let mut world = ready(1505, tune());
    let points = points_of(&world, "");
    let cut = world.now().utc.0;
    assert_eq!(good_at(&world, &points, cut).len(), points.len(), "all good before");
    world.cut_station();
    world.run_for(s(60));
    // 10 s of silence, 5 s for the link status; one second for the rest of the way.
    let good = good_at(&world, &points, cut + 17_000_000_000);
    assert!(good.is_empty(), "still good: {good:?}\n{}", world.told());
    let lost = |entry: &Entry| entry.point == "U1.p" && entry.quality.is_some_and(|bits| Detail(bits).contains(Detail::OLD_DATA));
    assert!(world.ems_ledger.entries().iter().any(lost), "COMM_LOST with its last value");
    world.heal_station();
    world.run_for(s(60));
    let good = good_at(&world, &points, world.now().utc.0);
    assert_eq!(good.len(), points.len(), "good again once read\n{}", world.told());
}

/// Several outstations on one line: the silent one makes its own points old, the others stay good and their events go on.
#[test]
fn r19_one_silent_outstation_makes_only_its_own_points_old() {
    let silent = || StationOptions {
        misbehaviours: vec![Misbehaviour::SilentOutstation { address: 22, after: s(15) }],
        ..StationOptions::default()
    };
    let mut world = ready(1506, Tune { station: silent, ..tune() });
    let (own, others) = (points_of(&world, "U2."), points_of(&world, "U1."));
    let before = world.now().utc.0;
    assert_eq!((good_at(&world, &own, before).len(), good_at(&world, &others, before).len()), (own.len(), others.len()));
    world.run_for(s(60));
    load(&mut world, &["U1.bfp_a", "U1.id_fan"], 200, 20);
    world.run_for(s(30));
    let now = world.now().utc.0;
    assert_eq!(good_at(&world, &own, now), Vec::<String>::new(), "{}", world.told());
    assert_eq!(good_at(&world, &others, now).len(), others.len(), "{}", world.told());
    for point in ["U1.bfp_a", "U1.id_fan"] {
        assert_eq!(facts(&world.ems_ledger.entries(), point), facts(&world.station_entries(), point), "{point}");
    }
    assert!(world.story.iter().any(|(_, party, line)| *party == GENCO && line.contains("does not answer (14 points)")), "{}", world.told());
    let lines = world.closed.iter().filter(|(party, _)| *party == GENCO).count();
    assert_eq!(lines, 0, "the line stays: {:?}", world.closed);
}

/// R16: each class is a lane of its own towards the EMS. What overflows one costs the others nothing.
#[test]
fn a2_r28_r16_an_overflow_of_one_class_costs_the_others_nothing() {
    let short = |_| {
        let text = include_str!("gateway.toml").to_owned();
        let shown = text.replace("outstation = 100, master = 7,", "outstation = 100, master = 7, event_queue = 50,");
        assert_ne!(shown, text, "the fixture has changed");
        shown
    };
    let mut world = ready(1507, Tune { gateway: short, ..tune() });
    world.cut_path(End::Ems, false);
    world.run_for(s(1));
    let trips = ["U1.trip", "U1.gen_diff", "U2.field_loss"];
    for (round, value) in [1.0, 0.0, 1.0].into_iter().enumerate() {
        for trip in trips {
            world.run_for(ms(200));
            let now = world.now();
            assert!(world.station.handle_change(trip, value, now), "{trip} {round}");
        }
    }
    load(&mut world, &STATES, 600, 20);
    world.run_for(s(30));
    world.heal_path(End::Ems, false);
    world.run_for(s(60));
    let (made, seen) = (world.station_entries(), world.ems_ledger.entries());
    for trip in trips {
        assert_eq!(facts(&seen, trip), facts(&made, trip), "{trip}: class 1 is whole\n{}", world.told());
        assert_eq!(facts(&seen, trip).len(), 3);
    }
    let arrived: usize = STATES.iter().map(|point| facts(&seen, point).len()).sum();
    assert!((35..=50).contains(&arrived), "the lanes share the depth, and of class 2 the newest are there: {arrived}");
    for point in STATES {
        assert_eq!(facts(&seen, point).last(), facts(&made, point).last(), "{point}: the newest");
    }
    assert!(world.story.iter().any(|(_, party, line)| *party == SLDC && line.contains("its event queue is full")), "{}", world.told());
}

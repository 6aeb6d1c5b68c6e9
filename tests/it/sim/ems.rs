//! What an EMS sees when its event queue overflows, and when the far bridge falls silent.

use std::time::Duration;

use bridge_model::{LinkId, PointId};
use bridge_profile::{ServedSource, StatusKind};
use bridge_session::{Event, Suspicion};
use bridge_sim::{EntryKind, Generator, GeneratorKind};

use super::rules::{at_ems, ms, operations, s, shown, status_point};
use super::story::order;
use super::world::{End, GENCO, SLDC, Tune, World};

fn with_short_queue() -> Tune {
    let gateway = |text: String| {
        let short = text.replace("role = \"server\", ca = 1", "role = \"server\", ca = 1, event_queue = 50");
        let served = "serves = [\n  { id = \"ems.lost\", from = { queue = \"ems\" }, addr = { ioa = 2, ti = \"M_SP_NA_1\" } },\n  { id = \"genco.up\"";
        let shown = short.replace("serves = [\n  { id = \"genco.up\"", served);
        assert!(shown.contains("event_queue = 50") && shown.contains("ems.lost"), "the shipped profile has changed");
        shown
    };
    Tune { gateway, ..Tune::default() }
}

fn overflow_point(world: &World) -> String {
    let served = &world.nodes[SLDC].plan.served;
    served.iter().find(|served| matches!(served.source, ServedSource::QueueOverflow(_))).expect("in the profile").id.clone()
}

fn told(world: &World, part: &str) -> usize {
    world.story.iter().filter(|(_, party, line)| *party == SLDC && line.contains(part)).count()
}

/// 104 row 60: a declared depth is kept, the newest events stay, the loss is shown to the EMS until half of the queue is free, also over a restart.
#[test]
fn a1_r60_r16_an_overflow_keeps_the_newest_and_is_shown_until_the_queue_has_room() {
    for restart in [false, true] {
        let mut world = World::tuned(601, with_short_queue());
        world.run_for(s(5));
        let lost = overflow_point(&world);
        assert_eq!(shown(&world, &lost), Some(0.0), "{}", world.told());
        world.cut_path(End::Ems, false);
        let points: Vec<PointId> =
            ["U1.bfp_a", "U1.id_fan", "U2.bfp_b"].iter().filter_map(|name| world.nodes[GENCO].plan.point(name)).collect();
        let begin = world.now().mono + s(1);
        world.load(Generator::new(GeneratorKind::Single, points, begin, ms(20), 500, 1));
        world.run_for(s(30));
        assert_eq!(told(&world, "its event queue is full"), 1, "{}", world.told());
        if restart {
            world.crash(SLDC);
            world.run_for(s(1));
            world.start(SLDC);
            world.run_for(s(1));
        }
        let before = at_ems(&world, EntryKind::Change, &lost).len() + at_ems(&world, EntryKind::Event, &lost).len();
        world.heal_path(End::Ems, false);
        world.run_for(s(60));
        let mut shows: Vec<f64> =
            world.ems_ledger.entries().into_iter().filter(|entry| entry.point == lost).filter_map(|entry| entry.value).collect();
        shows.drain(..before);
        assert!(shows.contains(&1.0), "the loss is shown: {shows:?}\n{}", world.told());
        assert_eq!(shows.last(), Some(&0.0), "until the queue has room\n{}", world.told());
        let verdict = world.verdict();
        assert_eq!((verdict.double, verdict.wrong), (0, 0), "{:#?}", verdict.details);
        // What was under way when the path was cut counts too.
        assert!((400..=451).contains(&verdict.lost), "{} of 500 lost, 50 kept\n{}", verdict.lost, world.told());
        let last = |entries: Vec<bridge_sim::Entry>, point: &str| {
            entries.into_iter().rev().find(|entry| entry.point == point).and_then(|entry| entry.value)
        };
        for point in ["U1.bfp_a", "U1.id_fan", "U2.bfp_b"] {
            assert_eq!(last(world.ems_ledger.entries(), point), last(world.station_entries(), point), "{point}");
        }
    }
}

/// R15: the EMS waits for the end no longer than `term`; then its operator is told that nobody knows.
#[test]
fn r15_a_far_bridge_that_falls_silent_after_its_acceptance_is_uncertain_after_term() {
    let mut world = World::new(602);
    world.run_for(s(10));
    order(&mut world, "U1.p_set", 210.0);
    let ordered = world.now().mono;
    while operations(&world).first().is_none_or(|operation| operation.status != "ACCEPTED") {
        world.run_for(ms(2));
        assert!(world.now().mono.since(ordered) < s(9), "accepted\n{}", world.told());
    }
    world.cut_wan();
    let uncertain = status_point(&world, "U1.p_set", StatusKind::Uncertain);
    world.run_for(s(55));
    assert_eq!(at_ems(&world, EntryKind::Terminated, "U1.p_set").len(), 0, "{}", world.told());
    assert_ne!(shown(&world, &uncertain), Some(1.0), "term is 60 s\n{}", world.told());
    world.run_for(Duration::from_secs(10));
    assert_eq!(shown(&world, &uncertain), Some(1.0), "{}", world.told());
    assert_eq!(told(&world, "ALARM: what became of the last command of U1.p_set is not known"), 1, "{}", world.told());
    assert_eq!(at_ems(&world, EntryKind::Terminated, "U1.p_set").len(), 0, "silence never reads as success");
    // When the far bridge is back it tells what became of it, and the control room's doubt ends.
    world.heal_wan();
    world.run_for(s(60));
    assert_eq!(shown(&world, &uncertain), Some(0.0), "{}\n{}", operations(&world)[0].status, world.told());
    assert_eq!(told(&world, "what became of U1.p_set is known again"), 1, "{}", world.told());
}

/// 104 row 74: a party that commands for the first time is an alarm, once, also over a restart; so is the end of that watch.
#[test]
fn a1_r74_who_commands_for_the_first_time_is_an_alarm_once_and_so_is_a_full_list() {
    let mut world = World::new(603);
    world.run_for(s(10));
    assert_eq!(told(&world, "SECURITY: "), 0, "{}", world.told());
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(5));
    assert_eq!(told(&world, "commands for the first time on link ems"), 1, "{}", world.told());
    world.crash(SLDC);
    world.run_for(s(1));
    world.start(SLDC);
    world.run_for(s(15));
    order(&mut world, "U1.p_set", 205.0);
    world.run_for(s(5));
    assert_eq!(told(&world, "SECURITY: "), 1, "it is known from then on\n{}", world.told());
    let link = world.nodes[SLDC].plan.links.iter().position(|link| link.spec.name == "ems").expect("in the profile");
    let full = Event::Suspicious(Suspicion::CommandersFull { limit: 256 });
    let now = world.now();
    let bridge = world.nodes[SLDC].bridge.as_mut().expect("it runs");
    bridge.handle_event(LinkId(u16::try_from(link).expect("few links")), full, now);
    world.run_for(s(1));
    assert_eq!(told(&world, "SECURITY: more than 256 parties commanded on link ems"), 1, "{}", world.told());
}

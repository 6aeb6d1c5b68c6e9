//! Select before operate through two bridges (R4, R15): the EMS's own SELECT reaches the station, and only its OPERATE executes it.

use bridge_model::{Action, CommandMode};
use bridge_sim::{Entry, EntryKind, Wish};

use super::rules::{at_ems, ended, executes, is, ms, operations, s, shown, status_point};
use super::world::{Tune, World, fast};
use bridge_profile::StatusKind;

fn relayed() -> Tune {
    let relay = |text: String| text.replace("select = \"bridge\"", "select = \"relay\"");
    Tune { thermal: |text| fast(text).replace("select = \"bridge\"", "select = \"relay\""), gateway: relay, ..Tune::default() }
}

fn ready(seed: u64) -> World {
    let mut world = World::tuned(seed, relayed());
    world.run_for(s(10));
    world
}

fn wish(world: &mut World, mode: CommandMode, mw: f64) {
    let wish = Wish::Command { control: "U1.p_set".to_owned(), action: Action::Set(mw), mode, life: s(10) };
    let now = world.now();
    world.ems.handle_wish(wish, now);
}

fn at_station(world: &World, kind: EntryKind) -> Vec<Entry> {
    world.station_entries().into_iter().filter(|entry| entry.kind == kind && entry.point == "U1.p_set").collect()
}

fn settled(world: &World) -> Vec<String> {
    at_ems(world, EntryKind::Settled, "U1.p_set").into_iter().filter_map(|entry| entry.text).collect()
}

#[test]
fn r04_r15_a_select_is_confirmed_after_the_far_station_and_its_operate_executes_it() {
    let mut world = ready(401);
    wish(&mut world, CommandMode::Select, 210.0);
    world.run_for(s(3));
    let [at_far] = &at_station(&world, EntryKind::Select)[..] else { panic!("one select\n{}", world.told()) };
    let [seen] = &at_ems(&world, EntryKind::Selected, "U1.p_set")[..] else { panic!("one ACT CON\n{}", world.told()) };
    assert!(seen.t >= at_far.t, "SELECT ACT CON only after the far station confirmed its select");
    assert_eq!(executes(&world, "U1.p_set").len(), 0, "a select moves nothing");
    assert_eq!(shown(&world, &status_point(&world, "U1.p_set", StatusKind::State)), Some(13.0), "SELECTED");

    wish(&mut world, CommandMode::Execute, 210.0);
    world.run_for(s(60));
    let steps = executes(&world, "U1.p_set");
    assert_eq!(steps.first().and_then(|entry| entry.value), at_far.value, "the first step is what was selected\n{}", world.told());
    assert_eq!(steps.last().and_then(|entry| entry.value), Some(210.0));
    assert_eq!(ended(&world), [is("COMPLETED", ""), is("COMPLETED", "")], "SELECT and OPERATE\n{}", world.told());
    assert_eq!(at_ems(&world, EntryKind::Terminated, "U1.p_set").len(), 1);
    assert!(world.verdict().is_clean(), "{:#?}", world.verdict().details);
}

#[test]
fn r04_a_direct_command_is_refused_where_a_select_is_wanted() {
    let mut world = ready(402);
    wish(&mut world, CommandMode::Direct, 210.0);
    world.run_for(s(5));
    assert!(settled(&world)[0].contains("refused"), "{:?}", settled(&world));
    assert_eq!((executes(&world, "U1.p_set").len(), operations(&world).len()), (0, 0), "{}", world.told());
}

#[test]
fn r04_an_execute_of_another_value_executes_nothing() {
    let mut world = ready(403);
    wish(&mut world, CommandMode::Select, 210.0);
    world.run_for(s(3));
    // The EMS's own session would not let it out: a second EMS behind the same address does.
    world.ems.handle_wish(
        Wish::Command { control: "U1.p_set".to_owned(), action: Action::Set(220.0), mode: CommandMode::Direct, life: s(10) },
        world.now(),
    );
    world.run_for(s(10));
    assert_eq!(executes(&world, "U1.p_set").len(), 0, "{}", world.told());
    assert!(settled(&world).last().is_some_and(|text| text.contains("refused")), "{:?}", settled(&world));
    // The selection is used up here, and far away it does not wait for the station's own timer.
    assert_eq!(at_station(&world, EntryKind::Cancel).len(), 1, "{}", world.told());
    wish(&mut world, CommandMode::Select, 205.0);
    world.run_for(s(3));
    assert_eq!(at_station(&world, EntryKind::Select).len(), 2, "the control is free again\n{}", world.told());
}

#[test]
fn r04_a_selection_that_nobody_operates_lapses_everywhere() {
    let mut world = ready(404);
    wish(&mut world, CommandMode::Select, 210.0);
    world.run_for(s(45));
    assert_eq!(executes(&world, "U1.p_set").len(), 0);
    assert!(!at_station(&world, EntryKind::Cancel).is_empty(), "taken back at the station\n{}", world.told());
    let select = operations(&world).remove(0);
    assert!(["EXPIRED", "NOT_OPERATED"].contains(&select.status.as_str()), "{}\n{}", select.status, world.told());
    // The control is free again.
    wish(&mut world, CommandMode::Select, 205.0);
    world.run_for(s(3));
    wish(&mut world, CommandMode::Execute, 205.0);
    world.run_for(s(60));
    assert_eq!(executes(&world, "U1.p_set").last().and_then(|entry| entry.value), Some(205.0), "{}", world.told());
}

#[test]
fn r04_a_selection_is_withdrawn_by_its_cancel() {
    let mut world = ready(405);
    wish(&mut world, CommandMode::Select, 210.0);
    world.run_for(s(3));
    wish(&mut world, CommandMode::Cancel, 210.0);
    world.run_for(s(5));
    assert_eq!(at_station(&world, EntryKind::Cancel).len(), 1, "{}", world.told());
    assert_eq!(ended(&world), [is("NOT_OPERATED", "CANCELLED"), is("COMPLETED", "")], "{}", world.told());
    wish(&mut world, CommandMode::Execute, 210.0);
    world.run_for(s(5));
    assert_eq!(executes(&world, "U1.p_set").len(), 0);
}

#[test]
fn r04_r02_a_selection_does_not_survive_the_loss_of_the_wide_area_or_a_restart() {
    for crash in [false, true] {
        let mut world = ready(406);
        wish(&mut world, CommandMode::Select, 210.0);
        world.run_for(s(3));
        if crash {
            world.crash(super::world::GENCO);
            world.run_for(s(2));
            world.start(super::world::GENCO);
            world.run_for(s(15));
        } else {
            world.cut_wan();
            world.run_for(ms(500));
        }
        wish(&mut world, CommandMode::Execute, 210.0);
        world.run_for(s(15));
        assert_eq!(executes(&world, "U1.p_set").len(), 0, "crash {crash}\n{}", world.told());
        assert!(world.verdict().late == 0 && world.verdict().double == 0);
    }
}

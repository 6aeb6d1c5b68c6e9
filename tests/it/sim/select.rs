//! Select before operate through two bridges (R4, R15): the EMS's own SELECT reaches the station, and only its OPERATE executes it.

use bridge_engine::{DispatchMode, LocalWish};
use bridge_model::{Action, CommandMode};
use bridge_sim::{Entry, EntryKind, Wish};

use super::rules::{at_ems, ended, executes, is, ms, operations, s, shown, status_point};
use super::world::{SLDC, Tune, World, fast};
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

/// A person at the dispatch centre's desk; gives the operation or why it was not sent.
fn by_person(world: &mut World, mode: DispatchMode, mw: f64) -> Result<String, String> {
    let wish = LocalWish::Dispatch {
        control: "U1.p_set".to_owned(),
        target: mw,
        ramp: None,
        mode,
        valid_for_s: 30,
        operator_ref: "sldc:shift-2".to_owned(),
        instruction_code: "DM-1".to_owned(),
    };
    let answer = world.ask(SLDC, wish);
    world.run_for(s(3));
    match answer["operationId"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => Err(answer["error"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()),
    }
}

#[test]
fn r04_a_person_selects_and_operates_in_two_orders() {
    let mut world = ready(407);
    let direct = by_person(&mut world, DispatchMode::Direct, 210.0).unwrap_err();
    assert!(direct.contains("SELECT_REQUIRED"), "{direct}");
    let of = by_person(&mut world, DispatchMode::Select, 210.0).expect("selected");
    // Nobody's patience ends a person's selection: it stands until the station's own timer.
    world.run_for(s(15));
    assert_eq!((at_station(&world, EntryKind::Select).len(), executes(&world, "U1.p_set").len()), (1, 0), "{}", world.told());
    assert!(at_station(&world, EntryKind::Cancel).is_empty(), "{}", world.told());
    let other = by_person(&mut world, DispatchMode::Operate { of: of.clone() }, 220.0).unwrap_err();
    assert!(other.contains("SELECT_MISMATCH"), "{other}");
    let unknown = by_person(&mut world, DispatchMode::Operate { of: "none".to_owned() }, 210.0).unwrap_err();
    assert!(unknown.contains("no operation of ours"), "{unknown}");
    assert_eq!(operations(&world).len(), 1, "what is refused here is never sent");

    by_person(&mut world, DispatchMode::Operate { of: of.clone() }, 210.0).expect("operated");
    world.run_for(s(60));
    assert_eq!(executes(&world, "U1.p_set").last().and_then(|entry| entry.value), Some(210.0), "{}", world.told());
    assert_eq!(ended(&world), [is("COMPLETED", ""), is("COMPLETED", "")], "{}", world.told());
    let again = by_person(&mut world, DispatchMode::Operate { of }, 210.0).unwrap_err();
    assert!(again.contains("it is COMPLETED"), "used once: {again}");
}

#[test]
fn r04_a_person_gives_a_selection_up_or_lets_it_lapse() {
    let mut world = ready(408);
    let of = by_person(&mut world, DispatchMode::Select, 210.0).expect("selected");
    by_person(&mut world, DispatchMode::Cancel { of }, 210.0).expect("cancelled");
    assert_eq!(at_station(&world, EntryKind::Cancel).len(), 1, "{}", world.told());
    assert_eq!(ended(&world), [is("NOT_OPERATED", "CANCELLED"), is("COMPLETED", "")], "{}", world.told());
    let of = by_person(&mut world, DispatchMode::Select, 205.0).expect("free again");
    world.run_for(s(45));
    let late = by_person(&mut world, DispatchMode::Operate { of }, 205.0).unwrap_err();
    assert!(late.contains("does not hold U1.p_set selected"), "{late}");
    assert_eq!(executes(&world, "U1.p_set").len(), 0);
}

#[test]
fn r04_a_person_selects_nothing_where_the_bridge_selects() {
    let mut world = World::tuned(409, Tune::default());
    world.run_for(s(10));
    let refused = by_person(&mut world, DispatchMode::Select, 210.0).unwrap_err();
    assert!(refused.contains("SELECT_NOT_SUPPORTED"), "{refused}");
    assert!(operations(&world).is_empty());
}

#[test]
fn r04_a_selection_that_answers_after_a_restart_is_withdrawn() {
    let mut world = ready(410);
    world.cut_wan();
    let now = world.now();
    by_person(&mut world, DispatchMode::Select, 210.0).expect("sent when the way is there");
    world.crash(SLDC);
    world.run_for(s(1));
    world.heal_wan();
    world.start(SLDC);
    world.run_for(s(40));
    assert!(world.now().utc > now.utc && executes(&world, "U1.p_set").is_empty());
    assert_eq!(
        [EntryKind::Select, EntryKind::Cancel].map(|kind| at_station(&world, kind).len()),
        [1, 1],
        "nobody knows of it any more: {}",
        world.told()
    );
}

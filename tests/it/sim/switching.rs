//! Switches through two bridges (R9, R15): an EMS's CROB, or its single or double command, opens a breaker at the station, and is confirmed
//! when the station took it.

use bridge_model::{Action, CommandMode};
use bridge_profile::StatusKind;
use bridge_sim::{Entry, EntryKind, Wish};

use super::dnp3;
use super::rules::{at_ems, ended, executes, is, ms, operations, s, shown, status_point};
use super::world::{SLDC, Tune, World, fast};

/// The control, and the position that shows what became of it.
const BREAKER: &str = "U1.switch";
const POSITION: &str = "U1.cb";
const OFF: f64 = 1.0;
const ON: f64 = 2.0;

fn ready(seed: u64, tune: Tune) -> World {
    let mut world = World::tuned(seed, tune);
    world.run_for(s(10));
    assert_eq!(position(&world), Some(ON), "the unit runs");
    world
}

/// Both bridges pass the select on.
fn relayed() -> Tune {
    fn relay(text: &str) -> String {
        text.replace("verb = \"reconfigure\"\nselect = \"bridge\"", "verb = \"reconfigure\"\nselect = \"relay\"")
    }
    Tune { thermal: |_| relay(include_str!("dnp3/plant.toml")), gateway: |_| relay(include_str!("dnp3/gateway.toml")), ..dnp3::tune() }
}

/// The same on 104: a double command.
fn over_104() -> Tune {
    const STATION: &str = r#"
[[control]]
id = "U1.switch"
on = "rtu"
addr = { ioa = 6900, ti = "C_DC_NA_1" }
cim = { on = "U1", class = "Command", type = "SwitchPosition" }
verb = "reconfigure"
select = "bridge"
execution = "automatic"
remote_enable = "U1.remote_enable"
feedback = { position = "U1.cb", within = "10s" }
expires = { max_age = "30s", on_lapse = "drop" }
authority = ["sldc"]
"#;
    const GATEWAY: &str = r#"
[[control]]
id = "U1.switch"
on = "ems"
addr = { ioa = 6900, ti = "C_DC_NA_1" }
cim = { on = "U1", class = "Command", type = "SwitchPosition" }
verb = "reconfigure"
select = "bridge"
position = "U1.cb"
peer = "genco"
ems = { select_con = "10s", execute_con = "10s", term = "30s" }
instruction_code = "EMS-SWITCH"
operator_ref = "sldc:shift-engineer"
"#;
    Tune { thermal: |text| fast(text) + STATION, gateway: |text| text + GATEWAY, ..Tune::default() }
}

fn switch(world: &mut World, on: bool, mode: CommandMode) {
    let wish = Wish::Command { control: BREAKER.to_owned(), action: Action::Switch(on), mode, life: s(10) };
    let now = world.now();
    world.ems.handle_wish(wish, now);
}

fn settled(world: &World) -> Vec<String> {
    at_ems(world, EntryKind::Settled, BREAKER).into_iter().filter_map(|entry| entry.text).collect()
}

fn at_station(world: &World, kind: EntryKind) -> Vec<Entry> {
    world.station_entries().into_iter().filter(|entry| entry.kind == kind && entry.point == BREAKER).collect()
}

/// How the EMS sees the breaker stand: its newest value, read or told.
fn position(world: &World) -> Option<f64> {
    let entries = world.ems_ledger.entries();
    let values = |entry: &&Entry| matches!(entry.kind, EntryKind::Change | EntryKind::Event) && entry.point == POSITION;
    entries.iter().rfind(values).and_then(|entry| entry.value)
}

fn state(world: &World) -> Option<f64> {
    shown(world, &status_point(world, BREAKER, StatusKind::State))
}

#[test]
fn r15_r09_a_crob_opens_and_closes_a_breaker_and_is_answered_when_the_station_took_it() {
    let mut world = ready(1701, dnp3::tune());
    for (times, on, stands) in [(1, false, OFF), (2, true, ON)] {
        switch(&mut world, on, CommandMode::Direct);
        let ordered = world.now().mono;
        while settled(&world).len() < times {
            assert!(world.now().mono.since(ordered) < s(9), "answered\n{}", world.told());
            world.run_for(ms(1));
        }
        assert_eq!(settled(&world).last().map(String::as_str), Some("completed"), "{}", world.told());
        let [.., execute] = &executes(&world, BREAKER)[..] else { panic!("executed\n{}", world.told()) };
        assert!(at_ems(&world, EntryKind::Settled, BREAKER)[times - 1].t >= execute.t, "status 0 only after the station took it");
        world.run_for(s(5));
        assert_eq!(position(&world), Some(stands), "the EMS sees it\n{}", world.told());
        assert_eq!(state(&world), Some(4.0), "COMPLETED");
        assert_eq!((executes(&world, BREAKER).len(), at_station(&world, EntryKind::Select).len()), (times, times), "once, selected first");
    }
    assert_eq!(ended(&world), [is("COMPLETED", ""), is("COMPLETED", "")], "{}", world.told());
    let steps = operations(&world).into_iter().map(|operation| operation.history.into_iter().map(|entry| entry.2).collect::<Vec<_>>());
    for history in steps {
        assert_eq!(history, ["REQUESTED", "RECEIVED", "ACCEPTED", "EXECUTING", "COMPLETED"]);
    }
}

#[test]
fn r15_a_station_that_refuses_is_a_status_that_is_not_0() {
    let mut world = ready(1702, dnp3::tune());
    let now = world.now();
    world.station.handle_plant(now, |plant, now| plant.handle_remote_switch(0, false, now));
    world.run_for(s(2));
    switch(&mut world, false, CommandMode::Direct);
    world.run_for(s(15));
    assert_eq!(settled(&world), ["refused with a status of the station"], "{}", world.told());
    assert_eq!(ended(&world), [is("REJECTED", "STATION_REFUSED")], "{}", world.told());
    assert!(operations(&world)[0].history.iter().any(|entry| entry.2 == "ACCEPTED"), "the bridge would have; the station did not");
    assert_eq!((executes(&world, BREAKER).len(), position(&world)), (0, Some(ON)));
    assert_eq!(shown(&world, &status_point(&world, BREAKER, StatusKind::Reason)), Some(25.0), "STATION_REFUSED");
}

#[test]
fn r15_policy_refuses_and_nothing_reaches_the_station() {
    let mut world = ready(1703, dnp3::tune());
    let now = world.now();
    world.station.handle_plant(now, |plant, now| plant.handle_remote_enable(0, false, now));
    world.run_for(s(2));
    switch(&mut world, false, CommandMode::Direct);
    world.run_for(s(15));
    assert_eq!(settled(&world), ["refused with a status of the station"], "{}", world.told());
    assert_eq!(ended(&world), [is("REJECTED", "LOCAL_CONTROL")], "{}", world.told());
    assert_eq!((executes(&world, BREAKER).len(), at_station(&world, EntryKind::Select).len()), (0, 0));
}

#[test]
fn r15_a_switch_whose_outcome_is_not_known_gets_no_answer() {
    let mut unanswered = 0;
    for after in [0, 5, 10, 20, 40, 80] {
        let mut world = ready(1704, dnp3::tune());
        switch(&mut world, false, CommandMode::Direct);
        world.run_for(ms(after));
        world.cut_wan();
        world.run_for(s(30));
        let said = settled(&world);
        let [one] = said.as_slice() else { panic!("{after} ms: {said:?}\n{}", world.told()) };
        assert!(one != "completed" || executes(&world, BREAKER).len() == 1, "{after} ms: status 0 and nothing done\n{}", world.told());
        unanswered += usize::from(one.starts_with("indeterminate"));
        world.heal_wan();
        world.run_for(s(60));
        assert!(executes(&world, BREAKER).len() <= 1, "{after} ms: never twice\n{}", world.told());
    }
    assert!(unanswered >= 1, "one of them was on its way when the link went");
}

#[test]
fn r04_r15_a_crob_is_selected_through_both_bridges_and_its_operate_executes_it() {
    let mut world = ready(1705, relayed());
    switch(&mut world, false, CommandMode::Select);
    world.run_for(s(3));
    let [at_far] = &at_station(&world, EntryKind::Select)[..] else { panic!("one select\n{}", world.told()) };
    let [seen] = &at_ems(&world, EntryKind::Selected, BREAKER)[..] else { panic!("one answer\n{}", world.told()) };
    assert!(seen.t >= at_far.t, "the select is confirmed after the station's");
    assert_eq!((executes(&world, BREAKER).len(), state(&world)), (0, Some(13.0)), "a select moves nothing");
    switch(&mut world, false, CommandMode::Execute);
    world.run_for(s(5));
    assert_eq!((executes(&world, BREAKER).len(), position(&world)), (1, Some(OFF)), "{}", world.told());
    assert_eq!(ended(&world), [is("COMPLETED", ""), is("COMPLETED", "")], "SELECT and OPERATE\n{}", world.told());
    // One that is never selected.
    switch(&mut world, true, CommandMode::Direct);
    world.run_for(s(5));
    assert!(settled(&world).last().is_some_and(|text| text.contains("refused")), "{:?}", settled(&world));
    assert_eq!(executes(&world, BREAKER).len(), 1);
}

/// What the EMS selected at an outstation and has not operated does not keep a command on another of its points waiting.
#[test]
fn r01_a_selection_at_an_outstation_makes_way_for_a_command_on_another_of_its_points() {
    let mut world = ready(1707, relayed());
    switch(&mut world, false, CommandMode::Select);
    world.run_for(s(3));
    assert_eq!(at_station(&world, EntryKind::Select).len(), 1, "{}", world.told());
    super::story::order(&mut world, "U1.p_set", 210.0);
    let ordered = world.now().utc.0;
    world.run_for(s(2));
    let steps = executes(&world, "U1.p_set");
    assert!(steps.first().is_some_and(|step| step.t - ordered < 1_000_000_000), "{steps:?}\n{}", world.told());
    // Whoever selected is told, and its OPERATE moves nothing.
    switch(&mut world, false, CommandMode::Execute);
    world.run_for(s(60));
    assert_eq!((executes(&world, BREAKER).len(), position(&world)), (0, Some(ON)), "{}", world.told());
    assert!(ended(&world).contains(&is("COMPLETED", "")) && !ended(&world).contains(&is("PARTIAL", "STEP_NOT_SENT")), "{}", world.told());
    assert_eq!(executes(&world, "U1.p_set").last().and_then(|step| step.value), Some(210.0), "{}", world.told());
    // The select was withdrawn by its own issuer's next order, not left to expire.
    assert_eq!(operations(&world).iter().filter(|operation| operation.status == "NOT_OPERATED").count(), 1, "{}", world.told());
    assert!(operations(&world).iter().all(|operation| operation.status != "EXPIRED"), "{}", world.told());
}

#[test]
fn r15_r09_a_double_command_of_104_goes_the_same_way_and_is_terminated_when_the_breaker_is_seen_to_have_moved() {
    let mut world = ready(1706, over_104());
    switch(&mut world, false, CommandMode::Direct);
    world.run_for(s(15));
    let [execute] = &executes(&world, BREAKER)[..] else { panic!("executed once\n{}", world.told()) };
    assert!(settled(&world).first().is_some_and(|text| text == "completed"), "{:?}\n{}", settled(&world), world.told());
    assert!(at_ems(&world, EntryKind::Settled, BREAKER)[0].t >= execute.t, "ACT CON only after the station took it");
    let [end] = &at_ems(&world, EntryKind::Terminated, BREAKER)[..] else { panic!("one ACT TERM\n{}", world.told()) };
    assert!(end.t >= execute.t);
    assert_eq!(ended(&world), [is("COMPLETED", "")], "{}", world.told());
    assert_eq!(position(&world), Some(OFF));
    assert_eq!(world.bridge(SLDC).operations().len(), 1);
}

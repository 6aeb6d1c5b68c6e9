//! A plant whose controller is the client of its bridge's link (104 row 64): what the bridge reads and commands goes in the reversed direction
//! of the connection, and every rule holds as it does in the standard one.

use bridge_model::{Action, CommandMode};
use bridge_sim::{EntryKind, Wish, still_good};

use super::rules::{at_ems, ended, executes, is, ms, s, shown};
use super::story::order;
use super::world::{GENCO, Tune, World, fast};
use crate::support::reversed;

/// Also served in the standard direction: the trip under the address that it is read from.
const SERVED: &str = "\n[[serve]]\non = \"rtu\"\npoint = \"U1.trip\"\naddr = { ioa = 1020, ti = \"M_SP_TB_1\" }\n";

fn ready(seed: u64, tune: Tune) -> World {
    let mut world = World::tuned(seed, tune);
    world.run_for(s(10));
    world
}

fn turned() -> Tune {
    Tune { thermal: |text| reversed(fast(text)) + SERVED, ..Tune::default() }
}

#[test]
fn a1_r64_a_reversed_value_and_a_reversed_command_go_the_whole_way() {
    let mut world = ready(641, turned());
    assert!(shown(&world, "U1.p").is_some_and(|mw| (mw - 200.0).abs() < 2.0), "the image reached the EMS\n{}", world.told());
    let now = world.now();
    assert!(world.station.handle_change("U1.trip", 1.0, now));
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(60));
    let events = at_ems(&world, EntryKind::Event, "U1.trip");
    assert_eq!(events.iter().filter_map(|entry| entry.value).collect::<Vec<_>>(), [1.0], "once, and under its own stamp");
    let steps = executes(&world, "U1.p_set");
    assert!(steps.len() >= 5 && steps.last().and_then(|entry| entry.value) == Some(210.0), "{steps:?}");
    assert_eq!(ended(&world), [is("COMPLETED", "")], "{}", world.told());
    assert!(world.verdict().is_clean(), "{:#?}", world.verdict().details);
}

#[test]
fn a1_r64_r04_a_select_of_the_ems_is_executed_in_the_reversed_direction() {
    let relay = |text: String| text.replace("select = \"bridge\"", "select = \"relay\"");
    let thermal = |text| reversed(fast(text)).replace("select = \"bridge\"", "select = \"relay\"");
    let mut world = ready(642, Tune { thermal, gateway: relay, ..Tune::default() });
    for (mode, expected) in [(CommandMode::Select, 0), (CommandMode::Execute, 1)] {
        let wish = Wish::Command { control: "U1.p_set".to_owned(), action: Action::Set(210.0), mode, life: s(10) };
        let now = world.now();
        world.ems.handle_wish(wish, now);
        world.run_for(s(3));
        assert_eq!(at_ems(&world, EntryKind::Selected, "U1.p_set").len(), 1, "{}", world.told());
        assert!(executes(&world, "U1.p_set").len().min(1) == expected, "{mode:?}\n{}", world.told());
    }
    world.run_for(s(60));
    assert_eq!(ended(&world), [is("COMPLETED", ""), is("COMPLETED", "")], "{}", world.told());
    assert!(world.verdict().is_clean(), "{:#?}", world.verdict().details);
}

#[test]
fn a1_r64_r05_a_black_hole_of_the_reversed_direction_lets_no_execute_through_late() {
    for cut_after in [1, 400, 1_300, 2_100] {
        let mut world = ready(643, turned());
        order(&mut world, "U1.p_set", 240.0);
        world.run_for(ms(cut_after));
        world.cut_station();
        world.run_for(s(14));
        let before = executes(&world, "U1.p_set").len();
        assert!(before >= usize::from(cut_after > 400), "the ramp had begun\n{}", world.told());
        let healed = world.now().utc.0;
        world.heal_station();
        world.run_for(s(60));
        let after: Vec<_> = executes(&world, "U1.p_set").into_iter().filter(|entry| entry.t > healed).collect();
        assert_eq!((executes(&world, "U1.p_set").len() - before, after.len()), (0, 0), "cut after {cut_after} ms\n{}", world.told());
        let verdict = world.verdict();
        assert_eq!((verdict.late, verdict.double, verdict.wrong), (0, 0, 0), "{:#?}", verdict.details);
    }
}

#[test]
fn a1_r64_r19_what_the_reversed_direction_no_longer_reads_is_not_good() {
    const READ: [&str; 4] = ["U1.p", "U1.bfp_a", "BUS.kv", "U2.state"];
    let mut world = ready(644, turned());
    let good = |world: &World, at| still_good(&world.ems_ledger.entries(), &READ, at).len();
    let cut = world.now().utc;
    assert_eq!(good(&world, cut.0), READ.len(), "{}", world.told());
    world.cut_station();
    world.run_for(s(60));
    // t3, t1 and a second: the standard's own detection.
    assert_eq!(good(&world, (cut + s(36)).0), 0, "{}", world.told());
    world.heal_station();
    world.run_for(s(60));
    assert_eq!(good(&world, world.now().utc.0), READ.len(), "and good again\n{}", world.told());
}

#[test]
fn a1_r64_r02_a_restart_returns_in_hold_and_reads_in_the_reversed_direction() {
    let mut world = ready(645, turned());
    order(&mut world, "U1.p_set", 240.0);
    world.run_for(s(7));
    let before = executes(&world, "U1.p_set").len();
    world.crash(GENCO);
    world.run_for(s(8));
    world.start(GENCO);
    world.run_for(s(90));
    assert_eq!(executes(&world, "U1.p_set").len(), before, "nothing moves afterwards\n{}", world.told());
    assert_eq!(ended(&world), [is("PARTIAL", "RESTART")], "{}", world.told());
    order(&mut world, "U1.p_set", 205.0);
    world.run_for(s(60));
    assert_eq!(executes(&world, "U1.p_set").last().and_then(|entry| entry.value), Some(205.0), "{}", world.told());
}

//! Rules of the control room (`OPERATIONS.md`), each proven by the ledgers of the station and the EMS, not by a bridge's word.

use std::time::Duration;

use bridge_engine::Operation;
use bridge_profile::{ServedSource, StatusKind};
use bridge_sim::{Entry, EntryKind, Misbehaviour, Plant, StationOptions, UnitLimits, still_good};

use super::story::order;
use super::world::{GENCO, SLDC, Tune, World};

pub(crate) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A world whose image has been read through both bridges.
fn ready(seed: u64, tune: Tune) -> World {
    let mut world = World::tuned(seed, tune);
    world.run_for(s(10));
    world
}

fn utc(world: &World) -> i64 {
    world.now().utc.0
}

pub(crate) fn executes(world: &World, control: &str) -> Vec<Entry> {
    let of_kind = |entry: &Entry| entry.kind == EntryKind::Execute && entry.point == control;
    world.station_entries().into_iter().filter(of_kind).collect()
}

pub(crate) fn at_ems(world: &World, kind: EntryKind, point: &str) -> Vec<Entry> {
    world.ems_ledger.entries().into_iter().filter(|entry| entry.kind == kind && entry.point == point).collect()
}

/// The EMS's orders in order of time, as the control room's bridge holds them.
pub(crate) fn operations(world: &World) -> Vec<Operation> {
    let mut all: Vec<Operation> = world.bridge(SLDC).operations().into_values().collect();
    all.sort_by_key(|operation| operation.at_ns);
    all
}

pub(crate) fn ended(world: &World) -> Vec<(String, Option<String>)> {
    operations(world).into_iter().map(|operation| (operation.status, operation.reason)).collect()
}

pub(crate) fn is(status: &str, reason: &str) -> (String, Option<String>) {
    (status.to_owned(), (!reason.is_empty()).then(|| reason.to_owned()))
}

pub(crate) fn status_point(world: &World, control: &str, what: StatusKind) -> String {
    let plan = &world.nodes[SLDC].plan;
    let control = plan.control(control).expect("a control").index();
    let source = ServedSource::Status { control, what };
    plan.served.iter().find(|served| served.source == source).expect("a status point").id.clone()
}

/// The last value that the EMS holds of a point.
pub(crate) fn shown(world: &World, point: &str) -> Option<f64> {
    let holds = |entry: &&Entry| matches!(entry.kind, EntryKind::Change | EntryKind::Event) && entry.point == point;
    world.ems_ledger.entries().iter().rev().find(holds).and_then(|entry| entry.value)
}

#[test]
fn r01_one_programme_at_a_time_and_the_newer_supersedes() {
    let mut world = ready(101, Tune::default());
    order(&mut world, "U1.p_set", 240.0);
    world.run_for(s(7));
    let turned = utc(&world);
    order(&mut world, "U1.p_set", 190.0);
    world.run_for(s(60));
    assert_eq!(ended(&world), [is("SUPERSEDED", "SUPERSEDED"), is("COMPLETED", "")], "{}", world.told());
    let steps = executes(&world, "U1.p_set");
    let (before, after): (Vec<&Entry>, Vec<&Entry>) = steps.iter().partition(|entry| entry.t < turned);
    let values = |steps: &[&Entry]| steps.iter().filter_map(|entry| entry.value).collect::<Vec<f64>>();
    assert!(values(&before).is_sorted() && before.len() >= 3, "up first: {:?}", values(&before));
    assert!(after[0].t - turned < 1_000_000_000, "the newer begins within 1 s");
    let after = values(&after);
    assert!(after.iter().rev().is_sorted() && after.last() == Some(&190.0), "then down, and never up again: {after:?}");
    assert!(world.verdict().is_clean(), "{:#?}", world.verdict().details);
}

#[test]
fn r02_restart_returns_in_hold() {
    let mut world = ready(102, Tune::default());
    order(&mut world, "U1.p_set", 240.0);
    world.run_for(s(7));
    let before = executes(&world, "U1.p_set").len();
    assert!(before >= 3, "mid-ramp");
    world.crash(GENCO);
    world.run_for(s(8));
    world.start(GENCO);
    world.run_for(s(120));
    assert_eq!(executes(&world, "U1.p_set").len(), before, "nothing moves afterwards\n{}", world.told());
    assert_eq!(ended(&world), [is("PARTIAL", "RESTART")], "{}", world.told());
    assert!(world.story.iter().any(|(_, party, line)| *party == GENCO && line.contains("HOLD")), "{}", world.told());
    // Only a new signed operation goes on.
    order(&mut world, "U1.p_set", 230.0);
    world.run_for(s(60));
    assert_eq!(operations(&world).last().expect("two").status, "COMPLETED", "{}", world.told());
}

#[test]
fn r02_loss_of_the_wide_area_link_holds() {
    let mut world = ready(103, Tune::default());
    order(&mut world, "U1.p_set", 249.0);
    world.run_for(s(7));
    let cut = utc(&world);
    world.cut_wan();
    world.run_for(s(60));
    let last = executes(&world, "U1.p_set").last().expect("steps").clone();
    // Heard within 3 s of silence, and at most one step of 2 s and its commit beside that.
    assert!(last.t - cut < 5_500_000_000, "held {} ns after the cut\n{}", last.t - cut, world.told());
    assert!(last.value.is_some_and(|value| value < 249.0));
    world.heal_wan();
    world.run_for(s(90));
    assert_eq!(executes(&world, "U1.p_set").last(), Some(&last), "no resume by itself");
    assert_eq!(ended(&world), [is("PARTIAL", "ISSUER_LOST")], "{}", world.told());
}

#[test]
fn r02_loss_of_the_station_link_holds() {
    let mut world = ready(104, Tune::default());
    order(&mut world, "U1.p_set", 249.0);
    world.run_for(s(7));
    let before = executes(&world, "U1.p_set").len();
    world.cut_station();
    world.run_for(s(60));
    world.heal_station();
    world.run_for(s(90));
    assert_eq!(executes(&world, "U1.p_set").len(), before, "no step after the cut, none after the heal\n{}", world.told());
    let (status, _) = ended(&world).remove(0);
    assert!(status == "PARTIAL" || status == "INDETERMINATE", "{status}\n{}", world.told());
}

fn silent() -> StationOptions {
    StationOptions { misbehaviours: vec![Misbehaviour::SilentAfterExecute], ..StationOptions::default() }
}

#[test]
fn r03_indeterminate_locks_until_read_back() {
    let mut world = ready(105, Tune { station: silent, ..Tune::default() });
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(15));
    assert_eq!(ended(&world), [is("INDETERMINATE", "NO_ANSWER")], "{}", world.told());
    assert_eq!(at_ems(&world, EntryKind::Terminated, "U2.p_set").len(), 0, "silence never reads as success");
    assert_eq!(shown(&world, &status_point(&world, "U2.p_set", StatusKind::Uncertain)), Some(1.0));
    let locked_until = world.story.iter().find(|(_, party, line)| *party == GENCO && line.contains(": read back:")).map(|(at, ..)| *at);
    assert_eq!(locked_until, None, "{}", world.told());
    world.station.handle_misbehaviours(Vec::new());
    order(&mut world, "U2.p_set", 205.0);
    world.run_for(s(5));
    assert_eq!(ended(&world)[1], is("REJECTED", "POINT_LOCKED"), "{}", world.told());
    assert_eq!(executes(&world, "U2.p_set").len(), 1, "the lock holds a second command back");
    // The next interrogation reads the echo.
    world.run_for(s(90));
    assert!(world.story.iter().any(|(_, _, line)| line.contains("U2.p_set: read back: the plant took it")), "{}", world.told());
    order(&mut world, "U2.p_set", 205.0);
    world.run_for(s(60));
    assert_eq!(ended(&world)[2], is("COMPLETED", ""), "{}", world.told());
}

/// `docs/spec/command.md`: an execute's life is at most a step's period, and 1 s later its connection is reset; what is on the way then
/// arrives within a trip of the network.
#[test]
fn r05_a_black_holed_path_brings_no_execute_later_than_the_bound() {
    let (mut late, mut never) = (0, 0);
    for lasts in 1..=14 {
        for after in [40, 60, 80, 120] {
            let mut world = ready(500 + lasts, Tune::default());
            let ordered = utc(&world);
            order(&mut world, "U2.p_set", 200.0);
            world.run_for(ms(after));
            let before = executes(&world, "U2.p_set").len();
            world.cut_station();
            world.run_for(s(lasts));
            let healed = utc(&world);
            world.heal_station();
            world.run_for(s(45));
            let done = executes(&world, "U2.p_set");
            assert!(done.len() <= 1, "executed twice, cut after {after} ms for {lasts} s\n{}", world.told());
            if let Some(execute) = done.first() {
                // Acceptance at most 0.5 s after the order, a step's 2 s, the margin of 1 s, and a trip of the network.
                let bound = ms(500) + s(2) + s(1) + ms(300);
                let took = Duration::from_nanos(u64::try_from(execute.t - ordered).expect("later"));
                assert!(took <= bound, "executed {took:?} after the order, cut after {after} ms for {lasts} s\n{}", world.told());
                late += u32::from(execute.t >= healed);
            } else {
                never += u32::from(before == 0);
            }
            let verdict = world.verdict();
            assert_eq!((verdict.late, verdict.double), (0, 0), "{:#?}\n{}", verdict.details, world.told());
        }
    }
    assert!(late > 0 && never > 0, "{late} arrived after the heal and {never} not at all: the test must see both");
}

#[test]
fn r11_taken_is_the_echo_and_followed_is_the_power() {
    let mut world = ready(106, Tune::default());
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(60));
    let operation = operations(&world).remove(0);
    let stages: Vec<&str> = operation.history.iter().map(|(_, _, status, _)| status.as_str()).collect();
    assert_eq!(&stages[..4], ["REQUESTED", "RECEIVED", "ACCEPTED", "EXECUTING"]);
    assert_eq!(stages.last(), Some(&"COMPLETED"), "{}", world.told());
    let at = |status: &str| operation.history.iter().rev().find(|entry| entry.2 == status).map(|entry| entry.0).expect("told");
    let made = world.station_entries();
    let of = |point: &'static str| made.iter().filter(move |entry| entry.point == point && entry.kind == EntryKind::Change);
    let echoed = of("U1.p_echo").find(|entry| entry.value == Some(210.0)).expect("the echo");
    let in_band = of("U1.p").find(|entry| entry.value.is_some_and(|value| value >= 207.0)).expect("the power follows");
    assert!(at("EXECUTING") >= echoed.t, "taken is told after the echo");
    assert!(at("COMPLETED") - in_band.t >= 10_000_000_000, "followed is told after the dwell of 10 s");
}

fn sluggish(seed: u64) -> Plant {
    let limits = UnitLimits { ramp_mw_per_min: 1.0, ..UnitLimits::default() };
    Plant::new(seed, [limits, limits], [200.0, 180.0])
}

#[test]
fn r11_a_plant_that_takes_and_does_not_follow_has_failed() {
    let mut world = ready(107, Tune { plant: sluggish, ..Tune::default() });
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(120));
    assert_eq!(ended(&world), [is("FAILED", "NOT_FOLLOWED")], "{}", world.told());
    assert_eq!(executes(&world, "U1.p_set").last().and_then(|entry| entry.value), Some(210.0));
    assert_eq!(at_ems(&world, EntryKind::Terminated, "U1.p_set").len(), 1, "the plant took the target");
}

#[test]
fn r14_control_is_refused_on_a_link_without_permission() {
    let mut world = ready(108, Tune { settings: |settings| settings.control_links.clear(), ..Tune::default() });
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(30));
    assert_eq!(ended(&world), [is("REJECTED", "NOT_AUTHORISED")], "{}", world.told());
    let touched = |entry: &&Entry| matches!(entry.kind, EntryKind::Select | EntryKind::Execute | EntryKind::Refused);
    assert_eq!(world.station_entries().iter().filter(touched).count(), 0, "nothing reached the station");
    assert_eq!(at_ems(&world, EntryKind::Confirmed, "U1.p_set").len(), 0);
}

#[test]
fn r15_the_ems_is_confirmed_after_acceptance_and_terminated_after_the_echo() {
    let mut world = ready(109, Tune::default());
    let ordered = utc(&world);
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(60));
    let operation = operations(&world).remove(0);
    let accepted = operation.history.iter().find(|entry| entry.2 == "ACCEPTED").expect("accepted").0;
    let [confirmed] = &at_ems(&world, EntryKind::Confirmed, "U1.p_set")[..] else { panic!("one ACT CON\n{}", world.told()) };
    let [terminated] = &at_ems(&world, EntryKind::Terminated, "U1.p_set")[..] else { panic!("one ACT TERM\n{}", world.told()) };
    assert!(confirmed.t >= accepted, "ACT CON only after the far acceptance");
    let made = world.station_entries();
    let first_echo = made.iter().find(|entry| entry.point == "U1.p_echo" && entry.t > ordered).expect("an echo");
    assert!(confirmed.t <= terminated.t && terminated.t >= first_echo.t, "ACT TERM only after the echo of the first step");
    let ramp_end = executes(&world, "U1.p_set").last().expect("steps").t;
    assert!(terminated.t < ramp_end, "never `power reached`: the ramp goes on in the status points");
    assert_eq!(shown(&world, &status_point(&world, "U1.p_set", StatusKind::State)), Some(4.0), "COMPLETED");
    assert_eq!(shown(&world, &status_point(&world, "U1.p_set", StatusKind::Target)), Some(210.0));
}

fn settled_text(world: &World, control: &str) -> String {
    at_ems(world, EntryKind::Settled, control).last().and_then(|entry| entry.text.clone()).unwrap_or_default()
}

#[test]
fn r15_a_refusal_is_a_negative_confirmation_and_a_reason_point() {
    let mut world = ready(110, Tune::default());
    order(&mut world, "U1.p_set", 260.0);
    world.run_for(s(15));
    assert_eq!(ended(&world), [is("REJECTED", "ABOVE_MAX")], "{}", world.told());
    assert!(settled_text(&world, "U1.p_set").to_lowercase().contains("refused"), "{}", settled_text(&world, "U1.p_set"));
    assert_eq!(at_ems(&world, EntryKind::Confirmed, "U1.p_set").len(), 0);
    assert_eq!(shown(&world, &status_point(&world, "U1.p_set", StatusKind::Reason)), Some(1.0), "ABOVE_MAX is number 1");
    assert_eq!(executes(&world, "U1.p_set").len(), 0);
}

#[test]
fn r15_an_order_while_the_far_bridge_is_away_is_refused_at_once() {
    let mut world = ready(111, Tune::default());
    world.cut_wan();
    world.run_for(s(10));
    let ordered = utc(&world);
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(15));
    let settled = at_ems(&world, EntryKind::Settled, "U1.p_set").remove(0);
    assert!(settled.t - ordered < 1_000_000_000 && settled_text(&world, "U1.p_set").to_lowercase().contains("refused"));
    assert_eq!(shown(&world, &status_point(&world, "U1.p_set", StatusKind::Reason)), Some(21.0), "PEER_DOWN is number 21");
    world.heal_wan();
    world.run_for(s(60));
    assert_eq!(executes(&world, "U1.p_set").len(), 0, "what was refused is not sent later");
    assert!(operations(&world).is_empty());
}

/// What the EMS has given up on cannot operate: the wide-area link goes just after the order.
#[test]
fn r15_an_order_that_the_ems_gave_up_on_does_not_operate() {
    for after in [0, 5, 10, 20, 40] {
        let mut world = ready(112, Tune::default());
        order(&mut world, "U2.p_set", 200.0);
        world.run_for(ms(after));
        world.cut_wan();
        world.run_for(s(30));
        world.heal_wan();
        world.run_for(s(90));
        let verdict = world.verdict();
        assert_eq!((verdict.late, verdict.double), (0, 0), "{after} ms: {:#?}\n{}", verdict.details, world.told());
        let status = &operations(&world)[0].status;
        assert!(!["REQUESTED", "RECEIVED", "ACCEPTED", "EXECUTING"].contains(&status.as_str()), "{after} ms: {status}\n{}", world.told());
    }
}

#[test]
fn r16_only_events_are_buffered_towards_an_ems() {
    let mut world = ready(113, Tune::default());
    let (sldc, ems) = (world.nodes[SLDC].host, world.ems_host);
    let cut = utc(&world);
    world.net.cut(sldc, ems);
    for round in 0..10_u32 {
        world.run_for(s(6));
        let now = world.now();
        world.station.handle_change("U1.bfp_a", f64::from((round + 1) % 2), now);
        world.station.handle_plant(now, |plant, now| plant.handle_local_setpoint(0, 150.0 + f64::from(round) * 9.0, now));
    }
    world.run_for(s(5));
    let healed = utc(&world);
    world.net.heal(sldc, ems);
    world.run_for(s(60));
    let within = |entry: &Entry| entry.stamp.is_some_and(|stamp| (cut..healed).contains(&stamp));
    let events = at_ems(&world, EntryKind::Event, "U1.bfp_a").into_iter().filter(within).count();
    assert_eq!(events, 10, "every event of the outage, once\n{}", world.told());
    let made = world.station_entries().into_iter().filter(|entry| entry.point == "U1.p" && within(entry)).count();
    let late = at_ems(&world, EntryKind::Change, "U1.p").into_iter().filter(|entry| within(entry) && entry.t >= healed).count();
    assert!(
        made > 50 && late <= 12,
        "{made} measured in the outage, {late} of them delivered after it: latest only, beside one window of frames"
    );
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.double, verdict.wrong), (0, 0, 0), "{:#?}", verdict.details);
}

fn served_points(world: &World) -> Vec<String> {
    let served = world.nodes[SLDC].plan.served.iter();
    served.filter(|served| matches!(served.source, ServedSource::Point(_))).map(|served| served.id.clone()).collect()
}

#[test]
fn r19_a_cut_wide_area_link_leaves_no_good_value_after_detection() {
    let mut world = ready(114, Tune::default());
    let points = served_points(&world);
    let points: Vec<&str> = points.iter().map(String::as_str).collect();
    let cut = utc(&world);
    assert_eq!(still_good(&world.ems_ledger.entries(), &points, cut).len(), points.len(), "all good before");
    world.cut_wan();
    world.run_for(s(30));
    // The stream's heartbeat is awaited for 3 s; one second for the rest of the way.
    let good = still_good(&world.ems_ledger.entries(), &points, cut + 4_000_000_000);
    assert!(good.is_empty(), "still good: {good:?}\n{}", world.told());
    world.heal_wan();
    world.run_for(s(30));
    assert_eq!(still_good(&world.ems_ledger.entries(), &points, utc(&world)).len(), points.len(), "good again once read\n{}", world.told());
}

#[test]
fn r19_a_cut_station_leaves_no_good_value_after_detection() {
    let mut world = ready(115, Tune::default());
    let points = served_points(&world);
    let points: Vec<&str> = points.iter().map(String::as_str).collect();
    let cut = utc(&world);
    world.cut_station();
    world.run_for(s(60));
    // t3 = 20 s of silence, t1 = 15 s for the answer to the test frame; one second for the rest of the way.
    let good = still_good(&world.ems_ledger.entries(), &points, cut + 36_000_000_000);
    assert!(good.is_empty(), "still good: {good:?}\n{}", world.told());
    world.heal_station();
    world.run_for(s(60));
    assert_eq!(still_good(&world.ems_ledger.entries(), &points, utc(&world)).len(), points.len(), "good again once read\n{}", world.told());
}

#[test]
fn r26_a_dead_bundle_refuses_control_and_a_stale_one_does_not() {
    const DAY: u64 = 86_400;
    let aged = |days: u64| Tune { bundle_age: [s(days * DAY), s(1)], ..Tune::default() };
    let mut world = ready(116, aged(29));
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(60));
    assert_eq!(ended(&world), [is("COMPLETED", "")], "stale is an alarm, not a refusal\n{}", world.told());
    let mut world = ready(116, aged(31));
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(30));
    assert_eq!(executes(&world, "U1.p_set").len(), 0, "{}", world.told());
    assert_eq!(at_ems(&world, EntryKind::Confirmed, "U1.p_set").len(), 0);
}

/// The EMS's own time tag is judged against a clock that just stepped: nothing is known of its age, so it is refused here and not sent on.
#[test]
fn a1_r55_a_time_tagged_command_is_refused_while_our_clock_is_not_synchronised() {
    let tagged = |text: String| text.replace("ti = \"C_SE_NC_1\"", "ti = \"C_SE_TC_1\"");
    let mut world = ready(117, Tune { gateway: tagged, ..Tune::default() });
    order(&mut world, "U2.p_set", 190.0);
    world.run_for(s(60));
    assert_eq!(ended(&world), [is("COMPLETED", "")], "a fresh tag, a clock that knows the time\n{}", world.told());
    // The EMS's clock goes along: the tag stays as fresh as it was.
    world.clock.step_utc(3_600_000_000_000);
    world.run_for(s(1));
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(5));
    let refused = |line: &str| line == "EMS command on U2.p_set refused: CLOCK_UNSYNCHRONISED";
    let told = world.story.iter().filter(|(_, party, line)| *party == SLDC && refused(line)).count();
    assert_eq!((told, operations(&world).len()), (1, 1), "refused here, no operation begins\n{}", world.told());
    assert!(settled_text(&world, "U2.p_set").contains("refused"), "{}", settled_text(&world, "U2.p_set"));
    assert_eq!(executes(&world, "U2.p_set").len(), 1, "only the first was executed");
    // Quiet for a minute, and the clock is believed again.
    world.run_for(s(60));
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(60));
    assert_eq!(ended(&world).last(), Some(&is("COMPLETED", "")), "{}", world.told());
    assert_eq!(executes(&world, "U2.p_set").last().and_then(|entry| entry.value), Some(200.0));
}

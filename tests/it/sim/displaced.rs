//! R6: a cap displaces set-points that wait for people, or that people carry out, like those that the bridge writes.

use bridge_engine::{DispatchMode, LocalWish, OperatorAnswer};
use serde_json::{Value, json};

use super::curtail::{
    PARK, Wish, assert_ramped_up, assert_released, cap, curtail, history, is, issued, knock, knock_instead, limits, park, payload, ready,
    release, told, tune, words, written,
};
use super::rules::{executes, s};
use super::world::{GENCO, SLDC, Tune, World};

fn set_by(execution: &str) -> String {
    let own = "select = \"bridge\"\nexecution = \"automatic\"\n";
    PARK.replacen(own, &format!("select = \"bridge\"\nexecution = \"{execution}\"\naccept_within = \"200s\"\ndone_within = \"400s\"\n"), 1)
}

fn by_operators(_: String) -> String {
    set_by("operator")
}

fn by_release(_: String) -> String {
    set_by("released").replacen("done_within = \"400s\"\n", "", 1)
}

/// The control room orders a set-point by hand, with time for people; gives its id.
fn dispatch(world: &mut World, target: f64) -> String {
    let wish = LocalWish::Dispatch {
        control: "park.p_set".to_owned(),
        target,
        ramp: None,
        mode: DispatchMode::Direct,
        valid_for_s: 600,
        operator_ref: "sldc:shift-2".to_owned(),
        instruction_code: "DM-1".to_owned(),
    };
    let answer = world.ask(SLDC, wish);
    let id = answer["operationId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    world.run_for(s(2));
    id
}

fn answer(world: &mut World, id: &str, answer: OperatorAnswer) -> Value {
    world.ask(GENCO, LocalWish::Answer { id: id.to_owned(), operator: "asha".to_owned(), answer })
}

fn waiting(world: &mut World) -> usize {
    world.ask(GENCO, LocalWish::Inbox)["instructions"].as_array().expect("a list").len()
}

/// The cap of another party, and nothing after it: its issuer heard once by whom, and nobody can go on with it.
#[track_caller]
fn assert_displaced(mut world: World, id: &str) {
    let wish = payload(&Wish { mw: 120.0, period: Some(900), at_end: true, reason: "SECURITY" }, &world);
    let by = knock(&mut world, &wish);
    world.run_for(s(5));
    assert_eq!(is(&world, id), words("SUPERSEDED", "SUPERSEDED"), "{}", world.told());
    let named = world.story.iter().any(|(_, party, line)| *party == SLDC && line.contains("SUPERSEDED") && line.contains(&by));
    assert!(named, "by whom\n{}", world.told());
    assert_eq!(waiting(&mut world), 0, "{}", world.told());
    let before = executes(&world, "park.p_set").len();
    for given in [OperatorAnswer::Accept, OperatorAnswer::Done { text: None }] {
        let answer = answer(&mut world, id, given);
        assert!(answer["error"].as_str().is_some_and(|why| why.contains("SUPERSEDED")), "{answer}");
    }
    world.run_for(s(500));
    assert_eq!(is(&world, id), words("SUPERSEDED", "SUPERSEDED"), "its last word\n{}", world.told());
    assert_eq!(history(&world, id).iter().filter(|status| status.starts_with("SUPERSEDED")).count(), 1, "{:?}", history(&world, id));
    assert_eq!(executes(&world, "park.p_set").len(), before, "nothing is written any more");
}

#[test]
fn r06_a_cap_displaces_a_set_point_that_waits_for_an_operator() {
    for (seed, thermal) in [(6_401, by_operators as fn(String) -> String), (6_402, by_release)] {
        let mut world = ready(seed, Tune { thermal, ..tune() });
        let id = dispatch(&mut world, 250.0);
        assert_eq!((is(&world, &id), waiting(&mut world)), (words("RECEIVED", ""), 1), "{}", world.told());
        assert_displaced(world, &id);
    }
}

#[test]
fn r06_a_cap_displaces_a_set_point_that_an_operator_accepted() {
    for (seed, thermal, status) in [(6_403, by_operators as fn(String) -> String, "ACCEPTED"), (6_404, by_release, "EXECUTING")] {
        let mut world = ready(seed, Tune { thermal, ..tune() });
        let id = dispatch(&mut world, 250.0);
        assert_eq!(answer(&mut world, &id, OperatorAnswer::Accept)["status"], "ACCEPTED", "{}", world.told());
        world.run_for(s(4));
        assert_eq!(issued(&world, &id).status, status, "{}", world.told());
        assert_displaced(world, &id);
    }
}

#[test]
fn r06_a_cap_displaces_a_set_point_that_was_reported_done() {
    let mut world = ready(6_405, Tune { thermal: by_operators, ..tune() });
    let id = dispatch(&mut world, 250.0);
    assert_eq!(answer(&mut world, &id, OperatorAnswer::Done { text: None })["status"], "EXECUTING", "{}", world.told());
    assert_displaced(world, &id);
}

#[test]
fn r06_a_set_point_below_the_cap_goes_on_waiting_and_is_carried_out() {
    let mut world = ready(6_406, Tune { thermal: by_operators, ..tune() });
    let id = dispatch(&mut world, 100.0);
    curtail(&mut world, &cap(120.0, 900, "OVERFREQUENCY"));
    world.run_for(s(30));
    assert_eq!((is(&world, &id), waiting(&mut world)), (words("RECEIVED", ""), 1), "{}", world.told());
    assert_eq!(answer(&mut world, &id, OperatorAnswer::Accept)["status"], "ACCEPTED", "{}", world.told());
}

/// It came while the cap was on its way out; the cap stands again.
#[test]
fn r06_a_set_point_above_a_cap_that_stands_again_is_not_begun() {
    let mut world = ready(6_407, Tune { thermal: by_operators, ..tune() });
    let low = curtail(&mut world, &cap(100.0, 60, "OVERFREQUENCY"));
    world.run_for(s(66));
    let id = dispatch(&mut world, 250.0);
    assert_eq!(is(&world, &id), words("RECEIVED", ""), "{}", world.told());
    world.cut_wan();
    world.run_for(s(20));
    world.heal_wan();
    world.run_for(s(40));
    assert_eq!(is(&world, &low), words("OVERDUE", "ISSUER_LOST"), "{}", world.told());
    for given in [OperatorAnswer::Accept, OperatorAnswer::Done { text: None }] {
        let answer = answer(&mut world, &id, given);
        assert!(answer["error"].as_str().is_some_and(|why| why.contains("ABOVE_CAP")), "{answer}");
    }
    assert_eq!(waiting(&mut world), 1);
}

/// The other party ends its own cap.
#[track_caller]
fn lift(world: &mut World, cap: &str) {
    let by = knock(world, &json!({ "releaseOf": cap, "reason": { "code": "OVER" } }));
    world.run_for(s(10));
    assert!(told(world, &by).contains(&"ACCEPTED".to_owned()), "{}", world.told());
}

/// R7: an older word lets nothing up under a newer cap, be it its issuer's release or the end that its issuer signed.
#[test]
fn r07_the_end_of_a_cap_under_a_newer_one_lets_nothing_up() {
    let mut world = park(7_401);
    let old = curtail(&mut world, &cap(100.0, 60, "OVERFREQUENCY"));
    world.run_for(s(40));
    let wish = payload(&cap(150.0, 120, "OVERFREQUENCY"), &world);
    let newer = knock(&mut world, &wish);
    world.run_for(s(10));
    let before = written(&world);
    world.run_for(s(30));
    assert_eq!(is(&world, &old), words("OVERDUE", "NEWER_CAP"), "{}", world.told());
    // The release says the same.
    let refused = release(&mut world, &old);
    world.run_for(s(5));
    assert_eq!(is(&world, &refused), words("REJECTED", "NEWER_CAP"), "{}", world.told());
    assert_eq!(written(&world), before, "{}", world.told());
    // The newer one goes: the older one is as low, and asks its issuer still.
    lift(&mut world, &newer);
    assert_eq!((is(&world, &old), written(&world)), (words("OVERDUE", "NEWER_CAP"), before), "{}", world.told());
    release(&mut world, &old);
    world.run_for(s(150));
    assert_eq!(is(&world, &old), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_released(&world);
}

/// Its issuer's way up under a newer cap is a new word: it replaces its own.
#[test]
fn r07_under_a_newer_cap_its_issuer_replaces_what_is_overdue() {
    let mut world = park(7_402);
    let wish = payload(&cap(100.0, 60, "OVERFREQUENCY"), &world);
    let old = knock(&mut world, &wish);
    world.run_for(s(40));
    curtail(&mut world, &cap(150.0, 900, "OVERFREQUENCY"));
    world.run_for(s(40));
    assert_eq!(told(&world, &old).last().map(String::as_str), Some("OVERDUE"), "{}", world.told());
    let wish = payload(&cap(200.0, 60, "OVERFREQUENCY"), &world);
    let new = knock_instead(&mut world, &wish, Some(&old));
    world.run_for(s(40));
    assert_eq!(limits(&world).last(), Some(&150.0), "to the lowest that stands\n{}", world.told());
    assert_ramped_up(&world, 100.0);
    assert_eq!(told(&world, &old).last().map(String::as_str), Some("SUPERSEDED"), "{}", world.told());
    // Where another one is lower a release moves nothing.
    let before = written(&world);
    lift(&mut world, &new);
    assert_eq!(written(&world), before, "{}", world.told());
}

/// Beneath a newer and lower cap the end of an older one raises nothing, and is no matter for its issuer.
#[test]
fn r07_the_end_of_a_cap_beneath_a_lower_one_needs_no_release() {
    let mut world = park(7_403);
    let old = curtail(&mut world, &cap(150.0, 60, "OVERFREQUENCY"));
    world.run_for(s(20));
    let wish = payload(&cap(100.0, 120, "OVERFREQUENCY"), &world);
    let lower = knock(&mut world, &wish);
    world.run_for(s(50));
    assert_eq!(is(&world, &old), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_eq!(limits(&world).last(), Some(&100.0), "{}", world.told());
    lift(&mut world, &lower);
    world.run_for(s(150));
    assert_released(&world);
}

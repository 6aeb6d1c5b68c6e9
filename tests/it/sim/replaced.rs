//! R6: whatever becomes of one cap, the plant is brought to the lowest of those that stand.

use bridge_sim::Entry;
use serde_json::json;

use super::curtail::{
    assert_ramped_up, cap, curtail, enabled, is, knock, knock_instead, limits, park, payload, power, release, told, words, written,
};
use super::rules::{executes, s};
use super::world::{GENCO, World};

/// The other party caps the park.
fn guest_caps(world: &mut World, mw: f64, seconds: u64, instead: Option<&str>) -> String {
    let wish = payload(&cap(mw, seconds, "OVERFREQUENCY"), world);
    knock_instead(world, &wish, instead)
}

#[track_caller]
fn assert_stands(world: &World, mw: f64) {
    assert_eq!((limits(world).last(), enabled(world)), (Some(&mw), Some(1.0)), "{:?}\n{}", limits(world), world.told());
}

/// The displaced issuer heard it once, and nothing after it.
#[track_caller]
fn assert_superseded_once(world: &World, id: &str) {
    let told = told(world, id);
    let count = told.iter().filter(|status| *status == "SUPERSEDED").count();
    assert_eq!((count, told.last().map(String::as_str)), (1, Some("SUPERSEDED")), "{told:?}\n{}", world.told());
}

/// The limits that were written since the last time that it stood at one.
fn since(world: &World, mw: f64) -> Vec<f64> {
    let all = limits(world);
    let start = all.iter().rposition(|value| (value - mw).abs() < 1e-6).expect("it stood there");
    all[start..].to_vec()
}

#[test]
fn r06_a_cap_replaced_upward_lets_the_plant_up_to_it_ramped() {
    let mut world = park(6_201);
    let old = guest_caps(&mut world, 120.0, 600, None);
    world.run_for(s(40));
    assert_stands(&world, 120.0);
    let new = guest_caps(&mut world, 160.0, 600, Some(&old));
    world.run_for(s(60));
    assert_stands(&world, 160.0);
    assert_ramped_up(&world, 120.0);
    assert_superseded_once(&world, &old);
    assert_eq!(told(&world, &new).last().map(String::as_str), Some("COMPLETED"), "{}", world.told());
}

#[test]
fn r06_a_cap_replaced_upward_over_a_sibling_lets_the_plant_up_to_the_sibling_only() {
    let mut world = park(6_202);
    let old = guest_caps(&mut world, 100.0, 600, None);
    world.run_for(s(5));
    let sibling = curtail(&mut world, &cap(130.0, 900, "OVERFREQUENCY"));
    world.run_for(s(40));
    assert_stands(&world, 100.0);
    let new = guest_caps(&mut world, 180.0, 600, Some(&old));
    world.run_for(s(60));
    assert_stands(&world, 130.0);
    assert_ramped_up(&world, 100.0);
    assert_superseded_once(&world, &old);
    assert_eq!(told(&world, &new).last().map(String::as_str), Some("COMPLETED"), "{}", world.told());
    assert_eq!(is(&world, &sibling).0, "COMPLETED", "{}", world.told());
    // The sibling gives way to what replaced, and that to nothing.
    release(&mut world, &sibling);
    world.run_for(s(2));
    assert_eq!(is(&world, &sibling).1.as_deref(), Some("LOWER_CAP"), "a newer cap forbids it\n{}", world.told());
    world.run_for(s(520));
    assert_eq!(told(&world, &new).last().map(String::as_str), Some("COMPLETED"), "its end moved nothing");
    assert_stands(&world, 130.0);
}

#[test]
fn r06_a_cap_replaced_upward_beneath_a_higher_sibling_is_what_the_plant_follows() {
    let mut world = park(6_203);
    let old = guest_caps(&mut world, 100.0, 600, None);
    curtail(&mut world, &cap(180.0, 900, "OVERFREQUENCY"));
    world.run_for(s(40));
    assert_stands(&world, 100.0);
    guest_caps(&mut world, 150.0, 600, Some(&old));
    world.run_for(s(60));
    assert_stands(&world, 150.0);
    assert_ramped_up(&world, 100.0);
    assert_superseded_once(&world, &old);
}

#[test]
fn r06_a_cap_replaced_downward_takes_the_plant_down_and_one_above_the_lowest_moves_nothing() {
    let mut world = park(6_204);
    let old = guest_caps(&mut world, 160.0, 600, None);
    world.run_for(s(40));
    let lower = guest_caps(&mut world, 140.0, 600, Some(&old));
    world.run_for(s(40));
    assert_stands(&world, 140.0);
    assert!(since(&world, 160.0).iter().rev().is_sorted(), "{:?}", limits(&world));
    assert_superseded_once(&world, &old);
    // Below a lower sibling it is replaced on paper only.
    curtail(&mut world, &cap(90.0, 900, "OVERFREQUENCY"));
    world.run_for(s(40));
    assert_stands(&world, 90.0);
    let before = written(&world);
    let last = guest_caps(&mut world, 120.0, 600, Some(&lower));
    world.run_for(s(20));
    assert_eq!(written(&world), before, "{}", world.told());
    assert_superseded_once(&world, &lower);
    assert_eq!(told(&world, &last).last().map(String::as_str), Some("COMPLETED"), "{}", world.told());
}

#[test]
fn r06_a_cap_replaced_while_the_plant_still_falls_is_told_once_and_does_not_go_on() {
    // Upward over a sibling, upward alone, downward.
    for (seed, sibling, mw, stands) in [(6_205, Some(130.0), 180.0, 130.0), (6_206, None, 150.0, 150.0), (6_207, None, 80.0, 80.0)] {
        let mut world = park(seed);
        if let Some(mw) = sibling {
            curtail(&mut world, &cap(mw, 900, "OVERFREQUENCY"));
            world.run_for(s(30));
        }
        let old = guest_caps(&mut world, 100.0, 600, None);
        world.run_for(s(3));
        let at = *limits(&world).last().expect("falling");
        assert!(at > 100.0 && at < 190.0, "{at}");
        let new = guest_caps(&mut world, mw, 600, Some(&old));
        world.run_for(s(60));
        assert_stands(&world, stands);
        assert_superseded_once(&world, &old);
        assert_eq!(told(&world, &new).last().map(String::as_str), Some("COMPLETED"), "{}", world.told());
        assert!(!limits(&world).contains(&100.0), "it did not go on to where nobody wants it: {:?}", limits(&world));
    }
}

#[test]
fn r06_a_stranger_replaces_nothing() {
    let mut world = park(6_208);
    let own = curtail(&mut world, &cap(120.0, 600, "OVERFREQUENCY"));
    world.run_for(s(40));
    let before = written(&world);
    guest_caps(&mut world, 180.0, 600, Some(&own));
    world.run_for(s(40));
    assert_eq!((written(&world), is(&world, &own)), (before, words("COMPLETED", "")), "{}", world.told());
    assert_stands(&world, 120.0);
}

#[test]
fn r06_the_last_cap_that_ends_takes_the_limit_off_and_each_issuer_hears_of_its_own() {
    let mut world = park(6_209);
    let old = guest_caps(&mut world, 100.0, 600, None);
    let sibling = curtail(&mut world, &cap(130.0, 150, "OVERFREQUENCY"));
    world.run_for(s(40));
    let new = guest_caps(&mut world, 160.0, 600, Some(&old));
    world.run_for(s(60));
    knock(&mut world, &json!({ "releaseOf": new, "reason": { "code": "OVER" } }));
    world.run_for(s(30));
    assert_stands(&world, 130.0);
    assert_eq!(told(&world, &new).iter().filter(|status| *status == "COMPLETED").count(), 2, "done, and released\n{}", world.told());
    world.run_for(s(200));
    assert_eq!(is(&world, &sibling), words("COMPLETED", "RELEASED"), "{}", world.told());
    super::curtail::assert_released(&world);
    assert_superseded_once(&world, &old);
}

#[test]
fn r07_a_cap_that_goes_while_the_plant_falls_lets_it_fall_to_the_next_at_that_ones_pace() {
    let mut world = park(7_201);
    let next = guest_caps(&mut world, 120.0, 600, None);
    world.run_for(s(1));
    let low = curtail(&mut world, &cap(60.0, 600, "OVERFREQUENCY"));
    world.run_for(s(3));
    let at = *limits(&world).last().expect("falling");
    assert!(at > 140.0 && at < 200.0, "{at}");
    let asked = world.now().utc.0;
    release(&mut world, &low);
    world.run_for(s(40));
    assert_stands(&world, 120.0);
    let after: Vec<Entry> = executes(&world, "park.curtail").into_iter().filter(|entry| entry.t > asked).collect();
    let reached = after.iter().find(|entry| entry.value == Some(120.0)).expect("reached").t;
    assert!(reached - asked < 14_000_000_000, "300 MW/min: {} ns", reached - asked);
    assert!(limits(&world).iter().rev().is_sorted(), "it never rose: {:?}", limits(&world));
    assert_eq!(told(&world, &next).last().map(String::as_str), Some("COMPLETED"), "{}", world.told());
    assert_eq!(is(&world, &low).0, "SUPERSEDED", "by its own release\n{}", world.told());
}

#[test]
fn r07_a_higher_cap_that_ends_a_release_lets_the_plant_up_ramped() {
    let mut world = park(7_202);
    curtail(&mut world, &cap(100.0, 40, "OVERFREQUENCY"));
    world.run_for(s(50));
    let risen = *limits(&world).last().expect("rising");
    assert!(risen > 100.0 && risen < 150.0, "mid-release: {risen}");
    guest_caps(&mut world, 180.0, 600, None);
    world.run_for(s(60));
    assert_stands(&world, 180.0);
    assert_ramped_up(&world, 100.0);
}

#[test]
fn r06_a_cap_that_was_held_on_its_way_down_is_gone_on_with_by_the_next() {
    let mut world = park(6_210);
    let low = curtail(&mut world, &cap(50.0, 600, "OVERFREQUENCY"));
    world.run_for(s(9));
    world.crash(GENCO);
    world.run_for(s(5));
    world.start(GENCO);
    world.run_for(s(60));
    let held = *limits(&world).last().expect("falling");
    assert!(held > 120.0, "{held}");
    // A higher cap than the one that was held, and lower than where the plant stands.
    let wish = payload(&cap(100.0, 600, "OVERFREQUENCY"), &world);
    let new = knock(&mut world, &wish);
    world.run_for(s(60));
    assert_stands(&world, 50.0);
    assert!(power(&world) < 53.0, "{}", world.told());
    assert_eq!(told(&world, &new).last().map(String::as_str), Some("COMPLETED"), "{}", world.told());
    assert_eq!(is(&world, &low).0, "PARTIAL", "what was held is not told to be done\n{}", world.told());
}

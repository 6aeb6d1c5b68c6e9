//! R6 to R8: caps that people release, plants that ramp by themselves, a switch that is refused, and set-points while a cap is on its way out.

use bridge_engine::{LocalWish, OperatorAnswer};
use serde_json::json;

use super::curtail::{
    PARK, assert_ramped_up, assert_released, cap, curtail, enabled, history, is, knock, knock_instead, limits, park, payload, power, ready,
    release, told, tune, values, words, written,
};
use super::rules::{executes, s};
use super::story::order;
use super::world::{GENCO, SLDC, Tune, World};

const LIMIT_RAMP: &str = r#"ramp = { up = "120 MW/min", down = "300 MW/min", by = "bridge", step = "2s" }"#;

/// The last `execution` of the profile is the limit's.
fn limit_is(execution: &str) -> String {
    let place = PARK.rfind("execution = \"automatic\"").expect("the limit's");
    format!("{}execution = \"{execution}\"{}", &PARK[..place], &PARK[place + "execution = \"automatic\"".len()..])
}

fn people_release(_: String) -> String {
    limit_is("released")
}

fn plant_ramps(_: String) -> String {
    assert_eq!(PARK.matches(LIMIT_RAMP).count(), 1);
    PARK.replace(LIMIT_RAMP, r#"ramp = { up = "120 MW/min", down = "300 MW/min", by = "plant" }"#)
}

fn plant_ramps_without_a_switch(text: String) -> String {
    let text = plant_ramps(text);
    let (before, after) = text.split_once("enable = {").expect("a switch");
    let (_, after) = after.split_once('\n').expect("a line");
    format!("{before}{after}")
}

fn accept(world: &mut World, id: &str) -> serde_json::Value {
    world.ask(GENCO, LocalWish::Answer { id: id.to_owned(), operator: "asha".to_owned(), answer: OperatorAnswer::Accept })
}

/// How the newest set-point of the EMS stands.
fn newest(world: &World) -> (String, Option<String>) {
    let all = world.bridge(SLDC).operations().into_values().filter(|operation| operation.verb == "dispatch");
    let operation = all.max_by_key(|operation| operation.at_ns).expect("one");
    (operation.status, operation.reason)
}

#[test]
fn r08_people_release_a_cap_and_the_bridge_writes_it() {
    let mut world = ready(8_301, Tune { thermal: people_release, ..tune() });
    let id = curtail(&mut world, &cap(120.0, 90, "OVERFREQUENCY"));
    world.run_for(s(5));
    assert_eq!((is(&world, &id), written(&world)), (words("RECEIVED", ""), 0), "nobody has answered\n{}", world.told());
    // It does not bound before it is accepted.
    order(&mut world, "park.p_set", 210.0);
    world.run_for(s(3));
    assert_ne!(newest(&world).0, "REJECTED", "{}", world.told());
    assert_eq!(accept(&mut world, &id)["status"], "ACCEPTED");
    world.run_for(s(40));
    assert_eq!(newest(&world), words("SUPERSEDED", "SUPERSEDED"), "{}", world.told());
    assert_eq!(
        (is(&world, &id), limits(&world).last(), enabled(&world)),
        (words("COMPLETED", ""), Some(&120.0), Some(1.0)),
        "{}",
        world.told()
    );
    // What replaces it is presented too, and replaces it when it is accepted.
    let wish = payload(&cap(160.0, 90, "OVERFREQUENCY"), &world);
    let stranger = knock_instead(&mut world, &wish, Some(&id));
    world.run_for(s(2));
    assert_eq!(accept(&mut world, &stranger)["status"], "ACCEPTED");
    world.run_for(s(20));
    assert_eq!(limits(&world).last(), Some(&120.0), "another party replaces nothing\n{}", world.told());
    // The other one goes first: under it the older one would let nothing up (R7).
    knock(&mut world, &json!({ "releaseOf": stranger, "reason": { "code": "OVER" } }));
    world.run_for(s(150));
    assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "its end needs no further word\n{}", world.told());
    assert_released(&world);
    assert_ramped_up(&world, 120.0);
}

#[test]
fn r08_a_cap_that_people_release_replaces_the_one_that_it_names() {
    let mut world = ready(8_302, Tune { thermal: people_release, ..tune() });
    let wish = payload(&cap(120.0, 600, "OVERFREQUENCY"), &world);
    let old = knock(&mut world, &wish);
    world.run_for(s(1));
    accept(&mut world, &old);
    world.run_for(s(40));
    let wish = payload(&cap(160.0, 600, "OVERFREQUENCY"), &world);
    let new = knock_instead(&mut world, &wish, Some(&old));
    world.run_for(s(10));
    assert_eq!(limits(&world).last(), Some(&120.0), "nobody has accepted it\n{}", world.told());
    accept(&mut world, &new);
    world.run_for(s(60));
    assert_eq!(limits(&world).last(), Some(&160.0), "{}", world.told());
    assert_eq!(told(&world, &old).last().map(String::as_str), Some("SUPERSEDED"), "{}", world.told());
    assert_eq!(told(&world, &new).last().map(String::as_str), Some("COMPLETED"), "{}", world.told());
}

#[test]
fn r07_a_plant_that_ramps_by_itself_gets_one_limit_and_one_switch() {
    let mut world = ready(7_301, Tune { thermal: plant_ramps, ..tune() });
    let id = curtail(&mut world, &cap(120.0, 60, "OVERFREQUENCY"));
    world.run_for(s(40));
    assert_eq!((limits(&world), enabled(&world)), (vec![120.0], Some(1.0)), "{}", world.told());
    assert_eq!(is(&world, &id), words("COMPLETED", ""), "{}", world.told());
    world.run_for(s(60));
    assert_eq!(values(&executes(&world, "park.curtail.enable")), [1.0, 0.0], "{}", world.told());
    assert_eq!(limits(&world), [120.0], "its own release is the whole of it");
    assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "{}", world.told());
    // Without a switch the limit itself goes up, at once: first to what an older one still holds.
    let mut world = ready(7_302, Tune { thermal: plant_ramps_without_a_switch, ..tune() });
    let high = curtail(&mut world, &cap(150.0, 120, "OVERFREQUENCY"));
    world.run_for(s(2));
    let low = curtail(&mut world, &cap(120.0, 60, "OVERFREQUENCY"));
    world.run_for(s(80));
    assert_eq!((limits(&world), is(&world, &low)), (vec![150.0, 120.0, 150.0], words("COMPLETED", "RELEASED")), "{}", world.told());
    world.run_for(s(60));
    assert_eq!((limits(&world), is(&world, &high)), (vec![150.0, 120.0, 150.0, 300.0], words("COMPLETED", "RELEASED")), "{}", world.told());
}

#[test]
fn r07_a_switch_that_is_refused_is_told_and_the_limit_does_not_go_on() {
    let mut world = park(7_303);
    world.station.handle_plant(world.clock.now(), |plant, _| plant.handle_cap_block(0, true));
    let id = curtail(&mut world, &cap(120.0, 600, "OVERFREQUENCY"));
    world.run_for(s(30));
    assert_eq!(is(&world, &id), words("PARTIAL", "STATION_REFUSED"), "{}", world.told());
    let all = limits(&world);
    assert!(all.len() == 1 && all[0] > 180.0, "one step, and it held: {all:?}\n{}", world.told());
    assert_eq!(enabled(&world), None, "{}", world.told());
    assert!(power(&world) > 195.0, "the plant was not touched");
    // It bounds all the same; the next cap takes the limit down and switches it on.
    order(&mut world, "park.p_set", 150.0);
    world.run_for(s(5));
    assert_eq!(newest(&world), words("REJECTED", "ABOVE_CAP"), "{}", world.told());
    world.station.handle_plant(world.clock.now(), |plant, _| plant.handle_cap_block(0, false));
    let next = curtail(&mut world, &cap(150.0, 600, "OVERFREQUENCY"));
    world.run_for(s(60));
    assert_eq!((limits(&world).last(), enabled(&world)), (Some(&120.0), Some(1.0)), "to the lowest\n{}", world.told());
    assert_eq!(is(&world, &next), words("COMPLETED", ""), "{}", world.told());
    release(&mut world, &next);
    world.run_for(s(5));
    release(&mut world, &id);
    world.run_for(s(200));
    assert_eq!((is(&world, &id), is(&world, &next)), (words("COMPLETED", "RELEASED"), words("COMPLETED", "RELEASED")), "{}", world.told());
    assert_released(&world);
}

#[test]
fn r06_a_set_point_is_taken_while_a_cap_is_on_its_way_out_and_rises_with_the_limit() {
    let mut world = park(6_301);
    let id = curtail(&mut world, &cap(100.0, 60, "OVERFREQUENCY"));
    world.run_for(s(59));
    order(&mut world, "park.p_set", 180.0);
    world.run_for(s(1));
    assert_eq!(newest(&world), words("REJECTED", "ABOVE_CAP"), "the cap stands\n{}", world.told());
    world.run_for(s(6));
    let at = *limits(&world).last().expect("rising");
    assert!(at > 100.0 && at < 130.0, "{at}");
    order(&mut world, "park.p_set", 180.0);
    world.run_for(s(100));
    assert_eq!(newest(&world).0, "COMPLETED", "{}", world.told());
    assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_released(&world);
    // No step of the set-point was above where the limit had come to.
    let (steps, limit) = (executes(&world, "park.p_set"), executes(&world, "park.curtail"));
    assert!(steps.len() > 5 && steps.last().and_then(|step| step.value) == Some(180.0), "{:?}", values(&steps));
    for step in &steps {
        let stood = limit.iter().rfind(|entry| entry.t <= step.t).and_then(|entry| entry.value).expect("a limit");
        assert!(step.value.is_some_and(|value| value <= stood + 0.1), "{step:?} while the limit stood at {stood}");
    }
    assert!(values(&steps).windows(2).all(|pair| pair[0] < pair[1]), "no value twice: {:?}", values(&steps));
}

#[test]
fn r06_a_set_point_holds_if_the_release_that_it_relied_on_is_held() {
    let mut world = park(6_302);
    let id = curtail(&mut world, &cap(100.0, 60, "OVERFREQUENCY"));
    world.run_for(s(66));
    order(&mut world, "park.p_set", 250.0);
    world.run_for(s(6));
    assert_eq!(newest(&world).0, "EXECUTING", "{}", world.told());
    // The plant blocks the release for a moment: another party's set-point would go on, the cap stands again.
    let told_off = knock(&mut world, &json!({ "releaseOf": id, "reason": { "code": "OVER" } }));
    world.run_for(s(1));
    assert_eq!(told(&world, &told_off).last().map(String::as_str), Some("REJECTED"), "{}", world.told());
    world.cut_wan();
    world.run_for(s(20));
    let (held, set) = (*limits(&world).last().expect("rising"), values(&executes(&world, "park.p_set")));
    world.heal_wan();
    world.run_for(s(60));
    assert_eq!(is(&world, &id), words("OVERDUE", "ISSUER_LOST"), "{:?}\n{}", history(&world, &id), world.told());
    assert_eq!(newest(&world).0, "PARTIAL", "{}", world.told());
    assert_eq!((limits(&world).last(), values(&executes(&world, "park.p_set"))), (Some(&held), set), "nothing moves");
    order(&mut world, "park.p_set", 150.0);
    world.run_for(s(5));
    assert_eq!(newest(&world), words("REJECTED", "ABOVE_CAP"), "it stands again\n{}", world.told());
}

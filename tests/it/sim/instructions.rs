//! R8: people are told, people answer, the feedback is looked at. Whether anything was written is read from the station's own ledger.

use std::time::Duration;

use bridge_engine::{DispatchMode, LocalWish, Operation, OperatorAnswer};
use bridge_profile::{ServedSource, StatusKind};
use bridge_sim::{Entry, EntryKind};
use serde_json::{Value, json};

use super::story::order;
use super::world::{GENCO, SLDC, Tune, World, fast};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn by_operators(profile: String) -> String {
    fast(profile).replace("execution = \"automatic\"", "execution = \"operator\"")
}

fn released(profile: String) -> String {
    fast(profile).replace("execution = \"automatic\"", "execution = \"released\"")
}

fn ready(seed: u64, tune: Tune) -> World {
    let mut world = World::tuned(seed, tune);
    world.run_for(s(10));
    world
}

/// A start or stop that the control room asks; gives its id.
fn ask_unit(world: &mut World, verb: &str, control: &str, valid_for_s: u32) -> String {
    let wish = LocalWish::Order {
        control: control.to_owned(),
        verb: verb.to_owned(),
        payload: json!({ "reason": { "code": "DEMAND" } }),
        valid_for_s,
        operator_ref: "sldc:shift-2".to_owned(),
        instruction_code: "US-7".to_owned(),
    };
    let answer = world.ask(SLDC, wish);
    let id = answer["operationId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    world.run_for(s(2));
    id
}

/// A dispatch of the control room by hand, with time for people.
fn dispatch(world: &mut World, control: &str, target: f64) -> String {
    let wish = LocalWish::Dispatch {
        control: control.to_owned(),
        target,
        ramp: None,
        mode: DispatchMode::Direct,
        valid_for_s: 300,
        operator_ref: "sldc:shift-2".to_owned(),
        instruction_code: "DM-1".to_owned(),
    };
    let answer = world.ask(SLDC, wish);
    let id = answer["operationId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    world.run_for(s(2));
    id
}

fn answer(world: &mut World, id: &str, operator: &str, answer: OperatorAnswer) -> Value {
    world.ask(GENCO, LocalWish::Answer { id: id.to_owned(), operator: operator.to_owned(), answer })
}

fn accept(world: &mut World, id: &str) {
    let taken = answer(world, id, "asha", OperatorAnswer::Accept);
    assert_eq!(taken["status"], "ACCEPTED", "{taken}\n{}", world.told());
}

fn done(world: &mut World, id: &str) {
    let taken = answer(world, id, "asha", OperatorAnswer::Done { text: None });
    assert_eq!(taken["status"], "EXECUTING", "{taken}\n{}", world.told());
}

/// The words of a refusal.
fn refused(world: &mut World, id: &str, operator: &str, given: OperatorAnswer) -> String {
    let taken = answer(world, id, operator, given);
    taken["error"].as_str().unwrap_or_else(|| panic!("it was taken: {taken}")).to_owned()
}

fn waiting(world: &mut World) -> Vec<Value> {
    world.ask(GENCO, LocalWish::Inbox)["instructions"].as_array().expect("a list").clone()
}

/// The issuer's own record of an operation.
fn issued(world: &World, id: &str) -> Operation {
    world.bridge(SLDC).operations().remove(id).expect("known to its issuer")
}

fn statuses(world: &World, id: &str) -> Vec<String> {
    issued(world, id).history.into_iter().map(|(_, _, status, _)| status).collect()
}

fn written(world: &World) -> Vec<Entry> {
    let of_kind = |entry: &Entry| matches!(entry.kind, EntryKind::Select | EntryKind::Execute | EntryKind::Refused);
    world.station_entries().into_iter().filter(of_kind).collect()
}

fn at_ems(world: &World, kind: EntryKind, point: &str) -> Vec<Entry> {
    world.ems_ledger.entries().into_iter().filter(|entry| entry.kind == kind && entry.point == point).collect()
}

fn shown(world: &World, control: &str, what: StatusKind) -> Option<f64> {
    let plan = &world.nodes[SLDC].plan;
    let source = ServedSource::Status { control: plan.control(control).expect("a control").index(), what };
    let point = plan.served.iter().find(|served| served.source == source).expect("a status point").id.clone();
    at_ems(world, EntryKind::Change, &point).last().and_then(|entry| entry.value)
}

fn set_state(world: &mut World, point: &str, value: f64) {
    let now = world.now();
    assert!(world.station.handle_change(point, value, now));
}

#[test]
fn r08_a_stop_waits_for_a_named_operator_and_is_proven_by_the_unit() {
    let mut world = ready(801, Tune::default());
    let id = ask_unit(&mut world, "stop", "U1.stop", 600);
    assert_eq!(issued(&world, &id).status, "RECEIVED", "{}", world.told());
    let [item] = &waiting(&mut world)[..] else { panic!("one waits") };
    assert_eq!((&item["verb"], &item["control"], &item["state"]), (&json!("stop"), &json!("U1.stop"), &json!("PRESENTED")), "{item}");
    assert_eq!((&item["issuer"], &item["issuedBy"], &item["instructionCode"]), (&json!("sldc"), &json!("sldc:shift-2"), &json!("US-7")));
    world.run_for(s(60));
    accept(&mut world, &id);
    world.run_for(s(5));
    assert_eq!(issued(&world, &id).status, "ACCEPTED");
    assert_eq!(shown(&world, "U1.stop", StatusKind::State), Some(2.0), "accepted, on the EMS's screen");
    done(&mut world, &id);
    world.run_for(s(20));
    assert_eq!(issued(&world, &id).status, "EXECUTING", "reported done is not done: the unit still shows synchronised");
    set_state(&mut world, "U1.state", 0.0);
    world.run_for(s(5));
    assert_eq!(issued(&world, &id).status, "EXECUTING", "the state must stand for its dwell");
    world.run_for(s(10));
    assert_eq!(statuses(&world, &id), ["REQUESTED", "RECEIVED", "ACCEPTED", "EXECUTING", "COMPLETED"], "{}", world.told());
    assert_eq!(shown(&world, "U1.stop", StatusKind::State), Some(4.0));
    assert_eq!(written(&world), [], "nothing is written to the plant");
    assert!(waiting(&mut world).is_empty());
    let plant = world.bridge(GENCO).operations().remove(&id).expect("known");
    assert_eq!(plant.operator.as_deref(), Some("asha"), "the person stands in the record");
}

#[test]
fn r08_a_rejection_names_its_reason_and_nothing_is_written() {
    let mut world = ready(802, Tune::default());
    let id = ask_unit(&mut world, "stop", "U2.stop", 600);
    let reject = OperatorAnswer::Reject { reason: "UNSAFE".to_owned(), text: Some("boiler feed pump B is out".to_owned()) };
    assert_eq!(answer(&mut world, &id, "asha", reject)["status"], "REJECTED");
    world.run_for(s(5));
    let operation = issued(&world, &id);
    assert_eq!((operation.status.as_str(), operation.reason.as_deref()), ("REJECTED", Some("UNSAFE")), "{}", world.told());
    assert_eq!(shown(&world, "U2.stop", StatusKind::Reason), Some(48.0), "UNSAFE is number 48");
    assert_eq!(written(&world), []);
}

#[test]
fn r08_an_instruction_that_nobody_answers_expires_and_a_late_answer_is_refused() {
    let mut world = ready(803, Tune::default());
    let id = ask_unit(&mut world, "stop", "U1.stop", 120);
    world.run_for(s(130));
    let operation = issued(&world, &id);
    assert_eq!((operation.status.as_str(), operation.reason.as_deref()), ("EXPIRED", Some("NOT_ANSWERED")), "{}", world.told());
    let late = refused(&mut world, &id, "asha", OperatorAnswer::Accept);
    assert!(late.contains("waits for no answer any more") && late.contains("EXPIRED"), "{late}");
    assert_eq!(written(&world), []);
}

#[test]
fn r08_answers_that_may_not_be_given_are_refused_in_clear_words() {
    let mut world = ready(804, Tune::default());
    let id = ask_unit(&mut world, "stop", "U1.stop", 600);
    let reject = |reason: &str, text: Option<&str>| OperatorAnswer::Reject { reason: reason.to_owned(), text: text.map(str::to_owned) };
    let cases = [
        (refused(&mut world, &id, "nobody", OperatorAnswer::Accept), "`nobody` is no operator of this bridge (known: asha, guest)"),
        (refused(&mut world, &id, "guest", OperatorAnswer::Accept), "`guest` may not answer instructions"),
        (refused(&mut world, "ffff", "asha", OperatorAnswer::Accept), "no instruction begins with ffff"),
        (refused(&mut world, "", "asha", OperatorAnswer::Accept), "no instruction begins with"),
        (refused(&mut world, &id, "asha", reject("BECAUSE", None)), "`BECAUSE` is no reason; use one of UNIT_NOT_AVAILABLE"),
        (refused(&mut world, &id, "asha", reject("OTHER", None)), "OTHER needs a text"),
    ];
    for (words, expected) in &cases {
        assert!(words.contains(expected), "{words}");
    }
    assert_eq!(issued(&world, &id).status, "RECEIVED", "none of them counted");
    accept(&mut world, &id);
    let twice = refused(&mut world, &id, "asha", OperatorAnswer::Accept);
    assert!(twice.contains("was accepted by asha before"), "{twice}");
    done(&mut world, &id);
    let again = refused(&mut world, &id, "asha", OperatorAnswer::Done { text: None });
    assert!(again.contains("was reported done by asha"), "{again}");
    let other_way = refused(&mut world, &id, "asha", reject("UNSAFE", None));
    assert!(other_way.contains("was reported done"), "{other_way}");
}

#[test]
fn r08_what_cannot_make_sense_is_refused_before_anybody_is_asked() {
    let mut world = ready(805, Tune::default());
    let start = ask_unit(&mut world, "start", "U1.start", 600);
    let operation = issued(&world, &start);
    assert_eq!((operation.status.as_str(), operation.reason.as_deref()), ("REJECTED", Some("NOT_READY")), "{}", world.told());
    assert!(waiting(&mut world).is_empty());
    let wrong = LocalWish::Order {
        control: "U1.start".to_owned(),
        verb: "stop".to_owned(),
        payload: json!({}),
        valid_for_s: 60,
        operator_ref: "x".to_owned(),
        instruction_code: "y".to_owned(),
    };
    assert!(world.ask(SLDC, wrong)["error"].as_str().is_some_and(|why| why.contains("is a control of verb start, not stop")));
}

#[test]
fn r08_reported_done_and_not_shown_by_the_feedback_is_failed() {
    let mut world = ready(806, Tune::default());
    let id = ask_unit(&mut world, "stop", "U1.stop", 600);
    done(&mut world, &id);
    world.run_for(s(130));
    let operation = issued(&world, &id);
    assert_eq!((operation.status.as_str(), operation.reason.as_deref()), ("FAILED", Some("NOT_FOLLOWED")), "{}", world.told());
    assert_eq!(statuses(&world, &id), ["REQUESTED", "RECEIVED", "ACCEPTED", "EXECUTING", "FAILED"], "done implies the acceptance");
}

#[test]
fn r08_an_operator_executes_a_dispatch_and_the_bridge_writes_nothing() {
    let mut world = ready(807, Tune { thermal: by_operators, ..Tune::default() });
    let id = dispatch(&mut world, "U1.p_set", 210.0);
    assert_eq!(issued(&world, &id).status, "RECEIVED", "{}", world.told());
    accept(&mut world, &id);
    // The operator sets it at the desk.
    let now = world.now();
    world.station.handle_plant(now, |plant, now| plant.handle_local_setpoint(0, 210.0, now));
    world.run_for(s(30));
    done(&mut world, &id);
    world.run_for(s(30));
    assert_eq!(issued(&world, &id).status, "COMPLETED", "{}", world.told());
    assert_eq!(written(&world), []);
    // A plant in local control can still be told by a person: nothing is written.
    let now = world.now();
    world.station.handle_plant(now, |plant, now| plant.handle_remote_switch(0, false, now));
    world.run_for(s(2));
    let local = dispatch(&mut world, "U1.p_set", 205.0);
    assert_eq!(issued(&world, &local).status, "RECEIVED", "{}", world.told());
    // The envelope holds for people too.
    let above = dispatch(&mut world, "U1.p_set", 251.0);
    assert_eq!(issued(&world, &above).reason.as_deref(), Some("ABOVE_MAX"));
}

#[test]
fn r08_an_ems_is_confirmed_by_a_person_before_it_gives_up_or_not_at_all() {
    let mut world = ready(808, Tune { thermal: by_operators, ..Tune::default() });
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(3));
    assert_eq!(at_ems(&world, EntryKind::Confirmed, "U1.p_set").len(), 0, "a person has not answered");
    let id = waiting(&mut world)[0]["id"].as_str().expect("an id").to_owned();
    accept(&mut world, &id);
    world.run_for(s(2));
    assert_eq!(at_ems(&world, EntryKind::Confirmed, "U1.p_set").len(), 1, "{}", world.told());
    // The next one is left lying: what the EMS gave up on cannot be accepted any more.
    order(&mut world, "U2.p_set", 190.0);
    world.run_for(s(11));
    assert_eq!(at_ems(&world, EntryKind::Confirmed, "U2.p_set").len(), 0);
    let left: Vec<Value> = waiting(&mut world).into_iter().filter(|item| item["control"] == "U2.p_set").collect();
    assert!(left.is_empty(), "{left:?}\n{}", world.told());
    assert_eq!(written(&world), []);
}

#[test]
fn r08_the_acceptance_of_a_released_dispatch_starts_the_programme() {
    let mut world = ready(809, Tune { thermal: released, ..Tune::default() });
    let id = dispatch(&mut world, "U1.p_set", 210.0);
    world.run_for(s(20));
    assert_eq!(written(&world), [], "nothing before a person releases it\n{}", world.told());
    // In local the release is refused, and the instruction goes on waiting.
    let now = world.now();
    world.station.handle_plant(now, |plant, now| plant.handle_remote_switch(0, false, now));
    world.run_for(s(1));
    let local = refused(&mut world, &id, "asha", OperatorAnswer::Accept);
    assert!(local.contains("cannot be released now") && local.contains("still waits"), "{local}");
    let now = world.now();
    world.station.handle_plant(now, |plant, now| plant.handle_remote_switch(0, true, now));
    world.run_for(s(1));
    let by_hand = refused(&mut world, &id, "asha", OperatorAnswer::Done { text: None });
    assert!(by_hand.contains("carried out by the bridge"), "{by_hand}");
    accept(&mut world, &id);
    world.run_for(s(60));
    assert_eq!(issued(&world, &id).status, "COMPLETED", "{}", world.told());
    assert!(written(&world).iter().any(|entry| entry.kind == EntryKind::Execute && entry.value == Some(210.0)));
    // The same for an EMS that waits: its ledger and the station's agree.
    let mut world = ready(814, Tune { thermal: released, ..Tune::default() });
    order(&mut world, "U2.p_set", 200.0);
    world.run_for(s(5));
    let id = waiting(&mut world)[0]["id"].as_str().expect("an id").to_owned();
    accept(&mut world, &id);
    world.run_for(s(60));
    assert_eq!(issued(&world, &id).status, "COMPLETED", "{}", world.told());
    assert!(world.verdict().is_clean(), "{:#?}", world.verdict().details);
}

#[test]
fn r08_a_newer_instruction_displaces_the_older_and_the_issuer_is_told() {
    let mut world = ready(810, Tune { thermal: by_operators, ..Tune::default() });
    let first = dispatch(&mut world, "U1.p_set", 210.0);
    let second = dispatch(&mut world, "U1.p_set", 220.0);
    assert_eq!(issued(&world, &first).status, "SUPERSEDED", "{}", world.told());
    accept(&mut world, &second);
    let third = dispatch(&mut world, "U1.p_set", 215.0);
    assert_eq!(issued(&world, &second).status, "ACCEPTED", "what was accepted stands until the newer one is");
    accept(&mut world, &third);
    world.run_for(s(2));
    assert_eq!(issued(&world, &second).status, "SUPERSEDED");
    let stop = ask_unit(&mut world, "stop", "U1.stop", 600);
    assert_eq!(waiting(&mut world).len(), 2, "a stop of the unit is another matter than its set-point");
    assert_eq!(issued(&world, &stop).status, "RECEIVED");
}

#[test]
fn r08_what_waits_survives_a_restart_and_what_fell_due_is_told_honestly() {
    let mut world = ready(811, Tune::default());
    let waits = ask_unit(&mut world, "stop", "U1.stop", 600);
    let expires = ask_unit(&mut world, "stop", "U2.stop", 60);
    world.crash(GENCO);
    world.run_for(s(90));
    world.start(GENCO);
    world.run_for(s(30));
    let operation = issued(&world, &expires);
    assert_eq!((operation.status.as_str(), operation.reason.as_deref()), ("EXPIRED", Some("NOT_ANSWERED")), "{}", world.told());
    let [item] = &waiting(&mut world)[..] else { panic!("one still waits\n{}", world.told()) };
    assert_eq!((&item["id"], &item["state"]), (&json!(waits), &json!("PRESENTED")));
    accept(&mut world, &waits);
    // Accepted and reported; the bridge is down while the feedback would have had to show it.
    done(&mut world, &waits);
    world.run_for(s(2));
    world.crash(GENCO);
    world.run_for(s(200));
    world.start(GENCO);
    world.run_for(s(30));
    let operation = issued(&world, &waits);
    assert_eq!((operation.status.as_str(), operation.reason.as_deref()), ("OVERDUE", Some("RESTART")), "{}", world.told());
    assert_eq!(waiting(&mut world)[0]["state"], "OVERDUE", "it asks");
    assert_eq!(shown(&world, "U1.stop", StatusKind::State), Some(12.0), "OVERDUE on the EMS's screen");
    set_state(&mut world, "U1.state", 0.0);
    done(&mut world, &waits);
    world.run_for(s(15));
    assert_eq!(issued(&world, &waits).status, "COMPLETED", "{}", world.told());
    assert_eq!(written(&world), []);
}

fn short(profile: String) -> String {
    fast(profile).replace("stop_within = \"2h\"", "stop_within = \"30s\"")
}

#[test]
fn r08_what_is_not_reported_done_in_time_is_overdue_and_stays_open() {
    let mut world = ready(812, Tune { thermal: short, ..Tune::default() });
    let id = ask_unit(&mut world, "stop", "U1.stop", 600);
    accept(&mut world, &id);
    world.run_for(s(35));
    let operation = issued(&world, &id);
    assert_eq!((operation.status.as_str(), operation.reason.as_deref()), ("OVERDUE", Some("NOT_REPORTED")), "{}", world.told());
    let cannot = OperatorAnswer::Reject { reason: "EQUIPMENT_FAULT".to_owned(), text: None };
    assert_eq!(answer(&mut world, &id, "asha", cannot)["status"], "FAILED");
    world.run_for(s(2));
    let operation = issued(&world, &id);
    assert_eq!((operation.status.as_str(), operation.reason.as_deref()), ("FAILED", Some("EQUIPMENT_FAULT")), "{}", world.told());
}

fn nobody_may(settings: &mut bridge_engine::Settings) {
    settings.operators.clear();
}

#[test]
fn r08_without_operators_nobody_can_answer() {
    let mut world = ready(813, Tune { settings: nobody_may, ..Tune::default() });
    let id = ask_unit(&mut world, "stop", "U1.stop", 600);
    let words = refused(&mut world, &id, "asha", OperatorAnswer::Accept);
    assert!(words.contains("nobody is configured"), "{words}");
}

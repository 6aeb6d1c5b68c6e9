//! R6 and R7: what a cap displaces, what ends it, and what does not. What was written is read from the station's own ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_diag::Report;
use bridge_engine::{LocalWish, Operation, Settings, TrialOutcome, run_trial};
use bridge_iec60870::Iec104;
use bridge_ies::beckn::{Context, Envelope, Performance, VERSION};
use bridge_ies::{CONTEXT_URL, Role, SPEC_VERSION, Span, Timestamp, format_time};
use bridge_profile::{MemoryFiles, StatusKind, compile};
use bridge_session::DoorRequest;
use bridge_sim::{Entry, EntryKind, Plant, UnitLimits};
use serde_json::{Value, json};

use super::party::{CONTRACT, DIDS, NETWORK, REMC, identity, peer};
use super::rules::{executes, s, shown, status_point};
use super::story::order;
use super::world::{GENCO, SLDC, Tune, World};

pub(super) const PARK: &str = include_str!("park/plant.toml");
pub(super) const GATEWAY: &str = include_str!("park/gateway.toml");
const ERA: &str = "era:in/rj/solar-b";

fn guest(settings: &mut Settings) {
    if settings.role == Role::Genco {
        settings.peers.push(bridge_engine::Peer { commands_us: true, ..peer(REMC) });
    }
}

fn sunny(seed: u64) -> Plant {
    let limits = UnitLimits { min_mw: 0.0, max_mw: 300.0, ramp_mw_per_min: 600.0, lag_s: 1.0, ..UnitLimits::default() };
    Plant::new(seed, [limits, limits], [200.0, 0.0])
}

fn by_hand(_: String) -> String {
    PARK.replacen("enable = {", "# people\nenable = {", 1).replace(
        "reason_codes = { congestion = 1, overfrequency = { number = 2, at_end = \"release\" }, security = 3 }\nexecution = \"automatic\"",
        "reason_codes = { congestion = 1, overfrequency = { number = 2, at_end = \"release\" }, security = 3 }\nexecution = \"operator\"",
    )
}

fn with_more_reasons(_: String) -> String {
    PARK.replace("security = 3 }", "security = 3, weather = 4, grid_security = 5, congestion_relief = 6 }")
}

pub(super) fn tune() -> Tune {
    Tune {
        settings: guest,
        thermal: |_| PARK.to_owned(),
        gateway: |_| GATEWAY.to_owned(),
        plant: sunny,
        units: ["park", "annex"],
        ..Tune::default()
    }
}

/// A park at 200 MW whose image has been read through both bridges.
pub(super) fn park(seed: u64) -> World {
    ready(seed, tune())
}

pub(super) fn ready(seed: u64, tune: Tune) -> World {
    let mut world = World::tuned(seed, tune);
    world.run_for(s(10));
    world
}

pub(super) struct Wish {
    pub(super) mw: f64,
    /// Seconds; none: without an end.
    pub(super) period: Option<u64>,
    pub(super) at_end: bool,
    pub(super) reason: &'static str,
}

pub(super) const fn cap(mw: f64, seconds: u64, reason: &'static str) -> Wish {
    Wish { mw, period: Some(seconds), at_end: true, reason }
}

pub(super) fn payload(wish: &Wish, world: &World) -> Value {
    let mut payload = json!({
        "limit": { "value": wish.mw, "unit": "MW", "basis": "ABSOLUTE_CAP", "powerBasis": "EX_BUS" },
        "period": { "start": format_time(world.now().utc.0) },
        "ramp": { "value": 300, "unit": "MW/min" },
        "release": if wish.at_end { "AT_END" } else { "MANUAL" },
        "reason": { "code": wish.reason },
    });
    if let Some(seconds) = wish.period {
        payload["period"]["duration"] = format!("PT{seconds}S").into();
    }
    payload
}

/// The load despatch centre's people order something; gives its id.
fn ask(world: &mut World, control: &str, payload: Value) -> String {
    try_ask(world, control, payload).unwrap_or_else(|answer| panic!("{answer}"))
}

/// The same, where it may be refused before it leaves.
pub(super) fn try_ask(world: &mut World, control: &str, payload: Value) -> Result<String, Value> {
    let wish = LocalWish::Order {
        control: control.to_owned(),
        verb: "curtail".to_owned(),
        payload,
        valid_for_s: 30,
        operator_ref: "sldc:shift-2".to_owned(),
        instruction_code: "CU-7".to_owned(),
    };
    let answer = world.ask(SLDC, wish);
    answer["operationId"].as_str().map(str::to_owned).ok_or(answer)
}

pub(super) fn curtail(world: &mut World, wish: &Wish) -> String {
    let payload = payload(wish, world);
    ask(world, "park.curtail", payload)
}

pub(super) fn release(world: &mut World, of: &str) -> String {
    ask(world, "", json!({ "releaseOf": of, "reason": { "code": "OVER" } }))
}

/// The other party orders something itself, with its own keys; gives its id.
pub(super) fn knock(world: &mut World, payload: &Value) -> String {
    knock_instead(world, payload, None)
}

/// The other party orders something, in the place of an earlier operation of its own if it names one.
pub(super) fn knock_instead(world: &mut World, payload: &Value, of: Option<&str>) -> String {
    let now = world.now();
    let us = identity(REMC);
    let random = world.rng.next_u64();
    let id = |kind: u128| bridge_ies::uuid7(u64::try_from(now.utc.as_millis()).expect("after 1970"), (u128::from(random) << 8) | kind);
    let operation_id = id(1);
    let mut operation = json!({
        "@context": CONTEXT_URL,
        "@type": "GridOperation",
        "specVersion": SPEC_VERSION,
        "verb": "curtail",
        "noun": "GENERATION_LIMIT",
        "operationId": operation_id,
        "issuedAt": format_time(now.utc.0),
        "validUntil": format_time((now.utc + s(30)).0),
        "issuer": { "partyId": DIDS[REMC], "role": "REMC", "operatorRef": "remc:desk" },
        "recipient": { "partyId": DIDS[GENCO], "role": "GENCO" },
        "resources": [{ "era": ERA, "type": "GENERATING_UNIT" }],
        "mode": "DIRECT",
        "priority": "URGENT",
        "authority": { "basis": "GRID_CODE" },
        "ack": { "required": "EXECUTION", "deadline": "PT5M" },
        "instructionCode": "REMC-1",
        "payload": payload,
    });
    if let Some(of) = of {
        operation["supersedes"] = of.into();
    }
    bridge_trust::jws::sign(&mut operation, &us.content, &us.content_kid, None).expect("a key");
    let envelope = Envelope {
        context: Context {
            network_id: NETWORK.to_owned(),
            version: VERSION.into(),
            action: "update".into(),
            bap_id: DIDS[REMC].to_owned(),
            bap_uri: "https://remc.example".to_owned(),
            bpp_id: DIDS[GENCO].to_owned(),
            bpp_uri: "https://genco.example".to_owned(),
            transaction_id: id(2),
            message_id: id(3),
            timestamp: Timestamp(now.utc.0),
            ttl: Span(s(60)),
            try_only: None,
            schema_context: Vec::new(),
            request_digest: None,
        },
        contract_id: CONTRACT.to_owned(),
        performance: vec![Performance { id: operation_id.clone(), status: "ISSUED".into(), attributes: operation }],
    };
    let body = envelope.to_bytes().expect("JSON");
    let created = now.utc.as_secs();
    let authorization = bridge_trust::beckn::sign(&us.beckn, DIDS[REMC], &us.beckn_key_id, created, created + 60, &body, None);
    world.knock(DoorRequest { id: u64::MAX, action: "update".to_owned(), authorization, tls_identity: None, body, received: now });
    operation_id
}

/// What the other party was answered, oldest first.
pub(super) fn told(world: &World, id: &str) -> Vec<String> {
    let of = |told: &&Value| told["payload"]["ackOf"] == id;
    world.guests.iter().filter(of).filter_map(|told| told["payload"]["status"].as_str().map(str::to_owned)).collect()
}

pub(super) fn issued(world: &World, id: &str) -> Operation {
    world.bridge(SLDC).operations().remove(id).expect("known to its issuer")
}

pub(super) fn is(world: &World, id: &str) -> (String, Option<String>) {
    let operation = issued(world, id);
    (operation.status, operation.reason)
}

pub(super) fn words(status: &str, reason: &str) -> (String, Option<String>) {
    (status.to_owned(), (!reason.is_empty()).then(|| reason.to_owned()))
}

/// Status and reason of every answer to an operation.
pub(super) fn history(world: &World, id: &str) -> Vec<String> {
    let history = issued(world, id).history.into_iter();
    history.map(|(_, _, status, reason)| reason.map_or_else(|| status.clone(), |reason| format!("{status} {reason}"))).collect()
}

pub(super) fn values(entries: &[Entry]) -> Vec<f64> {
    entries.iter().filter_map(|entry| entry.value).collect()
}

pub(super) fn limits(world: &World) -> Vec<f64> {
    values(&executes(world, "park.curtail"))
}

/// Whether the station's limit is switched on.
pub(super) fn enabled(world: &World) -> Option<f64> {
    executes(world, "park.curtail.enable").last().and_then(|entry| entry.value)
}

pub(super) fn power(world: &World) -> f64 {
    world.bridge(GENCO).point("park.p").expect("a point").0.as_f64()
}

/// How many writes of any kind the station has seen.
pub(super) fn written(world: &World) -> usize {
    world.station_entries().iter().filter(|entry| matches!(entry.kind, EntryKind::Select | EntryKind::Execute)).count()
}

#[track_caller]
pub(super) fn assert_released(world: &World) {
    let all = limits(world);
    assert_eq!(all.last(), Some(&300.0), "{all:?}\n{}", world.told());
    assert_eq!(enabled(world), Some(0.0), "{}", world.told());
    let last = executes(world, "park.curtail").last().expect("written").t;
    assert!(executes(world, "park.curtail.enable").last().expect("written").t >= last, "off only when it has come up");
}

/// No step of a release is longer than the ramp allows: 120 MW/min in steps of 2 s.
#[track_caller]
pub(super) fn assert_ramped_up(world: &World, from: f64) {
    let all = limits(world);
    let start = all.iter().rposition(|value| *value <= from).expect("it was down there");
    let ups: Vec<f64> = all[start..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(ups.len() > 5 && ups.iter().all(|up| *up > 0.0 && *up <= 4.0 + 1e-6), "{all:?}");
}

#[test]
fn every_test_of_the_park_passes() {
    for (name, text) in [("plant", PARK), ("gateway", GATEWAY)] {
        let mut report = Report::default();
        let files = MemoryFiles(BTreeMap::from([("profile.toml".to_owned(), text.to_owned())]));
        let plan = compile(&files, "profile.toml", &[&Iec104], &mut report);
        let plan = plan.unwrap_or_else(|| panic!("{}", report.render_text()));
        for test in &plan.tests {
            if let TrialOutcome::Failed(lines) = run_trial(&plan, &[&Iec104], test) {
                panic!("{name}: {}\n  {}", test.name, lines.join("\n  "));
            }
        }
        assert_eq!(plan.tests.len(), if name == "plant" { 5 } else { 0 });
    }
}

#[test]
fn r06_a_cap_preempts_a_running_set_point_and_the_displaced_party_is_told_by_whom() {
    let mut world = park(601);
    order(&mut world, "park.p_set", 280.0);
    world.run_for(s(9));
    let before = executes(&world, "park.p_set");
    assert!(before.len() >= 3, "mid-ramp: {:?}", values(&before));
    let wish = payload(&Wish { mw: 120.0, period: Some(900), at_end: true, reason: "SECURITY" }, &world);
    let capped_at = world.now().utc.0;
    let by = knock(&mut world, &wish);
    world.run_for(s(40));
    // The set-point stopped, the limit fell, within a second.
    let after: Vec<Entry> = executes(&world, "park.p_set").split_off(before.len());
    assert!(after.len() <= 1 && after.iter().all(|entry| entry.t - capped_at < 200_000_000), "{after:?}\n{}", world.told());
    let first = executes(&world, "park.curtail").first().expect("written").clone();
    assert!(first.t - capped_at < 1_000_000_000, "{} ns after the cap\n{}", first.t - capped_at, world.told());
    let all = limits(&world);
    assert!(all[0] < power_before(&before) + 10.0 && all.iter().rev().is_sorted() && all.last() == Some(&120.0), "ramped down: {all:?}");
    assert_eq!(enabled(&world), Some(1.0));
    assert!(power(&world) < 123.0, "{}\n{}", power(&world), world.told());
    // The dispatch centre was told, its EMS sees it move.
    let displaced = world.bridge(SLDC).operations().into_values().next().expect("one");
    assert_eq!((displaced.status.as_str(), displaced.reason.as_deref()), ("SUPERSEDED", Some("SUPERSEDED")), "{}", world.told());
    assert_eq!(shown(&world, &status_point(&world, "park.p_set", StatusKind::State)), Some(10.0));
    assert_eq!(shown(&world, &status_point(&world, "park.p_set", StatusKind::Reason)), Some(33.0));
    assert!(
        world.story.iter().any(|(_, party, line)| *party == SLDC && line.contains("SUPERSEDED") && line.contains(&by)),
        "{}",
        world.told()
    );
    // And the party that capped has its own answers.
    let told = told(&world, &by);
    assert_eq!(
        (told.first(), told.get(1), told.last()),
        (Some(&"RECEIVED".to_owned()), Some(&"ACCEPTED".to_owned()), Some(&"COMPLETED".to_owned())),
        "{told:?}\n{}",
        world.told()
    );
    // Nothing resumes, and above the cap no set-point is taken.
    order(&mut world, "park.p_set", 130.0);
    world.run_for(s(20));
    let newest = world.bridge(SLDC).operations().into_values().max_by_key(|operation| operation.at_ns).expect("two");
    assert_eq!((newest.status.as_str(), newest.reason.as_deref()), ("REJECTED", Some("ABOVE_CAP")), "{}", world.told());
}

fn power_before(steps: &[Entry]) -> f64 {
    steps.last().and_then(|entry| entry.value).expect("steps")
}

/// A cap that nothing was written for is no cap: what did not leave in time comes again, as what was refused does.
#[test]
fn r01_a_cap_that_did_not_leave_in_time_comes_again() {
    let mut world = park(614);
    world.cut_station();
    let id = curtail(&mut world, &cap(120.0, 900, "OVERFREQUENCY"));
    world.run_for(Duration::from_millis(2600));
    assert_eq!(written(&world), 0, "nothing came there");
    world.heal_station();
    world.run_for(s(60));
    assert!(world.told().contains("the limit comes again"), "{}", world.told());
    assert_eq!(limits(&world).last(), Some(&120.0), "{}", world.told());
    assert_eq!(is(&world, &id), words("COMPLETED", ""), "{}", world.told());
}

#[test]
fn r06_of_two_caps_the_lowest_holds_each_for_its_own_period() {
    let mut world = park(602);
    let high = curtail(&mut world, &cap(150.0, 120, "OVERFREQUENCY"));
    world.run_for(s(5));
    let low = curtail(&mut world, &cap(120.0, 60, "OVERFREQUENCY"));
    world.run_for(s(40));
    assert_eq!(limits(&world).last(), Some(&120.0), "{}", world.told());
    assert!(history(&world, &high).contains(&"EXECUTING LOWER_CAP".to_owned()), "{:?}", history(&world, &high));
    assert_eq!(is(&world, &high), words("COMPLETED", "LOWER_CAP"), "it is kept, by the lower one\n{}", world.told());
    assert_eq!(is(&world, &low), words("COMPLETED", ""), "{}", world.told());
    // A higher one in between moves nothing.
    let before = written(&world);
    let useless = curtail(&mut world, &cap(200.0, 300, "OVERFREQUENCY"));
    world.run_for(s(5));
    assert_eq!((written(&world), is(&world, &useless)), (before, words("COMPLETED", "LOWER_CAP")), "{}", world.told());
    // Nor does its end; while it stands, what is older would let nothing up (R7).
    release(&mut world, &useless);
    world.run_for(s(2));
    assert_eq!((written(&world), is(&world, &useless)), (before, words("COMPLETED", "RELEASED")), "{}", world.told());
    // The end of the lower one gives back up to the higher one, ramped, and not beyond.
    world.run_for(s(40));
    assert_eq!(is(&world, &low), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_eq!((limits(&world).last(), enabled(&world)), (Some(&150.0), Some(1.0)), "{}", world.told());
    assert_ramped_up(&world, 120.0);
    // Then off.
    world.run_for(s(160));
    assert_eq!(is(&world, &high), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_released(&world);
}

#[test]
fn r06_a_set_point_below_a_cap_is_taken_and_an_earlier_one_above_it_does_not_count() {
    let mut world = park(603);
    let id = curtail(&mut world, &cap(120.0, 600, "OVERFREQUENCY"));
    world.run_for(s(40));
    assert_eq!(is(&world, &id), words("COMPLETED", ""), "{}", world.told());
    order(&mut world, "park.p_set", 100.0);
    world.run_for(s(60));
    let steps = values(&executes(&world, "park.p_set"));
    assert!(steps[0] <= 120.0 && steps.last() == Some(&100.0), "from the cap, not from 200 MW: {steps:?}\n{}", world.told());
}

#[test]
fn r07_the_end_that_its_issuer_signed_releases_it_ramped() {
    let mut world = park(701);
    let id = curtail(&mut world, &cap(120.0, 60, "OVERFREQUENCY"));
    world.run_for(s(58));
    assert_eq!((limits(&world).last(), enabled(&world)), (Some(&120.0), Some(1.0)), "{}", world.told());
    let ends = world.now().utc.0;
    world.run_for(s(150));
    assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_released(&world);
    assert_ramped_up(&world, 120.0);
    let up = executes(&world, "park.curtail").into_iter().find(|entry| entry.t > ends).expect("a step up");
    assert!(up.t - ends < 4_000_000_000, "{} ns", up.t - ends);
    assert!((power(&world) - 200.0).abs() < 3.0, "the plant's own set-point holds again");
    // A new one starts from the measured power: an old limit does not count while it is off.
    let again = curtail(&mut world, &cap(180.0, 600, "OVERFREQUENCY"));
    world.run_for(s(40));
    assert_eq!(is(&world, &again), words("COMPLETED", ""), "{}", world.told());
    assert_eq!((limits(&world).last(), enabled(&world)), (Some(&180.0), Some(1.0)));
}

#[test]
fn r07_a_manual_one_stays_until_its_issuer_releases_it() {
    let mut world = park(702);
    let id = curtail(&mut world, &Wish { mw: 120.0, period: Some(60), at_end: false, reason: "OVERFREQUENCY" });
    world.run_for(s(50));
    let before = written(&world);
    world.run_for(s(300));
    assert_eq!((written(&world), is(&world, &id)), (before, words("OVERDUE", "AWAITS_RELEASE")), "{}", world.told());
    // Another party cannot lift it.
    let stranger = knock(&mut world, &json!({ "releaseOf": id, "reason": { "code": "OVER" } }));
    world.run_for(s(5));
    let told: Vec<&Value> = world.guests.iter().filter(|told| told["payload"]["ackOf"] == stranger.as_str()).collect();
    assert_eq!(told.last().expect("answered")["payload"]["reason"]["code"], "NO_SUCH_CAP", "{}", world.told());
    assert_eq!(written(&world), before);
    let end = release(&mut world, &id[..13]);
    world.run_for(s(150));
    assert_eq!((is(&world, &end), is(&world, &id)), (words("COMPLETED", "RELEASED"), words("COMPLETED", "RELEASED")), "{}", world.told());
    assert_released(&world);
    assert_ramped_up(&world, 120.0);
    let twice = release(&mut world, &id);
    world.run_for(s(5));
    assert_eq!(is(&world, &twice), words("REJECTED", "NO_SUCH_CAP"), "{}", world.told());
}

#[test]
fn r07_congestion_and_security_wait_for_their_issuer_whatever_was_signed() {
    // Also by another name, and whatever is not declared to be released.
    let reasons = [(703, "CONGESTION"), (704, "SECURITY"), (719, "Grid_Security"), (720, "congestion_relief"), (721, "WEATHER")];
    for (seed, reason) in reasons {
        let mut world = ready(seed, Tune { thermal: with_more_reasons, ..tune() });
        let id = curtail(&mut world, &cap(120.0, 60, reason));
        world.run_for(s(55));
        let before = written(&world);
        world.run_for(s(200));
        assert_eq!((written(&world), is(&world, &id)), (before, words("OVERDUE", "AWAITS_RELEASE")), "{reason}\n{}", world.told());
        release(&mut world, &id);
        world.run_for(s(150));
        assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "{reason}\n{}", world.told());
        assert_released(&world);
    }
}

#[test]
fn r07_a_release_is_refused_while_a_newer_cap_is_in_force() {
    let mut world = park(705);
    let old = curtail(&mut world, &Wish { mw: 120.0, period: None, at_end: false, reason: "CONGESTION" });
    world.run_for(s(30));
    let wish = payload(&cap(150.0, 600, "OVERFREQUENCY"), &world);
    let newer = knock(&mut world, &wish);
    world.run_for(s(10));
    let before = written(&world);
    let refused = release(&mut world, &old);
    world.run_for(s(60));
    assert_eq!((written(&world), is(&world, &refused)), (before, words("REJECTED", "NEWER_CAP")), "{}", world.told());
    // The newer one ends first.
    knock(&mut world, &json!({ "releaseOf": newer, "reason": { "code": "OVER" } }));
    world.run_for(s(10));
    assert_eq!(written(&world), before, "a higher one that ends moves nothing");
    release(&mut world, &old);
    world.run_for(s(150));
    assert_eq!(is(&world, &old), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_released(&world);
}

#[test]
fn r07_a_cap_that_comes_during_a_release_ends_it() {
    let mut world = park(706);
    let id = curtail(&mut world, &cap(120.0, 40, "OVERFREQUENCY"));
    world.run_for(s(50));
    let risen = *limits(&world).last().expect("rising");
    assert!(risen > 120.0 && risen < 200.0, "mid-release: {risen}");
    let wish = payload(&cap(100.0, 600, "SECURITY"), &world);
    knock(&mut world, &wish);
    world.run_for(s(40));
    assert_eq!((limits(&world).last(), enabled(&world)), (Some(&100.0), Some(1.0)), "{}", world.told());
    let all = limits(&world);
    let turn = all.iter().rposition(|value| *value >= risen).expect("it stood there");
    assert!(all[turn..].iter().rev().is_sorted(), "down at once, and not up again: {all:?}");
    assert_eq!(is(&world, &id), words("SUPERSEDED", "SUPERSEDED"), "{}", world.told());
}

#[test]
fn r07_the_loss_of_the_wide_area_link_at_the_end_moves_nothing() {
    let mut world = park(707);
    let id = curtail(&mut world, &cap(120.0, 60, "OVERFREQUENCY"));
    world.run_for(s(45));
    let before = written(&world);
    world.cut_wan();
    world.run_for(s(120));
    assert_eq!((written(&world), enabled(&world)), (before, Some(1.0)), "{}", world.told());
    world.heal_wan();
    world.run_for(s(120));
    assert_eq!((written(&world), is(&world, &id)), (before, words("OVERDUE", "ISSUER_LOST")), "not by itself either\n{}", world.told());
    release(&mut world, &id);
    world.run_for(s(150));
    assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_released(&world);
}

#[test]
fn r07_the_loss_of_a_link_during_a_release_holds_it_where_it_is() {
    for (seed, station) in [(708, false), (709, true)] {
        let mut world = park(seed);
        let id = curtail(&mut world, &cap(120.0, 40, "OVERFREQUENCY"));
        world.run_for(s(50));
        if station {
            world.cut_station()
        } else {
            world.cut_wan()
        }
        world.run_for(s(30));
        let held = *limits(&world).last().expect("rising");
        assert!(held > 120.0 && held < 200.0, "{held}\n{}", world.told());
        if station {
            world.heal_station()
        } else {
            world.heal_wan()
        }
        world.run_for(s(120));
        assert_eq!(limits(&world).last(), Some(&held), "nothing resumes by itself\n{}", world.told());
        assert_eq!((issued(&world, &id).status.as_str(), enabled(&world)), ("OVERDUE", Some(1.0)), "{}", world.told());
        release(&mut world, &id);
        world.run_for(s(150));
        assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "{}", world.told());
        assert_released(&world);
    }
}

#[test]
fn r07_local_control_at_the_end_is_left_alone() {
    let mut world = park(710);
    let id = curtail(&mut world, &cap(120.0, 60, "OVERFREQUENCY"));
    world.run_for(s(45));
    let now = world.now();
    world.station.handle_plant(now, |plant, now| plant.handle_remote_switch(0, false, now));
    let before = written(&world);
    world.run_for(s(60));
    assert_eq!((written(&world), is(&world, &id)), (before, words("OVERDUE", "LOCAL_CONTROL")), "{}", world.told());
}

#[test]
fn r07_a_restart_holds_what_lapsed_meanwhile_and_asks() {
    let mut world = park(711);
    let id = curtail(&mut world, &cap(120.0, 60, "OVERFREQUENCY"));
    world.run_for(s(40));
    assert_eq!(is(&world, &id), words("COMPLETED", ""), "{}", world.told());
    let before = written(&world);
    world.crash(GENCO);
    world.run_for(s(60));
    world.start(GENCO);
    world.run_for(s(120));
    assert_eq!((written(&world), is(&world, &id)), (before, words("OVERDUE", "RESTART")), "{}", world.told());
    // It still bounds what is asked.
    order(&mut world, "park.p_set", 130.0);
    world.run_for(s(5));
    let newest = world.bridge(SLDC).operations().into_values().max_by_key(|operation| operation.at_ns).expect("two");
    assert_eq!(newest.reason.as_deref(), Some("ABOVE_CAP"), "{}", world.told());
    release(&mut world, &id);
    world.run_for(s(150));
    assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_released(&world);
}

#[test]
fn r07_a_restart_before_the_end_changes_nothing_of_the_end() {
    let mut world = park(712);
    let id = curtail(&mut world, &cap(120.0, 90, "OVERFREQUENCY"));
    world.run_for(s(40));
    let before = limits(&world).len();
    world.crash(GENCO);
    world.run_for(s(5));
    world.start(GENCO);
    world.run_for(s(35));
    assert_eq!(limits(&world).len(), before, "nothing moves\n{}", world.told());
    world.run_for(s(150));
    assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_released(&world);
}

#[test]
fn r07_a_restart_on_the_way_down_holds_and_the_cap_stands() {
    let mut world = park(713);
    let id = curtail(&mut world, &cap(50.0, 600, "OVERFREQUENCY"));
    world.run_for(s(9));
    let held = *limits(&world).last().expect("falling");
    assert!(held > 50.0 && held < 200.0, "{held}");
    world.crash(GENCO);
    world.run_for(s(5));
    world.start(GENCO);
    world.run_for(s(120));
    assert_eq!(limits(&world).last(), Some(&held), "{}", world.told());
    let (status, reason) = is(&world, &id);
    assert!(status == "PARTIAL" || status == "INDETERMINATE", "{status} {reason:?}\n{}", world.told());
    // Only a new signed operation goes on, from where the limit stands.
    let again = curtail(&mut world, &cap(40.0, 600, "OVERFREQUENCY"));
    world.run_for(s(60));
    assert_eq!(is(&world, &again), words("COMPLETED", ""), "{}", world.told());
    let all = limits(&world);
    assert!(all.iter().rev().is_sorted() && all.last() == Some(&40.0), "{all:?}");
}

#[test]
fn r08_people_carry_a_cap_out_and_it_bounds_set_points_until_its_end() {
    let mut world = ready(714, Tune { thermal: by_hand, ..tune() });
    let id = curtail(&mut world, &cap(120.0, 120, "OVERFREQUENCY"));
    world.run_for(s(2));
    assert_eq!(is(&world, &id), words("RECEIVED", ""), "{}", world.told());
    let inbox = world.ask(GENCO, LocalWish::Inbox);
    let item = &inbox["instructions"][0];
    assert_eq!((&item["verb"], &item["value"], &item["unit"]), (&json!("curtail"), &json!(120.0), &json!("MW")), "{inbox}");
    let answer = LocalWish::Answer { id: id.clone(), operator: "asha".to_owned(), answer: bridge_engine::OperatorAnswer::Accept };
    assert_eq!(world.ask(GENCO, answer)["status"], "ACCEPTED");
    order(&mut world, "park.p_set", 130.0);
    world.run_for(s(5));
    let newest = world.bridge(SLDC).operations().into_values().max_by_key(|operation| operation.at_ns).expect("two");
    assert_eq!(newest.reason.as_deref(), Some("ABOVE_CAP"), "{}", world.told());
    let now = world.now();
    world.station.handle_plant(now, |plant, now| plant.handle_local_setpoint(0, 110.0, now));
    let answer =
        LocalWish::Answer { id: id.clone(), operator: "asha".to_owned(), answer: bridge_engine::OperatorAnswer::Done { text: None } };
    assert_eq!(world.ask(GENCO, answer)["status"], "EXECUTING");
    world.run_for(s(30));
    assert_eq!(is(&world, &id), words("COMPLETED", ""), "at most so much is shown\n{}", world.told());
    world.run_for(s(120));
    assert_eq!(is(&world, &id), words("COMPLETED", "RELEASED"), "{}", world.told());
    assert_eq!(limits(&world), Vec::<f64>::new(), "nothing is written");
}

/// A station that is not through with the transaction that was pre-empted refuses the next one: the limit comes again, and is never told to be busy.
#[test]
fn r01_a_cap_that_the_station_refuses_at_first_comes_again() {
    let mut seen = 0;
    for after in [20, 40, 60, 90, 120, 160, 200] {
        let mut world = park(615 + after);
        curtail(&mut world, &cap(150.0, 600, "OVERFREQUENCY"));
        world.run_for(s(2) + Duration::from_millis(after));
        let wish = payload(&cap(100.0, 600, "SECURITY"), &world);
        let at = world.now().utc.0;
        let by = knock(&mut world, &wish);
        world.run_for(s(40));
        let first = executes(&world, "park.curtail").into_iter().find(|entry| entry.t > at).expect("written");
        assert!(first.t - at < 1_000_000_000, "{} ns, {after} ms\n{}", first.t - at, world.told());
        assert_eq!(limits(&world).last(), Some(&100.0), "{after} ms\n{}", world.told());
        let last = world.guests.iter().rfind(|told| told["payload"]["ackOf"] == by.as_str()).expect("answered");
        assert_eq!(last["payload"]["status"], "COMPLETED", "{after} ms\n{}", world.told());
        seen += usize::from(world.story.iter().any(|(_, _, line)| line.contains("the limit comes again")));
    }
    assert!(seen > 0, "the test must see a refusal");
}

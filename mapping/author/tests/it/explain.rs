//! `explain` follows a signal through the compiled profile itself.

use crate::kit::{PROTOCOLS, Profile, shipped};
use bridge_author::{Explained, Explainer};

fn ask(profile: &Profile, asked: &str, value: Option<f64>) -> Vec<Explained> {
    let explainer = Explainer::new(&profile.plan, PROTOCOLS, &profile.expansion, &profile.report);
    explainer.explain(asked, value).unwrap_or_else(|problem| panic!("{problem}"))
}

#[track_caller]
fn says(profile: &Profile, asked: &str, value: Option<f64>, parts: &[&str]) {
    let text: String = ask(profile, asked, value).iter().map(Explained::to_text).collect();
    for part in parts {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_point_from_the_wire_to_the_message_with_a_worked_number() {
    let station = shipped("thermal-station-104");
    says(
        &station,
        "U1.p",
        None,
        &[
            "point U1.p",
            "(template unit, u=U1, base=1000)",
            "link rtu (iec104, client): ioa = 1001, ti = \"M_ME_TF_1\"",
            "`generation` is positive on the wire: kept",
            "EX_BUS (R17)",
            "-15 MW to 275 MW; outside: QUESTIONABLE, OUT_OF_RANGE",
            "changes up to 0.5 MW are withheld",
            "HH: above 262 MW for 2s, CRITICAL THERMAL, back by 2 MW; clears at 260 MW",
            "not refreshed for 90s: QUESTIONABLE",
            "Analog of type ThreePhaseActivePower",
            "era:in/wr/tps-a/u1 (U1, ThermalGeneratingUnit, mRID 6c1f0c52-0000-4000-8000-000000000011)",
            "wire 203 → 203 MW, GOOD",
            "control U1.p_set: what must follow (followed)",
        ],
    );
    says(&station, "U1.p", Some(263.0), &["wire 263 → 263 MW, GOOD", "alarm HH CRITICAL after 2s", "alarm H WARNING after 5s"]);
    says(&station, "U1.p", Some(300.0), &["300 MW, QUESTIONABLE, OUT_OF_RANGE"]);
    says(&station, "U1.state", Some(2.0), &["wire 2 → 2 (synchronised), GOOD", "a condition (U1.state == synchronised)", "what proves it"]);
    says(&station, "U1.cb", Some(0.0), &["withheld", "after 500ms: wire 0 → 0 (intermediate), INVALID, INCONSISTENT"]);
}

#[test]
fn scale_unit_and_sign_are_steps_of_their_own() {
    let park = shipped("solar-park-dnp3");
    says(&park, "plant.p", Some(24_360.0), &["wire × 0.01 = value in MW", "wire 24360 → 243.6 MW, GOOD"]);
    says(&park, "BLK1.p", Some(31_250.0), &["none: the wire carries kW", "kW → MW: × 0.001", "wire 31250 → 31.25 MW, GOOD", "GROSS"]);
}

#[test]
fn a_control_from_the_verb_to_the_octets() {
    let station = shipped("thermal-station-104");
    says(
        &station,
        "U1.p_set",
        Some(210.0),
        &[
            "dispatch of era:in/wr/tps-a/u1",
            "active_power = 210 MW, EX_BUS",
            "only SLDC, RLDC",
            "refused if older than 30s",
            "refused outside 137.5 MW to 250 MW, never clamped",
            "U1.state == synchronised, GOOD and fresh",
            "U1.remote_enable is 1, GOOD and fresh",
            "by the bridge: 2.5 MW/min up, 2.5 MW/min down; a set-point every 5s, 0.208333 MW apart",
            "the bridge selects, awaits the confirmation, executes",
            "210 MW → wire 210",
            "C_SE_NC_1",
            "68 ",
            "taken: U1.p_echo (MW) within 0.1 MW of the target in 5s",
            "followed: U1.p (MW) within 3 MW of the target, 1min after the ramp",
            "stays at the last confirmed set-point",
        ],
    );
    says(&station, "U1.p_set", Some(251.0), &["251 MW lies outside the envelope: REJECTED, nothing is sent"]);
    says(&station, "U1.start", None, &["nothing is ever written", "U1.state == synchronised within 2min"]);
    let park = shipped("solar-park-dnp3");
    says(&park, "plant.curtail", Some(120.0), &["limit = 120 MW", "CONGESTION = 1", "at most 3 MW above", "plant.curtail.enable"]);
}

#[test]
fn the_same_by_address_by_resource_and_by_link() {
    let station = shipped("thermal-station-104");
    let ids = |profile: &Profile, asked: &str| -> Vec<String> { ask(profile, asked, None).into_iter().map(|one| one.id).collect() };
    assert_eq!(ids(&station, "1001"), ["U1.p"]);
    assert_eq!(ids(&station, "rtu ioa=1101"), ["U1.p_set"]);
    assert_eq!(ids(&station, "era:in/wr/tps-a/u2"), ["U2"]);
    assert_eq!(ids(&station, "rtu"), ["rtu"]);
    says(&station, "U2", None, &["U2.p: ThreePhaseActivePower in MW; stream, report, alarm", "U2.p_set: dispatch"]);
    // What is a served point of the gateway is a remote point too: both are meant.
    let gateway = shipped("ems-gateway-104");
    assert_eq!(ask(&gateway, "U1.p", None).iter().map(|one| one.kind).collect::<Vec<_>>(), ["point", "served point"]);
    // An event class is no address: 3 finds what stands at index 3, not all of class 3.
    let dnp3 = shipped("ems-gateway-dnp3");
    assert_eq!(ids(&dnp3, "3"), ["plant.kv", "plant.remote_enable"]);
    assert_eq!(ids(&dnp3, "type=analog index=10"), ["BLK1.p"]);
    let explainer = Explainer::new(&station.plan, PROTOCOLS, &station.expansion, &station.report);
    assert!(explainer.explain("U1.P_sett", None).is_err_and(|problem| problem.contains("did you mean `U1.p_set`?")));
    assert!(explainer.explain("4711", None).is_err_and(|problem| problem.contains("nothing of this profile stands at")));
}

#[test]
fn everything_that_ships_can_be_explained() {
    for (name, profile) in crate::kit::all() {
        let plan = &profile.plan;
        let points = plan.points.iter().map(|point| &point.id);
        let ids = points.chain(plan.controls.iter().map(|control| &control.id)).chain(plan.served.iter().map(|served| &served.id));
        for id in ids {
            for one in ask(&profile, id, None) {
                assert!(one.lines.len() >= 3, "{name}: {}", one.to_text());
                assert!(!one.to_text().contains("NaN") && !one.to_text().contains("not at all"), "{name}: {}", one.to_text());
            }
        }
    }
}

//! The tests that stand in the shipped profiles, on a whole bridge; and that a changed expectation fails in words.

use std::collections::BTreeMap;

use bridge_diag::Report;
use bridge_dnp3::Dnp3;
use bridge_engine::{TrialOutcome, run_trial};
use bridge_iec60870::Iec104;
use bridge_profile::{MemoryFiles, Plan, compile};
use bridge_session::{LinkPoint, Protocol};

use crate::support::{repository, reversed};

const PROTOCOLS: &[&dyn Protocol] = &[&Iec104, &Dnp3];

fn shipped(name: &str, edit: impl Fn(String) -> String) -> Plan {
    let path = repository().join("cim-profiles").join(name).join("profile.toml");
    let text = edit(std::fs::read_to_string(&path).expect("a shipped profile"));
    let mut report = Report::default();
    let files = MemoryFiles(BTreeMap::from([("profile.toml".to_owned(), text)]));
    let plan = compile(&files, "profile.toml", PROTOCOLS, &mut report);
    plan.unwrap_or_else(|| panic!("{}", report.render_text()))
}

fn failures(plan: &Plan) -> Vec<String> {
    let outcome = |test| match run_trial(plan, PROTOCOLS, test) {
        TrialOutcome::Passed => None,
        TrialOutcome::Failed(lines) => Some(format!("{}\n  {}", test.name, lines.join("\n  "))),
    };
    plan.tests.iter().filter_map(outcome).collect()
}

#[test]
fn every_test_of_the_thermal_station_passes() {
    let plan = shipped("thermal-station-104", |text| text);
    assert!(plan.tests.len() >= 13, "{}", plan.tests.len());
    let failed = failures(&plan);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_test_of_the_solar_park_passes() {
    let plan = shipped("solar-park-dnp3", |text| text);
    assert!(plan.tests.len() >= 12, "{}", plan.tests.len());
    let failed = failures(&plan);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The same station as the client of a link of both directions: what is read and commanded in the reversed direction is tested alike.
#[test]
fn a1_r64_every_test_of_the_thermal_station_passes_in_the_reversed_direction() {
    let plan = shipped("thermal-station-104", reversed);
    assert!(plan.tests.len() >= 13 && plan.links[0].spec.points.iter().all(LinkPoint::is_reversed), "{}", plan.tests.len());
    let failed = failures(&plan);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_test_of_the_ems_gateway_passes() {
    let plan = shipped("ems-gateway-104", |text| text);
    assert!(plan.tests.len() >= 4, "{}", plan.tests.len());
    let failed = failures(&plan);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_test_of_the_parks_ems_gateway_passes() {
    let plan = shipped("ems-gateway-dnp3", |text| text);
    assert!(plan.tests.len() >= 5, "{}", plan.tests.len());
    let failed = failures(&plan);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Each edit of the shipped text breaks one expectation, and the failure names what was expected and what was there.
#[test]
fn a_changed_expectation_fails_and_says_what_was_there() {
    let cases = [
        (
            "thermal-station-104",
            "last_value = 210.0, within = \"245s\"",
            "last_value = 209.0, within = \"245s\"",
            "last_value: expected 209, actual 210",
        ),
        (
            "thermal-station-104",
            "last_value = 210.0, within = \"245s\"",
            "last_value = 210.0, within = \"200s\"",
            "within: expected 200s, actual 235",
        ),
        ("thermal-station-104", "first_value = 200.2083", "first_value = 202.5", "first_value: expected 202.5, actual 200.20833"),
        ("thermal-station-104", "reason = \"ABOVE_MAX\"", "reason = \"BELOW_MIN\"", "reason: expected BELOW_MIN, actual ABOVE_MAX"),
        ("thermal-station-104", "limit = \"H\", at = \"30s\"", "limit = \"H\", at = \"20s\"", "at: expected 20s, actual 30s"),
        ("thermal-station-104", "\"U1.remote\" = 0", "\"U1.remote\" = 1", "never     wire"),
        ("ems-gateway-104", "ioa = 10001, value = 243.6", "ioa = 10001, value = 24.36", "value: expected 24.36, actual 243.6"),
        (
            "ems-gateway-104",
            "ioa = 1, value = 0, within = \"12s\"",
            "ioa = 1, value = 0, within = \"9s\"",
            "within: expected 9s, actual 10s",
        ),
        (
            "ems-gateway-104",
            "value = \"243.6 MW\", basis = \"EX_BUS\"",
            "value = \"243.6 kW\", basis = \"EX_BUS\"",
            "value: expected 243.6 kW, actual 243.6",
        ),
    ];
    for (profile, from, to, says) in cases {
        let plan = shipped(profile, |text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let failed = failures(&plan).join("\n");
        assert!(failed.contains(says), "{from} → {to}: {says} is not in\n{failed}");
    }
}

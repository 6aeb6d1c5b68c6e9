//! What an engineer does with a profile, by the real binary on the shipped ones.

use super::kit::run;
use crate::support::{repository, scratch};

const SHIPPED: [&str; 4] = ["thermal-station-104", "ems-gateway-104", "solar-park-dnp3", "ems-gateway-dnp3"];

/// A folder with a copy of a shipped profile, its text exchanged.
fn copy(test: &str, name: &str, exchange: (&str, &str)) -> std::path::PathBuf {
    let dir = scratch(test);
    let text = std::fs::read_to_string(repository().join("cim-profiles").join(name).join("profile.toml")).expect("it is there");
    assert!(text.contains(exchange.0), "{} is not in {name}", exchange.0);
    std::fs::write(dir.join("profile.toml"), text.replace(exchange.0, exchange.1)).expect("writable");
    dir
}

#[test]
fn every_tool_works_on_every_shipped_profile() {
    let dir = scratch("every_tool_works");
    for name in SHIPPED {
        let profile = repository().join("cim-profiles").join(name).display().to_string();
        let flat = run(&dir, &["profile", "expand", &profile]).good().out;
        std::fs::write(dir.join("profile.toml"), &flat).expect("writable");
        let json = run(&dir, &["profile", "diff", &profile, ".", "--json"]).good().json();
        assert_eq!((json["needed"].as_str(), json["fits"].as_bool()), (Some("none"), Some(true)), "{name}: flat says the same");
        assert!(run(&dir, &["profile", "expand", &profile, "--format", "csv"]).good().out.starts_with("kind,origin,id,"));
        let whole = run(&dir, &["profile", "coverage", &profile, "--json"]).good().json();
        assert!(whole["points"]["all"].as_u64().is_some_and(|points| points > 40), "{whole}");
        for what in ["point-list", "check-sheet", "csv"] {
            let file = format!("{what}.out");
            run(&dir, &["profile", "export", what, &profile, "--out", &file]).good();
            assert!(std::fs::metadata(dir.join(file)).expect("it was written").len() > 2, "{name}: {what}");
        }
        run(&dir, &["profile", "fmt", "."]).good();
        run(&dir, &["profile", "fmt", ".", "--check"]).good();
        let json = run(&dir, &["profile", "diff", &profile, ".", "--json"]).good().json();
        assert_eq!(json["needed"], "none", "{name}: one form says the same");
    }
    assert_eq!(run(&dir, &["profile", "schema"]).good().json()["title"], "ies-cim-profile/1");
}

#[test]
fn a_signal_is_explained_and_a_mistyped_one_guessed() {
    let dir = repository();
    let station = "cim-profiles/thermal-station-104";
    let text = run(&dir, &["profile", "explain", station, "U1.p_set", "--value", "210"]).good().out;
    for part in ["control U1.p_set", "profile.toml:", "refused outside 137.5 MW to 250 MW", "C_SE_NC_1", "followed: U1.p (MW)"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json = run(&dir, &["profile", "explain", station, "2001", "--json"]).good().json();
    assert_eq!((json[0]["kind"].as_str(), json[0]["id"].as_str()), (Some("point"), Some("U2.p")));
    let wrong = run(&dir, &["profile", "explain", station, "U1.p_sett"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("fix:   did you mean `U1.p_set`?"), "{}", wrong.err);
}

#[test]
fn an_envelope_widened_without_a_new_version_does_not_fit() {
    let dir = copy("envelope_widened", "thermal-station-104", ("max = \"250 MW\"", "max = \"255 MW\""));
    let old = repository().join("cim-profiles/thermal-station-104").display().to_string();
    let ran = run(&dir, &["profile", "diff", &old, "."]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.out.contains("max: 250 MW → 255 MW (major)"), "{}", ran.out);
    assert!(ran.out.contains("major needed; the version stayed 1.0.0: it does not fit"), "{}", ran.out);
    assert_eq!(run(&dir, &["profile", "diff", &old, "nowhere"]).code, 5);
    let covered = run(&dir, &["profile", "coverage", ".", "--strict"]);
    assert_eq!(covered.code, 1, "{}", covered.out);
    std::fs::write(dir.join("device.csv"), "ioa,ignore\n1001,\n7777,\n7778,spare\n").expect("writable");
    let device = run(&dir, &["profile", "coverage", ".", "--device", "device.csv"]).good().out;
    assert!(device.contains("device: 1 bound, 1 ignored on purpose, 1 unknown"), "{device}");
}

#[test]
fn problems_are_sarif_and_tests_are_junit() {
    let dir = copy("sarif_and_junit", "solar-park-dnp3", ("sign = \"generation\"", "sgin = \"generation\""));
    let bad = run(&dir, &["profile", "lint", ".", "--format", "sarif"]);
    assert_eq!(bad.code, 1);
    let log = bad.json();
    assert_eq!(log["version"], "2.1.0");
    let first = &log["runs"][0]["results"][0];
    assert!(first["locations"][0]["physicalLocation"]["region"]["endColumn"].is_u64(), "{first:#}");
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    assert!(rules.iter().all(|rule| rule["fullDescription"]["text"].is_string()), "{rules:?}");
    let failing = copy("junit_fails", "solar-park-dnp3", ("value = 31.25, unit", "value = 32.25, unit"));
    let ran = run(&failing, &["profile", "test", ".", "--junit", "tests.xml"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let xml = std::fs::read_to_string(failing.join("tests.xml")).expect("it was written");
    assert!(xml.contains("<testsuites tests=\"14\" failures=\"1\" errors=\"0\" skipped=\"0\">"), "{xml}");
    for part in ["<failure message=\"expected  stream basis=GROSS", "value: expected 32.25, actual 31.25\n"] {
        assert!(xml.contains(part), "{part} is not in\n{xml}");
    }
}

//! Bad configuration never starts; every problem has its file, line, code and fix.

use std::path::Path;

use super::kit::{Site, run};
use crate::support::repository;

fn fixture(path: &str) -> Option<String> {
    std::fs::read_to_string(repository().join("tests/fixtures/config").join(path)).ok()
}

fn good(site: &Site) {
    for file in ["bridge.toml", "site.toml"] {
        site.write("plant", file, &fixture(&format!("good/{file}")).expect("the good configuration"));
    }
}

/// One line per problem: place, code, message, fix; what differs from machine to machine is taken out.
fn problems(site: &Site) -> String {
    let ran = run(&site.dir.join("plant"), &["check", "--format", "json"]);
    let report = ran.json();
    let mut lines = String::new();
    for d in report["diagnostics"].as_array().expect("diagnostics") {
        let place = match d["file"].as_str() {
            Some(file) => format!("{file}:{}:{}", d["line"], d["column"]),
            None => "-".to_owned(),
        };
        let fix = d["help"].as_str().unwrap_or("NO FIX");
        lines.push_str(&format!(
            "{place} {} {}\n    fix: {fix}\n",
            d["code"].as_str().unwrap_or_default(),
            d["message"].as_str().unwrap_or_default()
        ));
    }
    for hash in ["thermal-station-104", "ems-gateway-104"].map(super::kit::profile_hash) {
        lines = lines.replace(&hash, "{{HASH}}");
    }
    lines
}

#[test]
fn a_good_configuration_would_start() {
    let site = Site::new("a_good_configuration_would_start");
    good(&site);
    let ran = site.run(&["check", "plant"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    for part in [
        "It would start.",
        "link rtu: iec104 connects to 127.0.0.1:2404, controls flow (simulated peer, R14)",
        "housekeeping (R22): STARTDT",
    ] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
    assert!(!site.dir.join("plant/data").exists(), "check leaves nothing behind");
}

#[test]
fn r08_a_plant_where_nobody_may_answer_is_warned_of_and_starts() {
    let site = Site::new("nobody_may_answer");
    good(&site);
    let bridge = fixture("good/bridge.toml").expect("the good configuration");
    site.write("plant", "bridge.toml", bridge.split("[[operator]]").next().expect("a head"));
    let ran = site.run(&["check", "plant"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    for part in ["warning[config::operator-missing]", "waits for a person and nobody here may answer", "add a [[operator]]"] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
}

#[test]
fn a_configured_link_states_what_it_can_interoperate_with() {
    let site = Site::new("a_configured_link_states");
    good(&site);
    let text = site.run(&["interop", "iec104", "--config", "plant", "--link", "rtu"]).good().out;
    for part in
        ["statement of link rtu", "| We connect to | 127.0.0.1:2404 |", "| Controls flow | yes |", "| t1 | ", "| 36 | M_ME_TF_1 | 12 | X |"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let all = site.run(&["interop", "iec104", "--json"]).good().json();
    assert_eq!(all["sections"][0]["clause"], "9.1");
    let wrong = site.run(&["interop", "iec104", "--config", "plant", "--link", "nowhere"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("there is no iec104 link nowhere") && wrong.err.contains("rtu"), "{}", wrong.err);
}

/// Every folder of `fixtures/config/bad` is the good configuration with one file changed; `expected.txt` is what `check` finds.
#[test]
fn r14_bad_configurations_never_start_and_name_every_problem() {
    let site = Site::new("bad_configurations");
    let bad = repository().join("tests/fixtures/config/bad");
    let mut names: Vec<String> = std::fs::read_dir(&bad)
        .expect("fixtures")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 35, "{} fixtures", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        good(&site);
        for file in ["bridge.toml", "site.toml"] {
            if let Some(text) = fixture(&format!("bad/{name}/{file}")) {
                site.write("plant", file, &text);
            }
        }
        let found = problems(&site);
        let path = bad.join(name).join("expected.txt");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &found).expect("writable");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if found != expected || found.is_empty() || found.contains("NO FIX") {
            wrong.push(format!("{name}: expected\n{expected}found\n{found}"));
        }
        wrong.extend(started(&site, name));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with how `run` and `check` refuse it.
fn started(site: &Site, name: &str) -> Option<String> {
    let (checked, ran) = (site.run(&["check", "plant"]), site.run(&["run", "plant"]));
    let refused = checked.code == 1 && ran.code == 1 && ran.out.is_empty() && ran.err.contains("nothing was started");
    let untouched = !Path::new(&site.dir.join("plant/data")).exists();
    (!refused || !untouched).then(|| format!("{name}: check {}, run {} {:?} {}", checked.code, ran.code, ran.out, ran.err))
}

#[test]
fn a_problem_is_shown_with_its_line_code_and_fix() {
    let site = Site::new("a_problem_is_shown");
    good(&site);
    site.write("plant", "site.toml", &fixture("bad/r14-real-peer/site.toml").expect("fixture"));
    let ran = site.run(&["check", "plant"]);
    for part in [
        "error[config::control-link]",
        "--> plant/site.toml:6:8",
        "peer = \"real\"",
        "help: this version commands simulators only (R14)",
        "1 error",
    ] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
}

#[test]
fn keys_that_others_can_read_are_refused_by_name() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new("keys_that_others_can_read");
    good(&site);
    let key = site.dir.join("plant/keys/log.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let found = problems(&site);
    assert!(found.contains("config::keys log.key of keys has mode 0644: others can read it\n    fix: chmod 0600 log.key"), "{found}");
}

#[test]
fn r26_an_older_trust_bundle_is_a_roll_back() {
    let site = Site::new("r26_roll_back");
    good(&site);
    std::fs::create_dir_all(site.dir.join("plant/data")).expect("writable");
    std::fs::write(site.dir.join("plant/data/trust-version"), "2\n").expect("writable");
    let found = problems(&site);
    assert!(found.contains("config::trust-bundle ../trust.json is not accepted: trust bundle: version 1 is older than 2"), "{found}");
}

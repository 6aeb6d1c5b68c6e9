//! The demonstration, as a newcomer runs it: told to its end, and failing for its own reason when something is wrong on purpose.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::kit::{Ran, run};
use crate::support::scratch;

/// Everything stays in `demo` below the folder, which must leave room for the name of a Unix socket.
fn demo(test: &str, more: &[&str]) -> (PathBuf, Ran, Value) {
    let dir = scratch(test);
    let args = [&["demo", "--seconds", "60", "--seed", "7", "--report", "report.json", "--dir", "demo"], more].concat();
    let ran = run(&dir, &args);
    let report = std::fs::read_to_string(dir.join("report.json")).unwrap_or_else(|error| panic!("{error}\n{}\n{}", ran.out, ran.err));
    let report = serde_json::from_str(&report).expect("the report is JSON");
    (dir, ran, report)
}

fn fields(report: &Value) -> Vec<&str> {
    report.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn the_demonstration_goes_as_told() {
    let (dir, ran, report) = demo("demo", &[]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let mut names = fields(&report);
    names.sort_unstable();
    let expected = [
        "double",
        "events_delivered",
        "events_sealed",
        "failures",
        "late",
        "links_up",
        "lost",
        "operations",
        "seconds",
        "seed",
        "updates_in",
        "verified",
        "wrong",
    ];
    assert_eq!(names, expected);
    let operations = json!({ "completed": 4, "refused": 3, "expired": 1, "not_operated": 0, "indeterminate": 0 });
    assert_eq!(report["operations"], operations);
    for (name, value) in [("links_up", 5), ("lost", 0), ("double", 0), ("late", 0), ("wrong", 0), ("events_delivered", 14), ("seed", 7)] {
        assert_eq!(report[name], value, "{name} in {report:#}");
    }
    assert_eq!((&report["verified"], &report["failures"]), (&json!(true), &json!([])));
    assert!(report["updates_in"].as_u64() > Some(100) && report["events_sealed"].as_u64() > Some(100), "{report:#}");
    for part in [
        "EMS           orders U1 to 210 MW",
        "ACT CON: the order is accepted",
        "ACT TERM: the plant took the first step",
        "U1 to 210 MW: FOLLOWED",
        "4 s after the cut no EMS shows a value as topical",
        "all 10 changes of the dark time arrived at the EMS once, in order",
        "bridge restarted: U1 is in HOLD",
        "260 MW is above 250 MW",
        "park's EMS    status 0: the order is accepted",
        "the EMS's set-point ramps the park: status 0, one select",
        "the set-point is superseded, and the acknowledgement names the curtailment",
        "the park's EMS sees SUPERSEDED on the status points of its set-point",
        "the limit's switch is latched",
        "below its limit, and its EMS sees it",
        "above the limit the park's EMS is refused, by a status that is not 0",
        "the park still works to its limit, and nothing was written to it since",
        "the park says by itself that its limit is in force, and its EMS sees it",
        "the curtailment is lifted: 10 steps up to 300 MW, then its switch is off",
        "the park says by itself that its limit is off, and its EMS sees it",
        "EVERYTHING AS TOLD: 24 checks held",
    ] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
    secrets_are_private(&dir.join("demo"));
}

/// Keys of bridges, of officers and of certificates are for their owner only.
fn secrets_are_private(dir: &Path) {
    let mut keys = 0;
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable").flatten() {
            let (path, meta) = (entry.path(), entry.metadata().expect("readable"));
            if meta.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "key") {
                keys += 1;
                assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{}", path.display());
            }
        }
    }
    assert_eq!(keys, 10, "two bridges with three keys and a certificate's each, two officers");
}

#[test]
fn a_flipped_bit_fails_the_demonstration_as_tampered() {
    let (_, ran, report) = demo("demo_flip", &["--sabotage", "flip-byte"]);
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    assert_eq!(report["failures"], json!(["tampered"]), "{}", ran.out);
    assert_eq!(report["verified"], false);
    assert!(ran.out.contains("journal of the genco bridge: TAMPERED"), "{}", ran.out);
}

#[test]
fn a_park_that_executes_twice_fails_the_demonstration_as_double() {
    let (_, ran, report) = demo("demo_twice", &["--sabotage", "park-twice"]);
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    assert_eq!(report["failures"], json!(["double"]), "{}", ran.out);
    assert!(report["double"].as_u64() > Some(0) && report["verified"] == true, "{report:#}");
}

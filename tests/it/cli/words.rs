//! Help, explanations and errors that a stranger understands.

use super::kit::run;
use crate::support::{repository, scratch};

#[test]
fn help_names_every_command_and_how_to_start() {
    let out = run(&repository(), &["--help"]).good().out;
    for part in [
        "run",
        "check",
        "send",
        "inbox",
        "operations",
        "tail",
        "verify",
        "fsck",
        "profile",
        "keys",
        "trust",
        "sim",
        "explain",
        "Start here:",
    ] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
}

#[test]
fn every_code_is_explained_and_a_mistyped_one_is_guessed() {
    let codes = run(&repository(), &["explain"]).good().out;
    assert!(codes.lines().count() > 80, "{codes}");
    for code in codes.lines() {
        let text = run(&repository(), &["explain", code]).good().out;
        assert!(text.len() > code.len() + 60, "{code}: {text}");
    }
    let wrong = run(&repository(), &["explain", "config::control-lnik"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("did you mean config::control-link?"), "{}", wrong.err);
}

#[test]
fn errors_have_one_line_a_cause_and_a_fix() {
    let dir = scratch("errors_have_one_line");
    for (args, code, parts) in [
        (&["verify", "nowhere"][..], 5, &["error: there is no journal in nowhere", "fix:"][..]),
        (&["status", "."], 5, &["error: there is no journal in .", "fix:"]),
        (&["keys", "show", "nowhere"], 1, &["error: the keys in nowhere cannot be used", "cause:", "fix:"]),
        (
            &["sim", "iec104", "--role", "ems", "--profile", "nowhere", "--connect", "127.0.0.1:9", "--ledger", "x"],
            1,
            &["does not compile", "fix:"],
        ),
        (
            &["send", "dispatch", "U1", "210", "--operator", "a", "--instruction", "b", "--valid-for", "2"],
            1,
            &["no time to start in", "fix:"],
        ),
    ] {
        let ran = run(&dir, args);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{args:?}: {}", ran.err);
        for part in parts {
            assert!(ran.err.contains(part), "{args:?}: {part} is not in\n{}", ran.err);
        }
    }
}

#[test]
fn keys_are_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = scratch("keys_are_private");
    let made = run(&dir, &["keys", "init", "k"]).good().out;
    let shown = run(&dir, &["keys", "show", "k"]).good().out;
    assert!(made.starts_with(&shown), "{made}\n{shown}");
    for file in ["log.key", "beckn.key", "content.key"] {
        let path = dir.join("k").join(file);
        assert_eq!(std::fs::metadata(&path).expect("made").permissions().mode() & 0o777, 0o600);
        let secret = std::fs::read_to_string(&path).expect("readable");
        let secret = secret.lines().nth(1).expect("a secret");
        assert!(!made.contains(secret), "{file}: the secret was shown");
    }
    let again = run(&dir, &["keys", "init", "k"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("never overwritten"), "{}", again.err);
}

#[test]
fn one_officer_cannot_sign_alone() {
    let site = super::kit::Site::new("one_officer");
    let ran = site.run(&["trust", "sign", "draft.json", "--officer", "asha.key", "--officer", "asha.key", "--out", "alone.json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("2 distinct officers must sign"), "{}", ran.err);
    assert!(!site.dir.join("alone.json").exists());
    let [first, second] = &site.officers;
    let shown = site.run(&["trust", "show", "trust.json", "--officer", first, "--officer", second]).good().out;
    assert!(shown.contains("did:web:sldc.example as SLDC may dispatch, curtail, reconfigure, start, stop on era:in/wr/tps-a/*"), "{shown}");
}

#[test]
fn shipped_profiles_lint_clean_and_pass_their_tests() {
    for profile in ["thermal-station-104", "ems-gateway-104", "solar-park-dnp3", "ems-gateway-dnp3"] {
        let dir = format!("cim-profiles/{profile}");
        assert_eq!(run(&repository(), &["profile", "lint", &dir, "--format", "json"]).good().json()["errors"], 0);
        let report = run(&repository(), &["profile", "test", &dir, "--json"]).good().json();
        assert_eq!(report["failed"], 0, "{report:#}");
        assert!(report["passed"].as_u64().is_some_and(|passed| passed > 0), "{report:#}");
    }
}

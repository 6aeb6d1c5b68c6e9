//! What ships can be used in production by anyone; what only tests use is listed by name (ADR 0001).

use std::collections::BTreeSet;
use std::path::Path;

use super::workspace::{Graph, Kind, root};
use super::{assert_found, assert_none, spdx};

/// Licences of what ships, and of what tests use.
const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// Packages whose licence allows testing only: dev-dependencies, never in the shipped tree.
const DEV_ONLY: &[&str] = &["iec60870-5"];

/// Packages that must never be downloaded, not even for a test: their licences forbid what a second implementation does, or are GPL.
const FORBIDDEN: &[&str] = &["dnp3", "dnp3-ffi", "rodbus", "rodbus-client", "rodbus-ffi", "lib60870", "lib60870-sys", "libiec61850"];

/// Programs for tests that are workspaces of their own: folder and package. They never ship, and what they use must be free all the same.
const APART: &[(&str, &str)] = &[("testbeds/interop/iec104-peer", "iec104-peer")];

fn licence_problems(graph: &Graph, shipped_from: &str, allowed: &[&str], dev_only: &[&str]) -> Vec<String> {
    let Some(start) = graph.position(shipped_from) else {
        return vec![format!("there is no package {shipped_from}")];
    };
    let shipped = graph.reachable([start], |_, kind| kind != Kind::Dev);
    let ours = (0..graph.packages.len()).filter(|at| graph.packages[*at].manifest.is_some());
    let used = graph.reachable(ours, |_, _| true);
    let mut problems = Vec::new();
    for at in used {
        let package = &graph.packages[at];
        let name = package.name.as_str();
        let ships = shipped.contains(&at);
        if dev_only.contains(&name) {
            if ships {
                problems.push(format!("{name} ships, but its licence is for tests only"));
            }
            continue;
        }
        let place = if ships { "ships" } else { "is used by tests" };
        match package.licence.as_deref().map(|text| spdx::satisfied(text, &|one| allowed.contains(&one))) {
            Some(Ok(true)) => {}
            Some(Ok(false)) => problems.push(format!("{name} {place} under {}", package.licence.as_deref().unwrap_or(""))),
            Some(Err(problem)) => problems.push(format!("{name}: {problem}")),
            None => problems.push(format!("{name} {place} and names no licence")),
        }
    }
    problems
}

/// Names of packages in a lock file: every platform, every feature, every kind.
fn locked(lock: &str) -> BTreeSet<&str> {
    lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect()
}

fn forbidden_problems(lock: &str, forbidden: &[&str]) -> Vec<String> {
    let names = locked(lock);
    if names.is_empty() {
        return vec!["the lock file names no package".to_owned()];
    }
    forbidden.iter().filter(|name| names.contains(*name)).map(|name| format!("{name} is in Cargo.lock")).collect()
}

#[test]
fn what_ships_may_be_used_by_anyone() {
    assert_none(&licence_problems(&Graph::of_this_workspace(), "bridge-bin", ALLOWED, DEV_ONLY));
}

#[test]
fn what_a_peer_is_built_of_may_be_used_by_anyone() {
    let shipped = Graph::of_this_workspace();
    for (folder, package) in APART {
        let graph = Graph::of(&Path::new(folder).join("Cargo.toml"));
        assert_none(&licence_problems(&graph, package, ALLOWED, &[]));
        assert!(graph.members().all(|member| !member.publishable), "{folder} can be published");
        assert!(shipped.position(package).is_none(), "{package} is in the bridge's workspace");
    }
}

#[test]
fn a_licence_outside_the_list_is_found() {
    let graph = Graph::by_hand(&[
        (
            "bridge-bin",
            "MIT",
            true,
            &[("copyleft", Kind::Normal), ("nameless", Kind::Build), ("trial", Kind::Dev), ("odd", Kind::Dev), ("good", Kind::Normal)],
        ),
        ("copyleft", "AGPL-3.0", false, &[("good", Kind::Normal)]),
        ("nameless", "", false, &[]),
        ("trial", "NonStandard", false, &[]),
        ("odd", "GPL-2.0-only", false, &[]),
        ("good", "MIT OR GPL-3.0", false, &[]),
    ]);
    let found = licence_problems(&graph, "bridge-bin", &["MIT"], &["trial"]);
    assert_found(
        &found,
        &["copyleft ships under AGPL-3.0", "nameless ships and names no licence", "odd is used by tests under GPL-2.0-only"],
    );
    assert_found(&licence_problems(&graph, "bridge-gone", &["MIT"], &[]), &["no package bridge-gone"]);
}

#[test]
fn a_test_only_licence_that_ships_is_found() {
    let graph = Graph::by_hand(&[
        ("bridge-bin", "MIT", true, &[("bridge-iec60870", Kind::Normal)]),
        ("bridge-iec60870", "MIT", true, &[("iec60870-5", Kind::Normal)]),
        ("iec60870-5", "NonStandard", false, &[]),
    ]);
    assert_found(&licence_problems(&graph, "bridge-bin", &["MIT"], DEV_ONLY), &["iec60870-5 ships"]);
}

#[test]
fn no_forbidden_package_is_locked() {
    for folder in APART.iter().map(|(folder, _)| *folder).chain([""]) {
        let lock = std::fs::read_to_string(root().join(folder).join("Cargo.lock")).expect("Cargo.lock is there");
        assert_none(&forbidden_problems(&lock, FORBIDDEN));
    }
}

#[test]
fn a_forbidden_package_is_found() {
    let lock = "[[package]]\nname = \"rodbus\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"bridge-dnp3\"\n";
    assert_found(&forbidden_problems(lock, FORBIDDEN), &["rodbus is in Cargo.lock"]);
    assert_found(&forbidden_problems("", FORBIDDEN), &["names no package"]);
}

//! Dependencies point one way, and tokio stays in the shell.

use super::workspace::{Graph, Kind};
use super::{assert_found, assert_none};

/// Who of ours may depend on whom of ours, without the prefix `bridge-`. A crate without a row is a problem, and so is a row without a crate.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("diag", &[]),
    ("ies", &[]),
    ("cim", &["diag"]),
    ("journal", &[]),
    ("session", &["model"]),
    ("provenance", &["journal"]),
    ("trust", &["ies"]),
    ("policy", &["model", "ies"]),
    ("scl", &["diag"]),
    ("profile", &["model", "session", "ies", "diag"]),
    ("author", &["model", "session", "diag", "profile"]),
    ("iec60870", &["model", "session", "diag"]),
    ("dnp3", &["model", "session", "diag"]),
    ("northbound", &["model", "session", "ies", "trust", "diag"]),
    ("engine", &["model", "session", "diag", "journal", "provenance", "trust", "policy", "ies", "profile"]),
    ("sim", &["model", "session", "journal", "iec60870", "dnp3"]),
    ("bin", EVERYTHING),
    ("tests", EVERYTHING),
];

/// Arrows that only tests and benches of a crate may use, beside those above.
const DEV_ARROWS: &[(&str, &[&str])] = &[
    // The shipped profiles are compiled against a real adapter's addresses, which the profile crate itself sees only as a trait.
    ("profile", &["iec60870", "dnp3"]),
    ("author", &["iec60870", "dnp3"]),
];

/// Where concrete meets concrete.
const EVERYTHING: &[&str] = &[
    "model",
    "session",
    "diag",
    "journal",
    "provenance",
    "trust",
    "policy",
    "engine",
    "iec60870",
    "dnp3",
    "northbound",
    "ies",
    "cim",
    "profile",
    "scl",
    "author",
    "sim",
];

/// Who may name an async runtime or anything made for one.
const ASYNC_CRATES: &[&str] = &["engine", "northbound", "bin", "tests"];

/// The async runtime and what is made for it.
const ASYNC: &[&str] =
    &["tokio", "mio", "hyper", "hyper-util", "axum", "tower", "async-std", "smol", "futures", "futures-util", "tokio-util"];

fn short(name: &str) -> &str {
    name.strip_prefix("bridge-").unwrap_or(name)
}

fn row<'a>(table: &[(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}

fn arrow_problems(graph: &Graph, table: &[(&str, &[&str])], dev_table: &[(&str, &[&str])]) -> Vec<String> {
    let mut problems = Vec::new();
    for member in graph.members() {
        let from = short(&member.name);
        let Some(allowed) = row(table, from) else {
            problems.push(format!("{from} has no row in the table of arrows"));
            continue;
        };
        let allowed_dev = row(dev_table, from).unwrap_or(&[]);
        for (to, kind) in &member.depends {
            let to = &graph.packages[*to];
            let name = short(&to.name);
            let permitted = allowed.contains(&name) || (*kind == Kind::Dev && allowed_dev.contains(&name));
            if to.manifest.is_some() && !permitted {
                problems.push(format!("{from} → {name} ({kind:?}) is not an arrow of the design"));
            }
        }
    }
    let stale = table.iter().filter(|(from, _)| !graph.members().any(|member| short(&member.name) == *from));
    problems.extend(stale.map(|(from, _)| format!("the table of arrows has a row {from}, but there is no such crate")));
    problems
}

fn async_problems(graph: &Graph, allowed: &[&str]) -> Vec<String> {
    let is_async = |name: &str| ASYNC.contains(&name) || name.starts_with("tokio-") || name.starts_with("async-");
    let mut problems = Vec::new();
    for member in graph.members().filter(|member| !allowed.contains(&short(&member.name))) {
        let from = short(&member.name);
        for (to, kind) in &member.depends {
            let reached = graph.reachable([*to], |_, kind| kind == Kind::Normal);
            let found = reached.iter().map(|at| graph.packages[*at].name.as_str()).find(|name| is_async(name));
            if let Some(name) = found {
                problems.push(format!("{from} reaches {name} by {} ({kind:?})", graph.packages[*to].name));
            }
        }
    }
    problems
}

#[test]
fn dependencies_follow_the_arrows_of_the_design() {
    assert_none(&arrow_problems(&Graph::of_this_workspace(), ARROWS, DEV_ARROWS));
}

#[test]
fn the_engine_never_knows_an_adapter() {
    let engine = row(ARROWS, "engine").expect("the engine has a row");
    let dev = row(DEV_ARROWS, "engine").unwrap_or(&[]);
    for adapter in ["iec60870", "northbound", "sim", "bin"] {
        assert!(!engine.contains(&adapter) && !dev.contains(&adapter), "the table lets the engine see {adapter}");
    }
}

#[test]
fn an_arrow_against_the_design_is_found() {
    let graph = Graph::by_hand(&[
        ("bridge-engine", "MIT", true, &[("bridge-iec60870", Kind::Dev), ("serde", Kind::Normal), ("bridge-model", Kind::Normal)]),
        ("bridge-iec60870", "MIT", true, &[("bridge-model", Kind::Dev)]),
        ("bridge-model", "MIT", true, &[]),
        ("bridge-new", "MIT", true, &[]),
        ("serde", "MIT", false, &[]),
    ]);
    let table: &[(&str, &[&str])] = &[("engine", &["model"]), ("iec60870", &[]), ("model", &[]), ("gone", &[])];
    let dev: &[(&str, &[&str])] = &[("iec60870", &["model"])];
    let found = arrow_problems(&graph, table, dev);
    assert_found(&found, &["engine → iec60870 (Dev)", "new has no row", "row gone"]);
}

#[test]
fn tokio_stays_in_engine_northbound_binary_and_tests() {
    assert_none(&async_problems(&Graph::of_this_workspace(), ASYNC_CRATES));
}

#[test]
fn tokio_elsewhere_is_found_even_behind_another_crate() {
    let graph = Graph::by_hand(&[
        ("bridge-model", "MIT", true, &[("tokio", Kind::Dev)]),
        ("bridge-session", "MIT", true, &[("innocent", Kind::Normal)]),
        ("bridge-engine", "MIT", true, &[("tokio", Kind::Normal)]),
        ("innocent", "MIT", false, &[("mio", Kind::Normal)]),
        ("tokio", "MIT", false, &[]),
        ("mio", "MIT", false, &[]),
    ]);
    assert_found(&async_problems(&graph, &["engine"]), &["model reaches tokio by tokio (Dev)", "session reaches mio by innocent"]);
}

//! Manifests: what a member inherits, what the workspace pins.

use toml_edit::{DocumentMut, Item};

use super::tree::File;
use super::workspace::{Graph, root};
use super::{assert_found, assert_none};

/// Keys of `[package]` that every member inherits.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Lints the workspace sets, at least this strict.
const LINTS: &[(&str, &str, &str)] = &[
    ("rust", "unsafe_code", "forbid"),
    ("rust", "missing_docs", "warn"),
    ("clippy", "unwrap_used", "warn"),
    ("clippy", "wildcard_enum_match_arm", "warn"),
    ("clippy", "await_holding_lock", "warn"),
    ("clippy", "print_stdout", "warn"),
];

/// Members whose folder is not their name without the prefix `bridge-`.
const NAMED_OTHERWISE: &[(&str, &str)] = &[("bridge-bin", "bridge-bin")];

fn parse(file: &File) -> Result<DocumentMut, String> {
    file.text.parse().map_err(|error| format!("{}: {error}", file.path))
}

fn at<'a>(document: &'a DocumentMut, path: &[&str]) -> Option<&'a Item> {
    path.iter().try_fold(document.as_item(), |item, key| item.get(key))
}

fn is_inherited(item: Option<&Item>) -> bool {
    item.and_then(|item| item.get("workspace")).and_then(Item::as_bool) == Some(true)
}

fn member_problems(file: &File) -> Vec<String> {
    let document = match parse(file) {
        Ok(document) => document,
        Err(problem) => return vec![problem],
    };
    let path = &file.path;
    let mut problems = Vec::new();
    let missing = INHERITED.iter().filter(|key| !is_inherited(at(&document, &["package", key])));
    problems.extend(missing.map(|key| format!("{path}: package.{key} is not inherited from the workspace")));
    if !is_inherited(at(&document, &["lints"])) {
        problems.push(format!("{path}: [lints] workspace = true is missing"));
    }
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let entries = at(&document, &[table]).and_then(Item::as_table_like).into_iter().flat_map(|table| table.iter());
        let own = entries.filter(|(_, item)| !is_inherited(Some(item)));
        problems.extend(own.map(|(name, _)| format!("{path}: {table}.{name} does not take the workspace's version")));
    }
    problems.extend(name_problem(path, at(&document, &["package", "name"]).and_then(Item::as_str).unwrap_or("")));
    problems
}

fn name_problem(path: &str, name: &str) -> Option<String> {
    let folder = path.trim_end_matches("Cargo.toml").trim_end_matches('/').rsplit('/').next().unwrap_or("");
    let expected =
        NAMED_OTHERWISE.iter().find(|(at, _)| *at == folder).map_or_else(|| format!("bridge-{folder}"), |(_, name)| (*name).to_owned());
    let is_core = name == "core" || name == "bridge-core";
    (name != expected || is_core).then(|| format!("{path}: a crate in the folder {folder} is called {expected}, not {name}"))
}

fn workspace_problems(manifest: &File, toolchain: &File) -> Vec<String> {
    let (manifest, toolchain) = match (parse(manifest), parse(toolchain)) {
        (Ok(manifest), Ok(toolchain)) => (manifest, toolchain),
        (manifest, toolchain) => return manifest.err().into_iter().chain(toolchain.err()).collect(),
    };
    let word = |path: &[&str]| at(&manifest, path).and_then(Item::as_str);
    let mut problems = Vec::new();
    let loose = LINTS.iter().filter(|(tool, lint, level)| {
        let found = word(&["workspace", "lints", tool, lint]);
        found != Some(*level) && found != Some("deny") && found != Some("forbid")
    });
    problems.extend(loose.map(|(tool, lint, level)| format!("workspace.lints.{tool}.{lint} is not {level:?}")));
    if at(&manifest, &["workspace", "package", "publish"]).and_then(Item::as_bool) != Some(false) {
        problems.push("workspace.package.publish is not false".to_owned());
    }
    if word(&["workspace", "package", "edition"]) != Some("2024") {
        problems.push("workspace.package.edition is not 2024".to_owned());
    }
    let defaults = at(&manifest, &["workspace", "default-members"]).and_then(Item::as_array);
    let defaults: Vec<&str> = defaults.into_iter().flatten().filter_map(|member| member.as_str()).collect();
    if defaults != ["bridge-bin"] {
        problems.push(format!("workspace.default-members is {defaults:?}, so `cargo run` does not find ies-bridge"));
    }
    let stated = word(&["workspace", "package", "rust-version"]).unwrap_or("none");
    let pinned = at(&toolchain, &["toolchain", "channel"]).and_then(Item::as_str).unwrap_or("none");
    if pinned != stated && !pinned.starts_with(&format!("{stated}.")) {
        problems.push(format!("rust-toolchain.toml pins {pinned}, rust-version states {stated}"));
    }
    problems
}

fn lock_problem(lock_is_there: bool, ignored: &str) -> Option<String> {
    let is_ignored = ignored.lines().any(|line| line.trim().trim_start_matches('/') == "Cargo.lock");
    (!lock_is_there || is_ignored).then(|| "Cargo.lock is not committed".to_owned())
}

fn read(path: &str) -> File {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    File { path: path.to_owned(), text }
}

#[test]
fn every_member_inherits_lints_edition_and_versions() {
    let graph = Graph::of_this_workspace();
    let manifests = graph.members().filter_map(|member| member.manifest.as_deref());
    let paths = manifests.map(|path| path.strip_prefix(root()).expect("members lie in the workspace").to_string_lossy().into_owned());
    let problems: Vec<String> = paths.flat_map(|path| member_problems(&read(&path))).collect();
    assert_none(&problems);
}

#[test]
fn no_member_can_be_published() {
    let graph = Graph::of_this_workspace();
    let problems: Vec<String> = graph.members().filter(|member| member.publishable).map(|member| member.name.clone()).collect();
    assert_none(&problems);
}

#[test]
fn a_member_on_its_own_terms_is_found() {
    let text = "[package]\nname = \"bridge-core\"\nversion.workspace = true\nedition = \"2021\"\nrust-version.workspace = true\n\
        license.workspace = true\npublish.workspace = true\n[dependencies]\nserde = \"1\"\ntokio.workspace = true\n";
    let found = member_problems(&File::by_hand("core/x/Cargo.toml", text));
    let expected =
        ["package.edition is not inherited", "[lints] workspace = true", "dependencies.serde", "is called bridge-x, not bridge-core"];
    assert_found(&found, &expected);
    assert_found(&member_problems(&File::by_hand("a/Cargo.toml", "[package")), &["a/Cargo.toml"]);
}

#[test]
fn no_crate_is_called_core() {
    assert!(name_problem("core/core/Cargo.toml", "bridge-core").is_some());
    assert!(name_problem("core/model/Cargo.toml", "bridge-model").is_none());
}

#[test]
fn the_workspace_is_pinned_and_strict() {
    assert_none(&workspace_problems(&read("Cargo.toml"), &read("rust-toolchain.toml")));
}

#[test]
fn a_loose_workspace_is_found() {
    let manifest = "[workspace]\ndefault-members = []\n[workspace.package]\nrust-version = \"1.90\"\nedition = \"2024\"\n\
        [workspace.lints.rust]\nunsafe_code = \"warn\"\nmissing_docs = \"deny\"\n[workspace.lints.clippy]\nunwrap_used = \"warn\"\n\
        wildcard_enum_match_arm = \"warn\"\nawait_holding_lock = \"warn\"\nprint_stdout = \"warn\"\n";
    let toolchain = "[toolchain]\nchannel = \"1.9.0\"\n";
    let found = workspace_problems(&File::by_hand("Cargo.toml", manifest), &File::by_hand("rust-toolchain.toml", toolchain));
    let expected =
        ["unsafe_code is not \"forbid\"", "publish is not false", "default-members is []", "pins 1.9.0, rust-version states 1.90"];
    assert_found(&found, &expected);
}

#[test]
fn the_lock_file_is_committed() {
    let problem = lock_problem(root().join("Cargo.lock").is_file(), &read(".gitignore").text);
    assert_none(&problem.into_iter().collect::<Vec<_>>());
}

#[test]
fn a_missing_lock_file_is_found() {
    assert!(lock_problem(false, "").is_some() && lock_problem(true, "/target\n/Cargo.lock\n").is_some());
    assert!(lock_problem(true, "/target\n").is_none());
}

//! Rules on source text: clocks, the runtime's place, unsafe code, addresses, machine paths.

use super::rust_text::{View, has_word, view};
use super::tree::{File, files, rust_files};
use super::{assert_found, assert_none};

/// The one file that reads clocks.
const CLOCK_FILE: &str = "core/engine/src/shell/clock.rs";

/// Calls that read a clock.
const CLOCK_READS: &[&str] = &["Instant::now", "SystemTime::now", "Local::now", "Utc::now", "OffsetDateTime::now_utc", "UtcDateTime::now"];

/// Where the engine may name tokio.
const SHELL: &str = "core/engine/src/shell";

/// This folder shows bad examples in strings.
const HOUSE: &str = "tests/it/house/";

/// Test programs run in real time against real processes.
fn is_test_program(path: &str) -> bool {
    path.starts_with("tests/") || path.starts_with("testbeds/interop/") || path.split('/').any(|part| part == "tests" || part == "benches")
}

/// `path:line: …` for every line of the view that `is_bad` names a fault in.
fn line_problems(file: &File, of: Option<View>, is_bad: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let text = of.map_or_else(|| file.text.clone(), |of| view(&file.text, of));
    let lines = text.lines().enumerate();
    lines.filter_map(|(at, line)| is_bad(line).map(|fault| format!("{}:{}: {fault}", file.path, at + 1))).collect()
}

fn clock_problems(files: &[File]) -> Vec<String> {
    let scanned = files.iter().filter(|file| file.path != CLOCK_FILE && !is_test_program(&file.path));
    let fault = |line: &str| CLOCK_READS.iter().find(|call| line.contains(*call)).map(|call| format!("reads a clock: {call}"));
    scanned.flat_map(|file| line_problems(file, Some(View::Code), fault)).collect()
}

fn runtime_problems(files: &[File]) -> Vec<String> {
    let engine = files.iter().filter(|file| file.path.starts_with("core/engine/src/") && !file.path.starts_with(SHELL));
    let fault = |line: &str| has_word(line, "tokio").then(|| "names tokio outside the shell".to_owned());
    engine.flat_map(|file| line_problems(file, Some(View::Code), fault)).collect()
}

fn unsafe_problems(files: &[File]) -> Vec<String> {
    let fault = |line: &str| {
        let loosened = ["allow(", "expect(", "warn("].iter().any(|level| line.contains(level)) && has_word(line, "unsafe_code");
        (has_word(line, "unsafe") || loosened).then(|| "unsafe code".to_owned())
    };
    files.iter().flat_map(|file| line_problems(file, Some(View::Code), fault)).collect()
}

/// Files that name such an address to show that it is refused.
const REFUSING: &[&str] = &["adapters/northbound/tests/it/limits.rs"];

/// Addresses that listen to the world.
fn address_problems(files: &[File], refusing: &[&str]) -> Vec<String> {
    let everywhere = ["0.0.0.0", "UNSPECIFIED", "[::]:"];
    let fault = |line: &str| {
        let named = everywhere.iter().find(|address| line.contains(*address))?;
        Some(format!("{named}: everything binds to 127.0.0.1 unless the operator's configuration says otherwise"))
    };
    let scanned = files.iter().filter(|file| !file.path.starts_with(HOUSE) && !refusing.contains(&file.path.as_str()));
    scanned.flat_map(|file| line_problems(file, None, fault)).collect()
}

/// Paths of one developer's machine.
fn machine_path_problems(files: &[File]) -> Vec<String> {
    let fault =
        |line: &str| ["/work/", "/root/"].iter().find(|path| line.contains(*path)).map(|path| format!("names a machine's path: {path}"));
    let scanned = files.iter().filter(|file| !file.path.starts_with(HOUSE));
    scanned.flat_map(|file| line_problems(file, None, fault)).collect()
}

fn opening_problems(files: &[File]) -> Vec<String> {
    let libraries = files.iter().filter(|file| file.path.ends_with("src/lib.rs"));
    let bare = libraries.filter(|file| !file.text.starts_with("//!") || file.text.starts_with("//! Placeholder"));
    bare.map(|file| format!("{} does not open with what the crate is", file.path)).collect()
}

#[test]
fn clocks_are_read_in_one_file() {
    assert_none(&clock_problems(&rust_files()));
}

#[test]
fn a_clock_read_elsewhere_is_found() {
    let found = clock_problems(&[
        File::by_hand("core/engine/src/router.rs", "let t = std::time::Instant::now();\n// Instant::now is banned\n"),
        File::by_hand("mapping/ies/src/lib.rs", "\nlet s = \"SystemTime::now\"; let t = SystemTime::now();"),
        File::by_hand(CLOCK_FILE, "Instant::now()"),
        File::by_hand("tests/benches/path.rs", "Instant::now()"),
        File::by_hand("adapters/northbound/tests/door.rs", "Instant::now()"),
    ]);
    assert_found(
        &found,
        &["core/engine/src/router.rs:1: reads a clock: Instant::now", "mapping/ies/src/lib.rs:2: reads a clock: SystemTime::now"],
    );
}

#[test]
fn the_engine_names_tokio_in_its_shell_only() {
    assert_none(&runtime_problems(&rust_files()));
}

#[test]
fn tokio_in_the_engines_logic_is_found() {
    let found = runtime_problems(&[
        File::by_hand("core/engine/src/broker.rs", "//! knows no tokio\nuse tokio::sync::mpsc;"),
        File::by_hand("core/engine/src/shell/driver.rs", "use tokio::net::TcpStream;"),
    ]);
    assert_found(&found, &["core/engine/src/broker.rs:2"]);
}

#[test]
fn there_is_no_unsafe_code() {
    assert_none(&unsafe_problems(&rust_files()));
}

#[test]
fn unsafe_code_is_found() {
    let text = "#![forbid(unsafe_code)]\n// unsafe\nunsafe { x() }\n#![allow(unsafe_code)]\n";
    assert_found(&unsafe_problems(&[File::by_hand("a.rs", text)]), &["a.rs:3", "a.rs:4"]);
}

#[test]
fn nothing_listens_to_the_world() {
    assert_none(&address_problems(&files(&[".rs", ".py", ".toml", ".sh", "/check"]), REFUSING));
}

#[test]
fn an_address_open_to_the_world_is_found() {
    let text = "bind(\"0.0.0.0:2404\")\nbind(\"127.0.0.1:2404\")\nIpv4Addr::UNSPECIFIED\n";
    let files = [File::by_hand("a.rs", text), File::by_hand("refuses.rs", text)];
    assert_found(&address_problems(&files, &["refuses.rs"]), &["a.rs:1", "a.rs:3"]);
}

#[test]
fn no_file_names_a_machines_paths() {
    assert_none(&machine_path_problems(&files(&[".rs", ".py", ".toml", ".md", ".sh", ".csv", ".json", "/check", ".ci/run"])));
}

#[test]
fn a_machines_path_is_found() {
    assert_found(&machine_path_problems(&[File::by_hand("a.md", "see /work/shared\nand ./works/x/y")]), &["a.md:1"]);
}

#[test]
fn every_library_opens_with_what_it_is() {
    assert_none(&opening_problems(&rust_files()));
}

#[test]
fn a_library_without_an_opening_is_found() {
    let found = opening_problems(&[
        File::by_hand("core/a/src/lib.rs", "mod x;"),
        File::by_hand("core/b/src/lib.rs", "//! Placeholder.\n"),
        File::by_hand("core/c/src/lib.rs", "//! The journal.\n"),
    ]);
    assert_found(&found, &["core/a", "core/b"]);
}

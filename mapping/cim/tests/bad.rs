//! Bad models: one small file or folder for each code, and what the integration engineer reads about it. After a wording change run
//! with `UPDATE_EXPECT=1` and read the difference. Archives, sizes and depths are in `hostile.rs`.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bridge_cim::{Bounds, EXPLANATIONS, Inputs, read};
use bridge_diag::Report;

/// Codes whose cause is no file that one can read: `hostile.rs` and `inputs.rs` show them.
const ELSEWHERE: &[&str] = &[
    "cim::nothing",
    "cim::file-unreadable",
    "cim::path-outside",
    "cim::too-many",
    "cim::too-large",
    "cim::too-deep",
    "cim::zip-damaged",
    "cim::zip-method",
    "cim::zip-bomb",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn report(path: &Path) -> Report {
    let mut report = Report::new();
    let mut inputs = Inputs::new(Bounds::default());
    let files = if path.is_dir() { sorted(path) } else { vec![path.to_owned()] };
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        inputs.add_bytes(name, fs::read(&file).unwrap(), &mut report);
    }
    let model = read(&inputs, &mut report);
    assert!(model.is_some() || !report.is_ok(), "{}: no model and no error", path.display());
    report
}

/// Every bad model by name, with its report.
fn reports() -> BTreeMap<String, Report> {
    let is_model = |path: &PathBuf| path.is_dir() || path.extension().is_some_and(|end| end == "xml");
    let models = sorted(&folder()).into_iter().filter(is_model);
    models.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), report(&path))).collect()
}

#[test]
fn each_says_what_is_wrong_where_and_how_to_mend_it() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut different = Vec::new();
    for (name, report) in reports() {
        let path = folder().join(format!("{name}.txt"));
        let text = report.render_text();
        for diagnostic in report.diagnostics() {
            assert!(diagnostic.help.is_some() && diagnostic.span.is_some(), "{name}: {diagnostic:?} has no fix or no place");
        }
        if update {
            fs::write(&path, &text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            different.push(format!("--- {name}\n{text}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_code_has_a_bad_model_and_a_paragraph() {
    let reports = reports();
    let shown: BTreeSet<&str> = reports.values().flat_map(Report::diagnostics).map(|diagnostic| diagnostic.code.as_str()).collect();
    let explained: BTreeSet<&str> = EXPLANATIONS.iter().map(|explanation| explanation.code).collect();
    assert_eq!(explained.len(), EXPLANATIONS.len(), "no code is explained twice");
    let expected: BTreeSet<&str> = explained.iter().copied().filter(|code| !ELSEWHERE.contains(code)).collect();
    assert_eq!(shown, expected);
    for (name, report) in &reports {
        let code = report.diagnostics().iter().any(|diagnostic| name.starts_with(diagnostic.code.trim_start_matches("cim::")));
        assert!(code, "{name} does not show its code");
    }
    let elsewhere = ["hostile.rs", "inputs.rs"].map(|file| fs::read_to_string(folder().with_file_name(file)).unwrap()).concat();
    for code in ELSEWHERE {
        assert!(explained.contains(code) && elsewhere.contains(&format!("\"{code}\"")), "{code} has no test");
    }
}

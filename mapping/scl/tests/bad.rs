//! Bad files: one small file for each code, and what the engineer reads about it. After a wording change run with `UPDATE_EXPECT=1` and
//! read the difference.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bridge_diag::Report;
use bridge_scl::{EXPLANATIONS, Limits, read_source, read_within};

/// Codes that need a large file; `hostile.rs` shows them.
const SHOWN_ELSEWHERE: &[&str] = &["scl::too-large", "scl::more-problems", "scl::not-all-checked"];

/// Codes after which nothing of the file is read.
const FATAL: &[&str] = &["xml", "doctype", "entity", "not-scl", "too-deep"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Every bad file by name, with its report.
fn reports() -> BTreeMap<String, Report> {
    let mut out = BTreeMap::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(stem) = name.strip_suffix(".scd") {
            let mut report = Report::new();
            let source = report.add_source(&name, fs::read_to_string(folder().join(&name)).unwrap());
            let model = read_source(source, &mut report);
            assert_eq!(model.is_none(), FATAL.contains(&stem), "{name}: a model unless nothing can be read");
            out.insert(stem.to_owned(), report);
        }
    }
    assert!(!out.is_empty());
    out
}

#[test]
fn each_says_what_is_wrong_where_and_how_to_mend_it() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut different = Vec::new();
    for (name, report) in reports() {
        let path = folder().join(format!("{name}.txt"));
        let text = report.render_text();
        if update {
            fs::write(&path, &text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            different.push(format!("--- {name}\n{text}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn each_code_has_a_file_that_shows_it_and_a_paragraph() {
    let explained: BTreeSet<&str> = EXPLANATIONS.iter().map(|e| e.code).collect();
    assert_eq!(explained.len(), EXPLANATIONS.len(), "a code is explained twice");
    let mut shown: BTreeSet<String> = SHOWN_ELSEWHERE.iter().map(|code| (*code).to_owned()).collect();
    for (name, report) in reports() {
        let code = format!("scl::{name}");
        assert!(report.diagnostics().iter().any(|d| d.code == code), "{name} does not show its code: {}", report.render_text());
        for d in report.diagnostics() {
            assert!(d.span.is_some(), "{name}: no place: {}", d.message);
            assert!(d.help.is_some(), "{name}: no fix: {}", d.message);
            assert!(explained.contains(d.code.as_str()), "{name}: {} is not explained", d.code);
        }
        shown.insert(code);
    }
    let silent: Vec<&str> = explained.iter().copied().filter(|code| !shown.contains(*code)).collect();
    assert!(silent.is_empty(), "no file shows {silent:?}");
}

/// The file that all others are changed from.
#[test]
fn the_good_file_has_no_problem() {
    let text = fs::read_to_string(folder().with_file_name("good.scd")).unwrap();
    let mut report = Report::new();
    let source = report.add_source("good.scd", text);
    let model = read_source(source, &mut report).unwrap();
    assert!(report.diagnostics().is_empty(), "{}", report.render_text());
    assert_eq!(model.nodes().count(), 2);
}

/// All problems of one file come in one run.
#[test]
fn problems_of_all_sections_come_together() {
    let text = fs::read_to_string(folder().with_file_name("good.scd")).unwrap();
    let text = text.replace("lnType=\"GGIO\"", "lnType=\"GGI0\"").replace(">220<", ">many<").replace("apName=\"AP1\"", "apName=\"AP7\"");
    let text = text.replace("fc=\"ST\" qchg", "fc=\"STT\" qchg").replace("datSet=\"ds1\"", "datSet=\"ds7\"");
    let mut report = Report::new();
    let source = report.add_source("bad.scd", text);
    assert!(read_within(source, &Limits::default(), &mut report).is_some());
    let codes: BTreeSet<&str> = report.diagnostics().iter().map(|d| d.code.as_str()).collect();
    for code in ["scl::type-unresolved", "scl::voltage-malformed", "scl::connected-unknown", "scl::fc-unknown", "scl::dataset-unknown"] {
        assert!(codes.contains(code), "{code} is not in {codes:?}");
    }
}

/// An access point may declare its limits apart from its device.
#[test]
fn limits_of_an_access_point_hold() {
    let text = fs::read_to_string(folder().with_file_name("good.scd")).unwrap();
    let own = "<AccessPoint name=\"AP1\"><Services><ConfDataSet maxAttributes=\"0\"/></Services>";
    let mut report = Report::new();
    let source = report.add_source("bad.scd", text.replace("<AccessPoint name=\"AP1\">", own));
    assert!(read_source(source, &mut report).is_some());
    let codes: Vec<&str> = report.diagnostics().iter().map(|d| d.code.as_str()).collect();
    assert_eq!(codes, ["scl::dataset-too-large"]);
}

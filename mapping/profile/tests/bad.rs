//! Bad profiles: one small file for each code, and what the integration engineer reads about it. After a wording change run with
//! `UPDATE_EXPECT=1` and read the difference.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bridge_diag::Report;
use bridge_dnp3::Dnp3;
use bridge_iec60870::Iec104;
use bridge_profile::{EXPLANATIONS, Files, compile};

struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> io::Result<String> {
        fs::read_to_string(self.0.join(path))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Every bad profile by name, with its report.
fn reports() -> BTreeMap<String, Report> {
    let mut out = BTreeMap::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(stem) = name.strip_suffix(".toml") {
            let mut report = Report::new();
            let plan = compile(&Folder(folder()), &name, &[&Iec104, &Dnp3], &mut report);
            assert_eq!(plan.is_some(), report.is_ok(), "{name}: a plan exactly if there is no error");
            assert!(!report.diagnostics().is_empty(), "{name} is not bad");
            out.insert(stem.to_owned(), report);
        }
    }
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
fn each_file_is_named_after_a_code_it_shows() {
    for (name, report) in reports() {
        let code = format!("profile::{name}");
        let shows = report.diagnostics().iter().any(|d| d.code == code || name.starts_with("all-") || code.starts_with(&d.code));
        assert!(shows, "{name}: {}", report.render_text());
    }
}

/// A problem without a fix, or a code without a paragraph, helps nobody.
#[test]
fn every_problem_has_a_place_and_every_code_a_paragraph() {
    let explained: BTreeSet<&str> = EXPLANATIONS.iter().map(|e| e.code).collect();
    for (name, report) in reports() {
        for d in report.diagnostics() {
            assert!(d.span.is_some(), "{name}: no place: {}", d.message);
            assert!(d.help.is_some() || d.code == "profile::wrong-kind", "{name}: no fix: {}", d.message);
            assert!(explained.contains(d.code.as_str()) || d.code.starts_with("profile::ioa-"), "{name}: {} is not explained", d.code);
        }
    }
}

#[test]
fn every_explained_code_is_shown_by_a_file() {
    let shown: BTreeSet<String> =
        reports().values().flat_map(|r| r.diagnostics().iter().map(|d| d.code.clone()).collect::<Vec<_>>()).collect();
    // A profile of 65,536 resources would be no small file.
    let missing: Vec<&str> = EXPLANATIONS.iter().map(|e| e.code).filter(|c| !shown.contains(*c) && *c != "profile::too-many").collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(EXPLANATIONS.iter().all(|e| e.text.len() > 60 && e.text.ends_with('.')), "a paragraph, not a word");
}

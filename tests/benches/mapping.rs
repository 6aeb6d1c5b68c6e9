//! The speed of mapping: `cargo bench -p bridge-tests --bench mapping`.
//!
//! Each measurement is a process of its own, so that its memory is its own. Five interleaved repeats; one JSON line per figure on
//! standard output, targets and the machine's load on standard error. A case is a file beside this one with a [`Case`]: what is made
//! once before, what one process does, and the figures in the object it prints.
//!
//! `-- --repeats N`, `--only CASE` for a quick look; `-- case NAME FOLDER` is one measurement, for a profiler.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

#[path = "mapping/cim.rs"]
mod cim;
#[path = "measure/mod.rs"]
mod measure;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::measure::{Figure, Target, line, load, say, start, tell};

/// One figure of a case.
pub(crate) struct Told {
    /// The field of the object that a measurement prints.
    pub(crate) field: &'static str,
    /// The name of the figure.
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) target: Target,
    pub(crate) note: &'static str,
}

/// One kind of measurement.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Makes what is measured, in a folder of its own.
    pub(crate) prepare: fn(&Path) -> Result<()>,
    /// Measures once, in a fresh process.
    pub(crate) measure: fn(&Path) -> Result<Value>,
    pub(crate) figures: &'static [Told],
}

const CASES: &[Case] = &[cim::READ];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["case", name, folder] => {
            let case = CASES.iter().find(|case| case.name == *name).with_context(|| format!("no case is called {name}"))?;
            say(&(case.measure)(Path::new(folder))?.to_string());
            Ok(())
        }
        options => run(options),
    }
}

fn run(options: &[&str]) -> Result<()> {
    let option = |name: &str| options.iter().position(|word| *word == name).and_then(|at| options.get(at + 1)).copied();
    let repeats: usize = option("--repeats").unwrap_or("5").parse()?;
    let cases: Vec<&Case> = CASES.iter().filter(|case| option("--only").is_none_or(|name| name == case.name)).collect();
    let folder = Scratch::new()?;
    for case in &cases {
        (case.prepare)(&folder.of(case)?).with_context(|| format!("case {}", case.name))?;
    }
    let before = load();
    let mut samples: BTreeMap<(&str, String), Vec<f64>> = BTreeMap::new();
    for repeat in 1..=repeats {
        for case in &cases {
            let at = folder.of(case)?;
            let (process, mut told) = start(&["case", case.name, at.to_str().context("a path in UTF-8")?])?;
            let found: Value = serde_json::from_str(&line(&mut told).with_context(|| format!("case {}", case.name))?)?;
            process.finish()?;
            tell(format!("repeat {repeat} {}: {found}", case.name));
            for (field, value) in found.as_object().into_iter().flatten() {
                samples.entry((case.name, field.clone())).or_default().push(value.as_f64().unwrap_or(f64::NAN));
            }
        }
    }
    let load = format!("load average {before} before, {} after; {repeats} interleaved repeats", load());
    tell(format!("{load}; a process for each measurement"));
    for case in cases {
        for told in case.figures {
            let samples = samples.remove(&(case.name, told.field.to_owned())).unwrap_or_default();
            let note = format!("{}; {load}", told.note);
            let figure = Figure { name: told.name, unit: told.unit, samples, target: told.target, peer: None, note };
            let (line, text) = figure.lines();
            tell(text);
            say(&line.to_string());
        }
    }
    Ok(())
}

/// Where what is measured lies, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mapping-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    fn of(&self, case: &Case) -> Result<PathBuf> {
        let folder = self.0.join(case.name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays is seen by whoever looks; the figures are not touched by it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

//! The speed of mapping: `cargo bench -p bridge-tests --bench mapping`.
//!
//! Each measurement is a process of its own, so that its memory is its own. Five interleaved repeats; one JSON line per figure on
//! standard output, targets and the machine's load on standard error. A case is a file beside this one with a [`Case`]: what is made
//! once before, what one process does, and the figures in the object it prints.
//!
//! `-- --repeats N`, `--only CASE` for a quick look; `-- case NAME FOLDER` is one measurement, for a profiler.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]

#[path = "mapping/cim.rs"]
mod cim;
#[path = "mapping/load.rs"]
mod load;
#[path = "measure/mod.rs"]
mod measure;
#[path = "mapping/upward.rs"]
mod upward;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::measure::{Target, line, own, print, repeated, say, start};

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

const CASES: &[Case] = &[upward::PLAIN, upward::LIMITS, load::READ, cim::READ];

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
    let only = options.iter().position(|word| *word == "--only").and_then(|at| options.get(at + 1)).copied();
    let folder = Scratch::new()?;
    for case in CASES.iter().filter(|case| only.is_none_or(|name| name == case.name)) {
        (case.prepare)(&folder.of(case.name)?).with_context(|| format!("case {}", case.name))?;
    }
    let names: Vec<&'static str> = CASES.iter().map(|case| case.name).collect();
    let samples = repeated(options, &names, |case, _| {
        let at = folder.of(case)?;
        let (process, mut told) = start(own(&["case", case, at.to_str().context("a path in UTF-8")?])?)?;
        let found = serde_json::from_str(&line(&mut told)?)?;
        process.finish()?;
        Ok(Some(found))
    })?;
    print(CASES.iter().flat_map(|case| {
        let samples = &samples;
        case.figures.iter().map(|told| samples.figure((told.name, told.unit), (case.name, told.field), told.target, None, told.note))
    }));
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

    fn of(&self, case: &str) -> Result<PathBuf> {
        let folder = self.0.join(case);
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

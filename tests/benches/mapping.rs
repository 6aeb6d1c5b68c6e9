//! The speed of the mapping core: `cargo bench -p bridge-tests --bench mapping`.
//!
//! Each measurement is a process of its own, so that one's memory is not another's. Figures are points per CPU second of what maps them, and
//! time and memory of what reads a profile. Five interleaved repeats; one JSON line per figure on standard output, targets and the
//! machine's load on standard error. `-- --repeats N`, `--only CASE` for a quick look; `-- case CASE` is one measurement, for a profiler.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]

#[path = "mapping/load.rs"]
mod load_profile;
#[path = "measure/mod.rs"]
mod measure;
#[path = "mapping/upward.rs"]
mod upward;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::measure::{Figure, Target, line, load, say, start, tell};

const CASES: [&str; 3] = ["plain", "limits", "load_250k"];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["case", "plain"] => say(&upward::run(false)?.to_string()),
        ["case", "limits"] => say(&upward::run(true)?.to_string()),
        ["case", "load_250k"] => say(&load_profile::run()?.to_string()),
        ["case", other] => bail!("no case is called {other}"),
        options => return run(options),
    }
    Ok(())
}

fn run(options: &[&str]) -> Result<()> {
    let option = |name: &str| options.iter().position(|word| *word == name).and_then(|at| options.get(at + 1)).copied();
    let repeats: usize = option("--repeats").unwrap_or("5").parse()?;
    let mut samples: BTreeMap<(&str, String), Vec<f64>> = BTreeMap::new();
    let before = load();
    for repeat in 1..=repeats {
        for case in CASES.into_iter().filter(|case| option("--only").is_none_or(|name| name == *case)) {
            let (process, mut told) = start(&["case", case])?;
            let found: Value = serde_json::from_str(&line(&mut told).with_context(|| format!("case {case}"))?)?;
            drop(process);
            tell(format!("repeat {repeat} {case}: {found}"));
            for (name, value) in found.as_object().into_iter().flatten() {
                samples.entry((case, name.clone())).or_default().push(value.as_f64().unwrap_or(f64::NAN));
            }
        }
    }
    let load = format!("load average {before} before, {} after; {repeats} interleaved repeats", load());
    let mut figure = |name, unit, (case, field): (&'static str, &str), target, note: &str| {
        let samples = samples.remove(&(case, field.to_owned()))?;
        Some(Figure { name, unit, samples, target, peer: None, note: format!("{note}; {load}") })
    };
    let figures = [
        figure(
            "mapping.upward_plain_m_per_s",
            "Mpoint/CPU s",
            ("plain", "m_per_s"),
            Target::AtLeast(20.0),
            "10,000 floats in turn: scale, kW to MW, sign, range, deadband that withholds every second one",
        ),
        figure(
            "mapping.upward_limits_m_per_s",
            "Mpoint/CPU s",
            ("limits", "m_per_s"),
            Target::AtLeast(5.0),
            "the same with four limits each, two of them with delay; one point in 64 crosses one at each turn",
        ),
        figure(
            "mapping.load_250k_s",
            "s",
            ("load_250k", "s"),
            Target::AtMost(3.0),
            "50 templates of 100 bays of 50 points on 50 links, compiled from text in memory",
        ),
        figure("mapping.load_250k_mb", "MB", ("load_250k", "mb"), Target::AtMost(300.0), "VmHWM of the process that compiled it"),
    ];
    for figure in figures.into_iter().flatten() {
        let (line, text) = figure.lines();
        tell(text);
        say(&line.to_string());
    }
    Ok(())
}

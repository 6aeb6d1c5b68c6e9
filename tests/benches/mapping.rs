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

use anyhow::{Result, bail};

use crate::measure::{Target, line, own, print, repeated, say, start};

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
    let samples = repeated(options, &CASES, |case, _| {
        let (process, mut told) = start(own(&["case", case])?)?;
        let found = serde_json::from_str(&line(&mut told)?)?;
        drop(process);
        Ok(Some(found))
    })?;
    print([
        samples.figure(
            ("mapping.upward_plain_m_per_s", "Mpoint/CPU s"),
            ("plain", "m_per_s"),
            Target::AtLeast(20.0),
            None,
            "10,000 floats in turn: scale, kW to MW, sign, range, deadband that withholds every second one",
        ),
        samples.figure(
            ("mapping.upward_limits_m_per_s", "Mpoint/CPU s"),
            ("limits", "m_per_s"),
            Target::AtLeast(5.0),
            None,
            "the same with four limits each, two of them with delay; one point in 64 crosses one at every second turn",
        ),
        samples.figure(
            ("mapping.load_250k_s", "s"),
            ("load_250k", "s"),
            Target::AtMost(3.0),
            None,
            "CPU seconds: a template of 50 points in 5,000 bays on 50 links, compiled from text in memory",
        ),
        samples.figure(
            ("mapping.load_250k_mb", "MB"),
            ("load_250k", "mb"),
            Target::AtMost(300.0),
            None,
            "VmHWM of the process that compiled it",
        ),
    ]);
    Ok(())
}

//! The speed of the path from a station's socket to a sealed, durable leaf: `cargo bench -p bridge-tests --bench path`.
//!
//! Each measurement is a pair of processes on loopback: stations that send prepared frames, and the bridge. Figures are CPU seconds (user
//! and system) of the bridge's process per million points, rates and latencies. Five interleaved repeats; one JSON line per figure on standard
//! output, targets and the machine's load on standard error.
//!
//! `-- --repeats N`, `--seconds S`, `--only CASE` for a quick look; `-- source CASE` and `-- bridge CASE SECONDS PORT…` are the two halves, for a profiler.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]

#[path = "path/bridge.rs"]
mod bridge;
#[path = "path/case.rs"]
mod case;
#[path = "measure/mod.rs"]
mod measure;
#[path = "path/source.rs"]
mod source;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::case::{CASES, Case, Load, named};
use crate::measure::{Figure, Target, line, load, own, say, start, tell};

/// What `native-baselines` recorded for lib60870's client: it decodes and does nothing else.
const PEER: (&str, f64) = ("lib60870 client", 0.251);

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let case_of = |name: &str| named(name).with_context(|| format!("no case is called {name}"));
    match words.as_slice() {
        ["source", case] => source::run(&case_of(case)?),
        ["bridge", case, seconds, ports @ ..] => {
            let ports = ports.iter().map(|port| Ok(port.parse()?)).collect::<Result<Vec<u16>>>()?;
            bridge::run(&case_of(case)?, &ports, Duration::from_secs_f64(seconds.parse()?))
        }
        options => run(options),
    }
}

fn run(options: &[&str]) -> Result<()> {
    let option = |name: &str| options.iter().position(|word| *word == name).and_then(|at| options.get(at + 1)).copied();
    let repeats: usize = option("--repeats").unwrap_or("5").parse()?;
    let seconds = option("--seconds").unwrap_or("3");
    let mut samples: BTreeMap<(&str, String), Vec<f64>> = BTreeMap::new();
    let before = load();
    for repeat in 1..=repeats {
        for case in CASES.iter().filter(|case| option("--only").is_none_or(|name| name == case.name)) {
            let found = pair(case, seconds).with_context(|| format!("case {}", case.name))?;
            tell(format!("repeat {repeat} {}: {found}", case.name));
            for (name, value) in found.as_object().into_iter().flatten() {
                samples.entry((case.name, name.clone())).or_default().push(value.as_f64().unwrap_or(f64::NAN));
            }
        }
    }
    let load = format!("load average {before} before, {} after; {repeats} interleaved repeats", load());
    let common = "no subscriber; capture = bytes, acknowledged when durable, sealed; M_ME_TF_1, 16 objects a frame, every point changed, k = 12, w = 8, 10,400 points";
    let mut figure = |name, unit, (case, field): (&'static str, &str), target, peer, note: &str| {
        let samples = samples.remove(&(case, field.to_owned()))?;
        Some(Figure { name, unit, samples, target, peer, note: format!("{note}; {load}") })
    };
    let figures = [
        figure(
            "path.cpu_s_per_m",
            "s/Mpoint",
            ("links_50", "cpu_s_per_m"),
            Target::AtMost(1.0),
            Some(PEER),
            &format!("peer recorded, decode only; all threads, user and system, 50 links; {common}"),
        ),
        figure(
            "path.rate_50_links",
            "points/s",
            ("links_50", "rate"),
            Target::AtLeast(300_000.0),
            None,
            &format!("sources on the same two cores; {common}"),
        ),
        figure(
            "path.rate_1_link",
            "points/s",
            ("link_1", "rate"),
            Target::AtLeast(30_000.0),
            None,
            &format!("source on the same two cores; {common}"),
        ),
        figure(
            "path.rss_mb",
            "MB",
            ("links_50", "rss_mb"),
            Target::AtMost(300.0),
            None,
            &format!("VmHWM at the end of a 50-link run; {common}"),
        ),
        figure(
            "path.durable_p50_ms",
            "ms",
            ("idle", "p50_ms"),
            Target::AtMost(5.0),
            None,
            "one frame of 16 on an idle link, from the source's socket write to the N(R) that covers it, which follows the commit; w = 1 so that a lone frame is acknowledged at once; no subscriber",
        ),
        figure(
            "path.sealed_p99_ms",
            "ms",
            ("sealed", "sealed_p99_ms"),
            Target::AtMost(60.0),
            None,
            "M_SP_TB_1 events, engine timestamps: from the read of the event's frame to the return of the commit that holds its seal; 49 links beside it send 50,000 points/s; no subscriber",
        ),
        figure(
            "path.signing_share",
            "1",
            ("links_50", "signing_share"),
            Target::AtMost(0.10),
            None,
            "seals in the 50-link run × the time of one Ed25519 signature, measured in the same process right after, ÷ CPU of the run",
        ),
    ];
    tell(format!("{load}; loopback, two processes a measurement, {seconds} s each"));
    for figure in figures.into_iter().flatten() {
        let (line, text) = figure.lines();
        tell(text);
        say(&line.to_string());
    }
    Ok(())
}

/// Runs a case once: what both processes found.
fn pair(case: &Case, seconds: &str) -> Result<Value> {
    let (_source, mut told) = start(own(&["source", case.name])?)?;
    let ports = line(&mut told)?;
    let mut args = vec!["bridge", case.name, seconds];
    args.extend(ports.split(' '));
    let (bridge, mut found) = start(own(&args)?)?;
    let result = if case.load == Load::Idle { line(&mut told)? } else { line(&mut found)? };
    bridge.finish()?;
    Ok(serde_json::from_str(&result)?)
}

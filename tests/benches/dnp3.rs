//! The speed of DNP3 in both roles: `cargo bench -p bridge-tests --bench dnp3`.
//!
//! Each measurement is a pair of processes on loopback: one of our sessions on the real shell, and a plain peer of our own that does no
//! more than the measurement needs. CPU figures are seconds (user and system) of our session's process per million events. Where the
//! environment of the interop tests is there, opendnp3 takes the same events from the same plain peer in the same run, through its Python
//! binding (yadnp3), which has its own cost: the peer of the figures is opendnp3 as recorded. Five
//! interleaved repeats; one JSON line per figure on standard output, targets and the machine's load on standard error.
//!
//! `-- --repeats N`, `--seconds S`, `--only CASE` for a quick look; `-- first CASE SECONDS` and `-- second CASE SECONDS PORT` are the
//! two halves, for a profiler.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

#[path = "dnp3/link.rs"]
mod link;
#[path = "measure/mod.rs"]
mod measure;
#[path = "dnp3/ours.rs"]
mod ours;
#[path = "dnp3/peer.rs"]
mod peer;
#[path = "dnp3/serving.rs"]
mod serving;
/// Frames by hand, as the tests of bad input make them.
#[allow(dead_code, clippy::unwrap_used, reason = "it belongs to tests, and not all of it is needed")]
#[path = "../../adapters/dnp3/tests/malformed/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::measure::{Figure, Target, line, load, quantile, say, start, start_program, tell};
use crate::peer::Act;

/// Points of each type.
const POINTS: usize = 10_000;
/// Integrity polls of one measurement, and those before it.
const INTEGRITY_TIMES: usize = 20;
const INTEGRITY_WARM: usize = 3;
/// Commands of one measurement, and those before it.
const COMMANDS: usize = 10_000;
const COMMANDS_WARM: usize = 500;
/// Single values of one measurement, the first ones not counted.
const EVENTS: usize = 90;
const EVENTS_WARM: usize = 10;
/// The case of the other stack.
const YADNP3: &str = "yadnp3";

/// Which process of a pair has the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tells {
    First,
    Second,
    /// Each has its instants.
    Both,
}

/// A pair of processes. The first one listens and says on which port, the second connects.
const CASES: [(&str, Tells); 7] = [
    ("master", Tells::Second),
    (YADNP3, Tells::Second),
    ("master_binary", Tells::Second),
    ("outstation", Tells::First),
    ("integrity", Tells::Second),
    ("sbo", Tells::Second),
    ("unsolicited", Tells::Both),
];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["first", case, seconds] => first(case, Duration::from_secs_f64(seconds.parse()?)),
        ["second", case, seconds, port] => second(case, Duration::from_secs_f64(seconds.parse()?), ours::port(port)?),
        options => run(options),
    }
}

fn first(case: &str, span: Duration) -> Result<()> {
    match case {
        "master" | YADNP3 => peer::outstation(Act::Analogs),
        "master_binary" => peer::outstation(Act::Binaries),
        "outstation" => serving::serve(span),
        "integrity" => serving::image(),
        "sbo" => peer::outstation(Act::Answer),
        "unsolicited" => serving::emit(),
        _ => anyhow::bail!("no case is called {case}"),
    }
}

fn second(case: &str, span: Duration, port: u16) -> Result<()> {
    match case {
        "master" | "master_binary" => ours::receive(port, span),
        "outstation" => peer::master(port, None),
        "integrity" => ours::integrity(port),
        "sbo" => ours::command(port),
        "unsolicited" => peer::master(port, Some(EVENTS)),
        _ => anyhow::bail!("no case is called {case}"),
    }
}

/// opendnp3 as the master, if the environment of the interop tests is there.
fn yadnp3(seconds: &str, port: &str) -> Option<Command> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let python = repository.join(".venv/bin/python");
    let events = Act::Analogs.events().to_string();
    let mut command = Command::new(&python);
    command.arg("-u").arg(repository.join("testbeds/interop/yadnp3_speed.py")).args([port, seconds, &events]);
    python.exists().then_some(command)
}

/// Runs a case once: what it found, if it can be run here.
fn pair(case: &str, tells: Tells, seconds: &str) -> Result<Option<Value>> {
    let (first, mut told) = start(&["first", case, seconds])?;
    let port = line(&mut told)?;
    let (second, mut found) = if case == YADNP3 {
        let Some(command) = yadnp3(seconds, &port) else { return Ok(None) };
        start_program(command)?
    } else {
        start(&["second", case, seconds, &port])?
    };
    let result = match tells {
        Tells::First => serde_json::from_str(&line(&mut told)?)?,
        Tells::Second => serde_json::from_str(&line(&mut found)?)?,
        Tells::Both => {
            let seen: Vec<i64> = serde_json::from_str(&line(&mut found)?)?;
            second.finish()?;
            let set: Vec<i64> = serde_json::from_str(&line(&mut told)?)?;
            anyhow::ensure!(set.len() == EVENTS && seen.len() == EVENTS, "events are missing");
            let mut taken_ms: Vec<f64> = set.iter().zip(&seen).skip(EVENTS_WARM).map(|(set, seen)| (seen - set) as f64 / 1e6).collect();
            return Ok(Some(json!({ "p50_ms": quantile(&mut taken_ms, 0.5), "p99_ms": quantile(&mut taken_ms, 0.99) })));
        }
    };
    drop(first);
    Ok(Some(result))
}

fn run(options: &[&str]) -> Result<()> {
    let option = |name: &str| options.iter().position(|word| *word == name).and_then(|at| options.get(at + 1)).copied();
    let repeats: usize = option("--repeats").unwrap_or("5").parse()?;
    let seconds = option("--seconds").unwrap_or("2");
    let mut samples: BTreeMap<(&str, String), Vec<f64>> = BTreeMap::new();
    let before = load();
    for repeat in 1..=repeats {
        for (case, tells) in CASES.iter().filter(|(case, _)| option("--only").is_none_or(|name| name == *case)) {
            let Some(found) = pair(case, *tells, seconds).with_context(|| format!("case {case}"))? else {
                tell(format!("repeat {repeat} {case}: no environment for it, see ./check"));
                continue;
            };
            tell(format!("repeat {repeat} {case}: {found}"));
            for (name, value) in found.as_object().into_iter().flatten() {
                samples.entry((case, name.clone())).or_default().push(value.as_f64().unwrap_or(f64::NAN));
            }
        }
    }
    let load = format!("load average {before} before, {} after; {repeats} interleaved repeats", load());
    let mut figure = |name, unit, (case, field): (&'static str, &str), target, peer: Option<(&'static str, f64)>, note: &str| {
        let samples = samples.remove(&(case, field.to_owned()))?;
        let note = if peer.is_some() { format!("recorded; {note}") } else { note.to_owned() };
        Some(Figure { name, unit, samples, target, peer, note: format!("{note}; {load}") })
    };
    let opendnp3 = |value| Some(("opendnp3", value));
    let events = "unsolicited, fragments of 2048 octets, each confirmed before the next, 10,000 points";
    let figures = [
        figure(
            "dnp3.master.cpu_s_per_m",
            "s/Mevent",
            ("master", "cpu_s_per_m"),
            Target::AtMost(0.15),
            opendnp3(0.352),
            &format!("g32v7, receipts at once, every value and stamp looked at; prepared sender; {events}"),
        ),
        figure(
            "dnp3.yadnp3_master.cpu_s_per_m",
            "s/Mevent",
            (YADNP3, "cpu_s_per_m"),
            Target::Less,
            opendnp3(0.352),
            &format!(
                "not ours: opendnp3 through its Python binding in the same run, with what the binding makes of each value; recorded without it; g32v7, the same sender; {events}"
            ),
        ),
        figure(
            "dnp3.master.rate",
            "events/s",
            ("master", "rate"),
            Target::More,
            opendnp3(786_000.0),
            &format!("g32v7; sender on the same two cores; {events}"),
        ),
        figure(
            "dnp3.master_binary.cpu_s_per_m",
            "s/Mevent",
            ("master_binary", "cpu_s_per_m"),
            Target::Less,
            None,
            &format!("the same with g2v2; {events}"),
        ),
        figure(
            "dnp3.outstation.cpu_s_per_m",
            "s/Mevent",
            ("outstation", "cpu_s_per_m"),
            Target::AtMost(0.40),
            opendnp3(0.75),
            &format!("best of 0.75 to 1.1; g32v7, each event queued until it is confirmed; plain master; {events}"),
        ),
        figure(
            "dnp3.outstation.rate",
            "events/s",
            ("outstation", "rate"),
            Target::More,
            opendnp3(786_000.0),
            "master on the same two cores",
        ),
        figure(
            "dnp3.integrity_10k_p50_ms",
            "ms",
            ("integrity", "p50_ms"),
            Target::AtMost(2.5),
            opendnp3(1.96),
            "our master and our outstation, each in its process; request to the last fragment, g30v5, 25 fragments each confirmed, receipts at once; recorded with TCP_NODELAY forced, 1,100 as shipped",
        ),
        figure("dnp3.integrity_10k_p99_ms", "ms", ("integrity", "p99_ms"), Target::Less, opendnp3(3.8), "as its p50"),
        figure(
            "dnp3.sbo_p50_us",
            "us",
            ("sbo", "p50_us"),
            Target::AtMost(80.0),
            opendnp3(58.0),
            "g41v3: request, SELECT, answer, OPERATE, answer, settled; one after the other; plain outstation",
        ),
        figure("dnp3.sbo_p99_us", "us", ("sbo", "p99_us"), Target::Less, opendnp3(171.0), "as its p50"),
        figure(
            "dnp3.unsolicited_p50_ms",
            "ms",
            ("unsolicited", "p50_ms"),
            Target::AtMost(0.3),
            opendnp3(0.145),
            "idle link; one value set in the engine's thread, which wakes the link's task, to the return of the peer's read; both on the machine's clock",
        ),
        figure("dnp3.unsolicited_p99_ms", "ms", ("unsolicited", "p99_ms"), Target::Less, opendnp3(0.288), "as its p50"),
    ];
    tell(format!("{load}; loopback, two processes a measurement, {seconds} s each"));
    for figure in figures.into_iter().flatten() {
        let (line, text) = figure.lines();
        tell(text);
        say(&line.to_string());
    }
    Ok(())
}

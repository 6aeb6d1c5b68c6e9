//! The speed of IEC 60870-5-104 in both roles, without and with a bridge above it: `cargo bench -p bridge-tests --bench iec104`.
//!
//! Each measurement is a pair of processes on loopback: one of our sessions on the real shell, and a plain peer of our own that does no
//! more than the measurement needs. CPU figures are seconds (user and system) of our session's process per million points. Five
//! interleaved repeats; one JSON line per figure on standard output, targets and the machine's load on standard error.
//!
//! `-- --repeats N`, `--seconds S`, `--only CASE` for a quick look; `-- first CASE SECONDS` and `-- second CASE SECONDS PORT` are the
//! two halves, for a profiler.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

#[path = "iec104/durable.rs"]
mod durable;
#[path = "iec104/hostile.rs"]
mod hostile;
#[path = "iec104/link.rs"]
mod link;
#[path = "measure/mod.rs"]
mod measure;
#[path = "iec104/ours.rs"]
mod ours;
#[path = "iec104/peer.rs"]
mod peer;
#[path = "iec104/serving.rs"]
mod serving;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::measure::{Figure, Target, line, load, quantile, say, start, tell};
use crate::peer::Act;

/// Points of an interrogation.
const GI_POINTS: usize = 10_000;
/// Interrogations of one measurement, and those before it.
const GI_TIMES: usize = 20;
const GI_WARM: usize = 3;
/// Commands of one measurement, and those before it.
const COMMANDS: usize = 10_000;
const COMMANDS_WARM: usize = 500;
/// Single values of one measurement, the first ones not counted.
const EVENTS: usize = 90;
const EVENTS_WARM: usize = 10;

/// Which process of a pair has the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tells {
    First,
    Second,
    /// Each has its instants.
    Both,
}

/// A pair of processes. The first one listens and says on which port, the second connects.
const CASES: [(&str, Tells); 8] = [
    ("client", Tells::Second),
    ("server", Tells::First),
    ("server_events", Tells::First),
    ("event", Tells::Both),
    ("gi", Tells::Second),
    ("gi_prepared", Tells::Second),
    ("gi_durable", Tells::First),
    ("select", Tells::Second),
];

/// The one case that needs no peer.
const HOSTILE: &str = "bad_input";

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
        "client" => peer::station(Act::Flood),
        "server" => serving::serve(false, span),
        "server_events" => serving::serve(true, span),
        "event" => serving::emit(),
        "gi" => serving::image(),
        "gi_prepared" | "select" => peer::station(Act::Answer),
        "gi_durable" => peer::station(Act::Restart),
        _ => anyhow::bail!("no case is called {case}"),
    }
}

fn second(case: &str, span: Duration, port: u16) -> Result<()> {
    match case {
        "client" => ours::receive(port, span),
        "server" | "server_events" => peer::receiver(port, None),
        "event" => peer::receiver(port, Some(EVENTS)),
        "gi" | "gi_prepared" => ours::interrogate(port),
        "gi_durable" => durable::run(port),
        "select" => ours::command(port),
        _ => anyhow::bail!("no case is called {case}"),
    }
}

/// Runs a case once: what it found.
fn pair(case: &str, tells: Tells, seconds: &str) -> Result<Value> {
    let (first, mut told) = start(&["first", case, seconds])?;
    let port = line(&mut told)?;
    let (second, mut found) = start(&["second", case, seconds, &port])?;
    let result = match tells {
        Tells::First => serde_json::from_str(&line(&mut told)?)?,
        Tells::Second => serde_json::from_str(&line(&mut found)?)?,
        Tells::Both => {
            let seen: Vec<i64> = serde_json::from_str(&line(&mut found)?)?;
            second.finish()?;
            let set: Vec<i64> = serde_json::from_str(&line(&mut told)?)?;
            anyhow::ensure!(set.len() == EVENTS && seen.len() == EVENTS, "events are missing");
            let mut taken_ms: Vec<f64> = set.iter().zip(&seen).skip(EVENTS_WARM).map(|(set, seen)| (seen - set) as f64 / 1e6).collect();
            let found = json!({ "p50_ms": quantile(&mut taken_ms, 0.5), "p99_ms": quantile(&mut taken_ms, 0.99) });
            return Ok(found);
        }
    };
    if case == "gi_durable" {
        // It removes its journal.
        second.finish()?;
    }
    drop(first);
    Ok(result)
}

fn run(options: &[&str]) -> Result<()> {
    let option = |name: &str| options.iter().position(|word| *word == name).and_then(|at| options.get(at + 1)).copied();
    let repeats: usize = option("--repeats").unwrap_or("5").parse()?;
    let seconds = option("--seconds").unwrap_or("2");
    let mut samples: BTreeMap<(&str, String), Vec<f64>> = BTreeMap::new();
    let before = load();
    for repeat in 1..=repeats {
        for (case, tells) in CASES.iter().filter(|(case, _)| option("--only").is_none_or(|name| name == *case)) {
            let found = pair(case, *tells, seconds).with_context(|| format!("case {case}"))?;
            tell(format!("repeat {repeat} {case}: {found}"));
            for (name, value) in found.as_object().into_iter().flatten() {
                samples.entry((case, name.clone())).or_default().push(value.as_f64().unwrap_or(f64::NAN));
            }
        }
        if option("--only").is_none_or(|name| name == HOSTILE) {
            let max_ms = hostile::worst();
            tell(format!("repeat {repeat} {HOSTILE}: {max_ms}"));
            samples.entry((HOSTILE, "max_ms".to_owned())).or_default().push(max_ms);
        }
    }
    let load = format!("load average {before} before, {} after; {repeats} interleaved repeats", load());
    let mut figure = |name, unit, (case, field): (&'static str, &str), target, peer_value: Option<f64>, note: &str| {
        let samples = samples.remove(&(case, field.to_owned()))?;
        let note = if peer_value.is_some() { format!("recorded; {note}") } else { note.to_owned() };
        Some(Figure { name, unit, samples, target, peer: peer_value.map(|value| ("lib60870", value)), note: format!("{note}; {load}") })
    };
    let stream = "M_ME_TF_1, 16 objects a frame, k = 12, w = 8, 10,400 points";
    let figures = [
        figure(
            "iec104.client.cpu_s_per_m",
            "s/Mpoint",
            ("client", "cpu_s_per_m"),
            Target::AtMost(0.08),
            Some(0.251),
            &format!("receipts at once, every value and stamp looked at; prepared sender; {stream}"),
        ),
        figure(
            "iec104.client.rate",
            "points/s",
            ("client", "rate"),
            Target::More,
            None,
            &format!("sender on the same two cores; {stream}"),
        ),
        figure(
            "iec104.server.cpu_s_per_m",
            "s/Mpoint",
            ("server", "cpu_s_per_m"),
            Target::AtMost(0.15),
            Some(0.44),
            &format!("best of 0.44 to 0.60; measurands, published in batches of what was just acknowledged; plain receiver; {stream}"),
        ),
        figure(
            "iec104.server_events.cpu_s_per_m",
            "s/Mpoint",
            ("server_events", "cpu_s_per_m"),
            Target::Less,
            Some(0.44),
            &format!("the same as events, each queued until it is acknowledged; {stream}"),
        ),
        figure(
            "iec104.server.rate",
            "points/s",
            ("server", "rate"),
            Target::More,
            None,
            &format!("receiver on the same two cores; {stream}"),
        ),
        figure(
            "iec104.server_event_p50_ms",
            "ms",
            ("event", "p50_ms"),
            Target::AtMost(0.2),
            Some(48.5),
            "idle link; one value set in the engine's thread, which wakes the link's task, to the return of the peer's read; both on the machine's clock",
        ),
        figure("iec104.server_event_p99_ms", "ms", ("event", "p99_ms"), Target::Less, Some(96.9), "as its p50"),
        figure(
            "iec104.gi_10k_ms",
            "ms",
            ("gi", "gi_ms"),
            Target::AtMost(5.0),
            Some(4.7),
            "our controlling and our controlled session, each in its process; request to termination, M_ME_NC_1, SQ = 0, 334 frames, receipts at once, k = 12, w = 8",
        ),
        figure(
            "iec104.gi_10k_prepared_ms",
            "ms",
            ("gi_prepared", "gi_ms"),
            Target::Less,
            None,
            "the same against prepared frames: our controlling session alone",
        ),
        figure(
            "path.gi_10k_ms",
            "ms",
            ("gi_durable", "gi_ms"),
            Target::Less,
            None,
            "the whole bridge against prepared frames: from the request at the station to the N(R) that covers the termination, every frame journaled and durable; k = 12, w = 1",
        ),
        figure(
            "iec104.select_execute_p50_us",
            "us",
            ("select", "p50_us"),
            Target::AtMost(40.0),
            Some(28.0),
            "C_SE_NC_1: request, select, confirmation, execute, confirmation, settled; one after the other; plain station",
        ),
        figure("iec104.select_execute_p99_us", "us", ("select", "p99_us"), Target::Less, Some(56.0), "as its p50"),
        figure(
            "iec104.bad_input_max_ms",
            "ms",
            (HOSTILE, "max_ms"),
            Target::AtMost(10.0),
            None,
            "the longest of all hostile inputs of one connection, both roles, whole and octet by octet, 10,400 points; session alone, wall clock, shortest of five runs each",
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

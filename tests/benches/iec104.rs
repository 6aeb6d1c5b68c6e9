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
#[path = "iec104/peer.rs"]
mod peer;
#[path = "iec104/serving.rs"]
mod serving;

use std::time::Duration;

use anyhow::Result;
use bridge_iec60870::Iec104;
use bridge_session::{Protocol as _, Role, Session};
use serde_json::{Value, json};

use crate::link::link;
use crate::measure::{EVENTS, POINTS, Target, Tells, own, pair, port, print, repeated};
use crate::peer::Act;

/// Points of an interrogation.
const GI_POINTS: usize = 10_000;

/// A pair of processes. The first one listens and says on which port, the second connects.
const CASES: [(&str, Tells); 8] = [
    ("client", Tells::Second),
    ("server", Tells::First),
    ("server_events", Tells::First),
    ("event", Tells::Both),
    ("gi", Tells::Second),
    ("gi_prepared", Tells::Second),
    // The second one removes its journal.
    ("gi_durable", Tells::FirstThenEnd),
    ("select", Tells::Second),
];

/// The one case that needs no peer.
const HOSTILE: &str = "bad_input";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["first", case, seconds] => first(case, Duration::from_secs_f64(seconds.parse()?)),
        ["second", case, seconds, number] => second(case, Duration::from_secs_f64(seconds.parse()?), port(number)?),
        options => run(options),
    }
}

/// Our session in a role, with so many floats.
fn ours(role: Role, points: usize, type_id: &str) -> Box<dyn Session> {
    Iec104.session(&link(role, points, type_id))
}

fn first(case: &str, span: Duration) -> Result<()> {
    match case {
        "client" => peer::station(Act::Flood),
        "server" => serving::serve(false, span),
        "server_events" => serving::serve(true, span),
        "event" => measure::emit(measure::task(0, Iec104, &link(Role::Server, POINTS, "M_ME_TF_1"), measure::endpoint()?), 0),
        "gi" => measure::image(ours(Role::Server, GI_POINTS, "M_ME_NC_1"), 0, GI_POINTS),
        "gi_prepared" | "select" => peer::station(Act::Answer),
        "gi_durable" => peer::station(Act::Restart),
        _ => anyhow::bail!("no case is called {case}"),
    }
}

fn second(case: &str, span: Duration, port: u16) -> Result<()> {
    match case {
        "client" => measure::receive(ours(Role::Client, POINTS, "M_ME_TF_1"), port, span),
        "server" | "server_events" => peer::receiver(port, None),
        "event" => peer::receiver(port, Some(EVENTS)),
        "gi" | "gi_prepared" => measure::interrogate(ours(Role::Client, GI_POINTS, "M_ME_NC_1"), port, GI_POINTS),
        "gi_durable" => durable::run(port),
        "select" => measure::command(ours(Role::Client, 1, "M_ME_NC_1"), port, 1),
        _ => anyhow::bail!("no case is called {case}"),
    }
}

/// Runs a case once: what it found.
fn measure_case(case: &str, seconds: &str) -> Result<Option<Value>> {
    let Some((_, tells)) = CASES.iter().find(|(name, _)| *name == case) else {
        return Ok(Some(json!({ "max_ms": hostile::worst() })));
    };
    let first = own(&["first", case, seconds])?;
    pair(*tells, first, |port| own(&["second", case, seconds, port])).map(Some)
}

fn run(options: &[&str]) -> Result<()> {
    let cases: Vec<&str> = CASES.iter().map(|(case, _)| *case).chain([HOSTILE]).collect();
    let samples = repeated(options, &cases, measure_case)?;
    let figure = |name, unit, case, target, peer: Option<f64>, note: &str| {
        samples.figure((name, unit), case, target, peer.map(|value| ("lib60870", value)), note)
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
            ("gi", "p50_ms"),
            Target::AtMost(5.0),
            Some(4.7),
            "our controlling and our controlled session, each in its process; request to termination, M_ME_NC_1, SQ = 0, 334 frames, receipts at once, k = 12, w = 8",
        ),
        figure(
            "iec104.gi_10k_prepared_ms",
            "ms",
            ("gi_prepared", "p50_ms"),
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
    print(figures);
    Ok(())
}

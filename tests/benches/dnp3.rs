//! The speed of DNP3 in both roles: `cargo bench -p bridge-tests --bench dnp3`.
//!
//! Each measurement is a pair of processes on loopback: one of our sessions on the real shell, and a plain peer of our own that does no
//! more than the measurement needs. CPU figures are seconds (user and system) of our session's process per million events. Five
//! interleaved repeats; one JSON line per figure on standard output, targets and the machine's load on standard error.
//!
//! Where the environment of the interop tests is there, opendnp3 takes our session's place in the same run, against the same plain peer
//! (and as the master of our outstation, where two sessions of ours are measured): the figures `dnp3.yadnp3_*`. It comes with the cost of its Python
//! binding (yadnp3), and without what that cannot set: its events are g32v1, whole numbers without time, and its outstation holds as many points
//! of every type as of one, so that nobody reads 10,000 analogues of it alone. The peer of the figures is opendnp3 as recorded.
//!
//! `-- --repeats N`, `--seconds S`, `--only CASE` for a quick look; `-- first CASE SECONDS` and `-- second CASE SECONDS PORT` are the
//! two halves, for a profiler.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

#[path = "dnp3/link.rs"]
mod link;
#[path = "measure/mod.rs"]
mod measure;
#[path = "dnp3/peer.rs"]
mod peer;
#[path = "dnp3/serving.rs"]
mod serving;
/// Frames by hand, as the tests of bad input make them.
#[allow(dead_code, clippy::unwrap_used, reason = "it belongs to tests, and not all of it is needed")]
#[path = "../../adapters/dnp3/tests/malformed/wire.rs"]
mod wire;
#[path = "dnp3/yadnp3.rs"]
mod yadnp3;

use std::time::Duration;

use anyhow::Result;
use bridge_dnp3::Dnp3;
use bridge_session::{Protocol as _, Role, Session};
use serde_json::Value;

use crate::link::link;
use crate::measure::{EVENTS, Target, Tells, own, pair, port, print, repeated};
use crate::peer::Act;

/// Points of each type.
const POINTS: usize = 10_000;

/// A pair of processes. The first one listens and says on which port, the second connects.
const CASES: [(&str, Tells); 11] = [
    ("master", Tells::Second),
    ("yadnp3_master", Tells::Second),
    ("master_binary", Tells::Second),
    ("outstation", Tells::First),
    ("yadnp3_outstation", Tells::First),
    ("integrity", Tells::Second),
    ("yadnp3_integrity", Tells::Second),
    ("sbo", Tells::Second),
    ("yadnp3_sbo", Tells::Second),
    ("unsolicited", Tells::Both),
    ("yadnp3_unsolicited", Tells::Both),
];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["first", case, seconds] => first(case, Duration::from_secs_f64(seconds.parse()?)),
        ["second", case, seconds, number] => second(case, Duration::from_secs_f64(seconds.parse()?), port(number)?),
        options => run(options),
    }
}

/// Our session in a role, with so many analogues and binaries.
fn ours(role: Role, analogs: usize, binaries: usize) -> Box<dyn Session> {
    Dnp3.session(&link(role, analogs, binaries))
}

fn first(case: &str, span: Duration) -> Result<()> {
    match case {
        "master" => peer::outstation(Act::Analogs),
        "master_binary" => peer::outstation(Act::Binaries),
        "outstation" => serving::serve(span),
        "integrity" => measure::image(ours(Role::Server, POINTS, 0), 1, POINTS),
        "sbo" => peer::outstation(Act::Answer),
        "unsolicited" => measure::emit(measure::task(0, Dnp3, &link(Role::Server, POINTS, 0), measure::endpoint()?), 1),
        _ => anyhow::bail!("no case is called {case}"),
    }
}

fn second(case: &str, span: Duration, port: u16) -> Result<()> {
    match case {
        "master" | "master_binary" => measure::receive(ours(Role::Client, POINTS, POINTS), port, span),
        "outstation" => peer::master(port, None),
        "integrity" => measure::interrogate(ours(Role::Client, POINTS, 0), port, POINTS),
        "sbo" => measure::command(ours(Role::Client, 1, 0), port, 2),
        "unsolicited" => peer::master(port, Some(EVENTS)),
        _ => anyhow::bail!("no case is called {case}"),
    }
}

/// Runs a case once: what it found, if it can be run here.
fn measure_case(case: &str, seconds: &str) -> Result<Option<Value>> {
    let (_, tells) = CASES.iter().find(|(name, _)| *name == case).expect("a case of the table");
    let Some(case) = case.strip_prefix("yadnp3_") else {
        let first = own(&["first", case, seconds])?;
        return pair(*tells, first, |port| own(&["second", case, seconds, port])).map(Some);
    };
    let Some(yadnp3) = yadnp3::command(case, seconds) else { return Ok(None) };
    if yadnp3::listens(case) {
        return pair(*tells, yadnp3, |port| own(&["second", case, seconds, port])).map(Some);
    }
    pair(*tells, own(&["first", case, seconds])?, |port| Ok(yadnp3::to(yadnp3, port))).map(Some)
}

fn run(options: &[&str]) -> Result<()> {
    let samples = repeated(options, &CASES.map(|(case, _)| case), measure_case)?;
    let figure = |name, unit, case, target, peer, note: &str| samples.figure((name, unit), case, target, peer, note);
    let opendnp3 = |value| Some(("opendnp3", value));
    let foreign = "not ours: opendnp3 through its Python binding in the same run; recorded without it";
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
            ("yadnp3_master", "cpu_s_per_m"),
            Target::Less,
            opendnp3(0.352),
            &format!("{foreign}; with what the binding makes of each value; g32v7, the same sender; {events}"),
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
            "dnp3.yadnp3_outstation.cpu_s_per_m",
            "s/Mevent",
            ("yadnp3_outstation", "cpu_s_per_m"),
            Target::Less,
            opendnp3(0.75),
            &format!(
                "{foreign}; g32v1, prepared updates put in again while there is room for them; the same master; unsolicited, fragments of 2048 octets"
            ),
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
            "dnp3.yadnp3_integrity_10k_p50_ms",
            "ms",
            ("yadnp3_integrity", "p50_ms"),
            Target::Less,
            opendnp3(1.96),
            &format!("{foreign}; opendnp3 as the master of our outstation, with what the binding makes of each value"),
        ),
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
            "dnp3.yadnp3_sbo_p50_us",
            "us",
            ("yadnp3_sbo", "p50_us"),
            Target::Less,
            opendnp3(58.0),
            &format!("{foreign}; opendnp3 as the master of the same plain outstation, to its callback in Python"),
        ),
        figure(
            "dnp3.unsolicited_p50_ms",
            "ms",
            ("unsolicited", "p50_ms"),
            Target::AtMost(0.3),
            opendnp3(0.145),
            "idle link; one value set in the engine's thread, which wakes the link's task, to the return of the peer's read; both on the machine's clock",
        ),
        figure("dnp3.unsolicited_p99_ms", "ms", ("unsolicited", "p99_ms"), Target::Less, opendnp3(0.288), "as its p50"),
        figure(
            "dnp3.yadnp3_unsolicited_p50_ms",
            "ms",
            ("yadnp3_unsolicited", "p50_ms"),
            Target::Less,
            opendnp3(0.145),
            &format!("{foreign}; opendnp3 as the outstation of the same plain master, from its update in Python"),
        ),
    ];
    print(figures);
    Ok(())
}

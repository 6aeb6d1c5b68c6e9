//! Cases, each a pair of processes on loopback, and the figures of their repeats.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{EVENTS, EVENTS_WARM, Figure, Target, line, load, quantile, say, start, tell};

/// Which process of a pair has the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tells {
    First,
    Second,
    /// The first; the second is waited for, since it removes what it wrote.
    FirstThenEnd,
    /// Each has its instants.
    Both,
}

/// Runs a pair once: the first one listens and says on which port, the second one connects there. What it found.
pub(crate) fn pair(tells: Tells, first: Command, second: impl FnOnce(&str) -> Result<Command>) -> Result<Value> {
    let (first, mut told) = start(first)?;
    let port = line(&mut told)?;
    let (second, mut found) = start(second(&port)?)?;
    let result = match tells {
        Tells::First | Tells::FirstThenEnd => serde_json::from_str(&line(&mut told)?)?,
        Tells::Second => serde_json::from_str(&line(&mut found)?)?,
        Tells::Both => {
            let seen: Vec<i64> = serde_json::from_str(&line(&mut found)?)?;
            second.finish()?;
            let set: Vec<i64> = serde_json::from_str(&line(&mut told)?)?;
            anyhow::ensure!(set.len() == EVENTS && seen.len() == EVENTS, "events are missing");
            let mut taken_ms: Vec<f64> = set.iter().zip(&seen).skip(EVENTS_WARM).map(|(set, seen)| (seen - set) as f64 / 1e6).collect();
            return Ok(json!({ "p50_ms": quantile(&mut taken_ms, 0.5), "p99_ms": quantile(&mut taken_ms, 0.99) }));
        }
    };
    if tells == Tells::FirstThenEnd {
        second.finish()?;
    }
    drop(first);
    Ok(result)
}

/// One of the two halves of a case, as this program's arguments: `first CASE SECONDS`, `second CASE SECONDS PORT`.
pub(crate) fn own(words: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words);
    Ok(command)
}

/// What was measured: by case and field, a sample of each repeat.
pub(crate) struct Samples {
    of: BTreeMap<(&'static str, String), Vec<f64>>,
    about: String,
}

/// Measures the cases again and again, interleaved: `--repeats N` times, `--only CASE`, each for `--seconds S`. A case that cannot be run here
/// finds nothing.
pub(crate) fn repeated(options: &[&str], cases: &[&'static str], measure: impl Fn(&str, &str) -> Result<Option<Value>>) -> Result<Samples> {
    let option = |name: &str| options.iter().position(|word| *word == name).and_then(|at| options.get(at + 1)).copied();
    let repeats: usize = option("--repeats").unwrap_or("5").parse()?;
    let seconds = option("--seconds").unwrap_or("2");
    let mut of: BTreeMap<(&'static str, String), Vec<f64>> = BTreeMap::new();
    let before = load();
    for repeat in 1..=repeats {
        for case in cases.iter().copied().filter(|case| option("--only").is_none_or(|name| name == *case)) {
            let Some(found) = measure(case, seconds).with_context(|| format!("case {case}"))? else {
                tell(format!("repeat {repeat} {case}: no environment for it, see ./check"));
                continue;
            };
            tell(format!("repeat {repeat} {case}: {found}"));
            for (name, value) in found.as_object().into_iter().flatten() {
                of.entry((case, name.clone())).or_default().push(value.as_f64().unwrap_or(f64::NAN));
            }
        }
    }
    let about = format!("load average {before} before, {} after; {repeats} interleaved repeats", load());
    tell(format!("{about}; loopback, two processes a measurement, {seconds} s each"));
    Ok(Samples { of, about })
}

impl Samples {
    /// A figure of a case's field, if that was measured; `peer` was recorded elsewhere.
    pub(crate) fn figure(
        &self,
        (name, unit): (&'static str, &'static str),
        (case, field): (&'static str, &str),
        target: Target,
        peer: Option<(&'static str, f64)>,
        note: &str,
    ) -> Option<Figure> {
        let samples = self.of.get(&(case, field.to_owned()))?.clone();
        let note = if peer.is_some() { format!("recorded; {note}") } else { note.to_owned() };
        Some(Figure { name, unit, samples, target, peer, note: format!("{note}; {}", self.about) })
    }
}

/// Prints what was found.
pub(crate) fn print(figures: impl IntoIterator<Item = Option<Figure>>) {
    for figure in figures.into_iter().flatten() {
        let (line, text) = figure.lines();
        tell(text);
        say(&line.to_string());
    }
}

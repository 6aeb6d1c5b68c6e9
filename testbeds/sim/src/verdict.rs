//! The judge: what the station did against what the EMS saw, both in their own words.
//!
//! Every time-tagged event of the station must be at the EMS exactly once, in order per point, with the same value and stamp and no better
//! quality. Every value the EMS was given must be one the station had. Every execution at the station must belong to an accepted dispatch,
//! at most once, inside the envelope, not after its time. At the end both sides must show the same.

use std::collections::BTreeMap;

use bridge_model::{Detail, Quality, Validity};

use crate::ledger::{Entry, EntryKind, StampedBy};

/// How a point of the station appears at the EMS: EMS value = station value × `factor` + `offset`. States take 1 and 0.
#[derive(Clone, PartialEq, Debug)]
pub struct PointMap {
    /// Its name in the station's ledger.
    pub station: String,
    /// Its name in the EMS's ledger.
    pub ems: String,
    /// Station wire units to EMS wire units.
    pub factor: f64,
    /// Station wire units to EMS wire units.
    pub offset: f64,
    /// How far the last values may differ, in EMS wire units.
    pub deadband: f64,
}

/// How a control of the EMS reaches the station: station value = EMS value × `factor` + `offset`.
#[derive(Clone, PartialEq, Debug)]
pub struct ControlMap {
    /// Its name in the station's ledger.
    pub station: String,
    /// Its name in the EMS's ledger; empty if no EMS commands it.
    pub ems: String,
    /// EMS wire units to station wire units.
    pub factor: f64,
    /// EMS wire units to station wire units.
    pub offset: f64,
    /// The least value that may ever be executed, station wire units.
    pub min: f64,
    /// The greatest value that may ever be executed, station wire units.
    pub max: f64,
    /// The bridge ramps (`ramp.by = "bridge"`): one dispatch becomes several executions towards its target, and only the first is bound by
    /// `not_after` (R1).
    pub stepped: bool,
}

/// A dispatch that did not come from the EMS of the ledger (another operator, another party).
#[derive(Clone, PartialEq, Debug)]
pub struct Dispatch {
    /// The control's name in the station's ledger.
    pub control: String,
    /// Its target, station wire units.
    pub target: f64,
    /// When it was issued, UTC nanoseconds.
    pub issued: i64,
    /// Its latest start, UTC nanoseconds.
    pub not_after: i64,
}

/// What belongs to what.
#[derive(Clone, PartialEq, Debug)]
pub struct Book {
    /// The points to compare; what is not listed is not compared.
    pub points: Vec<PointMap>,
    /// The controls to compare; an execution at a control that is not listed is wrong.
    pub controls: Vec<ControlMap>,
    /// Dispatches from elsewhere.
    pub dispatches: Vec<Dispatch>,
    /// How far the two clocks may be apart, nanoseconds.
    pub clock_tolerance_ns: i64,
}

impl Default for Book {
    /// Nothing listed, clocks within 50 ms.
    fn default() -> Self {
        Self { points: Vec::new(), controls: Vec::new(), dispatches: Vec::new(), clock_tolerance_ns: 50_000_000 }
    }
}

/// The verdict. All four counts must be zero.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Events that never arrived, values that never became good again, confirmed commands that were never executed.
    pub lost: u64,
    /// Events that arrived, and commands that were executed, more than once.
    pub double: u64,
    /// Executions after the dispatch's latest moment.
    pub late: u64,
    /// Values, stamps, qualities, orders and executions that should not be.
    pub wrong: u64,
    /// Events compared.
    pub events: u64,
    /// Other values compared.
    pub values: u64,
    /// Executions compared.
    pub executions: u64,
    /// One sentence for each finding, at most [`Verdict::DETAILS`].
    pub details: Vec<String>,
}

impl Verdict {
    /// How many findings are written out.
    pub const DETAILS: usize = 200;

    /// Whether nothing was found.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.lost == 0 && self.double == 0 && self.late == 0 && self.wrong == 0
    }

    fn find(&mut self, count: Count, by: u64, detail: impl FnOnce() -> String) {
        let (counter, word) = match count {
            Count::Lost => (&mut self.lost, "lost"),
            Count::Double => (&mut self.double, "double"),
            Count::Late => (&mut self.late, "late"),
            Count::Wrong => (&mut self.wrong, "wrong"),
        };
        *counter += by;
        if self.details.len() < Self::DETAILS {
            self.details.push(format!("{word}: {}", detail()));
        }
    }
}

#[derive(Clone, Copy)]
enum Count {
    Lost,
    Double,
    Late,
    Wrong,
}

/// Compares the ledger of a station with the ledger of the EMS at the other end.
#[must_use]
pub fn compare(station: &[Entry], ems: &[Entry], book: &Book) -> Verdict {
    let mut verdict = Verdict::default();
    let (at_station, at_ems) = (values_by_point(station), values_by_point(ems));
    let none = Vec::new();
    for map in &book.points {
        let made = at_station.get(map.station.as_str()).unwrap_or(&none);
        let seen = at_ems.get(map.ems.as_str()).unwrap_or(&none);
        compare_events(made, seen, map, &mut verdict);
        compare_values(made, seen, map, &mut verdict);
        compare_last(made, seen, map, &mut verdict);
    }
    compare_executions(station, ems, book, &mut verdict);
    verdict
}

/// The points of `points` that the EMS still held for good at the moment `at` (UTC nanoseconds): after a silent cut there must be none
/// later than detection + 1 s (R19).
#[must_use]
pub fn still_good(ems: &[Entry], points: &[&str], at: i64) -> Vec<String> {
    let seen = values_by_point(ems);
    let good = |name: &&&str| {
        let last = seen.get(**name).and_then(|entries| entries.iter().rev().find(|entry| entry.t <= at));
        last.is_some_and(|entry| is_topical(entry))
    };
    points.iter().filter(good).map(|name| (*name).to_owned()).collect()
}

fn values_by_point(ledger: &[Entry]) -> BTreeMap<&str, Vec<&Entry>> {
    let mut points: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in ledger.iter().filter(|entry| matches!(entry.kind, EntryKind::Event | EntryKind::Change)) {
        points.entry(&entry.point).or_default().push(entry);
    }
    points
}

fn quality(entry: &Entry) -> Quality {
    Quality::from_bits(entry.quality.unwrap_or(0), 0)
}

fn is_topical(entry: &Entry) -> bool {
    let quality = quality(entry);
    quality.validity == Validity::Good && !quality.detail.contains(Detail::OLD_DATA)
}

/// Equal but for the rounding of short floats on the way.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 + 1e-6 * a.abs().max(b.abs())
}

impl PointMap {
    /// A point of the same name and scale on both sides.
    #[must_use]
    pub fn same(name: &str, deadband: f64) -> Self {
        Self { station: name.to_owned(), ems: name.to_owned(), factor: 1.0, offset: 0.0, deadband }
    }

    fn expected(&self, entry: &Entry) -> f64 {
        entry.value.map_or(f64::NAN, |value| value * self.factor + self.offset)
    }
}

impl ControlMap {
    /// A control of the same name and scale on both sides.
    #[must_use]
    pub fn same(name: &str, min: f64, max: f64, stepped: bool) -> Self {
        Self { station: name.to_owned(), ems: name.to_owned(), factor: 1.0, offset: 0.0, min, max, stepped }
    }
}

fn stamp_text(ns: Option<i64>) -> String {
    let Some(ns) = ns else { return "no stamp".to_owned() };
    let ms = ns.div_euclid(1_000_000);
    let of_day = ms.div_euclid(1000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}.{:03} UTC", of_day / 3600, of_day / 60 % 60, of_day % 60, ms.rem_euclid(1000))
}

fn value_text(value: Option<f64>) -> String {
    value.map_or_else(|| "no value".to_owned(), |value| value.to_string())
}

/// Stamp and value as a key: states are small whole numbers, so their bits compare.
fn event_key(entry: &Entry, value: f64) -> (i64, u64) {
    (entry.stamp.unwrap_or(i64::MIN), value.to_bits())
}

fn compare_events(made: &[&Entry], seen: &[&Entry], map: &PointMap, verdict: &mut Verdict) {
    let mut expected: BTreeMap<(i64, u64), Vec<usize>> = BTreeMap::new();
    for (index, entry) in made.iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::Event) {
        verdict.events += 1;
        expected.entry(event_key(entry, map.expected(entry))).or_default().push(index);
    }
    let mut arrived: BTreeMap<(i64, u64), usize> = BTreeMap::new();
    let mut last = None;
    for entry in seen.iter().filter(|entry| entry.kind == EntryKind::Event) {
        let key = event_key(entry, entry.value.unwrap_or(f64::NAN));
        let Some(indices) = expected.get(&key) else {
            verdict.find(Count::Wrong, 1, || {
                let (value, stamp) = (value_text(entry.value), stamp_text(entry.stamp));
                format!("{} = {value} at {stamp} reached the EMS, the station has no such event of {}", map.ems, map.station)
            });
            continue;
        };
        let count = arrived.entry(key).or_default();
        let index = indices.get((*count).min(indices.len() - 1)).copied();
        *count += 1;
        if *count > indices.len() {
            verdict.find(Count::Double, 1, || {
                format!("{} = {} at {} reached the EMS again", map.ems, value_text(entry.value), stamp_text(entry.stamp))
            });
            continue;
        }
        if index < last {
            verdict.find(Count::Wrong, 1, || format!("{} at {} reached the EMS out of order", map.ems, stamp_text(entry.stamp)));
        }
        last = last.max(index);
        if let Some(source) = index.and_then(|index| made.get(index))
            && is_better(quality(entry), quality(source))
        {
            verdict.find(Count::Wrong, 1, || format!("{} at {} shows better quality than its source", map.ems, stamp_text(entry.stamp)));
        }
    }
    for (key, indices) in expected {
        let missing = indices.len().saturating_sub(arrived.get(&key).copied().unwrap_or(0));
        if missing > 0 {
            verdict.find(Count::Lost, missing as u64, || {
                format!("{} = {} at {} never reached the EMS", map.station, f64::from_bits(key.1), stamp_text(Some(key.0)))
            });
        }
    }
}

fn is_better(shown: Quality, source: Quality) -> bool {
    shown.validity < source.validity
}

/// Everything the EMS was shown that is no event must be something the station had.
fn compare_values(made: &[&Entry], seen: &[&Entry], map: &PointMap, verdict: &mut Verdict) {
    let mut by_stamp: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
    let mut had: Vec<f64> = Vec::new();
    for entry in made {
        by_stamp.entry(entry.stamp.unwrap_or(i64::MIN)).or_default().push(entry);
        had.push(map.expected(entry));
    }
    had.retain(|value| !value.is_nan());
    had.sort_by(f64::total_cmp);
    for entry in seen.iter().filter(|entry| entry.kind == EntryKind::Change) {
        // What is marked invalid claims nothing.
        if quality(entry).validity == Validity::Invalid {
            continue;
        }
        verdict.values += 1;
        let shown = entry.value.unwrap_or(f64::NAN);
        let near = had.partition_point(|value| *value < shown - 1e-9 - 1e-6 * shown.abs());
        if !had.get(near).is_some_and(|value| same(*value, shown)) {
            verdict.find(Count::Wrong, 1, || {
                format!("{} = {} reached the EMS, {} never had that value", map.ems, value_text(entry.value), map.station)
            });
            continue;
        }
        if entry.by != Some(StampedBy::Device) || !is_topical(entry) {
            continue;
        }
        let sources = by_stamp.get(&entry.stamp.unwrap_or(i64::MIN));
        let matching = sources.into_iter().flatten().find(|source| same(map.expected(source), shown));
        match matching {
            None => verdict.find(Count::Wrong, 1, || {
                let (value, stamp) = (value_text(entry.value), stamp_text(entry.stamp));
                format!("{} = {value} carries {stamp}, which is not when {} had it", map.ems, map.station)
            }),
            Some(source) if is_better(quality(entry), quality(source)) => {
                verdict
                    .find(Count::Wrong, 1, || format!("{} at {} shows better quality than its source", map.ems, stamp_text(entry.stamp)));
            }
            Some(_) => {}
        }
    }
}

/// At the end both sides must show the same, and the EMS must know that it is topical.
fn compare_last(made: &[&Entry], seen: &[&Entry], map: &PointMap, verdict: &mut Verdict) {
    let Some(source) = made.last() else { return };
    let Some(shown) = seen.last() else {
        verdict.find(Count::Lost, 1, || format!("{} never reached the EMS", map.station));
        return;
    };
    if !is_topical(shown) && is_topical(source) {
        verdict.find(Count::Lost, 1, || format!("{} is still marked not topical at the end", map.ems));
        return;
    }
    let (expected, value) = (map.expected(source), shown.value.unwrap_or(f64::NAN));
    if !same(expected, value) && (expected - value).abs() > map.deadband || value.is_nan() {
        verdict.find(Count::Wrong, 1, || {
            format!("{} shows {value} at the end, {} is {expected} (deadband {})", map.ems, map.station, map.deadband)
        });
    }
}

struct Accepted {
    dispatch: Dispatch,
    /// In the operator's words, for findings.
    origin: String,
    /// The EMS saw the termination: the plant took it.
    terminated: bool,
    executed: u64,
}

fn compare_executions(station: &[Entry], ems: &[Entry], book: &Book, verdict: &mut Verdict) {
    let executions: Vec<&Entry> = station.iter().filter(|entry| entry.kind == EntryKind::Execute).collect();
    verdict.executions += executions.len() as u64;
    for entry in &executions {
        if !book.controls.iter().any(|control| control.station == entry.point) {
            verdict.find(Count::Wrong, 1, || {
                format!("{} was executed at {}, no control of that name is known", entry.point, stamp_text(Some(entry.t)))
            });
        }
    }
    for control in &book.controls {
        let mut accepted = accepted(ems, control, book);
        let mut last: Option<f64> = None;
        for entry in executions.iter().filter(|entry| entry.point == control.station) {
            let value = entry.value.unwrap_or(f64::NAN);
            if !(value >= control.min && value <= control.max) {
                verdict
                    .find(Count::Wrong, 1, || format!("{} executed {value}, outside {} to {}", control.station, control.min, control.max));
            }
            if control.stepped {
                judge_step(entry, value, last, &mut accepted, book, verdict);
            } else {
                judge_single(entry, value, &mut accepted, book, verdict);
            }
            last = Some(value);
        }
        for missing in accepted.iter().filter(|accepted| accepted.terminated && accepted.executed == 0) {
            verdict.find(Count::Lost, 1, || format!("{} was told as done and never executed", missing.origin));
        }
    }
}

/// The dispatches of a control that were not refused, oldest first.
fn accepted(ems: &[Entry], control: &ControlMap, book: &Book) -> Vec<Accepted> {
    let mut found: Vec<Accepted> = book
        .dispatches
        .iter()
        .filter(|dispatch| dispatch.control == control.station)
        .map(|dispatch| Accepted {
            dispatch: dispatch.clone(),
            origin: format!("the dispatch of {} to {}", dispatch.control, dispatch.target),
            terminated: false,
            executed: 0,
        })
        .collect();
    let commands = ems.iter().filter(|entry| entry.kind == EntryKind::Command && !control.ems.is_empty() && entry.point == control.ems);
    for command in commands {
        let of_it = || ems.iter().filter(|entry| entry.id.is_some() && entry.id == command.id);
        let refused = of_it().any(|entry| {
            let text = entry.text.as_deref().unwrap_or("");
            entry.kind == EntryKind::Settled && (text.starts_with("refused") || text.starts_with("not_operated"))
        });
        let Some(value) = command.value.filter(|_| !refused) else { continue };
        found.push(Accepted {
            dispatch: Dispatch {
                control: control.station.clone(),
                target: value * control.factor + control.offset,
                issued: command.t,
                not_after: command.not_after.unwrap_or(i64::MAX),
            },
            origin: format!("{} to {value}, issued at {}", control.ems, stamp_text(Some(command.t))),
            terminated: of_it().any(|entry| entry.kind == EntryKind::Terminated),
            executed: 0,
        });
    }
    found.sort_by_key(|accepted| accepted.dispatch.issued);
    found
}

/// One dispatch, one execution.
fn judge_single(entry: &Entry, value: f64, accepted: &mut [Accepted], book: &Book, verdict: &mut Verdict) {
    let tolerance = book.clock_tolerance_ns;
    let wanted = |a: &Accepted| same(a.dispatch.target, value) && a.dispatch.issued - tolerance <= entry.t;
    let in_time = |a: &Accepted| entry.t <= a.dispatch.not_after.saturating_add(tolerance);
    let when = stamp_text(Some(entry.t));
    if let Some(found) = accepted.iter_mut().find(|a| wanted(a) && in_time(a) && a.executed == 0) {
        found.executed = 1;
    } else if let Some(found) = accepted.iter_mut().rev().find(|a| wanted(a) && a.executed > 0) {
        found.executed += 1;
        verdict.find(Count::Double, 1, || format!("{} was executed again at {when}", found.origin));
    } else if let Some(found) = accepted.iter_mut().rev().find(|a| wanted(a)) {
        found.executed = 1;
        let by_ms = (entry.t - found.dispatch.not_after) / 1_000_000;
        verdict.find(Count::Late, 1, || format!("{} was executed at {when}, {by_ms} ms after its latest moment", found.origin));
    } else {
        verdict.find(Count::Wrong, 1, || format!("{} executed {value} at {when}, no accepted dispatch wanted that", entry.point));
    }
}

/// One dispatch, several executions towards its target; the newest dispatch governs.
fn judge_step(entry: &Entry, value: f64, last: Option<f64>, accepted: &mut [Accepted], book: &Book, verdict: &mut Verdict) {
    let tolerance = book.clock_tolerance_ns;
    let when = stamp_text(Some(entry.t));
    // A dispatch governs from its first execution on; one that never started leaves the older one in force.
    let towards = |a: &Accepted| {
        last.is_none_or(|last| {
            (value - a.dispatch.target).abs() <= (last - a.dispatch.target).abs()
                && (value - a.dispatch.target) * (last - a.dispatch.target) >= 0.0
        }) || same(value, a.dispatch.target)
    };
    let began = accepted.iter().rposition(|a| a.executed > 0);
    let governing = accepted
        .iter()
        .enumerate()
        .rev()
        .find(|(index, a)| a.dispatch.issued - tolerance <= entry.t && began.is_none_or(|began| *index >= began) && towards(a))
        .map(|(index, _)| index);
    let Some(governing) = governing.and_then(|index| accepted.get_mut(index)) else {
        verdict.find(Count::Wrong, 1, || format!("{} executed {value} at {when}, no accepted dispatch leads there", entry.point));
        return;
    };
    governing.executed += 1;
    let repeated = governing.executed > 1 && last.is_some_and(|last| same(last, value));
    if repeated {
        verdict.find(Count::Double, 1, || format!("{}: the step to {value} was executed again at {when}", governing.origin));
    } else if governing.executed == 1 && entry.t > governing.dispatch.not_after.saturating_add(tolerance) {
        let by_ms = (entry.t - governing.dispatch.not_after) / 1_000_000;
        verdict.find(Count::Late, 1, || format!("{} started at {when}, {by_ms} ms after its latest moment", governing.origin));
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;

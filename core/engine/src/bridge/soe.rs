//! Sequence-of-events lines on their way into `log` operations (R20: only what was sent as a change). A line whose time is the bridge's own,
//! because the device gave none, is not called synchronised.
//!
//! The first line after a quiet moment leaves at once. While more follow they are gathered, each durable by its own entry: an operation is
//! signed, journaled and acknowledged as a whole, and a peer takes one per round trip, so an avalanche must not be an operation per frame.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_ies::format_time;
use bridge_model::{DoublePoint, Mono, Now, TimeFlags, TimeOrigin, Value as PointValue};
use bridge_profile::Verbs;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Bridge;
use crate::core::Core;
use crate::router::Change;
use crate::store::Table;
use crate::timers::Timer;

/// Longest cause in a line of a sequence of events, in characters (`grid-operation.schema.json`).
const MAX_CAUSE: usize = 64;
/// From one operation to the next of an avalanche.
const GATHER: Duration = Duration::from_millis(200);
/// The same while a peer does not keep up or is away.
const GATHER_LAGGING: Duration = Duration::from_secs(1);
/// Lines of one resource that have grown to so many octets wait no longer: a peer's door takes a mebibyte.
const MAX_OCTETS: usize = 128 * 1024;

/// A line as stored.
#[derive(Serialize, Deserialize)]
struct Line {
    era: String,
    line: Value,
}

/// The lines of one resource.
#[derive(Default)]
struct Lines {
    lines: Vec<Value>,
    /// Their numbers in the table; lines that leave in the call in which they came have none.
    stored: Vec<u64>,
    octets: usize,
}

/// Lines that wait for others.
pub(super) struct Soe {
    by_era: BTreeMap<String, Lines>,
    next: u64,
    /// Before this lines wait.
    due: Mono,
}

impl Soe {
    /// After a restart: what had been gathered leaves soon.
    pub(super) fn recover(core: &mut Core, now: Now) -> Self {
        let mut soe = Self { by_era: BTreeMap::new(), next: 0, due: now.mono };
        for (key, value) in core.store.entries(Table::Soe) {
            let Ok(number) = key.try_into().map(u64::from_be_bytes) else { continue };
            soe.next = number + 1;
            if let Ok(Line { era, line }) = serde_json::from_slice(value) {
                let lines = soe.by_era.entry(era).or_default();
                lines.lines.push(line);
                lines.stored.push(number);
            }
        }
        if !soe.by_era.is_empty() {
            core.timers.set(Timer::Soe, now.mono);
        }
        soe
    }

    /// Takes a line; `true` if its resource has enough of them.
    fn add(&mut self, core: &mut Core, era: &str, line: Value, now: Now) -> bool {
        let gathers = now.mono < self.due;
        let lines = match self.by_era.get_mut(era) {
            Some(lines) => lines,
            None => self.by_era.entry(era.to_owned()).or_default(),
        };
        let line = Line { era: era.to_owned(), line };
        if let Ok(octets) = serde_json::to_vec(&line) {
            lines.octets += octets.len();
            if gathers {
                core.put_bytes(Table::Soe, &self.next.to_be_bytes(), &octets);
                lines.stored.push(self.next);
                self.next += 1;
            }
        }
        lines.lines.push(line.line);
        lines.octets >= MAX_OCTETS
    }
}

impl Bridge {
    /// Takes the lines of a call.
    pub(super) fn log(&mut self, changes: &[Change], now: Now) {
        let plan = self.core.plan.clone();
        let mut any = false;
        for change in changes {
            let point = &plan.points[change.point];
            if !point.verbs.contains(Verbs::LOG) || !change.event || change.test || change.duplicate || !change.value.is_state() {
                continue;
            }
            // A switch on its way is told when it has arrived, or hangs (R18).
            if point.transit.is_some() && change.value == PointValue::Double(DoublePoint::Intermediate) {
                continue;
            }
            let alias = |value: PointValue| {
                #[expect(clippy::cast_possible_truncation, reason = "a state's code is 0 to 3")]
                let code = value.as_f64() as i64;
                point.alias.get(&code).cloned().unwrap_or_else(|| value.to_string())
            };
            let doubtful = change.time.origin == TimeOrigin::Bridge
                || change.time.flags.contains(TimeFlags::NOT_SYNCHRONISED)
                || change.time.flags.contains(TimeFlags::INVALID);
            let mut line = json!({
                "seq": 0,
                "t": format_time(change.time.utc.0),
                "timeQuality": { "sync": !doubtful },
                "element": plan.resource_of(point).map(|resource| resource.era.clone()),
                "signal": point.id,
                "to": alias(change.value),
                "historic": change.historic,
            });
            // What is not known is left out: the schema knows no null.
            if let Some(before) = change.before {
                line["from"] = alias(before).into();
            }
            if let Some(text) = &point.text {
                line["cause"] = text.chars().take(MAX_CAUSE).collect::<String>().into();
            }
            any = true;
            if self.soe.add(&mut self.core, &plan.resources[usize::from(point.resource)].era, line, now) {
                self.tell_soe(now);
            }
        }
        if any && now.mono >= self.soe.due {
            self.tell_soe(now);
        } else if !self.soe.by_era.is_empty() {
            self.core.timers.set(Timer::Soe, self.soe.due);
        }
    }

    /// Everything that was gathered leaves, one operation for each resource.
    pub(super) fn tell_soe(&mut self, now: Now) {
        self.core.timers.cancel(&Timer::Soe);
        for (era, Lines { mut lines, stored, .. }) in std::mem::take(&mut self.soe.by_era) {
            for (seq, line) in lines.iter_mut().enumerate() {
                line["seq"] = seq.into();
            }
            for number in stored {
                self.core.delete(Table::Soe, &number.to_be_bytes());
            }
            self.publish("log", "SOE", &era, &json!({ "entries": lines }), "LOGGED", now);
        }
        self.soe.due = now.mono + if self.exchange.lags() { GATHER_LAGGING } else { GATHER };
    }
}

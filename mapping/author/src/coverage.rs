//! `coverage`: what the tests of a profile leave out, and what of a device's list the profile leaves out.

mod device;
mod touch;

use std::fmt::Write as _;

use bridge_profile::{ControlKind, Plan};
use bridge_session::Protocol;
use serde_json::{Value, json};

pub use device::{Device, DeviceRow, DeviceVerdict};

use crate::words;
use touch::Touched;

/// What tests touch, and what they do not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coverage {
    /// How many points there are, and the ids of those that no test feeds or expects.
    pub points: (usize, Vec<String>),
    /// Each limit and state alarm.
    pub limits: Vec<LimitCoverage>,
    /// Each control but companions, which their owner writes.
    pub controls: Vec<ControlCoverage>,
    /// How many served points there are, and the ids of those that no test expects on the wire.
    pub served: (usize, Vec<String>),
    /// For each resource that has anything: its key and how many points or controls take part in each of [`Coverage::verbs`].
    pub matrix: Vec<(String, Vec<usize>)>,
    /// The columns of the matrix.
    pub verbs: Vec<String>,
}

/// One limit or state alarm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitCoverage {
    /// The point's id.
    pub point: String,
    /// The limit's name; `alarm` for a state alarm.
    pub limit: String,
    /// A test expects it to be raised.
    pub raised: bool,
    /// A test expects it to clear; `None` if it cannot clear by itself.
    pub cleared: Option<bool>,
}

/// One control.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlCoverage {
    /// Its id.
    pub id: String,
    /// Its verb.
    pub verb: String,
    /// A test commands it and expects that it is taken.
    pub accepted: bool,
    /// A test commands it and expects that it is refused.
    pub rejected: bool,
}

impl Coverage {
    /// Whether the tests leave nothing out.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.points.1.is_empty()
            && self.served.1.is_empty()
            && self.limits.iter().all(|limit| limit.raised && limit.cleared != Some(false))
            && self.controls.iter().all(|control| control.accepted && control.rejected)
    }

    /// As people read it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let share = |what: &str, (all, missing): &(usize, Vec<String>), out: &mut String| {
            let _ = writeln!(out, "{what}: {} of {all} in a test", all - missing.len());
            for id in missing {
                let _ = writeln!(out, "  not in any test: {id}");
            }
        };
        share("points", &self.points, &mut out);
        share("served points", &self.served, &mut out);
        let good = self.limits.iter().filter(|limit| limit.raised && limit.cleared != Some(false)).count();
        let _ = writeln!(out, "limits and alarms: {good} of {} raised and cleared in a test", self.limits.len());
        for limit in &self.limits {
            let missing: Vec<&str> = [(!limit.raised, "raised"), (limit.cleared == Some(false), "cleared")]
                .into_iter()
                .filter_map(|(is, word)| is.then_some(word))
                .collect();
            if !missing.is_empty() {
                let _ = writeln!(out, "  never {}: {} of {}", missing.join(" nor "), limit.limit, limit.point);
            }
        }
        let good = self.controls.iter().filter(|control| control.accepted && control.rejected).count();
        let _ = writeln!(out, "controls: {good} of {} taken and refused in a test", self.controls.len());
        for control in &self.controls {
            let missing: Vec<&str> = [(!control.accepted, "taken"), (!control.rejected, "refused")]
                .into_iter()
                .filter_map(|(is, word)| is.then_some(word))
                .collect();
            if !missing.is_empty() {
                let _ = writeln!(out, "  never {}: {} ({})", missing.join(" nor "), control.id, control.verb);
            }
        }
        let widest = self.matrix.iter().map(|(key, _)| key.chars().count()).chain([8]).max().unwrap_or(8);
        let _ = writeln!(out, "\n{:<widest$} {}", "resource", self.verbs.iter().map(|verb| format!("{verb:>9}")).collect::<String>());
        for (key, counts) in &self.matrix {
            let cells: String = counts.iter().map(|n| if *n == 0 { format!("{:>9}", "·") } else { format!("{n:>9}") }).collect();
            let _ = writeln!(out, "{key:<widest$} {cells}");
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let limit = |l: &LimitCoverage| json!({ "point": l.point, "limit": l.limit, "raised": l.raised, "cleared": l.cleared });
        let control = |c: &ControlCoverage| json!({ "id": c.id, "verb": c.verb, "taken": c.accepted, "refused": c.rejected });
        let matrix: serde_json::Map<String, Value> = self
            .matrix
            .iter()
            .map(|(key, counts)| (key.clone(), self.verbs.iter().zip(counts).map(|(verb, n)| (verb.clone(), json!(n))).collect()))
            .collect();
        json!({
            "whole": self.is_whole(),
            "points": { "all": self.points.0, "untested": self.points.1 },
            "served": { "all": self.served.0, "untested": self.served.1 },
            "limits": self.limits.iter().map(limit).collect::<Vec<_>>(),
            "controls": self.controls.iter().map(control).collect::<Vec<_>>(),
            "matrix": matrix,
        })
    }
}

/// What the tests of a plan touch.
#[must_use]
pub fn coverage(plan: &Plan, protocols: &[&dyn Protocol]) -> Coverage {
    let touched = Touched::of(plan, protocols);
    let untested = |all: &mut dyn Iterator<Item = &str>, touched: &[bool]| -> Vec<String> {
        all.zip(touched).filter(|(_, touched)| !**touched).map(|(id, _)| id.to_owned()).collect()
    };
    let mut limits = Vec::new();
    for (index, point) in plan.points.iter().enumerate() {
        let mut add = |name: &str, latch: bool| {
            let raised = touched.raised.contains(&(index, name.to_owned()));
            let cleared = (!latch).then(|| touched.cleared.contains(&(index, name.to_owned())));
            limits.push(LimitCoverage { point: point.id.clone(), limit: name.to_owned(), raised, cleared });
        };
        for limit in &point.limits {
            add(&limit.name, false);
        }
        if let Some(alarm) = &point.alarm {
            add("alarm", alarm.latch);
        }
    }
    let controls = plan
        .controls
        .iter()
        .enumerate()
        .filter(|(_, control)| !matches!(control.kind, ControlKind::Companion(_) | ControlKind::Ask(_)))
        .map(|(index, control)| ControlCoverage {
            id: control.id.clone(),
            verb: control.verb.clone(),
            accepted: touched.accepted.contains(&index),
            rejected: touched.rejected.contains(&index),
        })
        .collect();
    let (verbs, matrix) = matrix(plan);
    Coverage {
        points: (plan.points.len(), untested(&mut plan.points.iter().map(|point| point.id.as_str()), &touched.points)),
        limits,
        controls,
        served: (plan.served.len(), untested(&mut plan.served.iter().map(|served| served.id.as_str()), &touched.served)),
        matrix,
        verbs,
    }
}

fn matrix(plan: &Plan) -> (Vec<String>, Vec<(String, Vec<usize>)>) {
    let mut verbs: Vec<String> = ["stream", "report", "alarm", "log"].map(str::to_owned).to_vec();
    for control in &plan.controls {
        if !verbs.contains(&control.verb) {
            verbs.push(control.verb.clone());
        }
    }
    let mut matrix: Vec<(String, Vec<usize>)> =
        plan.resources.iter().map(|resource| (resource.key.clone(), vec![0; verbs.len()])).collect();
    let mut count = |resource: u16, verb: &str| {
        let column = verbs.iter().position(|known| known == verb);
        let row = matrix.get_mut(usize::from(resource));
        if let (Some(column), Some((_, counts))) = (column, row)
            && let Some(cell) = counts.get_mut(column)
        {
            *cell += 1;
        }
    };
    for point in &plan.points {
        for verb in words::verbs(point.verbs) {
            count(point.resource, verb);
        }
    }
    for control in plan.controls.iter().filter(|control| !matches!(control.kind, ControlKind::Companion(_))) {
        count(control.resource, &control.verb);
    }
    matrix.retain(|(_, counts)| counts.iter().any(|n| *n > 0));
    (verbs, matrix)
}

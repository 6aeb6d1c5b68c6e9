//! A device's own list of addresses, held against the profile.

use std::collections::{BTreeMap, BTreeSet};

use bridge_diag::Report;
use bridge_profile::Plan;
use bridge_session::{Field, Fields, LinkPoint};
use serde_json::{Value, json};

use super::touch::same_address;
use crate::facts::{Place, place_of};
use crate::lines::Lines;
use crate::words;

/// A device's list, row by row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Each row of the list.
    pub rows: Vec<DeviceRow>,
    /// What the profile has on the link and the list has not: id and address.
    pub missing: Vec<(String, String)>,
}

/// One address of the device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceRow {
    /// The line of the list.
    pub line: usize,
    /// The address as the list says it.
    pub address: String,
    /// What the profile does with it.
    pub verdict: DeviceVerdict,
}

/// The points of a link by each number of their addresses: a list of 100,000 rows is not held against 100,000 points row by row.
struct Places(BTreeMap<String, BTreeMap<i64, Vec<usize>>>);

impl Places {
    fn of(points: &[LinkPoint]) -> Self {
        let mut places: BTreeMap<String, BTreeMap<i64, Vec<usize>>> = BTreeMap::new();
        for (at, point) in points.iter().enumerate() {
            for (name, field) in &point.address {
                if let Field::Int(number) = field {
                    places.entry(name.to_owned()).or_default().entry(*number).or_default().push(at);
                }
            }
        }
        Self(places)
    }

    /// The points that share the rarest number with an address.
    fn near(&self, address: &Fields) -> Vec<usize> {
        let mut best: Option<&[usize]> = None;
        for (name, field) in address {
            if let Field::Int(number) = field {
                let sharing = self.0.get(name).and_then(|numbers| numbers.get(number)).map_or(&[][..], Vec::as_slice);
                // A number that no point has in a field that points have is nobody's.
                if best.is_none_or(|best| sharing.len() < best.len()) {
                    best = Some(sharing);
                }
            }
        }
        best.unwrap_or_default().to_vec()
    }
}

/// What the profile does with an address of a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeviceVerdict {
    /// It is this point or control.
    Bound(Vec<String>),
    /// It is left out on purpose: the words of the column `ignore`.
    Ignored(String),
    /// Nobody decided.
    Unknown,
}

impl Device {
    /// Compares a list with a link of the plan. The first line names the columns: address fields (`ioa`, `type`, `index`; `addr.ioa` is the
    /// same), `ignore` (why an address is left out), and any others, which are not read. `link` may be left out if the plan has only one.
    ///
    /// # Errors
    /// The link is not known, or no column is an address field.
    pub fn compare(plan: &Plan, link: Option<&str>, list: &str) -> Result<Self, String> {
        let planned = match link {
            Some(name) => plan.links.iter().find(|link| link.spec.name == name).ok_or_else(|| format!("there is no link `{name}`"))?,
            None => match plan.links.as_slice() {
                [one] => one,
                many => {
                    return Err(format!(
                        "say which link: {}",
                        many.iter().map(|link| link.spec.name.as_str()).collect::<Vec<_>>().join(", ")
                    ));
                }
            },
        };
        let known: BTreeSet<&str> = planned.spec.points.iter().flat_map(|point| point.address.keys()).collect();
        let fields_of_link = |name: &str| known.contains(name);
        let mut report = Report::new();
        let source = report.add_source("list", list);
        let mut records = bridge_profile::csv_records(list, source).into_iter();
        let header = records.next().ok_or("the list is empty")?;
        let columns: Vec<&str> = header.iter().map(|(name, _)| name.trim().trim_start_matches("addr.")).collect();
        if !columns.iter().any(|name| fields_of_link(name)) {
            return Err(format!(
                "no column is an address field; those of link `{}` are {}",
                planned.spec.name,
                known.iter().copied().collect::<Vec<_>>().join(", ")
            ));
        }
        let id = |point: &LinkPoint| match place_of(planned.spec.role, point) {
            Place::Point(index) => plan.points.get(index).map(|point| point.id.clone()),
            Place::Control(index) => plan.controls.get(index).map(|control| control.id.clone()),
            Place::Served(index) => plan.served.get(index).map(|served| served.id.clone()),
        };
        let places = Places::of(&planned.spec.points);
        let mut lines = Lines::new(&report);
        let mut rows = Vec::new();
        let mut listed = vec![false; planned.spec.points.len()];
        for record in records {
            let line = record.first().map_or(0, |(_, span)| lines.number(*span));
            let mut address = Fields::new();
            let mut ignore = String::new();
            for (name, (cell, _)) in columns.iter().zip(&record) {
                let cell = cell.trim();
                if *name == "ignore" {
                    ignore = cell.to_owned();
                } else if fields_of_link(name) && !cell.is_empty() {
                    address.insert((*name).to_owned(), cell.parse().map_or_else(|_| Field::Text(cell.to_owned()), Field::Int));
                }
            }
            let mut bound = Vec::new();
            let near = places.near(&address).into_iter().filter_map(|at| Some((at, planned.spec.points.get(at)?)));
            for (at, point) in near.filter(|(_, point)| same_address(&point.address, &address)) {
                if let Some(seen) = listed.get_mut(at) {
                    *seen = true;
                }
                bound.extend(id(point));
            }
            let verdict = match (bound.is_empty(), ignore.is_empty()) {
                (false, _) => DeviceVerdict::Bound(bound),
                (true, false) => DeviceVerdict::Ignored(ignore),
                (true, true) => DeviceVerdict::Unknown,
            };
            rows.push(DeviceRow { line, address: words::fields(&address), verdict });
        }
        let absent = planned.spec.points.iter().zip(&listed).filter(|(_, listed)| !**listed);
        let missing = absent.filter_map(|(point, _)| Some((id(point)?, words::fields(&point.address)))).collect();
        Ok(Self { rows, missing })
    }

    /// Whether somebody decided on every address, and the device has all that the profile wants.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.rows.iter().all(|row| row.verdict != DeviceVerdict::Unknown)
    }

    /// As people read it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let count = |kind: fn(&DeviceVerdict) -> bool| self.rows.iter().filter(|row| kind(&row.verdict)).count();
        let bound = count(|verdict| matches!(verdict, DeviceVerdict::Bound(_)));
        let ignored = count(|verdict| matches!(verdict, DeviceVerdict::Ignored(_)));
        let unknown = count(|verdict| matches!(verdict, DeviceVerdict::Unknown));
        let mut out =
            format!("device: {bound} bound, {ignored} ignored on purpose, {unknown} unknown, {} not in the list\n", self.missing.len());
        for row in self.rows.iter().filter(|row| row.verdict == DeviceVerdict::Unknown) {
            out.push_str(&format!("  unknown: {} (line {})\n", row.address, row.line));
        }
        for (id, address) in &self.missing {
            out.push_str(&format!("  not in the list: {id} at {address}\n"));
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let row = |row: &DeviceRow| {
            let (word, what) = match &row.verdict {
                DeviceVerdict::Bound(ids) => ("bound", json!(ids)),
                DeviceVerdict::Ignored(why) => ("ignored", json!(why)),
                DeviceVerdict::Unknown => ("unknown", Value::Null),
            };
            json!({ "line": row.line, "address": row.address, "verdict": word, "what": what })
        };
        let missing: Vec<Value> = self.missing.iter().map(|(id, address)| json!({ "id": id, "address": address })).collect();
        json!({ "whole": self.is_whole(), "rows": self.rows.iter().map(row).collect::<Vec<_>>(), "missing": missing })
    }
}

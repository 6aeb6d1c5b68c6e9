//! The stations' own ledgers: watched while they grow, and compared at the end.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use bridge_profile::{Plan, ServedSource};
use bridge_sim::{Book, ControlMap, Dispatch, Entry, EntryKind, PointMap, Verdict, compare, parse_jsonl};

use super::folder::Folder;

/// A ledger file that another process writes.
pub(super) struct Ledger {
    path: PathBuf,
    read: u64,
    entries: Vec<Entry>,
}

impl Ledger {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, read: 0, entries: Vec::new() }
    }

    /// Everything written so far.
    pub(super) fn entries(&mut self) -> &[Entry] {
        // What cannot be read now is read the next time; the judge reads the whole file at the end and says what is wrong with it.
        drop(self.read_on());
        &self.entries
    }

    fn read_on(&mut self) -> anyhow::Result<()> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        for line in text.split_inclusive('\n') {
            let Some(whole) = line.strip_suffix('\n') else { break };
            self.entries.push(serde_json::from_str(whole)?);
            self.read += line.len() as u64;
        }
        Ok(())
    }

    /// The whole file, as the judge reads it.
    fn whole(&self) -> anyhow::Result<Vec<Entry>> {
        let text = std::fs::read_to_string(&self.path).with_context(|| format!("{} cannot be read", self.path.display()))?;
        parse_jsonl(&text).map_err(|error| anyhow!("{}: {error}", self.path.display()))
    }
}

/// Points of the station that the EMS is shown, under the same names and scales.
pub(super) fn shown_points(gateway: &Plan) -> Vec<(String, String)> {
    let shown = gateway.served.iter().filter_map(|served| match &served.source {
        ServedSource::Point(point) => Some((gateway.points.get(point.index())?.id.clone(), served.id.clone())),
        ServedSource::Status { .. } | ServedSource::LinkState(_) | ServedSource::QueueOverflow(_) => None,
    });
    shown.collect()
}

/// The judge's verdict over both ledgers.
pub(super) fn judge(folder: &Folder, station: &Ledger, ems: &Ledger, elsewhere: Vec<Dispatch>) -> anyhow::Result<(Verdict, u64)> {
    let points = shown_points(&folder.gateway)
        .into_iter()
        .map(|(station, ems)| PointMap { station, ems, factor: 1.0, offset: 0.0, deadband: 1.0 })
        .collect();
    let controls = vec![ControlMap::same("U1.p_set", 137.5, 250.0, true), ControlMap::same("U2.p_set", 137.5, 250.0, false)];
    let book = Book { points, controls, dispatches: elsewhere, ..Book::default() };
    let (station, ems) = (station.whole()?, ems.whole()?);
    let delivered = ems.iter().filter(|entry| entry.kind == EntryKind::Event).count() as u64;
    Ok((compare(&station, &ems, &book), delivered))
}

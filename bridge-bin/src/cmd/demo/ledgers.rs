//! The stations' own ledgers: watched while they grow, and compared at the end.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use bridge_profile::{Plan, ServedSource};
use bridge_sim::{Book, ControlMap, Dispatch, Entry, EntryKind, PointMap, Verdict, compare, parse_jsonl};

use super::folder::Folder;
use super::story::Story;

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

/// Points of the station that the EMS is shown, under the same names and in engineering units.
pub(super) fn shown_points(gateway: &Plan) -> Vec<(String, String)> {
    let shown = gateway.served.iter().filter_map(|served| match &served.source {
        ServedSource::Point(point) => Some((gateway.points.get(point.index())?.id.clone(), served.id.clone())),
        ServedSource::Status { .. } | ServedSource::LinkState(_) | ServedSource::QueueOverflow(_) => None,
    });
    shown.collect()
}

/// The judge's verdict over the ledgers of the station and the park, each against that of its EMS, as one; and how many events arrived.
pub(super) fn judge(folder: &Folder, story: &Story<'_>) -> anyhow::Result<(Verdict, u64)> {
    let thermal = vec![ControlMap::same("U1.p_set", 137.5, 250.0, true), ControlMap::same("U2.p_set", 137.5, 250.0, false)];
    let park = vec![
        ControlMap::same("plant.p_set", 0.0, 300.0, true),
        ControlMap { ems: String::new(), ..ControlMap::same("plant.curtail", 0.0, 300.0, true) },
        ControlMap { ems: String::new(), ..ControlMap::same("plant.curtail.enable", 0.0, 1.0, false) },
    ];
    let of_station = judge_one((&folder.thermal, &story.station), (&folder.gateway, &story.ems), thermal, &story.elsewhere)?;
    let of_park = judge_one((&folder.park, &story.park), (&folder.park_gateway, &story.re_ems), park, &story.elsewhere)?;
    let (Verdict { lost, double, late, wrong, events, values, executions, mut details }, delivered) = of_station;
    let (park, delivered_of_park) = of_park;
    details.extend(park.details);
    let verdict = Verdict {
        lost: lost + park.lost,
        double: double + park.double,
        late: late + park.late,
        wrong: wrong + park.wrong,
        events: events + park.events,
        values: values + park.values,
        executions: executions + park.executions,
        details,
    };
    Ok((verdict, delivered + delivered_of_park))
}

fn judge_one(
    (plant, station): (&Plan, &Ledger),
    (gateway, ems): (&Plan, &Ledger),
    controls: Vec<ControlMap>,
    elsewhere: &[Dispatch],
) -> anyhow::Result<(Verdict, u64)> {
    let scale = |name: &str| plant.point(name).and_then(|point| plant.points.get(point.index())).map(|point| point.conversion);
    let points = shown_points(gateway)
        .into_iter()
        .map(|(station, ems)| {
            let (factor, offset) = scale(&station).map_or((1.0, 0.0), |scale| (scale.factor, scale.offset));
            PointMap { station, ems, factor, offset, deadband: 1.0 }
        })
        .collect();
    let book = Book { points, controls, dispatches: elsewhere.to_vec(), ..Book::default() };
    let (station, ems) = (station.whole()?, ems.whole()?);
    let delivered = ems.iter().filter(|entry| entry.kind == EntryKind::Event).count() as u64;
    Ok((compare(&station, &ems, &book), delivered))
}

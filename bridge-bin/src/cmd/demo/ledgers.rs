//! The stations' own ledgers: watched while they grow, and compared at the end.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use bridge_profile::{Plan, ServedSource};
use bridge_sim::{Book, ControlMap, Dispatch, Entry, EntryKind, PointMap, StampedBy, Verdict, compare, parse_jsonl};

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
    let of_station = judge_one((&folder.thermal, &story.station), (&folder.gateway, &story.ems), thermal, &story.elsewhere)?;
    let of_park = judge_one((&folder.park, &story.park), (&folder.park_gateway, &story.re_ems), park_controls(), &story.elsewhere)?;
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

/// What may be executed at the park. No EMS commands its limit and the switch of that.
fn park_controls() -> Vec<ControlMap> {
    let unseen = |name, max, stepped| ControlMap { ems: String::new(), ..ControlMap::same(name, 0.0, max, stepped) };
    vec![
        ControlMap::same("plant.p_set", 0.0, 300.0, true),
        unseen("plant.curtail", 300.0, true),
        unseen("plant.curtail.enable", 1.0, false),
    ]
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
    let delivered = ems.iter().filter(|entry| is_stamped(entry)).count() as u64;
    Ok((compare(&station, &ems, &book), delivered))
}

/// A change with the station's own stamp. What an EMS is told without one is the bridge's own word: the progress of an order.
pub(super) fn is_stamped(entry: &Entry) -> bool {
    entry.kind == EntryKind::Event && entry.by == Some(StampedBy::Device)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bridge_diag::Report;
    use bridge_model::{Quality, Timestamp, Utc};
    use bridge_sim::{FileLedger, Ledger as _};

    use super::*;
    use crate::config::compile_profile;

    fn shipped(name: &str) -> Plan {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cim-profiles").join(name);
        compile_profile(&path, name, &mut Report::new()).expect("it compiles")
    }

    /// What the two ledgers come to, with one curtailment to 100 MW between 1 s and 11 s.
    fn judged(park: Vec<Entry>, ems: Vec<Entry>) -> Verdict {
        let dir = tempdir();
        let write = |name: &str, entries: Vec<Entry>| {
            let path = dir.join(name);
            let mut file = FileLedger::new(File::create(&path).expect("ours"));
            entries.into_iter().for_each(|entry| file.write(entry).expect("written"));
            Ledger::new(path)
        };
        let (park, ems) = (write("park", park), write("ems", ems));
        let at = |control: &str, target| Dispatch { control: control.to_owned(), target, issued: second(1), not_after: second(11) };
        let elsewhere = [at("plant.curtail", 100.0), at("plant.curtail.enable", 1.0)];
        let plans = (shipped("solar-park-dnp3"), shipped("ems-gateway-dnp3"));
        let judged = judge_one((&plans.0, &park), (&plans.1, &ems), park_controls(), &elsewhere).expect("readable");
        std::fs::remove_dir_all(&dir).expect("ours");
        judged.0
    }

    fn tempdir() -> PathBuf {
        let dir = std::env::temp_dir().join(format!("ies-bridge-ledgers-{:08x}", bridge_engine::shell::random() as u32));
        std::fs::create_dir(&dir).expect("new");
        dir
    }

    const fn second(number: i64) -> i64 {
        number * 1_000_000_000
    }

    fn executed(at: i64, control: &str, value: f64) -> Entry {
        Entry::new(second(at), EntryKind::Execute).at_point(control).with_value(value)
    }

    #[test]
    fn what_the_park_executes_is_judged_in_every_way() {
        let limit = |more: &[(i64, &str, f64)]| {
            let lawful = [(2, "plant.curtail", 130.0), (2, "plant.curtail.enable", 1.0), (3, "plant.curtail", 100.0)];
            let all = lawful.iter().chain(more).map(|(at, control, value)| executed(*at, control, *value));
            let Verdict { lost, double, late, wrong, .. } = judged(all.collect(), Vec::new());
            (lost, double, late, wrong)
        };
        assert_eq!(limit(&[]), (0, 0, 0, 0));
        assert_eq!(limit(&[(4, "plant.curtail.enable", 1.0)]), (0, 1, 0, 0), "the switch again");
        assert_eq!(limit(&[(4, "plant.curtail", 100.0)]), (0, 1, 0, 0), "the last step again");
        assert_eq!(limit(&[(4, "plant.p_set", 180.0)]), (0, 0, 0, 1), "nobody asked");
        assert_eq!(limit(&[(4, "plant.curtail", 301.0)]), (0, 0, 0, 2), "beyond the park, and not on the way");
        let late = judged(vec![executed(12, "plant.curtail", 100.0)], Vec::new());
        assert_eq!((late.late, late.wrong), (1, 0), "{:?}", late.details);
    }

    #[test]
    fn what_the_parks_ems_sees_is_compared_in_the_parks_own_scale() {
        let made = |kind, point, value: f64| {
            let entry = Entry::new(second(1), kind).at_point(point).with_value(value);
            entry.with_facts(Quality::GOOD, Timestamp::by_device(Utc(second(1))))
        };
        let (change, event) = (EntryKind::Change, EntryKind::Event);
        let whole = judged(vec![made(change, "plant.p", 15_000.0)], vec![made(change, "plant.p", 150.0)]);
        assert!(whole.is_clean() && whole.values == 1, "{:?}", whole.details);
        let unscaled = judged(vec![made(change, "plant.p", 15_000.0)], vec![made(change, "plant.p", 15_000.0)]);
        assert!(unscaled.wrong > 0, "{:?}", unscaled.details);
        let lost = judged(vec![made(event, "BLK3.fault", 1.0)], Vec::new());
        assert!(lost.lost > 0, "{:?}", lost.details);
    }
}

//! What the two journals say: verified offline, and every attested counter held against what the journal itself holds.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use bridge_engine::{Tally, read_operations};
use bridge_journal::ReadOnly;
use bridge_provenance::{Direction, Leaf, OperationLeaf, Report, kind, verify_journal};
use serde_json::Value;

use crate::journal::{KeySource, Place};

/// What was counted, as attestations name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counted {
    /// Frames of the station.
    frames: u64,
    /// Points in leaves.
    points: u64,
    /// Leaves of points.
    leaves: u64,
}

impl Counted {
    /// Name in the attestation, and count.
    const fn named(self) -> [(&'static str, u64); 3] {
        [("framesReceived", self.frames), ("updatesJournaled", self.points), ("eventsProduced", self.leaves)]
    }
}

/// What a journal's records add up to.
#[derive(Default)]
pub(super) struct Sums {
    /// Points that came in frames, those withheld by dead bands included.
    pub(super) updates_in: u64,
    /// What the other bridge's door did not take.
    pub(super) nacks: Vec<String>,
    /// Names of the alarms that were received, in order.
    pub(super) alarms: Vec<String>,
    /// Counted since the bridge's last start, at the moment of each attestation it sent, by operation id.
    sent: BTreeMap<String, (Counted, Value)>,
    /// Counters attested to this bridge, by operation id.
    received: BTreeMap<String, Value>,
}

/// Adds up a journal.
pub(super) fn sums(journal: &ReadOnly) -> anyhow::Result<Sums> {
    let mut sums = Sums::default();
    let mut counted = Counted::default();
    let mut reader = journal.reader(journal.start());
    while let Some(record) = reader.next()? {
        if record.kind == kind::FRAME {
            counted.frames += 1;
        }
        if record.kind != kind::LEAF {
            continue;
        }
        match Leaf::decode(&record.body)? {
            Leaf::Points(leaf) => {
                counted.points += leaf.points.len() as u64;
                counted.leaves += 1;
                if leaf.frame.is_some() {
                    sums.updates_in += leaf.points.len() as u64 + u64::from(leaf.withheld);
                }
            }
            // Said at every start; counters begin at zero there.
            Leaf::Note(note) if note.kind == "descriptors" => counted = Counted::default(),
            Leaf::Note(note) if note.kind == "nack" => {
                sums.nacks.push(format!("{} ({})", note.text, note.fields.get("code").map_or("no code", String::as_str)));
            }
            Leaf::Operation(leaf) if leaf.verb == "alarm" && leaf.direction == Direction::Received => {
                let body: Value = serde_json::from_slice(&leaf.body)?;
                let name = field(&body, "alarmId").and_then(Value::as_str);
                sums.alarms.push(name.unwrap_or("an alarm without a name").to_owned());
            }
            Leaf::Operation(leaf) if leaf.verb == "attest" => {
                let counters = attested(&leaf).ok_or_else(|| anyhow!("an attestation without counters"))?;
                match leaf.direction {
                    Direction::Sent => drop(sums.sent.insert(leaf.operation_id.clone(), (counted, counters))),
                    Direction::Received => drop(sums.received.insert(leaf.operation_id.clone(), counters)),
                }
            }
            Leaf::Note(_) | Leaf::Operation(_) | Leaf::Unknown(_) => {}
        }
    }
    Ok(sums)
}

fn attested(leaf: &OperationLeaf) -> Option<Value> {
    let body: Value = serde_json::from_slice(&leaf.body).ok()?;
    field(&body, "counters").cloned()
}

/// The first field of this name, at any depth.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields.get(name).or_else(|| fields.values().find_map(|inner| field(inner, name))),
        Value::Array(list) => list.iter().find_map(|inner| field(inner, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Every attestation that `receiver` holds against what `sender`'s journal held when it was made: how many agree, and each that does not.
pub(super) fn audit(sender: &Sums, receiver: &Sums) -> (usize, Vec<String>) {
    let mut agree = 0;
    let mut lies = Vec::new();
    for (id, counters) in &receiver.received {
        let Some((counted, said)) = sender.sent.get(id) else {
            lies.push(format!("attestation {id} was received and never sent"));
            continue;
        };
        if said != counters {
            lies.push(format!("attestation {id} was received with other counters than it was sent with"));
            continue;
        }
        let wrong: Vec<String> = counted
            .named()
            .iter()
            .filter(|(name, count)| counters.get(*name).and_then(Value::as_u64) != Some(*count))
            .map(|(name, count)| format!("{name}: attested {}, the journal holds {count}", counters.get(*name).unwrap_or(&Value::Null)))
            .collect();
        if wrong.is_empty() {
            agree += 1;
        } else {
            lies.push(wrong.join("; "));
        }
    }
    (agree, lies)
}

/// Verified offline against the log key that the trust bundle names, as `ies-bridge verify` does.
pub(super) fn verify(config: &Path) -> anyhow::Result<Report> {
    let place = Place::find(config)?;
    let journal = place.open()?;
    let keys = place.keys(&KeySource::default(), journal.origin())?;
    Ok(verify_journal(&journal, &keys.keys))
}

/// How the operations of a bridge ended.
pub(super) fn tally(journal: &ReadOnly) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    read_operations(journal)?.values().for_each(|operation| tally.count(&operation.status));
    Ok(tally)
}

/// Orders that a bridge accepted: control, target, and when (UTC nanoseconds).
pub(super) fn accepted(journal: &ReadOnly) -> anyhow::Result<Vec<(String, f64, i64)>> {
    let operations = read_operations(journal)?;
    let accepted = operations.into_values().filter(|operation| !operation.ours).filter_map(|operation| {
        let (at, ..) = operation.history.iter().find(|(_, _, status, _)| status == "ACCEPTED")?;
        Some((operation.control, operation.target, *at))
    });
    Ok(accepted.collect())
}

/// Flips one bit in the middle of the journal, as someone would who has something to hide; says where.
pub(super) fn flip(config: &Path) -> anyhow::Result<String> {
    let dir = config.join("data").join("journal");
    let mut segments: Vec<PathBuf> = std::fs::read_dir(&dir)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seg-")))
        .collect();
    segments.sort();
    let path = segments.first().ok_or_else(|| anyhow!("{} holds no segment", dir.display()))?;
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let place = file.metadata()?.len() / 2;
    let mut octet = [0];
    file.seek(SeekFrom::Start(place))?;
    file.read_exact(&mut octet)?;
    file.seek(SeekFrom::Start(place))?;
    file.write_all(&[octet[0] ^ 1])?;
    Ok(format!("octet {place} of {}", path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()))
}

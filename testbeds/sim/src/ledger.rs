//! A station's own log: one JSON object per line, written by the station on its own clock, flushed line by line.
//!
//! Truth in tests and demonstrations comes from these files, never from the bridge's counters (delivery rule 5).

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bridge_model::{Quality, TimeOrigin, Timestamp};
use serde::{Deserialize, Serialize};

/// What an entry tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A value: at a station a measurand changed; at an EMS a value was received that is no event.
    Change,
    /// A time-tagged change of a state: it must arrive exactly once.
    Event,
    /// A station confirmed a select.
    Select,
    /// A station executed a command.
    Execute,
    /// A station refused a command.
    Refused,
    /// A station took back a selection.
    Cancel,
    /// An EMS issued a command: `id`, `value`, `not_after`.
    Command,
    /// An EMS saw the positive confirmation of its select (ACT CON).
    Selected,
    /// An EMS saw the positive confirmation of its command (ACT CON).
    Confirmed,
    /// An EMS saw the termination of its command (ACT TERM).
    Terminated,
    /// A command of an EMS reached its final state: `text`.
    Settled,
    /// The link changed state: `text`.
    Link,
    /// Something else worth a line: `text`.
    Note,
}

/// Who stamped a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StampedBy {
    /// The source.
    Device,
    /// The receiver: the value came without a time tag.
    Receipt,
}

/// One line of a ledger. Values are in the wire units of the link.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// UTC on the writer's own clock, nanoseconds since 1970.
    pub t: i64,
    /// What it tells.
    pub kind: EntryKind,
    /// The point's name; empty if it is about none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub point: String,
    /// The value; states as their wire code. Absent also for what is not a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Validity and details as [`Quality::to_bits`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u16>,
    /// The value's time, UTC nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<i64>,
    /// Who stamped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<StampedBy>,
    /// Why it was sent: `spontaneous`, `interrogated`, `return_remote`…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The command, as 32 hexadecimal digits with dashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The command's latest moment, UTC nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<i64>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Counts the ledger's entries from 1, without gaps. Set by the ledger.
    pub seq: u64,
}

impl Entry {
    /// An entry of this kind at `t`, with nothing else in it.
    #[must_use]
    pub const fn new(t: i64, kind: EntryKind) -> Self {
        Self {
            t,
            kind,
            point: String::new(),
            value: None,
            quality: None,
            stamp: None,
            by: None,
            cause: None,
            id: None,
            not_after: None,
            text: None,
            seq: 0,
        }
    }

    /// With the point's name.
    #[must_use]
    pub fn at_point(mut self, name: &str) -> Self {
        name.clone_into(&mut self.point);
        self
    }

    /// With a value.
    #[must_use]
    pub fn with_value(mut self, value: f64) -> Self {
        self.value = value.is_finite().then_some(value);
        self
    }

    /// With quality and time.
    #[must_use]
    pub fn with_facts(mut self, quality: Quality, time: Timestamp) -> Self {
        self.quality = Some(quality.to_bits());
        self.stamp = Some(time.utc.0);
        self.by = Some(match time.origin {
            TimeOrigin::Device => StampedBy::Device,
            TimeOrigin::Bridge => StampedBy::Receipt,
        });
        self
    }

    /// With words.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

/// Where entries go.
pub trait Ledger: Send {
    /// Writes one entry through; sets its `seq`.
    ///
    /// # Errors
    /// As the operating system says. A station whose ledger failed says so and its verdict is void.
    fn write(&mut self, entry: Entry) -> io::Result<()>;
}

/// A ledger in memory, for simulations; clones share it, so that the judge reads what the station wrote.
#[derive(Clone, Debug, Default)]
pub struct SharedLedger {
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl SharedLedger {
    /// A copy of everything written so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The entries from index `from` on: a story reads what is new.
    #[must_use]
    pub fn since(&self, from: usize) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(from..).unwrap_or_default().to_vec()
    }
}

impl Ledger for SharedLedger {
    fn write(&mut self, mut entry: Entry) -> io::Result<()> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entry.seq = entries.len() as u64 + 1;
        entries.push(entry);
        Ok(())
    }
}

/// A ledger in a file or any writer: one JSON line per entry, flushed.
#[derive(Debug)]
pub struct FileLedger<W: Write + Send> {
    out: W,
    seq: u64,
}

impl<W: Write + Send> FileLedger<W> {
    /// Writes to `out`, from its present end.
    pub const fn new(out: W) -> Self {
        Self { out, seq: 0 }
    }
}

impl<W: Write + Send> Ledger for FileLedger<W> {
    fn write(&mut self, mut entry: Entry) -> io::Result<()> {
        self.seq += 1;
        entry.seq = self.seq;
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

/// Why a ledger file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A line is not an entry.
    #[error("ledger line {line} is not an entry")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// A number is missing or doubled: the ledger was edited or mixed.
    #[error("ledger line {line} has number {found}, expected {expected}")]
    Sequence {
        /// Counted from 1.
        line: usize,
        /// What it should be.
        expected: u64,
        /// What it is.
        found: u64,
    },
}

/// Reads a ledger file. A last line without its newline is what a kill left behind and is ignored; a number that starts again at 1 is a
/// process that started again.
///
/// # Errors
/// The first line that is not an entry, or the first number out of order.
pub fn parse_jsonl(text: &str) -> Result<Vec<Entry>, LedgerError> {
    let mut entries = Vec::new();
    let mut expected = 1;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let Some(whole) = line.strip_suffix('\n') else { break };
        let entry: Entry = serde_json::from_str(whole).map_err(|source| LedgerError::Malformed { line: index + 1, source })?;
        if entry.seq != expected && entry.seq != 1 {
            return Err(LedgerError::Sequence { line: index + 1, expected, found: entry.seq });
        }
        expected = entry.seq + 1;
        entries.push(entry);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::{Entry, EntryKind, FileLedger, Ledger, LedgerError, Quality, SharedLedger, Timestamp, parse_jsonl};
    use bridge_model::Utc;

    fn sample() -> Vec<Entry> {
        let time = Timestamp::by_device(Utc::from_millis(1_775_000_000_001));
        vec![
            Entry::new(1, EntryKind::Event).at_point("U1.cb").with_value(2.0).with_facts(Quality::GOOD.stale(), time),
            Entry::new(2, EntryKind::Change).at_point("U1.p").with_value(f64::NAN),
            Entry::new(3, EntryKind::Link).with_text("started"),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let mut file = FileLedger::new(Vec::new());
        let mut shared = SharedLedger::default();
        for entry in sample() {
            file.write(entry.clone()).expect("memory");
            shared.write(entry).expect("memory");
        }
        let text = String::from_utf8(file.out).expect("JSON is UTF-8");
        assert_eq!(
            text.lines().next(),
            Some(r#"{"t":1,"kind":"event","point":"U1.cb","value":2.0,"quality":131,"stamp":1775000000001000000,"by":"device","seq":1}"#)
        );
        assert_eq!(parse_jsonl(&text).expect("own lines"), shared.entries());
        assert_eq!(shared.since(2).len(), 1);
        // A kill in the middle of a line loses that line only; a restart counts from 1 again.
        let killed = format!("{text}{}", &text[..30]);
        assert_eq!(parse_jsonl(&killed).expect("torn tail").len(), 3);
        assert_eq!(parse_jsonl(&format!("{text}{text}")).expect("restart").len(), 6);
    }

    #[test]
    fn a_missing_line_is_noticed() {
        let mut file = FileLedger::new(Vec::new());
        sample().into_iter().for_each(|entry| file.write(entry).expect("memory"));
        let text = String::from_utf8(file.out).expect("JSON is UTF-8");
        let without: String = text.split_inclusive('\n').enumerate().filter(|(i, _)| *i != 1).map(|(_, line)| line).collect();
        assert!(matches!(parse_jsonl(&without), Err(LedgerError::Sequence { line: 2, expected: 2, found: 3 })));
        assert!(matches!(parse_jsonl("{}\n"), Err(LedgerError::Malformed { line: 1, .. })));
    }
}

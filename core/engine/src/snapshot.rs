//! All tables in the journal, in parts: what a recovery may start from instead of the journal's beginning.
//!
//! A snapshot begins, brings every entry once in order of table and key, and ends with their count. A part is one record in a group of its
//! own; other groups may stand between two parts, so that large tables hold up nobody. That is sound because a part holds its entries as
//! they are when it is written, and changes made after the begin are applied to the growing copy too. Without its end a snapshot is nothing.

use bridge_journal::{Group, Kind};
use bridge_model::{Mono, Now};
use bridge_provenance::kind;

use crate::store::{Store, Table};

/// A part is closed when it has grown so far: about a millisecond of work, and one entry more.
const PART_OCTETS: usize = 256 * 1024;
/// Between two parts: at most 13 MB/s beside what the bridge has to write.
const SPACING: std::time::Duration = std::time::Duration::from_millis(20);

const BEGIN: u8 = 1;
const ENTRIES: u8 = 2;
const END: u8 = 3;
/// Table, length of the key, length of the value.
const ENTRY_HEAD: usize = 7;

/// A snapshot that is being written.
#[derive(Default)]
pub(crate) struct Writing {
    /// The last entry written.
    cursor: Option<(Table, Vec<u8>)>,
    begun: bool,
    entries: u64,
    next: Mono,
}

impl Writing {
    /// When the next part may be written.
    pub(crate) fn due(&self) -> Mono {
        self.next
    }

    /// Adds the next part to a group; `true` if it was the last one. Small tables are begun and ended by one part.
    pub(crate) fn part(&mut self, store: &Store, group: &mut Group, now: Now) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            group.push(kind::TABLES, &[BEGIN]);
        }
        let (mut last, mut entries, mut full) = (None, 0, false);
        group.push_with(kind::TABLES, |out| {
            out.push(ENTRIES);
            let start = out.len();
            for (table, key, value) in store.behind(self.cursor.as_ref()) {
                if out.len() - start >= PART_OCTETS {
                    full = true;
                    break;
                }
                let (Ok(key_octets), Ok(value_octets)) = (u16::try_from(key.len()), u32::try_from(value.len())) else { continue };
                out.push(table as u8);
                out.extend_from_slice(&key_octets.to_le_bytes());
                out.extend_from_slice(&value_octets.to_le_bytes());
                out.extend_from_slice(key);
                out.extend_from_slice(value);
                last = Some((table, key));
                entries += 1;
            }
        });
        self.cursor = last.map(|(table, key)| (table, key.to_vec())).or(self.cursor.take());
        self.entries += entries;
        self.next = now.mono + SPACING;
        if !full {
            let mut end = vec![END];
            end.extend_from_slice(&self.entries.to_le_bytes());
            group.push(kind::TABLES, &end);
        }
        !full
    }
}

/// Builds the tables from the records of a journal, from wherever it is read.
#[derive(Default)]
pub(crate) struct Replay {
    store: Store,
    /// The snapshot that has begun and not ended: what it brought and what changed since, and how many entries it brought.
    growing: Option<(Store, u64)>,
}

impl Replay {
    /// Takes one record, whatever its kind.
    pub(crate) fn observe(&mut self, kind: Kind, body: &[u8]) {
        match kind {
            kind::STATE => {
                self.store.apply(body);
                if let Some((growing, _)) = &mut self.growing {
                    growing.apply(body);
                }
            }
            // The form of earlier versions: the group of this record has every entry as a STATE record.
            kind::SNAPSHOT => {
                self.store.clear();
                self.growing = None;
            }
            kind::TABLES => self.part(body),
            _ => {}
        }
    }

    fn part(&mut self, body: &[u8]) {
        let Some((tag, rest)) = body.split_first() else { return };
        match *tag {
            BEGIN => self.growing = Some((Store::default(), 0)),
            ENTRIES => {
                let Some((growing, count)) = &mut self.growing else { return };
                let mut rest = rest;
                while let Some((Entry { table, key, value }, behind)) = entry(rest) {
                    *count += 1;
                    growing.restore(table, key, value);
                    rest = behind;
                }
            }
            END => {
                let whole = rest.try_into().map(u64::from_le_bytes).ok();
                if let Some((growing, count)) = self.growing.take()
                    && whole == Some(count)
                {
                    self.store = growing;
                }
            }
            _ => {}
        }
    }

    /// The tables at the end of what was read.
    pub(crate) fn finish(self) -> Store {
        self.store
    }
}

/// One entry of a part.
struct Entry<'a> {
    table: u8,
    key: &'a [u8],
    value: &'a [u8],
}

/// The first entry of a part, and what stands behind it.
fn entry(part: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (head, rest) = part.split_at_checked(ENTRY_HEAD)?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([head[1], head[2]])))?;
    let octets = u32::from_le_bytes([head[3], head[4], head[5], head[6]]);
    let (value, rest) = rest.split_at_checked(usize::try_from(octets).ok()?)?;
    Some((Entry { table: head[0], key, value }, rest))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bridge_journal::{Journal, MAX_GROUP, MemDisk, Options, Position};
    use bridge_model::Utc;

    use super::*;
    use crate::store::numbered;

    const NOW: Now = Now { mono: Mono(0), utc: Utc(0) };

    fn journal() -> Journal {
        let options = Options { origin: "plant.example/bridge/1".to_owned(), epoch: 1, writer: 1, fence: 1, segment_bytes: 1 << 24 };
        Journal::open(Arc::new(MemDisk::default()), options).expect("a journal").0
    }

    fn read(journal: &Journal, from: Position) -> Store {
        let mut replay = Replay::default();
        let mut reader = journal.reader(from);
        while let Some(record) = reader.next().expect("a record") {
            replay.observe(record.kind, &record.body);
        }
        replay.finish()
    }

    fn put(store: &mut Store, group: &mut Group, number: u64, value: &[u8]) {
        store.put(group, Table::Outbox, &numbered("genco", number), value);
    }

    /// Writes a snapshot to its end, with a change between each two parts.
    fn write(store: &mut Store, journal: &mut Journal, mut between: impl FnMut(&mut Store, &mut Group)) -> u64 {
        let (mut writing, mut parts) = (Writing::default(), 0);
        loop {
            let mut group = Group::new();
            let last = writing.part(store, &mut group, NOW);
            journal.append(&mut group).expect("appended");
            parts += 1;
            if last {
                return parts;
            }
            between(store, &mut group);
            if !group.is_empty() {
                journal.append(&mut group).expect("appended");
            }
        }
    }

    #[test]
    fn small_tables_are_one_group() {
        let (mut store, mut group, mut journal) = (Store::default(), Group::new(), journal());
        put(&mut store, &mut group, 1, b"one");
        assert_eq!(write(&mut store, &mut journal, |_, _| ()), 1);
        assert_eq!(read(&journal, journal.start()), store);
    }

    #[test]
    fn tables_larger_than_a_group_recover_from_their_snapshot_alone() {
        let (mut store, mut journal) = (Store::default(), journal());
        let value = vec![7; 1 << 20];
        for number in 0..(MAX_GROUP as u64 / value.len() as u64) + 8 {
            put(&mut store, &mut Group::new(), number, &value);
        }
        // None of these entries is in the journal but by the snapshot.
        assert!(write(&mut store, &mut journal, |_, _| ()) > 64);
        assert!(journal.end().0 > MAX_GROUP as u64);
        assert_eq!(read(&journal, journal.start()), store);
    }

    #[test]
    fn changes_between_the_parts_are_kept_wherever_they_fall() {
        let (mut store, mut journal) = (Store::default(), journal());
        for number in 0..2000 {
            put(&mut store, &mut Group::new(), number * 2, &[1; 1000]);
        }
        let mut step = 0;
        let parts = write(&mut store, &mut journal, |store, group| {
            step += 1;
            // Before and behind the part just written: changed, new and removed.
            for number in [step, 1999 - step] {
                put(store, group, number * 2, b"changed");
                put(store, group, number * 2 + 1, b"new");
                store.delete(group, Table::Outbox, &numbered("genco", (number + 100) * 2));
            }
        });
        assert!(parts > 5, "{parts}");
        assert_eq!(read(&journal, journal.start()), store);
    }

    #[test]
    fn without_its_end_a_snapshot_is_nothing_and_the_one_before_counts() {
        let (mut store, mut journal) = (Store::default(), journal());
        for number in 0..1000 {
            put(&mut store, &mut Group::new(), number, &[1; 1000]);
        }
        // What stands before the first snapshot is not read again.
        let from = journal.end();
        write(&mut store, &mut journal, |_, _| ());
        let mut group = Group::new();
        put(&mut store, &mut group, 5, b"changed");
        store.delete(&mut group, Table::Outbox, &numbered("genco", 6));
        journal.append(&mut group).expect("appended");
        let mut writing = Writing::default();
        for number in 0..2 {
            assert!(!writing.part(&store, &mut group, NOW), "the second snapshot is not at its end");
            put(&mut store, &mut group, 2000 + number, b"new");
            journal.append(&mut group).expect("appended");
        }
        assert_eq!(read(&journal, from), store);
        // Parts alone, their begin or one of them gone, are nothing either.
        let mut replay = Replay::default();
        let records: Vec<(Kind, Vec<u8>)> = {
            let mut group = Group::new();
            Writing::default().part(&store, &mut group, NOW);
            Writing { begun: true, ..Writing::default() }.part(&Store::default(), &mut group, NOW);
            group.records().map(|(_, kind, body)| (kind, body.to_vec())).collect()
        };
        replay.observe(kind::STATE, &state(b"kept"));
        for (kind, body) in records.iter().skip(1) {
            replay.observe(*kind, body);
        }
        assert_eq!(replay.store.value(Table::Misc, b"k"), Some(&b"kept"[..]));
        for (kind, body) in &records {
            replay.observe(*kind, body);
        }
        assert_eq!(replay.finish().value(Table::Misc, b"k"), Some(&b"kept"[..]), "an end that counts other entries");
    }

    #[test]
    fn a_snapshot_of_an_earlier_version_is_read() {
        let mut replay = Replay::default();
        replay.observe(kind::STATE, &state(b"old"));
        replay.observe(kind::SNAPSHOT, &[]);
        assert_eq!(replay.store.value(Table::Misc, b"k"), None);
        replay.observe(kind::STATE, &state(b"new"));
        assert_eq!(replay.finish().value(Table::Misc, b"k"), Some(&b"new"[..]));
    }

    #[test]
    fn torn_or_foreign_parts_are_skipped() {
        let mut replay = Replay::default();
        for body in [&[][..], &[0], &[9, 9], &[END], &[ENTRIES, 1], &[BEGIN], &[ENTRIES, 5, 9, 0, 0, 0, 0, 0, b'a'], &[END, 1]] {
            replay.observe(kind::TABLES, body);
        }
        assert_eq!(replay.finish(), Store::default());
    }

    fn state(value: &[u8]) -> Vec<u8> {
        let mut group = Group::new();
        Store::default().put(&mut group, Table::Misc, b"k", value);
        group.records().map(|(_, _, body)| body.to_vec()).next().expect("a record")
    }
}

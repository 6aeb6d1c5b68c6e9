//! Small durable tables inside the journal: operations, programmes, cursors, queues. Every change is one record in the same append group as
//! the facts that caused it; [`crate::snapshot`] writes all entries now and then.

use std::collections::BTreeMap;
use std::ops::Bound;

use bridge_journal::Group;
use bridge_provenance::kind;

/// The tables. The number is on disk: never reuse one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Table {
    /// Stream name → its number.
    Streams = 1,
    /// Operation id → `operations::Operation`.
    Operations = 2,
    /// Control id → `programme::Programme`.
    Programmes = 3,
    /// Command id → `broker::Ticket`.
    Tickets = 4,
    /// Peer name, number → `outbox::Entry`.
    Outbox = 5,
    /// Peer name → the batch that peer has confirmed.
    StreamCursor = 6,
    /// Peer name → `stream_in::Cursor`.
    Subscription = 7,
    /// Link name, number → a queued event for a serving link.
    EventQueue = 8,
    /// Subscriber, message id → expiry and digest of a message seen.
    Replay = 9,
    /// Singletons: mapping state, link image, counters.
    Misc = 10,
    /// Control id → why it is locked (R3).
    Locks = 11,
    /// Operation id → `instructions::Instruction`.
    Instructions = 12,
    /// Webhook name → `webhook::Cursor`.
    Hooks = 13,
    /// Number → `housekeeping::Stored`.
    Requests = 14,
    /// Link name → the first number and the count of events lost to its peer since its queue was last empty.
    Lost = 15,
    /// Number → `bridge::soe::Line`: a sequence-of-events line that waits for others to leave with.
    Soe = 16,
    /// Operation id → `caps::Cap`.
    Caps = 17,
}

impl Table {
    fn from_number(number: u8) -> Option<Self> {
        [
            Self::Streams,
            Self::Operations,
            Self::Programmes,
            Self::Tickets,
            Self::Outbox,
            Self::StreamCursor,
            Self::Subscription,
            Self::EventQueue,
            Self::Replay,
            Self::Misc,
            Self::Locks,
            Self::Instructions,
            Self::Hooks,
            Self::Requests,
            Self::Lost,
            Self::Soe,
            Self::Caps,
        ]
        .into_iter()
        .find(|table| *table as u8 == number)
    }
}

/// All tables, in memory and in the journal.
#[derive(Default)]
#[cfg_attr(test, derive(PartialEq, Debug))]
pub(crate) struct Store {
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>,
}

const PUT: u8 = 0;
const DELETE: u8 = 1;

impl Store {
    /// Sets an entry and records it.
    pub(crate) fn put(&mut self, group: &mut Group, table: Table, key: &[u8], value: &[u8]) {
        push(group, PUT, table, key, value);
        self.tables.entry(table).or_default().insert(key.to_vec(), value.to_vec());
    }

    /// Removes an entry and records it; nothing happens if there is none.
    pub(crate) fn delete(&mut self, group: &mut Group, table: Table, key: &[u8]) {
        if self.tables.entry(table).or_default().remove(key).is_some() {
            push(group, DELETE, table, key, &[]);
        }
    }

    /// An entry.
    pub(crate) fn value(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        self.tables.get(&table)?.get(key).map(Vec::as_slice)
    }

    /// All entries of a table, in order of key.
    pub(crate) fn entries(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.tables.get(&table).into_iter().flatten().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// All entries behind this one, in order of table and key.
    pub(crate) fn behind(&self, last: Option<&(Table, Vec<u8>)>) -> impl Iterator<Item = (Table, &[u8], &[u8])> {
        let tables = self.tables.range(last.map(|(table, _)| *table).unwrap_or(Table::Streams)..);
        tables.flat_map(move |(table, entries)| {
            let from = match last {
                Some((of, key)) if of == table => Bound::Excluded(key.as_slice()),
                Some(_) | None => Bound::Unbounded,
            };
            entries.range::<[u8], _>((from, Bound::Unbounded)).map(|(key, value)| (*table, key.as_slice(), value.as_slice()))
        })
    }

    /// Forgets everything: a snapshot of an earlier version follows.
    pub(crate) fn clear(&mut self) {
        self.tables.clear();
    }

    /// Applies one record of the journal; unknown tables (of a later version) are skipped.
    pub(crate) fn apply(&mut self, record: &[u8]) {
        let Some((change, table, key, value)) = parse(record) else { return };
        let entries = self.tables.entry(table).or_default();
        if change == PUT {
            entries.insert(key.to_vec(), value.to_vec());
        } else {
            entries.remove(key);
        }
    }

    /// Sets an entry that a snapshot brought; unknown tables (of a later version) are skipped.
    pub(crate) fn restore(&mut self, table: u8, key: &[u8], value: &[u8]) {
        if let Some(table) = Table::from_number(table) {
            self.tables.entry(table).or_default().insert(key.to_vec(), value.to_vec());
        }
    }
}

fn push(group: &mut Group, change: u8, table: Table, key: &[u8], value: &[u8]) {
    group.push_with(kind::STATE, |out| {
        out.extend_from_slice(&[change, table as u8]);
        out.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(key);
        out.extend_from_slice(value);
    });
}

fn parse(record: &[u8]) -> Option<(u8, Table, &[u8], &[u8])> {
    let (head, rest) = record.split_at_checked(4)?;
    let table = Table::from_number(head[1])?;
    let (key, value) = rest.split_at_checked(usize::from(u16::from_le_bytes([head[2], head[3]])))?;
    Some((head[0], table, key, value))
}

/// A key of a name and a number that sorts by both.
pub(crate) fn numbered(name: &str, number: u64) -> Vec<u8> {
    let mut key = name.as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The inverse of [`numbered`].
pub(crate) fn split_numbered(key: &[u8]) -> Option<(&str, u64)> {
    let (name, number) = key.split_at_checked(key.len().checked_sub(9)?)?;
    Some((std::str::from_utf8(name).ok()?, u64::from_be_bytes(number.get(1..)?.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_keys_sort_by_number_and_come_back() {
        assert!(numbered("rtu", 9) < numbered("rtu", 10));
        assert_eq!(split_numbered(&numbered("rtu", 7)), Some(("rtu", 7)));
        assert_eq!(split_numbered(b"short"), None);
    }

    #[test]
    fn a_torn_or_foreign_state_record_is_skipped() {
        let mut store = Store::default();
        for record in [&[][..], &[0], &[0, 250, 0, 0], &[0, 1, 9, 0, b'a']] {
            store.apply(record);
        }
        assert!(store.tables.values().all(BTreeMap::is_empty));
    }
}

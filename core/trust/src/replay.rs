//! Which messages were seen before. Bounded, and able to survive a restart: the caller keeps the entries in its journal.

use std::collections::BTreeMap;

/// Most messages remembered in all.
pub const MAX_ENTRIES: usize = 100_000;
/// Most messages remembered of one subscriber, so that none can crowd out the others.
pub const MAX_ENTRIES_PER_SUBSCRIBER: usize = 20_000;
/// Longest subscriber and message names, in bytes; longer ones are answered [`Seen::Full`].
pub const MAX_NAME_BYTES: usize = 512;

/// What the guard knows of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Never seen; now remembered.
    New,
    /// Seen, with the same bytes: a retry, answer as before.
    SameBytes,
    /// Seen, with other bytes: refuse.
    Different,
    /// Not seen, but there is no room to remember it: refuse (`NET_OVERLOADED`), for what is not remembered could be replayed.
    Full,
}

/// One remembered message.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ReplayEntry {
    /// Who sent it.
    pub subscriber: String,
    /// Its messageId or operationId.
    pub message_id: String,
    /// Digest of its bytes.
    pub digest: [u8; 32],
    /// Until when it must be remembered, UTC nanoseconds: the time from which ttl alone refuses it.
    pub expires_ns: i64,
}

/// The guard.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplayGuard {
    seen: BTreeMap<String, BTreeMap<String, ([u8; 32], i64)>>,
    count: usize,
}

impl ReplayGuard {
    /// An empty guard.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks a message up and remembers it until `expires_ns`. Times are UTC nanoseconds. When it is full, expired entries go first;
    /// entries that are still needed never go.
    pub fn check(&mut self, subscriber: &str, message_id: &str, digest: [u8; 32], expires_ns: i64, now_ns: i64) -> Seen {
        if let Some((known, _)) = self.seen.get(subscriber).and_then(|messages| messages.get(message_id)) {
            return if *known == digest { Seen::SameBytes } else { Seen::Different };
        }
        if self.is_full(subscriber) {
            self.purge(now_ns);
        }
        if self.is_full(subscriber) || subscriber.len() > MAX_NAME_BYTES || message_id.len() > MAX_NAME_BYTES {
            return Seen::Full;
        }
        self.insert(subscriber, message_id, digest, expires_ns);
        Seen::New
    }

    /// Forgets what has expired before `now_ns`.
    pub fn purge(&mut self, now_ns: i64) {
        self.seen.retain(|_, messages| {
            messages.retain(|_, (_, expires_ns)| *expires_ns >= now_ns);
            !messages.is_empty()
        });
        self.count = self.seen.values().map(BTreeMap::len).sum();
    }

    /// Everything remembered, for a snapshot, in a fixed order.
    pub fn entries(&self) -> impl Iterator<Item = ReplayEntry> {
        self.seen.iter().flat_map(|(subscriber, messages)| {
            messages.iter().map(|(message_id, (digest, expires_ns))| ReplayEntry {
                subscriber: subscriber.clone(),
                message_id: message_id.clone(),
                digest: *digest,
                expires_ns: *expires_ns,
            })
        })
    }

    /// Puts an entry of a snapshot back. Returns `false` if there is no room: then the guard cannot be trusted and control must wait
    /// until every lost entry has expired.
    #[must_use]
    pub fn restore(&mut self, entry: ReplayEntry) -> bool {
        let known = self.seen.get(&entry.subscriber).is_some_and(|messages| messages.contains_key(&entry.message_id));
        if !known && self.is_full(&entry.subscriber) {
            return false;
        }
        self.insert(&entry.subscriber, &entry.message_id, entry.digest, entry.expires_ns);
        true
    }

    /// How many messages are remembered.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn is_full(&self, subscriber: &str) -> bool {
        self.count >= MAX_ENTRIES || self.seen.get(subscriber).is_some_and(|messages| messages.len() >= MAX_ENTRIES_PER_SUBSCRIBER)
    }

    fn insert(&mut self, subscriber: &str, message_id: &str, digest: [u8; 32], expires_ns: i64) {
        let messages = self.seen.entry(subscriber.to_owned()).or_default();
        if messages.insert(message_id.to_owned(), (digest, expires_ns)).is_none() {
            self.count += 1;
        }
    }
}

//! Which messages were seen before. Bounded, and able to survive a restart: the caller keeps the entries in its journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

/// The messages of one subscriber: digest and expiry by name.
type Messages = BTreeMap<Arc<str>, ([u8; 32], i64)>;

/// The guard. Every step costs the logarithm of what it holds, also when it is full and a peer floods it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplayGuard {
    seen: BTreeMap<Arc<str>, Messages>,
    /// The same messages by (expiry, subscriber, message), so that the expired ones are found without looking at the others.
    by_expiry: BTreeSet<(i64, Arc<str>, Arc<str>)>,
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
        while self.by_expiry.first().is_some_and(|(expires_ns, _, _)| *expires_ns < now_ns) {
            let Some((_, subscriber, message_id)) = self.by_expiry.pop_first() else { return };
            if let Some(messages) = self.seen.get_mut(&subscriber) {
                messages.remove(&message_id);
                if messages.is_empty() {
                    self.seen.remove(&subscriber);
                }
            }
        }
    }

    /// Everything remembered, for a snapshot, in a fixed order.
    pub fn entries(&self) -> impl Iterator<Item = ReplayEntry> {
        self.seen.iter().flat_map(|(subscriber, messages)| {
            messages.iter().map(|(message_id, (digest, expires_ns))| ReplayEntry {
                subscriber: subscriber.to_string(),
                message_id: message_id.to_string(),
                digest: *digest,
                expires_ns: *expires_ns,
            })
        })
    }

    /// Puts an entry of a snapshot back. Returns `false` if there is no room: then the guard cannot be trusted and control must wait
    /// until every lost entry has expired.
    #[must_use]
    pub fn restore(&mut self, entry: ReplayEntry) -> bool {
        let known = self.seen.get(entry.subscriber.as_str()).is_some_and(|messages| messages.contains_key(entry.message_id.as_str()));
        if !known && self.is_full(&entry.subscriber) {
            return false;
        }
        self.insert(&entry.subscriber, &entry.message_id, entry.digest, entry.expires_ns);
        true
    }

    /// How many messages are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_expiry.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_expiry.is_empty()
    }

    fn is_full(&self, subscriber: &str) -> bool {
        self.len() >= MAX_ENTRIES || self.seen.get(subscriber).is_some_and(|messages| messages.len() >= MAX_ENTRIES_PER_SUBSCRIBER)
    }

    fn insert(&mut self, subscriber: &str, message_id: &str, digest: [u8; 32], expires_ns: i64) {
        let subscriber: Arc<str> = self.seen.get_key_value(subscriber).map_or_else(|| subscriber.into(), |(known, _)| Arc::clone(known));
        let message_id: Arc<str> = message_id.into();
        let messages = self.seen.entry(Arc::clone(&subscriber)).or_default();
        if let Some((_, earlier)) = messages.insert(Arc::clone(&message_id), (digest, expires_ns)) {
            self.by_expiry.remove(&(earlier, Arc::clone(&subscriber), Arc::clone(&message_id)));
        }
        self.by_expiry.insert((expires_ns, subscriber, message_id));
    }
}

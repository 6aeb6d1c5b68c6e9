//! What is written, when it is durable, and when it is sealed.
//!
//! Everything one call of the engine decides is one append group: after a crash it is there whole or not at all. Commits are continuous
//! (`DESIGN.md` §4): one starts at once if none ran in the last `commit_spacing`, else when that elapses; urgent ones at most 1,000 a second.
//! A seal covers only what is durable, and counts only when its own checkpoint is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bridge_journal::{Disk, Group, Journal, Options, Position, SyncDone, SyncJob};
use bridge_model::{Mono, Now};
use bridge_provenance::{
    BatchHeader, ClockState, FrameRecord, Hash, Head, LeafId, NoteLeaf, OperationLeaf, SealMeta, SealedBatch, Sealer, Signer, kind,
    leaf_hash, sealed_batch,
};

use crate::Error;
use crate::snapshot::{Replay, Writing};
use crate::store::{Store, Table};

/// Snapshots up to this size, in octets, are written whenever one is wanted; larger ones only after four times as much was written since
/// the last one, so that they stay a fifth of the journal.
const SNAPSHOT_SMALL: u64 = 1 << 20;

/// How often commits and seals run.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Between commits that nothing hurries.
    pub commit_spacing: Duration,
    /// Between commits that something hurries.
    pub urgent_spacing: Duration,
    /// From an event to its seal.
    pub seal_events: Duration,
    /// From telemetry to its seal.
    pub seal_telemetry: Duration,
    /// Without anything to seal.
    pub heartbeat: Duration,
    /// Between snapshots.
    pub snapshot: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            commit_spacing: Duration::from_millis(2),
            urgent_spacing: Duration::from_millis(1),
            seal_events: Duration::from_millis(20),
            seal_telemetry: Duration::from_millis(100),
            heartbeat: Duration::from_secs(1),
            snapshot: Duration::from_secs(30),
        }
    }
}

/// How soon a leaf must be sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Urgency {
    Telemetry,
    Event,
}

struct PendingLeaf {
    stream: u32,
    seq: u64,
    hash: Hash,
    withheld: u32,
}

/// When the oldest unsealed leaf must be sealed, for each step on the way to the disk: a leaf can be sealed only when it is durable, and a
/// seal that went without it must not make it wait for a new span.
#[derive(Default)]
struct SealDue {
    /// Of leaves in the group of this call.
    grouped: Option<Mono>,
    /// Of leaves appended since the running commit began.
    written: Option<Mono>,
    /// Of leaves that the running commit makes durable.
    syncing: Option<Mono>,
    /// Of leaves that are durable.
    durable: Option<Mono>,
}

/// Moves a deadline one step on; of two the earlier counts.
fn advance(from: &mut Option<Mono>, to: &mut Option<Mono>) {
    *to = [from.take(), *to].into_iter().flatten().min();
}

/// Why nothing can be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unwritable {
    /// The disk is full; the group waits.
    Full,
    /// A sync failed: for good, until the process restarts.
    Failed,
}

pub(crate) struct Recorder {
    journal: Journal,
    sealer: Sealer,
    signer: Box<dyn Signer>,
    meta: SealMeta,
    pace: Pace,
    group: Group,
    leaves: Vec<PendingLeaf>,
    next_seq: Vec<u64>,
    batches: Vec<Position>,
    due: SealDue,
    sealing: VecDeque<(Position, Position)>,
    sealed: Position,
    last_commit: Mono,
    /// Since when a commit is running.
    syncing: Option<Mono>,
    urgent: bool,
    unwritable: Option<(Unwritable, Mono)>,
    last_seal: Mono,
    wants_snapshot: bool,
    /// The snapshot that is being written, and its octets so far.
    writing: Option<(Writing, u64)>,
    /// Where the last snapshot ended, and its size in octets.
    last_snapshot: (u64, u64),
    /// The seal in the group covers everything before this.
    pending_seal: Option<Position>,
}

/// What recovery found.
pub(crate) struct Recovered {
    pub(crate) new: bool,
    pub(crate) unsealed: u64,
    pub(crate) cut_bytes: u64,
    /// The last frames per link, oldest first: to recognise what a station sends again.
    pub(crate) frame_tails: BTreeMap<u16, VecDeque<Vec<u8>>>,
    /// The bodies of recovered event leaves near the end, oldest first.
    pub(crate) recent_leaves: VecDeque<Vec<u8>>,
}

const FRAME_TAIL: usize = 64;
const LEAF_TAIL: usize = 8192;

impl Recorder {
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        bridge: &str,
        signer: Box<dyn Signer>,
        meta: SealMeta,
        pace: Pace,
        now: Now,
    ) -> Result<(Self, Store, Recovered), Error> {
        let origin = options.origin.clone();
        let (journal, recovery) = Journal::open(disk, options)?;
        let mut sealer = Sealer::new(&origin, bridge, journal.epoch());
        let mut found = Recovered {
            new: recovery.new,
            unsealed: 0,
            cut_bytes: recovery.cut_bytes,
            frame_tails: BTreeMap::new(),
            recent_leaves: VecDeque::new(),
        };
        let mut next_seq: Vec<u64> = Vec::new();
        let mut batches = Vec::new();
        let mut seal: Option<(Position, Vec<u8>)> = None;
        let mut tables = Replay::default();
        let mut reader = journal.reader(journal.start());
        while let Some(record) = reader.next()? {
            sealer.observe(record.kind, &record.body, record.position)?;
            tables.observe(record.kind, &record.body);
            match record.kind {
                kind::FRAME => {
                    if let Ok(frame) = FrameRecord::decode(&record.body) {
                        let tail = found.frame_tails.entry(frame.link).or_default();
                        tail.push_back(frame.octets.to_vec());
                        if tail.len() > FRAME_TAIL {
                            tail.pop_front();
                        }
                    }
                }
                kind::LEAF => {
                    let leaf = LeafId::decode(&record.body)?;
                    let place = leaf.stream as usize;
                    if next_seq.len() <= place {
                        next_seq.resize(place + 1, 0);
                    }
                    next_seq[place] = leaf.seq + 1;
                    found.recent_leaves.push_back(record.body);
                    if found.recent_leaves.len() > LEAF_TAIL {
                        found.recent_leaves.pop_front();
                    }
                }
                kind::HEADS => seal = Some((record.position, Vec::new())),
                kind::HEADER => {
                    if let Some((_, header)) = &mut seal {
                        *header = record.body;
                    }
                }
                kind::CHECKPOINT => {
                    if let Some((position, header)) = seal.take() {
                        sealer.replay_header(&header, &record.body)?;
                        batches.push(position);
                    }
                }
                _ => {}
            }
        }
        found.unsealed = sealer.pending() as u64;
        let sealed = if found.unsealed == 0 { journal.end() } else { journal.start() };
        let recorder = Self {
            due: SealDue { durable: (found.unsealed > 0).then_some(now.mono), ..SealDue::default() },
            journal,
            sealer,
            signer,
            meta,
            pace,
            group: Group::new(),
            leaves: Vec::new(),
            next_seq,
            batches,
            sealing: VecDeque::new(),
            sealed,
            last_commit: Mono(0),
            syncing: None,
            urgent: true,
            unwritable: None,
            last_seal: now.mono,
            wants_snapshot: true,
            writing: None,
            last_snapshot: (0, 0),
            pending_seal: None,
        };
        Ok((recorder, tables.finish(), found))
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.journal.epoch()
    }

    /// Where the next record will stand.
    pub(crate) fn end(&self) -> Position {
        self.journal.end()
    }

    /// Everything before this position is durable.
    pub(crate) fn durable(&self) -> Position {
        self.journal.durable()
    }

    /// Every leaf before this position is sealed, and the seal is durable.
    pub(crate) fn sealed(&self) -> Position {
        self.sealed
    }

    pub(crate) fn unwritable(&self) -> Option<(Unwritable, Mono)> {
        self.unwritable
    }

    /// Since when nothing becomes durable: the journal cannot be written, or a commit does not end.
    pub(crate) fn stuck(&self) -> Option<Mono> {
        let unwritable = self.unwritable.map(|(_, since)| since);
        [unwritable, self.syncing].into_iter().flatten().min()
    }

    /// The group of this call: for [`Store`] changes.
    pub(crate) fn group(&mut self) -> &mut Group {
        &mut self.group
    }

    pub(crate) fn frame(&mut self, frame: &FrameRecord<'_>) {
        self.group.push_with(kind::FRAME, |out| frame.encode(out));
    }

    /// Appends a leaf of `stream`; `encode` gets the leaf's sequence number.
    pub(crate) fn leaf(&mut self, stream: u32, urgency: Urgency, withheld: u32, now: Mono, encode: impl FnOnce(u64, &mut Vec<u8>)) -> u64 {
        let place = stream as usize;
        if self.next_seq.len() <= place {
            self.next_seq.resize(place + 1, 0);
        }
        let seq = self.next_seq[place];
        self.next_seq[place] += 1;
        let mut hash = [0; 32];
        self.group.push_with(kind::LEAF, |out| {
            let start = out.len();
            encode(seq, out);
            hash = leaf_hash(&out[start..]);
        });
        self.leaves.push(PendingLeaf { stream, seq, hash, withheld });
        let due = now + if urgency == Urgency::Event { self.pace.seal_events } else { self.pace.seal_telemetry };
        self.due.grouped = Some(self.due.grouped.map_or(due, |at| at.min(due)));
        self.urgent |= urgency == Urgency::Event;
        seq
    }

    pub(crate) fn operation(&mut self, stream: u32, now: Now, mut leaf: OperationLeaf) -> u64 {
        leaf.epoch = self.epoch();
        leaf.stream = stream;
        leaf.at_ns = now.utc.0;
        self.leaf(stream, Urgency::Event, 0, now.mono, |seq, out| {
            leaf.seq = seq;
            leaf.encode(out);
        })
    }

    pub(crate) fn note(&mut self, stream: u32, now: Now, kind: &str, text: &str, fields: BTreeMap<String, String>) -> u64 {
        let epoch = self.epoch();
        self.leaf(stream, Urgency::Event, 0, now.mono, |seq, out| {
            NoteLeaf { stream, epoch, seq, at_ns: now.utc.0, kind: kind.to_owned(), text: text.to_owned(), fields }.encode(out);
        })
    }

    /// Asks for the next commit without the usual spacing.
    pub(crate) fn hurry(&mut self) {
        self.urgent = true;
    }

    /// Appends the group of this call in one write. What was decided in it holds from the position returned.
    pub(crate) fn flush(&mut self, now: Now) -> Position {
        if !self.group.is_empty() && !matches!(self.unwritable, Some((Unwritable::Failed, _))) {
            match self.journal.append(&mut self.group) {
                Ok(appended) => {
                    advance(&mut self.due.grouped, &mut self.due.written);
                    self.observe(appended.first);
                    self.unwritable = None;
                    if let Some(covered) = self.pending_seal.take() {
                        self.batches.push(appended.first);
                        self.sealing.push_back((appended.end, covered));
                        self.urgent = true;
                    }
                    if appended.rolled {
                        self.wants_snapshot = true;
                        self.group.push(kind::SEALER, &self.sealer.snapshot());
                        return self.flush(now);
                    }
                }
                Err(bridge_journal::Error::Full) => self.set_unwritable(Unwritable::Full, now.mono),
                Err(_) => self.set_unwritable(Unwritable::Failed, now.mono),
            }
        }
        Position(self.journal.end().0 + u64::from(!self.group.is_empty()))
    }

    /// Tells the sealer what was appended; the leaves' hashes are known already.
    fn observe(&mut self, first: Position) {
        let mut leaves = self.leaves.drain(..);
        for (offset, kind, body) in self.group.records() {
            let at = Position(first.0 + offset);
            if kind == kind::LEAF {
                if let Some(leaf) = leaves.next() {
                    self.sealer.push(leaf.stream, leaf.seq, leaf.hash, leaf.withheld, at);
                }
            } else if kind::is_covered(kind) {
                self.sealer.push_record(kind, body, at);
            }
        }
    }

    fn set_unwritable(&mut self, why: Unwritable, now: Mono) {
        let since = self.unwritable.map_or(now, |(_, since)| since);
        self.unwritable = Some((why, since));
    }

    /// The commit to start now, if any.
    pub(crate) fn commit(&mut self, now: Mono) -> Option<SyncJob> {
        if self.syncing.is_some() || self.commit_due().is_none_or(|due| due > now) {
            return None;
        }
        let job = self.journal.sync_job()?;
        self.syncing = Some(now);
        advance(&mut self.due.written, &mut self.due.syncing);
        self.urgent = false;
        self.last_commit = now;
        Some(job)
    }

    /// When the next commit may start; `None` if nothing waits or one is running.
    pub(crate) fn commit_due(&self) -> Option<Mono> {
        if self.syncing.is_some() || self.journal.durable() >= self.journal.end() || self.journal.failed().is_some() {
            return None;
        }
        Some(self.last_commit + if self.urgent { self.pace.urgent_spacing } else { self.pace.commit_spacing })
    }

    /// A commit ended.
    pub(crate) fn handle_synced(&mut self, done: SyncDone, now: Now) {
        self.syncing = None;
        match self.journal.handle_sync(done) {
            Ok(durable) => {
                advance(&mut self.due.syncing, &mut self.due.durable);
                while let Some((end, covered)) = self.sealing.front().copied() {
                    if end > durable {
                        break;
                    }
                    self.sealed = covered;
                    self.sealing.pop_front();
                }
            }
            Err(_) => self.set_unwritable(Unwritable::Failed, now.mono),
        }
    }

    /// When the next seal is due: never before what it covers is durable.
    pub(crate) fn seal_due(&self) -> Option<Mono> {
        if self.unwritable.is_some() {
            return None;
        }
        self.due.durable
    }

    /// When a heartbeat is due.
    pub(crate) fn heartbeat_due(&self) -> Mono {
        self.last_seal + self.pace.heartbeat
    }

    /// Seals what is durable; gives the number of leaves sealed.
    pub(crate) fn seal(&mut self, heartbeat: bool, clock: ClockState, dropped: BTreeMap<String, u64>, now: Now) -> Option<u64> {
        if self.unwritable.is_some() || !self.group.is_empty() {
            return None;
        }
        let durable = self.journal.durable();
        self.meta.t_open_ns = self.meta.t_seal_ns;
        self.meta.t_seal_ns = now.utc.0;
        self.meta.clock = clock;
        self.meta.dropped = dropped;
        self.meta.heartbeat = heartbeat;
        self.due.durable = None;
        let seal = self.sealer.seal(durable, &self.meta, &*self.signer)?;
        self.meta.recovered = false;
        self.last_seal = now.mono;
        seal.push_to(&mut self.group);
        self.pending_seal = Some(durable);
        // If the disk is full the group waits, seal first: the sealer has counted it.
        self.flush(now);
        Some(seal.leaves)
    }

    /// The batches whose seal is durable: `0..this`.
    pub(crate) fn durable_batches(&self) -> u64 {
        (self.batches.len() - self.sealing.len()) as u64
    }

    /// Octets of the journal from a batch on.
    pub(crate) fn octets_since(&self, batch: u64) -> u64 {
        let place = usize::try_from(batch).ok().and_then(|place| self.batches.get(place)).copied();
        place.map_or(0, |place| self.journal.end().0.saturating_sub(place.0))
    }

    /// Reads a sealed batch back, with the leaves of the wanted streams.
    pub(crate) fn read_batch(&self, batch: u64, wanted: &dyn Fn(u32) -> bool) -> Result<SealedBatch, Error> {
        let place = usize::try_from(batch).ok().and_then(|place| self.batches.get(place)).copied().ok_or(Error::NoSuchBatch { batch })?;
        let heads = self.journal.read_at(place)?;
        let header = self.journal.read_at(heads.end)?;
        let checkpoint = self.journal.read_at(header.end)?;
        let sealed = BatchHeader::decode(&header.body)?;
        let mut leaves = Vec::new();
        let mut reader = self.journal.reader(sealed.first);
        while let Some(record) = reader.next()? {
            if record.position >= sealed.end {
                break;
            }
            if record.kind == kind::LEAF {
                leaves.push(record.body);
            }
        }
        Ok(sealed_batch(&header.body, &heads.body, &checkpoint.body, self.sealer.log_path(batch), &leaves, wanted)?)
    }

    /// Asks for a snapshot: at start, after a new segment began, and every now and then.
    pub(crate) fn want_snapshot(&mut self) {
        self.wants_snapshot = true;
    }

    /// When the next part of a snapshot should be written, if one is.
    pub(crate) fn snapshot_due(&self) -> Option<Mono> {
        if let Some((writing, _)) = &self.writing {
            return Some(writing.due());
        }
        let (end, size) = self.last_snapshot;
        let worth = size <= SNAPSHOT_SMALL || self.journal.end().0.saturating_sub(end) >= size * 4;
        (self.wants_snapshot && worth).then_some(Mono(0))
    }

    /// Writes the part of a snapshot that is due as a group of its own.
    pub(crate) fn snapshot(&mut self, store: &Store, now: Now) {
        if self.snapshot_due().is_none_or(|due| due > now.mono) || !self.group.is_empty() || self.unwritable.is_some() {
            return;
        }
        self.wants_snapshot &= self.writing.is_some();
        let (mut writing, octets) = self.writing.take().unwrap_or_default();
        let last = writing.part(store, &mut self.group, now);
        let begin = self.journal.end().0;
        self.flush(now);
        let end = self.journal.end().0;
        let octets = octets + (end - begin);
        if last {
            self.last_snapshot = (end, octets);
            self.put_head();
        } else {
            self.writing = Some((writing, octets));
        }
    }

    /// Notes how far the journal is durable beside it, so that a disk that forgets its end is not continued (a fork).
    pub(crate) fn put_head(&mut self) {
        if let Some(header) = self.sealer.last_header() {
            let head = Head { batch: self.sealer.batches().saturating_sub(1), header };
            // The head only makes loss visible earlier: failing to write it loses nothing.
            let _ = self.journal.put_head(self.journal.durable(), &head.encode());
        }
    }

    /// Opens the number of a stream by its name, making one if it is new.
    pub(crate) fn stream(&mut self, store: &mut Store, name: &str) -> u32 {
        if let Some(known) = store.value(Table::Streams, name.as_bytes()).and_then(|value| value.try_into().ok()) {
            return u32::from_le_bytes(known);
        }
        let number = u32::try_from(store.entries(Table::Streams).count()).unwrap_or(u32::MAX);
        store.put(&mut self.group, Table::Streams, name.as_bytes(), &number.to_le_bytes());
        number
    }
}

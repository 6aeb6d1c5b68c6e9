//! Makes seals, and continues them after a restart.

use std::collections::BTreeMap;

use bridge_journal::{Group, Kind, Position};

use crate::cbor::{Encode, Fields, Reader};
use crate::error::Error;
use crate::header::{BatchHeader, SealMeta, StreamHead, encode_heads};
use crate::kind;
use crate::leaf::LeafId;
use crate::note::{self, Signer, sign_checkpoint};
use crate::tree::{CompactRange, Hash, LogTree, leaf_hash, leaf_hash_parts, tree_root};

const SNAPSHOT: &str = "ies-sl/1";

/// One signed batch. [`Seal::push_to`] puts its records into a group; nothing of it may leave before that group is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Batch number = index of the header in the log.
    pub batch: u64,
    /// The header: body of a [`kind::HEADER`] record.
    pub header: Vec<u8>,
    /// The C2SP note: body of a [`kind::CHECKPOINT`] record.
    pub checkpoint: Vec<u8>,
    /// The stream heads: body of a [`kind::HEADS`] record.
    pub heads: Vec<u8>,
    /// Leaves that it covers.
    pub leaves: u64,
}

impl Seal {
    /// Adds its three records: heads, header, checkpoint.
    pub fn push_to(&self, group: &mut Group) {
        group.push(kind::HEADS, &self.heads);
        group.push(kind::HEADER, &self.header);
        group.push(kind::CHECKPOINT, &self.checkpoint);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    position: Position,
    seq: u64,
    stream: u32,
    withheld: u32,
    leaf: Hash,
}

/// The last sealed head of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SealedTail {
    head: Hash,
    batch: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct StreamTail {
    sealed: Option<SealedTail>,
    next_seq: u64,
}

/// Collects what the journal took and makes seals of it.
///
/// Feed it every record in the order of the journal, live and when replaying: [`Sealer::observe`] (or [`Sealer::observe_group`]) does the
/// right thing for each kind; [`Sealer::push`] and [`Sealer::push_record`] are its parts for callers that have hash or place at hand.
#[derive(Debug, Clone)]
pub struct Sealer {
    origin: String,
    bridge: String,
    epoch: u64,
    log: LogTree,
    prev_header: Option<Hash>,
    /// End of the last batch.
    covered: Position,
    /// Records before this were seen.
    observed: Position,
    streams: BTreeMap<u32, StreamTail>,
    pending: Vec<Pending>,
    records: Vec<(Position, Hash)>,
}

/// What a batch would say, computed from what is pending.
struct Draft {
    leaves: usize,
    records: usize,
    heads: Vec<StreamHead>,
    octets: Vec<Vec<u8>>,
    head_hashes: Vec<Hash>,
    records_root: Hash,
}

impl Sealer {
    /// The sealer of a journal that is empty, or of which everything will be replayed. `bridge` is the bridge's did.
    #[must_use]
    pub fn new(origin: &str, bridge: &str, epoch: u64) -> Self {
        Self {
            origin: origin.to_owned(),
            bridge: bridge.to_owned(),
            epoch,
            log: LogTree::default(),
            prev_header: None,
            covered: Position(0),
            observed: Position(0),
            streams: BTreeMap::new(),
            pending: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Takes one record of the journal, whatever its kind. Records before the sealer's own snapshot are ignored. Headers and checkpoints are
    /// not taken here: see [`Sealer::replay_header`].
    ///
    /// # Errors
    /// [`Error::Malformed`] for a leaf whose first fields cannot be read.
    pub fn observe(&mut self, kind: Kind, body: &[u8], position: Position) -> Result<(), Error> {
        if position < self.observed {
            return Ok(());
        }
        if kind == kind::LEAF {
            let id = LeafId::decode(body)?;
            self.push(id.stream, id.seq, leaf_hash(body), id.withheld, position);
        } else if kind::is_covered(kind) {
            self.push_record(kind, body, position);
        }
        Ok(())
    }

    /// Takes all records of a group that was appended at `first`; to be called before the group's next push.
    ///
    /// # Errors
    /// As [`Sealer::observe`].
    pub fn observe_group(&mut self, group: &Group, first: Position) -> Result<(), Error> {
        group.records().try_for_each(|(offset, kind, body)| self.observe(kind, body, Position(first.0 + offset)))
    }

    /// Takes a leaf by its hash, in the order of the journal.
    pub fn push(&mut self, stream: u32, seq: u64, leaf: Hash, withheld: u32, position: Position) {
        if position < self.observed {
            return;
        }
        self.observed = Position(position.0 + 1);
        self.streams.entry(stream).or_default().next_seq = seq.saturating_add(1);
        self.pending.push(Pending { position, seq, stream, withheld, leaf });
        self.records.push((position, leaf));
    }

    /// Takes a record that is neither a leaf nor part of a seal, in the order of the journal: its hash is sealed too.
    pub fn push_record(&mut self, kind: Kind, body: &[u8], position: Position) {
        if position < self.observed {
            return;
        }
        self.observed = Position(position.0 + 1);
        self.records.push((position, leaf_hash_parts(&[&[kind.0], body])));
    }

    /// Leaves that no seal covers.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Batches so far: the number of the next one.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.log.size()
    }

    /// The number that the next leaf of a stream must have; 0 for a new stream.
    #[must_use]
    pub fn next_seq(&self, stream: u32) -> u64 {
        self.streams.get(&stream).map_or(0, |tail| tail.next_seq)
    }

    /// End of the last batch: leaves from here on are unsealed.
    #[must_use]
    pub fn covered(&self) -> Position {
        self.covered
    }

    /// Leaf hash of the last header.
    #[must_use]
    pub fn last_header(&self) -> Option<Hash> {
        self.prev_header
    }

    /// The inclusion path of a header in the log of `batch + 1` leaves, sibling of the leaf first. Empty if that size is not known.
    #[must_use]
    pub fn log_path(&self, batch: u64) -> Vec<Hash> {
        self.log.path_as_last(batch).unwrap_or_default()
    }

    /// Seals everything before `until` (the durable position). `None` if no leaf is pending there and no heartbeat is wanted. The sealer
    /// counts on it that the seal is appended: if the disk is full keep it and try again.
    #[must_use]
    pub fn seal(&mut self, until: Position, meta: &SealMeta, signer: &dyn Signer) -> Option<Seal> {
        let draft = self.draft(until);
        if draft.leaves == 0 && !meta.heartbeat {
            return None;
        }
        let header = BatchHeader {
            bridge: self.bridge.clone(),
            origin: self.origin.clone(),
            epoch: self.epoch,
            batch: self.log.size(),
            meta: meta.clone(),
            leaves: draft.leaves as u64,
            streams: draft.heads.len() as u64,
            streams_root: tree_root(draft.head_hashes.iter().copied()),
            prev_header: self.prev_header,
            first: self.covered,
            end: until.max(self.covered),
            records: draft.records as u64,
            records_root: draft.records_root,
        };
        let mut octets = Vec::with_capacity(512);
        header.encode(&mut octets);
        self.commit(&header, leaf_hash(&octets), &draft);
        let checkpoint = sign_checkpoint(&self.origin, self.log.size(), &self.log.root(), signer);
        let heads = encode_heads(header.batch, &draft.octets);
        Some(Seal { batch: header.batch, header: octets, checkpoint, heads, leaves: header.leaves })
    }

    /// Continues over a seal that the journal has: every field that can be computed from the records seen so far must agree. The signature
    /// is not looked at. After [`Sealer::restore`] only headers behind the snapshot's record are to be replayed.
    ///
    /// # Errors
    /// [`Error::Mismatch`] says what differs and changes nothing; [`Error::Malformed`]; [`Error::Checkpoint`].
    pub fn replay_header(&mut self, header: &[u8], checkpoint: &[u8]) -> Result<(), Error> {
        let hash = leaf_hash(header);
        let header = BatchHeader::decode(header)?;
        let draft = self.draft(header.end);
        self.compare(&header, &draft)?;
        let (checkpoint, _, _) = note::parse(checkpoint)?;
        let mut log = self.log.frontier(self.log.size()).and_then(|f| LogTree::from_frontier(self.log.size(), &f)).unwrap_or_default();
        log.push(hash);
        let wrong = |what: &str| Error::Mismatch { batch: header.batch, what: what.to_owned() };
        if checkpoint.origin != self.origin {
            return Err(wrong("the checkpoint is of another origin"));
        }
        if checkpoint.size != log.size() {
            return Err(wrong("the checkpoint is of another tree size"));
        }
        if checkpoint.root != log.root() {
            return Err(wrong("the checkpoint's root is not that of the headers"));
        }
        self.commit(&header, hash, &draft);
        Ok(())
    }

    /// The sealer as it is now, deterministic CBOR: the body of a [`kind::SEALER`] record. After segments before that record were dropped,
    /// [`Sealer::restore`] continues from it. Take and append it with nothing in between.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + 64 * (self.streams.len() + self.pending.len()));
        out.map(11);
        out.uint(0);
        out.text(SNAPSHOT);
        out.uint(1);
        out.text(&self.origin);
        out.uint(2);
        out.text(&self.bridge);
        out.uint(3);
        out.uint(self.epoch);
        out.uint(4);
        out.uint(self.log.size());
        out.uint(5);
        let frontier = self.log.frontier(self.log.size()).unwrap_or_default();
        out.array(frontier.len() as u64);
        frontier.iter().for_each(|hash| out.bytes(hash));
        out.uint(6);
        match &self.prev_header {
            Some(hash) => out.bytes(hash),
            None => out.null(),
        }
        for (key, n) in [(7, self.covered), (8, self.observed)] {
            out.uint(key);
            out.uint(n.0);
        }
        out.uint(9);
        out.array(self.streams.len() as u64);
        for (stream, tail) in &self.streams {
            out.array(if tail.sealed.is_some() { 4 } else { 2 });
            out.uint(u64::from(*stream));
            out.uint(tail.next_seq);
            if let Some(sealed) = &tail.sealed {
                out.bytes(&sealed.head);
                out.uint(sealed.batch);
            }
        }
        out.uint(10);
        out.array(2);
        out.array(self.pending.len() as u64);
        for p in &self.pending {
            out.array(5);
            for n in [p.position.0, u64::from(p.stream), p.seq, u64::from(p.withheld)] {
                out.uint(n);
            }
            out.bytes(&p.leaf);
        }
        out.array(self.records.len() as u64);
        for (position, hash) in &self.records {
            out.array(2);
            out.uint(position.0);
            out.bytes(hash);
        }
        out
    }

    /// The sealer of a snapshot. Its records up to the snapshot's own are taken as seen; the snapshot's record and what follows must be
    /// observed.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn restore(octets: &[u8]) -> Result<Self, Error> {
        let mut f = Fields::open(octets, "sealer snapshot", SNAPSHOT)?;
        let (origin, bridge) = (f.need(1)?.text()?.to_owned(), f.need(2)?.text()?.to_owned());
        let (epoch, size) = (f.need(3)?.uint()?, f.need(4)?.uint()?);
        let r = f.need(5)?;
        let frontier = (0..r.array()?).map(|_| r.bytes_of()).collect::<Result<Vec<Hash>, Error>>()?;
        let Some(log) = LogTree::from_frontier(size, &frontier) else { return r.fail("the frontier does not fit the size") };
        let r = f.need(6)?;
        let prev_header = if r.null() { None } else { Some(r.bytes_of()?) };
        let (covered, observed) = (Position(f.need(7)?.uint()?), Position(f.need(8)?.uint()?));
        let r = f.need(9)?;
        let mut streams = BTreeMap::new();
        for _ in 0..r.array()? {
            let fields = r.array()?;
            let (stream, next_seq) = (r.narrow()?, r.uint()?);
            let sealed = match fields {
                2 => None,
                4 => Some(SealedTail { head: r.bytes_of()?, batch: r.uint()? }),
                _ => return r.fail("a stream has two or four fields"),
            };
            streams.insert(stream, StreamTail { sealed, next_seq });
        }
        let r = f.need(10)?;
        r.array_of(2)?;
        let pending = restore_pending(r)?;
        let records = (0..r.array()?)
            .map(|_| {
                r.array_of(2)?;
                Ok((Position(r.uint()?), r.bytes_of()?))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        f.finish()?;
        Ok(Self { origin, bridge, epoch, log, prev_header, covered, observed, streams, pending, records })
    }

    /// The stream heads that a batch of everything before `until` would have.
    pub(crate) fn draft_heads(&self, until: Position) -> Vec<Vec<u8>> {
        self.draft(until).octets
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// True if both describe the same log at the same place. The bridge's did is not compared.
    pub(crate) fn same_place(&self, other: &Self) -> bool {
        let place = |s: &Self| (s.epoch, s.log.size(), s.log.root(), s.prev_header, s.covered);
        self.origin == other.origin
            && place(self) == place(other)
            && self.streams == other.streams
            && self.pending == other.pending
            && self.records == other.records
    }

    /// True if a leaf of this stream was seen.
    pub(crate) fn knows(&self, stream: u32) -> bool {
        self.streams.contains_key(&stream)
    }

    fn draft(&self, until: Position) -> Draft {
        let leaves = self.pending.partition_point(|p| p.position < until);
        let records = self.records.partition_point(|(position, _)| *position < until);
        let pending = &self.pending[..leaves];
        let mut order: Vec<u32> = (0..leaves as u32).collect();
        order.sort_unstable_by_key(|&i| (pending[i as usize].stream, i));
        let (mut heads, mut octets, mut head_hashes) = (Vec::new(), Vec::new(), Vec::new());
        let mut range = CompactRange::default();
        let mut rest = order.as_slice();
        while let Some(&first) = rest.first() {
            let first = &pending[first as usize];
            range.clear();
            let (mut withheld, mut used) = (0, 0);
            for &i in rest {
                let p = &pending[i as usize];
                // A break in the numbers begins another head: it shows as a gap, not as something that it is not.
                if p.stream != first.stream || p.seq != first.seq.saturating_add(used) {
                    break;
                }
                range.push(p.leaf);
                withheld += u64::from(p.withheld);
                used += 1;
            }
            rest = rest.get(used as usize..).unwrap_or_default();
            let before = match heads.last() {
                Some(StreamHead { stream, .. }) if *stream == first.stream => {
                    head_hashes.last().map(|&head| SealedTail { head, batch: self.log.size() })
                }
                Some(_) | None => self.streams.get(&first.stream).and_then(|tail| tail.sealed),
            };
            let head = StreamHead {
                stream: first.stream,
                epoch: self.epoch,
                first_seq: first.seq,
                count: used,
                sub_root: range.root(),
                prev_head: before.map(|b| b.head),
                prev_batch: before.map(|b| b.batch),
                withheld,
            };
            let mut encoded = Vec::with_capacity(128);
            head.encode(&mut encoded);
            head_hashes.push(leaf_hash(&encoded));
            octets.push(encoded);
            heads.push(head);
        }
        let records_root = tree_root(self.records[..records].iter().map(|(_, hash)| *hash));
        Draft { leaves, records, heads, octets, head_hashes, records_root }
    }

    fn compare(&self, header: &BatchHeader, draft: &Draft) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Mismatch { batch: header.batch, what });
        if header.batch != self.log.size() {
            return wrong(format!("its header stands where that of batch {} is expected", self.log.size()));
        }
        if header.origin != self.origin || header.epoch != self.epoch {
            return wrong("its header is of another origin or epoch".into());
        }
        if header.prev_header != self.prev_header {
            return wrong("its header does not continue the header before".into());
        }
        if header.first != self.covered || header.end < header.first {
            return wrong(format!("its range {}..{} does not begin at {}", header.first, header.end, self.covered));
        }
        if header.leaves != draft.leaves as u64 {
            return wrong(format!("{} leaves were sealed, {} are in the journal", header.leaves, draft.leaves));
        }
        if header.streams != draft.heads.len() as u64 || header.streams_root != tree_root(draft.head_hashes.iter().copied()) {
            return wrong("the leaves in the journal are not those that were sealed".into());
        }
        if header.records != draft.records as u64 {
            return wrong(format!("{} records were sealed, {} are in the journal", header.records, draft.records));
        }
        if header.records_root != draft.records_root {
            return wrong("the records in the journal, or their order, are not those that were sealed".into());
        }
        Ok(())
    }

    fn commit(&mut self, header: &BatchHeader, hash: Hash, draft: &Draft) {
        for (head, hash) in draft.heads.iter().zip(&draft.head_hashes) {
            self.streams.entry(head.stream).or_default().sealed = Some(SealedTail { head: *hash, batch: header.batch });
        }
        self.pending.drain(..draft.leaves);
        self.records.drain(..draft.records);
        self.log.push(hash);
        self.prev_header = Some(hash);
        self.covered = header.end;
    }
}

fn restore_pending(r: &mut Reader<'_>) -> Result<Vec<Pending>, Error> {
    (0..r.array()?)
        .map(|_| {
            r.array_of(5)?;
            Ok(Pending { position: Position(r.uint()?), stream: r.narrow()?, seq: r.uint()?, withheld: r.narrow()?, leaf: r.bytes_of()? })
        })
        .collect()
}

//! Batches as they are sent to a receiver, and the receiver's check.

use std::collections::{BTreeMap, VecDeque};

use bridge_journal::{Position, Record};

use crate::cbor::{Encode, Fields};
use crate::error::Error;
use crate::header::{BatchHeader, StreamHead, decode_heads};
use crate::kind;
use crate::leaf::LeafId;
use crate::note::{NoteError, open_checkpoint};
use crate::tree::{Hash, Side, audit_path, leaf_hash, node_hash, root_from_path, tree_root};

/// Batches that a receiver remembers, to tell a repetition from a fork.
pub const MAX_RECENT_BATCHES: usize = 256;
/// Streams of one peer that a receiver follows.
pub const MAX_STREAMS: usize = 65_536;

const STATE: &str = "ies-rs/1";

/// One stream of a batch, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedStream {
    /// The stream head's octets ([`StreamHead`]).
    pub head: Vec<u8>,
    /// From the head's hash to `streams_root`.
    pub path: Vec<(Hash, Side)>,
    /// The leaves' octets in order.
    pub leaves: Vec<Vec<u8>>,
}

/// One batch, with the streams that a receiver wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBatch {
    /// Batch number.
    pub batch: u64,
    /// The header's octets ([`BatchHeader`]).
    pub header: Vec<u8>,
    /// The signed note.
    pub checkpoint: Vec<u8>,
    /// From the header's hash to the checkpoint's root; all siblings stand on the left.
    pub log_path: Vec<Hash>,
    /// The streams.
    pub streams: Vec<SealedStream>,
}

/// Puts a batch together from what the journal has: `heads` is the body of its [`kind::HEADS`] record, `leaves` the bodies of all its leaf
/// records in the order of the journal (positions `header.first..header.end`), `log_path` from [`Sealer::log_path`](crate::Sealer::log_path);
/// `wanted` chooses streams.
///
/// # Errors
/// [`Error::Mismatch`] if heads or leaves are not those of the header, [`Error::Malformed`].
pub fn sealed_batch(
    header: &[u8],
    heads: &[u8],
    checkpoint: &[u8],
    log_path: Vec<Hash>,
    leaves: &[Vec<u8>],
    wanted: &dyn Fn(u32) -> bool,
) -> Result<SealedBatch, Error> {
    let decoded = BatchHeader::decode(header)?;
    let batch = decoded.batch;
    let wrong = |what: &str| Err(Error::Mismatch { batch, what: what.to_owned() });
    let (heads_batch, heads) = decode_heads(heads)?;
    let hashes: Vec<Hash> = heads.iter().map(|head| leaf_hash(head)).collect();
    if heads_batch != batch || tree_root(hashes.iter().copied()) != decoded.streams_root {
        return wrong("the stream heads are not those of the header");
    }
    if leaves.len() as u64 != decoded.leaves {
        return wrong("the number of leaves is not that of the header");
    }
    let mut by_stream: BTreeMap<u32, VecDeque<&Vec<u8>>> = BTreeMap::new();
    for leaf in leaves {
        let id = LeafId::decode(leaf)?;
        if wanted(id.stream) {
            by_stream.entry(id.stream).or_default().push_back(leaf);
        }
    }
    let mut streams = Vec::new();
    for (index, octets) in heads.into_iter().enumerate() {
        let head = StreamHead::decode(&octets)?;
        if !wanted(head.stream) {
            continue;
        }
        let Some(queue) = by_stream.get_mut(&head.stream) else { return wrong("a stream has a head but no leaves") };
        let count = usize::try_from(head.count).unwrap_or(usize::MAX).min(queue.len());
        let leaves: Vec<Vec<u8>> = queue.drain(..count).cloned().collect();
        if tree_root(leaves.iter().map(|leaf| leaf_hash(leaf))) != head.sub_root {
            return wrong("the leaves of a stream are not those of its head");
        }
        streams.push(SealedStream { head: octets, path: audit_path(&hashes, index), leaves });
    }
    Ok(SealedBatch { batch, header: header.to_vec(), checkpoint: checkpoint.to_vec(), log_path, streams })
}

/// A batch as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalBatch {
    /// The header, read.
    pub header: BatchHeader,
    /// The header's octets.
    pub header_octets: Vec<u8>,
    /// Body of the heads record; empty if there was none.
    pub heads: Vec<u8>,
    /// The signed note.
    pub checkpoint: Vec<u8>,
    /// All leaves in the order of the journal.
    pub leaves: Vec<Vec<u8>>,
    /// Position behind the checkpoint record.
    pub end: Position,
}

impl JournalBatch {
    /// See [`sealed_batch`].
    ///
    /// # Errors
    /// As [`sealed_batch`].
    pub fn sealed(&self, log_path: Vec<Hash>, wanted: &dyn Fn(u32) -> bool) -> Result<SealedBatch, Error> {
        sealed_batch(&self.header_octets, &self.heads, &self.checkpoint, log_path, &self.leaves, wanted)
    }
}

/// Collects batches from the records of a journal, read in order from the `first` position of a batch on (or from the journal's start).
#[derive(Debug, Default)]
pub struct Collector {
    leaves: VecDeque<(Position, Vec<u8>)>,
    heads: Vec<u8>,
    header: Option<(BatchHeader, Vec<u8>)>,
}

impl Collector {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next record; gives a batch when its checkpoint has come.
    ///
    /// # Errors
    /// [`Error::Malformed`] if a header cannot be read.
    pub fn take(&mut self, record: &Record) -> Result<Option<JournalBatch>, Error> {
        if record.kind == kind::LEAF {
            self.leaves.push_back((record.position, record.body.clone()));
        } else if record.kind == kind::HEADS {
            self.heads = record.body.clone();
        } else if record.kind == kind::HEADER {
            self.header = Some((BatchHeader::decode(&record.body)?, record.body.clone()));
        } else if record.kind == kind::CHECKPOINT
            && let Some((header, header_octets)) = self.header.take()
        {
            let before = self.leaves.partition_point(|(position, _)| *position < header.first);
            let count = self.leaves.partition_point(|(position, _)| *position < header.end);
            let leaves = self.leaves.drain(..count).skip(before).map(|(_, leaf)| leaf).collect();
            let heads = std::mem::take(&mut self.heads);
            return Ok(Some(JournalBatch { header, header_octets, heads, checkpoint: record.body.clone(), leaves, end: record.end }));
        }
        Ok(None)
    }
}

/// Where a receiver stands in one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StreamState {
    epoch: u64,
    next_seq: u64,
    /// Leaf hash of the last head, `None` after a gap was accepted.
    head: Option<Hash>,
}

/// What a receiver remembers of one peer: the last batches, and its place in each stream. Bounded by [`MAX_RECENT_BATCHES`] and
/// [`MAX_STREAMS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverState {
    recent: BTreeMap<u64, Hash>,
    streams: BTreeMap<u32, StreamState>,
}

impl ReceiverState {
    /// Nothing received yet: the first head of each stream is taken as the beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The last batch that was verified.
    #[must_use]
    pub fn last_batch(&self) -> Option<u64> {
        self.recent.last_key_value().map(|(batch, _)| *batch)
    }

    /// The number that is expected next in a stream.
    #[must_use]
    pub fn next_seq(&self, stream: u32) -> Option<u64> {
        self.streams.get(&stream).map(|s| s.next_seq)
    }

    /// After a [`VerifyError::Gap`] that the receiver takes note of: go on in this stream at `next`.
    pub fn accept_gap(&mut self, stream: u32, next: u64) {
        if let Some(state) = self.streams.get_mut(&stream) {
            state.next_seq = next;
            state.head = None;
        }
    }

    /// The state as deterministic CBOR, to be stored with the data that it vouches for.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.map(3);
        out.uint(0);
        out.text(STATE);
        out.uint(1);
        out.array(self.recent.len() as u64);
        for (batch, hash) in &self.recent {
            out.array(2);
            out.uint(*batch);
            out.bytes(hash);
        }
        out.uint(2);
        out.array(self.streams.len() as u64);
        for (stream, state) in &self.streams {
            out.array(4);
            out.uint(u64::from(*stream));
            out.uint(state.epoch);
            out.uint(state.next_seq);
            match &state.head {
                Some(hash) => out.bytes(hash),
                None => out.null(),
            }
        }
        out
    }

    /// Reads a state.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        let mut f = Fields::open(octets, "receiver state", STATE)?;
        let r = f.need(1)?;
        let mut state = Self::default();
        for _ in 0..r.array()? {
            r.array_of(2)?;
            state.recent.insert(r.uint()?, r.bytes_of()?);
        }
        let r = f.need(2)?;
        for _ in 0..r.array()? {
            r.array_of(4)?;
            let (stream, epoch, next_seq) = (r.narrow()?, r.uint()?, r.uint()?);
            let head = if r.null() { None } else { Some(r.bytes_of()?) };
            state.streams.insert(stream, StreamState { epoch, next_seq, head });
        }
        f.finish()?;
        Ok(state)
    }
}

/// A stream that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedStream {
    /// The stream.
    pub stream: u32,
    /// The sender's journal incarnation.
    pub epoch: u64,
    /// The first leaf's number.
    pub first_seq: u64,
    /// Leaves.
    pub count: u64,
    /// Updates that are in the sender's frame records only.
    pub withheld: u64,
    /// All of it was received before.
    pub duplicate: bool,
}

/// A batch that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBatch {
    /// Its header.
    pub header: BatchHeader,
    /// Its streams, in the order of the batch.
    pub streams: Vec<VerifiedStream>,
    /// The batch was received before.
    pub duplicate: bool,
}

/// Why a batch is not believed. The receiver's state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A hash or signature does not hold.
    #[error("tampered: {0}")]
    Tampered(String),
    /// Leaves of a stream are missing.
    #[error("stream {stream}: {first} to {last} are missing")]
    Gap {
        /// The stream.
        stream: u32,
        /// First missing number.
        first: u64,
        /// Last missing number.
        last: u64,
    },
    /// The sender tells two histories. Keep both batches: they are the evidence.
    #[error("fork: {0}")]
    Fork(String),
    /// No signature is by a trusted key.
    #[error("no signature is by a trusted key")]
    UntrustedKey,
    /// The octets cannot be read, or a limit is passed.
    #[error("malformed: {0}")]
    Malformed(String),
}

impl From<Error> for VerifyError {
    fn from(e: Error) -> Self {
        Self::Malformed(e.to_string())
    }
}

/// Checks a batch from the leaves up to the signature, then that it continues what was received: the numbers of each stream, the link to its
/// head before, and, where the batch before is known, the link to its header. Batches may be skipped (nothing wanted was in them).
///
/// # Errors
/// [`VerifyError`]; the state changes only on success.
pub fn verify_batch(batch: &SealedBatch, origin: &str, keys: &[[u8; 32]], state: &mut ReceiverState) -> Result<VerifiedBatch, VerifyError> {
    let tampered = |what: String| VerifyError::Tampered(format!("batch {}: {what}", batch.batch));
    let header_hash = leaf_hash(&batch.header);

    let checkpoint = open_checkpoint(&batch.checkpoint, origin, keys).map_err(|e| match e {
        NoteError::UntrustedKey => VerifyError::UntrustedKey,
        NoteError::Malformed(_) => VerifyError::Malformed(e.to_string()),
        NoteError::BadSignature | NoteError::Origin => tampered(format!("checkpoint: {e}")),
    })?;
    if checkpoint.size != batch.batch.saturating_add(1) || batch.log_path.len() != batch.batch.count_ones() as usize {
        return Err(tampered("the checkpoint is not that of this batch".into()));
    }
    if batch.log_path.iter().fold(header_hash, |acc, left| node_hash(left, &acc)) != checkpoint.root {
        return Err(tampered("the header is not in the signed log".into()));
    }
    let header = BatchHeader::decode(&batch.header)?;
    if header.batch != batch.batch || header.origin != origin {
        return Err(tampered("the header is of another batch or origin".into()));
    }

    let mut heads = Vec::with_capacity(batch.streams.len());
    for sealed in &batch.streams {
        heads.push(check_stream(sealed, &header)?);
    }

    let duplicate = match state.recent.get(&header.batch) {
        Some(known) if *known == header_hash => true,
        Some(_) => return Err(VerifyError::Fork(format!("batch {} has two headers", header.batch))),
        None => false,
    };
    if let Some(before) = header.batch.checked_sub(1).and_then(|n| state.recent.get(&n))
        && header.prev_header != Some(*before)
    {
        return Err(VerifyError::Fork(format!("batch {} does not continue the header before", header.batch)));
    }
    let mut streams = state.streams.clone();
    let mut verified = Vec::with_capacity(heads.len());
    for (head, hash) in heads {
        verified.push(follow(&mut streams, &head, hash)?);
    }
    if streams.len() > MAX_STREAMS {
        return Err(VerifyError::Malformed(format!("more than {MAX_STREAMS} streams")));
    }
    state.streams = streams;
    state.recent.insert(header.batch, header_hash);
    while state.recent.len() > MAX_RECENT_BATCHES {
        state.recent.pop_first();
    }
    Ok(VerifiedBatch { header, streams: verified, duplicate })
}

/// One stream: leaves → sub-tree → head → batch tree.
fn check_stream(sealed: &SealedStream, header: &BatchHeader) -> Result<(StreamHead, Hash), VerifyError> {
    let hash = leaf_hash(&sealed.head);
    if root_from_path(hash, &sealed.path) != header.streams_root {
        return Err(VerifyError::Tampered(format!("batch {}: a stream head is not in it", header.batch)));
    }
    let head = StreamHead::decode(&sealed.head)?;
    let tampered = |what: String| VerifyError::Tampered(format!("batch {}: stream {}: {what}", header.batch, head.stream));
    if head.epoch != header.epoch {
        return Err(tampered("its head is of another epoch".into()));
    }
    if sealed.leaves.len() as u64 != head.count {
        return Err(tampered(format!("{} leaves of {} are there", sealed.leaves.len(), head.count)));
    }
    if tree_root(sealed.leaves.iter().map(|leaf| leaf_hash(leaf))) != head.sub_root {
        return Err(tampered(format!("leaves {}..{} are not those that were sealed", head.first_seq, head.next_seq())));
    }
    for (seq, leaf) in (head.first_seq..).zip(&sealed.leaves) {
        let id = LeafId::decode(leaf)?;
        if (id.stream, id.epoch, id.seq) != (head.stream, head.epoch, seq) {
            return Err(tampered(format!("leaf {seq} says that it is leaf {} of stream {}", id.seq, id.stream)));
        }
    }
    Ok((head, hash))
}

/// Continues one stream.
fn follow(streams: &mut BTreeMap<u32, StreamState>, head: &StreamHead, hash: Hash) -> Result<VerifiedStream, VerifyError> {
    let stream = head.stream;
    let fork = |what: &str| VerifyError::Fork(format!("stream {stream} at {}: {what}", head.first_seq));
    let mut duplicate = false;
    if let Some(known) = streams.get(&stream).filter(|known| known.epoch == head.epoch) {
        if head.first_seq > known.next_seq {
            return Err(VerifyError::Gap { stream, first: known.next_seq, last: head.first_seq - 1 });
        }
        if head.next_seq() <= known.next_seq {
            duplicate = true;
            if head.next_seq() == known.next_seq && known.head.is_some_and(|h| h != hash) {
                return Err(fork("another head for the same leaves"));
            }
        } else if head.first_seq < known.next_seq {
            return Err(fork("its head overlaps the one before"));
        } else if known.head.is_some_and(|h| head.prev_head != Some(h)) {
            return Err(fork("its head does not continue the one before"));
        }
    }
    if !duplicate {
        streams.insert(stream, StreamState { epoch: head.epoch, next_seq: head.next_seq(), head: Some(hash) });
    }
    Ok(VerifiedStream { stream, epoch: head.epoch, first_seq: head.first_seq, count: head.count, withheld: head.withheld, duplicate })
}

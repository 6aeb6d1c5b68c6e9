//! Stream heads and batch headers: what a seal says.

use std::collections::BTreeMap;

use bridge_journal::Position;

use crate::cbor::{Encode, Fields, text_key_order};
use crate::error::Error;
use crate::leaf::text_map;
use crate::tree::{Hash, leaf_hash};

const HEAD: &str = "ies-sh/1";
const HEADS: &str = "ies-hs/1";
const HEADER: &str = "ies-bh/1";
const JOURNAL_HEAD: &str = "ies-jh/1";

/// The head of one stream in one batch: "ies-sh/1". A leaf of the batch tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHead {
    /// The stream.
    pub stream: u32,
    /// The journal's incarnation.
    pub epoch: u64,
    /// The first leaf's place in the stream.
    pub first_seq: u64,
    /// Leaves, contiguous.
    pub count: u64,
    /// Root over their hashes.
    pub sub_root: Hash,
    /// Leaf hash of this stream's head before, none for its first.
    pub prev_head: Option<Hash>,
    /// The batch of that head.
    pub prev_batch: Option<u64>,
    /// Updates that are in frame records only.
    pub withheld: u64,
}

impl StreamHead {
    /// Appends the head.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.map(9);
        out.uint(0);
        out.text(HEAD);
        for (key, n) in [(1, u64::from(self.stream)), (2, self.epoch), (3, self.first_seq), (4, self.count)] {
            out.uint(key);
            out.uint(n);
        }
        out.uint(5);
        out.bytes(&self.sub_root);
        out.uint(6);
        optional_hash(out, self.prev_head.as_ref());
        out.uint(7);
        match self.prev_batch {
            Some(batch) => out.uint(batch),
            None => out.null(),
        }
        out.uint(8);
        out.uint(self.withheld);
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        let mut f = Fields::open(octets, "stream head", HEAD)?;
        let (stream, epoch) = (f.need(1)?.narrow()?, f.need(2)?.uint()?);
        let (first_seq, count, sub_root) = (f.need(3)?.uint()?, f.need(4)?.uint()?, f.need(5)?.bytes_of()?);
        let r = f.need(6)?;
        let prev_head = if r.null() { None } else { Some(r.bytes_of()?) };
        let r = f.need(7)?;
        let prev_batch = if r.null() { None } else { Some(r.uint()?) };
        let withheld = f.need(8)?.uint()?;
        if first_seq.checked_add(count).is_none() {
            return f.r.fail("the count passes the last number");
        }
        f.finish()?;
        Ok(Self { stream, epoch, first_seq, count, sub_root, prev_head, prev_batch, withheld })
    }

    /// The number behind its last leaf.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.first_seq.saturating_add(self.count)
    }
}

fn optional_hash(out: &mut Vec<u8>, hash: Option<&Hash>) {
    match hash {
        Some(hash) => out.bytes(hash),
        None => out.null(),
    }
}

/// The body of a [`kind::HEADS`](crate::kind::HEADS) record: "ies-hs/1", the batch number and each head's octets, in order.
#[must_use]
pub fn encode_heads(batch: u64, heads: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + heads.iter().map(|head| head.len() + 3).sum::<usize>());
    out.map(3);
    out.uint(0);
    out.text(HEADS);
    out.uint(1);
    out.uint(batch);
    out.uint(2);
    out.array(heads.len() as u64);
    heads.iter().for_each(|head| out.bytes(head));
    out
}

/// Reads the body of a [`kind::HEADS`](crate::kind::HEADS) record: the batch number and each head's octets.
///
/// # Errors
/// [`Error::Malformed`].
pub fn decode_heads(octets: &[u8]) -> Result<(u64, Vec<Vec<u8>>), Error> {
    let mut f = Fields::open(octets, "stream heads", HEADS)?;
    let batch = f.need(1)?.uint()?;
    let r = f.need(2)?;
    let heads = (0..r.array()?).map(|_| r.bytes().map(<[u8]>::to_vec)).collect::<Result<Vec<_>, Error>>()?;
    f.finish()?;
    Ok((batch, heads))
}

/// What the bridge knows of its clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClockState {
    /// Where its time comes from: `ntp`, `ptp`, `none` …
    pub source: String,
    /// True if it is synchronised.
    pub synchronised: bool,
    /// How far off it may be, µs.
    pub uncertainty_us: u32,
}

/// What the engine adds to a seal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SealMeta {
    /// When the batch was opened, UTC, ns since 1970.
    pub t_open_ns: i64,
    /// When it was sealed, UTC, ns since 1970.
    pub t_seal_ns: i64,
    /// The clock.
    pub clock: ClockState,
    /// What was dropped, by reason, since the journal began.
    pub dropped: BTreeMap<String, u64>,
    /// Hash of the expanded configuration.
    pub config_hash: Hash,
    /// Hash of the policy.
    pub policy_hash: Hash,
    /// Hash of the program.
    pub build_hash: Hash,
    /// True for the seal over what a recovery found unsealed.
    pub recovered: bool,
    /// Seal even if there is nothing to cover. Not part of the header.
    pub heartbeat: bool,
}

/// A batch header: "ies-bh/1". A leaf of the log; its index is its batch number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchHeader {
    /// The bridge's did.
    pub bridge: String,
    /// The log's origin.
    pub origin: String,
    /// The journal's incarnation.
    pub epoch: u64,
    /// Batch number = index in the log.
    pub batch: u64,
    /// What the engine added; `heartbeat` is false after decoding.
    pub meta: SealMeta,
    /// Leaves in all streams.
    pub leaves: u64,
    /// Stream heads.
    pub streams: u64,
    /// Root over the stream heads.
    pub streams_root: Hash,
    /// Leaf hash of the header before, none for batch 0.
    pub prev_header: Option<Hash>,
    /// Start of the range of the journal that is covered: the end of the batch before.
    pub first: Position,
    /// End of that range: every record in `first..end` that is not of a seal itself is covered.
    pub end: Position,
    /// Records in the range, of all kinds but those of a seal.
    pub records: u64,
    /// Root over their hashes in the order of the journal: for a leaf its leaf hash, else `leaf_hash(kind ‖ body)`.
    pub records_root: Hash,
}

impl BatchHeader {
    /// Appends the header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let m = &self.meta;
        out.map(21);
        out.uint(0);
        out.text(HEADER);
        out.uint(1);
        out.text(&self.bridge);
        out.uint(2);
        out.text(&self.origin);
        out.uint(3);
        out.uint(self.epoch);
        out.uint(4);
        out.uint(self.batch);
        out.uint(5);
        out.int(m.t_open_ns);
        out.uint(6);
        out.int(m.t_seal_ns);
        out.uint(7);
        out.array(3);
        out.text(&m.clock.source);
        out.bool(m.clock.synchronised);
        out.uint(u64::from(m.clock.uncertainty_us));
        out.uint(8);
        out.uint(self.leaves);
        out.uint(9);
        out.uint(self.streams);
        out.uint(10);
        out.bytes(&self.streams_root);
        out.uint(11);
        optional_hash(out, self.prev_header.as_ref());
        out.uint(12);
        let mut dropped: Vec<(&String, &u64)> = m.dropped.iter().collect();
        dropped.sort_by(|a, b| text_key_order(a.0, b.0));
        out.map(dropped.len() as u64);
        for (reason, n) in dropped {
            out.text(reason);
            out.uint(*n);
        }
        for (key, hash) in [(13, &m.config_hash), (14, &m.policy_hash), (15, &m.build_hash)] {
            out.uint(key);
            out.bytes(hash);
        }
        out.uint(16);
        out.bool(m.recovered);
        for (key, n) in [(17, self.first.0), (18, self.end.0), (19, self.records)] {
            out.uint(key);
            out.uint(n);
        }
        out.uint(20);
        out.bytes(&self.records_root);
    }

    /// Reads a header; unknown keys are skipped (21 is kept for the last witness cosignature).
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        let mut f = Fields::open(octets, "batch header", HEADER)?;
        let (bridge, origin) = (f.need(1)?.text()?.to_owned(), f.need(2)?.text()?.to_owned());
        let (epoch, batch) = (f.need(3)?.uint()?, f.need(4)?.uint()?);
        let (t_open_ns, t_seal_ns) = (f.need(5)?.int()?, f.need(6)?.int()?);
        let r = f.need(7)?;
        r.array_of(3)?;
        let clock = ClockState { source: r.text()?.to_owned(), synchronised: r.bool()?, uncertainty_us: r.narrow()? };
        let (leaves, streams, streams_root) = (f.need(8)?.uint()?, f.need(9)?.uint()?, f.need(10)?.bytes_of()?);
        let r = f.need(11)?;
        let prev_header = if r.null() { None } else { Some(r.bytes_of()?) };
        let dropped = text_map(f.need(12)?, |r| r.uint())?;
        let (config_hash, policy_hash, build_hash) = (f.need(13)?.bytes_of()?, f.need(14)?.bytes_of()?, f.need(15)?.bytes_of()?);
        let recovered = f.need(16)?.bool()?;
        let (first, end) = (Position(f.need(17)?.uint()?), Position(f.need(18)?.uint()?));
        let (records, records_root) = (f.need(19)?.uint()?, f.need(20)?.bytes_of()?);
        f.finish()?;
        let meta = SealMeta { t_open_ns, t_seal_ns, clock, dropped, config_hash, policy_hash, build_hash, recovered, heartbeat: false };
        Ok(Self { bridge, origin, epoch, batch, meta, leaves, streams, streams_root, prev_header, first, end, records, records_root })
    }
}

/// What goes into the journal's head file: the last durable seal. A journal that is behind it refuses to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last durable batch.
    pub batch: u64,
    /// [`leaf_hash`] of its header.
    pub header: Hash,
}

impl Head {
    /// The head of a batch.
    #[must_use]
    pub fn of(batch: u64, header: &[u8]) -> Self {
        Self { batch, header: leaf_hash(header) }
    }

    /// The octets for [`Journal::put_head`](bridge_journal::Journal::put_head).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.map(3);
        out.uint(0);
        out.text(JOURNAL_HEAD);
        out.uint(1);
        out.uint(self.batch);
        out.uint(2);
        out.bytes(&self.header);
        out
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        let mut f = Fields::open(octets, "journal head", JOURNAL_HEAD)?;
        let head = Self { batch: f.need(1)?.uint()?, header: f.need(2)?.bytes_of()? };
        f.finish()?;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_headers_come_back_and_refuse_cuts() {
        for prev in [None, Some(9)] {
            let head = StreamHead {
                stream: 1,
                epoch: 2,
                first_seq: 3,
                count: 4,
                sub_root: [5; 32],
                prev_head: prev.map(|_| [6; 32]),
                prev_batch: prev,
                withheld: 8,
            };
            let mut out = Vec::new();
            head.encode(&mut out);
            assert_eq!(StreamHead::decode(&out), Ok(head.clone()));
            assert_eq!(head.next_seq(), 7);
            let header = BatchHeader {
                bridge: "did:web:plant.example".into(),
                origin: "plant.example/bridge/1".into(),
                epoch: 1,
                batch: prev.unwrap_or(0),
                meta: SealMeta {
                    t_open_ns: 1,
                    t_seal_ns: -2,
                    clock: ClockState { source: "ntp".into(), synchronised: true, uncertainty_us: 1500 },
                    dropped: [("queue full".to_owned(), 3), ("x".to_owned(), 1)].into(),
                    config_hash: [1; 32],
                    policy_hash: [2; 32],
                    build_hash: [3; 32],
                    recovered: true,
                    heartbeat: false,
                },
                leaves: 4,
                streams: 1,
                streams_root: [4; 32],
                prev_header: prev.map(|_| [7; 32]),
                first: Position(10),
                end: Position(u64::MAX),
                records: 2,
                records_root: [8; 32],
            };
            let mut out = Vec::new();
            header.encode(&mut out);
            assert_eq!(BatchHeader::decode(&out), Ok(header));
            for cut in 0..out.len() {
                assert!(BatchHeader::decode(&out[..cut]).is_err());
            }
        }
        let head = Head::of(12, b"header");
        assert_eq!(Head::decode(&head.encode()), Ok(head));
    }
}

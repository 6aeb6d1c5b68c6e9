//! The offline check of a whole journal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bridge_journal::{Error as JournalError, Position, ReadOnly, Record};

use crate::error::Error;
use crate::frame::FrameRecord;
use crate::header::{BatchHeader, Head, StreamHead, decode_heads};
use crate::kind;
use crate::leaf::{FrameRef, Leaf, LeafId};
use crate::note::{NoteError, open_checkpoint};
use crate::sealer::Sealer;
use crate::tree::{Hash, leaf_hash};

/// Frame numbers that are remembered to find the frame of a leaf; older ones are taken as seen.
const RECENT_FRAMES: usize = 65_536;

/// What the check concludes; the exit code of `verify` beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 0: everything sealed is as it was sealed.
    Verified,
    /// 1: something is not as it was sealed, or stands where it was not written.
    Tampered,
    /// 2: what is there is as it was sealed, but a part is missing.
    Incomplete,
    /// 3: the structure holds, but a checkpoint is not by a trusted key.
    UntrustedKey,
}

/// A part of the journal that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalGap {
    /// First missing position.
    pub from: Position,
    /// First position that is there again.
    pub until: Position,
}

/// What [`verify_journal`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The conclusion.
    pub verdict: Verdict,
    /// Batches verified.
    pub batches: u64,
    /// The first batch verified: above 0 if older segments are no longer kept.
    pub first_batch: Option<u64>,
    /// Leaves in verified batches.
    pub leaves: u64,
    /// Frame records read.
    pub frames: u64,
    /// Leaves at the end that no seal covers yet. Not an error.
    pub unsealed_leaves: u64,
    /// Missing parts.
    pub gaps: Vec<JournalGap>,
    /// The torn tail that the next start will cut off. Not an error.
    pub torn_tail: Option<String>,
    /// The first bad place: file, octet, position, and batch or leaf.
    pub first_problem: Option<String>,
}

/// Reads the whole journal and checks it against the keys: every frame's CRC, every leaf and every other record against the signed header
/// that covers it, headers against each other and against the signed log, numbers of streams, frames of leaves, and the head file.
///
/// What it cannot see offline: whole batches cut off at the end that no head file, receiver or witness remembers.
#[must_use]
pub fn verify_journal(journal: &ReadOnly, keys: &[[u8; 32]]) -> Report {
    let mut check = Check {
        journal,
        keys,
        sealer: (journal.start() == Position(0)).then(|| Sealer::new(journal.origin(), "", journal.epoch())),
        header: None,
        heads: None,
        recent: VecDeque::new(),
        frames: Frames { complete: journal.start() == Position(0), ..Frames::default() },
        headers: BTreeMap::new(),
        report: Report {
            verdict: Verdict::Verified,
            batches: 0,
            first_batch: None,
            leaves: 0,
            frames: 0,
            unsealed_leaves: 0,
            gaps: Vec::new(),
            torn_tail: None,
            first_problem: None,
        },
    };
    if let Some(problem) = journal.problems().first() {
        check.problem(Verdict::Tampered, problem.to_string());
    }
    check.walk();
    check.finish();
    check.report
}

/// Where a leaf stands, to name it.
#[derive(Clone, Copy)]
struct LeafPlace {
    position: Position,
    stream: u32,
    seq: u64,
}

#[derive(Default)]
struct Frames {
    /// The journal is read from its beginning.
    complete: bool,
    recent: BTreeSet<FrameRef>,
    order: VecDeque<FrameRef>,
    /// Frames were forgotten: older ones are taken as seen.
    forgot: bool,
}

impl Frames {
    fn add(&mut self, frame: FrameRef) {
        self.recent.insert(frame);
        self.order.push_back(frame);
        if self.order.len() > RECENT_FRAMES
            && let Some(old) = self.order.pop_front()
        {
            self.recent.remove(&old);
            self.forgot = true;
        }
    }

    fn has(&self, frame: &FrameRef) -> bool {
        self.recent.contains(frame) || self.forgot || !self.complete
    }
}

struct Check<'a> {
    journal: &'a ReadOnly,
    keys: &'a [[u8; 32]],
    /// `None` until a snapshot of the sealer is found: after a gap, or if the journal no longer has its beginning.
    sealer: Option<Sealer>,
    /// A header that waits for its checkpoint.
    header: Option<Record>,
    heads: Option<Record>,
    /// Leaves that no header covered yet.
    recent: VecDeque<LeafPlace>,
    frames: Frames,
    /// Header hashes by batch, of the last batch only: for the head file.
    headers: BTreeMap<u64, Hash>,
    report: Report,
}

impl Check<'_> {
    fn problem(&mut self, verdict: Verdict, what: String) {
        let rank = |v: Verdict| match v {
            Verdict::Verified => 0,
            Verdict::Incomplete => 1,
            Verdict::UntrustedKey => 2,
            Verdict::Tampered => 3,
        };
        if rank(verdict) > rank(self.report.verdict) {
            self.report.verdict = verdict;
            self.report.first_problem = Some(what);
        }
    }

    fn place(&self, position: Position) -> String {
        let (file, offset) = self.journal.place(position);
        format!("{file} at octet {offset} (position {position})")
    }

    fn tampered(&mut self, position: Position, what: &str) {
        let what = format!("{}: {what}", self.place(position));
        self.problem(Verdict::Tampered, what);
    }

    fn is_tampered(&self) -> bool {
        self.report.verdict == Verdict::Tampered
    }

    fn walk(&mut self) {
        let mut reader = self.journal.reader(self.journal.start());
        let mut record = Record::default();
        while !self.is_tampered() {
            match reader.next_into(&mut record) {
                Ok(true) => self.record(&record),
                Ok(false) => break,
                Err(JournalError::Missing { from, until }) => {
                    self.report.gaps.push(JournalGap { from, until });
                    let what = format!("positions {from} to {until} are missing before {}", self.place(until));
                    self.problem(Verdict::Incomplete, what);
                    self.sealer = None;
                    self.recent.clear();
                    self.frames.complete = false;
                    (self.header, self.heads) = (None, None);
                    reader = self.journal.reader(until);
                }
                Err(e) => self.problem(Verdict::Tampered, e.to_string()),
            }
        }
    }

    fn record(&mut self, record: &Record) {
        let position = record.position;
        if let Some(header) = self.header.take() {
            if record.kind == kind::CHECKPOINT {
                self.batch(&header, record);
            } else {
                self.tampered(header.position, "a batch header has no checkpoint behind it");
            }
            return;
        }
        if record.kind == kind::HEADER {
            self.header = Some(record.clone());
            return;
        }
        if let Some(heads) = self.heads.take() {
            self.tampered(heads.position, "stream heads have no header behind them");
            return;
        }
        if record.kind == kind::CHECKPOINT {
            self.tampered(position, "a checkpoint has no batch header before it");
        } else if record.kind == kind::HEADS {
            self.heads = Some(record.clone());
        } else if record.kind == kind::SEALER {
            self.snapshot(record);
        } else if record.kind == kind::LEAF {
            self.leaf(record);
        } else if record.kind == kind::FRAME {
            self.frame(record);
        }
        if !self.is_tampered()
            && let Some(sealer) = &mut self.sealer
            && let Err(e) = sealer.observe(record.kind, &record.body, position)
        {
            self.tampered(position, &e.to_string());
        }
    }

    fn snapshot(&mut self, record: &Record) {
        match Sealer::restore(&record.body) {
            Err(e) => self.tampered(record.position, &e.to_string()),
            Ok(restored) => match &self.sealer {
                Some(sealer) if !sealer.same_place(&restored) => {
                    self.tampered(record.position, "the snapshot of the sealer does not agree with the journal before it");
                }
                Some(_) => {}
                None if restored.origin() != self.journal.origin() || restored.epoch() != self.journal.epoch() => {
                    self.tampered(record.position, "the snapshot of the sealer is of another journal");
                }
                None => self.sealer = Some(restored),
            },
        }
    }

    fn frame(&mut self, record: &Record) {
        self.report.frames += 1;
        match FrameRecord::decode(&record.body) {
            Ok(frame) => self.frames.add((frame.link, frame.connection, frame.number)),
            Err(e) => self.tampered(record.position, &e.to_string()),
        }
    }

    fn leaf(&mut self, record: &Record) {
        let position = record.position;
        let id = match Leaf::decode(&record.body).and_then(|_| LeafId::decode(&record.body)) {
            Ok(id) => id,
            Err(e) => return self.tampered(position, &e.to_string()),
        };
        if id.epoch != self.journal.epoch() {
            return self.tampered(position, &format!("leaf {} of stream {} is of another epoch", id.seq, id.stream));
        }
        if let Some(sealer) = &self.sealer
            && sealer.knows(id.stream)
            && sealer.next_seq(id.stream) != id.seq
        {
            let expected = sealer.next_seq(id.stream);
            return self.tampered(position, &format!("stream {} has leaf {} where {expected} is expected", id.stream, id.seq));
        }
        if let Some(frame) = id.frame
            && !self.frames.has(&frame)
        {
            let (link, connection, number) = frame;
            let what = format!(
                "leaf {} of stream {} names frame {number} of link {link} connection {connection}, which is not in the journal",
                id.seq, id.stream
            );
            return self.tampered(position, &what);
        }
        if self.sealer.is_some() {
            self.recent.push_back(LeafPlace { position, stream: id.stream, seq: id.seq });
        }
    }

    /// A header and its checkpoint.
    fn batch(&mut self, header: &Record, checkpoint: &Record) {
        let heads = self.heads.take();
        let Some(sealer) = &self.sealer else { return };
        let decoded = match BatchHeader::decode(&header.body) {
            Ok(decoded) => decoded,
            Err(e) => return self.tampered(header.position, &e.to_string()),
        };
        let opened = open_checkpoint(&checkpoint.body, self.journal.origin(), self.keys);
        // Before the sealer moves on: what the heads would be.
        if let Some(heads) = &heads {
            let computed = sealer.draft_heads(decoded.end);
            match decode_heads(&heads.body) {
                Err(e) => return self.tampered(heads.position, &e.to_string()),
                Ok((batch, _)) if batch != decoded.batch => {
                    return self.tampered(heads.position, "the stream heads are of another batch");
                }
                Ok((_, stored)) if stored != computed => {
                    let what = self.differing_head(&decoded, &stored, &computed, sealer.covered());
                    return self.tampered(what.0, &format!("batch {}: {}", decoded.batch, what.1));
                }
                Ok(_) => {}
            }
        }
        let Some(sealer) = &mut self.sealer else { return };
        match sealer.replay_header(&header.body, &checkpoint.body) {
            Ok(()) => {}
            Err(e @ Error::Checkpoint(_)) => return self.tampered(checkpoint.position, &format!("batch {}: {e}", decoded.batch)),
            Err(e) => {
                let (first, end) = (self.place(decoded.first), decoded.end);
                return self.tampered(header.position, &format!("{e} (its records: {first} up to position {end})"));
            }
        }
        match opened {
            Ok(_) => {}
            Err(NoteError::UntrustedKey) => {
                let what = format!("{}: batch {}: {}", self.place(checkpoint.position), decoded.batch, NoteError::UntrustedKey);
                self.problem(Verdict::UntrustedKey, what);
            }
            Err(e) => return self.tampered(checkpoint.position, &format!("batch {}: {e}", decoded.batch)),
        }
        let sealed = self.recent.partition_point(|leaf| leaf.position < decoded.end);
        self.recent.drain(..sealed);
        self.headers.clear();
        self.headers.insert(decoded.batch, leaf_hash(&header.body));
        self.report.first_batch.get_or_insert(decoded.batch);
        self.report.batches += 1;
        self.report.leaves += decoded.leaves;
    }

    /// Names the first stream whose stored head is not that of the leaves in the journal.
    fn differing_head(&self, header: &BatchHeader, stored: &[Vec<u8>], computed: &[Vec<u8>], first: Position) -> (Position, String) {
        let differing = stored.iter().zip(computed).find(|(a, b)| a != b).map(|(a, _)| a).or(stored.get(computed.len()));
        let head = differing.and_then(|head| StreamHead::decode(head).ok());
        let Some(head) = head else {
            return (first, format!("{} streams were sealed, {} are in the journal", stored.len(), computed.len()));
        };
        let leaf = self.recent.iter().find(|leaf| leaf.stream == head.stream && leaf.position < header.end && leaf.seq >= head.first_seq);
        let position = leaf.map_or(first, |leaf| leaf.position);
        let what = format!("stream {}: leaves {}..{} are not those that were sealed", head.stream, head.first_seq, head.next_seq());
        (position, what)
    }

    fn finish(&mut self) {
        let journal = self.journal;
        if let Some(header) = self.header.take()
            && !self.is_tampered()
        {
            self.tampered(header.position, "a batch header has no checkpoint behind it");
        }
        if let Some(tail) = journal.torn_tail() {
            if journal.sound_after_tear() {
                self.problem(Verdict::Tampered, format!("{tail}, and sound frames stand behind it"));
            } else {
                self.report.torn_tail = Some(format!("{tail} ({} octets)", journal.torn_bytes()));
            }
        }
        self.report.unsealed_leaves = self.sealer.as_ref().map_or(0, |sealer| sealer.pending() as u64);
        if self.sealer.is_none() && !self.is_tampered() {
            let from = self.report.gaps.last().map_or(journal.start(), |gap| gap.until);
            let what = format!("{}: no snapshot of the sealer follows, so nothing from here on can be verified", self.place(from));
            self.problem(Verdict::Incomplete, what);
        }
        match journal.head() {
            Ok(None) => {}
            Err(e) => self.problem(Verdict::Tampered, e.to_string()),
            Ok(Some((position, octets))) => self.head(position, &octets),
        }
    }

    /// The head file remembers the last seal that was durable.
    fn head(&mut self, position: Position, octets: &[u8]) {
        if position > self.journal.end() {
            let what = format!("the journal ends at {}, but position {position} was durable: its end is missing", self.journal.end());
            self.problem(Verdict::Incomplete, what);
        }
        match Head::decode(octets) {
            Err(_) if octets.is_empty() => {}
            Err(e) => self.problem(Verdict::Tampered, format!("meta-head: {e}")),
            Ok(head) => match (&self.sealer, self.headers.get(&head.batch)) {
                (_, Some(hash)) if *hash != head.header => {
                    self.problem(Verdict::Tampered, format!("meta-head: batch {} had another header", head.batch));
                }
                (Some(sealer), None) if sealer.batches() <= head.batch && !self.is_tampered() => {
                    let what =
                        format!("the journal has {} batches, but batch {} was durable: its end is missing", sealer.batches(), head.batch);
                    self.problem(Verdict::Incomplete, what);
                }
                _ => {}
            },
        }
    }
}

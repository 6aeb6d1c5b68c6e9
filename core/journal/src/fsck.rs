//! Checks every frame of every segment, without keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::Error;
use crate::format::{Kind, Position};
use crate::read_only::{Problem, survey};
use crate::scan::{Scanner, Step};

/// One segment as fsck found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsckSegment {
    /// The file.
    pub file: String,
    /// Position of its first frame.
    pub start: Position,
    /// Position behind its last octet.
    pub end: Position,
    /// Sound records.
    pub records: u64,
}

/// A problem of a journal: where and what.
pub type FsckProblem = Problem;

/// What [`fsck`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsckReport {
    /// The log origin.
    pub origin: String,
    /// The incarnation.
    pub epoch: u64,
    /// The segments in order.
    pub segments: Vec<FsckSegment>,
    /// Sound records by kind.
    pub records: BTreeMap<Kind, u64>,
    /// Every damaged header, frame or overlap, in order.
    pub problems: Vec<FsckProblem>,
    /// Positions that are missing between segments, as (first missing, first there again).
    pub gaps: Vec<(Position, Position)>,
    /// The torn tail that the next start will cut off, if there is one.
    pub torn_tail: Option<FsckProblem>,
    /// Octets of the torn tail.
    pub torn_bytes: u64,
    /// True if the head says that more was durable than there is: the next start will refuse.
    pub behind_head: bool,
}

impl FsckReport {
    /// True if nothing is damaged or missing. A torn tail is the normal trace of a crash.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty() && self.gaps.is_empty() && !self.behind_head
    }
}

/// Reads every frame and reports; changes nothing. A bad frame of the last segment with no sound frame behind it is a torn tail; any other
/// is damage, and the check goes on behind it.
///
/// # Errors
/// As [`open_read_only`](crate::open_read_only).
pub fn fsck(disk: &Arc<dyn Disk>) -> Result<FsckReport, Error> {
    let (header, view, problems) = survey(&**disk)?;
    let mut report = FsckReport {
        origin: header.origin,
        epoch: header.epoch,
        segments: Vec::with_capacity(view.segments.len()),
        records: BTreeMap::new(),
        problems,
        gaps: Vec::new(),
        torn_tail: None,
        torn_bytes: 0,
        behind_head: false,
    };
    let mut whole_end = view.start();
    for (i, segment) in view.segments.iter().enumerate() {
        if let Some(before) = i.checked_sub(1).and_then(|i| view.segments.get(i))
            && before.end < segment.start
        {
            report.gaps.push((Position(before.end), Position(segment.start)));
        }
        let is_last = i + 1 == view.segments.len();
        let limit = segment.header_len + (segment.end - segment.start);
        let mut scanner = Scanner::new(disk, Arc::clone(&segment.file), segment.header_len, limit);
        let mut records = 0;
        let mut whole = segment.header_len;
        loop {
            match scanner.step()? {
                Step::Frame(frame) => {
                    records += 1;
                    *report.records.entry(frame.kind).or_default() += 1;
                    if frame.last {
                        whole = frame.next;
                    }
                }
                Step::End => break,
                Step::Bad(what) => {
                    let problem = Problem { file: segment.file.to_string(), offset: scanner.offset, what: what.to_owned() };
                    let more = scanner.resync()?;
                    if is_last && !more {
                        report.torn_tail = Some(problem);
                        break;
                    }
                    report.problems.push(problem);
                    if !more {
                        break;
                    }
                }
            }
        }
        if is_last {
            report.torn_bytes = limit - whole;
            if whole < limit && report.torn_tail.is_none() {
                report.torn_tail =
                    Some(Problem { file: segment.file.to_string(), offset: whole, what: String::from("a group is cut short") });
            }
            whole_end = segment.start + (whole - segment.header_len);
        }
        report.segments.push(FsckSegment {
            file: segment.file.to_string(),
            start: Position(segment.start),
            end: Position(segment.end),
            records,
        });
    }
    match crate::meta::get_head(&**disk) {
        Ok(head) => report.behind_head = head.is_some_and(|(position, _)| position.0 > whole_end),
        Err(Error::Damaged { file, offset, what, .. }) => report.problems.push(Problem { file, offset, what: what.to_owned() }),
        Err(e) => return Err(e),
    }
    Ok(report)
}

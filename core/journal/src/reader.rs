//! Cursors over the journal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::Disk;
use crate::error::Error;
use crate::format::{Kind, Position};
use crate::scan::{Scanner, Step};

/// One record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// Where the next one stands.
    pub end: Position,
    /// What it is.
    pub kind: Kind,
    /// True for the last record of its group.
    pub last: bool,
    /// Its octets.
    pub body: Vec<u8>,
}

impl Default for Record {
    fn default() -> Self {
        Self { position: Position(0), end: Position(0), kind: Kind(0), last: false, body: Vec::new() }
    }
}

/// One segment as a reader needs it.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) file: Arc<str>,
    pub(crate) start: u64,
    pub(crate) header_len: u64,
    /// Position behind its last frame; for the last segment the view's end counts.
    pub(crate) end: u64,
}

/// What there is to read; shared by the writer and its readers.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) segments: Vec<Segment>,
}

impl View {
    pub(crate) fn start(&self) -> u64 {
        self.segments.first().map_or(0, |s| s.start)
    }

    pub(crate) fn end(&self) -> u64 {
        self.segments.last().map_or(0, |s| s.end)
    }

    /// The segment that holds a position; `None` at the end.
    fn find(&self, position: u64) -> Result<Option<Segment>, Error> {
        if position < self.start() {
            return Err(Error::Removed { position: Position(position), start: Position(self.start()) });
        }
        if position >= self.end() {
            return Ok(None);
        }
        let after = self.segments.partition_point(|s| s.start <= position);
        match after.checked_sub(1).and_then(|i| self.segments.get(i)) {
            Some(segment) if position < segment.end => Ok(Some(segment.clone())),
            _ => {
                let until = self.segments.get(after).map_or(self.end(), |s| s.start);
                Err(Error::Missing { from: Position(position), until: Position(until) })
            }
        }
    }
}

pub(crate) fn lock(view: &Mutex<View>) -> MutexGuard<'_, View> {
    view.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cursor. It sees what is appended after it was made: `None` means "nothing more for now".
pub struct Reader {
    disk: Arc<dyn Disk>,
    view: Arc<Mutex<View>>,
    position: u64,
    current: Option<(Segment, Scanner)>,
}

impl Reader {
    pub(crate) fn new(disk: &Arc<dyn Disk>, view: &Arc<Mutex<View>>, from: Position) -> Self {
        Self { disk: Arc::clone(disk), view: Arc::clone(view), position: from.0, current: None }
    }

    /// Where the next record stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(self.position)
    }

    /// The next record, `None` at the end.
    ///
    /// # Errors
    /// [`Error::Damaged`] names file and octet; [`Error::Missing`] a gap; [`Error::Removed`] a position before the journal's start. The
    /// cursor does not move on an error.
    #[expect(clippy::should_implement_trait, reason = "it fails, and goes on after None")]
    pub fn next(&mut self) -> Result<Option<Record>, Error> {
        let mut record = Record::default();
        Ok(self.next_into(&mut record)?.then_some(record))
    }

    /// As [`Reader::next`] into a record whose memory is used again; false at the end.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn next_into(&mut self, record: &mut Record) -> Result<bool, Error> {
        let exhausted = self.current.as_ref().is_none_or(|(segment, _)| self.position >= segment.end);
        if exhausted {
            let Some(segment) = lock(&self.view).find(self.position)? else { return Ok(false) };
            let offset = |position: u64| position - segment.start + segment.header_len;
            match &mut self.current {
                Some((known, scanner)) if known.start == segment.start => {
                    scanner.limit = offset(segment.end);
                    *known = segment;
                }
                current => {
                    let scanner = Scanner::new(&self.disk, Arc::clone(&segment.file), offset(self.position), offset(segment.end));
                    *current = Some((segment, scanner));
                }
            }
        }
        let Some((segment, scanner)) = &mut self.current else { return Ok(false) };
        match scanner.step()? {
            Step::Frame(frame) => {
                let position = |offset: u64| Position(offset - segment.header_len + segment.start);
                record.position = position(frame.offset);
                record.end = position(frame.next);
                record.kind = frame.kind;
                record.last = frame.last;
                record.body.clear();
                record.body.extend_from_slice(scanner.body(&frame));
                self.position = record.end.0;
                Ok(true)
            }
            Step::End => Ok(false),
            Step::Bad(what) => {
                let error =
                    Error::Damaged { file: segment.file.to_string(), offset: scanner.offset, position: Position(self.position), what };
                self.current = None;
                Err(error)
            }
        }
    }
}

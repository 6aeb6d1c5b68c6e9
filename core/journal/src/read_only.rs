//! Reading a journal that someone else may be writing.

use std::sync::{Arc, Mutex};

use crate::disk::Disk;
use crate::error::Error;
use crate::format::{HeaderError, Position, SegmentHeader, parse_segment_name};
use crate::journal::scan_tail_from;
use crate::meta;
use crate::reader::{Reader, Segment, View, lock};
use crate::scan::{Scanner, Step, read_header};

/// Something that a whole journal does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Octet offset in it.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at octet {}: {}", self.file, self.offset, self.what)
    }
}

/// A journal open for reading: for verification, `tail` and the like. It changes nothing on the disk and takes no lock.
pub struct ReadOnly {
    disk: Arc<dyn Disk>,
    view: Arc<Mutex<View>>,
    first: SegmentHeader,
    problems: Vec<Problem>,
    tail: Option<Problem>,
    tail_bytes: u64,
    tail_has_sound_frames: bool,
}

/// Opens a journal for reading. A torn tail, a missing segment or a damaged header does not refuse: see [`ReadOnly::problems`].
///
/// # Errors
/// [`Error::Empty`] if there is no segment with a readable header, [`Error::UnknownVersion`], [`Error::UnknownRequired`], [`Error::Io`].
pub fn open_read_only(disk: Arc<dyn Disk>) -> Result<ReadOnly, Error> {
    let (first, view, problems) = survey(&*disk)?;
    let mut journal =
        ReadOnly { disk, view: Arc::new(Mutex::new(view)), first, problems, tail: None, tail_bytes: 0, tail_has_sound_frames: false };
    journal.find_end(None)?;
    Ok(journal)
}

impl ReadOnly {
    /// The incarnation.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.first.epoch
    }

    /// The log origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.first.origin
    }

    /// Position of the oldest record that is there.
    #[must_use]
    pub fn start(&self) -> Position {
        Position(lock(&self.view).start())
    }

    /// Position behind the last whole group.
    #[must_use]
    pub fn end(&self) -> Position {
        Position(lock(&self.view).end())
    }

    /// A cursor from `from` on, which must be the position of a record, or the end. It stops at the end of the last whole group and goes
    /// on after a [`ReadOnly::refresh`].
    #[must_use]
    pub fn reader(&self, from: Position) -> Reader {
        Reader::new(&self.disk, &self.view, from)
    }

    /// Looks for new groups and new segments.
    ///
    /// # Errors
    /// As [`open_read_only`].
    pub fn refresh(&mut self) -> Result<(), Error> {
        let known = lock(&self.view).segments.last().cloned();
        let (first, view, problems) = survey(&*self.disk)?;
        self.first = first;
        self.problems = problems;
        *lock(&self.view) = view;
        self.find_end(known)
    }

    /// What is wrong with headers, names and lengths of segments, in order. A gap between segments is none: readers report it as
    /// [`Error::Missing`].
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What follows the last whole group, if anything does: where the tail is torn and how.
    #[must_use]
    pub fn torn_tail(&self) -> Option<&Problem> {
        self.tail.as_ref()
    }

    /// Octets behind the last whole group.
    #[must_use]
    pub fn torn_bytes(&self) -> u64 {
        self.tail_bytes
    }

    /// True if sound frames stand behind the first bad one of the last segment: damage, not a torn write.
    #[must_use]
    pub fn sound_after_tear(&self) -> bool {
        self.tail_has_sound_frames
    }

    /// The head that the writer left.
    ///
    /// # Errors
    /// As [`get_meta`](crate::get_meta).
    pub fn head(&self) -> Result<Option<(Position, Vec<u8>)>, Error> {
        meta::get_head(&*self.disk)
    }

    /// Reads a meta file.
    ///
    /// # Errors
    /// As [`get_meta`](crate::get_meta).
    pub fn get_meta(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        meta::get_meta(&*self.disk, name)
    }

    /// File and octet offset of a position, for people.
    #[must_use]
    pub fn place(&self, position: Position) -> (String, u64) {
        let view = lock(&self.view);
        let after = view.segments.partition_point(|s| s.start <= position.0);
        match after.checked_sub(1).and_then(|i| view.segments.get(i)) {
            Some(s) => (s.file.to_string(), position.0 - s.start + s.header_len),
            None => (String::from("."), 0),
        }
    }

    /// The position of the next sound frame behind a damaged one, if there is one in the same segment; else the start of the next segment.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn resync(&self, damaged: Position) -> Result<Option<Position>, Error> {
        let (segment, next) = {
            let view = lock(&self.view);
            let after = view.segments.partition_point(|s| s.start <= damaged.0);
            let Some(segment) = after.checked_sub(1).and_then(|i| view.segments.get(i)) else { return Ok(None) };
            (segment.clone(), view.segments.get(after).map(|s| Position(s.start)))
        };
        let offset = |position: u64| position - segment.start + segment.header_len;
        let mut scanner = Scanner::new(&self.disk, Arc::clone(&segment.file), offset(damaged.0), offset(segment.end));
        if damaged.0 < segment.end && scanner.resync()? && matches!(scanner.step()?, Step::Frame(_)) {
            scanner = Scanner::new(&self.disk, Arc::clone(&segment.file), offset(damaged.0), offset(segment.end));
            scanner.resync()?;
            return Ok(Some(Position(scanner.offset - segment.header_len + segment.start)));
        }
        Ok(next)
    }

    fn find_end(&mut self, known: Option<Segment>) -> Result<(), Error> {
        (self.tail, self.tail_bytes, self.tail_has_sound_frames) = (None, 0, false);
        let Some(last) = lock(&self.view).segments.last().cloned() else { return Ok(()) };
        let from = match known {
            Some(known) if known.start == last.start && known.end <= last.end => last.header_len + (known.end - known.start),
            Some(_) | None => last.header_len,
        };
        let tail = scan_tail_from(&self.disk, &last, from)?;
        if let Some(segment) = lock(&self.view).segments.last_mut() {
            segment.end = last.start + (tail.whole - last.header_len);
        }
        if let Some(what) = tail.why {
            self.tail = Some(Problem { file: last.file.to_string(), offset: tail.bad_offset, what: what.to_owned() });
            self.tail_bytes = tail.cut;
            self.tail_has_sound_frames = tail.sound_after;
        }
        Ok(())
    }
}

/// All segments with a readable header, and what is wrong with the others.
pub(crate) fn survey(disk: &dyn Disk) -> Result<(SegmentHeader, View, Vec<Problem>), Error> {
    let mut problems = Vec::new();
    let mut first: Option<SegmentHeader> = None;
    let mut segments: Vec<Segment> = Vec::new();
    let names = disk.list().map_err(|e| Error::io("list", ".", e))?;
    let names: Vec<String> = names.into_iter().filter(|name| name.starts_with("seg-")).collect();
    for (i, name) in names.iter().enumerate() {
        let mut problem = |what: &str| problems.push(Problem { file: name.clone(), offset: 0, what: what.to_owned() });
        let Some(named) = parse_segment_name(name) else {
            problem("not the name of a segment");
            continue;
        };
        let len = disk.len(name).map_err(|e| Error::io("measure", name, e))?;
        let (header, header_len) = match read_header(disk, name)? {
            Ok(parsed) => parsed,
            // The last one, torn while it was being created.
            Err(HeaderError::Bad(_)) if i + 1 == names.len() && i > 0 && len <= crate::format::MAX_HEADER as u64 => continue,
            Err(HeaderError::Bad(what)) => {
                problem(what);
                continue;
            }
            Err(e @ (HeaderError::Version(..) | HeaderError::Required(_))) => return Err(e.into_error(name)),
        };
        if named != header.start {
            problem("the segment's name and its header name different positions");
            continue;
        }
        if let Some(first) = &first
            && (first.epoch != header.epoch || first.origin != header.origin)
        {
            problem("the segment is of another journal: its origin or epoch differs");
            continue;
        }
        if let Some(before) = segments.last_mut()
            && before.end > header.start.0
        {
            let offset = before.header_len + (header.start.0.saturating_sub(before.start));
            let what = String::from("the segment goes on where the next one has begun");
            problems.push(Problem { file: before.file.to_string(), offset, what });
            before.end = header.start.0;
        }
        let end = header.start.0 + (len - header_len);
        segments.push(Segment { file: Arc::from(name.as_str()), start: header.start.0, header_len, end });
        first.get_or_insert(header);
    }
    match first {
        Some(first) => Ok((first, View { segments }, problems)),
        None => match problems.into_iter().next() {
            Some(p) => Err(Error::Damaged { file: p.file, offset: 0, position: Position(0), what: "no segment has a readable header" }),
            None => Err(Error::Empty),
        },
    }
}

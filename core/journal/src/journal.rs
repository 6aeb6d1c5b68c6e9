//! The writer.

use std::io;
use std::sync::{Arc, Mutex};

use crate::disk::Disk;
use crate::error::{Error, is_full};
use crate::format::{FORMAT_MAJOR, FORMAT_MINOR, MAX_HEADER, MAX_ORIGIN, Position, SegmentHeader, parse_segment_name, segment_name};
use crate::group::Group;
use crate::meta;
use crate::reader::{Reader, Record, Segment, View, lock};
use crate::scan::{Scanner, Step, read_header};

/// How a journal is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The log origin, for example `plant.example/bridge/1`; a journal of another origin is refused. At most [`MAX_ORIGIN`] octets.
    pub origin: String,
    /// The incarnation; used only if the journal is new.
    pub epoch: u64,
    /// Who writes: goes into the header of each new segment. Another writer than the last segment's starts a new segment.
    pub writer: u64,
    /// The writer's fence token: below the one on disk refuses.
    pub fence: u64,
    /// A segment that reached this length is closed at the next append, octets.
    pub segment_bytes: u64,
}

/// What opening found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// True if there was no journal.
    pub new: bool,
    /// Whole records in the last segment, the only one whose frames are read at the start.
    pub records: u64,
    /// Octets of the torn tail that were cut off.
    pub cut_bytes: u64,
    /// Where the journal ends, all of it durable.
    pub end: Position,
    /// True if sound frames stood behind the first bad one: not a plain torn write. They are cut off all the same.
    pub sound_after_cut: bool,
}

/// Where a group went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Position of the group's first record; the others are at `first + group.offsets()[i]`.
    pub first: Position,
    /// Position behind the group.
    pub end: Position,
    /// True if the group is the first of a new segment.
    pub rolled: bool,
}

/// The blocking half of a commit. Run it where blocking is allowed and give the result to [`Journal::handle_sync`].
pub struct SyncJob {
    disk: Arc<dyn Disk>,
    file: Arc<str>,
    until: Position,
}

/// The result of a [`SyncJob`].
#[derive(Debug)]
pub struct SyncDone {
    file: Arc<str>,
    until: Position,
    result: io::Result<()>,
}

impl SyncJob {
    /// Makes everything that was appended before the job was handed out durable.
    #[must_use]
    pub fn run(self) -> SyncDone {
        let result = self.disk.sync(&self.file);
        SyncDone { file: self.file, until: self.until, result }
    }

    /// What will be durable.
    #[must_use]
    pub fn until(&self) -> Position {
        self.until
    }
}

/// The journal, open for writing. One writer at a time: the folder is locked.
pub struct Journal {
    disk: Arc<dyn Disk>,
    view: Arc<Mutex<View>>,
    options: Options,
    epoch: u64,
    file: Arc<str>,
    segment_start: u64,
    header_len: u64,
    end: u64,
    durable: u64,
    syncing: bool,
    /// The next append starts a segment: another writer wrote the last one.
    roll_next: bool,
    /// A segment was started and no group reported it yet.
    rolled: bool,
    failed: Option<String>,
}

impl Journal {
    /// Opens the journal, or begins one. Cuts the torn tail and syncs what it keeps before it returns.
    ///
    /// Cost: every segment's header and length, and all frames of the last segment (about 1 s per GB). Frames of earlier segments are not
    /// read: each was durable before the next one began. Damage in them is found by readers, [`fsck`](crate::fsck) and verification.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Origin`], [`Error::Fenced`], [`Error::UnknownVersion`], [`Error::UnknownRequired`], [`Error::Missing`]
    /// (a segment is not there), [`Error::Damaged`] (a header, or an early segment's length), [`Error::Behind`] (the head is ahead of the
    /// disk; nothing was changed), [`Error::Full`], [`Error::Io`].
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Recovery), Error> {
        if options.origin.len() > MAX_ORIGIN {
            return Err(Error::TooLarge { what: "origin", len: options.origin.len(), max: MAX_ORIGIN });
        }
        disk.lock().map_err(|e| if e.kind() == io::ErrorKind::WouldBlock { Error::Locked } else { Error::io("lock", ".", e) })?;
        let head = meta::get_head(&*disk)?;
        let mut found = find_segments(&*disk, &options)?;
        let Some((header, last)) = found.pop() else {
            if let Some((head, _)) = head.filter(|(position, _)| position.0 > 0) {
                return Err(Error::Behind { head, end: Position(0) });
            }
            return Self::begin(disk, options);
        };

        let tail = scan_tail(&disk, &last)?;
        let end = last.start + (tail.whole - last.header_len);
        if let Some((head, _)) = head.filter(|(position, _)| position.0 > end) {
            return Err(Error::Behind { head, end: Position(end) });
        }
        if tail.cut > 0 {
            disk.truncate(&last.file, tail.whole).map_err(|e| Error::io("truncate", &last.file, e))?;
        }
        disk.sync(&last.file).map_err(|e| Error::io("sync", &last.file, e))?;
        disk.sync_dir().map_err(|e| Error::io("sync", ".", e))?;

        let (file, segment_start, header_len) = (Arc::clone(&last.file), last.start, last.header_len);
        let mut segments: Vec<Segment> = found.into_iter().map(|(_, segment)| segment).collect();
        segments.push(Segment { end, ..last });
        let recovery =
            Recovery { new: false, records: tail.records, cut_bytes: tail.cut, end: Position(end), sound_after_cut: tail.sound_after };
        let journal = Self {
            disk,
            view: Arc::new(Mutex::new(View { segments })),
            epoch: header.epoch,
            roll_next: header.writer != options.writer || header.fence != options.fence,
            options,
            file,
            segment_start,
            header_len,
            end,
            durable: end,
            syncing: false,
            rolled: false,
            failed: None,
        };
        Ok((journal, recovery))
    }

    fn begin(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Recovery), Error> {
        let mut journal = Self {
            disk,
            view: Arc::default(),
            epoch: options.epoch,
            options,
            file: Arc::from(""),
            segment_start: 0,
            header_len: 0,
            end: 0,
            durable: 0,
            syncing: false,
            roll_next: false,
            rolled: false,
            failed: None,
        };
        journal.start_segment()?;
        Ok((journal, Recovery { new: true, records: 0, cut_bytes: 0, end: Position(0), sound_after_cut: false }))
    }

    /// The incarnation: chosen when the journal began.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The log origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.options.origin
    }

    /// Position of the oldest record that is kept.
    #[must_use]
    pub fn start(&self) -> Position {
        Position(lock(&self.view).start())
    }

    /// Where the next record will stand.
    #[must_use]
    pub fn end(&self) -> Position {
        Position(self.end)
    }

    /// Everything before this position survives a loss of power.
    #[must_use]
    pub fn durable(&self) -> Position {
        Position(self.durable)
    }

    /// Start of the segment that is being written.
    #[must_use]
    pub fn segment_start(&self) -> Position {
        Position(self.segment_start)
    }

    /// Why the journal is of no more use, `None` while it is.
    #[must_use]
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Appends a group in one write and empties it. An empty group changes nothing. Once per segment the call also syncs the segment that
    /// is full and begins the next one, which blocks.
    ///
    /// # Errors
    /// [`Error::Full`]: nothing was appended, the group is kept, the journal is usable. [`Error::TooLarge`]: likewise. [`Error::Failed`]:
    /// a write or sync failed, now or earlier.
    pub fn append(&mut self, group: &mut Group) -> Result<Appended, Error> {
        self.check()?;
        if group.is_empty() {
            return Ok(Appended { first: self.end(), end: self.end(), rolled: false });
        }
        let bytes = group.finish()?;
        let filled = self.header_len + (self.end - self.segment_start);
        if self.roll_next || (self.end > self.segment_start && filled >= self.options.segment_bytes) {
            self.roll()?;
        }
        let first = self.end;
        if let Err(e) = self.disk.append(&self.file, bytes) {
            let whole = self.header_len + (self.end - self.segment_start);
            let cut = self.disk.truncate(&self.file, whole);
            return match cut {
                Ok(()) if is_full(&e) => Err(Error::Full),
                Ok(()) | Err(_) => Err(self.fail("append to", &e)),
            };
        }
        self.end += bytes.len() as u64;
        if let Some(segment) = lock(&self.view).segments.last_mut() {
            segment.end = self.end;
        }
        group.spend();
        Ok(Appended { first: Position(first), end: self.end(), rolled: std::mem::take(&mut self.rolled) })
    }

    /// The blocking half of a commit, `None` if all is durable, a job is out, or the journal has failed.
    pub fn sync_job(&mut self) -> Option<SyncJob> {
        if self.syncing || self.failed.is_some() || self.durable >= self.end {
            return None;
        }
        self.syncing = true;
        Some(SyncJob { disk: Arc::clone(&self.disk), file: Arc::clone(&self.file), until: self.end() })
    }

    /// Takes the result of a [`SyncJob`]; the new durable position.
    ///
    /// # Errors
    /// [`Error::Failed`]: the sync failed. It is never tried again: the pages that could not be written may be gone.
    pub fn handle_sync(&mut self, done: SyncDone) -> Result<Position, Error> {
        self.syncing = false;
        if let Err(e) = done.result {
            let file = done.file;
            return Err(self.fail_file("sync", &file, &e));
        }
        self.check()?;
        self.durable = self.durable.max(done.until.0);
        Ok(self.durable())
    }

    /// A cursor from `from` on, which must be the position of a record, or the end.
    #[must_use]
    pub fn reader(&self, from: Position) -> Reader {
        Reader::new(&self.disk, &self.view, from)
    }

    /// The record at a position.
    ///
    /// # Errors
    /// As [`Reader::next`]; [`Error::Missing`] at the end.
    pub fn read_at(&self, position: Position) -> Result<Record, Error> {
        self.reader(position).next()?.ok_or(Error::Missing { from: position, until: self.end() })
    }

    /// Removes the segments that lie wholly before a position, oldest first; never the one being written. Returns the octets freed.
    ///
    /// # Errors
    /// [`Error::Io`]: some may be gone already.
    pub fn drop_before(&mut self, position: Position) -> Result<u64, Error> {
        let mut freed = 0;
        loop {
            let segment = {
                let view = lock(&self.view);
                match view.segments.as_slice() {
                    [first, _, ..] if first.end <= position.0 => first.clone(),
                    _ => break,
                }
            };
            self.disk.remove(&segment.file).map_err(|e| Error::io("remove", &segment.file, e))?;
            // Oldest first also after a crash: otherwise a hole could remain.
            self.disk.sync_dir().map_err(|e| Error::io("sync", ".", e))?;
            lock(&self.view).segments.remove(0);
            freed += segment.header_len + (segment.end - segment.start);
        }
        Ok(freed)
    }

    /// Writes the head: at the next start the journal must reach `position`, which must be durable now, or it refuses to open. `bytes` are
    /// the caller's. Costs two syncs: meant for once a second and for the end, not for every seal.
    ///
    /// # Errors
    /// [`Error::NotDurable`], and as [`put_meta`](crate::put_meta).
    pub fn put_head(&self, position: Position, bytes: &[u8]) -> Result<(), Error> {
        if position.0 > self.durable {
            return Err(Error::NotDurable { position, durable: self.durable() });
        }
        meta::put_head(&*self.disk, position, bytes)
    }

    /// The head that was written last.
    ///
    /// # Errors
    /// As [`get_meta`](crate::get_meta).
    pub fn head(&self) -> Result<Option<(Position, Vec<u8>)>, Error> {
        meta::get_head(&*self.disk)
    }

    /// Replaces a meta file; see [`put_meta`](crate::put_meta).
    ///
    /// # Errors
    /// As [`put_meta`](crate::put_meta).
    pub fn put_meta(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        meta::put_meta(&*self.disk, name, bytes)
    }

    /// Reads a meta file; see [`get_meta`](crate::get_meta).
    ///
    /// # Errors
    /// As [`get_meta`](crate::get_meta).
    pub fn get_meta(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        meta::get_meta(&*self.disk, name)
    }

    fn check(&self) -> Result<(), Error> {
        self.failed.as_ref().map_or(Ok(()), |reason| Err(Error::Failed { reason: reason.clone() }))
    }

    fn fail(&mut self, doing: &str, e: &io::Error) -> Error {
        let file = Arc::clone(&self.file);
        self.fail_file(doing, &file, e)
    }

    fn fail_file(&mut self, doing: &str, file: &str, e: &io::Error) -> Error {
        let reason = self.failed.get_or_insert_with(|| format!("could not {doing} {file}: {e}"));
        Error::Failed { reason: reason.clone() }
    }

    /// Makes the current segment durable, then begins the next one: every segment but the last is durable and whole.
    fn roll(&mut self) -> Result<(), Error> {
        if self.durable < self.end {
            if let Err(e) = self.disk.sync(&self.file) {
                return Err(self.fail("sync", &e));
            }
            self.durable = self.end;
        }
        self.start_segment()
    }

    fn start_segment(&mut self) -> Result<(), Error> {
        let header = SegmentHeader {
            major: FORMAT_MAJOR,
            minor: FORMAT_MINOR,
            required: 0,
            optional: 0,
            epoch: self.epoch,
            writer: self.options.writer,
            fence: self.options.fence,
            start: self.end(),
            origin: self.options.origin.clone(),
        };
        let bytes = header.encode();
        let file: Arc<str> = Arc::from(segment_name(self.end()));
        // An empty segment of an earlier writer has the same name.
        match self.disk.remove(&file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(self.fail_file("remove", &file, &e)),
            Ok(()) | Err(_) => {}
        }
        if let Err(e) = self.disk.append(&file, &bytes) {
            let removed = self.disk.remove(&file);
            return match removed {
                Ok(()) if is_full(&e) && self.end > self.segment_start => Err(Error::Full),
                Ok(()) | Err(_) => Err(self.fail_file("begin", &file, &e)),
            };
        }
        if let Err(e) = self.disk.sync(&file).and_then(|()| self.disk.sync_dir()) {
            return Err(self.fail_file("sync", &file, &e));
        }
        let mut view = lock(&self.view);
        if view.segments.last().is_some_and(|s| s.start == self.end) {
            view.segments.pop();
        }
        view.segments.push(Segment { file: Arc::clone(&file), start: self.end, header_len: bytes.len() as u64, end: self.end });
        drop(view);
        self.file = file;
        self.segment_start = self.end;
        self.header_len = bytes.len() as u64;
        self.roll_next = false;
        self.rolled = true;
        Ok(())
    }
}

/// All segments in order, each checked against the next; a last one that was torn while it was being created is removed.
fn find_segments(disk: &dyn Disk, options: &Options) -> Result<Vec<(SegmentHeader, Segment)>, Error> {
    let names = disk.list().map_err(|e| Error::io("list", ".", e))?;
    let names: Vec<String> = names.into_iter().filter(|name| parse_segment_name(name).is_some()).collect();
    let mut found: Vec<(SegmentHeader, Segment)> = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let damaged = |what| Error::Damaged { file: name.clone(), offset: 0, position: Position(0), what };
        let len = disk.len(name).map_err(|e| Error::io("measure", name, e))?;
        let (header, header_len) = match read_header(disk, name)? {
            Ok(parsed) => parsed,
            Err(crate::format::HeaderError::Bad(_)) if i + 1 == names.len() && len <= MAX_HEADER as u64 => {
                disk.remove(name).map_err(|e| Error::io("remove", name, e))?;
                disk.sync_dir().map_err(|e| Error::io("sync", ".", e))?;
                break;
            }
            Err(e) => return Err(e.into_error(name)),
        };
        if parse_segment_name(name) != Some(header.start) {
            return Err(damaged("the segment's name and its header name different positions"));
        }
        if header.origin != options.origin {
            return Err(Error::Origin { found: header.origin, wanted: options.origin.clone() });
        }
        if header.fence > options.fence {
            return Err(Error::Fenced { disk: header.fence, ours: options.fence });
        }
        if let Some((before, segment)) = found.last() {
            if before.epoch != header.epoch {
                return Err(damaged("the segment is of another epoch"));
            }
            if segment.end < header.start.0 {
                return Err(Error::Missing { from: Position(segment.end), until: header.start });
            }
            if segment.end > header.start.0 {
                return Err(damaged("the segment starts before the one before it ends"));
            }
        }
        let end = header.start.0 + (len - header_len);
        let segment = Segment { file: Arc::from(name.as_str()), start: header.start.0, header_len, end };
        found.push((header, segment));
    }
    Ok(found)
}

pub(crate) struct Tail {
    /// Octets of the file up to the end of the last whole group.
    pub(crate) whole: u64,
    pub(crate) records: u64,
    pub(crate) cut: u64,
    pub(crate) sound_after: bool,
    pub(crate) why: Option<&'static str>,
    pub(crate) bad_offset: u64,
}

/// Reads all frames of a segment and finds the end of its last whole group.
pub(crate) fn scan_tail(disk: &Arc<dyn Disk>, segment: &Segment) -> Result<Tail, Error> {
    scan_tail_from(disk, segment, segment.header_len)
}

/// As [`scan_tail`] from an offset that is the end of a whole group.
pub(crate) fn scan_tail_from(disk: &Arc<dyn Disk>, segment: &Segment, from: u64) -> Result<Tail, Error> {
    let limit = segment.header_len + (segment.end - segment.start);
    let mut scanner = Scanner::new(disk, Arc::clone(&segment.file), from, limit);
    let mut tail = Tail { whole: from, records: 0, cut: 0, sound_after: false, why: None, bad_offset: from };
    let mut open = 0;
    loop {
        match scanner.step()? {
            Step::Frame(frame) => {
                open += 1;
                if frame.last {
                    tail.whole = frame.next;
                    tail.records += open;
                    open = 0;
                }
            }
            Step::End => break,
            Step::Bad(why) => {
                tail.why = Some(why);
                tail.bad_offset = scanner.offset;
                tail.sound_after = scanner.resync()?;
                break;
            }
        }
    }
    if open > 0 && tail.why.is_none() {
        tail.why = Some("a group is cut short");
        tail.bad_offset = tail.whole;
    }
    tail.cut = limit - tail.whole;
    Ok(tail)
}

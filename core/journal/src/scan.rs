//! Walks the frames of one segment file.

use std::ops::Range;
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::Error;
use crate::format::{FLAG_LAST, FRAME_HEADER, HeaderError, Kind, MAX_BODY, MAX_HEADER, SegmentHeader};

/// Octets read at once.
const CHUNK: usize = 256 << 10;
/// Octets that the search for the next sound frame behind a damage may hash.
const RESYNC_BUDGET: u64 = 256 << 20;

/// A sound frame; the body lies in [`Scanner::body`].
pub(crate) struct Frame {
    pub(crate) offset: u64,
    pub(crate) next: u64,
    pub(crate) kind: Kind,
    pub(crate) last: bool,
    body: Range<usize>,
}

pub(crate) enum Step {
    Frame(Frame),
    /// At the limit.
    End,
    /// Not a sound frame. The scanner stays where it is.
    Bad(&'static str),
}

/// Reads frames from `offset` on, never beyond `limit` (both octets in the file). Its buffer never exceeds [`CHUNK`] or one frame.
pub(crate) struct Scanner {
    disk: Arc<dyn Disk>,
    file: Arc<str>,
    pub(crate) offset: u64,
    pub(crate) limit: u64,
    buf: Vec<u8>,
    /// Octets of `buf` before this are used up.
    at: usize,
}

impl Scanner {
    pub(crate) fn new(disk: &Arc<dyn Disk>, file: Arc<str>, offset: u64, limit: u64) -> Self {
        Self { disk: Arc::clone(disk), file, offset, limit, buf: Vec::new(), at: 0 }
    }

    pub(crate) fn body(&self, frame: &Frame) -> &[u8] {
        self.buf.get(frame.body.clone()).unwrap_or_default()
    }

    pub(crate) fn step(&mut self) -> Result<Step, Error> {
        let room = self.limit.saturating_sub(self.offset);
        if room == 0 {
            return Ok(Step::End);
        }
        if room < FRAME_HEADER as u64 || !self.fill(FRAME_HEADER)? {
            return Ok(Step::Bad("a frame header is cut short"));
        }
        let head = &self.buf[self.at..];
        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if len > MAX_BODY {
            return Ok(Step::Bad("a frame has an impossible length"));
        }
        let whole = FRAME_HEADER + len;
        if whole as u64 > room || !self.fill(whole)? {
            return Ok(Step::Bad("a frame is cut short"));
        }
        let frame = &self.buf[self.at..self.at + whole];
        if frame[4..8] != crc32c::crc32c(&frame[8..]).to_le_bytes() {
            return Ok(Step::Bad("a frame has a wrong CRC"));
        }
        let (kind, flags) = (Kind(frame[8]), frame[9]);
        if flags & !FLAG_LAST != 0 {
            return Ok(Step::Bad("a frame has unknown flags"));
        }
        let body = self.at + FRAME_HEADER..self.at + whole;
        let offset = self.offset;
        self.at += whole;
        self.offset += whole as u64;
        Ok(Step::Frame(Frame { offset, next: self.offset, kind, last: flags & FLAG_LAST != 0, body }))
    }

    /// Moves to the next sound frame behind a damage, if there is one: first as far as the damaged frame says, then octet by octet.
    pub(crate) fn resync(&mut self) -> Result<bool, Error> {
        let bad = self.offset;
        if self.limit.saturating_sub(bad) >= FRAME_HEADER as u64 && self.fill(FRAME_HEADER)? {
            let head = &self.buf[self.at..];
            let len = u64::from(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
            if self.sound_at(bad + FRAME_HEADER as u64 + len)? {
                return Ok(true);
            }
        }
        let mut budget = RESYNC_BUDGET;
        let mut at = bad + 1;
        while at + (FRAME_HEADER as u64) <= self.limit && budget > 0 {
            self.seek(at);
            if !self.fill(FRAME_HEADER)? {
                break;
            }
            let head = &self.buf[self.at..];
            let len = u64::from(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
            if head[9] & !FLAG_LAST == 0 && len <= MAX_BODY as u64 && at + FRAME_HEADER as u64 + len <= self.limit {
                budget = budget.saturating_sub(len + 16);
                if self.sound_at(at)? {
                    return Ok(true);
                }
            }
            at += 1;
        }
        self.seek(bad);
        Ok(false)
    }

    fn sound_at(&mut self, offset: u64) -> Result<bool, Error> {
        if offset >= self.limit {
            return Ok(false);
        }
        self.seek(offset);
        let sound = matches!(self.step()?, Step::Frame(_));
        self.seek(offset);
        Ok(sound)
    }

    fn seek(&mut self, offset: u64) {
        let base = self.offset - self.at as u64;
        match offset.checked_sub(base).and_then(|n| usize::try_from(n).ok()) {
            Some(at) if at <= self.buf.len() => self.at = at,
            Some(_) | None => {
                self.buf.clear();
                self.at = 0;
            }
        }
        self.offset = offset;
    }

    /// Makes `need` octets from `offset` available; false if the file ends before.
    fn fill(&mut self, need: usize) -> Result<bool, Error> {
        if self.buf.len() - self.at >= need {
            return Ok(true);
        }
        self.buf.drain(..self.at);
        self.at = 0;
        let room = usize::try_from(self.limit - self.offset).unwrap_or(usize::MAX);
        let mut have = self.buf.len();
        self.buf.resize(need.max(CHUNK).min(room).max(have), 0);
        while have < need {
            let n = self
                .disk
                .read(&self.file, self.offset + have as u64, &mut self.buf[have..])
                .map_err(|e| Error::io("read", &self.file, e))?;
            if n == 0 {
                break;
            }
            have += n;
        }
        self.buf.truncate(have);
        Ok(have >= need)
    }
}

/// Reads the header of a segment. The outer error is the disk's.
pub(crate) fn read_header(disk: &dyn Disk, file: &str) -> Result<Result<(SegmentHeader, u64), HeaderError>, Error> {
    let mut octets = [0u8; MAX_HEADER];
    let mut have = 0;
    while have < octets.len() {
        match disk.read(file, have as u64, &mut octets[have..]).map_err(|e| Error::io("read", file, e))? {
            0 => break,
            n => have += n,
        }
    }
    Ok(SegmentHeader::decode(&octets[..have]).map(|(header, len)| (header, len as u64)))
}

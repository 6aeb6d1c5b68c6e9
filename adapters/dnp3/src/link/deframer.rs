//! Finds the frames in octets, wherever they were split.
//!
//! One place of a stream gives one frame or none (row 12). Octets are searched for the start octets; a header with a wrong CRC consumes only
//! them, so that a frame behind a false start is found. A good header owns the octets it counts: whether its payload turns out good or not,
//! they are never searched again, so that a frame written into another frame's payload by whoever chose that payload does not come to life
//! when a block is spoilt. Whole frames are given straight from the chunk; only one that the chunk's end cuts is copied.

use super::fault::Fault;
use super::frame::{FRAME_MAX, Front, LinkFrame, START, split};

/// What was found next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut<'a> {
    /// A frame.
    Frame(LinkFrame<'a>),
    /// Something that is none.
    Bad(Fault),
}

/// The front of unread octets.
enum Step<'a> {
    /// So many octets are no frame.
    Skip(usize),
    /// Perhaps a frame: so many octets tell.
    More(usize),
    Bad(usize, Fault),
    Frame(usize, LinkFrame<'a>),
}

#[inline]
fn step(octets: &[u8]) -> Step<'_> {
    let [first, second] = START;
    match octets {
        [] => Step::More(1),
        [a] if *a == first => Step::More(2),
        [a, b, ..] if *a == first && *b == second => match split(octets) {
            Front::More(octets) => Step::More(octets),
            Front::HeaderCrc => Step::Bad(START.len(), Fault::HeaderCrc),
            Front::Length(length) => Step::Bad(START.len(), Fault::Length(length)),
            Front::BlockCrc(octets, block) => Step::Bad(octets, Fault::BlockCrc(block)),
            Front::Whole(octets, frame) => Step::Frame(octets, frame),
        },
        [_, rest @ ..] => {
            // The last octet may be the first of a start.
            let none = rest.len() - usize::from(rest.last() == Some(&first));
            Step::Skip(1 + rest.windows(START.len()).position(|pair| *pair == START).unwrap_or(none))
        }
    }
}

/// The search through one channel. Its memory is one frame.
#[derive(Debug, Default)]
pub(crate) struct Deframer {
    /// Octets that may become a frame.
    partial: Vec<u8>,
    /// How many of them the last frame given takes.
    given: usize,
    /// Octets skipped and not told yet.
    skipped: u64,
    /// Octets since the last good frame.
    barren: u64,
}

impl Deframer {
    /// The next frame or fault in a piece of a stream; takes what it used from the front of `chunk`. `None`: the chunk is used up.
    #[inline]
    pub(crate) fn next<'s, 'a: 's>(&'s mut self, chunk: &mut &'a [u8]) -> Option<Cut<'s>> {
        self.discard(self.given);
        self.given = 0;
        while self.partial.is_empty() {
            match step(chunk) {
                Step::Skip(octets) => {
                    self.count_skipped(octets);
                    advance(chunk, octets);
                }
                Step::More(_) => {
                    if chunk.is_empty() {
                        return None;
                    }
                    self.partial.reserve_exact(FRAME_MAX);
                    self.partial.extend_from_slice(chunk);
                    *chunk = &[];
                    return None;
                }
                Step::Bad(octets, fault) => {
                    self.count(octets);
                    advance(chunk, octets);
                    return Some(Cut::Bad(fault));
                }
                Step::Frame(octets, frame) => {
                    if let Some(skipped) = self.tell_skipped() {
                        return Some(Cut::Bad(skipped));
                    }
                    self.barren = 0;
                    advance(chunk, octets);
                    return Some(Cut::Frame(frame));
                }
            }
        }
        loop {
            match step(&self.partial) {
                Step::Skip(octets) => {
                    self.count_skipped(octets);
                    self.discard(octets);
                }
                Step::More(needed) => {
                    if chunk.is_empty() {
                        return None;
                    }
                    let missing = needed.saturating_sub(self.partial.len()).min(chunk.len());
                    self.partial.extend_from_slice(chunk.get(..missing).unwrap_or_default());
                    advance(chunk, missing);
                }
                Step::Bad(octets, fault) => {
                    self.count(octets);
                    self.discard(octets);
                    return Some(Cut::Bad(fault));
                }
                Step::Frame(octets, _) => {
                    self.given = octets;
                    break;
                }
            }
        }
        if let Some(skipped) = self.tell_skipped() {
            self.given = 0;
            return Some(Cut::Bad(skipped));
        }
        self.barren = 0;
        match step(&self.partial) {
            Step::Frame(_, frame) => Some(Cut::Frame(frame)),
            Step::Skip(_) | Step::More(_) | Step::Bad(..) => None,
        }
    }

    /// The next frame or fault in a datagram, which begins and ends on its own. `None`: it is used up.
    #[inline]
    pub(crate) fn datagram<'a>(&mut self, datagram: &mut &'a [u8]) -> Option<Cut<'a>> {
        loop {
            match step(datagram) {
                Step::Skip(octets) => {
                    self.count_skipped(octets);
                    advance(datagram, octets);
                }
                Step::More(_) if datagram.is_empty() => return self.tell_skipped().map(Cut::Bad),
                Step::More(_) => {
                    let octets = datagram.len();
                    self.count(octets);
                    *datagram = &[];
                    return Some(Cut::Bad(Fault::Cut(octets)));
                }
                Step::Bad(octets, fault) => {
                    self.count(octets);
                    advance(datagram, octets);
                    return Some(Cut::Bad(fault));
                }
                Step::Frame(octets, frame) => {
                    if let Some(skipped) = self.tell_skipped() {
                        return Some(Cut::Bad(skipped));
                    }
                    self.barren = 0;
                    advance(datagram, octets);
                    return Some(Cut::Frame(frame));
                }
            }
        }
    }

    /// Whether a frame has perhaps begun and not ended.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial.len() > self.given
    }

    /// Drops a frame that was begun and does not end; how many octets of it had come.
    pub(crate) fn abandon(&mut self) -> usize {
        let octets = self.partial.len().saturating_sub(self.given);
        self.count(octets);
        self.partial.clear();
        self.given = 0;
        octets
    }

    /// Octets since the last good frame.
    pub(crate) fn barren(&self) -> u64 {
        self.barren
    }

    fn discard(&mut self, octets: usize) {
        self.partial.drain(..octets.min(self.partial.len()));
    }

    fn count(&mut self, octets: usize) {
        self.barren = self.barren.saturating_add(u64::try_from(octets).unwrap_or(u64::MAX));
    }

    fn count_skipped(&mut self, octets: usize) {
        self.count(octets);
        self.skipped = self.skipped.saturating_add(u64::try_from(octets).unwrap_or(u64::MAX));
    }

    fn tell_skipped(&mut self) -> Option<Fault> {
        let skipped = std::mem::take(&mut self.skipped);
        (skipped > 0).then_some(Fault::Skipped(skipped))
    }
}

fn advance(octets: &mut &[u8], by: usize) {
    *octets = octets.get(by..).unwrap_or_default();
}

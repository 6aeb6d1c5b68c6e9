//! The transport function (clause 8): a fragment cut into segments of at most 249 octets, and put together again.

use crate::link::{Fault, Payload};

/// Octets of a fragment that one segment carries at most.
pub(crate) const SEGMENT_MAX: usize = 249;
const FIN: u8 = 0x80;
const FIR: u8 = 0x40;
const SEQUENCE: u8 = 0x3F;

/// The transport header: FIN, FIR and a number modulo 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Header(u8);

impl Header {
    fn is_first(self) -> bool {
        self.0 & FIR != 0
    }

    fn is_final(self) -> bool {
        self.0 & FIN != 0
    }

    fn sequence(self) -> u8 {
        self.0 & SEQUENCE
    }
}

fn following(sequence: u8) -> u8 {
    sequence.wrapping_add(1) & SEQUENCE
}

/// One segment, ready to be a link frame's payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    octets: [u8; SEGMENT_MAX + 1],
    length: usize,
}

impl Segment {
    /// Its octets, header included: 2 to 250.
    pub(crate) fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

/// The sending side: the number of the next segment, which runs on from fragment to fragment.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Segmenter {
    sequence: u8,
}

impl Segmenter {
    /// The segment of `fragment` that begins at octet `from`; `None` at its end.
    pub(crate) fn segment(&self, fragment: &[u8], from: usize) -> Option<Segment> {
        let rest = fragment.get(from..).filter(|rest| !rest.is_empty())?;
        let (piece, is_final) = rest.get(..SEGMENT_MAX).map_or((rest, true), |piece| (piece, piece.len() == rest.len()));
        let header = if is_final { FIN } else { 0 } | if from == 0 { FIR } else { 0 } | self.sequence;
        let mut segment = Segment { octets: [0; SEGMENT_MAX + 1], length: piece.len() + 1 };
        let [first, others @ ..] = &mut segment.octets;
        *first = header;
        for (to, octet) in others.iter_mut().zip(piece) {
            *to = *octet;
        }
        Some(segment)
    }

    /// The segment went: the next has the next number.
    pub(crate) fn advance(&mut self) {
        self.sequence = following(self.sequence);
    }
}

/// What became of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Reassembled {
    /// The fragment is whole: [`Reassembly::fragment`].
    pub(crate) is_whole: bool,
    /// To be told.
    pub(crate) fault: Option<Fault>,
}

impl Reassembled {
    fn dropped(fault: Fault) -> Self {
        Self { is_whole: false, fault: Some(fault) }
    }
}

/// The receiving side of one association. Its memory is one fragment of the longest kind, taken with the first segment.
#[derive(Debug)]
pub(crate) struct Reassembly {
    fragment: Vec<u8>,
    /// Number of the last segment taken, while the fragment is not whole.
    last: Option<u8>,
    /// Octets of the fragment before the last segment.
    before_last: usize,
    /// The destination of the first segment.
    destination: u16,
    max: usize,
}

impl Reassembly {
    /// For fragments of at most `max` octets.
    pub(crate) fn new(max: usize) -> Self {
        Self { fragment: Vec::new(), last: None, before_last: 0, destination: 0, max }
    }

    /// Takes one segment sent to `destination`.
    pub(crate) fn take(&mut self, destination: u16, segment: Payload<'_>) -> Reassembled {
        let mut blocks = segment.blocks();
        let Some((&header, first)) = blocks.next().and_then(<[u8]>::split_first) else { return Reassembled::default() };
        let header = Header(header);
        if first.is_empty() {
            self.last = None;
            return Reassembled::dropped(Fault::EmptySegment(header.sequence()));
        }
        let pieces = std::iter::once(first).chain(blocks);
        let mut fault = None;
        if header.is_first() {
            fault = self.last.map(|_| Fault::Restarted(self.fragment.len()));
            self.fragment.clear();
            self.fragment.reserve_exact(self.max);
            self.destination = destination;
        } else {
            let Some(last) = self.last.filter(|_| self.destination == destination) else {
                return Reassembled::dropped(Fault::NoStart(header.sequence()));
            };
            if header.sequence() != following(last) {
                if header.sequence() == last && !header.is_final() && self.before_last > 0 && self.is_last(pieces) {
                    return Reassembled::dropped(Fault::SegmentTwice(last));
                }
                self.last = None;
                return Reassembled::dropped(Fault::Gap { expected: following(last), got: header.sequence() });
            }
        }
        if self.fragment.len() + segment.len().saturating_sub(1) > self.max {
            self.last = None;
            return Reassembled::dropped(Fault::TooLong(self.max));
        }
        self.before_last = self.fragment.len();
        for piece in pieces {
            self.fragment.extend_from_slice(piece);
        }
        self.last = (!header.is_final()).then_some(header.sequence());
        Reassembled { is_whole: header.is_final(), fault }
    }

    /// The fragment; whole only just after [`Reassembly::take`] said so.
    pub(crate) fn fragment(&self) -> &[u8] {
        &self.fragment
    }

    /// Whether the pieces are, octet by octet, those of the last segment.
    fn is_last<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>) -> bool {
        let last = self.fragment.get(self.before_last..).unwrap_or_default();
        pieces.flatten().eq(last)
    }
}

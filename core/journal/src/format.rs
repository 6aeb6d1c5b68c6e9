//! Format 1.0 on disk: the segment header and the frame. Drawn in `docs/spec/journal.md`.

use std::fmt;

use crate::error::Error;

/// The first eight octets of a segment.
pub const MAGIC: [u8; 8] = *b"IESBJNL\n";
/// The major number: a reader refuses any other.
pub const FORMAT_MAJOR: u16 = 1;
/// The minor number: a reader accepts any.
pub const FORMAT_MINOR: u16 = 0;
/// Feature bits without which a segment cannot be read. None is defined in 1.0.
pub(crate) const KNOWN_REQUIRED: u64 = 0;
/// Octets before a body: length, CRC, kind, flags.
pub const FRAME_HEADER: usize = 10;
/// The longest body, octets.
pub const MAX_BODY: usize = 16 << 20;
/// The longest group, octets with its frame headers.
pub const MAX_GROUP: usize = 64 << 20;
/// The longest origin, octets of UTF-8.
pub const MAX_ORIGIN: usize = 255;
/// Octets of the header before the origin.
pub(crate) const HEADER_FIXED: usize = 66;
/// The longest header: fixed part, origin, padding and CRC, rounded up to eight.
pub(crate) const MAX_HEADER: usize = (HEADER_FIXED + MAX_ORIGIN + 4).next_multiple_of(8);
/// Flag of a frame: the last of its append group.
pub(crate) const FLAG_LAST: u8 = 1;

/// A place in the journal: octets of frames over all segments since the journal began. Segment headers do not count, so the end of one
/// record is the position of the next, across segments too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record is, by a number that the journal does not interpret. Bit 7 (`0x80`) marks an optional kind: a reader that does not know it
/// skips it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// True if a reader that does not know this kind may skip it.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// The name of the segment that starts at a position: `seg-` 16 lower-case hex digits `.log`.
#[must_use]
pub fn segment_name(start: Position) -> String {
    format!("seg-{:016x}.log", start.0)
}

/// The start that a segment's name says, or `None` if the name is not one of a segment.
pub(crate) fn parse_segment_name(name: &str) -> Option<Position> {
    let digits = name.strip_prefix("seg-")?.strip_suffix(".log")?;
    let lower = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if digits.len() != 16 || !lower {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().map(Position)
}

/// The header of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Format, major.
    pub major: u16,
    /// Format, minor.
    pub minor: u16,
    /// Features without which the segment cannot be read.
    pub required: u64,
    /// Features that may be ignored.
    pub optional: u64,
    /// The journal's incarnation.
    pub epoch: u64,
    /// Who wrote the segment.
    pub writer: u64,
    /// The writer's fence token: never falls along a journal.
    pub fence: u64,
    /// Position of the first frame.
    pub start: Position,
    /// The log origin, at most [`MAX_ORIGIN`] octets.
    pub origin: String,
}

/// Why octets are not a segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// Torn or damaged.
    Bad(&'static str),
    /// A sound header of another major format.
    Version(u16, u16),
    /// Unknown required features.
    Required(u64),
}

impl HeaderError {
    pub(crate) fn into_error(self, file: &str) -> Error {
        match self {
            Self::Bad(what) => Error::Damaged { file: file.to_owned(), offset: 0, position: Position(0), what },
            Self::Version(major, minor) => Error::UnknownVersion { file: file.to_owned(), major, minor },
            Self::Required(bits) => Error::UnknownRequired { file: file.to_owned(), bits },
        }
    }
}

impl SegmentHeader {
    /// Octets of the header on disk: a multiple of eight.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        (HEADER_FIXED + self.origin.len() + 4).next_multiple_of(8)
    }

    /// The header as it stands on disk.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let len = self.encoded_len();
        let mut out = Vec::with_capacity(len);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.major.to_le_bytes());
        out.extend_from_slice(&self.minor.to_le_bytes());
        out.extend_from_slice(&(len as u32).to_le_bytes());
        for word in [self.required, self.optional, self.epoch, self.writer, self.fence, self.start.0] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&(self.origin.len() as u16).to_le_bytes());
        out.extend_from_slice(self.origin.as_bytes());
        out.resize(len - 4, 0);
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header from the beginning of a file. Returns it with its length in octets.
    pub(crate) fn decode(octets: &[u8]) -> Result<(Self, usize), HeaderError> {
        use HeaderError::Bad;
        let word = |at: usize| octets.get(at..at + 8).map(|b| b.iter().rev().fold(0u64, |n, &b| n << 8 | u64::from(b)));
        let short = |at: usize| octets.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let cut = Bad("the segment header is cut short");
        if octets.get(..8).ok_or(cut)? != MAGIC {
            return Err(Bad("not a segment: wrong magic"));
        }
        let (major, minor) = (short(8).ok_or(cut)?, short(10).ok_or(cut)?);
        let len = word(8).ok_or(cut)? >> 32;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if !(HEADER_FIXED + 4..=4096).contains(&len) {
            return Err(Bad("the segment header has an impossible length"));
        }
        let header = octets.get(..len).ok_or(cut)?;
        let (covered, crc) = header.split_at(len - 4);
        if crc != crc32c::crc32c(covered).to_le_bytes() {
            return Err(Bad("the segment header has a wrong CRC"));
        }
        if major != FORMAT_MAJOR {
            return Err(HeaderError::Version(major, minor));
        }
        let required = word(16).ok_or(cut)?;
        if required & !KNOWN_REQUIRED != 0 {
            return Err(HeaderError::Required(required & !KNOWN_REQUIRED));
        }
        let origin_len = usize::from(short(64).ok_or(cut)?);
        let origin = covered.get(HEADER_FIXED..HEADER_FIXED + origin_len).ok_or(Bad("the origin passes the end of the segment header"))?;
        let origin = std::str::from_utf8(origin).map_err(|_| Bad("the origin is not UTF-8"))?;
        let header = Self {
            major,
            minor,
            required,
            optional: word(24).ok_or(cut)?,
            epoch: word(32).ok_or(cut)?,
            writer: word(40).ok_or(cut)?,
            fence: word(48).ok_or(cut)?,
            start: Position(word(56).ok_or(cut)?),
            origin: origin.to_owned(),
        };
        Ok((header, len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            major: 1,
            minor: 0,
            required: 0,
            optional: 0x8000_0000_0000_0001,
            epoch: 7,
            writer: 8,
            fence: 9,
            start: Position(0x1234),
            origin: "plant.example/bridge/1".into(),
        }
    }

    #[test]
    fn header_round_trips_and_is_eight_aligned() {
        let bytes = header().encode();
        assert_eq!(bytes.len() % 8, 0);
        assert_eq!(SegmentHeader::decode(&bytes), Ok((header(), bytes.len())));
        assert_eq!(&bytes[..8], b"IESBJNL\n");
        assert_eq!(bytes[56..64], 0x1234u64.to_le_bytes());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_header_is_noticed() {
        let bytes = header().encode();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&bad).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(matches!(SegmentHeader::decode(&bytes[..cut]), Err(HeaderError::Bad(_))), "cut {cut}");
        }
    }

    #[test]
    fn unknown_required_bits_and_majors_refuse_by_name_unknown_optional_bits_do_not() {
        let bytes = SegmentHeader { required: 4, ..header() }.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::Required(4)));
        let bytes = SegmentHeader { major: 2, minor: 3, ..header() }.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::Version(2, 3)));
        let bytes = SegmentHeader { optional: u64::MAX, minor: 9, ..header() }.encode();
        assert!(SegmentHeader::decode(&bytes).is_ok());
    }

    #[test]
    fn the_longest_origin_fits_the_longest_header() {
        let long = SegmentHeader { origin: "x".repeat(MAX_ORIGIN), ..header() };
        assert_eq!(long.encode().len(), MAX_HEADER);
    }

    #[test]
    fn names_of_segments() {
        assert_eq!(segment_name(Position(0xabc)), "seg-0000000000000abc.log");
        assert_eq!(parse_segment_name("seg-0000000000000abc.log"), Some(Position(0xabc)));
        for bad in ["seg-0000000000000ABC.log", "seg-abc.log", "seg-+000000000000abc.log", "meta-head", "seg-0000000000000abc.log~"] {
            assert_eq!(parse_segment_name(bad), None, "{bad}");
        }
    }
}

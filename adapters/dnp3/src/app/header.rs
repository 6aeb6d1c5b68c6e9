//! Object headers (clause 4.2.2.7): which objects, how they are told apart, and how many.

use crate::app::FragmentError;

/// How wide counts and indexes are in a header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IndexWidth {
    /// One octet, 0 to 255.
    One,
    /// Two octets, 0 to 65535.
    Two,
    /// Four octets.
    Four,
}

impl IndexWidth {
    /// Octets.
    #[must_use]
    pub const fn octets(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// The largest number that fits.
    #[must_use]
    pub const fn max(self) -> u32 {
        match self {
            Self::One => 0xFF,
            Self::Two => 0xFFFF,
            Self::Four => u32::MAX,
        }
    }

    /// This width, or the next in which a number fits.
    #[must_use]
    pub const fn at_least_for(self, number: u32) -> Self {
        if number <= self.max() {
            self
        } else if number <= Self::Two.max() {
            Self::Two
        } else {
            Self::Four
        }
    }

    /// Reads a little-endian number and what is behind it.
    pub(crate) fn read(self, octets: &[u8]) -> Option<(u32, &[u8])> {
        match self {
            Self::One => octets.split_first().map(|(number, rest)| (u32::from(*number), rest)),
            Self::Two => octets.split_first_chunk().map(|(number, rest)| (u32::from(u16::from_le_bytes(*number)), rest)),
            Self::Four => octets.split_first_chunk().map(|(number, rest)| (u32::from_le_bytes(*number), rest)),
        }
    }
}

/// The qualifier octet: prefix of each object and kind of range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Qualifier {
    /// First and last index (0x00, 0x01, 0x02).
    StartStop(IndexWidth),
    /// All objects (0x06).
    All,
    /// A count; objects carry no index (0x07, 0x08, 0x09).
    Count(IndexWidth),
    /// A count; each object is preceded by its index of the same width (0x17, 0x28, 0x39).
    Indexed(IndexWidth),
    /// A count of one octet; each object is preceded by its size in two octets (0x5B).
    FreeFormat,
}

impl Qualifier {
    /// The qualifiers of clause 4.2.2.7.3 that stations use; `None` for virtual addresses, mixed widths and size prefixes of other widths.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            0x00 => Self::StartStop(IndexWidth::One),
            0x01 => Self::StartStop(IndexWidth::Two),
            0x02 => Self::StartStop(IndexWidth::Four),
            0x06 => Self::All,
            0x07 => Self::Count(IndexWidth::One),
            0x08 => Self::Count(IndexWidth::Two),
            0x09 => Self::Count(IndexWidth::Four),
            0x17 => Self::Indexed(IndexWidth::One),
            0x28 => Self::Indexed(IndexWidth::Two),
            0x39 => Self::Indexed(IndexWidth::Four),
            0x5B => Self::FreeFormat,
            _ => return None,
        })
    }

    /// To the wire.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::StartStop(IndexWidth::One) => 0x00,
            Self::StartStop(IndexWidth::Two) => 0x01,
            Self::StartStop(IndexWidth::Four) => 0x02,
            Self::All => 0x06,
            Self::Count(IndexWidth::One) => 0x07,
            Self::Count(IndexWidth::Two) => 0x08,
            Self::Count(IndexWidth::Four) => 0x09,
            Self::Indexed(IndexWidth::One) => 0x17,
            Self::Indexed(IndexWidth::Two) => 0x28,
            Self::Indexed(IndexWidth::Four) => 0x39,
            Self::FreeFormat => 0x5B,
        }
    }
}

/// The range field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Range {
    /// No range: all there are.
    All,
    /// First to last index, both included; `stop` is never below `start`.
    StartStop {
        /// The first index.
        start: u32,
        /// The last index.
        stop: u32,
    },
    /// How many; never zero.
    Count(u32),
}

impl Range {
    /// How many objects, up to 2^32; zero if the header does not say.
    #[must_use]
    pub const fn count(self) -> u64 {
        match self {
            Self::All => 0,
            Self::StartStop { start, stop } => stop as u64 - start as u64 + 1,
            Self::Count(count) => count as u64,
        }
    }

    /// The index of the first object: that of a range, zero otherwise.
    #[must_use]
    pub const fn start(self) -> u32 {
        match self {
            Self::StartStop { start, .. } => start,
            Self::All | Self::Count(_) => 0,
        }
    }
}

/// An object header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectHeader {
    /// The group: the kind of point and whether it is a static value, an event, a command.
    pub group: u8,
    /// The variation: the coding. 0 in a request is "as the outstation likes".
    pub variation: u8,
    /// The qualifier.
    pub qualifier: Qualifier,
    /// The range.
    pub range: Range,
}

impl ObjectHeader {
    /// Reads a header, and what is behind it.
    ///
    /// # Errors
    /// [`FragmentError::HeaderShort`], [`FragmentError::Qualifier`], [`FragmentError::Range`] (stop below start) and
    /// [`FragmentError::CountZero`].
    pub fn parse(octets: &[u8]) -> Result<(Self, &[u8]), FragmentError> {
        let short = FragmentError::HeaderShort(octets.len());
        let (&[group, variation, code], rest) = octets.split_first_chunk().ok_or(short)?;
        let qualifier = Qualifier::from_octet(code).ok_or(FragmentError::Qualifier { group, variation, qualifier: code })?;
        let (range, rest) = match qualifier {
            Qualifier::All => (Range::All, rest),
            Qualifier::StartStop(width) => {
                let (start, rest) = width.read(rest).ok_or(short)?;
                let (stop, rest) = width.read(rest).ok_or(short)?;
                if stop < start {
                    return Err(FragmentError::Range { start, stop });
                }
                (Range::StartStop { start, stop }, rest)
            }
            Qualifier::Count(width) | Qualifier::Indexed(width) => {
                let (count, rest) = width.read(rest).ok_or(short)?;
                (Range::Count(count), rest)
            }
            Qualifier::FreeFormat => {
                let (count, rest) = IndexWidth::One.read(rest).ok_or(short)?;
                (Range::Count(count), rest)
            }
        };
        if range == Range::Count(0) {
            return Err(FragmentError::CountZero { group, variation });
        }
        Ok((Self { group, variation, qualifier, range }, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_r22_qualifiers_are_those_of_the_row() {
        let known: Vec<u8> = (0..=255).filter(|octet| Qualifier::from_octet(*octet).is_some()).collect();
        assert_eq!(known, [0x00, 0x01, 0x02, 0x06, 0x07, 0x08, 0x09, 0x17, 0x28, 0x39, 0x5B]);
        for octet in known {
            assert_eq!(Qualifier::from_octet(octet).map(Qualifier::octet), Some(octet));
        }
    }

    #[test]
    fn b2_28_a_range_that_ends_before_it_begins_is_refused() {
        assert_eq!(ObjectHeader::parse(&[1, 2, 0x00, 5, 4]), Err(FragmentError::Range { start: 5, stop: 4 }));
        assert_eq!(ObjectHeader::parse(&[1, 2, 0x01, 0, 1, 0xFF, 0]), Err(FragmentError::Range { start: 256, stop: 255 }));
        let (header, rest) = ObjectHeader::parse(&[1, 2, 0x00, 5, 5, 9]).unwrap();
        assert_eq!((header.range.count(), rest), (1, &[9][..]));
    }

    #[test]
    fn a2_r23_counts_reach_two_to_the_32_and_are_never_zero() {
        let (header, _) = ObjectHeader::parse(&[1, 0, 0x02, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]).unwrap();
        assert_eq!(header.range.count(), 1 << 32);
        assert_eq!(ObjectHeader::parse(&[2, 1, 0x17, 0]), Err(FragmentError::CountZero { group: 2, variation: 1 }));
    }
}

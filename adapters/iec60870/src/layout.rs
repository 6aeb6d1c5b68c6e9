//! How many octets the header fields of an ASDU have (IEC 60870-5-101 clause 7.2): in -101 the system says so, in -104 they are fixed.

use crate::{Cot, TypeId};

/// The sizes of cause, common address and object address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    cot: u8,
    ca: u8,
    ioa: u8,
}

/// An ASDU that its layout cannot carry: nothing of it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} {value} does not fit {octets} octet(s)")]
pub struct Unfit {
    /// Which field.
    pub field: &'static str,
    /// What it should carry.
    pub value: u32,
    /// What it has.
    pub octets: u8,
}

impl Layout {
    /// -104: two, two and three octets (its clause 5).
    pub const IEC104: Self = Self { cot: 2, ca: 2, ioa: 3 };

    /// The sizes of a -101 system: one or two octets of cause and of common address, one to three of object address. `None` for any others.
    #[must_use]
    pub const fn new(cot: u8, ca: u8, ioa: u8) -> Option<Self> {
        if matches!(cot, 1 | 2) && matches!(ca, 1 | 2) && matches!(ioa, 1..=3) { Some(Self { cot, ca, ioa }) } else { None }
    }

    /// Octets before the first object: type, variable structure qualifier, cause, common address.
    #[must_use]
    pub const fn header_octets(self) -> usize {
        2 + self.cot as usize + self.ca as usize
    }

    /// Octets of an object address.
    #[must_use]
    pub const fn ioa_octets(self) -> usize {
        self.ioa as usize
    }

    /// The highest object address.
    #[must_use]
    pub const fn ioa_max(self) -> u32 {
        match self.ioa {
            1 => 0xFF,
            2 => 0xFFFF,
            _ => 0x00FF_FFFF,
        }
    }

    /// The common address of all stations: the highest one. It names no station.
    #[must_use]
    pub const fn broadcast(self) -> u16 {
        match self.ca {
            1 => 0xFF,
            _ => 0xFFFF,
        }
    }

    /// Whether cause and addresses have their place; an originator has none in a cause of one octet.
    pub(crate) fn fits(self, cot: Cot, ca: u16, ioas: impl IntoIterator<Item = u32>) -> Result<(), Unfit> {
        if self.cot == 1 && cot.originator != 0 {
            return Err(Unfit { field: "originator address", value: u32::from(cot.originator), octets: 0 });
        }
        if ca > self.broadcast() {
            return Err(Unfit { field: "common address", value: u32::from(ca), octets: self.ca });
        }
        match ioas.into_iter().find(|ioa| *ioa > self.ioa_max()) {
            Some(value) => Err(Unfit { field: "object address", value, octets: self.ioa }),
            None => Ok(()),
        }
    }

    /// Takes the cause field off the front.
    #[inline]
    pub(crate) fn split_cot(self, octets: &[u8]) -> Option<(Cot, &[u8])> {
        match (self.cot, octets) {
            (1, [cause, rest @ ..]) => Some((Cot::from_octets([*cause, 0]), rest)),
            (2, [cause, originator, rest @ ..]) => Some((Cot::from_octets([*cause, *originator]), rest)),
            _ => None,
        }
    }

    /// Takes the common address off the front.
    #[inline]
    pub(crate) fn split_ca(self, octets: &[u8]) -> Option<(u16, &[u8])> {
        match (self.ca, octets) {
            (1, [low, rest @ ..]) => Some((u16::from(*low), rest)),
            (2, [low, high, rest @ ..]) => Some((u16::from_le_bytes([*low, *high]), rest)),
            _ => None,
        }
    }

    /// Takes an object address off the front.
    #[inline]
    pub(crate) fn split_ioa(self, octets: &[u8]) -> Option<(u32, &[u8])> {
        match (self.ioa, octets) {
            (1, [a, rest @ ..]) => Some((u32::from(*a), rest)),
            (2, [a, b, rest @ ..]) => Some((u32::from_le_bytes([*a, *b, 0, 0]), rest)),
            (3, [a, b, c, rest @ ..]) => Some((u32::from_le_bytes([*a, *b, *c, 0]), rest)),
            _ => None,
        }
    }

    /// Appends a header; the VSQ octet is at index 1 behind `out`'s old end. What does not fit is cut: see [`Layout::fits`].
    #[inline]
    pub(crate) fn put_header(self, out: &mut Vec<u8>, type_id: TypeId, vsq: u8, cot: Cot, ca: u16) {
        let ([cause, originator], [low, high]) = (cot.octets(), ca.to_le_bytes());
        match (self.cot, self.ca) {
            (1, 1) => out.extend_from_slice(&[type_id.0, vsq, cause, low]),
            (1, _) => out.extend_from_slice(&[type_id.0, vsq, cause, low, high]),
            (_, 1) => out.extend_from_slice(&[type_id.0, vsq, cause, originator, low]),
            _ => out.extend_from_slice(&[type_id.0, vsq, cause, originator, low, high]),
        }
    }

    /// Appends an object address; an octet too many is cut: see [`Layout::fits`].
    #[inline]
    pub(crate) fn put_ioa(self, out: &mut Vec<u8>, ioa: u32) {
        let [a, b, c, _] = ioa.to_le_bytes();
        match self.ioa {
            1 => out.push(a),
            2 => out.extend_from_slice(&[a, b]),
            _ => out.extend_from_slice(&[a, b, c]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    #[test]
    fn a1_r25_the_sizes_of_101_are_those_and_of_104_these() {
        let all = (0..=4).flat_map(|cot| (0..=4).flat_map(move |ca| (0..=4).filter_map(move |ioa| Layout::new(cot, ca, ioa))));
        let sizes: Vec<_> = all.map(|layout| (layout.cot, layout.ca, layout.ioa)).collect();
        assert_eq!(sizes.len(), 12);
        assert!(sizes.iter().all(|(cot, ca, ioa)| (1..=2).contains(cot) && (1..=2).contains(ca) && (1..=3).contains(ioa)));
        assert_eq!(Layout::new(2, 2, 3), Some(Layout::IEC104));
        assert_eq!((Layout::IEC104.header_octets(), Layout::IEC104.ioa_octets()), (6, 3));
        assert_eq!((Layout::IEC104.ioa_max(), Layout::IEC104.broadcast()), (16_777_215, 65_535));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let small = Layout::new(1, 1, 1).unwrap();
        let plain = Cot::new(Cause::SPONTANEOUS);
        assert_eq!(small.fits(plain, 255, [0, 255]), Ok(()));
        let text = |outcome: Result<(), Unfit>| outcome.unwrap_err().to_string();
        assert_eq!(text(small.fits(Cot { originator: 9, ..plain }, 1, [])), "originator address 9 does not fit 0 octet(s)");
        assert_eq!(text(small.fits(plain, 256, [])), "common address 256 does not fit 1 octet(s)");
        assert_eq!(text(small.fits(plain, 1, [255, 256])), "object address 256 does not fit 1 octet(s)");
        assert_eq!(text(Layout::IEC104.fits(plain, 1, [0x0100_0000])), "object address 16777216 does not fit 3 octet(s)");
    }
}

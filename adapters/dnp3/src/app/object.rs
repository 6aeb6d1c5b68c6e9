//! The objects behind one header.

use crate::app::{Qualifier, Range};
use crate::objects::Size;

/// What an object consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload<'a> {
    /// Nothing: the header only names it.
    Absent,
    /// One or two packed bits, in the low bits.
    Bits(u8),
    /// Whole octets.
    Octets(&'a [u8]),
}

impl<'a> Payload<'a> {
    /// The octets; empty for bits and objects that are only named.
    #[must_use]
    pub const fn octets(self) -> &'a [u8] {
        match self {
            Self::Octets(octets) => octets,
            Self::Absent | Self::Bits(_) => &[],
        }
    }
}

/// One object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Object<'a> {
    /// The point's index; in counts without indexes and in free format, the position.
    pub index: u32,
    /// What it consists of.
    pub payload: Payload<'a>,
}

/// The objects of a header, in order. Made by [`HeaderView::objects`](crate::app::HeaderView::objects) only, so its octets have been
/// checked to hold them all; were they not, it would end early.
///
/// Each step uses up at least a bit of the fragment: a range over millions of points that carries no octets (the headers of a READ,
/// empty strings) yields nothing here.
#[derive(Clone, Debug)]
pub struct Objects<'a> {
    qualifier: Qualifier,
    size: Size,
    variation: u8,
    index: u32,
    left: u64,
    bit: usize,
    rest: &'a [u8],
}

impl<'a> Objects<'a> {
    pub(super) fn new(qualifier: Qualifier, range: Range, size: Size, variation: u8, carried: &'a [u8]) -> Self {
        let left = if carried.is_empty() { 0 } else { range.count() };
        Self { qualifier, size, variation, index: range.start(), left, bit: 0, rest: carried }
    }

    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(taken)
    }

    fn bits(&mut self, width: u8) -> Option<Payload<'a>> {
        let octet = *self.rest.get(self.bit / 8)?;
        let bits = octet >> (self.bit % 8) & ((1 << width) - 1);
        self.bit += usize::from(width);
        Some(Payload::Bits(bits))
    }

    fn object(&mut self) -> Option<Object<'a>> {
        let mut index = self.index;
        let mut sized = None;
        match self.qualifier {
            Qualifier::Indexed(width) => (index, self.rest) = width.read(self.rest)?,
            Qualifier::FreeFormat => {
                let (size, rest) = self.rest.split_first_chunk()?;
                sized = Some(usize::from(u16::from_le_bytes(*size)));
                self.rest = rest;
            }
            Qualifier::StartStop(_) | Qualifier::All | Qualifier::Count(_) => {}
        }
        let payload = match (self.size, sized) {
            (Size::Free | Size::Variation, Some(octets)) => Payload::Octets(self.take(octets)?),
            (Size::Bits(width), _) => self.bits(width)?,
            (Size::Fixed(octets), _) => Payload::Octets(self.take(usize::from(octets))?),
            (Size::Variation, None) => Payload::Octets(self.take(usize::from(self.variation))?),
            (Size::Attribute, _) => Payload::Octets(self.take(attribute_octets(self.rest)?)?),
            (Size::Absent, _) => Payload::Absent,
            (Size::Free, None) => return None,
        };
        Some(Object { index, payload })
    }

    /// The octets behind the last object that was taken.
    pub(super) fn remainder(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = Object<'a>;

    fn next(&mut self) -> Option<Object<'a>> {
        self.left = self.left.checked_sub(1)?;
        let object = self.object();
        if object.is_none() {
            self.left = 0;
        }
        self.index = self.index.wrapping_add(1);
        object
    }
}

/// Octets of a device attribute: type, length and value. The extended list (type 255) is 256 octets longer than its length says.
fn attribute_octets(octets: &[u8]) -> Option<usize> {
    let (&[code, length], _) = octets.split_first_chunk()?;
    Some(2 + usize::from(length) + if code == 255 { 256 } else { 0 })
}

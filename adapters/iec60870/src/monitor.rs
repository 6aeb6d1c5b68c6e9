//! Process information in monitor direction (IEC 60870-5-101 clause 7.3.1): types 1 to 21 and 30 to 40.

use crate::apci::ASDU_MAX;
use crate::{Bcr, Cot, Cp16Time2a, Cp24Time2a, Cp56Time2a, Family, Layout, QualityBits, Tag, TypeId, Unfit};

/// Process information of one type.
#[derive(Clone, PartialEq, Debug)]
pub struct MonitorAsdu {
    /// The type: decides what every object carries.
    pub type_id: TypeId,
    /// One address and consecutive elements.
    pub sequence: bool,
    /// The cause.
    pub cot: Cot,
    /// The common address.
    pub ca: u16,
    /// At most 127.
    pub objects: Vec<MonitorObject>,
}

/// One monitored value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MonitorObject {
    /// Its address, three octets.
    pub ioa: u32,
    /// Its value.
    pub element: MonitorElement,
    /// Its quality bits, of those its family has.
    pub quality: QualityBits,
    /// Its tag, if its type has one.
    pub time: Option<TimeTag>,
}

/// The time tag of a monitored value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeTag {
    /// The short tag of -101.
    Cp24(Cp24Time2a),
    /// The long tag.
    Cp56(Cp56Time2a),
}

/// A monitored value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MonitorElement {
    /// SPI.
    Single(bool),
    /// DPI, two bits.
    Double(u8),
    /// VTI: value −64 to 63 and whether the equipment is in transient state.
    Step(i8, bool),
    /// BSI: bit 1 of the standard is the lowest.
    Bits(u32),
    /// NVA: 2⁻¹⁵ of full scale, −1 to 1−2⁻¹⁵.
    Normalised(i16),
    /// SVA.
    Scaled(i16),
    /// R32.
    Float(f32),
    /// BCR.
    Counter(Bcr),
    /// SEP's event state, two bits, and its elapsed time.
    Protection(u8, Cp16Time2a),
    /// SPE: GS, SL1, SL2, SL3, SIE, SRD from the lowest bit; and the relay duration time.
    Start(u8, Cp16Time2a),
    /// OCI: GC, CL1, CL2, CL3 from the lowest bit; and the relay operating time.
    Circuit(u8, Cp16Time2a),
    /// SCD: sixteen states in the low half, their change detection in the high half.
    Packed(u32),
    /// NVA without quality.
    Bare(i16),
}

impl MonitorElement {
    /// Its family.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Single(_) => Family::Single,
            Self::Double(_) => Family::Double,
            Self::Step(..) => Family::Step,
            Self::Bits(_) => Family::Bits,
            Self::Normalised(_) => Family::Normalised,
            Self::Scaled(_) => Family::Scaled,
            Self::Float(_) => Family::Float,
            Self::Counter(_) => Family::Counter,
            Self::Protection(..) => Family::Protection,
            Self::Start(..) => Family::Start,
            Self::Circuit(..) => Family::Circuit,
            Self::Packed(_) => Family::Packed,
            Self::Bare(_) => Family::Bare,
        }
    }

    /// Reads the element of a family from exactly its octets, with the quality bits of the family.
    #[inline]
    pub(crate) fn read(family: Family, octets: &[u8]) -> Option<(Self, QualityBits)> {
        let (element, quality) = match (family, octets) {
            (Family::Single, [siq]) => (Self::Single(siq & 1 != 0), *siq),
            (Family::Double, [diq]) => (Self::Double(diq & 3), *diq),
            (Family::Step, [vti, qds]) => {
                // Seven bits, signed: shifted up to the sign and back.
                let value = (vti << 1).cast_signed() >> 1;
                (Self::Step(value, vti & 0x80 != 0), *qds)
            }
            (Family::Bits, [a, b, c, d, qds]) => (Self::Bits(u32::from_le_bytes([*a, *b, *c, *d])), *qds),
            (Family::Normalised, [a, b, qds]) => (Self::Normalised(i16::from_le_bytes([*a, *b])), *qds),
            (Family::Scaled, [a, b, qds]) => (Self::Scaled(i16::from_le_bytes([*a, *b])), *qds),
            (Family::Float, [a, b, c, d, qds]) => (Self::Float(f32::from_le_bytes([*a, *b, *c, *d])), *qds),
            (Family::Counter, [a, b, c, d, sequence]) => (Self::Counter(Bcr::from_octets([*a, *b, *c, *d, *sequence])), *sequence),
            (Family::Protection, [sep, a, b]) => (Self::Protection(sep & 3, elapsed(*a, *b)), *sep),
            (Family::Start, [spe, qdp, a, b]) => (Self::Start(spe & 0x3F, elapsed(*a, *b)), *qdp),
            (Family::Circuit, [oci, qdp, a, b]) => (Self::Circuit(oci & 0x0F, elapsed(*a, *b)), *qdp),
            (Family::Packed, [a, b, c, d, qds]) => (Self::Packed(u32::from_le_bytes([*a, *b, *c, *d])), *qds),
            (Family::Bare, [a, b]) => (Self::Bare(i16::from_le_bytes([*a, *b])), 0),
            _ => return None,
        };
        Some((element, QualityBits(quality & family.quality_mask())))
    }

    /// Appends the element with its quality.
    #[inline]
    fn put(self, quality: QualityBits, out: &mut Vec<u8>) {
        let quality = quality.0 & self.family().quality_mask();
        match self {
            Self::Single(on) => out.push(u8::from(on) | quality),
            Self::Double(bits) => out.push(bits & 3 | quality),
            Self::Step(value, transient) => out.extend_from_slice(&[value.cast_unsigned() & 0x7F | u8::from(transient) << 7, quality]),
            Self::Bits(bits) | Self::Packed(bits) => {
                let [a, b, c, d] = bits.to_le_bytes();
                out.extend_from_slice(&[a, b, c, d, quality]);
            }
            Self::Normalised(value) | Self::Scaled(value) => {
                let [a, b] = value.to_le_bytes();
                out.extend_from_slice(&[a, b, quality]);
            }
            Self::Float(value) => {
                let [a, b, c, d] = value.to_le_bytes();
                out.extend_from_slice(&[a, b, c, d, quality]);
            }
            Self::Counter(bcr) => {
                let [a, b, c, d] = bcr.count.to_le_bytes();
                out.extend_from_slice(&[a, b, c, d, bcr.sequence_octet() | quality]);
            }
            Self::Protection(state, Cp16Time2a(ms)) => {
                let [a, b] = ms.to_le_bytes();
                out.extend_from_slice(&[state & 3 | quality, a, b]);
            }
            Self::Start(bits, Cp16Time2a(ms)) => {
                let [a, b] = ms.to_le_bytes();
                out.extend_from_slice(&[bits & 0x3F, quality, a, b]);
            }
            Self::Circuit(bits, Cp16Time2a(ms)) => {
                let [a, b] = ms.to_le_bytes();
                out.extend_from_slice(&[bits & 0x0F, quality, a, b]);
            }
            Self::Bare(value) => out.extend_from_slice(&value.to_le_bytes()),
        }
    }
}

const fn elapsed(low: u8, high: u8) -> Cp16Time2a {
    Cp16Time2a(u16::from_le_bytes([low, high]))
}

impl TimeTag {
    fn read(tag: Tag, octets: &[u8]) -> Option<Self> {
        match tag {
            Tag::None => None,
            Tag::Cp24 => octets.try_into().ok().map(|octets| Self::Cp24(Cp24Time2a(octets))),
            Tag::Cp56 => octets.try_into().ok().map(|octets| Self::Cp56(Cp56Time2a(octets))),
        }
    }

    /// The long tag, if it is one.
    #[must_use]
    pub const fn cp56(self) -> Option<Cp56Time2a> {
        match self {
            Self::Cp24(_) => None,
            Self::Cp56(time) => Some(time),
        }
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Cp24(Cp24Time2a(octets)) => out.extend_from_slice(&octets),
            Self::Cp56(Cp56Time2a(octets)) => out.extend_from_slice(&octets),
        }
    }
}

impl MonitorObject {
    /// Reads exactly the octets of an element with its tag; `None` if they are too few or too many.
    pub(crate) fn read(family: Family, tag: Tag, ioa: u32, octets: &[u8]) -> Option<Self> {
        let (element, time) = octets.split_at_checked(family.octets())?;
        let (element, quality) = MonitorElement::read(family, element)?;
        let time = TimeTag::read(tag, time);
        (time.is_some() != (tag == Tag::None)).then_some(Self { ioa, element, quality, time })
    }

    /// Appends the element and its tag, without address.
    #[inline]
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        self.element.put(self.quality, out);
        if let Some(time) = self.time {
            time.put(out);
        }
    }
}

impl MonitorAsdu {
    /// Appends the octets. Objects that do not fit 249 octets or 127 are left out; gives how many were taken.
    pub fn encode(&self, out: &mut Vec<u8>) -> usize {
        self.put(Layout::IEC104, out)
    }

    /// The same in the sizes of another system (row 25).
    ///
    /// # Errors
    /// If an address or the originator has no place in them.
    pub fn encode_as(&self, layout: Layout, out: &mut Vec<u8>) -> Result<usize, Unfit> {
        layout.fits(self.cot, self.ca, self.objects.iter().map(|object| object.ioa))?;
        Ok(self.put(layout, out))
    }

    fn put(&self, layout: Layout, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        layout.put_header(out, self.type_id, 0, self.cot, self.ca);
        let mut taken = 0_u8;
        for object in &self.objects {
            let before = out.len();
            if !self.sequence || taken == 0 {
                layout.put_ioa(out, object.ioa);
            }
            object.put(out);
            if out.len() - start > ASDU_MAX || taken == 127 {
                out.truncate(before);
                break;
            }
            taken += 1;
        }
        if let Some(vsq) = out.get_mut(start + 1) {
            *vsq = taken | u8::from(self.sequence) << 7;
        }
        usize::from(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_r34_step_positions_have_seven_bits_and_a_transient() {
        for value in -64..=63_i8 {
            for transient in [false, true] {
                let mut out = Vec::new();
                MonitorElement::Step(value, transient).put(QualityBits(0x41), &mut out);
                assert_eq!(MonitorElement::read(Family::Step, &out), Some((MonitorElement::Step(value, transient), QualityBits(0x41))));
            }
        }
        assert_eq!(MonitorElement::read(Family::Step, &[0x40, 0]), Some((MonitorElement::Step(-64, false), QualityBits(0))));
        assert_eq!(MonitorElement::read(Family::Step, &[0xBF, 0]), Some((MonitorElement::Step(63, true), QualityBits(0))));
    }

    #[test]
    fn every_element_octet_round_trips_where_the_standard_defines_it() {
        for family in Family::ALL {
            for octet in 0..=255_u8 {
                let octets = vec![octet; family.octets()];
                let (element, quality) = MonitorElement::read(family, &octets).unwrap();
                assert_eq!(element.family(), family);
                let mut out = Vec::new();
                element.put(quality, &mut out);
                assert_eq!(out.len(), family.octets(), "{family:?}");
                assert_eq!(MonitorElement::read(family, &out).unwrap().1, quality);
                // Values may be no number: compared as octets.
                let mut again = Vec::new();
                let (element, quality) = MonitorElement::read(family, &out).unwrap();
                element.put(quality, &mut again);
                assert_eq!(out, again, "{family:?} {octet:#04x}");
            }
            assert_eq!(MonitorElement::read(family, &vec![0; family.octets() + 1]), None);
        }
    }
}

//! The value of a point with its flags and time, in every coding (g1 to g4, g10, g11, g20 to g23, g30 to g34, g40, g42, g102).

use bridge_model::{DoublePoint, Value};

use crate::app::{FragmentWriter, Payload, Refused};
use crate::objects::read::Reader;
use crate::objects::{Coding, DnpTime, FlagKind, Flags, Kind, Lead, ObjectTime, Size, Tag, Variation};

/// What a point reports.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measurement {
    /// The value in the width that the device gave it.
    pub value: Value,
    /// The flags without state bits; [`Flags::PLAIN`] from an object without flags.
    pub flags: Flags,
    /// The time as it stands on the wire.
    pub time: ObjectTime,
}

/// The octets of one object, or its packed bits in the low bits of one octet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encoded {
    octets: [u8; Self::MAX],
    length: usize,
}

impl Encoded {
    /// The longest: flags, a long float, a time.
    pub const MAX: usize = 15;

    pub(super) const fn empty() -> Self {
        Self { octets: [0; Self::MAX], length: 0 }
    }

    /// Puts octets behind; those that find no room are not said, which no object of the table brings about.
    pub(super) fn push<const N: usize>(&mut self, octets: [u8; N]) {
        if let Some(room) = self.octets.get_mut(self.length..).and_then(|rest| rest.first_chunk_mut()) {
            *room = octets;
            self.length += N;
        }
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

impl Measurement {
    /// From an object; `None` if the variation is no measurement or the payload is not of its size.
    #[must_use]
    pub fn decode(variation: &Variation, payload: Payload<'_>) -> Option<Self> {
        let mut reader = Reader(payload.octets());
        let lead = match (variation.lead, payload) {
            (Lead::Bare, _) => Flags::ONLINE,
            (Lead::Flags, _) => reader.u8()?,
            (Lead::Status, _) => return None,
        };
        let value = match (variation.coding, payload) {
            (Coding::Bit, Payload::Bits(bits)) => Value::Bool(bits & 1 != 0),
            (Coding::DoubleBit, Payload::Bits(bits)) => Value::Double(DoublePoint::from_bits(bits)),
            (Coding::Bit | Coding::DoubleBit, Payload::Absent | Payload::Octets(_)) | (Coding::Other, _) => return None,
            (coding, _) => read_value(coding, lead, &mut reader)?,
        };
        let time = read_time(variation.tag, &mut reader)?;
        let flags = Flags(lead & FlagKind::of(variation.kind).mask());
        reader.end(Self { value, flags, time })
    }

    /// To an object; `None` if the variation cannot say it: a state as a number or the other way round, no time where one belongs, or
    /// something to say against the value in a variation without flags (there [`Variation::flagged`] is the way out).
    ///
    /// A number beyond the coding goes out as the nearest that fits, OVER_RANGE; one that is no number as 0, not ONLINE. Counters go out
    /// modulo their width, as they count.
    #[must_use]
    pub fn encode(&self, variation: &Variation) -> Option<Encoded> {
        let mut encoded = Encoded::empty();
        let mask = FlagKind::of(variation.kind).mask();
        let fitted = Fitted::new(self.value, variation)?;
        let flags = Flags((self.flags.0 & mask & !fitted.clear) | fitted.set);
        match variation.lead {
            Lead::Bare if flags != Flags::PLAIN => return None,
            Lead::Bare if matches!(variation.size, Size::Bits(_)) => encoded.push([fitted.state]),
            Lead::Bare => {}
            Lead::Flags => encoded.push([flags.0 | fitted.state_bits(variation.coding)]),
            Lead::Status => return None,
        }
        fitted.push_number(&mut encoded);
        push_time(variation.tag, self.time, &mut encoded)?;
        Some(encoded)
    }

    /// Writes it as one of a range (static values).
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::Unsaid`] if the variation cannot say it.
    pub fn write_ranged(&self, writer: &mut FragmentWriter, variation: &Variation, index: u32) -> Result<(), Refused> {
        let encoded = self.encode(variation).ok_or(Refused::Unsaid)?;
        match (variation.size, encoded.octets()) {
            (Size::Bits(width), &[bits]) => writer.packed(variation.group, variation.variation, index, width, bits),
            (_, octets) => writer.ranged(variation.group, variation.variation, index, octets),
        }
    }

    /// Writes it with its index before it (events).
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::Unsaid`] if the variation cannot say it, or is packed.
    pub fn write_indexed(&self, writer: &mut FragmentWriter, variation: &Variation, index: u32) -> Result<(), Refused> {
        if matches!(variation.size, Size::Bits(_)) {
            return Err(Refused::Unsaid);
        }
        let encoded = self.encode(variation).ok_or(Refused::Unsaid)?;
        writer.indexed(variation.group, variation.variation, index, encoded.octets())
    }
}

/// The value behind its flags or status octet.
pub(super) fn read_value(coding: Coding, lead: u8, reader: &mut Reader<'_>) -> Option<Value> {
    Some(match coding {
        Coding::State => Value::Bool(lead & 0x80 != 0),
        Coding::DoubleState => Value::Double(DoublePoint::from_bits(lead >> 6)),
        Coding::U8 => Value::Int(i64::from(reader.u8()?)),
        Coding::U16 => Value::Int(i64::from(reader.u16()?)),
        Coding::U32 => Value::Int(i64::from(reader.u32()?)),
        Coding::I16 => Value::Int(i64::from(i16::from_le_bytes(reader.octets()?))),
        Coding::I32 => Value::Int(i64::from(i32::from_le_bytes(reader.octets()?))),
        Coding::F32 => Value::Real32(f32::from_le_bytes(reader.octets()?)),
        Coding::F64 => Value::Real(f64::from_le_bytes(reader.octets()?)),
        Coding::Other | Coding::Bit | Coding::DoubleBit => return None,
    })
}

pub(super) fn read_time(tag: Tag, reader: &mut Reader<'_>) -> Option<ObjectTime> {
    Some(match tag {
        Tag::None => ObjectTime::None,
        Tag::Absolute => ObjectTime::Absolute(DnpTime::from_octets(reader.octets()?)),
        Tag::Relative => ObjectTime::Relative(reader.u16()?),
    })
}

pub(super) fn push_time(tag: Tag, time: ObjectTime, encoded: &mut Encoded) -> Option<()> {
    match (tag, time) {
        (Tag::None, _) => {}
        (Tag::Absolute, ObjectTime::Absolute(time)) => encoded.push(time.octets()),
        (Tag::Relative, ObjectTime::Relative(ms)) => encoded.push(ms.to_le_bytes()),
        (Tag::Absolute | Tag::Relative, ObjectTime::None | ObjectTime::Absolute(_) | ObjectTime::Relative(_)) => return None,
    }
    Some(())
}

/// A value made to fit a coding.
pub(super) struct Fitted {
    /// A number, in the low octets.
    number: [u8; 8],
    /// How many of them: 0 for a state.
    octets: u8,
    /// The code of a state, in the low bits.
    state: u8,
    /// Flags that it must have now.
    set: u8,
    /// Flags that it must not have.
    clear: u8,
}

impl Fitted {
    fn state(state: u8) -> Self {
        Self { number: [0; 8], octets: 0, state, set: 0, clear: 0 }
    }

    /// The bits of a state in the octet before it.
    pub(super) const fn state_bits(&self, coding: Coding) -> u8 {
        match coding {
            Coding::State => self.state << 7,
            Coding::DoubleState => self.state << 6,
            Coding::Other
            | Coding::Bit
            | Coding::DoubleBit
            | Coding::U8
            | Coding::U16
            | Coding::U32
            | Coding::I16
            | Coding::I32
            | Coding::F32
            | Coding::F64 => 0,
        }
    }

    /// Puts the number behind.
    pub(super) fn push_number(&self, encoded: &mut Encoded) {
        let [a, b, c, d, ..] = self.number;
        match self.octets {
            0 => {}
            1 => encoded.push([a]),
            2 => encoded.push([a, b]),
            4 => encoded.push([a, b, c, d]),
            _ => encoded.push(self.number),
        }
    }

    fn float(&mut self, number: f32) {
        let [a, b, c, d] = number.to_le_bytes();
        (self.number, self.octets) = ([a, b, c, d, 0, 0, 0, 0], 4);
    }

    /// Whether it was said as it was.
    pub(super) const fn exact(&self) -> bool {
        self.set == 0 && self.clear == 0
    }

    pub(super) fn new(value: Value, variation: &Variation) -> Option<Self> {
        match (variation.coding, value) {
            (Coding::Bit | Coding::State, Value::Bool(on)) => return Some(Self::state(u8::from(on))),
            (Coding::DoubleBit | Coding::DoubleState, Value::Double(state)) => return Some(Self::state(state as u8)),
            (Coding::Other | Coding::Bit | Coding::State | Coding::DoubleBit | Coding::DoubleState, _) => return None,
            _ if value.is_state() => return None,
            _ => {}
        }
        let mut fitted = Self::state(0);
        match variation.coding {
            Coding::F64 => (fitted.number, fitted.octets) = (value.as_f64().to_le_bytes(), 8),
            Coding::F32 => {
                let short = short_float(value);
                if short.is_infinite() && value.as_f64().is_finite() {
                    fitted.set = Flags::OVER_RANGE;
                    fitted.float(f32::MAX.copysign(short));
                } else {
                    fitted.float(short);
                }
            }
            Coding::U8 => fitted.whole(value, 1, (0, 0xFF)),
            Coding::U16 if counts(variation.kind) => fitted.count(value, 2),
            Coding::U32 if counts(variation.kind) => fitted.count(value, 4),
            Coding::U16 => fitted.whole(value, 2, (0, 0xFFFF)),
            Coding::U32 => fitted.whole(value, 4, (0, 0xFFFF_FFFF)),
            Coding::I16 => fitted.whole(value, 2, (i64::from(i16::MIN), i64::from(i16::MAX))),
            Coding::I32 => fitted.whole(value, 4, (i64::from(i32::MIN), i64::from(i32::MAX))),
            Coding::Other | Coding::Bit | Coding::DoubleBit | Coding::State | Coding::DoubleState => return None,
        }
        Some(fitted)
    }

    /// The low octets of a whole number, the nearest between two bounds.
    fn whole(&mut self, value: Value, octets: u8, (min, max): (i64, i64)) {
        let (number, beyond) = match rounded(value) {
            Some((number, beyond)) => (number.clamp(min, max), beyond || !(min..=max).contains(&number)),
            None => {
                self.clear = Flags::ONLINE;
                (0, false)
            }
        };
        if beyond {
            self.set = Flags::OVER_RANGE;
        }
        (self.number, self.octets) = (number.to_le_bytes(), octets);
    }

    /// The low octets of a counter.
    fn count(&mut self, value: Value, octets: u8) {
        let (number, beyond) = rounded(value).unwrap_or((0, true));
        if beyond {
            self.clear = Flags::ONLINE;
        }
        (self.number, self.octets) = (number.to_le_bytes(), octets);
    }
}

const fn counts(kind: Kind) -> bool {
    matches!(kind, Kind::Counter | Kind::FrozenCounter | Kind::CounterEvent | Kind::FrozenCounterEvent)
}

/// The nearest whole number, and whether it is only the end of what 64 bits can say; `None` if it is no number.
fn rounded(value: Value) -> Option<(i64, bool)> {
    if let Value::Int(number) = value {
        return Some((number, false));
    }
    let real = value.as_f64().round();
    // The conversion takes the nearest end beyond its range.
    (!real.is_nan()).then_some((real as i64, real.abs() >= 9_223_372_036_854_775_808.0))
}

/// A short float stays as it is, bit for bit; others are rounded to the nearest.
fn short_float(value: Value) -> f32 {
    match value {
        Value::Real32(short) => short,
        Value::Bool(_) | Value::Double(_) | Value::Int(_) | Value::Real(_) => value.as_f64() as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::lookup;

    fn variation(group: u8, number: u8) -> &'static Variation {
        lookup(group, number).known().unwrap()
    }

    fn said(value: Value, flags: u8, group: u8, number: u8) -> Option<Vec<u8>> {
        let measurement = Measurement { value, flags: Flags(flags), time: ObjectTime::None };
        measurement.encode(variation(group, number)).map(|encoded| encoded.octets().to_vec())
    }

    #[test]
    fn a2_r55_numbers_beyond_their_coding_are_over_range() {
        assert_eq!(said(Value::Int(40_000), 1, 30, 2), Some(vec![0x21, 0xFF, 0x7F]));
        assert_eq!(said(Value::Int(-40_000), 1, 30, 2), Some(vec![0x21, 0x00, 0x80]));
        assert_eq!(said(Value::Real(1e300), 1, 30, 1), Some(vec![0x21, 0xFF, 0xFF, 0xFF, 0x7F]));
        assert_eq!(said(Value::Real(1e300), 1, 30, 5).unwrap()[0], 0x21);
        assert_eq!(said(Value::Real(f64::NAN), 1, 30, 1), Some(vec![0x00, 0, 0, 0, 0]));
        assert_eq!(said(Value::Real(-2.5), 1, 30, 2), Some(vec![0x01, 0xFD, 0xFF]));
        // A variation without flags cannot say that.
        assert_eq!(said(Value::Int(40_000), 1, 30, 4), None);
        assert_eq!(said(Value::Int(70_000), 1, 34, 1), None);
    }

    #[test]
    fn a2_r55_counters_count_modulo_their_width() {
        assert_eq!(said(Value::Int(65_537), 1, 20, 2), Some(vec![0x01, 1, 0]));
        assert_eq!(said(Value::Int((1 << 32) + 5), 1, 20, 5), Some(vec![5, 0, 0, 0]));
        assert_eq!(said(Value::Real(1e30), 1, 20, 1).unwrap()[0], 0x00);
    }

    #[test]
    fn a2_r57_what_is_to_be_said_against_a_value_needs_a_variation_with_flags() {
        assert_eq!(said(Value::Bool(true), 1, 1, 1), Some(vec![1]));
        assert_eq!(said(Value::Bool(true), 5, 1, 1), None);
        for bare in Variation::all().iter().filter(|each| each.lead == Lead::Bare && each.coding != Coding::Other) {
            let flagged = bare.flagged();
            assert_eq!(flagged.is_none(), matches!(bare.group, 34 | 102), "g{}v{}", bare.group, bare.variation);
            assert!(flagged.is_none_or(|flagged| flagged.has_flags() && flagged.group == bare.group));
        }
        assert_eq!(variation(31, 6).flagged().map(|flagged| flagged.variation), Some(2));
        assert_eq!(variation(3, 1).flagged().map(|flagged| flagged.variation), Some(2));
    }

    #[test]
    fn a2_r55_a_state_is_not_said_as_a_number_nor_an_event_without_its_time() {
        assert_eq!(said(Value::Int(1), 1, 1, 2), None);
        assert_eq!(said(Value::Bool(true), 1, 30, 1), None);
        assert_eq!(said(Value::Bool(true), 1, 3, 2), None);
        assert_eq!(said(Value::Bool(true), 1, 2, 2), None);
        assert_eq!(said(Value::Double(DoublePoint::On), 1, 3, 2), Some(vec![0x81]));
    }
}

//! Device attributes (g0): the variation names the attribute, the index the set (0 is the standard's).

use crate::objects::DnpTime;
use crate::objects::read::Reader;

/// The value of an attribute. Borrowed: an attribute is at most a few hundred octets of a fragment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AttributeValue<'a> {
    /// Type 1: text, in the octets of the device.
    Text(&'a [u8]),
    /// Type 2: 1, 2, 4 or 8 octets.
    Unsigned(u64),
    /// Type 3: 1, 2, 4 or 8 octets.
    Signed(i64),
    /// Type 4 of 4 octets.
    Float32(f32),
    /// Type 4 of 8 octets.
    Float64(f64),
    /// Type 5.
    Octets(&'a [u8]),
    /// Type 6.
    Bits(&'a [u8]),
    /// Type 7.
    Time(DnpTime),
    /// Types 254 and 255: pairs of a variation and its properties (bit 0: may be written). Flat: a list holds no list.
    List(&'a [u8]),
}

/// An attribute as it stands in a fragment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attribute<'a> {
    /// The value.
    pub value: AttributeValue<'a>,
}

impl<'a> Attribute<'a> {
    /// The longest value of the plain types, and of the plain list.
    pub const MAX_OCTETS: usize = 255;

    /// From the wire; `None` for unknown types, lengths that a type cannot have, and octets that do not end with the value.
    #[must_use]
    pub fn decode(octets: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(octets);
        let (code, length) = (reader.u8()?, usize::from(reader.u8()?));
        let body = reader.rest();
        let length = if code == 255 { length + 256 } else { length };
        if body.len() != length {
            return None;
        }
        let value = match code {
            1 => AttributeValue::Text(body),
            2 => AttributeValue::Unsigned(u64::from_le_bytes(widened(body, 0)?)),
            3 => {
                let sign = if body.last()? & 0x80 == 0 { 0 } else { 0xFF };
                AttributeValue::Signed(i64::from_le_bytes(widened(body, sign)?))
            }
            4 => match body.first_chunk() {
                Some(double) if length == 8 => AttributeValue::Float64(f64::from_le_bytes(*double)),
                _ => AttributeValue::Float32(f32::from_le_bytes(body.try_into().ok()?)),
            },
            5 => AttributeValue::Octets(body),
            6 => AttributeValue::Bits(body),
            7 => AttributeValue::Time(DnpTime::from_octets(body.try_into().ok()?)),
            254 | 255 if length.is_multiple_of(2) => AttributeValue::List(body),
            _ => return None,
        };
        Some(Self { value })
    }

    /// To the wire, behind what is in `out`; whole numbers in the fewest octets. Nothing is written and `false` returned if the value is
    /// longer than its type can say, or a list of odd length.
    pub fn encode(&self, out: &mut Vec<u8>) -> bool {
        let (unsigned, signed, short, double, time);
        let (code, body): (u8, &[u8]) = match self.value {
            AttributeValue::Text(text) => (1, text),
            AttributeValue::Unsigned(number) => {
                unsigned = number.to_le_bytes();
                (2, narrowed(&unsigned, [8, 16, 32].map(|bits| number >> bits == 0)))
            }
            AttributeValue::Signed(number) => {
                signed = number.to_le_bytes();
                (3, narrowed(&signed, [7, 15, 31].map(|bits| matches!(number >> bits, 0 | -1))))
            }
            AttributeValue::Float32(number) => {
                short = number.to_le_bytes();
                (4, &short)
            }
            AttributeValue::Float64(number) => {
                double = number.to_le_bytes();
                (4, &double)
            }
            AttributeValue::Octets(octets) => (5, octets),
            AttributeValue::Bits(octets) => (6, octets),
            AttributeValue::Time(at) => {
                time = at.octets();
                (7, &time)
            }
            AttributeValue::List(pairs) if !pairs.len().is_multiple_of(2) => return false,
            AttributeValue::List(pairs) if pairs.len() > Self::MAX_OCTETS => (255, pairs),
            AttributeValue::List(pairs) => (254, pairs),
        };
        let Some(length) = body.len().checked_sub(if code == 255 { 256 } else { 0 }).and_then(|length| u8::try_from(length).ok()) else {
            return false;
        };
        out.extend_from_slice(&[code, length]);
        out.extend_from_slice(body);
        true
    }

    /// The pairs of a list: variation, and whether it may be written. Empty for other values.
    pub fn listed(&self) -> impl Iterator<Item = (u8, bool)> + 'a {
        let pairs = match self.value {
            AttributeValue::List(pairs) => pairs,
            AttributeValue::Text(_)
            | AttributeValue::Unsigned(_)
            | AttributeValue::Signed(_)
            | AttributeValue::Float32(_)
            | AttributeValue::Float64(_)
            | AttributeValue::Octets(_)
            | AttributeValue::Bits(_)
            | AttributeValue::Time(_) => &[],
        };
        pairs.chunks_exact(2).filter_map(|pair| pair.first_chunk::<2>()).map(|&[variation, properties]| (variation, properties & 1 != 0))
    }
}

/// 1, 2, 4 or 8 octets as 8.
fn widened(octets: &[u8], fill: u8) -> Option<[u8; 8]> {
    let mut wide = [fill; 8];
    if !matches!(octets.len(), 1 | 2 | 4 | 8) {
        return None;
    }
    wide.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(wide)
}

/// As few of 8 octets as a number fits in, of 1, 2 and 4.
fn narrowed(octets: &[u8; 8], fits: [bool; 3]) -> &[u8] {
    let length = match fits {
        [true, _, _] => 1,
        [_, true, _] => 2,
        [_, _, true] => 4,
        _ => 8,
    };
    octets.split_at_checked(length).map_or(&octets[..], |(low, _)| low)
}

/// What a variation of the standard's set (index 0) is; `None` below 211 and for those that it does not define.
#[must_use]
pub const fn name(variation: u8) -> Option<&'static str> {
    Some(match variation {
        211 => "identifier of support for user-specific attributes",
        212 => "number of master-defined data set prototypes",
        213 => "number of outstation-defined data set prototypes",
        214 => "number of master-defined data sets",
        215 => "number of outstation-defined data sets",
        216 => "maximum number of binary outputs per request",
        217 => "local timing accuracy",
        218 => "duration of timing accuracy",
        219 => "support for analogue output events",
        220 => "maximum analogue output index",
        221 => "number of analogue outputs",
        222 => "support for binary output events",
        223 => "maximum binary output index",
        224 => "number of binary outputs",
        225 => "support for frozen counter events",
        226 => "support for frozen counters",
        227 => "support for counter events",
        228 => "maximum counter index",
        229 => "number of counter points",
        230 => "support for frozen analogue inputs",
        231 => "support for analogue input events",
        232 => "maximum analogue input index",
        233 => "number of analogue input points",
        234 => "support for double-bit input events",
        235 => "maximum double-bit input index",
        236 => "number of double-bit input points",
        237 => "support for binary input events",
        238 => "maximum binary input index",
        239 => "number of binary input points",
        240 => "maximum transmit fragment size",
        241 => "maximum receive fragment size",
        242 => "manufacturer's software version",
        243 => "manufacturer's hardware version",
        245 => "location name",
        246 => "identifier assigned by the user",
        247 => "name assigned by the user",
        248 => "serial number",
        249 => "subset and conformance",
        250 => "product name and model",
        252 => "manufacturer's name",
        254 => "all attributes",
        255 => "list of attributes",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: AttributeValue<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(Attribute { value }.encode(&mut out));
        out
    }

    #[test]
    fn a2_r51_every_type_round_trips_and_numbers_take_the_fewest_octets() {
        let long: Vec<u8> = (0..=254).chain(0..=254).collect();
        for value in [
            AttributeValue::Text(b"IES Bridge"),
            AttributeValue::Unsigned(2048),
            AttributeValue::Unsigned(u64::MAX),
            AttributeValue::Signed(-1),
            AttributeValue::Signed(-40_000),
            AttributeValue::Float32(1.5),
            AttributeValue::Float64(-1e300),
            AttributeValue::Octets(&[0, 255]),
            AttributeValue::Bits(&[0x80]),
            AttributeValue::Time(DnpTime::from_millis(1_775_037_600_000).unwrap()),
            AttributeValue::List(&[242, 0, 246, 1]),
            AttributeValue::List(&long),
        ] {
            assert_eq!(Attribute::decode(&encoded(value)), Some(Attribute { value }));
        }
        assert_eq!(encoded(AttributeValue::Unsigned(2048)), [2, 2, 0, 8]);
        assert_eq!(encoded(AttributeValue::Signed(-128)), [3, 1, 0x80]);
        assert_eq!(encoded(AttributeValue::Signed(128)), [3, 2, 0x80, 0]);
        assert!(!Attribute { value: AttributeValue::Text(&long) }.encode(&mut Vec::new()));
    }

    #[test]
    fn b2_36_a_list_is_flat_and_wrong_lengths_are_no_values() {
        let list = Attribute::decode(&[254, 4, 255, 0, 254, 1]).unwrap();
        assert_eq!(list.listed().collect::<Vec<_>>(), [(255, false), (254, true)]);
        for wrong in [
            &[254, 3, 1, 2, 3][..],
            &[254, 4, 1, 2],
            &[255, 0, 1, 2],
            &[2, 3, 0, 0, 0],
            &[2, 0],
            &[3, 0],
            &[4, 5, 0, 0, 0, 0, 0],
            &[7, 5, 0, 0, 0, 0, 0],
            &[8, 1, 0],
            &[1, 1, 65, 66],
            &[1],
        ] {
            assert_eq!(Attribute::decode(wrong), None, "{wrong:?}");
        }
    }
}

//! Device attributes (g0, row 51): what this outstation says of itself. All are of the standard's set and none can be written.

use super::image::Image;
use crate::address::PointType;
use crate::app::{FragmentWriter, Refused};
use crate::objects::{Attribute, AttributeValue};
use crate::params::Params;

/// The list of attributes.
pub(super) const LIST: u8 = 255;
/// Those that are served, ascending; g0v254 asks for them all.
pub(super) const SERVED: [u8; 25] =
    [216, 219, 220, 221, 222, 223, 224, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235, 236, 237, 238, 239, 240, 241, 242, 250];

/// Writes one. One that is not served is not written.
pub(super) fn put(variation: u8, image: &Image, params: &Params, writer: &mut FragmentWriter) -> Result<(), Refused> {
    let list: Vec<u8> = SERVED.iter().flat_map(|variation| [*variation, 0]).collect();
    let value = if variation == LIST { Some(AttributeValue::List(&list)) } else { value(variation, image, params) };
    let Some(value) = value else { return Ok(()) };
    let mut octets = Vec::new();
    let encoded = Attribute { value }.encode(&mut octets);
    if encoded { writer.ranged(0, variation, 0, &octets) } else { Ok(()) }
}

fn value(variation: u8, image: &Image, params: &Params) -> Option<AttributeValue<'static>> {
    let count = |of| AttributeValue::Unsigned(image.slots(of).len() as u64);
    let last = |of| AttributeValue::Unsigned(image.last_index(of).map_or(0, u64::from));
    Some(match variation {
        216 => AttributeValue::Unsigned(params.max_controls as u64),
        // Events of all types, frozen counters and frozen analogues are supported.
        219 | 222 | 226 | 227 | 230 | 231 | 234 | 237 => AttributeValue::Signed(1),
        220 => last(PointType::AnalogOutput),
        221 => count(PointType::AnalogOutput),
        223 => last(PointType::BinaryOutput),
        224 => count(PointType::BinaryOutput),
        228 => last(PointType::Counter),
        229 => count(PointType::Counter),
        232 => last(PointType::Analog),
        233 => count(PointType::Analog),
        235 => last(PointType::DoubleBit),
        236 => count(PointType::DoubleBit),
        238 => last(PointType::Binary),
        239 => count(PointType::Binary),
        240 => AttributeValue::Unsigned(params.max_transmit as u64),
        241 => AttributeValue::Unsigned(params.max_receive as u64),
        242 => AttributeValue::Text(env!("CARGO_PKG_VERSION").as_bytes()),
        250 => AttributeValue::Text(b"IES Bridge"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::attribute_name;

    #[test]
    fn a2_r51_every_listed_attribute_is_served_and_of_the_standard() {
        let (image, params) = (Image::new(std::iter::empty()), Params::default());
        assert!(SERVED.is_sorted());
        for variation in SERVED {
            assert!(value(variation, &image, &params).is_some() && attribute_name(variation).is_some(), "{variation}");
        }
        let others = (0..=255).filter(|variation| !SERVED.contains(variation));
        for variation in others {
            assert_eq!(value(variation, &image, &params), None, "{variation}");
        }
    }
}

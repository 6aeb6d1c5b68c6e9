//! Security statistics (g121, g122): how often something happened that says something about security, by index.

use crate::app::Payload;
use crate::objects::measurement::{push_time, read_time};
use crate::objects::read::Reader;
use crate::objects::{Encoded, Flags, Kind, ObjectTime, Variation};

/// A statistic.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SecurityStatistic {
    /// The flags of a counter.
    pub flags: Flags,
    /// The association between master and outstation that it is about; 0 where it is about all of them.
    pub association: u16,
    /// The count, modulo 2^32.
    pub count: u32,
    /// When it reached the count; of g122v2.
    pub time: ObjectTime,
}

impl SecurityStatistic {
    /// From an object of g121 or g122; `None` for others and for a payload not of its size.
    #[must_use]
    pub fn decode(variation: &Variation, payload: Payload<'_>) -> Option<Self> {
        if !is_statistic(variation) {
            return None;
        }
        let mut reader = Reader(payload.octets());
        let (flags, association, count) = (Flags(reader.u8()?), reader.u16()?, reader.u32()?);
        let time = read_time(variation.tag, &mut reader)?;
        reader.end(Self { flags, association, count, time })
    }

    /// To an object; `None` if the variation is another's, or wants a time that is not there.
    #[must_use]
    pub fn encode(&self, variation: &Variation) -> Option<Encoded> {
        if !is_statistic(variation) {
            return None;
        }
        let mut encoded = Encoded::empty();
        encoded.push([self.flags.0]);
        encoded.push(self.association.to_le_bytes());
        encoded.push(self.count.to_le_bytes());
        push_time(variation.tag, self.time, &mut encoded)?;
        Some(encoded)
    }
}

fn is_statistic(variation: &Variation) -> bool {
    matches!(variation.kind, Kind::SecurityStatistic | Kind::SecurityStatisticEvent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::{DnpTime, lookup};

    #[test]
    fn a2_r55_a_statistic_round_trips_and_must_be_whole() {
        for (group, variation, size) in [(121, 1, 7), (122, 1, 7), (122, 2, 13)] {
            let known = lookup(group, variation).known().unwrap();
            let time =
                if variation == 2 { ObjectTime::Absolute(DnpTime::from_millis(0x0102_0304_0506).unwrap()) } else { ObjectTime::None };
            let statistic = SecurityStatistic { flags: Flags::PLAIN, association: 0x0A0B, count: 0x1020_3040, time };
            let encoded = statistic.encode(known).unwrap();
            let octets = encoded.octets();
            assert_eq!(octets[..7], [0x01, 0x0B, 0x0A, 0x40, 0x30, 0x20, 0x10], "g{group}v{variation}");
            assert_eq!(octets.len(), size, "g{group}v{variation}");
            assert_eq!(SecurityStatistic::decode(known, Payload::Octets(octets)), Some(statistic));
            for end in 0..size {
                assert_eq!(SecurityStatistic::decode(known, Payload::Octets(&octets[..end])), None, "g{group}v{variation}");
            }
            assert_eq!(SecurityStatistic::decode(known, Payload::Octets(&[octets, &[0]].concat())), None);
        }
        let counter = lookup(20, 1).known().unwrap();
        assert_eq!(SecurityStatistic::decode(counter, Payload::Octets(&[0; 5])), None);
        let plain = SecurityStatistic { flags: Flags::PLAIN, association: 0, count: 0, time: ObjectTime::None };
        assert_eq!(plain.encode(lookup(122, 2).known().unwrap()), None, "no time where one belongs");
    }
}

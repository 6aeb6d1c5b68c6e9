//! The served values of one outstation: what a READ finds, by type and index.
//!
//! Frozen objects (g21, g31) are the other face of a counter or an analogue input: they have its index and no value of their own.

use std::ops::Range;

use bridge_model::{Detail, DoublePoint, PointId, Quality, TimeOrigin, Timestamp, Validity, Value};
use bridge_session::{IndexMap, Publish, PublishClass};

use crate::address::{PointType, ServedAddress};
use crate::objects::{FlagKind, Flags, Variation};
use crate::words::Words;

/// The value that a freeze kept.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Frozen {
    pub(super) value: Value,
    pub(super) flags: Flags,
    pub(super) time: Option<Timestamp>,
}

/// One served point.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) point: PointId,
    pub(super) of: PointType,
    pub(super) index: u16,
    /// Its event class now: configured, or assigned by a master.
    pub(super) class: u8,
    /// The event class of its frozen object: none until a master assigns one.
    pub(super) frozen_class: u8,
    /// The object of its value.
    pub(super) fixed: &'static Variation,
    /// The object of its events.
    pub(super) event: &'static Variation,
    /// Changes within it make no event.
    pub(super) deadband: f64,
    pub(super) value: Value,
    pub(super) flags: Flags,
    pub(super) time: Option<Timestamp>,
    /// The last value that made an event.
    told: Option<(f64, Flags)>,
    /// What a FREEZE_CLEAR took off the source's count.
    cleared: i64,
    pub(super) frozen: Option<Frozen>,
    /// How an octet string says it.
    pub(super) words: Words,
    /// The entry of the event buffer that a newer value may still replace.
    pub(super) pending: Option<u64>,
}

impl Served {
    fn new(point: PointId, served: ServedAddress) -> Self {
        let of = served.address.of;
        let value = match of {
            PointType::Binary | PointType::BinaryOutput => Value::Bool(false),
            PointType::DoubleBit => Value::Double(DoublePoint::Intermediate),
            PointType::Counter | PointType::FrozenCounter | PointType::Unsigned | PointType::OctetString => Value::Int(0),
            PointType::Analog | PointType::FrozenAnalog | PointType::AnalogOutput => Value::Real(0.0),
        };
        Self {
            point,
            of,
            index: served.address.index,
            class: served.class,
            frozen_class: 0,
            fixed: served.fixed,
            event: served.event,
            deadband: served.deadband,
            value,
            // Never read: neither on line nor 0 with good quality (R19).
            flags: Flags::from_quality(Quality::NEVER_READ, FlagKind::of(served.fixed.kind)),
            time: None,
            told: None,
            cleared: 0,
            frozen: None,
            words: served.words,
            pending: None,
        }
    }

    /// The value and flags of what is published, as this type says them.
    fn shaped(&self, publish: &Publish) -> (Value, Flags) {
        let (value, fits) = match self.of {
            PointType::Binary | PointType::BinaryOutput => single(publish.value),
            PointType::DoubleBit => double(publish.value),
            PointType::Counter | PointType::FrozenCounter => (self.count(publish.value), true),
            PointType::Analog | PointType::FrozenAnalog | PointType::AnalogOutput => (number(publish.value), true),
            PointType::Unsigned => octet(publish.value),
            PointType::OctetString => (publish.value, true),
        };
        let quality = if fits { publish.quality } else { publish.quality.worsened(Validity::Invalid, Detail::INCONSISTENT) };
        (value, Flags::from_quality(quality, FlagKind::of(self.fixed.kind)))
    }

    /// A count since it was last cleared.
    fn count(&self, value: Value) -> Value {
        Value::Int(whole(value).wrapping_sub(self.cleared))
    }

    /// Takes a value. What is past, and an event older than what is shown, moves nothing (R20). Whether the change is beyond the dead-band, as it stands.
    pub(super) fn take(&mut self, publish: &Publish) -> (Value, Flags, bool) {
        let (value, flags) = self.shaped(publish);
        let older = self.time.is_some_and(|time| time.origin == TimeOrigin::Device && publish.time.utc < time.utc);
        let moves = match publish.class {
            PublishClass::Latest => true,
            PublishClass::Event(_) => !older,
            PublishClass::Past(_) => false,
        };
        if moves {
            (self.value, self.flags, self.time) = (value, flags, Some(publish.time));
        }
        let number = value.as_f64();
        let moved = self.told.is_none_or(|(told, was)| was != flags || (told - number).abs() > self.deadband || !number.is_finite());
        (value, flags, moved)
    }

    /// An event tells this.
    pub(super) fn tell(&mut self, value: Value, flags: Flags) {
        self.told = Some((value.as_f64(), flags));
    }

    /// Keeps the value as it is; with `clear` the count begins anew.
    pub(super) fn freeze(&mut self, at: Timestamp, clear: bool) -> Frozen {
        let frozen = Frozen { value: self.value, flags: self.flags, time: Some(at) };
        self.frozen = Some(frozen);
        if clear && self.of == PointType::Counter {
            self.cleared = self.cleared.wrapping_add(whole(self.value));
            self.value = Value::Int(0);
        }
        frozen
    }

    /// What a READ shows: the value, or its frozen object.
    pub(super) fn shown(&self, frozen: bool) -> (Value, Flags, Option<Timestamp>) {
        match (frozen, self.frozen) {
            (false, _) => (self.value, self.flags, self.time),
            (true, Some(Frozen { value, flags, time })) => (value, flags, time),
            (true, None) => (self.zero(), Flags(Flags::RESTART), None),
        }
    }

    fn zero(&self) -> Value {
        if self.of == PointType::Counter { Value::Int(0) } else { Value::Real(0.0) }
    }
}

fn single(value: Value) -> (Value, bool) {
    let (on, fits) = match value {
        Value::Bool(on) => (on, true),
        Value::Double(state) => (state == DoublePoint::On, matches!(state, DoublePoint::On | DoublePoint::Off)),
        Value::Int(_) | Value::Real32(_) | Value::Real(_) => (value.as_f64() == 1.0, value.as_f64() == 0.0 || value.as_f64() == 1.0),
    };
    (Value::Bool(on), fits)
}

fn double(value: Value) -> (Value, bool) {
    let state = match value {
        Value::Bool(on) => Some(if on { DoublePoint::On } else { DoublePoint::Off }),
        Value::Double(state) => Some(state),
        Value::Int(_) | Value::Real32(_) | Value::Real(_) => {
            (0..=3).find(|bits| f64::from(*bits) == value.as_f64()).map(DoublePoint::from_bits)
        }
    };
    (Value::Double(state.unwrap_or(DoublePoint::Bad)), state.is_some())
}

/// A whole number of one octet: one that is none is not said as another.
fn octet(value: Value) -> (Value, bool) {
    let found = (0..=255_u8).find(|octet| f64::from(*octet) == value.as_f64());
    (Value::Int(i64::from(found.unwrap_or_default())), found.is_some())
}

fn number(value: Value) -> Value {
    if value.is_state() { Value::Int(whole(value)) } else { value }
}

fn whole(value: Value) -> i64 {
    match value {
        Value::Int(number) => number,
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        Value::Bool(_) | Value::Double(_) | Value::Real32(_) | Value::Real(_) => value.as_f64() as i64,
    }
}

/// The served points of one outstation.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// By type, then index.
    points: Vec<Served>,
    ranges: [Range<usize>; PointType::COUNT],
    maps: [IndexMap; PointType::COUNT],
}

impl Image {
    /// Of equal addresses the first counts: the check named the other.
    pub(super) fn new(points: impl Iterator<Item = (PointId, ServedAddress)>) -> Self {
        let mut points: Vec<Served> = points.map(|(point, served)| Served::new(point, served)).collect();
        points.sort_by_key(|served| (served.of, served.index));
        points.dedup_by_key(|served| (served.of, served.index));
        let ranges = PointType::WORDS
            .map(|(_, of)| points.partition_point(|served| served.of < of)..points.partition_point(|served| served.of <= of));
        let maps = ranges.clone().map(|range| {
            let slots = (0_u32..).zip(&points).skip(range.start).take(range.len());
            IndexMap::new(slots.map(|(slot, served)| (u32::from(served.index), slot)).collect())
        });
        Self { points, ranges, maps }
    }

    /// The type whose points a type's objects show: a frozen object's is the one it is frozen from.
    pub(super) const fn source(of: PointType) -> (PointType, bool) {
        match of {
            PointType::FrozenCounter => (PointType::Counter, true),
            PointType::FrozenAnalog => (PointType::Analog, true),
            PointType::Binary
            | PointType::DoubleBit
            | PointType::BinaryOutput
            | PointType::Counter
            | PointType::Analog
            | PointType::AnalogOutput
            | PointType::OctetString
            | PointType::Unsigned => (of, false),
        }
    }

    /// The slots of a type's points, ascending by index.
    pub(super) fn slots(&self, of: PointType) -> Range<usize> {
        // One range per type: the index is always in range.
        self.ranges[Self::source(of).0 as usize].clone()
    }

    /// The slots of a type's points whose indexes are in a range, both ends included.
    pub(super) fn slots_within(&self, of: PointType, start: u32, stop: u32) -> Range<usize> {
        let all = self.slots(of);
        let points = self.points.get(all.clone()).unwrap_or_default();
        let from = points.partition_point(|served| u32::from(served.index) < start);
        let to = points.partition_point(|served| u32::from(served.index) <= stop);
        all.start + from..all.start + to
    }

    /// The slot of a point.
    #[inline]
    pub(super) fn find(&self, of: PointType, index: u32) -> Option<usize> {
        self.maps[Self::source(of).0 as usize].find(index).map(|slot| slot as usize)
    }

    pub(super) fn get(&self, slot: usize) -> Option<&Served> {
        self.points.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Served> {
        self.points.get_mut(slot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Served> {
        self.points.iter()
    }

    /// The highest index of a type.
    pub(super) fn last_index(&self, of: PointType) -> Option<u16> {
        self.points.get(self.slots(of))?.last().map(|served| served.index)
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::objects::lookup;
    use bridge_model::Utc;

    fn served(of: PointType, index: u16) -> ServedAddress {
        let ((fixed, event), (fixed_default, event_default)) = (of.groups(), of.default_variations());
        let entry = |group, variation| lookup(group, variation).known().unwrap();
        ServedAddress {
            address: Address { outstation: 10, of, index },
            class: of.default_class(),
            fixed: entry(fixed, fixed_default),
            event: entry(event, event_default),
            deadband: 0.5,
            words: Words::default(),
        }
    }

    fn publish(value: Value, quality: Quality, at: i64, class: PublishClass) -> Publish {
        let time = Timestamp::by_device(Utc::from_millis(at));
        Publish { point: PointId(0), value, quality, time, class, spontaneous: true, return_info: false }
    }

    #[test]
    fn r19_a_point_that_was_never_published_is_neither_on_line_nor_good() {
        for (_, of) in PointType::WORDS {
            let point = Served::new(PointId(0), served(of, 0));
            assert_eq!(point.flags, Flags(Flags::RESTART | Flags::COMM_LOST), "{of:?}");
        }
    }

    #[test]
    fn ranges_are_clipped_to_what_there_is() {
        let list = [(PointType::Analog, 7), (PointType::Binary, 0), (PointType::Analog, 5), (PointType::Analog, 60_000)];
        let image = Image::new(list.into_iter().zip(0..).map(|((of, index), point)| (PointId(point), served(of, index))));
        assert_eq!(image.slots_within(PointType::Analog, 0, u32::MAX), 1..4);
        assert_eq!(image.slots_within(PointType::Analog, 6, 7), 2..3);
        assert_eq!(image.slots_within(PointType::Counter, 0, 10), 1..1);
        assert_eq!((image.find(PointType::FrozenAnalog, 60_000), image.find(PointType::Analog, 6)), (Some(3), None));
        assert_eq!(image.last_index(PointType::Analog), Some(60_000));
    }

    #[test]
    fn r20_an_older_event_does_not_move_the_image() {
        let mut point = Served::new(PointId(0), served(PointType::Binary, 0));
        point.take(&publish(Value::Bool(true), Quality::GOOD, 2000, PublishClass::Event(1)));
        point.take(&publish(Value::Bool(false), Quality::GOOD, 1000, PublishClass::Event(2)));
        assert_eq!((point.value, point.flags), (Value::Bool(true), Flags::PLAIN));
        point.take(&publish(Value::Bool(false), Quality::GOOD.stale(), 1000, PublishClass::Latest));
        assert_eq!((point.value, point.flags), (Value::Bool(false), Flags(Flags::ONLINE | Flags::COMM_LOST)));
    }

    /// What the bridge tells of a state by itself has the bridge's time: only the bridge knows what is older than it.
    #[test]
    fn r20_a_past_event_does_not_move_the_image_whatever_its_time() {
        let mut point = Served::new(PointId(0), served(PointType::Binary, 0));
        let told = publish(Value::Bool(true), Quality::GOOD, 2000, PublishClass::Latest);
        point.take(&Publish { time: Timestamp::at_receipt(told.time.utc), ..told });
        for at in [1000, 2000, 3000] {
            let (value, flags, moved) = point.take(&publish(Value::Bool(false), Quality::GOOD, at, PublishClass::Past(1)));
            assert_eq!((value, flags, moved), (Value::Bool(false), Flags(Flags::ONLINE), true), "what the event says, at {at}");
            assert_eq!((point.value, point.flags), (Value::Bool(true), Flags::PLAIN), "what a READ shows, at {at}");
        }
    }

    #[test]
    fn a2_r42_a_cleared_counter_counts_on_from_zero() {
        let mut point = Served::new(PointId(0), served(PointType::Counter, 0));
        point.take(&publish(Value::Int(100), Quality::GOOD, 0, PublishClass::Latest));
        let frozen = point.freeze(Timestamp::at_receipt(Utc(0)), true);
        assert_eq!((frozen.value, point.value), (Value::Int(100), Value::Int(0)));
        point.take(&publish(Value::Int(130), Quality::GOOD, 0, PublishClass::Latest));
        assert_eq!((point.value, point.shown(true).0), (Value::Int(30), Value::Int(100)));
    }

    #[test]
    fn a_value_that_does_not_fit_its_type_is_not_on_line() {
        let mut point = Served::new(PointId(0), served(PointType::Binary, 0));
        let (value, flags, _) = point.take(&publish(Value::Real(0.5), Quality::GOOD, 0, PublishClass::Latest));
        assert_eq!((value, flags.contains(Flags::ONLINE)), (Value::Bool(false), false));
    }
}

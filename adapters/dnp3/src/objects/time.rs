//! Times (g50, g51, g52 and the tags of events).

use std::time::Duration;

use bridge_model::{TimeFlags, TimeOrigin, Timestamp, Utc, Zone};

use crate::objects::read::Reader;

/// Milliseconds since 1970-01-01T00:00 in 48 bits. UTC by the standard; the link's zone says what the device really keeps (R21).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct DnpTime(u64);

impl DnpTime {
    /// The latest time: in the year 10889.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// From milliseconds; `None` beyond 48 bits.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Option<Self> {
        if ms <= Self::MAX.0 { Some(Self(ms)) } else { None }
    }

    /// Milliseconds since 1970-01-01T00:00 of the device's clock.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// From the wire.
    #[must_use]
    pub const fn from_octets([a, b, c, d, e, f]: [u8; 6]) -> Self {
        Self(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// To the wire.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        let [a, b, c, d, e, f, _, _] = self.0.to_le_bytes();
        [a, b, c, d, e, f]
    }

    /// The instant of a device that keeps `zone`; `None` beyond the year 2262, where the bridge's own time ends.
    #[must_use]
    pub fn utc(self, zone: Zone) -> Option<Utc> {
        let ns = i64::try_from(self.0).ok()?.checked_mul(1_000_000)?;
        ns.checked_sub(zone.offset_ns()).map(Utc)
    }

    /// What a device that keeps `zone` calls an instant, in whole milliseconds, rounded down; `None` before its 1970.
    #[must_use]
    pub fn from_utc(utc: Utc, zone: Zone) -> Option<Self> {
        let ms = utc.0.checked_add(zone.offset_ns())?.div_euclid(1_000_000);
        u64::try_from(ms).ok().and_then(Self::from_millis)
    }

    /// So much later; `None` beyond 48 bits.
    #[must_use]
    pub const fn later(self, ms: u64) -> Option<Self> {
        match self.0.checked_add(ms) {
            Some(ms) => Self::from_millis(ms),
            None => None,
        }
    }
}

/// The time of an object as it stands on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ObjectTime {
    /// None.
    #[default]
    None,
    /// The time itself.
    Absolute(DnpTime),
    /// Milliseconds since the common time of occurrence before it.
    Relative(u16),
}

/// The common time of occurrence (g51), which relative times refer to until the next one or the end of the fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommonTime {
    /// The base.
    pub time: DnpTime,
    /// Variation 1; in variation 2 the outstation's clock was not synchronised.
    pub synchronised: bool,
}

/// Why the time of an event cannot be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TimeFault {
    /// A relative time without a common time before it in its fragment.
    #[error("relative time without common time of occurrence")]
    NoCommonTime,
    /// The time is beyond 48 bits or beyond the year 2262.
    #[error("time out of range")]
    Overflow,
}

impl CommonTime {
    /// From g51v1 or g51v2; `None` for other variations and lengths.
    #[must_use]
    pub fn decode(variation: u8, octets: &[u8]) -> Option<Self> {
        let time = DnpTime::from_octets(octets.try_into().ok()?);
        matches!(variation, 1 | 2).then_some(Self { time, synchronised: variation == 1 })
    }

    /// The variation that says whether the clock was synchronised.
    #[must_use]
    pub const fn variation(self) -> u8 {
        if self.synchronised { 1 } else { 2 }
    }

    /// What to add to the base for a time; `None` if it is before the base or more than 65535 ms behind it.
    #[must_use]
    pub fn offset_of(self, time: DnpTime) -> Option<u16> {
        time.0.checked_sub(self.time.0).and_then(|ms| u16::try_from(ms).ok())
    }
}

impl ObjectTime {
    /// As a time stamp; `Ok(None)` if the object carries no time.
    ///
    /// # Errors
    /// [`TimeFault`]; the value itself is not touched by it.
    pub fn stamp(self, common: Option<CommonTime>, zone: Zone) -> Result<Option<Timestamp>, TimeFault> {
        let (time, flags) = match self {
            Self::None => return Ok(None),
            Self::Absolute(time) => (time, TimeFlags(0)),
            Self::Relative(ms) => {
                let common = common.ok_or(TimeFault::NoCommonTime)?;
                let flags = if common.synchronised { TimeFlags(0) } else { TimeFlags::NOT_SYNCHRONISED };
                (common.time.later(u64::from(ms)).ok_or(TimeFault::Overflow)?, flags)
            }
        };
        let utc = time.utc(zone).ok_or(TimeFault::Overflow)?;
        Ok(Some(Timestamp { utc, origin: TimeOrigin::Device, flags }))
    }
}

/// When to freeze and how often again (g50v2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreezeTime {
    /// The first freeze; zero is now.
    pub time: DnpTime,
    /// Milliseconds between freezes; zero is once.
    pub interval_ms: u32,
}

impl FreezeTime {
    /// From the wire.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let mut reader = Reader(octets);
        let freeze = Self { time: DnpTime::from_octets(reader.octets()?), interval_ms: reader.u32()? };
        reader.end(freeze)
    }

    /// To the wire.
    #[must_use]
    pub fn encode(self) -> [u8; 10] {
        let mut octets = [0; 10];
        let (time, interval) = octets.split_at_mut(6);
        time.copy_from_slice(&self.time.octets());
        interval.copy_from_slice(&self.interval_ms.to_le_bytes());
        octets
    }
}

/// The time and interval of one activity, by index (g50v4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexedTime {
    /// When it begins.
    pub time: DnpTime,
    /// The interval, in `units`.
    pub interval: u32,
    /// 0 none, 1 ms, 2 s, 3 min, 4 h, 5 d, 6 weeks, 7 months, 8 to 10 kinds of months, 11 seasons; others reserved.
    pub units: u8,
}

impl IndexedTime {
    /// From the wire.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let mut reader = Reader(octets);
        let indexed = Self { time: DnpTime::from_octets(reader.octets()?), interval: reader.u32()?, units: reader.u8()? };
        reader.end(indexed)
    }

    /// To the wire.
    #[must_use]
    pub fn encode(self) -> [u8; 11] {
        let mut octets = [0; 11];
        let (time, rest) = octets.split_at_mut(6);
        let (interval, units) = rest.split_at_mut(4);
        time.copy_from_slice(&self.time.octets());
        interval.copy_from_slice(&self.interval.to_le_bytes());
        units.copy_from_slice(&[self.units]);
        octets
    }
}

/// A delay (g52): coarse in seconds (v1), fine in milliseconds (v2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeDelay {
    /// Seconds.
    Coarse(u16),
    /// Milliseconds.
    Fine(u16),
}

impl TimeDelay {
    /// From the wire.
    #[must_use]
    pub fn decode(variation: u8, octets: &[u8]) -> Option<Self> {
        let number = u16::from_le_bytes(octets.try_into().ok()?);
        match variation {
            1 => Some(Self::Coarse(number)),
            2 => Some(Self::Fine(number)),
            _ => None,
        }
    }

    /// The finest that can say a duration, rounded up; 65535 s if it is longer than that.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Self {
        let ms = duration.as_nanos().div_ceil(1_000_000);
        match u16::try_from(ms) {
            Ok(ms) => Self::Fine(ms),
            Err(_) => Self::Coarse(u16::try_from(ms.div_ceil(1000)).unwrap_or(u16::MAX)),
        }
    }

    /// The duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        match self {
            Self::Coarse(s) => Duration::from_secs(s as u64),
            Self::Fine(ms) => Duration::from_millis(ms as u64),
        }
    }

    /// The variation.
    #[must_use]
    pub const fn variation(self) -> u8 {
        match self {
            Self::Coarse(_) => 1,
            Self::Fine(_) => 2,
        }
    }

    /// To the wire.
    #[must_use]
    pub const fn encode(self) -> [u8; 2] {
        match self {
            Self::Coarse(number) | Self::Fine(number) => number.to_le_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_r46_a_relative_time_needs_a_common_time_and_shares_its_doubt() {
        let base = DnpTime::from_millis(1_775_037_600_000).unwrap();
        let event = ObjectTime::Relative(250);
        assert_eq!(event.stamp(None, Zone::Utc), Err(TimeFault::NoCommonTime));
        let common = CommonTime::decode(2, &base.octets()).unwrap();
        let stamp = event.stamp(Some(common), Zone::Utc).unwrap().unwrap();
        assert_eq!((stamp.utc, stamp.flags), (Utc::from_millis(1_775_037_600_250), TimeFlags::NOT_SYNCHRONISED));
        let common = CommonTime { synchronised: true, ..common };
        assert_eq!(event.stamp(Some(common), Zone::Utc).unwrap().unwrap().flags, TimeFlags(0));
        assert_eq!(common.offset_of(base.later(65_535).unwrap()), Some(65_535));
        assert_eq!(common.offset_of(base.later(65_536).unwrap()), None);
        assert_eq!(common.offset_of(DnpTime::from_millis(0).unwrap()), None);
    }

    #[test]
    fn b2_35_times_out_of_range_are_faults_not_other_times() {
        assert_eq!(ObjectTime::Absolute(DnpTime::MAX).stamp(None, Zone::Utc), Err(TimeFault::Overflow));
        let common = CommonTime { time: DnpTime::MAX, synchronised: true };
        assert_eq!(ObjectTime::Relative(1).stamp(Some(common), Zone::Utc), Err(TimeFault::Overflow));
        assert_eq!(DnpTime::MAX.octets(), [0xFF; 6]);
        assert_eq!(DnpTime::from_utc(Utc(-1), Zone::Utc), None);
        assert_eq!(CommonTime::decode(3, &[0; 6]), None);
    }

    #[test]
    fn a2_r44_the_links_zone_is_taken_off_and_put_back() {
        let utc = Utc::from_millis(1_775_037_600_123);
        for zone in [Zone::Utc, Zone::Ist] {
            let time = DnpTime::from_utc(utc, zone).unwrap();
            assert_eq!(time.utc(zone), Some(utc));
            assert_eq!(DnpTime::from_octets(time.octets()), time);
        }
        assert_eq!(DnpTime::from_utc(utc, Zone::Ist).unwrap().millis(), 1_775_037_600_123 + 19_800_000);
    }

    #[test]
    fn a2_r47_delays_are_never_said_shorter_than_they_are() {
        assert_eq!(TimeDelay::from_duration(Duration::from_millis(65_535)), TimeDelay::Fine(65_535));
        assert_eq!(TimeDelay::from_duration(Duration::from_millis(65_536)), TimeDelay::Coarse(66));
        assert_eq!(TimeDelay::from_duration(Duration::from_secs(100_000)), TimeDelay::Coarse(65_535));
        assert_eq!(TimeDelay::from_duration(Duration::from_nanos(1)), TimeDelay::Fine(1));
        assert_eq!(TimeDelay::decode(1, &[5, 0]).unwrap().duration(), Duration::from_secs(5));
    }
}

//! `CP24Time2a` and `CP16Time2a` (IEC 60870-5-101 clauses 7.2.6.19 and 7.2.6.20): the short tag of -101, and elapsed milliseconds.

use bridge_model::{TimeFlags, TimeOrigin, Timestamp, Utc, Zone};

const NS_PER_MS: i64 = 1_000_000;
const HOUR_MS: i64 = 3_600_000;

/// Minute and millisecond, exactly as read or sent. The hour is the receiver's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cp24Time2a(pub [u8; 3]);

impl Cp24Time2a {
    const MINUTE_IV: u8 = 0x80;
    const MINUTE_GEN: u8 = 0x40;

    /// Milliseconds within the hour; `None` if a field is out of range.
    #[must_use]
    pub const fn in_hour_ms(self) -> Option<u32> {
        let [low, high, minute] = self.0;
        let (ms, minute) = (u16::from_le_bytes([low, high]), minute & 0x3F);
        if ms > 59_999 || minute > 59 {
            return None;
        }
        Some(minute as u32 * 60_000 + ms as u32)
    }

    /// The instant within 30 minutes of the receipt that shows this minute in `zone` (row 43). A tag with a field out of range gives the
    /// receive time, stamped by the bridge and flagged invalid.
    #[must_use]
    pub fn timestamp(self, zone: Zone, received: Utc) -> Timestamp {
        let Some(in_hour) = self.in_hour_ms() else {
            return Timestamp { utc: received, origin: TimeOrigin::Bridge, flags: TimeFlags::INVALID };
        };
        let wall_ms = received.as_millis() + zone.offset_ns() / NS_PER_MS;
        let mut tagged_ms = wall_ms - wall_ms.rem_euclid(HOUR_MS) + i64::from(in_hour);
        if tagged_ms - wall_ms > HOUR_MS / 2 {
            tagged_ms -= HOUR_MS;
        } else if wall_ms - tagged_ms > HOUR_MS / 2 {
            tagged_ms += HOUR_MS;
        }
        let mut flags = TimeFlags(0);
        if self.0[2] & Self::MINUTE_IV != 0 {
            flags = flags.with(TimeFlags::INVALID);
        }
        if self.0[2] & Self::MINUTE_GEN != 0 {
            flags = flags.with(TimeFlags::SUBSTITUTED);
        }
        let origin = if flags.contains(TimeFlags::SUBSTITUTED) { TimeOrigin::Bridge } else { TimeOrigin::Device };
        Timestamp { utc: Utc((tagged_ms * NS_PER_MS) - zone.offset_ns()), origin, flags }
    }

    /// The tag of an instant in `zone`, rounded down to the millisecond; what is known against it goes out as IV and GEN.
    #[must_use]
    pub fn from_timestamp(time: Timestamp, zone: Zone) -> Self {
        let in_hour = (time.utc.as_millis() + zone.offset_ns() / NS_PER_MS).rem_euclid(HOUR_MS);
        let [low, high] = u16::try_from(in_hour % 60_000).unwrap_or(u16::MAX).to_le_bytes();
        let mut minute = u8::try_from(in_hour / 60_000).unwrap_or(u8::MAX);
        if time.flags.contains(TimeFlags::INVALID) || time.flags.contains(TimeFlags::NOT_SYNCHRONISED) {
            minute |= Self::MINUTE_IV;
        }
        if time.flags.contains(TimeFlags::SUBSTITUTED) || time.origin == TimeOrigin::Bridge {
            minute |= Self::MINUTE_GEN;
        }
        Self([low, high, minute])
    }
}

/// Elapsed milliseconds, 0 to 59999, of a relay or of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cp16Time2a(pub u16);

impl Cp16Time2a {
    /// The most that the standard lets it say.
    pub const MAX_MS: u16 = 59_999;

    /// Whether its value is one that the standard allows.
    #[must_use]
    pub const fn is_in_range(self) -> bool {
        self.0 <= Self::MAX_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-04-01T10:00:00Z, 15:30:00 in IST.
    const TEN: i64 = 1_775_037_600_000;

    fn read(received_ms: i64, zone: Zone, minute: u8, ms: u16) -> i64 {
        let [low, high] = ms.to_le_bytes();
        Cp24Time2a([low, high, minute]).timestamp(zone, Utc::from_millis(received_ms)).utc.as_millis()
    }

    #[test]
    fn a1_r43_the_hour_is_the_receivers_within_thirty_minutes() {
        assert_eq!(read(TEN + 5_000, Zone::Utc, 0, 4_000), TEN + 4_000);
        assert_eq!(read(TEN + 1_000, Zone::Utc, 59, 59_000), TEN - 1_000, "the hour before");
        assert_eq!(read(TEN - 1_000, Zone::Utc, 0, 1_000), TEN + 1_000, "the device is ahead into the next hour");
        assert_eq!(read(TEN, Zone::Utc, 29, 59_999), TEN + 30 * 60_000 - 1);
        assert_eq!(read(TEN, Zone::Utc, 31, 0), TEN - 29 * 60_000);
        assert_eq!(read(TEN + 5_000, Zone::Ist, 30, 4_000), TEN + 4_000, "half past in IST");
    }

    #[test]
    fn a1_r43_b1_29_short_tags_out_of_range_give_the_receive_time_flagged() {
        for octets in [[0x60, 0xEA, 0], [0, 0, 60], [0xFF, 0xFF, 0x3F]] {
            let time = Cp24Time2a(octets).timestamp(Zone::Utc, Utc(42));
            assert_eq!((time.utc, time.origin, time.flags), (Utc(42), TimeOrigin::Bridge, TimeFlags::INVALID));
        }
        assert!(Cp16Time2a(59_999).is_in_range() && !Cp16Time2a(60_000).is_in_range());
    }

    #[test]
    fn a1_r43_short_tags_round_trip() {
        for zone in [Zone::Utc, Zone::Ist] {
            for offset in [0, 1, 59_999, 60_000, 3_599_999] {
                let time = Timestamp::by_device(Utc::from_millis(TEN + offset));
                assert_eq!(Cp24Time2a::from_timestamp(time, zone).timestamp(zone, time.utc), time, "{offset}");
            }
        }
    }
}

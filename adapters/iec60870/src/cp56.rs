//! `CP56Time2a` (IEC 60870-5-101 clause 7.2.6.18): seven octets, millisecond to year, in the link's zone.
//!
//! The century window is 2000 to 2099.

use bridge_model::{TimeFlags, TimeOrigin, Timestamp, Utc, Zone};

const NS_PER_MS: i64 = 1_000_000;
const NS_PER_DAY: i64 = 86_400_000_000_000;
const MS_PER_DAY: u64 = 86_400_000;

/// The octets of a time tag, exactly as read or sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cp56Time2a(pub [u8; 7]);

/// The last day seen, so that a stream of tags of one day is one comparison each.
#[derive(Clone, Copy, Debug)]
pub struct DayCache {
    key: u32,
    midnight_ns: i64,
}

impl Default for DayCache {
    fn default() -> Self {
        Self { key: u32::MAX, midnight_ns: 0 }
    }
}

impl Cp56Time2a {
    const MINUTE_IV: u8 = 0x80;
    const MINUTE_GEN: u8 = 0x40;
    const HOUR_SU: u8 = 0x80;

    /// The wall clock it shows, in nanoseconds since 1970 as if it were UTC; `None` if a field is out of range.
    #[must_use]
    #[inline]
    pub fn wall_clock_ns(self, days: &mut DayCache) -> Option<i64> {
        let [low, high, minute, hour, day, month, year] = self.0;
        let ms = u16::from_le_bytes([low, high]);
        let (minute, hour) = (minute & 0x3F, hour & 0x1F);
        if ms > 59_999 || minute > 59 || hour > 23 {
            return None;
        }
        let key = u32::from(year & 0x7F) << 16 | u32::from(month & 0x0F) << 8 | u32::from(day & 0x1F);
        if key != days.key {
            let midnight = days_from_civil(year & 0x7F, month & 0x0F, day & 0x1F)? * NS_PER_DAY;
            *days = DayCache { key, midnight_ns: midnight };
        }
        let in_day_ms = (i64::from(hour) * 60 + i64::from(minute)) * 60_000 + i64::from(ms);
        Some(days.midnight_ns + in_day_ms * NS_PER_MS)
    }

    /// The instant, read in `zone`. A tag with a field out of range gives the receive time, stamped by the bridge and flagged invalid; the
    /// octets stay in the frame record. Summer time is flagged and never applied (R21).
    #[must_use]
    #[inline]
    pub fn timestamp(self, zone: Zone, received: Utc, days: &mut DayCache) -> Timestamp {
        let Some(wall_ns) = self.wall_clock_ns(days) else {
            return Timestamp { utc: received, origin: TimeOrigin::Bridge, flags: TimeFlags::INVALID };
        };
        let (minute, hour) = (self.0[2], self.0[3]);
        let mut flags = TimeFlags(0);
        if minute & Self::MINUTE_IV != 0 {
            flags = flags.with(TimeFlags::INVALID);
        }
        if minute & Self::MINUTE_GEN != 0 {
            flags = flags.with(TimeFlags::SUBSTITUTED);
        }
        if hour & Self::HOUR_SU != 0 {
            flags = flags.with(TimeFlags::SUMMER);
        }
        // A substituted tag was set by somebody on the way, not by the source at the moment of the change.
        let origin = if flags.contains(TimeFlags::SUBSTITUTED) { TimeOrigin::Bridge } else { TimeOrigin::Device };
        Timestamp { utc: Utc(wall_ns - zone.offset_ns()), origin, flags }
    }

    /// The tag of an instant in `zone`, rounded down to the millisecond. Invalid or unsynchronised time goes out with IV, time stamped by
    /// a bridge or substituted by its device with GEN; SU is never set. An instant outside 2000 to 2099 goes out as its nearest end
    /// with IV. The day of week is left unused (0).
    #[must_use]
    pub fn from_timestamp(time: Timestamp, zone: Zone) -> Self {
        Self::from_timestamp_near(time, zone, &mut CivilDay::default())
    }

    /// As [`Cp56Time2a::from_timestamp`], with the date of the tag before it at hand.
    #[inline]
    pub(crate) fn from_timestamp_near(time: Timestamp, zone: Zone, civil: &mut CivilDay) -> Self {
        let wall_ns = time.utc.0.saturating_add(zone.offset_ns());
        let clamped = wall_ns.clamp(FIRST_NS, LAST_NS);
        // Not before 2000, so that the divisions are those of unsigned numbers.
        let ms = clamped.cast_unsigned() / NS_PER_MS.unsigned_abs();
        if ms.wrapping_sub(civil.midnight_ms) >= MS_PER_DAY {
            *civil = CivilDay::of(ms / MS_PER_DAY);
        }
        let CivilDay { midnight_ms, year, month, day } = *civil;
        let in_day_ms = ms - midnight_ms;
        let (in_day_minutes, in_minute_ms) = (in_day_ms / 60_000, in_day_ms % 60_000);
        let [low, high] = to_u16(in_minute_ms).to_le_bytes();
        let mut minute = to_u8(in_day_minutes % 60);
        let hour = to_u8(in_day_minutes / 60);
        if time.flags.contains(TimeFlags::INVALID) || time.flags.contains(TimeFlags::NOT_SYNCHRONISED) || clamped != wall_ns {
            minute |= Self::MINUTE_IV;
        }
        if time.flags.contains(TimeFlags::SUBSTITUTED) || time.origin == TimeOrigin::Bridge {
            minute |= Self::MINUTE_GEN;
        }
        Self([low, high, minute, hour, day, month, year])
    }
}

/// 2000-01-01T00:00:00.
const FIRST_NS: i64 = 10_957 * NS_PER_DAY;
/// 2099-12-31T23:59:59.999.
const LAST_NS: i64 = 47_482 * NS_PER_DAY - NS_PER_MS;

fn to_u16(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn to_u8(value: u64) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

fn is_leap(year: u8) -> bool {
    // 2000 is one, and no other year of the window is a century.
    year.is_multiple_of(4)
}

fn days_of_month(year: u8, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in 2000 to 2099, `None` if there is no such date.
fn days_from_civil(year: u8, month: u8, day: u8) -> Option<i64> {
    if year > 99 || !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    let before: i64 = (1..month).map(|m| i64::from(days_of_month(year, m))).sum();
    let leaps = (i64::from(year) + 3) / 4;
    Some(10_957 + i64::from(year) * 365 + leaps + before + i64::from(day) - 1)
}

/// One day of the window, so that a stream of tags of one day computes its date once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CivilDay {
    midnight_ms: u64,
    year: u8,
    month: u8,
    day: u8,
}

impl Default for CivilDay {
    /// The first day of the window.
    fn default() -> Self {
        Self { midnight_ms: FIRST_NS.unsigned_abs() / NS_PER_MS.unsigned_abs(), year: 0, month: 1, day: 1 }
    }
}

impl CivilDay {
    fn of(days: u64) -> Self {
        let (year, month, day) = civil_from_days(days);
        Self { midnight_ms: days * MS_PER_DAY, year, month, day }
    }
}

/// Year of the century, month and day of a day number in the window. Years are counted from March, so that a leap day is the last of its
/// year and of its four years; no century within reach breaks that, 2000 being a leap year.
fn civil_from_days(days: u64) -> (u8, u8, u8) {
    let since = days.saturating_sub(MARCH_1996);
    let (fours, in_four) = (since / 1461, since % 1461);
    let in_four_years = (in_four / 365).min(3);
    let day_of_year = in_four - in_four_years * 365;
    // Months from March on are 31, 30, 31, 30, 31 days long, again and again.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    let year = (fours * 4 + in_four_years + u64::from(is_next_year)).saturating_sub(4);
    (to_u8(year), to_u8(if is_next_year { month - 9 } else { month + 3 }), to_u8(day))
}

/// The day number of 1996-03-01.
const MARCH_1996: u64 = 9556;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: [u8; 7], zone: Zone) -> Timestamp {
        Cp56Time2a(octets).timestamp(zone, Utc(42), &mut DayCache::default())
    }

    #[test]
    fn a1_r41_a_known_instant_in_both_zones() {
        // 2026-04-01 10:00:00.123, Wednesday (day of week 3).
        let octets = [123, 0, 0, 10, 0x61, 4, 26];
        let utc = read(octets, Zone::Utc);
        assert_eq!((utc.utc, utc.origin, utc.flags), (Utc::from_millis(1_775_037_600_123), TimeOrigin::Device, TimeFlags(0)));
        assert_eq!(read(octets, Zone::Ist).utc, Utc::from_millis(1_775_037_600_123 - 19_800_000));
    }

    #[test]
    fn every_day_of_the_window_round_trips() {
        for day in 10_957..47_482_i64 {
            for zone in [Zone::Utc, Zone::Ist] {
                let time = Timestamp::by_device(Utc(day * NS_PER_DAY + 86_399_999 * NS_PER_MS - zone.offset_ns()));
                let tag = Cp56Time2a::from_timestamp(time, zone);
                assert_eq!(tag.timestamp(zone, Utc(0), &mut DayCache::default()), time, "day {day}");
            }
        }
    }

    #[test]
    fn the_day_cache_changes_nothing() {
        let mut days = DayCache::default();
        for day in [1_u8, 1, 2, 31, 31, 30, 1, 0, 1] {
            for month in [4, 5, 13, 4] {
                let tag = Cp56Time2a([0, 0, 0, 0, day, month, 26]);
                assert_eq!(tag.timestamp(Zone::Utc, Utc(7), &mut days), tag.timestamp(Zone::Utc, Utc(7), &mut DayCache::default()));
            }
        }
    }

    #[test]
    fn the_date_at_hand_changes_nothing() {
        let mut civil = CivilDay::default();
        let noon = 1_775_044_800_000_i64;
        // Within the day, at both of its ends, before it, after it and at the ends of the window.
        for ms in [0, 1, -43_200_000, 43_199_999, 43_200_000, -1, -43_200_001, 0, i64::MIN / 2_000_000, 0, i64::MAX / 2_000_000] {
            for zone in [Zone::Utc, Zone::Ist] {
                let time = Timestamp::by_device(Utc::from_millis(noon + ms));
                assert_eq!(Cp56Time2a::from_timestamp_near(time, zone, &mut civil), Cp56Time2a::from_timestamp(time, zone), "{ms} ms");
            }
        }
    }

    #[test]
    fn b1_29_fields_out_of_range_give_the_receive_time_flagged() {
        let good = [0, 0, 0, 0, 1, 1, 26];
        assert!(!read(good, Zone::Utc).flags.contains(TimeFlags::INVALID));
        let bad: [(usize, u8); 8] = [(1, 0xFF), (2, 63), (3, 31), (4, 0), (5, 15), (6, 127), (5, 0), (4, 0x1F)];
        for (at, value) in bad {
            let mut octets = good;
            octets[at] = value;
            if at == 4 && value == 0x1F {
                octets[5] = 4; // 31 April
            }
            let time = read(octets, Zone::Ist);
            assert_eq!((time.utc, time.origin, time.flags), (Utc(42), TimeOrigin::Bridge, TimeFlags::INVALID), "octet {at} = {value}");
        }
    }

    #[test]
    fn a1_r41_iv_gen_and_su_are_kept() {
        let time = read([0, 0, 0x80 | 0x40, 0x80 | 5, 1, 1, 26], Zone::Utc);
        assert_eq!(time.flags, TimeFlags::INVALID.with(TimeFlags::SUBSTITUTED).with(TimeFlags::SUMMER));
        assert_eq!(time.origin, TimeOrigin::Bridge, "a substituted tag is not the source's own stamp of a change");
        assert_eq!(read([0, 0, 0x80, 5, 1, 1, 26], Zone::Utc).origin, TimeOrigin::Device);
    }

    #[test]
    fn a1_r42_flags_go_out_and_the_window_ends_are_marked() {
        let octets = |time| Cp56Time2a::from_timestamp(time, Zone::Utc).0;
        let base = Utc::from_millis(1_775_037_600_000);
        assert_eq!(octets(Timestamp::by_device(base))[2] & 0xC0, 0);
        assert_eq!(octets(Timestamp::at_receipt(base))[2] & 0xC0, 0x40);
        let unsynchronised = Timestamp { flags: TimeFlags::NOT_SYNCHRONISED, ..Timestamp::by_device(base) };
        assert_eq!(octets(unsynchronised)[2] & 0xC0, 0x80);
        assert_eq!(octets(Timestamp::by_device(Utc(0)))[2..], [0x80, 0, 1, 1, 0]);
        assert_eq!(octets(Timestamp::by_device(Utc(i64::MAX)))[2..], [0x80 | 59, 23, 31, 12, 99]);
    }
}

//! `CP56Time2a` and nanoseconds since 1970. The tags are in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use iec104::types::time::Cp56Time2a;

/// UTC now, in nanoseconds.
pub fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Days since 1970-01-01 of a date (proleptic Gregorian calendar, years from March).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The instant that a tag shows.
pub fn nanoseconds(tag: &Cp56Time2a) -> i64 {
    let day = days(2000 + i64::from(tag.year), i64::from(tag.month), i64::from(tag.day));
    let minutes = (day * 24 + i64::from(tag.hour)) * 60 + i64::from(tag.min);
    (minutes * 60_000 + i64::from(tag.ms)) * 1_000_000
}

/// The tag of an instant, rounded down to the millisecond.
pub fn tag(ns: i64) -> Cp56Time2a {
    let ms = ns.div_euclid(1_000_000);
    let day = ms.div_euclid(86_400_000);
    let mut tag = Cp56Time2a { ms: (ms.rem_euclid(60_000)) as u16, ..Cp56Time2a::default() };
    tag.min = (ms.div_euclid(60_000).rem_euclid(60)) as u8;
    tag.hour = (ms.div_euclid(3_600_000).rem_euclid(24)) as u8;
    // 1970-01-01 was a Thursday; Monday is 1.
    tag.weekday = ((day + 3).rem_euclid(7) + 1) as u8;
    let year = (2000..2100).rev().find(|year| days(*year, 1, 1) <= day).unwrap_or(2000);
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= day).unwrap_or(1);
    tag.year = (year - 2000) as u8;
    tag.month = month as u8;
    tag.day = (day - days(year, month, 1) + 1) as u8;
    tag
}

#[cfg(test)]
mod tests {
    use super::{nanoseconds, tag};

    #[test]
    fn a_known_instant_and_every_day_of_a_leap_cycle() {
        let ns = 1_775_039_407_123_000_000;
        let shown = tag(ns);
        assert_eq!((shown.year, shown.month, shown.day, shown.hour, shown.min, shown.ms, shown.weekday), (26, 4, 1, 10, 30, 7123, 3));
        for day in 0..1500 {
            let ns = ns + day * 86_400_000_000_000;
            assert_eq!(nanoseconds(&tag(ns)), ns);
        }
    }
}

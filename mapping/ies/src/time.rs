//! Times as RFC 3339 text with the Indian offset, durations as ISO 8601 text. Integers only: no time ever passes through a float.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, UtcOffset};

use crate::{Error, error::cut};

const NS_PER_S: i128 = 1_000_000_000;
/// Indian standard time, +05:30, in seconds.
const IST_S: i32 = 19_800;
/// Longest time text: `2026-11-22T14:03:11.250000000+05:30`.
const MAX_TIME_CHARS: usize = 35;
/// Longest duration text that is read.
const MAX_DURATION_CHARS: usize = 52;

/// UTC, in nanoseconds since 1970-01-01T00:00:00Z. In JSON an RFC 3339 text with +05:30.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub i64);

/// A span of time of whole nanoseconds. In JSON an ISO 8601 text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span(pub Duration);

/// An instant as RFC 3339 with +05:30 and as many fraction digits (0, 3, 6 or 9) as it needs.
#[must_use]
pub fn format_time(ns: i64) -> String {
    // Every i64 of nanoseconds lies between the years 1677 and 2262, which OffsetDateTime holds; the fall-back is never taken.
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let offset = UtcOffset::from_whole_seconds(IST_S).unwrap_or(UtcOffset::UTC);
    let t = instant.to_offset(offset);
    let head = format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", t.year(), u8::from(t.month()), t.day(), t.hour(), t.minute(), t.second());
    let fraction = match t.nanosecond() {
        0 => String::new(),
        n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => format!(".{:06}", n / 1_000),
        n => format!(".{n:09}"),
    };
    format!("{head}{fraction}+05:30")
}

/// Reads an RFC 3339 time with any offset, to the nanosecond.
///
/// # Errors
/// [`Error::Time`] for anything else: no offset, more than nine fraction digits, a leap second, an instant outside 1677 to 2262.
pub fn parse_time(text: &str) -> Result<i64, Error> {
    read_time(text).ok_or_else(|| Error::Time { text: cut(text) })
}

fn read_time(text: &str) -> Option<i64> {
    if text.len() > MAX_TIME_CHARS {
        return None;
    }
    let b = text.as_bytes();
    let fixed = b.get(..19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, c)| fixed.get(*at) != Some(c)) {
        return None;
    }
    let number = |from: usize, to: usize| digits(b.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let rest = b.get(19..)?;
    let (fraction_ns, zone) = match rest.split_first() {
        Some((b'.', tail)) => {
            let count = tail.iter().take_while(|c| c.is_ascii_digit()).count();
            (fraction(tail.get(..count)?)?, tail.get(count..)?)
        }
        Some(_) | None => (0, rest),
    };
    let offset_s: i64 = match zone {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (h, m) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if h > 23 || m > 59 {
                return None;
            }
            let s = i64::from(h) * 3600 + i64::from(m) * 60;
            if *sign == b'+' { s } else { -s }
        }
        _ => return None,
    };
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = time::Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let clock = time::Time::from_hms(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, u8::try_from(second).ok()?).ok()?;
    let local_s = time::PrimitiveDateTime::new(date, clock).assume_utc().unix_timestamp();
    let ns = (i128::from(local_s) - i128::from(offset_s)) * NS_PER_S + i128::from(fraction_ns);
    i64::try_from(ns).ok()
}

/// All of it decimal digits, at most nine of them, at least one.
fn digits(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0u32, |sum, c| c.is_ascii_digit().then(|| sum * 10 + u32::from(c - b'0')))
}

/// One to nine digits after the point, as nanoseconds.
fn fraction(text: &[u8]) -> Option<u32> {
    let value = digits(text)?;
    let missing = u32::try_from(9usize.checked_sub(text.len())?).ok()?;
    Some(value * 10u32.pow(missing))
}

/// A duration as ISO 8601: whole weeks never, days, hours, minutes, seconds; a fraction of a second only if there is one.
#[must_use]
pub fn format_duration(span: Duration) -> String {
    let total = span.as_secs();
    let (days, hours, minutes, seconds) = (total / 86_400, total / 3_600 % 24, total / 60 % 60, total % 60);
    let mut text = String::from("P");
    if days > 0 {
        text.push_str(&format!("{days}D"));
    }
    let mut clock = String::new();
    if hours > 0 {
        clock.push_str(&format!("{hours}H"));
    }
    if minutes > 0 {
        clock.push_str(&format!("{minutes}M"));
    }
    let ns = span.subsec_nanos();
    if ns > 0 {
        clock.push_str(&format!("{seconds}.{}S", format!("{ns:09}").trim_end_matches('0')));
    } else if seconds > 0 || (days == 0 && clock.is_empty()) {
        clock.push_str(&format!("{seconds}S"));
    }
    if !clock.is_empty() {
        text.push('T');
        text.push_str(&clock);
    }
    text
}

/// Reads an ISO 8601 duration of days, hours, minutes and seconds (`P1DT2H`, `PT15M`, `PT0.5S`), exactly.
///
/// Years, months and weeks are refused: they are not spans of a fixed length, or not used in grid operation. Each number has at
/// most nine digits; only seconds may have a fraction.
///
/// # Errors
/// [`Error::Duration`] for anything else.
pub fn parse_duration(text: &str) -> Result<Duration, Error> {
    read_duration(text).ok_or_else(|| Error::Duration { text: cut(text) })
}

fn read_duration(text: &str) -> Option<Duration> {
    if text.len() > MAX_DURATION_CHARS {
        return None;
    }
    let body = text.strip_prefix('P')?;
    let (date, clock) = match body.split_once('T') {
        Some((date, clock)) if !clock.is_empty() => (date, clock),
        Some(_) => return None,
        None => (body, ""),
    };
    if date.is_empty() && clock.is_empty() {
        return None;
    }
    let days = if date.is_empty() { 0 } else { digits(date.strip_suffix('D')?.as_bytes())? };
    let mut rest = clock;
    let mut part = |unit: char| -> Option<u32> {
        match rest.split_once(unit) {
            Some((number, tail)) => {
                rest = tail;
                digits(number.as_bytes())
            }
            None => Some(0),
        }
    };
    let (hours, minutes) = (part('H')?, part('M')?);
    let (seconds, nanos) = if rest.is_empty() {
        (0, 0)
    } else {
        let number = rest.strip_suffix('S')?;
        match number.split_once('.') {
            Some((whole, part)) => (digits(whole.as_bytes())?, fraction(part.as_bytes())?),
            None => (digits(number.as_bytes())?, 0),
        }
    };
    let total = u64::from(days) * 86_400 + u64::from(hours) * 3_600 + u64::from(minutes) * 60 + u64::from(seconds);
    Some(Duration::new(total, nanos))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_time(self.0))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_time(&text).map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Self).map_err(de::Error::custom)
    }
}

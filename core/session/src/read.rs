//! Reading of neutral fields, as every adapter reads its parameters and addresses: one kind of value, one sort of problem.

use std::time::Duration;

use bridge_model::Utc;

use crate::{Field, FieldProblem};

/// One problem of one field.
#[must_use]
pub fn problem(field: &str, code: &'static str, problem: String, fix: &str) -> FieldProblem {
    FieldProblem { field: field.to_owned(), code, problem, fix: fix.to_owned() }
}

/// A whole number within a range.
///
/// # Errors
/// `out-of-range`.
pub fn whole<T: TryFrom<i64>>(name: &str, field: &Field, from: i64, to: i64) -> Result<T, FieldProblem> {
    let refuse =
        || problem(name, "out-of-range", format!("`{name}` is no whole number from {from} to {to}"), &format!("use {from} to {to}"));
    match field {
        Field::Int(value) if (from..=to).contains(value) => T::try_from(*value).map_err(|_| refuse()),
        Field::Int(_) | Field::Float(_) | Field::Bool(_) | Field::Text(_) => Err(refuse()),
    }
}

/// True or false.
///
/// # Errors
/// `not-a-truth`.
pub fn truth(name: &str, field: &Field) -> Result<bool, FieldProblem> {
    match field {
        Field::Bool(on) => Ok(*on),
        Field::Int(_) | Field::Float(_) | Field::Text(_) => {
            Err(problem(name, "not-a-truth", format!("`{name}` is neither true nor false"), "use true or false"))
        }
    }
}

/// One of some words.
///
/// # Errors
/// `unknown-word`.
pub fn word<T: Copy>(name: &str, field: &Field, words: &[(&str, T)]) -> Result<T, FieldProblem> {
    let found = match field {
        Field::Text(text) => words.iter().find(|(word, _)| word == text),
        Field::Int(_) | Field::Float(_) | Field::Bool(_) => None,
    };
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        problem(
            name,
            "unknown-word",
            format!("`{name}` is not one of {}", known.join(", ")),
            &format!("use \"{}\"", known.join("\" or \"")),
        )
    })
}

/// A duration within a range: seconds, or text as `500ms`, `15s`, `5min`, `48h`.
///
/// # Errors
/// `not-a-duration`, `out-of-range`.
pub fn duration_between(name: &str, field: &Field, from: Duration, to: Duration) -> Result<Duration, FieldProblem> {
    let fix = format!("use {from:?} to {to:?}, as \"{}s\"", from.as_secs().max(10));
    let Some(value) = duration(field) else {
        return Err(problem(name, "not-a-duration", format!("`{name}` is no duration"), &fix));
    };
    if value < from || value > to {
        return Err(problem(name, "out-of-range", format!("`{name}` is {value:?}, outside {from:?} to {to:?}"), &fix));
    }
    Ok(value)
}

/// `2026-04-01T10:00:00[.fff][Z|+05:30]` to UTC, to the millisecond; `None` if it is not that, or not of the years 1970 to 2261.
#[must_use]
pub fn rfc3339(text: &str) -> Option<Utc> {
    let (date, rest) = text.split_once('T')?;
    let (clock, offset_s) = match rest.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let at = rest.rfind(['+', '-'])?;
            let (clock, offset) = rest.split_at(at);
            let (sign, offset) = (if offset.starts_with('-') { -1 } else { 1 }, offset.get(1..)?);
            let (hours, minutes) = offset.split_once(':')?;
            (clock, sign * (digits(hours, 0, 23)? * 3600 + digits(minutes, 0, 59)? * 60))
        }
    };
    let mut date = date.split('-');
    let (year, month, day) = (digits(date.next()?, 1970, 2261)?, digits(date.next()?, 1, 12)?, digits(date.next()?, 1, 31)?);
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut whole = whole.split(':');
    let (hour, minute, second) = (digits(whole.next()?, 0, 23)?, digits(whole.next()?, 0, 59)?, digits(whole.next()?, 0, 59)?);
    if date.next().is_some() || whole.next().is_some() {
        return None;
    }
    let ms = digits(format!("{fraction:0<3}").get(..3)?, 0, 999)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = lengths.iter().take(usize::try_from(month - 1).ok()?).sum::<i64>();
    if day > *lengths.get(usize::try_from(month - 1).ok()?)? {
        return None;
    }
    let past = year - 1;
    let days = 365 * (year - 1970) + (past / 4 - past / 100 + past / 400) - 477 + before + day - 1;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset_s;
    Some(Utc::from_millis(seconds * 1000 + ms))
}

/// A number of digits only, within a range.
fn digits(text: &str, from: i64, to: i64) -> Option<i64> {
    let number = text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())??;
    (from..=to).contains(&number).then_some(number)
}

fn duration(field: &Field) -> Option<Duration> {
    match field {
        Field::Int(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Field::Float(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        Field::Text(text) => {
            let text = text.trim();
            let at = text.find(|c: char| c.is_ascii_alphabetic())?;
            let (number, unit) = text.split_at(at);
            let number: f64 = number.trim().parse().ok()?;
            let each = match unit {
                "ms" => 0.001,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
            Duration::try_from_secs_f64(number * each).ok()
        }
        Field::Bool(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Field {
        Field::Text(value.to_owned())
    }

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(duration(&text("500ms")), Some(Duration::from_millis(500)));
        assert_eq!(duration(&text("1.5 s")), Some(Duration::from_millis(1500)));
        assert_eq!(duration(&text("5min")), Some(Duration::from_secs(300)));
        assert_eq!(duration(&Field::Int(-1)), None);
        assert_eq!(duration(&text("5")), None);
    }
    #[test]
    fn times_read_as_profiles_write_them() {
        let start = Utc::from_millis(1_775_037_600_000);
        assert_eq!(rfc3339("2026-04-01T10:00:00Z"), Some(start));
        assert_eq!(rfc3339("2026-04-01T15:30:00.25+05:30"), Some(Utc(start.0 + 250_000_000)));
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(Utc(0)));
        assert_eq!(rfc3339("2000-03-01T00:00:00Z"), Some(Utc::from_millis(951_868_800_000)));
        for bad in ["2026-04-01", "2026-02-29T00:00:00Z", "2026-04-01T24:00:00Z", "2026-04-01T10:00Z", "2026-04-01T10:00:00", "x"] {
            assert_eq!(rfc3339(bad), None, "{bad}");
        }
    }
}

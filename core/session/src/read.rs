//! Reading of neutral fields, as every adapter reads its parameters and addresses: one kind of value, one sort of problem.

use std::time::Duration;

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
}

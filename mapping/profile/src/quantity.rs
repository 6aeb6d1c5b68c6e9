//! Quantities and durations as people write them: `250 MW`, `-10 MW`, `500ms`.

use std::time::Duration;

/// A number and the word behind it: `"2.5 MW/min"` is `(2.5, "MW/min")`. The word may be empty. `None` if there is no finite number.
pub(crate) fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && matches!(c, '-' | '+'))))
        .map_or(text.len(), |(i, _)| i);
    let number: f64 = text.get(..end)?.parse().ok()?;
    number.is_finite().then(|| (number, text.get(end..).unwrap_or_default().trim()))
}

/// A duration: a number and one of `us ms s m min h d`: `90s`, `500ms`, `10m`. `None` for anything else, negative or beyond 366 days.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    const MAX_SECONDS: f64 = 366.0 * 86_400.0;
    let (number, word) = split(text)?;
    let seconds = match word {
        "us" => number * 1e-6,
        "ms" => number * 1e-3,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return None,
    };
    if !(0.0..=MAX_SECONDS).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 3.2e13 by the check above")]
    let micros = (seconds * 1e6).round() as u64;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::{parse_duration, split};
    use std::time::Duration;

    #[test]
    fn quantities() {
        assert_eq!(split("250 MW"), Some((250.0, "MW")));
        assert_eq!(split("-10MW"), Some((-10.0, "MW")));
        assert_eq!(split("2.5 MW/min"), Some((2.5, "MW/min")));
        assert_eq!(split("3"), Some((3.0, "")));
        assert_eq!(split("2 %"), Some((2.0, "%")));
        for bad in ["", "MW", "1..2 MW", "- 3", "--3", "inf MW", "nan"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5 s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("10m"), Some(Duration::from_secs(600)));
        for bad in ["", "10", "-1s", "10 MW", "400d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}

//! Thousands of changes a second: what a station tells when a busbar goes.

use std::time::Duration;

use bridge_model::{DoublePoint, Mono, Now, PointId, Utc, Value};

/// Changes of many points in turn, so many in each millisecond. States end where they began; measurands move a little
/// and back.
#[derive(Debug)]
pub(crate) struct Avalanche {
    points: Vec<(PointId, Value)>,
    begin: Mono,
    per_ms: u32,
    total: u64,
    made: u64,
    /// Both clocks at the first change.
    began: Option<Now>,
}

impl Avalanche {
    /// From `begin` on. The number of changes is rounded down to whole pairs for each point; none without points.
    pub(crate) fn new(points: Vec<(PointId, Value)>, begin: Mono, per_ms: u32, lasts: Duration) -> Self {
        let turn = (points.len() as u64 * 2).max(1);
        let wanted = u64::from(per_ms) * u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        let total = if points.is_empty() { 0 } else { wanted / turn * turn };
        // More in a millisecond than there are points would tell two changes of one with one stamp.
        let per_ms = per_ms.clamp(1, u32::try_from(points.len()).unwrap_or(u32::MAX).max(1));
        Self { points, begin, per_ms, total, made: 0, began: None }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Mono> {
        (self.made < self.total).then(|| self.begin + self.offset())
    }

    fn offset(&self) -> Duration {
        Duration::from_millis(self.made / u64::from(self.per_ms))
    }

    /// The next change that is due, with its stamp; a point changes at most once in a millisecond.
    pub(crate) fn poll_change(&mut self, now: Now) -> Option<(PointId, Value, Utc)> {
        if self.poll_timeout().is_none_or(|due| due > now.mono) {
            return None;
        }
        let began = *self.began.get_or_insert(now);
        let count = self.points.len() as u64;
        let (point, first) = *self.points.get(usize::try_from(self.made % count).ok()?)?;
        let away = (self.made / count).is_multiple_of(2);
        let stamp = Utc::from_millis((began.utc + self.offset()).as_millis());
        self.made += 1;
        Some((point, if away { other(first) } else { first }, stamp))
    }
}

fn other(value: Value) -> Value {
    match value {
        Value::Bool(on) => Value::Bool(!on),
        Value::Double(DoublePoint::On) => Value::Double(DoublePoint::Off),
        Value::Double(DoublePoint::Off | DoublePoint::Intermediate | DoublePoint::Bad) => Value::Double(DoublePoint::On),
        Value::Int(number) => Value::Int(number + 1),
        // A state that travels as a float has whole codes only.
        Value::Real32(_) | Value::Real(_) if value.as_f64().fract() == 0.0 => Value::Real(value.as_f64() + 1.0),
        Value::Real32(_) | Value::Real(_) => Value::Real(value.as_f64() * 1.01 + 0.01),
    }
}

#[cfg(test)]
mod tests {
    use super::{Avalanche, Duration, Mono, Now, PointId, Utc, Value};

    #[test]
    fn thousands_a_second_and_everything_as_it_was() {
        let points = vec![(PointId(1), Value::Bool(false)), (PointId(2), Value::Real(50.0)), (PointId(3), Value::Bool(true))];
        let mut avalanche = Avalanche::new(points, Mono(5), 9, Duration::from_millis(334));
        let mut made = Vec::new();
        for ms in [0, 500, 5000] {
            let now = Now { mono: Mono(5 + ms * 1_000_000), utc: Utc::from_millis(1_775_000_000_000) + Duration::from_millis(ms) };
            made.extend(std::iter::from_fn(|| avalanche.poll_change(now)));
        }
        assert_eq!(made.len(), 3006);
        assert_eq!(avalanche.poll_timeout(), None);
        let last = |point| made.iter().rev().find(|(known, ..)| *known == PointId(point)).map(|(_, value, _)| *value);
        assert_eq!((last(1), last(2), last(3)), (Some(Value::Bool(false)), Some(Value::Real(50.0)), Some(Value::Bool(true))));
        let mut stamps: Vec<_> = made.iter().map(|(point, _, stamp)| (*point, *stamp)).collect();
        stamps.sort_unstable();
        stamps.dedup();
        assert_eq!(stamps.len(), 3006, "a point changes at most once in a millisecond");
        assert_eq!(Avalanche::new(Vec::new(), Mono(0), 5, Duration::from_secs(1)).poll_timeout(), None);
    }
}

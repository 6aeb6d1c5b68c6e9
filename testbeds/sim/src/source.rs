//! Generators of changes at a rate: what a busy station produces when no plant is modelled.

use std::time::Duration;

use bridge_model::{DoublePoint, Mono, Now, PointId, Utc, Value};

use crate::rng::Rng;

/// What a generator produces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GeneratorKind {
    /// Single points that change at every turn: time-tagged events, never dropped.
    Single,
    /// Double points that go between off and on at every turn: time-tagged events, never dropped.
    Double,
    /// Measurands on a random walk between 0 and 100.
    Measurand,
}

/// Changes of some points, in turn, one each `period`, from `start` for `count` times.
#[derive(Clone, Debug)]
pub struct Generator {
    kind: GeneratorKind,
    points: Vec<PointId>,
    period: Duration,
    count: u64,
    made: u64,
    /// Both clocks at the first change, once it happened.
    began: Option<Now>,
    start: Mono,
    values: Vec<f64>,
    rng: Rng,
}

impl Generator {
    /// Changes of `points`, the first at `start`. Stamps are `period` apart, on the station's own UTC at the first change, in whole
    /// milliseconds. A period below a millisecond is taken as one.
    #[must_use]
    pub fn new(kind: GeneratorKind, points: Vec<PointId>, start: Mono, period: Duration, count: u64, seed: u64) -> Self {
        let values = vec![if kind == GeneratorKind::Measurand { 50.0 } else { 0.0 }; points.len()];
        let count = if points.is_empty() { 0 } else { count };
        Self { kind, points, period: period.max(Duration::from_millis(1)), count, made: 0, began: None, start, values, rng: Rng::new(seed) }
    }

    /// The points with their first values, for the image.
    pub fn first_values(&self) -> impl Iterator<Item = (PointId, Value)> {
        self.points.iter().zip(&self.values).map(|(point, value)| (*point, self.value(*value)))
    }

    /// When the next change is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        (self.made < self.count).then(|| self.start + self.period * u32::try_from(self.made).unwrap_or(u32::MAX))
    }

    /// The next change that is due by `now`, with its stamp.
    pub fn poll_change(&mut self, now: Now) -> Option<(PointId, Value, Utc)> {
        if self.poll_timeout().is_none_or(|due| due > now.mono) {
            return None;
        }
        let began = *self.began.get_or_insert(now);
        let turn = usize::try_from(self.made % self.points.len() as u64).unwrap_or(0);
        let stamp = Utc::from_millis((began.utc + self.period * u32::try_from(self.made).unwrap_or(u32::MAX)).as_millis());
        self.made += 1;
        let held = self.values.get_mut(turn)?;
        *held = match self.kind {
            GeneratorKind::Single | GeneratorKind::Double => 1.0 - *held,
            GeneratorKind::Measurand => (*held + self.rng.signed() * 2.0).clamp(0.0, 100.0),
        };
        let value = *held;
        Some((self.points.get(turn).copied()?, self.value(value), stamp))
    }

    fn value(&self, held: f64) -> Value {
        match self.kind {
            GeneratorKind::Single => Value::Bool(held > 0.5),
            GeneratorKind::Double => Value::Double(if held > 0.5 { DoublePoint::On } else { DoublePoint::Off }),
            GeneratorKind::Measurand => Value::Real32(held as f32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Generator, GeneratorKind, Mono, Now, PointId, Utc, Value};

    #[test]
    fn a_thousand_changes_a_second_with_stamps_a_millisecond_apart() {
        let mut generator = Generator::new(GeneratorKind::Single, vec![PointId(4), PointId(9)], Mono(0), Duration::from_millis(1), 3000, 1);
        let begin = Utc::from_millis(1_775_000_000_000);
        let mut made = vec![];
        // Polled rarely: the stamps do not care.
        for mono in [0, 1_500_000_000, 3_000_000_000] {
            let now = Now { mono: Mono(mono), utc: begin + Duration::from_nanos(mono) };
            made.extend(std::iter::from_fn(|| generator.poll_change(now)));
        }
        assert_eq!(made.len(), 3000);
        assert_eq!(made[0], (PointId(4), Value::Bool(true), begin));
        assert_eq!(made[2], (PointId(4), Value::Bool(false), begin + Duration::from_millis(2)));
        assert_eq!(made[2999].2, begin + Duration::from_millis(2999));
        assert_eq!(generator.poll_timeout(), None);
    }
}

//! How fast a measurand may be told (row 63): a least interval, an integrating threshold, and what a controlling station loaded as
//! parameters (row 58). A change of quality is never held back.

use std::time::Duration;

use bridge_model::Mono;

use crate::Transmission;

/// Whether a value is to be told now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Tell,
    Keep,
}

/// The pace of one object.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Pace {
    min_interval: Duration,
    integrate: Option<f64>,
    /// Loaded parameters, each with whether it is in operation.
    threshold: Option<(f64, bool)>,
    low: Option<(f64, bool)>,
    high: Option<(f64, bool)>,
    told: Option<(f64, Mono)>,
    /// The deviation summed up, and until when.
    area: f64,
    seen: Option<(f64, Mono)>,
    due: Option<Mono>,
}

/// A loaded parameter (KPA).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Threshold,
    Low,
    High,
}

impl Kind {
    /// The kind of a KPA; smoothing (2) is not served.
    pub(crate) const fn of(kpa: u8) -> Option<Self> {
        match kpa {
            1 => Some(Self::Threshold),
            3 => Some(Self::Low),
            4 => Some(Self::High),
            _ => None,
        }
    }
}

impl Pace {
    /// The pace that a transmission asks for, if any.
    pub(super) fn new(transmission: Transmission) -> Option<Self> {
        let Transmission { min_interval, integrate, .. } = transmission;
        (min_interval.is_some() || integrate.is_some()).then(|| Self {
            min_interval: min_interval.unwrap_or_default(),
            integrate,
            ..Self::default()
        })
    }

    /// A value came; `change`: its source holds it to be worth telling.
    pub(super) fn consider(&mut self, value: f64, requalified: bool, change: bool, now: Mono) -> Verdict {
        let (last, told_at) = self.told.unwrap_or((f64::NAN, Mono(0)));
        if let Some((before, since)) = self.seen {
            self.area += (before - last).abs() * now.since(since).as_secs_f64();
        }
        let crossed = self.seen.is_some_and(|(before, _)| self.crosses(before, value));
        self.seen = Some((value, now));
        let threshold = self.threshold.filter(|(_, on)| *on).map(|(threshold, _)| threshold);
        let moved = match threshold {
            Some(threshold) => last.is_nan() || !value.is_finite() || (value - last).abs() >= threshold,
            None => change,
        };
        let grown = self.integrate.is_some_and(|limit| self.area >= limit);
        if !(moved || grown || crossed || requalified || self.told.is_none() && change) {
            return Verdict::Keep;
        }
        if !requalified && self.told.is_some() && now < told_at + self.min_interval {
            self.due = Some(told_at + self.min_interval);
            return Verdict::Keep;
        }
        self.release(value, now);
        Verdict::Tell
    }

    fn crosses(&self, before: f64, value: f64) -> bool {
        let low = self.low.is_some_and(|(limit, on)| on && (before < limit) != (value < limit));
        let high = self.high.is_some_and(|(limit, on)| on && (before > limit) != (value > limit));
        low || high
    }

    /// The value is told now.
    pub(super) fn release(&mut self, value: f64, now: Mono) {
        self.told = Some((value, now));
        self.area = 0.0;
        self.due = None;
    }

    /// When a value that was held back is to be told.
    pub(super) fn deadline(&self) -> Mono {
        self.due.unwrap_or(Mono::NEVER)
    }

    /// Loads a parameter.
    pub(super) fn load(&mut self, kind: Kind, value: f64, in_operation: bool) {
        let slot = match kind {
            Kind::Threshold => &mut self.threshold,
            Kind::Low => &mut self.low,
            Kind::High => &mut self.high,
        };
        *slot = Some((value, in_operation));
    }

    /// Puts loaded parameters in or out of operation; `false` if there are none.
    pub(super) fn activate(&mut self, on: bool) -> bool {
        let loaded = [&mut self.threshold, &mut self.low, &mut self.high].into_iter().flatten();
        loaded.map(|(_, in_operation)| *in_operation = on).count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono(ms * 1_000_000)
    }

    fn pace(min_ms: u64, integrate: Option<f64>) -> Pace {
        let min_interval = Some(Duration::from_millis(min_ms));
        Pace::new(Transmission { min_interval, integrate, ..Transmission::default() }).unwrap()
    }

    #[test]
    fn a1_r63_values_leave_no_faster_than_the_interval_and_the_newest_follows() {
        let mut pace = pace(1000, None);
        assert_eq!(pace.consider(1.0, false, true, at(0)), Verdict::Tell);
        assert_eq!(pace.consider(2.0, false, true, at(10)), Verdict::Keep);
        assert_eq!(pace.consider(3.0, false, true, at(900)), Verdict::Keep);
        assert_eq!(pace.deadline(), at(1000));
        pace.release(3.0, at(1000));
        assert_eq!((pace.deadline(), pace.consider(4.0, false, true, at(1999))), (Mono::NEVER, Verdict::Keep));
        assert_eq!(pace.consider(4.0, true, true, at(1999)), Verdict::Tell, "a change of quality does not wait");
    }

    #[test]
    fn a1_r63_a_small_deviation_that_lasts_is_told_by_the_integrating_threshold() {
        let mut pace = pace(1, Some(5.0));
        assert_eq!(pace.consider(10.0, false, true, at(0)), Verdict::Tell);
        // 0.5 off: 5.0 are reached after ten seconds.
        for second in 1..=10 {
            assert_eq!(pace.consider(10.5, false, false, at(second * 1000)), Verdict::Keep, "{second}");
        }
        assert_eq!(pace.consider(10.5, false, false, at(11_000)), Verdict::Tell);
    }

    #[test]
    fn a1_r58_a_loaded_threshold_and_limits_decide_once_in_operation() {
        let mut pace = Pace::default();
        assert!(!pace.activate(true), "nothing is loaded");
        pace.load(Kind::Threshold, 2.0, false);
        assert_eq!(pace.consider(10.0, false, true, at(0)), Verdict::Tell);
        assert_eq!(pace.consider(11.0, false, true, at(1)), Verdict::Tell, "not in operation yet");
        assert!(pace.activate(true));
        assert_eq!(pace.consider(12.0, false, true, at(2)), Verdict::Keep);
        assert_eq!(pace.consider(13.0, false, false, at(3)), Verdict::Tell);
        pace.load(Kind::High, 14.0, true);
        assert_eq!(pace.consider(13.9, false, false, at(4)), Verdict::Keep);
        assert_eq!(pace.consider(14.1, false, false, at(5)), Verdict::Tell, "the limit was passed");
    }
}

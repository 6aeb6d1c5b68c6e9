//! How long to wait before the next attempt.

use std::fmt;
use std::time::Duration;

use bridge_model::Mono;

/// The first wait.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(250);

/// The longest wait, before jitter.
pub const BACKOFF_MOST: Duration = Duration::from_secs(30);

/// Waits that double from [`BACKOFF_FIRST`] to [`BACKOFF_MOST`], each up to a fifth shorter or longer, so that many links that failed
/// together do not come back together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self { next: BACKOFF_FIRST }
    }

    /// The wait before the next attempt; the one after it is longer.
    pub(crate) fn delay(&mut self, random: u128) -> Duration {
        let permille = u32::try_from(random % 401).unwrap_or(0) + 800;
        let delay = self.next * permille / 1000;
        self.next = (self.next * 2).min(BACKOFF_MOST);
        delay
    }

    /// All is well again.
    pub(crate) const fn reset(&mut self) {
        self.next = BACKOFF_FIRST;
    }
}

/// Attempts at something that must work in the end: when the next one may come, and how many failed in a row.
#[derive(Debug)]
pub(crate) struct Retry {
    backoff: Backoff,
    failures: u64,
    /// Not before.
    until: Option<Mono>,
}

impl Retry {
    pub(crate) const fn new(not_before: Mono) -> Self {
        Self { backoff: Backoff::new(), failures: 0, until: Some(not_before) }
    }

    /// Whether it may be tried now.
    pub(crate) fn may(&mut self, now: Mono) -> bool {
        if self.until.is_some_and(|until| until <= now) {
            self.until = None;
        }
        self.until.is_none()
    }

    pub(crate) fn deadline(&self) -> Mono {
        self.until.unwrap_or(Mono::NEVER)
    }

    pub(crate) fn worked(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn failed(&mut self, what: &'static str, address: &dyn fmt::Display, error: &dyn fmt::Display, now: Mono, random: u128) {
        self.failures += 1;
        self.rest(now, random);
        if self.failures == 1 {
            tracing::warn!(%address, %error, what, "trying again until it works");
        } else {
            tracing::debug!(%address, %error, what, failures = self.failures, "trying again");
        }
    }

    /// What was there is gone; if it had lasted long, the next wait is the shortest.
    pub(crate) fn gone(&mut self, was_steady: bool, now: Mono, random: u128) {
        if was_steady {
            self.backoff.reset();
        }
        self.rest(now, random);
    }

    pub(crate) fn rest(&mut self, now: Mono, random: u128) {
        self.until = Some(now + self.backoff.delay(random));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_stay_within_a_fifth() {
        let mut backoff = Backoff::new();
        let mut nominal = BACKOFF_FIRST;
        for round in 0..20_u128 {
            let delay = backoff.delay(round * 0x9E37_79B9_7F4A_7C15);
            assert!(delay >= nominal * 4 / 5 && delay <= nominal * 6 / 5, "{delay:?} for {nominal:?}");
            nominal = (nominal * 2).min(BACKOFF_MOST);
        }
        assert_eq!(nominal, BACKOFF_MOST);
        backoff.reset();
        assert!(backoff.delay(0) <= BACKOFF_FIRST);
    }
}

//! How long to wait before the next attempt.

use std::time::Duration;

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

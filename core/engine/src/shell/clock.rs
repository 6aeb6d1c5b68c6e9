//! The one file that reads clocks and asks the operating system for randomness.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bridge_model::{Mono, Now, Utc};

/// How far ahead a timer may be armed; what lies beyond is armed again.
const FAR: Duration = Duration::from_secs(365 * 86_400);

/// The clocks of this machine. Copies share one origin, so their instants compare.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts one second from zero, so that "a second ago" exists from the beginning.
    #[must_use]
    #[expect(clippy::disallowed_methods, clippy::new_without_default, reason = "the one clock file; reading a clock is no default")]
    pub fn new() -> Self {
        let now = Instant::now();
        Self { origin: now.checked_sub(Duration::from_secs(1)).unwrap_or(now) }
    }

    /// Both clocks, read together.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one clock file")]
    pub fn now(&self) -> Now {
        let mono = Instant::now().saturating_duration_since(self.origin);
        let utc = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: Mono(0) + mono, utc: Utc(0) + utc }
    }

    /// The clock as a function, for adapters that know no engine.
    #[must_use]
    pub fn reader(&self) -> Arc<dyn Fn() -> Now + Send + Sync> {
        let clock = *self;
        Arc::new(move || clock.now())
    }

    /// The instant as the runtime's timers want it.
    pub(crate) fn instant(&self, at: Mono, now: Mono) -> tokio::time::Instant {
        let at = at.min(now + FAR);
        tokio::time::Instant::from_std(self.origin + at.since(Mono(0)))
    }
}

/// 128 bits from the operating system.
///
/// # Panics
/// If the operating system has no randomness: nothing that must be unique could be made.
#[must_use]
pub fn random() -> u128 {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u128::from_le_bytes(bytes),
        Err(error) => panic!("the operating system gives no randomness: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_goes_forward_and_utc_is_of_this_century() {
        let clock = SystemClock::new();
        let first = clock.now();
        let second = clock.now();
        assert!(second.mono >= first.mono && first.mono >= Mono(1_000_000_000));
        assert!(first.utc.as_secs() > 1_700_000_000);
    }

    #[test]
    fn an_instant_beyond_any_calendar_can_be_armed() {
        let clock = SystemClock::new();
        let now = clock.now().mono;
        assert!(clock.instant(Mono::NEVER, now) > clock.instant(now, now));
    }

    #[test]
    fn randomness_differs() {
        assert_ne!(random(), random());
    }
}

//! Virtual time: a monotonic clock that only goes forward when told, and a UTC clock that an operator may step.

use bridge_model::{Mono, Now, Utc};

/// Both clocks of one machine. Machines of one simulation share monotonic time and may differ in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SimClock {
    mono: Mono,
    /// UTC at monotonic zero, in nanoseconds.
    offset: i64,
}

impl SimClock {
    /// Monotonic zero is `utc`.
    #[must_use]
    pub const fn new(utc: Utc) -> Self {
        Self { mono: Mono(0), offset: utc.0 }
    }

    /// Both clocks.
    #[must_use]
    pub const fn now(&self) -> Now {
        Now { mono: self.mono, utc: Utc(self.offset.saturating_add_unsigned(self.mono.0)) }
    }

    /// Goes forward to `mono`; an earlier instant changes nothing.
    pub fn advance_to(&mut self, mono: Mono) {
        self.mono = self.mono.max(mono);
    }

    /// Steps UTC by `ns` nanoseconds, either way. Monotonic time does not move.
    pub const fn step_utc(&mut self, ns: i64) {
        self.offset = self.offset.saturating_add(ns);
    }
}

#[cfg(test)]
mod tests {
    use super::{Mono, SimClock, Utc};

    #[test]
    fn a_step_of_an_hour_moves_utc_only() {
        let mut clock = SimClock::new(Utc::from_millis(1_775_000_000_000));
        clock.advance_to(Mono(5_000));
        let before = clock.now();
        clock.step_utc(-3_600_000_000_000);
        let after = clock.now();
        assert_eq!(after.mono, before.mono);
        assert_eq!(before.utc.0 - after.utc.0, 3_600_000_000_000);
        clock.advance_to(Mono(4_000));
        assert_eq!(clock.now(), after);
        clock.advance_to(Mono(6_000));
        assert_eq!(clock.now().utc.0 - after.utc.0, 1_000);
    }
}

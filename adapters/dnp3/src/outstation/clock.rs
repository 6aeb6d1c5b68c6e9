//! The time of a master (rows 43 to 45). No clock is ever stepped: what a master writes is compared with ours, and told.

use std::time::Duration;

use bridge_model::{Mono, Now, Utc};
use bridge_session::SystemState;

use crate::params::{ClockPolicy, Params};

/// A master's time this near to ours makes our stamps synchronised to it.
pub(super) const TOLERANCE: Duration = Duration::from_secs(1);

/// What one outstation knows of its masters' time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// When a master is to write the time again; at once at the start.
    due: Mono,
    /// The last time that was written was ours.
    agreed: bool,
}

impl Clock {
    /// NEED_TIME.
    pub(super) fn needs_time(&self, params: &Params, system: SystemState, now: Mono) -> bool {
        match params.clock {
            // A master that wrote it did what it can: it is not asked again at once, or it would write for ever.
            ClockPolicy::Own => system.unsynchronised && now >= self.due,
            ClockPolicy::Master => now >= self.due,
        }
    }

    /// Whether a stamp may go out as synchronised.
    pub(super) fn is_synchronised(&self, params: &Params, system: SystemState) -> bool {
        match params.clock {
            ClockPolicy::Own => !system.unsynchronised,
            ClockPolicy::Master => self.agreed,
        }
    }

    /// A master says what time it was at `at`. Gives how far it is ahead of ours, in nanoseconds, and whether that is worth telling.
    pub(super) fn write(&mut self, theirs: Utc, at: Mono, params: &Params, now: Now) -> (i64, bool) {
        let ours = now.utc - now.mono.since(at);
        let ahead = theirs.0.saturating_sub(ours.0);
        self.agreed = ahead.unsigned_abs() <= TOLERANCE.as_nanos() as u64;
        self.due = now.mono + params.need_time_every;
        (ahead, params.clock == ClockPolicy::Own || !self.agreed)
    }
}

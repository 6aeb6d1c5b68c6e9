//! Two clocks and a time stamp. Deadlines run on [`Mono`]; evidence carries [`Utc`].

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Monotonic time, in nanoseconds since an origin that only the clock knows. Never compared between machines or boots.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Mono(pub u64);

/// UTC, in nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Utc(pub i64);

/// Both clocks, read together. The only way time enters a session or the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// For deadlines.
    pub mono: Mono,
    /// For evidence.
    pub utc: Utc,
}

impl Mono {
    /// The end of time: a deadline that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// Time since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Mono {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Mono {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Utc {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// Whole milliseconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Time since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Utc {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Utc {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// The zone in which a link's device stamps (R21). Mandatory on each profile link, no default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zone {
    /// Coordinated universal time.
    Utc,
    /// Indian standard time, UTC+05:30, no summer time.
    Ist,
}

impl Zone {
    /// What to subtract from the device's wall clock to get UTC.
    #[must_use]
    pub const fn offset_ns(self) -> i64 {
        match self {
            Self::Utc => 0,
            Self::Ist => 19_800_000_000_000,
        }
    }
}

/// Who stamped a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TimeOrigin {
    /// The device, at the moment of the change.
    Device,
    /// The bridge, at receipt: the value came without a time tag.
    #[default]
    Bridge,
}

/// What is known against a time stamp. Zero is a good stamp.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeFlags(pub u8);

impl TimeFlags {
    /// The device says its time is invalid (CP56 IV, 61850 clockFailure).
    pub const INVALID: Self = Self(0x01);
    /// The clock was not synchronised.
    pub const NOT_SYNCHRONISED: Self = Self(0x02);
    /// The device marked the time as substituted (CP56 GEN/RES1).
    pub const SUBSTITUTED: Self = Self(0x04);
    /// The device marked summer time (CP56 SU): in IST a finding, never trusted alone (R21).
    pub const SUMMER: Self = Self(0x08);

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for TimeFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::INVALID, "INVALID"),
            (Self::NOT_SYNCHRONISED, "NOT_SYNCHRONISED"),
            (Self::SUBSTITUTED, "SUBSTITUTED"),
            (Self::SUMMER, "SUMMER"),
        ];
        f.debug_set().entries(names.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| name)).finish()
    }
}

/// When a value was true, as read and never improved. The device's own octets stay in the frame record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timestamp {
    /// The instant, after the link's zone was applied.
    pub utc: Utc,
    /// Who stamped it.
    pub origin: TimeOrigin,
    /// What is known against it.
    pub flags: TimeFlags,
}

impl Timestamp {
    /// Stamped by the bridge at receipt.
    #[must_use]
    pub const fn at_receipt(utc: Utc) -> Self {
        Self { utc, origin: TimeOrigin::Bridge, flags: TimeFlags(0) }
    }

    /// Stamped by a device whose clock is held to be right.
    #[must_use]
    pub const fn by_device(utc: Utc) -> Self {
        Self { utc, origin: TimeOrigin::Device, flags: TimeFlags(0) }
    }
}

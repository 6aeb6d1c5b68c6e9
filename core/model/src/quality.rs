//! Quality in the words of IEC 61850-7-3, with the device's own bits kept beside.

use std::fmt;

/// Whether a value may be used. Ordered: a worse validity is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Validity {
    /// Usable.
    #[default]
    Good,
    /// Usable with care: see [`Detail`].
    Questionable,
    /// Not usable.
    Invalid,
}

/// Why a value is not plainly good, and where it came from. A set of flags; zero says nothing against the value.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Detail(pub u16);

impl Detail {
    /// Beyond the range of the representation.
    pub const OVERFLOW: Self = Self(1 << 2);
    /// Beyond the configured range.
    pub const OUT_OF_RANGE: Self = Self(1 << 3);
    /// The reference is bad.
    pub const BAD_REFERENCE: Self = Self(1 << 4);
    /// Chattering.
    pub const OSCILLATORY: Self = Self(1 << 5);
    /// The source failed.
    pub const FAILURE: Self = Self(1 << 6);
    /// Not updated in time (104 NT, link lost: R19).
    pub const OLD_DATA: Self = Self(1 << 7);
    /// An evaluation found an inconsistency.
    pub const INCONSISTENT: Self = Self(1 << 8);
    /// Not as accurate as stated.
    pub const INACCURATE: Self = Self(1 << 9);
    /// Entered by a person or a rule, not by the process.
    pub const SUBSTITUTED: Self = Self(1 << 10);
    /// Part of a test: must not reach the process picture (R18).
    pub const TEST: Self = Self(1 << 11);
    /// Blocked by an operator.
    pub const OPERATOR_BLOCKED: Self = Self(1 << 12);
    /// Never read from the device since the bridge knows the point.
    pub const NEVER_READ: Self = Self(1 << 13);

    /// Every flag with its name, in ascending order.
    pub const NAMES: [(Self, &'static str); 12] = [
        (Self::OVERFLOW, "OVERFLOW"),
        (Self::OUT_OF_RANGE, "OUT_OF_RANGE"),
        (Self::BAD_REFERENCE, "BAD_REFERENCE"),
        (Self::OSCILLATORY, "OSCILLATORY"),
        (Self::FAILURE, "FAILURE"),
        (Self::OLD_DATA, "OLD_DATA"),
        (Self::INCONSISTENT, "INCONSISTENT"),
        (Self::INACCURATE, "INACCURATE"),
        (Self::SUBSTITUTED, "SUBSTITUTED"),
        (Self::TEST, "TEST"),
        (Self::OPERATOR_BLOCKED, "BLOCKED"),
        (Self::NEVER_READ, "NEVER_READ"),
    ];

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

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| name)
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The quality of one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Quality {
    /// May the value be used?
    pub validity: Validity,
    /// Why not, and its source.
    pub detail: Detail,
    /// The device's quality octets as read (104: the SIQ, DIQ or QDS octet without its value bits).
    pub raw: u16,
}

impl Quality {
    /// Good, from the process.
    pub const GOOD: Self = Self { validity: Validity::Good, detail: Detail(0), raw: 0 };
    /// Never read: INVALID, oldData (R19).
    pub const NEVER_READ: Self = Self { validity: Validity::Invalid, detail: Detail(Detail::OLD_DATA.0 | Detail::NEVER_READ.0), raw: 0 };

    /// This quality, made worse; validity never improves, details are joined.
    #[must_use]
    pub fn worsened(self, validity: Validity, detail: Detail) -> Self {
        Self { validity: self.validity.max(validity), detail: self.detail.with(detail), raw: self.raw }
    }

    /// The link to the source is lost: QUESTIONABLE + oldData, the rest kept (R19).
    #[must_use]
    pub fn stale(self) -> Self {
        self.worsened(Validity::Questionable, Detail::OLD_DATA)
    }

    /// Validity (bits 0–1: 00 good, 01 invalid, 11 questionable) and details packed as one number, for the wire and the journal.
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        let validity = match self.validity {
            Validity::Good => 0b00,
            Validity::Invalid => 0b01,
            Validity::Questionable => 0b11,
        };
        (self.detail.0 & 0xFFFC) | validity
    }

    /// The inverse of [`Quality::to_bits`]; the reserved validity 10 reads as INVALID.
    #[must_use]
    pub const fn from_bits(bits: u16, raw: u16) -> Self {
        let validity = match bits & 0b11 {
            0b00 => Validity::Good,
            0b11 => Validity::Questionable,
            _ => Validity::Invalid,
        };
        Self { validity, detail: Detail(bits & 0xFFFC), raw }
    }
}

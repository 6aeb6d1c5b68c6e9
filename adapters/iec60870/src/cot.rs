//! Cause of transmission (IEC 60870-5-101 clause 7.2.3): cause, P/N, T and the originator address.

use bridge_model::Cause as UpdateCause;

/// The six-bit cause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Cause(pub u8);

impl Cause {
    /// Periodic, cyclic.
    pub const CYCLIC: Self = Self(1);
    /// Background scan.
    pub const BACKGROUND: Self = Self(2);
    /// Spontaneous.
    pub const SPONTANEOUS: Self = Self(3);
    /// Initialised.
    pub const INITIALISED: Self = Self(4);
    /// Request or requested.
    pub const REQUESTED: Self = Self(5);
    /// Activation.
    pub const ACTIVATION: Self = Self(6);
    /// Activation confirmation.
    pub const ACTIVATION_CON: Self = Self(7);
    /// Deactivation.
    pub const DEACTIVATION: Self = Self(8);
    /// Deactivation confirmation.
    pub const DEACTIVATION_CON: Self = Self(9);
    /// Activation termination.
    pub const ACTIVATION_TERM: Self = Self(10);
    /// Return information caused by a remote command.
    pub const RETURN_REMOTE: Self = Self(11);
    /// Return information caused by a local command.
    pub const RETURN_LOCAL: Self = Self(12);
    /// Interrogated by station interrogation.
    pub const INTERROGATED: Self = Self(20);
    /// Requested by general counter request.
    pub const COUNTERS_REQUESTED: Self = Self(37);
    /// Unknown type identification.
    pub const UNKNOWN_TYPE: Self = Self(44);
    /// Unknown cause of transmission.
    pub const UNKNOWN_CAUSE: Self = Self(45);
    /// Unknown common address.
    pub const UNKNOWN_CA: Self = Self(46);
    /// Unknown information object address.
    pub const UNKNOWN_IOA: Self = Self(47);

    /// The neutral cause of a monitored value; `None` if no value may carry this cause.
    #[must_use]
    pub const fn of_update(self) -> Option<UpdateCause> {
        match self.0 {
            1 => Some(UpdateCause::Cyclic),
            2 => Some(UpdateCause::Background),
            3 => Some(UpdateCause::Spontaneous),
            5 => Some(UpdateCause::Requested),
            11 => Some(UpdateCause::ReturnRemote),
            12 => Some(UpdateCause::ReturnLocal),
            20..=36 => Some(UpdateCause::Interrogated),
            37..=41 => Some(UpdateCause::Requested),
            _ => None,
        }
    }

    /// The answer to a station interrogation (`None`) or to one of group 1 to 16 (causes 20 and 21 to 36).
    #[must_use]
    pub const fn of_interrogation(group: Option<u8>) -> Self {
        match group {
            None => Self::INTERROGATED,
            Some(group) => Self(20 + group),
        }
    }

    /// The answer to a counter request for all (`None`) or for group 1 to 4 (causes 37 and 38 to 41).
    #[must_use]
    pub const fn of_counters(group: Option<u8>) -> Self {
        match group {
            None => Self::COUNTERS_REQUESTED,
            Some(group) => Self(37 + group),
        }
    }

    /// Whether it mirrors a request that the station does not understand (causes 44 to 47).
    #[must_use]
    pub const fn is_unknown(self) -> bool {
        matches!(self.0, 44..=47)
    }
}

/// The whole cause field of two octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cot {
    /// The cause.
    pub cause: Cause,
    /// P/N: a negative confirmation.
    pub negative: bool,
    /// T: part of a test, must not reach the process.
    pub test: bool,
    /// The originator address, zero if unused.
    pub originator: u8,
}

impl Cot {
    /// A plain cause.
    #[must_use]
    pub const fn new(cause: Cause) -> Self {
        Self { cause, negative: false, test: false, originator: 0 }
    }

    /// From the wire.
    #[must_use]
    pub const fn from_octets([low, originator]: [u8; 2]) -> Self {
        Self { cause: Cause(low & 0x3F), negative: low & 0x40 != 0, test: low & 0x80 != 0, originator }
    }

    /// Whether an answer with this cause field can be for the station of originator address `oa`, which never asks as part of a test:
    /// stations that do not keep originators answer with zero (rows 30 and 49).
    #[must_use]
    pub(crate) const fn answers(self, oa: u8) -> bool {
        !self.test && (oa == 0 || self.originator == 0 || self.originator == oa)
    }

    /// To the wire.
    #[must_use]
    pub const fn octets(self) -> [u8; 2] {
        [self.cause.0 & 0x3F | (self.negative as u8) << 6 | (self.test as u8) << 7, self.originator]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_octet_round_trips() {
        for low in 0..=255_u8 {
            assert_eq!(Cot::from_octets([low, 9]).octets(), [low, 9]);
        }
    }

    #[test]
    fn a1_r29_monitor_causes_have_neutral_words() {
        let known: Vec<u8> = (0..64).filter(|c| Cause(*c).of_update().is_some()).collect();
        let expected: Vec<u8> = [1, 2, 3, 5, 11, 12].into_iter().chain(20..=41).collect();
        assert_eq!(known, expected);
    }
}

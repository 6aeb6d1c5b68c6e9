//! The status codes of commands (clause 11, g12, g41, g13, g43).

use std::fmt;

/// What became of a command: seven bits. SUCCESS of a SELECT says that it is accepted, of an OPERATE that it is begun; neither says that
/// the process moved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub struct ControlStatus(pub u8);

impl ControlStatus {
    /// Accepted, begun or queued; in a request, the only lawful value.
    pub const SUCCESS: Self = Self(0);
    /// The OPERATE came too late after its SELECT.
    pub const TIMEOUT: Self = Self(1);
    /// No matching SELECT before.
    pub const NO_SELECT: Self = Self(2);
    /// The request is wrongly formed.
    pub const FORMAT_ERROR: Self = Self(3);
    /// The point does not do that.
    pub const NOT_SUPPORTED: Self = Self(4);
    /// The queue is full or the point is at work.
    pub const ALREADY_ACTIVE: Self = Self(5);
    /// The hardware failed.
    pub const HARDWARE_ERROR: Self = Self(6);
    /// The point or station is in local mode.
    pub const LOCAL: Self = Self(7);
    /// Too many objects in one request.
    pub const TOO_MANY_OBJECTS: Self = Self(8);
    /// The master may not.
    pub const NOT_AUTHORIZED: Self = Self(9);
    /// A local automation holds the point.
    pub const AUTOMATION_INHIBIT: Self = Self(10);
    /// Refused for lack of processing power.
    pub const PROCESSING_LIMITED: Self = Self(11);
    /// The value is out of range.
    pub const OUT_OF_RANGE: Self = Self(12);
    /// A device further down is in local mode.
    pub const DOWNSTREAM_LOCAL: Self = Self(13);
    /// Nothing to do: it is so already.
    pub const ALREADY_COMPLETE: Self = Self(14);
    /// Blocked.
    pub const BLOCKED: Self = Self(15);
    /// Cancelled.
    pub const CANCELLED: Self = Self(16);
    /// Another master holds the point.
    pub const BLOCKED_OTHER_MASTER: Self = Self(17);
    /// A device further down failed.
    pub const DOWNSTREAM_FAIL: Self = Self(18);
    /// Left out of a command for several points.
    pub const NON_PARTICIPATING: Self = Self(126);
    /// None of the others.
    pub const UNDEFINED: Self = Self(127);

    /// Each code with its name, ascending; 19 to 125 are reserved.
    pub const NAMES: [(Self, &'static str); 21] = [
        (Self::SUCCESS, "SUCCESS"),
        (Self::TIMEOUT, "TIMEOUT"),
        (Self::NO_SELECT, "NO_SELECT"),
        (Self::FORMAT_ERROR, "FORMAT_ERROR"),
        (Self::NOT_SUPPORTED, "NOT_SUPPORTED"),
        (Self::ALREADY_ACTIVE, "ALREADY_ACTIVE"),
        (Self::HARDWARE_ERROR, "HARDWARE_ERROR"),
        (Self::LOCAL, "LOCAL"),
        (Self::TOO_MANY_OBJECTS, "TOO_MANY_OBJS"),
        (Self::NOT_AUTHORIZED, "NOT_AUTHORIZED"),
        (Self::AUTOMATION_INHIBIT, "AUTOMATION_INHIBIT"),
        (Self::PROCESSING_LIMITED, "PROCESSING_LIMITED"),
        (Self::OUT_OF_RANGE, "OUT_OF_RANGE"),
        (Self::DOWNSTREAM_LOCAL, "DOWNSTREAM_LOCAL"),
        (Self::ALREADY_COMPLETE, "ALREADY_COMPLETE"),
        (Self::BLOCKED, "BLOCKED"),
        (Self::CANCELLED, "CANCELLED"),
        (Self::BLOCKED_OTHER_MASTER, "BLOCKED_OTHER_MASTER"),
        (Self::DOWNSTREAM_FAIL, "DOWNSTREAM_FAIL"),
        (Self::NON_PARTICIPATING, "NON_PARTICIPATING"),
        (Self::UNDEFINED, "UNDEFINED"),
    ];

    /// The name; `None` for reserved codes.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(code, _)| *code == self).map(|(_, name)| *name)
    }
}

impl fmt::Display for ControlStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "status {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_r38_codes_0_to_18_126_and_127_have_names() {
        let named: Vec<u8> = (0..=255).filter(|code| ControlStatus(*code).name().is_some()).collect();
        let expected: Vec<u8> = (0..=18).chain([126, 127]).collect();
        assert_eq!(named, expected);
        assert_eq!(ControlStatus(8).to_string(), "TOO_MANY_OBJS");
        assert_eq!(ControlStatus(19).to_string(), "status 19");
    }
}

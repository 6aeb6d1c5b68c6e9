//! Internal indications (clause 4.2.2.6): sixteen bits in every response.

/// Internal indications. IIN1 is the low octet, IIN2 the high one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Iin(pub u16);

impl Iin {
    /// IIN1.0: a broadcast came before this response.
    pub const BROADCAST: Self = Self(1 << 0);
    /// IIN1.1: events of class 1 wait.
    pub const CLASS_1_EVENTS: Self = Self(1 << 1);
    /// IIN1.2: events of class 2 wait.
    pub const CLASS_2_EVENTS: Self = Self(1 << 2);
    /// IIN1.3: events of class 3 wait.
    pub const CLASS_3_EVENTS: Self = Self(1 << 3);
    /// IIN1.4: the outstation wants its clock set.
    pub const NEED_TIME: Self = Self(1 << 4);
    /// IIN1.5: outputs are in local mode.
    pub const LOCAL_CONTROL: Self = Self(1 << 5);
    /// IIN1.6: the device is in trouble.
    pub const DEVICE_TROUBLE: Self = Self(1 << 6);
    /// IIN1.7: the device restarted; stays until the master clears it (g80v1 index 7).
    pub const DEVICE_RESTART: Self = Self(1 << 7);
    /// IIN2.0: the function is not supported.
    pub const NO_FUNC_CODE_SUPPORT: Self = Self(1 << 8);
    /// IIN2.1: an object is unknown.
    pub const OBJECT_UNKNOWN: Self = Self(1 << 9);
    /// IIN2.2: a qualifier, range or object is wrong.
    pub const PARAMETER_ERROR: Self = Self(1 << 10);
    /// IIN2.3: events were lost.
    pub const EVENT_BUFFER_OVERFLOW: Self = Self(1 << 11);
    /// IIN2.4: the operation asked for runs already.
    pub const ALREADY_EXECUTING: Self = Self(1 << 12);
    /// IIN2.5: the configuration is corrupt.
    pub const CONFIG_CORRUPT: Self = Self(1 << 13);
    /// IIN2.6: reserved, zero.
    pub const RESERVED_6: Self = Self(1 << 14);
    /// IIN2.7: reserved, zero.
    pub const RESERVED_7: Self = Self(1 << 15);

    /// Each bit with its name, in ascending order.
    pub const NAMES: [(Self, &'static str); 16] = [
        (Self::BROADCAST, "BROADCAST"),
        (Self::CLASS_1_EVENTS, "CLASS_1_EVENTS"),
        (Self::CLASS_2_EVENTS, "CLASS_2_EVENTS"),
        (Self::CLASS_3_EVENTS, "CLASS_3_EVENTS"),
        (Self::NEED_TIME, "NEED_TIME"),
        (Self::LOCAL_CONTROL, "LOCAL_CONTROL"),
        (Self::DEVICE_TROUBLE, "DEVICE_TROUBLE"),
        (Self::DEVICE_RESTART, "DEVICE_RESTART"),
        (Self::NO_FUNC_CODE_SUPPORT, "NO_FUNC_CODE_SUPPORT"),
        (Self::OBJECT_UNKNOWN, "OBJECT_UNKNOWN"),
        (Self::PARAMETER_ERROR, "PARAMETER_ERROR"),
        (Self::EVENT_BUFFER_OVERFLOW, "EVENT_BUFFER_OVERFLOW"),
        (Self::ALREADY_EXECUTING, "ALREADY_EXECUTING"),
        (Self::CONFIG_CORRUPT, "CONFIG_CORRUPT"),
        (Self::RESERVED_6, "RESERVED_6"),
        (Self::RESERVED_7, "RESERVED_7"),
    ];

    /// From IIN1 and IIN2, in the order of the wire.
    #[must_use]
    pub const fn from_octets(octets: [u8; 2]) -> Self {
        Self(u16::from_le_bytes(octets))
    }

    /// IIN1 and IIN2.
    #[must_use]
    pub const fn octets(self) -> [u8; 2] {
        self.0.to_le_bytes()
    }

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the bits of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The bit that says that events of a class wait; nothing for class 0 and numbers that are no class.
    #[must_use]
    pub const fn class_events(class: u8) -> Self {
        match class {
            1 => Self::CLASS_1_EVENTS,
            2 => Self::CLASS_2_EVENTS,
            3 => Self::CLASS_3_EVENTS,
            _ => Self(0),
        }
    }

    /// The names of the bits that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(bit, _)| self.contains(*bit)).map(|(_, name)| name)
    }
}

impl std::fmt::Debug for Iin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_r20_r21_each_bit_has_its_place() {
        assert_eq!(Iin::from_octets([0x90, 0x00]), Iin::DEVICE_RESTART.with(Iin::NEED_TIME));
        assert_eq!(Iin::PARAMETER_ERROR.octets(), [0x00, 0x04]);
        for (place, (bit, _)) in Iin::NAMES.into_iter().enumerate() {
            assert_eq!(bit.0, 1 << place);
        }
        assert_eq!(Iin::class_events(2), Iin(0x0004));
        assert_eq!(format!("{:?}", Iin(0x0802)), r#"{"CLASS_1_EVENTS", "EVENT_BUFFER_OVERFLOW"}"#);
    }
}

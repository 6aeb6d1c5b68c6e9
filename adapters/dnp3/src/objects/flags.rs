//! The flags octet (clause 11, "point flags") and the bridge's quality.

use bridge_model::{Detail, Quality, Validity};

use crate::objects::Kind;

/// A flags octet without the bits in which states are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Flags(pub u8);

/// Which meaning bits 5 to 7 of a flags octet have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagKind {
    /// Binary inputs: chatter, reserved, state.
    Binary,
    /// Double-bit inputs: chatter, state, state.
    DoubleBit,
    /// Binary outputs: reserved, reserved, state.
    BinaryOutput,
    /// Counters: rollover (obsolete), discontinuity, reserved.
    Counter,
    /// Analogue inputs and outputs: over range, reference error, reserved.
    Analog,
}

impl FlagKind {
    /// The meaning for a kind of object; those without flags of their own count as analogue.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::BinaryInput | Kind::BinaryInputEvent => Self::Binary,
            Kind::DoubleBitInput | Kind::DoubleBitInputEvent => Self::DoubleBit,
            Kind::BinaryOutput | Kind::BinaryOutputEvent | Kind::BinaryCommand | Kind::BinaryCommandEvent => Self::BinaryOutput,
            Kind::Counter
            | Kind::FrozenCounter
            | Kind::CounterEvent
            | Kind::FrozenCounterEvent
            | Kind::SecurityStatistic
            | Kind::SecurityStatisticEvent => Self::Counter,
            Kind::DeviceAttribute
            | Kind::AnalogInput
            | Kind::FrozenAnalogInput
            | Kind::AnalogInputEvent
            | Kind::FrozenAnalogInputEvent
            | Kind::AnalogDeadband
            | Kind::AnalogOutput
            | Kind::AnalogCommand
            | Kind::AnalogOutputEvent
            | Kind::AnalogCommandEvent
            | Kind::TimeAndDate
            | Kind::CommonTime
            | Kind::TimeDelay
            | Kind::Class
            | Kind::File
            | Kind::InternalIndications
            | Kind::Application
            | Kind::OperationStatus
            | Kind::UnsignedInteger
            | Kind::OctetString
            | Kind::OctetStringEvent
            | Kind::TerminalOutput
            | Kind::TerminalEvent => Self::Analog,
        }
    }

    /// The bits that are flags, not states.
    #[must_use]
    pub const fn mask(self) -> u8 {
        match self {
            Self::Binary | Self::BinaryOutput => 0x7F,
            Self::DoubleBit => 0x3F,
            Self::Counter | Self::Analog => 0xFF,
        }
    }

    const fn names(self) -> &'static [(u8, &'static str)] {
        match self {
            Self::Binary | Self::DoubleBit => &[(Flags::CHATTER, "CHATTER")],
            Self::BinaryOutput => &[],
            Self::Counter => &[(Flags::ROLLOVER, "ROLLOVER"), (Flags::DISCONTINUITY, "DISCONTINUITY")],
            Self::Analog => &[(Flags::OVER_RANGE, "OVER_RANGE"), (Flags::REFERENCE_ERR, "REFERENCE_ERR")],
        }
    }
}

impl Flags {
    /// The point is read and works.
    pub const ONLINE: u8 = 0x01;
    /// Not updated since the device restarted.
    pub const RESTART: u8 = 0x02;
    /// The device that originates it is lost; the value is its last.
    pub const COMM_LOST: u8 = 0x04;
    /// Overridden further down.
    pub const REMOTE_FORCED: u8 = 0x08;
    /// Overridden in the reporting device.
    pub const LOCAL_FORCED: u8 = 0x10;
    /// Binary and double-bit inputs: filtered because it changes too often.
    pub const CHATTER: u8 = 0x20;
    /// Counters, obsolete: ran over since last reported.
    pub const ROLLOVER: u8 = 0x20;
    /// Analogues: beyond what is measured or what the coding can say.
    pub const OVER_RANGE: u8 = 0x20;
    /// Counters: not to be compared with the value before.
    pub const DISCONTINUITY: u8 = 0x40;
    /// Analogues: the reference of the measurement is bad.
    pub const REFERENCE_ERR: u8 = 0x40;

    /// Nothing to say against the value: what an object without flags means.
    pub const PLAIN: Self = Self(Self::ONLINE);

    const NAMES: [(u8, &'static str); 5] = [
        (Self::ONLINE, "ONLINE"),
        (Self::RESTART, "RESTART"),
        (Self::COMM_LOST, "COMM_LOST"),
        (Self::REMOTE_FORCED, "REMOTE_FORCED"),
        (Self::LOCAL_FORCED, "LOCAL_FORCED"),
    ];

    /// Whether every bit of `bits` is set.
    #[must_use]
    pub const fn contains(self, bits: u8) -> bool {
        self.0 & bits == bits
    }

    /// The names of the flags that are set. Reserved bits have none.
    pub fn names(self, kind: FlagKind) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().chain(kind.names()).filter(move |(bit, _)| self.contains(*bit)).map(|(_, name)| *name)
    }

    /// In the bridge's words; the octet is kept as `raw`.
    ///
    /// | flag | validity | detail |
    /// |---|---|---|
    /// | ONLINE clear | INVALID | |
    /// | RESTART, COMM_LOST | QUESTIONABLE | OLD_DATA |
    /// | REMOTE_FORCED, LOCAL_FORCED | | SUBSTITUTED |
    /// | CHATTER | QUESTIONABLE | OSCILLATORY |
    /// | OVER_RANGE | QUESTIONABLE | OVERFLOW and OUT_OF_RANGE: the flag does not say which |
    /// | REFERENCE_ERR | INVALID | BAD_REFERENCE |
    /// | ROLLOVER, DISCONTINUITY, reserved bits | | `raw` only: they say nothing against the value as such |
    #[must_use]
    pub const fn quality(self, kind: FlagKind) -> Quality {
        let octet = (self.0 & kind.mask()) as usize;
        match kind {
            FlagKind::Binary | FlagKind::DoubleBit => STATES[octet],
            FlagKind::BinaryOutput | FlagKind::Counter => PLAINS[octet],
            FlagKind::Analog => ANALOGS[octet],
        }
    }

    /// What of a quality the flags of a kind can say. What they cannot say makes the value worse, never better: a questionable value
    /// without a flag of its own goes out COMM_LOST, a test value not ONLINE (R18). Blocked goes out LOCAL_FORCED, a failed source
    /// REFERENCE_ERR, never read RESTART. `raw` is not looked at: it may be another protocol's.
    #[must_use]
    pub const fn from_quality(quality: Quality, kind: FlagKind) -> Self {
        let detail = quality.detail;
        let mut bits = 0;
        if !matches!(quality.validity, Validity::Invalid) && !detail.contains(Detail::TEST) {
            bits |= Self::ONLINE;
        }
        if detail.contains(Detail::OLD_DATA) {
            bits |= Self::COMM_LOST;
        }
        if detail.contains(Detail::NEVER_READ) {
            bits |= Self::RESTART;
        }
        if detail.contains(Detail::SUBSTITUTED) {
            bits |= Self::REMOTE_FORCED;
        }
        if detail.contains(Detail::OPERATOR_BLOCKED) {
            bits |= Self::LOCAL_FORCED;
        }
        match kind {
            FlagKind::Binary | FlagKind::DoubleBit => {
                if detail.contains(Detail::OSCILLATORY) {
                    bits |= Self::CHATTER;
                }
            }
            FlagKind::Analog => {
                if detail.contains(Detail::OVERFLOW) || detail.contains(Detail::OUT_OF_RANGE) {
                    bits |= Self::OVER_RANGE;
                }
                if detail.contains(Detail::BAD_REFERENCE) || detail.contains(Detail::FAILURE) {
                    bits |= Self::REFERENCE_ERR;
                }
            }
            FlagKind::BinaryOutput | FlagKind::Counter => {}
        }
        if matches!(quality.validity, Validity::Questionable) && matches!(Self(bits).quality(kind).validity, Validity::Good) {
            bits |= Self::COMM_LOST;
        }
        Self(bits)
    }
}

const fn spell(octet: u8, chatters: bool, analog: bool) -> Quality {
    let mut detail = Detail(0);
    let mut validity = Validity::Good;
    if octet & (Flags::RESTART | Flags::COMM_LOST) != 0 {
        detail = detail.with(Detail::OLD_DATA);
        validity = Validity::Questionable;
    }
    if octet & (Flags::REMOTE_FORCED | Flags::LOCAL_FORCED) != 0 {
        detail = detail.with(Detail::SUBSTITUTED);
    }
    if chatters && octet & Flags::CHATTER != 0 {
        detail = detail.with(Detail::OSCILLATORY);
        validity = Validity::Questionable;
    }
    if analog && octet & Flags::OVER_RANGE != 0 {
        detail = detail.with(Detail::OVERFLOW).with(Detail::OUT_OF_RANGE);
        validity = Validity::Questionable;
    }
    if analog && octet & Flags::REFERENCE_ERR != 0 {
        detail = detail.with(Detail::BAD_REFERENCE);
        validity = Validity::Invalid;
    }
    if octet & Flags::ONLINE == 0 {
        validity = Validity::Invalid;
    }
    Quality { validity, detail, raw: octet as u16 }
}

const fn spelled(chatters: bool, analog: bool) -> [Quality; 256] {
    let mut all = [Quality::GOOD; 256];
    let mut octet = 0;
    while octet < 256 {
        all[octet] = spell(octet as u8, chatters, analog);
        octet += 1;
    }
    all
}

// One quality per octet, so that the hot path is one look-up.
static STATES: [Quality; 256] = spelled(true, false);
static PLAINS: [Quality; 256] = spelled(false, false);
static ANALOGS: [Quality; 256] = spelled(false, true);

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [FlagKind; 5] = [FlagKind::Binary, FlagKind::DoubleBit, FlagKind::BinaryOutput, FlagKind::Counter, FlagKind::Analog];

    #[test]
    fn a2_r57_each_flag_says_its_quality() {
        let of = |bits, kind| {
            let quality = Flags(bits).quality(kind);
            (quality.validity, quality.detail)
        };
        assert_eq!(of(0x01, FlagKind::Analog), (Validity::Good, Detail(0)));
        assert_eq!(of(0x00, FlagKind::Binary), (Validity::Invalid, Detail(0)));
        assert_eq!(of(0x05, FlagKind::Binary), (Validity::Questionable, Detail::OLD_DATA));
        assert_eq!(of(0x04, FlagKind::Binary), (Validity::Invalid, Detail::OLD_DATA));
        assert_eq!(of(0x03, FlagKind::Counter), (Validity::Questionable, Detail::OLD_DATA));
        assert_eq!(of(0x11, FlagKind::Analog), (Validity::Good, Detail::SUBSTITUTED));
        assert_eq!(of(0x21, FlagKind::Binary), (Validity::Questionable, Detail::OSCILLATORY));
        assert_eq!(of(0x21, FlagKind::Analog), (Validity::Questionable, Detail::OVERFLOW.with(Detail::OUT_OF_RANGE)));
        assert_eq!(of(0x41, FlagKind::Analog), (Validity::Invalid, Detail::BAD_REFERENCE));
        // Rollover and discontinuity are kept in the raw octet only.
        assert_eq!(Flags(0x61).quality(FlagKind::Counter), Quality { raw: 0x61, ..Quality::GOOD });
        // The state is no part of the quality.
        assert_eq!(Flags(0x81).quality(FlagKind::Binary), Quality { raw: 0x01, ..Quality::GOOD });
    }

    /// Every octet of every kind, and every quality of the bridge.
    #[test]
    fn a2_r57_nothing_gets_better_on_its_way_out_or_in() {
        for kind in KINDS {
            for octet in 0..=255 {
                let quality = Flags(octet).quality(kind);
                assert_eq!(quality.raw, u16::from(octet & kind.mask()));
                let again = Flags::from_quality(quality, kind).quality(kind);
                assert_eq!((again.validity, again.detail), (quality.validity, quality.detail), "{kind:?} {octet:#04x}");
            }
            for bits in 0..=u16::MAX {
                let quality = Quality::from_bits(bits, 0);
                let out = Flags::from_quality(quality, kind);
                let again = out.quality(kind);
                assert!(again.validity >= quality.validity, "{kind:?} {quality:?} became {again:?}");
                for kept in [Detail::OLD_DATA, Detail::SUBSTITUTED] {
                    assert!(!quality.detail.contains(kept) || again.detail.contains(kept), "{kind:?} {quality:?} became {again:?}");
                }
                if quality == (Quality { raw: 0, ..Quality::GOOD }) {
                    assert_eq!(out, Flags::PLAIN);
                }
            }
        }
    }

    #[test]
    fn a2_r57_r19_a_lost_source_is_comm_lost_and_a_point_never_read_is_not_online() {
        assert_eq!(Flags::from_quality(Quality::GOOD.stale(), FlagKind::Analog), Flags(Flags::ONLINE | Flags::COMM_LOST));
        assert_eq!(Flags::from_quality(Quality::NEVER_READ, FlagKind::Analog), Flags(Flags::RESTART | Flags::COMM_LOST));
        let test = Quality::GOOD.worsened(Validity::Good, Detail::TEST);
        assert_eq!(Flags::from_quality(test, FlagKind::Binary), Flags(0));
    }
}

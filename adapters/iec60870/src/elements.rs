//! Information elements (IEC 60870-5-101 clause 7.2.6): quality bits, counter readings and qualifiers.

use bridge_model::{Detail, Quality, Validity};

use crate::Family;

/// The quality bits that SIQ, DIQ and QDS share, without value bits (clauses 7.2.6.1 to 7.2.6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QualityBits(pub u8);

impl QualityBits {
    /// Overflow; QDS only.
    pub const OV: u8 = 0x01;
    /// Elapsed time invalid; SEP and QDP only. Says nothing of the event itself.
    pub const EI: u8 = 0x08;
    /// Blocked.
    pub const BL: u8 = 0x10;
    /// Substituted.
    pub const SB: u8 = 0x20;
    /// Not topical.
    pub const NT: u8 = 0x40;
    /// Invalid.
    pub const IV: u8 = 0x80;
    /// Each bit with its name, highest first.
    pub const NAMES: [(u8, &'static str); 6] =
        [(Self::IV, "IV"), (Self::NT, "NT"), (Self::SB, "SB"), (Self::BL, "BL"), (Self::EI, "EI"), (Self::OV, "OV")];

    /// In the bridge's words; the octet is kept as `raw`. Undefined bits are kept in `raw` only.
    #[must_use]
    pub const fn quality(self) -> Quality {
        QUALITIES[self.0 as usize]
    }

    /// What of a quality a family can say. What it cannot say makes the value worse, never better: a questionable value without a bit
    /// of its own goes out not topical.
    #[must_use]
    pub const fn from_quality(quality: Quality, family: Family) -> Self {
        let detail = quality.detail;
        let mut bits = 0;
        if detail.contains(Detail::OVERFLOW) {
            bits |= Self::OV;
        }
        if detail.contains(Detail::OPERATOR_BLOCKED) {
            bits |= Self::BL;
        }
        if detail.contains(Detail::SUBSTITUTED) {
            bits |= Self::SB;
        }
        if detail.contains(Detail::OLD_DATA) || detail.contains(Detail::NEVER_READ) {
            bits |= Self::NT;
        }
        let mask = family.quality_mask();
        bits &= mask;
        match quality.validity {
            Validity::Good => {}
            Validity::Questionable => {
                if bits & (Self::OV | Self::BL | Self::NT) == 0 {
                    bits |= if mask & Self::NT == 0 { Self::IV } else { Self::NT };
                }
            }
            Validity::Invalid => bits |= Self::IV,
        }
        Self(bits & mask)
    }
}

/// One quality per octet, so that the hot path is one look-up.
static QUALITIES: [Quality; 256] = {
    let mut all = [Quality::GOOD; 256];
    let mut octet = 0;
    while octet < 256 {
        all[octet] = spell(octet as u8);
        octet += 1;
    }
    all
};

const fn spell(octet: u8) -> Quality {
    let mut detail = Detail(0);
    let mut validity = Validity::Good;
    if octet & QualityBits::OV != 0 {
        detail = detail.with(Detail::OVERFLOW);
        validity = Validity::Questionable;
    }
    if octet & QualityBits::BL != 0 {
        detail = detail.with(Detail::OPERATOR_BLOCKED);
        validity = Validity::Questionable;
    }
    if octet & QualityBits::SB != 0 {
        detail = detail.with(Detail::SUBSTITUTED);
    }
    if octet & QualityBits::NT != 0 {
        detail = detail.with(Detail::OLD_DATA);
        validity = Validity::Questionable;
    }
    if octet & QualityBits::IV != 0 {
        validity = Validity::Invalid;
    }
    Quality { validity, detail, raw: octet as u16 }
}

/// A binary counter reading (clause 7.2.6.9); its IV is among the [`QualityBits`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bcr {
    /// The count.
    pub count: i32,
    /// Counts the readings, 0 to 31.
    pub sequence: u8,
    /// CY: the counter ran over since its last reading.
    pub carry: bool,
    /// CA: the counter was adjusted since its last reading.
    pub adjusted: bool,
}

impl Bcr {
    /// From the wire; IV is left to the caller.
    #[must_use]
    pub const fn from_octets([a, b, c, d, sequence]: [u8; 5]) -> Self {
        Self {
            count: i32::from_le_bytes([a, b, c, d]),
            sequence: sequence & 0x1F,
            carry: sequence & 0x20 != 0,
            adjusted: sequence & 0x40 != 0,
        }
    }

    /// The fifth octet without IV.
    #[must_use]
    pub const fn sequence_octet(self) -> u8 {
        self.sequence & 0x1F | (self.carry as u8) << 5 | (self.adjusted as u8) << 6
    }
}

/// Qualifier of counter interrogation (clause 7.2.6.23): which counters, and what happens to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Qcc {
    /// RQT: 1 to 4 a group, 5 all; 0 and 6 to 31 have no meaning here.
    pub request: u8,
    /// FRZ.
    pub freeze: Freeze,
}

/// What a counter interrogation does to the counters (FRZ).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Freeze {
    /// Nothing: the frozen readings are asked for.
    Read,
    /// Memorise the readings.
    Freeze,
    /// Memorise and start again from zero.
    FreezeReset,
    /// Start again from zero.
    Reset,
}

impl Qcc {
    /// All counters.
    pub const GENERAL: u8 = 5;

    /// From the wire.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        let freeze = match octet >> 6 {
            0 => Freeze::Read,
            1 => Freeze::Freeze,
            2 => Freeze::FreezeReset,
            _ => Freeze::Reset,
        };
        Self { request: octet & 0x3F, freeze }
    }

    /// To the wire.
    #[must_use]
    pub const fn octet(self) -> u8 {
        let freeze = match self.freeze {
            Freeze::Read => 0,
            Freeze::Freeze => 1,
            Freeze::FreezeReset => 2,
            Freeze::Reset => 3,
        };
        self.request & 0x3F | freeze << 6
    }

    /// The group asked for; `Some(None)` for all, `None` if the request has no meaning.
    #[must_use]
    pub const fn group(self) -> Option<Option<u8>> {
        match self.request {
            1..=4 => Some(Some(self.request)),
            Self::GENERAL => Some(None),
            _ => None,
        }
    }
}

/// Qualifier of a measurand's parameter (clause 7.2.6.24).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Qpm {
    /// KPA: 1 threshold, 2 smoothing factor, 3 low limit, 4 high limit of transmission; 0 unused, others reserved or private.
    pub kind: u8,
    /// LPC: the parameter was changed locally.
    pub local_change: bool,
    /// POP: the parameter is not in operation.
    pub not_in_operation: bool,
}

impl Qpm {
    /// From the wire.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        Self { kind: octet & 0x3F, local_change: octet & 0x40 != 0, not_in_operation: octet & 0x80 != 0 }
    }

    /// To the wire.
    #[must_use]
    pub const fn octet(self) -> u8 {
        self.kind & 0x3F | (self.local_change as u8) << 6 | (self.not_in_operation as u8) << 7
    }
}

/// Qualifier of command: QU of five bits and S/E (clause 7.2.6.26). On the wire it shares its octet with the command state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Qoc {
    /// 0 none, 1 short pulse, 2 long pulse, 3 persistent; 4 to 8 reserved, 9 to 15 other functions, 16 to 31 private.
    pub qu: u8,
    /// Select (true) or execute.
    pub select: bool,
}

/// Qualifier of set-point command: QL of seven bits and S/E (clause 7.2.6.39).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Qos {
    /// 0 default, 1 to 63 reserved, 64 to 127 private.
    pub ql: u8,
    /// Select (true) or execute.
    pub select: bool,
}

impl Qoc {
    /// From a command octet.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        Self { qu: octet >> 2 & 0x1F, select: octet & 0x80 != 0 }
    }

    /// The bits to join with the command state.
    #[must_use]
    pub const fn bits(self) -> u8 {
        (self.qu & 0x1F) << 2 | (self.select as u8) << 7
    }

    /// Whether the standard gives the value a meaning or leaves it to private agreement.
    #[must_use]
    pub const fn is_defined(self) -> bool {
        !matches!(self.qu, 4..=8) && self.qu < 32
    }
}

impl Qos {
    /// From the wire.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        Self { ql: octet & 0x7F, select: octet & 0x80 != 0 }
    }

    /// To the wire.
    #[must_use]
    pub const fn octet(self) -> u8 {
        self.ql & 0x7F | (self.select as u8) << 7
    }

    /// Whether the standard gives the value a meaning or leaves it to private agreement.
    #[must_use]
    pub const fn is_defined(self) -> bool {
        self.ql == 0 || (self.ql >= 64 && self.ql < 128)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_r33_a1_r34_every_quality_octet_round_trips() {
        for family in Family::ALL {
            for octet in 0..=255_u8 {
                // EI speaks of the elapsed time, which goes its own way.
                let bits = QualityBits(octet & family.quality_mask() & !QualityBits::EI);
                let quality = bits.quality();
                assert_eq!(quality.raw, u16::from(bits.0));
                assert_eq!(QualityBits::from_quality(quality, family), bits, "{family:?} {octet:#04x}");
            }
        }
    }

    #[test]
    fn a1_r35_a1_r38_counter_octets_round_trip() {
        for octet in 0..=255_u8 {
            let bcr = Bcr::from_octets([1, 2, 3, 0x84, octet]);
            assert_eq!(bcr.count, i32::from_le_bytes([1, 2, 3, 0x84]));
            assert_eq!(bcr.sequence_octet(), octet & 0x7F);
            assert_eq!(Qcc::from_octet(octet).octet(), octet);
            assert_eq!(Qpm::from_octet(octet).octet(), octet);
        }
        assert_eq!(Bcr::from_octets([0, 0, 0, 0, 0x60]), Bcr { count: 0, sequence: 0, carry: true, adjusted: true });
        let groups: Vec<_> = (0..64).map(|request| Qcc { request, freeze: Freeze::Read }.group()).collect();
        assert_eq!(groups[..7], [None, Some(Some(1)), Some(Some(2)), Some(Some(3)), Some(Some(4)), Some(None), None]);
        assert!(groups[7..].iter().all(Option::is_none));
    }

    #[test]
    fn quality_bits_have_the_documented_words() {
        let of = |octet| QualityBits(octet).quality();
        assert_eq!(of(0).validity, Validity::Good);
        assert_eq!((of(0x01).validity, of(0x01).detail), (Validity::Questionable, Detail::OVERFLOW));
        assert_eq!((of(0x10).validity, of(0x10).detail), (Validity::Questionable, Detail::OPERATOR_BLOCKED));
        assert_eq!((of(0x20).validity, of(0x20).detail), (Validity::Good, Detail::SUBSTITUTED));
        assert_eq!((of(0x40).validity, of(0x40).detail), (Validity::Questionable, Detail::OLD_DATA));
        assert_eq!((of(0x80).validity, of(0x80).detail), (Validity::Invalid, Detail(0)));
    }

    #[test]
    fn r19_never_read_goes_out_invalid_and_not_topical() {
        for family in Family::ALL.into_iter().filter(|family| family.quality_mask() & QualityBits::NT != 0) {
            assert_eq!(QualityBits::from_quality(Quality::NEVER_READ, family).0, QualityBits::NT | QualityBits::IV);
            assert_eq!(QualityBits::from_quality(Quality::GOOD.stale(), family).0, QualityBits::NT);
        }
        assert_eq!(QualityBits::from_quality(Quality::GOOD.stale(), Family::Counter).0, QualityBits::IV, "a counter can only say invalid");
    }

    #[test]
    fn what_a_family_cannot_say_never_improves() {
        let overflow = Quality::GOOD.worsened(Validity::Questionable, Detail::OVERFLOW);
        assert_eq!(QualityBits::from_quality(overflow, Family::Single).0, QualityBits::NT);
        let inaccurate = Quality::GOOD.worsened(Validity::Questionable, Detail::INACCURATE);
        assert_eq!(QualityBits::from_quality(inaccurate, Family::Float).0, QualityBits::NT);
    }

    #[test]
    fn a1_r36_a1_r37_qualifiers_round_trip() {
        for octet in 0..=255_u8 {
            assert_eq!(Qoc::from_octet(octet).bits(), octet & 0xFC);
            assert_eq!(Qos::from_octet(octet).octet(), octet);
        }
        let defined: Vec<u8> = (0..32).filter(|qu| Qoc { qu: *qu, select: false }.is_defined()).collect();
        assert_eq!(defined, (0..4).chain(9..32).collect::<Vec<u8>>());
        assert!(!Qos { ql: 1, select: false }.is_defined() && Qos { ql: 64, select: false }.is_defined());
    }
}

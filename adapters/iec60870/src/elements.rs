//! Information elements (IEC 60870-5-101 clause 7.2.6): quality bits and command qualifiers.

use bridge_model::{Detail, Quality, Validity};

use crate::Family;

/// The quality bits that SIQ, DIQ and QDS share, without value bits (clauses 7.2.6.1 to 7.2.6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QualityBits(pub u8);

impl QualityBits {
    /// Overflow; QDS only.
    pub const OV: u8 = 0x01;
    /// Blocked.
    pub const BL: u8 = 0x10;
    /// Substituted.
    pub const SB: u8 = 0x20;
    /// Not topical.
    pub const NT: u8 = 0x40;
    /// Invalid.
    pub const IV: u8 = 0x80;
    /// Each bit with its name, highest first.
    pub const NAMES: [(u8, &'static str); 5] = [(Self::IV, "IV"), (Self::NT, "NT"), (Self::SB, "SB"), (Self::BL, "BL"), (Self::OV, "OV")];

    /// The bits a family can carry.
    #[must_use]
    pub const fn mask(family: Family) -> u8 {
        match family {
            Family::Single | Family::Double => 0xF0,
            Family::Float => 0xF1,
        }
    }

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
        bits &= Self::mask(family);
        match quality.validity {
            Validity::Good => {}
            Validity::Questionable => {
                if bits & (Self::OV | Self::BL | Self::NT) == 0 {
                    bits |= Self::NT;
                }
            }
            Validity::Invalid => bits |= Self::IV,
        }
        Self(bits)
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
        for family in [Family::Single, Family::Double, Family::Float] {
            for octet in 0..=255_u8 {
                let bits = QualityBits(octet & QualityBits::mask(family));
                let quality = bits.quality();
                assert_eq!(quality.raw, u16::from(bits.0));
                assert_eq!(QualityBits::from_quality(quality, family), bits, "{family:?} {octet:#04x}");
            }
        }
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
        for family in [Family::Single, Family::Double, Family::Float] {
            assert_eq!(QualityBits::from_quality(Quality::NEVER_READ, family).0, QualityBits::NT | QualityBits::IV);
            assert_eq!(QualityBits::from_quality(Quality::GOOD.stale(), family).0, QualityBits::NT);
        }
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

//! Quality as one JSON object, and as the 16-bit form of streams.

use serde::{Deserialize, Serialize};

use crate::{QualitySource, ValidityWord};

/// The flags of the packed form, bit by bit. Bits 0 and 1 are the validity: 00 good, 01 invalid, 11 questionable (IEC 61850-8-1
/// numbers them so). The packed form is published with each descriptor set.
pub const QUALITY_BITS: &[(u16, &str)] = &[
    (1 << 2, "OVERFLOW"),
    (1 << 3, "OUT_OF_RANGE"),
    (1 << 4, "BAD_REFERENCE"),
    (1 << 5, "OSCILLATORY"),
    (1 << 6, "FAILURE"),
    (1 << 7, "OLD_DATA"),
    (1 << 8, "INCONSISTENT"),
    (1 << 9, "INACCURATE"),
    (1 << 11, "TEST"),
    (1 << 12, "BLOCKED"),
    (1 << 13, "NEVER_READ"),
];
/// The bit of the packed form that says SUBSTITUTED.
pub const SUBSTITUTED_BIT: u16 = 1 << 10;

/// The quality of one value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QualityObject {
    /// May the value be used?
    pub validity: ValidityWord,
    /// Where it came from; absent means PROCESS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<QualitySource>,
    /// Why not: names of [`QUALITY_BITS`] and those of the specification that have no bit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// What is known about the time stamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_quality: Option<TimeQuality>,
}

/// What is known about a time stamp.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeQuality {
    /// Whether the stamping clock was synchronised.
    pub sync: bool,
    /// Its accuracy in microseconds, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_us: Option<u32>,
    /// Whether a leap second is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leap_pending: Option<bool>,
}

impl QualityObject {
    /// Good, from the process.
    #[must_use]
    pub const fn good() -> Self {
        Self { validity: ValidityWord::Good, source: None, flags: Vec::new(), time_quality: None }
    }

    /// From the packed form; the reserved validity 10 reads as INVALID.
    #[must_use]
    pub fn from_bits(bits: u16) -> Self {
        let validity = match bits & 0b11 {
            0b00 => ValidityWord::Good,
            0b11 => ValidityWord::Questionable,
            _ => ValidityWord::Invalid,
        };
        let source = (bits & SUBSTITUTED_BIT != 0).then_some(QualitySource::Substituted);
        let flags = QUALITY_BITS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| (*name).to_owned()).collect();
        Self { validity, source, flags, time_quality: None }
    }

    /// The packed form. Flags without a bit, ESTIMATED, CALCULATED and the time quality are not in it.
    #[must_use]
    pub fn to_bits(&self) -> u16 {
        let validity = match self.validity {
            ValidityWord::Good => 0b00,
            ValidityWord::Invalid => 0b01,
            ValidityWord::Questionable => 0b11,
        };
        let substituted = if self.source == Some(QualitySource::Substituted) { SUBSTITUTED_BIT } else { 0 };
        let flags = QUALITY_BITS.iter().filter(|(_, name)| self.flags.iter().any(|flag| flag == name)).map(|(bit, _)| *bit).sum::<u16>();
        validity | substituted | flags
    }
}

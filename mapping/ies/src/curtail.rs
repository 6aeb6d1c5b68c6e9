//! `curtail`: the payload that caps a resource, and the one that lifts such a cap (R7).

use serde::{Deserialize, Serialize};

use crate::{LimitBasis, PowerBasis, RampRate, Reason, ReleaseMode, Span, Timestamp, Unit};

/// `curtail`: a cap, or the end of one. A payload with `releaseOf` is an end.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CurtailPayload {
    /// The end of an earlier cap, confirmed by its issuer.
    Release(CurtailRelease),
    /// A cap.
    Cap(CurtailCap),
}

/// A cap on the output of a resource.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CurtailCap {
    /// How much may remain.
    pub limit: CurtailLimit,
    /// From when, and for how long.
    pub period: CurtailPeriod,
    /// How fast the output may be taken down, and up again at the release (R7).
    pub ramp: RampRate,
    /// Whether the end of the period releases it, or only the issuer's own word.
    pub release: ReleaseMode,
    /// Why: SECURITY and CONGESTION are never released without the issuer's confirmation.
    pub reason: Reason,
    /// Whether the lost energy is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensable: Option<bool>,
}

/// What a cap counts from.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CurtailLimit {
    /// The value, in `unit`; finite and not below zero.
    pub value: f64,
    /// MW, or PERCENT of what `basis` names.
    pub unit: Unit,
    /// Whether it is what remains, or what is taken away, and of what.
    pub basis: LimitBasis,
    /// Where the power is measured; mandatory when the unit is MW (R17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_basis: Option<PowerBasis>,
}

/// When a cap holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CurtailPeriod {
    /// From when.
    pub start: Timestamp,
    /// For how long; mandatory with `release: AT_END`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
}

impl CurtailPeriod {
    /// When it ends, ns since 1970; `None` if its issuer set no end, or one beyond all clocks.
    #[must_use]
    pub fn end_ns(&self) -> Option<i64> {
        let length = i64::try_from(self.duration?.0.as_nanos()).ok()?;
        self.start.0.checked_add(length)
    }
}

/// The issuer ends its own cap: before the end of its period, at the end of one that it has to confirm, or at any time of a MANUAL one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CurtailRelease {
    /// The operationId of the `curtail` that set the cap.
    pub release_of: String,
    /// How fast the output may rise; absent: as the cap's own ramp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampRate>,
    /// Why.
    pub reason: Reason,
}

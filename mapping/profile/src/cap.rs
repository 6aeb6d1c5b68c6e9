//! What a control of verb `curtail` has beside its envelope (R6, R7).

use std::collections::BTreeMap;

use bridge_model::PointId;

/// How a limit is counted, put in force at the plant, and taken off.
#[derive(Clone, PartialEq, Debug)]
pub struct Capping {
    /// The power that shares of the rated power count from, in the control's unit.
    pub rated: f64,
    /// The point that tells what is available now, in the control's unit.
    pub available: Option<PointId>,
    /// What is written beside the limit to put it in force, and to take it off; none: the limit alone does it.
    pub enable: Option<Enable>,
    /// The companion that tells the plant the number of the reason.
    pub reason: Option<usize>,
    /// The reasons that the control knows, in capitals; empty: every reason, none with a number, and none that an end releases.
    pub reasons: BTreeMap<String, CapReason>,
}

impl Capping {
    /// Whether the end that its issuer signed may release a cap for this reason. What is not declared so waits for its issuer's own word,
    /// and SECURITY and CONGESTION always do, however they are spelled (R7).
    #[must_use]
    pub fn releases(&self, reason: &str) -> bool {
        !waits_by_rule(reason) && self.reasons.get(&reason.to_ascii_uppercase()).is_some_and(|known| known.released)
    }
}

/// A reason that a control knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CapReason {
    /// What the plant knows it by.
    pub number: i64,
    /// The end that the issuer signed may release a cap for it: `at_end = "release"`.
    pub released: bool,
}

/// Whether a reason names security or congestion, alone or within a longer word, in any spelling of case and separators.
pub(crate) fn waits_by_rule(reason: &str) -> bool {
    let letters: String = reason.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect();
    ["SECUR", "CONGEST"].iter().any(|word| letters.contains(word))
}

/// The two writes around a limit. Each is the index of a companion in [`Plan::controls`](crate::Plan::controls) and what is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enable {
    /// After the first limit was taken.
    pub on: (usize, bool),
    /// At the end of the release.
    pub off: (usize, bool),
}

/// A further control address of a control: it is written by its owner's programme, and no operation names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Companion {
    /// Index of the owner in [`Plan::controls`](crate::Plan::controls).
    pub of: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(reasons: &[(&str, bool)]) -> Capping {
        let reasons = reasons.iter().map(|(name, released)| ((*name).to_owned(), CapReason { number: 1, released: *released })).collect();
        Capping { rated: 300.0, available: None, enable: None, reason: None, reasons }
    }

    #[test]
    fn r07_only_a_reason_that_is_declared_so_is_released_by_its_end() {
        let cap = knows(&[("OVERFREQUENCY", true), ("WEATHER", false)]);
        assert!(cap.releases("OVERFREQUENCY") && cap.releases("overFrequency"));
        for reason in ["WEATHER", "OTHER", "", "OVERFREQUENCY ", "OVERFREQUENCY_2"] {
            assert!(!cap.releases(reason), "{reason:?}");
        }
        assert!(!knows(&[]).releases("OVERFREQUENCY"), "who takes every reason releases for none");
    }

    #[test]
    fn r07_security_and_congestion_wait_in_every_spelling() {
        let spellings =
            ["SECURITY", "Security", "GRID_SECURITY", "grid-security", "CONGESTION", "congestion_relief", "CONGESTED LINE", "SECURE"];
        for reason in spellings {
            assert!(waits_by_rule(reason), "{reason}");
            assert!(!knows(&[(&reason.to_ascii_uppercase(), true)]).releases(reason), "{reason}: not even if it is declared so");
        }
        for reason in ["OVERFREQUENCY", "WEATHER", "OTHER"] {
            assert!(!waits_by_rule(reason), "{reason}");
        }
    }
}

//! From the reason codes of policy and relays to the words that protocols have for a refusal.

use bridge_session::Refusal;

/// What a serving link says for a reason code; what is none of these is a question of authority.
pub(crate) fn refusal_of(code: &str) -> Refusal {
    match code {
        "EXPIRED" | "TOO_OLD" | "NOT_YET_VALID" | "NOT_ANSWERED" => Refusal::TooLate,
        "NOTHING_SELECTED" | "SELECT_MISMATCH" | "SELECT_REQUIRED" => Refusal::NotSelected,
        "NOT_A_NUMBER" | "BAD_BASIS" | "BAD_UNIT" | "BAD_PERIOD" => Refusal::Malformed,
        "BAD_QUANTITY"
        | "UNKNOWN_RESOURCE"
        | "SELECT_NOT_SUPPORTED"
        | "RELATIVE_NOT_SUPPORTED"
        | "BASIS_NOT_OFFERED"
        | "REASON_NOT_OFFERED"
        | "TEST" => Refusal::NotSupported,
        "POINT_LOCKED" | "BUSY" => Refusal::Busy,
        "LOCAL_CONTROL" => Refusal::Local,
        "NOT_READY" | "AGC_ACTIVE" | "NEWER_CAP" | "LOWER_CAP" | "AWAITS_RELEASE" | "BLOCKED" => Refusal::Inhibited,
        "ABOVE_MAX" | "ABOVE_CAP" | "BELOW_MIN" | "RAMP_TOO_FAST" => Refusal::OutOfRange,
        "LINK_DOWN" | "PEER_DOWN" | "JOURNAL_FAILED" | "NO_FEEDBACK" | "CLOCK_UNSYNCHRONISED" => Refusal::Unavailable,
        _ => Refusal::NotAuthorised,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r15_a_refusal_has_the_word_that_protocols_have_for_its_reason() {
        for (code, expected) in [
            (bridge_policy::code::ABOVE_MAX, Refusal::OutOfRange),
            (bridge_policy::code::BELOW_MIN, Refusal::OutOfRange),
            (bridge_policy::code::LOCAL_CONTROL, Refusal::Local),
            (bridge_policy::code::POINT_LOCKED, Refusal::Busy),
            (bridge_policy::code::NOTHING_SELECTED, Refusal::NotSelected),
            (bridge_policy::code::TOO_OLD, Refusal::TooLate),
            (bridge_policy::code::NOT_READY, Refusal::Inhibited),
            (bridge_policy::code::LINK_DOWN, Refusal::Unavailable),
            (bridge_policy::code::NOT_A_NUMBER, Refusal::Malformed),
            (bridge_policy::code::UNKNOWN_RESOURCE, Refusal::NotSupported),
            (bridge_policy::code::NOT_AUTHORISED, Refusal::NotAuthorised),
            ("SOMETHING_NEW", Refusal::NotAuthorised),
        ] {
            assert_eq!(refusal_of(code), expected, "{code}");
        }
    }
}

//! From the reason codes of policy and relays to the words that protocols have for a refusal.

use bridge_session::Refusal;

/// What a serving link says for a reason code. Only a want of authority is one: a peer counts it as an attempt on its security. What has
/// no word of its own did not work behind the link.
pub(crate) fn refusal_of(code: &str) -> Refusal {
    match code {
        "NOT_AUTHORISED" | "NOT_PERMITTED" | "NOT_NAMED" => Refusal::NotAuthorised,
        // The words of a far bridge's door.
        "AUT_RATE_LIMITED" => Refusal::TooMany,
        _ if code.starts_with("AUT_") => Refusal::NotAuthorised,
        "CTX_TTL_EXPIRED" => Refusal::TooLate,
        "EXPIRED" | "TOO_OLD" | "NOT_YET_VALID" | "NOT_ANSWERED" | "NOT_REPORTED" => Refusal::TooLate,
        "NOTHING_SELECTED" | "SELECT_MISMATCH" | "SELECT_REQUIRED" => Refusal::NotSelected,
        "NOT_A_NUMBER" | "BAD_BASIS" | "BAD_UNIT" | "BAD_PERIOD" => Refusal::Malformed,
        "BAD_QUANTITY"
        | "UNKNOWN_RESOURCE"
        | "SELECT_NOT_SUPPORTED"
        | "RELATIVE_NOT_SUPPORTED"
        | "BASIS_NOT_OFFERED"
        | "REASON_NOT_OFFERED"
        | "NO_SUCH_CAP"
        | "TEST" => Refusal::NotSupported,
        "POINT_LOCKED" | "BUSY" => Refusal::Busy,
        "LOCAL_CONTROL" | "NOT_ENABLED" => Refusal::Local,
        // An interlock, an automation, a cap, a newer order, or people who may not let it happen now.
        "NOT_READY" | "AGC_ACTIVE" | "NEWER_CAP" | "LOWER_CAP" | "AWAITS_RELEASE" | "RELEASED" | "BLOCKED" | "SUPERSEDED" | "CANCELLED"
        | "MAINTENANCE" | "UNSAFE" => Refusal::Inhibited,
        "ABOVE_MAX" | "ABOVE_CAP" | "BELOW_MIN" | "RAMP_TOO_FAST" | "BUMP_LIMIT" | "OUT_OF_ENVELOPE" => Refusal::OutOfRange,
        // Links, stations, feedback, the journal, people without fuel, and whatever comes to be told one day.
        _ => Refusal::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::REASONS;

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
            ("AUT_UNAUTHORIZED_ACTION", Refusal::NotAuthorised),
            ("AUT_RATE_LIMITED", Refusal::TooMany),
            ("CTX_TTL_EXPIRED", Refusal::TooLate),
            ("SOMETHING_NEW", Refusal::Unavailable),
        ] {
            assert_eq!(refusal_of(code), expected, "{code}");
        }
    }

    /// Whoever lacks fuel has attempted nothing: only a want of authority is counted as an attempt on security (DNP3: status 9, g121).
    #[test]
    fn r15_every_reason_has_its_word_and_only_a_want_of_authority_is_one_of_authority() {
        let words: [(Refusal, &[&str]); 9] = [
            (Refusal::NotAuthorised, &["NOT_AUTHORISED", "NOT_PERMITTED", "NOT_NAMED"]),
            (Refusal::TooLate, &["EXPIRED", "TOO_OLD", "NOT_YET_VALID", "NOT_ANSWERED", "NOT_REPORTED"]),
            (Refusal::NotSelected, &["NOTHING_SELECTED", "SELECT_MISMATCH", "SELECT_REQUIRED"]),
            (Refusal::Malformed, &["NOT_A_NUMBER", "BAD_BASIS", "BAD_UNIT", "BAD_PERIOD"]),
            (
                Refusal::NotSupported,
                &[
                    "BAD_QUANTITY",
                    "UNKNOWN_RESOURCE",
                    "SELECT_NOT_SUPPORTED",
                    "RELATIVE_NOT_SUPPORTED",
                    "BASIS_NOT_OFFERED",
                    "REASON_NOT_OFFERED",
                    "NO_SUCH_CAP",
                    "TEST",
                ],
            ),
            (Refusal::Busy, &["POINT_LOCKED", "BUSY"]),
            (Refusal::Local, &["LOCAL_CONTROL", "NOT_ENABLED"]),
            (
                Refusal::Inhibited,
                &["NOT_READY", "NEWER_CAP", "LOWER_CAP", "AWAITS_RELEASE", "RELEASED", "SUPERSEDED", "CANCELLED", "MAINTENANCE", "UNSAFE"],
            ),
            (Refusal::OutOfRange, &["ABOVE_MAX", "ABOVE_CAP", "BELOW_MIN", "RAMP_TOO_FAST", "BUMP_LIMIT", "OUT_OF_ENVELOPE"]),
        ];
        let unavailable = [
            "CLOCK_UNSYNCHRONISED",
            "LINK_DOWN",
            "JOURNAL_FAILED",
            "PEER_DOWN",
            "RESTART",
            "NO_ECHO",
            "NOT_FOLLOWED",
            "STATION_REFUSED",
            "NO_ANSWER",
            "ISSUER_LOST",
            "NO_FEEDBACK",
            "STEP_NOT_SENT",
            "NOT_FRESH",
            "SELECT_UNANSWERED",
            "UNIT_NOT_AVAILABLE",
            "EQUIPMENT_FAULT",
            "FUEL_SHORTAGE",
            "OTHER",
        ];
        for code in REASONS {
            let mut expected = words.iter().filter(|(_, codes)| codes.contains(&code)).map(|(word, _)| *word);
            let expected = expected.next().or(unavailable.contains(&code).then_some(Refusal::Unavailable));
            assert_eq!(Some(refusal_of(code)), expected, "{code}");
        }
        for reason in bridge_policy::OPERATOR_REASONS {
            assert!(REASONS.contains(reason), "{reason} has a number");
        }
    }
}

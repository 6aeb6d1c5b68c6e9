//! Whether an instruction may be shown to the people of a plant (R8): it is as signed and as fresh as a command, and it makes sense now.

use std::time::Duration;

use bridge_ies::Mode;
use bridge_model::Utc;

use crate::code;
use crate::envelope::{ClockFacts, Condition, Decision, Refusal, Times, direct, own_state, state_of, times};

/// What is asked, after its signatures were verified.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct InstructionRequest {
    /// How it is meant; only DIRECT is an instruction.
    pub mode: Option<Mode>,
    /// When the issuer issued it.
    pub issued_at: Utc,
    /// Not before.
    pub valid_from: Option<Utc>,
    /// Not after; `None` is refused as expired.
    pub valid_until: Option<Utc>,
    /// `timestamp + ttl` of the message that carried it, if a message did.
    pub message_expires: Option<Utc>,
    /// Whether a person is named who issued it, and the instruction's code: both are mandatory (R8).
    pub named: bool,
}

/// What is known at the moment of the decision. The default knows nothing, and so everything is refused.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct InstructionFacts {
    /// The time of the decision.
    pub now: Utc,
    /// Whether a control of this bridge belongs to resource and verb.
    pub known: bool,
    /// Whether the trust bundle, still alive, authorises party, role, verb and resource.
    pub authorised: bool,
    /// Whether the journal can be written.
    pub journal_ok: bool,
    /// The bridge's own clock.
    pub clock: ClockFacts,
    /// How old an instruction may be.
    pub max_age: Duration,
    /// How far the issuer's clock may run ahead of this one.
    pub max_ahead: Duration,
    /// The control's preconditions.
    pub requires: Vec<Condition>,
}

/// Decides on one instruction. The first reason found is given, in the order of [`decide`](crate::decide): a stranger learns nothing of the
/// plant's state.
#[must_use]
pub fn decide_instruction(request: &InstructionRequest, facts: &InstructionFacts) -> Decision {
    match refusal(request, facts) {
        Some((code, text)) => Decision::Reject { code, text },
        None => Decision::Accept,
    }
}

fn refusal(request: &InstructionRequest, facts: &InstructionFacts) -> Refusal {
    let InstructionRequest { issued_at, valid_from, valid_until, message_expires, .. } = *request;
    let asked = Times { issued_at, valid_from, valid_until, message_expires, max_age: facts.max_age, max_ahead: facts.max_ahead };
    if !facts.authorised {
        return Some((code::NOT_AUTHORISED, "the trust bundle does not allow it".to_owned()));
    }
    if !facts.known {
        return Some((code::UNKNOWN_RESOURCE, "no control for this resource and verb".to_owned()));
    }
    let nameless = || (!request.named).then(|| (code::NOT_NAMED, "no person and no instruction code stand behind it".to_owned()));
    let unmet = || facts.requires.iter().find(|condition| !condition.is_met());
    own_state(facts.journal_ok, facts.clock)
        .or_else(|| times(&asked, facts.now))
        .or_else(|| direct(request.mode))
        .or_else(nameless)
        .or_else(|| unmet().map(|condition| (code::NOT_READY, format!("{}: {}", condition.text, state_of(condition)))))
}

#[cfg(test)]
mod tests {
    use bridge_model::Quality;

    use super::*;

    const NOW: Utc = Utc(1_795_000_000_000_000_000);

    fn request() -> InstructionRequest {
        InstructionRequest {
            mode: Some(Mode::Direct),
            issued_at: NOW - Duration::from_secs(1),
            valid_from: None,
            valid_until: Some(NOW + Duration::from_mins(10)),
            message_expires: Some(NOW + Duration::from_secs(30)),
            named: true,
        }
    }

    fn off() -> Condition {
        Condition { text: "U1.state == off".into(), equals: 0.0, value: Some(0.0), quality: Quality::GOOD, fresh: true }
    }

    fn facts() -> InstructionFacts {
        InstructionFacts {
            now: NOW,
            known: true,
            authorised: true,
            journal_ok: true,
            clock: ClockFacts { synchronised: true, uncertainty: Duration::ZERO, limit: Duration::from_secs(1) },
            max_age: Duration::from_mins(1),
            max_ahead: Duration::from_secs(5),
            requires: vec![off()],
        }
    }

    #[test]
    fn r08_an_instruction_passes_the_same_gates_as_a_command() {
        assert_eq!(decide_instruction(&request(), &facts()), Decision::Accept);
        let asked = |change: fn(&mut InstructionRequest)| {
            let mut request = request();
            change(&mut request);
            decide_instruction(&request, &facts())
        };
        let known = |change: fn(&mut InstructionFacts)| {
            let mut facts = facts();
            change(&mut facts);
            decide_instruction(&request(), &facts)
        };
        let cases = [
            (known(|f| f.authorised = false), code::NOT_AUTHORISED),
            (known(|f| f.known = false), code::UNKNOWN_RESOURCE),
            (known(|f| f.journal_ok = false), code::JOURNAL_FAILED),
            (known(|f| f.clock.synchronised = false), code::CLOCK_UNSYNCHRONISED),
            (known(|f| f.requires[0].value = Some(2.0)), code::NOT_READY),
            (known(|f| f.requires[0].fresh = false), code::NOT_READY),
            (asked(|r| r.valid_until = None), code::EXPIRED),
            (asked(|r| r.valid_until = Some(NOW)), code::EXPIRED),
            (asked(|r| r.message_expires = Some(NOW)), code::EXPIRED),
            (asked(|r| r.valid_from = Some(NOW + Duration::from_secs(1))), code::NOT_YET_VALID),
            (asked(|r| r.issued_at = NOW - Duration::from_mins(2)), code::TOO_OLD),
            (asked(|r| r.issued_at = NOW + Duration::from_secs(6)), code::TOO_OLD),
            (asked(|r| r.mode = Some(Mode::Select)), code::SELECT_NOT_SUPPORTED),
            (asked(|r| r.mode = None), code::SELECT_NOT_SUPPORTED),
            (asked(|r| r.named = false), code::NOT_NAMED),
        ];
        for (decision, expected) in cases {
            assert!(matches!(&decision, Decision::Reject { code, .. } if *code == expected), "{expected}: {decision:?}");
        }
        let nothing = decide_instruction(&request(), &InstructionFacts::default());
        assert!(matches!(nothing, Decision::Reject { code: code::NOT_AUTHORISED, .. }), "who knows nothing refuses");
    }
}

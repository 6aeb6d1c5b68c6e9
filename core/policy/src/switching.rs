//! Whether a switch may be opened or closed now (R9): as signed and as fresh as any command, and from the position that its issuer saw.

use bridge_ies::{Mode, SwitchStep};
use bridge_model::Utc;

use crate::code;
use crate::envelope::{Condition, Decision, Facts, Refusal, Times, direct, own_state, plant_state, selecting, state_of, times};

/// What is asked, after its signatures were verified.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SwitchRequest<'a> {
    /// How it is meant: DIRECT, or SELECT and OPERATE where the control wants its issuer's SELECT.
    pub mode: Option<Mode>,
    /// The steps of the plan; exactly one is taken.
    pub steps: &'a [SwitchStep],
    /// The resource that the operation is about.
    pub era: &'a str,
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

/// Decides on one switch. `before`: the position as it is read, beside the one that the issuer expects. The first reason found is given, in
/// the order of [`decide`](crate::decide).
#[must_use]
pub fn decide_switch(request: &SwitchRequest<'_>, facts: &Facts, before: &Condition) -> Decision {
    match refusal(request, facts, before) {
        Some((code, text)) => Decision::Reject { code, text },
        None => Decision::Accept,
    }
}

fn refusal(request: &SwitchRequest<'_>, facts: &Facts, before: &Condition) -> Refusal {
    let SwitchRequest { issued_at, valid_from, valid_until, message_expires, .. } = *request;
    if !facts.authorised {
        return Some((code::NOT_AUTHORISED, "the trust bundle does not allow it".to_owned()));
    }
    let Some(control) = &facts.control else {
        return Some((code::UNKNOWN_RESOURCE, "no control for this resource and verb".to_owned()));
    };
    let asked = Times { issued_at, valid_from, valid_until, message_expires, max_age: control.max_age, max_ahead: control.max_ahead };
    let nameless = || (!request.named).then(|| (code::NOT_NAMED, "no person and no instruction code stand behind it".to_owned()));
    let moved = || (!before.is_met()).then(|| (code::NOT_READY, format!("{}: {}", before.text, state_of(before))));
    own_state(facts.journal_ok, facts.clock)
        .or_else(|| times(&asked, facts.now))
        .or_else(|| if facts.issuer_selects { selecting(request.mode) } else { direct(request.mode) })
        .or_else(nameless)
        .or_else(|| steps(request))
        .or_else(|| plant_state(facts))
        .or_else(moved)
}

fn steps(request: &SwitchRequest<'_>) -> Refusal {
    match request.steps {
        [step] if step.element == request.era => None,
        [step] => Some((code::UNKNOWN_RESOURCE, format!("{} is not the resource of the operation", step.element))),
        steps => Some((code::BAD_QUANTITY, format!("a plan of {} steps, this control takes one", steps.len()))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bridge_ies::{PowerBasis, Quantity, SwitchAction, SwitchState, Unit};
    use bridge_model::Quality;

    use super::*;
    use crate::envelope::{ClockFacts, ControlFacts};

    const NOW: Utc = Utc(1_795_000_000_000_000_000);

    fn condition(text: &str, value: f64) -> Condition {
        Condition { text: text.into(), equals: 1.0, value: Some(value), quality: Quality::GOOD, fresh: true }
    }

    fn facts() -> Facts {
        Facts {
            now: NOW,
            authorised: true,
            journal_ok: true,
            link_up: true,
            clock: ClockFacts { synchronised: true, uncertainty: Duration::ZERO, limit: Duration::from_secs(1) },
            remote_enable: Some(condition("remote enable", 1.0)),
            requires: vec![condition("plant.remote == 1", 1.0)],
            control: Some(ControlFacts {
                quantity: Quantity::ActivePower,
                unit: Unit::Mw,
                basis: None::<PowerBasis>,
                min: 0.0,
                max: 1.0,
                cap: None,
                ramp_up: None,
                ramp_down: None,
                present: None,
                max_age: Duration::from_secs(30),
                max_ahead: Duration::from_secs(5),
            }),
            ..Facts::default()
        }
    }

    fn step() -> SwitchStep {
        SwitchStep { seq: 1, element: "era:b1".into(), action: SwitchAction::Open, expect_before: SwitchState::Closed }
    }

    fn request(steps: &[SwitchStep]) -> SwitchRequest<'_> {
        SwitchRequest {
            mode: Some(Mode::Direct),
            steps,
            era: "era:b1",
            issued_at: NOW - Duration::from_secs(1),
            valid_from: None,
            valid_until: Some(NOW + Duration::from_secs(10)),
            message_expires: None,
            named: true,
        }
    }

    fn code_of(decision: &Decision) -> &str {
        match decision {
            Decision::Accept => "accepted",
            Decision::Reject { code, .. } => code,
        }
    }

    #[test]
    fn r09_a_switch_moves_only_from_the_position_that_its_issuer_saw() {
        let steps = [step()];
        let closed = condition("expected CLOSED", 1.0);
        let judge =
            |request: &SwitchRequest<'_>, facts: &Facts, before: &Condition| code_of(&decide_switch(request, facts, before)).to_owned();
        assert_eq!(judge(&request(&steps), &facts(), &closed), "accepted");
        for before in [
            condition("expected CLOSED", 0.0),
            Condition { value: None, ..closed.clone() },
            Condition { fresh: false, ..closed.clone() },
            Condition { quality: Quality::GOOD.stale(), ..closed.clone() },
        ] {
            assert_eq!(judge(&request(&steps), &facts(), &before), code::NOT_READY, "{before:?}");
        }
    }

    #[test]
    fn r09_a_switch_passes_the_same_gates_as_a_command() {
        let steps = [step()];
        let before = condition("expected CLOSED", 1.0);
        let known = |change: fn(&mut Facts)| {
            let mut facts = facts();
            change(&mut facts);
            code_of(&decide_switch(&request(&steps), &facts, &before)).to_owned()
        };
        assert_eq!(known(|f| f.authorised = false), code::NOT_AUTHORISED);
        assert_eq!(known(|f| f.control = None), code::UNKNOWN_RESOURCE);
        assert_eq!(known(|f| f.journal_ok = false), code::JOURNAL_FAILED);
        assert_eq!(known(|f| f.clock.synchronised = false), code::CLOCK_UNSYNCHRONISED);
        assert_eq!(known(|f| f.link_up = false), code::LINK_DOWN);
        assert_eq!(known(|f| f.locked = Some("unknown".into())), code::POINT_LOCKED);
        assert_eq!(known(|f| f.requires[0].value = Some(0.0)), code::NOT_READY);
        assert_eq!(known(|f| f.remote_enable.as_mut().unwrap().value = Some(0.0)), code::LOCAL_CONTROL);
        assert_eq!(known(|f| f.issuer_selects = true), code::SELECT_REQUIRED);
        let asked = |change: fn(&mut SwitchRequest<'_>)| {
            let mut request = request(&steps);
            change(&mut request);
            code_of(&decide_switch(&request, &facts(), &before)).to_owned()
        };
        assert_eq!(asked(|r| r.named = false), code::NOT_NAMED);
        assert_eq!(asked(|r| r.mode = Some(Mode::Select)), code::SELECT_NOT_SUPPORTED);
        assert_eq!(asked(|r| r.issued_at = NOW - Duration::from_mins(1)), code::TOO_OLD);
        assert_eq!(asked(|r| r.valid_until = Some(NOW)), code::EXPIRED);
        assert_eq!(asked(|r| r.era = "era:other"), code::UNKNOWN_RESOURCE);
        let two = [step(), step()];
        assert_eq!(code_of(&decide_switch(&request(&two), &facts(), &before)), code::BAD_QUANTITY);
        assert_eq!(
            code_of(&decide_switch(&request(&steps), &Facts::default(), &before)),
            code::NOT_AUTHORISED,
            "who knows nothing refuses"
        );
    }
}

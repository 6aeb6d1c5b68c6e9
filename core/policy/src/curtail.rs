//! Whether a cap may be set on a resource, and whether one may be lifted again (R6, R7).

use bridge_ies::{CurtailCap, LimitBasis, Mode, RampRate, RampUnit, ReleaseMode, Unit, format_time};
use bridge_model::Utc;

use crate::code;
use crate::envelope::{ControlFacts, Decision, Facts, Times, direct, own_state, plant_state, times};

/// A cap that is asked for, after its signatures were verified.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CapRequest<'a> {
    /// How it is meant; only DIRECT.
    pub mode: Option<Mode>,
    /// The cap.
    pub cap: &'a CurtailCap,
    /// When the issuer issued it.
    pub issued_at: Utc,
    /// Not before.
    pub valid_from: Option<Utc>,
    /// Not after; `None` is refused as expired.
    pub valid_until: Option<Utc>,
    /// `timestamp + ttl` of the message that carried it, if a message did.
    pub message_expires: Option<Utc>,
}

/// What is known of the control beside its envelope. Powers in the control's unit.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CapFacts {
    /// The rated power that OF_RATED counts from.
    pub rated: Option<f64>,
    /// What is available now; `None` if the profile names no point, or it is not GOOD.
    pub available: Option<f64>,
    /// What is measured now; `None` if it is not GOOD.
    pub measured: Option<f64>,
    /// The reasons that the control knows; empty: every reason.
    pub reasons: Vec<String>,
}

/// Decides on one cap; gives the highest power that may remain, in the control's unit. Shares and reductions are converted here, once.
///
/// A lock by an unknown outcome does not stop a cap: it goes in the safe direction (R3), so whoever asks leaves [`Facts::locked`] empty.
///
/// # Errors
/// The first reason found, as code and text, in the order of [`decide`](crate::decide).
pub fn decide_cap(request: &CapRequest<'_>, facts: &Facts, cap: &CapFacts) -> Result<f64, (&'static str, String)> {
    let control = known(facts)?;
    let asked = Times {
        issued_at: request.issued_at,
        valid_from: request.valid_from,
        valid_until: request.valid_until,
        message_expires: request.message_expires,
        max_age: control.max_age,
        max_ahead: control.max_ahead,
    };
    refuse(own_state(facts.journal_ok, facts.clock).or_else(|| times(&asked, facts.now)).or_else(|| direct(request.mode)))?;
    period(request.cap, facts.now, control)?;
    reason(request.cap, cap)?;
    let limit = remaining(request.cap, control, cap)?;
    within(limit, control)?;
    ramp(request.cap.ramp, control.ramp_down, control.unit)?;
    refuse(plant_state(facts))?;
    Ok(limit)
}

/// The end of a cap, asked by the party that set it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LiftRequest {
    /// How it is meant; only DIRECT.
    pub mode: Option<Mode>,
    /// How fast the output may rise.
    pub ramp: Option<RampRate>,
    /// When the issuer issued it.
    pub issued_at: Utc,
    /// Not before.
    pub valid_from: Option<Utc>,
    /// Not after; `None` is refused as expired.
    pub valid_until: Option<Utc>,
    /// `timestamp + ttl` of the message that carried it, if a message did.
    pub message_expires: Option<Utc>,
}

/// Decides on the end of a cap. `own`: the issuer has such a cap in force; `newer`: why another one forbids it (R7).
#[must_use]
pub fn decide_lift(request: &LiftRequest, facts: &Facts, own: bool, newer: Option<String>) -> Decision {
    match lift(request, facts, own, newer) {
        Ok(()) => Decision::Accept,
        Err((code, text)) => Decision::Reject { code, text },
    }
}

fn lift(request: &LiftRequest, facts: &Facts, own: bool, newer: Option<String>) -> Result<(), (&'static str, String)> {
    if !facts.authorised {
        return Err((code::NOT_AUTHORISED, "the trust bundle does not allow it".to_owned()));
    }
    let (true, Some(control)) = (own, &facts.control) else {
        return Err((code::NO_SUCH_CAP, "no cap of this issuer with that operation is in force".to_owned()));
    };
    let asked = Times {
        issued_at: request.issued_at,
        valid_from: request.valid_from,
        valid_until: request.valid_until,
        message_expires: request.message_expires,
        max_age: control.max_age,
        max_ahead: control.max_ahead,
    };
    refuse(own_state(facts.journal_ok, facts.clock).or_else(|| times(&asked, facts.now)).or_else(|| direct(request.mode)))?;
    if let Some(newer) = newer {
        return Err((code::NEWER_CAP, newer));
    }
    if let Some(asked) = request.ramp {
        ramp(asked, control.ramp_up, control.unit)?;
    }
    refuse(plant_state(facts))
}

fn known(facts: &Facts) -> Result<&ControlFacts, (&'static str, String)> {
    if !facts.authorised {
        return Err((code::NOT_AUTHORISED, "the trust bundle does not allow it".to_owned()));
    }
    facts.control.as_ref().ok_or_else(|| (code::UNKNOWN_RESOURCE, "no control for this resource and verb".to_owned()))
}

fn refuse(refusal: Option<(&'static str, String)>) -> Result<(), (&'static str, String)> {
    refusal.map_or(Ok(()), Err)
}

/// A cap holds from now, and has an end if its end releases it.
fn period(cap: &CurtailCap, now: Utc, control: &ControlFacts) -> Result<(), (&'static str, String)> {
    let start = Utc(cap.period.start.0);
    if start.since(now) > control.max_ahead {
        let text = format!("the period begins {}; this bridge keeps no command waiting", format_time(start.0));
        return Err((code::NOT_YET_VALID, text));
    }
    match cap.period.end_ns() {
        None if cap.period.duration.is_some() => Err((code::BAD_PERIOD, "the period ends beyond all clocks".to_owned())),
        None if cap.release == ReleaseMode::AtEnd => Err((code::BAD_PERIOD, "release AT_END, and the period has no end".to_owned())),
        Some(end) if end <= now.0 => Err((code::BAD_PERIOD, format!("the period ended {}", format_time(end)))),
        Some(_) | None => Ok(()),
    }
}

fn reason(cap: &CurtailCap, facts: &CapFacts) -> Result<(), (&'static str, String)> {
    let code = &cap.reason.code;
    if facts.reasons.is_empty() || facts.reasons.iter().any(|known| known.eq_ignore_ascii_case(code)) {
        return Ok(());
    }
    Err((code::REASON_NOT_OFFERED, format!("{code} is no reason of this control; it knows {}", facts.reasons.join(", "))))
}

/// The power that may remain.
fn remaining(cap: &CurtailCap, control: &ControlFacts, facts: &CapFacts) -> Result<f64, (&'static str, String)> {
    let limit = cap.limit;
    if !limit.value.is_finite() || limit.value < 0.0 {
        return Err((code::NOT_A_NUMBER, format!("the limit {} is not a number from zero", limit.value)));
    }
    if limit.power_basis.is_some_and(|basis| control.basis != Some(basis)) || (limit.unit != Unit::Percent && limit.power_basis.is_none()) {
        let name = |basis: Option<bridge_ies::PowerBasis>| basis.map_or("no basis", bridge_ies::PowerBasis::as_str);
        return Err((code::BAD_BASIS, format!("{} was sent, the control takes {}", name(limit.power_basis), name(control.basis))));
    }
    let percent = limit.unit == Unit::Percent;
    if !percent && limit.unit != control.unit {
        return Err((code::BAD_UNIT, format!("{} was sent, the control takes {} or PERCENT", limit.unit, control.unit)));
    }
    let share = |of: f64| of * limit.value / 100.0;
    let not_good = |what: &str| (code::NO_FEEDBACK, format!("{} counts from {what}, which is not GOOD", limit.basis));
    match limit.basis {
        LimitBasis::AbsoluteCap if percent => Err((code::BAD_UNIT, "an absolute cap in PERCENT: of what is not said".to_owned())),
        LimitBasis::AbsoluteCap => Ok(limit.value),
        LimitBasis::ReductionBy => {
            let measured = facts.measured.ok_or_else(|| not_good("the measured power"))?;
            // No more can be taken away than there is.
            Ok((measured - if percent { share(measured) } else { limit.value }).max(control.min))
        }
        LimitBasis::OfSchedule => Err((code::BASIS_NOT_OFFERED, "OF_SCHEDULE, and schedules are not driven by this version".to_owned())),
        LimitBasis::OfRated | LimitBasis::OfAvailable if !percent => {
            Err((code::BAD_UNIT, format!("{} is a share: it is sent in PERCENT", limit.basis)))
        }
        LimitBasis::OfRated => {
            let none = || (code::BASIS_NOT_OFFERED, "OF_RATED, and the control declares no rated power".to_owned());
            facts.rated.map(share).ok_or_else(none)
        }
        LimitBasis::OfAvailable => facts
            .available
            .map(share)
            .ok_or_else(|| (code::BASIS_NOT_OFFERED, "OF_AVAILABLE, and the control has no point of it that is GOOD".to_owned())),
    }
}

/// Outside the envelope is refused, never clamped.
fn within(limit: f64, control: &ControlFacts) -> Result<(), (&'static str, String)> {
    let (min, max, unit) = (control.min, control.max, control.unit);
    if !(min.is_finite() && max.is_finite() && limit.is_finite()) {
        return Err((code::NOT_A_NUMBER, "the limit or the envelope is not a finite number".to_owned()));
    }
    if limit > max {
        return Err((code::ABOVE_MAX, format!("{limit} {unit} is above {max} {unit}")));
    }
    if limit < min {
        return Err((code::BELOW_MIN, format!("{limit} {unit} is below {min} {unit}")));
    }
    Ok(())
}

fn ramp(asked: RampRate, declared: Option<f64>, unit: Unit) -> Result<(), (&'static str, String)> {
    let RampRate { value, unit: RampUnit::MwPerMin } = asked;
    if unit != Unit::Mw {
        return Err((code::BAD_UNIT, format!("a ramp in MW/min for a control in {unit}")));
    }
    match declared {
        _ if !value.is_finite() => Err((code::NOT_A_NUMBER, format!("the ramp {value} is not a finite number"))),
        Some(declared) if value > 0.0 && value <= declared => Ok(()),
        Some(declared) => Err((code::RAMP_TOO_FAST, format!("{value} MW/min was asked, {declared} MW/min is declared"))),
        None => Err((code::RAMP_TOO_FAST, format!("{value} MW/min was asked, the control declares no ramp"))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bridge_ies::{CurtailLimit, CurtailPeriod, PowerBasis, Quantity, Reason, Span, Timestamp};

    use super::*;
    use crate::{ClockFacts, Condition};

    const NOW: Utc = Utc(1_795_000_000_000_000_000);

    fn cap() -> CurtailCap {
        CurtailCap {
            limit: CurtailLimit { value: 120.0, unit: Unit::Mw, basis: LimitBasis::AbsoluteCap, power_basis: Some(PowerBasis::ExBus) },
            period: CurtailPeriod { start: Timestamp(NOW.0), duration: Some(Span(Duration::from_mins(15))) },
            ramp: RampRate { value: 20.0, unit: RampUnit::MwPerMin },
            release: ReleaseMode::AtEnd,
            reason: Reason { code: "CONGESTION".to_owned(), text: None },
            compensable: None,
        }
    }

    fn facts() -> Facts {
        Facts {
            now: NOW,
            control: Some(ControlFacts {
                quantity: Quantity::ActivePower,
                unit: Unit::Mw,
                basis: Some(PowerBasis::ExBus),
                min: 0.0,
                max: 300.0,
                cap: None,
                ramp_up: Some(10.0),
                ramp_down: Some(60.0),
                present: Some(250.0),
                max_age: Duration::from_secs(10),
                max_ahead: Duration::from_secs(1),
            }),
            authorised: true,
            issuer_selects: false,
            journal_ok: true,
            clock: ClockFacts { synchronised: true, uncertainty: Duration::ZERO, limit: Duration::from_secs(1) },
            link_up: true,
            locked: None,
            remote_enable: None,
            requires: Vec::new(),
        }
    }

    fn known() -> CapFacts {
        let reasons = ["CONGESTION", "SECURITY"].map(str::to_owned).to_vec();
        CapFacts { rated: Some(300.0), available: Some(200.0), measured: Some(250.0), reasons }
    }

    fn request(cap: &CurtailCap) -> CapRequest<'_> {
        CapRequest {
            mode: Some(Mode::Direct),
            cap,
            issued_at: NOW - Duration::from_secs(1),
            valid_from: None,
            valid_until: Some(NOW + Duration::from_mins(1)),
            message_expires: None,
        }
    }

    fn decided(change: impl FnOnce(&mut CurtailCap, &mut Facts, &mut CapFacts)) -> Result<f64, &'static str> {
        let (mut cap, mut facts, mut known) = (cap(), facts(), known());
        change(&mut cap, &mut facts, &mut known);
        decide_cap(&request(&cap), &facts, &known).map_err(|(code, text)| {
            assert!(!text.is_empty(), "{code} has a text");
            code
        })
    }

    fn limit(value: f64, unit: Unit, basis: LimitBasis) -> CurtailLimit {
        CurtailLimit { value, unit, basis, power_basis: (unit == Unit::Mw).then_some(PowerBasis::ExBus) }
    }

    #[test]
    fn r07_each_basis_becomes_one_power_that_may_remain() {
        let of = |value, unit, basis| decided(|cap, _, _| cap.limit = limit(value, unit, basis));
        assert_eq!(of(120.0, Unit::Mw, LimitBasis::AbsoluteCap), Ok(120.0));
        assert_eq!(of(40.0, Unit::Percent, LimitBasis::OfRated), Ok(120.0));
        assert_eq!(of(40.0, Unit::Percent, LimitBasis::OfAvailable), Ok(80.0));
        assert_eq!(of(50.0, Unit::Mw, LimitBasis::ReductionBy), Ok(200.0));
        assert_eq!(of(40.0, Unit::Percent, LimitBasis::ReductionBy), Ok(150.0));
        assert_eq!(of(400.0, Unit::Mw, LimitBasis::ReductionBy), Ok(0.0), "no more is taken away than there is");
        assert_eq!(of(40.0, Unit::Percent, LimitBasis::AbsoluteCap), Err(code::BAD_UNIT));
        assert_eq!(of(40.0, Unit::Mw, LimitBasis::OfRated), Err(code::BAD_UNIT));
        assert_eq!(of(40.0, Unit::Percent, LimitBasis::OfSchedule), Err(code::BASIS_NOT_OFFERED));
    }

    #[test]
    fn r07_what_makes_no_cap_is_refused_by_its_code() {
        let percent = |cap: &mut CurtailCap, basis| cap.limit = limit(40.0, Unit::Percent, basis);
        let cases: [(Result<f64, &str>, &str); 21] = [
            (decided(|_, f, _| f.authorised = false), code::NOT_AUTHORISED),
            (decided(|_, f, _| f.control = None), code::UNKNOWN_RESOURCE),
            (decided(|_, f, _| f.journal_ok = false), code::JOURNAL_FAILED),
            (decided(|_, f, _| f.clock.synchronised = false), code::CLOCK_UNSYNCHRONISED),
            (decided(|c, _, _| c.period.start = Timestamp(NOW.0 + 60_000_000_000)), code::NOT_YET_VALID),
            (decided(|c, _, _| c.period.start = Timestamp(NOW.0 - 900_000_000_000)), code::BAD_PERIOD),
            (decided(|c, _, _| c.period.duration = None), code::BAD_PERIOD),
            (decided(|c, _, _| c.reason.code = "WEATHER".to_owned()), code::REASON_NOT_OFFERED),
            (decided(|c, _, _| c.limit.value = f64::NAN), code::NOT_A_NUMBER),
            (decided(|c, _, _| c.limit.value = 300.1), code::ABOVE_MAX),
            (decided(|c, f, _| (c.limit.value, f.control.as_mut().unwrap().min) = (9.0, 10.0)), code::BELOW_MIN),
            (decided(|c, _, _| c.limit.power_basis = Some(PowerBasis::Gross)), code::BAD_BASIS),
            (decided(|c, _, _| c.limit.power_basis = None), code::BAD_BASIS),
            (
                decided(|c, _, k| {
                    percent(c, LimitBasis::OfRated);
                    k.rated = None;
                }),
                code::BASIS_NOT_OFFERED,
            ),
            (
                decided(|c, _, k| {
                    percent(c, LimitBasis::OfAvailable);
                    k.available = None;
                }),
                code::BASIS_NOT_OFFERED,
            ),
            (
                decided(|c, _, k| {
                    percent(c, LimitBasis::ReductionBy);
                    k.measured = None;
                }),
                code::NO_FEEDBACK,
            ),
            (decided(|c, _, _| c.ramp.value = 60.1), code::RAMP_TOO_FAST),
            (decided(|_, f, _| f.control.as_mut().unwrap().ramp_down = None), code::RAMP_TOO_FAST),
            (decided(|_, f, _| f.remote_enable = Some(off())), code::LOCAL_CONTROL),
            (decided(|_, f, _| f.requires = vec![off()]), code::NOT_READY),
            (decided(|_, f, _| f.link_up = false), code::LINK_DOWN),
        ];
        for (given, code) in cases {
            assert_eq!(given, Err(code));
        }
        // A cap that nobody's clock ends is lawful if its issuer ends it.
        assert_eq!(decided(|c, _, _| (c.period.duration, c.release) = (None, ReleaseMode::Manual)), Ok(120.0));
        let nothing = decide_cap(&request(&cap()), &Facts::default(), &CapFacts::default());
        assert!(nothing.is_err_and(|(code, _)| code == code::NOT_AUTHORISED), "who knows nothing refuses");
    }

    fn off() -> Condition {
        Condition { text: "remote".into(), equals: 1.0, value: Some(0.0), quality: bridge_model::Quality::GOOD, fresh: true }
    }

    #[test]
    fn r07_a_cap_is_lifted_by_its_issuer_and_not_under_a_newer_one() {
        let asked = |change: fn(&mut LiftRequest, &mut Facts), own, newer: Option<&str>| {
            let (mut facts, mut request) = (facts(), lifted());
            change(&mut request, &mut facts);
            match decide_lift(&request, &facts, own, newer.map(str::to_owned)) {
                Decision::Accept => None,
                Decision::Reject { code, .. } => Some(code),
            }
        };
        assert_eq!(asked(|_, _| {}, true, None), None);
        assert_eq!(asked(|r, _| r.ramp = Some(RampRate { value: 10.0, unit: RampUnit::MwPerMin }), true, None), None);
        assert_eq!(asked(|_, _| {}, false, None), Some(code::NO_SUCH_CAP));
        assert_eq!(asked(|_, _| {}, true, Some("another")), Some(code::NEWER_CAP));
        assert_eq!(asked(|_, f| f.authorised = false, true, None), Some(code::NOT_AUTHORISED));
        assert_eq!(asked(|r, _| r.mode = Some(Mode::Operate), true, None), Some(code::SELECT_NOT_SUPPORTED));
        assert_eq!(asked(|r, _| r.valid_until = None, true, None), Some(code::EXPIRED));
        assert_eq!(asked(|r, _| r.ramp = Some(RampRate { value: 10.1, unit: RampUnit::MwPerMin }), true, None), Some(code::RAMP_TOO_FAST));
        assert_eq!(asked(|_, f| f.link_up = false, true, None), Some(code::LINK_DOWN));
        assert_eq!(asked(|_, f| f.locked = Some("not known".into()), true, None), Some(code::POINT_LOCKED), "up is not the safe direction");
    }

    fn lifted() -> LiftRequest {
        LiftRequest {
            mode: Some(Mode::Direct),
            ramp: None,
            issued_at: NOW - Duration::from_secs(1),
            valid_from: None,
            valid_until: Some(NOW + Duration::from_mins(1)),
            message_expires: None,
        }
    }
}

//! The target of a resource is composed (R6): what is asked, and never above the lowest cap; and the next step toward it (R11).

use bridge_profile::RampBy;

use crate::caps;
use crate::programme::{Desk, Kind, Programme, driven, good};

/// target = min(caps, base).
pub(crate) fn composed(base: f64, cap: Option<f64>) -> f64 {
    cap.map_or(base, |cap| base.min(cap))
}

/// The value of the next step toward `target` from the last confirmed set-point, else the echo, else the measured power (R11).
///
/// # Errors
/// Why there is none, as code and text.
pub(crate) fn next_value(
    desk: &Desk<'_>,
    control: usize,
    target: f64,
    rate: Option<f64>,
    confirmed: Option<f64>,
) -> Result<f64, (&'static str, String)> {
    let plan = &desk.core.plan;
    let Some((_, drive)) = driven(&plan.controls, control) else {
        return Err(("UNKNOWN_RESOURCE", "the control drives nothing".to_owned()));
    };
    if drive.switches {
        return Ok(target);
    }
    if caps::bound(desk.core, control).is_some_and(|cap| target > cap) {
        return Err(("ABOVE_CAP", "the release of a cap below the target did not come through: it stands again".to_owned()));
    }
    let cap = caps::step_bound(desk, control);
    let measured = good(desk.image, drive.followed.point);
    let Some(from) = confirmed.or_else(|| good(desk.image, drive.taken.point)).or(measured) else {
        return Err(("NO_FEEDBACK", "neither set-point echo nor measured power is good".to_owned()));
    };
    // A set-point from before the cap stands above it at the plant and does not count.
    let from = composed(from, cap);
    let starts = confirmed.is_none();
    if starts && drive.bump_limit > 0.0 && measured.is_some_and(|measured| (from - measured).abs() > drive.bump_limit) {
        return Err(("BUMP_LIMIT", "the set-point is too far from the measured power to start a ramp".to_owned()));
    }
    let value = match (rate, drive.ramp) {
        (Some(rate), Some(ramp)) if ramp.by == RampBy::Bridge => toward(from, target, rate * ramp.step.as_secs_f64() / 60.0),
        _ => target,
    };
    let value = composed(value, cap);
    if !value.is_finite() || value < drive.min || value > drive.max {
        return Err(("OUT_OF_ENVELOPE", "the step would leave the envelope".to_owned()));
    }
    Ok(value)
}

/// The next limit of a cap. It falls from where the limit stands, or from the measured power while none is in force. It rises in steps;
/// while none is in force it is set at once, because a limit above the power moves nothing.
///
/// # Errors
/// Why there is none, as code and text.
pub(crate) fn next_limit(desk: &Desk<'_>, control: usize, programme: &Programme) -> Result<f64, (&'static str, String)> {
    let plan = &desk.core.plan;
    let Some((_, drive)) = driven(&plan.controls, control) else {
        return Err(("UNKNOWN_RESOURCE", "the control drives nothing".to_owned()));
    };
    let target = programme.target;
    let value = match (programme.rate, drive.ramp) {
        (Some(rate), Some(ramp)) if ramp.by == RampBy::Bridge => {
            let measured = good(desk.image, drive.followed.point);
            let holds = caps::in_force(desk, control);
            let stands = good(desk.image, drive.taken.point).filter(|_| holds);
            let Some(from) = programme.confirmed.or(stands).or(measured) else {
                return Err(("NO_FEEDBACK", "neither the limit's echo nor the measured power is good".to_owned()));
            };
            let upward = target > from;
            let rate = rate.min(if upward { ramp.up } else { ramp.down });
            let free = upward && !holds && programme.kind == Kind::Limit;
            if free { target } else { toward(from, target, rate * ramp.step.as_secs_f64() / 60.0) }
        }
        _ => target,
    };
    if !value.is_finite() || value > drive.max.max(target) || target < drive.min {
        return Err(("OUT_OF_ENVELOPE", "the step would leave the envelope".to_owned()));
    }
    Ok(value)
}

/// One step from `from` toward `target`, no longer than `most`.
fn toward(from: f64, target: f64, most: f64) -> f64 {
    if (target - from).abs() <= most { target } else { from + most.copysign(target - from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_never_passes_the_target() {
        assert!((toward(200.0, 210.0, 2.5) - 202.5).abs() < 1e-9);
        assert!((toward(209.0, 210.0, 2.5) - 210.0).abs() < 1e-9);
        assert!((toward(210.0, 200.0, 2.5) - 207.5).abs() < 1e-9);
    }

    #[test]
    fn r06_a_target_is_never_above_the_lowest_cap() {
        assert_eq!([composed(210.0, None), composed(210.0, Some(120.0)), composed(90.0, Some(120.0))], [210.0, 120.0, 90.0]);
    }
}

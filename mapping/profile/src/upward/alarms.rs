//! Alarm state of one point: limits with hysteresis and delay, a state alarm, the unknown state, the transit.

use std::collections::BTreeSet;
use std::time::Duration;

use bridge_model::{Cause, Detail, Mono, Now, PointId, Timestamp, Validity, Value};

use super::{AlarmChange, Mapped, MappedPoint};
use crate::plan::{Limit, LimitKind, PlannedPoint, Severity, Side};

/// The name of the alarm that says a point's state is not known.
const UNKNOWN: &str = "state-unknown";
/// The name of a state alarm.
const STATE: &str = "alarm";

/// One limit's state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LimitState {
    pub(super) active: bool,
    /// Beyond, and the delay is running.
    pub(super) due: Option<Mono>,
}

/// Alarm state of one point.
#[derive(Clone, Debug, Default)]
pub(super) struct AlarmSlot {
    pub(super) limits: Box<[LimitState]>,
    /// The hashes of the limits' names: a snapshot knows a limit by its name.
    pub(super) names: Box<[u64]>,
    /// The state alarm is raised.
    pub(super) raised: bool,
    /// The point is INVALID and that was told.
    pub(super) unknown: bool,
    /// The cause of the state alarm is there now.
    pub(super) caused: bool,
    value: Option<Value>,
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    mapped: MappedPoint,
    due: Mono,
    told: bool,
}

/// What an intermediate state means.
pub(super) enum Transit {
    /// The transit began; its timer.
    Began(Mono),
    /// It goes on.
    Waiting,
    /// It has lasted too long.
    Over,
}

/// A threshold in the width of the value: 49.91 as a short float is not 49.91 as a long one.
#[expect(clippy::cast_possible_truncation, reason = "that is the point")]
pub(super) fn at_width(threshold: f64, value: Value) -> f64 {
    match value {
        Value::Real32(_) => f64::from(threshold as f32),
        Value::Bool(_) | Value::Double(_) | Value::Int(_) | Value::Real(_) => threshold,
    }
}

impl AlarmSlot {
    pub(super) fn new(limits: &[Limit]) -> Self {
        Self {
            limits: vec![LimitState::default(); limits.len()].into_boxed_slice(),
            names: limits.iter().map(|limit| super::snapshot::fnv(&limit.name)).collect(),
            ..Self::default()
        }
    }

    pub(super) fn set_due(&mut self, which: u16, due: Mono) {
        if let Some(state) = self.limits.get_mut(usize::from(which)) {
            state.due = Some(due);
        }
    }

    /// A fresh value of the point.
    pub(super) fn evaluate(
        &mut self,
        plan: &PlannedPoint,
        mapped: &MappedPoint,
        now: Now,
        timers: &mut BTreeSet<(Mono, PointId, u16)>,
        out: &mut Mapped,
    ) {
        if mapped.quality.validity == Validity::Invalid {
            self.invalid(plan, mapped, timers, out);
            return;
        }
        self.value = Some(mapped.value);
        if std::mem::take(&mut self.unknown) {
            out.alarms.push(unknown(plan, mapped, false));
        }
        let number = mapped.value.as_f64();
        for (index, (limit, state)) in plan.limits.iter().zip(self.limits.iter_mut()).enumerate() {
            let which = u16::try_from(index).unwrap_or(super::TRANSIT - 1);
            if let Some(due) = state.due
                && due <= now.mono
            {
                timers.remove(&(due, mapped.point, which));
                state.due = None;
                state.active = true;
                out.alarms.push(of_limit(limit, mapped, true, Timestamp::at_receipt(now.utc)));
            }
            if state.active {
                if is_back(limit, mapped.value, number) {
                    state.active = false;
                    out.alarms.push(of_limit(limit, mapped, false, time_of(mapped, now)));
                }
                continue;
            }
            match (is_beyond(limit, mapped.value, number), state.due) {
                (true, None) if limit.delay.is_zero() => {
                    state.active = true;
                    out.alarms.push(of_limit(limit, mapped, true, time_of(mapped, now)));
                }
                (true, None) => {
                    let due = now.mono + limit.delay;
                    state.due = Some(due);
                    timers.insert((due, mapped.point, which));
                }
                (false, Some(due)) => {
                    timers.remove(&(due, mapped.point, which));
                    state.due = None;
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
        self.state_alarm(plan, mapped, now, out);
    }

    /// If nothing stands or waits: between which numbers nothing can be raised. It holds in every width, because at its own width a limit
    /// is the nearest number, and no number of that width lies between the two.
    pub(super) fn calm(&self, plan: &PlannedPoint) -> Option<(f64, f64)> {
        if plan.alarm.is_some() || self.unknown || self.limits.iter().any(|state| state.active || state.due.is_some()) {
            return None;
        }
        let mut band = (f64::NEG_INFINITY, f64::INFINITY);
        for limit in &plan.limits {
            match limit.side {
                Side::High => band.1 = band.1.min(limit.value),
                Side::Low => band.0 = band.0.max(limit.value),
            }
        }
        Some(band)
    }

    /// INVALID raises "state unknown" once (R18) and leaves every alarm as it stands. A value that is INVALID because its link is lost
    /// raises nothing: the link's own event says so (R16).
    fn invalid(&mut self, plan: &PlannedPoint, mapped: &MappedPoint, timers: &mut BTreeSet<(Mono, PointId, u16)>, out: &mut Mapped) {
        for (index, state) in self.limits.iter_mut().enumerate() {
            if let Some(due) = state.due.take() {
                timers.remove(&(due, mapped.point, u16::try_from(index).unwrap_or(super::TRANSIT - 1)));
            }
        }
        if !self.unknown && !mapped.quality.detail.contains(Detail::OLD_DATA) {
            self.unknown = true;
            out.alarms.push(unknown(plan, mapped, true));
        }
    }

    fn state_alarm(&mut self, plan: &PlannedPoint, mapped: &MappedPoint, now: Now, out: &mut Mapped) {
        let Some(alarm) = &plan.alarm else { return };
        let Some(code) = code_of(mapped.value) else { return };
        self.caused = code == alarm.when;
        let raised = self.caused || (alarm.latch && self.raised);
        if raised != self.raised {
            self.raised = raised;
            out.alarms.push(AlarmChange {
                name: STATE.to_owned(),
                severity: alarm.severity,
                kind: alarm.kind,
                limit: None,
                side: None,
                unknown: false,
                ..change(mapped, raised, time_of(mapped, now))
            });
        }
    }

    /// A limit's delay ran out with the value still beyond.
    pub(super) fn delay_over(&mut self, plan: &PlannedPoint, point: PointId, which: u16, now: Now, out: &mut Mapped) {
        let index = usize::from(which);
        let (Some(limit), Some(state)) = (plan.limits.get(index), self.limits.get_mut(index)) else { return };
        state.due = None;
        if state.active {
            return;
        }
        state.active = true;
        let value = self.value.unwrap_or(Value::Real(limit.value));
        let time = Timestamp::at_receipt(now.utc);
        let mapped = MappedPoint {
            point,
            value,
            quality: bridge_model::Quality::GOOD,
            time,
            cause: Cause::Spontaneous,
            changed: true,
            historic: false,
        };
        out.alarms.push(of_limit(limit, &mapped, true, time));
    }

    /// A person resets a latched alarm.
    pub(super) fn reset(&mut self, plan: &PlannedPoint, point: PointId, now: Now, out: &mut Mapped) -> bool {
        let Some(alarm) = &plan.alarm else { return false };
        if !self.raised || self.caused {
            return false;
        }
        self.raised = false;
        let time = Timestamp::at_receipt(now.utc);
        out.alarms.push(AlarmChange {
            point,
            name: STATE.to_owned(),
            active: false,
            severity: alarm.severity,
            kind: alarm.kind,
            value: self.value.unwrap_or(Value::Bool(false)),
            limit: None,
            side: None,
            time,
            unknown: false,
            from_interrogation: false,
        });
        true
    }

    /// The switch reached an end; the timer to remove.
    pub(super) fn transit_ended(&mut self) -> Option<Mono> {
        self.held.take().filter(|held| !held.told).map(|held| held.due)
    }

    /// The switch is between its ends.
    pub(super) fn transit_goes_on(&mut self, mapped: MappedPoint, now: Mono, limit: Duration) -> Transit {
        match &mut self.held {
            None => {
                let due = now + limit;
                self.held = Some(Held { mapped, due, told: false });
                Transit::Began(due)
            }
            Some(held) if held.told => Transit::Over,
            Some(held) => {
                held.mapped = mapped;
                Transit::Waiting
            }
        }
    }

    /// The transit lasted too long: the value to tell, INVALID, with the bridge's time.
    pub(super) fn transit_over(&mut self, now: Now) -> Option<MappedPoint> {
        let held = self.held.as_mut().filter(|held| !held.told)?;
        held.told = true;
        let quality = held.mapped.quality.worsened(Validity::Invalid, Detail::INCONSISTENT);
        Some(MappedPoint { quality, time: Timestamp::at_receipt(now.utc), ..held.mapped })
    }
}

fn is_beyond(limit: &Limit, value: Value, number: f64) -> bool {
    match limit.side {
        Side::High => number > at_width(limit.value, value),
        Side::Low => number < at_width(limit.value, value),
    }
}

fn is_back(limit: &Limit, value: Value, number: f64) -> bool {
    match limit.side {
        Side::High => number <= at_width(limit.value - limit.hysteresis, value),
        Side::Low => number >= at_width(limit.value + limit.hysteresis, value),
    }
}

fn code_of(value: Value) -> Option<i64> {
    match value {
        Value::Bool(state) => Some(i64::from(state)),
        Value::Double(state) => Some(i64::from(state as u8)),
        Value::Int(code) => Some(code),
        #[expect(clippy::cast_possible_truncation, reason = "rounded, and a code that does not fit matches no alarm")]
        Value::Real32(_) | Value::Real(_) => Some(value.as_f64().round() as i64),
    }
}

fn is_read(cause: Cause) -> bool {
    match cause {
        Cause::Interrogated | Cause::Requested | Cause::Background => true,
        Cause::Spontaneous | Cause::Cyclic | Cause::ReturnRemote | Cause::ReturnLocal => false,
    }
}

/// A change found by reading has the bridge's time: when it happened is not known (R20).
fn time_of(mapped: &MappedPoint, now: Now) -> Timestamp {
    if is_read(mapped.cause) { Timestamp::at_receipt(now.utc) } else { mapped.time }
}

fn change(mapped: &MappedPoint, active: bool, time: Timestamp) -> AlarmChange {
    AlarmChange {
        point: mapped.point,
        name: String::new(),
        active,
        severity: Severity::Warning,
        kind: LimitKind::Device,
        value: mapped.value,
        limit: None,
        side: None,
        time,
        unknown: false,
        from_interrogation: is_read(mapped.cause),
    }
}

fn of_limit(limit: &Limit, mapped: &MappedPoint, active: bool, time: Timestamp) -> AlarmChange {
    AlarmChange {
        name: limit.name.clone(),
        severity: limit.severity,
        kind: limit.kind,
        limit: Some(limit.value),
        side: Some(limit.side),
        ..change(mapped, active, time)
    }
}

fn unknown(plan: &PlannedPoint, mapped: &MappedPoint, active: bool) -> AlarmChange {
    let severity = plan.limits.iter().map(|limit| limit.severity).chain(plan.alarm.as_ref().map(|alarm| alarm.severity)).max();
    AlarmChange {
        name: UNKNOWN.to_owned(),
        severity: severity.unwrap_or(Severity::Warning),
        unknown: true,
        ..change(mapped, active, mapped.time)
    }
}

//! Upward mapping: from a southbound fact to a value and its alarms (`OPERATIONS.md` R18–R20).
//!
//! Order: scale, unit and sign; range; age against what is known (R20); transit of double points; deadband; limits and state alarms.
//! Limits see the value before the deadband. Nothing is allocated per point in the steady state.

mod alarms;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use bridge_model::{
    Cause, Detail, DoublePoint, Mono, Now, PointId, PointUpdate, Quality, TimeFlags, TimeOrigin, Timestamp, Validity, Value,
};

use crate::plan::{LimitKind, Plan, PlannedPoint, PointSource, Severity, Side, Verbs};
use alarms::AlarmSlot;

/// What came out of one or more updates; reused, cleared by its owner.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mapped {
    /// Values, one for each update, and for each transit that ran out.
    pub points: Vec<MappedPoint>,
    /// Alarms that came or went.
    pub alarms: Vec<AlarmChange>,
}

impl Mapped {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.points.clear();
        self.alarms.clear();
    }
}

/// One value in engineering units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MappedPoint {
    /// Which point.
    pub point: PointId,
    /// Its value.
    pub value: Value,
    /// Its quality: the device's, made worse by range and transit.
    pub quality: Quality,
    /// When it was true.
    pub time: Timestamp,
    /// Why it was sent.
    pub cause: Cause,
    /// `false`: withheld by deadband, transit or repetition; it refreshes the point's age and nothing else.
    pub changed: bool,
    /// Older than what is known of the point (R20): for the sequence of events and the log only, it moves neither image nor alarms.
    pub historic: bool,
}

impl MappedPoint {
    /// Whether the value may move the process image: neither test (R18) nor historic (R20).
    #[must_use]
    pub const fn moves_image(&self) -> bool {
        !self.historic && !self.quality.detail.contains(Detail::TEST)
    }
}

/// An alarm that came or went.
#[derive(Clone, PartialEq, Debug)]
pub struct AlarmChange {
    /// Which point.
    pub point: PointId,
    /// The limit's name; `alarm` for a state alarm, `state-unknown` if the point became INVALID.
    pub name: String,
    /// Came or went.
    pub active: bool,
    /// How bad.
    pub severity: Severity,
    /// What it is about.
    pub kind: LimitKind,
    /// The value that did it, in engineering units.
    pub value: Value,
    /// The limit, in engineering units.
    pub limit: Option<f64>,
    /// The side of the limit.
    pub side: Option<Side>,
    /// When: the value's own time, or the bridge's if the change was found by interrogation or a delay ran out.
    pub time: Timestamp,
    /// The point is INVALID: its state is not known.
    pub unknown: bool,
    /// Found by interrogation: it happened some time before (R20), `time` is the bridge's.
    pub from_interrogation: bool,
}

/// A point's state, and what of its plan is needed for every update.
#[derive(Clone, Copy, Debug)]
struct Slot {
    factor: f64,
    offset: f64,
    low: f64,
    high: f64,
    deadband: f64,
    /// The value last passed on.
    sent: f64,
    /// The time of the newest value known.
    newest_ns: i64,
    /// Index into the links' lags; remote points have none.
    link: u16,
    /// Index into the alarm slots.
    alarms: u32,
    sent_quality: u16,
    /// `sent` and `sent_quality` count.
    has_sent: bool,
    /// `newest_ns` counts.
    has_newest: bool,
    /// `newest_ns` was stamped by the device.
    newest_by_device: bool,
    identity: bool,
    ranged: bool,
    /// A state, whatever type it came in: a code sent as a float is a whole number here.
    discrete: bool,
    /// While no alarm stands or waits, a number strictly between these cannot raise one: what most values need is here, not in the plan.
    calm: (f64, f64),
}

/// No number lies in it.
const NEVER_CALM: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

const NONE: u32 = u32::MAX;
const REMOTE: u16 = u16::MAX;
/// The timer of a transit; lower numbers are limits.
const TRANSIT: u16 = u16::MAX;

/// How much longer than the shortest one a transit may take and an interrogated value still be older than a change: an echo that is
/// taken for old would stay unseen until the next interrogation.
const JITTER_NS: i64 = 250_000_000;

/// The transit time of a link, learned from its spontaneous, device-stamped updates.
#[derive(Clone, Copy, Debug)]
struct Lag {
    least_ns: Option<i64>,
    most_ns: i64,
}

impl Lag {
    /// How far a device's stamp may lie before an untagged value and still be newer.
    fn tolerance_ns(self) -> i64 {
        self.least_ns.map_or(self.most_ns, |least| least.saturating_add(JITTER_NS).clamp(0, self.most_ns))
    }
}

/// The mapping state of one plan.
#[derive(Clone, Debug)]
pub struct Upward {
    slots: Vec<Slot>,
    alarms: Vec<AlarmSlot>,
    lags: Vec<Lag>,
    timers: BTreeSet<(Mono, PointId, u16)>,
    /// Limit delays of a snapshot, with the UTC at which they run out; they wait for the first clock reading.
    restored: Vec<(PointId, u16, i64)>,
    /// Hashes of the points' ids and the links' names, for snapshots.
    ids: Vec<u64>,
    link_ids: Vec<u64>,
    last: Now,
}

impl Upward {
    /// Nothing known yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut alarms = Vec::new();
        let slots = plan.points.iter().map(|point| Slot::new(point, &mut alarms)).collect();
        let lags = plan
            .links
            .iter()
            .map(|link| Lag { least_ns: None, most_ns: i64::try_from(link.clock_tolerance.as_nanos()).unwrap_or(i64::MAX) })
            .collect();
        let ids = plan.points.iter().map(|point| snapshot::fnv(&point.id)).collect();
        let link_ids = plan.links.iter().map(|link| snapshot::fnv(&link.spec.name)).collect();
        Self { slots, alarms, lags, timers: BTreeSet::new(), restored: Vec::new(), ids, link_ids, last: Now::default() }
    }

    /// Maps one update. A point the plan does not have is left out.
    pub fn map(&mut self, plan: &Plan, update: &PointUpdate, now: Now, out: &mut Mapped) {
        self.tick(now);
        let Some(slot) = self.slots.get(update.point.index()).copied() else { return };
        let mut mapped = slot.scale(update);
        if mapped.quality.detail.contains(Detail::TEST) {
            out.points.push(mapped);
            return;
        }
        if self.is_older(&slot, update) {
            mapped.historic = true;
            out.points.push(mapped);
            return;
        }
        self.note_time(update);
        if slot.alarms != NONE && !self.transit(plan, &mut mapped, slot.alarms, now) {
            mapped.changed = false;
            out.points.push(mapped);
            return;
        }
        self.pass(plan, mapped, now, out);
    }

    /// Maps an update that its sender already found to be older than what it knew (R20): for the log only.
    pub fn map_historic(&mut self, update: &PointUpdate, out: &mut Mapped) {
        if let Some(slot) = self.slots.get(update.point.index()) {
            out.points.push(MappedPoint { historic: true, ..slot.scale(update) });
        }
    }

    /// The update as its point says it, without any consequence; `None` for a point that the plan does not have.
    #[must_use]
    pub fn scaled(&self, update: &PointUpdate) -> Option<MappedPoint> {
        self.slots.get(update.point.index()).map(|slot| slot.scale(update))
    }

    /// Deadlines that have come: limit delays and transits.
    pub fn handle_timeout(&mut self, plan: &Plan, now: Now, out: &mut Mapped) {
        self.tick(now);
        while let Some((due, point, which)) = self.timers.first().copied()
            && due <= now.mono
        {
            self.timers.remove(&(due, point, which));
            let Some(slot) = self.slots.get(point.index()) else { continue };
            let Some(alarms) = usize::try_from(slot.alarms).ok().and_then(|at| self.alarms.get_mut(at)) else { continue };
            if which == TRANSIT {
                if let Some(mapped) = alarms.transit_over(now) {
                    self.pass(plan, mapped, now, out);
                }
            } else if let Some(planned) = plan.points.get(point.index()) {
                alarms.delay_over(planned, point, which, now, out);
            }
        }
    }

    /// The next deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        if !self.restored.is_empty() {
            return Some(Mono(0));
        }
        self.timers.first().map(|(due, _, _)| *due)
    }

    /// Forgets what was passed on last, so that the next value passes whatever it is. Alarm state and time stay known.
    pub fn forget(&mut self, point: PointId) {
        if let Some(slot) = self.slots.get_mut(point.index()) {
            slot.has_sent = false;
        }
    }

    /// Resets a latched alarm whose cause is gone; `false` if there is none, or its cause is still there.
    pub fn reset(&mut self, plan: &Plan, point: PointId, now: Now, out: &mut Mapped) -> bool {
        self.tick(now);
        let (Some(slot), Some(planned)) = (self.slots.get(point.index()), plan.points.get(point.index())) else { return false };
        let Some(alarms) = usize::try_from(slot.alarms).ok().and_then(|at| self.alarms.get_mut(at)) else { return false };
        alarms.reset(planned, point, now, out)
    }

    fn tick(&mut self, now: Now) {
        self.last = now;
        for (point, which, due_utc_ns) in std::mem::take(&mut self.restored) {
            let left = Duration::from_nanos(u64::try_from(due_utc_ns.saturating_sub(now.utc.0)).unwrap_or(0));
            let Some(slot) = self.slots.get_mut(point.index()) else { continue };
            slot.calm = NEVER_CALM;
            if let Some(alarms) = usize::try_from(slot.alarms).ok().and_then(|at| self.alarms.get_mut(at)) {
                let due = now.mono + left;
                alarms.set_due(which, due);
                self.timers.insert((due, point, which));
            }
        }
    }

    /// R20: the device stamped the change before the time of what is known. Against a value that carries the bridge's stamp the
    /// transit time of the link counts: the device took that value so much earlier.
    fn is_older(&self, slot: &Slot, update: &PointUpdate) -> bool {
        if !slot.has_newest || !is_stamped(update.time) {
            return false;
        }
        if slot.newest_by_device {
            return update.time.utc.0 < slot.newest_ns;
        }
        match self.lags.get(usize::from(slot.link)) {
            Some(lag) => update.time.utc.0.saturating_add(lag.tolerance_ns()) < slot.newest_ns,
            None => false,
        }
    }

    fn note_time(&mut self, update: &PointUpdate) {
        let Some(slot) = self.slots.get_mut(update.point.index()) else { return };
        let stamped = is_stamped(update.time);
        slot.newest_ns = if stamped { update.time.utc.0 } else { update.received.0 };
        slot.has_newest = true;
        slot.newest_by_device = stamped;
        if stamped
            && update.cause == Cause::Spontaneous
            && let Some(lag) = self.lags.get_mut(usize::from(slot.link))
        {
            let seen = update.received.0.saturating_sub(update.time.utc.0);
            lag.least_ns = Some(lag.least_ns.map_or(seen, |least| least.min(seen)));
        }
    }

    /// R18: a double point between its ends is not told until the transit time is over. `false`: withheld.
    fn transit(&mut self, plan: &Plan, mapped: &mut MappedPoint, alarms: u32, now: Now) -> bool {
        let Some(alarms) = usize::try_from(alarms).ok().and_then(|at| self.alarms.get_mut(at)) else { return true };
        let Value::Double(state) = mapped.value else { return true };
        let Some(limit) = plan.points.get(mapped.point.index()).and_then(|point| point.transit) else { return true };
        match state {
            DoublePoint::Off | DoublePoint::On => {
                if let Some(due) = alarms.transit_ended() {
                    self.timers.remove(&(due, mapped.point, TRANSIT));
                }
                true
            }
            DoublePoint::Intermediate | DoublePoint::Bad => {
                mapped.quality = mapped.quality.worsened(Validity::Questionable, Detail(0));
                match alarms.transit_goes_on(*mapped, now.mono, limit) {
                    alarms::Transit::Began(due) => {
                        self.timers.insert((due, mapped.point, TRANSIT));
                        false
                    }
                    alarms::Transit::Waiting => false,
                    alarms::Transit::Over => {
                        mapped.quality = mapped.quality.worsened(Validity::Invalid, Detail::INCONSISTENT);
                        true
                    }
                }
            }
        }
    }

    /// Deadband, then alarms.
    fn pass(&mut self, plan: &Plan, mut mapped: MappedPoint, now: Now, out: &mut Mapped) {
        let Some(slot) = self.slots.get_mut(mapped.point.index()) else { return };
        mapped.changed = slot.differs(&mapped);
        if mapped.changed {
            slot.sent = mapped.value.as_f64();
            slot.sent_quality = mapped.quality.to_bits();
            slot.has_sent = true;
        }
        out.points.push(mapped);
        if slot.alarms == NONE || slot.is_calm(&mapped) {
            return;
        }
        let Some(planned) = plan.points.get(mapped.point.index()) else { return };
        if planned.verbs.contains(Verbs::ALARM)
            && let Some(alarms) = usize::try_from(slot.alarms).ok().and_then(|at| self.alarms.get_mut(at))
        {
            alarms.evaluate(planned, &mapped, now, &mut self.timers, out);
            slot.calm = alarms.calm(planned).unwrap_or(NEVER_CALM);
        }
    }
}

/// Whether the device's stamp may order values: its own, and not disowned.
fn is_stamped(time: Timestamp) -> bool {
    time.origin == TimeOrigin::Device && !time.flags.contains(TimeFlags::INVALID)
}

/// A state code as a whole number; what is no number stays what it is.
fn whole(value: Value) -> Value {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "state codes are small whole numbers; a larger one saturates")]
        Value::Real32(_) | Value::Real(_) if value.as_f64().is_finite() => Value::Int(value.as_f64().round() as i64),
        Value::Bool(_) | Value::Double(_) | Value::Int(_) | Value::Real32(_) | Value::Real(_) => value,
    }
}

impl Slot {
    fn new(point: &PlannedPoint, alarms: &mut Vec<AlarmSlot>) -> Self {
        let (low, high) = point.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let needs = !point.limits.is_empty() || point.alarm.is_some() || point.transit.is_some();
        let index = if needs {
            alarms.push(AlarmSlot::new(&point.limits));
            u32::try_from(alarms.len() - 1).unwrap_or(NONE)
        } else {
            NONE
        };
        Self {
            factor: point.conversion.factor,
            offset: point.conversion.offset,
            low,
            high,
            deadband: point.deadband,
            sent: 0.0,
            newest_ns: 0,
            link: match &point.source {
                PointSource::Link(link) => link.0,
                PointSource::Remote { .. } | PointSource::Calculated => REMOTE,
            },
            alarms: index,
            sent_quality: 0,
            has_sent: false,
            has_newest: false,
            newest_by_device: false,
            identity: point.conversion.is_identity(),
            ranged: point.range.is_some(),
            discrete: point.cim_class == "Discrete",
            calm: NEVER_CALM,
        }
    }

    /// To engineering units, in the width the device gave; outside the range it is QUESTIONABLE, no number at all is INVALID.
    fn scale(&self, update: &PointUpdate) -> MappedPoint {
        let value = if self.discrete {
            whole(update.value)
        } else if self.identity {
            update.value
        } else {
            let eng = |wire: f64| wire * self.factor + self.offset;
            match update.value {
                Value::Bool(_) | Value::Double(_) => update.value,
                #[expect(clippy::cast_possible_truncation, reason = "a short float stays one")]
                Value::Real32(wire) => Value::Real32(eng(f64::from(wire)) as f32),
                Value::Int(_) | Value::Real(_) => Value::Real(eng(update.value.as_f64())),
            }
        };
        let mut quality = update.quality;
        let number = value.as_f64();
        if !number.is_finite() {
            quality = quality.worsened(Validity::Invalid, Detail::OVERFLOW);
        } else if self.ranged && !self.holds(value, number) {
            quality = quality.worsened(Validity::Questionable, Detail::OUT_OF_RANGE);
        }
        MappedPoint { point: update.point, value, quality, time: update.time, cause: update.cause, changed: true, historic: false }
    }

    fn is_calm(&self, mapped: &MappedPoint) -> bool {
        let number = mapped.value.as_f64();
        mapped.quality.validity != Validity::Invalid && number > self.calm.0 && number < self.calm.1
    }

    fn holds(&self, value: Value, number: f64) -> bool {
        number >= alarms::at_width(self.low, value) && number <= alarms::at_width(self.high, value)
    }

    /// Whether the value is passed on: the first one, a quality that changed, an event, or a change beyond the deadband. A state that is
    /// only read again, unchanged, is not.
    fn differs(&self, mapped: &MappedPoint) -> bool {
        if !self.has_sent || mapped.quality.to_bits() != self.sent_quality {
            return true;
        }
        if self.discrete || mapped.value.is_state() {
            return match mapped.cause {
                Cause::Spontaneous | Cause::ReturnRemote | Cause::ReturnLocal => true,
                #[expect(clippy::float_cmp, reason = "state codes are small whole numbers")]
                Cause::Cyclic | Cause::Background | Cause::Interrogated | Cause::Requested => mapped.value.as_f64() != self.sent,
            };
        }
        self.deadband == 0.0 || (mapped.value.as_f64() - self.sent).abs() > self.deadband
    }
}

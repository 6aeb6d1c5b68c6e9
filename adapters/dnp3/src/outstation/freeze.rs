//! Freezes (row 42): g20 to g21 and g30 to g31, all points of a request at one instant; at a time and again after it (g50v2).

use std::ops::Range;
use std::time::Duration;

use bridge_model::{Mono, Now, Timestamp};

use super::buffer::{Event, FROZEN_MAX, Subject};
use super::classes::named;
use super::{Outstation, Station};
use crate::address::PointType;
use crate::app::{FragmentView, Function, HeaderView, Iin};
use crate::objects::{DnpTime, FreezeTime, IndexedTime, Kind};

/// Freezes that may be scheduled on a link.
pub(super) const SCHEDULES_MAX: usize = 16;

/// A freeze to come.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Schedule {
    pub(super) station: usize,
    slots: Vec<Range<usize>>,
    pub(super) due: Mono,
    every: Option<Duration>,
}

impl Outstation {
    /// All of the request or nothing.
    pub(super) fn freeze(&mut self, s: usize, view: &FragmentView<'_>, now: Now) -> Iin {
        let zone = self.zone;
        let clear = matches!(view.function, Function::FreezeClear | Function::FreezeClearNoAck);
        let at_time = matches!(view.function, Function::FreezeAtTime | Function::FreezeAtTimeNoAck);
        let Some(Station { image, .. }) = self.stations.get(s) else { return Iin(0) };
        let mut time = None;
        let mut freezes: Vec<(Option<FreezeTime>, Vec<Range<usize>>)> = Vec::new();
        for header in view.headers().flatten() {
            let of = match header.object.kind() {
                Some(Kind::TimeAndDate) if at_time && header.header.variation == 2 => {
                    match freeze_time(&header) {
                        Some(found) => time = Some(found),
                        None => return Iin::PARAMETER_ERROR,
                    }
                    continue;
                }
                Some(Kind::Counter) => PointType::Counter,
                Some(Kind::AnalogInput) => PointType::Analog,
                _ => return Iin::OBJECT_UNKNOWN,
            };
            if at_time && time.is_none() {
                return Iin::PARAMETER_ERROR;
            }
            match named(&header, of, image) {
                Ok(slots) => freezes.push((time, slots)),
                Err(wrong) => return wrong,
            }
        }
        if freezes.is_empty() {
            return Iin::PARAMETER_ERROR;
        }
        for (time, slots) in freezes {
            let Some(FreezeTime { time, interval_ms }) = time else {
                self.freeze_now(s, &slots, clear, now);
                continue;
            };
            let every = (interval_ms > 0).then(|| Duration::from_millis(u64::from(interval_ms)));
            let first = if time.millis() == 0 { Some(now.utc) } else { time.utc(zone) };
            let Some(wait) = first.and_then(|first| wait(first.0.saturating_sub(now.utc.0), every)) else { return Iin::PARAMETER_ERROR };
            let due = now.mono + wait;
            self.schedules.retain(|schedule| schedule.station != s || schedule.slots != slots);
            if self.schedules.len() >= SCHEDULES_MAX {
                return Iin::PARAMETER_ERROR;
            }
            self.schedules.push(Schedule { station: s, slots, due, every });
        }
        self.run_schedules(now);
        Iin(0)
    }

    /// The freezes to come of an outstation, as g50v4 tells them: when next, and how often.
    pub(super) fn freezes_to_come(&self, s: usize, now: Now) -> Vec<IndexedTime> {
        let of_station = self.schedules.iter().filter(|schedule| schedule.station == s);
        let told = of_station.map(|schedule| {
            let due = now.utc + schedule.due.since(now.mono);
            let time = DnpTime::from_utc(due, self.zone).unwrap_or_default();
            // It came in milliseconds of 32 bits.
            let interval = schedule.every.map_or(0, |every| u32::try_from(every.as_millis()).unwrap_or(u32::MAX));
            IndexedTime { time, interval, units: u8::from(schedule.every.is_some()) }
        });
        told.collect()
    }

    fn freeze_now(&mut self, s: usize, slots: &[Range<usize>], clear: bool, now: Now) {
        let Some(Station { image, buffer, .. }) = self.stations.get_mut(s) else { return };
        // The moment of a freeze is the outstation's own to stamp.
        let at = Timestamp::by_device(now.utc);
        let mut lost = 0_usize;
        for slot in slots.iter().cloned().flatten() {
            let Some(served) = image.get_mut(slot) else { continue };
            let frozen = served.freeze(at, clear);
            let class = served.frozen_class;
            let of = if served.of == PointType::Counter { PointType::FrozenCounter } else { PointType::FrozenAnalog };
            let event =
                Event { subject: Subject::Point(slot, of), value: frozen.value, flags: frozen.flags, time: frozen.time, number: None };
            lost += usize::from(!buffer.enter(class, event, image));
        }
        if lost > 0 {
            self.tell(|| format!("{lost} frozen values found no room among the events: {FROZEN_MAX} wait already"), now.mono);
        }
    }

    pub(super) fn run_schedules(&mut self, now: Now) {
        let due: Vec<Schedule> = self.schedules.iter().filter(|schedule| now.mono >= schedule.due).cloned().collect();
        for schedule in due {
            self.freeze_now(schedule.station, &schedule.slots, false, now);
        }
        self.schedules.retain_mut(|schedule| {
            if now.mono < schedule.due {
                return true;
            }
            let Some(every) = schedule.every else { return false };
            // What was slept through is not made up for.
            let missed = now.mono.since(schedule.due).as_nanos() / every.as_nanos().max(1);
            let periods = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
            schedule.due += every.saturating_mul(periods);
            true
        });
    }
}

fn freeze_time(header: &HeaderView<'_>) -> Option<FreezeTime> {
    let mut objects = header.objects();
    let found = objects.next().and_then(|object| FreezeTime::decode(object.payload.octets()))?;
    objects.next().is_none().then_some(found)
}

/// How long until a time that is so many nanoseconds ahead; of one that is over, until its next repetition, if there is one.
fn wait(ahead_ns: i64, every: Option<Duration>) -> Option<Duration> {
    if let Ok(ahead) = u64::try_from(ahead_ns) {
        return Some(Duration::from_nanos(ahead));
    }
    let every = u64::try_from(every?.as_nanos()).ok().filter(|every| *every > 0)?;
    Some(Duration::from_nanos((every - ahead_ns.unsigned_abs() % every) % every))
}

//! Requests besides interrogation and commands: groups, counters, read, clock, test, reset, parameters (rows 46 to 51 and 58).
//!
//! One request runs at a time; each goes to its point's common address, or to every common address of the link in turn.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_model::{Mono, Now, PointId, Timestamp, Zone};
use bridge_session::{CounterFreeze, Event, Housekeeping as Wish, HousekeepingOutcome as Outcome, Parameter};

use super::Sent;
use super::commands::{EXECUTE_MARGIN, PROBE_AFTER};
use crate::address::Address;
use crate::error::Error;
use crate::link104::Connection;
use crate::params::{Allowed, Params};
use crate::{
    Asdu, AsduView, Cause, ControlPermit, Cot, Cp56Time2a, DayCache, Family, Freeze, ParameterAsdu, ParameterElement, Qcc, Qpm, SystemAsdu,
    SystemElement,
};

/// A clock that is set late is wrong by as much: a time must be taken within this.
const CLOCK_LIFE: Duration = Duration::from_secs(2);
/// Requests that may wait.
pub(super) const WAITING_MAX: usize = 16;

/// What is on the wire.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    /// The next common address is to be asked.
    Due,
    /// Asked; an answer is due by then.
    Asked(u16, Mono),
    /// Confirmed; the next value or the end is due by then.
    Running(u16, Mono),
}

#[derive(Debug)]
struct Task {
    id: u64,
    wish: Wish,
    /// Common addresses still to be asked.
    rest: VecDeque<u16>,
    step: Step,
    notes: String,
    /// A change does not leave after this.
    not_after: Mono,
    /// A change left, and nothing says yet that it arrived.
    unproven: Option<Flight>,
}

/// How the arrival of a change is proven, if the station is slow to acknowledge: by the answer to a test frame after it.
#[derive(Clone, Copy, Debug)]
struct Flight {
    mark: u64,
    probe_at: Mono,
}

#[derive(Debug)]
pub(super) struct Housekeeping {
    cas: Vec<u16>,
    points: BTreeMap<PointId, Address>,
    oa: u8,
    allow: Allowed,
    con_timeout: Duration,
    silence: Duration,
    tests: u16,
    /// The first one runs.
    tasks: VecDeque<Task>,
}

impl Housekeeping {
    pub(super) fn new(params: &Params, cas: Vec<u16>, points: impl Iterator<Item = (PointId, Address)>) -> Self {
        Self {
            cas,
            points: points.collect(),
            oa: params.oa,
            allow: params.allow,
            con_timeout: params.command_timeout,
            silence: params.gi_timeout,
            tests: 0,
            tasks: VecDeque::new(),
        }
    }

    /// Takes a request, or ends it at once.
    pub(super) fn request(
        &mut self,
        (id, wish, not_after): (u64, Wish, Mono),
        may_control: bool,
        started: bool,
        events: &mut VecDeque<Event>,
    ) {
        let refusal = if !self.permits(wish, may_control) {
            Some(Outcome::NotPermitted)
        } else if !started {
            Some(Outcome::LinkDown)
        } else if self.tasks.len() >= WAITING_MAX {
            Some(Outcome::Busy)
        } else {
            None
        };
        if let Some(outcome) = refusal {
            events.push_back(Event::Housekept { id, outcome });
            return;
        }
        let rest = match self.point_of(wish) {
            Some(point) => self.points.get(&point).map(|address| address.ca).into_iter().collect(),
            None => self.cas.iter().copied().collect(),
        };
        self.tasks.push_back(Task { id, wish, rest, step: Step::Due, notes: String::new(), not_after, unproven: None });
    }

    fn permits(&self, wish: Wish, may_control: bool) -> bool {
        let known = self.point_of(wish).is_none_or(|point| self.points.contains_key(&point));
        known
            && match wish {
                Wish::ReadGroup(group) => (1..=16).contains(&group),
                Wish::Counters { group, freeze } => {
                    let may = match freeze {
                        CounterFreeze::Read => true,
                        CounterFreeze::Freeze => self.allow.counter_freeze,
                        CounterFreeze::FreezeReset => self.allow.counter_freeze && self.allow.counter_reset,
                        CounterFreeze::Reset => self.allow.counter_reset,
                    };
                    may && group.is_none_or(|group| (1..=4).contains(&group))
                }
                Wish::Read(_) | Wish::Test => true,
                Wish::SynchroniseClock => self.allow.clock_sync,
                Wish::Reset => may_control && self.allow.reset,
                Wish::LoadParameter { point, value, .. } => {
                    may_control && self.allow.parameters && self.parameter(point, value, 1, true).is_some()
                }
                Wish::ActivateParameters { .. } | Wish::CyclicTransmission { .. } => may_control && self.allow.parameters,
                // Other protocols have them.
                Wish::ColdRestart | Wish::Poll(_) | Wish::AssignClass { .. } | Wish::Unsolicited { .. } | Wish::Attributes => false,
            }
    }

    fn point_of(&self, wish: Wish) -> Option<PointId> {
        match wish {
            Wish::Read(point) | Wish::LoadParameter { point, .. } | Wish::CyclicTransmission { point, .. } => Some(point),
            Wish::ActivateParameters { point, .. } => point,
            Wish::ReadGroup(_) | Wish::Counters { .. } | Wish::SynchroniseClock | Wish::Test | Wish::Reset => None,
            Wish::ColdRestart | Wish::Poll(_) | Wish::AssignClass { .. } | Wish::Unsolicited { .. } | Wish::Attributes => None,
        }
    }

    /// A parameter in the point's own type; `None` if it has none, or the value does not fit.
    fn parameter(&self, point: PointId, value: f64, kind: u8, in_operation: bool) -> Option<ParameterElement> {
        let (family, _) = self.points.get(&point)?.type_id.family()?;
        let qpm = Qpm { kind, local_change: false, not_in_operation: !in_operation };
        let whole = |value: f64| super::commands::sixteen_bits(value);
        match family {
            Family::Normalised | Family::Bare => whole(value * 32768.0).map(|value| ParameterElement::Normalised(value, qpm)),
            Family::Scaled => whole(value).map(|value| ParameterElement::Scaled(value, qpm)),
            Family::Float => {
                #[expect(clippy::cast_possible_truncation, reason = "the wire carries a short float; what does not fit is refused")]
                let short = value as f32;
                short.is_finite().then_some(ParameterElement::Float(short, qpm))
            }
            Family::Single
            | Family::Double
            | Family::Step
            | Family::Bits
            | Family::Counter
            | Family::Protection
            | Family::Start
            | Family::Circuit
            | Family::Packed => None,
        }
    }

    /// Whether a request is to leave.
    pub(super) fn is_due(&self) -> bool {
        self.tasks.front().is_some_and(|task| task.step == Step::Due)
    }

    /// Whether the request that is to leave changes the station: it leaves alone, and only to a peer that is known to be there (R5).
    pub(super) fn is_change_due(&self) -> bool {
        self.is_due() && self.tasks.front().is_some_and(|task| task.wish.changes() && !task.rest.is_empty())
    }

    /// The peer's N(R) covers the change that left.
    pub(super) fn arrived(&mut self) {
        if let Some(task) = self.tasks.front_mut() {
            task.unproven = None;
        }
    }

    /// A test frame was answered.
    pub(super) fn test_answered(&mut self, since: impl Fn(u64) -> bool) {
        if let Some(task) = self.tasks.front_mut() {
            task.unproven.take_if(|flight| since(flight.mark));
        }
    }

    /// How long a change that left may still be on its way.
    pub(super) fn remaining_life(&self, now: Now) -> Option<Duration> {
        let task = self.tasks.front().filter(|task| task.unproven.is_some())?;
        Some((task.not_after + EXECUTE_MARGIN).since(now.mono).max(Duration::from_millis(1)))
    }

    /// Appends the next request, if one is due. The caller asked the window, and for a change whether it may leave.
    pub(super) fn put(
        &mut self,
        permit: Option<&ControlPermit>,
        connection: &mut Connection<Sent>,
        zone: Zone,
        out: &mut Vec<u8>,
        events: &mut VecDeque<Event>,
        now: Now,
    ) {
        if !self.is_due() {
            return;
        }
        let Some(task) = self.tasks.front_mut() else { return };
        if task.wish.changes() && now.mono >= task.not_after {
            return self.end(Outcome::Expired, events);
        }
        let Some(ca) = task.rest.pop_front() else { return self.end(Outcome::Done(String::new()), events) };
        if task.wish == Wish::SynchroniseClock {
            task.not_after = task.not_after.min(now.mono + CLOCK_LIFE);
        }
        let life = (task.not_after + EXECUTE_MARGIN).since(now.mono);
        let flight = Flight { mark: connection.test_mark(), probe_at: now.mono + PROBE_AFTER.min(life / 2) };
        task.unproven = task.wish.changes().then_some(flight);
        let sent = if task.wish.changes() { Sent::Change } else { Sent::Harmless };
        task.step = Step::Asked(ca, now.mono + self.con_timeout);
        let wish = task.wish;
        let cause = match wish {
            Wish::Read(_) => Cause::REQUESTED,
            Wish::ActivateParameters { on: false, .. } | Wish::CyclicTransmission { on: false, .. } => Cause::DEACTIVATION,
            Wish::ReadGroup(_)
            | Wish::Counters { .. }
            | Wish::SynchroniseClock
            | Wish::Test
            | Wish::Reset
            | Wish::LoadParameter { .. }
            | Wish::ActivateParameters { .. }
            | Wish::CyclicTransmission { .. }
            | Wish::ColdRestart
            | Wish::Poll(_)
            | Wish::AssignClass { .. }
            | Wish::Unsolicited { .. }
            | Wish::Attributes => Cause::ACTIVATION,
        };
        let cot = Cot { originator: self.oa, ..Cot::new(cause) };
        let ioa = self.point_of(wish).and_then(|point| self.points.get(&point)).map_or(0, |address| address.ioa);
        let time = Cp56Time2a::from_timestamp(Timestamp::by_device(now.utc), zone);
        let system = |element| Some(SystemAsdu { cot, ca, ioa, element });
        let change = |element| Some(ParameterAsdu { cot, ca, ioa, element });
        let (asked, changed) = match wish {
            Wish::ReadGroup(group) => (system(SystemElement::Interrogation(20 + group)), None),
            Wish::Counters { group, freeze } => {
                let freeze = match freeze {
                    CounterFreeze::Read => Freeze::Read,
                    CounterFreeze::Freeze => Freeze::Freeze,
                    CounterFreeze::FreezeReset => Freeze::FreezeReset,
                    CounterFreeze::Reset => Freeze::Reset,
                };
                (system(SystemElement::CounterInterrogation(Qcc { request: group.unwrap_or(Qcc::GENERAL), freeze })), None)
            }
            Wish::Read(_) => (system(SystemElement::Read), None),
            Wish::SynchroniseClock => (system(SystemElement::ClockSync(time)), None),
            Wish::Test => {
                self.tests = self.tests.wrapping_add(1);
                (system(SystemElement::Test(self.tests, time)), None)
            }
            Wish::Reset => (None, change(ParameterElement::Reset(1))),
            Wish::LoadParameter { point, parameter, value, in_operation } => {
                let kind = match parameter {
                    Parameter::Threshold => 1,
                    Parameter::Smoothing => 2,
                    Parameter::LowLimit => 3,
                    Parameter::HighLimit => 4,
                };
                (None, self.parameter(point, value, kind, in_operation).and_then(change))
            }
            Wish::ActivateParameters { point, .. } => (None, change(ParameterElement::Activation(if point.is_some() { 2 } else { 1 }))),
            Wish::CyclicTransmission { .. } => (None, change(ParameterElement::Activation(3))),
            Wish::ColdRestart | Wish::Poll(_) | Wish::AssignClass { .. } | Wish::Unsolicited { .. } | Wish::Attributes => (None, None),
        };
        match (asked, changed, permit) {
            (Some(asdu), _, _) => connection.put_information(out, now.mono, |out| {
                asdu.encode(out);
                sent
            }),
            (None, Some(asdu), Some(permit)) => connection.put_information(out, now.mono, |out| {
                asdu.encode(permit, out);
                sent
            }),
            (None, _, _) => self.end(Outcome::NotPermitted, events),
        }
    }

    /// Process information came: the answer to a read, or a sign of life of a reading under way.
    pub(super) fn heard(&mut self, view: &AsduView<'_>, events: &mut VecDeque<Event>, now: Mono) {
        let silence = self.silence;
        let Some(task) = self.tasks.front_mut() else { return };
        match (task.wish, task.step) {
            (Wish::Read(point), Step::Asked(ca, _)) if ca == view.ca && view.cot.cause == Cause::REQUESTED => {
                let Some(ioa) = self.points.get(&point).map(|address| address.ioa) else { return };
                let octets = view.type_id.element_octets().unwrap_or(0);
                if view.objects(octets).is_ok_and(|objects| objects.map(|ioa, _| ioa).any(|read| read == ioa)) {
                    self.done(events);
                }
            }
            (Wish::ReadGroup(_) | Wish::Counters { .. }, Step::Running(ca, _)) if ca == view.ca && view.cot.cause.0 > 20 => {
                task.step = Step::Running(ca, now + silence);
            }
            _ => {}
        }
    }

    /// Something else than process information and command answers came.
    pub(super) fn answered(&mut self, asdu: &Asdu, zone: Zone, events: &mut VecDeque<Event>, now: Now) {
        let silence = self.silence;
        let Some(task) = self.tasks.front_mut() else { return };
        let (Step::Asked(ca, _) | Step::Running(ca, _)) = task.step else { return };
        let (cot, from, fits) = match asdu {
            Asdu::System(system) => (system.cot, system.ca, fits_system(task.wish, system.element, self.tests)),
            Asdu::Parameter(parameter) => (parameter.cot, parameter.ca, fits_parameter(task.wish, parameter.element)),
            Asdu::Monitor(_) | Asdu::Control(_) => return,
        };
        if from != ca || !fits || !cot.answers(self.oa) {
            return;
        }
        task.unproven = None;
        if cot.cause.is_unknown() {
            return self.end(Outcome::Refused(unknown(cot.cause).to_owned()), events);
        }
        match (task.step, cot.cause) {
            (Step::Asked(..), Cause::ACTIVATION_CON | Cause::DEACTIVATION_CON) if cot.negative => {
                self.end(Outcome::Refused("negative confirmation".to_owned()), events);
            }
            // Some stations confirm a read besides answering it: only the value ends it.
            (Step::Asked(..), Cause::ACTIVATION_CON) if matches!(task.wish, Wish::Read(_)) => {}
            (Step::Asked(..), Cause::ACTIVATION_CON) if is_reading(task.wish) => task.step = Step::Running(ca, now.mono + silence),
            (Step::Asked(..), Cause::ACTIVATION_CON | Cause::DEACTIVATION_CON) => {
                if let Asdu::System(SystemAsdu { element: SystemElement::ClockSync(theirs), .. }) = asdu {
                    task.notes = offset(*theirs, ca, zone, now);
                }
                self.done(events);
            }
            (Step::Running(..), Cause::ACTIVATION_TERM) => self.done(events),
            _ => {}
        }
    }

    /// This common address has answered.
    fn done(&mut self, events: &mut VecDeque<Event>) {
        let Some(task) = self.tasks.front_mut() else { return };
        if task.rest.is_empty() {
            let notes = std::mem::take(&mut task.notes);
            self.end(Outcome::Done(notes), events);
        } else {
            task.step = Step::Due;
        }
    }

    fn end(&mut self, outcome: Outcome, events: &mut VecDeque<Event>) {
        if let Some(task) = self.tasks.pop_front() {
            events.push_back(Event::Housekept { id: task.id, outcome });
        }
    }

    /// `true` asks for a test frame, whose answer proves the arrival of what left before it.
    ///
    /// # Errors
    /// If a change is not known to have arrived when its life is over: the connection must be aborted.
    pub(super) fn handle_timeout(&mut self, events: &mut VecDeque<Event>, now: Mono) -> Result<bool, Error> {
        let silence_over = self.deadline() <= now;
        let Some(task) = self.tasks.front_mut().filter(|_| silence_over) else { return Ok(false) };
        if let Some(flight) = &mut task.unproven {
            if now >= task.not_after + EXECUTE_MARGIN {
                return Err(Error::ChangeOverdue);
            }
            if now >= flight.probe_at {
                flight.probe_at = Mono::NEVER;
                return Ok(true);
            }
        }
        let outcome = if task.step == Step::Due { Outcome::Expired } else { Outcome::Unanswered };
        self.end(outcome, events);
        Ok(false)
    }

    pub(super) fn deadline(&self) -> Mono {
        let Some(task) = self.tasks.front() else { return Mono::NEVER };
        match task.step {
            Step::Asked(_, until) | Step::Running(_, until) => match task.unproven {
                // While it may still be on its way, the request is not over.
                Some(flight) => flight.probe_at.min(task.not_after + EXECUTE_MARGIN),
                None => until,
            },
            Step::Due if task.wish.changes() => task.not_after,
            Step::Due => Mono::NEVER,
        }
    }

    pub(super) fn connection_lost(&mut self, events: &mut VecDeque<Event>) {
        while let Some(task) = self.tasks.front() {
            let sent = task.wish.changes() && task.step != Step::Due;
            self.end(if sent { Outcome::Indeterminate } else { Outcome::LinkDown }, events);
        }
    }
}

fn is_reading(wish: Wish) -> bool {
    matches!(wish, Wish::ReadGroup(_) | Wish::Counters { freeze: CounterFreeze::Read, .. })
}

fn fits_system(wish: Wish, element: SystemElement, tests: u16) -> bool {
    match (wish, element) {
        (Wish::ReadGroup(group), SystemElement::Interrogation(qoi)) => qoi == 20 + group,
        (Wish::Counters { group, .. }, SystemElement::CounterInterrogation(qcc)) => qcc.request == group.unwrap_or(Qcc::GENERAL),
        (Wish::Read(_), SystemElement::Read) | (Wish::SynchroniseClock, SystemElement::ClockSync(_)) => true,
        (Wish::Test, SystemElement::Test(counter, _)) => counter == tests,
        _ => false,
    }
}

fn fits_parameter(wish: Wish, element: ParameterElement) -> bool {
    match element {
        ParameterElement::Reset(_) => wish == Wish::Reset,
        ParameterElement::Activation(qpa) => match wish {
            Wish::ActivateParameters { .. } => qpa != 3,
            Wish::CyclicTransmission { .. } => qpa == 3,
            Wish::ReadGroup(_)
            | Wish::Counters { .. }
            | Wish::Read(_)
            | Wish::SynchroniseClock
            | Wish::Test
            | Wish::Reset
            | Wish::LoadParameter { .. }
            | Wish::ColdRestart
            | Wish::Poll(_)
            | Wish::AssignClass { .. }
            | Wish::Unsolicited { .. }
            | Wish::Attributes => false,
        },
        ParameterElement::Normalised(..) | ParameterElement::Scaled(..) | ParameterElement::Float(..) => {
            matches!(wish, Wish::LoadParameter { .. })
        }
    }
}

const fn unknown(cause: Cause) -> &'static str {
    match cause {
        Cause::UNKNOWN_TYPE => "unknown type",
        Cause::UNKNOWN_CAUSE => "unknown cause",
        Cause::UNKNOWN_CA => "unknown common address",
        _ => "unknown object address",
    }
}

/// How far the station's clock is from ours, as the confirmation says (row 49).
fn offset(theirs: Cp56Time2a, ca: u16, zone: Zone, now: Now) -> String {
    match theirs.wall_clock_ns(&mut DayCache::default()) {
        Some(wall) => format!("the clock of station {ca} was {} ms from ours", (wall - zone.offset_ns() - now.utc.0) / 1_000_000),
        None => format!("station {ca} answered with no time"),
    }
}

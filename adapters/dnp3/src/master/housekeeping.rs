//! Requests besides polls and commands (R22; rows 42 to 44, 47 to 49, 51, 52): one runs at a time, at its outstation or at every one in
//! turn.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use bridge_model::{Mono, Now, PointId, Utc, Zone};
use bridge_session::{CounterFreeze, Event, FileWish, Housekeeping as Wish, HousekeepingOutcome as Outcome, Parameter};

use super::commands::NOT_DONE;
use super::files::{Moved, Transfer};
use crate::ControlPermit;
use crate::address::{Address, PointType};
use crate::app::{AppControl, FragmentView, FragmentWriter, Function, Harmless, IndexWidth, Payload, Refused};
use crate::objects::{Attribute, AttributeValue, DnpTime, TimeDelay, attribute_name};
use crate::params::{Allowed, Params, TimeSync};

/// Requests that may wait.
pub(super) const WAITING_MAX: usize = 16;
/// A clock that is set late is wrong by as much: a time must leave and be taken within this.
pub(super) const CLOCK_LIFE: Duration = Duration::from_secs(2);
/// How long the setting of a clock that asked for it may wait; what takes longer is asked for again.
const CLOCK_WAIT: Duration = Duration::from_secs(10);
/// Octets of what is told of an outstation's attributes.
const NOTES_MAX: usize = 8192;

#[derive(Debug)]
enum Work {
    Wish(Wish),
    File(Transfer),
}

/// What is asked next of the outstation whose turn it is.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    First,
    /// The time of the first request is written (row 43).
    WriteRecorded(Utc),
    /// Our time and the way there is written (row 44).
    WriteDelayed(Duration),
    /// The dead-band is written in this variation (row 49).
    WriteDeadband(u8),
    /// REQUEST_LINK_STATUS is unanswered.
    Status {
        asked: Mono,
        until: Mono,
    },
}

#[derive(Debug)]
struct Task {
    serial: u64,
    /// `None`: an outstation's clock is set because it asked.
    id: Option<u64>,
    work: Work,
    not_after: Mono,
    /// Outstations still to be asked.
    rest: VecDeque<u16>,
    several: bool,
    step: Step,
    is_asked: bool,
    notes: String,
    refused: String,
    unanswered: bool,
}

impl Task {
    fn changes(&self) -> bool {
        match &self.work {
            Work::Wish(wish) => wish.changes(),
            Work::File(transfer) => transfer.wish().changes(),
        }
    }
}

/// What leaves next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Leaving {
    pub(super) serial: u64,
    pub(super) outstation: u16,
    /// Only a test of the link.
    pub(super) is_status: bool,
    /// It changes the outstation and must not arrive late: not after this.
    pub(super) change: Option<Mono>,
    /// Event classes that it reads.
    pub(super) reads: u8,
}

#[derive(Debug)]
pub(super) struct Tasks {
    outstations: Vec<u16>,
    /// Where files are: the link's own outstation, or its only one.
    file_station: Option<u16>,
    points: BTreeMap<PointId, Address>,
    allow: Allowed,
    unsolicited: u8,
    time_sync: TimeSync,
    zone: Zone,
    fragment_max: usize,
    serial: u64,
    /// The first one runs.
    queue: VecDeque<Task>,
    /// Outstations that restart now and how long that takes.
    restarting: Vec<(u16, Duration)>,
}

impl Tasks {
    pub(super) fn new(params: &Params, outstations: Vec<u16>, points: impl Iterator<Item = (PointId, Address)>, zone: Zone) -> Self {
        let only = outstations.first().copied().filter(|_| outstations.len() == 1);
        Self {
            file_station: params.outstation.or(only),
            outstations,
            points: points.collect(),
            allow: params.allow,
            unsolicited: params.unsolicited,
            time_sync: params.time_sync,
            zone,
            fragment_max: params.max_receive.min(params.max_transmit),
            serial: 0,
            queue: VecDeque::new(),
            restarting: Vec::new(),
        }
    }

    /// Takes a request, or ends it at once.
    pub(super) fn request(&mut self, id: u64, wish: Wish, not_after: Mono, may_control: bool, open: bool, events: &mut VecDeque<Event>) {
        let rest = match self.point_of(wish) {
            Some(point) => self.points.get(&point).map(|address| address.outstation).into_iter().collect(),
            None => self.outstations.iter().copied().collect(),
        };
        self.admit(id, Work::Wish(wish), not_after, rest, self.permits(wish, may_control), open, events);
    }

    /// Takes a request about a file, or ends it at once.
    pub(super) fn request_file(
        &mut self,
        (id, station): (u64, Option<u16>),
        wish: FileWish,
        not_after: Mono,
        may_control: bool,
        open: bool,
        events: &mut VecDeque<Event>,
    ) {
        let permitted = self.allow.files && (!wish.changes() || may_control && self.allow.file_write);
        if !permitted {
            events.push_back(Event::Housekept { id, outcome: Outcome::NotPermitted });
            return;
        }
        let station = match station {
            Some(named) if self.outstations.contains(&named) => named,
            Some(named) => {
                let outcome = Outcome::Refused(format!("the link has no outstation {named}"));
                events.push_back(Event::Housekept { id, outcome });
                return;
            }
            None => match self.file_station {
                Some(own) => own,
                None => {
                    let all: Vec<String> = self.outstations.iter().map(u16::to_string).collect();
                    let outcome = Outcome::Refused(format!("the line has several outstations: name one of {}", all.join(", ")));
                    events.push_back(Event::Housekept { id, outcome });
                    return;
                }
            },
        };
        let rest = VecDeque::from([station]);
        let [low, high, ..] = self.serial.wrapping_add(1).to_le_bytes();
        let transfer = Transfer::new(wish, u16::from_le_bytes([low, high]), self.fragment_max);
        self.admit(id, Work::File(transfer), not_after, rest, permitted, open, events);
    }

    #[expect(clippy::too_many_arguments, reason = "private, and each is one fact")]
    fn admit(
        &mut self,
        id: u64,
        work: Work,
        not_after: Mono,
        rest: VecDeque<u16>,
        permitted: bool,
        open: bool,
        events: &mut VecDeque<Event>,
    ) {
        let refusal = if !permitted || rest.is_empty() {
            Some(Outcome::NotPermitted)
        } else if !open {
            Some(Outcome::LinkDown)
        } else if self.queue.iter().filter(|task| task.id.is_some()).count() >= WAITING_MAX {
            Some(Outcome::Busy)
        } else {
            None
        };
        match refusal {
            Some(outcome) => events.push_back(Event::Housekept { id, outcome }),
            None => self.push(Some(id), work, not_after, rest),
        }
    }

    fn push(&mut self, id: Option<u64>, work: Work, not_after: Mono, rest: VecDeque<u16>) {
        self.serial += 1;
        self.queue.push_back(Task {
            serial: self.serial,
            id,
            work,
            not_after,
            several: rest.len() > 1,
            rest,
            step: Step::First,
            is_asked: false,
            notes: String::new(),
            refused: String::new(),
            unanswered: false,
        });
    }

    /// Whether the link allows that clocks are set.
    pub(super) const fn may_set_clocks(&self) -> bool {
        self.allow.clock_sync
    }

    /// An outstation wants its clock set. `false` if it may not be, or will be anyway.
    pub(super) fn want_clock(&mut self, outstation: u16, now: Mono) -> bool {
        let is_pending = |task: &Task| matches!(task.work, Work::Wish(Wish::SynchroniseClock)) && task.rest.contains(&outstation);
        if !self.allow.clock_sync || self.queue.iter().any(is_pending) {
            return false;
        }
        self.push(None, Work::Wish(Wish::SynchroniseClock), now + CLOCK_WAIT, VecDeque::from([outstation]));
        true
    }

    fn permits(&self, wish: Wish, may_control: bool) -> bool {
        let point = match self.point_of(wish) {
            Some(point) => match self.points.get(&point) {
                Some(address) => Some(address),
                None => return false,
            },
            None => None,
        };
        match wish {
            Wish::Counters { group: None, freeze } => match freeze {
                CounterFreeze::Read => true,
                CounterFreeze::Freeze => may_control && self.allow.counter_freeze,
                CounterFreeze::FreezeReset => may_control && self.allow.counter_freeze && self.allow.counter_reset,
                // Counters are cleared only as they are frozen.
                CounterFreeze::Reset => false,
            },
            Wish::Read(_) | Wish::Test | Wish::Attributes => true,
            Wish::Poll(classes) => classes != 0 && classes <= 0b1111,
            Wish::SynchroniseClock => self.allow.clock_sync,
            Wish::Reset | Wish::ColdRestart => may_control && self.allow.reset,
            Wish::AssignClass { class, .. } => may_control && self.allow.assign_class && class <= 3,
            Wish::Unsolicited { classes, on } => classes & !0b1110 == 0 && classes != 0 && (!on || classes & !self.unsolicited == 0),
            Wish::LoadParameter { parameter: Parameter::Threshold, value, in_operation, .. } => {
                let is_analog = point.is_some_and(|address| address.of == PointType::Analog);
                may_control && self.allow.parameters && is_analog && in_operation && value >= 0.0 && value.is_finite()
            }
            Wish::LoadParameter { parameter: Parameter::Smoothing | Parameter::LowLimit | Parameter::HighLimit, .. }
            | Wish::Counters { group: Some(_), .. }
            | Wish::ReadGroup(_)
            | Wish::ActivateParameters { .. }
            | Wish::CyclicTransmission { .. } => false,
        }
    }

    fn point_of(&self, wish: Wish) -> Option<PointId> {
        match wish {
            Wish::Read(point) | Wish::LoadParameter { point, .. } | Wish::AssignClass { point, .. } => Some(point),
            Wish::ReadGroup(_)
            | Wish::Counters { .. }
            | Wish::SynchroniseClock
            | Wish::Test
            | Wish::Reset
            | Wish::ColdRestart
            | Wish::Poll(_)
            | Wish::Unsolicited { .. }
            | Wish::Attributes
            | Wish::ActivateParameters { .. }
            | Wish::CyclicTransmission { .. } => None,
        }
    }

    /// Whether an outstation recorded or measured what the next request, its time, is counted from.
    pub(super) fn is_setting_clock(&self) -> bool {
        self.queue.front().is_some_and(|task| matches!(task.step, Step::WriteRecorded(_) | Step::WriteDelayed(_)))
    }

    /// What leaves next, if anything waits to be asked.
    pub(super) fn leaving(&self, now: Mono) -> Option<Leaving> {
        let task = self.queue.front().filter(|task| !task.is_asked)?;
        let outstation = *task.rest.front()?;
        let changes = match &task.work {
            Work::Wish(Wish::SynchroniseClock) => task.step != Step::First,
            Work::Wish(Wish::LoadParameter { .. }) => task.step != Step::First,
            Work::Wish(wish) => wish.changes(),
            Work::File(transfer) => transfer.function().1.is_none(),
        };
        let is_clock = matches!(task.work, Work::Wish(Wish::SynchroniseClock));
        let not_after = if is_clock { task.not_after.min(now + CLOCK_LIFE) } else { task.not_after };
        Some(Leaving {
            serial: task.serial,
            outstation,
            is_status: matches!(task.work, Work::Wish(Wish::Test)),
            change: changes.then_some(not_after),
            reads: if let Work::Wish(Wish::Poll(classes)) = task.work { classes & 0b1110 } else { 0 },
        })
    }

    /// REQUEST_LINK_STATUS left for a test.
    pub(super) fn status_asked(&mut self, now: Mono, timeout: Duration) {
        if let Some(task) = self.queue.front_mut() {
            task.is_asked = true;
            task.step = Step::Status { asked: now, until: now + timeout };
        }
    }

    /// Writes the next request, which leaves now; gives its function. `None`: it cannot be said, and its end was told.
    pub(super) fn put(
        &mut self,
        permit: Option<&ControlPermit>,
        writer: &mut FragmentWriter,
        seq: u8,
        events: &mut VecDeque<Event>,
        now: Now,
    ) -> Option<Function> {
        let task = self.queue.front_mut()?;
        let control = AppControl::single(seq);
        let begun = match &mut task.work {
            Work::Wish(wish) => request_of(*wish, task.step, self.time_sync),
            Work::File(transfer) => Some(transfer.function()),
        };
        let written = begun.and_then(|(function, harmless)| {
            match (harmless, permit) {
                (Some(harmless), _) => writer.begin_request(control, harmless),
                (None, Some(permit)) => writer.begin_control(permit, control, function),
                (None, None) => return None,
            }
            let written = match &mut task.work {
                Work::Wish(wish) => put_objects(*wish, task.step, &self.points, self.zone, writer, now),
                Work::File(transfer) => transfer.put(writer),
            };
            written.ok().map(|()| function)
        });
        match written {
            Some(function) => {
                task.is_asked = true;
                Some(function)
            }
            None => {
                self.step_ended(Err("it cannot be said in one fragment".to_owned()), events);
                None
            }
        }
    }

    /// A fragment of the answer to the request that left at `sent`.
    pub(super) fn answered(
        &mut self,
        serial: u64,
        view: &FragmentView<'_>,
        is_last: bool,
        sent: Now,
        events: &mut VecDeque<Event>,
        now: Now,
    ) {
        let Some(task) = self.queue.front_mut().filter(|task| task.serial == serial) else { return };
        let refused = view.iin.intersects(NOT_DONE) && view.body.is_empty();
        let named = || {
            let bits = crate::app::Iin(view.iin.0 & NOT_DONE.0);
            bits.names().collect::<Vec<_>>().join(" ")
        };
        let wish = match &mut task.work {
            Work::File(transfer) => {
                if !is_last {
                    return;
                }
                task.is_asked = false;
                match transfer.answered(view) {
                    Moved::On(octets) => {
                        if let (Some(octets), Some(id)) = (octets, task.id) {
                            events.push_back(Event::FilePart { id, octets });
                        }
                    }
                    Moved::Done(note, octets) => {
                        if let (Some(octets), Some(id)) = (octets, task.id) {
                            events.push_back(Event::FilePart { id, octets });
                        }
                        self.step_ended(Ok(note), events);
                    }
                    Moved::Refused(why) => self.step_ended(Err(why), events),
                }
                return;
            }
            Work::Wish(wish) => *wish,
        };
        if let Wish::Attributes = wish {
            note_attributes(view, &mut task.notes);
        }
        if !is_last {
            return;
        }
        task.is_asked = false;
        if refused {
            let why = named();
            self.step_ended(Err(why), events);
            return;
        }
        let delay = delay_of(view);
        let outcome = match (wish, task.step) {
            (Wish::SynchroniseClock, Step::First) => match (self.time_sync, delay) {
                (TimeSync::Lan, _) => {
                    task.step = Step::WriteRecorded(sent.utc);
                    return;
                }
                (TimeSync::NonLan, Some(delay)) => {
                    let way = now.mono.since(sent.mono).saturating_sub(delay) / 2;
                    task.step = Step::WriteDelayed(way);
                    return;
                }
                (TimeSync::NonLan, None) => Err("the answer to DELAY_MEASURE holds no delay".to_owned()),
            },
            (Wish::SynchroniseClock, Step::WriteDelayed(way)) => Ok(format!("the clock is set, {way:?} away")),
            (Wish::SynchroniseClock, _) => Ok("the clock is set".to_owned()),
            (Wish::LoadParameter { .. }, Step::First) => match deadband_variation(view) {
                Some(variation) => {
                    task.step = Step::WriteDeadband(variation);
                    return;
                }
                None => Err("the answer holds no dead-band".to_owned()),
            },
            (Wish::Reset | Wish::ColdRestart, _) => match delay {
                Some(delay) => {
                    self.restarting.extend(task.rest.front().map(|outstation| (*outstation, delay)));
                    Ok(format!("restarts, and is back in {delay:?}"))
                }
                None => Err("the answer holds no delay".to_owned()),
            },
            _ if view.iin.intersects(NOT_DONE) && !matches!(wish, Wish::Attributes) => Err(named()),
            _ => Ok(String::new()),
        };
        self.step_ended(outcome, events);
    }

    /// The request was not answered in time.
    pub(super) fn unanswered(&mut self, serial: u64, events: &mut VecDeque<Event>) {
        let Some(task) = self.queue.front_mut().filter(|task| task.serial == serial) else { return };
        task.unanswered = true;
        self.next_outstation(events);
    }

    /// The outstation wants to be convinced by secure authentication, or answered what nobody can read.
    pub(super) fn refused(&mut self, serial: u64, why: &str, events: &mut VecDeque<Event>) {
        if self.queue.front().is_some_and(|task| task.serial == serial) {
            self.step_ended(Err(why.to_owned()), events);
        }
    }

    /// The outstation whose turn it was has answered for good.
    fn step_ended(&mut self, outcome: Result<String, String>, events: &mut VecDeque<Event>) {
        let Some(task) = self.queue.front_mut() else { return };
        let (notes, text) = match &outcome {
            Ok(note) => (&mut task.notes, note),
            Err(why) => (&mut task.refused, why),
        };
        if !text.is_empty() {
            if !notes.is_empty() {
                notes.push_str("; ");
            }
            if let Some(outstation) = task.rest.front().filter(|_| task.several) {
                // Writing to a string does not fail.
                _ = write!(notes, "outstation {outstation}: ");
            }
            notes.push_str(text);
        }
        self.next_outstation(events);
    }

    fn next_outstation(&mut self, events: &mut VecDeque<Event>) {
        let Some(task) = self.queue.front_mut() else { return };
        task.rest.pop_front();
        (task.step, task.is_asked) = (Step::First, false);
        if task.rest.is_empty() {
            let outcome = if !task.refused.is_empty() {
                Outcome::Refused(std::mem::take(&mut task.refused))
            } else if task.unanswered {
                Outcome::Unanswered
            } else {
                Outcome::Done(std::mem::take(&mut task.notes))
            };
            self.end(0, outcome, events);
        }
    }

    fn end(&mut self, at: usize, outcome: Outcome, events: &mut VecDeque<Event>) {
        let Some(task) = self.queue.remove(at) else { return };
        match (task.id, outcome) {
            (Some(id), outcome) => events.push_back(Event::Housekept { id, outcome }),
            (None, Outcome::Refused(why)) => events.push_back(Event::Refused { what: format!("the clock was not set: {why}") }),
            (None, _) => {}
        }
    }

    /// An outstation that restarts now, and how long that takes.
    pub(super) fn poll_restarting(&mut self) -> Option<(u16, Duration)> {
        self.restarting.pop()
    }

    /// The outstation whose link is being tested, and since when.
    pub(super) fn tested(&self) -> Option<(u16, Mono)> {
        let task = self.queue.front()?;
        let Step::Status { asked, .. } = task.step else { return None };
        Some((*task.rest.front()?, asked))
    }

    /// The test was answered.
    pub(super) fn status_answered(&mut self, events: &mut VecDeque<Event>) {
        self.step_ended(Ok(String::new()), events);
    }

    /// Ends what ran out.
    pub(super) fn handle_timeout(&mut self, events: &mut VecDeque<Event>, now: Mono) {
        if let Some(Step::Status { until, .. }) = self.queue.front().map(|task| task.step)
            && now >= until
            && let Some(task) = self.queue.front_mut()
        {
            task.unanswered = true;
            self.next_outstation(events);
        }
        let mut at = 0;
        while let Some(task) = self.queue.get(at) {
            if task.changes() && !task.is_asked && now >= task.not_after {
                self.end(at, Outcome::Expired, events);
            } else {
                at += 1;
            }
        }
    }

    pub(super) fn deadline(&self) -> Mono {
        let of =
            |task: &Task| match task.step {
                Step::Status { until, .. } => until,
                Step::First | Step::WriteRecorded(_) | Step::WriteDelayed(_) | Step::WriteDeadband(_) => {
                    if task.is_asked || !task.changes() { Mono::NEVER } else { task.not_after }
                }
            };
        self.queue.iter().map(of).min().unwrap_or(Mono::NEVER)
    }

    /// The channel is gone or will be. `sent` is the request whose answer is not here and which may have changed its outstation.
    pub(super) fn connection_lost(&mut self, sent: Option<u64>, events: &mut VecDeque<Event>) {
        for task in self.queue.drain(..) {
            let Some(id) = task.id else { continue };
            let outcome = if sent == Some(task.serial) { Outcome::Indeterminate } else { Outcome::LinkDown };
            events.push_back(Event::Housekept { id, outcome });
        }
        self.restarting.clear();
    }
}

/// The function of a request, and its kind without a permit.
fn request_of(wish: Wish, step: Step, sync: TimeSync) -> Option<(Function, Option<Harmless>)> {
    let harmless = |harmless: Harmless| Some((harmless.function(), Some(harmless)));
    match (wish, step) {
        (Wish::SynchroniseClock, Step::First) => match sync {
            TimeSync::Lan => harmless(Harmless::RECORD_CURRENT_TIME),
            TimeSync::NonLan => harmless(Harmless::DELAY_MEASURE),
        },
        (Wish::SynchroniseClock, _) => harmless(Harmless::WRITE),
        (Wish::Read(_) | Wish::Poll(_) | Wish::Attributes | Wish::Counters { freeze: CounterFreeze::Read, .. }, _)
        | (Wish::LoadParameter { .. }, Step::First) => harmless(Harmless::READ),
        (Wish::LoadParameter { .. }, _) => Some((Function::Write, None)),
        (Wish::Counters { freeze: CounterFreeze::Freeze, .. }, _) => Some((Function::ImmediateFreeze, None)),
        (Wish::Counters { freeze: CounterFreeze::FreezeReset, .. }, _) => Some((Function::FreezeClear, None)),
        (Wish::Reset, _) => Some((Function::WarmRestart, None)),
        (Wish::ColdRestart, _) => Some((Function::ColdRestart, None)),
        (Wish::AssignClass { .. }, _) => Some((Function::AssignClass, None)),
        (Wish::Unsolicited { on: true, .. }, _) => harmless(Harmless::ENABLE_UNSOLICITED),
        (Wish::Unsolicited { on: false, .. }, _) => harmless(Harmless::DISABLE_UNSOLICITED),
        (
            Wish::Test
            | Wish::ReadGroup(_)
            | Wish::ActivateParameters { .. }
            | Wish::CyclicTransmission { .. }
            | Wish::Counters { freeze: CounterFreeze::Reset, .. },
            _,
        ) => None,
    }
}

fn put_objects(
    wish: Wish,
    step: Step,
    points: &BTreeMap<PointId, Address>,
    zone: Zone,
    writer: &mut FragmentWriter,
    now: Now,
) -> Result<(), Refused> {
    let address = |point: PointId| points.get(&point).copied().ok_or(Refused::Unsaid);
    let time = |utc: Utc| DnpTime::from_utc(utc, zone).map(DnpTime::octets).ok_or(Refused::Unsaid);
    match (wish, step) {
        (Wish::SynchroniseClock, Step::WriteRecorded(at)) => writer.counted(50, 3, &time(at)?),
        (Wish::SynchroniseClock, Step::WriteDelayed(way)) => writer.counted(50, 1, &time(now.utc + way)?),
        (Wish::Read(point), _) => {
            let Address { of, index, .. } = address(point)?;
            writer.name_range(of.groups().0, 0, u32::from(index), u32::from(index))
        }
        (Wish::Poll(classes), _) => put_classes(classes, writer),
        (Wish::Unsolicited { classes, .. }, _) => put_classes(classes & 0b1110, writer),
        (Wish::Attributes, _) => {
            writer.use_width(IndexWidth::One);
            let named = writer.name_range(0, 254, 0, 0);
            writer.use_width(IndexWidth::Two);
            named
        }
        (Wish::Counters { freeze: CounterFreeze::Read, .. }, _) => {
            writer.name_all(20, 0)?;
            writer.name_all(21, 0)
        }
        (Wish::Counters { .. }, _) => writer.name_all(20, 0),
        (Wish::AssignClass { point, class }, _) => {
            let Address { of, index, .. } = address(point)?;
            writer.name_all(60, class + 1)?;
            writer.name_range(of.groups().0, 0, u32::from(index), u32::from(index))
        }
        (Wish::LoadParameter { point, value, .. }, step) => {
            let index = u32::from(address(point)?.index);
            match step {
                Step::WriteDeadband(variation) => writer.ranged(34, variation, index, &deadband(variation, value)?),
                Step::First | Step::WriteRecorded(_) | Step::WriteDelayed(_) | Step::Status { .. } => {
                    writer.name_range(34, 0, index, index)
                }
            }
        }
        _ => Ok(()),
    }
}

/// Names classes: bits 1 to 3 events, bit 0 static values, which come last.
pub(super) fn put_classes(classes: u8, writer: &mut FragmentWriter) -> Result<(), Refused> {
    for class in [1, 2, 3, 0_u8] {
        if classes & 1 << class != 0 {
            writer.name_all(60, class + 1)?;
        }
    }
    Ok(())
}

/// A dead-band in the outstation's own variation: never another value than asked for, but for the nearest short float.
fn deadband(variation: u8, value: f64) -> Result<Vec<u8>, Refused> {
    let whole = |max: u32| if value.fract() == 0.0 && value <= f64::from(max) { Ok(value as u32) } else { Err(Refused::Unsaid) };
    match variation {
        1 => u16::try_from(whole(0xFFFF)?).map(|number| number.to_le_bytes().to_vec()).map_err(|_| Refused::Unsaid),
        2 => Ok(whole(u32::MAX)?.to_le_bytes().to_vec()),
        3 if (value as f32).is_finite() => Ok((value as f32).to_le_bytes().to_vec()),
        _ => Err(Refused::Unsaid),
    }
}

fn deadband_variation(view: &FragmentView<'_>) -> Option<u8> {
    view.headers().flatten().find(|header| header.header.group == 34).map(|header| header.header.variation)
}

/// g52 of an answer.
fn delay_of(view: &FragmentView<'_>) -> Option<Duration> {
    let header = view.headers().flatten().find(|header| header.header.group == 52)?;
    let object = header.objects().next()?;
    TimeDelay::decode(header.header.variation, object.payload.octets()).map(TimeDelay::duration)
}

/// `serial number: 17; name: …`
fn note_attributes(view: &FragmentView<'_>, notes: &mut String) {
    for header in view.headers().flatten().filter(|header| header.header.group == 0) {
        for object in header.objects() {
            let Payload::Octets(octets) = object.payload else { continue };
            let Some(attribute) = Attribute::decode(octets).filter(|_| notes.len() < NOTES_MAX) else { continue };
            if matches!(attribute.value, AttributeValue::List(_)) {
                continue;
            }
            if !notes.is_empty() {
                notes.push_str("; ");
            }
            // Writing to a string does not fail.
            _ = match attribute_name(header.header.variation) {
                Some(name) => write!(notes, "{name}: "),
                None => write!(notes, "attribute {}: ", header.header.variation),
            };
            _ = match attribute.value {
                AttributeValue::Text(text) => write!(notes, "{}", String::from_utf8_lossy(text).escape_debug()),
                AttributeValue::Unsigned(number) => write!(notes, "{number}"),
                AttributeValue::Signed(number) => write!(notes, "{number}"),
                AttributeValue::Float32(number) => write!(notes, "{number}"),
                AttributeValue::Float64(number) => write!(notes, "{number}"),
                AttributeValue::Octets(octets) | AttributeValue::Bits(octets) => write!(notes, "{octets:02x?}"),
                AttributeValue::Time(time) => write!(notes, "{} ms", time.millis()),
                AttributeValue::List(_) => Ok(()),
            };
        }
    }
}

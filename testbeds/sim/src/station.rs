//! A simulated controlled station: a process (a plant, generators, or both) behind a session, with an event buffer and a ledger.
//!
//! A [`Station`] is itself a [`Session`], so whatever drives sessions (the simulated network, the socket driver) drives it; the session
//! inside stays an ordinary one of the protocol in the serving role.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bridge_model::{Action, Cause, CommandMode, DoublePoint, Mono, Now, PointId, Quality, Timestamp, Utc, Value};
use bridge_session::{
    AddressUse, Answer, Channel, Chunk, Close, CommandReceived, CommandToken, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec,
    LinkState, PeerInfo, Publish, PublishClass, Refusal, Request, Role, Session,
};

use crate::avalanche::Avalanche;
use crate::ledger::{Entry, EntryKind, Ledger};
use crate::misbehave::{Misbehaviour, clock_error_ns};
use crate::plant::{Plant, PlantBinding, PlantPoint};
use crate::process::Process;
use crate::source::Generator;

/// How many events a station keeps while nobody fetches them; the oldest goes first, and the ledger says so.
pub const EVENT_BUFFER: usize = 1_000_000;

/// How many events the session holds at a time; the rest waits in the buffer.
pub const EVENT_WINDOW: u64 = 512;

/// Point names by number: `monitor` for values that flow to the controlling side, `control` for commands. A point without a name is
/// called `?`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// Names of the monitor points.
    pub monitor: Vec<String>,
    /// Names of the control points.
    pub control: Vec<String>,
}

impl Names {
    /// The name of a point in its use.
    #[must_use]
    pub fn name(&self, usage: AddressUse, point: PointId) -> &str {
        let names = match usage {
            AddressUse::Monitor => &self.monitor,
            AddressUse::Control => &self.control,
        };
        names.get(point.index()).map_or("?", String::as_str)
    }

    /// The control point of a name.
    #[must_use]
    pub fn control_point(&self, name: &str) -> Option<PointId> {
        self.control.iter().position(|known| known == name).and_then(|index| u32::try_from(index).ok()).map(PointId)
    }
}

/// How a station behaves.
#[derive(Clone, PartialEq, Debug)]
pub struct StationOptions {
    /// From a command to its execution and confirmation.
    pub confirm_after: Duration,
    /// From the execution to its termination.
    pub terminate_after: Duration,
    /// `name → (factor, offset)` with engineering value = wire × factor + offset, for points that are not sent in engineering units.
    pub conversions: BTreeMap<String, (f64, f64)>,
    /// First values of the points that neither the plant nor a generator moves, in engineering units: by whole name (`STN.f`) or by suffix
    /// (`.kv`), the name first. What is not listed is 0 or off; a station has no unread points.
    pub statics: BTreeMap<String, f64>,
    /// What it does wrong: nothing, usually.
    pub misbehaviours: Vec<Misbehaviour>,
}

impl Default for StationOptions {
    /// Confirms at once, terminates after 200 ms, all in engineering units, 50 Hz, 220 kV bus, units synchronised, well-behaved.
    fn default() -> Self {
        let statics = [("STN.f", 50.0), ("BUS.kv", 220.0), (".kv", 15.75), (".q", 40.0), (".state", 2.0)];
        Self {
            statics: statics.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            confirm_after: Duration::ZERO,
            terminate_after: Duration::from_millis(200),
            conversions: BTreeMap::new(),
            misbehaviours: Vec::new(),
        }
    }
}

/// The width in which the link's address wants a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    Single,
    Double,
    Whole,
    Number,
}

impl Shape {
    /// By the type name of a 60870-5 address (`ti`) or the sort of a DNP3 point (`type`); other addresses want numbers.
    fn of(address: &Fields) -> Self {
        match address.get("ti").or_else(|| address.get("type")) {
            Some(Field::Text(of)) if of.starts_with("M_SP") || of.starts_with("binary") => Self::Single,
            Some(Field::Text(of)) if of.starts_with("M_DP") || of == "double" => Self::Double,
            Some(Field::Text(of)) if WHOLE.iter().any(|whole| of.starts_with(whole)) => Self::Whole,
            Some(Field::Text(_) | Field::Int(_) | Field::Float(_) | Field::Bool(_)) | None => Self::Number,
        }
    }

    /// A plain number in this shape.
    fn value(self, number: f64) -> Value {
        match self {
            Self::Single => Value::Bool(number > 0.5),
            Self::Double => Value::Double(DoublePoint::from_bits(number.clamp(0.0, 3.0) as u8)),
            Self::Whole => whole(number),
            Self::Number => Value::Real(number),
        }
    }

    fn fit(self, value: Value) -> Value {
        match (self, value) {
            (Self::Single, Value::Double(state)) => Value::Bool(state == DoublePoint::On),
            (Self::Double, Value::Bool(on)) => Value::Double(if on { DoublePoint::On } else { DoublePoint::Off }),
            (Self::Whole, Value::Bool(_) | Value::Double(_) | Value::Int(_) | Value::Real32(_) | Value::Real(_)) => whole(value.as_f64()),
            (Self::Number, Value::Bool(_) | Value::Double(_) | Value::Real(_) | Value::Int(_)) => Value::Real32(value.as_f64() as f32),
            (Self::Single | Self::Double, Value::Int(_) | Value::Real32(_) | Value::Real(_)) => self.value(value.as_f64()),
            (Self::Single, Value::Bool(_)) | (Self::Double, Value::Double(_)) | (Self::Number, Value::Real32(_)) => value,
        }
    }
}

/// Beginnings of the type names that carry whole numbers: steps, bit strings, scaled values, totals, packed states.
const WHOLE: [&str; 7] = ["M_ST", "M_BO", "M_ME_NB", "M_ME_TE", "M_IT", "M_PS", "counter"];

#[expect(clippy::cast_possible_truncation, reason = "rounded, and within what a wire carries")]
fn whole(number: f64) -> Value {
    Value::Int(number.round() as i64)
}

#[derive(Debug)]
enum Due {
    Execute { token: CommandToken, command: Box<CommandReceived>, confirmed: bool },
    Answer(CommandToken, Answer),
}

/// The station. Made from the far side's link specification with [`Station::new`], filled with [`Station::with_plant`] and
/// [`Station::with_generator`], driven as a [`Session`].
pub struct Station {
    session: Box<dyn Session>,
    names: Names,
    shapes: BTreeMap<PointId, Shape>,
    plant: Option<Plant>,
    monitored: BTreeMap<PlantPoint, PointId>,
    controlled: BTreeMap<PointId, PlantPoint>,
    process: Option<Process>,
    generators: Vec<Generator>,
    avalanche: Option<Avalanche>,
    /// What every point shows, in engineering units.
    shown: BTreeMap<PointId, Value>,
    began: Option<Mono>,
    constants: Vec<(PointId, Value)>,
    options: StationOptions,
    ledger: Box<dyn Ledger>,
    ledger_error: Option<String>,
    waiting: VecDeque<Publish>,
    events_made: u64,
    events_given: u64,
    events_delivered: u64,
    overflowed: u64,
    selected: BTreeMap<PointId, Action>,
    due: BTreeMap<(Mono, u64), Due>,
    order: u64,
    seeded: bool,
    told: VecDeque<Event>,
    batch: FrameBatch,
}

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("waiting", &self.waiting.len()).field("delivered", &self.events_delivered).finish_non_exhaustive()
    }
}

impl Station {
    /// A station without a process. `session` was made for `spec` in the serving role, or for a link of both directions: it shows what it
    /// serves.
    #[must_use]
    pub fn new(session: Box<dyn Session>, spec: &LinkSpec, names: Names, options: StationOptions, ledger: Box<dyn Ledger>) -> Self {
        let serves = |point: &&LinkPoint| point.usage == AddressUse::Monitor && point.is_reversed() == (spec.role == Role::Client);
        let monitors = spec.points.iter().filter(serves);
        Self {
            session,
            shapes: monitors.map(|point| (point.point, Shape::of(&point.address))).collect(),
            names,
            plant: None,
            monitored: BTreeMap::new(),
            controlled: BTreeMap::new(),
            process: None,
            generators: Vec::new(),
            avalanche: None,
            shown: BTreeMap::new(),
            began: None,
            constants: Vec::new(),
            options,
            ledger,
            ledger_error: None,
            waiting: VecDeque::new(),
            events_made: 0,
            events_given: 0,
            events_delivered: 0,
            overflowed: 0,
            selected: BTreeMap::new(),
            due: BTreeMap::new(),
            order: 0,
            seeded: false,
            told: VecDeque::new(),
            batch: FrameBatch::default(),
        }
    }

    /// With a plant behind those points whose names `binding` knows.
    #[must_use]
    pub fn with_plant(mut self, plant: Plant, binding: &PlantBinding) -> Self {
        for point in self.shapes.keys() {
            if let Some(bound) = binding.resolve(self.names.name(AddressUse::Monitor, *point)) {
                self.monitored.insert(bound, *point);
            }
        }
        for (index, name) in (0_u32..).zip(&self.names.control) {
            if let Some(bound) = binding.resolve(name) {
                self.controlled.insert(PointId(index), bound);
            }
        }
        self.plant = Some(plant);
        self
    }

    /// With a process behind what no plant models.
    #[must_use]
    pub fn with_process(mut self, process: Process) -> Self {
        self.process = Some(process);
        self
    }

    /// With one more generator of changes.
    #[must_use]
    pub fn with_generator(mut self, generator: Generator) -> Self {
        self.generators.push(generator);
        self
    }

    /// Begins to generate while it runs.
    pub fn handle_generator(&mut self, generator: Generator) {
        self.generators.push(generator);
    }

    /// No generator goes on.
    pub fn handle_generators_stopped(&mut self) {
        self.generators.clear();
    }

    /// With a point that never changes, in engineering units: what a plant has and nobody models.
    #[must_use]
    pub fn with_constant(mut self, point: PointId, value: Value) -> Self {
        self.constants.push((point, value));
        self
    }

    /// Someone in the plant does something: `act` gets the plant, its changes go out.
    pub fn handle_plant(&mut self, now: Now, act: impl FnOnce(&mut Plant, Now)) {
        if let Some(plant) = &mut self.plant {
            plant.handle_timeout(now);
            act(plant, now);
        }
        self.run(now);
    }

    /// Something in the plant that no model moves takes a new value (a trip, a fan, the frequency), in engineering units; states take their
    /// wire code. `false` if the link has no monitor point of that name.
    pub fn handle_change(&mut self, name: &str, value: f64, now: Now) -> bool {
        self.seed(now);
        let found = self.shapes.iter().find(|(point, _)| self.names.name(AddressUse::Monitor, **point) == name);
        let Some((point, shape)) = found.map(|(point, shape)| (*point, *shape)) else { return false };
        self.tell(point, shape.value(value), Utc::from_millis(now.utc.as_millis()), false, now);
        self.run(now);
        true
    }

    /// The plant, if there is one.
    #[must_use]
    pub const fn plant(&self) -> Option<&Plant> {
        self.plant.as_ref()
    }

    /// Changes what the station does wrong from now on.
    pub fn handle_misbehaviours(&mut self, misbehaviours: Vec<Misbehaviour>) {
        self.options.misbehaviours = misbehaviours;
    }

    /// Events that the peer has not yet acknowledged.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.waiting.len() as u64 + (self.events_given - self.events_delivered)
    }

    /// The first error of the ledger: the verdict over this station is void.
    #[must_use]
    pub fn ledger_error(&self) -> Option<&str> {
        self.ledger_error.as_deref()
    }

    /// Everything that is due by now, and everything the session tells.
    fn run(&mut self, now: Now) {
        self.seed(now);
        if let Some(plant) = &mut self.plant {
            plant.handle_timeout(now);
        }
        if let Some(process) = &mut self.process {
            process.handle_timeout(now);
        }
        self.break_loose(now);
        self.take_changes(now);
        while self.due.first_key_value().is_some_and(|((at, _), _)| *at <= now.mono) {
            if let Some((_, due)) = self.due.pop_first() {
                self.settle_due(due, now);
            }
        }
        loop {
            while self.session.poll_frames(&mut self.batch) {
                for frame in self.batch.frames.chunk_by(|a, b| a.connection == b.connection).filter_map(|run| run.last()) {
                    self.session.handle_durable(frame.connection, frame.number, now);
                }
                self.batch.clear();
            }
            let Some(event) = self.session.poll_event() else { break };
            self.take_event(event, now);
        }
        self.refill(now);
    }

    /// The first image, and a ledger line for each of its points.
    fn seed(&mut self, now: Now) {
        if self.seeded {
            return;
        }
        self.seeded = true;
        self.began = Some(now.mono);
        let time = Timestamp::by_device(self.misread(Utc::from_millis(now.utc.as_millis()), now));
        let mut image: Vec<(PointId, Value)> = Vec::new();
        if let Some(plant) = &self.plant {
            image.extend(plant.image().into_iter().filter_map(|(point, value)| Some((*self.monitored.get(&point)?, value))));
        }
        image.extend(self.generators.iter().flat_map(Generator::first_values));
        image.extend(self.constants.iter().copied());
        image.extend(self.process.iter().flat_map(Process::image));
        image.extend(self.shapes.iter().map(|(point, shape)| {
            let name = self.names.name(AddressUse::Monitor, *point);
            let suffix = name.rfind('.').and_then(|at| name.get(at..)).unwrap_or(name);
            let first = self.options.statics.get(name).or_else(|| self.options.statics.get(suffix));
            (*point, shape.value(first.copied().unwrap_or(0.0)))
        }));
        let mut seen = BTreeSet::new();
        let mut values = Vec::new();
        for (point, value) in image.into_iter().filter(|(point, _)| seen.insert(*point)) {
            self.shown.insert(point, value);
            let value = self.wire(point, value);
            self.log_value(EntryKind::Change, point, value, time, "initial", now);
            values.push(Publish {
                point,
                value,
                quality: Quality::GOOD,
                time,
                class: PublishClass::Latest,
                spontaneous: false,
                return_info: false,
            });
        }
        if !values.is_empty() {
            self.session.handle_request(Request::Publish(values), now);
        }
    }

    fn take_changes(&mut self, now: Now) {
        while let Some(change) = self.plant.as_mut().and_then(Plant::poll_change) {
            if let Some(point) = self.monitored.get(&change.point).copied() {
                self.tell(point, change.value, change.stamp, change.by_command, now);
            }
        }
        while let Some(change) = self.process.as_mut().and_then(Process::poll_change) {
            self.tell(change.point, change.value, change.stamp, change.by_command, now);
        }
        while let Some((point, value, stamp)) = self.avalanche.as_mut().and_then(|avalanche| avalanche.poll_change(now)) {
            self.tell(point, value, stamp, false, now);
        }
        let mut generators = std::mem::take(&mut self.generators);
        for generator in &mut generators {
            while let Some((point, value, stamp)) = generator.poll_change(now) {
                self.tell(point, value, stamp, false, now);
            }
        }
        self.generators = generators;
    }

    /// The avalanche, once its time has come.
    fn break_loose(&mut self, now: Now) {
        let wanted = self.options.misbehaviours.iter().find_map(|misbehaviour| {
            if let Misbehaviour::Avalanche { after, per_ms, lasts } = misbehaviour { Some((*after, *per_ms, *lasts)) } else { None }
        });
        let Some((after, per_ms, lasts)) = wanted.filter(|_| self.avalanche.is_none()) else { return };
        let begin = self.began.unwrap_or(now.mono) + after;
        if now.mono >= begin {
            let modelled: BTreeSet<PointId> = self.monitored.values().copied().collect();
            let points = self.shown.iter().filter(|(point, _)| !modelled.contains(point)).map(|(point, value)| {
                let shape = self.shapes.get(point).copied().unwrap_or(Shape::Number);
                (*point, if matches!(shape, Shape::Single | Shape::Double) { shape.fit(*value) } else { *value })
            });
            self.avalanche = Some(Avalanche::new(points.collect(), begin, per_ms, lasts));
        }
    }

    fn poll_avalanche(&self) -> Option<Mono> {
        if let Some(avalanche) = &self.avalanche {
            return avalanche.poll_timeout();
        }
        let after = |m: &Misbehaviour| if let Misbehaviour::Avalanche { after, .. } = m { Some(*after) } else { None };
        let after = self.options.misbehaviours.iter().find_map(after)?;
        Some(self.began? + after)
    }

    /// What this station's clock shows.
    fn misread(&self, utc: Utc, now: Now) -> Utc {
        let since = self.began.map_or(Duration::ZERO, |began| now.mono.since(began));
        Utc(utc.0 + clock_error_ns(&self.options.misbehaviours, since))
    }

    /// One change: to the ledger, then to the wire.
    fn tell(&mut self, point: PointId, value: Value, stamp: Utc, return_info: bool, now: Now) {
        let time = Timestamp::by_device(self.misread(stamp, now));
        self.shown.insert(point, value);
        let value = self.wire(point, value);
        let cause = if return_info { "return_remote" } else { "spontaneous" };
        let publish = |class| Publish { point, value, quality: Quality::GOOD, time, class, spontaneous: true, return_info };
        if !value.is_state() {
            self.log_value(EntryKind::Change, point, value, time, cause, now);
            self.session.handle_request(Request::Publish(vec![publish(PublishClass::Latest)]), now);
            return;
        }
        self.log_value(EntryKind::Event, point, value, time, cause, now);
        self.events_made += 1;
        let made = self.events_made;
        let omits = |m: &Misbehaviour| if let Misbehaviour::OmitEvent { every } = m { made.is_multiple_of((*every).max(1)) } else { false };
        let omitted = self.options.misbehaviours.iter().any(omits);
        if omitted {
            return;
        }
        if self.waiting.len() >= EVENT_BUFFER {
            self.waiting.pop_front();
            self.overflowed += 1;
            if self.overflowed == 1 {
                let text = format!("event buffer full ({EVENT_BUFFER}): the oldest events are lost from here on");
                self.log(Entry::new(now.utc.0, EntryKind::Note).with_text(text));
            }
        }
        // The number is given when the event enters the session, so that numbers stay contiguous.
        self.waiting.push_back(publish(PublishClass::Event(0)));
    }

    /// Moves events from the buffer into the session while its window has room.
    fn refill(&mut self, now: Now) {
        let room = EVENT_WINDOW.saturating_sub(self.events_given - self.events_delivered);
        let count = usize::try_from(room).unwrap_or(usize::MAX).min(self.waiting.len());
        if count == 0 {
            return;
        }
        let mut given = self.events_given;
        let values = self.waiting.drain(..count).map(|publish| {
            given += 1;
            Publish { class: PublishClass::Event(given), ..publish }
        });
        let values = values.collect();
        self.events_given = given;
        self.session.handle_request(Request::Publish(values), now);
    }

    fn take_event(&mut self, event: Event, now: Now) {
        match &event {
            Event::CommandReceived(command) => self.take_command(command, now),
            Event::Delivered(number) => {
                self.events_delivered = self.events_delivered.max((*number).min(self.events_given));
                self.refill(now);
            }
            Event::DeliveredOf(first, last) => {
                // Each number is in one run, whatever the order of the runs.
                self.events_delivered += (last + 1).saturating_sub(*first);
                self.refill(now);
            }
            Event::Undeliverable(_) => {
                self.events_delivered += 1;
                self.refill(now);
            }
            Event::Suspicious(what) => {
                self.log(Entry::new(now.utc.0, EntryKind::Note).with_text(format!("suspicious: {what:?}")));
            }
            Event::SelectLapsed(point) => {
                self.selected.remove(point);
                self.log_control(EntryKind::Cancel, *point, None, "select ran out", now);
            }
            Event::LinkState(state) => {
                let text = match state {
                    LinkState::Connected => "connected",
                    LinkState::Started => "started",
                    LinkState::Stopped => "stopped",
                    LinkState::Down => "down",
                };
                self.log(Entry::new(now.utc.0, EntryKind::Link).with_text(text));
            }
            Event::Refused { what } => self.log(Entry::new(now.utc.0, EntryKind::Note).with_text(what.clone())),
            Event::Closed { cause, .. } => self.log(Entry::new(now.utc.0, EntryKind::Link).with_text(format!("closed: {cause}"))),
            Event::SwitchedOver { channel, .. } => {
                self.log(Entry::new(now.utc.0, EntryKind::Link).with_text(format!("switched over to channel {}", channel.0)));
            }
            Event::Standby { ready } => self.log(Entry::new(now.utc.0, EntryKind::Link).with_text(format!("{ready} standing by"))),
            Event::Reach { .. }
            | Event::FilePart { .. }
            | Event::InterrogationBegan
            | Event::InterrogationEnded
            | Event::InterrogationFailed
            | Event::PeerRestarted
            | Event::Housekept { .. }
            | Event::Progress { .. }
            | Event::Settled { .. } => {}
        }
        if self.told.len() < EVENT_WINDOW as usize {
            self.told.push_back(event);
        }
    }

    fn take_command(&mut self, command: &CommandReceived, now: Now) {
        let (token, point, action) = (command.token, command.point, command.action);
        if command.test {
            self.log_control(EntryKind::Note, point, Some(action), "test command: not executed", now);
            self.answer(token, Answer::Confirm, now);
            self.answer(token, Answer::Terminate, now);
            return;
        }
        if self.options.misbehaviours.contains(&Misbehaviour::NeverAnswer) {
            self.log_control(EntryKind::Note, point, Some(action), "neither executed nor answered", now);
            self.answer(token, Answer::Silence, now);
            return;
        }
        let late = self
            .options
            .misbehaviours
            .iter()
            .find_map(|misbehaviour| if let Misbehaviour::AnswerLate { by, select: true } = misbehaviour { Some(*by) } else { None });
        match command.mode {
            CommandMode::Cancel => {
                self.selected.remove(&point);
                self.log_control(EntryKind::Cancel, point, None, "deactivated", now);
                self.answer(token, Answer::Confirm, now);
            }
            CommandMode::Select => match self.check(point, action) {
                Ok(()) => {
                    self.selected.insert(point, action);
                    self.log_control(EntryKind::Select, point, Some(action), "selected", now);
                    self.at(now.mono + late.unwrap_or_default(), Due::Answer(token, Answer::Confirm), now);
                }
                Err(why) => {
                    self.log_control(EntryKind::Refused, point, Some(action), why, now);
                    self.answer(token, Answer::Refuse(Refusal::default()), now);
                }
            },
            CommandMode::Execute if self.selected.remove(&point) != Some(action) => {
                self.log_control(EntryKind::Refused, point, Some(action), "not what was selected", now);
                self.answer(token, Answer::Refuse(Refusal::default()), now);
            }
            CommandMode::Execute | CommandMode::Direct | CommandMode::SelectExecute => {
                let due = Due::Execute { token, command: Box::new(command.clone()), confirmed: false };
                self.at(now.mono + self.options.confirm_after, due, now);
            }
        }
    }

    /// Does it now if it is due, later otherwise.
    fn at(&mut self, when: Mono, due: Due, now: Now) {
        if when <= now.mono {
            self.settle_due(due, now);
        } else {
            self.due.insert((when, self.order), due);
            self.order += 1;
        }
    }

    fn settle_due(&mut self, due: Due, now: Now) {
        match due {
            Due::Answer(token, answer) => self.answer(token, answer, now),
            Due::Execute { token, command, confirmed } => self.execute(token, command, confirmed, now),
        }
    }

    fn execute(&mut self, token: CommandToken, command: Box<CommandReceived>, confirmed: bool, now: Now) {
        let (point, action) = (command.point, command.action);
        if let Err(why) = self.check(point, action) {
            self.log_control(EntryKind::Refused, point, Some(action), why, now);
            if !confirmed {
                self.answer(token, Answer::Refuse(Refusal::default()), now);
            }
            return;
        }
        let wrong = self.options.misbehaviours.clone();
        let (silent, twice) = (wrong.contains(&Misbehaviour::SilentAfterExecute), wrong.contains(&Misbehaviour::ExecuteTwice));
        let delay = |of: fn(&Misbehaviour) -> Option<Duration>| wrong.iter().find_map(of);
        let executed_late = delay(|m| if let Misbehaviour::ExecuteLate { by } = m { Some(*by) } else { None });
        let answered_late = delay(|m| if let Misbehaviour::AnswerLate { by, .. } = m { Some(*by) } else { None }).unwrap_or_default();
        if !confirmed && !silent {
            self.at(now.mono + answered_late, Due::Answer(token, Answer::Confirm), now);
            if let Some(by) = executed_late {
                self.at(now.mono + by, Due::Execute { token, command, confirmed: true }, now);
                return;
            }
        }
        for _ in 0..if twice { 2 } else { 1 } {
            self.log_control(EntryKind::Execute, point, Some(action), "executed", now);
            let engineering = self.engineering(point, action);
            if let (Some(plant), Some(bound)) = (&mut self.plant, self.controlled.get(&point)) {
                // Checked above, on the same state.
                let _ = plant.handle_command(*bound, engineering, now);
            } else if let Some(process) = &mut self.process {
                process.handle_command(point, engineering, now);
            }
        }
        self.take_changes(now);
        let answer = if silent { Answer::Silence } else { Answer::Terminate };
        self.at(now.mono + answered_late + self.options.terminate_after, Due::Answer(token, answer), now);
    }

    /// A command in engineering units.
    fn engineering(&self, point: PointId, action: Action) -> Action {
        match action {
            Action::Set(wire) => {
                let name = self.names.name(AddressUse::Control, point);
                let (factor, offset) = self.options.conversions.get(name).copied().unwrap_or((1.0, 0.0));
                Action::Set(wire * factor + offset)
            }
            Action::Switch(on) => Action::Switch(on),
        }
    }

    /// Whether the process would do this. A control without a plant behind it takes everything that is a number.
    fn check(&self, point: PointId, action: Action) -> Result<(), &'static str> {
        if let Action::Set(wire) = action
            && !wire.is_finite()
        {
            return Err("not a number");
        }
        let engineering = self.engineering(point, action);
        match (&self.plant, self.controlled.get(&point), &self.process) {
            (Some(plant), Some(bound), _) => plant.check(*bound, engineering).map_err(super::plant::PlantRefusal::text),
            (Some(_) | None, Some(_) | None, Some(process)) => process.check(point, engineering),
            (Some(_) | None, Some(_) | None, None) => Ok(()),
        }
    }

    fn answer(&mut self, token: CommandToken, answer: Answer, now: Now) {
        self.session.handle_request(Request::Answer { token, answer }, now);
    }

    /// An engineering value in the width and scale of its address.
    fn wire(&self, point: PointId, value: Value) -> Value {
        let shape = self.shapes.get(&point).copied().unwrap_or(Shape::Number);
        let name = self.names.name(AddressUse::Monitor, point);
        let scaled = match self.options.conversions.get(name) {
            Some((factor, offset)) if !value.is_state() => Value::Real((value.as_f64() - offset) / factor),
            Some(_) | None => value,
        };
        shape.fit(scaled)
    }

    fn log_value(&mut self, kind: EntryKind, point: PointId, value: Value, time: Timestamp, cause: &str, now: Now) {
        let name = self.names.name(AddressUse::Monitor, point);
        let mut entry = Entry::new(now.utc.0, kind).at_point(name).with_value(value.as_f64()).with_facts(Quality::GOOD, time);
        entry.cause = Some(cause.to_owned());
        self.log(entry);
    }

    fn log_control(&mut self, kind: EntryKind, point: PointId, action: Option<Action>, text: &str, now: Now) {
        let mut entry = Entry::new(now.utc.0, kind).at_point(self.names.name(AddressUse::Control, point)).with_text(text);
        entry.value = match action {
            Some(Action::Set(value)) => value.is_finite().then_some(value),
            Some(Action::Switch(on)) => Some(f64::from(u8::from(on))),
            None => None,
        };
        self.log(entry);
    }

    fn log(&mut self, entry: Entry) {
        if let Err(error) = self.ledger.write(entry) {
            self.ledger_error.get_or_insert_with(|| error.to_string());
        }
    }
}

/// The name of a cause as ledgers write it.
pub(crate) const fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Spontaneous => "spontaneous",
        Cause::Cyclic => "cyclic",
        Cause::Background => "background",
        Cause::Interrogated => "interrogated",
        Cause::Requested => "requested",
        Cause::ReturnRemote => "return_remote",
        Cause::ReturnLocal => "return_local",
    }
}

impl Session for Station {
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now) {
        self.seed(now);
        self.session.handle_open(channel, peer, now);
        self.run(now);
    }

    fn handle_input(&mut self, channel: Channel, chunk: Chunk<'_>, now: Now) {
        self.session.handle_input(channel, chunk, now);
        self.run(now);
    }

    fn handle_request(&mut self, request: Request, now: Now) {
        self.session.handle_request(request, now);
        self.run(now);
    }

    /// The station acknowledges by itself; nothing is left to tell it.
    fn handle_durable(&mut self, _connection: u32, _frame: u64, _now: Now) {}

    fn handle_timeout(&mut self, now: Now) {
        self.session.handle_timeout(now);
        self.run(now);
    }

    fn handle_close(&mut self, channel: Channel, now: Now) {
        self.session.handle_close(channel, now);
        self.run(now);
    }

    /// The station keeps its frames to itself.
    fn poll_frames(&mut self, _batch: &mut FrameBatch) -> bool {
        false
    }

    /// Copies of the session's events, for a driver that logs them; what does not fit a small queue is not kept.
    fn poll_event(&mut self) -> Option<Event> {
        self.told.pop_front()
    }

    fn poll_output(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize, now: Now) -> bool {
        self.session.poll_output(channel, out, limit, now)
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        self.session.poll_close(channel)
    }

    fn poll_timeout(&self) -> Option<Mono> {
        let due = self.due.first_key_value().map(|((at, _), _)| *at);
        let process = self.plant.as_ref().map(Plant::poll_timeout);
        let generators = self.generators.iter().filter_map(Generator::poll_timeout).min();
        let others = [self.process.as_ref().and_then(Process::poll_timeout), self.poll_avalanche()];
        [self.session.poll_timeout(), due, process, generators].into_iter().chain(others).flatten().min()
    }

    fn user_timeout(&self, channel: Channel, now: Now) -> Option<Duration> {
        self.session.user_timeout(channel, now)
    }

    fn connect_timeout(&self) -> Option<Duration> {
        self.session.connect_timeout()
    }

    fn channels_max(&self) -> Option<usize> {
        self.session.channels_max()
    }
}

#[cfg(test)]
#[path = "station_tests.rs"]
mod tests;

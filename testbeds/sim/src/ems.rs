//! A simulated legacy EMS: a controlling station with an operator's script, which writes down everything it sees.
//!
//! Like a [`Station`](crate::Station) it is itself a [`Session`].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_model::{
    Action, Cause, Command, CommandId, CommandMode, Detail, IndeterminateWhy, Mono, NotOperatedWhy, Now, Outcome, PointUpdate, Refusal,
    TimeFlags, TimeOrigin, Utc,
};
use bridge_session::{AddressUse, Channel, Chunk, Close, Event, FrameBatch, LinkState, PeerInfo, Phase, Request, Session};

use crate::ledger::{Entry, EntryKind, Ledger};
use crate::misbehave::{Misbehaviour, clock_error_ns};
use crate::rng::Rng;
use crate::station::{EVENT_WINDOW, Names, cause_name};

/// How many settled commands an EMS remembers, to name a termination that comes later.
const SETTLED_KEPT: usize = 64;

/// Longer than any simulation.
const NEVER: Duration = Duration::from_secs(3650 * 86_400);

/// What the operator wants.
#[derive(Clone, PartialEq, Debug)]
pub enum Wish {
    /// A command to a control point, by name.
    Command {
        /// The control point's name.
        control: String,
        /// What to do, in wire units.
        action: Action,
        /// How; a legacy EMS mostly sends [`CommandMode::Direct`].
        mode: CommandMode,
        /// How long the EMS waits: it becomes `not_after`.
        life: Duration,
    },
    /// A station interrogation.
    Interrogate,
    /// Data transfer over another connection of the redundancy group.
    SwitchOver,
}

/// One line of the script.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// When, since the EMS was first driven.
    pub after: Duration,
    /// What.
    pub wish: Wish,
}

/// The EMS.
pub struct Ems {
    session: Box<dyn Session>,
    names: Names,
    script: VecDeque<Step>,
    began: Option<Mono>,
    rng: Rng,
    issued: BTreeMap<CommandId, Command>,
    /// Settled lately, at most [`SETTLED_KEPT`]: a termination may still follow.
    settled: VecDeque<Command>,
    ledger: Box<dyn Ledger>,
    ledger_error: Option<String>,
    told: VecDeque<Event>,
    batch: FrameBatch,
    misbehaviours: Vec<Misbehaviour>,
    /// Acknowledgements that it keeps back: when, connection and frame.
    kept_back: VecDeque<(Mono, u32, u64)>,
}

impl std::fmt::Debug for Ems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ems").field("script", &self.script).field("open", &self.issued.len()).finish_non_exhaustive()
    }
}

impl Ems {
    /// An EMS that plays `script` (sorted here by time) over `session`, which is of the controlling role. Command ids come from `seed`.
    #[must_use]
    pub fn new(session: Box<dyn Session>, names: Names, mut script: Vec<Step>, seed: u64, ledger: Box<dyn Ledger>) -> Self {
        script.sort_by_key(|step| step.after);
        Self {
            session,
            names,
            script: script.into(),
            began: None,
            rng: Rng::new(seed),
            issued: BTreeMap::new(),
            settled: VecDeque::new(),
            ledger,
            ledger_error: None,
            told: VecDeque::new(),
            batch: FrameBatch::default(),
            misbehaviours: Vec::new(),
            kept_back: VecDeque::new(),
        }
    }

    /// With what it does wrong on purpose. What needs other octets than a lawful session sends is the session's:
    /// [`misbehaving`](crate::misbehaving).
    #[must_use]
    pub fn with_misbehaviours(mut self, misbehaviours: Vec<Misbehaviour>) -> Self {
        self.misbehaviours = misbehaviours;
        self
    }

    /// Changes what it does wrong from now on; what it kept back goes.
    pub fn handle_misbehaviours(&mut self, misbehaviours: Vec<Misbehaviour>) {
        self.misbehaviours = misbehaviours;
        self.kept_back.iter_mut().for_each(|(due, ..)| *due = Mono(0));
    }

    /// The operator acts now. Gives the command's id, if it is a command to a known point.
    pub fn handle_wish(&mut self, wish: Wish, now: Now) -> Option<CommandId> {
        let id = self.act(wish, now);
        self.run(now);
        id
    }

    /// The first error of the ledger: the verdict over this EMS is void.
    #[must_use]
    pub fn ledger_error(&self) -> Option<&str> {
        self.ledger_error.as_deref()
    }

    /// Commands issued and not yet settled.
    #[must_use]
    pub fn open_commands(&self) -> usize {
        self.issued.len()
    }

    fn act(&mut self, wish: Wish, now: Now) -> Option<CommandId> {
        match wish {
            Wish::Interrogate => {
                self.log(Entry::new(now.utc.0, EntryKind::Note).with_text("interrogation asked"));
                self.session.handle_request(Request::Interrogate, now);
                None
            }
            Wish::SwitchOver => {
                self.log(Entry::new(now.utc.0, EntryKind::Note).with_text("switch-over asked"));
                self.session.handle_request(Request::SwitchOver, now);
                None
            }
            Wish::Command { control, action, mode, life } => {
                let Some(point) = self.names.control_point(&control) else {
                    self.log(Entry::new(now.utc.0, EntryKind::Note).at_point(&control).with_text("no such control point"));
                    return None;
                };
                let id = CommandId((u128::from(self.rng.next_u64()) << 64) | u128::from(self.rng.next_u64()));
                let not_after = Now { mono: now.mono + life, utc: now.utc + life };
                let command = Command { id, point, action, mode, qualifier: 0, not_after };
                let mut entry = self.about(EntryKind::Command, &command, now).with_text(format!("{action}"));
                entry.not_after = Some(not_after.utc.0);
                self.log(entry);
                self.issued.insert(id, command);
                self.session.handle_request(Request::Command(command), now);
                Some(id)
            }
        }
    }

    fn run(&mut self, now: Now) {
        let began = *self.began.get_or_insert(now.mono);
        while self.script.front().is_some_and(|step| began + step.after <= now.mono) {
            if let Some(step) = self.script.pop_front() {
                self.act(step.wish, now);
            }
        }
        loop {
            let mut batch = std::mem::take(&mut self.batch);
            while self.session.poll_frames(&mut batch) {
                for update in &batch.updates {
                    self.take_update(update, now);
                }
                // Acknowledged only when it is in the ledger, as a careful EMS does.
                for frame in batch.frames.chunk_by(|a, b| a.connection == b.connection).filter_map(|run| run.last()) {
                    self.kept_back.push_back((now.mono + self.keeps_back(), frame.connection, frame.number));
                }
                batch.clear();
            }
            self.batch = batch;
            while let Some((_, connection, frame)) = self.kept_back.pop_front_if(|(due, ..)| *due <= now.mono) {
                self.session.handle_durable(connection, frame, now);
            }
            let Some(event) = self.session.poll_event() else { break };
            self.take_event(event, now);
        }
    }

    /// For how long a received frame is not acknowledged.
    fn keeps_back(&self) -> Duration {
        let one = |misbehaviour: &Misbehaviour| {
            if let Misbehaviour::AcknowledgeLate { by } = misbehaviour {
                return Some(*by);
            }
            (*misbehaviour == Misbehaviour::NeverAcknowledge).then_some(NEVER)
        };
        self.misbehaviours.iter().find_map(one).unwrap_or_default()
    }

    /// The clock it tags its commands by.
    fn misread(&self, now: Now) -> Now {
        let since = self.began.map_or(Duration::ZERO, |began| now.mono.since(began));
        Now { utc: Utc(now.utc.0 + clock_error_ns(&self.misbehaviours, since)), ..now }
    }

    fn take_update(&mut self, update: &PointUpdate, now: Now) {
        let sent_as_change = match update.cause {
            Cause::Spontaneous | Cause::ReturnRemote | Cause::ReturnLocal => true,
            Cause::Cyclic | Cause::Background | Cause::Interrogated | Cause::Requested => false,
        };
        // A state that is repeated because its source became stale is no line of the sequence of events (R19, R20), and none is what comes
        // without a time, or with one that somebody on the way gave and disowns.
        let given = update.time.flags.contains(TimeFlags::SUBSTITUTED) && !update.time.flags.contains(TimeFlags::INVALID);
        let event = sent_as_change
            && update.value.is_state()
            && (update.time.origin == TimeOrigin::Device || given)
            && !update.quality.detail.contains(Detail::OLD_DATA);
        let kind = if event { EntryKind::Event } else { EntryKind::Change };
        let name = self.names.name(AddressUse::Monitor, update.point);
        let mut entry =
            Entry::new(now.utc.0, kind).at_point(name).with_value(update.value.as_f64()).with_facts(update.quality, update.time);
        entry.cause = Some(cause_name(update.cause).to_owned());
        self.log(entry);
    }

    fn take_event(&mut self, event: Event, now: Now) {
        match &event {
            Event::LinkState(state) => {
                let text = match state {
                    LinkState::Connected => "connected",
                    LinkState::Started => "started",
                    LinkState::Stopped => "stopped",
                    LinkState::Down => "down",
                };
                self.log(Entry::new(now.utc.0, EntryKind::Link).with_text(text));
            }
            Event::Progress { id, phase } => {
                let kind = match phase {
                    Phase::SelectSent | Phase::ExecuteSent => None,
                    Phase::Selected => Some(EntryKind::Selected),
                    Phase::Confirmed => Some(EntryKind::Confirmed),
                    Phase::Terminated => Some(EntryKind::Terminated),
                };
                let command = self.issued.get(id).or_else(|| self.settled.iter().find(|command| command.id == *id));
                if let (Some(kind), Some(command)) = (kind, command) {
                    let entry = self.about(kind, command, now);
                    self.log(entry);
                }
            }
            Event::Settled { command, outcome, .. } => {
                self.issued.remove(&command.id);
                if self.settled.len() >= SETTLED_KEPT {
                    self.settled.pop_front();
                }
                self.settled.push_back(*command);
                let entry = self.about(EntryKind::Settled, command, now).with_text(outcome_text(*outcome));
                self.log(entry);
            }
            Event::InterrogationBegan => self.log(Entry::new(now.utc.0, EntryKind::Note).with_text("interrogation began")),
            Event::InterrogationEnded => self.log(Entry::new(now.utc.0, EntryKind::Note).with_text("interrogation ended")),
            Event::InterrogationFailed => self.log(Entry::new(now.utc.0, EntryKind::Note).with_text("interrogation failed")),
            Event::PeerRestarted => self.log(Entry::new(now.utc.0, EntryKind::Note).with_text("peer restarted")),
            Event::Housekept { id, outcome } => {
                self.log(Entry::new(now.utc.0, EntryKind::Note).with_text(format!("request {id}: {outcome}")));
            }
            Event::Refused { what } => self.log(Entry::new(now.utc.0, EntryKind::Note).with_text(what.clone())),
            Event::Closed { cause, .. } => self.log(Entry::new(now.utc.0, EntryKind::Link).with_text(format!("closed: {cause}"))),
            Event::SwitchedOver { channel, .. } => {
                self.log(Entry::new(now.utc.0, EntryKind::Link).with_text(format!("switched over to channel {}", channel.0)));
            }
            Event::Standby { ready } => self.log(Entry::new(now.utc.0, EntryKind::Link).with_text(format!("{ready} standing by"))),
            Event::Reach { points, answering } => {
                let text = format!("{} points {}", points.len(), if *answering { "answer again" } else { "do not answer" });
                self.log(Entry::new(now.utc.0, EntryKind::Link).with_text(text));
            }
            Event::CommandReceived(_)
            | Event::Delivered(_)
            | Event::DeliveredOf(..)
            | Event::Undeliverable(_)
            | Event::FilePart { .. }
            | Event::SelectLapsed(_)
            | Event::Suspicious(_) => {}
        }
        if self.told.len() < EVENT_WINDOW as usize {
            self.told.push_back(event);
        }
    }

    fn about(&self, kind: EntryKind, command: &Command, now: Now) -> Entry {
        let mut entry = Entry::new(now.utc.0, kind).at_point(self.names.name(AddressUse::Control, command.point));
        entry.value = match command.action {
            Action::Set(value) => value.is_finite().then_some(value),
            Action::Switch(on) => Some(f64::from(u8::from(on))),
        };
        entry.id = Some(command.id.to_string());
        entry
    }

    fn log(&mut self, entry: Entry) {
        if let Err(error) = self.ledger.write(entry) {
            self.ledger_error.get_or_insert_with(|| error.to_string());
        }
    }
}

/// The outcome as ledgers write it. The verdict reads the first word.
fn outcome_text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Refused(Refusal::SelectRefused) => "refused at select",
        Outcome::Refused(Refusal::ExecuteRefused) => "refused",
        Outcome::Refused(Refusal::Unknown(_)) => "refused: unknown to the station",
        Outcome::Refused(Refusal::Status(_)) => "refused with a status of the station",
        Outcome::NotOperated(why) => match why {
            NotOperatedWhy::Expired => "not_operated: expired",
            NotOperatedWhy::LinkDown => "not_operated: link down",
            NotOperatedWhy::NotFresh => "not_operated: link not fresh",
            NotOperatedWhy::SelectUnanswered => "not_operated: select unanswered",
            NotOperatedWhy::NotSelected => "not_operated: not selected",
            NotOperatedWhy::Busy => "not_operated: busy",
            NotOperatedWhy::Restart => "not_operated: restart",
            NotOperatedWhy::Cancelled => "not_operated: cancelled",
            NotOperatedWhy::NotPermitted => "not_operated: not permitted",
        },
        Outcome::Indeterminate(why) => match why {
            IndeterminateWhy::Unanswered => "indeterminate: unanswered",
            IndeterminateWhy::ConnectionLost => "indeterminate: connection lost",
            IndeterminateWhy::Dropped => "indeterminate: dropped",
            IndeterminateWhy::Restart => "indeterminate: restart",
        },
    }
}

impl Session for Ems {
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now) {
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

    /// The EMS acknowledges by itself; nothing is left to tell it.
    fn handle_durable(&mut self, _connection: u32, _frame: u64, _now: Now) {}

    fn handle_timeout(&mut self, now: Now) {
        self.session.handle_timeout(now);
        self.run(now);
    }

    fn handle_close(&mut self, channel: Channel, now: Now) {
        self.session.handle_close(channel, now);
        self.run(now);
    }

    /// The EMS keeps its frames to itself.
    fn poll_frames(&mut self, _batch: &mut FrameBatch) -> bool {
        false
    }

    /// Copies of the session's events, for a driver that logs them; what does not fit a small queue is not kept.
    fn poll_event(&mut self) -> Option<Event> {
        self.told.pop_front()
    }

    fn poll_output(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize, now: Now) -> bool {
        let any = self.session.poll_output(channel, out, limit, self.misread(now));
        self.run(now);
        any
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        self.session.poll_close(channel)
    }

    fn poll_timeout(&self) -> Option<Mono> {
        let script = self.script.front().map(|step| self.began.map_or(Mono(0), |began| began + step.after));
        let kept_back = self.kept_back.front().map(|(due, ..)| *due);
        [self.session.poll_timeout(), script, kept_back].into_iter().flatten().min()
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

//! Commands of the controlling station: at most one execute each, exactly one outcome each (R4, R5).
//!
//! A transaction goes select, execute, confirmation, termination; every leg has its time. Until the execute's octets were taken, silence
//! means *not operated*; from then on it means *indeterminate*. An execute that is not known to have arrived when its command's life ends
//! aborts the connection, so that it cannot arrive later.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_model::{
    Action, Command, CommandId, CommandMode, IndeterminateWhy, Mono, NotOperatedWhy, Now, Outcome, PointId, Refusal, Timestamp, Zone,
};
use bridge_session::{Event, Findings, Phase};

use super::Sent;
use crate::address::Address;
use crate::error::Error;
use crate::link104::Connection;
use crate::params::{Params, TermPolicy};
use crate::{Cause, ControlAsdu, ControlElement, ControlKind, ControlPermit, Cot, Cp56Time2a, Qoc, Qos};

/// How long after its command's life an execute may stay unacknowledged before the connection is aborted.
pub(crate) const EXECUTE_MARGIN: Duration = Duration::from_secs(1);
/// An execute unacknowledged for this long is followed by a test frame: its answer proves the arrival.
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The select is to leave.
    SelectDue,
    /// The select left; its confirmation is due by then.
    SelectSent(Mono),
    /// The execute is to leave; `true` while it waits for proof that the peer is fresh.
    ExecuteDue(bool),
    /// The execute left.
    Executed(Execute),
    /// Confirmed; the termination is due by then.
    Confirmed(Mono),
    /// The withdrawal of a selection is to leave.
    CancelDue,
    /// The withdrawal left; its confirmation is due by then.
    CancelSent(Mono),
}

/// A selection that the station confirmed and that awaits its execute (R4).
#[derive(Clone, Copy, PartialEq, Debug)]
struct Selection {
    element: ControlElement,
    until: Mono,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Execute {
    /// Whether it is known to have arrived: by N(R), by a later test's answer, or by its own answer.
    arrived: bool,
    /// The test mark when it left.
    mark: u64,
    /// When to probe for its arrival.
    probe_at: Mono,
    /// When the answer is due.
    answer_by: Mono,
}

#[derive(Debug)]
struct Transaction {
    serial: u64,
    command: Command,
    address: Address,
    element: ControlElement,
    stage: Stage,
}

#[derive(Debug)]
pub(super) struct Commands {
    controls: BTreeMap<PointId, Address>,
    oa: u8,
    timeout: Duration,
    term: TermPolicy,
    /// In order of request; at most one per point.
    open: Vec<Transaction>,
    serial: u64,
    /// Selections of [`CommandMode::Select`], each for one execute of the same wish.
    selected: BTreeMap<PointId, Selection>,
    select_life: Duration,
    /// Selections to withdraw, because their command will not be executed.
    withdrawals: VecDeque<(Address, ControlElement)>,
    findings: Findings,
}

/// A command as an ASDU with cause activation; `None` if the address cannot carry it.
pub(crate) fn control_asdu(
    address: Address,
    command: &Command,
    select: bool,
    oa: u8,
    time: Option<Timestamp>,
    zone: Zone,
) -> Option<ControlAsdu> {
    let element = element(address, command)?;
    Some(asdu(address, element.with_select(select), Cause::ACTIVATION, oa, time, zone))
}

fn asdu(address: Address, element: ControlElement, cause: Cause, oa: u8, time: Option<Timestamp>, zone: Zone) -> ControlAsdu {
    let tagged = ControlKind::of(address.type_id).is_some_and(|(_, tagged)| tagged);
    let time = if tagged { time.map(|time| Cp56Time2a::from_timestamp(time, zone)) } else { None };
    let cot = Cot { originator: oa, ..Cot::new(cause) };
    ControlAsdu { type_id: address.type_id, cot, ca: address.ca, ioa: address.ioa, element, time }
}

/// The element of an execute, if the address's type can carry action and qualifier exactly.
fn element(address: Address, command: &Command) -> Option<ControlElement> {
    let (kind, _) = ControlKind::of(address.type_id)?;
    let qoc = Qoc { qu: command.qualifier, select: false };
    let qos = Qos { ql: command.qualifier, select: false };
    let fits = if kind.is_setpoint() { command.qualifier < 128 } else { command.qualifier < 32 };
    match (kind, command.action) {
        _ if !fits => None,
        (ControlKind::Single, Action::Switch(on)) => Some(ControlElement::Single(on, qoc)),
        (ControlKind::Double, Action::Switch(on)) => Some(ControlElement::Double(if on { 2 } else { 1 }, qoc)),
        (ControlKind::Step, Action::Switch(higher)) => Some(ControlElement::Step(if higher { 2 } else { 1 }, qoc)),
        (ControlKind::SetFloat, Action::Set(value)) => {
            #[expect(clippy::cast_possible_truncation, reason = "the wire carries a short float; what does not fit is refused")]
            let short = value as f32;
            short.is_finite().then_some(ControlElement::SetFloat(short, qos))
        }
        (ControlKind::SetNormalised, Action::Set(value)) => Some(ControlElement::SetNormalised(sixteen_bits(value * 32768.0)?, qos)),
        (ControlKind::SetScaled, Action::Set(value)) => Some(ControlElement::SetScaled(sixteen_bits(value)?, qos)),
        (ControlKind::SetBits, Action::Set(value)) if command.qualifier == 0 => thirty_two_bits(value).map(ControlElement::SetBits),
        (
            ControlKind::Single
            | ControlKind::Double
            | ControlKind::Step
            | ControlKind::SetNormalised
            | ControlKind::SetScaled
            | ControlKind::SetFloat
            | ControlKind::SetBits,
            Action::Switch(_) | Action::Set(_),
        ) => None,
    }
}

/// The nearest whole number that the wire has; `None` beyond its range: never clamped (row 57).
pub(super) fn sixteen_bits(value: f64) -> Option<i16> {
    let nearest = value.round();
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within")]
    (f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&nearest).then_some(nearest as i16)
}

/// A bitstring is whole or it is none.
fn thirty_two_bits(value: f64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within")]
    ((0.0..=f64::from(u32::MAX)).contains(&value) && value.fract() == 0.0).then_some(value as u32)
}

impl Commands {
    pub(super) fn new(params: &Params, controls: Vec<(PointId, Address)>) -> Self {
        Self {
            controls: controls.into_iter().collect(),
            oa: params.oa,
            timeout: params.command_timeout,
            term: params.term,
            open: Vec::new(),
            serial: 0,
            selected: BTreeMap::new(),
            select_life: params.select_timeout,
            withdrawals: VecDeque::new(),
            findings: Findings::default(),
        }
    }

    /// Takes a command, or settles it at once as not operated.
    pub(super) fn request(&mut self, command: Command, refusal: Option<NotOperatedWhy>, events: &mut VecDeque<Event>, now: Now) {
        match refusal.map_or_else(|| self.admit(command, now), Err) {
            Ok(transaction) => self.open.push(transaction),
            Err(why) => events.push_back(Event::Settled { command, outcome: Outcome::NotOperated(why), at: now }),
        }
    }

    fn admit(&mut self, command: Command, now: Now) -> Result<Transaction, NotOperatedWhy> {
        let address = *self.controls.get(&command.point).ok_or(NotOperatedWhy::NotPermitted)?;
        let element = element(address, &command).ok_or(NotOperatedWhy::NotPermitted)?;
        if now.mono >= command.not_after.mono {
            return Err(NotOperatedWhy::Expired);
        }
        if self.open.iter().any(|open| open.command.point == command.point) {
            return Err(NotOperatedWhy::Busy);
        }
        let selectable = ControlKind::of(address.type_id).is_some_and(|(kind, _)| kind.is_selectable());
        let stage = match command.mode {
            CommandMode::Direct => Stage::ExecuteDue(false),
            CommandMode::SelectExecute | CommandMode::Select if selectable => Stage::SelectDue,
            CommandMode::SelectExecute | CommandMode::Select => return Err(NotOperatedWhy::NotPermitted),
            CommandMode::Execute => {
                // Single use, whether it fits or not (R4).
                let held = self.selected.remove(&command.point).ok_or(NotOperatedWhy::NotSelected)?;
                if now.mono >= held.until || !held.element.same_wish(element) {
                    self.withdrawals.push_back((address, held.element.with_select(true)));
                    return Err(NotOperatedWhy::NotSelected);
                }
                Stage::ExecuteDue(false)
            }
            CommandMode::Cancel => {
                self.selected.remove(&command.point);
                Stage::CancelDue
            }
        };
        self.serial += 1;
        Ok(Transaction { serial: self.serial, command, address, element, stage })
    }

    /// Whether no command is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Withdraws a command whose execute has not left.
    pub(super) fn cancel(&mut self, id: CommandId, events: &mut VecDeque<Event>, now: Now) {
        let Some(at) = self.open.iter().position(|open| open.command.id == id) else { return };
        match self.open.get(at).map(|open| open.stage) {
            Some(Stage::SelectDue | Stage::SelectSent(_) | Stage::ExecuteDue(_)) => {
                self.settle(at, Outcome::NotOperated(NotOperatedWhy::Cancelled), events, now);
            }
            Some(Stage::Executed(_) | Stage::Confirmed(_) | Stage::CancelDue | Stage::CancelSent(_)) | None => {}
        }
    }

    /// Settles the transaction at `at` and withdraws its selection if it holds one that will not be used.
    fn settle(&mut self, at: usize, outcome: Outcome, events: &mut VecDeque<Event>, now: Now) {
        let transaction = self.open.remove(at);
        let may_be_selected = match transaction.stage {
            Stage::SelectSent(_) => !matches!(outcome, Outcome::Refused(_) | Outcome::Completed),
            Stage::ExecuteDue(_) => matches!(transaction.command.mode, CommandMode::SelectExecute | CommandMode::Execute),
            Stage::SelectDue | Stage::Executed(_) | Stage::Confirmed(_) | Stage::CancelDue | Stage::CancelSent(_) => false,
        };
        if may_be_selected {
            self.withdrawals.push_back((transaction.address, transaction.element.with_select(true)));
        }
        events.push_back(Event::Settled { command: transaction.command, outcome, at: now });
    }

    /// Appends withdrawals and selects, as far as k allows.
    pub(super) fn put_selects(
        &mut self,
        permit: &ControlPermit,
        connection: &mut Connection<Sent>,
        zone: Zone,
        out: &mut Vec<u8>,
        events: &mut VecDeque<Event>,
        now: Now,
    ) {
        let tag = Some(Timestamp::by_device(now.utc));
        let (oa, timeout) = (self.oa, self.timeout);
        while connection.may_send() {
            let Some((address, element)) = self.withdrawals.pop_front() else { break };
            connection.put_information(out, now.mono, |out| {
                asdu(address, element, Cause::DEACTIVATION, oa, tag, zone).encode(permit, out);
                Sent::Harmless
            });
        }
        for transaction in &mut self.open {
            if now.mono >= transaction.command.not_after.mono || !connection.may_send() {
                continue;
            }
            if transaction.stage == Stage::CancelDue {
                let element = transaction.element.with_select(true);
                connection.put_information(out, now.mono, |out| {
                    asdu(transaction.address, element, Cause::DEACTIVATION, oa, tag, zone).encode(permit, out);
                    Sent::Harmless
                });
                transaction.stage = Stage::CancelSent(now.mono + timeout);
            }
            if transaction.stage != Stage::SelectDue {
                continue;
            }
            let element = transaction.element.with_select(true);
            connection.put_information(out, now.mono, |out| {
                asdu(transaction.address, element, Cause::ACTIVATION, oa, tag, zone).encode(permit, out);
                Sent::Harmless
            });
            transaction.stage = Stage::SelectSent(now.mono + timeout);
            events.push_back(Event::Progress { id: transaction.command.id, phase: Phase::SelectSent });
        }
    }

    /// Whether an execute may leave as far as the command itself is concerned.
    pub(super) fn wants_execute(&self, now: Now) -> bool {
        self.open.iter().any(|open| matches!(open.stage, Stage::ExecuteDue(_)) && now.mono < open.command.not_after.mono)
    }

    /// Notes that executes wait for the peer to prove itself fresh.
    pub(super) fn awaits_freshness(&mut self) {
        for open in &mut self.open {
            if let Stage::ExecuteDue(waits) = &mut open.stage {
                *waits = true;
            }
        }
    }

    /// Appends the oldest execute that is due. One at a time: the next leaves when this one was taken.
    pub(super) fn put_execute(
        &mut self,
        permit: &ControlPermit,
        connection: &mut Connection<Sent>,
        zone: Zone,
        out: &mut Vec<u8>,
        events: &mut VecDeque<Event>,
        now: Now,
    ) {
        let (oa, timeout) = (self.oa, self.timeout);
        let due = |open: &&mut Transaction| matches!(open.stage, Stage::ExecuteDue(_)) && now.mono < open.command.not_after.mono;
        let Some(transaction) = self.open.iter_mut().find(due) else { return };
        if !connection.may_send() {
            return;
        }
        let tag = Some(Timestamp::by_device(now.utc));
        let mark = connection.test_mark();
        connection.put_information(out, now.mono, |out| {
            asdu(transaction.address, transaction.element, Cause::ACTIVATION, oa, tag, zone).encode(permit, out);
            Sent::Execute(transaction.serial)
        });
        let life = (transaction.command.not_after.mono + EXECUTE_MARGIN).since(now.mono);
        transaction.stage = Stage::Executed(Execute {
            arrived: false,
            mark,
            probe_at: now.mono + PROBE_AFTER.min(life / 2),
            answer_by: now.mono + timeout,
        });
        events.push_back(Event::Progress { id: transaction.command.id, phase: Phase::ExecuteSent });
    }

    /// The peer's N(R) covers the execute.
    pub(super) fn arrived(&mut self, serial: u64) {
        for open in self.open.iter_mut().filter(|open| open.serial == serial) {
            if let Stage::Executed(execute) = &mut open.stage {
                execute.arrived = true;
            }
        }
    }

    /// A test was answered: executes that left before it have arrived.
    pub(super) fn test_answered(&mut self, answered_since: impl Fn(u64) -> bool) {
        for open in &mut self.open {
            if let Stage::Executed(execute) = &mut open.stage
                && answered_since(execute.mark)
            {
                execute.arrived = true;
            }
        }
    }

    /// The station answered something that looks like one of our commands.
    pub(super) fn answered(&mut self, asdu: &ControlAsdu, events: &mut VecDeque<Event>, now: Now) {
        let cause = asdu.cot.cause;
        let is_ours = asdu.cot.answers(self.oa);
        let Some(at) = self.open.iter().position(|open| {
            let Address { ca, ioa, type_id, .. } = open.address;
            is_ours && (ca, ioa, type_id) == (asdu.ca, asdu.ioa, asdu.type_id)
        }) else {
            // A late answer, a withdrawal's confirmation, or another controlling station's business.
            return;
        };
        let Some(open) = self.open.get_mut(at) else { return };
        let id = open.command.id;
        let negative = asdu.cot.negative || cause.is_unknown();
        let same = asdu.element.same_wish(open.element);
        let leg_fits = match open.stage {
            Stage::SelectSent(_) => asdu.element.is_select(),
            Stage::Executed(_) | Stage::Confirmed(_) => !asdu.element.is_select(),
            // Stations mirror a withdrawal with the S/E bit or without.
            Stage::CancelSent(_) => true,
            Stage::SelectDue | Stage::ExecuteDue(_) | Stage::CancelDue => false,
        };
        if !leg_fits || (!negative && !same) {
            let what = || format!("{} ca {} ioa {} cause {} answers no command of ours", asdu.type_id, asdu.ca, asdu.ioa, cause.0);
            self.findings.tell(what, events, now.mono);
            return;
        }
        let unknown = cause.is_unknown().then_some(Refusal::Unknown(cause.0));
        match open.stage {
            Stage::SelectSent(_) if unknown.is_some() || (cause == Cause::ACTIVATION_CON && negative) => {
                self.settle(at, Outcome::Refused(unknown.unwrap_or(Refusal::SelectRefused)), events, now);
            }
            Stage::SelectSent(answer_by) if cause == Cause::ACTIVATION_CON => {
                events.push_back(Event::Progress { id, phase: Phase::Selected });
                if open.command.mode == CommandMode::Select {
                    // The station's select timeout, less one round trip: what leaves in time arrives in time (R4).
                    let left = answer_by.since(now.mono);
                    let round_trip = self.timeout.saturating_sub(left);
                    let held = Selection { element: open.element, until: now.mono + self.select_life.saturating_sub(2 * round_trip) };
                    self.selected.insert(open.command.point, held);
                    self.settle(at, Outcome::Completed, events, now);
                } else {
                    open.stage = Stage::ExecuteDue(false);
                }
            }
            Stage::CancelSent(_) if unknown.is_some() || (cause == Cause::DEACTIVATION_CON && negative) => {
                self.settle(at, Outcome::Refused(unknown.unwrap_or(Refusal::SelectRefused)), events, now);
            }
            Stage::CancelSent(_) if cause == Cause::DEACTIVATION_CON => self.settle(at, Outcome::Completed, events, now),
            Stage::Executed(_) if unknown.is_some() || (cause == Cause::ACTIVATION_CON && negative) => {
                self.settle(at, Outcome::Refused(unknown.unwrap_or(Refusal::ExecuteRefused)), events, now);
            }
            Stage::Executed(_) if cause == Cause::ACTIVATION_CON => {
                events.push_back(Event::Progress { id, phase: Phase::Confirmed });
                match self.term {
                    TermPolicy::Optional => self.settle(at, Outcome::Completed, events, now),
                    TermPolicy::Required => open.stage = Stage::Confirmed(now.mono + self.timeout),
                }
            }
            Stage::Confirmed(_) if cause == Cause::ACTIVATION_TERM => {
                events.push_back(Event::Progress { id, phase: Phase::Terminated });
                // A negative termination after a positive confirmation: something was begun, nobody knows what was done.
                let outcome = if negative { Outcome::Indeterminate(IndeterminateWhy::Unanswered) } else { Outcome::Completed };
                self.settle(at, outcome, events, now);
            }
            Stage::SelectDue
            | Stage::SelectSent(_)
            | Stage::ExecuteDue(_)
            | Stage::Executed(_)
            | Stage::Confirmed(_)
            | Stage::CancelDue
            | Stage::CancelSent(_) => {}
        }
    }

    /// Settles what ran out. `Ok(true)`: an execute's arrival is to be probed with a test frame.
    ///
    /// # Errors
    /// If an execute outlived its command, or the time for its answer, and is not known to have arrived: the connection must be aborted.
    pub(super) fn handle_timeout(&mut self, events: &mut VecDeque<Event>, now: Now) -> Result<bool, Error> {
        let lapsed: Vec<PointId> = self.selected.iter().filter(|(_, held)| now.mono >= held.until).map(|(point, _)| *point).collect();
        for point in lapsed {
            // The station may hold it for a round trip longer: taken back, so that nothing stays selected that nobody will operate.
            if let (Some(held), Some(address)) = (self.selected.remove(&point), self.controls.get(&point)) {
                self.withdrawals.push_back((*address, held.element.with_select(true)));
            }
            events.push_back(Event::SelectLapsed(point));
        }
        let mut probe = false;
        let mut overdue = false;
        let mut at = 0;
        while let Some(open) = self.open.get_mut(at) {
            let expired = now.mono >= open.command.not_after.mono;
            let outcome = match &mut open.stage {
                Stage::SelectDue | Stage::CancelDue if expired => Some(Outcome::NotOperated(NotOperatedWhy::Expired)),
                Stage::ExecuteDue(false) if expired => Some(Outcome::NotOperated(NotOperatedWhy::Expired)),
                Stage::ExecuteDue(true) if expired => Some(Outcome::NotOperated(NotOperatedWhy::NotFresh)),
                Stage::SelectSent(until) | Stage::CancelSent(until) if now.mono >= *until => {
                    Some(Outcome::NotOperated(NotOperatedWhy::SelectUnanswered))
                }
                Stage::SelectSent(_) if expired => Some(Outcome::NotOperated(NotOperatedWhy::Expired)),
                Stage::Executed(execute) => {
                    if !execute.arrived {
                        overdue |= now.mono >= execute.answer_by.min(open.command.not_after.mono + EXECUTE_MARGIN);
                        if now.mono >= execute.probe_at {
                            probe = true;
                            execute.probe_at = Mono::NEVER;
                        }
                    }
                    (execute.arrived && now.mono >= execute.answer_by).then_some(Outcome::Indeterminate(IndeterminateWhy::Unanswered))
                }
                Stage::Confirmed(until) if now.mono >= *until => Some(Outcome::Indeterminate(IndeterminateWhy::Unanswered)),
                Stage::SelectDue
                | Stage::SelectSent(_)
                | Stage::ExecuteDue(_)
                | Stage::Confirmed(_)
                | Stage::CancelDue
                | Stage::CancelSent(_) => None,
            };
            match outcome {
                Some(outcome) => self.settle(at, outcome, events, now),
                None => at += 1,
            }
        }
        if overdue { Err(Error::ExecuteOverdue) } else { Ok(probe) }
    }

    pub(super) fn deadline(&self) -> Mono {
        let of = |open: &Transaction| {
            let not_after = open.command.not_after.mono;
            match open.stage {
                Stage::SelectDue | Stage::ExecuteDue(_) | Stage::CancelDue => not_after,
                Stage::SelectSent(until) => until.min(not_after),
                Stage::Executed(Execute { arrived: true, answer_by, .. }) => answer_by,
                Stage::Executed(Execute { answer_by, probe_at, .. }) => answer_by.min(probe_at).min(not_after + EXECUTE_MARGIN),
                Stage::Confirmed(until) | Stage::CancelSent(until) => until,
            }
        };
        let lapse = self.selected.values().map(|held| held.until).min().unwrap_or(Mono::NEVER);
        self.open.iter().map(of).min().unwrap_or(Mono::NEVER).min(lapse)
    }

    /// The shortest remaining life of an execute that is not known to have arrived.
    pub(super) fn remaining_life(&self, now: Now) -> Option<Duration> {
        let of = |open: &Transaction| match open.stage {
            Stage::Executed(Execute { arrived: false, .. }) => Some((open.command.not_after.mono + EXECUTE_MARGIN).since(now.mono)),
            Stage::Executed(_)
            | Stage::SelectDue
            | Stage::SelectSent(_)
            | Stage::ExecuteDue(_)
            | Stage::Confirmed(_)
            | Stage::CancelDue
            | Stage::CancelSent(_) => None,
        };
        self.open.iter().filter_map(of).min().map(|life| life.max(Duration::from_millis(1)))
    }

    /// The connection is gone or will be: every command has its outcome now.
    pub(super) fn connection_lost(&mut self, events: &mut VecDeque<Event>, now: Now) {
        for transaction in self.open.drain(..) {
            let outcome = match transaction.stage {
                Stage::SelectDue | Stage::SelectSent(_) | Stage::ExecuteDue(_) | Stage::CancelDue | Stage::CancelSent(_) => {
                    Outcome::NotOperated(NotOperatedWhy::LinkDown)
                }
                Stage::Executed(_) | Stage::Confirmed(_) => Outcome::Indeterminate(IndeterminateWhy::ConnectionLost),
            };
            events.push_back(Event::Settled { command: transaction.command, outcome, at: now });
        }
        self.withdrawals.clear();
        self.selected.clear();
    }
}

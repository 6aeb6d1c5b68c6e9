//! Commands of the master: at most one OPERATE each, exactly one outcome each (R4, R5; rows 35, 36, 38, 40).
//!
//! A transaction goes SELECT, OPERATE with the next sequence number and the same octets, or DIRECT_OPERATE alone. The answer echoes the
//! request octet by octet but for the status. Until the last request's octets were taken, silence means *not operated*; from then on it
//! means *indeterminate*. DNP3 cannot withdraw a selection: it lapses, and any other request undoes it. Polls wait for it; a command for
//! another point of the outstation does not.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_model::{Action, Command, CommandId, CommandMode, IndeterminateWhy, Mono, NotOperatedWhy, Now, Outcome, PointId, Refusal};
use bridge_session::{Event, Phase};

use crate::ControlPermit;
use crate::address::{CommandAddress, CrobModel, PointType};
use crate::app::{AppControl, FragmentView, FragmentWriter, Function, Iin};
use crate::objects::{AnalogOutput, ControlCode, Crob, Encoded};
use crate::params::Params;

/// Indications that say that a request was not carried out.
pub(super) const NOT_DONE: Iin =
    Iin(Iin::NO_FUNC_CODE_SUPPORT.0 | Iin::OBJECT_UNKNOWN.0 | Iin::PARAMETER_ERROR.0 | Iin::ALREADY_EXECUTING.0 | Iin::CONFIG_CORRUPT.0);

/// The object of a command, as it stands in SELECT and OPERATE alike.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum ControlObject {
    /// g12v1.
    Relay(Crob),
    /// g41.
    Analog(AnalogOutput),
}

impl ControlObject {
    /// What a command says to its address; `None` if the address cannot carry it exactly.
    pub(crate) fn of(address: &CommandAddress, command: &Command) -> Option<Self> {
        if command.qualifier != 0 {
            return None;
        }
        match (address.address.of, command.action) {
            (PointType::BinaryOutput, Action::Switch(on)) => {
                let code = match (address.model, on) {
                    (CrobModel::Latch, true) => ControlCode::LATCH_ON,
                    (CrobModel::Latch, false) => ControlCode::LATCH_OFF,
                    (CrobModel::Activation, true) => ControlCode::PULSE_ON,
                    (CrobModel::Activation, false) => return None,
                    (CrobModel::TripClose, true) => ControlCode::CLOSE,
                    (CrobModel::TripClose, false) => ControlCode::TRIP,
                };
                Some(Self::Relay(Crob { count: address.count, ..Crob::once(code, address.on_ms, address.off_ms) }))
            }
            (PointType::AnalogOutput, Action::Set(value)) => AnalogOutput::request(address.variation, value).map(Self::Analog),
            (
                PointType::Binary
                | PointType::DoubleBit
                | PointType::BinaryOutput
                | PointType::Counter
                | PointType::FrozenCounter
                | PointType::Analog
                | PointType::FrozenAnalog
                | PointType::AnalogOutput
                | PointType::OctetString
                | PointType::Unsigned,
                Action::Switch(_) | Action::Set(_),
            ) => None,
        }
    }

    /// Writes the request that carries it.
    pub(crate) fn write(&self, permit: &ControlPermit, writer: &mut FragmentWriter, seq: u8, function: Function, index: u16) {
        writer.begin_control(permit, AppControl::single(seq), function);
        let index = u32::from(index);
        let written = match self {
            Self::Relay(crob) => writer.indexed(12, 1, index, &crob.encode()),
            Self::Analog(output) => {
                let encoded: Encoded = output.encode();
                writer.indexed(41, output.variation(), index, encoded.octets())
            }
        };
        debug_assert!(written.is_ok(), "one control fits the shortest fragment");
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// SELECT is to leave.
    SelectDue,
    /// SELECT left.
    SelectSent,
    /// OPERATE or DIRECT_OPERATE is to leave; `true` while it waits for proof that the outstation is fresh.
    ExecuteDue(bool),
    /// It left.
    Executed,
}

#[derive(Debug)]
struct Transaction {
    serial: u64,
    command: Command,
    address: CommandAddress,
    object: ControlObject,
    stage: Stage,
    /// What stands behind the header of the request that left.
    sent: Vec<u8>,
}

/// A selection of [`CommandMode::Select`], for one OPERATE of the same wish (R4).
#[derive(Clone, Copy, PartialEq, Debug)]
struct Selection {
    outstation: u16,
    object: ControlObject,
    until: Mono,
}

/// What leaves next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Leaving {
    pub(super) serial: u64,
    pub(super) outstation: u16,
    pub(super) point: PointId,
    /// Whether it may operate the plant.
    pub(super) operates: bool,
    /// Whether it is worth nothing without its selection.
    pub(super) needs_selection: bool,
    pub(super) not_after: Mono,
}

/// What an answered SELECT asks of the master: nothing else goes to this outstation until then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hold {
    /// From now on.
    Until(PointId, Mono),
    /// No longer.
    Released(PointId),
}

#[derive(Debug)]
pub(super) struct Commands {
    controls: BTreeMap<PointId, CommandAddress>,
    select_life: Duration,
    /// In order of request; at most one per point.
    open: Vec<Transaction>,
    serial: u64,
    selected: BTreeMap<PointId, Selection>,
    /// Outstations whose holds changed.
    holds: VecDeque<(u16, Hold)>,
}

impl Commands {
    pub(super) fn new(params: &Params, controls: impl Iterator<Item = (PointId, CommandAddress)>) -> Self {
        Self {
            controls: controls.collect(),
            select_life: params.select_timeout,
            open: Vec::new(),
            serial: 0,
            selected: BTreeMap::new(),
            holds: VecDeque::new(),
        }
    }

    /// The outstations that have controls.
    pub(super) fn outstations(&self) -> impl Iterator<Item = u16> {
        self.controls.values().map(|control| control.address.outstation)
    }

    /// Takes a command, or settles it at once.
    pub(super) fn request(&mut self, command: Command, refusal: Option<NotOperatedWhy>, events: &mut VecDeque<Event>, now: Now) {
        let outcome = match refusal.map_or_else(|| self.admit(command, now), Err) {
            Ok(Some(transaction)) => {
                self.open.push(transaction);
                return;
            }
            // The selection lapses at the outstation by itself, and nothing of ours can operate it any more.
            Ok(None) => Outcome::Completed,
            Err(why) => Outcome::NotOperated(why),
        };
        events.push_back(Event::Settled { command, outcome, at: now });
    }

    fn admit(&mut self, command: Command, now: Now) -> Result<Option<Transaction>, NotOperatedWhy> {
        let address = *self.controls.get(&command.point).ok_or(NotOperatedWhy::NotPermitted)?;
        if self.open.iter().any(|open| open.command.point == command.point) {
            return Err(NotOperatedWhy::Busy);
        }
        if command.mode == CommandMode::Cancel {
            self.deselect(command.point).ok_or(NotOperatedWhy::NotSelected)?;
            return Ok(None);
        }
        let object = ControlObject::of(&address, &command).ok_or(NotOperatedWhy::NotPermitted)?;
        if now.mono >= command.not_after.mono {
            return Err(NotOperatedWhy::Expired);
        }
        let stage = match command.mode {
            CommandMode::Direct => Stage::ExecuteDue(false),
            CommandMode::SelectExecute | CommandMode::Select => Stage::SelectDue,
            CommandMode::Execute | CommandMode::Cancel => {
                // Single use, whether it fits or not (R4). The hold stays until the OPERATE left.
                let held = self.selected.get(&command.point).copied().ok_or(NotOperatedWhy::NotSelected)?;
                if now.mono >= held.until || held.object != object {
                    self.deselect(command.point);
                    return Err(NotOperatedWhy::NotSelected);
                }
                self.selected.remove(&command.point);
                Stage::ExecuteDue(false)
            }
        };
        self.serial += 1;
        Ok(Some(Transaction { serial: self.serial, command, address, object, stage, sent: Vec::new() }))
    }

    /// Forgets a selection.
    fn deselect(&mut self, point: PointId) -> Option<Selection> {
        let held = self.selected.remove(&point)?;
        self.holds.push_back((held.outstation, Hold::Released(point)));
        Some(held)
    }

    /// Whether a selection of [`CommandMode::Select`] waits for its OPERATE to be asked for.
    pub(super) fn is_selected(&self, point: PointId) -> bool {
        self.selected.contains_key(&point)
    }

    /// A selection makes way for a command on another point: whoever selected is told, and nothing of ours can operate it any more.
    pub(super) fn give_way(&mut self, point: PointId, events: &mut VecDeque<Event>) {
        if self.deselect(point).is_some() {
            events.push_back(Event::SelectLapsed(point));
        }
    }

    /// Withdraws a command whose execute has not left.
    pub(super) fn cancel(&mut self, id: CommandId, events: &mut VecDeque<Event>, now: Now) {
        let Some(at) = self.open.iter().position(|open| open.command.id == id && open.stage != Stage::Executed) else { return };
        self.settle(at, Outcome::NotOperated(NotOperatedWhy::Cancelled), events, now);
    }

    fn settle(&mut self, at: usize, outcome: Outcome, events: &mut VecDeque<Event>, now: Now) {
        let open = self.open.remove(at);
        self.holds.push_back((open.address.address.outstation, Hold::Released(open.command.point)));
        events.push_back(Event::Settled { command: open.command, outcome, at: now });
    }

    /// The next change of what an outstation may be asked.
    pub(super) fn poll_hold(&mut self) -> Option<(u16, Hold)> {
        self.holds.pop_front()
    }

    /// What may leave, oldest first.
    pub(super) fn leaving(&self, now: Mono) -> impl Iterator<Item = Leaving> {
        let due =
            move |open: &&Transaction| matches!(open.stage, Stage::SelectDue | Stage::ExecuteDue(_)) && now < open.command.not_after.mono;
        self.open.iter().filter(due).map(|open| Leaving {
            serial: open.serial,
            outstation: open.address.address.outstation,
            point: open.command.point,
            operates: matches!(open.stage, Stage::ExecuteDue(_)),
            needs_selection: matches!(open.stage, Stage::ExecuteDue(_)) && open.command.mode != CommandMode::Direct,
            not_after: open.command.not_after.mono,
        })
    }

    /// Notes that an execute waits for its outstation to prove itself fresh.
    pub(super) fn awaits_freshness(&mut self, serial: u64) {
        for open in self.open.iter_mut().filter(|open| open.serial == serial) {
            if let Stage::ExecuteDue(waits) = &mut open.stage {
                *waits = true;
            }
        }
    }

    /// Writes the request of this transaction, which leaves now; gives its function.
    pub(super) fn put(
        &mut self,
        serial: u64,
        permit: &ControlPermit,
        writer: &mut FragmentWriter,
        seq: u8,
        events: &mut VecDeque<Event>,
    ) -> Option<Function> {
        let open = self.open.iter_mut().find(|open| open.serial == serial)?;
        let (function, stage, phase) = match (open.stage, open.command.mode) {
            (Stage::SelectDue, _) => (Function::Select, Stage::SelectSent, Phase::SelectSent),
            (Stage::ExecuteDue(_), CommandMode::Direct) => (Function::DirectOperate, Stage::Executed, Phase::ExecuteSent),
            (Stage::ExecuteDue(_), _) => (Function::Operate, Stage::Executed, Phase::ExecuteSent),
            (Stage::SelectSent | Stage::Executed, _) => return None,
        };
        open.object.write(permit, writer, seq, function, open.address.address.index);
        open.sent.clear();
        open.sent.extend_from_slice(writer.octets().get(2..).unwrap_or_default());
        open.stage = stage;
        events.push_back(Event::Progress { id: open.command.id, phase });
        Some(function)
    }

    /// The outstation answered the request of this transaction, which left at `sent`.
    pub(super) fn answered(&mut self, serial: u64, view: &FragmentView<'_>, sent: Mono, events: &mut VecDeque<Event>, now: Now) {
        let Some(at) = self.open.iter().position(|open| open.serial == serial) else { return };
        let Some(open) = self.open.get_mut(at) else { return };
        let echo = Echo::of(&open.sent, view);
        let (id, point) = (open.command.id, open.command.point);
        match (open.stage, echo) {
            (Stage::SelectSent, Echo::Same) => {
                events.push_back(Event::Progress { id, phase: Phase::Selected });
                // It was selected at `sent` at the earliest; what leaves a round trip before the end arrives in time.
                let round_trip = now.mono.since(sent);
                let until = sent + self.select_life.saturating_sub(round_trip);
                let outstation = open.address.address.outstation;
                let (mode, object) = (open.command.mode, open.object);
                open.stage = Stage::ExecuteDue(false);
                if mode == CommandMode::Select {
                    self.settle(at, Outcome::Completed, events, now);
                    self.selected.insert(point, Selection { outstation, object, until });
                }
                self.holds.push_back((outstation, Hold::Until(point, until)));
            }
            (Stage::SelectSent, Echo::Status(status)) => self.settle(at, Outcome::Refused(Refusal::Status(status)), events, now),
            (Stage::SelectSent, Echo::Refused | Echo::Other) => {
                self.settle(at, Outcome::Refused(Refusal::SelectRefused), events, now);
            }
            (Stage::Executed, Echo::Same) => {
                events.push_back(Event::Progress { id, phase: Phase::Confirmed });
                self.settle(at, Outcome::Completed, events, now);
            }
            (Stage::Executed, Echo::Status(status)) => self.settle(at, Outcome::Refused(Refusal::Status(status)), events, now),
            (Stage::Executed, Echo::Refused) => self.settle(at, Outcome::Refused(Refusal::ExecuteRefused), events, now),
            // It answers something else than it was asked: nobody knows what it did.
            (Stage::Executed, Echo::Other) => {
                self.settle(at, Outcome::Indeterminate(IndeterminateWhy::Unanswered), events, now);
            }
            (Stage::SelectDue | Stage::ExecuteDue(_), _) => {}
        }
    }

    /// Whether this answer echoes the request of this transaction, with whatever status, or refuses it by indication.
    pub(super) fn is_lawful(&self, serial: u64, view: &FragmentView<'_>) -> bool {
        self.open.iter().find(|open| open.serial == serial).is_none_or(|open| Echo::of(&open.sent, view) != Echo::Other)
    }

    /// The outstation wants to be convinced by secure authentication first (g120): nothing was done.
    pub(super) fn challenged(&mut self, serial: u64, events: &mut VecDeque<Event>, now: Now) {
        let Some(at) = self.open.iter().position(|open| open.serial == serial) else { return };
        let refusal = match self.open.get(at).map(|open| open.stage) {
            Some(Stage::Executed) => Refusal::ExecuteRefused,
            Some(Stage::SelectDue | Stage::SelectSent | Stage::ExecuteDue(_)) | None => Refusal::SelectRefused,
        };
        self.settle(at, Outcome::Refused(refusal), events, now);
    }

    /// The request of this transaction left and was not answered in time.
    pub(super) fn unanswered(&mut self, serial: u64, events: &mut VecDeque<Event>, now: Now) {
        let Some(at) = self.open.iter().position(|open| open.serial == serial) else { return };
        let outcome = match self.open.get(at).map(|open| open.stage) {
            Some(Stage::Executed) => Outcome::Indeterminate(IndeterminateWhy::Unanswered),
            Some(Stage::SelectDue | Stage::SelectSent | Stage::ExecuteDue(_)) | None => {
                Outcome::NotOperated(NotOperatedWhy::SelectUnanswered)
            }
        };
        self.settle(at, outcome, events, now);
    }

    /// The selection behind an execute that has not left ended, or was lost to another request.
    pub(super) fn hold_ended(&mut self, point: PointId, events: &mut VecDeque<Event>, now: Now) {
        let is_it = |open: &Transaction| {
            open.command.point == point && matches!(open.stage, Stage::ExecuteDue(_)) && open.command.mode != CommandMode::Direct
        };
        if let Some(at) = self.open.iter().position(is_it) {
            self.settle(at, Outcome::NotOperated(NotOperatedWhy::NotSelected), events, now);
        }
    }

    /// Settles what ran out.
    pub(super) fn handle_timeout(&mut self, events: &mut VecDeque<Event>, now: Now) {
        while let Some(point) = self.selected.iter().find(|(_, held)| now.mono >= held.until).map(|(point, _)| *point) {
            self.deselect(point);
            events.push_back(Event::SelectLapsed(point));
        }
        let mut at = 0;
        while let Some(open) = self.open.get(at) {
            let expired = now.mono >= open.command.not_after.mono;
            match open.stage {
                Stage::ExecuteDue(true) if expired => self.settle(at, Outcome::NotOperated(NotOperatedWhy::NotFresh), events, now),
                Stage::SelectDue | Stage::SelectSent | Stage::ExecuteDue(false) if expired => {
                    self.settle(at, Outcome::NotOperated(NotOperatedWhy::Expired), events, now);
                }
                Stage::SelectDue | Stage::SelectSent | Stage::ExecuteDue(_) | Stage::Executed => at += 1,
            }
        }
    }

    pub(super) fn deadline(&self) -> Mono {
        let lapse = self.selected.values().map(|held| held.until);
        let open = self.open.iter().filter(|open| open.stage != Stage::Executed).map(|open| open.command.not_after.mono);
        lapse.chain(open).min().unwrap_or(Mono::NEVER)
    }

    /// The channel is gone or will be: every command has its outcome now.
    pub(super) fn connection_lost(&mut self, events: &mut VecDeque<Event>, now: Now) {
        for open in self.open.drain(..) {
            let outcome = match open.stage {
                Stage::SelectDue | Stage::SelectSent | Stage::ExecuteDue(_) => Outcome::NotOperated(NotOperatedWhy::LinkDown),
                Stage::Executed => Outcome::Indeterminate(IndeterminateWhy::ConnectionLost),
            };
            events.push_back(Event::Settled { command: open.command, outcome, at: now });
        }
        self.selected.clear();
        self.holds.clear();
    }
}

/// How an answer relates to its request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Echo {
    /// The same octets, status SUCCESS.
    Same,
    /// The same octets but for the status.
    Status(u8),
    /// No echo, but an indication that says why.
    Refused,
    /// Something else.
    Other,
}

impl Echo {
    /// The status is the last octet of the one object that a request of ours carries.
    fn of(sent: &[u8], view: &FragmentView<'_>) -> Self {
        match (sent.split_last(), view.body.split_last()) {
            (Some((_, asked)), Some((status, echoed))) if asked == echoed => match *status {
                // Done and not done at once: nobody knows.
                0 if view.iin.intersects(NOT_DONE) => Self::Other,
                0 => Self::Same,
                status => Self::Status(status),
            },
            _ if view.iin.intersects(NOT_DONE) => Self::Refused,
            _ => Self::Other,
        }
    }
}

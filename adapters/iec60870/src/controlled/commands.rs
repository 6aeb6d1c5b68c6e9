//! Received commands, from their octets to their answer (R15). The session never decides what happens to the plant: it refuses what is
//! unlawful on the wire, hands on the rest and mirrors the engine's answer.

use std::collections::{BTreeMap, VecDeque};

use bridge_model::{Action, CommandMode, Mono, Now, PointId, TimeFlags, Timestamp, Zone};
use bridge_session::{Answer, CommandReceived, CommandToken, Event};

use super::outbox::Replies;
use super::select::{Bound, SelectStore};
use crate::address::Address;
use crate::asdu::mirror;
use crate::params::{Params, SelectPolicy};
use crate::{Cause, ControlAsdu, ControlElement, DayCache, TypeId};

/// Unanswered selects of lost connections that are remembered.
const ORPHANS_MAX: usize = 1000;

/// A command that waits for the engine's answer.
#[derive(Debug)]
struct Held {
    point: PointId,
    connection: u32,
    mode: CommandMode,
    /// The ASDU as received: answers mirror it.
    octets: Vec<u8>,
    asdu: ControlAsdu,
}

/// What a command that goes no further is answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct No {
    pub(super) cause: Cause,
    pub(super) why: &'static str,
}

#[derive(Debug)]
pub(super) struct Commands {
    controls: BTreeMap<(u16, u32), (PointId, TypeId)>,
    policy: SelectPolicy,
    max: usize,
    age_ns: i64,
    selects: SelectStore,
    held: BTreeMap<CommandToken, Held>,
    /// Selects whose connection was lost before they were answered: a confirmation of one selects nothing here, and that is told.
    orphans: BTreeMap<CommandToken, PointId>,
    last_token: u64,
}

impl Commands {
    pub(super) fn new(params: &Params, controls: Vec<(PointId, Address)>) -> Self {
        Self {
            controls: controls.into_iter().map(|(point, a)| ((a.ca, a.ioa), (point, a.type_id))).collect(),
            policy: params.select,
            max: params.max_commands,
            age_ns: i64::try_from(params.command_age.as_nanos()).unwrap_or(i64::MAX),
            selects: SelectStore::new(params.select_timeout),
            held: BTreeMap::new(),
            orphans: BTreeMap::new(),
            last_token: 0,
        }
    }

    /// Takes a command whose cause and common address are in order, and hands it on.
    ///
    /// # Errors
    /// The negative answer.
    pub(super) fn receive(
        &mut self,
        asdu: &ControlAsdu,
        octets: &[u8],
        (connection, frame): (u32, u64),
        zone: Zone,
        events: &mut VecDeque<Event>,
        now: Now,
    ) -> Result<(), No> {
        let target = (asdu.ca, asdu.ioa);
        let no =
            |why| No { cause: if asdu.cot.cause == Cause::DEACTIVATION { Cause::DEACTIVATION_CON } else { Cause::ACTIVATION_CON }, why };
        let Some((point, _)) = self.controls.get(&target).copied().filter(|(_, type_id)| *type_id == asdu.type_id) else {
            return Err(No { cause: Cause::UNKNOWN_IOA, why: "no such command point" });
        };
        let (action, qualifier) = meaning(asdu.element).map_err(no)?;
        let tagged = asdu.time.map(|time| time.timestamp(zone, now.utc, &mut DayCache::default()));
        let originator = asdu.cot.originator;
        // Neither selected nor withdrawn by anybody else, here or behind us.
        let is_execute = asdu.cot.cause == Cause::ACTIVATION && !asdu.element.is_select();
        if !is_execute && self.selects.is_anothers(target, originator, now.mono) {
            return Err(no("another originator has it selected"));
        }
        let mode = if asdu.cot.cause == Cause::DEACTIVATION {
            if self.held.values().any(|held| held.point == point && held.mode == CommandMode::Cancel) {
                return Err(no("another deactivation of the point is in progress"));
            }
            self.selects.cancel(target, originator);
            CommandMode::Cancel
        } else {
            self.fresh(tagged, now).map_err(no)?;
            if self.held.values().any(|held| held.point == point) {
                return Err(no("another command of the point is in progress"));
            }
            if self.held.len() >= self.max {
                return Err(no("as many commands as the link takes are in progress"));
            }
            match (self.policy, asdu.element.is_select()) {
                (SelectPolicy::Refuse, true) => return Err(no("select is not served")),
                (SelectPolicy::Refuse, false) => CommandMode::Direct,
                (SelectPolicy::Relay | SelectPolicy::Either, true) => CommandMode::Select,
                (policy @ (SelectPolicy::Relay | SelectPolicy::Either), false) => {
                    match (policy, self.selects.execute(target, originator, asdu.element, now.mono)) {
                        (_, Bound::Fits) => CommandMode::Execute,
                        (_, Bound::UsedUp(selected)) => {
                            // Who relayed it withdraws it behind us (R4).
                            events.push_back(Event::SelectLapsed(selected));
                            return Err(no("execute that is not the selected one"));
                        }
                        (_, Bound::Anothers) => return Err(no("execute of what another originator selected")),
                        (SelectPolicy::Either, Bound::Free) => CommandMode::Direct,
                        (SelectPolicy::Relay | SelectPolicy::Refuse, Bound::Free) => return Err(no("execute without its select")),
                    }
                }
            }
        };
        self.last_token += 1;
        let token = CommandToken(self.last_token);
        self.held.insert(token, Held { point, connection, mode, octets: octets.to_vec(), asdu: *asdu });
        events.push_back(Event::CommandReceived(CommandReceived {
            token,
            point,
            action,
            mode,
            qualifier,
            tagged,
            connection,
            frame,
            received: now,
            originator: originator.into(),
            test: asdu.cot.test,
        }));
        Ok(())
    }

    /// A command's own time tag must be valid and near our clock (row 55).
    fn fresh(&self, tagged: Option<Timestamp>, now: Now) -> Result<(), &'static str> {
        let Some(time) = tagged else { return Ok(()) };
        if time.flags.contains(TimeFlags::INVALID) {
            return Err("the command's time tag is invalid");
        }
        if now.utc.0.saturating_sub(time.utc.0).saturating_abs() > self.age_ns {
            return Err("the command's time tag is too far from our clock");
        }
        Ok(())
    }

    /// Carries the engine's answer out, if the command's connection still lives (`live`).
    /// A termination goes behind the `events` queued so far: the return information among them is the consequence of this command.
    /// Gives the point of a select that was confirmed too late for its connection: nothing is selected.
    pub(super) fn answer(
        &mut self,
        token: CommandToken,
        answer: Answer,
        live: Option<u32>,
        events: u64,
        replies: &mut Replies,
        now: Mono,
    ) -> Option<PointId> {
        if let Some(point) = self.orphans.remove(&token) {
            return (answer == Answer::Confirm).then_some(point);
        }
        let held = self.held.get(&token)?;
        if live != Some(held.connection) {
            let held = self.held.remove(&token)?;
            return (held.mode == CommandMode::Select && answer == Answer::Confirm).then_some(held.point);
        }
        let con = match held.mode {
            CommandMode::Cancel => Cause::DEACTIVATION_CON,
            CommandMode::Direct | CommandMode::SelectExecute | CommandMode::Select | CommandMode::Execute => Cause::ACTIVATION_CON,
        };
        let settles = match answer {
            Answer::Confirm => {
                let taken = held.mode != CommandMode::Select
                    || self.selects.select((held.asdu.ca, held.asdu.ioa), held.point, held.asdu.cot.originator, held.asdu.element, now);
                replies.push_with(|out| mirror(&held.octets, con, !taken, out));
                // No termination follows a select or a deactivation.
                matches!(held.mode, CommandMode::Select | CommandMode::Cancel)
            }
            Answer::Refuse(_) => {
                replies.push_with(|out| mirror(&held.octets, con, true, out));
                true
            }
            Answer::Terminate => {
                if !matches!(held.mode, CommandMode::Select | CommandMode::Cancel) {
                    replies.push_behind(events, |out| mirror(&held.octets, Cause::ACTIVATION_TERM, false, out));
                }
                true
            }
            Answer::Silence => true,
        };
        if settles {
            self.held.remove(&token);
        }
        None
    }

    pub(super) fn handle_timeout(&mut self, events: &mut VecDeque<Event>, now: Mono) {
        while let Some(point) = self.selects.lapsed(now) {
            events.push_back(Event::SelectLapsed(point));
        }
    }

    pub(super) fn deadline(&self) -> Mono {
        self.selects.deadline()
    }

    /// The station's application restarts: selections are forgotten, commands in progress keep their answers.
    pub(super) fn reset(&mut self, events: &mut VecDeque<Event>) {
        events.extend(self.selects.drain().map(Event::SelectLapsed));
    }

    /// Selections end with their connection, and answers to its commands are dropped. Each is told as one whose time is over: who relayed it
    /// withdraws it.
    pub(super) fn connection_lost(&mut self, events: &mut VecDeque<Event>) {
        events.extend(self.selects.drain().map(Event::SelectLapsed));
        for (token, held) in std::mem::take(&mut self.held) {
            if held.mode == CommandMode::Select {
                self.orphans.insert(token, held.point);
            }
        }
        while self.orphans.len() > ORPHANS_MAX {
            self.orphans.pop_first();
        }
    }
}

/// What a command wants, if its octets have a meaning (rows 36, 37 and 57).
fn meaning(element: ControlElement) -> Result<(Action, u8), &'static str> {
    match element {
        ControlElement::Single(_, qoc) | ControlElement::Double(_, qoc) | ControlElement::Step(_, qoc) if !qoc.is_defined() => {
            Err("reserved qualifier of command")
        }
        ControlElement::SetNormalised(_, qos) | ControlElement::SetScaled(_, qos) | ControlElement::SetFloat(_, qos)
            if !qos.is_defined() =>
        {
            Err("reserved qualifier of set-point")
        }
        ControlElement::SetFloat(value, _) if !value.is_finite() => Err("the set-point is no number"),
        ControlElement::Single(on, qoc) => Ok((Action::Switch(on), qoc.qu)),
        ControlElement::Double(1, qoc) | ControlElement::Step(1, qoc) => Ok((Action::Switch(false), qoc.qu)),
        ControlElement::Double(2, qoc) | ControlElement::Step(2, qoc) => Ok((Action::Switch(true), qoc.qu)),
        ControlElement::Double(_, _) => Err("double command neither on nor off"),
        ControlElement::Step(_, _) => Err("step command neither higher nor lower"),
        ControlElement::SetNormalised(value, qos) => Ok((Action::Set(f64::from(value) / 32768.0), qos.ql)),
        ControlElement::SetScaled(value, qos) => Ok((Action::Set(f64::from(value)), qos.ql)),
        ControlElement::SetFloat(value, qos) => Ok((Action::Set(f64::from(value)), qos.ql)),
        ControlElement::SetBits(bits) => Ok((Action::Set(f64::from(bits)), 0)),
    }
}

//! Requests with controls, from a master to the bridge and back (rows 34 to 41, R15).

use std::time::Duration;

use bridge_model::{CommandMode, Mono, Now, PointId, Timestamp};
use bridge_session::{Answer, CommandReceived, CommandToken, Event, Refusal};

use super::association::Reply;
use super::buffer::{Event as Entered, Subject};
use super::controls::{Controls, Held, Selection, Waiter, Wish, status_of};
use super::requests::Handled;
use super::statistics::Statistic;
use super::{Outstation, Station};
use crate::app::{AppControl, FragmentView, Function, Iin};
use crate::objects::{ControlStatus, Flags};

/// How long a request may wait for the bridge: longer than any master does. Its own timer ends it earlier, by its next request.
pub(super) const HELD_MAX: Duration = Duration::from_secs(60);

impl Outstation {
    /// SELECT, OPERATE, DIRECT_OPERATE and DIRECT_OPERATE_NR; `silent`: nothing is answered.
    pub(super) fn control(&mut self, s: usize, a: usize, view: &FragmentView<'_>, frame: (u32, u64), silent: bool, now: Now) -> Handled {
        let Some(station) = self.stations.get(s) else { return Handled::Answer(Iin::PARAMETER_ERROR) };
        let mut controls = match Controls::read(view, &self.controls, station.address, self.params.max_controls) {
            // The echo is two octets longer than the request.
            Ok(_) if view.body.len() + 4 > self.params.max_transmit => return Handled::Answer(Iin::PARAMETER_ERROR),
            Ok(controls) => controls,
            Err(wrong) => return Handled::Answer(wrong),
        };
        let mode = if view.function == Function::Select {
            CommandMode::Select
        } else if view.function == Function::Operate {
            CommandMode::Execute
        } else {
            CommandMode::Direct
        };
        if mode == CommandMode::Execute
            && let Err(status) = self.use_selection(s, a, view, now.mono)
        {
            controls.refuse(status);
        } else if controls.count > self.params.max_controls {
            controls.refuse(ControlStatus::TOO_MANY_OBJECTS);
        } else {
            self.keep_from_others(s, a, &mut controls, now.mono);
            controls.settle_patterns();
            if mode == CommandMode::Select && controls.all.iter().any(|control| control.status.is_some()) {
                // A selection is of the whole request or of nothing.
                controls.settle(ControlStatus::NON_PARTICIPATING);
            }
        }
        let originator = self.association(s, a).map_or(0, |association| association.master);
        for (at, control) in controls.all.iter_mut().enumerate() {
            let Some(Wish { point, action }) = control.wish.filter(|_| control.status.is_none()) else { continue };
            let token = self.tokens.issue(Waiter::Held(s, a, at));
            control.token = Some(token);
            self.events.push_back(Event::CommandReceived(CommandReceived {
                token,
                point,
                action,
                mode,
                qualifier: 0,
                tagged: None,
                connection: frame.0,
                frame: frame.1,
                received: now,
                originator,
                test: false,
            }));
        }
        let held = Held {
            seq: view.control.seq,
            is_select: mode == CommandMode::Select,
            silent,
            controls,
            body: view.body.to_vec(),
            selected_until: now.mono + self.params.select_timeout,
            until: now.mono + HELD_MAX,
        };
        if held.controls.is_settled() {
            self.finish(s, a, held, now);
        } else if let Some(association) = self.association(s, a) {
            association.reply = Reply::Held(held);
        }
        Handled::Later
    }

    /// An OPERATE uses its selection up, right or wrong.
    fn use_selection(&mut self, s: usize, a: usize, view: &FragmentView<'_>, now: Mono) -> Result<(), ControlStatus> {
        let selection = self.association(s, a).and_then(|association| association.selection.take());
        let Some(selection) = selection else { return Err(ControlStatus::NO_SELECT) };
        let is_its = selection.operate_seq == view.control.seq && selection.body == view.body;
        let in_time = !selection.lapsed && now < selection.until;
        if is_its && in_time {
            return Ok(());
        }
        if !selection.lapsed {
            self.events.extend(selection.points.into_iter().map(Event::SelectLapsed));
        }
        Err(if is_its { ControlStatus::TIMEOUT } else { ControlStatus::NO_SELECT })
    }

    /// A point is commanded once at a time, and not while another master has it selected.
    fn keep_from_others(&self, s: usize, a: usize, controls: &mut Controls, now: Mono) {
        let mut seen: Vec<PointId> = Vec::new();
        for control in controls.all.iter_mut().filter(|control| control.status.is_none()) {
            let Some(Wish { point, .. }) = control.wish else { continue };
            if seen.contains(&point) || self.is_commanded(point) {
                control.status = Some(ControlStatus::ALREADY_ACTIVE);
            } else if self.is_anothers(s, a, point, now) {
                control.status = Some(ControlStatus::BLOCKED_OTHER_MASTER);
            }
            seen.push(point);
        }
    }

    fn is_commanded(&self, point: PointId) -> bool {
        self.stations.iter().flat_map(|station| &station.associations).any(|association| match &association.reply {
            Reply::Held(held) => {
                held.controls.all.iter().any(|control| control.wish.is_some_and(|wish| wish.point == point) && control.status.is_none())
            }
            Reply::None | Reply::Confirming(_) => false,
        })
    }

    fn is_anothers(&self, s: usize, a: usize, point: PointId, now: Mono) -> bool {
        let all = self.stations.iter().enumerate().flat_map(|(other, station)| {
            station.associations.iter().enumerate().map(move |(place, association)| ((other, place), association))
        });
        all.filter(|(place, _)| *place != (s, a))
            .filter_map(|(_, association)| association.selection.as_ref())
            .any(|selection| !selection.lapsed && now < selection.until && selection.points.contains(&point))
    }

    /// The bridge's answer to one control.
    pub(super) fn answered(&mut self, token: CommandToken, answer: Answer, now: Now) {
        let (s, a, at) = match self.tokens.take(token) {
            Some(Waiter::Held(s, a, at)) => (s, a, at),
            Some(Waiter::Orphan(point)) => {
                if answer == Answer::Confirm {
                    self.events.push_back(Event::SelectLapsed(point));
                }
                return;
            }
            None => return,
        };
        let Some(association) = self.association(s, a) else { return };
        let Reply::Held(held) = &mut association.reply else { return };
        let Some(control) = held.controls.all.get_mut(at).filter(|control| control.token == Some(token)) else { return };
        match status_of(answer) {
            Some(status) => control.status = Some(status),
            // Of one control nothing can be said: the master's own timer tells it.
            None => {
                control.token = None;
                self.end_reply(s, a, "its outcome is not known", now);
                return;
            }
        }
        let held = if held.controls.is_settled() { std::mem::take(&mut association.reply) } else { Reply::None };
        if answer == Answer::Refuse(Refusal::NotAuthorised) {
            self.count(s, Statistic::AuthorizationFailures, now);
        }
        if let Reply::Held(held) = held {
            self.finish(s, a, held, now);
        }
    }

    /// Every control of a request is answered.
    fn finish(&mut self, s: usize, a: usize, mut held: Held, now: Now) {
        if held.is_select {
            if held.controls.is_accepted() {
                let selection = Selection {
                    operate_seq: AppControl::next(held.seq),
                    body: std::mem::take(&mut held.body),
                    points: held.controls.points().collect(),
                    until: held.selected_until,
                    lapsed: false,
                };
                if let Some(association) = self.association(s, a) {
                    association.selection = Some(selection);
                }
            } else {
                // What was selected behind us is not selected here.
                self.events.extend(accepted(&held.controls).map(Event::SelectLapsed));
            }
        } else {
            self.tell_commands(s, &held.controls, now);
        }
        if held.silent {
            return;
        }
        self.begin_answer(held.seq);
        // Its length was compared with a fragment's when it came.
        let wrong = if self.writer.verbatim(held.controls.echoed()).is_ok() { Iin(0) } else { Iin::PARAMETER_ERROR };
        self.answer(s, a, wrong, now);
    }

    /// Events of the commands that were given (g13, g43), for every master: what was asked of which point, and what became of it. A SELECT
    /// commands nothing. UNDEFINED where nobody knows.
    fn tell_commands(&mut self, s: usize, controls: &Controls, now: Now) {
        let Some(Station { image, buffer, .. }) = self.stations.get_mut(s) else { return };
        for control in &controls.all {
            let Some(told) = control.told else { continue };
            let status = control.status.unwrap_or(ControlStatus::UNDEFINED);
            let event = Entered {
                subject: Subject::Command(told.of, told.index, status),
                value: told.value,
                flags: Flags::PLAIN,
                time: Some(Timestamp::by_device(now.utc)),
                number: None,
            };
            // One that finds no room is shown by EVENT_BUFFER_OVERFLOW; the journal has the command.
            buffer.enter(told.class, event, image);
        }
    }

    /// Nobody waits for this request any more: it gets no answer, and that is told.
    pub(super) fn drop_held(&mut self, s: usize, a: usize, held: Held, why: &str, now: Now) {
        if held.is_select {
            self.events.extend(accepted(&held.controls).map(Event::SelectLapsed));
        } else {
            self.tell_commands(s, &held.controls, now);
        }
        for control in &held.controls.all {
            if let (Some(token), Some(Wish { point, .. }), None) = (control.token, control.wish, control.status) {
                self.tokens.abandon(token, point, held.is_select);
            }
        }
        let master = self.association(s, a).map_or(0, |association| association.master);
        let what = if held.is_select { "SELECT" } else { "a command" };
        self.tell(|| format!("{what} of master {master}, SEQ {}, gets no answer: {why}", held.seq), now.mono);
    }

    /// A selection ends without its OPERATE.
    pub(super) fn lapse(&mut self, s: usize, a: usize) {
        let Some(selection) = self.association(s, a).and_then(|association| association.selection.take()) else { return };
        if !selection.lapsed {
            self.events.extend(selection.points.into_iter().map(Event::SelectLapsed));
        }
    }
}

/// The points whose control was accepted by the bridge.
fn accepted(controls: &Controls) -> impl Iterator<Item = PointId> {
    let accepted = controls.all.iter().filter(|control| control.token.is_some() && control.status == Some(ControlStatus::SUCCESS));
    accepted.filter_map(|control| control.wish.map(|wish| wish.point))
}

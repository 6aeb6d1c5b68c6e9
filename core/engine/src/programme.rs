//! What an accepted dispatch or cap starts (R1): a target, reached in steps, each one command with one ticket, held whenever anything is in doubt (R2).

mod state;

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::{Action, Command, CommandId, CommandMode, NotOperatedWhy, Now, Outcome, PointId, Refusal, Utc};
use bridge_profile::{Control, ControlKind, Drive, SelectMode, switch_position};
use bridge_session::{Phase, Request};

use crate::broker;
use crate::caps;
use crate::core::{Core, Then};
use crate::exchange::Exchange;
use crate::image::Image;
use crate::operations::{Readback, Stage, acknowledge};
use crate::router::Change;
use crate::store::Table;
use crate::target::{next_limit, next_value};
use crate::timers::Timer;

pub(crate) use state::{Kind, Place, Programme, Write};

/// How often the issuer hears of a ramp that goes well.
const PROGRESS_STEPS: u32 = 1;
/// How often a limit comes again that the station refused, or that did not leave in time.
const CAP_TRIES: u32 = 3;
/// How soon it does.
const CAP_RETRY: Duration = Duration::from_millis(250);

/// The programmes of all controls: one active per control, and at most one that waits for the wire to be free.
#[derive(Default)]
pub(crate) struct Programmes {
    active: BTreeMap<usize, Programme>,
    next: BTreeMap<usize, Programme>,
}

/// What the parts of a programme's call need.
pub(crate) struct Desk<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) exchange: &'a mut Exchange,
    pub(crate) image: &'a Image,
    pub(crate) now: Now,
}

impl Programmes {
    /// After a restart nothing moves: what was not sent is NOT_OPERATED, the rest is in HOLD (R2).
    pub(crate) fn recover(&mut self, core: &mut Core, exchange: &mut Exchange, image: &Image, now: Now) {
        let stored: Vec<(String, Programme)> = core
            .store
            .entries(Table::Programmes)
            .filter_map(|(key, value)| Some((String::from_utf8(key.to_vec()).ok()?, serde_json::from_slice(value).ok()?)))
            .collect();
        for (id, programme) in stored {
            core.delete(Table::Programmes, id.as_bytes());
            let Some(control) = core.plan.control(&id) else { continue };
            core.tell(format!("bridge restarted: {id} is in HOLD{}", held_at(&programme)));
            let mut desk = Desk { core, exchange, image, now };
            if matches!(programme.place, Place::Commanding | Place::Switching | Place::Withdrawing) {
                // Its ticket was open: the execute may have left (R2, R3).
                let text = "the bridge restarted while a command was out; the point is locked until it is read back";
                close(&mut desk, control.index(), &programme, "INDETERMINATE", "RESTART", text);
            } else {
                end(&mut desk, control.index(), &programme, "RESTART", "the bridge restarted");
            }
        }
        let tickets: Vec<String> = core.store.entries(Table::Tickets).filter_map(|(key, _)| String::from_utf8(key.to_vec()).ok()).collect();
        for ticket in tickets {
            broker::abandon(core, &ticket, now);
        }
    }

    /// An accepted dispatch. It supersedes what runs on the control; it starts when it is durable and the wire is free.
    pub(crate) fn accept(&mut self, desk: &mut Desk<'_>, control: usize, programme: Programme) {
        self.preempt(desk, control, &programme.operation);
        persist(desk.core, control, &programme);
        desk.core.timers.set(Timer::StartBy(control), desk.core.mono(Utc(programme.start_by_ns), desk.now));
        self.next.insert(control, programme);
        desk.core.when_durable(Then::Start { control });
    }

    /// Whatever runs or waits on a control ends now, and its issuer is told by whom (R6). What is on the wire settles by itself.
    pub(crate) fn preempt(&mut self, desk: &mut Desk<'_>, control: usize, by: &str) {
        let (waiting, running) = (self.next.remove(&control), self.active.remove(&control));
        if waiting.is_none() && running.is_none() {
            return;
        }
        forget(desk.core, control);
        if let Some(waiting) = waiting {
            displace(desk, &waiting, by);
        }
        if let Some(running) = running {
            displace(desk, &running, by);
            withdraw(desk, control, &running);
        }
    }

    /// The operation that a control's programme carries out, and its target.
    pub(crate) fn target(&self, control: usize) -> Option<f64> {
        self.next.get(&control).or_else(|| self.active.get(&control)).map(|programme| programme.target)
    }

    /// Whether the plant's limit stands there, or is being brought there by a programme other than `but`'s.
    pub(crate) fn brings_to(&self, desk: &Desk<'_>, control: usize, limit: f64, but: Option<&str>) -> bool {
        let running = self.next.get(&control).or_else(|| self.active.get(&control));
        match running.filter(|programme| programme.place != Place::Withdrawing) {
            Some(programme) => programme.is_for(limit) && but != Some(programme.operation.as_str()),
            None => caps::stands_at(desk, control, limit),
        }
    }

    /// Whether what runs or waits on the control carries this operation out.
    pub(crate) fn carries_out(&self, control: usize, operation: &str) -> bool {
        self.next.get(&control).or_else(|| self.active.get(&control)).is_some_and(|programme| programme.operation == operation)
    }

    /// The acceptance is durable, or the wire became free.
    pub(crate) fn start(&mut self, desk: &mut Desk<'_>, control: usize) {
        if broker::busy(desk.core, control) {
            return;
        }
        let Some(mut programme) = self.next.remove(&control) else { return };
        programme.raises = programme.kind == Kind::Limit && caps::rises(desk, control, programme.target);
        self.active.insert(control, programme);
        self.step(desk, control);
    }

    /// The next step, if everything still permits it.
    pub(crate) fn step(&mut self, desk: &mut Desk<'_>, control: usize) {
        let plan = desk.core.plan.clone();
        let Some((spec, drive)) = driven(&plan.controls, control) else { return };
        let Some(programme) = self.active.get(&control) else { return };
        if let Some((code, text)) = blocked(desk.core, desk.image, control, drive, programme.is_safe()) {
            self.hold(desk, control, code, &text);
            return;
        }
        if programme.only_switches(drive) {
            desk.core.timers.cancel(&Timer::StartBy(control));
            self.write_companion(desk, control);
            return;
        }
        let first = programme.steps == 0;
        let confirmed = if first { None } else { programme.confirmed };
        let value = match programme.selected.filter(|_| first) {
            Some(selected) => selected,
            None => {
                let next = if programme.kind == Kind::Dispatch {
                    next_value(desk, control, programme.target, programme.rate, confirmed)
                } else {
                    next_limit(desk, control, programme)
                };
                match next {
                    Ok(value) => value,
                    Err((code, text)) => return self.hold(desk, control, code, &text),
                }
            }
        };
        if confirmed == Some(value) && programme.kind == Kind::Dispatch {
            // A limit that is on its way up has not come further: there is nothing new to write.
            desk.core.timers.set(Timer::Step(control), desk.now.mono + pause(drive));
            return;
        }
        let latest = desk.now.utc + life(drive);
        let not_after = if first { Utc(programme.start_by_ns.min(latest.0)) } else { latest };
        if not_after <= desk.now.utc {
            self.finish_not_operated(desk, control, NotOperatedWhy::Expired);
            return;
        }
        let mode = match spec.select {
            SelectMode::Bridge if first => CommandMode::SelectExecute,
            SelectMode::Relay if first && programme.selected.is_some() => CommandMode::Execute,
            SelectMode::None | SelectMode::Bridge | SelectMode::Relay | SelectMode::Scl => CommandMode::Direct,
        };
        let command = Command {
            id: CommandId(desk.core.random()),
            point: PointId(u32::try_from(control).unwrap_or(u32::MAX)),
            action: action(spec, value),
            mode,
            qualifier: spec.qualifier,
            not_after: Now { mono: desk.core.mono(not_after, desk.now), utc: not_after },
        };
        let Some(programme) = self.active.get_mut(&control) else { return };
        programme.place = Place::Commanding;
        programme.pending = Some(value);
        programme.command = Some(command.id.to_string());
        programme.steps += 1;
        programme.step_began = desk.now.mono;
        let (operation, saved) = (programme.operation.clone(), programme.clone());
        persist(desk.core, control, &saved);
        desk.core.timers.cancel(&Timer::StartBy(control));
        broker::issue(desk.core, control, &command, value, &operation, desk.now);
    }

    /// The next write beside the limit: its reason, what puts it in force or takes it off.
    fn write_companion(&mut self, desk: &mut Desk<'_>, control: usize) {
        let plan = desk.core.plan.clone();
        let Some((spec, drive)) = driven(&plan.controls, control) else { return };
        let Some((write, safe)) = self.active.get(&control).and_then(|p| Some((*p.companions.first()?, p.is_safe()))) else { return };
        if let Some((code, text)) = blocked(desk.core, desk.image, control, drive, safe) {
            self.hold(desk, control, code, &text);
            return;
        }
        let not_after = desk.now.utc + life(drive);
        let command = Command {
            id: CommandId(desk.core.random()),
            point: PointId(u32::try_from(write.control).unwrap_or(u32::MAX)),
            action: write.action,
            mode: if spec.select == SelectMode::Bridge { CommandMode::SelectExecute } else { CommandMode::Direct },
            qualifier: spec.qualifier,
            not_after: Now { mono: desk.core.mono(not_after, desk.now), utc: not_after },
        };
        let Some(programme) = self.active.get_mut(&control) else { return };
        programme.place = Place::Switching;
        programme.pending = None;
        programme.command = Some(command.id.to_string());
        let saved = programme.clone();
        persist(desk.core, control, &saved);
        // Its ticket is the owner's: one transaction per limit at a time, and a lock that the limit's echo resolves.
        let value = saved.confirmed.unwrap_or(saved.target);
        broker::issue(desk.core, control, &command, value, &saved.operation, desk.now);
    }

    /// A write beside the limit was confirmed.
    fn companion_written(&mut self, desk: &mut Desk<'_>, control: usize) {
        let plan = desk.core.plan.clone();
        let Some((spec, drive)) = driven(&plan.controls, control) else { return };
        let Some(programme) = self.active.get_mut(&control) else { return };
        if programme.companions.is_empty() {
            return;
        }
        let write = programme.companions.remove(0);
        programme.written = true;
        programme.command = None;
        let more = !programme.companions.is_empty();
        if let Some(on) = write.enables {
            caps::set_enabled(desk.core, control, on);
            desk.core.tell(format!("{}: the limit is {}", spec.id, if on { "in force" } else { "taken off" }));
        }
        if more { self.write_companion(desk, control) } else { self.go_on(desk, control, drive) }
    }

    /// A command moved on.
    pub(crate) fn handle_progress(&mut self, desk: &mut Desk<'_>, id: CommandId, phase: Phase) {
        let Some(control) = self.control_of(id) else { return };
        let name = &desk.core.plan.controls[control].id;
        match phase {
            Phase::Selected => {
                let line = format!("station confirmed the select of {name}");
                desk.core.tell(line);
            }
            Phase::ExecuteSent => {
                if let Some(programme) = self.active.get_mut(&control) {
                    programme.written = true;
                    let saved = programme.clone();
                    persist(desk.core, control, &saved);
                }
            }
            Phase::SelectSent | Phase::Confirmed | Phase::Terminated => {}
        }
    }

    /// A command reached its end.
    pub(crate) fn handle_settled(&mut self, desk: &mut Desk<'_>, command: &Command, outcome: Outcome) {
        let control = owner(&desk.core.plan.controls, command.point.index());
        let beside = control != command.point.index();
        let lock = matches!(outcome, Outcome::Indeterminate(_));
        broker::settle(desk.core, control, command, outcome, desk.now);
        if self.active.get(&control).is_some_and(|programme| programme.place == Place::Withdrawing)
            && self.control_of(command.id) == Some(control)
        {
            self.end_withdrawn(desk, control, outcome);
        } else if self.control_of(command.id) == Some(control) {
            match outcome {
                Outcome::Completed if beside => self.companion_written(desk, control),
                Outcome::Completed => self.await_echo(desk, control),
                Outcome::Refused(refusal) => self.handle_refusal(desk, control, refusal),
                Outcome::NotOperated(why) => self.handle_not_operated(desk, control, why),
                Outcome::Indeterminate(_) => self.finish(
                    desk,
                    control,
                    "INDETERMINATE",
                    "NO_ANSWER",
                    "no answer to the execute; the point is locked until it is read back",
                ),
            }
        }
        if lock {
            desk.core
                .tell(format!("UNCERTAIN: the outcome at {} is not known; locked until read back", desk.core.plan.controls[control].id));
        }
        self.start(desk, control);
    }

    /// A point changed: an echo, the measured power, a permission.
    pub(crate) fn handle_change(&mut self, desk: &mut Desk<'_>, change: &Change) {
        if change.test || change.historic {
            return;
        }
        let plan = desk.core.plan.clone();
        for (control, spec) in plan.controls.iter().enumerate() {
            let ControlKind::Drive(drive) = &spec.kind else { continue };
            let is = |point: PointId| point.index() == change.point;
            if is(drive.taken.point) {
                broker::read_back(desk.core, desk.image, control, drive, desk.now);
                self.check_echo(desk, control, drive);
            }
            if is(drive.followed.point) {
                self.check_followed(desk, control, drive);
                if drive.cap.is_some() {
                    caps::handle_measured(desk, &spec.id);
                }
            }
            if (drive.requires.iter().any(|require| is(require.point)) || drive.remote_enable.is_some_and(is))
                && let Some(safe) = self.active.get(&control).map(Programme::is_safe)
                && let Some((code, text)) = blocked(desk.core, desk.image, control, drive, safe)
            {
                self.hold(desk, control, code, &text);
            }
        }
    }

    /// The echo did not come in time.
    pub(crate) fn handle_no_echo(&mut self, desk: &mut Desk<'_>, control: usize) {
        self.hold(desk, control, "NO_ECHO", "the set-point echo did not come in time");
    }

    /// The plant did not follow in time.
    pub(crate) fn handle_not_followed(&mut self, desk: &mut Desk<'_>, control: usize) {
        self.finish(desk, control, "FAILED", "NOT_FOLLOWED", "the measured power did not reach the target in time");
    }

    /// The start came too late.
    pub(crate) fn handle_start_by(&mut self, desk: &mut Desk<'_>, control: usize) {
        if let Some(programme) = self.next.remove(&control) {
            self.active.insert(control, programme);
            self.finish_not_operated(desk, control, NotOperatedWhy::Expired);
        }
    }

    /// The plant's link or the issuer's link is lost: every programme it carries holds.
    pub(crate) fn hold_all(
        &mut self,
        desk: &mut Desk<'_>,
        concerns: impl Fn(&Core, usize, &Programme) -> bool,
        code: &'static str,
        text: &str,
    ) {
        let running: Vec<usize> = self
            .active
            .iter()
            .filter(|(control, programme)| concerns(desk.core, **control, programme))
            .map(|(control, _)| *control)
            .collect();
        for control in running {
            self.hold(desk, control, code, text);
        }
    }

    /// Holds at the last confirmed set-point; a new signed operation may go on from there (R2).
    pub(crate) fn hold(&mut self, desk: &mut Desk<'_>, control: usize, code: &'static str, text: &str) {
        let Some(mut programme) = self.active.get(&control).cloned() else { return };
        if programme.place == Place::Withdrawing {
            return;
        }
        if matches!(programme.place, Place::Commanding | Place::Switching) && !withdraw(desk, control, &programme) {
            // Whether the plant was touched is known when the command settles, not before.
            programme.place = Place::Withdrawing;
            programme.holding = Some((code.to_owned(), text.to_owned()));
            persist(desk.core, control, &programme);
            self.active.insert(control, programme);
            return;
        }
        desk.core.tell(format!("{} holds{}: {text}", desk.core.plan.controls[control].id, held_at(&programme)));
        self.active.remove(&control);
        end(desk, control, &programme, code, text);
    }

    /// The command that was out when the programme was to be held has settled.
    fn end_withdrawn(&mut self, desk: &mut Desk<'_>, control: usize, outcome: Outcome) {
        let Some(mut programme) = self.active.remove(&control) else { return };
        let (code, text) = programme.holding.take().unwrap_or_default();
        match outcome {
            Outcome::Completed => {
                programme.confirmed = programme.pending.or(programme.confirmed);
                programme.written = true;
            }
            // The session promises that this command never operated; earlier steps may have.
            Outcome::Refused(_) | Outcome::NotOperated(_) => programme.written = programme.confirmed.is_some(),
            Outcome::Indeterminate(_) => {
                close(desk, control, &programme, "INDETERMINATE", &code, &text);
                return;
            }
        }
        desk.core.tell(format!("{} holds{}: {text}", desk.core.plan.controls[control].id, held_at(&programme)));
        end(desk, control, &programme, &code, &text);
    }

    fn await_echo(&mut self, desk: &mut Desk<'_>, control: usize) {
        let plan = desk.core.plan.clone();
        let Some((_, drive)) = driven(&plan.controls, control) else { return };
        if drive.switches {
            return self.station_switches(desk, control, drive);
        }
        if let Some(programme) = self.active.get_mut(&control) {
            programme.place = Place::Echo;
            programme.written = true;
            let saved = programme.clone();
            persist(desk.core, control, &saved);
        }
        desk.core.timers.set(Timer::Taken(control), desk.now.mono + drive.taken.within);
        self.check_echo(desk, control, drive);
    }

    /// The station took the command of a switch: it has no echo but its position.
    fn station_switches(&mut self, desk: &mut Desk<'_>, control: usize, drive: &Drive) {
        let Some(programme) = self.active.get_mut(&control) else { return };
        programme.written = true;
        programme.confirmed = programme.pending.take();
        programme.command = None;
        let saved = programme.clone();
        let readback = Readback { setpoint: saved.confirmed, measured: shown(desk.image, drive, drive.followed.point), time_left_s: None };
        acknowledge(desk.core, desk.exchange, &saved.operation, Stage::Execution, "EXECUTING", None, Some(readback), desk.now);
        let line = format!("{}: the station took the command", desk.core.plan.controls[control].id);
        desk.core.tell(line);
        self.go_on(desk, control, drive);
    }

    fn check_echo(&mut self, desk: &mut Desk<'_>, control: usize, drive: &Drive) {
        let Some(programme) = self.active.get_mut(&control) else { return };
        let (Place::Echo, Some(pending)) = (programme.place, programme.pending) else { return };
        let echoed = good(desk.image, drive.taken.point).filter(|echo| (echo - pending).abs() <= drive.taken.tolerance);
        if echoed.is_none() {
            return;
        }
        desk.core.timers.cancel(&Timer::Taken(control));
        programme.confirmed = Some(pending);
        programme.pending = None;
        programme.command = None;
        let reached = programme.has_reached(drive);
        programme.place = if reached { Place::Following } else { Place::Resting };
        let saved = programme.clone();
        persist(desk.core, control, &saved);
        let readback = Readback {
            setpoint: Some(pending),
            measured: good(desk.image, drive.followed.point),
            time_left_s: Some(saved.rate.map_or(0.0, |rate| (saved.target - pending).abs() / rate * 60.0)),
        };
        if saved.steps == 1 || reached || saved.steps.is_multiple_of(PROGRESS_STEPS) {
            acknowledge(desk.core, desk.exchange, &saved.operation, Stage::Execution, "EXECUTING", None, Some(readback), desk.now);
        }
        let id = &desk.core.plan.controls[control].id;
        desk.core.tell(format!("{id}: plant took {pending:.1}, target {:.1}", saved.target));
        // The limit is put in force as soon as it stands, and taken off when it has come up.
        if !saved.companions.is_empty() && (saved.kind != Kind::Release || reached) {
            self.write_companion(desk, control);
        } else {
            self.go_on(desk, control, drive);
        }
    }

    /// A step is taken, and what belongs to it is written: the next one, or the end.
    fn go_on(&mut self, desk: &mut Desk<'_>, control: usize, drive: &Drive) {
        let Some(programme) = self.active.get_mut(&control) else { return };
        let reached = programme.has_reached(drive);
        programme.place = if reached { Place::Following } else { Place::Resting };
        let saved = programme.clone();
        persist(desk.core, control, &saved);
        if !reached {
            desk.core.timers.set(Timer::Step(control), saved.step_began + pause(drive));
        } else if saved.ends.is_some() {
            // Whether the power comes up again is for the sun and the plant.
            self.finish(desk, control, "COMPLETED", "", "");
        } else {
            desk.core.timers.set(Timer::Followed(control), desk.now.mono + drive.followed.within);
            self.check_followed(desk, control, drive);
        }
    }

    fn check_followed(&mut self, desk: &mut Desk<'_>, control: usize, drive: &Drive) {
        let Some(programme) = self.active.get_mut(&control) else { return };
        if programme.place != Place::Following {
            return;
        }
        let measured = shown(desk.image, drive, drive.followed.point);
        let in_band = measured.is_some_and(|measured| drive.followed.is_met(measured, programme.target));
        if !in_band {
            programme.in_band_since = None;
            return;
        }
        let dwelt = desk.now.mono.since(*programme.in_band_since.get_or_insert(desk.now.mono));
        if dwelt >= drive.followed.dwell {
            self.finish(desk, control, "COMPLETED", "", "");
        } else {
            desk.core.timers.set_earlier(Timer::Step(control), desk.now.mono + (drive.followed.dwell - dwelt));
        }
    }

    /// The step timer: the next step, or the end of the dwell.
    pub(crate) fn handle_step(&mut self, desk: &mut Desk<'_>, control: usize) {
        let plan = desk.core.plan.clone();
        let Some((_, drive)) = driven(&plan.controls, control) else { return };
        match self.active.get(&control).map(|programme| programme.place) {
            Some(Place::Resting | Place::Accepted) => self.step(desk, control),
            Some(Place::Following) => self.check_followed(desk, control, drive),
            // It was refused, and comes again.
            Some(Place::Switching) if self.active.get(&control).is_some_and(|programme| programme.command.is_none()) => {
                self.write_companion(desk, control);
            }
            Some(Place::Commanding | Place::Switching | Place::Echo | Place::Withdrawing) | None => {}
        }
    }

    /// The command has settled without having moved anything: none is out, and the programme stands where its last step left it.
    fn not_moved(&mut self, control: usize) {
        if let Some(programme) = self.active.get_mut(&control) {
            programme.place = Place::Resting;
            programme.pending = None;
            programme.command = None;
        }
    }

    /// A limit that the station refused, or that did not leave in time, comes again: most likely the transaction that it pre-empted had not
    /// ended there, or another one held the line. Both are a definite no, so nothing can be executed twice.
    fn again(&mut self, desk: &mut Desk<'_>, control: usize, text: &str) -> bool {
        let Some(programme) =
            self.active.get_mut(&control).filter(|programme| programme.kind != Kind::Dispatch && programme.refused < CAP_TRIES)
        else {
            return false;
        };
        programme.refused += 1;
        // What is written beside the limit comes again by itself: the limit does not go on meanwhile.
        if programme.place != Place::Switching {
            programme.place = Place::Resting;
        }
        programme.pending = None;
        programme.command = None;
        // What was refused was no step: the first one selects again.
        if programme.confirmed.is_none() {
            programme.steps = 0;
        }
        let saved = programme.clone();
        persist(desk.core, control, &saved);
        desk.core.tell(format!("{}: {text}; the limit comes again", desk.core.plan.controls[control].id));
        desk.core.timers.set(Timer::Step(control), desk.now.mono + CAP_RETRY);
        true
    }

    fn handle_refusal(&mut self, desk: &mut Desk<'_>, control: usize, refusal: Refusal) {
        let text = match refusal {
            Refusal::SelectRefused => "the station refused the select".to_owned(),
            Refusal::ExecuteRefused => "the station refused the execute".to_owned(),
            Refusal::Unknown(cause) => format!("the station does not know the command (cause {cause})"),
            Refusal::Status(status) => format!("the station refused with status {status}"),
        };
        if self.again(desk, control, &text) {
            return;
        }
        if self.active.get(&control).is_some_and(|programme| programme.confirmed.is_none()) {
            self.finish(desk, control, "REJECTED", "STATION_REFUSED", &text);
        } else {
            self.not_moved(control);
            self.hold(desk, control, "STATION_REFUSED", &text);
        }
    }

    fn handle_not_operated(&mut self, desk: &mut Desk<'_>, control: usize, why: NotOperatedWhy) {
        if may_come_again(why) && self.again(desk, control, not_operated_text(why)) {
            return;
        }
        if self.active.get(&control).is_some_and(|programme| programme.confirmed.is_none()) {
            self.finish_not_operated(desk, control, why);
        } else {
            self.not_moved(control);
            self.hold(desk, control, "STEP_NOT_SENT", not_operated_text(why));
        }
    }

    fn finish_not_operated(&mut self, desk: &mut Desk<'_>, control: usize, why: NotOperatedWhy) {
        let status = if why == NotOperatedWhy::Expired { "EXPIRED" } else { "NOT_OPERATED" };
        self.finish(desk, control, status, not_operated_code(why), not_operated_text(why));
    }

    fn finish(&mut self, desk: &mut Desk<'_>, control: usize, status: &'static str, code: &str, text: &str) {
        let Some(programme) = self.active.remove(&control) else { return };
        forget(desk.core, control);
        let plan = desk.core.plan.clone();
        let Some((spec, drive)) = driven(&plan.controls, control) else { return };
        let measured = shown(desk.image, drive, drive.followed.point);
        let readback = Readback { setpoint: programme.confirmed, measured, time_left_s: Some(0.0) };
        let reason = (!code.is_empty()).then_some((code, text));
        desk.core.tell(format!("{}: {status}{}{text}", spec.id, if text.is_empty() { "" } else { ": " }));
        if let Some(ended) = &programme.ends {
            caps::release_ended(desk, &programme, ended, status, reason);
            return;
        }
        acknowledge(desk.core, desk.exchange, &programme.operation, Stage::Execution, status, reason, Some(readback), desk.now);
    }

    fn control_of(&self, id: CommandId) -> Option<usize> {
        let id = id.to_string();
        self.active.iter().find(|(_, programme)| programme.command.as_deref() == Some(&id)).map(|(control, _)| *control)
    }

    /// Whether a programme runs or waits on the control.
    pub(crate) fn running(&self, control: usize) -> bool {
        self.active.contains_key(&control) || self.next.contains_key(&control)
    }
}

/// Takes back a command that is still waiting for its ticket to be durable; otherwise asks its session. `true`: it never left.
fn withdraw(desk: &mut Desk<'_>, control: usize, programme: &Programme) -> bool {
    let Some(id) = programme.command.as_deref().and_then(parse_id) else { return true };
    if let Some(command) = desk.core.withdraw(id) {
        broker::settle(desk.core, control, &command, Outcome::NotOperated(NotOperatedWhy::Cancelled), desk.now);
        return true;
    }
    let link = desk.core.plan.controls[control].link;
    desk.core.ask(link, Request::Cancel(id));
    false
}

/// Ends a programme in HOLD: NOT_OPERATED if the plant was not touched, PARTIAL if it was.
fn end(desk: &mut Desk<'_>, control: usize, programme: &Programme, code: &str, text: &str) {
    let status = if programme.written || programme.confirmed.is_some() { "PARTIAL" } else { "NOT_OPERATED" };
    close(desk, control, programme, status, code, text);
}

fn close(desk: &mut Desk<'_>, control: usize, programme: &Programme, status: &'static str, code: &str, text: &str) {
    forget(desk.core, control);
    if let Some(ended) = &programme.ends {
        caps::release_ended(desk, programme, ended, status, Some((code, text)));
        return;
    }
    let plan = desk.core.plan.clone();
    let measured = driven(&plan.controls, control).and_then(|(_, drive)| shown(desk.image, drive, drive.followed.point));
    let readback = Readback { setpoint: programme.confirmed, measured, time_left_s: None };
    acknowledge(desk.core, desk.exchange, &programme.operation, Stage::Execution, status, Some((code, text)), Some(readback), desk.now);
}

fn displace(desk: &mut Desk<'_>, programme: &Programme, by: &str) {
    match programme.kind {
        Kind::Dispatch => supersede(desk, programme, by),
        Kind::Limit | Kind::Release => caps::displaced(desk, programme, by),
    }
}

pub(crate) fn supersede(desk: &mut Desk<'_>, programme: &Programme, by: &str) {
    // The text is the superseding operation; `acknowledge` names its issuer (R6).
    acknowledge(desk.core, desk.exchange, &programme.operation, Stage::Execution, "SUPERSEDED", Some(("SUPERSEDED", by)), None, desk.now);
}

fn persist(core: &mut Core, control: usize, programme: &Programme) {
    let id = core.plan.controls[control].id.clone();
    core.put(Table::Programmes, id.as_bytes(), programme);
}

fn forget(core: &mut Core, control: usize) {
    let id = core.plan.controls[control].id.clone();
    core.delete(Table::Programmes, id.as_bytes());
    for timer in [Timer::Step(control), Timer::Taken(control), Timer::Followed(control), Timer::StartBy(control)] {
        core.timers.cancel(&timer);
    }
}

/// Why the control may not be driven now, if it may not; `safe`: in the safe direction, which a lock does not stop (R3).
pub(crate) fn blocked(core: &Core, image: &Image, control: usize, drive: &Drive, safe: bool) -> Option<(&'static str, String)> {
    if let Some(why) = broker::locked(core, control).filter(|_| !safe) {
        return Some(("POINT_LOCKED", why));
    }
    if core.recorder.unwritable().is_some() {
        return Some(("JOURNAL_FAILED", "the journal cannot be written".to_owned()));
    }
    let link = core.plan.controls[control].link;
    if !image.source(link.index()).live {
        return Some(("LINK_DOWN", format!("link {} is down", core.plan.links[link.index()].spec.name)));
    }
    drive
        .requires
        .iter()
        .find(|require| good(image, require.point) != Some(require.equals))
        .map(|require| ("LOCAL_CONTROL", format!("not fulfilled: {}", require.text)))
        .or_else(|| {
            drive
                .remote_enable
                .filter(|point| good(image, *point) != Some(1.0))
                .map(|_| ("NOT_ENABLED", "the plant's remote enable is off".to_owned()))
        })
}

pub(crate) fn driven(controls: &[Control], control: usize) -> Option<(&Control, &Drive)> {
    let spec = controls.get(control)?;
    match &spec.kind {
        ControlKind::Drive(drive) => Some((spec, drive)),
        ControlKind::Relay(_) | ControlKind::Instruct(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => None,
    }
}

/// The control that a command is a part of: its own, or the one whose companion it wrote.
fn owner(controls: &[Control], control: usize) -> usize {
    match controls.get(control).map(|spec| &spec.kind) {
        Some(ControlKind::Companion(companion)) => companion.of,
        Some(ControlKind::Drive(_) | ControlKind::Relay(_) | ControlKind::Instruct(_) | ControlKind::Ask(_)) | None => control,
    }
}

/// How long a command may wait to leave: its step's period.
fn life(drive: &Drive) -> Duration {
    drive.ramp.map(|ramp| ramp.step).filter(|step| !step.is_zero()).unwrap_or(Duration::from_secs(10))
}

/// From one step to the next.
fn pause(drive: &Drive) -> Duration {
    drive.ramp.map(|ramp| ramp.step).filter(|step| !step.is_zero()).unwrap_or(Duration::from_secs(5))
}

/// What is sent for a value of a control.
pub(crate) fn action(spec: &Control, value: f64) -> Action {
    match &spec.kind {
        ControlKind::Drive(drive) if drive.switches => Action::Switch(value != 0.0),
        ControlKind::Drive(_) | ControlKind::Relay(_) | ControlKind::Instruct(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => {
            Action::Set(spec.conversion.to_wire(value))
        }
    }
}

/// What a feedback point of a control shows: a number, or how the switch stands.
pub(crate) fn shown(image: &Image, drive: &Drive, point: PointId) -> Option<f64> {
    if drive.switches { image.good(point.index()).and_then(switch_position) } else { good(image, point) }
}

pub(crate) fn good(image: &Image, point: PointId) -> Option<f64> {
    image.good(point.index()).map(bridge_model::Value::as_f64)
}

fn held_at(programme: &Programme) -> String {
    programme.confirmed.map_or_else(String::new, |confirmed| format!(" at {confirmed:.1}"))
}

pub(crate) fn parse_id(text: &str) -> Option<CommandId> {
    u128::from_str_radix(&text.replace('-', ""), 16).ok().map(CommandId)
}

/// Whether what did not leave may leave a moment later: the way was taken, not closed.
const fn may_come_again(why: NotOperatedWhy) -> bool {
    match why {
        NotOperatedWhy::Expired
        | NotOperatedWhy::NotFresh
        | NotOperatedWhy::SelectUnanswered
        | NotOperatedWhy::NotSelected
        | NotOperatedWhy::Busy => true,
        NotOperatedWhy::LinkDown | NotOperatedWhy::Restart | NotOperatedWhy::Cancelled | NotOperatedWhy::NotPermitted => false,
    }
}

pub(crate) const fn not_operated_code(why: NotOperatedWhy) -> &'static str {
    match why {
        NotOperatedWhy::Expired => "EXPIRED",
        NotOperatedWhy::LinkDown => "LINK_DOWN",
        NotOperatedWhy::NotFresh => "NOT_FRESH",
        NotOperatedWhy::SelectUnanswered => "SELECT_UNANSWERED",
        NotOperatedWhy::NotSelected => "NOTHING_SELECTED",
        NotOperatedWhy::Busy => "BUSY",
        NotOperatedWhy::Restart => "RESTART",
        NotOperatedWhy::Cancelled => "CANCELLED",
        NotOperatedWhy::NotPermitted => "NOT_PERMITTED",
    }
}

pub(crate) const fn not_operated_text(why: NotOperatedWhy) -> &'static str {
    match why {
        NotOperatedWhy::Expired => "too old to start",
        NotOperatedWhy::LinkDown => "the link to the station is down",
        NotOperatedWhy::NotFresh => "the station did not prove itself alive in time",
        NotOperatedWhy::SelectUnanswered => "the station did not answer the select",
        NotOperatedWhy::NotSelected => "nothing is selected that this would execute",
        NotOperatedWhy::Busy => "another command holds the point",
        NotOperatedWhy::Restart => "the bridge restarted before it was sent",
        NotOperatedWhy::Cancelled => "withdrawn before it was sent",
        NotOperatedWhy::NotPermitted => "control is not permitted on this link",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_that_is_refused_comes_again_within_a_second() {
        assert!(CAP_RETRY * CAP_TRIES < Duration::from_secs(1), "R1: a cap pre-empts within 1 s");
    }

    #[test]
    fn a_command_id_survives_its_text() {
        let id = CommandId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(parse_id(&id.to_string()), Some(id));
    }
}

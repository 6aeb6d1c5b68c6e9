//! A command from a legacy EMS becomes an operation to the plant's bridge, and its acknowledgements become confirmations (R15).
//!
//! EXECUTE ACT CON(+) only after the far ACCEPTANCE, ACT TERM only after the plant took the target; what the EMS has given up on cannot
//! operate, because its `validUntil` is the EMS's own patience less a margin.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::{Action, CommandMode, LinkId, Mono, Now, PointId};
use bridge_profile::{Control, ControlKind, Relay, SelectMode};
use bridge_session::{Answer, CommandReceived, CommandToken, Refusal, Request};
use serde_json::{Value, json};

use crate::core::{Core, Then};
use crate::exchange::Exchange;
use crate::operations::{self, Asked, Operation, is_final};
use crate::refusal::refusal_of;
use crate::served::{ServedPoints, Status};
use crate::timers::Timer;

/// Below this nothing comes back from a far bridge.
const PATIENCE_MIN: Duration = Duration::from_millis(200);

/// A command of an EMS that waits for its answers.
struct Open {
    link: LinkId,
    token: CommandToken,
    confirmed: bool,
    /// It opens or closes a switch: its answer waits for the station's.
    switches: bool,
    leg: Leg,
    /// The EMS waits for the end no longer than this (`term`).
    term_by: Mono,
}

/// What of a select-before-operate an operation is (R4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Leg {
    /// All of it at once.
    Direct,
    /// The select.
    Select,
    /// The execute of that SELECT.
    Operate(String),
    /// The end of that SELECT.
    Cancel(String),
}

/// What the far bridge holds selected for an EMS.
#[derive(Clone, PartialEq, Debug)]
struct Selected {
    operation: String,
    target: f64,
    /// How the switch stood that is selected.
    before: Option<f64>,
}

impl Leg {
    /// Whether it repeats a SELECT.
    fn is_of_selection(&self) -> bool {
        matches!(self, Self::Operate(_) | Self::Cancel(_))
    }
}

#[derive(Default)]
pub(crate) struct Relays {
    open: BTreeMap<String, Open>,
    selected: BTreeMap<usize, Selected>,
    /// The last SELECT that a person here asked of each control: nobody's patience ends it, so its SELECTED is never too late.
    pub(crate) by_person: BTreeMap<usize, String>,
    /// Selections that the far bridge told when the EMS no longer waited: to be withdrawn.
    late: Vec<(usize, Selected)>,
    /// How the switch stood for which the last SELECT was asked, by control.
    before: BTreeMap<usize, f64>,
    status: BTreeMap<usize, Status>,
    /// The last operation of each control: only its acknowledgements move the status.
    pub(crate) last: BTreeMap<usize, String>,
}

/// What a new relay needs beside the core.
pub(crate) struct Wish {
    pub(crate) control: usize,
    /// In the control's unit.
    pub(crate) target: f64,
    pub(crate) ramp: Option<f64>,
    /// Of a switch: how it stands, 0 open and 1 closed, as it is seen here (R9).
    pub(crate) before: Option<f64>,
    pub(crate) leg: Leg,
    pub(crate) not_after: Now,
    pub(crate) operator_ref: String,
    pub(crate) instruction_code: String,
}

impl Relays {
    /// After a restart: the latest operation of each control goes on moving its status.
    pub(crate) fn recover(core: &Core) -> Self {
        let mut relays = Self::default();
        for operation in operations::all(core).values().filter(|operation| operation.ours) {
            if let Some(control) = core.plan.control(&operation.control) {
                relays.last.insert(control.index(), operation.id.clone());
                let status = Status {
                    state: state_number(&operation.status),
                    reason: reason_number(operation.reason.as_deref()),
                    target: operation.target,
                    time_left: 0.0,
                    // Whoever was waiting for an answer when the bridge died has not had it.
                    uncertain: operation.status == "INDETERMINATE" || operation.status == "REQUESTED",
                };
                relays.status.insert(control.index(), status);
            }
        }
        relays
    }

    /// Shows what is known, to sessions that just came to be.
    pub(crate) fn publish(&self, core: &mut Core, served: &mut ServedPoints, now: Now) {
        for (control, status) in &self.status {
            served.publish_status(core, *control, *status, now);
        }
    }

    /// A command arrived on a serving link.
    #[expect(clippy::too_many_arguments, reason = "the parts that a command concerns")]
    pub(crate) fn handle_command(
        &mut self,
        core: &mut Core,
        exchange: &mut Exchange,
        served: &mut ServedPoints,
        link: LinkId,
        command: &CommandReceived,
        peer_live: impl Fn(usize) -> bool,
        position: impl Fn(PointId) -> Option<f64>,
        now: Now,
    ) {
        let plan = core.plan.clone();
        let control = command.point.index();
        let Some((spec, relay)) = relayed(&plan.controls, control) else {
            answer(core, link, command.token, Answer::Refuse(Refusal::NotSupported));
            return;
        };
        let relays_select = spec.select == SelectMode::Relay;
        let before = relay.position.and_then(position);
        let refusal = match (command.mode, command.action) {
            _ if command.test => Some("TEST"),
            // A command's own time tag says nothing to a clock that does not know the time (104 row 55).
            _ if command.tagged.is_some() && !core.clock.synchronised => Some("CLOCK_UNSYNCHRONISED"),
            (CommandMode::Select | CommandMode::Execute | CommandMode::SelectExecute, _) if !relays_select => Some("SELECT_NOT_SUPPORTED"),
            (CommandMode::Cancel | CommandMode::Execute, _) if !self.selected.contains_key(&control) => Some("NOTHING_SELECTED"),
            (CommandMode::Direct, _) if relays_select => Some("SELECT_REQUIRED"),
            // A switch is not set to a number, and a set-point is not switched.
            (_, Action::Switch(_)) if relay.position.is_none() => Some("BAD_QUANTITY"),
            (_, Action::Set(_)) if relay.position.is_some() => Some("BAD_QUANTITY"),
            (_, Action::Set(value)) if !value.is_finite() => Some("NOT_A_NUMBER"),
            (CommandMode::SelectExecute, _) => Some("SELECT_NOT_SUPPORTED"),
            // From a position that nobody sees nothing is switched (R9); what is selected has one.
            (CommandMode::Direct | CommandMode::Select, Action::Switch(_)) if before.is_none() => Some("NO_FEEDBACK"),
            (CommandMode::Direct | CommandMode::Select | CommandMode::Execute | CommandMode::Cancel, _) => None,
        };
        let peer = core.settings.peers.iter().position(|peer| peer.name == relay.peer);
        let refusal = refusal
            .or_else(|| (!peer.is_some_and(peer_live)).then_some("PEER_DOWN"))
            .or_else(|| core.recorder.unwritable().map(|_| "JOURNAL_FAILED"));
        if let Some(code) = refusal {
            core.tell(format!("EMS command on {} refused: {code}", spec.id));
            core.note(now, "refused", code, &[("control", spec.id.clone()), ("link", plan.links[link.index()].spec.name.clone())]);
            let before = self.status.get(&control).copied().unwrap_or_default();
            let status = Status {
                reason: reason_number(Some(code)),
                state: if before.state == 0.0 { state_number("REJECTED") } else { before.state },
                ..before
            };
            self.show(core, served, control, status, now);
            answer(core, link, command.token, Answer::Refuse(refusal_of(code)));
            return;
        }
        let switches = relay.position.is_some();
        let target = match command.action {
            Action::Set(wire) => spec.conversion.to_eng(wire),
            Action::Switch(on) => f64::from(u8::from(on)),
        };
        // A short float that came over the wire is what the operator typed: 210.1, not 210.10000610351562.
        let target = (target * 1e4).round() / 1e4;
        let (leg, waits) = match (command.mode, self.selected.get(&control)) {
            (CommandMode::Select, _) => (Leg::Select, relay.ems.select_con),
            (CommandMode::Cancel, Some(selected)) => (Leg::Cancel(selected.operation.clone()), relay.ems.select_con),
            (CommandMode::Execute, Some(selected)) => (Leg::Operate(selected.operation.clone()), relay.ems.execute_con),
            _ => (Leg::Direct, relay.ems.execute_con),
        };
        // What was selected is what is operated or cancelled; an EMS's value may have lost digits since.
        let target = match (&leg, self.selected.get(&control)) {
            (Leg::Operate(_), Some(selected)) if (selected.target - target).abs() < 1e-6 => selected.target,
            (Leg::Cancel(_), Some(selected)) => selected.target,
            _ => target,
        };
        // What is operated or withdrawn repeats what was selected, the position too.
        let before = self.selected.get(&control).filter(|_| leg.is_of_selection()).map_or(before, |selected| selected.before);
        if matches!(leg, Leg::Operate(_)) {
            self.selected.remove(&control);
        }
        // However short the EMS's patience is: what it gave up on does not start.
        let patience = waits.checked_sub(core.settings.relay_margin).filter(|left| *left >= PATIENCE_MIN).unwrap_or(waits / 2);
        let not_after = Now { mono: command.received.mono + patience, utc: command.received.utc + patience };
        let wish = Wish {
            control,
            target,
            ramp: relay.ramp,
            before,
            leg: leg.clone(),
            not_after,
            operator_ref: relay.operator_ref.clone(),
            instruction_code: relay.instruction_code.clone(),
        };
        let word = match leg {
            Leg::Direct | Leg::Operate(_) => "orders",
            Leg::Select => "selects",
            Leg::Cancel(_) => "withdraws the selection of",
        };
        core.tell(format!("EMS {word} {} to {}", spec.id, said(switches, target, &spec.unit)));
        if let Some(operation) = self.dispatch(core, exchange, served, &wish, now) {
            let term_by = command.received.mono + relay.ems.term;
            self.open.insert(operation.clone(), Open { link, token: command.token, confirmed: false, switches, leg, term_by });
            core.timers.set(Timer::AnswerBy(operation), command.received.mono + waits);
        } else {
            answer(core, link, command.token, Answer::Refuse(Refusal::Unavailable));
        }
    }

    /// Sends a signed dispatch for a relay control; gives its operation id.
    pub(crate) fn dispatch(
        &mut self,
        core: &mut Core,
        exchange: &mut Exchange,
        served: &mut ServedPoints,
        wish: &Wish,
        now: Now,
    ) -> Option<String> {
        let plan = core.plan.clone();
        let (spec, relay) = relayed(&plan.controls, wish.control)?;
        let peer = core.settings.peers.iter().position(|peer| peer.name == relay.peer)?;
        let (verb, noun, payload) = if relay.position.is_some() {
            let era = &plan.resources.get(usize::from(spec.resource))?.era;
            let plan_id = bridge_ies::uuid7(u64::try_from(now.utc.as_millis()).unwrap_or(0), core.random());
            ("reconfigure", "SWITCHING_PLAN", switching(era, &plan_id, wish)?)
        } else {
            ("dispatch", "SETPOINT", json!({ "setpoints": [setpoint(spec, wish)] }))
        };
        let (mode, select_of) = match &wish.leg {
            Leg::Direct => ("DIRECT", None),
            Leg::Select => ("SELECT", None),
            Leg::Operate(of) => ("OPERATE", Some(of.as_str())),
            Leg::Cancel(of) => ("CANCEL", Some(of.as_str())),
        };
        let asked = Asked {
            peer,
            control: spec,
            verb,
            noun,
            payload,
            mode,
            select_of,
            target: wish.target,
            unit: &spec.unit,
            not_after: wish.not_after,
            operator_ref: &wish.operator_ref,
            instruction_code: &wish.instruction_code,
        };
        let operation = operations::ask(core, exchange, asked, now)?;
        self.last.insert(wish.control, operation.clone());
        if let (Leg::Select, Some(before)) = (&wish.leg, wish.before) {
            self.before.insert(wish.control, before);
        }
        self.show(core, served, wish.control, Status { state: state_number("REQUESTED"), target: wish.target, ..Status::default() }, now);
        Some(operation)
    }

    /// An acknowledgement came through the door: only the party that was asked may answer, about what was asked, until it has ended.
    pub(crate) fn handle_foreign_acknowledge(
        &mut self,
        core: &mut Core,
        served: &mut ServedPoints,
        peer: &str,
        of: &str,
        payload: &Value,
        now: Now,
    ) {
        let fits = |operation: &Operation| {
            operation.ours
                && operation.peer == peer
                && payload["requestDigest"] == operation.digest.as_str()
                && (!is_final(&operation.status) || operation.status == "INDETERMINATE" || stands(operation))
        };
        if operations::load(core, of).is_some_and(|operation| fits(&operation)) {
            self.handle_acknowledge(core, served, of, payload, now);
        } else {
            core.note(
                now,
                "refused",
                "an acknowledgement of nothing that waits for it",
                &[("peer", peer.to_owned()), ("of", of.to_owned())],
            );
        }
    }

    /// The plant's bridge answered one of our operations.
    pub(crate) fn handle_acknowledge(&mut self, core: &mut Core, served: &mut ServedPoints, of: &str, payload: &Value, now: Now) {
        let status = payload["status"].as_str().unwrap_or_default();
        let stage = payload["stage"].as_str().unwrap_or_default();
        let reason = payload["reason"]["code"].as_str();
        let Some(operation) = operations::advance(core, of, stage, status, reason, now) else { return };
        let Some(control) = core.plan.control(&operation.control).map(bridge_model::PointId::index) else { return };
        let text = payload["reason"]["text"].as_str().map_or_else(String::new, |text| format!(" ({text})"));
        let progress = payload["progress"]["setpoint"].as_f64().map_or_else(String::new, |value| format!(", set-point {value:.1}"));
        core.tell(format!("{} {} {stage} {status}{progress}{text}", operation.control, operation.target));
        self.settle(core, of, control, (operation.target, status, reason));
        if self.last.get(&control).is_some_and(|last| last == of) {
            let before = self.status.get(&control).copied().unwrap_or_default();
            let shown = Status {
                state: state_number(status),
                reason: reason_number(reason),
                target: operation.target,
                time_left: payload["progress"]["timeLeftSeconds"].as_f64().unwrap_or(if is_final(status) { 0.0 } else { before.time_left }),
                uncertain: status == "INDETERMINATE",
            };
            self.show(core, served, control, shown, now);
        }
    }

    /// The plant's door refused one of our operations: for certain nothing was done.
    pub(crate) fn handle_refused(&mut self, core: &mut Core, served: &mut ServedPoints, of: &str, code: &str, text: &str, now: Now) {
        let payload = json!({ "stage": "ACCEPTANCE", "status": "REJECTED", "reason": { "code": code, "text": text } });
        self.handle_acknowledge(core, served, of, &payload, now);
    }

    /// The EMS's patience for its confirmation, or for the end, is over.
    pub(crate) fn handle_answer_by(&mut self, core: &mut Core, served: &mut ServedPoints, of: &str, now: Now) {
        let Some(open) = self.open.remove(of) else { return };
        answer(core, open.link, open.token, Answer::Silence);
        let Some(operation) = operations::load(core, of) else { return };
        let (what, within) = match (open.confirmed, &open.leg) {
            (true, _) => ("end", "term"),
            (false, Leg::Direct | Leg::Operate(_)) => ("answer", "execute_con"),
            (false, Leg::Select | Leg::Cancel(_)) => ("answer", "select_con"),
        };
        core.tell(format!("UNCERTAIN: no {what} of {} from the plant's bridge in time", operation.control));
        core.note(now, "unanswered", &format!("the far bridge told no {what} within {within}"), &[("operation", of.to_owned())]);
        if let Some(control) = core.plan.control(&operation.control).map(bridge_model::PointId::index) {
            let before = self.status.get(&control).copied().unwrap_or_default();
            self.show(core, served, control, Status { uncertain: true, ..before }, now);
        }
    }

    fn settle(&mut self, core: &mut Core, of: &str, control: usize, (target, status, reason): (f64, &str, Option<&str>)) {
        if is_final(status) {
            self.selected.retain(|_, selected| selected.operation != of);
            self.by_person.retain(|_, select| select != of);
        }
        let Some(open) = self.open.get_mut(of) else {
            // Too late for the EMS: nobody will operate it.
            if status == "SELECTED" && self.by_person.get(&control).is_none_or(|select| select != of) {
                let before = self.before.get(&control).copied();
                self.late.push((control, Selected { operation: of.to_owned(), target, before }));
            }
            return;
        };
        let (link, token) = (open.link, open.token);
        if matches!(open.leg, Leg::Select | Leg::Cancel(_)) {
            let last = match (&open.leg, status) {
                (Leg::Select, "SELECTED") => {
                    let before = self.before.get(&control).copied();
                    self.selected.insert(control, Selected { operation: of.to_owned(), target, before });
                    Answer::Confirm
                }
                (Leg::Cancel(_), "COMPLETED") => Answer::Confirm,
                (_, "INDETERMINATE" | "PARTIAL" | "FAILED" | "SUPERSEDED") => Answer::Silence,
                (_, status) if is_final(status) || status == "BLOCKED" => Answer::Refuse(refusal_of(reason.unwrap_or(status))),
                _ => return,
            };
            core.when_durable(Then::Link { link, request: Request::Answer { token, answer: last } });
            self.close(core, of);
            return;
        }
        match status {
            // The far bridge's word is not the device's: a switch is confirmed when its station has taken the command, and ended when it
            // is seen to have moved.
            "ACCEPTED" if open.switches => {}
            "EXECUTING" if open.switches && open.confirmed => {}
            "ACCEPTED" | "EXECUTING" if !open.confirmed && (open.switches || status == "ACCEPTED") => {
                open.confirmed = true;
                core.timers.set(Timer::AnswerBy(of.to_owned()), open.term_by);
                core.when_durable(Then::Link { link, request: Request::Answer { token, answer: Answer::Confirm } });
            }
            "EXECUTING" | "COMPLETED" => {
                if !open.confirmed {
                    core.when_durable(Then::Link { link, request: Request::Answer { token, answer: Answer::Confirm } });
                }
                core.when_durable(Then::Link { link, request: Request::Answer { token, answer: Answer::Terminate } });
                self.close(core, of);
            }
            "REJECTED" | "EXPIRED" | "NOT_OPERATED" | "BLOCKED" => {
                let last = if open.confirmed { Answer::Silence } else { Answer::Refuse(refusal_of(reason.unwrap_or(status))) };
                core.when_durable(Then::Link { link, request: Request::Answer { token, answer: last } });
                self.close(core, of);
            }
            "INDETERMINATE" | "PARTIAL" | "FAILED" | "SUPERSEDED" => {
                core.when_durable(Then::Link { link, request: Request::Answer { token, answer: Answer::Silence } });
                self.close(core, of);
            }
            _ => {}
        }
    }

    /// Whether what became of the last command of a control is not known (R15).
    pub(crate) fn is_uncertain(&self, control: usize) -> bool {
        self.status.get(&control).is_some_and(|status| status.uncertain)
    }

    /// Withdraws what was selected too late.
    pub(crate) fn withdraw_late(&mut self, core: &mut Core, exchange: &mut Exchange, served: &mut ServedPoints, now: Now) {
        for (control, selected) in std::mem::take(&mut self.late) {
            self.withdraw(core, exchange, served, (control, selected), now);
        }
    }

    /// The EMS did not operate what it selected, or is gone: the far bridge need not wait for the station's own timer.
    pub(crate) fn handle_lapsed(&mut self, core: &mut Core, exchange: &mut Exchange, served: &mut ServedPoints, control: usize, now: Now) {
        if let Some(selected) = self.selected.remove(&control) {
            self.withdraw(core, exchange, served, (control, selected), now);
        }
    }

    fn withdraw(
        &mut self,
        core: &mut Core,
        exchange: &mut Exchange,
        served: &mut ServedPoints,
        (control, selected): (usize, Selected),
        now: Now,
    ) {
        let plan = core.plan.clone();
        let Some((_, relay)) = relayed(&plan.controls, control) else { return };
        let wish = Wish {
            control,
            target: selected.target,
            ramp: relay.ramp,
            before: selected.before,
            leg: Leg::Cancel(selected.operation),
            not_after: Now { mono: now.mono + relay.ems.select_con, utc: now.utc + relay.ems.select_con },
            operator_ref: relay.operator_ref.clone(),
            instruction_code: relay.instruction_code.clone(),
        };
        self.dispatch(core, exchange, served, &wish, now);
    }

    /// The link to an EMS is lost: so are its selections.
    pub(crate) fn handle_link_lost(&mut self, core: &mut Core, exchange: &mut Exchange, served: &mut ServedPoints, link: LinkId, now: Now) {
        let of_link: Vec<usize> = self.selected.keys().copied().filter(|control| core.plan.controls[*control].link == link).collect();
        for control in of_link {
            self.handle_lapsed(core, exchange, served, control, now);
        }
    }

    fn close(&mut self, core: &mut Core, of: &str) {
        self.open.remove(of);
        core.timers.cancel(&Timer::AnswerBy(of.to_owned()));
    }

    pub(crate) fn show(&mut self, core: &mut Core, served: &mut ServedPoints, control: usize, status: Status, now: Now) {
        self.status.insert(control, status);
        served.publish_status(core, control, status, now);
    }
}

fn setpoint(spec: &Control, wish: &Wish) -> Value {
    let mut setpoint = json!({ "quantity": "ACTIVE_POWER", "value": wish.target, "unit": spec.unit });
    if let Some(basis) = spec.basis {
        setpoint["powerBasis"] = basis.as_str().into();
    }
    if let Some(ramp) = wish.ramp {
        setpoint["ramp"] = json!({ "value": ramp, "unit": "MW/min" });
    }
    setpoint
}

/// A plan of one step; none without the position that it starts from (R9).
fn switching(era: &str, plan_id: &str, wish: &Wish) -> Option<Value> {
    let before = if wish.before? == 0.0 { "OPEN" } else { "CLOSED" };
    let action = if wish.target == 0.0 { "OPEN" } else { "CLOSE" };
    let step = json!({ "seq": 1, "element": era, "action": action, "expectBefore": before });
    Some(json!({ "planId": plan_id, "steps": [step], "onFailure": "STOP" }))
}

/// `210 MW`, `CLOSE`.
fn said(switches: bool, target: f64, unit: &str) -> String {
    match (switches, target == 0.0) {
        (true, true) => "OPEN".to_owned(),
        (true, false) => "CLOSE".to_owned(),
        (false, _) => format!("{target} {unit}"),
    }
}

/// A cap outlives the commands that set it: its end is told later (R7).
fn stands(operation: &Operation) -> bool {
    operation.verb == "curtail" && matches!(operation.status.as_str(), "COMPLETED" | "PARTIAL" | "FAILED")
}

fn answer(core: &mut Core, link: LinkId, token: CommandToken, answer: Answer) {
    let request = Request::Answer { token, answer };
    // A refusal promises nothing that the journal would have to keep: it does not wait for a disk that cannot be written.
    if core.recorder.unwritable().is_some() {
        core.ask(link, request);
    } else {
        core.when_durable(Then::Link { link, request });
    }
}

pub(crate) fn relayed(controls: &[Control], control: usize) -> Option<(&Control, &Relay)> {
    let spec = controls.get(control)?;
    match &spec.kind {
        ControlKind::Relay(relay) => Some((spec, relay)),
        ControlKind::Drive(_) | ControlKind::Instruct(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => None,
    }
}

/// The state point's code: part of `docs/spec/command.md`.
pub(crate) fn state_number(status: &str) -> f64 {
    match status {
        "REQUESTED" | "RECEIVED" => 1.0,
        "ACCEPTED" => 2.0,
        "EXECUTING" => 3.0,
        "COMPLETED" => 4.0,
        "REJECTED" | "BLOCKED" => 5.0,
        "PARTIAL" => 6.0,
        "FAILED" => 7.0,
        "EXPIRED" => 8.0,
        "INDETERMINATE" => 9.0,
        "SUPERSEDED" => 10.0,
        "NOT_OPERATED" => 11.0,
        "SELECTED" => 13.0,
        "OVERDUE" => 12.0,
        _ => 0.0,
    }
}

/// The reason codes in the order of their numbers, from 1.
pub const REASONS: [&str; 60] = [
    "ABOVE_MAX",
    "BELOW_MIN",
    "RAMP_TOO_FAST",
    "EXPIRED",
    "TOO_OLD",
    "NOT_YET_VALID",
    "NOT_AUTHORISED",
    "LOCAL_CONTROL",
    "NOT_READY",
    "BAD_BASIS",
    "BAD_UNIT",
    "BAD_QUANTITY",
    "CLOCK_UNSYNCHRONISED",
    "POINT_LOCKED",
    "UNKNOWN_RESOURCE",
    "SELECT_NOT_SUPPORTED",
    "RELATIVE_NOT_SUPPORTED",
    "LINK_DOWN",
    "JOURNAL_FAILED",
    "NOT_A_NUMBER",
    "PEER_DOWN",
    "RESTART",
    "NO_ECHO",
    "NOT_FOLLOWED",
    "STATION_REFUSED",
    "NO_ANSWER",
    "ISSUER_LOST",
    "NOT_ENABLED",
    "BUMP_LIMIT",
    "OUT_OF_ENVELOPE",
    "NO_FEEDBACK",
    "STEP_NOT_SENT",
    "SUPERSEDED",
    "NOTHING_SELECTED",
    "TEST",
    "NOT_FRESH",
    "SELECT_UNANSWERED",
    "BUSY",
    "CANCELLED",
    "NOT_PERMITTED",
    "NOT_NAMED",
    "NOT_ANSWERED",
    "NOT_REPORTED",
    "UNIT_NOT_AVAILABLE",
    "EQUIPMENT_FAULT",
    "FUEL_SHORTAGE",
    "MAINTENANCE",
    "UNSAFE",
    "OTHER",
    "SELECT_REQUIRED",
    "SELECT_MISMATCH",
    "ABOVE_CAP",
    "BASIS_NOT_OFFERED",
    "REASON_NOT_OFFERED",
    "BAD_PERIOD",
    "NEWER_CAP",
    "NO_SUCH_CAP",
    "AWAITS_RELEASE",
    "LOWER_CAP",
    "RELEASED",
];

/// Zero for none, 99 for one that has no number.
fn reason_number(code: Option<&str>) -> f64 {
    let Some(code) = code else { return 0.0 };
    REASONS.iter().position(|known| *known == code).map_or(99.0, |place| f64::from(u8::try_from(place + 1).unwrap_or(99)))
}

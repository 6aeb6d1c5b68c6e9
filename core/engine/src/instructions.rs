//! What people at the plant are told to do, and what they answer (R8).
//!
//! An instruction that passed policy is presented. A named operator accepts it, rejects it with a reason, or reports it done, before
//! `accept_within`; each answer goes to the issuer, signed. What was reported done is looked at: the declared feedback must show it.
//! Nothing here writes to a plant; the acceptance of a `released` instruction is handed to whoever runs programmes.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_ies::{Party, Setpoint, format_time};
use bridge_model::{Mono, Now, Utc};
use bridge_policy::code::{NOT_ANSWERED, NOT_REPORTED};
use bridge_profile::ControlKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::caps::Cap;
use crate::core::Core;
use crate::exchange::Exchange;
use crate::image::Image;
use crate::operations::{self, Readback, Stage, acknowledge};
use crate::programme::good;
use crate::router::Change;
use crate::store::Table;
use crate::timers::Timer;

/// Where an open instruction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Stand {
    /// Shown; nobody has answered.
    Presented,
    /// A named operator accepted; the plant acts.
    Accepted,
    /// Reported done; the feedback is looked at.
    Reported,
    /// Not reported done in time, or the bridge was down when it had to look: it asks (R2).
    Overdue,
}

/// One open instruction.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Instruction {
    pub(crate) operation: String,
    pub(crate) verb: String,
    pub(crate) control: String,
    /// The issuer, with the person who issued it.
    pub(crate) issuer: Party,
    pub(crate) code: Option<String>,
    /// The acceptance starts a programme that writes.
    pub(crate) released: bool,
    pub(crate) stand: Stand,
    pub(crate) received_ns: i64,
    pub(crate) valid_until_ns: i64,
    pub(crate) accept_by_ns: i64,
    pub(crate) done_by_ns: Option<i64>,
    pub(crate) check_by_ns: Option<i64>,
    /// The operator who answered.
    pub(crate) operator: Option<String>,
    /// Of a dispatch.
    pub(crate) setpoint: Option<Setpoint>,
    /// As signed.
    pub(crate) payload: Value,
    /// The operation of the same issuer that it replaces; of a curtailment.
    #[serde(default)]
    pub(crate) supersedes: Option<String>,
}

impl Instruction {
    /// What takes the place of what: a start and a stop of one unit, two set-points of one control.
    fn bench(&self, core: &Core) -> String {
        let control = core.plan.control(&self.control).and_then(|control| core.plan.controls.get(control.index()));
        let era = control.and_then(|control| core.plan.resources.get(usize::from(control.resource))).map(|resource| &resource.era);
        match (self.verb.as_str(), era) {
            ("start" | "stop", Some(era)) => format!("unit {era}"),
            // Each cap stands for itself.
            ("curtail", _) => self.operation.clone(),
            (_, _) => self.control.clone(),
        }
    }

    fn target(&self) -> String {
        self.setpoint.as_ref().map_or_else(String::new, |setpoint| format!(" {} {}", setpoint.value, setpoint.unit))
    }

    fn words(&self) -> String {
        format!("{} {}{}", self.verb, self.control, self.target())
    }
}

/// What an operator answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OperatorAnswer {
    /// It will be done; of a `released` control: the programme may start.
    Accept,
    /// It will not be done.
    Reject {
        /// One of [`bridge_policy::OPERATOR_REASONS`].
        reason: String,
        /// In the operator's words; mandatory with OTHER.
        text: Option<String>,
    },
    /// It was done.
    Done {
        /// In the operator's words.
        text: Option<String>,
    },
}

#[derive(Default)]
pub(crate) struct Instructions {
    open: BTreeMap<String, Instruction>,
    /// Since when the feedback shows what was asked for.
    shown_since: BTreeMap<String, Mono>,
}

/// What the parts of an instruction's call need.
pub(crate) struct Bench<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) exchange: &'a mut Exchange,
    pub(crate) image: &'a Image,
    pub(crate) now: Now,
}

impl Bench<'_> {
    fn tell_issuer(&mut self, id: &str, stage: Stage, status: &'static str, reason: Option<(&str, &str)>, readback: Option<Readback>) {
        acknowledge(self.core, self.exchange, id, stage, status, reason, readback, self.now);
        self.core.recorder.hurry();
    }
}

impl Instructions {
    /// After a restart: what waits still waits; what fell due meanwhile is told, and nothing is guessed (R2).
    pub(crate) fn recover(&mut self, bench: &mut Bench<'_>) {
        let stored: Vec<Instruction> =
            bench.core.store.entries(Table::Instructions).filter_map(|(_, value)| serde_json::from_slice(value).ok()).collect();
        for mut instruction in stored {
            let id = instruction.operation.clone();
            let passed = |due: Option<i64>| due.is_some_and(|due| due <= bench.now.utc.0);
            let missed = match instruction.stand {
                Stand::Accepted => passed(instruction.done_by_ns),
                Stand::Reported => passed(instruction.check_by_ns),
                Stand::Presented | Stand::Overdue => false,
            };
            if missed {
                instruction.stand = Stand::Overdue;
                let text = "it fell due while the bridge was down; the operator says what became of it";
                bench.tell_issuer(&id, Stage::Execution, "OVERDUE", Some(("RESTART", text)), None);
                persist(bench.core, &instruction);
            }
            bench.core.tell(format!("{} waits for its operator", instruction.words()));
            arm(bench, &instruction);
            self.open.insert(id, instruction);
        }
    }

    /// An instruction passed policy: it is shown. One about the same that nobody has answered makes way.
    pub(crate) fn present(&mut self, bench: &mut Bench<'_>, instruction: Instruction) {
        self.displace(bench, &instruction, |stand| stand == Stand::Presented);
        let left = Utc(instruction.accept_by_ns).since(bench.now.utc);
        bench.core.tell(format!(
            "{} from {}: waits for an operator, {} s left ({})",
            instruction.words(),
            instruction.issuer.party_id,
            left.as_secs(),
            instruction.operation
        ));
        let fields = [("operation", instruction.operation.clone()), ("control", instruction.control.clone())];
        bench.core.note(bench.now, "presented", "an instruction waits for a named operator", &fields);
        persist(bench.core, &instruction);
        arm(bench, &instruction);
        self.open.insert(instruction.operation.clone(), instruction);
    }

    /// The one open instruction whose id begins so, for an operator who may answer it.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn find(&self, core: &Core, id: &str, operator: &str) -> Result<Instruction, String> {
        authorised(core, operator)?;
        if core.recorder.unwritable().is_some() {
            return Err("the journal cannot be written: no answer can be taken now".to_owned());
        }
        let mut found = self.open.values().filter(|instruction| !id.is_empty() && instruction.operation.starts_with(id));
        match (found.next(), found.next()) {
            (Some(instruction), None) => Ok(instruction.clone()),
            (Some(_), Some(_)) => Err(format!("several instructions begin with {id}: give more of the id")),
            (None, _) => Err(ended(core, id)),
        }
    }

    /// The id of the newest open instruction.
    pub(crate) fn newest(&self) -> Option<String> {
        self.open.values().max_by_key(|instruction| instruction.received_ns).map(|instruction| instruction.operation.clone())
    }

    /// Accepts; the plant acts.
    pub(crate) fn accept(&mut self, bench: &mut Bench<'_>, mut instruction: Instruction, operator: &str) -> Result<&'static str, String> {
        self.acceptable(&instruction)?;
        self.take_over(bench, &mut instruction, operator);
        note(bench, &instruction, operator, "accepted", None, None);
        bench.tell_issuer(&instruction.operation, Stage::Acceptance, "ACCEPTED", None, None);
        bench.core.tell(format!("{}: accepted by {operator}", instruction.words()));
        if instruction.released {
            self.close(bench.core, &instruction.operation);
            return Ok("ACCEPTED");
        }
        instruction.stand = Stand::Accepted;
        instruction.done_by_ns = limits(bench.core, &instruction).0.map(|within| (bench.now.utc + within).0);
        self.keep(bench, instruction);
        Ok("ACCEPTED")
    }

    /// Whether an acceptance would be taken.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn acceptable(&self, instruction: &Instruction) -> Result<(), String> {
        let by = instruction.operator.as_deref().unwrap_or("another operator");
        match instruction.stand {
            Stand::Presented => Ok(()),
            Stand::Accepted | Stand::Overdue => Err(format!("{} was accepted by {by} before", instruction.words())),
            Stand::Reported => Err(format!("{} was reported done by {by}; its feedback is looked at", instruction.words())),
        }
    }

    /// Rejects with a reason. What was accepted before and cannot be done ends FAILED: whether anything was touched is not known here.
    pub(crate) fn reject(
        &mut self,
        bench: &mut Bench<'_>,
        mut instruction: Instruction,
        operator: &str,
        reason: &str,
        text: Option<&str>,
    ) -> Result<&'static str, String> {
        if !bridge_policy::OPERATOR_REASONS.contains(&reason) {
            return Err(format!("`{reason}` is no reason; use one of {}", bridge_policy::OPERATOR_REASONS.join(", ")));
        }
        if reason == "OTHER" && text.is_none() {
            return Err("the reason OTHER needs a text in the operator's words".to_owned());
        }
        let (stage, status) = match instruction.stand {
            Stand::Presented => (Stage::Acceptance, "REJECTED"),
            Stand::Accepted | Stand::Overdue => (Stage::Execution, "FAILED"),
            Stand::Reported => return Err(format!("{} was reported done; its feedback is looked at", instruction.words())),
        };
        instruction.operator = Some(operator.to_owned());
        operations::answered_by(bench.core, &instruction.operation, operator);
        note(bench, &instruction, operator, "rejected", Some(reason), text);
        let words = format!("rejected by {operator}{}", text.map_or_else(String::new, |text| format!(": {text}")));
        bench.core.tell(format!("{}: {words} ({reason})", instruction.words()));
        bench.tell_issuer(&instruction.operation, stage, status, Some((reason, &words)), None);
        self.close(bench.core, &instruction.operation);
        Ok(status)
    }

    /// Reported done: an acceptance, if there was none; then the feedback decides.
    pub(crate) fn done(
        &mut self,
        bench: &mut Bench<'_>,
        mut instruction: Instruction,
        operator: &str,
        text: Option<&str>,
    ) -> Result<&'static str, String> {
        if instruction.released {
            return Err(format!("{} is carried out by the bridge after its acceptance: accept or reject it", instruction.words()));
        }
        if instruction.stand == Stand::Reported {
            return self.acceptable(&instruction).map(|()| "");
        }
        let first = instruction.stand == Stand::Presented;
        if first {
            self.take_over(bench, &mut instruction, operator);
        }
        instruction.operator = Some(operator.to_owned());
        operations::answered_by(bench.core, &instruction.operation, operator);
        note(bench, &instruction, operator, "done", None, text);
        if first {
            bench.tell_issuer(&instruction.operation, Stage::Acceptance, "ACCEPTED", None, None);
        }
        bench.core.tell(format!("{}: reported done by {operator}", instruction.words()));
        bench.tell_issuer(&instruction.operation, Stage::Execution, "EXECUTING", None, None);
        instruction.stand = Stand::Reported;
        instruction.check_by_ns = Some((bench.now.utc + limits(bench.core, &instruction).1).0);
        let id = instruction.operation.clone();
        self.keep(bench, instruction);
        self.look(bench, &id);
        Ok("EXECUTING")
    }

    /// A point changed: it may be the feedback of what was reported done.
    pub(crate) fn handle_change(&mut self, bench: &mut Bench<'_>, change: &Change) {
        if change.test || change.historic || self.open.is_empty() {
            return;
        }
        let concerned: Vec<String> = self
            .open
            .values()
            .filter(|instruction| instruction.stand == Stand::Reported && feedback(bench.core, instruction) == Some(change.point))
            .map(|instruction| instruction.operation.clone())
            .collect();
        for id in concerned {
            self.look(bench, &id);
        }
    }

    /// The feedback has stood for its dwell, or is looked at again.
    pub(crate) fn look(&mut self, bench: &mut Bench<'_>, id: &str) {
        let Some(instruction) = self.open.get(id).filter(|instruction| instruction.stand == Stand::Reported) else { return };
        let (dwell, shown) = shows(bench.core, bench.image, instruction);
        if !shown {
            self.shown_since.remove(id);
            bench.core.timers.cancel(&Timer::InstructionDwell(id.to_owned()));
            return;
        }
        let since = *self.shown_since.entry(id.to_owned()).or_insert(bench.now.mono);
        if bench.now.mono.since(since) >= dwell {
            self.finish(bench, id, "COMPLETED", None);
        } else {
            bench.core.timers.set(Timer::InstructionDwell(id.to_owned()), since + dwell);
        }
    }

    /// A deadline has come.
    pub(crate) fn handle_due(&mut self, bench: &mut Bench<'_>, id: &str) {
        let Some(instruction) = self.open.get(id).cloned() else { return };
        match instruction.stand {
            Stand::Presented => {
                let text = "no operator of the plant answered in time";
                bench.core.tell(format!("{}: EXPIRED, {text}", instruction.words()));
                bench.core.note(bench.now, "expired", text, &[("operation", id.to_owned()), ("control", instruction.control)]);
                bench.tell_issuer(id, Stage::Acceptance, "EXPIRED", Some((NOT_ANSWERED, text)), None);
                self.close(bench.core, id);
            }
            Stand::Accepted => {
                let mut instruction = instruction;
                instruction.stand = Stand::Overdue;
                let text = "accepted, and not reported done in time";
                bench.core.tell(format!("{}: OVERDUE, {text}; {} is asked", instruction.words(), named(&instruction)));
                bench.core.note(bench.now, "overdue", text, &[("operation", id.to_owned()), ("control", instruction.control.clone())]);
                bench.tell_issuer(id, Stage::Execution, "OVERDUE", Some((NOT_REPORTED, text)), None);
                self.keep(bench, instruction);
            }
            Stand::Reported => {
                let text = "reported done, and the declared feedback does not show it";
                self.finish(bench, id, "FAILED", Some(("NOT_FOLLOWED", text)));
            }
            Stand::Overdue => {}
        }
    }

    /// All open instructions, oldest first, for people and programs.
    pub(crate) fn list(&self, core: &Core, now: Now) -> Vec<Value> {
        let mut all: Vec<&Instruction> = self.open.values().collect();
        all.sort_by_key(|instruction| (instruction.received_ns, instruction.operation.clone()));
        all.into_iter()
            .map(|instruction| {
                let control = core.plan.control(&instruction.control).and_then(|control| core.plan.controls.get(control.index()));
                let resource = control.and_then(|control| core.plan.resources.get(usize::from(control.resource)));
                let due = match instruction.stand {
                    Stand::Presented => Some(instruction.accept_by_ns),
                    Stand::Accepted => instruction.done_by_ns,
                    Stand::Reported => instruction.check_by_ns,
                    Stand::Overdue => None,
                };
                #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
                let left = due.map(|due| (due - now.utc.0) as f64 / 1e9);
                json!({
                    "id": instruction.operation,
                    "verb": instruction.verb,
                    "control": instruction.control,
                    "resource": resource.map(|resource| resource.name.clone().unwrap_or_else(|| resource.key.clone())),
                    "era": resource.map(|resource| resource.era.clone()),
                    "value": instruction.setpoint.as_ref().map(|setpoint| setpoint.value),
                    "unit": instruction.setpoint.as_ref().map(|setpoint| setpoint.unit),
                    "payload": instruction.payload,
                    "issuer": core.settings.peers.iter().find(|peer| peer.did == instruction.issuer.party_id).map(|peer| peer.name.clone()),
                    "issuedBy": instruction.issuer.operator_ref,
                    "instructionCode": instruction.code,
                    "execution": if instruction.released { "released" } else { "operator" },
                    "state": instruction.stand,
                    "operator": instruction.operator,
                    "receivedAt": format_time(instruction.received_ns),
                    "dueAt": due.map(format_time),
                    "timeLeftSeconds": left.map(|left| (left * 10.0).floor() / 10.0),
                })
            })
            .collect()
    }

    /// An operator takes an instruction over: whatever else was under way about the same is superseded.
    fn take_over(&mut self, bench: &mut Bench<'_>, instruction: &mut Instruction, operator: &str) {
        self.displace(bench, instruction, |_| true);
        instruction.operator = Some(operator.to_owned());
        operations::answered_by(bench.core, &instruction.operation, operator);
    }

    fn displace(&mut self, bench: &mut Bench<'_>, by: &Instruction, concerns: impl Fn(Stand) -> bool) {
        let place = by.bench(bench.core);
        let displaced: Vec<String> = self
            .open
            .values()
            .filter(|other| other.operation != by.operation && concerns(other.stand) && other.bench(bench.core) == place)
            .filter(|other| other.received_ns <= by.received_ns)
            .map(|other| other.operation.clone())
            .collect();
        self.supersede(bench, &displaced, (&by.operation, &by.words()));
    }

    /// A cap is in force: set-points above it that people were told, wherever they have come to, make way (R6).
    pub(crate) fn handle_cap(&mut self, bench: &mut Bench<'_>, cap: &Cap) {
        let above = |instruction: &&Instruction| {
            let bounded = match kind(bench.core, instruction) {
                Some(ControlKind::Drive(drive)) => drive.cap.is_none() && drive.exclusive == cap.word,
                Some(ControlKind::Relay(_) | ControlKind::Instruct(_) | ControlKind::Ask(_) | ControlKind::Companion(_)) | None => false,
            };
            bounded && instruction.setpoint.as_ref().is_some_and(|setpoint| setpoint.value > cap.limit)
        };
        let displaced: Vec<String> = self.open.values().filter(above).map(|instruction| instruction.operation.clone()).collect();
        self.supersede(bench, &displaced, (&cap.operation, &format!("the cap of {} by {}", cap.limit, cap.peer)));
    }

    /// Ends instructions for another operation, which is given with its words.
    fn supersede(&mut self, bench: &mut Bench<'_>, displaced: &[String], (by, words): (&str, &str)) {
        for id in displaced {
            if let Some(other) = self.open.get(id) {
                bench.core.tell(format!("{}: superseded by {words}", other.words()));
            }
            // The text is the superseding operation; `acknowledge` names its issuer (R6).
            bench.tell_issuer(id, Stage::Execution, "SUPERSEDED", Some(("SUPERSEDED", by)), None);
            self.close(bench.core, id);
        }
    }

    fn finish(&mut self, bench: &mut Bench<'_>, id: &str, status: &'static str, reason: Option<(&str, &str)>) {
        let Some(instruction) = self.open.get(id).cloned() else { return };
        let measured = feedback(bench.core, &instruction)
            .filter(|_| instruction.setpoint.is_some())
            .and_then(|point| bench.image.good(point))
            .map(bridge_model::Value::as_f64);
        let readback = Readback { setpoint: None, measured, time_left_s: Some(0.0) };
        bench.core.tell(format!("{}: {status}{}", instruction.words(), reason.map_or_else(String::new, |(_, text)| format!(", {text}"))));
        bench.tell_issuer(id, Stage::Execution, status, reason, instruction.setpoint.is_some().then_some(readback));
        self.close(bench.core, id);
    }

    fn keep(&mut self, bench: &mut Bench<'_>, instruction: Instruction) {
        persist(bench.core, &instruction);
        arm(bench, &instruction);
        self.open.insert(instruction.operation.clone(), instruction);
    }

    fn close(&mut self, core: &mut Core, id: &str) {
        self.open.remove(id);
        self.shown_since.remove(id);
        core.delete(Table::Instructions, id.as_bytes());
        core.timers.cancel(&Timer::Instruction(id.to_owned()));
        core.timers.cancel(&Timer::InstructionDwell(id.to_owned()));
    }
}

fn named(instruction: &Instruction) -> &str {
    instruction.operator.as_deref().unwrap_or("the operator")
}

fn persist(core: &mut Core, instruction: &Instruction) {
    core.put(Table::Instructions, instruction.operation.as_bytes(), instruction);
}

/// Stored in UTC, run in monotonic time; what has passed is due now.
fn arm(bench: &mut Bench<'_>, instruction: &Instruction) {
    let timer = Timer::Instruction(instruction.operation.clone());
    let due = match instruction.stand {
        Stand::Presented => Some(instruction.accept_by_ns),
        Stand::Accepted => instruction.done_by_ns,
        Stand::Reported => instruction.check_by_ns,
        Stand::Overdue => None,
    };
    match due {
        Some(due) => {
            let at = bench.core.mono(Utc(due), bench.now);
            bench.core.timers.set(timer, at);
        }
        None => bench.core.timers.cancel(&timer),
    }
}

/// The answer of a person, journaled.
fn note(bench: &mut Bench<'_>, instruction: &Instruction, operator: &str, answer: &str, reason: Option<&str>, text: Option<&str>) {
    let mut fields = vec![
        ("operation", instruction.operation.clone()),
        ("control", instruction.control.clone()),
        ("operator", operator.to_owned()),
        ("answer", answer.to_owned()),
    ];
    fields.extend(reason.map(|reason| ("reason", reason.to_owned())));
    bench.core.note(bench.now, "answer", text.unwrap_or(answer), &fields);
}

/// Whether this operator is configured and may answer.
fn authorised(core: &Core, operator: &str) -> Result<(), String> {
    let operators = &core.settings.operators;
    let Some(known) = operators.iter().find(|known| known.name == operator) else {
        let names: Vec<&str> = operators.iter().map(|known| known.name.as_str()).collect();
        let known = if names.is_empty() { "nobody is configured".to_owned() } else { format!("known: {}", names.join(", ")) };
        return Err(format!("`{operator}` is no operator of this bridge ({known})"));
    };
    if known.roles.contains(&bridge_ies::Role::Operator) {
        return Ok(());
    }
    Err(format!("`{operator}` may not answer instructions: the role OPERATOR is not among theirs"))
}

/// Why no open instruction has this id.
fn ended(core: &Core, id: &str) -> String {
    let known = operations::all(core).into_values().rfind(|operation| !operation.ours && !id.is_empty() && operation.id.starts_with(id));
    let Some(operation) = known else { return format!("no instruction begins with {id}; `inbox list` shows those that wait") };
    let by = operation.operator.as_ref().map_or_else(String::new, |by| format!(", answered by {by}"));
    let at = operation.history.last().map_or_else(String::new, |(at, ..)| format!(" at {}", format_time(*at)));
    format!("the instruction {} waits for no answer any more: it is {}{at}{by}", operation.id, operation.status)
}

/// (how long it may take to be reported done, how soon the feedback must show it then).
fn limits(core: &Core, instruction: &Instruction) -> (Option<Duration>, Duration) {
    match kind(core, instruction) {
        Some(ControlKind::Instruct(instruct)) => (instruct.done_within, instruct.reached.within),
        Some(ControlKind::Drive(drive)) => (drive.done_within, drive.followed.within),
        Some(ControlKind::Relay(_) | ControlKind::Ask(_) | ControlKind::Companion(_)) | None => (None, Duration::ZERO),
    }
}

fn kind<'a>(core: &'a Core, instruction: &Instruction) -> Option<&'a ControlKind> {
    let control = core.plan.control(&instruction.control)?;
    core.plan.controls.get(control.index()).map(|control| &control.kind)
}

/// The point that shows whether it was done.
fn feedback(core: &Core, instruction: &Instruction) -> Option<usize> {
    match kind(core, instruction)? {
        ControlKind::Instruct(instruct) => Some(instruct.reached.state.point.index()),
        ControlKind::Drive(drive) => Some(drive.followed.point.index()),
        ControlKind::Relay(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => None,
    }
}

/// For how long the feedback must show it, and whether it does now.
fn shows(core: &Core, image: &Image, instruction: &Instruction) -> (Duration, bool) {
    match kind(core, instruction) {
        Some(ControlKind::Instruct(instruct)) => {
            let reached = &instruct.reached;
            (reached.dwell, good(image, reached.state.point) == Some(reached.state.equals))
        }
        Some(ControlKind::Drive(drive)) => {
            let target = instruction.setpoint.as_ref().map_or(f64::NAN, |setpoint| setpoint.value);
            (drive.followed.dwell, good(image, drive.followed.point).is_some_and(|measured| drive.followed.is_met(measured, target)))
        }
        Some(ControlKind::Relay(_) | ControlKind::Ask(_) | ControlKind::Companion(_)) | None => (Duration::ZERO, false),
    }
}

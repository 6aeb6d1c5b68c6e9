//! Operations that passed the door: what is decided on them, and what they start.

use bridge_ies::{GridOperation, Mode, Party, Payload, PowerBasis, Quantity, Unit, Verb};
use bridge_model::{Now, Utc};
use bridge_policy::{
    ClockFacts, Condition, ControlFacts, Decision, Facts, InstructionFacts, InstructionRequest, decide, decide_instruction,
};
use bridge_profile::{ControlKind, Execution, SelectMode};
use bridge_trust::BundleAge;

use super::{Bridge, desk};
use crate::broker;
use crate::caps;
use crate::door::Admitted;
use crate::instructions::{Instruction, Stand};
use crate::operations::{self, Operation, Stage, acknowledge};
use crate::programme::{Programme, driven, good};
use crate::selections::{Claim, Selection};

impl Bridge {
    /// An operation passed the door.
    pub(super) fn admitted(&mut self, admitted: &Admitted, now: Now) {
        let operation = &admitted.operation;
        match operation["verb"].as_str().unwrap_or_default() {
            "dispatch" => self.dispatched(admitted, now),
            "curtail" => self.curtailed(admitted, now),
            "start" | "stop" => self.instructed(admitted, now),
            "reconfigure" => self.switched(admitted, now),
            "acknowledge" => {
                let of = operation["payload"]["ackOf"].as_str().unwrap_or_default().to_owned();
                let peer = self.core.settings.peers[admitted.peer].name.clone();
                self.relays.handle_foreign_acknowledge(&mut self.core, &mut self.served, &peer, &of, &operation["payload"], now);
                self.relays.withdraw_late(&mut self.core, &mut self.exchange, &mut self.served, now);
            }
            verb => {
                let era = operation["resources"][0]["era"].as_str().unwrap_or_default();
                self.core.tell(format!("{verb} from {}: {era}", self.core.settings.peers[admitted.peer].name));
            }
        }
    }

    fn dispatched(&mut self, admitted: &Admitted, now: Now) {
        let plan = self.core.plan.clone();
        let setpoint = &admitted.operation["payload"]["setpoints"][0];
        let target = setpoint["value"].as_f64().unwrap_or(f64::NAN);
        let unit = setpoint["unit"].as_str().unwrap_or_default();
        let control = self
            .control_of(&admitted.operation, |kind| matches!(kind, ControlKind::Drive(drive) if drive.cap.is_none() && !drive.switches));
        let id = self.receipt(admitted, control, target, unit, now);
        let mode = admitted.operation["mode"].as_str().unwrap_or_default();
        if let (Some(control), "CANCEL") = (control, mode) {
            return self.cancelled(admitted, control, Verb::Dispatch, &id, now);
        }
        let driven = control.and_then(|control| driven(&plan.controls, control));
        // Where a person executes nothing is written, and where a person releases the plant's state counts at the release.
        let plant = driven.is_none_or(|(_, drive)| drive.execution == Execution::Automatic);
        let what = format!("to {target} {unit}");
        if !self.judged(admitted, &id, &what, self.decide(admitted, control, plant, now), now) {
            return;
        }
        let (Some(control), Some((spec, drive))) = (control, driven) else { return };
        match (drive.execution, drive.accept_within) {
            (Execution::Automatic, _) | (_, None) => {
                let mut selected = None;
                if spec.select == SelectMode::Relay {
                    match self.selects(admitted, control, &id, mode, now) {
                        Ok(Some(selection)) => selected = Some(selection.first),
                        Ok(None) => return,
                        Err((code, text)) => {
                            self.judged(admitted, &id, &what, Decision::Reject { code, text }, now);
                            return;
                        }
                    }
                }
                self.core.tell(format!("dispatch of {} to {target} {} accepted", era_of(&admitted.operation), spec.unit));
                acknowledge(&mut self.core, &mut self.exchange, &id, Stage::Acceptance, "ACCEPTED", None, None, now);
                let valid_until = valid_until(&admitted.operation);
                let start_by = valid_until.min((now.utc + drive.max_age).0).min(admitted.expires_ns);
                let rate = setpoint["ramp"]["value"].as_f64();
                self.begin(control, id, (target, rate, selected), start_by, now);
            }
            (Execution::Operator | Execution::Released, Some(within)) => {
                let setpoint = serde_json::from_value(setpoint.clone()).ok();
                self.present(admitted, control, setpoint, drive.execution == Execution::Released, within, now);
            }
        }
    }

    /// SELECT and OPERATE of a control that its issuer selects (R4): the selection that an OPERATE uses; `None` after a SELECT.
    pub(super) fn selects(
        &mut self,
        admitted: &Admitted,
        control: usize,
        id: &str,
        mode: &str,
        now: Now,
    ) -> Result<Option<Selection>, (&'static str, String)> {
        let claim = claim(&admitted.operation);
        let (selections, mut desk) = self.selecting(now);
        if mode == "OPERATE" {
            return selections.operate(&mut desk, control, &claim).map(Some);
        }
        let valid_until = valid_until(&admitted.operation).min(admitted.expires_ns);
        selections.select(&mut desk, control, id, &claim, valid_until)?;
        let line = format!("select of {} to {} accepted", era_of(&admitted.operation), claim.target);
        self.core.tell(line);
        acknowledge(&mut self.core, &mut self.exchange, id, Stage::Acceptance, "ACCEPTED", None, None, now);
        Ok(None)
    }

    /// A CANCEL takes a selection back; it needs no plant that is ready, only its own issuer.
    pub(super) fn cancelled(&mut self, admitted: &Admitted, control: usize, verb: Verb, id: &str, now: Now) {
        let issuer = serde_json::from_value::<Party>(admitted.operation["issuer"].clone()).ok();
        let era = era_of(&admitted.operation).to_owned();
        let decision = if !issuer.is_some_and(|issuer| self.may(&issuer, verb, &era, now)) {
            Err(("NOT_AUTHORISED", "the trust bundle does not allow it".to_owned()))
        } else if valid_until(&admitted.operation).min(admitted.expires_ns) <= now.utc.0 {
            Err(("EXPIRED", "too old to start".to_owned()))
        } else {
            let claim = claim(&admitted.operation);
            let (selections, mut desk) = self.selecting(now);
            selections.cancel(&mut desk, control, id, &claim)
        };
        match decision {
            Ok(()) => {
                self.judged(admitted, id, "", Decision::Accept, now);
                acknowledge(&mut self.core, &mut self.exchange, id, Stage::Acceptance, "ACCEPTED", None, None, now);
            }
            Err((code, text)) => {
                self.judged(admitted, id, "", Decision::Reject { code, text }, now);
            }
        }
    }

    /// Starts the programme of an accepted dispatch, when its acceptance is durable.
    pub(super) fn begin(
        &mut self,
        control: usize,
        operation: String,
        (target, rate, selected): (f64, Option<f64>, Option<f64>),
        start_by_ns: i64,
        now: Now,
    ) {
        let plan = self.core.plan.clone();
        let Some((_, drive)) = driven(&plan.controls, control) else { return };
        let upward = good(&self.router.image, drive.taken.point).is_none_or(|from| target >= from);
        let declared = drive.ramp.map(|ramp| if upward { ramp.up } else { ramp.down });
        let mut programme = Programme::new(operation, (target, rate.or(declared)), start_by_ns, now);
        programme.selected = selected;
        self.programmes.accept(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), control, programme);
    }

    /// A start or a stop: an instruction to people, or nothing (R8).
    fn instructed(&mut self, admitted: &Admitted, now: Now) {
        let plan = self.core.plan.clone();
        let control = self.control_of(&admitted.operation, |kind| matches!(kind, ControlKind::Instruct(_)));
        let on = admitted.operation["payload"]["state"] == "ON";
        let id = self.receipt(admitted, control, f64::from(u8::from(on)), "", now);
        let decision = self.decide_instruction(admitted, control, now);
        if !self.judged(admitted, &id, "", decision, now) {
            return;
        }
        let Some(control) = control else { return };
        if let ControlKind::Instruct(instruct) = &plan.controls[control].kind {
            self.present(admitted, control, None, false, instruct.accept_within, now);
        }
    }

    pub(super) fn present(
        &mut self,
        admitted: &Admitted,
        control: usize,
        setpoint: Option<bridge_ies::Setpoint>,
        released: bool,
        within: std::time::Duration,
        now: Now,
    ) {
        let signed = &admitted.operation;
        let Ok(issuer) = serde_json::from_value::<Party>(signed["issuer"].clone()) else { return };
        let text = |key: &str| signed[key].as_str().unwrap_or_default().to_owned();
        let valid_until_ns = valid_until(signed);
        let instruction = Instruction {
            operation: text("operationId"),
            verb: text("verb"),
            control: self.core.plan.controls[control].id.clone(),
            issuer,
            code: signed["instructionCode"].as_str().map(str::to_owned),
            released,
            stand: Stand::Presented,
            received_ns: now.utc.0,
            valid_until_ns,
            accept_by_ns: valid_until_ns.min((now.utc + within).0),
            done_by_ns: None,
            check_by_ns: None,
            operator: None,
            setpoint,
            payload: signed["payload"].clone(),
            supersedes: signed["supersedes"].as_str().map(str::to_owned),
        };
        let (instructions, mut bench) = self.bench(now);
        instructions.present(&mut bench, instruction);
    }

    /// The control that verb and resource of an operation lead to.
    pub(super) fn control_of(&self, signed: &serde_json::Value, fits: impl Fn(&ControlKind) -> bool) -> Option<usize> {
        let plan = &self.core.plan;
        let (verb, era) = (signed["verb"].as_str()?, era_of(signed));
        plan.controls
            .iter()
            .position(|control| control.verb == verb && fits(&control.kind) && plan.resources[usize::from(control.resource)].era == era)
    }

    /// Notes what was asked, and says that it was received; gives its id.
    pub(super) fn receipt(&mut self, admitted: &Admitted, control: Option<usize>, target: f64, unit: &str, now: Now) -> String {
        let signed = &admitted.operation;
        let id = signed["operationId"].as_str().unwrap_or_default().to_owned();
        let received = Operation {
            id: id.clone(),
            verb: signed["verb"].as_str().unwrap_or_default().to_owned(),
            peer: self.core.settings.peers[admitted.peer].name.clone(),
            ours: false,
            era: era_of(signed).to_owned(),
            control: control.map(|control| self.core.plan.controls[control].id.clone()).unwrap_or_default(),
            target,
            unit: unit.to_owned(),
            transaction: admitted.transaction.clone(),
            message: admitted.message.clone(),
            at_ns: now.utc.0,
            not_after_ns: valid_until(signed),
            digest: admitted.digest.clone(),
            status: "RECEIVED".into(),
            reason: None,
            operator: None,
            history: Vec::new(),
        };
        operations::save(&mut self.core, &received);
        acknowledge(&mut self.core, &mut self.exchange, &id, Stage::Receipt, "RECEIVED", None, None, now);
        id
    }

    /// Journals a decision; a refusal is told to the issuer.
    pub(super) fn judged(&mut self, admitted: &Admitted, id: &str, what: &str, decision: Decision, now: Now) -> bool {
        let signed = &admitted.operation;
        match decision {
            Decision::Accept => {
                self.core.note(now, "decision", "accepted", &[("operation", id.to_owned()), ("verdict", "accept".into())]);
                true
            }
            Decision::Reject { code, text } => {
                let verb = signed["verb"].as_str().unwrap_or_default();
                self.core.tell(format!("{verb} of {} {what} refused: {text}", era_of(signed)).replace("  ", " "));
                let fields = [("operation", id.to_owned()), ("verdict", "reject".into()), ("code", code.to_owned())];
                self.core.note(now, "decision", &text, &fields);
                let status = if code == "EXPIRED" || code == "TOO_OLD" { "EXPIRED" } else { "REJECTED" };
                acknowledge(&mut self.core, &mut self.exchange, id, Stage::Acceptance, status, Some((code, &text)), None, now);
                false
            }
        }
    }

    /// Policy and envelope (R5, R6, R11, R17): facts from what we know, never from the request.
    fn decide(&self, admitted: &Admitted, control: Option<usize>, plant: bool, now: Now) -> Decision {
        let reject = |code, text: String| Decision::Reject { code, text };
        let Ok(operation) = GridOperation::from_value(&admitted.operation) else {
            return reject("BAD_QUANTITY", "the operation cannot be read".to_owned());
        };
        let Payload::Dispatch(payload) = &operation.payload else {
            return reject("BAD_QUANTITY", "not a dispatch".to_owned());
        };
        let [setpoint] = payload.setpoints.as_slice() else {
            return reject("BAD_QUANTITY", "exactly one set-point is expected".to_owned());
        };
        let Some(era) = operation.resources.first().map(|resource| resource.era.as_str()) else {
            return reject("UNKNOWN_RESOURCE", "no resource".to_owned());
        };
        let request = bridge_policy::Request {
            mode: operation.mode,
            setpoint,
            issued_at: Utc(operation.issued_at.0),
            valid_from: operation.valid_from.map(|time| Utc(time.0)),
            valid_until: operation.valid_until.map(|time| Utc(time.0)),
            message_expires: Some(Utc(admitted.expires_ns)),
        };
        decide(&request, &self.facts(&operation.issuer, Verb::Dispatch, era, control, plant, now))
    }

    /// `plant`: the plant's state counts, because something would be written.
    pub(super) fn facts(&self, issuer: &Party, verb: Verb, era: &str, control: Option<usize>, plant: bool, now: Now) -> Facts {
        let plan = &self.core.plan;
        let settings = &self.core.settings;
        let image = &self.router.image;
        let mut facts = Facts {
            now: now.utc,
            authorised: self.may(issuer, verb, era, now),
            issuer_selects: control.is_some_and(|control| plan.controls[control].select == SelectMode::Relay),
            journal_ok: self.core.recorder.unwritable().is_none(),
            clock: self.clock_facts(),
            ..Facts::default()
        };
        let Some((spec, drive)) = control.and_then(|control| driven(&plan.controls, control)) else { return facts };
        let link = &plan.links[spec.link.index()].spec.name;
        facts.control = Some(ControlFacts {
            quantity: Quantity::ActivePower,
            unit: Unit::parse(&spec.unit).unwrap_or(Unit::Mw),
            basis: spec.basis.and_then(|basis| PowerBasis::parse(basis.as_str())),
            min: drive.min,
            max: drive.max,
            cap: control.and_then(|control| caps::bound(&self.core, control)),
            ramp_up: drive.ramp.map(|ramp| ramp.up),
            ramp_down: drive.ramp.map(|ramp| ramp.down),
            present: good(image, drive.taken.point).or_else(|| good(image, drive.followed.point)),
            max_age: drive.max_age,
            max_ahead: settings.skew,
        });
        facts.authorised &= drive.authority.is_empty() || has_role(&drive.authority, issuer);
        if drive.execution == Execution::Operator || !plant {
            facts.link_up = true;
            return facts;
        }
        facts.authorised &= settings.control_links.contains(link);
        facts.link_up = self.link_started[spec.link.index()] && image.source(spec.link.index()).live;
        facts.locked = control.and_then(|control| broker::locked(&self.core, control));
        facts.remote_enable = drive.remote_enable.map(|point| self.condition(point, 1.0, "remote enable"));
        facts.requires = drive.requires.iter().map(|require| self.condition(require.point, require.equals, &require.text)).collect();
        facts
    }

    pub(super) fn may(&self, issuer: &Party, verb: Verb, era: &str, now: Now) -> bool {
        self.core.trust.age(now.utc.0) != BundleAge::Dead && self.core.trust.authorised(&issuer.party_id, issuer.role, verb, era)
    }

    fn clock_facts(&self) -> ClockFacts {
        ClockFacts {
            synchronised: self.core.clock.synchronised,
            uncertainty: std::time::Duration::from_micros(u64::from(self.core.clock.uncertainty_us)),
            limit: self.core.settings.clock_limit,
        }
    }

    pub(super) fn condition(&self, point: bridge_model::PointId, equals: f64, text: &str) -> Condition {
        let image = &self.router.image;
        let current = image.current(point.index());
        Condition {
            text: text.to_owned(),
            equals,
            value: current.map(|(value, ..)| value.as_f64()),
            quality: current.map_or(bridge_model::Quality::NEVER_READ, |(_, quality, _)| quality),
            fresh: image.good(point.index()).is_some(),
        }
    }

    fn decide_instruction(&self, admitted: &Admitted, control: Option<usize>, now: Now) -> Decision {
        let Ok(operation) = GridOperation::from_value(&admitted.operation) else {
            return Decision::Reject { code: "BAD_QUANTITY", text: "the operation cannot be read".to_owned() };
        };
        let request = InstructionRequest {
            mode: operation.mode,
            issued_at: Utc(operation.issued_at.0),
            valid_from: operation.valid_from.map(|time| Utc(time.0)),
            valid_until: operation.valid_until.map(|time| Utc(time.0)),
            message_expires: Some(Utc(admitted.expires_ns)),
            named: operation.issuer.operator_ref.is_some() && operation.instruction_code.is_some(),
        };
        let era = operation.resources.first().map(|resource| resource.era.as_str()).unwrap_or_default();
        let mut facts = InstructionFacts {
            now: now.utc,
            authorised: self.may(&operation.issuer, operation.verb, era, now),
            journal_ok: self.core.recorder.unwritable().is_none(),
            clock: self.clock_facts(),
            max_ahead: self.core.settings.skew,
            ..InstructionFacts::default()
        };
        if let Some(ControlKind::Instruct(instruct)) = control.map(|control| &self.core.plan.controls[control].kind) {
            facts.known = true;
            facts.authorised &= instruct.authority.is_empty() || has_role(&instruct.authority, &operation.issuer);
            facts.max_age = instruct.max_age;
            facts.requires = instruct.requires.iter().map(|require| self.condition(require.point, require.equals, &require.text)).collect();
        }
        decide_instruction(&request, &facts)
    }

    /// Whether a `released` dispatch may start now: as at its receipt, and the plant's state counts (R8).
    pub(super) fn decide_release(&self, instruction: &Instruction, now: Now) -> Decision {
        let control = self.core.plan.control(&instruction.control).map(bridge_model::PointId::index);
        let (Some(control), Some(setpoint)) = (control, &instruction.setpoint) else {
            return Decision::Reject { code: "UNKNOWN_RESOURCE", text: "the profile has no such control any more".to_owned() };
        };
        let era = &self.core.plan.resources[usize::from(self.core.plan.controls[control].resource)].era;
        let request = bridge_policy::Request {
            mode: Some(Mode::Direct),
            setpoint,
            // Its age was judged when it came; since then `accept_within` bounds it.
            issued_at: now.utc,
            valid_from: None,
            valid_until: Some(Utc(instruction.valid_until_ns)),
            message_expires: None,
        };
        decide(&request, &self.facts(&instruction.issuer, Verb::Dispatch, era, Some(control), true, now))
    }
}

/// What binds an OPERATE or CANCEL to its SELECT.
fn claim(signed: &serde_json::Value) -> Claim<'_> {
    let setpoint = &signed["payload"]["setpoints"][0];
    let switched = super::switch::target(signed);
    Claim {
        select_of: signed["selectOf"].as_str(),
        issuer: signed["issuer"]["partyId"].as_str().unwrap_or_default(),
        operator: signed["issuer"]["operatorRef"].as_str(),
        target: switched.or_else(|| setpoint["value"].as_f64()).unwrap_or(f64::NAN),
        rate: setpoint["ramp"]["value"].as_f64(),
    }
}

fn has_role(roles: &[String], party: &Party) -> bool {
    roles.iter().any(|role| role.eq_ignore_ascii_case(party.role.as_str()))
}

pub(super) fn era_of(signed: &serde_json::Value) -> &str {
    signed["resources"][0]["era"].as_str().unwrap_or_default()
}

pub(super) fn valid_until(signed: &serde_json::Value) -> i64 {
    signed["validUntil"].as_str().and_then(|text| bridge_ies::parse_time(text).ok()).unwrap_or(i64::MIN)
}

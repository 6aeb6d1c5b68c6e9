//! `reconfigure`: a switch is opened or closed (R9). One step at a time, from the position that the issuer saw, each with one ticket.

use bridge_ies::{GridOperation, Payload, SwitchState, Verb};
use bridge_model::{Now, Utc};
use bridge_policy::{Condition, Decision, SwitchRequest, decide_switch};
use bridge_profile::{ControlKind, SelectMode, switch_position};
use serde_json::Value;

use super::Bridge;
use super::orders::{era_of, valid_until};
use crate::door::Admitted;
use crate::operations::{Stage, acknowledge};
use crate::programme::driven;

impl Bridge {
    pub(super) fn switched(&mut self, admitted: &Admitted, now: Now) {
        let plan = self.core.plan.clone();
        let control = self.control_of(&admitted.operation, |kind| matches!(kind, ControlKind::Drive(drive) if drive.switches));
        let target = target(&admitted.operation).unwrap_or(f64::NAN);
        let word = admitted.operation["payload"]["steps"][0]["action"].as_str().unwrap_or_default();
        let id = self.receipt(admitted, control, target, "", now);
        let mode = admitted.operation["mode"].as_str().unwrap_or_default();
        if let (Some(control), "CANCEL") = (control, mode) {
            return self.cancelled(admitted, control, Verb::Reconfigure, &id, now);
        }
        if !self.judged(admitted, &id, word, self.decide_switch(admitted, control, now), now) {
            return;
        }
        let Some((control, (spec, drive))) = control.and_then(|control| Some((control, driven(&plan.controls, control)?))) else { return };
        let mut selected = None;
        if spec.select == SelectMode::Relay {
            match self.selects(admitted, control, &id, mode, now) {
                Ok(Some(selection)) => selected = Some(selection.first),
                Ok(None) => return,
                Err((code, text)) => {
                    self.judged(admitted, &id, word, Decision::Reject { code, text }, now);
                    return;
                }
            }
        }
        self.core.tell(format!("{word} of {} accepted", era_of(&admitted.operation)));
        acknowledge(&mut self.core, &mut self.exchange, &id, Stage::Acceptance, "ACCEPTED", None, None, now);
        let start_by = valid_until(&admitted.operation).min((now.utc + drive.max_age).0).min(admitted.expires_ns);
        self.begin(control, id, (target, None, selected), start_by, now);
    }

    fn decide_switch(&self, admitted: &Admitted, control: Option<usize>, now: Now) -> Decision {
        let unread = || Decision::Reject { code: "BAD_QUANTITY", text: "the operation cannot be read".to_owned() };
        let Ok(operation) = GridOperation::from_value(&admitted.operation) else { return unread() };
        let Payload::Reconfigure(payload) = &operation.payload else { return unread() };
        let era = operation.resources.first().map(|resource| resource.era.as_str()).unwrap_or_default();
        let request = SwitchRequest {
            mode: operation.mode,
            steps: &payload.steps,
            era,
            issued_at: Utc(operation.issued_at.0),
            valid_from: operation.valid_from.map(|time| Utc(time.0)),
            valid_until: operation.valid_until.map(|time| Utc(time.0)),
            message_expires: Some(Utc(admitted.expires_ns)),
            named: operation.issuer.operator_ref.is_some() && operation.instruction_code.is_some(),
        };
        let facts = self.facts(&operation.issuer, Verb::Reconfigure, era, control, true, now);
        let expected = payload.steps.first().map(|step| step.expect_before);
        decide_switch(&request, &facts, &self.position_before(control, expected))
    }

    /// How the switch stands, beside how its issuer expects it to stand.
    fn position_before(&self, control: Option<usize>, expected: Option<SwitchState>) -> Condition {
        let equals = if expected == Some(SwitchState::Closed) { 1.0 } else { 0.0 };
        let text = format!("expected {}", expected.map_or("nothing", SwitchState::as_str));
        let point = control.and_then(|control| driven(&self.core.plan.controls, control)).map(|(_, drive)| drive.taken.point);
        let Some(point) = point else {
            return Condition { text, equals, value: None, quality: bridge_model::Quality::NEVER_READ, fresh: false };
        };
        let value = self.router.image.current(point.index()).and_then(|(value, ..)| switch_position(value));
        Condition { value, ..self.condition(point, equals, &text) }
    }
}

/// 1 to close, 0 to open; `None` for an operation that switches nothing.
pub(super) fn target(signed: &Value) -> Option<f64> {
    match signed["payload"]["steps"][0]["action"].as_str()? {
        "CLOSE" => Some(1.0),
        "OPEN" => Some(0.0),
        _ => None,
    }
}

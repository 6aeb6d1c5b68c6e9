//! Operations that passed the door: what is decided on them, and what they start.

use bridge_ies::{GridOperation, Party, Payload, PowerBasis, Quantity, Unit, Verb};
use bridge_model::{Now, Utc};
use bridge_policy::{ClockFacts, Condition, ControlFacts, Decision, Facts, decide};
use bridge_profile::{ControlKind, Execution};
use bridge_trust::BundleAge;

use super::{Bridge, desk};
use crate::broker;
use crate::door::Admitted;
use crate::operations::{self, Operation, Stage, acknowledge};
use crate::programme::{Place, Programme, driven, good};

impl Bridge {
    /// An operation passed the door.
    pub(super) fn admitted(&mut self, admitted: &Admitted, now: Now) {
        let operation = &admitted.operation;
        match operation["verb"].as_str().unwrap_or_default() {
            "dispatch" => self.dispatched(admitted, now),
            "acknowledge" => {
                let of = operation["payload"]["ackOf"].as_str().unwrap_or_default().to_owned();
                let peer = self.core.settings.peers[admitted.peer].name.clone();
                self.relays.handle_foreign_acknowledge(&mut self.core, &mut self.served, &peer, &of, &operation["payload"], now);
            }
            verb => {
                let era = operation["resources"][0]["era"].as_str().unwrap_or_default();
                self.core.tell(format!("{verb} from {}: {era}", self.core.settings.peers[admitted.peer].name));
            }
        }
    }

    pub(super) fn dispatched(&mut self, admitted: &Admitted, now: Now) {
        let signed = &admitted.operation;
        let plan = self.core.plan.clone();
        let id = signed["operationId"].as_str().unwrap_or_default().to_owned();
        let era = signed["resources"][0]["era"].as_str().unwrap_or_default().to_owned();
        let setpoint = &signed["payload"]["setpoints"][0];
        let control = plan.controls.iter().position(|control| {
            control.verb == "dispatch"
                && matches!(control.kind, ControlKind::Drive(_))
                && plan.resources[usize::from(control.resource)].era == era
        });
        let valid_until = signed["validUntil"].as_str().and_then(|text| bridge_ies::parse_time(text).ok()).unwrap_or(i64::MIN);
        let target = setpoint["value"].as_f64().unwrap_or(f64::NAN);
        let received = Operation {
            id: id.clone(),
            verb: "dispatch".into(),
            peer: self.core.settings.peers[admitted.peer].name.clone(),
            ours: false,
            era: era.clone(),
            control: control.map(|control| plan.controls[control].id.clone()).unwrap_or_default(),
            target,
            unit: setpoint["unit"].as_str().unwrap_or_default().to_owned(),
            transaction: admitted.transaction.clone(),
            message: admitted.message.clone(),
            at_ns: now.utc.0,
            not_after_ns: valid_until,
            digest: admitted.digest.clone(),
            status: "RECEIVED".into(),
            reason: None,
            history: Vec::new(),
        };
        operations::save(&mut self.core, &received);
        acknowledge(&mut self.core, &mut self.exchange, &id, Stage::Receipt, "RECEIVED", None, None, now);
        let decision = self.decide(admitted, control, now);
        match decision {
            Decision::Reject { code, text } => {
                self.core.tell(format!("dispatch of {era} to {target} refused: {text}"));
                self.core.note(
                    now,
                    "decision",
                    &text,
                    &[("operation", id.clone()), ("verdict", "reject".into()), ("code", code.to_owned())],
                );
                let status = if code == "EXPIRED" || code == "TOO_OLD" { "EXPIRED" } else { "REJECTED" };
                acknowledge(&mut self.core, &mut self.exchange, &id, Stage::Acceptance, status, Some((code, &text)), None, now);
            }
            Decision::Accept => {
                let Some(control) = control else { return };
                let Some((spec, drive)) = driven(&plan.controls, control) else { return };
                self.core.tell(format!("dispatch of {era} to {target} {} accepted", spec.unit));
                self.core.note(now, "decision", "accepted", &[("operation", id.clone()), ("verdict", "accept".into())]);
                acknowledge(&mut self.core, &mut self.exchange, &id, Stage::Acceptance, "ACCEPTED", None, None, now);
                let upward = good(&self.router.image, drive.taken.point).is_none_or(|from| target >= from);
                let declared = drive.ramp.map(|ramp| if upward { ramp.up } else { ramp.down });
                let rate = setpoint["ramp"]["value"].as_f64().or(declared);
                let start_by = valid_until.min((now.utc + drive.max_age).0).min(admitted.expires_ns);
                let programme = Programme {
                    operation: id,
                    target,
                    rate,
                    place: Place::Accepted,
                    confirmed: None,
                    pending: None,
                    command: None,
                    written: false,
                    steps: 0,
                    start_by_ns: start_by,
                    holding: None,
                    step_began: now.mono,
                    in_band_since: None,
                };
                self.programmes.accept(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), control, programme);
            }
        }
    }

    /// Policy and envelope (R5, R6, R11, R17): facts from what we know, never from the request.
    pub(super) fn decide(&self, admitted: &Admitted, control: Option<usize>, now: Now) -> Decision {
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
        decide(&request, &self.facts(&operation.issuer, era, control, now))
    }

    pub(super) fn facts(&self, issuer: &Party, era: &str, control: Option<usize>, now: Now) -> Facts {
        let plan = &self.core.plan;
        let settings = &self.core.settings;
        let image = &self.router.image;
        let condition = |point: bridge_model::PointId, equals: f64, text: String| {
            let current = image.current(point.index());
            Condition {
                text,
                equals,
                value: current.map(|(value, ..)| value.as_f64()),
                quality: current.map_or(bridge_model::Quality::NEVER_READ, |(_, quality, _)| quality),
                fresh: image.good(point.index()).is_some(),
            }
        };
        let mut facts = Facts {
            now: now.utc,
            authorised: self.core.trust.age(now.utc.0) != BundleAge::Dead
                && self.core.trust.authorised(&issuer.party_id, issuer.role, Verb::Dispatch, era),
            journal_ok: self.core.recorder.unwritable().is_none(),
            clock: ClockFacts {
                synchronised: self.core.clock.synchronised,
                uncertainty: std::time::Duration::from_micros(u64::from(self.core.clock.uncertainty_us)),
                limit: settings.clock_limit,
            },
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
            ramp_up: drive.ramp.map(|ramp| ramp.up),
            ramp_down: drive.ramp.map(|ramp| ramp.down),
            present: good(image, drive.taken.point).or_else(|| good(image, drive.followed.point)),
            max_age: drive.max_age,
            max_ahead: settings.skew,
        });
        facts.authorised &=
            drive.authority.is_empty() || drive.authority.iter().any(|role| role.eq_ignore_ascii_case(issuer.role.as_str()));
        facts.authorised &= settings.control_links.contains(link) && drive.execution == Execution::Automatic;
        facts.link_up = self.link_started[spec.link.index()] && image.source(spec.link.index()).live;
        facts.locked = control.and_then(|control| broker::locked(&self.core, control));
        facts.remote_enable = drive.remote_enable.map(|point| condition(point, 1.0, "remote enable".to_owned()));
        facts.requires = drive.requires.iter().map(|require| condition(require.point, require.equals, require.text.clone())).collect();
        facts
    }
}

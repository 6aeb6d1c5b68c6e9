//! Curtailments: what is decided on a cap and on its release, what a cap displaces, and what happens when its period is over (R6, R7).

use bridge_ies::{
    CurtailCap, CurtailPayload, GridOperation, Mode, Party, Payload, PowerBasis, Quantity, ReleaseMode, Setpoint, Unit, Verb,
};
use bridge_model::{Now, Utc};
use bridge_policy::code::{AWAITS_RELEASE, NEWER_CAP};
use bridge_policy::{CapFacts, CapRequest, Decision, LiftRequest, decide_cap, decide_lift};
use bridge_profile::{ControlKind, Execution, Lapse, RampBy};

use super::orders::{era_of, valid_until};
use super::{Bridge, desk};
use crate::caps::{self, Cap, Stand};
use crate::door::Admitted;
use crate::instructions::{Bench, Instruction};
use crate::operations::{Readback, Stage, acknowledge};
use crate::programme::{Desk, Kind, Programme, Programmes, blocked, driven, good};

impl Bridge {
    /// A `curtail` passed the door: a cap, or the end of one.
    pub(super) fn curtailed(&mut self, admitted: &Admitted, now: Now) {
        if let Some(of) = admitted.operation["payload"]["releaseOf"].as_str() {
            let of = of.to_owned();
            return self.lifted(admitted, &of, now);
        }
        let plan = self.core.plan.clone();
        let control = self.control_of(&admitted.operation, |kind| matches!(kind, ControlKind::Drive(drive) if drive.cap.is_some()));
        let driven = control.and_then(|control| driven(&plan.controls, control));
        // Where a person executes nothing is written, and where a person releases the plant's state counts at the release.
        let plant = driven.is_none_or(|(_, drive)| drive.execution == Execution::Automatic);
        let decided = self.decide_curtail(admitted, control, plant, now);
        let limit = &admitted.operation["payload"]["limit"];
        let raw = limit["value"].as_f64().unwrap_or_default();
        let (target, unit) = match (&decided, driven) {
            (Ok(limit), Some((spec, _))) => (*limit, spec.unit.as_str()),
            _ => (raw, limit["unit"].as_str().unwrap_or_default()),
        };
        let id = self.receipt(admitted, control, target, unit, now);
        let what = format!("to {target} {unit}");
        let limit = match decided {
            Ok(limit) => limit,
            Err((code, text)) => {
                self.judged(admitted, &id, &what, Decision::Reject { code, text }, now);
                return;
            }
        };
        self.judged(admitted, &id, &what, Decision::Accept, now);
        let (Some(control), Some((spec, drive)), Some(asked)) = (control, driven, cap_of(&admitted.operation["payload"])) else { return };
        match (drive.execution, drive.accept_within) {
            (Execution::Automatic, _) | (_, None) => {
                self.core.tell(format!("curtailment of {} {what} accepted", era_of(&admitted.operation)));
                let accepted =
                    Readback { setpoint: Some(limit), measured: good(&self.router.image, drive.followed.point), time_left_s: None };
                acknowledge(&mut self.core, &mut self.exchange, &id, Stage::Acceptance, "ACCEPTED", None, Some(accepted), now);
                let start_by = valid_until(&admitted.operation).min((now.utc + drive.max_age).0).min(admitted.expires_ns);
                let Ok(issuer) = serde_json::from_value::<Party>(admitted.operation["issuer"].clone()) else { return };
                let replaces = admitted.operation["supersedes"].as_str();
                self.impose(control, &id, issuer, limit, &asked, replaces, start_by, now);
            }
            (Execution::Operator | Execution::Released, Some(within)) => {
                // A person sees a set-point: at most so much.
                let setpoint = Setpoint {
                    quantity: Quantity::ActivePower,
                    value: limit,
                    unit: Unit::parse(&spec.unit).unwrap_or(Unit::Mw),
                    relative: None,
                    ramp: Some(asked.ramp),
                    deadband: None,
                    limits: None,
                    hold_for: None,
                    power_basis: spec.basis.and_then(|basis| PowerBasis::parse(basis.as_str())),
                    expected_base: None,
                };
                self.present(admitted, control, Some(setpoint), drive.execution == Execution::Released, within, now);
            }
        }
    }

    /// The people of the plant carry a cap out, or let the bridge do it: it is in force from now.
    pub(super) fn impose_presented(&mut self, instruction: &Instruction, start_by_ns: i64, now: Now) {
        let control = self.core.plan.control(&instruction.control).map(bridge_model::PointId::index);
        let (Some(control), Some(asked), Some(setpoint)) = (control, cap_of(&instruction.payload), &instruction.setpoint) else { return };
        let (issuer, replaces) = (instruction.issuer.clone(), instruction.supersedes.as_deref());
        self.impose(control, &instruction.operation, issuer, setpoint.value, &asked, replaces, start_by_ns, now);
    }

    /// Whether a `released` cap may start now: as at its receipt, and the plant's state counts (R8).
    pub(super) fn decide_cap_release(&self, instruction: &Instruction, now: Now) -> Decision {
        let control = self.core.plan.control(&instruction.control).map(bridge_model::PointId::index);
        let (Some(control), Some(asked)) = (control, cap_of(&instruction.payload)) else {
            return Decision::Reject { code: "UNKNOWN_RESOURCE", text: "the profile has no such control any more".to_owned() };
        };
        let era = self.core.plan.resources[usize::from(self.core.plan.controls[control].resource)].era.clone();
        let request = CapRequest {
            mode: Some(Mode::Direct),
            cap: &asked,
            // Its age was judged when it came; since then `accept_within` bounds it.
            issued_at: now.utc,
            valid_from: None,
            valid_until: Some(Utc(instruction.valid_until_ns)),
            message_expires: None,
        };
        match self.decide_on(&request, &instruction.issuer, &era, Some(control), true, now) {
            Ok(_) => Decision::Accept,
            Err((code, text)) => Decision::Reject { code, text },
        }
    }

    fn decide_curtail(&self, admitted: &Admitted, control: Option<usize>, plant: bool, now: Now) -> Result<f64, (&'static str, String)> {
        let unread = || ("BAD_QUANTITY", "the operation cannot be read".to_owned());
        let operation = GridOperation::from_value(&admitted.operation).map_err(|_| unread())?;
        let Payload::Curtail(CurtailPayload::Cap(cap)) = &operation.payload else { return Err(unread()) };
        let era = operation.resources.first().map(|resource| resource.era.as_str()).unwrap_or_default();
        let request = CapRequest {
            mode: operation.mode,
            cap,
            issued_at: Utc(operation.issued_at.0),
            valid_from: operation.valid_from.map(|time| Utc(time.0)),
            valid_until: operation.valid_until.map(|time| Utc(time.0)),
            message_expires: Some(Utc(admitted.expires_ns)),
        };
        self.decide_on(&request, &operation.issuer, era, control, plant, now)
    }

    fn decide_on(
        &self,
        request: &CapRequest<'_>,
        issuer: &Party,
        era: &str,
        control: Option<usize>,
        plant: bool,
        now: Now,
    ) -> Result<f64, (&'static str, String)> {
        let mut facts = self.facts(issuer, Verb::Curtail, era, control, plant, now);
        // Down is the safe direction: an outcome that is not known does not hold it back (R3).
        facts.locked = None;
        let image = &self.router.image;
        let known = control.and_then(|control| driven(&self.core.plan.controls, control)).and_then(|(_, drive)| {
            let cap = drive.cap.as_ref()?;
            Some(CapFacts {
                rated: Some(cap.rated),
                available: cap.available.and_then(|point| good(image, point)),
                measured: good(image, drive.followed.point),
                reasons: cap.reasons.keys().cloned().collect(),
            })
        });
        decide_cap(request, &facts, &known.unwrap_or_default())
    }

    /// A cap is in force from now: what it bounds makes way, and the plant is brought to the lowest.
    #[expect(clippy::too_many_arguments, reason = "the fields of one cap")]
    fn impose(
        &mut self,
        control: usize,
        id: &str,
        issuer: Party,
        limit: f64,
        asked: &CurtailCap,
        replaces: Option<&str>,
        start_by_ns: i64,
        now: Now,
    ) {
        let plan = self.core.plan.clone();
        let Some((spec, drive)) = driven(&plan.controls, control) else { return };
        let peer = self.core.settings.peers.iter().find(|peer| peer.did == issuer.party_id).map(|peer| peer.name.clone());
        let cap = Cap {
            operation: id.to_owned(),
            control: spec.id.clone(),
            word: drive.exclusive.clone(),
            issuer,
            peer: peer.unwrap_or_default(),
            limit,
            rate: asked.ramp.value,
            reason: asked.reason.code.clone(),
            until_ns: asked.period.end_ns(),
            at_end: asked.release == ReleaseMode::AtEnd,
            received_ns: now.utc.0,
            by_hand: drive.execution == Execution::Operator,
            stand: Stand::InForce,
        };
        let replaced = replaces
            .and_then(|of| caps::load(&self.core, of))
            .filter(|old| old.issuer.party_id == cap.issuer.party_id && old.control == cap.control);
        let mut desk = desk(&mut self.core, &mut self.exchange, &self.router, now);
        if let Some(old) = &replaced {
            caps::replace(&mut desk, old, id);
        }
        caps::keep(&mut desk, &cap);
        let fields =
            [("operation", id.to_owned()), ("control", spec.id.clone()), ("limit", limit.to_string()), ("reason", cap.reason.clone())];
        desk.core.note(now, "cap", &format!("{} is capped to {limit} {} by {}", spec.id, spec.unit, cap.peer), &fields);
        // A target above the cap is displaced at once, wherever it has come to (R6).
        for (other, spec) in plan.controls.iter().enumerate() {
            let shares = matches!(&spec.kind, ControlKind::Drive(other) if other.exclusive == drive.exclusive && other.cap.is_none());
            if shares && self.programmes.target(other).is_some_and(|target| target > limit) {
                self.programmes.preempt(&mut desk, other, id);
            }
        }
        let mut bench = Bench { core: &mut *desk.core, exchange: &mut *desk.exchange, image: desk.image, now };
        self.instructions.handle_cap(&mut bench, &cap);
        if cap.by_hand {
            return;
        }
        let lower = caps::lowest(desk.core, &spec.id).filter(|lowest| lowest.operation != id);
        let replaced = replaced.map(|old| old.operation);
        if let Some(lower) = lower.filter(|lower| self.programmes.brings_to(&desk, control, lower.limit, replaced.as_deref())) {
            caps::beneath(&mut desk, cap, &lower);
            return;
        }
        bring(&mut self.programmes, &mut desk, control, id.to_owned(), cap.rate, None, start_by_ns);
    }

    /// The issuer ends its cap.
    fn lifted(&mut self, admitted: &Admitted, of: &str, now: Now) {
        let plan = self.core.plan.clone();
        let signed = &admitted.operation;
        let issuer = signed["issuer"]["partyId"].as_str().unwrap_or_default();
        let cap = caps::load(&self.core, of).filter(|cap| cap.issuer.party_id == issuer && cap.stand != Stand::Releasing);
        let control = cap.as_ref().and_then(|cap| plan.control(&cap.control)).map(bridge_model::PointId::index);
        let fits = control.is_some_and(|control| plan.resources[usize::from(plan.controls[control].resource)].era == era_of(signed));
        let cap = cap.filter(|_| fits);
        let target = cap.as_ref().map_or(0.0, |cap| cap.limit);
        let unit = control.map_or("", |control| plan.controls[control].unit.as_str());
        let id = self.receipt(admitted, control, target, unit, now);
        let decision = self.decide_lifting(admitted, cap.as_ref(), control, now);
        if !self.judged(admitted, &id, "(release)", decision, now) {
            return;
        }
        let Some(cap) = cap else { return };
        self.core.tell(format!("release of the cap of {} {unit} on {} accepted", cap.limit, cap.control));
        acknowledge(&mut self.core, &mut self.exchange, &id, Stage::Acceptance, "ACCEPTED", None, None, now);
        let rate = signed["payload"]["ramp"]["value"].as_f64();
        let start_by = valid_until(signed).min(admitted.expires_ns);
        self.lift(cap, Some(id), rate, start_by, now);
    }

    fn decide_lifting(&self, admitted: &Admitted, cap: Option<&Cap>, control: Option<usize>, now: Now) -> Decision {
        let Ok(operation) = GridOperation::from_value(&admitted.operation) else {
            return Decision::Reject { code: "BAD_QUANTITY", text: "the operation cannot be read".to_owned() };
        };
        let Payload::Curtail(CurtailPayload::Release(release)) = &operation.payload else {
            return Decision::Reject { code: "BAD_QUANTITY", text: "the release cannot be read".to_owned() };
        };
        let request = LiftRequest {
            mode: operation.mode,
            ramp: release.ramp,
            issued_at: Utc(operation.issued_at.0),
            valid_from: operation.valid_from.map(|time| Utc(time.0)),
            valid_until: operation.valid_until.map(|time| Utc(time.0)),
            message_expires: Some(Utc(admitted.expires_ns)),
        };
        let written = cap.is_some_and(|cap| !cap.by_hand);
        let facts = self.facts(&operation.issuer, Verb::Curtail, era_of(&admitted.operation), control, written, now);
        decide_lift(&request, &facts, cap.is_some(), cap.and_then(|cap| self.newer(cap)))
    }

    /// The newer cap under which this one does not let the plant up (R7), in words.
    fn newer(&self, cap: &Cap) -> Option<String> {
        let newer = caps::newer(&self.core, cap)?;
        Some(format!("a newer cap of {} by {} is in force ({})", newer.limit, newer.peer, newer.operation))
    }

    /// The period of a cap is over. What its issuer did not sign, or cannot be asked about, moves nothing (R7).
    pub(super) fn cap_ended(&mut self, operation: &str, now: Now) {
        let Some(cap) = caps::load(&self.core, operation).filter(|cap| matches!(cap.stand, Stand::InForce | Stand::Beneath)) else {
            return;
        };
        if let Some((code, text)) = self.keeps(&cap, now) {
            let mut desk = desk(&mut self.core, &mut self.exchange, &self.router, now);
            caps::overdue(&mut desk, cap, code, &format!("its period is over, and {text}"));
            return;
        }
        let start_by = (now.utc + std::time::Duration::from_secs(10)).0;
        self.lift(cap, None, None, start_by, now);
    }

    /// Why the end of its period does not release a cap, if it does not.
    fn keeps(&self, cap: &Cap, now: Now) -> Option<(&'static str, String)> {
        let plan = &self.core.plan;
        let control = plan.control(&cap.control).map(bridge_model::PointId::index);
        let Some((control, (spec, drive))) = control.and_then(|control| Some((control, driven(&plan.controls, control)?))) else {
            return Some(("UNKNOWN_RESOURCE", "the profile has no such control any more".to_owned()));
        };
        if !cap.at_end || drive.on_lapse != Lapse::Release {
            return Some((AWAITS_RELEASE, "its end does not release it".to_owned()));
        }
        if !drive.cap.as_ref().is_some_and(|capping| capping.releases(&cap.reason)) {
            return Some((AWAITS_RELEASE, format!("one for {} waits for its issuer's confirmation", cap.reason)));
        }
        if let Some(newer) = self.newer(cap) {
            return Some((NEWER_CAP, newer));
        }
        let peer = self.core.settings.peers.iter().position(|peer| peer.name == cap.peer);
        if !peer.is_some_and(|peer| self.issuer_live[peer]) {
            return Some(("ISSUER_LOST", "its issuer cannot be reached".to_owned()));
        }
        let era = &plan.resources[usize::from(spec.resource)].era;
        if !self.may(&cap.issuer, Verb::Curtail, era, now) {
            return Some(("NOT_AUTHORISED", "the trust bundle no longer knows its issuer".to_owned()));
        }
        if !self.core.clock.synchronised {
            return Some(("CLOCK_UNSYNCHRONISED", "the own clock is not synchronised".to_owned()));
        }
        if cap.by_hand {
            return None;
        }
        blocked(&self.core, &self.router.image, control, drive, false)
    }

    /// Takes a cap off: nothing is written while another one is lower; else the limit goes up to the next lowest, or off, ramped.
    fn lift(&mut self, mut cap: Cap, by: Option<String>, rate: Option<f64>, start_by_ns: i64, now: Now) {
        let plan = self.core.plan.clone();
        let Some(control) = plan.control(&cap.control).map(bridge_model::PointId::index) else { return };
        let Some((spec, drive)) = driven(&plan.controls, control) else { return };
        let mut desk = desk(&mut self.core, &mut self.exchange, &self.router, now);
        if cap.by_hand {
            caps::drop_quietly(&mut desk, &cap, by.as_deref(), "the plant's people take it off");
            return;
        }
        let other = caps::lowest_but(desk.core, &spec.id, &cap.operation);
        let own = self.programmes.carries_out(control, &cap.operation);
        if let Some(lower) = other.as_ref().filter(|other| other.limit <= cap.limit && !own) {
            let text = format!("a cap of {} by {} stands", lower.limit, lower.peer);
            caps::drop_quietly(&mut desk, &cap, by.as_deref(), &text);
            return;
        }
        cap.stand = Stand::Releasing;
        caps::keep(&mut desk, &cap);
        let how = if drive.ramp.is_some_and(|ramp| ramp.by == RampBy::Bridge) { "ramped" } else { "ramped by the plant" };
        desk.core.tell(format!("{}: the cap of {} {} is being released, {how}", spec.id, cap.limit, spec.unit));
        // What goes on to fall goes at the pace of the cap that it falls to.
        let falls = other.filter(|other| !caps::rises(&desk, control, other.limit));
        let rate = falls.map_or_else(|| rate.unwrap_or(cap.rate), |other| other.rate);
        let operation = by.unwrap_or_else(|| cap.operation.clone());
        bring(&mut self.programmes, &mut desk, control, operation, rate, Some(cap.operation), start_by_ns);
    }
}

/// Starts what brings the plant to the lowest cap that stands, or takes the limit off if none does: for `operation`, no faster than
/// `rate`; `ends` is the cap that is gone when it has come there.
fn bring(
    programmes: &mut Programmes,
    desk: &mut Desk<'_>,
    control: usize,
    operation: String,
    rate: f64,
    ends: Option<String>,
    start_by_ns: i64,
) {
    let plan = desk.core.plan.clone();
    let Some((spec, drive)) = driven(&plan.controls, control) else { return };
    let to = caps::lowest(desk.core, &spec.id);
    let target = to.as_ref().map_or(drive.max, |to| to.limit);
    let mut programme = Programme::new(operation, (target, Some(rate)), start_by_ns, desk.now);
    programme.kind = if to.is_some() { Kind::Limit } else { Kind::Release };
    programme.companions = caps::companions(desk.core, control, to.as_ref().map(|to| to.reason.as_str()), to.is_none());
    programme.ends = ends;
    programmes.accept(desk, control, programme);
}

/// A cap as its payload says it.
fn cap_of(payload: &serde_json::Value) -> Option<CurtailCap> {
    match serde_json::from_value(payload.clone()).ok()? {
        CurtailPayload::Cap(cap) => Some(cap),
        CurtailPayload::Release(_) => None,
    }
}

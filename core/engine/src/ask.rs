//! A start, a stop, a curtailment or its release that people here ask of a peer party (R7, R8): signed, named, with an instruction code.

use bridge_ies::{CurtailPayload, UnitPayload, format_time};
use bridge_model::Now;
use bridge_profile::{Control, ControlKind};
use serde_json::{Value, json};

use crate::core::Core;
use crate::exchange::{Draft, Exchange};
use crate::operations::{self, Operation};
use crate::relay::{Relays, state_number};
use crate::served::{ServedPoints, Status};

/// What a person orders.
pub(crate) struct Order {
    pub(crate) control: String,
    pub(crate) verb: String,
    pub(crate) payload: Value,
    pub(crate) not_after: Now,
    pub(crate) operator_ref: String,
    pub(crate) instruction_code: String,
}

impl Relays {
    /// Sends it; gives its operation id.
    ///
    /// # Errors
    /// In words for the person who ordered it.
    pub(crate) fn order(
        &mut self,
        core: &mut Core,
        exchange: &mut Exchange,
        served: &mut ServedPoints,
        order: &Order,
        now: Now,
    ) -> Result<String, String> {
        let plan = core.plan.clone();
        let mut payload = order.payload.clone();
        let named = match payload["releaseOf"].as_str() {
            Some(of) => {
                let capped = released(core, of)?;
                payload["releaseOf"] = capped.id.into();
                capped.control
            }
            None => order.control.clone(),
        };
        let place = plan.control(&named).map(bridge_model::PointId::index);
        let asked = place.and_then(|place| match &plan.controls[place].kind {
            ControlKind::Ask(ask) => Some((place, &plan.controls[place], ask)),
            ControlKind::Drive(_) | ControlKind::Relay(_) | ControlKind::Instruct(_) | ControlKind::Companion(_) => None,
        });
        let Some((place, spec, ask)) = asked else {
            return Err(format!("{named} is no control of this bridge's profile that asks a peer"));
        };
        if spec.verb != order.verb {
            return Err(format!("{named} is a control of verb {}, not {}", spec.verb, order.verb));
        }
        let peer = core.settings.peers.iter().position(|peer| peer.name == ask.peer).ok_or("its peer is not configured")?;
        let Asked { verb, noun, target, unit } = asked_of(spec, &mut payload, now)?;
        let era = &plan.resources[usize::from(spec.resource)].era;
        let draft = Draft {
            peer,
            verb,
            noun,
            action: "update",
            correlation: None,
            resource: (era, "GENERATING_UNIT"),
            transaction: None,
            message: None,
            status: "ISSUED",
            payload,
            extra: vec![
                ("validUntil", format_time(order.not_after.utc.0).into()),
                ("mode", "DIRECT".into()),
                ("priority", "NORMAL".into()),
                ("authority", json!({ "basis": "GRID_CODE", "ref": format!("contract:{}", core.settings.peers[peer].contract) })),
                ("ack", json!({ "required": "EXECUTION", "deadline": "PT30S" })),
                ("instructionCode", order.instruction_code.clone().into()),
                ("operatorRef", order.operator_ref.clone().into()),
            ],
        };
        let posted = exchange.post(core, draft, now).ok_or("the order cannot be signed")?;
        let operation = Operation {
            id: posted.operation.clone(),
            verb: verb.to_owned(),
            peer: ask.peer.clone(),
            ours: true,
            era: era.clone(),
            control: spec.id.clone(),
            target,
            unit,
            transaction: posted.transaction,
            message: posted.message,
            at_ns: now.utc.0,
            not_after_ns: order.not_after.utc.0,
            digest: posted.digest,
            status: "REQUESTED".into(),
            reason: None,
            operator: Some(order.operator_ref.clone()),
            history: vec![(now.utc.0, "REQUEST".into(), "REQUESTED".into(), None)],
        };
        operations::save(core, &operation);
        core.recorder.hurry();
        self.last.insert(place, posted.operation.clone());
        core.tell(format!("{verb} asked of {} by {}", ask.peer, order.operator_ref));
        self.show(core, served, place, Status { state: state_number("REQUESTED"), target, ..Status::default() }, now);
        Ok(posted.operation)
    }
}

/// What an order is, beside its payload.
struct Asked {
    verb: &'static str,
    noun: &'static str,
    target: f64,
    unit: String,
}

/// Completes and checks the payload of an order.
fn asked_of(spec: &Control, payload: &mut Value, now: Now) -> Result<Asked, String> {
    let unread = |error: serde_json::Error| format!("the order cannot be read: {error}");
    if spec.verb != "curtail" {
        let (verb, state, target) = if spec.verb == "start" { ("start", "ON", 1.0) } else { ("stop", "OFF", 0.0) };
        payload["state"] = state.into();
        serde_json::from_value::<UnitPayload>(payload.clone()).map_err(unread)?;
        return Ok(Asked { verb, noun: "UNIT", target, unit: String::new() });
    }
    if payload["releaseOf"].is_null() {
        // It holds from now; the person said for how long.
        payload["period"]["start"] = format_time(now.utc.0).into();
        if let Some(basis) = spec.basis.filter(|_| payload["limit"]["unit"] == "MW") {
            payload["limit"]["powerBasis"] = basis.as_str().into();
        }
    }
    let (target, unit) = match serde_json::from_value::<CurtailPayload>(payload.clone()).map_err(unread)? {
        CurtailPayload::Cap(cap) => (cap.limit.value, cap.limit.unit.as_str()),
        CurtailPayload::Release(_) => (0.0, ""),
    };
    Ok(Asked { verb: "curtail", noun: "GENERATION_LIMIT", target, unit: unit.to_owned() })
}

/// Our own curtailment whose id begins so.
fn released(core: &Core, of: &str) -> Result<Operation, String> {
    let fits = |operation: &&Operation| operation.ours && operation.verb == "curtail" && !of.is_empty() && operation.id.starts_with(of);
    let all = operations::all(core);
    let mut found = all.values().filter(fits);
    match (found.next(), found.next()) {
        (Some(operation), None) => Ok(operation.clone()),
        (Some(_), Some(_)) => Err(format!("several curtailments begin with {of}: give more of the id")),
        (None, _) => Err(format!("no curtailment of ours begins with {of}; `operations list` shows them")),
    }
}

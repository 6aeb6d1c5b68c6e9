//! A start or a stop that people here ask of the people of a peer party (R8): signed, named, with an instruction code.

use bridge_ies::{UnitPayload, format_time};
use bridge_model::Now;
use bridge_profile::ControlKind;
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
        let place = plan.control(&order.control).map(bridge_model::PointId::index);
        let asked = place.and_then(|place| match &plan.controls[place].kind {
            ControlKind::Ask(ask) => Some((place, &plan.controls[place], ask)),
            ControlKind::Drive(_) | ControlKind::Relay(_) | ControlKind::Instruct(_) => None,
        });
        let Some((place, spec, ask)) = asked else {
            return Err(format!("{} is no control of this bridge's profile that asks a peer's people", order.control));
        };
        if spec.verb != order.verb {
            return Err(format!("{} is a control of verb {}, not {}", order.control, spec.verb, order.verb));
        }
        let peer = core.settings.peers.iter().position(|peer| peer.name == ask.peer).ok_or("its peer is not configured")?;
        let (verb, state) = if spec.verb == "start" { ("start", "ON") } else { ("stop", "OFF") };
        let mut payload = order.payload.clone();
        payload["state"] = state.into();
        serde_json::from_value::<UnitPayload>(payload.clone()).map_err(|error| format!("the order cannot be read: {error}"))?;
        let era = &plan.resources[usize::from(spec.resource)].era;
        let draft = Draft {
            peer,
            verb,
            noun: "UNIT",
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
        let target = f64::from(u8::from(verb == "start"));
        let operation = Operation {
            id: posted.operation.clone(),
            verb: verb.to_owned(),
            peer: ask.peer.clone(),
            ours: true,
            era: era.clone(),
            control: spec.id.clone(),
            target,
            unit: String::new(),
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

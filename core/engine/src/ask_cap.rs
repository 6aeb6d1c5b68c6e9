//! The payload of a start, a stop, a curtailment or its release, completed by what is known here.

use bridge_ies::{CurtailPayload, UnitPayload, format_time};
use bridge_model::Now;
use bridge_profile::Control;
use serde_json::Value;

use crate::core::Core;
use crate::operations::{self, Operation};

/// What an order is, beside its payload.
pub(crate) struct Worded {
    pub(crate) verb: &'static str,
    pub(crate) noun: &'static str,
    pub(crate) target: f64,
    pub(crate) unit: &'static str,
}

/// Completes and checks the payload of an order through this control.
///
/// # Errors
/// In words for the person who ordered it.
pub(crate) fn worded(spec: &Control, payload: &mut Value, now: Now) -> Result<Worded, String> {
    let unread = |error: serde_json::Error| format!("the order cannot be read: {error}");
    if spec.verb != "curtail" {
        let (verb, state, target) = if spec.verb == "start" { ("start", "ON", 1.0) } else { ("stop", "OFF", 0.0) };
        payload["state"] = state.into();
        serde_json::from_value::<UnitPayload>(payload.clone()).map_err(unread)?;
        return Ok(Worded { verb, noun: "UNIT", target, unit: "" });
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
    Ok(Worded { verb: "curtail", noun: "GENERATION_LIMIT", target, unit })
}

/// Our own curtailment whose id begins so.
///
/// # Errors
/// In words for the person who wants it released.
pub(crate) fn released(core: &Core, of: &str) -> Result<Operation, String> {
    let is_release = |operation: &Operation| operation.unit.is_empty();
    let fits = |operation: &&Operation| {
        operation.ours && operation.verb == "curtail" && !is_release(operation) && !of.is_empty() && operation.id.starts_with(of)
    };
    let all = operations::all(core);
    let mut found = all.values().filter(fits);
    match (found.next(), found.next()) {
        (Some(operation), None) => Ok(operation.clone()),
        (Some(_), Some(_)) => Err(format!("several curtailments begin with {of}: give more of the id")),
        (None, _) => Err(format!("no curtailment of ours begins with {of}; `operations list` shows them")),
    }
}

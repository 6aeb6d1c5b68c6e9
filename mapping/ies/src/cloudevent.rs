//! CloudEvents 1.0 around a GridOperation, for NATS, MQTT and SSE.

use serde_json::{Value, json};

use crate::{GridOperation, Verb};

/// What the envelope says beyond the operation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventMeta {
    /// The Beckn transaction, if there is one.
    pub transaction_id: Option<String>,
    /// `<namespace>/<registry>`, if there is one.
    pub network_id: Option<String>,
    /// Position in the outbox.
    pub sequence: Option<u64>,
}

/// The CloudEvent that carries `data`, the operation exactly as signed; `op` is the same operation as read.
#[must_use]
pub fn cloudevent(op: &GridOperation, data: Value, meta: &EventMeta) -> Value {
    let mut event = json!({
        "specversion": "1.0",
        "id": op.operation_id,
        "source": op.issuer.party_id,
        "type": event_type(op.verb),
        "time": op.issued_at,
        "datacontenttype": "application/json",
        "dataschema": "https://schemas.example.in/GridOperation/v0.1/schema.json",
    });
    if let Some(fields) = event.as_object_mut() {
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                fields.insert(key.to_owned(), Value::String(value));
            }
        };
        put("subject", op.resources.first().map(|r| r.era.clone()));
        put("sequence", meta.sequence.map(|s| s.to_string()));
        put("correlationid", op.correlation_id.clone());
        put("iestxn", meta.transaction_id.clone());
        put("iesnetwork", meta.network_id.clone());
        fields.insert("data".to_owned(), data);
    }
    event
}

/// The CloudEvents type of a verb.
#[must_use]
pub const fn event_type(verb: Verb) -> &'static str {
    match verb {
        Verb::Stream => "in.ies.grid.telemetry.v0",
        Verb::Alarm => "in.ies.grid.alarm.v0",
        Verb::Clear => "in.ies.grid.clear.v0",
        Verb::Dispatch => "in.ies.grid.dispatch.v0",
        Verb::Curtail => "in.ies.grid.curtail.v0",
        Verb::Start => "in.ies.grid.start.v0",
        Verb::Stop => "in.ies.grid.stop.v0",
        Verb::Reconfigure => "in.ies.grid.reconfigure.v0",
        Verb::Acknowledge => "in.ies.grid.acknowledge.v0",
        Verb::Report => "in.ies.grid.report.v0",
        Verb::Log => "in.ies.grid.log.v0",
        Verb::Attest => "in.ies.grid.attest.v0",
    }
}

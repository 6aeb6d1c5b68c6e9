//! Deliveries to one peer, and confirmations of its stream: each on its own kept-alive connection.

use bridge_session::{Ack, Delivery, DeliveryResult, Inbound};
use hyper::{StatusCode, body::Bytes};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::link::{Answer, Target};

/// Carries deliveries, one after the other; each gives one [`Inbound::Delivered`].
pub(crate) async fn run(target: Target, mut deliveries: mpsc::Receiver<Delivery>, inbound: mpsc::Sender<Inbound>) {
    let mut kept = None;
    while let Some(delivery) = deliveries.recv().await {
        let side = if delivery.action.starts_with("on_") { "bap" } else { "bpp" };
        let path = format!("/{side}/receiver/{}", delivery.action);
        let ack = match target.post(&mut kept, &path, &delivery.authorization, Bytes::from(delivery.body)).await {
            Ok(answer) => judge(&answer),
            Err(cause) => Ack::Unreachable(cause),
        };
        tracing::debug!(sink = target.name, delivery = delivery.id, ?ack, "delivery ended");
        let result = DeliveryResult { sink: target.sink, id: delivery.id, ack };
        if inbound.send(Inbound::Delivered(result)).await.is_err() {
            return;
        }
    }
}

/// A confirmation of a peer's stream.
#[derive(Clone)]
pub(crate) struct Confirmation {
    pub(crate) authorization: String,
    pub(crate) body: Vec<u8>,
}

/// Posts confirmations. While one is under way later ones replace each other; a failed one is not repeated.
pub(crate) async fn confirm(target: Target, mut latest: watch::Receiver<Option<Confirmation>>) {
    let mut kept = None;
    while latest.changed().await.is_ok() {
        let Some(confirmation) = latest.borrow_and_update().clone() else { continue };
        match target.post(&mut kept, "/v0/stream/ack", &confirmation.authorization, Bytes::from(confirmation.body)).await {
            Ok(answer) if answer.status.is_success() => {}
            Ok(answer) => tracing::warn!(sink = target.name, status = answer.status.as_u16(), "the stream confirmation was refused"),
            Err(cause) => tracing::debug!(sink = target.name, cause, "the stream confirmation was lost"),
        }
    }
}

/// What an answer means for a delivery.
fn judge(answer: &Answer) -> Ack {
    let status = answer.status;
    if status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::TOO_MANY_REQUESTS {
        return Ack::Unreachable(refusal_text(answer));
    }
    if status.is_client_error() {
        let (code, message) = refusal(&answer.body).unwrap_or_default();
        return Ack::Nack { status: status.as_u16(), code, message };
    }
    if status == StatusCode::OK || status == StatusCode::ACCEPTED {
        // Some peers refuse with 200 and a NACK inside (Beckn v1).
        return match refusal(&answer.body) {
            Some((code, message)) => Ack::Nack { status: status.as_u16(), code, message },
            None => Ack::Ack,
        };
    }
    Ack::Unreachable(refusal_text(answer))
}

/// Status, code and message in words.
pub(crate) fn refusal_text(answer: &Answer) -> String {
    match refusal(&answer.body) {
        Some((code, message)) => format!("answered {}: {code} {message}", answer.status.as_u16()),
        None => format!("answered {}", answer.status.as_u16()),
    }
}

/// Code and message of a Nack body, in any of the spellings in use (prefix codes of today, `errorCode` of the LTS YAML, `error` beside or
/// inside `message`); `None` if the body is no Nack.
fn refusal(body: &[u8]) -> Option<(String, String)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = body.pointer("/message/error").or_else(|| body.get("error"));
    let status = body.pointer("/message/status").or_else(|| body.pointer("/message/ack/status")).or_else(|| body.get("status"));
    if status.and_then(Value::as_str) != Some("NACK") && error.is_none_or(Value::is_null) {
        return None;
    }
    let field = |names: [&str; 2]| {
        let value = names.iter().find_map(|name| error.and_then(|e| e.get(*name)));
        match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
        }
    };
    Some((field(["code", "errorCode"]), field(["message", "errorMessage"])))
}

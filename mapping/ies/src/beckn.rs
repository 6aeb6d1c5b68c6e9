//! The Beckn v2.0.0 envelope: context, contract skeleton, performance, and the synchronous answer.
//!
//! Signing and verifying the HTTP header is `bridge-trust`'s; the bytes that are signed are those of [`Envelope::to_bytes`] and
//! those received.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Error, Span, Timestamp, error::cut, json::parse_strict, parse_uuid};

/// The protocol version that is spoken.
pub const VERSION: &str = "2.0.0";
/// The actions that this bridge sends and answers: commands, answers, reports.
pub const ACTIONS: &[&str] = &["update", "on_update", "on_status"];
/// Most performances in one message.
pub const MAX_PERFORMANCES: usize = 64;
/// Longest identifier or address in a context, in bytes.
pub const MAX_NAME_BYTES: usize = 512;

/// The error codes of the network that this bridge uses, by prefix: CTX context, AUT authentication, SCH schema, NET network, BIZ
/// business, POL policy.
pub mod code {
    /// The message is older than its ttl.
    pub const CTX_TTL_EXPIRED: &str = "CTX_TTL_EXPIRED";
    /// The messageId was used before.
    pub const CTX_MESSAGE_ID_DUPLICATE: &str = "CTX_MESSAGE_ID_DUPLICATE";
    /// The action does not fit the path.
    pub const CTX_ACTION_MISMATCH: &str = "CTX_ACTION_MISMATCH";
    /// The signed request was seen before.
    pub const AUT_REPLAY_DETECTED: &str = "AUT_REPLAY_DETECTED";
    /// The key is expired or revoked.
    pub const AUT_KEY_EXPIRED_OR_REVOKED: &str = "AUT_KEY_EXPIRED_OR_REVOKED";
    /// The signer may not do this.
    pub const AUT_UNAUTHORIZED_ACTION: &str = "AUT_UNAUTHORIZED_ACTION";
    /// Too many requests.
    pub const AUT_RATE_LIMITED: &str = "AUT_RATE_LIMITED";
    /// The message does not fit the schema.
    pub const SCH_SCHEMA_VALIDATION_FAILED: &str = "SCH_SCHEMA_VALIDATION_FAILED";
    /// The type or verb is not known.
    pub const SCH_TYPE_NOT_SUPPORTED: &str = "SCH_TYPE_NOT_SUPPORTED";
    /// The plant's side cannot be reached.
    pub const NET_DOWNSTREAM_UNAVAILABLE: &str = "NET_DOWNSTREAM_UNAVAILABLE";
    /// No answer in time.
    pub const NET_TIMEOUT: &str = "NET_TIMEOUT";
    /// Too much to do.
    pub const NET_OVERLOADED: &str = "NET_OVERLOADED";
    /// It cannot be fulfilled now.
    pub const BIZ_FULFILLMENT_UNAVAILABLE: &str = "BIZ_FULFILLMENT_UNAVAILABLE";
    /// The state does not allow it.
    pub const BIZ_INVALID_STATE_TRANSITION: &str = "BIZ_INVALID_STATE_TRANSITION";
    /// The same operationId with other bytes.
    pub const BIZ_UPDATE_INCONSISTENT: &str = "BIZ_UPDATE_INCONSISTENT";
    /// The target is not one of ours.
    pub const BIZ_INVALID_UPDATE_TARGET: &str = "BIZ_INVALID_UPDATE_TARGET";
    /// Policy does not allow the update.
    pub const POL_UPDATE_NOT_ALLOWED: &str = "POL_UPDATE_NOT_ALLOWED";
    /// Beyond the participant's capacity.
    pub const POL_NP_CAPACITY_EXCEEDED: &str = "POL_NP_CAPACITY_EXCEEDED";
    /// Policy says no.
    pub const POL_GENERIC_ERROR: &str = "POL_GENERIC_ERROR";
    /// A header, key or signature that does not authenticate. The specification's prefix list leaves the exact word open.
    pub const AUT_SIGNATURE_INVALID: &str = "AUT_SIGNATURE_INVALID";
}

/// The context of a message. Unknown keys are ignored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// `<namespace>/<registry>`.
    pub network_id: String,
    /// Always [`VERSION`].
    pub version: String,
    /// One of [`ACTIONS`].
    pub action: String,
    /// The consumer side: who issues commands.
    pub bap_id: String,
    /// Where its callbacks go.
    pub bap_uri: String,
    /// The provider side: who answers for the resource.
    pub bpp_id: String,
    /// Where requests to it go.
    pub bpp_uri: String,
    /// Constant for the whole exchange, a UUID.
    pub transaction_id: String,
    /// Shared by a request and its callback, a UUID.
    pub message_id: String,
    /// When the message was made.
    pub timestamp: Timestamp,
    /// How long it may live.
    pub ttl: Span,
    /// A dry run: policy and envelope, nothing on the wire (R4).
    #[serde(default, rename = "try", skip_serializing_if = "Option::is_none")]
    pub try_only: Option<bool>,
    /// JSON-LD contexts used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_context: Vec<String>,
    /// Binds a callback to its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_digest: Option<RequestDigest>,
}

/// The digest of the request that a callback answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestDigest {
    /// `BLAKE-512=<base64>` of the request's body.
    pub digest: String,
}

impl Context {
    /// Whether `timestamp + ttl` lies before `now_ns` (UTC, nanoseconds).
    #[must_use]
    pub fn is_expired(&self, now_ns: i64) -> bool {
        self.expires_ns() < now_ns
    }

    /// `timestamp + ttl`, in nanoseconds UTC.
    #[must_use]
    pub fn expires_ns(&self) -> i64 {
        self.timestamp.0.saturating_add(i64::try_from(self.ttl.0.as_nanos()).unwrap_or(i64::MAX))
    }

    /// The context of the solicited callback: same transaction and message, `on_` action, own time.
    #[must_use]
    pub fn callback(&self, at: Timestamp, ttl: Duration, request_digest: Option<String>) -> Self {
        Self {
            action: format!("on_{}", self.action),
            timestamp: at,
            ttl: Span(ttl),
            try_only: None,
            request_digest: request_digest.map(|digest| RequestDigest { digest }),
            ..self.clone()
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.version != VERSION {
            return Err(Error::shape("/context/version", format!("must be {VERSION}")));
        }
        if !ACTIONS.contains(&self.action.as_str()) {
            return Err(Error::Action { action: cut(&self.action) });
        }
        for (path, id) in [("/context/transactionId", &self.transaction_id), ("/context/messageId", &self.message_id)] {
            if parse_uuid(id).is_none() {
                return Err(Error::shape(path, "must be a UUID"));
            }
        }
        let names = [
            ("/context/networkId", &self.network_id),
            ("/context/bapId", &self.bap_id),
            ("/context/bapUri", &self.bap_uri),
            ("/context/bppId", &self.bpp_id),
            ("/context/bppUri", &self.bpp_uri),
        ];
        for (path, name) in names {
            if name.is_empty() || name.len() > MAX_NAME_BYTES {
                return Err(Error::shape(path, format!("must have 1 to {MAX_NAME_BYTES} bytes")));
            }
        }
        Ok(())
    }
}

/// One performance of the contract: one GridOperation.
#[derive(Clone, PartialEq, Debug)]
pub struct Performance {
    /// The operationId of the command, in its acknowledgements too.
    pub id: String,
    /// The state of the command: ISSUED, EXECUTING, COMPLETED …
    pub status: String,
    /// The GridOperation exactly as signed or received.
    pub attributes: Value,
}

/// A whole message.
#[derive(Clone, PartialEq, Debug)]
pub struct Envelope {
    /// Who, to whom, when.
    pub context: Context,
    /// The standing operating contract.
    pub contract_id: String,
    /// At least one.
    pub performance: Vec<Performance>,
}

impl Envelope {
    /// The bytes to sign and send. The contract skeleton is minimal and constant: one commitment over the resources of the first
    /// operation.
    ///
    /// # Errors
    /// [`Error::Json`] if a value cannot be written, which no value read by [`parse_strict`] is.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let eras: Vec<&str> = self.performance.first().map(|p| eras(&p.attributes)).unwrap_or_default();
        let resources: Vec<Value> = eras.iter().map(|era| json!({"id": era, "quantity": {"unitCode": "MW", "unitQuantity": 1}})).collect();
        let performance: Vec<Value> = self
            .performance
            .iter()
            .map(
                |p| json!({"id": p.id, "status": {"code": p.status}, "commitmentIds": ["grid-ops"], "performanceAttributes": p.attributes}),
            )
            .collect();
        let body = json!({
            "context": self.context,
            "message": {"contract": {
                "id": self.contract_id,
                "status": {"code": "ACTIVE"},
                "commitments": [{
                    "id": "grid-ops",
                    "status": {"descriptor": {"code": "ACTIVE"}},
                    "resources": resources,
                    "offer": {"id": "offer-grid-ops", "resourceIds": eras},
                }],
                "performance": performance,
            }},
        });
        serde_json::to_vec(&body).map_err(|e| Error::Json { problem: e.to_string() })
    }

    /// Reads a received message strictly; every [`Performance::attributes`] is the received value, ready for verification.
    ///
    /// # Errors
    /// [`Error::Json`] for what [`parse_strict`] refuses, [`Error::Action`] for an action outside [`ACTIONS`], [`Error::Shape`] for
    /// the rest. [`Error::code`] gives the NACK code.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut body = parse_strict(bytes)?;
        let context: Context = body
            .get_mut("context")
            .map(Value::take)
            .ok_or_else(|| Error::shape("/context", "is missing"))
            .and_then(|v| serde_json::from_value(v).map_err(|e| Error::shape("/context", e.to_string())))?;
        context.check()?;
        let contract = body.pointer_mut("/message/contract").ok_or_else(|| Error::shape("/message/contract", "is missing"))?;
        let contract_id = text_at(contract, "id").ok_or_else(|| Error::shape("/message/contract/id", "is missing"))?;
        let list = match contract.get_mut("performance").map(Value::take) {
            Some(Value::Array(list)) => list,
            Some(_) | None => return Err(Error::shape("/message/contract/performance", "must be a list")),
        };
        if list.is_empty() || list.len() > MAX_PERFORMANCES {
            return Err(Error::shape("/message/contract/performance", format!("must have 1 to {MAX_PERFORMANCES} entries")));
        }
        let performance = list.into_iter().enumerate().map(|(at, entry)| Performance::read(at, entry)).collect::<Result<_, _>>()?;
        Ok(Self { context, contract_id, performance })
    }
}

impl Performance {
    fn read(at: usize, mut entry: Value) -> Result<Self, Error> {
        let path = |field: &str| format!("/message/contract/performance/{at}/{field}");
        let id = text_at(&entry, "id").ok_or_else(|| Error::shape(path("id"), "is missing"))?;
        let status = entry.pointer("/status/code").and_then(Value::as_str).unwrap_or_default().to_owned();
        match entry.get_mut("performanceAttributes").map(Value::take) {
            Some(attributes @ Value::Object(_)) => Ok(Self { id, status, attributes }),
            Some(_) | None => Err(Error::shape(path("performanceAttributes"), "must be an object")),
        }
    }
}

fn text_at(value: &Value, field: &str) -> Option<String> {
    value.get(field).and_then(Value::as_str).filter(|s| !s.is_empty() && s.len() <= MAX_NAME_BYTES).map(str::to_owned)
}

fn eras(operation: &Value) -> Vec<&str> {
    let list = operation.get("resources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|resource| resource.get("era").and_then(Value::as_str)).collect()
}

/// The body of a synchronous ACK: the request is authentic, new, well formed and durable. It says nothing of execution.
#[must_use]
pub fn ack_body(message_id: &str) -> Vec<u8> {
    json!({"message": {"status": "ACK", "messageId": message_id}}).to_string().into_bytes()
}

/// The body of a synchronous NACK, with a [`code`], a text for people and, if known, a JSON pointer to the place.
#[must_use]
pub fn nack_body(message_id: &str, code: &str, message: &str, path: Option<&str>) -> Vec<u8> {
    let mut error = json!({"code": code, "message": message});
    if let (Some(path), Some(fields)) = (path, error.as_object_mut()) {
        fields.insert("details".to_owned(), json!({"path": path}));
    }
    json!({"message": {"status": "NACK", "messageId": message_id, "error": error}}).to_string().into_bytes()
}

/// A synchronous answer as read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SyncAnswer {
    /// Accepted for processing.
    Ack {
        /// The message acknowledged, if the peer repeats it.
        message_id: Option<String>,
    },
    /// Refused.
    Nack {
        /// The peer's code, whichever of the known spellings it uses; empty if none.
        code: String,
        /// The peer's text.
        message: String,
    },
}

/// Reads a synchronous answer. Accepts `{code,message}` and `{errorCode,errorMessage}`, inside or beside `message`.
///
/// # Errors
/// [`Error::Json`] for what is not strict JSON, [`Error::Shape`] for a status other than ACK and NACK.
pub fn parse_answer(bytes: &[u8]) -> Result<SyncAnswer, Error> {
    let body = parse_strict(bytes)?;
    let inner = body.get("message").unwrap_or(&body);
    let status = inner.get("status").or_else(|| inner.pointer("/ack/status")).and_then(Value::as_str);
    match status {
        Some("ACK") => Ok(SyncAnswer::Ack { message_id: inner.get("messageId").and_then(Value::as_str).map(str::to_owned) }),
        Some("NACK") => {
            let error = inner.get("error").or_else(|| body.get("error")).unwrap_or(&Value::Null);
            let text = |a: &str, b: &str| error.get(a).or_else(|| error.get(b)).and_then(Value::as_str).unwrap_or_default().to_owned();
            Ok(SyncAnswer::Nack { code: text("code", "errorCode"), message: text("message", "errorMessage") })
        }
        Some(_) | None => Err(Error::shape("/message/status", "must be ACK or NACK")),
    }
}

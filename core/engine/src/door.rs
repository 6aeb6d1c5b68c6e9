//! Requests at our door, through every gate in order (`reference/ies-wire.md` §6.9): signature, ttl, replay, schema, content signature,
//! journal, and only then an answer. Nothing is acknowledged that is not durable.

use bridge_ies::beckn::{Envelope, ack_body, code, nack_body};
use bridge_ies::{parse_strict, validate};
use bridge_model::Now;
use bridge_session::{DoorReply, DoorRequest, Outbound};
use bridge_trust::{ReplayEntry, ReplayGuard, Seen, sha256};
use serde_json::Value;

use crate::core::{Core, Output, Then};
use crate::exchange::Exchange;
use crate::store::Table;

/// A request that passed every gate.
pub(crate) struct Admitted {
    /// Index of the peer.
    pub(crate) peer: usize,
    pub(crate) transaction: String,
    pub(crate) message: String,
    /// The signed operation, as received.
    pub(crate) operation: Value,
    pub(crate) digest: String,
    /// From when ttl refuses it, ns.
    pub(crate) expires_ns: i64,
}

/// A refusal at the door.
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    path: Option<String>,
}

fn refuse(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { status, code, message: message.into(), path: None }
}

pub(crate) struct Door {
    /// Orders: what is not remembered is refused.
    guard: ReplayGuard,
    /// Callbacks: a repeated one changes nothing, so a full memory refuses nobody.
    callbacks: ReplayGuard,
}

/// What the keys of remembered callbacks begin with.
const CALLBACK: &[u8] = b"callback\n";

impl Door {
    pub(crate) fn new(core: &Core) -> Self {
        let (mut guard, mut callbacks) = (ReplayGuard::default(), ReplayGuard::default());
        for (key, value) in core.store.entries(Table::Replay) {
            if let Ok(entry) = serde_json::from_slice(value) {
                // What no longer fits was the oldest: its ttl refuses it.
                let _ = if key.starts_with(CALLBACK) { callbacks.restore(entry) } else { guard.restore(entry) };
            }
        }
        Self { guard, callbacks }
    }

    /// Admits a request, or answers it with a refusal. An admitted request is journaled; its answer leaves when it is durable.
    pub(crate) fn admit(&mut self, core: &mut Core, exchange: &Exchange, request: &DoorRequest, now: Now) -> Option<Admitted> {
        let mut message_id = String::new();
        match self.gates(core, exchange, request, &mut message_id, now) {
            Ok(admitted) => {
                let reply = reply(core, request, 200, ack_body(&message_id), now);
                core.recorder.hurry();
                core.when_durable(Then::North(Outbound::Reply(reply)));
                admitted
            }
            Err(refusal) => {
                *core.counters.dropped.entry(format!("door {}", refusal.code)).or_default() += 1;
                core.note(
                    now,
                    "refused",
                    &refusal.message,
                    &[("code", refusal.code.to_owned()), ("action", request.action.clone()), ("message", message_id.clone())],
                );
                let body = nack_body(&message_id, refusal.code, &refusal.message, refusal.path.as_deref());
                let reply = reply(core, request, refusal.status, body, now);
                core.out.push_back(Output::North(Outbound::Reply(reply)));
                None
            }
        }
    }

    /// `Ok(None)`: seen before with the same bytes; acknowledged again, processed once.
    fn gates(
        &mut self,
        core: &mut Core,
        exchange: &Exchange,
        request: &DoorRequest,
        message_id: &mut String,
        now: Now,
    ) -> Result<Option<Admitted>, Refusal> {
        let skew = i64::try_from(core.settings.skew.as_secs()).unwrap_or(5);
        let trust = &core.trust;
        let verified =
            bridge_trust::beckn::verify(&request.authorization, &request.body, now.utc.as_secs(), skew, |subscriber: &str, key: &str| {
                trust.beckn_key(subscriber, key, now.utc.0)
            })
            .map_err(|error| refuse(401, error.code, error.message))?;
        let peer = core
            .settings
            .peers
            .iter()
            .position(|peer| peer.did == verified.subscriber)
            .ok_or_else(|| refuse(401, code::AUT_UNAUTHORIZED_ACTION, format!("{} is no peer of this bridge", verified.subscriber)))?;
        if request.tls_identity.as_ref().is_some_and(|identity| identity.starts_with("did:") && *identity != verified.subscriber) {
            return Err(refuse(401, code::AUT_UNAUTHORIZED_ACTION, "the certificate and the signature name different parties"));
        }
        let mut envelope =
            Envelope::parse(&request.body).map_err(|error| refuse(400, code::SCH_SCHEMA_VALIDATION_FAILED, error.to_string()))?;
        let context = &envelope.context;
        message_id.clone_from(&context.message_id);
        if context.action != request.action {
            return Err(refuse(
                400,
                code::CTX_ACTION_MISMATCH,
                format!("action {} came on the path of {}", context.action, request.action),
            ));
        }
        let (from, to) = if context.action == "update" { (&context.bap_id, &context.bpp_id) } else { (&context.bpp_id, &context.bap_id) };
        if *from != verified.subscriber || *to != core.settings.did {
            return Err(refuse(401, code::AUT_UNAUTHORIZED_ACTION, "the context names other parties than the signature and this bridge"));
        }
        if context.network_id != core.settings.network {
            return Err(refuse(400, code::AUT_UNAUTHORIZED_ACTION, format!("network {} is not served here", context.network_id)));
        }
        if context.is_expired(now.utc.0) {
            return Err(refuse(400, code::CTX_TTL_EXPIRED, "timestamp + ttl has passed"));
        }
        let (transaction, message, expires) = (context.transaction_id.clone(), context.message_id.clone(), context.expires_ns());
        if envelope.performance.len() != 1 {
            return Err(refuse(400, code::SCH_SCHEMA_VALIDATION_FAILED, "exactly one performance is expected"));
        }
        let operation = envelope.performance.remove(0).attributes;
        let verb = operation["verb"].as_str().unwrap_or_default().to_owned();
        if let Some(problem) = validate(&operation).first() {
            let code = if problem.path == "/verb" { code::SCH_TYPE_NOT_SUPPORTED } else { code::SCH_SCHEMA_VALIDATION_FAILED };
            return Err(Refusal {
                status: 400,
                code,
                message: format!("{} {}", problem.path, problem.problem),
                path: Some(problem.path.clone()),
            });
        }
        let signed = bridge_trust::jws::verify(&operation, |kid: &str| trust.content_key(kid, now.utc.0))
            .map_err(|error| refuse(401, error.code, error.message))?;
        if operation["issuer"]["partyId"].as_str() != Some(verified.subscriber.as_str())
            || operation["recipient"]["partyId"].as_str() != Some(core.settings.did.as_str())
        {
            return Err(refuse(
                401,
                code::AUT_UNAUTHORIZED_ACTION,
                "issuer or recipient of the operation is not the sender or this bridge",
            ));
        }
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let digest = sha256(signed.digest.as_bytes());
        let mut seen = Vec::new();
        let entry = |message_id: String| ReplayEntry { subscriber: verified.subscriber.clone(), message_id, digest, expires_ns: expires };
        let order = matches!(verb.as_str(), "dispatch" | "curtail" | "start" | "stop" | "reconfigure");
        let guard = if order { &mut self.guard } else { &mut self.callbacks };
        match guard.check(&verified.subscriber, &id, digest, expires, now.utc.0) {
            Seen::New => seen.push(entry(id.clone())),
            Seen::Full if !order => {}
            Seen::SameBytes => return Ok(None),
            Seen::Different => return Err(refuse(409, code::BIZ_UPDATE_INCONSISTENT, "this operation id was used for another content")),
            Seen::Full => return Err(refuse(429, code::AUT_RATE_LIMITED, "too many operations within their lives")),
        }
        // Several callbacks may share the message they answer; a request may not.
        if order {
            let name = format!("message {message}");
            match self.guard.check(&verified.subscriber, &name, digest, expires, now.utc.0) {
                Seen::New => seen.push(entry(name)),
                Seen::SameBytes | Seen::Different => {
                    return Err(refuse(409, code::CTX_MESSAGE_ID_DUPLICATE, "this message id was used before"));
                }
                Seen::Full => return Err(refuse(429, code::AUT_RATE_LIMITED, "too many operations within their lives")),
            }
        }
        if core.recorder.unwritable().is_some() {
            return Err(refuse(503, code::NET_OVERLOADED, "the journal cannot be written now"));
        }
        for entry in seen {
            let prefix = if order { &[] } else { CALLBACK };
            let key = [prefix, entry.subscriber.as_bytes(), b"\n", entry.message_id.as_bytes()].concat();
            core.put(Table::Replay, &key, &entry);
        }
        exchange.journal_received(core, peer, &id, &verb, &request.authorization, &request.body, now);
        Ok(Some(Admitted { peer, transaction, message, operation, digest: signed.digest, expires_ns: expires }))
    }

    /// Forgets what has expired.
    pub(crate) fn purge(&mut self, core: &mut Core, now: Now) {
        self.guard.purge(now.utc.0);
        self.callbacks.purge(now.utc.0);
        let over = |value: &[u8]| serde_json::from_slice::<ReplayEntry>(value).is_ok_and(|entry| entry.expires_ns < now.utc.0);
        let gone: Vec<Vec<u8>> = core.store.entries(Table::Replay).filter(|(_, value)| over(value)).map(|(key, _)| key.to_vec()).collect();
        for key in gone {
            core.delete(Table::Replay, &key);
        }
    }
}

/// The peer that a stream request's header proves: the TLS identity, else a signature over the body.
pub(crate) fn who(core: &Core, tls_identity: Option<&str>, authorization: &str, body: &[u8], now: Now) -> Option<usize> {
    let by_did = |did: &str| core.settings.peers.iter().position(|peer| peer.did == did);
    if let Some(peer) = tls_identity.and_then(by_did) {
        return Some(peer);
    }
    let skew = i64::try_from(core.settings.skew.as_secs()).unwrap_or(5);
    let lookup = |subscriber: &str, key: &str| core.trust.beckn_key(subscriber, key, now.utc.0);
    let verified = bridge_trust::beckn::verify(authorization, body, now.utc.as_secs(), skew, lookup).ok()?;
    by_did(&verified.subscriber)
}

/// A reply to a request, with its response signature.
pub(crate) fn reply(core: &Core, request: &DoorRequest, status: u16, body: Vec<u8>, now: Now) -> DoorReply {
    let created = now.utc.as_secs();
    let signature = bridge_trust::beckn::signature_of(&request.authorization).map_or_else(
        |_| String::new(),
        |request_signature| {
            bridge_trust::beckn::sign(
                &core.identity.beckn,
                &core.settings.did,
                &core.identity.beckn_key_id,
                created,
                created + 60,
                &body,
                Some(&request_signature),
            )
        },
    );
    DoorReply { id: request.id, status, signature, body }
}

/// The id that a stream confirmation names.
pub(crate) fn confirmed_id(body: &[u8]) -> Option<String> {
    parse_strict(body).ok()?["id"].as_str().map(str::to_owned)
}

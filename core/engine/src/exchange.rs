//! The IES desk: what we say to peers, in signed operations, and the queue it waits in until a peer has it.
//!
//! An operation is journaled as a leaf and queued in the same group; it leaves only when its seal is durable, one at a time to each peer, in
//! order, until it is acknowledged or refused for good.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_ies::beckn::{Context, Envelope, Performance};
use bridge_ies::{SPEC_VERSION, Span, Timestamp, format_time};
use bridge_journal::Position;
use bridge_model::Now;
use bridge_provenance::{Direction, OperationLeaf};
use bridge_session::{Ack, Delivery, DeliveryResult, Outbound, SinkId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloudevents::PUBLISHED;
use crate::core::{Core, Output};
use crate::settings::Hook;
use crate::store::{Table, numbered, split_numbered};
use crate::timers::Timer;

pub(crate) use bridge_ies::SPEC_VERSION as SPEC;
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LAST: Duration = Duration::from_secs(15);
/// How long a command's envelope may be processed; its `validUntil` is usually sooner.
const COMMAND_TTL: Duration = Duration::from_secs(60);
/// How long an answer or a report is worth having: an outage of the wide-area link must not make it unprocessable.
const ANSWER_TTL: Duration = Duration::from_secs(3 * 86_400);
/// So many alarms, logs and reports wait for a peer that does not keep up or is away.
const LAGGING: usize = 16;
/// How long a signature on a message may be used.
const SIGNATURE_LIFE_S: i64 = 60;

/// An operation to be said to a peer.
pub(crate) struct Draft<'a> {
    /// Index of the peer.
    pub(crate) peer: usize,
    /// `dispatch`, `acknowledge`…
    pub(crate) verb: &'static str,
    pub(crate) noun: &'static str,
    /// `update`, `on_update`, `on_status`.
    pub(crate) action: &'static str,
    /// The operation answered.
    pub(crate) correlation: Option<&'a str>,
    /// ERA and type of the resource.
    pub(crate) resource: (&'a str, &'a str),
    pub(crate) transaction: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
    /// The state of the command, for the performance object.
    pub(crate) status: &'a str,
    pub(crate) payload: Value,
    /// Further common fields (`mode`, `validUntil`, `authority`…).
    pub(crate) extra: Vec<(&'static str, Value)>,
}

/// The names of a draft that has been queued.
pub(crate) struct Posted {
    pub(crate) operation: String,
    pub(crate) transaction: String,
    pub(crate) message: String,
    /// Names the signed content: an acknowledgement must repeat it.
    pub(crate) digest: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Letter {
    action: String,
    operation: String,
    body: String,
    /// Orders and acknowledgements go before alarms, logs and reports.
    urgent: bool,
}

/// A letter in its queue: its number, and from where it is sealed.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    ready: Option<Position>,
}

#[derive(Default)]
struct Queue {
    /// Orders and acknowledgements: they go before the others.
    urgent: VecDeque<Place>,
    /// Alarms, logs and reports.
    routine: VecDeque<Place>,
    next: u64,
    in_flight: Option<u64>,
    failures: u32,
    waiting: bool,
    /// Something was posted in this call.
    posted: bool,
    /// Parked since when, and how many letters were not queued.
    parked: Option<(Now, u64)>,
}

impl Queue {
    /// Behind its like.
    fn insert(&mut self, place: Place, urgent: bool) {
        if urgent { &mut self.urgent } else { &mut self.routine }.push_back(place);
        self.posted |= place.ready.is_none();
    }

    fn len(&self) -> usize {
        self.urgent.len() + self.routine.len()
    }

    /// What goes next.
    fn front(&self) -> Option<Place> {
        self.urgent.front().or(self.routine.front()).copied()
    }

    /// The letter has left: an urgent one may have come before it meanwhile.
    fn remove(&mut self, number: u64) {
        for letters in [&mut self.urgent, &mut self.routine] {
            letters.pop_front_if(|place| place.number == number);
        }
    }

    /// What this call posted is whole before `end`. It stands at the back: the rest of a long queue is not looked at.
    fn flushed(&mut self, end: Position) {
        if std::mem::take(&mut self.posted) {
            for letters in [&mut self.urgent, &mut self.routine] {
                letters.iter_mut().rev().take_while(|place| place.ready.is_none()).for_each(|place| place.ready = Some(end));
            }
        }
    }
}

/// What a delivery's end means to the rest of the engine.
pub(crate) struct Refused {
    /// Our operation that the peer's door refused.
    pub(crate) operation: String,
    pub(crate) code: String,
    pub(crate) message: String,
}

pub(crate) struct Exchange {
    queues: Vec<Queue>,
    sent_streams: Vec<u32>,
    received_streams: Vec<u32>,
}

impl Exchange {
    pub(crate) fn new(core: &mut Core, end: Position) -> Self {
        let peers: Vec<String> = core.settings.peers.iter().map(|peer| peer.name.clone()).collect();
        let mut queues: Vec<Queue> = peers.iter().map(|_| Queue::default()).collect();
        for (key, value) in core.store.entries(Table::Outbox) {
            if let Some((name, number)) = split_numbered(key)
                && let Some(place) = peers.iter().position(|peer| peer == name)
            {
                let urgent = serde_json::from_slice::<Letter>(value).is_ok_and(|letter| letter.urgent);
                queues[place].insert(Place { number, ready: Some(end) }, urgent);
                queues[place].next = number + 1;
            }
        }
        let mut stream = |name: String| core.recorder.stream(&mut core.store, &name);
        let sent_streams = peers.iter().map(|peer| stream(format!("sent|{peer}"))).collect();
        let received_streams = peers.iter().map(|peer| stream(format!("received|{peer}"))).collect();
        Self { queues, sent_streams, received_streams }
    }

    /// Journals what a peer said, octet for octet.
    #[expect(clippy::too_many_arguments, reason = "the fields of one operation leaf")]
    pub(crate) fn journal_received(
        &self,
        core: &mut Core,
        peer: usize,
        operation: &str,
        verb: &str,
        authorization: &str,
        body: &[u8],
        now: Now,
    ) {
        let leaf = leaf(core, peer, Direction::Received, operation, verb, authorization, body);
        core.recorder.operation(self.received_streams[peer], now, leaf);
    }

    /// Signs, journals and queues an operation. `None` only if the content cannot be canonicalised, which is a defect of ours.
    pub(crate) fn post(&mut self, core: &mut Core, draft: Draft<'_>, now: Now) -> Option<Posted> {
        let operation = core.uuid(now);
        let transaction = draft.transaction.map_or_else(|| core.uuid(now), str::to_owned);
        let message = draft.message.map_or_else(|| core.uuid(now), str::to_owned);
        let peer = core.settings.peers.get(draft.peer)?.clone();
        let mut value = json!({
            "@context": bridge_ies::CONTEXT_URL,
            "@type": "GridOperation",
            "specVersion": SPEC_VERSION,
            "verb": draft.verb,
            "noun": draft.noun,
            "operationId": operation,
            "issuedAt": format_time(now.utc.0),
            "issuer": { "partyId": core.settings.did, "role": core.settings.role },
            "recipient": { "partyId": peer.did, "role": peer.role },
            "resources": [{ "era": draft.resource.0, "type": draft.resource.1 }],
        });
        let fields = value.as_object_mut()?;
        if let Some(correlation) = draft.correlation {
            fields.insert("correlationId".into(), correlation.into());
        }
        for (name, extra) in draft.extra {
            if name == "operatorRef" {
                value["issuer"]["operatorRef"] = extra;
            } else {
                value[name] = extra;
            }
        }
        value["payload"] = draft.payload;
        bridge_trust::jws::sign(&mut value, &core.identity.content, &core.identity.content_kid, None).ok()?;

        let digest = value["provenance"]["digest"].as_str().unwrap_or_default().to_owned();
        let commands = draft.action == "update";
        let (bap, bpp) = if commands {
            ((core.settings.did.clone(), core.settings.uri.clone()), (peer.did.clone(), peer.uri.clone()))
        } else {
            ((peer.did.clone(), peer.uri.clone()), (core.settings.did.clone(), core.settings.uri.clone()))
        };
        let envelope = Envelope {
            context: Context {
                network_id: core.settings.network.clone(),
                version: bridge_ies::beckn::VERSION.into(),
                action: draft.action.into(),
                bap_id: bap.0,
                bap_uri: bap.1,
                bpp_id: bpp.0,
                bpp_uri: bpp.1,
                transaction_id: transaction.clone(),
                message_id: message.clone(),
                timestamp: Timestamp(now.utc.0),
                ttl: Span(if commands { COMMAND_TTL } else { ANSWER_TTL }),
                try_only: None,
                schema_context: Vec::new(),
                request_digest: None,
            },
            contract_id: peer.contract.clone(),
            performance: vec![Performance {
                id: draft.correlation.unwrap_or(&operation).to_owned(),
                status: draft.status.to_owned(),
                attributes: value,
            }],
        };
        let body = envelope.to_bytes().ok()?;
        let leaf = leaf(core, draft.peer, Direction::Sent, &operation, draft.verb, "", &body);
        core.recorder.operation(self.sent_streams[draft.peer], now, leaf);
        let queue = &mut self.queues[draft.peer];
        let letter = Letter {
            action: draft.action.to_owned(),
            operation: operation.clone(),
            body: String::from_utf8(body).ok()?,
            urgent: commands || draft.verb == "acknowledge",
        };
        if !letter.urgent && queue.len() >= core.settings.max_lag {
            if queue.parked.is_none() {
                core.tell(format!(
                    "{} is parked: {} letters wait, further logs, alarms and reports stay in the journal",
                    peer.name,
                    queue.len()
                ));
                core.note(
                    now,
                    "parked",
                    "the sink lags beyond its limit",
                    &[("peer", peer.name.clone()), ("waiting", queue.len().to_string())],
                );
            }
            let (_, kept_back) = queue.parked.get_or_insert((now, 0));
            *kept_back += 1;
            *core.counters.dropped.entry(format!("parked {}", peer.name)).or_default() += 1;
            return Some(Posted { operation, transaction, message, digest });
        }
        core.put(Table::Outbox, &numbered(&peer.name, queue.next), &letter);
        queue.insert(Place { number: queue.next, ready: None }, letter.urgent);
        queue.next += 1;
        Some(Posted { operation, transaction, message, digest })
    }

    /// Says something to every peer that gives us orders.
    #[expect(clippy::too_many_arguments, reason = "the fields of one draft")]
    pub(crate) fn publish(
        &mut self,
        core: &mut Core,
        verb: &'static str,
        noun: &'static str,
        era: &str,
        payload: &Value,
        status: &str,
        now: Now,
    ) {
        self.proclaim(core, verb, noun, era, payload, now);
        for peer in 0..core.settings.peers.len() {
            if !core.settings.peers[peer].commands_us {
                continue;
            }
            let draft = Draft {
                peer,
                verb,
                noun,
                action: "on_status",
                correlation: None,
                resource: (era, "GENERATING_UNIT"),
                transaction: None,
                message: None,
                status,
                payload: payload.clone(),
                extra: Vec::new(),
            };
            self.post(core, draft, now);
        }
    }

    /// Says something to whoever listens at a webhook: signed, sealed, to nobody in particular, and only if a webhook wants it.
    fn proclaim(&mut self, core: &mut Core, verb: &'static str, noun: &'static str, era: &str, payload: &Value, now: Now) {
        let wants = |hook: &Hook| bridge_ies::Verb::parse(verb).is_some_and(|verb| hook.wants(verb)) && hook.wants_era(era);
        if !core.settings.hooks.iter().any(wants) {
            return;
        }
        let operation = core.uuid(now);
        let own = json!({ "partyId": core.settings.did, "role": core.settings.role });
        let mut value = json!({
            "@context": bridge_ies::CONTEXT_URL,
            "@type": "GridOperation",
            "specVersion": SPEC_VERSION,
            "verb": verb,
            "noun": noun,
            "operationId": operation,
            "issuedAt": format_time(now.utc.0),
            "issuer": own,
            "recipient": own,
            "resources": [{ "era": era, "type": "GENERATING_UNIT" }],
            "payload": payload,
        });
        let signed = bridge_trust::jws::sign(&mut value, &core.identity.content, &core.identity.content_kid, None).is_ok();
        if let (true, Ok(body)) = (signed, serde_json::to_vec(&value)) {
            let leaf = OperationLeaf { peer: String::new(), ..leaf(core, usize::MAX, Direction::Sent, &operation, verb, "", &body) };
            let stream = core.recorder.stream(&mut core.store, PUBLISHED);
            core.recorder.operation(stream, now, leaf);
        }
    }

    /// The group of this call was appended and ends here.
    pub(crate) fn handle_flushed(&mut self, end: Position) {
        self.queues.iter_mut().for_each(|queue| queue.flushed(end));
    }

    /// Hands the next letter of every free queue to the adapter, if it is sealed.
    pub(crate) fn deliver(&mut self, core: &mut Core, now: Now) {
        let sealed = core.recorder.sealed();
        for (place, queue) in self.queues.iter_mut().enumerate() {
            let Some(Place { number, ready: Some(ready) }) = queue.front() else { continue };
            if queue.in_flight.is_some() || queue.waiting || ready > sealed {
                continue;
            }
            let name = &core.settings.peers[place].name;
            let Some(letter) = core.load::<Letter>(Table::Outbox, &numbered(name, number)) else {
                queue.remove(number);
                continue;
            };
            let authorization = authorise(core, letter.body.as_bytes(), now);
            queue.in_flight = Some(number);
            core.counters.operations_sent += 1;
            let action = match letter.action.as_str() {
                "update" => "update",
                "on_update" => "on_update",
                _ => "on_status",
            };
            let sink = SinkId(u16::try_from(place).unwrap_or(u16::MAX));
            core.out.push_back(Output::North(Outbound::Deliver(Delivery {
                sink,
                id: number,
                action,
                authorization,
                body: letter.body.into_bytes(),
            })));
        }
    }

    /// A delivery ended.
    pub(crate) fn handle_delivered(&mut self, core: &mut Core, result: DeliveryResult, now: Now) -> Option<Refused> {
        let place = usize::from(result.sink.0);
        let queue = self.queues.get_mut(place)?;
        if queue.in_flight != Some(result.id) {
            return None;
        }
        queue.in_flight = None;
        let key = numbered(&core.settings.peers.get(place)?.name, result.id);
        match result.ack {
            Ack::Unreachable(_) => {
                let wait = RETRY_FIRST.saturating_mul(1 << queue.failures.min(6)).min(RETRY_LAST);
                let jitter = Duration::from_millis(u64::try_from(core.random() % 100).unwrap_or(0));
                queue.failures += 1;
                queue.waiting = true;
                core.timers.set(Timer::Outbox(result.sink), now.mono + wait + jitter);
                None
            }
            Ack::Ack => {
                queue.failures = 0;
                queue.remove(result.id);
                core.counters.operations_acknowledged += 1;
                core.delete(Table::Outbox, &key);
                if queue.len() <= core.settings.max_lag / 2
                    && let Some((since, count)) = queue.parked.take()
                {
                    let peer = core.settings.peers.get(place)?.name.clone();
                    core.tell(format!("{peer} is no longer parked; {count} letters are in the journal only"));
                    let fields =
                        [("peer", peer), ("from", format_time(since.utc.0)), ("to", format_time(now.utc.0)), ("count", count.to_string())];
                    core.note(now, "gap", "not delivered while the sink was parked", &fields);
                }
                None
            }
            Ack::Nack { status, code, message } => {
                queue.failures = 0;
                queue.remove(result.id);
                let operation = core.load::<Letter>(Table::Outbox, &key)?.operation;
                core.delete(Table::Outbox, &key);
                *core.counters.dropped.entry(format!("nack {code}")).or_default() += 1;
                core.note(
                    now,
                    "nack",
                    &message,
                    &[("operation", operation.clone()), ("status", status.to_string()), ("code", code.clone())],
                );
                Some(Refused { operation, code, message })
            }
        }
    }

    /// The back-off of a peer is over, or the peer showed itself.
    pub(crate) fn retry(&mut self, core: &mut Core, sink: SinkId) {
        core.timers.cancel(&Timer::Outbox(sink));
        if let Some(queue) = self.queues.get_mut(usize::from(sink.0)) {
            queue.waiting = false;
        }
    }

    /// Whether the letters to a peer wait longer than a busy moment.
    pub(crate) fn lags(&self) -> bool {
        self.queues.iter().any(|queue| queue.routine.len() > LAGGING)
    }

    /// Letters that wait, per peer.
    pub(crate) fn waiting(&self) -> BTreeMap<usize, usize> {
        self.queues.iter().enumerate().map(|(place, queue)| (place, queue.len())).collect()
    }
}

/// The `Authorization` header over a body, made now.
pub(crate) fn authorise(core: &Core, body: &[u8], now: Now) -> String {
    let created = now.utc.as_secs();
    let Core { identity, settings, .. } = core;
    bridge_trust::beckn::sign(&identity.beckn, &settings.did, &identity.beckn_key_id, created, created + SIGNATURE_LIFE_S, body, None)
}

fn leaf(core: &Core, peer: usize, direction: Direction, operation: &str, verb: &str, authorization: &str, body: &[u8]) -> OperationLeaf {
    OperationLeaf {
        stream: 0,
        epoch: 0,
        seq: 0,
        direction,
        peer: core.settings.peers.get(peer).map(|peer| peer.name.clone()).unwrap_or_default(),
        operation_id: operation.to_owned(),
        verb: verb.to_owned(),
        authorization: authorization.to_owned(),
        body: body.to_vec(),
        at_ns: 0,
    }
}

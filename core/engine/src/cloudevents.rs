//! Sealed batches as CloudEvents 1.0: what a webhook is given of our own streams, each event with its place as its id.
//!
//! The id is (epoch, stream, seq): a receiver that has it has the event. The octets of an event follow from the sealed batch alone, so that
//! a repetition is the same octets.

use std::collections::BTreeMap;

use bridge_ies::{Verb, event_type, format_time};
use bridge_provenance::{BatchHeader, Leaf, NoteLeaf, OperationLeaf, SealedBatch, SealedStream, StreamHead, leaf_hash};
use bridge_trust::base64_encode;
use serde_json::{Value, json};

use crate::core::Core;
use crate::settings::Hook;
use crate::store::Table;
use crate::stream_out;

/// The stream of what is said to everyone who listens, without a recipient.
pub(crate) const PUBLISHED: &str = "published";

const DATA_SCHEMA: &str = "https://schemas.example.in/GridOperation/v0.1/schema.json";

/// Where an event stands: its batch, its stream and its sequence number there.
pub(crate) type Place = (u64, u32, u64);

/// One event, ready to be sent.
pub(crate) struct CloudEvent {
    pub(crate) place: Place,
    pub(crate) id: String,
    pub(crate) octets: String,
}

/// What the numbers of streams mean to a hook.
#[derive(Default)]
pub(crate) struct Streams {
    wanted: BTreeMap<u32, Kind>,
    known: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    /// Points of one resource.
    Points(String),
    /// Operations to one peer, or to everyone.
    Operations,
    /// Our remarks: what the point numbers mean, and what this hook missed.
    Notes,
}

/// `<epoch>-<stream>-<seq>`.
pub(crate) fn event_id(epoch: u64, stream: u32, seq: u64) -> String {
    format!("{epoch:016x}-{stream}-{seq}")
}

impl Hook {
    pub(crate) fn wants(&self, verb: Verb) -> bool {
        self.verbs.is_empty() || self.verbs.contains(&verb)
    }

    pub(crate) fn wants_era(&self, era: &str) -> bool {
        self.resources.is_empty() || self.resources.contains(era)
    }
}

impl Streams {
    /// Learns streams that are new since the last time.
    pub(crate) fn learn(&mut self, core: &Core, hook: &Hook) {
        let count = core.store.entries(Table::Streams).count();
        if count == self.known {
            return;
        }
        self.known = count;
        for (name, number) in core.store.entries(Table::Streams) {
            let (Ok(name), Ok(number)) = (std::str::from_utf8(name), number.try_into().map(u32::from_le_bytes)) else { continue };
            if let Some(kind) = kind_of(name, hook) {
                self.wanted.insert(number, kind);
            }
        }
    }

    pub(crate) fn wants(&self, stream: u32) -> bool {
        self.wanted.contains_key(&stream)
    }
}

/// What a stream is to a hook; nothing if it wants nothing of it.
fn kind_of(name: &str, hook: &Hook) -> Option<Kind> {
    if name == "notes" {
        return Some(Kind::Notes);
    }
    if name == PUBLISHED || name.starts_with("sent|") {
        return Some(Kind::Operations);
    }
    let mut parts = name.split('|');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(era), Some("telemetry" | "event"), None) => {
            (hook.wants(Verb::Stream) && hook.wants_era(era)).then(|| Kind::Points(era.to_owned()))
        }
        _ => None,
    }
}

/// The events of a batch that a hook wants, in order of stream and sequence.
pub(crate) fn events(core: &Core, hook: &Hook, streams: &Streams, batch: &SealedBatch) -> Vec<CloudEvent> {
    let mut events = Vec::new();
    for stream in &batch.streams {
        let Ok(head) = StreamHead::decode(&stream.head) else { continue };
        match streams.wanted.get(&head.stream) {
            Some(Kind::Points(era)) => events.push(points(core, era, &head, stream, batch)),
            Some(Kind::Operations) => {
                events.extend(stream.leaves.iter().filter_map(|octets| match Leaf::decode(octets) {
                    Ok(Leaf::Operation(leaf)) => operation(core, hook, &leaf, octets, batch),
                    Ok(Leaf::Points(_) | Leaf::Note(_) | Leaf::Unknown(_)) | Err(_) => None,
                }));
            }
            Some(Kind::Notes) => {
                events.extend(stream.leaves.iter().filter_map(|octets| match Leaf::decode(octets) {
                    Ok(Leaf::Note(leaf)) => note(core, hook, &leaf, octets, batch),
                    Ok(Leaf::Points(_) | Leaf::Operation(_) | Leaf::Unknown(_)) | Err(_) => None,
                }));
            }
            None => {}
        }
    }
    events.sort_by_key(|event| event.place);
    events
}

/// One stream's part of a batch, whole: it verifies by itself.
fn points(core: &Core, era: &str, head: &StreamHead, stream: &SealedStream, batch: &SealedBatch) -> CloudEvent {
    let single = SealedBatch { streams: vec![stream.clone()], ..batch.clone() };
    let mut data = stream_out::operation(core, &single, [era]);
    data["recipient"] = data["issuer"].clone();
    let time = BatchHeader::decode(&batch.header).map_or(0, |header| header.meta.t_seal_ns);
    let event = json!({ "type": event_type(Verb::Stream), "subject": era, "time": format_time(time), "data": data });
    envelope(core, (batch.batch, head.stream, head.first_seq), event)
}

fn operation(core: &Core, hook: &Hook, leaf: &OperationLeaf, octets: &[u8], batch: &SealedBatch) -> Option<CloudEvent> {
    let verb = Verb::parse(&leaf.verb)?;
    let body: Value = serde_json::from_slice(&leaf.body).ok()?;
    // What is said to each peer is said once more to everyone: only what is meant for one peer comes from its own stream.
    let to_everyone = leaf.peer.is_empty();
    let for_one = verb.is_command() || verb == Verb::Acknowledge;
    if !hook.wants(verb) || to_everyone == for_one {
        return None;
    }
    let data = body.pointer("/message/contract/performance/0/performanceAttributes").unwrap_or(&body).clone();
    let era = data["resources"][0]["era"].as_str()?.to_owned();
    if !hook.wants_era(&era) {
        return None;
    }
    let mut event = json!({
        "type": event_type(verb),
        "subject": era,
        "time": data["issuedAt"],
        "iesleaf": base64_encode(&leaf_hash(octets)),
    });
    for (name, pointer) in [("correlationid", "/correlationId")] {
        if let Some(value) = data.pointer(pointer) {
            event[name] = value.clone();
        }
    }
    if let Some(transaction) = body.pointer("/context/transactionId") {
        event["iestxn"] = transaction.clone();
    }
    event["data"] = data;
    Some(envelope(core, (batch.batch, leaf.stream, leaf.seq), event))
}

fn note(core: &Core, hook: &Hook, leaf: &NoteLeaf, octets: &[u8], batch: &SealedBatch) -> Option<CloudEvent> {
    let (kind, data) = match leaf.kind.as_str() {
        "descriptors" if hook.wants(Verb::Stream) => {
            let set: Value = serde_json::from_str(&leaf.text).ok()?;
            ("in.ies.grid.descriptors.v0", json!({ "hash": leaf.fields.get("hash"), "set": set }))
        }
        "gap" if leaf.fields.get("sink") == Some(&hook.name) => {
            ("in.ies.grid.gap.v0", json!({ "at": format_time(leaf.at_ns), "text": leaf.text, "fields": leaf.fields }))
        }
        _ => return None,
    };
    let event = json!({
        "type": kind,
        "time": format_time(leaf.at_ns),
        "iesleaf": base64_encode(&leaf_hash(octets)),
        "data": data,
    });
    Some(envelope(core, (batch.batch, leaf.stream, leaf.seq), event))
}

fn envelope(core: &Core, place: Place, mut event: Value) -> CloudEvent {
    let (batch, stream, seq) = place;
    let id = event_id(core.recorder.epoch(), stream, seq);
    event["specversion"] = "1.0".into();
    event["id"] = id.as_str().into();
    event["source"] = core.settings.did.as_str().into();
    event["datacontenttype"] = "application/json".into();
    if event["data"]["@type"] == "GridOperation" {
        event["dataschema"] = DATA_SCHEMA.into();
    }
    event["sequence"] = seq.to_string().into();
    event["iesnetwork"] = core.settings.network.as_str().into();
    event["ieslog"] = core.settings.origin.as_str().into();
    event["iesbatch"] = batch.to_string().into();
    CloudEvent { place, id, octets: event.to_string() }
}

//! Our stream to subscribers: sealed batches, resumed where the subscriber confirmed, a heartbeat each second.

use std::collections::{BTreeMap, BTreeSet};

use bridge_ies::{format_time, json_number_f32};
use bridge_model::{Now, Value};
use bridge_provenance::{BatchHeader, Leaf, LeafPoint, SealedBatch};
use bridge_session::{Outbound, SinkId, StreamMessage, SubscriberId};
use serde_json::json;

use crate::core::{Core, Output};
use crate::exchange::SPEC;
use crate::router::from_leaf;
use crate::sealed_text::to_text;
use crate::store::Table;
use crate::timers::Timer;

/// Batches sent and not yet confirmed.
const WINDOW: u64 = 64;

struct Subscriber {
    peer: usize,
    next: u64,
    confirmed: u64,
}

pub(crate) struct StreamOut {
    subscribers: BTreeMap<SubscriberId, Subscriber>,
    wanted: BTreeSet<u32>,
}

impl StreamOut {
    pub(crate) fn new(wanted: BTreeSet<u32>) -> Self {
        Self { subscribers: BTreeMap::new(), wanted }
    }

    /// A peer subscribed. It gets the descriptor set, then everything since what it last confirmed.
    pub(crate) fn subscribe(
        &mut self,
        core: &mut Core,
        id: SubscriberId,
        peer: usize,
        last: Option<&str>,
        descriptors: (&str, &str),
        now: Now,
    ) {
        let old: Vec<SubscriberId> = self.subscribers.iter().filter(|(_, known)| known.peer == peer).map(|(id, _)| *id).collect();
        for old in old {
            self.subscribers.remove(&old);
            core.out.push_back(Output::North(Outbound::End(old)));
        }
        let name = core.settings.peers[peer].name.clone();
        let stored = core.load::<u64>(Table::StreamCursor, name.as_bytes()).map(|confirmed| confirmed + 1);
        let resumed = last.and_then(parse_id).filter(|(epoch, _)| *epoch == core.recorder.epoch()).map(|(_, batch)| batch + 1);
        let next = resumed.or(stored).unwrap_or_else(|| core.recorder.durable_batches()).min(core.recorder.durable_batches());
        core.note(now, "subscribed", &format!("{name} from batch {next}"), &[("peer", name)]);
        self.subscribers.insert(id, Subscriber { peer, next, confirmed: next });
        let data = json!({ "hash": descriptors.0, "set": descriptors.1 }).to_string();
        let message = StreamMessage { id: event_id(core.recorder.epoch(), next.saturating_sub(1)), event: "descriptors", data };
        core.out.push_back(Output::North(Outbound::Push { subscriber: id, message }));
        self.wait_for_confirmation(core, peer, now);
    }

    /// The subscription ended; gives its peer.
    pub(crate) fn unsubscribe(&mut self, id: SubscriberId) -> Option<usize> {
        self.subscribers.remove(&id).map(|subscriber| subscriber.peer)
    }

    /// Sends what is sealed and not yet sent.
    pub(crate) fn push(&mut self, core: &mut Core) {
        let sealed = core.recorder.durable_batches();
        for (id, subscriber) in &mut self.subscribers {
            while subscriber.next < sealed && subscriber.next < subscriber.confirmed + WINDOW {
                let wanted = &self.wanted;
                let Ok(batch) = core.recorder.read_batch(subscriber.next, &|stream| wanted.contains(&stream)) else {
                    // Without the batch the stream would have an unexplained hole: end it, and let fsck tell why.
                    core.out.push_back(Output::North(Outbound::End(*id)));
                    break;
                };
                let message = render(core, &batch);
                core.out.push_back(Output::North(Outbound::Push { subscriber: *id, message }));
                subscriber.next += 1;
            }
        }
    }

    /// A peer confirmed a message; it is durable there.
    pub(crate) fn confirm(&mut self, core: &mut Core, peer: usize, id: &str, now: Now) {
        let Some((epoch, batch)) = parse_id(id) else { return };
        if epoch != core.recorder.epoch() || batch >= core.recorder.durable_batches() {
            return;
        }
        for subscriber in self.subscribers.values_mut().filter(|subscriber| subscriber.peer == peer) {
            subscriber.confirmed = subscriber.confirmed.max(batch + 1);
        }
        let name = core.settings.peers[peer].name.clone();
        if core.load::<u64>(Table::StreamCursor, name.as_bytes()).is_none_or(|known| known < batch) {
            core.put(Table::StreamCursor, name.as_bytes(), &batch);
        }
        self.wait_for_confirmation(core, peer, now);
    }

    pub(crate) fn subscribed(&self, peer: usize) -> bool {
        self.subscribers.values().any(|subscriber| subscriber.peer == peer)
    }

    fn wait_for_confirmation(&self, core: &mut Core, peer: usize, now: Now) {
        let sink = SinkId(u16::try_from(peer).unwrap_or(u16::MAX));
        core.timers.set(Timer::Unconfirmed(sink), now.mono + core.settings.stream_silence);
    }
}

/// `<epoch>-<batch>`.
pub(crate) fn event_id(epoch: u64, batch: u64) -> String {
    format!("{epoch:016x}-{batch}")
}

/// The inverse of [`event_id`].
pub(crate) fn parse_id(id: &str) -> Option<(u64, u64)> {
    let (epoch, batch) = id.split_once('-')?;
    Some((u64::from_str_radix(epoch, 16).ok()?, batch.parse().ok()?))
}

fn render(core: &Core, batch: &SealedBatch) -> StreamMessage {
    let epoch = core.recorder.epoch();
    let id = event_id(epoch, batch.batch);
    let sealed = to_text(batch);
    if batch.streams.is_empty() {
        return StreamMessage { id, event: "heartbeat", data: json!({ "sealed": sealed }).to_string() };
    }
    let eras: BTreeSet<&str> = core.plan.resources.iter().map(|resource| resource.era.as_str()).collect();
    StreamMessage { id, event: "stream", data: json!({ "operation": operation(core, batch, eras) }).to_string() }
}

/// The points of a batch as a GridOperation of verb `stream`, with the sealed leaves beside them.
pub(crate) fn operation<'a>(core: &Core, batch: &SealedBatch, eras: impl IntoIterator<Item = &'a str>) -> serde_json::Value {
    let epoch = core.recorder.epoch();
    let mut frames = Vec::new();
    let mut descriptors = String::new();
    let mut first: Option<(u32, u64)> = None;
    let mut count = 0;
    for stream in &batch.streams {
        for bytes in &stream.leaves {
            count += 1;
            let Ok(Leaf::Points(leaf)) = Leaf::decode(bytes) else { continue };
            first.get_or_insert((leaf.stream, leaf.seq));
            if descriptors.is_empty() {
                descriptors = leaf.descriptors.iter().map(|octet| format!("{octet:02x}")).collect();
            }
            frames.extend(leaf.points.iter().map(frame));
        }
    }
    let (stream, seq) = first.unwrap_or_default();
    json!({
        "@type": "GridOperation",
        "specVersion": SPEC,
        "verb": "stream",
        "noun": "ACTUALS",
        "operationId": bridge_ies::stream_operation_id(&core.settings.did, stream, epoch, seq, count),
        "sequence": batch.batch.to_string(),
        "issuedAt": format_time(batch_time(batch)),
        "issuer": { "partyId": core.settings.did, "role": core.settings.role },
        "resources": eras.into_iter().map(|era| json!({ "era": era, "type": "GENERATING_UNIT" })).collect::<Vec<_>>(),
        "payload": { "streamId": format!("{}#{epoch:016x}", core.settings.origin), "descriptorSetRef": descriptors, "frames": frames, "sealed": to_text(batch) },
    })
}

fn batch_time(batch: &SealedBatch) -> i64 {
    BatchHeader::decode(&batch.header).map_or(0, |header| header.meta.t_seal_ns)
}

fn frame(point: &LeafPoint) -> serde_json::Value {
    let (value, quality, time) = from_leaf(point);
    let value = match value {
        Value::Bool(v) => json!(v),
        Value::Double(v) => json!(v as u8),
        Value::Int(v) => bridge_ies::json_integer(v),
        Value::Real32(v) => json_number_f32(v).map_or(serde_json::Value::Null, Into::into),
        Value::Real(v) => bridge_ies::json_number(v).map_or(serde_json::Value::Null, Into::into),
    };
    json!({ "t": format_time(time.utc.0), "pt": point.point, "v": value, "q": quality.to_bits() })
}

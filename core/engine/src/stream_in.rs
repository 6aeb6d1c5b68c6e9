//! Our subscription at a peer: every batch is verified before it is believed, journaled before it is confirmed.
//!
//! What comes from before an outage is replayed first and stays old; the peer's image, which follows, makes values fresh again (R19, R20).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge_ies::{Sealed, parse_strict};
use bridge_model::{Now, PointId, PointUpdate, Utc};
use bridge_profile::PointSource;
use bridge_provenance::{Leaf, ReceiverState, SealedBatch, VerifyError, leaf_hash, verify_batch};
use bridge_session::{Outbound, SinkId, StreamEvent};
use bridge_trust::{base64_decode, base64_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::core::{Core, Output, Then};
use crate::exchange::{Exchange, authorise};
use crate::router::descriptor_name;
use crate::sealed_text::from_text;
use crate::store::Table;
use crate::stream_out::{event_id, parse_id};
use crate::timers::Timer;

const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LAST: Duration = Duration::from_secs(10);

/// Where a subscription stands, as stored.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Cursor {
    epoch: u64,
    /// The next batch expected.
    next: u64,
    /// The receiver's state, as its own encoding in base64.
    state: String,
}

/// What the peer's point numbers mean to us.
#[derive(Default)]
struct Descriptors {
    name: [u8; 16],
    /// Peer's number → our point.
    ours: BTreeMap<u32, PointId>,
    /// Peer's link → our points.
    by_source: BTreeMap<String, BTreeSet<usize>>,
}

#[derive(Default)]
struct Subscription {
    cursor: Cursor,
    descriptors: Descriptors,
    open: bool,
    /// No batch came since it opened: only then may the peer begin later than we ended (what it no longer keeps).
    fresh: bool,
    /// The peer's image has been read since the stream opened.
    current: bool,
    failures: u32,
}

/// What a message of a peer's stream means.
#[derive(Default)]
pub(crate) struct Received {
    /// The peer.
    pub(crate) peer: usize,
    /// The subscription just became usable.
    pub(crate) revived: bool,
    /// The subscription was lost.
    pub(crate) lost: Option<String>,
    /// Points with the flags of their leaf points, in order.
    pub(crate) updates: Vec<(PointUpdate, u8)>,
    /// The updates may be believed as present.
    pub(crate) current: bool,
    /// Points of a descriptor set that is not known here.
    pub(crate) unnamed: usize,
    /// Points whose source the peer lost; `true`: for so long that they are INVALID.
    pub(crate) stale: Vec<(usize, bool)>,
}

pub(crate) struct StreamIn {
    peers: Vec<Option<Subscription>>,
}

impl StreamIn {
    pub(crate) fn new(core: &mut Core, now: Now) -> Self {
        let peers = core
            .settings
            .peers
            .clone()
            .iter()
            .enumerate()
            .map(|(place, peer)| {
                peer.subscribe.then(|| {
                    core.timers.set(Timer::Subscribe(SinkId(u16::try_from(place).unwrap_or(u16::MAX))), now.mono);
                    Subscription {
                        cursor: core.load(Table::Subscription, peer.name.as_bytes()).unwrap_or_default(),
                        ..Subscription::default()
                    }
                })
            })
            .collect();
        Self { peers }
    }

    /// Tries to subscribe.
    pub(crate) fn subscribe(&mut self, core: &mut Core, sink: SinkId, now: Now) {
        let Some(subscription) = self.peers.get_mut(usize::from(sink.0)).and_then(Option::as_mut) else { return };
        if subscription.open {
            return;
        }
        let Cursor { epoch, next, .. } = subscription.cursor;
        let last_event_id = next.checked_sub(1).map(|batch| event_id(epoch, batch));
        let authorization = authorise(core, b"", now);
        core.out.push_back(Output::North(Outbound::Subscribe { sink, last_event_id, authorization }));
        // If no answer comes at all, the attempt counts as lost.
        core.timers.set(Timer::Silent(sink), now.mono + core.settings.stream_silence * 2);
    }

    /// Whether the peer's present values may be believed.
    pub(crate) fn live(&self, peer: usize) -> bool {
        self.peers.get(peer).and_then(Option::as_ref).is_some_and(|subscription| subscription.open && subscription.current)
    }

    /// A peer's values as a verified message would bring them: for the trial of a profile.
    pub(crate) fn believe(&mut self, peer: usize, updates: Vec<(PointUpdate, u8)>) -> Received {
        let subscription = self.peers.get_mut(peer).and_then(Option::as_mut);
        let revived = subscription.is_some_and(|subscription| {
            subscription.open = true;
            !std::mem::replace(&mut subscription.current, true)
        });
        Received { peer, revived, updates, current: true, ..Received::default() }
    }

    /// Something happened on a subscription of ours.
    pub(crate) fn handle(&mut self, core: &mut Core, exchange: &Exchange, event: StreamEvent, now: Now) -> Option<Received> {
        match event {
            StreamEvent::Opened(sink) => {
                let subscription = self.peers.get_mut(usize::from(sink.0))?.as_mut()?;
                subscription.open = true;
                subscription.fresh = true;
                subscription.current = false;
                subscription.failures = 0;
                core.timers.set(Timer::Silent(sink), now.mono + core.settings.stream_silence);
                None
            }
            StreamEvent::Lost { sink, cause } => self.lose(core, sink, cause, now),
            StreamEvent::Message { sink, id, event, data } => self.message(core, exchange, sink, &id, &event, &data, now),
            StreamEvent::Subscribed { .. } | StreamEvent::Unsubscribed(_) | StreamEvent::Writable(_) => None,
        }
    }

    /// The subscription failed, fell silent or lied.
    pub(crate) fn lose(&mut self, core: &mut Core, sink: SinkId, cause: String, now: Now) -> Option<Received> {
        let peer = usize::from(sink.0);
        let subscription = self.peers.get_mut(peer)?.as_mut()?;
        let was = subscription.open;
        subscription.open = false;
        subscription.current = false;
        let wait = RETRY_FIRST.saturating_mul(1 << subscription.failures.min(6)).min(RETRY_LAST);
        subscription.failures += 1;
        core.timers.cancel(&Timer::Silent(sink));
        core.timers.set(Timer::Subscribe(sink), now.mono + wait);
        was.then(|| Received { peer, lost: Some(cause), ..Received::default() })
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one server-sent event")]
    fn message(
        &mut self,
        core: &mut Core,
        exchange: &Exchange,
        sink: SinkId,
        id: &str,
        event: &str,
        data: &str,
        now: Now,
    ) -> Option<Received> {
        let peer = usize::from(sink.0);
        let subscription = self.peers.get_mut(peer)?.as_mut()?;
        if !subscription.open {
            return None;
        }
        core.timers.set(Timer::Silent(sink), now.mono + core.settings.stream_silence);
        let Ok(message) = parse_strict(data.as_bytes()) else {
            return self.distrust(core, sink, "a message is not JSON", now);
        };
        if event == "descriptors" {
            subscription.descriptors = read_descriptors(core, peer, &message);
            return None;
        }
        let (Some((epoch, batch)), Some(sealed)) = (parse_id(id), read_sealed(&message)) else {
            return self.distrust(core, sink, "a message has no readable seal", now);
        };
        if epoch != subscription.cursor.epoch {
            // The peer's journal is another incarnation: a new stream, from here.
            subscription.cursor = Cursor { epoch, next: batch, state: String::new() };
        }
        if batch < subscription.cursor.next {
            return None;
        }
        if batch > subscription.cursor.next && !std::mem::take(&mut subscription.fresh) {
            // A message was lost on the way: resume from what is durable here.
            return self.lose(core, sink, format!("batch {batch} came without its predecessor"), now);
        }
        subscription.fresh = false;
        let keys: Vec<[u8; 32]> = core.trust.log_keys(&core.settings.peers[peer].did, now.utc.0);
        let mut state =
            base64_decode(&subscription.cursor.state).and_then(|octets| ReceiverState::decode(&octets).ok()).unwrap_or_default();
        let verified = verify_batch(&sealed, &core.settings.peers[peer].origin, &keys, &mut state);
        if let Err(error) = verified {
            let gap = matches!(error, VerifyError::Gap { .. });
            core.note(
                now,
                if gap { "gap" } else { "tampered" },
                &error.to_string(),
                &[("peer", core.settings.peers[peer].name.clone()), ("batch", batch.to_string())],
            );
            if !gap {
                return self.distrust(core, sink, &error.to_string(), now);
            }
        }
        let subscription = self.peers.get_mut(peer)?.as_mut()?;
        subscription.cursor = Cursor { epoch, next: batch + 1, state: base64_encode(&state.encode()) };
        let name = core.settings.peers[peer].name.clone();
        let cursor = subscription.cursor.clone();
        let passes = core.passes(now);
        if !passes {
            core.put(Table::Subscription, name.as_bytes(), &cursor);
        }
        let mut received = read_leaves(&sealed, &subscription.descriptors, now.utc);
        received.peer = peer;
        if !sealed.streams.is_empty() && !passes {
            let operation = message["operation"]["operationId"].as_str().unwrap_or_default();
            exchange.journal_received(core, peer, operation, "stream", "", data.as_bytes(), now);
        }
        received.revived &= !subscription.current;
        subscription.current |= received.revived;
        received.current = subscription.current;
        if received.unnamed > 0 {
            let text = "points of another descriptor set: kept in the record, passed to nobody";
            core.note(now, "gap", text, &[("peer", name.clone()), ("batch", batch.to_string()), ("points", received.unnamed.to_string())]);
        }
        core.counters.points_from_peers += received.updates.len() as u64;
        let body = json!({ "id": id }).to_string().into_bytes();
        let authorization = authorise(core, &body, now);
        let confirmation = Outbound::AckStream { sink, authorization, body };
        if passes {
            core.pass(received.updates.len() as u64, now);
            core.out.push_back(Output::North(confirmation));
        } else {
            core.recorder.hurry();
            core.when_durable(Then::North(confirmation));
        }
        Some(received)
    }

    fn distrust(&mut self, core: &mut Core, sink: SinkId, why: &str, now: Now) -> Option<Received> {
        let name = core.settings.peers.get(usize::from(sink.0)).map(|peer| peer.name.clone()).unwrap_or_default();
        core.tell(format!("stream of {name} is not believed: {why}"));
        self.lose(core, sink, why.to_owned(), now)
    }
}

fn read_sealed(message: &Value) -> Option<SealedBatch> {
    let sealed = message.pointer("/operation/payload/sealed").or_else(|| message.get("sealed"))?;
    from_text(&serde_json::from_value::<Sealed>(sealed.clone()).ok()?)
}

fn read_descriptors(core: &Core, peer: usize, message: &Value) -> Descriptors {
    let mut descriptors = Descriptors::default();
    let set = message["set"].as_str().unwrap_or_default();
    if message["hash"].as_str() != Some(descriptor_name(set).as_str()) {
        return descriptors;
    }
    descriptors.name.copy_from_slice(&leaf_hash(set.as_bytes())[..16]);
    let name = &core.settings.peers[peer].name;
    let ours: BTreeMap<(&str, &str), usize> = core
        .plan
        .points
        .iter()
        .enumerate()
        .filter_map(|(place, point)| match &point.source {
            PointSource::Remote { peer, era, measurement } if peer == name => Some(((era.as_str(), measurement.as_str()), place)),
            PointSource::Remote { .. } | PointSource::Link(_) | PointSource::Calculated => None,
        })
        .collect();
    let Ok(set) = parse_strict(set.as_bytes()) else { return Descriptors::default() };
    for entry in set["points"].as_array().into_iter().flatten() {
        let (Some(number), Some(era), Some(kind)) =
            (entry["pt"].as_u64().and_then(|n| u32::try_from(n).ok()), entry["era"].as_str(), entry["type"].as_str())
        else {
            continue;
        };
        if let Some(place) = ours.get(&(era, kind)) {
            descriptors.ours.insert(number, PointId(u32::try_from(*place).unwrap_or(u32::MAX)));
            let source = entry["source"].as_str().unwrap_or_default().to_owned();
            descriptors.by_source.entry(source).or_default().insert(*place);
        }
    }
    descriptors
}

fn read_leaves(batch: &SealedBatch, descriptors: &Descriptors, received: Utc) -> Received {
    let mut found = Received::default();
    // The streams of a batch come one after the other: what was read after its source was lost is told by the peer's own times.
    let mut read: BTreeMap<usize, i64> = BTreeMap::new();
    let mut lost: Vec<(usize, bool, i64)> = Vec::new();
    for bytes in batch.streams.iter().flat_map(|stream| &stream.leaves) {
        match Leaf::decode(bytes) {
            // Numbers of another descriptor set mean other points: nothing is better than a wrong point. It stays in the record.
            Ok(Leaf::Points(leaf)) if leaf.descriptors != descriptors.name => found.unnamed += leaf.points.len(),
            Ok(Leaf::Points(leaf)) => {
                for point in &leaf.points {
                    if let Some(ours) = descriptors.ours.get(&point.point) {
                        read.insert(ours.index(), leaf.received_ns);
                        found.updates.push((crate::router::update_from_leaf(point, *ours, received), point.flags));
                    }
                }
            }
            // The image that a new subscription begins with is complete.
            Ok(Leaf::Note(note)) if note.kind == "image" => found.revived = true,
            Ok(Leaf::Note(note)) if note.kind == "link-lost" || note.kind == "link-expired" => {
                let source = note.fields.get("link").map(String::as_str).unwrap_or_default();
                let points = descriptors.by_source.get(source).into_iter().flatten();
                lost.extend(points.map(|point| (*point, note.kind == "link-expired", note.at_ns)));
            }
            Ok(Leaf::Note(_) | Leaf::Operation(_) | Leaf::Unknown(_)) | Err(_) => {}
        }
    }
    let still = |(point, _, at): &(usize, bool, i64)| read.get(point).is_none_or(|read| read < at);
    found.stale.extend(lost.into_iter().filter(still).map(|(point, expired, _)| (point, expired)));
    found
}

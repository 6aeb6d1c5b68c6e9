//! From received frames to leaves, the image, served values, alarms and logs. The hot path: nothing is allocated or formatted per point.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bridge_model::{Cause, Detail, LinkId, Mono, Now, PointUpdate, TimeOrigin, Timestamp, Utc, Value};
use bridge_profile::{
    AlarmChange, Capture, ControlKind, Mapped, MappedPoint, Plan, PlannedPoint, PointSource, ServedSource, StreamClass, Upward, Verbs,
};
use bridge_provenance::{FrameRecord, LeafPoint, LeafValue, PointsHead, encode_points, leaf_flags, leaf_hash};
use bridge_session::{Frame, FrameBatch};

use crate::core::{Core, Output, Then};
use crate::image::Image;
use crate::recorder::Urgency;
use crate::timers::Timer;

/// The frames of a new connection, or of one to which data transfer moved, that may be a station's repetition of what is already durable.
const REPEATS: u64 = 64;
/// A batch of so many frames means that the peer is at its window and waits for the receipt (104: w = 8).
const AT_WINDOW: usize = 8;
/// Recent time-tagged changes that are remembered to recognise a repetition.
const RECENT: usize = 8192;

/// One stream's points of the frame at hand.
struct Slot {
    stream: u32,
    resource: u32,
    class: StreamClass,
    points: Vec<LeafPoint>,
    withheld: u32,
    /// Withheld since the last leaf, by frames that gave no leaf.
    carried: u32,
}

/// What arrived of one point, for those who serve, log and command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) point: usize,
    pub(crate) before: Option<Value>,
    pub(crate) value: Value,
    pub(crate) quality: bridge_model::Quality,
    pub(crate) time: Timestamp,
    pub(crate) cause: Cause,
    /// Passed the dead band, or a state.
    pub(crate) changed: bool,
    /// Seen before, with the same stamp and value.
    pub(crate) duplicate: bool,
    /// Older than what the image holds: for logs and event lists only (R20).
    pub(crate) historic: bool,
    /// The consequence of a wish, not of an event: an interrogation, a first reading.
    pub(crate) read: bool,
    pub(crate) test: bool,
}

/// What becomes of a link's frames (R23).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keeping {
    /// They are journaled, and acknowledged when they are durable.
    Journal,
    /// The journal takes nothing: they are used and acknowledged.
    Pass,
    /// The journal takes nothing: the static values in them are used, and nothing is acknowledged. Events come again.
    Statics,
}

/// What came of a batch beside the leaves.
#[derive(Default)]
pub(crate) struct Routed {
    /// Of points that concern someone beside the stream.
    pub(crate) changes: Vec<Change>,
    pub(crate) alarms: Vec<AlarmChange>,
}

#[derive(Default)]
struct LinkRecord {
    /// The last frames, oldest first: the memory of the oldest takes the next.
    tail: VecDeque<Vec<u8>>,
    /// The connection of the last frame, and the number of its first frame since it is that.
    connection: u32,
    first: u64,
}

pub(crate) struct Router {
    upward: Upward,
    pub(crate) image: Image,
    mapped: Mapped,
    slots: Vec<Slot>,
    touched: Vec<usize>,
    slot_of: Vec<usize>,
    /// Points of which only the stream wants to know are not offered to anyone else.
    concerns: Vec<bool>,
    links: Vec<LinkRecord>,
    /// Points that went on without a leaf.
    passed: BTreeSet<usize>,
    recent: BTreeSet<(usize, i64, u64)>,
    recent_order: VecDeque<(usize, i64, u64)>,
    descriptors: [u8; 16],
    /// The descriptor set: what the numbers in the leaves mean.
    pub(crate) descriptor_set: String,
    pub(crate) routed: Routed,
}

impl Router {
    pub(crate) fn new(core: &mut Core, tails: BTreeMap<u16, VecDeque<Vec<u8>>>) -> Self {
        let plan = core.plan.clone();
        let mut slots: Vec<Slot> = Vec::new();
        let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
        let slot_of = plan
            .points
            .iter()
            .map(|point| {
                let name = stream_name(&plan, point);
                *by_name.entry(name.clone()).or_insert_with(|| {
                    let stream = core.recorder.stream(&mut core.store, &name);
                    slots.push(Slot {
                        stream,
                        resource: u32::from(point.resource),
                        class: point.class,
                        points: Vec::new(),
                        withheld: 0,
                        carried: 0,
                    });
                    slots.len() - 1
                })
            })
            .collect();
        let sources = plan.points.iter().map(|point| source_of(core, &point.source)).collect();
        let mut links: Vec<LinkRecord> = plan.links.iter().map(|_| LinkRecord::default()).collect();
        for (link, tail) in tails {
            if let Some(record) = links.get_mut(usize::from(link)) {
                record.tail = tail;
            }
        }
        let descriptor_set = descriptor_set(&plan);
        let mut descriptors = [0; 16];
        descriptors.copy_from_slice(&leaf_hash(descriptor_set.as_bytes())[..16]);
        Self {
            upward: Upward::new(&plan),
            image: Image::new(sources, plan.links.len() + core.settings.peers.len()),
            mapped: Mapped::default(),
            slots,
            touched: Vec::new(),
            slot_of,
            concerns: concerns(&plan),
            links,
            passed: BTreeSet::new(),
            recent: BTreeSet::new(),
            recent_order: VecDeque::new(),
            descriptors,
            descriptor_set,
            routed: Routed::default(),
        }
    }

    /// The hash that names the descriptor set in the leaves, in hexadecimal.
    pub(crate) fn descriptor_name(&self) -> String {
        descriptor_name(&self.descriptor_set)
    }

    /// The numbers of the streams that carry points, for subscribers.
    pub(crate) fn streams(&self) -> BTreeSet<u32> {
        self.slots.iter().map(|slot| slot.stream).collect()
    }

    /// Takes back what a recovered leaf of ours said: the image as old, the event as seen.
    pub(crate) fn restore(&mut self, leaf: &[u8], now: Mono) {
        let Ok(leaf) = bridge_provenance::PointsLeaf::decode(leaf) else { return };
        if leaf.descriptors != self.descriptors {
            return;
        }
        for point in &leaf.points {
            let place = point.point as usize;
            if place >= self.slot_of.len() {
                continue;
            }
            let (value, quality, time) = from_leaf(point);
            if point.flags & leaf_flags::HISTORIC == 0 {
                self.image.restore(place, value, quality, time, now);
            }
            if is_event(value, time) {
                self.remember(place, value, time);
            }
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<u8> {
        self.upward.snapshot()
    }

    pub(crate) fn restore_mapping(&mut self, snapshot: &[u8]) {
        self.upward.restore(snapshot);
    }

    /// One batch of a link.
    pub(crate) fn handle_frames(&mut self, core: &mut Core, link: LinkId, batch: &FrameBatch, keeping: Keeping, now: Now) {
        let plan = core.plan.clone();
        let pass = keeping != Keeping::Journal;
        let hashed_only = plan.links[link.index()].capture == Capture::Hash;
        for frame in &batch.frames {
            core.counters.frames_received += 1;
            // What is not acknowledged comes again, and is no repetition then.
            let duplicate = keeping != Keeping::Statics && self.repeats(link, frame, batch);
            if duplicate {
                core.counters.duplicates_flagged += 1;
            }
            if !pass {
                let octets = batch.octets(frame);
                core.recorder.frame(&FrameRecord {
                    link: link.0,
                    connection: frame.connection,
                    number: frame.number,
                    received_ns: frame.received.0,
                    octets,
                    hashed_only,
                });
            }
            let updates = batch.updates_of(frame);
            let statics: Vec<PointUpdate>;
            let updates = if keeping == Keeping::Statics {
                statics = updates.iter().filter(|update| update.cause != Cause::Spontaneous).copied().collect();
                &statics
            } else {
                updates
            };
            if !updates.is_empty() {
                core.counters.updates_received += updates.len() as u64;
                let origin = (link.0, frame.connection, frame.number);
                self.map(&plan, updates, duplicate, true, now);
                self.write(core, (!pass).then_some(origin), frame.received, keeping, now);
            }
        }
        if batch.frames.is_empty() {
            return;
        }
        if keeping == Keeping::Statics {
            core.pass_unacknowledged(batch.frames.len() as u64, now);
            return;
        }
        if pass {
            core.pass(batch.frames.len() as u64, now);
        } else if batch.frames.len() >= AT_WINDOW {
            core.recorder.hurry();
        }
        for run in batch.frames.chunk_by(|a, b| a.connection == b.connection) {
            let Some(Frame { connection, number: frame, .. }) = run.last() else { continue };
            let (connection, frame) = (*connection, *frame);
            if pass {
                core.out.push_back(Output::Durable { link, connection, frame });
            } else {
                core.when_durable(Then::Receipt { link, connection, frame });
            }
        }
    }

    /// Points that another bridge's verified leaf brought. `current`: not a replay from before an outage.
    pub(crate) fn handle_points(&mut self, core: &mut Core, updates: &[(PointUpdate, u8)], current: bool, now: Now) {
        let plan = core.plan.clone();
        for (update, flags) in updates {
            let duplicate = flags & leaf_flags::POSSIBLE_DUPLICATE != 0;
            if flags & leaf_flags::HISTORIC == 0 {
                self.map(&plan, std::slice::from_ref(update), duplicate, current, now);
            } else {
                self.mapped.clear();
                self.upward.map_historic(update, &mut self.mapped);
                self.take_mapped(duplicate, current, now);
            }
        }
        let keeping = if core.passes(now) { Keeping::Pass } else { Keeping::Journal };
        self.write(core, None, now.utc, keeping, now);
    }

    /// Alarm delays and transit times that ran out.
    pub(crate) fn handle_timeout(&mut self, core: &mut Core, now: Now) {
        let plan = core.plan.clone();
        self.mapped.clear();
        self.upward.handle_timeout(&plan, now, &mut self.mapped);
        self.take_mapped(false, true, now);
        self.write(core, None, now.utc, Keeping::Journal, now);
    }

    /// Sets the timer for the mapping's own deadlines.
    pub(crate) fn arm(&self, core: &mut Core) {
        match self.upward.poll_timeout() {
            Some(at) => core.timers.set(Timer::Mapping, at),
            None => core.timers.cancel(&Timer::Mapping),
        }
    }

    /// The source is gone: its points are old from now, and the next reading of each counts as a first one.
    pub(crate) fn lose(&mut self, source: usize) {
        self.image.lose(source);
        let points: Vec<usize> = self.image.points_of(source).collect();
        self.forget(&points);
    }

    /// Writes points that grew old although their source lives. The next reading of each counts as a first one: it makes them good again,
    /// also at the other end, whatever its value.
    pub(crate) fn write_old(&mut self, core: &mut Core, points: &[usize], now: Now) {
        self.forget(points);
        self.write_image(core, points.iter().copied(), now);
    }

    fn forget(&mut self, points: &[usize]) {
        for point in points {
            self.upward.forget(bridge_model::PointId(u32::try_from(*point).unwrap_or(u32::MAX)));
        }
    }

    /// Writes the present image of these points as leaves marked IMAGE: a new subscriber's starting point.
    pub(crate) fn write_image(&mut self, core: &mut Core, points: impl Iterator<Item = usize>, now: Now) {
        let plan = core.plan.clone();
        for point in points {
            let Some((value, quality, time)) = self.image.current(point) else { continue };
            if !plan.points[point].verbs.contains(Verbs::STREAM) {
                continue;
            }
            let flags = leaf_flags::IMAGE;
            self.push(point, LeafPoint { flags, ..to_leaf(point, value, quality, time, Cause::Requested) });
        }
        self.write(core, None, now.utc, Keeping::Journal, now);
    }

    /// Writes the present image of what went on without the journal.
    pub(crate) fn write_passed(&mut self, core: &mut Core, now: Now) {
        let passed = std::mem::take(&mut self.passed);
        self.write_image(core, passed.into_iter(), now);
    }

    fn map(&mut self, plan: &Plan, updates: &[PointUpdate], duplicate: bool, current: bool, now: Now) {
        self.mapped.clear();
        for update in updates {
            self.upward.map(plan, update, now, &mut self.mapped);
        }
        self.take_mapped(duplicate, current, now);
    }

    fn take_mapped(&mut self, duplicate: bool, current: bool, now: Now) {
        let mapped = std::mem::take(&mut self.mapped);
        for point in &mapped.points {
            self.take(point, duplicate, current, now.mono);
        }
        self.routed.alarms.extend(mapped.alarms.iter().cloned());
        self.mapped = mapped;
    }

    fn take(&mut self, mapped: &MappedPoint, frame_repeats: bool, current: bool, now: Mono) {
        let point = mapped.point.index();
        let MappedPoint { value, quality, time, cause, .. } = *mapped;
        let test = quality.detail.contains(Detail::TEST);
        let read = matches!(cause, Cause::Interrogated | Cause::Requested);
        let event = is_event(value, time) && !read;
        let duplicate = (event && self.seen(point, value, time)) || frame_repeats;
        if event && !duplicate {
            self.remember(point, value, time);
        }
        let before = if self.concerns[point] { self.image.entry(point).map(|entry| entry.value) } else { None };
        if !mapped.historic && !test {
            self.image.set(point, value, quality, time, now, current);
        }
        let slot = self.slot_of[point];
        if mapped.changed || event {
            let mut flags = 0;
            if duplicate {
                flags |= leaf_flags::POSSIBLE_DUPLICATE;
            }
            if test {
                flags |= leaf_flags::TEST;
            }
            if read {
                flags |= leaf_flags::FROM_INTERROGATION;
            }
            if mapped.historic {
                flags |= leaf_flags::HISTORIC;
            }
            self.push(point, LeafPoint { flags, ..to_leaf(point, value, quality, time, cause) });
        } else {
            self.touch(slot);
            self.slots[slot].withheld += 1;
        }
        if !self.concerns[point] {
            return;
        }
        self.routed.changes.push(Change {
            point,
            before,
            value,
            quality,
            time,
            cause,
            changed: mapped.changed || event,
            duplicate,
            historic: mapped.historic,
            read,
            test,
        });
    }

    fn push(&mut self, point: usize, leaf: LeafPoint) {
        let slot = self.slot_of[point];
        self.touch(slot);
        self.slots[slot].points.push(leaf);
    }

    fn touch(&mut self, slot: usize) {
        let Slot { points, withheld, .. } = &self.slots[slot];
        if points.is_empty() && *withheld == 0 {
            self.touched.push(slot);
        }
    }

    /// One leaf for each stream that the frame touched.
    fn write(&mut self, core: &mut Core, frame: Option<(u16, u32, u64)>, received: Utc, keeping: Keeping, now: Now) {
        let epoch = core.recorder.epoch();
        for place in self.touched.drain(..) {
            let slot = &mut self.slots[place];
            if keeping != Keeping::Journal {
                // Values go on unsealed (R23); what waits for the disk must not grow with the outage.
                if keeping == Keeping::Pass {
                    core.pass(slot.points.len() as u64, now);
                }
                self.passed.extend(slot.points.iter().map(|point| point.point as usize));
                slot.points.clear();
                // A slot that holds something back counts as touched already.
                slot.carried += std::mem::take(&mut slot.withheld);
                continue;
            }
            let withheld = std::mem::take(&mut slot.withheld);
            core.counters.updates_withheld += u64::from(withheld);
            if slot.points.is_empty() {
                // Counted in the next leaf of the stream: a leaf without points would say nothing else.
                slot.carried += withheld;
                continue;
            }
            let withheld = withheld + std::mem::take(&mut slot.carried);
            core.counters.updates_journaled += slot.points.len() as u64;
            core.counters.events_produced += 1;
            let urgency = if slot.class == StreamClass::Event { Urgency::Event } else { Urgency::Telemetry };
            let (stream, resource, descriptors) = (slot.stream, slot.resource, self.descriptors);
            let points = &slot.points;
            core.recorder.leaf(stream, urgency, withheld, now.mono, |seq, out| {
                let head = PointsHead { stream, epoch, seq, resource, received_ns: received.0, frame, descriptors, withheld };
                encode_points(&head, points.iter().copied(), out);
            });
            slot.points.clear();
        }
    }

    /// Whether one of the link's last frames said the same, but for what differs whenever it is sent.
    fn repeats(&mut self, link: LinkId, frame: &Frame, batch: &FrameBatch) -> bool {
        let LinkRecord { tail, connection, first } = &mut self.links[link.index()];
        if *connection != frame.connection {
            (*connection, *first) = (frame.connection, frame.number);
        }
        let content = batch.content(frame);
        let repeats = frame.number.saturating_sub(*first) < REPEATS && tail.iter().any(|old| old.get(frame.header..) == Some(content));
        let mut kept = if tail.len() >= REPEATS as usize { tail.pop_front().unwrap_or_default() } else { Vec::new() };
        kept.clear();
        kept.extend_from_slice(batch.octets(frame));
        tail.push_back(kept);
        repeats
    }

    fn seen(&self, point: usize, value: Value, time: Timestamp) -> bool {
        self.recent.contains(&(point, time.utc.0, value.as_f64().to_bits()))
    }

    fn remember(&mut self, point: usize, value: Value, time: Timestamp) {
        let key = (point, time.utc.0, value.as_f64().to_bits());
        if self.recent.insert(key) {
            self.recent_order.push_back(key);
        }
        if self.recent_order.len() > RECENT
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent.remove(&oldest);
        }
    }
}

/// A state change that the device stamped: what sequence-of-events lists are made of.
pub(crate) fn is_event(value: Value, time: Timestamp) -> bool {
    value.is_state() && time.origin == TimeOrigin::Device
}

/// Whether anyone but the stream wants to know of a point: who serves it, logs it, reports it, or commands by it.
fn concerns(plan: &Plan) -> Vec<bool> {
    let mut concerns: Vec<bool> =
        plan.points.iter().map(|point| point.verbs.contains(Verbs::LOG) || point.verbs.contains(Verbs::REPORT)).collect();
    let served = plan.served.iter().filter_map(|served| match &served.source {
        ServedSource::Point(point) => Some(*point),
        ServedSource::Status { .. } | ServedSource::LinkState(_) | ServedSource::QueueOverflow(_) => None,
    });
    let driven = plan.controls.iter().flat_map(|control| match &control.kind {
        ControlKind::Drive(drive) => {
            let mut points = vec![drive.taken.point, drive.followed.point];
            points.extend(drive.requires.iter().map(|require| require.point).chain(drive.remote_enable));
            points.extend(drive.cap.iter().filter_map(|cap| cap.available));
            points
        }
        ControlKind::Instruct(instruct) => {
            instruct.requires.iter().map(|require| require.point).chain([instruct.reached.state.point]).collect()
        }
        ControlKind::Relay(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => Vec::new(),
    });
    for point in served.chain(driven) {
        if let Some(concerns) = concerns.get_mut(point.index()) {
            *concerns = true;
        }
    }
    concerns
}

/// The number of a point's source in the image: links first, then peers.
fn source_of(core: &Core, source: &PointSource) -> usize {
    match source {
        PointSource::Link(link) => link.index(),
        PointSource::Remote { peer, .. } => {
            let peers = &core.settings.peers;
            core.plan.links.len() + peers.iter().position(|known| known.name == *peer).unwrap_or(0)
        }
    }
}

fn source_name<'a>(plan: &'a Plan, source: &'a PointSource) -> &'a str {
    match source {
        PointSource::Link(link) => &plan.links[link.index()].spec.name,
        PointSource::Remote { peer, .. } => peer,
    }
}

fn stream_name(plan: &Plan, point: &PlannedPoint) -> String {
    let era = plan.resource_of(point).map_or("", |resource| resource.era.as_str());
    let class = if point.class == StreamClass::Event { "event" } else { "telemetry" };
    format!("{}|{era}|{class}", source_name(plan, &point.source))
}

/// The name of a descriptor set: the first 16 octets of its leaf hash, in hexadecimal.
pub(crate) fn descriptor_name(set: &str) -> String {
    leaf_hash(set.as_bytes())[..16].iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What the point numbers in the leaves mean, as one JSON text whose hash every leaf carries.
fn descriptor_set(plan: &Plan) -> String {
    let points: Vec<serde_json::Value> = plan
        .points
        .iter()
        .enumerate()
        .map(|(number, point)| {
            serde_json::json!({
                "pt": number,
                "id": point.id,
                "era": plan.resource_of(point).map(|resource| resource.era.as_str()),
                "type": point.measurement,
                "unit": point.unit,
                "powerBasis": point.basis.map(bridge_profile::Basis::as_str),
                "class": if point.class == StreamClass::Event { "event" } else { "telemetry" },
                "source": source_name(plan, &point.source),
            })
        })
        .collect();
    serde_json::json!({ "profile": plan.id, "version": plan.version, "points": points }).to_string()
}

/// Cause codes in leaves.
fn cause_code(cause: Cause) -> u8 {
    match cause {
        Cause::Spontaneous => 0,
        Cause::Cyclic => 1,
        Cause::Background => 2,
        Cause::Interrogated => 3,
        Cause::Requested => 4,
        Cause::ReturnRemote => 5,
        Cause::ReturnLocal => 6,
    }
}

fn cause_of(code: u8) -> Cause {
    match code {
        1 => Cause::Cyclic,
        2 => Cause::Background,
        3 => Cause::Interrogated,
        4 => Cause::Requested,
        5 => Cause::ReturnRemote,
        6 => Cause::ReturnLocal,
        _ => Cause::Spontaneous,
    }
}

const STAMPED_BY_BRIDGE: u8 = 0x80;

fn to_leaf(point: usize, value: Value, quality: bridge_model::Quality, time: Timestamp, cause: Cause) -> LeafPoint {
    LeafPoint {
        point: u32::try_from(point).unwrap_or(u32::MAX),
        value: match value {
            Value::Bool(v) => LeafValue::Bool(v),
            Value::Double(v) => LeafValue::Double(v as u8),
            Value::Int(v) => LeafValue::Int(v),
            Value::Real32(v) => LeafValue::F32(v),
            Value::Real(v) => LeafValue::F64(v),
        },
        quality: quality.to_bits(),
        raw: quality.raw,
        time_ns: time.utc.0,
        time_flags: time.flags.0 | if time.origin == TimeOrigin::Bridge { STAMPED_BY_BRIDGE } else { 0 },
        cause: cause_code(cause),
        flags: 0,
    }
}

/// Value, quality and time of a leaf's point.
pub(crate) fn from_leaf(point: &LeafPoint) -> (Value, bridge_model::Quality, Timestamp) {
    let value = match point.value {
        LeafValue::Bool(v) => Value::Bool(v),
        LeafValue::Double(v) => Value::Double(bridge_model::DoublePoint::from_bits(v)),
        LeafValue::Int(v) => Value::Int(v),
        LeafValue::F32(v) => Value::Real32(v),
        LeafValue::F64(v) => Value::Real(v),
    };
    let origin = if point.time_flags & STAMPED_BY_BRIDGE == 0 { TimeOrigin::Device } else { TimeOrigin::Bridge };
    let time = Timestamp { utc: Utc(point.time_ns), origin, flags: bridge_model::TimeFlags(point.time_flags & !STAMPED_BY_BRIDGE) };
    (value, bridge_model::Quality::from_bits(point.quality, point.raw), time)
}

/// The update that a peer's leaf point means for a point of ours.
pub(crate) fn update_from_leaf(leaf: &LeafPoint, point: bridge_model::PointId, received: Utc) -> PointUpdate {
    let (value, quality, time) = from_leaf(leaf);
    let cause =
        if leaf.flags & (leaf_flags::IMAGE | leaf_flags::FROM_INTERROGATION) == 0 { cause_of(leaf.cause) } else { Cause::Interrogated };
    PointUpdate { point, value, quality, time, received, cause }
}

//! From received frames to leaves, the image, served values, alarms and logs. The hot path: nothing is allocated or formatted per point.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bridge_model::{Cause, Detail, LinkId, Mono, Now, PointUpdate, TimeFlags, TimeOrigin, Timestamp, Utc, Value};
use bridge_profile::{
    AlarmChange, Capture, ControlKind, Mapped, MappedPoint, Plan, PlannedPoint, PointSource, ServedClass, ServedSource, StreamClass,
    Upward, Verbs,
};
use bridge_provenance::{FrameRecord, LeafPoint, LeafValue, PointsHead, encode_points, leaf_flags, leaf_hash};
use bridge_session::{Frame, FrameBatch};

use crate::calculated::Calculated;
use crate::clocks::{ClockChange, Clocks};
use crate::core::{Core, Output, Then};
use crate::image::Image;
use crate::recorder::Urgency;
use crate::resent::{Resent, Told};
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
    pub(crate) test: bool,
    /// What sequence-of-events lists are made of: a state, or a whole number served as an event, that was sent as a change.
    pub(crate) event: bool,
}

/// What is known of what is at hand beside its update.
#[derive(Clone, Copy, Default)]
struct Known {
    /// Its frame was told before.
    repeats: bool,
    /// It has no time tag, and by its frame it was told before.
    untimed_repeats: bool,
    /// The bridge that read it has judged whether it is an event without the device's stamp.
    judged: Option<bool>,
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
    pub(crate) clocks: Vec<ClockChange>,
}

#[derive(Default)]
struct LinkRecord {
    /// The last frames, oldest first: the memory of the oldest takes the next.
    tail: VecDeque<Vec<u8>>,
    /// The connection of the last frame, and the number of its first frame since it is that.
    connection: u32,
    first: u64,
    /// States without a time tag that may come again.
    resent: Resent,
}

pub(crate) struct Router {
    upward: Upward,
    pub(crate) image: Image,
    mapped: Mapped,
    calculated: Calculated,
    clocks: Clocks,
    /// Updates of a link whose clock is wrong, as they are mapped.
    doubted: Vec<PointUpdate>,
    slots: Vec<Slot>,
    touched: Vec<usize>,
    slot_of: Vec<usize>,
    /// Points of which only the stream wants to know are not offered to anyone else.
    concerns: Vec<bool>,
    /// Points whose whole numbers are events: packed states and events of protection equipment.
    listed: Vec<bool>,
    links: Vec<LinkRecord>,
    /// Points that went on without a leaf.
    passed: BTreeSet<usize>,
    recent: BTreeSet<(usize, i64, u64)>,
    recent_order: VecDeque<(usize, i64, u64)>,
    /// The states without a time tag of the frame at hand, and which of them were told before.
    told: Vec<Told>,
    told_before: Vec<bool>,
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
        // The last source is the bridge itself, of calculated points: it is never lost.
        let own = own_source(core);
        let mut image = Image::new(sources, own + 1);
        image.revive(own);
        descriptors.copy_from_slice(&leaf_hash(descriptor_set.as_bytes())[..16]);
        Self {
            upward: Upward::new(&plan),
            image,
            mapped: Mapped::default(),
            calculated: Calculated::new(&plan),
            clocks: Clocks::new(plan.links.len()),
            doubted: Vec::new(),
            slots,
            touched: Vec::new(),
            slot_of,
            concerns: concerns(&plan),
            listed: listed(&plan),
            links,
            passed: BTreeSet::new(),
            recent: BTreeSet::new(),
            recent_order: VecDeque::new(),
            told: Vec::new(),
            told_before: Vec::new(),
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
        let origin = leaf.frame;
        if let Some((link, ..)) = origin
            && let Some(link) = self.links.get_mut(usize::from(link))
        {
            link.resent.restored(leaf.received_ns);
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
            let cause = cause_of(point.cause);
            if point.flags & (leaf_flags::FROM_INTERROGATION | leaf_flags::IMAGE) != 0 || !is_change(cause) {
                continue;
            }
            if value.is_state() && time.origin == TimeOrigin::Device {
                self.remember(place, value, time);
            } else if let Some((link, _, number)) = origin
                && let Some(told) = self.told(place, value, quality, time, cause)
                && let Some(link) = self.links.get_mut(usize::from(link))
            {
                link.resent.restore(number, leaf.received_ns, told);
            }
        }
    }

    /// A receipt leaves for a link.
    pub(crate) fn handle_receipt(&mut self, link: LinkId, connection: u32, frame: u64) {
        if let Some(link) = self.links.get_mut(link.index()) {
            link.resent.handle_receipt(connection, frame);
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
            if updates.is_empty() {
                self.links[link.index()].resent.handle_frame(frame, &[], &mut self.told_before);
            } else {
                core.counters.updates_received += updates.len() as u64;
                let origin = (link.0, frame.connection, frame.number);
                self.map_received(&plan, link, frame, updates, duplicate, now);
                self.calculate(&plan, now);
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
                self.handle_receipt(link, connection, frame);
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
            let judged = Some(flags & leaf_flags::UNSTAMPED_EVENT != 0);
            let known = Known { repeats: duplicate, untimed_repeats: duplicate, judged };
            if flags & leaf_flags::HISTORIC == 0 {
                self.map(&plan, std::slice::from_ref(update), known, current, now);
            } else {
                self.map_historic(update, known, current, now);
            }
        }
        self.calculate(&plan, now);
        let keeping = keeping(core, now);
        self.write(core, None, now.utc, keeping, now);
    }

    /// Works out what is due because points were lost, grew old or expired.
    pub(crate) fn recalculate(&mut self, core: &mut Core, now: Now) {
        let plan = core.plan.clone();
        if self.calculate(&plan, now) {
            let keeping = keeping(core, now);
            self.write(core, None, now.utc, keeping, now);
        }
    }

    /// Works out the calculations that are due, and those due because of them. A state that did not change is not told again.
    fn calculate(&mut self, plan: &Plan, now: Now) -> bool {
        let mut any = false;
        while let Some((place, read)) = self.calculated.pop() {
            let calculation = &plan.calculations[place];
            let place = calculation.point.index();
            let readings: Vec<_> = calculation.inputs.iter().map_while(|input| self.image.current(input.index())).collect();
            let Some((mut value, quality, time)) = calculation.evaluate(&readings) else { continue };
            let before = self.image.current(place);
            if !value.as_f64().is_finite() {
                let Some((last, _, _)) = before else { continue };
                value = last;
            }
            if calculation.state && before.is_some_and(|(last, known, _)| last == value && known.to_bits() == quality.to_bits()) {
                continue;
            }
            let cause = if read { Cause::Interrogated } else { Cause::Spontaneous };
            let update = PointUpdate { point: calculation.point, value, quality, time, received: now.utc, cause };
            self.map(plan, std::slice::from_ref(&update), Known::default(), true, now);
            any = true;
        }
        any
    }

    /// Alarm delays and transit times that ran out.
    pub(crate) fn handle_timeout(&mut self, core: &mut Core, now: Now) {
        let plan = core.plan.clone();
        self.mapped.clear();
        self.upward.handle_timeout(&plan, now, &mut self.mapped);
        self.take_mapped(Known::default(), true, now);
        self.calculate(&plan, now);
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

    /// The source stayed away too long.
    pub(crate) fn expire(&mut self, source: usize) {
        self.image.expire(source);
        for point in self.image.points_of(source) {
            self.calculated.touch(point, true);
        }
    }

    /// The source of this point, behind a peer's stream, is lost (`expired`: for long).
    pub(crate) fn mark(&mut self, point: usize, expired: bool) {
        self.image.mark(point, expired);
        self.calculated.touch(point, true);
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
            self.calculated.touch(*point, true);
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

    /// What a station sent; the time of a station whose clock is wrong is not called synchronised (R21).
    fn map_received(&mut self, plan: &Plan, link: LinkId, frame: &Frame, updates: &[PointUpdate], duplicate: bool, now: Now) {
        self.routed.clocks.extend(self.clocks.observe(link, updates, now));
        if !self.clocks.is_wrong(link) {
            return self.map_frame(plan, link, frame, updates, duplicate, now);
        }
        let mut doubted = std::mem::take(&mut self.doubted);
        doubted.clear();
        doubted.extend(updates.iter().map(|update| {
            let mut update = *update;
            if update.time.origin == TimeOrigin::Device {
                update.time.flags = update.time.flags.with(TimeFlags::NOT_SYNCHRONISED);
            }
            update
        }));
        self.map_frame(plan, link, frame, &doubted, duplicate, now);
        self.doubted = doubted;
    }

    /// The updates of a link's frame. Of what it repeats, a state that a later one in it replaces is history: it moves nothing again (R20).
    fn map_frame(&mut self, plan: &Plan, link: LinkId, frame: &Frame, updates: &[PointUpdate], duplicate: bool, now: Now) {
        let mut told = std::mem::take(&mut self.told);
        told.clear();
        told.extend(updates.iter().filter_map(|update| self.told_by(update)));
        let mut before = std::mem::take(&mut self.told_before);
        self.links[link.index()].resent.handle_frame(frame, &told, &mut before);
        if before.contains(&true) {
            let mut at = 0;
            for update in updates {
                let point = update.point.index();
                let is_told = self.told_by(update).is_some();
                let untimed = is_told && before.get(at).copied().unwrap_or_default();
                at += usize::from(is_told);
                let known = Known { repeats: duplicate, untimed_repeats: untimed, judged: None };
                let is_replaced = untimed && told.get(at..).is_some_and(|later| later.iter().any(|told| told.point == point));
                if is_replaced {
                    self.map_historic(update, known, true, now);
                } else {
                    self.map(plan, std::slice::from_ref(update), known, true, now);
                }
            }
        } else {
            self.map(plan, updates, Known { repeats: duplicate, ..Known::default() }, true, now);
        }
        (self.told, self.told_before) = (told, before);
    }

    fn map(&mut self, plan: &Plan, updates: &[PointUpdate], known: Known, current: bool, now: Now) {
        self.mapped.clear();
        for update in updates {
            self.upward.map(plan, update, now, &mut self.mapped);
        }
        self.take_mapped(known, current, now);
    }

    fn map_historic(&mut self, update: &PointUpdate, known: Known, current: bool, now: Now) {
        self.mapped.clear();
        self.upward.map_historic(update, &mut self.mapped);
        self.take_mapped(known, current, now);
    }

    fn take_mapped(&mut self, known: Known, current: bool, now: Now) {
        let mapped = std::mem::take(&mut self.mapped);
        for point in &mapped.points {
            self.take(point, known, current, now.mono);
        }
        self.routed.alarms.extend(mapped.alarms.iter().cloned());
        self.mapped = mapped;
    }

    /// What is known again by its frame only. Most updates are not, and cost no scaling here.
    fn told_by(&self, update: &PointUpdate) -> Option<Told> {
        let point = update.point.index();
        let may_be = update.value.is_state() || self.listed.get(point).copied().unwrap_or_default();
        if !may_be || is_stamped(update.time) || !is_change(update.cause) {
            return None;
        }
        let MappedPoint { value, quality, time, cause, .. } = self.upward.scaled(update)?;
        self.told(point, value, quality, time, cause)
    }

    fn told(&self, point: usize, value: Value, quality: bridge_model::Quality, time: Timestamp, cause: Cause) -> Option<Told> {
        let is_told = self.is_discrete(point, value) && is_change(cause) && !is_stamped(time) && !is_retold(time);
        let test = quality.detail.contains(Detail::TEST);
        (is_told && !test).then(|| Told { point, value: value.as_f64().to_bits(), quality: quality.raw })
    }

    fn is_discrete(&self, point: usize, value: Value) -> bool {
        value.is_state() || (matches!(value, Value::Int(_)) && self.listed.get(point).copied().unwrap_or_default())
    }

    /// Whether a change that its device did not stamp is a line of the sequence of events. One that only gets another quality, or that is
    /// told as it was before the link was lost, is none.
    fn is_unstamped_event(&self, point: usize, mapped: &MappedPoint) -> bool {
        let MappedPoint { value, quality, time, .. } = *mapped;
        !is_retold(time)
            && self.image.entry(point).is_none_or(|entry| {
                entry.value != value || (entry.quality.to_bits() == quality.to_bits() && self.image.is_of_this_reading(point))
            })
    }

    fn take(&mut self, mapped: &MappedPoint, known: Known, current: bool, now: Mono) {
        let point = mapped.point.index();
        let MappedPoint { value, quality, time, cause, .. } = *mapped;
        let test = quality.detail.contains(Detail::TEST);
        let read = matches!(cause, Cause::Interrogated | Cause::Requested);
        let stamped = is_stamped(time);
        let listed = self.is_discrete(point, value)
            && is_change(cause)
            && (stamped || known.judged.unwrap_or_else(|| known.untimed_repeats || self.is_unstamped_event(point, mapped)));
        // A quantity that is served as an event is one for its list only.
        let event = listed && value.is_state();
        let duplicate = match listed {
            true if stamped => (event && self.seen(point, value, time)) || known.repeats,
            true => known.untimed_repeats,
            false => known.repeats,
        };
        if event && !duplicate && stamped {
            self.remember(point, value, time);
        }
        let before = if self.concerns[point] { self.image.entry(point).map(|entry| entry.value) } else { None };
        if !mapped.historic && !test {
            self.image.set(point, value, quality, time, now, current);
            self.calculated.touch(point, read);
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
            if listed && !stamped {
                flags |= leaf_flags::UNSTAMPED_EVENT;
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
            test,
            event: listed,
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
        let LinkRecord { tail, connection, first, .. } = &mut self.links[link.index()];
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

/// Sent because it changed, not because it was asked for or because its turn came.
const fn is_change(cause: Cause) -> bool {
    match cause {
        Cause::Spontaneous | Cause::ReturnRemote | Cause::ReturnLocal => true,
        Cause::Cyclic | Cause::Background | Cause::Interrogated | Cause::Requested => false,
    }
}

/// The device's own stamp of the change.
fn is_stamped(time: Timestamp) -> bool {
    time.origin == TimeOrigin::Device
}

/// A time that its sender both substituted and disowned: a state that is told again and did not change (see `served.rs`).
const fn is_retold(time: Timestamp) -> bool {
    time.flags.contains(TimeFlags::SUBSTITUTED.with(TimeFlags::INVALID))
}

/// The points that a link serves as events.
fn listed(plan: &Plan) -> Vec<bool> {
    let mut listed = vec![false; plan.points.len()];
    for served in plan.served.iter().filter(|served| served.class == ServedClass::Event) {
        if let ServedSource::Point(point) = &served.source
            && let Some(listed) = listed.get_mut(point.index())
        {
            *listed = true;
        }
    }
    listed
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
        PointSource::Calculated => own_source(core),
    }
}

/// What becomes of values that came by no link of their own.
fn keeping(core: &Core, now: Now) -> Keeping {
    if core.passes(now) { Keeping::Pass } else { Keeping::Journal }
}

/// The number of the bridge itself among the sources, behind links and peers.
fn own_source(core: &Core) -> usize {
    core.plan.links.len() + core.settings.peers.len()
}

fn source_name<'a>(plan: &'a Plan, source: &'a PointSource) -> &'a str {
    match source {
        PointSource::Link(link) => &plan.links[link.index()].spec.name,
        PointSource::Remote { peer, .. } => peer,
        PointSource::Calculated => "calculated",
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

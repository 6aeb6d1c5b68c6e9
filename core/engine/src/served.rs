//! Values for serving links: latest-only quantities, never-dropped events (R16), qualities that fall when the source is lost (R19).

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

use bridge_model::{Detail, DoublePoint, LinkId, Now, PointId, Quality, TimeFlags, TimeOrigin, Timestamp, Utc, Value};
use bridge_profile::{Plan, ServedClass, ServedSource, StatusKind};
use bridge_session::{Publish, PublishClass, Request};
use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::image::Image;
use crate::router::Change;
use crate::store::{Table, numbered, split_numbered};

/// Events of one lane handed to a session and not yet acknowledged by its peer; of all lanes at most half the queue, so that there is
/// something left to drop.
const WINDOW: usize = 1024;
/// An overflow is over when no more than this part of the depth waits: one half. A busy link's queue is never empty, and at the brim the
/// mark would come and go with each event.
const OVERFLOW_ENDS_AT: u64 = 2;

/// A queued event, as stored.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Waiting {
    served: u32,
    /// 0/1 single, 0–3 double; `double` tells which.
    state: u8,
    double: bool,
    quality: u16,
    raw: u16,
    at_ns: i64,
    time_flags: u8,
    return_info: bool,
    /// The time is the bridge's: the device gave none.
    #[serde(default)]
    by_bridge: bool,
    /// A whole number: packed states and events of protection equipment.
    #[serde(default)]
    whole: Option<i64>,
}

/// What the peer reads apart from the rest (DNP3: one class).
#[derive(Default)]
struct Lane {
    /// Numbers that wait and were not handed over.
    waiting: VecDeque<u64>,
    /// Numbers handed over, not acknowledged.
    handed: VecDeque<u64>,
}

#[derive(Default)]
struct EventQueue {
    lanes: BTreeMap<u8, Lane>,
    next: u64,
    /// How many may wait, handed over or not.
    depth: u64,
    /// The first number and the count of events lost since there was last room again.
    lost: Option<(u64, u64)>,
}

impl EventQueue {
    fn len(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len() + lane.handed.len()).sum()
    }

    /// Whether an overflow is over.
    fn has_room_again(&self) -> bool {
        self.len() as u64 <= self.depth / OVERFLOW_ENDS_AT
    }

    /// Takes out the oldest event that was not handed over.
    fn pop_oldest(&mut self) -> Option<u64> {
        let lane = self.lanes.values_mut().filter(|lane| !lane.waiting.is_empty()).min_by_key(|lane| lane.waiting.front().copied())?;
        lane.waiting.pop_front()
    }

    /// Takes out what may be handed over now.
    fn take_ready(&mut self) -> Vec<u64> {
        let window = WINDOW.min(usize::try_from(self.depth / 2).unwrap_or(WINDOW) / self.lanes.len().max(1)).max(1);
        let mut ready = Vec::new();
        for lane in self.lanes.values_mut() {
            while lane.handed.len() < window {
                let Some(number) = lane.waiting.pop_front() else { break };
                lane.handed.push_back(number);
                ready.push(number);
            }
        }
        ready
    }
}

/// What the control room of a relay control sees.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Status {
    pub(crate) state: f64,
    pub(crate) reason: f64,
    pub(crate) target: f64,
    pub(crate) time_left: f64,
    pub(crate) uncertain: bool,
}

pub(crate) struct ServedPoints {
    of_point: Vec<Vec<usize>>,
    of_status: BTreeMap<usize, Vec<(usize, StatusKind)>>,
    of_source: BTreeMap<String, Vec<usize>>,
    /// Points that show the overflow of a link's queue.
    of_queue: BTreeMap<String, Vec<usize>>,
    /// The value and quality last told spontaneously.
    last: Vec<Option<(f64, u16)>>,
    /// What was last told of what is the bridge's own: statuses, sources, overflow.
    own: BTreeMap<usize, (Value, Timestamp)>,
    queues: BTreeMap<LinkId, EventQueue>,
    batch: BTreeMap<LinkId, Vec<Publish>>,
}

impl ServedPoints {
    pub(crate) fn new(core: &Core) -> Self {
        let plan = core.plan.clone();
        let mut served = Self {
            of_point: vec![Vec::new(); plan.points.len()],
            of_status: BTreeMap::new(),
            of_source: BTreeMap::new(),
            of_queue: BTreeMap::new(),
            last: vec![None; plan.served.len()],
            own: BTreeMap::new(),
            queues: BTreeMap::new(),
            batch: BTreeMap::new(),
        };
        for (place, spec) in plan.served.iter().enumerate() {
            served.queues.entry(spec.link).or_default();
            match &spec.source {
                ServedSource::Point(point) => served.of_point[point.index()].push(place),
                ServedSource::Status { control, what } => served.of_status.entry(*control).or_default().push((place, *what)),
                ServedSource::LinkState(name) => served.of_source.entry(name.clone()).or_default().push(place),
                ServedSource::QueueOverflow(name) => served.of_queue.entry(name.clone()).or_default().push(place),
            }
        }
        for (link, queue) in &mut served.queues {
            let line = &plan.links[link.index()];
            queue.depth = line.event_queue.unwrap_or(core.settings.event_queue_depth).max(2);
            queue.lost = core.load(Table::Lost, line.spec.name.as_bytes());
        }
        for (key, stored) in core.store.entries(Table::EventQueue) {
            if let Some((name, number)) = split_numbered(key)
                && let Some(queue) = plan.link(name).and_then(|link| served.queues.get_mut(&link))
            {
                let lane = serde_json::from_slice::<Waiting>(stored).ok().and_then(|waiting| plan.served.get(waiting.served as usize));
                queue.lanes.entry(lane.map_or(0, |spec| spec.queue)).or_default().waiting.push_back(number);
                queue.next = number + 1;
            }
        }
        served
    }

    /// Everything as it stands, for a session that just came to be.
    pub(crate) fn publish_all(&mut self, core: &mut Core, image: &Image, now: Now) {
        for point in 0..self.of_point.len() {
            self.refresh(core, image, point);
        }
        let controls: Vec<usize> = self.of_status.keys().copied().collect();
        for control in controls {
            self.publish_status(core, control, Status::default(), now);
        }
        let queues: Vec<String> = self.of_queue.keys().cloned().collect();
        for name in queues {
            let lost = core.plan.link(&name).and_then(|link| self.queues.get(&link)).is_some_and(|queue| queue.lost.is_some());
            self.publish_overflow(core, &name, lost, now);
        }
    }

    /// A point changed.
    pub(crate) fn offer(&mut self, core: &mut Core, image: &Image, change: &Change, now: Now) {
        if self.of_point[change.point].is_empty() {
            return;
        }
        let plan = core.plan.clone();
        for place in self.of_point[change.point].clone() {
            let spec = &plan.served[place];
            let listed = change.event && spec.class == ServedClass::Event;
            // A test must not reach the control room's list (R18).
            if listed && !change.duplicate && !change.test {
                // What waits is told later; what interrogations read is never older than what is known (R20).
                if !self.queue(core, &plan, place, image, change, now) && !change.historic {
                    self.show(&plan, place, change.point, image);
                }
                continue;
            }
            if change.historic || change.test {
                continue;
            }
            // A repeated event is no new line of the list, but it is a reading: the value may be good again by it.
            self.latest(&plan, place, change.point, image, change.changed && !listed);
        }
    }

    /// The quality of a point's source changed: the last value, with the quality it deserves now.
    pub(crate) fn refresh(&mut self, core: &mut Core, image: &Image, point: usize) {
        let plan = core.plan.clone();
        for place in self.of_point[point].clone() {
            self.last[place] = None;
            self.latest(&plan, place, point, image, true);
        }
    }

    /// The image that interrogations read, without telling anybody.
    fn show(&mut self, plan: &Plan, place: usize, point: usize, image: &Image) {
        if let Some((value, quality, time)) = standing(plan, place, point, image) {
            self.push(plan.served[place].link, place, value, quality, time, PublishClass::Latest, false, false);
        }
    }

    fn latest(&mut self, plan: &Plan, place: usize, point: usize, image: &Image, spontaneous: bool) {
        let spec = &plan.served[place];
        let Some((value, quality, time)) = standing(plan, place, point, image) else { return };
        let number = value.as_f64();
        let bits = quality.to_bits();
        // A change of quality is told even if the value stood still all the while.
        let requalified = self.last[place].is_none_or(|(_, was)| was != bits);
        let moved = self.last[place].is_none_or(|(last, _)| (last - number).abs() > spec.deadband || !number.is_finite());
        let tell = requalified || (spontaneous && moved);
        if tell {
            self.last[place] = Some((number, bits));
        }
        self.push(spec.link, place, value, quality, time, PublishClass::Latest, tell, false);
    }

    /// Queues an event. Whether it was handed over at once, and shows what the point is now.
    fn queue(&mut self, core: &mut Core, plan: &Plan, place: usize, image: &Image, change: &Change, now: Now) -> bool {
        let spec = &plan.served[place];
        let link = spec.link;
        let quality = change.quality;
        let name = plan.links[link.index()].spec.name.clone();
        let Some(queue) = self.queues.get_mut(&link) else { return false };
        let (length, depth) = (queue.len() as u64, queue.depth);
        let mut overflowed = false;
        if length >= depth
            && let Some(oldest) = queue.pop_oldest()
        {
            core.delete(Table::EventQueue, &numbered(&name, oldest));
            *core.counters.dropped.entry(format!("event queue of {name}")).or_default() += 1;
            let lost = queue.lost.get_or_insert((oldest, 0));
            lost.1 += 1;
            core.put(Table::Lost, name.as_bytes(), lost);
            if lost.1 == 1 {
                overflowed = true;
                core.tell(format!("link {name}: its event queue is full, the oldest events are lost to its peer"));
                core.note(
                    now,
                    "gap",
                    "event queue overflow: the oldest events are dropped from here on",
                    &[("link", name.clone()), ("first", oldest.to_string()), ("depth", depth.to_string())],
                );
            }
        }
        let waiting = Waiting {
            served: u32::try_from(place).unwrap_or(u32::MAX),
            state: match change.value {
                Value::Double(state) => state as u8,
                Value::Bool(state) => u8::from(state),
                Value::Int(_) | Value::Real32(_) | Value::Real(_) => 0,
            },
            double: matches!(change.value, Value::Double(_)),
            quality: quality.to_bits(),
            raw: quality.raw,
            at_ns: change.time.utc.0,
            time_flags: change.time.flags.0,
            by_bridge: change.time.origin == TimeOrigin::Bridge,
            return_info: change.cause == bridge_model::Cause::ReturnRemote,
            whole: if let Value::Int(whole) = change.value { Some(whole) } else { None },
        };
        let number = queue.next;
        queue.next += 1;
        queue.lanes.entry(spec.queue).or_default().waiting.push_back(number);
        core.put(Table::EventQueue, &numbered(&name, number), &waiting);
        self.fill(core, image, link);
        let last = self.batch.get(&link).and_then(|batch| batch.last());
        let shows = last.is_some_and(|publish| publish.class == PublishClass::Event(number));
        if overflowed {
            self.publish_overflow(core, &name, true, now);
        }
        shows
    }

    /// Hands over as many events as the window allows. One that is not what its point is now is past: the image does not go back to it.
    fn fill(&mut self, core: &mut Core, image: &Image, link: LinkId) {
        let plan = core.plan.clone();
        let name = plan.links[link.index()].spec.name.clone();
        let Some(queue) = self.queues.get_mut(&link) else { return };
        for number in queue.take_ready() {
            let Some(waiting) = core.load::<Waiting>(Table::EventQueue, &numbered(&name, number)) else { continue };
            let value = match (waiting.whole, waiting.double) {
                (Some(whole), _) => Value::Int(whole),
                (None, true) => Value::Double(DoublePoint::from_bits(waiting.state)),
                (None, false) => Value::Bool(waiting.state == 1),
            };
            let quality = Quality::from_bits(waiting.quality, waiting.raw);
            let origin = if waiting.by_bridge { TimeOrigin::Bridge } else { TimeOrigin::Device };
            let time = Timestamp { utc: Utc(waiting.at_ns), origin, flags: TimeFlags(waiting.time_flags) };
            core.counters.events_served += 1;
            let place = waiting.served as usize;
            let current = match plan.served.get(place).map(|spec| &spec.source) {
                Some(ServedSource::Point(point)) => image.current(point.index()),
                Some(ServedSource::Status { .. } | ServedSource::LinkState(_) | ServedSource::QueueOverflow(_)) | None => None,
            };
            let stands = current.is_some_and(|(last, now, at)| last == value && now.to_bits() == waiting.quality && at.utc == time.utc);
            let class = if stands { PublishClass::Event(number) } else { PublishClass::Past(number) };
            self.push(link, place, value, quality, time, class, true, waiting.return_info);
        }
    }

    /// The peer of a serving link acknowledged events.
    pub(crate) fn handle_delivered(&mut self, core: &mut Core, image: &Image, link: LinkId, numbers: RangeInclusive<u64>, now: Now) {
        core.counters.events_delivered += self.take_out(core, image, link, &numbers, now);
    }

    /// An event cannot be said to the peer of a serving link: it is lost to it, and that is told.
    pub(crate) fn handle_undeliverable(&mut self, core: &mut Core, image: &Image, link: LinkId, number: u64, now: Now) {
        let name = core.plan.links[link.index()].spec.name.clone();
        *core.counters.dropped.entry(format!("event that cannot be said on {name}")).or_default() +=
            self.take_out(core, image, link, &(number..=number), now);
        let fields = [("link", name), ("first", number.to_string()), ("count", "1".to_owned())];
        core.note(now, "gap", "an event that the link's protocol cannot say was lost to the peer; it is in the journal", &fields);
    }

    /// Takes events out of the queue for good; gives how many there were.
    fn take_out(&mut self, core: &mut Core, image: &Image, link: LinkId, numbers: &RangeInclusive<u64>, now: Now) -> u64 {
        let name = core.plan.links[link.index()].spec.name.clone();
        let Some(queue) = self.queues.get_mut(&link) else { return 0 };
        let mut count = 0;
        for lane in queue.lanes.values_mut() {
            // In order of number, and mostly from the front.
            let from = lane.handed.partition_point(|number| number < numbers.start());
            let to = lane.handed.partition_point(|number| number <= numbers.end());
            for number in lane.handed.drain(from..to.max(from)) {
                count += 1;
                core.delete(Table::EventQueue, &numbered(&name, number));
            }
        }
        // What was lost is told whole, and what shows it falls.
        let has_room = queue.has_room_again();
        let lost = queue.lost.take_if(|_| has_room);
        self.fill(core, image, link);
        if let Some((first, count)) = lost {
            core.delete(Table::Lost, name.as_bytes());
            let fields = [("link", name.clone()), ("first", first.to_string()), ("count", count.to_string())];
            core.note(now, "gap", "event queue overflow: so many events were lost to the peer; each is in the journal", &fields);
            self.publish_overflow(core, &name, false, now);
        }
        count
    }

    /// After a restart: what the tables still hold goes to the new sessions.
    pub(crate) fn resume(&mut self, core: &mut Core, image: &Image) {
        let links: Vec<LinkId> = self.queues.keys().copied().collect();
        for link in links {
            self.fill(core, image, link);
        }
    }

    /// The link's session is a new one: the image again, and every event that no peer has acknowledged.
    pub(crate) fn restart(&mut self, core: &mut Core, image: &Image, link: LinkId) {
        let Some(queue) = self.queues.get_mut(&link) else { return };
        for lane in queue.lanes.values_mut() {
            while let Some(number) = lane.handed.pop_back() {
                lane.waiting.push_front(number);
            }
        }
        let plan = core.plan.clone();
        for (place, spec) in plan.served.iter().enumerate().filter(|(_, spec)| spec.link == link) {
            match (&spec.source, self.own.get(&place)) {
                (ServedSource::Point(point), _) => {
                    self.last[place] = None;
                    self.latest(&plan, place, point.index(), image, true);
                }
                (_, Some((value, time))) => self.push(link, place, *value, Quality::GOOD, *time, PublishClass::Latest, true, false),
                // Never told yet.
                (_, None) => {}
            }
        }
        self.fill(core, image, link);
    }

    /// The status points of a relay control.
    pub(crate) fn publish_status(&mut self, core: &mut Core, control: usize, status: Status, now: Now) {
        let plan = core.plan.clone();
        for (place, what) in self.of_status.get(&control).cloned().unwrap_or_default() {
            let spec = &plan.served[place];
            let number = match what {
                StatusKind::State => status.state,
                StatusKind::Reason => status.reason,
                StatusKind::Target => status.target,
                StatusKind::TimeLeft => status.time_left,
                StatusKind::Uncertain => f64::from(u8::from(status.uncertain)),
            };
            let value = if what == StatusKind::Uncertain {
                Value::Bool(status.uncertain)
            } else {
                wire(Value::Real32(0.0), |_| plan.to_wire_served(spec, number))
            };
            self.tell_own(spec.link, place, value, now);
        }
    }

    /// A source came or went: its own point (R16: one event, not one for each value).
    pub(crate) fn publish_source(&mut self, core: &mut Core, name: &str, up: bool, now: Now) {
        let plan = core.plan.clone();
        for place in self.of_source.get(name).cloned().unwrap_or_default() {
            self.tell_own(plan.served[place].link, place, Value::Bool(up), now);
        }
    }

    /// Whether events towards a peer were lost.
    fn publish_overflow(&mut self, core: &mut Core, name: &str, lost: bool, now: Now) {
        let plan = core.plan.clone();
        for place in self.of_queue.get(name).cloned().unwrap_or_default() {
            self.tell_own(plan.served[place].link, place, Value::Bool(lost), now);
        }
    }

    /// Tells what is the bridge's own, and remembers it for a session that comes after this one.
    fn tell_own(&mut self, link: LinkId, place: usize, value: Value, now: Now) {
        let time = Timestamp::at_receipt(now.utc);
        self.own.insert(place, (value, time));
        self.push(link, place, value, Quality::GOOD, time, PublishClass::Latest, true, false);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one Publish")]
    fn push(
        &mut self,
        link: LinkId,
        place: usize,
        value: Value,
        quality: Quality,
        time: Timestamp,
        class: PublishClass,
        spontaneous: bool,
        return_info: bool,
    ) {
        let point = PointId(u32::try_from(place).unwrap_or(u32::MAX));
        // A test value must not reach the process picture (R18).
        if quality.detail.contains(Detail::TEST) && class == PublishClass::Latest {
            return;
        }
        self.batch.entry(link).or_default().push(Publish { point, value, quality, time, class, spontaneous, return_info });
    }

    /// Whether events towards a link's peer were lost and its queue is still more than half full (DNP3: IIN2.3).
    pub(crate) fn has_lost(&self, link: LinkId) -> bool {
        self.queues.get(&link).is_some_and(|queue| queue.lost.is_some())
    }

    /// Hands what this call gathered to the sessions.
    pub(crate) fn flush(&mut self, core: &mut Core) {
        for (link, batch) in &mut self.batch {
            if !batch.is_empty() {
                core.ask(*link, Request::Publish(std::mem::take(batch)));
            }
        }
    }
}

/// What a served point is now, in wire units; `None` if it was never read: the session shows such a point as INVALID and not topical by
/// itself (R19).
fn standing(plan: &Plan, place: usize, point: usize, image: &Image) -> Option<(Value, Quality, Timestamp)> {
    let spec = &plan.served[place];
    let (value, quality, time) = image.current(point)?;
    let value = if value.is_state() { value } else { wire(value, |eng| plan.to_wire_served(spec, eng)) };
    // A state told again is no event: its time goes out as neither the source's nor that of a change, so that nobody lists it.
    let flags = time.flags.with(TimeFlags::INVALID);
    let time = if value.is_state() { Timestamp { origin: TimeOrigin::Bridge, flags, ..time } } else { time };
    Some((value, quality, time))
}

/// Converts a number and keeps its width.
fn wire(value: Value, convert: impl Fn(f64) -> f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the served type is a short float")]
    match value {
        Value::Real32(v) => Value::Real32(convert(f64::from(v)) as f32),
        Value::Real(v) => Value::Real(convert(v)),
        Value::Int(v) => Value::Real(convert(Value::Int(v).as_f64())),
        Value::Bool(_) | Value::Double(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(depth: u64, numbers: &[(u8, u64)]) -> EventQueue {
        let mut queue = EventQueue { depth, ..EventQueue::default() };
        for (lane, number) in numbers {
            queue.lanes.entry(*lane).or_default().waiting.push_back(*number);
        }
        queue
    }

    #[test]
    fn a_lane_that_is_not_read_holds_no_other_up() {
        let many: Vec<(u8, u64)> = (0..5000).map(|number| (u8::from(number % 2 == 1), number)).collect();
        let mut queue = queue(100_000, &many);
        assert_eq!(queue.take_ready().len(), 2 * WINDOW);
        queue.lanes.entry(1).or_default().handed.clear();
        let ready = queue.take_ready();
        assert!(ready.len() == WINDOW && ready.iter().all(|number| number % 2 == 1), "only the lane that was read goes on");
    }

    #[test]
    fn an_overflow_is_over_when_half_of_the_queue_is_free() {
        let full: Vec<(u8, u64)> = (0..10).map(|number| (0, number)).collect();
        let mut queue = queue(10, &full);
        for left in (0..10).rev() {
            queue.pop_oldest();
            assert_eq!(queue.has_room_again(), left <= 5, "{left} wait");
        }
    }

    #[test]
    fn the_oldest_of_all_lanes_is_dropped_first_and_half_the_queue_stays_droppable() {
        let mut queue = queue(8, &[(1, 4), (1, 6), (0, 5), (0, 7), (0, 8), (0, 9)]);
        assert_eq!(queue.pop_oldest(), Some(4));
        assert_eq!(queue.take_ready(), [5, 7, 6], "two of each lane");
        assert_eq!((queue.pop_oldest(), queue.pop_oldest(), queue.pop_oldest()), (Some(8), Some(9), None));
        assert_eq!(queue.len(), 3);
    }
}

//! Webhooks: our sealed streams as batches of CloudEvents, at least once, in order, one request in flight, from a cursor in the journal.
//!
//! The cursor moves only when the receiver took a batch. A refused batch is halved until the one event is found that is refused; what
//! happens to it is declared. Who lags beyond `max_lag` is parked (`contracted`) or set to the present; either leaves a signed gap.

use std::collections::VecDeque;
use std::time::Duration;

use bridge_ies::format_time;
use bridge_model::Now;
use bridge_provenance::BatchHeader;
use bridge_session::{HookId, Outbound, Post, PostAnswer, Posted};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cloudevents::{CloudEvent, Place, Streams, events};
use crate::core::{Core, Output};
use crate::exchange::{Exchange, authorise};
use crate::settings::{Hook, OnPoison};
use crate::store::Table;
use crate::timers::Timer;

const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LAST: Duration = Duration::from_secs(60);
/// A parked hook is tried again so often.
const PROBE: Duration = Duration::from_secs(300);
/// Sealed batches read for one hook in one call: the rest waits for the next.
const READ_AT_ONCE: usize = 64;
/// Batches without an event for a hook after which its cursor is moved behind them.
const PASSED: u64 = 1024;
/// Events skipped one after the other before the hook is parked: then it is not the events that are wrong.
pub const MAX_SKIPS: u32 = 16;
/// Refusals that speak of us or of the address, not of an event: unauthorised, forbidden, not found, method, proxy, gone, misdirected.
const NOT_THE_EVENT: [u16; 7] = [401, 403, 404, 405, 407, 410, 421];

/// How far a hook has come; kept in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// The batch that holds the next event, or may.
    batch: u64,
    /// The last event delivered or skipped in that batch: stream and sequence number.
    after: Option<(u32, u64)>,
    /// Nothing from this batch on is held while the hook is parked for lag, and since when (ns).
    held_to: Option<(u64, i64)>,
}

struct Waiting {
    event: CloudEvent,
    /// When its batch was sealed, ns.
    sealed_ns: i64,
}

#[derive(Default)]
struct Sink {
    streams: Streams,
    cursor: Cursor,
    /// The next batch to read.
    read: u64,
    queue: VecDeque<Waiting>,
    bytes: usize,
    /// When the oldest event of the queue was put there.
    since: Option<Now>,
    in_flight: Option<(u64, usize)>,
    next_id: u64,
    /// Events that the next batch may hold: halved when a batch is refused.
    allow: usize,
    failures: u32,
    skips: u32,
    waiting: bool,
    /// One event is refused, and the policy is to park.
    poisoned: bool,
    /// Its alarm stands.
    alarmed: bool,
}

/// All hooks.
pub(crate) struct Webhooks {
    sinks: Vec<Sink>,
    /// Batches sealed at the last look.
    seen: u64,
    /// An answer or a timer came since then.
    stirred: bool,
}

impl Webhooks {
    /// Goes on from the cursors; a new hook begins with what is sealed from now on.
    pub(crate) fn new(core: &mut Core, now: Now) -> Self {
        let mut sinks = Vec::new();
        for hook in core.settings.hooks.clone() {
            let stored = core.load::<Cursor>(Table::Hooks, hook.name.as_bytes());
            let cursor = stored.unwrap_or_else(|| {
                let cursor = Cursor { batch: core.recorder.durable_batches(), ..Cursor::default() };
                core.put(Table::Hooks, hook.name.as_bytes(), &cursor);
                let fields = [("sink", hook.name.clone()), ("batch", cursor.batch.to_string())];
                core.note(now, "sink", "a new webhook begins with what is sealed from now on", &fields);
                cursor
            });
            let alarmed = core.store.value(Table::Misc, alarm_key(&hook.name).as_bytes()).is_some();
            sinks.push(Sink { read: cursor.batch, cursor, allow: hook.max_events, alarmed, ..Sink::default() });
        }
        Self { sinks, seen: 0, stirred: true }
    }

    /// Reads what is sealed, parks who lags, sends what is due. At the beginning of the end of each call, so that what it notes is appended.
    pub(crate) fn push(&mut self, core: &mut Core, exchange: &mut Exchange, now: Now) {
        let sealed = core.recorder.durable_batches();
        // Most calls seal nothing: they cost a comparison.
        if sealed == self.seen && !self.stirred {
            return;
        }
        (self.seen, self.stirred) = (sealed, false);
        for place in 0..self.sinks.len() {
            let hook = core.settings.hooks[place].clone();
            let sink = &mut self.sinks[place];
            sink.fill(core, &hook, now);
            sink.limit_lag(core, exchange, &hook, now);
            sink.release(core, exchange, &hook, now);
            sink.send(core, &hook, place, now);
        }
    }

    /// A batch was answered.
    pub(crate) fn handle_posted(&mut self, core: &mut Core, exchange: &mut Exchange, posted: Posted, now: Now) {
        self.stirred = true;
        let place = usize::from(posted.hook.0);
        let (Some(sink), Some(hook)) = (self.sinks.get_mut(place), core.settings.hooks.get(place).cloned()) else { return };
        let Some((_, count)) = sink.in_flight.take_if(|(id, _)| *id == posted.id) else { return };
        match posted.answer {
            PostAnswer::Taken => {
                core.counters.webhook_events += count as u64;
                sink.failures = 0;
                sink.skips = 0;
                sink.poisoned = false;
                sink.allow = (sink.allow * 2).clamp(1, hook.max_events);
                sink.advance(core, &hook, count, now);
                if sink.cursor.held_to.is_none() {
                    sink.alarm(core, exchange, &hook, None, now);
                }
            }
            PostAnswer::Later { cause, after } => sink.later(core, &hook, place, &cause, after, now),
            PostAnswer::Refused { status, text } if NOT_THE_EVENT.contains(&status) => {
                let cause = format!("the receiver refuses us: {status} {text}");
                sink.alarm(core, exchange, &hook, Some(&cause), now);
                sink.later(core, &hook, place, &cause, None, now);
            }
            PostAnswer::Refused { status, text } if count > 1 => {
                core.tell(format!("webhook {}: a batch of {count} was refused ({status} {text}): halved", hook.name));
                sink.allow = count / 2;
            }
            PostAnswer::Refused { status, text } => sink.poison(core, exchange, &hook, place, (status, &text), now),
        }
    }

    /// The back-off is over, or a batch is old enough.
    pub(crate) fn handle_timer(&mut self, hook: HookId) {
        self.stirred = true;
        if let Some(sink) = self.sinks.get_mut(usize::from(hook.0)) {
            sink.waiting = false;
        }
    }

    /// A backlog is to be read on.
    pub(crate) fn stir(&mut self) {
        self.stirred = true;
    }

    /// Name, events that wait, and whether it is parked.
    pub(crate) fn status(&self, core: &Core) -> Vec<serde_json::Value> {
        let one = |(sink, hook): (&Sink, &Hook)| {
            let parked = sink.poisoned || sink.cursor.held_to.is_some();
            json!({ "name": hook.name, "waiting": sink.queue.len(), "batch": sink.cursor.batch, "parked": parked, "failures": sink.failures })
        };
        self.sinks.iter().zip(&core.settings.hooks).map(one).collect()
    }
}

impl Sink {
    /// Reads ahead, at most one request's worth and [`READ_AT_ONCE`] batches.
    fn fill(&mut self, core: &mut Core, hook: &Hook, now: Now) {
        self.streams.learn(core, hook);
        let end = self.cursor.held_to.map_or(u64::MAX, |(batch, _)| batch).min(core.recorder.durable_batches());
        for _ in 0..READ_AT_ONCE {
            if self.read >= end || self.queue.len() >= hook.max_events || self.bytes >= hook.max_bytes {
                return;
            }
            let streams = &self.streams;
            let Ok(batch) = core.recorder.read_batch(self.read, &|stream| streams.wants(stream)) else {
                // It stays where it is: fsck tells why, and nothing is passed over in silence.
                core.tell(format!("webhook {}: batch {} cannot be read from the journal", hook.name, self.read));
                return;
            };
            let sealed_ns = BatchHeader::decode(&batch.header).map_or(0, |header| header.meta.t_seal_ns);
            let after = self.cursor.after.filter(|_| self.read == self.cursor.batch);
            for event in events(core, hook, &self.streams, &batch) {
                let (_, stream, seq) = event.place;
                if after.is_none_or(|after| (stream, seq) > after) {
                    self.bytes += event.octets.len() + 1;
                    self.since.get_or_insert(now);
                    self.queue.push_back(Waiting { event, sealed_ns });
                }
            }
            self.read += 1;
            // Nothing to deliver there: after a restart it need not be read again.
            if self.queue.is_empty() && self.in_flight.is_none() && self.read >= self.cursor.batch + PASSED {
                (self.cursor.batch, self.cursor.after) = (self.read, None);
                self.persist(core, hook);
            }
        }
        // The rest of the backlog: at once, but not in this call.
        core.timers.set_earlier(Timer::WebhookRead, now.mono + Duration::from_millis(1));
    }

    /// Beyond `max_lag` a contracted hook is parked: what it has not got stays, what comes does not wait. Any other goes on with the present.
    fn limit_lag(&mut self, core: &mut Core, exchange: &mut Exchange, hook: &Hook, now: Now) {
        let Some(oldest) = self.queue.front() else { return };
        if self.cursor.held_to.is_some() {
            return;
        }
        let age = Duration::from_nanos(u64::try_from(now.utc.0 - oldest.sealed_ns).unwrap_or(0));
        let octets = core.recorder.octets_since(oldest.event.place.0);
        let within = age <= hook.max_lag && octets <= hook.max_lag_bytes;
        // What is on its way is answered first: only then can the cursor be set elsewhere.
        if within || (!hook.contracted && self.in_flight.is_some()) {
            return;
        }
        let text = format!("lags {} s and {octets} octets of the journal", age.as_secs());
        let fields = [("sink", hook.name.clone()), ("ageSeconds", age.as_secs().to_string()), ("octets", octets.to_string())];
        core.note(now, "parked", &format!("the sink {text}"), &fields);
        core.tell(format!("webhook {} {text}: {}", hook.name, if hook.contracted { "parked" } else { "goes on with the present" }));
        if hook.contracted {
            self.cursor.held_to = Some((core.recorder.durable_batches(), now.utc.0));
            self.persist(core, hook);
            self.alarm(core, exchange, hook, Some(&format!("parked: {text}")), now);
        } else {
            let from = oldest.event.place.0;
            self.jump(core, hook, from, oldest.sealed_ns, now);
        }
    }

    /// A parked hook has taken all that was held: it goes on with the present, and what it missed is told.
    fn release(&mut self, core: &mut Core, exchange: &mut Exchange, hook: &Hook, now: Now) {
        let Some((held_to, since)) = self.cursor.held_to else { return };
        if self.read < held_to || !self.queue.is_empty() || self.in_flight.is_some() {
            return;
        }
        self.cursor.held_to = None;
        self.jump(core, hook, held_to, since, now);
        self.alarm(core, exchange, hook, None, now);
        core.tell(format!("webhook {} is no longer parked", hook.name));
    }

    /// Sets the hook to the present, with a signed gap of what lies between.
    fn jump(&mut self, core: &mut Core, hook: &Hook, from: u64, since_ns: i64, now: Now) {
        let to = core.recorder.durable_batches();
        if to > from {
            let fields = [
                ("sink", hook.name.clone()),
                ("fromBatch", from.to_string()),
                ("toBatch", (to - 1).to_string()),
                ("from", format_time(since_ns)),
                ("to", format_time(now.utc.0)),
            ];
            core.note(now, "gap", "not delivered: the sink lagged beyond its limit", &fields);
            *core.counters.dropped.entry(format!("lag of {}", hook.name)).or_default() += to - from;
        }
        self.queue.clear();
        (self.bytes, self.since, self.read) = (0, None, to);
        self.cursor = Cursor { batch: to, after: None, held_to: None };
        self.persist(core, hook);
    }

    fn send(&mut self, core: &mut Core, hook: &Hook, place: usize, now: Now) {
        if self.in_flight.is_some() || self.waiting || self.queue.is_empty() || core.recorder.unwritable().is_some() {
            return;
        }
        let id = HookId(u16::try_from(place).unwrap_or(u16::MAX));
        let full = self.queue.len() >= self.allow.min(hook.max_events) || self.bytes >= hook.max_bytes;
        let due = self.since.map_or(now.mono, |since| since.mono + hook.max_age);
        if !full && due > now.mono {
            core.timers.set(Timer::Webhook(id), due);
            return;
        }
        let mut count = 0;
        let mut octets = 2;
        for waiting in &self.queue {
            let more = waiting.event.octets.len() + 1;
            // At least one, however long: the receiver says whether it is too long.
            if count > 0 && (count >= self.allow || octets + more > hook.max_bytes) {
                break;
            }
            count += 1;
            octets += more;
        }
        let events: Vec<&str> = self.queue.iter().take(count).map(|waiting| waiting.event.octets.as_str()).collect();
        let body = format!("[{}]", events.join(",")).into_bytes();
        self.next_id += 1;
        self.in_flight = Some((self.next_id, count));
        core.timers.cancel(&Timer::Webhook(id));
        let signature = authorise(core, &body, now);
        core.out.push_back(Output::North(Outbound::Post(Post { hook: id, id: self.next_id, signature, body })));
    }

    fn later(&mut self, core: &mut Core, hook: &Hook, place: usize, cause: &str, after: Option<Duration>, now: Now) {
        let wait = RETRY_FIRST.saturating_mul(1 << self.failures.min(10)).min(RETRY_LAST);
        let wait = if self.poisoned { PROBE } else { wait.max(after.unwrap_or_default()) };
        let jitter = Duration::from_millis(u64::try_from(core.random() % 100).unwrap_or(0));
        if self.failures == 0 {
            core.tell(format!("webhook {}: {cause}; again in {:.1} s", hook.name, wait.as_secs_f64()));
        }
        self.failures = self.failures.saturating_add(1);
        self.waiting = true;
        core.timers.set(Timer::Webhook(HookId(u16::try_from(place).unwrap_or(u16::MAX))), now.mono + wait + jitter);
    }

    /// The one event that the receiver refuses.
    fn poison(&mut self, core: &mut Core, exchange: &mut Exchange, hook: &Hook, place: usize, (status, text): (u16, &str), now: Now) {
        let Some(event) = self.queue.front().map(|waiting| waiting.event.id.clone()) else { return };
        let fields = [("sink", hook.name.clone()), ("event", event.clone()), ("status", status.to_string()), ("answer", text.to_owned())];
        if hook.on_poison == OnPoison::Skip && self.skips < MAX_SKIPS {
            core.note(now, "gap", "skipped: the receiver refuses this event for good", &fields);
            core.tell(format!("webhook {} refuses event {event} ({status} {text}): skipped, with a signed gap", hook.name));
            *core.counters.dropped.entry(format!("refused by {}", hook.name)).or_default() += 1;
            self.skips += 1;
            self.advance(core, hook, 1, now);
            return;
        }
        if !self.poisoned {
            core.note(now, "parked", "the receiver refuses an event", &fields);
            core.tell(format!("webhook {} refuses event {event} ({status} {text}): parked", hook.name));
        }
        self.poisoned = true;
        self.allow = 1;
        self.alarm(core, exchange, hook, Some(&format!("parked: event {event} is refused with {status} {text}")), now);
        self.later(core, hook, place, "parked", None, now);
    }

    /// The first events of the queue are done with; the cursor stands behind them.
    fn advance(&mut self, core: &mut Core, hook: &Hook, count: usize, now: Now) {
        let mut last: Option<Place> = None;
        for waiting in self.queue.drain(..count.min(self.queue.len())) {
            self.bytes -= waiting.event.octets.len() + 1;
            last = Some(waiting.event.place);
        }
        self.since = (!self.queue.is_empty()).then_some(now);
        if let Some((batch, stream, seq)) = last {
            self.cursor.batch = batch;
            self.cursor.after = Some((stream, seq));
            self.persist(core, hook);
        }
    }

    fn persist(&self, core: &mut Core, hook: &Hook) {
        core.put(Table::Hooks, hook.name.as_bytes(), &self.cursor);
    }

    /// Raises or clears the hook's alarm; once each.
    fn alarm(&mut self, core: &mut Core, exchange: &mut Exchange, hook: &Hook, why: Option<&str>, now: Now) {
        if self.alarmed == why.is_some() {
            return;
        }
        self.alarmed = why.is_some();
        let key = alarm_key(&hook.name);
        if why.is_some() {
            core.put_bytes(Table::Misc, key.as_bytes(), b"1");
        } else {
            core.delete(Table::Misc, key.as_bytes());
        }
        let Some(era) = core.plan.resources.first().map(|resource| resource.era.clone()) else { return };
        let state = if why.is_some() { "ACTIVE" } else { "CLEARED" };
        let mut payload = json!({
            "alarmId": format!("sink/{}", hook.name),
            "status": state,
            "severity": "CRITICAL",
            "limitType": "COMMS",
            "raisedAt": format_time(now.utc.0),
        });
        if why.is_none() {
            payload["clearedAt"] = format_time(now.utc.0).into();
        }
        core.tell(match why {
            Some(why) => format!("ALARM: webhook {}: {why}", hook.name),
            None => format!("clear: webhook {}", hook.name),
        });
        exchange.publish(core, if why.is_some() { "alarm" } else { "clear" }, "LIMIT_BREACH", &era, &payload, state, now);
    }
}

fn alarm_key(name: &str) -> String {
    format!("sink {name}")
}

//! Runs a profile's embedded tests on a whole bridge: a virtual clock, a journal in memory, a scripted station, no socket.
//!
//! What a test gives goes the product's own way: values as frames of a started link, operations signed with a test identity through the
//! door, commands out after their ticket is durable. The station of a test takes every command, echoes it, and lets the measured value
//! follow. A peer's values enter where a verified stream would bring them.

mod cap;
mod judge;
mod party;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bridge_ies::beckn::Envelope;
use bridge_ies::{Sealed, parse_time};
use bridge_journal::{MemDisk, Options};
use bridge_model::{Cause, Command, IndeterminateWhy, LinkId, Mono, Now, Outcome, PointId, PointUpdate, Quality, Timestamp, Utc, Value};
use bridge_profile::{ControlKind, Expect, GivenKind, Plan, PlannedPoint, PointSource, TestCase, Verbs};
use bridge_provenance::{Ed25519Signer, Leaf, leaf_flags};
use bridge_session::{
    Ack, AddressUse, Answer, Delivery, DeliveryResult, DoorReply, DoorRequest, Event, Field, FieldProblem, Fields, FrameBatch, Inbound,
    LinkPoint, LinkState, Outbound, Phase, Protocol, Publish, Request, Role, SinkId, StreamEvent, StreamMessage, SubscriberId,
};

use crate::bridge::{Bridge, LocalRequest, LocalWish, Parts};
use crate::core::Output;
use crate::instructions::OperatorAnswer;
use crate::router::from_leaf;
use crate::sealed_text::from_text;
use judge::{Seen, What, judge, quality_fields, text};
use party::Cast;

/// How a test ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrialOutcome {
    /// All expected was seen, nothing forbidden was.
    Passed,
    /// What was expected, what was there instead, and what was seen; one line each.
    Failed(Vec<String>),
}

/// The start of a test's clock: 2026-04-01T00:00:00Z.
const START: Utc = Utc(1_775_001_600_000_000_000);
/// The monotonic clock at the start: any but zero, so that ages before it exist.
const START_MONO: Mono = Mono(86_400_000_000_000);
/// How long before the start the points of `set` are read.
const BEFORE: Duration = Duration::from_secs(1);
/// How long a test runs after the last thing that it speaks of.
const TAIL: Duration = Duration::from_secs(300);
/// The scripted station confirms a command after this.
const CONFIRMS_AFTER: Duration = Duration::from_millis(50);
/// It shows the set-point after this.
const ECHOES_AFTER: Duration = Duration::from_millis(100);
/// The measured value is there after this.
const FOLLOWS_AFTER: Duration = Duration::from_secs(1);
/// It answers an interrogation after this.
const READ_AFTER: Duration = Duration::from_millis(20);
/// Turns of the clock that no test needs.
const MAX_TURNS: usize = 2_000_000;
const SUBSCRIBER: SubscriberId = SubscriberId(1);

/// What is due at a time of its own.
enum Due<'a> {
    Given(&'a GivenKind),
    Confirm(LinkId, Command),
    Hold(PointId, f64),
    Interrogated(LinkId),
}

struct Stage<'a> {
    plan: Arc<Plan>,
    protocols: &'a [&'a dyn Protocol],
    cast: Cast,
    bridge: Bridge,
    now: Now,
    due: BTreeMap<(Mono, u64), Due<'a>>,
    counter: u64,
    /// The last frame of each link.
    frames: Vec<u64>,
    started: Vec<bool>,
    /// What the stations hold.
    held: BTreeMap<PointId, PointUpdate>,
    seen: Vec<Seen>,
    told: Vec<String>,
}

/// Runs one test of a plan on a bridge of its own.
#[must_use]
pub fn run_trial(plan: &Plan, protocols: &[&dyn Protocol], test: &TestCase) -> TrialOutcome {
    match Stage::new(plan, protocols, test).and_then(|stage| stage.run(test)) {
        Ok(problems) if problems.is_empty() => TrialOutcome::Passed,
        Ok(problems) => TrialOutcome::Failed(problems),
        Err(problem) => TrialOutcome::Failed(vec![problem]),
    }
}

impl<'a> Stage<'a> {
    fn new(plan: &Plan, protocols: &'a [&'a dyn Protocol], test: &TestCase) -> Result<Self, String> {
        let plan = Arc::new(plan.clone());
        let now = Now { mono: Mono(0) + START_MONO.since(Mono(0)).saturating_sub(BEFORE), utc: START - BEFORE };
        let cast = Cast::new(&plan, test)?;
        let settings = cast.settings(&plan);
        let origin = settings.origin.clone();
        let signer = Ed25519Signer::from_seed(&origin, &party::LOG_SEED).ok_or("the test key is no key")?;
        let mut random = 0_u128;
        let parts = Parts {
            plan: plan.clone(),
            settings,
            identity: party::own_identity().map_err(|error| error.to_string())?,
            signer: Box::new(signer),
            trust: cast.trust(&plan, now).map_err(|error| error.to_string())?,
            disk: Arc::new(MemDisk::new()),
            journal: Options { origin, epoch: 1, writer: 1, fence: 1, segment_bytes: 64 << 20 },
            random: Box::new(move || {
                random += 1;
                random
            }),
        };
        let bridge = Bridge::new(parts, now).map_err(|error| error.to_string())?;
        let links = plan.links.len();
        Ok(Self {
            plan,
            protocols,
            cast,
            bridge,
            now,
            due: BTreeMap::new(),
            counter: 0,
            frames: vec![0; links],
            started: vec![false; links],
            held: BTreeMap::new(),
            seen: Vec::new(),
            told: Vec::new(),
        })
    }

    fn run(mut self, test: &'a TestCase) -> Result<Vec<String>, String> {
        let subscribed = StreamEvent::Subscribed {
            subscriber: SUBSCRIBER,
            tls_identity: Some(self.cast.peers[self.cast.observer].did.clone()),
            authorization: String::new(),
            last_event_id: None,
        };
        self.bridge.handle_north(Inbound::Stream(subscribed), self.now);
        self.cast.confirm(&mut self.bridge, self.now);
        for link in 0..self.plan.links.len() {
            self.link(link, true);
        }
        for (point, value) in &test.set {
            self.hold(*point, *value)?;
        }
        for given in &test.given {
            self.plan_at(START_MONO + given.at, Due::Given(&given.what));
        }
        let times = test.expect.iter().chain(&test.never).flat_map(|expect: &Expect| [expect.at, expect.within]).flatten();
        let last = times.chain(test.given.iter().map(|given| given.at)).max().unwrap_or_default();
        self.run_until(START_MONO + last + TAIL)?;
        Ok(judge(test, &self.seen, &self.told))
    }

    fn plan_at(&mut self, at: Mono, due: Due<'a>) {
        self.counter += 1;
        self.due.insert((at, self.counter), due);
    }

    fn after(&mut self, delay: Duration, due: Due<'a>) {
        self.plan_at(self.now.mono + delay, due);
    }

    fn run_until(&mut self, end: Mono) -> Result<(), String> {
        for _ in 0..MAX_TURNS {
            self.drain()?;
            // What is due and could not be done yet waits for the next nanosecond.
            let timer = self.bridge.poll_timeout().map(|at| at.max(Mono(self.now.mono.0 + 1)));
            let script = self.due.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = [timer, script].into_iter().flatten().min().filter(|next| *next <= end) else { return Ok(()) };
            let next = next.max(self.now.mono);
            self.now = Now { utc: self.now.utc + next.since(self.now.mono), mono: next };
            if self.bridge.poll_timeout().is_some_and(|at| at <= next) {
                self.bridge.handle_timeout(self.now);
                self.drain()?;
            }
            while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= next) {
                let due = entry.remove();
                self.perform(due)?;
                self.drain()?;
            }
        }
        Err("the bridge does not come to rest".to_owned())
    }

    fn perform(&mut self, due: Due<'a>) -> Result<(), String> {
        match due {
            Due::Given(given) => self.give(given)?,
            Due::Confirm(link, command) => {
                let outcome =
                    if self.started[link.index()] { Outcome::Completed } else { Outcome::Indeterminate(IndeterminateWhy::ConnectionLost) };
                self.bridge.handle_event(link, Event::Settled { command, outcome, at: self.now }, self.now);
                let plan = self.plan.clone();
                let Some(control) = plan.controls.get(command.point.index()) else { return Ok(()) };
                if let (Outcome::Completed, ControlKind::Drive(drive)) = (outcome, &control.kind) {
                    let value = match command.action {
                        bridge_model::Action::Set(wire) => control.conversion.to_eng(wire),
                        bridge_model::Action::Switch(on) => f64::from(u8::from(on)),
                    };
                    self.after(ECHOES_AFTER - CONFIRMS_AFTER, Due::Hold(drive.taken.point, value));
                    self.after(FOLLOWS_AFTER, Due::Hold(drive.followed.point, value));
                }
            }
            Due::Hold(point, value) => self.hold(point, value)?,
            Due::Interrogated(link) => {
                if self.started[link.index()] {
                    let plan = self.plan.clone();
                    let of_link = |point: &PointId| plan.points[point.index()].source == PointSource::Link(link);
                    let (utc, cause) = (self.now.utc, Cause::Interrogated);
                    let image = self.held.values().filter(|update| of_link(&update.point));
                    let image = image.map(|update| PointUpdate { time: Timestamp::at_receipt(utc), received: utc, cause, ..*update });
                    let image: Vec<PointUpdate> = image.collect();
                    self.frame(link, &image, b"interrogated");
                    self.bridge.handle_event(link, Event::InterrogationEnded, self.now);
                }
            }
        }
        Ok(())
    }

    fn give(&mut self, given: &GivenKind) -> Result<(), String> {
        match given {
            GivenKind::Wire { link, input } => {
                let updates = self.decode(*link, input)?;
                for update in &updates {
                    self.held.insert(update.point, *update);
                }
                self.frame(*link, &updates, format!("{input:?}").as_bytes());
            }
            GivenKind::Operation { verb, fields } => {
                let request = self.cast.order(&self.plan, verb, fields, self.counter, self.now)?;
                self.counter += 1;
                self.bridge.handle_north(Inbound::Door(request), self.now);
            }
            GivenKind::Inbox { answer, fields } => self.answer(answer, fields)?,
            GivenKind::Remote { point, value } => self.hold(*point, *value)?,
            GivenKind::Link { name, up } => {
                if let Some(link) = self.plan.link(name) {
                    self.link(link.index(), *up);
                } else if let Some(peer) = self.cast.peers.iter().position(|peer| peer.name == *name) {
                    let sink = SinkId(u16::try_from(peer).unwrap_or(u16::MAX));
                    if *up {
                        self.bridge.handle_peer(peer, Vec::new(), self.now);
                    } else {
                        let lost = StreamEvent::Lost { sink, cause: "down by test".to_owned() };
                        self.bridge.handle_north(Inbound::Stream(lost), self.now);
                    }
                } else {
                    return Err(format!("`{name}` is no link and no peer of this profile"));
                }
            }
        }
        Ok(())
    }

    /// An operator answers the newest instruction; a refused answer is a message to the operator.
    fn answer(&mut self, answer: &str, fields: &Fields) -> Result<(), String> {
        let word = |key: &str| match fields.get(key) {
            Some(Field::Text(text)) => Some(text.clone()),
            Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) | None => None,
        };
        let answer = match answer {
            "accept" => OperatorAnswer::Accept,
            "done" => OperatorAnswer::Done { text: word("text") },
            _ => OperatorAnswer::Reject { reason: word("reason").unwrap_or_default(), text: word("text") },
        };
        // Without an instruction the answer is refused, as a person's would be.
        let id = self.bridge.newest_instruction().unwrap_or_else(|| "none".to_owned());
        let wish = LocalWish::Answer { id, operator: party::TEST_OPERATOR.to_owned(), answer };
        self.bridge.handle_local(LocalRequest { id: 0, wish }, self.now);
        Ok(())
    }

    fn link(&mut self, link: usize, up: bool) {
        self.started[link] = up;
        let id = LinkId(u16::try_from(link).unwrap_or(u16::MAX));
        let state = if up { LinkState::Started } else { LinkState::Down };
        self.bridge.handle_event(id, Event::LinkState(state), self.now);
        if up && self.plan.reads(id) && !self.held.is_empty() {
            self.after(READ_AFTER, Due::Interrogated(id));
        }
    }

    /// A point takes a value, in engineering units: at its station or at its peer.
    fn hold(&mut self, point: PointId, value: f64) -> Result<(), String> {
        let plan = self.plan.clone();
        let planned = &plan.points[point.index()];
        match &planned.source {
            PointSource::Link(link) => {
                if !self.started[link.index()] {
                    return Ok(());
                }
                let wire = planned.conversion.to_wire(value);
                let mut input = address(&plan, *link, Role::Client, point).unwrap_or_default();
                #[expect(clippy::cast_possible_truncation, reason = "state codes are small whole numbers")]
                let field = if planned.cim_class == "Discrete" { Field::Int(wire.round() as i64) } else { Field::Float(wire) };
                input.insert("value".to_owned(), field);
                self.give(&GivenKind::Wire { link: *link, input })
            }
            PointSource::Remote { peer, .. } => {
                let peer = self.cast.peers.iter().position(|known| known.name == *peer).ok_or("no such peer")?;
                let update = PointUpdate {
                    point,
                    value: remote_value(planned, planned.conversion.to_wire(value)),
                    quality: Quality::GOOD,
                    time: Timestamp::by_device(self.now.utc),
                    received: self.now.utc,
                    cause: Cause::Spontaneous,
                };
                self.bridge.handle_peer(peer, vec![(update, 0)], self.now);
                Ok(())
            }
            PointSource::Calculated => Err(format!("`{}` is calculated: give the points that it is made of", planned.id)),
        }
    }

    fn decode(&self, link: LinkId, input: &Fields) -> Result<Vec<PointUpdate>, String> {
        let planned = &self.plan.links[link.index()];
        let cannot = |problem: FieldProblem| format!("an input cannot be read: {}; {}", problem.problem, problem.fix);
        self.protocol(link)?.decode_test(&planned.spec, input, self.now.utc).map_err(cannot)
    }

    fn protocol(&self, link: LinkId) -> Result<&'a dyn Protocol, String> {
        let name = &self.plan.links[link.index()].protocol;
        self.protocols.iter().find(|protocol| protocol.name() == name).copied().ok_or_else(|| format!("no protocol `{name}`"))
    }

    fn frame(&mut self, link: LinkId, updates: &[PointUpdate], octets: &[u8]) {
        if !self.started[link.index()] {
            return;
        }
        self.frames[link.index()] += 1;
        let number = self.frames[link.index()];
        let mut batch = FrameBatch::default();
        batch.updates.extend_from_slice(updates);
        // A frame's number keeps equal contents apart: a test never means a repetition.
        let octets = [&number.to_le_bytes(), octets].concat();
        batch.push(1, number, self.now.utc, &octets, 0);
        self.bridge.handle_frames(link, &batch, self.now);
    }

    fn drain(&mut self) -> Result<(), String> {
        while let Some(output) = self.bridge.poll() {
            match output {
                Output::Link { link, request } => self.request(link, request)?,
                Output::Sync(job) => self.bridge.handle_synced(job.run(), self.now),
                Output::Story(line) => self.told.push(format!("{:.3} s {line}", seconds(self.at()))),
                Output::North(outbound) => self.north(outbound)?,
                Output::Local(reply) => self.answered(&reply.line),
                Output::Durable { .. } => {}
            }
        }
        Ok(())
    }

    fn request(&mut self, link: LinkId, request: Request) -> Result<(), String> {
        match request {
            Request::Command(command) => {
                let spec = &self.plan.links[link.index()].spec;
                let rendered = self.protocol(link)?.render_command(spec, &command).map_err(|problem| problem.problem)?;
                self.see(self.at(), What::Wire(link), rendered.fields);
                self.bridge.handle_event(link, Event::Progress { id: command.id, phase: Phase::ExecuteSent }, self.now);
                self.after(CONFIRMS_AFTER, Due::Confirm(link, command));
            }
            Request::Interrogate => self.after(READ_AFTER, Due::Interrogated(link)),
            Request::Publish(values) => {
                for value in values.iter().filter(|value| value.spontaneous) {
                    self.published(link, value);
                }
            }
            Request::Answer { answer, .. } => {
                let word = match answer {
                    Answer::Confirm => "confirm",
                    Answer::Refuse(_) => "refuse",
                    Answer::Terminate => "terminate",
                    Answer::Silence => "silence",
                };
                self.see(self.at(), What::Wire(link), Fields::from([("answer".to_owned(), text(word))]));
            }
            // The scripted station has taken what it was sent, and has one connection.
            Request::Housekeep { .. }
            | Request::File { .. }
            | Request::System(_)
            | Request::Journal { .. }
            | Request::Cancel(_)
            | Request::SwitchOver => {}
        }
        Ok(())
    }

    fn published(&mut self, link: LinkId, publish: &Publish) {
        let mut fields = address(&self.plan, link, Role::Server, publish.point).unwrap_or_default();
        if let Some(served) = self.plan.served.get(publish.point.index()) {
            fields.insert("point".to_owned(), text(served.id.as_str()));
        }
        fields.insert("value".to_owned(), Field::Float(shortest(publish.value)));
        quality_fields(publish.quality, &mut fields);
        self.see(self.at(), What::Wire(link), fields);
    }

    fn north(&mut self, outbound: Outbound) -> Result<(), String> {
        match outbound {
            Outbound::Reply(reply) => self.replied(&reply),
            Outbound::Deliver(Delivery { sink, id, body, .. }) => {
                let envelope = Envelope::parse(&body).map_err(|error| format!("a message of the bridge cannot be read: {error}"))?;
                for performance in &envelope.performance {
                    self.said(usize::from(sink.0), &performance.attributes);
                }
                self.bridge.handle_north(Inbound::Delivered(DeliveryResult { sink, id, ack: Ack::Ack }), self.now);
            }
            Outbound::Push { message, .. } => {
                self.streamed(&message)?;
                let body = serde_json::json!({ "id": message.id }).to_string().into_bytes();
                let confirmation = DoorRequest {
                    id: 0,
                    action: "stream/ack".to_owned(),
                    authorization: String::new(),
                    tls_identity: Some(self.cast.peers[self.cast.observer].did.clone()),
                    body,
                    received: self.now,
                };
                self.bridge.handle_north(Inbound::Door(confirmation), self.now);
            }
            Outbound::End(_) | Outbound::Subscribe { .. } | Outbound::AckStream { .. } | Outbound::Post(_) => {}
        }
        Ok(())
    }

    fn replied(&mut self, reply: &DoorReply) {
        if reply.status == 200 {
            return;
        }
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let error = &body["message"]["error"];
        let mut fields = Fields::from([("status".to_owned(), Field::Int(i64::from(reply.status)))]);
        for (name, key) in [("reason", "code"), ("text", "message")] {
            if let Some(word) = error[key].as_str() {
                fields.insert(name.to_owned(), text(word));
            }
        }
        self.see(self.at(), What::Message("nack".to_owned()), fields);
    }

    /// What an operator is told of the answer.
    fn answered(&mut self, line: &str) {
        let reply: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        if let Some(why) = reply["error"].as_str() {
            self.see(self.at(), What::Message("refused".to_owned()), Fields::from([("text".to_owned(), text(why))]));
        }
    }

    /// The points of a stream message, from its sealed leaves.
    fn streamed(&mut self, message: &StreamMessage) -> Result<(), String> {
        let data: serde_json::Value = serde_json::from_str(&message.data).map_err(|error| error.to_string())?;
        let Some(sealed) = data.pointer("/operation/payload/sealed") else { return Ok(()) };
        let sealed: Sealed = serde_json::from_value(sealed.clone()).map_err(|error| error.to_string())?;
        let batch = from_text(&sealed).ok_or("a stream message's leaves cannot be read")?;
        let plan = self.plan.clone();
        for bytes in batch.streams.iter().flat_map(|stream| &stream.leaves) {
            let Ok(Leaf::Points(leaf)) = Leaf::decode(bytes) else { continue };
            for sealed in &leaf.points {
                let Some(point) = plan.points.get(sealed.point as usize) else { continue };
                // Test values and late events move no image (R18, R20).
                if sealed.flags & (leaf_flags::TEST | leaf_flags::HISTORIC) != 0 || !point.verbs.contains(Verbs::STREAM) {
                    continue;
                }
                let (value, quality, _) = from_leaf(sealed);
                let mut fields = identity(&plan, point);
                value_fields(point, value, &mut fields);
                quality_fields(quality, &mut fields);
                fields.insert("historic".to_owned(), Field::Bool(false));
                self.see_at(Utc(leaf.received_ns), What::Message("stream".to_owned()), fields);
            }
        }
        Ok(())
    }

    /// One operation of ours to a peer.
    fn said(&mut self, peer: usize, operation: &serde_json::Value) {
        let verb = operation["verb"].as_str().unwrap_or_default();
        let at = operation["issuedAt"].as_str().and_then(|time| parse_time(time).ok()).map_or(self.now.utc, Utc);
        let payload = &operation["payload"];
        let mut fields = Fields::new();
        fields.insert("peer".to_owned(), text(self.cast.peers[peer].name.as_str()));
        if let Some(era) = operation["resources"][0]["era"].as_str() {
            fields.insert("era".to_owned(), text(era));
        }
        let plan = self.plan.clone();
        let what = What::Message(verb.to_owned());
        match verb {
            // The same to every party that commands us: one hears it for all.
            "alarm" | "clear" | "log" if peer != self.cast.observer => {}
            "alarm" | "clear" => {
                let id = payload["alarmId"].as_str().unwrap_or_default();
                let (point, limit) = id.rsplit_once('/').unwrap_or(("", id));
                if let Some(point) = plan.point(point).and_then(|point| plan.points.get(point.index())) {
                    fields.extend(identity(&plan, point));
                }
                fields.insert("limit".to_owned(), text(limit));
                for (name, key) in [("severity", "severity"), ("kind", "limitType")] {
                    fields.insert(name.to_owned(), text(payload[key].as_str().unwrap_or_default().to_ascii_lowercase()));
                }
                if let Some(value) = payload["measured"]["value"].as_f64() {
                    fields.insert("value".to_owned(), Field::Float(value));
                }
                fields.insert("unknown".to_owned(), Field::Bool(payload["status"] == "UNKNOWN"));
                fields.insert("from_interrogation".to_owned(), Field::Bool(payload["fromInterrogation"] == true));
                self.see_at(at, what, fields);
            }
            "log" => {
                for entry in payload["entries"].as_array().into_iter().flatten() {
                    let mut fields = fields.clone();
                    let signal = entry["signal"].as_str().unwrap_or_default();
                    let to = entry["to"].as_str().unwrap_or_default();
                    if let Some(point) = plan.point(signal).and_then(|point| plan.points.get(point.index())) {
                        fields.extend(identity(&plan, point));
                        let code = point.alias.iter().find(|(_, name)| *name == to).map(|(code, _)| *code);
                        #[expect(clippy::cast_precision_loss, reason = "a state's code is 0 to 3")]
                        let value = code.map(|code| code as f64).or_else(|| to.parse().ok()).unwrap_or(f64::NAN);
                        value_fields(point, Value::Real(value), &mut fields);
                    }
                    fields.insert("historic".to_owned(), Field::Bool(entry["historic"] == true));
                    self.see_at(at, what.clone(), fields);
                }
            }
            _ => {
                for (name, pointer) in [
                    ("status", "/status"),
                    ("stage", "/stage"),
                    ("reason", "/reason/code"),
                    ("text", "/reason/text"),
                    ("by", "/supersededBy/partyId"),
                ] {
                    if let Some(word) = payload.pointer(pointer).and_then(serde_json::Value::as_str) {
                        let word = if matches!(name, "status" | "stage") { word.to_ascii_lowercase() } else { word.to_owned() };
                        fields.insert(name.to_owned(), text(word));
                    }
                }
                for (name, key) in [("setpoint", "setpoint"), ("measured", "measured")] {
                    if let Some(value) = payload["progress"][key].as_f64() {
                        fields.insert(name.to_owned(), Field::Float(value));
                    }
                }
                self.see_at(at, what, fields);
            }
        }
    }

    /// Time since the start.
    fn at(&self) -> Duration {
        self.now.mono.since(START_MONO)
    }

    fn see(&mut self, at: Duration, what: What, fields: Fields) {
        if self.now.mono >= START_MONO {
            self.seen.push(Seen { at, what, fields });
        }
    }

    fn see_at(&mut self, at: Utc, what: What, fields: Fields) {
        if at >= START {
            self.seen.push(Seen { at: at.since(START), what, fields });
        }
    }
}

/// The address of a point that is read (`Role::Client`) or served (`Role::Server`) on a link: two numberings, on a link of both directions.
fn address(plan: &Plan, link: LinkId, role: Role, point: PointId) -> Option<Fields> {
    let spec = &plan.links[link.index()].spec;
    let fits =
        |entry: &&LinkPoint| entry.usage == AddressUse::Monitor && entry.point == point && entry.is_reversed() == (spec.role != role);
    spec.points.iter().find(fits).map(|entry| entry.address.clone())
}

/// A peer's value as its own bridge would have typed it.
fn remote_value(point: &PlannedPoint, value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "state codes are small whole numbers")]
    match (point.unit.is_some(), point.measurement.as_str()) {
        (true, _) => Value::Real32(value as f32),
        (false, "SwitchPosition") => Value::Double(bridge_model::DoublePoint::from_bits(value.round() as u8)),
        (false, _) if point.alias.is_empty() => Value::Bool(value != 0.0),
        (false, _) => Value::Real32(value.round() as f32),
    }
}

fn identity(plan: &Plan, point: &PlannedPoint) -> Fields {
    let mut fields = Fields::new();
    fields.insert("point".to_owned(), text(point.id.as_str()));
    fields.insert("type".to_owned(), text(point.measurement.as_str()));
    if let Some(resource) = plan.resource_of(point) {
        fields.insert("era".to_owned(), text(resource.era.as_str()));
    }
    let basis = point.basis.map(bridge_profile::Basis::as_str);
    for (name, word) in [("unit", point.unit.as_deref()), ("basis", basis), ("phases", point.phases.as_deref())] {
        if let Some(word) = word {
            fields.insert(name.to_owned(), text(word));
        }
    }
    if let PointSource::Remote { peer, .. } = &point.source {
        fields.insert("peer".to_owned(), text(peer.as_str()));
    }
    fields
}

fn value_fields(point: &PlannedPoint, value: Value, fields: &mut Fields) {
    fields.insert("value".to_owned(), Field::Float(shortest(value)));
    #[expect(clippy::cast_possible_truncation, reason = "state codes are small whole numbers")]
    if let Some(name) = point.alias.get(&(value.as_f64() as i64)) {
        fields.insert("state".to_owned(), text(name.as_str()));
    }
}

/// A short float through its shortest decimal form: 243.6 stays 243.6.
fn shortest(value: Value) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.as_f64())
}

fn seconds(at: Duration) -> f64 {
    at.as_secs_f64()
}

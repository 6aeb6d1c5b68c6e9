//! The whole bridge as one value: frames, events, requests, commits and time in; requests, receipts, messages and the next deadline out.

mod announce;
mod commit;
mod curtail;
mod inbox;
mod links;
mod local;
mod orders;
mod soe;
mod switch;
mod system;

use std::collections::BTreeMap;
use std::sync::Arc;

use bridge_journal::{Disk, Options, Position, SyncDone};
use bridge_model::{LinkId, Mono, Now, PointId};
use bridge_profile::{JournalFailure, Plan, switch_position};
use bridge_provenance::{ClockState, SealMeta, Signer};
use bridge_session::{Event, FrameBatch, Inbound, LinkState, Outbound, Request, SinkId, StreamEvent};
use bridge_trust::TrustBundle;

pub use links::LinkWish;
pub use local::{LocalRequest, LocalWish};

use self::soe::Soe;
use crate::Error;
use crate::caps;
use crate::core::{Core, Identity, Output, Random};
use crate::counters::Counters;
use crate::door::{Door, confirmed_id, reply, who};
use crate::exchange::Exchange;
use crate::housekeeping::Requests;
use crate::instructions::{Bench, Instructions};
use crate::operations::{self, Operation};
use crate::programme::{Desk, Programme, Programmes};
use crate::recorder::{Recorder, Unwritable};
use crate::relay::Relays;
use crate::reports::Reports;
use crate::router::{Keeping, Router};
use crate::selections::Selections;
use crate::served::ServedPoints;
use crate::settings::Settings;
use crate::store::Table;
use crate::stream_in::{Received, StreamIn};
use crate::stream_out::StreamOut;
use crate::timers::Timer;
use crate::webhook::Webhooks;

/// A peer whose stream stayed away so long: its values are INVALID (R19).
const PEER_INVALID_AFTER: std::time::Duration = std::time::Duration::from_secs(600);
/// How long a ramp's step waits while its control is selected.
const SELECTED_RETRY: std::time::Duration = std::time::Duration::from_millis(500);

/// Everything the engine is made from.
pub struct Parts {
    /// The compiled profiles.
    pub plan: Arc<Plan>,
    /// The checked configuration.
    pub settings: Settings,
    /// Keys.
    pub identity: Identity,
    /// The log's key.
    pub signer: Box<dyn Signer>,
    /// The signed local trust bundle (R26).
    pub trust: TrustBundle,
    /// Where the journal lives.
    pub disk: Arc<dyn Disk>,
    /// How the journal is made if it is new.
    pub journal: Options,
    /// Randomness.
    pub random: Random,
}

/// The bridge.
pub struct Bridge {
    core: Core,
    router: Router,
    served: ServedPoints,
    exchange: Exchange,
    door: Door,
    programmes: Programmes,
    instructions: Instructions,
    requests: Requests,
    selections: Selections,
    relays: Relays,
    stream_out: StreamOut,
    webhooks: Webhooks,
    stream_in: StreamIn,
    reports: Reports,
    /// Peers that prove they hear us: by confirming our stream, or by being heard.
    issuer_live: Vec<bool>,
    link_started: Vec<bool>,
    /// Connections of each link that stand by.
    standby: Vec<u32>,
    systems: system::Systems,
    /// Controls whose alarm of an unknown outcome stands.
    uncertain_told: Vec<bool>,
    soe: Soe,
    /// The journal takes nothing, and links that acknowledge no event meanwhile were told (R23).
    journal_rests: bool,
    /// An orderly stop closes our own links: that is no fault of theirs.
    stopping: bool,
}

impl Bridge {
    /// Opens the journal, recovers, and is ready.
    ///
    /// # Errors
    /// If the journal cannot be opened, is damaged beyond recovery, or is behind its own checkpoint.
    pub fn new(parts: Parts, now: Now) -> Result<Self, Error> {
        let Parts { plan, settings, identity, signer, trust, disk, journal, random } = parts;
        let meta = SealMeta {
            t_open_ns: now.utc.0,
            t_seal_ns: now.utc.0,
            clock: ClockState { source: settings.clock_source.clone(), synchronised: true, uncertainty_us: 0 },
            dropped: BTreeMap::new(),
            config_hash: settings.config_hash,
            policy_hash: settings.policy_hash,
            build_hash: settings.build_hash,
            recovered: true,
            heartbeat: false,
        };
        let (recorder, store, recovered) = Recorder::open(disk, journal, &settings.did, signer, meta, settings.pace.clone(), now)?;
        let end = recorder.durable();
        let mut core = Core::new(plan, settings, identity, trust, recorder, store, random, now);
        let mut router = Router::new(&mut core, recovered.frame_tails);
        if let Some(snapshot) = core.store.value(Table::Misc, b"mapping").map(<[u8]>::to_vec) {
            router.restore_mapping(&snapshot);
        }
        for leaf in &recovered.recent_leaves {
            router.restore(leaf, now.mono);
        }
        let mut served = ServedPoints::new(&core);
        let mut exchange = Exchange::new(&mut core, end);
        let door = Door::new(&core);
        let mut selections = Selections::default();
        let mut programmes = Programmes::default();
        let mut instructions = Instructions::default();
        let relays = Relays::recover(&core);
        let mut wanted = router.streams();
        wanted.insert(core.links_stream());
        let stream_out = StreamOut::new(wanted);
        let webhooks = Webhooks::new(&mut core, now);
        let stream_in = StreamIn::new(&mut core, now);
        let reports = Reports::new(&core.plan);
        if !recovered.new {
            let text = format!("recovered; {} leaves were not sealed yet", recovered.unsealed);
            core.note(
                now,
                "recovered",
                &text,
                &[("unsealed", recovered.unsealed.to_string()), ("cutBytes", recovered.cut_bytes.to_string())],
            );
            selections = Selections::recover(&mut core, &mut exchange, now);
            programmes.recover(&mut core, &mut exchange, &router.image, now);
            caps::recover(&mut Desk { core: &mut core, exchange: &mut exchange, image: &router.image, now });
            instructions.recover(&mut Bench { core: &mut core, exchange: &mut exchange, image: &router.image, now });
        }
        let descriptors = router.descriptor_set.clone();
        core.note(now, "descriptors", &descriptors, &[("hash", router.descriptor_name())]);
        served.publish_all(&mut core, &router.image, now);
        relays.publish(&mut core, &mut served, now);
        served.resume(&mut core, &router.image);
        let requests = Requests::recover(&mut core, now);
        let peers = core.settings.peers.len();
        let links = core.plan.links.len();
        let plan = core.plan.clone();
        for (place, link) in (0_u16..).zip(&plan.links).filter(|(place, _)| plan.reads(LinkId(*place))) {
            core.timers.set(Timer::Invalid(place), now.mono + link.invalid_after);
        }
        for peer in 0..peers {
            core.timers.set(Timer::Invalid(u16::try_from(links + peer).unwrap_or(u16::MAX)), now.mono + PEER_INVALID_AFTER);
        }
        core.timers.set(Timer::Heartbeat, now.mono + core.settings.pace.heartbeat);
        core.timers.set(Timer::Snapshot, now.mono + core.settings.pace.snapshot);
        core.timers.set(Timer::Freshness, now.mono + std::time::Duration::from_secs(1));
        if !core.settings.attest_every.is_zero() {
            core.timers.set(Timer::Attest, now.mono + core.settings.attest_every);
        }
        if !core.settings.report_every.is_zero() {
            core.timers.set(Timer::Report, now.mono + core.settings.report_every);
        }
        let systems = system::Systems::new(&core.plan, &router.image);
        let uncertain_told = announce::uncertain_told(&core);
        let soe = Soe::recover(&mut core, now);
        let mut bridge = Self {
            core,
            router,
            served,
            exchange,
            door,
            programmes,
            instructions,
            requests,
            selections,
            relays,
            stream_out,
            webhooks,
            stream_in,
            reports,
            issuer_live: vec![false; peers],
            link_started: vec![false; links],
            standby: vec![0; links],
            systems,
            uncertain_told,
            soe,
            journal_rests: false,
            stopping: false,
        };
        bridge.finish(now);
        Ok(bridge)
    }

    /// Frames of a link. The session learns by [`Output::Durable`] when they are safe.
    pub fn handle_frames(&mut self, link: LinkId, batch: &FrameBatch, now: Now) {
        let keeping = self.keeping(link, now);
        self.router.handle_frames(&mut self.core, link, batch, keeping, now);
        self.spread(now);
        self.finish(now);
    }

    /// An event of a link's session.
    pub fn handle_event(&mut self, link: LinkId, event: Event, now: Now) {
        match event {
            Event::LinkState(state) => self.link_state(link, state, now),
            Event::InterrogationBegan => {}
            Event::InterrogationEnded => self.integrity_ended(link, now),
            Event::InterrogationFailed => {
                let name = self.link_name(link);
                self.core.note(now, "interrogation", "the interrogation failed", &[("link", name)]);
                self.core.timers.set(Timer::Integrity(link.0), now.mono + std::time::Duration::from_secs(10));
            }
            Event::PeerRestarted => {
                let name = self.link_name(link);
                self.core.note(now, "peer-restarted", "the station restarted", &[("link", name)]);
            }
            Event::CommandReceived(command) => {
                let (stream_in, image, relays) = (&self.stream_in, &self.router.image, &mut self.relays);
                relays.handle_command(
                    &mut self.core,
                    &mut self.exchange,
                    &mut self.served,
                    link,
                    &command,
                    |peer| stream_in.live(peer),
                    |point| image.good(point.index()).and_then(switch_position),
                    now,
                );
            }
            Event::Progress { id, phase } => {
                self.programmes.handle_progress(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), id, phase)
            }
            Event::Settled { command, outcome, .. } => {
                let mut desk = desk(&mut self.core, &mut self.exchange, &self.router, now);
                if self.selections.handle_settled(&mut desk, &command, outcome) {
                    self.programmes.start(&mut desk, command.point.index());
                } else {
                    self.programmes.handle_settled(&mut desk, &command, outcome);
                }
            }
            Event::SwitchedOver { channel, moves } => {
                let name = self.link_name(link);
                self.core.tell(format!("link {name}: switched over to another connection"));
                let fields = [("link", name), ("channel", channel.0.to_string()), ("moves", moves.to_string())];
                self.core.note(now, "switch-over", "data transfer moved to another connection", &fields);
                // What was selected was selected on the connection before.
                self.selections.handle_link_lost(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), link);
            }
            Event::Standby { ready } => self.standby(link, ready, now),
            Event::Housekept { id, outcome } => self.requests.handle_ended(&mut self.core, id, &outcome, now),
            Event::Delivered(number) => self.served.handle_delivered(&mut self.core, &self.router.image, link, 0..=number, now),
            Event::DeliveredOf(first, last) => self.served.handle_delivered(&mut self.core, &self.router.image, link, first..=last, now),
            Event::Undeliverable(number) => self.served.handle_undeliverable(&mut self.core, &self.router.image, link, number, now),
            Event::Reach { points, answering } => self.reach(link, &points, answering, now),
            Event::FilePart { id, octets } => self.requests.handle_part(id, &octets),
            Event::Refused { what } => {
                let name = self.link_name(link);
                self.core.note(now, "refused", &what, &[("link", name)]);
            }
            Event::SelectLapsed(point) if crate::relay::relayed(&self.core.plan.controls, point.index()).is_some() => {
                self.relays.handle_lapsed(&mut self.core, &mut self.exchange, &mut self.served, point.index(), now);
            }
            Event::SelectLapsed(point) => {
                self.selections.handle_lapsed(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), point.index());
            }
            Event::Suspicious(suspicion) => self.suspicious(link, &suspicion, now),
            Event::Closed { cause, .. } => {
                let name = self.link_name(link);
                self.core.note(now, "closed", &cause, &[("link", name)]);
            }
        }
        self.spread(now);
        self.finish(now);
    }

    /// A security event of a link's transport (IEC 62351-3): who was refused or cut off, or which files were taken. It becomes a sealed note.
    pub fn handle_security(&mut self, link: LinkId, what: &str, now: Now) {
        let name = self.link_name(link);
        self.core.tell(format!("security on {name}: {what}"));
        self.core.note(now, "security", what, &[("link", name)]);
        self.finish(now);
    }

    /// A commit ended.
    pub fn handle_synced(&mut self, done: SyncDone, now: Now) {
        self.core.recorder.handle_synced(done, now);
        self.finish(now);
    }

    /// Something from the IES side.
    pub fn handle_north(&mut self, inbound: Inbound, now: Now) {
        match inbound {
            Inbound::Door(request) if request.action == "stream/ack" => {
                let peer = who(&self.core, request.tls_identity.as_deref(), &request.authorization, &request.body, now);
                let status = match (peer, confirmed_id(&request.body)) {
                    (Some(peer), Some(id)) => {
                        self.stream_out.confirm(&mut self.core, peer, &id, now);
                        self.issuer_live[peer] = true;
                        200
                    }
                    (None, _) => 401,
                    (_, None) => 400,
                };
                let reply = reply(&self.core, &request, status, b"{}".to_vec(), now);
                self.core.out.push_back(Output::North(Outbound::Reply(reply)));
            }
            Inbound::Door(request) => {
                if let Some(admitted) = self.door.admit(&mut self.core, &self.exchange, &request, now) {
                    self.admitted(&admitted, now);
                }
            }
            Inbound::Posted(posted) => self.webhooks.handle_posted(&mut self.core, &mut self.exchange, posted, now),
            Inbound::Delivered(result) => {
                if let Some(refused) = self.exchange.handle_delivered(&mut self.core, result, now) {
                    self.relays.handle_refused(&mut self.core, &mut self.served, &refused.operation, &refused.code, &refused.message, now);
                }
            }
            Inbound::Stream(StreamEvent::Subscribed { subscriber, tls_identity, authorization, last_event_id }) => {
                match who(&self.core, tls_identity.as_deref(), &authorization, b"", now) {
                    Some(peer) => {
                        let place = peer;
                        let name = self.router.descriptor_name();
                        let set = self.router.descriptor_set.clone();
                        self.stream_out.subscribe(&mut self.core, subscriber, peer, last_event_id.as_deref(), (&name, &set), now);
                        let points = 0..self.core.plan.points.len();
                        self.router.write_image(&mut self.core, points, now);
                        let peer = self.core.settings.peers[peer].name.clone();
                        self.tell_subscribers("peer", &peer, "image", now);
                        self.exchange.retry(&mut self.core, SinkId(u16::try_from(place).unwrap_or(u16::MAX)));
                        self.core.tell(format!("{peer} subscribed to the stream"));
                    }
                    None => self.core.out.push_back(Output::North(Outbound::End(subscriber))),
                }
            }
            Inbound::Stream(StreamEvent::Unsubscribed(subscriber)) => {
                if let Some(peer) = self.stream_out.unsubscribe(subscriber)
                    && !self.stream_out.subscribed(peer)
                {
                    self.issuer_lost(peer, now);
                }
            }
            Inbound::Stream(event) => {
                if let Some(received) = self.stream_in.handle(&mut self.core, &self.exchange, event, now) {
                    self.received(received, now);
                }
            }
        }
        self.spread(now);
        self.finish(now);
    }

    /// A peer's values without their stream: for the trial of a profile.
    pub(crate) fn handle_peer(&mut self, peer: usize, updates: Vec<(bridge_model::PointUpdate, u8)>, now: Now) {
        let received = self.stream_in.believe(peer, updates);
        self.received(received, now);
        self.spread(now);
        self.finish(now);
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Now) {
        self.core.observe_clock(now);
        while let Some(timer) = self.core.timers.pop(now.mono) {
            self.fire(timer, now);
        }
        self.spread(now);
        self.finish(now);
    }

    /// A link's session was lost with its process state (a panic): the new one knows nothing yet.
    pub fn handle_restarted(&mut self, link: LinkId, now: Now) {
        let name = self.link_name(link);
        self.core.note(now, "link-restarted", "the link's task failed and was restarted", &[("link", name)]);
        self.served.restart(&mut self.core, &self.router.image, link);
        self.systems.forget(link);
        self.tell_systems();
        if self.journal_rests && self.core.plan.links[link.index()].on_journal_failure == JournalFailure::Statics {
            self.core.ask(link, Request::Journal { takes: false });
        }
        self.finish(now);
    }

    /// An orderly stop: the journal's head is noted beside it.
    pub fn handle_stop(&mut self, now: Now) {
        self.stopping = true;
        self.snapshot();
        let core = &mut self.core;
        core.recorder.flush(now);
        core.recorder.snapshot(&core.store, now);
        core.recorder.put_head();
    }

    /// The next thing the shell shall do.
    pub fn poll(&mut self) -> Option<Output> {
        self.core.out.pop_front()
    }

    /// When [`Bridge::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.core.timers.next()
    }

    /// The counters, as attested.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.core.counters
    }

    /// Where the next record of the journal will stand.
    #[must_use]
    pub fn journal_end(&self) -> Position {
        self.core.recorder.end()
    }

    /// Every leaf before this position is sealed, and the seal is durable.
    #[must_use]
    pub fn sealed(&self) -> Position {
        self.core.recorder.sealed()
    }

    /// The last value of a point with the quality it deserves now.
    #[must_use]
    pub fn point(&self, id: &str) -> Option<(bridge_model::Value, bridge_model::Quality, bridge_model::Timestamp)> {
        self.router.image.current(self.core.plan.point(id)?.index())
    }

    /// All operations, by id.
    #[must_use]
    pub fn operations(&self) -> BTreeMap<String, Operation> {
        operations::all(&self.core)
    }

    /// Whether a programme runs or waits on a control.
    #[must_use]
    pub fn programme_running(&self, control: usize) -> bool {
        self.programmes.running(control)
    }

    /// Why the journal cannot be written, if it cannot.
    #[must_use]
    pub fn journal_failure(&self) -> Option<&'static str> {
        self.core.recorder.unwritable().map(|(why, _)| match why {
            Unwritable::Full => "full",
            Unwritable::Failed => "failed",
        })
    }

    fn fire(&mut self, timer: Timer, now: Now) {
        let settings = &self.core.settings;
        match timer {
            // Looked at in `finish`, whenever anything happens.
            Timer::Commit | Timer::Seal | Timer::Rewrite | Timer::Heartbeat | Timer::SnapshotPart => {}
            Timer::Snapshot => {
                let again = now.mono + settings.pace.snapshot;
                self.core.timers.set(Timer::Snapshot, again);
                self.snapshot();
            }
            Timer::Freshness => {
                self.core.timers.set(Timer::Freshness, now.mono + std::time::Duration::from_secs(1));
                self.age(now);
                self.tell_systems();
            }
            Timer::Soe => self.tell_soe(now),
            Timer::Mapping => self.router.handle_timeout(&mut self.core, now),
            Timer::Attest => {
                self.core.timers.set(Timer::Attest, now.mono + self.core.settings.attest_every);
                self.reports.attest(&mut self.core, &mut self.exchange, &self.router.image, now);
            }
            Timer::Report => {
                self.core.timers.set(Timer::Report, now.mono + self.core.settings.report_every);
                self.reports.report(&mut self.core, &mut self.exchange, now);
            }
            Timer::Integrity(link) => {
                let link = LinkId(link);
                if self.link_started[link.index()] {
                    self.core.ask(link, Request::Interrogate);
                    self.arm_integrity(link, now);
                }
            }
            Timer::Housekeep(link, place) => self.housekeep(link, place, now),
            Timer::Housekept(id) => self.requests.handle_patience(&mut self.core, id),
            Timer::Invalid(source) => self.expire(usize::from(source), now),
            // Somebody is selecting: a step of the running ramp would be another wish on the same point.
            Timer::Step(control) if self.selections.is_selected(control) => {
                self.core.timers.set(Timer::Step(control), now.mono + SELECTED_RETRY);
            }
            Timer::Step(control) => self.programmes.handle_step(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), control),
            Timer::Taken(control) => {
                self.programmes.handle_no_echo(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), control)
            }
            Timer::Followed(control) => {
                self.programmes.handle_not_followed(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), control)
            }
            Timer::StartBy(control) => {
                self.programmes.handle_start_by(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), control)
            }
            Timer::CapEnd(operation) => self.cap_ended(&operation, now),
            Timer::Instruction(operation) => {
                let (instructions, mut bench) = self.bench(now);
                instructions.handle_due(&mut bench, &operation);
            }
            Timer::InstructionDwell(operation) => {
                let (instructions, mut bench) = self.bench(now);
                instructions.look(&mut bench, &operation);
            }
            Timer::AnswerBy(operation) => self.relays.handle_answer_by(&mut self.core, &mut self.served, &operation, now),
            Timer::Webhook(hook) => self.webhooks.handle_timer(hook),
            Timer::WebhookRead => self.webhooks.stir(),
            Timer::Outbox(sink) => self.exchange.retry(&mut self.core, sink),
            Timer::Subscribe(sink) => self.stream_in.subscribe(&mut self.core, sink, now),
            Timer::Silent(sink) => {
                if let Some(received) = self.stream_in.lose(&mut self.core, sink, "silent".to_owned(), now) {
                    self.received(received, now);
                }
            }
            Timer::Unconfirmed(sink) => self.issuer_lost(usize::from(sink.0), now),
        }
    }

    /// What a call changed goes to those whom it concerns.
    fn spread(&mut self, now: Now) {
        self.router.recalculate(&mut self.core, now);
        let routed = std::mem::take(&mut self.router.routed);
        for change in &routed.changes {
            self.served.offer(&mut self.core, &self.router.image, change, now);
            self.programmes.handle_change(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), change);
            let (instructions, mut bench) = self.bench(now);
            instructions.handle_change(&mut bench, change);
            self.reports.take(change);
        }
        self.log(&routed.changes, now);
        for alarm in &routed.alarms {
            self.alarm(alarm, now);
        }
        for change in &routed.clocks {
            self.clock_alarm(*change, now);
        }
        self.uncertain_alarms(now);
        self.router.arm(&mut self.core);
        // The memory of the vectors is kept for the next frame.
        let mut routed = routed;
        routed.changes.clear();
        routed.alarms.clear();
        routed.clocks.clear();
        self.router.routed = routed;
    }

    fn link_state(&mut self, link: LinkId, state: LinkState, now: Now) {
        let plan = self.core.plan.clone();
        let spec = &plan.links[link.index()];
        let up = state == LinkState::Started;
        if state == LinkState::Down {
            self.standby[link.index()] = 0;
        }
        if self.link_started[link.index()] == up {
            return;
        }
        self.link_started[link.index()] = up;
        let name = spec.spec.name.clone();
        self.core.tell(format!("link {name} {}", if up { "started" } else { "lost" }));
        self.core.note(now, if up { "link-up" } else { "link-down" }, &format!("{state:?}"), &[("link", name.clone())]);
        if !up {
            self.relays.handle_link_lost(&mut self.core, &mut self.exchange, &mut self.served, link, now);
        }
        if !plan.reads(link) {
            return;
        }
        if up {
            self.router.image.revive(link.index());
            self.core.timers.cancel(&Timer::Invalid(link.0));
            self.served.publish_source(&mut self.core, &name, true, now);
            self.arm_integrity(link, now);
            for (place, (_, every)) in spec.housekeeping.iter().enumerate() {
                self.core.timers.set(Timer::Housekeep(link.0, place), now.mono + *every);
            }
        } else {
            self.router.lose(link.index());
            self.core.timers.set(Timer::Invalid(link.0), now.mono + spec.invalid_after);
            self.tell_subscribers("link", &name, "link-lost", now);
            self.served.publish_source(&mut self.core, &name, false, now);
            self.refresh_source(link.index());
            let on_link = |core: &Core, control: usize, _: &Programme| core.plan.controls[control].link == link;
            self.programmes.hold_all(
                &mut desk(&mut self.core, &mut self.exchange, &self.router, now),
                on_link,
                "LINK_DOWN",
                "the link to the station is lost",
            );
            self.selections.handle_link_lost(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), link);
            self.comms_alarm(&name, true, now);
        }
    }

    /// One of several stations behind the line of a link fell silent, or answers again: its values are old until they are read (R19).
    fn reach(&mut self, link: LinkId, points: &[PointId], answering: bool, now: Now) {
        let name = self.link_name(link);
        let (kind, what) = if answering {
            ("answers", "a station of the line answers again")
        } else {
            ("silent", "a station of the line does not answer")
        };
        self.core.tell(format!("link {name}: {what} ({} points)", points.len()));
        self.core.note(now, kind, what, &[("link", name), ("points", points.len().to_string())]);
        if !answering {
            let silent = self.router.image.silence(points.iter().map(|point| point.index()));
            for point in &silent {
                self.served.refresh(&mut self.core, &self.router.image, *point);
            }
            self.router.write_old(&mut self.core, &silent, now);
        }
    }

    /// Another number of connections stands by: one less is told before it is needed.
    fn standby(&mut self, link: LinkId, ready: u32, now: Now) {
        let before = std::mem::replace(&mut self.standby[link.index()], ready);
        let name = self.link_name(link);
        let (kind, what) = if ready < before {
            ("standby-lost", "a connection that stood by is lost")
        } else {
            ("standby-up", "another connection stands by")
        };
        self.core.tell(format!("link {name}: {what}, {ready} left"));
        self.core.note(now, kind, what, &[("link", name), ("ready", ready.to_string())]);
    }

    fn integrity_ended(&mut self, link: LinkId, now: Now) {
        let name = self.link_name(link);
        self.core.tell(format!("link {name}: interrogation ended, image trusted"));
        self.comms_alarm(&name, false, now);
        self.arm_integrity(link, now);
    }

    fn arm_integrity(&mut self, link: LinkId, now: Now) {
        let spec = &self.core.plan.links[link.index()];
        if self.core.plan.reads(link) {
            let every = spec.integrity_every.unwrap_or(spec.stale_after / 2);
            self.core.timers.set(Timer::Integrity(link.0), now.mono + every);
        }
    }

    fn expire(&mut self, source: usize, now: Now) {
        self.router.expire(source);
        let Some(name) = self.core.plan.links.get(source).map(|link| link.spec.name.clone()) else {
            self.refresh_source(source);
            return;
        };
        self.tell_subscribers("link", &name, "link-expired", now);
        self.refresh_source(source);
    }

    fn refresh_source(&mut self, source: usize) {
        let points: Vec<usize> = self.router.image.points_of(source).collect();
        for point in points {
            self.served.refresh(&mut self.core, &self.router.image, point);
        }
    }

    /// Points that were not refreshed within `stale_after` although their link lives.
    fn age(&mut self, now: Now) {
        for link in 0..self.core.plan.links.len() {
            let spec = &self.core.plan.links[link];
            if u16::try_from(link).is_ok_and(|link| !self.core.plan.reads(LinkId(link))) {
                continue;
            }
            let stale_after = u64::try_from(spec.stale_after.as_nanos()).unwrap_or(u64::MAX);
            let Some(limit) = now.mono.0.checked_sub(stale_after) else { continue };
            let aged = self.router.image.age(link, Mono(limit));
            for point in &aged {
                self.served.refresh(&mut self.core, &self.router.image, *point);
            }
            self.router.write_old(&mut self.core, &aged, now);
        }
        self.door.purge(&mut self.core, now);
    }

    fn issuer_lost(&mut self, peer: usize, now: Now) {
        if !std::mem::replace(&mut self.issuer_live[peer], false) {
            return;
        }
        let name = self.core.settings.peers[peer].name.clone();
        self.core.tell(format!("{name} does not answer"));
        self.core.note(now, "peer-lost", "the peer confirms nothing", &[("peer", name.clone())]);
        let by_peer = |core: &Core, _: usize, programme: &Programme| {
            operations::load(core, &programme.operation).is_some_and(|operation| operation.peer == name)
        };
        self.programmes.hold_all(
            &mut desk(&mut self.core, &mut self.exchange, &self.router, now),
            by_peer,
            "ISSUER_LOST",
            "the issuer cannot be reached",
        );
    }

    /// What a peer's stream brought.
    fn received(&mut self, received: Received, now: Now) {
        let source = self.core.plan.links.len() + received.peer;
        let name = self.core.settings.peers[received.peer].name.clone();
        if let Some(cause) = received.lost {
            self.core.tell(format!("stream of {name} lost: {cause}"));
            self.core.note(now, "stream-lost", &cause, &[("peer", name.clone())]);
            self.router.lose(source);
            self.core.timers.set(Timer::Invalid(u16::try_from(source).unwrap_or(u16::MAX)), now.mono + PEER_INVALID_AFTER);
            self.served.publish_source(&mut self.core, &name, false, now);
            self.refresh_source(source);
            return;
        }
        if received.revived {
            self.core.tell(format!("stream of {name}: image read, values are fresh again"));
            self.router.image.revive(source);
            self.core.timers.cancel(&Timer::Invalid(u16::try_from(source).unwrap_or(u16::MAX)));
            self.served.publish_source(&mut self.core, &name, true, now);
            self.exchange.retry(&mut self.core, SinkId(u16::try_from(received.peer).unwrap_or(u16::MAX)));
        }
        self.router.handle_points(&mut self.core, &received.updates, received.current, now);
        for (point, expired) in received.stale {
            self.router.mark(point, expired);
            self.served.refresh(&mut self.core, &self.router.image, point);
        }
    }

    fn snapshot(&mut self) {
        let mapping = self.router.snapshot();
        self.core.put_bytes(Table::Misc, b"mapping", &mapping);
        self.core.recorder.want_snapshot();
    }

    fn keeping(&self, link: LinkId, now: Now) -> Keeping {
        match self.core.plan.links[link.index()].on_journal_failure {
            JournalFailure::Pass if self.core.passes(now) => Keeping::Pass,
            JournalFailure::Statics if self.journal_rests => Keeping::Statics,
            JournalFailure::Hold | JournalFailure::Pass | JournalFailure::Statics => Keeping::Journal,
        }
    }

    fn link_name(&self, link: LinkId) -> String {
        self.core.plan.links[link.index()].spec.name.clone()
    }
}

impl Bridge {
    /// The selections with what their calls need.
    fn selecting(&mut self, now: Now) -> (&mut Selections, Desk<'_>) {
        (&mut self.selections, desk(&mut self.core, &mut self.exchange, &self.router, now))
    }
}

fn desk<'a>(core: &'a mut Core, exchange: &'a mut Exchange, router: &'a Router, now: Now) -> Desk<'a> {
    Desk { core, exchange, image: &router.image, now }
}

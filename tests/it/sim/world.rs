//! Two bridges, a station and an EMS in virtual time: one thread, one seed, no socket, no file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bridge_diag::Report;
use bridge_dnp3::Dnp3;
use bridge_engine::{Bridge, LocalRequest, LocalWish, Output, Parts};
use bridge_iec60870::Iec104;
use bridge_ies::beckn::Envelope;
use bridge_journal::{Disk, Options, SyncDone};
use bridge_model::{LinkId, Mono, Now, Utc};
use bridge_profile::{MemoryFiles, Plan, ServedSource, compile};
use bridge_provenance::Ed25519Signer;
use bridge_session::{
    Ack, Delivery, DeliveryResult, DoorReply, DoorRequest, Event, Field, FrameBatch, Inbound, LinkSpec, Outbound, PostAnswer, Posted,
    Protocol, Request, Role as LinkRole, Session, SinkId, StreamEvent, StreamMessage, SubscriberId,
};
use bridge_sim::{
    Book, ControlMap, Ems, Entry, Generator, HostId, MessageId, Names, Net, NetEvent, NetOptions, PlantBinding, PointMap, Rng,
    SharedLedger, Side, SimClock, SimDisk, Standard, Station, Verdict, Wire, Wish, compare, misbehaving,
};

pub(crate) use super::party::{GENCO, SLDC, log_key};
use super::party::{NAMES, identity, log_seed, origin, settings, trust};
pub(crate) use super::tune::{Tune, fast};
use crate::support::repository;

/// 2026-04-01 10:00 IST.
pub(crate) const EPOCH_MS: i64 = 1_775_017_800_000;

/// The two links of the world that leave the bridges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum End {
    /// The plant's bridge reads its station.
    Station,
    /// The EMS reads the dispatch centre's bridge.
    Ems,
}

fn dial(host: HostId, to: HostId, spare: Option<HostId>, retry: Duration) -> Wire {
    let wire = Wire::dial(host, (to, PORT), retry);
    match spare {
        Some(spare) => wire.and(Wire::dial(host, (spare, PORT), retry)),
        None => wire,
    }
}

fn accept(host: HostId, spare: Option<HostId>, port: u16) -> Wire {
    let wire = Wire::accept(host, port);
    match spare {
        Some(spare) => wire.and(Wire::accept(spare, port)),
        None => wire,
    }
}

/// Where the first link of a host listens, the next one a port higher.
const PORT: u16 = 2404;

/// What travels between the bridges: the northbound values, without HTTPS around them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum North {
    Post { action: String, authorization: String, body: Vec<u8> },
    Answer(DoorReply),
    Subscribe { authorization: String, last: Option<String> },
    Push(StreamMessage),
    Nothing,
}

#[derive(Clone, Copy)]
enum Pending {
    Delivery(SinkId, u64),
    Subscribe(SinkId),
    Push(SubscriberId),
    Confirm,
}

pub(super) struct LinkNode {
    pub(super) session: Box<dyn Session>,
    pub(super) wire: Wire,
}

pub(crate) struct Node {
    pub(crate) host: HostId,
    /// Its second interface, if its links have two paths.
    spare: Option<HostId>,
    pub(crate) bridge: Option<Bridge>,
    pub(crate) disk: Arc<SimDisk>,
    pub(crate) plan: Arc<Plan>,
    pub(super) links: Vec<LinkNode>,
    syncs: Vec<(Mono, SyncDone)>,
    pending: BTreeMap<MessageId, Pending>,
    requests: BTreeMap<u64, MessageId>,
    next_request: u64,
    subscribers: BTreeMap<SubscriberId, HostId>,
    restarts: u64,
}

/// Another EMS, on the second link of the dispatch centre's bridge, or of the plant's.
pub(crate) struct Second {
    ems: Ems,
    wire: Wire,
    pub(crate) ledger: SharedLedger,
}

pub(crate) struct World {
    pub(crate) clock: SimClock,
    pub(crate) rng: Rng,
    pub(crate) net: Net<North>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) station: Station,
    station_wire: Wire,
    pub(crate) station_host: HostId,
    station_spare: Option<HostId>,
    pub(crate) station_ledger: SharedLedger,
    pub(crate) ems: Ems,
    ems_wire: Wire,
    pub(crate) ems_host: HostId,
    pub(crate) ems_ledger: SharedLedger,
    /// There if one of the profiles has a second link.
    pub(crate) second: Option<Second>,
    pub(crate) story: Vec<(i64, usize, String)>,
    /// Why which bridge's connections ended, in its session's words.
    pub(crate) closed: Vec<(usize, String)>,
    /// What which bridge's sessions found worth a line of the log.
    pub(crate) findings: Vec<(usize, String)>,
    /// The last frame of each connection of the plant's link whose receipt left.
    pub(crate) receipts: BTreeMap<u32, u64>,
    /// The receiver of the plant's webhook.
    pub(crate) receiver: Receiver,
    posted: Vec<(Mono, usize, Posted)>,
    /// What the plant's bridge told its other peers, oldest first.
    pub(crate) guests: Vec<serde_json::Value>,
    /// What local requests were answered, oldest first.
    pub(crate) answers: Vec<String>,
    seed: u64,
    pub(crate) tune: Tune,
}

/// A web server that writes down what it took, and answers as it is told.
pub(crate) struct Receiver {
    /// Every event taken: its id and its octets, in order of arrival.
    pub(crate) taken: Vec<(String, String)>,
    /// What it answers to the events of a batch.
    pub(crate) answer: fn(&mut Rng, &[serde_json::Value]) -> PostAnswer,
    /// How many batches came.
    pub(crate) batches: usize,
}

impl Default for Receiver {
    fn default() -> Self {
        Self { taken: Vec::new(), answer: |_, _| PostAnswer::Taken, batches: 0 }
    }
}

impl Receiver {
    fn handle(&mut self, body: &[u8], rng: &mut Rng) -> PostAnswer {
        let events: Vec<serde_json::Value> = serde_json::from_slice(body).expect("a batch is a JSON array");
        assert!(!events.is_empty(), "an empty batch says nothing");
        self.batches += 1;
        let answer = (self.answer)(rng, &events);
        if answer == PostAnswer::Taken {
            self.taken.extend(events.iter().map(|event| (event["id"].as_str().expect("an id").to_owned(), event.to_string())));
        }
        answer
    }
}

fn profile(name: &str, edit: fn(String) -> String) -> Plan {
    let path = repository().join("cim-profiles").join(name).join("profile.toml");
    let text = edit(std::fs::read_to_string(&path).expect("a shipped profile"));
    let mut report = Report::default();
    let files = MemoryFiles(BTreeMap::from([("profile.toml".to_owned(), text)]));
    let plan = compile(&files, "profile.toml", &[&Iec104, &Dnp3], &mut report);
    plan.unwrap_or_else(|| panic!("{}", report.render_text()))
}

pub(super) fn protocol(name: &str) -> &'static dyn Protocol {
    if name == Dnp3.name() { &Dnp3 } else { &Iec104 }
}

/// The other end of a profile's link, in its standard.
fn far_side(plan: &Plan, link: usize) -> Option<(Standard, LinkSpec)> {
    let flipped = plan.reversed().into_iter().nth(link)?;
    let standard = Standard::named(&plan.links.get(link)?.protocol)?;
    Some((standard, standard.far_side(&flipped)))
}

/// An outstation whose events of states have no time.
fn without_time(spec: &mut LinkSpec) {
    for point in &mut spec.points {
        let event = match point.address.get("type") {
            Some(Field::Text(of)) if of == "binary" => "g2v1",
            Some(Field::Text(of)) if of == "double" => "g4v1",
            Some(_) | None => continue,
        };
        point.address.insert("event".to_owned(), Field::Text(event.to_owned()));
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::tuned(seed, Tune::default())
    }

    pub(crate) fn tuned(seed: u64, tune: Tune) -> Self {
        let mut rng = Rng::new(seed);
        let clock = SimClock::new(Utc::from_millis(EPOCH_MS));
        let mut net = Net::new(rng.next_u64(), NetOptions::default());
        let [station_host, genco, sldc, ems_host] = ["station", "genco", "sldc", "ems"].map(|name| net.host(name));
        let thermal = Arc::new(profile("thermal-station-104", tune.thermal));
        let gateway = Arc::new(profile("ems-gateway-104", tune.gateway));
        let mut spare = |name| tune.redundant.then(|| net.host(name));
        let (station_spare, gateway_spare) = (spare("station-b"), spare("sldc-b"));
        let (station_ledger, ems_ledger) = (SharedLedger::default(), SharedLedger::default());

        let (standard, mut spec) = far_side(&thermal, 0).expect("a link to the station");
        if tune.untimed && standard == Standard::Dnp3 {
            without_time(&mut spec);
        }
        // A station that is the client of a link of both directions connects to the plant's bridge.
        let station_wire = match spec.role {
            LinkRole::Server => accept(station_host, station_spare, PORT),
            LinkRole::Client => dial(station_host, genco, None, Duration::from_secs(1)),
        };
        let names = Names {
            monitor: thermal.points.iter().map(|point| point.id.clone()).collect(),
            control: thermal.controls.iter().map(|control| control.id.clone()).collect(),
        };
        let options = (tune.station)();
        let session = misbehaving(standard.station(&spec), Side::Station, &options.misbehaviours);
        let station = Station::new(session, &spec, names, options, Box::new(station_ledger.clone())).with_plant(
            (tune.plant)(rng.next_u64()),
            &PlantBinding { units: tune.units.map(str::to_owned).to_vec(), ..PlantBinding::default() },
        );

        let (standard, spec) = far_side(&gateway, 0).expect("a link to the EMS");
        let names = |plan: &Plan| Names {
            monitor: plan.served.iter().map(|served| served.id.clone()).collect(),
            control: plan.controls.iter().map(|control| control.id.clone()).collect(),
        };
        let session = misbehaving(standard.ems(&spec), Side::Ems, tune.ems);
        let ems = Ems::new(session, names(&gateway), Vec::new(), rng.next_u64(), Box::new(ems_ledger.clone()))
            .with_misbehaviours(tune.ems.to_vec());
        let second = [(&gateway, sldc), (&thermal, genco)].into_iter().find_map(|(plan, at)| {
            let (standard, spec) = far_side(plan, 1)?;
            let ledger = SharedLedger::default();
            let ems = Ems::new(standard.ems(&spec), names(plan), Vec::new(), rng.next_u64(), Box::new(ledger.clone()));
            Some(Second { ems, wire: Wire::dial(net.host("ems-b"), (at, PORT + 1), Duration::from_secs(2)), ledger })
        });

        let node = |host, spare, plan: Arc<Plan>| Node {
            host,
            spare,
            bridge: None,
            disk: Arc::new(SimDisk::new()),
            plan,
            links: Vec::new(),
            syncs: Vec::new(),
            pending: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_request: 1,
            subscribers: BTreeMap::new(),
            restarts: 0,
        };
        let mut world = Self {
            clock,
            net,
            nodes: vec![node(genco, None, thermal), node(sldc, gateway_spare, gateway)],
            station,
            station_wire,
            station_host,
            station_spare,
            station_ledger,
            ems,
            ems_wire: dial(ems_host, sldc, gateway_spare, Duration::from_secs(2)),
            ems_host,
            ems_ledger,
            second,
            story: Vec::new(),
            closed: Vec::new(),
            findings: Vec::new(),
            receipts: BTreeMap::new(),
            receiver: Receiver::default(),
            posted: Vec::new(),
            guests: Vec::new(),
            answers: Vec::new(),
            seed,
            rng,
            tune,
        };
        world.start(GENCO);
        world.start(SLDC);
        world
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Starts a bridge's process on what its disk holds.
    pub(crate) fn start(&mut self, party: usize) {
        let now = self.now();
        let (station, station_spare, seed) = (self.station_host, self.station_spare, self.seed);
        for host in [Some(self.nodes[party].host), self.nodes[party].spare].into_iter().flatten() {
            self.net.refuse(host, false);
        }
        let node = &mut self.nodes[party];
        node.restarts += 1;
        let mut settings = settings(party);
        (self.tune.settings)(&mut settings);
        let mut random = Rng::new(seed ^ (node.restarts << 8) ^ (party as u64) << 32);
        let origin = origin(party);
        let disk: Arc<dyn Disk> = node.disk.clone();
        let parts = Parts {
            plan: node.plan.clone(),
            settings,
            identity: identity(party),
            signer: Box::new(Ed25519Signer::from_seed(&origin, &log_seed(party)).expect("a seed")),
            trust: trust(now, self.tune.bundle_age[party]),
            disk,
            journal: Options { origin, epoch: 0xE0 + party as u64, writer: 1, fence: node.restarts, segment_bytes: 4 << 20 },
            random: Box::new(move || (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64())),
        };
        node.bridge = Some(Bridge::new(parts, now).unwrap_or_else(|error| panic!("seed {seed}: bridge {party} does not start: {error:?}")));
        node.links = node
            .plan
            .links
            .iter()
            .zip(PORT..)
            .map(|(link, port)| LinkNode {
                session: protocol(&link.protocol).session(&link.spec),
                wire: if link.spec.role == LinkRole::Client {
                    dial(node.host, station, station_spare, Duration::from_secs(1))
                } else {
                    accept(node.host, node.spare, port)
                },
            })
            .collect();
    }

    /// Gives the station something to tell.
    pub(crate) fn load(&mut self, generator: Generator) {
        self.station.handle_generator(generator);
    }

    /// The process dies: whatever was not synced is gone.
    pub(crate) fn crash(&mut self, party: usize) {
        let now = self.now();
        let node = &mut self.nodes[party];
        node.bridge = None;
        node.disk.crash(&mut self.rng);
        for host in [Some(node.host), node.spare].into_iter().flatten() {
            self.net.exit(host, now.mono);
        }
        node.links.clear();
        node.syncs.clear();
        node.pending.clear();
        node.requests.clear();
        node.subscribers.clear();
        // The receiver has taken what it took; its answers reach nobody.
        self.posted.retain(|(_, of, _)| *of != party);
    }

    pub(crate) fn bridge(&self, party: usize) -> &Bridge {
        self.nodes[party].bridge.as_ref().expect("running")
    }

    /// A person asks a bridge through its local door; gives the answer, which may take a commit.
    pub(crate) fn ask(&mut self, party: usize, wish: LocalWish) -> serde_json::Value {
        let now = self.now();
        let before = self.answers.len();
        self.nodes[party].bridge.as_mut().expect("running").handle_local(LocalRequest { id: 1, wish }, now);
        self.run_for(Duration::from_millis(100));
        serde_json::from_str(self.answers.get(before).expect("an answer")).expect("JSON")
    }

    /// A party without a bridge sends the plant's bridge something.
    pub(crate) fn knock(&mut self, request: DoorRequest) {
        let now = self.now();
        self.nodes[GENCO].bridge.as_mut().expect("running").handle_north(Inbound::Door(request), now);
    }

    pub(crate) fn cut_wan(&mut self) {
        self.net.cut(self.nodes[GENCO].host, self.nodes[SLDC].host);
    }

    pub(crate) fn heal_wan(&mut self) {
        self.net.heal(self.nodes[GENCO].host, self.nodes[SLDC].host);
    }

    pub(crate) fn cut_station(&mut self) {
        self.net.cut(self.nodes[GENCO].host, self.station_host);
    }

    pub(crate) fn heal_station(&mut self) {
        self.net.heal(self.nodes[GENCO].host, self.station_host);
    }

    /// The two ends of one of the two paths of the station's link or the EMS's link.
    fn path(&self, link: End, spare: bool) -> (HostId, HostId) {
        let (near, far, far_spare) = match link {
            End::Station => (self.nodes[GENCO].host, self.station_host, self.station_spare),
            End::Ems => (self.ems_host, self.nodes[SLDC].host, self.nodes[SLDC].spare),
        };
        (near, if spare { far_spare.expect("a redundant world") } else { far })
    }

    /// A black hole on one path.
    pub(crate) fn cut_path(&mut self, link: End, spare: bool) {
        let (a, b) = self.path(link, spare);
        self.net.cut(a, b);
    }

    pub(crate) fn heal_path(&mut self, link: End, spare: bool) {
        let (a, b) = self.path(link, spare);
        self.net.heal(a, b);
    }

    /// Something on the way resets the connections of a link, at most `most`.
    pub(crate) fn reset(&mut self, link: End, most: usize) {
        let wire = match link {
            End::Station => &self.station_wire,
            End::Ems => &self.ems_wire,
        };
        let now = self.now().mono;
        for socket in wire.sockets().take(most).collect::<Vec<_>>() {
            self.net.reset(socket.conn, now);
        }
    }

    /// The controlling side of a link is asked for its other connection.
    pub(crate) fn switch_over(&mut self, link: End) {
        let now = self.now();
        match link {
            End::Station => {
                if let Some(LinkNode { session, .. }) = self.nodes[GENCO].links.first_mut() {
                    session.handle_request(Request::SwitchOver, now);
                }
            }
            End::Ems => drop(self.ems.handle_wish(Wish::SwitchOver, now)),
        }
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        let until = self.now().mono + span;
        loop {
            self.settle();
            let next = self.next_deadline().filter(|next| *next <= until);
            match next {
                Some(next) => self.clock.advance_to(next.max(self.now().mono)),
                None => break,
            }
        }
        self.clock.advance_to(until);
        self.settle();
    }

    fn next_deadline(&self) -> Option<Mono> {
        let now = self.now().mono;
        let later = |at: Option<Mono>| at.map(|at| if at <= now { Mono(now.0 + 1) } else { at });
        let mut next = [
            self.net.next_event_at(),
            self.station.poll_timeout(),
            self.ems.poll_timeout(),
            self.ems_wire.poll_timeout(),
            self.station_wire.poll_timeout(),
        ]
        .into_iter()
        .filter_map(later)
        .min();
        if let Some(Second { ems, wire, .. }) = &self.second {
            next = [next, later(ems.poll_timeout()), later(wire.poll_timeout())].into_iter().flatten().min();
        }
        next = [next, later(self.posted.iter().map(|(at, ..)| *at).min())].into_iter().flatten().min();
        for node in &self.nodes {
            let bridge = node.bridge.as_ref().and_then(Bridge::poll_timeout);
            let syncs = node.syncs.iter().map(|(at, _)| *at).min();
            let links = node.links.iter().flat_map(|link| [link.session.poll_timeout(), link.wire.poll_timeout()]);
            for at in [bridge, syncs].into_iter().chain(links) {
                next = [next, later(at)].into_iter().flatten().min();
            }
        }
        next
    }

    /// Everything that is due at this instant, until nothing happens any more.
    fn settle(&mut self) {
        let now = self.now();
        for _ in 0..10_000 {
            let mut busy = false;
            for event in self.net.poll(now.mono) {
                busy = true;
                self.handle_net(event, now);
            }
            self.drive_ends(now);
            for party in 0..self.nodes.len() {
                busy |= self.drive(party, now);
            }
            if !busy && self.net.next_event_at().is_none_or(|at| at > now.mono) {
                return;
            }
        }
        panic!("seed {}: the world does not come to rest at {now:?}", self.seed);
    }

    fn drive_ends(&mut self, now: Now) {
        if self.station.poll_timeout().is_some_and(|at| at <= now.mono) {
            self.station.handle_timeout(now);
        }
        self.station_wire.pump(&mut self.net, &mut self.station, now);
        while self.station.poll_event().is_some() {}
        if self.ems.poll_timeout().is_some_and(|at| at <= now.mono) {
            self.ems.handle_timeout(now);
        }
        self.ems_wire.pump(&mut self.net, &mut self.ems, now);
        while self.ems.poll_event().is_some() {}
        if let Some(Second { ems, wire, .. }) = &mut self.second {
            if ems.poll_timeout().is_some_and(|at| at <= now.mono) {
                ems.handle_timeout(now);
            }
            wire.pump(&mut self.net, ems, now);
            while ems.poll_event().is_some() {}
            wire.pump(&mut self.net, ems, now);
        }
        self.station_wire.pump(&mut self.net, &mut self.station, now);
        self.ems_wire.pump(&mut self.net, &mut self.ems, now);
    }

    fn drive(&mut self, party: usize, now: Now) -> bool {
        let node = &mut self.nodes[party];
        let Some(bridge) = node.bridge.as_mut() else { return false };
        let mut busy = false;
        if bridge.poll_timeout().is_some_and(|at| at <= now.mono) {
            bridge.handle_timeout(now);
        }
        let mut done = Vec::new();
        let mut place = 0;
        while place < node.syncs.len() {
            if node.syncs[place].0 <= now.mono {
                done.push(node.syncs.remove(place).1);
            } else {
                place += 1;
            }
        }
        for done in done {
            bridge.handle_synced(done, now);
            busy = true;
        }
        while let Some(place) = self.posted.iter().position(|(at, of, _)| *of == party && *at <= now.mono) {
            bridge.handle_north(Inbound::Posted(self.posted.remove(place).2), now);
            busy = true;
        }
        for place in 0..node.links.len() {
            let link = LinkId(u16::try_from(place).expect("few links"));
            let LinkNode { session, wire } = &mut node.links[place];
            if session.poll_timeout().is_some_and(|at| at <= now.mono) {
                session.handle_timeout(now);
            }
            wire.pump(&mut self.net, &mut **session, now);
            let mut batch = FrameBatch::default();
            if session.poll_frames(&mut batch) {
                busy = true;
                bridge.handle_frames(link, &batch, now);
            }
            while let Some(event) = session.poll_event() {
                busy = true;
                if let Event::Closed { cause, .. } = &event {
                    self.closed.push((party, cause.clone()));
                } else if let Event::Refused { what } = &event {
                    self.findings.push((party, what.clone()));
                }
                bridge.handle_event(link, event, now);
            }
        }
        while let Some(output) = self.nodes[party].bridge.as_mut().and_then(Bridge::poll) {
            busy = true;
            self.carry_out(party, output, now);
        }
        let node = &mut self.nodes[party];
        for LinkNode { session, wire } in &mut node.links {
            wire.pump(&mut self.net, &mut **session, now);
        }
        busy
    }

    fn carry_out(&mut self, party: usize, output: Output, now: Now) {
        let other = self.nodes[1 - party].host;
        let node = &mut self.nodes[party];
        match output {
            Output::Link { link, request } => node.links[link.index()].session.handle_request(request, now),
            Output::Durable { link, connection, frame } => {
                if party == GENCO {
                    self.receipts.insert(connection, frame);
                }
                node.links[link.index()].session.handle_durable(connection, frame, now);
            }
            Output::Sync(job) => {
                let takes = node.disk.sync_delay() + Duration::from_micros(200 + self.rng.below(2000));
                // Run now: what it covers is what was appended before; told later.
                node.syncs.push((now.mono + takes, job.run()));
            }
            Output::Story(line) => self.story.push((now.utc.as_millis(), party, line)),
            Output::Local(reply) => self.answers.push(reply.line),
            Output::North(outbound) => match outbound {
                Outbound::Reply(reply) => {
                    if let Some(id) = node.requests.remove(&reply.id) {
                        self.net.reply(id, North::Answer(reply), now.mono);
                    }
                }
                // Only the first peer has a bridge; another one writes down what it is told.
                Outbound::Deliver(Delivery { sink, id, body, .. }) if sink != SinkId(0) => {
                    let envelope = Envelope::parse(&body).expect("an envelope");
                    self.guests.extend(envelope.performance.into_iter().map(|performance| performance.attributes));
                    let delivered = DeliveryResult { sink, id, ack: Ack::Ack };
                    node.bridge.as_mut().expect("running").handle_north(Inbound::Delivered(delivered), now);
                }
                Outbound::Deliver(Delivery { sink, id, action, authorization, body }) => {
                    let request =
                        self.net.request(node.host, other, North::Post { action: action.to_owned(), authorization, body }, now.mono);
                    node.pending.insert(request, Pending::Delivery(sink, id));
                }
                Outbound::Post(post) => {
                    let answer = self.receiver.handle(&post.body, &mut self.rng);
                    let at = now.mono + Duration::from_millis(5 + self.rng.below(30));
                    self.posted.push((at, party, Posted { hook: post.hook, id: post.id, answer }));
                }
                Outbound::Push { subscriber, message } => {
                    if let Some(to) = node.subscribers.get(&subscriber) {
                        let request = self.net.request(node.host, *to, North::Push(message), now.mono);
                        node.pending.insert(request, Pending::Push(subscriber));
                    }
                }
                Outbound::End(subscriber) => {
                    node.subscribers.remove(&subscriber);
                }
                Outbound::Subscribe { sink, last_event_id, authorization } => {
                    let request = self.net.request(node.host, other, North::Subscribe { authorization, last: last_event_id }, now.mono);
                    node.pending.insert(request, Pending::Subscribe(sink));
                }
                Outbound::AckStream { authorization, body, .. } => {
                    let request =
                        self.net.request(node.host, other, North::Post { action: "stream/ack".to_owned(), authorization, body }, now.mono);
                    node.pending.insert(request, Pending::Confirm);
                }
            },
        }
    }

    fn handle_net(&mut self, event: NetEvent<North>, now: Now) {
        if self.station_wire.owns(&event) {
            self.station_wire.handle_event(&event, &mut self.net, &mut self.station, now);
            return;
        }
        if self.ems_wire.owns(&event) {
            self.ems_wire.handle_event(&event, &mut self.net, &mut self.ems, now);
            return;
        }
        if let Some(Second { ems, wire, .. }) = self.second.as_mut().filter(|second| second.wire.owns(&event)) {
            wire.handle_event(&event, &mut self.net, ems, now);
            return;
        }
        let host = event.host();
        let Some(party) = self.nodes.iter().position(|node| node.host == host || node.spare == Some(host)) else { return };
        let node = &mut self.nodes[party];
        for LinkNode { session, wire } in &mut node.links {
            if wire.owns(&event) {
                wire.handle_event(&event, &mut self.net, &mut **session, now);
                return;
            }
        }
        let Some(bridge) = node.bridge.as_mut() else { return };
        match event {
            NetEvent::Request { id, from, payload, .. } => match payload {
                North::Post { action, authorization, body } => {
                    let request = node.next_request;
                    node.next_request += 1;
                    node.requests.insert(request, id);
                    let request = DoorRequest { id: request, action, authorization, tls_identity: None, body, received: now };
                    bridge.handle_north(Inbound::Door(request), now);
                }
                North::Subscribe { authorization, last } => {
                    let subscriber = SubscriberId(id.0);
                    node.subscribers.insert(subscriber, from);
                    self.net.reply(id, North::Nothing, now.mono);
                    let event = StreamEvent::Subscribed { subscriber, tls_identity: None, authorization, last_event_id: last };
                    bridge.handle_north(Inbound::Stream(event), now);
                }
                North::Push(message) => {
                    self.net.reply(id, North::Nothing, now.mono);
                    let StreamMessage { id, event, data } = message;
                    let event = StreamEvent::Message { sink: SinkId(0), id, event: event.to_owned(), data };
                    bridge.handle_north(Inbound::Stream(event), now);
                }
                North::Answer(_) | North::Nothing => {}
            },
            NetEvent::Reply { id, payload, .. } => match (node.pending.remove(&id), payload) {
                (Some(Pending::Delivery(sink, id)), North::Answer(reply)) => {
                    let ack = read_answer(&reply);
                    bridge.handle_north(Inbound::Delivered(DeliveryResult { sink, id, ack }), now);
                }
                (Some(Pending::Subscribe(sink)), _) => bridge.handle_north(Inbound::Stream(StreamEvent::Opened(sink)), now),
                _ => {}
            },
            NetEvent::Unreachable { id, .. } => match node.pending.remove(&id) {
                Some(Pending::Delivery(sink, id)) => {
                    let ack = Ack::Unreachable("no answer".to_owned());
                    bridge.handle_north(Inbound::Delivered(DeliveryResult { sink, id, ack }), now);
                }
                Some(Pending::Subscribe(sink)) => {
                    bridge.handle_north(Inbound::Stream(StreamEvent::Lost { sink, cause: "no answer".to_owned() }), now);
                }
                Some(Pending::Push(subscriber)) => {
                    if node.subscribers.remove(&subscriber).is_some() {
                        bridge.handle_north(Inbound::Stream(StreamEvent::Unsubscribed(subscriber)), now);
                    }
                }
                Some(Pending::Confirm) | None => {}
            },
            NetEvent::Accepted { .. }
            | NetEvent::Connected { .. }
            | NetEvent::Refused { .. }
            | NetEvent::Data { .. }
            | NetEvent::Closed { .. }
            | NetEvent::Reset { .. } => {}
        }
    }

    /// What the ledgers say of each other.
    pub(crate) fn verdict(&self) -> Verdict {
        compare(&self.station_ledger.entries(), &self.ems_ledger.entries(), &self.book())
    }

    pub(crate) fn book(&self) -> Book {
        self.book_of(SLDC, LinkId(0))
    }

    /// What a link of a bridge serves, for the comparison of its EMS's ledger with the station's.
    pub(crate) fn book_of(&self, party: usize, link: LinkId) -> Book {
        let gateway = &self.nodes[party].plan;
        let points = gateway
            .served
            .iter()
            .filter(|served| served.link == link)
            .filter_map(|served| match &served.source {
                ServedSource::Point(point) => Some(PointMap {
                    station: gateway.points[point.index()].id.clone(),
                    ems: served.id.clone(),
                    factor: 1.0,
                    offset: 0.0,
                    deadband: 1.0,
                }),
                ServedSource::Status { .. } | ServedSource::LinkState(_) | ServedSource::QueueOverflow(_) => None,
            })
            .collect();
        let controls = ["U1.p_set", "U2.p_set"]
            .map(|name| ControlMap {
                station: name.to_owned(),
                ems: name.to_owned(),
                factor: 1.0,
                offset: 0.0,
                min: 137.5,
                max: 250.0,
                stepped: name.starts_with("U1"),
            })
            .to_vec();
        Book { points, controls, ..Book::default() }
    }

    /// The story with times, for a failing test.
    pub(crate) fn told(&self) -> String {
        let lines = self.story.iter().map(|(at, party, line)| format!("{:>9.3} {} {line}", (at - EPOCH_MS) as f64 / 1000.0, NAMES[*party]));
        lines.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn station_entries(&self) -> Vec<Entry> {
        self.station_ledger.entries()
    }
}

fn read_answer(reply: &DoorReply) -> Ack {
    if reply.status == 200 {
        return Ack::Ack;
    }
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let error = &body["message"]["error"];
    if reply.status >= 500 || reply.status == 429 {
        return Ack::Unreachable(error["message"].as_str().unwrap_or_default().to_owned());
    }
    Ack::Nack {
        status: reply.status,
        code: error["code"].as_str().unwrap_or_default().to_owned(),
        message: error["message"].as_str().unwrap_or_default().to_owned(),
    }
}

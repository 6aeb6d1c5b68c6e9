//! A session under attack on one connection, with innocent bystanders: two more connections of its redundancy group and a second session.

use std::time::Duration;

use bridge_iec60870::apci::{Apci, FRAME_MAX, split};
use bridge_iec60870::{Iec104, describe};
use bridge_model::{Mono, Now, PointId, PointUpdate, Utc, Zone};
use bridge_session::{
    AddressUse, Channel, Chunk, CommandReceived, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, PeerInfo, Protocol, Request, Role,
    Session,
};

/// 2026-04-01T10:00:00Z.
const START: Now = Now { mono: Mono(1_000_000_000), utc: Utc(1_775_037_600_000_000_000) };
/// The connection that transfers data.
pub(crate) const STARTED: u32 = 1;
/// One that stands by.
pub(crate) const STANDBY: u32 = 2;
const CHANNELS: [u32; 3] = [STARTED, STANDBY, 3];

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn spec(role: Role, params: &[(&str, Field)]) -> LinkSpec {
    let address = |ioa: i64, ti: &str| Fields::from([("ioa".to_owned(), Field::Int(ioa)), ("ti".to_owned(), Field::Text(ti.to_owned()))]);
    let monitored = [(1, 100, "M_SP_TB_1"), (2, 200, "M_DP_TB_1"), (3, 300, "M_ME_TF_1"), (4, 301, "M_ME_NC_1"), (5, 400, "M_IT_TB_1")];
    let controls = [(1, 2000, "C_SC_NA_1"), (2, 2001, "C_DC_NA_1"), (3, 2002, "C_RC_NA_1"), (4, 2003, "C_SE_NC_1"), (5, 2004, "C_SC_TA_1")];
    let of = |usage| move |(point, ioa, ti): (u32, i64, &str)| LinkPoint { point: PointId(point), usage, address: address(ioa, ti) };
    let points = monitored.into_iter().map(of(AddressUse::Monitor)).chain(controls.into_iter().map(of(AddressUse::Control)));
    let own = params.iter().map(|(name, field)| ((*name).to_owned(), field.clone()));
    LinkSpec {
        name: "yard".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params: [("ca".to_owned(), Field::Int(21))].into_iter().chain(own).collect(),
        points: points.collect(),
        max_unacked: 12,
        fresh_link_ms: 2000,
    }
}

/// What one attack showed.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Shown {
    /// Why the connection is to be closed.
    pub(crate) closed: Option<String>,
    /// What was sent on it, S frames left out.
    pub(crate) sent: Vec<String>,
    /// Findings for the log.
    pub(crate) told: Vec<String>,
    /// Commands handed on.
    pub(crate) commands: Vec<CommandReceived>,
    /// Values read.
    pub(crate) updates: Vec<PointUpdate>,
    /// Frames journaled.
    pub(crate) frames: usize,
}

/// A session with three connections, the first of them started and settled, and a second session beside it.
pub(crate) struct Yard {
    pub(crate) role: Role,
    pub(crate) now: Now,
    pub(crate) session: Box<dyn Session>,
    neighbour: Box<dyn Session>,
    /// Whether received frames become durable at once.
    pub(crate) durable: bool,
    /// What the peer of each channel may acknowledge.
    nr: [u16; 4],
    work: Work,
}

impl Yard {
    pub(crate) fn new(role: Role) -> Self {
        Self::with(role, &[])
    }

    pub(crate) fn with(role: Role, params: &[(&str, Field)]) -> Self {
        let mut yard = Self::opened(role, params);
        yard.input(STARTED, &starts(role));
        yard.output(STARTED);
        let opening = opening(role);
        yard.input(STARTED, &opening);
        yard.acknowledge(STARTED);
        yard.events();
        assert_eq!(yard.closed(STARTED), None);
        yard.work = Work::default();
        yard
    }

    /// The connections are open and none is started.
    pub(crate) fn opened(role: Role, params: &[(&str, Field)]) -> Self {
        let peer = |channel: u32| PeerInfo { addr: format!("127.0.0.{channel}:2404").parse().unwrap(), tls_identity: None };
        let mut session = Iec104.session(&spec(role, params));
        for channel in CHANNELS {
            session.handle_open(Channel(channel), &peer(channel), START);
        }
        let mut neighbour = Iec104.session(&spec(role, params));
        neighbour.handle_open(Channel(1), &peer(1), START);
        let mut yard = Self { role, now: START, session, neighbour, durable: true, nr: [0; 4], work: Work::default() };
        // STARTDT act of a controlling station.
        yard.output(STARTED);
        let mut out = Vec::new();
        while yard.neighbour.poll_output(Channel(1), &mut out, 4096, START) {}
        yard
    }

    /// Bytes on a channel, and everything received becomes durable.
    pub(crate) fn input(&mut self, channel: u32, bytes: &[u8]) -> FrameBatch {
        let mut batch = FrameBatch::default();
        self.work.received += bytes.len() as u64;
        let (session, durable, now) = (&mut self.session, self.durable, self.now);
        self.work.during(|| {
            session.handle_input(Channel(channel), Chunk::Stream(bytes), now);
            session.poll_frames(&mut batch);
            for frame in batch.frames.iter().filter(|_| durable) {
                session.handle_durable(frame.connection, frame.number, now);
            }
        });
        batch
    }

    /// Everything that leaves on a channel now, as words.
    pub(crate) fn output(&mut self, channel: u32) -> Vec<String> {
        let mut out = Vec::new();
        let (session, now) = (&mut self.session, self.now);
        self.work.polls += self.work.during(|| {
            let mut polls = 1;
            while session.poll_output(Channel(channel), &mut out, 4096, now) {
                polls += 1;
            }
            polls
        });
        self.work.sent += out.len() as u64;
        let mut rest = out.as_slice();
        let mut lines = Vec::new();
        while let [_, length, ..] = rest {
            let (apdu, after) = rest.split_at(usize::from(*length) + 2);
            if let Ok((Apci::Information { ns, .. }, _)) = split(apdu) {
                self.nr[channel as usize] = (ns + 1) & 0x7FFF;
            }
            lines.push(describe(apdu));
            rest = after;
        }
        assert_eq!(rest, [], "only whole APDUs leave");
        lines
    }

    /// The peer acknowledges what it got on a channel.
    pub(crate) fn acknowledge(&mut self, channel: u32) {
        let nr = self.nr[channel as usize];
        self.input(channel, &s(nr));
    }

    /// The peer takes and acknowledges everything until nothing more comes; S frames are left out.
    pub(crate) fn drain(&mut self, channel: u32) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let lines = self.output(channel);
            if lines.is_empty() {
                return all;
            }
            all.extend(lines.into_iter().filter(|line| !line.starts_with("S ")));
            self.acknowledge(channel);
        }
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let session = &mut self.session;
        self.work.during(|| events.extend(std::iter::from_fn(|| session.poll_event())));
        self.work.polls += events.len() as u64 + 1;
        events
    }

    pub(crate) fn request(&mut self, request: Request) {
        self.session.handle_request(request, self.now);
    }

    /// What it did since it was started.
    pub(crate) const fn work(&self) -> Work {
        self.work
    }

    pub(crate) fn closed(&mut self, channel: u32) -> Option<String> {
        self.session.poll_close(Channel(channel)).map(|close| close.cause)
    }

    /// Time passes, every deadline on the way is served.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.mono + span;
        while let Some(next) = self.session.poll_timeout().filter(|next| *next <= end && *next > self.now.mono) {
            self.now = Now { mono: next, utc: self.now.utc + next.since(self.now.mono) };
            self.session.handle_timeout(self.now);
            self.work.polls += 1;
        }
        self.now = Now { mono: end, utc: self.now.utc + end.since(self.now.mono) };
        self.session.handle_timeout(self.now);
    }

    /// The attack on one channel in pieces of so many octets: what it showed, and what memory it took at most.
    fn attack(&mut self, channel: u32, bytes: &[u8], piece: usize) -> Shown {
        let mut kept = FrameBatch::default();
        let measured = allocation_counter::measure(|| {
            for chunk in bytes.chunks(piece) {
                self.session.handle_input(Channel(channel), Chunk::Stream(chunk), self.now);
            }
            self.session.poll_frames(&mut kept);
        });
        self.work.received += bytes.len() as u64;
        self.work.add(&measured);
        self.assert_bounded(measured.bytes_max, &kept);
        for frame in kept.frames.iter().filter(|_| self.durable) {
            self.session.handle_durable(frame.connection, frame.number, self.now);
        }
        let closed = self.closed(channel);
        let sent = if closed.is_none() { self.drain(channel) } else { self.output(channel) };
        let mut shown = Shown { closed, sent, updates: kept.updates, frames: kept.frames.len(), ..Shown::default() };
        for event in self.events() {
            if let Event::Refused { what } = event {
                shown.told.push(what);
            } else if let Event::CommandReceived(command) = event {
                shown.commands.push(command);
            }
        }
        shown
    }

    fn assert_bounded(&self, most: u64, kept: &FrameBatch) {
        let bound = memory_bound(kept);
        assert!(most <= bound, "{most} octets were allocated at a time, {bound} are allowed");
    }

    /// Nothing happened to anybody else.
    pub(crate) fn assert_others_live(&mut self, victim: u32, victim_closed: bool) {
        let mut started = 0;
        for channel in CHANNELS.into_iter().filter(|channel| *channel != victim) {
            assert_eq!(self.closed(channel), None, "channel {channel}");
            let lines = self.output(channel);
            let start = lines.iter().filter(|line| *line == "U STARTDT act").count();
            started += start;
            let data = lines.iter().filter(|line| !line.starts_with("S ")).count();
            assert_eq!(data, start, "channel {channel} sends {lines:?}");
            self.input(channel, &u(0x43));
            assert!(self.output(channel).contains(&"U TESTFR con".to_owned()), "channel {channel} answers a test");
        }
        // Data transfer lost its connection: a controlling station starts another one, and nothing else happens there.
        let moves = usize::from(victim_closed && victim == STARTED && self.role == Role::Client);
        assert_eq!(started, moves, "lawful switch-over");
        let mut batch = FrameBatch::default();
        let lawful = [starts(self.role), u(0x43), i(0, 0, &asdu(107, 1, 7, 21, &object(0, &[0; 9])))].concat();
        self.neighbour.handle_input(Channel(1), Chunk::Stream(&lawful), self.now);
        self.neighbour.poll_frames(&mut batch);
        assert_eq!((batch.frames.len(), self.neighbour.poll_close(Channel(1))), (1, None), "the second session reads on");
        self.work.assert_bounded();
    }
}

/// What a session did for what it was sent. It is counted, not timed: the same on every machine. The processor time of the same inputs on
/// a large link is a figure of the bench `iec104`.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Work {
    /// Octets that came.
    pub(crate) received: u64,
    /// Allocations.
    pub(crate) allocations: u64,
    /// Octets allocated, those that were given back too.
    pub(crate) allocated: u64,
    /// Calls to a `poll_*`, and deadlines served.
    pub(crate) polls: u64,
    /// Octets that left.
    pub(crate) sent: u64,
}

impl Work {
    fn during<T: Default>(&mut self, work: impl FnOnce() -> T) -> T {
        let mut outcome = T::default();
        let measured = allocation_counter::measure(|| outcome = work());
        self.add(&measured);
        outcome
    }

    fn add(&mut self, measured: &allocation_counter::AllocationInfo) {
        self.allocations += measured.count_total;
        self.allocated += measured.bytes_total;
    }

    /// What is more than any input may cost: in proportion to its octets, and a little for the shortest. An APDU has at least six octets:
    /// three allocations and three calls for it.
    pub(crate) fn excess(&self) -> Vec<&'static str> {
        let Self { received, allocations, allocated, polls, sent } = *self;
        let costs = [
            ("allocations", allocations, 64 + received / 2),
            ("octets allocated", allocated, 2048 + 128 * received),
            ("calls", polls, 16 + received / 2),
            ("octets sent", sent, 256 + 4 * received),
        ];
        costs.into_iter().filter(|(_, cost, bound)| cost > bound).map(|(name, ..)| name).collect()
    }

    fn assert_bounded(&self) {
        assert_eq!(self.excess(), [""; 0], "{self:?}");
    }
}

/// The memory that handling one input may take at a time: twice the APDU cap for each connection; what the batch keeps, twice while it
/// grows; and for each I frame one finding for the log and one mirrored answer.
pub(crate) fn memory_bound(kept: &FrameBatch) -> u64 {
    let batch = kept.bytes.capacity()
        + kept.updates.capacity() * size_of::<PointUpdate>()
        + kept.frames.capacity() * size_of::<bridge_session::Frame>();
    let answers = kept.frames.len().max(4).next_power_of_two() * 2 * (size_of::<Event>() + FRAME_MAX);
    (2 * FRAME_MAX * CHANNELS.len() + 2 * batch + answers) as u64
}

/// STARTDT, as a peer of `role` sends it.
pub(crate) fn starts(role: Role) -> Vec<u8> {
    u(if role == Role::Client { 0x0B } else { 0x07 })
}

/// What a lawful peer of `role` sends first: a controlled station answers the interrogation.
fn opening(role: Role) -> Vec<u8> {
    let answer = |ns, cause| i(ns, 1, &asdu(100, 1, cause, 21, &object(0, &[20])));
    if role == Role::Client { [answer(0, 7), answer(1, 10)].concat() } else { Vec::new() }
}

/// The number of the first I frame after that.
pub(crate) fn first(role: Role) -> u16 {
    if role == Role::Client { 2 } else { 0 }
}

/// I frames in sequence after the opening, acknowledging the one that we sent.
pub(crate) fn frames(role: Role, asdus: &[Vec<u8>]) -> Vec<u8> {
    asdus.iter().zip(first(role)..).flat_map(|(asdu, ns)| i(ns, 1, asdu)).collect()
}

pub(crate) fn u(function: u8) -> Vec<u8> {
    vec![0x68, 4, function, 0, 0, 0]
}

pub(crate) fn s(nr: u16) -> Vec<u8> {
    [&[0x68, 4][..], &Apci::Supervisory { nr }.octets()].concat()
}

pub(crate) fn i(ns: u16, nr: u16, asdu: &[u8]) -> Vec<u8> {
    let length = u8::try_from(asdu.len() + 4).unwrap();
    [&[0x68, length][..], &Apci::Information { ns, nr }.octets(), asdu].concat()
}

/// An ASDU by hand: type, VSQ, cause octet, CA, body.
pub(crate) fn asdu(type_id: u8, vsq: u8, cause: u8, ca: u16, body: &[u8]) -> Vec<u8> {
    let [low, high] = ca.to_le_bytes();
    [&[type_id, vsq, cause, 0, low, high], body].concat()
}

/// One object: address and element.
pub(crate) fn object(ioa: u32, element: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = ioa.to_le_bytes();
    [&[a, b, c], element].concat()
}

/// The documented reaction to an input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reaction {
    /// The connection is closed with this cause, and nothing is sent on it.
    Closed(&'static str),
    /// One answer for each I frame, each with these words.
    Answered(&'static str),
    /// The frames are journaled, nothing is answered and no value is read; the log says this.
    Journaled(&'static str),
    /// The frames are journaled; nothing else happens.
    Nothing,
}

/// Runs an attack on a fresh yard in one chunk and byte by byte: the same, bounded, and nobody else is touched.
pub(crate) fn shown_on(channel: u32, role: Role, params: &[(&str, Field)], bytes: &[u8]) -> Shown {
    let run = |piece: usize| {
        let mut yard = Yard::with(role, params);
        let shown = yard.attack(channel, bytes, piece);
        yard.assert_others_live(channel, shown.closed.is_some());
        shown
    };
    let whole = run(usize::MAX);
    // As text: a value that is no number equals nothing.
    assert_eq!(format!("{:?}", run(1)), format!("{whole:?}"), "byte by byte, {bytes:02x?}");
    whole
}

pub(crate) fn shown(role: Role, bytes: &[u8]) -> Shown {
    shown_on(STARTED, role, &[], bytes)
}

/// Holds each row's reaction against what happens.
pub(crate) fn check(rows: &[(Role, Vec<u8>, Reaction)]) {
    for (role, bytes, reaction) in rows {
        let shown = shown(*role, bytes);
        let row = format!("{role:?} {bytes:02x?}: {shown:?}");
        match reaction {
            Reaction::Closed(cause) => {
                assert!(shown.closed.as_ref().is_some_and(|closed| closed.contains(cause)), "{row}");
                assert!(shown.sent.is_empty() && shown.commands.is_empty(), "{row}");
            }
            Reaction::Answered(words) => {
                assert!(shown.closed.is_none() && shown.commands.is_empty() && shown.updates.is_empty(), "{row}");
                assert!(!shown.sent.is_empty() && shown.sent.len() == shown.frames, "{row}");
                assert!(shown.sent.iter().all(|line| line.contains(words)), "{row}");
            }
            Reaction::Journaled(words) => {
                assert!(shown.closed.is_none() && shown.sent.is_empty() && shown.updates.is_empty() && shown.frames > 0, "{row}");
                assert!(shown.told.iter().any(|what| what.contains(words)), "{row}");
            }
            Reaction::Nothing => {
                assert!(shown.closed.is_none() && shown.sent.is_empty() && shown.updates.is_empty() && shown.frames > 0, "{row}");
                assert!(shown.commands.is_empty(), "{row}");
            }
        }
    }
}

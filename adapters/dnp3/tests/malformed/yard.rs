//! A session under attack by its peer, with innocent bystanders: of a master another outstation on the same line, of an outstation another
//! master on another connection; and a second session.

use std::time::Duration;

use bridge_dnp3::Dnp3;
use bridge_model::{Mono, Now, Outcome, PointId, PointUpdate, Utc, Zone};
use bridge_session::{
    AddressUse, Channel, Chunk, CommandReceived, Event, Field, FrameBatch, Housekeeping, LinkPoint, LinkSpec, PeerInfo, Protocol, Request,
    Role, Session,
};

use crate::wire::*;

/// 2026-04-01T10:00:00Z.
const START: Now = Now { mono: Mono(1_000_000_000), utc: Utc(1_775_037_600_000_000_000) };
/// The connection of the attacker.
pub(crate) const VICTIM: Channel = Channel(1);
/// The other master's.
const BYSTANDER: Channel = Channel(2);
/// Octets of the longest fragment, both ways.
const FRAGMENT_MAX: usize = 2048;
/// Findings that are told in a minute.
const FINDINGS: usize = 101;

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn text(value: &str) -> Field {
    Field::Text(value.to_owned())
}

fn spec(role: Role, params: &[(&str, Field)]) -> LinkSpec {
    use AddressUse::{Control, Monitor};
    let point = |point: u32, usage, of: &str, index: u32, more: &[(&str, Field)]| {
        let own = [("type", text(of)), ("index", Field::Int(i64::from(index)))];
        let address = own.iter().chain(more).map(|(name, field)| ((*name).to_owned(), field.clone())).collect();
        LinkPoint { point: PointId(point), usage, address }
    };
    let types = [("binary", 0, 4), ("double", 10, 2), ("counter", 15, 1), ("analog", 20, 4)];
    let monitored = types.iter().flat_map(|(of, first, count)| (0..*count).map(move |i| point(first + i, Monitor, of, i, &[])));
    let models = ["latch", "trip_close", "pulse"].into_iter().zip(0..);
    let outputs = models.map(|(model, i)| point(100 + i, Control, "binary_output", i, &[("model", text(model))]));
    let more =
        [point(103, Control, "analog_output", 0, &[]), point(40, Monitor, "binary", 0, &[("outstation", Field::Int(i64::from(OTHER)))])];
    let mut all = vec![("outstation", Field::Int(i64::from(OUTSTATION)))];
    if role == Role::Server {
        all.extend([("master", text("1,2")), ("connections", Field::Int(2)), ("unsolicited", text(""))]);
    }
    all.extend_from_slice(params);
    LinkSpec {
        name: "yard".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params: all.into_iter().map(|(name, field)| (name.to_owned(), field)).collect(),
        points: monitored.chain(outputs).chain(more).collect(),
        max_unacked: 12,
        fresh_link_ms: 2000,
    }
}

/// What one attack showed.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Shown {
    /// Why the connection is to be closed.
    pub(crate) closed: Option<String>,
    /// Fragments and link functions that were sent to the attacker.
    pub(crate) sent: Vec<String>,
    /// Findings for the log.
    pub(crate) told: Vec<String>,
    /// Commands handed on.
    pub(crate) commands: Vec<CommandReceived>,
    /// Values read.
    pub(crate) updates: Vec<PointUpdate>,
    /// Frames journaled.
    pub(crate) frames: usize,
    /// How commands of ours ended.
    pub(crate) settled: Vec<Outcome>,
}

/// A session that is open, its start behind it, and a second one beside it.
pub(crate) struct Yard {
    pub(crate) role: Role,
    pub(crate) now: Now,
    pub(crate) session: Box<dyn Session>,
    neighbour: Box<dyn Session>,
    /// Whether received frames become durable at once.
    pub(crate) durable: bool,
    /// Of the last request on the line: a master's own, or what was sent to an outstation.
    pub(crate) seq: u8,
    /// The last fragment that was sent to the attacker.
    pub(crate) last: Vec<u8>,
    work: Work,
}

fn peer(host: u8) -> PeerInfo {
    PeerInfo { addr: format!("127.0.0.{host}:20000").parse().unwrap(), tls_identity: None }
}

impl Yard {
    pub(crate) fn new(role: Role) -> Self {
        Self::with(role, &[])
    }

    pub(crate) fn with(role: Role, params: &[(&str, Field)]) -> Self {
        let spec = spec(role, params);
        let mut yard = Self {
            role,
            now: START,
            session: Dnp3.session(&spec),
            neighbour: Dnp3.session(&spec),
            durable: true,
            seq: 0,
            last: Vec::new(),
            work: Work::default(),
        };
        yard.session.handle_open(VICTIM, &peer(1), START);
        yard.neighbour.handle_open(VICTIM, &peer(1), START);
        match role {
            Role::Client => {
                yard.seq = answer_start(yard.session.as_mut());
                answer_start(yard.neighbour.as_mut());
            }
            Role::Server => {
                yard.session.handle_open(BYSTANDER, &peer(2), START);
                let clear = [0xC0, 2, 80, 1, 0, 7, 7, 0];
                for (channel, master) in [(VICTIM, MASTER), (BYSTANDER, SECOND)] {
                    let octets = fragment(DATA | BY_MASTER, OUTSTATION, master, &clear);
                    assert_eq!(exchange(yard.session.as_mut(), channel, &octets).len(), 1);
                }
            }
        }
        yard.events();
        yard.work = Work::default();
        yard
    }

    /// A master that waits for the answer to a poll of class 0.
    pub(crate) fn asking() -> Self {
        Self::asking_with(&[])
    }

    pub(crate) fn asking_with(params: &[(&str, Field)]) -> Self {
        let mut yard = Self::with(Role::Client, params);
        // Of both outstations one after the other: the attacker's first.
        yard.request(Request::Housekeep { id: 1, wish: Housekeeping::Poll(1), not_after: Mono::NEVER });
        let sent = yard.output();
        assert!(sent.len() == 1 && sent[0].contains("READ; g60v1 all"), "{sent:?}");
        yard.seq = sent[0].trim_start_matches("seq=").split(' ').next().unwrap().parse().unwrap();
        yard.work = Work::default();
        yard
    }

    /// Everything that leaves to the attacker now, in words.
    pub(crate) fn output(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        let (session, now) = (&mut self.session, self.now);
        self.work.polls += self.work.during(|| {
            let mut polls = 1;
            while session.poll_output(VICTIM, &mut out, 4096, now) {
                polls += 1;
            }
            polls
        });
        self.work.sent += out.len() as u64;
        let peer = if self.role == Role::Client { OUTSTATION } else { MASTER };
        let sent: Vec<Vec<u8>> = read(&out).into_iter().filter(|(to, _)| *to == peer).map(|(_, sent)| sent).collect();
        self.last = sent.last().cloned().unwrap_or_default();
        sent.iter().map(|sent| words(sent)).collect()
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

    pub(crate) fn closed(&mut self) -> Option<String> {
        self.session.poll_close(VICTIM).map(|close| close.cause)
    }

    /// What it did since its start.
    pub(crate) const fn work(&self) -> Work {
        self.work
    }

    /// Time passes, every deadline on the way is served.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.mono + span;
        for _ in 0..1000 {
            let Some(next) = self.session.poll_timeout().filter(|next| *next <= end && *next > self.now.mono) else { break };
            self.now = Now { mono: next, utc: self.now.utc + next.since(self.now.mono) };
            self.session.handle_timeout(self.now);
            self.work.polls += 1;
        }
        self.now = Now { mono: end, utc: self.now.utc + end.since(self.now.mono) };
        self.session.handle_timeout(self.now);
    }

    /// The attack in pieces of so many octets: what it showed; its memory is bounded.
    pub(crate) fn attack(&mut self, bytes: &[u8], piece: usize) -> Shown {
        let mut kept = FrameBatch::default();
        let measured = allocation_counter::measure(|| {
            for chunk in bytes.chunks(piece) {
                self.session.handle_input(VICTIM, Chunk::Stream(chunk), self.now);
            }
            self.session.poll_frames(&mut kept);
        });
        self.work.received += bytes.len() as u64;
        self.work.add(&measured);
        let bound = memory_bound(&kept);
        assert!(measured.bytes_max <= bound, "{} octets were allocated at a time, {bound} are allowed", measured.bytes_max);
        for frame in kept.frames.iter().filter(|_| self.durable) {
            self.session.handle_durable(frame.connection, frame.number, self.now);
        }
        let closed = self.closed();
        let sent = self.output();
        let mut shown = Shown { closed, sent, updates: kept.updates, frames: kept.frames.len(), ..Shown::default() };
        for event in self.events() {
            if let Event::Refused { what } = event {
                shown.told.push(what);
            } else if let Event::CommandReceived(command) = event {
                shown.commands.push(command);
            } else if let Event::Settled { outcome, .. } = event {
                shown.settled.push(outcome);
            }
        }
        shown
    }

    /// Nothing happened to anybody else.
    pub(crate) fn assert_others_live(&mut self, closed: bool) {
        match self.role {
            Role::Client if closed => {}
            Role::Client => {
                let event = [0xF5, 130, 0, 0, 2, 1, 0x17, 1, 0, 0x81];
                let mut batch = FrameBatch::default();
                self.session.handle_input(VICTIM, Chunk::Stream(&fragment(DATA, MASTER, OTHER, &event)), self.now);
                self.session.poll_frames(&mut batch);
                let read: Vec<u32> = batch.updates.iter().map(|update| update.point.0).collect();
                assert_eq!(read, [40], "the other outstation of the line is read on");
            }
            Role::Server => {
                let question = fragment(DATA | BY_MASTER, OUTSTATION, SECOND, &[0xC1, 1, 1, 2, 0, 0, 0]);
                let sent = exchange(self.session.as_mut(), BYSTANDER, &question);
                assert!(sent.len() == 1 && sent[0].1[4..7] == [1, 2, 1], "the other master is answered: {sent:?}");
                assert_eq!(self.session.poll_close(BYSTANDER), None);
            }
        }
        let lawful = match self.role {
            Role::Client => fragment(DATA, MASTER, OUTSTATION, &[0xF5, 130, 0, 0, 2, 1, 0x17, 1, 0, 0x81]),
            Role::Server => fragment(DATA | BY_MASTER, OUTSTATION, MASTER, &[0xC1, 1, 1, 2, 0, 0, 0]),
        };
        let sent = exchange(self.neighbour.as_mut(), VICTIM, &lawful);
        assert_eq!(sent.len(), 1, "the second session goes on");
        assert_eq!(self.neighbour.poll_close(VICTIM), None);
        self.work.assert_bounded();
    }
}

/// Octets in, everything durable, what leaves.
fn exchange(session: &mut dyn Session, channel: Channel, octets: &[u8]) -> Vec<(u16, Vec<u8>)> {
    session.handle_input(channel, Chunk::Stream(octets), START);
    let mut batch = FrameBatch::default();
    session.poll_frames(&mut batch);
    for frame in &batch.frames {
        session.handle_durable(frame.connection, frame.number, START);
    }
    let mut out = Vec::new();
    while session.poll_output(channel, &mut out, 4096, START) {}
    read(&out)
}

/// Answers everything that a master asks at its start without objects; the number of its last request to the attacker.
fn answer_start(session: &mut dyn Session) -> u8 {
    let (mut seq, mut octets) = (0, Vec::new());
    for _ in 0..20 {
        let asked = exchange(session, VICTIM, &octets);
        if asked.is_empty() {
            return seq;
        }
        octets.clear();
        for (outstation, request) in asked {
            if outstation == OUTSTATION {
                seq = request[0] & 0x0F;
            }
            octets.extend(fragment(DATA, MASTER, outstation, &[0xC0 | request[0] & 0x0F, 129, 0, 0]));
        }
    }
    panic!("the start has no end");
}

/// What a session did for what it was sent: counted, not timed, the same on every machine.
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

    /// What is more than any input may cost: in proportion to its octets, and a little for the shortest. A frame has at least ten octets:
    /// five allocations and five calls for it. What is answered to one request is at most one fragment until that is confirmed.
    pub(crate) fn excess(&self) -> Vec<&'static str> {
        let Self { received, allocations, allocated, polls, sent } = *self;
        let costs = [
            ("allocations", allocations, 64 + received / 2),
            ("octets allocated", allocated, 16_384 + 128 * received),
            ("calls", polls, 16 + received / 2),
            ("octets sent", sent, 512 + 4 * received),
        ];
        costs.into_iter().filter(|(_, cost, bound)| cost > bound).map(|(name, ..)| name).collect()
    }

    fn assert_bounded(&self) {
        assert_eq!(self.excess(), [""; 0], "{self:?}");
    }
}

/// The memory that handling one input may take at a time: twice the fragment cap for what comes and for what leaves; what the batch keeps,
/// twice while it grows; and as many findings as are told in a minute.
pub(crate) fn memory_bound(kept: &FrameBatch) -> u64 {
    let batch = kept.bytes.capacity()
        + kept.updates.capacity() * size_of::<PointUpdate>()
        + kept.frames.capacity() * size_of::<bridge_session::Frame>();
    let findings = FINDINGS.next_power_of_two() * 2 * (size_of::<Event>() + 128);
    (4 * FRAGMENT_MAX + 2 * batch + findings) as u64
}

/// The documented reaction to an input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reaction {
    /// The connection is closed with this cause.
    Closed(&'static str),
    /// One answer, with these words; no value, no command.
    Answered(&'static str),
    /// The log says this; nothing is answered, journaled or done.
    Dropped(&'static str),
    /// The log says this; nothing is journaled, and the station that answers so is asked whether it is there.
    Asked(&'static str),
    /// It is journaled and confirmed, and the log says this; no value is read.
    Evidence(&'static str),
    /// Nothing at all.
    Nothing,
}

/// Runs an attack on a fresh yard in one chunk and byte by byte: the same, bounded, and nobody else is touched.
pub(crate) fn shown_in(yard: impl Fn() -> Yard, bytes: impl Fn(&Yard) -> Vec<u8>) -> Shown {
    let run = |piece: usize| {
        let mut yard = yard();
        let bytes = bytes(&yard);
        let shown = yard.attack(&bytes, piece);
        yard.assert_others_live(shown.closed.is_some());
        shown
    };
    let whole = run(usize::MAX);
    // As text: a value that is no number equals nothing.
    assert_eq!(format!("{:?}", run(1)), format!("{whole:?}"), "byte by byte");
    whole
}

pub(crate) fn shown(role: Role, bytes: &[u8]) -> Shown {
    shown_in(|| Yard::new(role), |_| bytes.to_vec())
}

/// Holds a reaction against what happened.
pub(crate) fn judge(shown: &Shown, reaction: Reaction, row: &str) {
    let row = format!("{row}: {shown:?}");
    let told = |words: &str| shown.told.iter().any(|what| what.contains(words));
    assert!(shown.commands.is_empty() && shown.updates.is_empty(), "{row}");
    assert_eq!(shown.closed.is_some(), matches!(reaction, Reaction::Closed(_)), "{row}");
    match reaction {
        Reaction::Closed(cause) => assert!(shown.closed.as_ref().is_some_and(|closed| closed.contains(cause)), "{row}"),
        Reaction::Answered(words) => assert!(shown.sent.len() == 1 && shown.sent[0].contains(words), "{row}"),
        Reaction::Dropped(words) => assert!(told(words) && shown.sent.is_empty() && shown.frames == 0, "{row}"),
        Reaction::Asked(words) => assert!(told(words) && shown.sent == ["REQUEST_LINK_STATUS"] && shown.frames == 0, "{row}"),
        Reaction::Evidence(words) => {
            assert!(told(words) && shown.frames == 1, "{row}");
            assert!(shown.sent.len() == 1 && shown.sent[0].ends_with("CONFIRM"), "{row}");
        }
        Reaction::Nothing => assert!(shown.told.is_empty() && shown.sent.is_empty() && shown.frames == 0, "{row}"),
    }
}

/// Octets to each role, and what each does.
pub(crate) fn check(role: Role, bytes: &[u8], reaction: Reaction) {
    judge(&shown(role, bytes), reaction, &format!("{role:?} {bytes:02x?}"));
}

/// The same octets as its peer would send them, to each role.
pub(crate) fn check_both(bytes: impl Fn(Role) -> Vec<u8>, reaction: Reaction) {
    for role in ROLES {
        check(role, &bytes(role), reaction);
    }
}

/// A request to an outstation: number 1, as the first after the start.
pub(crate) fn request(function: u8, objects: &[u8]) -> Vec<u8> {
    send(Role::Server, &[&[0xC1, function], objects].concat())
}

/// These objects to a master, unasked and as the answer to what it asked.
pub(crate) fn check_objects(objects: &[u8], unsolicited: Reaction, solicited: Reaction) {
    let octets = [&[0xF4, 130, 0, 0], objects].concat();
    check(Role::Client, &send(Role::Client, &octets), unsolicited);
    let answer = |yard: &Yard| send(Role::Client, &[&[0xE0 | yard.seq, 129, 0, 0], objects].concat());
    judge(&shown_in(Yard::asking, answer), solicited, &format!("solicited {objects:02x?}"));
}

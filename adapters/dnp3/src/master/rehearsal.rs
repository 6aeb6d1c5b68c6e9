//! What a master sends, found by letting one talk to an outstation of ours: its start, every poll, every wish, every control. The device
//! profile is written from it, so that it cannot say more, or less, than the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge_model::{Action, Command, CommandId, CommandMode, Mono, Now, PointId, Utc};
use bridge_session::{
    Answer, Channel, Chunk, CounterFreeze, Event, FileWish, FrameBatch, Housekeeping as Wish, LinkSpec, Parameter, PeerInfo, Request, Role,
    Session,
};

use super::Master;
use crate::app::{FragmentView, Function};
use crate::line::{Line, LineSettings};
use crate::outstation::{MemoryFiles, Outstation};
use crate::profile::{CONTROLS, VALUES, opposite, rehearsal};

/// An object of a request, if it has any: group, variation and qualifier.
pub(crate) type Sent = BTreeMap<Function, BTreeSet<Option<(u8, u8, u8)>>>;

const CHANNEL: Channel = Channel(1);
/// Steps of one wish that are waited for.
const STEPS_MAX: u32 = 200;

/// Everything that a master with the parameters of `spec` sends to an outstation that takes all of it.
pub(crate) fn sent(spec: &LinkSpec) -> Sent {
    let mut stage = Stage::new(spec);
    for wish in wishes() {
        stage.request(|id, not_after| Request::Housekeep { id, wish, not_after });
    }
    for wish in [
        FileWish::List(String::new()),
        FileWish::Read("a".to_owned()),
        FileWish::Write { name: "b".to_owned(), octets: vec![1] },
        FileWish::Delete("a".to_owned()),
    ] {
        stage.request(|id, not_after| Request::File { id, station: None, wish, not_after });
    }
    for (point, (_, is_switch)) in (0..).zip(CONTROLS) {
        for mode in [CommandMode::SelectExecute, CommandMode::Direct] {
            stage.command(PointId(point), if is_switch { Action::Switch(true) } else { Action::Set(1.0) }, mode);
        }
    }
    // Restarts end the connection: last.
    for wish in [Wish::Reset, Wish::ColdRestart] {
        stage.request(|id, not_after| Request::Housekeep { id, wish, not_after });
    }
    stage.sent
}

fn wishes() -> Vec<Wish> {
    let counters = |freeze| Wish::Counters { group: None, freeze };
    let analog = PointId(VALUES.iter().position(|word| *word == "analog").and_then(|at| u32::try_from(at).ok()).unwrap_or(0));
    let points = (0..).zip(VALUES).map(|(point, _)| PointId(point));
    let of_points = points.flat_map(|point| [Wish::Read(point), Wish::AssignClass { point, class: 1 }]);
    let unsolicited = [true, false].map(|on| Wish::Unsolicited { classes: 0b1110, on });
    let deadband = Wish::LoadParameter { point: analog, parameter: Parameter::Threshold, value: 1.0, in_operation: true };
    let freezes = [CounterFreeze::Read, CounterFreeze::Freeze, CounterFreeze::FreezeReset].map(counters);
    let others = [Wish::Poll(0b1111), Wish::SynchroniseClock, Wish::Attributes, Wish::Test, deadband];
    of_points.chain(unsolicited).chain(freezes).chain(others).collect()
}

/// The two sessions, and what went from the one to the other.
struct Stage {
    master: Master,
    outstation: Outstation,
    ear: Line,
    now: Now,
    id: u64,
    sent: Sent,
}

impl Stage {
    fn new(spec: &LinkSpec) -> Self {
        let now = Now { mono: Mono(1_000_000_000), utc: Utc(1_775_037_600_000_000_000) };
        let spec = rehearsal(spec);
        let master = Master::new(&spec);
        let (own, remote) = (master.local(), master.remotes.first().map_or(0, |remote| remote.address));
        let files = MemoryFiles { files: BTreeMap::from([("a".to_owned(), vec![1])]), key: None };
        let outstation = Outstation::with_files(&opposite(&spec, remote, own), Box::new(files));
        let ear = Line::new(LineSettings { max_fragment: 65_535, ..LineSettings::new(Role::Server) }, &[(remote, own)], now.mono);
        let mut stage = Self { master, outstation, ear, now, id: 0, sent: Sent::new() };
        stage.connect();
        stage
    }

    fn connect(&mut self) {
        let peer = PeerInfo { addr: ([127, 0, 0, 1], crate::PORT).into(), tls_identity: None };
        self.master.handle_open(CHANNEL, &peer, self.now);
        self.outstation.handle_open(CHANNEL, &peer, self.now);
        self.play();
    }

    fn request(&mut self, make: impl FnOnce(u64, Mono) -> Request) {
        self.id += 1;
        let request = make(self.id, self.now.mono + Duration::from_secs(10));
        self.master.handle_request(request, self.now);
        self.play();
    }

    fn command(&mut self, point: PointId, action: Action, mode: CommandMode) {
        self.id += 1;
        let life = Duration::from_secs(10);
        let not_after = Now { mono: self.now.mono + life, utc: self.now.utc + life };
        let command = Command { id: CommandId(u128::from(self.id)), point, action, mode, qualifier: 0, not_after };
        self.master.handle_request(Request::Command(command), self.now);
        self.play();
    }

    /// Both talk until neither has anything to say; a second passes after it.
    fn play(&mut self) {
        for _ in 0..STEPS_MAX {
            let mut out = Vec::new();
            while self.master.poll_output(CHANNEL, &mut out, 4096, self.now) {}
            self.listen(&out);
            self.outstation.handle_input(CHANNEL, Chunk::Stream(&out), self.now);
            keep(&mut self.outstation, self.now);
            while let Some(event) = self.outstation.poll_event() {
                if let Event::CommandReceived(command) = event {
                    self.outstation.handle_request(Request::Answer { token: command.token, answer: Answer::Confirm }, self.now);
                }
            }
            let mut back = Vec::new();
            while self.outstation.poll_output(CHANNEL, &mut back, 4096, self.now) {}
            self.master.handle_input(CHANNEL, Chunk::Stream(&back), self.now);
            keep(&mut self.master, self.now);
            while self.master.poll_event().is_some() {}
            if out.is_empty() && back.is_empty() {
                break;
            }
        }
        let second = Duration::from_secs(1);
        self.now = Now { mono: self.now.mono + second, utc: self.now.utc + second };
        self.master.handle_timeout(self.now);
        self.outstation.handle_timeout(self.now);
        if self.outstation.poll_close(CHANNEL).is_some() {
            self.master.handle_close(CHANNEL, self.now);
            self.outstation.handle_close(CHANNEL, self.now);
            let pause = Duration::from_secs(60);
            self.now = Now { mono: self.now.mono + pause, utc: self.now.utc + pause };
            self.connect();
        }
    }

    fn listen(&mut self, octets: &[u8]) {
        let mut chunk = Chunk::Stream(octets);
        while let Some(received) = self.ear.receive(&mut chunk, self.now.mono) {
            let Ok(view) = FragmentView::request(received.fragment) else { continue };
            let objects = self.sent.entry(view.function).or_default();
            if view.body.is_empty() {
                objects.insert(None);
            }
            for header in view.headers().flatten() {
                objects.insert(Some((header.header.group, header.header.variation, header.header.qualifier.octet())));
            }
        }
    }
}

/// Everything that came is durable at once.
fn keep(session: &mut dyn Session, now: Now) {
    let mut batch = FrameBatch::default();
    while session.poll_frames(&mut batch) {
        for frame in &batch.frames {
            session.handle_durable(frame.connection, frame.number, now);
        }
        batch.clear();
    }
}

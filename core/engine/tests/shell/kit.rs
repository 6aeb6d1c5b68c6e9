//! A toy protocol, a toy engine, a disk that can be made to wait, and a peer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bridge_engine::shell::{Endpoint, Engine, Error, LinkTask, Local, SystemClock, run};
use bridge_engine::{LocalReply, LocalRequest, Output};
use bridge_journal::{Disk, Group, Journal, Kind, MemDisk, Options, Position, SyncDone};
use bridge_model::{Action, Command, CommandId, CommandMode, LinkId, Mono, Now, Outcome, PointId};
use bridge_session::{Channel, Chunk, Close, Event, FrameBatch, Inbound, LinkState, Outbound, PeerInfo, Request, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How long a test waits for what must happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// One octet is one message: `P` asks for `p` at once, `Q` for `bye` and an end, `X` for an abort, `!` for a panic, `c` completes the last
/// command; an acknowledgement is ignored; anything else is a frame, acknowledged (see [`ack`]) when it is durable. A command leaves as `C`, an interrogation
/// as `I`.
#[derive(Default)]
pub(crate) struct Toy {
    connections: u32,
    open: Option<Channel>,
    frames: u64,
    batch: FrameBatch,
    events: VecDeque<Event>,
    out: VecDeque<u8>,
    closes: VecDeque<(Channel, Close)>,
    command: Option<Command>,
    keep_alive: Option<Duration>,
    next: Option<Mono>,
    life: Option<Duration>,
    patience: Option<Duration>,
    most: Option<usize>,
    datagrams: bool,
}

impl Toy {
    /// Gives an attempt to connect so long.
    pub(crate) fn with_patience(patience: Duration) -> Self {
        Self { patience: Some(patience), ..Self::default() }
    }

    /// Takes so many connections at a time.
    pub(crate) fn with_most(most: usize) -> Self {
        Self { most: Some(most), ..Self::default() }
    }

    /// Lives on datagrams.
    pub(crate) fn of_datagrams() -> Self {
        Self { datagrams: true, ..Self::default() }
    }

    /// Says `T` this often.
    pub(crate) fn keeping_alive(every: Duration) -> Self {
        Self { keep_alive: Some(every), ..Self::default() }
    }

    /// What it writes while a command is out lives so long.
    pub(crate) fn with_life(life: Duration) -> Self {
        Self { life: Some(life), ..Self::default() }
    }
}

impl Session for Toy {
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now) {
        self.connections += 1;
        self.frames = 0;
        self.open = Some(channel);
        self.out.clear();
        self.next = self.keep_alive.map(|every| now.mono + every);
        self.events.push_back(Event::LinkState(LinkState::Connected));
        if let Some(identity) = &peer.tls_identity {
            self.events.push_back(Event::Refused { what: format!("the peer is {identity}") });
        }
    }

    fn handle_input(&mut self, channel: Channel, chunk: Chunk<'_>, now: Now) {
        let bytes = match (chunk, self.datagrams) {
            (Chunk::Stream(bytes), false) => bytes,
            (Chunk::Datagram { bytes, .. }, true) => {
                // Each peer has a channel, and gets the answer to what it asked.
                self.open = Some(channel);
                bytes
            }
            (chunk @ (Chunk::Stream(_) | Chunk::Datagram { .. }), _) => panic!("not what this transport brings: {chunk:?}"),
        };
        for byte in bytes {
            match byte {
                b'P' => self.out.push_back(b'p'),
                b'Q' => {
                    self.out.extend(b"bye");
                    self.closes.push_back((channel, Close { abort: false, cause: "asked for".to_owned() }));
                }
                b'X' => self.closes.push_back((channel, Close { abort: true, cause: "asked for".to_owned() })),
                b'!' => panic!("asked for"),
                b'c' => {
                    let command = self.command.take().expect("a command is out");
                    self.events.push_back(Event::Settled { command, outcome: Outcome::Completed, at: now });
                }
                b'A' | 0x80.. => {}
                frame => {
                    self.frames += 1;
                    self.batch.push(self.connections, self.frames, now.utc, &[*frame], 0);
                }
            }
        }
    }

    fn handle_request(&mut self, request: Request, _now: Now) {
        match request {
            Request::Command(command) => {
                self.command = Some(command);
                self.out.push_back(b'C');
            }
            Request::Interrogate => self.out.push_back(b'I'),
            Request::Publish(values) => self.out.extend(values.iter().map(|_| b'V')),
            Request::Housekeep { .. }
            | Request::File { .. }
            | Request::System(_)
            | Request::Journal { .. }
            | Request::Cancel(_)
            | Request::SwitchOver
            | Request::Answer { .. } => {}
        }
    }

    fn handle_durable(&mut self, connection: u32, frame: u64, _now: Now) {
        assert!(connection <= self.connections, "a receipt for a connection that never was");
        if connection == self.connections {
            assert!(frame <= self.frames, "a receipt for a frame that never was");
            self.out.extend(ack(frame as u8));
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        if let (Some(every), Some(next)) = (self.keep_alive, self.next)
            && next <= now.mono
        {
            self.out.push_back(b'T');
            self.next = Some(now.mono + every);
        }
    }

    fn handle_close(&mut self, channel: Channel, _now: Now) {
        if self.open == Some(channel) {
            self.open = None;
            self.next = None;
            self.events.push_back(Event::LinkState(LinkState::Down));
        }
    }

    fn poll_frames(&mut self, batch: &mut FrameBatch) -> bool {
        if self.batch.frames.is_empty() {
            return false;
        }
        assert!(batch.frames.is_empty(), "the batch is handed over empty");
        std::mem::swap(&mut self.batch, batch);
        true
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_output(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize, _now: Now) -> bool {
        if self.open != Some(channel) || self.out.is_empty() {
            return false;
        }
        assert!(out.is_empty(), "everything taken before was written");
        out.extend(self.out.drain(..limit.min(self.out.len())));
        true
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        self.closes.pop_front_if(|(of, _)| *of == channel).map(|(_, close)| close)
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.next
    }

    fn user_timeout(&self, _channel: Channel, _now: Now) -> Option<Duration> {
        self.command.and(self.life)
    }

    fn connect_timeout(&self) -> Option<Duration> {
        self.patience
    }

    fn channels_max(&self) -> Option<usize> {
        self.most
    }
}

/// What the engine was told.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Told {
    Frame { link: u16, connection: u32, number: u64, octet: u8 },
    Event { link: u16, event: Event },
    Synced,
    North(Inbound),
    Security { link: u16, what: String },
}

/// Shared with the test.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) told: Mutex<Vec<Told>>,
    /// Outputs the test wants.
    pub(crate) outputs: Mutex<VecDeque<Output>>,
    /// While locked by the test, the engine stands still at the next frames.
    pub(crate) hold_engine: Mutex<()>,
}

impl Book {
    pub(crate) fn events(&self, link: u16) -> Vec<Event> {
        let told = self.told.lock().unwrap();
        told.iter()
            .filter_map(|told| if let Told::Event { link: of, event } = told { (*of == link).then(|| event.clone()) } else { None })
            .collect()
    }

    pub(crate) fn frames(&self, link: u16) -> Vec<(u32, u64, u8)> {
        let told = self.told.lock().unwrap();
        let frame = |told: &Told| match told {
            Told::Frame { link: of, connection, number, octet } if *of == link => Some((*connection, *number, *octet)),
            Told::Frame { .. } | Told::Event { .. } | Told::Synced | Told::North(_) | Told::Security { .. } => None,
        };
        told.iter().filter_map(frame).collect()
    }

    /// The security events of a link.
    pub(crate) fn security(&self, link: u16) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.iter()
            .filter_map(|told| if let Told::Security { link: of, what } = told { (*of == link).then(|| what.clone()) } else { None })
            .collect()
    }

    /// Whether a security event of a link has all these words.
    pub(crate) fn says(&self, link: u16, words: &[&str]) -> bool {
        self.security(link).iter().any(|what| words.iter().all(|word| what.contains(word)))
    }
}

/// Appends every frame, commits as fast as it can, gives receipts, and says what the test put into its book.
pub(crate) struct Clerk {
    pub(crate) book: Arc<Book>,
    journal: Journal,
    group: Group,
    receipts: VecDeque<(Position, LinkId, u32, u64)>,
    out: VecDeque<Output>,
}

impl Clerk {
    pub(crate) fn new(book: &Arc<Book>, disk: Arc<dyn Disk>) -> Self {
        let options = Options { origin: "toy".to_owned(), epoch: 1, writer: 1, fence: 1, segment_bytes: 64 << 20 };
        let (journal, _) = Journal::open(disk, options).unwrap();
        Self { book: Arc::clone(book), journal, group: Group::new(), receipts: VecDeque::new(), out: VecDeque::new() }
    }

    fn tell(&self, told: Told) {
        self.book.told.lock().unwrap().push(told);
    }

    fn commit(&mut self) {
        self.out.extend(self.journal.sync_job().map(Output::Sync));
    }
}

impl Engine for Clerk {
    fn handle_frames(&mut self, link: LinkId, batch: &FrameBatch, _now: Now) {
        drop(self.book.hold_engine.lock().unwrap());
        for frame in &batch.frames {
            let octets = batch.octets(frame);
            self.tell(Told::Frame { link: link.0, connection: frame.connection, number: frame.number, octet: octets[0] });
            self.group.push(Kind(1), octets);
        }
        let last = batch.frames.last().expect("no empty batch");
        let end = self.journal.append(&mut self.group).unwrap().end;
        self.receipts.push_back((end, link, last.connection, last.number));
        self.commit();
    }

    fn handle_event(&mut self, link: LinkId, event: Event, _now: Now) {
        self.tell(Told::Event { link: link.0, event });
    }

    fn handle_synced(&mut self, done: SyncDone, _now: Now) {
        let durable = self.journal.handle_sync(done).unwrap();
        self.tell(Told::Synced);
        while let Some((_, link, connection, frame)) = self.receipts.pop_front_if(|(end, ..)| *end <= durable) {
            self.out.push_back(Output::Durable { link, connection, frame });
        }
        self.commit();
    }

    fn handle_north(&mut self, inbound: Inbound, _now: Now) {
        self.tell(Told::North(inbound));
    }

    fn handle_local(&mut self, request: LocalRequest, _now: Now) {
        self.out.push_back(Output::Local(LocalReply { id: request.id, line: format!("{:?}", request.wish) }));
    }

    fn handle_security(&mut self, link: LinkId, what: &str, _now: Now) {
        self.tell(Told::Security { link: link.0, what: what.to_owned() });
    }

    fn handle_timeout(&mut self, _now: Now) {}

    fn poll(&mut self) -> Option<Output> {
        self.out.pop_front().or_else(|| self.book.outputs.lock().unwrap().pop_front())
    }

    /// Looks into its book every few milliseconds.
    fn poll_timeout(&self) -> Option<Mono> {
        Some(Mono(SystemClock::now(&CLOCK).mono.0 + 5_000_000))
    }
}

static CLOCK: std::sync::LazyLock<SystemClock> = std::sync::LazyLock::new(SystemClock::new);

/// A disk whose syncs wait while the gate is shut.
pub(crate) struct GatedDisk {
    inner: MemDisk,
    shut: Mutex<bool>,
    opened: Condvar,
}

impl GatedDisk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: MemDisk::new(), shut: Mutex::new(false), opened: Condvar::new() })
    }

    pub(crate) fn shut(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }
}

impl Disk for GatedDisk {
    fn list(&self) -> std::io::Result<Vec<String>> {
        self.inner.list()
    }
    fn len(&self, file: &str) -> std::io::Result<u64> {
        self.inner.len(file)
    }
    fn append(&self, file: &str, bytes: &[u8]) -> std::io::Result<()> {
        self.inner.append(file, bytes)
    }
    fn sync(&self, file: &str) -> std::io::Result<()> {
        drop(self.opened.wait_while(self.shut.lock().unwrap(), |shut| *shut).unwrap());
        self.inner.sync(file)
    }
    fn read(&self, file: &str, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(file, offset, buf)
    }
    fn truncate(&self, file: &str, len: u64) -> std::io::Result<()> {
        self.inner.truncate(file, len)
    }
    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, file: &str) -> std::io::Result<()> {
        self.inner.remove(file)
    }
    fn sync_dir(&self) -> std::io::Result<()> {
        self.inner.sync_dir()
    }
}

/// The acknowledgement of a frame: `A` and its number with the top bit set.
pub(crate) fn ack(number: u8) -> [u8; 2] {
    [b'A', 0x80 | number]
}

/// A running shell.
pub(crate) struct Rig {
    pub(crate) book: Arc<Book>,
    pub(crate) disk: Arc<GatedDisk>,
    pub(crate) north_in: mpsc::Sender<Inbound>,
    pub(crate) north_out: mpsc::Receiver<Outbound>,
    pub(crate) local: mpsc::Sender<Local>,
    pub(crate) story: Arc<Mutex<Vec<String>>>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) running: JoinHandle<Result<Clerk, Error>>,
}

pub(crate) fn link(number: u16, endpoint: Endpoint, make: impl Fn() -> Toy + Send + 'static) -> LinkTask {
    LinkTask { link: LinkId(number), session: Box::new(make()), restart: Box::new(move || Box::new(make())), endpoint }
}

pub(crate) fn connect(addr: SocketAddr) -> Endpoint {
    Endpoint::connect(addr)
}

pub(crate) fn listen(addr: SocketAddr) -> Endpoint {
    Endpoint::listen(addr, vec![addr.ip()])
}

/// Starts links over a clerk.
pub(crate) fn start(links: Vec<LinkTask>) -> Rig {
    let book = Arc::new(Book::default());
    let disk = GatedDisk::new();
    let clerk = Clerk::new(&book, disk.clone());
    let (north_in, inbound) = mpsc::channel(4);
    let (outbound, north_out) = mpsc::channel(4);
    let (local, wishes) = mpsc::channel(4);
    let (stop, stopped) = watch::channel(false);
    let story = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&story);
    let story_in = Box::new(move |line| told.lock().unwrap().push(line));
    let running = run(clerk, links, (inbound, outbound), wishes, story_in, *CLOCK, stopped);
    let running = tokio::spawn(running);
    Rig { book, disk, north_in, north_out, local, story, stop, running }
}

impl Rig {
    pub(crate) fn ask(&self, output: Output) {
        self.book.outputs.lock().unwrap().push_back(output);
    }

    pub(crate) async fn stop(self) -> Clerk {
        self.stop.send_replace(true);
        tokio::time::timeout(SOON, self.running).await.expect("stops in time").expect("does not panic").expect("ends well")
    }
}

pub(crate) fn command(id: u128) -> Command {
    let not_after = Now { mono: Mono::NEVER, ..Now::default() };
    Command { id: CommandId(id), point: PointId(0), action: Action::Set(1.0), mode: CommandMode::Direct, qualifier: 0, not_after }
}

pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// An address where nobody listens yet.
pub(crate) async fn free() -> SocketAddr {
    listener().await.1
}

/// The other side of a toy link.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = tokio::time::timeout(SOON, listener.accept()).await.expect("somebody connects").unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Until somebody listens there.
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let began = Instant::now();
        loop {
            if let Ok(stream) = TcpStream::connect(to).await {
                stream.set_nodelay(true).unwrap();
                return Self(stream);
            }
            assert!(began.elapsed() < SOON, "nobody listens at {to}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn expect(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        let all = tokio::time::timeout(SOON, self.0.read_exact(&mut read)).await.expect("an answer in time");
        all.unwrap();
        assert_eq!(read, bytes);
    }

    pub(crate) async fn silent_for(&mut self, time: Duration) {
        let read = tokio::time::timeout(time, self.0.read_u8()).await;
        assert!(read.is_err(), "something came: {read:?}");
    }

    /// What ends the connection: `Ok(0)` for an orderly end.
    pub(crate) async fn end(&mut self) -> Result<usize, std::io::ErrorKind> {
        let read = tokio::time::timeout(SOON, self.0.read(&mut [0; 64])).await.expect("the connection ends in time");
        read.map_err(|error| error.kind())
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

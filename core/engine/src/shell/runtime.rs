//! The loop that owns the engine, and the start of everything around it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bridge_journal::SyncDone;
use bridge_model::{LinkId, Mono, Now};
use bridge_session::{Event, FrameBatch, Inbound, Outbound, Session};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Sleep;
use tracing::Instrument;

use super::clock::{SystemClock, random};
use super::committer::{Committer, Lost};
use super::driver::Driver;
use super::endpoint::Endpoint;
use super::error::Error;
use super::gate::{Hatch, Shared};
use super::north::North;
use super::orders::{Full, Orders};
use super::port::{Port, Restart, Way};
use super::supervise::{Ended, Tasks};
use super::uplink::{Uplink, Upward};
use crate::{Bridge, LocalRequest, LocalWish, Output};

/// Messages of all links that may wait for the engine. Beyond it links keep their own, up to [`MAX_WAITING`](super::MAX_WAITING).
pub const INBOX: usize = 1024;

/// Messages taken from the inbox at one waking.
const TAKE: usize = 64;

/// Local requests that may wait for their answer.
pub const MAX_LOCAL: usize = 256;

/// A link that ran so long was well: if it panics now, it is restarted after the shortest wait.
const STEADY: Duration = Duration::from_secs(60);

/// How long the end may take: links close, the last commit returns, the last messages leave.
pub const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// At the end, how long the engine's own next commit is waited for.
const LAST_COMMIT: Duration = Duration::from_millis(50);

/// The rest of a shared listener that panicked.
const GATE_REST: Duration = Duration::from_secs(1);

/// The engine, as the shell drives it.
pub trait Engine: Send + 'static {
    /// See [`Bridge::handle_frames`].
    fn handle_frames(&mut self, link: LinkId, batch: &FrameBatch, now: Now);
    /// See [`Bridge::handle_event`].
    fn handle_event(&mut self, link: LinkId, event: Event, now: Now);
    /// See [`Bridge::handle_synced`].
    fn handle_synced(&mut self, done: SyncDone, now: Now);
    /// See [`Bridge::handle_north`].
    fn handle_north(&mut self, inbound: Inbound, now: Now);
    /// See [`Bridge::handle_local`].
    fn handle_local(&mut self, request: LocalRequest, now: Now);
    /// See [`Bridge::handle_timeout`].
    fn handle_timeout(&mut self, now: Now);
    /// See [`Bridge::handle_restarted`].
    fn handle_restarted(&mut self, _link: LinkId, _now: Now) {}
    /// See [`Bridge::handle_security`].
    fn handle_security(&mut self, _link: LinkId, _what: &str, _now: Now) {}
    /// See [`Bridge::handle_stop`].
    fn handle_stop(&mut self, _now: Now) {}
    /// See [`Bridge::poll`].
    fn poll(&mut self) -> Option<Output>;
    /// See [`Bridge::poll_timeout`].
    fn poll_timeout(&self) -> Option<Mono>;
}

impl Engine for Bridge {
    fn handle_frames(&mut self, link: LinkId, batch: &FrameBatch, now: Now) {
        Self::handle_frames(self, link, batch, now);
    }

    fn handle_event(&mut self, link: LinkId, event: Event, now: Now) {
        Self::handle_event(self, link, event, now);
    }

    fn handle_synced(&mut self, done: SyncDone, now: Now) {
        Self::handle_synced(self, done, now);
    }

    fn handle_north(&mut self, inbound: Inbound, now: Now) {
        Self::handle_north(self, inbound, now);
    }

    fn handle_local(&mut self, request: LocalRequest, now: Now) {
        Self::handle_local(self, request, now);
    }

    fn handle_restarted(&mut self, link: LinkId, now: Now) {
        Self::handle_restarted(self, link, now);
    }

    fn handle_security(&mut self, link: LinkId, what: &str, now: Now) {
        Self::handle_security(self, link, what, now);
    }

    fn handle_stop(&mut self, now: Now) {
        Self::handle_stop(self, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        Self::handle_timeout(self, now);
    }

    fn poll(&mut self) -> Option<Output> {
        Self::poll(self)
    }

    fn poll_timeout(&self) -> Option<Mono> {
        Self::poll_timeout(self)
    }
}

/// One link to drive.
pub struct LinkTask {
    /// Its number in the plan.
    pub link: LinkId,
    /// Its session.
    pub session: Box<dyn Session>,
    /// Makes another session, should this one panic.
    pub restart: Restart,
    /// How to reach the peer.
    pub endpoint: Endpoint,
}

/// A wish of a local operator, and where the answer goes: one line of JSON.
pub type Local = (LocalWish, oneshot::Sender<String>);

/// Takes the engine's story, line by line. Called between two messages of the engine: it must not wait.
pub type Story = Box<dyn FnMut(String) + Send>;

/// Runs the engine and its links until `stop` becomes true, its sender is gone, or this future is dropped. Gives the engine back.
///
/// The engine has a thread of its own, so that neither hashing nor a write to a slow disk ever delays a link's keep-alive; commits have
/// another. Links are tasks of the runtime that calls this. The other end of `north` must keep taking from us while it gives to us, and so do
/// we. Dropping the other end of `local` ends nothing.
///
/// # Errors
/// [`Error::Engine`] if the engine panicked, [`Error::Committer`] if commits can no longer run, [`Error::Thread`] if a thread could not be
/// started.
pub async fn run<E: Engine>(
    engine: E,
    links: Vec<LinkTask>,
    north: (mpsc::Receiver<Inbound>, mpsc::Sender<Outbound>),
    local: mpsc::Receiver<Local>,
    story: Story,
    clock: SystemClock,
    stop: watch::Receiver<bool>,
) -> Result<E, Error> {
    let committer = Committer::start().map_err(|source| Error::Thread { name: "commit", source })?;
    let (inbox_in, inbox) = mpsc::channel(INBOX);
    let (north_in, north_out) = north;
    let mut shell = Shell {
        engine,
        clock,
        ports: BTreeMap::new(),
        tasks: Tasks::default(),
        gates: Tasks::default(),
        shared: Vec::new(),
        runtime: Handle::current(),
        inbox_in,
        committer,
        north: North::new(north_out),
        local: BTreeMap::new(),
        local_next: 0,
        story,
    };
    let sources = Sources { inbox, north: Some(north_in), local: Some(local), stop };
    let (result_in, result) = oneshot::channel::<Result<E, Error>>();
    // Its own timers; its links run where this runs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|source| Error::Thread { name: "engine", source })?;
    let thread = std::thread::Builder::new().name("engine".to_owned());
    let spawned = thread.spawn(move || {
        let (result_in, ended) = runtime.block_on(async move {
            shell.start(links);
            let mut result_in = result_in;
            let ended = shell.turn(sources, &mut result_in).await;
            (result_in, ended.map(|()| shell.engine))
        });
        // Nobody waits for it if `run` was dropped.
        drop(result_in.send(ended));
    });
    spawned.map_err(|source| Error::Thread { name: "engine", source })?;
    match result.await {
        Ok(ended) => ended,
        Err(_) => {
            tracing::error!("the engine panicked");
            Err(Error::Engine)
        }
    }
}

/// Where input comes from.
struct Sources {
    inbox: mpsc::Receiver<(LinkId, Upward)>,
    /// `None` once the other end is gone.
    north: Option<mpsc::Receiver<Inbound>>,
    local: Option<mpsc::Receiver<Local>>,
    stop: watch::Receiver<bool>,
}

struct Shell<E> {
    engine: E,
    clock: SystemClock,
    ports: BTreeMap<LinkId, Port>,
    tasks: Tasks<LinkId>,
    /// Addresses that several links share.
    gates: Tasks<usize>,
    shared: Vec<Arc<Shared>>,
    /// Where the links run.
    runtime: Handle,
    inbox_in: mpsc::Sender<(LinkId, Upward)>,
    committer: Committer,
    north: North,
    local: BTreeMap<u64, oneshot::Sender<String>>,
    local_next: u64,
    story: Story,
}

impl<E: Engine> Shell<E> {
    fn start(&mut self, tasks: Vec<LinkTask>) {
        let mut at: BTreeMap<SocketAddr, usize> = BTreeMap::new();
        for task in &tasks {
            // Port 0 is each time another.
            if let Some((addr, ..)) = task.endpoint.listening()
                && addr.port() != 0
            {
                *at.entry(addr).or_default() += 1;
            }
        }
        at.retain(|_, links| *links > 1);
        let mut gates: BTreeMap<SocketAddr, Shared> = BTreeMap::new();
        for task in tasks {
            let LinkTask { link, session, restart, endpoint } = task;
            let way = match endpoint.listening() {
                Some((addr, allow, tls)) if at.contains_key(&addr) => {
                    let hatch = Arc::new(Hatch::default());
                    let gate = gates.entry(addr).or_insert_with(|| Shared { at: addr, links: Vec::new() });
                    gate.links.push((allow.to_vec(), tls.cloned(), Arc::clone(&hatch)));
                    Way::Shared(hatch, endpoint)
                }
                Some(_) | None => Way::Own(endpoint),
            };
            let orders = Arc::new(Orders::default());
            let abort = self.spawn(link, session, way.clone(), &orders, Duration::ZERO);
            self.ports.insert(link, Port::new(orders, way, restart, self.clock.now().mono, abort));
        }
        self.shared = gates.into_values().map(Arc::new).collect();
        for gate in 0..self.shared.len() {
            self.serve(gate, Duration::ZERO);
        }
    }

    fn serve(&mut self, gate: usize, after: Duration) {
        let Some(shared) = self.shared.get(gate).cloned() else { return };
        let (clock, name) = (self.clock, format!("listener {}", shared.at));
        self.gates.spawn_on(&self.runtime, gate, name, async move {
            tokio::time::sleep(after).await;
            shared.serve(clock).await;
        });
    }

    fn spawn(
        &mut self,
        link: LinkId,
        session: Box<dyn Session>,
        way: Way,
        orders: &Arc<Orders>,
        after: Duration,
    ) -> tokio::task::AbortHandle {
        let span = tracing::info_span!("link", id = link.0);
        let uplink = Uplink::new(link, session, self.inbox_in.clone(), Arc::clone(orders));
        let clock = self.clock;
        let task = async move {
            let (endpoint, handed) = match way {
                Way::Own(endpoint) => (endpoint, None),
                Way::Shared(hatch, endpoint) => (endpoint, Some(hatch.open())),
            };
            let mut driver = Driver::new(uplink, endpoint, handed, clock, after);
            poll_fn(|cx| driver.poll(cx)).await;
            driver.finish();
        };
        self.tasks.spawn_on(&self.runtime, link, format!("link {}", link.0), task.instrument(span))
    }

    async fn turn(&mut self, sources: Sources, result: &mut oneshot::Sender<Result<E, Error>>) -> Result<(), Error> {
        let Sources { mut inbox, mut north, mut local, mut stop } = sources;
        let mut taken = Vec::with_capacity(TAKE);
        let mut alarm = Alarm::new();
        loop {
            self.outputs()?;
            alarm.set(self.engine.poll_timeout(), self.clock);
            // Whatever is ready, in no order, so that no source starves another; what is due is looked at every time.
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = result.closed() => break,
                done = self.committer.next() => self.synced(done)?,
                _ = inbox.recv_many(&mut taken, TAKE) => {
                    for (link, message) in taken.drain(..) {
                        self.upward(link, message)?;
                    }
                }
                message = receive(&mut north) => match message {
                    Some(message) => {
                        self.engine.handle_north(message, self.clock.now());
                    }
                    None => north = None,
                },
                wish = receive(&mut local) => match wish {
                    Some((wish, answer)) => self.wish(wish, answer),
                    None => local = None,
                },
                () = self.north.flush(), if self.north.has_waiting() => {}
                Some((link, ended)) = self.tasks.next(), if !self.tasks.is_empty() => {
                    // First what the task had still said.
                    while let Ok((link, message)) = inbox.try_recv() {
                        self.upward(link, message)?;
                    }
                    self.lost(link, &ended)?;
                }
                Some((gate, _)) = self.gates.next(), if !self.gates.is_empty() => self.serve(gate, GATE_REST),
                () = alarm.rings() => {}
            }
            self.due();
        }
        self.gates = Tasks::default();
        self.stop(inbox, alarm).await
    }

    fn upward(&mut self, link: LinkId, mut message: Upward) -> Result<(), Error> {
        let now = self.clock.now();
        let Some(port) = self.ports.get_mut(&link) else { return Ok(()) };
        port.rename(&mut message);
        match message {
            Upward::Frames(batch) => {
                self.engine.handle_frames(link, &batch, now);
                port.orders.give_back(batch);
            }
            Upward::Event(event) => self.engine.handle_event(link, event, now),
            Upward::Security(what) => self.engine.handle_security(link, &what, now),
        }
        self.outputs()
    }

    fn synced(&mut self, done: Result<SyncDone, Lost>) -> Result<(), Error> {
        let done = done.map_err(|Lost| Error::Committer)?;
        self.engine.handle_synced(done, self.clock.now());
        Ok(())
    }

    fn wish(&mut self, wish: LocalWish, answer: oneshot::Sender<String>) {
        self.local.retain(|_, answer| !answer.is_closed());
        if self.local.len() >= MAX_LOCAL {
            // Who asked may be gone as well.
            drop(answer.send("{\"error\":\"too many local requests wait\"}".to_owned()));
            return;
        }
        let id = self.local_next;
        self.local_next += 1;
        self.local.insert(id, answer);
        self.engine.handle_local(LocalRequest { id, wish }, self.clock.now());
    }

    fn due(&mut self) {
        let now = self.clock.now();
        if self.engine.poll_timeout().is_some_and(|due| due <= now.mono) {
            self.engine.handle_timeout(now);
        }
    }

    /// Does what the engine wants. Nothing here waits.
    fn outputs(&mut self) -> Result<(), Error> {
        loop {
            while let Some(output) = self.engine.poll() {
                self.output(output)?;
            }
            let Some(refused) = self.north.refused() else { return Ok(()) };
            self.engine.handle_north(refused, self.clock.now());
        }
    }

    fn output(&mut self, output: Output) -> Result<(), Error> {
        match output {
            Output::Link { link, request } => {
                let taken = self.ports.get_mut(&link).map_or(Ok(()), |port| port.request(request));
                self.hung(link, taken);
            }
            Output::Durable { link, connection, frame } => {
                let taken = self.ports.get_mut(&link).map_or(Ok(()), |port| port.durable(connection, frame));
                self.hung(link, taken);
            }
            Output::Sync(job) => self.committer.run(job).map_err(|Lost| Error::Committer)?,
            Output::North(message) => self.north.send(message),
            Output::Local(reply) => {
                if let Some(answer) = self.local.remove(&reply.id) {
                    // Who asked may be gone.
                    drop(answer.send(reply.line));
                }
            }
            Output::Story(line) => (self.story)(line),
        }
        Ok(())
    }

    /// A link that takes nothing any more is ended; its end is handled like a panic.
    fn hung(&mut self, link: LinkId, taken: Result<(), Full>) {
        if taken == Err(Full)
            && let Some(port) = self.ports.get_mut(&link)
            && !std::mem::replace(&mut port.hung, true)
        {
            tracing::error!(link = link.0, "a link takes no orders: it is restarted");
            port.task.abort();
        }
    }

    /// A link's task is gone: the engine hears what that means, and the link starts again with a new session.
    fn lost(&mut self, link: LinkId, ended: &Ended) -> Result<(), Error> {
        let now = self.clock.now();
        let Some(port) = self.ports.get_mut(&link) else { return Ok(()) };
        let events = port.lost(now);
        if now.mono.since(port.started) >= STEADY {
            port.backoff.reset();
        }
        let after = port.backoff.delay(random());
        tracing::error!(
            link = link.0,
            ?ended,
            restart_ms = after.as_millis(),
            "a link's task ended: commands open on it are indeterminate"
        );
        // Orders for the lost session reach nobody.
        port.orders = Arc::new(Orders::default());
        port.started = now.mono;
        port.hung = false;
        let (orders, way) = (Arc::clone(&port.orders), port.way.clone());
        let session = catch_unwind(AssertUnwindSafe(|| (port.restart)()));
        for event in events {
            self.engine.handle_event(link, event, now);
        }
        match session {
            Ok(session) => {
                let task = self.spawn(link, session, way, &orders, after);
                if let Some(port) = self.ports.get_mut(&link) {
                    port.task = task;
                }
                self.engine.handle_restarted(link, now);
            }
            Err(_) => {
                tracing::error!(link = link.0, "no new session can be made: the link stays down until the bridge is restarted");
                self.ports.remove(&link);
            }
        }
        self.outputs()
    }

    /// The end: links close in order, what they said is taken, what was appended is committed, what was to be sent is sent.
    async fn stop(&mut self, mut inbox: mpsc::Receiver<(LinkId, Upward)>, mut alarm: Alarm) -> Result<(), Error> {
        for port in self.ports.values() {
            port.orders.close();
        }
        self.engine.handle_stop(self.clock.now());
        let patience = tokio::time::sleep(STOP_PATIENCE);
        let mut patience = std::pin::pin!(patience);
        let began = self.clock.now().mono;
        loop {
            self.outputs()?;
            let now = self.clock.now().mono;
            let next = self.engine.poll_timeout();
            let more = next.is_some_and(|next| next <= began + LAST_COMMIT) && now <= began + LAST_COMMIT;
            if self.tasks.is_empty() && inbox.is_empty() && self.committer.idle() && !self.north.has_waiting() && !more {
                return Ok(());
            }
            alarm.set(next, self.clock);
            tokio::select! {
                () = &mut patience => {
                    tracing::warn!(patience_s = STOP_PATIENCE.as_secs(), "not everything ended in order");
                    return Ok(());
                }
                done = self.committer.next() => self.synced(done)?,
                Some((link, message)) = inbox.recv() => self.upward(link, message)?,
                () = self.north.flush(), if self.north.has_waiting() => {}
                Some(_) = self.tasks.next(), if !self.tasks.is_empty() => {}
                () = alarm.rings() => {}
            }
            self.due();
        }
    }
}

/// The next message; never, once the other end is gone and was taken out.
async fn receive<T>(source: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match source {
        Some(source) => source.recv().await,
        None => std::future::pending().await,
    }
}

/// One timer that follows the engine's next deadline.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    at: Option<Mono>,
}

impl Alarm {
    fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), at: None }
    }

    fn set(&mut self, at: Option<Mono>, clock: SystemClock) {
        if self.at != at {
            self.at = at;
            if let Some(at) = at {
                self.sleep.as_mut().reset(clock.instant(at, clock.now().mono));
            }
        }
    }

    async fn rings(&mut self) {
        match self.at {
            Some(_) => {
                self.sleep.as_mut().await;
                // So that it is armed again even for the same instant.
                self.at = None;
            }
            None => std::future::pending().await,
        }
    }
}

//! One of our sessions on a real socket, without a bridge above it: what it reads and tells is kept, what a test asks is handed down.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bridge_engine::shell::{Endpoint, Hosted, SystemClock, Tls, host};
use bridge_model::{Mono, Now, PointUpdate};
use bridge_session::{Answer, CommandReceived, Event, FrameBatch, Refusal, Request, Role, Session};
use tokio::sync::watch;

/// How often a test's requests are looked at.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Shared {
    requests: VecDeque<Request>,
    refusing: bool,
    updates: Vec<PointUpdate>,
    events: Vec<Event>,
}

/// The session and its thread; dropped, its connection ends.
pub(crate) struct Line {
    shared: Arc<Mutex<Shared>>,
    clock: SystemClock,
    stop: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

struct Host {
    session: Box<dyn Session>,
    shared: Arc<Mutex<Shared>>,
    next: Mono,
}

impl Line {
    /// Connects (controlling) or listens (controlled) on a port of loopback. A controlled station takes every command: it confirms and
    /// terminates.
    pub(crate) fn new(session: Box<dyn Session>, role: Role, port: u16) -> Self {
        Self::over(session, endpoint(role, port))
    }

    /// The same over TLS.
    pub(crate) fn with_tls(session: Box<dyn Session>, role: Role, port: u16, tls: Tls) -> Self {
        Self::over(session, endpoint(role, port).with_tls(tls))
    }

    fn over(session: Box<dyn Session>, endpoint: Endpoint) -> Self {
        let (shared, clock) = (Arc::<Mutex<Shared>>::default(), SystemClock::new());
        let (stop, stopped) = watch::channel(false);
        let hosted = Host { session, shared: Arc::clone(&shared), next: Mono(0) };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(host(hosted, endpoint, clock, stopped));
        });
        Self { shared, clock, stop: Some(stop), thread: Some(thread) }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(crate) fn request(&self, request: Request) {
        self.shared().requests.push_back(request);
    }

    /// From now on every command is refused, or taken again.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.shared().refusing = refusing;
    }

    /// Everything that was read so far.
    pub(crate) fn updates(&self) -> Vec<PointUpdate> {
        self.shared().updates.clone()
    }

    /// Ends the connection and says everything that was read until then.
    pub(crate) fn cut(self) -> Vec<PointUpdate> {
        let shared = Arc::clone(&self.shared);
        drop(self);
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut shared.updates)
    }

    /// Everything that was told so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.shared().events.clone()
    }

    /// The commands that came so far.
    pub(crate) fn commands(&self) -> Vec<CommandReceived> {
        let command = |event: &Event| if let Event::CommandReceived(command) = event { Some(command.clone()) } else { None };
        self.shared().events.iter().filter_map(command).collect()
    }
}

fn endpoint(role: Role, port: u16) -> Endpoint {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match role {
        Role::Client => Endpoint::connect(addr),
        Role::Server => Endpoint::listen(addr, vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A failed thread has told why by itself.
            let _ = thread.join();
        }
    }
}

impl Host {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosted for Host {
    fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }

    fn handle_frames(&mut self, batch: &FrameBatch, _now: Now) {
        self.shared().updates.extend(&batch.updates);
    }

    fn handle_event(&mut self, event: Event, now: Now) {
        if let Event::CommandReceived(command) = &event {
            let (token, refusing) = (command.token, self.shared().refusing);
            let answers: &[Answer] = if refusing { &[Answer::Refuse(Refusal::default())] } else { &[Answer::Confirm, Answer::Terminate] };
            for answer in answers.iter().copied() {
                self.session.handle_request(Request::Answer { token, answer }, now);
            }
        }
        self.shared().events.push(event);
    }

    fn tick(&mut self, now: Now) {
        self.next = now.mono + LOOK;
        let waiting: Vec<Request> = self.shared().requests.drain(..).collect();
        for request in waiting {
            self.session.handle_request(request, now);
        }
    }

    fn next_tick(&self) -> Option<Mono> {
        Some(self.next)
    }
}

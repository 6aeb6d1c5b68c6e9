//! One session on a real socket without an engine: simulators, and tests of adapters.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bridge_model::{Mono, Now};
use bridge_session::{Event, FrameBatch, Session};
use tokio::sync::watch;

use super::clock::SystemClock;
use super::driver::{Driver, Ordered, Upper};
use super::endpoint::Endpoint;

/// What plays the engine's part above a session. Only [`Hosted::session`] is needed; frames get their receipts at once.
pub trait Hosted: Send {
    /// The session.
    fn session(&mut self) -> &mut dyn Session;

    /// The session received frames. Their receipts follow.
    fn handle_frames(&mut self, batch: &FrameBatch, now: Now) {
        let _ = (batch, now);
    }

    /// The session tells something.
    fn handle_event(&mut self, event: Event, now: Now) {
        let _ = (event, now);
    }

    /// A security event of the transport.
    fn handle_security(&mut self, what: &str, now: Now) {
        let _ = (what, now);
    }

    /// The instant of [`Hosted::next_tick`] has come: act on the session.
    fn tick(&mut self, now: Now) {
        let _ = now;
    }

    /// When to act next, if ever. `Mono(0)` is at once.
    fn next_tick(&self) -> Option<Mono> {
        None
    }
}

/// A session that needs nobody above it: a simulated station is one.
impl Hosted for Box<dyn Session> {
    fn session(&mut self) -> &mut dyn Session {
        self.as_mut()
    }
}

struct Host<H> {
    hosted: H,
    batch: FrameBatch,
}

impl<H: Hosted> Upper for Host<H> {
    fn session(&mut self) -> &mut dyn Session {
        self.hosted.session()
    }

    fn settle(&mut self, now: Now) {
        while self.hosted.session().poll_frames(&mut self.batch) {
            self.hosted.handle_frames(&self.batch, now);
            for (at, frame) in self.batch.frames.iter().enumerate() {
                let last = self.batch.frames.get(at + 1).is_none_or(|next| next.connection != frame.connection);
                if last {
                    self.hosted.session().handle_durable(frame.connection, frame.number, now);
                }
            }
            self.batch.clear();
        }
        while let Some(event) = self.hosted.session().poll_event() {
            self.hosted.handle_event(event, now);
        }
    }

    fn security(&mut self, what: String, now: Now) {
        self.hosted.handle_security(&what, now);
    }

    fn poll_orders(&mut self, _cx: &mut Context<'_>, _now: Now) -> Poll<Ordered> {
        Poll::Pending
    }

    fn may_read(&self) -> bool {
        true
    }

    fn may_open(&self) -> bool {
        true
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.hosted.next_tick()
    }

    fn handle_timeout(&mut self, now: Now) {
        self.hosted.tick(now);
    }
}

/// Drives a session until `stop` says so or its sender is gone, ends its connections in order and gives it back.
pub async fn host<H: Hosted>(hosted: H, endpoint: Endpoint, clock: SystemClock, mut stop: watch::Receiver<bool>) -> H {
    let mut driver = Driver::new(Host { hosted, batch: FrameBatch::default() }, endpoint, None, clock, Duration::ZERO);
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = poll_fn(|cx| driver.poll(cx)) => {}
    }
    driver.finish();
    driver.upper.hosted
}

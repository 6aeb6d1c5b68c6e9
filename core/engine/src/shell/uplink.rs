//! The engine above a session, as its link's task sees it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bridge_model::{LinkId, Mono, Now};
use bridge_session::{Event, FrameBatch, Session};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendError, TrySendError};

use super::driver::{Ordered, Upper};
use super::orders::{Order, Orders};

/// Messages of one link that may wait for the engine before the link stops reading (delivery rule 1c). A protocol that acknowledges never
/// comes here: its session closes the connection at `max_unacked` frames (rule 1b), and no new one is opened while messages wait.
pub const MAX_WAITING: usize = 4096;

/// From a link to the engine.
#[derive(Debug)]
pub(crate) enum Upward {
    Frames(FrameBatch),
    Event(Event),
    /// A security event of the transport.
    Security(String),
}

type Permit = mpsc::OwnedPermit<(LinkId, Upward)>;
type Reserve = Pin<Box<dyn Future<Output = Result<Permit, SendError<()>>> + Send>>;

pub(crate) struct Uplink {
    link: LinkId,
    session: Box<dyn Session>,
    inbox: mpsc::Sender<(LinkId, Upward)>,
    orders: Arc<Orders>,
    taken: VecDeque<Order>,
    /// What the inbox had no room for, oldest first.
    waiting: VecDeque<Upward>,
    reserve: Option<Reserve>,
    engine_gone: bool,
    batch: FrameBatch,
}

impl Uplink {
    pub(crate) fn new(link: LinkId, session: Box<dyn Session>, inbox: mpsc::Sender<(LinkId, Upward)>, orders: Arc<Orders>) -> Self {
        Self {
            link,
            session,
            inbox,
            orders,
            taken: VecDeque::new(),
            waiting: VecDeque::new(),
            reserve: None,
            engine_gone: false,
            batch: FrameBatch::default(),
        }
    }

    fn send(&mut self, message: Upward) {
        if !self.waiting.is_empty() {
            self.waiting.push_back(message);
            return;
        }
        match self.inbox.try_send((self.link, message)) {
            Ok(()) => {}
            Err(TrySendError::Full((_, message))) => self.waiting.push_back(message),
            Err(TrySendError::Closed(_)) => self.engine_gone = true,
        }
    }

    /// Moves what waits into the inbox as far as there is room. `false`: the engine is gone.
    fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        while !self.waiting.is_empty() {
            let inbox = &self.inbox;
            let reserve = self.reserve.get_or_insert_with(|| Box::pin(inbox.clone().reserve_owned()));
            let Poll::Ready(permit) = reserve.as_mut().poll(cx) else { return true };
            self.reserve = None;
            let Ok(permit) = permit else { return false };
            if let Some(message) = self.waiting.pop_front() {
                permit.send((self.link, message));
            }
        }
        true
    }
}

impl Upper for Uplink {
    fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }

    fn settle(&mut self, _now: Now) {
        while self.session.poll_frames(&mut self.batch) {
            let batch = std::mem::replace(&mut self.batch, self.orders.spare());
            self.send(Upward::Frames(batch));
        }
        while let Some(event) = self.session.poll_event() {
            self.send(Upward::Event(event));
        }
    }

    fn security(&mut self, what: String, _now: Now) {
        self.send(Upward::Security(what));
    }

    fn poll_orders(&mut self, cx: &mut Context<'_>, now: Now) -> Poll<Ordered> {
        if self.engine_gone || !self.flush(cx) {
            return Poll::Ready(Ordered::End);
        }
        match self.orders.poll_take(cx, &mut self.taken) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(false) => return Poll::Ready(Ordered::End),
            Poll::Ready(true) => {}
        }
        while let Some(order) = self.taken.pop_front() {
            match order {
                Order::Request(request) => self.session.handle_request(request, now),
                Order::Durable { connection, frame } => self.session.handle_durable(connection, frame, now),
            }
        }
        self.settle(now);
        Poll::Ready(Ordered::Moved)
    }

    fn may_read(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    fn may_open(&self) -> bool {
        self.waiting.is_empty()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        None
    }

    fn handle_timeout(&mut self, _now: Now) {}
}

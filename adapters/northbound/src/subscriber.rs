//! One subscription at our server: a bounded queue between the engine's pushes and the connection.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bridge_session::SubscriberId;
use hyper::body::{Body, Bytes, Frame};
use tokio::sync::Notify;

/// The queue's two limits.
#[derive(Clone, Copy)]
pub(crate) struct QueueLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// What became of a push.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pushed {
    /// Queued.
    Queued,
    /// Beyond the limit: the subscription is over.
    Overflowed,
    /// It was over already.
    Over,
}

/// What the connection's task should do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    Nothing,
    /// Tell the engine that there is room.
    ReportWritable,
    /// The engine ended it: let the rest flow, for a while.
    Finish,
    /// The reader is too slow: close now.
    Abort,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    Open,
    Ended,
    Overflowed,
}

struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
    life: Life,
    /// Half the queue was reached since the last report.
    high: bool,
    report: bool,
    began: bool,
    announced: bool,
    waker: Option<Waker>,
}

/// See the module.
pub(crate) struct Subscriber {
    pub(crate) id: SubscriberId,
    limits: QueueLimits,
    queue: Mutex<Queue>,
    /// The first push, or the end.
    pub(crate) begin: Notify,
    /// Wakes the connection's task.
    pub(crate) attention: Arc<Notify>,
}

impl Subscriber {
    pub(crate) fn new(id: SubscriberId, limits: QueueLimits, attention: Arc<Notify>) -> Self {
        let queue = Queue {
            frames: VecDeque::new(),
            bytes: 0,
            life: Life::Open,
            high: false,
            report: false,
            began: false,
            announced: false,
            waker: None,
        };
        Self { id, limits, queue: Mutex::new(queue), begin: Notify::new(), attention }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine knows of it: it must hear of its end.
    pub(crate) fn announce(&self) {
        self.lock().announced = true;
    }

    pub(crate) fn is_announced(&self) -> bool {
        self.lock().announced
    }

    /// Whether the engine ended it before its first message.
    pub(crate) fn is_refused(&self) -> bool {
        let queue = self.lock();
        !queue.began && queue.life == Life::Ended
    }

    pub(crate) fn push(&self, frame: Vec<u8>) -> Pushed {
        let mut queue = self.lock();
        if queue.life != Life::Open {
            return Pushed::Over;
        }
        let bytes = queue.bytes.saturating_add(frame.len());
        let pushed = if queue.frames.len() >= self.limits.messages || bytes > self.limits.bytes {
            queue.life = Life::Overflowed;
            queue.frames.clear();
            queue.bytes = 0;
            self.attention.notify_one();
            Pushed::Overflowed
        } else {
            queue.frames.push_back(Bytes::from(frame));
            queue.bytes = bytes;
            queue.began = true;
            queue.high |= !self.below_half(&queue);
            Pushed::Queued
        };
        self.wake(queue);
        pushed
    }

    /// What is queued still flows; then the stream ends.
    pub(crate) fn end(&self) {
        let mut queue = self.lock();
        if queue.life == Life::Open {
            queue.life = Life::Ended;
            self.attention.notify_one();
        }
        self.wake(queue);
    }

    pub(crate) fn poll_wanted(&self) -> Wanted {
        let mut queue = self.lock();
        let life = queue.life;
        match life {
            Life::Overflowed => Wanted::Abort,
            Life::Ended => Wanted::Finish,
            Life::Open if std::mem::take(&mut queue.report) => Wanted::ReportWritable,
            Life::Open => Wanted::Nothing,
        }
    }

    fn below_half(&self, queue: &Queue) -> bool {
        queue.frames.len() < self.limits.messages.div_ceil(2) && queue.bytes < self.limits.bytes.div_ceil(2)
    }

    fn wake(&self, mut queue: MutexGuard<'_, Queue>) {
        let waker = queue.waker.take();
        drop(queue);
        self.begin.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The response body: pulls from the queue when the socket takes more.
pub(crate) struct EventBody(pub(crate) Arc<Subscriber>);

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let subscriber = &self.0;
        let mut queue = subscriber.lock();
        if let Some(frame) = queue.frames.pop_front() {
            queue.bytes = queue.bytes.saturating_sub(frame.len());
            if subscriber.below_half(&queue) && (queue.high || queue.frames.is_empty()) {
                queue.high = false;
                queue.report = true;
                subscriber.attention.notify_one();
            }
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        if queue.life == Life::Ended {
            return Poll::Ready(None);
        }
        // An overflowed stream never ends well: its connection is aborted, so that the peer sees it cut.
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

//! What waits for one link's session: a queue that never makes the engine wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bridge_session::{FrameBatch, Request};

/// How many orders may wait for a link. A link that leaves so many untaken has hung and is restarted.
pub const MAX_ORDERS: usize = 65_536;

/// How many emptied batches are kept for reuse, per link.
const SPARES: usize = 8;

/// The largest batch kept, in octets of frames: one flood must not hold its memory for ever.
const SPARE_BYTES: usize = 256 << 10;

/// For a link's session.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Order {
    Request(Request),
    /// Every frame of the connection up to this one is durable.
    Durable {
        connection: u32,
        frame: u64,
    },
}

/// More than [`MAX_ORDERS`] wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

#[derive(Default)]
struct State {
    queue: VecDeque<Order>,
    taker: Option<Waker>,
    closed: bool,
    spares: Vec<FrameBatch>,
}

/// Orders on their way from the engine to a link, and emptied batches on their way back. Both sides hold the lock for a few instructions.
#[derive(Default)]
pub(crate) struct Orders(Mutex<State>);

impl Orders {
    /// Adds an order and wakes the link. A receipt replaces one that waits just before it: receipts are cumulative.
    pub(crate) fn push(&self, order: Order) -> Result<(), Full> {
        let mut state = self.state();
        if let (Some(Order::Durable { connection: waiting, frame: last }), Order::Durable { connection, frame }) =
            (state.queue.back_mut(), &order)
            && waiting == connection
        {
            *last = *frame;
            return Ok(());
        }
        if state.queue.len() >= MAX_ORDERS {
            return Err(Full);
        }
        state.queue.push_back(order);
        Self::wake(state);
        Ok(())
    }

    /// Tells the link to end.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        Self::wake(state);
    }

    /// Takes everything that waits into `into`, which is empty. `Ready(false)`: the link shall end.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, into: &mut VecDeque<Order>) -> Poll<bool> {
        let mut state = self.state();
        if !state.queue.is_empty() {
            std::mem::swap(&mut state.queue, into);
            return Poll::Ready(true);
        }
        if state.closed {
            return Poll::Ready(false);
        }
        if !state.taker.as_ref().is_some_and(|taker| taker.will_wake(cx.waker())) {
            state.taker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Gives a batch back for reuse.
    pub(crate) fn give_back(&self, mut batch: FrameBatch) {
        if batch.bytes.capacity() <= SPARE_BYTES {
            batch.clear();
            let mut state = self.state();
            if state.spares.len() < SPARES {
                state.spares.push(batch);
            }
        }
    }

    /// An empty batch.
    pub(crate) fn spare(&self) -> FrameBatch {
        self.state().spares.pop().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; if it did, a queue is still a queue.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(mut state: MutexGuard<'_, State>) {
        let taker = state.taker.take();
        drop(state);
        if let Some(taker) = taker {
            taker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(orders: &Orders) -> (Poll<bool>, Vec<Order>) {
        let mut into = VecDeque::new();
        let poll = orders.poll_take(&mut Context::from_waker(Waker::noop()), &mut into);
        (poll, into.into())
    }

    #[test]
    fn receipts_merge_only_with_their_neighbour_of_the_same_connection() {
        let orders = Orders::default();
        for order in [
            Order::Durable { connection: 1, frame: 1 },
            Order::Durable { connection: 1, frame: 2 },
            Order::Durable { connection: 2, frame: 1 },
            Order::Request(Request::Interrogate),
            Order::Durable { connection: 2, frame: 2 },
        ] {
            orders.push(order).unwrap();
        }
        let expected = vec![
            Order::Durable { connection: 1, frame: 2 },
            Order::Durable { connection: 2, frame: 1 },
            Order::Request(Request::Interrogate),
            Order::Durable { connection: 2, frame: 2 },
        ];
        assert_eq!(take(&orders), (Poll::Ready(true), expected));
        assert_eq!(take(&orders), (Poll::Pending, vec![]));
    }

    #[test]
    fn the_queue_has_a_limit() {
        let orders = Orders::default();
        for _ in 0..MAX_ORDERS {
            orders.push(Order::Request(Request::Interrogate)).unwrap();
        }
        assert_eq!(orders.push(Order::Request(Request::Interrogate)), Err(Full));
    }

    #[test]
    fn what_waits_at_the_end_is_still_taken() {
        let orders = Orders::default();
        orders.push(Order::Request(Request::Interrogate)).unwrap();
        orders.close();
        assert_eq!(take(&orders), (Poll::Ready(true), vec![Order::Request(Request::Interrogate)]));
        assert_eq!(take(&orders), (Poll::Ready(false), vec![]));
    }

    #[test]
    fn small_batches_come_back_empty_and_large_ones_are_let_go() {
        let orders = Orders::default();
        let mut batch = FrameBatch::default();
        batch.push(1, 1, bridge_model::Utc(0), &[1; 100], 0);
        orders.give_back(batch);
        let spare = orders.spare();
        assert!(spare.frames.is_empty() && spare.bytes.capacity() >= 100);
        orders.give_back(FrameBatch { bytes: Vec::with_capacity(SPARE_BYTES + 1), ..FrameBatch::default() });
        assert_eq!(orders.spare().bytes.capacity(), 0);
        for _ in 0..2 * SPARES {
            orders.give_back(FrameBatch::default());
        }
        assert_eq!(orders.state().spares.len(), SPARES);
    }
}

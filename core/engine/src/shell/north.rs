//! The engine's messages to the IES side, which never make the engine wait.

use std::collections::VecDeque;

use bridge_session::{Ack, DeliveryResult, Inbound, Outbound, PostAnswer, Posted, StreamEvent, SubscriberId};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Messages that may wait when the IES side does not take them. Beyond it they are refused, and the engine is told as if the peer were
/// gone: nothing is lost that way, because what must arrive is in the journal until a peer acknowledges it.
pub const NORTH_OVERFLOW: usize = 16_384;

/// Sends in order; keeps what does not fit.
pub(crate) struct North {
    out: mpsc::Sender<Outbound>,
    waiting: VecDeque<Outbound>,
    /// For the engine: what became of refused messages.
    refused: VecDeque<Inbound>,
    complained: bool,
}

impl North {
    pub(crate) fn new(out: mpsc::Sender<Outbound>) -> Self {
        Self { out, waiting: VecDeque::new(), refused: VecDeque::new(), complained: false }
    }

    pub(crate) fn send(&mut self, message: Outbound) {
        if self.waiting.is_empty() {
            match self.out.try_send(message) {
                Ok(()) => self.complained = false,
                Err(TrySendError::Full(message)) => self.waiting.push_back(message),
                Err(TrySendError::Closed(message)) => self.refuse(message, "the IES side has ended"),
            }
        } else if self.waiting.len() < NORTH_OVERFLOW {
            self.waiting.push_back(message);
        } else {
            self.refuse(message, "too many messages wait for the IES side");
        }
    }

    /// What the engine must hear about refused messages.
    pub(crate) fn refused(&mut self) -> Option<Inbound> {
        self.refused.pop_front()
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends the oldest waiting message, and those after it that find room. Nothing is lost if this is dropped before it is ready.
    pub(crate) async fn flush(&mut self) {
        let Ok(permit) = self.out.reserve().await else {
            while let Some(message) = self.waiting.pop_front() {
                self.refuse(message, "the IES side has ended");
            }
            return;
        };
        if let Some(message) = self.waiting.pop_front() {
            permit.send(message);
        }
        while !self.waiting.is_empty()
            && let Ok(permit) = self.out.try_reserve()
        {
            if let Some(message) = self.waiting.pop_front() {
                permit.send(message);
            }
        }
    }

    fn refuse(&mut self, message: Outbound, why: &'static str) {
        if !self.complained {
            self.complained = true;
            tracing::error!(why, "messages to the IES side are refused");
        }
        match message {
            Outbound::Deliver(delivery) => {
                let ack = Ack::Unreachable(why.to_owned());
                self.refused.push_back(Inbound::Delivered(DeliveryResult { sink: delivery.sink, id: delivery.id, ack }));
            }
            Outbound::Post(post) => {
                let answer = PostAnswer::Later { cause: why.to_owned(), after: None };
                self.refused.push_back(Inbound::Posted(Posted { hook: post.hook, id: post.id, answer }));
            }
            Outbound::Push { subscriber, .. } => self.end(subscriber),
            Outbound::Subscribe { sink, .. } => {
                self.refused.push_back(Inbound::Stream(StreamEvent::Lost { sink, cause: why.to_owned() }));
            }
            // The requester's own timeout answers; a later confirmation supersedes; an ended subscription needs no end.
            Outbound::Reply(_) | Outbound::AckStream { .. } | Outbound::End(_) => {}
        }
    }

    /// A message is missing in this subscription: it must end, or the gap would not show. Its other messages are worth nothing.
    fn end(&mut self, subscriber: SubscriberId) {
        if self.waiting.contains(&Outbound::End(subscriber)) {
            return;
        }
        self.waiting.retain(|waiting| !matches!(waiting, Outbound::Push { subscriber: of, .. } if *of == subscriber));
        if !self.out.is_closed() {
            self.waiting.push_back(Outbound::End(subscriber));
        }
        self.refused.push_back(Inbound::Stream(StreamEvent::Unsubscribed(subscriber)));
    }
}

#[cfg(test)]
mod tests {
    use bridge_session::{Delivery, SinkId, StreamMessage};

    use super::*;

    fn push(subscriber: u64, n: usize) -> Outbound {
        let message = StreamMessage { id: n.to_string(), event: "stream", data: String::new() };
        Outbound::Push { subscriber: SubscriberId(subscriber), message }
    }

    fn deliver(id: u64) -> Outbound {
        Outbound::Deliver(Delivery { sink: SinkId(1), id, action: "update", authorization: String::new(), body: vec![] })
    }

    #[tokio::test]
    async fn what_does_not_fit_waits_in_order() {
        let (out, mut taken) = mpsc::channel(2);
        let mut north = North::new(out);
        for n in 0..5 {
            north.send(push(1, n));
        }
        let mut seen = Vec::new();
        while seen.len() < 5 {
            if north.has_waiting() && taken.is_empty() {
                north.flush().await;
            }
            seen.push(taken.recv().await.unwrap());
        }
        assert_eq!(seen, (0..5).map(|n| push(1, n)).collect::<Vec<_>>());
        assert!(!north.has_waiting() && north.refused().is_none());
    }

    #[tokio::test]
    async fn beyond_the_limit_the_engine_is_told_and_the_subscription_ends() {
        let (out, mut taken) = mpsc::channel(1);
        let mut north = North::new(out);
        for n in 0..=NORTH_OVERFLOW {
            north.send(push(1, n));
        }
        assert!(north.refused().is_none(), "up to the limit nothing is refused");
        north.send(deliver(9));
        let unreachable = |refused| matches!(refused, Some(Inbound::Delivered(DeliveryResult { id: 9, ack: Ack::Unreachable(_), .. })));
        assert!(unreachable(north.refused()));
        north.send(push(1, NORTH_OVERFLOW + 1));
        north.send(push(1, NORTH_OVERFLOW + 2));
        assert_eq!(north.refused(), Some(Inbound::Stream(StreamEvent::Unsubscribed(SubscriberId(1)))));
        assert!(taken.recv().await.is_some());
        north.flush().await;
        assert_eq!(taken.recv().await, Some(Outbound::End(SubscriberId(1))), "a subscriber never sees a gap, it sees an end");
    }

    #[tokio::test]
    async fn without_an_ies_side_everything_is_unreachable() {
        let (out, taken) = mpsc::channel(1);
        drop(taken);
        let mut north = North::new(out);
        north.send(deliver(1));
        assert!(matches!(north.refused(), Some(Inbound::Delivered(_))));
        assert!(!north.has_waiting());
    }
}

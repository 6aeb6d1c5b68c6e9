//! What leaves through a webhook: a batch of CloudEvents to an address that is no party of ours, and what became of it.

use std::time::Duration;

/// One configured webhook, as a dense number: an index into the configuration's sinks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HookId(pub u16);

/// A batch for a webhook. At most one is in flight per hook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Post {
    /// To which.
    pub hook: HookId,
    /// Names it in the result.
    pub id: u64,
    /// The signature over the body, as in the `Authorization` header of other deliveries.
    pub signature: String,
    /// `application/cloudevents-batch+json`.
    pub body: Vec<u8>,
}

/// What the receiver answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PostAnswer {
    /// A status of 2xx: the receiver has it.
    Taken,
    /// A status of 4xx that is not about time: the same octets would be refused again.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of its body, for people.
        text: String,
    },
    /// Not reached, no answer in time, or an answer that asks to come again.
    Later {
        /// In words.
        cause: String,
        /// The receiver's `Retry-After`.
        after: Option<Duration>,
    },
}

/// What became of a [`Post`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Posted {
    /// Which webhook.
    pub hook: HookId,
    /// Which batch.
    pub id: u64,
    /// The answer.
    pub answer: PostAnswer,
}

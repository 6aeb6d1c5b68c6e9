//! The IES side of the same contract: what leaves through a sink, what comes in through a door, and a peer's stream.
//!
//! The `northbound` adapter carries these values over HTTPS; the simulator carries them over its own network. Neither looks inside.

use bridge_model::Now;

/// One peer party, as a dense number: an index into the configuration's peers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SinkId(pub u16);

/// One open stream subscription at our server; unique within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SubscriberId(pub u64);

/// A signed message to a peer. At most one is in flight per sink; a failed one is offered again, byte for byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// To whom.
    pub sink: SinkId,
    /// Names it in the result.
    pub id: u64,
    /// The Beckn action, which is also the last segment of the path: `update`, `on_update`, `on_status`.
    pub action: &'static str,
    /// The `Authorization` header.
    pub authorization: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The receiver's transport answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ack {
    /// Taken: the receiver has it durably.
    Ack,
    /// Refused for good: never offered again.
    Nack {
        /// The HTTP status.
        status: u16,
        /// `CTX_TTL_EXPIRED` and its kin (`reference/ies-wire.md` §3.4).
        code: String,
        /// In words.
        message: String,
    },
    /// Not reached, or the peer was overloaded: to be offered again after a back-off.
    Unreachable(String),
}

/// What became of a [`Delivery`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryResult {
    /// The sink.
    pub sink: SinkId,
    /// The delivery.
    pub id: u64,
    /// The answer.
    pub ack: Ack,
}

/// A request at our door. The body was bounded by the adapter, nothing else was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoorRequest {
    /// Names it in the reply.
    pub id: u64,
    /// The path's action: `update`, `on_update`, `on_status`.
    pub action: String,
    /// The `Authorization` header as received, empty if none.
    pub authorization: String,
    /// The identity proven by TLS, if any.
    pub tls_identity: Option<String>,
    /// The body, as received.
    pub body: Vec<u8>,
    /// When it was complete.
    pub received: Now,
}

/// The synchronous answer to a [`DoorRequest`]: given only after what it promises is durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoorReply {
    /// Which request.
    pub id: u64,
    /// The HTTP status: 200, 400, 401, 403, 409, 429, 500, 503.
    pub status: u16,
    /// The `Signature` response header (four-line form), empty if the request was not understood.
    pub signature: String,
    /// The JSON body: Ack or Nack.
    pub body: Vec<u8>,
}

/// One message of a stream, ready for server-sent events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamMessage {
    /// `<epoch>-<batch>`: the epoch in 16 hexadecimal digits and the outbox position in decimal.
    pub id: String,
    /// `stream`, `descriptors` or `heartbeat`.
    pub event: &'static str,
    /// One line of JSON.
    pub data: String,
}

/// What happens on streams, both as server and as client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamEvent {
    /// A peer subscribed at our server; `last_event_id` as sent.
    Subscribed {
        /// The subscription.
        subscriber: SubscriberId,
        /// The identity proven by TLS, if any.
        tls_identity: Option<String>,
        /// The `Authorization` header as received.
        authorization: String,
        /// `Last-Event-ID`, if any.
        last_event_id: Option<String>,
    },
    /// The subscription ended.
    Unsubscribed(SubscriberId),
    /// The server side may take more messages of this subscription.
    Writable(SubscriberId),
    /// Our subscription at a peer is open.
    Opened(SinkId),
    /// A message of our subscription at a peer.
    Message {
        /// The peer.
        sink: SinkId,
        /// Its event id.
        id: String,
        /// Its event name.
        event: String,
        /// Its data line.
        data: String,
    },
    /// Our subscription at a peer ended.
    Lost {
        /// The peer.
        sink: SinkId,
        /// Why.
        cause: String,
    },
}

/// What the IES side hands to the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Inbound {
    /// A request at our door: answered by one [`Outbound::Reply`]. The path `/v0/stream/ack` arrives as action `stream/ack`.
    Door(DoorRequest),
    /// What became of a delivery.
    Delivered(DeliveryResult),
    /// What became of a batch for a webhook.
    Posted(crate::Posted),
    /// Something happened on a stream.
    Stream(StreamEvent),
}

/// What the engine hands to the IES side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outbound {
    /// The answer to a request.
    Reply(DoorReply),
    /// A message for a peer: answered by one [`Inbound::Delivered`].
    Deliver(Delivery),
    /// A batch for a webhook: answered by one [`Inbound::Posted`].
    Post(crate::Post),
    /// One message for a subscriber of ours.
    Push {
        /// The subscription.
        subscriber: SubscriberId,
        /// The message.
        message: StreamMessage,
    },
    /// End this subscription of ours.
    End(SubscriberId),
    /// Subscribe at a peer: answered by [`StreamEvent::Opened`] or [`StreamEvent::Lost`]. The engine decides when to try again.
    Subscribe {
        /// The peer.
        sink: SinkId,
        /// Where to resume, if anything was taken before.
        last_event_id: Option<String>,
        /// The `Authorization` header (Beckn signature over an empty body).
        authorization: String,
    },
    /// Confirm the peer's stream up to this message (`POST /v0/stream/ack`, body `{"id":"…"}`). A later one supersedes; losing one is harmless.
    AckStream {
        /// The peer.
        sink: SinkId,
        /// The `Authorization` header over the body.
        authorization: String,
        /// The body.
        body: Vec<u8>,
    },
}

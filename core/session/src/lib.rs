//! The sans-io contracts between protocol, engine and shell.
//!
//! A [`Session`] is a value: bytes, requests and time go in; frames, events, bytes and the next deadline come out. It knows no socket, no
//! clock, no task and no profile. A [`Protocol`] is the adapter's front door: it checks addresses and makes sessions. [`Inbound`] and
//! [`Outbound`] are the same contract on the IES side. Start at [`Session`].
//!
//! The contract every session keeps, and the property test that all adapters share: however a stream is split, and whenever the session
//! is polled, the result is the same; any bytes give an error, never a panic.

mod address;
mod door;
mod event;
mod fields;
mod findings;
mod frame;
mod housekeeping;
mod index_map;
mod protocol;
mod queue;
pub mod read;
mod session;
mod webhook;
mod window;

pub use address::{Field, FieldProblem};
pub use door::{
    Ack, Delivery, DeliveryResult, DoorReply, DoorRequest, Inbound, Outbound, SinkId, StreamEvent, StreamMessage, SubscriberId,
};
pub use event::{CommandReceived, CommandToken, Event, LinkState, Phase, Suspicion};
pub use fields::Fields;
pub use findings::{FINDINGS_MAX, FINDINGS_WINDOW, Findings};
pub use frame::{Frame, FrameBatch};
pub use housekeeping::{CounterFreeze, FileWish, Housekeeping, HousekeepingOutcome, Parameter};
pub use index_map::IndexMap;
pub use protocol::{AddressUse, LinkPoint, LinkSpec, Protocol, Rendered, Role, Transports};
pub use queue::ByteQueue;
pub use session::{Answer, Channel, Chunk, Close, PeerInfo, Publish, PublishClass, Refusal, Request, Session, SystemState};
pub use webhook::{HookId, Post, PostAnswer, Posted};
pub use window::SeqWindow;

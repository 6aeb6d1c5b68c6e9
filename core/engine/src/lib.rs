//! The engine: routes updates, brokers commands, runs programmes, feeds outboxes and serving links.
//!
//! Its logic is one value, [`Bridge`]: frames, events, requests, commits and time go in; requests, receipts, messages and the next deadline
//! come out. So the whole bridge runs single-threaded from a seed. Only [`shell`] knows tokio, sockets and the clock; nothing here knows an
//! adapter, a wire format or a file of configuration. Start at [`Bridge`].
//!
//! Implements `OPERATIONS.md` R1–R5, R11, R14–R20, R23, and the delivery rules of `DESIGN.md` §6.

mod ask;
mod ask_cap;
mod bridge;
mod broker;
mod calculated;
mod caps;
mod clocks;
mod cloudevents;
mod core;
mod counters;
mod door;
mod error;
mod exchange;
mod housekeeping;
mod image;
mod instructions;
mod offline;
mod operations;
mod programme;
mod recorder;
mod refusal;
mod relay;
mod reports;
mod resent;
mod router;
mod sealed_text;
mod selections;
mod served;
mod settings;
pub mod shell;
mod snapshot;
mod store;
mod stream_in;
mod stream_out;
mod target;
mod timers;
mod trial;
mod webhook;

pub use ask::DispatchMode;
pub use bridge::{Bridge, LinkWish, LocalRequest, LocalWish, Parts};
pub use core::{Identity, LocalReply, Output, Random};
pub use counters::Counters;
pub use error::Error;
pub use instructions::OperatorAnswer;
pub use offline::read_operations;
pub use operations::{Operation, Tally};
pub use recorder::Pace;
pub use relay::REASONS;
pub use settings::{Hook, OnPoison, Operator, Peer, Settings};
pub use trial::{TrialOutcome, run_trial};
pub use webhook::MAX_SKIPS;

//! HTTPS between bridges: what leaves through a sink, what comes in through a door, and the stream between two parties.
//!
//! It carries the values of [`bridge_session::Inbound`] and [`bridge_session::Outbound`] over HTTP/1.1 with mutual TLS, nothing else. It
//! deliberately does not know what a body says: no signature is made or verified here, no JSON of a request is parsed, no retry is decided,
//! nothing is stored. It bounds (every limit is a field of [`Config`] or a named constant), it authenticates the connection, and it
//! notices when a peer falls silent.
//!
//! Start at [`start`]. The paths, headers, limits and the stream format are drawn in `docs/spec/northbound.md`; the Beckn v2 transport
//! is §3.1–3.4 of the wire reference, the stream §6.8; server-sent events are WHATWG HTML §9.2.

mod config;
mod deliver;
mod door;
mod error;
mod hook;
mod identity;
mod link;
mod pace;
mod running;
mod server;
mod socket;
mod sse;
mod subscribe;
mod subscriber;
mod tls;

pub use config::{
    Config, END_GRACE, Hook, HookTls, MAX_DISCARD, MAX_HEADERS, MAX_REPORTS, Peer, RESPONSE_LIMIT, SHUTDOWN_GRACE, SUBSCRIBE_WAIT, Secret,
    TlsFiles,
};
pub use error::{Error, TlsCheck};
pub use hook::RESERVED_HEADERS;
pub use identity::{CertificateIdentity, Unreadable};
pub use running::{Clock, Running, start};
pub use sse::{SseError, SseEvent, SseParser, encode as encode_sse};

//! Everything async: sockets, serial lines, tasks, threads, the clock. It moves octets and messages and decides nothing.
//!
//! Start at [`run`]: one thread owns the engine, one thread waits for the disk, one task drives each link's session and its sockets. All
//! that lies between them is bounded, and no side ever waits for a slower one: see each limit's own words. [`host`] drives one session
//! without an engine. [`Endpoint`] says how a link reaches its peer.
//!
//! IEC 60870-5-104 clause 9.6 (t0); `DESIGN.md` §6 rule 1; `OPERATIONS.md` R5 (`TCP_USER_TIMEOUT`, RST).

mod backoff;
mod clock;
mod committer;
mod connection;
mod driver;
mod endpoint;
mod error;
mod gate;
mod hosted;
mod line;
mod north;
mod orders;
mod port;
mod runtime;
mod security;
mod serial;
mod side;
mod supervise;
mod tls;
mod udp;
mod uplink;
mod wire;

pub use backoff::{BACKOFF_FIRST, BACKOFF_MOST};
pub use clock::{SystemClock, random};
pub use connection::CONNECT_TIMEOUT;
pub use driver::{CONNECTIONS_PER_PEER, READ_CHUNK};
pub use endpoint::{DataBits, Endpoint, Parity, Second, Serial, StopBits, UdpPeers};
pub use error::Error;
pub use gate::{HANDSHAKES, HANDSHAKES_PER_PEER};
pub use hosted::{Hosted, host};
pub use north::NORTH_OVERFLOW;
pub use orders::MAX_ORDERS;
pub use port::Restart;
pub use runtime::{Engine, INBOX, LinkTask, Local, MAX_LOCAL, STOP_PATIENCE, Story, run};
pub use security::{SECURITY_BURST, SECURITY_EVERY};
pub use side::LINES;
pub use supervise::{Ended, Tasks, spawn};
pub use tls::{
    Allow, Allowed, CRL_GRACE, EXPIRED_GRACE, EXPIRY_NEAR, HANDSHAKE_BYTES, HANDSHAKE_TIMEOUT, MAX_ALLOWED, MAX_CHAIN, MAX_CRL_BYTES,
    MAX_FILE_BYTES, Problem as TlsProblem, REKEY_EVERY, RELOAD_EVERY, Tls, TlsVersion,
};
pub use udp::UDP_PEERS;
pub use uplink::MAX_WAITING;

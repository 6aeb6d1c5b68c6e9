//! DNP3 (IEEE 1815-2012), both roles, as sans-io sessions.
//!
//! What this crate deliberately does not know: sockets, clocks, tasks, profiles, scaling, alarms, the journal (it only holds a CONFIRM back
//! until the journal has made the fragment durable), who may command, and what an answer to a command means.
//!
//! Clauses: IEEE 1815-2012 clauses 4 (application layer), 5 (application and procedures), 8 (transport function), 9 (data link layer),
//! 11 (objects) and 14 (interoperability, subset levels 1 to 4). `docs/conformance/dnp3.md` lists what is met, row by row.

#[allow(dead_code, reason = "both roles are built on it")]
mod address;
pub mod app;
#[allow(dead_code, reason = "both roles are built on it")]
mod crc;
mod error;
#[allow(dead_code, reason = "both roles are built on it")]
mod line;
#[allow(dead_code, reason = "both roles are built on it")]
mod link;
mod master;
pub mod objects;
mod outstation;
mod params;
mod permit;
mod profile;
mod protocol;
#[allow(dead_code, reason = "both roles are built on it")]
mod table;
mod text;
#[allow(dead_code, reason = "both roles are built on it")]
mod transport;
mod words;

pub use address::{Address, CommandAddress, CrobModel, PointType, ServedAddress};
pub use error::Error;
pub use master::Master;
pub use outstation::{FileInfo, FileStore, MemoryFiles, Outstation};
pub use params::{Allowed, ClockPolicy, Params, TimeSync};
pub use permit::ControlPermit;
pub use profile::{DeviceProfile, Section};
pub use protocol::Dnp3;
pub use text::describe;
pub use words::Words;

/// The port of DNP3 over TCP and UDP in clear.
pub const PORT: u16 = 20_000;
/// The port of DNP3 over TLS (IEC 62351-3).
pub const PORT_TLS: u16 = 19_999;

//! IEC 60870-5-104, both roles, as sans-io sessions.
//!
//! Start at [`Iec104`], the protocol's front door: it checks link parameters ([`Params`]) and addresses and makes a
//! [`Session`](bridge_session::Session) for the controlling station ([`Controlling`]) or the controlled station ([`Controlled`]).
//!
//! The wire view ([`apci`], [`AsduView`]) is checked and borrows its octets; the meaning ([`Asdu`]) is owned and round-trips. Nothing here
//! can panic on bytes: every read is a checked slice or a fixed-size array taken from one.
//!
//! What this crate deliberately does not know: sockets, clocks, tasks, profiles, scaling, alarms, the journal (it only keeps N(R) behind
//! what the journal has made durable), who may command, and what an answer to a command means.
//!
//! Clauses: IEC 60870-5-104 clauses 5 (APCI, k, w, t1 to t3, start and stop), 6 (ASDU repertoire) and 9 (parameters); IEC 60870-5-101
//! clauses 7.1 to 7.3 (data unit identifier, information objects, elements) for all types but file transfer (120 to 127) and application
//! security (41, 81 to 95); IEC 60870-5-5 clauses 6.1 to 6.11 for station initialisation, interrogation, counters, commands and parameters.
//! `docs/conformance/iec104.md` lists what is met, row by row.

mod address;
pub mod apci;
mod asdu;
mod control;
mod controlled;
mod controlling;
mod cot;
mod cp24;
mod cp56;
mod elements;
mod error;
mod family;
mod interoperability;
mod layout;
mod link104;
mod monitor;
mod parameter;
mod params;
mod permit;
mod protocol;
mod repertoire;
mod reverse;
mod system;
#[cfg(test)]
mod test_kit;
mod text;
mod transmission;
mod type_id;

pub use address::{Address, Part};
pub use asdu::{Asdu, AsduView, Objects};
pub use control::{ControlAsdu, ControlElement, ControlKind};
pub use controlled::Controlled;
pub use controlling::Controlling;
pub use cot::{Cause, Cot};
pub use cp24::{Cp16Time2a, Cp24Time2a};
pub use cp56::{Cp56Time2a, DayCache};
pub use elements::{Bcr, Freeze, Qcc, Qoc, Qos, Qpm, QualityBits};
pub use error::{Error, Malformed};
pub use family::{Family, Tag};
pub use interoperability::{Section, Statement};
pub use layout::{Layout, Unfit};
pub use monitor::{MonitorAsdu, MonitorElement, MonitorObject, TimeTag};
pub use parameter::{ParameterAsdu, ParameterElement};
pub use params::{Allowed, ClockPolicy, CounterMode, Params, Preferred, SelectPolicy, TermPolicy};
pub use permit::ControlPermit;
pub use protocol::Iec104;
pub use repertoire::{Causes, Repertoire, Ways};
pub use system::{SystemAsdu, SystemElement};
pub use text::describe;
pub use transmission::Transmission;
pub use type_id::TypeId;

/// The TCP port of IEC 60870-5-104 in clear (clause 7.1 of its TCP profile).
pub const PORT: u16 = 2404;
/// The TCP port of IEC 60870-5-104 over TLS (IEC 62351-3).
pub const PORT_TLS: u16 = 19998;

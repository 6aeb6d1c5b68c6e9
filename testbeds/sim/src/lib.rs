//! Everything the bridge runs against when nothing is real: a clock, a disk, a network, a power station, a controlled station, a
//! controlling station, and the judge that compares their ledgers.
//!
//! Every part is a value driven by virtual time and one seed; nothing here reads a clock, opens a socket or starts a task. It does not
//! know the engine, the profile language or the IES side: it sees protocols only through [`bridge_session::Session`].
//!
//! Start at [`Station`] and [`Ems`] for the two ends, at [`Net`], [`SimDisk`] and [`SimClock`] for what lies between them, and at
//! [`compare`] for the verdict. Clauses: delivery rules of the design (§6), R5, R19, R20.

mod avalanche;
mod clock;
mod disk;
mod dnp3;
mod dnp3_frame;
mod dnp3_tamper;
mod ems;
mod framing;
mod iec104;
mod ledger;
mod misbehave;
mod net;
mod net_event;
mod plant;
mod process;
mod rng;
mod source;
mod standard;
mod station;
mod storm;
mod topology;
mod verdict;
mod wire;

pub use clock::SimClock;
pub use disk::{SECTOR, SimDisk};
pub use ems::{Ems, Step, Wish};
pub use framing::{Framer, MAX_FRAMED};
pub use iec104::{ems_session, master_session, station_session};
pub use ledger::{Entry, EntryKind, FileLedger, Ledger, LedgerError, SharedLedger, StampedBy, parse_jsonl};
pub use misbehave::{Misbehaviour, NAMED, Named, Side, misbehaving, named};
pub use net::Net;
pub use net_event::{Lost, MessageId, NetEvent, Refused, Socket, Why};
pub use plant::{Plant, PlantBinding, PlantChange, PlantPoint, PlantRefusal, Quantity, UnitLimits};
pub use process::{Life, Loop, Process};
pub use rng::{Rng, TraceHash};
pub use source::{Generator, GeneratorKind};
pub use standard::Standard;
pub use station::{EVENT_BUFFER, EVENT_WINDOW, Names, Station, StationOptions};
pub use topology::{HostId, NetOptions};
pub use verdict::{Book, ControlMap, Dispatch, PointMap, Verdict, compare, still_good};
pub use wire::Wire;

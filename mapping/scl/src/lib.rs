//! Station and device descriptions of IEC 61850-6: SCD, ICD, CID and IID of editions 1 (2003), 2 (2007A, 2007B) and 2.1 (2007B4).
//!
//! [`read_source`] reads a text that a [`bridge_diag::Report`] holds, in one streaming pass and within [`Limits`], expands every logical
//! node to its leaf attributes, resolves data sets, control blocks and the single line, and reports every problem with code, place and
//! fix. The [`Model`] answers: which attribute is behind an object reference, where in the single line is this node, what are the
//! addresses on IEC 60870-5-104 (IEC TS 61850-80-1), what can be commanded and how. [`SclPath`] selects by paths with wildcards, for the
//! `use … for` of profiles; [`emission`] proposes what `profile init --from scl` writes.
//!
//! This crate does not know profiles, CIM models, MMS or any session; it reads no file by itself. Start at [`Model`].

mod cdc;
mod check;
mod codes;
mod control;
mod document;
mod emission;
mod error;
mod expand;
mod limits;
mod model;
mod path;
mod problems;
mod proposal;
mod read;
mod reference;
mod text;
mod units;
mod words;
mod xml;

pub use cdc::{CommonDataClass, Kind, Role, common_data_class, common_data_classes, role};
pub use codes::EXPLANATIONS;
pub use control::{Control, CtlModel};
pub use document::*;
pub use emission::{Addressed, Command, Coverage, Deadband, Emission, Link, Signal, emission};
pub use error::Error;
pub use expand::{DataObject, Expansion, Leaf};
pub use limits::Limits;
pub use model::{DeviceId, Model, NodeId, NodeRef, Place, Target, read_source, read_within};
pub use path::{Found, Row, SclPath};
pub use proposal::{CimClass, Proposal, Sign, equipment_class};
pub use reference::ObjectReference;
pub use text::{Encoding, decode};
pub use units::{Unit, multiplier_power, unit};

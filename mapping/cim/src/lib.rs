//! Models of the grid in the common information model: CGMES 2.4.15 and 3.0 (IEC 61970-600-2) read, checked, asked, and a profile of
//! measurements written back.
//!
//! [`Inputs`] names XML files, archives and folders; [`read`] makes a [`Model`] of them: whole models (EQ, OP, SSH, TP, SV) and
//! differences, in the order of their headers (IEC 61970-552). Problems go into a `bridge_diag::Report` with file, line and column.
//! An [`Object`] answers for its class, attributes, references, containers, terminals, measurements, limits and ratings. The table of
//! classes for both versions is [`schema()`]. [`OperationDocument`] is what a profile of measurements is written from.
//!
//! This crate does not know the profile language, protocols, signs or quality: it tells what a model says. It needs no clock, and
//! it writes nothing to disk. Files are taken as exporters make them, and none of them can make it use more than [`Bounds`] allow.
//! Start at [`read`].

mod bounds;
mod build;
mod check;
mod codes;
mod contain;
mod difference;
mod guard;
mod header;
mod input;
mod load;
mod measure;
mod model;
mod nearest;
mod operation;
mod order;
mod problems;
mod rating;
mod rdf;
mod schema;
mod store;
mod texts;
mod tidy;
mod unit;
mod version;

pub use bounds::Bounds;
pub use codes::EXPLANATIONS;
pub use header::{DocumentKind, Header, Profile};
pub use input::Inputs;
pub use load::read;
pub use measure::{Measurement, MeasurementKind, MeasurementLimit, MeasurementValue};
pub use model::{Attribute, Model, Object, Quantity};
pub use operation::{AliasSet, LimitSet, OperationDocument, OperationMeasurement, ValueSource};
pub use rating::{Direction, Duration, OperationalLimit, Ratings};
pub use schema::{Schema, Type, schema};
pub use unit::Unit;
pub use version::Version;

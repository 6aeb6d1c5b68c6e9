//! The bridge's own nouns: points, values, quality, time and commands.
//!
//! This crate knows no protocol, no I/O, no clock and no async runtime; every other crate may depend on it. Start at [`PointUpdate`]
//! (a southbound fact) and [`Command`] (a northbound wish with one obligation to settle).
//!
//! Quality follows the vocabulary of IEC 61850-7-3 clause 6.2.3, time quality that of IEC 61850-7-2 clause 6.1.2.9.

mod command;
mod point;
mod quality;
mod time;
mod value;

pub use command::{Action, Command, CommandId, CommandMode, IndeterminateWhy, NotOperatedWhy, Outcome, Refusal};
pub use point::{Cause, LinkId, PointId, PointUpdate};
pub use quality::{Detail, Quality, Validity};
pub use time::{Mono, Now, TimeFlags, TimeOrigin, Timestamp, Utc, Zone};
pub use value::{DoublePoint, Value};

//! What an engineer does with a profile before it goes to site: look at it flat, ask what one signal means, compare two editions, see what
//! the tests leave out, hand over a point list.
//!
//! [`to_toml`] and [`to_csv`] show a profile after templates with the origin of each row; [`Explainer`] follows one id or address from the
//! wire to the message and back; [`diff`] compares two plans by what they say; [`coverage`] tells what the tests leave out;
//! [`to_point_list`], [`point_list`] and [`check_sheet`] hand it over; [`format`] writes it one way, [`schema`] tells editors its keys.
//!
//! This crate knows protocols only as [`bridge_session::Protocol`], runs no engine, opens no socket and reads no file. Start at
//! [`Explainer`].

mod coverage;
mod diff;
mod expand;
mod explain;
mod export;
mod facts;
mod format;
mod lines;
mod schema;
mod sheet;
mod toml;
mod words;

pub use coverage::{ControlCoverage, Coverage, Device, DeviceRow, DeviceVerdict, LimitCoverage, coverage};
pub use diff::{Bump, Change, Difference, Fate, FieldChange, Found, diff};
pub use expand::{to_csv, to_toml};
pub use explain::{Explained, Explainer};
pub use export::{Carried, check_sheet, merge_csv, point_list, to_point_list};
pub use format::format;
pub use schema::schema;

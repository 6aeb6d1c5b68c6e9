//! The profile language: TOML that says what each point and each control of a site means, compiled to a flat [`Plan`].
//!
//! [`compile`] reads a profile through [`Files`], reports every problem with place, origin and fix, and gives a [`Plan`]. [`Upward`]
//! applies it to southbound facts: scale, sign, range, deadband, limits and state alarms (`OPERATIONS.md` R18–R20). The language is written down in `docs/spec/profile.md`.
//!
//! This crate knows protocols only as [`bridge_session::Protocol`]: what an address means is the adapter's business. It knows no
//! socket, no clock and no journal, and it reads no file by itself. Start at [`compile`].

mod calc;
mod cap;
mod codes;
mod compile;
mod keys;
mod plan;
mod quantity;
mod template;
mod testcase;
mod units;
mod upward;

pub use calc::{Calculation, Expression, Formula, Reading};
pub use cap::{CapReason, Capping, Companion, Enable};
pub use codes::{DIALECT, EXPLANATIONS};
pub use compile::{CSV_COLUMNS, ExpandedRow, Expansion, Files, MemoryFiles, compile, csv_records, csv_rows, expand};
pub use keys::ROOT;
pub use plan::{
    Ask, Basis, Capture, Control, ControlKind, Conversion, Drive, EmsTiming, Execution, Followed, Instruct, JournalFailure, Lapse, Limit,
    LimitKind, Peer, Plan, PlannedLink, PlannedPoint, PointSource, Ramp, RampBy, Reached, Relay, Require, Resource, SelectMode, Served,
    ServedClass, ServedSource, Severity, Side, StateAlarm, StatusKind, StreamClass, Taken, Verbs, switch_position,
};
pub use quantity::parse_duration;
pub use testcase::{Expect, ExpectKind, Given, GivenKind, TestCase};
pub use units::{Dimension, Unit, unit};
pub use upward::{AlarmChange, Mapped, MappedPoint, Upward};

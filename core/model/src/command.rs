//! Commands: one send at most, one final outcome, never a guess.

use std::fmt;

use crate::{Now, PointId};

/// The identity of one command: the bits of a UUID, unique for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u128);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            v >> 96,
            (v >> 80) & 0xFFFF,
            (v >> 64) & 0xFFFF,
            (v >> 48) & 0xFFFF,
            v & 0xFFFF_FFFF_FFFF
        )
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the control point shall do, in wire units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Action {
    /// Set a target value.
    Set(f64),
    /// Off, open, lower, stop (`false`) or on, close, raise, start (`true`).
    Switch(bool),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(v) => write!(f, "set {v}"),
            Self::Switch(true) => f.write_str("on"),
            Self::Switch(false) => f.write_str("off"),
        }
    }
}

/// How the command goes over the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandMode {
    /// Execute without select.
    Direct,
    /// Select, await the confirmation, execute.
    SelectExecute,
    /// Select only.
    Select,
    /// Execute what was selected.
    Execute,
    /// Withdraw a selection.
    Cancel,
}

/// One command to one control point.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Command {
    /// Its identity.
    pub id: CommandId,
    /// The control point.
    pub point: PointId,
    /// What to do.
    pub action: Action,
    /// How.
    pub mode: CommandMode,
    /// Protocol qualifier (104 QOC.QU or QOS.QL); zero is the default.
    pub qualifier: u8,
    /// The latest first byte of the execute, on both clocks; enforced on the monotonic one.
    pub not_after: Now,
}

/// The plant's lawful *no*.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The station confirmed negatively at select.
    SelectRefused,
    /// The station confirmed negatively at execute.
    ExecuteRefused,
    /// The station does not know the type, cause, common address or object address (104 causes 44–47: the number).
    Unknown(u8),
    /// The station's own status of the control (DNP3 control status: the number).
    Status(u8),
}

/// Why the plant was, for certain, not touched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotOperatedWhy {
    /// `not_after` passed before the execute could leave.
    Expired,
    /// The link was not in a state to carry commands.
    LinkDown,
    /// The peer did not prove itself fresh in time (R5).
    NotFresh,
    /// The station never answered the select; no execute left.
    SelectUnanswered,
    /// There is no selection for the execute: none was made, it ran out, was used, or was of another wish (R4).
    NotSelected,
    /// Another transaction holds the point.
    Busy,
    /// The bridge restarted before the execute left (R2).
    Restart,
    /// Withdrawn before the execute left.
    Cancelled,
    /// The link is monitor-only or the station may not be controlled (R14).
    NotPermitted,
}

/// Why the outcome is unknown: the execute may have left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IndeterminateWhy {
    /// No answer to the execute in time.
    Unanswered,
    /// The connection ended after the execute left.
    ConnectionLost,
    /// The ticket was dropped without an answer: silence never reads as success.
    Dropped,
    /// The bridge restarted after the execute may have left.
    Restart,
}

/// The one final state of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The station confirmed the execute.
    Completed,
    /// The station refused.
    Refused(Refusal),
    /// A promise: the plant was not touched.
    NotOperated(NotOperatedWhy),
    /// Not known; locks the point until it is resolved (R3).
    Indeterminate(IndeterminateWhy),
}

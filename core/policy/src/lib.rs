//! Whether a command may go to the plant: the native safety envelope, default deny.
//!
//! This crate deliberately knows no key, no signature, no journal, no link and no clock: whoever asks brings the facts. It never
//! touches what it decides on. Start at [`decide`]; every refusal carries a [`code`] with a paragraph in [`explain`].
//!
//! Implements rules R4 (DIRECT only, so far), R5 (life and own clock), R11 (live limits), R12 (no relative set-points, so far),
//! R17 (basis) and the plant-state checks of R6 and R8; instructions to people pass [`decide_instruction`] (R8),
//! curtailments and their releases [`decide_cap`] and [`decide_lift`] (R6, R7), switches [`decide_switch`] (R9).

pub mod code;
mod curtail;
mod envelope;
mod instruction;
mod switching;
#[cfg(test)]
mod tests;

pub use code::{OPERATOR_REASONS, codes, explain};
pub use curtail::{CapFacts, CapRequest, LiftRequest, decide_cap, decide_lift};
pub use envelope::{ClockFacts, Condition, ControlFacts, Decision, Facts, Request, decide};
pub use instruction::{InstructionFacts, InstructionRequest, decide_instruction};
pub use switching::{SwitchRequest, decide_switch};

//! What an engineer does with a profile, shown on the shipped ones.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod coverage;
mod diff;
mod expand;
mod explain;
mod export;
mod format;
mod kit;

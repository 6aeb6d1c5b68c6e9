//! Sealing, receiving and verifying over a real journal in memory.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod fixtures;
mod plant;
mod receive;
mod restart;
mod tamper;

//! The data link layer (clause 9): frames, the search for them in a stream, and the two stations of each association.

pub(crate) mod address;
mod deframer;
mod fault;
mod frame;
mod liveness;
mod primary;
mod secondary;
mod station;

pub(crate) use deframer::{Cut, Deframer};
pub(crate) use fault::{Fault, Finding, FindingLog};
pub(crate) use frame::{Control, LinkFrame, LinkHeader, Payload, PrimaryFunction, SecondaryFunction};
pub(crate) use liveness::{Due, Interval, Liveness};
pub(crate) use primary::{Patience, Primary, Wish};
pub(crate) use secondary::{Secondary, Verdict, broadcast_verdict};
pub(crate) use station::Station;

//! What both roles share of one connection (IEC 60870-5-104 clause 5): deframing, sequence numbers, k, w, t1 to t3.

mod connection;
mod deframer;
mod receive_window;

pub(crate) use connection::{Connection, Taken, Timing};
pub(crate) use deframer::Deframer;

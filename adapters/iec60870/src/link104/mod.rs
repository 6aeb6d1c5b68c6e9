//! What both roles share of a link's connections (IEC 60870-5-104 clauses 5 and 10): deframing, sequence numbers, k, w, t1 to t3, the
//! redundancy group.

mod connection;
mod deframer;
mod group;
mod receive_window;

pub(crate) use connection::{Connection, Taken, Timing};
pub(crate) use deframer::Deframer;
pub(crate) use group::{Gone, Group, Member};

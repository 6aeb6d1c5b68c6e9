//! TLS of links (IEC 62351-3; rows 71 and 72 of the 104 table, B1 36): real sockets, certificates made at test time.

mod foreign;
mod good;
mod hostile;
mod live;
mod papers;
mod peers;
mod refused;
mod sharing;

//! The shell on real sockets, with a toy protocol and a toy engine over the real journal.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test says by panicking that something is not as expected")]

mod hosting;
mod kit;
mod links;
mod safety;
mod tls;
mod transports;

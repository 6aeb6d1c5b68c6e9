//! The adapter over real sockets on loopback, most of it over real TLS.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself may")]
#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes fails the test")]

mod delivery;
mod kit;
mod limits;
mod sse;
mod stream;
mod tls;
mod webhook;

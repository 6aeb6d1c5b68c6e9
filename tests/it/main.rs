//! The one integration test binary. Each line is a noun; the tests of a rule or a conformance row are named after it.

mod cli;
mod durability;
mod house;
mod interop;
mod sim;
mod support;

//! The real binary, as a person meets it.

mod config;
mod demo;
mod journal;
pub(crate) mod kit;
mod sim;
mod words;

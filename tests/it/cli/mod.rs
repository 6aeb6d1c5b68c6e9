//! The real binary, as a person meets it.

mod config;
mod journal;
mod kit;
mod words;

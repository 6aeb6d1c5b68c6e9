//! What an engineer does with a profile, shown on the shipped ones.

mod coverage;
mod diff;
mod expand;
mod explain;
mod export;
mod format;
mod kit;

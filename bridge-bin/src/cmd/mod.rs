//! The commands, one file each.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod fsck;
pub(crate) mod inbox;
pub(crate) mod interop;
pub(crate) mod keys;
pub(crate) mod link;
pub(crate) mod operations;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod send;
pub(crate) mod sim;
mod sim_tls;
pub(crate) mod tail;
pub(crate) mod trust;
pub(crate) mod verify;

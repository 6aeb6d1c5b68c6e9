//! The real binary, as a person meets it.

mod config;
mod curtail;
mod demo;
mod inbox;
mod journal;
pub(crate) mod kit;
mod link;
mod link_tls;
mod profile;
mod reversed;
mod select;
mod sim;
mod sim_dnp3;
mod sim_site;
mod tail;
mod words;

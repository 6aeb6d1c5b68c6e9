//! The shell on real sockets, with a toy protocol and a toy engine over the real journal.

mod hosting;
mod kit;
mod links;
mod safety;

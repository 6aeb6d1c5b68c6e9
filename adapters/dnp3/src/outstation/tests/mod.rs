//! The outstation's rows of the checklist, each against a master that we write.

mod controls;
mod events;
mod files;
mod functions;
mod objects;
mod peers;
mod properties;
mod read;
mod unsolicited;

//! What the benches of pairs of processes share.

#![allow(dead_code, unused_imports, reason = "not every bench needs all of it")]

mod engine;
mod figures;
mod meter;
mod process;
mod profile;
mod station;

pub(crate) use engine::{Folder, connecting, drive, parts, signer, task};
pub(crate) use figures::{Figure, Target, quantile};
pub(crate) use meter::{Finish, Meter, drive_session};
pub(crate) use process::{cpu_s, line, load, resident_mb, say, start, start_program, tell};
pub(crate) use profile::{OBJECTS, POINTS, plan};
pub(crate) use station::{K, Station};

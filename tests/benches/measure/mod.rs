//! What the benches of pairs of processes share.

#![allow(dead_code, unused_imports, reason = "not every bench needs all of it")]

mod engine;
mod figures;
mod loopback;
mod meter;
mod pairs;
mod process;
mod profile;
mod reading;
mod serving;
mod station;

pub(crate) use engine::{Folder, connecting, drive, parts, signer, task};
pub(crate) use figures::{Figure, Target, quantile};
pub(crate) use loopback::{connect, free_port, local, port, read};
pub(crate) use meter::{Finish, Meter, drive_session};
pub(crate) use pairs::{Samples, Tells, own, pair, print, repeated};
pub(crate) use process::{cpu_s, line, load, resident_mb, say, start, tell};
pub(crate) use profile::{OBJECTS, POINTS, plan};
pub(crate) use reading::{COMMANDS, COMMANDS_WARM, CONTROLS, READ_TIMES, READ_WARM, command, interrogate, receive};
pub(crate) use serving::{EVENTS, EVENTS_WARM, emit, endpoint, image, is_started, publish};
pub(crate) use station::{K, Station};

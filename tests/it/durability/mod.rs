//! What an acknowledgement promises, with the real process: a disk that hangs and fails, a process that is killed.

mod dnp3;
mod kill;
mod station;
mod sync;
mod webhook;

//! The whole bridge in virtual time (`DESIGN.md` §4 Engine).

mod faults;
mod misbehave;
mod profiles;
mod rules;
mod seeds;
mod story;
mod world;

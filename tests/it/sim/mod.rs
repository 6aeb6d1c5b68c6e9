//! The whole bridge in virtual time (`DESIGN.md` §4 Engine).

mod seeds;
mod story;
mod world;

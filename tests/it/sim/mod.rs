//! The whole bridge in virtual time (`DESIGN.md` §4 Engine).

mod profiles;
mod seeds;
mod story;
mod world;

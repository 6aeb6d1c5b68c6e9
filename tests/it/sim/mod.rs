//! The whole bridge in virtual time (`DESIGN.md` §4 Engine).

mod backlog;
mod cap_seeds;
mod curtail;
mod displaced;
mod dnp3;
mod ems;
mod faults;
mod instructions;
mod misbehave;
mod party;
mod paths;
mod profiles;
mod released;
mod replaced;
mod restarted;
mod reversed;
mod rules;
mod seeds;
mod select;
mod standing;
mod story;
mod switching;
mod tune;
mod untimed;
mod webhooks;
mod world;

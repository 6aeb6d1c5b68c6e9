//! Independent stacks as separate processes. What they are and how they misbehave: `testbeds/interop/README.md`.

mod pair;
mod peers;
mod story;

//! The story on the terminal: one line per event, with time and who, in an operator's words.

use std::sync::atomic::{AtomicBool, Ordering};

use bridge_engine::shell::SystemClock;
use bridge_model::Mono;

use super::cast::Actor;
use crate::say;

/// Tells. Shared by everyone who hears something.
pub(super) struct Teller {
    clock: SystemClock,
    began: Mono,
    /// The audience is gone (`| head`): nothing more is told, the demonstration goes on.
    alone: AtomicBool,
}

impl Teller {
    pub(super) fn new(clock: SystemClock) -> Self {
        Self { clock, began: clock.now().mono, alone: AtomicBool::new(false) }
    }

    /// Seconds since the beginning.
    pub(super) fn seconds(&self) -> f64 {
        self.clock.now().mono.since(self.began).as_secs_f64()
    }

    /// What someone did or saw.
    pub(super) fn tell(&self, who: &str, text: &str) {
        self.line(&format!("{:7.2} s  {who:<12}  {text}", self.seconds()));
    }

    /// A headline of the story.
    pub(super) fn chapter(&self, text: &str) {
        self.line("");
        self.line(&format!("{:7.2} s  ---- {text}", self.seconds()));
    }

    /// A line as it is.
    pub(super) fn line(&self, text: &str) {
        if !self.alone.load(Ordering::Relaxed) && say::line(text).is_err() {
            self.alone.store(true, Ordering::Relaxed);
        }
    }

    /// A process said something: told if it is news to an operator.
    pub(super) fn heard(&self, who: Actor, line: &str) {
        if let Some(text) = words(who, line) {
            self.tell(who.name(), &text);
        }
    }
}

/// What an operator would say instead.
fn words(_who: Actor, line: &str) -> Option<String> {
    Some(line.to_owned())
}

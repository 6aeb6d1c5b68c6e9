//! Whether the peer of an association lives: what was heard of it, and REQUEST_LINK_STATUS when nothing was (row 11).

use std::time::Duration;

use bridge_model::Mono;

/// What is known of the peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liveness {
    heard: Option<Mono>,
    /// From when silence counts.
    quiet_since: Mono,
    asked: Option<Mono>,
    attempts: u8,
    is_silent: bool,
    was_told_silent: bool,
}

/// What a time-out brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// REQUEST_LINK_STATUS is to be sent.
    Ask,
    /// The last request, sent at this time, was not answered: the peer is silent.
    Missed(Mono),
}

/// When silence is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    /// Silence before a question; `None`: no questions.
    pub(crate) keep_alive: Option<Duration>,
    /// How long its answer may take.
    pub(crate) timeout: Duration,
    /// How often the question is repeated before the peer counts as silent.
    pub(crate) retries: u8,
}

impl Liveness {
    /// Of a peer that was not heard yet.
    pub(crate) fn new(now: Mono) -> Self {
        Self { heard: None, quiet_since: now, asked: None, attempts: 0, is_silent: false, was_told_silent: false }
    }

    /// The peer showed that it lives.
    #[inline]
    pub(crate) fn hear(&mut self, now: Mono) {
        self.heard = Some(now);
        self.quiet_since = now;
        self.asked = None;
        self.attempts = 0;
        self.is_silent = false;
    }

    /// When the peer last showed that it lives.
    pub(crate) fn heard(&self) -> Option<Mono> {
        self.heard
    }

    /// Whether the peer did not answer when it was last asked.
    pub(crate) fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Whether REQUEST_LINK_STATUS is unanswered.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// REQUEST_LINK_STATUS is sent.
    pub(crate) fn ask(&mut self, now: Mono) {
        self.asked = Some(now);
        self.attempts = self.attempts.saturating_add(1);
    }

    /// When [`Liveness::handle_timeout`] has something to do.
    pub(crate) fn deadline(&self, interval: Interval) -> Option<Mono> {
        match (self.asked, interval.keep_alive) {
            (Some(asked), _) => Some(asked + interval.timeout),
            (None, Some(keep_alive)) => Some(self.quiet_since + keep_alive),
            (None, None) => None,
        }
    }

    /// What is due.
    pub(crate) fn handle_timeout(&mut self, interval: Interval, now: Mono) -> Due {
        if self.deadline(interval).is_none_or(|deadline| now < deadline) {
            return Due::Nothing;
        }
        let Some(asked) = self.asked else { return Due::Ask };
        if self.attempts <= interval.retries {
            return Due::Ask;
        }
        self.asked = None;
        self.attempts = 0;
        self.is_silent = true;
        self.quiet_since = now;
        Due::Missed(asked)
    }

    /// Whether the peer fell silent, or was heard again, since this was last asked.
    pub(crate) fn change(&mut self) -> Option<bool> {
        (self.is_silent != self.was_told_silent).then(|| {
            self.was_told_silent = self.is_silent;
            self.is_silent
        })
    }
}

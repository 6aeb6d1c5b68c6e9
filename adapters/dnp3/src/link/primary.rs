//! The primary station of an association for confirmed data (clause 9.2.6): off by default, since TCP and the application layer confirm too.
//!
//! One frame is on its way at a time. It is sent again with the same frame count bit when nothing comes back; a NACK resets the link states
//! first. When the attempts are used up the whole fragment is given up, since its other segments alone are worth nothing.

use std::collections::VecDeque;
use std::time::Duration;

use bridge_model::Mono;

use super::fault::Fault;
use super::frame::SecondaryFunction;
use crate::transport::{SEGMENT_MAX, Segment, Segmenter};

/// Fragments that may wait for their turn.
pub(crate) const WAITING_MAX: usize = 4;

/// What the primary station wants sent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// RESET_LINK_STATES.
    Reset,
    /// CONFIRMED_USER_DATA with this frame count bit and the present [`Primary::segment`].
    Data(bool),
    /// REQUEST_LINK_STATUS: has the peer room again?
    Status,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum State {
    #[default]
    Idle,
    /// RESET_LINK_STATES is unanswered.
    Resetting,
    /// CONFIRMED_USER_DATA is unanswered.
    Sending,
    /// The peer said that it has no room.
    Busy,
}

/// Fragments on their way, and what is known of the peer's secondary station.
#[derive(Default, Debug)]
pub(crate) struct Primary {
    waiting: VecDeque<Vec<u8>>,
    /// Octets of the first fragment that were acknowledged.
    acknowledged: usize,
    /// The next frame count bit, once the peer acknowledged a reset.
    count: Option<bool>,
    state: State,
    /// Times that the present frame was sent.
    attempts: u8,
    /// Times that the present segment was refused.
    refusals: u8,
    deadline: Option<Mono>,
}

/// How long an answer may take and how often a frame is sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) timeout: Duration,
    pub(crate) retries: u8,
}

impl Primary {
    /// Whether another fragment may be queued.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The segment that is on its way.
    pub(crate) fn segment(&self, segmenter: &Segmenter) -> Option<Segment> {
        segmenter.segment(self.waiting.front()?, self.acknowledged)
    }

    /// When the present frame is given up or sent again.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.deadline
    }

    /// Queues a fragment behind the others. The caller asked [`Primary::has_room`].
    pub(crate) fn queue(&mut self, fragment: &[u8], patience: Patience, now: Mono) -> Option<Wish> {
        self.waiting.push_back(fragment.to_vec());
        if self.state == State::Idle { self.go_on(patience, now) } else { None }
    }

    /// Takes an answer. `Err`: a fragment was given up, or the answer belongs to nothing; either way there may be something to send.
    pub(crate) fn take(
        &mut self,
        answer: SecondaryFunction,
        dfc: bool,
        segmenter: &mut Segmenter,
        patience: Patience,
        now: Mono,
    ) -> (Option<Wish>, Option<Fault>) {
        match (self.state, answer) {
            (State::Resetting, SecondaryFunction::Ack) => {
                self.count = Some(true);
                self.attempts = 0;
                (self.proceed(dfc, patience, now), None)
            }
            (State::Sending, SecondaryFunction::Ack) => {
                self.count = self.count.map(|count| !count);
                segmenter.advance();
                self.acknowledged += SEGMENT_MAX;
                (self.attempts, self.refusals) = (0, 0);
                if self.waiting.front().is_some_and(|fragment| self.acknowledged >= fragment.len()) {
                    self.waiting.pop_front();
                    self.acknowledged = 0;
                }
                (self.proceed(dfc, patience, now), None)
            }
            (State::Sending, SecondaryFunction::Nack) => {
                self.refusals = self.refusals.saturating_add(1);
                if self.refusals > patience.retries {
                    return self.give_up(Fault::NotConfirmed(self.refusals), patience, now);
                }
                if !dfc {
                    self.count = None;
                }
                self.attempts = 0;
                (self.proceed(dfc, patience, now), None)
            }
            (State::Busy, SecondaryFunction::LinkStatus) => {
                if !dfc {
                    self.attempts = 0;
                    return (self.go_on(patience, now), None);
                }
                self.wait(patience, now);
                (None, None)
            }
            (State::Resetting | State::Sending | State::Busy, SecondaryFunction::NotSupported) => {
                self.give_up(Fault::NotSupported, patience, now)
            }
            // The time-out sends the reset again.
            (State::Resetting, SecondaryFunction::Nack) => (None, None),
            (State::Idle | State::Busy, SecondaryFunction::Ack) => (None, Some(Fault::Unasked(0))),
            (State::Idle | State::Busy, SecondaryFunction::Nack) => (None, Some(Fault::Unasked(1))),
            (State::Idle | State::Resetting | State::Sending, SecondaryFunction::LinkStatus) => (None, Some(Fault::Unasked(11))),
            (State::Idle, SecondaryFunction::NotSupported) => (None, Some(Fault::Unasked(15))),
        }
    }

    /// The deadline has perhaps come.
    pub(crate) fn handle_timeout(&mut self, patience: Patience, now: Mono) -> (Option<Wish>, Option<Fault>) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return (None, None);
        }
        if self.attempts > patience.retries {
            return self.give_up(Fault::NotConfirmed(self.attempts), patience, now);
        }
        match self.state {
            State::Busy => {
                self.attempts += 1;
                self.wait(patience, now);
                (Some(Wish::Status), None)
            }
            State::Idle | State::Resetting | State::Sending => (self.go_on(patience, now), None),
        }
    }

    /// Goes on, or first waits until the peer has room.
    fn proceed(&mut self, dfc: bool, patience: Patience, now: Mono) -> Option<Wish> {
        if dfc {
            self.state = State::Busy;
            self.wait(patience, now);
            return None;
        }
        self.go_on(patience, now)
    }

    /// Sends what is to be sent next, for the first time or again.
    fn go_on(&mut self, patience: Patience, now: Mono) -> Option<Wish> {
        if self.is_idle() {
            self.state = State::Idle;
            self.deadline = None;
            return None;
        }
        self.attempts = self.attempts.saturating_add(1);
        self.wait(patience, now);
        Some(match self.count {
            None => {
                self.state = State::Resetting;
                Wish::Reset
            }
            Some(count) => {
                self.state = State::Sending;
                Wish::Data(count)
            }
        })
    }

    fn give_up(&mut self, fault: Fault, patience: Patience, now: Mono) -> (Option<Wish>, Option<Fault>) {
        self.waiting.pop_front();
        self.acknowledged = 0;
        self.count = None;
        (self.attempts, self.refusals) = (0, 0);
        (self.go_on(patience, now), Some(fault))
    }

    fn wait(&mut self, patience: Patience, now: Mono) {
        self.deadline = Some(now + patience.timeout);
    }
}

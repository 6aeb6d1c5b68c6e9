//! The one timer service: each timer has a key; setting a key again moves it.

use std::collections::BTreeMap;

use bridge_model::Mono;
use bridge_session::{HookId, SinkId};

/// What a timer is for. Ordered, so that timers of one instant fire in a fixed order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// Start the next commit.
    Commit,
    /// Seal what is durable.
    Seal,
    /// Try again to write what did not fit on the disk.
    Rewrite,
    /// Seal a heartbeat if nothing else was sealed.
    Heartbeat,
    /// Write a snapshot.
    Snapshot,
    /// Write the next part of a snapshot.
    SnapshotPart,
    /// Look for points that were not refreshed in time.
    Freshness,
    /// Alarm delays and transit times of the mapping.
    Mapping,
    /// The sequence-of-events lines that were gathered leave.
    Soe,
    /// Publish the telemetry attestation.
    Attest,
    /// Publish reports.
    Report,
    /// Interrogate a link again.
    Integrity(u16),
    /// A source (a link, or behind the links a peer) stayed away: its values become INVALID.
    Invalid(u16),
    /// A profile's own request to a link is due: link, and place among the link's.
    Housekeep(u16, usize),
    /// Who asked a request at the local door waits no longer.
    Housekept(u64),
    /// The next step of a control's programme.
    Step(usize),
    /// The set-point echo of a control is due.
    Taken(usize),
    /// The plant should have followed by now.
    Followed(usize),
    /// The start of a programme is due no later than this.
    StartBy(usize),
    /// The period of a cap ends.
    CapEnd(String),
    /// An instruction's answer, report or feedback is due.
    Instruction(String),
    /// The feedback of an instruction should have stood long enough.
    InstructionDwell(String),
    /// The EMS waits no longer for its confirmation.
    AnswerBy(String),
    /// Try the outbox again.
    Outbox(SinkId),
    /// Subscribe again.
    Subscribe(SinkId),
    /// A peer's stream has been silent too long.
    Silent(SinkId),
    /// A webhook's batch is old enough, or its back-off is over.
    Webhook(HookId),
    /// A webhook's backlog is read on.
    WebhookRead,
    /// A subscriber has confirmed nothing for too long.
    Unconfirmed(SinkId),
}

/// The timers that are set.
#[derive(Default)]
pub(crate) struct Timers {
    due: BTreeMap<(Mono, Timer), ()>,
    at: BTreeMap<Timer, Mono>,
}

impl Timers {
    /// Sets or moves a timer.
    pub(crate) fn set(&mut self, timer: Timer, at: Mono) {
        self.cancel(&timer);
        self.due.insert((at, timer.clone()), ());
        self.at.insert(timer, at);
    }

    /// Sets a timer unless it is already set to an earlier instant.
    pub(crate) fn set_earlier(&mut self, timer: Timer, at: Mono) {
        if self.at.get(&timer).is_none_or(|set| *set > at) {
            self.set(timer, at);
        }
    }

    /// Unsets a timer.
    pub(crate) fn cancel(&mut self, timer: &Timer) {
        if let Some(at) = self.at.remove(timer) {
            self.due.remove(&(at, timer.clone()));
        }
    }

    /// The next instant at which something is due.
    pub(crate) fn next(&self) -> Option<Mono> {
        self.due.first_key_value().map(|((at, _), ())| *at)
    }

    /// Takes one timer that is due.
    pub(crate) fn pop(&mut self, now: Mono) -> Option<Timer> {
        let ((at, _), ()) = self.due.first_key_value()?;
        if *at > now {
            return None;
        }
        let ((_, timer), ()) = self.due.pop_first()?;
        self.at.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_moves_fires_once_and_in_order() {
        let mut timers = Timers::default();
        timers.set(Timer::Seal, Mono(20));
        timers.set(Timer::Commit, Mono(10));
        timers.set(Timer::Seal, Mono(5));
        timers.set_earlier(Timer::Seal, Mono(7));
        assert_eq!(timers.next(), Some(Mono(5)));
        assert_eq!(timers.pop(Mono(4)), None);
        assert_eq!(timers.pop(Mono(10)), Some(Timer::Seal));
        assert_eq!(timers.pop(Mono(10)), Some(Timer::Commit));
        assert_eq!(timers.pop(Mono(100)), None);
    }
}

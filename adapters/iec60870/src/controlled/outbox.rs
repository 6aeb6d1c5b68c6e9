//! What waits to be sent besides the image: events that must arrive, and confirmations.

use std::collections::VecDeque;

use bridge_model::{Mono, Zone};
use bridge_session::{Event, Publish, PublishClass};

use super::image::{Image, Packer, State, Telling};

/// Events that may wait in the session. The engine's journal is the queue; this is its window. Beyond it an event is refused, visibly.
pub(super) const EVENT_WINDOW: usize = 100_000;
/// Confirmations that may wait for a peer that does not acknowledge.
pub(super) const REPLIES_MAX: usize = 1024;

/// What one sent I frame carried.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Contents {
    /// The place of its last event, counted from 1 over the session's life; 0 if it carried none.
    pub(super) events: u64,
    /// Changed points.
    pub(super) latest: Vec<u32>,
    /// It was the other direction's.
    pub(super) reverse: bool,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    index: u32,
    state: State,
    /// Reported when this event is acknowledged.
    number: u64,
}

/// Events in order, one queue for the redundancy group: the first `sent` left on the connection `sender`, the others did not.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    events: VecDeque<Queued>,
    /// How many events were acknowledged, on whichever connection.
    gone: u64,
    sent: usize,
    sender: u32,
    overflowed: bool,
}

impl Outbox {
    /// Takes a published value into the image and, by its class, into the queue or among the changes.
    pub(super) fn publish(&mut self, value: &Publish, image: &mut Image, told: &mut VecDeque<Event>, now: Mono) {
        let Some(index) = image.find(value.point) else {
            told.push_back(Event::Refused { what: format!("point {} is not served on this link", value.point.0) });
            return;
        };
        let state = State::of(value);
        match value.class {
            PublishClass::Latest => {
                let state = image.compose(value.point, index, state);
                image.set(index, state, value.spontaneous, now);
            }
            PublishClass::Event(number) | PublishClass::Past(number) => {
                let state = if matches!(value.class, PublishClass::Past(_)) {
                    image.compose_past(value.point, index, state)
                } else {
                    let state = image.compose(value.point, index, state);
                    image.set_event(index, state);
                    state
                };
                if value.spontaneous {
                    self.queue(Queued { index, state, number }, told);
                } else if let Some(last) = self.events.back_mut() {
                    // Nothing to send: it is delivered with what is before it.
                    last.number = number;
                } else {
                    told.push_back(Event::Delivered(number));
                }
            }
        }
    }

    fn queue(&mut self, event: Queued, told: &mut VecDeque<Event>) {
        if self.events.len() < EVENT_WINDOW {
            self.overflowed = false;
            self.events.push_back(event);
        } else if !self.overflowed {
            self.overflowed = true;
            let what = format!("event window full ({EVENT_WINDOW}): event {} and later ones are not queued", event.number);
            told.push_back(Event::Refused { what });
        }
    }

    /// Whether an event waits to be sent.
    pub(super) fn has_event(&self) -> bool {
        self.sent < self.events.len()
    }

    /// Appends one ASDU of events in order, as many as share a header and fit.
    pub(super) fn put_events(&mut self, image: &Image, zone: Zone, out: &mut Vec<u8>) -> Contents {
        let mut asdu = None::<Packer>;
        while let Some(event) = self.events.get(self.sent) {
            if let Some(served) = image.get(event.index)
                && !Packer::add(&mut asdu, served, event.state, Telling::spontaneous(event.state), zone, out)
            {
                break;
            }
            self.sent += 1;
        }
        if let Some(packer) = asdu {
            packer.finish(out);
        }
        Contents { events: self.gone + self.sent as u64, ..Contents::default() }
    }

    /// The peer acknowledged these frames, on the connection that sends now or late on one that sent before; gives the number up to which
    /// events are delivered now.
    pub(super) fn acknowledged(&mut self, frames: impl Iterator<Item = Contents>) -> Option<u64> {
        let mut last = None;
        for contents in frames {
            while self.gone < contents.events {
                let Some(event) = self.events.pop_front() else { break };
                last = Some(event.number);
                self.gone += 1;
                self.sent = self.sent.saturating_sub(1);
            }
        }
        last
    }

    /// How many events were ever queued, and how many of them left or were acknowledged.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.gone + self.events.len() as u64, self.gone + self.sent as u64)
    }

    /// From now on `connection` sends: everything that was not acknowledged on another one (row 21). Whether another one sent before.
    pub(super) fn begin(&mut self, connection: u32) -> bool {
        let moved = self.sender != connection;
        if moved {
            self.sender = connection;
            self.sent = 0;
        }
        moved
    }

    /// The connection is gone. If it was the one that sends: what was not acknowledged is sent again.
    pub(super) fn connection_lost(&mut self, connection: u32) -> bool {
        let lost = self.sender == connection;
        if lost {
            self.sent = 0;
        }
        lost
    }
}

/// Confirmations and the end of initialisation, in order; terminations behind the return information that belongs to them (row 54).
#[derive(Debug, Default)]
pub(super) struct Replies {
    queue: VecDeque<Vec<u8>>,
    /// Each with the count of events that go before it.
    terminations: VecDeque<(u64, Vec<u8>)>,
}

impl Replies {
    /// Queues the ASDU that `write` appends.
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut asdu = Vec::with_capacity(32);
        write(&mut asdu);
        self.queue.push_back(asdu);
    }

    /// Queues the ASDU that `write` appends behind so many events.
    pub(super) fn push_behind(&mut self, events: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let mut asdu = Vec::with_capacity(32);
        write(&mut asdu);
        self.terminations.push_back((events, asdu));
    }

    /// The next one to send, after so many events and with or without return information that still waits.
    pub(super) fn pop(&mut self, events_sent: u64, returns_wait: bool) -> Option<Vec<u8>> {
        let is_due = |(behind, _): &mut (u64, Vec<u8>)| *behind <= events_sent && !returns_wait;
        self.queue.pop_front().or_else(|| self.terminations.pop_front_if(is_due).map(|(_, asdu)| asdu))
    }

    pub(super) fn is_overfull(&self) -> bool {
        self.queue.len() > REPLIES_MAX || self.terminations.len() > REPLIES_MAX
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.terminations.clear();
    }
}

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
    /// How many events, from the front of the outbox.
    pub(super) events: usize,
    /// Changed points.
    pub(super) latest: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    index: u32,
    state: State,
    /// Reported when this event is acknowledged.
    number: u64,
}

/// Events in order: the first `sent` left on this connection, the others did not.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    events: VecDeque<Queued>,
    sent: usize,
    overflowed: bool,
}

impl Outbox {
    /// Takes a published value into the image and, by its class, into the queue or among the changes.
    pub(super) fn publish(&mut self, value: &Publish, image: &mut Image, told: &mut VecDeque<Event>, now: Mono) {
        let Some(index) = image.find(value.point) else {
            told.push_back(Event::Refused { what: format!("point {} is not served on this link", value.point.0) });
            return;
        };
        let state = image.compose(value.point, index, State::of(value));
        match value.class {
            PublishClass::Latest => image.set(index, state, value.spontaneous, now),
            PublishClass::Event(number) => {
                image.set_event(index, state);
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
        let before = self.sent;
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
        Contents { events: self.sent - before, latest: Vec::new() }
    }

    /// The peer acknowledged these frames; gives the number up to which events are delivered now.
    pub(super) fn acknowledged(&mut self, frames: impl Iterator<Item = Contents>) -> Option<u64> {
        let mut last = None;
        for contents in frames {
            for _ in 0..contents.events {
                last = self.events.pop_front().map(|event| event.number).or(last);
                self.sent = self.sent.saturating_sub(1);
            }
        }
        last
    }

    /// The connection is gone: what was not acknowledged is sent again.
    pub(super) fn rewind(&mut self) {
        self.sent = 0;
    }
}

/// Confirmations and the end of initialisation, in order.
#[derive(Debug, Default)]
pub(super) struct Replies {
    queue: VecDeque<Vec<u8>>,
}

impl Replies {
    /// Queues the ASDU that `write` appends.
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut asdu = Vec::with_capacity(32);
        write(&mut asdu);
        self.queue.push_back(asdu);
    }

    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        self.queue.pop_front()
    }

    pub(super) fn is_overfull(&self) -> bool {
        self.queue.len() > REPLIES_MAX
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }
}

//! The receiving side of a connection: what came, what is durable, what the peer was told.
//!
//! N(R) says "I have it". It follows the journal, never the wire (delivery rule 4): it is the count of durable frames.

use bridge_model::Mono;
use std::time::Duration;

/// Counts of I frames, from 1, of one connection.
#[derive(Debug, Default)]
pub(super) struct ReceiveWindow {
    received: u64,
    durable: u64,
    acknowledged: u64,
    /// When the oldest durable and unacknowledged frame became durable.
    durable_since: Option<Mono>,
    /// A frame whose acknowledgement shall not wait for w or t2.
    urgent: u64,
}

impl ReceiveWindow {
    pub(super) fn expected(&self) -> u16 {
        modulo(self.received)
    }

    pub(super) fn nr(&self) -> u16 {
        modulo(self.durable)
    }

    /// Takes the next frame and gives its number.
    pub(super) fn receive(&mut self) -> u64 {
        self.received += 1;
        self.received
    }

    pub(super) fn waiting(&self) -> u64 {
        self.received - self.durable
    }

    pub(super) fn hurry(&mut self) {
        self.urgent = self.received;
    }

    pub(super) fn make_durable(&mut self, frame: u64, now: Mono) {
        let frame = frame.min(self.received);
        if frame > self.durable {
            self.durable = frame;
            self.durable_since.get_or_insert(now);
        }
    }

    /// An APDU with N(R) leaves.
    pub(super) fn acknowledge(&mut self) {
        self.acknowledged = self.durable;
        self.durable_since = None;
    }

    /// How many frames the peer was told are taken.
    pub(super) fn told(&self) -> u64 {
        self.acknowledged
    }

    pub(super) fn is_settled(&self) -> bool {
        self.acknowledged == self.received
    }

    /// Whether an S frame has to leave now.
    pub(super) fn due(&self, w: u16, t2: Duration, now: Mono) -> bool {
        self.durable - self.acknowledged >= u64::from(w)
            || (self.urgent > self.acknowledged && self.durable >= self.urgent)
            || self.deadline(t2).is_some_and(|deadline| now >= deadline)
    }

    /// t2 ran out: an S frame waits to be taken, and no deadline stays behind.
    pub(super) fn handle_timeout(&mut self, t2: Duration, now: Mono) {
        if self.deadline(t2).is_some_and(|deadline| now >= deadline) {
            self.urgent = self.durable;
            self.durable_since = None;
        }
    }

    pub(super) fn deadline(&self, t2: Duration) -> Option<Mono> {
        self.durable_since.map(|since| since + t2)
    }
}

fn modulo(count: u64) -> u16 {
    // Masked to 15 bits: the conversion cannot fail.
    u16::try_from(count & 0x7FFF).unwrap_or(0)
}

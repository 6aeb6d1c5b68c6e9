//! Our controlled station under measurement.

use std::time::Duration;

use anyhow::Result;
use bridge_engine::shell::{Hosted, SystemClock};
use bridge_iec60870::Iec104;
use bridge_model::{Mono, Now, PointId};
use bridge_session::{Channel, Chunk, Close, Event, FrameBatch, PeerInfo, Protocol as _, PublishClass, Request, Role, Session};

use crate::link::link;
use crate::measure::{Finish, Meter, OBJECTS, POINTS, drive_session, endpoint, is_started, publish};

/// Frames of values that lie ready beyond what was acknowledged: two windows.
const AHEAD: u64 = 24;

/// Serves changes of measurands (latest only) or events (queued until acknowledged), as many as the peer acknowledges.
pub(crate) fn serve(events: bool, span: Duration) -> Result<()> {
    let clock = SystemClock::new();
    let session = Iec104.session(&link(Role::Server, POINTS, "M_ME_TF_1"));
    let source = Source { session, clock, events, at: 0, round: 0, number: 0, acknowledged: 0, started: false };
    drive_session(endpoint()?, clock, |finish| Serve { source, meter: Meter::new(clock, span), finish })
}

/// A session whose values come in batches of as many frames as its peer has just acknowledged.
struct Source {
    session: Box<dyn Session>,
    clock: SystemClock,
    events: bool,
    at: u32,
    round: u32,
    number: u64,
    /// Frames.
    acknowledged: u64,
    started: bool,
}

impl Source {
    fn publish(&mut self, frames: u64, now: Now) {
        let count = frames as usize * OBJECTS;
        let mut batch = Vec::with_capacity(count);
        for _ in 0..count {
            if self.at as usize == POINTS {
                self.at = 0;
                self.round += 1;
            }
            let class = if self.events { PublishClass::Event(self.number) } else { PublishClass::Latest };
            batch.push(publish(PointId(self.at), 200.0 + (self.round % 8192) as f32 / 64.0, now, class, true));
            self.at += 1;
            self.number += 1;
        }
        self.session.handle_request(Request::Publish(batch), now);
    }

    /// The last N(R) of a chunk of S frames; this peer sends nothing else but its start.
    fn acknowledged(&mut self, bytes: &[u8]) -> u64 {
        let mut fresh = 0;
        for frame in bytes.chunks_exact(6) {
            if let [0x68, 4, 1, 0, low, high] = *frame {
                let nr = u64::from(u16::from_le_bytes([low, high]) >> 1);
                fresh += (nr.wrapping_sub(self.acknowledged)) & 0x7FFF;
                self.acknowledged = nr;
            }
        }
        fresh
    }
}

impl Session for Source {
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now) {
        self.session.handle_open(channel, peer, now);
    }

    fn handle_input(&mut self, channel: Channel, chunk: Chunk<'_>, now: Now) {
        self.session.handle_input(channel, chunk, now);
        if let Chunk::Stream(bytes) = chunk {
            let mut frames = self.acknowledged(bytes);
            if !std::mem::replace(&mut self.started, true) {
                frames += AHEAD;
            }
            if frames > 0 {
                self.publish(frames, self.clock.now());
            }
        }
    }

    fn handle_request(&mut self, request: Request, now: Now) {
        self.session.handle_request(request, now);
    }

    fn handle_durable(&mut self, connection: u32, frame: u64, now: Now) {
        self.session.handle_durable(connection, frame, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.session.handle_timeout(now);
    }

    fn handle_close(&mut self, channel: Channel, now: Now) {
        self.session.handle_close(channel, now);
    }

    fn poll_frames(&mut self, batch: &mut FrameBatch) -> bool {
        self.session.poll_frames(batch)
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.session.poll_event()
    }

    fn poll_output(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize, now: Now) -> bool {
        self.session.poll_output(channel, out, limit, now)
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        self.session.poll_close(channel)
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.session.poll_timeout()
    }

    fn user_timeout(&self, channel: Channel, now: Now) -> Option<Duration> {
        self.session.user_timeout(channel, now)
    }
}

struct Serve {
    source: Source,
    meter: Meter,
    finish: Finish,
}

impl Hosted for Serve {
    fn session(&mut self) -> &mut dyn Session {
        &mut self.source
    }

    fn handle_event(&mut self, event: Event, _now: Now) {
        if is_started(&event) {
            self.meter.start();
        }
        if let Event::Closed { cause, .. } = event {
            self.finish.with(&Err(anyhow::anyhow!("{cause}")));
        }
    }

    fn tick(&mut self, _now: Now) {
        // What is published and not acknowledged is the same number at both ends of the span.
        if let Some(found) = self.meter.tick(self.source.number).transpose() {
            self.finish.with(&found);
        }
    }

    fn next_tick(&self) -> Option<Mono> {
        self.meter.next()
    }
}

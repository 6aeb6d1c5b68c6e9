//! Our controlled station under measurement.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::Result;
use bridge_engine::shell::{Endpoint, Engine, Hosted, SystemClock};
use bridge_engine::{LocalRequest, Output};
use bridge_iec60870::Iec104;
use bridge_journal::SyncDone;
use bridge_model::{LinkId, Mono, Now, PointId, Quality, Timestamp, Value};
use bridge_session::{
    Channel, Chunk, Close, Event, FrameBatch, Inbound, PeerInfo, Protocol as _, Publish, PublishClass, Request, Role, Session,
};
use serde_json::json;
use tokio::sync::oneshot;

use crate::link::{free_port, link, local};
use crate::measure::{self, Finish, Meter, OBJECTS, POINTS, drive_session as drive, say};
use crate::ours::is_started;
use crate::{EVENTS, GI_POINTS};

/// Frames of values that lie ready beyond what was acknowledged: two windows.
const AHEAD: u64 = 24;

fn endpoint() -> Result<Endpoint> {
    let port = free_port()?;
    say(&port.to_string());
    Ok(Endpoint::listen(local(port), vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
}

fn publish(point: usize, value: f32, now: Now, class: PublishClass, spontaneous: bool) -> Publish {
    Publish {
        point: PointId(u32::try_from(point).expect("few points")),
        value: Value::Real32(value),
        quality: Quality::GOOD,
        time: Timestamp::by_device(now.utc),
        class,
        spontaneous,
        return_info: false,
    }
}

/// Serves changes of measurands (latest only) or events (queued until acknowledged), as many as the peer acknowledges.
pub(crate) fn serve(events: bool, span: Duration) -> Result<()> {
    let clock = SystemClock::new();
    let session = Iec104.session(&link(Role::Server, POINTS, "M_ME_TF_1"));
    let source = Source { session, clock, events, at: 0, round: 0, number: 0, acknowledged: 0, started: false };
    drive(endpoint()?, clock, |finish| Serve { source, meter: Meter::new(clock, span), finish })
}

/// A session whose values come in batches of as many frames as its peer has just acknowledged.
struct Source {
    session: Box<dyn Session>,
    clock: SystemClock,
    events: bool,
    at: usize,
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
            if self.at == POINTS {
                self.at = 0;
                self.round += 1;
            }
            let class = if self.events { PublishClass::Event(self.number) } else { PublishClass::Latest };
            batch.push(publish(self.at, 200.0 + (self.round % 8192) as f32 / 64.0, now, class, true));
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

/// Sets one value at a time on an idle link and prints when each was set. In the engine's thread, as a bridge does: the value has to wake
/// the task of its link.
pub(crate) fn emit() -> Result<()> {
    let clock = SystemClock::new();
    let links = vec![measure::task(0, Iec104, &link(Role::Server, POINTS, "M_ME_TF_1"), endpoint()?)];
    let (finish, finished) = oneshot::channel();
    let engine = Emit { clock, next: None, seed: 1, instants: Vec::new(), out: None, finish: Some(finish) };
    let (_, instants) = measure::drive(engine, links, clock, async { Ok(json!(finished.await?)) })?;
    say(&instants.to_string());
    Ok(())
}

/// What sets the values.
struct Emit {
    clock: SystemClock,
    next: Option<Mono>,
    seed: u64,
    instants: Vec<i64>,
    out: Option<Output>,
    finish: Option<oneshot::Sender<Vec<i64>>>,
}

impl Engine for Emit {
    fn handle_event(&mut self, _link: LinkId, event: Event, _now: Now) {
        if is_started(&event) {
            self.next = Some(self.clock.now().mono + Duration::from_millis(200));
        }
        if let Event::Closed { .. } = event
            && let Some(finish) = self.finish.take()
        {
            // Who does not wait for them any more has failed already.
            let _ = finish.send(std::mem::take(&mut self.instants));
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.next.is_none_or(|next| now.mono < next) {
            return;
        }
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // 11 to 26 ms: no beat with anything else on the machine.
        let pause = Duration::from_micros(11_000 + (self.seed >> 33) % 15_000);
        self.next = (self.instants.len() + 1 < EVENTS).then(|| now.mono + pause);
        let now = self.clock.now();
        let value = publish(self.instants.len(), self.instants.len() as f32, now, PublishClass::Latest, true);
        self.instants.push(now.utc.0);
        self.out = Some(Output::Link { link: LinkId(0), request: Request::Publish(vec![value]) });
    }

    fn poll(&mut self) -> Option<Output> {
        self.out.take()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.next
    }

    // The peer sends nothing, nothing is journaled and nobody asks.
    fn handle_frames(&mut self, _link: LinkId, _batch: &FrameBatch, _now: Now) {}
    fn handle_synced(&mut self, _done: SyncDone, _now: Now) {}
    fn handle_north(&mut self, _inbound: Inbound, _now: Now) {}
    fn handle_local(&mut self, _request: LocalRequest, _now: Now) {}
}

/// Serves an image to whoever interrogates, until the process is ended.
pub(crate) fn image() -> Result<()> {
    let clock = SystemClock::new();
    let mut session = Iec104.session(&link(Role::Server, GI_POINTS, "M_ME_NC_1"));
    let now = clock.now();
    let values = (0..GI_POINTS).map(|point| publish(point, point as f32, now, PublishClass::Latest, false)).collect();
    session.handle_request(Request::Publish(values), now);
    // The sender lives as long as the session: nobody ends it.
    drive(endpoint()?, clock, |finish| Image { session, _finish: finish })
}

struct Image {
    session: Box<dyn Session>,
    _finish: Finish,
}

impl Hosted for Image {
    fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }
}

//! Our outstation under measurement.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::Result;
use bridge_dnp3::Dnp3;
use bridge_engine::shell::{Endpoint, Engine, Hosted, SystemClock};
use bridge_engine::{LocalRequest, Output};
use bridge_journal::SyncDone;
use bridge_model::{LinkId, Mono, Now, PointId, Quality, Timestamp, Value};
use bridge_session::{Event, FrameBatch, Inbound, LinkState, Protocol as _, Publish, PublishClass, Request, Role, Session};
use serde_json::json;
use tokio::sync::oneshot;

use crate::link::{free_port, link, local};
use crate::measure::{self, Finish, Meter, drive_session, say};
use crate::{EVENTS, POINTS};

/// Events that lie ready beyond what is on its way: some fragments.
const AHEAD: u64 = 1_550;

fn endpoint() -> Result<Endpoint> {
    let port = free_port()?;
    say(&port.to_string());
    Ok(Endpoint::listen(local(port), vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
}

fn publish(point: usize, value: f32, now: Now, class: PublishClass, spontaneous: bool) -> Publish {
    Publish {
        point: PointId(u32::try_from(point + 1).expect("few points")),
        value: Value::Real32(value),
        quality: Quality::GOOD,
        time: Timestamp::by_device(now.utc),
        class,
        spontaneous,
        return_info: false,
    }
}

fn is_started(event: &Event) -> bool {
    matches!(event, Event::LinkState(LinkState::Started))
}

/// Serves events, each queued until it is confirmed, as many as the master confirms.
pub(crate) fn serve(span: Duration) -> Result<()> {
    let clock = SystemClock::new();
    let session = Dnp3.session(&link(Role::Server, POINTS, 0));
    drive_session(endpoint()?, clock, |finish| Serve { session, clock, number: 0, delivered: 0, meter: Meter::new(clock, span), finish })
}

struct Serve {
    session: Box<dyn Session>,
    clock: SystemClock,
    /// Events published, and how many of them a master confirmed.
    number: u64,
    delivered: u64,
    meter: Meter,
    finish: Finish,
}

impl Serve {
    fn publish(&mut self, count: u64) {
        let now = self.clock.now();
        let numbers = self.number + 1..=self.number + count;
        let one = |number: u64| {
            let point = usize::try_from(number % POINTS as u64).expect("few points");
            publish(point, 200.0 + (number % 8192) as f32 / 64.0, now, PublishClass::Event(number), true)
        };
        self.number += count;
        self.session.handle_request(Request::Publish(numbers.map(one).collect()), now);
    }
}

impl Hosted for Serve {
    fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }

    fn handle_event(&mut self, event: Event, _now: Now) {
        if is_started(&event) {
            self.publish(AHEAD);
        } else if let Event::DeliveredOf(first, last) = event {
            self.meter.start();
            let count = last - first + 1;
            self.delivered += count;
            self.publish(count);
        } else if let Event::Closed { cause, .. } = event {
            self.finish.with(&Err(anyhow::anyhow!("{cause}")));
        }
    }

    fn tick(&mut self, _now: Now) {
        if let Some(found) = self.meter.tick(self.delivered).transpose() {
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
    let links = vec![measure::task(0, Dnp3, &link(Role::Server, POINTS, 0), endpoint()?)];
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

    // The peer commands nothing, nothing is journaled and nobody asks.
    fn handle_frames(&mut self, _link: LinkId, _batch: &FrameBatch, _now: Now) {}
    fn handle_synced(&mut self, _done: SyncDone, _now: Now) {}
    fn handle_north(&mut self, _inbound: Inbound, _now: Now) {}
    fn handle_local(&mut self, _request: LocalRequest, _now: Now) {}
}

/// Serves an image to whoever reads it, until the process is ended.
pub(crate) fn image() -> Result<()> {
    let clock = SystemClock::new();
    let mut session = Dnp3.session(&link(Role::Server, POINTS, 0));
    let now = clock.now();
    let values = (0..POINTS).map(|point| publish(point, point as f32, now, PublishClass::Latest, false)).collect();
    session.handle_request(Request::Publish(values), now);
    // The sender lives as long as the session: nobody ends it.
    drive_session(endpoint()?, clock, |finish| Image { session, _finish: finish })
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

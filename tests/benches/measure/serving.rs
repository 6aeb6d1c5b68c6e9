//! Our session that serves, under measurement.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::Result;
use bridge_engine::shell::{Endpoint, Engine, Hosted, LinkTask, SystemClock};
use bridge_engine::{LocalRequest, Output};
use bridge_journal::SyncDone;
use bridge_model::{LinkId, Mono, Now, PointId, Quality, Timestamp, Value};
use bridge_session::{Event, FrameBatch, Inbound, LinkState, Publish, PublishClass, Request, Session};
use serde_json::json;
use tokio::sync::oneshot;

use super::{Finish, drive, drive_session, free_port, local, say};

/// Single values of one measurement, the first ones not counted.
pub(crate) const EVENTS: usize = 90;
pub(crate) const EVENTS_WARM: usize = 10;

/// Where the peer of a pair connects to; says it.
pub(crate) fn endpoint() -> Result<Endpoint> {
    let port = free_port()?;
    say(&port.to_string());
    Ok(Endpoint::listen(local(port), vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
}

/// A good value of its own time.
pub(crate) fn publish(point: PointId, value: f32, now: Now, class: PublishClass, spontaneous: bool) -> Publish {
    Publish {
        point,
        value: Value::Real32(value),
        quality: Quality::GOOD,
        time: Timestamp::by_device(now.utc),
        class,
        spontaneous,
        return_info: false,
    }
}

/// Whether values may be sent now.
pub(crate) fn is_started(event: &Event) -> bool {
    matches!(event, Event::LinkState(LinkState::Started))
}

/// Sets one value at a time on an idle link, at `first` and the points behind it, and prints when each was set. In the engine's thread, as a
/// bridge does: the value has to wake the task of its link.
pub(crate) fn emit(task: LinkTask, first: u32) -> Result<()> {
    let clock = SystemClock::new();
    let (finish, finished) = oneshot::channel();
    let engine = Emit { clock, first, next: None, seed: 1, instants: Vec::new(), out: None, finish: Some(finish) };
    let (_, instants) = drive(engine, vec![task], clock, async { Ok(json!(finished.await?)) })?;
    say(&instants.to_string());
    Ok(())
}

/// What sets the values.
struct Emit {
    clock: SystemClock,
    first: u32,
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
        let number = u32::try_from(self.instants.len()).expect("few values");
        let value = publish(PointId(self.first + number), number as f32, now, PublishClass::Latest, true);
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

/// Serves so many values, from point `first` on, to whoever reads them, until the process is ended.
pub(crate) fn image(mut session: Box<dyn Session>, first: u32, points: usize) -> Result<()> {
    let clock = SystemClock::new();
    let now = clock.now();
    let values = (first..).take(points).map(|point| publish(PointId(point), (point - first) as f32, now, PublishClass::Latest, false));
    session.handle_request(Request::Publish(values.collect()), now);
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

//! Our outstation under measurement.

use std::time::Duration;

use anyhow::Result;
use bridge_dnp3::Dnp3;
use bridge_engine::shell::{Hosted, SystemClock};
use bridge_model::{Mono, Now, PointId};
use bridge_session::{Event, Protocol as _, PublishClass, Request, Role, Session};

use crate::POINTS;
use crate::link::link;
use crate::measure::{Finish, Meter, drive_session, endpoint, is_started, publish};

/// Events that lie ready beyond what is on its way: some fragments.
const AHEAD: u64 = 1_550;

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
            let point = u32::try_from(number % POINTS as u64).expect("few points");
            publish(PointId(1 + point), 200.0 + (number % 8192) as f32 / 64.0, now, PublishClass::Event(number), true)
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

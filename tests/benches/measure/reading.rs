//! Our session that reads and commands, under measurement: on the real shell in one task of one thread, as `ies-bridge sim` drives it.

use std::time::Duration;

use anyhow::Result;
use bridge_engine::shell::{Endpoint, Hosted, SystemClock};
use bridge_model::{Action, Command, CommandId, CommandMode, Mono, Now, Outcome, PointId, Validity};
use bridge_session::{Event, FrameBatch, Request, Session};
use serde_json::json;

use super::{Finish, Meter, cpu_s, drive_session, local, quantile};

/// What a command may take until its life ends.
const LIFE: Duration = Duration::from_secs(10);
/// Readings of everything in one measurement, and those before it.
pub(crate) const READ_TIMES: usize = 20;
pub(crate) const READ_WARM: usize = 3;
/// Commands of one measurement, and those before it.
pub(crate) const COMMANDS: usize = 10_000;
pub(crate) const COMMANDS_WARM: usize = 500;
/// Set-points of a link that commands.
pub(crate) const CONTROLS: u32 = 10;

/// Takes all that a plain peer sends.
pub(crate) fn receive(session: Box<dyn Session>, port: u16, span: Duration) -> Result<()> {
    let clock = SystemClock::new();
    let meter = Meter::new(clock, span);
    drive_session(Endpoint::connect(local(port)), clock, |finish| Receive { session, points: 0, sum: 0, meter, finish })
}

struct Receive {
    session: Box<dyn Session>,
    points: u64,
    /// Of every stamp, so that each is looked at.
    sum: i64,
    meter: Meter,
    finish: Finish,
}

impl Hosted for Receive {
    fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }

    fn handle_frames(&mut self, batch: &FrameBatch, _now: Now) {
        for update in &batch.updates {
            self.points += u64::from(update.quality.validity == Validity::Good);
            self.sum = self.sum.wrapping_add(update.time.utc.0);
        }
        if self.points > 0 {
            self.meter.start();
        }
    }

    fn handle_event(&mut self, event: Event, _now: Now) {
        if let Event::Closed { cause, .. } = event {
            self.finish.with(&Err(anyhow::anyhow!("{cause}")));
        }
    }

    fn tick(&mut self, _now: Now) {
        std::hint::black_box(self.sum);
        if let Some(found) = self.meter.tick(self.points).transpose() {
            self.finish.with(&found);
        }
    }

    fn next_tick(&self) -> Option<Mono> {
        self.meter.next()
    }
}

/// The spans of what is done again and again, one after the other, and the processor time of those that count.
struct Laps {
    clock: SystemClock,
    warm: usize,
    times: usize,
    began: Option<Mono>,
    taken_s: Vec<f64>,
    cpu: f64,
}

impl Laps {
    fn new(clock: SystemClock, warm: usize, times: usize) -> Self {
        Self { clock, warm, times, began: None, taken_s: Vec::new(), cpu: 0.0 }
    }

    /// One has ended, unless it is the first call. The spans that count and the processor time of one of them, in seconds, after the last.
    fn ended(&mut self) -> Result<Option<(Vec<f64>, f64)>> {
        if let Some(began) = self.began {
            self.taken_s.push(self.clock.now().mono.since(began).as_secs_f64());
        }
        if self.taken_s.len() == self.warm {
            self.cpu = cpu_s()?;
        } else if self.taken_s.len() == self.warm + self.times {
            return Ok(Some((self.taken_s.split_off(self.warm), (cpu_s()? - self.cpu) / self.times as f64)));
        }
        Ok(None)
    }

    /// The next one begins now.
    fn begin(&mut self) -> Now {
        let now = self.clock.now();
        self.began = Some(now.mono);
        now
    }
}

/// Reads everything again and again, from its request to the end of the reading.
pub(crate) fn interrogate(session: Box<dyn Session>, port: u16, all: usize) -> Result<()> {
    let clock = SystemClock::new();
    let laps = Laps::new(clock, READ_WARM, READ_TIMES);
    drive_session(Endpoint::connect(local(port)), clock, |finish| Interrogate { session, all, points: 0, laps, finish })
}

struct Interrogate {
    session: Box<dyn Session>,
    all: usize,
    points: usize,
    laps: Laps,
    finish: Finish,
}

impl Interrogate {
    fn ended(&mut self) -> Result<()> {
        anyhow::ensure!(self.laps.began.is_none() || self.points == self.all, "{} points", self.points);
        if let Some((mut taken, cpu)) = self.laps.ended()? {
            let [p50, p99] = [0.5, 0.99].map(|q| quantile(&mut taken, q) * 1e3);
            self.finish.with(&Ok(json!({ "p50_ms": p50, "p99_ms": p99, "cpu_ms": cpu * 1e3 })));
            return Ok(());
        }
        self.points = 0;
        let now = self.laps.begin();
        self.session.handle_request(Request::Interrogate, now);
        Ok(())
    }
}

impl Hosted for Interrogate {
    fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }

    fn handle_frames(&mut self, batch: &FrameBatch, _now: Now) {
        self.points += batch.updates.iter().filter(|update| update.quality.validity == Validity::Good).count();
    }

    fn handle_event(&mut self, event: Event, _now: Now) {
        // The first one is of the start, and is not counted.
        if event == Event::InterrogationFailed {
            self.finish.with(&Err(anyhow::anyhow!("the reading failed")));
        } else if event == Event::InterrogationEnded
            && let Err(error) = self.ended()
        {
            self.finish.with(&Err(error));
        }
    }
}

/// Commands: select, its answer, execute, its answer, one pair after the other. The set-points are `first` and those behind it.
pub(crate) fn command(session: Box<dyn Session>, port: u16, first: u32) -> Result<()> {
    let clock = SystemClock::new();
    let laps = Laps::new(clock, COMMANDS_WARM, COMMANDS);
    drive_session(Endpoint::connect(local(port)), clock, |finish| Commanding { session, first, count: 0, laps, finish })
}

struct Commanding {
    session: Box<dyn Session>,
    first: u32,
    count: u32,
    laps: Laps,
    finish: Finish,
}

impl Commanding {
    fn next(&mut self) -> Result<()> {
        if let Some((mut taken, cpu)) = self.laps.ended()? {
            let [p50, p99] = [0.5, 0.99].map(|q| quantile(&mut taken, q) * 1e6);
            self.finish.with(&Ok(json!({ "p50_us": p50, "p99_us": p99, "cpu_us": cpu * 1e6 })));
            return Ok(());
        }
        let now = self.laps.begin();
        self.count += 1;
        let command = Command {
            id: CommandId(u128::from(self.count)),
            point: PointId(self.first + self.count % CONTROLS),
            action: Action::Set(f64::from(self.count % 1000)),
            mode: CommandMode::SelectExecute,
            qualifier: 0,
            not_after: Now { mono: now.mono + LIFE, utc: now.utc + LIFE },
        };
        self.session.handle_request(Request::Command(command), now);
        Ok(())
    }
}

impl Hosted for Commanding {
    fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }

    fn handle_event(&mut self, event: Event, _now: Now) {
        let first = event == Event::InterrogationEnded && self.laps.began.is_none();
        let result = if first || matches!(event, Event::Settled { outcome: Outcome::Completed, .. }) {
            self.next()
        } else if matches!(event, Event::Settled { .. } | Event::Closed { .. }) {
            Err(anyhow::anyhow!("{event:?}"))
        } else {
            Ok(())
        };
        if let Err(error) = result {
            self.finish.with(&Err(error.context("commands")));
        }
    }
}

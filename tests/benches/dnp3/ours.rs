//! Our master under measurement.

use std::time::Duration;

use anyhow::Result;
use bridge_dnp3::Dnp3;
use bridge_engine::shell::{Endpoint, Hosted, SystemClock};
use bridge_model::{Action, Command, CommandId, CommandMode, Mono, Now, Outcome, PointId, Validity};
use bridge_session::{Event, FrameBatch, Protocol as _, Request, Role, Session};
use serde_json::json;

use crate::link::{CONTROLS, link, local};
use crate::measure::{Finish, Meter, cpu_s, drive_session, quantile};
use crate::{COMMANDS, COMMANDS_WARM, INTEGRITY_TIMES, INTEGRITY_WARM, POINTS};

/// What a command may take until its life ends.
const LIFE: Duration = Duration::from_secs(10);

/// A master that takes all a plain outstation sends.
pub(crate) fn receive(port: u16, span: Duration) -> Result<()> {
    let clock = SystemClock::new();
    let session = Dnp3.session(&link(Role::Client, POINTS, POINTS));
    drive_session(Endpoint::connect(local(port)), clock, |finish| Receive {
        session,
        points: 0,
        sum: 0,
        meter: Meter::new(clock, span),
        finish,
    })
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

/// A master that reads everything again and again, from its request to the end of the poll.
pub(crate) fn integrity(port: u16) -> Result<()> {
    let clock = SystemClock::new();
    let session = Dnp3.session(&link(Role::Client, POINTS, 0));
    drive_session(Endpoint::connect(local(port)), clock, |finish| Integrity {
        session,
        clock,
        points: 0,
        asked: None,
        taken_ms: Vec::new(),
        cpu: 0.0,
        finish,
    })
}

struct Integrity {
    session: Box<dyn Session>,
    clock: SystemClock,
    points: usize,
    asked: Option<Mono>,
    taken_ms: Vec<f64>,
    cpu: f64,
    finish: Finish,
}

impl Integrity {
    fn ended(&mut self) -> Result<()> {
        let now = self.clock.now();
        if let Some(asked) = self.asked {
            anyhow::ensure!(self.points == POINTS, "{} points", self.points);
            self.taken_ms.push(now.mono.since(asked).as_secs_f64() * 1e3);
        }
        match self.taken_ms.len() {
            INTEGRITY_WARM => self.cpu = cpu_s()?,
            count if count == INTEGRITY_WARM + INTEGRITY_TIMES => {
                let mut taken = self.taken_ms.split_off(INTEGRITY_WARM);
                let cpu_ms = (cpu_s()? - self.cpu) * 1e3 / INTEGRITY_TIMES as f64;
                let found = json!({ "p50_ms": quantile(&mut taken, 0.5), "p99_ms": quantile(&mut taken, 0.99), "cpu_ms": cpu_ms });
                self.finish.with(&Ok(found));
                return Ok(());
            }
            _ => {}
        }
        self.points = 0;
        let now = self.clock.now();
        self.asked = Some(now.mono);
        self.session.handle_request(Request::Interrogate, now);
        Ok(())
    }
}

impl Hosted for Integrity {
    fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }

    fn handle_frames(&mut self, batch: &FrameBatch, _now: Now) {
        self.points += batch.updates.iter().filter(|update| update.quality.validity == Validity::Good).count();
    }

    fn handle_event(&mut self, event: Event, _now: Now) {
        // The first one is of the start, and is not counted.
        if event == Event::InterrogationFailed {
            self.finish.with(&Err(anyhow::anyhow!("the poll failed")));
        } else if event == Event::InterrogationEnded
            && let Err(error) = self.ended()
        {
            self.finish.with(&Err(error));
        }
    }
}

/// A master that commands: SELECT, its answer, OPERATE, its answer, one after the other.
pub(crate) fn command(port: u16) -> Result<()> {
    let clock = SystemClock::new();
    let session = Dnp3.session(&link(Role::Client, 1, 0));
    drive_session(Endpoint::connect(local(port)), clock, |finish| Commanding {
        session,
        clock,
        began: None,
        count: 0,
        taken_us: Vec::new(),
        cpu: 0.0,
        finish,
    })
}

struct Commanding {
    session: Box<dyn Session>,
    clock: SystemClock,
    began: Option<Mono>,
    count: u32,
    taken_us: Vec<f64>,
    cpu: f64,
    finish: Finish,
}

impl Commanding {
    fn next(&mut self) -> Result<()> {
        let now = self.clock.now();
        if let Some(began) = self.began {
            self.taken_us.push(now.mono.since(began).as_secs_f64() * 1e6);
        }
        match self.taken_us.len() {
            COMMANDS_WARM => self.cpu = cpu_s()?,
            count if count == COMMANDS_WARM + COMMANDS => {
                let mut taken = self.taken_us.split_off(COMMANDS_WARM);
                let cpu_us = (cpu_s()? - self.cpu) * 1e6 / COMMANDS as f64;
                let found = json!({ "p50_us": quantile(&mut taken, 0.5), "p99_us": quantile(&mut taken, 0.99), "cpu_us": cpu_us });
                self.finish.with(&Ok(found));
                return Ok(());
            }
            _ => {}
        }
        let now = self.clock.now();
        self.began = Some(now.mono);
        self.count += 1;
        let command = Command {
            id: CommandId(u128::from(self.count)),
            point: PointId(2 + self.count % CONTROLS),
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
        let first = event == Event::InterrogationEnded && self.began.is_none();
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

/// The port as an argument.
pub(crate) fn port(word: &str) -> Result<u16> {
    use anyhow::Context as _;
    word.parse().context("a port")
}

//! A session on the real shell in one task of one thread, as `ies-bridge sim` drives it, and the processor time of a span.

use std::time::Duration;

use anyhow::Result;
use bridge_engine::shell::{Endpoint, Hosted, SystemClock, host};
use bridge_model::Mono;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{cpu_s, say};

/// Until caches and windows are as they stay.
const WARM_UP: Duration = Duration::from_millis(500);

/// The processor time of a span, and what was done in it.
pub(crate) struct Meter {
    clock: SystemClock,
    span: Duration,
    began: Option<(Mono, f64, u64)>,
    next: Option<Mono>,
}

impl Meter {
    pub(crate) fn new(clock: SystemClock, span: Duration) -> Self {
        Self { clock, span, began: None, next: None }
    }

    /// The first points are there: the span begins when everything is warm.
    pub(crate) fn start(&mut self) {
        self.next.get_or_insert_with(|| self.clock.now().mono + WARM_UP);
    }

    pub(crate) const fn next(&self) -> Option<Mono> {
        self.next
    }

    /// Begins or ends the span; gives what was measured at its end.
    pub(crate) fn tick(&mut self, points: u64) -> Result<Option<Value>> {
        let (now, cpu) = (self.clock.now().mono, cpu_s()?);
        match self.began {
            None => {
                self.began = Some((now, cpu, points));
                self.next = Some(now + self.span);
                Ok(None)
            }
            Some((began, cpu_before, before)) => {
                let (wall, cpu, points) = (now.since(began).as_secs_f64(), cpu - cpu_before, (points - before) as f64);
                self.next = None;
                Ok(Some(json!({ "cpu_s_per_m": cpu * 1e6 / points, "rate": points / wall, "cores": cpu / wall })))
            }
        }
    }
}

/// Hosts a session until its task has something to say, and says it.
pub(crate) fn drive_session<H: Hosted>(endpoint: Endpoint, clock: SystemClock, make: impl FnOnce(Finish) -> H) -> Result<()> {
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(host(make(Finish(stop)), endpoint, clock, stopped));
    Ok(())
}

/// Ends the session.
pub(crate) struct Finish(watch::Sender<bool>);

impl Finish {
    /// Prints what was found first; that the connection is closed after it is no news.
    pub(crate) fn with(&self, found: &Result<Value>) {
        if *self.0.borrow() {
            return;
        }
        match found {
            Ok(found) => say(&found.to_string()),
            Err(error) => super::tell(format!("{error:#}")),
        }
        self.0.send_replace(true);
    }
}

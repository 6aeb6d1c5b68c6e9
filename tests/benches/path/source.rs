//! The peer: controlled stations that send prepared frames and obey the window. A process of its own; cheap on purpose.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bridge_engine::shell::{self, SystemClock};
use bridge_model::Now;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::case::{Case, Load};
use crate::measure::{K, POINTS, Station, quantile, say, tell};

/// Frames of one burst of a paced station: w of the bridge, so that each burst is acknowledged.
const BURST: u16 = 8;
/// Between two bursts of a paced station: 50 of them are 50,000 points a second.
const BURST_EVERY: Duration = Duration::from_millis(128);
/// Between two frames on an idle link.
const PROBE_EVERY: Duration = Duration::from_millis(15);

/// Listens, says where, and sends until the process is ended.
pub(crate) fn run(case: &Case) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut ports = Vec::new();
        let mut stations = Vec::new();
        for link in 0..case.links {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            ports.push(listener.local_addr()?.port().to_string());
            stations.push(shell::spawn(format!("station {link}"), station(*case, link, listener)));
        }
        say(&ports.join(" "));
        for station in stations {
            station.await?;
        }
        Ok(())
    })
}

async fn station(case: Case, link: usize, listener: TcpListener) {
    loop {
        let served = match listener.accept().await {
            Ok((stream, _)) => serve(&case, link, stream).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = served {
            tell(format!("station {link}: {error:#}"));
        }
    }
}

async fn serve(case: &Case, link: usize, mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let clock = SystemClock::new();
    let mut station = Station::new(link, POINTS / case.links);
    let mut input = vec![0; 4096];
    let mut out = Vec::with_capacity(16 << 10);
    let mut next = tokio::time::Instant::from_std(std::time::Instant::now()) + BURST_EVERY.mul_f64((link % 50) as f64 / 50.0);
    let mut probe = Probe::default();
    loop {
        let event_link = case.load == Load::Paced && link == 0;
        let pause = match case.load {
            Load::Flood => None,
            Load::Idle | Load::Paced => Some(next),
        };
        tokio::select! {
            biased;
            read = stream.read(&mut input) => {
                let count = read.context("read")?;
                if count == 0 {
                    return Ok(());
                }
                let heard = input.get(..count).unwrap_or_default();
                station.take(heard, &mut out)?;
                if case.load == Load::Idle {
                    probe.heard(&station, clock.now());
                }
            }
            () = tokio::time::sleep_until(pause.unwrap_or(next)), if pause.is_some() => {
                let now = clock.now();
                match case.load {
                    Load::Idle => {
                        next += PROBE_EVERY;
                        if station.is_idle() {
                            station.floats(1, now, &mut out);
                            probe.sent(now);
                        }
                    }
                    Load::Paced if event_link => {
                        // 23 to 53 ms: no beat with the seals.
                        next += Duration::from_millis(23 + station.random() % 31);
                        station.event(now, &mut out);
                    }
                    Load::Paced => {
                        next += BURST_EVERY;
                        station.floats(BURST, now, &mut out);
                    }
                    Load::Flood => {}
                }
            }
        }
        if case.load == Load::Flood {
            station.floats(K, clock.now(), &mut out);
        }
        if !out.is_empty() {
            stream.write_all(&out).await.context("write")?;
            out.clear();
        }
    }
}

/// From the write of one frame to its N(R).
#[derive(Default)]
struct Probe {
    waiting: Option<Now>,
    taken_ms: Vec<f64>,
}

/// Frames of one measurement on the idle link.
const PROBES: usize = 150;
/// The first ones warm caches.
const WARM: usize = 10;

impl Probe {
    fn sent(&mut self, now: Now) {
        self.waiting = Some(now);
    }

    fn heard(&mut self, station: &Station, now: Now) {
        if station.is_idle()
            && let Some(sent) = self.waiting.take()
        {
            self.taken_ms.push(now.mono.since(sent.mono).as_secs_f64() * 1e3);
            if self.taken_ms.len() == PROBES + WARM {
                self.taken_ms.drain(..WARM);
                let line = serde_json::json!({ "p50_ms": quantile(&mut self.taken_ms, 0.5), "p99_ms": quantile(&mut self.taken_ms, 0.99) });
                say(&line.to_string());
            }
        }
    }
}

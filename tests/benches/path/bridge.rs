//! The bridge under measurement: the real engine, shell, sessions and disk, in a process of its own.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bridge_engine::shell::{Engine, SystemClock};
use bridge_engine::{Bridge, LocalRequest, Output};
use bridge_journal::{Position, SyncDone};
use bridge_model::{LinkId, Mono, Now, Utc};
use bridge_provenance::{Ed25519Signer, Signer};
use bridge_session::{Event, FrameBatch, Inbound};
use serde_json::json;

use crate::case::{Case, Load};
use crate::measure::{Folder, OBJECTS, connecting, cpu_s, drive, parts, plan, quantile, resident_mb, say, signer};

/// Until caches, file and window are as they stay.
const WARM_UP: Duration = Duration::from_secs(1);
/// Events of one measurement.
const EVENTS: usize = 150;
/// The first ones are not counted: the links are just starting.
const EVENTS_WARM: usize = 10;
/// How long a measurement that counts events may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Signatures in the measurement of one.
const SIGNATURES: u32 = 2000;

/// Runs the case against stations on these ports and prints what was measured.
pub(crate) fn run(case: &Case, ports: &[u16], span: Duration) -> Result<()> {
    let folder = Folder::new("path");
    let clock = SystemClock::new();
    let seen = Arc::new(Seen::default());
    let seals = Arc::new(AtomicU64::new(0));
    let plan = Arc::new(plan(case.links, case.w));
    let signer = Box::new(Counting { signer: signer()?, count: seals.clone() });
    let bridge = Bridge::new(parts(&plan, signer, &folder, clock.now())?, clock.now())?;
    let engine =
        Watched { bridge, seen: seen.clone(), frames: vec![0; case.links], events: case.load == Load::Paced, waiting: VecDeque::new() };
    let (engine, measured) = drive(engine, connecting(&plan, ports), clock, async {
        match case.load {
            Load::Flood => flood(&seen, &seals, clock, span).await,
            Load::Idle => idle().await,
            Load::Paced => events(&seen).await,
        }
    })?;
    let bridge = engine.bridge;
    anyhow::ensure!(bridge.journal_failure().is_none(), "the journal failed");
    // Whatever was acknowledged was mapped and written as a leaf, not only as octets. The frames of an interrogation carry no points.
    let housekeeping = (2 * OBJECTS * case.links) as u64;
    let journaled = bridge.counters().updates_journaled + housekeeping;
    anyhow::ensure!(case.load != Load::Flood || journaled >= seen.durable.load(Relaxed), "acknowledged points have no leaf");
    say(&measured.to_string());
    Ok(())
}

/// CPU, rate and memory while the stations send as fast as they may.
async fn flood(seen: &Seen, seals: &AtomicU64, clock: SystemClock, span: Duration) -> Result<serde_json::Value> {
    while seen.durable.load(Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(WARM_UP).await;
    let (points, signed, cpu, start) = (seen.durable.load(Relaxed), seals.load(Relaxed), cpu_s()?, clock.now().mono);
    tokio::time::sleep(span).await;
    let (points, signed, cpu) = (seen.durable.load(Relaxed) - points, seals.load(Relaxed) - signed, cpu_s()? - cpu);
    let wall = clock.now().mono.since(start).as_secs_f64();
    let sign_s = signature_s(clock)?;
    anyhow::ensure!(!seen.lost.load(Relaxed), "a link was lost while it was measured");
    Ok(json!({
        "cpu_s_per_m": cpu * 1e6 / points as f64,
        "rate": points as f64 / wall,
        "rss_mb": resident_mb()?,
        "signing_share": signed as f64 * sign_s / cpu,
        "sign_us": sign_s * 1e6,
        "seals": signed,
        "cores": cpu / wall,
    }))
}

/// The source measures; we go on until its end of our input closes.
async fn idle() -> Result<serde_json::Value> {
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())).await??;
    Ok(json!({}))
}

/// From the read of an event's frame to the end of the commit that holds its seal.
async fn events(seen: &Seen) -> Result<serde_json::Value> {
    let enough = async {
        while seen.sealed_ms.lock().expect("no panic").len() < EVENTS + EVENTS_WARM {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, enough).await.context("events are not sealed")?;
    let mut sealed = seen.sealed_ms.lock().expect("no panic").split_off(EVENTS_WARM);
    Ok(
        json!({ "sealed_p50_ms": quantile(&mut sealed, 0.5), "sealed_p99_ms": quantile(&mut sealed, 0.99), "durable": seen.durable.load(Relaxed) }),
    )
}

/// What the engine did, told to the measuring task.
#[derive(Default)]
struct Seen {
    /// Points whose receipt was given out.
    durable: AtomicU64,
    lost: AtomicBool,
    sealed_ms: Mutex<Vec<f64>>,
}

/// The engine with someone who looks.
struct Watched {
    bridge: Bridge,
    seen: Arc<Seen>,
    /// Durable frames per link.
    frames: Vec<u64>,
    events: bool,
    /// Events that are not sealed: where the journal ended before them, and when they were read.
    waiting: VecDeque<(Position, Utc)>,
}

impl Engine for Watched {
    fn handle_frames(&mut self, link: LinkId, batch: &FrameBatch, now: Now) {
        if self.events && link == LinkId(0) {
            let end = self.bridge.journal_end();
            self.waiting.extend(batch.frames.iter().filter(|frame| !frame.updates.is_empty()).map(|frame| (end, frame.received)));
        }
        self.bridge.handle_frames(link, batch, now);
    }

    fn handle_event(&mut self, link: LinkId, event: Event, now: Now) {
        if matches!(event, Event::Closed { .. }) {
            self.seen.lost.store(true, Relaxed);
        }
        self.bridge.handle_event(link, event, now);
    }

    fn handle_synced(&mut self, done: SyncDone, now: Now) {
        self.bridge.handle_synced(done, now);
        while let Some((before, received)) = self.waiting.front().copied()
            && self.bridge.sealed() > before
        {
            self.waiting.pop_front();
            self.seen.sealed_ms.lock().expect("no panic").push(now.utc.since(received).as_secs_f64() * 1e3);
        }
    }

    fn handle_north(&mut self, inbound: Inbound, now: Now) {
        self.bridge.handle_north(inbound, now);
    }

    fn handle_local(&mut self, request: LocalRequest, now: Now) {
        self.bridge.handle_local(request, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.bridge.handle_timeout(now);
    }

    fn poll(&mut self) -> Option<Output> {
        let output = self.bridge.poll();
        if let Some(Output::Durable { link, frame, .. }) = &output
            && let Some(last) = self.frames.get_mut(link.index())
        {
            self.seen.durable.fetch_add((*frame - *last) * OBJECTS as u64, Relaxed);
            *last = *frame;
        }
        output
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.bridge.poll_timeout()
    }
}

/// Counts what it signs.
struct Counting {
    signer: Ed25519Signer,
    count: Arc<AtomicU64>,
}

impl Signer for Counting {
    fn name(&self) -> &str {
        self.signer.name()
    }

    fn public_key(&self) -> [u8; 32] {
        self.signer.public_key()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.count.fetch_add(1, Relaxed);
        self.signer.sign(message)
    }
}

/// Seconds of one signature over a checkpoint's text, the best of five rounds.
fn signature_s(clock: SystemClock) -> Result<f64> {
    let signer = signer()?;
    let message = [b'x'; 96];
    let rounds = (0..5).map(|_| {
        let start = clock.now().mono;
        for _ in 0..SIGNATURES / 5 {
            std::hint::black_box(signer.sign(std::hint::black_box(&message)));
        }
        clock.now().mono.since(start).as_secs_f64() / f64::from(SIGNATURES / 5)
    });
    Ok(rounds.fold(f64::INFINITY, f64::min))
}

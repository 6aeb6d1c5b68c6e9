//! The bridge under measurement: the real engine, shell, sessions and disk, in a process of its own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bridge_engine::shell::{self, Endpoint, Engine, LinkTask, SystemClock, random};
use bridge_engine::{Bridge, Identity, LocalRequest, Output, Pace, Parts, Settings};
use bridge_iec60870::Iec104;
use bridge_ies::{Role, Timestamp};
use bridge_journal::{FileDisk, Options, Position, SyncDone};
use bridge_model::{LinkId, Mono, Now, Utc};
use bridge_provenance::{Ed25519Signer, Signer};
use bridge_session::{Event, FrameBatch, Inbound, Protocol as _};
use bridge_trust::{
    BUNDLE_SCHEMA, BundleContent, BundleKey, BundleParty, Ed25519Key, Es256Key, KeyUse, TrustBundle, base64_encode, sign_bundle,
};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::case::{Case, Load};
use crate::figures::quantile;
use crate::profile::{OBJECTS, plan};

const DID: &str = "did:web:bench.example";
const ORIGIN: &str = "bench.example/bridge/1";
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

/// Removes the journal's folder at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays is seen by whoever looks; the figures are not touched by it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the case against stations on these ports and prints what was measured.
pub(crate) fn run(case: &Case, ports: &[u16], span: Duration) -> Result<()> {
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("path-{}", std::process::id())));
    let clock = SystemClock::new();
    let seen = Arc::new(Seen::default());
    let seals = Arc::new(AtomicU64::new(0));
    let plan = Arc::new(plan(case.links, case.w));
    let parts = Parts {
        plan: plan.clone(),
        settings: settings(),
        identity: identity(),
        signer: Box::new(Counting { signer: signer()?, count: seals.clone() }),
        trust: trust(clock.now())?,
        disk: Arc::new(FileDisk::open(&folder.0).context("the journal's folder")?),
        journal: Options { origin: ORIGIN.to_owned(), epoch: 1, writer: 1, fence: 1, segment_bytes: 256 << 20 },
        random: Box::new(random),
    };
    let bridge = Bridge::new(parts, clock.now())?;
    let engine =
        Watched { bridge, seen: seen.clone(), frames: vec![0; case.links], events: case.load == Load::Paced, waiting: VecDeque::new() };
    let links = plan
        .links
        .iter()
        .zip(ports)
        .enumerate()
        .map(|(number, (link, port))| {
            let spec = link.spec.clone();
            LinkTask {
                link: LinkId(u16::try_from(number).expect("few links")),
                session: Iec104.session(&spec),
                restart: Box::new(move || Iec104.session(&spec)),
                endpoint: Endpoint::connect(SocketAddr::from(([127, 0, 0, 1], *port))),
            }
        })
        .collect();
    // As `ies-bridge run` does.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (stop_in, stop) = watch::channel(false);
    // Nobody subscribes and nobody asks: the other ends stay, silent.
    let (_inbound_in, inbound) = mpsc::channel(16);
    let (outbound_in, mut outbound) = mpsc::channel(1024);
    let (_local_in, local) = mpsc::channel(1);
    let story = Box::new(|_line: String| {});
    let measured = runtime.block_on(async {
        let measure = async {
            let result = match case.load {
                Load::Flood => flood(&seen, &seals, clock, span).await,
                Load::Idle => idle().await,
                Load::Paced => events(&seen).await,
            };
            stop_in.send_replace(true);
            result
        };
        let north = async { while outbound.recv().await.is_some() {} };
        let running = shell::run(engine, links, (inbound, outbound_in), local, story, clock, stop);
        let (measured, ended, ()) = tokio::join!(measure, running, north);
        let bridge = ended?.bridge;
        anyhow::ensure!(bridge.journal_failure().is_none(), "the journal failed");
        // Whatever was acknowledged was mapped and written as a leaf, not only as octets. The frames of an interrogation carry no points.
        let housekeeping = (2 * OBJECTS * case.links) as u64;
        let journaled = bridge.counters().updates_journaled + housekeeping;
        anyhow::ensure!(case.load != Load::Flood || journaled >= seen.durable.load(Relaxed), "acknowledged points have no leaf");
        measured
    })?;
    crate::say(&measured.to_string());
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

fn signer() -> Result<Ed25519Signer> {
    Ed25519Signer::from_seed(ORIGIN, &[7; 32]).context("a seed")
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

/// User and system time of all threads, those that ended too: what `getrusage` gives, in ticks of 10 ms.
fn cpu_s() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("stat")?.1.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("stat")?.parse::<f64>()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// The most memory that was ever resident.
fn resident_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}

fn identity() -> Identity {
    Identity {
        beckn: Ed25519Key::from_seed(&[8; 32]).expect("a seed"),
        beckn_key_id: "k1".to_owned(),
        content: Es256Key::from_scalar(&[9; 32]).expect("a scalar"),
        content_kid: format!("{DID}#key-0"),
    }
}

fn trust(now: Now) -> Result<TrustBundle> {
    let identity = identity();
    let key = |kid: &str, alg: &str, usage, public: &[u8]| BundleKey {
        kid: kid.to_owned(),
        alg: alg.to_owned(),
        usage,
        public: base64_encode(public),
        not_before: Timestamp(now.utc.0 - 86_400_000_000_000),
        not_after: Timestamp(now.utc.0 + 86_400_000_000_000),
    };
    let content = BundleContent {
        schema: BUNDLE_SCHEMA.to_owned(),
        version: 1,
        issued_at: Timestamp(now.utc.0 - 1_000_000_000),
        expires_at: None,
        parties: vec![BundleParty {
            did: DID.to_owned(),
            name: None,
            roles: vec![Role::Genco],
            keys: vec![
                key("k1", "Ed25519", KeyUse::Beckn, &identity.beckn.public()),
                key(&identity.content_kid, "ES256", KeyUse::Content, &identity.content.public_sec1()),
                key("log", "Ed25519", KeyUse::Log, &signer()?.public_key()),
            ],
        }],
        authorities: Vec::new(),
    };
    let officers = [[201; 32], [202; 32]].map(|seed| Ed25519Key::from_seed(&seed).expect("a seed"));
    let bytes = sign_bundle(&content, &[&officers[0], &officers[1]]).context("a bundle")?;
    TrustBundle::load(&bytes, &officers.map(|officer| officer.public()), None, now.utc.0).context("a good bundle")
}

fn settings() -> Settings {
    Settings {
        did: DID.to_owned(),
        role: Role::Genco,
        uri: "https://bench.example".to_owned(),
        origin: ORIGIN.to_owned(),
        network: "example.org/bench".to_owned(),
        peers: Vec::new(),
        hooks: Vec::new(),
        operators: Vec::new(),
        control_links: std::collections::BTreeSet::new(),
        pace: Pace::default(),
        clock_source: "system".to_owned(),
        clock_limit: Duration::from_secs(1),
        stream_silence: Duration::from_secs(3),
        journal_patience: Duration::from_secs(5),
        attest_every: Duration::from_secs(30),
        report_every: Duration::from_secs(30),
        relay_margin: Duration::from_secs(1),
        max_lag: 50_000,
        event_queue_depth: 200_000,
        skew: Duration::from_secs(5),
        config_hash: [1; 32],
        policy_hash: [2; 32],
        build_hash: [3; 32],
        lie: false,
    }
}

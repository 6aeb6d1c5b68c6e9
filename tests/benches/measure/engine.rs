//! The parts of a real engine with its journal on disk, for a bridge under measurement.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bridge_engine::shell::{self, Endpoint, Engine, LinkTask, SystemClock, random};
use bridge_engine::{Identity, Pace, Parts, Settings};
use bridge_iec60870::Iec104;
use bridge_ies::{Role, Timestamp};
use bridge_journal::{FileDisk, Options};
use bridge_model::{LinkId, Now};
use bridge_profile::Plan;
use bridge_provenance::{Ed25519Signer, Signer};
use bridge_session::{LinkSpec, Protocol};
use bridge_trust::{
    BUNDLE_SCHEMA, BundleContent, BundleKey, BundleParty, Ed25519Key, Es256Key, KeyUse, TrustBundle, base64_encode, sign_bundle,
};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

const DID: &str = "did:web:bench.example";
const ORIGIN: &str = "bench.example/bridge/1";

/// A journal's folder, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder of this process for this purpose.
    pub(crate) fn new(purpose: &str) -> Self {
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{purpose}-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays is seen by whoever looks; the figures are not touched by it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The parts of a bridge with this plan and signer.
pub(crate) fn parts(plan: &Arc<Plan>, signer: Box<dyn Signer>, folder: &Folder, now: Now) -> Result<Parts> {
    Ok(Parts {
        plan: plan.clone(),
        settings: settings(),
        identity: identity(),
        signer,
        trust: trust(now)?,
        disk: Arc::new(FileDisk::open(&folder.0).context("the journal's folder")?),
        journal: Options { origin: ORIGIN.to_owned(), epoch: 1, writer: 1, fence: 1, segment_bytes: 256 << 20 },
        random: Box::new(random),
    })
}

/// The links of the plan, to stations on these ports.
pub(crate) fn connecting(plan: &Plan, ports: &[u16]) -> Vec<LinkTask> {
    let to = plan.links.iter().zip(ports).enumerate();
    to.map(|(number, (link, port))| task(number, Iec104, &link.spec, Endpoint::connect(SocketAddr::from(([127, 0, 0, 1], *port)))))
        .collect()
}

/// One link.
pub(crate) fn task(number: usize, protocol: impl Protocol + Copy + 'static, spec: &LinkSpec, endpoint: Endpoint) -> LinkTask {
    let spec = spec.clone();
    LinkTask {
        link: LinkId(u16::try_from(number).expect("few links")),
        session: protocol.session(&spec),
        restart: Box::new(move || protocol.session(&spec)),
        endpoint,
    }
}

/// Runs the engine on the real shell until `measure` has its result.
pub(crate) fn drive<E: Engine>(
    engine: E,
    links: Vec<LinkTask>,
    clock: SystemClock,
    measure: impl Future<Output = Result<Value>>,
) -> Result<(E, Value)> {
    // As `ies-bridge run` does.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (stop_in, stop) = watch::channel(false);
    // Nobody subscribes and nobody asks: the other ends stay, silent.
    let (_inbound_in, inbound) = mpsc::channel(16);
    let (outbound_in, mut outbound) = mpsc::channel(1024);
    let (_local_in, local) = mpsc::channel(1);
    let story = Box::new(|_line: String| {});
    runtime.block_on(async {
        let measure = async {
            let result = measure.await;
            stop_in.send_replace(true);
            result
        };
        let north = async { while outbound.recv().await.is_some() {} };
        let running = shell::run(engine, links, (inbound, outbound_in), local, story, clock, stop);
        let (measured, ended, ()) = tokio::join!(measure, running, north);
        Ok((ended?, measured?))
    })
}

/// The signer of every bridge under measurement.
pub(crate) fn signer() -> Result<Ed25519Signer> {
    Ed25519Signer::from_seed(ORIGIN, &[7; 32]).context("a seed")
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

//! `run`: the daemon.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bridge_diag::Report;
use bridge_engine::shell::{self, LinkTask, Local, SystemClock, random};
use bridge_engine::{Bridge, Identity, LocalWish, OperatorAnswer, Parts};
use bridge_journal::{Disk, FileDisk};
use bridge_provenance::Signer;
use bridge_session::{LinkSpec, Protocol};
use bridge_trust::{Ed25519Key, sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};

use crate::adapters::protocol;
use crate::config::{BUNDLE_VERSION_FILE, Checked, Endpoint, check};
use crate::control::{Ask, MAX_LINE, SOCKET};
use crate::disk_fault::{DiskFault, FaultyDisk};
use crate::fault::Fault;
use crate::say;

/// Messages between engine and northbound, each way.
const NORTH: usize = 1024;
/// Local requests on their way.
const LOCAL: usize = 16;
/// Open local connections at a time; one more is closed at once.
const LOCAL_CONNECTIONS: usize = 16;
/// Lines of the story that wait for a slow reader; more are dropped, the journal has them all.
const STORY: usize = 4096;
/// How long a local connection may say nothing.
const LOCAL_PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `run`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  ies-bridge run plant/ --story\n\nIt prints READY once it serves, and stops cleanly on SIGINT or SIGTERM. Logs go to standard error; IES_BRIDGE_LOG=debug says more."
)]
pub(crate) struct Args {
    /// The configuration's folder, or its bridge.toml.
    #[arg(default_value = ".")]
    config: PathBuf,
    /// Print one line per event in an operator's words.
    #[arg(long)]
    story: bool,
    /// Log as JSON.
    #[arg(long)]
    log_json: bool,
    /// Do something wrong on purpose, for demonstrations.
    #[arg(long, value_enum, hide = true)]
    sabotage: Option<Sabotage>,
    /// Make the disk's syncs go wrong on purpose, for tests: `sync-delay=3s,after=40;eio,after=41`.
    #[arg(long, hide = true)]
    disk_fault: Option<DiskFault>,
}

/// Faults on purpose.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sabotage {
    /// Report a counter that is not true.
    LieCounter,
}

/// Signs checkpoints under the log's origin.
struct LogSigner {
    origin: String,
    key: Ed25519Key,
}

impl Signer for LogSigner {
    fn name(&self) -> &str {
        &self.origin
    }

    fn public_key(&self) -> [u8; 32] {
        self.key.public()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::new();
    let mut report = Report::new();
    let checked = check(&args.config, clock.now(), &mut report);
    if report.errors() + report.warnings() > 0 {
        say::error(report.render_text());
    }
    let Some(mut checked) = checked else {
        return Err(Fault::new("the configuration has errors: nothing was started")
            .fix("ies-bridge explain CODE says more about each code in brackets")
            .into());
    };
    namespaces(&checked.endpoints)?;
    logging(args.log_json);
    checked.settings.lie = args.sabotage == Some(Sabotage::LieCounter);
    checked.settings.build_hash = build_hash();
    private_folder(&checked.data_dir)?;
    remember_bundle(&checked)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(checked, args.story, args.disk_fault, clock))
}

async fn serve(checked: Checked, story: bool, fault: Option<DiskFault>, clock: SystemClock) -> anyhow::Result<ExitCode> {
    let data_dir = checked.data_dir.clone();
    let journal = checked.journal_dir();
    let disk = FileDisk::open(&journal).map_err(|e| Fault::new(format!("{} cannot be used", journal.display())).because(&e))?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let disk = match fault {
        Some(fault) => Arc::new(FaultyDisk::new(disk, fault)),
        None => disk,
    };
    let options = checked.journal_options(clock.now());
    let Checked { plan, settings, keys, beckn_key_id, content_kid, trust, northbound, endpoints, .. } = checked;
    let (log, beckn, content) = keys.into_keys();
    let signer = Box::new(LogSigner { origin: settings.origin.clone(), key: log });
    let links =
        endpoints.iter().map(|endpoint| link_task(endpoint, &plan.links[endpoint.link.index()].spec)).collect::<Result<Vec<_>, _>>()?;
    let parts = Parts {
        plan,
        settings,
        identity: Identity { beckn, beckn_key_id, content, content_kid },
        signer,
        trust,
        disk,
        journal: options,
        random: Box::new(random),
    };
    let bridge = Bridge::new(parts, clock.now()).map_err(|e| {
        Fault::new(format!("the journal in {} cannot be continued", journal.display()))
            .because(&e)
            .fix("is another ies-bridge running on it? `ies-bridge fsck` and `ies-bridge verify` show its state; nothing was changed")
    })?;

    let (inbound_in, inbound) = mpsc::channel(NORTH);
    let (outbound_in, outbound) = mpsc::channel(NORTH);
    let running = bridge_northbound::start(northbound, inbound_in, outbound, clock.reader())
        .await
        .map_err(|e| Fault::new("the IES side cannot start").because(&e).fix("ies-bridge check shows addresses and certificates"))?;
    let address = running.local_addr();
    let (local_in, local) = mpsc::channel(LOCAL);
    let socket = data_dir.join(SOCKET);
    let listener = listen_locally(&socket)?;
    let door = shell::spawn("local door", local_door(listener, local_in));
    let (stop_in, stop) = watch::channel(false);
    let signals = shell::spawn("signals", async move {
        signalled().await;
        stop_in.send_replace(true);
        // The sender lives on, so that its end is no second stop.
        std::future::pending::<()>().await;
    });
    say::line(format!("READY {address}"))?;
    let ended = shell::run(bridge, links, (inbound, outbound_in), local, teller(story), clock, stop).await;
    door.abort();
    signals.abort();
    running.shutdown().await;
    // A crash leaves the socket behind too; the next start removes it.
    let _ = std::fs::remove_file(&socket);
    let bridge = ended.map_err(|e| {
        Fault::new("the bridge ended by itself").because(&e).fix("start it again: it recovers from its journal; the log says what happened")
    })?;
    if let Some(why) = bridge.journal_failure() {
        return Err(Fault::new("the journal could not be written to the end").because_of(why).into());
    }
    say::line("STOPPED")?;
    Ok(ExitCode::SUCCESS)
}

fn link_task(endpoint: &Endpoint, spec: &LinkSpec) -> Result<LinkTask, Fault> {
    let made: &'static dyn Protocol =
        protocol(&endpoint.protocol).ok_or_else(|| Fault::new(format!("no protocol is called {}", endpoint.protocol)))?;
    let spec = spec.clone();
    Ok(LinkTask {
        link: endpoint.link,
        session: made.session(&spec),
        restart: Box::new(move || made.session(&spec)),
        endpoint: endpoint.shell(),
    })
}

/// R14: a control link on a private address opens only inside a network namespace of our own, which is proven here.
fn namespaces(endpoints: &[Endpoint]) -> Result<(), Fault> {
    let claimed = endpoints.iter().find(|endpoint| {
        let outside = endpoint.sockets().iter().any(|address| !address.ip().is_loopback());
        endpoint.control && endpoint.namespace && outside
    });
    let Some(endpoint) = claimed else { return Ok(()) };
    let (own, first) = (std::fs::read_link("/proc/self/ns/net"), std::fs::read_link("/proc/1/ns/net"));
    match (own, first) {
        (Ok(own), Ok(first)) if own != first => Ok(()),
        (Ok(_) | Err(_), _) => Err(Fault::new(format!(
            "link {} carries controls and nothing proves that {} is private",
            endpoint.name,
            endpoint.address().ip()
        ))
        .because_of("this process is not seen to run in a network namespace of its own (R14)")
        .fix("start it with `ip netns exec NAME`, or use a loopback address")),
    }
}

fn logging(json: bool) {
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("IES_BRIDGE_LOG").unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    // Only one subscriber can be there; a second call in one process changes nothing.
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}

/// SHA-256 of this program.
fn build_hash() -> [u8; 32] {
    let bytes = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
    sha256(&bytes)
}

fn private_folder(dir: &Path) -> Result<(), Fault> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|e| {
        Fault::new(format!("{} cannot be used", dir.display())).because(&e).fix("data_dir must be a folder this user may write")
    })
}

/// A bundle older than this one will be refused from now on.
fn remember_bundle(checked: &Checked) -> Result<(), Fault> {
    let path = checked.data_dir.join(BUNDLE_VERSION_FILE);
    let write = || -> io::Result<()> {
        let fresh = checked.data_dir.join(format!("{BUNDLE_VERSION_FILE}.new"));
        let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&fresh)?;
        io::Write::write_all(&mut file, format!("{}\n", checked.trust.version()).as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, &path)
    };
    write().map_err(|e| {
        Fault::new(format!("{} cannot be written", path.display())).because(&e).fix("data_dir must be a folder this user may write")
    })
}

/// Takes the story without ever waiting for its reader.
fn teller(story: bool) -> shell::Story {
    if !story {
        return Box::new(|line| tracing::info!(story = line));
    }
    let (lines, told) = sync_channel::<String>(STORY);
    std::thread::spawn(move || {
        while let Ok(line) = told.recv() {
            if say::line(line).is_err() {
                return;
            }
        }
    });
    Box::new(move |line| drop(lines.try_send(line)))
}

fn listen_locally(socket: &Path) -> Result<UnixListener, Fault> {
    let bad = |e: io::Error| {
        Fault::new(format!("{} cannot be opened", socket.display()))
            .because(&e)
            .fix("data_dir must be a folder this user may write, with a short path (about 90 characters)")
    };
    // The journal's lock was taken before: whoever left this is gone.
    match std::fs::remove_file(socket) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(bad(e)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(socket).map_err(bad)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(bad)?;
    Ok(listener)
}

async fn local_door(listener: UnixListener, local: mpsc::Sender<Local>) {
    let mut open = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted
                    && open.len() < LOCAL_CONNECTIONS
                {
                    open.spawn(local_connection(stream, local.clone()));
                }
            }
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
}

/// One line in, one line out, until the other side is gone or silent.
async fn local_connection(stream: UnixStream, local: mpsc::Sender<Local>) {
    let (read, mut write) = stream.into_split();
    let mut reader = BufReader::new(read.take(MAX_LINE as u64));
    let mut line = String::new();
    loop {
        line.clear();
        match tokio::time::timeout(LOCAL_PATIENCE, reader.read_line(&mut line)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) | Err(_) => return,
        }
        let answer = match serde_json::from_str::<Ask>(&line) {
            Ok(ask) => answer(ask, &local).await,
            Err(error) => serde_json::json!({ "error": format!("not understood: {error}") }).to_string(),
        };
        if write.write_all(format!("{answer}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn answer(ask: Ask, local: &mpsc::Sender<Local>) -> String {
    let wish = match ask {
        Ask::Status => LocalWish::Status,
        Ask::Order { control, verb, payload, valid_for_s, operator_ref, instruction_code } => {
            LocalWish::Order { control, verb, payload, valid_for_s, operator_ref, instruction_code }
        }
        Ask::Link { link, what, operator_ref } => LocalWish::Link { link, what, operator_ref },
        Ask::Inbox => LocalWish::Inbox,
        Ask::Accept { id, operator } => LocalWish::Answer { id, operator, answer: OperatorAnswer::Accept },
        Ask::Reject { id, operator, reason, text } => LocalWish::Answer { id, operator, answer: OperatorAnswer::Reject { reason, text } },
        Ask::Done { id, operator, text } => LocalWish::Answer { id, operator, answer: OperatorAnswer::Done { text } },
        Ask::Dispatch { control, target, ramp, mode, valid_for_s, operator_ref, instruction_code } => {
            LocalWish::Dispatch { control, target, ramp, mode, valid_for_s, operator_ref, instruction_code }
        }
    };
    let (answer_in, answer) = oneshot::channel();
    if local.send((wish, answer_in)).await.is_err() {
        return serde_json::json!({ "error": "the bridge is stopping" }).to_string();
    }
    answer.await.unwrap_or_else(|_| serde_json::json!({ "error": "the bridge is stopping" }).to_string())
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

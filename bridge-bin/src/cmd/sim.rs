//! `sim`: a simulated station, EMS or master on a real socket, made from any profile, that writes its own ledger.

mod ems;
mod lives;
mod station;
mod way;

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bridge_diag::Report;
use bridge_engine::shell::{Endpoint, Hosted, SystemClock, host};
use bridge_model::{CommandMode, LinkId, Mono, Now};
use bridge_profile::{Plan, parse_duration};
use bridge_session::{Event, LinkSpec, LinkState, Role, Session};
use bridge_sim::{FileLedger, Ledger, Misbehaviour, NAMED, Names, Side, Standard, named};
use clap::builder::{PossibleValue, PossibleValuesParser};
use tokio::sync::watch;

use self::way::{AnyWay, TcpWay};
use super::sim_tls::TlsArgs;
use crate::adapters::suit;
use crate::config::compile_profile;
use crate::fault::Fault;
use crate::say;

/// How often the operator's lines are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Operator's lines that may wait.
const MAX_LINES: usize = 1024;
/// How many times a generator of events goes on.
const EVENTS: u64 = 1_000_000_000;

/// Arguments of `sim`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Args {
    /// A station, an EMS or a master that speaks IEC 60870-5-104, from any profile.
    #[command(
        after_help = "Examples:\n  ies-bridge sim iec104 --role station --profile cim-profiles/thermal-station-104 --listen 127.0.0.1:2404 --ledger rtu.jsonl\n  \
        ies-bridge sim iec104 --role master --profile cim-profiles/thermal-station-104 --connect 127.0.0.1:2404 --ledger master.jsonl\n  \
        ies-bridge sim iec104 --role ems --profile cim-profiles/ems-gateway-104 --connect 127.0.0.1:2405 --ledger ems.jsonl\n  \
        ies-bridge sim iec104 --role station --profile cim-profiles/thermal-station-104 --listen 127.0.0.1:2404 --ledger rtu.jsonl --misbehave avalanche\n\n\
        It prints READY, then one line per event. Lines it reads: for an EMS or a master `set U1.p_set 210`, `on POINT`, `off POINT`, each with \
        `select` behind it to select first, and `interrogate`; for a station `change U1.trip 1`, and for a thermal plant `local U1`, `remote U1`, \
        `disable U1`, `enable U1`, `open U1`, `close U1`; `quit` for all. It ends when its input ends, unless --no-stdin is given.\n\n\
        A station shows lawful values of every point: measurands walk in their range, states rest where the controls want them, totals count, and what \
        a control's feedback names follows it. Two units of 250 MW, U1 and U2, are modelled as a thermal plant."
    )]
    Iec104(Box<Iec104>),
    /// An outstation, an EMS or a master that speaks DNP3 (IEEE 1815), from any profile.
    #[command(
        after_help = "Examples:\n  ies-bridge sim dnp3 --role station --profile my-park --listen 127.0.0.1:20000 --ledger park.jsonl\n  \
        ies-bridge sim dnp3 --role master --profile my-park --connect 127.0.0.1:20000 --ledger master.jsonl\n  \
        ies-bridge sim dnp3 --role station --profile my-park --udp 127.0.0.1:20000 --ledger park.jsonl\n  \
        ies-bridge sim dnp3 --role station --profile my-park --serial /dev/pts/7 --baud 9600 --ledger park.jsonl\n  \
        ies-bridge sim dnp3 --role ems --profile my-gateway --link ems --connect 127.0.0.1:20001 --ledger ems.jsonl\n  \
        ies-bridge sim dnp3 --role station --profile my-park --listen 127.0.0.1:20000 --ledger park.jsonl --misbehave restart-storm\n\n\
        It prints READY, then one line per event, and reads the lines that `sim iec104` reads: `set`, `on`, `off`, `interrogate` for an EMS or a \
        master, `change POINT VALUE` for a station, `quit` for all. It ends when its input ends, unless --no-stdin is given.\n\n\
        A station serves what the profile's link reads, of all its outstations on one line: changes of state are events of class 1, measurands \
        of class 2, counters of class 3. Analogue outputs are taken within the control's limits and echoed, binary outputs stay as they are \
        switched, and both show it by the output status of their index. Where the link shows an available power, the output never exceeds it."
    )]
    Dnp3(Box<Dnp3>),
}

/// What is simulated.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SimRole {
    /// The station that a link of the profile reads and commands.
    Station,
    /// The EMS that a server link of the profile answers.
    Ems,
    /// The bridge's own place on a client link: polls the station and commands it, without a bridge.
    Master,
}

impl SimRole {
    const fn side(self) -> Side {
        match self {
            Self::Station => Side::Station,
            Self::Ems | Self::Master => Side::Ems,
        }
    }
}

/// Arguments of `sim iec104`.
#[derive(clap::Args, Debug)]
pub(crate) struct Iec104 {
    #[command(flatten)]
    end: EndArgs,
    #[command(flatten)]
    way: TcpWay,
    /// Do something wrong on purpose, to prove that it is noticed.
    #[arg(long, value_name = "NAME", value_parser = names(Standard::Iec104))]
    misbehave: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
}

/// Arguments of `sim dnp3`.
#[derive(clap::Args, Debug)]
pub(crate) struct Dnp3 {
    #[command(flatten)]
    end: EndArgs,
    #[command(flatten)]
    way: AnyWay,
    /// The speed of a serial line, bits per second.
    #[arg(long, value_name = "BAUD", default_value_t = 9600)]
    baud: u32,
    /// Do something wrong on purpose, to prove that it is noticed.
    #[arg(long, value_name = "NAME", value_parser = names(Standard::Dnp3))]
    misbehave: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
}

/// Arguments of every simulated end.
#[derive(clap::Args, Debug)]
struct EndArgs {
    /// What to simulate.
    #[arg(long, value_enum)]
    role: SimRole,
    /// The profile of the bridge at the other end.
    #[arg(long, value_name = "DIR")]
    profile: PathBuf,
    /// The link of the profile, if it has several of that side.
    #[arg(long)]
    link: Option<String>,
    /// Its own log, one JSON object per line; appended.
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// Everything random comes from this.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Points that change by themselves, for example U1.bfp_a,U1.id_fan (a station).
    #[arg(long, value_delimiter = ',', value_name = "POINTS")]
    events: Vec<String>,
    /// Between two such changes.
    #[arg(long, default_value = "1s", value_name = "DURATION")]
    event_every: String,
    /// Stop the changes after this many.
    #[arg(long, default_value_t = EVENTS, value_name = "COUNT")]
    event_count: u64,
    /// Between two changes of a measurand or a total (a station); 0s lets them stand still.
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    walk_every: String,
    /// Output of both units of a thermal plant at the start, MW (a station).
    #[arg(long, default_value_t = 200.0, value_name = "MW")]
    start_mw: f64,
    /// The fastest change of a thermal unit, MW per minute (a station).
    #[arg(long, default_value_t = 30.0, value_name = "MW_PER_MIN")]
    plant_ramp: f64,
    /// The lag of what follows a set-point (a station).
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    plant_lag: String,
    /// Do not read standard input; end on a signal only.
    #[arg(long)]
    no_stdin: bool,
}

type Lines = Arc<Mutex<VecDeque<String>>>;

/// One end of a link, as it is simulated.
trait Simulated: Send {
    fn session(&mut self) -> &mut dyn Session;
    /// Its operator says something.
    fn obey(&mut self, line: &str, now: Now);
    /// Says what happened to it.
    fn show(&self, event: &Event);
    /// The first error of its ledger.
    fn ledger_error(&self) -> Option<&str>;
}

/// It on its socket, and its operator's lines.
struct Host<S> {
    end: S,
    lines: Lines,
    next: Mono,
}

impl<S> Host<S> {
    const fn new(end: S, lines: Lines) -> Self {
        Self { end, lines, next: Mono(0) }
    }
}

impl<S: Simulated> Hosted for Host<S> {
    fn session(&mut self) -> &mut dyn Session {
        self.end.session()
    }

    fn handle_event(&mut self, event: Event, _now: Now) {
        self.end.show(&event);
        if let Some(error) = self.end.ledger_error() {
            tell(format!("the ledger failed: {error}"));
        }
    }

    fn handle_security(&mut self, what: &str, _now: Now) {
        tell(format!("security: {what}"));
    }

    fn tick(&mut self, now: Now) {
        self.next = now.mono + LOOK;
        let waiting: Vec<String> = self.lines.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        for line in waiting {
            self.end.obey(&line, now);
        }
    }

    fn next_tick(&self) -> Option<Mono> {
        Some(self.next)
    }
}

fn names(standard: Standard) -> PossibleValuesParser {
    let own = NAMED.iter().filter(|named| named.is_of(standard));
    PossibleValuesParser::new(own.map(|named| PossibleValue::new(named.name).help(named.what)))
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (standard, end, way, misbehave, tls) = match args {
        Args::Iec104(args) => (Standard::Iec104, &args.end, args.way.chosen(), &args.misbehave, &args.tls),
        Args::Dnp3(args) => (Standard::Dnp3, &args.end, args.way.chosen(args.baud), &args.misbehave, &args.tls),
    };
    let way = way.ok_or_else(|| Fault::new("no way to the bridge is chosen"))?;
    let plan = plan(end)?;
    let (link, mut spec) = link(standard, end, &plan)?;
    suit(standard.name(), &mut spec, way.is_connection());
    let misbehaviours = misbehaviours(standard, end.role.side(), misbehave.as_deref())?;
    let (stop_in, stop) = watch::channel(false);
    let lines = Lines::default();
    if !end.no_stdin {
        read_lines(Arc::clone(&lines), stop_in.clone());
    }
    let file = OpenOptions::new().create(true).append(true).open(&end.ledger);
    let file = file.map_err(|e| Fault::new(format!("the ledger {} cannot be written", end.ledger.display())).because(&e))?;
    let ledger: Box<dyn Ledger> = Box::new(FileLedger::new(file));
    let endpoint = tls.over(way.endpoint(spec.role)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let clock = SystemClock::new();
    let names =
        Names { monitor: monitor_names(&plan, end.role), control: plan.controls.iter().map(|control| control.id.clone()).collect() };
    match end.role {
        SimRole::Station => {
            let hosted = station::StationHost::new((standard, end), plan, (link, &spec), names, misbehaviours, ledger, clock.now())?;
            let hosted = Host::new(hosted, lines);
            runtime.block_on(drive(hosted, endpoint, clock, (stop_in, stop)))
        }
        SimRole::Ems | SimRole::Master => {
            let hosted = Host::new(ems::EmsHost::new((standard, end), plan, &spec, names, misbehaviours, ledger), lines);
            runtime.block_on(drive(hosted, endpoint, clock, (stop_in, stop)))
        }
    }
}

async fn drive<H: Hosted>(
    hosted: H,
    endpoint: Endpoint,
    clock: SystemClock,
    (stop_in, stop): (watch::Sender<bool>, watch::Receiver<bool>),
) -> anyhow::Result<ExitCode> {
    if let Endpoint::Listen { addr, .. } = &endpoint {
        // Said before READY, so that whoever waits for READY can rely on the port.
        let probe = std::net::TcpListener::bind(addr)
            .map_err(|e| Fault::new(format!("cannot listen on {addr}")).because(&e).fix("choose another port"))?;
        drop(probe);
    }
    say::line("READY")?;
    let mut stopped = stop.clone();
    tokio::select! {
        _ = host(hosted, endpoint, clock, stop) => {}
        () = super::run::signalled() => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    drop(stop_in);
    Ok(ExitCode::SUCCESS)
}

fn read_lines(lines: Lines, stop: watch::Sender<bool>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if line.trim() == "quit" {
                break;
            }
            let mut queue = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.len() < MAX_LINES {
                queue.push_back(line);
            }
        }
        stop.send_replace(true);
    });
}

fn plan(args: &EndArgs) -> Result<Plan, Fault> {
    let mut report = Report::new();
    let plan = compile_profile(&args.profile, &args.profile.display().to_string(), &mut report);
    plan.ok_or_else(|| {
        say::error(report.render_text());
        Fault::new(format!("the profile in {} does not compile", args.profile.display())).fix("ies-bridge profile lint DIR")
    })
}

/// The simulated side's link: ours with its role flipped, or ours itself for a master.
fn link(standard: Standard, args: &EndArgs, plan: &Plan) -> Result<(LinkId, LinkSpec), Fault> {
    let fits = |index: u16| {
        let link = plan.links.get(usize::from(index)).filter(|link| args.link.as_ref().is_none_or(|wanted| *wanted == link.spec.name));
        link.is_some_and(|link| {
            let place = match args.role {
                // On a link of both directions a station may be the one that connects.
                SimRole::Station => plan.reads(LinkId(index)),
                SimRole::Master => link.spec.role == Role::Client,
                SimRole::Ems => link.spec.role == Role::Server,
            };
            link.protocol == standard.name() && place
        })
    };
    let mut found = (0_u16..).zip(plan.reversed()).filter(|(index, _)| fits(*index));
    match (found.next(), found.next()) {
        (Some((index, spec)), None) => {
            let spec = match args.role {
                SimRole::Master => LinkSpec { role: Role::Client, ..spec },
                SimRole::Station | SimRole::Ems => standard.far_side(&spec),
            };
            Ok((LinkId(index), spec))
        }
        (Some(_), Some(_)) => Err(Fault::new("the profile has several such links").fix("choose one with --link NAME")),
        (None, _) => {
            let names: Vec<&str> = plan.links.iter().map(|link| link.spec.name.as_str()).collect();
            Err(Fault::new("the profile has no such link")
                .because_of(format!("its links: {}", names.join(", ")))
                .fix("a station and a master have their places on a client link, an EMS before a server link, a station there too with `direction = \"both\"`"))
        }
    }
}

fn misbehaviours(standard: Standard, side: Side, name: Option<&str>) -> Result<Vec<Misbehaviour>, Fault> {
    let Some(name) = name else { return Ok(Vec::new()) };
    named(name).and_then(|named| named.of(standard, side)).map(|misbehaviour| vec![misbehaviour]).ok_or_else(|| {
        let can: Vec<&str> = NAMED.iter().filter(|named| named.of(standard, side).is_some()).map(|named| named.name).collect();
        Fault::new(format!("--misbehave {name} is none of this role")).fix(format!("one of {}", can.join(", ")))
    })
}

fn monitor_names(plan: &Plan, role: SimRole) -> Vec<String> {
    match role {
        SimRole::Station | SimRole::Master => plan.points.iter().map(|point| point.id.clone()).collect(),
        SimRole::Ems => plan.served.iter().map(|served| served.id.clone()).collect(),
    }
}

fn duration(text: &str, option: &str) -> Result<Duration, Fault> {
    parse_duration(text).ok_or_else(|| Fault::new(format!("{option} {text} is no duration")).fix("write 500ms, 2s, 5min"))
}

fn mode(mode: CommandMode) -> &'static str {
    match mode {
        CommandMode::Direct => "direct",
        CommandMode::Select => "select",
        CommandMode::Execute => "execute",
        CommandMode::SelectExecute => "select-execute",
        CommandMode::Cancel => "cancel",
    }
}

/// What both say about their link.
fn link_text(event: &Event) -> Option<String> {
    match event {
        Event::LinkState(state) => Some(
            match state {
                LinkState::Connected => "connected",
                LinkState::Started => "started",
                LinkState::Stopped => "stopped",
                LinkState::Down => "down",
            }
            .to_owned(),
        ),
        Event::Closed { cause, .. } => Some(format!("closed: {cause}")),
        Event::Refused { what } => Some(format!("refused: {what}")),
        Event::SwitchedOver { channel, moves } => Some(format!("switched over to connection {} ({moves})", channel.0)),
        Event::Standby { ready } => Some(format!("{ready} connection(s) standing by")),
        Event::InterrogationBegan => Some("interrogation began".to_owned()),
        Event::InterrogationEnded => Some("interrogation ended".to_owned()),
        Event::InterrogationFailed => Some("interrogation failed".to_owned()),
        Event::PeerRestarted => Some("peer restarted".to_owned()),
        Event::Housekept { outcome, .. } => Some(outcome.to_string()),
        Event::Reach { points, answering: true } => Some(format!("{} points answer again", points.len())),
        Event::Reach { points, answering: false } => Some(format!("{} points do not answer", points.len())),
        Event::CommandReceived(_)
        | Event::Progress { .. }
        | Event::Settled { .. }
        | Event::Delivered(_)
        | Event::DeliveredOf(..)
        | Event::Undeliverable(_)
        | Event::FilePart { .. }
        | Event::SelectLapsed(_) => None,
        Event::Suspicious(what) => Some(format!("suspicious: {what:?}")),
    }
}

/// One line for whoever watches; nobody may be watching.
fn tell(text: impl AsRef<str>) {
    let _ = say::line(text);
}

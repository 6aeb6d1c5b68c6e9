//! `sim`: a simulated station or EMS on a real socket, made from a profile, that writes its own ledger.

use std::collections::{BTreeMap, VecDeque};
use std::fs::OpenOptions;
use std::io::BufRead as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bridge_diag::Report;
use bridge_engine::shell::{Endpoint, Hosted, SystemClock, host};
use bridge_model::{Action, CommandMode, LinkId, Mono, Now, PointId, Value};
use bridge_profile::{ControlKind, Conversion, Plan, PointSource, parse_duration};
use bridge_session::{AddressUse, Event, FrameBatch, LinkSpec, LinkState, Phase, Role, Session};
use bridge_sim::{
    Ems, FileLedger, Generator, GeneratorKind, Ledger, Misbehaviour, Names, Plant, PlantBinding, Station, StationOptions, UnitLimits, Wish,
    ems_session, station_session,
};
use tokio::sync::watch;

use super::sim_tls::TlsArgs;
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
    /// A station (two thermal units) or an EMS that speaks IEC 60870-5-104.
    #[command(
        after_help = "Examples:\n  ies-bridge sim iec104 --role station --profile cim-profiles/thermal-station-104 --listen 127.0.0.1:2404 --ledger rtu.jsonl\n  \
        ies-bridge sim iec104 --role ems --profile cim-profiles/ems-gateway-104 --connect 127.0.0.1:2405 --ledger ems.jsonl\n\n\
        It prints READY, then one line per event. Lines it reads: for an EMS `set U1 210`, `interrogate`; for a station `local U1`, `remote U1`, \
        `disable U1`, `enable U1`, `open U1`, `close U1`, `change U1.trip 1`; `quit` for both. It ends when its input ends, unless --no-stdin is given."
    )]
    Iec104(Box<Iec104>),
}

/// What is simulated.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SimRole {
    /// The station that a client link of the profile reads and commands.
    Station,
    /// The EMS that a server link of the profile answers.
    Ems,
}

/// Faults on purpose.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fail {
    /// Every tenth event is written to the ledger and never sent.
    DropEvent,
    /// Commands are confirmed at once and executed 30 s later.
    LateCommand,
    /// Commands are executed and never answered.
    Silent,
    /// Commands are executed twice.
    Twice,
}

/// Arguments of `sim iec104`.
#[derive(clap::Args, Debug)]
pub(crate) struct Iec104 {
    /// What to simulate.
    #[arg(long, value_enum)]
    role: SimRole,
    /// The profile of the bridge at the other end.
    #[arg(long, value_name = "DIR")]
    profile: PathBuf,
    /// The link of the profile, if it has several of that side.
    #[arg(long)]
    link: Option<String>,
    /// Listen here (a station).
    #[arg(long, value_name = "ADDR", conflicts_with = "connect", required_unless_present = "connect")]
    listen: Option<SocketAddr>,
    /// Connect to here (an EMS).
    #[arg(long, value_name = "ADDR")]
    connect: Option<SocketAddr>,
    /// Its own log, one JSON object per line; appended.
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// Everything random comes from this.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Do something wrong on purpose, to prove that it is noticed.
    #[arg(long, value_enum)]
    misbehave: Option<Fail>,
    /// Points that change by themselves, for example U1.bfp_a,U1.id_fan (a station).
    #[arg(long, value_delimiter = ',', value_name = "POINTS")]
    events: Vec<String>,
    /// Between two such changes.
    #[arg(long, default_value = "1s", value_name = "DURATION")]
    event_every: String,
    /// Stop the changes after this many.
    #[arg(long, default_value_t = EVENTS, value_name = "COUNT")]
    event_count: u64,
    /// Output of both units at the start, MW (a station).
    #[arg(long, default_value_t = 200.0, value_name = "MW")]
    start_mw: f64,
    /// The fastest change of a unit, MW per minute (a station).
    #[arg(long, default_value_t = 30.0, value_name = "MW_PER_MIN")]
    plant_ramp: f64,
    /// The lag of a unit behind its set-point (a station).
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    plant_lag: String,
    /// Do not read standard input; end on a signal only.
    #[arg(long)]
    no_stdin: bool,
    #[command(flatten)]
    tls: TlsArgs,
}

type Lines = Arc<Mutex<VecDeque<String>>>;

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Args::Iec104(args) = args;
    let plan = plan(args)?;
    let (link, spec) = link(args, &plan)?;
    let (stop_in, stop) = watch::channel(false);
    let lines = Lines::default();
    if !args.no_stdin {
        read_lines(Arc::clone(&lines), stop_in.clone());
    }
    let file = OpenOptions::new().create(true).append(true).open(&args.ledger);
    let file = file.map_err(|e| Fault::new(format!("the ledger {} cannot be written", args.ledger.display())).because(&e))?;
    let ledger: Box<dyn Ledger> = Box::new(FileLedger::new(file));
    let endpoint = match (args.listen, args.connect) {
        (Some(addr), _) => Endpoint::listen(addr, vec![IpAddr::V4(Ipv4Addr::LOCALHOST), addr.ip()]),
        (None, Some(addr)) => Endpoint::connect(addr),
        (None, None) => return Err(Fault::new("neither --listen nor --connect").into()),
    };
    let endpoint = args.tls.over(endpoint)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let clock = SystemClock::new();
    match args.role {
        SimRole::Station => {
            let station = station(args, &plan, link, &spec, ledger, clock.now())?;
            runtime.block_on(drive(StationHost { station, plan, lines, next: Mono(0) }, endpoint, clock, (stop_in, stop)))
        }
        SimRole::Ems => {
            let names = Names { monitor: monitor_names(&plan, args.role), control: control_names(&plan) };
            let ems = Ems::new(ems_session(&spec), names, Vec::new(), args.seed, ledger);
            runtime.block_on(drive(EmsHost { ems, plan, lines, next: Mono(0) }, endpoint, clock, (stop_in, stop)))
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

fn plan(args: &Iec104) -> Result<Plan, Fault> {
    let mut report = Report::new();
    let plan = compile_profile(&args.profile, &args.profile.display().to_string(), &mut report);
    plan.ok_or_else(|| {
        say::error(report.render_text());
        Fault::new(format!("the profile in {} does not compile", args.profile.display())).fix("ies-bridge profile lint DIR")
    })
}

/// The far side's link: ours with its role flipped.
fn link(args: &Iec104, plan: &Plan) -> Result<(LinkId, LinkSpec), Fault> {
    let ours = match args.role {
        SimRole::Station => Role::Client,
        SimRole::Ems => Role::Server,
    };
    let fits = |name: &str, role: Role| role == ours && args.link.as_ref().is_none_or(|wanted| wanted == name);
    let mut found = (0_u16..).zip(plan.reversed()).filter(|(index, _)| {
        plan.links.get(usize::from(*index)).is_some_and(|link| link.protocol == "iec104" && fits(&link.spec.name, link.spec.role))
    });
    match (found.next(), found.next()) {
        (Some((index, spec)), None) => Ok((LinkId(index), spec)),
        (Some(_), Some(_)) => Err(Fault::new("the profile has several such links").fix("choose one with --link NAME")),
        (None, _) => {
            let names: Vec<&str> = plan.links.iter().map(|link| link.spec.name.as_str()).collect();
            Err(Fault::new("the profile has no such link")
                .because_of(format!("its links: {}", names.join(", ")))
                .fix("a station stands behind a client link, an EMS before a server link"))
        }
    }
}

fn monitor_names(plan: &Plan, role: SimRole) -> Vec<String> {
    match role {
        SimRole::Station => plan.points.iter().map(|point| point.id.clone()).collect(),
        SimRole::Ems => plan.served.iter().map(|served| served.id.clone()).collect(),
    }
}

fn control_names(plan: &Plan) -> Vec<String> {
    plan.controls.iter().map(|control| control.id.clone()).collect()
}

fn station(args: &Iec104, plan: &Plan, link: LinkId, spec: &LinkSpec, ledger: Box<dyn Ledger>, now: Now) -> Result<Station, Fault> {
    let lag = duration(&args.plant_lag, "--plant-lag")?;
    let limits = UnitLimits { ramp_mw_per_min: args.plant_ramp, lag_s: lag.as_secs_f64(), ..UnitLimits::default() };
    let mut conversions = BTreeMap::new();
    let mut keep = |id: &str, conversion: Conversion| {
        if !conversion.is_identity() {
            conversions.insert(id.to_owned(), (conversion.factor, conversion.offset));
        }
    };
    for point in &plan.points {
        keep(&point.id, point.conversion);
    }
    for control in &plan.controls {
        keep(&control.id, control.conversion);
    }
    let misbehaviours = args.misbehave.map(|fail| match fail {
        Fail::DropEvent => Misbehaviour::OmitEvent { every: 10 },
        Fail::LateCommand => Misbehaviour::ExecuteLate { by: Duration::from_secs(30) },
        Fail::Silent => Misbehaviour::SilentAfterExecute,
        Fail::Twice => Misbehaviour::ExecuteTwice,
    });
    let options = StationOptions { conversions, misbehaviours: misbehaviours.into_iter().collect(), ..StationOptions::default() };
    let names = Names { monitor: monitor_names(plan, SimRole::Station), control: control_names(plan) };
    let binding = PlantBinding::default();
    let mut moving = Vec::new();
    for name in &args.events {
        let known = plan.point(name).filter(|point| spec.points.iter().any(|p| p.usage == AddressUse::Monitor && p.point == *point));
        moving.push(
            known.ok_or_else(|| {
                Fault::new(format!("the link has no point `{name}`")).fix("name points of the profile, separated by commas")
            })?,
        );
    }
    let constants: Vec<(PointId, Value)> = spec
        .points
        .iter()
        .filter(|p| p.usage == AddressUse::Monitor && !moving.contains(&p.point))
        .filter_map(|p| {
            let point = plan.points.get(p.point.index())?;
            let ours = point.source == PointSource::Link(link) && binding.resolve(&point.id).is_none();
            ours.then(|| (p.point, constant(point)))
        })
        .collect();
    let plant = Plant::new(args.seed, [limits; 2], [args.start_mw; 2]);
    let mut station = Station::new(station_session(spec, true), spec, names, options, ledger).with_plant(plant, &binding);
    for (point, value) in constants {
        station = station.with_constant(point, value);
    }
    let every = duration(&args.event_every, "--event-every")?;
    if !moving.is_empty() {
        station =
            station.with_generator(Generator::new(GeneratorKind::Single, moving, now.mono + every, every, args.event_count, args.seed));
    }
    Ok(station)
}

fn duration(text: &str, option: &str) -> Result<Duration, Fault> {
    parse_duration(text).ok_or_else(|| Fault::new(format!("{option} {text} is no duration")).fix("write 500ms, 2s, 5min"))
}

/// What a plant has and nobody models stands still at a likely value.
fn constant(point: &bridge_profile::PlannedPoint) -> Value {
    if point.cim_class == "Discrete" {
        let running = point.alias.iter().find(|(_, name)| name.as_str() == "synchronised").map_or(0, |(code, _)| *code);
        return if point.alias.is_empty() || running == 0 { Value::Bool(false) } else { Value::Int(running) };
    }
    let high = point.range.map_or(100.0, |(_, high)| high);
    Value::Real(match point.measurement.as_str() {
        "Frequency" => 50.0,
        "LineToLineVoltage" if high > 100.0 => 220.0,
        "LineToLineVoltage" => 15.75,
        "ThreePhaseReactivePower" => 40.0,
        _ => high / 2.0,
    })
}

/// A station on its socket.
struct StationHost {
    station: Station,
    plan: Plan,
    lines: Lines,
    next: Mono,
}

impl StationHost {
    fn obey(&mut self, line: &str, now: Now) {
        let mut words = line.split_whitespace();
        let (verb, unit) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if verb == "change" {
            let value = words.next().and_then(|value| value.parse::<f64>().ok()).filter(|value| value.is_finite());
            match value.filter(|value| self.station.handle_change(unit, *value, now)) {
                Some(value) => tell(format!("{unit} is {value}")),
                None => tell(format!("not understood: {line}")),
            }
            return;
        }
        let Some(index) = PlantBinding::default().units.iter().position(|known| known == unit) else {
            tell(format!("not understood: {line}"));
            return;
        };
        match verb {
            "local" | "remote" => self.station.handle_plant(now, |plant, now| plant.handle_remote_switch(index, verb == "remote", now)),
            "enable" | "disable" => self.station.handle_plant(now, |plant, now| plant.handle_remote_enable(index, verb == "enable", now)),
            "open" | "close" => self.station.handle_plant(now, |plant, now| plant.handle_breaker(index, verb == "close", now)),
            _ => {
                tell(format!("not understood: {line}"));
                return;
            }
        }
        tell(format!("{unit} {verb}"));
    }
}

impl Hosted for StationHost {
    fn session(&mut self) -> &mut dyn Session {
        &mut self.station
    }

    fn handle_event(&mut self, event: Event, _now: Now) {
        if let Event::CommandReceived(command) = &event {
            let id = self.plan.controls.get(command.point.index()).map_or("?", |control| control.id.as_str());
            tell(format!("command {id} {} {}", command.action, mode(command.mode)));
        } else if let Some(text) = link_text(&event) {
            tell(text);
        }
        if let Some(error) = self.station.ledger_error() {
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
            self.obey(&line, now);
        }
    }

    fn next_tick(&self) -> Option<Mono> {
        Some(self.next)
    }
}

/// An EMS on its socket.
struct EmsHost {
    ems: Ems,
    plan: Plan,
    lines: Lines,
    next: Mono,
}

impl EmsHost {
    fn obey(&mut self, line: &str, now: Now) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["interrogate"] => {
                self.ems.handle_wish(Wish::Interrogate, now);
            }
            ["set", control, value] => match (self.control(control), value.parse::<f64>()) {
                (Some(index), Ok(target)) if target.is_finite() => self.command(index, target, now),
                (None, _) => tell(format!("no control is called {control}")),
                (Some(_), _) => tell(format!("{value} is no number")),
            },
            _ => tell(format!("not understood: {line}")),
        }
    }

    /// `U1.p_set`, or `U1` for the unit's set-point.
    fn control(&self, name: &str) -> Option<usize> {
        let prefix = format!("{name}.");
        let exact = self.plan.controls.iter().position(|control| control.id == name);
        exact.or_else(|| self.plan.controls.iter().position(|control| control.id.starts_with(&prefix)))
    }

    fn command(&mut self, index: usize, target: f64, now: Now) {
        let Some(control) = self.plan.controls.get(index) else { return };
        let life = match &control.kind {
            ControlKind::Relay(relay) => relay.ems.execute_con,
            ControlKind::Drive(_) | ControlKind::Instruct(_) | ControlKind::Ask(_) => Duration::from_secs(10),
        };
        let wish = Wish::Command {
            control: control.id.clone(),
            action: Action::Set(self.plan.to_wire(control, target)),
            mode: CommandMode::Direct,
            life,
        };
        tell(format!("sent {} {target} {}", control.id, control.unit));
        self.ems.handle_wish(wish, now);
    }
}

impl Hosted for EmsHost {
    fn session(&mut self) -> &mut dyn Session {
        &mut self.ems
    }

    fn handle_frames(&mut self, _batch: &FrameBatch, _now: Now) {}

    fn handle_event(&mut self, event: Event, _now: Now) {
        match &event {
            Event::Progress { phase, .. } => match phase {
                Phase::SelectSent | Phase::ExecuteSent => {}
                Phase::Selected => tell("selected"),
                Phase::Confirmed => tell("ACT CON"),
                Phase::Terminated => tell("ACT TERM"),
            },
            Event::Settled { command, outcome, .. } => {
                let id = self.plan.controls.get(command.point.index()).map_or("?", |control| control.id.as_str());
                tell(format!("settled {id} {} {outcome:?}", command.action));
            }
            Event::LinkState(_)
            | Event::InterrogationBegan
            | Event::InterrogationEnded
            | Event::InterrogationFailed
            | Event::PeerRestarted
            | Event::Housekept { .. }
            | Event::CommandReceived(_)
            | Event::Delivered(_)
            | Event::Refused { .. }
            | Event::SelectLapsed(_)
            | Event::Suspicious(_)
            | Event::SwitchedOver { .. }
            | Event::Standby { .. }
            | Event::Closed { .. } => {
                if let Some(text) = link_text(&event) {
                    tell(text);
                }
            }
        }
        if let Some(error) = self.ems.ledger_error() {
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
            self.obey(&line, now);
        }
    }

    fn next_tick(&self) -> Option<Mono> {
        Some(self.next)
    }
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
        Event::CommandReceived(_) | Event::Progress { .. } | Event::Settled { .. } | Event::Delivered(_) | Event::SelectLapsed(_) => None,
        Event::Suspicious(what) => Some(format!("suspicious: {what:?}")),
    }
}

/// One line for whoever watches; nobody may be watching.
fn tell(text: impl AsRef<str>) {
    let _ = say::line(text);
}

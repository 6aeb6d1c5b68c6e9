//! `demo`: a station, a solar park, two bridges and two EMSs as six processes on this machine, and a story that proves itself from the
//! stations' own ledgers. This process is nobody of the six: it builds their folder, starts them, cuts the link between the bridges, and judges.

mod cast;
mod folder;
mod join;
mod journals;
mod ledgers;
mod story;
mod teller;
mod verdict;
mod wide_area;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bridge_engine::shell::{self, SystemClock, random};

use self::cast::{Actor, Cast, Faults};
use self::folder::{Folder, Tempo};
use self::story::Story;
use self::teller::Teller;
use self::verdict::Outcome;
use self::wide_area::WideArea;
use crate::fault::{FAILED, Fault};

/// Shorter than this the story cannot be told.
const SHORTEST: u32 = 60;
/// Longer than this it does not become slower.
const LONGEST: u32 = 3600;

/// Arguments of `demo`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  ies-bridge demo --seconds 90 --report demo.json\n\n\
    Exit code 0 only if everything went as told: each step of the story, both journals verified offline, and nothing lost, double, late\n\
    or wrong in the ledgers that the stations and their EMSs wrote themselves.")]
pub(crate) struct Args {
    /// How long it may take; 60 at least.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(i64::from(SHORTEST)..=i64::from(LONGEST)))]
    seconds: u32,
    /// The simulators' randomness comes from this.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the result as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Do something wrong on purpose: the demonstration must notice, and fail.
    #[arg(long, value_enum)]
    sabotage: Option<Sabotage>,
    /// Keep everything in this folder, which is new or empty; otherwise a temporary one is used.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep the temporary folder.
    #[arg(long)]
    keep: bool,
}

/// What goes wrong on purpose.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sabotage {
    /// The station writes an event to its ledger and never sends it: must be found lost.
    DropEvent,
    /// One bit of the plant's journal is flipped before it is verified: must be found tampered.
    FlipByte,
    /// The station executes a command long after its time: must be found late.
    LateCommand,
    /// The plant's bridge attests a counter that is not true: must be found by its own journal.
    LieCounter,
    /// The solar park executes every command twice: must be found double.
    ParkTwice,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::new();
    let (dir, temporary) = match &args.dir {
        Some(dir) => (std::path::absolute(dir)?, false),
        None => (std::env::temp_dir().join(format!("ies-bridge-demo-{:08x}", random() as u32)), true),
    };
    let teller = Arc::new(Teller::new(clock));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&interrupted);
    runtime.block_on(async {
        drop(shell::spawn("signals", async move {
            super::run::signalled().await;
            seen.store(true, Ordering::Relaxed);
        }));
    });
    let outcome = tell(args, &dir, clock, &teller, &runtime, &interrupted);
    if temporary && !args.keep {
        // What cannot be removed stays: it is the system's temporary folder.
        drop(std::fs::remove_dir_all(&dir));
    } else {
        teller.line(&format!("everything is in {}", dir.display()));
    }
    let outcome = outcome.map_err(|error| {
        Fault::new("the demonstration could not be given")
            .because_of(format!("{error:#}"))
            .fix("--dir DIR keeps the logs of all six processes")
    })?;
    if let Some(path) = &args.report {
        let text = format!("{:#}\n", outcome.json(args.seconds, args.seed));
        std::fs::write(path, text).map_err(|e| Fault::new(format!("{} cannot be written", path.display())).because(&e))?;
    }
    Ok(if outcome.as_told() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn tell(
    args: &Args,
    dir: &Path,
    clock: SystemClock,
    teller: &Arc<Teller>,
    runtime: &tokio::runtime::Runtime,
    interrupted: &Arc<AtomicBool>,
) -> anyhow::Result<Outcome> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let tempo = Tempo::fit(args.seconds);
    let faults = Faults {
        station: match args.sabotage {
            Some(Sabotage::DropEvent) => Some("drop-event"),
            Some(Sabotage::LateCommand) => Some("late-command"),
            Some(Sabotage::FlipByte | Sabotage::LieCounter | Sabotage::ParkTwice) | None => None,
        },
        park: (args.sabotage == Some(Sabotage::ParkTwice)).then_some("twice"),
        genco: (args.sabotage == Some(Sabotage::LieCounter)).then_some("lie-counter"),
    };
    teller.line(
        "IES Bridge: a thermal station (IEC 104) and a solar park (DNP3), the generating company's bridge, the load despatch centre's",
    );
    teller.line("bridge, and its legacy EMSs, one of either protocol.");
    teller.line("Six processes on this machine; only the story below passes between them and you.");
    teller.chapter("1. links come up, the image is read");
    let folder = Folder::make(dir, tempo, clock.now())?;
    teller.learn([&folder.thermal, &folder.park]);
    let link = WideArea::new();
    let (to_genco, to_sldc) =
        runtime.block_on(async { Ok::<_, std::io::Error>((link.path(folder.ports.genco).await?, link.path(folder.ports.sldc).await?)) })?;
    folder.configure(to_genco, to_sldc)?;
    let mut cast = Cast::new(Arc::clone(teller), clock, faults, args.seed, tempo);
    for who in [Actor::Station, Actor::Park, Actor::Genco, Actor::Sldc, Actor::Ems, Actor::ReEms] {
        cast.start(&folder, who)?;
    }
    let mut story = Story::new(cast, (&folder, &link), (tempo, args.seconds), teller, interrupted);
    story.play(args.sabotage == Some(Sabotage::LateCommand));
    verdict::settle(story, &folder, args.sabotage == Some(Sabotage::FlipByte), teller)
}

//! The six processes of the demonstration: started from this very program, heard line by line, spoken to, killed.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bridge_engine::shell::SystemClock;

use super::folder::{Folder, GATEWAY, PARK, PARK_GATEWAY, Party, THERMAL, Tempo};
use super::teller::Teller;

/// Lines of all processes that are remembered; a process that says more is read and not remembered.
const MAX_HEARD: usize = 200_000;
/// How long a process may take to end when it is asked to.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// Who acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Actor {
    Station,
    Park,
    Genco,
    Sldc,
    Ems,
    ReEms,
}

impl Actor {
    const ALL: [Self; 6] = [Self::Station, Self::Park, Self::Genco, Self::Sldc, Self::Ems, Self::ReEms];

    /// As the story calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Station => "station",
            Self::Park => "solar park",
            Self::Genco => "genco bridge",
            Self::Sldc => "sldc bridge",
            Self::Ems => "EMS",
            Self::ReEms => "park's EMS",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Station => "rtu",
            Self::Park => "park",
            Self::Genco => "genco",
            Self::Sldc => "sldc",
            Self::Ems => "ems",
            Self::ReEms => "re_ems",
        }
    }

    /// Whether it is a simulator: it writes a ledger, and listens to lines.
    const fn is_simulated(self) -> bool {
        matches!(self, Self::Station | Self::Park | Self::Ems | Self::ReEms)
    }

    const fn place(self) -> usize {
        self as usize
    }
}

/// What a process said.
struct Heard {
    who: Actor,
    line: String,
}

/// What the demonstration does wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Faults {
    /// For `sim iec104 --misbehave`.
    pub(super) station: Option<&'static str>,
    /// For `sim dnp3 --misbehave`.
    pub(super) park: Option<&'static str>,
    /// For `run --sabotage`.
    pub(super) genco: Option<&'static str>,
}

struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
}

/// The processes. Dropped, all of them are killed and reaped.
pub(super) struct Cast {
    running: [Option<Running>; 6],
    heard: Arc<Mutex<Vec<Heard>>>,
    teller: Arc<Teller>,
    pub(super) clock: SystemClock,
    faults: Faults,
    seed: u64,
    tempo: Tempo,
}

impl Cast {
    /// Nobody yet.
    pub(super) fn new(teller: Arc<Teller>, clock: SystemClock, faults: Faults, seed: u64, tempo: Tempo) -> Self {
        Self { running: [const { None }; 6], heard: Arc::default(), teller, clock, faults, seed, tempo }
    }

    fn command(&self, folder: &Folder, who: Actor) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        match who {
            Actor::Station => {
                command.args(["sim", "iec104", "--role", "station", "--plant-lag", "300ms", "--plant-ramp"]);
                command.arg(format!("{:.0}", self.tempo.ramp * 2.0));
                command.arg("--profile").arg(folder.profile(THERMAL)).arg("--listen").arg(folder.ports.station.to_string());
            }
            Actor::Park => {
                command.args(["sim", "dnp3", "--role", "station", "--plant-lag", "300ms", "--profile"]).arg(folder.profile(PARK));
                command.arg("--listen").arg(folder.ports.park.to_string());
            }
            Actor::Ems => {
                command.args(["sim", "iec104", "--role", "ems", "--profile"]).arg(folder.profile(GATEWAY));
                command.arg("--connect").arg(folder.ports.ems.to_string());
            }
            Actor::ReEms => {
                command.args(["sim", "dnp3", "--role", "ems", "--profile"]).arg(folder.profile(PARK_GATEWAY));
                command.arg("--connect").arg(folder.ports.re_ems.to_string());
            }
            Actor::Genco => {
                command.arg("run").arg(folder.of(Party::Genco)).arg("--story");
                if let Some(fault) = self.faults.genco {
                    command.args(["--sabotage", fault]);
                }
            }
            Actor::Sldc => {
                command.arg("run").arg(folder.of(Party::Sldc)).arg("--story");
            }
        }
        if who.is_simulated() {
            command.arg("--ledger").arg(folder.ledger(who.file())).arg("--seed").arg(self.seed.to_string());
        }
        if let (Actor::Station, Some(fault), _) | (Actor::Park, _, Some(fault)) = (who, self.faults.station, self.faults.park) {
            command.args(["--misbehave", fault]);
        }
        Ok(command)
    }

    /// Starts a process; what it says goes to the story, what it logs to a file.
    pub(super) fn start(&mut self, folder: &Folder, who: Actor) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(folder.dir.join(format!("{}.log", who.file())))?;
        let mut command = self.command(folder, who)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("the {} does not start", who.name()))?;
        let stdin = child.stdin.take();
        if let Some(stdout) = child.stdout.take() {
            let (heard, teller) = (Arc::clone(&self.heard), Arc::clone(&self.teller));
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    teller.heard(who, &line);
                    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                    if heard.len() < MAX_HEARD {
                        heard.push(Heard { who, line });
                    }
                }
            });
        }
        if let Some(place) = self.running.get_mut(who.place()) {
            *place = Some(Running { child, stdin });
        }
        Ok(())
    }

    /// Says a line to a simulator.
    pub(super) fn say(&mut self, who: Actor, line: &str) -> anyhow::Result<()> {
        let stdin = self.running.get_mut(who.place()).and_then(Option::as_mut).and_then(|running| running.stdin.as_mut());
        let stdin = stdin.ok_or_else(|| anyhow!("the {} does not run", who.name()))?;
        stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush()).with_context(|| format!("the {} is gone", who.name()))
    }

    /// `kill -9`: the process gets no chance to do anything.
    pub(super) fn kill(&mut self, who: Actor) -> anyhow::Result<()> {
        if let Some(mut running) = self.running.get_mut(who.place()).and_then(Option::take) {
            running.child.kill()?;
            running.child.wait()?;
        }
        Ok(())
    }

    /// Asks a process to end, as an operator would, and waits.
    pub(super) fn stop(&mut self, who: Actor) -> anyhow::Result<()> {
        let Some(mut running) = self.running.get_mut(who.place()).and_then(Option::take) else { return Ok(()) };
        match who {
            // Simulators end when nobody speaks to them any more.
            Actor::Station | Actor::Park | Actor::Ems | Actor::ReEms => drop(running.stdin.take()),
            Actor::Genco | Actor::Sldc => {
                let signalled = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &running.child.id().to_string()]).status();
                if !signalled.is_ok_and(|status| status.success()) {
                    running.child.kill()?;
                }
            }
        }
        let deadline = self.clock.now().mono + PATIENCE;
        loop {
            if let Some(status) = running.child.try_wait()? {
                return status.success().then_some(()).ok_or_else(|| anyhow!("the {} ended with {status}", who.name()));
            }
            if self.clock.now().mono >= deadline {
                running.child.kill()?;
                running.child.wait()?;
                return Err(anyhow!("the {} did not end within {} s", who.name(), PATIENCE.as_secs()));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// A process that should run and does not.
    pub(super) fn fallen(&mut self) -> Option<Actor> {
        Actor::ALL.into_iter().find(|who| {
            let running = self.running.get_mut(who.place()).and_then(Option::as_mut);
            running.is_some_and(|running| !matches!(running.child.try_wait(), Ok(None)))
        })
    }

    /// How many lines were said so far: where to look on.
    pub(super) fn mark(&self) -> usize {
        self.lines().len()
    }

    /// The first line since `mark` that this process said and that holds `part`.
    pub(super) fn said(&self, who: Actor, part: &str, mark: usize) -> Option<String> {
        let heard = self.lines();
        let mut lines = heard.get(mark..).unwrap_or_default().iter();
        lines.find(|heard| heard.who == who && heard.line.contains(part)).map(|heard| heard.line.clone())
    }

    /// Every line since `mark` of this process that begins like this.
    pub(super) fn all_said(&self, who: Actor, start: &str, mark: usize) -> Vec<String> {
        let heard = self.lines();
        let lines = heard.get(mark..).unwrap_or_default().iter();
        lines.filter(|heard| heard.who == who && heard.line.starts_with(start)).map(|heard| heard.line.clone()).collect()
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        for running in self.running.iter_mut().flatten() {
            drop((running.child.kill(), running.child.wait()));
        }
    }
}

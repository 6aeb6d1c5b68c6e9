//! The independent 104 peers, which take the same arguments and orders and write the same ledgers: `testbeds/interop/README.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Process, interop_file, python, repository};

/// A stack that is not ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Peer {
    /// `c104` in Python.
    C104,
    /// The crate `iec104`, which shares nothing with it.
    Iec104,
}

impl Peer {
    /// A controlled station that serves a point list.
    #[track_caller]
    pub(crate) fn station(self, points: &Path, (port, ca): (u16, u16), ledger: &Path, more: &[&str]) -> Process {
        let mut command = match self {
            Self::C104 => python("c104_server.py"),
            Self::Iec104 => program("station"),
        };
        command.arg(points);
        Process::spawn(&format!("{self:?} station"), common(&mut command, port, ca, ledger).args(more))
    }

    /// A controlling station that knows a point list.
    #[track_caller]
    pub(crate) fn ems(self, points: &Path, (port, ca): (u16, u16), ledger: &Path) -> Process {
        let mut command = match self {
            Self::C104 => python("c104_client.py"),
            Self::Iec104 => program("ems"),
        };
        command.arg("--points").arg(points);
        Process::spawn(&format!("{self:?} EMS"), common(&mut command, port, ca, ledger))
    }

    /// Whether its station terminates a command that was selected; the other's never does.
    pub(crate) fn terminates(self) -> bool {
        self == Self::C104
    }
}

fn common<'a>(command: &'a mut Command, port: u16, ca: u16, ledger: &Path) -> &'a mut Command {
    command.arg("--port").arg(port.to_string()).arg("--ca").arg(ca.to_string()).arg("--ledger").arg(ledger)
}

/// A program of `testbeds/interop/iec104-peer`, as `./check` builds it.
#[track_caller]
fn program(name: &str) -> Command {
    Command::new(built(&repository(), name).unwrap_or_else(|problem| panic!("{problem}")))
}

fn built(repository: &Path, name: &str) -> Result<PathBuf, String> {
    let path = repository.join("target/iec104-peer/debug").join(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: run ./check once, it builds the peers that tests talk to", path.display()))
    }
}

#[test]
fn a_peer_that_was_not_built_says_what_to_do() {
    let problem = built(Path::new("/nowhere"), "station").expect_err("there is nothing");
    assert!(problem.contains("run ./check"), "{problem}");
    assert!(interop_file("iec104-peer/Cargo.lock").exists(), "its versions are pinned");
}

//! The independent DNP3 peers, which take the same arguments and orders and write the same ledgers: `testbeds/interop/README.md`.

use std::path::Path;
use std::process::Command;

use super::{Process, python};

/// A stack that is not ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dnp3Peer {
    /// `opendnp3` in Python: both roles.
    Yadnp3,
    /// `dnp3py`: an outstation that is only polled.
    Dnp3py,
    /// `py1815`: both roles; its events carry their times.
    Py1815,
}

impl Dnp3Peer {
    /// An outstation (address 10) that serves a point list. It may not listen yet.
    #[track_caller]
    pub(crate) fn outstation(self, points: &Path, port: u16, ledger: &Path, more: &[&str]) -> Process {
        let mut command = match self {
            Self::Yadnp3 => python("yadnp3_outstation.py"),
            Self::Dnp3py => python("dnp3py_outstation.py"),
            Self::Py1815 => python("py1815_outstation.py"),
        };
        command.arg(points);
        Process::spawn(&format!("{self:?} outstation"), common(&mut command, port, ledger).args(more))
    }

    /// A master (address 1) that knows a point list.
    #[track_caller]
    pub(crate) fn master(self, points: &Path, port: u16, ledger: &Path, more: &[&str]) -> Process {
        let mut command = match self {
            Self::Yadnp3 => python("yadnp3_master.py"),
            Self::Py1815 => python("py1815_master.py"),
            Self::Dnp3py => panic!("this peer is an outstation only"),
        };
        command.arg("--points").arg(points);
        Process::spawn(&format!("{self:?} master"), common(&mut command, port, ledger).args(more))
    }

    /// What it says when its start-up's integrity poll ended, as a master.
    pub(crate) fn started(self) -> &'static str {
        if self == Self::Yadnp3 { "ANSWER ENABLE_UNSOLICITED SUCCESS" } else { "ANSWER enable_unsolicited SUCCESS" }
    }
}

fn common<'a>(command: &'a mut Command, port: u16, ledger: &Path) -> &'a mut Command {
    command.arg("--port").arg(port.to_string()).arg("--ledger").arg(ledger)
}

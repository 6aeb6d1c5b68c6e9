//! A profile, and the two ends of its link as processes of `sim`.

use std::path::{Path, PathBuf};

use bridge_sim::{EntryKind, Standard};

use super::kit::{command, run};
use crate::support::{PATIENCE, Process, ledger, repository, scratch};

/// A folder with a checked profile, and how its station and its master are reached.
pub(super) struct Site {
    pub(super) dir: PathBuf,
    protocol: &'static str,
    station: [String; 2],
    master: [String; 2],
}

impl Site {
    /// Over TCP: the station listens at an address.
    pub(super) fn new(test: &str, protocol: &'static str, profile: &str, address: &str) -> Self {
        Self::over(test, protocol, profile, ["--listen", address], ["--connect", address])
    }

    /// Each end with its own way.
    pub(super) fn over(test: &str, protocol: &'static str, profile: &str, station: [&str; 2], master: [&str; 2]) -> Self {
        let dir = scratch(test);
        std::fs::create_dir(dir.join("own")).expect("writable");
        std::fs::write(dir.join("own/profile.toml"), profile).expect("writable");
        run(&dir, &["profile", "lint", "own"]).good();
        Self { dir, protocol, station: station.map(str::to_owned), master: master.map(str::to_owned) }
    }

    pub(super) fn start(&self, role: &str, more: &[&str]) -> Process {
        let ledger = self.ledger(role).display().to_string();
        let [how, place] = if role == "station" { &self.station } else { &self.master };
        let mut args = vec!["sim", self.protocol, "--role", role, "--profile", "own", how, place, "--ledger", &ledger];
        args.extend(more);
        let process = Process::spawn(role, &mut command(&self.dir, &args));
        process.wait_for_line("READY", PATIENCE);
        process
    }

    pub(super) fn ledger(&self, role: &str) -> PathBuf {
        self.dir.join(format!("{role}.jsonl"))
    }

    /// A misbehaviour that a master cannot have is refused, and those that it can have are named; help and guide have all of the standard's.
    #[track_caller]
    pub(super) fn assert_misbehaviours_are_said(&self, cannot: &str, can: &str, standard: Standard) {
        let args = ["sim", self.protocol, "--role", "master", "--profile", "own", "--connect", "127.0.0.1:1", "--ledger", "x"];
        let refused = run(&self.dir, &[&args[..], &["--misbehave", cannot]].concat());
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert!(refused.err.contains(cannot) && refused.err.contains(can), "{}", refused.err);
        let help = run(&self.dir, &["sim", self.protocol, "--help"]).good().out;
        let guide = std::fs::read_to_string(repository().join("docs/guide/simulators.md")).expect("the guide");
        for named in bridge_sim::NAMED {
            assert_eq!(help.contains(named.what), named.is_of(standard), "{}", named.name);
            assert!(guide.contains(&format!("| `{}` |", named.name)), "{} is not in the guide", named.name);
        }
    }
}

/// All values of a point in a ledger, in order.
pub(super) fn values(path: &Path, point: &str) -> Vec<f64> {
    ledger(path).iter().filter(|entry| entry.point == point).filter_map(|entry| entry.value).collect()
}

/// The events of a point, as (value, stamp).
pub(super) fn facts(path: &Path, point: &str) -> Vec<(Option<f64>, Option<i64>)> {
    let of_it = ledger(path).into_iter().filter(|entry| entry.kind == EntryKind::Event && entry.point == point);
    of_it.map(|entry| (entry.value, entry.stamp)).collect()
}

pub(super) fn end(mut process: Process) {
    assert!(process.finish(PATIENCE).success(), "{}", process.standard_error());
}

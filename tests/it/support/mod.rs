//! What tests of real processes share: loopback ports, child processes, the Python environment, the dissector.

mod cutter;
mod dissector;
mod dnp3_peer;
mod grid;
mod heads;
mod leaves;
mod line;
mod papers;
mod pcap;
mod peer;
mod port;
mod process;
mod python;

pub(crate) use cutter::{Before, Cutter};
pub(crate) use dissector::{Capture, dissect, dissect_dnp3, dnp3_requests, iec104_requests};
pub(crate) use dnp3_peer::Dnp3Peer;
pub(crate) use grid::{Grid, events, kinds, ledger, terminate, wait_until};
pub(crate) use heads::{place, point_heads};
pub(crate) use leaves::{Journaled, changes};
pub(crate) use line::Line;
pub(crate) use papers::{Papers, private};
pub(crate) use pcap::Conversation;
pub(crate) use peer::Peer;
pub(crate) use port::free_port;
pub(crate) use process::Process;
pub(crate) use python::{interop_file, plain_python, python};

use std::path::PathBuf;
use std::time::Duration;

/// How long a test waits for a real process to say something before it counts as silent.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// The thermal station's profile with its link turned round: the plant's controller connects to the bridge, which reads and commands it in
/// the reversed direction of the one connection (104 row 64).
pub(crate) fn reversed(profile: String) -> String {
    let link = "role = \"client\", ca = 21,";
    assert!(profile.contains(link), "{link} stands in the profile");
    let turned = profile.replacen(link, "role = \"server\", direction = \"both\", on_journal_failure = \"hold\", ca = 21,", 1);
    turned.replace("addr = { ioa", "addr = { reversed = true, ioa")
}

/// An empty folder of this test's own, below the build folder; what an earlier run left there is removed.
pub(crate) fn scratch(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    match std::fs::remove_dir_all(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => panic!("{}: {error}", folder.display()),
    }
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

#[test]
fn a_scratch_folder_starts_empty() {
    let folder = scratch("a_scratch_folder_starts_empty");
    std::fs::write(folder.join("left"), b"x").expect("the folder is writable");
    assert_eq!(std::fs::read_dir(scratch("a_scratch_folder_starts_empty")).expect("a folder").count(), 0);
}

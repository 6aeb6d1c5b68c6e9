//! The Python environment of the independent peers.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::repository;

/// The interpreter of the virtual environment that `./check` makes, or what to do to have one.
fn interpreter(repository: &Path) -> Result<PathBuf, String> {
    let path = repository.join(".venv/bin/python");
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: run ./check once, it installs the peers that tests talk to", path.display()))
    }
}

/// A file of `testbeds/interop`.
pub(crate) fn interop_file(name: &str) -> PathBuf {
    repository().join("testbeds/interop").join(name)
}

/// A command that runs a program of `testbeds/interop` in the virtual environment.
#[track_caller]
pub(crate) fn python(program: &str) -> Command {
    let interpreter = interpreter(&repository()).unwrap_or_else(|problem| panic!("{problem}"));
    let mut command = Command::new(interpreter);
    command.arg("-u").arg(interop_file(program));
    command
}

/// A command that runs a program of `testbeds/interop` that needs nothing but the standard library.
pub(crate) fn plain_python(program: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg("-u").arg(interop_file(program));
    command
}

#[test]
fn a_missing_environment_says_what_to_do() {
    let problem = interpreter(Path::new("/nowhere")).expect_err("there is nothing");
    assert!(problem.contains("run ./check"), "{problem}");
}

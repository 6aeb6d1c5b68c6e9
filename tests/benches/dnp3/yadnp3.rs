//! opendnp3 in our session's place, through its Python binding: `testbeds/interop/yadnp3_speed.py`.

use std::path::Path;
use std::process::Command;

use crate::POINTS;
use crate::measure::{COMMANDS, COMMANDS_WARM, EVENTS, READ_TIMES, READ_WARM};
use crate::peer::Act;

/// The program for a case, if the environment of the interop tests is there.
pub(crate) fn command(case: &str, seconds: &str) -> Option<Command> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let python = repository.join(".venv/bin/python");
    let (warm, times) = match case {
        "integrity" => (READ_WARM, READ_TIMES),
        "sbo" => (COMMANDS_WARM, COMMANDS),
        _ => (0, EVENTS),
    };
    let mut command = Command::new(&python);
    command.arg("-u").arg(repository.join("testbeds/interop/yadnp3_speed.py")).args([case, "--seconds", seconds]);
    for (name, number) in [("--events", Act::Analogs.events()), ("--points", POINTS), ("--warm", warm), ("--times", times)] {
        command.arg(name).arg(number.to_string());
    }
    python.exists().then_some(command)
}

/// Whether it is the first of the pair, which listens: an outstation.
pub(crate) fn listens(case: &str) -> bool {
    matches!(case, "outstation" | "unsolicited")
}

/// The program as the second of the pair.
pub(crate) fn to(mut command: Command, port: &str) -> Command {
    command.args(["--port", port]);
    command
}

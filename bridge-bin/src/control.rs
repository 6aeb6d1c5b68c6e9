//! The running bridge's local door: one Unix socket in its data folder, readable by its owner only; one JSON line asks, one answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use bridge_engine::{DispatchMode, LinkWish};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::Fault;

/// The socket's name in the data folder.
pub(crate) const SOCKET: &str = "control.sock";
/// Longest line either way, in bytes.
pub(crate) const MAX_LINE: usize = 1 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a file of a station may take.
const FILE_PATIENCE: Duration = Duration::from_secs(610);

/// What may be asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// Links, peers, counters, operations.
    Status,
    /// Send a dispatch through a relay control.
    Dispatch {
        /// The control's id in the profile.
        control: String,
        /// The target, in the control's unit.
        target: f64,
        /// Units per minute.
        ramp: Option<f64>,
        /// What of a select-before-operate it is (R4).
        #[serde(default)]
        mode: DispatchMode,
        /// Seconds in which it may start.
        valid_for_s: u32,
        /// Who orders it.
        operator_ref: String,
        /// By which instruction.
        instruction_code: String,
    },
    /// Send a start, a stop, a curtailment or its release through a control that asks a peer.
    Order {
        /// The control's id in the profile.
        control: String,
        /// `start`, `stop` or `curtail`.
        verb: String,
        /// Fields of its payload; `releaseOf` of a release names the control too.
        payload: Value,
        /// Seconds in which it may be accepted.
        valid_for_s: u32,
        /// Who orders it.
        operator_ref: String,
        /// By which instruction.
        instruction_code: String,
    },
    /// Ask something of a link's station (R22).
    Link {
        /// The link's name.
        link: String,
        /// What.
        what: LinkWish,
        /// Who asks it.
        operator_ref: String,
    },
    /// Instructions that wait for people here.
    Inbox,
    /// An operator accepts one.
    Accept {
        /// Its id, or the start of it.
        id: String,
        /// Who.
        operator: String,
    },
    /// An operator rejects one.
    Reject {
        /// Its id, or the start of it.
        id: String,
        /// Who.
        operator: String,
        /// Why, as a code.
        reason: String,
        /// Why, in words.
        text: Option<String>,
    },
    /// An operator reports one done.
    Done {
        /// Its id, or the start of it.
        id: String,
        /// Who.
        operator: String,
        /// In words.
        text: Option<String>,
    },
}

/// Asks the running bridge; gives its answer.
pub(crate) fn ask(socket: &Path, ask: &Ask) -> Result<Value, Fault> {
    let gone = |e: &dyn std::error::Error| {
        Fault::new("the bridge does not answer")
            .because_of(format!("{}: {}", socket.display(), crate::fault::chain(e)))
            .fix("start it: ies-bridge run DIR; and ask as the user it runs as")
    };
    let mut stream = UnixStream::connect(socket).map_err(|e| gone(&e))?;
    let is_file = matches!(
        ask,
        Ask::Link {
            what: LinkWish::ListFiles { .. } | LinkWish::ReadFile { .. } | LinkWish::WriteFile { .. } | LinkWish::DeleteFile { .. },
            ..
        }
    );
    stream.set_read_timeout(Some(if is_file { FILE_PATIENCE } else { PATIENCE })).map_err(|e| gone(&e))?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(|e| gone(&e))?;
    let mut line = serde_json::to_string(ask).map_err(|e| gone(&e))?;
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(|e| gone(&e))?;
    let mut answer = String::new();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    BufReader::new(std::io::Read::take(stream, limit)).read_line(&mut answer).map_err(|e| gone(&e))?;
    serde_json::from_str(&answer).map_err(|e| gone(&e))
}

#[cfg(test)]
mod tests {
    use super::Ask;

    #[test]
    fn a_line_with_an_unknown_field_is_refused() {
        assert_eq!(serde_json::from_str::<Ask>(r#"{"ask":"status"}"#).unwrap(), Ask::Status);
        assert!(serde_json::from_str::<Ask>(r#"{"ask":"dispatch","control":"U1.p_set","target":1,"force":true}"#).is_err());
    }
}

//! What both programs share: the ledger, the point list, values and time tags. The orders on standard input, the lines on standard output
//! and the ledgers are those of `c104_server.py` and `c104_client.py`, so that one test reads both peers.
//!
//! It knows nothing of the bridge: no crate of ours is linked here.

pub mod element;
pub mod ledger;
pub mod points;
pub mod stamp;

/// The only address there is.
pub const HOST: &str = "127.0.0.1";

/// One line for whoever started this process.
pub fn say(line: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    // Nobody may be listening any more: then nothing is left to say.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The lines of standard input, until it ends.
pub fn lines() -> tokio::sync::mpsc::Receiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1024);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { break };
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The values of `--name value` arguments; `free` takes the one argument without a name.
#[derive(Debug, Default)]
pub struct Arguments {
    named: std::collections::BTreeMap<String, String>,
    /// The argument without a name.
    pub free: Option<String>,
}

impl Arguments {
    /// Those of this process.
    pub fn read() -> Self {
        let mut arguments = Self::default();
        let mut rest = std::env::args().skip(1);
        while let Some(word) = rest.next() {
            match word.strip_prefix("--") {
                Some(name) => _ = arguments.named.insert(name.to_owned(), rest.next().unwrap_or_default()),
                None => arguments.free = Some(word),
            }
        }
        arguments
    }

    /// A number, or its default; ends the process with a word if it is none.
    pub fn number(&self, name: &str, default: Option<u64>) -> u64 {
        let found = self.named.get(name).map_or(default, |text| text.parse().ok());
        found.unwrap_or_else(|| fail(&format!("--{name} wants a number")))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }
}

/// Ends the process.
pub fn fail(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(2);
}

//! A child process that dies with the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Lines of output that wait for the test to read them; a child that says more waits.
const MAX_LINES: usize = 65_536;

/// The last part of standard error that is kept for the failure's text.
const MAX_ERROR_BYTES: usize = 16_384;

/// A running child with piped streams. Dropped, it is killed and reaped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Arc<Mutex<Vec<u8>>>,
}

impl Process {
    /// Starts the command; `name` appears in failures.
    #[track_caller]
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start ({command:?}): {error}"));
        let (sender, lines) = sync_channel(MAX_LINES);
        let stdout = child.stdout.take().expect("standard output is piped");
        let stderr = child.stderr.take().expect("standard error is piped");
        let errors = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&errors);
        thread::spawn(move || forward(BufReader::new(stdout), &sender));
        thread::spawn(move || keep_tail(stderr, &kept));
        Self { name: name.to_owned(), stdin: child.stdin.take(), child, lines, errors }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of standard output that holds `part` and returns it; earlier lines are read and dropped.
    #[track_caller]
    pub(crate) fn wait_for_line(&self, part: &str, patience: Duration) -> String {
        self.look_for_line(part, patience).unwrap_or_else(|(why, seen)| {
            let how = match why {
                RecvTimeoutError::Timeout => format!("did not say {part:?} within {patience:?}"),
                RecvTimeoutError::Disconnected => format!("ended without saying {part:?}"),
            };
            let last = seen.len().saturating_sub(20);
            panic!("{} {how}\nlast lines: {:#?}\nstandard error: {}", self.name, &seen[last..], self.standard_error());
        })
    }

    /// The same for a line that may fail to come.
    pub(crate) fn maybe_line(&self, part: &str, patience: Duration) -> Option<String> {
        self.look_for_line(part, patience).ok()
    }

    fn look_for_line(&self, part: &str, patience: Duration) -> Result<String, (RecvTimeoutError, Vec<String>)> {
        let deadline = now() + patience;
        let mut seen: Vec<String> = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(now())) {
                Ok(line) if line.contains(part) => return Ok(line),
                Ok(line) => seen.push(line),
                Err(why) => return Err((why, seen)),
            }
        }
    }

    /// The lines of standard output that are there and were not read yet.
    pub(crate) fn lines_so_far(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// The end of what the child said on standard error.
    pub(crate) fn standard_error(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&errors).into_owned()
    }

    /// Writes one line to standard input.
    #[track_caller]
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        let written = stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush());
        written.unwrap_or_else(|error| panic!("{} does not listen: {error}\n{}", self.name, self.standard_error()));
    }

    /// Closes standard input, which asks a well-behaved child to end, and waits.
    #[track_caller]
    pub(crate) fn finish(&mut self, patience: Duration) -> ExitStatus {
        self.stdin = None;
        let deadline = now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status;
            }
            assert!(now() < deadline, "{} did not end within {patience:?}\n{}", self.name, self.standard_error());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the child at once (`SIGKILL`) and reaps it.
    pub(crate) fn kill(&mut self) {
        // A child that has ended by itself cannot be killed; both are reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[expect(clippy::disallowed_methods, reason = "real processes are waited for in real time")]
fn now() -> Instant {
    Instant::now()
}

fn forward(output: impl BufRead, lines: &SyncSender<String>) {
    for line in output.lines() {
        let Ok(line) = line else { return };
        if lines.send(line).is_err() {
            return;
        }
    }
}

fn keep_tail(mut output: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let excess = kept.len().saturating_sub(MAX_ERROR_BYTES);
        kept.drain(..excess);
    }
}

#[test]
fn a_child_is_heard_spoken_to_and_reaped() {
    let mut shell =
        Process::spawn("shell", Command::new("sh").args(["-c", "echo first; echo READY; read x; echo got $x; cat >/dev/null; exit 3"]));
    assert_eq!(shell.wait_for_line("READY", super::PATIENCE), "READY");
    shell.say("word");
    assert_eq!(shell.wait_for_line("got", super::PATIENCE), "got word");
    assert_eq!(shell.finish(super::PATIENCE).code(), Some(3));
    assert_eq!(shell.lines_so_far(), Vec::<String>::new());
}

#[test]
fn a_dropped_child_is_gone() {
    let shell = Process::spawn("shell", Command::new("sh").args(["-c", "echo READY; exec sleep 600"]));
    shell.wait_for_line("READY", super::PATIENCE);
    let folder = format!("/proc/{}", shell.id());
    assert!(std::path::Path::new(&folder).exists(), "the child is not there");
    drop(shell);
    assert!(!std::path::Path::new(&folder).exists(), "the child outlived its owner");
}

#[test]
#[should_panic(expected = "ended without saying \"READY\"")]
fn a_silent_child_fails_the_test_with_its_last_words() {
    let shell = Process::spawn("shell", Command::new("sh").args(["-c", "echo no; echo why >&2"]));
    shell.wait_for_line("READY", super::PATIENCE);
}

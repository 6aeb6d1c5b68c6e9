//! Pairs of processes: starting them, reading what they print, what they cost.

use std::io::BufReader;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// One line of results.
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// One line for people.
pub(crate) fn tell(line: impl AsRef<str>) {
    eprintln!("{}", line.as_ref());
}

/// A child process that ends with its owner.
pub(crate) struct Running(Child);

impl Running {
    /// Closes its input and waits for it, so that it removes what it wrote.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        anyhow::ensure!(self.0.wait()?.success(), "a process failed");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program, and what it prints.
pub(crate) fn start(mut command: Command) -> Result<(Running, BufReader<std::process::ChildStdout>)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let out = child.stdout.take().context("a pipe")?;
    Ok((Running(child), BufReader::new(out)))
}

/// The next line that it prints.
pub(crate) fn line(from: &mut impl std::io::BufRead) -> Result<String> {
    let mut text = String::new();
    from.read_line(&mut text)?;
    anyhow::ensure!(!text.is_empty(), "a process ended early");
    Ok(text.trim().to_owned())
}

/// User and system time of all threads, those that ended too: what `getrusage` gives, in ticks of 10 ms.
pub(crate) fn cpu_s() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("stat")?.1.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("stat")?.parse::<f64>()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// The most memory that was ever resident.
pub(crate) fn resident_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}

/// The load average of the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

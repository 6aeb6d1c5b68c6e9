//! A second opinion on every byte: tshark reads what was captured on loopback.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{PATIENCE, Process, interop_file};

/// Longer than the capture's own delay.
const SETTLE: Duration = Duration::from_millis(400);
/// A capture without packets is not much longer than this, in octets.
const EMPTY: u64 = 1024;

/// A running capture of one TCP port on loopback.
#[derive(Debug)]
pub(crate) struct Capture {
    process: Process,
    file: PathBuf,
}

impl Capture {
    /// Captures what goes over `port` into `file`, from before this returns. Needs the right to capture (root, or dumpcap's capability).
    #[track_caller]
    pub(crate) fn start(port: u16, file: &Path) -> Self {
        let filter = format!("tcp port {port}");
        let arguments = ["-q", "-i", "lo", "-f", &filter, "-w"];
        // dumpcap says the name of the file on standard error once it captures; the shell brings that to standard output.
        let mut command = Command::new("sh");
        command.args(["-c", "exec dumpcap \"$@\" 2>&1", "dumpcap"]).args(arguments).arg(file);
        let process = Process::spawn("dumpcap", &mut command);
        process.wait_for_line("File:", PATIENCE);
        Self { process, file: file.to_owned() }
    }

    /// Ends the capture and returns its file.
    #[track_caller]
    pub(crate) fn stop(mut self) -> PathBuf {
        self.settle();
        let asked = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().expect("kill runs");
        assert!(asked.success(), "dumpcap had ended before it was asked to");
        self.process.finish(PATIENCE);
        std::mem::take(&mut self.file)
    }

    /// The kernel hands packets over in blocks, some tenths of a second late; an interrupted capture leaves the last ones behind.
    fn settle(&self) {
        let size = || std::fs::metadata(&self.file).map_or(0, |file| file.len());
        let mut before = None;
        for _ in 0..20 {
            std::thread::sleep(SETTLE);
            let now = size();
            if before == Some(now) && now > EMPTY {
                return;
            }
            before = Some(now);
        }
    }
}

/// What the dissector said of a capture.
#[derive(Debug)]
pub(crate) struct Dissection {
    /// Whether it found nothing malformed and no expert error.
    pub(crate) clean: bool,
    /// Its own words.
    pub(crate) text: String,
}

/// Runs `testbeds/interop/dissect` on a capture of IEC 60870-5-104 over `port`.
#[track_caller]
pub(crate) fn dissect(capture: &Path, port: u16) -> Dissection {
    dissect_as(capture, port, &["iec104"])
}

/// The same of DNP3. `intervals_from`: the outstation whose times and intervals (g50v4) tshark does not know.
#[track_caller]
pub(crate) fn dissect_dnp3(capture: &Path, port: u16, intervals_from: Option<u16>) -> Dissection {
    let from = intervals_from.map(|address| address.to_string());
    let more: Vec<&str> = ["dnp3"].into_iter().chain(from.as_deref()).collect();
    dissect_as(capture, port, &more)
}

#[track_caller]
fn dissect_as(capture: &Path, port: u16, more: &[&str]) -> Dissection {
    let mut command = Command::new(interop_file("dissect"));
    let output = command.arg(capture).arg(port.to_string()).args(more).output().expect("testbeds/interop/dissect runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(matches!(output.status.code(), Some(0 | 1)), "the capture cannot be read: {text}");
    Dissection { clean: output.status.success(), text }
}

/// What a DNP3 master asked, by the dissector's word: every function with the objects of its fragments (group and variation), 0 where there
/// was none.
#[track_caller]
pub(crate) fn dnp3_requests(capture: &Path, port: u16) -> BTreeSet<(u8, u16)> {
    let rows = fields(capture, port, "dnp3", "dnp3.ctl.dir == 1 && dnp3.al.func", ["dnp3.al.func", "dnp3.al.obj"]);
    let mut asked = BTreeSet::new();
    for [functions, objects] in rows {
        let objects = objects.iter().map(|object| u16::try_from(*object).expect("an object")).collect::<Vec<_>>();
        for function in functions {
            let function = u8::try_from(function).expect("a function");
            // A CONFIRM may share its packet with the next request, and has no objects of its own.
            let carried = if function == 0 || objects.is_empty() { vec![0] } else { objects.clone() };
            asked.extend(carried.into_iter().map(|object| (function, object)));
        }
    }
    asked
}

/// The types of the ASDUs that a controlling station of IEC 60870-5-104 sent, by the dissector's word.
#[track_caller]
pub(crate) fn iec104_requests(capture: &Path, port: u16) -> BTreeSet<u8> {
    let filter = format!("tcp.dstport == {port} && iec60870_asdu.typeid");
    let rows = fields(capture, port, "iec60870_104", &filter, ["iec60870_asdu.typeid"]);
    rows.into_iter().flatten().flatten().map(|type_id| u8::try_from(type_id).expect("a type")).collect()
}

/// Numbers of the fields in each packet that passes the filter.
#[track_caller]
fn fields<const N: usize>(capture: &Path, port: u16, protocol: &str, filter: &str, names: [&str; N]) -> Vec<[Vec<u64>; N]> {
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(capture).args(["-d", &format!("tcp.port=={port},{protocol}"), "-Y", filter, "-T", "fields"]);
    command.args(names.iter().flat_map(|name| ["-e", name]));
    let output = command.output().expect("tshark runs: ./check installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    let numbers = |cell: &str| cell.split(',').filter(|text| !text.is_empty()).map(|text| number(text).expect("a number")).collect();
    let text = String::from_utf8(output.stdout).expect("text");
    let row = |line: &str| {
        let mut cells = line.split('\t').map(numbers);
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    };
    text.lines().map(row).collect()
}

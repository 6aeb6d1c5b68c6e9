//! The whole path over DNP3 between two foreign ends: an outstation that is not ours below the plant's bridge, a master that is not ours above
//! the load despatch centre's. Both bridges are the real binary.

use std::path::PathBuf;

use bridge_sim::{Entry, EntryKind, StampedBy, compare};

use super::dnp3_kit::{end, values};
use crate::support::{Capture, Dnp3Peer, Grid, PATIENCE, Process, dissect_dnp3, dnp3_requests, events, ledger, terminate, wait_until};

#[test]
fn a_py1815_master_moves_a_dnp3py_outstation_through_both_bridges() {
    through_both_bridges("dnp3_ends_dnp3py", Dnp3Peer::Dnp3py, Dnp3Peer::Py1815, How::Selected);
}

#[test]
fn a_yadnp3_master_moves_a_yadnp3_outstation_through_both_bridges() {
    through_both_bridges("dnp3_ends_yadnp3", Dnp3Peer::Yadnp3, Dnp3Peer::Yadnp3, How::Selected);
}

#[test]
fn a_yadnp3_master_moves_a_py1815_outstation_through_both_bridges() {
    through_both_bridges("dnp3_ends_py1815", Dnp3Peer::Py1815, Dnp3Peer::Yadnp3, How::Direct);
}

/// Link addresses of the profiles: outstation and master below the plant's bridge, and above the load despatch centre's.
const BELOW: [&str; 4] = ["--outstation", "21", "--master", "3"];
const ABOVE: [&str; 4] = ["--outstation", "100", "--master", "7"];
pub(super) const OUTSTATION: u16 = 21;
/// Functions of the application layer (IEEE 1815-2012 4.2.2.5).
const READ: u8 = 1;
const WRITE: u8 = 2;
const SELECT: u8 = 3;
const OPERATE: u8 = 4;
const RECORD_CURRENT_TIME: u8 = 24;
/// State changes of one burst.
const BURST: usize = 60;

/// The plant's profile and the load despatch centre's for what such an outstation has: one unit, since a peer is one outstation; faster than
/// a test has patience for.
fn profile(outstation: Dnp3Peer, profile: String) -> String {
    let doubles = outstation == Dnp3Peer::Yadnp3;
    // Without double points there is no breaker, and nothing that switches it.
    let breaker = |text: &str| text.contains("{u}.cb") || text.contains("{u}.switch");
    let blocks = profile.split("\n[[").filter(|block| doubles || !block.contains("id = \"{u}.switch\""));
    let profile = blocks.collect::<Vec<_>>().join("\n[[");
    let lines = profile.lines().filter(|line| !line.contains("u = \"U2\"") && (doubles || !breaker(line)));
    let profile = lines.collect::<Vec<_>>().join("\n");
    let profile = profile
        .replace("integrity_every = \"60s\",", "")
        .replace("role = \"client\",", &format!("role = \"client\", allow = \"clock_sync, files, file_write\", {},", polls(outstation)))
        .replace("role = \"server\",", "role = \"server\", allow = \"clock_sync\", clock = \"master\",")
        .replace("60 MW/min", "120 MW/min")
        .replace("step = \"2s\"", "step = \"1s\"")
        .replace("dwell = \"10s\"", "dwell = \"2s\"");
    // Its outstation has no outputs to read: the set-point comes back as a measurand.
    let echo = "type = \"analog_output\", index = 0 }, cim = { on = \"{u}\", class = \"Analog\"";
    if outstation == Dnp3Peer::Py1815 {
        profile.replace(echo, &echo.replace("analog_output\", index = 0", "analog\", index = 14"))
    } else {
        profile
    }
}

/// One of the peers never speaks unasked, and its outputs have no events.
fn polls(outstation: Dnp3Peer) -> &'static str {
    if outstation == Dnp3Peer::Dnp3py {
        "poll_1 = \"200ms\", poll_2 = \"5s\", poll_3 = \"5s\", integrity_every = \"2s\""
    } else {
        "poll_1 = \"5s\", integrity_every = \"60s\""
    }
}

/// Both bridges between two ends.
pub(super) struct Path {
    pub(super) grid: Grid,
    of_station: Dnp3Peer,
    station: PathBuf,
    ems: PathBuf,
}

impl Path {
    /// `select` is what both controls say of it (R4).
    pub(super) fn new(test: &str, of_station: Dnp3Peer, select: &str) -> Self {
        let select = format!("select = \"{select}\"");
        Self::edited(test, of_station, |text| text.replace("select = \"bridge\"", &select))
    }

    /// `edit` changes both profiles further.
    pub(super) fn edited(test: &str, of_station: Dnp3Peer, edit: impl Fn(String) -> String) -> Self {
        let grid = Grid::over_dnp3(test, |text| edit(profile(of_station, text)));
        let (station, ems) = (grid.file("station.jsonl"), grid.file("ems.jsonl"));
        Self { grid, of_station, station, ems }
    }

    /// The outstation, listening on a port.
    pub(super) fn outstation(&self, port: u16, more: &[&str]) -> Process {
        let more = [&BELOW[..], &["--events", "10000"], more].concat();
        let station = self.of_station.outstation(&self.grid.station_points(), port, &self.station, &more);
        station.wait_for_line("READY", PATIENCE);
        station
    }

    /// The master, after its start-up.
    fn master(&self, of_ems: Dnp3Peer) -> Process {
        let more = [&ABOVE[..], &["--response-timeout-ms", "12000"]].concat();
        let ems = of_ems.master(&self.grid.ems_points(), self.grid.ems, &self.ems, &more);
        ems.wait_for_line(of_ems.started(), PATIENCE);
        ems
    }

    pub(super) fn made(&self) -> Vec<Entry> {
        ledger(&self.station)
    }

    fn seen(&self) -> Vec<Entry> {
        ledger(&self.ems)
    }

    fn last_seen(&self, point: &str) -> Option<f64> {
        self.seen().iter().rev().find(|entry| entry.point == point).and_then(|entry| entry.value)
    }
}

/// Who selects (R4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    /// The master above.
    Selected,
    /// The plant's bridge.
    Direct,
}

/// The master's own SELECT reaches the outstation; beyond the limits it is refused there, and without one nothing is taken. Returns what was
/// confirmed.
fn selected(ems: &mut Process, ldc: &Process) -> Vec<f64> {
    command(ems, "204 select", "SUCCESS");
    // The SELECT ends when its execute was taken, the OPERATE when the plant followed.
    for _ in 0..2 {
        ldc.wait_for_line("U1.p_set 204 EXECUTION COMPLETED", 3 * PATIENCE);
    }
    command(ems, "300 select", "OUT_OF_RANGE");
    ldc.wait_for_line("U1.p_set 300 ACCEPTANCE REJECTED", PATIENCE);
    command(ems, "205 direct", "NO_SELECT");
    vec![204.0]
}

/// The bridge selects by itself, the first step of each ramp; beyond the limits nothing is sent.
fn direct(ems: &mut Process, ldc: &Process) -> Vec<f64> {
    command(ems, "206 direct", "SUCCESS");
    ldc.wait_for_line("U1.p_set 206 EXECUTION COMPLETED", 3 * PATIENCE);
    command(ems, "300 direct", "OUT_OF_RANGE");
    ldc.wait_for_line("U1.p_set 300 ACCEPTANCE REJECTED", PATIENCE);
    command(ems, "204 direct", "SUCCESS");
    ldc.wait_for_line("U1.p_set 204 EXECUTION COMPLETED", 3 * PATIENCE);
    vec![206.0, 204.0]
}

#[track_caller]
fn command(ems: &mut Process, order: &str, status: &str) {
    ems.say(&format!("set U1.p_set {order}"));
    let answer = ems.wait_for_line("ANSWER U1.p_set", PATIENCE);
    assert!(answer.ends_with(status), "{order}: {answer}");
}

fn through_both_bridges(test: &str, of_station: Dnp3Peer, of_ems: Dnp3Peer, how: How) {
    let path = Path::new(test, of_station, if how == How::Selected { "relay" } else { "bridge" });
    let grid = &path.grid;
    let below = Capture::start(grid.rtu, &grid.file("rtu.pcapng"));
    let above = Capture::start(grid.ems, &grid.file("ems.pcapng"));
    let mut station = path.outstation(grid.rtu, &["--need-time"]);
    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    // The outstation asked for the time, and the link allows it to be told.
    station.wait_for_line("TOLD clock", PATIENCE);
    let mut ems = path.master(of_ems);
    let synchronised = if of_ems == Dnp3Peer::Yadnp3 { "LAN_TIME_SYNC SUCCESS" } else { "write_time SUCCESS" };
    wait_until("the master set the clock it was asked for", || path.seen().iter().any(|entry| entry.text.as_deref() == Some(synchronised)));

    station.say(&format!("burst U1.bfp_a {BURST} 2"));
    station.wait_for_line("BURST U1.bfp_a", PATIENCE);
    station.say("set U1.bfp_b 1");

    let confirmed = if how == How::Selected { selected(&mut ems, &ldc) } else { direct(&mut ems, &ldc) };
    ems.say("integrity");
    wait_until("the master saw the last values", || {
        let values = ["U1.p_echo", "U1.p", "U1.bfp_b", "U1.kv"].map(|point| path.last_seen(point));
        values == [Some(204.0), Some(204.0), Some(1.0), Some(15.0)]
    });
    end(ems);
    terminate(&mut plant);
    terminate(&mut ldc);
    end(station);

    let (made, seen) = (path.made(), path.seen());
    let executed = values(&made, EntryKind::Execute, "U1.p_set");
    let ramped = usize::from(how == How::Direct);
    assert!(executed.len() >= confirmed.len() + ramped && executed.last() == confirmed.last(), "{executed:?}");
    assert!(executed.iter().all(|value| (200.0..=confirmed[0]).contains(value)), "{executed:?}");
    assert_eq!(values(&made, EntryKind::Select, "U1.p_set").len(), confirmed.len(), "R1: the first step of a ramp");
    assert_eq!(values(&made, EntryKind::Refused, "U1.p_set"), Vec::<f64>::new(), "what is refused never reaches it");
    assert_eq!(values(&seen, EntryKind::Confirmed, "U1.p_set"), confirmed);
    let noted =
        |entries: &[Entry], what: &str| entries.iter().any(|entry| entry.text.as_deref().is_some_and(|text| text.starts_with(what)));
    assert!(noted(&seen, "unsolicited response"), "our outstation speaks unasked");
    // The one peer that tells what was confirmed.
    assert!(of_station != Dnp3Peer::Yadnp3 || noted(&made, "confirmed unsolicited"), "our master lets it speak unasked");
    let burst = events(&made, "U1.bfp_a");
    assert_eq!(burst.len(), BURST);
    if of_station == Dnp3Peer::Py1815 {
        // The one outstation that dates its states: they are a sequence of events to the end. The first image has come without dates.
        let is_dated = |entry: &&Entry| entry.kind != EntryKind::Event || entry.by == Some(StampedBy::Device);
        let seen: Vec<Entry> = seen.iter().filter(is_dated).cloned().collect();
        assert_eq!(events(&seen, "U1.bfp_a"), burst, "once, in order, with the station's stamps");
        let verdict = compare(&made, &seen, &grid.book());
        assert!(verdict.is_clean() && verdict.events >= BURST as u64, "{verdict:#?}");
    }
    let intervals_from = (of_station == Dnp3Peer::Yadnp3).then_some(OUTSTATION);
    let captures = [(below.stop(), grid.rtu, intervals_from), (above.stop(), grid.ems, None)];
    for (capture, port, intervals_from) in &captures {
        let whole = dissect_dnp3(capture, *port, *intervals_from);
        assert!(whole.clean, "{}", whole.text);
    }
    // Class polls, select, operate and time as they were on the wire.
    let asked = dnp3_requests(&captures[0].0, grid.rtu);
    for request in [(READ, 0x3C02), (SELECT, 0x2903), (OPERATE, 0x2903), (RECORD_CURRENT_TIME, 0), (WRITE, 0x3203)] {
        assert!(asked.contains(&request), "{request:x?}: {asked:x?}");
    }
    for bridge in ["plant", "ldc"] {
        grid.verify(bridge).good();
    }
}

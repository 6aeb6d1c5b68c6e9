//! Files over DNP3 (g70, row 52), between separate processes: `link … file` of the real binary against an outstation that is not ours, a master
//! that is not ours against our outstation, and both roles of ours under the dissector's eyes.

use std::path::Path as File;

use super::dnp3_bridge::{OUTSTATION, Path};
use super::dnp3_kit::end;
use crate::cli::kit::{Ran, command};
use crate::support::{Capture, Dnp3Peer, Grid, PATIENCE, Process, dissect_dnp3, dnp3_requests, terminate};

/// Several blocks, and a last one that is not full.
fn text() -> String {
    (0..2_000).map(|line| format!("{line}\n")).collect()
}

fn ask(grid: &Grid, what: &str) -> Ran {
    let mut args = vec!["link", "rtu", "file"];
    args.extend(what.split_whitespace());
    args.extend(["--config", "plant", "--operator", "plant:shift-2"]);
    grid.site.run(&args)
}

#[track_caller]
fn not_done(grid: &Grid, what: &str, why: &str) {
    let ran = ask(grid, what);
    assert!(ran.code == 1 && ran.err.contains(why), "{what}: {} {}{}", ran.code, ran.out, ran.err);
}

/// Our outstation, with files in its memory.
fn station(path: &Path) -> Process {
    let address = format!("127.0.0.1:{}", path.grid.rtu);
    let args =
        ["sim", "dnp3", "--role", "station", "--profile", "own/thermal-station-104", "--listen", &address, "--ledger", "station.jsonl"];
    let station = Process::spawn("station", &mut command(path.grid.dir(), &args));
    station.wait_for_line("READY", PATIENCE);
    station
}

#[track_caller]
fn assert_clean(capture: &File, port: u16, intervals_from: Option<u16>, functions: &[u8]) {
    let whole = dissect_dnp3(capture, port, intervals_from);
    assert!(whole.clean, "{}", whole.text);
    let asked = dnp3_requests(capture, port);
    for function in functions {
        assert!(asked.iter().any(|(asked, _)| asked == function), "{function}: {asked:x?}");
    }
}

/// Functions of files (IEEE 1815-2012 4.2.2.5): OPEN_FILE, CLOSE_FILE, DELETE_FILE, GET_FILE_INFO.
const OPEN: u8 = 25;
const CLOSE: u8 = 26;
const DELETE: u8 = 27;
const GET_INFO: u8 = 28;

#[test]
fn a2_r52_our_binary_reads_and_deletes_the_files_of_the_yadnp3_outstation() {
    let path = Path::new("dnp3_files_yadnp3_outstation", Dnp3Peer::Yadnp3, "bridge");
    let grid = &path.grid;
    let folder = grid.file("files");
    let long = folder.join("long.txt");
    std::fs::create_dir(&folder).and_then(|()| std::fs::write(&long, text())).expect("writable");
    let capture = Capture::start(grid.rtu, &grid.file("rtu.pcapng"));
    let outstation = path.outstation(grid.rtu, &["--files", &folder.display().to_string()]);
    let mut plant = grid.start("plant");
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);

    ask(grid, "get long.txt --out got.txt").good();
    assert_eq!(std::fs::read_to_string(grid.file("got.txt")).expect("it came"), text());
    not_done(grid, "get nothing.txt --out nothing.txt", "refused by the station");
    // It takes no file, and says so.
    not_done(grid, "put new.txt --from got.txt", "refused by the station");
    ask(grid, "delete long.txt").good();
    assert!(!long.exists());
    not_done(grid, "get long.txt --out again.txt", "refused by the station");
    terminate(&mut plant);
    end(outstation);
    assert_clean(&capture.stop(), grid.rtu, Some(OUTSTATION), &[OPEN, CLOSE, DELETE]);
}

#[test]
fn a2_r52_a_yadnp3_master_writes_lists_reads_and_deletes_the_files_of_our_outstation() {
    let path = Path::new("dnp3_files_yadnp3_master", Dnp3Peer::Yadnp3, "bridge");
    let grid = &path.grid;
    let capture = Capture::start(grid.rtu, &grid.file("rtu.pcapng"));
    let station = station(&path);
    let peer = Dnp3Peer::Yadnp3;
    let mut master = peer.master(&grid.station_points(), grid.rtu, &grid.file("master.jsonl"), &["--outstation", "21", "--master", "3"]);
    master.wait_for_line(peer.started(), PATIENCE);
    for (order, answer) in [
        ("put note.txt what a master wrote", "ANSWER put SUCCESS"),
        ("info note.txt", "ANSWER info SUCCESS"),
        ("ls /", "note.txt"),
        // "what a master wrote"
        ("get note.txt", "77686174206120"),
        ("get nothing.txt", "FILE_NOT_FOUND"),
        ("rm note.txt", "ANSWER rm SUCCESS"),
        ("get note.txt", "FILE_NOT_FOUND"),
    ] {
        master.say(order);
        let name = order.split(' ').next().expect("a word");
        let told = master.wait_for_line(&format!("ANSWER {name}"), PATIENCE);
        assert!(told.contains(answer), "{order}: {told}");
    }
    end(master);
    end(station);
    assert_clean(&capture.stop(), grid.rtu, None, &[OPEN, CLOSE, DELETE, GET_INFO]);
}

#[test]
fn a2_r52_files_between_our_binary_and_our_outstation_dissect() {
    let path = Path::new("dnp3_files_ours", Dnp3Peer::Yadnp3, "bridge");
    let grid = &path.grid;
    let capture = Capture::start(grid.rtu, &grid.file("rtu.pcapng"));
    let station = station(&path);
    let mut plant = grid.start("plant");
    plant.wait_for_line("link rtu: interrogation ended", PATIENCE);
    std::fs::write(grid.file("long.txt"), text()).expect("writable");
    ask(grid, "put log/long.txt --from long.txt").good();
    assert!(ask(grid, "list log").good().out.contains("long.txt"));
    ask(grid, "get log/long.txt --out got.txt").good();
    assert_eq!(std::fs::read_to_string(grid.file("got.txt")).expect("it came"), text());
    ask(grid, "delete log/long.txt").good();
    not_done(grid, "get log/long.txt --out again.txt", "refused by the station");
    terminate(&mut plant);
    end(station);
    assert_clean(&capture.stop(), grid.rtu, None, &[OPEN, CLOSE, DELETE]);
}

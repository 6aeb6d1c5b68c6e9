//! The independent 104 peers against each other: what the interop tests stand on is itself tested, without any byte of ours.

use bridge_sim::EntryKind;

use super::{orders, select_and_execute};
use crate::support::{Capture, PATIENCE, Peer, dissect, events, free_port, interop_file, kinds, ledger, scratch, wait_until};

#[test]
fn c104_station_and_ems_tell_one_story_and_the_dissector_agrees() {
    one_story("c104_station_and_ems", Peer::C104, Peer::C104);
}

#[test]
fn iec104_station_and_ems_tell_one_story_and_the_dissector_agrees() {
    one_story("iec104_station_and_ems", Peer::Iec104, Peer::Iec104);
}

#[test]
fn c104_station_and_iec104_ems_tell_one_story_and_the_dissector_agrees() {
    one_story("c104_station_and_iec104_ems", Peer::C104, Peer::Iec104);
}

#[test]
fn iec104_station_and_c104_ems_tell_one_story_and_the_dissector_agrees() {
    one_story("iec104_station_and_c104_ems", Peer::Iec104, Peer::C104);
}

fn one_story(test: &str, of_station: Peer, of_ems: Peer) {
    let folder = scratch(test);
    let port = free_port();
    let points = interop_file("points.json");
    let (station_ledger, ems_ledger) = (folder.join("station.jsonl"), folder.join("ems.jsonl"));
    let capture = Capture::start(port, &folder.join("link.pcapng"));

    // A selection that the client made nothing of is long gone when it selects again: one of the libraries mixes up the two otherwise.
    let mut station = of_station.station(&points, (port, 21), &station_ledger, &["--select-timeout-ms", "2000"]);
    station.wait_for_line("READY", PATIENCE);
    let mut ems = of_ems.ems(&points, (port, 21), &ems_ledger);
    ems.wait_for_line("ANSWER interrogation ACTIVATION_TERMINATION", PATIENCE);

    station.say("burst U1.cb 20 2");
    station.wait_for_line("BURST U1.cb 20", PATIENCE);
    select_and_execute(&mut ems, "set 1101 210", "U1.p_set");
    if of_station.terminates() {
        ems.wait_for_line("ANSWER U1.p_set ACTIVATION_TERMINATION", PATIENCE);
    }
    ems.say("set 1102 300");
    ems.wait_for_line("ANSWER U2.p_set ACTIVATION_CON NEGATIVE", PATIENCE);
    wait_until("the EMS saw all events and the echo", || {
        let seen = ledger(&ems_ledger);
        events(&seen, "U1.cb").len() >= 20 && seen.iter().any(|entry| entry.point == "U1.p_echo" && entry.value == Some(210.0))
    });
    assert!(ems.finish(PATIENCE).success(), "{}", ems.standard_error());
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());
    let capture = capture.stop();

    let (made, seen) = (ledger(&station_ledger), ledger(&ems_ledger));
    assert_eq!(events(&made, "U1.cb").len(), 20);
    assert_eq!(events(&seen, "U1.cb"), events(&made, "U1.cb"));
    let [selects, executes, refused] = orders(&made, "U1.p_set");
    assert!(selects >= 1 && executes == 1 && refused == 0, "{selects} {executes} {refused}");
    assert_eq!(orders(&made, "U2.p_set"), [0, 0, 1]);
    let answers = [EntryKind::Selected, EntryKind::Confirmed, EntryKind::Terminated];
    let told = if of_station.terminates() { &answers[..] } else { &answers[..2] };
    assert!(kinds(&seen, "U1.p_set", &answers).ends_with(told));
    assert_eq!(kinds(&seen, "U2.p_set", &answers), []);
    let echo = seen.iter().rev().find(|entry| entry.point == "U1.p_echo").expect("the echo was told");
    assert_eq!(echo.value, Some(210.0));

    let whole = dissect(&capture, port);
    assert!(whole.clean, "{}", whole.text);
    let damaged = folder.join("damaged.pcapng");
    std::fs::write(&damaged, with_too_many_objects(&std::fs::read(&capture).expect("the capture is there")))
        .expect("the folder is writable");
    let found = dissect(&damaged, port);
    assert!(!found.clean && found.text.contains("Malformed"), "{}", found.text);
}

/// Every frame of double-point information with time tag (type 31) claims five objects where it has one.
fn with_too_many_objects(capture: &[u8]) -> Vec<u8> {
    let mut bytes = capture.to_vec();
    let starts: Vec<usize> = bytes
        .windows(8)
        .enumerate()
        .filter(|(_, window)| window[0] == 0x68 && window[6] == 31 && window[7] & 0x7F == 1)
        .map(|(at, _)| at)
        .collect();
    for at in starts {
        bytes[at + 7] = 5;
    }
    bytes
}

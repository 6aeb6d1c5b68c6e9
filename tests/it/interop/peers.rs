//! The independent 104 peers against each other: what the interop tests stand on is itself tested, without any byte of ours.

use bridge_sim::EntryKind;

use super::{orders, select_and_execute};
use crate::support::{Capture, PATIENCE, Process, dissect, events, free_port, interop_file, kinds, ledger, python, scratch, wait_until};

#[test]
fn c104_station_and_ems_tell_one_story_and_the_dissector_agrees() {
    let folder = scratch("c104_station_and_ems");
    let port = free_port();
    let points = interop_file("points.json");
    let (station_ledger, ems_ledger) = (folder.join("station.jsonl"), folder.join("ems.jsonl"));
    let capture = Capture::start(port, &folder.join("link.pcapng"));

    let mut command = python("c104_server.py");
    command.arg(&points).arg("--port").arg(port.to_string()).arg("--ledger").arg(&station_ledger);
    // A selection that the client made nothing of is long gone when it selects again: the library mixes up the two otherwise.
    command.args(["--select-timeout-ms", "2000"]);
    let mut station = Process::spawn("c104 station", &mut command);
    station.wait_for_line("READY", PATIENCE);
    let mut command = python("c104_client.py");
    command.arg("--points").arg(&points).arg("--port").arg(port.to_string()).arg("--ledger").arg(&ems_ledger);
    let mut ems = Process::spawn("c104 EMS", &mut command);
    ems.wait_for_line("ANSWER interrogation ACTIVATION_TERMINATION", PATIENCE);

    station.say("burst U1.cb 20 2");
    station.wait_for_line("BURST U1.cb 20", PATIENCE);
    select_and_execute(&mut ems, "set 1101 210", "U1.p_set");
    ems.wait_for_line("ANSWER U1.p_set ACTIVATION_TERMINATION", PATIENCE);
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
    assert!(kinds(&seen, "U1.p_set", &answers).ends_with(&answers));
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

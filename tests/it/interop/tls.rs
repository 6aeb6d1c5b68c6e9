//! TLS against the independent 104 stack, which speaks it as a server only.

use crate::cli::kit::command;
use crate::support::{PATIENCE, Papers, Process, free_port, ledger, python, repository, scratch, wait_until};

/// Our controlling station in the part of an EMS.
fn ems(folder: &std::path::Path, port: u16, certificate: &str, file: &str) -> Process {
    let profile = repository().join("cim-profiles/ems-gateway-104").display().to_string();
    let (address, pem, key) = (format!("127.0.0.1:{port}"), format!("{certificate}.pem"), format!("{certificate}.key"));
    let args = [
        "sim",
        "iec104",
        "--role",
        "ems",
        "--profile",
        &profile,
        "--connect",
        &address,
        "--ledger",
        file,
        "--tls-cert",
        &pem,
        "--tls-key",
        &key,
        "--tls-roots",
        "roots.pem",
        "--tls-crl",
        "ca.crl",
        "--tls-server-name",
        "rtu-7.example",
    ];
    let ems = Process::spawn("our EMS", &mut command(folder, &args));
    ems.wait_for_line("READY", PATIENCE);
    ems
}

fn speaks(version: &str, test: &str) {
    let folder = scratch(test);
    let papers = Papers::new(&folder);
    for name in ["rtu-7", "ems-1", "ems-2"] {
        papers.issue(&folder, name, |_| {});
    }
    let port = free_port();
    let mut station = python("c104_tls_server.py");
    station.current_dir(&folder).args(["--port", &port.to_string(), "--version", version]);
    station.args(["--cert", "rtu-7.pem", "--key", "rtu-7.key", "--roots", "roots.pem", "--peer", "ems-1.pem"]);
    let mut station = Process::spawn("c104 station with TLS", &mut station);
    station.wait_for_line("READY", PATIENCE);

    let mut good = ems(&folder, port, "ems-1", "good.jsonl");
    good.wait_for_line("interrogation ended", PATIENCE);
    station.say("change");
    station.wait_for_line("SENT", PATIENCE);
    let seen = |value: f64| ledger(&folder.join("good.jsonl")).iter().any(|entry| entry.value.is_some_and(|v| (v - value).abs() < 0.001));
    wait_until("both values were seen", || seen(50.02) && seen(50.03));

    // Whom the station does not know it refuses, and we say that it did.
    let stranger = ems(&folder, port, "ems-2", "stranger.jsonl");
    let told = stranger.wait_for_line("security: 127.0.0.1:", PATIENCE);
    assert!(told.contains("the peer "), "{told}");
    assert!(!ledger(&folder.join("stranger.jsonl")).iter().any(|entry| entry.value.is_some()));
    assert!(good.finish(PATIENCE).success());
    drop(stranger);
    assert!(station.finish(PATIENCE).success(), "{}", station.standard_error());
}

#[test]
fn a1_r71_our_ems_reads_the_c104_station_over_tls_12() {
    speaks("1.2", "c104_tls_12");
}

#[test]
fn a1_r71_our_ems_reads_the_c104_station_over_tls_13() {
    speaks("1.3", "c104_tls_13");
}

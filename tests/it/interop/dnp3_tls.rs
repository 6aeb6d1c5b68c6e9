//! DNP3 over TLS, both sides proven (IEC 62351-3), against two independent stacks in each role.

use bridge_engine::shell::{Allowed, Tls};
use bridge_model::{Outcome, Quality};
use bridge_session::{Event, Role};

use super::dnp3_kit::{Run, changes, commanded, end, monitored, operate};
use super::dnp3_outstation::serving;
use crate::support::{Dnp3Peer, Line, PATIENCE, Papers, wait_until};

#[test]
fn our_master_reads_and_commands_the_yadnp3_outstation_over_tls() {
    our_master("dnp3_tls_master_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn our_master_reads_and_commands_the_py1815_outstation_over_tls() {
    our_master("dnp3_tls_master_py1815", Dnp3Peer::Py1815);
}

#[test]
fn the_yadnp3_master_reads_our_outstation_over_tls() {
    our_outstation("dnp3_tls_outstation_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn the_py1815_master_reads_our_outstation_over_tls() {
    our_outstation("dnp3_tls_outstation_py1815", Dnp3Peer::Py1815);
}

/// Papers of both sides; ours accepts the other's name only.
fn papers(run: &Run) -> Tls {
    let papers = Papers::new(&run.folder);
    papers.issue(&run.folder, "ours", |_| {});
    papers.issue(&run.folder, "theirs", |_| {});
    let file = |name: &str| run.folder.join(name);
    let mut tls = Tls::new(file("ours.pem"), file("ours.key"), file("roots.pem"));
    tls.crl.push(file("ca.crl"));
    tls.allow.entries.push(Allowed::subject("dns:theirs.example").expect("a name"));
    tls
}

/// The peer's arguments.
fn theirs(run: &Run) -> Vec<String> {
    let file = |name: &str| run.folder.join(name).display().to_string();
    ["--cert".to_owned(), file("theirs.pem"), "--key".to_owned(), file("theirs.key"), "--roots".to_owned(), file("roots.pem")].into()
}

fn our_master(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Client);
    let mut tls = papers(&run);
    tls.server_name = Some("theirs.example".to_owned());
    let mut arguments = theirs(&run);
    if peer == Dnp3Peer::Py1815 {
        arguments.extend(["--peer".to_owned(), run.folder.join("ours.pem").display().to_string()]);
    }
    let mut outstation = run.outstation(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let line = Line::with_tls(run.session(Role::Client, &[]), Role::Client, run.port, tls);
    wait_until("the integrity poll ended", || line.events().contains(&Event::InterrogationEnded));
    outstation.say("burst binary.0 20 1");
    outstation.wait_for_line("BURST", PATIENCE);
    let made: Vec<f64> = changes(&run.ledger("outstation"), "binary.0").into_iter().map(|(value, ..)| value).collect();
    let seen = || -> Vec<f64> {
        let spontaneous = |u: &&bridge_model::PointUpdate| u.point.0 == 0 && u.cause == bridge_model::Cause::Spontaneous;
        line.updates().iter().filter(spontaneous).map(|u| u.value.as_f64()).collect()
    };
    wait_until("the burst came", || seen() == made);
    let (number, row) = commanded()[1];
    assert_eq!(operate(&line, number, row), Outcome::Completed);
    drop(line);
    end(outstation);
}

fn our_outstation(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Server);
    let tls = papers(&run);
    let line = Line::with_tls(run.session(Role::Server, &[]), Role::Server, run.port, tls);
    let mut source = serving(&run, &line);
    let arguments = theirs(&run);
    let master = run.master("master", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let (number, row) = monitored(peer, Role::Server)[0];
    let mut made = Vec::new();
    for value in [1.0, 0.0, 1.0] {
        made.push((value, 0, source.event(number, row, value, Quality::GOOD)));
    }
    wait_until("the events came", || changes(&run.ledger("master"), &row.name()) == made);
    source.assert_all_delivered();
    end(master);
}

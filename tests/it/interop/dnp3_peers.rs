//! The independent DNP3 peers against each other: what the interop tests stand on is itself tested, without any byte of ours.

use std::path::Path;

use bridge_sim::{Entry, EntryKind};

use super::dnp3_kit::{OUTSTATION, end, values};
use crate::support::{Capture, Dnp3Peer, PATIENCE, dissect_dnp3, free_port, interop_file, ledger, scratch, wait_until};

#[test]
fn the_yadnp3_master_and_the_dnp3py_outstation_tell_one_story() {
    one_story("dnp3_yadnp3_and_dnp3py", Dnp3Peer::Dnp3py, Dnp3Peer::Yadnp3);
}

#[test]
fn the_py1815_master_and_the_yadnp3_outstation_tell_one_story() {
    one_story("dnp3_py1815_and_yadnp3", Dnp3Peer::Yadnp3, Dnp3Peer::Py1815);
}

fn told(ledger: &Path, point: &str, cause: &str) -> Vec<f64> {
    let of = |entry: &Entry| entry.point == point && entry.cause.as_deref() == Some(cause);
    crate::support::ledger(ledger).iter().filter(|entry| of(entry)).filter_map(|entry| entry.value).collect()
}

fn one_story(test: &str, of_outstation: Dnp3Peer, of_master: Dnp3Peer) {
    let folder = scratch(test);
    let (port, points) = (free_port(), interop_file("dnp3_points.json"));
    let (made_in, told_in) = (folder.join("outstation.jsonl"), folder.join("master.jsonl"));
    let capture = Capture::start(port, &folder.join("link.pcapng"));
    let mut outstation = of_outstation.outstation(&points, port, &made_in, &["--need-time"]);
    outstation.wait_for_line("READY", PATIENCE);
    let mut master = of_master.master(&points, port, &told_in, &[]);
    master.wait_for_line(of_master.started(), PATIENCE);
    outstation.wait_for_line("TOLD clock", PATIENCE);

    outstation.say("burst U1.trip 20 2");
    outstation.wait_for_line("BURST U1.trip 20", PATIENCE);
    master.say("class 1 2 3");
    wait_until("the master saw the burst", || told(&told_in, "U1.trip", "spontaneous").len() >= 20);
    for (order, answer) in [
        ("set U1.cb_set 0", "ANSWER U1.cb_set SUCCESS"),
        ("set U1.cb_set 0 direct", "ANSWER U1.cb_set NOT_SUPPORTED"),
        ("set U2.p_set 200", "ANSWER U2.p_set SUCCESS"),
        ("set U2.p_set 300", "ANSWER U2.p_set OUT_OF_RANGE"),
    ] {
        master.say(order);
        master.wait_for_line(answer, PATIENCE);
    }
    master.say("freeze");
    // One of the masters reads an integrity poll only up to a double-bit input.
    let mut looks = 0;
    wait_until("the frozen counter and the output's status were read", || {
        // Asked again: a master may put a read before a freeze that was ordered before it.
        if looks % 20 == 0 {
            master.say("read frozen_counter");
            master.say("read analog_output");
        }
        looks += 1;
        told(&told_in, "U1.energy_frozen", "interrogated").last() == Some(&1000.0)
            && told(&told_in, "U2.p_out", "interrogated").last() == Some(&200.0)
    });
    end(master);
    end(outstation);

    let made = ledger(&made_in);
    assert_eq!(told(&told_in, "U1.trip", "spontaneous"), told(&made_in, "U1.trip", "spontaneous"));
    let orders = [EntryKind::Select, EntryKind::Execute, EntryKind::Refused];
    assert_eq!(orders.map(|kind| values(&made, kind, "U1.cb_set").len()), [1, 1, 1]);
    assert_eq!(orders.map(|kind| values(&made, kind, "U2.p_set").len()), [0, 1, 1]);
    let capture = capture.stop();
    let intervals_from = (of_outstation == Dnp3Peer::Yadnp3).then_some(OUTSTATION);
    let whole = dissect_dnp3(&capture, port, intervals_from);
    assert!(whole.clean, "{}", whole.text);
    // What is forgiven to one outstation is forgiven to no other.
    assert_eq!(dissect_dnp3(&capture, port, Some(OUTSTATION + 1)).clean, of_outstation != Dnp3Peer::Yadnp3);
    let damaged = folder.join("damaged.pcapng");
    std::fs::write(&damaged, with_too_many_objects(&std::fs::read(&capture).expect("the capture is there"))).expect("writable");
    let found = dissect_dnp3(&damaged, port, intervals_from);
    assert!(!found.clean, "{}", found.text);
}

/// Every header of binary events without time (g2v1 with a list of indices) claims five objects more; the link's checksums break too.
fn with_too_many_objects(capture: &[u8]) -> Vec<u8> {
    let mut bytes = capture.to_vec();
    let starts: Vec<usize> =
        bytes.windows(3).enumerate().filter(|(_, window)| **window == [2, 1, 0x17] || **window == [2, 1, 0x28]).map(|(at, _)| at).collect();
    assert!(!starts.is_empty());
    for at in starts {
        bytes[at + 3] += 5;
    }
    bytes
}

//! Our master against independent outstations.

use bridge_model::{Cause, Detail, Outcome, PointId, PointUpdate, Refusal, TimeOrigin, Validity};
use bridge_session::{CounterFreeze, Event, Housekeeping, HousekeepingOutcome, Role};
use bridge_sim::EntryKind;

use super::dnp3_kit::{Run, changes, commanded, end, housekeep, monitored, operate, values};
use crate::support::{Dnp3Peer, Line, PATIENCE, wait_until};

#[test]
fn our_master_and_the_yadnp3_outstation_agree_on_every_type() {
    agree("dnp3_values_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn our_master_and_the_dnp3py_outstation_agree_on_every_type() {
    agree("dnp3_values_dnp3py", Dnp3Peer::Dnp3py);
}

#[test]
fn our_master_and_the_py1815_outstation_agree_on_every_type() {
    agree("dnp3_values_py1815", Dnp3Peer::Py1815);
}

#[test]
fn our_master_commands_the_yadnp3_outstation() {
    commands("dnp3_commands_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn our_master_commands_the_dnp3py_outstation() {
    commands("dnp3_commands_dnp3py", Dnp3Peer::Dnp3py);
}

#[test]
fn our_master_commands_the_py1815_outstation() {
    commands("dnp3_commands_py1815", Dnp3Peer::Py1815);
}

#[test]
fn our_master_keeps_house_with_the_yadnp3_outstation() {
    house("dnp3_house_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn our_master_keeps_house_with_the_dnp3py_outstation() {
    house("dnp3_house_dnp3py", Dnp3Peer::Dnp3py);
}

#[test]
fn our_master_keeps_house_with_the_py1815_outstation() {
    house("dnp3_house_py1815", Dnp3Peer::Py1815);
}

/// One of the peers never speaks unasked.
const POLLED: &[(&str, &str)] = &[("poll_1", "100ms"), ("poll_2", "100ms"), ("poll_3", "100ms"), ("response_timeout", "2s")];
const TOLD: &[(&str, &str)] = &[("response_timeout", "2s")];

fn link(peer: Dnp3Peer) -> &'static [(&'static str, &'static str)] {
    if peer == Dnp3Peer::Dnp3py { POLLED } else { TOLD }
}

fn updates(line: &Line, number: u32, cause: Cause) -> Vec<PointUpdate> {
    line.updates().into_iter().filter(|update| update.point == PointId(number) && update.cause == cause).collect()
}

/// Whether a type's changes come as events; the others are seen when they are polled.
fn has_events(peer: Dnp3Peer, of: &str) -> bool {
    match peer {
        Dnp3Peer::Yadnp3 => true,
        Dnp3Peer::Dnp3py => ["binary", "analog", "counter"].contains(&of),
        Dnp3Peer::Py1815 => of != "counter",
    }
}

fn agree(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Client);
    let mut outstation = run.outstation(&[]);
    let line = run.our_master(link(peer));
    for (number, row) in monitored(peer, Role::Client) {
        let told = updates(&line, number, Cause::Interrogated);
        let last = told.last().unwrap_or_else(|| panic!("{} was not read: {:?}", row.name(), line.events()));
        // Only a freeze gives this one a value.
        let frozen = peer == Dnp3Peer::Yadnp3 && row.of == "frozen_counter";
        if !frozen {
            assert_eq!((last.value.as_f64(), last.quality.validity), (row.first, Validity::Good), "{}", row.name());
        }
        // Of the values that are read only one peer's frozen counters have a time: that of the freeze.
        let dated = peer == Dnp3Peer::Py1815 && row.of == "frozen_counter";
        assert_eq!(last.time.origin == TimeOrigin::Device, dated, "{}", row.name());
    }
    for (number, row) in monitored(peer, Role::Client).into_iter().filter(|(_, row)| row.of != "frozen_counter") {
        outstation.say(&format!("set {} {} ONLINE+LOCAL_FORCED", row.name(), row.next));
        let cause = if has_events(peer, row.of) { Cause::Spontaneous } else { Cause::Interrogated };
        wait_until(&format!("{} changed", row.name()), || {
            if cause == Cause::Interrogated {
                housekeep(&line, 1000 + line.events().len() as u64, Housekeeping::Poll(1));
            }
            line.updates().iter().any(|update| update.point == PointId(number) && update.value.as_f64() == row.next)
        });
        let told = line.updates().into_iter().rev().find(|update| update.point == PointId(number)).expect("just seen");
        assert_eq!((told.quality.validity, told.quality.detail), (Validity::Good, Detail::SUBSTITUTED), "{}", row.name());
        if cause == Cause::Spontaneous {
            assert_eq!(told.cause, Cause::Spontaneous, "{}", row.name());
        }
        let made = changes(&run.ledger("outstation"), &row.name());
        let stamped = told.time.origin == TimeOrigin::Device;
        assert_eq!(stamped, is_stamped(peer, row.of), "{}", row.name());
        if stamped {
            assert_eq!(Some(told.time.utc.0), made.last().map(|(_, _, stamp)| *stamp), "{}: {made:?}", row.name());
        }
    }
    outstation.say("burst binary.0 100 1");
    outstation.wait_for_line("BURST binary.0 100", PATIENCE);
    let made = changes(&run.ledger("outstation"), "binary.0");
    assert_eq!(made.len(), 101);
    wait_until("the whole burst came", || updates(&line, 0, Cause::Spontaneous).len() >= made.len());
    let told = updates(&line, 0, Cause::Spontaneous);
    let values: Vec<f64> = told.iter().map(|update| update.value.as_f64()).collect();
    assert_eq!(values, made.iter().map(|(value, ..)| *value).collect::<Vec<_>>(), "each once, in order");
    if is_stamped(peer, "binary") {
        let stamps: Vec<i64> = told.iter().map(|update| update.time.utc.0).collect();
        assert_eq!(stamps, made.iter().map(|(_, _, stamp)| *stamp).collect::<Vec<_>>());
    }
    assert_flags(&run, &mut outstation, &line);
    drop(line);
    end(outstation);
    run.dissect();
}

/// Whether an event carries its time: only one peer has such events of every kind, one has them of counters.
fn is_stamped(peer: Dnp3Peer, of: &str) -> bool {
    match peer {
        Dnp3Peer::Yadnp3 => false,
        Dnp3Peer::Dnp3py => of == "counter",
        Dnp3Peer::Py1815 => of != "counter",
    }
}

/// Every flag of a state and of a measurand arrives, as the octet and in our words.
#[track_caller]
fn assert_flags(run: &Run, outstation: &mut crate::support::Process, line: &Line) {
    const ANALOG: &[(&str, u8)] = &[
        ("good", 0x01),
        ("RESTART", 0x02),
        ("ONLINE+COMM_LOST", 0x05),
        ("ONLINE+REMOTE_FORCED", 0x09),
        ("ONLINE+LOCAL_FORCED", 0x11),
        ("ONLINE+OVER_RANGE", 0x21),
        ("ONLINE+REFERENCE_ERR", 0x41),
    ];
    const BINARY: &[(&str, u8)] = &[("COMM_LOST", 0x04), ("ONLINE+CHATTER", 0x21), ("good", 0x01)];
    for (name, number, cases, state) in [("analog.0", number_of(run.peer, "analog"), ANALOG, 0x00), ("binary.1", 1, BINARY, 0x80)] {
        for (flags, octet) in cases {
            let before = updates(line, number, Cause::Spontaneous).len();
            outstation.say(&format!("set {name} 1 {flags}"));
            wait_until(&format!("{name} {flags}"), || updates(line, number, Cause::Spontaneous).len() > before);
            let told = updates(line, number, Cause::Spontaneous).pop().expect("just seen");
            let made = changes(&run.ledger("outstation"), name);
            assert_eq!(told.quality.raw & !state, u16::from(*octet), "{name} {flags}");
            assert_eq!(Some(told.quality.to_bits()), made.last().map(|(_, quality, _)| *quality), "{name} {flags}");
        }
    }
}

fn number_of(peer: Dnp3Peer, of: &str) -> u32 {
    monitored(peer, Role::Client).into_iter().find(|(_, row)| row.of == of).map(|(number, _)| number).expect("a row")
}

fn commands(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Client);
    let mut outstation = run.outstation(&[]);
    let line = run.our_master(link(peer));
    for (number, row) in commanded() {
        let outcome = operate(&line, number, row);
        let lawful = if row.status == 0 { Outcome::Completed } else { Outcome::Refused(Refusal::Status(row.status)) };
        assert_eq!(outcome, lawful, "{}: {:?}", row.name(), line.events());
        let made = run.ledger("outstation");
        let executed = values(&made, EntryKind::Execute, &row.name());
        assert_eq!(executed, if row.status == 0 { vec![row.value] } else { vec![] }, "{}", row.name());
        assert_eq!(values(&made, EntryKind::Select, &row.name()).len(), usize::from(row.select && row.status == 0), "{}", row.name());
        assert_eq!(values(&made, EntryKind::Refused, &row.name()).len(), usize::from(row.status != 0), "{}", row.name());
    }
    outstation.say("refuse LOCAL");
    outstation.wait_for_line("REFUSES LOCAL", PATIENCE);
    let line = {
        // A fresh link: the commands' identities begin again.
        drop(line);
        run.our_master(link(peer))
    };
    for (number, row) in commanded() {
        assert_eq!(operate(&line, number, row), Outcome::Refused(Refusal::Status(7)), "{}: {:?}", row.name(), line.events());
    }
    drop(line);
    end(outstation);
    run.dissect();
}

fn house(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Client);
    let mut outstation = run.outstation(&["--need-time"]);
    let allow = [link(peer), &[("allow", "clock_sync,counter_freeze,counter_reset,reset")]].concat();
    let line = run.our_master(&allow);
    let told = outstation.wait_for_line("TOLD clock", PATIENCE);
    let clock: i64 = told.split_whitespace().last().and_then(|ms| ms.parse().ok()).expect("milliseconds");
    assert!((clock - line.now().utc.as_millis()).abs() < 2_000, "{told}");

    let done = |id: u64, wish: Housekeeping| {
        let what = format!("{wish}");
        let outcome = housekeep(&line, id, wish);
        assert!(matches!(outcome, HousekeepingOutcome::Done(_)), "{what}: {outcome} {:?}", line.events());
    };
    done(1, Housekeeping::Test);
    done(2, Housekeeping::Poll(0b1111));
    done(3, Housekeeping::Poll(0b0010));
    let analog = number_of(peer, "analog");
    done(4, Housekeeping::Read(PointId(analog)));
    assert!(updates(&line, analog, Cause::Requested).last().is_some_and(|update| update.value.as_f64() == 180.0));
    done(5, Housekeeping::Counters { group: None, freeze: CounterFreeze::Freeze });
    done(6, Housekeeping::Poll(0b1111));
    let frozen = number_of(peer, "frozen_counter");
    wait_until("the frozen counter shows what was counted", || {
        line.updates().iter().rev().find(|u| u.point == PointId(frozen)).is_some_and(|u| u.value.as_f64() == 123_456.0)
    });
    done(7, Housekeeping::SynchroniseClock);
    outstation.wait_for_line("TOLD clock", PATIENCE);
    done(8, Housekeeping::Unsolicited { classes: 0b1110, on: false });
    done(9, Housekeeping::Unsolicited { classes: 0b1110, on: true });

    // A restart is seen by its indication, and everything is read again.
    let polls = || line.events().iter().filter(|event| **event == Event::InterrogationEnded).count();
    let (before, restarts) = (polls(), line.events().iter().filter(|event| **event == Event::PeerRestarted).count());
    outstation.say("restart");
    wait_until("the restart was seen and everything read again", || {
        housekeep(&line, 100 + line.events().len() as u64, Housekeeping::Poll(0b1110));
        polls() > before && line.events().iter().filter(|event| **event == Event::PeerRestarted).count() > restarts
    });
    done(10, Housekeeping::ColdRestart);
    outstation.wait_for_line("TOLD restart cold", PATIENCE);
    drop(line);
    end(outstation);
    run.dissect();
}

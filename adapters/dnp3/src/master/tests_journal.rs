//! R23: while the journal takes nothing, static values are polled on, no event is asked for, taken or confirmed, and everything follows
//! when it takes them again.

use bridge_model::Cause;
use bridge_session::{Event, Request};

use crate::describe;

use super::remote::STATICS_EVERY;
use super::test_kit::{Bench, binary_event, response, spec, started, started_with, unsolicited};

const RESTS: Request = Request::Journal { takes: false };
const TAKES: Request = Request::Journal { takes: true };

/// g1v2 of index 0.
fn binary_static(flags: u8) -> Vec<u8> {
    vec![1, 2, 0, 0, 0, flags]
}

/// A journal that takes nothing any more; DISABLE_UNSOLICITED is answered, and the first poll of static values is out.
fn resting() -> Bench {
    let mut bench = started(&[]);
    bench.durable = false;
    bench.request(RESTS);
    assert_eq!(described(&mut bench), ["DISABLE_UNSOLICITED; g60v2 all; g60v3 all; g60v4 all"]);
    bench.answer([0, 0], &[]);
    bench
}

/// What was asked, without its sequence numbers. The last request stays the last.
fn described(bench: &mut Bench) -> Vec<String> {
    let sent = bench.log();
    let lines = sent.iter().map(|(_, _, fragment)| describe(fragment));
    let lines = lines.map(|line| line.split_once(' ').map_or(line.clone(), |(_, rest)| rest.to_owned())).collect();
    if let Some((at, to, fragment)) = sent.into_iter().last() {
        bench.keep(at, to, fragment);
    }
    lines
}

#[test]
fn r23_dnp3_static_values_are_polled_in_their_interval_and_no_event_is_asked_for() {
    let mut bench = resting();
    assert_eq!(described(&mut bench)[1..], ["READ; g60v1 all"]);
    bench.forget();
    // What it says of waiting events is not followed, and 100 polls stay within no bound of the journal's.
    for _ in 0..100 {
        let seq = bench.next_seq();
        bench.rx(&response(0xC0 | seq, [0x0E, 0], &binary_static(0x81)));
        assert!(described(&mut bench).len() <= 1);
        bench.pass(STATICS_EVERY - std::time::Duration::from_millis(1));
        bench.tx();
        bench.pass_ms(1);
        assert_eq!(described(&mut bench).last().map(String::as_str), Some("READ; g60v1 all"));
        bench.tx();
    }
    assert_eq!((bench.updates.len(), bench.closed.clone()), (100, None));
    assert!(bench.updates.iter().all(|update| update.cause == Cause::Interrogated));
}

#[test]
fn r23_dnp3_fragments_of_static_values_are_confirmed_and_fragments_with_events_never() {
    let mut bench = resting();
    bench.tx();
    let seq = bench.next_seq();
    bench.rx(&response(0xA0 | seq, [0, 0], &binary_static(0x81)));
    assert_eq!(bench.tx(), [format!("seq={seq} CONFIRM")], "the next fragment of them comes only then");
    let seq = bench.next_seq();
    bench.rx(&response(0x60 | seq, [0, 0], &[binary_static(0x81), binary_event(0, 0x81, 1)].concat()));
    assert!(bench.tx().is_empty(), "an event in it, and it is not confirmed");
    bench.rx(&unsolicited(3, [0, 0], &binary_event(0, 0x01, 2)));
    let said = bench.tx();
    assert!(said.iter().all(|line| !line.contains("CONFIRM")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("DISABLE_UNSOLICITED")), "it would put the reading off: {said:?}");
    assert!(bench.updates.iter().all(|update| update.time.utc.0 != 2_000_000), "an unsolicited event is not taken");
    assert!(bench.told().iter().any(|what| what.contains("while the journal takes nothing")));
}

#[test]
fn r23_dnp3_what_waited_for_the_journal_is_not_confirmed_later_and_comes_again_as_new() {
    let mut bench = started(&[]);
    bench.durable = false;
    bench.rx(&unsolicited(3, [0, 0], &binary_event(0, 0x81, 1)));
    let (connection, frame) = bench.frames[0];
    bench.request(RESTS);
    bench.answer([0, 0], &[]);
    bench.answer([0, 0], &binary_static(0x81));
    bench.request(TAKES);
    bench.tx();
    use bridge_session::Session;
    bench.session.handle_durable(connection, frame, bench.now);
    let said = bench.tx();
    assert!(said.iter().all(|line| !line.contains("CONFIRM")), "{said:?}");
    bench.durable = true;
    bench.updates.clear();
    bench.rx(&unsolicited(3, [0, 0], &binary_event(0, 0x81, 1)));
    assert_eq!(bench.updates.len(), 1, "the engine may never have kept it: it is read again");
    assert!(bench.tx().contains(&"seq=3 UNS CONFIRM".to_owned()));
}

#[test]
fn r23_dnp3_everything_is_read_when_the_journal_takes_it_again() {
    let mut bench = resting();
    bench.answer([0, 0], &binary_static(0x81));
    bench.tx();
    bench.durable = true;
    bench.request(TAKES);
    assert_eq!(described(&mut bench), ["READ; g60v2 all; g60v3 all; g60v4 all; g60v1 all"]);
    let seq = bench.next_seq();
    bench.rx(&response(0xE0 | seq, [0, 0], &binary_event(0, 0x01, 7)));
    let said = bench.tx();
    assert_eq!(said[1], format!("seq={seq} CONFIRM"));
    assert!(said[2].contains("ENABLE_UNSOLICITED"), "{said:?}");
    assert!(bench.events().contains(&Event::InterrogationEnded));
}

/// A connection that opens meanwhile is not asked for events either.
#[test]
fn r23_dnp3_a_start_while_the_journal_rests_reads_static_values_alone() {
    let mut bench = Bench::new(&spec(&[]));
    bench.durable = false;
    bench.request(RESTS);
    bench.open();
    for objects in [Vec::new(), binary_static(0x81)] {
        bench.answer([0, 0], &objects);
    }
    let said = described(&mut bench);
    assert_eq!(said, ["DISABLE_UNSOLICITED; g60v2 all; g60v3 all; g60v4 all", "READ; g60v1 all"]);
    assert_eq!(bench.updates.len(), 1);
    bench.request(TAKES);
    assert_eq!(described(&mut bench).last().map(String::as_str), Some("READ; g60v2 all; g60v3 all; g60v4 all; g60v1 all"));
}

#[test]
fn r23_dnp3_the_bound_of_the_journal_does_not_outlast_it() {
    let mut one = spec(&[]);
    one.max_unacked = 2;
    let mut bench = started_with(&one);
    bench.durable = false;
    for seq in 0..2 {
        bench.rx(&unsolicited(seq, [0, 0], &binary_event(0, 0x81, u64::from(seq))));
    }
    bench.request(RESTS);
    bench.answer([0, 0], &[]);
    bench.answer([0, 0], &binary_static(0x81));
    bench.tx();
    bench.request(TAKES);
    assert_eq!(described(&mut bench), ["READ; g60v2 all; g60v3 all; g60v4 all; g60v1 all"]);
}

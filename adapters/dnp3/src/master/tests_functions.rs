//! Housekeeping and files (rows 42 to 44, 47 to 49, 51, 52, 59).

use std::time::Duration;

use bridge_model::{Cause, PointId, Value};
use bridge_session::{CounterFreeze, Event, FileWish, Housekeeping as Wish, HousekeepingOutcome as Outcome, LinkSpec, Parameter, Request};

use super::housekeeping::WAITING_MAX;
use super::test_kit::*;

const ALL: &str = "clock_sync, counter_freeze, counter_reset, reset, assign_class, parameters, files, file_write";

fn allowed() -> Bench {
    started(&[("allow", text(ALL))])
}

fn ask(bench: &mut Bench, wish: Wish) {
    let not_after = bench.now.mono + Duration::from_secs(60);
    bench.request(Request::Housekeep { id: 5, wish, not_after });
}

/// The request that a wish makes, behind its control octet.
fn request_of(bench: &mut Bench, wish: Wish) -> Vec<u8> {
    bench.tx();
    ask(bench, wish);
    let octets = bench.session_last();
    octets[1..].to_vec()
}

impl Bench {
    fn session_last(&mut self) -> Vec<u8> {
        let log = self.log();
        let (at, to, octets) = log.last().expect("something was sent").clone();
        self.keep(at, to, octets.clone());
        octets
    }
}

fn done(note: &str) -> Vec<Outcome> {
    vec![Outcome::Done(note.to_owned())]
}

#[test]
fn a2_r42_counters_are_read_frozen_and_frozen_with_clear() {
    let cases = [
        (CounterFreeze::Read, vec![1, 20, 0, 6, 21, 0, 6]),
        (CounterFreeze::Freeze, vec![7, 20, 0, 6]),
        (CounterFreeze::FreezeReset, vec![9, 20, 0, 6]),
    ];
    for (freeze, octets) in cases {
        let mut bench = allowed();
        assert_eq!(request_of(&mut bench, Wish::Counters { group: None, freeze }), octets);
        bench.answer([0, 0], &[]);
        assert_eq!(bench.kept(), done(""));
    }
    for (group, freeze) in [(None, CounterFreeze::Reset), (Some(1), CounterFreeze::Freeze)] {
        let mut bench = allowed();
        ask(&mut bench, Wish::Counters { group, freeze });
        assert_eq!(bench.kept(), [Outcome::NotPermitted], "DNP3 has no such request");
    }
}

#[test]
fn what_is_not_allowed_by_name_does_not_leave() {
    let wishes = [
        Wish::Counters { group: None, freeze: CounterFreeze::Freeze },
        Wish::SynchroniseClock,
        Wish::Reset,
        Wish::ColdRestart,
        Wish::AssignClass { point: PointId(0), class: 1 },
        Wish::LoadParameter { point: PointId(20), parameter: Parameter::Threshold, value: 1.0, in_operation: true },
        Wish::ReadGroup(1),
        Wish::ActivateParameters { point: None, on: true },
        Wish::CyclicTransmission { point: PointId(0), on: true },
        Wish::Poll(0),
        Wish::Poll(16),
        Wish::Read(PointId(999)),
    ];
    let mut bench = started(&[]);
    for wish in wishes {
        ask(&mut bench, wish);
        assert_eq!(bench.kept(), [Outcome::NotPermitted], "{wish}");
    }
    for wish in [FileWish::Read("a".to_owned()), FileWish::List("/".to_owned()), FileWish::Delete("a".to_owned())] {
        bench.request(Request::File { id: 1, station: None, wish, not_after: bench.now.mono + Duration::from_secs(60) });
        assert_eq!(bench.kept(), [Outcome::NotPermitted]);
    }
    assert!(bench.tx().is_empty());
}

#[test]
fn a2_r43_the_clock_is_set_on_a_lan_with_the_time_of_the_record() {
    let mut bench = allowed();
    let recorded = bench.now.utc.as_millis();
    assert_eq!(request_of(&mut bench, Wish::SynchroniseClock), [24]);
    bench.pass_ms(400);
    bench.answer([0, 0], &[]);
    let octets = bench.session_last();
    assert_eq!(octets[1..6], [2, 50, 3, 7, 1]);
    assert_eq!(octets[6..12], recorded.to_le_bytes()[..6]);
    bench.answer([0, 0], &[]);
    assert_eq!(bench.kept(), done("the clock is set"));
}

#[test]
fn a2_r44_the_clock_is_set_elsewhere_with_half_of_the_way_added() {
    let mut bench = started(&[("allow", text(ALL)), ("time_sync", text("non_lan"))]);
    assert_eq!(request_of(&mut bench, Wish::SynchroniseClock), [23]);
    bench.pass_ms(500);
    // 100 ms of it are the outstation's own: 200 ms for each way.
    bench.answer([0, 0], &[52, 2, 7, 1, 100, 0]);
    let octets = bench.session_last();
    assert_eq!(octets[1..6], [2, 50, 1, 7, 1]);
    assert_eq!(octets[6..12], (bench.now.utc.as_millis() + 200).to_le_bytes()[..6]);
    bench.answer([0, 0], &[]);
    assert_eq!(bench.kept(), done("the clock is set, 200ms away"));

    let mut bench = started(&[("allow", text(ALL)), ("time_sync", text("non_lan"))]);
    ask(&mut bench, Wish::SynchroniseClock);
    bench.answer([0, 0], &[]);
    assert!(matches!(&bench.kept()[..], [Outcome::Refused(why)] if why.contains("holds no delay")), "an answer that cannot be");
}

#[test]
fn a2_r45_an_outstation_that_needs_the_time_gets_it_only_if_the_link_allows_it() {
    let mut bench = allowed();
    bench.rx(&unsolicited(0, [0x10, 0], &[]));
    assert_eq!(bench.tx(), ["seq=0 UNS CONFIRM", "seq=3 RECORD_CURRENT_TIME"]);
    bench.rx(&response(0xC3, [0x10, 0], &[]));
    assert!(bench.tx()[0].starts_with("seq=4 WRITE; g50v3"));
    bench.rx(&response(0xC4, [0x10, 0], &[]));
    assert!(bench.tx().is_empty(), "a bit that stays set is no loop");
    assert!(bench.kept().is_empty(), "nobody asked");

    let mut bench = started(&[]);
    bench.rx(&unsolicited(0, [0x10, 0], &[]));
    assert_eq!(bench.tx(), ["seq=0 UNS CONFIRM"]);
}

#[test]
fn a2_r47_a_restart_is_asked_told_and_waited_for() {
    for (wish, function) in [(Wish::ColdRestart, 13), (Wish::Reset, 14)] {
        let mut bench = started(&[("allow", text(ALL)), ("poll_1", text("1s"))]);
        assert_eq!(request_of(&mut bench, wish), [function]);
        bench.answer([0, 0], &[52, 1, 7, 1, 30, 0]);
        assert_eq!(bench.kept(), done("restarts, and is back in 30s"));
        bench.tx();
        bench.pass(Duration::from_millis(29_900));
        assert!(bench.tx().is_empty(), "it is left alone until then");
        bench.pass_ms(200);
        assert_eq!(bench.tx().len(), 1);
    }
}

#[test]
fn a2_r48_a_point_is_assigned_to_a_class() {
    let mut bench = allowed();
    let request = request_of(&mut bench, Wish::AssignClass { point: PointId(21), class: 2 });
    assert_eq!(request, [22, 60, 3, 6, 30, 0, 1, 1, 0, 1, 0]);
    bench.answer([0, 0x04], &[]);
    assert_eq!(bench.kept(), [Outcome::Refused("PARAMETER_ERROR".to_owned())]);
    ask(&mut bench, Wish::AssignClass { point: PointId(21), class: 4 });
    assert_eq!(bench.kept(), [Outcome::NotPermitted]);
}

#[test]
fn a2_r49_a_dead_band_is_written_in_the_variation_that_the_outstation_has() {
    let wish = |value| Wish::LoadParameter { point: PointId(22), parameter: Parameter::Threshold, value, in_operation: true };
    let mut bench = allowed();
    assert_eq!(request_of(&mut bench, wish(2.5)), [1, 34, 0, 1, 2, 0, 2, 0]);
    bench.answer([0, 0], &[34, 3, 0, 2, 2, 0, 0, 0x80, 0x3F]);
    let octets = bench.session_last();
    assert_eq!(octets[1..], [2, 34, 3, 1, 2, 0, 2, 0, 0, 0, 0x20, 0x40]);
    bench.answer([0, 0], &[]);
    assert_eq!(bench.kept(), done(""));
    assert!(bench.updates.is_empty(), "a dead-band is no value of the point");
    // 2.5 is no whole number: never another than asked for.
    ask(&mut bench, wish(2.5));
    bench.answer([0, 0], &[34, 1, 0, 2, 2, 10, 0]);
    assert!(matches!(&bench.kept()[..], [Outcome::Refused(why)] if why.contains("cannot be said")));
}

#[test]
fn a2_r51_attributes_are_read_as_text() {
    let mut bench = allowed();
    assert_eq!(request_of(&mut bench, Wish::Attributes), [1, 0, 254, 0, 0, 0]);
    let mut objects = vec![0, 242, 0, 0, 0, 1, 4];
    objects.extend(b"1.0\n");
    objects.extend([0, 241, 0, 0, 0, 2, 2, 0, 8]);
    bench.answer([0, 0], &objects);
    assert_eq!(bench.kept(), done("manufacturer's software version: 1.0\\n; maximum receive fragment size: 2048"));
}

#[test]
fn a2_r53_demand_polls_and_reads_of_one_point_are_requested_values() {
    let mut bench = started(&[]);
    assert_eq!(request_of(&mut bench, Wish::Poll(0b0101)), [1, 60, 3, 6, 60, 1, 6]);
    bench.answer([0, 0], &[1, 2, 0, 0, 0, 0x81]);
    assert_eq!(bench.kept(), done(""));
    assert_eq!(request_of(&mut bench, Wish::Read(PointId(23))), [1, 30, 0, 1, 3, 0, 3, 0]);
    bench.answer([0, 0], &[30, 2, 0, 3, 3, 1, 5, 0]);
    assert_eq!(bench.kept(), done(""));
    let updates: Vec<_> = bench.updates.iter().map(|update| (update.point, update.value, update.cause)).collect();
    assert_eq!(updates, [(PointId(0), Value::Bool(true), Cause::Requested), (PointId(23), Value::Int(5), Cause::Requested)]);
}

#[test]
fn unsolicited_responses_are_stopped_and_let_within_the_links_classes() {
    let mut bench = started(&[("unsolicited", text("1,2"))]);
    assert_eq!(request_of(&mut bench, Wish::Unsolicited { classes: 0b1000, on: false }), [21, 60, 4, 6]);
    bench.answer([0, 0], &[]);
    assert_eq!(request_of(&mut bench, Wish::Unsolicited { classes: 0b0010, on: true }), [20, 60, 2, 6]);
    bench.answer([0, 0], &[]);
    assert_eq!(bench.kept(), [Outcome::Done(String::new()), Outcome::Done(String::new())]);
    ask(&mut bench, Wish::Unsolicited { classes: 0b1000, on: true });
    assert_eq!(bench.kept(), [Outcome::NotPermitted]);
}

#[test]
fn a_test_asks_the_link_layer() {
    let mut bench = started(&[]);
    ask(&mut bench, Wish::Test);
    assert!(bench.tx().is_empty(), "no request of the application");
    assert_eq!(bench.kept(), done(""));
    bench.deaf.insert(10);
    bench.pass_ms(1);
    ask(&mut bench, Wish::Test);
    bench.pass_ms(4900);
    assert!(bench.kept().is_empty());
    bench.pass_ms(200);
    let kept = bench.kept();
    assert!(matches!(&kept[..], [Outcome::Unanswered | Outcome::LinkDown]), "{kept:?}");
}

#[test]
fn a_request_ends_unanswered_refused_expired_busy_or_with_the_link() {
    let mut bench = allowed();
    ask(&mut bench, Wish::Read(PointId(0)));
    bench.pass_ms(5001);
    assert_eq!(bench.kept(), [Outcome::Unanswered]);

    // A change waits for the line and its time runs out.
    let mut bench = allowed();
    bench.request(Request::Interrogate);
    bench.request(Request::Housekeep { id: 5, wish: Wish::Reset, not_after: bench.now.mono + Duration::from_secs(2) });
    bench.pass_ms(2001);
    assert_eq!(bench.kept(), [Outcome::Expired]);
    bench.tx();
    bench.rx(&response(0xC3, [0, 0], &[]));
    assert!(bench.tx().is_empty());

    let mut bench = allowed();
    for _ in 0..=WAITING_MAX {
        ask(&mut bench, Wish::Read(PointId(0)));
    }
    assert_eq!(bench.kept(), [Outcome::Busy]);
    bench.close();
    assert_eq!(bench.kept(), vec![Outcome::LinkDown; WAITING_MAX]);
    ask(&mut bench, Wish::Read(PointId(0)));
    assert_eq!(bench.kept(), [Outcome::LinkDown]);

    let mut bench = allowed();
    ask(&mut bench, Wish::Reset);
    bench.close();
    assert_eq!(bench.kept(), [Outcome::Indeterminate], "it left and would change the outstation");
}

#[test]
fn a2_r59_a_challenged_request_is_refused_in_words() {
    let mut bench = allowed();
    ask(&mut bench, Wish::Reset);
    bench.answer([0, 0], &[120, 1, 0x5B, 1, 4, 0, 1, 2, 3, 4]);
    assert_eq!(bench.kept(), [Outcome::Refused("it asks for secure authentication, which is not supported".to_owned())]);
}

/// A file command's answer: g70v4.
fn file(handle: u32, block_max: u16, status: u8) -> Vec<u8> {
    let mut objects = vec![70, 4, 0x5B, 1, 13, 0];
    objects.extend(handle.to_le_bytes());
    objects.extend(0_u32.to_le_bytes());
    objects.extend(block_max.to_le_bytes());
    objects.extend([0, 0, status]);
    objects
}

/// A block: g70v5.
fn block(handle: u32, number: u32, octets: &[u8]) -> Vec<u8> {
    let mut objects = vec![70, 5, 0x5B, 1];
    objects.extend(u16::try_from(8 + octets.len()).unwrap().to_le_bytes());
    objects.extend(handle.to_le_bytes());
    objects.extend(number.to_le_bytes());
    objects.extend(octets);
    objects
}

/// A block's state: g70v6.
fn state(handle: u32, number: u32, status: u8) -> Vec<u8> {
    let mut objects = vec![70, 6, 0x5B, 1, 9, 0];
    objects.extend(handle.to_le_bytes());
    objects.extend(number.to_le_bytes());
    objects.push(status);
    objects
}

const LAST: u32 = 1 << 31;

fn ask_file(bench: &mut Bench, wish: FileWish) {
    let not_after = bench.now.mono + Duration::from_secs(60);
    bench.request(Request::File { id: 9, station: None, wish, not_after });
}

fn parts(bench: &mut Bench) -> (Vec<u8>, Vec<Outcome>) {
    let (mut octets, mut outcomes) = (Vec::new(), Vec::new());
    for event in bench.events() {
        if let Event::FilePart { id: 9, octets: part } = event {
            octets.extend(part);
        } else if let Event::Housekept { id: 9, outcome } = event {
            outcomes.push(outcome);
        }
    }
    (octets, outcomes)
}

#[test]
fn a2_r52_a_file_is_read_block_by_block_and_closed() {
    let mut bench = allowed();
    ask_file(&mut bench, FileWish::Read("log.txt".to_owned()));
    let open = bench.session_last();
    assert_eq!((open[1], &open[2..6]), (25, &[70, 3, 0x5B, 1][..]));
    assert!(open.ends_with(b"log.txt"));
    bench.answer([0, 0], &file(7, 4, 0));
    let read = bench.session_last();
    assert_eq!((read[1], &read[2..]), (1, &block(7, 0, &[])[..]));
    bench.answer([0, 0], &block(7, 0, b"abcd"));
    let read = bench.session_last();
    assert_eq!(&read[2..], &block(7, 1, &[])[..]);
    bench.answer([0, 0], &block(7, 1 | LAST, b"ef"));
    assert_eq!(bench.session_last()[1], 26);
    bench.answer([0, 0], &file(7, 0, 0));
    assert_eq!(parts(&mut bench), (b"abcdef".to_vec(), done("6 octets")));
}

#[test]
fn a2_r52_a_directory_reads_as_names() {
    let descriptor = |name: &[u8], kind: u8| {
        let mut object = vec![20, 0, u8::try_from(name.len()).unwrap(), 0, kind, 0];
        object.extend([0; 14]);
        object.extend(name);
        object
    };
    let mut bench = allowed();
    ask_file(&mut bench, FileWish::List("/".to_owned()));
    bench.answer([0, 0], &file(7, 100, 0));
    // A descriptor may lie across blocks.
    let content = [descriptor(b"a\n.txt", 1), descriptor(b"sub", 0)].concat();
    let (first, second) = content.split_at(30);
    bench.answer([0, 0], &block(7, 0, first));
    bench.answer([0, 0], &block(7, 1 | LAST, second));
    bench.answer([0, 0], &file(7, 0, 0));
    assert_eq!(parts(&mut bench), (b"a?.txt\nsub/\n".to_vec(), done(&format!("{} octets", content.len()))));
}

#[test]
fn a2_r52_a_file_is_written_and_one_is_deleted() {
    let mut bench = allowed();
    ask_file(&mut bench, FileWish::Write { name: "new".to_owned(), octets: b"abcdef".to_vec() });
    assert_eq!(bench.session_last()[1], 25);
    bench.answer([0, 0], &file(3, 4, 0));
    let write = bench.session_last();
    assert_eq!((write[1], &write[2..]), (2, &block(3, 0, b"abcd")[..]));
    bench.answer([0, 0], &state(3, 0, 0));
    assert_eq!(&bench.session_last()[2..], &block(3, 1 | LAST, b"ef")[..]);
    bench.answer([0, 0], &state(3, 1 | LAST, 0));
    assert_eq!(bench.session_last()[1], 26);
    bench.answer([0, 0], &file(3, 0, 0));
    assert_eq!(parts(&mut bench), (Vec::new(), done("6 octets")));

    ask_file(&mut bench, FileWish::Delete("new".to_owned()));
    assert_eq!(bench.session_last()[1], 27);
    bench.answer([0, 0], &file(0, 0, 3));
    assert_eq!(parts(&mut bench).1, [Outcome::Refused("FILE_NOT_FOUND".to_owned())]);
}

#[test]
fn a2_r52_what_an_outstation_may_not_say_about_a_file_ends_it_and_the_handle_is_given_back() {
    let cases: [(Vec<u8>, &str); 6] = [
        (block(8, 0, b"a"), "block of handle 8 instead of 7"),
        (block(7, 1, b"a"), "block 1 instead of 0"),
        (block(7, 0, b"abcde"), "a block of 5 octets, and 4 were agreed"),
        (state(7, 0, 17), "HANDLE_EXPIRED"),
        (Vec::new(), "the answer holds no state of the file"),
        (state(7, 0, 200), "file status 200"),
    ];
    for (answer, why) in cases {
        let mut bench = allowed();
        ask_file(&mut bench, FileWish::Read("x".to_owned()));
        bench.answer([0, 0], &file(7, 4, 0));
        bench.answer([0, 0], &answer);
        assert_eq!(bench.session_last()[1], 26, "{why}");
        bench.answer([0, 0], &file(7, 0, 0));
        assert_eq!(parts(&mut bench), (Vec::new(), vec![Outcome::Refused(why.to_owned())]));
    }
    // Nothing was opened: nothing is given back.
    for (answer, why) in [(file(0, 0, 1), "PERMISSION_DENIED"), (file(0, 4, 0), "the handle is 0")] {
        let mut bench = allowed();
        ask_file(&mut bench, FileWish::Read("x".to_owned()));
        bench.answer([0, 0], &answer);
        assert_eq!(parts(&mut bench).1, [Outcome::Refused(why.to_owned())]);
        assert_eq!(bench.session_last()[1], 25);
    }
    let mut bench = allowed();
    ask_file(&mut bench, FileWish::Read("x".to_owned()));
    bench.answer([0, 0], &file(7, 60_000, 0));
    assert_eq!(bench.session_last()[1], 26);
    bench.answer([0, 0], &file(7, 0, 0));
    assert!(matches!(&parts(&mut bench).1[..], [Outcome::Refused(why)] if why.starts_with("blocks of 60000 octets")));
}

#[test]
fn a2_r43_nothing_comes_between_the_record_and_its_time() {
    // A restart to be cleared and an integrity poll wait too.
    let mut bench = allowed();
    bench.rx(&unsolicited(0, [0x90, 0], &[]));
    assert_eq!(bench.tx(), ["seq=0 UNS CONFIRM", "seq=3 RECORD_CURRENT_TIME"]);
    bench.rx(&response(0xC3, [0x90, 0], &[]));
    let sent = bench.tx();
    assert!(sent[0].starts_with("seq=4 WRITE; g50v3"), "{sent:?}");
    bench.rx(&response(0xC4, [0x80, 0], &[]));
    let sent = bench.tx();
    assert!(sent[0].starts_with("seq=5 WRITE; g80v1"), "{sent:?}");
}

/// On a line with several outstations a request about files says whose.
#[test]
fn a2_r52_a_file_of_one_of_several_outstations() {
    let params = [("allow".to_owned(), text("files"))].into_iter().collect();
    let mut bench = started_with(&LinkSpec { params, ..line_of(2, &[]) });
    let not_after = bench.now.mono + Duration::from_secs(60);
    for (station, said) in [(None, "name one of 10, 11"), (Some(12), "no outstation 12")] {
        bench.request(Request::File { id: 9, station, wish: FileWish::Read("log".to_owned()), not_after });
        let kept = bench.kept();
        assert!(matches!(&kept[..], [Outcome::Refused(why)] if why.contains(said)), "{kept:?}");
        assert!(bench.tx().is_empty());
    }
    bench.request(Request::File { id: 9, station: Some(11), wish: FileWish::Read("log".to_owned()), not_after });
    let said = bench.tx();
    assert!(said.len() == 1 && said[0].starts_with("11: ") && said[0].contains("OPEN_FILE"), "{said:?}");
}

/// An outstation that refuses its time and says nothing more is given it again within the rest of stubborn ones.
#[test]
fn a2_r45_a_refused_time_is_written_again_without_another_response() {
    let mut bench = started(&[("allow", text("clock_sync")), ("keep_alive", text("0s"))]);
    bench.rx(&unsolicited(0, [0x10, 0], &[]));
    let mut written = 0;
    for _ in 0..200 {
        let sent = bench.tx();
        if sent.iter().any(|line| line.contains("RECORD_CURRENT_TIME")) {
            bench.answer_seq([0x10, 0]);
        } else if sent.iter().any(|line| line.contains("WRITE")) {
            written += 1;
            bench.answer_seq([0x10, 4]);
        }
        bench.pass_ms(1000);
    }
    assert!((3..=5).contains(&written), "about once a minute: {written}");
}

//! Events: rows 26 to 29, 46; R16.

use std::collections::BTreeMap;

use bridge_model::{PointId, Quality, TimeFlags, TimeOrigin, Timestamp, Value};
use bridge_session::{Event, Publish, PublishClass, Request};

use crate::app::{FragmentView, Function, Iin};
use crate::objects::DnpTime;
use crate::outstation::buffer::{EVENT_WINDOW, Entry, Put, Wanted, runs};
use crate::outstation::image::Image;
use crate::outstation::test_kit::*;

const CLASS_1: [u8; 3] = [60, 2, 6];
const ALL: [u8; 9] = [60, 2, 6, 60, 3, 6, 60, 4, 6];

/// Group and index of each event of a body.
fn told(body: &[u8]) -> Vec<(u8, u32)> {
    let octets = [&[0xC0, 129, 0, 0], body].concat();
    let view = FragmentView::response(&octets).unwrap();
    let of = |header: crate::app::HeaderView<'_>| header.objects().map(|object| (header.header.group, object.index)).collect::<Vec<_>>();
    view.headers().flat_map(|header| of(header.unwrap())).collect()
}

fn delivered(bench: &mut Bench) -> Vec<(u64, u64)> {
    let of = |event| if let Event::DeliveredOf(first, last) = event { Some((first, last)) } else { None };
    bench.events().into_iter().filter_map(of).collect()
}

fn stamped(bench: &mut Bench, point: u32, on: bool, number: u64, time: Timestamp) {
    let (value, quality, class) = (Value::Bool(on), Quality::GOOD, PublishClass::Event(number));
    let publish = Publish { point: PointId(point), value, quality, time, class, spontaneous: true, return_info: false };
    bench.request(Request::Publish(vec![publish]));
}

#[test]
fn a2_r27_an_event_leaves_only_after_its_own_confirmation() {
    let mut bench = Bench::quiet(&[]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(7));
    let got = bench.ask(Function::Read, &CLASS_1);
    assert_eq!((told(&got.body), got.control.con, got.iin), (vec![(2, 0)], true, Iin(0)));
    let seq = got.control.seq;
    for wrong in [[0xC0 | (seq + 1) & 15, 0], [0xC0 | (seq + 15) & 15, 0], [0xD0 | seq, 0]] {
        bench.rx(&wrong);
        assert_eq!(delivered(&mut bench), [], "{wrong:?}");
    }
    bench.confirm(got.control);
    assert_eq!(delivered(&mut bench), [(7, 7)]);
    bench.confirm(got.control);
    assert_eq!(delivered(&mut bench), [], "once");
    assert_eq!(bench.ask(Function::Read, &CLASS_1).body, []);
}

/// The CONFIRM of the first answer may be on its way: it must not take an event that only the second answer holds.
#[test]
fn a2_r27_a_read_that_comes_twice_is_answered_in_the_same_octets() {
    for datagrams in [false, true] {
        let mut bench = Bench::quiet(&[]);
        bench.datagrams = datagrams;
        bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
        let seq = bench.send(Function::Read, &CLASS_1);
        let first = bench.tx();
        bench.publish(BINARY + 1, Value::Bool(true), PublishClass::Event(2));
        bench.rx(&request(seq, Function::Read, &CLASS_1));
        assert_eq!((bench.tx(), first.len()), (first.clone(), 1), "datagrams {datagrams}");
        bench.confirm(first[0].control);
        assert_eq!(delivered(&mut bench), [(1, 1)]);
        // Once more, and its CONFIRM too: by datagram it is late. On a connection it is a new request.
        bench.rx(&request(seq, Function::Read, &CLASS_1));
        if datagrams {
            assert_eq!(bench.tx(), []);
            bench.confirm(first[0].control);
        } else {
            assert_eq!(told(&bench.tx()[0].body), [(2, 1)]);
        }
        assert_eq!(delivered(&mut bench), []);
        let got = bench.ask(Function::Read, &CLASS_1);
        assert_eq!(told(&got.body), [(2, 1)]);
        bench.confirm(got.control);
        assert_eq!(delivered(&mut bench), [(2, 2)]);
    }
}

/// An answer that was never confirmed is given again, whatever was sent meanwhile.
#[test]
fn a2_r27_a_read_that_comes_again_after_its_confirmation_was_overdue_is_answered_anew() {
    let mut bench = Bench::quiet(&[("confirm_timeout", text("1s"))]);
    bench.datagrams = true;
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let seq = bench.send(Function::Read, &CLASS_1);
    assert_eq!(bench.tx().len(), 1);
    bench.pass_ms(1000);
    bench.publish(BINARY + 1, Value::Bool(true), PublishClass::Event(2));
    bench.rx(&request(seq, Function::Read, &CLASS_1));
    let again = bench.tx();
    assert_eq!(told(&again[0].body), [(2, 0), (2, 1)]);
    bench.confirm(again[0].control);
    assert_eq!(delivered(&mut bench), [(1, 2)]);
}

#[test]
fn a2_r26_a_confirmation_that_does_not_come_in_time_keeps_the_events() {
    let mut bench = Bench::quiet(&[("confirm_timeout", text("3s"))]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let first = bench.ask(Function::Read, &CLASS_1);
    bench.pass_ms(2999);
    assert_eq!(bench.told(), Vec::<String>::new());
    bench.pass_ms(1);
    assert!(bench.told()[0].contains("did not confirm"));
    bench.confirm(first.control);
    assert_eq!(delivered(&mut bench), [], "too late");
    let again = bench.ask(Function::Read, &CLASS_1);
    assert_eq!(again.body, first.body);
    bench.confirm(again.control);
    assert_eq!(delivered(&mut bench), [(1, 1)]);
}

#[test]
fn a2_r27_after_a_lost_link_events_are_offered_again_and_a_new_request_gives_up_the_old_answer() {
    let mut bench = Bench::quiet(&[]);
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let first = bench.ask(Function::Read, &CLASS_1);
    bench.close();
    bench.open();
    let second = bench.ask(Function::Read, &CLASS_1);
    assert_eq!(second.body, first.body);
    let third = bench.ask(Function::Read, &CLASS_1);
    assert_eq!(third.body, first.body, "a READ instead of the CONFIRM");
    bench.confirm(second.control);
    assert_eq!(delivered(&mut bench), [], "that answer was given up");
    bench.confirm(third.control);
    assert_eq!(delivered(&mut bench), [(1, 1)]);
}

#[test]
fn a2_r28_a_scan_is_in_the_order_of_the_classes_asked_for_and_in_each_by_entry() {
    let mut bench = Bench::quiet(&[]);
    let points = [(ANALOG + 1, None), (BINARY + 2, Some(1)), (COUNTER, None), (DOUBLE, Some(2)), (BINARY + 2, Some(3)), (ANALOG, None)];
    for (point, number) in points {
        bench.publish(point, Value::Int(i64::from(point % 2)), number.map_or(PublishClass::Latest, PublishClass::Event));
    }
    let expected = vec![(2, 2), (4, 0), (2, 2), (32, 1), (32, 0), (22, 0)];
    let got = bench.ask(Function::Read, &ALL);
    assert_eq!(told(&got.body), expected);
    bench.pass_ms(5000);
    let other_way = bench.ask(Function::Read, &[60, 4, 6, 60, 3, 6]);
    assert_eq!(told(&other_way.body), [(22, 0), (32, 1), (32, 0)]);
    bench.pass_ms(5000);
    // By type over the classes, and no more than asked for.
    assert_eq!(told(&bench.ask(Function::Read, &[4, 0, 6, 2, 0, 0x07, 1]).body), [(4, 0), (2, 2)]);
    bench.pass_ms(5000);
    assert_eq!(told(&bench.ask(Function::Read, &[60, 2, 0x08, 2, 0]).body), [(2, 2), (4, 0)]);
}

#[test]
fn r16_a_value_waits_once_with_its_newest_state() {
    let mut bench = Bench::quiet(&[]);
    for value in [1, 2, 3] {
        bench.publish(ANALOG, Value::Int(value), PublishClass::Latest);
        bench.publish(ANALOG + 1, Value::Int(value), PublishClass::Latest);
    }
    let first = bench.ask(Function::Read, &[32, 2, 6]);
    assert_eq!(first.body, [32, 2, 0x28, 2, 0, 0, 0, 1, 3, 0, 1, 0, 1, 3, 0]);
    // While it is on its way a newer one waits behind it; not confirmed, the newer one takes its place.
    bench.publish(ANALOG, Value::Int(4), PublishClass::Latest);
    bench.pass_ms(5000);
    let again = bench.ask(Function::Read, &[32, 2, 6]);
    assert_eq!(again.body, [32, 2, 0x28, 2, 0, 1, 0, 1, 3, 0, 0, 0, 1, 4, 0]);
    bench.publish(ANALOG, Value::Int(5), PublishClass::Latest);
    bench.confirm(again.control);
    assert_eq!(bench.ask(Function::Read, &[32, 2, 6]).body, [32, 2, 0x28, 1, 0, 0, 0, 1, 5, 0]);
}

#[test]
fn a2_r46_relative_times_count_from_a_common_time_that_says_whether_it_is_synchronised() {
    let mut bench = Bench::quiet(&[]);
    let at = |ms: i64, flags| Timestamp { flags, ..Timestamp::by_device(bridge_model::Utc::from_millis(UTC_START_MS + ms)) };
    let fine = TimeFlags(0);
    let times = [
        at(0, fine),
        at(65_535, fine),
        at(65_536, fine),
        at(65_000, fine),
        at(65_001, TimeFlags::NOT_SYNCHRONISED),
        at(0, TimeFlags::INVALID),
    ];
    for (number, time) in (1..).zip(times) {
        stamped(&mut bench, BINARY, true, number, time);
    }
    let common = |variation: u8, ms: i64| {
        let time = DnpTime::from_millis(u64::try_from(UTC_START_MS + ms).unwrap()).unwrap();
        [&[51, variation, 0x07, 1][..], &time.octets()].concat()
    };
    let expected = [
        common(1, 0),
        vec![2, 3, 0x28, 2, 0, 0, 0, 0x81, 0, 0, 0, 0, 0x81, 0xFF, 0xFF],
        common(1, 65_536),
        vec![2, 3, 0x28, 1, 0, 0, 0, 0x81, 0, 0],
        common(1, 65_000),
        vec![2, 3, 0x28, 1, 0, 0, 0, 0x81, 0, 0],
        common(2, 65_001),
        vec![2, 3, 0x28, 1, 0, 0, 0, 0x81, 0, 0],
        // A time that is none is not told as one.
        vec![2, 1, 0x28, 1, 0, 0, 0, 0x81],
    ];
    assert_eq!(bench.ask(Function::Read, &[2, 3, 6]).body, expected.concat());
}

fn common_time(variation: u8, ms: i64) -> Vec<u8> {
    let time = DnpTime::from_millis(u64::try_from(ms).unwrap()).unwrap();
    [&[51, variation, 0x07, 1][..], &time.octets()].concat()
}

/// What an integrity poll of the bridge found is no event of its source, and no line of the sequence of events (R20).
#[test]
fn r20_a_stamp_that_is_not_the_sources_own_is_not_told_as_one() {
    let mut bench = Bench::quiet(&[]);
    let (time, invalid) = (Timestamp::at_receipt(bench.now.utc), TimeFlags::INVALID);
    let found = |point: u32, time| {
        let (value, quality, class) = (Value::Bool(true), Quality::GOOD, PublishClass::Latest);
        Publish { point: PointId(point), value, quality, time, class, spontaneous: true, return_info: false }
    };
    let told_again = Timestamp { flags: invalid, ..time };
    bench.request(Request::Publish(vec![found(BINARY, time), found(BINARY + 1, told_again)]));
    stamped(&mut bench, BINARY + 2, true, 1, Timestamp { flags: invalid, ..Timestamp::by_device(time.utc) });
    let got = bench.ask(Function::Read, &ALL);
    let view = [&[0xC0, 129, 0, 0], &got.body[..]].concat();
    let headers = FragmentView::response(&view).unwrap();
    let variations: Vec<(u8, u8)> = headers.headers().map(|header| header.unwrap().header).map(|of| (of.group, of.variation)).collect();
    assert!(!variations.is_empty() && variations.iter().all(|of| *of == (2, 1)), "{variations:?}: no time at all");
    assert_eq!(told(&got.body).len(), 3);
}

/// The time of a change that its source did not stamp, or whose clock was not synchronised, is told as what it is.
#[test]
fn a2_r46_a_time_that_is_not_synchronised_is_told_with_that_mark() {
    let mut bench = Bench::quiet(&[]);
    let own = Timestamp::by_device(bench.now.utc);
    let flagged = |flags| Timestamp { flags, ..own };
    let times = [Timestamp::at_receipt(bench.now.utc), flagged(TimeFlags::SUBSTITUTED), flagged(TimeFlags::NOT_SYNCHRONISED), own];
    for (number, time) in (1..).zip(times) {
        stamped(&mut bench, BINARY, true, number, time);
    }
    stamped(&mut bench, DOUBLE, true, 5, times[2]);
    stamped(&mut bench, DOUBLE, true, 6, own);
    let time = DnpTime::from_millis(u64::try_from(UTC_START_MS).unwrap()).unwrap().octets();
    let relative = [0, 0, 0x81, 0, 0].repeat(3);
    let expected = [
        common_time(2, UTC_START_MS),
        [&[2, 3, 0x28, 3, 0][..], &relative].concat(),
        [&[2, 2, 0x28, 1, 0, 0, 0, 0x81][..], &time].concat(),
    ];
    assert_eq!(bench.ask(Function::Read, &[2, 0, 6]).body, expected.concat());
    bench.pass_ms(5000);
    // Asked for by name it is told in the same way: an absolute time has no mark.
    assert_eq!(bench.ask(Function::Read, &[2, 2, 6]).body, expected.concat());
    bench.pass_ms(5000);
    let got = bench.ask(Function::Read, &[4, 0, 6]).body;
    assert_eq!(got[..10], common_time(2, UTC_START_MS));
    assert_eq!(got[10..20], [4, 3, 0x28, 1, 0, 0, 0, 0x81, 0, 0]);
    assert_eq!((got[20], got[21], &got[28..]), (4, 2, &time[..]));
}

/// Quantities and output statuses have no relative time: without the mark they have none.
#[test]
fn a2_r46_where_there_is_no_mark_there_is_no_time() {
    let mut bench = Bench::quiet(&[]);
    let publish = |point: u32, flags| {
        let (value, quality, class) = (Value::Int(7), Quality::GOOD, PublishClass::Latest);
        let time = Timestamp { flags, ..Timestamp::by_device(bridge_model::Utc::from_millis(UTC_START_MS)) };
        Publish { point: PointId(point), value, quality, time, class, spontaneous: true, return_info: false }
    };
    let unsure = TimeFlags::NOT_SYNCHRONISED;
    bench.request(Request::Publish(vec![publish(ANALOG, unsure), publish(ANALOG + 1, TimeFlags(0)), publish(COUNTER, unsure)]));
    let got = bench.ask(Function::Read, &[32, 3, 6, 22, 5, 6]).body;
    let time = DnpTime::from_millis(u64::try_from(UTC_START_MS).unwrap()).unwrap().octets();
    let untimed = [32, 1, 0x28, 1, 0, 0, 0, 1, 7, 0, 0, 0];
    let timed = [&[32, 3, 0x28, 1, 0, 1, 0, 1, 7, 0, 0, 0][..], &time].concat();
    assert_eq!(got, [&untimed[..], &timed, &[22, 1, 0x28, 1, 0, 0, 0, 1, 7, 0, 0, 0]].concat());
}

#[test]
fn r21_stamps_are_in_the_zone_of_the_link() {
    let mut spec = spec(&[("unsolicited", text(""))]);
    spec.zone = bridge_model::Zone::Ist;
    let mut bench = Bench::with(&spec, Box::new(crate::MemoryFiles::default()));
    bench.open();
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    let ist = DnpTime::from_millis(u64::try_from(UTC_START_MS).unwrap() + 19_800_000).unwrap().octets();
    assert_eq!(bench.ask(Function::Read, &[2, 2, 6]).body[8..], ist);
    assert_eq!(Timestamp::at_receipt(bench.now.utc).origin, TimeOrigin::Bridge);
}

#[test]
fn a2_r29_an_event_beyond_the_window_is_told_and_shown_until_there_is_room() {
    let mut bench = Bench::quiet(&[]);
    for number in 1..=EVENT_WINDOW as u64 + 1 {
        bench.publish(BINARY + 1, Value::Bool(number.is_multiple_of(2)), PublishClass::Event(number));
    }
    assert_eq!(bench.told(), [format!("event {} of point 1 found no room: {EVENT_WINDOW} wait already", EVENT_WINDOW + 1)]);
    let mut overflow = Vec::new();
    let mut numbers = Vec::new();
    loop {
        let got = bench.ask(Function::Read, &CLASS_1);
        overflow.push(got.iin.contains(Iin::EVENT_BUFFER_OVERFLOW));
        bench.confirm(got.control);
        numbers.extend(delivered(&mut bench));
        if got.control.fin {
            break;
        }
        bench.tx();
    }
    assert_eq!(overflow[..2], [true, false], "cleared once there is room");
    assert_eq!(numbers.first(), Some(&(1, 226)), "as many as one fragment holds");
}

#[test]
fn contiguous_numbers_are_told_as_runs() {
    assert_eq!(runs(&[1, 2, 3, 5, 6, 9]).collect::<Vec<_>>(), [(1, 3), (5, 6), (9, 9)]);
    assert_eq!(runs(&[u64::MAX]).collect::<Vec<_>>(), [(u64::MAX, u64::MAX)]);
    assert_eq!(runs(&[]).count(), 0);
}

/// A small generator: the same events for the same seed.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Confirmations get lost, links break, answers are given up; the ledger is the master's own.
#[test]
fn a2_r27_nothing_is_lost_and_the_order_of_each_class_is_kept_under_loss() {
    for seed in 1..=20_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut bench = Bench::quiet(&[("allow", text("assign_class"))]);
        assert_eq!(bench.ask(Function::AssignClass, &[60, 3, 6, 1, 0, 0x00, 1, 1, 60, 4, 6, 1, 0, 0x00, 2, 2]).iin, Iin(0));
        let (mut published, mut told_to_engine) = (0_u64, Vec::new());
        // What the master took, by point: the seconds of the stamps, in the order of taking.
        let mut ledger: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        let mut sent: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for round in 0..400 {
            if round < 300 {
                for _ in 0..next(&mut state) % 6 {
                    published += 1;
                    let point = u32::try_from(next(&mut state) % 3).unwrap();
                    let ms = UTC_START_MS + i64::try_from(published).unwrap();
                    let time = Timestamp::by_device(bridge_model::Utc::from_millis(ms));
                    stamped(&mut bench, BINARY + point, published.is_multiple_of(2), published, time);
                    sent.entry(point).or_default().push(u64::try_from(ms).unwrap());
                }
            }
            let body: &[u8] = match next(&mut state) % 3 {
                0 => &ALL,
                1 => &CLASS_1,
                _ => &[60, 3, 0x07, 3, 60, 2, 0x07, 2],
            };
            let got = bench.ask(Function::Read, body);
            match next(&mut state) % 5 {
                0 => bench.pass_ms(5000),
                1 => {
                    bench.close();
                    bench.open();
                }
                // Not confirmed: the next READ comes instead.
                2 => {}
                _ => {
                    if got.control.con {
                        take(&got.body, &mut ledger);
                        bench.confirm(got.control);
                        for rest in bench.tx() {
                            take(&rest.body, &mut ledger);
                            bench.confirm(rest.control);
                        }
                    }
                }
            }
            told_to_engine.extend(delivered(&mut bench));
        }
        while let Some(got) = Some(bench.ask(Function::Read, &ALL)).filter(|got| !got.body.is_empty()) {
            take(&got.body, &mut ledger);
            bench.confirm(got.control);
            told_to_engine.extend(delivered(&mut bench));
        }
        assert_eq!(ledger, sent, "seed {seed}: each once, in order");
        let mut numbers: Vec<u64> = told_to_engine.iter().flat_map(|(first, last)| *first..=*last).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..=published), "seed {seed}: the bridge is told of each once");
        assert_eq!(delivered(&mut bench), [], "seed {seed}");
    }
}

/// The stamps of g2v2 objects, by index.
fn take(body: &[u8], ledger: &mut BTreeMap<u32, Vec<u64>>) {
    let octets = [&[0xC0, 129, 0, 0], body].concat();
    let view = FragmentView::response(&octets).unwrap();
    for header in view.headers() {
        let header = header.unwrap();
        assert_eq!((header.header.group, header.header.variation), (2, 2));
        for object in header.objects() {
            let time = DnpTime::from_octets(object.payload.octets()[1..].try_into().unwrap());
            ledger.entry(object.index).or_default().push(time.millis());
        }
    }
}

/// What cannot be said holds nobody up, is told, and is never called delivered.
#[test]
fn a2_r28_an_event_that_cannot_be_said_is_told_and_not_delivered() {
    let mut bench = Bench::quiet(&[]);
    for number in 1..=3 {
        bench.publish(BINARY, Value::Bool(number % 2 == 1), PublishClass::Event(number));
    }
    let station = bench.session.stations.iter_mut().find(|station| station.address == OUTSTATION).unwrap();
    let (lot, before) = (station.buffer.lot(), station.buffer.horizon());
    let wanted = Wanted { classes: 0b1110, of: None, before };
    let put = |held: &Entry, _: &Image| if held.number == Some(2) { Put::Unsaid } else { Put::Said };
    assert_eq!(station.buffer.offer(wanted, u64::MAX, lot, &mut station.image, put), (2, true));
    assert_eq!(station.buffer.confirm(lot), [1, 3], "of these alone it is said that they are delivered");
    assert_eq!(station.buffer.waiting(1), 0);
    bench.request(Request::System(bridge_session::SystemState::default()));
    let all = bench.events();
    assert!(matches!(&all[..], [Event::Refused { what }, Event::Undeliverable(2)] if what.contains("binary 0 cannot be said")), "{all:?}");
}

/// What is to be said against a value is said in a variation with flags, though another was asked for.
#[test]
fn a2_r57_an_event_that_is_not_good_needs_a_variation_with_flags() {
    let mut bench = Bench::quiet(&[]);
    for (number, quality) in [(1, Quality::GOOD), (2, Quality::GOOD.stale())] {
        let (time, class) = (Timestamp::by_device(bench.now.utc), PublishClass::Event(number));
        let point = PointId(COUNTER);
        let publish = Publish { point, value: Value::Int(7), quality, time, class, spontaneous: true, return_info: false };
        bench.request(Request::Publish(vec![publish]));
    }
    let got = bench.ask(Function::Read, &[22, 5, 6]);
    assert_eq!(told(&got.body), [(22, 0), (22, 0)], "{:?}", got.body);
    bench.confirm(got.control);
    assert_eq!(delivered(&mut bench), [(1, 2)]);
}

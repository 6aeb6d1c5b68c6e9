//! READ: rows 17, 20 to 25, 55 to 57.

use bridge_model::{Detail, DoublePoint, PointId, Quality, Timestamp, Validity, Value};
use bridge_session::{AddressUse, Field, LinkSpec, Publish, PublishClass, Request, SystemState};

use crate::app::{FragmentView, Function, Iin, IndexWidth, Qualifier};
use crate::objects::Variation;
use crate::outstation::MemoryFiles;
use crate::outstation::test_kit::*;

/// Group, variation, qualifier of each header of a body.
fn headers(body: &[u8]) -> Vec<(u8, u8, u8)> {
    let octets = [&[0xC0, 129, 0, 0], body].concat();
    let view = FragmentView::response(&octets).unwrap();
    view.headers().map(|header| header.unwrap().header).map(|header| (header.group, header.variation, header.qualifier.octet())).collect()
}

fn indexes(body: &[u8]) -> Vec<u32> {
    let octets = [&[0xC0, 129, 0, 0], body].concat();
    let view = FragmentView::response(&octets).unwrap();
    view.headers().flat_map(|header| header.unwrap().objects().map(|object| object.index).collect::<Vec<_>>()).collect()
}

fn publish_all(bench: &mut Bench) {
    for i in 0..4 {
        bench.publish(BINARY + i, Value::Bool(i % 2 == 0), PublishClass::Latest);
        bench.publish(ANALOG + i, Value::Real32(1.5), PublishClass::Latest);
    }
    for i in 0..2 {
        bench.publish(DOUBLE + i, Value::Double(DoublePoint::On), PublishClass::Latest);
        bench.publish(OUTPUT + i, Value::Bool(true), PublishClass::Latest);
        bench.publish(SETPOINT + i, Value::Int(7), PublishClass::Latest);
    }
    for i in 0..3 {
        bench.publish(COUNTER + i, Value::Int(1000), PublishClass::Latest);
    }
}

#[test]
fn a2_r24_class_0_is_every_type_with_its_default_variation() {
    let mut bench = Bench::quiet(&[]);
    publish_all(&mut bench);
    let got = bench.ask(Function::Read, &[60, 1, 6]);
    assert_eq!(headers(&got.body), [(1, 2, 1), (3, 2, 1), (10, 2, 1), (20, 1, 1), (30, 5, 1), (40, 3, 1)]);
    assert_eq!(indexes(&got.body), [0, 1, 2, 3, 0, 1, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1]);
    assert!(!got.control.con && got.control.fin, "static values need no confirmation");
    assert_eq!(got.body[..11], [1, 2, 1, 0, 0, 3, 0, 0x81, 0x01, 0x81, 0x01]);
}

#[test]
fn a2_r55_every_variation_of_every_type_is_read_as_asked() {
    let mut bench = Bench::quiet(&[("allow", text("counter_freeze"))]);
    publish_all(&mut bench);
    assert_eq!(bench.ask(Function::ImmediateFreeze, &[20, 0, 6, 30, 0, 6]).iin, Iin(0x0E));
    let mut read = 0;
    for variation in Variation::all().iter().filter(|variation| matches!(variation.group, 1 | 3 | 10 | 20 | 21 | 30 | 31 | 34 | 40)) {
        let (group, number) = (variation.group, variation.variation);
        let got = bench.ask(Function::Read, &[group, number, 6]);
        assert_eq!(headers(&got.body), [(group, number, 1)], "g{group}v{number}");
        assert_eq!(got.iin.0 >> 8, 0, "g{group}v{number}");
        read += 1;
    }
    assert_eq!(read, 37);
}

#[test]
fn a2_r55_every_variation_of_every_event_is_read_as_asked() {
    for variation in Variation::all().iter().filter(|variation| matches!(variation.group, 2 | 4 | 11 | 22 | 32 | 42)) {
        let mut bench = Bench::quiet(&[]);
        publish_all(&mut bench);
        let (group, number) = (variation.group, variation.variation);
        let got = bench.ask(Function::Read, &[group, number, 6]);
        let last = headers(&got.body).pop().unwrap();
        assert_eq!((last.0, last.1, last.2), (group, number, 0x28), "g{group}v{number}");
        assert!(got.control.con, "events are confirmed");
    }
}

#[test]
fn a2_r22_r23_qualifiers_name_what_they_name_and_ranges_are_clipped() {
    let mut bench = Bench::quiet(&[]);
    publish_all(&mut bench);
    let mut ask = |body: &[u8]| {
        let got = bench.ask(Function::Read, body);
        (indexes(&got.body), Iin(got.iin.0 & 0xFF00))
    };
    let fine = Iin(0);
    assert_eq!(ask(&[1, 0, 0x00, 1, 2]), (vec![1, 2], fine));
    assert_eq!(ask(&[1, 0, 0x01, 1, 0, 2, 0]), (vec![1, 2], fine));
    assert_eq!(ask(&[1, 0, 0x02, 1, 0, 0, 0, 2, 0, 0, 0]), (vec![1, 2], fine));
    assert_eq!(ask(&[1, 0, 0x17, 2, 3, 0]), (vec![3, 0], fine));
    assert_eq!(ask(&[1, 0, 0x28, 1, 0, 2, 0]), (vec![2], fine));
    assert_eq!(ask(&[1, 0, 0x07, 2]), (vec![0, 1], fine));
    assert_eq!(ask(&[1, 0, 0x00, 2, 9]), (vec![2, 3], Iin::PARAMETER_ERROR), "what there is, and that there is no more");
    assert_eq!(ask(&[1, 0, 0x00, 5, 9]), (vec![], Iin::PARAMETER_ERROR));
    assert_eq!(ask(&[1, 0, 0x17, 2, 3, 9]), (vec![3], Iin::PARAMETER_ERROR));
    assert_eq!(ask(&[2, 0, 0x00, 0, 1]), (vec![], Iin::PARAMETER_ERROR), "events have no range");
    assert_eq!(ask(&[60, 1, 0x07, 1]), (vec![], Iin::PARAMETER_ERROR));
}

#[test]
fn b2_28_a_range_that_ends_before_it_begins_is_a_parameter_error() {
    let mut bench = Bench::quiet(&[]);
    for (body, wrong) in [
        (&[1, 0, 0x00, 5, 4][..], Iin::PARAMETER_ERROR),
        (&[1, 0, 0x05, 0], Iin::PARAMETER_ERROR),
        (&[1, 0], Iin::PARAMETER_ERROR),
        (&[1, 0, 0x07, 0], Iin::PARAMETER_ERROR),
        (&[99, 1, 6], Iin::OBJECT_UNKNOWN),
        (&[1, 3, 6], Iin::OBJECT_UNKNOWN),
        (&[85, 1, 6], Iin::OBJECT_UNKNOWN),
        (&[120, 1, 6], Iin::OBJECT_UNKNOWN),
        (&[12, 1, 6], Iin::OBJECT_UNKNOWN),
        (&[112, 0, 6], Iin::OBJECT_UNKNOWN),
    ] {
        let got = bench.ask(Function::Read, body);
        assert_eq!((got.iin, got.body.as_slice()), (wrong, &[][..]), "{body:?}");
    }
}

#[test]
fn a2_r55_what_is_right_in_a_read_is_answered_beside_what_is_wrong() {
    let mut bench = Bench::quiet(&[]);
    let got = bench.ask(Function::Read, &[99, 1, 6, 1, 2, 0, 0, 0, 113, 4, 6]);
    assert_eq!((indexes(&got.body), got.iin), (vec![0], Iin::OBJECT_UNKNOWN));
}

/// As many points as indexes.
fn large() -> LinkSpec {
    let mut spec = spec(&[("unsolicited", text(""))]);
    spec.points = (0..65_536).map(|i| point(i, AddressUse::Monitor, "analog", i, &[])).collect();
    spec
}

#[test]
fn a2_r25_b2_29_a_read_of_everything_is_fragments_each_confirmed() {
    let mut bench = Bench::with(&large(), Box::new(MemoryFiles::default()));
    bench.open();
    let got = bench.read(&[30, 0, 0x02, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
    let all: Vec<u32> = got.iter().flat_map(|got| indexes(&got.body)).collect();
    assert!(all.iter().copied().eq(0..65_536));
    for (at, got) in got.iter().enumerate() {
        let last = at + 1 == 162;
        assert_eq!((got.control.fir, got.control.fin, got.control.con), (at == 0, last, !last), "fragment {at}");
        assert_eq!(usize::from(got.control.seq), (1 + at) % 16);
    }
    assert_eq!(got.len(), 162);
}

/// Many fragments are there to be sent; without a confirmation one is.
#[test]
fn b2_29_a_request_that_is_not_confirmed_costs_one_fragment() {
    let mut bench = Bench::with(&large(), Box::new(MemoryFiles::default()));
    bench.open();
    bench.ask(Function::Read, &[30, 0, 6]);
    let body = [[30, 0, 6]; 60].concat();
    let (mut sent, requests) = (0, 50);
    let used = allocation_counter::measure(|| {
        for _ in 0..requests {
            bench.send(Function::Read, &body);
            sent += bench.tx().len();
        }
    });
    assert_eq!(sent, requests);
    let max = i64::try_from(requests).unwrap() * 40_000;
    assert!(used.bytes_current < 20_000 && i64::try_from(used.bytes_total).unwrap() < max, "{used:?}");
}

#[test]
fn b2_32_a_thousand_headers_are_not_a_thousand_images() {
    let mut bench = Bench::quiet(&[]);
    let got = bench.ask(Function::Read, &[[60, 1, 6]; 65].concat());
    assert_eq!((got.iin, got.body.len(), got.control.fin), (Iin::PARAMETER_ERROR, 0, true));
}

#[test]
fn a2_r56_a_point_has_its_own_variations_and_a_master_may_ask_for_others() {
    let mut spec = spec(&[("unsolicited", text(""))]);
    let own = [("static", text("g30v2")), ("event", text("g32v4"))];
    spec.points = (0..3).map(|i| point(i, AddressUse::Monitor, "analog", i, if i == 1 { &own } else { &[] })).collect();
    let mut bench = Bench::with(&spec, Box::new(MemoryFiles::default()));
    bench.open();
    for point in 0..3 {
        bench.publish(point, Value::Real(7.4), PublishClass::Latest);
    }
    assert_eq!(headers(&bench.ask(Function::Read, &[30, 0, 6]).body), [(30, 5, 1), (30, 2, 1), (30, 5, 1)]);
    assert_eq!(headers(&bench.ask(Function::Read, &[30, 1, 6]).body), [(30, 1, 1)]);
    let events = bench.ask(Function::Read, &[60, 3, 6]);
    assert_eq!(headers(&events.body), [(32, 7, 0x28), (32, 4, 0x28), (32, 7, 0x28)]);
}

fn publish(bench: &mut Bench, point: u32, value: Value, quality: Quality) {
    let time = Timestamp::by_device(bench.now.utc);
    let (class, spontaneous) = (PublishClass::Latest, false);
    bench.request(Request::Publish(vec![Publish { point: PointId(point), value, quality, time, class, spontaneous, return_info: false }]));
}

#[test]
fn a2_r57_a_packed_point_that_is_not_plainly_on_line_goes_out_with_flags() {
    let mut bench = Bench::quiet(&[]);
    publish_all(&mut bench);
    publish(&mut bench, BINARY + 1, Value::Bool(true), Quality::GOOD.stale());
    let got = bench.ask(Function::Read, &[1, 1, 6]);
    let expected = [&[1, 1, 1, 0, 0, 0, 0, 0x01][..], &[1, 2, 1, 1, 0, 1, 0, 0x85], &[1, 1, 1, 2, 0, 3, 0, 0x01]].concat();
    assert_eq!(got.body, expected);
}

#[test]
fn r19_what_is_lost_or_never_read_is_never_good() {
    let mut bench = Bench::quiet(&[]);
    let flags = |bench: &mut Bench| bench.ask(Function::Read, &[30, 2, 0x00, 0, 0]).body[7];
    assert_eq!(flags(&mut bench), 0x06, "never read: RESTART, COMM_LOST, not ONLINE");
    for (quality, expected) in [
        (Quality::GOOD, 0x01),
        (Quality::GOOD.stale(), 0x05),
        (Quality::GOOD.stale().worsened(Validity::Invalid, Detail::OLD_DATA), 0x04),
        (Quality::GOOD.worsened(Validity::Invalid, Detail::FAILURE), 0x40),
        (Quality::GOOD.worsened(Validity::Questionable, Detail::OUT_OF_RANGE), 0x21),
        (Quality::GOOD.worsened(Validity::Good, Detail::SUBSTITUTED), 0x09),
    ] {
        publish(&mut bench, ANALOG, Value::Int(5), quality);
        assert_eq!(flags(&mut bench), expected, "{quality:?}");
    }
}

#[test]
fn r18_a_test_value_never_reaches_a_master() {
    let mut bench = Bench::quiet(&[]);
    publish(&mut bench, ANALOG, Value::Int(5), Quality::GOOD);
    publish(&mut bench, ANALOG, Value::Int(9), Quality::GOOD.worsened(Validity::Good, Detail::TEST));
    assert_eq!(bench.ask(Function::Read, &[30, 2, 0x00, 0, 0]).body[7..], [0x01, 5, 0]);
    let time = Timestamp::by_device(bench.now.utc);
    let quality = Quality::GOOD.worsened(Validity::Good, Detail::TEST);
    let (point, class) = (PointId(BINARY), PublishClass::Event(4));
    bench.request(Request::Publish(vec![Publish {
        point,
        value: Value::Bool(true),
        quality,
        time,
        class,
        spontaneous: true,
        return_info: false,
    }]));
    assert_eq!(bench.events(), [bridge_session::Event::DeliveredOf(4, 4)], "nobody waits for it");
    assert_eq!(bench.ask(Function::Read, &[2, 0, 6]).body, []);
}

#[test]
fn a2_r20_r21_indications_tell_how_the_system_stands() {
    let mut bench = Bench::new(&[("unsolicited", text(""))]);
    let iin = |bench: &mut Bench| bench.ask(Function::Read, &[1, 2, 0, 0, 0]).iin;
    assert_eq!(iin(&mut bench), Iin::DEVICE_RESTART);
    bench.clear_restart();
    assert_eq!(iin(&mut bench), Iin(0));
    for (system, expected) in [
        (SystemState { overflow: true, ..SystemState::default() }, Iin::EVENT_BUFFER_OVERFLOW),
        (SystemState { local: true, ..SystemState::default() }, Iin::LOCAL_CONTROL),
        (SystemState { trouble: true, ..SystemState::default() }, Iin::DEVICE_TROUBLE),
        (SystemState { unsynchronised: true, ..SystemState::default() }, Iin::NEED_TIME),
    ] {
        bench.request(Request::System(system));
        assert_eq!(iin(&mut bench), expected);
    }
    bench.request(Request::System(SystemState::default()));
    bench.publish(BINARY, Value::Bool(true), PublishClass::Event(1));
    bench.publish(ANALOG, Value::Int(3), PublishClass::Latest);
    bench.publish(COUNTER, Value::Int(3), PublishClass::Latest);
    assert_eq!(iin(&mut bench), Iin(0x0E));
    let got = bench.ask(Function::Read, &[80, 1, 6]);
    assert_eq!(got.body, [80, 1, 1, 0, 0, 15, 0, 0x0E, 0x00]);
}

#[test]
fn a2_r51_attributes_are_read_one_by_one_all_and_as_a_list() {
    let mut bench = Bench::quiet(&[]);
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let expected = [&[0, 242, 1, 0, 0, 0, 0, 1, u8::try_from(version.len()).unwrap()][..], version].concat();
    assert_eq!(bench.ask(Function::Read, &[0, 242, 0x00, 0, 0]).body, expected);
    assert_eq!(bench.ask(Function::Read, &[0, 240, 6]).body, [0, 240, 1, 0, 0, 0, 0, 2, 2, 0, 8]);
    assert_eq!(bench.ask(Function::Read, &[0, 239, 6]).body, [0, 239, 1, 0, 0, 0, 0, 2, 1, 4]);
    let all: Vec<u8> = headers(&bench.ask(Function::Read, &[0, 254, 6]).body).iter().map(|(_, variation, _)| *variation).collect();
    let list = bench.ask(Function::Read, &[0, 255, 6]).body;
    assert_eq!(list[..9], [0, 255, 1, 0, 0, 0, 0, 254, 50]);
    assert!(list[9..].chunks(2).map(|pair| pair[0]).eq(all) && list[9..].chunks(2).all(|pair| pair[1] == 0));
    assert_eq!(bench.ask(Function::Read, &[0, 200, 6]).iin, Iin::OBJECT_UNKNOWN);
    assert_eq!(bench.ask(Function::Read, &[0, 242, 0x00, 1, 1]).iin, Iin::PARAMETER_ERROR, "there is one set");
}

#[test]
fn a2_r49_dead_bands_are_read_and_written() {
    let mut bench = Bench::quiet(&[("allow", text("parameters"))]);
    assert_eq!(bench.ask(Function::Write, &[34, 1, 0x17, 1, 2, 10, 0]).iin, Iin(0));
    let got = bench.ask(Function::Read, &[34, 2, 0x00, 1, 2]);
    assert_eq!(got.body, [34, 2, 1, 1, 0, 2, 0, 0, 0, 0, 0, 10, 0, 0, 0]);
    for value in [100.0, 109.0, 111.0, 102.0] {
        bench.publish(ANALOG + 2, Value::Real(value), PublishClass::Latest);
    }
    // 100 and 111 are told as one event with the newest of both; 109 and 102 lie within the dead-band.
    let got = bench.ask(Function::Read, &[32, 1, 6]);
    assert_eq!(got.body, [32, 1, 0x28, 1, 0, 2, 0, 1, 111, 0, 0, 0]);
    assert_eq!(bench.ask(Function::Write, &[34, 1, 0x17, 1, 9, 10, 0]).iin.without(Iin(0xFF)), Iin::PARAMETER_ERROR);
    let mut closed = Bench::quiet(&[]);
    assert_eq!(closed.ask(Function::Write, &[34, 1, 0x17, 1, 2, 10, 0]).iin, Iin::OBJECT_UNKNOWN);
    assert_eq!(closed.ask(Function::Read, &[34, 1, 0x00, 2, 2]).body[7..], [0, 0]);
}

#[test]
fn a2_r22_answers_use_indexes_of_two_octets() {
    assert_eq!(Qualifier::StartStop(IndexWidth::Two).octet(), 1);
    let mut bench = Bench::quiet(&[("max_transmit", Field::Int(249))]);
    publish_all(&mut bench);
    assert!(headers(&bench.ask(Function::Read, &[60, 1, 6]).body).iter().all(|(_, _, qualifier)| *qualifier == 1));
}

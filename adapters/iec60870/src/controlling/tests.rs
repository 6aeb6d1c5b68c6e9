//! Start, interrogation, values, receipts, and what closes a connection.

use bridge_model::{Cause as UpdateCause, Detail, DoublePoint, PointId, TimeOrigin, Utc, Validity, Value};
use bridge_session::{Field, LinkState, Role};

use super::*;
use crate::test_kit::*;

fn opened(params: &[(&str, Field)]) -> Bench<Controlling> {
    let mut bench = Bench::new(Controlling::new(&spec(Role::Client, params)));
    bench.open();
    bench
}

/// Started, interrogation answered.
pub(super) fn started(params: &[(&str, Field)]) -> Bench<Controlling> {
    let mut bench = opened(params);
    bench.tx();
    bench.rx_u(Function::StartCon);
    bench.tx();
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[20])));
    bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[20])));
    bench.forget();
    bench
}

fn single_frame(ioa: u32) -> Vec<u8> {
    asdu(1, 1, 3, 21, &object(ioa, &[1]))
}

#[test]
fn a1_r14_start_is_sent_on_open_and_supervised() {
    let mut bench = opened(&[]);
    assert_eq!(bench.events(), [Event::LinkState(LinkState::Connected)]);
    assert_eq!(bench.tx(), ["U STARTDT act"]);
    bench.pass_ms(14_999);
    assert_eq!(bench.closed(), None);
    bench.pass_ms(1);
    assert_eq!(bench.closed(), Some((false, "timer expired: t1 (15s): no confirmation of STARTDT or STOPDT".to_owned())));
    bench.close();
    let events = bench.events();
    assert!(matches!(&events[0], Event::Closed { cause, .. } if cause.contains("t1")));
    assert_eq!(events[1], Event::LinkState(LinkState::Down));
}

#[test]
fn a1_r14_a1_r45_started_interrogates_at_once() {
    let mut bench = opened(&[]);
    bench.tx();
    bench.events();
    bench.rx_u(Function::StartCon);
    assert_eq!(bench.tx(), ["I ns=0 nr=0 C_IC_NA_1 act ca=21 ioa=0 qoi=20"]);
    assert_eq!(bench.events(), [Event::LinkState(LinkState::Started)]);
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[20])));
    assert_eq!(bench.events(), [Event::InterrogationBegan]);
    bench.rx_i(&asdu(13, 1, 20, 21, &object(1000, &[0, 0, 0, 0x40, 0])));
    assert_eq!((bench.updates[0].cause, bench.updates[0].value), (UpdateCause::Interrogated, Value::Real32(2.0)));
    // Concurrent spontaneous values are lawful.
    bench.rx_i(&single_frame(100));
    assert_eq!(bench.updates[1].cause, UpdateCause::Spontaneous);
    bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[20])));
    assert_eq!(bench.events(), [Event::InterrogationEnded]);
}

#[test]
fn a1_r44_interrogation_awaits_the_end_of_initialisation_or_its_timer() {
    let mut bench = opened(&[("ei_wait", text("5s"))]);
    bench.tx();
    bench.rx_u(Function::StartCon);
    assert!(bench.tx().is_empty());
    bench.rx_i(&asdu(70, 1, 4, 21, &object(0, &[0])));
    assert!(bench.events().contains(&Event::PeerRestarted));
    assert_eq!(bench.tx().last().unwrap(), "I ns=0 nr=1 C_IC_NA_1 act ca=21 ioa=0 qoi=20");

    let mut bench = opened(&[("ei_wait", text("5s"))]);
    bench.tx();
    bench.rx_u(Function::StartCon);
    bench.pass_ms(4_999);
    assert!(bench.tx().is_empty());
    bench.pass_ms(1);
    assert_eq!(bench.tx(), ["I ns=0 nr=0 C_IC_NA_1 act ca=21 ioa=0 qoi=20"]);
}

#[test]
fn a1_r44_a1_r62_a_restart_of_the_station_is_told_and_read_again() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(70, 1, 4, 21, &object(0, &[2])));
    assert_eq!(bench.events(), [Event::PeerRestarted]);
    assert!(bench.tx()[0].contains("C_IC_NA_1 act"));
    // Announced again while the first answer runs: the image is read once more afterwards.
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[20])));
    bench.rx_i(&asdu(70, 1, 4, 21, &object(0, &[2])));
    bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[20])));
    assert!(bench.tx().iter().any(|line| line.contains("C_IC_NA_1 act")));
}

#[test]
fn a1_r45_an_interrogation_fails_when_refused_unanswered_or_never_ended() {
    let negative = [asdu(100, 1, 7 | 0x40, 21, &object(0, &[20])), asdu(100, 1, 46 | 0x40, 21, &object(0, &[20]))];
    for refusal in negative {
        let mut bench = started(&[]);
        bench.request(Request::Interrogate);
        bench.tx();
        bench.rx_i(&refusal);
        assert_eq!(bench.events(), [Event::InterrogationFailed]);
    }
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.tx();
    bench.rx_s(2);
    bench.pass_ms(9_999);
    assert!(bench.events().is_empty());
    bench.pass_ms(1);
    assert_eq!(bench.events(), [Event::InterrogationFailed]);

    let mut bench = started(&[("gi_timeout", text("10s"))]);
    bench.request(Request::Interrogate);
    bench.tx();
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[20])));
    for _ in 0..4 {
        bench.pass_ms(9_000);
        bench.rx_i(&asdu(1, 1, 20, 21, &object(100, &[0])));
    }
    assert_eq!(bench.events(), [Event::InterrogationBegan], "values keep it alive");
    bench.pass_ms(10_000);
    assert_eq!(bench.events(), [Event::InterrogationFailed]);
}

#[test]
fn a1_r62_interrogation_on_request_and_not_twice_at_once() {
    let mut bench = started(&[]);
    for _ in 0..100 {
        bench.request(Request::Interrogate);
    }
    assert_eq!(bench.tx().len(), 1);
    bench.close();
    bench.request(Request::Interrogate);
    assert!(bench.events().contains(&Event::InterrogationFailed), "not started");
}

#[test]
fn several_common_addresses_are_read_in_turn_as_one_interrogation() {
    let mut link = spec(Role::Client, &[]);
    link.points[0].address.insert("ca".to_owned(), Field::Int(22));
    let mut bench = Bench::new(Controlling::new(&link));
    bench.open();
    bench.tx();
    bench.rx_u(Function::StartCon);
    bench.events();
    assert!(bench.tx()[0].contains("ca=21"));
    bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[20])));
    bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[20])));
    assert_eq!(bench.events(), [Event::InterrogationBegan]);
    assert!(bench.tx().iter().any(|line| line.contains("C_IC_NA_1 act ca=22")));
    bench.rx_i(&asdu(100, 1, 7, 22, &object(0, &[20])));
    bench.rx_i(&asdu(100, 1, 10, 22, &object(0, &[20])));
    assert_eq!(bench.events(), [Event::InterrogationEnded]);
}

#[test]
fn a1_r45_a_common_address_that_is_not_read_does_not_keep_the_others_from_it() {
    // 22 of three does not know itself, refuses, is silent, or never ends.
    for kind in 0..4 {
        let mut link = spec(Role::Client, &[]);
        link.points[0].address.insert("ca".to_owned(), Field::Int(22));
        link.points[1].address.insert("ca".to_owned(), Field::Int(23));
        let mut bench = Bench::new(Controlling::new(&link));
        bench.open();
        bench.tx();
        bench.rx_u(Function::StartCon);
        let round = |bench: &mut Bench<Controlling>| {
            let asked = |bench: &mut Bench<Controlling>, ca: u16| {
                let line = format!("C_IC_NA_1 act ca={ca} ");
                let lines = bench.tx();
                assert!(lines.iter().any(|sent| sent.contains(&line)), "kind {kind}, {ca} is not asked: {lines:?}");
            };
            asked(bench, 21);
            bench.rx_i(&asdu(100, 1, 7, 21, &object(0, &[20])));
            bench.rx_i(&asdu(100, 1, 10, 21, &object(0, &[20])));
            asked(bench, 22);
            match kind {
                0 => bench.rx_i(&asdu(100, 1, 46 | 0x40, 22, &object(0, &[20]))),
                1 => bench.rx_i(&asdu(100, 1, 7 | 0x40, 22, &object(0, &[20]))),
                2 => bench.pass_ms(10_000),
                _ => {
                    bench.rx_i(&asdu(100, 1, 7, 22, &object(0, &[20])));
                    for _ in 0..6 {
                        bench.pass_ms(10_000);
                        if bench.tx().iter().any(|line| line == "U TESTFR act") {
                            bench.rx_u(Function::TestCon);
                        }
                        if bench.nr >= 3 {
                            break;
                        }
                    }
                }
            }
            if kind < 3 {
                asked(bench, 23);
            }
            bench.rx_i(&asdu(100, 1, 7, 23, &object(0, &[20])));
            bench.rx_i(&asdu(1, 1, 20, 23, &object(101, &[1])));
            bench.rx_i(&asdu(100, 1, 10, 23, &object(0, &[20])));
            let events = bench.events();
            assert_eq!(bench.updates.last().map(|update| update.point), Some(PointId(1)), "23 is read");
            assert_eq!(events.last(), Some(&Event::InterrogationFailed), "the whole is not: {events:?}");
            let named = |event: &Event| matches!(event, Event::Refused { what } if what.contains("common address 22 "));
            assert_eq!(events.iter().filter(|event| named(event)).count(), 1, "{events:?}");
        };
        round(&mut bench);
        if kind < 3 {
            // A second round is the same: nothing is remembered against 22.
            bench.request(Request::Interrogate);
            round(&mut bench);
        }
    }
}

#[test]
fn a1_r45_a_default_common_address_that_no_point_uses_is_not_interrogated() {
    let asked = |link: &LinkSpec| {
        let mut bench = Bench::new(Controlling::new(link));
        bench.open();
        bench.tx();
        bench.rx_u(Function::StartCon);
        bench.tx().join("\n")
    };
    let mut link = spec(Role::Client, &[("ca", Field::Int(9))]);
    for point in &mut link.points {
        point.address.insert("ca".to_owned(), Field::Int(22));
    }
    let lines = asked(&link);
    assert!(lines.contains("C_IC_NA_1 act ca=22") && !lines.contains("ca=9 "), "{lines}");
    link.points.clear();
    let lines = asked(&link);
    assert!(lines.contains("C_IC_NA_1 act ca=9 "), "of a link without points the default one is: {lines}");
}

#[test]
fn b1_17_b1_18_unlawful_starts_and_confirmations_close() {
    let causes = |feed: &dyn Fn(&mut Bench<Controlling>)| {
        let mut bench = opened(&[]);
        bench.tx();
        feed(&mut bench);
        bench.closed().map(|(_, cause)| cause).unwrap_or_default()
    };
    assert_eq!(causes(&|b| b.rx_i(&single_frame(100))), "peer misbehaved: I frame before STARTDT con");
    assert_eq!(
        causes(&|b| {
            b.rx_u(Function::StartCon);
            b.rx_u(Function::StartCon)
        }),
        "peer misbehaved: unsolicited STARTDT con"
    );
    assert_eq!(
        causes(&|b| {
            b.rx_u(Function::StartCon);
            b.rx_u(Function::StopCon)
        }),
        "peer misbehaved: unsolicited STOPDT con"
    );
    assert_eq!(causes(&|b| b.rx_u(Function::StartAct)), "peer misbehaved: STARTDT act from a controlled station");
    assert_eq!(causes(&|b| b.rx_u(Function::TestCon)), "", "an unsolicited TESTFR con is harmless");
}

#[test]
fn a1_r22_tests_are_answered_before_the_start() {
    let mut bench = opened(&[]);
    bench.tx();
    bench.rx_u(Function::TestAct);
    assert_eq!(bench.tx(), ["U TESTFR con"]);
}

#[test]
fn b1_04_b1_05_an_asdu_without_whole_header_closes_and_is_evidence() {
    for length in 4..10_u8 {
        let mut bench = started(&[]);
        let apdu = [vec![0x68, length], vec![4, 0, 2, 0], vec![1; usize::from(length) - 4]].concat();
        bench.rx(&apdu);
        let cause = bench.closed().unwrap().1;
        assert_eq!(cause, format!("malformed: ASDU of {} octets has no whole header", length - 4));
        assert_eq!(bench.frames, [(1, 3)]);
    }
}

#[test]
fn a1_r26_b1_21_to_b1_24_objects_that_do_not_fill_the_asdu_close() {
    let bodies: [(u8, Vec<u8>); 6] = [
        (127, object(100, &[1])),
        (0, object(100, &[1])),
        (0x81, vec![]),
        (0x81, vec![1, 2]),
        (0x82, object(0x00FF_FFFF, &[1, 1])),
        (2, [object(100, &[1]), vec![1, 2, 3]].concat()),
    ];
    for (vsq, body) in bodies {
        let mut bench = started(&[]);
        bench.rx_i(&asdu(1, vsq, 3, 21, &body));
        assert!(bench.closed().is_some_and(|(_, cause)| cause.starts_with("malformed: ")), "vsq {vsq:#x}");
        assert_eq!((bench.updates.len(), bench.frames.len()), (0, 1));
    }
    let mut bench = started(&[]);
    bench.rx_i(&asdu(1, 0, 3, 21, &[]));
    assert_eq!((bench.closed(), bench.updates.len()), (None, 0), "no objects is odd and lawful");
}

#[test]
fn a1_r26_sequences_give_consecutive_addresses() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(1, 0x84, 20, 21, &object(100, &[0x80, 0x11, 0x20, 0x01])));
    let read: Vec<_> = bench.updates.iter().map(|u| (u.point.0, u.value, u.quality.raw)).collect();
    assert_eq!(
        read,
        [(0, Value::Bool(false), 0x80), (1, Value::Bool(true), 0x10), (2, Value::Bool(false), 0x20), (3, Value::Bool(true), 0)]
    );
}

#[test]
fn b1_25_b1_26_unknown_types_are_journaled_and_the_connection_lives() {
    let mut bench = started(&[]);
    let mut count = 0;
    for type_id in (0..=255_u8).filter(|t| TypeId(*t).name().is_none()) {
        bench.rx_i(&asdu(type_id, 1, 3, 21, &object(100, &[1, 2, 3])));
        bench.rx_i(&asdu(type_id, 1, 3, 21, &object(100, &[1, 2, 3])));
        count += 1;
    }
    assert_eq!((bench.closed(), bench.updates.len(), bench.frames.len()), (None, 0, 2 * count));
    let refused = bench.events().iter().filter(|event| matches!(event, Event::Refused { .. })).count();
    assert_eq!(refused, count, "one line per type");
    // Controls from a controlled station answer nothing and do nothing.
    bench.rx_i(&asdu(45, 1, 6, 21, &object(2000, &[1])));
    assert_eq!((bench.closed(), bench.updates.len()), (None, 0));
}

#[test]
fn b1_27_causes_that_no_value_may_carry_give_no_updates() {
    let mut bench = started(&[]);
    for cause in [0_u8, 4, 6, 7, 10, 13, 42, 44, 48, 63] {
        bench.rx_i(&asdu(1, 1, cause, 21, &object(100, &[1])));
    }
    assert_eq!((bench.closed(), bench.updates.len(), bench.frames.len()), (None, 0, 10));
    assert_eq!(bench.events().len(), 1, "told once");
}

#[test]
fn a1_r29_a1_r30_causes_and_the_test_bit_reach_the_update() {
    let mut bench = started(&[]);
    for cause in [1_u8, 2, 3, 5, 11, 12, 21] {
        bench.rx_i(&asdu(1, 1, cause, 21, &object(100, &[1])));
    }
    let causes: Vec<_> = bench.updates.iter().map(|update| update.cause).collect();
    use UpdateCause::{Background, Cyclic, Interrogated, Requested, ReturnLocal, ReturnRemote, Spontaneous};
    assert_eq!(causes, [Cyclic, Background, Spontaneous, Requested, ReturnRemote, ReturnLocal, Interrogated]);
    bench.rx_i(&asdu(1, 1, 3 | 0x80, 21, &object(100, &[1])));
    assert!(bench.updates.last().unwrap().quality.detail.contains(Detail::TEST));
}

#[test]
fn a1_r33_a1_r34_values_and_quality_of_all_six_types() {
    let mut bench = started(&[]);
    let time = [0x10, 0x27, 5, 10, 1, 4, 26]; // 2026-04-01T10:05:10.000
    bench.rx_i(&asdu(1, 1, 3, 21, &object(100, &[0x41])));
    bench.rx_i(&asdu(3, 1, 3, 21, &object(200, &[0x83])));
    bench.rx_i(&asdu(13, 1, 3, 21, &object(1000, &[0x9A, 0x99, 0x73, 0x43, 0x01])));
    bench.rx_i(&asdu(30, 1, 3, 21, &object(101, &[&[1][..], &time].concat())));
    bench.rx_i(&asdu(31, 1, 3, 21, &object(201, &[&[2][..], &time].concat())));
    bench.rx_i(&asdu(36, 1, 3, 21, &object(1001, &[&[0x9A, 0x99, 0x73, 0x43, 0x20][..], &time].concat())));
    let read: Vec<_> = bench.updates.iter().map(|u| (u.point.0, u.value, u.quality.validity, u.quality.detail)).collect();
    use Validity::{Good, Invalid, Questionable};
    assert_eq!(
        read,
        [
            (0, Value::Bool(true), Questionable, Detail::OLD_DATA),
            (10, Value::Double(DoublePoint::Bad), Invalid, Detail(0)),
            (20, Value::Real32(243.6), Questionable, Detail::OVERFLOW),
            (1, Value::Bool(true), Good, Detail(0)),
            (11, Value::Double(DoublePoint::On), Good, Detail(0)),
            (21, Value::Real32(243.6), Good, Detail::SUBSTITUTED),
        ]
    );
    let stamped = Utc(UTC_START_NS + 310 * 1_000_000_000);
    for update in &bench.updates[3..] {
        assert_eq!((update.time.utc, update.time.origin), (stamped, TimeOrigin::Device));
    }
    assert_eq!((bench.updates[0].time.utc, bench.updates[0].time.origin), (bench.now.utc, TimeOrigin::Bridge));
}

#[test]
fn floats_that_are_no_numbers_are_kept_and_invalid() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut bench = started(&[]);
        bench.rx_i(&asdu(13, 1, 3, 21, &object(1000, &[&value.to_le_bytes()[..], &[0]].concat())));
        let update = bench.updates[0];
        assert_eq!((update.quality.validity, update.quality.detail, update.quality.raw), (Validity::Invalid, Detail::OVERFLOW, 0));
        assert!(matches!(update.value, Value::Real32(kept) if kept.to_bits() == value.to_bits()));
    }
}

#[test]
fn unknown_addresses_and_misfitting_types_give_no_update() {
    let mut bench = started(&[]);
    bench.rx_i(&asdu(1, 1, 3, 22, &object(100, &[1])));
    bench.rx_i(&asdu(1, 1, 3, 21, &object(99, &[1])));
    assert!(bench.events().is_empty());
    bench.rx_i(&asdu(1, 1, 3, 21, &object(1000, &[1])));
    assert_eq!(bench.events(), [Event::Refused { what: "ca 21 ioa 1000 is configured with another type than M_SP_NA_1".to_owned() }]);
    assert_eq!((bench.updates.len(), bench.frames.len(), bench.closed()), (0, 3, None));
}

#[test]
fn a1_r07_nr_follows_durability_and_frame_numbers_count_from_one() {
    let mut bench = started(&[]);
    bench.durable = false;
    for _ in 0..9 {
        bench.rx_i(&single_frame(100));
    }
    let numbers: Vec<u64> = bench.frames.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, (3..=11).collect::<Vec<u64>>(), "two came before");
    bench.pass_ms(14_000);
    // The two frames of the interrogation were durable: t2 told them. The others wait for the journal, not for time.
    assert_eq!(bench.tx(), ["S nr=2"]);
    bench.session.handle_durable(1, 10, bench.now);
    assert_eq!(bench.tx(), ["S nr=10"]);
    bench.session.handle_durable(2, 11, bench.now);
    bench.pass_ms(5_000);
    assert!(bench.tx().is_empty(), "another connection's receipt");
    bench.session.handle_durable(1, 999, bench.now);
    bench.request(Request::Interrogate);
    assert_eq!(bench.tx(), ["I ns=1 nr=11 C_IC_NA_1 act ca=21 ioa=0 qoi=20"], "no more than was received");
}

#[test]
fn a_journal_that_stays_behind_closes_with_a_named_cause() {
    let mut bench = started(&[]);
    bench.durable = false;
    for _ in 0..64 {
        bench.rx_i(&single_frame(100));
    }
    assert_eq!(bench.closed(), None);
    bench.rx_i(&single_frame(100));
    assert_eq!(bench.closed().unwrap().1, "journal behind: 65 frames wait to be durable, max_unacked is 64");
}

#[test]
fn a1_r18_a_new_connection_starts_at_zero() {
    let mut bench = started(&[]);
    bench.rx_i(&single_frame(100));
    bench.close();
    bench.open();
    assert_eq!(bench.tx(), ["U STARTDT act"]);
    bench.rx_u(Function::StartCon);
    assert_eq!(bench.tx(), ["I ns=0 nr=0 C_IC_NA_1 act ca=21 ioa=0 qoi=20"]);
    bench.frames.clear();
    bench.rx_i(&single_frame(100));
    assert_eq!(bench.frames, [(2, 1)]);
}

#[test]
fn b1_07_an_apdu_that_never_ends_closes_after_t1() {
    let mut bench = started(&[]);
    bench.rx(&[0x68]);
    bench.pass_ms(10_000);
    bench.rx(&[14]);
    bench.pass_ms(4_999);
    assert_eq!(bench.closed(), None);
    bench.pass_ms(1);
    assert_eq!(bench.closed().unwrap().1, "timer expired: t1 (15s): an APDU was begun and not ended");
}

#[test]
fn b1_06_a_connection_that_ends_in_an_apdu_is_closed_cleanly() {
    let mut bench = started(&[]);
    bench.rx(&[0x68, 14, 4, 0]);
    bench.close();
    bench.open();
    bench.tx();
    bench.rx_u(Function::StartCon);
    assert_eq!(bench.closed(), None, "the cut APDU does not leak into the next connection");
}

#[test]
fn a1_r19_a_connection_beyond_the_limit_is_refused_and_the_others_live() {
    let mut bench = started(&[("connections", Field::Int(1))]);
    bench.on(8).open();
    assert!(bench.tx().is_empty());
    assert_eq!(bench.closed().unwrap().1, "the link already has its 1 connection(s)");
    assert_eq!(bench.closed(), None);
    bench.close();
    assert!(matches!(bench.events()[..], [Event::Closed { channel: Channel(8), .. }]));
    bench.on(7).rx_i(&single_frame(100));
    assert_eq!(bench.updates.len(), 1);
}

//! Start-up, polls, the order of fragments, confirmations, unsolicited responses.

use std::time::Duration;

use bridge_model::{Cause, PointId, TimeFlags, TimeOrigin, Utc, Validity, Value};
use bridge_session::{AddressUse, Event, Field, Housekeeping, LinkPoint, LinkState, Request};

use super::test_kit::*;

const DISABLE: &str = "DISABLE_UNSOLICITED; g60v2 all; g60v3 all; g60v4 all";
const INTEGRITY: &str = "READ; g60v2 all; g60v3 all; g60v4 all; g60v1 all";
const ENABLE: &str = "ENABLE_UNSOLICITED; g60v2 all; g60v3 all; g60v4 all";
const CLEAR: &str = "WRITE; g80v1 7..7";

/// The requests without their sequence numbers; CONFIRMs are left out.
fn asked(bench: &mut Bench) -> Vec<String> {
    let all = bench.tx().into_iter().filter(|line| !line.contains("CONFIRM"));
    all.map(|line| line.split_once(' ').expect("a sequence number").1.to_owned()).collect()
}

#[test]
fn a2_r30_the_start_up_is_disable_clear_restart_integrity_enable() {
    let mut bench = Bench::new(&spec(&[]));
    bench.open();
    assert_eq!(bench.events(), [Event::LinkState(LinkState::Connected)]);
    let lines = bench.tx();
    assert_eq!(lines.len(), 1, "one request at a time: {lines:?}");
    assert!(lines[0].ends_with(DISABLE), "{lines:?}");
    bench.rx(&response(0xC0, [0x80, 0], &[]));
    let events = bench.events();
    assert!(events.contains(&Event::LinkState(LinkState::Started)) && events.contains(&Event::PeerRestarted), "{events:?}");
    let octets = bench.tx_octets();
    assert_eq!(octets, [[0xC1, 2, 80, 1, 0, 7, 7, 0]], "g80v1 index 7 is written 0");
    bench.rx(&response(0xC1, [0, 0], &[]));
    assert_eq!(bench.events(), [Event::InterrogationBegan]);
    assert_eq!(asked(&mut bench), [INTEGRITY]);
    bench.rx(&response(0xC2, [0, 0], &[1, 2, 0, 0, 1, 0x81, 0x01]));
    assert_eq!(bench.events(), [Event::InterrogationEnded]);
    assert_eq!(asked(&mut bench), [ENABLE]);
    assert_eq!(
        bench.updates.iter().map(|update| (update.point, update.cause)).collect::<Vec<_>>(),
        [(PointId(0), Cause::Interrogated), (PointId(1), Cause::Interrogated)]
    );
    bench.rx(&response(0xC3, [0, 0], &[]));
    assert!(bench.tx().is_empty());
}

#[test]
fn a2_r30_a_restart_while_running_is_told_cleared_and_read_again() {
    let mut bench = started(&[]);
    bench.rx(&unsolicited(0, [0x80, 0], &[]));
    assert_eq!(bench.events()[0], Event::PeerRestarted);
    let lines = bench.tx();
    assert!(lines[0].contains("UNS CONFIRM") && lines[1].contains(CLEAR), "{lines:?}");
    // Announced again before it is cleared: told once.
    bench.rx(&unsolicited(0, [0x80, 0], &[]));
    assert!(!bench.events().contains(&Event::PeerRestarted));
    bench.rx(&response(0xC0 | 3, [0, 0], &[]));
    assert_eq!(asked(&mut bench), [INTEGRITY]);
    let told = bench.told();
    assert!(told.iter().any(|line| line == "outstation 10: everything is read, because it restarted"), "{told:?}");
    bench.rx(&response(0xC0 | 4, [0, 0], &[]));
    assert_eq!(asked(&mut bench), [ENABLE]);
}

#[test]
fn a2_r30_a_restart_bit_that_stays_set_is_told_and_not_cleared_in_a_loop() {
    let mut bench = started(&[]);
    bench.responder = Some(|_, request| {
        null_responder(0, request).map(|mut reply| {
            reply[2] = 0x80;
            reply
        })
    });
    bench.rx(&unsolicited(0, [0x80, 0], &[]));
    bench.pass(Duration::from_secs(59));
    let lines = bench.tx();
    assert_eq!(lines.iter().filter(|line| line.contains(CLEAR)).count(), 1, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains(INTEGRITY)).count(), 1, "{lines:?}");
    assert!(bench.told().iter().any(|line| line.contains("DEVICE_RESTART stays set")));
    bench.pass(Duration::from_secs(2));
    assert!(asked(&mut bench).iter().any(|line| line.contains(CLEAR)));
}

#[test]
fn a2_r29_an_overflow_is_told_and_everything_read_once() {
    let mut bench = started(&[]);
    bench.responder = Some(|_, request| {
        null_responder(0, request).map(|mut reply| {
            reply[3] = 0x08;
            reply
        })
    });
    bench.rx(&unsolicited(0, [0, 0x08], &[]));
    bench.pass_ms(1000);
    assert_eq!(asked(&mut bench), [INTEGRITY]);
    let told = bench.told();
    assert!(told.iter().any(|line| line.contains("EVENT_BUFFER_OVERFLOW")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("because it lost events")), "{told:?}");

    let mut bench = started(&[("integrity_on", text("restart"))]);
    bench.rx(&unsolicited(0, [0, 0x08], &[]));
    assert!(asked(&mut bench).is_empty(), "only if the link says so");
}

#[test]
fn a2_r30_on_reconnect_everything_is_read_if_the_link_says_so() {
    for (words, expected) in [("restart,overflow,reconnect", true), ("restart", false)] {
        let mut bench = started(&[("integrity_on", text(words))]);
        bench.close();
        assert!(bench.events().contains(&Event::LinkState(LinkState::Down)));
        bench.responder = Some(null_responder);
        bench.open();
        assert_eq!(asked(&mut bench).iter().any(|line| line == INTEGRITY), expected, "{words}");
    }
}

#[test]
fn a2_r25_a_response_in_fragments_is_confirmed_each_and_read_in_order() {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.tx();
    // FIR CON, then FIN CON.
    bench.rx(&response(0xA3, [0, 0], &[1, 2, 0, 0, 0, 0x81]));
    assert_eq!(bench.tx(), ["seq=3 CONFIRM"]);
    assert!(!bench.events().contains(&Event::InterrogationEnded));
    bench.rx(&response(0x64, [0, 0], &[1, 2, 0, 1, 1, 0x01]));
    assert_eq!(bench.tx(), ["seq=4 CONFIRM"]);
    assert!(bench.events().contains(&Event::InterrogationEnded));
    assert_eq!(bench.updates.iter().map(|update| update.value).collect::<Vec<_>>(), [Value::Bool(true), Value::Bool(false)]);
    assert_eq!(bench.records.iter().map(|(octets, header)| (octets.len(), *header)).collect::<Vec<_>>(), [(10, 4), (10, 4)]);
}

#[test]
fn a2_r25_a_fragment_that_never_follows_ends_the_request_and_it_is_asked_again() {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.tx();
    bench.rx(&response(0xA3, [0, 0], &[1, 2, 0, 0, 0, 0x81]));
    bench.tx();
    bench.pass_ms(4999);
    assert!(bench.tx().is_empty());
    bench.pass_ms(1);
    assert_eq!(asked(&mut bench), [INTEGRITY]);
}

#[test]
fn a2_r54_a_response_with_another_sequence_or_to_nothing_is_told_and_dropped() {
    let mut bench = started(&[]);
    bench.rx(&response(0xE5, [0, 0], &binary_event(0, 0x81, 1)));
    assert!(bench.told()[0].contains("to nothing that was asked"));
    bench.request(Request::Interrogate);
    bench.tx();
    bench.rx(&response(0xE5, [0, 0], &binary_event(0, 0x81, 1)));
    assert!(bench.told().iter().any(|line| line.contains("sequence 5 instead of 3")));
    assert!(bench.updates.is_empty() && bench.frames.is_empty() && bench.tx().is_empty(), "neither read nor confirmed");
    // The right one still counts.
    bench.rx(&response(0xC3, [0, 0], &[]));
    assert!(bench.events().contains(&Event::InterrogationEnded));
}

#[test]
fn a2_r54_fragments_out_of_order_are_told_and_dropped() {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.tx();
    bench.rx(&response(0x63, [0, 0], &[1, 2, 0, 0, 0, 0x81]));
    assert!(bench.told().iter().any(|line| line.contains("a later fragment before the first")));
    bench.rx(&response(0xA3, [0, 0], &[1, 2, 0, 0, 0, 0x81]));
    bench.rx(&response(0xE4, [0, 0], &[1, 2, 0, 1, 1, 0x81]));
    assert!(bench.told().iter().any(|line| line.contains("a first fragment among later ones")));
    assert_eq!(bench.updates.len(), 1);
}

#[test]
fn a2_r54_a_malformed_answer_is_told_not_taken_and_not_confirmed() {
    for objects in [&[1, 2, 0, 5, 4, 0x81][..], &[1, 2, 0, 0, 9, 0x81], &[2, 2, 0x28, 0, 0], &[1, 2, 0x66, 0]] {
        let mut bench = started(&[]);
        bench.request(Request::Interrogate);
        bench.tx();
        bench.rx(&response(0xE3, [0, 0], objects));
        let told = bench.told();
        assert!(told.iter().any(|line| line.contains("the answer is not taken")), "{objects:?}: {told:?}");
        assert!(bench.updates.is_empty() && bench.frames.is_empty());
        assert!(!bench.tx().iter().any(|line| line.contains("CONFIRM")), "{objects:?}");
    }
}

#[test]
fn a2_r54_unknown_objects_are_journaled_confirmed_and_told_and_what_stands_before_is_read() {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.tx();
    bench.rx(&response(0xE3, [0, 0], &[1, 2, 0, 0, 0, 0x81, 200, 1, 0, 0, 0, 1]));
    assert!(bench.told().iter().any(|line| line.contains("journaled and not read")));
    assert_eq!((bench.updates.len(), bench.frames.len()), (1, 1));
    assert_eq!(bench.tx(), ["seq=3 CONFIRM"]);
}

#[test]
fn a2_r55_objects_that_are_no_points_are_journaled_and_confirmed_in_silence() {
    let mut bench = started(&[]);
    let fixed: [(u8, u8, usize); 9] =
        [(13, 1, 1), (13, 2, 7), (43, 1, 5), (43, 3, 11), (43, 8, 15), (50, 4, 11), (102, 1, 1), (112, 3, 3), (121, 1, 7)];
    for ((group, variation, size), seq) in fixed.into_iter().zip((0..16).cycle()) {
        let objects = [&[group, variation, 0x28, 1, 0, 0, 0][..], &vec![b'a'; size]].concat();
        bench.rx(&unsolicited(seq, [0, 0], &objects));
        assert_eq!(bench.told(), [""; 0], "g{group}v{variation}");
        assert_eq!(bench.tx(), [format!("seq={seq} UNS CONFIRM")], "g{group}v{variation}");
        let (octets, _) = bench.records.last().expect("a frame");
        assert_eq!(octets[4..], objects, "it is evidence");
        assert!(!crate::describe(octets).contains("malformed"), "and can be read: {}", crate::describe(octets));
    }
    assert_eq!((bench.updates.len(), bench.records.len()), (0, fixed.len()));
}

#[test]
fn a2_r50_strings_are_told_in_words_and_are_points_where_words_name_them() {
    let mut link = spec(&[]);
    let address = [("type", text("octet_string")), ("index", Field::Int(0)), ("words", text("idle, running"))];
    let address = address.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
    link.points.push(LinkPoint { point: PointId(900), usage: AddressUse::Monitor, address });
    let mut bench = started_with(&link);
    let mut seq = 0..16;
    let mut rx = |bench: &mut Bench, objects: &[u8]| {
        bench.rx(&unsolicited(seq.next().expect("few"), [0, 0], objects));
        let updates: Vec<_> = bench.updates.drain(..).map(|update| (update.point, update.value, update.quality.validity)).collect();
        (bench.told(), updates)
    };
    let says = |what: &str| vec![format!("outstation 10: {what}, without flags or time, received 2026-04-01T10:00:00.000Z")];
    let point = |value, validity| vec![(PointId(900), Value::Int(value), validity)];
    // A value that stays the same is told once, its point updated each time.
    let running = [&[110, 7, 0x00, 0, 0][..], b"running"].concat();
    assert_eq!(rx(&mut bench, &running), (says(r#"octet string 0 says "running""#), point(1, Validity::Good)));
    assert_eq!(
        rx(&mut bench, &[&running[..], &[110, 1, 0, 9, 9, b'x']].concat()),
        (says(r#"octet string 9 says "x""#), point(1, Validity::Good))
    );
    // Events are told each time; what is no word is not guessed at.
    let event = [&[111, 4, 0x17, 1, 0][..], b"idle"].concat();
    for _ in 0..2 {
        assert_eq!(rx(&mut bench, &event), (says(r#"event of octet string 0 says "idle""#), point(0, Validity::Good)));
    }
    let odd = [111, 3, 0x17, 1, 0, 0xFF, b'"', b'\n'];
    assert_eq!(rx(&mut bench, &odd), (says(r#"event of octet string 0 says "\xff\"\n""#), point(0, Validity::Invalid)));
    assert_eq!(rx(&mut bench, &[113, 2, 0x17, 1, 3, b'o', b'k']), (says(r#"virtual terminal 3 says "ok""#), vec![]));
    // However many there are in a fragment, the log has a few lines.
    let many = [&[111, 1, 0x17, 200][..], &(0..200).flat_map(|index| [index, b'a']).collect::<Vec<u8>>()].concat();
    let (told, _) = rx(&mut bench, &many);
    assert_eq!((told.len(), told[16].as_str()), (17, "outstation 10: 184 more strings of the same fragment are in its record"));
}

#[test]
fn a2_r54_indications_of_the_second_octet_are_told_and_an_integrity_poll_refused_fails() {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.tx();
    bench.rx(&response(0xC3, [0, 0x02], &[]));
    let events = bench.events();
    assert!(events.contains(&Event::InterrogationFailed) && !events.contains(&Event::InterrogationEnded), "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Refused { what } if what.contains("OBJECT_UNKNOWN"))), "{events:?}");
}

#[test]
fn a2_r54_a_request_and_a_short_fragment_from_an_outstation_are_told() {
    let mut bench = started(&[]);
    bench.rx(&[0xC0, 1, 60, 2, 6]);
    bench.rx(&[0xC0, 129, 0]);
    bench.rx(&[0xC0, 77, 0, 0]);
    let told = bench.told();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|line| line.contains("fragment dropped")), "{told:?}");
}

#[test]
fn a2_r54_an_outstation_without_enabling_is_polled_and_not_asked_again() {
    let mut bench = Bench::new(&spec(&[]));
    bench.responder = Some(|_, request| {
        null_responder(0, request).map(|mut reply| {
            reply[3] = u8::from(matches!(request[1], 20 | 21));
            reply
        })
    });
    bench.open();
    assert_eq!(asked(&mut bench), [DISABLE, INTEGRITY, ENABLE]);
    assert!(bench.told().iter().any(|line| line.contains("NO_FUNC_CODE_SUPPORT")));
    bench.rx(&unsolicited(0, [0x80, 0], &[]));
    bench.pass_ms(1000);
    assert!(!asked(&mut bench).iter().any(|line| line == ENABLE));
}

#[test]
fn a2_r27_a_confirm_leaves_only_when_the_fragment_is_durable() {
    let mut bench = started(&[]);
    bench.durable = false;
    bench.request(Request::Housekeep { id: 1, wish: Housekeeping::Poll(0b1110), not_after: bench.now.mono });
    bench.tx();
    bench.rx(&response(0xE3, [0, 0], &binary_event(0, 0x81, 1)));
    assert!(bench.tx().is_empty());
    assert_eq!(bench.frames, [(1, 4)], "three of the start-up were before");
    // Another connection's receipt is none.
    use bridge_session::Session;
    bench.session.handle_durable(2, 4, bench.now);
    assert!(bench.tx().is_empty());
    bench.session.handle_durable(1, 4, bench.now);
    assert_eq!(bench.tx(), ["seq=3 CONFIRM"]);
    bench.session.handle_durable(1, 4, bench.now);
    assert!(bench.tx().is_empty(), "once");
}

#[test]
fn a2_r27_the_next_request_waits_for_the_confirm_and_if_that_is_too_long_the_confirm_never_leaves() {
    let mut bench = started(&[]);
    bench.durable = false;
    bench.rx(&unsolicited(0, [0x02, 0], &[]));
    bench.tx();
    bench.rx(&response(0xE3, [0x02, 0], &binary_event(0, 0x81, 1)));
    assert!(bench.tx().is_empty(), "the next poll would cost the confirmation");
    bench.pass_ms(4999);
    assert!(bench.tx().is_empty());
    bench.pass_ms(2);
    assert_eq!(bench.tx(), ["seq=4 READ; g60v2 all"]);
    use bridge_session::Session;
    bench.session.handle_durable(1, 5, bench.now);
    let lines = bench.tx();
    assert_eq!(lines, ["seq=0 UNS CONFIRM"], "sequence 3 is not confirmed after request 4");
}

#[test]
fn a2_r27_more_events_than_the_journal_takes_are_neither_asked_for_nor_taken() {
    let mut one = spec(&[]);
    one.max_unacked = 4;
    let mut bench = started_with(&one);
    bench.durable = false;
    for seq in 0..4 {
        bench.rx(&unsolicited(seq, [0, 0], &binary_event(0, 0x81, u64::from(seq))));
    }
    bench.request(Request::Interrogate);
    assert!(bench.tx().is_empty(), "more than the journal takes is not asked for");
    for seq in 4..10 {
        bench.rx(&unsolicited(seq, [0, 0], &binary_event(0, 0x81, u64::from(seq))));
    }
    assert_eq!(
        (bench.closed.clone(), bench.frames.len(), bench.updates.len()),
        (None, 4, 4),
        "the line stays, and what is kept is bounded"
    );
    assert!(bench.told().iter().any(|what| what.contains("they are offered again")));
    use bridge_session::Session;
    bench.session.handle_durable(1, bench.frames[3].1, bench.now);
    assert_eq!(bench.tx()[0], "seq=3 UNS CONFIRM", "of what was taken");
    bench.rx(&unsolicited(9, [0, 0], &binary_event(0, 0x81, 9)));
    assert_eq!((bench.frames.len(), bench.updates.len()), (5, 5), "what was not taken is no repetition");
}

#[test]
fn a2_r27_fragments_that_do_not_wait_for_us_and_are_more_than_may_wait_close_the_connection() {
    let mut one = spec(&[]);
    one.max_unacked = 4;
    let mut bench = started_with(&one);
    bench.durable = false;
    bench.request(Request::Interrogate);
    let seq = bench.last_seq();
    for step in 0..5 {
        let fir = if step == 0 { 0x80 } else { 0 };
        bench.rx(&response(fir | (seq + step) & 0x0F, [0, 0], &binary_event(0, 0x81, u64::from(step))));
    }
    let (abort, cause) = bench.closed.clone().unwrap();
    assert!(!abort && cause.contains("more than 4 fragments wait for the journal"), "{cause}");
    assert_eq!(bench.frames.len(), 5, "evidence first");
}

#[test]
fn a2_r31_null_unsolicited_responses_are_confirmed_even_before_everything_was_read() {
    let mut bench = Bench::new(&spec(&[]));
    bench.open();
    bench.tx();
    bench.rx(&unsolicited(5, [0x80, 0], &[]));
    assert_eq!(bench.tx(), ["seq=5 UNS CONFIRM"]);
    assert_eq!(bench.frames, [(1, 1)]);
}

#[test]
fn a2_r31_events_before_everything_was_read_are_not_confirmed_and_so_offered_again() {
    let mut bench = Bench::new(&spec(&[]));
    bench.open();
    bench.tx();
    bench.rx(&unsolicited(5, [0, 0], &binary_event(0, 0x81, 1)));
    assert!(bench.tx().is_empty() && bench.frames.is_empty() && bench.updates.is_empty());
    assert!(bench.told()[0].contains("before everything was read"));
    for seq in 0..2 {
        bench.rx(&response(0xC0 | seq, [0, 0], &[]));
    }
    bench.tx();
    bench.rx(&unsolicited(5, [0, 0], &binary_event(0, 0x81, 1)));
    assert_eq!(bench.tx(), ["seq=5 UNS CONFIRM"]);
    assert_eq!((bench.updates.len(), bench.updates[0].cause), (1, Cause::Spontaneous));
}

/// A READ is put off while an unsolicited response waits for its CONFIRM: who sends events that are not taken yet is told to stop first.
#[test]
fn a2_r30_r33_events_after_a_restart_do_not_hold_up_the_reading_of_everything() {
    let mut bench = started(&[]);
    bench.tx();
    bench.rx(&unsolicited(1, [0x80, 0], &binary_event(0, 0x81, 1)));
    let lines = bench.tx();
    assert!(lines.len() == 1 && lines[0].contains("DISABLE_UNSOLICITED"), "{lines:?}");
    assert!(bench.told().iter().any(|what| what.contains("before everything was read")));
}

#[test]
fn a2_r32_a_repeated_unsolicited_response_is_confirmed_again_and_its_events_taken_once() {
    let mut bench = started(&[]);
    let first = unsolicited(1, [0, 0], &binary_event(0, 0x81, 1));
    bench.rx(&first);
    // The confirmation was lost; another indication does not make another content.
    let mut again = first.clone();
    again[2] = 0x02;
    bench.rx(&again);
    let lines = bench.tx();
    assert_eq!(lines.iter().filter(|line| *line == "seq=1 UNS CONFIRM").count(), 2, "{lines:?}");
    assert_eq!((bench.updates.len(), bench.frames.len()), (1, 2), "both are evidence");
    // The next number with the same content is another event.
    bench.rx(&unsolicited(2, [0, 0], &binary_event(0, 0x81, 1)));
    assert_eq!(bench.updates.len(), 2);
}

#[test]
fn a2_r33_an_unsolicited_response_between_request_and_answer_disturbs_neither() {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.tx();
    bench.rx(&unsolicited(3, [0, 0], &binary_event(0, 0x81, 1)));
    assert_eq!(bench.tx(), ["seq=3 UNS CONFIRM"]);
    bench.rx(&response(0xC3, [0, 0], &[1, 2, 0, 0, 0, 0x01]));
    assert!(bench.events().contains(&Event::InterrogationEnded));
    let causes: Vec<Cause> = bench.updates.iter().map(|update| update.cause).collect();
    assert_eq!(causes, [Cause::Spontaneous, Cause::Interrogated]);
}

#[test]
fn a2_r33_an_unsolicited_response_in_parts_is_told_and_dropped() {
    let mut bench = started(&[]);
    for control in [0xB1, 0x71, 0xE1] {
        bench.rx(&[&[control, 130, 0, 0], &binary_event(0, 0x81, 1)[..]].concat());
    }
    assert_eq!(bench.told().iter().filter(|line| line.contains("not one whole fragment")).count(), 3);
    assert!(bench.updates.is_empty() && bench.tx().is_empty());
}

#[test]
fn a2_r46_relative_times_stand_on_the_common_time_before_them() {
    let mut bench = started(&[]);
    let base = 1_775_037_600_000_u64;
    let mut objects = vec![51, 1, 7, 1];
    objects.extend(&base.to_le_bytes()[..6]);
    objects.extend([2, 3, 0x28, 1, 0, 0, 0, 0x81, 250, 0]);
    objects.extend([51, 2, 7, 1]);
    objects.extend(&(base + 1000).to_le_bytes()[..6]);
    objects.extend([2, 3, 0x28, 1, 0, 1, 0, 0x01, 1, 0]);
    bench.rx(&unsolicited(0, [0, 0], &objects));
    let times: Vec<(i64, TimeFlags)> = bench.updates.iter().map(|update| (update.time.utc.as_millis(), update.time.flags)).collect();
    let base = i64::try_from(base).unwrap();
    assert_eq!(times, [(base + 250, TimeFlags(0)), (base + 1001, TimeFlags::NOT_SYNCHRONISED)]);
    assert!(bench.updates.iter().all(|update| update.time.origin == TimeOrigin::Device));
}

#[test]
fn a2_r46_a_relative_time_without_common_time_is_told_and_the_value_kept() {
    let mut bench = started(&[]);
    bench.rx(&unsolicited(0, [0, 0], &[2, 3, 0x28, 1, 0, 0, 0, 0x81, 250, 0]));
    assert_eq!(bench.told(), ["outstation 10: g2v3: relative time without common time of occurrence"]);
    let update = bench.updates[0];
    assert_eq!((update.value, update.time.flags, update.time.origin), (Value::Bool(true), TimeFlags::INVALID, TimeOrigin::Bridge));
    // The common time of one fragment is not that of the next.
    bench.rx(&unsolicited(1, [0, 0], &[51, 1, 7, 1, 0, 0, 0, 0, 0, 0]));
    bench.rx(&unsolicited(2, [0, 0], &[2, 3, 0x28, 1, 0, 0, 0, 0x81, 250, 0]));
    assert_eq!(bench.updates[1].time.flags, TimeFlags::INVALID);
}

#[test]
fn a9_flags_and_times_survive_and_the_zone_is_applied() {
    let mut ist = spec(&[]);
    ist.zone = bridge_model::Zone::Ist;
    let mut bench = started_with(&ist);
    let mut objects = vec![32, 7, 0x28, 1, 0, 3, 0, 0x25];
    objects.extend(243.6_f32.to_le_bytes());
    objects.extend(&1_775_037_600_000_u64.to_le_bytes()[..6]);
    bench.rx(&unsolicited(0, [0, 0], &objects));
    let update = bench.updates[0];
    assert_eq!((update.point, update.value), (PointId(23), Value::Real32(243.6)));
    assert_eq!((update.quality.raw, update.quality.validity), (0x25, Validity::Questionable));
    assert_eq!(update.time.utc, Utc(1_775_037_600_000_000_000 - 19_800_000_000_000));
}

#[test]
fn a2_r53_classes_are_polled_in_their_intervals_with_jitter() {
    let mut bench = started(&[("poll_1", text("10s")), ("poll_2", text("60s"))]);
    bench.responder = Some(null_responder);
    bench.pass(Duration::from_secs(600));
    let log = bench.log();
    let of = |class: u8| {
        log.iter()
            .filter(|(_, _, fragment)| {
                fragment.chunks(3).any(|part| part.ends_with(&[class])) || fragment[2..].chunks(3).any(|part| part == [60, class, 6])
            })
            .map(|(at, _, _)| *at)
            .collect::<Vec<_>>()
    };
    let (first, second) = (of(2), of(3));
    assert!((57..=64).contains(&first.len()), "{}", first.len());
    assert!((9..=11).contains(&second.len()), "{}", second.len());
    let gaps: Vec<Duration> = first.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert!(gaps.iter().all(|gap| (9_400..=10_600).contains(&gap.as_millis())), "{gaps:?}");
    assert!(gaps.iter().any(|gap| gap != &gaps[0]), "no two links stay together");
}

#[test]
fn a2_r53_class_bits_are_followed_at_once_and_never_in_a_tight_loop() {
    let mut bench = started(&[]);
    bench.rx(&unsolicited(0, [0x06, 0], &[]));
    assert_eq!(bench.tx(), ["seq=0 UNS CONFIRM", "seq=3 READ; g60v2 all; g60v3 all"]);
    // Events came and more wait: at once again.
    bench.rx(&response(0xE3, [0x02, 0], &binary_event(0, 0x81, 1)));
    assert_eq!(bench.tx(), ["seq=3 CONFIRM", "seq=4 READ; g60v2 all"]);
    // Nothing comes though the bit stays: longer and longer.
    bench.responder = Some(|_, request| {
        null_responder(0, request).map(|mut reply| {
            reply[2] = 0x02;
            reply
        })
    });
    bench.rx(&response(0xC4, [0x02, 0], &[]));
    bench.pass(Duration::from_secs(600));
    let count = bench.log().len();
    assert!((6..=16).contains(&count), "{count} polls in ten minutes");
}

#[test]
fn a2_r16_a_second_connection_is_refused() {
    use bridge_session::{Channel, Session};
    let mut bench = started(&[]);
    bench.session.handle_open(Channel(8), &peer(), bench.now);
    let close = bench.session.poll_close(Channel(8)).unwrap();
    assert_eq!((close.abort, close.cause.as_str()), (false, "the link has one connection already"));
    assert!(!bench.session.poll_output(Channel(8), &mut Vec::new(), 4096, bench.now));
    bench.session.handle_close(Channel(8), bench.now);
    assert!(matches!(&bench.events()[..], [Event::Closed { channel: Channel(8), .. }]));
    assert_eq!(bench.session.channels_max(), Some(1));
    bench.request(Request::Interrogate);
    assert_eq!(asked(&mut bench), [INTEGRITY], "the first one lives");
}

#[test]
fn a2_r15_an_unknown_outstation_is_told_and_not_heard() {
    let mut bench = started(&[]);
    let mut other = Bench::new(&line_of(2, &[]));
    let octets = other.octets_of(11, &unsolicited(0, [0, 0], &binary_event(0, 0x81, 1)));
    bench.rx_octets(&octets);
    assert!(bench.told()[0].contains("source 11 is not known here"));
    assert!(bench.updates.is_empty());
}

#[test]
fn a2_r11_a_dead_connection_is_closed_and_every_request_ends() {
    let mut bench = started(&[]);
    bench.deaf.insert(10);
    bench.request(Request::Interrogate);
    bench.pass(Duration::from_secs(11));
    let (_, cause) = bench.closed.clone().expect("closed");
    assert!(cause.contains("link status"), "{cause}");
    assert!(bench.events().contains(&Event::InterrogationFailed));
    bench.close();
    assert!(bench.events().contains(&Event::LinkState(LinkState::Down)));
    use bridge_session::Session;
    assert_eq!(bench.session.poll_timeout(), None);
}

//! Rows 5 to 16 of the checklist: what a line does with lawful frames, and with a peer that breaks the order.

use std::time::Duration;

use super::kit::*;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A line that sends confirmed, with a fragment of two segments on its way.
fn sending(role: Role) -> (Bench, [Vec<u8>; 2]) {
    let mut bench = Bench::new(LineSettings { confirmed: true, ..LineSettings::new(role) });
    let (local, remote) = addresses(role);
    let fragment = [0x11; 300];
    bench.line.send(remote, local, &fragment, bench.now).unwrap();
    let segments = [[&[0x40][..], &fragment[..249]].concat(), [&[0x81][..], &fragment[249..]].concat()];
    (bench, segments)
}

#[test]
fn a2_r04_the_longest_frame_is_received_and_sent() {
    let payload: Vec<u8> = [vec![0xC0], (0..249).collect()].concat();
    for role in ROLES {
        let mut bench = Bench::new(LineSettings::new(role));
        let (local, remote) = addresses(role);
        let longest = to(role, DATA, &payload);
        assert_eq!(longest.len(), 292);
        assert_eq!(bench.input(&longest), [(remote, local, payload[1..].to_vec())]);
        bench.line.send(remote, local, &payload[1..], bench.now).unwrap();
        assert_eq!(bench.output(), from(role, DATA, &payload));
        assert_eq!(bench.faults(), []);
    }
}

#[test]
fn a2_r05_a2_r06_every_primary_function_has_its_answer() {
    check_both(|role| to(role, RESET, &[]), &[], &[], &[ACK]);
    check_both(|role| to(role, STATUS, &[]), &[], &[], &[LINK_STATUS]);
    check_both(|role| to(role, DATA, &[0xC0, 9]), &[], &[&[9]], &[]);
    let counted = |role| {
        let data = |control, number| to(role, control, &[0xC0, number]);
        [to(role, RESET, &[]), data(CONFIRMED | FCB, 1), to(role, TEST, &[]), data(CONFIRMED | FCB, 2), data(CONFIRMED, 3)].concat()
    };
    check_both(counted, &[], &[&[1], &[2], &[3]], &[ACK; 5]);
}

#[test]
fn a2_r07_nothing_is_confirmed_by_the_link_unless_asked_for() {
    for role in ROLES {
        let mut bench = Bench::new(LineSettings::new(role));
        let (local, remote) = addresses(role);
        bench.line.send(remote, local, &[1, 2, 3], bench.now).unwrap();
        assert_eq!(bench.output(), from(role, DATA, &[0xC0, 1, 2, 3]));
        bench.line.send(remote, local, &[4], bench.now).unwrap();
        assert_eq!(bench.output(), from(role, DATA, &[0xC1, 4]), "the segment's number runs on");
        assert!(bench.line.is_drained());
    }
}

#[test]
fn a2_r08_confirmed_sending_resets_first_and_alternates_the_frame_count_bit() {
    for role in ROLES {
        let (mut bench, [first, second]) = sending(role);
        assert_eq!(bench.output(), from(role, RESET, &[]));
        bench.input(&to(role, ACK, &[]));
        assert_eq!(bench.output(), from(role, CONFIRMED | FCB, &first));
        bench.input(&to(role, ACK, &[]));
        assert_eq!(bench.output(), from(role, CONFIRMED, &second));
        assert!(!bench.line.is_drained());
        bench.input(&to(role, ACK, &[]));
        assert!(bench.line.is_drained());
        let (local, remote) = addresses(role);
        bench.line.send(remote, local, &[7], bench.now).unwrap();
        assert_eq!(bench.output(), from(role, CONFIRMED | FCB, &[0xC2, 7]), "no second reset; bit and number run on");
        assert_eq!(bench.faults(), []);
    }
}

#[test]
fn a2_r08_a_lost_confirmation_repeats_the_same_frame_then_gives_the_fragment_up() {
    for role in ROLES {
        let (mut bench, [first, _]) = sending(role);
        bench.output();
        bench.input(&to(role, ACK, &[]));
        bench.output();
        for _ in 0..3 {
            bench.pass(SECOND);
            assert_eq!(bench.output(), from(role, CONFIRMED | FCB, &first));
        }
        assert_eq!(bench.notice(), None);
        bench.pass(SECOND);
        assert_eq!((bench.output(), bench.notice(), bench.faults()), (Vec::new(), Some(Notice::GaveUp), vec![Fault::NotConfirmed(4)]));
        assert!(bench.line.is_drained());
        // The peer may have counted the lost frame or not: the next one resets.
        let (local, remote) = addresses(role);
        bench.line.send(remote, local, &[7], bench.now).unwrap();
        assert_eq!(bench.output(), from(role, RESET, &[]));
    }
}

#[test]
fn a_withdrawn_fragment_is_not_sent_again() {
    for role in ROLES {
        let (mut bench, _) = sending(role);
        let (local, remote) = addresses(role);
        bench.output();
        bench.input(&to(role, ACK, &[]));
        bench.output();
        bench.line.withdraw(remote, local);
        assert!(bench.line.is_drained());
        bench.pass(Duration::from_secs(30));
        bench.input(&to(role, ACK, &[]));
        assert_eq!((bench.output(), bench.faults(), bench.notice()), (vec![], vec![Fault::Unasked(0)], None));
    }
}

#[test]
fn r05_what_must_not_arrive_late_is_neither_held_back_nor_repeated_by_the_link() {
    for role in ROLES {
        let (mut bench, _) = sending(role);
        bench.output();
        let (local, remote) = addresses(role);
        bench.line.withdraw(remote, local);
        bench.line.send_once(remote, local, &[0xC0, 5], bench.now).unwrap();
        assert_eq!(bench.output(), from(role, DATA, &[0xC0, 0xC0, 5]));
        assert!(bench.line.is_drained());
        bench.pass(Duration::from_secs(30));
        assert_eq!(bench.output(), []);
    }
}

#[test]
fn r05_the_answer_to_an_older_question_proves_no_arrival() {
    for role in ROLES {
        let (mut bench, _) = sending(role);
        let (local, remote) = addresses(role);
        bench.line.withdraw(remote, local);
        bench.line.ask_status(remote, local, bench.now);
        // It is heard, and the answer is still on its way.
        bench.input(&to(role, DATA, &[0xC0, 0xC0, 0]));
        bench.line.ask_status(remote, local, bench.now);
        bench.input(&to(role, LINK_STATUS, &[]));
        assert_eq!(bench.line.status_answered(remote, local), None);
        bench.input(&to(role, LINK_STATUS, &[]));
        assert_eq!(bench.line.status_answered(remote, local), Some(bench.now));
    }
}

#[test]
fn a2_r08_a_peer_that_refuses_is_reset_and_tried_again_within_limits() {
    for role in ROLES {
        let (mut bench, [first, _]) = sending(role);
        bench.output();
        bench.input(&to(role, ACK, &[]));
        for _ in 0..3 {
            assert_eq!(bench.output(), from(role, CONFIRMED | FCB, &first));
            bench.input(&to(role, NACK, &[]));
            assert_eq!(bench.output(), from(role, RESET, &[]));
            bench.input(&to(role, ACK, &[]));
        }
        bench.output();
        bench.input(&to(role, NACK, &[]));
        assert_eq!((bench.output(), bench.notice(), bench.faults()), (Vec::new(), Some(Notice::GaveUp), vec![Fault::NotConfirmed(4)]));
        let (mut bench, _) = sending(role);
        bench.output();
        bench.input(&to(role, NOT_SUPPORTED, &[]));
        assert_eq!((bench.notice(), bench.faults()), (Some(Notice::GaveUp), vec![Fault::NotSupported]));
    }
}

#[test]
fn a2_r08_a_peer_without_room_is_asked_until_it_has_some() {
    for role in ROLES {
        let (mut bench, [first, second]) = sending(role);
        bench.output();
        bench.input(&to(role, ACK, &[]));
        assert_eq!(bench.output(), from(role, CONFIRMED | FCB, &first));
        bench.input(&to(role, ACK | DFC, &[]));
        assert_eq!(bench.output(), []);
        for _ in 0..3 {
            bench.pass(SECOND);
            assert_eq!(bench.output(), from(role, STATUS, &[]));
            bench.input(&to(role, LINK_STATUS | DFC, &[]));
        }
        bench.pass(SECOND);
        assert_eq!(bench.output(), from(role, STATUS, &[]));
        bench.input(&to(role, LINK_STATUS, &[]));
        assert_eq!(bench.output(), from(role, CONFIRMED, &second));
        // Refused for want of room: the same frame again, without a reset.
        bench.input(&to(role, NACK | DFC, &[]));
        bench.pass(SECOND);
        bench.output();
        bench.input(&to(role, LINK_STATUS, &[]));
        assert_eq!(bench.output(), from(role, CONFIRMED, &second));
        assert_eq!((bench.faults(), bench.notice()), (vec![], None));
    }
}

#[test]
fn a2_r08_data_before_a_reset_is_refused() {
    for (control, payload) in [(CONFIRMED | FCB, &[0xC0, 1][..]), (TEST, &[])] {
        check_both(|role| to(role, control, payload), &[Fault::NotReset(control & 0x0F)], &[], &[NACK]);
    }
}

#[test]
fn a2_r08_answers_that_nobody_asked_for_change_nothing() {
    for role in ROLES {
        let (mut bench, [first, _]) = sending(role);
        bench.output();
        bench.input(&to(role, LINK_STATUS, &[]));
        bench.input(&to(role, ACK, &[]));
        assert_eq!(bench.output(), from(role, CONFIRMED | FCB, &first));
        assert_eq!(bench.faults(), [Fault::Unasked(11)]);
    }
}

#[test]
fn a2_r09_frames_of_our_own_direction_are_dropped_and_prove_nothing() {
    for role in ROLES {
        let mut bench = Bench::new(LineSettings::new(role));
        let (local, remote) = addresses(role);
        let dir = if role == Role::Client { 0x80 } else { 0 };
        assert!(bench.input(&frame(DATA | dir, local, remote, &[0xC0, 1])).is_empty());
        assert_eq!((bench.faults(), bench.line.heard(remote, local)), (vec![Fault::Direction(dir >> 7)], None));
        bench.input(&to(role, DATA, &[0xC0, 1]));
        assert_eq!(bench.line.heard(remote, local), Some(bench.now));
    }
}

#[test]
fn a2_r10_self_address_and_broadcasts_reach_an_outstation() {
    let settings = LineSettings { self_address: true, ..LineSettings::new(Role::Server) };
    let mut bench = Bench::new(settings);
    assert_eq!(bench.input(&frame(0xC4, SELF, MASTER, &[0xC0, 1])), [(MASTER, OUTSTATION, vec![1])]);
    bench.input(&frame(0xC9, SELF, MASTER, &[]));
    assert_eq!(bench.output(), from(Role::Server, LINK_STATUS, &[]), "the answer names the real address");
    // A broadcast between the segments of another fragment disturbs neither.
    bench.input(&to(Role::Server, DATA, &[0x40, 2]));
    assert_eq!(bench.input(&frame(0xC4, 0xFFFE, MASTER, &[0xC9, 3])), [(MASTER, 0xFFFE, vec![3])]);
    assert_eq!(bench.input(&to(Role::Server, DATA, &[0x81, 4])), [(MASTER, OUTSTATION, vec![2, 4])]);
    // Segments to different broadcast addresses are not one fragment.
    bench.input(&frame(0xC4, 0xFFFD, MASTER, &[0x40, 5]));
    assert_eq!(bench.input(&frame(0xC4, 0xFFFF, MASTER, &[0x81, 6])), []);
    assert_eq!(bench.faults(), [Fault::NoStart(1)]);
    assert_eq!((bench.output(), bench.closed()), (Vec::new(), None));
    let kinds = [0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF].map(Broadcast::from_address);
    assert_eq!(kinds, [None, Some(Broadcast::Unconfirmed), Some(Broadcast::Mandatory), Some(Broadcast::Optional)]);
}

#[test]
fn a2_r10_a_master_sends_to_all_and_an_outstation_does_not() {
    let mut bench = Bench::new(LineSettings { confirmed: true, ..LineSettings::new(Role::Client) });
    bench.line.send(0xFFFF, MASTER, &[1, 2], bench.now).unwrap();
    assert_eq!(bench.output(), frame(0xC4, 0xFFFF, MASTER, &[0xC0, 1, 2]), "never confirmed by the link");
    let mut bench = Bench::new(LineSettings::new(Role::Server));
    let refused = bench.line.send(0xFFFF, OUTSTATION, &[1], bench.now);
    assert_eq!(refused, Err(NotSent::Unknown { to: 0xFFFF, from: OUTSTATION }));
}

#[test]
fn a2_r11_silence_is_asked_about_after_a_minute() {
    for role in ROLES {
        let mut bench = Bench::new(LineSettings::new(role));
        let (local, remote) = addresses(role);
        bench.pass(Duration::from_secs(59));
        bench.input(&to(role, DATA, &[0xC0, 1]));
        bench.pass(Duration::from_secs(59));
        assert_eq!(bench.output(), []);
        for _ in 0..100 {
            bench.pass(SECOND);
            assert_eq!(bench.output(), from(role, STATUS, &[]));
            bench.pass(4 * SECOND);
            bench.input(&to(role, LINK_STATUS, &[]));
            assert_eq!(bench.line.heard(remote, local), Some(bench.now));
            bench.pass(Duration::from_secs(59));
        }
        assert_eq!((bench.faults(), bench.notice(), bench.closed()), (vec![], None, None));
    }
}

#[test]
fn a2_r11_a_miss_closes_a_connection() {
    for role in ROLES {
        let mut bench = Bench::new(LineSettings::new(role));
        // Junk, and answers to nothing, are no sign of life.
        bench.pass(Duration::from_secs(50));
        bench.input(&to(role, LINK_STATUS, &[]));
        bench.input(&[0; 100]);
        bench.pass(Duration::from_secs(14));
        assert_eq!(bench.closed(), None);
        bench.pass(SECOND);
        let cause = "timer expired: link status (5s): no answer to REQUEST_LINK_STATUS";
        assert_eq!((bench.closed().as_deref(), bench.closed()), (Some(cause), None));
        assert_eq!((bench.notice(), bench.line.deadline()), (Some(Notice::Silent), Mono::NEVER));
        let (local, remote) = addresses(role);
        assert_eq!(bench.line.send(remote, local, &[1], bench.now), Err(NotSent::Closing));
        assert_eq!((bench.input(&to(role, DATA, &[0xC0, 1])), bench.output()), (vec![], vec![]));
    }
}

#[test]
fn a2_r11_off_connections_a_silent_station_is_told_and_asked_again() {
    for role in ROLES {
        let mut bench = Bench::new(LineSettings { closes: false, ..LineSettings::new(role) });
        let (local, remote) = addresses(role);
        bench.pass(Duration::from_secs(60));
        for _ in 0..3 {
            bench.pass(5 * SECOND);
            assert!(!bench.line.is_silent(remote, local));
        }
        assert_eq!(bench.output(), from(role, STATUS, &[]).repeat(4));
        bench.pass(5 * SECOND);
        assert!(bench.line.is_silent(remote, local));
        assert_eq!((bench.notice(), bench.notice(), bench.closed()), (Some(Notice::Silent), None, None));
        bench.pass(Duration::from_secs(60));
        assert_eq!(bench.output(), from(role, STATUS, &[]));
        bench.input(&to(role, LINK_STATUS, &[]));
        assert_eq!((bench.notice(), bench.notice(), bench.line.is_silent(remote, local)), (Some(Notice::Back), None, false));
    }
}

#[test]
fn a2_r11_on_demand_the_status_is_asked_at_once() {
    for role in ROLES {
        let mut bench = Bench::new(LineSettings { keep_alive: None, ..LineSettings::new(role) });
        assert_eq!(bench.line.deadline(), Mono::NEVER, "where nobody may speak unasked, nobody does");
        let (local, remote) = addresses(role);
        bench.line.ask_status(remote, local, bench.now);
        bench.line.ask_status(remote, local, bench.now);
        assert_eq!(bench.output(), from(role, STATUS, &[]));
        bench.input(&to(role, LINK_STATUS, &[]));
        assert_eq!(bench.line.heard(remote, local), Some(bench.now));
    }
}

#[test]
fn a2_r15_an_outstation_hears_only_the_masters_it_knows() {
    let mut line = Line::new(LineSettings::new(Role::Server), &[(10, 1), (10, 2), (11, 1)], START);
    let sent = [
        frame(0xC4, 10, 3, &[0xC0, 1]),
        frame(0xC9, 10, 3, &[]),
        frame(0xC0, 11, 2, &[]),
        frame(0xC4, 0xFFFF, 3, &[0xC0, 1]),
        // Somebody else's on the same wire: no matter for us, and no finding.
        frame(0xC4, 12, 1, &[0xC0, 1]),
        frame(0x44, 1, 12, &[0xC0, 1]),
        frame(0xC4, 11, 1, &[0xC0, 4]),
    ];
    let stream = sent.concat();
    let mut chunk = Chunk::Stream(&stream);
    let received = line.receive(&mut chunk, START);
    assert_eq!(received, Some(Received { source: 1, destination: 11, broadcast: None, fragment: &[4] }));
    assert_eq!(line.receive(&mut chunk, START), None);
    let faults: Vec<_> = std::iter::from_fn(|| line.poll_finding()).map(|finding| finding.fault).collect();
    assert_eq!(faults, [Fault::Unknown(3), Fault::Unknown(3), Fault::Unknown(2), Fault::Unknown(3)]);
    assert!(!line.poll_output(&mut Vec::new(), 1000));
    // Only the masters that called on this channel are asked whether they live: 2 never did, and 1 never called 10.
    line.handle_timeout(START + Duration::from_secs(60));
    let mut out = Vec::new();
    assert!(line.poll_output(&mut out, 1000));
    assert_eq!(out, frame(STATUS, 1, 11, &[]));
}

#[test]
fn a2_r16_one_silent_outstation_does_not_close_the_line_of_another() {
    let mut line = Line::new(LineSettings::new(Role::Client), &[(1, 10), (1, 11)], START);
    line.handle_timeout(START + Duration::from_secs(60));
    let mut out = Vec::new();
    line.poll_output(&mut out, 1000);
    assert_eq!(out, [frame(0xC9, 10, 1, &[]), frame(0xC9, 11, 1, &[])].concat());
    let answer = frame(LINK_STATUS, 1, 10, &[]);
    assert_eq!(line.receive(&mut Chunk::Stream(&answer), START + Duration::from_secs(61)), None);
    line.handle_timeout(START + Duration::from_secs(65));
    assert_eq!((line.poll_notice(), line.poll_notice(), line.poll_close()), (Some((11, 1, Notice::Silent)), None, None));
    // Both silent: the connection is dead.
    for second in [121, 126] {
        line.handle_timeout(START + Duration::from_secs(second));
    }
    assert!(line.poll_close().is_some());
}

#[test]
fn a2_r13_fragments_of_two_stations_may_be_interleaved() {
    let mut line = Line::new(LineSettings::new(Role::Client), &[(1, 10), (1, 11)], START);
    let stream =
        [frame(DATA, 1, 10, &[0x40, 1]), frame(DATA, 1, 11, &[0x5F, 2]), frame(DATA, 1, 10, &[0x81, 3]), frame(DATA, 1, 11, &[0xA0, 4])]
            .concat();
    let mut chunk = Chunk::Stream(&stream);
    let first = line.receive(&mut chunk, START).map(|received| (received.source, received.fragment.to_vec()));
    let second = line.receive(&mut chunk, START).map(|received| (received.source, received.fragment.to_vec()));
    assert_eq!((first, second), (Some((10, vec![1, 3])), Some((11, vec![2, 4]))));
}

#[test]
fn a2_r12_a_datagram_holds_whole_frames() {
    for role in ROLES {
        let (local, remote) = addresses(role);
        let mut bench = Bench::new(LineSettings { closes: false, ..LineSettings::new(role) });
        let datagram = |bytes| Chunk::Datagram { from: "127.0.0.1:20000".parse().unwrap(), bytes };
        let (first, last) = (to(role, DATA, &[0x40, 1]), to(role, DATA, &[0x81, 2]));
        let together = [first.clone(), to(role, STATUS, &[]), last.clone()].concat();
        assert_eq!(bench.take(datagram(&together)), [(remote, local, vec![1, 2])]);
        assert_eq!(bench.output(), from(role, LINK_STATUS, &[]));
        // A frame over two datagrams is none.
        let (cut, rest) = first.split_at(12);
        assert_eq!(bench.take(datagram(cut)), []);
        assert_eq!(bench.take(datagram(rest)), []);
        assert_eq!(bench.faults(), [Fault::Cut(12), Fault::Skipped(2)]);
        // A fragment over two datagrams is one.
        assert_eq!(bench.take(datagram(&first)), []);
        assert_eq!(bench.take(datagram(&last)), [(remote, local, vec![1, 2])]);
        assert_eq!(bench.faults(), []);
    }
}

/// What one datagram takes is not exceeded: a longer fragment leaves in several, each of whole frames, and is one at the other end.
#[test]
fn a2_r12_a_long_fragment_leaves_in_datagrams_of_whole_frames() {
    // The longest fragment that a link without a connection sends unless told otherwise is one datagram.
    let mut line = Line::new(LineSettings { closes: false, ..LineSettings::new(Role::Server) }, &[(10, 1)], START);
    let mut whole = Vec::new();
    for octets in [1191, 1192] {
        line.send(1, 10, &vec![7; octets], START).unwrap();
        whole.clear();
        assert!(line.poll_output(&mut whole, 1400));
        assert_eq!(line.is_drained(), octets == 1191, "{octets} in {}", whole.len());
    }
    for limit in [1, 292, 300, 584, 1400, 2410] {
        let mut line = Line::new(LineSettings { closes: false, ..LineSettings::new(Role::Client) }, &[(1, 10)], START);
        let mut peer = Line::new(LineSettings { closes: false, ..LineSettings::new(Role::Server) }, &[(10, 1)], START);
        let fragment: Vec<u8> = (0..2048_u32).map(|octet| (octet % 251) as u8).collect();
        line.send(10, 1, &[7; 20], START).unwrap();
        line.send(10, 1, &fragment, START).unwrap();
        let (mut datagrams, mut got) = (0, Vec::new());
        loop {
            let mut out = Vec::new();
            if !line.poll_output(&mut out, limit) {
                break;
            }
            datagrams += 1;
            assert!(out.len() <= limit.max(292), "{} octets of at most {limit}", out.len());
            let mut chunk = Chunk::Datagram { from: "127.0.0.1:20000".parse().unwrap(), bytes: &out };
            while let Some(received) = peer.receive(&mut chunk, START) {
                got.push(received.fragment.to_vec());
            }
        }
        assert_eq!(got, [vec![7; 20], fragment], "{limit}");
        assert!(datagrams >= 2 && line.is_drained() && peer.poll_finding().is_none(), "{limit}: {datagrams}");
    }
}

#[test]
fn waiting_answers_and_output_are_bounded() {
    for role in ROLES {
        let mut bench = Bench::new(LineSettings::new(role));
        let (local, remote) = addresses(role);
        bench.input(&to(role, STATUS, &[]).repeat(ANSWERS_MAX + 3));
        assert_eq!(bench.faults(), [Fault::Answers; 3]);
        let mut sent = 0;
        while bench.line.send(remote, local, &[0; 2048], bench.now).is_ok() {
            sent += 1;
        }
        assert_eq!(bench.line.send(remote, local, &[0; 2048], bench.now), Err(NotSent::Full));
        assert!((100..=OUTPUT_MAX / 2048).contains(&sent));
        // Answers first; then whole fragments.
        let mut out = Vec::new();
        assert!(bench.line.poll_output(&mut out, 1));
        assert_eq!(out, from(role, LINK_STATUS, &[]));
        out.clear();
        assert!(bench.line.poll_output(&mut out, 1000));
        assert_eq!(out.len(), 63 * 10, "no fragment fits beside them");
        for whole in 0..sent {
            out.clear();
            assert!(bench.line.poll_output(&mut out, 4000), "{whole}");
            assert_eq!(out.len(), 8 * 292 + 75);
        }
        assert!(bench.line.is_drained());
        assert_eq!(bench.line.send(remote, local, &[], bench.now), Err(NotSent::Empty));
        assert_eq!(bench.line.send(5, local, &[1], bench.now), Err(NotSent::Unknown { to: 5, from: local }));
    }
}

//! Inputs 1 to 18 of the project's checklist for DNP3, against both roles, whole and octet by octet.

use std::time::Duration;

use super::kit::*;
use super::*;

/// The frame with its header's CRC made good again, so that what was changed reaches the layer it aims at.
fn with_length(mut octets: Vec<u8>, length: u8) -> Vec<u8> {
    octets[2] = length;
    let crc = crate::crc::octets(&octets[..8]);
    octets[8..10].copy_from_slice(&crc);
    octets
}

#[test]
fn b2_01_length_below_five() {
    for length in 0..5 {
        check_both(|role| with_length(to(role, STATUS, &[]), length), &[Fault::Length(length), Fault::Skipped(8)], &[], &[]);
    }
}

#[test]
fn b2_02_length_255_with_a_short_stream() {
    for role in ROLES {
        let settings = LineSettings::new(role);
        let mut bench = Bench::new(settings);
        let cut = with_length(to(role, DATA, &[0xC0, 1, 2]), 255);
        assert!(bench.input(&cut).is_empty());
        // Octets that trickle in do not buy time.
        bench.pass(settings.frame_timeout - Duration::from_millis(100));
        assert!(bench.input(&[0]).is_empty());
        assert_eq!(bench.faults(), []);
        bench.pass(Duration::from_millis(200));
        assert_eq!(bench.faults(), [Fault::Unended { octets: cut.len() + 1, after: settings.frame_timeout }]);
        let (local, remote) = addresses(role);
        assert_eq!(bench.input(&to(role, DATA, &[0xC0, 1, 2])), [(remote, local, vec![1, 2])], "the next frame is not swallowed");
        assert_eq!(bench.closed(), None);
    }
}

#[test]
fn b2_03_header_crc() {
    for octet in 2..10 {
        for bit in 0..8 {
            let spoilt = |role| {
                let mut octets = to(role, STATUS, &[]);
                octets[octet] ^= 1 << bit;
                octets
            };
            check_both(spoilt, &[Fault::HeaderCrc, Fault::Skipped(8)], &[], &[]);
        }
    }
    let spoilt_start = |role| [&[0x05, 0x65][..], &to(role, STATUS, &[])[2..]].concat();
    check_both(spoilt_start, &[Fault::Skipped(10)], &[], &[]);
}

#[test]
fn b2_04_block_crc_in_the_last_part_of_a_block() {
    let payload: Vec<u8> = (0..35).map(|octet| octet | 0xC0).collect();
    for (at, block) in [(10, 1), (27, 1), (28, 2), (45, 2), (46, 3), (48, 3), (49, 3), (50, 3)] {
        let spoilt = |role| {
            let mut octets = to(role, DATA, &payload);
            assert_eq!(octets.len(), 10 + 18 + 18 + 5);
            octets[at] ^= 0x10;
            octets
        };
        check_both(spoilt, &[Fault::BlockCrc(block)], &[], &[]);
    }
}

#[test]
fn b2_05_start_octets_within_a_frame() {
    // Behind a header that is none, the frame that the octets hold is a frame, and the only one.
    let behind_a_bad_header = |role| {
        let mut octets = with_length(to(role, STATUS, &[]), 20);
        octets[9] ^= 1;
        [octets, to(role, DATA, &[0xC0, 7])].concat()
    };
    check_both(behind_a_bad_header, &[Fault::HeaderCrc, Fault::Skipped(8)], &[&[7]], &[]);
    // Within a frame whose header is good, they are payload and nothing else, also if a block is spoilt: whoever chose the payload cannot
    // make a frame of it by spoiling its neighbour.
    let hidden = |role: Role| [vec![0xC0, 0xFF], to(role, STATUS, &[])].concat();
    for role in ROLES {
        let fragment = [vec![0xFF], to(role, STATUS, &[])].concat();
        check(role, &to(role, DATA, &hidden(role)), &[], &[&fragment], &[]);
        let mut spoilt = to(role, DATA, &hidden(role));
        spoilt[10] ^= 1;
        check(role, &spoilt, &[Fault::BlockCrc(1)], &[], &[]);
    }
    // Two headers that overlap: the first good one owns the octets.
    let overlapping = |role| [vec![0x05], vec![0x05, 0x64, 0x05], to(role, STATUS, &[])].concat();
    check_both(overlapping, &[Fault::HeaderCrc, Fault::Skipped(2)], &[], &[LINK_STATUS]);
}

#[test]
fn b2_06_reserved_self_and_broadcast_addresses() {
    for role in ROLES {
        let dir = if role == Role::Client { 0 } else { 0x80 };
        let remote = addresses(role).1;
        let sent = |destination, control: u8, payload: &[u8]| frame(control | dir, destination, remote, payload);
        for reserved in 0xFFF0..=0xFFFB {
            check(role, &sent(reserved, STATUS, &[]), &[Fault::Reserved(reserved)], &[], &[]);
            check(role, &sent(reserved, DATA, &[0xC0, 1]), &[Fault::Reserved(reserved)], &[], &[]);
        }
        check(role, &sent(SELF, STATUS, &[]), &[Fault::SelfAddress], &[], &[]);
        for destination in 0xFFFD..=0xFFFF {
            // Nothing that wants an answer may go to all.
            for (control, payload) in [(STATUS, &[][..]), (RESET, &[]), (TEST, &[]), (CONFIRMED, &[0xC0, 1]), (ACK, &[])] {
                let fault = Fault::Broadcast { destination, function: control & 0x0F };
                check(role, &sent(destination, control, payload), &[fault], &[], &[]);
            }
        }
        // A source that is nobody's.
        for source in [0xFFF0, 0xFFFB, 0xFFFC, 0xFFFD, 0xFFFF] {
            check(role, &frame(DATA | dir, addresses(role).0, source, &[0xC0, 1]), &[Fault::Source(source)], &[], &[]);
        }
    }
    check(Role::Client, &frame(DATA, 0xFFFF, OUTSTATION, &[0xC0, 1]), &[Fault::Broadcast { destination: 0xFFFF, function: 4 }], &[], &[]);
}

#[test]
fn b2_07_direction_of_our_own_role() {
    for (control, payload) in [(STATUS, &[][..]), (DATA, &[0xC0, 1]), (RESET, &[]), (ACK, &[]), (LINK_STATUS, &[])] {
        for role in ROLES {
            let (local, remote) = addresses(role);
            let dir = if role == Role::Client { 0x80 } else { 0 };
            check(role, &frame(control | dir, local, remote, payload), &[Fault::Direction(dir >> 7)], &[], &[]);
        }
    }
}

#[test]
fn b2_08_secondary_functions_as_primary_and_the_other_way() {
    for code in [1, 11, 15] {
        check_both(|role| to(role, 0x40 | code, &[]), &[Fault::PrimaryFunction(code)], &[], &[NOT_SUPPORTED]);
    }
    for code in [2, 3, 4, 9] {
        check_both(|role| to(role, code, &[]), &[Fault::SecondaryFunction(code)], &[], &[]);
    }
    for code in [ACK, NACK, LINK_STATUS, NOT_SUPPORTED] {
        check_both(|role| to(role, code, &[]), &[Fault::Unasked(code)], &[], &[]);
    }
}

#[test]
fn b2_09_functions_that_do_not_exist() {
    for code in [5, 6, 7, 8, 10, 12, 13, 14, 15] {
        for bits in [0, FCB, DFC, FCB | DFC] {
            check_both(|role| to(role, 0x40 | bits | code, &[]), &[Fault::PrimaryFunction(code)], &[], &[NOT_SUPPORTED]);
        }
    }
    for code in [5, 6, 7, 8, 10, 12, 13, 14] {
        check_both(|role| to(role, code, &[]), &[Fault::SecondaryFunction(code)], &[], &[]);
    }
}

#[test]
fn b2_10_frame_count_bit_stuck_and_where_none_counts() {
    let stuck = |role| {
        let data = |number| to(role, CONFIRMED | FCB, &[0xC0 | number, number]);
        [to(role, RESET, &[]), data(1), data(2), data(3)].concat()
    };
    check_both(stuck, &[Fault::Repeated; 2], &[&[1]], &[ACK; 4]);
    for (control, payload) in [(DATA, &[0xC0, 1][..]), (STATUS, &[]), (RESET, &[])] {
        let fault = Fault::CountValid { function: control & 0x0F, fcv: 1 };
        check_both(|role| to(role, control | DFC, payload), &[fault], &[], &[]);
    }
    for (control, payload) in [(CONFIRMED, &[0xC0, 1][..]), (TEST, &[])] {
        let fault = Fault::CountValid { function: control & 0x0F, fcv: 0 };
        check_both(|role| to(role, control & !DFC, payload), &[fault], &[], &[]);
    }
}

#[test]
fn b2_11_user_data_without_data() {
    check_both(|role| to(role, DATA, &[]), &[Fault::PayloadLength { function: 4, octets: 0 }], &[], &[]);
    let confirmed = |role| [to(role, RESET, &[]), to(role, CONFIRMED | FCB, &[])].concat();
    check_both(confirmed, &[Fault::PayloadLength { function: 3, octets: 0 }], &[], &[ACK]);
    check_both(|role| to(role, STATUS, &[1, 2]), &[Fault::PayloadLength { function: 9, octets: 2 }], &[], &[]);
    check_both(|role| to(role, ACK, &[1]), &[Fault::PayloadLength { function: 0, octets: 1 }], &[], &[]);
}

#[test]
fn b2_12_a_megabyte_of_start_octets() {
    for role in ROLES {
        for junk in [vec![0x05; 1 << 20], [0x05, 0x64].repeat(1 << 19)] {
            for step in [junk.len(), 1000, 1] {
                // A connection is not listened to for ever: nobody who speaks DNP3 is there.
                let closed = shown(LineSettings::new(role), &junk, step).closed;
                assert_eq!(closed.as_deref(), Some("peer misbehaved: more than 4096 octets without a frame"));
                // A serial line may carry noise for hours.
                let mut bench = Bench::new(LineSettings { closes: false, ..LineSettings::new(role) });
                for piece in junk.chunks(step) {
                    assert!(bench.input(piece).is_empty());
                }
                let (local, remote) = addresses(role);
                assert_eq!(bench.input(&to(role, DATA, &[0xC0, 1])), [(remote, local, vec![1])]);
                assert_eq!((bench.closed(), bench.output()), (None, Vec::new()));
                assert!((1..=101).contains(&bench.faults().len()));
            }
        }
    }
}

#[test]
fn b2_13_first_and_final_segment_without_a_fragment() {
    check_both(|role| to(role, DATA, &[0xC5]), &[Fault::EmptySegment(5)], &[], &[]);
    let within = |role| [to(role, DATA, &[0x40, 1]), to(role, DATA, &[0x01]), to(role, DATA, &[0x82, 2])].concat();
    check_both(within, &[Fault::EmptySegment(1), Fault::NoStart(2)], &[], &[]);
}

#[test]
fn b2_14_a_segment_that_continues_nothing() {
    check_both(|role| to(role, DATA, &[0x83, 1]), &[Fault::NoStart(3)], &[], &[]);
    check_both(|role| to(role, DATA, &[0x04, 1]), &[Fault::NoStart(4)], &[], &[]);
    let behind_the_final = |role| [to(role, DATA, &[0xC0, 1]), to(role, DATA, &[0x81, 2])].concat();
    check_both(behind_the_final, &[Fault::NoStart(1)], &[&[1]], &[]);
}

#[test]
fn b2_15_more_than_64_segments_and_no_end() {
    // One octet each: 2048 may come, then the fragment is given up and what follows continues nothing.
    for role in ROLES {
        let mut bench = Bench::new(LineSettings::new(role));
        for number in 0..2100_u16 {
            let header = u8::try_from(number % 64).unwrap() | if number == 0 { 0x40 } else { 0 };
            assert!(bench.input(&to(role, DATA, &[header, 0xEE])).is_empty());
            let faults = bench.faults();
            match number {
                0..2048 => assert_eq!(faults, []),
                2048 => assert_eq!(faults, [Fault::TooLong(2048)]),
                _ => assert_eq!(faults, [Fault::NoStart(header)]),
            }
        }
        assert_eq!(bench.input(&to(role, DATA, &[0xC0, 1])).len(), 1);
    }
}

#[test]
fn b2_16_first_segments_again_and_again() {
    for role in ROLES {
        let mut bench = Bench::new(LineSettings::new(role));
        let first = to(role, DATA, &[&[0x40][..], &[0xAB; 249]].concat());
        bench.input(&first);
        let measured = allocation_counter::measure(|| {
            for _ in 0..10_000 {
                assert!(bench.line.receive(&mut Chunk::Stream(&first), bench.now).is_none());
            }
        });
        assert!(measured.bytes_total < 32 * 1024, "{measured:?}: nothing is kept but findings within their limit");
        assert_eq!(bench.faults(), [Fault::Restarted(249); 100]);
        assert_eq!(bench.input(&to(role, DATA, &[0x81, 7]))[0].2, [&[0xAB; 249][..], &[7]].concat());
    }
}

#[test]
fn b2_17_gap_and_repetition() {
    let gap = |role| [to(role, DATA, &[0x40, 1]), to(role, DATA, &[0x02, 2]), to(role, DATA, &[0x83, 3])].concat();
    check_both(gap, &[Fault::Gap { expected: 1, got: 2 }, Fault::NoStart(3)], &[], &[]);
    let twice = |role| {
        let second = to(role, DATA, &[0x01, 2, 3]);
        [to(role, DATA, &[0x40, 1]), second.clone(), second, to(role, DATA, &[0x82, 4])].concat()
    };
    check_both(twice, &[Fault::SegmentTwice(1)], &[&[1, 2, 3, 4]], &[]);
    // The same number with other octets, more octets, or as the final one, is no repetition.
    for other in [&[0x01, 2, 9][..], &[0x01, 2], &[0x01, 2, 3, 4], &[0x81, 2, 3]] {
        let changed =
            |role| [to(role, DATA, &[0x40, 1]), to(role, DATA, &[0x01, 2, 3]), to(role, DATA, other), to(role, DATA, &[0x82, 4])].concat();
        check_both(changed, &[Fault::Gap { expected: 2, got: 1 }, Fault::NoStart(2)], &[], &[]);
    }
    // The octets of the first segment without its mark are no repetition either.
    let unmarked = |role| [to(role, DATA, &[0x40, 1]), to(role, DATA, &[0x00, 1]), to(role, DATA, &[0x81, 2])].concat();
    check_both(unmarked, &[Fault::Gap { expected: 1, got: 0 }, Fault::NoStart(1)], &[], &[]);
}

#[test]
fn b2_18_a_fragment_of_more_than_2048_octets() {
    for (octets, fits) in [(2048, true), (2049, false), (2400, false)] {
        for role in ROLES {
            let fragment: Vec<u8> = (0..octets).map(|octet: usize| u8::try_from(octet % 251).unwrap()).collect();
            let mut segmenter = Segmenter::default();
            let (mut stream, mut at) = (Vec::new(), 0);
            while let Some(segment) = segmenter.segment(&fragment, at) {
                stream.extend(to(role, DATA, segment.octets()));
                segmenter.advance();
                at += segment.octets().len() - 1;
            }
            let mut faults = Vec::new();
            if !fits {
                faults.push(Fault::TooLong(2048));
                faults.extend((octets > 2241).then_some(Fault::NoStart(9)));
            }
            let taken: &[&[u8]] = if fits { &[&fragment] } else { &[] };
            check(role, &stream, &faults, taken, &[]);
        }
    }
}

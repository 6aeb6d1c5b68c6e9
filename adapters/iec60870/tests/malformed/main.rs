//! The 36 malformed and hostile inputs of the project's checklist, one test each, for both roles: what happens is what
//! `docs/conformance/iec104.md` says, in one chunk and byte by byte, within bounded memory, and to nobody but the connection that sent it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod yard;

use std::time::Duration;

use bridge_model::{Detail, Mono, PointId, Quality, TimeFlags, Timestamp, Utc, Validity, Value};
use bridge_session::{Answer, Channel, CommandToken, Event, Field, Housekeeping, Publish, PublishClass, Request, Role};

use yard::Reaction::{Answered, Closed, Journaled, Nothing};
use yard::*;

/// The same octets against both roles.
fn both(bytes: &[u8], reaction: Reaction) -> [(Role, Vec<u8>, Reaction); 2] {
    ROLES.map(|role| (role, bytes.to_vec(), reaction))
}

/// The same ASDUs against both roles, each with its own reaction.
fn each(asdus: &[Vec<u8>], controlling: Reaction, controlled: Reaction) -> [(Role, Vec<u8>, Reaction); 2] {
    [(Role::Client, frames(Role::Client, asdus), controlling), (Role::Server, frames(Role::Server, asdus), controlled)]
}

const FLOAT_EXECUTE: [u8; 5] = [0, 0, 0x52, 0x43, 0];

#[test]
fn b1_01_start_octet() {
    check(&both(&[0x69, 4, 0x43, 0, 0, 0], Closed("malformed: start octet 0x69 instead of 0x68")));
    check(&both(&[0x00], Closed("start octet 0x00")));
    // A good frame before it counts; a good start octet behind it is not searched for.
    check(&both(&[s(1), vec![0x16], u(0x43)].concat(), Closed("start octet 0x16")));
}

#[test]
fn b1_02_length_below_four() {
    for (length, cause) in [(0, "APDU length 0 "), (1, "APDU length 1 "), (2, "APDU length 2 "), (3, "APDU length 3 ")] {
        check(&both(&[0x68, length, 0x43, 0, 0, 0], Closed(cause)));
    }
}

#[test]
fn b1_03_length_above_253() {
    check(&both(&[0x68, 254], Closed("malformed: APDU length 254 outside 4 to 253")));
    check(&both(&[&[0x68, 255][..], &[0; 300]].concat(), Closed("malformed: APDU length 255 outside 4 to 253")));
}

#[test]
fn b1_04_i_frame_without_asdu() {
    check(&each(&[Vec::new()], Closed("ASDU of 0 octets has no whole header"), Closed("ASDU of 0 octets has no whole header")));
}

#[test]
fn b1_05_asdu_header_cut() {
    for octets in 1..=5 {
        let cut = asdu(100, 1, 6, 21, &[])[..octets].to_vec();
        for role in ROLES {
            let shown = shown(role, &frames(role, std::slice::from_ref(&cut)));
            assert_eq!(shown.closed, Some(format!("malformed: ASDU of {octets} octets has no whole header")));
            assert_eq!(shown.frames, 1, "the frame is evidence");
        }
    }
}

#[test]
fn b1_06_end_in_an_apdu() {
    for role in ROLES {
        for cut in 1..12 {
            let mut yard = Yard::new(role);
            let whole = i(first(role), 1, &asdu(107, 1, 6, 21, &object(0, &[0; 9])));
            assert!(yard.input(STARTED, &whole[..cut]).frames.is_empty());
            assert_eq!(yard.closed(STARTED), None);
            yard.session.handle_close(Channel(STARTED), yard.now);
            let closed =
                yard.events().into_iter().find_map(|event| if let Event::Closed { cause, .. } = event { Some(cause) } else { None });
            assert_eq!(closed.unwrap(), "closed by the peer or the transport");
            yard.assert_others_live(STARTED, true);
        }
    }
}

#[test]
fn b1_07_slow_octets() {
    for role in ROLES {
        let mut yard = Yard::new(role);
        yard.input(STARTED, &[0x68]);
        yard.pass(Duration::from_millis(14_900));
        assert_eq!(yard.closed(STARTED), None);
        // Another octet of the same APDU does not buy time.
        yard.input(STARTED, &[4]);
        yard.pass(Duration::from_millis(200));
        assert_eq!(yard.closed(STARTED).unwrap(), "timer expired: t1 (15s): an APDU was begun and not ended");
        yard.assert_others_live(STARTED, true);
    }
}

#[test]
fn b1_08_u_frame_with_several_functions_or_none() {
    let unlawful = (0..=255_u8).filter(|octet| octet & 3 == 3 && ![0x07, 0x0B, 0x13, 0x23, 0x43, 0x83].contains(octet));
    let mut tried = 0;
    for octet in unlawful {
        check(&both(&u(octet), Closed("is no U frame")));
        tried += 1;
    }
    assert_eq!(tried, 58);
}

#[test]
fn b1_09_u_frame_with_more_octets() {
    for function in [0x07, 0x0B, 0x13, 0x23, 0x43, 0x83] {
        for at in 3..6 {
            let mut frame = u(function);
            frame[at] = 1;
            check(&both(&frame, Closed("is no U frame")));
        }
    }
    check(&both(&[0x68, 5, 0x43, 0, 0, 0, 0], Closed("1 octets behind the control field of an S or U frame")));
}

#[test]
fn b1_10_s_frame_with_bits_where_none_may_be() {
    check(&both(&[0x68, 4, 0x01, 0, 0x03, 0], Closed("is no S frame")));
    check(&both(&[0x68, 4, 0x01, 1, 0x02, 0], Closed("is no S frame")));
    check(&both(&[0x68, 4, 0x05, 0, 0x02, 0], Closed("is no S frame")));
    check(&both(&[0x68, 5, 0x01, 0, 0x02, 0, 0], Closed("octets behind the control field")));
}

#[test]
fn b1_11_nr_beyond_what_was_sent() {
    for nr in [2, 100, 16_384, 32_767] {
        check(&both(&s(nr), Closed("outside the window 1 to 1")));
    }
    for role in ROLES {
        check(&[(role, i(first(role), 2, &asdu(107, 1, 6, 21, &object(0, &[0; 9]))), Closed("N(R) 2 outside the window 1 to 1"))]);
    }
}

#[test]
fn b1_12_nr_backwards() {
    check(&both(&s(0), Closed("peer misbehaved: N(R) 0 outside the window 1 to 1")));
}

#[test]
fn b1_13_ns_duplicate() {
    for role in ROLES {
        let one = i(first(role), 1, &asdu(107, 1, 7, 21, &object(0, &[0; 9])));
        let shown = shown(role, &[one.clone(), one].concat());
        assert_eq!(shown.closed, Some(format!("peer misbehaved: sequence gap: expected {}, got {}", first(role) + 1, first(role))));
        assert_eq!(shown.frames, 1, "the second is not taken");
    }
}

#[test]
fn b1_14_ns_gap() {
    for role in ROLES {
        for gap in [1, 16_384, 32_767] {
            let ns = (first(role) + gap) & 0x7FFF;
            let shown = shown(role, &i(ns, 1, &asdu(107, 1, 7, 21, &object(0, &[0; 9]))));
            assert_eq!(shown.closed, Some(format!("peer misbehaved: sequence gap: expected {}, got {ns}", first(role))));
            assert_eq!(shown.frames, 0);
        }
    }
}

fn event(number: u64) -> Request {
    let time = Timestamp::by_device(Utc(1_775_037_600_000_000_000));
    // Types alternate, so that each event has a frame of its own.
    let (point, value) = if number.is_multiple_of(2) { (1, Value::Bool(true)) } else { (2, Value::Bool(true)) };
    let class = PublishClass::Event(number);
    Request::Publish(vec![Publish {
        point: PointId(point),
        value,
        quality: Quality::GOOD,
        time,
        class,
        spontaneous: true,
        return_info: false,
    }])
}

#[test]
fn b1_15_wrap_with_k_full() {
    let mut yard = Yard::new(Role::Server);
    for number in 1..=32_762_u64 {
        yard.request(event(number));
        assert_eq!(yard.output(STARTED).len(), 1);
        yard.acknowledge(STARTED);
    }
    yard.events();
    for number in 32_763..32_783 {
        yard.request(event(number));
    }
    let lines = yard.output(STARTED);
    assert_eq!(lines.len(), 12, "k");
    assert!(lines[0].starts_with("I ns=32763 ") && lines[4].starts_with("I ns=32767 ") && lines[5].starts_with("I ns=0 "), "{lines:?}");
    // Half of them, over the wrap.
    yard.input(STARTED, &s(1));
    assert_eq!(yard.events(), [Event::Delivered(32_768)]);
    assert_eq!(yard.output(STARTED).len(), 6);
    assert_eq!(yard.closed(STARTED), None);
    yard.input(STARTED, &s(0));
    assert!(yard.closed(STARTED).unwrap().contains("N(R) 0 outside the window 1 to 13"));
    yard.assert_others_live(STARTED, true);

    // The controlling station receives over the wrap, and sends over it.
    let mut yard = Yard::new(Role::Client);
    let value = asdu(1, 1, 3, 21, &object(100, &[1]));
    for count in u32::from(first(Role::Client))..32_780 {
        let ns = u16::try_from(count & 0x7FFF).unwrap();
        assert_eq!(yard.input(STARTED, &i(ns, 1, &value)).frames.len(), 1, "{count}");
        let lines = yard.output(STARTED);
        assert!(lines.iter().all(|line| line.starts_with("S ")), "{lines:?}");
    }
    for count in 0..32_780_u32 {
        yard.request(Request::Housekeep { id: u64::from(count), wish: Housekeeping::Test, not_after: Mono::NEVER });
        let ns = (count + 1) & 0x7FFF;
        let lines = yard.output(STARTED);
        assert!(lines.iter().any(|line| line.starts_with(&format!("I ns={ns} "))), "{count}: {lines:?}");
        let [low, high] = u16::try_from((count + 1) & 0xFFFF).unwrap().to_le_bytes();
        let answer = asdu(107, 1, 7, 21, &object(0, &[low, high, 0, 0, 0, 0, 0, 0, 0]));
        let nr = u16::try_from((ns + 1) & 0x7FFF).unwrap();
        yard.input(STARTED, &i(u16::try_from((count + 12) & 0x7FFF).unwrap(), nr, &answer));
        assert!(matches!(yard.events()[..], [Event::Housekept { .. }]));
    }
    assert_eq!(yard.closed(STARTED), None);
    yard.assert_others_live(STARTED, false);
}

#[test]
fn b1_16_frames_without_end_while_none_is_acknowledged() {
    for role in ROLES {
        let mut yard = Yard::new(role);
        yard.durable = false;
        let one = |count: u16| i(first(role) + count, 1, &asdu(107, 1, 7, 21, &object(0, &[0; 9])));
        for count in 0..12 {
            yard.input(STARTED, &one(count));
            assert_eq!(yard.closed(STARTED), None, "frame {count}");
        }
        assert!(yard.output(STARTED).iter().all(|line| !line.starts_with("S ")), "nothing is durable, nothing is acknowledged");
        yard.input(STARTED, &one(12));
        assert_eq!(yard.closed(STARTED).unwrap(), "journal behind: 13 frames wait to be durable, max_unacked is 12");
        yard.events();
        yard.durable = true;
        yard.assert_others_live(STARTED, true);
    }
}

#[test]
fn b1_17_i_frame_before_the_start() {
    let bytes = i(0, 0, &asdu(107, 1, 7, 21, &object(0, &[0; 9])));
    for (role, cause) in [(Role::Client, "I frame on a stopped connection"), (Role::Server, "I frame before STARTDT act")] {
        let shown = shown_on(STANDBY, role, &[], &bytes);
        assert_eq!(shown.closed, Some(format!("peer misbehaved: {cause}")));
        assert_eq!((shown.frames, shown.sent.len()), (1, 0), "evidence, and no answer");
    }
    // The controlling station asked for the start, and it is not confirmed yet.
    let mut yard = Yard::opened(Role::Client, &[]);
    yard.input(STARTED, &bytes);
    assert_eq!(yard.closed(STARTED).unwrap(), "peer misbehaved: I frame before STARTDT con");
}

#[test]
fn b1_18_unsolicited_confirmations() {
    check(&both(&u(0x0B), Closed("peer misbehaved: unsolicited STARTDT con")));
    check(&both(&u(0x23), Closed("peer misbehaved: unsolicited STOPDT con")));
    // A confirmation of a test that was not asked proves nothing and harms nothing.
    for role in ROLES {
        let shown = shown(role, &u(0x83));
        assert_eq!((shown.closed, shown.sent.len()), (None, 0));
    }
}

#[test]
fn b1_19_a_thousand_tests_in_a_second() {
    for role in ROLES {
        for channel in [STARTED, STANDBY] {
            let shown = shown_on(channel, role, &[], &u(0x43).repeat(1000));
            assert_eq!(shown.closed, None);
            assert_eq!(shown.sent, vec!["U TESTFR con"; 1000]);
        }
    }
}

#[test]
fn b1_20_start_flip_flop_across_the_group() {
    let mut yard = Yard::new(Role::Server);
    let (mut told, mut acknowledged, mut seen) = (Vec::new(), 0, 0);
    for round in 0..1000_u32 {
        let channel = 1 + (round + 1) % 3;
        yard.request(event(u64::from(round) + 1));
        yard.input(channel, &u(0x07));
        let lines = yard.output(channel);
        assert_eq!(lines.iter().filter(|line| *line == "U STARTDT con").count(), 1);
        assert!(lines.iter().all(|line| !line.contains("M_EI_NA_1")), "the station was initialised once");
        seen += lines.iter().filter(|line| line.contains(" spont ")).count();
        yard.acknowledge(channel);
        told.extend(yard.events());
    }
    for event in &told {
        if let Event::Delivered(number) = event {
            acknowledged = *number;
        } else {
            assert!(matches!(event, Event::SwitchedOver { .. } | Event::Standby { .. }), "{event:?}");
        }
    }
    assert_eq!((acknowledged, seen), (1000, 1000), "nothing is lost, and nothing told twice that was acknowledged");
    let moves = told.iter().filter(|event| matches!(event, Event::SwitchedOver { .. })).count();
    assert_eq!(moves, 1, "a flood is told once until its time is over");
    let started = 1 + 1000 % 3;
    for channel in 1..4 {
        assert_eq!(yard.closed(channel), None);
        assert!(yard.output(channel).is_empty());
    }
    yard.assert_others_live(started, false);
    // A controlled station starts nobody.
    check(&[(Role::Client, u(0x07).repeat(100), Closed("peer misbehaved: STARTDT act from a controlled station"))]);
    check(&[(Role::Client, u(0x13), Closed("peer misbehaved: STOPDT act from a controlled station"))]);
}

#[test]
fn b1_21_number_zero() {
    // Lawful emptiness is read as nothing; a command of no object is refused.
    check(&each(&[asdu(1, 0, 3, 21, &[])], Nothing, Answered("unknown-type negative")));
    check(&each(&[asdu(45, 0, 6, 21, &[])], Nothing, Answered("C_SC_NA_1 actcon negative")));
    // Octets that no object owns.
    let cause = "with 0 objects of 1 octets (SQ=0) in 4 octets";
    check(&[(Role::Client, frames(Role::Client, &[asdu(1, 0, 3, 21, &object(100, &[1]))]), Closed(cause))]);
    check(&each(&[asdu(45, 0, 6, 21, &object(2000, &[1]))], Closed(cause), Closed(cause)));
}

#[test]
fn b1_22_number_127_with_one_object() {
    let cause = "with 127 objects of 1 octets (SQ=0) in 4 octets";
    check(&[(Role::Client, frames(Role::Client, &[asdu(1, 127, 3, 21, &object(100, &[1]))]), Closed(cause))]);
    check(&each(&[asdu(45, 127, 6, 21, &object(2000, &[1]))], Closed(cause), Closed(cause)));
    let cause = "with 127 objects of 1 octets (SQ=1) in 4 octets";
    check(&each(&[asdu(100, 0xFF, 6, 21, &object(0, &[20]))], Closed(cause), Closed(cause)));
}

#[test]
fn b1_23_sequence_without_address() {
    let cause = "with 1 objects of 1 octets (SQ=1) in 0 octets";
    check(&[(Role::Client, frames(Role::Client, &[asdu(1, 0x81, 3, 21, &[])]), Closed(cause))]);
    check(&each(&[asdu(45, 0x81, 6, 21, &[])], Closed(cause), Closed(cause)));
    check(&each(&[asdu(45, 0x81, 6, 21, &[1, 2])], Closed("in 2 octets"), Closed("in 2 octets")));
}

#[test]
fn b1_24_sequence_beyond_the_last_address() {
    let cause = "malformed: object addresses run beyond 16777215";
    check(&[(Role::Client, frames(Role::Client, &[asdu(1, 0x82, 3, 21, &object(0x00FF_FFFF, &[1, 1]))]), Closed(cause))]);
    check(&each(&[asdu(45, 0x82, 6, 21, &object(0x00FF_FFFF, &[1, 1]))], Closed(cause), Closed(cause)));
    // The last address itself is one.
    check(&[(Role::Client, frames(Role::Client, &[asdu(1, 0x81, 3, 21, &object(0x00FF_FFFF, &[1]))]), Nothing)]);
}

#[test]
fn b1_25_types_that_do_not_exist() {
    let types = [0].into_iter().chain(22..=29).chain(42..=44).chain(52..=57).chain(65..=69).chain(128..=255);
    for type_id in types {
        let asdu = asdu(type_id, 1, 6, 21, &object(100, &[1]));
        check(&each(&[asdu], Journaled("is journaled and not read"), Answered("unknown-type negative")));
    }
}

#[test]
fn b1_26_types_of_the_other_direction() {
    let monitored = (1..=21).chain(30..=40).chain([70]);
    for type_id in monitored {
        check(&[(Role::Server, frames(Role::Server, &[asdu(type_id, 1, 3, 21, &object(100, &[1]))]), Answered("unknown-type negative"))]);
    }
    // Requests to a controlling station: nothing is done and nothing answered.
    let requests = [
        asdu(45, 1, 6, 21, &object(2000, &[1])),
        asdu(50, 1, 6, 21, &object(2003, &FLOAT_EXECUTE)),
        asdu(100, 1, 6, 21, &object(0, &[20])),
        asdu(102, 1, 5, 21, &object(100, &[])),
        asdu(103, 1, 6, 21, &object(0, &[0; 7])),
        asdu(105, 1, 6, 21, &object(0, &[1])),
    ];
    for request in requests {
        check(&[(Role::Client, frames(Role::Client, &[request]), Nothing)]);
    }
}

#[test]
fn b1_27_causes_that_do_not_exist() {
    for cause in [0].into_iter().chain(48..=63) {
        check(&each(&[asdu(45, 1, cause, 21, &object(2000, &[1]))], Nothing, Answered("unknown-cause negative")));
        check(&[(
            Role::Client,
            frames(Role::Client, &[asdu(1, 1, cause, 21, &object(100, &[1]))]),
            Journaled("is journaled and not read"),
        )]);
    }
}

#[test]
fn b1_28_common_addresses_that_no_station_has() {
    for ca in [0, 0xFFFF] {
        check(&each(&[asdu(45, 1, 6, ca, &object(2000, &[1]))], Nothing, Answered("unknown-ca negative")));
        check(&[(Role::Client, frames(Role::Client, &[asdu(1, 1, 3, ca, &object(100, &[1]))]), Nothing)]);
    }
}

/// CP56Time2a with one field out of range each: millisecond, minute, hour, day, month, year.
const BAD_TIMES: [[u8; 7]; 6] = [
    [0xFF, 0xFF, 0, 10, 1, 4, 26],
    [0, 0, 63, 10, 1, 4, 26],
    [0, 0, 0, 31, 1, 4, 26],
    [0, 0, 0, 10, 0, 4, 26],
    [0, 0, 0, 10, 1, 15, 26],
    [0, 0, 0, 10, 1, 4, 127],
];

#[test]
fn b1_29_times_out_of_range() {
    for time in BAD_TIMES {
        let value = [&[1][..], &time].concat();
        let shown = shown(Role::Client, &frames(Role::Client, &[asdu(30, 1, 3, 21, &object(100, &value))]));
        assert_eq!((shown.closed, shown.updates.len()), (None, 1));
        let update = shown.updates[0];
        assert_eq!(update.time.utc, update.received, "{time:?}");
        assert!(update.time.flags.contains(TimeFlags::INVALID), "{time:?}");
        assert_eq!(update.quality.validity, Validity::Good, "a bad time says nothing of the value");
        check(&[(Role::Server, frames(Role::Server, &[asdu(58, 1, 6, 21, &object(2004, &value))]), Answered("actcon negative"))]);
    }
}

#[test]
fn b1_30_floats_that_are_no_numbers() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let element = [&value.to_le_bytes()[..], &[0]].concat();
        check(&[(Role::Server, frames(Role::Server, &[asdu(50, 1, 6, 21, &object(2003, &element))]), Answered("actcon negative"))]);
        let read = shown(Role::Client, &frames(Role::Client, &[asdu(13, 1, 3, 21, &object(301, &element))]));
        let quality = read.updates[0].quality;
        assert_eq!(quality.validity, Validity::Invalid);
        assert!(quality.detail.contains(Detail::OVERFLOW));
    }
    // A denormal is a number like any other.
    let denormal = f32::from_bits(1);
    let element = [&denormal.to_le_bytes()[..], &[0]].concat();
    let command = shown(Role::Server, &frames(Role::Server, &[asdu(50, 1, 6, 21, &object(2003, &element))]));
    assert_eq!(command.commands[0].action, bridge_model::Action::Set(f64::from(denormal)));
    let read = shown(Role::Client, &frames(Role::Client, &[asdu(13, 1, 3, 21, &object(301, &element))]));
    assert_eq!((read.updates[0].value, read.updates[0].quality.validity), (Value::Real32(denormal), Validity::Good));
}

#[test]
fn b1_31_commands_without_meaning() {
    let refused = |type_id, ioa, octet| {
        check(&[(Role::Server, frames(Role::Server, &[asdu(type_id, 1, 6, 21, &object(ioa, &[octet]))]), Answered("actcon negative"))]);
    };
    for state in [0, 3] {
        refused(46, 2001, state);
        refused(47, 2002, state);
    }
    for qu in 4..=8 {
        refused(45, 2000, 1 | qu << 2);
        refused(46, 2001, 1 | qu << 2);
    }
    // Selected with one wish, executed with another: refused, and the selection is used up.
    for execute in [[1 | 2 << 2], [0]] {
        let mut yard = Yard::new(Role::Server);
        yard.input(STARTED, &i(0, 1, &asdu(45, 1, 6, 21, &object(2000, &[0x81]))));
        yard.request(Request::Answer { token: CommandToken(1), answer: Answer::Confirm });
        assert!(yard.drain(STARTED)[0].contains("C_SC_NA_1 actcon ca=21 ioa=2000 on select"));
        yard.events();
        yard.input(STARTED, &i(1, 2, &asdu(45, 1, 6, 21, &object(2000, &execute))));
        let lines = yard.drain(STARTED);
        assert!(lines.len() == 1 && lines[0].contains("C_SC_NA_1 actcon negative"), "{lines:?}");
        assert!(yard.events().iter().all(|event| !matches!(event, Event::CommandReceived(_))));
        yard.assert_others_live(STARTED, false);
    }
    // An answer that no command of ours has.
    check(&[(Role::Client, frames(Role::Client, &[asdu(46, 1, 7, 21, &object(2001, &[3]))]), Nothing)]);
}

#[test]
fn b1_32_file_transfer() {
    // Segment without section, length beyond the octets, wrapped section, wrong checksum, F_SC for 0xFFFF, names like paths.
    let bodies: [(u8, Vec<u8>); 9] = [
        (120, object(1, &[1, 0, 0xFF, 0xFF, 0xFF, 0])),
        (121, object(1, &[1, 0, 255, 0xFF, 0xFF, 0xFF, 0])),
        (122, object(1, &[0xFF, 0xFF, 1, 1])),
        (123, object(1, &[1, 0, 1, 3, 0x55])),
        (124, object(1, &[1, 0, 1, 1])),
        (125, object(1, &[1, 0, 1, 200, 1, 2, 3])),
        (125, object(1, b"\x01\x00\x01\x0D../etc/passwd")),
        (126, object(1, &[0xFF; 13])),
        (127, object(1, &[0xFF; 16])),
    ];
    for (type_id, body) in bodies {
        for cause in [5, 6, 13] {
            let asdu = asdu(type_id, 1, cause, 21, &body);
            check(&each(&[asdu], Journaled("is journaled and not read"), Answered("unknown-type negative")));
        }
    }
}

#[test]
fn b1_33_a_hundred_interrogations() {
    let asdus = vec![asdu(100, 1, 6, 21, &object(0, &[20])); 100];
    for at_once in [true, false] {
        let bytes = frames(Role::Server, &asdus[..if at_once { 12 } else { 2 }]);
        let shown = shown(Role::Server, &bytes);
        assert_eq!(shown.closed, None);
        assert_eq!(shown.sent.iter().filter(|line| line.contains("C_IC_NA_1 actcon negative")).count(), shown.frames - 1);
        assert_eq!(shown.sent.iter().filter(|line| line.contains("C_IC_NA_1 actterm")).count(), 1);
    }
    // A hundred, each durable before the next, none of the answers acknowledged.
    let mut yard = Yard::new(Role::Server);
    for (asdu, ns) in asdus.iter().zip(0..) {
        yard.input(STARTED, &i(ns, 1, asdu));
    }
    let lines = yard.drain(STARTED);
    assert_eq!(lines.iter().filter(|line| line.contains("actcon negative")).count(), 99);
    assert_eq!(lines.iter().filter(|line| line.contains("actterm")).count(), 1);
    assert_eq!(yard.closed(STARTED), None);
    yard.assert_others_live(STARTED, false);
    check(&[(Role::Client, frames(Role::Client, &asdus[..12]), Nothing)]);
}

#[test]
fn b1_34_parameters_of_nothing_that_are_no_numbers() {
    let allow = [("allow", Field::Text("parameters".to_owned()))];
    let nan = [&f32::NAN.to_le_bytes()[..], &[1]].concat();
    let number = [&1_f32.to_le_bytes()[..], &[1]].concat();
    for (ioa, element, words) in [(9999, &nan, "actcon negative"), (301, &nan, "actcon negative"), (9999, &number, "unknown-ioa negative")]
    {
        let bytes = frames(Role::Server, &[asdu(112, 1, 6, 21, &object(ioa, element))]);
        let shown = shown_on(STARTED, Role::Server, &allow, &bytes);
        assert!(shown.closed.is_none() && shown.sent.len() == 1 && shown.sent[0].contains(words), "{shown:?}");
        // Not served at all unless the link allows it.
        check(&[(Role::Server, bytes, Answered("actcon negative"))]);
    }
    check(&[(Role::Client, frames(Role::Client, &[asdu(112, 1, 6, 21, &object(9999, &nan))]), Nothing)]);
}

#[test]
fn b1_35_frames_of_101_are_none_of_104() {
    // The inputs themselves wait for -101; here its octets on a 104 connection.
    check(&both(&[0x10, 0x49, 0x01, 0x4A, 0x16], Closed("start octet 0x10")));
    check(&both(&[0xE5], Closed("start octet 0xe5")));
    check(&both(&[0x68, 0x09, 0x09, 0x68, 0x73, 0x01, 0x64, 0x01, 0x06, 0x01, 0x00], Closed("is no S frame")));
}

#[test]
fn the_meter_sees_memory_beyond_the_bound() {
    let mut kept = bridge_session::FrameBatch::default();
    let bound = memory_bound(&kept);
    let measured = allocation_counter::measure(|| kept.bytes = Vec::with_capacity(usize::try_from(bound).unwrap() + 1));
    assert_eq!(measured.bytes_max, bound + 1);
}

#[test]
fn work_beyond_the_bound_is_seen() {
    let most = Work { received: 100, allocations: 114, allocated: 14_848, polls: 66, sent: 656 };
    assert_eq!(most.excess(), [""; 0]);
    let more = [
        (Work { allocations: 115, ..most }, "allocations"),
        (Work { allocated: 14_849, ..most }, "octets allocated"),
        (Work { polls: 67, ..most }, "calls"),
        (Work { sent: 657, ..most }, "octets sent"),
        (Work { received: 99, allocations: 0, allocated: 0, polls: 0, ..most }, "octets sent"),
    ];
    for (work, what) in more {
        assert_eq!(work.excess(), [what]);
    }
    // A session that works is seen at work.
    let mut yard = Yard::new(Role::Server);
    yard.input(STARTED, &frames(Role::Server, &[asdu(100, 1, 6, 21, &object(0, &[20]))]));
    yard.drain(STARTED);
    let work = yard.work();
    assert!(work.received > 16 && work.allocations > 2 && work.allocated > 100 && work.polls > 2 && work.sent > 40, "{work:?}");
}

//! The 38 malformed and hostile inputs of the project's checklist for DNP3, one test each, for both roles: what happens is what
//! `docs/conformance/dnp3.md` says, in one chunk and octet by octet, within bounded memory, and to nobody but the station that sent it. CRCs
//! are good wherever the input aims above the link layer.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod wire;
mod yard;

use std::time::Duration;

use bridge_model::{Action, Command, CommandId, CommandMode, Now, Outcome, PointId, TimeFlags, TimeOrigin};
use bridge_session::{Answer, Event, Field, FileWish, Request, Role};

use wire::*;
use yard::Reaction::{Answered, Asked, Closed, Dropped, Evidence, Nothing};
use yard::*;

/// A null unsolicited response to a master, READ of one binary to an outstation: what each takes and answers.
fn lawful(role: Role) -> Vec<u8> {
    match role {
        Role::Client => vec![0xF4, 130, 0, 0],
        Role::Server => vec![0xC1, 1, 1, 2, 0, 0, 0],
    }
}

/// What answers it.
const LAWFUL_ANSWER: [&str; 2] = ["seq=4 UNS CONFIRM", "seq=1 RESPONSE"];

fn answer_of(role: Role) -> &'static str {
    LAWFUL_ANSWER[usize::from(role == Role::Server)]
}

/// LATCH_ON of output 0, once.
const LATCH: [u8; 16] = [12, 1, 0x17, 1, 0, 3, 1, 100, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn b2_01_both_roles_lengths_0_to_4() {
    for length in 0..5 {
        let short = |role| match role {
            Role::Client => header(length, STATUS, MASTER, OUTSTATION),
            Role::Server => header(length, STATUS | BY_MASTER, OUTSTATION, MASTER),
        };
        check_both(short, Dropped("is below 5"));
    }
}

#[test]
fn b2_02_both_roles_length_255_and_a_short_stream() {
    for role in ROLES {
        let mut yard = Yard::new(role);
        let begun = match role {
            Role::Client => header(255, DATA, MASTER, OUTSTATION),
            Role::Server => header(255, DATA | BY_MASTER, OUTSTATION, MASTER),
        };
        assert_eq!(yard.attack(&[&begun[..], &[0xC0; 30]].concat(), usize::MAX), Shown::default());
        yard.pass(Duration::from_secs(16));
        let told: Vec<Event> = yard.events();
        assert!(told.iter().any(|event| matches!(event, Event::Refused { what } if what.contains("was begun and not ended"))), "{told:?}");
        let next = send(role, &lawful(role));
        assert!(yard.attack(&next, 1).sent[0].starts_with(answer_of(role)), "the next frame is not swallowed");
        assert_eq!(yard.closed(), None);
    }
}

#[test]
fn b2_03_both_roles_crc_of_the_header() {
    for octet in 2..10 {
        let spoilt = |role| {
            let mut octets = to(role, STATUS, &[]);
            octets[octet] ^= 0x20;
            octets
        };
        check_both(spoilt, Dropped("wrong CRC of a header"));
    }
}

#[test]
fn b2_04_both_roles_crc_of_the_last_partial_block() {
    for from_end in [1, 2, 3] {
        let spoilt = |role| {
            let mut octets = send(role, &[&lawful(role)[..], &[0; 14]].concat());
            let at = octets.len() - from_end;
            octets[at] ^= 1;
            octets
        };
        check_both(spoilt, Dropped("wrong CRC of block 2"));
    }
}

#[test]
fn b2_05_both_roles_start_octets_where_no_frame_starts() {
    for role in ROLES {
        // A header that is none does not hide the frame behind it, which is read once.
        let mut bad = to(role, STATUS, &[]);
        bad[9] ^= 1;
        let shown = shown(role, &[bad, send(role, &lawful(role))].concat());
        assert!(shown.sent.len() == 1 && shown.sent[0].starts_with(answer_of(role)), "{shown:?}");
    }
    // A frame within the payload of another is payload, also where the block beside it is spoilt: nobody commands by spoiling a frame.
    let hidden = request(5, &LATCH);
    let mut carrier = frame(DATA | BY_MASTER, OUTSTATION, MASTER, &[&[0xC0][..], &[0; 15], &hidden].concat());
    carrier[12] ^= 1;
    check(Role::Server, &carrier, Dropped("wrong CRC of block 1"));
    let event = send(Role::Client, &[0xF4, 130, 0, 0, 2, 1, 0x17, 1, 0, 0x81]);
    let mut carrier = frame(DATA, MASTER, OUTSTATION, &[&[0xC0][..], &[0; 15], &event].concat());
    carrier[12] ^= 1;
    check(Role::Client, &carrier, Dropped("wrong CRC of block 1"));
}

#[test]
fn b2_06_both_roles_addresses_that_are_no_stations() {
    let sent = |role: Role, control: u8, destination, source, octets: &[u8]| {
        fragment(if role == Role::Server { control | BY_MASTER } else { control }, destination, source, octets)
    };
    for role in ROLES {
        let source = if role == Role::Client { OUTSTATION } else { MASTER };
        for reserved in [0xFFF0, 0xFFF7, 0xFFFB] {
            check(role, &sent(role, DATA, reserved, source, &lawful(role)), Dropped("is reserved"));
        }
        check(role, &sent(role, DATA, 0xFFFC, source, &lawful(role)), Dropped("self-address"));
        for nobody in [0xFFF0, 0xFFFC, 0xFFFF] {
            let own = if role == Role::Client { MASTER } else { OUTSTATION };
            check(role, &sent(role, DATA, own, nobody, &lawful(role)), Dropped("is no station's address"));
        }
    }
    // No outstation speaks to all, and nobody reads or commands all: a broadcast READ or control is evidence and is not answered.
    check(Role::Client, &sent(Role::Client, DATA, 0xFFFF, OUTSTATION, &lawful(Role::Client)), Dropped("broadcast 0xffff"));
    for destination in 0xFFFD..=0xFFFF {
        for octets in [&[0xC1, 1, 60, 1, 6][..], &[&[0xC1, 5][..], &LATCH].concat()] {
            let shown = shown(Role::Server, &sent(Role::Server, DATA, destination, MASTER, octets));
            assert!(shown.commands.is_empty() && shown.sent.is_empty() && shown.told[0].contains("not carried out"), "{shown:?}");
        }
    }
}

#[test]
fn b2_07_both_roles_the_direction_of_our_own_role() {
    for control in [DATA, STATUS, RESET] {
        let payload = |role| if control == DATA { [&[0xC0][..], &lawful(role)].concat() } else { Vec::new() };
        let turned = |role| match role {
            Role::Client => frame(control | BY_MASTER, MASTER, OUTSTATION, &payload(role)),
            Role::Server => frame(control, OUTSTATION, MASTER, &payload(role)),
        };
        check_both(turned, Dropped("is that of our own role"));
    }
}

#[test]
fn b2_08_both_roles_codes_of_the_other_kind() {
    for code in [1, 11, 15] {
        check_both(|role| to(role, 0x40 | code, &[]), Answered("NOT_SUPPORTED"));
    }
    for code in [2, 3, 4, 9] {
        check_both(|role| to(role, code, &[]), Dropped("does not exist"));
    }
    for code in [0, 1, 11, 15] {
        check_both(|role| to(role, code, &[]), Dropped("to nothing that was asked"));
    }
}

#[test]
fn b2_09_both_roles_codes_that_do_not_exist() {
    for code in [5, 6, 7, 8, 10, 12, 13, 14, 15] {
        check_both(|role| to(role, 0x40 | code, &[]), Answered("NOT_SUPPORTED"));
    }
    for code in [5, 6, 7, 8, 10, 12, 13, 14] {
        check_both(|role| to(role, code, &[]), Dropped("does not exist"));
    }
}

#[test]
fn b2_10_both_roles_a_stuck_frame_count_bit() {
    for role in ROLES {
        let data = to(role, CONFIRMED | 0x20, &[&[0xC0][..], &lawful(role)].concat());
        let shown = shown(role, &[to(role, RESET, &[]), data.clone(), data.clone(), data].concat());
        let acknowledged = shown.sent.iter().filter(|line| *line == "ACK").count();
        let answers: Vec<_> = shown.sent.iter().filter(|line| *line != "ACK").collect();
        assert!(acknowledged == 4 && answers.len() == 1 && answers[0].starts_with(answer_of(role)), "{shown:?}");
        assert!(shown.told.iter().any(|what| what.contains("frame count bit unchanged")), "{shown:?}");
    }
    check_both(|role| to(role, DATA | 0x10, &[&[0xC0][..], &lawful(role)].concat()), Dropped("function 4 with FCV=1"));
}

#[test]
fn b2_11_both_roles_user_data_without_data() {
    check_both(|role| to(role, DATA, &[]), Dropped("function 4 with 0 octets of payload"));
}

#[test]
fn b2_12_both_roles_a_megabyte_of_start_octets() {
    for junk in [vec![0x05; 1 << 20], [0x05, 0x64].repeat(1 << 19)] {
        check_both(|_| junk.clone(), Closed("peer misbehaved: more than 4096 octets without a frame"));
    }
}

#[test]
fn b2_13_both_roles_a_segment_without_a_fragment() {
    check_both(|role| to(role, DATA, &[0xC5]), Dropped("segment 5 is empty"));
}

#[test]
fn b2_14_both_roles_a_segment_that_continues_nothing() {
    for header in [0x83, 0x03] {
        check_both(|role| to(role, DATA, &[&[header][..], &lawful(role)].concat()), Dropped("segment 3 continues no fragment"));
    }
}

#[test]
fn b2_15_both_roles_segments_without_end() {
    let endless = |role| {
        let segment = |number: u16| to(role, DATA, &[u8::try_from(number % 64).unwrap() | if number == 0 { 0x40 } else { 0 }, 0xEE]);
        (0..2100).flat_map(segment).collect()
    };
    check_both(endless, Dropped("a fragment is longer than 2048 octets: discarded"));
}

#[test]
fn b2_16_both_roles_first_segments_again_and_again() {
    check_both(|role| to(role, DATA, &[&[0x40][..], &[0xAB; 249]].concat()).repeat(1000), Dropped("was begun and not ended"));
}

#[test]
fn b2_17_both_roles_a_gap_and_a_repetition() {
    let cut = |role, numbers: &[u8]| {
        let octets = lawful(role);
        let last = numbers.len() - 1;
        let piece = |(at, number): (usize, &u8)| {
            let ends = if at == 0 { 0x40 } else { 0 } | if at == last { 0x80 } else { 0 };
            let data = if at == last { &octets[2..] } else { &octets[at.min(1)..=at.min(1)] };
            to(role, DATA, &[&[ends | number][..], data].concat())
        };
        numbers.iter().enumerate().flat_map(piece).collect::<Vec<u8>>()
    };
    check_both(|role| cut(role, &[0, 2, 3]), Dropped("segment 2 instead of 1: fragment discarded"));
    check_both(|role| cut(role, &[0, 63, 0]), Dropped("fragment discarded"));
    for role in ROLES {
        // The same segment again is dropped, and the fragment is whole all the same.
        let shown = shown(role, &cut(role, &[0, 1, 1, 2]));
        assert!(shown.sent.len() == 1 && shown.sent[0].starts_with(answer_of(role)), "{shown:?}");
        assert!(shown.told.iter().any(|what| what.contains("segment 1 came twice")), "{shown:?}");
    }
}

#[test]
fn b2_18_both_roles_fragments_beyond_2048_octets() {
    for octets in [2049, 2240, 9000] {
        let long = |role| {
            let mut octets = [lawful(role), vec![0; octets - lawful(role).len()]].concat();
            octets.truncate(9000);
            send(role, &octets)
        };
        check_both(long, Dropped("a fragment is longer than 2048 octets: discarded"));
    }
}

#[test]
fn b2_19_both_roles_an_application_header_of_one_octet() {
    check_both(|role| send(role, &[0xC0]), Dropped("fragment of 1 octets has no whole header"));
}

#[test]
fn b2_20_both_roles_functions_that_do_not_exist() {
    for code in (34..=128).chain(132..=255) {
        check(Role::Server, &request(code, &[60, 1, 6]), Answered("NO_FUNC_CODE_SUPPORT"));
        check(Role::Client, &send(Role::Client, &[0xC1, code, 0, 0]), Dropped("is not defined"));
    }
}

#[test]
fn b2_21_both_roles_functions_of_the_other_direction() {
    for code in [129, 130, 131] {
        check(Role::Server, &request(code, &[0, 0]), Dropped("in the wrong direction"));
    }
    for code in 0..=33 {
        check(Role::Client, &send(Role::Client, &[0xC1, code, 0, 0]), Dropped("in the wrong direction"));
    }
}

#[test]
fn b2_22_both_roles_con_where_none_belongs() {
    let shown = shown(Role::Server, &send(Role::Server, &[0xE1, 1, 1, 2, 0, 0, 0]));
    assert!(shown.sent.len() == 1 && shown.sent[0].contains("RESPONSE"), "{shown:?}");
    assert_eq!(shown.told, ["master 1: a request asks to be confirmed"]);
    check(Role::Client, &send(Role::Client, &[0xE1, 1, 1, 2, 0, 0, 0]), Dropped("READ in the wrong direction"));
    // A CONFIRM that asks for a CONFIRM starts nothing.
    check(Role::Server, &send(Role::Server, &[0xE1, 0]), Dropped("CONFIRM of nothing"));
    check(Role::Client, &send(Role::Client, &[0xE1, 0, 0, 0]), Dropped("CONFIRM in the wrong direction"));
}

#[test]
fn b2_23_both_roles_a_first_fragment_that_says_it_is_none() {
    check(Role::Server, &send(Role::Server, &[0x41, 1, 60, 1, 6]), Dropped("a request with control octet 0x41 was dropped"));
    check(Role::Client, &send(Role::Client, &[0x74, 130, 0, 0]), Dropped("not one whole fragment"));
    let answer = |yard: &Yard| send(Role::Client, &[0x40 | yard.seq, 129, 0, 0]);
    judge(&shown_in(Yard::asking, answer), Dropped("a later fragment before the first"), "FIR=0");
}

#[test]
fn b2_24_both_roles_uns_where_none_belongs() {
    check(Role::Server, &send(Role::Server, &[0xD1, 1, 60, 1, 6]), Dropped("a request with control octet 0xd1 was dropped"));
    check(Role::Server, &send(Role::Server, &[0xD1, 0]), Dropped("CONFIRM of no unsolicited response"));
    let answer = |yard: &Yard| send(Role::Client, &[0xD0 | yard.seq, 129, 0, 0]);
    judge(&shown_in(Yard::asking, answer), Dropped(": dropped"), "UNS on a response");
    // And none where it belongs.
    check(Role::Client, &send(Role::Client, &[0xE4, 130, 0, 0]), Dropped("not one whole fragment"));
}

#[test]
fn b2_25_both_roles_a_response_without_indications() {
    for octets in [&[0xF4, 130][..], &[0xF4, 130, 0x80]] {
        check(Role::Client, &send(Role::Client, octets), Dropped("has no whole header"));
        check(Role::Server, &send(Role::Server, octets), Dropped("was dropped"));
    }
    let answer = |yard: &Yard| send(Role::Client, &[0xC0 | yard.seq, 129, 0]);
    judge(&shown_in(Yard::asking, answer), Dropped("has no whole header"), "solicited");
}

#[test]
fn b2_26_both_roles_objects_that_do_not_exist() {
    for [group, variation] in [[1, 3], [2, 4], [5, 1], [20, 3], [99, 1], [255, 255]] {
        check(Role::Server, &request(1, &[group, variation, 6]), Answered("OBJECT_UNKNOWN"));
        check(Role::Server, &request(2, &[group, variation, 0, 0, 0, 1]), Answered("OBJECT_UNKNOWN"));
        check(Role::Server, &request(5, &[group, variation, 0x17, 1, 0, 1]), Answered("OBJECT_UNKNOWN"));
        check_objects(&[group, variation, 0, 0, 0, 1, 2, 3], Evidence("is not known"), Evidence("is not known"));
    }
    // What stands before it is read.
    let known = [2, 1, 0x17, 1, 0, 0x81, 5, 1, 0, 0, 0, 1];
    let shown = shown(Role::Client, &send(Role::Client, &[&[0xF4, 130, 0, 0], &known[..]].concat()));
    assert_eq!((shown.updates.len(), shown.frames), (1, 1), "{shown:?}");
}

#[test]
fn b2_27_both_roles_qualifiers_that_do_not_exist_or_fit() {
    for qualifier in [3, 4, 5, 0x0A, 0x0F, 0x10, 0x1B, 0x27, 0x4B, 0x5C, 0x6B, 0x80, 0xFF] {
        check(Role::Server, &request(1, &[1, 2, qualifier, 1, 0, 1, 0]), Answered("PARAMETER_ERROR"));
        check_objects(&[1, 2, qualifier, 1, 0, 1, 0], Dropped("with qualifier"), Asked("with qualifier"));
    }
    // Sizes before commands.
    for qualifier in [0x4B, 0x5B, 0x6B] {
        let sized = [&[12, 1, qualifier, 1, 11, 0][..], &LATCH[5..]].concat();
        check(Role::Server, &request(3, &sized), Answered("PARAMETER_ERROR"));
        check_objects(&sized, Dropped("with qualifier"), Asked("with qualifier"));
    }
}

#[test]
fn b2_28_both_roles_a_range_that_ends_before_it_begins() {
    for range in [&[0, 5, 4][..], &[1, 0, 1, 0xFF, 0], &[2, 1, 0, 0, 0, 0, 0, 0, 0]] {
        let header = [&[1, 2], range].concat();
        check(Role::Server, &request(1, &header), Answered("PARAMETER_ERROR"));
        let objects = [&header[..], &[0x81; 20]].concat();
        check_objects(&objects, Dropped("ends before it begins"), Asked("ends before it begins"));
    }
}

#[test]
fn b2_29_both_roles_a_range_over_all_32_bits() {
    let all = [1, 2, 2, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    let shown = shown(Role::Server, &request(1, &all));
    assert!(shown.sent.len() == 1 && shown.sent[0].contains("PARAMETER_ERROR; g1v2 0..3"), "{shown:?}");
    // Sixty times in one request: the same work for each, and one fragment.
    let many = request(1, &all.repeat(60));
    let mut yard = Yard::new(Role::Server);
    assert_eq!(yard.attack(&many, usize::MAX).sent.len(), 1);
    yard.assert_others_live(false);
    check_objects(&[&all[..], &[0x81; 40]].concat(), Dropped("4294967296 objects in 40 octets"), Asked("objects in 40 octets"));
}

#[test]
fn b2_30_both_roles_packed_bits_that_are_not_there() {
    let packed = [1, 1, 2, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3];
    check_objects(&packed, Dropped("objects in 3 octets"), Asked("objects in 3 octets"));
    check(Role::Server, &request(2, &packed), Answered("PARAMETER_ERROR"));
}

#[test]
fn b2_31_both_roles_a_count_times_a_size_beyond_32_bits() {
    let commands = [&[12, 1, 0x39, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0; 60]].concat();
    for function in [3, 4, 5] {
        check(Role::Server, &request(function, &commands), Answered("PARAMETER_ERROR"));
    }
    check_objects(&commands, Dropped("4294967295 objects in 60 octets"), Asked("objects in 60 octets"));
    let events = [&[2, 2, 0x39, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0; 60]].concat();
    check_objects(&events, Dropped("4294967295 objects in 60 octets"), Asked("objects in 60 octets"));
}

#[test]
fn b2_32_both_roles_a_thousand_headers_of_classes() {
    // A thousand do not fit in the default.
    let classes = [60, 1, 6].repeat(1000);
    check(Role::Server, &request(1, &classes), Dropped("longer than 2048"));
    let wide = || Yard::with(Role::Server, &[("max_receive", Field::Int(65_535))]);
    let shown = shown_in(wide, |_| request(1, &classes));
    assert!(shown.sent.len() == 1 && shown.sent[0].contains("PARAMETER_ERROR") && !shown.sent[0].contains("g1v"), "{shown:?}");
    // To a master they are headers without objects.
    let answer = |yard: &Yard| send(Role::Client, &[&[0xE0 | yard.seq, 129, 0, 0], &classes[..]].concat());
    let shown = shown_in(|| Yard::asking_with(&[("max_receive", Field::Int(65_535))]), answer);
    assert!(shown.updates.is_empty() && shown.sent.len() <= 1 && shown.told.len() <= 1, "{shown:?}");
}

#[test]
fn b2_33_both_roles_control_blocks_without_meaning() {
    let block = |code: u8, count: u8, on: u32| [&[12, 1, 0x17, 1, 0, code, count][..], &on.to_le_bytes(), &[0; 5]].concat();
    let mut trips = [block(0x41, 0, 100), block(0x41, 255, 100), block(0x41, 1, u32::MAX), block(0xC1, 1, 100)];
    for body in &mut trips {
        body[4] = 1;
    }
    // A latch looks at no time; but it does nothing zero times.
    let latches = [0xC3, 0x83, 0x13, 0x23].map(|code| block(code, 1, 100)).into_iter().chain([block(3, 0, 100)]);
    let unlawful = (5..=15).map(|code| block(code, 1, 100)).chain(latches).chain(trips);
    for body in unlawful {
        for function in [3, 5] {
            let shown = shown(Role::Server, &request(function, &body));
            assert!(shown.commands.is_empty() && shown.sent.len() == 1 && shown.sent[0].contains("NOT_SUPPORTED"), "{body:02x?} {shown:?}");
        }
    }
    // In the answer to a control of ours: it is no echo, and never reads as success.
    let answered = |change: &dyn Fn(&mut Vec<u8>)| {
        let (mut yard, mut body) = commanding(CommandMode::Direct);
        change(&mut body);
        outcome(&mut yard, 0, &body)
    };
    assert_eq!(answered(&|_| {}), Outcome::Completed, "the echo as it is");
    for (octet, value) in [(8, 255), (8, 0), (7, 5), (7, 0xC3), (12, 0xFF), (17, 4), (17, 127)] {
        assert_ne!(answered(&|body| body[octet] = value), Outcome::Completed, "octet {octet}");
    }
    assert_ne!(answered(&|body| body.truncate(0)), Outcome::Completed, "nothing");
}

/// A master whose command of the latch is on the line, and the objects that it sent.
fn commanding(mode: CommandMode) -> (Yard, Vec<u8>) {
    let mut yard = Yard::new(Role::Client);
    let life = Duration::from_secs(10);
    let not_after = Now { mono: yard.now.mono + life, utc: yard.now.utc + life };
    let command = Command { id: CommandId(1), point: PointId(100), action: Action::Switch(true), mode, qualifier: 0, not_after };
    yard.request(Request::Command(command));
    let sent = yard.output();
    assert!(sent.len() == 1 && sent[0].contains("g12v1 x1: 0=LATCH_ON"), "{sent:?}");
    yard.seq = yard.last[0] & 0x0F;
    let body = yard.last[2..].to_vec();
    assert_eq!(body.len(), 18, "header, count and index of two octets, block");
    (yard, body)
}

/// How the command ends with this answer to what is on the line, its number so much further, and when nothing more comes.
fn outcome(yard: &mut Yard, further: u8, body: &[u8]) -> Outcome {
    let octets = [&[0xC0 | (yard.seq + further) & 0x0F, 129, 0, 0], body].concat();
    let mut settled = yard.attack(&send(Role::Client, &octets), 1).settled;
    yard.pass(Duration::from_secs(30));
    yard.output();
    settled.extend(
        yard.events().into_iter().filter_map(|event| if let Event::Settled { outcome, .. } = event { Some(outcome) } else { None }),
    );
    assert_eq!(settled.len(), 1, "once");
    settled.remove(0)
}

#[test]
fn b2_34_both_roles_an_operate_that_was_not_selected() {
    let selected = || {
        let mut yard = Yard::new(Role::Server);
        let shown = yard.attack(&request(3, &LATCH), usize::MAX);
        yard.request(Request::Answer { token: shown.commands[0].token, answer: Answer::Confirm });
        assert!(yard.output()[0].contains("SUCCESS"));
        yard.events();
        yard
    };
    let operate = |seq: u8, body: &[u8]| [&[0xC0 | seq, 4], body].concat();
    let mut changed = LATCH;
    changed[7] ^= 1;
    judge(&shown_in(selected, |_| send(Role::Server, &operate(2, &changed))), Answered("NO_SELECT"), "one bit");
    judge(&shown_in(selected, |_| send(Role::Server, &operate(3, &LATCH))), Answered("NO_SELECT"), "SEQ + 2");
    let late = || {
        let mut yard = selected();
        yard.pass(Duration::from_secs(11));
        yard.events();
        yard
    };
    judge(&shown_in(late, |_| send(Role::Server, &operate(2, &LATCH))), Answered("TIMEOUT"), "late");
    // Another master on the same connection has selected nothing.
    let shown = shown_in(selected, |_| fragment(DATA | BY_MASTER, OUTSTATION, SECOND, &operate(2, &LATCH)));
    assert!(shown.commands.is_empty(), "{shown:?}");
    // The right one, to show that all of these were near it.
    assert_eq!(selected().attack(&send(Role::Server, &operate(2, &LATCH)), 1).commands.len(), 1);
    // To a master: the answer to its SELECT with one bit changed is no echo, with another number no answer.
    let (mut yard, body) = commanding(CommandMode::SelectExecute);
    let octets = [&[0xC0 | yard.seq, 129, 0, 0], &body[..]].concat();
    assert!(yard.attack(&send(Role::Client, &octets), 1).sent[0].contains("OPERATE"), "the echo as it is");
    for (further, bit) in [(0, 1), (2, 0)] {
        let (mut yard, mut body) = commanding(CommandMode::SelectExecute);
        body[9] ^= bit;
        assert_ne!(outcome(&mut yard, further, &body), Outcome::Completed);
    }
}

#[test]
fn b2_35_both_roles_times_that_are_none() {
    let forever = [0xFF; 6];
    for [group, variation] in [[50, 1], [50, 3]] {
        check(Role::Server, &request(2, &[&[group, variation, 7, 1][..], &forever].concat()), Answered("PARAMETER_ERROR"));
    }
    let read = |objects: &[u8]| shown(Role::Client, &send(Role::Client, &[&[0xF4, 130, 0, 0], objects].concat()));
    // A relative time with nothing before it; one that leaves the 48 bits; an absolute one that is no date.
    for objects in [
        vec![2, 3, 0x17, 1, 0, 0x81, 5, 0],
        [&[51, 1, 7, 1][..], &forever, &[2, 3, 0x17, 1, 0, 0x81, 0xFF, 0xFF]].concat(),
        [&[2, 2, 0x17, 1, 0, 0x81][..], &forever].concat(),
    ] {
        let shown = read(&objects);
        assert_eq!((shown.updates.len(), shown.frames), (1, 1), "the value is what it is: {shown:?}");
        let time = shown.updates[0].time;
        assert!(time.origin == TimeOrigin::Bridge && time.flags.contains(TimeFlags::INVALID), "{shown:?}");
        assert_eq!(shown.told.len(), 1, "{shown:?}");
    }
}

#[test]
fn b2_36_both_roles_strings_lists_and_data_sets() {
    // A string of no octets is seen in the field: nothing is read, nothing is lost.
    for group in [110, 111] {
        let empty = if group == 110 { vec![group, 0, 0, 0, 0] } else { vec![group, 0, 0x17, 1, 0] };
        let octets = [&[0xF4, 130, 0, 0], &empty[..]].concat();
        let shown = shown(Role::Client, &send(Role::Client, &octets));
        assert!(shown.updates.is_empty() && shown.frames == 1 && shown.sent == ["seq=4 UNS CONFIRM"], "{shown:?}");
    }
    // A string of fewer octets than its variation says.
    check_objects(&[111, 8, 0x17, 1, 0, b'a', b'b'], Dropped("objects in"), Asked("objects in"));
    // Attributes whose lengths lead out of the fragment, and a list of lists.
    check_objects(&[0, 252, 0, 0, 0, 1, 200, b'a'], Dropped("objects in"), Asked("objects in"));
    let list = [0, 255, 0, 0, 0, 254, 4, 255, 254, 255, 254];
    let shown = shown_in(Yard::asking, |yard| send(Role::Client, &[&[0xE0 | yard.seq, 129, 0, 0], &list[..]].concat()));
    assert!(shown.updates.is_empty() && shown.frames == 1, "{shown:?}");
    // Descriptors of data sets with sizes of their own, and objects that are not served: answered with what they are.
    for group in 85..=88 {
        let descriptor = [group, 1, 0x5B, 1, 200, 0, 1, 255, 255];
        check(Role::Server, &request(1, &[group, 0, 6]), Answered("OBJECT_UNKNOWN"));
        check(Role::Server, &request(1, &[group, 1, 6]), Answered("OBJECT_UNKNOWN"));
        let shown = shown_in(|| Yard::new(Role::Server), |_| request(2, &descriptor));
        assert!(shown.sent.len() == 1 && shown.sent[0].contains("iin="), "{shown:?}");
        let octets = [&[0xF4, 130, 0, 0], &descriptor[..]].concat();
        let shown = shown_in(|| Yard::new(Role::Client), |_| send(Role::Client, &octets));
        assert!(shown.updates.is_empty() && shown.told.len() == 1, "{shown:?}");
    }
    for group in [112, 113] {
        check(Role::Server, &request(1, &[group, 0, 6]), Answered("OBJECT_UNKNOWN"));
    }
    // Strings are not a master's to write, empty, whole or cut.
    check(Role::Server, &request(2, &[110, 0, 0, 0, 0]), Answered("OBJECT_UNKNOWN"));
    for group in [110, 112] {
        check(Role::Server, &request(2, &[group, 2, 0x17, 1, 0, b'o', b'k']), Answered("OBJECT_UNKNOWN"));
        check(Role::Server, &request(2, &[group, 9, 0x17, 1, 0, b'o', b'k']), Answered("PARAMETER_ERROR"));
    }
    // Where none is served, all of them are none; one that is named is not there.
    check(Role::Server, &request(1, &[110, 0, 0x00, 0, 255]), Answered("PARAMETER_ERROR"));
    check(Role::Server, &request(1, &[111, 0, 0x00, 0, 255]), Answered("PARAMETER_ERROR"));
}

/// Patterns, statistics and indexed times: what is cut, out of order, or not a master's to write.
#[test]
fn b2_33_both_roles_patterns_statistics_and_times_that_say_nothing() {
    let block = [3, 1, 100, 0, 0, 0, 0, 0, 0, 0, 0];
    let with = |mask: &[u8]| [&[12, 2, 0x07, 1][..], &block, mask].concat();
    for function in [3, 4, 5] {
        for body in [
            with(&[]),
            with(&[12, 3, 0x00, 0, 7, 0]),
            with(&[12, 3, 0x00, 0, 8, 1]),
            with(&[12, 3, 0x02, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
            with(&[12, 3, 0x00, 7, 0, 1]),
            with(&[12, 3, 0x07, 1, 1]),
            with(&[12, 3, 0x06]),
            vec![12, 3, 0x00, 0, 0, 1],
            [&[12, 2, 0x07, 1][..], &block[..10]].concat(),
            [&[12, 2, 0x07, 2][..], &block, &block, &[12, 3, 0x00, 0, 0, 1]].concat(),
        ] {
            check(Role::Server, &request(function, &body), Answered("PARAMETER_ERROR"));
        }
    }
    // A mask over points that are not there commands none of those that are.
    let wide = [&with(&[12, 3, 0x01, 0, 0, 0xFF, 3])[..], &[0xFF; 128]].concat();
    let shown = shown(Role::Server, &request(5, &wide));
    assert!(shown.commands.is_empty() && shown.sent.len() == 1, "{shown:?}");
    for body in [&[121, 1, 0x00, 0, 0, 1, 0, 0, 0, 0, 0][..], &[50, 4, 0x00, 0, 0, 0], &[122, 2, 0x17, 1, 0, 1]] {
        check(Role::Server, &request(2, body), Answered("PARAMETER_ERROR"));
        let octets = [&[0xF4, 130, 0, 0], body].concat();
        let shown = shown_in(|| Yard::new(Role::Client), |_| send(Role::Client, &octets));
        assert!(shown.updates.is_empty() && shown.told.len() == 1 && shown.told[0].contains("objects in"), "{shown:?}");
    }
    check(Role::Server, &request(1, &[121, 1, 0x02, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]), Answered("PARAMETER_ERROR"));
    check(Role::Server, &request(1, &[50, 4, 0x02, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]), Answered("PARAMETER_ERROR"));
}

#[test]
fn b2_37_both_roles_files_that_lie() {
    let files = || Yard::with(Role::Server, &[("allow", Field::Text("files,file_write".to_owned()))]);
    let open = |offset: u16, length: u16, name: &[u8], size: u32, mode: u16| {
        let fixed = [&[0; 6][..], &[0, 0], &[0; 4], &size.to_le_bytes(), &mode.to_le_bytes(), &[0, 2, 1, 0]].concat();
        let body = [&offset.to_le_bytes()[..], &length.to_le_bytes(), &fixed, name].concat();
        [&[70, 3, 0x5B, 1][..], &u16::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
    };
    let block = |handle: u32, number: u32| [&[70, 5, 0x5B, 1, 8, 0][..], &handle.to_le_bytes(), &number.to_le_bytes()].concat();
    for (function, body, words) in [
        (25, open(26, 200, b"a", 0, 1), "PARAMETER_ERROR"),
        (25, open(0xFFFF, 1, b"a", 0, 1), "PARAMETER_ERROR"),
        (25, open(26, 9, b"../passwd", 0, 1), "status=1"),
        (25, open(26, 9, b"..\\passwd", 0, 1), "status=1"),
        (25, open(26, 4, b"none", u32::MAX, 1), "status=3"),
        (1, block(77, 0), "status=6"),
        (1, block(77, 0x7FFF_FFFF), "status=6"),
        (1, block(u32::MAX, 0xFFFF_FFFF), "status=6"),
        (25, [&[70, 3, 0x5B, 1, 0xFF, 0xFF][..], &[0; 26]].concat(), "PARAMETER_ERROR"),
    ] {
        judge(&shown_in(files, |_| request(function, &body)), Answered(words), &format!("{body:02x?}"));
        // Where files are not served nobody looks at them.
        let shown = shown(Role::Server, &request(function, &body));
        assert!(shown.sent.len() == 1 && shown.sent[0].contains("iin="), "{shown:?}");
    }
    // What an outstation may not say to a master that opens a file.
    let opened = |handle: u32, size: u32, block: u16, status: u8| {
        let body = [&handle.to_le_bytes()[..], &size.to_le_bytes(), &block.to_le_bytes(), &[1, 0, status]].concat();
        [&[70, 4, 0x5B, 1][..], &u16::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
    };
    let reading = || {
        let mut yard = Yard::with(Role::Client, &[("allow", Field::Text("files".to_owned()))]);
        let wish = FileWish::Read("log".to_owned());
        yard.request(Request::File { id: 1, station: None, wish, not_after: bridge_model::Mono::NEVER });
        let sent = yard.output();
        assert!(sent.len() == 1 && sent[0].contains("OPEN_FILE"), "{sent:?}");
        yard.seq = sent[0].trim_start_matches("seq=").split(' ').next().unwrap().parse().unwrap();
        yard
    };
    let lawful = shown_in(reading, |yard| send(Role::Client, &[&[0xC0 | yard.seq, 129, 0, 0], &opened(5, 10, 100, 0)[..]].concat()));
    assert!(lawful.sent.len() == 1 && lawful.sent[0].contains("READ; g70v5"), "{lawful:?}");
    for body in [opened(0, 10, 100, 0), opened(5, u32::MAX, 0, 0), vec![70, 4, 0x5B, 1, 0xFF, 0xFF, 1], vec![70, 4, 0x5B, 1, 2, 0, 1, 0]] {
        let shown = shown_in(reading, |yard| send(Role::Client, &[&[0xC0 | yard.seq, 129, 0, 0], &body[..]].concat()));
        assert!(shown.updates.is_empty() && shown.sent.len() <= 1, "{body:02x?} {shown:?}");
        let ends = |line: &String| line.contains("CLOSE_FILE") || line == "REQUEST_LINK_STATUS";
        assert!(shown.sent.iter().all(ends), "nothing is read of it: {body:02x?} {shown:?}");
    }
}

#[test]
fn b2_38_both_roles_authentication_is_never_answered_in_kind() {
    let sized = |variation: u8, said: u16, octets: usize| [&[120, variation, 0x5B, 1][..], &said.to_le_bytes(), &vec![0; octets]].concat();
    let inputs = [
        sized(1, 0, 0),
        sized(1, 65_535, 10),
        sized(1, 10, 10),
        sized(2, 20, 10),
        sized(5, 18, 18),
        [&sized(5, 4, 0)[..], &u32::MAX.to_le_bytes()].concat(),
        sized(7, 13, 13),
        sized(8, 1800, 1800),
        sized(9, 16, 3),
    ];
    for variation in 0..=15 {
        check(Role::Server, &request(1, &[120, variation, 6]), Answered("OBJECT_UNKNOWN"));
    }
    for body in inputs {
        // Behind a function that has another meaning it is no object that is known, or none at all.
        for function in [2, 3, 5] {
            let shown = shown(Role::Server, &request(function, &body));
            let refused = |line: &String| line.contains("OBJECT_UNKNOWN") || line.contains("PARAMETER_ERROR");
            assert!(shown.sent.len() == 1 && shown.sent.iter().all(refused) && shown.commands.is_empty(), "{shown:?}");
        }
        check(Role::Server, &request(32, &body), Answered("RESPONSE iin=NO_FUNC_CODE_SUPPORT"));
        // Without acknowledgement: not even that.
        let shown = shown(Role::Server, &request(33, &body));
        assert!(shown.sent.is_empty(), "{shown:?}");
        check(Role::Client, &send(Role::Client, &[&[0xC1, 131, 0, 0], &body[..]].concat()), Dropped("secure authentication"));
        let asked = shown_in(Yard::asking, |yard| send(Role::Client, &[&[0xC0 | yard.seq, 131, 0, 0], &body[..]].concat()));
        assert!(asked.sent.is_empty() && asked.frames == 0, "{asked:?}");
        let within = shown_in(Yard::asking, |yard| send(Role::Client, &[&[0xC0 | yard.seq, 129, 0, 0], &body[..]].concat()));
        assert!(within.sent.is_empty() && within.updates.is_empty(), "{within:?}");
    }
    // A hundred errors are a hundred lines at most, and no error goes back.
    let errors = send(Role::Client, &[&[0xC1, 131, 0, 0], &sized(7, 13, 13)[..]].concat()).repeat(200);
    let shown = shown(Role::Client, &errors);
    assert!(shown.sent.is_empty() && shown.told.len() <= 101, "{} told", shown.told.len());
}

#[test]
fn lawful_input_is_taken_so_that_a_reaction_is_one() {
    for role in ROLES {
        let shown = shown(role, &send(role, &lawful(role)));
        assert!(shown.sent.len() == 1 && shown.sent[0].starts_with(answer_of(role)), "{shown:?}");
        assert_eq!(shown.told, [""; 0]);
    }
    check(Role::Client, &[], Nothing);
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
    let most = Work { received: 100, allocations: 114, allocated: 29_184, polls: 66, sent: 912 };
    assert_eq!(most.excess(), [""; 0]);
    for (work, what) in [
        (Work { allocations: 115, ..most }, "allocations"),
        (Work { allocated: 29_185, ..most }, "octets allocated"),
        (Work { polls: 67, ..most }, "calls"),
        (Work { sent: 913, ..most }, "octets sent"),
    ] {
        assert_eq!(work.excess(), [what]);
    }
    // A session that works is seen at work.
    let mut yard = Yard::new(Role::Server);
    yard.attack(&request(1, &[60, 1, 6]), usize::MAX);
    let work = yard.work();
    assert!(work.received > 10 && work.allocations > 2 && work.polls > 2 && work.sent > 40, "{work:?}");
}

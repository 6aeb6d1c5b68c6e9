//! What holds for any octets: no panic, bounded memory, the same result for any split.

use bridge_model::Value;
use bridge_session::{Event, Field, PublishClass, Session};

use crate::app::Function;
use crate::outstation::test_kit::*;

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn octet(state: &mut u64) -> u8 {
    u8::try_from(next(state) & 0xFF).unwrap()
}

fn all_allowed() -> [(&'static str, Field); 2] {
    let allow = "clock_sync, counter_freeze, counter_reset, reset, assign_class, parameters, files, file_write";
    [("allow", text(allow)), ("broadcast_controls", Field::Bool(true))]
}

/// Requests with lawful headers and any objects, and fragments of any octets.
#[test]
fn any_fragments_never_panic_and_memory_stays_bounded() {
    const GROUPS: [u8; 24] = [0, 1, 2, 3, 4, 10, 12, 20, 21, 23, 30, 31, 32, 33, 34, 40, 41, 50, 51, 60, 70, 80, 110, 120];
    const QUALIFIERS: [u8; 11] = [0, 1, 2, 6, 7, 8, 9, 0x17, 0x28, 0x39, 0x5B];
    for seed in 1..=40_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut bench = Bench::new(&all_allowed());
        for i in 0..4 {
            bench.publish(BINARY + i, Value::Bool(true), PublishClass::Event(u64::from(i) + 1));
            bench.publish(ANALOG + i, Value::Int(7), PublishClass::Latest);
        }
        let used = allocation_counter::measure(|| {
            for _ in 0..500 {
                let mut fragment = vec![0xC0 | octet(&mut state) & 0x3F, octet(&mut state) % 36];
                if !next(&mut state).is_multiple_of(4) {
                    fragment[0] = 0xC0 | fragment[0] & 0x0F;
                }
                for _ in 0..next(&mut state) % 4 {
                    let place = usize::try_from(next(&mut state)).unwrap();
                    let header = [GROUPS[place % 24], octet(&mut state) % 9, QUALIFIERS[place / 24 % 11]];
                    fragment.extend(header);
                    for _ in 0..next(&mut state) % 20 {
                        let small = !next(&mut state).is_multiple_of(3);
                        fragment.push(if small { octet(&mut state) % 5 } else { octet(&mut state) });
                    }
                }
                let to =
                    if next(&mut state).is_multiple_of(20) { 0xFFFD + u16::try_from(next(&mut state) % 3).unwrap() } else { OUTSTATION };
                bench.rx_to(to, &fragment);
                bench.frames.clear();
                for got in bench.tx() {
                    if got.control.con && next(&mut state).is_multiple_of(2) {
                        bench.confirm(got.control);
                    }
                }
                while let Some(event) = bench.session.poll_event() {
                    if let Event::CommandReceived(command) = event {
                        let answers = [
                            bridge_session::Answer::Confirm,
                            bridge_session::Answer::Refuse(bridge_session::Refusal::default()),
                            bridge_session::Answer::Silence,
                        ];
                        bench.answer(command.token, answers[usize::try_from(next(&mut state) % 3).unwrap()]);
                    }
                }
                if next(&mut state).is_multiple_of(50) {
                    bench.pass_ms(next(&mut state) % 20_000);
                }
                if bench.closed().is_some() {
                    bench.close();
                    bench.open();
                }
            }
        });
        assert!(used.bytes_current < 400_000, "seed {seed}: {used:?}");
    }
}

#[test]
fn any_octets_on_the_channel_never_panic() {
    for seed in 1..=40_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut bench = Bench::new(&[]);
        let mut octets = Vec::new();
        for _ in 0..2000 {
            match next(&mut state) % 6 {
                0 => octets.extend([0x05, 0x64]),
                1 => octets.extend([0x05, 0x64, 8, 0xC4, 10, 0, 1, 0]),
                _ => octets.push(octet(&mut state)),
            }
        }
        for piece in octets.chunks(1 + usize::try_from(next(&mut state) % 97).unwrap()) {
            bench.rx_octets(piece);
        }
        bench.pass_ms(100_000);
        assert!(bench.events().len() < 400, "seed {seed}");
    }
}

#[test]
fn any_split_of_the_octets_gives_the_same_answers() {
    let mut line = Vec::new();
    let mut recorder = crate::line::Line::new(
        crate::line::LineSettings { keep_alive: None, ..crate::line::LineSettings::new(bridge_session::Role::Client) },
        &[(MASTER, OUTSTATION)],
        bridge_model::Mono(0),
    );
    let bodies: [(Function, &[u8]); 5] = [
        (Function::Write, &[80, 1, 0x00, 7, 7, 0]),
        (Function::Read, &[60, 1, 6]),
        (Function::Confirm, &[]),
        (Function::DelayMeasure, &[]),
        (Function::Read, &[30, 2, 0x28, 2, 0, 1, 0, 3, 0]),
    ];
    for (seq, (function, body)) in (0..).zip(bodies) {
        recorder.send(OUTSTATION, MASTER, &request(seq, function, body), bridge_model::Mono(0)).unwrap();
        while recorder.poll_output(&mut line, 4096) {}
    }
    let answers = |step: usize| {
        let mut bench = Bench::new(&[("unsolicited", text(""))]);
        let mut all = Vec::new();
        for piece in line.chunks(step) {
            bench.rx_octets(piece);
            all.extend(bench.tx());
        }
        (all, bench.told(), bench.frames.clone())
    };
    let whole = answers(line.len());
    assert_eq!(whole.0.len(), 4);
    for step in 1..40 {
        let (answered, told, frames) = answers(step);
        assert_eq!((answered, told, frames), whole, "pieces of {step}");
    }
}

/// Requests are many and nobody takes the answers: what waits stays bounded.
#[test]
fn a_master_that_does_not_read_its_answers_costs_no_more_than_a_line_holds() {
    let mut bench = Bench::quiet(&[]);
    for i in 0..4 {
        bench.publish(ANALOG + i, Value::Int(7), PublishClass::Latest);
    }
    let used = allocation_counter::measure(|| {
        for _ in 0..20_000 {
            bench.send(Function::Read, &[60, 1, 6]);
            while bench.session.poll_event().is_some() {}
        }
    });
    assert!(used.bytes_current < 700_000, "{used:?}");
    assert!(bench.tx().len() > 100);
}

/// Publishing costs no memory per value once the buffers have grown.
#[test]
fn publishing_the_same_points_again_allocates_nothing_that_stays() {
    let mut bench = Bench::quiet(&[]);
    for value in 0..10 {
        bench.publish(ANALOG, Value::Int(value), PublishClass::Latest);
    }
    let used = allocation_counter::measure(|| {
        for value in 0..10_000 {
            bench.publish(ANALOG, Value::Int(value), PublishClass::Latest);
        }
    });
    assert_eq!(used.bytes_current, 0, "{used:?}");
}

//! Several outstations on one line: turns, silence, fairness (row 16); any octets, any split; no allocation.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::PointId;
use bridge_session::{Chunk, Event, FrameBatch, Housekeeping, HousekeepingOutcome, Request, Session};

use super::Master;
use super::remote::SILENT_REST_MAX;
use super::test_kit::*;

fn reach(events: &[Event]) -> Vec<(Vec<PointId>, bool)> {
    let of = |event: &Event| if let Event::Reach { points, answering } = event { Some((points.clone(), *answering)) } else { None };
    events.iter().filter_map(of).collect()
}

#[test]
fn a2_r16_a_hundred_outstations_on_one_line_are_all_read_and_polled_alike() {
    let mut bench = started_with(&line_of(100, &[("poll_1", text("10s"))]));
    bench.responder = Some(null_responder);
    bench.pass(Duration::from_secs(300));
    let mut polls: BTreeMap<u16, usize> = BTreeMap::new();
    for (_, to, _) in bench.log() {
        *polls.entry(to).or_default() += 1;
    }
    assert_eq!(polls.len(), 100);
    assert!(polls.values().all(|count| (28..=32).contains(count)), "{polls:?}");
}

#[test]
fn a2_r16_one_request_at_a_time_is_on_the_line() {
    let mut bench = Bench::new(&line_of(3, &[]));
    bench.open();
    assert_eq!(bench.tx().len(), 1);
    bench.rx_from(11, &response(0xC0, [0, 0], &[]));
    assert!(bench.tx().is_empty(), "another outstation's answer is none");
    bench.rx_from(10, &response(0xC0, [0, 0], &[]));
    let lines = bench.tx();
    assert!(lines.len() == 1 && lines[0].starts_with("11: "), "{lines:?}");
}

#[test]
fn a_silent_outstation_is_told_does_not_hold_up_the_others_and_is_asked_again_and_again() {
    let mut bench = Bench::new(&line_of(3, &[("poll_1", text("1s"))]));
    bench.responder = Some(null_responder);
    bench.deaf.insert(11);
    bench.open();
    bench.pass(Duration::from_secs(15));
    let events = bench.events();
    assert_eq!(reach(&events), [(vec![PointId(1)], false)]);
    let ended = events.iter().position(|event| *event == Event::InterrogationEnded).expect("the others are read");
    let lost = events.iter().position(|event| matches!(event, Event::Reach { .. })).unwrap();
    assert!(lost < ended, "the silent one is told before the others are trusted");
    // It takes at most a fifth of the line's time, and less and less.
    bench.log();
    bench.pass(Duration::from_secs(600));
    let log = bench.log();
    let asked = |to: u16| log.iter().filter(|(_, of, _)| *of == to).count();
    assert!((6..=14).contains(&asked(11)), "{}", asked(11));
    assert!(asked(10) > 440 && asked(12) > 440, "{} {}", asked(10), asked(12));
    assert!(reach(&bench.events()).is_empty(), "told once");
    // It comes back: told, read, trusted.
    bench.deaf.clear();
    bench.pass(SILENT_REST_MAX + Duration::from_secs(10));
    let events = bench.events();
    assert_eq!(reach(&events), [(vec![PointId(1)], true)]);
    let back = events.iter().position(|event| matches!(event, Event::Reach { .. })).unwrap();
    assert!(events[back..].contains(&Event::InterrogationBegan) && events[back..].contains(&Event::InterrogationEnded));
}

#[test]
fn many_silent_outstations_do_not_starve_one_that_answers() {
    let mut bench = Bench::new(&line_of(50, &[("poll_1", text("5s"))]));
    bench.responder = Some(null_responder);
    bench.deaf.extend(11..60);
    bench.open();
    // Each is given up after two attempts.
    bench.pass(Duration::from_secs(520));
    bench.log();
    bench.pass(Duration::from_secs(600));
    let polls = bench.log().iter().filter(|(_, to, _)| *to == 10).count();
    assert!(polls >= 80, "{polls} of 120 polls");
}

#[test]
fn an_outstation_that_falls_silent_on_a_quiet_line_is_asked_by_the_link_layer_and_told() {
    let mut bench = started_with(&line_of(2, &[("connected", bridge_session::Field::Bool(false))]));
    bench.deaf.insert(11);
    bench.responder = Some(null_responder);
    bench.pass(Duration::from_secs(120));
    assert_eq!(reach(&bench.events()), [(vec![PointId(1)], false)]);
    assert_eq!(bench.closed, None);
    bench.deaf.clear();
    bench.pass(Duration::from_secs(120));
    assert_eq!(reach(&bench.events()), [(vec![PointId(1)], true)]);
}

#[test]
fn a_request_for_all_goes_to_each_in_turn_and_names_who_refused() {
    let mut bench = started_with(&line_of(3, &[]));
    bench.responder = Some(|address, request| {
        null_responder(address, request).map(|mut reply| {
            reply[3] = if address == 11 { 2 } else { 0 };
            reply
        })
    });
    bench.request(Request::Housekeep { id: 1, wish: Housekeeping::Poll(1), not_after: bench.now.mono });
    let to: Vec<u16> = bench.log().iter().map(|(_, to, _)| *to).collect();
    assert_eq!(to, [10, 11, 12]);
    assert_eq!(bench.kept(), [HousekeepingOutcome::Refused("outstation 11: OBJECT_UNKNOWN".to_owned())]);
}

#[test]
fn housekeeping_and_polls_take_turns() {
    let mut bench = started(&[("poll_1", text("10ms"))]);
    bench.responder = Some(null_responder);
    for id in 0..8 {
        bench.request(Request::Housekeep { id, wish: Housekeeping::Poll(1), not_after: bench.now.mono });
    }
    bench.pass_ms(100);
    assert_eq!(bench.kept().len(), 8);
    assert!(bench.log().iter().any(|(_, _, fragment)| fragment[2..] == [60, 2, 6]));
}

/// Frames, updates and events.
type Shown = (Vec<(Vec<u8>, usize)>, Vec<bridge_model::PointUpdate>, Vec<Event>);

/// What a session shows after octets in pieces.
fn shown(octets: &[u8], step: usize) -> Shown {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.tx();
    for piece in octets.chunks(step.max(1)) {
        bench.feed(piece);
    }
    // What leaves between the pieces depends on when the journal is asked.
    (bench.records.clone(), bench.updates.clone(), bench.events())
}

#[test]
fn however_the_stream_is_split_the_result_is_the_same() {
    let mut bench = started(&[]);
    let mut event = vec![2, 2, 0x28, 1, 0, 1, 0, 0x81];
    event.extend([0; 6]);
    let mut octets = Vec::new();
    for fragment in [
        unsolicited(0, [0, 0], &event),
        response(0xA3, [0, 0], &[1, 2, 0, 0, 1, 0x81, 1]),
        vec![0xC0, 1, 60, 2, 6],
        response(0x64, [0, 0], &[30, 2, 0, 0, 0, 1, 5, 0]),
        unsolicited(0, [0, 0], &event),
        unsolicited(1, [0x80, 0], &[]),
    ] {
        octets.extend(bench.octets_of(10, &fragment));
        octets.extend([0x05, 0x64, 0x00]);
    }
    let whole = shown(&octets, octets.len());
    assert_eq!((whole.0.len(), whole.1.len()), (5, 4), "what is compared is not nothing");
    for step in [1, 2, 3, 7, 10, 17, 292] {
        assert_eq!(shown(&octets, step), whole, "in pieces of {step}");
    }
}

/// A cheap repeatable source of octets.
struct Octets(u64);

impl Octets {
    fn next(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0.to_be_bytes()[0]
    }
}

#[test]
fn any_octets_give_findings_and_never_a_panic_or_more_memory_than_their_bound() {
    for seed in 0..300_u64 {
        let mut source = Octets(seed);
        let mut bench = started(&[("allow", text("clock_sync, files")), ("poll_1", text("1s"))]);
        bench.request(Request::Interrogate);
        for _ in 0..40 {
            let length = usize::from(source.next()) % 48;
            let mut fragment: Vec<u8> = (0..length).map(|_| source.next()).collect();
            // Half of them look like answers, so that they come as far as they can.
            if let ([control, function, ..], true) = (&mut fragment[..], source.next() < 128) {
                *control = 0xC0 | bench.next_seq() | (source.next() & 0x20);
                *function = 129 + source.next() % 3;
            }
            if !fragment.is_empty() {
                let mut octets = bench.octets_of(10, &fragment);
                if source.next() < 40 {
                    let at = usize::from(source.next()) % octets.len();
                    octets[at] ^= 1 << (source.next() % 8);
                }
                bench.feed(&octets);
            }
            bench.pass_ms(u64::from(source.next()) * 20);
            if bench.closed.is_some() {
                bench.close();
                bench.open();
            }
        }
        let told = bench.told().len();
        assert!(told <= 40 * 8 + 210, "seed {seed}: {told} lines");
    }
}

#[test]
fn requests_in_any_order_settle_once_each() {
    use bridge_model::{Action, CommandMode};
    let modes = [CommandMode::Direct, CommandMode::SelectExecute, CommandMode::Select, CommandMode::Execute, CommandMode::Cancel];
    for seed in 0..100_u64 {
        let mut source = Octets(seed ^ 0xA5A5);
        let mut bench = started(&[("poll_1", text("2s")), ("allow", text("clock_sync, counter_freeze, reset"))]);
        bench.responder = Some(|_, request| {
            // Controls are echoed, the rest answered without objects.
            let is_control = (3..=5).contains(&request[1]);
            let answer = if is_control { Some(response(request[0], [0, 0], &request[2..])) } else { null_responder(0, request) };
            answer.filter(|_| request[0] & 7 != 5)
        });
        let (mut commands, mut wishes) = (0, 0);
        for step in 0..60_u64 {
            match source.next() % 6 {
                0 | 1 => {
                    let mode = modes[usize::from(source.next()) % modes.len()];
                    let mut command =
                        bench.command(u32::from(source.next() % 2), Action::Switch(true), mode, u64::from(source.next()) * 100);
                    command.id = bridge_model::CommandId(u128::from(step) + 100);
                    commands += 1;
                    bench.request(Request::Command(command));
                }
                2 => {
                    let wish = [Housekeeping::Poll(3), Housekeeping::Test, Housekeeping::SynchroniseClock, Housekeeping::Reset]
                        [usize::from(source.next()) % 4];
                    wishes += 1;
                    let not_after = bench.now.mono + Duration::from_millis(u64::from(source.next()) * 50);
                    bench.request(Request::Housekeep { id: step, wish, not_after });
                }
                3 if source.next() < 30 => {
                    bench.close();
                    bench.open();
                }
                4 => {
                    if source.next() < 60 {
                        bench.deaf.insert(10);
                    } else {
                        bench.deaf.clear();
                    }
                }
                _ => bench.pass_ms(u64::from(source.next()) * 30),
            }
            if bench.closed.is_some() {
                bench.close();
                bench.open();
            }
        }
        bench.deaf.clear();
        bench.pass(Duration::from_secs(60));
        bench.close();
        let events = bench.events();
        let settled = events.iter().filter(|event| matches!(event, Event::Settled { .. })).count();
        let kept = events.iter().filter(|event| matches!(event, Event::Housekept { .. })).count();
        assert_eq!((settled, kept), (commands, wishes), "seed {seed}");
        let began = events.iter().filter(|event| **event == Event::InterrogationBegan).count();
        let ended = events.iter().filter(|event| matches!(event, Event::InterrogationEnded | Event::InterrogationFailed)).count();
        assert_eq!(began, ended, "seed {seed}");
    }
}

#[test]
fn fragments_of_events_are_taken_and_confirmed_without_allocation() {
    let mut bench = started(&[]);
    let mut objects = vec![32, 7, 0x28, 20, 0];
    for index in 0..20_u8 {
        objects.extend([index, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]);
    }
    let octets: Vec<Vec<u8>> = (0..16).map(|seq| bench.octets_of(10, &unsolicited(seq, [0, 0], &objects))).collect();
    let (now, session) = (bench.now, &mut bench.session);
    let (mut batch, mut out) = (FrameBatch::default(), Vec::with_capacity(4096));
    let mut updates = 0;
    let mut round = |session: &mut Master, octets: &[u8]| {
        session.handle_input(CHANNEL, Chunk::Stream(octets), now);
        batch.clear();
        while session.poll_frames(&mut batch) {
            updates += batch.updates.len();
            for frame in &batch.frames {
                session.handle_durable(frame.connection, frame.number, now);
            }
            batch.clear();
        }
        out.clear();
        while session.poll_output(CHANNEL, &mut out, 4096, now) {}
        assert!(!out.is_empty(), "the CONFIRM leaves");
    };
    for octets in &octets {
        round(session, octets);
    }
    let measured = allocation_counter::measure(|| {
        for _ in 0..10 {
            for octets in &octets {
                round(session, octets);
            }
        }
    });
    assert_eq!(measured.count_total, 0);
    assert_eq!(updates, 11 * 16 * 20);
}

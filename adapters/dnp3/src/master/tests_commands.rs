//! Commands: octets, echo, status, times, freshness (rows 35, 36, 38, 40; R4, R5).

use bridge_model::{Action, CommandMode, IndeterminateWhy, NotOperatedWhy, Outcome, PointId, Refusal};
use bridge_session::{Event, Field, Phase, Request, Session};

use super::test_kit::*;

const ON: Action = Action::Switch(true);

/// The latch at index 0: LATCH_ON, once, 1000 ms.
const LATCH_ON: [u8; 18] = [12, 1, 0x28, 1, 0, 0, 0, 0x03, 1, 0xE8, 3, 0, 0, 0xE8, 3, 0, 0, 0];

fn progress(events: &[Event]) -> Vec<Phase> {
    events.iter().filter_map(|event| if let Event::Progress { phase, .. } = event { Some(*phase) } else { None }).collect()
}

fn settled(events: &[Event]) -> Vec<Outcome> {
    events.iter().filter_map(|event| if let Event::Settled { outcome, .. } = event { Some(*outcome) } else { None }).collect()
}

fn ask(bench: &mut Bench, point: u32, action: Action, mode: CommandMode, life_ms: u64) {
    let command = bench.command(point, action, mode, life_ms);
    bench.request(Request::Command(command));
}

/// Makes an answer of a request.
type Answer = fn(&[u8]) -> Vec<u8>;

/// The echo of a request with another status.
fn echo(request: &[u8], status: u8) -> Vec<u8> {
    let mut objects = request[2..].to_vec();
    *objects.last_mut().unwrap() = status;
    response(request[0], [0, 0], &objects)
}

#[test]
fn a2_r35_a2_r36_select_and_operate_are_identical_octets_with_the_next_sequence() {
    let mut bench = started(&[]);
    ask(&mut bench, 0, ON, CommandMode::SelectExecute, 10_000);
    let select = bench.tx_octets();
    assert_eq!(select, [[&[0xC3, 3], &LATCH_ON[..]].concat()]);
    bench.rx(&echo(&select[0], 0));
    let operate = bench.tx_octets();
    assert_eq!(operate, [[&[0xC4, 4], &LATCH_ON[..]].concat()]);
    assert_eq!(progress(&bench.events()), [Phase::SelectSent, Phase::Selected, Phase::ExecuteSent]);
    bench.rx(&echo(&operate[0], 0));
    let events = bench.events();
    assert_eq!(settled(&events), [Outcome::Completed]);
    assert_eq!(progress(&events).last(), Some(&Phase::Confirmed));
}

#[test]
fn a2_r36_a2_r40_each_model_and_type_has_its_octets() {
    let cases: [(u32, Action, &[u8]); 5] = [
        (0, Action::Switch(false), &[12, 1, 0x28, 1, 0, 0, 0, 0x04, 1, 0xE8, 3, 0, 0, 0xE8, 3, 0, 0, 0]),
        (1, ON, &[12, 1, 0x28, 1, 0, 1, 0, 0x41, 1, 250, 0, 0, 0, 0xE8, 3, 0, 0, 0]),
        (1, Action::Switch(false), &[12, 1, 0x28, 1, 0, 1, 0, 0x81, 1, 250, 0, 0, 0, 0xE8, 3, 0, 0, 0]),
        (3, ON, &[12, 1, 0x28, 1, 0, 2, 0, 0x01, 1, 0xE8, 3, 0, 0, 0xE8, 3, 0, 0, 0]),
        (2, Action::Set(1.5), &[41, 3, 0x28, 1, 0, 0, 0, 0, 0, 0xC0, 0x3F, 0]),
    ];
    for (point, action, objects) in cases {
        let mut bench = started(&[]);
        ask(&mut bench, point, action, CommandMode::Direct, 10_000);
        assert_eq!(bench.tx_octets(), [[&[0xC3, 5], objects].concat()], "{point} {action}");
    }
    for (point, action) in [(3, Action::Switch(false)), (0, Action::Set(1.0)), (2, ON), (2, Action::Set(f64::NAN)), (2, Action::Set(1e300))]
    {
        let mut bench = started(&[]);
        ask(&mut bench, point, action, CommandMode::Direct, 10_000);
        assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::NotPermitted)], "{point} {action}");
        assert!(bench.tx().is_empty());
    }
}

#[test]
fn a2_r38_every_status_but_success_is_the_stations_no() {
    for status in [1, 2, 4, 7, 12, 126, 127] {
        for mode in [CommandMode::SelectExecute, CommandMode::Direct] {
            let mut bench = started(&[]);
            ask(&mut bench, 0, ON, mode, 10_000);
            let sent = bench.tx_octets();
            bench.rx(&echo(&sent[0], status));
            assert_eq!(bench.settled(), [Outcome::Refused(Refusal::Status(status))]);
            assert!(bench.tx().is_empty(), "no OPERATE after a refused SELECT");
        }
    }
}

#[test]
fn a2_r35_an_answer_that_is_no_echo_never_reads_as_success() {
    // Another index, a shorter body, no body at all.
    let wrong: [Answer; 3] = [
        |request| {
            let mut reply = echo(request, 0);
            reply[9] ^= 1;
            reply
        },
        |request| response(request[0], [0, 0], &[12, 1, 0x28, 1, 0, 0, 0, 0x03, 1, 0xE8, 3, 0, 0, 0xE8, 3, 0, 1, 0]),
        |request| response(request[0], [0, 0], &[]),
    ];
    for answer in wrong {
        let mut bench = started(&[]);
        ask(&mut bench, 0, ON, CommandMode::Direct, 10_000);
        let sent = bench.tx_octets();
        bench.rx(&answer(&sent[0]));
        let events = bench.events();
        assert_eq!(settled(&events), [Outcome::Indeterminate(IndeterminateWhy::Unanswered)]);
        assert!(events.iter().any(|event| matches!(event, Event::Refused { what } if what.contains("is not its echo"))));

        let mut bench = started(&[]);
        ask(&mut bench, 0, ON, CommandMode::SelectExecute, 10_000);
        let sent = bench.tx_octets();
        bench.rx(&answer(&sent[0]));
        assert_eq!(bench.settled(), [Outcome::Refused(Refusal::SelectRefused)]);
        assert!(bench.tx().is_empty());
    }
}

#[test]
fn a2_r54_a_control_refused_by_indication_is_refused() {
    for (mode, refusal) in [(CommandMode::Direct, Refusal::ExecuteRefused), (CommandMode::Select, Refusal::SelectRefused)] {
        let mut bench = started(&[]);
        ask(&mut bench, 0, ON, mode, 10_000);
        bench.answer([0, 0x01], &[]);
        assert_eq!(bench.settled(), [Outcome::Refused(refusal)]);
    }
}

#[test]
fn a2_r54_an_echo_of_success_beside_an_indication_of_failure_never_reads_as_success() {
    let contradicting = |request: &[u8]| response(request[0], [0, 0x01], &[&request[2..request.len() - 1], &[0]].concat());
    let outcomes = [
        (CommandMode::Direct, Outcome::Indeterminate(IndeterminateWhy::Unanswered)),
        (CommandMode::Select, Outcome::Refused(Refusal::SelectRefused)),
    ];
    for (mode, outcome) in outcomes {
        let mut bench = started(&[]);
        ask(&mut bench, 0, ON, mode, 10_000);
        let sent = bench.tx_octets();
        bench.rx(&contradicting(&sent[0]));
        assert_eq!(bench.settled(), [outcome]);
    }
}

#[test]
fn a2_r59_a_challenge_is_not_answered_and_the_command_refused() {
    let mut bench = started(&[]);
    ask(&mut bench, 0, ON, CommandMode::Direct, 10_000);
    assert_eq!(bench.tx().len(), 1);
    bench.rx(&[0xC3, 131, 0, 0, 120, 1, 0x5B, 1, 4, 0, 1, 2, 3, 4]);
    let events = bench.events();
    assert_eq!(settled(&events), [Outcome::Refused(Refusal::ExecuteRefused)]);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Refused { what } if what.contains("secure authentication, which is not supported")))
    );
    assert!(bench.tx().is_empty(), "nothing of authentication leaves");
}

#[test]
fn r05_silence_after_select_is_not_operated_and_after_operate_indeterminate() {
    let mut bench = started(&[]);
    ask(&mut bench, 0, ON, CommandMode::SelectExecute, 60_000);
    bench.pass_ms(5001);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::SelectUnanswered)]);

    // The link layer answers, the application does not: it arrived, and nobody knows what became of it.
    let mut bench = started(&[]);
    ask(&mut bench, 0, ON, CommandMode::Direct, 60_000);
    assert!(bench.session.user_timeout(CHANNEL, bench.now).is_some());
    bench.pass_ms(5001);
    assert_eq!(bench.settled(), [Outcome::Indeterminate(IndeterminateWhy::Unanswered)]);
    assert_eq!(bench.closed, None);
    assert_eq!(bench.session.user_timeout(CHANNEL, bench.now), None);
}

#[test]
fn r05_an_operate_that_may_still_be_on_its_way_aborts_the_connection() {
    let mut bench = started(&[]);
    bench.deaf.insert(10);
    ask(&mut bench, 0, ON, CommandMode::Direct, 1500);
    assert_eq!(bench.tx().len(), 1);
    bench.pass_ms(2499);
    assert_eq!(bench.closed, None);
    bench.pass_ms(2);
    let (abort, cause) = bench.closed.clone().expect("closed");
    assert!(abort && cause.contains("must not arrive late"), "{cause}");
    assert_eq!(bench.settled(), [Outcome::Indeterminate(IndeterminateWhy::ConnectionLost)]);
    bench.close();
    assert!(bench.settled().is_empty(), "once");
}

#[test]
fn r05_an_execute_leaves_only_to_an_outstation_that_was_heard_lately() {
    let mut bench = started(&[]);
    bench.pass_ms(3000);
    bench.deaf.insert(10);
    ask(&mut bench, 0, ON, CommandMode::Direct, 2000);
    assert!(bench.tx().is_empty(), "only a question of the link layer");
    bench.pass_ms(2001);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::NotFresh)]);

    // The link layer answers: the execute leaves at once.
    let mut bench = started(&[]);
    bench.pass_ms(3000);
    ask(&mut bench, 0, ON, CommandMode::Direct, 2000);
    assert_eq!(bench.tx().len(), 1);
}

#[test]
fn r05_a_command_whose_time_is_over_does_not_leave() {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    bench.tx();
    // The line is busy with another answer.
    ask(&mut bench, 0, ON, CommandMode::Direct, 1000);
    ask(&mut bench, 0, ON, CommandMode::Direct, 1000);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::Busy)], "one at a time for a point");
    bench.pass_ms(1000);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::Expired)]);
    bench.rx(&response(0xC3, [0, 0], &[]));
    assert!(bench.tx().is_empty());
    ask(&mut bench, 0, ON, CommandMode::Direct, 0);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::Expired)]);
}

#[test]
fn a_command_goes_before_polls_and_between_select_and_operate_goes_nothing() {
    let mut bench = started(&[("poll_1", text("1s"))]);
    bench.request(Request::Interrogate);
    ask(&mut bench, 0, ON, CommandMode::SelectExecute, 20_000);
    bench.pass_ms(1200);
    bench.tx();
    // The poll is due, and so is the command.
    bench.rx(&response(0xC3, [0x02, 0], &[]));
    let select = bench.tx_octets();
    assert_eq!(select.len(), 1);
    assert_eq!(select[0][1], 3);
    bench.rx(&echo(&select[0], 0));
    assert_eq!(bench.tx_octets()[0][1], 4);
}

#[test]
fn r04_a_selection_holds_the_line_free_until_its_execute_or_its_end() {
    let mut bench = started(&[("poll_1", text("1s"))]);
    ask(&mut bench, 0, ON, CommandMode::Select, 5000);
    let select = bench.tx_octets();
    bench.rx(&echo(&select[0], 0));
    assert_eq!(bench.settled(), [Outcome::Completed]);
    bench.pass_ms(3000);
    assert!(bench.tx().is_empty(), "a poll would undo the selection");
    // Another wish is none of the selection's.
    ask(&mut bench, 0, Action::Switch(false), CommandMode::Execute, 5000);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::NotSelected)]);

    let mut bench = started(&[("poll_1", text("1s"))]);
    ask(&mut bench, 0, ON, CommandMode::Select, 5000);
    let select = bench.tx_octets();
    bench.rx(&echo(&select[0], 0));
    bench.pass_ms(3000);
    ask(&mut bench, 0, ON, CommandMode::Execute, 5000);
    let operate = bench.tx_octets();
    assert_eq!((operate.len(), operate[0][0], &operate[0][2..]), (1, 0xC4, &LATCH_ON[..]));
    bench.rx(&echo(&operate[0], 0));
    assert_eq!(bench.settled(), [Outcome::Completed, Outcome::Completed]);
    bench.pass_ms(1);
    assert!(!bench.tx().is_empty(), "polls go on");
}

/// A trip or a limit may not wait until somebody else's selection on the same outstation was operated or has lapsed.
#[test]
fn r01_a_selection_makes_way_for_a_command_on_another_point() {
    for mode in [CommandMode::Direct, CommandMode::SelectExecute] {
        let mut bench = started(&[("poll_1", text("1s"))]);
        ask(&mut bench, 0, ON, CommandMode::Select, 10_000);
        let select = bench.tx_octets();
        bench.rx(&echo(&select[0], 0));
        bench.forget();
        bench.pass_ms(1500);
        ask(&mut bench, 2, Action::Set(50.0), mode, 2000);
        let sent = bench.tx_octets();
        assert_eq!(sent.len(), 1, "{mode:?}: it leaves at once");
        let events = bench.events();
        assert!(events.contains(&Event::SelectLapsed(PointId(0))), "{mode:?}: whoever selected is told: {events:?}");
        bench.rx(&echo(&sent[0], 0));
        if mode == CommandMode::SelectExecute {
            let operate = bench.tx_octets();
            assert_eq!(operate[0][1], 4);
            bench.rx(&echo(&operate[0], 0));
        }
        assert_eq!(bench.settled(), [Outcome::Completed]);
        // The outstation has forgotten the selection, so its OPERATE does not leave.
        ask(&mut bench, 0, ON, CommandMode::Execute, 10_000);
        assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::NotSelected)]);
    }
    // An OPERATE that was asked for goes first: its selection is not given up.
    let mut bench = started(&[]);
    ask(&mut bench, 0, ON, CommandMode::Select, 10_000);
    let select = bench.tx_octets();
    bench.rx(&echo(&select[0], 0));
    ask(&mut bench, 0, ON, CommandMode::Execute, 10_000);
    ask(&mut bench, 2, Action::Set(50.0), CommandMode::Direct, 10_000);
    assert_eq!(bench.tx_octets().iter().map(|sent| sent[1]).collect::<Vec<_>>(), [4]);
}

#[test]
fn r04_a_selection_lapses_is_told_and_can_be_dropped() {
    let mut bench = started(&[("select_timeout", text("4s"))]);
    ask(&mut bench, 0, ON, CommandMode::Select, 5000);
    let select = bench.tx_octets();
    bench.rx(&echo(&select[0], 0));
    bench.pass_ms(4000);
    assert!(bench.events().contains(&Event::SelectLapsed(PointId(0))));
    ask(&mut bench, 0, ON, CommandMode::Execute, 5000);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::NotSelected)]);
    ask(&mut bench, 0, ON, CommandMode::Cancel, 5000);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::NotSelected)]);
    ask(&mut bench, 0, ON, CommandMode::Select, 5000);
    let select = bench.tx_octets();
    bench.rx(&echo(&select[0], 0));
    ask(&mut bench, 0, ON, CommandMode::Cancel, 5000);
    assert_eq!(bench.settled(), [Outcome::Completed, Outcome::Completed], "nothing can operate it any more");
    ask(&mut bench, 0, ON, CommandMode::Execute, 5000);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::NotSelected)]);
    assert!(bench.tx().is_empty());
}

#[test]
fn a2_r35_an_operate_that_cannot_leave_before_the_selection_ends_does_not_leave() {
    let mut bench = started(&[("select_timeout", text("2s"))]);
    ask(&mut bench, 0, ON, CommandMode::SelectExecute, 60_000);
    let select = bench.tx_octets();
    // The answer takes so long that an OPERATE would come too late.
    bench.pass_ms(1500);
    bench.rx(&echo(&select[0], 0));
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::NotSelected)]);
    assert!(bench.tx().is_empty());
}

#[test]
fn a_command_is_withdrawn_before_its_execute_left_and_not_after() {
    let mut bench = started(&[]);
    bench.request(Request::Interrogate);
    ask(&mut bench, 0, ON, CommandMode::Direct, 10_000);
    let id = bench.command(0, ON, CommandMode::Direct, 0).id;
    bench.request(Request::Cancel(id));
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::Cancelled)]);
    bench.tx();
    bench.rx(&response(0xC3, [0, 0], &[]));
    assert!(bench.tx().is_empty());
    ask(&mut bench, 0, ON, CommandMode::Direct, 10_000);
    bench.request(Request::Cancel(id));
    assert!(bench.settled().is_empty());
    let sent = bench.tx_octets();
    bench.rx(&echo(&sent[0], 0));
    assert_eq!(bench.settled(), [Outcome::Completed]);
}

#[test]
fn a_lost_connection_settles_every_command_once() {
    let mut bench = started(&[]);
    ask(&mut bench, 0, ON, CommandMode::Direct, 10_000);
    ask(&mut bench, 1, ON, CommandMode::SelectExecute, 10_000);
    bench.close();
    assert_eq!(bench.settled(), [Outcome::Indeterminate(IndeterminateWhy::ConnectionLost), Outcome::NotOperated(NotOperatedWhy::LinkDown)]);
    ask(&mut bench, 2, Action::Set(1.0), CommandMode::Direct, 10_000);
    assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::LinkDown)]);
}

#[test]
fn a_monitor_only_link_has_no_control_path() {
    let mut spec =
        spec(&[("allow", text("clock_sync, counter_freeze, counter_reset, reset, assign_class, parameters, files, file_write"))]);
    spec.monitor_only = true;
    let mut bench = started_with(&spec);
    for mode in [CommandMode::Direct, CommandMode::SelectExecute, CommandMode::Select, CommandMode::Execute, CommandMode::Cancel] {
        ask(&mut bench, 0, ON, mode, 10_000);
        assert_eq!(bench.settled(), [Outcome::NotOperated(NotOperatedWhy::NotPermitted)]);
    }
    use bridge_model::PointId;
    use bridge_session::{CounterFreeze, FileWish, Housekeeping as Wish, HousekeepingOutcome, Parameter};
    let not_after = bench.now.mono + std::time::Duration::from_secs(60);
    let wishes = [
        Wish::Counters { group: None, freeze: CounterFreeze::Freeze },
        Wish::Reset,
        Wish::ColdRestart,
        Wish::AssignClass { point: PointId(0), class: 1 },
        Wish::LoadParameter { point: PointId(20), parameter: Parameter::Threshold, value: 1.0, in_operation: true },
    ];
    for wish in wishes {
        bench.request(Request::Housekeep { id: 1, wish, not_after });
        assert_eq!(bench.kept(), [HousekeepingOutcome::NotPermitted], "{wish}");
    }
    bench.request(Request::File { id: 1, station: None, wish: FileWish::Delete("x".to_owned()), not_after });
    assert_eq!(bench.kept(), [HousekeepingOutcome::NotPermitted]);
    assert!(bench.tx().is_empty());
}

#[test]
fn a_command_waits_for_its_own_outstation_only() {
    use bridge_session::AddressUse;
    let mut spec = line_of(2, &[]);
    for (number, outstation) in [(0, 10), (1, 11)] {
        let own = [("outstation", Field::Int(outstation))];
        spec.points.push(point(number, AddressUse::Control, "binary_output", 0, &own));
    }
    let mut bench = started_with(&spec);
    ask(&mut bench, 0, ON, CommandMode::Select, 20_000);
    let select = bench.tx_octets();
    bench.rx_from(10, &echo(&select[0], 0));
    // Outstation 10 is kept free for the OPERATE; 11 is not.
    ask(&mut bench, 1, ON, CommandMode::Direct, 20_000);
    let lines = bench.tx();
    assert!(lines.len() == 1 && lines[0].starts_with("11: ") && lines[0].contains("DIRECT_OPERATE"), "{lines:?}");
}

/// A line of two outstations with a control each, of which 11 does not answer.
fn half_deaf(answers_first: bool) -> Bench {
    use bridge_session::AddressUse;
    let mut spec = line_of(2, &[("poll_1", text("3s")), ("keep_alive", text("0s"))]);
    for (number, outstation) in [(0, 10), (1, 11)] {
        let own = [("outstation", Field::Int(outstation))];
        spec.points.push(point(number, AddressUse::Control, "binary_output", 0, &own));
    }
    let mut bench = started_with(&spec);
    // Both answer what is asked, and echo controls.
    bench.responder = Some(|address, request| match request[1] {
        3..=5 => Some(echo(request, 0)),
        _ => null_responder(address, request),
    });
    bench.deaf.insert(11);
    if !answers_first {
        bench.pass_ms(60_000);
    }
    bench.forget();
    bench
}

/// Ramp steps of 2 s to outstation 10 while 11 does not answer: how many completed, and how often 11 was asked.
fn ramp(bench: &mut Bench, steps: u32) -> (usize, usize) {
    let mut done = 0;
    for _ in 0..steps {
        ask(bench, 0, ON, CommandMode::Direct, 2000);
        bench.pass_ms(2000);
        done += bench.settled().iter().filter(|outcome| **outcome == Outcome::Completed).count();
    }
    let asked = bench.log().iter().filter(|(_, to, fragment)| *to == 11 && fragment[1] == 1).count();
    (done, asked)
}

#[test]
fn a2_r16_a_silent_outstation_does_not_hold_up_commands_to_another() {
    let mut bench = half_deaf(false);
    let (done, asked) = ramp(&mut bench, 100);
    assert_eq!(done, 100, "every step left in its time");
    assert!((1..=10).contains(&asked), "the silent one is asked again all the same: {asked}");
    bench.deaf.clear();
    bench.events();
    bench.pass_ms(100_000);
    assert!(bench.events().iter().any(|event| matches!(event, Event::Reach { answering: true, .. })), "and comes back");
}

#[test]
fn a2_r16_an_outstation_that_falls_silent_does_not_hold_up_commands_to_another_and_is_told() {
    let mut bench = half_deaf(true);
    let mut events = Vec::new();
    for _ in 0..30 {
        ask(&mut bench, 0, ON, CommandMode::Direct, 2000);
        bench.pass_ms(2000);
        events.extend(bench.events());
    }
    let done = settled(&events).iter().filter(|outcome| **outcome == Outcome::Completed).count();
    assert_eq!(done, 30, "every step left in its time");
    let reach = events.iter().filter(|event| matches!(event, Event::Reach { answering: false, .. })).count();
    assert_eq!(reach, 1, "it is told that it does not answer, whatever gave way");
}

/// What gave way is no answer to anything any more, and is asked again.
#[test]
fn a2_r16_a_late_answer_to_what_gave_way_disturbs_nothing() {
    let mut bench = half_deaf(true);
    bench.pass_ms(3200);
    let polls: Vec<Vec<u8>> = bench.log().into_iter().filter(|(_, to, _)| *to == 11).map(|(_, _, fragment)| fragment).collect();
    assert_eq!(polls.len(), 1, "a poll of 11 is on the line");
    bench.responder = None;
    ask(&mut bench, 0, ON, CommandMode::Direct, 2000);
    assert!(bench.tx().is_empty(), "it is waited for a moment");
    bench.pass_ms(500);
    let sent = bench.log();
    let [(_, 10, command)] = &sent[..] else { panic!("{sent:?}") };
    bench.deaf.clear();
    bench.rx_from(11, &response(polls[0][0], [0, 0], &[]));
    bench.rx_from(10, &echo(command, 0));
    assert_eq!(bench.settled(), [Outcome::Completed]);
    let lines = bench.tx();
    assert!(lines.iter().any(|line| line.starts_with("11: ")), "asked again: {lines:?}");
}

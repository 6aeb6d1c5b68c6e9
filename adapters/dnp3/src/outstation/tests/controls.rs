//! Controls: rows 34 to 41, R15.

use bridge_model::{Action, CommandMode, PointId};
use bridge_session::{AddressUse, Answer, CommandToken, Event, Field, Refusal};

use crate::app::{Function, Iin};
use crate::objects::{ControlCode, ControlStatus, Crob};
use crate::outstation::MemoryFiles;
use crate::outstation::association::COMMAND_MEMORY;
use crate::outstation::test_kit::*;

/// One CROB of index.
fn crob(index: u8, code: u8) -> Vec<u8> {
    crobs(&[(index, code)])
}

fn crobs(list: &[(u8, u8)]) -> Vec<u8> {
    let mut body = vec![12, 1, 0x17, u8::try_from(list.len()).unwrap()];
    for (index, code) in list {
        body.push(*index);
        body.extend(Crob::once(ControlCode(*code), 500, 500).encode());
    }
    body
}

fn block(code: u8) -> Vec<u8> {
    Crob::once(ControlCode(code), 500, 500).encode().to_vec()
}

/// A pattern control block and a mask over the indexes 0 to 9.
fn pattern(code: u8, indexes: &[u8]) -> Vec<u8> {
    let mask = indexes.iter().fold(0_u16, |mask, index| mask | 1 << index);
    [&[12, 2, 0x07, 1][..], &block(code), &[12, 3, 0x00, 0, 9], &mask.to_le_bytes()].concat()
}

const LATCH_ON: u8 = 0x03;
const CLOSE: u8 = 0x41;

/// The statuses of an answer to CROBs of one-octet indexes.
fn statuses(body: &[u8]) -> Vec<u8> {
    body[4..].chunks(12).map(|object| object[11]).collect()
}

/// A request whose commands are all answered so; gives the statuses of its answer.
fn operate(bench: &mut Bench, function: Function, body: &[u8], answer: Answer) -> Vec<u8> {
    bench.tx();
    bench.events();
    bench.send(function, body);
    for command in bench.commands() {
        bench.answer(command.token, answer);
    }
    let got = bench.tx();
    assert_eq!(got.len(), 1);
    statuses(&got[0].body)
}

#[test]
fn a2_r35_select_then_operate_reaches_the_bridge_as_both() {
    let mut bench = Bench::quiet(&[]);
    bench.send(Function::Select, &crob(1, CLOSE));
    let select = bench.commands();
    assert_eq!((select[0].point, select[0].action, select[0].mode), (BREAKER, Action::Switch(true), CommandMode::Select));
    assert_eq!(bench.tx(), [], "nothing is answered before the far station has accepted (R15)");
    bench.answer(select[0].token, Answer::Confirm);
    assert_eq!(bench.tx()[0].body, crob(1, CLOSE));
    bench.send(Function::Operate, &crob(1, CLOSE));
    let execute = bench.commands();
    assert_eq!((execute[0].point, execute[0].mode), (BREAKER, CommandMode::Execute));
    let (connection, number, octets) = bench.frames.last().cloned().unwrap();
    assert_eq!((execute[0].connection, execute[0].frame), (connection, number), "it names its frame record");
    assert_eq!(octets[1], Function::Operate.code());
    bench.answer(execute[0].token, Answer::Confirm);
    assert_eq!(statuses(&bench.tx()[0].body), [0]);
    bench.answer(execute[0].token, Answer::Terminate);
    assert_eq!(bench.tx(), [], "DNP3 has no termination");
    bench.pass_ms(20_000);
    assert!(!bench.events().contains(&Event::SelectLapsed(BREAKER)), "it was used");
}

/// A selection of the breaker, answered.
fn selected(bench: &mut Bench) {
    assert_eq!(operate(bench, Function::Select, &crob(1, CLOSE), Answer::Confirm), [0]);
}

#[test]
fn b2_34_an_operate_that_is_not_exactly_the_selected_one_operates_nothing() {
    let none = ControlStatus::NO_SELECT.0;
    let mut bench = Bench::quiet(&[]);
    // One bit changed.
    selected(&mut bench);
    let mut changed = crob(1, CLOSE);
    changed[6] ^= 0x01;
    assert_eq!(operate(&mut bench, Function::Operate, &changed, Answer::Confirm), [none]);
    // The wrong one used the selection up.
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [none]);
    // SEQ + 2.
    selected(&mut bench);
    bench.seq += 1;
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [none]);
    // Without any.
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [none]);
    // After another request.
    selected(&mut bench);
    bench.ask(Function::Read, &[60, 1, 6]);
    assert!(bench.events().contains(&Event::SelectLapsed(BREAKER)));
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [none]);
    // After its time.
    selected(&mut bench);
    bench.pass_ms(9_999);
    assert_eq!(bench.events(), []);
    bench.pass_ms(1);
    assert_eq!(bench.events(), [Event::SelectLapsed(BREAKER)]);
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [ControlStatus::TIMEOUT.0]);
    assert_eq!(bench.commands(), []);
}

#[test]
fn b2_34_another_master_neither_uses_nor_takes_a_selection() {
    let mut bench = Bench::quiet(&[("master", text("1,2"))]);
    selected(&mut bench);
    bench.master = SECOND;
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [ControlStatus::NO_SELECT.0]);
    assert_eq!(operate(&mut bench, Function::Select, &crob(1, CLOSE), Answer::Confirm), [ControlStatus::BLOCKED_OTHER_MASTER.0]);
    bench.master = MASTER;
    bench.seq -= 2;
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [0], "the selection stands");
}

#[test]
fn a2_r34_a_repeated_request_is_answered_again_and_not_carried_out_again() {
    let mut bench = Bench::quiet(&[]);
    let seq = bench.send(Function::DirectOperate, &crob(0, LATCH_ON));
    let commands = bench.commands();
    assert_eq!(commands.len(), 1);
    bench.rx(&request(seq, Function::DirectOperate, &crob(0, LATCH_ON)));
    assert_eq!((bench.commands(), bench.tx()), (vec![], vec![]), "it is on its way");
    bench.answer(commands[0].token, Answer::Confirm);
    let answer = bench.tx();
    assert_eq!(statuses(&answer[0].body), [0]);
    for _ in 0..3 {
        bench.rx(&request(seq, Function::DirectOperate, &crob(0, LATCH_ON)));
        assert_eq!((bench.commands(), bench.tx()), (vec![], answer.clone()));
    }
    bench.send(Function::DirectOperate, &crob(0, LATCH_ON));
    assert_eq!(bench.commands().len(), 1, "another sequence number is another request");
}

#[test]
fn a2_r34_a_repeated_operate_answers_what_the_first_did() {
    let mut bench = Bench::quiet(&[]);
    selected(&mut bench);
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [0]);
    bench.rx(&request(bench.seq, Function::Operate, &crob(1, CLOSE)));
    assert_eq!((bench.commands(), statuses(&bench.tx()[0].body)), (vec![], vec![0]));
}

/// All codes against all models: exactly the pairs of the row reach the bridge.
#[test]
fn a2_r37_only_the_pairs_of_a_points_model_reach_the_bridge() {
    for (index, lawful) in [(0, &[(0x03, true), (0x04, false)][..]), (1, &[(0x41, true), (0x81, false)]), (2, &[(0x01, true)])] {
        for code in 0..=255_u8 {
            let mut bench = Bench::quiet(&[]);
            bench.send(Function::DirectOperate, &crob(index, code));
            let actions: Vec<Action> = bench.commands().iter().map(|command| command.action).collect();
            match lawful.iter().find(|(lawful, _)| *lawful == code) {
                Some((_, on)) => assert_eq!(actions, [Action::Switch(*on)], "model {index}, {code:#04x}"),
                None => {
                    assert_eq!(actions, [], "model {index}, {code:#04x}");
                    assert_eq!(statuses(&bench.tx()[0].body), [ControlStatus::NOT_SUPPORTED.0]);
                }
            }
        }
    }
}

#[test]
fn b2_33_unlawful_blocks_are_refused_one_by_one() {
    let mut bench = Bench::quiet(&[]);
    let with = |change: &dyn Fn(&mut Crob)| {
        let mut block = Crob::once(ControlCode(0x41), 500, 500);
        change(&mut block);
        [&[12, 1, 0x17, 1, 1][..], &block.encode()].concat()
    };
    for (body, status) in [
        (with(&|block| block.count = 0), ControlStatus::NOT_SUPPORTED),
        (with(&|block| block.count = 255), ControlStatus::NOT_SUPPORTED),
        (with(&|block| block.on_ms = u32::MAX), ControlStatus::NOT_SUPPORTED),
        (with(&|block| block.status = ControlStatus(1)), ControlStatus::FORMAT_ERROR),
        (crob(9, LATCH_ON), ControlStatus::NOT_SUPPORTED),
    ] {
        assert_eq!(operate(&mut bench, Function::DirectOperate, &body, Answer::Confirm), [status.0]);
    }
    for (body, wrong) in [
        (vec![12, 1, 0x17, 0], Iin::PARAMETER_ERROR),
        (vec![12, 1, 0x17, 2, 0], Iin::PARAMETER_ERROR),
        (vec![12, 1, 0x00, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], Iin::PARAMETER_ERROR),
        (vec![12, 1, 0x19, 1, 0], Iin::PARAMETER_ERROR),
        (vec![], Iin::PARAMETER_ERROR),
        (vec![1, 2, 0x17, 1, 0, 1], Iin::OBJECT_UNKNOWN),
        // Patterns: a mask without a block, a block without a mask, one that names nothing, two blocks at once, a block with an index.
        (vec![12, 3, 0x00, 0, 7, 1], Iin::PARAMETER_ERROR),
        (pattern(LATCH_ON, &[])[..15].to_vec(), Iin::PARAMETER_ERROR),
        (pattern(LATCH_ON, &[]), Iin::PARAMETER_ERROR),
        ([&[12, 2, 0x07, 2][..], &block(LATCH_ON), &block(LATCH_ON), &[12, 3, 0, 0, 0, 1]].concat(), Iin::PARAMETER_ERROR),
        ([&[12, 2, 0x17, 1, 0][..], &block(LATCH_ON), &[12, 3, 0, 0, 0, 1]].concat(), Iin::PARAMETER_ERROR),
        ([&pattern(LATCH_ON, &[0])[..15], &crob(0, LATCH_ON), &[12, 3, 0, 0, 0, 1]].concat(), Iin::PARAMETER_ERROR),
        // A mask shorter than its range.
        ([&pattern(LATCH_ON, &[0])[..15], &[12, 3, 0, 0, 8, 1]].concat(), Iin::PARAMETER_ERROR),
    ] {
        let got = bench.ask(Function::DirectOperate, &body);
        assert_eq!((got.iin, got.body, bench.commands()), (wrong, vec![], vec![]));
    }
}

#[test]
fn a2_r39_more_controls_than_the_cap_operate_nothing() {
    let mut bench = Bench::quiet(&[("max_controls", Field::Int(2))]);
    let body = crobs(&[(0, LATCH_ON), (1, CLOSE), (2, 0x01)]);
    assert_eq!(operate(&mut bench, Function::DirectOperate, &body, Answer::Confirm), [8, 8, 8]);
    assert_eq!(operate(&mut bench, Function::DirectOperate, &crobs(&[(0, LATCH_ON), (1, CLOSE)]), Answer::Confirm), [0, 0]);
    assert_eq!(operate(&mut bench, Function::DirectOperate, &crobs(&[(0, LATCH_ON), (0, LATCH_ON)]), Answer::Confirm), [0, 5]);
}

#[test]
fn a2_r40_set_points_of_every_variation() {
    let mut bench = Bench::quiet(&[]);
    let bodies: [(&[u8], f64); 4] = [
        (&[41, 1, 0x17, 1, 0, 0x10, 0x27, 0, 0, 0], 10_000.0),
        (&[41, 2, 0x28, 1, 0, 0, 0, 0xFE, 0xFF, 0], -2.0),
        (&[41, 3, 0x17, 1, 0, 0, 0, 0xC0, 0x3F, 0], 1.5),
        (&[41, 4, 0x17, 1, 0, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0], 1.5),
    ];
    for (body, value) in bodies {
        bench.send(Function::DirectOperate, body);
        let command = bench.commands().remove(0);
        assert_eq!((command.point, command.action), (TARGET, Action::Set(value)));
        bench.answer(command.token, Answer::Refuse(Refusal::default()));
        let answer = bench.tx().remove(0).body;
        assert_eq!(answer.last(), Some(&ControlStatus::NOT_AUTHORIZED.0));
        assert_eq!(answer[..answer.len() - 1], body[..body.len() - 1]);
    }
    let nan = [&[41, 3, 0x17, 1, 0][..], &f32::NAN.to_le_bytes(), &[0]].concat();
    assert_eq!(bench.ask(Function::DirectOperate, &nan).body.last(), Some(&ControlStatus::OUT_OF_RANGE.0));
}

#[test]
fn a2_r38_a_request_of_several_controls_is_answered_when_the_last_is() {
    let mut bench = Bench::quiet(&[]);
    bench.send(Function::DirectOperate, &crobs(&[(0, LATCH_ON), (9, LATCH_ON), (1, CLOSE)]));
    let commands = bench.commands();
    assert_eq!(commands.iter().map(|command| command.point).collect::<Vec<_>>(), [LATCH, BREAKER]);
    bench.answer(commands[1].token, Answer::Refuse(Refusal::default()));
    assert_eq!(bench.tx(), []);
    bench.answer(commands[0].token, Answer::Confirm);
    assert_eq!(statuses(&bench.tx()[0].body), [0, 4, 9]);
}

#[test]
fn a2_r35_a_selection_is_of_the_whole_request_or_of_nothing() {
    let mut bench = Bench::quiet(&[]);
    let both = crobs(&[(0, LATCH_ON), (1, CLOSE)]);
    bench.send(Function::Select, &both);
    let commands = bench.commands();
    bench.answer(commands[0].token, Answer::Confirm);
    bench.answer(commands[1].token, Answer::Refuse(Refusal::default()));
    assert_eq!(statuses(&bench.tx()[0].body), [0, 9]);
    assert_eq!(bench.events(), [Event::SelectLapsed(LATCH)], "what was selected behind us is let go");
    assert_eq!(operate(&mut bench, Function::Operate, &both, Answer::Confirm), [2, 2]);
    let one_wrong = crobs(&[(0, LATCH_ON), (9, LATCH_ON)]);
    bench.send(Function::Select, &one_wrong);
    assert_eq!(bench.commands(), [], "the bridge is not asked");
    assert_eq!(statuses(&bench.tx()[0].body), [126, 4]);
}

#[test]
fn r15_silence_is_no_answer_and_a_late_answer_is_none() {
    let mut bench = Bench::quiet(&[]);
    bench.send(Function::DirectOperate, &crobs(&[(0, LATCH_ON), (1, CLOSE)]));
    let commands = bench.commands();
    bench.answer(commands[0].token, Answer::Silence);
    bench.answer(commands[1].token, Answer::Confirm);
    assert_eq!(bench.tx(), []);
    assert!(bench.told()[0].contains("its outcome is not known"));
    // Its master's own timer: it goes on to something else.
    bench.send(Function::Select, &crob(0, LATCH_ON));
    let select = bench.commands();
    let got = bench.ask(Function::Read, &[60, 1, 6]);
    assert!(!got.body.is_empty());
    assert!(bench.told()[0].contains("SELECT of master 1"));
    bench.answer(select[0].token, Answer::Confirm);
    assert_eq!((bench.tx(), bench.events()), (vec![], vec![Event::SelectLapsed(LATCH)]), "who selected behind us is told");
    bench.send(Function::DirectOperate, &crob(0, LATCH_ON));
    bench.pass_ms(60_000);
    assert!(bench.told().iter().any(|what| what.contains("not answered in time")));
    bench.answer(CommandToken(u64::MAX), Answer::Confirm);
    assert_eq!(bench.tx(), []);
}

#[test]
fn a_point_is_commanded_by_one_request_at_a_time_and_other_masters_go_on() {
    let mut bench = Bench::quiet(&[("master", text("1,2"))]);
    bench.send(Function::DirectOperate, &crob(1, CLOSE));
    let first = bench.commands();
    bench.master = SECOND;
    assert_eq!(operate(&mut bench, Function::DirectOperate, &crob(1, 0x81), Answer::Confirm), [ControlStatus::ALREADY_ACTIVE.0]);
    assert!(!bench.ask(Function::Read, &[60, 1, 6]).body.is_empty());
    assert_eq!(operate(&mut bench, Function::DirectOperate, &crob(0, LATCH_ON), Answer::Confirm), [0]);
    bench.master = MASTER;
    bench.answer(first[0].token, Answer::Confirm);
    assert_eq!(statuses(&bench.tx()[0].body), [0]);
}

#[test]
fn a2_r41_no_acknowledgement_means_no_answer_and_may_be_switched_off() {
    let mut bench = Bench::quiet(&[]);
    let seq = bench.send(Function::DirectOperateNoAck, &crob(0, LATCH_ON));
    let commands = bench.commands();
    assert_eq!((commands.len(), commands[0].mode), (1, CommandMode::Direct));
    assert_eq!(bench.frames.last().map(|frame| frame.2[1]), Some(6), "it is evidence all the same");
    bench.answer(commands[0].token, Answer::Confirm);
    bench.rx(&request(seq, Function::DirectOperateNoAck, &crob(0, LATCH_ON)));
    assert_eq!((bench.commands(), bench.tx()), (vec![], vec![]));
    let mut off = Bench::quiet(&[("direct_no_ack", Field::Bool(false))]);
    off.send(Function::DirectOperateNoAck, &crob(0, LATCH_ON));
    assert!(off.told()[0].contains("NO_FUNC_CODE_SUPPORT"));
    assert_eq!((off.commands(), off.tx()), (vec![], vec![]));
}

#[test]
fn a2_r41_controls_to_all_are_taken_only_where_they_are_allowed() {
    for (allowed, expected) in [(false, 0), (true, 1)] {
        let mut bench = Bench::quiet(&[("broadcast_controls", Field::Bool(allowed))]);
        for function in [Function::Select, Function::Operate] {
            bench.rx_to(0xFFFF, &request(3, function, &crob(0, LATCH_ON)));
        }
        bench.rx_to(0xFFFF, &request(5, Function::DirectOperateNoAck, &crob(0, LATCH_ON)));
        bench.rx_to(0xFFFF, &request(5, Function::DirectOperateNoAck, &crob(0, LATCH_ON)));
        assert_eq!(bench.commands().len(), expected);
        assert_eq!(bench.tx(), []);
    }
}

#[test]
fn a_lost_channel_ends_selections_and_answers() {
    let mut bench = Bench::quiet(&[]);
    selected(&mut bench);
    bench.close();
    assert!(bench.events().contains(&Event::SelectLapsed(BREAKER)));
    bench.open();
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [2]);
    bench.send(Function::DirectOperate, &crob(0, LATCH_ON));
    let command = bench.commands().remove(0);
    bench.close();
    bench.open();
    bench.answer(command.token, Answer::Confirm);
    assert_eq!(bench.tx(), [], "the answer was to another connection");
}

#[test]
fn a_journal_that_is_too_far_behind_takes_no_more_requests() {
    let mut bench = Bench::quiet(&[]);
    bench.durable = false;
    for _ in 0..64 {
        bench.send(Function::DirectOperate, &crob(9, LATCH_ON));
    }
    assert_eq!((bench.frames.len(), bench.closed()), (64, None));
    bench.send(Function::DirectOperate, &crob(0, LATCH_ON));
    assert_eq!((bench.frames.len(), bench.commands()), (64, vec![]));
    assert_eq!(bench.closed().as_deref(), Some("the journal is too far behind its requests"));
}

/// UDP doubles datagrams and lets one overtake another: what was carried out is answered again, and only that.
#[test]
fn a2_r34_a_command_whose_datagram_comes_again_behind_others_is_answered_and_not_carried_out() {
    let mut bench = Bench::quiet(&[]);
    bench.datagrams = true;
    let ask = |seq, code: u8| request(seq, Function::DirectOperate, &crob(2, code));
    let carried_out = |bench: &mut Bench, fragment: &[u8]| {
        bench.rx(fragment);
        let commands = bench.commands();
        for command in &commands {
            bench.answer(command.token, Answer::Confirm);
        }
        (commands.len(), bench.tx().iter().map(|got| (got.control.seq, statuses(&got.body))).collect::<Vec<_>>())
    };
    assert_eq!(carried_out(&mut bench, &ask(3, 1)), (1, vec![(3, vec![0])]));
    assert_eq!(carried_out(&mut bench, &request(4, Function::DirectOperate, &crob(0, LATCH_ON))), (1, vec![(4, vec![0])]));
    bench.rx(&request(5, Function::Read, &[1, 2, 0x00, 0, 0]));
    bench.tx();
    for (again, seq) in [(ask(3, 1), 3), (request(4, Function::DirectOperate, &crob(0, LATCH_ON)), 4), (ask(3, 1), 3)] {
        assert_eq!(carried_out(&mut bench, &again), (0, vec![(seq, vec![0])]), "answered as before");
    }
    // The next number is another command, however alike.
    assert_eq!(carried_out(&mut bench, &ask(6, 1)), (1, vec![(6, vec![0])]));
    // After its short life, and after so many requests that its number comes again, it is a command like any other.
    bench.pass(COMMAND_MEMORY);
    assert_eq!(carried_out(&mut bench, &ask(4, 1)).0, 1);
    for seq in 5..=12 {
        bench.rx(&request(seq, Function::Read, &[1, 2, 0x00, 0, 0]));
        bench.tx();
    }
    assert_eq!(carried_out(&mut bench, &ask(4, 1)).0, 1);
}

/// The answer of a command that waits for the bridge is not lost to what was sent before it and comes again.
#[test]
fn a2_r34_a_late_datagram_of_an_earlier_request_does_not_silence_a_held_command() {
    let mut bench = Bench::quiet(&[]);
    bench.datagrams = true;
    let read = bench.send(Function::Read, &[1, 2, 0x00, 0, 0]);
    assert_eq!(bench.tx().len(), 1);
    selected(&mut bench);
    let select = bench.seq;
    let seq = bench.send(Function::Operate, &crob(1, CLOSE));
    let commands = bench.commands();
    assert_eq!(commands.len(), 1);
    bench.rx(&request(select, Function::Select, &crob(1, CLOSE)));
    bench.rx(&request(read, Function::Read, &[1, 2, 0x00, 0, 0]));
    assert_eq!((bench.commands(), bench.tx()), (vec![], vec![]), "the master has gone on");
    bench.answer(commands[0].token, Answer::Confirm);
    let answers = bench.tx();
    assert_eq!((answers.len(), answers[0].control.seq, statuses(&answers[0].body)), (1, seq, vec![0]));
    // Nor does it end a selection.
    selected(&mut bench);
    bench.rx(&request(read, Function::Read, &[1, 2, 0x00, 0, 0]));
    assert_eq!(operate(&mut bench, Function::Operate, &crob(1, CLOSE), Answer::Confirm), [0]);
}

/// A connection doubles nothing: there, the number of a request alone decides.
#[test]
fn a2_r34_on_a_connection_only_the_last_request_is_a_repetition() {
    let mut bench = Bench::quiet(&[]);
    for (seq, expected) in [(3, 1), (3, 0), (4, 1), (3, 1)] {
        bench.rx(&request(seq, Function::DirectOperate, &crob(2, 1)));
        let commands = bench.commands();
        assert_eq!(commands.len(), expected, "{seq}");
        for command in commands {
            bench.answer(command.token, Answer::Confirm);
        }
        bench.tx();
    }
}

#[test]
fn a2_r41_a_control_to_all_that_comes_again_after_its_short_life_is_a_new_one() {
    let mut bench = Bench::quiet(&[("broadcast_controls", Field::Bool(true))]);
    let broadcast = request(5, Function::DirectOperateNoAck, &crob(0, LATCH_ON));
    for (wait_ms, expected) in [(0, 1), (4999, 0), (1, 1)] {
        bench.pass_ms(wait_ms);
        bench.rx_to(0xFFFF, &broadcast);
        let commands = bench.commands();
        assert_eq!(commands.len(), expected, "after {wait_ms} ms");
        for command in commands {
            bench.answer(command.token, Answer::Confirm);
        }
    }
}

#[test]
fn a_command_names_its_master_whatever_its_address() {
    let mut bench = Bench::quiet(&[("master", text("1,2"))]);
    for master in [MASTER, SECOND] {
        bench.master = master;
        bench.send(Function::DirectOperate, &crob(2, 1));
        let command = bench.commands().remove(0);
        assert_eq!(command.originator, master);
        bench.answer(command.token, Answer::Confirm);
    }
    let far = spec(&[("master", Field::Int(40_001))]);
    let mut bench = Bench::with(&far, Box::new(crate::MemoryFiles::default()));
    bench.master = 40_001;
    bench.open();
    bench.send(Function::DirectOperate, &crob(2, 1));
    assert_eq!(bench.commands().remove(0).originator, 40_001);
}

#[test]
fn a2_r55_a_pattern_commands_the_points_that_its_mask_names_all_or_none() {
    let mut bench = Bench::quiet(&[]);
    // Select and operate as of any other control: the same octets, echoed with one status.
    let latches = pattern(LATCH_ON, &[0]);
    bench.send(Function::Select, &latches);
    let select = bench.commands();
    assert_eq!((select.len(), select[0].point, select[0].mode), (1, LATCH, CommandMode::Select));
    bench.answer(select[0].token, Answer::Confirm);
    assert_eq!(bench.tx()[0].body, latches);
    bench.send(Function::Operate, &latches);
    let execute = bench.commands();
    assert_eq!((execute.len(), execute[0].action, execute[0].mode), (1, Action::Switch(true), CommandMode::Execute));
    bench.answer(execute[0].token, Answer::Confirm);
    assert_eq!(bench.tx()[0].body, latches);
    // Several points: 0 only if each accepted.
    let spec = {
        let mut spec = spec(&[("unsolicited", text(""))]);
        spec.points.push(point(110, AddressUse::Control, "binary_output", 8, &[]));
        spec
    };
    let mut bench = Bench::with(&spec, Box::new(MemoryFiles::default()));
    bench.open();
    let both = pattern(LATCH_ON, &[0, 8]);
    for (second, status) in
        [(Answer::Confirm, ControlStatus::SUCCESS), (Answer::Refuse(Refusal::NotAuthorised), ControlStatus::NOT_AUTHORIZED)]
    {
        bench.send(Function::DirectOperate, &both);
        let commands = bench.commands();
        assert_eq!(commands.iter().map(|command| command.point).collect::<Vec<_>>(), [LATCH, PointId(110)]);
        bench.answer(commands[0].token, Answer::Confirm);
        assert_eq!(bench.tx(), [], "it waits for the last");
        bench.answer(commands[1].token, second);
        let body = bench.tx().remove(0).body;
        assert_eq!((body[14], &body[15..]), (status.0, &both[15..]), "the status of the block, the mask as it came");
    }
    // One of them cannot: none is asked, and the status says why.
    let unfit = pattern(LATCH_ON, &[0, 1]);
    bench.send(Function::DirectOperate, &unfit);
    assert_eq!(bench.commands(), [], "the breaker takes no latch");
    assert_eq!(bench.tx()[0].body[14], ControlStatus::NOT_SUPPORTED.0);
    bench.send(Function::DirectOperate, &pattern(LATCH_ON, &[0, 5]));
    assert_eq!((bench.commands(), bench.tx()[0].body[14]), (vec![], ControlStatus::NOT_SUPPORTED.0), "nobody is at 5");
    // Beside others, and counted as what they name.
    let mixed = [both, crob(1, CLOSE)].concat();
    bench.send(Function::DirectOperate, &mixed);
    assert_eq!(bench.commands().len(), 3);
    let mut bench = Bench::with(&spec, Box::new(MemoryFiles::default()));
    bench.session.params.max_controls = 1;
    bench.open();
    bench.send(Function::DirectOperate, &pattern(LATCH_ON, &[0, 8]));
    assert_eq!((bench.commands(), bench.tx()[0].body[14]), (vec![], ControlStatus::TOO_MANY_OBJECTS.0));
}

#[test]
fn r15_a_refusal_goes_out_as_the_status_of_its_reason() {
    for (why, status) in [
        (Refusal::TooLate, 1),
        (Refusal::NotSelected, 2),
        (Refusal::Malformed, 3),
        (Refusal::NotSupported, 4),
        (Refusal::Busy, 5),
        (Refusal::Local, 7),
        (Refusal::TooMany, 8),
        (Refusal::NotAuthorised, 9),
        (Refusal::Inhibited, 10),
        (Refusal::OutOfRange, 12),
        (Refusal::Unavailable, 18),
    ] {
        let mut bench = Bench::quiet(&[]);
        assert_eq!(operate(&mut bench, Function::DirectOperate, &crob(2, 1), Answer::Refuse(why)), [status], "{why:?}");
    }
}

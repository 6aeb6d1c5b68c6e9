//! Objects that are no measurements: strings, events of commands, statistics, freezes to come, and what is refused lawfully (rows 50, 55).

use bridge_model::{Quality, Timestamp, Value};
use bridge_session::{AddressUse, Answer, Event, Field, LinkSpec, Publish, PublishClass, Refusal, Request};

use crate::app::{AppControl, Function, Iin};
use crate::describe;
use crate::objects::{ControlCode, Crob};
use crate::outstation::MemoryFiles;
use crate::outstation::test_kit::*;

const STATE: u32 = 200;
const NAME: u32 = 201;
const NUMBER: u32 = 202;
const OCTET: u32 = 210;

/// Strings at 0 to 2 (words, a text, a number), whole numbers of one octet at 0 and 1, command events of class 1 of the latch and of class
/// 3 of the set-point.
fn with_strings(params: &[(&str, Field)]) -> LinkSpec {
    let mut spec = spec(&[&[("unsolicited", text(""))], params].concat());
    let string = |at, index, more: &[(&str, Field)]| point(at, AddressUse::Monitor, "octet_string", index, more);
    spec.points.push(string(STATE, 0, &[("words", text("idle, running, tripped")), ("class", Field::Int(1))]));
    spec.points.push(string(NAME, 1, &[("text", text("SOLAR-B"))]));
    spec.points.push(string(NUMBER, 2, &[]));
    spec.points.extend((0..2).map(|i| point(OCTET + i, AddressUse::Monitor, "unsigned", i, &[])));
    for control in spec.points.iter_mut().filter(|point| point.usage == AddressUse::Control) {
        let class = if control.point == LATCH { 1 } else { 3 };
        if control.point == LATCH || control.point == TARGET {
            control.address.insert("class".to_owned(), Field::Int(class));
        }
    }
    spec
}

fn bench(params: &[(&str, Field)]) -> Bench {
    let mut bench = Bench::with(&with_strings(params), Box::new(MemoryFiles::default()));
    bench.open();
    bench.clear_restart();
    bench
}

/// The objects of an answer in words.
fn shown(got: &Got) -> String {
    let text = describe(&[&[AppControl::single(0).octet(), 129, 0, 0], &got.body[..]].concat());
    text.trim_start_matches("seq=0 RESPONSE").trim_start_matches("; ").to_owned()
}

fn read(bench: &mut Bench, body: &[u8]) -> (String, Iin) {
    let got = bench.ask(Function::Read, body);
    if got.control.con {
        bench.confirm(got.control);
    }
    (shown(&got), Iin(got.iin.0 & 0xFF00))
}

fn publish(bench: &mut Bench, point: u32, value: Value, quality: Quality, class: PublishClass) {
    let time = Timestamp::by_device(bench.now.utc);
    let point = bridge_model::PointId(point);
    bench.request(Request::Publish(vec![Publish { point, value, quality, time, class, spontaneous: true, return_info: false }]));
}

#[test]
fn a2_r50_strings_say_values_in_words_names_and_numbers() {
    let mut bench = bench(&[]);
    let fine = Iin(0);
    let never = r#"g110v1 0..0: 0="?"; g110v7 1..1: 1="SOLAR-B"; g110v1 2..2: 2="?""#;
    assert_eq!(read(&mut bench, &[110, 0, 6]), (never.to_owned(), fine), "what was never read is never said; a name is");
    publish(&mut bench, STATE, Value::Int(1), Quality::GOOD, PublishClass::Latest);
    publish(&mut bench, NUMBER, Value::Real32(243.6), Quality::GOOD.stale(), PublishClass::Latest);
    publish(&mut bench, NAME, Value::Int(1), Quality::GOOD, PublishClass::Latest);
    let all = r#"g110v7 0..1: 0="running", 1="SOLAR-B"; g110v7 2..2: 2="243.6 ?""#;
    assert_eq!(read(&mut bench, &[110, 0, 6]), (all.replace("; g110v7 2..2: 2", ", 2").replace("0..1", "0..2"), fine));
    assert_eq!(read(&mut bench, &[110, 0, 0x00, 2, 2]).0, r#"g110v7 2..2: 2="243.6 ?""#);
    assert_eq!(read(&mut bench, &[110, 0, 0x17, 1, 1]).0, r#"g110v7 1..1: 1="SOLAR-B""#);
    assert_eq!(read(&mut bench, &[110, 0, 0x00, 3, 3]), (String::new(), Iin::PARAMETER_ERROR));
    // They are a part of class 0.
    assert!(read(&mut bench, &[60, 1, 6]).0.contains(r#"0="running""#));
}

#[test]
fn a2_r50_events_of_strings_are_in_their_class_in_order_and_confirmed() {
    let mut bench = bench(&[]);
    for (number, state) in [(1, 1), (2, 2), (3, 0)] {
        publish(&mut bench, STATE, Value::Int(state), Quality::GOOD, PublishClass::Event(number));
    }
    publish(&mut bench, NAME, Value::Int(1), Quality::GOOD, PublishClass::Event(4));
    assert_eq!(bench.events(), [Event::DeliveredOf(4, 4)], "a name has no events");
    publish(&mut bench, NUMBER, Value::Int(-7), Quality::GOOD, PublishClass::Latest);
    assert_eq!(read(&mut bench, &[60, 2, 6]).0, r#"g111v7 x2: 0="running", 0="tripped"; g111v4 x1: 0="idle""#);
    assert_eq!(bench.events(), [Event::DeliveredOf(1, 3)]);
    assert_eq!(read(&mut bench, &[111, 0, 6]).0, r#"g111v2 x1: 2="-7""#, "by the default class 2, and by their group");
    assert_eq!(read(&mut bench, &[111, 0, 6]).0, "");
    // A string is never empty and never longer than its variation can say.
    let got = bench.ask(Function::Read, &[110, 0, 6]);
    assert!(!got.body.windows(2).any(|header| header == [110, 0]), "{:02x?}", got.body);
}

#[test]
fn a2_r55_g102_says_whole_numbers_of_one_octet_that_are_plainly_good_and_no_others() {
    let mut bench = bench(&[]);
    assert_eq!(read(&mut bench, &[102, 0, 6]).0, "", "there are no flags that could say that it was never read");
    publish(&mut bench, OCTET, Value::Int(7), Quality::GOOD, PublishClass::Latest);
    publish(&mut bench, OCTET + 1, Value::Real(255.0), Quality::GOOD, PublishClass::Latest);
    assert_eq!(read(&mut bench, &[102, 1, 6]).0, "g102v1 0..1: 0=7, 1=255");
    for (value, quality) in [
        (Value::Int(256), Quality::GOOD),
        (Value::Int(-1), Quality::GOOD),
        (Value::Real(1.5), Quality::GOOD),
        (Value::Int(7), Quality::GOOD.stale()),
    ] {
        publish(&mut bench, OCTET, value, quality, PublishClass::Latest);
        assert_eq!(read(&mut bench, &[102, 1, 6]).0, "g102v1 1..1: 1=255", "{value:?} {quality:?}");
    }
    assert_eq!(read(&mut bench, &[60, 2, 6, 60, 3, 6, 60, 4, 6]).0, "", "it has no events");
}

fn latch(code: ControlCode) -> Vec<u8> {
    [&[12, 1, 0x17, 1, 0][..], &Crob::once(code, 500, 500).encode()].concat()
}

#[test]
fn a2_r55_commands_are_told_as_events_with_what_became_of_them() {
    let mut bench = bench(&[("master", text("1,2"))]);
    let give = |bench: &mut Bench, function, body: &[u8], answer| {
        bench.send(function, body);
        for command in bench.commands() {
            bench.answer(command.token, answer);
        }
        bench.tx()
    };
    // A SELECT commands nothing; its OPERATE does.
    give(&mut bench, Function::Select, &latch(ControlCode::LATCH_ON), Answer::Confirm);
    assert_eq!(read(&mut bench, &[13, 0, 6]).0, "");
    give(&mut bench, Function::Select, &latch(ControlCode::LATCH_ON), Answer::Confirm);
    give(&mut bench, Function::Operate, &latch(ControlCode::LATCH_ON), Answer::Confirm);
    give(&mut bench, Function::DirectOperate, &latch(ControlCode::LATCH_OFF), Answer::Refuse(Refusal::NotAuthorised));
    give(&mut bench, Function::DirectOperateNoAck, &latch(ControlCode::LATCH_OFF), Answer::Confirm);
    // What the point does not do, and an outcome that nobody knows.
    give(&mut bench, Function::DirectOperate, &latch(ControlCode::CLOSE), Answer::Confirm);
    give(&mut bench, Function::DirectOperate, &latch(ControlCode::LATCH_ON), Answer::Silence);
    // Of the breaker nothing is told.
    let breaker = [&[12, 1, 0x17, 1, 1][..], &Crob::once(ControlCode::CLOSE, 500, 500).encode()].concat();
    give(&mut bench, Function::DirectOperate, &breaker, Answer::Confirm);
    let at = "2026-04-01T10:00:00.000";
    let told = ["on SUCCESS", "off NOT_AUTHORIZED", "off SUCCESS", "on NOT_SUPPORTED", "on UNDEFINED"];
    let told = told.map(|what| format!("0={what} {at}")).join(", ");
    // Another master reads them: it is told what others command.
    bench.master = SECOND;
    assert_eq!(read(&mut bench, &[60, 2, 6]), (format!("g13v2 x5: {told}"), Iin(0)));
    assert_eq!(read(&mut bench, &[60, 2, 6]).0, "", "they left with their confirmation");
    bench.master = MASTER;
    // Set-points in the width that they were asked for; another variation as far as it can say them.
    for (body, own, as_float) in [
        (&[41, 1, 0x17, 1, 0, 0x10, 0x27, 0, 0, 0][..], "g43v3 x1: 0=10000 SUCCESS", "g43v5 x1: 0=10000.0 SUCCESS"),
        (&[41, 2, 0x17, 1, 0, 0xFE, 0xFF, 0], "g43v3 x1: 0=-2 SUCCESS", "g43v5 x1: 0=-2.0 SUCCESS"),
        (&[41, 3, 0x17, 1, 0, 0, 0, 0xC0, 0x3F, 0], "g43v7 x1: 0=1.5 SUCCESS", "g43v5 x1: 0=1.5 SUCCESS"),
        (&[41, 4, 0x17, 1, 0, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0], "g43v8 x1: 0=1.5 SUCCESS", "g43v5 x1: 0=1.5 SUCCESS"),
    ] {
        give(&mut bench, Function::DirectOperate, body, Answer::Confirm);
        assert_eq!(read(&mut bench, &[60, 4, 6]).0, format!("{own} {at}"));
        give(&mut bench, Function::DirectOperate, body, Answer::Confirm);
        assert_eq!(read(&mut bench, &[43, 5, 6]).0, as_float);
    }
    // 100,000 is none of 16 bits: it is not said as another number.
    give(&mut bench, Function::DirectOperate, &[41, 1, 0x17, 1, 0, 0xA0, 0x86, 1, 0, 0], Answer::Confirm);
    assert_eq!(read(&mut bench, &[43, 2, 6]).0, format!("g43v3 x1: 0=100000 SUCCESS {at}"));
}

#[test]
fn a2_r55_command_events_that_find_no_room_are_shown_as_lost() {
    let mut bench = bench(&[]);
    for _ in 0..super::super::buffer::ASIDES_MAX {
        assert_eq!(bench.ask(Function::DirectOperate, &latch(ControlCode::CLOSE)).iin.0 & Iin::EVENT_BUFFER_OVERFLOW.0, 0);
    }
    assert!(bench.ask(Function::DirectOperate, &latch(ControlCode::CLOSE)).iin.contains(Iin::EVENT_BUFFER_OVERFLOW));
    let mut last = bench.read(&[60, 2, 6]).pop().unwrap();
    assert!(
        bench.ask(Function::DirectOperate, &latch(ControlCode::CLOSE)).iin.0 & Iin::EVENT_BUFFER_OVERFLOW.0 == 0,
        "there is room again"
    );
    last = bench.read(&[60, 2, 6]).pop().unwrap_or(last);
    assert_eq!(shown(&last), format!("g13v2 x1: 0=on NOT_SUPPORTED 2026-04-01T10:00:00.000"));
}

#[test]
fn a2_r55_security_statistics_count_what_happened() {
    let mut bench = bench(&[("statistics_class", Field::Int(2)), ("statistics_threshold", Field::Int(2))]);
    let counts = |bench: &mut Bench| read(bench, &[121, 1, 6]).0;
    // The clearing of DEVICE_RESTART and this READ; one answer so far.
    let zero = "0 association=0";
    let first = format!("g121v1 0..1: 0={zero}, 1={zero}; g121v1 5..6: 5=1 association=0, 6=2 association=0; g121v1 9..9: 9={zero}");
    assert_eq!(counts(&mut bench), first);
    // A CONFIRM of nothing, an answer instead of a question, a first fragment that says it is none.
    for unexpected in [&[0xC1, 0][..], &[0xC2, 129, 0, 0], &[0x42, 1, 60, 1, 6]] {
        bench.rx(unexpected);
    }
    // A function that is none, and a fragment too short to be one.
    bench.rx(&[0xC3, 77]);
    bench.rx(&[0xC3]);
    bench.tx();
    bench.send(Function::DirectOperate, &latch(ControlCode::LATCH_ON));
    for command in bench.commands() {
        bench.answer(command.token, Answer::Refuse(Refusal::NotAuthorised));
    }
    bench.tx();
    let got = read(&mut bench, &[121, 1, 0x00, 0, 1]);
    assert_eq!(got, ("g121v1 0..1: 0=3 association=0, 1=1 association=0".to_owned(), Iin(0)));
    assert_eq!(read(&mut bench, &[121, 0, 0x17, 1, 9]).0, "g121v1 9..9: 9=2 association=0");
    assert_eq!(read(&mut bench, &[121, 1, 0x00, 9, 10]).1, Iin::PARAMETER_ERROR);
    assert_eq!(read(&mut bench, &[121, 1, 0x00, 2, 4]), (String::new(), Iin::PARAMETER_ERROR), "what is not counted is not there");
    // Each second one is an event, of its time.
    let at = "2026-04-01T10:00:00.000";
    let events = format!("g122v2 x2: 0=2 association=0 {at}, 9=2 association=0 {at}");
    assert_eq!(read(&mut bench, &[60, 3, 6]).0, events);
    bench.rx(&[0xC1, 0]);
    assert_eq!(read(&mut bench, &[122, 1, 6]).0, "g122v1 x1: 0=4 association=0");
    assert_eq!(bench.ask(Function::Write, &[121, 1, 0x00, 0, 0, 1, 0, 0, 0, 0, 0, 0]).iin.0 & 0xFF00, Iin::PARAMETER_ERROR.0);
}

#[test]
fn a2_r55_statistics_have_no_events_unless_the_link_says_so() {
    let mut bench = bench(&[]);
    for _ in 0..100 {
        bench.rx(&[0xC1, 0]);
    }
    assert_eq!(read(&mut bench, &[60, 2, 6, 60, 3, 6, 60, 4, 6]).0, "");
    assert!(read(&mut bench, &[121, 1, 6]).0.contains("0=100 "));
}

#[test]
fn a2_r55_g50v4_tells_the_freezes_to_come() {
    let mut bench = bench(&[("allow", text("counter_freeze"))]);
    assert_eq!(read(&mut bench, &[50, 4, 6]), (String::new(), Iin(0)));
    assert_eq!(read(&mut bench, &[50, 4, 0x00, 0, 0]), (String::new(), Iin::PARAMETER_ERROR));
    let at = |ms: i64, every: u32| [&[50, 2, 7, 1][..], &(UTC_START_MS + ms).to_le_bytes()[..6], &every.to_le_bytes()].concat();
    let freeze = |bench: &mut Bench, time: Vec<u8>, what: &[u8]| bench.ask(Function::FreezeAtTime, &[&time, what].concat()).iin;
    assert_eq!(freeze(&mut bench, at(60_000, 900_000), &[20, 0, 6]).0 & 0xFF00, 0);
    assert_eq!(freeze(&mut bench, at(5_000, 0), &[20, 0, 0x00, 1, 1]).0 & 0xFF00, 0);
    let first = "0=2026-04-01T10:01:00.000 every 900000 units=1";
    let second = "1=2026-04-01T10:00:05.000 every 0 units=0";
    assert_eq!(read(&mut bench, &[50, 4, 6]), (format!("g50v4 0..1: {first}, {second}"), Iin(0)));
    assert_eq!(read(&mut bench, &[50, 4, 0x00, 1, 1]).0, format!("g50v4 1..1: {second}"));
    bench.pass_ms(61_000);
    assert_eq!(
        read(&mut bench, &[50, 4, 6]).0,
        "g50v4 0..0: 0=2026-04-01T10:16:00.000 every 900000 units=1",
        "one is over, one comes again"
    );
    let indexed = [&[50, 4, 0x00, 0, 0][..], &[0; 11]].concat();
    assert_eq!(bench.ask(Function::Write, &indexed).iin.0 & 0xFF00, Iin::PARAMETER_ERROR.0, "it is scheduled by FREEZE_AT_TIME");
}

#[test]
fn a2_r55_terminals_applications_and_configurations_are_refused_lawfully() {
    let mut bench = bench(&[]);
    for body in [&[112, 0, 6][..], &[113, 0, 6], &[112, 5, 0x00, 0, 0], &[90, 1, 6], &[91, 1, 6]] {
        assert_eq!(read(&mut bench, body), (String::new(), Iin::OBJECT_UNKNOWN), "READ {body:?}");
    }
    for body in [&[112, 2, 0x17, 1, 0, b'l', b's'][..], &[110, 2, 0x17, 1, 0, b'h', b'i'], &[102, 1, 0x00, 0, 0, 1]] {
        assert_eq!(bench.ask(Function::Write, body).iin.0 & 0xFF00, Iin::OBJECT_UNKNOWN.0, "WRITE {body:?}");
    }
    let application = [90, 1, 0x5B, 1, 4, 0, b'm', b'a', b'i', b'n'];
    for function in
        [Function::InitializeApplication, Function::StartApplication, Function::StopApplication, Function::ActivateConfiguration]
    {
        assert_eq!(bench.ask(function, &application).iin.0 & 0xFF00, Iin::NO_FUNC_CODE_SUPPORT.0, "{}", function.name());
    }
}

/// No fragment can say it: it is told and leaves, and what stands behind it in its class goes on.
#[test]
fn a_text_that_fits_no_fragment_does_not_hold_up_its_class() {
    let long = "x".repeat(240);
    let words = format!("idle, {long}, tripped");
    for unsolicited in ["", "1"] {
        let mut spec = spec(&[("unsolicited", text(unsolicited)), ("unsolicited_delay", text("0s")), ("max_transmit", Field::Int(249))]);
        let fields = [("words", text(&words)), ("class", Field::Int(1))];
        spec.points.push(point(STATE, AddressUse::Monitor, "octet_string", 0, &fields));
        let mut bench = Bench::with(&spec, Box::new(MemoryFiles::default()));
        bench.open();
        if !unsolicited.is_empty() {
            let null = bench.tx().remove(0);
            bench.confirm(null.control);
            bench.ask(Function::EnableUnsolicited, &[60, 2, 6]);
        }
        bench.clear_restart();
        for (number, value) in [(1, 2), (2, 1), (3, 2)] {
            bench.publish(STATE, Value::Int(value), PublishClass::Event(number));
        }
        let mut all = Vec::new();
        if unsolicited.is_empty() {
            all = bench.read(&[60, 2, 6]);
        } else {
            for _ in 0..10 {
                bench.pass_ms(1);
                for got in bench.tx() {
                    bench.confirm(got.control);
                    all.push(got);
                }
            }
        }
        let said: Vec<String> = all.iter().map(shown).collect();
        assert_eq!(said.iter().map(|said| said.matches("tripped").count()).sum::<usize>(), 2, "{unsolicited:?}: {said:?}");
        let events = bench.events();
        let gone: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Undeliverable(_))).collect();
        assert_eq!(gone, [&Event::Undeliverable(2)], "{unsolicited:?}: {events:?}");
        assert!(events.iter().any(|event| matches!(event, Event::Refused { .. })), "and it is told");
        assert_eq!(bench.ask(Function::Read, &[60, 2, 6]).body, [], "nothing waits");
    }
}

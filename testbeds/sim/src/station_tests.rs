//! The station alone, over a session that writes down what it is asked. Pairs over a real protocol are in `tests/pair.rs`.

use super::*;
use crate::ledger::SharedLedger;
use crate::plant::UnitLimits;
use crate::source::GeneratorKind;
use bridge_model::Zone;
use bridge_session::{LinkPoint, Refusal, Role};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Recorder {
    requests: Arc<Mutex<Vec<Request>>>,
    events: Arc<Mutex<VecDeque<Event>>>,
}

impl Recorder {
    fn published(&self) -> Vec<Publish> {
        let requests = self.requests.lock().expect("lock");
        let mut all = Vec::new();
        for request in requests.iter() {
            if let Request::Publish(values) = request {
                all.extend_from_slice(values);
            }
        }
        all
    }

    fn answers(&self) -> Vec<Answer> {
        let requests = self.requests.lock().expect("lock");
        let mut all = Vec::new();
        for request in requests.iter() {
            if let Request::Answer { answer, .. } = request {
                all.push(*answer);
            }
        }
        all
    }

    fn tell(&self, event: Event) {
        self.events.lock().expect("lock").push_back(event);
    }
}

impl Session for Recorder {
    fn handle_open(&mut self, _: Channel, _: &PeerInfo, _: Now) {}
    fn handle_input(&mut self, _: Channel, _: Chunk<'_>, _: Now) {}
    fn handle_request(&mut self, request: Request, _: Now) {
        self.requests.lock().expect("lock").push(request);
    }
    fn handle_durable(&mut self, _: u32, _: u64, _: Now) {}
    fn handle_timeout(&mut self, _: Now) {}
    fn handle_close(&mut self, _: Channel, _: Now) {}
    fn poll_frames(&mut self, _: &mut FrameBatch) -> bool {
        false
    }
    fn poll_event(&mut self) -> Option<Event> {
        self.events.lock().expect("lock").pop_front()
    }
    fn poll_output(&mut self, _: Channel, _: &mut Vec<u8>, _: usize, _: Now) -> bool {
        false
    }
    fn poll_close(&mut self, _: Channel) -> Option<Close> {
        None
    }
    fn poll_timeout(&self) -> Option<Mono> {
        None
    }
    fn user_timeout(&self, _: Channel, _: Now) -> Option<Duration> {
        None
    }
}

fn at(ms: u64) -> Now {
    Now { mono: Mono(ms * 1_000_000), utc: Utc::from_millis(1_775_000_000_000 + ms as i64) }
}

const POINTS: [(&str, &str); 5] =
    [("U1.p", "M_ME_TF_1"), ("U1.p_echo", "M_ME_TF_1"), ("U1.cb", "M_DP_TB_1"), ("U1.remote", "M_SP_TB_1"), ("bay.alarm", "M_SP_TB_1")];

fn spec() -> LinkSpec {
    let points = (0..).zip(POINTS).map(|(index, (_, ti))| LinkPoint {
        point: PointId(index),
        usage: AddressUse::Monitor,
        address: Fields::from([("ti".to_owned(), Field::Text(ti.to_owned()))]),
    });
    LinkSpec {
        name: "rtu".to_owned(),
        role: Role::Server,
        zone: Zone::Utc,
        monitor_only: false,
        params: Fields::new(),
        points: points.collect(),
        max_unacked: 8,
        fresh_link_ms: 2000,
    }
}

struct Bench {
    station: Station,
    session: Recorder,
    ledger: SharedLedger,
    token: u64,
}

impl Bench {
    fn new(options: StationOptions) -> Self {
        let (session, ledger) = (Recorder::default(), SharedLedger::default());
        let names = Names {
            monitor: POINTS.iter().map(|(name, _)| (*name).to_owned()).collect(),
            control: vec!["U1.p_set".to_owned(), "bay.test".to_owned()],
        };
        let plant = Plant::new(1, [UnitLimits::default(); 2], [180.0, 180.0]);
        let mut station = Station::new(Box::new(session.clone()), &spec(), names, options, Box::new(ledger.clone()))
            .with_plant(plant, &PlantBinding::default());
        station.handle_timeout(at(1));
        Self { station, session, ledger, token: 0 }
    }

    fn command(&mut self, point: u32, action: Action, mode: CommandMode, ms: u64) {
        self.token += 1;
        self.session.tell(Event::CommandReceived(CommandReceived {
            token: CommandToken(self.token),
            point: PointId(point),
            action,
            mode,
            qualifier: 0,
            tagged: None,
            connection: 1,
            frame: self.token,
            received: at(ms),
            originator: 0,
            test: false,
        }));
        self.station.handle_timeout(at(ms));
    }

    fn kinds(&self, of: &str) -> Vec<EntryKind> {
        self.ledger.entries().iter().filter(|entry| entry.point == of).map(|entry| entry.kind).collect()
    }
}

#[test]
fn the_first_image_is_published_quietly_in_the_width_of_each_address() {
    let bench = Bench::new(StationOptions::default());
    let image = bench.session.published();
    assert!(image.iter().all(|publish| !publish.spontaneous && publish.class == PublishClass::Latest));
    let value = |point| image.iter().find(|publish| publish.point == PointId(point)).map(|publish| publish.value);
    assert_eq!(value(0), Some(Value::Real32(180.0)));
    assert_eq!(value(2), Some(Value::Double(DoublePoint::On)));
    assert_eq!(value(3), Some(Value::Bool(true)));
    assert_eq!(value(4), Some(Value::Bool(false)), "nothing moves it, and it is not unread");
    assert_eq!(image.len(), POINTS.len());
}

#[test]
fn points_that_nothing_models_have_a_first_value_and_change_by_hand() {
    let statics = BTreeMap::from([(".alarm".to_owned(), 1.0), ("U1.p".to_owned(), 3.0)]);
    let mut bench = Bench::new(StationOptions { statics, ..StationOptions::default() });
    let first = |point| bench.session.published().into_iter().find(|publish| publish.point == PointId(point)).map(|publish| publish.value);
    assert_eq!((first(4), first(0)), (Some(Value::Bool(true)), Some(Value::Real32(180.0))), "the plant's own value comes first");
    assert!(bench.station.handle_change("bay.alarm", 0.0, at(10)));
    assert!(!bench.station.handle_change("bay.none", 0.0, at(10)));
    let last = bench.session.published().pop().expect("published");
    assert_eq!((last.point, last.value, last.class), (PointId(4), Value::Bool(false), PublishClass::Event(1)));
    assert_eq!(bench.kinds("bay.alarm"), [EntryKind::Change, EntryKind::Event]);
}

#[test]
fn a_set_point_is_confirmed_executed_echoed_and_terminated() {
    let mut bench = Bench::new(StationOptions::default());
    bench.command(0, Action::Set(210.0), CommandMode::Select, 10);
    bench.command(0, Action::Set(210.0), CommandMode::Execute, 20);
    assert_eq!(bench.session.answers(), [Answer::Confirm, Answer::Confirm]);
    let echo = bench.session.published().into_iter().rev().find(|publish| publish.point == PointId(1)).expect("echo");
    assert_eq!((echo.value, echo.return_info, echo.spontaneous), (Value::Real32(210.0), true, true));
    bench.station.handle_timeout(at(219));
    assert_eq!(bench.session.answers().len(), 2);
    bench.station.handle_timeout(at(220));
    assert_eq!(bench.session.answers(), [Answer::Confirm, Answer::Confirm, Answer::Terminate]);
    assert_eq!(bench.kinds("U1.p_set"), [EntryKind::Select, EntryKind::Execute]);
    let executed = bench.ledger.entries().into_iter().find(|entry| entry.kind == EntryKind::Execute).expect("executed");
    assert_eq!((executed.value, executed.t), (Some(210.0), at(20).utc.0));
}

#[test]
fn what_was_not_selected_and_what_the_plant_refuses_is_answered_no() {
    let mut bench = Bench::new(StationOptions::default());
    bench.command(0, Action::Set(210.0), CommandMode::Select, 10);
    bench.command(0, Action::Set(211.0), CommandMode::Execute, 20);
    bench.command(0, Action::Set(300.0), CommandMode::Select, 30);
    bench.command(0, Action::Set(f64::NAN), CommandMode::Direct, 40);
    bench.station.handle_plant(at(50), |plant, now| plant.handle_remote_switch(0, false, now));
    bench.command(0, Action::Set(210.0), CommandMode::Direct, 60);
    assert_eq!(
        bench.session.answers(),
        [
            Answer::Confirm,
            Answer::Refuse(Refusal::default()),
            Answer::Refuse(Refusal::default()),
            Answer::Refuse(Refusal::default()),
            Answer::Refuse(Refusal::default())
        ]
    );
    assert!(!bench.kinds("U1.p_set").contains(&EntryKind::Execute));
    assert_eq!(bench.kinds("U1.remote"), [EntryKind::Change, EntryKind::Event], "first image, then the switch");
}

#[test]
fn conversions_apply_both_ways() {
    let conversions = BTreeMap::from([("U1.p_set".to_owned(), (0.1, 0.0)), ("U1.p_echo".to_owned(), (0.01, 5.0))]);
    let mut bench = Bench::new(StationOptions { conversions, ..StationOptions::default() });
    bench.command(0, Action::Set(2100.0), CommandMode::Direct, 10);
    let echo = bench.session.published().into_iter().rev().find(|publish| publish.point == PointId(1)).expect("echo");
    assert_eq!(echo.value, Value::Real32(20_500.0), "(210 - 5) / 0.01");
    let executed = bench.ledger.entries().into_iter().find(|entry| entry.kind == EntryKind::Execute).expect("executed");
    assert_eq!(executed.value, Some(2100.0), "the ledger speaks wire units");
}

#[test]
fn r20_events_wait_in_the_buffer_and_leave_in_order_as_they_are_delivered() {
    let mut bench = Bench::new(StationOptions::default());
    let generator = Generator::new(GeneratorKind::Single, vec![PointId(4)], Mono(2_000_000), Duration::from_millis(1), 60_000, 1);
    bench.station = bench.station.with_generator(generator);
    bench.station.handle_timeout(at(70_000));
    let events = |bench: &Bench| {
        let numbered = bench.session.published().into_iter().filter_map(|publish| match publish.class {
            PublishClass::Event(number) => Some((number, publish.time.utc)),
            PublishClass::Past(_) | PublishClass::Latest => None,
        });
        numbered.collect::<Vec<_>>()
    };
    assert_eq!(events(&bench).len() as u64, EVENT_WINDOW);
    assert_eq!(bench.station.backlog(), 60_000);
    for round in 1..=200 {
        bench.session.tell(Event::Delivered(round * 300));
        bench.station.handle_timeout(at(70_000 + round));
    }
    let all = events(&bench);
    assert_eq!(all.len(), 60_000);
    assert!(all.iter().zip(1..).all(|((number, _), expected)| *number == expected));
    assert!(all.windows(2).all(|pair| pair[1].1.0 - pair[0].1.0 == 1_000_000), "original stamps, a millisecond apart");
    assert_eq!(bench.station.backlog(), 0);
    assert_eq!(bench.kinds("bay.alarm").iter().filter(|kind| **kind == EntryKind::Event).count(), 60_000);
}

#[test]
fn the_event_buffer_is_bounded_and_says_what_it_lost() {
    let mut bench = Bench::new(StationOptions::default());
    let count = EVENT_BUFFER as u64 + EVENT_WINDOW + 3;
    let generator = Generator::new(GeneratorKind::Single, vec![PointId(4)], Mono(2_000_000), Duration::from_millis(1), count, 1);
    bench.station = bench.station.with_generator(generator);
    // The window fills first, then the buffer.
    bench.station.handle_timeout(at(600));
    bench.station.handle_timeout(at(2_000_000));
    assert_eq!(bench.station.backlog(), EVENT_BUFFER as u64 + EVENT_WINDOW);
    let notes = bench.ledger.entries().into_iter().filter(|entry| entry.kind == EntryKind::Note).count();
    assert_eq!(notes, 1);
}

#[test]
fn misbehaviours_show_in_the_ledger() {
    let with = |misbehaviour| Bench::new(StationOptions { misbehaviours: vec![misbehaviour], ..StationOptions::default() });
    let executions = |bench: &Bench| {
        let entries = bench.ledger.entries();
        entries.into_iter().filter(|entry| entry.kind == EntryKind::Execute).map(|entry| entry.t).collect::<Vec<_>>()
    };

    let mut late = with(Misbehaviour::ExecuteLate { by: Duration::from_secs(9) });
    late.command(0, Action::Set(210.0), CommandMode::Direct, 10);
    assert_eq!((late.session.answers(), executions(&late)), (vec![Answer::Confirm], vec![]));
    late.station.handle_timeout(at(9_010));
    late.station.handle_timeout(at(9_500));
    assert_eq!(executions(&late), [at(9_010).utc.0]);
    assert_eq!(late.session.answers(), [Answer::Confirm, Answer::Terminate]);

    let mut silent = with(Misbehaviour::SilentAfterExecute);
    silent.command(0, Action::Set(210.0), CommandMode::Direct, 10);
    silent.station.handle_timeout(at(500));
    assert_eq!((silent.session.answers(), executions(&silent).len()), (vec![Answer::Silence], 1));

    let mut twice = with(Misbehaviour::ExecuteTwice);
    twice.command(0, Action::Set(210.0), CommandMode::Direct, 10);
    assert_eq!(executions(&twice).len(), 2);

    let mut omits = with(Misbehaviour::OmitEvent { every: 2 });
    for (ms, remote) in [(10, false), (20, true), (30, false)] {
        omits.station.handle_plant(at(ms), |plant, now| plant.handle_remote_switch(0, remote, now));
    }
    let sent = omits.session.published().into_iter().filter(|publish| publish.point == PointId(3) && publish.spontaneous).count();
    assert_eq!((sent, omits.kinds("U1.remote").len()), (2, 4));
}

//! Our outstation against independent masters.

use std::collections::BTreeSet;

use bridge_model::{Action, CommandMode, Detail, PointId, Quality, Timestamp, Utc, Validity};
use bridge_session::{Event, Publish, PublishClass, Request, Role};
use bridge_sim::{Entry, EntryKind, StampedBy};

use super::dnp3_kit::{Commanded, Monitored, Run, changes, commanded, end, monitored, values};
use crate::support::{Dnp3Peer, Line, PATIENCE, wait_until};

#[test]
fn our_outstation_and_the_yadnp3_master_agree_on_every_type() {
    agree("dnp3_served_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn our_outstation_and_the_py1815_master_agree_on_every_type() {
    agree("dnp3_served_py1815", Dnp3Peer::Py1815);
}

#[test]
fn our_outstation_takes_and_refuses_the_commands_of_the_yadnp3_master() {
    commands("dnp3_commanded_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn our_outstation_takes_and_refuses_the_commands_of_the_py1815_master() {
    commands("dnp3_commanded_py1815", Dnp3Peer::Py1815);
}

#[test]
fn our_outstation_answers_every_function_of_the_yadnp3_master() {
    functions("dnp3_functions_yadnp3", Dnp3Peer::Yadnp3);
}

#[test]
fn our_outstation_answers_every_function_of_the_py1815_master() {
    functions("dnp3_functions_py1815", Dnp3Peer::Py1815);
}

/// Hands values to our outstation as an engine would, and numbers its events.
pub(super) struct Source<'a> {
    line: &'a Line,
    /// The number of the last event.
    pub(super) events: u64,
    stamp: i64,
}

impl<'a> Source<'a> {
    pub(super) fn new(line: &'a Line) -> Self {
        Self { line, events: 0, stamp: 0 }
    }

    /// At most one in each millisecond of the time that an event carries.
    fn stamp(&mut self) -> Timestamp {
        self.stamp = self.line.now().utc.as_millis().max(self.stamp + 1);
        Timestamp::by_device(Utc::from_millis(self.stamp))
    }

    pub(super) fn image(&mut self, number: u32, row: &Monitored, quality: Quality) {
        self.publish(number, row, row.first, quality, PublishClass::Latest);
    }

    pub(super) fn event(&mut self, number: u32, row: &Monitored, value: f64, quality: Quality) -> i64 {
        self.events += 1;
        self.publish(number, row, value, quality, PublishClass::Event(self.events))
    }

    fn publish(&mut self, number: u32, row: &Monitored, value: f64, quality: Quality, class: PublishClass) -> i64 {
        let time = self.stamp();
        let (value, spontaneous) = (row.value(value), class != PublishClass::Latest);
        let publish = Publish { point: PointId(number), value, quality, time, class, spontaneous, return_info: false };
        self.line.request(Request::Publish(vec![publish]));
        time.utc.0
    }

    /// The numbers of the events that were confirmed, each as often as it was told.
    pub(super) fn delivered(&self) -> Vec<u64> {
        let run = |event: Event| if let Event::DeliveredOf(first, last) = event { Some(first..=last) } else { None };
        self.line.events().into_iter().filter_map(run).flatten().collect()
    }

    #[track_caller]
    pub(super) fn assert_all_delivered(&self) {
        let whole = || self.delivered().into_iter().collect::<BTreeSet<u64>>().len() as u64 == self.events;
        wait_until("every event was confirmed", whole);
        assert_eq!(self.delivered().len() as u64, self.events, "each once");
    }
}

/// Our outstation with its first values.
pub(super) fn serving<'a>(run: &Run, line: &'a Line) -> Source<'a> {
    let mut source = Source::new(line);
    for (number, row) in monitored(run.peer, Role::Server) {
        source.image(number, row, Quality::GOOD);
    }
    source
}

fn agree(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Server);
    let line = run.line(Role::Server, &[]);
    let mut source = serving(&run, &line);
    let mut master = run.master("master", &[]);
    let told = |row: &Monitored, cause: &str| -> Option<Entry> {
        run.ledger("master").into_iter().rev().find(|entry| entry.point == row.name() && entry.cause.as_deref() == Some(cause))
    };
    for (_, row) in monitored(peer, Role::Server) {
        wait_until(&format!("{} was read", row.name()), || told(row, "interrogated").is_some());
        let entry = told(row, "interrogated").expect("just seen");
        assert_eq!((entry.value, entry.quality), (Some(row.first), Some(0)), "{}", row.name());
    }
    for (number, row) in monitored(peer, Role::Server) {
        let quality = Quality::GOOD.worsened(Validity::Good, Detail::SUBSTITUTED);
        let stamp = source.event(number, row, row.next, quality);
        wait_until(&format!("{} changed", row.name()), || told(row, "spontaneous").is_some());
        let entry = told(row, "spontaneous").expect("just seen");
        assert_eq!((entry.value, entry.quality), (Some(row.next), Some(quality.to_bits())), "{}", row.name());
        assert_eq!((entry.by, entry.stamp), (Some(StampedBy::Device), Some(stamp)), "{}", row.name());
    }
    assert_qualities(&run, &mut source);

    let (number, row) = monitored(peer, Role::Server)[1];
    let before = changes(&run.ledger("master"), &row.name()).len();
    let mut made = Vec::new();
    for round in 0..300 {
        let value = f64::from(round % 2);
        made.push((value, 0, source.event(number, row, value, Quality::GOOD)));
    }
    wait_until("the whole burst came", || changes(&run.ledger("master"), &row.name()).len() >= before + made.len());
    assert_eq!(changes(&run.ledger("master"), &row.name())[before..], made, "each once, in order, with its time");
    source.assert_all_delivered();

    // Without unsolicited responses the events wait for a poll.
    master.say("unsolicited off");
    quiet(&run, &mut master, "unsolicited");
    let at = changes(&run.ledger("master"), &row.name()).len();
    let stamp = source.event(number, row, 0.0, Quality::GOOD);
    let stamp_after = source.event(number, row, 1.0, Quality::GOOD);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(changes(&run.ledger("master"), &row.name()).len(), at, "nothing comes unasked");
    master.say("class 1 2 3");
    wait_until("the poll brought both", || changes(&run.ledger("master"), &row.name()).len() >= at + 2);
    assert_eq!(changes(&run.ledger("master"), &row.name())[at..], [(0.0, 0, stamp), (1.0, 0, stamp_after)]);
    source.assert_all_delivered();
    end(master);
    drop(line);
    run.dissect();
}

/// Waits for the answer to an order, where the peer says one.
fn quiet(run: &Run, master: &mut crate::support::Process, order: &str) {
    match run.peer {
        // It says nothing of such a request; what follows is queued behind it.
        Dnp3Peer::Yadnp3 => std::thread::sleep(std::time::Duration::from_millis(300)),
        Dnp3Peer::Py1815 | Dnp3Peer::Dnp3py => {
            master.wait_for_line(&format!("ANSWER {order} SUCCESS"), PATIENCE);
        }
    }
}

/// What a quality says arrives, as far as the flags can say it (A9, R19).
#[track_caller]
fn assert_qualities(run: &Run, source: &mut Source<'_>) {
    let (number, row) = monitored(run.peer, Role::Server).into_iter().find(|(_, row)| row.name() == "analog.0").expect("a row");
    let cases = [
        (Quality::GOOD.stale(), Quality::GOOD.stale().to_bits()),
        (
            Quality::GOOD.worsened(Validity::Invalid, Detail::BAD_REFERENCE),
            Quality::GOOD.worsened(Validity::Invalid, Detail::BAD_REFERENCE).to_bits(),
        ),
        (
            Quality::GOOD.worsened(Validity::Questionable, Detail::OVERFLOW),
            Quality::GOOD.worsened(Validity::Questionable, Detail::OVERFLOW.with(Detail::OUT_OF_RANGE)).to_bits(),
        ),
        (Quality::GOOD, 0),
    ];
    for (value, (quality, seen)) in (1..).zip(cases) {
        let before = changes(&run.ledger("master"), &row.name()).len();
        source.event(number, row, f64::from(value), quality);
        wait_until(&format!("{quality:?} came"), || changes(&run.ledger("master"), &row.name()).len() > before);
        let told = changes(&run.ledger("master"), &row.name()).pop().expect("just seen");
        assert_eq!((told.0, told.1), (f64::from(value), seen), "{quality:?}");
    }
}

fn commands(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Server);
    let line = run.line(Role::Server, &[]);
    let _source = serving(&run, &line);
    let mut master = run.master("master", &[]);
    let taken = |number: u32| -> Vec<(Action, CommandMode)> {
        line.commands().into_iter().filter(|command| command.point == PointId(number)).map(|c| (c.action, c.mode)).collect()
    };
    for (number, row) in commanded() {
        master.say(&format!("set {} {}", row.name(), row.value));
        let answer = master.wait_for_line(&format!("ANSWER {}", row.name()), PATIENCE);
        assert!(answer.ends_with(" SUCCESS"), "{answer}: {:?}", line.events());
        assert_eq!(taken(number), wanted(row), "{}", row.name());
    }
    line.refuse(true);
    for (number, row) in commanded() {
        let before = taken(number).len();
        master.say(&format!("set {} {}", row.name(), row.value));
        let answer = master.wait_for_line(&format!("ANSWER {}", row.name()), PATIENCE);
        assert!(answer.ends_with(" NOT_AUTHORIZED"), "{answer}: {:?}", line.events());
        assert_eq!(taken(number).len(), before + 1, "{}: a refused select is not operated", row.name());
    }
    end(master);
    let told = run.ledger("master");
    for (_, row) in commanded() {
        assert_eq!(values(&told, EntryKind::Confirmed, &row.name()), [row.value], "{}", row.name());
        assert_eq!(values(&told, EntryKind::Settled, &row.name()).len(), 2, "{}", row.name());
    }
    drop(line);
    run.dissect();
}

/// What our outstation is to be asked for a row: once, or selected and then executed.
fn wanted(row: &Commanded) -> Vec<(Action, CommandMode)> {
    let modes: &[CommandMode] = if row.select { &[CommandMode::Select, CommandMode::Execute] } else { &[CommandMode::Direct] };
    modes.iter().map(|mode| (row.action(), *mode)).collect()
}

fn functions(test: &str, peer: Dnp3Peer) {
    let run = Run::new(test, peer, Role::Server);
    let allow = [("clock", "master"), ("allow", "clock_sync,counter_freeze,reset"), ("restart_delay", "500ms")];
    let line = run.line(Role::Server, &allow);
    let _source = serving(&run, &line);
    let mut master = run.master("master", &[]);
    // NEED_TIME was answered by the master's own procedure.
    let synchronised = match peer {
        Dnp3Peer::Yadnp3 => "LAN_TIME_SYNC SUCCESS",
        Dnp3Peer::Py1815 | Dnp3Peer::Dnp3py => "write_time SUCCESS",
    };
    let noted = |text: &str| run.ledger("master").iter().filter(|entry| entry.text.as_deref() == Some(text)).count();
    wait_until("the clock was set", || noted(synchronised) > 0);

    let read = |name: &str| values(&run.ledger("master"), EntryKind::Change, name).len();
    for (order, name) in
        [("read analog 0 1", "analog.1"), ("read counter", "counter.0"), ("read binary", "binary.1"), ("integrity", "analog_output.0")]
    {
        let before = read(name);
        master.say(order);
        wait_until(order, || read(name) > before);
    }
    master.say("freeze");
    master.say("read frozen_counter");
    wait_until("the frozen counter was read", || read("frozen_counter.0") > 0);
    assert_eq!(values(&run.ledger("master"), EntryKind::Change, "frozen_counter.0").last(), Some(&123_456.0));
    let link = |text: &str| {
        run.ledger("master").iter().filter(|entry| entry.kind == EntryKind::Link && entry.text.as_deref() == Some(text)).count()
    };
    let opened = link("started");
    master.say("restart");
    let answer = master.wait_for_line("ANSWER restart", PATIENCE);
    assert!(answer.contains("SUCCESS"), "{answer}: {:?}", line.events());
    wait_until("the master came back after the restart", || link("started") > opened);
    let cleared = if peer == Dnp3Peer::Yadnp3 { "CLEAR_RESTART SUCCESS" } else { "clear_restart SUCCESS" };
    wait_until("the restart was seen and cleared", || noted(cleared) > 1);
    end(master);
    drop(line);
    run.dissect();
}

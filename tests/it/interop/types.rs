//! Every type and every function that an independent peer has, on a real socket: our sessions without bridges above them, and the peers
//! with each other. Every row is played in every test: what our adapter says of itself is not asked.

use std::path::PathBuf;
use std::time::Duration;

use bridge_iec60870::{Controlled, Iec104, Params, SelectPolicy};
use bridge_model::{
    Action, Cause, Command, CommandId, CommandMode, Detail, DoublePoint, Now, Outcome, PointId, PointUpdate, Quality, TimeOrigin,
    Timestamp, Utc, Validity, Value, Zone,
};
use bridge_session::{
    AddressUse, CounterFreeze, Event, Field, Fields, Housekeeping, HousekeepingOutcome, LinkPoint, LinkSpec, Protocol as _, Publish,
    PublishClass, Request, Role,
};
use bridge_sim::{Entry, EntryKind, StampedBy};
use serde_json::json;

use super::select_and_execute;
use crate::support::{Capture, Line, PATIENCE, Peer, Process, dissect, free_port, ledger, scratch, wait_until};

const CA: u16 = 21;
/// Where values and commands begin.
const VALUES: u32 = 100;
const COMMANDS: u32 = 500;

/// A monitored type: its first value and the one it changes to.
struct Monitored {
    ti: &'static str,
    first: f64,
    next: f64,
}

/// A command type: what is set, as the peers' ledgers show it, and what that is for us.
struct Commanded {
    ti: &'static str,
    value: f64,
    action: Action,
}

const fn shows(ti: &'static str, first: f64, next: f64) -> Monitored {
    Monitored { ti, first, next }
}

const fn sets(ti: &'static str, value: f64) -> Commanded {
    Commanded { ti, value, action: Action::Set(value) }
}

const fn switches(ti: &'static str, on: bool) -> Commanded {
    Commanded { ti, value: if on { 1.0 } else { 0.0 }, action: Action::Switch(on) }
}

const MONITORED: &[Monitored] = &[
    shows("M_SP_NA_1", 1.0, 0.0),
    shows("M_DP_NA_1", 1.0, 2.0),
    shows("M_ST_NA_1", -13.0, 14.0),
    shows("M_BO_NA_1", 43_605.0, 2_147_610_639.0),
    shows("M_ME_NA_1", 0.5, -0.25),
    shows("M_ME_NB_1", -1234.0, 4321.0),
    shows("M_ME_NC_1", 243.5, -0.125),
    shows("M_IT_NA_1", 123_456.0, 123_457.0),
    shows("M_SP_TB_1", 0.0, 1.0),
    shows("M_DP_TB_1", 2.0, 1.0),
    shows("M_ST_TB_1", 63.0, -64.0),
    shows("M_BO_TB_1", 1.0, 4_294_967_295.0),
    shows("M_ME_TD_1", -0.5, 0.75),
    shows("M_ME_TE_1", 32_767.0, -32_768.0),
    shows("M_ME_TF_1", 50.0625, 49.9375),
    shows("M_IT_TB_1", 7.0, 8.0),
];

const COMMANDED: &[Commanded] = &[
    switches("C_SC_NA_1", true),
    switches("C_DC_NA_1", true),
    switches("C_RC_NA_1", true),
    sets("C_SE_NA_1", 0.5),
    sets("C_SE_NB_1", -1234.0),
    sets("C_SE_NC_1", 210.5),
    sets("C_BO_NA_1", 2_147_610_639.0),
    switches("C_SC_TA_1", false),
    switches("C_DC_TA_1", false),
    switches("C_RC_TA_1", false),
    sets("C_SE_TA_1", -0.25),
    sets("C_SE_TB_1", 4321.0),
    sets("C_SE_TC_1", -0.125),
    sets("C_BO_TA_1", 43_605.0),
];

impl Monitored {
    fn is_total(&self) -> bool {
        self.ti.starts_with("M_IT")
    }

    fn is_stamped(&self) -> bool {
        self.ti.as_bytes().get(5) == Some(&b'T')
    }

    fn value(&self, number: f64) -> Value {
        #[expect(clippy::cast_possible_truncation, reason = "the table's numbers are whole where the type's are")]
        match self.ti.get(..6).unwrap_or_default() {
            "M_SP_N" | "M_SP_T" => Value::Bool(number == 1.0),
            "M_DP_N" | "M_DP_T" => Value::Double(DoublePoint::from_bits(number as u8)),
            "M_ME_N" | "M_ME_T" if !self.ti.ends_with("NB_1") && !self.ti.ends_with("TE_1") => Value::Real(number),
            _ => Value::Int(number as i64),
        }
    }
}

impl Commanded {
    /// A bit string has no select (7.3.2.7).
    fn may_select(&self) -> bool {
        !self.ti.starts_with("C_BO")
    }
}

/// Equal; a normalised value within one step of 2^-15, because `c104` scales it otherwise than the standard.
fn same(ti: &str, one: f64, other: f64) -> bool {
    let step =
        if ["M_ME_NA", "M_ME_TD", "C_SE_NA", "C_SE_TA"].iter().any(|normalised| ti.starts_with(normalised)) { 1.0 / 32_768.0 } else { 0.0 };
    (one - other).abs() <= step * 1.001
}

fn fields(ti: &str, ioa: u32) -> Fields {
    Fields::from([("ioa".to_owned(), Field::Int(i64::from(ioa))), ("ti".to_owned(), Field::Text(ti.to_owned()))])
}

fn params() -> Fields {
    Fields::from([("ca".to_owned(), Field::Int(i64::from(CA))), ("command_timeout".to_owned(), Field::Text("5s".to_owned()))])
}

/// The rows of the table, each with its number.
fn monitored() -> Vec<(u32, &'static Monitored)> {
    (0..).zip(MONITORED).collect()
}

/// Each command type twice: direct and, where there is one, selected first.
fn commanded() -> Vec<(u32, &'static Commanded, bool)> {
    let both = (0..).step_by(2).zip(COMMANDED).flat_map(|(number, row)| [(number, row, false), (number + 1, row, true)]);
    both.filter(|(_, row, select)| !select || row.may_select()).collect()
}

/// Those that an EMS is made to give: `c104` now and then misses the confirmation of a select and is patient about it, so it selects two
/// types only.
fn ordered(ems: Peer) -> Vec<(u32, &'static Commanded, bool)> {
    let selects = |row: &Commanded| ems == Peer::Iec104 || ["C_SC_NA_1", "C_SE_NC_1"].contains(&row.ti);
    commanded().into_iter().filter(|(_, row, select)| !select || selects(row)).collect()
}

/// Whether a read was answered: with the value, or with the station's word that it knows no such thing.
fn is_read(ledger: &[Entry], ti: &str) -> bool {
    let requested = |entry: &Entry| entry.point == ti && entry.cause.as_deref() == Some("requested");
    let refused = |entry: &Entry| entry.text.as_deref() == Some("read UNKNOWN_TYPE_ID NEGATIVE");
    ledger.iter().any(|entry| requested(entry) || refused(entry))
}

/// The number of a type's row.
fn number_of(ti: &str) -> u32 {
    (0..).zip(MONITORED).find(|(_, row)| row.ti == ti).map(|(number, _)| number).expect("a row")
}

/// An EMS's order to read the value of a type.
fn read_order(ti: &str) -> String {
    format!("read {}", VALUES + number_of(ti))
}

fn name(ti: &str, select: bool) -> String {
    format!("{ti}{}", if select { ".select" } else { "" })
}

fn spec(role: Role) -> LinkSpec {
    let values = monitored().into_iter().map(|(number, row)| {
        let mut address = fields(row.ti, VALUES + number);
        if role == Role::Server {
            address.insert("groups".to_owned(), Field::Int(if row.is_total() { 2 } else { 5 }));
        }
        (number, AddressUse::Monitor, address)
    });
    let mut params = params();
    if role == Role::Client {
        params.insert("allow".to_owned(), Field::Text("clock_sync".to_owned()));
    }
    let orders = commanded().into_iter().map(|(number, row, _)| (number, AddressUse::Control, fields(row.ti, COMMANDS + number)));
    let points = values.chain(orders).map(|(number, usage, address)| LinkPoint { point: PointId(number), usage, address });
    LinkSpec {
        name: "types".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params,
        points: points.collect(),
        max_unacked: 1000,
        fresh_link_ms: 2000,
    }
}

/// One run's folder, port, point list and capture.
struct Run {
    folder: PathBuf,
    port: u16,
    points: PathBuf,
    capture: Capture,
}

impl Run {
    fn new(test: &str) -> Self {
        let (folder, port) = (scratch(test), free_port());
        let values = monitored().into_iter().map(|(number, row)| {
            let group = if row.is_total() { 2 } else { 5 };
            json!({ "ioa": VALUES + number, "ti": row.ti, "name": row.ti, "value": row.first, "group": group })
        });
        let orders = commanded()
            .into_iter()
            .map(|(number, row, select)| json!({ "ioa": COMMANDS + number, "ti": row.ti, "name": name(row.ti, select), "select": select }));
        let points = folder.join("points.json");
        let list: Vec<serde_json::Value> = values.chain(orders).collect();
        std::fs::write(&points, serde_json::Value::from(list).to_string()).expect("writable");
        let capture = Capture::start(port, &folder.join("link.pcapng"));
        Self { folder, port, points, capture }
    }

    fn station(&self, peer: Peer) -> Process {
        let station = peer.station(&self.points, (self.port, CA), &self.folder.join("station.jsonl"), &[]);
        station.wait_for_line("READY", PATIENCE);
        station
    }

    fn ems(&self, peer: Peer) -> Process {
        let ems = peer.ems(&self.points, (self.port, CA), &self.folder.join("ems.jsonl"));
        ems.wait_for_line("ANSWER interrogation ACTIVATION_TERMINATION", PATIENCE);
        ems
    }

    fn ledger(&self, of: &str) -> Vec<Entry> {
        ledger(&self.folder.join(format!("{of}.jsonl")))
    }

    /// The dissector's word on everything that went over the line.
    #[track_caller]
    fn dissect(self) {
        let whole = dissect(&self.capture.stop(), self.port);
        assert!(whole.clean, "{}", whole.text);
    }
}

fn end(mut process: Process) {
    assert!(process.finish(PATIENCE).success(), "{}", process.standard_error());
}

/// Whether the value was told in a time tag, as an entry or an update shows it.
#[track_caller]
fn assert_stamp(ti: &str, stamped: bool, by_device: bool, stamp_ns: i64, now_ns: i64) {
    assert_eq!(by_device, stamped, "{ti}");
    assert!((now_ns - stamp_ns).abs() < 60_000_000_000, "{ti}: stamped {} s ago", (now_ns - stamp_ns) / 1_000_000_000);
}

// --- our controlling station ------------------------------------------------------------------------------------------------------------

#[test]
fn our_controlling_station_and_the_c104_station_agree_on_every_type() {
    our_controlling("types_controlling_c104", Peer::C104);
}

#[test]
fn our_controlling_station_and_the_iec104_station_agree_on_every_type() {
    our_controlling("types_controlling_iec104", Peer::Iec104);
}

fn our_controlling(test: &str, peer: Peer) {
    let run = Run::new(test);
    let mut station = run.station(peer);
    let line = Line::new(Iec104.session(&spec(Role::Client)), Role::Client, run.port);
    wait_until("the interrogation ended", || line.events().contains(&Event::InterrogationEnded));
    let of = |number: u32, cause: Cause| -> Vec<PointUpdate> {
        line.updates().into_iter().filter(|update| update.point == PointId(number) && update.cause == cause).collect()
    };
    for (number, row) in monitored().into_iter().filter(|(_, row)| !row.is_total()) {
        let told = of(number, Cause::Interrogated);
        let value = told.last().map(|update| update.value.as_f64());
        assert!(value.is_some_and(|value| same(row.ti, value, row.first)), "{}: {value:?} {:?}", row.ti, line.events());
        assert_eq!(told.last().map(|update| update.quality.validity), Some(Validity::Good), "{}", row.ti);
    }
    for (number, row) in monitored() {
        let quality = if row.is_total() { "" } else { " NT+SB" };
        station.say(&format!("set {} {}{quality}", row.ti, row.next));
        wait_until(&format!("{} changed", row.ti), || {
            of(number, Cause::Spontaneous).iter().any(|u| same(row.ti, u.value.as_f64(), row.next))
        });
        let told = of(number, Cause::Spontaneous).pop().expect("just seen");
        // Totals have no such bits; `c104` sends bit strings without them, whatever it was told.
        let silent = row.is_total() || peer == Peer::C104 && row.ti.starts_with("M_BO");
        let expected = if silent { Detail(0) } else { Detail::OLD_DATA.with(Detail::SUBSTITUTED) };
        assert_eq!(told.quality.detail, expected, "{}", row.ti);
        assert_stamp(row.ti, row.is_stamped(), told.time.origin == TimeOrigin::Device, told.time.utc.0, line.now().utc.0);
    }
    for (number, (what, answered)) in (1..).zip(functions()) {
        line.request(Request::Housekeep { id: number, wish: what, not_after: line.now().mono + Duration::from_secs(10) });
        let outcome = || {
            let done = |event| if let Event::Housekept { id, outcome } = event { Some((id, outcome)) } else { None };
            line.events().into_iter().filter_map(done).find(|(id, _)| *id == number).map(|(_, outcome)| outcome)
        };
        wait_until(&format!("{what} ended"), || outcome().is_some());
        let outcome = outcome().expect("just seen");
        let lawful = matches!(outcome, HousekeepingOutcome::Done(_)) || !answered.contains(&peer);
        assert!(lawful, "{what}: {outcome} {:?}", line.events());
    }
    let read = of(number_of("M_ME_NC_1"), Cause::Requested);
    assert!(read.last().is_some_and(|update| same("M_ME_NC_1", update.value.as_f64(), -0.125)), "{read:?}");
    for (number, row) in monitored().into_iter().filter(|(_, row)| row.is_total()) {
        let mut counted = line.updates().into_iter().filter(|update| update.point == PointId(number) && update.cause != Cause::Spontaneous);
        assert_eq!(counted.next_back().map(|update| update.value.as_f64()), Some(row.next), "{}", row.ti);
    }
    for (number, row, select) in commanded() {
        let mode = if select { CommandMode::SelectExecute } else { CommandMode::Direct };
        let command = command(&line, number, row, mode);
        line.request(Request::Command(command));
        let settled = || {
            let done = |event| if let Event::Settled { command: done, outcome, .. } = event { Some((done.id, outcome)) } else { None };
            line.events().into_iter().filter_map(done).find(|(id, _)| *id == command.id).map(|(_, outcome)| outcome)
        };
        wait_until(&format!("{} settled", name(row.ti, select)), || settled().is_some());
        assert_eq!(settled(), Some(Outcome::Completed), "{}: {:?}", name(row.ti, select), line.events());
    }
    drop(line);
    end(station);
    let made = run.ledger("station");
    for (_, row, select) in commanded() {
        assert_executed(&made, row, select);
        assert_eq!(values(&made, EntryKind::Select, &name(row.ti, select)).len().min(1), usize::from(select), "{}", name(row.ti, select));
    }
    run.dissect();
}

/// What a controlling station asks for beside the interrogation, and who must do it; the other peer has its own mind.
fn functions() -> [(Housekeeping, &'static [Peer]); 5] {
    const BOTH: &[Peer] = &[Peer::C104, Peer::Iec104];
    [
        (Housekeeping::Counters { group: None, freeze: CounterFreeze::Read }, BOTH),
        (Housekeeping::Read(PointId(number_of("M_ME_NC_1"))), BOTH),
        (Housekeeping::SynchroniseClock, BOTH),
        (Housekeeping::ReadGroup(5), &[Peer::Iec104]),
        (Housekeeping::Test, &[Peer::Iec104]),
    ]
}

fn command(line: &Line, number: u32, row: &Commanded, mode: CommandMode) -> Command {
    let (now, life) = (line.now(), Duration::from_secs(5));
    let not_after = Now { mono: now.mono + life, utc: now.utc + life };
    Command { id: CommandId(u128::from(number) + 1), point: PointId(number), action: row.action, mode, qualifier: 0, not_after }
}

fn values(ledger: &[Entry], kind: EntryKind, point: &str) -> Vec<f64> {
    ledger.iter().filter(|entry| entry.kind == kind && entry.point == point).filter_map(|entry| entry.value).collect()
}

#[track_caller]
fn assert_executed(made: &[Entry], row: &Commanded, select: bool) {
    let executed = values(made, EntryKind::Execute, &name(row.ti, select));
    assert!(matches!(executed.as_slice(), [value] if same(row.ti, *value, row.value)), "{}: {executed:?}", name(row.ti, select));
}

// --- our controlled station -------------------------------------------------------------------------------------------------------------

#[test]
fn our_controlled_station_and_the_c104_ems_agree_on_every_type() {
    our_controlled("types_controlled_c104", Peer::C104);
}

#[test]
fn our_controlled_station_and_the_iec104_ems_agree_on_every_type() {
    our_controlled("types_controlled_iec104", Peer::Iec104);
}

fn our_controlled(test: &str, peer: Peer) {
    let run = Run::new(test);
    let spec = spec(Role::Server);
    let params = Params { select: SelectPolicy::Either, ..Params::from_fields(&spec.params) };
    let line = Line::new(Box::new(Controlled::with_params(&spec, params)), Role::Server, run.port);
    let publish = |number: u32, row: &Monitored, value: f64, quality: Quality, spontaneous: bool| {
        let time = Timestamp::by_device(Utc::from_millis(line.now().utc.as_millis()));
        let class = if spontaneous { PublishClass::Event(u64::from(number) + 1) } else { PublishClass::Latest };
        let value = row.value(value);
        let publish = Publish { point: PointId(number), value, quality, time, class, spontaneous, return_info: false };
        line.request(Request::Publish(vec![publish]));
    };
    for (number, row) in monitored() {
        publish(number, row, row.first, Quality::GOOD, false);
    }
    let mut ems = run.ems(peer);
    let told = |row: &Monitored, cause: &str| -> Option<Entry> {
        run.ledger("ems").into_iter().rev().find(|entry| entry.point == row.ti && entry.cause.as_deref() == Some(cause))
    };
    // One of the libraries passes over an interrogated value whose point it knows with a time tag.
    let interrogated = |row: &Monitored| !row.is_total() && (peer == Peer::Iec104 || !row.is_stamped());
    for (_, row) in monitored().into_iter().filter(|(_, row)| interrogated(row)) {
        wait_until(&format!("{} was interrogated", row.ti), || told(row, "interrogated").is_some());
        let entry = told(row, "interrogated").expect("just seen");
        assert!(entry.value.is_some_and(|value| same(row.ti, value, row.first)) && entry.quality == Some(0), "{}: {entry:?}", row.ti);
    }
    for (number, row) in monitored() {
        let quality = Quality::GOOD.worsened(Validity::Good, Detail::SUBSTITUTED);
        let quality = if row.is_total() { Quality::GOOD } else { quality.worsened(Validity::Questionable, Detail::OPERATOR_BLOCKED) };
        publish(number, row, row.next, quality, true);
        wait_until(&format!("{} changed", row.ti), || told(row, "spontaneous").is_some());
        let entry = told(row, "spontaneous").expect("just seen");
        assert!(entry.value.is_some_and(|value| same(row.ti, value, row.next)), "{}: {entry:?}", row.ti);
        assert_eq!(entry.quality, Some(quality.to_bits()), "{}", row.ti);
        let stamp = entry.stamp.expect("every value has one");
        assert_stamp(row.ti, row.is_stamped(), entry.by == Some(StampedBy::Device), stamp, line.now().utc.0);
    }
    for (number, row, select) in ordered(peer) {
        let (ioa, control) = (COMMANDS + number, name(row.ti, select));
        if select {
            select_and_execute(&mut ems, &format!("set {ioa} {} select", row.value), &control);
        } else {
            ems.say(&format!("set {ioa} {} direct", row.value));
            let answer = ems.wait_for_line(&format!("ANSWER {control} ACTIVATION_CON"), PATIENCE);
            assert!(answer.ends_with("ACTIVATION_CON"), "{answer}");
        }
        let taken: Vec<(Action, CommandMode)> =
            line.commands().into_iter().filter(|command| command.point == PointId(number)).map(|c| (c.action, c.mode)).collect();
        let executed: Vec<_> = taken.iter().filter(|(_, mode)| *mode != CommandMode::Select).collect();
        let mode = if select { CommandMode::Execute } else { CommandMode::Direct };
        let [(action, found)] = executed.as_slice() else { panic!("{control}: {taken:?}") };
        let meant = match (action, row.action) {
            (Action::Set(one), Action::Set(other)) => same(row.ti, *one, other),
            (action, wanted) => *action == wanted,
        };
        assert!(meant && *found == mode, "{control}: {taken:?}");
        assert_eq!(taken.iter().any(|(_, mode)| *mode == CommandMode::Select), select, "{control}");
    }
    // What is not served is answered, by the standard's own words, and the connection stays.
    for (order, what, cause) in FUNCTIONS {
        ems.say(order);
        let answer = ems.wait_for_line(&format!("ANSWER {what} "), PATIENCE);
        assert!(cause.iter().any(|lawful| answer.ends_with(lawful)), "{order}: {answer}");
        if ["ci", "gi 25"].contains(order) && answer.ends_with("ACTIVATION_CON") {
            ems.wait_for_line(&format!("ANSWER {what} ACTIVATION_TERMINATION"), PATIENCE);
        }
    }
    ems.say(&read_order("M_ME_NC_1"));
    wait_until("the read was answered", || is_read(&run.ledger("ems"), "M_ME_NC_1"));
    ems.say("gi");
    ems.wait_for_line("ANSWER interrogation ACTIVATION_TERMINATION", PATIENCE);
    end(ems);
    drop(line);
    run.dissect();
}

/// Functions that an EMS asks for, by their order, the word of their answer, and its lawful ends: served, or refused.
const FUNCTIONS: &[(&str, &str, &[&str])] = &[
    ("ci", "counters", &["ACTIVATION_CON", "UNKNOWN_TYPE_ID NEGATIVE", "ACTIVATION_CON NEGATIVE"]),
    ("gi 25", "interrogation", &["ACTIVATION_CON", "ACTIVATION_CON NEGATIVE"]),
    ("clock", "clock", &["ACTIVATION_CON NEGATIVE", "ACTIVATION_CON"]),
    ("test", "test", &["ACTIVATION_CON"]),
];

// --- the peers with each other ----------------------------------------------------------------------------------------------------------

#[test]
fn the_c104_station_and_the_iec104_ems_agree_on_every_type() {
    peers("types_c104_iec104", Peer::C104, Peer::Iec104);
}

#[test]
fn the_iec104_station_and_the_c104_ems_agree_on_every_type() {
    peers("types_iec104_c104", Peer::Iec104, Peer::C104);
}

/// The whole table, without us: what the rows say is what two independent stacks say.
fn peers(test: &str, of_station: Peer, of_ems: Peer) {
    let run = Run::new(test);
    let mut station = run.station(of_station);
    let mut ems = run.ems(of_ems);
    let told = |ti: &str| -> Vec<f64> {
        let seen = run.ledger("ems").into_iter().filter(|entry| entry.point == ti && entry.cause.as_deref() == Some("spontaneous"));
        seen.filter_map(|entry| entry.value).collect()
    };
    ems.say("ci");
    ems.wait_for_line("ANSWER counters ACTIVATION_TERMINATION", PATIENCE);
    for (_, row) in monitored() {
        station.say(&format!("set {} {}", row.ti, row.next));
        wait_until(&format!("{} changed", row.ti), || told(row.ti).iter().any(|value| same(row.ti, *value, row.next)));
    }
    for (number, row, select) in ordered(of_ems) {
        let (ioa, control) = (COMMANDS + number, name(row.ti, select));
        if select {
            select_and_execute(&mut ems, &format!("set {ioa} {} select", row.value), &control);
        } else {
            ems.say(&format!("set {ioa} {} direct", row.value));
            ems.wait_for_line(&format!("ANSWER {control} ACTIVATION_CON"), PATIENCE);
        }
    }
    for (order, what) in [("clock", "clock"), ("test", "test")] {
        ems.say(order);
        ems.wait_for_line(&format!("ANSWER {what} ACTIVATION_CON"), PATIENCE);
    }
    ems.say(&read_order("M_ME_NC_1"));
    wait_until("the read was answered", || is_read(&run.ledger("ems"), "M_ME_NC_1"));
    if of_station == Peer::Iec104 {
        ems.say("gi 25");
        ems.wait_for_line("ANSWER interrogation ACTIVATION_TERMINATION", PATIENCE);
    }
    end(ems);
    end(station);
    let made = run.ledger("station");
    for (_, row, select) in ordered(of_ems) {
        assert_executed(&made, row, select);
    }
    run.dissect();
}

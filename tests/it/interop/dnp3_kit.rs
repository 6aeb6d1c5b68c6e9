//! What the DNP3 interop tests share: one table of points and controls, run on a real socket with an independent peer and a capture.

use std::path::PathBuf;
use std::time::Duration;

use bridge_model::{Action, Command, CommandId, CommandMode, DoublePoint, Now, Outcome, PointId, Value, Zone};
use bridge_session::{
    AddressUse, Event, Field, Fields, Housekeeping, HousekeepingOutcome, LinkPoint, LinkSpec, Protocol as _, Request, Role, Session,
};
use bridge_sim::{Entry, EntryKind};
use serde_json::json;

use crate::support::{Capture, Dnp3Peer, Line, PATIENCE, Process, dissect_dnp3, free_port, ledger, scratch, wait_until};

/// The outstation's link address; the master's is 1.
pub(super) const OUTSTATION: u16 = 10;

/// A monitored point: its first value and the one it changes to. Analogues are whole: two of the peers have no other.
pub(super) struct Monitored {
    pub(super) of: &'static str,
    pub(super) index: u16,
    pub(super) first: f64,
    pub(super) next: f64,
}

const fn shows(of: &'static str, index: u16, first: f64, next: f64) -> Monitored {
    Monitored { of, index, first, next }
}

const MONITORED: &[Monitored] = &[
    shows("binary", 0, 0.0, 1.0),
    shows("binary", 1, 1.0, 0.0),
    shows("double", 0, 1.0, 2.0),
    shows("double", 1, 2.0, 0.0),
    shows("binary_output", 0, 0.0, 1.0),
    shows("counter", 0, 123_456.0, 123_457.0),
    shows("counter", 1, 4_294_967_294.0, 4_294_967_295.0),
    shows("frozen_counter", 0, 7.0, 123_457.0),
    shows("analog", 0, 180.0, -190.0),
    shows("analog", 1, -2_147_483_648.0, 2_147_483_647.0),
    shows("analog_output", 0, 150.0, -151.0),
];

impl Monitored {
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.of, self.index)
    }

    pub(super) fn value(&self, number: f64) -> Value {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the table's numbers are whole")]
        match self.of {
            "binary" | "binary_output" => Value::Bool(number == 1.0),
            "double" => Value::Double(DoublePoint::from_bits(number as u8)),
            "analog" | "analog_output" => Value::Real(number),
            _ => Value::Int(number as i64),
        }
    }
}

/// A control: what is asked of it, as the peers' ledgers show it, and the status that answers.
pub(super) struct Commanded {
    pub(super) of: &'static str,
    pub(super) index: u16,
    /// `model` of a relay, `variation` of an analogue output.
    how: &'static str,
    pub(super) select: bool,
    pub(super) value: f64,
    pub(super) status: u8,
}

const fn asks(of: &'static str, index: u16, how: &'static str, select: bool, value: f64, status: u8) -> Commanded {
    Commanded { of, index, how, select, value, status }
}

const RELAY: &str = "binary_command";
const SETPOINT: &str = "analog_command";
/// The control status of what is outside its limits.
const OUT_OF_RANGE: u8 = 12;
/// The point list's limit of the last two set-points.
const LIMIT: f64 = 100.0;

const COMMANDED: &[Commanded] = &[
    asks(RELAY, 0, "latch", false, 1.0, 0),
    asks(RELAY, 1, "latch", true, 0.0, 0),
    asks(RELAY, 2, "trip_close", true, 1.0, 0),
    asks(RELAY, 3, "trip_close", false, 0.0, 0),
    asks(RELAY, 4, "pulse", false, 1.0, 0),
    asks(SETPOINT, 0, "3", false, 42.5, 0),
    asks(SETPOINT, 1, "3", true, -0.125, 0),
    asks(SETPOINT, 2, "1", false, -70_000.0, 0),
    asks(SETPOINT, 3, "2", true, -1_234.0, 0),
    asks(SETPOINT, 4, "4", true, 243.6, 0),
    asks(SETPOINT, 5, "3", false, 100.5, OUT_OF_RANGE),
    asks(SETPOINT, 6, "3", true, 100.5, OUT_OF_RANGE),
];

impl Commanded {
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.of, self.index)
    }

    pub(super) fn action(&self) -> Action {
        if self.of == RELAY { Action::Switch(self.value == 1.0) } else { Action::Set(self.value) }
    }

    fn is_limited(&self) -> bool {
        self.status == OUT_OF_RANGE
    }

    fn address(&self) -> Fields {
        let of = if self.of == RELAY { "binary_output" } else { "analog_output" };
        let mut address = fields(of, self.index);
        match self.how.parse() {
            Ok(variation) => address.insert("variation".to_owned(), Field::Int(variation)),
            Err(_) => address.insert("model".to_owned(), Field::Text(self.how.to_owned())),
        };
        address
    }
}

/// The rows of the table that a peer has in a role, each with its number.
pub(super) fn monitored(peer: Dnp3Peer, role: Role) -> Vec<(u32, &'static Monitored)> {
    let has = |of: &str| match (peer, role) {
        (Dnp3Peer::Yadnp3, _) => true,
        (Dnp3Peer::Dnp3py, _) => of != "double",
        // As an outstation it has no outputs to read; as a master it reads no further than a double-bit input.
        (Dnp3Peer::Py1815, Role::Client) => !["double", "binary_output", "analog_output"].contains(&of),
        (Dnp3Peer::Py1815, Role::Server) => of != "double",
    };
    // A frozen counter is nothing that we serve.
    (0..).zip(MONITORED).filter(|(_, row)| has(row.of) && (role == Role::Client || row.of != "frozen_counter")).collect()
}

/// The controls, each with its number.
pub(super) fn commanded() -> Vec<(u32, &'static Commanded)> {
    (100..).zip(COMMANDED).collect()
}

fn fields(of: &str, index: u16) -> Fields {
    Fields::from([("type".to_owned(), Field::Text(of.to_owned())), ("index".to_owned(), Field::Int(i64::from(index)))])
}

/// The parameters of our link: the outstation's address, and more.
fn params(more: &[(&str, &str)]) -> Fields {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), Field::Text((*value).to_owned())));
    [("outstation".to_owned(), Field::Int(i64::from(OUTSTATION)))].into_iter().chain(more).collect()
}

/// Our side of the link, in its own role.
pub(super) fn spec(peer: Dnp3Peer, role: Role, more: &[(&str, &str)]) -> LinkSpec {
    let values = monitored(peer, role).into_iter().map(|(number, row)| {
        let mut address = fields(row.of, row.index);
        if role == Role::Server && row.of.starts_with("analog") {
            let (fixed, event) = if row.of == "analog" { ("g30v1", "g32v3") } else { ("g40v1", "g42v3") };
            address.insert("static".to_owned(), Field::Text(fixed.to_owned()));
            address.insert("event".to_owned(), Field::Text(event.to_owned()));
        }
        LinkPoint { point: PointId(number), usage: AddressUse::Monitor, address }
    });
    let orders = commanded().into_iter().map(|(number, row)| LinkPoint {
        point: PointId(number),
        usage: AddressUse::Control,
        address: row.address(),
    });
    let spec = LinkSpec {
        name: "dnp3".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params: params(more),
        points: values.chain(orders).collect(),
        max_unacked: 1000,
        fresh_link_ms: 2000,
    };
    assert_eq!(bridge_dnp3::Dnp3.check_link(role, &spec.params), []);
    spec
}

/// One run's folder, port, point list and capture.
pub(super) struct Run {
    pub(super) peer: Dnp3Peer,
    pub(super) folder: PathBuf,
    pub(super) port: u16,
    pub(super) points: PathBuf,
    capture: Capture,
}

impl Run {
    /// `role` is ours: the list has what the peer can show in the other.
    pub(super) fn new(test: &str, peer: Dnp3Peer, role: Role) -> Self {
        let (folder, port) = (scratch(test), free_port());
        let values = monitored(peer, role)
            .into_iter()
            .map(|(_, row)| json!({ "type": row.of, "index": row.index, "name": row.name(), "value": row.first }));
        let orders = commanded().into_iter().map(|(_, row)| {
            let mut order = json!({ "type": row.of, "index": row.index, "name": row.name(), "select": row.select });
            if let Ok(variation) = row.how.parse::<u8>() {
                order["variation"] = variation.into();
            } else {
                order["model"] = row.how.into();
            }
            if row.is_limited() {
                order["max"] = LIMIT.into();
            }
            order
        });
        let points = folder.join("points.json");
        let list: Vec<serde_json::Value> = values.chain(orders).collect();
        std::fs::write(&points, serde_json::Value::from(list).to_string()).expect("writable");
        let capture = Capture::start(port, &folder.join("link.pcapng"));
        Self { peer, folder, port, points, capture }
    }

    /// The peer's outstation, listening.
    pub(super) fn outstation(&self, more: &[&str]) -> Process {
        let outstation = self.peer.outstation(&self.points, self.port, &self.folder.join("outstation.jsonl"), more);
        outstation.wait_for_line("READY", PATIENCE);
        outstation
    }

    /// The peer's master, after its start-up. `book` names its ledger.
    pub(super) fn master(&self, book: &str, more: &[&str]) -> Process {
        let master = self.peer.master(&self.points, self.port, &self.folder.join(format!("{book}.jsonl")), more);
        master.wait_for_line(self.peer.started(), PATIENCE);
        master
    }

    /// Our session in a role.
    pub(super) fn session(&self, role: Role, more: &[(&str, &str)]) -> Box<dyn Session> {
        bridge_dnp3::Dnp3.session(&spec(self.peer, role, more))
    }

    pub(super) fn line(&self, role: Role, more: &[(&str, &str)]) -> Line {
        Line::new(self.session(role, more), role, self.port)
    }

    /// Our master, after its first integrity poll.
    pub(super) fn our_master(&self, more: &[(&str, &str)]) -> Line {
        let line = self.line(Role::Client, more);
        wait_until("the integrity poll ended", || line.events().contains(&Event::InterrogationEnded));
        line
    }

    pub(super) fn ledger(&self, of: &str) -> Vec<Entry> {
        ledger(&self.folder.join(format!("{of}.jsonl")))
    }

    /// The dissector's word on everything that went over the line.
    #[track_caller]
    pub(super) fn dissect(self) {
        let intervals_from = (self.peer == Dnp3Peer::Yadnp3).then_some(OUTSTATION);
        let whole = dissect_dnp3(&self.capture.stop(), self.port, intervals_from);
        assert!(whole.clean, "{}", whole.text);
    }
}

pub(super) fn end(mut process: Process) {
    assert!(process.finish(PATIENCE).success(), "{}", process.standard_error());
}

/// Orders one thing of our master and waits for its end.
#[track_caller]
pub(super) fn housekeep(line: &Line, id: u64, wish: Housekeeping) -> HousekeepingOutcome {
    let what = format!("{wish}");
    line.request(Request::Housekeep { id, wish, not_after: line.now().mono + Duration::from_secs(10) });
    let outcome = || {
        let done = |event| if let Event::Housekept { id, outcome } = event { Some((id, outcome)) } else { None };
        line.events().into_iter().filter_map(done).find(|(ended, _)| *ended == id).map(|(_, outcome)| outcome)
    };
    wait_until(&format!("{what} ended"), || outcome().is_some());
    outcome().expect("just seen")
}

/// Gives one command and waits for its end.
#[track_caller]
pub(super) fn operate(line: &Line, number: u32, row: &Commanded) -> Outcome {
    let (now, life) = (line.now(), Duration::from_secs(5));
    let not_after = Now { mono: now.mono + life, utc: now.utc + life };
    let mode = if row.select { CommandMode::SelectExecute } else { CommandMode::Direct };
    let command =
        Command { id: CommandId(u128::from(number)), point: PointId(number), action: row.action(), mode, qualifier: 0, not_after };
    line.request(Request::Command(command));
    let settled = || {
        let done = |event| if let Event::Settled { command: done, outcome, .. } = event { Some((done.id, outcome)) } else { None };
        line.events().into_iter().filter_map(done).find(|(id, _)| *id == command.id).map(|(_, outcome)| outcome)
    };
    wait_until(&format!("{} settled", row.name()), || settled().is_some());
    settled().expect("just seen")
}

/// The values of one kind and point in a ledger, in order.
pub(super) fn values(ledger: &[Entry], kind: EntryKind, point: &str) -> Vec<f64> {
    ledger.iter().filter(|entry| entry.kind == kind && entry.point == point).filter_map(|entry| entry.value).collect()
}

/// Events as they were made: value, quality and time of a point's changes.
pub(super) fn changes(ledger: &[Entry], point: &str) -> Vec<(f64, u16, i64)> {
    let spontaneous = ledger.iter().filter(|entry| entry.point == point && entry.cause.as_deref() == Some("spontaneous"));
    spontaneous.filter_map(|entry| Some((entry.value?, entry.quality?, entry.stamp?))).collect()
}

/// The row of a name, with its number.
pub(super) fn row_of(peer: Dnp3Peer, role: Role, name: &str) -> (u32, &'static Monitored) {
    monitored(peer, role).into_iter().find(|(_, row)| row.name() == name).expect("a row")
}

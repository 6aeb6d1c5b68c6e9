//! The plan: what a profile compiles to. Flat arrays with dense numbers; nothing in it is text that must be parsed again.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::{DoublePoint, LinkId, PointId, Value};
use bridge_session::{Housekeeping, LinkSpec, Role};

use crate::calc::Calculation;
use crate::cap::{Capping, Companion};
use crate::testcase::TestCase;

/// A compiled profile.
///
/// Numbers: a [`LinkId`] indexes [`Plan::links`]. On a client link's [`LinkSpec`], `Monitor` points index [`Plan::points`] and `Control`
/// points index [`Plan::controls`]; on a server link's, `Monitor` points index [`Plan::served`] and `Control` points
/// [`Plan::controls`].
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The profile's id: `in.wr.tps-a`.
    pub id: String,
    /// Its version.
    pub version: String,
    /// SHA-256 over every file it was read from, names and bytes.
    pub hash: [u8; 32],
    /// The resources of `[era]`, in the order of their keys after expansion.
    pub resources: Vec<Resource>,
    /// The northbound parties of `[peer]`, in the order of their names.
    pub peers: Vec<Peer>,
    /// The links, in the order of their names.
    pub links: Vec<PlannedLink>,
    /// Everything that is read: link points, remote points and calculated points.
    pub points: Vec<PlannedPoint>,
    /// How calculated points follow from others, each after those that it uses.
    pub calculations: Vec<Calculation>,
    /// Everything that is commanded.
    pub controls: Vec<Control>,
    /// Everything that is served to an EMS.
    pub served: Vec<Served>,
    /// The embedded tests.
    pub tests: Vec<TestCase>,
}

/// One resource and its address in the IES.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resource {
    /// The profile's key: `U1`.
    pub key: String,
    /// The IES address, opaque: `era:in/wr/tps-a/u1`.
    pub era: String,
    /// The CIM class: `ThermalGeneratingUnit`.
    pub class: String,
    /// The CIM master resource identifier.
    pub mrid: Option<String>,
    /// A name for people.
    pub name: Option<String>,
}

/// One northbound party, by the name that `bridge.toml` knows it under.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The name: `genco`.
    pub name: String,
    /// A text for people.
    pub text: Option<String>,
}

/// What is kept of a received frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capture {
    /// The octets.
    Bytes,
    /// Their hash only: declared lossy.
    Hash,
}

/// What a link does when the journal cannot be written (R23).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JournalFailure {
    /// Stop acknowledging.
    Hold,
    /// Acknowledge no event, and read static values on, unsealed: of links whose acknowledgement makes the station forget.
    Statics,
    /// Live values go on, marked unsealed.
    Pass,
}

/// One link with what the engine must know beside the session.
#[derive(Clone, PartialEq, Debug)]
pub struct PlannedLink {
    /// For the session.
    pub spec: LinkSpec,
    /// The adapter's name: `iec104`.
    pub protocol: String,
    /// A value not refreshed for this long is stale (R19).
    pub stale_after: Duration,
    /// A value stale for this long is INVALID (R19).
    pub invalid_after: Duration,
    /// What is kept of a frame.
    pub capture: Capture,
    /// What to do on a full disk.
    pub on_journal_failure: JournalFailure,
    /// How often to interrogate.
    pub integrity_every: Option<Duration>,
    /// Events that wait for the peer of a serving link before the oldest is dropped, visibly; `None`: the configuration's own limit.
    pub event_queue: Option<u64>,
    /// What is asked of the station by the clock (R22): `counters_every`, `clock_every`, `test_every`.
    pub housekeeping: Vec<(Housekeeping, Duration)>,
    /// How far a device's stamp may lie before an interrogated, untagged value of the same point and still count as newer (R20). An
    /// upper bound: the transit time actually observed on the link is used when it is smaller.
    pub clock_tolerance: Duration,
}

/// Where a point comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PointSource {
    /// A client link.
    Link(LinkId),
    /// A peer's stream.
    Remote {
        /// The party's name in [`Plan::peers`].
        peer: String,
        /// The IES address of the resource.
        era: String,
        /// The measurement type; phases are in [`PlannedPoint::phases`].
        measurement: String,
    },
    /// It follows from other points: see [`Plan::calculations`].
    Calculated,
}

/// On which side of the auxiliaries an active power is measured (R17).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Basis {
    /// Ex-bus: net of auxiliary consumption.
    ExBus,
    /// At the generator terminals.
    Gross,
}

impl Basis {
    /// As in profiles and on the wire: `EX_BUS`, `GROSS`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExBus => "EX_BUS",
            Self::Gross => "GROSS",
        }
    }
}

/// From wire to engineering units, with unit and sign in it: `eng = wire × factor + offset`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conversion {
    /// Never zero, never infinite.
    pub factor: f64,
    /// In engineering units.
    pub offset: f64,
}

impl Conversion {
    /// Nothing to do.
    pub const IDENTITY: Self = Self { factor: 1.0, offset: 0.0 };

    /// To engineering units.
    #[must_use]
    pub fn to_eng(self, wire: f64) -> f64 {
        wire * self.factor + self.offset
    }

    /// To wire units.
    #[must_use]
    pub fn to_wire(self, eng: f64) -> f64 {
        (eng - self.offset) / self.factor
    }

    /// Whether it changes nothing.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "exactly one and exactly zero are what the compiler writes when nothing is configured")]
    pub fn is_identity(self) -> bool {
        self.factor == 1.0 && self.offset == 0.0
    }
}

/// The class of a stream (one stream = link, resource, class).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StreamClass {
    /// Measurands: may be conflated under load.
    Telemetry,
    /// Status, SOE, alarms: never dropped.
    Event,
}

/// The verbs a point takes part in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verbs(pub u8);

impl Verbs {
    /// Live values.
    pub const STREAM: Self = Self(1);
    /// Periodic reports and deviation.
    pub const REPORT: Self = Self(2);
    /// Alarm and clear.
    pub const ALARM: Self = Self(4);
    /// The sequence-of-events log.
    pub const LOG: Self = Self(8);

    /// Whether every verb of `other` is in.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One point that is read.
#[derive(Clone, PartialEq, Debug)]
pub struct PlannedPoint {
    /// Its id: `U1.p`.
    pub id: String,
    /// Where it comes from.
    pub source: PointSource,
    /// Index into [`Plan::resources`].
    pub resource: u16,
    /// The measurement type: `ThreePhaseActivePower`. With resource and phases it names the point to a peer.
    pub measurement: String,
    /// The CIM class: `Analog`, `Discrete`, `Accumulator`.
    pub cim_class: String,
    /// The CIM phases, if not all.
    pub phases: Option<String>,
    /// The unit delivered: `MW`. States have none.
    pub unit: Option<String>,
    /// Mandatory on active power (R17).
    pub basis: Option<Basis>,
    /// From the wire.
    pub conversion: Conversion,
    /// Outside, the value is QUESTIONABLE and OUT_OF_RANGE. Engineering units.
    pub range: Option<(f64, f64)>,
    /// Changes up to this many engineering units are withheld; zero is off.
    pub deadband: f64,
    /// The class of its stream.
    pub class: StreamClass,
    /// The verbs.
    pub verbs: Verbs,
    /// Analogue limits, in the order written.
    pub limits: Vec<Limit>,
    /// A state that is an alarm.
    pub alarm: Option<StateAlarm>,
    /// Names of state codes.
    pub alias: BTreeMap<i64, String>,
    /// How long a double-point may be between its ends before that is told (R18).
    pub transit: Option<Duration>,
    /// A text for people.
    pub text: Option<String>,
}

/// The side of a limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// Raised above.
    High,
    /// Raised below.
    Low,
}

/// How bad an alarm is (IES alarm `severity`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// To know.
    Info,
    /// To watch.
    Warning,
    /// To act.
    Critical,
}

impl Severity {
    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }
}

/// What an alarm is about (IES alarm `limitType`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LimitKind {
    /// Loading.
    Thermal,
    /// Voltage.
    Voltage,
    /// Stability.
    Stability,
    /// Frequency.
    Frequency,
    /// The device itself: trips, protection, plant limits.
    Device,
    /// Communication.
    Comms,
}

impl LimitKind {
    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Thermal => "THERMAL",
            Self::Voltage => "VOLTAGE",
            Self::Stability => "STABILITY",
            Self::Frequency => "FREQUENCY",
            Self::Device => "DEVICE",
            Self::Comms => "COMMS",
        }
    }
}

/// One analogue limit, in engineering units.
#[derive(Clone, PartialEq, Debug)]
pub struct Limit {
    /// Its name: `HH`.
    pub name: String,
    /// High or low.
    pub side: Side,
    /// Raised when the value passes this.
    pub value: f64,
    /// Cleared when the value is back by this much.
    pub hysteresis: f64,
    /// Raised only after the value stayed beyond for this long.
    pub delay: Duration,
    /// How bad.
    pub severity: Severity,
    /// What it is about.
    pub kind: LimitKind,
}

/// A state that is an alarm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateAlarm {
    /// The state code that raises it (single-point 0/1, double-point 0–3).
    pub when: i64,
    /// How bad.
    pub severity: Severity,
    /// What it is about.
    pub kind: LimitKind,
    /// The words.
    pub text: Option<String>,
    /// Stays raised until reset by a person.
    pub latch: bool,
}

/// How a control is selected (R4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SelectMode {
    /// Sent directly.
    None,
    /// The bridge selects on the wire itself.
    Bridge,
    /// The issuer's SELECT is passed on.
    Relay,
    /// From the 61850 control model.
    Scl,
}

/// One control.
#[derive(Clone, PartialEq, Debug)]
pub struct Control {
    /// Its id: `U1.p_set`.
    pub id: String,
    /// The link it is sent on (drive) or received on (relay).
    pub link: LinkId,
    /// Index into [`Plan::resources`].
    pub resource: u16,
    /// The IES verb: `dispatch`.
    pub verb: String,
    /// The measurement type of the set-point.
    pub measurement: String,
    /// The engineering unit.
    pub unit: String,
    /// Mandatory on active power (R17).
    pub basis: Option<Basis>,
    /// `wire = (eng − offset) / factor`.
    pub conversion: Conversion,
    /// How it is selected.
    pub select: SelectMode,
    /// Protocol qualifier (104 QOC.QU or QOS.QL).
    pub qualifier: u8,
    /// Ours to drive or to relay.
    pub kind: ControlKind,
}

/// What a control leads to.
#[derive(Clone, PartialEq, Debug)]
pub enum ControlKind {
    /// Client link: we drive the plant.
    Drive(Drive),
    /// Server link: an EMS commands us and we relay to a peer party.
    Relay(Relay),
    /// Client link, verb `start` or `stop`: a person at the plant is told, nothing is ever written (R8). It has no address.
    Instruct(Instruct),
    /// Server link, verb `start`, `stop` or `curtail`: a person here asks a peer party. It has no address.
    Ask(Ask),
    /// Client link: a further address that another control writes (R7).
    Companion(Companion),
}

/// What a person at the plant is asked to do, and how it is seen that it was done (R8).
#[derive(Clone, PartialEq, Debug)]
pub struct Instruct {
    /// What must hold, GOOD and fresh, for the instruction to make sense.
    pub requires: Vec<Require>,
    /// The state that proves it.
    pub reached: Reached,
    /// An operation older than this is refused.
    pub max_age: Duration,
    /// The roles that may instruct (R28).
    pub authority: Vec<String>,
    /// How long a person may take to answer.
    pub accept_within: Duration,
    /// How long an accepted instruction may take to be reported done, before it is OVERDUE; none: as long as it takes.
    pub done_within: Option<Duration>,
}

/// A state that a unit is to reach.
#[derive(Clone, PartialEq, Debug)]
pub struct Reached {
    /// Point, value and words.
    pub state: Require,
    /// How soon after it was reported done.
    pub within: Duration,
    /// For how long it must stay.
    pub dwell: Duration,
}

/// A control through which people here instruct people there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// The party that is asked, in [`Plan::peers`].
    pub peer: String,
}

/// The envelope and the feedback of a driven control. Values in engineering units.
#[derive(Clone, PartialEq, Debug)]
pub struct Drive {
    /// The lowest target.
    pub min: f64,
    /// The highest target.
    pub max: f64,
    /// The ramp.
    pub ramp: Option<Ramp>,
    /// What must hold, GOOD and fresh, before every send.
    pub requires: Vec<Require>,
    /// The set-point echo (R11).
    pub taken: Taken,
    /// The plant followed (R11).
    pub followed: Followed,
    /// An operation older than this is refused.
    pub max_age: Duration,
    /// What happens when the programme's life ends.
    pub on_lapse: Lapse,
    /// The roles that may command (R28).
    pub authority: Vec<String>,
    /// Controls with the same word are mutually exclusive; by default the resource key.
    pub exclusive: String,
    /// Who executes (R8).
    pub execution: Execution,
    /// How long an operator may take to accept; mandatory unless automatic.
    pub accept_within: Option<Duration>,
    /// How long an accepted instruction of `operator` may take to be reported done, before it is OVERDUE.
    pub done_within: Option<Duration>,
    /// The live plant-side remote-enable point; mandatory unless `operator`.
    pub remote_enable: Option<PointId>,
    /// The largest distance between where a ramp starts and what is measured.
    pub bump_limit: f64,
    /// Of verb `curtail`: the target is a cap (R6, R7).
    pub cap: Option<Capping>,
    /// Of verb `reconfigure`: a switch, 0 open and 1 closed. `taken` and `followed` are its position, which [`switch_position`] reads.
    pub switches: bool,
}

/// How a switch stands that a value tells: 1 closed, 0 open, of a double point ON and OFF; `None` in between, and for what is no position.
#[must_use]
pub fn switch_position(value: Value) -> Option<f64> {
    match value {
        Value::Bool(closed) => Some(f64::from(u8::from(closed))),
        Value::Double(DoublePoint::On) => Some(1.0),
        Value::Double(DoublePoint::Off) => Some(0.0),
        Value::Double(DoublePoint::Intermediate | DoublePoint::Bad) => None,
        Value::Int(_) | Value::Real32(_) | Value::Real(_) => Some(value.as_f64()).filter(|code| *code == 0.0 || *code == 1.0),
    }
}

/// A ramp.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ramp {
    /// Upwards, in the control's unit per minute.
    pub up: f64,
    /// Downwards, in the control's unit per minute; positive.
    pub down: f64,
    /// Who ramps.
    pub by: RampBy,
    /// One step's period, if the bridge ramps.
    pub step: Duration,
}

/// Who ramps: two ramps in series are a classic fault, so it is always stated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RampBy {
    /// The plant: the target is sent once.
    Plant,
    /// The bridge: steps are sent.
    Bridge,
}

/// One precondition.
#[derive(Clone, PartialEq, Debug)]
pub struct Require {
    /// The point.
    pub point: PointId,
    /// The value it must have.
    pub equals: f64,
    /// As written: `U1.remote == 1`.
    pub text: String,
}

/// The plant took the set-point: its echo equals the target.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Taken {
    /// The echo.
    pub point: PointId,
    /// How near.
    pub tolerance: f64,
    /// How soon.
    pub within: Duration,
}

/// The plant followed: the measurement stays in the band.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Followed {
    /// The measurement.
    pub point: PointId,
    /// The half band.
    pub tolerance: f64,
    /// How soon after the ramp should have ended.
    pub within: Duration,
    /// For how long it must stay.
    pub dwell: Duration,
    /// Anything below the target is in the band too: of a cap.
    pub at_most: bool,
}

impl Followed {
    /// Whether a measured value is where the target wants it.
    #[must_use]
    pub fn is_met(&self, measured: f64, target: f64) -> bool {
        let above = measured - target;
        above <= self.tolerance && (self.at_most || -above <= self.tolerance)
    }
}

/// What happens when a programme's life ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lapse {
    /// Stay at the last confirmed set-point.
    Hold,
    /// Nothing more is sent, nothing is held.
    Drop,
    /// Release, ramped (R7).
    Release,
}

/// Who executes (R8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Execution {
    /// A person; nothing is written.
    Operator,
    /// A person accepts, then the bridge writes.
    Released,
    /// The bridge writes.
    Automatic,
}

/// A control reached from an EMS.
#[derive(Clone, PartialEq, Debug)]
pub struct Relay {
    /// The party that is commanded, in [`Plan::peers`].
    pub peer: String,
    /// The timing the EMS was promised (R15).
    pub ems: EmsTiming,
    /// Mandatory on every human-issued command (R8).
    pub instruction_code: String,
    /// Mandatory on every human-issued command (R8).
    pub operator_ref: String,
    /// The ramp asked for, in the control's unit per minute.
    pub ramp: Option<f64>,
    /// How long the far side's operator may take; below [`EmsTiming::execute_con`].
    pub accept_within: Option<Duration>,
    /// Of verb `reconfigure`: the switch's position as it is seen here. An EMS that switches does so from there (R9).
    pub position: Option<PointId>,
    /// What must hold at the plant so that the control may be used; else its link tells local control (DNP3: IIN1.5). The far bridge decides.
    pub enabled_by: Vec<Require>,
}

/// The timing contract with an EMS (R15).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EmsTiming {
    /// SELECT → ACT CON.
    pub select_con: Duration,
    /// EXECUTE → ACT CON.
    pub execute_con: Duration,
    /// ACT CON → ACT TERM.
    pub term: Duration,
}

/// One value served to an EMS.
#[derive(Clone, PartialEq, Debug)]
pub struct Served {
    /// Its id; the source's id unless stated.
    pub id: String,
    /// The server link.
    pub link: LinkId,
    /// What is served.
    pub source: ServedSource,
    /// `wire = (eng − offset) / factor`.
    pub conversion: Conversion,
    /// Queue or latest-only (R16).
    pub class: ServedClass,
    /// In which of the link's event queues its events wait.
    pub queue: u8,
    /// Spontaneous only beyond this change, in engineering units; zero is off.
    pub deadband: f64,
    /// A text for people.
    pub text: Option<String>,
}

/// What a served point shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServedSource {
    /// A point of this plan.
    Point(PointId),
    /// The progress of a control (R15).
    Status {
        /// Index into [`Plan::controls`].
        control: usize,
        /// Which number.
        what: StatusKind,
    },
    /// Whether the named peer or link is up: 1 up, 0 down.
    LinkState(String),
    /// Whether events towards the peer of this serving link were lost to its queue's depth: 1 until the queue has drained.
    QueueOverflow(String),
}

/// One number of a control's progress.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StatusKind {
    /// The programme's state code.
    State,
    /// The reason code of the last refusal or end.
    Reason,
    /// The target, in engineering units.
    Target,
    /// Seconds left.
    TimeLeft,
    /// 1 while an outcome is not known (R3).
    Uncertain,
}

/// How a served value competes (R16).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServedClass {
    /// Queued until acknowledged.
    Event,
    /// A newer value replaces an unsent one.
    Latest,
}

impl Plan {
    /// A control's target in wire units.
    #[must_use]
    pub fn to_wire(&self, control: &Control, eng: f64) -> f64 {
        control.conversion.to_wire(eng)
    }

    /// A served value in wire units.
    #[must_use]
    pub fn to_wire_served(&self, served: &Served, eng: f64) -> f64 {
        served.conversion.to_wire(eng)
    }

    /// The point with this id.
    #[must_use]
    pub fn point(&self, id: &str) -> Option<PointId> {
        self.points.iter().position(|point| point.id == id).and_then(|index| u32::try_from(index).ok()).map(PointId)
    }

    /// The control with this id.
    #[must_use]
    pub fn control(&self, id: &str) -> Option<PointId> {
        self.controls.iter().position(|control| control.id == id).and_then(|index| u32::try_from(index).ok()).map(PointId)
    }

    /// Whether values are read on a link: every client link, and a server link of both directions.
    #[must_use]
    pub fn reads(&self, link: LinkId) -> bool {
        let is_client = self.links.get(link.index()).is_some_and(|planned| planned.spec.role == Role::Client);
        is_client || self.points.iter().any(|point| point.source == PointSource::Link(link))
    }

    /// The link with this name.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<LinkId> {
        self.links.iter().position(|link| link.spec.name == name).and_then(|index| u16::try_from(index).ok()).map(LinkId)
    }

    /// The resource of a point.
    #[must_use]
    pub fn resource_of(&self, point: &PlannedPoint) -> Option<&Resource> {
        self.resources.get(usize::from(point.resource))
    }

    /// The links of the far side, in the order of [`Plan::links`]: role flipped, same numbers and addresses. A client link gives the
    /// station that answers it, a server link the EMS that polls it.
    #[must_use]
    pub fn reversed(&self) -> Vec<LinkSpec> {
        self.links
            .iter()
            .map(|link| LinkSpec {
                role: match link.spec.role {
                    Role::Client => Role::Server,
                    Role::Server => Role::Client,
                },
                monitor_only: false,
                ..link.spec.clone()
            })
            .collect()
    }
}

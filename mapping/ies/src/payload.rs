//! The payload of each verb.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::{
    AckStage, AckStatus, AlarmStatus, CurtailPayload, InterlockResult, LimitType, OriginKind, PowerBasis, QualityObject, Quantity,
    ReconfigurePayload, Severity, Side, Span, StartType, TimeQuality, TimeSource, Timestamp, Unit, UnitState, Verb, json::MAX_SAFE_INTEGER,
};

/// The payload of a GridOperation, one variant per verb.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum Payload {
    /// Telemetry and events.
    Stream(StreamPayload),
    /// An alarm that came.
    Alarm(AlarmPayload),
    /// An alarm that went.
    Clear(AlarmPayload),
    /// Set-points.
    Dispatch(DispatchPayload),
    /// A cap, or its release.
    Curtail(CurtailPayload),
    /// A unit to the grid.
    Start(UnitPayload),
    /// A unit from the grid.
    Stop(UnitPayload),
    /// Switches to be opened or closed.
    Reconfigure(ReconfigurePayload),
    /// The staged answer to a command.
    Acknowledge(AcknowledgePayload),
    /// Actual values over a period.
    Report(ReportPayload),
    /// A sequence of events.
    Log(LogPayload),
    /// A statement of the bridge about itself.
    Attest(AttestPayload),
}

impl Payload {
    /// The verb that this payload belongs to.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Stream(_) => Verb::Stream,
            Self::Alarm(_) => Verb::Alarm,
            Self::Clear(_) => Verb::Clear,
            Self::Dispatch(_) => Verb::Dispatch,
            Self::Curtail(_) => Verb::Curtail,
            Self::Start(_) => Verb::Start,
            Self::Stop(_) => Verb::Stop,
            Self::Reconfigure(_) => Verb::Reconfigure,
            Self::Acknowledge(_) => Verb::Acknowledge,
            Self::Report(_) => Verb::Report,
            Self::Log(_) => Verb::Log,
            Self::Attest(_) => Verb::Attest,
        }
    }

    pub(crate) fn read(verb: Verb, value: Value) -> Result<Self, serde_json::Error> {
        Ok(match verb {
            Verb::Stream => Self::Stream(serde_json::from_value(value)?),
            Verb::Alarm => Self::Alarm(serde_json::from_value(value)?),
            Verb::Clear => Self::Clear(serde_json::from_value(value)?),
            Verb::Dispatch => Self::Dispatch(serde_json::from_value(value)?),
            Verb::Curtail => Self::Curtail(serde_json::from_value(value)?),
            Verb::Start => Self::Start(serde_json::from_value(value)?),
            Verb::Stop => Self::Stop(serde_json::from_value(value)?),
            Verb::Reconfigure => Self::Reconfigure(serde_json::from_value(value)?),
            Verb::Acknowledge => Self::Acknowledge(serde_json::from_value(value)?),
            Verb::Report => Self::Report(serde_json::from_value(value)?),
            Verb::Log => Self::Log(serde_json::from_value(value)?),
            Verb::Attest => Self::Attest(serde_json::from_value(value)?),
        })
    }
}

/// `dispatch`: where a resource shall go.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DispatchPayload {
    /// At least one set-point, one per quantity.
    pub setpoints: Vec<Setpoint>,
    /// The end of the programme's life (R1); absent: until superseded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<Timestamp>,
}

/// One set-point. Generation and injection positive.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setpoint {
    /// What is set.
    pub quantity: Quantity,
    /// The target, in `unit`; finite.
    pub value: f64,
    /// The unit of `value`, `deadband` and `limits`.
    pub unit: Unit,
    /// Whether `value` is a change rather than a target (R12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<bool>,
    /// How fast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampRate>,
    /// Tolerance around the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadband: Option<f64>,
    /// The issuer's own limits: the receiver's envelope stands beside them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// How long to stay at the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_for: Option<Span>,
    /// Where the power is measured; mandatory for ACTIVE_POWER (R17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_basis: Option<PowerBasis>,
    /// The value from which a relative set-point counts; mandatory then (R12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_base: Option<f64>,
}

/// A ramp rate.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct RampRate {
    /// The rate, above zero.
    pub value: f64,
    /// Its unit.
    pub unit: RampUnit,
}

/// The unit of a ramp rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RampUnit {
    /// Megawatt per minute.
    #[serde(rename = "MW/min")]
    MwPerMin,
}

/// A closed range.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
}

/// `start` and `stop`: a person at the plant brings a unit to the grid or takes it off (R8).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitPayload {
    /// ON for `start`, OFF for `stop`.
    pub state: UnitState,
    /// When the unit should be there; absent: as soon as it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_at: Option<Timestamp>,
    /// How long it is to run at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_up_time: Option<Span>,
    /// How long it is to stay off at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_down_time: Option<Span>,
    /// How it is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_type: Option<StartType>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// `acknowledge`: what became of a command, stage by stage.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcknowledgePayload {
    /// The operationId of the command.
    pub ack_of: String,
    /// The stage.
    pub stage: AckStage,
    /// The status at that stage.
    pub status: AckStatus,
    /// When it was reached.
    pub at: Timestamp,
    /// `sha-256=<base64>` of the command's canonical form: the answer is bound to exactly that request.
    pub request_digest: String,
    /// Why, mandatory for every status that is not a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The preconditions that were looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interlocks: Vec<Interlock>,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readback: Vec<Readback>,
    /// For SUPERSEDED: by what and by whom (R6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<SupersededBy>,
}

/// A code and a text for people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// Upper-case word; the list is open.
    pub code: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// One precondition and its result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Interlock {
    /// Its name.
    pub id: String,
    /// Whether it was met.
    pub result: InterlockResult,
}

/// A measured value beside an acknowledgement.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Readback {
    /// What was measured.
    pub quantity: Quantity,
    /// The value, in `unit`.
    pub value: Number,
    /// Its unit.
    pub unit: Unit,
    /// Where the power is measured; mandatory for ACTIVE_POWER (R17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_basis: Option<PowerBasis>,
    /// Its quality.
    pub quality: QualityObject,
    /// When it was true.
    pub t: Timestamp,
}

/// Who displaced a command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupersededBy {
    /// The newer operation.
    pub operation_id: String,
    /// Its issuer.
    pub party_id: String,
}

/// `alarm` and `clear`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmPayload {
    /// Stable identity of the alarm: the clear repeats it.
    pub alarm_id: String,
    /// Whether it stands.
    pub status: AlarmStatus,
    /// How bad.
    pub severity: Severity,
    /// What kind of limit.
    pub limit_type: LimitType,
    /// The name of the limit or alarm in the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The measurement it is about, as in a descriptor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurement: Option<String>,
    /// What was measured; absent for a state alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// The violated limit; absent for a state alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<AlarmLimit>,
    /// When it came.
    pub raised_at: Timestamp,
    /// When it went; mandatory for `clear`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Timestamp>,
    /// Whether an operator acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked: Option<bool>,
    /// The quality of the value that raised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityObject>,
}

/// A value with its unit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The value.
    pub value: Number,
    /// Its unit, as in the profile.
    pub unit: String,
    /// Where the power is measured; mandatory when the unit is MW or kW (R17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_basis: Option<PowerBasis>,
}

/// A limit with its side.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AlarmLimit {
    /// The limit.
    pub value: Number,
    /// Its unit, as in the profile.
    pub unit: String,
    /// Which side was violated.
    pub side: Side,
}

/// A start and a length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IntervalPeriod {
    /// The start.
    pub start: Timestamp,
    /// The length.
    pub duration: Span,
}

/// `report`: actual values, deviations, and what became of commands in the period.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportPayload {
    /// The period reported on.
    pub period: IntervalPeriod,
    /// The values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<TimeSeries>,
    /// What the deviation is measured against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// The meters or points the values come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meter_refs: Vec<String>,
    /// How many commands ended in the period, by final status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub operations: BTreeMap<AckStatus, u64>,
}

/// The schedule or command that a report compares with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Against {
    /// Its operationId.
    pub schedule_operation_id: String,
    /// Its revision label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// A BecknTimeSeries: OpenADR 3.1 intervals.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeSeries {
    /// Always `TimeSeries`.
    #[serde(rename = "@type")]
    pub type_name: String,
    /// The first interval; the others follow without gaps.
    pub interval_period: IntervalPeriod,
    /// The columns.
    pub payload_descriptors: Vec<PayloadDescriptor>,
    /// The rows, id 0, 1, 2 …
    pub intervals: Vec<Interval>,
}

/// One column of a series.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayloadDescriptor {
    /// `REPORT_PAYLOAD_DESCRIPTOR` or `EVENT_PAYLOAD_DESCRIPTOR`.
    pub object_type: String,
    /// The column's name: ACTUAL_INJECTION, DEVIATION …
    pub payload_type: String,
    /// The unit: MW, MWH, PERCENT …
    pub units: String,
    /// Where the power is measured; mandatory when the unit is MW or KW (R17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_basis: Option<PowerBasis>,
    /// MEAN, DIRECT_READ, PEAK …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading_type: Option<String>,
}

/// One row of a series.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Interval {
    /// 0, 1, 2 … without gaps.
    pub id: u32,
    /// The cells.
    pub payloads: Vec<IntervalPayload>,
}

/// One cell of a row.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct IntervalPayload {
    /// The column.
    #[serde(rename = "type")]
    pub payload_type: String,
    /// Its values.
    pub values: Vec<Number>,
}

/// `log`: a sequence of events with the stations' own stamps.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LogPayload {
    /// The events, in order.
    pub entries: Vec<LogEntry>,
}

/// One event of a log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Position in the log.
    pub seq: u64,
    /// When, as the source stamped it.
    pub t: Timestamp,
    /// What is known about that stamp.
    pub time_quality: TimeQuality,
    /// The resource.
    pub element: String,
    /// The signal, as in a descriptor.
    pub signal: String,
    /// The state before; absent if not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The state after.
    pub to: String,
    /// Why it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Who caused a logged change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// Which kind.
    pub kind: OriginKind,
}

/// `attest`: one of three statements, told apart by the operation's noun.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttestPayload {
    /// Noun TELEMETRY_QUALITY.
    Telemetry(TelemetryAttest),
    /// Noun FIRMWARE.
    Firmware(FirmwareAttest),
    /// Noun SETTINGS.
    Settings(SettingsAttest),
}

/// How good the telemetry of a window was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TelemetryAttest {
    /// The window.
    pub window: IntervalPeriod,
    /// The share of points that were GOOD, time-weighted.
    pub availability: Availability,
    /// Source to journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// How many points.
    pub points: PointCounts,
    /// What the clock follows.
    pub time_sync: TimeSync,
    /// Produced, received, journaled, sent, acknowledged, dropped by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
}

/// A percentage.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Availability {
    /// 0 to 100.
    pub value: Number,
    /// Always PERCENT.
    pub unit: Unit,
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Median.
    pub p50_ms: u32,
    /// 95th percentile.
    pub p95_ms: u32,
    /// Maximum.
    pub max_ms: u32,
}

/// How many points there are and how they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PointCounts {
    /// In the profile.
    pub configured: u32,
    /// GOOD at the end of the window.
    pub good: u32,
    /// Stale at the end of the window.
    pub stale: u32,
}

/// The state of the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeSync {
    /// What it follows.
    pub source: TimeSource,
    /// Its offset in microseconds, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_us: Option<i64>,
    /// Whether a leap second is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leap: Option<bool>,
}

/// Which software runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FirmwareAttest {
    /// The component.
    pub component: String,
    /// Its version.
    pub version: String,
    /// `sha-256=<base64>` of the binary.
    pub hash: String,
}

/// Which settings apply.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsAttest {
    /// The profile's name.
    pub profile: String,
    /// `sha-256=<base64>` of the expanded configuration.
    pub hash: String,
    /// When it was certified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certified_on: Option<Timestamp>,
}

/// `stream`: the points of one stream, cut at a seal, beside the sealed leaves that prove them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamPayload {
    /// The stream: link, resource and class in one name.
    pub stream_id: String,
    /// The journal's incarnation; a string beyond 2^53.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Counter>,
    /// The `seq` of the first leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seq: Option<Counter>,
    /// How many leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The hash, lower-case hexadecimal, of the descriptor set that names the point numbers.
    pub descriptor_set_ref: String,
    /// The descriptor set itself, when the sender repeats it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub descriptors: Vec<PointDescriptor>,
    /// The points, in journal order.
    pub frames: Vec<StreamFrame>,
    /// The proof, once per message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

/// A counter that may pass 2^53: a number below, a string of digits beyond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Counter(pub u64);

impl Serialize for Counter {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::json::json_unsigned(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counter {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let digits = |s: &str| s.bytes().all(|c| c.is_ascii_digit()).then(|| s.parse::<u64>().ok()).flatten();
        let number = value.as_u64().or_else(|| value.as_str().and_then(digits));
        number.map(Self).ok_or_else(|| serde::de::Error::custom("not a whole number or a string of digits"))
    }
}

/// What a point number means.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PointDescriptor {
    /// The number.
    pub pt: u32,
    /// The resource.
    pub era: String,
    /// The CIM measurement type.
    pub measurement: String,
    /// Its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Where the power is measured (R17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_basis: Option<PowerBasis>,
    /// Its phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases: Option<String>,
}

/// One value of one point.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StreamFrame {
    /// When it was true.
    pub t: Timestamp,
    /// The point number, see the descriptor set.
    pub pt: u32,
    /// The value.
    pub v: StreamValue,
    /// The packed quality, see [`QualityObject::from_bits`].
    pub q: u16,
    /// What is known against the stamp: the model's time flags, bit 7 = stamped by the bridge. Absent means zero.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tf: u8,
    /// 1 possible duplicate, 2 test, 4 from interrogation, 8 historic. Absent means zero.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub f: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(bits: &u8) -> bool {
    *bits == 0
}

/// A streamed value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StreamValue {
    /// A state.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A word, a double-point state, a whole number beyond 2^53, NaN.
    Text(String),
}

impl StreamValue {
    /// A short float in its own shortest form; NaN and infinities as text.
    #[must_use]
    pub fn from_f32(value: f32) -> Self {
        crate::json::json_number_f32(value).map_or_else(|_| Self::Text(value.to_string()), Self::Number)
    }

    /// A double in shortest form; NaN and infinities as text.
    #[must_use]
    pub fn from_f64(value: f64) -> Self {
        crate::json::json_number(value).map_or_else(|_| Self::Text(value.to_string()), Self::Number)
    }

    /// A whole number, as text beyond 2^53.
    #[must_use]
    pub fn from_i64(value: i64) -> Self {
        let safe = value.unsigned_abs() <= MAX_SAFE_INTEGER;
        if safe { Self::Number(value.into()) } else { Self::Text(value.to_string()) }
    }

    /// The value as a number; states are 0 and 1, text that is no number is `None`.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(state) => Some(f64::from(u8::from(*state))),
            Self::Number(number) => number.as_f64(),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// The sealed batch that proves the frames. Hashes and CBOR are standard base64.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sealed {
    /// The batch number.
    pub batch: Counter,
    /// The batch header, CBOR.
    pub header: String,
    /// The checkpoint: the text of a C2SP signed note.
    pub checkpoint: String,
    /// Inclusion path of the header in the log.
    pub log_path: Vec<String>,
    /// The streams of this message.
    pub streams: Vec<SealedStreamText>,
}

/// One stream of a sealed batch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SealedStreamText {
    /// The stream head, CBOR.
    pub head: String,
    /// Inclusion path of the head in the batch.
    pub path: Vec<PathStep>,
    /// Every leaf of the stream in this batch, CBOR, in order.
    pub leaves: Vec<String>,
}

/// One step of an inclusion path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PathStep {
    /// The sibling's hash.
    pub hash: String,
    /// `L` if the sibling stands left, `R` if right.
    pub side: String,
}

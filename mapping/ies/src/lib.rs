//! The IES side's vocabulary: GridOperation, its payloads, its JSON schema, and its Beckn v2 and CloudEvents bindings.
//!
//! This crate reads and writes JSON texts. It deliberately knows no key, no signature, no socket, no clock, no point, no OT address
//! and no policy: `bridge-trust` signs what is written here, `bridge-policy` decides on it. Start at [`GridOperation`];
//! [`parse_strict`] and [`jcs`] are the only ways in and out of signed bytes.
//!
//! Implements: RFC 8785 (JSON canonicalisation), RFC 7493 (I-JSON: no duplicate keys, no unsafe integers), RFC 3339 times with
//! +05:30, ISO 8601 durations, RFC 9562 UUID versions 7 and 8, Beckn Protocol v2.0.0 `update`, `on_update`, `on_status`,
//! CloudEvents 1.0; rules R4, R8, R12, R17, R18, R28.

pub mod beckn;
mod cloudevent;
mod curtail;
mod error;
mod json;
mod operation;
mod payload;
mod quality;
mod schema;
mod switching;
mod time;
mod uuid;
mod words;

pub use cloudevent::{EventMeta, cloudevent, event_type};
pub use curtail::{CurtailCap, CurtailLimit, CurtailPayload, CurtailPeriod, CurtailRelease};
pub use error::Error;
pub use json::{
    MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_SAFE_INTEGER, jcs, json_integer, json_number, json_number_f32, json_unsigned, parse_strict,
};
pub use operation::{
    AckRequest, Authority, CONTEXT_URL, GridOperation, Identifier, Party, PolicyRef, ResourceRef, SPEC_VERSION, TYPE_NAME,
};
pub use payload::{
    AcknowledgePayload, Against, AlarmLimit, AlarmPayload, AttestPayload, Availability, Counter, DispatchPayload, FirmwareAttest,
    Interlock, Interval, IntervalPayload, IntervalPeriod, Latency, Limits, LogEntry, LogPayload, Measured, Origin, PathStep, Payload,
    PayloadDescriptor, PointCounts, PointDescriptor, RampRate, RampUnit, Readback, Reason, ReportPayload, Sealed, SealedStreamText,
    Setpoint, SettingsAttest, StreamFrame, StreamPayload, StreamValue, SupersededBy, TelemetryAttest, TimeSeries, TimeSync, UnitPayload,
};
pub use quality::{QUALITY_BITS, QualityObject, SUBSTITUTED_BIT, TimeQuality};
pub use schema::{GRID_OPERATION_SCHEMA, MAX_PROBLEMS, SchemaProblem, validate};
pub use switching::{ReconfigurePayload, SwitchStep};
pub use time::{Span, Timestamp, format_duration, format_time, parse_duration, parse_time};
pub use uuid::{format_uuid, parse_uuid, stream_operation_id, uuid7, uuid8};
pub use words::{
    AckRequired, AckStage, AckStatus, AlarmStatus, AuthorityBasis, InterlockResult, LimitBasis, LimitType, Mode, Noun, OnFailure,
    OriginKind, PowerBasis, Priority, QualitySource, Quantity, ReleaseMode, Role, Severity, Side, StartType, SwitchAction, SwitchState,
    TimeSource, Unit, UnitState, ValidityWord, Verb,
};

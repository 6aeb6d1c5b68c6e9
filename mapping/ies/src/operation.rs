//! [`GridOperation`]: the one signed object of the IES side.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    AckRequired, AuthorityBasis, CurtailPayload, Error, Mode, Noun, Payload, Priority, Role, Span, Timestamp, Verb, error::cut,
    payload::Counter,
};

/// The value of `@type`.
pub const TYPE_NAME: &str = "GridOperation";
/// The payload schema version that this crate writes.
pub const SPEC_VERSION: &str = "0.1";
/// The value of `@context` in the Beckn binding.
pub const CONTEXT_URL: &str = "https://schemas.example.in/GridOperation/v0.1/context.jsonld";

/// One operation: common fields, and a payload chosen by `verb`.
///
/// Unknown optional fields are ignored when reading and are not kept: a signature is always verified over the received
/// [`Value`], never over a re-serialised struct.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Raw")]
pub struct GridOperation {
    /// JSON-LD context, in the Beckn binding only.
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Always [`TYPE_NAME`].
    #[serde(rename = "@type")]
    pub type_name: String,
    /// Payload schema version, [`SPEC_VERSION`].
    pub spec_version: String,
    /// What it is; agrees with `payload`.
    pub verb: Verb,
    /// What it is about.
    pub noun: Noun,
    /// UUIDv7, or v8 for streams: the idempotency key on every transport.
    pub operation_id: String,
    /// The command answered or reported on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The earlier operation that this one replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// Monotonic per issuer, resource and verb.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Counter>,
    /// Origin time.
    pub issued_at: Timestamp,
    /// Not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Not after: a late command expires and is never executed. Mandatory on commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// Who says it.
    pub issuer: Party,
    /// To whom.
    pub recipient: Party,
    /// About which resources, at least one.
    pub resources: Vec<ResourceRef>,
    /// How a command is meant. Mandatory on commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// How urgent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Why it is allowed. Mandatory on commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// Which acknowledgement is wanted, and by when. Mandatory on commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<AckRequest>,
    /// The SELECT that an OPERATE or CANCEL belongs to (R4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_of: Option<String>,
    /// The control room's code for the instruction; with `issuer.operatorRef` when a human issued it (R8).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction_code: Option<String>,
    /// The payload of the verb.
    pub payload: Payload,
    /// The signature block; opaque here. Never trusted before it is verified over the received value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Value>,
    /// Namespaced additions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Map<String, Value>>,
}

/// A party in one of its roles.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Party {
    /// Its decentralised identifier, an opaque string.
    pub party_id: String,
    /// The role it acts in.
    pub role: Role,
    /// The operator on shift, when a human acts (R8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_ref: Option<String>,
}

impl Party {
    /// A party that acts without a named operator.
    #[must_use]
    pub fn new(party_id: impl Into<String>, role: Role) -> Self {
        Self { party_id: party_id.into(), role, operator_ref: None }
    }
}

/// A resource of the grid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRef {
    /// The energy resource address, an opaque string.
    pub era: String,
    /// Its class: GENERATING_UNIT, FEEDER …
    #[serde(rename = "type")]
    pub type_name: String,
    /// Other names; MRID is the CIM hook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// The CIM class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cim_class: Option<String>,
}

impl ResourceRef {
    /// A resource known by its address alone.
    #[must_use]
    pub fn new(era: impl Into<String>, type_name: impl Into<String>) -> Self {
        Self { era: era.into(), type_name: type_name.into(), identifiers: Vec::new(), cim_class: None }
    }
}

/// A name in a scheme.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Identifier {
    /// MRID, DID, SUBSTATION, FEEDER, OTHER …
    pub scheme: String,
    /// The name.
    pub value: String,
    /// Who gives such names, for OTHER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Why a command is allowed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Authority {
    /// The ground.
    pub basis: AuthorityBasis,
    /// The clause, contract or result.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "ref")]
    pub reference: Option<String>,
    /// A credential, by address or hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The policy decision that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
}

/// A policy decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRef {
    /// The policy.
    pub url: String,
    /// The query in it.
    pub query_path: String,
    /// The decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<String>,
}

/// Which acknowledgement a command wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AckRequest {
    /// The last stage wanted.
    pub required: AckRequired,
    /// Counted from `issuedAt`.
    pub deadline: Span,
}

impl GridOperation {
    /// An operation with the mandatory common fields; the verb follows from the payload. Set the optional fields afterwards.
    #[must_use]
    pub fn new(
        noun: Noun,
        operation_id: impl Into<String>,
        issued_at: Timestamp,
        issuer: Party,
        recipient: Party,
        resources: Vec<ResourceRef>,
        payload: Payload,
    ) -> Self {
        Self {
            context: Some(CONTEXT_URL.to_owned()),
            type_name: TYPE_NAME.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            verb: payload.verb(),
            noun,
            operation_id: operation_id.into(),
            correlation_id: None,
            supersedes: None,
            sequence: None,
            issued_at,
            valid_from: None,
            valid_until: None,
            issuer,
            recipient,
            resources,
            mode: None,
            priority: None,
            authority: None,
            ack: None,
            select_of: None,
            instruction_code: None,
            payload,
            provenance: None,
            extensions: None,
        }
    }

    /// Reads an operation from a received value. Run [`validate`](crate::validate) first for the full list of problems.
    ///
    /// # Errors
    /// [`Error::UnknownVerb`] for a verb of another version, [`Error::Shape`] for the first field that is not as it must be.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        if let Some(verb) = value.get("verb").and_then(Value::as_str)
            && Verb::parse(verb).is_none()
        {
            return Err(Error::UnknownVerb { verb: cut(verb) });
        }
        serde_json::from_value(value.clone()).map_err(|e| Error::shape("", e.to_string()))
    }

    /// The JSON value to sign and send, fields in the order of the specification.
    ///
    /// # Errors
    /// [`Error::Shape`] if `verb` and `payload` disagree; [`Error::Number`] if a set-point is NaN or infinite.
    pub fn to_value(&self) -> Result<Value, Error> {
        if self.verb != self.payload.verb() {
            return Err(Error::shape("/verb", format!("{} does not fit a payload of {}", self.verb, self.payload.verb())));
        }
        if let Payload::Dispatch(dispatch) = &self.payload {
            let numbers = dispatch.setpoints.iter().flat_map(|s| {
                let limits = s.limits.map_or([None, None], |l| [Some(l.min), Some(l.max)]);
                [Some(s.value), s.deadband, s.expected_base, s.ramp.map(|r| r.value), limits[0], limits[1]]
            });
            for number in numbers.flatten() {
                crate::json::json_number(number)?;
            }
        }
        if let Payload::Curtail(curtail) = &self.payload {
            let numbers = match curtail {
                CurtailPayload::Cap(cap) => [Some(cap.limit.value), Some(cap.ramp.value)],
                CurtailPayload::Release(release) => [release.ramp.map(|ramp| ramp.value), None],
            };
            for number in numbers.into_iter().flatten() {
                crate::json::json_number(number)?;
            }
        }
        serde_json::to_value(self).map_err(|e| Error::shape("", e.to_string()))
    }
}

/// The operation as read, before the payload is read by its verb.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(rename = "@context")]
    context: Option<String>,
    #[serde(rename = "@type")]
    type_name: String,
    spec_version: String,
    verb: Verb,
    noun: Noun,
    operation_id: String,
    correlation_id: Option<String>,
    supersedes: Option<String>,
    sequence: Option<Counter>,
    issued_at: Timestamp,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    issuer: Party,
    recipient: Party,
    resources: Vec<ResourceRef>,
    mode: Option<Mode>,
    priority: Option<Priority>,
    authority: Option<Authority>,
    ack: Option<AckRequest>,
    select_of: Option<String>,
    instruction_code: Option<String>,
    payload: Value,
    provenance: Option<Value>,
    extensions: Option<Map<String, Value>>,
}

impl TryFrom<Raw> for GridOperation {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self, Error> {
        if raw.type_name != TYPE_NAME {
            return Err(Error::shape("/@type", format!("must be {TYPE_NAME}")));
        }
        let payload = Payload::read(raw.verb, raw.payload).map_err(|e| Error::shape("/payload", e.to_string()))?;
        Ok(Self {
            context: raw.context,
            type_name: raw.type_name,
            spec_version: raw.spec_version,
            verb: raw.verb,
            noun: raw.noun,
            operation_id: raw.operation_id,
            correlation_id: raw.correlation_id,
            supersedes: raw.supersedes,
            sequence: raw.sequence,
            issued_at: raw.issued_at,
            valid_from: raw.valid_from,
            valid_until: raw.valid_until,
            issuer: raw.issuer,
            recipient: raw.recipient,
            resources: raw.resources,
            mode: raw.mode,
            priority: raw.priority,
            authority: raw.authority,
            ack: raw.ack,
            select_of: raw.select_of,
            instruction_code: raw.instruction_code,
            payload,
            provenance: raw.provenance,
            extensions: raw.extensions,
        })
    }
}

//! The life of every command-like operation, on both sides: what was asked, what was answered, how it ended.

use std::collections::BTreeMap;

use bridge_ies::format_time;
use bridge_model::Now;
use bridge_profile::Control;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::core::Core;
use crate::exchange::{Draft, Exchange};
use crate::store::Table;

/// One operation and its state; the unit of `ies-bridge operations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// `dispatch`.
    pub verb: String,
    /// The other party's name in the configuration.
    pub peer: String,
    /// We asked (`true`) or were asked.
    pub ours: bool,
    /// The resource's ERA.
    pub era: String,
    /// The control's id in our profile.
    pub control: String,
    /// The target, in `unit`.
    pub target: f64,
    /// Its unit.
    pub unit: String,
    /// Beckn transaction.
    pub transaction: String,
    /// Beckn message.
    pub message: String,
    /// When it was issued or received, ns.
    pub at_ns: i64,
    /// It may not start later, ns.
    pub not_after_ns: i64,
    /// SHA-256 of the signed content.
    pub digest: String,
    /// The last status (`REQUESTED`, or as in acknowledge).
    pub status: String,
    /// Its reason code, if it has one.
    pub reason: Option<String>,
    /// The person of this side behind it: who issued ours, who answered theirs.
    #[serde(default)]
    pub operator: Option<String>,
    /// Every status so far: (ns, stage, status, reason).
    pub history: Vec<(i64, String, String, Option<String>)>,
}

/// Statuses that end an operation.
pub(crate) fn is_final(status: &str) -> bool {
    matches!(status, "REJECTED" | "COMPLETED" | "PARTIAL" | "FAILED" | "EXPIRED" | "SUPERSEDED" | "NOT_OPERATED" | "INDETERMINATE")
}

/// How operations ended, each counted under one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Tally {
    /// The plant followed.
    pub completed: u64,
    /// Refused by policy, envelope, station or door.
    pub refused: u64,
    /// Came too late.
    pub expired: u64,
    /// Accepted and, for certain, not operated.
    pub not_operated: u64,
    /// The outcome is not known.
    pub indeterminate: u64,
    /// Held, superseded or failed on the way.
    pub partial: u64,
    /// Not ended yet.
    pub open: u64,
}

impl Tally {
    /// Counts one status.
    pub fn count(&mut self, status: &str) {
        let place = match status {
            "COMPLETED" => &mut self.completed,
            "REJECTED" | "BLOCKED" => &mut self.refused,
            "EXPIRED" => &mut self.expired,
            "NOT_OPERATED" => &mut self.not_operated,
            "INDETERMINATE" => &mut self.indeterminate,
            "PARTIAL" | "SUPERSEDED" | "FAILED" => &mut self.partial,
            _ => &mut self.open,
        };
        *place += 1;
    }
}

/// The stages of an acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Receipt,
    Acceptance,
    Execution,
}

impl Stage {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "RECEIPT",
            Self::Acceptance => "ACCEPTANCE",
            Self::Execution => "EXECUTION",
        }
    }
}

/// What a control room sees of a running programme.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Readback {
    pub(crate) setpoint: Option<f64>,
    pub(crate) measured: Option<f64>,
    pub(crate) time_left_s: Option<f64>,
}

pub(crate) fn load(core: &Core, id: &str) -> Option<Operation> {
    core.load(Table::Operations, id.as_bytes())
}

pub(crate) fn save(core: &mut Core, operation: &Operation) {
    core.put(Table::Operations, operation.id.as_bytes(), operation);
}

/// What is asked of a peer.
pub(crate) struct Asked<'a> {
    /// Index of the peer.
    pub(crate) peer: usize,
    /// The control that it goes through.
    pub(crate) control: &'a Control,
    /// `dispatch`, `start`, `stop` or `curtail`, and its noun.
    pub(crate) verb: &'static str,
    pub(crate) noun: &'static str,
    pub(crate) payload: Value,
    /// `DIRECT`, `SELECT`, or `OPERATE` or `CANCEL` of a SELECT (R4).
    pub(crate) mode: &'static str,
    pub(crate) select_of: Option<&'a str>,
    /// The target, in `unit`.
    pub(crate) target: f64,
    pub(crate) unit: &'a str,
    pub(crate) not_after: Now,
    pub(crate) operator_ref: &'a str,
    pub(crate) instruction_code: &'a str,
}

/// Signs and sends it, and notes it as REQUESTED; gives its id, or nothing if it cannot be signed.
pub(crate) fn ask(core: &mut Core, exchange: &mut Exchange, asked: Asked<'_>, now: Now) -> Option<String> {
    let plan = core.plan.clone();
    let era = &plan.resources.get(usize::from(asked.control.resource))?.era;
    let peer = core.settings.peers.get(asked.peer)?.name.clone();
    let mut extra = vec![
        ("validUntil", format_time(asked.not_after.utc.0).into()),
        ("mode", asked.mode.into()),
        ("priority", "NORMAL".into()),
        ("authority", json!({ "basis": "GRID_CODE", "ref": format!("contract:{}", core.settings.peers[asked.peer].contract) })),
        ("ack", json!({ "required": "EXECUTION", "deadline": "PT30S" })),
        ("instructionCode", asked.instruction_code.into()),
        ("operatorRef", asked.operator_ref.into()),
    ];
    extra.extend(asked.select_of.map(|of| ("selectOf", of.into())));
    let draft = Draft {
        peer: asked.peer,
        verb: asked.verb,
        noun: asked.noun,
        action: "update",
        correlation: None,
        resource: (era, "GENERATING_UNIT"),
        transaction: None,
        message: None,
        status: "ISSUED",
        payload: asked.payload,
        extra,
    };
    let posted = exchange.post(core, draft, now)?;
    let operation = Operation {
        id: posted.operation,
        verb: asked.verb.to_owned(),
        peer,
        ours: true,
        era: era.clone(),
        control: asked.control.id.clone(),
        target: asked.target,
        unit: asked.unit.to_owned(),
        transaction: posted.transaction,
        message: posted.message,
        at_ns: now.utc.0,
        not_after_ns: asked.not_after.utc.0,
        digest: posted.digest,
        status: "REQUESTED".into(),
        reason: None,
        operator: Some(asked.operator_ref.to_owned()),
        history: vec![(now.utc.0, "REQUEST".into(), "REQUESTED".into(), None)],
    };
    save(core, &operation);
    core.recorder.hurry();
    Some(operation.id)
}

/// All operations, by id, which is by time.
pub(crate) fn all(core: &Core) -> BTreeMap<String, Operation> {
    core.store
        .entries(Table::Operations)
        .filter_map(|(_, value)| serde_json::from_slice::<Operation>(value).ok())
        .map(|operation| (operation.id.clone(), operation))
        .collect()
}

/// Notes who answered: from now on acknowledgements name the person.
pub(crate) fn answered_by(core: &mut Core, id: &str, operator: &str) {
    if let Some(mut operation) = load(core, id) {
        operation.operator = Some(operator.to_owned());
        save(core, &operation);
    }
}

/// Notes a status; gives the operation as it is now.
pub(crate) fn advance(core: &mut Core, id: &str, stage: &str, status: &str, reason: Option<&str>, now: Now) -> Option<Operation> {
    let mut operation = load(core, id)?;
    operation.status = status.to_owned();
    operation.reason = reason.map(str::to_owned);
    operation.history.push((now.utc.0, stage.to_owned(), status.to_owned(), operation.reason.clone()));
    save(core, &operation);
    Some(operation)
}

/// Says to the issuer how far its operation has come, and notes it.
#[expect(clippy::too_many_arguments, reason = "the fields of one acknowledgement")]
pub(crate) fn acknowledge(
    core: &mut Core,
    exchange: &mut Exchange,
    id: &str,
    stage: Stage,
    status: &'static str,
    reason: Option<(&str, &str)>,
    readback: Option<Readback>,
    now: Now,
) {
    // Whoever was displaced was told the last word, once (R6).
    if load(core, id).is_none_or(|known| known.status == "SUPERSEDED") {
        return;
    }
    let Some(operation) = advance(core, id, stage.as_str(), status, reason.map(|(code, _)| code), now) else { return };
    let Some(peer) = core.settings.peers.iter().position(|peer| peer.name == operation.peer) else { return };
    let at = format_time(now.utc.0);
    let mut payload = json!({
        "ackOf": id,
        "stage": stage.as_str(),
        "status": status,
        "at": at,
        "requestDigest": operation.digest,
    });
    if let Some((_, by)) = reason.filter(|_| status == "SUPERSEDED") {
        let party = load(core, by).and_then(|by| core.settings.peers.iter().find(|peer| peer.name == by.peer).map(|peer| peer.did.clone()));
        payload["supersededBy"] = json!({ "operationId": by, "partyId": party });
    }
    if let Some((code, text)) = reason {
        payload["reason"] = json!({ "code": code, "text": text });
    }
    if let Some(readback) = readback {
        let tidy = |value: f64| (value * 1e6).round() / 1e6;
        payload["progress"] = json!({
            "setpoint": readback.setpoint.map(tidy),
            "measured": readback.measured.map(tidy),
            "unit": operation.unit,
            "timeLeftSeconds": readback.time_left_s.map(tidy),
        });
    }
    let solicited = stage != Stage::Execution;
    let draft = Draft {
        peer,
        verb: "acknowledge",
        noun: "COMMAND",
        action: if solicited { "on_update" } else { "on_status" },
        correlation: Some(id),
        resource: (&operation.era, "GENERATING_UNIT"),
        transaction: Some(&operation.transaction),
        message: solicited.then_some(operation.message.as_str()),
        status,
        payload,
        extra: operation.operator.as_ref().map(|operator| ("operatorRef", operator.clone().into())).into_iter().collect(),
    };
    exchange.post(core, draft, now);
}

//! What an issuer has selected at the plant, so that its OPERATE binds to it (R4, `select = "relay"`).
//!
//! A SELECT is a real operation: it is judged like any other, selects at the station, and moves nothing. It is used once, by the same issuer
//! and operator, for the same value; the station's own timer, kept by the session, ends it.

use std::collections::BTreeMap;

use bridge_model::{Command, CommandId, CommandMode, NotOperatedWhy, Now, Outcome, PointId, Utc};
use bridge_policy::code;
use serde::{Deserialize, Serialize};

use crate::broker;
use crate::core::Core;
use crate::exchange::Exchange;
use crate::operations::{Stage, acknowledge};
use crate::programme::{Desk, action, not_operated_code, not_operated_text};
use crate::store::Table;
use crate::target::next_value;

/// One control that is selected, or is being selected.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Selection {
    /// The SELECT operation.
    pub(crate) operation: String,
    /// Who selected: party and person.
    pub(crate) issuer: String,
    pub(crate) operator: Option<String>,
    /// The target selected, in the control's unit, and the ramp.
    pub(crate) target: f64,
    pub(crate) rate: Option<f64>,
    /// The value of the first step: what the station has selected.
    pub(crate) first: f64,
    command: String,
    /// The station confirmed.
    held: bool,
    /// The CANCEL operation that waits for its confirmation.
    cancelled_by: Option<String>,
}

/// What an OPERATE or CANCEL has to repeat.
pub(crate) struct Claim<'a> {
    pub(crate) select_of: Option<&'a str>,
    pub(crate) issuer: &'a str,
    pub(crate) operator: Option<&'a str>,
    pub(crate) target: f64,
    pub(crate) rate: Option<f64>,
}

impl Claim<'_> {
    /// In what it is not the wish that was selected (R4).
    fn difference(&self, selection: &Selection) -> Option<&'static str> {
        if self.select_of != Some(selection.operation.as_str()) {
            Some("selectOf")
        } else if self.issuer != selection.issuer {
            Some("issuer")
        } else if self.operator != selection.operator.as_deref() {
            Some("operator")
        } else if self.target.to_bits() != selection.target.to_bits() || self.rate != selection.rate {
            Some("value")
        } else {
            None
        }
    }
}

/// At most one per control.
#[derive(Default)]
pub(crate) struct Selections {
    of: BTreeMap<usize, Selection>,
}

impl Selections {
    /// After a restart the station's selection is gone with its connection: nothing was operated (R2).
    pub(crate) fn recover(core: &mut Core, exchange: &mut Exchange, now: Now) -> Self {
        let stored: Vec<(Vec<u8>, Selection)> = core
            .store
            .entries(Table::Misc)
            .filter(|(key, _)| key.starts_with(PREFIX))
            .filter_map(|(key, value)| Some((key.to_vec(), serde_json::from_slice(value).ok()?)))
            .collect();
        for (key, selection) in stored {
            core.delete(Table::Misc, &key);
            let why = NotOperatedWhy::Restart;
            let reason = Some((not_operated_code(why), not_operated_text(why)));
            acknowledge(core, exchange, &selection.operation, Stage::Execution, "NOT_OPERATED", reason, None, now);
        }
        Self::default()
    }

    /// Selects at the station what an accepted SELECT asks for.
    pub(crate) fn select(
        &mut self,
        desk: &mut Desk<'_>,
        control: usize,
        operation: &str,
        claim: &Claim<'_>,
        valid_until_ns: i64,
    ) -> Result<(), (&'static str, String)> {
        if self.of.contains_key(&control) || broker::busy(desk.core, control) {
            return Err(("BUSY", "the control is selected already, or a command is on the wire".to_owned()));
        }
        let plan = desk.core.plan.clone();
        let first = next_value(desk, control, claim.target, claim.rate, None)?;
        let not_after = Utc(valid_until_ns);
        let spec = &plan.controls[control];
        let command = Command {
            id: CommandId(desk.core.random()),
            point: PointId(u32::try_from(control).unwrap_or(u32::MAX)),
            action: action(spec, first),
            mode: CommandMode::Select,
            qualifier: spec.qualifier,
            not_after: Now { mono: desk.core.mono(not_after, desk.now), utc: not_after },
        };
        let selection = Selection {
            operation: operation.to_owned(),
            issuer: claim.issuer.to_owned(),
            operator: claim.operator.map(str::to_owned),
            target: claim.target,
            rate: claim.rate,
            first,
            command: command.id.to_string(),
            held: false,
            cancelled_by: None,
        };
        self.keep(desk.core, control, selection);
        broker::issue(desk.core, control, &command, first, operation, desk.now);
        Ok(())
    }

    /// Uses a selection up for an OPERATE, if it is this very one. A wrong one uses it up too, and withdraws it from the station.
    pub(crate) fn operate(&mut self, desk: &mut Desk<'_>, control: usize, claim: &Claim<'_>) -> Result<Selection, (&'static str, String)> {
        let Some(selection) = self.of.get(&control).filter(|selection| selection.held && selection.cancelled_by.is_none()).cloned() else {
            return Err((code::NOTHING_SELECTED, "nothing is selected that this OPERATE would execute".to_owned()));
        };
        if let Some(what) = claim.difference(&selection) {
            // A stranger's OPERATE does not take away what another party selected.
            if claim.issuer == selection.issuer {
                self.withdraw(desk, control);
                self.end(desk, control, "NOT_OPERATED", Some((code::SELECT_MISMATCH, "its OPERATE was of another wish")));
            }
            return Err((code::SELECT_MISMATCH, format!("the {what} differs from what was selected")));
        }
        self.end(desk, control, "COMPLETED", None);
        Ok(selection)
    }

    /// Withdraws a selection on its issuer's CANCEL; answered when the station has confirmed it.
    pub(crate) fn cancel(
        &mut self,
        desk: &mut Desk<'_>,
        control: usize,
        operation: &str,
        claim: &Claim<'_>,
    ) -> Result<(), (&'static str, String)> {
        let held = |selection: &&mut Selection| selection.held && selection.cancelled_by.is_none() && claim.issuer == selection.issuer;
        let Some(selection) = self.of.get_mut(&control).filter(held) else {
            return Err((code::NOTHING_SELECTED, "nothing of this issuer is selected, or it is being withdrawn".to_owned()));
        };
        if let Some(what) = claim.difference(selection) {
            return Err((code::SELECT_MISMATCH, format!("the {what} differs from what was selected")));
        }
        selection.cancelled_by = Some(operation.to_owned());
        let saved = selection.clone();
        self.keep(desk.core, control, saved);
        self.withdraw(desk, control);
        Ok(())
    }

    /// Takes a selection back from the station.
    fn withdraw(&mut self, desk: &mut Desk<'_>, control: usize) {
        let plan = desk.core.plan.clone();
        let Some(selection) = self.of.get_mut(&control) else { return };
        let spec = &plan.controls[control];
        let life = std::time::Duration::from_secs(10);
        let command = Command {
            id: CommandId(desk.core.random()),
            point: PointId(u32::try_from(control).unwrap_or(u32::MAX)),
            action: action(spec, selection.first),
            mode: CommandMode::Cancel,
            qualifier: spec.qualifier,
            not_after: Now { mono: desk.now.mono + life, utc: desk.now.utc + life },
        };
        selection.command = command.id.to_string();
        let (first, operation) = (selection.first, selection.operation.clone());
        broker::issue(desk.core, control, &command, first, &operation, desk.now);
    }

    /// A command settled; `true` if it was one of ours.
    pub(crate) fn handle_settled(&mut self, desk: &mut Desk<'_>, command: &Command, outcome: Outcome) -> bool {
        if !matches!(command.mode, CommandMode::Select | CommandMode::Cancel) {
            return false;
        }
        let control = command.point.index();
        broker::settle(desk.core, control, command, outcome, desk.now);
        let Some(selection) = self.of.get(&control).filter(|selection| selection.command == command.id.to_string()).cloned() else {
            return true;
        };
        let name = desk.core.plan.controls[control].id.clone();
        match (command.mode, outcome) {
            (CommandMode::Select, Outcome::Completed) => {
                desk.core.tell(format!("station confirmed the select of {name}"));
                self.keep(desk.core, control, Selection { held: true, ..selection.clone() });
                acknowledge(desk.core, desk.exchange, &selection.operation, Stage::Execution, "SELECTED", None, None, desk.now);
            }
            (CommandMode::Select, Outcome::Refused(_) | Outcome::Indeterminate(_)) => {
                self.end(desk, control, "REJECTED", Some(("STATION_REFUSED", "the station refused the select")));
            }
            (CommandMode::Select, Outcome::NotOperated(why)) => {
                let status = if why == NotOperatedWhy::Expired { "EXPIRED" } else { "NOT_OPERATED" };
                self.end(desk, control, status, Some((not_operated_code(why), not_operated_text(why))));
            }
            // Withdrawn, or the station's own timer does it: the selection is not used in either case.
            (CommandMode::Cancel | CommandMode::Direct | CommandMode::SelectExecute | CommandMode::Execute, _) => {
                if let Some(cancel) = &selection.cancelled_by {
                    let (status, reason) = match outcome {
                        Outcome::Completed => ("COMPLETED", None),
                        Outcome::Refused(_) | Outcome::NotOperated(_) | Outcome::Indeterminate(_) => {
                            ("NOT_OPERATED", Some(("STATION_REFUSED", "the station did not confirm; its own time ends the selection")))
                        }
                    };
                    acknowledge(desk.core, desk.exchange, cancel, Stage::Execution, status, reason, None, desk.now);
                }
                self.end(desk, control, "NOT_OPERATED", Some(("CANCELLED", "withdrawn before it was operated")));
            }
        }
        true
    }

    /// The station's time for the selection is over.
    pub(crate) fn handle_lapsed(&mut self, desk: &mut Desk<'_>, control: usize) {
        self.end(desk, control, "EXPIRED", Some(("EXPIRED", "the selection was not operated in time")));
    }

    /// The link to the station is lost: so is what was selected on it.
    pub(crate) fn handle_link_lost(&mut self, desk: &mut Desk<'_>, link: bridge_model::LinkId) {
        let plan = desk.core.plan.clone();
        let gone: Vec<usize> = self.of.keys().copied().filter(|control| plan.controls[*control].link == link).collect();
        for control in gone {
            self.end(desk, control, "NOT_OPERATED", Some(("LINK_DOWN", "the link to the station is down")));
        }
    }

    /// Whether a selection is at the station, or on its way: steps of a ramp wait for its end.
    pub(crate) fn is_selected(&self, control: usize) -> bool {
        self.of.contains_key(&control)
    }

    fn keep(&mut self, core: &mut Core, control: usize, selection: Selection) {
        core.put(Table::Misc, &key(core, control), &selection);
        self.of.insert(control, selection);
    }

    /// Tells the issuer how its SELECT ended, and forgets it.
    fn end(&mut self, desk: &mut Desk<'_>, control: usize, status: &'static str, reason: Option<(&str, &str)>) {
        let Some(selection) = self.of.remove(&control) else { return };
        let key = key(desk.core, control);
        desk.core.delete(Table::Misc, &key);
        acknowledge(desk.core, desk.exchange, &selection.operation, Stage::Execution, status, reason, None, desk.now);
    }
}

const PREFIX: &[u8] = b"selection ";

fn key(core: &Core, control: usize) -> Vec<u8> {
    [PREFIX, core.plan.controls[control].id.as_bytes()].concat()
}

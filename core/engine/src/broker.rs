//! Tickets and locks: every command has one obligation to settle, and a point whose last outcome is unknown takes no other (R1, R3).

use bridge_model::{Command, CommandMode, IndeterminateWhy, Now, Outcome};
use bridge_profile::Drive;
use bridge_session::Request;
use serde::{Deserialize, Serialize};

use crate::core::{Core, Then};
use crate::image::Image;
use crate::programme::shown;
use crate::store::Table;

/// One command that may be on the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ticket {
    control: String,
    operation: String,
    /// In the control's unit.
    value: f64,
    not_after_ns: i64,
    at_ns: i64,
}

/// Why a control takes no command.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lock {
    operation: String,
    value: f64,
    at_ns: i64,
}

/// Journals the ticket and hands the command to its link when the ticket is durable.
pub(crate) fn issue(core: &mut Core, control: usize, command: &Command, value: f64, operation: &str, now: Now) {
    let spec = &core.plan.controls[control];
    let (id, link) = (spec.id.clone(), spec.link);
    let ticket =
        Ticket { control: id.clone(), operation: operation.to_owned(), value, not_after_ns: command.not_after.utc.0, at_ns: now.utc.0 };
    core.put(Table::Tickets, command.id.to_string().as_bytes(), &ticket);
    let select = command.mode == CommandMode::SelectExecute;
    core.note(
        now,
        "command",
        &format!("{id} to {value}"),
        &[
            ("command", command.id.to_string()),
            ("operation", operation.to_owned()),
            ("control", id.clone()),
            ("value", value.to_string()),
            ("select", select.to_string()),
            ("notAfter", bridge_ies::format_time(command.not_after.utc.0)),
        ],
    );
    core.recorder.hurry();
    core.when_durable(Then::Link { link, request: Request::Command(*command) });
}

/// A ticket is out on this control.
pub(crate) fn busy(core: &Core, control: usize) -> bool {
    let id = &core.plan.controls[control].id;
    core.store.entries(Table::Tickets).any(|(_, value)| serde_json::from_slice::<Ticket>(value).is_ok_and(|ticket| ticket.control == *id))
}

/// The command has its one final state.
pub(crate) fn settle(core: &mut Core, control: usize, command: &Command, outcome: Outcome, now: Now) {
    let key = command.id.to_string();
    let Some(ticket) = core.load::<Ticket>(Table::Tickets, key.as_bytes()) else { return };
    core.delete(Table::Tickets, key.as_bytes());
    let word = match outcome {
        Outcome::Completed => "COMPLETED",
        Outcome::Refused(_) => "REFUSED",
        Outcome::NotOperated(_) => "NOT_OPERATED",
        Outcome::Indeterminate(_) => "INDETERMINATE",
    };
    core.note(
        now,
        "settled",
        &format!("{} {word}", ticket.control),
        &[("command", key), ("outcome", format!("{outcome:?}")), ("operation", ticket.operation.clone())],
    );
    if let Outcome::Indeterminate(_) = outcome {
        let id = core.plan.controls[control].id.clone();
        core.put(Table::Locks, id.as_bytes(), &Lock { operation: ticket.operation, value: ticket.value, at_ns: now.utc.0 });
        read_back_soon(core, control, now);
    }
}

/// Reads the station again when a late echo would have come.
fn read_back_soon(core: &mut Core, control: usize, now: Now) {
    let plan = core.plan.clone();
    if let Some((spec, drive)) = crate::programme::driven(&plan.controls, control) {
        core.timers
            .set(crate::timers::Timer::Integrity(spec.link.0), now.mono + drive.taken.within + std::time::Duration::from_millis(500));
    }
}

/// A ticket from before a restart: its execute may have left, so its point is locked until read back.
pub(crate) fn abandon(core: &mut Core, id: &str, now: Now) {
    let Some(ticket) = core.load::<Ticket>(Table::Tickets, id.as_bytes()) else { return };
    core.delete(Table::Tickets, id.as_bytes());
    core.note(
        now,
        "settled",
        &format!("{} INDETERMINATE", ticket.control),
        &[
            ("command", id.to_owned()),
            ("outcome", format!("{:?}", Outcome::Indeterminate(IndeterminateWhy::Restart))),
            ("operation", ticket.operation.clone()),
        ],
    );
    core.put(Table::Locks, ticket.control.as_bytes(), &Lock { operation: ticket.operation, value: ticket.value, at_ns: now.utc.0 });
}

/// Why the control is locked, if it is.
pub(crate) fn locked(core: &Core, control: usize) -> Option<String> {
    let id = &core.plan.controls[control].id;
    let lock: Lock = core.load(Table::Locks, id.as_bytes())?;
    Some(format!("the outcome of operation {} (set {}) is not known yet", lock.operation, lock.value))
}

/// A fresh reading of the echo resolves a lock, whatever it says: it shows where the plant's set-point is (R3). Journaled.
pub(crate) fn read_back(core: &mut Core, image: &Image, control: usize, drive: &Drive, now: Now) {
    let id = core.plan.controls[control].id.clone();
    let Some(lock) = core.load::<Lock>(Table::Locks, id.as_bytes()) else { return };
    let Some(echo) = shown(image, drive, drive.taken.point) else { return };
    // A late execute may still be under way: only what is read after the time in which its echo would have come tells the truth.
    if busy(core, control) || now.utc.since(bridge_model::Utc(lock.at_ns)) < drive.taken.within {
        return;
    }
    let taken = (echo - lock.value).abs() <= drive.taken.tolerance;
    core.delete(Table::Locks, id.as_bytes());
    let text = if taken { "read back: the plant took it" } else { "read back: the plant did not take it" };
    core.tell(format!("{id}: {text} (set-point {echo:.1})"));
    core.note(now, "resolved", text, &[("control", id), ("operation", lock.operation), ("echo", echo.to_string())]);
}

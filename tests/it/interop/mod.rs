//! Independent stacks as separate processes. What they are and how they misbehave: `testbeds/interop/README.md`.

mod backlog;
mod dnp3_bridge;
mod dnp3_bridge_loss;
mod dnp3_files;
mod dnp3_kit;
mod dnp3_loss;
mod dnp3_master;
mod dnp3_outstation;
mod dnp3_peers;
mod dnp3_tls;
mod monitor_only;
mod opinion;
mod pair;
mod peers;
mod replay;
mod story;
mod switching;
mod tls;
mod types;

use std::time::Duration;

use bridge_sim::{Entry, EntryKind};

use crate::support::{PATIENCE, Process, kinds};

/// Longer than the client waits for a confirmation that it has missed (`--command-timeout-ms`).
const MISSED: Duration = Duration::from_secs(12);

/// Makes the `c104` client select and execute. Its library now and then misses the confirmation of a select that is on the wire, and then
/// sends no execute: the order is given again. Selections without an execute are therefore lawful in the ledgers.
#[track_caller]
fn select_and_execute(ems: &mut Process, order: &str, control: &str) {
    for _ in 0..3 {
        ems.say(order);
        ems.wait_for_line(&format!("ANSWER {control} ACTIVATION_CON SELECT"), PATIENCE);
        if let Some(answer) = ems.maybe_line(&format!("ANSWER {control} ACTIVATION_CON"), MISSED) {
            assert!(answer.ends_with("ACTIVATION_CON"), "{answer}");
            return;
        }
    }
    panic!("the client selected {control} three times and never executed\n{}", ems.standard_error());
}

/// How often a control was selected, executed and refused. Their order is the wire's: the ledgers of `c104` write a select and its execute
/// in two threads, and its station executes nothing that was not selected.
fn orders(ledger: &[Entry], control: &str) -> [usize; 3] {
    [EntryKind::Select, EntryKind::Execute, EntryKind::Refused].map(|kind| kinds(ledger, control, &[kind]).len())
}

//! A controlling station on its socket: an EMS before a server link, or a master on a client link.

use std::time::Duration;

use bridge_model::{Action, CommandMode, Now};
use bridge_profile::{ControlKind, Plan};
use bridge_session::{Event, LinkSpec, Phase, Session};
use bridge_sim::{Ems, Ledger, Misbehaviour, Names, Side, Standard, Wish, misbehaving};

use super::{EndArgs, SimRole, Simulated, link_text, tell};

/// How long a master waits for its command.
const LIFE: Duration = Duration::from_secs(10);

/// An EMS on its socket.
pub(super) struct EmsHost {
    ems: Ems,
    plan: Plan,
}

impl EmsHost {
    pub(super) fn new(
        (standard, args): (Standard, &EndArgs),
        plan: Plan,
        spec: &LinkSpec,
        names: Names,
        misbehaviours: Vec<Misbehaviour>,
        ledger: Box<dyn Ledger>,
    ) -> Self {
        // An EMS holds a command to be done at its ACT TERM; a master as its link's `term` says.
        let session = if args.role == SimRole::Master { standard.master(spec) } else { standard.ems(spec) };
        let session = misbehaving(session, Side::Ems, &misbehaviours);
        let ems = Ems::new(session, names, Vec::new(), args.seed, ledger).with_misbehaviours(misbehaviours);
        Self { ems, plan }
    }

    /// `U1.p_set`, or `U1` for the unit's set-point.
    fn control(&self, name: &str) -> Option<usize> {
        let prefix = format!("{name}.");
        let exact = self.plan.controls.iter().position(|control| control.id == name);
        exact.or_else(|| self.plan.controls.iter().position(|control| control.id.starts_with(&prefix)))
    }

    fn set(&mut self, index: usize, target: f64, mode: CommandMode, now: Now) {
        let Some(control) = self.plan.controls.get(index) else { return };
        let (wire, shown) = (self.plan.to_wire(control, target), format!("{target} {}", control.unit));
        self.command(index, Action::Set(wire), &shown, mode, now);
    }

    fn command(&mut self, index: usize, action: Action, shown: &str, mode: CommandMode, now: Now) {
        let Some(control) = self.plan.controls.get(index) else { return };
        let life = match &control.kind {
            ControlKind::Relay(relay) => relay.ems.execute_con,
            ControlKind::Drive(_) | ControlKind::Instruct(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => LIFE,
        };
        tell(format!("sent {} {shown}", control.id));
        self.ems.handle_wish(Wish::Command { control: control.id.clone(), action, mode, life }, now);
    }
}

impl Simulated for EmsHost {
    fn session(&mut self) -> &mut dyn Session {
        &mut self.ems
    }

    fn obey(&mut self, line: &str, now: Now) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (words, mode) = match words.as_slice() {
            [words @ .., "select"] => (words, CommandMode::SelectExecute),
            words => (words, CommandMode::Direct),
        };
        match words {
            [] => {}
            ["interrogate"] => {
                self.ems.handle_wish(Wish::Interrogate, now);
            }
            ["set", control, value] => match (self.control(control), value.parse::<f64>()) {
                (Some(index), Ok(target)) if target.is_finite() => self.set(index, target, mode, now),
                (None, _) => tell(format!("no control is called {control}")),
                (Some(_), _) => tell(format!("{value} is no number")),
            },
            [verb @ ("on" | "off"), control] => match self.control(control) {
                Some(index) => self.command(index, Action::Switch(*verb == "on"), verb, mode, now),
                None => tell(format!("no control is called {control}")),
            },
            _ => tell(format!("not understood: {line}")),
        }
    }

    fn show(&self, event: &Event) {
        match event {
            Event::Progress { phase, .. } => match phase {
                Phase::SelectSent | Phase::ExecuteSent => {}
                Phase::Selected => tell("selected"),
                Phase::Confirmed => tell("ACT CON"),
                Phase::Terminated => tell("ACT TERM"),
            },
            Event::Settled { command, outcome, .. } => {
                let id = self.plan.controls.get(command.point.index()).map_or("?", |control| control.id.as_str());
                tell(format!("settled {id} {} {outcome:?}", command.action));
            }
            Event::LinkState(_)
            | Event::InterrogationBegan
            | Event::InterrogationEnded
            | Event::InterrogationFailed
            | Event::PeerRestarted
            | Event::CommandReceived(_)
            | Event::Delivered(_)
            | Event::DeliveredOf(..)
            | Event::Undeliverable(_)
            | Event::Reach { .. }
            | Event::FilePart { .. }
            | Event::Refused { .. }
            | Event::SelectLapsed(_)
            | Event::Housekept { .. }
            | Event::Suspicious(_)
            | Event::SwitchedOver { .. }
            | Event::Standby { .. }
            | Event::Closed { .. } => {
                if let Some(text) = link_text(event) {
                    tell(text);
                }
            }
        }
    }

    fn ledger_error(&self) -> Option<&str> {
        self.ems.ledger_error()
    }
}

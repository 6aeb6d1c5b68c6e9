//! What people here ask of a peer party (R7, R8): a start or a stop of its people, a dispatch or a curtailment of its plant; signed, named,
//! with an instruction code.

use bridge_model::Now;
use bridge_profile::{Control, ControlKind, SelectMode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ask_cap::{Worded, released, worded};
use crate::core::Core;
use crate::exchange::Exchange;
use crate::operations::{self, Asked};
use crate::relay::{Leg, Relays, Wish, relayed, state_number};
use crate::served::{ServedPoints, Status};

/// What a person orders.
pub(crate) struct Order {
    pub(crate) control: String,
    pub(crate) verb: String,
    pub(crate) payload: Value,
    pub(crate) not_after: Now,
    pub(crate) operator_ref: String,
    pub(crate) instruction_code: String,
}

/// What of a select-before-operate a person's dispatch is (R4).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum DispatchMode {
    /// All of it at once: for controls without `select = "relay"`.
    #[default]
    Direct,
    /// Select; it moves nothing.
    Select,
    /// Execute what a SELECT holds.
    Operate {
        /// The SELECT's operation id.
        of: String,
    },
    /// Give up what a SELECT holds.
    Cancel {
        /// The SELECT's operation id.
        of: String,
    },
}

/// A dispatch that a person orders.
pub(crate) struct PersonalDispatch {
    pub(crate) control: String,
    /// In the control's unit.
    pub(crate) target: f64,
    pub(crate) ramp: Option<f64>,
    pub(crate) mode: DispatchMode,
    pub(crate) not_after: Now,
    pub(crate) operator_ref: String,
    pub(crate) instruction_code: String,
}

impl Relays {
    /// Sends it; gives its operation id.
    ///
    /// # Errors
    /// In words for the person who ordered it.
    pub(crate) fn order(
        &mut self,
        core: &mut Core,
        exchange: &mut Exchange,
        served: &mut ServedPoints,
        order: &Order,
        now: Now,
    ) -> Result<String, String> {
        let plan = core.plan.clone();
        let mut payload = order.payload.clone();
        // A release names the control by the cap that it ends.
        let named = match payload["releaseOf"].as_str() {
            Some(of) => {
                let capped = released(core, of)?;
                payload["releaseOf"] = capped.id.into();
                capped.control
            }
            None => order.control.clone(),
        };
        let place = plan.control(&named).map(bridge_model::PointId::index);
        let asked = place.and_then(|place| match &plan.controls[place].kind {
            ControlKind::Ask(ask) => Some((place, &plan.controls[place], ask)),
            ControlKind::Drive(_) | ControlKind::Relay(_) | ControlKind::Instruct(_) | ControlKind::Companion(_) => None,
        });
        let Some((place, spec, ask)) = asked else {
            return Err(format!("{named} is no control of this bridge's profile that asks a peer"));
        };
        if spec.verb != order.verb {
            return Err(format!("{named} is a control of verb {}, not {}", spec.verb, order.verb));
        }
        let peer = core.settings.peers.iter().position(|peer| peer.name == ask.peer).ok_or("its peer is not configured")?;
        let Worded { verb, noun, target, unit } = worded(spec, &mut payload, now)?;
        let asked = Asked {
            peer,
            control: spec,
            verb,
            noun,
            payload,
            mode: "DIRECT",
            select_of: None,
            target,
            unit,
            not_after: order.not_after,
            operator_ref: &order.operator_ref,
            instruction_code: &order.instruction_code,
        };
        let operation = operations::ask(core, exchange, asked, now).ok_or("the order cannot be signed")?;
        self.last.insert(place, operation.clone());
        core.tell(format!("{verb} asked of {} by {}", ask.peer, order.operator_ref));
        self.show(core, served, place, Status { state: state_number("REQUESTED"), target, ..Status::default() }, now);
        Ok(operation)
    }

    /// Sends a person's dispatch through a relay control; gives its operation id.
    ///
    /// # Errors
    /// In words for the person: no such control, or not how it is selected (R4).
    pub(crate) fn dispatch_by_person(
        &mut self,
        core: &mut Core,
        exchange: &mut Exchange,
        served: &mut ServedPoints,
        dispatch: PersonalDispatch,
        now: Now,
    ) -> Result<String, String> {
        let plan = core.plan.clone();
        let PersonalDispatch { control: name, target, ramp, mode, not_after, operator_ref, instruction_code } = dispatch;
        let place = plan.control(&name).map(bridge_model::PointId::index);
        let Some((control, (spec, _))) = place.and_then(|place| Some((place, relayed(&plan.controls, place)?))) else {
            return Err(format!("{name} is no relay control of this bridge's profile"));
        };
        if spec.verb != "dispatch" {
            return Err(format!("{name} is a control of verb {}, not dispatch", spec.verb));
        }
        let leg = match (mode, spec.select == SelectMode::Relay) {
            (DispatchMode::Direct, false) => Leg::Direct,
            (DispatchMode::Direct, true) => return Err(format!("{name} is selected first (SELECT_REQUIRED)")),
            (DispatchMode::Select, true) => Leg::Select,
            (DispatchMode::Operate { of }, true) => Leg::Operate(selected(core, spec, of, (target, &operator_ref))?),
            (DispatchMode::Cancel { of }, true) => Leg::Cancel(selected(core, spec, of, (target, &operator_ref))?),
            (DispatchMode::Select | DispatchMode::Operate { .. } | DispatchMode::Cancel { .. }, false) => {
                return Err(format!("{name} is not selected by whoever orders (SELECT_NOT_SUPPORTED)"));
            }
        };
        let selects = leg == Leg::Select;
        let wish = Wish { control, target, ramp, before: None, leg, not_after, operator_ref, instruction_code };
        let operation = self.dispatch(core, exchange, served, &wish, now).ok_or("the dispatch cannot be signed")?;
        if selects {
            self.by_person.insert(control, operation.clone());
        }
        Ok(operation)
    }
}

/// The SELECT that an operate or cancel names, if it stands and was for the same: what differs would use it up at the plant (R4).
fn selected(core: &Core, spec: &Control, of: String, (target, operator): (f64, &str)) -> Result<String, String> {
    let Some(select) = operations::load(core, &of).filter(|select| select.ours && select.control == spec.id) else {
        return Err(format!("{of} is no operation of ours on {}", spec.id));
    };
    if select.status != "SELECTED" {
        return Err(format!("{of} does not hold {} selected: it is {}", spec.id, select.status));
    }
    if select.target.to_bits() != target.to_bits() || select.operator.as_deref() != Some(operator) {
        let who = select.operator.unwrap_or_default();
        return Err(format!("{of} selected {} {} for {who}, which is repeated exactly (SELECT_MISMATCH)", select.target, select.unit));
    }
    Ok(of)
}

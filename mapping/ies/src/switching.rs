//! `reconfigure`: switches that are opened or closed, step by step (R9).

use serde::{Deserialize, Serialize};

use crate::{OnFailure, SwitchAction, SwitchState};

/// `reconfigure`: a switching plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReconfigurePayload {
    /// The plan that it is of, a UUID.
    pub plan_id: String,
    /// What is switched, in order.
    pub steps: Vec<SwitchStep>,
    /// What happens when a step fails: it stops, and nothing is rolled back by itself (R9).
    pub on_failure: OnFailure,
}

/// One switch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchStep {
    /// Its place in the plan, from 1.
    pub seq: u32,
    /// The switch: one of the operation's resources.
    pub element: String,
    /// What is done with it.
    pub action: SwitchAction,
    /// How it has to stand before: read GOOD and fresh, or the step is refused (R9).
    pub expect_before: SwitchState,
}

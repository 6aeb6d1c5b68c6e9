//! One programme: what it is for, where it stands, how far it has come (R1).

use bridge_model::{Action, Mono, Now};
use bridge_profile::{Drive, RampBy};
use serde::{Deserialize, Serialize};

/// Where a programme stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Place {
    /// Accepted; nothing was sent.
    Accepted,
    /// A step's command is out.
    Commanding,
    /// The station confirmed; the echo is awaited.
    Echo,
    /// What stands beside the limit is being written (R7).
    Switching,
    /// Between two steps.
    Resting,
    /// The target is set; the plant follows.
    Following,
    /// To be held; the command that is out has not settled yet, so the outcome is not told yet.
    Withdrawing,
}

/// What a programme is for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// A set-point.
    #[default]
    Dispatch,
    /// A limit: a cap is put in force, or makes way for the next lowest.
    Limit,
    /// The limit is taken off.
    Release,
}

/// A write beside the limit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Write {
    /// The companion, in the plan's controls.
    pub(crate) control: usize,
    pub(crate) action: Action,
    /// Whether it puts the limit in force or takes it off.
    pub(crate) enables: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Programme {
    pub(crate) operation: String,
    pub(crate) target: f64,
    /// Units per minute; none sets the target at once.
    pub(crate) rate: Option<f64>,
    pub(crate) place: Place,
    /// The last set-point the plant confirmed by echo.
    pub(crate) confirmed: Option<f64>,
    /// The step that is out.
    pub(crate) pending: Option<f64>,
    pub(crate) command: Option<String>,
    /// Whether any execute may have left.
    pub(crate) written: bool,
    /// What the issuer's SELECT holds at the station: the first step executes it (R4).
    #[serde(default)]
    pub(crate) selected: Option<f64>,
    pub(crate) steps: u32,
    pub(crate) start_by_ns: i64,
    /// How often a step of a cap was refused by the station, or did not leave in time.
    #[serde(default)]
    pub(crate) refused: u32,
    #[serde(default)]
    pub(crate) kind: Kind,
    /// The limit goes up: it stands where an earlier one held it. Known when the wire is free.
    #[serde(default)]
    pub(crate) raises: bool,
    /// The cap that is gone when this has come to its end.
    #[serde(default)]
    pub(crate) ends: Option<String>,
    /// What is still to be written beside the limit; a restart ends the programme, so it is not stored.
    #[serde(skip)]
    pub(crate) companions: Vec<Write>,
    /// Why it is to be held, code and text.
    pub(crate) holding: Option<(String, String)>,
    /// When the step began; a restart ends the programme, so it is not stored.
    #[serde(skip)]
    pub(crate) step_began: Mono,
    /// Since when the measured power is in band.
    #[serde(skip)]
    pub(crate) in_band_since: Option<Mono>,
}

impl Programme {
    pub(crate) fn new(operation: String, (target, rate): (f64, Option<f64>), start_by_ns: i64, now: Now) -> Self {
        Self {
            operation,
            target,
            rate,
            place: Place::Accepted,
            confirmed: None,
            pending: None,
            command: None,
            written: false,
            selected: None,
            steps: 0,
            start_by_ns,
            refused: 0,
            kind: Kind::Dispatch,
            raises: false,
            ends: None,
            companions: Vec::new(),
            holding: None,
            step_began: now.mono,
            in_band_since: None,
        }
    }

    /// It brings the limit there.
    pub(super) fn is_for(&self, limit: f64) -> bool {
        self.kind == Kind::Limit && (self.target - limit).abs() <= 1e-9
    }

    /// It takes power off: a lock by an unknown outcome does not stop it (R3).
    pub(super) fn is_safe(&self) -> bool {
        self.kind == Kind::Limit && !self.raises
    }

    /// The plant's own release is the whole of it: no limit has to be written.
    pub(super) fn only_switches(&self, drive: &Drive) -> bool {
        self.kind == Kind::Release && !self.companions.is_empty() && drive.ramp.is_none_or(|ramp| ramp.by == RampBy::Plant)
    }

    pub(super) fn has_reached(&self, drive: &Drive) -> bool {
        // A limit ends where it was signed, not a tolerance above it.
        let tolerance = if self.kind == Kind::Dispatch { drive.taken.tolerance.max(1e-9) } else { 1e-9 };
        let near = |confirmed: f64| (confirmed - self.target).abs() <= tolerance;
        self.confirmed.map_or(self.kind == Kind::Release && self.companions.is_empty(), near)
    }
}

//! The native safety envelope: one pure function from what is asked and what is known to yes or no.

use std::time::Duration;

use bridge_ies::{Mode, PowerBasis, Quantity, RampUnit, Setpoint, Unit, format_time};
use bridge_model::{Quality, Utc, Validity};

use crate::code;

/// What is asked, after its signatures were verified.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Request<'a> {
    /// How it is meant; `None` is refused, as every command says it.
    pub mode: Option<Mode>,
    /// The set-point.
    pub setpoint: &'a Setpoint,
    /// When the issuer issued it.
    pub issued_at: Utc,
    /// Not before.
    pub valid_from: Option<Utc>,
    /// Not after; `None` is refused as expired.
    pub valid_until: Option<Utc>,
    /// `timestamp + ttl` of the message that carried it, if a message did.
    pub message_expires: Option<Utc>,
}

/// What is known at the moment of the decision. [`Facts::default`] knows nothing, and so everything is refused.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// The time of the decision.
    pub now: Utc,
    /// The control that resource and verb lead to, if there is one.
    pub control: Option<ControlFacts>,
    /// Whether the trust bundle, still alive, authorises party, role, verb and resource.
    pub authorised: bool,
    /// Whether the control wants the issuer's own SELECT before its OPERATE (R4, `select = "relay"`).
    pub issuer_selects: bool,
    /// Whether the journal can be written.
    pub journal_ok: bool,
    /// The bridge's own clock.
    pub clock: ClockFacts,
    /// Whether the link to the station is up and carries commands.
    pub link_up: bool,
    /// Why the control is locked against this command, if it is: an indeterminate outcome (a command in the safe direction is not
    /// locked out by it, R3), a tag, a transaction on the wire.
    pub locked: Option<String>,
    /// The plant's remote-enable point; `None` if the control declares none. `released` and `automatic` execution need one: the
    /// profile compiler sees to that.
    pub remote_enable: Option<Condition>,
    /// The control's other preconditions.
    pub requires: Vec<Condition>,
}

/// The state of the bridge's own clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClockFacts {
    /// Whether it is synchronised.
    pub synchronised: bool,
    /// How far off it may be.
    pub uncertainty: Duration,
    /// How far off it may be for control to go on; R5: 1 s by default.
    pub limit: Duration,
}

/// The envelope of one control, in engineering units. Generation positive.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ControlFacts {
    /// What it drives.
    pub quantity: Quantity,
    /// The only unit it takes.
    pub unit: Unit,
    /// The only basis it takes; `None` for other quantities than active power.
    pub basis: Option<PowerBasis>,
    /// Lowest value: the profile's, or the live declared one if higher (R11).
    pub min: f64,
    /// Highest value: the profile's, or the live declared one if lower (R11).
    pub max: f64,
    /// The lowest cap that is in force on the resource (R6).
    pub cap: Option<f64>,
    /// Declared ramp upwards in unit per minute; `None` if none is declared.
    pub ramp_up: Option<f64>,
    /// Declared ramp downwards in unit per minute; `None` if none is declared.
    pub ramp_down: Option<f64>,
    /// The present target or measured value, from which the direction of the ramp follows; `None`: the slower declared ramp holds.
    pub present: Option<f64>,
    /// How old an instruction may be.
    pub max_age: Duration,
    /// How far the issuer's clock may run ahead of this one.
    pub max_ahead: Duration,
}

/// A precondition and what its point says.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    /// In operator's words: "U1 AGC off".
    pub text: String,
    /// The value it must have.
    pub equals: f64,
    /// The value it has; `None` if never read.
    pub value: Option<f64>,
    /// Its quality: only GOOD counts.
    pub quality: Quality,
    /// Whether it is younger than its link's `stale_after`.
    pub fresh: bool,
}

impl Condition {
    /// Whether it is met by a GOOD and fresh value.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.fresh && self.quality.validity == Validity::Good && self.value == Some(self.equals)
    }
}

/// Yes or no.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Inside the envelope: the command may go to the plant now.
    Accept,
    /// Not to be sent.
    Reject {
        /// One of [`crate::code`].
        code: &'static str,
        /// For the operators at both ends: what was asked and what holds.
        text: String,
    },
}

/// Decides on one set-point. Pure: the same request and facts give the same decision, for ever.
///
/// The first reason found is given, in this order: authority, journal and own clock; the message's times; form (mode, quantity, unit,
/// basis, number); limits; ramp; plant state (local, preconditions, lock, link). So a stranger learns nothing of the plant's state.
#[must_use]
pub fn decide(request: &Request<'_>, facts: &Facts) -> Decision {
    match refusal(request, facts) {
        Some((code, text)) => Decision::Reject { code, text },
        None => Decision::Accept,
    }
}

pub(crate) type Refusal = Option<(&'static str, String)>;

fn refusal(request: &Request<'_>, facts: &Facts) -> Refusal {
    let authority = (!facts.authorised).then(|| (code::NOT_AUTHORISED, "the trust bundle does not allow it".to_owned()));
    let Some(control) = &facts.control else {
        return authority.or_else(|| Some((code::UNKNOWN_RESOURCE, "no control for this resource and verb".to_owned())));
    };
    authority
        .or_else(|| own_state(facts.journal_ok, facts.clock))
        .or_else(|| times(&Times::of(request, control), facts.now))
        .or_else(|| if facts.issuer_selects { selecting(request.mode) } else { direct(request.mode) })
        .or_else(|| form(request, control))
        .or_else(|| limits(request.setpoint, control))
        .or_else(|| ramp(request.setpoint, control))
        .or_else(|| plant_state(facts))
}

pub(crate) fn own_state(journal_ok: bool, clock: ClockFacts) -> Refusal {
    if !journal_ok {
        return Some((code::JOURNAL_FAILED, "the journal cannot be written".into()));
    }
    if !clock.synchronised || clock.uncertainty > clock.limit {
        let state = if clock.synchronised { "uncertain" } else { "not synchronised" };
        let text = format!("own clock {state}, ±{} ms, limit {} ms", clock.uncertainty.as_millis(), clock.limit.as_millis());
        return Some((code::CLOCK_UNSYNCHRONISED, text));
    }
    None
}

/// When a message may be carried out.
pub(crate) struct Times {
    pub(crate) issued_at: Utc,
    pub(crate) valid_from: Option<Utc>,
    pub(crate) valid_until: Option<Utc>,
    pub(crate) message_expires: Option<Utc>,
    pub(crate) max_age: Duration,
    pub(crate) max_ahead: Duration,
}

impl Times {
    fn of(request: &Request<'_>, control: &ControlFacts) -> Self {
        let Request { issued_at, valid_from, valid_until, message_expires, .. } = *request;
        Self { issued_at, valid_from, valid_until, message_expires, max_age: control.max_age, max_ahead: control.max_ahead }
    }
}

pub(crate) fn times(request: &Times, now: Utc) -> Refusal {
    let Some(valid_until) = request.valid_until else {
        return Some((code::EXPIRED, "no validUntil".into()));
    };
    let end = request.message_expires.map_or(valid_until, |expires| expires.min(valid_until));
    if now >= end {
        return Some((code::EXPIRED, format!("valid until {}, now {}", format_time(end.0), format_time(now.0))));
    }
    if request.valid_from.is_some_and(|from| now < from) {
        let from = request.valid_from.unwrap_or_default();
        return Some((code::NOT_YET_VALID, format!("valid from {}, now {}", format_time(from.0), format_time(now.0))));
    }
    let (age, ahead) = (now.since(request.issued_at), request.issued_at.since(now));
    if age > request.max_age {
        return Some((code::TOO_OLD, format!("issued {} ms ago, at most {} ms", age.as_millis(), request.max_age.as_millis())));
    }
    if ahead > request.max_ahead {
        return Some((code::TOO_OLD, format!("issued {} ms ahead of this clock", ahead.as_millis())));
    }
    None
}

fn form(request: &Request<'_>, control: &ControlFacts) -> Refusal {
    let setpoint = request.setpoint;
    if setpoint.relative == Some(true) {
        return Some((code::RELATIVE_NOT_SUPPORTED, "a change was sent, this control takes targets".into()));
    }
    if setpoint.quantity != control.quantity {
        return Some((code::BAD_QUANTITY, format!("{} was sent, the control drives {}", setpoint.quantity, control.quantity)));
    }
    if setpoint.unit != control.unit {
        return Some((code::BAD_UNIT, format!("{} was sent, the control takes {}", setpoint.unit, control.unit)));
    }
    let is_power = control.quantity == Quantity::ActivePower;
    if setpoint.power_basis != control.basis || (is_power && control.basis.is_none()) {
        let name = |basis: Option<PowerBasis>| basis.map_or("no basis", PowerBasis::as_str);
        return Some((code::BAD_BASIS, format!("{} was sent, the control takes {}", name(setpoint.power_basis), name(control.basis))));
    }
    None
}

/// A control that wants its issuer's SELECT takes no DIRECT.
pub(crate) fn selecting(mode: Option<Mode>) -> Refusal {
    match mode {
        Some(Mode::Select | Mode::Operate | Mode::Cancel) => None,
        Some(Mode::Direct) => Some((code::SELECT_REQUIRED, "mode DIRECT, this control takes SELECT and then OPERATE".into())),
        Some(Mode::Test) | None => Some((code::SELECT_NOT_SUPPORTED, "this control takes SELECT and then OPERATE".into())),
    }
}

pub(crate) fn direct(mode: Option<Mode>) -> Refusal {
    match mode {
        Some(Mode::Direct) => None,
        Some(mode @ (Mode::Select | Mode::Operate | Mode::Cancel | Mode::Test)) => {
            Some((code::SELECT_NOT_SUPPORTED, format!("mode {mode}, this control takes DIRECT")))
        }
        None => Some((code::SELECT_NOT_SUPPORTED, "no mode, this control takes DIRECT".into())),
    }
}

fn limits(setpoint: &Setpoint, control: &ControlFacts) -> Refusal {
    let issuer = setpoint.limits.map_or([None, None], |l| [Some(l.min), Some(l.max)]);
    let numbers = [Some(setpoint.value), Some(control.min), Some(control.max), issuer[0], issuer[1], setpoint.deadband];
    if let Some(bad) = numbers.into_iter().flatten().find(|number| !number.is_finite()) {
        return Some((code::NOT_A_NUMBER, format!("{bad} is not a finite number")));
    }
    let (value, unit) = (setpoint.value, setpoint.unit);
    let max = issuer[1].map_or(control.max, |limit| limit.min(control.max));
    let min = issuer[0].map_or(control.min, |limit| limit.max(control.min));
    // Positive tests only: whatever does not compare is refused.
    if !matches!(value.partial_cmp(&max), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)) {
        return Some((code::ABOVE_MAX, format!("{value} {unit} is above {max} {unit}")));
    }
    if let Some(cap) = control.cap.filter(|cap| value.partial_cmp(cap).is_none_or(std::cmp::Ordering::is_gt)) {
        return Some((code::ABOVE_CAP, format!("{value} {unit} is above the cap of {cap} {unit} in force")));
    }
    if !matches!(value.partial_cmp(&min), Some(std::cmp::Ordering::Greater | std::cmp::Ordering::Equal)) {
        return Some((code::BELOW_MIN, format!("{value} {unit} is below {min} {unit}")));
    }
    None
}

fn ramp(setpoint: &Setpoint, control: &ControlFacts) -> Refusal {
    let asked = setpoint.ramp?;
    match asked.unit {
        RampUnit::MwPerMin if control.unit != Unit::Mw => {
            return Some((code::BAD_UNIT, format!("a ramp in MW/min for a control in {}", control.unit)));
        }
        RampUnit::MwPerMin => {}
    }
    if !asked.value.is_finite() {
        return Some((code::NOT_A_NUMBER, format!("the ramp {} is not a finite number", asked.value)));
    }
    let declared = match control.present {
        Some(present) if setpoint.value > present => control.ramp_up,
        Some(present) if setpoint.value < present => control.ramp_down,
        Some(_) | None => slower(control.ramp_up, control.ramp_down),
    };
    match declared {
        Some(declared) if asked.value > 0.0 && asked.value <= declared => None,
        Some(declared) => Some((code::RAMP_TOO_FAST, format!("{} MW/min was asked, {declared} MW/min is declared", asked.value))),
        None => Some((code::RAMP_TOO_FAST, format!("{} MW/min was asked, the control declares no ramp", asked.value))),
    }
}

/// The smaller of two declared ramps; none if either direction declares none.
fn slower(up: Option<f64>, down: Option<f64>) -> Option<f64> {
    Some(up?.min(down?))
}

pub(crate) fn plant_state(facts: &Facts) -> Refusal {
    if let Some(enable) = facts.remote_enable.as_ref().filter(|enable| !enable.is_met()) {
        return Some((code::LOCAL_CONTROL, format!("{}: {}", enable.text, state_of(enable))));
    }
    if let Some(condition) = facts.requires.iter().find(|condition| !condition.is_met()) {
        return Some((code::NOT_READY, format!("{}: {}", condition.text, state_of(condition))));
    }
    if let Some(why) = &facts.locked {
        return Some((code::POINT_LOCKED, why.clone()));
    }
    if !facts.link_up {
        return Some((code::LINK_DOWN, "the link to the station is down".into()));
    }
    None
}

pub(crate) fn state_of(condition: &Condition) -> String {
    match condition.value {
        None => "never read".into(),
        Some(_) if !condition.fresh => "not fresh".into(),
        Some(value) if condition.quality.validity != Validity::Good => format!("{value}, not GOOD"),
        Some(value) => format!("{value}, must be {}", condition.equals),
    }
}

//! The caps that are in force (R6, R7): each with its own period, the lowest one is what the plant follows. They live in the journal's
//! tables; nothing but their issuer's word ends them, and that word is the signed period or a release.

use bridge_ies::Party;
use bridge_model::Utc;
use bridge_policy::code::{LOWER_CAP, RELEASED};
use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::operations::{Readback, Stage, acknowledge};
use crate::programme::{Desk, Programme, Write, driven, good, supersede};
use crate::store::Table;
use crate::timers::Timer;

/// Where a cap stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Stand {
    /// The plant follows it, or is being brought there.
    InForce,
    /// A lower one is followed; the power is not known yet to be below this one too.
    Beneath,
    /// Its period is over, or its release did not come through: its issuer is asked.
    Overdue,
    /// Its release is under way.
    Releasing,
}

/// One cap.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Cap {
    /// The `curtail` that set it.
    pub(crate) operation: String,
    pub(crate) control: String,
    /// The word of exclusion: what else it bounds.
    pub(crate) word: String,
    pub(crate) issuer: Party,
    /// The issuer as this bridge names it.
    pub(crate) peer: String,
    /// The power that may remain, in the control's unit.
    pub(crate) limit: f64,
    /// The ramp that its issuer signed, per minute.
    pub(crate) rate: f64,
    pub(crate) reason: String,
    /// When its period is over.
    pub(crate) until_ns: Option<i64>,
    /// Its issuer signed that the end releases it.
    pub(crate) at_end: bool,
    pub(crate) received_ns: i64,
    /// People carry it out: nothing is written, neither for it nor for its release (R8).
    pub(crate) by_hand: bool,
    pub(crate) stand: Stand,
}

/// All caps, by the id of their operation, which is by time.
pub(crate) fn all(core: &Core) -> Vec<Cap> {
    core.store.entries(Table::Caps).filter_map(|(_, value)| serde_json::from_slice(value).ok()).collect()
}

pub(crate) fn load(core: &Core, operation: &str) -> Option<Cap> {
    core.load(Table::Caps, operation.as_bytes())
}

/// Keeps a cap, and waits for its end.
pub(crate) fn keep(desk: &mut Desk<'_>, cap: &Cap) {
    desk.core.put(Table::Caps, cap.operation.as_bytes(), cap);
    let timer = Timer::CapEnd(cap.operation.clone());
    match cap.until_ns.filter(|_| matches!(cap.stand, Stand::InForce | Stand::Beneath)) {
        Some(until) => {
            let at = desk.core.mono(Utc(until), desk.now);
            desk.core.timers.set(timer, at);
        }
        None => desk.core.timers.cancel(&timer),
    }
}

fn remove(core: &mut Core, operation: &str) {
    core.delete(Table::Caps, operation.as_bytes());
    core.timers.cancel(&Timer::CapEnd(operation.to_owned()));
}

/// The lowest cap of a control that is not on its way out, which is what the plant follows; of equals the older.
pub(crate) fn lowest(core: &Core, control: &str) -> Option<Cap> {
    lowest_but(core, control, "")
}

/// The lowest of the others.
pub(crate) fn lowest_but(core: &Core, control: &str, but: &str) -> Option<Cap> {
    let counts = |cap: &Cap| cap.control == control && cap.operation != but && cap.stand != Stand::Releasing;
    all(core).into_iter().filter(counts).min_by(|a, b| a.limit.total_cmp(&b.limit))
}

/// What bounds a new set-point: the lowest cap that stands on whatever shares its word of exclusion (R6). One that is being released bounds
/// no order: its issuer's word is given.
pub(crate) fn bound(core: &Core, control: usize) -> Option<f64> {
    bounding(core, control).filter(|cap| cap.stand != Stand::Releasing).map(|cap| cap.limit).reduce(f64::min)
}

/// How high the next step of a set-point may go: a limit that is on its way up counts where it has come to.
pub(crate) fn step_bound(desk: &Desk<'_>, control: usize) -> Option<f64> {
    let rising = |cap: &Cap| {
        let control = desk.core.plan.control(&cap.control)?.index();
        let (_, drive) = driven(&desk.core.plan.controls, control)?;
        in_force(desk, control).then(|| good(desk.image, drive.taken.point).unwrap_or(cap.limit))
    };
    let bounds = bounding(desk.core, control);
    bounds.filter_map(|cap| if cap.stand == Stand::Releasing { rising(&cap) } else { Some(cap.limit) }).reduce(f64::min)
}

/// The caps on what shares a set-point's word of exclusion.
fn bounding(core: &Core, control: usize) -> impl Iterator<Item = Cap> {
    let set_point = driven(&core.plan.controls, control).filter(|(_, drive)| drive.cap.is_none());
    let word = set_point.map(|(_, drive)| drive.exclusive.as_str());
    let caps = if core.store.entries(Table::Caps).next().is_some() { all(core) } else { Vec::new() };
    caps.into_iter().filter(move |cap| word == Some(cap.word.as_str()))
}

/// A cap on the same resource that came later, and is not on its way out: an older one does not let the plant up under it, neither by its
/// issuer's word nor by its end (R7). Where another one stands as low as the older one nothing goes up, and it may go.
pub(crate) fn newer(core: &Core, than: &Cap) -> Option<Cap> {
    if lowest_but(core, &than.control, &than.operation).is_some_and(|other| other.limit <= than.limit) {
        return None;
    }
    let later = |cap: &Cap| (cap.received_ns, &cap.operation) > (than.received_ns, &than.operation);
    all(core).into_iter().find(|cap| cap.word == than.word && cap.stand != Stand::Releasing && later(cap))
}

const ENABLED: &[u8] = b"cap enabled ";

fn enabled_key(core: &Core, control: usize) -> Vec<u8> {
    [ENABLED, core.plan.controls[control].id.as_bytes()].concat()
}

/// Whether a limit is in force at the plant by our doing.
pub(crate) fn enabled(core: &Core, control: usize) -> bool {
    core.store.value(Table::Misc, &enabled_key(core, control)).is_some()
}

/// A limit was put in force, or taken off.
pub(crate) fn set_enabled(core: &mut Core, control: usize, on: bool) {
    let key = enabled_key(core, control);
    if on {
        core.put_bytes(Table::Misc, &key, b"1");
    } else {
        core.delete(Table::Misc, &key);
    }
}

/// Whether a limit holds the plant's power down now, by our doing: where it is not switched, its echo shows it.
pub(crate) fn in_force(desk: &Desk<'_>, control: usize) -> bool {
    let Some((_, drive)) = driven(&desk.core.plan.controls, control) else { return false };
    match drive.cap.as_ref().and_then(|cap| cap.enable) {
        Some(_) => enabled(desk.core, control),
        None => good(desk.image, drive.taken.point).is_some_and(|echo| echo < drive.max),
    }
}

/// Whether the plant is let up if its limit goes there: it stands lower, or nobody sees where.
pub(crate) fn rises(desk: &Desk<'_>, control: usize, limit: f64) -> bool {
    let Some((_, drive)) = driven(&desk.core.plan.controls, control) else { return true };
    in_force(desk, control) && good(desk.image, drive.taken.point).is_none_or(|echo| echo < limit)
}

/// Whether the plant's limit stands there.
pub(crate) fn stands_at(desk: &Desk<'_>, control: usize, limit: f64) -> bool {
    let Some((_, drive)) = driven(&desk.core.plan.controls, control) else { return false };
    in_force(desk, control) && good(desk.image, drive.taken.point).is_some_and(|echo| (echo - limit).abs() <= drive.taken.tolerance)
}

/// What is written beside a limit: to put it in force, or to take it off.
pub(crate) fn companions(core: &Core, control: usize, reason: Option<&str>, off: bool) -> Vec<Write> {
    let Some(cap) = driven(&core.plan.controls, control).and_then(|(_, drive)| drive.cap.as_ref()) else { return Vec::new() };
    let switch = |(control, on): (usize, bool)| Write { control, action: bridge_model::Action::Switch(on), enables: Some(!off) };
    if off {
        return cap.enable.map(|enable| switch(enable.off)).into_iter().collect();
    }
    #[expect(clippy::cast_precision_loss, reason = "the number of a reason is small")]
    let number = reason.and_then(|reason| cap.reasons.get(&reason.to_ascii_uppercase())).map(|reason| reason.number as f64);
    let told = cap.reason.zip(number).map(|(control, number)| Write { control, action: bridge_model::Action::Set(number), enables: None });
    let enable = cap.enable.filter(|_| !enabled(core, control)).map(|enable| switch(enable.on));
    told.into_iter().chain(enable).collect()
}

/// The period is over, or a release did not come through: the cap stands, and its issuer is asked (R1, R7).
pub(crate) fn overdue(desk: &mut Desk<'_>, mut cap: Cap, code: &str, text: &str) {
    cap.stand = Stand::Overdue;
    keep(desk, &cap);
    let words = format!("{text}; it stands until its issuer releases it");
    desk.core.tell(format!("{}: OVERDUE, the cap of {} {}: {words}", cap.control, cap.limit, cap.peer));
    desk.core.note(desk.now, "overdue", &words, &[("operation", cap.operation.clone()), ("control", cap.control.clone())]);
    acknowledge(desk.core, desk.exchange, &cap.operation, Stage::Execution, "OVERDUE", Some((code, &words)), None, desk.now);
    desk.core.recorder.hurry();
}

/// A cap is in force beneath a lower one: accepted, and not what the plant follows.
pub(crate) fn beneath(desk: &mut Desk<'_>, mut cap: Cap, lower: &Cap) {
    cap.stand = Stand::Beneath;
    keep(desk, &cap);
    let text = format!("a cap of {} by {} is lower", lower.limit, lower.peer);
    desk.core.tell(format!("{}: the cap of {} of {} stands beneath: {text}", cap.control, cap.limit, cap.peer));
    acknowledge(desk.core, desk.exchange, &cap.operation, Stage::Execution, "EXECUTING", Some((LOWER_CAP, &text)), None, desk.now);
    check_beneath(desk, &cap);
}

/// The measured power changed: what stands beneath a lower cap may be seen to be kept.
pub(crate) fn handle_measured(desk: &mut Desk<'_>, control: &str) {
    for cap in all(desk.core).into_iter().filter(|cap| cap.stand == Stand::Beneath && cap.control == control) {
        check_beneath(desk, &cap);
    }
}

fn check_beneath(desk: &mut Desk<'_>, cap: &Cap) {
    let plan = desk.core.plan.clone();
    let Some(control) = plan.control(&cap.control).map(bridge_model::PointId::index) else { return };
    let Some((_, drive)) = driven(&plan.controls, control) else { return };
    let Some(measured) = good(desk.image, drive.followed.point).filter(|measured| drive.followed.is_met(*measured, cap.limit)) else {
        return;
    };
    keep(desk, &Cap { stand: Stand::InForce, ..cap.clone() });
    let readback = Readback { setpoint: Some(cap.limit), measured: Some(measured), time_left_s: Some(0.0) };
    let lower = lowest_but(desk.core, &cap.control, &cap.operation).is_some_and(|other| other.limit <= cap.limit);
    let reason = lower.then_some((LOWER_CAP, "the power is below it, by a lower cap"));
    acknowledge(desk.core, desk.exchange, &cap.operation, Stage::Execution, "COMPLETED", reason, Some(readback), desk.now);
}

/// The programme of a cap, or of a release, makes way for another one on the same control.
pub(crate) fn displaced(desk: &mut Desk<'_>, old: &Programme, by: &str) {
    if let Some(ended) = &old.ends {
        // Its release was under way, and a newer cap came: it is gone, and the newer one holds.
        if let Some(cap) = load(desk.core, ended) {
            remove(desk.core, ended);
            if cap.operation != old.operation {
                told_released(desk, &cap.operation, "its issuer released it");
            }
        }
        supersede(desk, old, by);
        return;
    }
    match load(desk.core, &old.operation).filter(|cap| cap.stand != Stand::Releasing) {
        Some(cap) => match load(desk.core, by).filter(|by| by.stand != Stand::Releasing) {
            Some(lower) => beneath(desk, cap, &lower),
            // The end of another cap goes on to bring the plant here.
            None => {
                let cap = Cap { stand: Stand::Beneath, ..cap };
                keep(desk, &cap);
                check_beneath(desk, &cap);
            }
        },
        None if old.operation == by => {}
        None => supersede(desk, old, by),
    }
}

/// How a programme that ends a cap has ended itself.
pub(crate) fn release_ended(desk: &mut Desk<'_>, programme: &Programme, ended: &str, status: &'static str, reason: Option<(&str, &str)>) {
    let own = programme.operation == ended;
    let Some(cap) = load(desk.core, ended) else { return };
    let plan = desk.core.plan.clone();
    let measured = plan
        .control(&cap.control)
        .and_then(|control| driven(&plan.controls, control.index()))
        .and_then(|(_, drive)| good(desk.image, drive.followed.point));
    let readback = Readback { setpoint: programme.confirmed, measured, time_left_s: Some(0.0) };
    if status == "COMPLETED" {
        let text = if own { "the end of its period released it" } else { "its issuer released it" };
        remove(desk.core, ended);
        if !own {
            let reason = Some((RELEASED, text));
            acknowledge(desk.core, desk.exchange, &programme.operation, Stage::Execution, status, reason, Some(readback), desk.now);
        }
        desk.core.tell(format!("{}: the cap of {} of {} is released", cap.control, cap.limit, cap.peer));
        told_released(desk, ended, text);
        return;
    }
    let (code, text) = reason.unwrap_or(("NO_ANSWER", "the release did not come through"));
    if !own {
        acknowledge(desk.core, desk.exchange, &programme.operation, Stage::Execution, status, reason, Some(readback), desk.now);
    }
    let (code, text) = (code.to_owned(), format!("its release did not come through: {text}"));
    overdue(desk, cap, &code, &text);
}

/// Drops a cap that nothing has to be written for.
pub(crate) fn drop_quietly(desk: &mut Desk<'_>, cap: &Cap, by: Option<&str>, text: &str) {
    remove(desk.core, &cap.operation);
    desk.core.tell(format!("{}: the cap of {} of {} is over: {text}", cap.control, cap.limit, cap.peer));
    if let Some(by) = by {
        acknowledge(desk.core, desk.exchange, by, Stage::Execution, "COMPLETED", Some((RELEASED, text)), None, desk.now);
    }
    told_released(desk, &cap.operation, text);
}

fn told_released(desk: &mut Desk<'_>, operation: &str, text: &str) {
    desk.core.note(desk.now, "released", text, &[("operation", operation.to_owned())]);
    acknowledge(desk.core, desk.exchange, operation, Stage::Execution, "COMPLETED", Some((RELEASED, text)), None, desk.now);
    desk.core.recorder.hurry();
}

/// A cap makes way for one of the same issuer that names it.
pub(crate) fn replace(desk: &mut Desk<'_>, cap: &Cap, by: &str) {
    remove(desk.core, &cap.operation);
    desk.core.note(desk.now, "replaced", "its issuer replaced the cap", &[("operation", cap.operation.clone()), ("by", by.to_owned())]);
    acknowledge(desk.core, desk.exchange, &cap.operation, Stage::Execution, "SUPERSEDED", Some(("SUPERSEDED", by)), None, desk.now);
}

/// After a restart nothing is released by itself that lapsed meanwhile: its issuer is asked (R1, R2). The rest goes on to its own end.
pub(crate) fn recover(desk: &mut Desk<'_>) {
    for cap in all(desk.core) {
        let lapsed = cap.until_ns.is_some_and(|until| until <= desk.now.utc.0);
        match cap.stand {
            Stand::InForce | Stand::Beneath if lapsed => overdue(desk, cap, "RESTART", "its period ended while the bridge was down"),
            // Its programme did not come to its end, or never began.
            Stand::Releasing => overdue(desk, cap, "RESTART", "the bridge restarted during its release"),
            Stand::InForce | Stand::Beneath => {
                desk.core.tell(format!("{}: the cap of {} of {} stands", cap.control, cap.limit, cap.peer));
                keep(desk, &cap);
            }
            Stand::Overdue => {}
        }
    }
}

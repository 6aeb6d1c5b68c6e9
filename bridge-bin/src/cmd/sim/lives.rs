//! How the points of any profile live behind a simulated station: by class, unit, range, limits and what the controls ask of them.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::{LinkId, PointId, Value};
use bridge_profile::{Control, ControlKind, Drive, Plan, PlannedPoint, PointSource, Side};
use bridge_session::{AddressUse, LinkSpec};
use bridge_sim::{Life, Loop, PlantBinding, Process, Quantity, Standard, UnitLimits};

/// Nominal voltages, kV.
const VOLTAGES: [f64; 14] = [765.0, 400.0, 220.0, 132.0, 110.0, 66.0, 33.0, 22.0, 15.75, 11.0, 6.6, 3.3, 0.69, 0.415];
/// What follows a control's name in that of its switch.
const ENABLE: &str = ".enable";
/// A plant can do at least this much faster than its bridge may ask.
const FASTER: f64 = 2.0;

/// Whether the model of two thermal units is what this link speaks of: their points by name, their set-points and outputs by range.
pub(super) fn is_thermal(plan: &Plan, spec: &LinkSpec, limits: &UnitLimits, start_mw: f64) -> bool {
    let binding = PlantBinding::default();
    let quantity = |name: &str| binding.resolve(name).map(|bound| bound.quantity);
    let (mut any, mut all) = (false, true);
    for point in &spec.points {
        let fits = match point.usage {
            AddressUse::Monitor => plan.points.get(point.point.index()).and_then(|planned| {
                let range = planned.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
                let output = quantity(&planned.id)? != Quantity::Power || (range.0..=range.1).contains(&start_mw);
                Some(output)
            }),
            AddressUse::Control => plan.controls.get(point.point.index()).and_then(|control| {
                // The model of a unit moves its breaker by itself: what switches it is another station's.
                if drive(control).is_some_and(|drive| drive.switches) {
                    return Some(false);
                }
                quantity(&control.id)?;
                Some(drive(control).is_some_and(|drive| control.unit == "MW" && drive.min >= limits.min_mw && drive.max <= limits.max_mw))
            }),
        };
        any |= fits.is_some();
        all &= fits.unwrap_or(true);
    }
    any && all
}

/// The process behind everything that no plant models and no generator moves.
pub(super) fn process(
    plan: &Plan,
    (link, spec): (LinkId, &LinkSpec),
    binding: Option<&PlantBinding>,
    moving: &[PointId],
    (every, lag): (Duration, Duration),
    seed: u64,
    standard: Standard,
) -> Process {
    let modelled = |name: &str| binding.is_some_and(|binding| binding.resolve(name).is_some());
    let wanted = wanted(plan);
    let mut process = Process::new(seed, every);
    let monitored = spec.points.iter().filter(|point| point.usage == AddressUse::Monitor && !moving.contains(&point.point));
    for point in monitored {
        let Some(planned) = plan.points.get(point.point.index()) else { continue };
        if planned.source == PointSource::Link(link) && !modelled(&planned.id) {
            let life = sun(plan, link, point.point, planned).unwrap_or_else(|| life(planned, wanted.get(&point.point).copied()));
            process = process.with_point(point.point, life);
        }
    }
    for point in spec.points.iter().filter(|point| point.usage == AddressUse::Control) {
        let Some(control) = plan.controls.get(point.point.index()).filter(|control| !modelled(&control.id)) else { continue };
        let status = standard.status_of(spec, point);
        if let Some(drive) = drive(control).filter(|drive| drive.switches) {
            // A switch stays as it is switched, and its position shows it.
            process = process.with_latch(point.point, vec![drive.taken.point]);
        } else if let Some(driven) = drive(control).and_then(|drive| driven(plan, link, point.point, drive, lag)) {
            process = process.with_loop(Loop { echo: driven.echo.or(status), ..driven });
        } else if control.unit.is_empty() || control.id.ends_with(ENABLE) {
            // What has no unit is switched, and stays: its own status shows it, and the plant's word whether a limit holds.
            let shown = status.into_iter().chain(switched(plan, link, &control.id).filter(|point| Some(*point) != status));
            process = process.with_latch(point.point, shown.collect());
        }
    }
    process
}

fn drive(control: &Control) -> Option<&Drive> {
    match &control.kind {
        ControlKind::Drive(drive) => Some(drive),
        ControlKind::Relay(_) | ControlKind::Instruct(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => None,
    }
}

/// What controls ask of states before they are sent.
fn wanted(plan: &Plan) -> BTreeMap<PointId, f64> {
    let drives = plan.controls.iter().filter_map(drive);
    let one = |drive: &Drive| {
        let required: Vec<(PointId, f64)> = drive.requires.iter().map(|require| (require.point, require.equals)).collect();
        required.into_iter().chain(drive.remote_enable.map(|point| (point, 1.0)))
    };
    drives.flat_map(one).collect()
}

fn driven(plan: &Plan, link: LinkId, control: PointId, drive: &Drive, lag: Duration) -> Option<Loop> {
    let here = |point: PointId| plan.points.get(point.index()).is_some_and(|planned| planned.source == PointSource::Link(link));
    let span = drive.max - drive.min;
    let ramp = drive.ramp.map_or(0.0, |ramp| ramp.up.max(ramp.down));
    (span.is_finite() && span >= 0.0).then(|| Loop {
        control,
        min: drive.min,
        max: drive.max,
        start: f64::midpoint(drive.min, drive.max),
        echo: Some(drive.taken.point).filter(|point| here(*point)),
        follows: Some(drive.followed.point).filter(|point| here(*point)),
        rate: span.max(ramp * FASTER) / 60.0,
        lag,
        ceiling: available(plan, link, drive.followed.point),
        enable: plan.controls.get(control.index()).and_then(|control| plan.control(&format!("{}{ENABLE}", control.id))),
    })
}

/// How an available power without a range lives: most of what its controls may ask for.
fn sun(plan: &Plan, link: LinkId, point: PointId, planned: &PlannedPoint) -> Option<Life> {
    let drives = plan.controls.iter().filter_map(drive);
    let of_it = drives.filter(|drive| drive.max.is_finite() && available(plan, link, drive.followed.point) == Some(point));
    let most = of_it.map(|drive| drive.max).reduce(f64::max).filter(|_| planned.range.is_none())?;
    Some(Life::Walk { low: most * 0.5, high: most * 0.8 })
}

/// The point that shows whether a limit is switched on, of the resource of the limit that the switch is named after.
fn switched(plan: &Plan, link: LinkId, switch: &str) -> Option<PointId> {
    let limit = plan.control(switch.strip_suffix(ENABLE)?)?;
    let resource = plan.controls.get(limit.index())?.resource;
    find(plan, |point| {
        let of_it = point.resource == resource && point.source == PointSource::Link(link);
        of_it && point.measurement.trim_start_matches("x-") == "CurtailmentActive"
    })
}

fn find(plan: &Plan, is_it: impl Fn(&PlannedPoint) -> bool) -> Option<PointId> {
    plan.points.iter().position(is_it).and_then(|index| u32::try_from(index).ok()).map(PointId)
}

/// The available power of the resource whose power a control drives, where the link shows it: nothing gives more.
fn available(plan: &Plan, link: LinkId, followed: PointId) -> Option<PointId> {
    let driven = plan.points.get(followed.index())?;
    find(plan, |point| {
        let of_it = point.resource == driven.resource && point.source == PointSource::Link(link);
        of_it && point.measurement.trim_start_matches("x-") == "AvailableActivePower"
    })
}

fn life(point: &PlannedPoint, wanted: Option<f64>) -> Life {
    if point.cim_class == "Accumulator" {
        return Life::Count(1);
    }
    if point.cim_class == "Discrete" || point.unit.is_none() {
        return Life::Rest(Value::Real(wanted.unwrap_or_else(|| rest(point))));
    }
    let (low, high) = band(point);
    Life::Walk { low, high }
}

/// Where a state rests: switches closed, machines as their names say, no alarm raised.
fn rest(point: &PlannedPoint) -> f64 {
    let named = |wanted: &str| point.alias.iter().find(|(_, name)| name.as_str() == wanted).map(|(code, _)| f64::from(to_i32(*code)));
    let calm = match &point.alarm {
        Some(alarm) if alarm.when == 0 => 1.0,
        Some(_) | None => 0.0,
    };
    let likely = match point.measurement.as_str() {
        "SwitchPosition" => Some(2.0),
        "LocalRemote" | "x-RemoteEnable" => Some(1.0),
        _ => ["synchronised", "on", "closed", "running"].iter().find_map(|word| named(word)),
    };
    let alarming = |value: f64| point.alarm.as_ref().is_some_and(|alarm| f64::from(to_i32(alarm.when)) == value);
    likely.filter(|value| !alarming(*value)).unwrap_or(calm)
}

fn to_i32(code: i64) -> i32 {
    i32::try_from(code).unwrap_or(0)
}

/// Where a measurand walks: within its range and between its limits, a small part of that.
fn band(point: &PlannedPoint) -> (f64, f64) {
    let (mut low, mut high) = point.range.unwrap_or_else(|| usual(point.unit.as_deref().unwrap_or_default()));
    for limit in &point.limits {
        match limit.side {
            Side::High => high = high.min(limit.value - limit.hysteresis),
            Side::Low => low = low.max(limit.value + limit.hysteresis),
        }
    }
    if high < low {
        // Limits that leave nothing between them: it stands still in the middle.
        return (f64::midpoint(low, high), f64::midpoint(low, high));
    }
    let (centre, half) = match point.measurement.as_str() {
        "Frequency" => (50.0, 0.02),
        "LineToLineVoltage" | "LineToGroundVoltage" => {
            let nominal = VOLTAGES.iter().copied().find(|voltage| (low.max(0.0)..=high * 0.95).contains(voltage));
            nominal.map_or((low + (high - low) * 0.6, (high - low) * 0.02), |nominal| (nominal, nominal * 0.01))
        }
        _ => (low + (high - low) * 0.6, (high - low) * 0.1),
    };
    ((centre - half).clamp(low, high), (centre + half).clamp(low, high))
}

/// A likely range of a unit, for points that state none.
fn usual(unit: &str) -> (f64, f64) {
    match unit {
        "Hz" => (49.9, 50.1),
        "kV" => (0.0, 245.0),
        "MVAr" | "MVA" => (-50.0, 50.0),
        "A" => (0.0, 800.0),
        "degC" => (0.0, 80.0),
        _ => (0.0, 100.0),
    }
}

//! Values of a plan in words.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::Zone;
use bridge_profile::{CapReason, Plan, ServedSource};
use bridge_profile::{
    Capture, ControlKind, Conversion, Execution, JournalFailure, Lapse, Limit, PointSource, RampBy, SelectMode, ServedClass, Side,
    StatusKind, StreamClass, Verbs,
};
use bridge_session::{Field, Fields, Role};

/// `90s`, `500ms`, `15min`: the largest unit that says it exactly.
pub(crate) fn duration(time: Duration) -> String {
    let us = time.as_micros();
    for (word, size) in [("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1_000)] {
        if us >= size && us.is_multiple_of(size) {
            return format!("{}{word}", us / size);
        }
    }
    if us == 0 { "0s".to_owned() } else { format!("{us}us") }
}

/// A number without the noise of its last bits: 31.25, not 31.250000000000004.
pub(crate) fn number(value: f64) -> String {
    let short: f64 = format!("{value:.12e}").parse().unwrap_or(value);
    (short + 0.0).to_string()
}

/// A number with a unit.
pub(crate) fn quantity(value: f64, unit: &str) -> String {
    if unit.is_empty() || unit == "none" { number(value) } else { format!("{} {unit}", number(value)) }
}

/// `ioa = 1001, ti = "M_ME_TF_1"`.
pub(crate) fn fields(fields: &Fields) -> String {
    fields.iter().map(|(name, field)| format!("{name} = {}", field_text(field))).collect::<Vec<_>>().join(", ")
}

fn field_text(field: &Field) -> String {
    match field {
        Field::Int(value) => value.to_string(),
        Field::Float(value) => number(*value),
        Field::Bool(value) => value.to_string(),
        Field::Text(value) => format!("\"{value}\""),
    }
}

/// A field as a person would type it.
pub(crate) fn plain_field(field: &Field) -> String {
    match field {
        Field::Text(value) => value.clone(),
        Field::Int(_) | Field::Float(_) | Field::Bool(_) => field_text(field),
    }
}

/// `value × 0.01`, with unit and sign in it.
pub(crate) fn conversion(conversion: Conversion) -> String {
    let mut text = format!("wire × {}", number(conversion.factor));
    if conversion.offset != 0.0 {
        let sign = if conversion.offset < 0.0 { '−' } else { '+' };
        text.push_str(&format!(" {sign} {}", number(conversion.offset.abs())));
    }
    text
}

pub(crate) const fn role(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}

pub(crate) const fn zone(zone: Zone) -> &'static str {
    match zone {
        Zone::Utc => "UTC",
        Zone::Ist => "IST",
    }
}

pub(crate) const fn capture(capture: Capture) -> &'static str {
    match capture {
        Capture::Bytes => "bytes",
        Capture::Hash => "hash",
    }
}

pub(crate) const fn failure(failure: JournalFailure) -> &'static str {
    match failure {
        JournalFailure::Hold => "hold",
        JournalFailure::Statics => "hold, reading static values on",
        JournalFailure::Pass => "pass",
    }
}

pub(crate) const fn class(class: StreamClass) -> &'static str {
    match class {
        StreamClass::Telemetry => "telemetry",
        StreamClass::Event => "event",
    }
}

pub(crate) const fn served_class(class: ServedClass) -> &'static str {
    match class {
        ServedClass::Event => "event",
        ServedClass::Latest => "latest",
    }
}

pub(crate) const fn select(mode: SelectMode) -> &'static str {
    match mode {
        SelectMode::None => "none",
        SelectMode::Bridge => "bridge",
        SelectMode::Relay => "relay",
        SelectMode::Scl => "scl",
    }
}

pub(crate) const fn execution(execution: Execution) -> &'static str {
    match execution {
        Execution::Operator => "operator",
        Execution::Released => "released",
        Execution::Automatic => "automatic",
    }
}

pub(crate) const fn lapse(lapse: Lapse) -> &'static str {
    match lapse {
        Lapse::Hold => "hold",
        Lapse::Drop => "drop",
        Lapse::Release => "release",
    }
}

pub(crate) const fn ramp_by(by: RampBy) -> &'static str {
    match by {
        RampBy::Plant => "plant",
        RampBy::Bridge => "bridge",
    }
}

pub(crate) const fn status(kind: StatusKind) -> &'static str {
    match kind {
        StatusKind::State => "state",
        StatusKind::Reason => "reason",
        StatusKind::Target => "target",
        StatusKind::TimeLeft => "time_left",
        StatusKind::Uncertain => "uncertain",
    }
}

/// Each verb of a set.
pub(crate) fn verbs(verbs: Verbs) -> Vec<&'static str> {
    let all = [(Verbs::STREAM, "stream"), (Verbs::REPORT, "report"), (Verbs::ALARM, "alarm"), (Verbs::LOG, "log")];
    all.into_iter().filter(|(verb, _)| verbs.contains(*verb)).map(|(_, word)| word).collect()
}

/// `above 255 MW for 5s, WARNING THERMAL, back by 2 MW`.
pub(crate) fn limit(limit: &Limit, unit: &str) -> String {
    let side = match limit.side {
        Side::High => "above",
        Side::Low => "below",
    };
    let delay = if limit.delay.is_zero() { String::new() } else { format!(" for {}", duration(limit.delay)) };
    let (value, back) = (quantity(limit.value, unit), quantity(limit.hysteresis, unit));
    format!("{side} {value}{delay}, {} {}, back by {back}", limit.severity.as_str(), limit.kind.as_str())
}

/// The value at which a raised limit clears.
pub(crate) fn clears_at(limit: &Limit) -> f64 {
    match limit.side {
        Side::High => limit.value - limit.hysteresis,
        Side::Low => limit.value + limit.hysteresis,
    }
}

/// The link of a point, or the party that streams it.
pub(crate) fn source(plan: &Plan, source: &PointSource) -> String {
    match source {
        PointSource::Link(link) => plan.links.get(link.index()).map_or_else(String::new, |link| format!("link {}", link.spec.name)),
        PointSource::Remote { peer, .. } => format!("peer {peer}"),
        PointSource::Calculated => "calculated".to_owned(),
    }
}

/// What a served point shows.
pub(crate) fn served(plan: &Plan, source: &ServedSource) -> String {
    match source {
        ServedSource::Point(point) => format!("point {}", point_id(plan, *point)),
        ServedSource::Status { control, what } => {
            let id = plan.controls.get(*control).map_or("", |control| control.id.as_str());
            format!("{} of control {id}", status(*what))
        }
        ServedSource::LinkState(name) => format!("whether {name} is up"),
        ServedSource::QueueOverflow(name) => format!("whether events of {name} were lost to its queue's depth"),
    }
}

/// The reasons that a companion writes the numbers of, if that is what it is for (R7).
pub(crate) fn reasons_of(plan: &Plan, companion: usize) -> Option<&BTreeMap<String, CapReason>> {
    let of = match &plan.controls.get(companion)?.kind {
        ControlKind::Companion(of) => of.of,
        ControlKind::Drive(_) | ControlKind::Relay(_) | ControlKind::Instruct(_) | ControlKind::Ask(_) => return None,
    };
    match &plan.controls.get(of)?.kind {
        ControlKind::Drive(drive) => drive.cap.as_ref().filter(|cap| cap.reason == Some(companion)).map(|cap| &cap.reasons),
        ControlKind::Relay(_) | ControlKind::Instruct(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => None,
    }
}

/// A point's id.
pub(crate) fn point_id(plan: &Plan, point: bridge_model::PointId) -> &str {
    plan.points.get(point.index()).map_or("", |point| point.id.as_str())
}

#[cfg(test)]
mod tests {
    use super::{duration, number};
    use std::time::Duration;

    #[test]
    fn numbers_and_durations_are_short() {
        assert_eq!([number(31.250_000_000_000_004), number(-0.0), number(1e-3), number(1001.0)], ["31.25", "0", "0.001", "1001"]);
        let all = [0, 500, 90_000, 900_000, 43_200_000, 86_400_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(all, ["0s", "500ms", "90s", "15min", "12h", "1d"]);
    }
}

//! Runs the embedded tests that need no engine: values in, `stream`, `log`, `alarm` and `clear` out, on a virtual clock.

use std::time::Duration;

use bridge_model::{Mono, Now, PointUpdate, Quality, Timestamp, Utc, Validity, Value};
use bridge_session::{Field, Fields, Protocol};

use crate::plan::{Plan, PlannedPoint, PointSource, Severity, Verbs};
use crate::quantity::split;
use crate::testcase::{Expect, ExpectKind, GivenKind, TestCase};
use crate::units::unit;
use crate::upward::{AlarmChange, Mapped, MappedPoint, Upward};

/// How a test ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TestOutcome {
    /// All expected was seen, nothing forbidden was.
    Passed,
    /// What was missing or forbidden, and what was seen.
    Failed(Vec<String>),
    /// The test speaks of operations, commands or links: only a whole bridge can run it.
    NeedsEngine,
}

/// When the virtual clock of a test starts: 2026-04-01T00:00:00Z.
const START: Utc = Utc(1_775_001_600_000_000_000);
/// How long a test runs after its last input.
const TAIL: Duration = Duration::from_secs(3600);

/// One message seen.
struct Seen {
    at: Duration,
    verb: &'static str,
    fields: Fields,
}

/// Runs one test of a plan.
#[must_use]
pub fn run_test(plan: &Plan, protocols: &[&dyn Protocol], case: &TestCase) -> TestOutcome {
    let needs_engine =
        case.given.iter().any(|given| matches!(given.what, GivenKind::Operation { .. } | GivenKind::Inbox { .. } | GivenKind::Link { .. }))
            || case.expect.iter().chain(&case.never).any(|expect| match &expect.what {
                ExpectKind::Wire(_) => true,
                ExpectKind::Message(verb) => !matches!(verb.as_str(), "stream" | "log" | "alarm" | "clear"),
            });
    if needs_engine {
        return TestOutcome::NeedsEngine;
    }
    match run(plan, protocols, case) {
        Ok(seen) => judge(case, &seen),
        Err(problem) => TestOutcome::Failed(vec![problem]),
    }
}

fn run(plan: &Plan, protocols: &[&dyn Protocol], case: &TestCase) -> Result<Vec<Seen>, String> {
    let mut upward = Upward::new(plan);
    let mut seen = Vec::new();
    let mut out = Mapped::default();
    for (point, value) in &case.set {
        let update = set_update(plan, *point, *value);
        upward.map(plan, &update, now(Duration::ZERO), &mut out);
    }
    out.clear();
    let mut given: Vec<_> = case.given.iter().collect();
    given.sort_by_key(|given| given.at);
    for input in &given {
        run_until(plan, &mut upward, input.at, &mut seen, &mut out);
        let clock = now(input.at);
        let updates = match &input.what {
            GivenKind::Wire { link, input } => {
                let planned = plan.links.get(link.index()).ok_or("no such link")?;
                let protocol = protocols.iter().find(|p| p.name() == planned.protocol).ok_or("no such protocol")?;
                protocol
                    .decode_test(&planned.spec, input, clock.utc)
                    .map_err(|problem| format!("input cannot be read: {}; {}", problem.problem, problem.fix))?
            }
            GivenKind::Remote { point, value } => vec![update_of(plan, *point, *value, clock.utc)],
            GivenKind::Operation { .. } | GivenKind::Inbox { .. } | GivenKind::Link { .. } => Vec::new(),
        };
        for update in &updates {
            upward.map(plan, update, clock, &mut out);
        }
        collect(plan, input.at, &mut out, &mut seen);
    }
    let end = given.last().map_or(Duration::ZERO, |given| given.at) + TAIL;
    run_until(plan, &mut upward, end, &mut seen, &mut out);
    Ok(seen)
}

fn run_until(plan: &Plan, upward: &mut Upward, until: Duration, seen: &mut Vec<Seen>, out: &mut Mapped) {
    while let Some(due) = upward.poll_timeout()
        && due <= now(until).mono
    {
        let at = due.since(Mono(0));
        upward.handle_timeout(plan, now(at), out);
        collect(plan, at, out, seen);
    }
}

fn now(at: Duration) -> Now {
    Now { mono: Mono(0) + at, utc: START + at }
}

/// A point set before the start: GOOD, in engineering units, at an hour before.
fn set_update(plan: &Plan, point: bridge_model::PointId, eng: f64) -> PointUpdate {
    update_of(plan, point, eng, START - Duration::from_secs(3600))
}

fn update_of(plan: &Plan, point: bridge_model::PointId, eng: f64, at: Utc) -> PointUpdate {
    let planned = plan.points.get(point.index());
    let state = planned.is_some_and(|p| p.cim_class == "Discrete");
    let wire = planned.map_or(eng, |p| p.conversion.to_wire(eng));
    #[expect(clippy::cast_possible_truncation, reason = "state codes are small whole numbers")]
    let value = if state { Value::Int(eng.round() as i64) } else { Value::Real(wire) };
    PointUpdate {
        point,
        value,
        quality: Quality::GOOD,
        time: Timestamp::at_receipt(at),
        received: at,
        cause: bridge_model::Cause::Spontaneous,
    }
}

fn collect(plan: &Plan, at: Duration, out: &mut Mapped, seen: &mut Vec<Seen>) {
    for mapped in &out.points {
        let Some(point) = plan.points.get(mapped.point.index()) else { continue };
        if !mapped.changed {
            continue;
        }
        let fields = value_fields(plan, point, mapped);
        if point.verbs.contains(Verbs::STREAM) && mapped.moves_image() {
            seen.push(Seen { at, verb: "stream", fields: fields.clone() });
        }
        let read = matches!(mapped.cause, bridge_model::Cause::Interrogated | bridge_model::Cause::Requested);
        if point.verbs.contains(Verbs::LOG) && !read {
            seen.push(Seen { at, verb: "log", fields });
        }
    }
    for alarm in &out.alarms {
        let Some(point) = plan.points.get(alarm.point.index()) else { continue };
        let verb = if alarm.active { "alarm" } else { "clear" };
        seen.push(Seen { at, verb, fields: alarm_fields(plan, point, alarm) });
    }
    out.clear();
}

fn text(value: impl Into<String>) -> Field {
    Field::Text(value.into())
}

fn identity(plan: &Plan, point: &PlannedPoint) -> Fields {
    let mut fields = Fields::new();
    fields.insert("point".to_owned(), text(point.id.as_str()));
    fields.insert("type".to_owned(), text(point.measurement.as_str()));
    if let Some(resource) = plan.resource_of(point) {
        fields.insert("era".to_owned(), text(resource.era.as_str()));
    }
    if let Some(unit) = &point.unit {
        fields.insert("unit".to_owned(), text(unit.as_str()));
    }
    if let Some(basis) = point.basis {
        fields.insert("basis".to_owned(), text(basis.as_str()));
    }
    if let Some(phases) = &point.phases {
        fields.insert("phases".to_owned(), text(phases.as_str()));
    }
    if let PointSource::Remote { peer, .. } = &point.source {
        fields.insert("peer".to_owned(), text(peer.as_str()));
    }
    fields
}

fn value_fields(plan: &Plan, point: &PlannedPoint, mapped: &MappedPoint) -> Fields {
    let mut fields = identity(plan, point);
    fields.insert("value".to_owned(), Field::Float(mapped.value.as_f64()));
    #[expect(clippy::cast_possible_truncation, reason = "state codes are small whole numbers")]
    if let Some(name) = point.alias.get(&(mapped.value.as_f64() as i64)) {
        fields.insert("state".to_owned(), text(name.as_str()));
    }
    let quality = match mapped.quality.validity {
        Validity::Good => "good",
        Validity::Questionable => "questionable",
        Validity::Invalid => "invalid",
    };
    fields.insert("quality".to_owned(), text(quality));
    fields.insert("detail".to_owned(), text(mapped.quality.detail.names().collect::<Vec<_>>().join(" ")));
    fields.insert("historic".to_owned(), Field::Bool(mapped.historic));
    fields
}

fn alarm_fields(plan: &Plan, point: &PlannedPoint, alarm: &AlarmChange) -> Fields {
    let mut fields = identity(plan, point);
    fields.insert("limit".to_owned(), text(alarm.name.as_str()));
    let severity = match alarm.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    fields.insert("severity".to_owned(), text(severity));
    fields.insert("kind".to_owned(), text(alarm.kind.as_str().to_ascii_lowercase()));
    fields.insert("value".to_owned(), Field::Float(alarm.value.as_f64()));
    fields.insert("unknown".to_owned(), Field::Bool(alarm.unknown));
    fields.insert("from_interrogation".to_owned(), Field::Bool(alarm.from_interrogation));
    fields
}

fn judge(case: &TestCase, seen: &[Seen]) -> TestOutcome {
    let mut problems = Vec::new();
    for expect in &case.expect {
        if !seen.iter().any(|one| matches(expect, one)) {
            problems.push(format!("expected and not seen: {}", describe(expect)));
        }
    }
    for never in &case.never {
        if let Some(one) = seen.iter().find(|one| matches(never, one)) {
            problems.push(format!("must not be and was seen: {}", show(one)));
        }
    }
    if problems.is_empty() {
        return TestOutcome::Passed;
    }
    problems.extend(seen.iter().take(20).map(|one| format!("seen: {}", show(one))));
    TestOutcome::Failed(problems)
}

fn matches(expect: &Expect, seen: &Seen) -> bool {
    let ExpectKind::Message(verb) = &expect.what else { return false };
    let tolerance = match expect.fields.get("tolerance") {
        Some(Field::Float(value)) => *value,
        #[expect(clippy::cast_precision_loss, reason = "a tolerance is small")]
        Some(Field::Int(value)) => *value as f64,
        Some(Field::Bool(_) | Field::Text(_)) | None => 1e-4,
    };
    verb == seen.verb
        && expect.within.is_none_or(|within| seen.at <= within)
        && expect.at.is_none_or(|at| seen.at == at)
        && expect.fields.iter().all(|(name, wanted)| match name.as_str() {
            "tolerance" => true,
            // Every word named must be there; there may be more.
            "detail" => words(wanted).is_some_and(|wanted| {
                let has = seen.fields.get(name).and_then(words).unwrap_or_default();
                wanted.iter().all(|word| has.contains(word))
            }),
            // A value may be given as a number, a quantity with unit or the name of a state.
            "value" => value_matches(wanted, seen, tolerance),
            _ => seen.fields.get(name) == Some(wanted),
        })
}

fn value_matches(wanted: &Field, seen: &Seen, tolerance: f64) -> bool {
    let Some(Field::Float(value)) = seen.fields.get("value") else { return false };
    let near = |wanted: f64| (value - wanted).abs() <= tolerance;
    match wanted {
        #[expect(clippy::cast_precision_loss, reason = "a person writes no whole number beyond 2^53 here")]
        Field::Int(wanted) => near(*wanted as f64),
        Field::Float(wanted) => near(*wanted),
        Field::Bool(wanted) => near(f64::from(u8::from(*wanted))),
        Field::Text(wanted) => {
            if seen.fields.get("state") == Some(&Field::Text(wanted.clone())) {
                return true;
            }
            let Some(Field::Text(own)) = seen.fields.get("unit") else { return false };
            split(wanted).and_then(|(number, name)| Some(number * unit(name)?.conversion(unit(own)?)?.0)).is_some_and(near)
        }
    }
}

fn words(field: &Field) -> Option<Vec<&str>> {
    if let Field::Text(text) = field { Some(text.split_whitespace().collect()) } else { None }
}

fn show(seen: &Seen) -> String {
    format!("{:?} {}{}", seen.at, seen.verb, show_fields(&seen.fields))
}

fn describe(expect: &Expect) -> String {
    let verb = match &expect.what {
        ExpectKind::Message(verb) => verb.as_str(),
        ExpectKind::Wire(_) => "wire",
    };
    let mut out = format!("{verb}{}", show_fields(&expect.fields));
    if let Some(at) = expect.at {
        out.push_str(&format!(" at {at:?}"));
    }
    if let Some(within) = expect.within {
        out.push_str(&format!(" within {within:?}"));
    }
    out
}

fn show_fields(fields: &Fields) -> String {
    fields
        .iter()
        .map(|(name, field)| match field {
            Field::Int(value) => format!(" {name}={value}"),
            Field::Float(value) => format!(" {name}={value}"),
            Field::Bool(value) => format!(" {name}={value}"),
            Field::Text(value) => format!(" {name}={value}"),
        })
        .collect()
}

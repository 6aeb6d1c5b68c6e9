//! Points: what is read, and what a peer streams to us.

use bridge_diag::{Entry, Report, Shape, Span, View, nearest};
use bridge_session::{AddressUse, Role};

use super::rows::Row;
use super::scope::{
    Measure, Measured, Scope, measurement, of_direction, quantity, settle, take_basis, take_conversion, take_duration, take_id,
    take_quantity, take_unit, word,
};
use crate::codes::DIALECT;
use crate::keys;
use crate::plan::{Conversion, Limit, LimitKind, PlannedPoint, PointSource, Severity, Side, StateAlarm, StreamClass, Verbs};
use crate::units::Dimension;

/// The words for a severity.
pub(crate) const SEVERITIES: &[(&str, Severity)] =
    &[("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];

/// The words for what an alarm is about.
pub(crate) const KINDS: &[(&str, LimitKind)] = &[
    ("thermal", LimitKind::Thermal),
    ("voltage", LimitKind::Voltage),
    ("stability", LimitKind::Stability),
    ("frequency", LimitKind::Frequency),
    ("device", LimitKind::Device),
    ("comms", LimitKind::Comms),
];

/// What `cim` says.
pub(super) struct Cim {
    resource: u16,
    class: String,
    measurement: String,
    phases: Option<String>,
    alias: std::collections::BTreeMap<i64, String>,
    state: bool,
    /// Class and type contradict each other: what it is measured in is not known.
    unclear: bool,
}

impl Cim {
    /// Whether it is a state, not a quantity.
    pub(super) const fn is_state(&self) -> bool {
        self.state
    }
}

impl Scope<'_> {
    /// Compiles a row of `points`.
    pub(crate) fn compile_point(&mut self, row: &Row, report: &mut Report) {
        let mut view = View::new(&row.table, DIALECT, "a point", row.origin.as_deref()).of(&keys::POINT);
        let before = report.errors();
        let id = take_id(&mut self.point_names, "point", &mut view, report);
        let link = self.link_of(&mut view, of_direction(Role::Client, &row.table), report);
        let address = self.address(&mut view, link, AddressUse::Monitor, report);
        let cim = self.cim(&mut view, &["Analog", "Discrete", "Accumulator"], report);
        let unit = unit_of(&mut view, cim.as_ref(), report);
        let basis = take_basis(&mut view, unit, report);
        let conversion = take_conversion(&mut view, unit, report);
        let point = self.rest_of_point(&mut view, id, cim, unit, report);
        view.finish(report);
        let (Some(link), Some(address), Some(mut point)) = (link, address, point) else { return };
        if report.errors() > before {
            return;
        }
        let Ok(number) = u16::try_from(link) else { return };
        point.source = PointSource::Link(bridge_model::LinkId(number));
        point.basis = basis;
        point.conversion = conversion;
        let index = self.points.len();
        settle(&mut self.point_names, &point.id, index);
        self.attach(link, index, AddressUse::Monitor, address);
        self.points.push(point);
    }

    /// Compiles a row of `remotes`: a point that a peer streams.
    pub(crate) fn compile_remote(&mut self, row: &Row, report: &mut Report) {
        let mut view = View::new(&row.table, DIALECT, "a remote point", row.origin.as_deref()).of(&keys::REMOTE);
        let before = report.errors();
        let id = take_id(&mut self.point_names, "point", &mut view, report);
        let peer = self.peer_named(&mut view, report);
        let cim = self.remote_cim(&mut view, report);
        let unit = unit_of(&mut view, cim.as_ref(), report);
        let basis = take_basis(&mut view, unit, report);
        let point = self.rest_of_point(&mut view, id, cim, unit, report);
        view.finish(report);
        let (Some(peer), Some(mut point)) = (peer, point) else { return };
        if report.errors() > before {
            return;
        }
        let Some(resource) = self.resources.get(usize::from(point.resource)) else { return };
        point.source = PointSource::Remote { peer, era: resource.era.clone(), measurement: point.measurement.clone() };
        point.basis = basis;
        settle(&mut self.point_names, &point.id, self.points.len());
        self.points.push(point);
    }

    /// `cim = { on, class, type, phases, alias }`.
    pub(super) fn cim(&mut self, view: &mut View<'_>, classes: &[&str], report: &mut Report) -> Option<Cim> {
        let table = view.need_table("cim", report)?;
        let mut cim = view.inner(table, format!("`cim` of {}", view.noun())).of(&keys::CIM);
        let on = cim.need_str("on", report);
        let class = cim.need_str("class", report);
        let kind = cim.need_str("type", report);
        let phases = cim.take_str("phases", report).map(|(text, _)| text.to_owned());
        let alias = self.alias(&mut cim, report);
        cim.finish(report);
        let resource = on.and_then(|(name, span)| self.resource_of(name, span, view, report));
        if let Some((class, span)) = class
            && !classes.contains(&class)
        {
            report.push(
                view.error("profile::cim-class", span, format!("{} cannot be a `{class}`", view.noun()))
                    .fix(format!("one of: {}", classes.join(", "))),
            );
        }
        let (kind, span) = kind?;
        let known = measurement(kind, span, view, report);
        let (class, class_span) = class?;
        let state = class == "Discrete";
        let before = report.errors();
        if let Some(dimension) = known
            && dimension.is_none() != state
            && class == "Analog"
        {
            report.push(
                view.error("profile::cim-class", class_span, format!("`{kind}` is a state, not an Analog")).fix("use class `Discrete`"),
            );
        }
        if let (Some(Some(_)), true) = (known, state) {
            report.push(
                view.error("profile::cim-class", class_span, format!("`{kind}` is a quantity, not a Discrete")).fix("use class `Analog`"),
            );
        }
        let unclear = report.errors() > before;
        let resource = resource?;
        self.claim(resource, kind, phases.as_deref(), span, view, report);
        Some(Cim { resource, class: class.to_owned(), measurement: kind.to_owned(), phases, alias, state, unclear })
    }

    /// `era`, `type`, `class`, `phases`, `alias` of a remote point.
    fn remote_cim(&mut self, view: &mut View<'_>, report: &mut Report) -> Option<Cim> {
        let era = view.need_str("era", report);
        let kind = view.need_str("type", report);
        let phases = view.take_str("phases", report).map(|(text, _)| text.to_owned());
        let alias = self.alias(view, report);
        let stated = word(view, "cim_class", &[("Analog", "Analog"), ("Discrete", "Discrete"), ("Accumulator", "Accumulator")], report);
        let resource = era.and_then(|(name, span)| self.resource_of(name, span, view, report));
        let (kind, span) = kind?;
        let known = measurement(kind, span, view, report);
        let class = stated.unwrap_or(match known {
            Some(None) => "Discrete",
            Some(Some(_)) => "Analog",
            None if view.take("unit").is_some() => "Analog",
            None => "Discrete",
        });
        let resource = resource?;
        self.claim(resource, kind, phases.as_deref(), span, view, report);
        Some(Cim {
            resource,
            class: class.to_owned(),
            measurement: kind.to_owned(),
            phases,
            alias,
            state: class == "Discrete",
            unclear: false,
        })
    }

    /// Resource, type and phases name a point to a peer: once only.
    fn claim(&mut self, resource: u16, kind: &str, phases: Option<&str>, span: Span, view: &View<'_>, report: &mut Report) {
        let owners = self.measured.entry((kind.to_owned(), phases.map(str::to_owned))).or_default();
        if let Some(other) = owners.get(&resource) {
            let other = self.nouns.text(*other);
            report.push(
                view.error(
                    "profile::measurement-reused",
                    span,
                    format!("{} measures what {other} measures: same resource, type and phases", view.noun()),
                )
                .fix("resource, type and phases name a point to other parties; use another type (`x-…` for your own) or `phases`"),
            );
        } else {
            owners.insert(resource, self.nouns.number(view.noun()));
        }
    }

    fn alias(&self, view: &mut View<'_>, report: &mut Report) -> std::collections::BTreeMap<i64, String> {
        let Some((name, span)) = view.take_str("alias", report) else { return std::collections::BTreeMap::new() };
        if let Some(set) = self.aliases.get(name) {
            return set.clone();
        }
        let fix = nearest(name, self.aliases.keys().map(String::as_str))
            .map_or_else(|| format!("add `{name} = {{ 0 = \"…\" }}` to [alias]"), |near| format!("did you mean `{near}`?"));
        report.push(view.error("profile::alias-unknown", span, format!("there is no alias set `{name}`")).fix(fix));
        std::collections::BTreeMap::new()
    }

    /// Everything of a point that does not depend on where it comes from.
    pub(super) fn rest_of_point(
        &mut self,
        view: &mut View<'_>,
        id: Option<&str>,
        cim: Option<Cim>,
        unit: Measured,
        report: &mut Report,
    ) -> Option<PlannedPoint> {
        let range = range(view, unit, report);
        let deadband_at = view.take("deadband").map(|e| e.node.span);
        let deadband = take_quantity(view, "deadband", unit, Measure::Distance, report).unwrap_or(0.0);
        if deadband < 0.0 {
            report.push(
                view.error("profile::deadband-negative", deadband_at.unwrap_or(view.span()), "a deadband is not negative")
                    .fix("`0` is off"),
            );
        }
        let state = cim.as_ref().is_some_and(|cim| cim.state);
        if let (true, Some(span)) = (state, deadband_at) {
            report.push(
                view.error("profile::deadband-state", span, format!("{} is a state; states have no deadband", view.noun()))
                    .fix("remove it"),
            );
        }
        let class = word(view, "class", &[("telemetry", StreamClass::Telemetry), ("event", StreamClass::Event)], report)
            .unwrap_or(if state { StreamClass::Event } else { StreamClass::Telemetry });
        let limits_at = view.take("limits").cloned();
        let limits = self.limits(view, limits_at.as_ref(), unit, range, deadband, report);
        let alarm_at = view.take("alarm").map(|e| e.key_span);
        let alarm = state_alarm(view, report);
        let verbs = verbs(view, limits_at.is_some() || alarm_at.is_some(), limits_at.as_ref().map(|e| e.key_span).or(alarm_at), report);
        if let (true, Some(entry)) = (state, &limits_at) {
            report.push(
                view.error("profile::limits-state", entry.key_span, format!("{} is a state; states have no limits", view.noun()))
                    .fix("use `alarm = { when = 1, severity = \"critical\" }`"),
            );
        }
        if let (Some(false), Some(span)) = (cim.as_ref().map(|c| c.state), alarm_at) {
            report.push(
                view.error("profile::alarm-quantity", span, format!("{} is a quantity; `alarm` is for states", view.noun()))
                    .fix("use `limits`"),
            );
        }
        let transit = take_duration(view, "transit", report);
        let text = view.take_str("text", report).map(|(text, _)| text.to_owned());
        let (id, cim) = (id?.to_owned(), cim?);
        let transit = transit.or_else(|| self.transit_default(&cim));
        Some(PlannedPoint {
            id,
            source: PointSource::Link(bridge_model::LinkId(0)),
            resource: cim.resource,
            measurement: cim.measurement,
            cim_class: cim.class,
            phases: cim.phases,
            unit: unit.unit().map(|u| u.name.to_owned()),
            basis: None,
            conversion: Conversion::IDENTITY,
            range,
            deadband,
            class,
            verbs,
            limits,
            alarm,
            alias: cim.alias,
            transit,
            text,
        })
    }

    /// How long a switch of this class may be between its ends (R18).
    fn transit_default(&self, cim: &Cim) -> Option<std::time::Duration> {
        if cim.measurement != "SwitchPosition" {
            return None;
        }
        let class = self.resources.get(usize::from(cim.resource)).map_or("", |r| r.class.as_str());
        Some(match class {
            "Disconnector" | "GroundDisconnector" | "LoadBreakSwitch" => std::time::Duration::from_secs(20),
            _ => std::time::Duration::from_millis(500),
        })
    }

    /// `limits = [ … ]` or `limits = "name of a set"`.
    fn limits(
        &mut self,
        view: &mut View<'_>,
        entry: Option<&Entry>,
        unit: Measured,
        range: Option<(f64, f64)>,
        deadband: f64,
        report: &mut Report,
    ) -> Vec<Limit> {
        let Some(entry) = entry else { return Vec::new() };
        let sets;
        let tables: Vec<&bridge_diag::Table> = match &entry.node.shape {
            Shape::Str(name) => {
                let Some(set) = self.limit_sets.get(name) else {
                    let fix = nearest(name, self.limit_sets.keys().map(String::as_str))
                        .map_or_else(|| format!("add `{name} = [ … ]` to [limits]"), |near| format!("did you mean `{near}`?"));
                    report.push(view.error("profile::limits-unknown", entry.node.span, format!("there is no limit set `{name}`")).fix(fix));
                    return Vec::new();
                };
                sets = set.clone();
                sets.iter().collect()
            }
            Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) | Shape::Table(_) => {
                view.take_tables("limits", report)
            }
        };
        let mut limits: Vec<Limit> = Vec::with_capacity(tables.len());
        for table in tables {
            let mut inner = view.inner(table, format!("a limit of {}", view.noun())).of(&keys::LIMIT);
            let Some(limit) = limit(&mut inner, unit, report) else {
                inner.finish(report);
                continue;
            };
            let at = inner.span();
            if range.is_some_and(|(low, high)| limit.value < low || limit.value > high) {
                report.push(
                    inner
                        .error(
                            "profile::limit-outside-range",
                            at,
                            format!("limit `{}` of {} lies outside its range: it can never be raised", limit.name, view.noun()),
                        )
                        .fix("widen `range`, or move the limit"),
                );
            }
            if deadband > limit.hysteresis {
                report.push(
                    inner
                        .warning(
                            "profile::deadband-hides-limit",
                            at,
                            format!("the deadband of {} is larger than the hysteresis of limit `{}`: alarms will come and go while the value shown does not move", view.noun(), limit.name),
                        )
                        .fix("make the deadband smaller than the hysteresis"),
                );
            }
            if limits.iter().any(|other| other.name == limit.name) {
                report.push(
                    inner.error("profile::limit-reused", at, format!("{} has two limits `{}`", view.noun(), limit.name)).fix("rename one"),
                );
            }
            inner.finish(report);
            limits.push(limit);
        }
        limits
    }
}

fn limit(view: &mut View<'_>, unit: Measured, report: &mut Report) -> Option<Limit> {
    let name = view.need_str("name", report).map(|(name, _)| name.to_owned());
    if let Some(name) = &name {
        view.rename(format!("limit `{name}`"));
    }
    let (above, below) = (view.take("above").is_some(), view.take("below").is_some());
    let side = match (above, below) {
        (true, false) => Some(("above", Side::High)),
        (false, true) => Some(("below", Side::Low)),
        _ => {
            report.push(
                view.error("profile::limit-side", view.span(), format!("{} needs `above` or `below`, one of them", view.noun()))
                    .fix("`above = \"255 MW\"` is raised above, `below = \"198 kV\"` below"),
            );
            None
        }
    };
    let value = side.and_then(|(key, _)| take_quantity(view, key, unit, Measure::Value, report));
    let hysteresis = if view.take("hysteresis").is_some() {
        take_quantity(view, "hysteresis", unit, Measure::Distance, report)
    } else {
        report.push(
            view.error("profile::hysteresis-missing", view.span(), format!("{} has no `hysteresis`", view.noun()))
                .fix("say how far the value must come back before the alarm clears: `hysteresis = \"2 MW\"`"),
        );
        None
    };
    if hysteresis.is_some_and(|h| h < 0.0) {
        report.push(view.error("profile::hysteresis-missing", view.span(), "a hysteresis is not negative").fix("give a positive distance"));
    }
    let delay = take_duration(view, "delay", report).unwrap_or_default();
    view.need("severity", report);
    let severity = word(view, "severity", SEVERITIES, report);
    let kind = word(view, "kind", KINDS, report).unwrap_or(match unit.unit().map(|u| u.dimension) {
        Some(Dimension::Current | Dimension::Temperature) => LimitKind::Thermal,
        Some(Dimension::Voltage) => LimitKind::Voltage,
        Some(Dimension::Frequency | Dimension::FrequencyRate) => LimitKind::Frequency,
        _ => LimitKind::Device,
    });
    Some(Limit { name: name?, side: side?.1, value: value?, hysteresis: hysteresis?, delay, severity: severity?, kind })
}

fn state_alarm(view: &mut View<'_>, report: &mut Report) -> Option<StateAlarm> {
    let table = view.take_table("alarm", report)?;
    let mut alarm = view.inner(table, format!("`alarm` of {}", view.noun())).of(&keys::ALARM);
    let when = match alarm.need("when", report).map(|e| (&e.node.shape, e.node.span)) {
        Some((Shape::Int(value), _)) => Some(*value),
        Some((Shape::Bool(value), _)) => Some(i64::from(*value)),
        Some((other, span)) => {
            let noun = other.noun();
            report.push(alarm.error(DIALECT.wrong_kind, span, format!("`when` must be a state code, not {noun}")).fix("`when = 1`"));
            None
        }
        None => None,
    };
    alarm.need("severity", report);
    let severity = word(&mut alarm, "severity", SEVERITIES, report);
    let kind = word(&mut alarm, "kind", KINDS, report).unwrap_or(LimitKind::Device);
    let text = alarm.take_str("text", report).map(|(text, _)| text.to_owned());
    let latch = alarm.take_bool("latch", report).is_some_and(|(v, _)| v);
    alarm.finish(report);
    Some(StateAlarm { when: when?, severity: severity?, kind, text, latch })
}

fn verbs(view: &mut View<'_>, has_alarm: bool, alarm_at: Option<Span>, report: &mut Report) -> Verbs {
    const WORDS: &[(&str, Verbs)] = &[("stream", Verbs::STREAM), ("report", Verbs::REPORT), ("alarm", Verbs::ALARM), ("log", Verbs::LOG)];
    let mut verbs = Verbs::default();
    let mut at = view.span();
    for (name, span) in view.take_strs("verbs", report).unwrap_or_default() {
        match WORDS.iter().find(|(word, _)| *word == name) {
            Some((_, verb)) => verbs = verbs.with(*verb),
            None => {
                let fix = nearest(name, WORDS.iter().map(|w| w.0)).map_or_else(
                    || "a point takes part in stream, report, alarm, log".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                report.push(view.error("profile::verb-unknown", span, format!("{}: `{name}` is no verb of a point", view.noun())).fix(fix));
            }
        }
        if name == "alarm" {
            at = span;
        }
    }
    if verbs.contains(Verbs::ALARM) && !has_alarm {
        report.push(
            view.error("profile::alarm-without-limits", at, format!("{} has the verb `alarm` and nothing that raises one", view.noun()))
                .fix("add `limits = [ … ]` for a quantity, `alarm = { … }` for a state, or remove the verb"),
        );
    }
    if let (false, Some(span)) = (verbs.contains(Verbs::ALARM), alarm_at) {
        report.push(
            view.warning(
                "profile::limits-without-alarm",
                span,
                format!("{} has limits or an alarm and not the verb `alarm`: nobody is told", view.noun()),
            )
            .fix("add \"alarm\" to `verbs`"),
        );
    }
    verbs
}

fn range(view: &mut View<'_>, unit: Measured, report: &mut Report) -> Option<(f64, f64)> {
    let (list, span) = view.take_list("range", report)?;
    let [low, high] = list else {
        report.push(view.error("profile::range-malformed", span, "a range has two ends").fix("write `range = [\"-10 MW\", \"275 MW\"]`"));
        return None;
    };
    let low = quantity(low, "range", unit, Measure::Value, view, report)?;
    let high = quantity(high, "range", unit, Measure::Value, view, report)?;
    if low >= high {
        report.push(
            view.error("profile::range-malformed", span, format!("the range of {} is empty", view.noun())).fix("the lower end first"),
        );
        return None;
    }
    Some((low, high))
}

/// The unit of a point: a quantity has one, a state has none, and it fits the measurement type.
pub(super) fn unit_of(view: &mut View<'_>, cim: Option<&Cim>, report: &mut Report) -> Measured {
    let entry = view.take("unit");
    let unit = take_unit(view, "unit", report);
    let Some(cim) = cim.filter(|cim| !cim.unclear) else { return Measured::Unclear };
    match (cim.state, entry) {
        (true, None) => return Measured::Plain,
        (true, Some(entry)) => {
            report.push(
                view.error("profile::unit-of-state", entry.node.span, format!("{} is a state; states have no unit", view.noun()))
                    .fix("remove `unit`"),
            );
            return Measured::Unclear;
        }
        (false, None) => {
            report.push(
                view.error("profile::unit-missing", view.span(), format!("{} is a quantity without `unit`", view.noun()))
                    .fix("add the unit of the value delivered: `unit = \"MW\"`; the wire's own unit, if another, is `wire_unit`"),
            );
            return Measured::Unclear;
        }
        (false, Some(_)) => {}
    }
    let (Some(unit), Some(entry)) = (unit, entry) else { return Measured::Unclear };
    let wanted = crate::units::MEASUREMENTS.iter().find(|(name, _)| *name == cim.measurement).and_then(|(_, d)| *d);
    if let Some(wanted) = wanted
        && wanted != unit.dimension
    {
        let fits: Vec<&str> = crate::units::UNITS.iter().filter(|u| u.dimension == wanted).map(|u| u.name).collect();
        report.push(
            view.error(
                "profile::unit-mismatch",
                entry.node.span,
                format!("{}: `{}` is not measured in {}", view.noun(), cim.measurement, unit.name),
            )
            .fix(format!("use one of: {}", fits.join(", "))),
        );
        return Measured::Unclear;
    }
    Measured::In(unit)
}

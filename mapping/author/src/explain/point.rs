//! From the wire to the message.

use std::time::Duration;

use bridge_diag::Shape;
use bridge_model::{Cause, LinkId, Mono, Now, PointId, PointUpdate, Quality, Timestamp, Utc, Validity, Value};
use bridge_profile::{
    ControlKind, Formula, Mapped, MappedPoint, PlannedPoint, PointSource, ServedClass, ServedSource, StatusKind, Upward, Verbs, unit,
};
use bridge_session::Field;

use super::{Explained, Explainer};
use crate::words;

/// When the worked value arrives: 2026-04-01T00:00:00Z, as in embedded tests.
const START: Utc = Utc(1_775_001_600_000_000_000);
/// How long is waited for delayed alarms.
const TAIL: Duration = Duration::from_secs(86_400);

impl Explainer<'_> {
    pub(super) fn point(&self, index: usize, value: Option<f64>) -> Option<Explained> {
        let point = self.plan.points.get(index)?;
        let mut out = Explained::new("point", &point.id);
        let from_link = if let PointSource::Link(link) = &point.source { Some(*link) } else { None };
        let list = match &point.source {
            PointSource::Link(_) => "points",
            PointSource::Remote { .. } => "remotes",
            PointSource::Calculated => "calcs",
        };
        out.may("written in", self.origin(self.row(list, &point.id)));
        out.may("text", point.text.clone());
        let shown_unit = point.unit.as_deref().unwrap_or("");
        match &point.source {
            PointSource::Link(link) => {
                let address = self.addresses.points.get(index).copied().flatten();
                out.say("wire", self.wire_words(link.index(), address));
                self.steps(point, &mut out);
            }
            PointSource::Remote { peer, era, measurement } => {
                out.say("wire", format!("peer {peer} streams {measurement} of {era}, already in {}", or(shown_unit, "codes")));
            }
            PointSource::Calculated => {
                out.may("made of", self.calculation(PointId(u32::try_from(index).ok()?)));
                out.say("quality", "the worst of what it is made of");
            }
        }
        self.rules(point, shown_unit, &mut out);
        if let Some(link) = from_link {
            out.say("age", self.age(link.index()));
        }
        out.say("CIM", self.cim_words(point));
        out.say("IES", self.resource_words(point.resource));
        for verb in words::verbs(point.verbs) {
            out.say("messages", message(verb, point));
        }
        if point.verbs == Verbs::default() {
            out.say("messages", "none: it is read for feedback and conditions");
        }
        self.worked(index, point, from_link, value, &mut out);
        self.used_by(PointId(u32::try_from(index).ok()?), &mut out);
        Some(out)
    }

    /// How a calculated point follows from others.
    fn calculation(&self, point: PointId) -> Option<String> {
        let calculation = self.plan.calculations.iter().find(|calculation| calculation.point == point)?;
        let ids = calculation.inputs.iter().map(|input| words::point_id(self.plan, *input));
        Some(match &calculation.formula {
            Formula::Weighted(factors) => {
                ids.zip(factors).map(|(id, factor)| format!("{} × {id}", words::number(*factor))).collect::<Vec<_>>().join(" + ")
            }
            Formula::Expression(expression) => {
                let named = expression.names().iter().zip(ids).map(|(name, id)| format!("{name} = {id}"));
                format!("{} with {}", expression.text(), named.collect::<Vec<_>>().join(", "))
            }
        })
    }

    /// Scale, unit and sign as they are written, one after the other.
    fn steps(&self, point: &PlannedPoint, out: &mut Explained) {
        let row = self.row("points", &point.id);
        let number = |key: &str| match row.and_then(|row| row.table.entry(key)).map(|entry| &entry.node.shape) {
            #[expect(clippy::cast_precision_loss, reason = "a person writes no whole number beyond 2^53 as a scale")]
            Some(Shape::Int(value)) => Some(*value as f64),
            Some(Shape::Float(value)) => Some(*value),
            Some(Shape::Str(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) | Shape::Table(_)) | None => None,
        };
        let text = |key: &str| row.and_then(|row| row.text(key));
        let shown = point.unit.as_deref().unwrap_or("");
        let wire_unit = text("wire_unit").unwrap_or(shown);
        match (number("scale"), number("offset")) {
            (None, None) => out.say("scale", format!("none: the wire carries {}", or(wire_unit, "the code itself"))),
            (scale, offset) => {
                let offset =
                    offset.filter(|offset| *offset != 0.0).map(|offset| format!(" + {}", words::number(offset))).unwrap_or_default();
                out.say("scale", format!("wire × {}{offset} = value in {}", words::number(scale.unwrap_or(1.0)), or(wire_unit, "codes")));
            }
        }
        if let (Some(from), Some(to)) = (unit(wire_unit), unit(shown))
            && let Some((factor, offset)) = from.conversion(to)
            && from.name != to.name
        {
            let offset = if offset == 0.0 { String::new() } else { format!(" + {}", words::number(offset)) };
            out.say("unit", format!("{wire_unit} → {shown}: × {}{offset}", words::number(factor)));
        } else {
            out.say("unit", or(shown, "none: it is a state or a plain number"));
        }
        match text("sign") {
            Some(word) if point.conversion.factor < 0.0 && number("scale").is_none_or(|scale| scale > 0.0) => {
                out.say("sign", format!("`{word}` is positive on the wire: turned, generation is positive from here on"));
            }
            Some(word) => out.say("sign", format!("`{word}` is positive on the wire: kept")),
            None => {}
        }
        out.may("basis", point.basis.map(|basis| format!("{} (R17)", basis.as_str())));
    }

    fn rules(&self, point: &PlannedPoint, unit: &str, out: &mut Explained) {
        out.may(
            "range",
            point.range.map(|(low, high)| {
                format!("{} to {}; outside: QUESTIONABLE, OUT_OF_RANGE", words::quantity(low, unit), words::quantity(high, unit))
            }),
        );
        if let Some(transit) = point.transit {
            let time = words::duration(transit);
            out.say("transit", format!("between its ends up to {time} it is withheld, after that INVALID, INCONSISTENT (R18)"));
        }
        if point.deadband > 0.0 {
            out.say("deadband", format!("changes up to {} are withheld", words::quantity(point.deadband, unit)));
        }
        for limit in &point.limits {
            let clear = words::quantity(words::clears_at(limit), unit);
            out.say("limits", format!("{}: {}; clears at {clear}", limit.name, words::limit(limit, unit)));
        }
        if let Some(alarm) = &point.alarm {
            let latch = if alarm.latch { ", stays until a person resets it" } else { "" };
            let name = point.alias.get(&alarm.when).map(|name| format!(" ({name})")).unwrap_or_default();
            out.say("alarm", format!("when {}{name}: {} {}{latch}", alarm.when, alarm.severity.as_str(), alarm.kind.as_str()));
        }
        if !point.alias.is_empty() {
            out.say("states", point.alias.iter().map(|(code, name)| format!("{code} = {name}")).collect::<Vec<_>>().join(", "));
        }
    }

    pub(super) fn cim_words(&self, point: &PlannedPoint) -> String {
        let phases = point.phases.as_deref().map(|phases| format!(", phases {phases}")).unwrap_or_default();
        format!("{} of type {}{phases}", point.cim_class, point.measurement)
    }

    /// One value through the compiled profile itself.
    fn worked(&self, index: usize, point: &PlannedPoint, link: Option<LinkId>, value: Option<f64>, out: &mut Explained) {
        let wire = value.unwrap_or_else(|| example(point));
        let Some(update) = self.update(index, link, wire) else { return };
        let mut upward = Upward::new(self.plan);
        let mut mapped = Mapped::default();
        upward.map(self.plan, &update, at(Duration::ZERO), &mut mapped);
        let unit = point.unit.as_deref().unwrap_or("");
        for seen in &mapped.points {
            out.say("worked", self.seen(point, wire, unit, seen));
        }
        let alarms = |mapped: &Mapped, after: Duration, out: &mut Explained| {
            for alarm in mapped.alarms.iter().filter(|alarm| alarm.active) {
                out.say("worked", format!("alarm {} {} after {}", alarm.name, alarm.severity.as_str(), words::duration(after)));
            }
        };
        alarms(&mapped, Duration::ZERO, out);
        while let Some(due) = upward.poll_timeout().filter(|due| *due <= at(TAIL).mono) {
            mapped.clear();
            let after = due.since(Mono(0));
            upward.handle_timeout(self.plan, at(after), &mut mapped);
            alarms(&mapped, after, out);
            for seen in &mapped.points {
                out.say("worked", format!("after {}: {}", words::duration(after), self.seen(point, wire, unit, seen)));
            }
        }
    }

    fn seen(&self, point: &PlannedPoint, wire: f64, unit: &str, seen: &MappedPoint) -> String {
        let number = seen.value.to_string().parse().unwrap_or_else(|_| seen.value.as_f64());
        #[expect(clippy::cast_possible_truncation, reason = "state codes are small whole numbers")]
        let name = point.alias.get(&(seen.value.as_f64() as i64)).map(|name| format!(" ({name})")).unwrap_or_default();
        let quality = match seen.quality.validity {
            Validity::Good => "GOOD",
            Validity::Questionable => "QUESTIONABLE",
            Validity::Invalid => "INVALID",
        };
        let detail: String = seen.quality.detail.names().map(|name| format!(", {name}")).collect();
        let withheld = if seen.changed { "" } else { ", withheld" };
        format!("wire {} → {}{name}, {quality}{detail}{withheld}", words::number(wire), words::quantity(number, unit))
    }

    /// The update that the adapter makes of this number at this address; of a remote point, the bridge's own.
    fn update(&self, index: usize, link: Option<LinkId>, wire: f64) -> Option<PointUpdate> {
        let point = PointId(u32::try_from(index).ok()?);
        let plain = PointUpdate {
            point,
            value: Value::Real(wire),
            quality: Quality::GOOD,
            time: Timestamp::at_receipt(START),
            received: START,
            cause: Cause::Spontaneous,
        };
        let from_adapter = link.and_then(|link| {
            let spec = &self.plan.links.get(link.index())?.spec;
            let mut input = self.addresses.points.get(index).copied().flatten()?.clone();
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
            let value = if wire.fract() == 0.0 && wire.abs() < 1e9 { Field::Int(wire as i64) } else { Field::Float(wire) };
            input.insert("value".to_owned(), value);
            let updates = self.protocol(link.index())?.decode_test(spec, &input, START).ok()?;
            updates.into_iter().find(|update| update.point == point)
        });
        Some(from_adapter.unwrap_or(plain))
    }

    /// Who relies on a point.
    fn used_by(&self, point: PointId, out: &mut Explained) {
        for control in &self.plan.controls {
            let mut uses = Vec::new();
            let requires = match &control.kind {
                ControlKind::Drive(drive) => {
                    let roles = [
                        (drive.taken.point == point, "its echo (taken)"),
                        (drive.followed.point == point, "what must follow (followed)"),
                        (drive.remote_enable == Some(point), "the plant's leave (remote_enable)"),
                        (drive.cap.as_ref().is_some_and(|cap| cap.available == Some(point)), "what is available"),
                    ];
                    uses.extend(roles.into_iter().filter(|(is, _)| *is).map(|(_, role)| role.to_owned()));
                    &drive.requires
                }
                ControlKind::Instruct(instruct) => {
                    if instruct.reached.state.point == point {
                        uses.push(format!("what proves it ({})", instruct.reached.state.text));
                    }
                    &instruct.requires
                }
                ControlKind::Relay(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => continue,
            };
            uses.extend(requires.iter().filter(|require| require.point == point).map(|require| format!("a condition ({})", require.text)));
            if !uses.is_empty() {
                out.say("used by", format!("control {}: {}", control.id, uses.join(", ")));
            }
        }
        for (index, served) in self.plan.served.iter().enumerate().filter(|(_, served)| served.source == ServedSource::Point(point)) {
            let address = self.addresses.served.get(index).copied().flatten();
            out.say("used by", format!("served {}, {}", served.id, self.wire_words(served.link.index(), address)));
        }
    }

    pub(super) fn served(&self, index: usize, value: Option<f64>) -> Option<Explained> {
        let served = self.plan.served.get(index)?;
        let mut out = Explained::new("served point", &served.id);
        out.may("written in", self.origin(self.row("serves", &served.id)));
        out.may("text", served.text.clone());
        out.say("shows", words::served(self.plan, &served.source));
        let unit = match &served.source {
            ServedSource::Point(point) => self.plan.points.get(point.index()).and_then(|point| point.unit.clone()),
            ServedSource::Status { control, what: StatusKind::Target } => {
                self.plan.controls.get(*control).map(|control| control.unit.clone())
            }
            ServedSource::Status { what: StatusKind::TimeLeft, .. } => Some("s".to_owned()),
            ServedSource::Status { .. } | ServedSource::LinkState(_) | ServedSource::QueueOverflow(_) => None,
        };
        let unit = unit.unwrap_or_default();
        let address = self.addresses.served.get(index).copied().flatten();
        out.say("wire", self.wire_words(served.link.index(), address));
        let factor = served.conversion;
        if factor.is_identity() {
            out.say("scale", "none: served as it is");
        } else {
            out.say(
                "scale",
                format!(
                    "{} = value, so wire = (value − {}) / {}",
                    words::conversion(factor),
                    words::number(factor.offset),
                    words::number(factor.factor)
                ),
            );
        }
        out.say(
            "class",
            match served.class {
                ServedClass::Event => "event: queued until the peer acknowledged it (R16)",
                ServedClass::Latest => "latest: a newer value replaces an unsent one (R16)",
            },
        );
        if served.deadband > 0.0 {
            out.say("deadband", format!("changes up to {} are withheld", words::quantity(served.deadband, &unit)));
        }
        let eng = value.unwrap_or(if unit.is_empty() { 1.0 } else { 100.0 });
        let wire = self.plan.to_wire_served(served, eng);
        out.say("worked", format!("{} → wire {}", words::quantity(eng, &unit), words::number(wire)));
        Some(out)
    }
}

fn or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}

fn at(after: Duration) -> Now {
    Now { mono: Mono(0) + after, utc: START + after }
}

/// A number that says something: three quarters up its range, else 100, of a state the alarm's or the highest code; on the wire.
fn example(point: &PlannedPoint) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "state codes are small")]
    let code = |code: i64| code as f64;
    if point.unit.is_none() {
        let last = point.alias.keys().next_back().copied().filter(|_| point.measurement != "SwitchPosition");
        return point.alarm.as_ref().map(|alarm| code(alarm.when)).or_else(|| last.map(code)).unwrap_or(1.0);
    }
    let eng = point.range.map_or(100.0, |(low, high)| {
        let exact = low + (high - low) * 0.75;
        let step = 10_f64.powf((high - low).log10().floor() - 2.0);
        (exact / step).round() * step
    });
    words::number(point.conversion.to_wire(eng)).parse().unwrap_or(eng)
}

fn message(verb: &str, point: &PlannedPoint) -> String {
    match verb {
        "stream" => "stream: each value that passes, sealed in its stream".to_owned(),
        "report" => "report: periodic reports and deviation".to_owned(),
        "alarm" if point.alarm.is_some() => "alarm and clear: its state".to_owned(),
        "alarm" => "alarm and clear: its limits".to_owned(),
        "log" => "log: each change with its time, a line of the sequence of events".to_owned(),
        other => other.to_owned(),
    }
}

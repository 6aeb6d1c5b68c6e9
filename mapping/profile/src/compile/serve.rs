//! `[[serve]]`: what an EMS may read from us.

use bridge_diag::{Report, Span, View};
use bridge_model::{LinkId, PointId};
use bridge_session::{AddressUse, Role};

use super::rows::Row;
use super::scope::{Measure, Measured, Scope, declare, of_direction, settle, take_basis, take_conversion, take_quantity, take_unit, word};
use crate::codes::DIALECT;
use crate::keys;
use crate::plan::{Conversion, Served, ServedClass, ServedSource, StatusKind, StreamClass};
use crate::units::unit;

/// A source and the id it suggests.
struct Source {
    what: ServedSource,
    id: String,
    span: Span,
}

impl Scope<'_> {
    /// Compiles a row of `serves`.
    pub(crate) fn compile_serve(&mut self, row: &Row, report: &mut Report) {
        let mut view = View::new(&row.table, DIALECT, "a served point", row.origin.as_deref()).of(&keys::SERVE);
        let before = report.errors();
        let stated = view.take_str("id", report);
        if let Some((id, _)) = stated {
            view.rename(format!("served point `{id}`"));
        }
        let source = self.source(&mut view, report);
        if let (None, Some(source)) = (stated, &source) {
            view.rename(format!("served point `{}`", source.id));
        }
        let link = self.link_of(&mut view, of_direction(Role::Server, &row.table), report);
        let address = self.address(&mut view, link, AddressUse::Monitor, report);
        let (conversion, unit) = self.served_conversion(&mut view, source.as_ref(), report);
        let deadband = take_quantity(&mut view, "deadband", unit, Measure::Distance, report).unwrap_or(0.0);
        let class = word(&mut view, "class", &[("event", ServedClass::Event), ("latest", ServedClass::Latest)], report);
        let text = view.take_str("text", report).map(|(text, _)| text.to_owned());
        view.finish(report);
        let (Some(source), Some(link), Some(address)) = (source, link, address) else { return };
        let (id, span) = stated.map_or((source.id.clone(), source.span), |(id, span)| (id.to_owned(), span));
        let fresh = declare(&mut self.served_names, &id, span, "served point", row.origin.as_deref(), report);
        let Ok(number) = u16::try_from(link) else { return };
        if !fresh || report.errors() > before {
            return;
        }
        let class = class.unwrap_or_else(|| self.served_class(&source.what));
        let index = self.served.len();
        settle(&mut self.served_names, &id, index);
        let queue = self.links.get(link).map_or(0, |draft| draft.protocol.event_queue(&draft.plan.spec.params, &address));
        self.attach(link, index, AddressUse::Monitor, address);
        let link = LinkId(number);
        self.served.push(Served { id, link, source: source.what, conversion, class, queue, deadband, text });
    }

    /// `point = "U1.p"`, or `from = { era, type, phases }`, `{ control, status }`, `{ link }`, `{ queue }`.
    fn source(&self, view: &mut View<'_>, report: &mut Report) -> Option<Source> {
        if let Some((name, span)) = view.take_str("point", report) {
            let point = self.point_named(name, span, view, report)?;
            return Some(Source { what: ServedSource::Point(point), id: name.to_owned(), span });
        }
        let Some(table) = view.take_table("from", report) else {
            report.push(view.error("profile::serve-source", view.span(), format!("{} does not say what it shows", view.noun())).fix(
                "add `point = \"POINT\"`, `from = { era, type }`, `from = { control, status }`, `from = { link }` or `from = { queue }`",
            ));
            return None;
        };
        let mut from = view.inner(table, format!("`from` of {}", view.noun())).of(&keys::FROM);
        let source = self.source_from(&mut from, report);
        from.finish(report);
        source
    }

    fn source_from(&self, from: &mut View<'_>, report: &mut Report) -> Option<Source> {
        if let Some((name, span)) = from.take_str("control", report) {
            let words = [
                ("state", StatusKind::State),
                ("reason", StatusKind::Reason),
                ("target", StatusKind::Target),
                ("time_left", StatusKind::TimeLeft),
                ("uncertain", StatusKind::Uncertain),
            ];
            from.need("status", report);
            let status = from.take_str("status", report).map(|(text, _)| text);
            let what = word(from, "status", &words, report);
            let control = self.find(&self.control_names, name, "control", span, from, report)?;
            return Some(Source { what: ServedSource::Status { control, what: what? }, id: format!("{name}.{}", status?), span });
        }
        if let Some((name, span)) = from.take_str("link", report) {
            if !self.link_names.contains_key(name) && !self.peers.iter().any(|peer| peer.name == name) {
                report.push(
                    from.error("profile::link-unknown", span, format!("there is no link and no peer `{name}`"))
                        .fix("name one of [link] or [peer]"),
                );
                return None;
            }
            return Some(Source { what: ServedSource::LinkState(name.to_owned()), id: format!("{name}.link"), span });
        }
        if let Some((name, span)) = from.take_str("queue", report) {
            if !self.link_names.contains_key(name) {
                report.push(
                    from.error("profile::link-unknown", span, format!("there is no link `{name}`")).fix("name a serving link of [link]"),
                );
                return None;
            }
            return Some(Source { what: ServedSource::QueueOverflow(name.to_owned()), id: format!("{name}.overflow"), span });
        }
        let (era, span) = from.need_str("era", report)?;
        let (kind, _) = from.need_str("type", report)?;
        let phases = from.take_str("phases", report).map(|(text, _)| text);
        let resource = self.resource_of(era, span, from, report)?;
        let index = self
            .points
            .iter()
            .position(|p| p.resource == resource && p.measurement == kind && p.phases.as_deref() == phases)
            .and_then(|index| u32::try_from(index).ok());
        let Some(index) = index else {
            report.push(
                from.error("profile::point-unknown", span, format!("no point measures `{kind}` of `{era}`"))
                    .fix("add it as `[[point]]` or `[[remote]]`, or name the point with `point = …`"),
            );
            return None;
        };
        let id = self.points.get(usize::try_from(index).ok()?)?.id.clone();
        Some(Source { what: ServedSource::Point(PointId(index)), id, span })
    }

    /// The served conversion: the wire's unit, scale and sign as the EMS expects them. A state is served as it is.
    fn served_conversion(&self, view: &mut View<'_>, source: Option<&Source>, report: &mut Report) -> (Conversion, Measured) {
        let Some(source) = source else {
            for key in ["unit", "wire_unit", "scale", "offset", "sign", "basis"] {
                view.take(key);
            }
            return (Conversion::IDENTITY, Measured::Unclear);
        };
        let (own, basis) = match &source.what {
            ServedSource::Point(point) => match self.points.get(point.index()) {
                Some(point) => (point.unit.as_deref().and_then(unit), point.basis),
                None => (None, None),
            },
            ServedSource::Status { control, what: StatusKind::Target } => match self.controls.get(*control) {
                Some(control) => (unit(&control.unit), control.basis),
                None => (None, None),
            },
            ServedSource::Status { what: StatusKind::TimeLeft, .. } => (unit("s"), None),
            ServedSource::Status { what: StatusKind::State | StatusKind::Reason | StatusKind::Uncertain, .. }
            | ServedSource::LinkState(_)
            | ServedSource::QueueOverflow(_) => (None, None),
        };
        let measured = own.map_or(Measured::Plain, Measured::In);
        let stated_at = view.take("unit").map(|e| e.node.span);
        if let (Some(stated), Some(span)) = (take_unit(view, "unit", report), stated_at)
            && own.is_none_or(|own| own.name != stated.name)
        {
            let own_name = own.map_or("no unit", |u| u.name);
            report.push(
                view.error("profile::unit-mismatch", span, format!("{} is in {own_name}, not in {}", view.noun(), stated.name))
                    .fix("`unit` repeats the source's unit; what goes over the wire is `wire_unit`"),
            );
        }
        let basis_at = view.take("basis").map(|e| e.node.span);
        if let (Some(stated), Some(span)) = (take_basis(view, measured, report), basis_at)
            && basis.is_some_and(|basis| basis != stated)
        {
            report.push(
                view.error("profile::basis-mismatch", span, format!("{} is not {}", view.noun(), stated.as_str()))
                    .fix("a served power has the basis of its source; nothing converts one into the other"),
            );
        }
        (take_conversion(view, measured, report), measured)
    }

    fn served_class(&self, source: &ServedSource) -> ServedClass {
        match source {
            ServedSource::Point(point) => match self.points.get(point.index()).map(|p| p.class) {
                Some(StreamClass::Event) => ServedClass::Event,
                Some(StreamClass::Telemetry) | None => ServedClass::Latest,
            },
            ServedSource::Status { what: StatusKind::Target | StatusKind::TimeLeft, .. } => ServedClass::Latest,
            ServedSource::Status { what: StatusKind::State | StatusKind::Reason | StatusKind::Uncertain, .. }
            | ServedSource::LinkState(_)
            | ServedSource::QueueOverflow(_) => ServedClass::Event,
        }
    }
}

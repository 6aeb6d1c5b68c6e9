//! Controls of verb `curtail`: what counts, what is written around the limit, which reasons are known (R6, R7).

use std::collections::BTreeMap;

use bridge_diag::{Entry, Report, Shape, View};
use bridge_model::LinkId;
use bridge_session::{AddressUse, Fields};

use super::scope::{Measure, Measured, Scope, settle, take_basis, take_quantity, take_unit, word};
use crate::cap::{CapReason, Capping, Companion, Enable, waits_by_rule};
use crate::keys;
use crate::plan::{Ask, Control, ControlKind, Conversion, Lapse, Ramp, SelectMode};

/// A further control address that a control brings: the end of its id, and where it stands.
pub(super) type Companions = Vec<(&'static str, Fields)>;

impl Scope<'_> {
    /// The keys of a driven `curtail`. `unit` and `max` are the control's.
    pub(super) fn capping(
        &mut self,
        view: &mut View<'_>,
        unit: Measured,
        link: Option<usize>,
        max: Option<f64>,
        report: &mut Report,
    ) -> Option<(Capping, Companions)> {
        if unit.unit().is_some_and(|unit| unit.name != "MW") {
            report.push(
                view.error("profile::curtail-unit", view.span(), format!("{} is not commanded in MW", view.noun()))
                    .fix("say `unit = \"MW\"`; `wire_unit` and `scale` turn it into what the register takes, a percentage too"),
            );
        }
        word(view, "deviation", &[("reject", ())], report);
        let (rated, available) = self.counts_from(view, unit, max, report);
        let mut companions = Companions::new();
        let enable = self.enable(view, link, &mut companions, report);
        let (reasons, reason) = self.reasons(view, link, &mut companions, report);
        Some((Capping { rated: rated?, available, enable, reason, reasons }, companions))
    }

    /// `limit = { rated = "300 MW", available = "plant.avail" }`.
    fn counts_from(
        &self,
        view: &mut View<'_>,
        unit: Measured,
        max: Option<f64>,
        report: &mut Report,
    ) -> (Option<f64>, Option<bridge_model::PointId>) {
        let Some(table) = view.take_table("limit", report) else { return (max, None) };
        let mut limit = view.inner(table, format!("`limit` of {}", view.noun())).of(&keys::COUNTS);
        let rated = if limit.take("rated").is_some() { take_quantity(&mut limit, "rated", unit, Measure::Value, report) } else { max };
        let named = limit.take_str("available", report);
        let available = named.and_then(|(name, span)| self.point_named(name, span, &limit, report));
        if let (Some(point), Some((name, span)), Some(unit)) = (available.and_then(|p| self.points.get(p.index())), named, unit.unit())
            && point.unit.as_deref() != Some(unit.name)
        {
            report.push(
                limit
                    .error(
                        "profile::feedback-unit",
                        span,
                        format!("`{name}` is in {}, the control in {}", point.unit.as_deref().unwrap_or("no unit"), unit.name),
                    )
                    .fix("deliver both in the same unit"),
            );
        }
        limit.finish(report);
        (rated, available)
    }

    /// `enable = { addr = {…}, release = {…} }`: one address is written on and off; with an address of its own for the release each is
    /// written on.
    fn enable(&mut self, view: &mut View<'_>, link: Option<usize>, companions: &mut Companions, report: &mut Report) -> Option<Enable> {
        let table = view.take_table("enable", report)?;
        let mut enable = view.inner(table, format!("`enable` of {}", view.noun())).of(&keys::ENABLE);
        let same = match (enable.take("addr"), enable.take("release")) {
            (Some(on), Some(off)) => super::scope::same_shape(&on.node, &off.node),
            (_, None) => true,
            (None, Some(_)) => false,
        };
        let first = self.controls.len() + 1 + companions.len();
        let address = self.address(&mut enable, link, AddressUse::Control, report);
        let release = if same { None } else { self.address_at("release", &mut enable, link, AddressUse::Control, report) };
        enable.finish(report);
        companions.push(("enable", address?));
        if same {
            return Some(Enable { on: (first, true), off: (first, false) });
        }
        companions.push(("release", release?));
        Some(Enable { on: (first, true), off: (first + 1, true) })
    }

    /// `reason_codes = { congestion = 1, overfrequency = { number = 2, at_end = "release" } }`, and `reason = { addr = {…} }` if the plant
    /// takes the number.
    fn reasons(
        &mut self,
        view: &mut View<'_>,
        link: Option<usize>,
        companions: &mut Companions,
        report: &mut Report,
    ) -> (BTreeMap<String, CapReason>, Option<usize>) {
        let mut reasons = BTreeMap::new();
        for entry in view.take_table("reason_codes", report).into_iter().flat_map(|table| &table.entries) {
            if let Some(reason) = cap_reason(view, entry, report) {
                reasons.insert(entry.key.to_ascii_uppercase(), reason);
            }
        }
        let Some(table) = view.take_table("reason", report) else { return (reasons, None) };
        let mut reason = view.inner(table, format!("`reason` of {}", view.noun())).of(&keys::REASON);
        if reasons.is_empty() {
            report.push(
                reason
                    .error("profile::reason-codes", table.span, format!("{} writes the number of a reason and knows none", view.noun()))
                    .fix("add `reason_codes = { congestion = 1, security = 3 }`"),
            );
        }
        let place = self.controls.len() + 1 + companions.len();
        let address = self.address(&mut reason, link, AddressUse::Control, report);
        reason.finish(report);
        let written = address.map(|address| {
            companions.push(("reason", address));
            place
        });
        (reasons, written)
    }

    /// The companions take their places behind their owner, which was pushed last.
    pub(super) fn push_companions(&mut self, companions: Companions) {
        let of = self.controls.len().saturating_sub(1);
        let Some(owner) = self.controls.get(of).cloned() else { return };
        for (end, address) in companions {
            let index = self.controls.len();
            self.attach(owner.link.index(), index, AddressUse::Control, address);
            self.controls.push(Control {
                id: format!("{}.{end}", owner.id),
                unit: "none".to_owned(),
                basis: None,
                conversion: Conversion::IDENTITY,
                kind: ControlKind::Companion(Companion { of }),
                ..owner.clone()
            });
        }
    }

    /// Server link, verb `curtail`: asked of a peer with `send curtail`. It has no address.
    pub(super) fn compile_cap_ask(&mut self, mut view: View<'_>, (id, link): (Option<&str>, Option<usize>), report: &mut Report) {
        let before = report.errors();
        let cim = self.control_cim(&mut view, report);
        let unit = take_unit(&mut view, "unit", report).map_or(Measured::Unclear, Measured::In);
        let basis = take_basis(&mut view, unit, report);
        if let Some(entry) = view.take("addr") {
            report.push(
                view.error("profile::curtail-address", entry.key_span, format!("{} has an address on a link that we serve", view.noun()))
                    .fix("remove `addr`: a curtailment carries a period, a ramp, a release and a reason, so a person sends it with `ies-bridge send curtail`"),
            );
        }
        view.take_str("text", report);
        let peer = self.peer_named(&mut view, report);
        view.finish(report);
        let (Some(id), Some(link), Some((resource, _, measurement)), Some(peer)) = (id, link, cim, peer) else { return };
        let Ok(number) = u16::try_from(link) else { return };
        if report.errors() > before {
            return;
        }
        settle(&mut self.control_names, id, self.controls.len());
        self.controls.push(Control {
            id: id.to_owned(),
            link: LinkId(number),
            resource,
            verb: "curtail".to_owned(),
            measurement,
            unit: unit.unit().map_or("MW", |unit| unit.name).to_owned(),
            basis,
            conversion: Conversion::IDENTITY,
            select: SelectMode::None,
            qualifier: 0,
            kind: ControlKind::Ask(Ask { peer }),
        });
    }
}

/// One reason: its number, or `{ number, at_end }`.
fn cap_reason(view: &View<'_>, entry: &Entry, report: &mut Report) -> Option<CapReason> {
    let wrong = |report: &mut Report| {
        let what = format!("reason `{}` of {} has no whole number", entry.key, view.noun());
        report.push(
            view.error("profile::reason-codes", entry.node.span, what)
                .fix("write `reason_codes = { congestion = 1, overfrequency = { number = 2, at_end = \"release\" } }`"),
        );
    };
    let table = match &entry.node.shape {
        Shape::Int(number) => return Some(CapReason { number: *number, released: false }),
        Shape::Table(table) => table,
        Shape::Str(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) => {
            wrong(report);
            return None;
        }
    };
    let mut reason = view.inner(table, format!("reason `{}` of {}", entry.key, view.noun())).of(&keys::CAP_REASON);
    let absent = reason.take("number").is_none();
    if absent {
        wrong(report);
    }
    let number = reason.take_int("number", report);
    let released = word(&mut reason, "at_end", &[("hold", false), ("release", true)], report).unwrap_or(false);
    reason.finish(report);
    if released && waits_by_rule(&entry.key) {
        let what = format!("reason `{}` of {} would be released by the clock", entry.key, view.noun());
        report.push(
            view.error("profile::reason-waits", entry.node.span, what)
                .fix("remove `at_end`: a cap for security or congestion waits for its issuer's own word"),
        );
    }
    Some(CapReason { number: number?.0, released })
}

/// `on_lapse = "release"` is an empty promise if no reason may be released at its end.
pub(super) fn check_released(view: &View<'_>, cap: &Capping, lapse: Lapse, report: &mut Report) {
    if lapse != Lapse::Release || cap.reasons.values().any(|reason| reason.released) {
        return;
    }
    let why = if cap.reasons.is_empty() { "takes every reason as free text" } else { "knows no reason with `at_end = \"release\"`" };
    report.push(
        view.error("profile::reason-undeclared", view.span(), format!("{} is released at its end and {why}", view.noun()))
            .fix("declare it, as `reason_codes = { overfrequency = { number = 2, at_end = \"release\" } }`, or use `on_lapse = \"hold\"`"),
    );
}

/// A cap is always ramped, by somebody who is named (R7).
pub(super) fn need_ramp(view: &View<'_>, ramp: Option<Ramp>, report: &mut Report) {
    if ramp.is_none() {
        report.push(
            view.error("profile::curtail-ramp", view.span(), format!("{} takes power off a resource without a ramp", view.noun()))
                .fix("add `ramp = { up = \"10 MW/min\", down = \"60 MW/min\", by = \"plant\" }`, or `by = \"bridge\"` with a `step`"),
        );
    }
}

/// What a control may do by itself when its time is over: only a cap is released, and only as its issuer signed (R7).
pub(super) fn check_lapse(view: &View<'_>, caps: bool, lapse: Lapse, signed: bool, report: &mut Report) {
    let wrong = match (caps, lapse) {
        (false, Lapse::Release) => Some(("only a curtailment is released by time", "use `on_lapse = \"hold\"`")),
        (true, Lapse::Drop) => Some(("a cap that is dropped would leave the plant curtailed by nobody", "use `\"hold\"` or `\"release\"`")),
        (true | false, Lapse::Hold) | (true, Lapse::Release) | (false, Lapse::Drop) => None,
    };
    if let Some((why, fix)) = wrong {
        report.push(view.error("profile::lapse", view.span(), format!("{}: {why}", view.noun())).fix(fix));
    }
    if caps && lapse == Lapse::Release && !signed {
        report.push(
            view.error(
                "profile::release-unsigned",
                view.span(),
                format!("{} releases by itself without the issuer's signature", view.noun()),
            )
            .fix("add `until = \"message.period\"`: the end that the issuer signed with `release: AT_END`; or use `on_lapse = \"hold\"`"),
        );
    }
}

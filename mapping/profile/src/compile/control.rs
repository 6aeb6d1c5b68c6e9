//! Controls: the envelope of what we drive, the contract of what we relay.

use std::time::Duration;

use bridge_diag::{Report, Shape, Span, View, nearest};
use bridge_session::{AddressUse, LinkSpec, Role};

use super::curtail::{Companions, check_lapse, check_released, need_ramp};
use super::rows::Row;
use super::scope::{
    Measure, Measured, Scope, measurement, need_duration, need_quantity, of_direction, settle, take_basis, take_conversion, take_duration,
    take_id, take_quantity, take_unit, word,
};
use crate::codes::DIALECT;
use crate::keys::{self, VERBS};
use crate::plan::{Control, ControlKind, Drive, EmsTiming, Execution, Followed, Lapse, Ramp, RampBy, Relay, Require, SelectMode, Taken};
use crate::units::unit;

/// `start` or `stop`, if that is the verb.
fn unit_verb<'t>(view: &mut View<'t>) -> Option<&'t str> {
    match &view.take("verb")?.node.shape {
        Shape::Str(verb) if matches!(verb.as_str(), "start" | "stop") => Some(verb),
        Shape::Str(_) | Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) | Shape::Table(_) => None,
    }
}

/// The roles that may be given authority (R28).
const ROLES: &[&str] =
    &["NLDC", "RLDC", "SLDC", "ALDC", "REMC", "STU", "CTU", "DISCOM", "GENCO", "IPP", "QCA", "AMC", "AGGREGATOR", "OPERATOR"];

impl Scope<'_> {
    /// Compiles a row of `controls`.
    pub(crate) fn compile_control(&mut self, row: &Row, report: &mut Report) {
        let mut view = View::new(&row.table, DIALECT, "a control", row.origin.as_deref()).of(&keys::CONTROL);
        let before = report.errors();
        let id = take_id(&mut self.control_names, "control", &mut view, report);
        let link = self.control_link(&mut view, report);
        let spec = link.and_then(|index| self.links.get(index)).map(|draft| &draft.plan.spec);
        let role = spec.map(|spec| of_direction(spec.role, &row.table));
        if let Some(verb) = unit_verb(&mut view) {
            // Without an address its keys tell the direction: who asks a peer names it, who asks the people here awaits feedback.
            let both = spec.is_some_and(LinkSpec::has_both_directions);
            let role = match (both, row.table.entry("peer").is_some(), row.table.entry("feedback").is_some()) {
                (true, true, false) => Some(Role::Server),
                (true, false, true) => Some(Role::Client),
                _ => role,
            };
            self.compile_instruction(view, (id, link, role), verb, report);
            return;
        }
        if role == Some(Role::Server) && view.take("verb").is_some_and(|entry| matches!(&entry.node.shape, Shape::Str(v) if v == "curtail"))
        {
            self.compile_cap_ask(view, (id, link), report);
            return;
        }
        let address = self.address(&mut view, link, AddressUse::Control, report);
        let cim = self.control_cim(&mut view, report);
        let unit = match view.take("unit") {
            Some(_) => take_unit(&mut view, "unit", report).map_or(Measured::Unclear, Measured::In),
            None if cim.as_ref().is_some_and(|c| c.1 == "SetPoint") => {
                report.push(
                    view.error("profile::unit-missing", view.span(), format!("{} is a set-point without `unit`", view.noun()))
                        .fix("add the unit in which it is commanded: `unit = \"MW\"`"),
                );
                Measured::Unclear
            }
            None => Measured::Plain,
        };
        let basis = take_basis(&mut view, unit, report);
        let conversion = take_conversion(&mut view, unit, report);
        let verb = verb(&mut view, report);
        let select = self.select(&mut view, link, report);
        let qualifier = qualifier(&mut view, report);
        view.take_str("text", report);
        let select_at = view.span();
        let mut companions = Companions::new();
        let caps = verb.as_deref() == Some("curtail");
        let switches = verb.as_deref() == Some("reconfigure");
        let kind = match role {
            Some(Role::Client) if switches => self.switch(&mut view, id, report).map(ControlKind::Drive),
            Some(Role::Client) => {
                let so_far = report.errors();
                let capping = if caps {
                    let max = view.take("max").and_then(|_| take_quantity(&mut view, "max", unit, Measure::Value, &mut Report::new()));
                    self.capping(&mut view, unit, link, max, report)
                } else {
                    None
                };
                let drive = self.drive(&mut view, unit, cim.as_ref().map(|c| c.0), caps, report);
                drive.map(|drive| match capping {
                    Some((cap, own)) => {
                        // What is wrong with a reason was said.
                        if report.errors() == so_far {
                            check_released(&view, &cap, drive.on_lapse, report);
                        }
                        companions = own;
                        ControlKind::Drive(Drive { cap: Some(cap), ..drive })
                    }
                    None => ControlKind::Drive(drive),
                })
            }
            Some(Role::Server) => self.relay(&mut view, unit, switches, report).map(ControlKind::Relay),
            // Without a link nobody knows which keys belong here: one problem is enough.
            None => {
                view.take_rest();
                None
            }
        };
        if let (Some(SelectMode::Relay), Some(ControlKind::Drive(drive))) = (select, &kind)
            && (caps || drive.execution != Execution::Automatic)
        {
            let why = if caps { "a cap pre-empts and is not selected first" } else { "waits for a person" };
            report.push(view.error("profile::select-relay", select_at, format!("{} relays a select and {why}", view.noun())).fix(
                if caps { "use `select = \"bridge\"` or `\"none\"`" } else { "use `execution = \"automatic\"`, or `select = \"bridge\"`" },
            ));
        }
        view.finish(report);
        let (Some(id), Some(link), Some(address), Some((resource, _, measurement))) = (id, link, address, cim) else { return };
        let (Some(select), Some(kind), Some(verb)) = (select, kind, verb) else { return };
        let Ok(number) = u16::try_from(link) else { return };
        if report.errors() > before {
            return;
        }
        let index = self.controls.len();
        settle(&mut self.control_names, id, index);
        self.attach(link, index, AddressUse::Control, address);
        self.controls.push(Control {
            id: id.to_owned(),
            link: bridge_model::LinkId(number),
            resource,
            verb,
            measurement,
            unit: unit.unit().map_or("none", |u| u.name).to_owned(),
            basis,
            conversion,
            select,
            qualifier,
            kind,
        });
        self.push_companions(companions);
    }

    /// The control's link, in either role; a monitor-only link carries none.
    pub(super) fn control_link(&self, view: &mut View<'_>, report: &mut Report) -> Option<usize> {
        let Some(entry) = view.take("on") else {
            report.push(
                view.error("profile::link-missing", view.span(), format!("{} does not say on which link it is", view.noun()))
                    .fix("add `on = \"LINK\"`"),
            );
            return None;
        };
        let (name, span) = view.take_str("on", report)?;
        let index = self.find(&self.link_names, name, "link", span, view, report)?;
        if self.links.get(index).is_some_and(|draft| draft.plan.spec.monitor_only) {
            report.push(
                view.error(
                    "profile::monitor-only-control",
                    entry.node.span,
                    format!("{} stands on the monitor-only link `{name}`", view.noun()),
                )
                .fix("a monitor-only link has no control path; remove the control or the word `monitor_only`"),
            );
            return None;
        }
        Some(index)
    }

    /// (resource, class, measurement) of `cim`.
    pub(super) fn control_cim(&self, view: &mut View<'_>, report: &mut Report) -> Option<(u16, String, String)> {
        const CLASSES: &[&str] = &["SetPoint", "Command", "RaiseLowerCommand"];
        let table = view.need_table("cim", report)?;
        let mut cim = view.inner(table, format!("`cim` of {}", view.noun())).of(&keys::CONTROL_CIM);
        let on = cim.need_str("on", report);
        let class = cim.need_str("class", report);
        let kind = cim.need_str("type", report);
        cim.finish(report);
        let resource = on.and_then(|(name, span)| self.resource_of(name, span, view, report));
        let (class, class_span) = class?;
        if !CLASSES.contains(&class) {
            report.push(
                view.error("profile::cim-class", class_span, format!("{} cannot be a `{class}`", view.noun()))
                    .fix(format!("one of: {}", CLASSES.join(", "))),
            );
        }
        let (kind, span) = kind?;
        measurement(kind, span, view, report);
        Some((resource?, class.to_owned(), kind.to_owned()))
    }

    /// `select`: no default (R4).
    fn select(&self, view: &mut View<'_>, link: Option<usize>, report: &mut Report) -> Option<SelectMode> {
        let Some(entry) = view.take("select") else {
            report.push(
                view.error("profile::select-missing", view.span(), format!("{} does not say how it is selected", view.noun()))
                    .fix("add `select = \"none\"` (sent directly), `\"bridge\"` (the bridge selects on the wire), `\"relay\"` (the issuer's SELECT is passed on) or `\"scl\"`"),
            );
            return None;
        };
        let modes = [("none", SelectMode::None), ("bridge", SelectMode::Bridge), ("relay", SelectMode::Relay), ("scl", SelectMode::Scl)];
        let mode = word(view, "select", &modes, report)?;
        let protocol = link.and_then(|index| self.links.get(index)).map(|draft| draft.plan.protocol.as_str());
        if mode == SelectMode::Scl && protocol.is_some_and(|p| p != "iec61850") {
            report.push(
                view.error(
                    "profile::select-scl",
                    entry.node.span,
                    format!("{}: `scl` takes the control model of an SCL file", view.noun()),
                )
                .fix("on this protocol say `none`, `bridge` or `relay`"),
            );
        }
        Some(mode)
    }

    fn drive(&mut self, view: &mut View<'_>, unit: Measured, resource: Option<u16>, caps: bool, report: &mut Report) -> Option<Drive> {
        let min = need_quantity(view, "min", unit, Measure::Value, report);
        let max = need_quantity(view, "max", unit, Measure::Value, report);
        if let (Some(min), Some(max)) = (min, max)
            && min >= max
        {
            report.push(
                view.error("profile::envelope-empty", view.span(), format!("{} has `min` not below `max`", view.noun())).fix("`min` first"),
            );
        }
        let ramp = ramp(view, unit, report);
        let requires = self.requires(view, report);
        if let (true, Some(ramp)) = (caps, ramp) {
            need_ramp(view, ramp, report);
        }
        let feedback = self.feedback(view, unit, caps, report);
        let expires = expires(view, caps, report);
        let authority = authority(view, report);
        let exclusive = view.take_str("exclusive", report).map(|(text, _)| text.to_owned());
        let execution_at = view.take("execution").map(|e| e.node.span);
        let words = [("operator", Execution::Operator), ("released", Execution::Released), ("automatic", Execution::Automatic)];
        let execution = word(view, "execution", &words, report).unwrap_or(Execution::Operator);
        let accept_within = take_duration(view, "accept_within", report);
        let done_within = take_duration(view, "done_within", report);
        let remote_enable = view.take_str("remote_enable", report).map(|(name, span)| self.point_named(name, span, view, report));
        let bump = take_quantity(view, "bump_limit", unit, Measure::Distance, report);

        if execution != Execution::Operator {
            let at = execution_at.unwrap_or(view.span());
            if remote_enable.is_none() {
                report.push(
                    view.error("profile::remote-enable-missing", at, format!("{} is written by the bridge without a remote-enable point", view.noun()))
                        .fix("add `remote_enable = \"POINT\"`: a live point with which the plant allows remote control; or `execution = \"operator\"`"),
                );
            }
        }
        if execution != Execution::Automatic && accept_within.is_none() {
            report.push(
                view.error("profile::accept-within", view.span(), format!("{} waits for a person and does not say how long", view.noun()))
                    .fix("add `accept_within = \"60s\"`"),
            );
        }
        let (taken, followed) = feedback?;
        let (max_age, on_lapse) = expires?;
        let exclusive = exclusive.or_else(|| self.resources.get(usize::from(resource?)).map(|r| r.key.clone()))?;
        Some(Drive {
            min: min?,
            max: max?,
            ramp: ramp?,
            requires,
            taken,
            followed,
            max_age,
            on_lapse,
            authority,
            exclusive,
            execution,
            accept_within,
            done_within,
            remote_enable: remote_enable.flatten(),
            bump_limit: bump.unwrap_or(followed.tolerance),
            cap: None,
            switches: false,
        })
    }

    fn relay(&mut self, view: &mut View<'_>, unit: Measured, switches: bool, report: &mut Report) -> Option<Relay> {
        let peer = self.peer_named(view, report);
        let ems = ems(view, report);
        let instruction_code = view.need_str("instruction_code", report).map(|(t, _)| t.to_owned());
        let operator_ref = view.need_str("operator_ref", report).map(|(t, _)| t.to_owned());
        let ramp = view.take("ramp").and_then(|_| take_rate(view, "ramp", unit, report));
        let accept_at = view.take("accept_within").map(|e| e.node.span);
        let accept_within = take_duration(view, "accept_within", report);
        if let (Some(accept), Some(ems), Some(span)) = (accept_within, ems, accept_at)
            && accept >= ems.execute_con
        {
            report.push(
                view.error("profile::accept-within", span, format!("{}: a person may answer after the EMS has given up", view.noun()))
                    .fix(format!("`accept_within` is shorter than `execute_con` ({:?})", ems.execute_con)),
            );
        }
        let enabled_by = self.conditions("enabled_by", view, report);
        let position = if switches { Some(self.position(view, report)?) } else { None };
        Some(Relay {
            peer: peer?,
            ems: ems?,
            instruction_code: instruction_code?,
            operator_ref: operator_ref?,
            ramp,
            accept_within,
            position,
            enabled_by,
        })
    }

    /// `requires = ["U1.remote == 1", "U1.state == synchronised"]`.
    pub(super) fn requires(&self, view: &mut View<'_>, report: &mut Report) -> Vec<Require> {
        self.conditions("requires", view, report)
    }

    fn conditions(&self, key: &str, view: &mut View<'_>, report: &mut Report) -> Vec<Require> {
        let conditions = view.take_strs(key, report).unwrap_or_default();
        conditions.into_iter().filter_map(|(text, span)| self.condition(text, span, view, report)).collect()
    }

    /// `U1.state == synchronised`.
    pub(super) fn condition(&self, text: &str, span: Span, view: &View<'_>, report: &mut Report) -> Option<Require> {
        let Some((name, wanted)) = text.split_once("==").map(|(a, b)| (a.trim(), b.trim())) else {
            report.push(
                view.error("profile::requires-malformed", span, format!("{}: `{text}` is no condition", view.noun()))
                    .fix("write `POINT == VALUE`, the value a number or a name of the point's alias set"),
            );
            return None;
        };
        let point = self.point_named(name, span, view, report)?;
        let alias = self.points.get(point.index()).map(|p| &p.alias);
        #[expect(clippy::cast_precision_loss, reason = "state codes are small")]
        let named = alias.and_then(|a| a.iter().find(|(_, name)| *name == wanted)).map(|(code, _)| *code as f64);
        if let Some(equals) = wanted.parse::<f64>().ok().filter(|v| v.is_finite()).or(named) {
            return Some(Require { point, equals, text: text.to_owned() });
        }
        let names: Vec<&str> = alias.into_iter().flat_map(|a| a.values()).map(String::as_str).collect();
        let fix = nearest(wanted, names.iter().copied())
            .map_or_else(|| "write a number, or a name of the point's alias set".to_owned(), |near| format!("did you mean `{near}`?"));
        report.push(view.error("profile::requires-malformed", span, format!("`{name}` has no state `{wanted}`")).fix(fix));
        None
    }

    /// `feedback = { taken = {…}, followed = {…} }` (R11).
    fn feedback(&self, view: &mut View<'_>, unit: Measured, caps: bool, report: &mut Report) -> Option<(Taken, Followed)> {
        const FIX: &str = "add `feedback = { taken = { point, tolerance, within }, followed = { point, tolerance, within, dwell } }`: `taken` is the echo of the set-point, `followed` what the plant does";
        if view.take("feedback").is_none() {
            report.push(
                view.error(
                    "profile::feedback-missing",
                    view.span(),
                    format!("{} has no feedback: nobody would know whether the plant followed", view.noun()),
                )
                .fix(FIX),
            );
            return None;
        }
        let table = view.take_table("feedback", report)?;
        let mut feedback = view.inner(table, format!("`feedback` of {}", view.noun())).of(&keys::FEEDBACK);
        for key in ["taken", "followed"] {
            if feedback.take(key).is_none() {
                report.push(view.error("profile::feedback-missing", table.span, format!("{} has no `{key}`", feedback.noun())).fix(FIX));
            }
        }
        let taken = feedback.take_table("taken", report).map(|inner| {
            let mut taken = feedback.inner(inner, format!("`taken` of {}", view.noun())).of(&keys::BAND);
            let (point, tolerance, within) = self.band(&mut taken, unit, report);
            taken.finish(report);
            Some(Taken { point: point?, tolerance: tolerance?, within: within? })
        });
        let followed = feedback.take_table("followed", report).map(|inner| {
            let mut followed = feedback.inner(inner, format!("`followed` of {}", view.noun())).of(&keys::FOLLOWED);
            let (point, tolerance, within) = self.band(&mut followed, unit, report);
            let dwell = need_duration(&mut followed, "dwell", report);
            if caps {
                word(&mut followed, "compare", &[("at_most", ())], report);
            }
            followed.finish(report);
            Some(Followed { point: point?, tolerance: tolerance?, within: within?, dwell: dwell?, at_most: caps })
        });
        feedback.finish(report);
        Some((taken??, followed??))
    }

    fn band(
        &self,
        view: &mut View<'_>,
        unit: Measured,
        report: &mut Report,
    ) -> (Option<bridge_model::PointId>, Option<f64>, Option<Duration>) {
        let named = view.need_str("point", report);
        let point = named.and_then(|(name, span)| self.point_named(name, span, view, report));
        let tolerance = need_quantity(view, "tolerance", unit, Measure::Distance, report);
        let within = need_duration(view, "within", report);
        if let (Some(point), Some((name, span)), Some(unit)) = (point.and_then(|p| self.points.get(p.index())), named, unit.unit())
            && point.unit.as_deref().is_some_and(|u| u != unit.name)
        {
            report.push(
                view.error(
                    "profile::feedback-unit",
                    span,
                    format!("`{name}` is in {}, the control in {}", point.unit.as_deref().unwrap_or(""), unit.name),
                )
                .fix("deliver both in the same unit"),
            );
        }
        (point, tolerance, within)
    }
}

/// `verb = "dispatch"`.
fn verb(view: &mut View<'_>, report: &mut Report) -> Option<String> {
    let (name, span) = view.need_str("verb", report)?;
    if VERBS.contains(&name) {
        return Some(name.to_owned());
    }
    let fix = nearest(name, VERBS.iter().copied())
        .map_or_else(|| format!("one of: {}", VERBS.join(", ")), |near| format!("did you mean `{near}`?"));
    report.push(view.error("profile::verb-unknown", span, format!("{}: `{name}` is no verb of a control", view.noun())).fix(fix));
    None
}

fn qualifier(view: &mut View<'_>, report: &mut Report) -> u8 {
    let Some((value, span)) = view.take_int("qualifier", report) else { return 0 };
    u8::try_from(value).ok().filter(|v| *v < 128).unwrap_or_else(|| {
        report.push(
            view.error("profile::qualifier-range", span, format!("{}: qualifier {value}", view.noun()))
                .fix("use 0 to 127; 0 is the default"),
        );
        0
    })
}

/// `ramp = { up, down, by, step }`. The outer `None` is a problem, the inner one "no ramp stated".
#[expect(clippy::option_option, reason = "a missing ramp is lawful, a broken one is not")]
fn ramp(view: &mut View<'_>, unit: Measured, report: &mut Report) -> Option<Option<Ramp>> {
    if view.take("ramp").is_none() {
        return Some(None);
    }
    let table = view.take_table("ramp", report)?;
    let mut ramp = view.inner(table, format!("`ramp` of {}", view.noun())).of(&keys::RAMP);
    let up = take_rate(&mut ramp, "up", unit, report);
    let down = if ramp.take("down").is_some() { take_rate(&mut ramp, "down", unit, report) } else { up };
    let by = word(&mut ramp, "by", &[("plant", RampBy::Plant), ("bridge", RampBy::Bridge)], report).unwrap_or(RampBy::Plant);
    let step = match by {
        RampBy::Plant => take_duration(&mut ramp, "step", report).or(Some(Duration::ZERO)),
        RampBy::Bridge => need_duration(&mut ramp, "step", report),
    };
    if by == RampBy::Bridge && step.is_some_and(|s| s < Duration::from_millis(100)) {
        report.push(
            ramp.error("profile::ramp-step", ramp.span(), format!("{}: a step shorter than 100 ms", ramp.noun()))
                .fix("steps of seconds are usual"),
        );
    }
    ramp.finish(report);
    Some(Some(Ramp { up: up?, down: down?, by, step: step? }))
}

/// A rate in the control's unit per minute.
fn take_rate(view: &mut View<'_>, key: &str, target: Measured, report: &mut Report) -> Option<f64> {
    let entry = view.need(key, report)?;
    let span: Span = entry.node.span;
    let bad = |view: &View<'_>, report: &mut Report| {
        let name = target.unit().map_or("MW", |u| u.name);
        report.push(
            view.error("profile::ramp-rate", span, format!("`{key}` of {} is no positive rate", view.noun()))
                .fix(format!("write `{key} = \"2.5 {name}/min\"`")),
        );
    };
    let Shape::Str(text) = &entry.node.shape else {
        bad(view, report);
        return None;
    };
    let rate = crate::quantity::split(text).and_then(|(number, word)| {
        let (amount, per) = word.rsplit_once('/')?;
        let per_minute = match per {
            "s" => 60.0,
            "min" => 1.0,
            "h" => 1.0 / 60.0,
            _ => return None,
        };
        let (factor, _) = unit(amount)?.conversion(target.unit()?)?;
        Some(number * factor * per_minute)
    });
    let rate = rate.filter(|r| *r > 0.0);
    if rate.is_none() && target.unit().is_some() {
        bad(view, report);
    }
    rate
}

/// `expires = { max_age, on_lapse, until? }`; `until` is of a cap.
pub(super) fn expires(view: &mut View<'_>, caps: bool, report: &mut Report) -> Option<(Duration, Lapse)> {
    if view.take("expires").is_none() {
        report.push(
            view.error("profile::expires-missing", view.span(), format!("{} does not say when an operation is too old", view.noun()))
                .fix("add `expires = { max_age = \"30s\", on_lapse = \"hold\" }`"),
        );
        return None;
    }
    let table = view.take_table("expires", report)?;
    let mut expires = view.inner(table, format!("`expires` of {}", view.noun())).of(&keys::EXPIRES);
    let max_age = need_duration(&mut expires, "max_age", report);
    expires.need("on_lapse", report);
    let on_lapse = word(&mut expires, "on_lapse", &[("hold", Lapse::Hold), ("drop", Lapse::Drop), ("release", Lapse::Release)], report);
    let until = if caps { word(&mut expires, "until", &[("message.period", ())], report) } else { None };
    if let Some(lapse) = on_lapse {
        check_lapse(&expires, caps, lapse, until.is_some(), report);
    }
    expires.finish(report);
    Some((max_age?, on_lapse?))
}

/// `authority = ["sldc"]`: nobody may command unless named (default deny).
pub(super) fn authority(view: &mut View<'_>, report: &mut Report) -> Vec<String> {
    if view.take("authority").is_none() {
        report.push(
            view.error("profile::authority-missing", view.span(), format!("{} does not say who may command it", view.noun()))
                .fix("add `authority = [\"sldc\"]`"),
        );
        return Vec::new();
    }
    let mut roles = Vec::new();
    for (name, span) in view.take_strs("authority", report).unwrap_or_default() {
        let upper = name.to_ascii_uppercase();
        if ROLES.contains(&upper.as_str()) {
            roles.push(upper);
        } else {
            let fix = nearest(&upper, ROLES.iter().copied())
                .map_or_else(|| format!("one of: {}", ROLES.join(", ")), |near| format!("did you mean `{near}`?"));
            report.push(view.error("profile::role-unknown", span, format!("there is no role `{name}`")).fix(fix));
        }
    }
    roles
}

/// `ems = { select_con, execute_con, term }` (R15).
fn ems(view: &mut View<'_>, report: &mut Report) -> Option<EmsTiming> {
    if view.take("ems").is_none() {
        report.push(
            view.error("profile::ems-missing", view.span(), format!("{} is reached from an EMS and states no timing", view.noun()))
                .fix("add `ems = { select_con = \"10s\", execute_con = \"10s\", term = \"60s\" }`, the times the EMS waits"),
        );
        return None;
    }
    let table = view.take_table("ems", report)?;
    let mut ems = view.inner(table, format!("`ems` of {}", view.noun())).of(&keys::EMS);
    let select_con = need_duration(&mut ems, "select_con", report);
    let execute_con = need_duration(&mut ems, "execute_con", report);
    let term = need_duration(&mut ems, "term", report);
    ems.finish(report);
    Some(EmsTiming { select_con: select_con?, execute_con: execute_con?, term: term? })
}

//! Controls of verb `start` and `stop`: what a person is asked to do (R8). Nothing is written, so they have no address.

use std::time::Duration;

use bridge_diag::{Report, Span, View};
use bridge_model::LinkId;
use bridge_session::Role;

use super::control::authority;
use super::scope::{Scope, need_duration, settle, take_duration};
use crate::keys;
use crate::plan::{Ask, Control, ControlKind, Conversion, Instruct, Reached, SelectMode};

/// The id, the link and our role on it, as far as they could be read.
type Place<'t> = (Option<&'t str>, Option<usize>, Option<Role>);

impl Scope<'_> {
    pub(super) fn compile_instruction<'t>(&mut self, mut view: View<'t>, place: Place<'t>, verb: &str, report: &mut Report) {
        let (id, link, role) = place;
        let before = report.errors();
        let cim = self.control_cim(&mut view, report);
        let execution = view.take_str("execution", report);
        if let Some((word, span)) = execution.filter(|(word, _)| *word != "operator") {
            let _ = word;
            report.push(
                view.error(
                    "profile::start-stop-operator",
                    span,
                    format!("{} starts or stops a unit: only a person does that", view.noun()),
                )
                .fix("use `execution = \"operator\"`"),
            );
        }
        if let Some(entry) = view.take("addr") {
            report.push(
                view.error(
                    "profile::start-stop-address",
                    entry.key_span,
                    format!("{} has an address, and nothing is ever written for it", view.noun()),
                )
                .fix("remove `addr`: the instruction is shown to a person, and `feedback` tells whether it was done"),
            );
        }
        view.take_str("text", report);
        let kind = match role {
            Some(Role::Client) => self.instruct(&mut view, report).map(ControlKind::Instruct),
            Some(Role::Server) => self.peer_named(&mut view, report).map(|peer| ControlKind::Ask(Ask { peer })),
            // Without a link nobody knows which keys belong here: one problem is enough.
            None => {
                view.take_rest();
                None
            }
        };
        view.finish(report);
        let (Some(id), Some(link), Some((resource, _, measurement)), Some(kind)) = (id, link, cim, kind) else { return };
        let Ok(number) = u16::try_from(link) else { return };
        if report.errors() > before {
            return;
        }
        settle(&mut self.control_names, id, self.controls.len());
        self.controls.push(Control {
            id: id.to_owned(),
            link: LinkId(number),
            resource,
            verb: verb.to_owned(),
            measurement,
            unit: "none".to_owned(),
            basis: None,
            conversion: Conversion::IDENTITY,
            select: SelectMode::None,
            qualifier: 0,
            kind,
        });
    }

    fn instruct(&mut self, view: &mut View<'_>, report: &mut Report) -> Option<Instruct> {
        let requires = self.requires(view, report);
        let reached = self.reached(view, report);
        let max_age = need_duration(view, "max_age", report);
        let authority = authority(view, report);
        let accept_within = view.take("accept_within").map(|entry| entry.node.span);
        let accept_within = match accept_within {
            Some(_) => take_duration(view, "accept_within", report),
            None => {
                report.push(
                    view.error(
                        "profile::accept-within",
                        view.span(),
                        format!("{} waits for a person and does not say how long", view.noun()),
                    )
                    .fix("add `accept_within = \"15min\"`"),
                );
                None
            }
        };
        let done_within = take_duration(view, "done_within", report);
        Some(Instruct { requires, reached: reached?, max_age: max_age?, authority, accept_within: accept_within?, done_within })
    }

    /// `feedback = { reached = "U1.state == synchronised", within = "2min", dwell = "10s" }` (R8, R11).
    fn reached(&self, view: &mut View<'_>, report: &mut Report) -> Option<Reached> {
        const FIX: &str =
            "add `feedback = { reached = \"POINT == VALUE\", within = \"2min\" }`: the state that the unit shows when it is done";
        let missing = |view: &View<'_>, span: Span, report: &mut Report| {
            report.push(
                view.error(
                    "profile::feedback-missing",
                    span,
                    format!("{} has no feedback: nobody would know whether it was done", view.noun()),
                )
                .fix(FIX),
            );
        };
        if view.take("feedback").is_none() {
            missing(view, view.span(), report);
            return None;
        }
        let table = view.take_table("feedback", report)?;
        let mut feedback = view.inner(table, format!("`feedback` of {}", view.noun())).of(&keys::FEEDBACK);
        let state = match feedback.take_str("reached", report) {
            Some((text, span)) => self.condition(text, span, &feedback, report),
            None => {
                missing(view, table.span, report);
                None
            }
        };
        let within = need_duration(&mut feedback, "within", report);
        let dwell = take_duration(&mut feedback, "dwell", report).unwrap_or(Duration::ZERO);
        feedback.finish(report);
        Some(Reached { state: state?, within: within?, dwell })
    }
}

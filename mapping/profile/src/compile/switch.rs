//! Controls of verb `reconfigure`: a switch, whose position is seen (R9).

use bridge_diag::{Report, View};
use bridge_model::PointId;

use super::control::{authority, expires};
use super::scope::{Scope, need_duration, take_duration};
use crate::keys;
use crate::plan::{Drive, Execution, Followed, Taken};

impl Scope<'_> {
    /// The switch that the bridge operates.
    pub(super) fn switch(&mut self, view: &mut View<'_>, id: Option<&str>, report: &mut Report) -> Option<Drive> {
        let requires = self.requires(view, report);
        let feedback = self.switch_feedback(view, report);
        let expires = expires(view, false, report);
        let authority = authority(view, report);
        let at = view.take("execution").map_or(view.span(), |entry| entry.node.span);
        let execution = view.take_str("execution", report);
        if execution.is_none_or(|(word, _)| word != "automatic") {
            let what = format!("{} switches, and does not say that the bridge does it", view.noun());
            report.push(
                view.error("profile::switch-execution", at, what)
                    .fix("use `execution = \"automatic\"`; what a person switches is no control of the bridge"),
            );
        }
        let remote_enable = view.take_str("remote_enable", report).and_then(|(name, span)| self.point_named(name, span, view, report));
        if remote_enable.is_none() {
            report.push(
                view.error(
                    "profile::remote-enable-missing",
                    at,
                    format!("{} is written by the bridge without a remote-enable point", view.noun()),
                )
                .fix("add `remote_enable = \"POINT\"`: a live point with which the plant allows remote control"),
            );
        }
        // A switch is exclusive with nothing but itself.
        let exclusive = view.take_str("exclusive", report).map_or(id.unwrap_or_default(), |(text, _)| text).to_owned();
        let (point, within, dwell) = feedback?;
        let (max_age, on_lapse) = expires?;
        Some(Drive {
            min: 0.0,
            max: 1.0,
            ramp: None,
            requires,
            taken: Taken { point, tolerance: 0.0, within },
            followed: Followed { point, tolerance: 0.0, within, dwell, at_most: false },
            max_age,
            on_lapse,
            authority,
            exclusive,
            execution: Execution::Automatic,
            accept_within: None,
            done_within: None,
            remote_enable,
            bump_limit: 1.0,
            cap: None,
            switches: true,
        })
    }

    /// `feedback = { position = "BLK1.cb", within = "10s", dwell = "1s" }`.
    fn switch_feedback(&self, view: &mut View<'_>, report: &mut Report) -> Option<(PointId, std::time::Duration, std::time::Duration)> {
        const FIX: &str = "add `feedback = { position = \"POINT\", within = \"10s\" }`: the point that shows how the switch stands";
        if view.take("feedback").is_none() {
            let what = format!("{} has no feedback: nobody would know whether it switched", view.noun());
            report.push(view.error("profile::feedback-missing", view.span(), what).fix(FIX));
            return None;
        }
        let table = view.take_table("feedback", report)?;
        let mut feedback = view.inner(table, format!("`feedback` of {}", view.noun())).of(&keys::FEEDBACK);
        let point = self.position(&mut feedback, report);
        let within = need_duration(&mut feedback, "within", report);
        let dwell = take_duration(&mut feedback, "dwell", report).unwrap_or_default();
        feedback.finish(report);
        Some((point?, within?, dwell))
    }

    /// `position = "BLK1.cb"`.
    pub(super) fn position(&self, view: &mut View<'_>, report: &mut Report) -> Option<PointId> {
        if view.take("position").is_none() {
            let what = format!("{} does not say how the switch is seen to stand", view.noun());
            report.push(
                view.error("profile::feedback-missing", view.span(), what)
                    .fix("add `position = \"POINT\"`: what is switched is switched from a known position (R9)"),
            );
            return None;
        }
        let (name, span) = view.take_str("position", report)?;
        self.point_named(name, span, view, report)
    }
}

//! From the verb to the wire.

use bridge_model::{Action, Command, CommandId, CommandMode, Mono, Now, PointId, Utc};
use bridge_profile::{Control, ControlKind, Drive, Execution, Lapse, PlannedPoint, RampBy, Relay, Require, SelectMode};

use super::{Explained, Explainer};
use crate::words;

/// The latest time of the worked command: 2026-04-01T00:00:30Z.
const NOT_AFTER: Utc = Utc(1_775_001_630_000_000_000);

impl Explainer<'_> {
    pub(super) fn control(&self, index: usize, value: Option<f64>) -> Option<Explained> {
        let control = self.plan.controls.get(index)?;
        let mut out = Explained::new("control", &control.id);
        out.may("written in", self.origin(self.row("controls", &control.id)));
        match &control.kind {
            ControlKind::Drive(drive) => self.drive(index, control, drive, value, &mut out),
            ControlKind::Relay(relay) => self.relay(index, control, relay, value, &mut out),
            ControlKind::Instruct(instruct) => {
                out.say("IES", format!("{} of {}", control.verb, self.resource_words(control.resource)));
                authority(&instruct.authority, &mut out);
                out.say("policy", format!("refused if older than {}", words::duration(instruct.max_age)));
                requires(&instruct.requires, &mut out);
                out.say("executed by", format!("a person, who answers within {} (R8)", words::duration(instruct.accept_within)));
                out.may(
                    "executed by",
                    instruct.done_within.map(|time| format!("and reports it done within {}, else it is OVERDUE", words::duration(time))),
                );
                out.say("wire", "nothing is ever written");
                let reached = &instruct.reached;
                let (within, dwell) = (words::duration(reached.within), words::duration(reached.dwell));
                out.say("feedback", format!("{} within {within} of the report, for {dwell}", reached.state.text));
                out.say("messages", "acknowledge: RECEIPT, ACCEPTANCE or REJECTED, EXECUTING, COMPLETED or FAILED");
            }
            ControlKind::Ask(ask) => {
                out.say("asked by", format!("people here, with `ies-bridge send {} {}`", control.verb, self.key(control)));
                out.say("IES", format!("{} of {}", control.verb, self.resource_words(control.resource)));
                out.say("goes to", format!("peer {}", ask.peer));
                out.say("wire", "no address: an EMS sees its status where `serves` shows it");
            }
            ControlKind::Companion(companion) => {
                let owner = self.plan.controls.get(companion.of).map_or("", |owner| owner.id.as_str());
                out.say("written by", format!("the programme of {owner}; no operation names it (R7)"));
                out.say("wire", self.wire_words(control.link.index(), self.addresses.controls.get(index).copied().flatten()));
                match words::reasons_of(self.plan, index) {
                    #[expect(clippy::cast_precision_loss, reason = "the numbers of reasons are small")]
                    Some(reasons) => {
                        for (reason, known) in reasons {
                            out.say("worked", format!("{reason} → wire {}", known.number));
                        }
                        let first = reasons.values().next().map_or(0.0, |known| known.number as f64);
                        self.sent(index, control, Action::Set(first), &mut out);
                    }
                    None => self.sent(index, control, Action::Switch(true), &mut out),
                }
            }
        }
        Some(out)
    }

    fn key(&self, control: &Control) -> &str {
        self.plan.resources.get(usize::from(control.resource)).map_or("", |resource| resource.key.as_str())
    }

    fn drive(&self, index: usize, control: &Control, drive: &Drive, value: Option<f64>, out: &mut Explained) {
        if drive.switches {
            return self.switch(index, control, drive, value, out);
        }
        let unit = control.unit.as_str();
        let shown = |value: f64| words::quantity(value, unit);
        let target = value.unwrap_or_else(|| {
            let step = 10_f64.powf((drive.max - drive.min).log10().floor() - 2.0);
            ((drive.min + (drive.max - drive.min) * 0.75) / step).round() * step
        });
        let target = words::number(target).parse().unwrap_or(target);
        let basis = control.basis.map(|basis| format!(", {}", basis.as_str())).unwrap_or_default();
        let argument = if drive.cap.is_some() { "limit" } else { "active_power" };
        out.say("IES", format!("{} of {}", control.verb, self.resource_words(control.resource)));
        out.say("IES", format!("{argument} = {}{basis}", shown(target)));
        authority(&drive.authority, out);
        out.say("policy", format!("refused if older than {}", words::duration(drive.max_age)));
        out.say("policy", format!("refused outside {} to {}, never clamped", shown(drive.min), shown(drive.max)));
        out.say(
            "policy",
            format!(
                "one programme at a time of `{}`; a ramp starts within {} of what is measured",
                drive.exclusive,
                shown(drive.bump_limit)
            ),
        );
        if let Some(cap) = &drive.cap {
            let available =
                cap.available.map(|point| format!(", what is available from {}", words::point_id(self.plan, point))).unwrap_or_default();
            out.say("policy", format!("shares count from {} rated{available}", shown(cap.rated)));
            let at_end = |released: bool| if released { ", released at its end" } else { "" };
            let reasons: Vec<String> =
                cap.reasons.iter().map(|(reason, known)| format!("{reason} = {}{}", known.number, at_end(known.released))).collect();
            out.may("policy", (!reasons.is_empty()).then(|| format!("reasons taken: {}", reasons.join(", "))));
        }
        requires(&drive.requires, out);
        if let Some(point) = drive.remote_enable {
            out.say("requires", format!("{} is 1, GOOD and fresh: the plant's leave (R8)", words::point_id(self.plan, point)));
        }
        out.say("executed by", executed_by(drive));
        ramp(drive, unit, out);
        if control.conversion.is_identity() {
            out.say("to the wire", "as it is");
        } else {
            let conversion = control.conversion;
            let offset = if conversion.offset == 0.0 {
                String::new()
            } else {
                format!("({} − {}) / ", control.unit, words::number(conversion.offset))
            };
            let text = if offset.is_empty() {
                format!("{} / {}", control.unit, words::number(conversion.factor))
            } else {
                format!("{offset}{}", words::number(conversion.factor))
            };
            out.say("to the wire", text);
        }
        self.selected(index, control, out);
        if target < drive.min || target > drive.max {
            out.say("worked", format!("{} lies outside the envelope: REJECTED, nothing is sent", shown(target)));
        } else {
            let wire = self.plan.to_wire(control, target);
            out.say("worked", format!("{} → wire {}", shown(target), words::number(wire)));
            self.sent(index, control, Action::Set(wire), out);
            if let Some(enable) = drive.cap.as_ref().and_then(|cap| cap.enable) {
                let name = |at: usize| self.plan.controls.get(at).map_or("", |control| control.id.as_str());
                out.say(
                    "worked",
                    format!("then {} is written on; off again at the end of the release: {}", name(enable.on.0), name(enable.off.0)),
                );
            }
        }
        let taken = drive.taken;
        out.say(
            "feedback",
            format!(
                "taken: {} within {} of the target in {}",
                self.point_words(taken.point),
                shown(taken.tolerance),
                words::duration(taken.within)
            ),
        );
        let followed = drive.followed;
        let band = if followed.at_most {
            format!("at most {} above the target", shown(followed.tolerance))
        } else {
            format!("within {} of the target", shown(followed.tolerance))
        };
        out.say(
            "feedback",
            format!(
                "followed: {} {band}, {} after the ramp at the latest, for {} (R11)",
                self.point_words(followed.point),
                words::duration(followed.within),
                words::duration(followed.dwell)
            ),
        );
        out.say(
            "ends",
            match drive.on_lapse {
                Lapse::Hold => "at the end of its life: stays at the last confirmed set-point",
                Lapse::Drop => "at the end of its life: nothing more is sent, nothing is held",
                Lapse::Release => "at the end that its issuer signed: released, ramped (R7)",
            },
        );
        out.say(
            "messages",
            "acknowledge: RECEIPT, ACCEPTANCE or REJECTED, COMPLETED, NOT_OPERATED, EXPIRED or INDETERMINATE; report: deviation",
        );
    }

    /// A switch: one step, from a position that is seen (R9). `value`: 0 opens, anything else closes.
    fn switch(&self, index: usize, control: &Control, drive: &Drive, value: Option<f64>, out: &mut Explained) {
        let close = value.is_none_or(|value| value != 0.0);
        let (before, after) = if close { ("OPEN", "CLOSED") } else { ("CLOSED", "OPEN") };
        out.say("IES", format!("{} of {}", control.verb, self.resource_words(control.resource)));
        out.say("IES", format!("one step, to {after}, with expectBefore = {before}: refused if it is seen to stand otherwise (R9)"));
        authority(&drive.authority, out);
        out.say("policy", format!("refused if older than {}", words::duration(drive.max_age)));
        requires(&drive.requires, out);
        if let Some(point) = drive.remote_enable {
            out.say("requires", format!("{} is 1, GOOD and fresh: the plant's leave (R8)", words::point_id(self.plan, point)));
        }
        out.say("executed by", executed_by(drive));
        self.selected(index, control, out);
        self.sent(index, control, Action::Switch(close), out);
        let followed = drive.followed;
        out.say(
            "feedback",
            format!(
                "{} shows {after} in {}, for {}",
                self.point_words(followed.point),
                words::duration(followed.within),
                words::duration(followed.dwell)
            ),
        );
        out.say("messages", "acknowledge: RECEIPT, ACCEPTANCE or REJECTED, COMPLETED, NOT_OPERATED, EXPIRED or INDETERMINATE");
    }

    fn selected(&self, index: usize, control: &Control, out: &mut Explained) {
        out.say("wire", self.wire_words(control.link.index(), self.addresses.controls.get(index).copied().flatten()));
        out.say(
            "wire",
            match control.select {
                SelectMode::None => "executed without select (R4)",
                SelectMode::Bridge => "the bridge selects, awaits the confirmation, executes (R4)",
                SelectMode::Relay => "the issuer's own SELECT is passed on (R4)",
                SelectMode::Scl => "as the control model of the SCL file says (R4)",
            },
        );
    }

    fn relay(&self, index: usize, control: &Control, relay: &Relay, value: Option<f64>, out: &mut Explained) {
        out.say("wire", self.wire_words(control.link.index(), self.addresses.controls.get(index).copied().flatten()));
        if control.verb == "reconfigure" {
            out.say("worked", "on closes, off opens: one step from the position that is seen (R9)");
        } else {
            let wire = value.unwrap_or_else(|| self.plan.to_wire(control, 100.0));
            let eng = control.conversion.to_eng(wire);
            let basis = control.basis.map(|basis| format!(", {}", basis.as_str())).unwrap_or_default();
            out.say("worked", format!("wire {} → {}{basis}", words::number(wire), words::quantity(eng, &control.unit)));
        }
        out.say("IES", format!("{} of {}", control.verb, self.resource_words(control.resource)));
        out.say("goes to", format!("peer {}, as {} of {}", relay.peer, relay.instruction_code, relay.operator_ref));
        out.may("ramp", relay.ramp.map(|ramp| format!("asked for: {} {}/min", words::number(ramp), control.unit)));
        let ems = relay.ems;
        out.say(
            "timing",
            format!(
                "the EMS waits {} for select, {} for execute, {} for termination (R15)",
                words::duration(ems.select_con),
                words::duration(ems.execute_con),
                words::duration(ems.term)
            ),
        );
        out.may("timing", relay.accept_within.map(|time| format!("the far operator answers within {}", words::duration(time))));
        out.say("answer", "confirmed only after the far side's ACCEPTANCE; refused with a reason; without an answer no termination");
    }

    fn point_words(&self, point: PointId) -> String {
        let unit = |point: &PlannedPoint| point.unit.as_deref().map(|unit| format!(" ({unit})")).unwrap_or_default();
        self.plan.points.get(point.index()).map_or_else(String::new, |point| format!("{}{}", point.id, unit(point)))
    }

    /// The command as the adapter would send it.
    fn sent(&self, index: usize, control: &Control, action: Action, out: &mut Explained) {
        let (Some(link), Some(protocol)) = (self.plan.links.get(control.link.index()), self.protocol(control.link.index())) else { return };
        let Ok(point) = u32::try_from(index) else { return };
        let modes: &[CommandMode] = match control.select {
            SelectMode::None => &[CommandMode::Direct],
            SelectMode::Bridge | SelectMode::Relay | SelectMode::Scl => &[CommandMode::Select, CommandMode::Execute],
        };
        for mode in modes {
            let not_after = Now { mono: Mono(30_000_000_000), utc: NOT_AFTER };
            let command = Command { id: CommandId(0), point: PointId(point), action, mode: *mode, qualifier: control.qualifier, not_after };
            match protocol.render_command(&link.spec, &command) {
                Ok(rendered) => {
                    let bytes: Vec<String> = rendered.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    out.say("sent", format!("{} [{}]", rendered.text, bytes.join(" ")));
                }
                Err(problem) => out.say("sent", format!("not at all: {}; {}", problem.problem, problem.fix)),
            }
        }
    }
}

fn authority(roles: &[String], out: &mut Explained) {
    out.say("policy", format!("only {}, with authority for the resource in the trust bundle (R28)", roles.join(", ")));
}

fn requires(all: &[Require], out: &mut Explained) {
    for require in all {
        out.say("requires", format!("{}, GOOD and fresh", require.text));
    }
}

fn executed_by(drive: &Drive) -> String {
    let within = drive.accept_within.map(|time| format!(", who answers within {}", words::duration(time))).unwrap_or_default();
    match drive.execution {
        Execution::Operator => format!("a person{within}; nothing is written (R8)"),
        Execution::Released => format!("the bridge, after a person released it{within} (R8)"),
        Execution::Automatic => "the bridge (R8)".to_owned(),
    }
}

fn ramp(drive: &Drive, unit: &str, out: &mut Explained) {
    let Some(ramp) = drive.ramp else {
        out.say("ramp", "none: the target is sent once");
        return;
    };
    let rates = format!("{} {unit}/min up, {} {unit}/min down", words::number(ramp.up), words::number(ramp.down));
    match ramp.by {
        RampBy::Plant => out.say("ramp", format!("by the plant: the target is sent once; {rates}")),
        RampBy::Bridge => {
            let step = ramp.up * ramp.step.as_secs_f64() / 60.0;
            let every = words::duration(ramp.step);
            out.say(
                "ramp",
                format!(
                    "by the bridge: {rates}; a set-point every {every}, {} apart on the way up",
                    words::quantity((step * 1e6).round() / 1e6, unit)
                ),
            );
        }
    }
}

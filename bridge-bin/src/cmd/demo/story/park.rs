//! Step 2 of the story: an EMS's set-point ramps the solar park, a curtailment of the same park pre-empts it, the displaced is told (R6).

use std::time::Duration;

use bridge_sim::{Dispatch, EntryKind};
use serde_json::json;

use super::{COMPLETED, SOON, SUPERSEDED, Story, Told};
use crate::cmd::demo::cast::Actor;
use crate::cmd::demo::folder::Party;
use crate::control::Ask;

/// The park's set-point, its limit, and the switch of that, as everybody calls them.
const SET: &str = "plant.p_set";
const LIMIT: &str = "plant.curtail";
const SWITCH: &str = "plant.curtail.enable";
/// Where the EMS wants the park: further than it gets.
const WANTED_MW: f64 = 220.0;
/// The limit by curtailment.
const LIMIT_MW: f64 = 100.0;
/// By how much the park may miss its limit.
const SLACK_MW: f64 = 3.0;
/// In which time the curtailment may start.
const VALID_S: u32 = 10;
/// From the curtailment's issue to its first step at the park: the next step of what it pre-empts is at most a second away (R1), the rest
/// is for select, two bridges and a machine that is busy.
const PREEMPTS_WITHIN: Duration = Duration::from_secs(3);

impl Story<'_> {
    /// Step 2; everything that is claimed stands in the ledgers of the park and of its EMS.
    pub(super) fn park(&mut self) -> Told<()> {
        self.teller.chapter("3. the solar park: a set-point, pre-empted by a curtailment");
        let order = self.order("plant", WANTED_MW)?;
        let answered = self.phase(&order, EntryKind::Confirmed, "status 0")?;
        self.until("two steps of the park's ramp", SOON, |story| (story.done_at_park(SET).len() >= 2).then_some(()))?;
        let steps = self.done_at_park(SET);
        let (values, selects) = (values(&steps), self.park.entries().iter().filter(|entry| entry.kind == EntryKind::Select).count());
        if !values.is_sorted() || values.last().is_none_or(|last| *last >= WANTED_MW) || selects != 1 {
            return Err(format!("expected one select and a ramp that is not yet at {WANTED_MW} MW, saw {selects} selects and {values:?}"));
        }
        self.answered_at_park.push((order.control.clone(), order.target, answered));
        self.hold(&format!("the EMS's set-point ramps the park: status 0, one select, {} steps so far", values.len()));
        self.curtailed(&values)?;
        let again = self.order("plant", LIMIT_MW + 30.0)?;
        self.refused(&again, "ABOVE_CAP")?;
        self.hold("above the limit the park's EMS is refused, by a status that is not 0");
        Ok(())
    }

    /// The curtailment of the park whose ramp has come so far.
    fn curtailed(&mut self, ramped: &[f64]) -> Told<()> {
        let (mark, issued) = (self.cast.mark(), self.cast.clock.now().utc);
        let ramp = self.tempo.park_fall();
        let wish = Ask::Order {
            control: LIMIT.to_owned(),
            verb: "curtail".to_owned(),
            payload: json!({
                "limit": { "value": LIMIT_MW, "unit": "MW", "basis": "ABSOLUTE_CAP" },
                "period": {},
                "ramp": { "value": ramp, "unit": "MW/min" },
                "release": "MANUAL",
                "reason": { "code": "SECURITY" },
            }),
            valid_for_s: VALID_S,
            operator_ref: "sldc:shift-engineer".to_owned(),
            instruction_code: "DEMO-CAP".to_owned(),
        };
        let answer = self.ask(Party::Sldc, &wish)?;
        let id = answer["operationId"].as_str().unwrap_or_default().to_owned();
        self.teller.tell("sldc desk", &format!("curtails the solar park to {LIMIT_MW} MW at {ramp} MW/min, for security"));
        let not_after = (issued + Duration::from_secs(VALID_S.into())).0;
        for (control, target) in [(LIMIT, LIMIT_MW), (SWITCH, 1.0)] {
            self.elsewhere.push(Dispatch { control: control.to_owned(), target, issued: issued.0, not_after });
        }

        // Who was displaced is told, and by whom.
        self.said(Actor::Sldc, "SUPERSEDED", mark, SOON)?;
        if self.cast.all_said(Actor::Sldc, SET, mark).iter().any(|line| line.contains("SUPERSEDED") && line.contains(&id)) {
            self.hold("the set-point is superseded, and the acknowledgement names the curtailment");
        } else {
            self.miss(format!("expected the acknowledgement of the set-point to name {id}, saw another"));
        }
        self.status(SET, SUPERSEDED, Some("SUPERSEDED"))?;
        self.hold("the park's EMS sees SUPERSEDED on the status points of its set-point");

        self.status(LIMIT, COMPLETED, None)?;
        let (limits, switched) = (self.done_at_park(LIMIT), self.done_at_park(SWITCH));
        let down = values(&limits);
        if !down.iter().rev().is_sorted() || down.last() != Some(&LIMIT_MW) || values(&switched) != [1.0] {
            return Err(format!("expected a ramp down to {LIMIT_MW} MW and its switch on, once, saw {down:?} and {:?}", values(&switched)));
        }
        let after = limits.first().map_or(i64::MAX, |(t, _)| t - issued.0);
        if after > i64::try_from(PREEMPTS_WITHIN.as_nanos()).unwrap_or(i64::MAX) {
            self.miss(format!("expected the first step of the limit within {} s, saw it after {after} ns", PREEMPTS_WITHIN.as_secs()));
        }
        let begun = limits.first().map_or(i64::MAX, |(t, _)| *t);
        let later = self.done_at_park(SET).iter().filter(|(t, _)| *t > begun).count();
        if later > 0 {
            self.miss(format!("expected no step of the set-point after the first of the limit, saw {later}"));
        }
        self.hold(&format!(
            "the curtailment pre-empts it at {:.0} MW: {} steps down from {:.0} MW, the limit's switch is latched",
            ramped.last().copied().unwrap_or_default(),
            down.len(),
            down.first().copied().unwrap_or_default()
        ));
        let below = |story: &mut Self| {
            let shown = story.entries_of("plant.p").last().and_then(|entry| entry.value);
            shown.filter(|shown| *shown <= LIMIT_MW + SLACK_MW)
        };
        let (power, made) = (self.until("the park's power below its limit at its EMS", SOON, below)?, self.power_at_park());
        if made.is_none_or(|made| made > LIMIT_MW + SLACK_MW) {
            return Err(format!("expected at most {LIMIT_MW} MW at the park, saw {made:?}"));
        }
        self.hold(&format!("the park gives {power:.1} MW, below its limit, and its EMS sees it"));
        Ok(())
    }

    /// The limit still holds at the park, and nothing was written there since this many executions.
    pub(super) fn still_curtailed(&mut self, executions: usize) {
        let (now, power) = (self.park_executions(), self.power_at_park());
        if now == executions && power.is_some_and(|power| power <= LIMIT_MW + SLACK_MW) {
            self.hold("the park still works to its limit, and nothing was written to it since");
        } else {
            self.miss(format!(
                "expected the park below {LIMIT_MW} MW and no write since, saw {power:?} MW and {} writes",
                now - executions
            ));
        }
    }

    /// What the park executed so far, of every control.
    pub(super) fn park_executions(&mut self) -> usize {
        self.park.entries().iter().filter(|entry| entry.kind == EntryKind::Execute).count()
    }

    /// When the park executed what of this control.
    fn done_at_park(&mut self, control: &str) -> Vec<(i64, f64)> {
        let done = self.park.entries().iter().filter(|entry| entry.kind == EntryKind::Execute && entry.point == control);
        done.map(|entry| (entry.t, entry.value.unwrap_or(f64::NAN))).collect()
    }

    /// The park's power by its own ledger, MW.
    fn power_at_park(&mut self) -> Option<f64> {
        let plan = &self.folder.park;
        let conversion = plan.points.get(plan.point("plant.p")?.index())?.conversion;
        let mut entries = self.park.entries().iter().rev();
        entries.find(|entry| entry.point == "plant.p").and_then(|entry| entry.value).map(|wire| conversion.to_eng(wire))
    }
}

fn values(done: &[(i64, f64)]) -> Vec<f64> {
    done.iter().map(|(_, value)| *value).collect()
}

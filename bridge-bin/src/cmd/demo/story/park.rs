//! Step 2 of the story: an EMS's set-point ramps the solar park, a curtailment of the same park pre-empts it, the displaced is told (R6);
//! later the curtailment is lifted, ramped (R7).
//!
//! Both come from the load despatch centre, as in practice: the renewables desk commands through its EMS, the shift engineer curtails for
//! security, and the desk that is displaced is told. Control authority is one party's at a time (R6); that another party's cap displaces as
//! well, and is told apart, is shown by the profile's own tests.

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
/// What the limit is when it is taken off: all that the park can give.
const FREE_MW: f64 = 300.0;
/// Whether the limit holds, as the park's EMS is shown it.
const HOLDS: &str = "plant.curtail_on";
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
        self.curtailment.clone_from(&id);
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
        self.shows_limit(1.0)
    }

    /// The park's EMS is shown whether the limit holds, by the park's own word.
    fn shows_limit(&mut self, holds: f64) -> Told<()> {
        self.until("the park's word whether its limit holds, at its EMS", SOON, |story| {
            let event = story.entries_of(HOLDS).rfind(|entry| entry.kind == EntryKind::Event)?;
            (event.value == Some(holds)).then_some(())
        })?;
        self.hold(&format!(
            "the park says by itself that its limit is {}, and its EMS sees it",
            if holds > 0.5 { "in force" } else { "off" }
        ));
        Ok(())
    }

    /// The shift engineer lifts the curtailment; gives how many limits the park had executed before.
    pub(super) fn lift(&mut self) -> Told<usize> {
        let (stood, issued) = (self.done_at_park(LIMIT).len(), self.cast.clock.now().utc);
        let wish = Ask::Order {
            control: String::new(),
            verb: "curtail".to_owned(),
            payload: json!({ "releaseOf": self.curtailment, "reason": { "code": "NO_LONGER_NEEDED" } }),
            valid_for_s: VALID_S,
            operator_ref: "sldc:shift-engineer".to_owned(),
            instruction_code: "DEMO-CAP-OFF".to_owned(),
        };
        self.ask(Party::Sldc, &wish)?;
        self.teller.tell("sldc desk", "lifts the curtailment of the solar park");
        let not_after = issued + Duration::from_secs(VALID_S.into());
        // The switch is last: when the limit has come up.
        for (control, target, not_after) in [(LIMIT, FREE_MW, not_after), (SWITCH, 0.0, not_after + self.rises_in())] {
            self.elsewhere.push(Dispatch { control: control.to_owned(), target, issued: issued.0, not_after: not_after.0 });
        }
        Ok(stood)
    }

    /// How long the limit takes to come up.
    fn rises_in(&self) -> Duration {
        Duration::from_secs_f64((FREE_MW - LIMIT_MW) / self.tempo.park_fall() * 60.0)
    }

    /// The limit has come up step by step, and is off.
    pub(super) fn lifted(&mut self, stood: usize) -> Told<()> {
        let within = self.rises_in() + SOON;
        self.until("the switch of the park's limit taken off", within, |story| {
            (values(&story.done_at_park(SWITCH)) == [1.0, 0.0]).then_some(())
        })?;
        let limits = values(&self.done_at_park(LIMIT)).split_off(stood);
        let step = self.tempo.park_fall() / 60.0 + 1e-3;
        let ramped = std::iter::once(LIMIT_MW).chain(limits.iter().copied()).collect::<Vec<_>>();
        if !ramped.windows(2).all(|pair| matches!(pair, [from, to] if to > from && to - from <= step)) || limits.last() != Some(&FREE_MW) {
            return Err(format!("expected a ramp up from {LIMIT_MW} to {FREE_MW} MW in steps of {step:.1} MW, saw {limits:?}"));
        }
        self.status(LIMIT, COMPLETED, Some("RELEASED"))?;
        self.hold(&format!("the curtailment is lifted: {} steps up to {FREE_MW} MW, then its switch is off", limits.len()));
        self.shows_limit(0.0)?;
        let above = |story: &mut Self| {
            let shown = story.entries_of("plant.p").last().and_then(|entry| entry.value);
            shown.filter(|shown| *shown > LIMIT_MW + SLACK_MW)
        };
        let power = self.until("the park's power above its former limit at its EMS", SOON, above)?;
        self.hold(&format!("the park gives {power:.1} MW again"));
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

//! What the bridge says to every party that gives it orders: alarms and what became of links.

use std::collections::BTreeMap;

use bridge_ies::format_time;
use bridge_model::{LinkId, Now};
use bridge_profile::{AlarmChange, Side};
use bridge_session::Suspicion;
use serde_json::{Value, json};

use super::Bridge;
use crate::broker;
use crate::clocks::{ClockChange, describe};
use crate::core::Core;
use crate::store::Table;

/// The entry that tells of an uncertain control's alarm.
fn uncertain_key(control: &str) -> String {
    format!("uncertain {control}")
}

/// For each control, whether its alarm stands.
pub(super) fn uncertain_told(core: &Core) -> Vec<bool> {
    core.plan.controls.iter().map(|control| core.store.value(Table::Misc, uncertain_key(&control.id).as_bytes()).is_some()).collect()
}

impl Bridge {
    pub(super) fn alarm(&mut self, alarm: &AlarmChange, now: Now) {
        let plan = self.core.plan.clone();
        let point = &plan.points[alarm.point.index()];
        let era = plan.resource_of(point).map(|resource| resource.era.clone()).unwrap_or_default();
        let unit = point.unit.clone().unwrap_or_default();
        let mut payload = json!({
            "alarmId": format!("{}/{}", point.id, alarm.name),
            "status": if alarm.active { "ACTIVE" } else { "CLEARED" },
            "severity": alarm.severity.as_str(),
            "limitType": alarm.kind.as_str(),
            "raisedAt": format_time(alarm.time.utc.0),
        });
        // A state has no unit, and what is not a number cannot be written: the alarm says its name and time then.
        if !unit.is_empty() && alarm.value.as_f64().is_finite() {
            payload["measured"] = json!({ "value": alarm.value.as_f64(), "unit": unit });
            if let Some(basis) = point.basis {
                payload["measured"]["powerBasis"] = basis.as_str().into();
            }
        }
        if let Some(limit) = alarm.limit {
            payload["limit"] = json!({ "value": limit, "unit": unit, "side": if alarm.side == Some(Side::Low) { "LOW" } else { "HIGH" } });
        }
        if !alarm.active {
            payload["clearedAt"] = format_time(alarm.time.utc.0).into();
        }
        if alarm.unknown {
            payload["status"] = "UNKNOWN".into();
        }
        if alarm.from_interrogation {
            payload["fromInterrogation"] = true.into();
        }
        let word = if alarm.active { "ALARM" } else { "clear" };
        self.core.tell(format!("{word}: {} {} {} {unit}", point.id, alarm.name, alarm.value).trim_end().to_owned());
        self.publish(
            if alarm.active { "alarm" } else { "clear" },
            "LIMIT_BREACH",
            &era,
            &payload,
            if alarm.active { "ACTIVE" } else { "CLEARED" },
            now,
        );
        let snapshot = self.router.snapshot();
        self.core.put_bytes(Table::Misc, b"mapping", &snapshot);
    }

    /// An alarm for every control whose last outcome is not known, until it is (R3, R15).
    pub(super) fn uncertain_alarms(&mut self, now: Now) {
        for control in 0..self.core.plan.controls.len() {
            let uncertain = broker::locked(&self.core, control).is_some() || self.relays.is_uncertain(control);
            if uncertain == self.uncertain_told[control] {
                continue;
            }
            self.uncertain_told[control] = uncertain;
            let id = self.core.plan.controls[control].id.clone();
            let key = uncertain_key(&id);
            let era = self.core.plan.resources[usize::from(self.core.plan.controls[control].resource)].era.clone();
            let mut payload = json!({
                "alarmId": format!("control/{id}/uncertain"),
                "status": if uncertain { "ACTIVE" } else { "CLEARED" },
                "severity": "CRITICAL",
                "limitType": "DEVICE",
                "raisedAt": format_time(now.utc.0),
            });
            if uncertain {
                self.core.tell(format!("ALARM: what became of the last command of {id} is not known"));
                self.core.put_bytes(Table::Misc, key.as_bytes(), b"1");
                self.publish("alarm", "LIMIT_BREACH", &era, &payload, "ACTIVE", now);
            } else {
                self.core.tell(format!("CLEAR: what became of {id} is known again"));
                payload["clearedAt"] = format_time(now.utc.0).into();
                self.core.delete(Table::Misc, key.as_bytes());
                self.publish("clear", "LIMIT_BREACH", &era, &payload, "CLEARED", now);
            }
        }
    }

    /// Says something to every peer that gives us orders.
    pub(super) fn publish(&mut self, verb: &'static str, noun: &'static str, era: &str, payload: &Value, status: &str, now: Now) {
        self.exchange.publish(&mut self.core, verb, noun, era, payload, status, now);
    }

    /// One event for the link, not one for each of its values (R16).
    pub(super) fn comms_alarm(&mut self, link: &str, active: bool, now: Now) {
        let key = format!("comms {link}");
        let known = self.core.store.value(Table::Misc, key.as_bytes()).is_some();
        if known == active || (active && self.stopping) {
            return;
        }
        if active {
            self.core.put_bytes(Table::Misc, key.as_bytes(), b"1");
        } else {
            self.core.delete(Table::Misc, key.as_bytes());
        }
        let Some(era) = self.core.plan.resources.first().map(|resource| resource.era.clone()) else { return };
        let mut payload = json!({
            "alarmId": format!("link/{link}"),
            "status": if active { "ACTIVE" } else { "CLEARED" },
            "severity": "CRITICAL",
            "limitType": "COMMS",
            "raisedAt": format_time(now.utc.0),
        });
        if !active {
            payload["clearedAt"] = format_time(now.utc.0).into();
        }
        self.publish(
            if active { "alarm" } else { "clear" },
            "LIMIT_BREACH",
            &era,
            &payload,
            if active { "ACTIVE" } else { "CLEARED" },
            now,
        );
    }

    /// A station's clock is wrong, or right again (R21): a note that says how, and an alarm.
    pub(super) fn clock_alarm(&mut self, change: ClockChange, now: Now) {
        let zone = self.core.plan.links[change.link.index()].spec.zone;
        let link = self.link_name(change.link);
        let what = change.wrong_ns.map_or_else(|| "its stamps are right again".to_owned(), |age_ns| describe(age_ns, zone));
        let active = change.wrong_ns.is_some();
        self.core.tell(format!("{}: the clock of link {link}: {what}", if active { "ALARM" } else { "clear" }));
        self.core.note(now, if active { "clock-wrong" } else { "clock-right" }, &what, &[("link", link.clone())]);
        let Some(era) = self.core.plan.resources.first().map(|resource| resource.era.clone()) else { return };
        let mut payload = json!({
            "alarmId": format!("link/{link}/clock"),
            "status": if active { "ACTIVE" } else { "CLEARED" },
            "severity": "WARNING",
            "limitType": "DEVICE",
            "raisedAt": format_time(now.utc.0),
        });
        if !active {
            payload["clearedAt"] = format_time(now.utc.0).into();
        }
        let (verb, status) = if active { ("alarm", "ACTIVE") } else { ("clear", "CLEARED") };
        self.publish(verb, "LIMIT_BREACH", &era, &payload, status, now);
    }

    /// A pattern of commands that looks like an attack: a note in the journal and an alarm. A party that commands is known from then on,
    /// across restarts.
    pub(super) fn suspicious(&mut self, link: LinkId, suspicion: &Suspicion, now: Now) {
        let link = self.link_name(link);
        let (pattern, what) = match suspicion {
            Suspicion::NewCommander { party } => {
                let key = format!("commander {link} {party}");
                if self.core.store.value(Table::Misc, key.as_bytes()).is_some() {
                    return;
                }
                self.core.put_bytes(Table::Misc, key.as_bytes(), b"1");
                ("new-commander", format!("{party} commands for the first time on link {link}"))
            }
            Suspicion::Sweep { from, to } => ("sweep", format!("commands over consecutive addresses {from} to {to} on link {link}")),
            Suspicion::Toggling { address, times } => {
                ("toggling", format!("address {address} was switched to and fro {times} times within a minute on link {link}"))
            }
            Suspicion::CommandersFull { limit } => {
                ("commanders-full", format!("more than {limit} parties commanded on link {link}: who is new is not told from here on"))
            }
        };
        self.core.tell(format!("SECURITY: {what}"));
        self.core.note(now, "security", &what, &[("link", link.clone()), ("pattern", pattern.to_owned())]);
        let Some(era) = self.core.plan.resources.first().map(|resource| resource.era.clone()) else { return };
        let payload = json!({
            "alarmId": format!("link/{link}/security/{pattern}"),
            "status": "ACTIVE",
            "severity": "CRITICAL",
            "limitType": "DEVICE",
            "raisedAt": format_time(now.utc.0),
        });
        self.publish("alarm", "LIMIT_BREACH", &era, &payload, "ACTIVE", now);
    }

    pub(super) fn tell_subscribers(&mut self, field: &str, name: &str, kind: &str, now: Now) {
        let stream = self.core.links_stream();
        let fields = BTreeMap::from([(field.to_owned(), name.to_owned())]);
        self.core.recorder.note(stream, now, kind, name, fields);
    }
}

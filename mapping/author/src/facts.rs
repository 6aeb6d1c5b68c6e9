//! What a plan says, one statement at a time, each by name: what two plans are compared by.

use bridge_model::LinkId;
use bridge_profile::{
    Control, ControlKind, Drive, Expect, ExpectKind, GivenKind, Plan, PlannedLink, PlannedPoint, Require, Resource, Served, TestCase,
};
use bridge_session::{AddressUse, Fields, LinkPoint, Role};

use crate::words;

/// What changing a statement means for those who rely on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// Whoever reads or commands it must change too.
    Breaks,
    /// The same service, done otherwise.
    Refines,
    /// For people.
    Words,
    /// An upper bound: raising it widens what is allowed.
    Upper,
    /// A lower bound: lowering it widens what is allowed.
    Lower,
    /// Relied upon: it may come, and not go or become another.
    Promise,
    /// Relied upon, and adjustable: it may come and change, and not go.
    Offer,
}

/// One statement.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Fact {
    pub(crate) field: String,
    pub(crate) value: String,
    pub(crate) number: Option<f64>,
    pub(crate) rule: Rule,
}

/// The statements of one item.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn say(&mut self, rule: Rule, field: impl Into<String>, value: impl Into<String>) {
        self.0.push(Fact { field: field.into(), value: value.into(), number: None, rule });
    }

    fn may(&mut self, rule: Rule, field: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.say(rule, field, value);
        }
    }

    fn number(&mut self, rule: Rule, field: impl Into<String>, number: f64, shown: String) {
        self.0.push(Fact { field: field.into(), value: shown, number: Some(number), rule });
    }

    fn time(&mut self, rule: Rule, field: &str, time: std::time::Duration) {
        self.number(rule, field, time.as_secs_f64(), words::duration(time));
    }

    fn may_time(&mut self, rule: Rule, field: &str, time: Option<std::time::Duration>) {
        if let Some(time) = time {
            self.time(rule, field, time);
        }
    }
}

/// One thing of a plan that has an id.
pub(crate) struct Item {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) facts: Vec<Fact>,
}

/// Everything of a plan, in its order.
pub(crate) fn items(plan: &Plan) -> Vec<Item> {
    let addresses = Addresses::of(plan);
    let mut all = Vec::new();
    let mut add = |kind, id: &str, facts: Facts| all.push(Item { kind, id: id.to_owned(), facts: facts.0 });
    for resource in &plan.resources {
        add("resource", &resource.key, resource_facts(resource));
    }
    for peer in &plan.peers {
        let mut facts = Facts::default();
        facts.may(Rule::Words, "text", peer.text.clone());
        add("peer", &peer.name, facts);
    }
    for link in &plan.links {
        add("link", &link.spec.name, link_facts(link));
    }
    for (index, point) in plan.points.iter().enumerate() {
        add("point", &point.id, point_facts(plan, point, addresses.points.get(index).copied().flatten()));
    }
    for (index, control) in plan.controls.iter().enumerate() {
        add("control", &control.id, control_facts(plan, control, addresses.controls.get(index).copied().flatten()));
    }
    for (index, served) in plan.served.iter().enumerate() {
        add("served point", &served.id, served_facts(plan, served, addresses.served.get(index).copied().flatten()));
    }
    for test in &plan.tests {
        let mut facts = Facts::default();
        // Its place in the file is no part of what it says.
        facts.say(Rule::Words, "steps", steps(plan, test));
        add("test", &test.name, facts);
    }
    all
}

/// The addresses of a plan's points, controls and served points, by index.
pub(crate) struct Addresses<'p> {
    pub(crate) points: Vec<Option<&'p Fields>>,
    pub(crate) controls: Vec<Option<&'p Fields>>,
    pub(crate) served: Vec<Option<&'p Fields>>,
}

impl<'p> Addresses<'p> {
    pub(crate) fn of(plan: &'p Plan) -> Self {
        let mut out = Self {
            points: vec![None; plan.points.len()],
            controls: vec![None; plan.controls.len()],
            served: vec![None; plan.served.len()],
        };
        for link in &plan.links {
            for point in &link.spec.points {
                let place = match place_of(link.spec.role, point) {
                    Place::Point(at) => out.points.get_mut(at),
                    Place::Control(at) => out.controls.get_mut(at),
                    Place::Served(at) => out.served.get_mut(at),
                };
                if let Some(place) = place {
                    *place = Some(&point.address);
                }
            }
        }
        out
    }
}

/// What a number on a link stands for.
pub(crate) enum Place {
    Point(usize),
    Control(usize),
    Served(usize),
}

/// The meaning of a link's point: points read and points served are two numberings.
pub(crate) fn place_of(role: Role, point: &LinkPoint) -> Place {
    let index = point.point.index();
    match (point.usage, role, point.is_reversed()) {
        (AddressUse::Control, _, _) => Place::Control(index),
        (AddressUse::Monitor, Role::Client, false) | (AddressUse::Monitor, Role::Server, true) => Place::Point(index),
        (AddressUse::Monitor, Role::Server, false) | (AddressUse::Monitor, Role::Client, true) => Place::Served(index),
    }
}

/// What a test does, by the ids of points and the names of links: their numbers move when others come or go.
fn steps(plan: &Plan, test: &TestCase) -> String {
    let link = |link: &LinkId| plan.links.get(link.index()).map_or("", |link| link.spec.name.as_str());
    let set: Vec<String> = test.set.iter().map(|(point, value)| format!("{} = {value}", words::point_id(plan, *point))).collect();
    let given: Vec<String> = test
        .given
        .iter()
        .map(|given| {
            let what = match &given.what {
                GivenKind::Wire { link: on, input } => format!("{} {}", link(on), words::fields(input)),
                GivenKind::Operation { verb, fields } => format!("{verb} {}", words::fields(fields)),
                GivenKind::Inbox { answer, fields } => format!("{answer} {}", words::fields(fields)),
                GivenKind::Remote { point, value } => format!("{} = {value}", words::point_id(plan, *point)),
                GivenKind::Link { name, up } => format!("{name} {}", if *up { "up" } else { "down" }),
            };
            format!("{what} at {}", words::duration(given.at))
        })
        .collect();
    let seen = |all: &[Expect]| -> Vec<String> {
        all.iter()
            .map(|expect| {
                let what = match &expect.what {
                    ExpectKind::Message(verb) => verb.as_str(),
                    ExpectKind::Wire(on) => link(on),
                };
                format!("{what} {} {:?} {:?}", words::fields(&expect.fields), expect.within, expect.at)
            })
            .collect()
    };
    format!("{set:?} {given:?} {:?} {:?}", seen(&test.expect), seen(&test.never))
}

fn resource_facts(resource: &Resource) -> Facts {
    let mut facts = Facts::default();
    facts.say(Rule::Breaks, "address", resource.era.as_str());
    facts.say(Rule::Breaks, "class", resource.class.as_str());
    facts.may(Rule::Promise, "mrid", resource.mrid.clone());
    facts.may(Rule::Words, "name", resource.name.clone());
    facts
}

fn link_facts(link: &PlannedLink) -> Facts {
    let mut facts = Facts::default();
    facts.say(Rule::Breaks, "protocol", link.protocol.as_str());
    facts.say(Rule::Breaks, "role", words::role(link.spec.role));
    facts.say(Rule::Breaks, "zone", words::zone(link.spec.zone));
    facts.say(Rule::Breaks, "monitor_only", link.spec.monitor_only.to_string());
    for (name, field) in &link.spec.params {
        facts.say(Rule::Breaks, name, words::plain_field(field));
    }
    facts.time(Rule::Refines, "stale_after", link.stale_after);
    facts.time(Rule::Refines, "invalid_after", link.invalid_after);
    facts.say(Rule::Breaks, "capture", words::capture(link.capture));
    facts.say(Rule::Breaks, "on_journal_failure", words::failure(link.on_journal_failure));
    facts.may_time(Rule::Refines, "integrity_every", link.integrity_every);
    facts.may(Rule::Refines, "event_queue", link.event_queue.map(|depth| depth.to_string()));
    for (what, every) in &link.housekeeping {
        facts.time(Rule::Refines, &format!("{what:?}"), *every);
    }
    facts.time(Rule::Refines, "clock_tolerance", link.clock_tolerance);
    facts.say(Rule::Refines, "max_unacked", link.spec.max_unacked.to_string());
    facts.number(Rule::Upper, "fresh_link", f64::from(link.spec.fresh_link_ms), format!("{}ms", link.spec.fresh_link_ms));
    facts
}

fn resource_key(plan: &Plan, resource: u16) -> String {
    plan.resources.get(usize::from(resource)).map(|resource| resource.key.clone()).unwrap_or_default()
}

fn conversion(facts: &mut Facts, conversion: bridge_profile::Conversion) {
    facts.say(Rule::Breaks, "sign", if conversion.factor < 0.0 { "turned" } else { "kept" });
    facts.say(Rule::Breaks, "scale", words::number(conversion.factor.abs()));
    facts.say(Rule::Breaks, "offset", words::number(conversion.offset));
}

fn point_facts(plan: &Plan, point: &PlannedPoint, address: Option<&Fields>) -> Facts {
    let mut facts = Facts::default();
    let unit = point.unit.as_deref().unwrap_or("");
    facts.say(Rule::Breaks, "from", words::source(plan, &point.source));
    facts.may(Rule::Breaks, "addr", address.map(words::fields));
    facts.say(Rule::Breaks, "resource", resource_key(plan, point.resource));
    facts.say(Rule::Breaks, "type", point.measurement.as_str());
    facts.say(Rule::Breaks, "cim class", point.cim_class.as_str());
    facts.may(Rule::Breaks, "phases", point.phases.clone());
    facts.may(Rule::Breaks, "unit", point.unit.clone());
    facts.may(Rule::Breaks, "basis", point.basis.map(|basis| basis.as_str()));
    conversion(&mut facts, point.conversion);
    let range = point.range.map(|(low, high)| format!("{} to {}", words::quantity(low, unit), words::quantity(high, unit)));
    facts.may(Rule::Refines, "range", range);
    facts.number(Rule::Refines, "deadband", point.deadband, words::quantity(point.deadband, unit));
    facts.say(Rule::Breaks, "class", words::class(point.class));
    for verb in words::verbs(point.verbs) {
        facts.say(Rule::Promise, format!("verb {verb}"), "yes");
    }
    for limit in &point.limits {
        facts.say(Rule::Offer, format!("limit {}", limit.name), words::limit(limit, unit));
    }
    if let Some(alarm) = &point.alarm {
        facts.say(Rule::Promise, "alarm when", alarm.when.to_string());
        facts.say(Rule::Refines, "alarm severity", alarm.severity.as_str());
        facts.say(Rule::Refines, "alarm kind", alarm.kind.as_str());
        facts.say(Rule::Refines, "alarm latch", alarm.latch.to_string());
        facts.may(Rule::Words, "alarm text", alarm.text.clone());
    }
    for (code, name) in &point.alias {
        facts.say(Rule::Promise, format!("state {code}"), name.as_str());
    }
    facts.may_time(Rule::Refines, "transit", point.transit);
    facts.may(Rule::Words, "text", point.text.clone());
    facts
}

fn control_facts(plan: &Plan, control: &Control, address: Option<&Fields>) -> Facts {
    let mut facts = Facts::default();
    let link = plan.links.get(control.link.index()).map(|link| link.spec.name.clone());
    facts.may(Rule::Breaks, "on", link);
    facts.may(Rule::Breaks, "addr", address.map(words::fields));
    facts.say(Rule::Breaks, "resource", resource_key(plan, control.resource));
    facts.say(Rule::Breaks, "verb", control.verb.as_str());
    facts.say(Rule::Breaks, "type", control.measurement.as_str());
    facts.say(Rule::Breaks, "unit", control.unit.as_str());
    facts.may(Rule::Breaks, "basis", control.basis.map(|basis| basis.as_str()));
    conversion(&mut facts, control.conversion);
    facts.say(Rule::Breaks, "select", words::select(control.select));
    facts.say(Rule::Breaks, "qualifier", control.qualifier.to_string());
    match &control.kind {
        ControlKind::Drive(drive) => drive_facts(&mut facts, plan, drive, &control.unit),
        ControlKind::Relay(relay) => {
            facts.say(Rule::Breaks, "peer", relay.peer.as_str());
            facts.time(Rule::Upper, "ems select_con", relay.ems.select_con);
            facts.time(Rule::Upper, "ems execute_con", relay.ems.execute_con);
            facts.time(Rule::Upper, "ems term", relay.ems.term);
            facts.say(Rule::Breaks, "instruction_code", relay.instruction_code.as_str());
            facts.say(Rule::Breaks, "operator_ref", relay.operator_ref.as_str());
            let rate = relay.ramp.map(|ramp| (ramp, format!("{} {}/min", words::number(ramp), control.unit)));
            if let Some((ramp, shown)) = rate {
                facts.number(Rule::Upper, "ramp", ramp, shown);
            }
            facts.may_time(Rule::Refines, "accept_within", relay.accept_within);
        }
        ControlKind::Instruct(instruct) => {
            requires(&mut facts, &instruct.requires);
            facts.say(Rule::Breaks, "feedback reached", instruct.reached.state.text.as_str());
            facts.time(Rule::Upper, "feedback within", instruct.reached.within);
            facts.time(Rule::Lower, "feedback dwell", instruct.reached.dwell);
            facts.time(Rule::Upper, "max_age", instruct.max_age);
            authority(&mut facts, &instruct.authority);
            facts.time(Rule::Refines, "accept_within", instruct.accept_within);
            facts.may_time(Rule::Refines, "done_within", instruct.done_within);
        }
        ControlKind::Ask(ask) => facts.say(Rule::Breaks, "peer", ask.peer.as_str()),
        ControlKind::Companion(companion) => {
            let of = plan.controls.get(companion.of).map(|owner| owner.id.clone());
            facts.may(Rule::Breaks, "companion of", of);
        }
    }
    facts
}

fn drive_facts(facts: &mut Facts, plan: &Plan, drive: &Drive, unit: &str) {
    let shown = |value: f64| words::quantity(value, unit);
    facts.number(Rule::Lower, "min", drive.min, shown(drive.min));
    facts.number(Rule::Upper, "max", drive.max, shown(drive.max));
    if let Some(ramp) = drive.ramp {
        facts.say(Rule::Breaks, "ramp by", words::ramp_by(ramp.by));
        facts.number(Rule::Upper, "ramp up", ramp.up, format!("{}/min", shown(ramp.up)));
        facts.number(Rule::Upper, "ramp down", ramp.down, format!("{}/min", shown(ramp.down)));
        facts.time(Rule::Refines, "ramp step", ramp.step);
    }
    requires(facts, &drive.requires);
    facts.say(Rule::Breaks, "taken point", words::point_id(plan, drive.taken.point));
    facts.number(Rule::Upper, "taken tolerance", drive.taken.tolerance, shown(drive.taken.tolerance));
    facts.time(Rule::Upper, "taken within", drive.taken.within);
    facts.say(Rule::Breaks, "followed point", words::point_id(plan, drive.followed.point));
    facts.number(Rule::Upper, "followed tolerance", drive.followed.tolerance, shown(drive.followed.tolerance));
    facts.time(Rule::Upper, "followed within", drive.followed.within);
    facts.time(Rule::Lower, "followed dwell", drive.followed.dwell);
    facts.say(Rule::Breaks, "followed compare", if drive.followed.at_most { "at_most" } else { "near" });
    facts.time(Rule::Upper, "max_age", drive.max_age);
    facts.say(Rule::Breaks, "on_lapse", words::lapse(drive.on_lapse));
    authority(facts, &drive.authority);
    facts.say(Rule::Breaks, "exclusive", drive.exclusive.as_str());
    facts.say(Rule::Breaks, "execution", words::execution(drive.execution));
    facts.may_time(Rule::Refines, "accept_within", drive.accept_within);
    facts.may_time(Rule::Refines, "done_within", drive.done_within);
    facts.may(Rule::Promise, "remote_enable", drive.remote_enable.map(|point| words::point_id(plan, point)));
    facts.number(Rule::Upper, "bump_limit", drive.bump_limit, shown(drive.bump_limit));
    if let Some(cap) = &drive.cap {
        facts.say(Rule::Breaks, "limit rated", shown(cap.rated));
        facts.may(Rule::Breaks, "limit available", cap.available.map(|point| words::point_id(plan, point)));
        let companion = |(index, on): (usize, bool)| {
            let id = plan.controls.get(index).map_or("", |control| control.id.as_str());
            format!("{id} {}", if on { "on" } else { "off" })
        };
        facts.may(Rule::Breaks, "enable", cap.enable.map(|enable| companion(enable.on)));
        facts.may(Rule::Breaks, "release", cap.enable.map(|enable| companion(enable.off)));
        for (reason, known) in &cap.reasons {
            facts.say(Rule::Promise, format!("reason {reason}"), known.number.to_string());
            facts.say(Rule::Breaks, format!("reason {reason} at its end"), if known.released { "release" } else { "hold" });
        }
    }
}

fn requires(facts: &mut Facts, requires: &[Require]) {
    for require in requires {
        facts.say(Rule::Promise, format!("requires {}", require.text), "yes");
    }
}

/// Who may command: another role widens it, a role less breaks what that role relied on.
fn authority(facts: &mut Facts, roles: &[String]) {
    for role in roles {
        facts.say(Rule::Breaks, format!("authority {role}"), "yes");
    }
}

fn served_facts(plan: &Plan, served: &Served, address: Option<&Fields>) -> Facts {
    let mut facts = Facts::default();
    facts.may(Rule::Breaks, "on", plan.links.get(served.link.index()).map(|link| link.spec.name.clone()));
    facts.may(Rule::Breaks, "addr", address.map(words::fields));
    facts.say(Rule::Breaks, "shows", words::served(plan, &served.source));
    conversion(&mut facts, served.conversion);
    facts.say(Rule::Breaks, "class", words::served_class(served.class));
    facts.number(Rule::Refines, "deadband", served.deadband, words::number(served.deadband));
    facts.may(Rule::Words, "text", served.text.clone());
    facts
}

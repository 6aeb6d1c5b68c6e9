//! `explain`: what one id, address or resource means, from the wire to the message and back, with a worked number.

mod control;
mod find;
mod point;

use bridge_diag::Report;
use bridge_profile::{ExpandedRow, Expansion, Plan};
use bridge_session::Protocol;
use serde_json::{Value, json};

use crate::facts::Addresses;
use crate::lines::Lines;
use crate::{expand, words};
use find::Found;

/// One thing explained: label and text of each line, in the order in which it happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explained {
    /// `point`, `control`, `served point`, `resource`, `link`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Label and text; a label may repeat.
    pub lines: Vec<(&'static str, String)>,
}

impl Explained {
    fn new(kind: &'static str, id: &str) -> Self {
        Self { kind, id: id.to_owned(), lines: Vec::new() }
    }

    fn say(&mut self, label: &'static str, text: impl Into<String>) {
        self.lines.push((label, text.into()));
    }

    fn may(&mut self, label: &'static str, text: Option<impl Into<String>>) {
        if let Some(text) = text {
            self.say(label, text);
        }
    }

    /// As people read it: a label stands once for the lines that share it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("{} {}\n", self.kind, self.id);
        let mut last = "";
        for (label, text) in &self.lines {
            let shown = if *label == last { "" } else { label };
            out.push_str(&format!("  {shown:<12} {text}\n"));
            last = label;
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let lines: Vec<Value> = self.lines.iter().map(|(label, text)| json!({ "label": label, "text": text })).collect();
        json!({ "kind": self.kind, "id": self.id, "lines": lines })
    }
}

/// A compiled profile with what is needed to explain it.
pub struct Explainer<'a> {
    plan: &'a Plan,
    protocols: &'a [&'a dyn Protocol],
    expansion: &'a Expansion,
    report: &'a Report,
    addresses: Addresses<'a>,
}

impl<'a> Explainer<'a> {
    /// `report` is the one that the expansion was made with.
    #[must_use]
    pub fn new(plan: &'a Plan, protocols: &'a [&'a dyn Protocol], expansion: &'a Expansion, report: &'a Report) -> Self {
        Self { plan, protocols, expansion, report, addresses: Addresses::of(plan) }
    }

    /// Explains everything that `asked` names: an id, a resource's key or IES address, or an address on a link (`1001`, `ioa=1001`,
    /// `rtu type=analog index=1`). `value` is the number to work with: on the wire for what is read, as commanded for what is driven.
    ///
    /// # Errors
    /// Nothing is called so; the text says what is near.
    pub fn explain(&self, asked: &str, value: Option<f64>) -> Result<Vec<Explained>, String> {
        let found = self.find(asked)?;
        Ok(found.into_iter().filter_map(|found| self.one(found, value)).collect())
    }

    fn one(&self, found: Found, value: Option<f64>) -> Option<Explained> {
        match found {
            Found::Point(index) => self.point(index, value),
            Found::Control(index) => self.control(index, value),
            Found::Served(index) => self.served(index, value),
            Found::Resource(index) => self.resource(index),
            Found::Link(index) => self.link(index),
        }
    }

    fn row(&self, list: &str, id: &str) -> Option<&ExpandedRow> {
        let (_, rows) = self.expansion.rows.iter().find(|(name, _)| *name == list)?;
        rows.iter().find(|row| row.text("id").or_else(|| row.text("point")) == Some(id))
    }

    fn origin(&self, row: Option<&ExpandedRow>) -> Option<String> {
        row.map(|row| expand::origin(row, &mut Lines::new(self.report)))
    }

    fn protocol(&self, link: usize) -> Option<&'a dyn Protocol> {
        let name = &self.plan.links.get(link)?.protocol;
        self.protocols.iter().find(|protocol| protocol.name() == name).copied()
    }

    fn resource(&self, index: usize) -> Option<Explained> {
        let resource = self.plan.resources.get(index)?;
        let mut out = Explained::new("resource", &resource.key);
        out.say("IES", resource.era.as_str());
        let mrid = resource.mrid.as_deref().map_or_else(|| "no mRID".to_owned(), |mrid| format!("mRID {mrid}"));
        out.say("CIM", format!("{}, {mrid}", resource.class));
        out.may("name", resource.name.clone());
        let of = |resource: u16| usize::from(resource) == index;
        for point in self.plan.points.iter().filter(|point| of(point.resource)) {
            let verbs = words::verbs(point.verbs);
            let verbs = if verbs.is_empty() { "only read".to_owned() } else { verbs.join(", ") };
            let unit = point.unit.as_deref().map(|unit| format!(" in {unit}")).unwrap_or_default();
            out.say("point", format!("{}: {}{unit}; {verbs}", point.id, point.measurement));
        }
        for control in self.plan.controls.iter().filter(|control| of(control.resource)) {
            out.say("control", format!("{}: {} {}", control.id, control.verb, control.measurement));
        }
        Some(out)
    }

    fn link(&self, index: usize) -> Option<Explained> {
        let link = self.plan.links.get(index)?;
        let spec = &link.spec;
        let mut out = Explained::new("link", &spec.name);
        let monitor = if spec.monitor_only { ", monitor only: nothing can be commanded" } else { "" };
        out.say("protocol", format!("{}, our role is {}{monitor}", link.protocol, words::role(spec.role)));
        out.say("parameters", words::fields(&spec.params));
        out.say("zone", format!("its device stamps in {}", words::zone(spec.zone)));
        out.say("age", self.age(index));
        out.may("asks", link.integrity_every.map(|every| format!("interrogates every {}", words::duration(every))));
        let count = |kind: fn(&crate::facts::Place) -> bool| {
            spec.points.iter().filter(|point| kind(&crate::facts::place_of(spec.role, point))).count()
        };
        let points = count(|place| matches!(place, crate::facts::Place::Point(_)));
        let served = count(|place| matches!(place, crate::facts::Place::Served(_)));
        let controls = count(|place| matches!(place, crate::facts::Place::Control(_)));
        out.say("carries", format!("{points} points read, {served} points served, {controls} controls"));
        Some(out)
    }

    /// What a silent link does to values.
    fn age(&self, link: usize) -> String {
        let Some(link) = self.plan.links.get(link) else { return String::new() };
        let (stale, invalid) = (words::duration(link.stale_after), words::duration(link.invalid_after));
        format!("not refreshed for {stale}: QUESTIONABLE, OLD_DATA; for {invalid}: INVALID (R19)")
    }

    /// `era:in/wr/tps-a/u1 (U1, ThermalGeneratingUnit, mRID …)`.
    fn resource_words(&self, resource: u16) -> String {
        let Some(resource) = self.plan.resources.get(usize::from(resource)) else { return String::new() };
        let mrid = resource.mrid.as_deref().map(|mrid| format!(", mRID {mrid}")).unwrap_or_default();
        format!("{} ({}, {}{mrid})", resource.era, resource.key, resource.class)
    }

    /// `rtu (iec104, client): ioa = 1001, ti = "M_ME_TF_1"`.
    fn wire_words(&self, link: usize, address: Option<&bridge_session::Fields>) -> String {
        let Some(planned) = self.plan.links.get(link) else { return String::new() };
        let address = address.map_or_else(|| "no address".to_owned(), words::fields);
        format!("link {} ({}, {}): {address}", planned.spec.name, planned.protocol, words::role(planned.spec.role))
    }
}

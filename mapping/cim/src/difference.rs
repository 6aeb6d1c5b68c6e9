//! Applying difference models (IEC 61970-552 clause 7): what is taken away, then what is added.

use std::collections::{BTreeMap, BTreeSet};

use bridge_diag::Diagnostic;

use crate::build::{Builder, Change, Difference};
use crate::problems::At;
use crate::store::{Kind, NONE16, Property};

/// The properties of all objects while differences change some of them.
pub(crate) struct Overlay {
    starts: Vec<u32>,
    properties: Vec<Property>,
    changed: BTreeMap<u32, Vec<Property>>,
    differences: BTreeSet<u16>,
}

impl Overlay {
    pub(crate) const fn new(starts: Vec<u32>, properties: Vec<Property>) -> Self {
        Self { starts, properties, changed: BTreeMap::new(), differences: BTreeSet::new() }
    }

    fn base(&self, object: u32) -> &[Property] {
        let at = |n: usize| self.starts.get(n).map_or(self.properties.len(), |start| *start as usize);
        self.properties.get(at(object as usize)..at(object as usize + 1)).unwrap_or_default()
    }

    fn list(&mut self, object: u32) -> &mut Vec<Property> {
        let base = if self.changed.contains_key(&object) { Vec::new() } else { self.base(object).to_vec() };
        self.changed.entry(object).or_insert(base)
    }

    /// Applies one difference.
    pub(crate) fn apply(&mut self, document: u16, difference: &Difference, builder: &mut Builder<'_>) {
        self.differences.insert(document);
        for change in &difference.reverse {
            for property in statements(difference, change) {
                self.take_away(change.object, &property, builder);
            }
        }
        for change in &difference.forward {
            self.define(document, change, builder);
            for property in statements(difference, change) {
                self.add(change.object, property, builder);
            }
        }
        // A node that names its class takes the object away with its last own property, unless it is added again.
        let again: BTreeSet<u32> = difference.forward.iter().filter(|change| change.class != NONE16).map(|change| change.object).collect();
        for change in difference.reverse.iter().filter(|change| change.class != NONE16 && !again.contains(&change.object)) {
            self.remove_if_empty(change, builder);
        }
    }

    fn take_away(&mut self, object: u32, property: &Property, builder: &mut Builder<'_>) {
        let list = self.list(object);
        let same = |known: &Property| known.says(property) || is_same_number(known, property, builder);
        if let Some(at) = list.iter().position(same) {
            list.remove(at);
            return;
        }
        let has = list.iter().find(|known| known.name == property.name).copied();
        let (id, name, value) = builder.words(object, property);
        let help = match has {
            Some(known) => format!("the model says {}; the difference was made for another version of it", builder.words(object, &known).2),
            None => "the difference was made for another version of the model".to_owned(),
        };
        let message = format!("the difference takes away {name} = {value} of {id}, which the model does not say");
        let at = At::start(property.document, property.offset);
        builder.problems().push(Diagnostic::error("cim::difference-mismatch", message).fix(help), Some(at));
    }

    fn define(&mut self, document: u16, change: &Change, builder: &mut Builder<'_>) {
        if change.class == NONE16 {
            if builder.row(change.object).is_some_and(|row| row.is_defined) {
                return;
            }
            let id = builder.words(change.object, &Property { value: 0, offset: 0, name: NONE16, document, kind: Kind::Literal }).0;
            let message = format!("the difference adds to the object {id}, which the model does not have");
            let at = At::start(document, change.place);
            let problem = Diagnostic::error("cim::difference-mismatch", message).fix("name the class of a new object, or give its model");
            builder.problems().push(problem, Some(at));
            return;
        }
        let Some(row) = builder.row(change.object).copied() else { return };
        if !row.is_defined {
            builder.set_class(change.object, change.class, document, change.place, true);
        }
    }

    fn add(&mut self, object: u32, property: Property, builder: &mut Builder<'_>) {
        let list = self.list(object);
        if list.iter().any(|known| known.says(&property)) {
            return;
        }
        let old = list.iter().position(|known| known.name == property.name && known.kind != Kind::Reference);
        match old.and_then(|at| list.get_mut(at)) {
            Some(known) if property.kind != Kind::Reference => {
                let was = std::mem::replace(known, property);
                let (id, name, value) = builder.words(object, &was);
                let message = format!("the difference gives {id} a new {name} without taking away the old one, {value}");
                let problem =
                    Diagnostic::warning("cim::difference-unpaired", message).fix("put the old value among the reverse differences");
                builder.problems().push(problem, Some(At::start(property.document, property.offset)));
            }
            Some(_) | None => list.push(property),
        }
    }

    fn remove_if_empty(&mut self, change: &Change, builder: &mut Builder<'_>) {
        let Some(row) = builder.row(change.object).copied() else { return };
        let differences = self.differences.clone();
        let list = self.list(change.object);
        // What other profiles say of an object goes with it.
        if !list.iter().any(|property| property.document == row.document || differences.contains(&property.document)) {
            list.clear();
            builder.set_class(change.object, NONE16, row.document, row.offset, false);
        }
    }

    /// The properties of all objects, grouped again.
    pub(crate) fn finish(self, objects: usize) -> (Vec<u32>, Vec<Property>) {
        if self.changed.is_empty() && self.starts.len() == objects + 1 {
            return (self.starts, self.properties);
        }
        let mut starts = Vec::with_capacity(objects + 1);
        let mut properties = Vec::with_capacity(self.properties.len());
        for object in 0..u32::try_from(objects).unwrap_or(u32::MAX) {
            starts.push(u32::try_from(properties.len()).unwrap_or(u32::MAX));
            properties.extend_from_slice(self.changed.get(&object).map_or_else(|| self.base(object), Vec::as_slice));
        }
        starts.push(u32::try_from(properties.len()).unwrap_or(u32::MAX));
        (starts, properties)
    }
}

fn statements<'a>(difference: &'a Difference, change: &Change) -> impl Iterator<Item = Property> + 'a {
    let all = difference.statements.get(change.first..change.end).unwrap_or_default();
    all.iter().map(|statement| statement.property)
}

/// `1`, `1.0` and `1e0` are one number: the tools that made model and difference may write it differently.
fn is_same_number(a: &Property, b: &Property, builder: &Builder<'_>) -> bool {
    let number = |property: &Property| builder.words(0, property).2.parse::<f64>().ok();
    (a.name, a.kind, Kind::Literal) == (b.name, b.kind, Kind::Literal) && number(a).is_some_and(|a| number(b) == Some(a))
}

//! What is said twice of one object.

use std::collections::{HashMap, HashSet};

use bridge_diag::Diagnostic;

use crate::build::Builder;
use crate::problems::At;
use crate::store::{Kind, Property};

/// Lists longer than this are looked through with tables.
const SHORT: usize = 32;

/// Drops what is said again, and reports where an attribute has two values: the first one stays.
pub(crate) fn tidy(starts: &mut [u32], properties: &mut Vec<Property>, builder: &mut Builder<'_>) {
    let mut kept = 0_usize;
    for object in 0..starts.len().saturating_sub(1) {
        let from = starts.get(object).copied().unwrap_or(0) as usize;
        let to = starts.get(object + 1).copied().unwrap_or(0) as usize;
        let first = kept;
        if let Some(start) = starts.get_mut(object) {
            *start = u32::try_from(first).unwrap_or(u32::MAX);
        }
        let mut seen = Seen::new(to - from);
        for at in from..to {
            let Some(property) = properties.get(at).copied() else { break };
            match seen.look(&property, properties.get(first..kept).unwrap_or_default()) {
                Verdict::New => {
                    if let Some(slot) = properties.get_mut(kept) {
                        *slot = property;
                    }
                    kept += 1;
                }
                Verdict::Again => {}
                Verdict::Other(before) => differs(u32::try_from(object).unwrap_or(u32::MAX), &before, &property, builder),
            }
        }
    }
    if let Some(last) = starts.last_mut() {
        *last = u32::try_from(kept).unwrap_or(u32::MAX);
    }
    properties.truncate(kept);
    properties.shrink_to_fit();
}

enum Verdict {
    New,
    Again,
    Other(Property),
}

/// What was seen of a long list; a short one is its own table.
struct Seen {
    tables: Option<Tables>,
}

#[derive(Default)]
struct Tables {
    all: HashSet<(u16, Kind, u32)>,
    single: HashMap<u16, Property>,
}

impl Seen {
    fn new(len: usize) -> Self {
        Self { tables: (len > SHORT).then(Tables::default) }
    }

    fn look(&mut self, property: &Property, before: &[Property]) -> Verdict {
        let is_single = property.kind != Kind::Reference;
        match &mut self.tables {
            None => match before.iter().find(|known| known.says(property) || (is_single && known.name == property.name)) {
                None => Verdict::New,
                Some(known) if known.says(property) => Verdict::Again,
                Some(known) => Verdict::Other(*known),
            },
            Some(Tables { all, single }) => {
                if !all.insert((property.name, property.kind, property.value)) {
                    return Verdict::Again;
                }
                if !is_single {
                    return Verdict::New;
                }
                match single.get(&property.name) {
                    Some(known) => Verdict::Other(*known),
                    None => {
                        single.insert(property.name, *property);
                        Verdict::New
                    }
                }
            }
        }
    }
}

fn differs(object: u32, before: &Property, property: &Property, builder: &mut Builder<'_>) {
    let (id, name, was) = builder.words(object, before);
    let is = builder.words(object, property).2;
    let at = At::start(property.document, property.offset);
    let problem = if before.document == property.document {
        Diagnostic::error("cim::attribute-twice", format!("{id} has two values of {name}: {was} and {is}")).fix("keep one of them")
    } else {
        Diagnostic::warning("cim::attribute-differs", format!("{name} of {id} is {is} here and {was} in a document before; that one holds"))
            .fix("export both documents from the same model")
    };
    builder.problems().push(problem, Some(at));
}

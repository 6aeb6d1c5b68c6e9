//! What each step of a test touches.

use std::collections::BTreeSet;

use bridge_model::{LinkId, Utc};
use bridge_profile::{ControlKind, Expect, ExpectKind, GivenKind, Plan, TestCase};
use bridge_session::{Field, Fields, Protocol};

use crate::facts::{Place, place_of};

/// Everything that any test touches, by index.
#[derive(Debug)]
pub(super) struct Touched {
    pub(super) points: Vec<bool>,
    pub(super) served: Vec<bool>,
    pub(super) raised: BTreeSet<(usize, String)>,
    pub(super) cleared: BTreeSet<(usize, String)>,
    pub(super) accepted: BTreeSet<usize>,
    pub(super) rejected: BTreeSet<usize>,
}

impl Touched {
    pub(super) fn of(plan: &Plan, protocols: &[&dyn Protocol]) -> Self {
        let mut touched = Self {
            points: vec![false; plan.points.len()],
            served: vec![false; plan.served.len()],
            raised: BTreeSet::new(),
            cleared: BTreeSet::new(),
            accepted: BTreeSet::new(),
            rejected: BTreeSet::new(),
        };
        for test in &plan.tests {
            touched.test(plan, protocols, test);
        }
        touched
    }

    fn test(&mut self, plan: &Plan, protocols: &[&dyn Protocol], test: &TestCase) {
        let mut fed: BTreeSet<usize> = test.set.iter().map(|(point, _)| point.index()).collect();
        let mut commanded = Vec::new();
        for given in &test.given {
            match &given.what {
                GivenKind::Wire { link, input } => {
                    fed.extend(read(plan, protocols, *link, input));
                    commanded.extend(standing_at(plan, *link, input).into_iter().filter_map(|place| match place {
                        Place::Control(index) => Some(index),
                        Place::Point(_) | Place::Served(_) => None,
                    }));
                }
                GivenKind::Operation { verb, fields } => commanded.extend(named(plan, verb, fields)),
                GivenKind::Remote { point, .. } => {
                    fed.insert(point.index());
                }
                GivenKind::Inbox { .. } | GivenKind::Link { .. } => {}
            }
        }
        for expect in &test.expect {
            self.expected(plan, expect, &fed);
        }
        let wire = |control: usize| {
            let on = plan.controls.get(control).map(|control| control.link);
            test.expect.iter().any(|expect| matches!(&expect.what, ExpectKind::Wire(link) if Some(*link) == on))
        };
        let said = |words: &[&str]| {
            test.expect.iter().any(|expect| {
                let status = expect.fields.get("status");
                matches!(&expect.what, ExpectKind::Message(verb) if verb == "acknowledge")
                    && matches!(status, Some(Field::Text(status)) if words.contains(&status.as_str()))
            })
        };
        for control in commanded {
            if said(&["accepted", "executing", "completed"]) || wire(control) {
                self.accepted.insert(control);
            }
            if said(&["rejected", "expired", "not_operated"]) {
                self.rejected.insert(control);
            }
        }
        for index in fed {
            mark(&mut self.points, index);
        }
    }

    fn expected(&mut self, plan: &Plan, expect: &Expect, fed: &BTreeSet<usize>) {
        let verb = match &expect.what {
            ExpectKind::Message(verb) => verb,
            ExpectKind::Wire(link) => {
                for place in standing_at(plan, *link, &expect.fields) {
                    match place {
                        Place::Point(index) => mark(&mut self.points, index),
                        Place::Served(index) => mark(&mut self.served, index),
                        Place::Control(_) => {}
                    }
                }
                return;
            }
        };
        let is = |name: &str, own: Option<&str>| match expect.fields.get(name) {
            Some(Field::Text(wanted)) => own == Some(wanted.as_str()),
            Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) | None => true,
        };
        let says_which = ["point", "era", "type"].iter().any(|name| expect.fields.contains_key(name));
        for (index, point) in plan.points.iter().enumerate() {
            let resource = plan.resource_of(point);
            let era = |wanted: &str| resource.is_some_and(|resource| resource.era == wanted || resource.key == wanted);
            let of_era = match expect.fields.get("era") {
                Some(Field::Text(wanted)) => era(wanted),
                Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) | None => true,
            };
            let meant =
                of_era && is("point", Some(&point.id)) && is("type", Some(&point.measurement)) && is("phases", point.phases.as_deref());
            // An expectation that names no point speaks of those that the test feeds.
            if !meant || !(says_which || fed.contains(&index)) {
                continue;
            }
            if says_which && matches!(verb.as_str(), "stream" | "log" | "alarm" | "clear") {
                mark(&mut self.points, index);
            }
            let set = match verb.as_str() {
                "alarm" => &mut self.raised,
                "clear" => &mut self.cleared,
                _ => continue,
            };
            let names = point.limits.iter().map(|limit| limit.name.as_str()).chain(point.alarm.iter().map(|_| "alarm"));
            set.extend(names.filter(|name| is("limit", Some(name))).map(|name| (index, name.to_owned())));
        }
    }
}

fn mark(all: &mut [bool], index: usize) {
    if let Some(one) = all.get_mut(index) {
        *one = true;
    }
}

/// The points that an input gives values to, by the adapter's own reading.
fn read(plan: &Plan, protocols: &[&dyn Protocol], link: LinkId, input: &Fields) -> Vec<usize> {
    let Some(planned) = plan.links.get(link.index()) else { return Vec::new() };
    let Some(protocol) = protocols.iter().find(|protocol| protocol.name() == planned.protocol) else { return Vec::new() };
    let updates = protocol.decode_test(&planned.spec, input, Utc(0)).unwrap_or_default();
    updates.into_iter().map(|update| update.point.index()).collect()
}

/// What stands at an address as tests write it: every field that both sides state is the same, and a number is among them.
fn standing_at(plan: &Plan, link: LinkId, fields: &Fields) -> Vec<Place> {
    let Some(planned) = plan.links.get(link.index()) else { return Vec::new() };
    let points = planned.spec.points.iter().filter(|point| same_address(&point.address, fields));
    points.map(|point| place_of(planned.spec.role, point)).collect()
}

/// Whether two descriptions of an address agree in all that both say, a number among it.
pub(super) fn same_address(address: &Fields, said: &Fields) -> bool {
    let common = address.iter().filter_map(|(name, field)| Some((field, said.get(name)?)));
    let mut numbers = 0;
    for (own, other) in common {
        if own != other {
            return false;
        }
        numbers += usize::from(matches!(own, Field::Int(_)));
    }
    numbers > 0
}

/// The controls that an operation of a test means.
fn named(plan: &Plan, verb: &str, fields: &Fields) -> Vec<usize> {
    let Some(Field::Text(era)) = fields.get("era") else { return Vec::new() };
    let of_era =
        |resource: u16| plan.resources.get(usize::from(resource)).is_some_and(|resource| resource.era == *era || resource.key == *era);
    let meant = |(_, control): &(usize, &bridge_profile::Control)| {
        control.verb == verb && of_era(control.resource) && !matches!(control.kind, ControlKind::Companion(_))
    };
    plan.controls.iter().enumerate().filter(meant).map(|(index, _)| index).collect()
}

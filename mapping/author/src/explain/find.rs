//! What a person may mean by an id, a resource or an address.

use bridge_session::{Field, Fields, LinkPoint, LinkSpec, Protocol};

use super::Explainer;
use crate::facts::{Place, place_of};

/// A thing of a plan, by its index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Point(usize),
    Control(usize),
    Served(usize),
    Resource(usize),
    Link(usize),
}

impl Explainer<'_> {
    /// Everything that is called so.
    pub(super) fn find(&self, asked: &str) -> Result<Vec<Found>, String> {
        let asked = asked.trim();
        let mut found = self.by_name(asked);
        if found.is_empty() {
            found = self.by_address(asked)?;
        }
        if found.is_empty() {
            let near = bridge_diag::nearest(asked, self.names());
            let fix = near.map_or_else(
                || {
                    "ask for an id, a resource's key or IES address, or an address: `1001`, `ioa=1001`, `LINK type=analog index=1`"
                        .to_owned()
                },
                |near| format!("did you mean `{near}`?"),
            );
            return Err(format!("nothing here is called `{asked}`; {fix}"));
        }
        Ok(found)
    }

    fn by_name(&self, name: &str) -> Vec<Found> {
        let plan = self.plan;
        let mut found = Vec::new();
        let at = |at: Option<usize>, of: fn(usize) -> Found, found: &mut Vec<Found>| found.extend(at.map(of));
        at(plan.points.iter().position(|point| point.id == name), Found::Point, &mut found);
        at(plan.controls.iter().position(|control| control.id == name), Found::Control, &mut found);
        at(plan.served.iter().position(|served| served.id == name), Found::Served, &mut found);
        at(plan.resources.iter().position(|r| r.key == name || r.era == name), Found::Resource, &mut found);
        at(plan.links.iter().position(|link| link.spec.name == name), Found::Link, &mut found);
        found
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let plan = self.plan;
        let points = plan.points.iter().map(|point| point.id.as_str());
        let controls = plan.controls.iter().map(|control| control.id.as_str());
        let served = plan.served.iter().map(|served| served.id.as_str());
        let resources = plan.resources.iter().flat_map(|resource| [resource.key.as_str(), resource.era.as_str()]);
        points.chain(controls).chain(served).chain(resources)
    }

    /// `[LINK] NUMBER` or `[LINK] FIELD=VALUE …`.
    fn by_address(&self, asked: &str) -> Result<Vec<Found>, String> {
        let mut link_name = None;
        let mut number = None;
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for word in asked.split([' ', ',']).filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some((name, value)) => fields.push((name, value.trim_matches('"'))),
                None if word.parse::<i64>().is_ok() => number = word.parse::<i64>().ok(),
                None if self.plan.links.iter().any(|link| link.spec.name == word) => link_name = Some(word),
                None => return Ok(Vec::new()),
            }
        }
        if fields.is_empty() && number.is_none() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for (index, link) in self.plan.links.iter().enumerate().filter(|(_, link)| link_name.is_none_or(|name| link.spec.name == name)) {
            for point in &link.spec.points {
                let named = fields.iter().all(|(name, value)| {
                    point
                        .address
                        .get(name)
                        .or_else(|| link.spec.params.get(name))
                        .is_some_and(|field| crate::words::plain_field(field) == *value)
                });
                let numbered =
                    || number.is_none_or(|number| self.protocol(index).is_some_and(|p| is_numbered(p, &link.spec, point, number)));
                if named && numbered() {
                    found.push(match place_of(link.spec.role, point) {
                        Place::Point(at) => Found::Point(at),
                        Place::Control(at) => Found::Control(at),
                        Place::Served(at) => Found::Served(at),
                    });
                }
            }
        }
        if found.is_empty() {
            return Err(format!("nothing of this profile stands at `{asked}`; `coverage --device LIST` compares a whole list"));
        }
        Ok(found)
    }
}

/// Whether a number of the address that tells it from others is this one. What tells addresses apart is the adapter's to say: another
/// number in that field is another address.
fn is_numbered(protocol: &dyn Protocol, link: &LinkSpec, point: &LinkPoint, number: i64) -> bool {
    let names = point.address.iter().filter(|(_, field)| **field == Field::Int(number)).map(|(name, _)| name);
    names.clone().any(|name| tells_apart(protocol, link, point, name, number))
}

fn tells_apart(protocol: &dyn Protocol, link: &LinkSpec, point: &LinkPoint, name: &str, number: i64) -> bool {
    let key = |address: &Fields| protocol.check_address(link.role, point.usage, &link.params, address);
    let Ok(own) = key(&point.address) else { return false };
    [number.saturating_add(1), number.saturating_sub(1)].into_iter().any(|other| {
        let mut moved = point.address.clone();
        moved.insert(name.to_owned(), Field::Int(other));
        key(&moved).is_ok_and(|other| other != own)
    })
}

//! Which calculated points are due to be worked out again, because something that they are made of changed.

use std::collections::BTreeMap;

use bridge_profile::Plan;

/// What feeds which calculation, and which are due.
pub(crate) struct Calculated {
    /// For each point the calculations that use it; empty if the plan has none.
    feeds: Vec<Vec<u32>>,
    /// Due calculations in the plan's order, and whether nothing but reading made them due: a reading is no event.
    due: BTreeMap<u32, bool>,
}

impl Calculated {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut feeds = Vec::new();
        if !plan.calculations.is_empty() {
            feeds.resize(plan.points.len(), Vec::new());
        }
        for (place, calculation) in plan.calculations.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            for input in &calculation.inputs {
                let users: &mut Vec<u32> = &mut feeds[input.index()];
                if users.last() != Some(&place) {
                    users.push(place);
                }
            }
        }
        Self { feeds, due: BTreeMap::new() }
    }

    /// A point has another value, quality or time. `read`: because it was asked for, or because nothing came.
    pub(crate) fn touch(&mut self, point: usize, read: bool) {
        let Some(users) = self.feeds.get(point) else { return };
        for user in users {
            self.due.entry(*user).and_modify(|only_read| *only_read &= read).or_insert(read);
        }
    }

    /// The next calculation that is due, in an order in which each comes after those that it uses.
    pub(crate) fn pop(&mut self) -> Option<(usize, bool)> {
        self.due.pop_first().map(|(place, read)| (place as usize, read))
    }
}

//! What is selected, by whom, until when (row 52). One selection per object.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::{Mono, PointId};

use crate::ControlElement;

/// The address of a command: common and object address.
pub(super) type Target = (u16, u32);

#[derive(Clone, Copy, Debug)]
struct Selected {
    point: PointId,
    originator: u8,
    element: ControlElement,
    until: Mono,
}

/// How an execute stands to what is selected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bound {
    /// It is the execute of its selection.
    Fits,
    /// The object is selected otherwise, for another wish or too long ago: the selection of this point is used up.
    UsedUp(PointId),
    /// The object is selected by another.
    Anothers,
    /// The object is not selected.
    Free,
}

/// The selections of one connection.
#[derive(Debug)]
pub(super) struct SelectStore {
    life: Duration,
    selected: BTreeMap<Target, Selected>,
}

impl SelectStore {
    pub(super) fn new(life: Duration) -> Self {
        Self { life, selected: BTreeMap::new() }
    }

    /// Takes a selection. `false` if another originator holds the object.
    pub(super) fn select(&mut self, target: Target, point: PointId, originator: u8, element: ControlElement, now: Mono) -> bool {
        if self.is_anothers(target, originator, now) {
            return false;
        }
        self.selected.insert(target, Selected { point, originator, element, until: now + self.life });
        true
    }

    /// Uses a selection up. Only the same originator's execute of the same wish within its life matches; a wrong one uses it up too.
    pub(super) fn execute(&mut self, target: Target, originator: u8, element: ControlElement, now: Mono) -> Bound {
        match self.selected.get(&target) {
            Some(&held) if held.originator == originator => {
                let fits = now < held.until && held.element.same_wish(element);
                self.selected.remove(&target);
                if fits { Bound::Fits } else { Bound::UsedUp(held.point) }
            }
            Some(_) => Bound::Anothers,
            None => Bound::Free,
        }
    }

    /// Whether another originator holds the object.
    pub(super) fn is_anothers(&self, target: Target, originator: u8, now: Mono) -> bool {
        self.selected.get(&target).is_some_and(|held| held.originator != originator && now < held.until)
    }

    /// Withdraws a selection of that originator.
    pub(super) fn cancel(&mut self, target: Target, originator: u8) -> bool {
        let held = self.selected.get(&target).is_some_and(|held| held.originator == originator);
        if held {
            self.selected.remove(&target);
        }
        held
    }

    /// The next selection that ran out, if any.
    pub(super) fn lapsed(&mut self, now: Mono) -> Option<PointId> {
        let target = self.selected.iter().find(|(_, held)| now >= held.until).map(|(target, _)| *target)?;
        self.selected.remove(&target).map(|held| held.point)
    }

    pub(super) fn deadline(&self) -> Mono {
        self.selected.values().map(|held| held.until).min().unwrap_or(Mono::NEVER)
    }

    /// Forgets every selection; gives their points.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = PointId> + use<> {
        std::mem::take(&mut self.selected).into_values().map(|held| held.point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Qoc;

    const TARGET: Target = (1, 100);

    fn single(on: bool, qu: u8, select: bool) -> ControlElement {
        ControlElement::Single(on, Qoc { qu, select })
    }

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    fn selected() -> SelectStore {
        let mut store = SelectStore::new(Duration::from_secs(30));
        assert!(store.select(TARGET, PointId(7), 3, single(true, 1, true), at(0)));
        store
    }

    #[test]
    fn a1_r52_an_execute_needs_the_same_originator_wish_and_time() {
        assert_eq!(selected().execute(TARGET, 3, single(true, 1, false), at(29)), Bound::Fits);
        assert_eq!(selected().execute(TARGET, 3, single(true, 1, false), at(30)), Bound::UsedUp(PointId(7)), "too late");
        assert_eq!(selected().execute(TARGET, 4, single(true, 1, false), at(1)), Bound::Anothers, "another originator");
        assert_eq!(selected().execute(TARGET, 3, single(true, 2, false), at(1)), Bound::UsedUp(PointId(7)), "another qualifier");
        assert_eq!(selected().execute(TARGET, 3, single(false, 1, false), at(1)), Bound::UsedUp(PointId(7)), "another state");
        assert_eq!(selected().execute((1, 101), 3, single(true, 1, false), at(1)), Bound::Free, "another object");
    }

    #[test]
    fn a_selection_is_used_once_and_kept_from_others() {
        let mut store = selected();
        assert!(!store.select(TARGET, PointId(7), 4, single(true, 1, true), at(1)));
        assert!(!store.cancel(TARGET, 4));
        assert_eq!(store.execute(TARGET, 3, single(true, 1, false), at(1)), Bound::Fits);
        assert_eq!(store.execute(TARGET, 3, single(true, 1, false), at(1)), Bound::Free);
    }

    #[test]
    fn a_selection_lapses_with_its_point() {
        let mut store = selected();
        assert_eq!(store.deadline(), at(30));
        assert_eq!(store.lapsed(at(29)), None);
        assert_eq!(store.lapsed(at(30)), Some(PointId(7)));
        assert_eq!((store.lapsed(at(30)), store.deadline()), (None, Mono::NEVER));
    }
}

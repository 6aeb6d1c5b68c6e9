//! The events of one outstation that its masters have not confirmed: three queues, one for each class, each in the order of entry.
//!
//! The queues are shared by the masters of the outstation: an event is delivered once, to the master that confirms it first. While it is
//! on its way to one it is not offered to another. A master that is to see every event has a link of its own.

use std::collections::VecDeque;

use bridge_model::{Timestamp, Value};

use super::image::Image;
use crate::address::PointType;
use crate::objects::{ControlStatus, Flags, Kind};

/// Numbered events that may wait, on their way or not: what the bridge hands over is never dropped by it, and beyond this it is told to be.
pub(super) const EVENT_WINDOW: usize = 4096;

/// Events beside those of points that may wait, on their way or not: one that finds no room is told and shown as any other.
pub(super) const ASIDES_MAX: usize = 1000;

/// Frozen values that may wait, on their way or not: as many as there are indexes, each a reading of its own that no later one replaces.
pub(super) const FROZEN_MAX: usize = 65_536;

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Subject {
    /// A served point: its slot in the image, and its type; of a frozen object, the frozen one's.
    Point(usize, PointType),
    /// A command that the outstation was given (g13, g43): of what, and what became of it.
    Command(PointType, u16, ControlStatus),
    /// A security statistic (g122), by its index.
    Statistic(u16),
}

impl Subject {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Point(_, of) => of.events(),
            Self::Command(PointType::BinaryOutput, ..) => Kind::BinaryCommandEvent,
            Self::Command(..) => Kind::AnalogCommandEvent,
            Self::Statistic(_) => Kind::SecurityStatisticEvent,
        }
    }

    /// The slot of a point whose value a newer one may replace. What a freeze kept is of its own instant.
    fn slot(self) -> Option<usize> {
        match self {
            Self::Point(slot, of) if !Image::source(of).1 => Some(slot),
            Self::Point(..) | Self::Command(..) | Self::Statistic(_) => None,
        }
    }
}

/// A fragment's events: zero is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Lot(u32);

/// One event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Entry {
    /// Counts up over all classes.
    pub(super) entry: u64,
    pub(super) subject: Subject,
    pub(super) value: Value,
    pub(super) flags: Flags,
    pub(super) time: Option<Timestamp>,
    /// The bridge's number of a never-dropped event; `None` for a value whose newer one replaces it, and for what is the outstation's own.
    pub(super) number: Option<u64>,
    /// The fragment that it is on its way in.
    lot: Lot,
}

impl Entry {
    fn waits(&self) -> bool {
        self.lot == Lot::default()
    }
}

/// What a READ or an unsolicited response takes out of the queues, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    /// Bits 1 to 3. One class by time of entry; several merged by it.
    pub(super) classes: u8,
    /// Only of this kind.
    pub(super) of: Option<Kind>,
    /// Only those that were entered before: a response ends.
    pub(super) before: u64,
}

/// How many there are of what is bounded.
#[derive(Debug, Default)]
struct Counts {
    numbered: usize,
    frozen: usize,
    asides: usize,
}

impl Counts {
    /// The count of such events and its bound; a value that a newer one replaces is bounded by the points.
    fn of(&mut self, subject: Subject, number: Option<u64>) -> Option<(&mut usize, usize)> {
        match subject {
            _ if number.is_some() => Some((&mut self.numbered, EVENT_WINDOW)),
            Subject::Point(..) if subject.slot().is_some() => None,
            Subject::Point(..) => Some((&mut self.frozen, FROZEN_MAX)),
            Subject::Command(..) | Subject::Statistic(_) => Some((&mut self.asides, ASIDES_MAX)),
        }
    }

    fn has_room(&mut self, subject: Subject, number: Option<u64>) -> bool {
        self.of(subject, number).is_none_or(|(count, most)| *count < most)
    }

    fn enters(&mut self, subject: Subject, number: Option<u64>) {
        if let Some((count, _)) = self.of(subject, number) {
            *count += 1;
        }
    }

    fn leaves(&mut self, held: &Entry) {
        if let Some((count, _)) = self.of(held.subject, held.number) {
            *count -= 1;
        }
    }

    const fn is_full(&self) -> bool {
        self.numbered >= EVENT_WINDOW || self.frozen >= FROZEN_MAX || self.asides >= ASIDES_MAX
    }
}

#[derive(Debug, Default)]
pub(super) struct Buffer {
    queues: [VecDeque<Entry>; 3],
    entered: u64,
    lots: u32,
    /// Waiting events of each class.
    waiting: [usize; 3],
    counts: Counts,
    /// Events that no fragment can say: they are told, and do not hold up those behind them.
    unsaid: Vec<Entry>,
    /// An event found no room, and there has been none since (row 29).
    overflow: bool,
}

impl Buffer {
    /// The entry that the next event gets.
    pub(super) fn horizon(&self) -> u64 {
        self.entered
    }

    /// Enters an event of a class of 1 to 3. Without a number a point's value replaces the one that still waits. `false`: no room.
    pub(super) fn enter(&mut self, class: u8, event: Event, image: &mut Image) -> bool {
        let Some(at) = place(class) else { return true };
        if !self.counts.has_room(event.subject, event.number) {
            self.overflow = true;
            return false;
        }
        let mut pending = pending(image, event.subject);
        if event.number.is_none()
            && let Some(entry) = pending.as_deref_mut().copied().flatten()
            && let Some(held) = self.find(entry)
        {
            (held.value, held.flags, held.time) = (event.value, event.flags, event.time);
            return true;
        }
        let entry = self.entered;
        self.entered += 1;
        if let Some(pending) = pending {
            // A never-dropped event stands for itself; what comes behind it must not be said before it.
            *pending = event.number.is_none().then_some(entry);
        }
        self.counts.enters(event.subject, event.number);
        let Event { subject, value, flags, time, number } = event;
        let queued = Entry { entry, subject, value, flags, time, number, lot: Lot::default() };
        if let (Some(queue), Some(waiting)) = (self.queues.get_mut(at), self.waiting.get_mut(at)) {
            queue.push_back(queued);
            *waiting += 1;
        }
        true
    }

    fn find(&mut self, entry: u64) -> Option<&mut Entry> {
        self.queues.iter_mut().find_map(|queue| {
            let at = queue.binary_search_by_key(&entry, |held| held.entry).ok()?;
            queue.get_mut(at).filter(|held| held.waits())
        })
    }

    /// A name for the events of the next fragment.
    pub(super) fn lot(&mut self) -> Lot {
        self.lots = self.lots.checked_add(1).unwrap_or(1);
        Lot(self.lots)
    }

    /// Offers waiting events to `put` in order until it takes no more or there are none; gives how many were taken, and whether that was all
    /// that is wanted. They belong to `lot` then.
    pub(super) fn offer(
        &mut self,
        wanted: Wanted,
        limit: u64,
        lot: Lot,
        image: &mut Image,
        mut put: impl FnMut(&Entry, &Image) -> Put,
    ) -> (u64, bool) {
        let mut cursors = [0_usize; 3];
        let mut taken = 0;
        while taken < limit {
            let mut first: Option<(usize, u64)> = None;
            for (at, cursor) in cursors.iter_mut().enumerate().filter(|(at, _)| wanted.classes & (2 << at) != 0) {
                let Some(queue) = self.queues.get(at) else { continue };
                let fits = |held: &&Entry| held.waits() && wanted.of.is_none_or(|of| of == held.subject.kind());
                while queue.get(*cursor).is_some_and(|held| held.entry < wanted.before && !fits(&held)) {
                    *cursor += 1;
                }
                let Some(held) = queue.get(*cursor).filter(|held| held.entry < wanted.before) else { continue };
                if first.is_none_or(|(_, entry)| held.entry < entry) {
                    first = Some((at, held.entry));
                }
            }
            let Some((at, _)) = first else { return (taken, true) };
            let Some(held) = self.queues.get_mut(at).and_then(|queue| queue.get_mut(*cursors.get(at)?)) else { return (taken, true) };
            let became = put(held, image);
            if became == Put::Full {
                return (taken, false);
            }
            let held = if became == Put::Said {
                held.lot = lot;
                *held
            } else {
                let Some(held) = self.queues.get_mut(at).and_then(|queue| queue.remove(*cursors.get(at)?)) else { return (taken, true) };
                self.counts.leaves(&held);
                self.unsaid.push(held);
                held
            };
            if let Some(pending) = pending(image, held.subject)
                && *pending == Some(held.entry)
            {
                *pending = None;
            }
            if let Some(waiting) = self.waiting.get_mut(at) {
                *waiting -= 1;
            }
            taken += u64::from(became == Put::Said);
        }
        (taken, true)
    }

    /// The next event that no fragment could say.
    pub(super) fn poll_unsaid(&mut self) -> Option<Entry> {
        self.unsaid.pop()
    }

    /// The events of a fragment were confirmed: they leave. Their numbers, ascending.
    pub(super) fn confirm(&mut self, lot: Lot) -> Vec<u64> {
        let Self { queues, counts, .. } = self;
        let mut numbers = Vec::new();
        let mut leaves = |held: &Entry| {
            numbers.extend(held.number);
            counts.leaves(held);
        };
        for queue in queues {
            while let Some(held) = queue.pop_front_if(|held| held.lot == lot) {
                leaves(&held);
            }
            if queue.iter().any(|held| held.lot == lot) {
                queue.iter().filter(|held| held.lot == lot).for_each(&mut leaves);
                queue.retain(|held| held.lot != lot);
            }
        }
        self.overflow &= self.counts.is_full();
        numbers.sort_unstable();
        numbers
    }

    /// The events of a fragment were not confirmed: they are offered again in their old place (row 27). A value that a newer one overtook
    /// meanwhile is left out.
    pub(super) fn release(&mut self, lot: Lot, image: &mut Image) {
        for (queue, waiting) in self.queues.iter_mut().zip(&mut self.waiting) {
            queue.retain_mut(|held| {
                if held.lot != lot {
                    return true;
                }
                let pending = pending(image, held.subject);
                if held.number.is_none() {
                    match pending {
                        Some(Some(_)) => return false,
                        Some(free @ None) => *free = Some(held.entry),
                        None => {}
                    }
                }
                held.lot = Lot::default();
                *waiting += 1;
                true
            });
        }
    }

    /// How many events of a class wait.
    pub(super) fn waiting(&self, class: u8) -> usize {
        place(class).and_then(|at| self.waiting.get(at)).copied().unwrap_or(0)
    }

    /// The classes of which events wait: bits 1 to 3.
    pub(super) fn classes(&self) -> u8 {
        (1..=3).filter(|class| self.waiting(*class) > 0).fold(0, |all, class| all | 1 << class)
    }

    pub(super) const fn overflow(&self) -> bool {
        self.overflow
    }
}

/// What became of an event that was offered to a fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Put {
    /// It is in the fragment.
    Said,
    /// No fragment can say it.
    Unsaid,
    /// There is no room for it.
    Full,
}

/// What is entered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) subject: Subject,
    pub(super) value: Value,
    pub(super) flags: Flags,
    pub(super) time: Option<Timestamp>,
    pub(super) number: Option<u64>,
}

/// The entry of a point's value that a newer one may still replace.
fn pending(image: &mut Image, subject: Subject) -> Option<&mut Option<u64>> {
    Some(&mut image.get_mut(subject.slot()?)?.pending)
}

fn place(class: u8) -> Option<usize> {
    matches!(class, 1..=3).then(|| usize::from(class) - 1)
}

/// Contiguous runs of ascending numbers, each first and last.
pub(super) fn runs(numbers: &[u64]) -> impl Iterator<Item = (u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            Some(_) | None => runs.push((*number, *number)),
        }
    }
    runs.into_iter()
}

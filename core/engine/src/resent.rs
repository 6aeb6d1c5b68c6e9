//! Which states without a time tag a station tells a second time.
//!
//! What a station was not acknowledged it sends again after the connection is lost. A state with the device's stamp is known by it; one
//! without a stamp looks like any other of its value, and a value alone proves nothing: a breaker that opens twice is two events. So what
//! comes again is known by its frame. A station repeats whole frames, from one of them on to the last that it sent: those of which it may
//! not know that they were taken are remembered in order, and what a new connection brings is a repetition as long as it agrees, point by
//! point, with the tail of them from some frame on. How it divides them into frames this time does not matter.
//!
//! After a restart nobody knows what the station was told last. Then the last second of the journal is in doubt, and the first frame has to
//! prove that it is a repetition: it tells a point what it was told already. Where nothing proves it, and for as much as it does not prove,
//! two lines are better than none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bridge_session::Frame;

/// Frames with such states that are remembered for one link, and frames of a new connection that may repeat them: more than a peer's window.
pub(crate) const FRAMES: usize = 64;
/// So much of the journal's end may come again after a restart, in nanoseconds.
const RECOVERED_NS: i64 = 1_000_000_000;

/// A state as a frame told it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) point: usize,
    /// The bits of its value.
    pub(crate) value: u64,
    /// The device's quality octets.
    pub(crate) quality: u16,
}

/// A frame that told some, and of which its station may not know that it was taken.
#[derive(Debug)]
struct Heard {
    /// 0: of before a restart.
    connection: u32,
    number: u64,
    /// Counts the link's frames of this kind.
    serial: u64,
    received_ns: i64,
    /// Its receipt left.
    is_receipted: bool,
    told: Vec<Told>,
}

/// The beginning of a connection: what was in doubt may come again.
#[derive(Debug)]
struct Doubt {
    /// What each point was told, with the serial of its frame, oldest first.
    told: BTreeMap<usize, Vec<(u64, Told)>>,
    /// The frames from which on the station may be repeating.
    from: Vec<u64>,
    /// How often each point was told of since.
    since: BTreeMap<usize, usize>,
    /// Frames since.
    frames: usize,
    /// Older frames are forgotten when the doubt is over.
    begun: u64,
    /// It is not known what the station was told last, and no frame has proved yet that it repeats.
    is_unproved: bool,
}

/// The memory of one link.
#[derive(Debug, Default)]
pub(crate) struct Resent {
    heard: VecDeque<Heard>,
    next: u64,
    connection: u32,
    number: u64,
    doubt: Option<Doubt>,
}

impl Resent {
    /// A frame was read, with these states in their order; `repeats` gets for each whether it was told before.
    pub(crate) fn handle_frame(&mut self, frame: &Frame, told: &[Told], repeats: &mut Vec<bool>) {
        self.settle(frame);
        if frame.connection != self.connection || frame.number <= self.number {
            self.begin();
        }
        (self.connection, self.number) = (frame.connection, frame.number);
        repeats.clear();
        repeats.resize(told.len(), false);
        if let Some(doubt) = &mut self.doubt {
            doubt.frames += 1;
            if !told.is_empty() {
                doubt.judge(told, repeats);
            }
            if doubt.is_over() || doubt.frames >= FRAMES {
                let begun = doubt.begun;
                self.heard.retain(|heard| heard.serial >= begun);
                self.doubt = None;
            }
        }
        if !told.is_empty() {
            self.remember(frame.connection, frame.number, frame.received.0, told.to_vec());
        }
    }

    /// A receipt leaves: it covers the connection's frames up to this one.
    pub(crate) fn handle_receipt(&mut self, connection: u32, frame: u64) {
        for heard in self.heard.iter_mut().filter(|heard| heard.connection == connection && heard.number <= frame) {
            heard.is_receipted = true;
        }
    }

    /// What the journal knows of a frame.
    pub(crate) fn restore(&mut self, number: u64, received_ns: i64, told: Told) {
        match self.heard.back_mut() {
            Some(heard) if (heard.number, heard.received_ns) == (number, received_ns) => heard.told.push(told),
            Some(_) | None => self.remember(0, number, received_ns, vec![told]),
        }
    }

    /// A frame of this time was read before the restart: what is much older does not come again.
    pub(crate) fn restored(&mut self, received_ns: i64) {
        while self.heard.pop_front_if(|heard| heard.received_ns.saturating_add(RECOVERED_NS) < received_ns).is_some() {}
    }

    fn remember(&mut self, connection: u32, number: u64, received_ns: i64, told: Vec<Told>) {
        if self.heard.len() >= FRAMES {
            self.heard.pop_front();
        }
        self.heard.push_back(Heard { connection, number, serial: self.next, received_ns, is_receipted: false, told });
        self.next += 1;
    }

    /// Forgets the frames that the station knows to be taken.
    fn settle(&mut self, frame: &Frame) {
        // Not only from the front: what stands there may be of a connection before, and in doubt for longer.
        self.heard.retain(|heard| match frame.settled {
            Some((connection, number)) => heard.connection != connection || heard.number > number,
            None => heard.connection != frame.connection || heard.number >= frame.number || !heard.is_receipted,
        });
    }

    fn begin(&mut self) {
        let mut told: BTreeMap<usize, Vec<(u64, Told)>> = BTreeMap::new();
        for heard in &self.heard {
            for state in &heard.told {
                told.entry(state.point).or_default().push((heard.serial, *state));
            }
        }
        let from: Vec<u64> = self.heard.iter().map(|heard| heard.serial).collect();
        let is_unproved = self.heard.iter().any(|heard| heard.connection == 0);
        self.doubt = (!from.is_empty()).then(|| Doubt { told, from, since: BTreeMap::new(), frames: 0, begun: self.next, is_unproved });
    }
}

impl Doubt {
    /// Keeps the beginnings with which the states agree, and finds those states that were told before by one of them.
    fn judge(&mut self, told: &[Told], repeats: &mut [bool]) {
        let Self { told: before, from, since, is_unproved, .. } = self;
        let is_known = |state: &Told| before.get(&state.point).and_then(|all| all.last()).is_some_and(|(_, last)| last == state);
        let mut first_of = BTreeSet::new();
        if *is_unproved && !told.iter().filter(|state| first_of.insert(state.point)).any(is_known) {
            from.clear();
        }
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for state in told {
            *counts.entry(state.point).or_default() += 1;
        }
        from.retain(|first| agrees(before, since, &counts, *first, told));
        if std::mem::take(is_unproved) {
            // Of several beginnings the one that repeats least.
            let repeats = |first: &&u64| told.iter().any(|state| !tail(before, state.point, **first).is_empty());
            *from = from.iter().rev().find(repeats).copied().into_iter().collect();
        }
        for (state, repeats) in told.iter().zip(repeats) {
            let place = since.entry(state.point).or_default();
            *repeats = from.iter().any(|first| tail(before, state.point, *first).get(*place).is_some());
            *place += 1;
        }
    }

    /// Nothing agrees any more, or everything came again.
    fn is_over(&self) -> bool {
        self.from.first().is_none_or(|first| {
            let came = |point: &usize| self.since.get(point).copied().unwrap_or(0) >= tail(&self.told, *point, *first).len();
            self.told.keys().all(came)
        })
    }
}

/// What a point was told from a frame on.
fn tail(before: &BTreeMap<usize, Vec<(u64, Told)>>, point: usize, first: u64) -> &[(u64, Told)] {
    let all = before.get(&point).map(Vec::as_slice).unwrap_or_default();
    all.get(all.partition_point(|(serial, _)| *serial < first)..).unwrap_or_default()
}

/// Whether a frame goes on with what was told from `first` on, or behind it. Of a point that comes for the first time it tells all that
/// `first` told: a part of a frame is never repeated alone.
fn agrees(
    before: &BTreeMap<usize, Vec<(u64, Told)>>,
    since: &BTreeMap<usize, usize>,
    counts: &BTreeMap<usize, usize>,
    first: u64,
    told: &[Told],
) -> bool {
    let is_whole = counts.iter().filter(|(point, _)| !since.contains_key(point)).all(|(point, count)| {
        let of_first = tail(before, *point, first).iter().take_while(|(serial, _)| *serial == first).count();
        *count >= of_first
    });
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    is_whole
        && told.iter().all(|state| {
            let place = seen.entry(state.point).or_insert_with(|| since.get(&state.point).copied().unwrap_or(0));
            let agrees = tail(before, state.point, first).get(*place).is_none_or(|(_, expected)| expected == state);
            *place += 1;
            agrees
        })
}

#[cfg(test)]
mod tests {
    use bridge_model::Utc;

    use super::*;

    const ON: u64 = 1;
    const OFF: u64 = 0;

    fn states(list: &[(usize, u64)]) -> Vec<Told> {
        list.iter().map(|(point, value)| Told { point: *point, value: *value, quality: 0 }).collect()
    }

    struct Line {
        resent: Resent,
        connection: u32,
        number: u64,
        /// What the station knows to be taken, if its standard tells.
        settled: Option<(u32, u64)>,
    }

    impl Line {
        fn new() -> Self {
            Self { resent: Resent::default(), connection: 1, number: 0, settled: None }
        }

        fn hears(&mut self, list: &[(usize, u64)]) -> Vec<bool> {
            self.number += 1;
            let (connection, number, settled) = (self.connection, self.number, self.settled);
            let frame = Frame { connection, number, received: Utc(0), bytes: 0..0, header: 0, updates: 0..0, settled };
            let mut repeats = Vec::new();
            self.resent.handle_frame(&frame, &states(list), &mut repeats);
            repeats
        }

        fn receipt(&mut self) {
            self.resent.handle_receipt(self.connection, self.number);
        }

        fn connects(&mut self) {
            self.connection += 1;
            self.number = 0;
        }
    }

    #[test]
    fn equal_states_of_one_connection_are_events_of_their_own() {
        let mut line = Line::new();
        for _ in 0..3 {
            assert_eq!(line.hears(&[(1, ON), (1, OFF), (1, ON)]), [false; 3]);
        }
    }

    #[test]
    fn what_was_not_acknowledged_is_known_again_however_it_is_divided() {
        let again = |frames: &[&[(usize, u64)]]| {
            let mut line = Line::new();
            line.hears(&[(1, ON), (2, ON)]);
            line.hears(&[(1, OFF)]);
            line.connects();
            frames.iter().flat_map(|frame| line.hears(frame)).collect::<Vec<bool>>()
        };
        assert_eq!(again(&[&[(1, ON), (2, ON)], &[(1, OFF)]]), [true; 3], "as it was");
        assert_eq!(again(&[&[(1, ON), (2, ON), (1, OFF), (2, OFF)]]), [true, true, true, false], "in one, with a new one behind it");
        assert_eq!(again(&[&[(2, ON)], &[(1, ON), (1, OFF)], &[(1, ON)]]), [true, true, true, false], "class by class");
        assert_eq!(again(&[&[(1, OFF), (1, ON)]]), [true, false], "the first was acknowledged, the second was not");
        assert_eq!(again(&[&[(2, OFF)], &[(1, ON)], &[(1, OFF)]]), [false; 3], "new: nothing in doubt begins so");
    }

    #[test]
    fn a_part_of_a_frame_is_never_repeated_alone() {
        let mut line = Line::new();
        line.hears(&[(1, ON), (1, OFF)]);
        line.connects();
        assert_eq!(line.hears(&[(1, ON)]), [false], "both or none");
    }

    #[test]
    fn what_the_station_knows_to_be_taken_does_not_come_again() {
        // A master and its outstation take turns: what comes behind a confirmation proves that it arrived.
        let mut line = Line::new();
        line.hears(&[(1, ON)]);
        line.receipt();
        line.hears(&[(1, OFF)]);
        line.receipt();
        line.connects();
        assert_eq!(line.hears(&[(1, ON)]), [false]);
        // Whoever sends ahead says how far it was told.
        let mut line = Line { settled: Some((1, 0)), ..Line::new() };
        line.hears(&[(1, ON)]);
        line.hears(&[(1, OFF)]);
        line.receipt();
        line.connects();
        assert_eq!(line.hears(&[(1, ON)]), [true], "neither was told");
        let mut line = Line { settled: Some((1, 0)), ..Line::new() };
        line.hears(&[(1, ON)]);
        line.hears(&[(1, OFF)]);
        line.receipt();
        line.connects();
        line.settled = Some((1, 1));
        assert_eq!(line.hears(&[(1, ON)]), [false], "the first is known");
        let mut line = Line::new();
        line.hears(&[(1, ON)]);
        line.receipt();
        line.connects();
        assert_eq!(line.hears(&[(1, ON)]), [true], "the last receipt may be lost");
        assert_eq!(line.hears(&[(1, ON)]), [false], "once");
    }

    #[test]
    fn a_connection_that_breaks_in_the_middle_of_a_repetition_leaves_the_rest_in_doubt() {
        let mut line = Line::new();
        line.hears(&[(1, ON)]);
        line.hears(&[(2, ON)]);
        line.connects();
        assert_eq!(line.hears(&[(1, ON)]), [true]);
        line.connects();
        assert_eq!(line.hears(&[]), Vec::<bool>::new(), "something else first");
        assert_eq!(line.hears(&[(1, ON)]), [true]);
        assert_eq!(line.hears(&[(2, ON), (1, OFF)]), [true, false]);
    }

    #[test]
    fn an_older_connection_in_doubt_keeps_no_settled_frame() {
        let mut line = Line::new();
        line.hears(&[(1, ON)]);
        line.connects();
        line.hears(&[(2, ON)]);
        line.receipt();
        line.hears(&[(2, OFF)]);
        line.receipt();
        line.connects();
        assert_eq!(line.hears(&[(2, ON)]), [false], "settled");
    }

    #[test]
    fn the_memory_and_the_doubt_are_bounded() {
        let mut line = Line::new();
        for at in 0..1000 {
            line.hears(&[(at, ON)]);
        }
        assert_eq!(line.resent.heard.len(), FRAMES);
        line.connects();
        for _ in 0..FRAMES {
            line.hears(&[]);
        }
        assert!(line.resent.doubt.is_none() && line.resent.heard.is_empty());
        assert_eq!(line.hears(&[(999, ON)]), [false]);
    }

    #[test]
    fn of_what_a_journal_remembers_a_repetition_proves_itself() {
        let recovered = |list: &[(usize, u64)]| {
            let mut line = Line::new();
            line.resent.restore(6, 0, states(&[(9, ON)])[0]);
            line.resent.restored(RECOVERED_NS + 1);
            line.resent.restore(7, RECOVERED_NS + 1, states(&[(1, ON)])[0]);
            line.resent.restore(7, RECOVERED_NS + 1, states(&[(1, OFF)])[0]);
            line.resent.restore(7, RECOVERED_NS + 1, states(&[(2, ON)])[0]);
            line.hears(list)
        };
        assert_eq!(recovered(&[(1, ON), (1, OFF), (2, ON), (3, ON)]), [true, true, true, false]);
        assert_eq!(recovered(&[(1, ON), (1, OFF)]), [false; 2], "it may as well be new");
        assert_eq!(recovered(&[(9, ON)]), [false], "much older");
        let mut line = Line::new();
        for (number, value) in (1..).zip([ON, OFF, ON, OFF]) {
            line.resent.restore(number, 0, states(&[(1, value)])[0]);
        }
        assert_eq!([line.hears(&[(1, OFF)]), line.hears(&[(1, ON)])], [[true], [false]], "the last, rather than the second");
    }
}
